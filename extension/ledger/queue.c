/* SPDX-License-Identifier: PostgreSQL
 *
 * queue.c: the line in front of a hot account.
 *
 * Waiting for a row with a row lock wakes everybody who waits at every commit, since each commit makes
 * a new version and the crowd moves on to it.  Here only the head of the line watches the row; the
 * others sleep on a lock named after the account and are woken one at a time.
 *
 * The line is a courtesy: correctness rests on the row, and whoever does not queue (the plain lane,
 * batches, people) is merely in front or behind.  It adds no deadlock: a transaction queues only for a
 * row it holds no lock on, lines are joined in account_id order like rows are locked, and it leaves
 * the line as soon as the row is updated, before it waits for anything else but rows further on.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/procarray.h"

#include "compat.h"
#include "ledger/ledger.h"

#define QUEUE_CLASS        0x7570 /* keeps clear of the advisory locks SQL can name (classes 1 and 2) */
#define QUEUE_MAX_ACCOUNTS 8      /* journals over more accounts take the row locks right away */

/* Who stands between us and a row version. */
typedef enum QueueState
{
	QUEUE_FREE,
	QUEUE_BUSY,    /* a transaction in progress replaced it */
	QUEUE_STALE,   /* a transaction that committed since replaced it */
	QUEUE_UNKNOWN, /* several transactions hold it: row locks sort that out */
} QueueState;

/* Names the line of an account. */
static LOCKTAG
queue_tag(const LedgerAccount *account)
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) ((uint64) account->id >> 32),
						 (uint32) account->id, QUEUE_CLASS);
	return tag;
}

/* Judges a row version seen at the batch's snapshot.  Out: *xid of a transaction in progress. */
static QueueState
queue_state(TupleTableSlot *slot, TransactionId *xid)
{
	HeapTupleHeader header = ((BufferHeapTupleTableSlot *) slot)->base.tuple->t_data;
	uint16 infomask = header->t_infomask;

	if ((infomask & HEAP_XMAX_INVALID) || HEAP_XMAX_IS_LOCKED_ONLY(infomask))
		return QUEUE_FREE;
	if (infomask & HEAP_XMAX_IS_MULTI)
		return QUEUE_UNKNOWN;
	*xid = HeapTupleHeaderGetRawXmax(header);
	if (TransactionIdIsCurrentTransactionId(*xid))
		return QUEUE_UNKNOWN;
	if (TransactionIdIsInProgress(*xid))
		return QUEUE_BUSY;
	return TransactionIdDidCommit(*xid) ? QUEUE_STALE : QUEUE_FREE;
}

/* Looks at the row as of now.  Out: slot (empty when there is no row). */
static QueueState
queue_look(LedgerBatch *batch, const LedgerAccount *account, TupleTableSlot *slot,
		   TransactionId *xid)
{
	ledger_snapshot_renew(batch);
	if (!ledger_probe_once(batch, &batch->account, batch->account.primary, account->party,
						   Int64GetDatum(account->id), slot))
		return QUEUE_FREE;
	return queue_state(slot, xid);
}

/* Tells whether the row version in the slot can be updated right away. */
bool
ledger_queue_free(TupleTableSlot *slot)
{
	TransactionId xid;

	return queue_state(slot, &xid) == QUEUE_FREE;
}

/* Queues for the account and waits until nobody is changing its row.  Returns true with the newest
 * version in the slot and the batch's snapshot renewed; false when row locks must do it. */
bool
ledger_queue_wait(LedgerBatch *batch, LedgerAccount *account, TupleTableSlot *slot)
{
	LOCKTAG tag = queue_tag(account);
	TransactionId xid = InvalidTransactionId;
	ItemPointerData tid;
	QueueState state;

	if (batch->naccounts > QUEUE_MAX_ACCOUNTS)
		return false;
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
	account->queued = true;
	while ((state = queue_look(batch, account, slot, &xid)) == QUEUE_BUSY || state == QUEUE_STALE)
	{
		CHECK_FOR_INTERRUPTS();
		tid = slot->tts_tid;
		ExecClearTuple(slot);
		if (state == QUEUE_BUSY)
			XactLockTableWait(xid, batch->account.rel, &tid, XLTW_Update);
	}
	return state == QUEUE_FREE;
}

/* Leaves every line; the next in each may look at the row. */
void
ledger_queue_leave(LedgerBatch *batch)
{
	int i;

	for (i = 0; i < batch->naccounts; i++)
	{
		LOCKTAG tag;

		if (!batch->accounts[i].queued)
			continue;
		tag = queue_tag(&batch->accounts[i]);
		(void) LockRelease(&tag, ExclusiveLock, false);
		batch->accounts[i].queued = false;
	}
}
