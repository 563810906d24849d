/* SPDX-License-Identifier: PostgreSQL
 *
 * sql.h: typed arguments into SPI, typed columns out of it.
 *
 * Everything here is called between usdtpay_worker_begin() and usdtpay_worker_commit().  Columns
 * count from 1, rows of SPI_tuptable from 0.
 */
#ifndef USDTPAY_SQL_H
#define USDTPAY_SQL_H

extern uint64 usdtpay_sql_query(const char *query, int count, Oid *types, Datum *args,
								const char *nulls, bool read_only);
extern Datum usdtpay_sql_value(uint64 row, int column, bool *isnull);
extern int64 usdtpay_sql_int64(uint64 row, int column, int64 other);
extern bool usdtpay_sql_bytes(uint64 row, int column, uint8 *out, int len);
extern Datum usdtpay_sql_bytea(const uint8 *bytes, int len);

#endif
