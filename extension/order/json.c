/* SPDX-License-Identifier: PostgreSQL
 *
 * json.c: an order as events show it.  Every order that is paid is shown twice, so this is the
 * dearest part of settling and therefore C.  Reads nothing but its arguments.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

PG_FUNCTION_INFO_V1(usdtpay_order_json);

/* How a member is shown. */
typedef enum OrderJsonKind
{
	ORDER_JSON_CONST, /* text of the table below, not of a column */
	ORDER_JSON_PREVIOUS,
	ORDER_JSON_DEPOSITS,
	ORDER_JSON_BOOL,
	ORDER_JSON_ENUM,
	ORDER_JSON_INT,
	ORDER_JSON_JSONB,
	ORDER_JSON_TEXT,
	ORDER_JSON_TIME,
	ORDER_JSON_UNITS, /* minor units, as a decimal string */
} OrderJsonKind;

/* A member and the column of payment_order it shows. */
typedef struct OrderJsonMember
{
	const char *key;
	const char *column;
	OrderJsonKind kind;
} OrderJsonMember;

static const OrderJsonMember order_json_members[] = {
	{"object", "order", ORDER_JSON_CONST},
	{"id", "order_id", ORDER_JSON_INT},
	{"reference", "reference", ORDER_JSON_TEXT},
	{"state", "state", ORDER_JSON_ENUM},
	{"previous_state", NULL, ORDER_JSON_PREVIOUS},
	{"asset", "USDT", ORDER_JSON_CONST},
	{"amount_due", "due", ORDER_JSON_UNITS},
	{"amount_seen", "seen", ORDER_JSON_UNITS},
	{"amount_final", "final", ORDER_JSON_UNITS},
	{"amount_excess", "excess", ORDER_JSON_UNITS},
	{"overpaid", "overpaid", ORDER_JSON_BOOL},
	{"late", "late", ORDER_JSON_BOOL},
	{"multiple", "multiple", ORDER_JSON_BOOL},
	{"manual", "manual", ORDER_JSON_BOOL},
	{"customer_ref", "customer_ref", ORDER_JSON_TEXT},
	{"metadata", "metadata", ORDER_JSON_JSONB},
	{"created_at", "created_at", ORDER_JSON_TIME},
	{"expires_at", "expires_at", ORDER_JSON_TIME},
	{"paid_at", "paid_at", ORDER_JSON_TIME},
	{"deposits", NULL, ORDER_JSON_DEPOSITS},
};

/* What is worked out once per query: the row type, and where the members' columns stand in it. */
typedef struct OrderJsonShape
{
	TupleDesc desc;
	Datum *values;
	bool *nulls;
	int columns[lengthof(order_json_members)]; /* from 0; -1 for members without a column */
} OrderJsonShape;

/* Finds the members' columns in a row type. */
static OrderJsonShape *
order_json_shape(FmgrInfo *flinfo, HeapTupleHeader row)
{
	OrderJsonShape *shape = flinfo->fn_extra;
	MemoryContext old;
	size_t i;

	if (shape != NULL)
		return shape;
	old = MemoryContextSwitchTo(flinfo->fn_mcxt);
	shape = palloc(sizeof(OrderJsonShape));
	shape->desc =
		lookup_rowtype_tupdesc_copy(HeapTupleHeaderGetTypeId(row), HeapTupleHeaderGetTypMod(row));
	shape->values = palloc(shape->desc->natts * sizeof(Datum));
	shape->nulls = palloc(shape->desc->natts * sizeof(bool));
	for (i = 0; i < lengthof(order_json_members); i++)
	{
		const OrderJsonMember *m = &order_json_members[i];

		shape->columns[i] = -1;
		if (m->kind <= ORDER_JSON_DEPOSITS)
			continue;
		shape->columns[i] = SPI_fnumber(shape->desc, m->column) - 1;
		if (shape->columns[i] < 0)
			elog(ERROR, "an order has no column \"%s\"", m->column);
	}
	MemoryContextSwitchTo(old);
	flinfo->fn_extra = shape;
	return shape;
}

/* Appends minor units as a decimal string with six decimals. */
static void
order_json_units(StringInfo out, int64 minor)
{
	uint64 size = minor < 0 ? 0 - (uint64) minor : (uint64) minor;

	appendStringInfo(out, "\"%s" UINT64_FORMAT ".%06u\"", minor < 0 ? "-" : "", size / 1000000,
					 (unsigned int) (size % 1000000));
}

/* Appends a time in UTC, whatever the session's zone: what a webhook says must not depend on it. */
static void
order_json_time(StringInfo out, Datum value)
{
	char buffer[MAXDATELEN + 1];
	const int utc = 0;

	appendStringInfo(out, "\"%s\"", JsonEncodeDateTime(buffer, value, TIMESTAMPTZOID, &utc));
}

/* Appends the value of a column that is not null. */
static void
order_json_value(StringInfo out, OrderJsonKind kind, Datum value)
{
	switch (kind)
	{
		case ORDER_JSON_BOOL:
			appendStringInfoString(out, DatumGetBool(value) ? "true" : "false");
			break;
		case ORDER_JSON_ENUM:
			escape_json(out, DatumGetCString(DirectFunctionCall1(enum_out, value)));
			break;
		case ORDER_JSON_INT:
			appendStringInfo(out, INT64_FORMAT, DatumGetInt64(value));
			break;
		case ORDER_JSON_JSONB:
		{
			Jsonb *json = DatumGetJsonbP(value);

			(void) JsonbToCString(out, &json->root, VARSIZE(json));
			break;
		}
		case ORDER_JSON_TEXT:
			escape_json(out, TextDatumGetCString(value));
			break;
		case ORDER_JSON_TIME:
			order_json_time(out, value);
			break;
		case ORDER_JSON_UNITS:
			order_json_units(out, DatumGetInt64(value));
			break;
		default:
			elog(ERROR, "a member of an order has no column");
	}
}

/* Appends an argument as it stands, null when it is. */
static void
order_json_argument(StringInfo out, FunctionCallInfo fcinfo, int arg, bool quote)
{
	if (PG_ARGISNULL(arg))
		appendStringInfoString(out, "null");
	else if (quote)
		escape_json(out, TextDatumGetCString(PG_GETARG_DATUM(arg)));
	else
		appendStringInfoString(out, TextDatumGetCString(PG_GETARG_DATUM(arg)));
}

/* Appends the value of a member. */
static void
order_json_member(StringInfo out, FunctionCallInfo fcinfo, const OrderJsonShape *shape, size_t i)
{
	const OrderJsonMember *m = &order_json_members[i];
	int column = shape->columns[i];

	if (m->kind == ORDER_JSON_CONST)
		escape_json(out, m->column);
	else if (m->kind == ORDER_JSON_PREVIOUS)
		order_json_argument(out, fcinfo, 1, true);
	else if (m->kind == ORDER_JSON_DEPOSITS)
		order_json_argument(out, fcinfo, 2, false);
	else if (shape->nulls[column])
		appendStringInfoString(out, "null");
	else
		order_json_value(out, m->kind, shape->values[column]);
}

/* order_json(order payment_order, previous text, deposits json) → text */
Datum
usdtpay_order_json(PG_FUNCTION_ARGS)
{
	HeapTupleHeader row;
	HeapTupleData tuple;
	OrderJsonShape *shape;
	StringInfoData out;
	size_t i;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	row = PG_GETARG_HEAPTUPLEHEADER(0);
	shape = order_json_shape(fcinfo->flinfo, row);
	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	tuple.t_data = row;
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	heap_deform_tuple(&tuple, shape->desc, shape->values, shape->nulls);
	initStringInfo(&out);
	for (i = 0; i < lengthof(order_json_members); i++)
	{
		appendStringInfo(&out, "%c\"%s\":", i == 0 ? '{' : ',', order_json_members[i].key);
		order_json_member(&out, fcinfo, shape, i);
	}
	appendStringInfoChar(&out, '}');
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
