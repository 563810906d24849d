/* SPDX-License-Identifier: PostgreSQL
 *
 * scanner_tip.c: how the tip moves forward: the next blocks, from one node after another until one
 * answers well.
 *
 * What fails with all of them is tried again after a pause that doubles.  A node whose word is in
 * dispute is not asked while another may be, nor one that is on a fork nobody follows for now.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "guc.h"
#include "scanner.h"
#include "worker.h"

#define TIP_RETRY_MS     125
#define TIP_RETRY_MAX_MS 10000

/* Pauses a duty after it failed with every provider.  Returns: when to try again. */
static TimestampTz
tip_pause(int *retries)
{
	int pause = Min(TIP_RETRY_MS << Min(*retries, 9), TIP_RETRY_MAX_MS);

	(*retries)++;
	return scanner_after(pause);
}

/* Gives the next blocks of the tip.  Returns: false when there is nothing to do. */
static bool
tip_range(Scanner *s, int64 *from, int64 *to)
{
	if (s->served <= 0 || s->tip_at > usdtpay_worker_clock())
		return false;
	if (s->tip < 0 && s->first < 0)
		s->first = scanner_first(s);
	*from = s->tip >= 0 ? s->tip + 1 : s->first == 0 ? 1 : s->first; /* genesis has no logs */
	if (*from < 0 || *from > s->served)
		return false;
	*to = Min(s->served, *from + scanner_span_size(s, usdtpay_scan_span) - 1);
	/* What is final already may be had more cheaply. */
	if (*from <= s->served_final)
		*to = Min(*to, s->served_final);
	return true;
}

/* Takes the next blocks of the tip in.  Returns: whether there are more to take at once. */
bool
scanner_advance(Scanner *s)
{
	bool shun = s->distrusted != NULL && !scanner_alone(s, s->distrusted, s->waiting_since);
	uint64 except = scanner_rival(s) | (shun ? scanner_bit(s, s->distrusted) : 0);
	int64 from;
	int64 to;
	int64 wanted;
	bool asked = false;

	if (!tip_range(s, &from, &to))
		return false;
	wanted = to;
	for (;;)
	{
		UsdtpayProvider *p;
		ScannerIngest ingest;

		/* A head that one node claims must not hold back what the others have. */
		to = Min(to, usdtpay_provider_reach(s->providers, s->provider_count, except));
		if (to < from)
			break;
		p = usdtpay_provider_choose(s->providers, s->provider_count, to, 0, except, NULL);
		if (p == NULL)
			break;
		except |= scanner_bit(s, p);
		asked = true;
		if (!scanner_attempt(s, p, SCANNER_LOOK_TIP, from, to, NULL, &ingest) ||
			ingest.verdict == SCANNER_FAULT)
			continue;
		if (ingest.verdict == SCANNER_REORG)
		{
			if (scanner_reorg(s, p))
				return true;
			if (s->rival != p)
				return false;
			continue;
		}
		if (ingest.verdict != SCANNER_INGESTED)
			return false;
		s->tip_retries = 0;
		s->grown_at = usdtpay_worker_clock();
		return s->tip < s->served;
	}
	if (scanner_rival(s) != 0)
	{
		scanner_note(s, "nodes are on two forks at block " INT64_FORMAT, s->tip);
		asked = false;
	}
	scanner_note(s, "no node gives blocks " INT64_FORMAT " to " INT64_FORMAT, from, wanted);
	s->tip_at = asked ? tip_pause(&s->tip_retries) : scanner_after(s->poll_ms);
	return false;
}
