/* SPDX-License-Identifier: PostgreSQL
 *
 * test_chain_tron_logs.c: a TRON node's eth_getLogs held against blocks: a recorded USDT transfer
 * of mainnet (block 78115149) alone in a block whose root is its leaf; then every rule broken
 * once.
 */
#include "chain_text.h"

#include "chain/span.h"
#include "chain/tron.h"
#include "codec/u256.h"

#define LOGS_HASH "0x0000000004a7f14d111111111111111111111111111111111111111111111111"
#define LOGS_TX   "0x11a639f9a7276f799a7e458e96a2c3452555ac053b88b1020e0e30409eda153f"
#define LOGS_ONE                                                                                   \
	"{\"address\":\"0xa614f803b6fd780986a42c78ec9c7f77e6ded13c\",\"blockHash\":\"" LOGS_HASH       \
	"\",\"blockNumber\":\"0x4a7f14d\",\"data\":"                                                   \
	"\"0x000000000000000000000000000000000000000000000000000000005367b9b5\",\"logIndex\":\"0x3\"," \
	"\"removed\":false,\"topics\":["                                                               \
	"\"0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef\","                      \
	"\"0x00000000000000000000000083f9daeee05fbbc232e5281bb632e4a6b3d4d9c8\","                      \
	"\"0x0000000000000000000000002b32a481528cbd4c685e301fecaaa89f3a9b3fb9\"],"                     \
	"\"transactionHash\":\"" LOGS_TX "\",\"transactionIndex\":\"0x0\"}"
#define LOGS_TEXT "{\"logs\":[" LOGS_ONE "]}"

static const uint8_t logs_usdt[1][20] = {{0xa6, 0x14, 0xf8, 0x03, 0xb6, 0xfd, 0x78,
										  0x09, 0x86, 0xa4, 0x2c, 0x78, 0xec, 0x9c,
										  0x7f, 0x77, 0xe6, 0xde, 0xd1, 0x3c}};
static UsdtpayBlock logs_block[2];
static UsdtpayFault logs_fault;
static unsigned logs_rows;
static uint64_t logs_amount;
static void *logs_memory[8];
static int logs_memories;

static bool
logs_row(void *arg, const UsdtpaySpanRow *row)
{
	logs_rows++;
	(void) usdtpay_u256_to_u64(&logs_amount, row->event->amount);
	return row->log_index == 3 && row->tx_index == 0 && row->ordinal == 0;
}

static void *
logs_alloc(size_t size)
{
	if (logs_memories == 8)
		tap_bail("too many allocations", "");
	return logs_memory[logs_memories++] = malloc(size);
}

/* Makes the block of one transaction, and an empty one behind it.  In: whether the root is the
 * one of what transactions says. */
static void
logs_make(const char *transactions, bool rooted)
{
	UsdtpayTronTx tx;
	UsdtpayJson j;

	memset(logs_block, 0, sizeof(logs_block));
	memset(&logs_fault, 0, sizeof(logs_fault));
	logs_block[0].number = 78115149;
	logs_block[1].number = 78115150;
	text_bytes(logs_block[0].hash, 32, text_slice("\"" LOGS_HASH "\""));
	logs_block[0].transactions = 1;
	logs_block[0].tx_raw = text_slice(transactions);
	usdtpay_json_init(&j, transactions + 1, strlen(transactions) - 2);
	if (rooted && !(usdtpay_tron_tx_parse(&tx, &j, &logs_fault) &&
					usdtpay_tron_tx_leaf(logs_block[0].tx_root, &tx, &logs_fault)))
		tap_bail("no leaf", logs_fault.what);
}

/* Reads logs against the blocks. */
static bool
logs_read(const char *text, bool known)
{
	UsdtpaySpan span = {.block = logs_block,
						.blocks = 2,
						.known = known,
						.contract = logs_usdt,
						.contracts = 1,
						.row = logs_row,
						.alloc = logs_alloc,
						.fault = &logs_fault};
	bool good;

	memset(&logs_fault, 0, sizeof(logs_fault));
	logs_rows = 0;
	good = usdtpay_span_tron(&span, text, strlen(text));
	while (logs_memories > 0)
		free(logs_memory[--logs_memories]);
	return good;
}

/* Passes when the text is refused in these words. */
static void
logs_refused(const char *text, bool known, const char *what)
{
	bool good = logs_read(text, known);

	ok(!good && strcmp(logs_fault.what, what) == 0, "refused: %s", what);
	if (!good && strcmp(logs_fault.what, what) != 0)
		printf("# but: %s\n", logs_fault.what);
}

static void
test_result(const char *paid, const char *failed)
{
	logs_make(paid, true);
	ok(logs_read(LOGS_TEXT, false) && logs_rows == 1 && logs_amount == 1399306677,
	   "a log of a transaction that succeeded counts");
	logs_refused("{\"logs\":[]}", false, "a transfer that succeeded has no log");
	logs_make(failed, true);
	ok(logs_read(LOGS_TEXT, false) && logs_rows == 0,
	   "a log of a call that ran out of time does not count");
	ok(logs_read("{\"logs\":[]}", false) && logs_rows == 0, "nor does it have to be there");
	logs_make(paid, true);
	logs_block[0].tx_raw = text_slice(failed);
	logs_refused(LOGS_TEXT, false, "the transactions of a block do not hash to its txTrieRoot");
	logs_make(failed, true);
	logs_block[0].tx_raw = text_slice(paid);
	logs_refused(LOGS_TEXT, false, "the transactions of a block do not hash to its txTrieRoot");
}

static void
test_place(const char *paid)
{
	static const struct
	{
		const char *from;
		const char *to;
		const char *what;
	} m[] = {
		{"14d1111", "14d1112", "a log's blockHash is not its block's"},
		{"0x4a7f14d", "0x4a7f14e", "a transfer that succeeded has no log"},
		{"0x4a7f14d", "0x4a7f14f", "a transfer that succeeded has no log"},
		{"0x4a7f14d", "0x4a7f14c", "a transfer that succeeded has no log"},
		{"Index\":\"0x0", "Index\":\"0x1", "a log's transaction is not in its block"},
		{"0x11a6", "0x11a7", "a log names another transaction than its block"},
		{"0xa614", "0xa615", "a log is of a contract that was not asked for"},
		{"false", "true", "a log is marked removed"},
		{"]}", "," LOGS_ONE "]}", "logs are not sorted by logIndex or one comes twice"},
		{"\"logs\"", "\"infos\"", "an object with logs was expected"},
		{"{\"logs\":[", "{\"logs\":[],\"logs\":[", "an object with logs was expected"},
	};
	size_t i;

	logs_make(paid, true);
	for (i = 0; i < sizeof(m) / sizeof(m[0]); i++)
	{
		char *broken = text_break(LOGS_TEXT, i == 8 ? "\"0x0\"}" : "{", m[i].from, m[i].to);

		logs_refused(broken, false, m[i].what);
		free(broken);
	}
	logs_refused("{}", false, "an object with logs was expected");
	logs_refused(LOGS_TEXT, true, "logs without their blocks' transactions say nothing");
	logs_block[0].number--;
	logs_block[1].number--;
	logs_block[0].tx_raw.p = NULL;
	logs_refused(LOGS_TEXT, false, "a log's blockHash is not its block's");
	logs_block[1].number += 2;
	logs_refused(LOGS_TEXT, false, "logs are not sorted, or of other blocks than asked for");
}

int
main(void)
{
	char *file = text_read("tron_chain/trc20_tx_78115149.json");
	UsdtpaySlice decoded = text_member(text_slice(file), "decoded_tx");
	char *object = strndup(decoded.p, decoded.len);
	char *paid = text_join("[", object, "]");
	char *failed = text_break(paid, "\"ret\"", "\"SUCCESS\"", "\"OUT_OF_TIME\"");

	test_result(paid, failed);
	test_place(paid);
	free(failed);
	free(paid);
	free(object);
	free(file);
	return tap_done();
}
