/* SPDX-License-Identifier: PostgreSQL
 *
 * fuzz_chain_evm_logs.c: the logs of an eth_getLogs answer, envelope or bare, and the events in
 * them, for both families' rules on address words.
 */
#include "fuzz.h"

#include "chain/evm.h"
#include "chain/field.h"

/* Decodes a log under both rules; TRON's takes all that EVM's takes. */
static void
fuzz_event(const UsdtpayLog *log)
{
	UsdtpayFault f = {0};
	UsdtpayEvent evm;
	UsdtpayEvent tron;

	FUZZ_HOLDS(log->topics >= 0 && log->topics <= 4 && log->data.len % 2 == 0);
	if (!usdtpay_event_decode(&evm, log, USDTPAY_FAMILY_EVM, &f))
	{
		FUZZ_HOLDS(f.what != NULL && usdtpay_event_kind(log) != USDTPAY_EVENT_OTHER);
		return;
	}
	FUZZ_HOLDS(evm.kind == usdtpay_event_kind(log));
	FUZZ_HOLDS(usdtpay_event_decode(&tron, log, USDTPAY_FAMILY_TRON, &f));
	FUZZ_HOLDS(tron.kind == evm.kind && memcmp(tron.sender, evm.sender, 20) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	UsdtpayFault f = {0};
	UsdtpaySlice payload;
	UsdtpayEvmLog log;
	UsdtpayJson j;

	if (!usdtpay_answer_payload(&payload, (const char *) data, size, &f))
	{
		FUZZ_HOLDS(f.what != NULL);
		return 0;
	}
	FUZZ_HOLDS(payload.p >= (const char *) data &&
			   payload.p + payload.len <= (const char *) data + size);
	usdtpay_json_init_slice(&j, (const char *) data, payload);
	(void) usdtpay_json_array(&j);
	while (usdtpay_json_element(&j))
	{
		if (!usdtpay_evm_log_parse(&log, &j, &f))
		{
			FUZZ_HOLDS(f.what != NULL);
			return 0;
		}
		fuzz_event(&log.log);
	}
	return 0;
}
