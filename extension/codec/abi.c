/* SPDX-License-Identifier: PostgreSQL
 *
 * abi.c: contract ABI words and the three ERC-20 calls.  Selectors are the first four bytes of
 * the Keccak-256 of each signature; a unit test recomputes them.
 */
#include "codec/abi.h"

#include <string.h>

#include "codec/u256.h"

#define ABI_SELECTOR    4
#define ABI_TRON_PREFIX 0x41

static const uint8_t abi_transfer_selector[ABI_SELECTOR] = {0xa9, 0x05, 0x9c, 0xbb};
static const uint8_t abi_balance_of_selector[ABI_SELECTOR] = {0x70, 0xa0, 0x82, 0x31};
static const uint8_t abi_decimals_selector[ABI_SELECTOR] = {0x31, 0x3c, 0xe5, 0x67};

/* Writes an address word: zero padding, then twenty bytes. */
static void
abi_put_address(uint8_t word[USDTPAY_ABI_WORD], const uint8_t address[20])
{
	memset(word, 0, 12);
	memcpy(word + 12, address, 20);
}

void
usdtpay_abi_transfer(uint8_t out[USDTPAY_ABI_TRANSFER_LEN], const uint8_t to[20],
					 const uint8_t amount[32])
{
	memcpy(out, abi_transfer_selector, ABI_SELECTOR);
	abi_put_address(out + ABI_SELECTOR, to);
	memcpy(out + ABI_SELECTOR + USDTPAY_ABI_WORD, amount, USDTPAY_ABI_WORD);
}

void
usdtpay_abi_balance_of(uint8_t out[USDTPAY_ABI_BALANCE_OF_LEN], const uint8_t owner[20])
{
	memcpy(out, abi_balance_of_selector, ABI_SELECTOR);
	abi_put_address(out + ABI_SELECTOR, owner);
}

void
usdtpay_abi_decimals(uint8_t out[USDTPAY_ABI_DECIMALS_LEN])
{
	memcpy(out, abi_decimals_selector, ABI_SELECTOR);
}

bool
usdtpay_abi_read_transfer(uint8_t to[20], uint8_t amount[32], const uint8_t *in, size_t inlen,
						  bool tron)
{
	if (inlen != USDTPAY_ABI_TRANSFER_LEN || memcmp(in, abi_transfer_selector, ABI_SELECTOR) != 0)
		return false;
	if (!usdtpay_abi_word_address(to, in + ABI_SELECTOR, tron))
		return false;
	memcpy(amount, in + ABI_SELECTOR + USDTPAY_ABI_WORD, USDTPAY_ABI_WORD);
	return true;
}

bool
usdtpay_abi_word_address(uint8_t out[20], const uint8_t word[32], bool tron)
{
	int i;

	for (i = 0; i < 11; i++)
		if (word[i] != 0)
			return false;
	if (word[11] != 0 && !(tron && word[11] == ABI_TRON_PREFIX))
		return false;
	memcpy(out, word + 12, 20);
	return true;
}

bool
usdtpay_abi_word_bool(bool *out, const uint8_t word[32])
{
	uint64_t value;

	if (!usdtpay_u256_to_u64(&value, word) || value > 1)
		return false;
	*out = value == 1;
	return true;
}

bool
usdtpay_abi_word_u64(uint64_t *out, const uint8_t word[32])
{
	return usdtpay_u256_to_u64(out, word);
}
