/* SPDX-License-Identifier: PostgreSQL
 *
 * webhook_sign.h: Standard Webhooks 1.0.0, symmetric signatures (v1).  Pure C over OpenSSL.
 */
#ifndef USDTPAY_CODEC_WEBHOOK_SIGN_H
#define USDTPAY_CODEC_WEBHOOK_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define USDTPAY_WEBHOOK_SECRET_MIN    24
#define USDTPAY_WEBHOOK_SECRET_MAX    64
#define USDTPAY_WEBHOOK_SIGNATURE_LEN 47 /* "v1," and 44 characters of base64 */

/* Decodes "whsec_<base64>" (the prefix may be missing) of 24 to 64 bytes, padding required.
 * Returns: false when it is anything else.  Out: out[USDTPAY_WEBHOOK_SECRET_MAX], *outlen. */
extern bool usdtpay_webhook_secret(uint8_t *out, size_t *outlen, const char *text, size_t len);

/* Signs "id.timestamp.body" with HMAC-SHA256.  Returns: false when id is empty or holds a dot, or
 * memory is out.  Out: out[USDTPAY_WEBHOOK_SIGNATURE_LEN + 1], NUL-terminated. */
extern bool usdtpay_webhook_sign(char *out, const uint8_t *key, size_t keylen, const char *id,
								 int64_t timestamp, const char *body, size_t bodylen);

/* Tells whether one element of a space-separated list equals the signature; every element is
 * compared, each in constant time. */
extern bool usdtpay_webhook_listed(const char *signature, const char *list, size_t listlen);

#endif
