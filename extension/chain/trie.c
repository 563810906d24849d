/* SPDX-License-Identifier: PostgreSQL
 *
 * trie.c: the root of an ordered Merkle-Patricia trie.
 *
 * The keys are rlp(0) … rlp(n-1), so their order is known without sorting: 1 to 127 are their own
 * bytes, 0 is 0x80, and the others follow in order.  No key is the beginning of another, so a
 * branch never holds a value, and a node is a range of positions below a depth: nothing is built
 * but the node at hand.
 */
#include "chain/trie.h"

#include <string.h>

#include "codec/keccak.h"
#include "codec/rlp.h"

#define TRIE_KEY_NIBBLES 10 /* rlp of an index below 2^32 */
#define TRIE_NODE_BYTES  640
#define TRIE_LEAF_FLAG   0x20 /* hex-prefix: the path ends in a value */
#define TRIE_ODD_FLAG    0x10 /* hex-prefix: the first nibble shares the flags' byte */

typedef struct TrieKey
{
	uint8_t nibble[TRIE_KEY_NIBBLES];
	size_t len;
} TrieKey;

typedef struct Trie
{
	const UsdtpayTrieItem *item;
	size_t count;
	uint8_t *work;
	size_t cap;
} Trie;

static void trie_node(const Trie *t, size_t from, size_t to, size_t depth, uint8_t out[32]);

/* Gives the index whose key stands at a position in the order of keys. */
static size_t
trie_index(const Trie *t, size_t position)
{
	size_t small = t->count - 1 < 127 ? t->count - 1 : 127;

	if (position < small)
		return position + 1;
	return position == small ? 0 : position;
}

/* Spells the key at a position. */
static void
trie_key(const Trie *t, size_t position, TrieKey *key)
{
	uint8_t bytes[TRIE_KEY_NIBBLES / 2];
	UsdtpayRlpWriter w = {bytes, sizeof(bytes), 0, false};
	size_t i;

	memset(key, 0, sizeof(*key));
	usdtpay_rlp_put_uint(&w, trie_index(t, position));
	for (i = 0; i < w.len; i++)
	{
		key->nibble[2 * i] = bytes[i] >> 4;
		key->nibble[2 * i + 1] = bytes[i] & 15;
	}
	key->len = 2 * w.len;
}

/* Appends the nibbles from..to of a key in hex-prefix form. */
static void
trie_put_path(UsdtpayRlpWriter *w, const TrieKey *key, size_t from, size_t to, uint8_t flag)
{
	uint8_t path[1 + TRIE_KEY_NIBBLES / 2];
	size_t len = 1;

	path[0] = flag;
	if ((to - from) % 2 != 0)
		path[0] = (uint8_t) (flag | TRIE_ODD_FLAG | key->nibble[from++]);
	for (; from < to; from += 2)
		path[len++] = (uint8_t) (key->nibble[from] << 4 | key->nibble[from + 1]);
	usdtpay_rlp_put_bytes(w, path, len);
}

/* Hashes the leaf at a position. */
static void
trie_leaf(const Trie *t, size_t position, size_t depth, uint8_t out[32])
{
	const UsdtpayTrieItem *item = &t->item[trie_index(t, position)];
	UsdtpayRlpWriter w = {t->work, t->cap, 0, false};
	TrieKey key;

	trie_key(t, position, &key);
	trie_put_path(&w, &key, depth, key.len, TRIE_LEAF_FLAG);
	usdtpay_rlp_put_bytes(&w, item->value, item->len);
	usdtpay_rlp_wrap(&w, 0);
	usdtpay_keccak256(out, w.buf, w.len);
}

/* Hashes the branch over the positions from..to, whose keys part at depth. */
static void
trie_branch(const Trie *t, size_t from, size_t to, size_t depth, uint8_t out[32])
{
	uint8_t buf[TRIE_NODE_BYTES];
	UsdtpayRlpWriter w = {buf, sizeof(buf), 0, false};
	uint8_t child[32];
	uint8_t nibble;
	TrieKey key;

	for (nibble = 0; nibble < 16; nibble++)
	{
		size_t end = from;

		for (; end < to; end++)
		{
			trie_key(t, end, &key);
			if (key.nibble[depth] != nibble)
				break;
		}
		if (end > from)
			trie_node(t, from, end, depth + 1, child);
		usdtpay_rlp_put_bytes(&w, child, end > from ? sizeof(child) : 0);
		from = end;
	}
	usdtpay_rlp_put_bytes(&w, NULL, 0);
	usdtpay_rlp_wrap(&w, 0);
	usdtpay_keccak256(out, w.buf, w.len);
}

/* Hashes the node over the positions from..to, whose keys agree in the nibbles before depth.
 * Descends at most TRIE_KEY_NIBBLES deep. */
static void
trie_node(const Trie *t, size_t from, size_t to, size_t depth, uint8_t out[32])
{
	size_t part = depth;
	TrieKey first;
	TrieKey last;

	if (to - from == 1)
	{
		trie_leaf(t, from, depth, out);
		return;
	}
	trie_key(t, from, &first);
	trie_key(t, to - 1, &last);
	while (part < first.len && first.nibble[part] == last.nibble[part])
		part++;
	trie_branch(t, from, to, part, out);
	if (part > depth)
	{
		uint8_t buf[TRIE_NODE_BYTES];
		UsdtpayRlpWriter w = {buf, sizeof(buf), 0, false};

		trie_put_path(&w, &first, depth, part, 0);
		usdtpay_rlp_put_bytes(&w, out, 32);
		usdtpay_rlp_wrap(&w, 0);
		usdtpay_keccak256(out, w.buf, w.len);
	}
}

bool
usdtpay_trie_root(uint8_t out[32], const UsdtpayTrieItem *item, size_t count, uint8_t *work,
				  size_t cap)
{
	static const uint8_t empty[1] = {0x80}; /* rlp of nothing */
	Trie t = {item, count, work, cap};
	size_t i;

	for (i = 0; i < count; i++)
	{
		if (item[i].len < USDTPAY_TRIE_MIN_VALUE || item[i].len > cap ||
			cap - item[i].len < USDTPAY_TRIE_LEAF_EXTRA)
			return false;
	}
	if (count == 0)
		usdtpay_keccak256(out, empty, sizeof(empty));
	else
		trie_node(&t, 0, count, 0, out);
	return count <= UINT32_MAX;
}
