/* SPDX-License-Identifier: PostgreSQL
 *
 * scanner_poll.c: which nodes may be believed, and how far the chain is.
 *
 * Every node is asked on its own and may answer late: the question outlives the tick, so a node
 * that hangs costs the others nothing.  A node is used only after its start checks; a code hash
 * that is not pinned yet is pinned when two nodes agree, or when there is only one.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "scanner.h"
#include "worker.h"

#define POLL_GRACE_MS       100
#define POLL_FRESH_MS       15000
#define POLL_RECHECK_MS     2000
#define POLL_FINAL_MAX      30000
#define POLL_RECHECK_DOUBLE 5
#define POLL_SLOT_CHAIN     10000

/* Tells whether any node still owes an answer. */
bool
scanner_polling(const Scanner *s)
{
	int i;

	for (i = 0; i < s->provider_count; i++)
		if (s->providers[i].pending != NULL)
			return true;
	return false;
}

/* Asks nodes who they are: those not checked yet, and the others now and then.  Returns: how
 * many were asked. */
static int
poll_ask_identities(Scanner *s, TimestampTz now)
{
	int asked = 0;
	int i;

	for (i = 0; i < s->provider_count; i++)
	{
		UsdtpayProvider *p = &s->providers[i];

		if (p->pending != NULL || p->verify_at > now ||
			(p->checked && p->state != USDTPAY_PROVIDER_OK) || usdtpay_provider_cooling(p, now) ||
			usdtpay_http_room(s->pool) <= 0)
			continue;
		p->pending = s->family->ask_identity(s, p);
		p->pending_verify = true;
		p->verify_at = TimestampTzPlusMilliseconds(now, POLL_RECHECK_MS);
		usdtpay_rpc_send(s->pool, p->pending, usdtpay_rpc_timeout);
		asked++;
	}
	return asked;
}

/* Asks the others for their head.  Returns: how many were asked. */
static int
poll_ask_heads(Scanner *s, TimestampTz now, bool with_final)
{
	int asked = 0;
	int i;

	for (i = 0; i < s->provider_count; i++)
	{
		UsdtpayProvider *p = &s->providers[i];

		if (p->pending != NULL || p->state != USDTPAY_PROVIDER_OK ||
			usdtpay_provider_cooling(p, now) || usdtpay_http_room(s->pool) <= 0)
			continue;
		p->pending = s->family->ask_head(s, p, with_final);
		p->pending_verify = false;
		p->pending_final = with_final;
		usdtpay_rpc_send(s->pool, p->pending, usdtpay_rpc_timeout);
		asked++;
	}
	return asked;
}

/* Checks a node that said who it is, at the start or again.  These checks wait for the node while
 * everybody else waits, too: one that fails them is asked again later and later. */
static void
poll_take_identity(Scanner *s, UsdtpayProvider *p, UsdtpayRpc *rpc)
{
	bool answered = rpc->calls[0].advice.verdict == USDTPAY_RPC_OK;

	if (p->checked)
	{
		scanner_check_again(s, p, answered ? rpc : NULL);
		return;
	}
	if (!answered)
		return;
	p->checked = scanner_check(s, p, rpc);
	p->check_failures = p->checked ? 0 : p->check_failures + 1;
	if (!p->checked && p->state != USDTPAY_PROVIDER_REFUSED)
		p->verify_at =
			scanner_after(POLL_RECHECK_MS << Min(p->check_failures, POLL_RECHECK_DOUBLE));
	s->poll_at = 0;
}

/* Takes what a node says of its head. */
static void
poll_take_head(Scanner *s, UsdtpayProvider *p, UsdtpayRpc *rpc)
{
	int64 before = p->head;

	if (rpc->calls[0].advice.verdict != USDTPAY_RPC_OK)
		return;
	if (!s->family->read_head(s, p, rpc))
	{
		usdtpay_provider_failed(p, USDTPAY_RPC_INVALID, "the head makes no sense", -1);
		return;
	}
	p->head_at = usdtpay_worker_clock();
	if (p->head > before)
		p->moved_at = p->head_at;
	s->polled = true;
}

/* Takes a finished question of this file; freeing it makes room for the next. */
static void
poll_take(Scanner *s, UsdtpayRpc *rpc)
{
	UsdtpayProvider *p = rpc->provider;

	if (p->pending_verify)
		poll_take_identity(s, p, rpc);
	else
		poll_take_head(s, p, rpc);
	usdtpay_rpc_free(rpc);
}

/* Takes what was answered while somebody waited for something else.  Returns: how many. */
static int
poll_take_done(Scanner *s)
{
	int taken = 0;
	int i;

	for (i = 0; i < s->provider_count; i++)
		if (s->providers[i].pending != NULL && s->providers[i].pending->done)
		{
			poll_take(s, s->providers[i].pending);
			taken++;
		}
	return taken;
}

/* Takes answers until everybody asked has given one, or patience ends; once the first is there
 * the others get a moment only. */
static void
poll_collect(Scanner *s, int asked, int patience_ms)
{
	TimestampTz until = scanner_after(patience_ms);
	bool first = true;

	for (;;)
	{
		long left;
		UsdtpayRpc *rpc;

		asked -= poll_take_done(s);
		left = TimestampDifferenceMilliseconds(usdtpay_worker_clock(), until);
		rpc = usdtpay_rpc_next(s->pool, asked > 0 ? (int) Max(left, 0) : 0);
		if (rpc == NULL)
			return;
		if (first)
			until = Min(until, scanner_after(POLL_GRACE_MS));
		first = false;
	}
}

/* Pins a token's code once it is known: two nodes agree, or there is but one. */
static void
poll_pin(Scanner *s, int token)
{
	const uint8 *seen = NULL;
	int i;

	for (i = 0; i < s->provider_count; i++)
	{
		UsdtpayProvider *p = &s->providers[i];

		if (!p->checked)
			continue;
		if (seen != NULL && memcmp(seen, p->code_hash[token], 32) != 0)
		{
			scanner_note(s, "nodes disagree on the code of a token; none is used");
			return;
		}
		if (seen != NULL || s->provider_count == 1)
		{
			scanner_db_pin(s, token, p->code_hash[token]);
			return;
		}
		seen = p->code_hash[token];
	}
	if (seen != NULL)
		scanner_note(s, "waiting for a second node to confirm the code of a token");
}

/* Admits checked nodes whose code equals the pins; refuses the others. */
static void
poll_admit(Scanner *s)
{
	bool all_pinned = true;
	int i;
	int t;

	for (t = 0; t < s->token_count; t++)
	{
		if (!s->tokens[t].pinned)
			poll_pin(s, t);
		all_pinned = all_pinned && s->tokens[t].pinned;
	}
	for (i = 0; all_pinned && i < s->provider_count; i++)
	{
		UsdtpayProvider *p = &s->providers[i];

		if (!p->checked || p->state == USDTPAY_PROVIDER_OK)
			continue;
		p->state = USDTPAY_PROVIDER_OK;
		for (t = 0; t < s->token_count; t++)
			if (memcmp(s->tokens[t].code_hash, p->code_hash[t], 32) != 0)
			{
				usdtpay_provider_refuse(p, "the token's code is not the pinned one");
				break;
			}
		if (p->state == USDTPAY_PROVIDER_OK)
			s->poll_at = 0;
	}
}

/* Gathers what fresh nodes that do not rest serve, finals only of those whose head is at least
 * above: a node that lags must not hold crediting back.  Returns: how many. */
static size_t
poll_gather(const Scanner *s, bool final, int64 above, int64 *out)
{
	TimestampTz now = usdtpay_worker_clock();
	size_t n = 0;
	int i;

	for (i = 0; i < s->provider_count; i++)
	{
		const UsdtpayProvider *p = &s->providers[i];

		if (p->state == USDTPAY_PROVIDER_OK && p->head >= above &&
			!usdtpay_provider_cooling(p, now) &&
			!TimestampDifferenceExceeds(p->head_at, now, POLL_FRESH_MS))
			out[n++] = final ? p->final : p->head;
	}
	return n;
}

/* Works out the head and the final block to believe. */
static void
poll_serve(Scanner *s)
{
	TimestampTz now = usdtpay_worker_clock();
	int64 heads[SCANNER_PROVIDERS];
	size_t n = poll_gather(s, false, 1, heads);
	int64 spread = Max(2, 3000 / s->block_ms);
	int64 ceiling = usdtpay_head_ceiling(
		s->served, TimestampDifferenceMilliseconds(s->served_at, now), s->block_ms);
	int64 served = usdtpay_head_served(heads, n, spread, ceiling);

	/* When even the slowest node is above, it is the chain that made haste. */
	if (served == 0)
		served = usdtpay_head_served(heads, n, spread, 0);
	/* The clock runs from the last step, so that what was implausible becomes plausible. */
	if (served > 0 && served != s->served)
	{
		s->served = served;
		s->served_at = now;
	}
	n = poll_gather(s, true, s->served - spread, heads);
	served = usdtpay_head_served(heads, n, Max(64, spread), 0);
	if (served > 0)
		s->served_final = served;
}

/* Says when to ask again.  A chain of slow slots is left alone until the next block can be. */
static void
poll_schedule(Scanner *s, int64 served_before)
{
	int pause = s->poll_ms;

	if (s->served > served_before && s->block_ms >= POLL_SLOT_CHAIN)
		pause = Max(pause, s->block_ms - 2 * s->poll_ms);
	s->poll_at = scanner_after(pause);
}

/* Asks whom it is time to ask and takes answers, for up to patience_ms. */
void
scanner_poll(Scanner *s, int patience_ms)
{
	TimestampTz now = usdtpay_worker_clock();
	int asked = poll_ask_identities(s, now);
	int64 served_before = s->served;
	bool due = s->poll_at <= now;

	if (due)
	{
		bool with_final = s->final_tag && s->final_poll_at <= now;
		int heads = poll_ask_heads(s, now, with_final);

		s->poll_at = scanner_after(s->poll_ms);
		if (with_final && heads > 0)
			s->final_poll_at = scanner_after(Min(POLL_FINAL_MAX, 2 * s->block_ms));
		asked += heads;
	}
	if (asked == 0 && !scanner_polling(s))
		return;
	poll_collect(s, asked, asked > 0 ? patience_ms : 0);
	poll_admit(s);
	poll_serve(s);
	if (due && s->poll_at != 0)
		poll_schedule(s, served_before);
}
