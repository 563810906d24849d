/* SPDX-License-Identifier: PostgreSQL
 *
 * base58.c: base58check.  Numbers are kept as 32-bit limbs and moved in groups of five digits
 * (58^5 < 2^30), which does a twenty-fifth of the work of going digit by digit.
 */
#include "codec/base58.h"

#include <stdbool.h>
#include <string.h>
#include <openssl/crypto.h>

#include "codec/sha2.h"

#define BASE58_CHECKSUM 4
#define BASE58_BYTES    (USDTPAY_BASE58_MAX_PAYLOAD + BASE58_CHECKSUM)
#define BASE58_LIMBS    (BASE58_BYTES / 4)
#define BASE58_GROUP    5
#define BASE58_GROUP_OF 656356768u /* 58^5 */

static const char base58_alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

_Static_assert(BASE58_BYTES % 4 == 0, "the number must fill whole limbs");

/* Returns: the digit's value 0..57, or -1 when c is outside the alphabet. */
static int
base58_digit(char c)
{
	if (c >= '1' && c <= '9')
		return c - '1';
	if (c >= 'A' && c <= 'Z' && c != 'I' && c != 'O')
		return c - 'A' + 9 - (c > 'I') - (c > 'O');
	if (c >= 'a' && c <= 'z' && c != 'l')
		return c - 'a' + 33 - (c > 'l');
	return -1;
}

/* Computes number = number * factor + add over little-endian limbs.
 * Returns: false when the result does not fit. */
static bool
base58_multiply_add(uint32_t number[BASE58_LIMBS], uint32_t factor, uint32_t add)
{
	uint64_t carry = add;
	int i;

	for (i = 0; i < BASE58_LIMBS; i++)
	{
		carry += (uint64_t) number[i] * factor;
		number[i] = (uint32_t) carry;
		carry >>= 32;
	}
	return carry == 0;
}

/* Reads the digits into a number.  Out: number. */
static UsdtpayBase58Status
base58_read(uint32_t number[BASE58_LIMBS], const char *in, size_t inlen)
{
	size_t i = 0;

	memset(number, 0, sizeof(uint32_t) * BASE58_LIMBS);
	while (i < inlen)
	{
		uint32_t factor = 1;
		uint32_t group = 0;
		int n;

		for (n = 0; n < BASE58_GROUP && i < inlen; n++, i++)
		{
			int digit = base58_digit(in[i]);

			if (digit < 0)
				return USDTPAY_BASE58_BAD_CHAR;
			group = group * 58 + (uint32_t) digit;
			factor *= 58;
		}
		if (!base58_multiply_add(number, factor, group))
			return USDTPAY_BASE58_BAD_LENGTH;
	}
	return USDTPAY_BASE58_OK;
}

/* Computes the checksum of a payload: the head of its double SHA-256. */
static void
base58_checksum(uint8_t out[BASE58_CHECKSUM], const uint8_t *in, size_t inlen)
{
	uint8_t hash[32];

	usdtpay_sha256(hash, in, inlen);
	usdtpay_sha256(hash, hash, sizeof(hash));
	memcpy(out, hash, BASE58_CHECKSUM);
}

/* Writes the number as bytes with `zeros` leading zero bytes.
 * Returns: their count, or 0 when they exceed BASE58_BYTES. */
static size_t
base58_to_bytes(uint8_t out[BASE58_BYTES], const uint32_t number[BASE58_LIMBS], size_t zeros)
{
	size_t significant = BASE58_BYTES;
	size_t i;

	while (significant > 0 &&
		   (number[(significant - 1) / 4] >> (8 * ((significant - 1) % 4)) & 0xff) == 0)
		significant--;
	if (zeros > BASE58_BYTES - significant)
		return 0;
	memset(out, 0, zeros);
	for (i = 0; i < significant; i++)
	{
		size_t at = significant - 1 - i;

		out[zeros + i] = (uint8_t) (number[at / 4] >> (8 * (at % 4)));
	}
	return zeros + significant;
}

/* Decodes text into payload and checksum and compares them; buffers are the caller's. */
static UsdtpayBase58Status
base58_decode_into(uint32_t number[BASE58_LIMBS], uint8_t bytes[BASE58_BYTES], size_t *len,
				   const char *in, size_t inlen)
{
	uint8_t checksum[BASE58_CHECKSUM];
	UsdtpayBase58Status status;
	size_t zeros = 0;

	while (zeros < inlen && in[zeros] == '1')
		zeros++;
	status = base58_read(number, in + zeros, inlen - zeros);
	if (status != USDTPAY_BASE58_OK)
		return status;
	*len = base58_to_bytes(bytes, number, zeros);
	if (*len < BASE58_CHECKSUM)
		return USDTPAY_BASE58_BAD_LENGTH;
	*len -= BASE58_CHECKSUM;
	base58_checksum(checksum, bytes, *len);
	if (memcmp(checksum, bytes + *len, BASE58_CHECKSUM) != 0)
		return USDTPAY_BASE58_BAD_CHECKSUM;
	return USDTPAY_BASE58_OK;
}

UsdtpayBase58Status
usdtpay_base58check_decode(uint8_t out[USDTPAY_BASE58_MAX_PAYLOAD], size_t *outlen, const char *in,
						   size_t inlen)
{
	uint32_t number[BASE58_LIMBS];
	uint8_t bytes[BASE58_BYTES];
	UsdtpayBase58Status status;

	if (inlen >= USDTPAY_BASE58_MAX_TEXT)
		return USDTPAY_BASE58_BAD_LENGTH;
	status = base58_decode_into(number, bytes, outlen, in, inlen);
	if (status == USDTPAY_BASE58_OK)
		memcpy(out, bytes, *outlen);
	/* Somebody may have pasted a private key. */
	OPENSSL_cleanse(number, sizeof(number));
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return status;
}

/* Divides the number by 58^5.  Returns: the remainder. */
static uint32_t
base58_divide(uint32_t number[BASE58_LIMBS])
{
	uint64_t rest = 0;
	int i;

	for (i = BASE58_LIMBS - 1; i >= 0; i--)
	{
		rest = rest << 32 | number[i];
		number[i] = (uint32_t) (rest / BASE58_GROUP_OF);
		rest %= BASE58_GROUP_OF;
	}
	return (uint32_t) rest;
}

/* Writes the digits of a number of len bytes, least significant first.
 * Returns: how many, without leading zero digits. */
static size_t
base58_digits(char out[USDTPAY_BASE58_MAX_TEXT], const uint8_t *in, size_t len)
{
	uint32_t number[BASE58_LIMBS] = {0};
	size_t groups = (len * 138 / 100 + 1 + BASE58_GROUP - 1) / BASE58_GROUP;
	size_t n = 0;
	size_t i;

	for (i = 0; i < len; i++)
		number[i / 4] |= (uint32_t) in[len - 1 - i] << (8 * (i % 4));
	for (i = 0; i < groups; i++)
	{
		uint32_t group = base58_divide(number);
		int k;

		for (k = 0; k < BASE58_GROUP; k++, group /= 58)
			out[n++] = base58_alphabet[group % 58];
	}
	while (n > 0 && out[n - 1] == '1')
		n--;
	return n;
}

size_t
usdtpay_base58check_encode(char out[USDTPAY_BASE58_MAX_TEXT], const uint8_t *in, size_t inlen)
{
	uint8_t bytes[BASE58_BYTES];
	char digits[USDTPAY_BASE58_MAX_TEXT + BASE58_GROUP];
	size_t zeros = 0;
	size_t n;
	size_t i;

	if (inlen > USDTPAY_BASE58_MAX_PAYLOAD)
		return 0;
	if (inlen > 0)
		memcpy(bytes, in, inlen);
	base58_checksum(bytes + inlen, in, inlen);
	while (zeros < inlen + BASE58_CHECKSUM && bytes[zeros] == 0)
		zeros++;
	n = base58_digits(digits, bytes + zeros, inlen + BASE58_CHECKSUM - zeros);
	memset(out, '1', zeros);
	for (i = 0; i < n; i++)
		out[zeros + i] = digits[n - 1 - i];
	out[zeros + n] = '\0';
	return zeros + n;
}
