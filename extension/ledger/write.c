/* SPDX-License-Identifier: PostgreSQL
 *
 * write.c: writes the postings of the accepted journals and keeps the list of open holds.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "compat.h"
#include "errors.h"
#include "ledger/ledger.h"

#define WRITE_CHUNK 500 /* postings handed to one table_multi_insert */

/* One posting to write. */
typedef struct WriteItem
{
	const LedgerLine *line;
	const LedgerJournal *journal;
	int number; /* of the line in its journal */
	ItemPointerData tid;
} WriteItem;

typedef struct WriteJob
{
	LedgerBatch *batch;
	WriteItem *items;
	int count;
	MemoryContext scratch;
} WriteJob;

/* Fills the slot with one posting. */
static void
write_fill(TupleTableSlot *slot, const WriteItem *item)
{
	const LedgerLine *line = item->line;
	const LedgerJournal *journal = item->journal;
	int number = item->number;
	Datum *values = slot->tts_values;

	ExecClearTuple(slot);
	memset(slot->tts_isnull, 0, 16 * sizeof(bool));
	values[0] = Int64GetDatum(line->party);
	values[1] = Int64GetDatum(journal->id * LEDGER_JOURNAL_LINES + number);
	values[2] = Int64GetDatum(line->debit);
	values[3] = Int64GetDatum(line->credit);
	values[4] = Int64GetDatum(line->amount);
	values[5] = Int64GetDatum(line->debit_after);
	values[6] = Int64GetDatum(line->credit_after);
	values[7] = Int64GetDatum(line->debit_prev);
	values[8] = Int64GetDatum(line->credit_prev);
	values[9] = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
	values[10] = ObjectIdGetDatum(line->kind);
	values[11] = Int16GetDatum(number == 0 ? (int16) journal->lines : 0);
	values[12] = CharGetDatum(line->phase);
	values[13] = Int64GetDatum(line->hold);
	slot->tts_isnull[13] = line->hold == 0;
	values[14] = PointerGetDatum(line->key);
	slot->tts_isnull[14] = number != 0;
	values[15] = PointerGetDatum(line->reference);
	slot->tts_isnull[15] = line->reference == NULL;
	ExecStoreVirtualTuple(slot);
}

/* Lists the postings of the accepted journals. */
static void
write_list(WriteJob *job)
{
	LedgerBatch *batch = job->batch;
	int i;
	int k;

	job->items = palloc(sizeof(WriteItem) * (Size) batch->nlines);
	job->count = 0;
	for (i = 0; i < batch->njournals; i++)
	{
		LedgerJournal *journal = &batch->journals[i];

		if (journal->status != LEDGER_CREATED)
			continue;
		journal->item = job->count;
		for (k = 0; k < journal->lines; k++)
		{
			WriteItem *item = &job->items[job->count++];

			item->line = &batch->lines[journal->first + k];
			item->journal = journal;
			item->number = k;
		}
	}
}

/* Puts a run of postings into the heap.  Out: their tids. */
static void
write_run(WriteJob *job, int from, int count, TupleTableSlot **slots, BulkInsertState bulk)
{
	Relation rel = job->batch->posting.rel;
	CommandId cid = GetCurrentCommandId(true);
	MemoryContext outer = MemoryContextSwitchTo(job->scratch);
	int i;

	for (i = 0; i < count; i++)
	{
		write_fill(slots[i], &job->items[from + i]);
		slots[i]->tts_tableOid = RelationGetRelid(rel);
	}
	if (count == 1)
		table_tuple_insert(rel, slots[0], cid, 0, bulk);
	else
		table_multi_insert(rel, slots, count, cid, 0, bulk);
	for (i = 0; i < count; i++)
		job->items[from + i].tid = slots[i]->tts_tid;
	MemoryContextSwitchTo(outer);
	MemoryContextReset(job->scratch);
}

/* Puts every posting into the heap. */
static void
write_heap(WriteJob *job)
{
	TupleTableSlot *slots[WRITE_CHUNK];
	BulkInsertState bulk = job->count > WRITE_CHUNK ? GetBulkInsertState() : NULL;
	int made = Min(job->count, WRITE_CHUNK);
	int from;
	int i;

	for (i = 0; i < made; i++)
		slots[i] =
			MakeSingleTupleTableSlot(RelationGetDescr(job->batch->posting.rel), &TTSOpsVirtual);
	for (from = 0; from < job->count; from += WRITE_CHUNK)
		write_run(job, from, Min(WRITE_CHUNK, job->count - from), slots, bulk);
	for (i = 0; i < made; i++)
		ExecDropSingleTupleTableSlot(slots[i]);
	if (bulk != NULL)
		FreeBulkInsertState(bulk);
}

/* Orders postings by the primary key. */
static int
write_compare_id(const void *a, const void *b)
{
	const WriteItem *x = *(WriteItem *const *) a;
	const WriteItem *y = *(WriteItem *const *) b;

	if (x->line->party != y->line->party)
		return x->line->party < y->line->party ? -1 : 1;
	return (x > y) - (x < y);
}

/* Lists the postings that one of our three unique indexes takes, in its order, so that neighbours
 * meet on one page.  Returns: the list, Out: *count. */
static WriteItem **
write_order(WriteJob *job, Relation index, int *count)
{
	const LedgerBatch *batch = job->batch;
	WriteItem **list = palloc(sizeof(WriteItem *) * (Size) job->count);
	int n = 0;
	int i;

	if (index == batch->key_index)
	{
		for (i = 0; i < batch->njournals; i++)
		{
			const LedgerJournal *journal = &batch->journals[batch->key_order[i]];

			if (journal->status == LEDGER_CREATED)
				list[n++] = &job->items[journal->item];
		}
	}
	else
	{
		for (i = 0; i < job->count; i++)
			if (index == batch->posting.primary || job->items[i].line->hold != 0)
				list[n++] = &job->items[i];
		if (n > 1)
			qsort(list, n, sizeof(WriteItem *), write_compare_id);
	}
	*count = n;
	return list;
}

/* Returns what one of our unique indexes holds beside the party. */
static Datum
write_value(const LedgerBatch *batch, Relation index, const WriteItem *item)
{
	if (index == batch->key_index)
		return PointerGetDatum(item->line->key);
	if (index == batch->hold_index)
		return Int64GetDatum(item->line->hold);
	return Int64GetDatum(item->journal->id * LEDGER_JOURNAL_LINES + item->number);
}

/* Inserts the entries of one of our unique indexes, all of which are (party, value): no row is made
 * for them and no expression asked. */
static void
write_unique_index(WriteJob *job, Relation index, IndexInfo *info)
{
	int count;
	WriteItem **list = write_order(job, index, &count);
	MemoryContext outer = MemoryContextSwitchTo(job->scratch);
	bool isnull[2] = {false, false};
	Datum values[2];
	int i;

	for (i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		values[0] = Int64GetDatum(list[i]->line->party);
		values[1] = write_value(job->batch, index, list[i]);
		index_insert(index, values, isnull, &list[i]->tid, job->batch->posting.rel,
					 UNIQUE_CHECK_YES, false, info);
		if ((i & 63) == 63)
			MemoryContextReset(job->scratch);
	}
	MemoryContextSwitchTo(outer);
	MemoryContextReset(job->scratch);
	pfree(list);
}

/* Tells whether an index takes the posting in the slot. */
static bool
write_index_wants(IndexInfo *info, EState *estate, TupleTableSlot *slot)
{
	GetPerTupleExprContext(estate)->ecxt_scantuple = slot;
	if (info->ii_Predicate == NIL)
		return true;
	if (info->ii_PredicateState == NULL)
		info->ii_PredicateState = ExecPrepareQual(info->ii_Predicate, estate);
	return ExecQual(info->ii_PredicateState, GetPerTupleExprContext(estate));
}

/* Inserts the entries of every posting into any other index. */
static void
write_other_index(WriteJob *job, Relation index, IndexInfo *info)
{
	Relation rel = job->batch->posting.rel;
	EState *estate = job->batch->estate;
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsVirtual);
	Datum values[INDEX_MAX_KEYS];
	bool isnull[INDEX_MAX_KEYS];
	int i;

	for (i = 0; i < job->count; i++)
	{
		MemoryContext outer = MemoryContextSwitchTo(GetPerTupleMemoryContext(estate));

		CHECK_FOR_INTERRUPTS();
		write_fill(slot, &job->items[i]);
		slot->tts_tid = job->items[i].tid;
		if (write_index_wants(info, estate, slot))
		{
			FormIndexDatum(info, slot, estate, values, isnull);
			index_insert(index, values, isnull, &slot->tts_tid, rel,
						 index->rd_index->indisunique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO, false,
						 info);
		}
		MemoryContextSwitchTo(outer);
		ResetPerTupleExprContext(estate);
	}
	ExecDropSingleTupleTableSlot(slot);
}

/* Inserts into the index of keys.  The account locks keep callers with one key and body apart; a
 * caller with the same key and other accounts can still get here first, and its unique violation is
 * told as what it is. */
static void
write_key_index(WriteJob *job, Relation index, IndexInfo *info)
{
	MemoryContext outer = CurrentMemoryContext;

	PG_TRY();
	{
		write_unique_index(job, index, info);
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(outer);
		if (geterrcode() != ERRCODE_UNIQUE_VIOLATION)
			PG_RE_THROW();
		error = CopyErrorData();
		FlushErrorState();
		ereport(ERROR,
				(errcode(ERRCODE_UP_IDEMPOTENCY),
				 errmsg("idempotency key was used by a concurrent journal"),
				 errdetail("%s", error->detail != NULL ? error->detail : error->message),
				 errhint("Use a key of its own for every journal; the other caller committed.")));
	}
	PG_END_TRY();
}

/* Inserts the entries of every posting into every index. */
static void
write_indexes(WriteJob *job)
{
	const LedgerBatch *batch = job->batch;
	ResultRelInfo *result = batch->posting.result;
	int i;

	for (i = 0; i < result->ri_NumIndices; i++)
	{
		Relation index = result->ri_IndexRelationDescs[i];
		IndexInfo *info = result->ri_IndexRelationInfo[i];

		if (!info->ii_ReadyForInserts)
			continue;
		if (index == batch->key_index)
			write_key_index(job, index, info);
		else if (index == batch->posting.primary || index == batch->hold_index)
			write_unique_index(job, index, info);
		else
			write_other_index(job, index, info);
		up_index_insert_end(index, info);
	}
}

/* Records an open hold. */
static void
hold_open(LedgerBatch *batch, const LedgerLine *line, int64 posting)
{
	TupleTableSlot *slot =
		MakeSingleTupleTableSlot(RelationGetDescr(batch->hold.rel), &TTSOpsVirtual);

	slot->tts_values[0] = Int64GetDatum(line->party);
	slot->tts_values[1] = Int64GetDatum(posting);
	slot->tts_values[2] = TimestampTzGetDatum(line->expires);
	slot->tts_isnull[0] = slot->tts_isnull[1] = false;
	slot->tts_isnull[2] = TIMESTAMP_IS_NOEND(line->expires);
	ExecStoreVirtualTuple(slot);
	table_tuple_insert(batch->hold.rel, slot, GetCurrentCommandId(true), 0, NULL);
	up_insert_index_tuples(batch->hold.result, slot, batch->estate, false);
	ExecDropSingleTupleTableSlot(slot);
}

/* Forgets an open hold.  The accounts' locks keep everyone else away from it. */
static void
hold_close(LedgerBatch *batch, const LedgerLine *line)
{
	TupleTableSlot *slot = table_slot_create(batch->hold.rel, NULL);
	TM_FailureData failure;

	if (!ledger_probe_once(batch, &batch->hold, batch->hold.primary, line->party,
						   Int64GetDatum(line->hold), slot) ||
		table_tuple_delete(batch->hold.rel, &slot->tts_tid, GetCurrentCommandId(true),
						   batch->snapshot, InvalidSnapshot, true, &failure, false) != TM_Ok)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("open hold is not listed"),
						errdetail("Hold " INT64_FORMAT " of party " INT64_FORMAT ".", line->hold,
								  line->party),
						errhint("Run usdtpay.ledger_verify().")));
	ExecDropSingleTupleTableSlot(slot);
}

/* Keeps the list of open holds in step with one written journal. */
static void
write_hold(LedgerBatch *batch, const LedgerJournal *journal)
{
	const LedgerLine *line = &batch->lines[journal->first];

	if (line->phase == LEDGER_PHASE_HOLD)
		hold_open(batch, line, journal->id * LEDGER_JOURNAL_LINES);
	else if (line->hold != 0)
		hold_close(batch, line);
}

/* Writes every accepted journal: postings, index entries, open holds. */
void
ledger_journals_write(LedgerBatch *batch)
{
	WriteJob job = {0};
	int i;

	job.batch = batch;
	job.scratch =
		AllocSetContextCreate(CurrentMemoryContext, "usdtpay postings", ALLOCSET_DEFAULT_SIZES);
	write_list(&job);
	write_heap(&job);
	if (job.count > 0)
		write_indexes(&job);
	for (i = 0; i < batch->njournals; i++)
		if (batch->journals[i].status == LEDGER_CREATED)
			write_hold(batch, &batch->journals[i]);
	pfree(job.items);
	MemoryContextDelete(job.scratch);
}
