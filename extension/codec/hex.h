/* SPDX-License-Identifier: PostgreSQL
 *
 * hex.h: hexadecimal text to bytes and back.  Pure C.
 */
#ifndef USDTPAY_CODEC_HEX_H
#define USDTPAY_CODEC_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes exactly 2*outlen hex digits (either case, no 0x).
 * Returns: true on success; false when a character is no hex digit or inlen != 2*outlen.
 * Out: out[outlen]; untouched bytes are undefined after a failure.  In: in[inlen]. */
extern bool usdtpay_hex_decode(uint8_t *out, size_t outlen, const char *in, size_t inlen);

/* Encodes lower case without 0x and without a terminating NUL.  Out: out[2*inlen]. */
extern void usdtpay_hex_encode(char *out, const uint8_t *in, size_t inlen);

/* Decodes a JSON-RPC quantity ("0x1a", no leading zeros needed, at most 16 digits).
 * Returns: true on success; false for a missing 0x, no digits, a bad digit or > 64 bits. */
extern bool usdtpay_hex_quantity(uint64_t *out, const char *in, size_t inlen);

#endif
