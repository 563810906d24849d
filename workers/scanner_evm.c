/* SPDX-License-Identifier: PostgreSQL
 *
 * scanner_evm.c: what the scanner asks Ethereum and its kin.
 *
 * Logs are asked for by contract and topic over whole ranges; recipients are matched here, so a
 * million watched addresses cost as much as one.  A single new block is asked for by its hash,
 * which a node that does not have it must refuse; a range is asked for by numbers, never beyond
 * that node's own head, for some nodes clamp silently.  A range a node finds too large is cut; a
 * block that cannot be cut is taken from its receipts.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "chain/evm.h"
#include "codec/hex.h"
#include "compat.h"
#include "guc.h"
#include "scanner_evm.h"
#include "worker.h"

#define EVM_DECIMALS_CALL "0x313ce567"
#define EVM_QUICK_BLOCKS  3
#define EVM_QUICK_MIN_MS  2000

/* Gives the deadline of a request: short for the newest blocks, which another node has too. */
static int
evm_timeout(const UsdtpayProvider *p, int64 blocks)
{
	if (blocks > EVM_QUICK_BLOCKS || p->latency_ms <= 0)
		return usdtpay_rpc_timeout;
	return Min(usdtpay_rpc_timeout, Max(EVM_QUICK_MIN_MS, (int) Min(8 * p->latency_ms, 1e6)));
}

/* Fills a call. */
void
scanner_evm_call(UsdtpayRpcCall *call, const char *method, char *params)
{
	memset(call, 0, sizeof(*call));
	call->method = method;
	call->params = params;
}

/* Runs calls to their end.  Results live in the current context. */
UsdtpayRpcVerdict
scanner_evm_run(Scanner *s, UsdtpayProvider *p, UsdtpayRpcCall *calls, int count, int timeout_ms)
{
	return usdtpay_rpc_finish(s->pool, usdtpay_rpc_start(s->pool, p, calls, count, timeout_ms));
}

/* Writes bytes as 0x and hex. */
static char *
evm_hex(const uint8 *bytes, int len)
{
	char *out = palloc(2 * len + 3);

	out[0] = '0';
	out[1] = 'x';
	usdtpay_hex_encode(out + 2, bytes, len);
	out[2 * len + 2] = '\0';
	return out;
}

/* Takes the quotes off a JSON string.  Returns: false when it is none. */
static bool
evm_string(UsdtpaySlice *slice)
{
	if (slice->len < 2 || slice->p[0] != '"')
		return false;
	slice->p++;
	slice->len -= 2;
	return true;
}

/* Reads a result that is a quantity. */
static bool
evm_quantity(UsdtpaySlice slice, uint64 *out)
{
	uint64_t value;

	if (!evm_string(&slice) || !usdtpay_hex_quantity(&value, slice.p, slice.len))
		return false;
	*out = value;
	return true;
}

/* Reads a block object. */
bool
scanner_evm_header(UsdtpaySlice slice, UsdtpayEvmHeader *header)
{
	UsdtpayFault fault = {0};
	UsdtpayJson j;

	usdtpay_json_init(&j, slice.p, slice.len);
	return usdtpay_json_peek(&j) == USDTPAY_JSON_OBJECT &&
		   usdtpay_evm_header_parse(header, &j, &fault) && header->has_hash &&
		   header->number < PG_INT64_MAX;
}

/* Asks for the chain id. */
static UsdtpayRpc *
evm_ask_identity(Scanner *s, UsdtpayProvider *p)
{
	UsdtpayRpc *rpc = usdtpay_rpc_create(s->config_context, p, 1);

	usdtpay_rpc_add(rpc, "eth_chainId", "[]");
	return rpc;
}

/* Takes the quotes and 0x off a JSON string.  Returns: the digits, empty when it is none. */
static UsdtpaySlice
evm_digits(UsdtpaySlice slice)
{
	UsdtpaySlice none = {NULL, 0};

	if (!evm_string(&slice) || slice.len < 2 || slice.p[0] != '0' || slice.p[1] != 'x')
		return none;
	slice.p += 2;
	slice.len -= 2;
	return slice;
}

/* Asks for decimals and code of every token. */
static UsdtpayRpcVerdict
evm_ask_tokens(Scanner *s, UsdtpayProvider *p, ScannerTokenAnswer *answers, UsdtpayRpcBatch **batch)
{
	UsdtpayRpcCall *calls = palloc(sizeof(UsdtpayRpcCall) * 2 * s->token_count);
	UsdtpayRpcVerdict verdict;
	int i;

	for (i = 0; i < s->token_count; i++)
	{
		char *address = evm_hex(s->tokens[i].contract, 20);

		scanner_evm_call(
			&calls[2 * i], "eth_call",
			psprintf("[{\"to\":\"%s\",\"data\":\"" EVM_DECIMALS_CALL "\"},\"latest\"]", address));
		scanner_evm_call(&calls[2 * i + 1], "eth_getCode",
						 psprintf("[\"%s\",\"latest\"]", address));
	}
	*batch = usdtpay_rpc_start(s->pool, p, calls, 2 * s->token_count, usdtpay_rpc_timeout);
	verdict = usdtpay_rpc_finish(s->pool, *batch);
	for (i = 0; verdict == USDTPAY_RPC_OK && i < s->token_count; i++)
	{
		answers[i].decimals = evm_digits(calls[2 * i].result);
		answers[i].code = evm_digits(calls[2 * i + 1].result);
	}
	return verdict;
}

/* Asks for the head and, now and then, the finalized block; one at a time where the node takes
 * no batches. */
static UsdtpayRpc *
evm_ask_head(Scanner *s, UsdtpayProvider *p, bool with_final)
{
	UsdtpayRpc *rpc = usdtpay_rpc_create(s->config_context, p, 2);

	if (p->batch > 1 || !with_final || p->head == 0)
		usdtpay_rpc_add(rpc, "eth_getBlockByNumber", "[\"latest\",false]");
	if (with_final && (p->batch > 1 || p->head > 0))
		usdtpay_rpc_add(rpc, "eth_getBlockByNumber", "[\"finalized\",false]");
	return rpc;
}

/* Takes the answer about the finalized block in; a node that has none yet gives none. */
static bool
evm_read_final(UsdtpayProvider *p, const UsdtpayRpcCall *call)
{
	UsdtpayEvmHeader header;

	p->final = 0;
	if (call->advice.verdict != USDTPAY_RPC_OK || usdtpay_slice_is(call->result, "null"))
		return true;
	if (!scanner_evm_header(call->result, &header))
		return false;
	p->final = (int64) header.number;
	return true;
}

/* Takes head and final in. */
static bool
evm_read_head(Scanner *s, UsdtpayProvider *p, UsdtpayRpc *rpc)
{
	UsdtpayEvmHeader header;
	int i;

	for (i = 0; i < rpc->count; i++)
	{
		const UsdtpayRpcCall *call = &rpc->calls[i];

		if (strstr(call->params, "finalized") != NULL)
		{
			if (!evm_read_final(p, call))
				return false;
			continue;
		}
		if (call->advice.verdict != USDTPAY_RPC_OK || !scanner_evm_header(call->result, &header))
			return false;
		p->head = (int64) header.number;
		memcpy(p->head_hash, header.hash, 32);
		p->header = pnstrdup(call->result.p, call->result.len);
	}
	return true;
}

/* Writes the part of a log filter that never changes: contracts and topics. */
static void
evm_filter(const Scanner *s, StringInfo out)
{
	const uint8 *topic;
	size_t i;

	appendStringInfoString(out, "\"address\":[");
	for (i = 0; i < (size_t) s->token_count; i++)
		appendStringInfo(out, "%s\"%s\"", i > 0 ? "," : "", evm_hex(s->tokens[i].contract, 20));
	appendStringInfoString(out, "],\"topics\":[[");
	for (i = 0; (topic = usdtpay_event_topic(i)) != NULL; i++)
		appendStringInfo(out, "%s\"%s\"", i > 0 ? "," : "", evm_hex(topic, 32));
	appendStringInfoString(out, "]]");
}

/* Asks for the logs of one range. */
UsdtpayRpcVerdict
scanner_evm_ask_logs(Scanner *s, UsdtpayProvider *p, const char *where, int timeout_ms,
					 UsdtpayRpcCall *call)
{
	StringInfoData params;

	initStringInfo(&params);
	appendStringInfo(&params, "[{%s,", where);
	evm_filter(s, &params);
	appendStringInfoString(&params, "}]");
	scanner_evm_call(call, "eth_getLogs", params.data);
	return scanner_evm_run(s, p, call, 1, timeout_ms);
}

/* Lowers the provider's range after it found from..to too much.  Returns: false when the range
 * cannot get smaller. */
static bool
evm_narrow(UsdtpayProvider *p, const UsdtpayRpcAdvice *advice, int64 from, int64 to)
{
	int64 asked = to - from + 1;
	int64 fits = asked / 2;

	if (asked <= 1)
		return false;
	if (advice->verdict == USDTPAY_RPC_CHUNK && advice->limit > 0)
		fits = Min(advice->limit, asked - 1);
	else if (advice->from <= advice->to && advice->from == from && advice->to < to)
		fits = advice->to - from + 1;
	p->log_range = (int) Max(1, fits);
	return true;
}

/* Collects the logs of one piece.  Out: advice.  Returns: RANGE or CHUNK when less should be asked
 * for; such a piece leaves nothing behind. */
static UsdtpayRpcVerdict
evm_piece(Scanner *s, UsdtpayProvider *p, int64 from, int64 to, int timeout_ms, ScannerSpan *span,
		  UsdtpayRpcAdvice *advice)
{
	UsdtpayRpcAdvice cut = {USDTPAY_RPC_RANGE, 0, 1, 0};
	int64 before = span->log_count;
	int len = span->logs.len;
	UsdtpayRpcCall call;
	UsdtpayRpcVerdict verdict;

	verdict = scanner_evm_ask_logs(
		s, p, psprintf("\"fromBlock\":\"0x" EVM_HEX "\",\"toBlock\":\"0x" EVM_HEX "\"", from, to),
		timeout_ms, &call);
	*advice = call.advice;
	if (verdict != USDTPAY_RPC_OK)
		return verdict;
	if (!scanner_append(&span->logs, call.result, &span->log_count))
		return USDTPAY_RPC_INVALID;
	if (!usdtpay_rpc_is_cap(span->log_count - before))
		return USDTPAY_RPC_OK;
	/* A round number of logs may be all the node gives: ask for less. */
	span->logs.len = len;
	span->logs.data[len] = '\0';
	span->log_count = before;
	*advice = cut;
	return USDTPAY_RPC_RANGE;
}

/* Collects the logs of a range, in as many pieces as the node needs and its deadline allows.  A
 * piece that fails fails the whole: nothing partial is ever believed. */
static UsdtpayRpcVerdict
evm_logs(Scanner *s, UsdtpayProvider *p, ScannerSpan *span)
{
	int64 from = span->from;

	while (from <= span->to)
	{
		int64 to = Min(span->to, from + p->log_range - 1);
		long left = TimestampDifferenceMilliseconds(usdtpay_worker_clock(), span->until);
		int timeout_ms = (int) Min(left, evm_timeout(p, span->to - span->from + 1));
		UsdtpayRpcAdvice advice;
		UsdtpayRpcVerdict verdict;

		if (left <= 0)
			return USDTPAY_RPC_TRANSIENT;
		verdict = evm_piece(s, p, from, to, timeout_ms, span, &advice);
		if (verdict == USDTPAY_RPC_OK)
		{
			if (to - from + 1 == p->log_range)
				p->log_range += 1 + p->log_range / 20;
			from = to + 1;
			continue;
		}
		if (verdict != USDTPAY_RPC_RANGE && verdict != USDTPAY_RPC_CHUNK)
			return verdict;
		if (evm_narrow(p, &advice, from, to))
			continue;
		verdict = scanner_evm_take_receipts(s, p, from, span);
		if (verdict != USDTPAY_RPC_OK)
			return verdict;
		from++;
	}
	return USDTPAY_RPC_OK;
}

/* Takes the block a node just called its head, asking for its logs by hash. */
static UsdtpayRpcVerdict
evm_fetch_head(Scanner *s, UsdtpayProvider *p, ScannerSpan *span)
{
	UsdtpayRpcCall call;
	UsdtpayRpcVerdict verdict;

	verdict =
		scanner_evm_ask_logs(s, p, psprintf("\"blockHash\":\"%s\"", evm_hex(p->head_hash, 32)),
							 evm_timeout(p, 1), &call);
	if (verdict != USDTPAY_RPC_OK)
		return verdict;
	if (!scanner_append(&span->logs, call.result, &span->log_count))
		return USDTPAY_RPC_INVALID;
	if (usdtpay_rpc_is_cap(span->log_count))
		return USDTPAY_RPC_RANGE;
	appendStringInfoString(&span->headers, p->header);
	return USDTPAY_RPC_OK;
}

/* Starts asking for headers: all of the span, or the last one only. */
UsdtpayRpcBatch *
scanner_evm_start_headers(Scanner *s, UsdtpayProvider *p, ScannerLook look, const ScannerSpan *span)
{
	int64 first = look == SCANNER_LOOK_FINAL ? span->to : span->from;
	int count = (int) (span->to - first + 1);
	UsdtpayRpcCall *calls = palloc(sizeof(UsdtpayRpcCall) * count);
	int i;

	for (i = 0; i < count; i++)
		scanner_evm_call(&calls[i], "eth_getBlockByNumber",
						 psprintf("[\"0x" EVM_HEX "\",false]", first + i));
	return usdtpay_rpc_start(s->pool, p, calls, count, evm_timeout(p, count));
}

/* Waits for the headers and appends them. */
UsdtpayRpcVerdict
scanner_evm_finish_headers(Scanner *s, UsdtpayRpcBatch *batch, ScannerSpan *span)
{
	UsdtpayRpcVerdict verdict = usdtpay_rpc_finish(s->pool, batch);
	int i;

	for (i = 0; verdict == USDTPAY_RPC_OK && i < batch->count; i++)
	{
		UsdtpaySlice result = batch->calls[i].result;

		if (usdtpay_slice_is(result, "null"))
			verdict = USDTPAY_RPC_LAGGING;
		if (i > 0)
			appendStringInfoChar(&span->headers, ',');
		appendBinaryStringInfo(&span->headers, result.p, (int) result.len);
	}
	usdtpay_rpc_drop(batch);
	return verdict;
}

/* Fetches headers and logs of a span. */
static UsdtpayRpcVerdict
evm_fetch(Scanner *s, UsdtpayProvider *p, ScannerLook look, ScannerSpan *span)
{
	UsdtpayRpcVerdict verdict = USDTPAY_RPC_RANGE;

	scanner_text_begin(&span->headers);
	scanner_text_begin(&span->logs);
	appendStringInfoChar(&span->headers, '[');
	appendStringInfoChar(&span->logs, '[');
	if (look == SCANNER_LOOK_TIP && span->from == span->to && p->header != NULL &&
		p->head == span->from)
		verdict = evm_fetch_head(s, p, span);
	/* The general way, and the way out when the short one says "too much". */
	if (verdict == USDTPAY_RPC_RANGE || verdict == USDTPAY_RPC_CHUNK)
	{
		UsdtpayRpcBatch *batch = scanner_evm_start_headers(s, p, look, span);
		UsdtpayRpcVerdict headers;

		span->log_count = 0;
		span->logs.len = VARHDRSZ + 1;
		verdict = evm_logs(s, p, span);
		headers = scanner_evm_finish_headers(s, batch, span);
		if (verdict == USDTPAY_RPC_OK)
			verdict = headers;
	}
	appendStringInfoChar(&span->headers, ']');
	appendStringInfoChar(&span->logs, ']');
	return verdict;
}

/* Reads one block's place in its chain. */
static UsdtpayRpcVerdict
evm_block(Scanner *s, UsdtpayProvider *p, int64 number, const uint8 *hash, ScannerBlock *out)
{
	UsdtpayRpcVerdict verdict;
	UsdtpayEvmHeader header;
	UsdtpayRpcBatch *batch;
	UsdtpayRpcCall call;

	if (hash != NULL)
		scanner_evm_call(&call, "eth_getBlockByHash",
						 psprintf("[\"%s\",false]", evm_hex(hash, 32)));
	else
		scanner_evm_call(&call, "eth_getBlockByNumber",
						 psprintf("[\"0x" EVM_HEX "\",false]", number));
	batch = usdtpay_rpc_start(s->pool, p, &call, 1, evm_timeout(p, 1));
	verdict = usdtpay_rpc_finish(s->pool, batch);
	if (verdict == USDTPAY_RPC_OK && usdtpay_slice_is(call.result, "null"))
		verdict = USDTPAY_RPC_LAGGING;
	if (verdict == USDTPAY_RPC_OK)
	{
		if (scanner_evm_header(call.result, &header) && header.number == (uint64) number &&
			(hash == NULL || memcmp(header.hash, hash, 32) == 0))
		{
			out->number = number;
			memcpy(out->hash, header.hash, 32);
			memcpy(out->parent, header.parent, 32);
			out->time = (int64) header.timestamp * 1000;
		}
		else
		{
			usdtpay_provider_failed(p, USDTPAY_RPC_INVALID, "it answers with another block", -1);
			verdict = USDTPAY_RPC_INVALID;
		}
	}
	usdtpay_rpc_drop(batch);
	return verdict;
}

const ScannerFamily scanner_evm = {
	.ask_identity = evm_ask_identity,
	.read_chain_id = evm_quantity,
	.ask_tokens = evm_ask_tokens,
	.ask_head = evm_ask_head,
	.read_head = evm_read_head,
	.fetch = evm_fetch,
	.block = evm_block,
	.has_logs = scanner_evm_has_logs,
	.claim = scanner_evm_claim,
	.receipts = scanner_evm_span_receipts,
};
