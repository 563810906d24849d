/* SPDX-License-Identifier: PostgreSQL
 *
 * fn_account.c: account_open.  Nearly every call finds the account open already, and callers sit in
 * hot paths: so the lookup goes straight to the index, and only the opening is SQL.
 * Reads usdtpay.asset and usdtpay.account_name.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "errors.h"
#include "ledger/ledger.h"

PG_FUNCTION_INFO_V1(usdtpay_account_open);

/* Prepares an equality key on a text column. */
static void
account_text_key(ScanKey key, AttrNumber column, text *value)
{
	ScanKeyEntryInitialize(key, 0, column, BTEqualStrategyNumber, InvalidOid, DEFAULT_COLLATION_OID,
						   F_TEXTEQ, PointerGetDatum(value));
}

/* Returns one integer column of the row that the index finds, or 0 when there is none. */
static int64
account_find(const char *table, const char *index, int nkeys, ScanKey keys, AttrNumber column)
{
	Relation rel = table_open(ledger_table_oid("usdtpay", table), AccessShareLock);
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	SysScanDesc scan =
		systable_beginscan(rel, ledger_table_oid("usdtpay", index), true, snapshot, nkeys, keys);
	HeapTuple tuple = systable_getnext(scan);
	int64 found = 0;
	bool isnull;

	if (HeapTupleIsValid(tuple))
	{
		Datum value = heap_getattr(tuple, column, RelationGetDescr(rel), &isnull);

		found = TupleDescAttr(RelationGetDescr(rel), column - 1)->atttypid == INT4OID
					? DatumGetInt32(value)
					: DatumGetInt64(value);
	}
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	return found;
}

/* Returns the id of an asset by its code; an unknown one is an error. */
static int32
account_asset(text *code)
{
	ScanKeyData key;
	int64 asset;

	account_text_key(&key, 2, code);
	asset = account_find("asset", "asset_code_key", 1, &key, 1);
	if (asset == 0)
		ereport(ERROR, (errcode(ERRCODE_UP_NOT_FOUND), errmsg("asset not found"),
						errdetail("Asset \"%.*s\".",
								  pg_mbcliplen(VARDATA_ANY(code), VARSIZE_ANY_EXHDR(code), 100),
								  VARDATA_ANY(code)),
						errhint("usdtpay.asset lists the assets.")));
	return (int32) asset;
}

/* Opens the account in SQL, as the owner of the ledger.  Returns its id. */
static Datum
account_create(Datum *args)
{
	Oid types[4] = {INT8OID, INT4OID, TEXTOID, TEXTOID};
	LedgerOwner owner;
	Datum id;
	bool isnull;

	SPI_connect();
	owner = ledger_owner_enter();
	if (SPI_execute_with_args("SELECT usdtpay_internal.account_create($1, $2, $3, $4)", 4, types,
							  args, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not open the account");
	ledger_owner_leave(owner);
	id = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	SPI_finish();
	return id;
}

/* account_open(party, asset, name, customer_ref) → account id. */
Datum
usdtpay_account_open(PG_FUNCTION_ARGS)
{
	ScanKeyData keys[4];
	Datum args[4];
	int64 id;
	int i;

	for (i = 0; i < 4; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_UP_BAD_INPUT), errmsg("argument must not be null"),
					 errdetail("Argument %d is null.", i + 1),
					 errhint("Leave the customer reference out for the party's own account.")));
	args[0] = PG_GETARG_DATUM(0);
	args[1] = Int32GetDatum(account_asset(PG_GETARG_TEXT_PP(1)));
	args[2] = PointerGetDatum(PG_GETARG_TEXT_PP(2));
	args[3] = PointerGetDatum(PG_GETARG_TEXT_PP(3));
	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ, args[0]);
	ScanKeyInit(&keys[1], 3, BTEqualStrategyNumber, F_INT4EQ, args[1]);
	account_text_key(&keys[2], 4, (text *) DatumGetPointer(args[2]));
	account_text_key(&keys[3], 5, (text *) DatumGetPointer(args[3]));
	id = account_find("account_name", "account_name_key", 4, keys, 2);
	PG_RETURN_DATUM(id != 0 ? Int64GetDatum(id) : account_create(args));
}
