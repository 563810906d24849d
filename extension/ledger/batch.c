/* SPDX-License-Identifier: PostgreSQL
 *
 * batch.c: takes a list of lines, refuses what cannot mean anything, groups lines into journals and
 * sends them down the lane that fits.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "compat.h"
#include "errors.h"
#include "guc.h"
#include "ledger/ledger.h"

/* Tells whether two lines carry the same party and key. */
bool
ledger_same_journal(const LedgerLine *a, const LedgerLine *b)
{
	Size size = VARSIZE_ANY_EXHDR(a->key);

	return a->party == b->party && size == VARSIZE_ANY_EXHDR(b->key) &&
		   memcmp(VARDATA_ANY(a->key), VARDATA_ANY(b->key), size) == 0;
}

/* Orders lines by party and key, the way the key's index does. */
int
ledger_key_compare(const LedgerLine *a, const LedgerLine *b)
{
	Size x = VARSIZE_ANY_EXHDR(a->key);
	Size y = VARSIZE_ANY_EXHDR(b->key);
	int order;

	if (a->party != b->party)
		return a->party < b->party ? -1 : 1;
	order = memcmp(VARDATA_ANY(a->key), VARDATA_ANY(b->key), Min(x, y));
	return order != 0 ? order : (x > y) - (x < y);
}

/* Tells whether some line is in one of the given phases. */
bool
ledger_batch_has_phase(const LedgerBatch *batch, const char *phases)
{
	int i;

	for (i = 0; i < batch->nlines; i++)
		if (strchr(phases, batch->lines[i].phase) != NULL)
			return true;
	return false;
}

/* Tells whether a key starts like those the platform gives its own journals.  Whatever callers do,
 * a deposit, a settlement, a decision and a hold's expiry must find their keys free. */
static bool
batch_key_reserved(const text *key)
{
	static const char *const prefixes[] = {"deposit:", "order:", "resolution:", "expire:"};
	Size size = VARSIZE_ANY_EXHDR(key);
	int i;

	for (i = 0; i < (int) lengthof(prefixes); i++)
		if (size >= strlen(prefixes[i]) &&
			memcmp(VARDATA_ANY(key), prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

/* Refuses a key or reference of a length nobody needs, and a key that is not the caller's. */
static void
batch_check_text(const LedgerLine *line, bool own)
{
	Size size = VARSIZE_ANY_EXHDR(line->key);

	if (size == 0 || size > LEDGER_MAX_KEY)
		ereport(ERROR,
				(errcode(ERRCODE_UP_BAD_INPUT), errmsg("idempotency key has a length out of range"),
				 errdetail("It has %zu octets.", size),
				 errhint("Use 1 to %d octets.", LEDGER_MAX_KEY)));
	if (!own && batch_key_reserved(line->key))
		ereport(ERROR, (errcode(ERRCODE_UP_BAD_INPUT), errmsg("idempotency key is reserved"),
						errdetail("Key \"%s\".", text_to_cstring(line->key)),
						errhint("Keys that start with \"deposit:\", \"order:\", \"resolution:\" or "
								"\"expire:\" belong to the platform's own journals.")));
	if (line->reference != NULL && VARSIZE_ANY_EXHDR(line->reference) > LEDGER_MAX_REFERENCE)
		ereport(ERROR, (errcode(ERRCODE_UP_BAD_INPUT), errmsg("reference is too long"),
						errdetail("It has %zu octets.", (Size) VARSIZE_ANY_EXHDR(line->reference)),
						errhint("Use at most %d octets.", LEDGER_MAX_REFERENCE)));
}

/* Refuses a line that no ledger could carry.  A line that resolves a hold has no accounts yet. */
static void
batch_check_line(const LedgerLine *line, bool own)
{
	batch_check_text(line, own);
	if (line->amount < 0 || (line->amount == 0 && line->hold == 0))
		ereport(ERROR, (errcode(ERRCODE_UP_BAD_AMOUNT), errmsg("amount must be positive"),
						errdetail("Amount " INT64_FORMAT " under key \"%s\".", line->amount,
								  text_to_cstring(line->key)),
						errhint("Amounts are minor units; swap debit and credit to reverse.")));
	if (line->debit == line->credit && line->hold == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UP_BAD_INPUT), errmsg("debit and credit account must differ"),
				 errdetail("Both are " INT64_FORMAT " under key \"%s\".", line->debit,
						   text_to_cstring(line->key)),
				 errhint("Name two accounts of one party and asset.")));
}

/* Groups consecutive lines of one party and key into journals. */
void
ledger_batch_group(LedgerBatch *batch)
{
	LedgerJournal *journal = NULL;
	int i;

	batch->journals = palloc0(sizeof(LedgerJournal) * (Size) Max(batch->nlines, 1));
	batch->njournals = 0;
	for (i = 0; i < batch->nlines; i++)
	{
		batch_check_line(&batch->lines[i], batch->own);
		if (journal == NULL || !ledger_same_journal(&batch->lines[i - 1], &batch->lines[i]))
		{
			journal = &batch->journals[batch->njournals++];
			journal->first = i;
		}
		journal->lines++;
		if (journal->lines > LEDGER_JOURNAL_LINES)
			ereport(ERROR, (errcode(ERRCODE_UP_BAD_INPUT), errmsg("journal has too many lines"),
							errdetail("Key \"%s\".", text_to_cstring(batch->lines[i].key)),
							errhint("A journal has at most %d lines; use several keys.",
									LEDGER_JOURNAL_LINES)));
	}
}

/* Posts the lines of the batch.  Out: journals with status and number.  The direct lane needs READ
 * COMMITTED: a transaction-wide snapshot must notice concurrent changes the way an UPDATE does. */
void
ledger_batch_post(LedgerBatch *batch)
{
	PreventCommandDuringRecovery("ledger posting");
	PreventCommandIfReadOnly("ledger posting");
	if (batch->nlines > LEDGER_MAX_LINES)
		ereport(ERROR, (errcode(ERRCODE_UP_BAD_INPUT), errmsg("too many lines in one call"),
						errdetail("%d lines.", batch->nlines),
						errhint("Post at most %d lines per call.", LEDGER_MAX_LINES)));
	ledger_batch_group(batch);
	if (batch->nlines == 0)
		return;
	if (usdtpay_ledger_direct && !IsolationUsesXactSnapshot() && ledger_tables_open(batch))
	{
		ledger_engine_run(batch);
		ledger_tables_close(batch);
	}
	else
		ledger_plain_run(batch);
}
