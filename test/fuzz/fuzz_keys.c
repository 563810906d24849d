/* SPDX-License-Identifier: PostgreSQL
 *
 * fuzz_keys.c: points, signatures and extended keys out of any bytes.  The input is taken as text
 * and as the 78 raw bytes of a key whose checksum is right.
 */
#include "fuzz.h"

#include "codec/abi.h"
#include "codec/base58.h"
#include "keys/bip32.h"
#include "keys/derive.h"

static void
fuzz_key_text(const char *in, size_t len)
{
	UsdtpayBip32 node;
	char text[USDTPAY_BIP32_TEXT_LEN + 1];
	uint8_t address[USDTPAY_ADDRESS_LEN];
	uint8_t again[USDTPAY_ADDRESS_LEN];
	UsdtpayKeyStatus status = usdtpay_bip32_parse(&node, in, len);

	FUZZ_HOLDS((usdtpay_derive_address(address, in, len, 7) == USDTPAY_KEY_OK) ==
			   (status == USDTPAY_KEY_OK && node.depth < 254));
	if (status != USDTPAY_KEY_OK)
		return;
	usdtpay_bip32_text(text, &node);
	FUZZ_HOLDS(strlen(text) == len && memcmp(text, in, len) == 0);
	if (node.depth >= 254)
		return;
	FUZZ_HOLDS(usdtpay_bip32_child(&node, &node, 0) == USDTPAY_KEY_OK &&
			   usdtpay_bip32_child(&node, &node, 7) == USDTPAY_KEY_OK);
	usdtpay_address_of_point(again, &node.point);
	FUZZ_HOLDS(memcmp(address, again, sizeof(again)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[USDTPAY_BASE58_MAX_TEXT];
	UsdtpayPoint point;
	uint8_t raw[33];
	uint8_t amount[32];
	size_t n;

	fuzz_key_text((const char *) data, size);
	n = usdtpay_base58check_encode(text, data, size);
	if (n > 0)
		fuzz_key_text(text, n);
	if (usdtpay_secp_parse(&point, data, size) && size == 33)
	{
		usdtpay_secp_compressed(raw, &point);
		FUZZ_HOLDS(memcmp(raw, data, 33) == 0);
	}
	if (size >= 97 && usdtpay_secp_recover(&point, data, data + 32))
	{
		usdtpay_secp_compressed(raw, &point);
		FUZZ_HOLDS(usdtpay_secp_parse(&point, raw, 33));
	}
	usdtpay_abi_read_transfer(raw, amount, data, size, size % 2 == 0);
	return 0;
}
