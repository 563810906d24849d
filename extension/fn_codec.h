/* SPDX-License-Identifier: PostgreSQL
 *
 * fn_codec.h: what wrappers share about families and addresses.
 */
#ifndef USDTPAY_FN_CODEC_H
#define USDTPAY_FN_CODEC_H

#include "keys/address.h"

/* Reads a family name; anything but 'evm' and 'tron' is an error UP001. */
extern UsdtpayFamily usdtpay_family_arg(const text *name);

/* Reads an address of the family; anything else is an error UP001 whose hint tells a TRON address
 * from an EVM one. */
extern void usdtpay_address_arg(uint8_t out[USDTPAY_ADDRESS_LEN], UsdtpayFamily family,
								const text *address);

/* Returns: a palloc'd bytea. */
extern bytea *usdtpay_bytea_new(const uint8_t *in, size_t len);

/* Returns: the address as palloc'd text. */
extern text *usdtpay_address_new(UsdtpayFamily family, const uint8_t address[USDTPAY_ADDRESS_LEN]);

#endif
