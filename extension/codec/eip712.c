/* SPDX-License-Identifier: PostgreSQL
 *
 * eip712.c: types and static words of EIP-712.
 */
#include "codec/eip712.h"

#include <string.h>

#include "codec/hex.h"
#include "codec/keccak.h"
#include "codec/u256.h"

#define EIP712_MAX_COUNT_DIGITS 9

/* Reads a positive decimal without leading zeros and of at most nine digits.
 * Returns: its value, or -1. */
static int64_t
eip712_count(const char *in, size_t inlen)
{
	int64_t value = 0;
	size_t i;

	if (inlen == 0 || inlen > EIP712_MAX_COUNT_DIGITS || in[0] == '0')
		return -1;
	for (i = 0; i < inlen; i++)
	{
		if (in[i] < '0' || in[i] > '9')
			return -1;
		value = value * 10 + (in[i] - '0');
	}
	return value;
}

bool
usdtpay_eip712_array(size_t *baselen, int64_t *count, bool *bad, const char *type, size_t typelen)
{
	size_t open = typelen;

	*bad = false;
	if (typelen == 0 || type[typelen - 1] != ']')
		return false;
	while (open > 0 && type[open - 1] != '[')
		open--;
	/* open is now just behind the bracket, 0 when there is none */
	*count = -1;
	if (open > 0 && open < typelen - 1)
	{
		*count = eip712_count(type + open, typelen - 1 - open);
		*bad = *count < 0;
	}
	*bad |= open < 2;
	*baselen = open < 2 ? 0 : open - 1;
	return !*bad;
}

/* Reads the number behind a type's name.  Returns: false unless lowest <= size <= highest. */
static bool
eip712_size(unsigned *size, const char *type, size_t typelen, const char *name, int lowest,
			int highest)
{
	size_t namelen = strlen(name);
	int64_t value;

	if (typelen <= namelen || memcmp(type, name, namelen) != 0)
		return false;
	value = eip712_count(type + namelen, typelen - namelen);
	if (value < lowest || value > highest)
		return false;
	*size = (unsigned) value;
	return true;
}

/* Compares a type with a name. */
static bool
eip712_is(const char *type, size_t typelen, const char *name)
{
	return typelen == strlen(name) && memcmp(type, name, typelen) == 0;
}

UsdtpayEip712Type
usdtpay_eip712_type(const char *type, size_t typelen)
{
	UsdtpayEip712Type found = {USDTPAY_EIP712_NONE, 0};

	if (eip712_is(type, typelen, "bool"))
		found.kind = USDTPAY_EIP712_BOOL;
	else if (eip712_is(type, typelen, "address"))
		found.kind = USDTPAY_EIP712_ADDRESS;
	else if (eip712_is(type, typelen, "string"))
		found.kind = USDTPAY_EIP712_STRING;
	else if (eip712_is(type, typelen, "bytes"))
		found.kind = USDTPAY_EIP712_BYTES;
	else if (eip712_size(&found.size, type, typelen, "bytes", 1, 32))
		found.kind = USDTPAY_EIP712_FIXED_BYTES;
	else if (eip712_size(&found.size, type, typelen, "uint", 8, 256) && found.size % 8 == 0)
		found.kind = USDTPAY_EIP712_UINT;
	else if (eip712_size(&found.size, type, typelen, "int", 8, 256) && found.size % 8 == 0)
		found.kind = USDTPAY_EIP712_INT;
	return found;
}

/* Reads 0x and up to 64 digits, odd numbers of them too. */
static bool
eip712_hex_integer(uint8_t word[32], const char *in, size_t inlen)
{
	char padded[64];

	if (inlen < 3 || inlen > 2 + sizeof(padded))
		return false;
	memset(padded, '0', sizeof(padded));
	memcpy(padded + sizeof(padded) - (inlen - 2), in + 2, inlen - 2);
	return usdtpay_hex_decode(word, 32, padded, sizeof(padded));
}

/* Says whether the magnitude needs no more than `bits` bits. */
static bool
eip712_fits(const uint8_t word[32], unsigned bits)
{
	unsigned i;

	for (i = 0; i < 32; i++)
	{
		unsigned above = 8 * (31 - i); /* bits below this byte */

		if (above >= bits ? word[i] != 0 : bits - above < 8 && word[i] >> (bits - above) != 0)
			return false;
	}
	return true;
}

/* Says whether the magnitude is exactly 2^(bits - 1), the one int that only exists below zero. */
static bool
eip712_is_lowest(const uint8_t word[32], unsigned bits)
{
	uint8_t lowest[32] = {0};

	lowest[31 - (bits - 1) / 8] = (uint8_t) (1 << (bits - 1) % 8);
	return memcmp(word, lowest, sizeof(lowest)) == 0;
}

/* Replaces the word by its two's complement. */
static void
eip712_negate(uint8_t word[32])
{
	unsigned carry = 1;
	int i;

	for (i = 31; i >= 0; i--)
	{
		carry += (uint8_t) ~word[i];
		word[i] = (uint8_t) carry;
		carry >>= 8;
	}
}

bool
usdtpay_eip712_integer(uint8_t word[32], UsdtpayEip712Type type, const char *in, size_t inlen)
{
	bool negative = inlen > 0 && in[0] == '-';
	unsigned bits = type.kind == USDTPAY_EIP712_INT ? type.size - 1 : type.size;

	if (negative)
	{
		if (type.kind != USDTPAY_EIP712_INT)
			return false;
		in++;
		inlen--;
	}
	if (!(inlen >= 2 && in[0] == '0' && in[1] == 'x' ? eip712_hex_integer(word, in, inlen)
													 : usdtpay_u256_from_decimal(word, in, inlen)))
		return false;
	if (!eip712_fits(word, bits) && !(negative && eip712_is_lowest(word, type.size)))
		return false;
	if (negative)
		eip712_negate(word);
	return true;
}

bool
usdtpay_eip712_fixed_bytes(uint8_t word[32], UsdtpayEip712Type type, const char *in, size_t inlen)
{
	if (inlen != 2 + 2 * (size_t) type.size || in[0] != '0' || in[1] != 'x')
		return false;
	memset(word, 0, 32);
	return usdtpay_hex_decode(word, type.size, in + 2, inlen - 2);
}

bool
usdtpay_eip712_name(const char *in, size_t inlen)
{
	static const char reserved[] = {'(', ')', '[', ']', ','};
	size_t i;

	for (i = 0; i < inlen; i++)
		if (in[i] <= ' ' ? (uint8_t) in[i] < 0x80
						 : memchr(reserved, in[i], sizeof(reserved)) != NULL)
			return false;
	return inlen > 0;
}

void
usdtpay_eip712_digest(uint8_t out[32], const uint8_t domain[32], const uint8_t *message)
{
	uint8_t all[2 + 32 + 32] = {0x19, 0x01};

	memcpy(all + 2, domain, 32);
	if (message != NULL)
		memcpy(all + 34, message, 32);
	usdtpay_keccak256(out, all, message != NULL ? sizeof(all) : 34);
}
