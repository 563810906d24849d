/* SPDX-License-Identifier: PostgreSQL
 *
 * scanner_rescan.c: old ranges that somebody asked to have looked at again.
 *
 * What one node tells of old blocks that we miss is taken in when another tells the same.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "guc.h"
#include "scanner.h"
#include "worker.h"

#define RESCAN_AGAIN_MS 5000

/* Looks at old blocks, with another node than the given one unless that is alone.  Changes nothing,
 * unless agreed names the news that node told and this one tells the same: then they are taken in.
 * Out: message, the digest of what we miss, empty for nothing.  Returns: who told, or NULL. */
static UsdtpayProvider *
rescan_peek(Scanner *s, const UsdtpayProvider *other_than, int64 from, int64 to, const char *agreed,
			ScannerIngest *out)
{
	uint64 except = 0;

	for (;;)
	{
		UsdtpayProvider *p = scanner_confirmer(s, other_than, to, 0, except, false);

		if (p == NULL)
			return NULL;
		except |= scanner_bit(s, p);
		if (!scanner_attempt(s, p, SCANNER_LOOK_PEEK, from, to, agreed, out) ||
			out->verdict == SCANNER_FAULT || out->verdict == SCANNER_DISAGREE)
			continue;
		return out->verdict == SCANNER_INGESTED ? p : NULL;
	}
}

/* Takes in what two looks at old blocks agree that we miss.  Returns: whether the range is done. */
static bool
rescan_take_news(Scanner *s, UsdtpayProvider *first, int64 from, int64 to, const char *news,
				 int *found)
{
	ScannerIngest second;

	if (rescan_peek(s, first, from, to, news, &second) == NULL)
		return false;
	if (!second.taken)
		scanner_note(
			s, "two nodes tell differently of the old blocks " INT64_FORMAT " to " INT64_FORMAT,
			from, to);
	*found = second.deposits;
	return second.taken;
}

/* Works on a range somebody asked for.  Returns: whether there is more to do at once. */
bool
scanner_rescan(Scanner *s)
{
	ScannerIngest first;
	UsdtpayProvider *p;
	int found = 0;
	int64 id;
	int64 from;
	int64 last;

	if (!s->rescans || s->rescan_at > usdtpay_worker_clock() ||
		!scanner_db_rescan(s, &id, &from, &last))
		return false;
	last = Min(last, Min(s->final, from + scanner_span_size(s, usdtpay_scan_span) - 1));
	p = rescan_peek(s, NULL, from, last, NULL, &first);
	if (p != NULL &&
		(first.message[0] == '\0' || rescan_take_news(s, p, from, last, first.message, &found)))
	{
		scanner_db_rescanned(s, id, last + 1, found);
		return true;
	}
	if (p == NULL)
		scanner_note(s, "no node gives the old blocks " INT64_FORMAT " to " INT64_FORMAT, from,
					 last);
	s->rescan_at = scanner_after(RESCAN_AGAIN_MS);
	return false;
}
