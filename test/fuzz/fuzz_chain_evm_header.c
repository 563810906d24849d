/* SPDX-License-Identifier: PostgreSQL
 *
 * fuzz_chain_evm_header.c: a block object is read and hashed, or refused with a reason; the same
 * bytes always give the same hash.
 */
#include "fuzz.h"

#include "chain/evm.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	UsdtpayEvmHeader header;
	UsdtpayFault f = {0};
	uint8_t first[32];
	uint8_t again[32];
	UsdtpayJson j;

	usdtpay_json_init(&j, (const char *) data, size);
	if (!usdtpay_evm_header_parse(&header, &j, &f))
	{
		FUZZ_HOLDS(f.what != NULL);
		return 0;
	}
	FUZZ_HOLDS(header.bloom.len == 512 && header.number <= INT64_MAX);
	if (usdtpay_evm_header_hash(first, &header, &f))
		FUZZ_HOLDS(usdtpay_evm_header_hash(again, &header, &f) && memcmp(first, again, 32) == 0);
	else
		FUZZ_HOLDS(f.what != NULL);
	return 0;
}
