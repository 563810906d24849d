/* SPDX-License-Identifier: PostgreSQL
 *
 * secp.c: the one door to libsecp256k1.
 *
 * One context is made on first use and lives as long as the process.  Its callback for illegal
 * arguments does nothing, because the library's default is to abort, and a database backend must
 * not: the call then merely returns 0.  No secret ever passes through, so the context is not
 * randomised.
 */
#include "keys/secp.h"

#include <string.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>

_Static_assert(sizeof(secp256k1_pubkey) == sizeof(UsdtpayPoint), "opaque sizes must agree");

/* Swallows the report of an illegal argument. */
static void
secp_illegal(const char *message, void *data)
{
	(void) message;
	(void) data;
}

/* Returns: the context, or NULL when memory is out (every caller then answers false). */
static secp256k1_context *
secp_context(void)
{
	static secp256k1_context *context;

	if (context == NULL)
	{
		context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
		if (context != NULL)
			secp256k1_context_set_illegal_callback(context, secp_illegal, NULL);
	}
	return context;
}

/* Copies between the opaque form and the library's type of the same size. */
static secp256k1_pubkey
secp_load(const UsdtpayPoint *point)
{
	secp256k1_pubkey key;

	memcpy(&key, point, sizeof(key));
	return key;
}

bool
usdtpay_secp_parse(UsdtpayPoint *point, const uint8_t *in, size_t inlen)
{
	secp256k1_context *context = secp_context();
	secp256k1_pubkey key;

	/* The library also takes the hybrid prefixes 06 and 07, which BIP32 does not know. */
	if (context == NULL ||
		!((inlen == 33 && (in[0] == 2 || in[0] == 3)) || (inlen == 65 && in[0] == 4)))
		return false;
	if (!secp256k1_ec_pubkey_parse(context, &key, in, inlen))
		return false;
	memcpy(point, &key, sizeof(key));
	return true;
}

bool
usdtpay_secp_tweak_add(UsdtpayPoint *point, const uint8_t tweak[32])
{
	secp256k1_context *context = secp_context();
	secp256k1_pubkey key = secp_load(point);

	if (context == NULL || !secp256k1_ec_pubkey_tweak_add(context, &key, tweak))
		return false;
	memcpy(point, &key, sizeof(key));
	return true;
}

void
usdtpay_secp_compressed(uint8_t out[33], const UsdtpayPoint *point)
{
	secp256k1_pubkey key = secp_load(point);
	size_t len = 33;

	memset(out, 0, len);
	secp256k1_ec_pubkey_serialize(secp_context(), out, &len, &key, SECP256K1_EC_COMPRESSED);
}

void
usdtpay_secp_xy(uint8_t out[64], const UsdtpayPoint *point)
{
	secp256k1_pubkey key = secp_load(point);
	uint8_t full[65] = {0};
	size_t len = sizeof(full);

	secp256k1_ec_pubkey_serialize(secp_context(), full, &len, &key, SECP256K1_EC_UNCOMPRESSED);
	memcpy(out, full + 1, 64);
}

bool
usdtpay_secp_recover(UsdtpayPoint *point, const uint8_t digest[32], const uint8_t sig[65])
{
	secp256k1_context *context = secp_context();
	secp256k1_ecdsa_recoverable_signature parsed;
	secp256k1_pubkey key;
	int v = sig[64] >= 27 ? sig[64] - 27 : sig[64];

	if (context == NULL || v > 1)
		return false;
	if (!secp256k1_ecdsa_recoverable_signature_parse_compact(context, &parsed, sig, v))
		return false;
	if (!secp256k1_ecdsa_recover(context, &key, &parsed, digest))
		return false;
	memcpy(point, &key, sizeof(key));
	return true;
}
