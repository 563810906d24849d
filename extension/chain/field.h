/* SPDX-License-Identifier: PostgreSQL
 *
 * field.h: the scalar shapes nodes use, read out of a JSON string's slice.  Pure C.
 */
#ifndef USDTPAY_CHAIN_FIELD_H
#define USDTPAY_CHAIN_FIELD_H

#include "chain/fault.h"
#include "chain/json.h"

/* Cuts the leading 0x off an EVM byte string.
 * Returns: false when there is none, or when an odd number of digits follows. */
extern bool usdtpay_field_cut_0x(UsdtpaySlice *s);

/* Tells whether the slice is an even number of hex digits and nothing else. */
extern bool usdtpay_field_is_hex(UsdtpaySlice s);

/* Decodes exactly len bytes, with the 0x EVM nodes write or without it as TRON nodes do. */
extern bool usdtpay_field_evm(uint8_t *out, size_t len, UsdtpaySlice s);
extern bool usdtpay_field_tron(uint8_t *out, size_t len, UsdtpaySlice s);

/* Decodes a quantity of at most max.  Returns: false for any other shape. */
extern bool usdtpay_field_quantity(uint64_t *out, UsdtpaySlice s, uint64_t max);

/* Copies the parser's own complaint, and where it stands, into the fault.  Returns: false. */
extern bool usdtpay_fault_json(UsdtpayFault *f, const UsdtpayJson *j);

/* Records what was wrong with the value just read: the parser's complaint if it has one, else
 * what.  Returns: false. */
extern bool usdtpay_fault_at(UsdtpayFault *f, const UsdtpayJson *j, const char *what);

/* Finds the payload of a JSON-RPC answer: the document itself, or its member "result".
 * Returns: false for a malformed document, an envelope without result or with an error.
 * Out: the raw bytes of the payload. */
extern bool usdtpay_answer_payload(UsdtpaySlice *out, const char *text, size_t len,
								   UsdtpayFault *f);

#endif
