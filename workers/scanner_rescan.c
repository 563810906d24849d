/* SPDX-License-Identifier: PostgreSQL
 *
 * scanner_rescan.c: old ranges that somebody asked to have looked at again.
 *
 * A range is done when two nodes tell the same of it, be it that nothing was missed; what both miss
 * is taken in.  One suffices only where there is no other, or when the others have been silent for
 * as long as patience lasts and none has told differently.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "guc.h"
#include "scanner.h"
#include "worker.h"

#define RESCAN_AGAIN_MS 5000

/* What came of asking about old blocks. */
typedef enum RescanOutcome
{
	RESCAN_DONE,    /* two tell the same, or one does that may be believed by itself */
	RESCAN_DIFFER,  /* all tell differently */
	RESCAN_LONELY,  /* only one tells, and others might */
	RESCAN_NOBODY,  /* none does */
	RESCAN_STOPPED, /* the gate closed, or the network halted */
} RescanOutcome;

/* Asks one node about old blocks.  Out: the answer, agreed when others told the same; its digest is
 * added to what was told.  Returns: false when it gave nothing sound. */
static bool
rescan_peek(Scanner *s, UsdtpayProvider *p, int64 from, int64 to, ScannerNews *told,
			ScannerIngest *out)
{
	if (!scanner_attempt(s, p, SCANNER_LOOK_PEEK, from, to, told, out) ||
		out->verdict == SCANNER_FAULT || out->verdict == SCANNER_DISAGREE)
		return false;
	if (out->verdict == SCANNER_INGESTED && !out->agreed && told->count < SCANNER_PROVIDERS)
		strlcpy(told->digest[told->count++], out->message, sizeof(told->digest[0]));
	return true;
}

/* Judges the word of one node that is the only one to tell.  What it finds it must tell twice.
 * Out: found. */
static RescanOutcome
rescan_alone(Scanner *s, UsdtpayProvider *p, int64 from, int64 to, ScannerNews *told, int *found)
{
	ScannerIngest again;

	if (s->rescan_disputed)
		return RESCAN_DIFFER;
	if (s->rescan_since == 0)
		s->rescan_since = usdtpay_worker_clock();
	if (!scanner_alone(s, p, s->rescan_since))
		return RESCAN_LONELY;
	if (told->digest[0][0] == '\0')
		return RESCAN_DONE;
	if (!rescan_peek(s, p, from, to, told, &again) || !again.agreed)
		return RESCAN_NOBODY;
	*found = again.deposits;
	return RESCAN_DONE;
}

/* Asks one node after the other about old blocks until two tell the same; what they tell is taken
 * in.  Patience that is over stays so until a second node tells of old blocks: else each of many
 * ranges would wait for one that no longer has them.  Out: found. */
static RescanOutcome
rescan_ask(Scanner *s, int64 from, int64 to, int *found)
{
	ScannerNews told = {0};
	UsdtpayProvider *first = NULL;
	uint64 except = 0;

	for (;;)
	{
		UsdtpayProvider *p =
			usdtpay_provider_choose(s->providers, s->provider_count, to, 0, except, NULL);
		ScannerIngest look;

		if (p == NULL)
			break;
		except |= scanner_bit(s, p);
		if (!rescan_peek(s, p, from, to, &told, &look))
			continue;
		if (look.verdict != SCANNER_INGESTED)
			return RESCAN_STOPPED;
		if (first != NULL)
			s->rescan_since = 0;
		else
			first = p;
		if (look.agreed)
		{
			*found = look.deposits;
			return RESCAN_DONE;
		}
	}
	if (told.count > 1)
		return RESCAN_DIFFER;
	return first == NULL ? RESCAN_NOBODY : rescan_alone(s, first, from, to, &told, found);
}

/* Takes down why old blocks are not done with; it is shown until they are. */
static void
rescan_waits(Scanner *s, RescanOutcome outcome, int64 from, int64 to)
{
	const char *who = outcome == RESCAN_DIFFER   ? "two nodes tell differently of"
					  : outcome == RESCAN_LONELY ? "no second node tells of"
												 : "no node gives";

	if (outcome != RESCAN_STOPPED)
		snprintf(s->rescan_note, sizeof(s->rescan_note),
				 "%s the old blocks " INT64_FORMAT " to " INT64_FORMAT, who, from, to);
}

/* Forgets what looks at old blocks came to. */
static void
rescan_forget(Scanner *s)
{
	s->rescan_disputed = false;
	s->rescan_note[0] = '\0';
}

/* Works on a range somebody asked for.  Returns: whether there is more to do at once. */
bool
scanner_rescan(Scanner *s)
{
	RescanOutcome outcome;
	int found = 0;
	int64 id;
	int64 from;
	int64 last;

	if (!s->rescans)
	{
		s->rescan_since = 0;
		rescan_forget(s);
		return false;
	}
	if (s->rescan_at > usdtpay_worker_clock() || !scanner_db_rescan(s, &id, &from, &last))
		return false;
	last = Min(last, Min(s->final, from + scanner_span_size(s, usdtpay_scan_span) - 1));
	outcome = rescan_ask(s, from, last, &found);
	if (outcome == RESCAN_DONE)
	{
		rescan_forget(s);
		scanner_db_rescanned(s, id, last + 1, found);
		return true;
	}
	s->rescan_disputed = s->rescan_disputed || outcome == RESCAN_DIFFER;
	rescan_waits(s, outcome, from, last);
	s->rescan_at = scanner_after(RESCAN_AGAIN_MS);
	return false;
}
