/* SPDX-License-Identifier: PostgreSQL
 *
 * rpc_error.h: what a node's refusal means and what to do about it.  Pure C.
 *
 * There is no standard for these: every provider has its own code and wording for the same
 * limit.  The table in rpc_error.c is the catalogue; test/unit/test_rpc_error.c holds the real
 * messages it was made from.
 */
#ifndef USDTPAY_RPC_ERROR_H
#define USDTPAY_RPC_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum UsdtpayRpcVerdict
{
	USDTPAY_RPC_OK,
	USDTPAY_RPC_RANGE,       /* too much in this range: take the suggestion, else halve */
	USDTPAY_RPC_CHUNK,       /* more blocks than this node takes: at most limit */
	USDTPAY_RPC_BATCH,       /* too many calls in one request */
	USDTPAY_RPC_LAGGING,     /* the node does not have that block (yet): ask another */
	USDTPAY_RPC_RATE,        /* asked too often: cool down */
	USDTPAY_RPC_DENIED,      /* key missing, wrong or exhausted */
	USDTPAY_RPC_UNSUPPORTED, /* the node does not have that method */
	USDTPAY_RPC_TRANSIENT,   /* its fault, may pass */
	USDTPAY_RPC_INVALID      /* no JSON-RPC answer at all, or one to another question */
} UsdtpayRpcVerdict;

typedef struct UsdtpayRpcAdvice
{
	UsdtpayRpcVerdict verdict;
	int64_t limit; /* CHUNK: most blocks in a range; 0: not told */
	int64_t from;  /* RANGE: a range that should work; from > to: not told */
	int64_t to;
} UsdtpayRpcAdvice;

/* Judges a JSON-RPC error.  In: the HTTP status it came with, its code, its message and data as
 * one text of len bytes, as the node wrote it (any bytes). */
extern UsdtpayRpcAdvice usdtpay_rpc_judge(int http_status, int64_t code, const char *text,
										  size_t len);

/* Judges an HTTP status that came without a JSON-RPC error. */
extern UsdtpayRpcAdvice usdtpay_rpc_judge_status(int http_status);

/* Reads for how long a refusal says the key is suspended ("… is suspended for 30s").
 * Returns: milliseconds; -1 when it does not say. */
extern int64_t usdtpay_rpc_suspension_ms(const char *text, size_t len);

/* Names a verdict, for health and logs. */
extern const char *usdtpay_rpc_verdict_name(UsdtpayRpcVerdict verdict);

/* Tells whether a number of results is a round cap, so that the answer may have been cut off. */
extern bool usdtpay_rpc_is_cap(int64_t results);

#endif
