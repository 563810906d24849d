/* SPDX-License-Identifier: PostgreSQL
 *
 * create.c: order_create, the call a shop makes for every sale, and therefore C: one look for an
 * order of that reference, one address per family, one insert.  Everything that is rare (fiat
 * prices, limits, pools, whatever is wrong with the input) is left to SQL functions, which also
 * word the errors.  Reads and writes usdtpay.payment_order; see address.c and route.c.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "errors.h"
#include "fn_codec.h"
#include "order/order.h"
#include "session.h"

PG_FUNCTION_INFO_V1(usdtpay_order_create);
PG_FUNCTION_INFO_V1(usdtpay_order_place_sql);
PG_FUNCTION_INFO_V1(usdtpay_customer_address);

/* Arguments of order_create, in order. */
enum
{
	ARG_REFERENCE,
	ARG_AMOUNT,
	ARG_CURRENCY,
	ARG_EXPIRES_IN,
	ARG_NETWORKS,
	ARG_CUSTOMER,
	ARG_METADATA,
	ARG_RATE,
	ARG_RATE_SOURCE,
	ARG_RATE_AT,
	ARG_DRAFT,
	ARG_PARTY,
	ARG_COUNT
};

/* An order as the answer shows it. */
typedef struct OrderAnswer
{
	int64 order_id;
	char *state;
	int64 due;
	Datum raw[ORDER_FAMILIES]; /* bytea, or 0 */
	TimestampTz expires_at;
	bool created;
} OrderAnswer;

static OrderPlan party_plan = {"SELECT usdtpay_internal.party_acting($1)", 1, {TEXTOID}, NULL};

static OrderPlan check_plan = {"SELECT usdtpay_internal.order_check($1, $2, $3, $4, $5)",
							   5,
							   {TEXTOID, INTERVALOID, TEXTOID, JSONBOID, TEXTOID},
							   NULL};

static OrderPlan price_plan = {
	"SELECT usdtpay_internal.order_price($1, $2, $3)", 3, {NUMERICOID, TEXTOID, NUMERICOID}, NULL};

static OrderPlan find_plan = {
	"SELECT o.order_id, o.state::text, o.due, o.evm_address, o.tron_address, o.expires_at, "
	"o.request_hash FROM usdtpay.payment_order AS o WHERE o.party_id = $1 AND o.reference = $2",
	2,
	{INT8OID, TEXTOID},
	NULL};

static OrderPlan insert_plan = {
	"INSERT INTO usdtpay.payment_order (party_id, order_id, reference, request_hash, asset_id, "
	"state, due, underpay_tolerance, overpay_tolerance, fee_bps, late_policy, overpay_policy, "
	"networks, evm_address, tron_address, created_at, expires_at, price_amount, price_currency, "
	"rate, rate_source, rate_at, customer_ref, on_paid, on_paid_role, metadata) "
	"SELECT $1, $2, $3, $4, 1, $5::usdtpay.order_state, $6, "
	"LEAST(m.underpay_tolerance, $6 OPERATOR(pg_catalog./) 10), "
	"m.overpay_tolerance, m.fee_bps, m.late_policy, m.overpay_policy, $7, $8, $9, "
	"pg_catalog.now(), $10, $11, $12, $13, $14, $15, $16, m.on_paid, m.on_paid_role, $17 "
	"FROM usdtpay.merchant AS m WHERE m.party_id = $1 "
	"ON CONFLICT ON CONSTRAINT payment_order_reference_key DO NOTHING",
	17,
	{INT8OID, INT8OID, TEXTOID, INT8OID, TEXTOID, INT8OID, INT4ARRAYOID, BYTEAOID, BYTEAOID,
	 TIMESTAMPTZOID, NUMERICOID, TEXTOID, NUMERICOID, TEXTOID, TIMESTAMPTZOID, TEXTOID, JSONBOID},
	NULL};

/* Finds the party a call acts for; the common case, the session's own, without a query. */
static int64
order_party(FunctionCallInfo fcinfo)
{
	int64 party = PG_ARGISNULL(ARG_PARTY) ? usdtpay_session_party_id() : -1;
	Datum args[1] = {PG_ARGISNULL(ARG_PARTY) ? (Datum) 0 : PG_GETARG_DATUM(ARG_PARTY)};
	bool isnull;

	if (party >= 0)
		return party;
	usdtpay_plan_run(&party_plan, args, PG_ARGISNULL(ARG_PARTY) ? "n" : NULL);
	return DatumGetInt64(usdtpay_plan_value(1, &isnull));
}

/* Hashes one parameter by value: 1.0 equals 1.00, an hour sixty minutes, the order of networks
 * does not matter. */
static uint64
order_hash_arg(FunctionCallInfo fcinfo, int arg)
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
order_hash_networks(ArrayType *codes)
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

/* Hashes every parameter but reference, party and the rate's time, to tell a retry from a
 * mistake. */
static int64
order_request_hash(FunctionCallInfo fcinfo)
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
			hash = hash_combine64(hash, order_hash_networks(PG_GETARG_ARRAYTYPE_P(arg)));
		else
		{
			if (arg != ARG_EXPIRES_IN && arg != ARG_DRAFT) /* the others are varlena */
				fcinfo->args[arg].value =
					PointerGetDatum(PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(arg)));
			hash = hash_combine64(hash, order_hash_arg(fcinfo, arg));
		}
	}
	return (int64) hash;
}

/* Tells whether the parameters order_check looks at are the plain ones, which need no look. */
static bool
order_is_plain(FunctionCallInfo fcinfo)
{
	Size length = 0;

	if (!PG_ARGISNULL(ARG_REFERENCE)) /* its length when it was compressed or stored apart, too */
		length = toast_raw_datum_size(PG_GETARG_DATUM(ARG_REFERENCE)) - VARHDRSZ;

	return length > 0 && length <= 200 && PG_ARGISNULL(ARG_EXPIRES_IN) &&
		   PG_ARGISNULL(ARG_CUSTOMER) && PG_ARGISNULL(ARG_METADATA) &&
		   PG_ARGISNULL(ARG_RATE_SOURCE);
}

/* Runs the SQL checks that word errors, unless there is nothing to check. */
static void
order_check(FunctionCallInfo fcinfo)
{
	Datum args[5];
	char nulls[6] = "     ";
	int map[5] = {ARG_REFERENCE, ARG_EXPIRES_IN, ARG_CUSTOMER, ARG_METADATA, ARG_RATE_SOURCE};
	int i;

	if (order_is_plain(fcinfo))
		return;
	for (i = 0; i < 5; i++)
	{
		args[i] = PG_ARGISNULL(map[i]) ? (Datum) 0 : PG_GETARG_DATUM(map[i]);
		if (PG_ARGISNULL(map[i]))
			nulls[i] = 'n';
	}
	usdtpay_plan_run(&check_plan, args, nulls);
}

/* Reads a plain USDT amount of 1 to 10^15 minor units without a query.
 * Returns: the minor units, or -1 when it is anything else. */
static int64
order_due_plain(FunctionCallInfo fcinfo)
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

/* Turns the price into minor units of USDT; SQL decides whenever it is not a plain USDT amount. */
static int64
order_due(FunctionCallInfo fcinfo)
{
	Datum args[3];
	char nulls[4] = "   ";
	int map[3] = {ARG_AMOUNT, ARG_CURRENCY, ARG_RATE};
	int64 plain = order_due_plain(fcinfo);
	bool isnull;
	int i;

	if (plain > 0)
		return plain;
	for (i = 0; i < 3; i++)
	{
		args[i] = PG_ARGISNULL(map[i]) ? (Datum) 0 : PG_GETARG_DATUM(map[i]);
		if (PG_ARGISNULL(map[i]))
			nulls[i] = 'n';
	}
	usdtpay_plan_run(&price_plan, args, nulls);
	return DatumGetInt64(usdtpay_plan_value(1, &isnull));
}

/* Looks an order of that reference up and fills the answer.  Returns: whether there is one.
 * Raises UP202 when it was created with other parameters. */
static bool
order_find(OrderAnswer *answer, int64 party, Datum reference, int64 hash, MemoryContext context)
{
	Datum args[2] = {Int64GetDatum(party), reference};
	MemoryContext spi;
	bool isnull;
	int family;

	usdtpay_plan_run(&find_plan, args, NULL);
	if (SPI_processed == 0)
		return false;
	answer->order_id = DatumGetInt64(usdtpay_plan_value(1, &isnull));
	if (DatumGetInt64(usdtpay_plan_value(7, &isnull)) != hash)
		ereport(ERROR, (errcode(ERRCODE_UP_IDEMPOTENCY),
						errmsg("that reference belongs to an order with other parameters"),
						errdetail("Reference is \"%s\", order " INT64_FORMAT ".",
								  TextDatumGetCString(reference), answer->order_id),
						errhint("A reference is an idempotency key: use a new one for a new "
								"order.")));
	spi = MemoryContextSwitchTo(context);
	answer->state = TextDatumGetCString(usdtpay_plan_value(2, &isnull));
	answer->due = DatumGetInt64(usdtpay_plan_value(3, &isnull));
	for (family = 0; family < ORDER_FAMILIES; family++)
	{
		Datum raw = usdtpay_plan_value(4 + family, &isnull);

		answer->raw[family] = isnull ? (Datum) 0 : PointerGetDatum(DatumGetByteaPCopy(raw));
	}
	answer->expires_at = DatumGetTimestampTz(usdtpay_plan_value(6, &isnull));
	MemoryContextSwitchTo(spi);
	return true;
}

/* Finds when the order begins and ends. */
static void
order_clock(FunctionCallInfo fcinfo, OrderPlace *place)
{
	Interval ttl = usdtpay_order_ttl(place->party);
	Interval *asked = PG_ARGISNULL(ARG_EXPIRES_IN) ? &ttl : PG_GETARG_INTERVAL_P(ARG_EXPIRES_IN);

	place->created_at = GetCurrentTransactionStartTimestamp();
	place->expires_at = DatumGetTimestampTz(DirectFunctionCall2(
		timestamptz_pl_interval, TimestampTzGetDatum(place->created_at), IntervalPGetDatum(asked)));
}

/* Puts an argument into the insert's parameters. */
static void
order_insert_arg(FunctionCallInfo fcinfo, Datum *args, char *nulls, int at, int arg, bool want)
{
	if (!want || PG_ARGISNULL(arg))
		nulls[at] = 'n';
	else
		args[at] = PG_GETARG_DATUM(arg);
}

/* Inserts the order.  Raises 40001 when somebody else created it since order_find looked: what
 * this transaction gave out is undone with it. */
static void
order_insert(FunctionCallInfo fcinfo, const OrderPlace *place, const OrderRoute *route, int64 hash,
			 const char *state)
{
	Datum args[17] = {Int64GetDatum(place->party),
					  Int64GetDatum(place->order),
					  PG_GETARG_DATUM(ARG_REFERENCE),
					  Int64GetDatum(hash),
					  CStringGetTextDatum(state),
					  Int64GetDatum(place->due),
					  route->networks,
					  place->raw[0],
					  place->raw[1],
					  TimestampTzGetDatum(place->expires_at)};
	char nulls[18] = "                 ";
	char *currency = text_to_cstring(PG_GETARG_TEXT_PP(ARG_CURRENCY));
	bool fiat = strcmp(currency, "USDT") != 0;

	if (place->raw[0] == (Datum) 0)
		nulls[7] = 'n';
	if (place->raw[1] == (Datum) 0)
		nulls[8] = 'n';
	order_insert_arg(fcinfo, args, nulls, 10, ARG_AMOUNT, fiat);
	order_insert_arg(fcinfo, args, nulls, 11, ARG_CURRENCY, fiat);
	order_insert_arg(fcinfo, args, nulls, 12, ARG_RATE, fiat);
	order_insert_arg(fcinfo, args, nulls, 13, ARG_RATE_SOURCE, fiat);
	order_insert_arg(fcinfo, args, nulls, 14, ARG_RATE_AT, fiat);
	order_insert_arg(fcinfo, args, nulls, 15, ARG_CUSTOMER, true);
	order_insert_arg(fcinfo, args, nulls, 16, ARG_METADATA, true);
	if (fiat && PG_ARGISNULL(ARG_RATE_SOURCE))
	{
		args[13] = CStringGetTextDatum("caller");
		nulls[13] = ' ';
	}
	if (fiat && PG_ARGISNULL(ARG_RATE_AT))
	{
		args[14] = TimestampTzGetDatum(place->created_at);
		nulls[14] = ' ';
	}
	usdtpay_plan_run(&insert_plan, args, nulls);
	if (SPI_processed == 0)
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("the same order is being created concurrently"),
						errdetail("Reference is \"%s\".",
								  TextDatumGetCString(PG_GETARG_DATUM(ARG_REFERENCE))),
						errhint("Repeat the call: it returns the order the other session "
								"created.")));
}

/* Creates the order and fills the answer. */
static void
order_make(FunctionCallInfo fcinfo, OrderAnswer *answer, int64 party, int64 hash)
{
	bool draft = !PG_ARGISNULL(ARG_DRAFT) && PG_GETARG_BOOL(ARG_DRAFT);
	OrderPlace place = {0};
	const OrderRoute *route;
	Oid sequence = get_relname_relid("order_seq", get_namespace_oid("usdtpay_internal", false));

	order_check(fcinfo);
	place.party = party;
	place.due = order_due(fcinfo);
	order_clock(fcinfo, &place);
	route = usdtpay_order_route(party, PG_ARGISNULL(ARG_NETWORKS) ? (Datum) 0
																  : PG_GETARG_DATUM(ARG_NETWORKS));
	place.order = nextval_internal(sequence, false);
	if (!draft)
		usdtpay_order_place(&place, route);
	order_insert(fcinfo, &place, route, hash, draft ? "draft" : "pending");
	answer->order_id = place.order;
	answer->state = draft ? "draft" : "pending";
	answer->due = place.due;
	answer->raw[0] = place.raw[0];
	answer->raw[1] = place.raw[1];
	answer->expires_at = place.expires_at;
	answer->created = true;
}

/* Formats raw address bytes, setting *isnull when there are none. */
static Datum
order_address_text(Datum raw, UsdtpayFamily family, bool *isnull)
{
	*isnull = raw == (Datum) 0;
	if (*isnull)
		return (Datum) 0;
	return PointerGetDatum(
		usdtpay_address_new(family, (const uint8_t *) VARDATA_ANY(DatumGetPointer(raw))));
}

/* Minor units of USDT as a numeric with six decimals. */
static Datum
order_units(int64 minor)
{
	return NumericGetDatum(int64_div_fast_to_numeric(minor, 6));
}

/* order_create(reference, amount, …) → (order_id, state, amount, evm_address, tron_address,
 * expires_at, created). */
Datum
usdtpay_order_create(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	OrderAnswer answer = {0};
	Datum values[7];
	bool nulls[7] = {false};
	TupleDesc desc;
	int64 party;
	int64 hash;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	SPI_connect();
	party = order_party(fcinfo);
	if (PG_ARGISNULL(ARG_REFERENCE) || PG_ARGISNULL(ARG_CURRENCY))
	{
		order_check(fcinfo);
		(void) order_due(fcinfo); /* a missing currency is refused there */
	}
	hash = order_request_hash(fcinfo);
	if (!order_find(&answer, party, PG_GETARG_DATUM(ARG_REFERENCE), hash, context))
	{
		MemoryContext spi = MemoryContextSwitchTo(context);

		order_make(fcinfo, &answer, party, hash);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	values[0] = Int64GetDatum(answer.order_id);
	values[1] = CStringGetTextDatum(answer.state);
	values[2] = order_units(answer.due);
	values[3] = order_address_text(answer.raw[0], USDTPAY_FAMILY_EVM, &nulls[3]);
	values[4] = order_address_text(answer.raw[1], USDTPAY_FAMILY_TRON, &nulls[4]);
	values[5] = TimestampTzGetDatum(answer.expires_at);
	values[6] = BoolGetDatum(answer.created);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* order_place(party, order, networks, created_at, expires_at, due) → (evm, tron, due): addresses
 * for a draft that opens. */
Datum
usdtpay_order_place_sql(PG_FUNCTION_ARGS)
{
	OrderPlace place = {0};
	Datum values[3];
	bool nulls[3] = {false};
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	place.party = PG_GETARG_INT64(0);
	place.order = PG_GETARG_INT64(1);
	place.created_at = PG_GETARG_TIMESTAMPTZ(3);
	place.expires_at = PG_GETARG_TIMESTAMPTZ(4);
	place.due = PG_GETARG_INT64(5);
	usdtpay_order_place(&place, usdtpay_order_route(place.party, PG_GETARG_DATUM(2)));
	values[0] = place.raw[0];
	values[1] = place.raw[1];
	values[2] = Int64GetDatum(place.due);
	nulls[0] = place.raw[0] == (Datum) 0;
	nulls[1] = place.raw[1] == (Datum) 0;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* customer_address(party, customer, wallet, family, xpub, custodial) → bytea: gives a customer an
 * address of an xpub wallet for good. */
Datum
usdtpay_customer_address(PG_FUNCTION_ARGS)
{
	OrderWallet wallet = {0};
	OrderPlace place = {0};

	place.party = PG_GETARG_INT64(0);
	place.customer = PG_GETARG_DATUM(1);
	wallet.wallet_id = PG_GETARG_INT64(2);
	wallet.family = text_to_cstring(PG_GETARG_TEXT_PP(3));
	wallet.xpub = text_to_cstring(PG_GETARG_TEXT_PP(4));
	wallet.custodial = PG_GETARG_BOOL(5);
	PG_RETURN_DATUM(usdtpay_address_give(&wallet, &place));
}
