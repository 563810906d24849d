/* SPDX-License-Identifier: PostgreSQL
 *
 * fn_webhook.c: SQL wrappers of webhook signatures, the URL check and the courier's wake-up.
 * No error names a secret.
 */
#include "postgres.h"

#include <time.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "codec/webhook_sign.h"
#include "compat.h"
#include "errors.h"
#include "guc.h"
#include "ssrf.h"
#include "wake.h"

#define WEBHOOK_NEW_SECRET_LEN 32

PG_FUNCTION_INFO_V1(usdtpay_webhook_sign_text);
PG_FUNCTION_INFO_V1(usdtpay_webhook_verify);
PG_FUNCTION_INFO_V1(usdtpay_webhook_url_check);
PG_FUNCTION_INFO_V1(usdtpay_webhook_secret_new);
PG_FUNCTION_INFO_V1(usdtpay_courier_wake);

/* Signs with the first four arguments of fcinfo: secret, id, timestamp, body. */
static void
webhook_sign_arguments(char *out, FunctionCallInfo fcinfo)
{
	text *secret = PG_GETARG_TEXT_PP(0);
	char *id = text_to_cstring(PG_GETARG_TEXT_PP(1));
	int64 timestamp = PG_GETARG_INT64(2);
	text *body = PG_GETARG_TEXT_PP(3);
	uint8 key[USDTPAY_WEBHOOK_SECRET_MAX];
	size_t keylen;
	bool made;

	if (!usdtpay_webhook_secret(key, &keylen, VARDATA_ANY(secret), VARSIZE_ANY_EXHDR(secret)))
		ereport(ERROR, (errcode(ERRCODE_UP_BAD_INPUT), errmsg("webhook secret is malformed"),
						errdetail("It is no base64 of 24 to 64 bytes after \"whsec_\"."),
						errhint("Pass the secret as webhook_add or webhook_rotate showed it.")));
	if (id[0] == '\0' || strchr(id, '.') != NULL)
		ereport(ERROR, (errcode(ERRCODE_UP_BAD_INPUT), errmsg("webhook id is malformed"),
						errdetail("The id is \"%s\".", id),
						errhint("Pass the webhook-id header; it is not empty and has no dot.")));
	made = usdtpay_webhook_sign(out, key, keylen, id, timestamp, VARDATA_ANY(body),
								VARSIZE_ANY_EXHDR(body));
	explicit_bzero(key, sizeof(key));
	if (!made)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("could not sign the webhook")));
}

/* webhook_sign(secret, id, timestamp, body) → "v1,<base64>". */
Datum
usdtpay_webhook_sign_text(PG_FUNCTION_ARGS)
{
	char signature[USDTPAY_WEBHOOK_SIGNATURE_LEN + 1];

	webhook_sign_arguments(signature, fcinfo);
	PG_RETURN_TEXT_P(cstring_to_text(signature));
}

/* Tells whether a unix time is within the tolerance of now, either way. */
static bool
webhook_fresh(int64 timestamp, const Interval *tolerance)
{
	int64 now = (int64) time(NULL);
	int64 days = (int64) tolerance->month * DAYS_PER_MONTH + tolerance->day;
	int64 seconds = days * SECS_PER_DAY + tolerance->time / USECS_PER_SEC;

	if (timestamp < 0 || seconds < 0)
		return false;
	return (timestamp > now ? timestamp - now : now - timestamp) <= seconds;
}

/* webhook_verify(secret, id, timestamp, body, signatures, tolerance) → boolean. */
Datum
usdtpay_webhook_verify(PG_FUNCTION_ARGS)
{
	char signature[USDTPAY_WEBHOOK_SIGNATURE_LEN + 1];
	text *list;
	int i;

	for (i = 0; i < 5; i++)
		if (PG_ARGISNULL(i))
			PG_RETURN_BOOL(false);
	list = PG_GETARG_TEXT_PP(4);
	webhook_sign_arguments(signature, fcinfo);
	if (!PG_ARGISNULL(5) && !webhook_fresh(PG_GETARG_INT64(2), PG_GETARG_INTERVAL_P(5)))
		PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(usdtpay_webhook_listed(signature, VARDATA_ANY(list), VARSIZE_ANY_EXHDR(list)));
}

/* webhook_url_check(url): returns when the settings allow the URL. */
Datum
usdtpay_webhook_url_check(PG_FUNCTION_ARGS)
{
	char *url = text_to_cstring(PG_GETARG_TEXT_PP(0));
	UsdtpaySsrfPolicy policy = {usdtpay_webhook_allow_http, usdtpay_webhook_allow_private,
								usdtpay_webhook_ports};
	const char *problem = usdtpay_url_problem(url, &policy);

	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UP_BAD_INPUT), errmsg("webhook address is not allowed"),
				 errdetail("The address, not repeated here for it may hold a key: %s.", problem),
				 errhint("Use an https:// address on the public internet, port %s. The "
						 "settings usdtpay.webhook_allow_http, usdtpay.webhook_allow_private "
						 "and usdtpay.webhook_ports can allow more.",
						 usdtpay_webhook_ports)));
	PG_RETURN_VOID();
}

/* webhook_secret_new() → 32 random bytes. */
Datum
usdtpay_webhook_secret_new(PG_FUNCTION_ARGS)
{
	bytea *secret = palloc(VARHDRSZ + WEBHOOK_NEW_SECRET_LEN);

	SET_VARSIZE(secret, VARHDRSZ + WEBHOOK_NEW_SECRET_LEN);
	if (!pg_strong_random(VARDATA(secret), WEBHOOK_NEW_SECRET_LEN))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values")));
	PG_RETURN_BYTEA_P(secret);
}

/* courier_wake(): asks for a wake-up at commit. */
Datum
usdtpay_courier_wake(PG_FUNCTION_ARGS)
{
	usdtpay_wake_at_commit(USDTPAY_WAKE_COURIER);
	PG_RETURN_VOID();
}
