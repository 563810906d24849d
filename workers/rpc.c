/* SPDX-License-Identifier: PostgreSQL
 *
 * rpc.c: builds requests, takes answers apart, and tells the provider how it did.
 *
 * Invariants: an answer is believed only if it is valid JSON in the server's encoding, carries
 * the ids that were asked, each once, and a result or an error for each; whatever else comes is
 * INVALID.  A node's own words never reach a log or a table: they may quote the key in the URL.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "rpc.h"
#include "worker.h"

#define RPC_CONNECT_MS 5000
#define RPC_WORDS_MAX  1024 /* of a refusal; usdtpay_rpc_judge reads no more */

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

/* Tells whether a question goes to a path, TRON's way, instead of being JSON-RPC. */
static bool
rpc_is_plain(const UsdtpayRpcCall *call)
{
	return call->method[0] == '/';
}

/* Writes the body: one object for one call, an array for several.  Ids count from 1. */
static void
rpc_body(const UsdtpayRpc *rpc, StringInfo body)
{
	int i;

	if (rpc_is_plain(&rpc->calls[0]))
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
	const char *path = rpc_is_plain(&rpc->calls[0]) ? rpc->calls[0].method : rpc->calls[0].door;
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

/* Reads a number of at most 11 characters, without a copy that would live on; 0 for anything
 * else. */
static long
rpc_number(UsdtpaySlice raw)
{
	char digits[12];

	if (raw.p == NULL || raw.len >= sizeof(digits))
		return 0;
	memcpy(digits, raw.p, raw.len);
	digits[raw.len] = '\0';
	return strtol(digits, NULL, 10);
}

/* Reads {"code": …, "message": …, "data": …} and judges it.  Allocates nothing: a hostile answer
 * may hold a million of them. */
static UsdtpayRpcAdvice
rpc_read_error(UsdtpaySlice raw, int http_status)
{
	UsdtpayJson j;
	UsdtpaySlice name;
	char words[RPC_WORDS_MAX];
	size_t len = 0;
	long code = 0;

	usdtpay_json_init(&j, raw.p, raw.len);
	if (usdtpay_json_peek(&j) != USDTPAY_JSON_OBJECT)
		return usdtpay_rpc_judge(http_status, 0, raw.p, raw.len);
	usdtpay_json_object(&j);
	while (usdtpay_json_member(&j, &name))
	{
		UsdtpaySlice value;

		if (!usdtpay_json_skip(&j, &value))
			break;
		if (usdtpay_slice_is(name, "code"))
			code = rpc_number(value);
		else if (usdtpay_slice_is(name, "message") || usdtpay_slice_is(name, "data"))
		{
			size_t take = Min(value.len, Min(RPC_WORDS_MAX / 2 - 1, sizeof(words) - len));

			memcpy(words + len, value.p, take);
			len += take;
			if (len < sizeof(words))
				words[len++] = ' ';
		}
	}
	return usdtpay_rpc_judge(http_status, code, words, len);
}

/* Reads one response object.  Returns: false when it is none, or answers nothing asked.
 * Out: advice, when it is an error. */
static bool
rpc_read_response(UsdtpayRpc *rpc, UsdtpaySlice raw, int status, UsdtpayRpcAdvice *advice)
{
	UsdtpaySlice name;
	UsdtpaySlice result = {NULL, 0};
	UsdtpaySlice error = {NULL, 0};
	UsdtpaySlice id = {NULL, 0};
	UsdtpayJson j;
	UsdtpayRpcCall *call;
	long number;

	usdtpay_json_init(&j, raw.p, raw.len);
	if (!usdtpay_json_object(&j))
		return false;
	while (usdtpay_json_member(&j, &name))
	{
		UsdtpaySlice *slot = usdtpay_slice_is(name, "id")       ? &id
							 : usdtpay_slice_is(name, "result") ? &result
							 : usdtpay_slice_is(name, "error")  ? &error
																: NULL;

		if ((slot != NULL && slot->p != NULL) || !usdtpay_json_skip(&j, slot))
			return false;
	}
	if (j.error != NULL)
		return false;
	if (error.p != NULL && usdtpay_slice_is(error, "null"))
		error.p = NULL;
	if ((error.p == NULL) == (result.p == NULL))
		return false;
	number = rpc_number(id);
	if (error.p != NULL)
		*advice = rpc_read_error(error, status);
	if (number < 1 || number > rpc->count)
		return error.p != NULL;
	call = &rpc->calls[number - 1];
	if (call->answered)
		return false;
	call->answered = true;
	call->result = result;
	if (error.p != NULL)
		call->advice = *advice;
	return true;
}

/* Takes an answer apart.  Returns: false when it is no JSON-RPC answer.
 * Out: rpc->advice, when the node refused the request as a whole. */
static bool
rpc_read_body(UsdtpayRpc *rpc, const UsdtpayHttpAnswer *answer)
{
	UsdtpayRpcAdvice whole = {USDTPAY_RPC_OK, 0, 1, 0};
	UsdtpayJson j;
	UsdtpaySlice raw;
	bool array;
	int elements = 0;
	int i;

	usdtpay_json_init(&j, answer->body, answer->body_len);
	array = usdtpay_json_peek(&j) == USDTPAY_JSON_ARRAY;
	if (array)
	{
		usdtpay_json_array(&j);
		while (usdtpay_json_element(&j))
			if (++elements > rpc->count || !usdtpay_json_skip(&j, &raw) ||
				!rpc_read_response(rpc, raw, answer->status, &whole))
				return false;
	}
	else if (!usdtpay_json_skip(&j, &raw) || !rpc_read_response(rpc, raw, answer->status, &whole))
		return false;
	if (!usdtpay_json_end(&j))
		return false;
	for (i = 0; i < rpc->count; i++)
		if (!rpc->calls[i].answered)
		{
			/* A single error to a batch is about the batch: fewer calls may pass. */
			if (array || whole.verdict == USDTPAY_RPC_OK)
				return false;
			if (rpc->count > 1 && whole.verdict == USDTPAY_RPC_TRANSIENT)
				whole.verdict = USDTPAY_RPC_BATCH;
			rpc->advice = whole;
		}
	return true;
}

/* Takes TRON's plain answer: the body is the result. */
static bool
rpc_read_plain(UsdtpayRpc *rpc, const UsdtpayHttpAnswer *answer)
{
	UsdtpayRpcCall *call = &rpc->calls[0];
	UsdtpayJson j;

	usdtpay_json_init(&j, answer->body, answer->body_len);
	if (answer->status != 200 || !usdtpay_json_skip(&j, &call->result) || !usdtpay_json_end(&j))
		return false;
	call->answered = true;
	return true;
}

/* Judges what came over the wire. */
static void
rpc_judge(UsdtpayRpc *rpc, const UsdtpayHttpAnswer *answer)
{
	bool good;

	rpc->advice.verdict = USDTPAY_RPC_OK;
	if (answer->outcome == USDTPAY_HTTP_TOO_LARGE)
		rpc->advice.verdict = USDTPAY_RPC_RANGE;
	else if (answer->outcome != USDTPAY_HTTP_ANSWERED)
		rpc->advice.verdict = USDTPAY_RPC_TRANSIENT;
	if (rpc->advice.verdict != USDTPAY_RPC_OK)
		return;
	good =
		pg_verifymbstr(answer->body, (int) answer->body_len, true) &&
		(rpc_is_plain(&rpc->calls[0]) ? rpc_read_plain(rpc, answer) : rpc_read_body(rpc, answer));
	if (!good)
		rpc->advice = usdtpay_rpc_judge_status(answer->status);
	/* No such door: nothing is wrong with the node. */
	if (!good && rpc->calls[0].door != NULL && (answer->status == 404 || answer->status == 405))
		rpc->advice.verdict = USDTPAY_RPC_UNSUPPORTED;
	/* A limit can hide behind a well-formed error of every call. */
	if (good && answer->status == 429)
		rpc->advice.verdict = USDTPAY_RPC_RATE;
}

/* Tells whether a verdict says something about the node, not about the question. */
static bool
rpc_blames_node(UsdtpayRpcVerdict verdict)
{
	return verdict == USDTPAY_RPC_RATE || verdict == USDTPAY_RPC_DENIED ||
		   verdict == USDTPAY_RPC_TRANSIENT || verdict == USDTPAY_RPC_INVALID;
}

/* Records the exchange with the provider: the worst verdict of its calls counts. */
static void
rpc_account(UsdtpayRpc *rpc, const UsdtpayHttpAnswer *answer)
{
	UsdtpayRpcVerdict worst = rpc->advice.verdict;
	int64 pause_ms = answer->retry_after_ms;
	char what[160];
	int i;

	for (i = 0; worst == USDTPAY_RPC_OK && i < rpc->count; i++)
		if (rpc_blames_node(rpc->calls[i].advice.verdict))
			worst = rpc->calls[i].advice.verdict;
	if (rpc->advice.verdict == USDTPAY_RPC_BATCH)
		rpc->provider->batch = Max(1, rpc->count / 2);
	if (!rpc_blames_node(worst))
	{
		usdtpay_provider_worked(rpc->provider, answer->elapsed_ms);
		return;
	}
	if (answer->outcome == USDTPAY_HTTP_ANSWERED)
		snprintf(what, sizeof(what), "%s (HTTP status %d)", usdtpay_rpc_verdict_name(worst),
				 answer->status);
	else
		snprintf(what, sizeof(what), "%s", answer->error);
	if (worst == USDTPAY_RPC_RATE && pause_ms < 0)
		pause_ms = usdtpay_rpc_suspension_ms(answer->body, answer->body_len);
	usdtpay_provider_failed(rpc->provider, worst, what, pause_ms);
}

/* Reads the answer of a question whose HTTP call has ended. */
static void
rpc_finish(UsdtpayRpc *rpc)
{
	MemoryContext caller = MemoryContextSwitchTo(rpc->context);
	const UsdtpayHttpAnswer *answer = usdtpay_http_answer(rpc->http);
	int i;

	rpc_judge(rpc, answer);
	rpc_account(rpc, answer);
	for (i = 0; rpc->advice.verdict != USDTPAY_RPC_OK && i < rpc->count; i++)
		rpc->calls[i].advice = rpc->advice;
	rpc->done = true;
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
	rpc_finish(rpc);
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

/* Answers a question by what happened to the one before it, without asking: a node that just
 * refused is left alone. */
static void
rpc_forgo(UsdtpayRpc *rpc)
{
	int i;

	rpc->done = true;
	rpc->advice.verdict = USDTPAY_RPC_TRANSIENT;
	for (i = 0; i < rpc->count; i++)
		rpc->calls[i].advice = rpc->advice;
}

/* Sends calls[from..] in requests of at most batch->slice calls. */
static void
rpc_batch_send(UsdtpayHttpPool *pool, UsdtpayRpcBatch *batch)
{
	int at = 0;

	batch->slice = Max(1, Min(batch->count, Min(usdtpay_rpc_batch, batch->provider->batch)));
	if (batch->count > 0 && rpc_is_plain(&batch->calls[0]))
		batch->slice = 1;
	batch->rpc_count = (batch->count + batch->slice - 1) / batch->slice;
	batch->rpcs = palloc0(sizeof(UsdtpayRpc *) * batch->rpc_count);
	while (at < batch->count)
	{
		int n = Min(batch->slice, batch->count - at);
		UsdtpayRpc *rpc = usdtpay_rpc_create(CurrentMemoryContext, batch->provider, n);
		int i;

		rpc->count = n;
		for (i = 0; i < n; i++)
		{
			rpc->calls[i] = batch->calls[at + i];
			rpc->calls[i].answered = false;
			rpc->calls[i].advice.verdict = USDTPAY_RPC_OK;
		}
		while (usdtpay_http_room(pool) <= 0)
			(void) usdtpay_rpc_next(pool, usdtpay_rpc_timeout);
		if (at > 0 && usdtpay_provider_cooling(batch->provider, usdtpay_worker_clock()))
			rpc_forgo(rpc);
		else
			usdtpay_rpc_send(pool, rpc, batch->timeout_ms);
		batch->rpcs[at / batch->slice] = rpc;
		at += n;
	}
}

/* Sends calls without waiting.  They and the batch live in the current context. */
UsdtpayRpcBatch *
usdtpay_rpc_start(UsdtpayHttpPool *pool, UsdtpayProvider *provider, UsdtpayRpcCall *calls,
				  int count, int timeout_ms)
{
	UsdtpayRpcBatch *batch = palloc0(sizeof(*batch));

	batch->provider = provider;
	batch->calls = calls;
	batch->count = count;
	batch->timeout_ms = timeout_ms;
	rpc_batch_send(pool, batch);
	return batch;
}

/* Frees a batch's requests; results die with them. */
void
usdtpay_rpc_drop(UsdtpayRpcBatch *batch)
{
	int i;

	for (i = 0; i < batch->rpc_count; i++)
		if (batch->rpcs[i] != NULL)
			usdtpay_rpc_free(batch->rpcs[i]);
	batch->rpc_count = 0;
}

/* Copies the answers to the caller's calls.  Returns: the first verdict that is not OK. */
static UsdtpayRpcVerdict
rpc_batch_collect(UsdtpayRpcBatch *batch)
{
	UsdtpayRpcVerdict verdict = USDTPAY_RPC_OK;
	int i;

	for (i = 0; i < batch->count; i++)
	{
		batch->calls[i] = batch->rpcs[i / batch->slice]->calls[i % batch->slice];
		if (verdict == USDTPAY_RPC_OK)
			verdict = batch->calls[i].advice.verdict;
	}
	return verdict;
}

/* Waits for all answers; a node that finds the requests too big gets smaller ones.
 * Returns: OK when every call has a result, else the first verdict that is not.  Results stay
 * valid until usdtpay_rpc_drop(). */
UsdtpayRpcVerdict
usdtpay_rpc_finish(UsdtpayHttpPool *pool, UsdtpayRpcBatch *batch)
{
	for (;;)
	{
		UsdtpayRpcVerdict verdict;

		usdtpay_rpc_wait(pool, batch->rpcs, batch->rpc_count);
		verdict = rpc_batch_collect(batch);
		if (batch->slice == 1 || (verdict != USDTPAY_RPC_BATCH && verdict != USDTPAY_RPC_RANGE) ||
			(verdict == USDTPAY_RPC_RANGE && batch->rpcs[0]->advice.verdict == USDTPAY_RPC_OK))
			return verdict;
		/* Too many calls, or an answer too large for one request. */
		batch->provider->batch = batch->slice / 2;
		usdtpay_rpc_drop(batch);
		rpc_batch_send(pool, batch);
	}
}
