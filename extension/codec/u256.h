/* SPDX-License-Identifier: PostgreSQL
 *
 * u256.h: unsigned 256-bit integers as 32 big-endian bytes, the form of every ABI word, and their
 * decimal text.  Pure C; nothing ever wraps around.
 */
#ifndef USDTPAY_CODEC_U256_H
#define USDTPAY_CODEC_U256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal digits of 2^256 - 1. */
#define USDTPAY_U256_DIGITS 78

/* Writes decimal text without leading zeros.  Returns: its length without the NUL, 1..78. */
extern size_t usdtpay_u256_to_decimal(char out[USDTPAY_U256_DIGITS + 1], const uint8_t in[32]);

/* Reads decimal digits; leading zeros are allowed, signs and blanks are not.
 * Returns: false for no digits, another character or a value of 2^256 and more. */
extern bool usdtpay_u256_from_decimal(uint8_t out[32], const char *in, size_t inlen);

/* Returns: false when the value exceeds 64 bits. */
extern bool usdtpay_u256_to_u64(uint64_t *out, const uint8_t in[32]);

/* Widens a 64-bit value. */
extern void usdtpay_u256_from_u64(uint8_t out[32], uint64_t value);

#endif
