/* SPDX-License-Identifier: PostgreSQL
 *
 * test_rpc_error.c: the catalogue of refusals, in the words real providers used, and the choice
 * of a head.  Each message names where it was seen.
 */
#include "tap.h"

#include "head.h"
#include "rpc_error.h"

typedef struct Case
{
	const char *source;
	int status;
	int64_t code;
	const char *message;
	UsdtpayRpcVerdict verdict;
	int64_t limit;
	int64_t from;
	int64_t to;
} Case;

static const Case cases[] = {
	{"Infura, ethers.js issue 4703", 200, -32005,
	 "query returned more than 10000 results. Try with this block range [0xBDE5F8, 0x102DBCC].",
	 USDTPAY_RPC_RANGE, 0, 0xBDE5F8, 0x102DBCC},
	{"Infura, its documentation", 200, -32005, "query returned more than 10000 results",
	 USDTPAY_RPC_RANGE, 0, 1, 0},
	{"Infura, INFURA/infura issue 237", 200, -32602, "range 1000000 exceeds limit of 10000",
	 USDTPAY_RPC_CHUNK, 10000, 1, 0},
	{"Alchemy, 2K", 200, -32602,
	 "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range "
	 "and "
	 "no limit on the response size, or you can request any block range with a cap of 10K logs in "
	 "the response. Based on your parameters and the response size limit, this block range should "
	 "work: [0x0, 0xd043b8]",
	 USDTPAY_RPC_RANGE, 0, 0, 0xd043b8},
	{"Alchemy, 500", 200, -32600,
	 "You can make eth_getLogs requests with up to a 500 block range. Based on your parameters, "
	 "this "
	 "block range should work: [0x10, 0x203]",
	 USDTPAY_RPC_RANGE, 0, 0x10, 0x203},
	{"Alchemy, free tier", 200, -32600,
	 "Under the Free tier plan, you can make eth_getLogs requests with up to a 10 block range.",
	 USDTPAY_RPC_CHUNK, 10, 1, 0},
	{"QuickNode, arbitrum-sdk issue 609", 413, -32614, "eth_getLogs is limited to a 10,000 range",
	 USDTPAY_RPC_CHUNK, 10000, 1, 0},
	{"Ankr", 200, -32600, "block range is too wide", USDTPAY_RPC_CHUNK, 3000, 1, 0},
	{"Ankr", 200, -32600, "maximum [from, to] blocks distance: 2000", USDTPAY_RPC_CHUNK, 2000, 1,
	 0},
	{"Moonbeam", 200, -32603, "block range is too wide (maximum 1024)", USDTPAY_RPC_CHUNK, 1024, 1,
	 0},
	{"publicnode", 200, -32701, "exceed maximum block range: 50000", USDTPAY_RPC_CHUNK, 50000, 1,
	 0},
	{"reth", 200, -32602, "query exceeds max results 20000, retry with the range 123-456",
	 USDTPAY_RPC_RANGE, 0, 123, 456},
	{"reth", 200, -32602, "query exceeds max block range 100000", USDTPAY_RPC_CHUNK, 100000, 1, 0},
	{"jsonrpsee", 200, -32008, "Response is too big Exceeded max limit of 167772160",
	 USDTPAY_RPC_RANGE, 0, 1, 0},
	{"Base", 200, -32020, "backend response too large", USDTPAY_RPC_RANGE, 0, 1, 0},
	{"Base", 503, -32011, "no backend is currently healthy to serve traffic", USDTPAY_RPC_RATE, 0,
	 1, 0},
	{"drpc", 200, -32000, "requested too many blocks from 100 to 20000, maximum is set to 2048",
	 USDTPAY_RPC_CHUNK, 2048, 1, 0},
	{"drpc", 400, 35, "ranges over 10000 blocks are not supported on freetier", USDTPAY_RPC_CHUNK,
	 10000, 1, 0},
	{"Tenderly", 200, -32602, "range 9009594 is bigger than range limit 2000", USDTPAY_RPC_CHUNK,
	 2000, 1, 0},
	{"Polygon public node", 200, -32000,
	 "eth_getLogs block range too large, range: 99991, max: 3500", USDTPAY_RPC_CHUNK, 3500, 1, 0},
	{"Cloudflare", 200, -32047, "Invalid eth_getLogs request. Max range: 800", USDTPAY_RPC_CHUNK,
	 800, 1, 0},
	{"Coinbase", 200, -32000, "please limit the query to at most 1000 blocks", USDTPAY_RPC_CHUNK,
	 1000, 1, 0},
	{"Chainstack", 200, -32000, "Block range limit exceeded.", USDTPAY_RPC_RANGE, 0, 1, 0},
	{"Arbitrum", 200, -32000, "logs matched by query exceeds limit of 10000", USDTPAY_RPC_RANGE, 0,
	 1, 0},
	{"geth", 200, -32002, "request timed out", USDTPAY_RPC_RANGE, 0, 1, 0},
	{"geth", 200, -32003, "response too large", USDTPAY_RPC_RANGE, 0, 1, 0},
	{"geth", 200, -32600, "batch too large", USDTPAY_RPC_BATCH, 0, 1, 0},
	{"geth, reth, nimbus", 200, -32602, "block range extends beyond current head block",
	 USDTPAY_RPC_LAGGING, 0, 1, 0},
	{"erigon", 200, -32000,
	 "requested block range [100,200] is beyond latest executed block 90 (node is still syncing)",
	 USDTPAY_RPC_LAGGING, 0, 1, 0},
	{"anvil, geth", 200, -32000, "unknown block", USDTPAY_RPC_LAGGING, 0, 1, 0},
	{"java-tron", 200, -32602, "exceed max block range: 5000", USDTPAY_RPC_CHUNK, 5000, 1, 0},
	{"java-tron", 200, -32005, "query returned more than 10000 results", USDTPAY_RPC_RANGE, 0, 1,
	 0},
	{"any", 429, 0, "", USDTPAY_RPC_RATE, 0, 1, 0},
	{"any", 200, -32005, "limit exceeded", USDTPAY_RPC_RATE, 0, 1, 0},
	{"TronGrid", 403, 0,
	 "The key exceeds the frequency limit(15), and the query server is suspended for 30s",
	 USDTPAY_RPC_RATE, 0, 1, 0},
	{"any", 401, 0, "Unauthorized", USDTPAY_RPC_DENIED, 0, 1, 0},
	{"any", 200, -32601, "the method eth_getBlockReceipts does not exist/is not available",
	 USDTPAY_RPC_UNSUPPORTED, 0, 1, 0},
	{"any", 500, -32603, "internal error", USDTPAY_RPC_TRANSIENT, 0, 1, 0},
	{"made up: a number no block has", 200, -32602,
	 "this block range should work: [0x0, 0xffffffffffffffffffff]", USDTPAY_RPC_RANGE, 0, 1, 0},
	{"made up: a suggestion upside down", 200, -32602, "block range [0x20, 0x10]",
	 USDTPAY_RPC_RANGE, 0, 1, 0},
};

/* Reads a suspension out of a C string. */
static int64_t
suspension(const char *text)
{
	return usdtpay_rpc_suspension_ms(text, strlen(text));
}

static void
test_catalogue(void)
{
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const Case *c = &cases[i];
		UsdtpayRpcAdvice a = usdtpay_rpc_judge(c->status, c->code, c->message, strlen(c->message));

		ok(a.verdict == c->verdict && a.limit == c->limit && a.from == c->from && a.to == c->to,
		   "%s: \"%.40s\" means %s, limit %lld, range %lld to %lld", c->source, c->message,
		   usdtpay_rpc_verdict_name(a.verdict), (long long) a.limit, (long long) a.from,
		   (long long) a.to);
	}
	ok(usdtpay_rpc_judge_status(413).verdict == USDTPAY_RPC_RANGE, "HTTP 413 is about size");
	ok(usdtpay_rpc_judge_status(200).verdict == USDTPAY_RPC_INVALID, "a page is no answer");
	ok(usdtpay_rpc_is_cap(10000) && usdtpay_rpc_is_cap(1000) && !usdtpay_rpc_is_cap(9999),
	   "round counts are suspicious, others not");
	ok(!usdtpay_rpc_is_cap(0), "nothing is no cap");
	ok(suspension("{\"Error\":\"The key exceeds the frequency limit(15), and the query server is "
				  "suspended for 30s\"}") == 30000,
	   "TronGrid tells how long a key is suspended");
	ok(suspension("suspended for ever") == -1 && suspension("suspended for 30m") == -1 &&
		   suspension("suspended for 99999999999999999999s") == -1 && suspension("") == -1,
	   "what is no number of seconds is none");
}

static void
test_noise(void)
{
	char noise[3000];
	size_t i;

	for (i = 0; i < sizeof(noise); i++)
		noise[i] = (char) (i * 37 + i / 7);
	ok(usdtpay_rpc_judge(200, 1, noise, sizeof(noise)).verdict != USDTPAY_RPC_OK,
	   "bytes without meaning are an error still");
	ok(usdtpay_rpc_judge(200, 1, "[", 1).verdict == USDTPAY_RPC_TRANSIENT, "a lone bracket");
	ok(usdtpay_rpc_judge(200, 1, "up to a ", 8).verdict == USDTPAY_RPC_RANGE,
	   "a limit that is not told: halve");
}

static void
test_head(void)
{
	static const int64_t same[] = {100, 100, 101};
	static const int64_t liar[] = {100, 101, 5000};
	static const int64_t lagging[] = {100, 40, 101};
	static const int64_t two[] = {100, 40};
	static const int64_t none[] = {0, -1};

	ok(usdtpay_head_served(same, 3, 2, 0) == 100, "the lowest of one mind");
	ok(usdtpay_head_served(liar, 3, 2, 120) == 100, "a runaway is dropped");
	ok(usdtpay_head_served(liar, 3, 2, 0) == 100, "and outnumbered");
	ok(usdtpay_head_served(lagging, 3, 2, 0) == 100, "a laggard does not hold back two others");
	ok(usdtpay_head_served(two, 2, 2, 0) == 100, "of two single ones the higher");
	ok(usdtpay_head_served(none, 2, 2, 0) == 0, "no head at all");
	ok(usdtpay_head_ceiling(0, 1000, 12000) == 0, "no ceiling before the first head");
	ok(usdtpay_head_ceiling(100, 24000, 12000) == 111, "twice the blocks that fit, and five");
	ok(usdtpay_head_ceiling(100, -5, 12000) == 107, "a clock that ran backwards");
}

int
main(void)
{
	test_catalogue();
	test_noise();
	test_head();
	return tap_done();
}
