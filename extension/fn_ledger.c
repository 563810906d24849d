/* SPDX-License-Identifier: PostgreSQL
 *
 * fn_ledger.c: the SQL face of the posting engine.  Turns arguments into lines and journals into
 * rows.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "errors.h"
#include "ledger/ledger.h"

PG_FUNCTION_INFO_V1(usdtpay_ledger_post);
PG_FUNCTION_INFO_V1(usdtpay_ledger_post_own);
PG_FUNCTION_INFO_V1(usdtpay_ledger_post_batch);
PG_FUNCTION_INFO_V1(usdtpay_ledger_post_batch_own);
PG_FUNCTION_INFO_V1(usdtpay_ledger_hold);
PG_FUNCTION_INFO_V1(usdtpay_ledger_capture);
PG_FUNCTION_INFO_V1(usdtpay_ledger_release);
PG_FUNCTION_INFO_V1(usdtpay_ledger_resolve);

/* An array argument taken apart. */
typedef struct FnArray
{
	Datum *values;
	bool *nulls;
	int count;
} FnArray;

/* Refuses a NULL argument. */
static void
fn_require(FunctionCallInfo fcinfo, int arg, const char *name)
{
	if (PG_ARGISNULL(arg))
		ereport(ERROR, (errcode(ERRCODE_UP_BAD_INPUT), errmsg("argument must not be null"),
						errdetail("Argument %s is null.", name),
						errhint("Name every account, key and amount.")));
}

/* Takes an array argument apart.  nullable permits NULL elements and a NULL array (count 0). */
static FnArray
fn_array(FunctionCallInfo fcinfo, int arg, const char *name, bool nullable)
{
	FnArray array = {NULL, NULL, 0};
	ArrayType *value;
	int16 typlen;
	bool typbyval;
	char typalign;

	if (nullable && PG_ARGISNULL(arg))
		return array;
	fn_require(fcinfo, arg, name);
	value = PG_GETARG_ARRAYTYPE_P(arg);
	if (ARR_NDIM(value) > 1 || (!nullable && array_contains_nulls(value)))
		ereport(ERROR, (errcode(ERRCODE_UP_BAD_INPUT),
						errmsg("array must have one dimension and no nulls"),
						errdetail("Argument %s.", name),
						errhint("Build it with array_agg over complete rows.")));
	get_typlenbyvalalign(ARR_ELEMTYPE(value), &typlen, &typbyval, &typalign);
	deconstruct_array(value, ARR_ELEMTYPE(value), typlen, typbyval, typalign, &array.values,
					  &array.nulls, &array.count);
	return array;
}

/* Refuses arrays of different lengths; an absent optional array has none. */
static void
fn_same_length(const FnArray *array, int count, const char *name)
{
	if (array->count != count && !(array->values == NULL && array->count == 0))
		ereport(ERROR,
				(errcode(ERRCODE_UP_BAD_INPUT), errmsg("arrays differ in length"),
				 errdetail("Argument %s has %d elements, not %d.", name, array->count, count),
				 errhint("Pass one element per posting line.")));
}

/* Returns the enum value 'transfer' of the function's kind argument type. */
static Oid
fn_kind_default(FunctionCallInfo fcinfo)
{
	Oid nsp = get_namespace_oid("usdtpay", false);
	Oid type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("journal_kind"),
							   ObjectIdGetDatum(nsp));

	return DatumGetObjectId(
		DirectFunctionCall2(enum_in, CStringGetDatum("transfer"), ObjectIdGetDatum(type)));
}

/* Makes the row (journal id, status) of the function's OUT parameters; shift counts columns before
 * them that are the hold's id. */
static Datum
fn_answer(FunctionCallInfo fcinfo, const LedgerJournal *journal, bool with_hold)
{
	Datum values[3];
	bool nulls[3] = {false, false, false};
	TupleDesc desc;
	int n = 0;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (with_hold)
		values[n++] = Int64GetDatum(journal->id * LEDGER_JOURNAL_LINES);
	values[n++] = Int64GetDatum(journal->id);
	values[n] = CStringGetTextDatum(ledger_status_names[journal->status]);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* Fills what the lines of one strict journal share. */
static void
fn_line(FunctionCallInfo fcinfo, LedgerLine *line, char phase)
{
	fn_require(fcinfo, 0, "p_party");
	fn_require(fcinfo, 1, "p_key");
	line->party = PG_GETARG_INT64(0);
	line->key = PG_GETARG_TEXT_PP(1);
	line->phase = phase;
	line->expires = DT_NOEND;
}

/* Posts one strict journal, own when it is the platform's, and returns its row. */
static Datum
fn_post(FunctionCallInfo fcinfo, LedgerLine *lines, int count, bool own, bool with_hold)
{
	LedgerBatch batch = {0};

	batch.lines = lines;
	batch.nlines = count;
	batch.strict = true;
	batch.own = own;
	ledger_batch_post(&batch);
	return fn_answer(fcinfo, &batch.journals[0], with_hold);
}

/* Posts the journal that the arguments of ledger_post describe. */
static Datum
fn_post_journal(FunctionCallInfo fcinfo, bool own)
{
	FnArray debit = fn_array(fcinfo, 2, "p_debit", false);
	FnArray credit = fn_array(fcinfo, 3, "p_credit", false);
	FnArray amount = fn_array(fcinfo, 4, "p_amount", false);
	Oid kind = PG_ARGISNULL(5) ? fn_kind_default(fcinfo) : PG_GETARG_OID(5);
	text *reference = PG_ARGISNULL(6) ? NULL : PG_GETARG_TEXT_PP(6);
	LedgerLine *lines;
	int i;

	fn_same_length(&credit, debit.count, "p_credit");
	fn_same_length(&amount, debit.count, "p_amount");
	if (debit.count == 0)
		ereport(ERROR, (errcode(ERRCODE_UP_BAD_INPUT), errmsg("journal has no lines"),
						errdetail("Argument p_debit is empty."),
						errhint("Pass one element per posting line.")));
	lines = palloc0(sizeof(LedgerLine) * (Size) debit.count);
	for (i = 0; i < debit.count; i++)
	{
		fn_line(fcinfo, &lines[i], LEDGER_PHASE_POST);
		lines[i].debit = DatumGetInt64(debit.values[i]);
		lines[i].credit = DatumGetInt64(credit.values[i]);
		lines[i].amount = DatumGetInt64(amount.values[i]);
		lines[i].kind = kind;
		lines[i].reference = reference;
	}
	return fn_post(fcinfo, lines, debit.count, own, false);
}

/* ledger_post(party, key, debit[], credit[], amount[], kind, reference) → (journal_id, status). */
Datum
usdtpay_ledger_post(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(fn_post_journal(fcinfo, false));
}

/* The same for the platform's own journals, whose keys are reserved. */
Datum
usdtpay_ledger_post_own(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(fn_post_journal(fcinfo, true));
}

/* ledger_hold(party, key, debit, credit, amount, expires_at, kind, reference)
 * → (hold_id, journal_id, status). */
Datum
usdtpay_ledger_hold(PG_FUNCTION_ARGS)
{
	LedgerLine line = {0};

	fn_line(fcinfo, &line, LEDGER_PHASE_HOLD);
	fn_require(fcinfo, 2, "p_debit");
	fn_require(fcinfo, 3, "p_credit");
	fn_require(fcinfo, 4, "p_amount");
	line.debit = PG_GETARG_INT64(2);
	line.credit = PG_GETARG_INT64(3);
	line.amount = PG_GETARG_INT64(4);
	if (!PG_ARGISNULL(5))
		line.expires = PG_GETARG_TIMESTAMPTZ(5);
	line.kind = PG_ARGISNULL(6) ? fn_kind_default(fcinfo) : PG_GETARG_OID(6);
	line.reference = PG_ARGISNULL(7) ? NULL : PG_GETARG_TEXT_PP(7);
	PG_RETURN_DATUM(fn_post(fcinfo, &line, 1, false, true));
}

/* Reads the hold's id of a call that resolves it. */
static void
fn_hold(FunctionCallInfo fcinfo, LedgerLine *line)
{
	fn_require(fcinfo, 2, "p_hold");
	line->hold = PG_GETARG_INT64(2);
	if (line->hold <= 0)
		ereport(ERROR, (errcode(ERRCODE_UP_HOLD), errmsg("hold cannot be resolved"),
						errdetail("There is no hold " INT64_FORMAT ".", line->hold),
						errhint("Pass the hold_id that usdtpay.ledger_hold() returned.")));
}

/* ledger_capture(party, key, hold, amount) → (journal_id, status). */
Datum
usdtpay_ledger_capture(PG_FUNCTION_ARGS)
{
	LedgerLine line = {0};

	fn_line(fcinfo, &line, LEDGER_PHASE_CAPTURE);
	fn_hold(fcinfo, &line);
	if (!PG_ARGISNULL(3))
	{
		line.amount = PG_GETARG_INT64(3);
		if (line.amount <= 0)
			ereport(ERROR, (errcode(ERRCODE_UP_BAD_AMOUNT), errmsg("amount must be positive"),
							errdetail("Amount " INT64_FORMAT ".", line.amount),
							errhint("Use usdtpay.ledger_release() to take nothing.")));
	}
	PG_RETURN_DATUM(fn_post(fcinfo, &line, 1, false, false));
}

/* ledger_release(party, key, hold) → (journal_id, status). */
Datum
usdtpay_ledger_release(PG_FUNCTION_ARGS)
{
	LedgerLine line = {0};

	fn_line(fcinfo, &line, LEDGER_PHASE_RELEASE);
	fn_hold(fcinfo, &line);
	PG_RETURN_DATUM(fn_post(fcinfo, &line, 1, false, false));
}

/* ledger_resolve(party[], key[], hold[], phase) → how many holds it resolved; the others were
 * before. */
Datum
usdtpay_ledger_resolve(PG_FUNCTION_ARGS)
{
	FnArray party = fn_array(fcinfo, 0, "p_party", false);
	FnArray key = fn_array(fcinfo, 1, "p_key", false);
	FnArray hold = fn_array(fcinfo, 2, "p_hold", false);
	char phase = PG_GETARG_CHAR(3);
	LedgerBatch batch = {0};
	int resolved = 0;
	int i;

	fn_same_length(&key, party.count, "p_key");
	fn_same_length(&hold, party.count, "p_hold");
	batch.own = true;
	batch.nlines = party.count;
	batch.lines = palloc0(sizeof(LedgerLine) * (Size) Max(party.count, 1));
	for (i = 0; i < party.count; i++)
	{
		batch.lines[i].party = DatumGetInt64(party.values[i]);
		batch.lines[i].key = DatumGetTextPP(key.values[i]);
		batch.lines[i].hold = DatumGetInt64(hold.values[i]);
		batch.lines[i].phase = phase;
		batch.lines[i].expires = DT_NOEND;
	}
	ledger_batch_post(&batch);
	for (i = 0; i < batch.njournals; i++)
		resolved += batch.journals[i].status == LEDGER_CREATED;
	PG_RETURN_INT32(resolved);
}

/* Fills the lines of a batch from its seven arrays. */
static void
fn_batch_lines(FunctionCallInfo fcinfo, LedgerBatch *batch)
{
	static const char *const names[] = {"p_party",  "p_key",  "p_debit",    "p_credit",
										"p_amount", "p_kind", "p_reference"};
	FnArray args[7];
	Oid kind = fn_kind_default(fcinfo);
	int i;

	for (i = 0; i < 7; i++)
	{
		args[i] = fn_array(fcinfo, i, names[i], i >= 5);
		fn_same_length(&args[i], args[0].count, names[i]);
	}
	batch->nlines = args[0].count;
	batch->lines = palloc0(sizeof(LedgerLine) * (Size) Max(batch->nlines, 1));
	for (i = 0; i < batch->nlines; i++)
	{
		LedgerLine *line = &batch->lines[i];

		line->party = DatumGetInt64(args[0].values[i]);
		line->key = DatumGetTextPP(args[1].values[i]);
		line->debit = DatumGetInt64(args[2].values[i]);
		line->credit = DatumGetInt64(args[3].values[i]);
		line->amount = DatumGetInt64(args[4].values[i]);
		line->kind =
			args[5].values == NULL || args[5].nulls[i] ? kind : DatumGetObjectId(args[5].values[i]);
		line->reference =
			args[6].values == NULL || args[6].nulls[i] ? NULL : DatumGetTextPP(args[6].values[i]);
		line->phase = LEDGER_PHASE_POST;
		line->expires = DT_NOEND;
	}
}

/* Posts the journals that the arguments of ledger_post_batch describe and returns a row of each. */
static void
fn_post_batch(FunctionCallInfo fcinfo, bool own)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	LedgerBatch batch = {0};
	int i;

	fn_batch_lines(fcinfo, &batch);
	batch.own = own;
	batch.strict = !PG_ARGISNULL(7) && PG_GETARG_BOOL(7);
	ledger_batch_post(&batch);
	InitMaterializedSRF(fcinfo, 0);
	for (i = 0; i < batch.njournals; i++)
	{
		const LedgerJournal *journal = &batch.journals[i];
		Datum values[3];
		bool nulls[3] = {false, false, false};

		values[0] = Int32GetDatum(journal->first + 1);
		values[1] = Int64GetDatum(journal->id);
		nulls[1] = journal->id == 0;
		values[2] = CStringGetTextDatum(ledger_status_names[journal->status]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/* ledger_post_batch(party[], key[], debit[], credit[], amount[], kind[], reference[], strict)
 * → one row (ord, journal_id, status) per journal. */
Datum
usdtpay_ledger_post_batch(PG_FUNCTION_ARGS)
{
	fn_post_batch(fcinfo, false);
	return (Datum) 0;
}

/* The same for the platform's own journals, whose keys are reserved. */
Datum
usdtpay_ledger_post_batch_own(PG_FUNCTION_ARGS)
{
	fn_post_batch(fcinfo, true);
	return (Datum) 0;
}
