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

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "chain/tron.h"
#include "codec/hex.h"
#include "codec/keccak.h"
#include "guc.h"
#include "scanner.h"

#define TRON_BLOCKS_MAX 100
#define TRON_LOGS_MIN   5
#define TRON_SOLID_MS   3000
#define TRON_ROUNDS     200
#define TRON_HEX        "0x%" INT64_MODIFIER "x"

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

/* Compares the chain id. */
static bool
tron_check_chain(Scanner *s, UsdtpayProvider *p, UsdtpaySlice genesis)
{
	UsdtpaySlice id;
	uint8 raw[32];
	int64 chain_id;

	/* The genesis header is not hashed like the others, so its id is taken as it is told. */
	if (!tron_member(genesis, "blockID", &id) || id.len != 66 ||
		!usdtpay_hex_decode(raw, 32, id.p + 1, 64))
	{
		usdtpay_provider_failed(p, USDTPAY_RPC_INVALID, "the genesis block makes no sense", -1);
		return false;
	}
	chain_id = ((int64) raw[28] << 24) | (raw[29] << 16) | (raw[30] << 8) | raw[31];
	if (chain_id != s->chain_id)
	{
		char what[80];

		snprintf(what, sizeof(what), "it is on chain " INT64_FORMAT ", not " INT64_FORMAT, chain_id,
				 s->chain_id);
		usdtpay_provider_refuse(p, what);
		return false;
	}
	return true;
}

/* Compares the checkpoint. */
static bool
tron_check_checkpoint(Scanner *s, UsdtpayProvider *p)
{
	ScannerBlock block;

	if (s->checkpoint < 0)
		return true;
	if (s->family->block(s, p, s->checkpoint, NULL, &block) != USDTPAY_RPC_OK)
	{
		usdtpay_provider_failed(p, USDTPAY_RPC_INVALID, "the checkpoint block is not served", -1);
		return false;
	}
	if (memcmp(block.hash, s->checkpoint_hash, 32) == 0)
		return true;
	usdtpay_provider_refuse(p, "the checkpoint block is another one");
	return false;
}

/* Reads the one word of a constant call. */
static bool
tron_read_word(UsdtpaySlice answer, uint8 word[32])
{
	UsdtpaySlice list;
	UsdtpaySlice hex;
	UsdtpayJson j;

	if (!tron_member(answer, "constant_result", &list))
		return false;
	usdtpay_json_init(&j, list.p, list.len);
	return usdtpay_json_array(&j) && usdtpay_json_element(&j) && usdtpay_json_string(&j, &hex) &&
		   hex.len == 64 && usdtpay_hex_decode(word, 32, hex.p, 64);
}

/* Compares a token's decimals. */
static bool
tron_check_decimals(UsdtpayProvider *p, const ScannerToken *token, UsdtpaySlice answer)
{
	uint8 word[32];
	int i;

	if (!tron_read_word(answer, word))
	{
		usdtpay_provider_refuse(p, "the token has no decimals()");
		return false;
	}
	for (i = 0; i < 31 && word[i] == 0; i++)
		;
	if (i == 31 && word[31] == token->decimals)
		return true;
	usdtpay_provider_refuse(p, "the token's decimals are not the pinned ones");
	return false;
}

/* Hashes a token's code. */
static bool
tron_check_code(UsdtpayProvider *p, UsdtpaySlice answer, uint8 *hash)
{
	UsdtpaySlice code;
	uint8 *bytes;
	size_t len;
	bool good;

	if (!tron_member(answer, "bytecode", &code) || code.len < 4 || code.len % 2 != 0)
	{
		usdtpay_provider_refuse(p, "there is no contract at the token's address");
		return false;
	}
	len = code.len / 2 - 1;
	bytes = palloc(len);
	good = usdtpay_hex_decode(bytes, len, code.p + 1, 2 * len);
	if (good)
		usdtpay_keccak256(hash, bytes, len);
	else
		usdtpay_provider_refuse(p, "the token's code is not hexadecimal");
	pfree(bytes);
	return good;
}

/* Asks for one token's decimals and code. */
static bool
tron_check_token(Scanner *s, UsdtpayProvider *p, int token)
{
	UsdtpayRpcCall calls[2];
	UsdtpayRpcBatch *batch;
	char address[43] = "41";
	bool good;

	usdtpay_hex_encode(address + 2, s->tokens[token].contract, 20);
	address[42] = '\0';
	tron_call(&calls[0], "/wallet/triggerconstantcontract",
			  psprintf("{\"owner_address\":\"410000000000000000000000000000000000000000\","
					   "\"contract_address\":\"%s\",\"function_selector\":\"decimals()\","
					   "\"parameter\":\"\"}",
					   address));
	tron_call(&calls[1], "/wallet/getcontract", psprintf("{\"value\":\"%s\"}", address));
	batch = usdtpay_rpc_start(s->pool, p, calls, 2, usdtpay_rpc_timeout);
	good = usdtpay_rpc_finish(s->pool, batch) == USDTPAY_RPC_OK &&
		   tron_check_decimals(p, &s->tokens[token], calls[0].result) &&
		   tron_check_code(p, calls[1].result, p->code_hash[token]);
	usdtpay_rpc_drop(batch);
	return good;
}

/* Compares everything that is pinned. */
static bool
tron_check(Scanner *s, UsdtpayProvider *p, UsdtpayRpc *identity)
{
	int i;

	if (!tron_check_chain(s, p, identity->calls[0].result) || !tron_check_checkpoint(s, p))
		return false;
	for (i = 0; i < s->token_count; i++)
		if (!tron_check_token(s, p, i))
			return false;
	return true;
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

/* Appends the blocks of a range.  Returns: RANGE when there are too many bytes in it. */
static UsdtpayRpcVerdict
tron_blocks(Scanner *s, UsdtpayProvider *p, const char *path, int64 from, int64 to,
			ScannerSpan *span)
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
	if (verdict == USDTPAY_RPC_OK)
	{
		bool some = tron_member(call.result, "block", &list);

		if (some && !scanner_append(&span->headers, list, &count))
			verdict = USDTPAY_RPC_INVALID;
		else if (count != to - from + 1)
			verdict = USDTPAY_RPC_LAGGING;
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
		   span->to - span->from + 1 >= TRON_LOGS_MIN && p->logs_after <= GetCurrentTimestamp();
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
			to, span);
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

/* Fetches a span, in pieces where the node needs them. */
static UsdtpayRpcVerdict
tron_pieces(Scanner *s, UsdtpayProvider *p, ScannerLook look, ScannerSpan *span)
{
	int64 from = span->from;
	int rounds;

	span->log_count = 0;
	scanner_text_begin(&span->headers);
	scanner_text_begin(&span->logs);
	appendStringInfoChar(&span->headers, '[');
	appendStringInfoString(&span->logs, span->by_logs ? "{\"logs\":[" : "[");
	for (rounds = 0; from <= span->to && rounds < TRON_ROUNDS; rounds++)
	{
		int64 to = Min(span->to, from + Min(p->log_range, TRON_BLOCKS_MAX) - 1);
		UsdtpayRpcAdvice advice = {USDTPAY_RPC_OK, 0, 1, 0};
		UsdtpayRpcVerdict verdict = tron_piece(s, p, look, from, to, span, &advice);

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
	return from > span->to ? USDTPAY_RPC_OK : USDTPAY_RPC_RANGE;
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
		}
		else
			verdict = tron_verdict(p, USDTPAY_RPC_INVALID);
	}
	usdtpay_rpc_drop(batch);
	return verdict;
}

const ScannerFamily scanner_tron = {
	.ask_identity = tron_ask_identity,
	.check = tron_check,
	.ask_head = tron_ask_head,
	.read_head = tron_read_head,
	.fetch = tron_fetch,
	.block = tron_block,
};
