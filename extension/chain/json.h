/* SPDX-License-Identifier: PostgreSQL
 *
 * json.h: a strict pull parser over a span of bytes.  Pure C, allocates nothing.
 *
 * The caller walks the document: usdtpay_json_object, then usdtpay_json_member until it
 * answers false, reading or skipping each value; arrays likewise.  The first fault sticks in
 * j->error and makes every later call answer false, so a loop needs one check behind it.
 *
 * What it accepts is RFC 8259 and nothing else: no comments, no trailing commas, no leading
 * zeros, no raw control characters, no lone surrogates, depth at most USDTPAY_JSON_DEPTH.
 * Left to the caller: whether the bytes are UTF-8, and duplicate members (they are reported
 * as they come; the readers of this room refuse a second one of any member they use).
 * Member names are compared as written, so a name spelt with escapes equals no known name.
 */
#ifndef USDTPAY_CHAIN_JSON_H
#define USDTPAY_CHAIN_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define USDTPAY_JSON_DEPTH 64

/* A run of bytes inside the document; for strings without the quotes, escapes untouched. */
typedef struct UsdtpaySlice
{
	const char *p;
	size_t len;
} UsdtpaySlice;

typedef enum UsdtpayJsonKind
{
	USDTPAY_JSON_NONE, /* end of the span, or no value starts here */
	USDTPAY_JSON_OBJECT,
	USDTPAY_JSON_ARRAY,
	USDTPAY_JSON_STRING,
	USDTPAY_JSON_NUMBER,
	USDTPAY_JSON_BOOL,
	USDTPAY_JSON_NULL
} UsdtpayJsonKind;

typedef struct UsdtpayJson
{
	const char *start;
	const char *cur;
	const char *end;
	const char *error; /* NULL while all is well; a constant string otherwise */
	int depth;
	bool fresh; /* directly behind an opening bracket: no comma is due */
} UsdtpayJson;

/* Starts at the first byte of text[len]; text must outlive every slice. */
extern void usdtpay_json_init(UsdtpayJson *j, const char *text, size_t len);

/* Starts at a slice of a document, counting offsets from the document's own first byte. */
extern void usdtpay_json_init_slice(UsdtpayJson *j, const char *text, UsdtpaySlice slice);

/* Tells what value comes next, without consuming it. */
extern UsdtpayJsonKind usdtpay_json_peek(UsdtpayJson *j);

/* Enter an object or array.  Returns: false when something else comes next. */
extern bool usdtpay_json_object(UsdtpayJson *j);
extern bool usdtpay_json_array(UsdtpayJson *j);

/* Moves to the next member.  Returns: false at the closing brace (consumed) or on error.
 * Out: its name.  The caller must read or skip the value before the next call. */
extern bool usdtpay_json_member(UsdtpayJson *j, UsdtpaySlice *name);

/* Moves to the next element.  Returns: false at the closing bracket (consumed) or on error. */
extern bool usdtpay_json_element(UsdtpayJson *j);

/* Read one scalar.  Return: false, with the error set, when another kind comes next. */
extern bool usdtpay_json_string(UsdtpayJson *j, UsdtpaySlice *out);
extern bool usdtpay_json_number(UsdtpayJson *j, UsdtpaySlice *out);
extern bool usdtpay_json_bool(UsdtpayJson *j, bool *out);
extern bool usdtpay_json_null(UsdtpayJson *j);

/* Reads a number that is a plain integer from 0 to 2^63-1: no sign, fraction or exponent. */
extern bool usdtpay_json_int(UsdtpayJson *j, int64_t *out);

/* Validates and skips one value of any kind.  Out: its raw bytes; raw may be NULL. */
extern bool usdtpay_json_skip(UsdtpayJson *j, UsdtpaySlice *raw);

/* Checks that only white space follows and that nothing went wrong before. */
extern bool usdtpay_json_end(UsdtpayJson *j);

/* Bytes consumed so far: where the error is. */
extern size_t usdtpay_json_offset(const UsdtpayJson *j);

/* Decodes a string slice's escapes into UTF-8.
 * Returns: the length written, or -1 when it exceeds cap or the string holds U+0000, which
 * PostgreSQL text cannot. */
extern long usdtpay_json_unescape(char *out, size_t cap, UsdtpaySlice in);

/* Compares a slice with a C string literal. */
#define usdtpay_slice_is(s, lit)                                                                   \
	((s).len == sizeof(lit) - 1 && memcmp((s).p, (lit), sizeof(lit) - 1) == 0)

#endif
