/* SPDX-License-Identifier: PostgreSQL
 *
 * hex.c: hexadecimal text to bytes and back.  Blocks and receipts arrive as megabytes of hex, so
 * the decoder is one table look-up per digit and checks a whole string with one accumulated flag.
 */
#include "codec/hex.h"

#define HEX_BAD 0xff

/* Value of each character as a digit plus one; 0 (the default) marks what is no digit. */
static const uint8_t hex_value_plus_one[256] = {
	['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
	['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
	['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

/* Returns: the digit's value 0..15, or 0xff when c is no hex digit. */
static inline uint8_t
hex_digit(char c)
{
	return (uint8_t) (hex_value_plus_one[(uint8_t) c] - 1);
}

bool
usdtpay_hex_decode(uint8_t *out, size_t outlen, const char *in, size_t inlen)
{
	uint8_t seen = 0;
	size_t i;

	if (outlen > SIZE_MAX / 2 || inlen != 2 * outlen)
		return false;
	for (i = 0; i < outlen; i++)
	{
		uint8_t high = hex_digit(in[2 * i]);
		uint8_t low = hex_digit(in[2 * i + 1]);

		/* A bad digit is 0xff: its upper four bits stay set in the accumulator. */
		seen |= high | low;
		out[i] = (uint8_t) (high << 4 | (low & 0x0f));
	}
	return seen <= 0x0f;
}

void
usdtpay_hex_encode(char *out, const uint8_t *in, size_t inlen)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < inlen; i++)
	{
		out[2 * i] = digits[in[i] >> 4];
		out[2 * i + 1] = digits[in[i] & 0x0f];
	}
}

bool
usdtpay_hex_quantity(uint64_t *out, const char *in, size_t inlen)
{
	uint64_t value = 0;
	size_t i;

	if (inlen < 3 || inlen > 2 + 16 || in[0] != '0' || in[1] != 'x')
		return false;
	for (i = 2; i < inlen; i++)
	{
		uint8_t digit = hex_digit(in[i]);

		if (digit == HEX_BAD)
			return false;
		value = value << 4 | digit;
	}
	*out = value;
	return true;
}
