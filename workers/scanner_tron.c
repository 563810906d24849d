/* SPDX-License-Identifier: PostgreSQL
 *
 * scanner_tron.c: what the scanner asks TRON nodes, over java-tron's plain HTTP.
 *
 * There is no bloom, and no root covers the logs, so infos are asked for block by block and must
 * name exactly the block's transactions.  The tip comes from /wallet, the second look from
 * /walletsolidity, which serves what 19 of the 27 witnesses have built on.  Endpoints are base
 * URLs; an API key goes into a header (TRON-PRO-API-KEY).
 *
 * Catching up, the first look asks /jsonrpc for the logs of many blocks at once instead.  What
 * it tells is held against the blocks (span_tron_logs.c) and never credits: the second look is
 * always infos.  A node whose eth_getLogs fails in any way is asked for infos for a while.
 */
#include "postgres.h"

#include <inttypes.h>

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "chain/tron.h"
#include "codec/hex.h"
#include "compat.h"
#include "guc.h"
#include "scanner.h"
#include "worker.h"

#define TRON_BLOCKS_MAX 100
#define TRON_LOGS_MIN   5
#define TRON_SOLID_MS   3000
#define TRON_HEX        "0x%" PRIx64

/* Fills a call. */
static void
tron_call(UsdtpayRpcCall *call, const char *path, char *body)
{
	memset(call, 0, sizeof(*call));
	call->method = path;
	call->params = body;
}

/* Asks one thing.  The result lives until the batch is dropped. */
static UsdtpayRpcVerdict
tron_ask(Scanner *s, UsdtpayProvider *p, const char *path, char *body, int timeout_ms,
		 UsdtpayRpcCall *call, UsdtpayRpcBatch **batch)
{
	tron_call(call, path, body);
	*batch = usdtpay_rpc_start(s->pool, p, call, 1, timeout_ms);
	return usdtpay_rpc_finish(s->pool, *batch);
}

/* Reads a block object. */
static bool
tron_read_block(UsdtpaySlice slice, UsdtpayTronBlock *block)
{
	UsdtpayFault fault = {0};
	UsdtpayJson j;

	usdtpay_json_init(&j, slice.p, slice.len);
	return usdtpay_json_peek(&j) == USDTPAY_JSON_OBJECT &&
		   usdtpay_tron_block_parse(block, &j, &fault) && block->has_id &&
		   memcmp(block->id, block->claimed_id, 32) == 0 && block->number < PG_INT64_MAX;
}

/* Finds a member of an object.  Returns: false when it is not there. */
static bool
tron_member(UsdtpaySlice object, const char *name, UsdtpaySlice *out)
{
	UsdtpaySlice key;
	UsdtpayJson j;

	usdtpay_json_init(&j, object.p, object.len);
	if (usdtpay_json_peek(&j) != USDTPAY_JSON_OBJECT || !usdtpay_json_object(&j))
		return false;
	while (usdtpay_json_member(&j, &key))
	{
		if (!usdtpay_json_skip(&j, out))
			return false;
		if (key.len == strlen(name) && memcmp(key.p, name, key.len) == 0)
			return true;
	}
	return false;
}

/* Asks for the genesis block: its id ends in the chain id. */
static UsdtpayRpc *
tron_ask_identity(Scanner *s, UsdtpayProvider *p)
{
	UsdtpayRpc *rpc = usdtpay_rpc_create(s->config_context, p, 1);

	usdtpay_rpc_add(rpc, "/wallet/getblockbynum", "{\"num\":0}");
	return rpc;
}

/* Reads the chain id. */
static bool
tron_read_chain_id(UsdtpaySlice genesis, uint64 *out)
{
	UsdtpaySlice id;
	uint8 raw[32];

	/* The genesis header is not hashed like the others, so its id is taken as it is told. */
	if (!tron_member(genesis, "blockID", &id) || id.len != 66 ||
		!usdtpay_hex_decode(raw, 32, id.p + 1, 64))
		return false;
	*out = ((uint64) raw[28] << 24) | (raw[29] << 16) | (raw[30] << 8) | raw[31];
	return true;
}

/* Reads the one word of a constant call.  Returns: its digits, empty when there is none. */
static UsdtpaySlice
tron_word(UsdtpaySlice answer)
{
	UsdtpaySlice none = {NULL, 0};
	UsdtpaySlice list;
	UsdtpaySlice digits;
	UsdtpayJson j;

	if (!tron_member(answer, "constant_result", &list))
		return none;
	usdtpay_json_init(&j, list.p, list.len);
	if (!usdtpay_json_array(&j) || !usdtpay_json_element(&j) || !usdtpay_json_string(&j, &digits))
		return none;
	return digits;
}

/* Reads a contract's code.  Returns: its digits, empty when there is none. */
static UsdtpaySlice
tron_code(UsdtpaySlice answer)
{
	UsdtpaySlice none = {NULL, 0};
	UsdtpaySlice code;

	if (!tron_member(answer, "bytecode", &code) || code.len < 2 || code.p[0] != '"')
		return none;
	code.p++;
	code.len -= 2;
	return code;
}

/* Asks for decimals and code of every token. */
static UsdtpayRpcVerdict
tron_ask_tokens(Scanner *s, UsdtpayProvider *p, ScannerTokenAnswer *answers,
				UsdtpayRpcBatch **batch)
{
	UsdtpayRpcCall *calls = palloc(sizeof(UsdtpayRpcCall) * 2 * s->token_count);
	UsdtpayRpcVerdict verdict;
	char address[43] = "41";
	int i;

	for (i = 0; i < s->token_count; i++)
	{
		usdtpay_hex_encode(address + 2, s->tokens[i].contract, 20);
		address[42] = '\0';
		tron_call(&calls[2 * i], "/wallet/triggerconstantcontract",
				  psprintf("{\"owner_address\":\"410000000000000000000000000000000000000000\","
						   "\"contract_address\":\"%s\",\"function_selector\":\"decimals()\","
						   "\"parameter\":\"\"}",
						   address));
		tron_call(&calls[2 * i + 1], "/wallet/getcontract",
				  psprintf("{\"value\":\"%s\"}", address));
	}
	*batch = usdtpay_rpc_start(s->pool, p, calls, 2 * s->token_count, usdtpay_rpc_timeout);
	verdict = usdtpay_rpc_finish(s->pool, *batch);
	for (i = 0; verdict == USDTPAY_RPC_OK && i < s->token_count; i++)
	{
		answers[i].decimals = tron_word(calls[2 * i].result);
		answers[i].code = tron_code(calls[2 * i + 1].result);
	}
	return verdict;
}

/* Asks for the head's header; the solid one follows when that has come. */
static UsdtpayRpc *
tron_ask_head(Scanner *s, UsdtpayProvider *p, bool with_final)
{
	UsdtpayRpc *rpc = usdtpay_rpc_create(s->config_context, p, 1);

	usdtpay_rpc_add(rpc, "/wallet/getblock", "{\"detail\":false}");
	return rpc;
}

/* Asks a node that just answered for its solid block. */
static void
tron_read_final(Scanner *s, UsdtpayProvider *p)
{
	UsdtpayRpcBatch *batch;
	UsdtpayRpcCall call;
	UsdtpayTronBlock block;

	if (tron_ask(s, p, "/walletsolidity/getblock", pstrdup("{\"detail\":false}"),
				 Min(TRON_SOLID_MS, usdtpay_rpc_timeout), &call, &batch) == USDTPAY_RPC_OK)
		p->final = tron_read_block(call.result, &block) ? (int64) block.number : 0;
	usdtpay_rpc_drop(batch);
}

/* Takes head and, when it is time, the solid block in. */
static bool
tron_read_head(Scanner *s, UsdtpayProvider *p, UsdtpayRpc *rpc)
{
	UsdtpaySlice result = rpc->calls[0].result;
	UsdtpayTronBlock block;

	if (!tron_read_block(result, &block))
		return false;
	p->head = (int64) block.number;
	memcpy(p->head_hash, block.id, 32);
	p->header = pnstrdup(result.p, result.len);
	if (p->pending_final)
		tron_read_final(s, p);
	return true;
}

/* Appends the blocks of a range.  Out: advice.  Returns: RANGE when there are too many bytes in
 * it, CHUNK when the node gives fewer blocks than asked for. */
static UsdtpayRpcVerdict
tron_blocks(Scanner *s, UsdtpayProvider *p, const char *path, int64 from, int64 to,
			ScannerSpan *span, UsdtpayRpcAdvice *advice)
{
	UsdtpayRpcVerdict verdict;
	UsdtpayRpcBatch *batch;
	UsdtpayRpcCall call;
	UsdtpaySlice list;
	int64 count = 0;

	verdict = tron_ask(
		s, p, path,
		psprintf("{\"startNum\":" INT64_FORMAT ",\"endNum\":" INT64_FORMAT "}", from, to + 1),
		usdtpay_rpc_timeout, &call, &batch);
	*advice = call.advice;
	if (verdict == USDTPAY_RPC_OK)
	{
		bool some = tron_member(call.result, "block", &list);

		if (some && !scanner_append(&span->headers, list, &count))
			verdict = USDTPAY_RPC_INVALID;
		else if (count == 0)
			verdict = USDTPAY_RPC_LAGGING;
		else if (count != to - from + 1)
			verdict = advice->verdict = USDTPAY_RPC_CHUNK;
		advice->limit = count;
	}
	usdtpay_rpc_drop(batch);
	return verdict;
}

/* Appends the infos of a range, one array per block, all asked for at once. */
static UsdtpayRpcVerdict
tron_infos(Scanner *s, UsdtpayProvider *p, const char *path, int64 from, int64 to,
		   ScannerSpan *span)
{
	int count = (int) (to - from + 1);
	UsdtpayRpcCall *calls = palloc(sizeof(UsdtpayRpcCall) * count);
	UsdtpayRpcBatch *batch;
	UsdtpayRpcVerdict verdict;
	int i;

	for (i = 0; i < count; i++)
		tron_call(&calls[i], path, psprintf("{\"num\":" INT64_FORMAT "}", from + i));
	batch = usdtpay_rpc_start(s->pool, p, calls, count, usdtpay_rpc_timeout);
	verdict = usdtpay_rpc_finish(s->pool, batch);
	for (i = 0; verdict == USDTPAY_RPC_OK && i < count; i++)
	{
		UsdtpaySlice result = calls[i].result;
		UsdtpayJson j;

		usdtpay_json_init(&j, result.p, result.len);
		if (!usdtpay_json_array(&j))
		{
			verdict = USDTPAY_RPC_INVALID;
			break;
		}
		while (usdtpay_json_element(&j) && usdtpay_json_skip(&j, NULL))
			span->log_count++;
		if (span->logs.len > (int) VARHDRSZ + 1)
			appendStringInfoChar(&span->logs, ',');
		appendBinaryStringInfo(&span->logs, result.p, (int) result.len);
	}
	usdtpay_rpc_drop(batch);
	return verdict;
}

/* Records that a node gave something that is no answer. */
static UsdtpayRpcVerdict
tron_verdict(UsdtpayProvider *p, UsdtpayRpcVerdict verdict)
{
	if (verdict == USDTPAY_RPC_INVALID)
		usdtpay_provider_failed(p, verdict, "its answer is not what was asked for", -1);
	return verdict;
}

/* Tells whether a node's eth_getLogs may serve a look: the first one, at many blocks behind the
 * solid one, with nobody in dispute about them. */
static bool
tron_may_ask_logs(const Scanner *s, const UsdtpayProvider *p, ScannerLook look,
				  const ScannerSpan *span)
{
	return usdtpay_tron_get_logs && look == SCANNER_LOOK_TIP && s->disputes == 0 &&
		   s->contradicted < span->from && span->to <= s->served_final &&
		   span->to - span->from + 1 >= TRON_LOGS_MIN && p->logs_after <= usdtpay_worker_clock();
}

/* Writes the parameters of eth_getLogs: our contracts, the topics that matter, a range. */
static char *
tron_filter(const Scanner *s, int64 from, int64 to)
{
	StringInfoData out;
	char hex[65] = "";
	const uint8 *topic;
	size_t i;

	initStringInfo(&out);
	appendStringInfo(&out,
					 "[{\"fromBlock\":\"" TRON_HEX "\",\"toBlock\":\"" TRON_HEX "\",\"address\":[",
					 from, to);
	for (i = 0; i < (size_t) s->token_count; i++)
	{
		usdtpay_hex_encode(hex, s->tokens[i].contract, 20);
		appendStringInfo(&out, "%s\"0x%.40s\"", i > 0 ? "," : "", hex);
	}
	appendStringInfoString(&out, "],\"topics\":[[");
	for (i = 0; (topic = usdtpay_event_topic(i)) != NULL; i++)
	{
		usdtpay_hex_encode(hex, topic, 32);
		appendStringInfo(&out, "%s\"0x%.64s\"", i > 0 ? "," : "", hex);
	}
	appendStringInfoString(&out, "]]}]");
	return out.data;
}

/* Appends the logs of a range.  A round number of them may be all the node gives: that is too
 * many, too.  Out: advice.  Returns: RANGE or CHUNK when less should be asked for. */
static UsdtpayRpcVerdict
tron_logs(Scanner *s, UsdtpayProvider *p, int64 from, int64 to, ScannerSpan *span,
		  UsdtpayRpcAdvice *advice)
{
	UsdtpayRpcVerdict verdict;
	UsdtpayRpcBatch *batch;
	UsdtpayRpcCall call;
	int64 count = 0;

	tron_call(&call, "eth_getLogs", tron_filter(s, from, to));
	call.door = "/jsonrpc";
	batch = usdtpay_rpc_start(s->pool, p, &call, 1, usdtpay_rpc_timeout);
	verdict = usdtpay_rpc_finish(s->pool, batch);
	*advice = call.advice;
	if (verdict == USDTPAY_RPC_OK && !scanner_append(&span->logs, call.result, &count))
		verdict = USDTPAY_RPC_INVALID;
	if (verdict == USDTPAY_RPC_OK && usdtpay_rpc_is_cap(count))
		verdict = USDTPAY_RPC_RANGE;
	span->log_count += count;
	usdtpay_rpc_drop(batch);
	return verdict;
}

/* Lowers the provider's range after it found from..to too much.  Returns: false when the range
 * cannot get smaller. */
static bool
tron_narrow(UsdtpayProvider *p, const UsdtpayRpcAdvice *advice, int64 from, int64 to)
{
	int64 fits = (to - from + 1) / 2;

	if (fits < 1)
		return false;
	if (advice->verdict == USDTPAY_RPC_CHUNK && advice->limit > 0)
		fits = Min(advice->limit, to - from);
	p->log_range = (int) fits;
	return true;
}

/* Fetches one piece of a span: its logs or infos, and its blocks.  Out: advice.  A piece that
 * fails leaves nothing behind. */
static UsdtpayRpcVerdict
tron_piece(Scanner *s, UsdtpayProvider *p, ScannerLook look, int64 from, int64 to,
		   ScannerSpan *span, UsdtpayRpcAdvice *advice)
{
	bool tip = look == SCANNER_LOOK_TIP;
	int64 count = span->log_count;
	int headers_len = span->headers.len;
	int logs_len = span->logs.len;
	UsdtpayRpcVerdict verdict = USDTPAY_RPC_OK;

	if (span->by_logs)
		verdict = tron_logs(s, p, from, to, span, advice);
	if (verdict == USDTPAY_RPC_OK)
		verdict = tron_blocks(
			s, p, tip ? "/wallet/getblockbylimitnext" : "/walletsolidity/getblockbylimitnext", from,
			to, span, advice);
	if (verdict == USDTPAY_RPC_OK && !span->by_logs)
		verdict = tron_infos(s, p,
							 tip ? "/wallet/gettransactioninfobyblocknum"
								 : "/walletsolidity/gettransactioninfobyblocknum",
							 from, to, span);
	if (verdict == USDTPAY_RPC_OK)
		return verdict;
	span->log_count = count;
	span->headers.len = headers_len;
	span->logs.len = logs_len;
	return verdict;
}

/* Fetches a span, in pieces where the node needs them and its deadline allows. */
static UsdtpayRpcVerdict
tron_pieces(Scanner *s, UsdtpayProvider *p, ScannerLook look, ScannerSpan *span)
{
	int64 from = span->from;

	span->log_count = 0;
	scanner_text_begin(&span->headers);
	scanner_text_begin(&span->logs);
	appendStringInfoChar(&span->headers, '[');
	appendStringInfoString(&span->logs, span->by_logs ? "{\"logs\":[" : "[");
	while (from <= span->to)
	{
		int64 to = Min(span->to, from + Min(p->log_range, TRON_BLOCKS_MAX) - 1);
		UsdtpayRpcAdvice advice = {USDTPAY_RPC_OK, 0, 1, 0};
		UsdtpayRpcVerdict verdict;

		if (usdtpay_worker_clock() >= span->until)
			return USDTPAY_RPC_TRANSIENT;
		verdict = tron_piece(s, p, look, from, to, span, &advice);
		if ((verdict == USDTPAY_RPC_RANGE || verdict == USDTPAY_RPC_CHUNK) &&
			tron_narrow(p, &advice, from, to))
			continue;
		if (verdict != USDTPAY_RPC_OK)
			return tron_verdict(p, verdict);
		if (to - from + 1 == p->log_range)
			p->log_range += 1 + p->log_range / 20;
		from = to + 1;
	}
	appendStringInfoChar(&span->headers, ']');
	appendStringInfoString(&span->logs, span->by_logs ? "]}" : "]");
	return USDTPAY_RPC_OK;
}

/* Fetches blocks and what happened in them, by logs where these may serve, else by infos. */
static UsdtpayRpcVerdict
tron_fetch(Scanner *s, UsdtpayProvider *p, ScannerLook look, ScannerSpan *span)
{
	UsdtpayRpcVerdict verdict;

	span->by_logs = tron_may_ask_logs(s, p, look, span);
	verdict = tron_pieces(s, p, look, span);
	if (!span->by_logs || verdict == USDTPAY_RPC_OK)
		return verdict;
	scanner_shun_logs(p);
	if (verdict != USDTPAY_RPC_UNSUPPORTED && verdict != USDTPAY_RPC_RANGE &&
		verdict != USDTPAY_RPC_CHUNK)
		return verdict;
	span->by_logs = false;
	return tron_pieces(s, p, look, span);
}

/* Reads one block's place in its chain. */
static UsdtpayRpcVerdict
tron_block(Scanner *s, UsdtpayProvider *p, int64 number, const uint8 *hash, ScannerBlock *out)
{
	UsdtpayRpcVerdict verdict;
	UsdtpayTronBlock block;
	UsdtpayRpcBatch *batch;
	UsdtpayRpcCall call;
	UsdtpaySlice id;
	char which[65];

	if (hash != NULL)
	{
		usdtpay_hex_encode(which, hash, 32);
		which[64] = '\0';
	}
	else
		snprintf(which, sizeof(which), INT64_FORMAT, number);
	verdict = tron_ask(s, p, "/wallet/getblock",
					   psprintf("{\"id_or_num\":\"%s\",\"detail\":false}", which),
					   usdtpay_rpc_timeout, &call, &batch);
	if (verdict == USDTPAY_RPC_OK && !tron_member(call.result, "blockID", &id))
		verdict = USDTPAY_RPC_LAGGING;
	if (verdict == USDTPAY_RPC_OK)
	{
		if (tron_read_block(call.result, &block) && block.number == (uint64) number &&
			(hash == NULL || memcmp(block.id, hash, 32) == 0))
		{
			out->number = number;
			memcpy(out->hash, block.id, 32);
			memcpy(out->parent, block.parent, 32);
			out->time = (int64) Min(block.time_ms, PG_INT64_MAX);
		}
		else
			verdict = tron_verdict(p, USDTPAY_RPC_INVALID);
	}
	usdtpay_rpc_drop(batch);
	return verdict;
}

const ScannerFamily scanner_tron = {
	.ask_identity = tron_ask_identity,
	.read_chain_id = tron_read_chain_id,
	.ask_tokens = tron_ask_tokens,
	.ask_head = tron_ask_head,
	.read_head = tron_read_head,
	.fetch = tron_fetch,
	.block = tron_block,
};
