/* SPDX-License-Identifier: PostgreSQL
 *
 * route.c: a merchant's terms and where its orders can be paid.  Reads merchant and party, and
 * network and wallet through order_route; remembers the answers per party until a setting changes:
 * creating an order must not pay for queries whose answers change once a month.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"

#include "errors.h"
#include "order/order.h"
#include "settings.h"

#define ROUTE_CACHE_MOST 1024

/* What is remembered of a party. */
typedef struct RouteEntry
{
	int64 party; /* hash key */
	bool closed; /* takes no new orders */
	Datum codes; /* text[] the merchant limits its orders to, or 0 */
	bool routed; /* whether route is filled in beyond its terms */
	OrderRoute route;
} RouteEntry;

static HTAB *route_cache = NULL;
static MemoryContext route_context = NULL;
static uint64 route_generation = 0;

static OrderPlan terms_plan = {
	"SELECT m.order_ttl, m.underpay_tolerance, m.overpay_tolerance, m.fee_bps, m.late_policy, "
	"m.overpay_policy, m.on_paid, m.on_paid_role, m.networks, p.closed_at IS NOT NULL "
	"FROM usdtpay.merchant AS m JOIN usdtpay.party AS p ON p.party_id = m.party_id "
	"WHERE m.party_id = $1",
	1,
	{INT8OID},
	NULL};

static OrderPlan closed_plan = {
	"SELECT usdtpay_internal.party_must_be_open($1)", 1, {INT8OID}, NULL};

static OrderPlan route_plan = {"SELECT r.networks, r.wallet_id, r.custodial, r.xpub, r.family "
							   "FROM usdtpay_internal.order_route($1, $2) AS r",
							   2,
							   {INT8OID, TEXTARRAYOID},
							   NULL};

/* Throws the cache away when settings changed or it grew too large.  A transaction that reads by an
 * old snapshot must not leave behind what it saw: its answers serve one call. */
static void
route_cache_check(void)
{
	uint64 generation = usdtpay_settings_generation();
	HASHCTL ctl = {0};

	if (IsolationUsesXactSnapshot())
		generation = 0;
	else if (route_cache != NULL && route_generation == generation &&
			 hash_get_num_entries(route_cache) < ROUTE_CACHE_MOST)
		return;
	if (route_context == NULL)
		route_context =
			AllocSetContextCreate(CacheMemoryContext, "usdtpay routes", ALLOCSET_SMALL_SIZES);
	route_cache = NULL;
	MemoryContextReset(route_context);
	ctl.keysize = sizeof(int64);
	ctl.entrysize = sizeof(RouteEntry);
	ctl.hcxt = route_context;
	route_cache = hash_create("usdtpay routes", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	route_generation = generation;
}

/* Copies the text in a column of a result row, NULL for null. */
static char *
route_text(int row, int column)
{
	bool isnull;
	Datum value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/* Reads one wallet out of a result row. */
static void
route_read_wallet(OrderWallet *wallet, int row)
{
	TupleDesc desc = SPI_tuptable->tupdesc;
	bool isnull;

	wallet->wallet_id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[row], desc, 2, &isnull));
	wallet->custodial = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[row], desc, 3, &isnull));
	wallet->xpub = route_text(row, 4);
	wallet->family = route_text(row, 5);
}

/* Reads networks and wallets of a route into the current memory context. */
static void
route_read(OrderRoute *route, int64 party, Datum codes)
{
	Datum args[2] = {Int64GetDatum(party), codes};
	MemoryContext context = CurrentMemoryContext;
	MemoryContext spi;
	bool isnull;
	uint64 row;

	SPI_connect();
	usdtpay_plan_run(&route_plan, args, codes == (Datum) 0 ? " n" : NULL);
	spi = MemoryContextSwitchTo(context);
	for (row = 0; row < SPI_processed; row++)
	{
		OrderWallet wallet;

		route_read_wallet(&wallet, row);
		route->wallets[strcmp(wallet.family, "evm") == 0 ? 0 : 1] = wallet;
		if (row == 0)
			route->networks = datumCopy(
				SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull), false, -1);
	}
	MemoryContextSwitchTo(spi);
	SPI_finish();
}

/* Copies a column of the first row into the cache's memory.  Returns 0 for null. */
static Datum
route_keep(int column, bool byval, int length)
{
	MemoryContext spi = MemoryContextSwitchTo(route_context);
	bool isnull;
	Datum value = usdtpay_plan_value(column, &isnull);

	value = isnull ? (Datum) 0 : datumCopy(value, byval, length);
	MemoryContextSwitchTo(spi);
	return value;
}

/* Reads a merchant's terms into an entry. */
static void
route_read_terms(RouteEntry *entry)
{
	Datum args[1] = {Int64GetDatum(entry->party)};
	OrderTerms *terms = &entry->route.terms;
	bool isnull;

	SPI_connect();
	usdtpay_plan_run(&terms_plan, args, NULL);
	if (SPI_processed == 0)
		ereport(ERROR, (errcode(ERRCODE_UP_NOT_CONFIGURED), errmsg("the party is no merchant"),
						errdetail("Party is " INT64_FORMAT ".", entry->party),
						errhint("Create one with usdtpay.merchant_create.")));
	terms->ttl = *DatumGetIntervalP(usdtpay_plan_value(1, &isnull));
	terms->underpay_tolerance = DatumGetInt64(usdtpay_plan_value(2, &isnull));
	terms->overpay_tolerance = DatumGetInt64(usdtpay_plan_value(3, &isnull));
	terms->fee_bps = DatumGetInt32(usdtpay_plan_value(4, &isnull));
	terms->late_policy = DatumGetObjectId(usdtpay_plan_value(5, &isnull));
	terms->overpay_policy = DatumGetObjectId(usdtpay_plan_value(6, &isnull));
	terms->on_paid = route_keep(7, false, -1);
	terms->on_paid_role = route_keep(8, false, NAMEDATALEN);
	entry->codes = route_keep(9, false, -1);
	entry->closed = DatumGetBool(usdtpay_plan_value(10, &isnull));
	SPI_finish();
}

/* Finds what is remembered of a party, reading its terms when nothing is. */
static RouteEntry *
route_entry(int64 party)
{
	RouteEntry fresh = {.party = party};
	RouteEntry *entry;

	route_cache_check();
	entry = hash_search(route_cache, &party, HASH_FIND, NULL);
	if (entry != NULL)
		return entry;
	route_read_terms(&fresh);
	entry = hash_search(route_cache, &party, HASH_ENTER, NULL);
	*entry = fresh;
	return entry;
}

/* Copies a route into the current memory context: the cache may be thrown away by whatever the
 * caller does next. */
static OrderRoute *
route_copy(const OrderRoute *from)
{
	OrderRoute *route = palloc(sizeof(OrderRoute));
	OrderTerms *terms = &route->terms;
	int i;

	*route = *from;
	route->networks = datumCopy(from->networks, false, -1);
	if (terms->on_paid != (Datum) 0)
		terms->on_paid = datumCopy(terms->on_paid, false, -1);
	if (terms->on_paid_role != (Datum) 0)
		terms->on_paid_role = datumCopy(terms->on_paid_role, false, NAMEDATALEN);
	for (i = 0; i < ORDER_FAMILIES; i++)
	{
		OrderWallet *wallet = &route->wallets[i];

		if (wallet->wallet_id == 0)
			continue;
		wallet->family = pstrdup(wallet->family);
		wallet->xpub = wallet->xpub == NULL ? NULL : pstrdup(wallet->xpub);
	}
	return route;
}

const OrderRoute *
usdtpay_order_route(int64 party, Datum codes)
{
	RouteEntry *entry = route_entry(party);
	Datum args[1] = {Int64GetDatum(party)};
	OrderRoute route = {0};
	MemoryContext saved;

	if (entry->closed)
		(void) usdtpay_plan_int8(&closed_plan, args, NULL); /* words the error */
	if (codes != (Datum) 0)
	{
		route.terms = entry->route.terms;
		route_read(&route, party, codes);
		return route_copy(&route);
	}
	if (!entry->routed)
	{
		saved = MemoryContextSwitchTo(route_context);
		route_read(&entry->route, party, entry->codes);
		MemoryContextSwitchTo(saved);
		entry->routed = true;
	}
	return route_copy(&entry->route);
}
