/* SPDX-License-Identifier: PostgreSQL
 *
 * webhook_sign.c: Standard Webhooks 1.0.0, symmetric signatures (v1).
 */
#include "webhook_sign.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

/* Returns: the value of a base64 digit, -1 for any other character. */
static int
webhook_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool
usdtpay_webhook_secret(uint8_t *out, size_t *outlen, const char *text, size_t len)
{
	static const char prefix[] = "whsec_";
	uint32_t bits = 0;
	size_t pad = 0;
	size_t i;

	if (len > sizeof(prefix) - 1 && memcmp(text, prefix, sizeof(prefix) - 1) == 0)
	{
		text += sizeof(prefix) - 1;
		len -= sizeof(prefix) - 1;
	}
	while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
		pad++;
	if (len % 4 != 0 || len / 4 * 3 < pad + USDTPAY_WEBHOOK_SECRET_MIN ||
		len / 4 * 3 > pad + USDTPAY_WEBHOOK_SECRET_MAX)
		return false;
	*outlen = 0;
	for (i = 0; i < len; i++)
	{
		int digit = i < len - pad ? webhook_digit(text[i]) : 0;

		if (digit < 0)
			return false;
		bits = bits << 6 | (uint32_t) digit;
		/* Bytes come complete with the second, third and fourth digit of a group. */
		if (i % 4 != 0 && *outlen < len / 4 * 3 - pad)
			out[(*outlen)++] = (uint8_t) (bits >> (6 - 2 * (i % 4)));
	}
	return true;
}

bool
usdtpay_webhook_sign(char *out, const uint8_t *key, size_t keylen, const char *id,
					 int64_t timestamp, const char *body, size_t bodylen)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned int maclen = 0;
	size_t headcap = strlen(id) + 24;
	char *message;
	int head;
	bool made;

	if (id[0] == '\0' || strchr(id, '.') != NULL)
		return false;
	message = malloc(headcap + bodylen);
	if (message == NULL)
		return false;
	head = snprintf(message, headcap, "%s.%" PRId64 ".", id, timestamp);
	if (bodylen > 0)
		memcpy(message + head, body, bodylen);
	made = HMAC(EVP_sha256(), key, (int) keylen, (unsigned char *) message, (size_t) head + bodylen,
				mac, &maclen) != NULL;
	free(message);
	if (!made)
		return false;
	memcpy(out, "v1,", 3);
	EVP_EncodeBlock((unsigned char *) out + 3, mac, (int) maclen);
	return true;
}

bool
usdtpay_webhook_listed(const char *signature, const char *list, size_t listlen)
{
	bool listed = false;
	size_t from = 0;

	while (from < listlen)
	{
		const char *space = memchr(list + from, ' ', listlen - from);
		size_t to = space != NULL ? (size_t) (space - list) : listlen;

		if (to - from == USDTPAY_WEBHOOK_SIGNATURE_LEN &&
			CRYPTO_memcmp(signature, list + from, USDTPAY_WEBHOOK_SIGNATURE_LEN) == 0)
			listed = true;
		from = to + 1;
	}
	return listed;
}
