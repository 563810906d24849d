/* SPDX-License-Identifier: PostgreSQL
 *
 * order.h: what creating orders needs of one another.  Runs with the rights of the extension's
 * owner, inside SPI.
 */
#ifndef USDTPAY_ORDER_H
#define USDTPAY_ORDER_H

#include "executor/spi.h"
#include "utils/timestamp.h"

/* A statement prepared once per backend. */
typedef struct OrderPlan
{
	const char *sql;
	int nargs;
	Oid types[24];
	SPIPlanPtr plan;
} OrderPlan;

/* Runs a prepared statement; nulls as SPI_execute_plan takes them, or NULL. */
extern void usdtpay_plan_run(OrderPlan *plan, Datum *args, const char *nulls);
/* Reads a column of the first row of the last result. */
extern Datum usdtpay_plan_value(int column, bool *isnull);

/* A wallet addresses come from. */
typedef struct OrderWallet
{
	int64 wallet_id; /* 0: none */
	bool custodial;
	char *xpub; /* NULL: a pool or shared wallet, which reserves through SQL */
	char *family;
} OrderWallet;

#define ORDER_FAMILIES 2 /* evm, tron */

/* Where a party's orders can be paid: networks by id, and per family the wallet. */
typedef struct OrderRoute
{
	Datum networks; /* int4[] */
	OrderWallet wallets[ORDER_FAMILIES];
} OrderRoute;

/* Finds the route of a party; codes is a text[] of networks, or 0 for those of the merchant's
 * terms.  The answer without codes is remembered until settings change.  Raises UP203. */
extern const OrderRoute *usdtpay_order_route(int64 party, Datum codes);
/* Finds how long a merchant's orders live.  Remembered until settings change.  Raises UP203, and
 * UP201 when the party is closed. */
extern Interval usdtpay_order_ttl(int64 party);

/* What addresses are given for. */
typedef struct OrderPlace
{
	int64 party;
	int64 order;    /* 0: a customer's address */
	Datum customer; /* text, or 0 */
	TimestampTz created_at;
	TimestampTz expires_at;
	int64 due;                 /* in/out: a shared wallet makes it unique */
	Datum raw[ORDER_FAMILIES]; /* out: bytea, or 0 */
} OrderPlace;

/* Derives and watches the next address of an xpub wallet.  Returns: bytea. */
extern Datum usdtpay_address_give(const OrderWallet *wallet, const OrderPlace *place);
/* Gives one address per family of the route. */
extern void usdtpay_order_place(OrderPlace *place, const OrderRoute *route);

#endif
