/* SPDX-License-Identifier: PostgreSQL
 *
 * field.c: the scalar shapes nodes use.
 */
#include "chain/field.h"
#include "codec/hex.h"

bool
usdtpay_field_cut_0x(UsdtpaySlice *s)
{
	if (s->len < 2 || s->len % 2 != 0 || s->p[0] != '0' || s->p[1] != 'x')
		return false;
	s->p += 2;
	s->len -= 2;
	return true;
}

bool
usdtpay_field_is_hex(UsdtpaySlice s)
{
	uint8_t chunk[64];
	size_t i;

	if (s.len % 2 != 0)
		return false;
	for (i = 0; i < s.len; i += 2 * sizeof(chunk))
	{
		size_t n = s.len - i < 2 * sizeof(chunk) ? s.len - i : 2 * sizeof(chunk);

		if (!usdtpay_hex_decode(chunk, n / 2, s.p + i, n))
			return false;
	}
	return true;
}

bool
usdtpay_field_evm(uint8_t *out, size_t len, UsdtpaySlice s)
{
	return usdtpay_field_cut_0x(&s) && usdtpay_hex_decode(out, len, s.p, s.len);
}

bool
usdtpay_field_tron(uint8_t *out, size_t len, UsdtpaySlice s)
{
	return usdtpay_hex_decode(out, len, s.p, s.len);
}

bool
usdtpay_field_quantity(uint64_t *out, UsdtpaySlice s, uint64_t max)
{
	return usdtpay_hex_quantity(out, s.p, s.len) && *out <= max;
}

bool
usdtpay_fault_json(UsdtpayFault *f, const UsdtpayJson *j)
{
	return usdtpay_fault_at(f, j, "the answer has an unexpected shape");
}

bool
usdtpay_fault_at(UsdtpayFault *f, const UsdtpayJson *j, const char *what)
{
	f->has_offset = true;
	f->offset = usdtpay_json_offset(j);
	return usdtpay_fault(f, j->error != NULL ? j->error : what);
}

bool
usdtpay_answer_payload(UsdtpaySlice *out, const char *text, size_t len, UsdtpayFault *f)
{
	UsdtpaySlice name;
	UsdtpaySlice value;
	UsdtpaySlice result = {NULL, 0};
	UsdtpayJson j;

	out->p = text;
	out->len = len;
	usdtpay_json_init(&j, text, len);
	if (usdtpay_json_peek(&j) != USDTPAY_JSON_OBJECT)
		return true;
	(void) usdtpay_json_object(&j);
	while (usdtpay_json_member(&j, &name) && usdtpay_json_skip(&j, &value))
	{
		if (usdtpay_slice_is(name, "error") && !usdtpay_slice_is(value, "null"))
			return usdtpay_fault(f, "the answer is a JSON-RPC error");
		if (!usdtpay_slice_is(name, "result"))
			continue;
		if (result.p != NULL)
			return usdtpay_fault(f, "the answer has two results");
		result = value;
	}
	if (!usdtpay_json_end(&j))
		return usdtpay_fault_json(f, &j);
	if (result.p != NULL)
		*out = result;
	return true;
}
