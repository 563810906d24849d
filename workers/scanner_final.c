/* SPDX-License-Identifier: PostgreSQL
 *
 * scanner_final.c: how final moves: forward only, after a second look by another node than told of
 * the blocks.
 *
 * No block is final that only one of two nodes calls final.  What a second look has beyond the
 * first is kept and must be confirmed in turn; what it contradicts is settled by receipts or taken
 * in anew, and until two nodes agree nothing is credited.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "scanner.h"
#include "worker.h"

#define FINAL_AGAIN_MS     5000
#define FINAL_DISPUTE_MS   1000
#define FINAL_GAP_MS       1000
#define FINAL_GAP_RETRY_MS 500
#define FINAL_PROOF_SPAN   8 /* blocks whose receipts are fetched at once */

/* Cuts a range that is final by one node's word to what two say.  Returns: false when nothing is
 * left; a witness that denies is no reason to lose patience. */
static bool
final_cut_unvouched(Scanner *s, int64 from, int64 *to)
{
	int witnesses = scanner_witnesses(s);

	*to = Min(*to, scanner_vouched(s, witnesses));
	if (*to >= from)
		return true;
	if (witnesses < 2 && s->waiting_since == 0)
		s->waiting_since = usdtpay_worker_clock();
	s->final_at = scanner_after(FINAL_GAP_RETRY_MS);
	return false;
}

/* Gives the next blocks to become final.  Returns: false when there is nothing to do. */
static bool
final_range(const Scanner *s, int64 *from, int64 *to)
{
	int64 target = Min(s->tip, s->served - s->final_depth);

	if (s->final_tag)
		target = Min(target, s->served_final);
	if (s->tip < 0 || s->final >= target || s->final_at > usdtpay_worker_clock())
		return false;
	*from = s->final + 1;
	*to = Min(target, s->final + scanner_span_size(s, s->final_span));
	return true;
}

/* Whose second look at some blocks did not confirm what we hold. */
typedef struct FinalDissent
{
	uint64 all;        /* a bit for each */
	uint64 contradict; /* those that told otherwise; the others gave nothing sound */
	char what[SCANNER_PROVIDERS][160];
} FinalDissent;

/* Answers nodes that contradict one another: asks again, and when that does not help takes the
 * blocks in anew from another node than told of them, for what we hold may be the lie. */
static void
final_disputed(Scanner *s, UsdtpayProvider *teller)
{
	s->disputes++;
	if (s->disputes % 2 == 0)
	{
		s->distrusted = teller;
		(void) scanner_db_rewind(s, s->final, s->final_hash);
	}
	s->final_at = scanner_after(Min(FINAL_DISPUTE_MS << Min(s->disputes / 2, 8), FINAL_AGAIN_MS));
}

/* Takes down that a second look contradicts, or makes no sense. */
static void
final_dissent(const Scanner *s, FinalDissent *d, const UsdtpayProvider *p,
			  const ScannerIngest *ingest)
{
	uint64 bit = scanner_bit(s, p);

	d->all |= bit;
	if (ingest->verdict == SCANNER_DISAGREE)
		d->contradict |= bit;
	strlcpy(d->what[p - s->providers],
			ingest->verdict == SCANNER_DISAGREE ? SCANNER_CONTRADICTS : ingest->message,
			sizeof(d->what[0]));
}

/* Records a failure of the dissenters in a mask, with what they did. */
static void
final_blame(Scanner *s, const FinalDissent *d, uint64 mask)
{
	int i;

	for (i = 0; i < s->provider_count; i++)
		if ((d->all & mask & scanner_bit(s, &s->providers[i])) != 0)
			usdtpay_provider_failed(&s->providers[i], USDTPAY_RPC_INVALID, d->what[i], -1);
}

/* Takes note that blocks are final now.  Patience that is over stays so until all is caught up or
 * another node is back: else each of many short ranges would wait for a node that is down.
 * Returns: whether there are more to look at at once. */
static bool
final_moved(Scanner *s)
{
	int64 from;
	int64 to;
	bool more;

	s->disputes = 0;
	s->final_span = Min(SCANNER_FINAL_SPAN, 2 * s->final_span);
	more = final_range(s, &from, &to);
	if (!more || scanner_has_company(s))
		s->waiting_since = 0;
	if (more)
		return true;
	s->final_at = scanner_after(Min(FINAL_GAP_MS, s->poll_ms));
	return false;
}

/* Has receipts prove the blocks from..to in place of a second look; a long range is cut down
 * first, to the block in question, so that few receipts are fetched.  Who is proven wrong pays.
 * Out: again, whether there is more to do at once.  Returns: false when nothing can be proven. */
static bool
final_settle(Scanner *s, UsdtpayProvider *teller, const FinalDissent *d, int64 from, int64 to,
			 bool *again)
{
	ScannerVerdict verdict;

	if (s->family->claim == NULL)
		return false;
	*again = true;
	if (to - from + 1 > FINAL_PROOF_SPAN)
	{
		s->final_span = (int) ((to - from + 1) / FINAL_PROOF_SPAN);
		return true;
	}
	verdict = scanner_prove(s, from, to);
	if (verdict != SCANNER_INGESTED && verdict != SCANNER_AMENDED)
		return false;
	if (verdict == SCANNER_AMENDED && teller != NULL)
		usdtpay_provider_failed(teller, USDTPAY_RPC_INVALID, "receipts prove its logs wrong", -1);
	/* Who contradicts what proved wrong need not be wrong itself. */
	final_blame(s, d, verdict == SCANNER_AMENDED ? ~d->contradict : d->all);
	s->distrusted = verdict == SCANNER_AMENDED ? teller : NULL;
	*again = final_moved(s);
	return true;
}

/* Answers that nobody confirms the blocks from..to.  Returns: whether there is more to do at
 * once. */
static bool
final_unconfirmed(Scanner *s, UsdtpayProvider *teller, const FinalDissent *d, int64 from, int64 to)
{
	bool again;

	if (d->all != 0 && final_settle(s, teller, d, from, to, &again))
		return again;
	final_blame(s, d, d->all);
	if (s->waiting_since == 0)
		s->waiting_since = usdtpay_worker_clock();
	if (d->contradict != 0)
	{
		s->contradicted = Max(s->contradicted, to);
		final_disputed(s, teller);
	}
	else
		s->final_at = scanner_after(FINAL_GAP_RETRY_MS);
	return false;
}

/* Tells whether it is time to have receipts stand in for the second look that nobody gives,
 * while there is a node besides the teller whose word on the headers can be had. */
static bool
final_settle_due(Scanner *s, UsdtpayProvider *teller, int64 to)
{
	TimestampTz now = usdtpay_worker_clock();

	if (s->waiting_since == 0 || s->settle_at > now ||
		!TimestampDifferenceExceeds(s->waiting_since, now, FINAL_AGAIN_MS) ||
		scanner_confirmer(s, teller, to, s->final_tag ? to : 0, 0, true) == NULL)
		return false;
	s->settle_at = scanner_after(FINAL_AGAIN_MS);
	return true;
}

/* Gives the newly final blocks their second look, by another node than the one whose word we hold
 * where there is one.  What it tells beyond that is kept and must be confirmed in turn, so no
 * single node can make money appear.  Returns: whether there are more to look at now. */
bool
scanner_finalize(Scanner *s)
{
	FinalDissent dissent = {0};
	UsdtpayProvider *teller;
	uint64 except = 0;
	int64 from;
	int64 to;
	bool again;

	if (!final_range(s, &from, &to) || !final_cut_unvouched(s, from, &to) ||
		!scanner_db_teller(s, from, &to, &teller))
		return false;
	if (final_settle_due(s, teller, to) && final_settle(s, teller, &dissent, from, to, &again))
		return again;
	for (;;)
	{
		UsdtpayProvider *p = scanner_confirmer(s, teller, to, s->final_tag ? to : 0, except,
											   dissent.contradict != 0 || s->contradicted >= from);
		ScannerIngest ingest;

		if (p == NULL)
			return final_unconfirmed(s, teller, &dissent, from, to);
		except |= scanner_bit(s, p);
		if (!scanner_attempt(s, p, SCANNER_LOOK_FINAL, from, to, NULL, &ingest))
			continue;
		if (ingest.verdict == SCANNER_FAULT || ingest.verdict == SCANNER_DISAGREE)
		{
			final_dissent(s, &dissent, p, &ingest);
			continue;
		}
		final_blame(s, &dissent, dissent.all);
		if (ingest.verdict == SCANNER_MORE)
		{
			if (teller != NULL)
				scanner_shun_logs(teller);
			return true;
		}
		if (ingest.verdict != SCANNER_INGESTED)
			return false;
		s->distrusted = NULL;
		return final_moved(s);
	}
}
