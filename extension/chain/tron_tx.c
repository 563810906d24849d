/* SPDX-License-Identifier: PostgreSQL
 *
 * tron_tx.c: TRON's transactions and their infos.
 *
 * Whether a transaction succeeded is said three times: ret[0].contractRet in the block (covered
 * by the transaction root), receipt.result and result in the info (covered by nothing).  Logs
 * count only when none of them objects: nodes of version 4.8.0 keep the logs of calls that ran
 * out of time.
 */
#include "chain/tron.h"

#include <stdlib.h>

#include "chain/field.h"
#include "codec/hex.h"
#include "codec/sha2.h"

/* Transaction.Result.contractResult, by number. */
static const char *const tron_results[] = {"DEFAULT",
										   "SUCCESS",
										   "REVERT",
										   "BAD_JUMP_DESTINATION",
										   "OUT_OF_MEMORY",
										   "PRECOMPILED_CONTRACT",
										   "STACK_TOO_SMALL",
										   "STACK_TOO_LARGE",
										   "ILLEGAL_OPERATION",
										   "STACK_OVERFLOW",
										   "OUT_OF_ENERGY",
										   "OUT_OF_TIME",
										   "JVM_STACK_OVER_FLOW",
										   "UNKNOWN",
										   "TRANSFER_FAILED",
										   "INVALID_CODE"};

int
usdtpay_tron_result(UsdtpaySlice name)
{
	size_t i;

	for (i = 0; i < sizeof(tron_results) / sizeof(tron_results[0]); i++)
	{
		if (strlen(tron_results[i]) == name.len && memcmp(tron_results[i], name.p, name.len) == 0)
			return (int) i;
	}
	return USDTPAY_TRON_RESULT_UNKNOWN;
}

/* Reads `ret`: an array whose first element may name the result of the contract call. */
static bool
tron_ret(UsdtpayTronTx *tx, UsdtpayJson *j, UsdtpayFault *f)
{
	UsdtpaySlice name;
	UsdtpaySlice result;
	int elements = 0;

	if (!usdtpay_json_array(j))
		return usdtpay_fault_json(f, j);
	while (usdtpay_json_element(j) && usdtpay_json_object(j))
	{
		elements++;
		while (usdtpay_json_member(j, &name))
		{
			if (usdtpay_slice_is(name, "contractRet") && tx->result == USDTPAY_TRON_RESULT_ABSENT)
			{
				if (!usdtpay_json_string(j, &result))
					return usdtpay_fault_json(f, j);
				tx->result = usdtpay_tron_result(result);
				continue;
			}
			tx->plain_ret = false;
			if (!usdtpay_json_skip(j, NULL))
				return usdtpay_fault_json(f, j);
		}
	}
	if (elements != 1 || tx->result < 0)
		tx->plain_ret = false;
	return j->error == NULL || usdtpay_fault_json(f, j);
}

bool
usdtpay_tron_tx_parse(UsdtpayTronTx *tx, UsdtpayJson *j, UsdtpayFault *f)
{
	bool has_id = false;
	bool has_ret = false;
	UsdtpaySlice name;
	UsdtpaySlice s;

	memset(tx, 0, sizeof(*tx));
	tx->result = USDTPAY_TRON_RESULT_ABSENT;
	tx->plain_ret = true;
	if (!usdtpay_json_object(j))
		return usdtpay_fault_json(f, j);
	while (usdtpay_json_member(j, &name))
	{
		bool again = false;

		if (usdtpay_slice_is(name, "txID"))
		{
			again = has_id;
			has_id = true;
			if (!usdtpay_json_string(j, &s) || !usdtpay_field_tron(tx->id, 32, s))
				return usdtpay_fault_at(f, j, "a txID is not 32 bytes");
		}
		else if (usdtpay_slice_is(name, "ret"))
		{
			again = has_ret;
			has_ret = true;
			if (!tron_ret(tx, j, f))
				return false;
		}
		else if (usdtpay_slice_is(name, "raw_data_hex"))
		{
			again = tx->raw_hex.p != NULL;
			(void) usdtpay_json_string(j, &tx->raw_hex);
		}
		else if (usdtpay_slice_is(name, "signature"))
		{
			again = tx->signatures.p != NULL;
			(void) usdtpay_json_skip(j, &tx->signatures);
		}
		else
			(void) usdtpay_json_skip(j, NULL);
		if (again)
			return usdtpay_fault_at(f, j, "a member of a transaction comes twice");
	}
	if (j->error != NULL)
		return usdtpay_fault_json(f, j);
	return has_id || usdtpay_fault_at(f, j, "a transaction has no txID");
}

/* Appends a protobuf field given in hex digits: tag, length, bytes.
 * Returns: false when the digits are no bytes.  Out: where the bytes start. */
static bool
tron_put_field(uint8_t **p, uint8_t tag, UsdtpaySlice hex, uint8_t **payload)
{
	size_t len = hex.len / 2;
	size_t rest;

	*(*p)++ = tag;
	for (rest = len; rest >= 0x80; rest >>= 7)
		*(*p)++ = (uint8_t) (rest | 0x80);
	*(*p)++ = (uint8_t) rest;
	*payload = *p;
	*p += len;
	return usdtpay_hex_decode(*payload, len, hex.p, hex.len);
}

/* Appends the signatures, each a field 2. */
static bool
tron_put_signatures(uint8_t **p, UsdtpaySlice array)
{
	uint8_t *ignored;
	UsdtpaySlice s;
	UsdtpayJson j;

	usdtpay_json_init(&j, array.p, array.len);
	(void) usdtpay_json_array(&j);
	while (usdtpay_json_element(&j) && usdtpay_json_string(&j, &s))
	{
		if (!tron_put_field(p, 0x12, s, &ignored))
			return false;
	}
	return j.error == NULL;
}

/* Serialises Transaction{1 raw_data, 2 signature…, 5 ret{3 contractRet}} into buf, which holds
 * the digits of everything with room to spare.  Returns: the length; 0 when something is no hex.
 * Out: raw, where raw_data's bytes start. */
static size_t
tron_serialise(uint8_t *buf, const UsdtpayTronTx *tx, uint8_t **raw)
{
	uint8_t *p = buf;

	if (!tron_put_field(&p, 0x0a, tx->raw_hex, raw))
		return 0;
	if (tx->signatures.p != NULL && !tron_put_signatures(&p, tx->signatures))
		return 0;
	*p++ = 0x2a;
	*p++ = tx->result == 0 ? 0 : 2;
	if (tx->result != 0)
	{
		*p++ = 0x18;
		*p++ = (uint8_t) tx->result;
	}
	return (size_t) (p - buf);
}

bool
usdtpay_tron_tx_leaf(uint8_t out[32], const UsdtpayTronTx *tx, UsdtpayFault *f)
{
	uint8_t id[32];
	uint8_t *raw;
	uint8_t *buf;
	size_t len;

	if (!tx->plain_ret || tx->raw_hex.p == NULL)
		return usdtpay_fault(f, "a transaction does not hold all that its root covers");
	/* The digits in the JSON are at least as long as the fields they become. */
	buf = malloc(tx->raw_hex.len + 2 * tx->signatures.len + 64);
	if (buf == NULL)
		return usdtpay_fault(f, "out of memory");
	len = tron_serialise(buf, tx, &raw);
	if (len > 0)
	{
		usdtpay_sha256(id, raw, tx->raw_hex.len / 2);
		usdtpay_sha256(out, buf, len);
	}
	free(buf);
	if (len == 0)
		return usdtpay_fault(f, "a transaction does not hold all that its root covers");
	return memcmp(id, tx->id, 32) == 0 ||
		   usdtpay_fault(f, "a txID is not the hash of its transaction");
}
