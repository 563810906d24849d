/* SPDX-License-Identifier: PostgreSQL
 *
 * test_keys.c: points, extended public keys, addresses of both families and derivation.
 */
#include "tap.h"

#include "codec/base58.h"
#include "codec/keccak.h"
#include "codec/rlp.h"
#include "keys/address.h"
#include "keys/bip32.h"
#include "keys/derive.h"
#include "keys/secp.h"

#define KEY                                                                                        \
	"xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265T"  \
	"Mg7usUDFdp6W1EGMcet8"

static int keys_bad;

/* parent xpub, index, child xpub or "hardened" */
static void
check_ckd(char **field, int n)
{
	UsdtpayBip32 parent;
	UsdtpayBip32 child;
	uint32_t index = (uint32_t) strtoul(field[1], NULL, 10);
	char text[USDTPAY_BIP32_TEXT_LEN + 1];
	UsdtpayKeyStatus status;

	if (n != 3 || usdtpay_bip32_parse(&parent, field[0], strlen(field[0])) != USDTPAY_KEY_OK)
	{
		keys_bad++;
		return;
	}
	usdtpay_bip32_text(text, &parent);
	keys_bad += strcmp(text, field[0]) != 0;
	status = usdtpay_bip32_child(&child, &parent, index);
	if (strcmp(field[2], "hardened") == 0)
	{
		keys_bad += status != USDTPAY_KEY_HARDENED;
		return;
	}
	usdtpay_bip32_text(text, &child);
	keys_bad += status != USDTPAY_KEY_OK || strcmp(text, field[2]) != 0;
}

/* key, reason */
static void
check_invalid(char **field, int n)
{
	UsdtpayBip32 node;
	UsdtpayKeyStatus status = usdtpay_bip32_parse(&node, field[0], strlen(field[0]));
	bool private = strncmp(field[0], "xprv", 4) == 0;

	ok(n == 2 && (private ? status == USDTPAY_KEY_PRIVATE : status != USDTPAY_KEY_OK),
	   "bip32: refuses %s (%d)", field[1], (int) status);
}

/* xpub, public path, address without checksum */
static void
check_path(char **field, int n)
{
	UsdtpayBip32 node;
	uint8_t address[20];
	char *path = n > 1 ? field[1] : NULL;
	char *step;

	if (n != 3 || usdtpay_bip32_parse(&node, field[0], strlen(field[0])) != USDTPAY_KEY_OK)
	{
		keys_bad++;
		return;
	}
	while ((step = strsep(&path, ",")) != NULL)
		if (step[0] != '\0')
			keys_bad += usdtpay_bip32_child(&node, &node, (uint32_t) strtoul(step, NULL, 10)) !=
						USDTPAY_KEY_OK;
	usdtpay_address_of_point(address, &node.point);
	keys_bad += !tap_same(address, 20, field[2]);
}

/* family, xpub, index, address; twice, so that the remembered parent is used too */
static void
check_derive(char **field, int n)
{
	UsdtpayFamily family = USDTPAY_FAMILY_EVM;
	uint8_t address[20];
	char text[USDTPAY_ADDRESS_TEXT];
	int i;

	keys_bad += n != 4 || !usdtpay_family_parse(&family, field[0], strlen(field[0]));
	for (i = 0; i < 2; i++)
	{
		keys_bad +=
			usdtpay_derive_address(address, field[1], strlen(field[1]),
								   (uint32_t) strtoul(field[2], NULL, 10)) != USDTPAY_KEY_OK;
		usdtpay_address_format(text, family, address);
		keys_bad += strcmp(text, field[3]) != 0;
	}
}

/* family, uncompressed key, address */
static void
check_account(char **field, int n)
{
	UsdtpayFamily family = USDTPAY_FAMILY_EVM;
	UsdtpayPoint point;
	uint8_t address[20];
	uint8_t parsed[20];
	uint8_t compressed[33];
	char text[USDTPAY_ADDRESS_TEXT];
	size_t len;
	uint8_t *key = tap_unhex(field[1], &len);

	keys_bad += n != 3 || !usdtpay_family_parse(&family, field[0], strlen(field[0])) ||
				!usdtpay_secp_parse(&point, key, len);
	usdtpay_secp_compressed(compressed, &point);
	keys_bad += !usdtpay_secp_parse(&point, compressed, 33);
	usdtpay_address_of_point(address, &point);
	keys_bad += usdtpay_address_format(text, family, address) != strlen(field[2]) ||
				strcmp(text, field[2]) != 0;
	keys_bad += usdtpay_address_parse(parsed, family, text, strlen(text)) != USDTPAY_ADDRESS_OK ||
				memcmp(parsed, address, 20) != 0;
	free(key);
}

/* valid or invalid, TRON address */
static void
check_tron_address(char **field, int n)
{
	uint8_t out[20];
	UsdtpayAddressStatus status =
		usdtpay_address_parse(out, USDTPAY_FAMILY_TRON, field[1], strlen(field[1]));

	ok(n == 2 && (status == USDTPAY_ADDRESS_OK) == (strcmp(field[0], "valid") == 0),
	   "tron address: %s is %s", field[1], field[0]);
}

/* Rebuilds what the sender of a legacy transaction signed (EIP-155 when v tells a chain id).
 * Out: digest[32], sig[65].  Returns: false when the bytes are no such transaction. */
static bool
legacy_signature(uint8_t digest[32], uint8_t sig[65], const uint8_t *tx, size_t len)
{
	uint8_t buf[4096];
	UsdtpayRlpWriter w = {buf, sizeof(buf), 0, false};
	UsdtpayRlpItem list;
	UsdtpayRlpItem item;
	size_t pos = 0;
	uint64_t v = 0;
	int i;

	if (!usdtpay_rlp_next(&list, tx, len, &pos) || !list.is_list || pos != len)
		return false;
	memset(sig, 0, 65);
	for (i = 0, pos = 0; i < 9; i++)
	{
		if (!usdtpay_rlp_next(&item, list.payload, list.len, &pos) ||
			item.len > (i < 6 ? 4000 : 32))
			return false;
		if (i < 6)
			usdtpay_rlp_put_bytes(&w, item.payload, item.len);
		else if (i > 6)
			memcpy(sig + 32 * (i - 7) + 32 - item.len, item.payload, item.len);
		else
			for (v = 0; item.len > 0; item.payload++, item.len--)
				v = v << 8 | item.payload[0];
	}
	if (v >= 35)
	{
		usdtpay_rlp_put_uint(&w, (v - 35) / 2);
		usdtpay_rlp_put_uint(&w, 0);
		usdtpay_rlp_put_uint(&w, 0);
	}
	sig[64] = (uint8_t) (v >= 35 ? (v - 35) % 2 : v);
	usdtpay_rlp_wrap(&w, 0);
	usdtpay_keccak256(digest, buf, w.len);
	return pos == list.len && !w.overflow;
}

/* transaction bytes, sender */
static void
check_legacy(char **field, int n)
{
	UsdtpayPoint point;
	uint8_t digest[32];
	uint8_t sig[65];
	uint8_t address[20];
	size_t len;
	uint8_t *tx = tap_unhex(field[0], &len);

	if (n != 2 || !legacy_signature(digest, sig, tx, len) ||
		!usdtpay_secp_recover(&point, digest, sig))
		keys_bad++;
	else
	{
		usdtpay_address_of_point(address, &point);
		keys_bad += !tap_same(address, 20, field[1]);
	}
	free(tx);
}

/* message, r || s || v, uncompressed key: TRON's signed-message prefix */
static void
check_tron_message(char **field, int n)
{
	UsdtpayPoint point;
	uint8_t digest[32];
	uint8_t xy[64];
	char text[512];
	size_t len;
	uint8_t *sig = tap_unhex(field[1], &len);

	usdtpay_keccak256(digest, (const uint8_t *) field[0], strlen(field[0]));
	snprintf(text, sizeof(text), "\x19TRON Signed Message:\n%zu%s", strlen(field[0]), field[0]);
	usdtpay_keccak256(digest, (const uint8_t *) text, strlen(text));
	if (n != 3 || len != 65 || !usdtpay_secp_recover(&point, digest, sig))
		keys_bad++;
	else
	{
		usdtpay_secp_xy(xy, &point);
		keys_bad += !tap_same(xy, 64, field[2] + 2);
	}
	free(sig);
}

static void
test_secp(void)
{
	uint8_t raw[65] = {2};
	uint8_t sig[65];
	uint8_t digest[32] = {1};
	uint8_t tweak[32];
	UsdtpayPoint point;
	UsdtpayPoint zero = {{0}};

	raw[32] = 7; /* x = 7 has no point */
	ok(!usdtpay_secp_parse(&point, raw, 33), "secp: refuses a point off the curve");
	raw[32] = 1;
	ok(usdtpay_secp_parse(&point, raw, 33), "secp: accepts x = 1");
	ok(!usdtpay_secp_parse(&point, raw, 32) && !usdtpay_secp_parse(&point, raw, 65) &&
		   !usdtpay_secp_parse(&point, raw, 0),
	   "secp: refuses other lengths");
	raw[0] = 5;
	ok(!usdtpay_secp_parse(&point, raw, 33), "secp: refuses other prefixes");
	memset(tweak, 0xff, sizeof(tweak));
	ok(!usdtpay_secp_tweak_add(&point, tweak), "secp: refuses a tweak above the order");
	memset(tweak, 0, sizeof(tweak));
	ok(!usdtpay_secp_tweak_add(&zero, tweak), "secp: an empty point ends no process");
	memset(sig, 0, sizeof(sig));
	ok(!usdtpay_secp_recover(&point, digest, sig), "secp: refuses r = s = 0");
	memset(sig, 0xff, sizeof(sig));
	sig[64] = 27;
	ok(!usdtpay_secp_recover(&point, digest, sig), "secp: refuses r and s above the order");
	memset(sig, 0, sizeof(sig));
	sig[31] = sig[63] = 1;
	ok(usdtpay_secp_recover(&point, digest, sig), "secp: recovers r = s = 1");
	sig[64] = 28;
	ok(usdtpay_secp_recover(&point, digest, sig), "secp: v = 28");
	sig[64] = 2;
	ok(!usdtpay_secp_recover(&point, digest, sig), "secp: refuses v = 2");
	sig[64] = 26;
	ok(!usdtpay_secp_recover(&point, digest, sig), "secp: refuses v = 26");
	sig[64] = 29;
	ok(!usdtpay_secp_recover(&point, digest, sig), "secp: refuses v = 29");
}

/* Returns: the status of parsing KEY with its raw bytes changed and the checksum made right. */
static UsdtpayKeyStatus
changed_key(size_t at, const char *hex)
{
	uint8_t raw[USDTPAY_BASE58_MAX_PAYLOAD];
	char text[USDTPAY_BASE58_MAX_TEXT];
	UsdtpayBip32 node;
	size_t len;
	size_t n;
	uint8_t *bytes = tap_unhex(hex, &n);

	if (usdtpay_base58check_decode(raw, &len, KEY, strlen(KEY)) != USDTPAY_BASE58_OK)
		tap_bail("the test key does not decode", KEY);
	memcpy(raw + at, bytes, n);
	free(bytes);
	usdtpay_base58check_encode(text, raw, len);
	return usdtpay_bip32_parse(&node, text, strlen(text));
}

static void
test_bip32(void)
{
	UsdtpayBip32 node;
	uint8_t fingerprint[4];
	char wrong[USDTPAY_BIP32_TEXT_LEN + 1];

	ok(usdtpay_bip32_parse(&node, KEY, strlen(KEY)) == USDTPAY_KEY_OK && node.depth == 0 &&
		   !node.testnet,
	   "bip32: parses an xpub");
	usdtpay_bip32_fingerprint(fingerprint, &node);
	ok(tap_same(fingerprint, 4, "3442193e"), "bip32: fingerprint of test vector 1's master");
	ok(changed_key(0, "043587cf") == USDTPAY_KEY_OK, "bip32: accepts a tpub");
	ok(changed_key(0, "04b24746") == USDTPAY_KEY_VERSION, "bip32: a zpub has its own answer");
	ok(changed_key(45, "00") == USDTPAY_KEY_PRIVATE, "bip32: a key byte 00 is private");
	ok(changed_key(4, "01") == USDTPAY_KEY_OK, "bip32: depth 1 may have any parent");
	ok(changed_key(9, "00000001") == USDTPAY_KEY_DEPTH_ZERO, "bip32: depth 0 has no number");
	ok(changed_key(46, "0000000000000000000000000000000000000000000000000000000000000007") ==
		   USDTPAY_KEY_POINT,
	   "bip32: refuses a point off the curve");
	strcpy(wrong, KEY);
	wrong[50] = wrong[50] == 'a' ? 'b' : 'a';
	ok(usdtpay_bip32_parse(&node, wrong, strlen(wrong)) == USDTPAY_KEY_CHECKSUM,
	   "bip32: a wrong letter breaks the checksum");
	ok(usdtpay_bip32_parse(&node, KEY, strlen(KEY) - 1) != USDTPAY_KEY_OK &&
		   usdtpay_bip32_parse(&node, "", 0) == USDTPAY_KEY_MALFORMED &&
		   usdtpay_bip32_parse(&node, "xpub", 4) == USDTPAY_KEY_MALFORMED,
	   "bip32: refuses what is too short");
	ok(usdtpay_bip32_parse(&node, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", 34) ==
		   USDTPAY_KEY_MALFORMED,
	   "bip32: an address is no key");
	ok(usdtpay_bip32_parse(&node, "tprvanything", 12) == USDTPAY_KEY_PRIVATE,
	   "bip32: anything called …prv is private");
	ok(usdtpay_bip32_parse(&node, KEY, strlen(KEY)) == USDTPAY_KEY_OK, "bip32: the key once more");
	node.depth = 255;
	ok(usdtpay_bip32_child(&node, &node, 0) == USDTPAY_KEY_TOO_DEEP, "bip32: depth ends at 255");
}

/* Parses text as an EVM address. */
static UsdtpayAddressStatus
evm(const char *text)
{
	uint8_t out[20];

	return usdtpay_address_parse(out, USDTPAY_FAMILY_EVM, text, strlen(text));
}

/* Parses text as a TRON address. */
static UsdtpayAddressStatus
tron(const char *text)
{
	uint8_t out[20];

	return usdtpay_address_parse(out, USDTPAY_FAMILY_TRON, text, strlen(text));
}

/* The examples of EIP-55, then what must be refused. */
static void
test_address(void)
{
	static const char *eip55[] = {
		"0x52908400098527886E0F7030069857D2E4169EE7", "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
		"0xde709f2102306220921060314715629080e2fb77", "0x27b1fdb04752bbc536007a920d24acb045561c26",
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
		"0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
	};
	uint8_t raw[20];
	char text[USDTPAY_ADDRESS_TEXT];
	UsdtpayFamily family;
	size_t i;

	for (i = 0; i < sizeof(eip55) / sizeof(eip55[0]); i++)
	{
		UsdtpayAddressStatus status =
			usdtpay_address_parse(raw, USDTPAY_FAMILY_EVM, eip55[i], strlen(eip55[i]));

		usdtpay_address_format(text, USDTPAY_FAMILY_EVM, raw);
		ok(status == USDTPAY_ADDRESS_OK && strcmp(text, eip55[i]) == 0, "eip-55: %s", eip55[i]);
	}
	ok(evm("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed") == USDTPAY_ADDRESS_OK &&
		   evm("0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED") == USDTPAY_ADDRESS_OK,
	   "evm address: one case carries no checksum");
	ok(evm("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD") == USDTPAY_ADDRESS_CHECKSUM,
	   "evm address: one letter of wrong case");
	ok(evm("5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed") == USDTPAY_ADDRESS_MALFORMED &&
		   evm("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe") == USDTPAY_ADDRESS_MALFORMED &&
		   evm("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed0") == USDTPAY_ADDRESS_MALFORMED &&
		   evm("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg") == USDTPAY_ADDRESS_MALFORMED &&
		   evm(" 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed") == USDTPAY_ADDRESS_MALFORMED &&
		   evm("") == USDTPAY_ADDRESS_MALFORMED,
	   "evm address: refuses other forms");
	ok(evm("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t") == USDTPAY_ADDRESS_IS_TRON &&
		   evm("41a614f803b6fd780986a42c78ec9c7f77e6ded13c") == USDTPAY_ADDRESS_IS_TRON,
	   "evm address: recognises TRON's");
	ok(tron("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed") == USDTPAY_ADDRESS_IS_EVM,
	   "tron address: recognises EVM's");
	ok(tron("41a614f803b6fd780986a42c78ec9c7f77e6ded13c") == USDTPAY_ADDRESS_OK &&
		   tron("41A614F803B6FD780986A42C78EC9C7F77E6DED13C") == USDTPAY_ADDRESS_OK &&
		   tron("41a614f803b6fd780986a42c78ec9c7f77e6ded13g") == USDTPAY_ADDRESS_MALFORMED,
	   "tron address: hex behind 41");
	ok(tron("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6u") == USDTPAY_ADDRESS_CHECKSUM,
	   "tron address: a wrong letter");
	ok(tron("16UwLL9Risc3QfPqBUvKofHmBQ7wMtjvM") == USDTPAY_ADDRESS_OTHER_CHAIN &&
		   evm("16UwLL9Risc3QfPqBUvKofHmBQ7wMtjvM") == USDTPAY_ADDRESS_OTHER_CHAIN,
	   "address: a Bitcoin address belongs to neither family");
	ok(!usdtpay_family_parse(&family, "EVM", 3) && !usdtpay_family_parse(&family, "tro", 3) &&
		   !usdtpay_family_parse(&family, "", 0),
	   "family: evm and tron, nothing else");
}

static void
test_derive(void)
{
	uint8_t address[20];

	ok(usdtpay_derive_address(address, KEY, strlen(KEY), 0x80000000u) == USDTPAY_KEY_HARDENED,
	   "derive: refuses a hardened index");
	ok(usdtpay_derive_address(address, KEY, strlen(KEY), 0x7fffffffu) == USDTPAY_KEY_OK,
	   "derive: takes the last index");
	ok(usdtpay_derive_address(address, "xpub", 4, 0) == USDTPAY_KEY_MALFORMED,
	   "derive: refuses a bad key");
	ok(usdtpay_derive_address(address, "xprv9s21", 8, 0) == USDTPAY_KEY_PRIVATE,
	   "derive: refuses a private key");
}

/* Runs one vector file and reports it. */
static void
run_file(const char *file, void (*fn)(char **, int), int want)
{
	int lines;

	keys_bad = 0;
	lines = tap_each_line(file, fn);
	ok(lines >= want && keys_bad == 0, "%s: %d cases, %d bad", file, lines, keys_bad);
}

int
main(void)
{
	test_secp();
	test_bip32();
	run_file("bip32_ckd.tsv", check_ckd, 12);
	run_file("bip32_invalid.tsv", check_invalid, 16);
	run_file("paths.tsv", check_path, 500);
	run_file("derive.tsv", check_derive, 30);
	run_file("accounts.tsv", check_account, 261);
	run_file("tron_addresses.tsv", check_tron_address, 10);
	run_file("legacy.tsv", check_legacy, 17);
	run_file("tron_messages.tsv", check_tron_message, 2);
	test_address();
	test_derive();
	return tap_done();
}
