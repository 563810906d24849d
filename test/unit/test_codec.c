/* SPDX-License-Identifier: PostgreSQL
 *
 * test_codec.c: hex, Keccak-256, SHA-256, RLP, base58check, 256-bit decimals and ABI words.
 */
#include "tap.h"

#include "codec/abi.h"
#include "codec/base58.h"
#include "codec/hex.h"
#include "codec/keccak.h"
#include "codec/rlp.h"
#include "codec/sha2.h"
#include "codec/u256.h"

static int codec_bad;

static void
test_hex(void)
{
	static const uint8_t bytes[4] = {0x00, 0x9f, 0xab, 0xff};
	uint8_t out[4];
	char text[8];
	uint64_t q = 0;
	bool refused = true;
	int c;

	usdtpay_hex_encode(text, bytes, 4);
	ok(memcmp(text, "009fabff", 8) == 0, "hex: encodes lower case");
	ok(usdtpay_hex_decode(out, 4, "009fABfF", 8) && memcmp(out, bytes, 4) == 0,
	   "hex: decodes either case");
	ok(!usdtpay_hex_decode(out, 4, "009fab", 6), "hex: refuses a short text");
	ok(!usdtpay_hex_decode(out, SIZE_MAX / 2 + 2, "00", 2), "hex: refuses a length that wraps");
	for (c = 0; c < 256; c++)
	{
		char pair[2] = {'0', (char) c};
		bool digit = strchr("0123456789abcdefABCDEF", c) != NULL && c != 0;

		refused &= usdtpay_hex_decode(out, 1, pair, 2) == digit;
		pair[0] = (char) c;
		pair[1] = 'f';
		refused &= usdtpay_hex_decode(out, 1, pair, 2) == digit;
	}
	ok(refused, "hex: accepts the 22 digits and nothing else, in either place");
	ok(usdtpay_hex_quantity(&q, "0x1a", 4) && q == 26, "quantity: 0x1a is 26");
	ok(usdtpay_hex_quantity(&q, "0xffffffffffffffff", 18) && q == UINT64_MAX, "quantity: 2^64-1");
	ok(!usdtpay_hex_quantity(&q, "0x10000000000000000", 19), "quantity: refuses 2^64");
	ok(!usdtpay_hex_quantity(&q, "0x", 2), "quantity: refuses no digits");
	ok(!usdtpay_hex_quantity(&q, "1a", 2) && !usdtpay_hex_quantity(&q, "0X1a", 4) &&
		   !usdtpay_hex_quantity(&q, "0x1g", 4),
	   "quantity: refuses a missing 0x and a bad digit");
}

/* Compares one hash of the file: data, expected. */
static void
check_keccak(char **field, int n)
{
	size_t len;
	uint8_t *data = tap_unhex(field[0], &len);
	uint8_t hash[32];

	usdtpay_keccak256(hash, data, len);
	codec_bad += n != 2 || !tap_same(hash, 32, field[1]);
	free(data);
}

/* data, SHA-256 */
static void
check_sha256(char **field, int n)
{
	size_t len;
	uint8_t *data = tap_unhex(field[0], &len);
	uint8_t hash[32];

	usdtpay_sha256(hash, data, len);
	codec_bad += n != 2 || !tap_same(hash, 32, field[1]);
	free(data);
}

/* RFC 4231 test case 2. */
static void
test_hmac(void)
{
	UsdtpayHmac512Key key;
	uint8_t out[64];

	usdtpay_hmac512_prepare(&key, (const uint8_t *) "Jefe", 4);
	usdtpay_hmac512(out, &key, (const uint8_t *) "what do ya want for nothing?", 28);
	ok(tap_same(out, 64,
				"164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
				"9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"),
	   "hmac-sha-512: RFC 4231 case 2");
}

/* Writes the words of one structure with the writer under test. */
static void
put_words(UsdtpayRlpWriter *w, char *words)
{
	size_t start[64];
	int depth = 0;
	char *word;

	while ((word = strsep(&words, " ")) != NULL)
	{
		if (strcmp(word, "(") == 0)
			start[depth++] = w->len;
		else if (strcmp(word, ")") == 0)
			usdtpay_rlp_wrap(w, start[--depth]);
		else
		{
			size_t len;
			uint8_t *bytes = tap_unhex(word, &len);

			usdtpay_rlp_put_bytes(w, bytes, len);
			free(bytes);
		}
	}
}

/* Reads an encoding and writes it again.  Returns: false when the reader refuses. */
static bool
rewrite(UsdtpayRlpWriter *w, const uint8_t *in, size_t inlen)
{
	size_t pos = 0;

	while (pos < inlen)
	{
		UsdtpayRlpItem item;
		size_t start = w->len;

		if (!usdtpay_rlp_next(&item, in, inlen, &pos))
			return false;
		if (!item.is_list)
			usdtpay_rlp_put_bytes(w, item.payload, item.len);
		else if (rewrite(w, item.payload, item.len))
			usdtpay_rlp_wrap(w, start);
		else
			return false;
	}
	return true;
}

static void
check_rlp(char **field, int n)
{
	size_t len;
	uint8_t *encoded = tap_unhex(field[0], &len);
	uint8_t *buf = malloc(len);
	UsdtpayRlpWriter w = {buf, len, 0, false};

	codec_bad += n != 2 || !rewrite(&w, encoded, len) || w.overflow || w.len != len ||
				 memcmp(buf, encoded, len) != 0;
	w.len = 0;
	put_words(&w, field[1]);
	codec_bad += w.overflow || w.len != len || memcmp(buf, encoded, len) != 0;
	free(buf);
	free(encoded);
}

/* Says whether the reader takes exactly one item of hex text. */
static bool
rlp_reads(const char *hex)
{
	size_t len;
	uint8_t *in = tap_unhex(hex, &len);
	UsdtpayRlpItem item;
	size_t pos = 0;
	bool read = usdtpay_rlp_next(&item, in, len, &pos);

	free(in);
	return read;
}

static void
test_rlp(void)
{
	uint8_t buf[12];
	UsdtpayRlpWriter w = {buf, sizeof(buf), 0, false};

	ok(rlp_reads("00") && rlp_reads("80") && rlp_reads("c0") && rlp_reads("8180"),
	   "rlp: reads the shortest items");
	ok(!rlp_reads(""), "rlp: refuses nothing");
	ok(!rlp_reads("8100") && !rlp_reads("817f"), "rlp: refuses a header on a byte below 0x80");
	ok(!rlp_reads("83aabb") && !rlp_reads("c3aabb"), "rlp: refuses a truncated payload");
	ok(!rlp_reads("b8") && !rlp_reads("b9ff") && !rlp_reads("f8"), "rlp: refuses a cut length");
	ok(!rlp_reads("b80101") && !rlp_reads("f80101"), "rlp: refuses a long form for a short one");
	ok(!rlp_reads("b90038") && !rlp_reads("f90038"), "rlp: refuses a length with a leading zero");
	ok(!rlp_reads("bfffffffffffffffff") && !rlp_reads("ffffffffffffffffff"),
	   "rlp: refuses a length of 2^64-1");
	usdtpay_rlp_put_uint(&w, 0);
	usdtpay_rlp_put_uint(&w, 127);
	usdtpay_rlp_put_uint(&w, 128);
	usdtpay_rlp_put_uint(&w, 0x0400);
	usdtpay_rlp_wrap(&w, 0);
	ok(!w.overflow && tap_same(buf, w.len, "c7807f8180820400"), "rlp: writes integers and a list");
	usdtpay_rlp_put_bytes(&w, buf, 5);
	ok(w.overflow && w.len == 8, "rlp: what does not fit sets overflow and leaves the length");
	usdtpay_rlp_wrap(&w, 0);
	ok(w.overflow && w.len == 8, "rlp: overflow sticks");
}

static void
test_base58(void)
{
	static const struct
	{
		const char *hex;
		const char *text;
	} known[] = {
		/* Bitcoin wiki, "Technical background of version 1 Bitcoin addresses" */
		{"00010966776006953d5567439e5e39f86a0d273bee", "16UwLL9Risc3QfPqBUvKofHmBQ7wMtjvM"},
		/* USDT on TRON, contract and hex form as the explorers show both */
		{"41a614f803b6fd780986a42c78ec9c7f77e6ded13c", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"},
	};
	uint8_t out[USDTPAY_BASE58_MAX_PAYLOAD];
	uint8_t zeros[USDTPAY_BASE58_MAX_PAYLOAD + 1];
	char text[USDTPAY_BASE58_MAX_TEXT];
	char longer[USDTPAY_BASE58_MAX_TEXT + 1];
	size_t len;
	size_t i;
	bool same = true;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		size_t n;
		uint8_t *raw = tap_unhex(known[i].hex, &n);

		ok(usdtpay_base58check_encode(text, raw, n) == strlen(known[i].text) &&
			   strcmp(text, known[i].text) == 0,
		   "base58check: encodes %s", known[i].text);
		ok(usdtpay_base58check_decode(out, &len, text, strlen(text)) == USDTPAY_BASE58_OK &&
			   len == n && memcmp(out, raw, n) == 0,
		   "base58check: decodes %s", known[i].text);
		free(raw);
	}
	for (i = 0; i <= USDTPAY_BASE58_MAX_PAYLOAD; i++)
	{
		size_t n;

		memset(zeros, 0, sizeof(zeros));
		if (i > 0)
			zeros[i - 1] = (uint8_t) i;
		n = usdtpay_base58check_encode(text, zeros, i);
		same &= n == strlen(text) &&
				usdtpay_base58check_decode(out, &len, text, n) == USDTPAY_BASE58_OK && len == i &&
				memcmp(out, zeros, i) == 0;
		memset(zeros, 0xff, i);
		n = usdtpay_base58check_encode(text, zeros, i);
		same &= usdtpay_base58check_decode(out, &len, text, n) == USDTPAY_BASE58_OK && len == i &&
				memcmp(out, zeros, i) == 0;
	}
	ok(same, "base58check: round trip of every length, of zeros and of ones");
	ok(usdtpay_base58check_encode(text, zeros, sizeof(zeros)) == 0, "base58check: length limit");
	ok(usdtpay_base58check_decode(out, &len, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6u", 34) ==
		   USDTPAY_BASE58_BAD_CHECKSUM,
	   "base58check: a wrong letter breaks the checksum");
	ok(usdtpay_base58check_decode(out, &len, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj60", 34) ==
		   USDTPAY_BASE58_BAD_CHAR,
	   "base58check: 0 is no letter");
	ok(usdtpay_base58check_decode(out, &len, "", 0) == USDTPAY_BASE58_BAD_LENGTH &&
		   usdtpay_base58check_decode(out, &len, "111", 3) == USDTPAY_BASE58_BAD_LENGTH,
	   "base58check: refuses what is shorter than a checksum");
	memset(longer, 'z', sizeof(longer));
	ok(usdtpay_base58check_decode(out, &len, longer, USDTPAY_BASE58_MAX_TEXT - 1) ==
			   USDTPAY_BASE58_BAD_LENGTH &&
		   usdtpay_base58check_decode(out, &len, longer, sizeof(longer)) ==
			   USDTPAY_BASE58_BAD_LENGTH,
	   "base58check: refuses what is too long");
	memset(longer, '1', sizeof(longer));
	ok(usdtpay_base58check_decode(out, &len, longer, USDTPAY_BASE58_MAX_TEXT - 1) ==
		   USDTPAY_BASE58_BAD_LENGTH,
	   "base58check: refuses too many zeros");
}

/* Says whether a decimal text comes back from its 256-bit form as `want`. */
static bool
decimal_is(const char *in, const char *want)
{
	uint8_t word[32];
	char out[USDTPAY_U256_DIGITS + 1];

	return usdtpay_u256_from_decimal(word, in, strlen(in)) &&
		   usdtpay_u256_to_decimal(out, word) == strlen(want) && strcmp(out, want) == 0;
}

static void
test_u256(void)
{
	static const char *max =
		"115792089237316195423570985008687907853269984665640564039457584007913129639935";
	uint8_t word[32];
	uint64_t value = 0;

	ok(decimal_is("0", "0") && decimal_is("000", "0"), "u256: zero");
	ok(decimal_is("1413848885237", "1413848885237"), "u256: an everyday amount");
	ok(decimal_is("1000000000", "1000000000") && decimal_is("999999999", "999999999"),
	   "u256: around a group of digits");
	ok(decimal_is(max, max), "u256: 2^256-1");
	ok(!usdtpay_u256_from_decimal(
		   word, "115792089237316195423570985008687907853269984665640564039457584007913129639936",
		   78),
	   "u256: refuses 2^256");
	ok(!usdtpay_u256_from_decimal(word, "", 0) && !usdtpay_u256_from_decimal(word, "-1", 2) &&
		   !usdtpay_u256_from_decimal(word, "1.5", 3) && !usdtpay_u256_from_decimal(word, " 1", 2),
	   "u256: refuses sign, point, blank and nothing");
	usdtpay_u256_from_u64(word, UINT64_MAX);
	ok(usdtpay_u256_to_u64(&value, word) && value == UINT64_MAX, "u256: 64 bits and back");
	word[23] = 1;
	ok(!usdtpay_u256_to_u64(&value, word), "u256: refuses 65 bits");
}

/* Says whether the four bytes are the selector of a signature. */
static bool
selector_is(const uint8_t *in, const char *signature)
{
	uint8_t hash[32];

	usdtpay_keccak256(hash, (const uint8_t *) signature, strlen(signature));
	return memcmp(in, hash, 4) == 0;
}

static void
test_abi(void)
{
	uint8_t call[USDTPAY_ABI_TRANSFER_LEN];
	uint8_t word[32] = {0};
	uint8_t to[20];
	uint8_t back[20];
	uint8_t amount[32];
	bool flag = false;
	uint64_t value = 0;

	memset(to, 0xa5, sizeof(to));
	usdtpay_u256_from_u64(amount, 1000000);
	usdtpay_abi_decimals(call);
	ok(selector_is(call, "decimals()"), "abi: decimals()");
	usdtpay_abi_balance_of(call, to);
	ok(selector_is(call, "balanceOf(address)") && memcmp(call + 16, to, 20) == 0,
	   "abi: balanceOf(address)");
	usdtpay_abi_transfer(call, to, amount);
	ok(selector_is(call, "transfer(address,uint256)") && memcmp(call + 36, amount, 32) == 0,
	   "abi: transfer(address,uint256)");
	memset(amount, 0, sizeof(amount));
	ok(usdtpay_abi_read_transfer(back, amount, call, sizeof(call), false) &&
		   memcmp(back, to, 20) == 0 && usdtpay_abi_word_u64(&value, amount) && value == 1000000,
	   "abi: reads its own transfer back");
	ok(!usdtpay_abi_read_transfer(back, amount, call, sizeof(call) - 1, false),
	   "abi: refuses call data of another length");
	call[15] = 0x41;
	ok(!usdtpay_abi_read_transfer(back, amount, call, sizeof(call), false) &&
		   usdtpay_abi_read_transfer(back, amount, call, sizeof(call), true),
	   "abi: 0x41 before an address is padding on tron only");
	call[14] = 1;
	ok(!usdtpay_abi_read_transfer(back, amount, call, sizeof(call), true),
	   "abi: refuses any other padding");
	call[0] ^= 1;
	ok(!usdtpay_abi_read_transfer(back, amount, call, sizeof(call), true),
	   "abi: refuses another selector");
	ok(usdtpay_abi_word_bool(&flag, word) && !flag, "abi: false");
	word[31] = 1;
	ok(usdtpay_abi_word_bool(&flag, word) && flag, "abi: true");
	word[31] = 2;
	ok(!usdtpay_abi_word_bool(&flag, word), "abi: refuses 2 as a boolean");
	word[0] = 1;
	ok(!usdtpay_abi_word_bool(&flag, word) && !usdtpay_abi_word_u64(&value, word) &&
		   !usdtpay_abi_word_address(back, word, true),
	   "abi: refuses high bits");
}

/* Runs one vector file and reports it. */
static void
run_file(const char *file, void (*fn)(char **, int), int want)
{
	int lines;

	codec_bad = 0;
	lines = tap_each_line(file, fn);
	ok(lines == want && codec_bad == 0, "%s: %d cases, %d bad", file, lines, codec_bad);
}

int
main(void)
{
	test_hex();
	run_file("keccak.tsv", check_keccak, 129);
	run_file("sha2.tsv", check_sha256, 129);
	test_hmac();
	test_rlp();
	run_file("rlp.tsv", check_rlp, 61);
	test_base58();
	test_u256();
	test_abi();
	return tap_done();
}
