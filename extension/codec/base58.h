/* SPDX-License-Identifier: PostgreSQL
 *
 * base58.h: Bitcoin's base58 with a four-byte double-SHA-256 checksum.  Pure C.
 */
#ifndef USDTPAY_CODEC_BASE58_H
#define USDTPAY_CODEC_BASE58_H

#include <stddef.h>
#include <stdint.h>

/* Longest payload either direction takes: an extended key is 78 bytes. */
#define USDTPAY_BASE58_MAX_PAYLOAD 96
/* Longest text those make, with checksum and terminating NUL. */
#define USDTPAY_BASE58_MAX_TEXT 140

typedef enum UsdtpayBase58Status
{
	USDTPAY_BASE58_OK,
	USDTPAY_BASE58_BAD_CHAR,    /* a character outside the alphabet (0, O, I, l, blank …) */
	USDTPAY_BASE58_BAD_LENGTH,  /* shorter than a checksum or longer than the payload limit */
	USDTPAY_BASE58_BAD_CHECKSUM /* typed wrongly */
} UsdtpayBase58Status;

/* Decodes text and verifies its checksum.
 * Out: out[0 .. *outlen), at most USDTPAY_BASE58_MAX_PAYLOAD bytes, undefined after a failure. */
extern UsdtpayBase58Status usdtpay_base58check_decode(uint8_t out[USDTPAY_BASE58_MAX_PAYLOAD],
													  size_t *outlen, const char *in, size_t inlen);

/* Encodes a payload with its checksum.
 * Returns: the text's length without the NUL, 0 when inlen exceeds USDTPAY_BASE58_MAX_PAYLOAD.
 * Out: NUL-terminated text. */
extern size_t usdtpay_base58check_encode(char out[USDTPAY_BASE58_MAX_TEXT], const uint8_t *in,
										 size_t inlen);

#endif
