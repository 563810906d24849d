/* SPDX-License-Identifier: PostgreSQL
 *
 * bip32.h: extended public keys and public child derivation.  Pure C, knows no private key.
 */
#ifndef USDTPAY_KEYS_BIP32_H
#define USDTPAY_KEYS_BIP32_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/sha2.h"
#include "keys/secp.h"

#define USDTPAY_BIP32_HARDENED 0x80000000u
#define USDTPAY_BIP32_TEXT_LEN 111 /* characters of an xpub or tpub */

typedef enum UsdtpayKeyStatus
{
	USDTPAY_KEY_OK,
	USDTPAY_KEY_MALFORMED,    /* no base58 text of the right length */
	USDTPAY_KEY_CHECKSUM,     /* typed wrongly */
	USDTPAY_KEY_PRIVATE,      /* an extended private key: must never be here */
	USDTPAY_KEY_VERSION,      /* ypub, zpub or another version than xpub and tpub */
	USDTPAY_KEY_POINT,        /* the key is no point of the curve */
	USDTPAY_KEY_DEPTH_ZERO,   /* depth 0 with a parent or a child number */
	USDTPAY_KEY_TOO_DEEP,     /* a child of depth 255 */
	USDTPAY_KEY_HARDENED,     /* hardened children need the private key */
	USDTPAY_KEY_INVALID_CHILD /* this index has no key (chance 2^-127): take the next one */
} UsdtpayKeyStatus;

typedef struct UsdtpayBip32
{
	bool testnet;
	uint8_t depth;
	uint8_t parent_fingerprint[4];
	uint32_t child_number;
	uint8_t chain_code[32];
	uint8_t compressed[33];
	UsdtpayPoint point;
	UsdtpayHmac512Key hmac; /* keyed with chain_code */
} UsdtpayBip32;

/* Parses xpub (0488b21e) or tpub (043587cf) text.  Out: node, undefined after a failure. */
extern UsdtpayKeyStatus usdtpay_bip32_parse(UsdtpayBip32 *node, const char *in, size_t inlen);

/* Derives the public child with all its fields.  child may be parent. */
extern UsdtpayKeyStatus usdtpay_bip32_child(UsdtpayBip32 *child, const UsdtpayBip32 *parent,
											uint32_t index);

/* Derives only the child's point: the hot path. */
extern UsdtpayKeyStatus usdtpay_bip32_child_point(UsdtpayPoint *point, const UsdtpayBip32 *parent,
												  uint32_t index);

/* Computes the fingerprint: the first four bytes of RIPEMD160(SHA256(compressed)). */
extern void usdtpay_bip32_fingerprint(uint8_t out[4], const UsdtpayBip32 *node);

/* Writes the node as text.  Out: NUL-terminated. */
extern void usdtpay_bip32_text(char out[USDTPAY_BIP32_TEXT_LEN + 1], const UsdtpayBip32 *node);

#endif
