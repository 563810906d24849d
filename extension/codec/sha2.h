/* SPDX-License-Identifier: PostgreSQL
 *
 * sha2.h: SHA-256 and HMAC-SHA-512 on libcrypto.  Pure C, sole user of its SHA-2 calls here.
 *
 * The prepared HMAC key exists for BIP32: one chain code keys every child of a node, so hashing
 * the key pad once halves the work per child.
 */
#ifndef USDTPAY_CODEC_SHA2_H
#define USDTPAY_CODEC_SHA2_H

#include <stddef.h>
#include <stdint.h>

typedef struct UsdtpayHmac512Key
{
	uint64_t inner[32]; /* opaque: the hash states after the inner and the outer key pad */
	uint64_t outer[32];
} UsdtpayHmac512Key;

/* Hashes in one go.  Out: out[32].  In: in[inlen], any length. */
extern void usdtpay_sha256(uint8_t out[32], const uint8_t *in, size_t inlen);

/* Prepares a key of at most 128 bytes (longer ones are cut: callers pass 32). */
extern void usdtpay_hmac512_prepare(UsdtpayHmac512Key *key, const uint8_t *in, size_t inlen);

/* Authenticates a message under a prepared key.  Out: out[64].  In: in[inlen]. */
extern void usdtpay_hmac512(uint8_t out[64], const UsdtpayHmac512Key *key, const uint8_t *in,
							size_t inlen);

#endif
