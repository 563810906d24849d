/* SPDX-License-Identifier: PostgreSQL
 *
 * bip32.c: BIP32's public half.  The serialised form is
 * version(4) depth(1) parent fingerprint(4) child number(4) chain code(32) key(33).
 */
#define OPENSSL_API_COMPAT 0x10100000L

#include "keys/bip32.h"

#include <string.h>
#include <openssl/crypto.h>
#include <openssl/ripemd.h>

#include "codec/base58.h"

#define BIP32_LEN          78
#define BIP32_VERSION_XPUB 0x0488b21eu
#define BIP32_VERSION_TPUB 0x043587cfu

/* Reads a big-endian number. */
static uint32_t
bip32_load(const uint8_t in[4])
{
	return (uint32_t) in[0] << 24 | (uint32_t) in[1] << 16 | (uint32_t) in[2] << 8 | in[3];
}

/* Writes a big-endian number. */
static void
bip32_store(uint8_t out[4], uint32_t value)
{
	out[0] = (uint8_t) (value >> 24);
	out[1] = (uint8_t) (value >> 16);
	out[2] = (uint8_t) (value >> 8);
	out[3] = (uint8_t) value;
}

/* Says whether text names an extended private key (xprv, tprv, yprv, zprv …), however mangled the
 * rest of it is. */
static bool
bip32_looks_private(const char *in, size_t inlen)
{
	return inlen >= 4 && memcmp(in + 1, "prv", 3) == 0;
}

/* Reads the fields of a decoded key.  Out: node. */
static UsdtpayKeyStatus
bip32_read(UsdtpayBip32 *node, const uint8_t raw[BIP32_LEN])
{
	uint32_t version = bip32_load(raw);

	/* A private key is a zero byte and 32 more, whatever version its wallet invented. */
	if (raw[45] == 0)
		return USDTPAY_KEY_PRIVATE;
	if (version != BIP32_VERSION_XPUB && version != BIP32_VERSION_TPUB)
		return USDTPAY_KEY_VERSION;
	node->testnet = version == BIP32_VERSION_TPUB;
	node->depth = raw[4];
	memcpy(node->parent_fingerprint, raw + 5, 4);
	node->child_number = bip32_load(raw + 9);
	memcpy(node->chain_code, raw + 13, 32);
	memcpy(node->compressed, raw + 45, 33);
	if (node->depth == 0 && (node->child_number != 0 || bip32_load(raw + 5) != 0))
		return USDTPAY_KEY_DEPTH_ZERO;
	if (!usdtpay_secp_parse(&node->point, node->compressed, 33))
		return USDTPAY_KEY_POINT;
	usdtpay_hmac512_prepare(&node->hmac, node->chain_code, 32);
	return USDTPAY_KEY_OK;
}

UsdtpayKeyStatus
usdtpay_bip32_parse(UsdtpayBip32 *node, const char *in, size_t inlen)
{
	uint8_t raw[USDTPAY_BASE58_MAX_PAYLOAD];
	size_t len;
	UsdtpayKeyStatus status;

	if (bip32_looks_private(in, inlen))
		return USDTPAY_KEY_PRIVATE;
	switch (usdtpay_base58check_decode(raw, &len, in, inlen))
	{
		case USDTPAY_BASE58_OK:
			break;
		case USDTPAY_BASE58_BAD_CHECKSUM:
			return USDTPAY_KEY_CHECKSUM;
		default:
			return USDTPAY_KEY_MALFORMED;
	}
	status = len == BIP32_LEN ? bip32_read(node, raw) : USDTPAY_KEY_MALFORMED;
	OPENSSL_cleanse(raw, sizeof(raw));
	return status;
}

/* Computes the child's point and chain code: I = HMAC(chain code, point || index), the left half
 * tweaks the point, the right half is the chain code. */
static UsdtpayKeyStatus
bip32_ckd(UsdtpayPoint *point, uint8_t chain_code[32], const UsdtpayBip32 *parent, uint32_t index)
{
	uint8_t data[37];
	uint8_t hash[64];

	if (index >= USDTPAY_BIP32_HARDENED)
		return USDTPAY_KEY_HARDENED;
	if (parent->depth == UINT8_MAX)
		return USDTPAY_KEY_TOO_DEEP;
	memcpy(data, parent->compressed, 33);
	bip32_store(data + 33, index);
	usdtpay_hmac512(hash, &parent->hmac, data, sizeof(data));
	*point = parent->point;
	if (!usdtpay_secp_tweak_add(point, hash))
		return USDTPAY_KEY_INVALID_CHILD;
	memcpy(chain_code, hash + 32, 32);
	return USDTPAY_KEY_OK;
}

UsdtpayKeyStatus
usdtpay_bip32_child(UsdtpayBip32 *child, const UsdtpayBip32 *parent, uint32_t index)
{
	UsdtpayBip32 node;
	UsdtpayKeyStatus status = bip32_ckd(&node.point, node.chain_code, parent, index);

	if (status != USDTPAY_KEY_OK)
		return status;
	node.testnet = parent->testnet;
	node.depth = (uint8_t) (parent->depth + 1);
	node.child_number = index;
	usdtpay_bip32_fingerprint(node.parent_fingerprint, parent);
	usdtpay_secp_compressed(node.compressed, &node.point);
	usdtpay_hmac512_prepare(&node.hmac, node.chain_code, 32);
	*child = node;
	return USDTPAY_KEY_OK;
}

UsdtpayKeyStatus
usdtpay_bip32_child_point(UsdtpayPoint *point, const UsdtpayBip32 *parent, uint32_t index)
{
	uint8_t chain_code[32];

	return bip32_ckd(point, chain_code, parent, index);
}

void
usdtpay_bip32_fingerprint(uint8_t out[4], const UsdtpayBip32 *node)
{
	uint8_t sha[32];
	uint8_t ripemd[20];

	usdtpay_sha256(sha, node->compressed, 33);
	RIPEMD160(sha, sizeof(sha), ripemd);
	memcpy(out, ripemd, 4);
}

void
usdtpay_bip32_text(char out[USDTPAY_BIP32_TEXT_LEN + 1], const UsdtpayBip32 *node)
{
	uint8_t raw[BIP32_LEN];
	char text[USDTPAY_BASE58_MAX_TEXT];

	bip32_store(raw, node->testnet ? BIP32_VERSION_TPUB : BIP32_VERSION_XPUB);
	raw[4] = node->depth;
	memcpy(raw + 5, node->parent_fingerprint, 4);
	bip32_store(raw + 9, node->child_number);
	memcpy(raw + 13, node->chain_code, 32);
	memcpy(raw + 45, node->compressed, 33);
	/* 78 bytes under either version always make 111 characters. */
	usdtpay_base58check_encode(text, raw, sizeof(raw));
	memcpy(out, text, USDTPAY_BIP32_TEXT_LEN + 1);
}
