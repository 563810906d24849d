/* SPDX-License-Identifier: PostgreSQL
 *
 * scanner_chain.c: how the two cursors move: the tip forward and, in a reorg, back; final only
 * forward, after a second look; and old ranges looked at again.
 *
 * Every step asks one provider after another until one answers well; a step that fails with all
 * of them is tried again after a pause that doubles.  No step trusts a single node where there
 * are two: a fork one node alone is on does not rewind, a bloom it does not satisfy is asked
 * elsewhere, no block is final that only one of them calls final, and what it contradicts below
 * final must be confirmed before the network halts.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "scanner.h"
#include "worker.h"

#define CHAIN_LOGS_TARGET  5000
#define CHAIN_BYTES_TARGET (6.0 * 1024 * 1024)
#define CHAIN_FIRST_SPAN   5
#define CHAIN_RETRY_MS     125
#define CHAIN_RETRY_MAX_MS 10000
#define CHAIN_AGAIN_MS     5000
#define CHAIN_DISPUTE_MS   1000
#define CHAIN_FINAL_GAP_MS 1000
#define CHAIN_GAP_RETRY_MS 500
#define CHAIN_ALIVE_MS     30000
#define CHAIN_ALIVE_BLOCKS 20
#define CHAIN_PROOF_SPAN   8 /* blocks whose receipts are fetched at once */
#define CHAIN_CONTRADICTS  "it lacks or contradicts what another node said"

/* Gives the bit of a provider in an except mask. */
static uint64
chain_bit(const Scanner *s, const UsdtpayProvider *p)
{
	return UINT64CONST(1) << (p - s->providers);
}

/* Gives how many blocks to take at once so that logs and bytes stay few; what a block weighs is
 * learnt, and until then little is asked for. */
static int64
chain_span_size(const Scanner *s, int64 most)
{
	double fit = (double) most;

	if (s->bytes_per_block <= 0)
		return Min(most, CHAIN_FIRST_SPAN);
	fit = Min(fit, CHAIN_BYTES_TARGET / s->bytes_per_block);
	if (s->logs_per_block > 0)
		fit = Min(fit, CHAIN_LOGS_TARGET / s->logs_per_block);
	return Max(1, (int64) fit);
}

/* Learns what a block weighs: quickly when it is more than thought, slowly when less. */
static void
chain_learn(Scanner *s, const ScannerSpan *span)
{
	double blocks = (double) (span->to - span->from + 1);
	double logs = (double) span->log_count / blocks;
	double bytes = (double) (span->headers.len + span->logs.len) / blocks;

	s->logs_per_block = Max(logs, 0.9 * s->logs_per_block + 0.1 * logs);
	s->bytes_per_block = Max(bytes, 0.9 * s->bytes_per_block + 0.1 * bytes);
}

/* Asks a node whether the suspect blocks of a span hold logs.  In: strict, when its word alone
 * does not count.  Out: lied, when they do.  Returns: false when it cannot tell. */
static bool
chain_opinion(Scanner *s, UsdtpayProvider *p, const ScannerSpan *span, const ScannerIngest *ingest,
			  bool strict, bool *lied)
{
	bool proven;
	int i;

	*lied = false;
	for (i = 0; i < ingest->suspect_count && !*lied; i++)
		if (s->family->has_logs(s, p, span, ingest->suspects[i], lied, &proven) != USDTPAY_RPC_OK ||
			(strict && !proven))
			return false;
	return true;
}

/* Asks elsewhere whether the suspect blocks hold logs, in the end the node itself, whose receipts
 * can prove it.  Out: lied, when they do.  Returns: false when nobody could tell. */
static bool
chain_second_opinion(Scanner *s, UsdtpayProvider *p, const ScannerSpan *span,
					 const ScannerIngest *ingest, bool *lied)
{
	uint64 except = 0;
	int64 highest = 0;
	int i;

	for (i = 0; i < ingest->suspect_count; i++)
		highest = Max(highest, ingest->suspects[i]);
	while (s->family->has_logs != NULL)
	{
		UsdtpayProvider *other =
			usdtpay_provider_choose(s->providers, s->provider_count, highest, 0, except, p);

		if (other == NULL)
			return false;
		if (chain_opinion(s, other, span, ingest, other == p && except != 0, lied))
			return true;
		except |= chain_bit(s, other);
	}
	return false;
}

/* Hands a span to chain_ingest, clearing blocks whose blooms were a coincidence.
 * Out: the verdict; SCANNER_FAULT also when logs were left out. */
static void
chain_ingest(Scanner *s, UsdtpayProvider *p, ScannerLook look, ScannerSpan *span,
			 ScannerIngest *out)
{
	int64 *cleared = palloc(sizeof(int64) * (span->to - span->from + 1 + SCANNER_SUSPECTS));
	int count = 0;
	bool lied;

	for (;;)
	{
		scanner_db_ingest(s, p, look, span, cleared, count, out);
		if (out->verdict != SCANNER_INCOMPLETE)
			return;
		if (count > span->to - span->from || !chain_second_opinion(s, p, span, out, &lied) || lied)
			break;
		memcpy(cleared + count, out->suspects, sizeof(int64) * out->suspect_count);
		count += out->suspect_count;
	}
	out->verdict = SCANNER_FAULT;
	strlcpy(out->message, "logs were left out that a block's bloom promises", sizeof(out->message));
}

/* Fetches a span from a provider and ingests it.  Memory of the attempt is freed before return.
 * In: agreed, with a PEEK: the digest of somebody else's news; an answer with the same news is
 * taken in, this very answer, for nobody knows what the node would say next time; else NULL.
 * Returns: false when the provider gave nothing to ingest. */
static bool
chain_attempt(Scanner *s, UsdtpayProvider *p, ScannerLook look, int64 from, int64 to,
			  const char *agreed, ScannerIngest *out)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "usdtpay span", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	ScannerSpan span = {0};
	bool fetched;

	span.from = from;
	span.to = to;
	fetched = s->family->fetch(s, p, look, &span) == USDTPAY_RPC_OK;
	if (fetched)
	{
		chain_ingest(s, p, look, &span, out);
		if (agreed != NULL && out->verdict == SCANNER_INGESTED && strcmp(out->message, agreed) == 0)
		{
			chain_ingest(s, p, SCANNER_LOOK_RESCAN, &span, out);
			out->taken = out->verdict == SCANNER_INGESTED;
		}
		/* After a second look receipts may be asked first: see chain_settle. */
		if (out->verdict == SCANNER_FAULT && look != SCANNER_LOOK_FINAL)
			usdtpay_provider_failed(p, USDTPAY_RPC_INVALID, out->message, -1);
		if (out->verdict == SCANNER_FAULT && span.by_logs)
			scanner_shun_logs(p);
		if (out->verdict == SCANNER_DISAGREE && look != SCANNER_LOOK_FINAL)
			usdtpay_provider_failed(p, USDTPAY_RPC_INVALID, CHAIN_CONTRADICTS, -1);
		if (out->verdict == SCANNER_HALTED)
			s->halted = true;
		if (out->verdict == SCANNER_INGESTED)
			chain_learn(s, &span);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return fetched;
}

/* Pauses a duty after it failed with every provider.  Returns: when to try again. */
static TimestampTz
chain_pause(int *retries)
{
	int pause = Min(CHAIN_RETRY_MS << Min(*retries, 9), CHAIN_RETRY_MAX_MS);

	(*retries)++;
	return scanner_after(pause);
}

/* Gives the next blocks of the tip.  Returns: false when there is nothing to do. */
static bool
chain_tip_range(Scanner *s, int64 *from, int64 *to)
{
	if (s->served <= 0 || s->tip_at > usdtpay_worker_clock())
		return false;
	if (s->tip < 0 && s->first < 0)
		s->first = scanner_first(s);
	*from = s->tip >= 0 ? s->tip + 1 : s->first == 0 ? 1 : s->first; /* genesis has no logs */
	if (*from < 0 || *from > s->served)
		return false;
	*to = Min(s->served, *from + chain_span_size(s, usdtpay_scan_span) - 1);
	/* What is final already may be had more cheaply. */
	if (*from <= s->served_final)
		*to = Min(*to, s->served_final);
	return true;
}

/* Tells whether nobody has given a second look for as long as patience lasts. */
static bool
chain_patience_over(const Scanner *s)
{
	return s->waiting_since != 0 &&
		   TimestampDifferenceExceeds(s->waiting_since, usdtpay_worker_clock(),
									  usdtpay_second_look_patience);
}

/* Tells whether a node may be believed by itself: when there is no other one that may be asked, or
 * when none of the others has given a second look for as long as patience lasts. */
static bool
chain_alone(const Scanner *s, const UsdtpayProvider *teller)
{
	int i;

	for (i = 0; i < s->provider_count; i++)
		if (&s->providers[i] != teller && s->providers[i].state != USDTPAY_PROVIDER_REFUSED)
			return chain_patience_over(s);
	return true;
}

/* Takes the next blocks of the tip in.  Returns: whether there are more to take at once. */
bool
scanner_advance(Scanner *s)
{
	bool shun = s->distrusted != NULL && !chain_alone(s, s->distrusted);
	uint64 except = shun ? chain_bit(s, s->distrusted) : 0;
	int64 from;
	int64 to;
	int64 wanted;
	bool asked = false;

	if (!chain_tip_range(s, &from, &to))
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
		except |= chain_bit(s, p);
		asked = true;
		if (!chain_attempt(s, p, SCANNER_LOOK_TIP, from, to, NULL, &ingest) ||
			ingest.verdict == SCANNER_FAULT)
			continue;
		if (ingest.verdict == SCANNER_REORG)
			return scanner_reorg(s, p);
		if (ingest.verdict != SCANNER_INGESTED)
			return false;
		s->tip_retries = 0;
		return s->tip < s->served;
	}
	scanner_note(s, "no node gives blocks " INT64_FORMAT " to " INT64_FORMAT, from, wanted);
	s->tip_at = asked ? chain_pause(&s->tip_retries) : scanner_after(s->poll_ms);
	return false;
}

/* Counts the nodes that keep pace with a chain: they answer, and their head moves. */
static int
chain_witnesses(const Scanner *s)
{
	TimestampTz now = usdtpay_worker_clock();
	int count = 0;
	int i;

	for (i = 0; i < s->provider_count; i++)
	{
		const UsdtpayProvider *p = &s->providers[i];

		count += p->state == USDTPAY_PROVIDER_OK &&
				 !TimestampDifferenceExceeds(p->head_at, now, CHAIN_ALIVE_MS) &&
				 !TimestampDifferenceExceeds(p->moved_at, now,
											 Max(CHAIN_ALIVE_MS, CHAIN_ALIVE_BLOCKS * s->block_ms));
	}
	return count;
}

/* Gives the highest block that two nodes call final, so that none alone can make one so.  A
 * claim outlives its node's silence: what was final stays so.  One node's word suffices where
 * there is no other, or when patience is over and no other keeps pace: one that does is not
 * silent, it denies. */
static int64
chain_vouched(const Scanner *s, int witnesses)
{
	int64 claims[2] = {-1, -1};
	int others = 0;
	int i;

	for (i = 0; i < s->provider_count; i++)
	{
		const UsdtpayProvider *p = &s->providers[i];
		int64 claim = p->head - s->final_depth;

		others += p->state != USDTPAY_PROVIDER_REFUSED;
		if (s->final_tag)
			claim = Min(claim, p->final);
		if (p->state != USDTPAY_PROVIDER_OK)
			continue;
		claims[1] = Max(claims[1], Min(claim, claims[0]));
		claims[0] = Max(claims[0], claim);
	}
	return others < 2 || (witnesses < 2 && chain_patience_over(s)) ? claims[0] : claims[1];
}

/* Cuts a range that is final by one node's word to what two say.  Returns: false when nothing is
 * left; a witness that denies is no reason to lose patience. */
static bool
chain_cut_unvouched(Scanner *s, int64 from, int64 *to)
{
	int witnesses = chain_witnesses(s);

	*to = Min(*to, chain_vouched(s, witnesses));
	if (*to >= from)
		return true;
	if (witnesses < 2 && s->waiting_since == 0)
		s->waiting_since = usdtpay_worker_clock();
	s->final_at = scanner_after(CHAIN_GAP_RETRY_MS);
	return false;
}

/* Gives the next blocks to become final.  Returns: false when there is nothing to do. */
static bool
chain_final_range(const Scanner *s, int64 *from, int64 *to)
{
	int64 target = Min(s->tip, s->served - s->final_depth);

	if (s->final_tag)
		target = Min(target, s->served_final);
	if (s->tip < 0 || s->final >= target || s->final_at > usdtpay_worker_clock())
		return false;
	*from = s->final + 1;
	*to = Min(target, s->final + chain_span_size(s, s->final_span));
	return true;
}

/* Chooses who looks again at blocks the teller told of: somebody else, or the teller itself when
 * it is alone and not contradicted.  Returns: NULL for nobody now. */
static UsdtpayProvider *
chain_confirmer(Scanner *s, const UsdtpayProvider *teller, int64 to, int64 final, uint64 except,
				bool contradicted)
{
	UsdtpayProvider *p =
		usdtpay_provider_choose(s->providers, s->provider_count, to, final, except, teller);

	if (p != NULL && p == teller && (contradicted || !chain_alone(s, teller)))
		return NULL;
	return p;
}

/* Whose second look at some blocks did not confirm what we hold. */
typedef struct ChainDissent
{
	uint64 all;        /* a bit for each */
	uint64 contradict; /* those that told otherwise; the others gave nothing sound */
	char what[SCANNER_PROVIDERS][160];
} ChainDissent;

/* Answers nodes that contradict one another: asks again, and when that does not help takes the
 * blocks in anew from another node than told of them, for what we hold may be the lie. */
static void
chain_disputed(Scanner *s, UsdtpayProvider *teller)
{
	s->disputes++;
	if (s->disputes % 2 == 0)
	{
		s->distrusted = teller;
		(void) scanner_db_rewind(s, s->final, s->final_hash);
	}
	s->final_at = scanner_after(Min(CHAIN_DISPUTE_MS << Min(s->disputes / 2, 8), CHAIN_AGAIN_MS));
}

/* Takes down that a second look contradicts, or makes no sense. */
static void
chain_dissent(const Scanner *s, ChainDissent *d, const UsdtpayProvider *p,
			  const ScannerIngest *ingest)
{
	uint64 bit = chain_bit(s, p);

	d->all |= bit;
	if (ingest->verdict == SCANNER_DISAGREE)
		d->contradict |= bit;
	strlcpy(d->what[p - s->providers],
			ingest->verdict == SCANNER_DISAGREE ? CHAIN_CONTRADICTS : ingest->message,
			sizeof(d->what[0]));
}

/* Records a failure of the dissenters in a mask, with what they did. */
static void
chain_blame(Scanner *s, const ChainDissent *d, uint64 mask)
{
	int i;

	for (i = 0; i < s->provider_count; i++)
		if ((d->all & mask & chain_bit(s, &s->providers[i])) != 0)
			usdtpay_provider_failed(&s->providers[i], USDTPAY_RPC_INVALID, d->what[i], -1);
}

/* Tells whether a second look could come from two sides: two nodes may be asked now, or there is
 * but one. */
static bool
chain_has_company(const Scanner *s)
{
	TimestampTz now = usdtpay_worker_clock();
	int there = 0;
	int usable = 0;
	int i;

	for (i = 0; i < s->provider_count; i++)
	{
		const UsdtpayProvider *p = &s->providers[i];

		there += p->state != USDTPAY_PROVIDER_REFUSED;
		usable += p->state == USDTPAY_PROVIDER_OK && !usdtpay_provider_cooling(p, now);
	}
	return there < 2 || usable > 1;
}

/* Takes note that blocks are final now.  Patience that is over stays so until all is caught up or
 * another node is back: else each of many short ranges would wait for a node that is down.
 * Returns: whether there are more to look at at once. */
static bool
chain_finalized(Scanner *s)
{
	int64 from;
	int64 to;
	bool more;

	s->disputes = 0;
	s->final_span = Min(SCANNER_FINAL_SPAN, 2 * s->final_span);
	more = chain_final_range(s, &from, &to);
	if (!more || chain_has_company(s))
		s->waiting_since = 0;
	if (more)
		return true;
	s->final_at = scanner_after(Min(CHAIN_FINAL_GAP_MS, s->poll_ms));
	return false;
}

/* Has receipts prove the blocks from..to in place of a second look; a long range is cut down
 * first, to the block in question, so that few receipts are fetched.  Who is proven wrong pays.
 * Out: again, whether there is more to do at once.  Returns: false when nothing can be proven. */
static bool
chain_settle(Scanner *s, UsdtpayProvider *teller, const ChainDissent *d, int64 from, int64 to,
			 bool *again)
{
	ScannerVerdict verdict;

	if (s->family->claim == NULL)
		return false;
	*again = true;
	if (to - from + 1 > CHAIN_PROOF_SPAN)
	{
		s->final_span = (int) ((to - from + 1) / CHAIN_PROOF_SPAN);
		return true;
	}
	verdict = scanner_prove(s, from, to);
	if (verdict != SCANNER_INGESTED && verdict != SCANNER_AMENDED)
		return false;
	if (verdict == SCANNER_AMENDED && teller != NULL)
		usdtpay_provider_failed(teller, USDTPAY_RPC_INVALID, "receipts prove its logs wrong", -1);
	/* Who contradicts what proved wrong need not be wrong itself. */
	chain_blame(s, d, verdict == SCANNER_AMENDED ? ~d->contradict : d->all);
	s->distrusted = verdict == SCANNER_AMENDED ? teller : NULL;
	*again = chain_finalized(s);
	return true;
}

/* Answers that nobody confirms the blocks from..to.  Returns: whether there is more to do at
 * once. */
static bool
chain_unconfirmed(Scanner *s, UsdtpayProvider *teller, const ChainDissent *d, int64 from, int64 to)
{
	bool again;

	if (d->all != 0 && chain_settle(s, teller, d, from, to, &again))
		return again;
	chain_blame(s, d, d->all);
	if (s->waiting_since == 0)
		s->waiting_since = usdtpay_worker_clock();
	if (d->contradict != 0)
	{
		s->contradicted = Max(s->contradicted, to);
		chain_disputed(s, teller);
	}
	else
		s->final_at = scanner_after(CHAIN_GAP_RETRY_MS);
	return false;
}

/* Tells whether it is time to have receipts stand in for the second look that nobody gives,
 * while there is a node besides the teller whose word on the headers can be had. */
static bool
chain_settle_due(Scanner *s, UsdtpayProvider *teller, int64 to)
{
	TimestampTz now = usdtpay_worker_clock();

	if (s->waiting_since == 0 || s->settle_at > now ||
		!TimestampDifferenceExceeds(s->waiting_since, now, CHAIN_AGAIN_MS) ||
		chain_confirmer(s, teller, to, s->final_tag ? to : 0, 0, true) == NULL)
		return false;
	s->settle_at = scanner_after(CHAIN_AGAIN_MS);
	return true;
}

/* Gives the newly final blocks their second look, by another node than the one whose word we hold
 * where there is one.  What it tells beyond that is kept and must be confirmed in turn, so no
 * single node can make money appear.  Returns: whether there are more to look at now. */
bool
scanner_finalize(Scanner *s)
{
	ChainDissent dissent = {0};
	UsdtpayProvider *teller;
	uint64 except = 0;
	int64 from;
	int64 to;
	bool again;

	if (!chain_final_range(s, &from, &to) || !chain_cut_unvouched(s, from, &to) ||
		!scanner_db_teller(s, from, &to, &teller))
		return false;
	if (chain_settle_due(s, teller, to) && chain_settle(s, teller, &dissent, from, to, &again))
		return again;
	for (;;)
	{
		UsdtpayProvider *p = chain_confirmer(s, teller, to, s->final_tag ? to : 0, except,
											 dissent.contradict != 0 || s->contradicted >= from);
		ScannerIngest ingest;

		if (p == NULL)
			return chain_unconfirmed(s, teller, &dissent, from, to);
		except |= chain_bit(s, p);
		if (!chain_attempt(s, p, SCANNER_LOOK_FINAL, from, to, NULL, &ingest))
			continue;
		if (ingest.verdict == SCANNER_FAULT || ingest.verdict == SCANNER_DISAGREE)
		{
			chain_dissent(s, &dissent, p, &ingest);
			continue;
		}
		chain_blame(s, &dissent, dissent.all);
		if (ingest.verdict == SCANNER_MORE)
		{
			if (teller != NULL)
				scanner_shun_logs(teller);
			return true;
		}
		if (ingest.verdict != SCANNER_INGESTED)
			return false;
		s->distrusted = NULL;
		return chain_finalized(s);
	}
}

/* Looks at old blocks, with another node than the given one unless that is alone.  Changes nothing,
 * unless agreed names the news that node told and this one tells the same: then they are taken in.
 * Out: message, the digest of what we miss, empty for nothing.  Returns: who told, or NULL. */
static UsdtpayProvider *
chain_peek(Scanner *s, const UsdtpayProvider *other_than, int64 from, int64 to, const char *agreed,
		   ScannerIngest *out)
{
	uint64 except = 0;

	for (;;)
	{
		UsdtpayProvider *p = chain_confirmer(s, other_than, to, 0, except, false);

		if (p == NULL)
			return NULL;
		except |= chain_bit(s, p);
		if (!chain_attempt(s, p, SCANNER_LOOK_PEEK, from, to, agreed, out) ||
			out->verdict == SCANNER_FAULT || out->verdict == SCANNER_DISAGREE)
			continue;
		return out->verdict == SCANNER_INGESTED ? p : NULL;
	}
}

/* Takes in what two looks at old blocks agree that we miss.  Returns: whether the range is done. */
static bool
chain_take_news(Scanner *s, UsdtpayProvider *first, int64 from, int64 to, const char *news,
				int *found)
{
	ScannerIngest second;

	if (chain_peek(s, first, from, to, news, &second) == NULL)
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
	last = Min(last, Min(s->final, from + chain_span_size(s, usdtpay_scan_span) - 1));
	p = chain_peek(s, NULL, from, last, NULL, &first);
	if (p != NULL &&
		(first.message[0] == '\0' || chain_take_news(s, p, from, last, first.message, &found)))
	{
		scanner_db_rescanned(s, id, last + 1, found);
		return true;
	}
	if (p == NULL)
		scanner_note(s, "no node gives the old blocks " INT64_FORMAT " to " INT64_FORMAT, from,
					 last);
	s->rescan_at = scanner_after(CHAIN_AGAIN_MS);
	return false;
}
