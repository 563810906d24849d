/* SPDX-License-Identifier: PostgreSQL
 *
 * fuzz_rpc_error.c: what nodes write when they refuse.  Whatever the words, the advice is one that can
 * be followed: a range that is none is not suggested, a limit is positive, and a refusal never reads
 * as consent.  The first two bytes choose the HTTP status and the code.
 */
#include "fuzz.h"

#include "rpc_error.h"

/* Statuses and codes that mean something somewhere, and some that mean nothing. */
static const int fuzz_statuses[] = {0, 200, 301, 400, 401, 402, 403, 404, 408, 413, 429, 500, 503};
static const int64_t fuzz_codes[] = {0,      429,    -32000, -32002, -32003, -32004, -32005,
									 -32012, -32020, -32600, -32601, -32602, -32614, INT64_MIN};

/* Holds every advice to what its readers rely on. */
static void
fuzz_advice(UsdtpayRpcAdvice advice)
{
	FUZZ_HOLDS(advice.verdict > USDTPAY_RPC_OK && advice.verdict <= USDTPAY_RPC_INVALID);
	FUZZ_HOLDS(usdtpay_rpc_verdict_name(advice.verdict)[0] != '\0');
	FUZZ_HOLDS(advice.limit >= 0 && (advice.verdict != USDTPAY_RPC_CHUNK || advice.limit > 0));
	FUZZ_HOLDS(advice.from >= 0 && advice.to >= 0);
	FUZZ_HOLDS(advice.from > advice.to || advice.verdict == USDTPAY_RPC_RANGE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	UsdtpayRpcAdvice advice;
	UsdtpayRpcAdvice again;
	int status;
	int64_t code;
	char *exact;

	if (size < 2)
		return 0;
	status = fuzz_statuses[data[0] % (sizeof(fuzz_statuses) / sizeof(fuzz_statuses[0]))];
	code = fuzz_codes[data[1] % (sizeof(fuzz_codes) / sizeof(fuzz_codes[0]))];
	/* A copy of exactly this size, so that one byte too many is noticed. */
	exact = malloc(size - 2 + (size == 2));
	memcpy(exact, data + 2, size - 2);
	advice = usdtpay_rpc_judge(status, code, exact, size - 2);
	fuzz_advice(advice);
	again = usdtpay_rpc_judge(status, code, exact, size - 2);
	FUZZ_HOLDS(advice.verdict == again.verdict && advice.limit == again.limit &&
			   advice.from == again.from && advice.to == again.to);
	free(exact);
	fuzz_advice(usdtpay_rpc_judge_status(status));
	FUZZ_HOLDS(usdtpay_rpc_judge_status(data[0] * 4).verdict != USDTPAY_RPC_OK);
	(void) usdtpay_rpc_is_cap((int64_t) data[0] << data[1] % 56);
	return 0;
}
