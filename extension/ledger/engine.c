/* SPDX-License-Identifier: PostgreSQL
 *
 * engine.c: the direct lane.  Read or lock the accounts, decide in memory, update the accounts,
 * write the postings; all inside the caller's transaction, so a rollback to any savepoint undoes
 * it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/snapmgr.h"

#include "ledger/ledger.h"

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

/* Posts the batch through the tables opened in it.  Out: status and number of every journal. */
void
ledger_engine_run(LedgerBatch *batch)
{
	ledger_snapshot_renew(batch);
	ledger_holds_load(batch);
	ledger_accounts_collect(batch);
	engine_settle(batch);
	ledger_journals_write(batch);
	snapshot_drop(batch);
	CommandCounterIncrement();
}
