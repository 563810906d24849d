/* SPDX-License-Identifier: PostgreSQL
 *
 * ssrf.h: which addresses a webhook may reach.  A party chooses the URL, so the server must not be
 * talked into calling its own network (server-side request forgery).  Pure C.
 */
#ifndef USDTPAY_SSRF_H
#define USDTPAY_SSRF_H

#include <stdbool.h>

struct sockaddr;

#define USDTPAY_URL_MAX 2048

/* What an operator may allow. */
typedef struct UsdtpaySsrfPolicy
{
	bool allow_http;    /* http beside https */
	bool allow_private; /* loopback and private ranges; never link-local and metadata */
	const char *ports;  /* "443,80,8443" */
} UsdtpaySsrfPolicy;

/* Tells whether a resolved address may be connected to.  Everything that is not IPv4 or IPv6
 * unicast in public use is refused.  Safe to call from a library's callback. */
extern bool usdtpay_ssrf_allowed(const struct sockaddr *address, bool allow_private);

/* Judges a URL before any name is looked up.  Stricter than any URL parser: what it accepts, all
 * parsers read alike.  Returns: NULL when fine, otherwise a fixed text saying what is wrong. */
extern const char *usdtpay_url_problem(const char *url, const UsdtpaySsrfPolicy *policy);

#endif
