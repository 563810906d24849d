/* SPDX-License-Identifier: PostgreSQL
 *
 * fn_span.c: the scanner's view of node answers: span_blocks, span_logs, span_logs_known.
 * Reads and writes no table; chain_ingest stores what these let through.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "chain/span.h"
#include "compat.h"
#include "errors.h"
#include "fn_chain.h"

PG_FUNCTION_INFO_V1(usdtpay_span_blocks_sql);
PG_FUNCTION_INFO_V1(usdtpay_span_logs_sql);
PG_FUNCTION_INFO_V1(usdtpay_span_logs_known_sql);

#define SPAN_BLOCK_COLUMNS 5
#define SPAN_LOG_COLUMNS   13
#define SPAN_MISSING_SHOWN 20
/* Microseconds from the Unix epoch to PostgreSQL's. */
#define SPAN_EPOCH ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

/* What one call works on. */
typedef struct SpanCall
{
	UsdtpayFamily family;
	UsdtpayFault fault;
	ReturnSetInfo *result;
	MemoryContext row_context;
	UsdtpayBlock *block; /* span_logs: the headers */
	size_t blocks;
	size_t room;
} SpanCall;

/* Raises UP000 for an argument. */
static void
span_bad_argument(const char *what, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_UP_BAD_INPUT), errmsg("%s", what), errhint("%s", hint)));
}

/* Refuses NULL in the first n arguments: answering no rows would look like an empty chain. */
static void
span_refuse_nulls(FunctionCallInfo fcinfo, int n)
{
	int i;

	for (i = 0; i < n; i++)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_UP_BAD_INPUT), errmsg("an argument of a span is null"),
					 errdetail("It is argument %d.", i + 1), errhint("Pass every argument.")));
	}
}

/* Reads the family argument and prepares the result. */
static void
span_begin(SpanCall *call, FunctionCallInfo fcinfo)
{
	text *family = PG_GETARG_TEXT_PP(0);

	memset(call, 0, sizeof(*call));
	if (!usdtpay_family_parse(&call->family, VARDATA_ANY(family), VARSIZE_ANY_EXHDR(family)))
		span_bad_argument("unknown chain family", "Use 'evm' or 'tron'.");
	InitMaterializedSRF(fcinfo, 0);
	call->result = (ReturnSetInfo *) fcinfo->resultinfo;
	call->row_context =
		AllocSetContextCreate(CurrentMemoryContext, "usdtpay span row", ALLOCSET_SMALL_SIZES);
}

/* Reads the check argument: 'none', 'keccak' (EVM hashes), 'txroot' (TRON transaction roots). */
static bool
span_strict(UsdtpayFamily family, text *check)
{
	char *name = text_to_cstring(check);

	if (strcmp(name, "keccak") == 0)
		return family == USDTPAY_FAMILY_EVM;
	if (strcmp(name, "txroot") == 0 && family == USDTPAY_FAMILY_TRON)
		return true;
	if (strcmp(name, "none") != 0)
		span_bad_argument("unknown header check", "Use 'keccak' or 'none', on TRON also 'txroot'.");
	return false;
}

/* Sends a validated block out as a row. */
static bool
span_block_row(void *arg, const UsdtpayBlock *block)
{
	SpanCall *call = arg;
	bool nulls[SPAN_BLOCK_COLUMNS] = {false};
	Datum values[SPAN_BLOCK_COLUMNS];
	FnShort hash;
	FnShort parent;

	CHECK_FOR_INTERRUPTS();
	values[0] = Int64GetDatum((int64) block->number);
	values[1] = usdtpay_fn_short(&hash, block->hash, 32);
	values[2] = usdtpay_fn_short(&parent, block->parent, 32);
	values[3] = TimestampTzGetDatum(block->time_us - SPAN_EPOCH);
	values[4] = Int32GetDatum((int32) block->transactions);
	tuplestore_putvalues(call->result->setResult, call->result->setDesc, values, nulls);
	return true;
}

/* Keeps a validated block for the logs to be held against. */
static bool
span_block_keep(void *arg, const UsdtpayBlock *block)
{
	SpanCall *call = arg;

	CHECK_FOR_INTERRUPTS();
	if (call->blocks == call->room)
	{
		call->room = call->room == 0 ? 64 : call->room * 2;
		call->block = call->block == NULL
						  ? palloc(call->room * sizeof(UsdtpayBlock))
						  : repalloc(call->block, call->room * sizeof(UsdtpayBlock));
	}
	call->block[call->blocks++] = *block;
	return true;
}

/* Runs the headers of arguments (family, headers, check at position n) through a sink. */
static void
span_headers(SpanCall *call, FunctionCallInfo fcinfo, int check, UsdtpayBlockSink sink)
{
	text *headers = PG_GETARG_TEXT_PP(1);
	bool strict = span_strict(call->family, PG_GETARG_TEXT_PP(check));

	if (!usdtpay_span_blocks(call->family, strict, VARDATA_ANY(headers), VARSIZE_ANY_EXHDR(headers),
							 sink, call, &call->fault))
		usdtpay_fn_raise(&call->fault);
}

/* Sends an event out as a row. */
static bool
span_log_row(void *arg, const UsdtpaySpanRow *row)
{
	SpanCall *call = arg;
	bool nulls[SPAN_LOG_COLUMNS] = {false};
	Datum values[SPAN_LOG_COLUMNS];
	const char *name = usdtpay_event_name(row->event->kind);
	FnShort v[7];
	MemoryContext old;

	CHECK_FOR_INTERRUPTS();
	MemoryContextReset(call->row_context);
	old = MemoryContextSwitchTo(call->row_context);
	values[0] = Int64GetDatum((int64) row->block->number);
	values[1] = usdtpay_fn_short(&v[0], row->block->hash, 32);
	values[2] = TimestampTzGetDatum(row->block->time_us - SPAN_EPOCH);
	values[3] = usdtpay_fn_short(&v[1], row->tx_hash, 32);
	values[4] = Int32GetDatum((int32) row->tx_index);
	values[5] = Int32GetDatum((int32) row->log_index);
	values[6] = Int32GetDatum((int32) row->ordinal);
	values[7] = usdtpay_fn_short(&v[2], name, strlen(name));
	values[8] = usdtpay_fn_short(&v[3], row->contract, USDTPAY_ADDRESS_LEN);
	values[9] = usdtpay_fn_short(&v[4], row->event->sender, USDTPAY_ADDRESS_LEN);
	values[10] = usdtpay_fn_short(&v[5], row->event->recipient, USDTPAY_ADDRESS_LEN);
	values[11] = usdtpay_fn_numeric(row->event->amount);
	values[12] = usdtpay_fn_short(&v[6], row->event->subject, USDTPAY_ADDRESS_LEN);
	nulls[9] = nulls[10] = !row->event->has_parties;
	nulls[11] = !row->event->has_amount;
	nulls[12] = !row->event->has_subject;
	tuplestore_putvalues(call->result->setResult, call->result->setDesc, values, nulls);
	MemoryContextSwitchTo(old);
	return true;
}

/* Takes an array argument apart, refusing NULL elements. */
static Datum *
span_array(ArrayType *array, Oid type, int16 len, bool by_value, char align, int *count)
{
	Datum *values;

	if (array_contains_nulls(array))
		span_bad_argument("an array of a span holds a null", "Leave nulls out.");
	deconstruct_array(array, type, len, by_value, align, &values, NULL, count);
	return values;
}

/* Copies elements of a bytea array, each of exactly size bytes, into one run. */
static uint8_t *
span_bytes(ArrayType *array, size_t size, int *count, const char *what, const char *hint)
{
	Datum *values = span_array(array, BYTEAOID, -1, false, TYPALIGN_INT, count);
	uint8_t *out = palloc(Max(*count, 1) * size);
	int i;

	for (i = 0; i < *count; i++)
	{
		bytea *b = DatumGetByteaPP(values[i]);

		if (VARSIZE_ANY_EXHDR(b) != size)
			span_bad_argument(what, hint);
		memcpy(out + i * size, VARDATA_ANY(b), size);
	}
	return out;
}

/* Raises UP404 when a bloom promises a log the answer does not have and nobody cleared the
 * block: a bloom can be wrong by coincidence, receipts cannot. */
static void
span_require_complete(const UsdtpaySpan *span, const int64 *cleared, int cleared_count)
{
	StringInfoData list;
	int missing = 0;
	size_t i;

	initStringInfo(&list);
	for (i = 0; i < span->blocks; i++)
	{
		int c = 0;

		if (!usdtpay_span_suspect(span, &span->block[i]))
			continue;
		while (c < cleared_count && cleared[c] != (int64) span->block[i].number)
			c++;
		if (c < cleared_count)
			continue;
		if (missing < SPAN_MISSING_SHOWN)
			appendStringInfo(&list, "%s" UINT64_FORMAT, missing > 0 ? "," : "",
							 (uint64) span->block[i].number);
		missing++;
	}
	if (missing > 0)
		ereport(ERROR,
				(errcode(ERRCODE_UP_CHAIN_INCOMPLETE),
				 errmsg_plural("%d block may hold transfers the answer lacks",
							   "%d blocks may hold transfers the answer lacks", missing, missing),
				 errdetail("Blocks %s.", list.data),
				 errhint("Ask another node for these blocks' logs or receipts; a block that "
						 "truly has none is passed as cleared.")));
}

/* Reads the logs of a call against its blocks.  In: p_logs, p_contracts. */
static void
span_read(SpanCall *call, UsdtpaySpan *span, text *logs, ArrayType *contracts)
{
	int count;

	span->block = call->block;
	span->blocks = call->blocks;
	span->contract = (const uint8_t(*)[USDTPAY_ADDRESS_LEN]) span_bytes(
		contracts, USDTPAY_ADDRESS_LEN, &count, "a contract is not 20 bytes",
		"Pass contracts as address_bytes gives them.");
	if (count < 1 || count > USDTPAY_SPAN_CONTRACTS)
		span_bad_argument("a span takes 1 to 64 contracts", "Split the contracts.");
	span->contracts = (size_t) count;
	span->row = span_log_row;
	span->arg = call;
	span->alloc = palloc;
	span->fault = &call->fault;
	memset(&call->fault, 0, sizeof(call->fault));
	if (!(call->family == USDTPAY_FAMILY_EVM
			  ? usdtpay_span_evm(span, VARDATA_ANY(logs), VARSIZE_ANY_EXHDR(logs))
			  : usdtpay_span_tron(span, VARDATA_ANY(logs), VARSIZE_ANY_EXHDR(logs))))
		usdtpay_fn_raise(&call->fault);
	MemoryContextDelete(call->row_context);
}

/* span_blocks(family, headers, check) → setof record */
Datum
usdtpay_span_blocks_sql(PG_FUNCTION_ARGS)
{
	SpanCall call;

	span_refuse_nulls(fcinfo, 3);
	span_begin(&call, fcinfo);
	span_headers(&call, fcinfo, 2, span_block_row);
	return (Datum) 0;
}

/* span_logs(family, headers, logs, contracts, check, cleared) → setof record */
Datum
usdtpay_span_logs_sql(PG_FUNCTION_ARGS)
{
	UsdtpaySpan span = {0};
	int64 *cleared = NULL;
	int count = 0;
	SpanCall call;

	span_refuse_nulls(fcinfo, 5);
	span_begin(&call, fcinfo);
	span_headers(&call, fcinfo, 4, span_block_keep);
	span_read(&call, &span, PG_GETARG_TEXT_PP(2), PG_GETARG_ARRAYTYPE_P(3));
	if (!PG_ARGISNULL(5))
	{
		Datum *values = span_array(PG_GETARG_ARRAYTYPE_P(5), INT8OID, sizeof(int64),
								   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &count);
		int i;

		cleared = palloc(Max(count, 1) * sizeof(int64));
		for (i = 0; i < count; i++)
			cleared[i] = DatumGetInt64(values[i]);
	}
	span_require_complete(&span, cleared, count);
	return (Datum) 0;
}

/* Makes blocks of what the database remembers, in ascending order. */
static void
span_known_blocks(SpanCall *call, ArrayType *numbers, ArrayType *hashes, ArrayType *times)
{
	int n_number;
	int n_hash;
	int n_time;
	Datum *number =
		span_array(numbers, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &n_number);
	uint8_t *hash = span_bytes(hashes, 32, &n_hash, "a block hash is not 32 bytes",
							   "Pass hashes as span_blocks gave them.");
	Datum *time = span_array(times, TIMESTAMPTZOID, sizeof(TimestampTz), FLOAT8PASSBYVAL,
							 TYPALIGN_DOUBLE, &n_time);
	int i;

	if (n_number != n_hash || n_number != n_time)
		span_bad_argument("the arrays of known blocks differ in length",
						  "Pass one number, hash and time per block.");
	for (i = 0; i < n_number; i++)
	{
		UsdtpayBlock b = {0};

		if (DatumGetInt64(number[i]) < 0 ||
			(i > 0 && DatumGetInt64(number[i]) <= DatumGetInt64(number[i - 1])))
			span_bad_argument("known blocks do not ascend", "Order them by number.");
		b.number = (uint64_t) DatumGetInt64(number[i]);
		b.time_us = DatumGetTimestampTz(time[i]) + SPAN_EPOCH;
		memcpy(b.hash, hash + i * 32, 32);
		(void) span_block_keep(call, &b);
	}
}

/* span_logs_known(family, numbers, hashes, times, logs, contracts) → setof record */
Datum
usdtpay_span_logs_known_sql(PG_FUNCTION_ARGS)
{
	UsdtpaySpan span = {.known = true};
	SpanCall call;

	span_refuse_nulls(fcinfo, 6);
	span_begin(&call, fcinfo);
	span_known_blocks(&call, PG_GETARG_ARRAYTYPE_P(1), PG_GETARG_ARRAYTYPE_P(2),
					  PG_GETARG_ARRAYTYPE_P(3));
	span_read(&call, &span, PG_GETARG_TEXT_PP(4), PG_GETARG_ARRAYTYPE_P(5));
	return (Datum) 0;
}
