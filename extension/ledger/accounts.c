/* SPDX-License-Identifier: PostgreSQL
 *
 * accounts.c: reads, locks and updates account rows.  Accounts are always visited in account_id
 * order, which is what keeps two posters from waiting for each other in a circle.
 *
 * Reading first and letting the update notice a newer version saves the lock's WAL record and a
 * page visit where accounts are rarely shared; locking first is for batches and for contended rows.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"

#include "compat.h"
#include "errors.h"
#include "ledger/ledger.h"

#define ACCOUNT_NATTS 10

/* To step over an index entry costs about a twentieth of a descent from the root. */
#define ACCOUNT_RUN_GAP 20

/* A walk through the primary key in the order of the batch's accounts. */
typedef struct AccountWalk
{
	IndexScanDesc scan;
	ScanKeyData keys[3];
	int end;   /* the account after the run of which the scan knows */
	bool more; /* the scan stands on an entry */
} AccountWalk;

/* One leg of a line, on its way to its account. */
typedef struct AccountLeg
{
	int64 id;
	int64 party;
	int *index; /* the line's pointer into the account list */
} AccountLeg;

/* Orders legs by account id, then by party: ids are unique over all parties, but a caller may name
 * a wrong pair. */
static int
account_leg_compare(const void *a, const void *b)
{
	const AccountLeg *x = a;
	const AccountLeg *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return (x->party > y->party) - (x->party < y->party);
}

/* Lists both legs of every line in locking order. */
static AccountLeg *
account_legs(LedgerBatch *batch)
{
	AccountLeg *legs = palloc(sizeof(AccountLeg) * 2 * (Size) batch->nlines);
	int i;

	for (i = 0; i < batch->nlines; i++)
	{
		LedgerLine *line = &batch->lines[i];

		legs[2 * i].id = line->debit;
		legs[2 * i].index = &line->debit_index;
		legs[2 * i + 1].id = line->credit;
		legs[2 * i + 1].index = &line->credit_index;
		legs[2 * i].party = legs[2 * i + 1].party = line->party;
	}
	qsort(legs, 2 * (Size) batch->nlines, sizeof(AccountLeg), account_leg_compare);
	return legs;
}

/* Lists the accounts of the batch once each, in locking order, and points every line at its two. */
void
ledger_accounts_collect(LedgerBatch *batch)
{
	AccountLeg *legs = account_legs(batch);
	int i;

	batch->accounts = palloc0(sizeof(LedgerAccount) * 2 * (Size) batch->nlines);
	batch->naccounts = 0;
	for (i = 0; i < 2 * batch->nlines; i++)
	{
		if (i == 0 || account_leg_compare(&legs[i - 1], &legs[i]) != 0)
		{
			batch->accounts[batch->naccounts].party = legs[i].party;
			batch->accounts[batch->naccounts++].id = legs[i].id;
		}
		*legs[i].index = batch->naccounts - 1;
	}
	pfree(legs);
}

/* Copies a row version into the account. */
static void
account_take(LedgerAccount *account, TupleTableSlot *slot)
{
	slot_getallattrs(slot);
	account->asset = DatumGetInt32(slot->tts_values[2]);
	account->flags = DatumGetInt32(slot->tts_values[3]);
	account->base.debits = DatumGetInt64(slot->tts_values[4]);
	account->base.credits = DatumGetInt64(slot->tts_values[5]);
	account->base.debits_held = DatumGetInt64(slot->tts_values[6]);
	account->base.credits_held = DatumGetInt64(slot->tts_values[7]);
	account->base.last_posting = DatumGetInt64(slot->tts_values[8]);
	account->base.version = DatumGetInt64(slot->tts_values[9]);
	account->tid = slot->tts_tid;
	account->found = true;
}

/* Starts a walk over the batch's accounts. */
static AccountWalk
account_walk_begin(const LedgerBatch *batch)
{
	AccountWalk walk = {0};

	walk.scan = up_index_beginscan(batch->account.rel, batch->account.primary, batch->snapshot, 3);
	walk.scan->xs_want_itup = true;
	ScanKeyInit(&walk.keys[0], 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(0));
	ScanKeyInit(&walk.keys[1], 2, BTGreaterEqualStrategyNumber, F_INT8GE, Int64GetDatum(0));
	ScanKeyInit(&walk.keys[2], 2, BTLessEqualStrategyNumber, F_INT8LE, Int64GetDatum(0));
	return walk;
}

/* Steps to the next index entry of the run. */
static void
account_walk_step(AccountWalk *walk)
{
	walk->more = index_getnext_tid(walk->scan, ForwardScanDirection) != NULL;
}

/* Enters the run of accounts that starts with the i-th: those of one party whose ids are close. */
static void
account_walk_enter(AccountWalk *walk, const LedgerBatch *batch, int i)
{
	const LedgerAccount *accounts = batch->accounts;

	for (walk->end = i + 1; walk->end < batch->naccounts; walk->end++)
		if (accounts[walk->end].party != accounts[i].party ||
			(uint64) accounts[walk->end].id - (uint64) accounts[walk->end - 1].id > ACCOUNT_RUN_GAP)
			break;
	walk->keys[0].sk_argument = Int64GetDatum(accounts[i].party);
	walk->keys[1].sk_argument = Int64GetDatum(accounts[i].id);
	walk->keys[2].sk_argument = Int64GetDatum(accounts[walk->end - 1].id);
	index_rescan(walk->scan, walk->keys, 3, NULL, 0);
	account_walk_step(walk);
}

/* Fetches the row of the i-th account, which comes after the one before.  Returns false when there
 * is none. */
static bool
account_walk_fetch(AccountWalk *walk, const LedgerBatch *batch, int i, TupleTableSlot *slot)
{
	if (i >= walk->end)
		account_walk_enter(walk, batch, i);
	for (; walk->more; account_walk_step(walk))
	{
		bool isnull;
		int64 id =
			DatumGetInt64(index_getattr(walk->scan->xs_itup, 2, walk->scan->xs_itupdesc, &isnull));

		if (id > batch->accounts[i].id)
			return false;
		/* An entry of a version that nobody sees any more may come before the right one. */
		if (id == batch->accounts[i].id && index_fetch_heap(walk->scan, slot))
			return true;
	}
	return false;
}

/* Locks one row and takes its newest version, waiting for whoever changes it. */
static void
account_lock(LedgerBatch *batch, LedgerAccount *account, ItemPointerData tid, TupleTableSlot *slot)
{
	TM_FailureData failure;
	TM_Result result;

	result = table_tuple_lock(batch->account.rel, &tid, batch->snapshot, slot,
							  GetCurrentCommandId(true), LockTupleNoKeyExclusive, LockWaitBlock,
							  TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &failure);
	switch (result)
	{
		case TM_Ok:
			account_take(account, slot);
			account->owned = true;
			break;
		case TM_Deleted:
			account->found = false;
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
					 errmsg("account row is being changed by the statement that posts to it"),
					 errdetail("Account " INT64_FORMAT " of party " INT64_FORMAT ".", account->id,
							   account->party),
					 errhint("Change account rows and post in separate statements.")));
	}
}

/* Tells whether somebody else is changing the row version in the slot, or did so since: its update
 * would have to wait or fail. */
static bool
account_contended(TupleTableSlot *slot)
{
	uint16 infomask = ((BufferHeapTupleTableSlot *) slot)->base.tuple->t_data->t_infomask;

	return !(infomask & HEAP_XMAX_INVALID) && !HEAP_XMAX_IS_LOCKED_ONLY(infomask);
}

/* Reads every account.  When somebody is changing one of them, it and those before it are locked,
 * in order; those after it are left to the update.  The rows are no newer than the snapshot. */
void
ledger_accounts_read(LedgerBatch *batch)
{
	TupleTableSlot *slot = table_slot_create(batch->account.rel, NULL);
	AccountWalk walk = account_walk_begin(batch);
	int locks = 0;
	int i;

	for (i = 0; i < batch->naccounts; i++)
	{
		LedgerAccount *account = &batch->accounts[i];

		account->found = account_walk_fetch(&walk, batch, i, slot);
		if (!account->found)
			continue;
		account_take(account, slot);
		if (account_contended(slot))
			locks = i + 1;
	}
	index_endscan(walk.scan);
	for (i = 0; i < locks; i++)
		if (batch->accounts[i].found)
			account_lock(batch, &batch->accounts[i], batch->accounts[i].tid, slot);
	ExecDropSingleTupleTableSlot(slot);
	if (locks > 0)
		ledger_snapshot_renew(batch);
}

/* Locks every account not yet owned, in order, and takes the newest versions. */
void
ledger_accounts_lock(LedgerBatch *batch)
{
	TupleTableSlot *seen = table_slot_create(batch->account.rel, NULL);
	TupleTableSlot *locked = table_slot_create(batch->account.rel, NULL);
	AccountWalk walk = account_walk_begin(batch);
	int i;

	for (i = 0; i < batch->naccounts; i++)
	{
		LedgerAccount *account = &batch->accounts[i];

		CHECK_FOR_INTERRUPTS();
		if (account->owned)
			continue;
		account->found = account_walk_fetch(&walk, batch, i, seen);
		if (account->found)
			account_lock(batch, account, seen->tts_tid, locked);
		ExecClearTuple(locked);
	}
	index_endscan(walk.scan);
	ExecDropSingleTupleTableSlot(locked);
	ExecDropSingleTupleTableSlot(seen);
}

/* Fills the slot with the account's row as it shall be. */
static void
account_fill(TupleTableSlot *slot, const LedgerAccount *account)
{
	ExecClearTuple(slot);
	slot->tts_values[0] = Int64GetDatum(account->party);
	slot->tts_values[1] = Int64GetDatum(account->id);
	slot->tts_values[2] = Int32GetDatum(account->asset);
	slot->tts_values[3] = Int32GetDatum(account->flags);
	slot->tts_values[4] = Int64GetDatum(account->now.debits);
	slot->tts_values[5] = Int64GetDatum(account->now.credits);
	slot->tts_values[6] = Int64GetDatum(account->now.debits_held);
	slot->tts_values[7] = Int64GetDatum(account->now.credits_held);
	slot->tts_values[8] = Int64GetDatum(account->now.last_posting);
	slot->tts_values[9] = Int64GetDatum(account->now.version);
	memset(slot->tts_isnull, 0, ACCOUNT_NATTS * sizeof(bool));
	ExecStoreVirtualTuple(slot);
}

/* Updates one row.  Returns false when the version we computed from is no longer the newest, or is
 * being replaced; cannot happen for an owned row.  To wait is safe for an owned row, nobody is
 * ahead of us, and needed: without it our own lock counts as a conflict. */
static bool
account_update(LedgerBatch *batch, LedgerAccount *account, TupleTableSlot *slot)
{
	TM_FailureData failure;
	LockTupleMode lockmode;
	UpUpdateIndexes indexes;
	TM_Result result;

	account_fill(slot, account);
	result = table_tuple_update(batch->account.rel, &account->tid, slot, GetCurrentCommandId(true),
								batch->snapshot, InvalidSnapshot, account->owned, &failure,
								&lockmode, &indexes);
	if (result == TM_Updated || result == TM_BeingModified || result == TM_Deleted)
	{
		if (account->owned)
			elog(ERROR, "locked account " INT64_FORMAT " was changed", account->id);
		return false;
	}
	if (result != TM_Ok)
		elog(ERROR, "could not update account " INT64_FORMAT ": result %d", account->id,
			 (int) result);
	account->tid = slot->tts_tid;
	account->owned = true;
	/* A page without room: the new version needs index entries of its own. */
	if (UP_NEEDS_INDEXES(indexes))
		up_insert_index_tuples(batch->account.result, slot, batch->estate,
							   UP_ONLY_SUMMARIZING(indexes));
	return true;
}

/* Updates the rows that changed, in order.  Returns false at the first conflict: rows before it are
 * updated and owned, the caller locks the rest, recomputes and stores again. */
bool
ledger_accounts_store(LedgerBatch *batch)
{
	TupleTableSlot *slot =
		MakeSingleTupleTableSlot(RelationGetDescr(batch->account.rel), &TTSOpsVirtual);
	MemoryContext scratch =
		AllocSetContextCreate(CurrentMemoryContext, "usdtpay account rows", ALLOCSET_SMALL_SIZES);
	MemoryContext outer = MemoryContextSwitchTo(scratch);
	bool stored = true;
	int i;

	for (i = 0; stored && i < batch->naccounts; i++)
	{
		LedgerAccount *account = &batch->accounts[i];

		if (account->now.version != account->base.version)
			stored = account_update(batch, account, slot);
		if ((i & 127) == 127)
			MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(outer);
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextDelete(scratch);
	return stored;
}
