/* SPDX-License-Identifier: PostgreSQL
 *
 * rpc_error.c: the catalogue of what nodes answer when they will not.
 *
 * The text is lower-cased and searched for the rows of one table, first hit wins; a number is
 * read only where the row says it stands.  A suggested range beats everything, for it names
 * blocks.  Order matters where one wording contains another; the comments say so.
 */
#include "rpc_error.h"

#include <string.h>

#define RPC_TEXT_MAX  1024
#define RPC_BLOCK_MAX (INT64_C(1) << 62)

/* One wording.  number: text the limit follows (searched from the needle on), NULL: none told. */
typedef struct RpcWording
{
	const char *needle;
	UsdtpayRpcVerdict verdict;
	const char *number;
	int64_t otherwise; /* limit when none is told */
} RpcWording;

static const RpcWording rpc_wordings[] = {
	/* The node is behind, or does not know the block: no use splitting. */
	{"beyond current head", USDTPAY_RPC_LAGGING, NULL, 0},
	{"beyond latest executed", USDTPAY_RPC_LAGGING, NULL, 0},
	{"after last accepted block", USDTPAY_RPC_LAGGING, NULL, 0},
	{"unknown block", USDTPAY_RPC_LAGGING, NULL, 0},
	{"block not found", USDTPAY_RPC_LAGGING, NULL, 0},
	{"header not found", USDTPAY_RPC_LAGGING, NULL, 0},
	{"header for hash not found", USDTPAY_RPC_LAGGING, NULL, 0},
	{"still syncing", USDTPAY_RPC_LAGGING, NULL, 0},
	/* Too many calls, before anything that says "too large". */
	{"batch too large", USDTPAY_RPC_BATCH, NULL, 0},
	{"batch size", USDTPAY_RPC_BATCH, NULL, 0},
	{"batch limit", USDTPAY_RPC_BATCH, NULL, 0},
	{"batch requests", USDTPAY_RPC_BATCH, NULL, 0},
	{"batch of more than", USDTPAY_RPC_BATCH, NULL, 0},
	/* Too many results: the number told counts logs or bytes, not blocks. */
	{"query returned more than", USDTPAY_RPC_RANGE, NULL, 0},
	{"exceeds max results", USDTPAY_RPC_RANGE, NULL, 0},
	{"logs matched by query exceeds", USDTPAY_RPC_RANGE, NULL, 0},
	{"response is too big", USDTPAY_RPC_RANGE, NULL, 0},
	{"response too large", USDTPAY_RPC_RANGE, NULL, 0},
	{"response size", USDTPAY_RPC_RANGE, NULL, 0},
	{"too many logs", USDTPAY_RPC_RANGE, NULL, 0},
	{"request timed out", USDTPAY_RPC_RANGE, NULL, 0},
	{"query timeout", USDTPAY_RPC_RANGE, NULL, 0},
	{"execution timeout", USDTPAY_RPC_RANGE, NULL, 0},
	/* Too many blocks. */
	{"maximum is set to", USDTPAY_RPC_CHUNK, "maximum is set to", 0},
	{"exceeds limit of", USDTPAY_RPC_CHUNK, "exceeds limit of", 0},
	{"up to a", USDTPAY_RPC_CHUNK, "up to a", 0},
	{"is limited to a", USDTPAY_RPC_CHUNK, "is limited to a", 0},
	{"exceed maximum block range", USDTPAY_RPC_CHUNK, "range", 0},
	{"maximum block range", USDTPAY_RPC_CHUNK, "range", 0},
	{"exceed max block range", USDTPAY_RPC_CHUNK, "range", 0},
	{"exceeds max block range", USDTPAY_RPC_CHUNK, "range", 0},
	{"bigger than range limit", USDTPAY_RPC_CHUNK, "limit", 0},
	{"blocks distance", USDTPAY_RPC_CHUNK, "distance", 0},
	{"max range", USDTPAY_RPC_CHUNK, "range", 0},
	{"block range too large", USDTPAY_RPC_CHUNK, "max:", 0},
	{"block range is too wide (maximum", USDTPAY_RPC_CHUNK, "maximum", 0},
	{"block range is too wide", USDTPAY_RPC_CHUNK, NULL, 3000},
	{"ranges over", USDTPAY_RPC_CHUNK, "over", 0},
	{"limit the query to at most", USDTPAY_RPC_CHUNK, "most", 0},
	{"block range limit exceeded", USDTPAY_RPC_RANGE, NULL, 0},
	{"requested range too large", USDTPAY_RPC_RANGE, NULL, 0},
	{"requested too many blocks", USDTPAY_RPC_RANGE, NULL, 0},
	{"range is too large", USDTPAY_RPC_RANGE, NULL, 0},
	{"block range", USDTPAY_RPC_RANGE, NULL, 0},
	/* Asked too often; after the ranges, which also speak of limits. */
	{"rate limit", USDTPAY_RPC_RATE, NULL, 0},
	{"too many requests", USDTPAY_RPC_RATE, NULL, 0},
	{"limit exceeded", USDTPAY_RPC_RATE, NULL, 0},
	{"frequency limit", USDTPAY_RPC_RATE, NULL, 0},
	{"server is suspended", USDTPAY_RPC_RATE, NULL, 0},
	{"quota", USDTPAY_RPC_RATE, NULL, 0},
	{"compute units", USDTPAY_RPC_RATE, NULL, 0},
	{"throughput", USDTPAY_RPC_RATE, NULL, 0},
	{"capacity", USDTPAY_RPC_RATE, NULL, 0},
	{"daily request", USDTPAY_RPC_RATE, NULL, 0},
	{"unauthorized", USDTPAY_RPC_DENIED, NULL, 0},
	{"invalid api key", USDTPAY_RPC_DENIED, NULL, 0},
	{"api key", USDTPAY_RPC_DENIED, NULL, 0},
	{"method not found", USDTPAY_RPC_UNSUPPORTED, NULL, 0},
	{"method does not exist", USDTPAY_RPC_UNSUPPORTED, NULL, 0},
	{"does not exist/is not available", USDTPAY_RPC_UNSUPPORTED, NULL, 0},
	{"method not supported", USDTPAY_RPC_UNSUPPORTED, NULL, 0},
	{"not supported", USDTPAY_RPC_UNSUPPORTED, NULL, 0},
	{"not whitelisted", USDTPAY_RPC_UNSUPPORTED, NULL, 0},
	{"method is not available", USDTPAY_RPC_UNSUPPORTED, NULL, 0},
};

/* Copies text in lower case, cut off and without NULs.  Out: out, at least RPC_TEXT_MAX + 1. */
static void
rpc_lower(char *out, const char *text, size_t len)
{
	size_t i;

	if (len > RPC_TEXT_MAX)
		len = RPC_TEXT_MAX;
	for (i = 0; i < len; i++)
	{
		char c = text[i];

		if (c >= 'A' && c <= 'Z')
			c = (char) (c - 'A' + 'a');
		out[i] = c == '\0' ? ' ' : c;
	}
	out[len] = '\0';
}

/* Gives the value of a digit in base 10 or 16, or -1. */
static int
rpc_digit(char c, int base)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (base == 16 && c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* Reads a number at p: decimal, with commas between digits or a final k, or hex behind 0x.
 * Returns: the end, or NULL when none stands here or it is no block number. */
static const char *
rpc_number(const char *p, int64_t *out)
{
	int base = p[0] == '0' && p[1] == 'x' ? 16 : 10;
	int64_t value = 0;
	const char *first;

	if (base == 16)
		p += 2;
	first = p;
	for (;; p++)
	{
		int digit = rpc_digit(*p, base);

		if (digit < 0 && base == 10 && *p == ',' && p > first && rpc_digit(p[1], 10) >= 0)
			continue;
		if (digit < 0)
			break;
		if (value > (RPC_BLOCK_MAX - digit) / base)
			return NULL;
		value = value * base + digit;
	}
	if (p == first)
		return NULL;
	if (base == 10 && *p == 'k' && value < RPC_BLOCK_MAX / 1000)
	{
		value *= 1000;
		p++;
	}
	*out = value;
	return p;
}

/* Reads the first number within the next few words. */
static bool
rpc_number_after(const char *p, int64_t *out)
{
	int skipped;

	for (skipped = 0; *p != '\0' && skipped < 24; p++, skipped++)
		if (*p >= '0' && *p <= '9')
			return rpc_number(p, out) != NULL;
	return false;
}

/* Finds a suggested range: "[a, b]", or "range a-b". */
static bool
rpc_suggestion(const char *text, UsdtpayRpcAdvice *advice)
{
	const char *p;

	for (p = strchr(text, '['); p != NULL; p = strchr(p + 1, '['))
	{
		const char *q = rpc_number(p + 1, &advice->from);

		if (q == NULL || *q != ',')
			continue;
		q++;
		while (*q == ' ')
			q++;
		q = rpc_number(q, &advice->to);
		if (q != NULL && *q == ']')
			return true;
	}
	p = strstr(text, "with the range ");
	if (p != NULL)
	{
		const char *q = rpc_number(p + strlen("with the range "), &advice->from);

		if (q != NULL && *q == '-' && rpc_number(q + 1, &advice->to) != NULL)
			return true;
	}
	return false;
}

/* Finds the first wording of the table in a text. */
static const RpcWording *
rpc_wording(const char *text, const char **at)
{
	size_t i;

	for (i = 0; i < sizeof(rpc_wordings) / sizeof(rpc_wordings[0]); i++)
	{
		*at = strstr(text, rpc_wordings[i].needle);
		if (*at != NULL)
			return &rpc_wordings[i];
	}
	return NULL;
}

UsdtpayRpcAdvice
usdtpay_rpc_judge_status(int http_status)
{
	UsdtpayRpcAdvice advice = {USDTPAY_RPC_INVALID, 0, 1, 0};

	if (http_status == 429 || http_status == 403 || http_status == 503)
		advice.verdict = USDTPAY_RPC_RATE;
	else if (http_status == 401 || http_status == 402)
		advice.verdict = USDTPAY_RPC_DENIED;
	else if (http_status == 413)
		advice.verdict = USDTPAY_RPC_RANGE;
	else if (http_status >= 500 || http_status == 408)
		advice.verdict = USDTPAY_RPC_TRANSIENT;
	return advice;
}

int64_t
usdtpay_rpc_suspension_ms(const char *text, size_t len)
{
	static const char words[] = "suspended for ";
	char lower[RPC_TEXT_MAX + 1];
	const char *at;
	int64_t seconds;

	rpc_lower(lower, text, len);
	at = strstr(lower, words);
	if (at == NULL)
		return -1;
	at = rpc_number(at + sizeof(words) - 1, &seconds);
	if (at == NULL || *at != 's' || seconds > 86400)
		return -1;
	return seconds * 1000;
}

/* Judges by the code alone, for a wording nobody has seen yet. */
static UsdtpayRpcVerdict
rpc_judge_code(int http_status, int64_t code)
{
	UsdtpayRpcVerdict verdict = usdtpay_rpc_judge_status(http_status).verdict;

	if (verdict != USDTPAY_RPC_INVALID)
		return verdict;
	if (code == -32601 || code == -32004)
		return USDTPAY_RPC_UNSUPPORTED;
	if (code == -32005)
		return USDTPAY_RPC_RATE;
	if (code == -32003 || code == -32020 || code == -32012 || code == -32614)
		return USDTPAY_RPC_RANGE;
	if (code == 429)
		return USDTPAY_RPC_RATE;
	return USDTPAY_RPC_TRANSIENT;
}

UsdtpayRpcAdvice
usdtpay_rpc_judge(int http_status, int64_t code, const char *text, size_t len)
{
	UsdtpayRpcAdvice advice = {USDTPAY_RPC_TRANSIENT, 0, 1, 0};
	char lower[RPC_TEXT_MAX + 1];
	const RpcWording *wording;
	const char *at;

	rpc_lower(lower, text, len);
	wording = rpc_wording(lower, &at);
	if (wording != NULL && wording->verdict == USDTPAY_RPC_LAGGING)
	{
		/* "requested block range [a, b] is beyond …" names a range that does not work. */
		advice.verdict = USDTPAY_RPC_LAGGING;
		return advice;
	}
	if (rpc_suggestion(lower, &advice) && advice.from <= advice.to)
	{
		advice.verdict = USDTPAY_RPC_RANGE;
		return advice;
	}
	advice.from = 1;
	advice.to = 0;
	if (wording == NULL)
	{
		advice.verdict = rpc_judge_code(http_status, code);
		return advice;
	}
	advice.verdict = wording->verdict;
	advice.limit = wording->otherwise;
	if (wording->number != NULL)
	{
		const char *number = strstr(at, wording->number);

		if (number == NULL || !rpc_number_after(number + strlen(wording->number), &advice.limit) ||
			advice.limit < 1)
			advice.limit = 0;
	}
	if (advice.verdict == USDTPAY_RPC_CHUNK && advice.limit == 0)
		advice.verdict = USDTPAY_RPC_RANGE;
	return advice;
}

const char *
usdtpay_rpc_verdict_name(UsdtpayRpcVerdict verdict)
{
	static const char *const names[] = {
		[USDTPAY_RPC_OK] = "ok",
		[USDTPAY_RPC_RANGE] = "too much in one range",
		[USDTPAY_RPC_CHUNK] = "too many blocks in one range",
		[USDTPAY_RPC_BATCH] = "too many calls in one request",
		[USDTPAY_RPC_LAGGING] = "block not there",
		[USDTPAY_RPC_RATE] = "rate limit",
		[USDTPAY_RPC_DENIED] = "access denied",
		[USDTPAY_RPC_UNSUPPORTED] = "method not supported",
		[USDTPAY_RPC_TRANSIENT] = "node error",
		[USDTPAY_RPC_INVALID] = "no JSON-RPC answer",
	};

	return names[verdict];
}

bool
usdtpay_rpc_is_cap(int64_t results)
{
	static const int64_t caps[] = {100, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000};
	size_t i;

	for (i = 0; i < sizeof(caps) / sizeof(caps[0]); i++)
		if (results == caps[i])
			return true;
	return false;
}
