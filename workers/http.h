/* SPDX-License-Identifier: PostgreSQL
 *
 * http.h: bounded HTTP for workers.  A pool holds a fixed number of calls in flight; the caller
 * submits, waits on the pool, reads the answer, releases the call.
 *
 * Nothing here touches the database, and nothing here runs while a transaction is open: submit
 * and next, which move bytes, are called between transactions only.  A call may stay in flight
 * over a short transaction of its owner (the courier records and claims while others are under
 * way); it stands still meanwhile and its deadline runs on.  Answers that have come may be read
 * any time.
 *
 * What every call gets: http and https only, TLS 1.2 at least and verified, no redirects, no
 * proxy whatever the environment says, no cookies, no signals, gzip accepted, the decompressed
 * body and the headers capped, a connect and a total deadline.  All bodies of a pool together
 * take 128 MB, or four times the largest one allowed.
 */
#ifndef USDTPAY_HTTP_H
#define USDTPAY_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr;

typedef struct UsdtpayHttpPool UsdtpayHttpPool;
typedef struct UsdtpayHttpCall UsdtpayHttpCall;

/* Decides whether a connection to this resolved address may be opened.  Runs below libcurl:
 * it must not throw, allocate from PostgreSQL or touch the database. */
typedef bool (*UsdtpayHttpFilter)(const struct sockaddr *address, void *arg);

/* What to send.  Strings are copied by submit.  Lines of headers are "Name: value". */
typedef struct UsdtpayHttpRequest
{
	const char *method; /* NULL: POST with a body, GET without */
	const char *url;
	const char *const *headers; /* NULL-terminated, or NULL */
	const char *body;           /* NULL: none */
	size_t body_len;
	size_t max_bytes; /* decompressed body cap; 0: 1 MiB */
	int connect_ms;   /* 0: 5 s */
	int total_ms;     /* 0: 10 s */
	UsdtpayHttpFilter filter;
	void *filter_arg;
	void *tag; /* the caller's own */
} UsdtpayHttpRequest;

typedef enum UsdtpayHttpOutcome
{
	USDTPAY_HTTP_PENDING,
	USDTPAY_HTTP_ANSWERED, /* a complete answer, whatever its status */
	USDTPAY_HTTP_TIMEOUT,
	USDTPAY_HTTP_UNREACHABLE, /* name, connection, TLS */
	USDTPAY_HTTP_REFUSED,     /* the filter, or a URL that is none */
	USDTPAY_HTTP_TOO_LARGE,
	USDTPAY_HTTP_BROKEN /* anything else on the wire */
} UsdtpayHttpOutcome;

/* What came back; valid until the call is released. */
typedef struct UsdtpayHttpAnswer
{
	UsdtpayHttpOutcome outcome;
	int status;       /* HTTP status when answered */
	const char *body; /* NUL-terminated; may contain NULs and invalid text: verify */
	size_t body_len;
	int64_t retry_after_ms; /* from Retry-After in seconds; -1: none */
	double elapsed_ms;
	const char *error; /* a fixed text without URL, header or body; NULL when answered */
} UsdtpayHttpAnswer;

extern UsdtpayHttpPool *usdtpay_http_pool_create(int max_in_flight, int max_per_host);
extern int usdtpay_http_room(const UsdtpayHttpPool *pool);
extern UsdtpayHttpCall *usdtpay_http_submit(UsdtpayHttpPool *pool,
											const UsdtpayHttpRequest *request);
extern UsdtpayHttpCall *usdtpay_http_next(UsdtpayHttpPool *pool, int timeout_ms);
extern bool usdtpay_http_done(const UsdtpayHttpCall *call);
extern const UsdtpayHttpAnswer *usdtpay_http_answer(const UsdtpayHttpCall *call);
extern void *usdtpay_http_tag(const UsdtpayHttpCall *call);
extern void usdtpay_http_release(UsdtpayHttpCall *call);
extern void usdtpay_http_pool_reset(UsdtpayHttpPool *pool);

#endif
