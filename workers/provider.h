/* SPDX-License-Identifier: PostgreSQL
 *
 * provider.h: one node of a network, how it has been doing, and whether to ask it now.
 */
#ifndef USDTPAY_PROVIDER_H
#define USDTPAY_PROVIDER_H

#include "datatype/timestamp.h"

#include "rpc_error.h"

struct UsdtpayRpc;

/* Tokens whose code a node is asked for at start; more are watched, these are checked. */
#define USDTPAY_PROVIDER_TOKENS 64

typedef enum UsdtpayProviderState
{
	USDTPAY_PROVIDER_UNKNOWN, /* not verified yet */
	USDTPAY_PROVIDER_OK,
	USDTPAY_PROVIDER_REFUSED /* wrong chain, token or checkpoint; asked again much later */
} UsdtpayProviderState;

typedef struct UsdtpayProvider
{
	/* configuration */
	int32 id;
	const char *url;
	const char *label; /* scheme and host: all of the URL that may be shown */
	const char *const *headers;
	int priority;
	double max_rate;

	/* rate and health */
	UsdtpayProviderState state;
	double rate; /* requests a second */
	double rate_cap;
	TimestampTz cap_until; /* the rate stays below rate_cap until then */
	double credit;
	TimestampTz credited_at;
	bool pressed;      /* a request had to wait since the last answer */
	double latency_ms; /* smoothed; 0: never answered */
	int64 requests;
	int64 failures;
	int streak;
	int cool_ms;
	TimestampTz cool_until;
	TimestampTz ok_at;
	TimestampTz error_at;
	char error[160];

	/* what it takes */
	int log_range; /* blocks in one eth_getLogs */
	int batch;     /* calls in one request */
	bool no_receipts;
	TimestampTz logs_after; /* TRON: its eth_getLogs is left alone until then */

	/* what it served last */
	int64 head;
	uint8 head_hash[32];
	int64 final;
	TimestampTz head_at;
	TimestampTz moved_at; /* when head last grew */
	char *header; /* its head block as it wrote it, in the tick's context; NULL when not fresh */
	int64 agreed; /* height at which its chain was last seen to be ours */
	uint8 agreed_hash[32];

	/* start checks */
	TimestampTz verify_at; /* not before */
	bool checked;          /* everything but the code pins */
	int check_failures;    /* in a row */
	uint8 code_hash[USDTPAY_PROVIDER_TOKENS][32];

	/* the one question that may outlive a tick: start checks or head */
	struct UsdtpayRpc *pending;
	bool pending_verify;
	bool pending_final;
} UsdtpayProvider;

extern void usdtpay_provider_init(UsdtpayProvider *p);
extern bool usdtpay_provider_cooling(const UsdtpayProvider *p, TimestampTz now);
extern int usdtpay_provider_take(UsdtpayProvider *p, TimestampTz now);
extern void usdtpay_provider_worked(UsdtpayProvider *p, double elapsed_ms);
extern void usdtpay_provider_failed(UsdtpayProvider *p, UsdtpayRpcVerdict verdict, const char *what,
									int64 retry_after_ms);
extern void usdtpay_provider_refuse(UsdtpayProvider *p, const char *what);
extern int64 usdtpay_provider_reach(const UsdtpayProvider *all, int count, uint64 except);
extern UsdtpayProvider *usdtpay_provider_choose(UsdtpayProvider *all, int count, int64 head,
												int64 final, uint64 except,
												const UsdtpayProvider *avoid);

#endif
