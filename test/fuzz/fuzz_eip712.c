/* SPDX-License-Identifier: PostgreSQL
 *
 * fuzz_eip712.c: type names and values of typed data.  Input: a type, a NUL, a value.
 */
#include "fuzz.h"

#include "codec/eip712.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *type = (const char *) data;
	const char *nul = memchr(data, 0, size);
	size_t typelen = nul != NULL ? (size_t) (nul - type) : size;
	const char *value = nul != NULL ? nul + 1 : type + size;
	size_t valuelen = size - (size_t) (value - type);
	UsdtpayEip712Type atom;
	uint8_t word[32];
	size_t left = typelen;
	int64_t count;
	bool bad;

	usdtpay_eip712_name(type, typelen);
	while (usdtpay_eip712_array(&left, &count, &bad, type, left))
		FUZZ_HOLDS(!bad && left > 0 && left < typelen && (count == -1 || count > 0));
	atom = usdtpay_eip712_type(type, left);
	if (atom.kind == USDTPAY_EIP712_UINT || atom.kind == USDTPAY_EIP712_INT)
	{
		FUZZ_HOLDS(atom.size >= 8 && atom.size <= 256 && atom.size % 8 == 0);
		if (usdtpay_eip712_integer(word, atom, value, valuelen))
		{
			/* Everything above the type's bits is the sign. */
			uint8_t sign = atom.kind == USDTPAY_EIP712_INT && (word[32 - atom.size / 8] & 0x80) != 0
							   ? 0xff
							   : 0x00;
			unsigned i;

			for (i = 0; i < 32 - atom.size / 8; i++)
				FUZZ_HOLDS(word[i] == sign);
		}
	}
	if (atom.kind == USDTPAY_EIP712_FIXED_BYTES)
	{
		FUZZ_HOLDS(atom.size >= 1 && atom.size <= 32);
		usdtpay_eip712_fixed_bytes(word, atom, value, valuelen);
	}
	return 0;
}
