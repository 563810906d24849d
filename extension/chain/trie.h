/* SPDX-License-Identifier: PostgreSQL
 *
 * trie.h: the root of an ordered Merkle-Patricia trie, which a header holds of its block's
 * receipts (Ethereum yellow paper, section 4.3.2 and appendix D).  Pure C.
 */
#ifndef USDTPAY_CHAIN_TRIE_H
#define USDTPAY_CHAIN_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Shorter values could make a node that stands inside its parent instead of being hashed; no
 * receipt is that short. */
#define USDTPAY_TRIE_MIN_VALUE 32

/* What a leaf needs besides its value. */
#define USDTPAY_TRIE_LEAF_EXTRA 64

typedef struct UsdtpayTrieItem
{
	const uint8_t *value;
	size_t len; /* at least USDTPAY_TRIE_MIN_VALUE */
} UsdtpayTrieItem;

/* Computes the root of the trie with item[i] at key rlp(i).
 * In: item[count]; work[cap] to build leaves in, the longest value and USDTPAY_TRIE_LEAF_EXTRA.
 * Returns: false when a value is too short, or work. */
extern bool usdtpay_trie_root(uint8_t out[32], const UsdtpayTrieItem *item, size_t count,
							  uint8_t *work, size_t cap);

#endif
