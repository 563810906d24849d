/* SPDX-License-Identifier: PostgreSQL
 *
 * fuzz_chain_json.c: walking a document member by member and skipping it whole agree on whether
 * it is JSON and where it ends; unescaping stays inside its buffer.
 */
#include "fuzz.h"

#include "chain/json.h"

/* Reads one value the slow way. */
static bool
fuzz_walk(UsdtpayJson *j)
{
	UsdtpaySlice s;
	char text[64];
	bool truth;

	switch (usdtpay_json_peek(j))
	{
		case USDTPAY_JSON_OBJECT:
			(void) usdtpay_json_object(j);
			while (usdtpay_json_member(j, &s))
			{
				if (!fuzz_walk(j))
					return false;
			}
			return j->error == NULL;
		case USDTPAY_JSON_ARRAY:
			(void) usdtpay_json_array(j);
			while (usdtpay_json_element(j))
			{
				if (!fuzz_walk(j))
					return false;
			}
			return j->error == NULL;
		case USDTPAY_JSON_STRING:
			if (!usdtpay_json_string(j, &s))
				return false;
			FUZZ_HOLDS(usdtpay_json_unescape(text, sizeof(text), s) <= (long) sizeof(text));
			return true;
		case USDTPAY_JSON_NUMBER:
			return usdtpay_json_number(j, &s);
		case USDTPAY_JSON_BOOL:
			return usdtpay_json_bool(j, &truth);
		case USDTPAY_JSON_NULL:
			return usdtpay_json_null(j);
		default:
			return false;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	UsdtpaySlice raw;
	UsdtpayJson walk;
	UsdtpayJson skip;
	bool walked;
	bool skipped;

	usdtpay_json_init(&walk, (const char *) data, size);
	usdtpay_json_init(&skip, (const char *) data, size);
	walked = fuzz_walk(&walk);
	skipped = usdtpay_json_skip(&skip, &raw);
	FUZZ_HOLDS(walked == skipped);
	if (walked)
	{
		FUZZ_HOLDS(walk.cur == skip.cur && raw.p + raw.len == skip.cur);
		FUZZ_HOLDS(usdtpay_json_end(&walk) == usdtpay_json_end(&skip));
	}
	return 0;
}
