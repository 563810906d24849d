/* SPDX-License-Identifier: PostgreSQL
 *
 * fn_keys.c: SQL wrappers of keys/: address_derive, address_derive_raw, xpub_info.
 *
 * No message here repeats the key: it may be a private one, and error texts end in logs.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "compat.h"
#include "errors.h"
#include "fn_codec.h"
#include "keys/derive.h"

#define KEYS_INFO_COLUMNS 5

PG_FUNCTION_INFO_V1(usdtpay_fn_address_derive);
PG_FUNCTION_INFO_V1(usdtpay_fn_address_derive_raw);
PG_FUNCTION_INFO_V1(usdtpay_fn_xpub_info);

typedef struct KeysComplaint
{
	const char *message;
	const char *detail;
	const char *hint;
} KeysComplaint;

static const KeysComplaint keys_complaint[] = {
	[USDTPAY_KEY_MALFORMED] = {"malformed extended public key",
							   "The text is not base58check of 78 bytes.",
							   "An extended public key is 111 characters starting with xpub or "
							   "tpub."},
	[USDTPAY_KEY_CHECKSUM] = {"extended public key has a wrong checksum",
							  "The checksum does not fit the other characters.",
							  "A letter is wrong: export the key again from the wallet."},
	[USDTPAY_KEY_PRIVATE] = {"this is a private key",
							 "The text is an extended private key. The database must never see "
							 "one.",
							 "Give the extended public key (xpub). Treat the private key as "
							 "exposed, for the statement may be in the server's log: move its "
							 "funds to a new wallet."},
	[USDTPAY_KEY_VERSION] = {"unsupported kind of extended key",
							 "Its version bytes are neither those of xpub nor those of tpub.",
							 "Export the account key as xpub; ypub and zpub are Bitcoin formats."},
	[USDTPAY_KEY_POINT] = {"extended public key holds no point of the curve",
						   "The 33 key bytes do not decode to a point of secp256k1.",
						   "Export the key again from the wallet."},
	[USDTPAY_KEY_DEPTH_ZERO] = {"extended public key contradicts itself",
								"Its depth is 0, yet it names a parent or a child number.",
								"Export the key again from the wallet."},
	[USDTPAY_KEY_TOO_DEEP] = {"extended public key is too deep",
							  "Its children would exceed depth 255.",
							  "Use the key of an account, such as m/44'/60'/0'."},
	[USDTPAY_KEY_HARDENED] = {"hardened derivation needs the private key",
							  "The index is 2^31 or more.", "Use an index from 0 to 2147483647."},
	[USDTPAY_KEY_INVALID_CHILD] = {"this index has no key",
								   "BIP32 leaves out one index in about 2^127.",
								   "Take the next index."},
};

/* Raises UP002 unless the status is OK. */
static void
keys_check(UsdtpayKeyStatus status)
{
	const KeysComplaint *complaint = &keys_complaint[status];

	if (status != USDTPAY_KEY_OK)
		ereport(ERROR,
				(errcode(ERRCODE_UP_BAD_KEY), errmsg_internal("%s", complaint->message),
				 errdetail_internal("%s", complaint->detail), errhint("%s", complaint->hint)));
}

/* Derives xpub/0/idx; idx outside 0..2^31-1 is an error UP000. */
static void
keys_derive(uint8_t out[USDTPAY_ADDRESS_LEN], const text *xpub, int64 idx)
{
	if (idx < 0 || idx >= USDTPAY_BIP32_HARDENED)
		ereport(ERROR, (errcode(ERRCODE_UP_BAD_INPUT), errmsg("address index out of range"),
						errdetail("The index is %lld.", (long long) idx),
						errhint("Use an index from 0 to 2147483647.")));
	keys_check(
		usdtpay_derive_address(out, VARDATA_ANY(xpub), VARSIZE_ANY_EXHDR(xpub), (uint32_t) idx));
}

/* usdtpay.address_derive(xpub text, family text, idx bigint) returns text */
Datum
usdtpay_fn_address_derive(PG_FUNCTION_ARGS)
{
	UsdtpayFamily family = usdtpay_family_arg(PG_GETARG_TEXT_PP(1));
	uint8_t address[USDTPAY_ADDRESS_LEN];

	keys_derive(address, PG_GETARG_TEXT_PP(0), PG_GETARG_INT64(2));
	PG_RETURN_TEXT_P(usdtpay_address_new(family, address));
}

/* usdtpay_internal.address_derive_raw(xpub text, idx bigint) returns bytea */
Datum
usdtpay_fn_address_derive_raw(PG_FUNCTION_ARGS)
{
	uint8_t address[USDTPAY_ADDRESS_LEN];

	keys_derive(address, PG_GETARG_TEXT_PP(0), PG_GETARG_INT64(1));
	PG_RETURN_BYTEA_P(usdtpay_bytea_new(address, sizeof(address)));
}

/* usdtpay.xpub_info(xpub text) returns record */
Datum
usdtpay_fn_xpub_info(PG_FUNCTION_ARGS)
{
	text *xpub = PG_GETARG_TEXT_PP(0);
	UsdtpayBip32 node;
	uint8_t fingerprint[4];
	TupleDesc desc;
	Datum values[KEYS_INFO_COLUMNS];
	bool nulls[KEYS_INFO_COLUMNS] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	keys_check(usdtpay_bip32_parse(&node, VARDATA_ANY(xpub), VARSIZE_ANY_EXHDR(xpub)));
	usdtpay_bip32_fingerprint(fingerprint, &node);
	values[0] = Int32GetDatum(node.depth);
	values[1] = Int64GetDatum((int64) node.child_number);
	values[2] = PointerGetDatum(usdtpay_bytea_new(fingerprint, 4));
	values[3] = PointerGetDatum(usdtpay_bytea_new(node.parent_fingerprint, 4));
	values[4] = CStringGetTextDatum(node.testnet ? "testnet" : "mainnet");
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
