/* SPDX-License-Identifier: PostgreSQL
 *
 * scanner_trust.c: whose word counts: who may confirm what another node told, and when one node
 * is enough.
 *
 * No step trusts a single node where there are two.  One suffices only where there is no other,
 * or when the others have been silent for usdtpay.second_look_patience; a node that keeps pace
 * with the chain is not silent.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "guc.h"
#include "scanner.h"
#include "worker.h"

#define TRUST_ALIVE_MS     30000
#define TRUST_ALIVE_BLOCKS 20

/* Gives the bit of a provider in an except mask. */
uint64
scanner_bit(const Scanner *s, const UsdtpayProvider *p)
{
	return UINT64CONST(1) << (p - s->providers);
}

/* Tells whether nobody has given a second look for as long as patience lasts.  In: since when one
 * is waited for; 0 when none is. */
static bool
trust_patience_over(TimestampTz since)
{
	return since != 0 &&
		   TimestampDifferenceExceeds(since, usdtpay_worker_clock(), usdtpay_second_look_patience);
}

/* Tells whether a node may be believed by itself: when there is no other one that may be asked, or
 * when none of the others has given a second look, waited for since then, for as long as patience
 * lasts. */
bool
scanner_alone(const Scanner *s, const UsdtpayProvider *teller, TimestampTz since)
{
	int i;

	for (i = 0; i < s->provider_count; i++)
		if (&s->providers[i] != teller && s->providers[i].state != USDTPAY_PROVIDER_REFUSED)
			return trust_patience_over(since);
	return true;
}

/* Tells whether a second look could come from two sides: two nodes may be asked now, or there is
 * but one. */
bool
scanner_has_company(const Scanner *s)
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

/* Counts the nodes that keep pace with a chain: they answer, and their head moves. */
int
scanner_witnesses(const Scanner *s)
{
	TimestampTz now = usdtpay_worker_clock();
	int count = 0;
	int i;

	for (i = 0; i < s->provider_count; i++)
	{
		const UsdtpayProvider *p = &s->providers[i];

		count += p->state == USDTPAY_PROVIDER_OK &&
				 !TimestampDifferenceExceeds(p->head_at, now, TRUST_ALIVE_MS) &&
				 !TimestampDifferenceExceeds(p->moved_at, now,
											 Max(TRUST_ALIVE_MS, TRUST_ALIVE_BLOCKS * s->block_ms));
	}
	return count;
}

/* Gives the highest block that two nodes call final, so that none alone can make one so.  A
 * claim outlives its node's silence: what was final stays so.  One node's word suffices where
 * there is no other, or when patience is over and no other keeps pace: one that does is not
 * silent, it denies. */
int64
scanner_vouched(const Scanner *s, int witnesses)
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
	return others < 2 || (witnesses < 2 && trust_patience_over(s->waiting_since)) ? claims[0]
																				  : claims[1];
}

/* Chooses who looks again at blocks the teller told of: somebody else, or the teller itself when
 * it is alone and not contradicted.  Returns: NULL for nobody now. */
UsdtpayProvider *
scanner_confirmer(Scanner *s, const UsdtpayProvider *teller, int64 to, int64 final, uint64 except,
				  bool contradicted)
{
	UsdtpayProvider *p =
		usdtpay_provider_choose(s->providers, s->provider_count, to, final, except, teller);

	if (p != NULL && p == teller && (contradicted || !scanner_alone(s, teller, s->waiting_since)))
		return NULL;
	return p;
}
