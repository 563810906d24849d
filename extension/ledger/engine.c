/* SPDX-License-Identifier: PostgreSQL
 *
 * engine.c: the direct lane.  Read or lock the accounts, decide in memory, update the accounts,
 * write the postings; all inside the caller's transaction, so a rollback to any savepoint undoes
 * it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "errors.h"
#include "ledger/ledger.h"

#define ENGINE_GUESS_LEAST 64 /* journals for which a subtransaction pays */

/* Lets go of the snapshot. */
static void
snapshot_drop(LedgerBatch *batch)
{
	if (batch->snapshot != NULL)
		UnregisterSnapshot(batch->snapshot);
	batch->snapshot = NULL;
}

/* Takes a new snapshot: it sees everything committed by now and all our own commands. */
void
ledger_snapshot_renew(LedgerBatch *batch)
{
	snapshot_drop(batch);
	batch->snapshot = RegisterSnapshot(GetLatestSnapshot());
}

/* Tells whether the batch may read first and lock only on conflict.  One strict journal may: each
 * of its accounts can be decided again without undoing another.  A hold must be seen under lock. */
static bool
engine_may_read(const LedgerBatch *batch)
{
	return batch->njournals == 1 && batch->strict && batch->lines[0].hold == 0;
}

/* Decides the batch and updates the accounts.  After a conflict the rows updated so far are ours;
 * one more pass under lock overwrites them with totals and a number drawn after the lock. */
static void
engine_settle(LedgerBatch *batch)
{
	if (engine_may_read(batch))
	{
		ledger_accounts_read(batch);
		ledger_rules_apply(batch);
		if (ledger_accounts_store(batch))
			return;
		CommandCounterIncrement();
		ledger_snapshot_renew(batch);
	}
	ledger_accounts_lock(batch);
	ledger_snapshot_renew(batch);
	ledger_rules_apply(batch);
	if (!ledger_accounts_store(batch))
		elog(ERROR, "account changed under lock");
}

/* Tells whether the batch is worth a guess: it is long, no hold must be seen under lock, and it
 * does not look like a batch that was posted before. */
static bool
engine_may_guess(LedgerBatch *batch)
{
	int i;

	if (batch->njournals < ENGINE_GUESS_LEAST)
		return false;
	for (i = 0; i < batch->nlines; i++)
		if (batch->lines[i].hold != 0)
			return false;
	return !ledger_journal_taken(batch, &batch->journals[0]);
}

/* Posts every journal as if all keys were new and nobody else used the accounts.  Returns false
 * when one was refused or an account changed meanwhile; then something may be written. */
static bool
engine_post_guessed(LedgerBatch *batch)
{
	int i;

	ledger_accounts_read(batch);
	ledger_rules_apply(batch);
	for (i = 0; i < batch->njournals; i++)
		if (batch->journals[i].status != LEDGER_CREATED)
			return false;
	if (!ledger_accounts_store(batch))
		return false;
	ledger_journals_write(batch);
	return true;
}

/* Forgets what the rolled back guess left in memory: locks and updates of accounts, and what
 * indexes keep between inserts, whose pins are gone. */
static void
engine_forget(LedgerBatch *batch)
{
	ResultRelInfo *result = batch->posting.result;
	int i;

	for (i = 0; i < batch->naccounts; i++)
		batch->accounts[i].owned = false;
	for (i = 0; i < result->ri_NumIndices; i++)
		result->ri_IndexRelationInfo[i]->ii_AmCache = NULL;
}

/* Drops an error of our own: the long way finds it again, or finds it unfounded.  Any other goes
 * on. */
static void
engine_guess_failed(ErrorData *error)
{
	static const char class[] = "UP";

	if (strncmp(unpack_sql_state(error->sqlerrcode), class, strlen(class)) != 0)
		ReThrowError(error);
	FreeErrorData(error);
}

/* Tries the short way: no key is looked up, the index tells when one is taken; no account is
 * locked, the update tells when one changed.  It runs in a subtransaction, so that a wrong guess
 * leaves nothing.  Returns whether the batch is posted. */
static bool
engine_guess(LedgerBatch *batch)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool posted = false;

	snapshot_drop(batch);
	batch->guess = true;
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		ledger_snapshot_renew(batch);
		posted = engine_post_guessed(batch);
		snapshot_drop(batch);
		if (posted)
			ReleaseCurrentSubTransaction();
		else
			RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		batch->snapshot = NULL; /* goes with the subtransaction */
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		engine_guess_failed(error);
	}
	PG_END_TRY();
	CurrentResourceOwner = owner;
	batch->guess = false;
	if (!posted)
	{
		engine_forget(batch);
		ledger_snapshot_renew(batch);
	}
	return posted;
}

/* Posts the batch through the tables opened in it.  Out: status and number of every journal. */
void
ledger_engine_run(LedgerBatch *batch)
{
	ledger_snapshot_renew(batch);
	ledger_holds_load(batch);
	ledger_accounts_collect(batch);
	if (!engine_may_guess(batch) || !engine_guess(batch))
	{
		engine_settle(batch);
		ledger_journals_write(batch);
	}
	snapshot_drop(batch);
	CommandCounterIncrement();
}
