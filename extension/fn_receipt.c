/* SPDX-License-Identifier: PostgreSQL
 *
 * fn_receipt.c: receipts as SQL sees them: evm_receipts_root, receipts_logs.  Reads and writes no
 * table.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "chain/field.h"
#include "chain/receipt.h"
#include "compat.h"
#include "errors.h"
#include "fn_chain.h"

PG_FUNCTION_INFO_V1(usdtpay_evm_receipts_root);
PG_FUNCTION_INFO_V1(usdtpay_receipts_logs_sql);

/* The logs that were asked for, in the making. */
typedef struct ReceiptLogs
{
	StringInfoData list;
	Datum *contract; /* bytea of 20 bytes each */
	int contracts;
} ReceiptLogs;

/* Gives memory that goes with the context; a block's receipts may need more than palloc gives. */
static void *
receipt_palloc(size_t size)
{
	return MemoryContextAllocHuge(CurrentMemoryContext, size);
}

/* evm_receipts_root(receipts text) → bytea */
Datum
usdtpay_evm_receipts_root(PG_FUNCTION_ARGS)
{
	text *in = PG_GETARG_TEXT_PP(0);
	UsdtpayFault fault = {0};
	UsdtpaySlice payload;
	bytea *out = palloc(VARHDRSZ + 32);
	UsdtpayJson j;

	SET_VARSIZE(out, VARHDRSZ + 32);
	if (!usdtpay_answer_payload(&payload, VARDATA_ANY(in), VARSIZE_ANY_EXHDR(in), &fault))
		usdtpay_fn_raise(&fault);
	usdtpay_json_init_slice(&j, VARDATA_ANY(in), payload);
	if (!usdtpay_receipts_root((uint8_t *) VARDATA(out), &j, receipt_palloc, &fault) ||
		!(usdtpay_json_end(&j) || usdtpay_fault_json(&fault, &j)))
		usdtpay_fn_raise(&fault);
	PG_RETURN_BYTEA_P(out);
}

/* Keeps a log of one of the contracts, as the node wrote it. */
static bool
receipt_keep(void *arg, const UsdtpayEvmLog *log, UsdtpaySlice raw)
{
	ReceiptLogs *logs = arg;
	int i;

	CHECK_FOR_INTERRUPTS();
	for (i = 0; i < logs->contracts; i++)
	{
		bytea *contract = DatumGetByteaPP(logs->contract[i]);

		if (VARSIZE_ANY_EXHDR(contract) == USDTPAY_ADDRESS_LEN &&
			memcmp(VARDATA_ANY(contract), log->log.address, USDTPAY_ADDRESS_LEN) == 0)
			break;
	}
	if (i == logs->contracts)
		return true;
	if (logs->list.len > 1)
		appendStringInfoChar(&logs->list, ',');
	appendBinaryStringInfo(&logs->list, raw.p, (int) raw.len);
	return true;
}

/* Proves the next block's receipts against its header.  What it needs goes with the call. */
static void
receipt_next(ReceiptLogs *logs, UsdtpayJson *headers, UsdtpayJson *receipts, UsdtpayFault *fault)
{
	MemoryContext scratch =
		AllocSetContextCreate(CurrentMemoryContext, "usdtpay receipts", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(scratch);
	UsdtpayEvmHeader header;
	bool good;

	good = usdtpay_evm_header_parse(&header, headers, fault) &&
		   (usdtpay_json_element(receipts) ||
			usdtpay_fault_at(fault, receipts, "there are blocks without receipts")) &&
		   usdtpay_receipts_prove(&header, receipts, receipt_keep, logs, receipt_palloc, fault);
	if (!good)
		usdtpay_fn_raise(fault);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
}

/* receipts_logs(headers text, receipts text, contracts bytea[]) → text */
Datum
usdtpay_receipts_logs_sql(PG_FUNCTION_ARGS)
{
	text *headers = PG_GETARG_TEXT_PP(0);
	text *receipts = PG_GETARG_TEXT_PP(1);
	UsdtpayFault fault = {0};
	ReceiptLogs logs;
	UsdtpayJson h;
	UsdtpayJson r;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), BYTEAOID, -1, false, TYPALIGN_INT, &logs.contract,
					  NULL, &logs.contracts);
	initStringInfo(&logs.list);
	appendStringInfoChar(&logs.list, '[');
	usdtpay_json_init(&h, VARDATA_ANY(headers), VARSIZE_ANY_EXHDR(headers));
	usdtpay_json_init(&r, VARDATA_ANY(receipts), VARSIZE_ANY_EXHDR(receipts));
	if (!usdtpay_json_array(&h) || !usdtpay_json_array(&r))
		usdtpay_fault_at(&fault, h.error != NULL ? &h : &r, "an array was expected");
	while (fault.what == NULL && usdtpay_json_element(&h))
		receipt_next(&logs, &h, &r, &fault);
	if (fault.what == NULL && usdtpay_json_element(&r))
		usdtpay_fault_at(&fault, &r, "there are receipts without a block");
	if (fault.what != NULL || !(usdtpay_json_end(&h) || usdtpay_fault_json(&fault, &h)) ||
		!(usdtpay_json_end(&r) || usdtpay_fault_json(&fault, &r)))
		usdtpay_fn_raise(&fault);
	appendStringInfoChar(&logs.list, ']');
	PG_RETURN_TEXT_P(cstring_to_text_with_len(logs.list.data, logs.list.len));
}
