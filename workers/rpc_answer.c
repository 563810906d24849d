/* SPDX-License-Identifier: PostgreSQL
 *
 * rpc_answer.c: takes answers apart and tells the provider how it did.
 *
 * Invariants: an answer is believed only if it is valid JSON in the server's encoding, carries
 * the ids that were asked, each once, and a result or an error for each; whatever else comes is
 * INVALID.  A node's own words never reach a log or a table: they may quote the key in the URL.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "rpc.h"

#define RPC_WORDS_MAX 1024 /* of a refusal; usdtpay_rpc_judge reads no more */

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
	good = pg_verifymbstr(answer->body, (int) answer->body_len, true) &&
		   (usdtpay_rpc_is_plain(&rpc->calls[0]) ? rpc_read_plain(rpc, answer)
												 : rpc_read_body(rpc, answer));
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
void
usdtpay_rpc_take(UsdtpayRpc *rpc)
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
