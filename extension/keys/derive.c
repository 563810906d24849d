/* SPDX-License-Identifier: PostgreSQL
 *
 * derive.c: a table of parsed parents in front of BIP32.
 *
 * Parsing an xpub costs a base58 conversion, a square root and one derivation to reach its
 * receiving chain /0; that is twice the work of the address itself.  So each process keeps the
 * nodes at /0 of the wallets it met, addressed directly by a hash of the text: a collision only
 * means parsing again.  The full text is compared, so a hit is always the right key.
 */
#include "keys/derive.h"

#include <string.h>

#define DERIVE_SLOTS 64

typedef struct DeriveSlot
{
	bool used;
	char xpub[USDTPAY_BIP32_TEXT_LEN];
	UsdtpayBip32 node; /* at xpub/0 */
} DeriveSlot;

static DeriveSlot derive_table[DERIVE_SLOTS];

/* Picks the slot of a key text by FNV-1a over its tail, which holds the key and the checksum. */
static DeriveSlot *
derive_slot(const char *xpub)
{
	uint32_t hash = 2166136261u;
	int i;

	for (i = USDTPAY_BIP32_TEXT_LEN - 12; i < USDTPAY_BIP32_TEXT_LEN; i++)
		hash = (hash ^ (uint8_t) xpub[i]) * 16777619u;
	return &derive_table[(hash ^ hash >> 16) % DERIVE_SLOTS];
}

/* Finds or makes the node at xpub/0.  Out: *node, valid until the next call. */
static UsdtpayKeyStatus
derive_parent(const UsdtpayBip32 **node, const char *xpub, size_t xpublen)
{
	UsdtpayBip32 parsed;
	UsdtpayKeyStatus status;
	DeriveSlot *slot = NULL;

	if (xpublen == USDTPAY_BIP32_TEXT_LEN)
	{
		slot = derive_slot(xpub);
		*node = &slot->node;
		if (slot->used && memcmp(slot->xpub, xpub, USDTPAY_BIP32_TEXT_LEN) == 0)
			return USDTPAY_KEY_OK;
	}
	status = usdtpay_bip32_parse(&parsed, xpub, xpublen);
	if (status == USDTPAY_KEY_OK && slot == NULL)
		status = USDTPAY_KEY_MALFORMED; /* every valid key has the one length */
	if (status == USDTPAY_KEY_OK)
		status = usdtpay_bip32_child(&parsed, &parsed, 0);
	if (status != USDTPAY_KEY_OK)
		return status;
	slot->node = parsed;
	memcpy(slot->xpub, xpub, USDTPAY_BIP32_TEXT_LEN);
	slot->used = true;
	return USDTPAY_KEY_OK;
}

UsdtpayKeyStatus
usdtpay_derive_address(uint8_t out[USDTPAY_ADDRESS_LEN], const char *xpub, size_t xpublen,
					   uint32_t index)
{
	const UsdtpayBip32 *parent;
	UsdtpayPoint point;
	UsdtpayKeyStatus status = derive_parent(&parent, xpub, xpublen);

	if (status == USDTPAY_KEY_OK)
		status = usdtpay_bip32_child_point(&point, parent, index);
	if (status == USDTPAY_KEY_OK)
		usdtpay_address_of_point(out, &point);
	return status;
}
