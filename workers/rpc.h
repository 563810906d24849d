/* SPDX-License-Identifier: PostgreSQL
 *
 * rpc.h: questions to a node: JSON-RPC, several calls in one request, or TRON's plain HTTP.
 *
 * A question lives in a memory context of its own below the one given; deleting or resetting
 * that, as happens to the tick's after an error, ends the HTTP call too.  Answers are slices into
 * the HTTP body and die with the question.
 */
#ifndef USDTPAY_RPC_H
#define USDTPAY_RPC_H

#include "utils/palloc.h"

#include "chain/json.h"
#include "http.h"
#include "provider.h"

typedef struct UsdtpayRpcCall
{
	const char *method;      /* of JSON-RPC; or, beginning with a slash, a path: plain HTTP */
	const char *params;      /* a JSON array; for a path, the body */
	const char *door;        /* JSON-RPC's own path below the URL; NULL: the URL itself */
	UsdtpaySlice result;     /* raw JSON; valid when advice says OK */
	UsdtpayRpcAdvice advice; /* OK, or why not */
	bool answered;
} UsdtpayRpcCall;

typedef struct UsdtpayRpc
{
	MemoryContext context;
	MemoryContextCallback on_reset;
	UsdtpayProvider *provider;
	int capacity;
	int count;
	UsdtpayRpcCall *calls;
	UsdtpayHttpCall *http;
	bool done;
	UsdtpayRpcAdvice advice; /* of the exchange; OK: each call has its own */
} UsdtpayRpc;

/* Many calls to one provider, cut into as many requests as it needs, all in flight at once. */
typedef struct UsdtpayRpcBatch
{
	UsdtpayProvider *provider;
	UsdtpayRpcCall *calls; /* the caller's; answered in place */
	int count;
	int timeout_ms;
	UsdtpayRpc **rpcs;
	int rpc_count;
	int slice;
} UsdtpayRpcBatch;

/* Tells whether a question goes to a path, TRON's way, instead of being JSON-RPC. */
static inline bool
usdtpay_rpc_is_plain(const UsdtpayRpcCall *call)
{
	return call->method[0] == '/';
}

/* rpc.c */
extern UsdtpayRpc *usdtpay_rpc_create(MemoryContext parent, UsdtpayProvider *provider,
									  int capacity);
extern UsdtpayRpcCall *usdtpay_rpc_add(UsdtpayRpc *rpc, const char *method, const char *params, ...)
	pg_attribute_printf(3, 4);
extern void usdtpay_rpc_send(UsdtpayHttpPool *pool, UsdtpayRpc *rpc, int timeout_ms);
extern UsdtpayRpc *usdtpay_rpc_next(UsdtpayHttpPool *pool, int timeout_ms);
extern void usdtpay_rpc_wait(UsdtpayHttpPool *pool, UsdtpayRpc *const *rpcs, int count);
extern void usdtpay_rpc_free(UsdtpayRpc *rpc);

/* rpc_answer.c */
extern void usdtpay_rpc_take(UsdtpayRpc *rpc);

/* rpc_batch.c */
extern UsdtpayRpcBatch *usdtpay_rpc_start(UsdtpayHttpPool *pool, UsdtpayProvider *provider,
										  UsdtpayRpcCall *calls, int count, int timeout_ms);
extern UsdtpayRpcVerdict usdtpay_rpc_finish(UsdtpayHttpPool *pool, UsdtpayRpcBatch *batch);
extern void usdtpay_rpc_drop(UsdtpayRpcBatch *batch);

#endif
