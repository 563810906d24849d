/* SPDX-License-Identifier: PostgreSQL
 *
 * test_chain_json.c: the pull parser takes RFC 8259 and nothing else.
 */
#include "chain_text.h"

/* Tells whether the whole text is one JSON value.  The copy has no terminator, so that reading
 * one byte too far is caught. */
static bool
json_accepts(const char *text)
{
	size_t len = strlen(text);
	char *copy = malloc(len > 0 ? len : 1);
	UsdtpaySlice raw;
	UsdtpayJson j;
	bool good;

	memcpy(copy, text, len);
	usdtpay_json_init(&j, copy, len);
	good = usdtpay_json_skip(&j, &raw) && usdtpay_json_end(&j);
	free(copy);
	return good;
}

static void
test_accepts(void)
{
	static const char *const good[] = {"0",
									   "-0",
									   "1.5e-3",
									   "1E+9",
									   "10",
									   "true",
									   "false",
									   "null",
									   "\"\"",
									   "[]",
									   "{}",
									   " [ ] ",
									   "\t{\r\n}",
									   "[1,2,[3,{\"a\":[]}]]",
									   "{\"a\":1,\"a\":2}",
									   "\"\\u00e9\\n\\\"\\/\"",
									   "\"\\ud83d\\ude00\"",
									   "\"0123456789abcdef0123456789\\\\\"",
									   "[[],[],{}]",
									   "{\"\":{\"\":[null]}}",
									   "\"\x7f\xc3\xa9\""};
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ok(json_accepts(good[i]), "json: takes %s", good[i]);
}

static void
test_refuses(void)
{
	static const char *const bad[] = {"",
									  " ",
									  "01",
									  "+1",
									  "1.",
									  ".5",
									  "1e",
									  "1e+",
									  "-",
									  "--1",
									  "0x10",
									  "tru",
									  "True",
									  "nul",
									  "NaN",
									  "Infinity",
									  "\"",
									  "\"\\",
									  "\"\\x\"",
									  "\"\\u12g4\"",
									  "\"\\ud800\"",
									  "\"\\udc00\"",
									  "\"\\ud800\\u0041\"",
									  "\"\\ud800x\"",
									  "\"a\nb\"",
									  "\"0123456\tabcdefgh\"",
									  "[",
									  "]",
									  "[1",
									  "[1,]",
									  "[,1]",
									  "[1 2]",
									  "[1,,2]",
									  "[}",
									  "{",
									  "}",
									  "{]",
									  "{a:1}",
									  "{'a':1}",
									  "{\"a\"}",
									  "{\"a\":}",
									  "{\"a\":1,}",
									  "{,}",
									  "{\"a\":1 \"b\":2}",
									  "{\"a\" 1}",
									  "1 2",
									  "[]]",
									  "{}x",
									  "// c\n1",
									  "\xef\xbb\xbf[]",
									  "[1}",
									  "{\"a\":1]",
									  "\"\\u123\"",
									  "-a",
									  "1.e5"};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!json_accepts(bad[i]), "json: refuses case %zu", i);
}

static void
test_depth(void)
{
	char deep[2 * USDTPAY_JSON_DEPTH + 3];

	memset(deep, '[', USDTPAY_JSON_DEPTH);
	memset(deep + USDTPAY_JSON_DEPTH, ']', USDTPAY_JSON_DEPTH);
	deep[2 * USDTPAY_JSON_DEPTH] = '\0';
	ok(json_accepts(deep), "json: takes %d levels", USDTPAY_JSON_DEPTH);
	memset(deep, '[', USDTPAY_JSON_DEPTH + 1);
	memset(deep + USDTPAY_JSON_DEPTH + 1, ']', USDTPAY_JSON_DEPTH + 1);
	deep[2 * USDTPAY_JSON_DEPTH + 2] = '\0';
	ok(!json_accepts(deep), "json: refuses one level more");
}

/* A quote, a backslash and a control character at every offset of the eight-byte scan. */
static void
test_every_offset(void)
{
	bool good = true;
	char text[64];
	int i;

	for (i = 0; i < 24; i++)
	{
		snprintf(text, sizeof(text), "\"%.*s\"", i, "abcdefghijklmnopqrstuvwxyz");
		good &= json_accepts(text);
		snprintf(text, sizeof(text), "\"%.*s\\n%.*s\"", i, "abcdefghijklmnopqrstuvwxyz", 24 - i,
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
		good &= json_accepts(text);
		text[i + 1] = 0x1f;
		good &= !json_accepts(text);
	}
	ok(good, "json: strings end where they end, at every offset");
}

/* Reads text as an integer.  Returns: the value, or -1. */
static int64_t
json_int(const char *text)
{
	int64_t value;
	UsdtpayJson j;

	usdtpay_json_init(&j, text, strlen(text));
	return usdtpay_json_int(&j, &value) && usdtpay_json_end(&j) ? value : -1;
}

static void
test_values(void)
{
	static const char doc[] = "{\"a\":[1,\"x\"],\"b\":true,\"c\":null,\"d\":{\"e\":-2.5}}";
	UsdtpaySlice name;
	UsdtpaySlice raw;
	bool truth = false;
	char out[16];
	UsdtpayJson j;

	usdtpay_json_init(&j, doc, sizeof(doc) - 1);
	ok(usdtpay_json_object(&j) && usdtpay_json_member(&j, &name) && usdtpay_slice_is(name, "a") &&
		   usdtpay_json_skip(&j, &raw) && usdtpay_slice_is(raw, "[1,\"x\"]"),
	   "json: skip hands out the raw bytes");
	ok(usdtpay_json_member(&j, &name) && usdtpay_json_bool(&j, &truth) && truth, "json: true");
	ok(usdtpay_json_member(&j, &name) && usdtpay_json_null(&j), "json: null");
	ok(usdtpay_json_member(&j, &name) && usdtpay_json_object(&j) &&
		   usdtpay_json_member(&j, &name) && usdtpay_json_number(&j, &raw) &&
		   usdtpay_slice_is(raw, "-2.5") && !usdtpay_json_member(&j, &name) &&
		   !usdtpay_json_member(&j, &name) && usdtpay_json_end(&j),
	   "json: walks out of nested objects");
	usdtpay_json_init(&j, doc, sizeof(doc) - 1);
	ok(!usdtpay_json_array(&j) && j.error != NULL && !usdtpay_json_object(&j) &&
		   !usdtpay_json_end(&j),
	   "json: the first fault sticks");
	ok(json_int("9223372036854775807") == INT64_MAX && json_int("0") == 0, "int: 0 to 2^63-1");
	ok(json_int("9223372036854775808") == -1 && json_int("-1") == -1 && json_int("1.0") == -1 &&
		   json_int("1e3") == -1 && json_int("\"1\"") == -1,
	   "int: refuses what is no plain integer");
	ok(usdtpay_json_unescape(out, sizeof(out), text_slice("\\u20ac\\ud83d\\ude00\\t")) == 8 &&
		   memcmp(out, "\xe2\x82\xac\xf0\x9f\x98\x80\t", 8) == 0,
	   "unescape: UTF-8 of two and four byte units");
	ok(usdtpay_json_unescape(out, sizeof(out), text_slice("a\\u0000b")) == -1,
	   "unescape: refuses U+0000");
	ok(usdtpay_json_unescape(out, 2, text_slice("\\u20ac")) == -1, "unescape: keeps to the cap");
}

int
main(void)
{
	test_accepts();
	test_refuses();
	test_depth();
	test_every_offset();
	test_values();
	return tap_done();
}
