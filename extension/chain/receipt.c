/* SPDX-License-Identifier: PostgreSQL
 *
 * receipt.c: receipts as consensus encodes them, and the proof they are.
 *
 * All receipts are encoded into one buffer: bytes are two digits in JSON and every member has its
 * name there, so the encoding is never longer than the text.
 */
#include "chain/receipt.h"

#include "chain/field.h"
#include "chain/trie.h"
#include "codec/hex.h"
#include "codec/rlp.h"

#define RECEIPT_BLOOM_BYTES 256
#define RECEIPT_MAX_TYPE    0x7f /* EIP-2718: above begin legacy encodings */

/* The members that count. */
typedef enum ReceiptMember
{
	RECEIPT_TYPE,
	RECEIPT_STATUS,
	RECEIPT_ROOT,
	RECEIPT_GAS,
	RECEIPT_BLOOM,
	RECEIPT_TX_HASH,
	RECEIPT_DEPOSIT_NONCE,
	RECEIPT_DEPOSIT_VERSION,
	RECEIPT_STRINGS,
	RECEIPT_LOGS = RECEIPT_STRINGS,
	RECEIPT_MEMBERS
} ReceiptMember;

static const char *const receipt_names[RECEIPT_MEMBERS] = {
	[RECEIPT_TYPE] = "type",
	[RECEIPT_STATUS] = "status",
	[RECEIPT_ROOT] = "root",
	[RECEIPT_GAS] = "cumulativeGasUsed",
	[RECEIPT_BLOOM] = "logsBloom",
	[RECEIPT_TX_HASH] = "transactionHash",
	[RECEIPT_DEPOSIT_NONCE] = "depositNonce",
	[RECEIPT_DEPOSIT_VERSION] = "depositReceiptVersion",
	[RECEIPT_LOGS] = "logs",
};

/* A receipt as the node spelt it: strings without quotes, logs as a raw array; p is NULL where
 * the member is absent or null. */
typedef struct Receipt
{
	UsdtpaySlice member[RECEIPT_MEMBERS];
} Receipt;

/* One walk over the receipts of a block. */
typedef struct ReceiptWalk
{
	UsdtpayRlpWriter w;
	UsdtpayFault *f;
	const UsdtpayEvmHeader *header; /* NULL: only the root is wanted */
	UsdtpayJson hashes;             /* the header's list of transactions */
	uint8_t tx_hash[32];            /* of the current one */
	uint32_t tx_index;
	uint32_t log_index;
	UsdtpayReceiptSink sink;
	void *arg;
} ReceiptWalk;

/* Reads one receipt. */
static bool
receipt_parse(Receipt *r, UsdtpayJson *j, UsdtpayFault *f)
{
	UsdtpaySlice name;
	UsdtpaySlice value;
	int i;

	memset(r, 0, sizeof(*r));
	if (!usdtpay_json_object(j))
		return usdtpay_fault_json(f, j);
	while (usdtpay_json_member(j, &name))
	{
		for (i = 0; i < RECEIPT_MEMBERS; i++)
			if (strlen(receipt_names[i]) == name.len &&
				memcmp(receipt_names[i], name.p, name.len) == 0)
				break;
		if (i < RECEIPT_MEMBERS && r->member[i].p != NULL)
			return usdtpay_fault_at(f, j, "a member of a receipt comes twice");
		if (i < RECEIPT_STRINGS && usdtpay_json_peek(j) != USDTPAY_JSON_NULL)
		{
			if (!usdtpay_json_string(j, &r->member[i]))
				return usdtpay_fault_json(f, j);
			continue;
		}
		if (!usdtpay_json_skip(j, &value))
			return usdtpay_fault_json(f, j);
		if (i == RECEIPT_LOGS)
			r->member[i] = value;
	}
	return j->error == NULL || usdtpay_fault_json(f, j);
}

/* Appends a quantity of 64 bits. */
static bool
receipt_put_quantity(ReceiptWalk *walk, UsdtpaySlice s)
{
	uint64_t value;

	if (!usdtpay_field_quantity(&value, s, UINT64_MAX))
		return usdtpay_fault(walk->f, "a number of a receipt is no quantity");
	usdtpay_rlp_put_uint(&walk->w, value);
	return true;
}

/* Appends what tells how the transaction ended: its status, or once the state's root. */
static bool
receipt_put_outcome(ReceiptWalk *walk, const Receipt *r)
{
	uint8_t root[32];

	if (r->member[RECEIPT_STATUS].p != NULL)
		return receipt_put_quantity(walk, r->member[RECEIPT_STATUS]);
	if (r->member[RECEIPT_ROOT].p == NULL ||
		!usdtpay_field_evm(root, sizeof(root), r->member[RECEIPT_ROOT]))
		return usdtpay_fault(walk->f, "a receipt has neither status nor root");
	usdtpay_rlp_put_bytes(&walk->w, root, sizeof(root));
	return true;
}

/* Appends the data of a log, whose digits are known to be hexadecimal. */
static void
receipt_put_data(UsdtpayRlpWriter *w, UsdtpaySlice digits)
{
	size_t len = digits.len / 2;
	uint8_t byte;
	uint8_t *out;

	if (len < 2)
	{
		(void) usdtpay_hex_decode(&byte, len, digits.p, digits.len);
		usdtpay_rlp_put_bytes(w, &byte, len);
		return;
	}
	out = usdtpay_rlp_reserve(w, len);
	if (out != NULL)
		(void) usdtpay_hex_decode(out, len, digits.p, digits.len);
}

/* Appends a log. */
static void
receipt_put_log(UsdtpayRlpWriter *w, const UsdtpayLog *log)
{
	size_t start = w->len;
	size_t topics;
	int i;

	usdtpay_rlp_put_bytes(w, log->address, USDTPAY_ADDRESS_LEN);
	topics = w->len;
	for (i = 0; i < log->topics; i++)
		usdtpay_rlp_put_bytes(w, log->topic[i], USDTPAY_HASH_LEN);
	usdtpay_rlp_wrap(w, topics);
	receipt_put_data(w, log->data);
	usdtpay_rlp_wrap(w, start);
}

/* Holds the place a log claims against the one it has, and hands it on. */
static bool
receipt_place_log(ReceiptWalk *walk, const UsdtpayEvmLog *log, UsdtpaySlice raw)
{
	const UsdtpayEvmHeader *h = walk->header;

	if (log->block != h->number || memcmp(log->block_hash, h->hash, 32) != 0)
		return usdtpay_fault(walk->f, "a receipt's log says it is in another block");
	if (log->tx_index != walk->tx_index || memcmp(log->tx_hash, walk->tx_hash, 32) != 0)
		return usdtpay_fault(walk->f, "a receipt's log says it is of another transaction");
	if (log->log_index != walk->log_index)
		return usdtpay_fault(walk->f, "a receipt's log has another index");
	return walk->sink(walk->arg, log, raw);
}

/* Appends the logs of a receipt. */
static bool
receipt_put_logs(ReceiptWalk *walk, UsdtpaySlice logs, const char *text)
{
	size_t start = walk->w.len;
	UsdtpayEvmLog log;
	UsdtpayJson j;

	if (logs.p == NULL)
		return usdtpay_fault(walk->f, "a receipt has no logs");
	usdtpay_json_init_slice(&j, text, logs);
	if (!usdtpay_json_array(&j))
		return usdtpay_fault_json(walk->f, &j);
	while (usdtpay_json_element(&j))
	{
		UsdtpaySlice raw = {j.cur, 0};

		if (!usdtpay_evm_log_parse(&log, &j, walk->f))
			return false;
		raw.len = (size_t) (j.cur - raw.p);
		receipt_put_log(&walk->w, &log.log);
		if (walk->header != NULL && !receipt_place_log(walk, &log, raw))
			return false;
		walk->log_index++;
	}
	usdtpay_rlp_wrap(&walk->w, start);
	return j.error == NULL || usdtpay_fault_json(walk->f, &j);
}

/* Appends what the receipt of an OP chain's deposit has beyond others, since Canyon. */
static bool
receipt_put_deposit(ReceiptWalk *walk, const Receipt *r)
{
	if (r->member[RECEIPT_DEPOSIT_VERSION].p == NULL)
		return true;
	return receipt_put_quantity(walk, r->member[RECEIPT_DEPOSIT_NONCE]) &&
		   receipt_put_quantity(walk, r->member[RECEIPT_DEPOSIT_VERSION]);
}

/* Appends a receipt as it stands in the trie. */
static bool
receipt_put(ReceiptWalk *walk, const Receipt *r, const char *text)
{
	uint8_t bloom[RECEIPT_BLOOM_BYTES];
	uint64_t type = 0;
	uint8_t byte;
	size_t start;

	if (r->member[RECEIPT_TYPE].p != NULL &&
		!usdtpay_field_quantity(&type, r->member[RECEIPT_TYPE], RECEIPT_MAX_TYPE))
		return usdtpay_fault(walk->f, "a receipt has no proper type");
	byte = (uint8_t) type;
	if (type != 0)
		usdtpay_rlp_put_bytes(&walk->w, &byte, 1);
	start = walk->w.len;
	if (!receipt_put_outcome(walk, r) || !receipt_put_quantity(walk, r->member[RECEIPT_GAS]))
		return false;
	if (r->member[RECEIPT_BLOOM].p == NULL ||
		!usdtpay_field_evm(bloom, sizeof(bloom), r->member[RECEIPT_BLOOM]))
		return usdtpay_fault(walk->f, "a receipt has no proper logsBloom");
	usdtpay_rlp_put_bytes(&walk->w, bloom, sizeof(bloom));
	if (!receipt_put_logs(walk, r->member[RECEIPT_LOGS], text) || !receipt_put_deposit(walk, r))
		return false;
	usdtpay_rlp_wrap(&walk->w, start);
	return !walk->w.overflow || usdtpay_fault(walk->f, "a receipt is too large");
}

/* Reads which transaction a receipt is of, and holds it against the header's list. */
static bool
receipt_place(ReceiptWalk *walk, const Receipt *r)
{
	UsdtpaySlice hash;
	uint8_t listed[32];

	if (walk->header == NULL)
		return true;
	if (r->member[RECEIPT_TX_HASH].p == NULL ||
		!usdtpay_field_evm(walk->tx_hash, 32, r->member[RECEIPT_TX_HASH]))
		return usdtpay_fault(walk->f, "a receipt has no proper transactionHash");
	if (!usdtpay_json_element(&walk->hashes) || !usdtpay_json_string(&walk->hashes, &hash) ||
		!usdtpay_field_evm(listed, 32, hash) || memcmp(listed, walk->tx_hash, 32) != 0)
		return usdtpay_fault(walk->f, "a receipt is not of its block's transaction");
	return true;
}

/* Counts the elements of an array without moving on.  Out: its raw text. */
static bool
receipt_count(size_t *count, UsdtpaySlice *raw, const UsdtpayJson *j, UsdtpayFault *f)
{
	UsdtpayJson ahead = *j;

	*count = 0;
	raw->p = ahead.cur;
	if (!usdtpay_json_array(&ahead))
		return usdtpay_fault_json(f, &ahead);
	while (usdtpay_json_element(&ahead) && usdtpay_json_skip(&ahead, NULL))
		(*count)++;
	raw->len = (size_t) (ahead.cur - raw->p);
	return ahead.error == NULL || usdtpay_fault_json(f, &ahead);
}

/* Walks the receipts of a block and computes their root. */
static bool
receipt_walk(ReceiptWalk *walk, uint8_t root[32], UsdtpayJson *j, UsdtpayReceiptAlloc alloc)
{
	UsdtpayTrieItem *item;
	UsdtpaySlice raw = {NULL, 0};
	size_t count;
	size_t room;
	Receipt r;

	if (!receipt_count(&count, &raw, j, walk->f))
		return false;
	room = raw.len + USDTPAY_TRIE_LEAF_EXTRA;
	item = alloc((count + 1) * sizeof(*item));
	walk->w.buf = alloc(2 * room);
	walk->w.cap = room;
	(void) usdtpay_json_array(j);
	for (walk->tx_index = 0; usdtpay_json_element(j); walk->tx_index++)
	{
		size_t start = walk->w.len;

		if (!receipt_parse(&r, j, walk->f) || !receipt_place(walk, &r) ||
			!receipt_put(walk, &r, j->start))
			return false;
		item[walk->tx_index].value = walk->w.buf + start;
		item[walk->tx_index].len = walk->w.len - start;
	}
	return usdtpay_trie_root(root, item, count, walk->w.buf + room, room) ||
		   usdtpay_fault(walk->f, "a receipt is too large");
}

bool
usdtpay_receipts_root(uint8_t out[32], UsdtpayJson *j, UsdtpayReceiptAlloc alloc, UsdtpayFault *f)
{
	ReceiptWalk walk = {.f = f};

	return receipt_walk(&walk, out, j, alloc);
}

bool
usdtpay_receipts_prove(const UsdtpayEvmHeader *h, UsdtpayJson *j, UsdtpayReceiptSink sink,
					   void *arg, UsdtpayReceiptAlloc alloc, UsdtpayFault *f)
{
	ReceiptWalk walk = {.f = f, .header = h, .sink = sink, .arg = arg};
	uint8_t want[32];
	uint8_t root[32];

	f->has_block = true;
	f->block = h->number;
	if (!h->has_hash || !h->has_transactions ||
		!usdtpay_field_evm(want, 32, h->field[USDTPAY_EVM_RECEIPTS_ROOT]))
		return usdtpay_fault(f, "a header has no hash, no transactions or no receiptsRoot");
	usdtpay_json_init(&walk.hashes, h->list.p, h->list.len);
	(void) usdtpay_json_array(&walk.hashes);
	if (!receipt_walk(&walk, root, j, alloc))
		return false;
	if (walk.tx_index != h->transactions || memcmp(root, want, 32) != 0)
		return usdtpay_fault(f, "the receipts of a block do not hash to its receiptsRoot");
	return true;
}
