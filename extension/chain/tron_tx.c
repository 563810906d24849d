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

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "chain/field.h"
#include "codec/hex.h"

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

/* Feeds a protobuf field of hex digits to the hash: tag, length, bytes.
 * Returns: false when the digits are no bytes. */
static bool
tron_leaf_field(EVP_MD_CTX *md, uint8_t tag, UsdtpaySlice hex)
{
	uint8_t buf[1024];
	uint64_t len = hex.len / 2;
	size_t n = 0;
	size_t i;

	if (hex.p == NULL || !usdtpay_field_is_hex(hex))
		return false;
	buf[n++] = tag;
	for (; len >= 0x80; len >>= 7)
		buf[n++] = (uint8_t) (len | 0x80);
	buf[n++] = (uint8_t) len;
	(void) EVP_DigestUpdate(md, buf, n);
	for (i = 0; i < hex.len; i += 2 * n)
	{
		n = (hex.len - i) / 2 < sizeof(buf) ? (hex.len - i) / 2 : sizeof(buf);
		if (!usdtpay_hex_decode(buf, n, hex.p + i, 2 * n))
			return false;
		(void) EVP_DigestUpdate(md, buf, n);
	}
	return true;
}

/* Feeds Transaction{1 raw_data, 2 signature…, 5 ret{3 contractRet}} to the hash. */
static bool
tron_leaf_feed(EVP_MD_CTX *md, const UsdtpayTronTx *tx)
{
	const uint8_t ret[] = {0x2a, 2, 0x18, (uint8_t) tx->result};
	UsdtpaySlice s;
	UsdtpayJson j;

	if (!tron_leaf_field(md, 0x0a, tx->raw_hex))
		return false;
	if (tx->signatures.p != NULL)
	{
		usdtpay_json_init(&j, tx->signatures.p, tx->signatures.len);
		if (!usdtpay_json_array(&j))
			return false;
		while (usdtpay_json_element(&j))
		{
			if (!usdtpay_json_string(&j, &s) || !tron_leaf_field(md, 0x12, s))
				return false;
		}
	}
	if (tx->result == 0)
		(void) EVP_DigestUpdate(md, "\x2a\0", 2);
	else
		(void) EVP_DigestUpdate(md, ret, sizeof(ret));
	return true;
}

/* Checks that the id is the hash of the raw data. */
static bool
tron_tx_id_holds(EVP_MD_CTX *md, const UsdtpayTronTx *tx)
{
	uint8_t buf[1024];
	uint8_t id[32];
	size_t n;
	size_t i;

	if (tx->raw_hex.p == NULL || tx->raw_hex.len % 2 != 0)
		return false;
	(void) EVP_DigestInit_ex(md, EVP_sha256(), NULL);
	for (i = 0; i < tx->raw_hex.len; i += 2 * n)
	{
		n = (tx->raw_hex.len - i) / 2 < sizeof(buf) ? (tx->raw_hex.len - i) / 2 : sizeof(buf);
		if (!usdtpay_hex_decode(buf, n, tx->raw_hex.p + i, 2 * n))
			return false;
		(void) EVP_DigestUpdate(md, buf, n);
	}
	(void) EVP_DigestFinal_ex(md, id, NULL);
	return memcmp(id, tx->id, 32) == 0;
}

bool
usdtpay_tron_tx_leaf(uint8_t out[32], const UsdtpayTronTx *tx, UsdtpayFault *f)
{
	EVP_MD_CTX *md;
	bool holds;
	bool whole;

	if (!tx->plain_ret || tx->raw_hex.p == NULL)
		return usdtpay_fault(f, "a transaction does not hold all that its root covers");
	md = EVP_MD_CTX_new();
	if (md == NULL)
		return usdtpay_fault(f, "out of memory");
	holds = tron_tx_id_holds(md, tx);
	(void) EVP_DigestInit_ex(md, EVP_sha256(), NULL);
	whole = tron_leaf_feed(md, tx);
	(void) EVP_DigestFinal_ex(md, out, NULL);
	EVP_MD_CTX_free(md);
	if (!holds)
		return usdtpay_fault(f, "a txID is not the hash of its transaction");
	return whole || usdtpay_fault(f, "a transaction does not hold all that its root covers");
}
