/* SPDX-License-Identifier: PostgreSQL
 *
 * rpc_batch.c: many calls to one provider, cut into as many requests as it takes.
 *
 * Invariants: the requests are in flight together, within the provider's rate; what is left of
 * them when one is refused is not sent.  A node that finds them too big gets smaller ones.
 */
#include "postgres.h"

#include "guc.h"
#include "rpc.h"
#include "worker.h"

/* Answers a question by what happened to the one before it, without asking: a node that just
 * refused is left alone. */
static void
rpc_forgo(UsdtpayRpc *rpc)
{
	int i;

	rpc->done = true;
	rpc->advice.verdict = USDTPAY_RPC_TRANSIENT;
	for (i = 0; i < rpc->count; i++)
		rpc->calls[i].advice = rpc->advice;
}

/* Sends calls[from..] in requests of at most batch->slice calls. */
static void
rpc_batch_send(UsdtpayHttpPool *pool, UsdtpayRpcBatch *batch)
{
	int at = 0;

	batch->slice = Max(1, Min(batch->count, Min(usdtpay_rpc_batch, batch->provider->batch)));
	if (batch->count > 0 && usdtpay_rpc_is_plain(&batch->calls[0]))
		batch->slice = 1;
	batch->rpc_count = (batch->count + batch->slice - 1) / batch->slice;
	batch->rpcs = palloc0(sizeof(UsdtpayRpc *) * batch->rpc_count);
	while (at < batch->count)
	{
		int n = Min(batch->slice, batch->count - at);
		UsdtpayRpc *rpc = usdtpay_rpc_create(CurrentMemoryContext, batch->provider, n);
		int i;

		rpc->count = n;
		for (i = 0; i < n; i++)
		{
			rpc->calls[i] = batch->calls[at + i];
			rpc->calls[i].answered = false;
			rpc->calls[i].advice.verdict = USDTPAY_RPC_OK;
		}
		while (usdtpay_http_room(pool) <= 0)
			(void) usdtpay_rpc_next(pool, usdtpay_rpc_timeout);
		if (at > 0 && usdtpay_provider_cooling(batch->provider, usdtpay_worker_clock()))
			rpc_forgo(rpc);
		else
			usdtpay_rpc_send(pool, rpc, batch->timeout_ms);
		batch->rpcs[at / batch->slice] = rpc;
		at += n;
	}
}

/* Sends calls without waiting.  They and the batch live in the current context. */
UsdtpayRpcBatch *
usdtpay_rpc_start(UsdtpayHttpPool *pool, UsdtpayProvider *provider, UsdtpayRpcCall *calls,
				  int count, int timeout_ms)
{
	UsdtpayRpcBatch *batch = palloc0(sizeof(*batch));

	batch->provider = provider;
	batch->calls = calls;
	batch->count = count;
	batch->timeout_ms = timeout_ms;
	rpc_batch_send(pool, batch);
	return batch;
}

/* Frees a batch's requests; results die with them. */
void
usdtpay_rpc_drop(UsdtpayRpcBatch *batch)
{
	int i;

	for (i = 0; i < batch->rpc_count; i++)
		if (batch->rpcs[i] != NULL)
			usdtpay_rpc_free(batch->rpcs[i]);
	batch->rpc_count = 0;
}

/* Copies the answers to the caller's calls.  Returns: the first verdict that is not OK. */
static UsdtpayRpcVerdict
rpc_batch_collect(UsdtpayRpcBatch *batch)
{
	UsdtpayRpcVerdict verdict = USDTPAY_RPC_OK;
	int i;

	for (i = 0; i < batch->count; i++)
	{
		batch->calls[i] = batch->rpcs[i / batch->slice]->calls[i % batch->slice];
		if (verdict == USDTPAY_RPC_OK)
			verdict = batch->calls[i].advice.verdict;
	}
	return verdict;
}

/* Waits for all answers; a node that finds the requests too big gets smaller ones.
 * Returns: OK when every call has a result, else the first verdict that is not.  Results stay
 * valid until usdtpay_rpc_drop(). */
UsdtpayRpcVerdict
usdtpay_rpc_finish(UsdtpayHttpPool *pool, UsdtpayRpcBatch *batch)
{
	for (;;)
	{
		UsdtpayRpcVerdict verdict;

		usdtpay_rpc_wait(pool, batch->rpcs, batch->rpc_count);
		verdict = rpc_batch_collect(batch);
		if (batch->slice == 1 || (verdict != USDTPAY_RPC_BATCH && verdict != USDTPAY_RPC_RANGE) ||
			(verdict == USDTPAY_RPC_RANGE && batch->rpcs[0]->advice.verdict == USDTPAY_RPC_OK))
			return verdict;
		/* Too many calls, or an answer too large for one request. */
		batch->provider->batch = batch->slice / 2;
		usdtpay_rpc_drop(batch);
		rpc_batch_send(pool, batch);
	}
}
