/* SPDX-License-Identifier: PostgreSQL
 *
 * order.h: what the parts of creating an order need of one another.  All of it runs with the rights
 * of the extension's owner.
 */
#ifndef USDTPAY_ORDER_H
#define USDTPAY_ORDER_H

#include "access/skey.h"
#include "executor/spi.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

/* A statement prepared once per backend. */
typedef struct OrderPlan
{
	const char *sql;
	int nargs;
	Oid types[24];
	SPIPlanPtr plan;
} OrderPlan;

/* Runs a prepared statement inside SPI; nulls as SPI_execute_plan takes them, or NULL. */
extern void usdtpay_plan_run(OrderPlan *plan, Datum *args, const char *nulls);
/* Reads a column of the first row of the last result. */
extern Datum usdtpay_plan_value(int column, bool *isnull);
/* Connects to SPI, runs a prepared statement of one row and returns its bigint, 0 for null. */
extern int64 usdtpay_plan_int8(OrderPlan *plan, Datum *args, const char *nulls);

/* Opens a table of the schema usdtpay for writing.  Raises UP203 when it is missing, has fewer
 * columns or others; types has 0 for an enum.  Close it with table_close(rel, NoLock). */
extern Relation usdtpay_row_open(const char *table, const Oid *types, int natts);
/* Finds the row with these keys in a unique index of the table, as a new statement would see it.
 * Returns a slot of its own to drop, or NULL. */
extern TupleTableSlot *usdtpay_row_find(Relation rel, const char *index, ScanKey keys, int nkeys);
/* Inserts a row by its first columns; has the effects and raises the errors of a statement. */
extern void usdtpay_row_insert(Relation rel, const Datum *values, const bool *nulls, int natts);

/* A wallet addresses come from. */
typedef struct OrderWallet
{
	int64 wallet_id; /* 0: none */
	bool custodial;
	char *xpub; /* NULL: a pool or shared wallet, which reserves through SQL */
	char *family;
} OrderWallet;

#define ORDER_FAMILIES 2 /* evm, tron */

/* What an order takes over from its merchant's settings. */
typedef struct OrderTerms
{
	Interval ttl;
	int64 underpay_tolerance;
	int64 overpay_tolerance;
	int32 fee_bps;
	Oid late_policy;    /* enum values */
	Oid overpay_policy; /* enum values */
	Datum on_paid;      /* text, or 0 */
	Datum on_paid_role; /* name, or 0 */
} OrderTerms;

/* A merchant's terms, and where its orders can be paid: networks by id, a wallet per family. */
typedef struct OrderRoute
{
	OrderTerms terms;
	Datum networks; /* int4[] */
	OrderWallet wallets[ORDER_FAMILIES];
} OrderRoute;

/* Finds the terms and the route of a party; codes is a text[] of networks, or 0 for those of the
 * merchant's terms.  The answer without codes is remembered until settings change.  Returns a copy
 * in the current memory context.  Raises UP203, and UP201 when the party is closed. */
extern const OrderRoute *usdtpay_order_route(int64 party, Datum codes);

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

/* An order as the answer of order_create shows it. */
typedef struct OrderAnswer
{
	int64 order_id;
	char *state;
	int64 due;
	Datum raw[ORDER_FAMILIES]; /* bytea, or 0 */
	TimestampTz expires_at;
	bool created;
} OrderAnswer;

/* Refuses malformed parameters with UP000. */
extern void usdtpay_request_check(FunctionCallInfo fcinfo);
/* Turns the price into minor units of USDT.  Raises UP000 or UP203. */
extern int64 usdtpay_request_due(FunctionCallInfo fcinfo);
/* Hashes every parameter but reference, party and the rate's time, to tell a retry from a
 * mistake. */
extern int64 usdtpay_request_hash(FunctionCallInfo fcinfo);

/* Looks an order of that reference up and fills the answer.  Returns whether there is one.  Raises
 * UP202 when it was created with other parameters. */
extern bool usdtpay_order_find(OrderAnswer *answer, int64 party, Datum reference, int64 hash);
/* Inserts the order.  Raises 40001 when somebody else created it since usdtpay_order_find. */
extern void usdtpay_order_insert(FunctionCallInfo fcinfo, const OrderPlace *place,
								 const OrderRoute *route, const OrderAnswer *answer, int64 hash);

#endif
