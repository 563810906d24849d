/* SPDX-License-Identifier: PostgreSQL
 *
 * u256.c: decimal text of 256-bit integers.  Limbs are 32 bits, least significant first, moved in
 * groups of nine decimal digits.
 */
#include "codec/u256.h"

#include <string.h>

#define U256_LIMBS    8
#define U256_GROUP    9
#define U256_GROUPS   9 /* 81 digits hold 2^256 */
#define U256_GROUP_OF 1000000000u

/* Divides by 10^9 in place.  Returns: the remainder. */
static uint32_t
u256_divide(uint32_t limb[U256_LIMBS])
{
	uint64_t rest = 0;
	int i;

	for (i = U256_LIMBS - 1; i >= 0; i--)
	{
		rest = rest << 32 | limb[i];
		limb[i] = (uint32_t) (rest / U256_GROUP_OF);
		rest %= U256_GROUP_OF;
	}
	return (uint32_t) rest;
}

/* Computes limb = limb * factor + add.  Returns: false when the result exceeds 256 bits. */
static bool
u256_multiply_add(uint32_t limb[U256_LIMBS], uint32_t factor, uint32_t add)
{
	uint64_t carry = add;
	int i;

	for (i = 0; i < U256_LIMBS; i++)
	{
		carry += (uint64_t) limb[i] * factor;
		limb[i] = (uint32_t) carry;
		carry >>= 32;
	}
	return carry == 0;
}

size_t
usdtpay_u256_to_decimal(char out[USDTPAY_U256_DIGITS + 1], const uint8_t in[32])
{
	uint32_t limb[U256_LIMBS] = {0};
	char digits[U256_GROUPS * U256_GROUP];
	size_t n = 0;
	size_t i;

	for (i = 0; i < 32; i++)
		limb[i / 4] |= (uint32_t) in[31 - i] << (8 * (i % 4));
	for (i = 0; i < U256_GROUPS; i++)
	{
		uint32_t group = u256_divide(limb);
		int k;

		for (k = 0; k < U256_GROUP; k++, group /= 10)
			digits[n++] = (char) ('0' + group % 10);
	}
	while (n > 1 && digits[n - 1] == '0')
		n--;
	for (i = 0; i < n; i++)
		out[i] = digits[n - 1 - i];
	out[n] = '\0';
	return n;
}

bool
usdtpay_u256_from_decimal(uint8_t out[32], const char *in, size_t inlen)
{
	uint32_t limb[U256_LIMBS] = {0};
	size_t i = 0;

	if (inlen == 0)
		return false;
	while (i < inlen)
	{
		uint32_t factor = 1;
		uint32_t group = 0;
		int k;

		for (k = 0; k < U256_GROUP && i < inlen; k++, i++)
		{
			if (in[i] < '0' || in[i] > '9')
				return false;
			group = group * 10 + (uint32_t) (in[i] - '0');
			factor *= 10;
		}
		if (!u256_multiply_add(limb, factor, group))
			return false;
	}
	for (i = 0; i < 32; i++)
		out[31 - i] = (uint8_t) (limb[i / 4] >> (8 * (i % 4)));
	return true;
}

bool
usdtpay_u256_to_u64(uint64_t *out, const uint8_t in[32])
{
	uint64_t value = 0;
	int i;

	for (i = 0; i < 24; i++)
		if (in[i] != 0)
			return false;
	for (; i < 32; i++)
		value = value << 8 | in[i];
	*out = value;
	return true;
}

void
usdtpay_u256_from_u64(uint8_t out[32], uint64_t value)
{
	int i;

	memset(out, 0, 24);
	for (i = 0; i < 8; i++)
		out[24 + i] = (uint8_t) (value >> (56 - 8 * i));
}
