/* SPDX-License-Identifier: PostgreSQL
 *
 * test_webhook.c: Standard Webhooks signatures, against the values its libraries publish.
 */
#include "tap.h"

#include "codec/webhook_sign.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

/* One published case: secret, id, timestamp, body in hex, signature. */
static void
check_published(char **field, int n)
{
	uint8_t key[USDTPAY_WEBHOOK_SECRET_MAX];
	char made[USDTPAY_WEBHOOK_SIGNATURE_LEN + 1];
	size_t keylen;
	size_t len;
	uint8_t *body = tap_unhex(field[3], &len);

	ok(usdtpay_webhook_secret(key, &keylen, field[0], strlen(field[0])), "%s: secret", field[1]);
	ok(usdtpay_webhook_sign(made, key, keylen, field[1], atoll(field[2]), (char *) body, len) &&
		   strcmp(made, field[4]) == 0,
	   "%s: signature", field[1]);
	free(body);
}

/* Tells whether a text is taken for a secret of so many bytes; 0: refused. */
static size_t
secret_length(const char *text)
{
	uint8_t key[USDTPAY_WEBHOOK_SECRET_MAX];
	size_t len;

	return usdtpay_webhook_secret(key, &len, text, strlen(text)) ? len : 0;
}

static void
test_secrets(void)
{
	ok(secret_length(SECRET) == 24, "24 bytes");
	ok(secret_length(SECRET + 6) == 24, "the prefix may be missing");
	ok(secret_length("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAA==") == 25, "one byte and padding");
	ok(secret_length("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAAA=") == 26, "two bytes and padding");
	ok(secret_length("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
					 "AAAAAAAAAAAAAAAAAA==") == 64,
	   "64 bytes");
	ok(secret_length("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
					 "AAAAAAAAAAAAAAAAAAA=") == 0,
	   "65 are too many");
	ok(secret_length("whsec_") == 0 && secret_length("") == 0, "nothing");
	ok(secret_length("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLQ==") == 0, "23 bytes");
	ok(secret_length("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAA") == 0, "padding missing");
	ok(secret_length("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-w") == 0, "the URL alphabet");
	ok(secret_length("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa=w") == 0, "padding inside");
	ok(secret_length("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2L=====") == 0, "too much padding");
}

static void
test_lists(void)
{
	uint8_t key[USDTPAY_WEBHOOK_SECRET_MAX];
	char made[USDTPAY_WEBHOOK_SIGNATURE_LEN + 1];
	char list[4 * (USDTPAY_WEBHOOK_SIGNATURE_LEN + 1)];
	const char *other = "v1,tFtCZ5RDCPxzWQRWXWPgrCgE2frDBe9gjpbWQxnVfsQ=";
	size_t keylen;

	usdtpay_webhook_secret(key, &keylen, SECRET, strlen(SECRET));
	ok(usdtpay_webhook_sign(made, key, keylen, "evt_1", 1, "{}", 2), "signs");
	ok(!usdtpay_webhook_sign(list, key, keylen, "evt.1", 1, "{}", 2), "refuses an id with a dot");
	ok(!usdtpay_webhook_sign(list, key, keylen, "", 1, "{}", 2), "refuses an empty id");
	ok(usdtpay_webhook_listed(made, made, strlen(made)), "alone");
	snprintf(list, sizeof(list), "%s %s", other, made);
	ok(usdtpay_webhook_listed(made, list, strlen(list)), "second of two");
	snprintf(list, sizeof(list), "%s %s", made, other);
	ok(usdtpay_webhook_listed(made, list, strlen(list)), "first of two");
	ok(!usdtpay_webhook_listed(made, other, strlen(other)), "another one");
	ok(!usdtpay_webhook_listed(made, made, strlen(made) - 1), "cut short");
	ok(!usdtpay_webhook_listed(made, "v1,", 3) && !usdtpay_webhook_listed(made, "", 0), "empty");
	snprintf(list, sizeof(list), "%sx", made);
	ok(!usdtpay_webhook_listed(made, list, strlen(list)), "one character too long");
	snprintf(list, sizeof(list), "v1a%s", made + 2);
	ok(!usdtpay_webhook_listed(made, list, strlen(list)), "another version");
}

int
main(void)
{
	ok(tap_each_line("webhook.tsv", check_published) == 2, "both published cases were there");
	test_secrets();
	test_lists();
	return tap_done();
}
