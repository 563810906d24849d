/* SPDX-License-Identifier: PostgreSQL
 *
 * tron_block.c: TRON's blocks: the id from the header, the root from the transactions.
 *
 * A block id is the height in its first eight bytes and the last 24 of sha256(raw header).  The
 * raw header is protobuf; java-tron writes its fields in number order and leaves out what has
 * its default, so the JSON holds enough to rebuild it byte for byte.
 */
#include "chain/tron.h"

#include "chain/field.h"
#include "codec/sha2.h"

#define TRON_HEADER_MAX 256

typedef enum TronHeaderMember
{
	TRON_TIMESTAMP,
	TRON_TX_ROOT,
	TRON_PARENT,
	TRON_NUMBER,
	TRON_WITNESS_ID,
	TRON_WITNESS,
	TRON_VERSION,
	TRON_STATE_ROOT,
	TRON_HEADER_MEMBERS
} TronHeaderMember;

/* In the order of the protobuf field numbers; len 0 marks an integer. */
static const struct
{
	const char *name;
	unsigned field;
	size_t len;
} tron_header[TRON_HEADER_MEMBERS] = {
	[TRON_TIMESTAMP] = {"timestamp", 1, 0},   [TRON_TX_ROOT] = {"txTrieRoot", 2, 32},
	[TRON_PARENT] = {"parentHash", 3, 32},    [TRON_NUMBER] = {"number", 7, 0},
	[TRON_WITNESS_ID] = {"witness_id", 8, 0}, [TRON_WITNESS] = {"witness_address", 9, 21},
	[TRON_VERSION] = {"version", 10, 0},      [TRON_STATE_ROOT] = {"accountStateRoot", 11, 32},
};

typedef struct TronHeader
{
	unsigned seen; /* one bit per member */
	int64_t number[TRON_HEADER_MEMBERS];
	uint8_t bytes[TRON_HEADER_MEMBERS][32];
} TronHeader;

/* Appends a varint.  Returns: the position behind it. */
static uint8_t *
tron_varint(uint8_t *p, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*p++ = (uint8_t) (value | 0x80);
	*p++ = (uint8_t) value;
	return p;
}

/* Serialises the raw header.  Returns: its length; 256 bytes hold the longest. */
static size_t
tron_header_raw(uint8_t buf[TRON_HEADER_MAX], const TronHeader *h)
{
	uint8_t *p = buf;
	int i;

	for (i = 0; i < TRON_HEADER_MEMBERS; i++)
	{
		if (!(h->seen >> i & 1))
			continue;
		if (tron_header[i].len == 0)
		{
			/* Proto3 leaves out zero. */
			if (h->number[i] == 0)
				continue;
			p = tron_varint(p, tron_header[i].field << 3);
			p = tron_varint(p, (uint64_t) h->number[i]);
			continue;
		}
		p = tron_varint(p, tron_header[i].field << 3 | 2);
		p = tron_varint(p, tron_header[i].len);
		memcpy(p, h->bytes[i], tron_header[i].len);
		p += tron_header[i].len;
	}
	return (size_t) (p - buf);
}

/* Hashes the raw header into the block's id. */
static void
tron_header_id(uint8_t out[32], const TronHeader *h)
{
	uint8_t buf[TRON_HEADER_MAX];
	uint64_t number = (uint64_t) h->number[TRON_NUMBER];
	int i;

	usdtpay_sha256(out, buf, tron_header_raw(buf, h));
	for (i = 7; i >= 0; i--, number >>= 8)
		out[i] = (uint8_t) number;
}

/* Reads one member of the raw header.  An unknown one could be part of the hash: refused. */
static bool
tron_header_member(TronHeader *h, UsdtpayJson *j, UsdtpaySlice name, UsdtpayFault *f)
{
	UsdtpaySlice s;
	int i;

	for (i = 0; i < TRON_HEADER_MEMBERS; i++)
	{
		if (strlen(tron_header[i].name) == name.len &&
			memcmp(tron_header[i].name, name.p, name.len) == 0)
			break;
	}
	if (i == TRON_HEADER_MEMBERS)
		return usdtpay_fault_at(f, j, "a header has a member its hash cannot be rebuilt with");
	if (h->seen >> i & 1)
		return usdtpay_fault_at(f, j, "a member of a header comes twice");
	h->seen |= 1u << i;
	if (tron_header[i].len == 0)
		return usdtpay_json_int(j, &h->number[i]) || usdtpay_fault_json(f, j);
	return (usdtpay_json_string(j, &s) && usdtpay_field_tron(h->bytes[i], tron_header[i].len, s)) ||
		   usdtpay_fault_at(f, j, "a hash or address in a header has the wrong length");
}

/* Reads block_header: its raw_data; the witness's signature is left alone. */
static bool
tron_header_parse(TronHeader *h, UsdtpayJson *j, UsdtpayFault *f)
{
	bool found = false;
	UsdtpaySlice name;

	if (!usdtpay_json_object(j))
		return usdtpay_fault_json(f, j);
	while (usdtpay_json_member(j, &name))
	{
		if (!usdtpay_slice_is(name, "raw_data"))
		{
			if (!usdtpay_json_skip(j, NULL))
				return usdtpay_fault_json(f, j);
			continue;
		}
		if (found)
			return usdtpay_fault_at(f, j, "a block has two headers");
		found = true;
		if (!usdtpay_json_object(j))
			return usdtpay_fault_json(f, j);
		while (usdtpay_json_member(j, &name))
		{
			if (!tron_header_member(h, j, name, f))
				return false;
		}
	}
	if (j->error != NULL)
		return usdtpay_fault_json(f, j);
	return found || usdtpay_fault_at(f, j, "a block has no header");
}

/* Reads one member of a block. */
static bool
tron_block_member(UsdtpayTronBlock *b, TronHeader *h, UsdtpayJson *j, UsdtpaySlice name,
				  UsdtpayFault *f)
{
	UsdtpaySlice s;

	if (usdtpay_slice_is(name, "blockID"))
	{
		if (b->has_id)
			return usdtpay_fault_at(f, j, "a member of a block comes twice");
		b->has_id = true;
		return (usdtpay_json_string(j, &s) && usdtpay_field_tron(b->claimed_id, 32, s)) ||
			   usdtpay_fault_at(f, j, "a blockID is not 32 bytes");
	}
	if (usdtpay_slice_is(name, "block_header"))
	{
		if (h->seen != 0)
			return usdtpay_fault_at(f, j, "a block has two headers");
		return tron_header_parse(h, j, f);
	}
	if (!usdtpay_slice_is(name, "transactions"))
		return usdtpay_json_skip(j, NULL) || usdtpay_fault_json(f, j);
	if (b->transactions.p != NULL)
		return usdtpay_fault_at(f, j, "a member of a block comes twice");
	if (usdtpay_json_peek(j) != USDTPAY_JSON_ARRAY)
		return usdtpay_fault_at(f, j, "the transactions of a block are no array");
	return usdtpay_json_skip(j, &b->transactions) || usdtpay_fault_json(f, j);
}

bool
usdtpay_tron_block_parse(UsdtpayTronBlock *b, UsdtpayJson *j, UsdtpayFault *f)
{
	const unsigned needed = 1u << TRON_TIMESTAMP | 1u << TRON_PARENT | 1u << TRON_TX_ROOT;
	TronHeader h;
	UsdtpaySlice name;

	f->has_block = false;
	memset(b, 0, sizeof(*b));
	memset(&h, 0, sizeof(h));
	if (!usdtpay_json_object(j))
		return usdtpay_fault_json(f, j);
	while (usdtpay_json_member(j, &name))
	{
		if (!tron_block_member(b, &h, j, name, f))
			return false;
	}
	if (j->error != NULL)
		return usdtpay_fault_json(f, j);
	f->has_block = (h.seen >> TRON_NUMBER & 1) != 0;
	f->block = (uint64_t) h.number[TRON_NUMBER];
	if ((h.seen & needed) != needed)
		return usdtpay_fault_at(f, j, "a block has no header");
	if (h.number[TRON_TIMESTAMP] > INT64_C(253402300799999))
		return usdtpay_fault_at(f, j, "a header has no proper timestamp");
	b->number = (uint64_t) h.number[TRON_NUMBER];
	b->time_ms = (uint64_t) h.number[TRON_TIMESTAMP];
	memcpy(b->parent, h.bytes[TRON_PARENT], 32);
	memcpy(b->tx_root, h.bytes[TRON_TX_ROOT], 32);
	tron_header_id(b->id, &h);
	return true;
}

/* Hashes two nodes into their parent; out may be either. */
static void
tron_pair(uint8_t out[32], const uint8_t left[32], const uint8_t right[32])
{
	uint8_t pair[64];

	memcpy(pair, left, 32);
	memcpy(pair + 32, right, 32);
	usdtpay_sha256(out, pair, sizeof(pair));
}

void
usdtpay_tron_root_add(UsdtpayTronRoot *acc, const uint8_t leaf[32])
{
	uint8_t node[32];
	int level = 0;

	memcpy(node, leaf, 32);
	for (; acc->count >> level & 1; level++)
		tron_pair(node, acc->peak[level], node);
	memcpy(acc->peak[level], node, 32);
	acc->count++;
}

void
usdtpay_tron_root_end(uint8_t out[32], const UsdtpayTronRoot *acc)
{
	bool any = false;
	int level;

	memset(out, 0, 32);
	for (level = 0; level < 64; level++)
	{
		if (!(acc->count >> level & 1))
			continue;
		if (any)
			tron_pair(out, acc->peak[level], out);
		else
			memcpy(out, acc->peak[level], 32);
		any = true;
	}
}
