/* SPDX-License-Identifier: PostgreSQL
 *
 * rpc.c: questions on their way: built, paced, sent, waited for.
 *
 * Invariants: a request leaves only when the provider's rate allows it; whoever waits takes every
 * answer that comes meanwhile, and marks it done for whoever asked.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "rpc.h"
#include "worker.h"

#define RPC_CONNECT_MS 5000

/* Ends the HTTP call of a question that goes away, and lets its provider forget it. */
static void
rpc_on_reset(void *arg)
{
	UsdtpayRpc *rpc = arg;

	if (rpc->http != NULL)
		usdtpay_http_release(rpc->http);
	if (rpc->provider->pending == rpc)
		rpc->provider->pending = NULL;
}

/* Makes an empty question. */
UsdtpayRpc *
usdtpay_rpc_create(MemoryContext parent, UsdtpayProvider *provider, int capacity)
{
	MemoryContext context = AllocSetContextCreate(parent, "usdtpay rpc", ALLOCSET_SMALL_SIZES);
	UsdtpayRpc *rpc = MemoryContextAllocZero(context, sizeof(*rpc));

	rpc->context = context;
	rpc->provider = provider;
	rpc->capacity = capacity;
	rpc->calls = MemoryContextAllocZero(context, sizeof(UsdtpayRpcCall) * capacity);
	rpc->on_reset.func = rpc_on_reset;
	rpc->on_reset.arg = rpc;
	MemoryContextRegisterResetCallback(context, &rpc->on_reset);
	return rpc;
}

/* Adds a call; params is a printf format that makes a JSON array. */
UsdtpayRpcCall *
usdtpay_rpc_add(UsdtpayRpc *rpc, const char *method, const char *params, ...)
{
	MemoryContext caller = MemoryContextSwitchTo(rpc->context);
	UsdtpayRpcCall *call = &rpc->calls[rpc->count];
	StringInfoData words;

	Assert(rpc->count < rpc->capacity);
	initStringInfo(&words);
	for (;;)
	{
		va_list args;
		int need;

		va_start(args, params);
		need = appendStringInfoVA(&words, params, args);
		va_end(args);
		if (need == 0)
			break;
		enlargeStringInfo(&words, need);
	}
	call->method = method;
	call->params = words.data;
	rpc->count++;
	MemoryContextSwitchTo(caller);
	return call;
}

/* Frees a question, ending it when it still runs. */
void
usdtpay_rpc_free(UsdtpayRpc *rpc)
{
	MemoryContextDelete(rpc->context);
}

/* Writes the body: one object for one call, an array for several.  Ids count from 1. */
static void
rpc_body(const UsdtpayRpc *rpc, StringInfo body)
{
	int i;

	if (usdtpay_rpc_is_plain(&rpc->calls[0]))
	{
		appendStringInfoString(body, rpc->calls[0].params);
		return;
	}
	for (i = 0; i < rpc->count; i++)
		appendStringInfo(body, "%s{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"%s\",\"params\":%s}",
						 i > 0            ? ","
						 : rpc->count > 1 ? "["
										  : "",
						 i + 1, rpc->calls[i].method, rpc->calls[i].params);
	if (rpc->count > 1)
		appendStringInfoChar(body, ']');
}

/* Lists the request's headers, NULL-terminated. */
static const char **
rpc_headers(const UsdtpayRpc *rpc)
{
	const char *const *own = rpc->provider->headers;
	const char **headers;
	int n = 0;
	int i;

	while (own[n] != NULL)
		n++;
	headers = MemoryContextAllocZero(rpc->context, sizeof(char *) * (n + 3));
	headers[0] = "Content-Type: application/json";
	headers[1] = "Accept: application/json";
	for (i = 0; i < n; i++)
		headers[i + 2] = own[i];
	return headers;
}

/* Waits until the provider's rate allows one more request.  Answers that come meanwhile are
 * taken: what was asked is marked done for whoever asked it. */
static void
rpc_pace(UsdtpayHttpPool *pool, UsdtpayProvider *provider)
{
	for (;;)
	{
		int wait = usdtpay_provider_take(provider, usdtpay_worker_clock());

		if (wait == 0)
			return;
		if (usdtpay_rpc_next(pool, Min(wait, 100)) == NULL)
			usdtpay_worker_pause(Min(wait, 10));
	}
}

/* Gives the address a question goes to. */
static const char *
rpc_url(const UsdtpayRpc *rpc)
{
	const char *base = rpc->provider->url;
	const char *path =
		usdtpay_rpc_is_plain(&rpc->calls[0]) ? rpc->calls[0].method : rpc->calls[0].door;
	size_t len = strlen(base);

	if (path == NULL)
		return base;
	while (len > 0 && base[len - 1] == '/')
		len--;
	return psprintf("%.*s%s", (int) len, base, path);
}

/* Sends a question.  No transaction may be open. */
void
usdtpay_rpc_send(UsdtpayHttpPool *pool, UsdtpayRpc *rpc, int timeout_ms)
{
	MemoryContext caller = MemoryContextSwitchTo(rpc->context);
	UsdtpayHttpRequest request = {0};
	StringInfoData body;

	rpc_pace(pool, rpc->provider);
	initStringInfo(&body);
	rpc_body(rpc, &body);
	request.url = rpc_url(rpc);
	request.headers = rpc_headers(rpc);
	request.body = body.data;
	request.body_len = body.len;
	request.max_bytes = (size_t) usdtpay_rpc_max_bytes * 1024;
	request.connect_ms = Min(RPC_CONNECT_MS, timeout_ms);
	request.total_ms = timeout_ms;
	request.tag = rpc;
	rpc->http = usdtpay_http_submit(pool, &request);
	MemoryContextSwitchTo(caller);
}

/* Waits for any question of the pool to be answered.  Returns: NULL after timeout_ms, or when
 * none is open. */
UsdtpayRpc *
usdtpay_rpc_next(UsdtpayHttpPool *pool, int timeout_ms)
{
	UsdtpayHttpCall *call = usdtpay_http_next(pool, timeout_ms);
	UsdtpayRpc *rpc;

	if (call == NULL)
		return NULL;
	rpc = usdtpay_http_tag(call);
	usdtpay_rpc_take(rpc);
	return rpc;
}

/* Waits until all of these are answered; every one has a deadline of its own.  Others that are
 * answered meanwhile are marked done for whoever asked them. */
void
usdtpay_rpc_wait(UsdtpayHttpPool *pool, UsdtpayRpc *const *rpcs, int count)
{
	int i;

	for (i = 0; i < count; i++)
		while (!rpcs[i]->done)
			(void) usdtpay_rpc_next(pool, usdtpay_rpc_timeout);
}
