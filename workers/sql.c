/* SPDX-License-Identifier: PostgreSQL
 *
 * sql.c: typed arguments into SPI, typed columns out of it.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/builtins.h"

#include "compat.h"
#include "sql.h"

/* Runs a query with typed arguments.  Returns: the number of rows, in SPI_tuptable. */
uint64
usdtpay_sql_query(const char *query, int count, Oid *types, Datum *args, const char *nulls,
				  bool read_only)
{
	int code = SPI_execute_with_args(query, count, types, args, nulls, read_only, 0);

	if (code != SPI_OK_SELECT)
		elog(ERROR, "could not run \"%s\": %s", query, SPI_result_code_string(code));
	return SPI_processed;
}

/* Gives a column; column counts from 1. */
Datum
usdtpay_sql_value(uint64 row, int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

/* Gives a bigint column, or other where it is NULL. */
int64
usdtpay_sql_int64(uint64 row, int column, int64 other)
{
	bool isnull;
	Datum value = usdtpay_sql_value(row, column, &isnull);

	return isnull ? other : DatumGetInt64(value);
}

/* Copies a bytea column of exactly len bytes.  Returns: false when NULL or of another length. */
bool
usdtpay_sql_bytes(uint64 row, int column, uint8 *out, int len)
{
	bool isnull;
	Datum value = usdtpay_sql_value(row, column, &isnull);
	bytea *bytes;

	if (isnull)
		return false;
	bytes = DatumGetByteaPP(value);
	if (VARSIZE_ANY_EXHDR(bytes) != (Size) len)
		return false;
	memcpy(out, VARDATA_ANY(bytes), len);
	return true;
}

/* Makes a bytea datum. */
Datum
usdtpay_sql_bytea(const uint8 *bytes, int len)
{
	bytea *out = palloc(VARHDRSZ + len);

	SET_VARSIZE(out, VARHDRSZ + len);
	memcpy(VARDATA(out), bytes, len);
	return PointerGetDatum(out);
}
