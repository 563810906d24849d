/* SPDX-License-Identifier: PostgreSQL
 *
 * scanner_receipts.c: what the scanner learns from eth_getBlockReceipts: the logs of a block that
 * cannot be cut, whether a bloom speaks the truth, and what proves the logs of a block in dispute.
 *
 * Receipts are held against the receiptsRoot of a header.  A header is bound to its block where
 * its fields hash to the block's hash; on chains whose headers have fields of their own they do
 * not, and there receipts prove only what several nodes say of the header (scanner_proof.c).
 */
#include "postgres.h"

#include "chain/field.h"
#include "chain/receipt.h"
#include "codec/keccak.h"
#include "compat.h"
#include "guc.h"
#include "scanner_evm.h"

/* Tells whether a log is one the filter would have given. */
static bool
evm_is_ours(const Scanner *s, const UsdtpayLog *log)
{
	int i;

	if (usdtpay_event_kind(log) == USDTPAY_EVENT_OTHER)
		return false;
	for (i = 0; i < s->token_count; i++)
		if (memcmp(log->address, s->tokens[i].contract, 20) == 0)
			return true;
	return false;
}

/* Appends a receipt's logs that are ours. */
static bool
evm_append_receipt(Scanner *s, UsdtpayJson *j, StringInfo list, int64 *count)
{
	UsdtpaySlice name;

	if (!usdtpay_json_object(j))
		return false;
	while (usdtpay_json_member(j, &name))
	{
		if (!usdtpay_slice_is(name, "logs"))
		{
			if (!usdtpay_json_skip(j, NULL))
				return false;
			continue;
		}
		if (!usdtpay_json_array(j))
			return false;
		while (usdtpay_json_element(j))
		{
			UsdtpayFault fault = {0};
			UsdtpayEvmLog log;
			UsdtpayJson inner;
			UsdtpaySlice raw;

			if (!usdtpay_json_skip(j, &raw))
				return false;
			usdtpay_json_init(&inner, raw.p, raw.len);
			if (!usdtpay_evm_log_parse(&log, &inner, &fault))
				return false;
			if (!evm_is_ours(s, &log.log))
				continue;
			if (list->data[list->len - 1] != '[')
				appendStringInfoChar(list, ',');
			(*count)++;
			appendBinaryStringInfo(list, raw.p, (int) raw.len);
		}
	}
	return j->error == NULL;
}

/* Asks for the receipts of one block. */
static UsdtpayRpcVerdict
evm_ask_receipts(Scanner *s, UsdtpayProvider *p, int64 number, UsdtpaySlice *receipts)
{
	UsdtpayRpcCall call;
	UsdtpayRpcVerdict verdict;

	scanner_evm_call(&call, "eth_getBlockReceipts", psprintf("[\"0x" EVM_HEX "\"]", number));
	verdict = scanner_evm_run(s, p, &call, 1, usdtpay_rpc_timeout);
	if (verdict == USDTPAY_RPC_UNSUPPORTED)
		p->no_receipts = true;
	if (verdict == USDTPAY_RPC_OK && usdtpay_slice_is(call.result, "null"))
		verdict = USDTPAY_RPC_LAGGING;
	*receipts = call.result;
	return verdict;
}

/* Takes one block's logs out of its receipts. */
static UsdtpayRpcVerdict
evm_receipts(Scanner *s, UsdtpayProvider *p, int64 number, StringInfo list, int64 *count,
			 UsdtpaySlice *receipts)
{
	UsdtpayRpcVerdict verdict = evm_ask_receipts(s, p, number, receipts);
	UsdtpayJson j;

	if (verdict != USDTPAY_RPC_OK)
		return verdict;
	usdtpay_json_init(&j, receipts->p, receipts->len);
	if (!usdtpay_json_array(&j))
		return USDTPAY_RPC_INVALID;
	while (usdtpay_json_element(&j))
		if (!evm_append_receipt(s, &j, list, count))
			return USDTPAY_RPC_INVALID;
	return j.error == NULL ? USDTPAY_RPC_OK : USDTPAY_RPC_INVALID;
}

/* Tells whether receipts hash to the root a header has; proven only when the header itself hashes
 * to what its block is called, which some chains' headers do not.
 * Returns: false when they are not that block's receipts. */
static bool
evm_receipts_fit(const UsdtpayEvmHeader *header, UsdtpaySlice receipts, bool *proven)
{
	UsdtpayFault fault = {0};
	uint8_t hash[32];
	uint8_t want[32];
	uint8_t root[32];
	UsdtpayJson j;

	*proven = false;
	if (!usdtpay_evm_header_hash(hash, header, &fault) || memcmp(hash, header->hash, 32) != 0 ||
		!usdtpay_field_evm(want, 32, header->field[USDTPAY_EVM_RECEIPTS_ROOT]))
		return true;
	usdtpay_json_init(&j, receipts.p, receipts.len);
	*proven = usdtpay_receipts_root(root, &j, palloc, &fault) && memcmp(root, want, 32) == 0;
	return *proven;
}

/* Takes a block that cannot be cut from its receipts, which must be the ones its header speaks
 * of. */
UsdtpayRpcVerdict
scanner_evm_take_receipts(Scanner *s, UsdtpayProvider *p, int64 number, ScannerSpan *span)
{
	UsdtpayEvmHeader header;
	UsdtpayRpcVerdict verdict;
	UsdtpaySlice receipts;
	UsdtpayRpcCall call;
	bool proven;

	verdict = evm_receipts(s, p, number, &span->logs, &span->log_count, &receipts);
	if (verdict != USDTPAY_RPC_OK)
		return verdict;
	scanner_evm_call(&call, "eth_getBlockByNumber", psprintf("[\"0x" EVM_HEX "\",false]", number));
	verdict = scanner_evm_run(s, p, &call, 1, usdtpay_rpc_timeout);
	if (verdict != USDTPAY_RPC_OK)
		return verdict;
	if (scanner_evm_header(call.result, &header) && evm_receipts_fit(&header, receipts, &proven))
		return USDTPAY_RPC_OK;
	usdtpay_provider_failed(p, USDTPAY_RPC_INVALID,
							"the receipts of a block do not hash to its receiptsRoot", -1);
	return USDTPAY_RPC_INVALID;
}

/* Finds a block among the headers of a span.  Returns: false when it has none of that number. */
static bool
evm_span_header(const ScannerSpan *span, int64 number, UsdtpayEvmHeader *header)
{
	UsdtpayFault fault = {0};
	UsdtpayJson j;

	usdtpay_json_init(&j, span->headers.data + VARHDRSZ, span->headers.len - VARHDRSZ);
	(void) usdtpay_json_array(&j);
	while (usdtpay_json_element(&j) && usdtpay_evm_header_parse(header, &j, &fault))
		if (header->number == (uint64) number)
			return true;
	return false;
}

/* Asks whether a block has logs of ours: from its receipts, which a broken log index does not
 * touch and which the block's header proves; or where there are none from the index once more. */
UsdtpayRpcVerdict
scanner_evm_has_logs(Scanner *s, UsdtpayProvider *p, const ScannerSpan *span, int64 number,
					 bool *out, bool *proven)
{
	UsdtpayRpcVerdict verdict = USDTPAY_RPC_UNSUPPORTED;
	UsdtpayEvmHeader header;
	UsdtpaySlice receipts;
	StringInfoData list;
	UsdtpayRpcCall call;
	int64 count = 0;

	*proven = false;
	initStringInfo(&list);
	appendStringInfoChar(&list, '[');
	if (!p->no_receipts)
		verdict = evm_receipts(s, p, number, &list, &count, &receipts);
	if (verdict == USDTPAY_RPC_OK && evm_span_header(span, number, &header) &&
		!evm_receipts_fit(&header, receipts, proven))
		verdict = USDTPAY_RPC_INVALID;
	if (verdict == USDTPAY_RPC_UNSUPPORTED)
	{
		verdict = scanner_evm_ask_logs(s, p,
									   psprintf("\"fromBlock\":\"0x" EVM_HEX
												"\",\"toBlock\":\"0x" EVM_HEX "\"",
												number, number),
									   usdtpay_rpc_timeout, &call);
		if (verdict == USDTPAY_RPC_OK && !scanner_append(&list, call.result, &count))
			verdict = USDTPAY_RPC_INVALID;
	}
	*out = count > 0;
	return verdict;
}

/* Adds what a header says of its receipts to a claim: the hash of all before it and of its own
 * hash, receipts root and transactions. */
static bool
evm_claim_add(uint8 *digest, const UsdtpayEvmHeader *header)
{
	size_t room = 96 + 32 * (size_t) header->transactions;
	uint8_t *bytes = palloc(room);
	size_t len = 96;
	UsdtpaySlice hash;
	UsdtpayJson j;

	memcpy(bytes, digest, 32);
	memcpy(bytes + 32, header->hash, 32);
	if (!header->has_transactions ||
		!usdtpay_field_evm(bytes + 64, 32, header->field[USDTPAY_EVM_RECEIPTS_ROOT]))
		return false;
	usdtpay_json_init(&j, header->list.p, header->list.len);
	(void) usdtpay_json_array(&j);
	for (; len < room && usdtpay_json_element(&j); len += 32)
		if (!usdtpay_json_string(&j, &hash) || !usdtpay_field_evm(bytes + len, 32, hash))
			return false;
	usdtpay_keccak256(digest, bytes, len);
	pfree(bytes);
	return true;
}

/* Digests what the headers of a span say of receipts.  Returns: false unless they are its blocks,
 * one by one. */
static bool
evm_claim_digest(const ScannerSpan *span, uint8 *digest)
{
	int64 number = span->from;
	UsdtpayFault fault = {0};
	UsdtpayEvmHeader header;
	UsdtpayJson j;

	memset(digest, 0, 32);
	usdtpay_json_init(&j, span->headers.data + VARHDRSZ, span->headers.len - VARHDRSZ);
	(void) usdtpay_json_array(&j);
	for (; usdtpay_json_element(&j); number++)
		if (!usdtpay_evm_header_parse(&header, &j, &fault) || !header.has_hash ||
			header.number != (uint64) number || !evm_claim_add(digest, &header))
			return false;
	return j.error == NULL && number == span->to + 1;
}

/* Fetches the headers of a span and digests what they say of receipts. */
UsdtpayRpcVerdict
scanner_evm_claim(Scanner *s, UsdtpayProvider *p, ScannerSpan *span, uint8 *digest)
{
	UsdtpayRpcBatch *batch = scanner_evm_start_headers(s, p, SCANNER_LOOK_PROOF, span);
	UsdtpayRpcVerdict verdict;

	scanner_text_begin(&span->headers);
	appendStringInfoChar(&span->headers, '[');
	verdict = scanner_evm_finish_headers(s, batch, span);
	appendStringInfoChar(&span->headers, ']');
	if (verdict == USDTPAY_RPC_OK && !evm_claim_digest(span, digest))
		verdict = USDTPAY_RPC_INVALID;
	return verdict;
}

/* Fetches the receipts of a span's blocks, one answer after the other. */
UsdtpayRpcVerdict
scanner_evm_span_receipts(Scanner *s, UsdtpayProvider *p, ScannerSpan *span)
{
	UsdtpayRpcVerdict verdict = p->no_receipts ? USDTPAY_RPC_UNSUPPORTED : USDTPAY_RPC_OK;
	UsdtpaySlice receipts;
	int64 number;

	scanner_text_begin(&span->logs);
	appendStringInfoChar(&span->logs, '[');
	for (number = span->from; verdict == USDTPAY_RPC_OK && number <= span->to; number++)
	{
		verdict = evm_ask_receipts(s, p, number, &receipts);
		if (verdict != USDTPAY_RPC_OK)
			break;
		if (number > span->from)
			appendStringInfoChar(&span->logs, ',');
		appendBinaryStringInfo(&span->logs, receipts.p, (int) receipts.len);
	}
	appendStringInfoChar(&span->logs, ']');
	return verdict;
}
