/* SPDX-License-Identifier: PostgreSQL
 *
 * address.c: addresses of both families.  A text of the other family gets an answer of its own:
 * sending to the wrong chain is the commonest way to lose money.
 */
#include "keys/address.h"

#include <string.h>

#include "codec/base58.h"
#include "codec/hex.h"
#include "codec/keccak.h"

#define ADDRESS_HEX         40
#define ADDRESS_TRON_PREFIX 0x41

bool
usdtpay_family_parse(UsdtpayFamily *family, const char *in, size_t inlen)
{
	if (inlen == 3 && memcmp(in, "evm", 3) == 0)
		*family = USDTPAY_FAMILY_EVM;
	else if (inlen == 4 && memcmp(in, "tron", 4) == 0)
		*family = USDTPAY_FAMILY_TRON;
	else
		return false;
	return true;
}

void
usdtpay_address_of_point(uint8_t out[USDTPAY_ADDRESS_LEN], const UsdtpayPoint *point)
{
	uint8_t xy[64];
	uint8_t hash[32];

	usdtpay_secp_xy(xy, point);
	usdtpay_keccak256(hash, xy, sizeof(xy));
	memcpy(out, hash + 12, USDTPAY_ADDRESS_LEN);
}

/* Writes 40 digits with the EIP-55 checksum: a letter is upper case where the matching nibble of
 * the Keccak-256 of the lower-case digits is 8 or more. */
static void
address_eip55(char out[ADDRESS_HEX], const uint8_t in[USDTPAY_ADDRESS_LEN])
{
	uint8_t hash[32];
	int i;

	usdtpay_hex_encode(out, in, USDTPAY_ADDRESS_LEN);
	usdtpay_keccak256(hash, (const uint8_t *) out, ADDRESS_HEX);
	for (i = 0; i < ADDRESS_HEX; i++)
	{
		int nibble = hash[i / 2] >> (i % 2 == 0 ? 4 : 0) & 0x0f;

		if (nibble >= 8 && out[i] >= 'a')
			out[i] = (char) (out[i] - 'a' + 'A');
	}
}

size_t
usdtpay_address_format(char out[USDTPAY_ADDRESS_TEXT], UsdtpayFamily family,
					   const uint8_t in[USDTPAY_ADDRESS_LEN])
{
	if (family == USDTPAY_FAMILY_TRON)
	{
		uint8_t raw[1 + USDTPAY_ADDRESS_LEN];
		char text[USDTPAY_BASE58_MAX_TEXT];
		size_t len;

		raw[0] = ADDRESS_TRON_PREFIX;
		memcpy(raw + 1, in, USDTPAY_ADDRESS_LEN);
		len = usdtpay_base58check_encode(text, raw, sizeof(raw));
		memcpy(out, text, len + 1);
		return len;
	}
	memcpy(out, "0x", 2);
	address_eip55(out + 2, in);
	out[2 + ADDRESS_HEX] = '\0';
	return 2 + ADDRESS_HEX;
}

/* Says whether all letters of in[0..40) have one case, which then carries no checksum. */
static bool
address_one_case(const char *in)
{
	bool upper = false;
	bool lower = false;
	int i;

	for (i = 0; i < ADDRESS_HEX; i++)
	{
		upper |= in[i] >= 'A' && in[i] <= 'F';
		lower |= in[i] >= 'a' && in[i] <= 'f';
	}
	return !(upper && lower);
}

/* Reads 0x and 40 digits, verifying a mixed-case checksum. */
static UsdtpayAddressStatus
address_parse_hex(uint8_t out[USDTPAY_ADDRESS_LEN], const char *in, size_t inlen)
{
	char want[ADDRESS_HEX];

	if (inlen != 2 + ADDRESS_HEX || in[0] != '0' || in[1] != 'x' ||
		!usdtpay_hex_decode(out, USDTPAY_ADDRESS_LEN, in + 2, ADDRESS_HEX))
		return USDTPAY_ADDRESS_MALFORMED;
	if (address_one_case(in + 2))
		return USDTPAY_ADDRESS_OK;
	address_eip55(want, out);
	return memcmp(want, in + 2, ADDRESS_HEX) == 0 ? USDTPAY_ADDRESS_OK : USDTPAY_ADDRESS_CHECKSUM;
}

/* Reads TRON's base58check, or its hex form 41 and 40 digits. */
static UsdtpayAddressStatus
address_parse_tron(uint8_t out[USDTPAY_ADDRESS_LEN], const char *in, size_t inlen)
{
	uint8_t raw[USDTPAY_BASE58_MAX_PAYLOAD];
	size_t len;
	UsdtpayBase58Status status;

	if (inlen == 2 + ADDRESS_HEX && in[0] == '4' && in[1] == '1')
		return usdtpay_hex_decode(out, USDTPAY_ADDRESS_LEN, in + 2, ADDRESS_HEX)
				   ? USDTPAY_ADDRESS_OK
				   : USDTPAY_ADDRESS_MALFORMED;
	status = usdtpay_base58check_decode(raw, &len, in, inlen);
	if (status == USDTPAY_BASE58_BAD_CHECKSUM && inlen == 34 && in[0] == 'T')
		return USDTPAY_ADDRESS_CHECKSUM;
	if (status != USDTPAY_BASE58_OK)
		return USDTPAY_ADDRESS_MALFORMED;
	if (len != 1 + USDTPAY_ADDRESS_LEN || raw[0] != ADDRESS_TRON_PREFIX)
		return USDTPAY_ADDRESS_OTHER_CHAIN;
	memcpy(out, raw + 1, USDTPAY_ADDRESS_LEN);
	return USDTPAY_ADDRESS_OK;
}

UsdtpayAddressStatus
usdtpay_address_parse(uint8_t out[USDTPAY_ADDRESS_LEN], UsdtpayFamily family, const char *in,
					  size_t inlen)
{
	UsdtpayAddressStatus hex = address_parse_hex(out, in, inlen);
	UsdtpayAddressStatus tron;

	if (family == USDTPAY_FAMILY_EVM)
	{
		if (hex != USDTPAY_ADDRESS_MALFORMED)
			return hex;
		tron = address_parse_tron(out, in, inlen);
		if (tron == USDTPAY_ADDRESS_OK)
			return USDTPAY_ADDRESS_IS_TRON;
		return tron == USDTPAY_ADDRESS_OTHER_CHAIN ? tron : USDTPAY_ADDRESS_MALFORMED;
	}
	if (hex != USDTPAY_ADDRESS_MALFORMED)
		return USDTPAY_ADDRESS_IS_EVM;
	return address_parse_tron(out, in, inlen);
}
