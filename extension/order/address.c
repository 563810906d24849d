/* SPDX-License-Identifier: PostgreSQL
 *
 * address.c: gives addresses to orders and customers.  An xpub wallet's next index comes from the
 * wallet's own sequence, so concurrent orders never wait for one another; pool and shared wallets
 * reserve through SQL (usdtpay_internal.address_borrow, address_share).
 * Writes usdtpay.address.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "errors.h"
#include "keys/derive.h"
#include "order/order.h"

/* Columns of usdtpay.address, in order. */
enum
{
	COL_RAW,
	COL_FAMILY,
	COL_PARTY,
	COL_WALLET,
	COL_INDEX,
	COL_ORDER,
	COL_CUSTODIAL,
	COL_CUSTOMER,
	COL_FREE_AT,
	COL_GIVEN_AT,
	COL_COUNT
};

static const Oid address_types[COL_COUNT] = {
	[COL_RAW] = BYTEAOID,           [COL_FAMILY] = TEXTOID,
	[COL_PARTY] = INT8OID,          [COL_WALLET] = INT8OID,
	[COL_INDEX] = INT8OID,          [COL_ORDER] = INT8OID,
	[COL_CUSTODIAL] = BOOLOID,      [COL_CUSTOMER] = TEXTOID,
	[COL_FREE_AT] = TIMESTAMPTZOID, [COL_GIVEN_AT] = TIMESTAMPTZOID,
};

static OrderPlan address_reserve_plan = {
	"SELECT r.evm, r.tron, r.due FROM usdtpay_internal.address_reserve($1, $2, $3, $4, $5, $6) AS "
	"r",
	6,
	{INT8ARRAYOID, INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID},
	NULL};

/* Draws the next derivation index of a wallet. */
static int64
address_next_index(int64 wallet_id)
{
	char name[NAMEDATALEN];
	Oid sequence;

	snprintf(name, sizeof(name), "wallet_" INT64_FORMAT "_index", wallet_id);
	sequence = get_relname_relid(name, get_namespace_oid("usdtpay_internal", false));
	if (!OidIsValid(sequence))
		ereport(ERROR, (errcode(ERRCODE_UP_NOT_CONFIGURED),
						errmsg("the wallet has lost its index sequence"),
						errdetail("Looked for usdtpay_internal.%s.", name),
						errhint("Restore it from a dump, starting above the wallet's highest "
								"index in usdtpay.address.")));
	return nextval_internal(sequence, false);
}

/* Derives xpub/0/index.  An index without a key (BIP32; chance below 2^-127) is an error whose
 * repetition works, because the sequence has moved on. */
static Datum
address_derive(const OrderWallet *wallet, int64 index)
{
	bytea *raw = palloc(VARHDRSZ + USDTPAY_ADDRESS_LEN);

	SET_VARSIZE(raw, VARHDRSZ + USDTPAY_ADDRESS_LEN);
	if (usdtpay_derive_address((uint8_t *) VARDATA(raw), wallet->xpub, strlen(wallet->xpub),
							   (uint32_t) index) != USDTPAY_KEY_OK)
		ereport(ERROR, (errcode(ERRCODE_UP_BAD_KEY), errmsg("the wallet's xpub gave no address"),
						errdetail("Wallet " INT64_FORMAT ", index " INT64_FORMAT ".",
								  wallet->wallet_id, index),
						errhint("Repeat the call: it takes the next index.")));
	return PointerGetDatum(raw);
}

Datum
usdtpay_address_give(const OrderWallet *wallet, const OrderPlace *place)
{
	int64 index = address_next_index(wallet->wallet_id);
	Datum raw = address_derive(wallet, index);
	Relation rel = usdtpay_row_open("address", address_types, COL_COUNT);
	Datum values[COL_COUNT] = {raw,
							   CStringGetTextDatum(wallet->family),
							   Int64GetDatum(place->party),
							   Int64GetDatum(wallet->wallet_id),
							   Int64GetDatum(index),
							   Int64GetDatum(place->order),
							   BoolGetDatum(wallet->custodial),
							   place->customer,
							   (Datum) 0,
							   TimestampTzGetDatum(GetCurrentTransactionStartTimestamp())};
	bool nulls[COL_COUNT] = {false};

	nulls[COL_ORDER] = place->order == 0;
	nulls[COL_CUSTOMER] = place->customer == (Datum) 0;
	nulls[COL_FREE_AT] = true;
	usdtpay_row_insert(rel, values, nulls, COL_COUNT);
	table_close(rel, NoLock);
	return raw;
}

/* Reserves pool addresses and a unique amount on shared ones through SQL. */
static void
address_reserve(OrderPlace *place, Datum *wallets, int count)
{
	Datum args[6] = {
		PointerGetDatum(construct_array(wallets, count, INT8OID, sizeof(int64), true, 'd')),
		Int64GetDatum(place->party),
		Int64GetDatum(place->order),
		TimestampTzGetDatum(place->created_at),
		TimestampTzGetDatum(place->expires_at),
		Int64GetDatum(place->due)};
	MemoryContext context = CurrentMemoryContext;
	MemoryContext spi;
	bool isnull;
	int family;

	SPI_connect();
	usdtpay_plan_run(&address_reserve_plan, args, NULL);
	spi = MemoryContextSwitchTo(context);
	for (family = 0; family < ORDER_FAMILIES; family++)
	{
		Datum raw = usdtpay_plan_value(1 + family, &isnull);

		if (!isnull)
			place->raw[family] = PointerGetDatum(DatumGetByteaPCopy(raw));
	}
	place->due = DatumGetInt64(usdtpay_plan_value(3, &isnull));
	MemoryContextSwitchTo(spi);
	SPI_finish();
}

void
usdtpay_order_place(OrderPlace *place, const OrderRoute *route)
{
	Datum reserve[ORDER_FAMILIES];
	int reserves = 0;
	int family;

	for (family = 0; family < ORDER_FAMILIES; family++)
	{
		const OrderWallet *wallet = &route->wallets[family];

		place->raw[family] = (Datum) 0;
		if (wallet->wallet_id == 0)
			continue;
		if (wallet->xpub != NULL)
			place->raw[family] = usdtpay_address_give(wallet, place);
		else
			reserve[reserves++] = Int64GetDatum(wallet->wallet_id);
	}
	if (reserves > 0)
		address_reserve(place, reserve, reserves);
}
