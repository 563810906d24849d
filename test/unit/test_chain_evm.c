/* SPDX-License-Identifier: PostgreSQL
 *
 * test_chain_evm.c: EVM headers, logs, blooms and spans over recorded blocks; then every rule
 * broken once.
 */
#include "chain_text.h"

#include "chain/evm.h"
#include "chain/span.h"
#include "codec/keccak.h"
#include "codec/u256.h"
#include "keys/address.h"

#define EVM_MAX_ROWS 256

static const int evm_blocks[] = {14764013, 15537393, 15547621, 17034869,
								 17034870, 17062257, 22431083};
static const uint8_t evm_usdt[1][20] = {{0xda, 0xc1, 0x7f, 0x95, 0x8d, 0x2e, 0xe5,
										 0x23, 0xa2, 0x20, 0x62, 0x06, 0x99, 0x45,
										 0x97, 0xc1, 0x3d, 0x83, 0x1e, 0xc7}};

/* What a span delivered. */
typedef struct Seen
{
	UsdtpayBlock block[64];
	size_t blocks;
	struct
	{
		uint64_t number;
		uint8_t tx[32];
		uint32_t tx_index, log_index, ordinal;
		UsdtpayEvent event;
	} row[EVM_MAX_ROWS];
	size_t rows;
	UsdtpayFault fault;
} Seen;

static Seen seen;

static bool
evm_keep_block(void *arg, const UsdtpayBlock *block)
{
	if (seen.blocks == 64)
		tap_bail("too many blocks", "");
	seen.block[seen.blocks++] = *block;
	return true;
}

static bool
evm_keep_row(void *arg, const UsdtpaySpanRow *row)
{
	if (seen.rows == EVM_MAX_ROWS)
		tap_bail("too many rows", "");
	seen.row[seen.rows].number = row->block->number;
	memcpy(seen.row[seen.rows].tx, row->tx_hash, 32);
	seen.row[seen.rows].tx_index = row->tx_index;
	seen.row[seen.rows].log_index = row->log_index;
	seen.row[seen.rows].ordinal = row->ordinal;
	seen.row[seen.rows].event = *row->event;
	seen.rows++;
	return true;
}

/* Reads headers, recomputing hashes. */
static bool
evm_headers(const char *text, bool strict)
{
	memset(&seen, 0, sizeof(seen));
	return usdtpay_span_blocks(USDTPAY_FAMILY_EVM, strict, text, strlen(text), evm_keep_block, NULL,
							   &seen.fault);
}

/* Reads logs against the headers read last. */
static bool
evm_logs(const char *text, const uint8_t (*contract)[20], bool known)
{
	UsdtpaySpan span = {.block = seen.block,
						.blocks = seen.blocks,
						.known = known,
						.contract = contract,
						.contracts = 1,
						.row = evm_keep_row,
						.alloc = malloc,
						.fault = &seen.fault};

	seen.rows = 0;
	memset(&seen.fault, 0, sizeof(seen.fault));
	return usdtpay_span_evm(&span, text, strlen(text));
}

/* Reads the recorded header of a block as an array of one.  Returns: text to free. */
static char *
evm_header_text(int number)
{
	char name[64];
	char *object;
	char *array;

	snprintf(name, sizeof(name), "evm_chain/header_%d.json", number);
	object = text_read(name);
	array = text_join("[", object, "]");
	free(object);
	return array;
}

static char *
evm_logs_text(int number)
{
	char name[64];

	snprintf(name, sizeof(name), "evm_chain/usdt_logs_%d.json", number);
	return text_read(name);
}

static void
test_topics(void)
{
	static const struct
	{
		const char *signature;
		UsdtpayEventKind kind;
	} known[] = {{"Transfer(address,address,uint256)", USDTPAY_EVENT_TRANSFER},
				 {"AddedBlackList(address)", USDTPAY_EVENT_ADDED_BLACKLIST},
				 {"RemovedBlackList(address)", USDTPAY_EVENT_REMOVED_BLACKLIST},
				 {"DestroyedBlackFunds(address,uint256)", USDTPAY_EVENT_DESTROYED_FUNDS},
				 {"Deprecate(address)", USDTPAY_EVENT_DEPRECATE},
				 {"Pause()", USDTPAY_EVENT_PAUSE},
				 {"Unpause()", USDTPAY_EVENT_UNPAUSE},
				 {"Params(uint256,uint256)", USDTPAY_EVENT_PARAMS},
				 {"BlockPlaced(address)", USDTPAY_EVENT_ADDED_BLACKLIST},
				 {"BlockReleased(address)", USDTPAY_EVENT_REMOVED_BLACKLIST},
				 {"DestroyedBlockedFunds(address,uint256)", USDTPAY_EVENT_DESTROYED_FUNDS},
				 {"Approval(address,address,uint256)", USDTPAY_EVENT_OTHER}};
	UsdtpayLog log = {.topics = 1};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		usdtpay_keccak256(log.topic[0], (const uint8_t *) known[i].signature,
						  strlen(known[i].signature));
		ok(usdtpay_event_kind(&log) == known[i].kind, "topic: %s", known[i].signature);
	}
	log.topics = 0;
	ok(usdtpay_event_kind(&log) == USDTPAY_EVENT_OTHER, "topic: none at all");
}

static void
test_header_hashes(void)
{
	static const char *const forks[] = {"berlin",   "london", "paris",
										"shanghai", "cancun", "prague"};
	char *text;
	char *copy;
	size_t i;

	for (i = 0; i < 7; i++)
	{
		text = evm_header_text(evm_blocks[i]);
		ok(evm_headers(text, true) && seen.blocks == 1 &&
			   seen.block[0].number == (uint64_t) evm_blocks[i],
		   "header: mainnet block %d hashes to its hash", evm_blocks[i]);
		free(text);
	}
	text = text_read("evm_chain/frontier_0_1.json");
	ok(evm_headers(text, true) && seen.blocks == 2, "header: mainnet blocks 0 and 1 hash and link");
	free(text);
	text = text_read("evm_chain/anvil_headers.json");
	for (i = 0; i < 6; i++)
	{
		UsdtpaySlice raw = text_member(text_slice(text), forks[i]);

		copy = strndup(raw.p, raw.len);
		ok(evm_headers(copy, true) && seen.blocks >= 3, "header: a chain of %s blocks", forks[i]);
		free(copy);
	}
	free(text);
}

/* Changes one digit of each hashed member in turn. */
static void
test_header_members(void)
{
	static const char *const members[] = {
		"parentHash",    "sha3Uncles",      "miner",       "stateRoot",     "transactionsRoot",
		"receiptsRoot",  "logsBloom",       "difficulty",  "number",        "gasLimit",
		"gasUsed",       "timestamp",       "extraData",   "mixHash",       "nonce",
		"baseFeePerGas", "withdrawalsRoot", "blobGasUsed", "excessBlobGas", "parentBeaconBlockRoot",
		"hash"};
	char *text = evm_header_text(22431083);
	size_t i;

	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++)
	{
		char anchor[40];
		char *broken = strdup(text);
		char *digit;

		snprintf(anchor, sizeof(anchor), "\"%s\":\"0x", members[i]);
		digit = strstr(broken, anchor) + strlen(anchor);
		*digit = *digit == '1' ? '2' : '1';
		ok(!evm_headers(broken, true) &&
			   strcmp(seen.fault.what, "a block's hash is not the hash of its header") == 0,
		   "header: a changed %s changes the hash", members[i]);
		free(broken);
	}
	free(text);
}

/* One way to break a text, and what is then said about it. */
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
	static const Mutation m[] = {
		{"[", "\"number\":\"0x156456b\",", "", "a header has no proper number"},
		{"[", "\"number\":\"0x156456b\"", "\"number\":22431083", "a string was expected"},
		{"[", "\"number\":\"0x156456b\"", "\"number\":null", "a header has no proper number"},
		{"[", "\"number\":\"0x156456b\"", "\"number\":\"0xffffffffffffffff\"",
		 "a header has no proper number"},
		{"[", "\"number\":", "\"number\":\"0x1\",\"number\":", "a member of a header comes twice"},
		{"[", "\"hash\":", "\"hash\":\"0x1\",\"hash\":", "the hash of a header is not 32 bytes"},
		{"[", "\"hash\":", "\"hush\":", "a block lacks its hash or its transactions"},
		{"[",
		 "\"transactions\":", "\"transection\":", "a block lacks its hash or its transactions"},
		{"[", "\"timestamp\":\"0x", "\"timestamp\":\"0xffffffff",
		 "a header has no proper timestamp"},
		{"[", "\"logsBloom\":\"0x", "\"logsBloom\":\"0x00", "a header has no proper logsBloom"},
		{"[", "\"logsBloom\":\"0xd", "\"logsBloom\":\"0xg", "a header has no proper logsBloom"},
		{"[", "\"parentHash\":\"0x3", "\"parentHash\":\"0x", "a header has no proper parentHash"},
		{"[", "\"stateRoot\":", "\"stateRute\":", "a header lacks a member its hash covers"},
		{"[", "\"miner\":\"0x48", "\"miner\":\"0x",
		 "a member the header's hash covers is misshapen"},
		{"uncles", "[]}]", "[]}] x", "something follows the document"},
		{"uncles", "[]}]", "[]}", "a comma or closing bracket was expected"}};
	char *text = evm_header_text(22431083);
	size_t i;

	for (i = 0; i < sizeof(m) / sizeof(m[0]); i++)
	{
		char *broken = text_break(text, m[i].anchor, m[i].from, m[i].to);

		ok(!evm_headers(broken, true) && strcmp(seen.fault.what, m[i].what) == 0,
		   "header broken %zu: %s", i, m[i].what);
		free(broken);
	}
	free(text);
}

static void
test_links(void)
{
	char *a = evm_header_text(17034869);
	char *b = evm_header_text(17034870);
	char *c = evm_header_text(17062257);
	char *text;
	char *broken;

	a[strlen(a) - 1] = ',';
	text = text_join(a, b + 1, "");
	ok(evm_headers(text, true) && seen.blocks == 2, "link: 17034869 and 17034870 across Shanghai");
	free(text);
	text = text_join(a, c + 1, "");
	ok(!evm_headers(text, true) && seen.fault.kind == USDTPAY_FAULT_LINK &&
		   strcmp(seen.fault.what, "block numbers do not ascend one by one") == 0,
	   "link: a gap is refused");
	free(text);
	b[strlen(b) - 1] = ',';
	text = text_join(b, a + 1, "");
	text[strlen(text) - 1] = ']';
	ok(!evm_headers(text, true) && seen.fault.kind == USDTPAY_FAULT_LINK, "link: order is kept");
	free(text);
	b[strlen(b) - 1] = ']';
	text = text_join(a, b + 1, "");
	broken = strdup(text);
	strstr(broken, "\"hash\":\"0x")[10] ^= 1;
	ok(!evm_headers(broken, false) && seen.fault.kind == USDTPAY_FAULT_LINK &&
		   strcmp(seen.fault.what, "a block's parent is not the block before it") == 0,
	   "link: another parent is refused");
	free(broken);
	broken = strdup(text);
	memcpy(strstr(broken, "\"timestamp\":\"0x") + 15, "7", 1);
	ok(!evm_headers(broken, false) &&
		   strcmp(seen.fault.what, "a block is older than its parent") == 0,
	   "link: time does not run backwards");
	free(broken);
	free(text);
	free(a);
	free(b);
	free(c);
}

/* Compares the rows of every block with the list that was made independently. */
static void
test_transfers(void)
{
	char *csv = text_read("evm_chain/usdt_transfers.csv");
	char *rest = csv;
	unsigned long long sum = 0;
	size_t total = 0;
	size_t at = 0;
	bool same = true;
	size_t i;

	(void) strsep(&rest, "\n");
	for (i = 0; i < 7; i++)
	{
		char *headers = evm_header_text(evm_blocks[i]);
		char *logs = evm_logs_text(evm_blocks[i]);

		same &= evm_headers(headers, true) && evm_logs(logs, evm_usdt, false);
		for (at = 0; at < seen.rows; at++)
		{
			const UsdtpayEvent *e = &seen.row[at].event;
			char want[512];
			char tx[65];
			char from[USDTPAY_ADDRESS_TEXT];
			char to[USDTPAY_ADDRESS_TEXT];
			uint64_t value = 0;
			char *line = strsep(&rest, "\n");
			int b;

			for (b = 0; b < 32; b++)
				snprintf(tx + 2 * b, 3, "%02x", seen.row[at].tx[b]);
			usdtpay_address_format(from, USDTPAY_FAMILY_EVM, e->sender);
			usdtpay_address_format(to, USDTPAY_FAMILY_EVM, e->recipient);
			same &= e->kind == USDTPAY_EVENT_TRANSFER && usdtpay_u256_to_u64(&value, e->amount);
			snprintf(want, sizeof(want), "%d,%lld,%u,%u,0x%s,%s,%s,%llu,1", evm_blocks[i],
					 (long long) (seen.block[0].time_us / 1000000), seen.row[at].tx_index,
					 seen.row[at].log_index, tx, from, to, (unsigned long long) value);
			if (line == NULL || strncmp(line, want, strlen(want)) != 0)
			{
				printf("# want %s\n# line %s\n", want, line);
				same = false;
			}
			sum += value;
		}
		total += seen.rows;
		free(headers);
		free(logs);
	}
	ok(same && (rest == NULL || *rest == '\0'), "transfers: every line of the list, nothing else");
	ok(total == 175 && sum == 1413848885237ULL, "transfers: 175 worth 1413848.885237 (%zu, %llu)",
	   total, sum);
	free(csv);
}

static void
test_bloom(void)
{
	UsdtpaySpan span = {.contract = evm_usdt, .contracts = 1};
	bool promised = true;
	size_t i;

	for (i = 0; i < 7; i++)
	{
		char *headers = evm_header_text(evm_blocks[i]);
		char *logs = evm_logs_text(evm_blocks[i]);

		evm_headers(headers, true);
		/* Block 15537393 holds no USDT; every other one does. */
		promised &= usdtpay_span_suspect(&span, &seen.block[0]) == (evm_blocks[i] != 15537393);
		promised &= evm_logs("[]", evm_usdt, false);
		promised &= usdtpay_span_suspect(&span, &seen.block[0]) == (evm_blocks[i] != 15537393);
		promised &= evm_logs(logs, evm_usdt, false);
		promised &= !usdtpay_span_suspect(&span, &seen.block[0]);
		free(headers);
		free(logs);
	}
	ok(promised, "bloom: promises exactly the blocks with USDT, until their logs are there");
}

static void
test_events(void)
{
	static const UsdtpayEventKind kinds[] = {USDTPAY_EVENT_ADDED_BLACKLIST,
											 USDTPAY_EVENT_REMOVED_BLACKLIST,
											 USDTPAY_EVENT_DESTROYED_FUNDS,
											 USDTPAY_EVENT_DEPRECATE,
											 USDTPAY_EVENT_PAUSE,
											 USDTPAY_EVENT_UNPAUSE,
											 USDTPAY_EVENT_PARAMS,
											 USDTPAY_EVENT_ADDED_BLACKLIST,
											 USDTPAY_EVENT_REMOVED_BLACKLIST,
											 USDTPAY_EVENT_DESTROYED_FUNDS};
	char *text = text_read("evm_chain/anvil_events.json");
	UsdtpaySlice headers = text_member(text_slice(text), "headers");
	UsdtpaySlice logs = text_member(text_slice(text), "logs");
	char *h = strndup(headers.p, headers.len);
	char *l = strndup(logs.p, logs.len);
	uint8_t contract[1][20];
	char digits[USDTPAY_U256_DIGITS + 1];
	bool control = true;
	int i;

	text_bytes(contract[0], 20, text_member(text_slice(text), "contract"));
	ok(evm_headers(h, true) && evm_logs(l, contract, false) && seen.rows == 16,
	   "events: six transfers and ten control events (%zu)", seen.rows);
	ok(seen.row[0].ordinal == 0 && seen.row[1].ordinal == 1 && seen.row[2].ordinal == 2 &&
		   seen.row[13].ordinal == 0 && seen.row[14].ordinal == 0 && seen.row[15].ordinal == 1,
	   "events: ordinals count a transaction's transfers from 0");
	ok(seen.row[13].tx_index == 0 && seen.row[14].tx_index == 1 && seen.row[14].log_index == 3,
	   "events: two transactions of one block");
	usdtpay_u256_to_decimal(digits, seen.row[2].event.amount);
	ok(strcmp(digits, "57896044618658097711785492504343953926634992332820282019728792003956564"
					  "819968") == 0,
	   "events: an amount of 2^255");
	for (i = 0; i < 10; i++)
		control &= seen.row[3 + i].event.kind == kinds[i];
	ok(control, "events: both spellings of every control event");
	ok(seen.row[5].event.has_amount && seen.row[5].event.has_subject &&
		   seen.row[5].event.amount[31] == (123456789 & 0xff) &&
		   memcmp(seen.row[5].event.subject, seen.row[12].event.subject, 20) == 0 &&
		   seen.row[12].event.amount[0] == 0xff,
	   "events: the destroyed balance and its owner, indexed or not");
	ok(seen.row[9].event.has_amount && seen.row[9].event.amount[31] == 10 &&
		   !seen.row[9].event.has_subject && !seen.row[7].event.has_amount,
	   "events: Params carries the rate, Pause nothing");
	ok(strcmp(usdtpay_event_name(seen.row[6].event.kind), "deprecate") == 0, "events: names");
	free(h);
	free(l);
	free(text);
}

static void
test_log_mutations(void)
{
	/* Of the two first logs of block 14764013, both in transaction 0. */
	static const Mutation m[] = {
		{"[", "\"address\":\"0xdac1", "\"address\":\"0xdac2",
		 "a log is of a contract that was not asked for"},
		{"[", "\"address\":\"0xda", "\"address\":\"0x", "the address of a log is not 20 bytes"},
		{"[", "\"address\":\"0xda", "\"address\":\"da", "the address of a log is not 20 bytes"},
		{"[", "\"topics\":[", "\"topics\":[\"0x00\",", "a topic is not 32 bytes of hexadecimal"},
		{"[", "\"0x000000000000000000000000dd", "\"0x000000000000000000000001dd",
		 "an address in a Transfer is not padded with zeros"},
		{"[", "\"0x00000000000000000000000074", "\"0x00000000000000000000004174",
		 "an address in a Transfer is not padded with zeros"},
		{"[", ",\"0x00000000000000000000000074de5d4fcbf63e00296fd95d33236b9794016631\"", "",
		 "a Transfer does not have three topics"},
		{"\"data\"", "\"0x00", "\"0x", "the data of a Transfer is not 32 bytes"},
		{"\"data\"", "\"0x00", "\"0x0", "the data of a log is not hexadecimal"},
		{"\"data\"", "\"0x00", "\"0xzz", "the data of a log is not hexadecimal"},
		{"[", "\"data\":", "\"date\":", "a log lacks a member"},
		{"[", "\"blockHash\":", "\"blokHash\":", "a log lacks a member"},
		{"[", "\"blockNumber\":", "\"blockNamber\":", "a log lacks a member"},
		{"[", "\"transactionHash\":", "\"tranzactionHash\":", "a log lacks a member"},
		{"[", "\"transactionIndex\":", "\"tranzactionIndex\":", "a log lacks a member"},
		{"[", "\"logIndex\":", "\"logIndix\":", "a log lacks a member"},
		{"[", "\"blockHash\":\"0x72", "\"blockHash\":\"0x73",
		 "a log's blockHash is not its block's"},
		{"[", "\"blockHash\":\"0x72", "\"blockHash\":\"0x",
		 "the blockHash of a log is not 32 bytes"},
		{"[", "\"blockNumber\":\"0xe147ed\"", "\"blockNumber\":\"0xe147ee\"",
		 "a log lies outside the blocks asked for"},
		{"[", "\"blockNumber\":\"0xe147ed\"", "\"blockNumber\":null", "a string was expected"},
		{"[", "\"blockNumber\":\"0xe147ed\"", "\"blockNumber\":\"14764013\"",
		 "the blockNumber of a log is no quantity"},
		{"[", "\"removed\":false", "\"removed\":true", "a log is marked removed"},
		{"[", "\"removed\":false", "\"removed\":0", "true or false was expected"},
		{"[", "\"removed\":", "\"removed\":false,\"removed\":", "a member of a log comes twice"},
		{"[", "\"logIndex\":\"0x0\"", "\"logIndex\":\"0x1\"",
		 "logs are not sorted by logIndex or one comes twice"},
		{"[", "\"logIndex\":\"0x0\"", "\"logIndex\":\"0x5\"",
		 "logs are not sorted by logIndex or one comes twice"},
		{"[", "\"logIndex\":\"0x0\"", "\"logIndex\":\"0x80000000\"",
		 "the logIndex of a log is no quantity"},
		{"[", "\"transactionIndex\":\"0x0\"", "\"transactionIndex\":\"0x1\"",
		 "the transactions of logs are not in order"},
		{"[", "\"transactionIndex\":\"0x0\"", "\"transactionIndex\":\"0x13\"",
		 "a log's transaction is not in its block"},
		{"[", "\"transactionHash\":\"0x16", "\"transactionHash\":\"0x17",
		 "the transactions of logs are not in order"},
		{"[", "}]", "}", "a comma or closing bracket was expected"},
		{"[", "}]", "},]", "an object was expected"},
		{"[", "[{", "{\"jsonrpc\":\"2.0\",\"result\":[{",
		 "a comma or closing bracket was expected"}};
	char *headers = evm_header_text(14764013);
	char *text = evm_logs_text(14764013);
	char *wrapped;
	size_t i;

	evm_headers(headers, true);
	ok(evm_logs(text, evm_usdt, false) && seen.rows == 6, "log: the unbroken answer passes");
	for (i = 0; i < sizeof(m) / sizeof(m[0]); i++)
	{
		char *broken = text_break(text, m[i].anchor, m[i].from, m[i].to);

		ok(!evm_logs(broken, evm_usdt, false) && strcmp(seen.fault.what, m[i].what) == 0,
		   "log broken %zu: %s", i, m[i].what);
		free(broken);
	}
	wrapped = text_join("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":", text, "}");
	ok(evm_logs(wrapped, evm_usdt, false) && seen.rows == 6, "log: the envelope is taken off");
	free(wrapped);
	wrapped = text_join("{\"result\":", text, ",\"error\":{\"code\":-32005}}");
	ok(!evm_logs(wrapped, evm_usdt, false) &&
		   strcmp(seen.fault.what, "the answer is a JSON-RPC error") == 0,
	   "log: an error is no answer");
	free(wrapped);
	seen.block[0].transactions = 0;
	seen.block[0].bloom.p = NULL;
	ok(evm_logs(text, evm_usdt, true) && seen.rows == 6,
	   "log: known blocks need no count or bloom");
	free(headers);
	free(text);
}

/* Two blocks' logs in the wrong order. */
static void
test_log_order(void)
{
	char *a = evm_header_text(17034869);
	char *b = evm_header_text(17034870);
	char *la = evm_logs_text(17034869);
	char *lb = evm_logs_text(17034870);
	char *headers;
	char *logs;

	a[strlen(a) - 1] = ',';
	headers = text_join(a, b + 1, "");
	la[strlen(la) - 1] = ',';
	logs = text_join(la, lb + 1, "");
	ok(evm_headers(headers, true) && evm_logs(logs, evm_usdt, false) &&
		   seen.row[0].number == 17034869 && seen.row[seen.rows - 1].number == 17034870,
	   "span: the logs of two blocks");
	free(logs);
	lb[strlen(lb) - 1] = ',';
	la[strlen(la) - 1] = ']';
	logs = text_join(lb, la + 1, "");
	ok(!evm_logs(logs, evm_usdt, false) &&
		   strcmp(seen.fault.what, "logs are not sorted by block") == 0,
	   "span: refused in the wrong order");
	free(logs);
	free(headers);
	free(a);
	free(b);
	free(la);
	free(lb);
}

int
main(void)
{
	test_topics();
	test_header_hashes();
	test_header_members();
	test_header_mutations();
	test_links();
	test_transfers();
	test_bloom();
	test_events();
	test_log_mutations();
	test_log_order();
	return tap_done();
}
