/* SPDX-License-Identifier: PostgreSQL
 *
 * secp.h: points of secp256k1.  Pure C; secp.c is the sole includer of libsecp256k1.
 *
 * Every call tolerates any bytes: what is no point or no signature comes back as false.
 */
#ifndef USDTPAY_KEYS_SECP_H
#define USDTPAY_KEYS_SECP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct UsdtpayPoint
{
	uint8_t opaque[64];
} UsdtpayPoint;

/* Parses a compressed (33) or uncompressed (65) point.
 * Returns: false on any other length or prefix, or when the point is not on the curve. */
extern bool usdtpay_secp_parse(UsdtpayPoint *point, const uint8_t *in, size_t inlen);

/* Computes point += tweak * G.
 * Returns: false when the tweak is not below the group order or the sum is infinity. */
extern bool usdtpay_secp_tweak_add(UsdtpayPoint *point, const uint8_t tweak[32]);

/* Serialises compressed. */
extern void usdtpay_secp_compressed(uint8_t out[33], const UsdtpayPoint *point);

/* Serialises the two coordinates, 32 bytes each, without the 0x04 prefix. */
extern void usdtpay_secp_xy(uint8_t out[64], const UsdtpayPoint *point);

/* Recovers the signing point of r || s || v with v one of 0, 1, 27, 28.  High s is accepted, as
 * the chains' own recovery does: the point is the same.
 * Returns: false when v is another value, r or s is out of range or no point fits. */
extern bool usdtpay_secp_recover(UsdtpayPoint *point, const uint8_t digest[32],
								 const uint8_t sig[65]);

#endif
