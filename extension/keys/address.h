/* SPDX-License-Identifier: PostgreSQL
 *
 * address.h: the two address families and their text forms.  Pure C.
 *
 * Both families share one 20-byte address, the tail of the Keccak-256 of the public key.  EVM
 * writes it as hex with the EIP-55 checksum in the letters' case, TRON as base58check behind the
 * byte 0x41.
 */
#ifndef USDTPAY_KEYS_ADDRESS_H
#define USDTPAY_KEYS_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys/secp.h"

#define USDTPAY_ADDRESS_LEN 20
/* Longest text, with the terminating NUL: 0x and 40 digits. */
#define USDTPAY_ADDRESS_TEXT 43

typedef enum UsdtpayFamily
{
	USDTPAY_FAMILY_EVM,
	USDTPAY_FAMILY_TRON
} UsdtpayFamily;

typedef enum UsdtpayAddressStatus
{
	USDTPAY_ADDRESS_OK,
	USDTPAY_ADDRESS_MALFORMED,   /* wrong length or characters */
	USDTPAY_ADDRESS_CHECKSUM,    /* well-formed, but mistyped */
	USDTPAY_ADDRESS_OTHER_CHAIN, /* base58check of neither family, such as a Bitcoin address */
	USDTPAY_ADDRESS_IS_EVM,      /* an EVM address where TRON's is wanted */
	USDTPAY_ADDRESS_IS_TRON      /* a TRON address where EVM's is wanted */
} UsdtpayAddressStatus;

/* Reads 'evm' or 'tron'.  Returns: false for any other name. */
extern bool usdtpay_family_parse(UsdtpayFamily *family, const char *in, size_t inlen);

/* Computes a public key's address. */
extern void usdtpay_address_of_point(uint8_t out[USDTPAY_ADDRESS_LEN], const UsdtpayPoint *point);

/* Writes an address.  Returns: the length without the NUL (42 for evm, 34 for tron). */
extern size_t usdtpay_address_format(char out[USDTPAY_ADDRESS_TEXT], UsdtpayFamily family,
									 const uint8_t in[USDTPAY_ADDRESS_LEN]);

/* Reads an address.  EVM: 0x and 40 digits, either of one case or with a right EIP-55 checksum.
 * TRON: base58check, or 41 and 40 hex digits as nodes print it.
 * Out: out, undefined after a failure. */
extern UsdtpayAddressStatus usdtpay_address_parse(uint8_t out[USDTPAY_ADDRESS_LEN],
												  UsdtpayFamily family, const char *in,
												  size_t inlen);

#endif
