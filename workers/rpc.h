/* SPDX-License-Identifier: PostgreSQL
 *
 * rpc.h: questions to a node: JSON-RPC, several calls in one request, or TRON's plain HTTP.
 *
 * A question lives in a memory context of its own, so it may outlive the tick that asked it;
 * its answers are slices into the HTTP body and die with it.
 */
#ifndef USDTPAY_RPC_H
#define USDTPAY_RPC_H

#include "utils/palloc.h"

#include "chain/json.h"
#include "http.h"
#include "provider.h"

typedef struct UsdtpayRpcCall
{
	const char *method;
	const char *params;      /* a JSON array */
	UsdtpaySlice result;     /* raw JSON; valid when advice says OK */
	UsdtpayRpcAdvice advice; /* OK, or why not */
	bool answered;
} UsdtpayRpcCall;

typedef struct UsdtpayRpc
{
	MemoryContext context;
	UsdtpayProvider *provider;
	const char *path; /* TRON: appended to the URL, calls[0].params is the body */
	int capacity;
	int count;
	UsdtpayRpcCall *calls;
	UsdtpayHttpCall *http;
	bool done;
	UsdtpayRpcAdvice advice; /* of the exchange; OK: each call has its own */
} UsdtpayRpc;

extern UsdtpayRpc *usdtpay_rpc_create(UsdtpayProvider *provider, int capacity);
extern UsdtpayRpcCall *usdtpay_rpc_add(UsdtpayRpc *rpc, const char *method, const char *params, ...)
	pg_attribute_printf(3, 4);
extern void usdtpay_rpc_send(UsdtpayHttpPool *pool, UsdtpayRpc *rpc, int timeout_ms);
extern UsdtpayRpc *usdtpay_rpc_next(UsdtpayHttpPool *pool, int timeout_ms);
extern void usdtpay_rpc_wait(UsdtpayHttpPool *pool, UsdtpayRpc *const *rpcs, int count);
extern void usdtpay_rpc_free(UsdtpayRpc *rpc);

#endif
