/* SPDX-License-Identifier: PostgreSQL
 *
 * merkle.c: the RFC 6962 hash tree, level by level: neighbours are hashed in pairs and an odd last
 * node moves up unchanged, which gives exactly the tree the RFC defines by its largest power of
 * two.
 */
#include "ledger/merkle.h"

#include <string.h>

#include "codec/sha2.h"

/* Hashes two children: SHA-256(0x01 || left || right). */
static MerkleHash
merkle_node(const MerkleHash *left, const MerkleHash *right)
{
	uint8_t buffer[1 + 2 * MERKLE_HASH];
	MerkleHash out;

	buffer[0] = 0x01;
	memcpy(buffer + 1, left->bytes, MERKLE_HASH);
	memcpy(buffer + 1 + MERKLE_HASH, right->bytes, MERKLE_HASH);
	usdtpay_sha256(out.bytes, buffer, sizeof(buffer));
	return out;
}

MerkleHash
merkle_leaf(uint8_t *buffer, size_t size)
{
	MerkleHash out;

	buffer[0] = 0x00;
	usdtpay_sha256(out.bytes, buffer, size);
	return out;
}

/* Replaces a level by the one above.  Returns: its width. */
static size_t
merkle_rise(MerkleHash *nodes, size_t count)
{
	size_t i;

	for (i = 0; i + 1 < count; i += 2)
		nodes[i / 2] = merkle_node(&nodes[i], &nodes[i + 1]);
	if (count % 2 == 1)
		nodes[count / 2] = nodes[count - 1];
	return count / 2 + count % 2;
}

MerkleHash
merkle_root(MerkleHash *leaves, size_t count)
{
	MerkleHash empty;

	usdtpay_sha256(empty.bytes, (const uint8_t *) "", 0);
	if (count == 0)
		return empty;
	while (count > 1)
		count = merkle_rise(leaves, count);
	return leaves[0];
}

size_t
merkle_path(MerkleHash *path, MerkleHash *leaves, size_t count, size_t index)
{
	size_t length = 0;

	while (count > 1)
	{
		size_t sibling = index ^ 1;

		if (sibling < count)
			path[length++] = leaves[sibling];
		count = merkle_rise(leaves, count);
		index /= 2;
	}
	return length;
}

bool
merkle_check(const MerkleHash *root, const MerkleHash *leaf, uint64_t index, uint64_t count,
			 const MerkleHash *path, size_t length)
{
	MerkleHash hash = *leaf;
	uint64_t last;
	size_t i;

	if (count == 0 || index >= count)
		return false;
	last = count - 1;
	for (i = 0; i < length; i++)
	{
		if (last == 0)
			return false;
		if (index % 2 == 1 || index == last)
		{
			hash = merkle_node(&path[i], &hash);
			/* Levels at which the node had no sibling leave no step in the path. */
			while (index % 2 == 0 && index != 0)
			{
				index /= 2;
				last /= 2;
			}
		}
		else
			hash = merkle_node(&hash, &path[i]);
		index /= 2;
		last /= 2;
	}
	return last == 0 && memcmp(hash.bytes, root->bytes, MERKLE_HASH) == 0;
}
