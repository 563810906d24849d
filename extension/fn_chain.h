/* SPDX-License-Identifier: PostgreSQL
 *
 * fn_chain.h: what the wrappers of the chain room share: faults to errors, values to Datums.
 */
#ifndef USDTPAY_FN_CHAIN_H
#define USDTPAY_FN_CHAIN_H

#include "postgres.h"

#include "chain/fault.h"
#include "compat.h"
#include "keys/address.h"

/* A bytea or text short enough to live on the stack: no allocation per column and row. */
typedef struct FnShort
{
	union
	{
		int32 align;
		char head[VARHDRSZ];
	} u;
	char body[64];
} FnShort;

/* Fills a short value.  Returns: its Datum, valid as long as v. */
extern Datum usdtpay_fn_short(FnShort *v, const void *data, size_t len);

/* Makes a numeric out of 32 big-endian bytes. */
extern Datum usdtpay_fn_numeric(const uint8_t amount[32]);

/* Raises the fault: UP400 for data, UP401 for linkage. */
pg_noreturn extern void usdtpay_fn_raise(const UsdtpayFault *fault);

/* Reads an address argument, raising UP001 with what is wrong with it. */
extern void usdtpay_fn_address(uint8_t out[USDTPAY_ADDRESS_LEN], UsdtpayFamily family, text *in);

#endif
