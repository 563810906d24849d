/* SPDX-License-Identifier: PostgreSQL
 *
 * test_chain_receipt.c: the ordered trie; receipts roots of recorded blocks; what a proof lets
 * through and what it refuses.
 */
#include "chain_text.h"

#include "chain/receipt.h"
#include "chain/trie.h"
#include "codec/rlp.h"

static const int receipt_blocks[] = {14764013, 15537393, 15547621, 17034869,
									 17034870, 17062257, 22431083};
static const uint8_t receipt_usdt[20] = {0xda, 0xc1, 0x7f, 0x95, 0x8d, 0x2e, 0xe5,
										 0x23, 0xa2, 0x20, 0x62, 0x06, 0x99, 0x45,
										 0x97, 0xc1, 0x3d, 0x83, 0x1e, 0xc7};

/* Memory of the call at hand, freed by receipt_free(). */
static void *receipt_memory[8];
static int receipt_allocated;

/* What a proof handed over. */
static int receipt_logs;
static int receipt_usdt_logs;
static UsdtpayFault receipt_fault;

static void *
receipt_alloc(size_t size)
{
	void *p = malloc(size);

	if (p == NULL || receipt_allocated == 8)
		tap_bail("out of memory", "");
	receipt_memory[receipt_allocated++] = p;
	return p;
}

static void
receipt_free(void)
{
	while (receipt_allocated > 0)
		free(receipt_memory[--receipt_allocated]);
}

static bool
receipt_sink(void *arg, const UsdtpayEvmLog *log, UsdtpaySlice raw)
{
	receipt_logs++;
	receipt_usdt_logs += memcmp(log->log.address, receipt_usdt, 20) == 0 &&
						 usdtpay_event_kind(&log->log) == USDTPAY_EVENT_TRANSFER;
	return raw.p[0] == '{' && raw.p[raw.len - 1] == '}';
}

/* Computes the root of receipts. */
static bool
receipt_root(uint8_t root[32], const char *text)
{
	UsdtpayJson j;
	bool good;

	memset(&receipt_fault, 0, sizeof(receipt_fault));
	usdtpay_json_init(&j, text, strlen(text));
	good = usdtpay_receipts_root(root, &j, receipt_alloc, &receipt_fault);
	receipt_free();
	return good;
}

/* Proves receipts against a header. */
static bool
receipt_prove(const char *header, const char *receipts)
{
	UsdtpayEvmHeader h;
	UsdtpayJson j;
	bool good;

	receipt_logs = receipt_usdt_logs = 0;
	memset(&receipt_fault, 0, sizeof(receipt_fault));
	usdtpay_json_init(&j, header, strlen(header));
	if (!usdtpay_evm_header_parse(&h, &j, &receipt_fault))
		tap_bail("a header does not parse:", receipt_fault.what);
	usdtpay_json_init(&j, receipts, strlen(receipts));
	good = usdtpay_receipts_prove(&h, &j, receipt_sink, NULL, receipt_alloc, &receipt_fault);
	receipt_free();
	return good;
}

/* Reads a recorded file of a block. */
static char *
receipt_file(const char *kind, int number)
{
	char name[64];

	snprintf(name, sizeof(name), "evm_chain/%s_%d.json", kind, number);
	return text_read(name);
}

/* Computes the root of count values of 32 to 71 bytes, value i being bytes of i. */
static bool
trie_made(uint8_t root[32], size_t count)
{
	UsdtpayTrieItem *item = calloc(count + 1, sizeof(*item));
	uint8_t *bytes = malloc(count * 80 + 1);
	uint8_t work[256];
	bool good;
	size_t i;

	if (item == NULL || bytes == NULL)
		tap_bail("out of memory", "");
	for (i = 0; i < count; i++)
	{
		item[i].value = bytes + 80 * i;
		item[i].len = 32 + i % 40;
		memset(bytes + 80 * i, (int) (i & 255), item[i].len);
	}
	good = usdtpay_trie_root(root, item, count, work, sizeof(work));
	free(item);
	free(bytes);
	return good;
}

static void
test_trie(void)
{
	/* Computed with a trie written down from the yellow paper on top of ethers 6.17. */
	static const struct
	{
		size_t count;
		const char *root;
	} made[] = {
		{0, "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"},
		{1, "0x6d4fa08198f4ce68ffef70fbc38097c5f1e847f754f8ceae51e7c4de45e0da23"},
		{2, "0xd8b2287129e031c136accb498c476db844912ed3f8ccdc932b5e1d8e5b395521"},
		{3, "0x0a73267ee866ab691522412047571ff1474114ec8a8b42e2983adb6a2d40adbf"},
		{16, "0x410737f2e50789c66a7c469604e940d0e0423d228eb66d3ac905af0c67cb700a"},
		{17, "0x41ddfce22d68b6be64f9f69bdc7a32f26bea95911aee5904f81e93ee67e96667"},
		{127, "0xe62688d01a13ebffc09b8f6bb466fca48aea2c9dc6d03219e8309a9dae64a131"},
		{128, "0x6fa7553313b1ea83249de0d4c752142bde068c043af9337cbe2e6d25caba0fa9"},
		{129, "0x17b3a1f268443167e441733699e22a41b84b494a2602ae239a3ee0af39684a4e"},
		{130, "0xbe31ed3b112c7d701ce5b2772be0dd01748b5e5d04305ec047a3125f7905b40c"},
		{255, "0xdf2fd92c3604da46ca562228cd55562341cf9ba6d54ac76fe5896397de44c885"},
		{256, "0xf2fdc1933747300ec1f46ca205c000def75be3611fb9a2abf5cd08147a3f3589"},
		{257, "0xfa2a0cc231733829c02af7bc68b1a7c71d649738bf0fa0c4f30ef8638e86d625"},
		{300, "0x3047b710dc75c197ca9f1c7a9f23b7a01e55f02c64d04e6ba44678cb3d3bc8a7"},
		{4096, "0x6691c20cb0b327509c0110669973b36cea7a13354744a4f33e84c4a2f6ff6e9b"},
		{65537, "0xf0498759900d243c74e4223128d546f060dc8ac401f4af7eb13f46bb353bcaa7"},
	};
	static const uint8_t bytes[64];
	UsdtpayTrieItem item = {bytes, 31};
	uint8_t work[128];
	uint8_t root[32];
	size_t i;

	for (i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		ok(trie_made(root, made[i].count) && tap_same(root, 32, made[i].root), "trie: %zu values",
		   made[i].count);
	ok(!usdtpay_trie_root(root, &item, 1, work, sizeof(work)), "trie: a short value is refused");
	item.len = 64;
	ok(!usdtpay_trie_root(root, &item, 1, work, 127), "trie: too little room is refused");
	ok(usdtpay_trie_root(root, &item, 1, work, 128), "trie: room that just suffices is taken");
}

static void
test_reserve(void)
{
	uint8_t buf[8];
	UsdtpayRlpWriter w = {buf, sizeof(buf), 0, false};
	uint8_t *p = usdtpay_rlp_reserve(&w, 3);

	ok(p == buf + 1 && w.len == 4 && buf[0] == 0x83, "rlp: room for three bytes");
	ok(usdtpay_rlp_reserve(&w, 4) == NULL && w.overflow && w.len == 4,
	   "rlp: what does not fit is refused and changes nothing");
}

static void
test_recorded(void)
{
	size_t i;
	int logs = 0;
	int usdt = 0;

	for (i = 0; i < sizeof(receipt_blocks) / sizeof(receipt_blocks[0]); i++)
	{
		char *header = receipt_file("header", receipt_blocks[i]);
		char *receipts = receipt_file("receipts", receipt_blocks[i]);
		const char *claimed = strstr(header, "\"receiptsRoot\":\"0x");
		uint8_t root[32] = {0};
		char want[65] = {0};
		bool proven;

		memcpy(want, claimed + strlen("\"receiptsRoot\":\"0x"), 64);
		ok(receipt_root(root, receipts) && tap_same(root, 32, want),
		   "recorded: receipts of mainnet block %d hash to its root", receipt_blocks[i]);
		proven = receipt_prove(header, receipts);
		ok(proven, "recorded: and prove its %d logs", receipt_logs);
		logs += receipt_logs;
		usdt += receipt_usdt_logs;
		free(header);
		free(receipts);
	}
	ok(usdt == 175 && logs > 2000, "recorded: 175 Transfers of USDT among %d logs", logs);
}

static void
test_kinds(void)
{
	/* Mainnet block 46147, the first with a transaction. */
	static const char *const root_head =
		"[{\"root\":\"0x96a8e009d2b88b1483e6941e6812e32263b05683fac202abc622a3e31aed1957\","
		"\"cumulativeGasUsed\":\"0x5208\",\"status\":null,\"logs\":[],\"logsBloom\":\"0x";
	char bloom[513];
	char *text = text_read("evm_chain/anvil_receipts.json");
	char *first;
	bool good;
	UsdtpaySlice block = text_member(text_slice(text), "block");
	UsdtpaySlice receipts = text_member(text_slice(text), "receipts");
	char *b = strndup(block.p, block.len);
	char *r = strndup(receipts.p, receipts.len);
	uint8_t root[32];

	good = receipt_prove(b, r);
	ok(good && receipt_logs == 12,
	   "kinds: types 0, 1, 2 and 4, data of 0, 1, 55 and 300 bytes, a failed transaction");
	memset(bloom, '0', 512);
	bloom[512] = '\0';
	first = text_join(root_head, bloom, "\"}]");
	ok(receipt_root(root, first) &&
		   tap_same(root, 32, "fe2bf2a941abf41d72637e5b91750332a30283efd40c424dc522b77e6f0ed8c4"),
	   "kinds: a state root instead of a status");
	free(first);
	free(b);
	free(r);
	free(text);
}

static void
test_deposit(void)
{
	/* By op-geth's rule, computed with ethers 6.17; without the version the nonce is not hashed. */
	static const char *const head =
		"[{\"type\":\"0x7e\",\"status\":\"0x1\",\"cumulativeGasUsed\":\"0xb729\",\"logs\":[],"
		"\"depositNonce\":\"0x1234\",";
	char bloom[600];
	char *text;
	uint8_t root[32];

	snprintf(bloom, sizeof(bloom), "\"logsBloom\":\"0x%0512d\"", 0);
	text = text_join(head, bloom, ",\"depositReceiptVersion\":\"0x1\"}]");
	ok(receipt_root(root, text) &&
		   tap_same(root, 32, "d7ddd654b95c9ca61e2cf502ee6379b06bb6807f0d21fd69e17b0b0b3d80627e"),
	   "deposit: nonce and version are hashed");
	free(text);
	text = text_join(head, bloom, "}]");
	ok(receipt_root(root, text) &&
		   tap_same(root, 32, "8f468282575b3a1ccef67b268423ac1c52e9b72ca3bda3cb187069dd45a8443b"),
	   "deposit: before Canyon they are not");
	free(text);
}

static void
test_forged(void)
{
	/* Each changes one thing in the receipts of a block. */
	static const struct
	{
		const char *anchor, *from, *to, *what, *name;
	} forged[] = {
		{"\"logs\":[{", "\"data\":\"0x0", "\"data\":\"0x1",
		 "the receipts of a block do not hash to its receiptsRoot", "an amount"},
		{"\"logs\":[{", "\"address\":\"0x",
		 "\"address\":\"0xdac17f958d2ee523a2206206994597c13d831ec7\""
		 ",\"x\":\"",
		 "the receipts of a block do not hash to its receiptsRoot", "a contract"},
		{"[", "\"status\":\"0x1\"", "\"status\":\"0x0\"",
		 "the receipts of a block do not hash to its receiptsRoot", "a status"},
		{"[", "\"type\":\"0x2\"", "\"type\":\"0x1\"",
		 "the receipts of a block do not hash to its receiptsRoot", "a type"},
		{"\"logs\":[{", "\"transactionIndex\":\"0x", "\"transactionIndex\":\"0x7",
		 "a receipt's log says it is of another transaction", "a log's transaction index"},
		{"\"logs\":[{", "\"transactionHash\":\"0x",
		 "\"transactionHash\":\"0x"
		 "1111111111111111111111111111111111111111111111111111111111111111\",\"x\":\"",
		 "a receipt's log says it is of another transaction", "a log's transaction"},
		{"\"logs\":[{", "\"blockHash\":\"0x",
		 "\"blockHash\":\"0x"
		 "1111111111111111111111111111111111111111111111111111111111111111\",\"x\":\"",
		 "a receipt's log says it is in another block", "a log's block"},
		{"\"logs\":[{", "\"logIndex\":\"0x0\"", "\"logIndex\":\"0x1\"",
		 "a receipt's log has another index", "a log's index"},
		{"\"logs\":[{", "\"removed\":false", "\"removed\":true", "a log is marked removed",
		 "a removed log"},
		{"[", "\"logsBloom\":\"0x", "\"logsBloom\":\"0xx", "a receipt has no proper logsBloom",
		 "a bloom that is none"},
		{"[", "\"cumulativeGasUsed\":\"0x", "\"cumulativeGasUsed\":\"",
		 "a number of a receipt is no quantity", "gas that is none"},
		{"[", "\"status\":", "\"staatus\":", "a receipt has neither status nor root", "no status"},
		{"[", "\"logs\":", "\"loogs\":", "a receipt has no logs", "no logs"},
		{"[", "\"status\":", "\"status\":\"0x1\",\"status\":", "a member of a receipt comes twice",
		 "a member twice"},
		{"[", "\"type\":\"0x2\"", "\"type\":\"0x80\"", "a receipt has no proper type",
		 "a type beyond EIP-2718"},
	};
	char *header = receipt_file("header", 17034869);
	char *receipts = receipt_file("receipts", 17034869);
	char *other;
	char *text;
	size_t i;

	for (i = 0; i < sizeof(forged) / sizeof(forged[0]); i++)
	{
		text = text_break(receipts, forged[i].anchor, forged[i].from, forged[i].to);
		ok(!receipt_prove(header, text) && strcmp(receipt_fault.what, forged[i].what) == 0,
		   "forged: %s: %s", forged[i].name, forged[i].what);
		free(text);
	}
	other = receipt_file("header", 17034870);
	ok(!receipt_prove(other, receipts), "forged: another block's receipts: %s", receipt_fault.what);
	ok(!receipt_prove(header, "[]") &&
		   strcmp(receipt_fault.what, "the receipts of a block do not hash to its receiptsRoot") ==
			   0,
	   "forged: no receipts at all");
	ok(!receipt_prove(header, "null") && !receipt_prove(header, "[null]"),
	   "forged: what is no list of receipts");
	free(other);
	free(header);
	free(receipts);
}

/* A header whose list of transactions differs from the receipts'. */
static void
test_listed(void)
{
	char *header = receipt_file("header", 14764013);
	char *receipts = receipt_file("receipts", 14764013);
	char *text = text_break(header, "\"transactions\":[", "\"0x",
							"\"0x"
							"1111111111111111111111111111111111111111111111111111111111111111\","
							"\"0x");

	ok(!receipt_prove(text, receipts) &&
		   strcmp(receipt_fault.what, "a receipt is not of its block's transaction") == 0,
	   "listed: receipts of transactions the header does not list");
	free(text);
	free(header);
	free(receipts);
}

int
main(void)
{
	test_trie();
	test_reserve();
	test_recorded();
	test_kinds();
	test_deposit();
	test_forged();
	test_listed();
	return tap_done();
}
