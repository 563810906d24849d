/* SPDX-License-Identifier: PostgreSQL
 *
 * evm_header.c: block headers, their hash and their bloom.
 *
 * The hash covers everything else in the header, so a header whose recomputed hash is linked to
 * by its child cannot be made up one member at a time.  Chains that changed the header's list
 * (Avalanche's C-Chain adds members in the middle) cannot be checked this way: for them the
 * caller says 'none'.
 */
#include "chain/evm.h"

#include "chain/field.h"
#include "codec/hex.h"
#include "codec/keccak.h"
#include "codec/rlp.h"

#define EVM_BLOOM_DIGITS 512
#define EVM_MAX_EXTRA    8192 /* BSC lists its validators here: about 2 kB */

typedef enum EvmShape
{
	EVM_BYTES,    /* exactly size bytes */
	EVM_DATA,     /* up to size bytes */
	EVM_QUANTITY, /* an integer of up to size bytes */
} EvmShape;

static const struct
{
	const char *name;
	EvmShape shape;
	size_t size;
} evm_fields[USDTPAY_EVM_FIELDS] = {
	[USDTPAY_EVM_PARENT_HASH] = {"parentHash", EVM_BYTES, 32},
	[USDTPAY_EVM_UNCLES_HASH] = {"sha3Uncles", EVM_BYTES, 32},
	[USDTPAY_EVM_MINER] = {"miner", EVM_BYTES, 20},
	[USDTPAY_EVM_STATE_ROOT] = {"stateRoot", EVM_BYTES, 32},
	[USDTPAY_EVM_TRANSACTIONS_ROOT] = {"transactionsRoot", EVM_BYTES, 32},
	[USDTPAY_EVM_RECEIPTS_ROOT] = {"receiptsRoot", EVM_BYTES, 32},
	[USDTPAY_EVM_LOGS_BLOOM] = {"logsBloom", EVM_BYTES, 256},
	[USDTPAY_EVM_DIFFICULTY] = {"difficulty", EVM_QUANTITY, 32},
	[USDTPAY_EVM_NUMBER] = {"number", EVM_QUANTITY, 8},
	[USDTPAY_EVM_GAS_LIMIT] = {"gasLimit", EVM_QUANTITY, 32},
	[USDTPAY_EVM_GAS_USED] = {"gasUsed", EVM_QUANTITY, 32},
	[USDTPAY_EVM_TIMESTAMP] = {"timestamp", EVM_QUANTITY, 8},
	[USDTPAY_EVM_EXTRA_DATA] = {"extraData", EVM_DATA, EVM_MAX_EXTRA},
	[USDTPAY_EVM_MIX_HASH] = {"mixHash", EVM_BYTES, 32},
	[USDTPAY_EVM_NONCE] = {"nonce", EVM_BYTES, 8},
	[USDTPAY_EVM_BASE_FEE] = {"baseFeePerGas", EVM_QUANTITY, 32},
	[USDTPAY_EVM_WITHDRAWALS_ROOT] = {"withdrawalsRoot", EVM_BYTES, 32},
	[USDTPAY_EVM_BLOB_GAS_USED] = {"blobGasUsed", EVM_QUANTITY, 8},
	[USDTPAY_EVM_EXCESS_BLOB_GAS] = {"excessBlobGas", EVM_QUANTITY, 8},
	[USDTPAY_EVM_PARENT_BEACON_ROOT] = {"parentBeaconBlockRoot", EVM_BYTES, 32},
	[USDTPAY_EVM_REQUESTS_HASH] = {"requestsHash", EVM_BYTES, 32},
};

/* Finds a hashed member by name.  Returns: its index, or -1. */
static int
evm_field_index(UsdtpaySlice name)
{
	int i;

	for (i = 0; i < USDTPAY_EVM_FIELDS; i++)
	{
		if (strlen(evm_fields[i].name) == name.len &&
			memcmp(evm_fields[i].name, name.p, name.len) == 0)
			return i;
	}
	return -1;
}

/* Counts the transactions, whether they come as hashes or as objects. */
static bool
evm_count_transactions(UsdtpayEvmHeader *h, UsdtpayJson *j)
{
	(void) usdtpay_json_peek(j);
	h->list.p = j->cur;
	if (!usdtpay_json_array(j))
		return false;
	while (usdtpay_json_element(j) && usdtpay_json_skip(j, NULL))
		h->transactions++;
	h->has_transactions = true;
	h->list.len = (size_t) (j->cur - h->list.p);
	return j->error == NULL;
}

/* Reads the value of one member of a block object. */
static bool
evm_header_member(UsdtpayEvmHeader *h, UsdtpayJson *j, UsdtpaySlice name, UsdtpayFault *f)
{
	int i = evm_field_index(name);
	UsdtpaySlice value;

	if (i >= 0 && h->field[i].p != NULL)
		return usdtpay_fault_at(f, j, "a member of a header comes twice");
	if (i >= 0 && usdtpay_json_peek(j) != USDTPAY_JSON_NULL)
		return usdtpay_json_string(j, &h->field[i]) || usdtpay_fault_json(f, j);
	if (usdtpay_slice_is(name, "hash"))
	{
		if (h->has_hash)
			return usdtpay_fault_at(f, j, "a member of a header comes twice");
		if (!usdtpay_json_string(j, &value) || !usdtpay_field_evm(h->hash, 32, value))
			return usdtpay_fault_at(f, j, "the hash of a header is not 32 bytes");
		h->has_hash = true;
		return true;
	}
	if (usdtpay_slice_is(name, "transactions"))
	{
		if (h->has_transactions)
			return usdtpay_fault_at(f, j, "a member of a header comes twice");
		return evm_count_transactions(h, j) || usdtpay_fault_json(f, j);
	}
	return usdtpay_json_skip(j, &value) || usdtpay_fault_json(f, j);
}

bool
usdtpay_evm_header_parse(UsdtpayEvmHeader *h, UsdtpayJson *j, UsdtpayFault *f)
{
	UsdtpaySlice name;

	f->has_block = false;
	memset(h, 0, sizeof(*h));
	if (!usdtpay_json_object(j))
		return usdtpay_fault_json(f, j);
	while (usdtpay_json_member(j, &name))
	{
		if (!evm_header_member(h, j, name, f))
			return false;
	}
	if (j->error != NULL)
		return usdtpay_fault_json(f, j);
	if (!usdtpay_field_quantity(&h->number, h->field[USDTPAY_EVM_NUMBER], INT64_MAX))
		return usdtpay_fault_at(f, j, "a header has no proper number");
	f->has_block = true;
	f->block = h->number;
	/* Year 9999 in seconds: what PostgreSQL can show and no honest node exceeds. */
	if (!usdtpay_field_quantity(&h->timestamp, h->field[USDTPAY_EVM_TIMESTAMP], 253402300799))
		return usdtpay_fault_at(f, j, "a header has no proper timestamp");
	if (!usdtpay_field_evm(h->parent, 32, h->field[USDTPAY_EVM_PARENT_HASH]))
		return usdtpay_fault_at(f, j, "a header has no proper parentHash");
	h->bloom = h->field[USDTPAY_EVM_LOGS_BLOOM];
	if (!usdtpay_field_cut_0x(&h->bloom) || h->bloom.len != EVM_BLOOM_DIGITS ||
		!usdtpay_field_is_hex(h->bloom))
		return usdtpay_fault_at(f, j, "a header has no proper logsBloom");
	return true;
}

/* Appends a quantity: big-endian without leading zeros, which nodes may write or not. */
static bool
evm_put_quantity(UsdtpayRlpWriter *w, UsdtpaySlice s, size_t size)
{
	uint8_t value[32];
	char digits[64];

	if (s.len < 3 || s.p[0] != '0' || s.p[1] != 'x')
		return false;
	s.p += 2;
	s.len -= 2;
	while (s.len > 0 && *s.p == '0')
	{
		s.p++;
		s.len--;
	}
	if (s.len > 2 * size)
		return false;
	memset(digits, '0', sizeof(digits));
	memcpy(digits + sizeof(digits) - s.len, s.p, s.len);
	if (!usdtpay_hex_decode(value, sizeof(value), digits, sizeof(digits)))
		return false;
	usdtpay_rlp_put_bytes(w, value + sizeof(value) - (s.len + 1) / 2, (s.len + 1) / 2);
	return true;
}

/* Appends a byte string; exact says whether it must be of size bytes or may be shorter. */
static bool
evm_put_bytes(UsdtpayRlpWriter *w, UsdtpaySlice s, size_t size, bool exact)
{
	uint8_t value[EVM_MAX_EXTRA];

	if (!usdtpay_field_cut_0x(&s) || s.len > 2 * size || (exact && s.len != 2 * size) ||
		!usdtpay_hex_decode(value, s.len / 2, s.p, s.len))
		return false;
	usdtpay_rlp_put_bytes(w, value, s.len / 2);
	return true;
}

bool
usdtpay_evm_header_hash(uint8_t out[32], const UsdtpayEvmHeader *h, UsdtpayFault *f)
{
	uint8_t buf[EVM_MAX_EXTRA + 1536];
	UsdtpayRlpWriter w = {buf, sizeof(buf), 0, false};
	int i;

	for (i = 0; i < USDTPAY_EVM_FIELDS; i++)
	{
		size_t size = evm_fields[i].size;
		bool fits;

		/* What a later fork brought is hashed where it is there.  A gap is no fault of its own:
		 * a genesis block may have one, and the hash is what decides. */
		if (h->field[i].p == NULL && i >= USDTPAY_EVM_BASE_FEE)
			continue;
		if (h->field[i].p == NULL)
			return usdtpay_fault(f, "a header lacks a member its hash covers");
		fits = evm_fields[i].shape == EVM_QUANTITY
				   ? evm_put_quantity(&w, h->field[i], size)
				   : evm_put_bytes(&w, h->field[i], size, evm_fields[i].shape == EVM_BYTES);
		if (!fits)
			return usdtpay_fault(f, "a member the header's hash covers is misshapen");
	}
	usdtpay_rlp_wrap(&w, 0);
	if (w.overflow)
		return usdtpay_fault(f, "a header is too large");
	usdtpay_keccak256(out, w.buf, w.len);
	return true;
}

/* Adds the three bits of one item: eleven bits each out of its hash's first three pairs. */
static void
evm_bloom_bits(uint16_t bit[3], const uint8_t *item, size_t len)
{
	uint8_t hash[32];
	int i;

	usdtpay_keccak256(hash, item, len);
	for (i = 0; i < 3; i++)
		bit[i] = (uint16_t) ((hash[2 * i] << 8 | hash[2 * i + 1]) & 2047);
}

void
usdtpay_bloom_transfer(UsdtpayBloomKey *key, const uint8_t contract[USDTPAY_ADDRESS_LEN])
{
	evm_bloom_bits(key->bit, contract, USDTPAY_ADDRESS_LEN);
	evm_bloom_bits(key->bit + 3, usdtpay_topic_transfer, USDTPAY_HASH_LEN);
}

bool
usdtpay_bloom_has(UsdtpaySlice bloom, const UsdtpayBloomKey *key)
{
	int i;

	for (i = 0; i < 6; i++)
	{
		char pair[2] = {'0', bloom.p[EVM_BLOOM_DIGITS - 1 - key->bit[i] / 4]};
		uint8_t nibble = 0;

		if (!usdtpay_hex_decode(&nibble, 1, pair, 2) || !(nibble >> key->bit[i] % 4 & 1))
			return false;
	}
	return true;
}
