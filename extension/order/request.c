/* SPDX-License-Identifier: PostgreSQL
 *
 * request.c: what a call of order_create asks for: its parameters checked, priced and hashed.
 * Plain ones never reach SQL; the rest is left to usdtpay_internal.order_check and order_price,
 * which also word the errors.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "order/order.h"

static OrderPlan check_plan = {"SELECT usdtpay_internal.order_check($1, $2, $3, $4, $5)",
							   5,
							   {TEXTOID, INTERVALOID, TEXTOID, JSONBOID, TEXTOID},
							   NULL};

static OrderPlan price_plan = {
	"SELECT usdtpay_internal.order_price($1, $2, $3)", 3, {NUMERICOID, TEXTOID, NUMERICOID}, NULL};

/* Hashes one parameter by value: 1.0 equals 1.00, an hour sixty minutes, the order of networks
 * does not matter. */
static uint64
request_hash_arg(FunctionCallInfo fcinfo, int arg)
{
	Datum value = PG_GETARG_DATUM(arg);
	Datum seed = UInt64GetDatum(arg + 1);

	switch (arg)
	{
		case ARG_AMOUNT:
		case ARG_RATE:
			return DatumGetUInt64(DirectFunctionCall2(hash_numeric_extended, value, seed));
		case ARG_EXPIRES_IN:
			return DatumGetUInt64(DirectFunctionCall2(interval_hash_extended, value, seed));
		case ARG_METADATA:
			return DatumGetUInt64(DirectFunctionCall2(jsonb_hash_extended, value, seed));
		case ARG_DRAFT:
			return DatumGetBool(value) ? 1 : 0;
		default:
			return DatumGetUInt64(hash_any_extended(
				(unsigned char *) VARDATA_ANY(DatumGetPointer(value)),
				(int) VARSIZE_ANY_EXHDR(DatumGetPointer(value)), DatumGetUInt64(seed)));
	}
}

/* Hashes a list of network codes, whatever their order. */
static uint64
request_hash_networks(ArrayType *codes)
{
	Datum *values;
	bool *nulls;
	uint64 sum = 0;
	int count;
	int i;

	deconstruct_array(codes, TEXTOID, -1, false, 'i', &values, &nulls, &count);
	for (i = 0; i < count; i++)
		if (!nulls[i])
			sum += DatumGetUInt64(
				hash_any_extended((unsigned char *) VARDATA_ANY(DatumGetPointer(values[i])),
								  (int) VARSIZE_ANY_EXHDR(DatumGetPointer(values[i])), 1));
	return sum;
}

int64
usdtpay_request_hash(FunctionCallInfo fcinfo)
{
	uint64 hash = 0;
	int arg;

	for (arg = ARG_AMOUNT; arg < ARG_PARTY; arg++)
	{
		if (arg == ARG_RATE_AT)
			continue;
		if (PG_ARGISNULL(arg))
			hash = hash_combine64(hash, 0);
		else if (arg == ARG_NETWORKS)
			hash = hash_combine64(hash, request_hash_networks(PG_GETARG_ARRAYTYPE_P(arg)));
		else
		{
			if (arg != ARG_EXPIRES_IN && arg != ARG_DRAFT) /* the others are varlena */
				fcinfo->args[arg].value =
					PointerGetDatum(PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(arg)));
			hash = hash_combine64(hash, request_hash_arg(fcinfo, arg));
		}
	}
	return (int64) hash;
}

/* Tells whether the parameters order_check looks at are the plain ones, which need no look. */
static bool
request_is_plain(FunctionCallInfo fcinfo)
{
	Size length = 0;

	if (!PG_ARGISNULL(ARG_REFERENCE)) /* its length when it was compressed or stored apart, too */
		length = toast_raw_datum_size(PG_GETARG_DATUM(ARG_REFERENCE)) - VARHDRSZ;

	return length > 0 && length <= 200 && PG_ARGISNULL(ARG_EXPIRES_IN) &&
		   PG_ARGISNULL(ARG_CUSTOMER) && PG_ARGISNULL(ARG_METADATA) &&
		   PG_ARGISNULL(ARG_RATE_SOURCE);
}

void
usdtpay_request_check(FunctionCallInfo fcinfo)
{
	Datum args[5];
	char nulls[6] = "     ";
	int map[5] = {ARG_REFERENCE, ARG_EXPIRES_IN, ARG_CUSTOMER, ARG_METADATA, ARG_RATE_SOURCE};
	int i;

	if (request_is_plain(fcinfo))
		return;
	for (i = 0; i < 5; i++)
	{
		args[i] = PG_ARGISNULL(map[i]) ? (Datum) 0 : PG_GETARG_DATUM(map[i]);
		if (PG_ARGISNULL(map[i]))
			nulls[i] = 'n';
	}
	(void) usdtpay_plan_int8(&check_plan, args, nulls);
}

/* Reads a plain USDT amount of 1 to 10^15 minor units without a query.
 * Returns: the minor units, or -1 when it is anything else. */
static int64
request_due_plain(FunctionCallInfo fcinfo)
{
	text *currency;
	Datum minor;
	Datum whole;

	if (PG_ARGISNULL(ARG_AMOUNT) || PG_ARGISNULL(ARG_CURRENCY) || !PG_ARGISNULL(ARG_RATE))
		return -1;
	currency = PG_GETARG_TEXT_PP(ARG_CURRENCY);
	if (VARSIZE_ANY_EXHDR(currency) != 4 || memcmp(VARDATA_ANY(currency), "USDT", 4) != 0)
		return -1;
	if (numeric_is_nan(PG_GETARG_NUMERIC(ARG_AMOUNT)) ||
		numeric_is_inf(PG_GETARG_NUMERIC(ARG_AMOUNT)))
		return -1;
	if (DatumGetBool(DirectFunctionCall2(numeric_gt, PG_GETARG_DATUM(ARG_AMOUNT),
										 NumericGetDatum(int64_to_numeric(1000000000)))) ||
		DatumGetBool(DirectFunctionCall2(numeric_lt, PG_GETARG_DATUM(ARG_AMOUNT),
										 NumericGetDatum(int64_to_numeric(0)))))
		return -1; /* before a product of it overflows */
	minor = DirectFunctionCall2(numeric_mul, PG_GETARG_DATUM(ARG_AMOUNT),
								NumericGetDatum(int64_to_numeric(1000000)));
	whole = DirectFunctionCall2(numeric_trunc, minor, Int32GetDatum(0));
	if (!DatumGetBool(DirectFunctionCall2(numeric_eq, minor, whole)) ||
		DatumGetBool(DirectFunctionCall2(numeric_lt, whole, NumericGetDatum(int64_to_numeric(1)))))
		return -1;
	return DatumGetInt64(DirectFunctionCall1(numeric_int8, whole));
}

int64
usdtpay_request_due(FunctionCallInfo fcinfo)
{
	Datum args[3];
	char nulls[4] = "   ";
	int map[3] = {ARG_AMOUNT, ARG_CURRENCY, ARG_RATE};
	int64 plain = request_due_plain(fcinfo);
	int i;

	if (plain > 0)
		return plain;
	for (i = 0; i < 3; i++)
	{
		args[i] = PG_ARGISNULL(map[i]) ? (Datum) 0 : PG_GETARG_DATUM(map[i]);
		if (PG_ARGISNULL(map[i]))
			nulls[i] = 'n';
	}
	return usdtpay_plan_int8(&price_plan, args, nulls);
}
