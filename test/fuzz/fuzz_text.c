/* SPDX-License-Identifier: PostgreSQL
 *
 * fuzz_text.c: texts that people and nodes send: hex, quantities, decimals, base58check, addresses.
 * What is taken comes back the same when formatted again.
 */
#include "fuzz.h"

#include <stdio.h>

#include "codec/base58.h"
#include "codec/hex.h"
#include "codec/u256.h"
#include "keys/address.h"

static void
fuzz_hex(const char *in, size_t len)
{
	uint8_t *bytes = malloc(len / 2 + 1);
	char *text = malloc(len + 1);
	uint64_t value;

	if (usdtpay_hex_decode(bytes, len / 2, in, len))
	{
		size_t i;

		usdtpay_hex_encode(text, bytes, len / 2);
		for (i = 0; i < len; i++)
			FUZZ_HOLDS(text[i] == (in[i] >= 'A' && in[i] <= 'F' ? in[i] + 32 : in[i]));
	}
	if (usdtpay_hex_quantity(&value, in, len))
		FUZZ_HOLDS(len <= 18 && in[0] == '0' && in[1] == 'x');
	free(text);
	free(bytes);
}

static void
fuzz_decimal(const char *in, size_t len)
{
	uint8_t word[32];
	uint8_t again[32];
	char text[USDTPAY_U256_DIGITS + 1];
	size_t n;

	if (!usdtpay_u256_from_decimal(word, in, len))
		return;
	n = usdtpay_u256_to_decimal(text, word);
	while (len > 1 && in[0] == '0')
	{
		in++;
		len--;
	}
	FUZZ_HOLDS(n == len && memcmp(text, in, n) == 0);
	FUZZ_HOLDS(usdtpay_u256_from_decimal(again, text, n) && memcmp(word, again, 32) == 0);
}

/* Any bytes encode to text that decodes to the same bytes, and any text that decodes is the only
 * text of its bytes. */
static void
fuzz_base58(const uint8_t *in, size_t len)
{
	uint8_t out[USDTPAY_BASE58_MAX_PAYLOAD];
	char text[USDTPAY_BASE58_MAX_TEXT];
	size_t outlen;
	size_t n = usdtpay_base58check_encode(text, in, len);

	FUZZ_HOLDS((n == 0) == (len > USDTPAY_BASE58_MAX_PAYLOAD));
	if (n > 0)
		FUZZ_HOLDS(usdtpay_base58check_decode(out, &outlen, text, n) == USDTPAY_BASE58_OK &&
				   outlen == len && memcmp(out, in, len) == 0);
	if (usdtpay_base58check_decode(out, &outlen, (const char *) in, len) == USDTPAY_BASE58_OK)
	{
		n = usdtpay_base58check_encode(text, out, outlen);
		FUZZ_HOLDS(n == len && memcmp(text, in, n) == 0);
	}
}

static void
fuzz_address(const char *in, size_t len)
{
	UsdtpayFamily family;
	uint8_t raw[USDTPAY_ADDRESS_LEN];
	uint8_t again[USDTPAY_ADDRESS_LEN];
	char text[USDTPAY_ADDRESS_TEXT];
	int taken = 0;

	for (family = USDTPAY_FAMILY_EVM; family <= USDTPAY_FAMILY_TRON; family++)
	{
		size_t n;

		if (usdtpay_address_parse(raw, family, in, len) != USDTPAY_ADDRESS_OK)
			continue;
		taken++;
		n = usdtpay_address_format(text, family, raw);
		FUZZ_HOLDS(usdtpay_address_parse(again, family, text, n) == USDTPAY_ADDRESS_OK &&
				   memcmp(raw, again, sizeof(raw)) == 0);
	}
	FUZZ_HOLDS(taken <= 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *) data;
	char prefixed[64];

	fuzz_hex(text, size);
	fuzz_decimal(text, size);
	fuzz_base58(data, size);
	fuzz_address(text, size);
	if (size >= USDTPAY_ADDRESS_LEN)
	{
		usdtpay_address_format(prefixed, USDTPAY_FAMILY_EVM, data);
		fuzz_address(prefixed, strlen(prefixed));
		usdtpay_address_format(prefixed, USDTPAY_FAMILY_TRON, data);
		fuzz_address(prefixed, strlen(prefixed));
	}
	return 0;
}
