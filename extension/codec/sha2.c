/* SPDX-License-Identifier: PostgreSQL
 *
 * sha2.c: SHA-256 and HMAC-SHA-512 on libcrypto's direct calls.  They are marked deprecated since
 * OpenSSL 3.0, but the replacement looks its algorithm up on every call and takes three times as
 * long on inputs as short as ours.
 */
#define OPENSSL_API_COMPAT 0x10100000L

#include "codec/sha2.h"

#include <openssl/sha.h>
#include <string.h>

#define SHA2_BLOCK_512 128

_Static_assert(sizeof(SHA512_CTX) <= sizeof(((UsdtpayHmac512Key *) 0)->inner),
			   "UsdtpayHmac512Key must hold two SHA-512 states");

void
usdtpay_sha256(uint8_t out[32], const uint8_t *in, size_t inlen)
{
	SHA256_CTX ctx;

	SHA256_Init(&ctx);
	SHA256_Update(&ctx, in, inlen);
	SHA256_Final(out, &ctx);
}

/* Stores the state of SHA-512 after one block of the key xor pad.  Out: state. */
static void
sha2_absorb_pad(uint64_t state[32], const uint8_t *key, size_t keylen, uint8_t pad)
{
	uint8_t block[SHA2_BLOCK_512];
	SHA512_CTX ctx;
	size_t i;

	memset(block, pad, sizeof(block));
	for (i = 0; i < keylen && i < sizeof(block); i++)
		block[i] ^= key[i];
	SHA512_Init(&ctx);
	SHA512_Update(&ctx, block, sizeof(block));
	memcpy(state, &ctx, sizeof(ctx));
}

void
usdtpay_hmac512_prepare(UsdtpayHmac512Key *key, const uint8_t *in, size_t inlen)
{
	sha2_absorb_pad(key->inner, in, inlen, 0x36);
	sha2_absorb_pad(key->outer, in, inlen, 0x5c);
}

void
usdtpay_hmac512(uint8_t out[64], const UsdtpayHmac512Key *key, const uint8_t *in, size_t inlen)
{
	SHA512_CTX ctx;

	memcpy(&ctx, key->inner, sizeof(ctx));
	SHA512_Update(&ctx, in, inlen);
	SHA512_Final(out, &ctx);
	memcpy(&ctx, key->outer, sizeof(ctx));
	SHA512_Update(&ctx, out, 64);
	SHA512_Final(out, &ctx);
}
