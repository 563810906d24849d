/* SPDX-License-Identifier: PostgreSQL
 *
 * plain.c: the plain lane.  Hands the batch to usdtpay_internal.ledger_plain(), as the owner of the
 * ledger's tables, the way referential checks run.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "errors.h"
#include "ledger/ledger.h"

#define PLAIN_ARGS 11

/* Becomes the owner of the ledger's tables, the way referential checks do. */
LedgerOwner
ledger_owner_enter(void)
{
	Relation rel = table_open(ledger_table_oid("usdtpay", "posting"), AccessShareLock);
	LedgerOwner before;

	GetUserIdAndSecContext(&before.user, &before.context);
	SetUserIdAndSecContext(rel->rd_rel->relowner, before.context | SECURITY_LOCAL_USERID_CHANGE);
	table_close(rel, AccessShareLock);
	return before;
}

/* Becomes whoever it was before; after an error the abort does that. */
void
ledger_owner_leave(LedgerOwner before)
{
	SetUserIdAndSecContext(before.user, before.context);
}

/* One array argument under construction. */
typedef struct PlainArray
{
	Datum *values;
	bool *nulls;
} PlainArray;

/* Makes room for one element per line. */
static PlainArray
plain_array(const LedgerBatch *batch)
{
	PlainArray array;

	array.values = palloc0(sizeof(Datum) * (Size) batch->nlines);
	array.nulls = palloc0(sizeof(bool) * (Size) batch->nlines);
	return array;
}

/* Makes the array datum. */
static Datum
plain_datum(const LedgerBatch *batch, PlainArray array, Oid type)
{
	int dims[1] = {batch->nlines};
	int lower[1] = {1};
	int16 typlen;
	bool typbyval;
	char typalign;

	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	return PointerGetDatum(construct_md_array(array.values, array.nulls, 1, dims, lower, type,
											  typlen, typbyval, typalign));
}

/* Fills one array per argument from the lines. */
static void
plain_fill(const LedgerBatch *batch, PlainArray *arrays)
{
	int i;

	for (i = 0; i < batch->nlines; i++)
	{
		const LedgerLine *line = &batch->lines[i];

		arrays[0].values[i] = Int64GetDatum(line->party);
		arrays[1].values[i] = PointerGetDatum(line->key);
		arrays[2].values[i] = Int64GetDatum(line->debit);
		arrays[3].values[i] = Int64GetDatum(line->credit);
		arrays[4].values[i] = Int64GetDatum(line->amount);
		arrays[5].values[i] = ObjectIdGetDatum(line->kind);
		arrays[5].nulls[i] = !OidIsValid(line->kind);
		arrays[6].values[i] = PointerGetDatum(line->reference);
		arrays[6].nulls[i] = line->reference == NULL;
		arrays[7].values[i] = CharGetDatum(line->phase);
		arrays[8].values[i] = Int64GetDatum(line->hold);
		arrays[8].nulls[i] = line->hold == 0;
		arrays[9].values[i] = TimestampTzGetDatum(line->expires);
		arrays[9].nulls[i] = TIMESTAMP_IS_NOEND(line->expires);
	}
}

/* Calls the plpgsql twin.  Out: SPI_tuptable. */
static void
plain_call(LedgerBatch *batch)
{
	Oid kind = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("journal_kind"),
							   ObjectIdGetDatum(get_namespace_oid("usdtpay", false)));
	Oid elements[PLAIN_ARGS - 1] = {INT8OID, TEXTOID, INT8OID, INT8OID, INT8OID,
									kind,    TEXTOID, CHAROID, INT8OID, TIMESTAMPTZOID};
	Oid types[PLAIN_ARGS];
	Datum values[PLAIN_ARGS];
	PlainArray arrays[PLAIN_ARGS - 1];
	int i;

	for (i = 0; i < PLAIN_ARGS - 1; i++)
		arrays[i] = plain_array(batch);
	plain_fill(batch, arrays);
	for (i = 0; i < PLAIN_ARGS - 1; i++)
	{
		types[i] = get_array_type(elements[i]);
		values[i] = plain_datum(batch, arrays[i], elements[i]);
	}
	types[PLAIN_ARGS - 1] = BOOLOID;
	values[PLAIN_ARGS - 1] = BoolGetDatum(batch->strict);
	if (SPI_execute_with_args("SELECT ord, journal_id, status FROM usdtpay_internal.ledger_plain("
							  "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
							  PLAIN_ARGS, types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not call the plain ledger lane");
}

/* Turns a status name into the status. */
static LedgerStatus
plain_status(const char *name)
{
	int i;

	for (i = LEDGER_CREATED; i <= LEDGER_HOLD; i++)
		if (strcmp(name, ledger_status_names[i]) == 0)
			return (LedgerStatus) i;
	elog(ERROR, "unknown ledger status \"%s\"", name);
}

/* Copies the answer, one row per journal in order, into the batch. */
static void
plain_take(LedgerBatch *batch)
{
	int i;

	if (SPI_processed != (uint64) batch->njournals)
		elog(ERROR, "plain ledger lane answered %d of %d journals", (int) SPI_processed,
			 batch->njournals);
	for (i = 0; i < batch->njournals; i++)
	{
		LedgerJournal *journal = &batch->journals[i];
		HeapTuple row = SPI_tuptable->vals[i];
		TupleDesc desc = SPI_tuptable->tupdesc;
		bool isnull;

		journal->id = DatumGetInt64(SPI_getbinval(row, desc, 2, &isnull));
		if (isnull)
			journal->id = 0;
		journal->status = plain_status(SPI_getvalue(row, desc, 3));
	}
}

/* Posts the batch in SQL.  Out: status and number of every journal. */
void
ledger_plain_run(LedgerBatch *batch)
{
	LedgerOwner owner;

	SPI_connect();
	owner = ledger_owner_enter();
	plain_call(batch);
	ledger_owner_leave(owner);
	plain_take(batch);
	SPI_finish();
}
