/* SPDX-License-Identifier: PostgreSQL
 *
 * test_chain_tron.c: TRON's block ids, transaction leaves, Merkle proof and infos over recorded
 * data; then every rule broken once.
 */
#include "chain_text.h"

#include "chain/span.h"
#include "chain/tron.h"
#include "codec/sha2.h"
#include "codec/u256.h"

#define TRON_MAX_ROWS 128

static const uint8_t tron_usdt[1][20] = {{0xa6, 0x14, 0xf8, 0x03, 0xb6, 0xfd, 0x78,
										  0x09, 0x86, 0xa4, 0x2c, 0x78, 0xec, 0x9c,
										  0x7f, 0x77, 0xe6, 0xde, 0xd1, 0x3c}};

static UsdtpayBlock tron_block[32];
static size_t tron_blocks;
static UsdtpaySpanRow tron_row[TRON_MAX_ROWS];
static size_t tron_rows;
static unsigned long long tron_sum;
static UsdtpayFault tron_fault;

static bool
tron_keep_block(void *arg, const UsdtpayBlock *block)
{
	if (tron_blocks == 32)
		tap_bail("too many blocks", "");
	tron_block[tron_blocks++] = *block;
	return true;
}

static bool
tron_keep_row(void *arg, const UsdtpaySpanRow *row)
{
	uint64_t value = 0;

	if (tron_rows == TRON_MAX_ROWS)
		tap_bail("too many rows", "");
	tron_row[tron_rows++] = *row;
	(void) usdtpay_u256_to_u64(&value, row->event->amount);
	tron_sum += value;
	return true;
}

static bool
tron_headers(const char *text, bool strict)
{
	tron_blocks = 0;
	memset(&tron_fault, 0, sizeof(tron_fault));
	return usdtpay_span_blocks(USDTPAY_FAMILY_TRON, strict, text, strlen(text), tron_keep_block,
							   NULL, &tron_fault);
}

/* Memory of a span, freed by the next one. */
static void *tron_memory[64];
static int tron_memories;

static void *
tron_alloc(size_t size)
{
	if (tron_memories == 64)
		tap_bail("too many allocations", "");
	return tron_memory[tron_memories++] = malloc(size);
}

static bool
tron_infos(const char *text, bool known)
{
	UsdtpaySpan span = {.block = tron_block,
						.blocks = tron_blocks,
						.known = known,
						.contract = tron_usdt,
						.contracts = 1,
						.row = tron_keep_row,
						.alloc = tron_alloc,
						.fault = &tron_fault};

	while (tron_memories > 0)
		free(tron_memory[--tron_memories]);
	tron_rows = 0;
	tron_sum = 0;
	memset(&tron_fault, 0, sizeof(tron_fault));
	return usdtpay_span_tron(&span, text, strlen(text));
}

/* Reads a file and wraps it into an array.  Returns: text to free. */
static char *
tron_array(const char *name)
{
	char *object = text_read(name);
	char *array = text_join("[", object, "]");

	free(object);
	return array;
}

static void
test_block_ids(void)
{
	char *text = text_read("tron_chain/blocks_79707076.json");
	char *one = tron_array("tron_chain/transactions_79072107_sample.json");

	ok(tron_headers(text, false) && tron_blocks == 20 && tron_block[0].number == 79707076 &&
		   tron_block[19].number == 79707095,
	   "block: twenty mainnet blocks hash to their ids and link");
	ok(tron_block[0].time_us == INT64_C(1769785587000) * 1000, "block: its time");
	ok(tron_headers(one, false) && tron_blocks == 1 && tron_block[0].transactions == 83,
	   "block: 79072107 hashes to its id");
	ok(!tron_headers(one, true) &&
		   strcmp(tron_fault.what, "the transactions of a block do not hash to its txTrieRoot") ==
			   0,
	   "block: a sample of its transactions does not have its root");
	free(text);
	free(one);
}

/* Reads a transaction object and hashes it to its leaf. */
static bool
tron_leaf(uint8_t leaf[32], UsdtpaySlice object)
{
	UsdtpayTronTx tx;
	UsdtpayJson j;

	memset(&tron_fault, 0, sizeof(tron_fault));
	usdtpay_json_init(&j, object.p, object.len);
	return usdtpay_tron_tx_parse(&tx, &j, &tron_fault) && usdtpay_json_end(&j) &&
		   usdtpay_tron_tx_leaf(leaf, &tx, &tron_fault);
}

static void
test_leaves(void)
{
	char *text = text_read("tron_chain/trc20_tx_78115149.json");
	UsdtpaySlice tx = text_member(text_member(text_slice(text), "tx"), "txLeaf");
	UsdtpaySlice decoded = text_member(text_slice(text), "decoded_tx");
	char *copy = strndup(decoded.p, decoded.len);
	uint8_t want[32];
	uint8_t leaf[32];
	char *broken;

	text_bytes(want, 32, tx);
	ok(tron_leaf(leaf, decoded) && memcmp(leaf, want, 32) == 0,
	   "leaf: a USDT transfer rebuilt from JSON");
	broken = text_break(copy, "{", "\"SUCCESS\"", "\"REVERT\"");
	ok(tron_leaf(leaf, text_slice(broken)) && memcmp(leaf, want, 32) != 0,
	   "leaf: covers the result");
	free(broken);
	broken = text_break(copy, "\"signature\"", "12ee", "12ef");
	ok(tron_leaf(leaf, text_slice(broken)) && memcmp(leaf, want, 32) != 0,
	   "leaf: covers the signature");
	free(broken);
	broken = text_break(copy, "raw_data_hex", "5367b9b5", "5367b9b6");
	ok(!tron_leaf(leaf, text_slice(broken)) &&
		   strcmp(tron_fault.what, "a txID is not the hash of its transaction") == 0,
	   "leaf: an id that is not the hash of the raw data is refused");
	free(broken);
	broken = text_break(copy, "{", "\"contractRet\"", "\"fee\": 1, \"contractRet\"");
	ok(!tron_leaf(leaf, text_slice(broken)), "leaf: a result with more members is not guessed at");
	free(broken);
	broken = text_break(copy, "raw_data_hex", "\"0a02", "\"xx02");
	ok(!tron_leaf(leaf, text_slice(broken)), "leaf: raw data that is no hex is refused");
	free(broken);
	free(copy);
	free(text);
}

/* The leaf of transaction 123 of block 79707076 climbs to the root in the block's header. */
static void
test_proof(void)
{
	char *text = text_read("tron_chain/proof_79707076_7fed5a.json");
	char *blocks = text_read("tron_chain/blocks_79707076.json");
	UsdtpaySlice all = text_slice(text);
	UsdtpaySlice hash;
	UsdtpayTronBlock block;
	unsigned index = 123;
	uint8_t pair[64];
	uint8_t node[32];
	uint8_t want[32];
	UsdtpayJson j;

	text_bytes(want, 32, text_member(all, "txLeaf"));
	ok(tron_leaf(node, text_member(all, "decoded_tx")) && memcmp(node, want, 32) == 0,
	   "proof: the leaf rebuilt from JSON");
	usdtpay_json_init(&j, text_member(all, "proof").p, text_member(all, "proof").len);
	usdtpay_json_array(&j);
	for (; usdtpay_json_element(&j) && usdtpay_json_skip(&j, &hash); index >>= 1)
	{
		memcpy(pair + (index & 1 ? 32 : 0), node, 32);
		text_bytes(pair + (index & 1 ? 0 : 32), 32, hash);
		usdtpay_sha256(node, pair, 64);
	}
	usdtpay_json_init(&j, blocks, strlen(blocks));
	usdtpay_json_array(&j);
	usdtpay_json_element(&j);
	ok(usdtpay_tron_block_parse(&block, &j, &tron_fault) && memcmp(node, block.tx_root, 32) == 0,
	   "proof: ten hashes up to the txTrieRoot of a header that hashes to its id");
	free(text);
	free(blocks);
}

/* Folds a level at a time, as java-tron's MerkleTree does: the oracle for the accumulator. */
static void
tron_root_by_levels(uint8_t out[32], uint8_t (*leaf)[32], size_t count)
{
	uint8_t pair[64];
	size_t i;

	while (count > 1)
	{
		for (i = 0; i + 1 < count; i += 2)
		{
			memcpy(pair, leaf[i], 64);
			usdtpay_sha256(leaf[i / 2], pair, 64);
		}
		if (i < count)
			memmove(leaf[i / 2], leaf[i], 32);
		count = (count + 1) / 2;
	}
	memcpy(out, leaf[0], 32);
}

static void
test_root(void)
{
	uint8_t leaf[70][32];
	uint8_t want[32];
	uint8_t got[32];
	bool same = true;
	size_t n;
	size_t i;

	for (n = 1; n <= 70; n++)
	{
		UsdtpayTronRoot acc = {0};

		for (i = 0; i < n; i++)
		{
			memset(leaf[i], (int) (i * 7 + 1), 32);
			usdtpay_tron_root_add(&acc, leaf[i]);
		}
		usdtpay_tron_root_end(got, &acc);
		tron_root_by_levels(want, leaf, n);
		same &= memcmp(got, want, 32) == 0;
	}
	ok(same, "root: 1 to 70 leaves fold as pairs with an odd one carried");
	{
		UsdtpayTronRoot none = {0};
		static const uint8_t zero[32];

		usdtpay_tron_root_end(got, &none);
		ok(memcmp(got, zero, 32) == 0, "root: of nothing is zero");
	}
}

static void
test_infos(void)
{
	char *headers = tron_array("tron_chain/transactions_79072107_sample.json");
	char *infos = tron_array("tron_chain/infos_79072107_made.json");
	char *blocks = text_read("tron_chain/blocks_79707076.json");
	size_t i;
	bool rising = true;

	ok(tron_headers(headers, false) && tron_infos(infos, false) && tron_rows == 43 &&
		   tron_sum == 69753336127ULL,
	   "infos: 43 transfers worth 69753.336127");
	for (i = 1; i < tron_rows; i++)
		rising &= tron_row[i].log_index > tron_row[i - 1].log_index &&
				  tron_row[i].tx_index > tron_row[i - 1].tx_index;
	ok(rising && tron_row[tron_rows - 1].log_index == 43,
	   "infos: log indexes run over all logs of the block, the other token's too");
	ok(tron_infos(infos, true) && tron_rows == 43, "infos: against a known block");
	ok(tron_headers(blocks, false) &&
		   tron_infos("[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],{}]", false) &&
		   tron_rows == 0,
	   "infos: empty blocks answer [] or {}");
	ok(!tron_infos("[[],[]]", false) &&
		   strcmp(tron_fault.what, "there are fewer answers than blocks") == 0,
	   "infos: an answer for every block");
	tron_blocks = 1;
	ok(!tron_infos("[[],[]]", false) &&
		   strcmp(tron_fault.what, "there are more answers than blocks") == 0,
	   "infos: no answer without a block");
	free(headers);
	free(infos);
	free(blocks);
}

/* Moves the first info behind the second: the node's order must not matter. */
static void
test_info_order(void)
{
	char *headers = tron_array("tron_chain/transactions_79072107_sample.json");
	char *infos = tron_array("tron_chain/infos_79072107_made.json");
	char *second = strstr(infos, ",{\"id\"");
	char *third = strstr(second + 1, ",{\"id\"");
	char *a = strndup(infos + 2, (size_t) (second - infos - 2));
	char *b = strndup(second + 1, (size_t) (third - second - 1));
	char *swapped = text_join("[[", b, ",");
	char *tail = text_join(a, third, "");
	char *text = text_join(swapped, tail, "");
	UsdtpaySpanRow first;

	tron_headers(headers, false);
	ok(tron_infos(infos, false) && tron_rows == 43, "order: as the node's");
	first = tron_row[0];
	ok(tron_infos(text, false) && tron_rows == 43 && tron_row[0].tx_index == first.tx_index &&
		   tron_row[0].log_index == first.log_index,
	   "order: infos in another order give the same rows");
	free(text);
	/* The second one twice: as many infos as transactions, but not theirs. */
	free(tail);
	tail = text_join(b, third, "");
	text = text_join(swapped, tail, "");
	ok(!tron_infos(text, false) &&
		   strcmp(tron_fault.what, "two infos are of the same transaction") == 0,
	   "order: an info that comes twice is refused");
	free(text);
	text = text_join("[[", third + 1, "");
	ok(!tron_infos(text, false) &&
		   strcmp(tron_fault.what, "a block has transactions without an info") == 0,
	   "order: a partial list is refused");
	ok(!tron_infos(infos, false) || tron_rows == 43, "order: the whole list still passes");
	free(text);
	free(a);
	free(b);
	free(swapped);
	free(tail);
	free(headers);
	free(infos);
}

typedef struct Mutation
{
	const char *anchor;
	const char *from;
	const char *to;
	const char *what;
} Mutation;

static void
test_header_mutations(void)
{
	static const char hash[] = "a blockID is not the hash of its header";
	static const Mutation m[] = {
		{"[", "\"number\":79707076", "\"number\":79707077", hash},
		{"[", "\"timestamp\":1769785587000", "\"timestamp\":1769785587001", hash},
		{"[", "\"version\":33", "\"version\":34", hash},
		{"[", "\"txTrieRoot\":\"1b", "\"txTrieRoot\":\"1c", hash},
		{"[", "\"parentHash\":\"00", "\"parentHash\":\"01", hash},
		{"[", "\"witness_address\":\"41", "\"witness_address\":\"42", hash},
		{"[", "\"version\":33", "\"version\":33,\"witness_id\":1", hash},
		{"[", "\"blockID\":\"00", "\"blockID\":\"01", hash},
		{"[", "\"blockID\":", "\"blokID\":", hash},
		{"[", "\"blockID\":\"00", "\"blockID\":\"", "a blockID is not 32 bytes"},
		{"[", "\"version\":33", "\"version\":-33", "an integer was expected"},
		{"[", "\"version\":33", "\"version\":33,\"extra\":1",
		 "a header has a member its hash cannot be rebuilt with"},
		{"[", "\"version\":33", "\"version\":33,\"version\":33",
		 "a member of a header comes twice"},
		{"[", "\"raw_data\":", "\"row_data\":", "a block has no header"},
		{"[", "\"block_header\":", "\"blok_header\":", "a block has no header"},
		{"[", "\"timestamp\":1769785587000", "\"timestamp\":1769785587000000",
		 "a header has no proper timestamp"},
		{"[", "{\"blockID\"", "{\"transactions\":{},\"blockID\"",
		 "the transactions of a block are no array"},
		{"[", "{\"blockID\"", "{\"transactions\":[],\"transactions\":[],\"blockID\"",
		 "a member of a block comes twice"}};
	char *text = text_read("tron_chain/blocks_79707076.json");
	char *cut;
	size_t i;

	for (i = 0; i < sizeof(m) / sizeof(m[0]); i++)
	{
		char *broken = text_break(text, m[i].anchor, m[i].from, m[i].to);

		ok(!tron_headers(broken, false) && strcmp(tron_fault.what, m[i].what) == 0,
		   "block broken %zu: %s", i, m[i].what);
		free(broken);
	}
	cut = strstr(text, "{\"blockID\":\"0000000004c03bc6");
	cut[0] = '\0';
	cut = text_join(text, strstr(cut + 1, ",{\"blockID\"") + 1, "");
	ok(!tron_headers(cut, false) && tron_fault.kind == USDTPAY_FAULT_LINK,
	   "block: a gap is a broken link");
	free(cut);
	free(text);
}

static void
test_info_mutations(void)
{
	static const Mutation m[] = {
		{"[", "\"id\":\"27", "\"id\":\"28", "an info is of a transaction that is not in its block"},
		{"[", "\"id\":\"27", "\"id\":\"", "the id of an info is not 32 bytes"},
		{"[", "\"id\":", "\"ed\":", "an info lacks a member"},
		{"[", "\"blockNumber\":79072107", "\"blockNumber\":79072108",
		 "an info is of another block"},
		{"[", "\"blockNumber\":79072107", "\"blockNumber\":\"79072107\"", "a number was expected"},
		{"[", "\"blockTimeStamp\":1767879414000", "\"blockTimeStamp\":1767879414001",
		 "an info's blockTimeStamp is not its block's"},
		{"[", "\"result\":\"SUCCESS\"", "\"result\":\"OUT_OF_TIME\"",
		 "a receipt's result is not the transaction's contractRet"},
		{"[", "\"receipt\":{", "\"receipt\":{\"result\":\"SUCCESS\",",
		 "the receipt of an info is malformed"},
		{"[", "\"log\":[", "\"log\":[],\"log\":[", "a member of an info comes twice"},
		{"[", "\"log\":[{", "\"log\":{", "a comma or closing bracket was expected"},
		{"\"log\"", "\"address\":\"a6", "\"address\":\"", "the address of a log is not 20 bytes"},
		{"\"log\"", "\"address\":\"a614", "\"address\":\"42a614",
		 "the address of a log is not 20 bytes"},
		{"\"log\"", "\"address\":", "\"adress\":", "a log has no address"},
		{"\"log\"", "\"topics\":[\"dd", "\"topics\":[\"0xdd",
		 "a topic is not 32 bytes of hexadecimal"},
		{"\"log\"", "\"0000000000000000000000002909", "\"0000000000000000000000422909",
		 "an address in a Transfer is not padded with zeros"},
		{"\"log\"", "\"data\":\"00", "\"data\":\"", "the data of a Transfer is not 32 bytes"},
		{"\"log\"", "\"data\":\"00", "\"data\":\"0", "the data of a log is not hexadecimal"}};
	char *headers = tron_array("tron_chain/transactions_79072107_sample.json");
	char *infos = tron_array("tron_chain/infos_79072107_made.json");
	char *broken;
	size_t i;

	tron_headers(headers, false);
	for (i = 0; i < sizeof(m) / sizeof(m[0]); i++)
	{
		broken = text_break(infos, m[i].anchor, m[i].from, m[i].to);
		ok(!tron_infos(broken, false) && strcmp(tron_fault.what, m[i].what) == 0,
		   "info broken %zu: %s", i, m[i].what);
		free(broken);
	}
	broken = text_break(infos, "[", "\"receipt\"", "\"result\":\"FAILED\",\"receipt\"");
	ok(tron_infos(broken, false) && tron_rows == 42 && tron_row[0].log_index == 1,
	   "info: a failed transaction's logs count for indexes only");
	free(broken);
	broken = text_break(infos, "\"log\"", "\"address\":\"a614", "\"address\":\"41a614");
	ok(tron_infos(broken, false) && tron_rows == 43, "info: an address behind 41 is the same");
	free(broken);
	broken = text_break(infos, "\"log\"", "\"0000000000000000000000002909",
						"\"0000000000000000000000412909");
	ok(tron_infos(broken, false) && tron_rows == 43, "info: so is a topic with 41");
	free(broken);
	free(headers);
	/* A call that ran out of time, whose logs 4.8.0 keeps: both sides say so. */
	broken = tron_array("tron_chain/transactions_79072107_sample.json");
	headers = text_break(broken, "\"ret\"", "\"SUCCESS\"", "\"OUT_OF_TIME\"");
	free(broken);
	broken = text_break(infos, "[", "\"result\":\"SUCCESS\"", "\"result\":\"OUT_OF_TIME\"");
	ok(tron_headers(headers, false) && tron_infos(broken, false) && tron_rows == 42,
	   "info: the logs of a call that ran out of time do not count");
	free(broken);
	free(headers);
	free(infos);
	tron_infos("[]", false);
}

int
main(void)
{
	test_block_ids();
	test_leaves();
	test_proof();
	test_root();
	test_infos();
	test_info_order();
	test_header_mutations();
	test_info_mutations();
	return tap_done();
}
