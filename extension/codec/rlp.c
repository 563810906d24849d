/* SPDX-License-Identifier: PostgreSQL
 *
 * rlp.c: Recursive Length Prefix.  The reader accepts the one canonical form only: a block header
 * that could be written two ways would have two hashes.
 */
#include "codec/rlp.h"

#include <string.h>

#define RLP_STRING 0x80 /* first byte of a string's header */
#define RLP_LIST   0xc0 /* first byte of a list's header */
#define RLP_SHORT  55   /* longest payload whose length fits the first byte */

/* Writes the header of a payload of len bytes.  Out: head[9].  Returns: its length, 1..9. */
static size_t
rlp_header(uint8_t head[9], uint8_t base, size_t len)
{
	size_t width = 0;
	size_t rest;

	if (len <= RLP_SHORT)
	{
		head[0] = (uint8_t) (base + len);
		return 1;
	}
	for (rest = len; rest > 0; rest >>= 8)
		width++;
	head[0] = (uint8_t) (base + RLP_SHORT + width);
	for (rest = 0; rest < width; rest++)
		head[1 + rest] = (uint8_t) (len >> (8 * (width - 1 - rest)));
	return 1 + width;
}

/* Appends raw bytes or sets overflow and leaves len alone. */
static void
rlp_append(UsdtpayRlpWriter *w, const uint8_t *in, size_t inlen)
{
	if (w->overflow || inlen > w->cap - w->len)
	{
		w->overflow = true;
		return;
	}
	if (inlen > 0)
		memcpy(w->buf + w->len, in, inlen);
	w->len += inlen;
}

void
usdtpay_rlp_put_bytes(UsdtpayRlpWriter *w, const uint8_t *in, size_t inlen)
{
	uint8_t head[9];
	size_t headlen;

	if (inlen == 1 && in[0] < RLP_STRING)
	{
		rlp_append(w, in, 1);
		return;
	}
	headlen = rlp_header(head, RLP_STRING, inlen);
	if (w->overflow || headlen > w->cap - w->len || inlen > w->cap - w->len - headlen)
	{
		w->overflow = true;
		return;
	}
	rlp_append(w, head, headlen);
	rlp_append(w, in, inlen);
}

uint8_t *
usdtpay_rlp_reserve(UsdtpayRlpWriter *w, size_t len)
{
	uint8_t head[9];
	size_t headlen = rlp_header(head, RLP_STRING, len);

	if (w->overflow || headlen > w->cap - w->len || len > w->cap - w->len - headlen)
	{
		w->overflow = true;
		return NULL;
	}
	rlp_append(w, head, headlen);
	w->len += len;
	return w->buf + w->len - len;
}

void
usdtpay_rlp_put_uint(UsdtpayRlpWriter *w, uint64_t value)
{
	uint8_t be[8];
	size_t skip = 0;
	size_t i;

	for (i = 0; i < 8; i++)
		be[i] = (uint8_t) (value >> (56 - 8 * i));
	while (skip < 8 && be[skip] == 0)
		skip++;
	usdtpay_rlp_put_bytes(w, be + skip, 8 - skip);
}

void
usdtpay_rlp_wrap(UsdtpayRlpWriter *w, size_t start)
{
	uint8_t head[9];
	size_t len;
	size_t headlen;

	if (w->overflow || start > w->len)
	{
		w->overflow = true;
		return;
	}
	len = w->len - start;
	headlen = rlp_header(head, RLP_LIST, len);
	if (headlen > w->cap - w->len)
	{
		w->overflow = true;
		return;
	}
	memmove(w->buf + start + headlen, w->buf + start, len);
	memcpy(w->buf + start, head, headlen);
	w->len += headlen;
}

/* Reads the width bytes of a long length at in.
 * Returns: false when it has a leading zero, would fit the short form or exceeds size_t. */
static bool
rlp_long_length(size_t *len, const uint8_t *in, size_t width)
{
	size_t value = 0;
	size_t i;

	if (width > sizeof(size_t) || in[0] == 0)
		return false;
	for (i = 0; i < width; i++)
		value = value << 8 | in[i];
	*len = value;
	return value > RLP_SHORT;
}

bool
usdtpay_rlp_next(UsdtpayRlpItem *item, const uint8_t *in, size_t inlen, size_t *pos)
{
	size_t at = *pos;
	size_t len;
	uint8_t first;

	if (at >= inlen)
		return false;
	first = in[at];
	item->is_list = first >= RLP_LIST;
	if (first >= RLP_STRING)
	{
		len = (size_t) first - (item->is_list ? RLP_LIST : RLP_STRING);
		at++;
		if (len > RLP_SHORT)
		{
			size_t width = len - RLP_SHORT;

			if (width > inlen - at || !rlp_long_length(&len, in + at, width))
				return false;
			at += width;
		}
	}
	else
		len = 1; /* the byte is its own payload */
	if (len > inlen - at)
		return false;
	/* One byte below 0x80 has no header in canonical form. */
	if (first == RLP_STRING + 1 && in[at] < RLP_STRING)
		return false;
	item->payload = in + at;
	item->len = len;
	*pos = at + len;
	return true;
}
