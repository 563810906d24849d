/* SPDX-License-Identifier: PostgreSQL
 *
 * journals.c: finds what is already posted: journals by key, holds by id.
 */
#include "postgres.h"

#include "access/skey.h"
#include "catalog/pg_collation.h"
#include "executor/executor.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

#include "compat.h"
#include "errors.h"
#include "ledger/ledger.h"

/* Columns of posting, from 0. */
enum
{
	POSTING_ID = 1,
	POSTING_DEBIT = 2,
	POSTING_CREDIT = 3,
	POSTING_AMOUNT = 4,
	POSTING_KIND = 10,
	POSTING_LINES = 11,
	POSTING_PHASE = 12,
	POSTING_HOLD = 13,
};

/* Opens a probe of a two-column index whose first column is the party. */
LedgerProbe
ledger_probe_begin(const LedgerBatch *batch, const LedgerTable *table, Relation index)
{
	bool text_key = index == batch->key_index;
	LedgerProbe probe;

	probe.scan = up_index_beginscan(table->rel, index, batch->snapshot, 2);
	ScanKeyInit(&probe.keys[0], 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(0));
	ScanKeyEntryInitialize(&probe.keys[1], 0, 2, BTEqualStrategyNumber, InvalidOid,
						   text_key ? C_COLLATION_OID : InvalidOid, text_key ? F_TEXTEQ : F_INT8EQ,
						   Int64GetDatum(0));
	return probe;
}

/* Fetches the row of one index key into the slot.  Returns false when there is none. */
bool
ledger_probe(LedgerProbe *probe, int64 party, Datum value, TupleTableSlot *slot)
{
	probe->keys[0].sk_argument = Int64GetDatum(party);
	probe->keys[1].sk_argument = value;
	index_rescan(probe->scan, probe->keys, 2, NULL, 0);
	return index_getnext_slot(probe->scan, ForwardScanDirection, slot);
}

/* The same for a single key. */
bool
ledger_probe_once(const LedgerBatch *batch, const LedgerTable *table, Relation index, int64 party,
				  Datum value, TupleTableSlot *slot)
{
	LedgerProbe probe = ledger_probe_begin(batch, table, index);
	bool found = ledger_probe(&probe, party, value, slot);

	if (found)
		slot_getallattrs(slot);
	index_endscan(probe.scan);
	return found;
}

/* Fetches a posting by its id into the slot.  Returns false when there is none. */
static bool
posting_fetch(LedgerBatch *batch, int64 party, int64 posting, TupleTableSlot *slot)
{
	return ledger_probe_once(batch, &batch->posting, batch->posting.primary, party,
							 Int64GetDatum(posting), slot);
}

/* Tells whether a stored posting is the one the line asks for.  What it is for (reference) and when
 * a hold ends are not compared: a retry words or computes them anew, and means the same money. */
static bool
posting_matches(TupleTableSlot *slot, const LedgerLine *line)
{
	int64 hold = slot->tts_isnull[POSTING_HOLD] ? 0 : DatumGetInt64(slot->tts_values[POSTING_HOLD]);

	return DatumGetInt64(slot->tts_values[POSTING_DEBIT]) == line->debit &&
		   DatumGetInt64(slot->tts_values[POSTING_CREDIT]) == line->credit &&
		   DatumGetInt64(slot->tts_values[POSTING_AMOUNT]) == line->amount &&
		   DatumGetObjectId(slot->tts_values[POSTING_KIND]) == line->kind &&
		   DatumGetChar(slot->tts_values[POSTING_PHASE]) == line->phase && hold == line->hold;
}

/* Compares the journal that starts with the posting in the slot with the one asked for.  Reuses
 * the slot. */
static bool
journal_matches(LedgerBatch *batch, const LedgerJournal *journal, TupleTableSlot *slot)
{
	const LedgerLine *lines = &batch->lines[journal->first];
	int64 first = DatumGetInt64(slot->tts_values[POSTING_ID]);
	bool same = true;
	int i;

	if (DatumGetInt16(slot->tts_values[POSTING_LINES]) != journal->lines)
		return false;
	if (!posting_matches(slot, &lines[0]))
		return false;
	for (i = 1; same && i < journal->lines; i++)
		same = posting_fetch(batch, lines[i].party, first + i, slot) &&
			   posting_matches(slot, &lines[i]);
	return same;
}

/* Looks up what one journal's key stands for.  Out: taken, and the number of an equal journal. */
static void
journal_find(LedgerBatch *batch, LedgerProbe *probe, LedgerJournal *journal, TupleTableSlot *slot)
{
	const LedgerLine *line = &batch->lines[journal->first];
	int64 first;

	journal->taken = LEDGER_CREATED;
	if (batch->guess || !ledger_probe(probe, line->party, PointerGetDatum(line->key), slot))
		return;
	slot_getallattrs(slot);
	first = DatumGetInt64(slot->tts_values[POSTING_ID]);
	journal->taken = journal_matches(batch, journal, slot) ? LEDGER_EXISTS : LEDGER_MISMATCH;
	if (journal->taken == LEDGER_EXISTS)
		journal->id = first / LEDGER_JOURNAL_LINES;
}

/* Tells whether a journal was posted under the same key. */
bool
ledger_journal_taken(LedgerBatch *batch, const LedgerJournal *journal)
{
	const LedgerLine *line = &batch->lines[journal->first];
	TupleTableSlot *slot = table_slot_create(batch->posting.rel, NULL);
	bool taken = ledger_probe_once(batch, &batch->posting, batch->key_index, line->party,
								   PointerGetDatum(line->key), slot);

	ExecDropSingleTupleTableSlot(slot);
	return taken;
}

/* Orders journals by party and key, then by position. */
static int
journal_compare(const void *a, const void *b, void *arg)
{
	const LedgerBatch *batch = arg;
	int x = *(const int *) a;
	int y = *(const int *) b;
	int order = ledger_key_compare(&batch->lines[batch->journals[x].first],
								   &batch->lines[batch->journals[y].first]);

	return order != 0 ? order : (x > y) - (x < y);
}

/* Looks up every journal's key, in the index's order: neighbours find its pages at hand.  Out:
 * taken and earlier of every journal. */
void
ledger_journals_find(LedgerBatch *batch)
{
	int *order = batch->key_order;
	LedgerProbe probe = ledger_probe_begin(batch, &batch->posting, batch->key_index);
	TupleTableSlot *slot = table_slot_create(batch->posting.rel, NULL);
	int i;

	if (order == NULL)
		order = batch->key_order = palloc(sizeof(int) * (Size) batch->njournals);
	for (i = 0; i < batch->njournals; i++)
		order[i] = i;
	if (batch->njournals > 1)
		qsort_arg(order, batch->njournals, sizeof(int), journal_compare, batch);
	for (i = 0; i < batch->njournals; i++)
	{
		LedgerJournal *journal = &batch->journals[order[i]];

		journal->earlier = -1;
		if (i > 0 && ledger_same_journal(&batch->lines[batch->journals[order[i - 1]].first],
										 &batch->lines[journal->first]))
			journal->earlier = order[i - 1];
		journal_find(batch, &probe, journal, slot);
	}
	index_endscan(probe.scan);
	ExecDropSingleTupleTableSlot(slot);
}

/* Completes the lines that resolve a hold from the hold's own posting: accounts, and the amount
 * where the line leaves it open or may not choose.  hold_amount stays 0 for a hold that does not
 * exist. */
void
ledger_holds_load(LedgerBatch *batch)
{
	TupleTableSlot *slot = NULL;
	int i;

	for (i = 0; i < batch->nlines; i++)
	{
		LedgerLine *line = &batch->lines[i];

		if (line->hold == 0)
			continue;
		if (slot == NULL)
			slot = table_slot_create(batch->posting.rel, NULL);
		line->hold_amount = 0;
		if (!posting_fetch(batch, line->party, line->hold, slot) ||
			DatumGetChar(slot->tts_values[POSTING_PHASE]) != LEDGER_PHASE_HOLD)
			continue;
		line->debit = DatumGetInt64(slot->tts_values[POSTING_DEBIT]);
		line->credit = DatumGetInt64(slot->tts_values[POSTING_CREDIT]);
		line->hold_amount = DatumGetInt64(slot->tts_values[POSTING_AMOUNT]);
		line->kind = DatumGetObjectId(slot->tts_values[POSTING_KIND]);
		if (line->amount == 0)
			line->amount = line->hold_amount;
	}
	if (slot != NULL)
		ExecDropSingleTupleTableSlot(slot);
}

/* Tells whether some posting resolved the line's hold before.  Exact once the hold's accounts are
 * locked and the snapshot renewed. */
bool
ledger_hold_resolved(LedgerBatch *batch, const LedgerLine *line)
{
	TupleTableSlot *slot = table_slot_create(batch->posting.rel, NULL);
	bool found = ledger_probe_once(batch, &batch->posting, batch->hold_index, line->party,
								   Int64GetDatum(line->hold), slot);

	ExecDropSingleTupleTableSlot(slot);
	return found;
}
