/* SPDX-License-Identifier: PostgreSQL
 *
 * create.c: order_create, the call a shop makes for every sale, and therefore C: one look for an
 * order of that reference (store.c), one address per family (address.c), one row.  Everything that
 * is rare (fiat prices, limits, pools, whatever is wrong with the input) is left to SQL functions,
 * which also word the errors; what changes once a month is remembered (route.c).
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "fn_codec.h"
#include "order/order.h"
#include "session.h"

PG_FUNCTION_INFO_V1(usdtpay_order_create);
PG_FUNCTION_INFO_V1(usdtpay_order_place_sql);
PG_FUNCTION_INFO_V1(usdtpay_customer_address);

static OrderPlan party_plan = {"SELECT usdtpay_internal.party_acting($1)", 1, {TEXTOID}, NULL};

/* Finds the party a call acts for; the common case, the session's own, without a query. */
static int64
order_party(FunctionCallInfo fcinfo)
{
	int64 party = PG_ARGISNULL(ARG_PARTY) ? usdtpay_session_party_id() : -1;
	Datum args[1] = {PG_ARGISNULL(ARG_PARTY) ? (Datum) 0 : PG_GETARG_DATUM(ARG_PARTY)};

	if (party >= 0)
		return party;
	return usdtpay_plan_int8(&party_plan, args, PG_ARGISNULL(ARG_PARTY) ? "n" : NULL);
}

/* Finds when the order begins and ends. */
static void
order_clock(FunctionCallInfo fcinfo, OrderPlace *place, const OrderTerms *terms)
{
	const Interval *asked =
		PG_ARGISNULL(ARG_EXPIRES_IN) ? &terms->ttl : PG_GETARG_INTERVAL_P(ARG_EXPIRES_IN);

	place->created_at = GetCurrentTransactionStartTimestamp();
	place->expires_at = DatumGetTimestampTz(DirectFunctionCall2(
		timestamptz_pl_interval, TimestampTzGetDatum(place->created_at), IntervalPGetDatum(asked)));
}

/* Creates the order and fills the answer. */
static void
order_make(FunctionCallInfo fcinfo, OrderAnswer *answer, int64 party, int64 hash)
{
	bool draft = !PG_ARGISNULL(ARG_DRAFT) && PG_GETARG_BOOL(ARG_DRAFT);
	OrderPlace place = {0};
	const OrderRoute *route;
	Oid sequence = get_relname_relid("order_seq", get_namespace_oid("usdtpay_internal", false));

	usdtpay_request_check(fcinfo);
	place.party = party;
	place.due = usdtpay_request_due(fcinfo);
	route = usdtpay_order_route(party, PG_ARGISNULL(ARG_NETWORKS) ? (Datum) 0
																  : PG_GETARG_DATUM(ARG_NETWORKS));
	order_clock(fcinfo, &place, &route->terms);
	place.order = nextval_internal(sequence, false);
	if (!draft)
		usdtpay_order_place(&place, route);
	answer->order_id = place.order;
	answer->state = draft ? "draft" : "pending";
	answer->due = place.due;
	answer->raw[0] = place.raw[0];
	answer->raw[1] = place.raw[1];
	answer->expires_at = place.expires_at;
	answer->created = true;
	usdtpay_order_insert(fcinfo, &place, route, answer, hash);
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
	OrderAnswer answer = {0};
	Datum values[7];
	bool nulls[7] = {false};
	TupleDesc desc;
	int64 party;
	int64 hash;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	AcceptInvalidationMessages(); /* locks the transaction has already do not bring the news */
	party = order_party(fcinfo);
	if (PG_ARGISNULL(ARG_REFERENCE) || PG_ARGISNULL(ARG_CURRENCY))
	{
		usdtpay_request_check(fcinfo);
		(void) usdtpay_request_due(fcinfo); /* a missing currency is refused there */
	}
	hash = usdtpay_request_hash(fcinfo);
	if (!usdtpay_order_find(&answer, party, PG_GETARG_DATUM(ARG_REFERENCE), hash))
		order_make(fcinfo, &answer, party, hash);
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
