/* SPDX-License-Identifier: PostgreSQL
 *
 * refuse.c: says no.  A strict batch gets an error that names the account and the numbers; any
 * other gets the status back.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/relcache.h"

#include "compat.h"
#include "errors.h"
#include "ledger/ledger.h"

const char *const ledger_status_names[] = {
	"created",         "exists",   "limit",          "closed",
	"unknown_account", "mismatch", "asset_mismatch", "hold"};

/* Returns the account's name for people, "?" when it has none. */
static char *
refuse_account_name(const LedgerBatch *batch, const LedgerAccount *account)
{
	Relation rel = table_open(ledger_table_oid("usdtpay", "account_name"), AccessShareLock);
	char *name = pstrdup("?");
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple tuple;
	bool isnull;

	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(account->party));
	ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(account->id));
	scan = systable_beginscan(rel, up_primary_key(rel), true, batch->snapshot, 2, keys);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		name = TextDatumGetCString(heap_getattr(tuple, 4, RelationGetDescr(rel), &isnull));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return name;
}

/* Refuses a line that would break an account's limit, or, with no account, leave the range of the
 * totals. */
LedgerStatus
ledger_refuse_limit(const LedgerBatch *batch, const LedgerAccount *account, const LedgerLine *line)
{
	if (!batch->strict)
		return LEDGER_LIMIT;
	if (account == NULL)
		ereport(ERROR, (errcode(ERRCODE_UP_LIMIT), errmsg("account total out of range"),
						errdetail("Posting " INT64_FORMAT " from account " INT64_FORMAT
								  " to account " INT64_FORMAT " of party " INT64_FORMAT
								  " would exceed 2^63-1 minor units.",
								  line->amount, line->debit, line->credit, line->party),
						errhint("Split the business over several accounts.")));
	ereport(ERROR,
			(errcode(ERRCODE_UP_LIMIT), errmsg("account limit would break"),
			 errdetail("Account " INT64_FORMAT " (%s) of party " INT64_FORMAT
					   ": debits " INT64_FORMAT " + held " INT64_FORMAT ", credits " INT64_FORMAT
					   " + held " INT64_FORMAT ", amount " INT64_FORMAT " minor units.",
					   account->id, refuse_account_name(batch, account), account->party,
					   account->base.debits, account->base.debits_held, account->base.credits,
					   account->base.credits_held, line->amount),
			 errhint("Fund the account first, or post a smaller amount.")));
}

/* Refuses to post to a closed account. */
LedgerStatus
ledger_refuse_closed(const LedgerBatch *batch, const LedgerAccount *account)
{
	if (batch->strict)
		ereport(ERROR, (errcode(ERRCODE_UP_CLOSED), errmsg("account is closed"),
						errdetail("Account " INT64_FORMAT " (%s) of party " INT64_FORMAT ".",
								  account->id, refuse_account_name(batch, account), account->party),
						errhint("Reopen it with usdtpay.account_reopen(), or use another one.")));
	return LEDGER_CLOSED;
}

/* Refuses an account the party does not have. */
LedgerStatus
ledger_refuse_account(const LedgerBatch *batch, int64 party, int64 account)
{
	if (batch->strict)
		ereport(ERROR, (errcode(ERRCODE_UP_NOT_FOUND), errmsg("account not found"),
						errdetail("Party " INT64_FORMAT " has no account " INT64_FORMAT ".", party,
								  account),
						errhint("Open it with usdtpay.account_open().")));
	return LEDGER_UNKNOWN_ACCOUNT;
}

/* Refuses a posting between accounts of different assets. */
LedgerStatus
ledger_refuse_asset(const LedgerBatch *batch, const LedgerLine *line)
{
	if (batch->strict)
		ereport(ERROR, (errcode(ERRCODE_UP_BAD_INPUT), errmsg("accounts hold different assets"),
						errdetail("Account " INT64_FORMAT " holds asset %d, account " INT64_FORMAT
								  " holds asset %d.",
								  line->debit, batch->accounts[line->debit_index].asset,
								  line->credit, batch->accounts[line->credit_index].asset),
						errhint("Post one journal line per asset, through clearing accounts.")));
	return LEDGER_ASSET;
}

/* Refuses a key that stands for another journal. */
LedgerStatus
ledger_refuse_key(const LedgerBatch *batch, const LedgerLine *line)
{
	if (batch->strict)
		ereport(ERROR,
				(errcode(ERRCODE_UP_IDEMPOTENCY),
				 errmsg("idempotency key was used for another journal"),
				 errdetail("Key \"%s\" of party " INT64_FORMAT
						   " stands for other accounts, amounts or another kind.",
						   text_to_cstring(line->key), line->party),
				 errhint("Repeat a call with exactly its first parameters, or use a new key.")));
	return LEDGER_MISMATCH;
}

/* Refuses to resolve a hold; why is a sentence. */
LedgerStatus
ledger_refuse_hold(const LedgerBatch *batch, const LedgerLine *line, const char *why)
{
	if (batch->strict)
		ereport(ERROR, (errcode(ERRCODE_UP_HOLD), errmsg("hold cannot be resolved"),
						errdetail("Hold " INT64_FORMAT " of party " INT64_FORMAT
								  ", amount " INT64_FORMAT ". %s",
								  line->hold, line->party, line->amount, why),
						errhint("usdtpay.hold lists the open holds and their ids.")));
	return LEDGER_HOLD;
}
