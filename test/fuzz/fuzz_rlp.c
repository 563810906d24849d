/* SPDX-License-Identifier: PostgreSQL
 *
 * fuzz_rlp.c: whatever the reader takes, the writer writes back byte for byte: only the canonical
 * form is taken.
 */
#include "fuzz.h"

#include "codec/rlp.h"

/* Reads and rewrites; depth bounds the recursion as callers do. */
static bool
fuzz_rewrite(UsdtpayRlpWriter *w, const uint8_t *in, size_t inlen, int depth)
{
	size_t pos = 0;

	while (pos < inlen)
	{
		UsdtpayRlpItem item;
		size_t start = w->len;
		size_t before = pos;

		if (depth > 200 || !usdtpay_rlp_next(&item, in, inlen, &pos))
			return false;
		FUZZ_HOLDS(pos > before && pos <= inlen && item.payload + item.len == in + pos);
		if (!item.is_list)
			usdtpay_rlp_put_bytes(w, item.payload, item.len);
		else if (fuzz_rewrite(w, item.payload, item.len, depth + 1))
			usdtpay_rlp_wrap(w, start);
		else
			return false;
	}
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *buf = malloc(size + 1);
	UsdtpayRlpWriter w = {buf, size, 0, false};
	UsdtpayRlpWriter tight = {buf, size / 2, 0, false};

	if (fuzz_rewrite(&w, data, size, 0))
		FUZZ_HOLDS(!w.overflow && w.len == size && (size == 0 || memcmp(buf, data, size) == 0));
	fuzz_rewrite(&tight, data, size, 0);
	FUZZ_HOLDS(tight.len <= size / 2);
	free(buf);
	return 0;
}
