/* SPDX-License-Identifier: PostgreSQL
 *
 * provider.c: how often a node may be asked, when it rests, which one is asked next.
 *
 * The rate rises with every answer while requests have to wait for it, and falls with every
 * failure, within what the operator allows; one that was refused for being too high is halved
 * and stays there for a while, for some nodes suspend whoever tries again.  A node that fails
 * rests, longer each time; among nodes of the same priority the fastest is asked, now and then
 * another one, so that the figures stay true.
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "utils/timestamp.h"

#include "provider.h"
#include "worker.h"

#define PROVIDER_RATE_MIN      3.0
#define PROVIDER_RATE_UP       1.05
#define PROVIDER_RATE_DOWN     0.95
#define PROVIDER_RATE_REFUSED  0.5
#define PROVIDER_CAP_MS        600000
#define PROVIDER_BURST         4.0
#define PROVIDER_COOL_MIN_MS   100
#define PROVIDER_COOL_MAX_MS   5000
#define PROVIDER_COOL_HARD_MS  60000
#define PROVIDER_REFUSED_MS    60000
#define PROVIDER_EXPLORE       0.1
#define PROVIDER_HEAD_STALE_MS 15000

/* Gives a provider whose configuration is filled in its first state. */
void
usdtpay_provider_init(UsdtpayProvider *p)
{
	p->state = USDTPAY_PROVIDER_UNKNOWN;
	p->rate = Max(Min(p->rate, p->max_rate), Min(PROVIDER_RATE_MIN, p->max_rate));
	p->credit = 1;
	p->credited_at = usdtpay_worker_clock();
	p->batch = PG_INT16_MAX;
	p->agreed = -1;
}

/* Tells whether a provider rests. */
bool
usdtpay_provider_cooling(const UsdtpayProvider *p, TimestampTz now)
{
	return p->cool_until > now;
}

/* Takes the right to send one request.  Returns: 0 when granted, else milliseconds to wait. */
int
usdtpay_provider_take(UsdtpayProvider *p, TimestampTz now)
{
	double burst = Max(1.0, Max(Min(p->rate / 2, PROVIDER_BURST), p->rate / 10));

	p->credit += (double) (now - p->credited_at) / USECS_PER_SEC * p->rate;
	p->credit = Min(p->credit, burst);
	p->credited_at = now;
	if (p->credit < 1)
	{
		p->pressed = true;
		return (int) ((1 - p->credit) / p->rate * 1000) + 1;
	}
	p->credit -= 1;
	p->requests++;
	return 0;
}

/* Records a good answer.  A rate nobody waits for is not tried out, so it does not rise. */
void
usdtpay_provider_worked(UsdtpayProvider *p, double elapsed_ms)
{
	double most = p->max_rate;

	if (p->cap_until > usdtpay_worker_clock())
		most = Min(most, p->rate_cap);
	p->ok_at = usdtpay_worker_clock();
	p->latency_ms = p->latency_ms == 0 ? elapsed_ms : 0.8 * p->latency_ms + 0.2 * elapsed_ms;
	if (p->pressed)
		p->rate = Max(p->rate, Min(p->rate * PROVIDER_RATE_UP, most));
	p->pressed = false;
	p->streak = 0;
	p->cool_ms = 0;
}

/* Lowers the rate after a failure.  Of many requests that one suspension refuses, the first
 * counts. */
static void
provider_slow_down(UsdtpayProvider *p, UsdtpayRpcVerdict verdict)
{
	double least = Min(PROVIDER_RATE_MIN, p->max_rate);

	if (verdict != USDTPAY_RPC_RATE)
		p->rate = Max(p->rate * PROVIDER_RATE_DOWN, least);
	else if (p->streak == 0)
	{
		p->rate = p->rate_cap = Max(p->rate * PROVIDER_RATE_REFUSED, least);
		p->cap_until = TimestampTzPlusMilliseconds(p->error_at, PROVIDER_CAP_MS);
	}
}

/* Records a failure and lets the provider rest. */
void
usdtpay_provider_failed(UsdtpayProvider *p, UsdtpayRpcVerdict verdict, const char *what,
						int64 retry_after_ms)
{
	p->error_at = usdtpay_worker_clock();
	p->failures++;
	provider_slow_down(p, verdict);
	p->streak++;
	strlcpy(p->error, what, sizeof(p->error));
	p->cool_ms = p->cool_ms == 0 ? PROVIDER_COOL_MIN_MS
								 : Min(p->cool_ms + p->cool_ms / 2, PROVIDER_COOL_MAX_MS);
	if (verdict == USDTPAY_RPC_DENIED)
		p->cool_ms = PROVIDER_COOL_HARD_MS;
	p->cool_until = TimestampTzPlusMilliseconds(
		p->error_at, Max(p->cool_ms, Min(retry_after_ms, PROVIDER_COOL_HARD_MS)));
}

/* Shuts a provider out that is on another chain or speaks of another token. */
void
usdtpay_provider_refuse(UsdtpayProvider *p, const char *what)
{
	usdtpay_provider_failed(p, USDTPAY_RPC_INVALID, what, -1);
	p->state = USDTPAY_PROVIDER_REFUSED;
	p->checked = false;
	p->head = 0;
	p->final = 0;
	p->verify_at = TimestampTzPlusMilliseconds(p->error_at, PROVIDER_REFUSED_MS);
}

/* Tells whether a provider can be asked for blocks up to head and final. */
static bool
provider_fits(const UsdtpayProvider *p, int64 head, int64 final, TimestampTz now)
{
	return p->state == USDTPAY_PROVIDER_OK && !usdtpay_provider_cooling(p, now) &&
		   p->head >= head && p->final >= final &&
		   !TimestampDifferenceExceeds(p->head_at, now, PROVIDER_HEAD_STALE_MS);
}

/* Gives the highest block any of those has that can be asked now; except is a bit per provider
 * already tried.  Returns: -1 when there is none. */
int64
usdtpay_provider_reach(const UsdtpayProvider *all, int count, uint64 except)
{
	TimestampTz now = usdtpay_worker_clock();
	int64 reach = -1;
	int i;

	for (i = 0; i < count; i++)
		if ((except & (UINT64CONST(1) << i)) == 0 && provider_fits(&all[i], 0, 0, now))
			reach = Max(reach, all[i].head);
	return reach;
}

/* Chooses a provider that has the blocks; except is a bit per provider already tried, avoid is
 * taken only when there is no other.  Lowest priority first; within one, the fastest, or with
 * a small chance any.  Returns: NULL when there is none. */
UsdtpayProvider *
usdtpay_provider_choose(UsdtpayProvider *all, int count, int64 head, int64 final, uint64 except,
						const UsdtpayProvider *avoid)
{
	TimestampTz now = usdtpay_worker_clock();
	bool explore = pg_prng_double(&pg_global_prng_state) < PROVIDER_EXPLORE;
	UsdtpayProvider *best = NULL;
	UsdtpayProvider *last_resort = NULL;
	int equals = 0;
	int i;

	for (i = 0; i < count; i++)
	{
		UsdtpayProvider *p = &all[i];

		if ((except & (UINT64CONST(1) << i)) != 0 || !provider_fits(p, head, final, now))
			continue;
		if (p == avoid)
		{
			last_resort = p;
			continue;
		}
		if (best != NULL && p->priority > best->priority)
			continue;
		if (best == NULL || p->priority < best->priority)
		{
			best = p;
			equals = 1;
			continue;
		}
		equals++;
		if (explore ? pg_prng_double(&pg_global_prng_state) * equals < 1
					: p->latency_ms < best->latency_ms)
			best = p;
	}
	return best != NULL ? best : last_resort;
}
