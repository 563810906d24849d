/* SPDX-License-Identifier: PostgreSQL
 *
 * scanner_reorg.c: what happens when a node's chain is not the one we hold: who is right, where the
 * two part, and back to there.
 *
 * A fork that more nodes deny than confirm does not rewind, nor one that as many do while ours
 * grows; and what contradicts a final block must be confirmed before the network halts; nothing
 * final is ever unwound.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "scanner.h"
#include "worker.h"

#define REORG_WALK_MAX     16
#define REORG_STILL_MS     5000
#define REORG_STILL_BLOCKS 3
#define REORG_RIVAL_MS     1000

/* Counts who holds the hash at a height and who another one.  p is not asked: it contradicts. */
static void
reorg_vote(Scanner *s, const UsdtpayProvider *p, int64 number, const uint8 *hash, int *confirm,
		   int *contradict)
{
	TimestampTz now = usdtpay_worker_clock();
	int i;

	*confirm = 0;
	*contradict = 1;
	for (i = 0; i < s->provider_count; i++)
	{
		UsdtpayProvider *q = &s->providers[i];
		ScannerBlock block;

		if (q == p || q->state != USDTPAY_PROVIDER_OK || usdtpay_provider_cooling(q, now) ||
			q->head < number || s->family->block(s, q, number, NULL, &block) != USDTPAY_RPC_OK)
			continue;
		if (memcmp(block.hash, hash, 32) == 0)
			(*confirm)++;
		else
			(*contradict)++;
	}
}

/* Decides whether a contradiction below final is one node's or everybody's; then it halts.
 * Nothing is unwound: credits below final are a person's to judge. */
static void
reorg_below_final(Scanner *s, UsdtpayProvider *p, const ScannerBlock *block)
{
	int confirm;
	int contradict;

	reorg_vote(s, p, s->final, s->final_hash, &confirm, &contradict);
	if (confirm > 0)
		usdtpay_provider_refuse(p, "it contradicts a final block that other nodes confirm");
	else
		(void) scanner_db_rewind(s, block->number, block->hash);
}

/* Asks a provider for its block at a height, or by its hash.  Out: ours, whether we hold the
 * same. */
static bool
reorg_compare(Scanner *s, UsdtpayProvider *p, int64 number, const uint8 *hash, ScannerBlock *block,
			  bool *ours)
{
	uint8 held[32];

	if (s->family->block(s, p, number, hash, block) != USDTPAY_RPC_OK)
		return false;
	*ours = scanner_db_hash(s, number, held) && memcmp(held, block->hash, 32) == 0;
	return true;
}

/* Finds the highest block that a provider has in common with us by halving: we agree on final and
 * differ at high.  A node that answers slowly costs a dozen questions, not one per block. */
static bool
reorg_halve(Scanner *s, UsdtpayProvider *p, int64 high)
{
	ScannerBlock common;
	ScannerBlock block;
	bool ours;

	if (!reorg_compare(s, p, s->final, NULL, &common, &ours))
		return false;
	if (!ours)
	{
		reorg_below_final(s, p, &common);
		return false;
	}
	while (high - common.number > 1)
	{
		int64 middle = common.number + (high - common.number) / 2;

		if (!reorg_compare(s, p, middle, NULL, &block, &ours))
			return false;
		if (ours)
			common = block;
		else
			high = middle;
	}
	return scanner_db_rewind(s, common.number, common.hash);
}

/* Walks a provider's chain down by parent hashes until it meets ours, and rewinds to there.  What
 * lies deeper than any usual reorganisation is found by halving.
 * Returns: whether scanning can go on at once. */
static bool
reorg_walk(Scanner *s, UsdtpayProvider *p)
{
	int64 number = Min(s->tip, p->head);
	ScannerBlock block;
	bool ours;
	int steps;

	for (steps = 0; steps < REORG_WALK_MAX; steps++)
	{
		if (!reorg_compare(s, p, number, steps > 0 ? block.parent : NULL, &block, &ours))
			return false;
		if (ours)
			return scanner_db_rewind(s, number, block.hash);
		if (number <= s->final)
		{
			reorg_below_final(s, p, &block);
			return false;
		}
		number--;
	}
	return reorg_halve(s, p, number + 1);
}

/* Decides whether to stay with our chain when as many nodes hold it as have left it, for following
 * the last one to differ would take what was seen away and bring it back with every block.  One
 * that has stood still for some blocks' time while the other is longer is left: nobody can hold
 * the tip back by staying on a dead branch. */
static bool
reorg_stay(const Scanner *s, const UsdtpayProvider *p)
{
	int patience = Max(REORG_STILL_MS, REORG_STILL_BLOCKS * s->block_ms);

	return p->head <= s->tip ||
		   !TimestampDifferenceExceeds(s->grown_at, usdtpay_worker_clock(), patience);
}

/* Leaves a provider alone that is on another fork than the one we stay on; not before it was asked
 * whether it has our final block, for then more is wrong with it. */
static void
reorg_leave_alone(Scanner *s, UsdtpayProvider *p)
{
	ScannerBlock block;

	s->rival = p;
	s->rival_until = scanner_after(REORG_RIVAL_MS);
	if (s->final >= 1 && p->head >= s->final &&
		s->family->block(s, p, s->final, NULL, &block) == USDTPAY_RPC_OK &&
		memcmp(block.hash, s->final_hash, 32) != 0)
		reorg_below_final(s, p, &block);
}

/* Answers a provider whose chain does not continue ours: follows it unless more nodes hold on
 * to our tip than have left it, or as many and ours grows.
 * Returns: whether scanning can go on at once. */
bool
scanner_reorg(Scanner *s, UsdtpayProvider *p)
{
	int confirm;
	int contradict;

	s->rival = NULL;
	reorg_vote(s, p, s->tip, s->tip_hash, &confirm, &contradict);
	if (confirm > contradict)
	{
		usdtpay_provider_failed(p, USDTPAY_RPC_INVALID, "it is on a fork of its own", -1);
		return false;
	}
	if (confirm == contradict && reorg_stay(s, p))
	{
		reorg_leave_alone(s, p);
		return false;
	}
	return reorg_walk(s, p);
}

/* Gives the bit of the node that is not asked for new blocks for now, because it is on another fork
 * than the one we stay on; 0 for none. */
uint64
scanner_rival(const Scanner *s)
{
	return s->rival != NULL && s->rival_until > usdtpay_worker_clock() ? scanner_bit(s, s->rival)
																	   : 0;
}

/* Looks for heads at or below our tip that are not ours: a chain can get shorter. */
void
scanner_compare_heads(Scanner *s)
{
	int i;

	for (i = 0; i < s->provider_count && s->tip >= 0; i++)
	{
		UsdtpayProvider *p = &s->providers[i];
		uint8 ours[32];

		if (p->header == NULL || p->head > s->tip || p->head < s->final || p->head < 1 ||
			(scanner_rival(s) & scanner_bit(s, p)) != 0)
			continue;
		if (p->head == s->tip && memcmp(p->head_hash, s->tip_hash, 32) == 0)
			continue;
		if (p->agreed == p->head && memcmp(p->agreed_hash, p->head_hash, 32) == 0)
			continue;
		if (!scanner_db_hash(s, p->head, ours) || memcmp(ours, p->head_hash, 32) == 0)
		{
			p->agreed = p->head;
			memcpy(p->agreed_hash, p->head_hash, 32);
			continue;
		}
		(void) scanner_reorg(s, p);
		return;
	}
}
