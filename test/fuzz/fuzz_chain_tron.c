/* SPDX-License-Identifier: PostgreSQL
 *
 * fuzz_chain_tron.c: TRON's block, transaction, info and log readers, each on the whole input.
 */
#include "fuzz.h"

#include "chain/tron.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *) data;
	UsdtpayFault f = {0};
	UsdtpayTronBlock block;
	UsdtpayTronInfo info;
	UsdtpayTronTx tx;
	uint8_t leaf[32];
	UsdtpayLog log;
	UsdtpayJson j;

	usdtpay_json_init(&j, text, size);
	FUZZ_HOLDS(usdtpay_tron_block_parse(&block, &j, &f) || f.what != NULL);
	usdtpay_json_init(&j, text, size);
	FUZZ_HOLDS(usdtpay_tron_log_parse(&log, &j, &f) || f.what != NULL);
	usdtpay_json_init(&j, text, size);
	if (usdtpay_tron_info_parse(&info, &j, &f) && usdtpay_tron_info_counts(&info))
		FUZZ_HOLDS(!info.failed && info.result == USDTPAY_TRON_RESULT_SUCCESS);
	usdtpay_json_init(&j, text, size);
	if (usdtpay_tron_tx_parse(&tx, &j, &f))
		FUZZ_HOLDS(usdtpay_tron_tx_leaf(leaf, &tx, &f) || f.what != NULL);
	return 0;
}
