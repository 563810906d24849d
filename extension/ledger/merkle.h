/* SPDX-License-Identifier: PostgreSQL
 *
 * merkle.h: the RFC 6962 hash tree.  Pure C; hashes are 32 bytes.
 */
#ifndef USDTPAY_LEDGER_MERKLE_H
#define USDTPAY_LEDGER_MERKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MERKLE_HASH     32
#define MERKLE_MAX_PATH 64

typedef struct MerkleHash
{
	uint8_t bytes[MERKLE_HASH];
} MerkleHash;

/* Hashes a leaf's content: SHA-256(0x00 || data).  In: buffer[size], whose first byte is the
 * caller's room for the prefix. */
extern MerkleHash merkle_leaf(uint8_t *buffer, size_t size);

/* Computes the root over count leaf hashes; the hash of nothing for none.  The leaves are used as
 * scratch space and overwritten. */
extern MerkleHash merkle_root(MerkleHash *leaves, size_t count);

/* Computes the audit path of leaf number index, from the bottom.  Out: path[MERKLE_MAX_PATH].
 * Returns: its length.  Overwrites the leaves. */
extern size_t merkle_path(MerkleHash *path, MerkleHash *leaves, size_t count, size_t index);

/* Tells whether leaf number index of a tree of count leaves leads to root along the path. */
extern bool merkle_check(const MerkleHash *root, const MerkleHash *leaf, uint64_t index,
						 uint64_t count, const MerkleHash *path, size_t length);

#endif
