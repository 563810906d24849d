/* SPDX-License-Identifier: PostgreSQL
 *
 * test_eip712.c: type names and static words of typed data.  Whole documents are checked through
 * SQL, test/pgtap/10_codec.sql.
 */
#include "tap.h"

#include "codec/eip712.h"

/* Says whether a type name has this kind and size. */
static bool
kind_is(const char *type, UsdtpayEip712Kind kind, unsigned size)
{
	UsdtpayEip712Type found = usdtpay_eip712_type(type, strlen(type));

	return found.kind == kind && found.size == size;
}

static void
test_types(void)
{
	static const char *unknown[] = {"",          "uint",    "int",           "uint7",   "uint0",
									"uint264",   "uint08",  "bytes0",        "bytes33", "byte",
									"Bool",      "bool ",   "address ",      "uint8x",  "int-8",
									"uint256[]", "string1", "uint4294967304"};
	size_t i;
	unsigned n;
	bool all = true;

	ok(kind_is("bool", USDTPAY_EIP712_BOOL, 0) && kind_is("address", USDTPAY_EIP712_ADDRESS, 0) &&
		   kind_is("string", USDTPAY_EIP712_STRING, 0) && kind_is("bytes", USDTPAY_EIP712_BYTES, 0),
	   "type: the four without a size");
	for (n = 1; n <= 256; n++)
	{
		char name[16];
		bool whole = n % 8 == 0;

		snprintf(name, sizeof(name), "uint%u", n);
		all &= kind_is(name, whole ? USDTPAY_EIP712_UINT : USDTPAY_EIP712_NONE,
					   usdtpay_eip712_type(name, strlen(name)).size);
		snprintf(name, sizeof(name), "bytes%u", n);
		all &= kind_is(name, n <= 32 ? USDTPAY_EIP712_FIXED_BYTES : USDTPAY_EIP712_NONE,
					   n <= 32 ? n : 0);
	}
	ok(all, "type: every width of uint and of bytes");
	for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		ok(usdtpay_eip712_type(unknown[i], strlen(unknown[i])).kind == USDTPAY_EIP712_NONE,
		   "type: \"%s\" is none", unknown[i]);
}

/* Says how an array suffix splits: the base's length and the count, or that it is bad. */
static bool
splits(const char *type, bool want, bool want_bad, size_t want_len, int64_t want_count)
{
	size_t len = 0;
	int64_t count = 0;
	bool bad;
	bool found = usdtpay_eip712_array(&len, &count, &bad, type, strlen(type));

	return found == want && bad == want_bad && (!found || (len == want_len && count == want_count));
}

static void
test_arrays(void)
{
	ok(splits("bool", false, false, 0, 0), "array: none");
	ok(splits("bool[]", true, false, 4, -1), "array: of any length");
	ok(splits("bool[2][3]", true, false, 7, 3), "array: the last suffix comes first");
	ok(splits("bool[0]", false, true, 0, 0) && splits("bool[01]", false, true, 0, 0) &&
		   splits("bool[-1]", false, true, 0, 0) && splits("bool[x]", false, true, 0, 0) &&
		   splits("bool[9999999999]", false, true, 0, 0),
	   "array: refuses counts that are none");
	ok(splits("]", false, true, 0, 0) && splits("[]", false, true, 0, 0) &&
		   splits("bool]", false, true, 0, 0) && splits("[3]", false, true, 0, 0),
	   "array: refuses brackets alone");
	ok(splits("", false, false, 0, 0), "array: nothing is none");
}

/* Says whether a value encodes to the word, NULL when it must be refused. */
static bool
integer_is(const char *type, const char *value, const char *want)
{
	uint8_t word[32];
	bool fits =
		usdtpay_eip712_integer(word, usdtpay_eip712_type(type, strlen(type)), value, strlen(value));

	return want == NULL ? !fits : fits && tap_same(word, 32, want);
}

#define ZEROS62 "00000000000000000000000000000000000000000000000000000000000000"
#define ONES62  "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define ZEROS56 "00000000000000000000000000000000000000000000000000000000"

static void
test_integers(void)
{
	ok(integer_is("uint8", "255", ZEROS62 "ff") && integer_is("uint8", "256", NULL) &&
		   integer_is("uint8", "0xff", ZEROS62 "ff") && integer_is("uint8", "0x100", NULL) &&
		   integer_is("uint8", "-1", NULL) && integer_is("uint8", "0xf", ZEROS62 "0f"),
	   "integer: the bounds of uint8");
	ok(integer_is("int8", "127", ZEROS62 "7f") && integer_is("int8", "128", NULL) &&
		   integer_is("int8", "-128", ONES62 "80") && integer_is("int8", "-129", NULL) &&
		   integer_is("int8", "-1", ONES62 "ff") && integer_is("int8", "-0", ZEROS62 "00"),
	   "integer: the bounds of int8");
	ok(integer_is("uint256", "0x" ONES62 "ff", ONES62 "ff") &&
		   integer_is("int256", "0x" ONES62 "ff", NULL) &&
		   integer_is(
			   "int256",
			   "-57896044618658097711785492504343953926634992332820282019728792003956564819968",
			   "80" ZEROS62) &&
		   integer_is(
			   "int256",
			   "-57896044618658097711785492504343953926634992332820282019728792003956564819969",
			   NULL),
	   "integer: the bounds of 256 bits");
	ok(integer_is("uint256", "", NULL) && integer_is("uint256", "0x", NULL) &&
		   integer_is("uint256", "1.0", NULL) && integer_is("uint256", " 1", NULL) &&
		   integer_is("uint256", "0xg", NULL) && integer_is("uint256", "+1", NULL) &&
		   integer_is("int256", "-", NULL) && integer_is("int256", "--1", NULL) &&
		   integer_is("uint256", "0x" ONES62 "fff", NULL),
	   "integer: refuses what is no number");
}

static void
test_others(void)
{
	UsdtpayEip712Type bytes4 = {USDTPAY_EIP712_FIXED_BYTES, 4};
	uint8_t word[32];

	ok(usdtpay_eip712_fixed_bytes(word, bytes4, "0x01020304", 10) &&
		   tap_same(word, 32, "01020304" ZEROS56),
	   "bytes4: padded on the right");
	ok(!usdtpay_eip712_fixed_bytes(word, bytes4, "0x010203", 8) &&
		   !usdtpay_eip712_fixed_bytes(word, bytes4, "0x0102030g", 10) &&
		   !usdtpay_eip712_fixed_bytes(word, bytes4, "0102030405", 10),
	   "bytes4: refuses other lengths and letters");
	ok(usdtpay_eip712_name("from", 4) && usdtpay_eip712_name("Exchange:Send", 13) &&
		   usdtpay_eip712_name("\xc3\xa9", 2),
	   "name: plain, with a colon, outside ASCII");
	ok(!usdtpay_eip712_name("", 0) && !usdtpay_eip712_name("a b", 3) &&
		   !usdtpay_eip712_name("a,b", 3) && !usdtpay_eip712_name("a(", 2) &&
		   !usdtpay_eip712_name("a[]", 3) && !usdtpay_eip712_name("a\n", 2),
	   "name: refuses what could be read two ways");
}

int
main(void)
{
	test_types();
	test_arrays();
	test_integers();
	test_others();
	return tap_done();
}
