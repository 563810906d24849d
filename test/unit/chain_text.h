/* SPDX-License-Identifier: PostgreSQL
 *
 * chain_text.h: recorded answers as text, and ways to break them.
 */
#ifndef USDTPAY_CHAIN_TEXT_H
#define USDTPAY_CHAIN_TEXT_H

#include "tap.h"

#include "chain/fault.h"
#include "chain/json.h"

/* Reads a file of test/vectors.  Returns: text to free. */
static inline char *
text_read(const char *name)
{
	char path[512];
	char *text;
	long size;
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", TEST_VECTORS, name);
	f = fopen(path, "rb");
	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0)
		tap_bail("cannot read", path);
	rewind(f);
	text = malloc((size_t) size + 1);
	if (text == NULL || fread(text, 1, (size_t) size, f) != (size_t) size)
		tap_bail("cannot read", path);
	text[size] = '\0';
	fclose(f);
	return text;
}

/* Joins three texts.  Returns: text to free. */
static inline char *
text_join(const char *a, const char *b, const char *c)
{
	size_t len = strlen(a) + strlen(b) + strlen(c) + 1;
	char *out = malloc(len);

	if (out == NULL)
		tap_bail("out of memory", "");
	snprintf(out, len, "%s%s%s", a, b, c);
	return out;
}

/* Replaces the first occurrence of from at or behind the first occurrence of anchor; the text
 * must have both, or the mutation would test nothing.  Returns: text to free. */
static inline char *
text_break(const char *text, const char *anchor, const char *from, const char *to)
{
	const char *at = strstr(text, anchor);
	char *head;
	char *out;

	at = at == NULL ? NULL : strstr(at, from);
	if (at == NULL)
		tap_bail("a mutation does not apply:", from);
	head = strndup(text, (size_t) (at - text));
	out = text_join(head, to, at + strlen(from));
	free(head);
	return out;
}

/* Finds a member of the object text starts with.  Returns: its raw value; p NULL if absent. */
static inline UsdtpaySlice
text_member(UsdtpaySlice object, const char *wanted)
{
	UsdtpaySlice none = {NULL, 0};
	UsdtpaySlice name;
	UsdtpaySlice value;
	UsdtpayJson j;

	usdtpay_json_init(&j, object.p, object.len);
	if (!usdtpay_json_object(&j))
		return none;
	while (usdtpay_json_member(&j, &name) && usdtpay_json_skip(&j, &value))
	{
		if (strlen(wanted) == name.len && memcmp(wanted, name.p, name.len) == 0)
			return value;
	}
	return none;
}

/* Wraps a C string. */
static inline UsdtpaySlice
text_slice(const char *text)
{
	UsdtpaySlice s = {text, strlen(text)};

	return s;
}

/* Decodes a raw JSON string value of n bytes, with or without 0x. */
static inline void
text_bytes(uint8_t *out, size_t n, UsdtpaySlice raw)
{
	char *hex = strndup(raw.p + 1, raw.len - 2);
	size_t len;
	uint8_t *bytes;

	if (raw.p == NULL || hex == NULL)
		tap_bail("a vector lacks a member", "");
	bytes = tap_unhex(hex, &len);
	if (len != n)
		tap_bail("a vector has an odd length:", hex);
	memcpy(out, bytes, n);
	free(bytes);
	free(hex);
}

#endif
