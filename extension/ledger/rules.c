/* SPDX-License-Identifier: PostgreSQL
 *
 * rules.c: what a posting does to its two accounts, and when it may not.  Works on the account list
 * in memory, line by line in the caller's order, so later lines see what earlier ones did.  A
 * journal is all or nothing: when one line is refused, the earlier ones are taken back.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/sequence.h"
#include "common/int.h"

#include "errors.h"
#include "ledger/ledger.h"

/* Tells whether debits plus holds stay within what the account may spend. */
static bool
rules_within(int64 spent, int64 held, int64 cover)
{
	return (int128) spent + held <= (int128) cover;
}

/* Adds amount to *total.  Returns false when the sum leaves the range of bigint. */
static bool
rules_add(int64 *total, int64 amount)
{
	return !pg_add_s64_overflow(*total, amount, total);
}

/* Moves the totals of the two accounts as the phase says.  Returns false on overflow. */
static bool
rules_move(const LedgerLine *line, LedgerTotals *debit, LedgerTotals *credit)
{
	switch (line->phase)
	{
		case LEDGER_PHASE_POST:
			return rules_add(&debit->debits, line->amount) &&
				   rules_add(&credit->credits, line->amount);
		case LEDGER_PHASE_HOLD:
			return rules_add(&debit->debits_held, line->amount) &&
				   rules_add(&credit->credits_held, line->amount);
		case LEDGER_PHASE_CAPTURE:
			debit->debits_held -= line->hold_amount;
			credit->credits_held -= line->hold_amount;
			return rules_add(&debit->debits, line->amount) &&
				   rules_add(&credit->credits, line->amount);
		default: /* release, expiry */
			debit->debits_held -= line->hold_amount;
			credit->credits_held -= line->hold_amount;
			return true;
	}
}

/* Checks what may be known before any arithmetic: both accounts exist, share an asset and are open.
 * A closed account still lets holds go. */
static LedgerStatus
rules_check_accounts(const LedgerBatch *batch, const LedgerLine *line)
{
	const LedgerAccount *debit = &batch->accounts[line->debit_index];
	const LedgerAccount *credit = &batch->accounts[line->credit_index];

	if (!debit->found)
		return ledger_refuse_account(batch, debit->party, debit->id);
	if (!credit->found)
		return ledger_refuse_account(batch, credit->party, credit->id);
	if (debit->asset != credit->asset)
		return ledger_refuse_asset(batch, line);
	if (line->phase == LEDGER_PHASE_RELEASE || line->phase == LEDGER_PHASE_EXPIRE)
		return LEDGER_CREATED;
	if (debit->flags & LEDGER_FLAG_CLOSED)
		return ledger_refuse_closed(batch, debit);
	if (credit->flags & LEDGER_FLAG_CLOSED)
		return ledger_refuse_closed(batch, credit);
	return LEDGER_CREATED;
}

/* Applies one line to the accounts' running totals.  Posts and holds can only press against the
 * debited account's debit limit and the credited account's credit limit; resolving a hold presses
 * against none, since the hold counted. */
static LedgerStatus
rules_apply_line(LedgerBatch *batch, LedgerLine *line, int64 posting)
{
	LedgerAccount *debit = &batch->accounts[line->debit_index];
	LedgerAccount *credit = &batch->accounts[line->credit_index];
	LedgerStatus status = rules_check_accounts(batch, line);

	if (status != LEDGER_CREATED)
		return status;
	if (!rules_move(line, &debit->now, &credit->now))
		return ledger_refuse_limit(batch, NULL, line);
	if ((debit->flags & LEDGER_FLAG_DEBITS_LIMITED) &&
		(line->phase == LEDGER_PHASE_POST || line->phase == LEDGER_PHASE_HOLD) &&
		!rules_within(debit->now.debits, debit->now.debits_held, debit->now.credits))
		return ledger_refuse_limit(batch, debit, line);
	if ((credit->flags & LEDGER_FLAG_CREDITS_LIMITED) &&
		(line->phase == LEDGER_PHASE_POST || line->phase == LEDGER_PHASE_HOLD) &&
		!rules_within(credit->now.credits, credit->now.credits_held, credit->now.debits))
		return ledger_refuse_limit(batch, credit, line);
	line->debit_after = debit->now.credits - debit->now.debits;
	line->credit_after = credit->now.credits - credit->now.debits;
	line->debit_prev = debit->now.last_posting;
	line->credit_prev = credit->now.last_posting;
	debit->now.last_posting = credit->now.last_posting = posting;
	debit->now.version++;
	credit->now.version++;
	return LEDGER_CREATED;
}

/* Draws a journal number.  The xid comes first: the sealing horizon relies on it. */
static int64
rules_draw_number(const LedgerBatch *batch)
{
	int64 number;

	(void) GetTopTransactionId();
	number = nextval_internal(batch->sequence, false);
	if (number <= 0 || number > PG_INT64_MAX / LEDGER_JOURNAL_LINES)
		ereport(ERROR, (errcode(ERRCODE_SEQUENCE_GENERATOR_LIMIT_EXCEEDED),
						errmsg("journal number out of range"),
						errdetail("The sequence gave " INT64_FORMAT ".", number)));
	return number;
}

/* Applies the lines of one journal, or none of them. */
static LedgerStatus
rules_apply_lines(LedgerBatch *batch, LedgerJournal *journal, LedgerTotals *saved)
{
	LedgerStatus status = LEDGER_CREATED;
	int i;

	journal->id = rules_draw_number(batch);
	for (i = 0; status == LEDGER_CREATED && i < journal->lines; i++)
	{
		LedgerLine *line = &batch->lines[journal->first + i];

		saved[2 * i] = batch->accounts[line->debit_index].now;
		saved[2 * i + 1] = batch->accounts[line->credit_index].now;
		status = rules_apply_line(batch, line, journal->id * LEDGER_JOURNAL_LINES + i);
	}
	if (status == LEDGER_CREATED)
		return status;
	journal->id = 0;
	while (--i >= 0)
	{
		const LedgerLine *line = &batch->lines[journal->first + i];

		batch->accounts[line->debit_index].now = saved[2 * i];
		batch->accounts[line->credit_index].now = saved[2 * i + 1];
	}
	return status;
}

/* Compares two journals of this batch with one key. */
static bool
rules_same_body(const LedgerBatch *batch, const LedgerJournal *a, const LedgerJournal *b)
{
	int i;

	if (a->lines != b->lines)
		return false;
	for (i = 0; i < a->lines; i++)
	{
		const LedgerLine *x = &batch->lines[a->first + i];
		const LedgerLine *y = &batch->lines[b->first + i];

		if (x->debit != y->debit || x->credit != y->credit || x->amount != y->amount ||
			x->kind != y->kind || x->phase != y->phase || x->hold != y->hold)
			return false;
	}
	return true;
}

/* Returns the journal this call posted under the same key before, or NULL. */
static const LedgerJournal *
rules_earlier(const LedgerBatch *batch, const LedgerJournal *journal)
{
	while (journal->earlier >= 0)
	{
		journal = &batch->journals[journal->earlier];
		if (journal->status == LEDGER_CREATED)
			return journal;
	}
	return NULL;
}

/* Decides one journal: already there, refused, or applied to the running totals. */
static LedgerStatus
rules_decide(LedgerBatch *batch, LedgerJournal *journal, LedgerTotals *saved)
{
	const LedgerLine *line = &batch->lines[journal->first];
	const LedgerJournal *earlier = rules_earlier(batch, journal);

	if (line->hold != 0 && line->hold_amount == 0)
		return ledger_refuse_hold(batch, line, "There is no such hold.");
	if (journal->taken == LEDGER_MISMATCH ||
		(earlier != NULL && !rules_same_body(batch, journal, earlier)))
		return ledger_refuse_key(batch, line);
	if (earlier != NULL)
		journal->id = earlier->id;
	if (earlier != NULL || journal->taken == LEDGER_EXISTS)
		return LEDGER_EXISTS;
	if (line->hold != 0 && line->amount > line->hold_amount)
		return ledger_refuse_hold(batch, line, "The amount is larger than the hold.");
	if (line->hold != 0 && ledger_hold_resolved(batch, line))
		return ledger_refuse_hold(batch, line, "It was captured, released or expired before.");
	return rules_apply_lines(batch, journal, saved);
}

/* Decides every journal in order, from the accounts' base totals.  Out: statuses, journal numbers,
 * the lines' after and prev values, the accounts' new totals.  Strict batches raise the first
 * refusal. */
void
ledger_rules_apply(LedgerBatch *batch)
{
	LedgerTotals *saved = palloc(sizeof(LedgerTotals) * 2 * LEDGER_JOURNAL_LINES);
	int i;

	ledger_journals_find(batch);
	for (i = 0; i < batch->naccounts; i++)
		batch->accounts[i].now = batch->accounts[i].base;
	for (i = 0; i < batch->njournals; i++)
		batch->journals[i].status = rules_decide(batch, &batch->journals[i], saved);
	pfree(saved);
}
