/* SPDX-License-Identifier: PostgreSQL
 *
 * rlp.h: Recursive Length Prefix (Ethereum yellow paper, appendix B).  Pure C.
 *
 * Writer: appends items to a caller-supplied buffer; a list is written by measuring its payload
 * first or by usdtpay_rlp_wrap, which shifts the payload to make room for the list's header.
 */
#ifndef USDTPAY_CODEC_RLP_H
#define USDTPAY_CODEC_RLP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct UsdtpayRlpWriter
{
	uint8_t *buf;
	size_t cap;
	size_t len;
	bool overflow; /* set once something did not fit; len stays valid */
} UsdtpayRlpWriter;

/* Appends a byte string. */
extern void usdtpay_rlp_put_bytes(UsdtpayRlpWriter *w, const uint8_t *in, size_t inlen);
/* Appends the header of a byte string of len >= 2 bytes and room for them.
 * Returns: where to write them; NULL, with overflow set, when they do not fit. */
extern uint8_t *usdtpay_rlp_reserve(UsdtpayRlpWriter *w, size_t len);
/* Appends an integer, big-endian without leading zeros (0 is the empty string). */
extern void usdtpay_rlp_put_uint(UsdtpayRlpWriter *w, uint64_t value);
/* Turns everything written since offset start into the payload of one list. */
extern void usdtpay_rlp_wrap(UsdtpayRlpWriter *w, size_t start);

typedef struct UsdtpayRlpItem
{
	bool is_list;
	const uint8_t *payload;
	size_t len;
} UsdtpayRlpItem;

/* Reads the item at *pos of in[inlen] and advances *pos behind it.
 * Returns: false on truncation, non-canonical lengths or overlong payload. */
extern bool usdtpay_rlp_next(UsdtpayRlpItem *item, const uint8_t *in, size_t inlen, size_t *pos);

#endif
