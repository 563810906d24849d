/* SPDX-License-Identifier: PostgreSQL
 *
 * store.c: finds an order by its reference and writes a new one.
 * Reads and writes usdtpay.payment_order.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

#include "compat.h"
#include "errors.h"
#include "order/order.h"

/* Columns of usdtpay.payment_order, in order. */
enum
{
	COL_PARTY,
	COL_ORDER,
	COL_REFERENCE,
	COL_REQUEST_HASH,
	COL_ASSET,
	COL_STATE,
	COL_DUE,
	COL_SEEN,
	COL_FINAL,
	COL_REFUNDED,
	COL_EXCESS,
	COL_SETTLED,
	COL_UNDERPAY_TOLERANCE,
	COL_OVERPAY_TOLERANCE,
	COL_FEE_BPS,
	COL_EVENT_SEQ,
	COL_LATE_POLICY,
	COL_OVERPAY_POLICY,
	COL_OVERPAID,
	COL_LATE,
	COL_MULTIPLE,
	COL_MANUAL,
	COL_HELD,
	COL_NETWORKS,
	COL_EVM_ADDRESS,
	COL_TRON_ADDRESS,
	COL_CREATED_AT,
	COL_EXPIRES_AT,
	COL_PAID_AT,
	COL_PRICE_AMOUNT,
	COL_PRICE_CURRENCY,
	COL_RATE,
	COL_RATE_SOURCE,
	COL_RATE_AT,
	COL_CUSTOMER,
	COL_ON_PAID,
	COL_ON_PAID_ROLE,
	COL_METADATA,
	COL_COUNT
};

/* Their types; 0 for an enum of ours. */
static const Oid store_types[COL_COUNT] = {
	[COL_PARTY] = INT8OID,
	[COL_ORDER] = INT8OID,
	[COL_REFERENCE] = TEXTOID,
	[COL_REQUEST_HASH] = INT8OID,
	[COL_ASSET] = INT4OID,
	[COL_DUE] = INT8OID,
	[COL_SEEN] = INT8OID,
	[COL_FINAL] = INT8OID,
	[COL_REFUNDED] = INT8OID,
	[COL_EXCESS] = INT8OID,
	[COL_SETTLED] = INT8OID,
	[COL_UNDERPAY_TOLERANCE] = INT8OID,
	[COL_OVERPAY_TOLERANCE] = INT8OID,
	[COL_FEE_BPS] = INT4OID,
	[COL_EVENT_SEQ] = INT4OID,
	[COL_OVERPAID] = BOOLOID,
	[COL_LATE] = BOOLOID,
	[COL_MULTIPLE] = BOOLOID,
	[COL_MANUAL] = BOOLOID,
	[COL_HELD] = BOOLOID,
	[COL_NETWORKS] = INT4ARRAYOID,
	[COL_EVM_ADDRESS] = BYTEAOID,
	[COL_TRON_ADDRESS] = BYTEAOID,
	[COL_CREATED_AT] = TIMESTAMPTZOID,
	[COL_EXPIRES_AT] = TIMESTAMPTZOID,
	[COL_PAID_AT] = TIMESTAMPTZOID,
	[COL_PRICE_AMOUNT] = NUMERICOID,
	[COL_PRICE_CURRENCY] = TEXTOID,
	[COL_RATE] = NUMERICOID,
	[COL_RATE_SOURCE] = TEXTOID,
	[COL_RATE_AT] = TIMESTAMPTZOID,
	[COL_CUSTOMER] = TEXTOID,
	[COL_ON_PAID] = TEXTOID,
	[COL_ON_PAID_ROLE] = NAMEOID,
	[COL_METADATA] = JSONBOID,
};

#define ORDER_ASSET 1 /* USDT */

/* A row in the making. */
typedef struct OrderRow
{
	Datum values[COL_COUNT];
	bool nulls[COL_COUNT];
} OrderRow;

/* Opens the table of orders. */
static Relation
store_open(void)
{
	return usdtpay_row_open("payment_order", store_types, COL_COUNT);
}

/* Tells that a reference stands for something else. */
static void
store_refuse(const OrderAnswer *answer, Datum reference)
{
	ereport(ERROR, (errcode(ERRCODE_UP_IDEMPOTENCY),
					errmsg("that reference belongs to an order with other parameters"),
					errdetail("Reference is \"%s\", order " INT64_FORMAT ".",
							  TextDatumGetCString(reference), answer->order_id),
					errhint("A reference is an idempotency key: use a new one for a new order.")));
}

/* Copies an address out of a row. */
static Datum
store_address(TupleTableSlot *slot, int column)
{
	return slot->tts_isnull[column] ? (Datum) 0
									: PointerGetDatum(DatumGetByteaPCopy(slot->tts_values[column]));
}

bool
usdtpay_order_find(OrderAnswer *answer, int64 party, Datum reference, int64 hash)
{
	Relation rel = store_open();
	TupleTableSlot *slot;
	ScanKeyData keys[2];

	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(party));
	ScanKeyEntryInitialize(&keys[1], 0, 2, BTEqualStrategyNumber, InvalidOid, C_COLLATION_OID,
						   F_TEXTEQ, reference);
	slot = usdtpay_row_find(rel, "payment_order_reference_key", keys, 2);
	if (slot != NULL)
	{
		slot_getallattrs(slot);
		answer->order_id = DatumGetInt64(slot->tts_values[COL_ORDER]);
		if (DatumGetInt64(slot->tts_values[COL_REQUEST_HASH]) != hash)
			store_refuse(answer, reference);
		answer->state = DatumGetCString(DirectFunctionCall1(enum_out, slot->tts_values[COL_STATE]));
		answer->due = DatumGetInt64(slot->tts_values[COL_DUE]);
		answer->raw[0] = store_address(slot, COL_EVM_ADDRESS);
		answer->raw[1] = store_address(slot, COL_TRON_ADDRESS);
		answer->expires_at = DatumGetTimestampTz(slot->tts_values[COL_EXPIRES_AT]);
		ExecDropSingleTupleTableSlot(slot);
	}
	table_close(rel, NoLock);
	return slot != NULL;
}

/* Sets a column that may be null. */
static void
store_set(OrderRow *row, int column, Datum value, bool isnull)
{
	row->values[column] = value;
	row->nulls[column] = isnull;
}

/* Sets a column to an argument of order_create. */
static void
store_arg(OrderRow *row, int column, FunctionCallInfo fcinfo, int arg)
{
	store_set(row, column, PG_GETARG_DATUM(arg), PG_ARGISNULL(arg));
}

/* Copies the merchant's terms into an order: later changes are not for it. */
static void
store_terms(OrderRow *row, const OrderTerms *terms, int64 due)
{
	row->values[COL_UNDERPAY_TOLERANCE] = Int64GetDatum(Min(terms->underpay_tolerance, due / 10));
	row->values[COL_OVERPAY_TOLERANCE] = Int64GetDatum(terms->overpay_tolerance);
	row->values[COL_FEE_BPS] = Int32GetDatum(terms->fee_bps);
	row->values[COL_LATE_POLICY] = ObjectIdGetDatum(terms->late_policy);
	row->values[COL_OVERPAY_POLICY] = ObjectIdGetDatum(terms->overpay_policy);
	store_set(row, COL_ON_PAID, terms->on_paid, terms->on_paid == (Datum) 0);
	store_set(row, COL_ON_PAID_ROLE, terms->on_paid_role, terms->on_paid_role == (Datum) 0);
}

/* Notes what a price in fiat was; an order in USDT has none. */
static void
store_price(OrderRow *row, FunctionCallInfo fcinfo, const OrderPlace *place)
{
	text *currency = PG_GETARG_TEXT_PP(ARG_CURRENCY);
	int column;

	if (VARSIZE_ANY_EXHDR(currency) == 4 && memcmp(VARDATA_ANY(currency), "USDT", 4) == 0)
	{
		for (column = COL_PRICE_AMOUNT; column <= COL_RATE_AT; column++)
			row->nulls[column] = true;
		return;
	}
	store_arg(row, COL_PRICE_AMOUNT, fcinfo, ARG_AMOUNT);
	store_arg(row, COL_PRICE_CURRENCY, fcinfo, ARG_CURRENCY);
	store_arg(row, COL_RATE, fcinfo, ARG_RATE);
	store_set(row, COL_RATE_SOURCE,
			  PG_ARGISNULL(ARG_RATE_SOURCE) ? CStringGetTextDatum("caller")
											: PG_GETARG_DATUM(ARG_RATE_SOURCE),
			  false);
	store_set(row, COL_RATE_AT,
			  PG_ARGISNULL(ARG_RATE_AT) ? TimestampTzGetDatum(place->created_at)
										: PG_GETARG_DATUM(ARG_RATE_AT),
			  false);
}

/* Fills a row in.  What is not mentioned is zero or false in a new order. */
static void
store_fill(OrderRow *row, Relation rel, FunctionCallInfo fcinfo, const OrderPlace *place,
		   const OrderRoute *route, const OrderAnswer *answer, int64 hash)
{
	Oid states = TupleDescAttr(RelationGetDescr(rel), COL_STATE)->atttypid;

	memset(row, 0, sizeof(OrderRow));
	row->values[COL_PARTY] = Int64GetDatum(place->party);
	row->values[COL_ORDER] = Int64GetDatum(place->order);
	row->values[COL_REFERENCE] = PG_GETARG_DATUM(ARG_REFERENCE);
	row->values[COL_REQUEST_HASH] = Int64GetDatum(hash);
	row->values[COL_ASSET] = Int32GetDatum(ORDER_ASSET);
	row->values[COL_STATE] =
		DirectFunctionCall2(enum_in, CStringGetDatum(answer->state), ObjectIdGetDatum(states));
	row->values[COL_DUE] = Int64GetDatum(place->due);
	row->values[COL_NETWORKS] = route->networks;
	row->values[COL_CREATED_AT] = TimestampTzGetDatum(place->created_at);
	row->values[COL_EXPIRES_AT] = TimestampTzGetDatum(place->expires_at);
	store_set(row, COL_EVM_ADDRESS, place->raw[0], place->raw[0] == (Datum) 0);
	store_set(row, COL_TRON_ADDRESS, place->raw[1], place->raw[1] == (Datum) 0);
	row->nulls[COL_PAID_AT] = true;
	store_terms(row, &route->terms, place->due);
	store_price(row, fcinfo, place);
	store_arg(row, COL_CUSTOMER, fcinfo, ARG_CUSTOMER);
	store_arg(row, COL_METADATA, fcinfo, ARG_METADATA);
}

/* Writes the row.  The unique violation of a caller who was faster is told as what it is; what
 * this transaction gave out is undone with it. */
static void
store_write(Relation rel, const OrderRow *row)
{
	MemoryContext outer = CurrentMemoryContext;

	PG_TRY();
	{
		usdtpay_row_insert(rel, row->values, row->nulls, COL_COUNT);
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(outer);
		error = CopyErrorData();
		if (error->sqlerrcode != ERRCODE_UNIQUE_VIOLATION || error->constraint_name == NULL ||
			strcmp(error->constraint_name, "payment_order_reference_key") != 0)
			PG_RE_THROW();
		FlushErrorState();
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("the same order is being created concurrently"),
				 errdetail("Reference is \"%s\".", TextDatumGetCString(row->values[COL_REFERENCE])),
				 errhint("Repeat the call: it returns the order the other session created.")));
	}
	PG_END_TRY();
}

void
usdtpay_order_insert(FunctionCallInfo fcinfo, const OrderPlace *place, const OrderRoute *route,
					 const OrderAnswer *answer, int64 hash)
{
	Relation rel = store_open();
	OrderRow row;

	store_fill(&row, rel, fcinfo, place, route, answer, hash);
	store_write(rel, &row);
	table_close(rel, NoLock);
}
