/* SPDX-License-Identifier: PostgreSQL
 *
 * scanner_start.c: the block at which the first scan of a network begins.
 *
 * Addresses are given out from the moment a network is enabled, the scanner may come to it much
 * later: nodes are down, no worker is free.  What was paid in between must be seen, so the scan
 * begins at a block from before that moment, found by the blocks' own times.
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/timestamp.h"

#include "scanner.h"
#include "worker.h"

#define START_SLACK_MS   30000 /* a block's time is when its making began; clocks differ */
#define START_MORE       1000  /* blocks beyond what the network's usual pace explains */
#define START_PACE_SHARE 4     /* how many times faster than usual a network may be */

/* Gives a time in milliseconds since 1970. */
static int64
start_ms(TimestampTz at)
{
	return at / 1000 + (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY * 1000;
}

/* Gives the lowest block worth going back to: whatever a node says of its blocks' times, it cannot
 * make us read a whole chain. */
static int64
start_floor(const Scanner *s, int64 since_ms)
{
	int64 usual = (start_ms(GetCurrentTimestamp()) - since_ms) / s->block_ms;

	return Max(0, s->served - START_MORE - START_PACE_SHARE * Max(0, usual));
}

/* Walks back in growing steps until the provider names a block from before that moment.
 * Returns: the block, or -1 when the provider does not answer. */
static int64
start_ask(Scanner *s, UsdtpayProvider *p, int64 since_ms)
{
	int64 lowest = start_floor(s, since_ms);
	int64 number = Min(s->served, p->head);
	int64 step = 1;
	ScannerBlock block;

	while (s->family->block(s, p, number, NULL, &block) == USDTPAY_RPC_OK)
	{
		if (block.time <= since_ms || number <= lowest)
			return number;
		number = Max(lowest, number - step);
		step *= 2;
	}
	return -1;
}

/* Finds the first block to scan: the earliest that any node names, so that no single one can make
 * us skip blocks.  Returns: -1 while no node answers. */
int64
scanner_first(Scanner *s)
{
	int64 since_ms = start_ms(s->enabled_at) - START_SLACK_MS;
	TimestampTz now = usdtpay_worker_clock();
	int64 first = -1;
	int i;

	for (i = 0; i < s->provider_count; i++)
	{
		UsdtpayProvider *p = &s->providers[i];
		int64 named;

		if (p->state != USDTPAY_PROVIDER_OK || usdtpay_provider_cooling(p, now) || p->head <= 0)
			continue;
		named = start_ask(s, p, since_ms);
		if (named >= 0 && (first < 0 || named < first))
			first = named;
	}
	return first;
}
