/* SPDX-License-Identifier: PostgreSQL
 *
 * eip712.h: the types of EIP-712 typed data and the 32-byte words of its static values.  Pure C;
 * the walk over a JSON document is the caller's.
 */
#ifndef USDTPAY_CODEC_EIP712_H
#define USDTPAY_CODEC_EIP712_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum UsdtpayEip712Kind
{
	USDTPAY_EIP712_NONE, /* no type of the standard: a struct's name or a mistake */
	USDTPAY_EIP712_UINT,
	USDTPAY_EIP712_INT,
	USDTPAY_EIP712_BOOL,
	USDTPAY_EIP712_ADDRESS,
	USDTPAY_EIP712_FIXED_BYTES,
	USDTPAY_EIP712_BYTES,
	USDTPAY_EIP712_STRING
} UsdtpayEip712Kind;

typedef struct UsdtpayEip712Type
{
	UsdtpayEip712Kind kind;
	unsigned size; /* bits of an integer, bytes of fixed bytes, else 0 */
} UsdtpayEip712Type;

/* Splits the last array suffix off a type: "bool[2][]" is "bool[2]" times any number.
 * Returns: false when there is none or it is malformed (then *bad says which).
 * Out: *baselen, the length of what stands before it; *count, or -1 for any number. */
extern bool usdtpay_eip712_array(size_t *baselen, int64_t *count, bool *bad, const char *type,
								 size_t typelen);

/* Names the atomic type, canonical names only ("uint256", never "uint"). */
extern UsdtpayEip712Type usdtpay_eip712_type(const char *type, size_t typelen);

/* Encodes a number, decimal (a minus is allowed for int) or 0x and up to 64 digits.
 * Returns: false when it is no number or does not fit the type's bits. */
extern bool usdtpay_eip712_integer(uint8_t word[32], UsdtpayEip712Type type, const char *in,
								   size_t inlen);

/* Encodes 0x and exactly type.size bytes, padded on the right. */
extern bool usdtpay_eip712_fixed_bytes(uint8_t word[32], UsdtpayEip712Type type, const char *in,
									   size_t inlen);

/* Says whether a name of a struct or a member leaves the type's encoding unambiguous: not empty,
 * no bracket, parenthesis, comma or blank. */
extern bool usdtpay_eip712_name(const char *in, size_t inlen);

/* Computes keccak256(0x1901 || domain || message); without message (NULL) of the domain alone, as
 * wallets do when the primary type is the domain itself. */
extern void usdtpay_eip712_digest(uint8_t out[32], const uint8_t domain[32],
								  const uint8_t *message);

#endif
