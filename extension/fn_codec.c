/* SPDX-License-Identifier: PostgreSQL
 *
 * fn_codec.c: SQL wrappers of codec/ and of addresses: keccak256, address_bytes, address_text,
 * recover_address.
 *
 * Errors name the value only while it is as short as an address: what is longer may be a private
 * key pasted into the wrong field, and error texts end in logs.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "codec/keccak.h"
#include "compat.h"
#include "errors.h"
#include "fn_codec.h"
#include "keys/secp.h"

#define CODEC_ECHO_LIMIT 44

PG_FUNCTION_INFO_V1(usdtpay_fn_keccak256);
PG_FUNCTION_INFO_V1(usdtpay_fn_address_bytes);
PG_FUNCTION_INFO_V1(usdtpay_fn_address_text);
PG_FUNCTION_INFO_V1(usdtpay_fn_recover_address);

UsdtpayFamily
usdtpay_family_arg(const text *name)
{
	UsdtpayFamily family;

	if (!usdtpay_family_parse(&family, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)))
		ereport(ERROR, (errcode(ERRCODE_UP_BAD_ADDRESS), errmsg("unknown address family"),
						VARSIZE_ANY_EXHDR(name) <= CODEC_ECHO_LIMIT
							? errdetail("The family is \"%s\".", text_to_cstring(name))
							: errdetail("It has %zu bytes.", (size_t) VARSIZE_ANY_EXHDR(name)),
						errhint("The families are 'evm' and 'tron', in lower case.")));
	return family;
}

bytea *
usdtpay_bytea_new(const uint8_t *in, size_t len)
{
	bytea *out = palloc(VARHDRSZ + len);

	SET_VARSIZE(out, VARHDRSZ + len);
	memcpy(VARDATA(out), in, len);
	return out;
}

text *
usdtpay_address_new(UsdtpayFamily family, const uint8_t address[USDTPAY_ADDRESS_LEN])
{
	char buf[USDTPAY_ADDRESS_TEXT];
	size_t len = usdtpay_address_format(buf, family, address);

	return cstring_to_text_with_len(buf, len);
}

/* Returns: the hint that helps with this status. */
static const char *
codec_address_hint(UsdtpayAddressStatus status, UsdtpayFamily family)
{
	switch (status)
	{
		case USDTPAY_ADDRESS_CHECKSUM:
			return "A letter is wrong: copy the address again from its source.";
		case USDTPAY_ADDRESS_IS_TRON:
			return "This is a TRON address; money sent to it on an EVM network is lost. "
				   "Ask for an EVM address or use the family 'tron'.";
		case USDTPAY_ADDRESS_IS_EVM:
			return "This is an EVM address; money sent to it on TRON is lost. "
				   "Ask for a TRON address or use the family 'evm'.";
		case USDTPAY_ADDRESS_OTHER_CHAIN:
			return "This is an address of another chain, such as Bitcoin: ask for another one.";
		default:
			break;
	}
	return family == USDTPAY_FAMILY_EVM
			   ? "An EVM address is 0x and 40 hexadecimal digits, without blanks."
			   : "A TRON address is T and 33 more characters, or 41 and 40 hexadecimal digits.";
}

/* Returns: the primary message of this status. */
static const char *
codec_address_message(UsdtpayAddressStatus status, UsdtpayFamily family)
{
	switch (status)
	{
		case USDTPAY_ADDRESS_CHECKSUM:
			return "address has a wrong checksum";
		case USDTPAY_ADDRESS_IS_TRON:
			return "TRON address given where an EVM address is wanted";
		case USDTPAY_ADDRESS_IS_EVM:
			return "EVM address given where a TRON address is wanted";
		case USDTPAY_ADDRESS_OTHER_CHAIN:
			return "address belongs to another chain";
		default:
			return family == USDTPAY_FAMILY_EVM ? "malformed EVM address"
												: "malformed TRON address";
	}
}

void
usdtpay_address_arg(uint8_t out[USDTPAY_ADDRESS_LEN], UsdtpayFamily family, const text *address)
{
	size_t len = VARSIZE_ANY_EXHDR(address);
	UsdtpayAddressStatus status = usdtpay_address_parse(out, family, VARDATA_ANY(address), len);

	if (status == USDTPAY_ADDRESS_OK)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_UP_BAD_ADDRESS),
			 errmsg_internal("%s", codec_address_message(status, family)),
			 len <= CODEC_ECHO_LIMIT ? errdetail("The address is \"%s\".", text_to_cstring(address))
									 : errdetail("The text has %zu bytes.", len),
			 errhint("%s", codec_address_hint(status, family))));
}

/* usdtpay.keccak256(data bytea) returns bytea */
Datum
usdtpay_fn_keccak256(PG_FUNCTION_ARGS)
{
	bytea *data = PG_GETARG_BYTEA_PP(0);
	uint8_t hash[32];

	usdtpay_keccak256(hash, (const uint8_t *) VARDATA_ANY(data), VARSIZE_ANY_EXHDR(data));
	PG_RETURN_BYTEA_P(usdtpay_bytea_new(hash, sizeof(hash)));
}

/* usdtpay.address_bytes(family text, address text) returns bytea */
Datum
usdtpay_fn_address_bytes(PG_FUNCTION_ARGS)
{
	UsdtpayFamily family = usdtpay_family_arg(PG_GETARG_TEXT_PP(0));
	uint8_t address[USDTPAY_ADDRESS_LEN];

	usdtpay_address_arg(address, family, PG_GETARG_TEXT_PP(1));
	PG_RETURN_BYTEA_P(usdtpay_bytea_new(address, sizeof(address)));
}

/* usdtpay.address_text(family text, raw bytea) returns text */
Datum
usdtpay_fn_address_text(PG_FUNCTION_ARGS)
{
	UsdtpayFamily family = usdtpay_family_arg(PG_GETARG_TEXT_PP(0));
	bytea *raw = PG_GETARG_BYTEA_PP(1);

	if (VARSIZE_ANY_EXHDR(raw) != USDTPAY_ADDRESS_LEN)
		ereport(ERROR, (errcode(ERRCODE_UP_BAD_ADDRESS), errmsg("an address has 20 bytes"),
						errdetail("The value has %zu bytes.", (size_t) VARSIZE_ANY_EXHDR(raw)),
						errhint("Leave out padding, and TRON's leading byte 0x41.")));
	PG_RETURN_TEXT_P(usdtpay_address_new(family, (const uint8_t *) VARDATA_ANY(raw)));
}

/* usdtpay.recover_address(digest bytea, signature bytea) returns text */
Datum
usdtpay_fn_recover_address(PG_FUNCTION_ARGS)
{
	bytea *digest = PG_GETARG_BYTEA_PP(0);
	bytea *signature = PG_GETARG_BYTEA_PP(1);
	UsdtpayPoint point;
	uint8_t address[USDTPAY_ADDRESS_LEN];

	if (VARSIZE_ANY_EXHDR(digest) != 32)
		ereport(ERROR, (errcode(ERRCODE_UP_BAD_INPUT), errmsg("a digest has 32 bytes"),
						errdetail("The value has %zu bytes.", (size_t) VARSIZE_ANY_EXHDR(digest)),
						errhint("Hash the message first, for example with usdtpay.keccak256 or "
								"usdtpay.eip712_hash.")));
	if (VARSIZE_ANY_EXHDR(signature) != 65)
		ereport(ERROR,
				(errcode(ERRCODE_UP_BAD_SIGNATURE), errmsg("a signature has 65 bytes"),
				 errdetail("The value has %zu bytes.", (size_t) VARSIZE_ANY_EXHDR(signature)),
				 errhint("Give r, s and v: 32, 32 and 1 bytes.")));
	if (!usdtpay_secp_recover(&point, (const uint8_t *) VARDATA_ANY(digest),
							  (const uint8_t *) VARDATA_ANY(signature)))
		ereport(ERROR, (errcode(ERRCODE_UP_BAD_SIGNATURE), errmsg("no key fits the signature"),
						errdetail("r, s or v is out of range; v is %u.",
								  ((const uint8_t *) VARDATA_ANY(signature))[64]),
						errhint("v is 0, 1, 27 or 28; r and s are not zero and below the group "
								"order.")));
	usdtpay_address_of_point(address, &point);
	PG_RETURN_TEXT_P(usdtpay_address_new(USDTPAY_FAMILY_EVM, address));
}
