/* SPDX-License-Identifier: PostgreSQL
 *
 * write.c: writes the postings of the accepted journals and keeps the list of open holds.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/skey.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

#include "compat.h"
#include "errors.h"
#include "ledger/ledger.h"

#define WRITE_CHUNK 500 /* postings handed to one table_multi_insert */

/* Postings on their way into the table. */
typedef struct WriteBuffer
{
	TupleTableSlot *slots[WRITE_CHUNK];
	const LedgerLine *lines[WRITE_CHUNK];
	int used;
	int made;
	BulkInsertState bulk;
	MemoryContext scratch;
} WriteBuffer;

/* Fills the slot with one posting. */
static void
write_fill(TupleTableSlot *slot, const LedgerLine *line, const LedgerJournal *journal, int number)
{
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

/* Inserts the index entries of one posting.  The account locks keep callers with one key and body
 * apart; a caller with the same key and other accounts can still get here first, and its unique
 * violation is told as what it is. */
static void
write_indexes(LedgerBatch *batch, TupleTableSlot *slot, const LedgerLine *line)
{
	MemoryContext outer = CurrentMemoryContext;

	PG_TRY();
	{
		up_insert_index_tuples(batch->posting.result, slot, batch->estate);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(outer);
		if (geterrcode() != ERRCODE_UNIQUE_VIOLATION)
			PG_RE_THROW();
		FlushErrorState();
		ereport(ERROR,
				(errcode(ERRCODE_UP_IDEMPOTENCY),
				 errmsg("idempotency key was used by a concurrent journal"),
				 errdetail("Key \"%s\" of party " INT64_FORMAT ".", text_to_cstring(line->key),
						   line->party),
				 errhint("Use a key of its own for every journal; the other caller committed.")));
	}
	PG_END_TRY();
}

/* Writes the buffered postings out. */
static void
write_flush(LedgerBatch *batch, WriteBuffer *buffer)
{
	CommandId cid = GetCurrentCommandId(true);
	MemoryContext outer = MemoryContextSwitchTo(buffer->scratch);
	int i;

	if (buffer->used == 1)
		table_tuple_insert(batch->posting.rel, buffer->slots[0], cid, 0, buffer->bulk);
	else if (buffer->used > 1)
		table_multi_insert(batch->posting.rel, buffer->slots, buffer->used, cid, 0, buffer->bulk);
	for (i = 0; i < buffer->used; i++)
	{
		write_indexes(batch, buffer->slots[i], buffer->lines[i]);
		if ((i & 63) == 63)
			MemoryContextReset(GetPerTupleMemoryContext(batch->estate));
	}
	MemoryContextSwitchTo(outer);
	MemoryContextReset(buffer->scratch);
	buffer->used = 0;
}

/* Appends one posting to the buffer. */
static void
write_add(LedgerBatch *batch, WriteBuffer *buffer, const LedgerJournal *journal, int number)
{
	const LedgerLine *line = &batch->lines[journal->first + number];

	if (buffer->used == WRITE_CHUNK)
		write_flush(batch, buffer);
	if (buffer->used == buffer->made)
		buffer->slots[buffer->made++] =
			MakeSingleTupleTableSlot(RelationGetDescr(batch->posting.rel), &TTSOpsVirtual);
	write_fill(buffer->slots[buffer->used], line, journal, number);
	buffer->slots[buffer->used]->tts_tableOid = RelationGetRelid(batch->posting.rel);
	buffer->lines[buffer->used++] = line;
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
	up_insert_index_tuples(batch->hold.result, slot, batch->estate);
	ExecDropSingleTupleTableSlot(slot);
}

/* Forgets an open hold.  The accounts' locks keep everyone else away from it. */
static void
hold_close(LedgerBatch *batch, const LedgerLine *line)
{
	TupleTableSlot *slot = table_slot_create(batch->hold.rel, NULL);
	IndexScanDesc scan =
		up_index_beginscan(batch->hold.rel, batch->hold.primary, batch->snapshot, 2);
	ScanKeyData keys[2];
	TM_FailureData failure;

	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(line->party));
	ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(line->hold));
	index_rescan(scan, keys, 2, NULL, 0);
	if (!index_getnext_slot(scan, ForwardScanDirection, slot) ||
		table_tuple_delete(batch->hold.rel, &slot->tts_tid, GetCurrentCommandId(true),
						   batch->snapshot, InvalidSnapshot, true, &failure, false) != TM_Ok)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("open hold is not listed"),
						errdetail("Hold " INT64_FORMAT " of party " INT64_FORMAT ".", line->hold,
								  line->party),
						errhint("Run usdtpay.ledger_verify().")));
	index_endscan(scan);
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
	WriteBuffer *buffer = palloc0(sizeof(WriteBuffer));
	int i;
	int k;

	buffer->bulk = batch->nlines > WRITE_CHUNK ? GetBulkInsertState() : NULL;
	buffer->scratch =
		AllocSetContextCreate(CurrentMemoryContext, "usdtpay postings", ALLOCSET_SMALL_SIZES);
	for (i = 0; i < batch->njournals; i++)
	{
		if (batch->journals[i].status != LEDGER_CREATED)
			continue;
		for (k = 0; k < batch->journals[i].lines; k++)
			write_add(batch, buffer, &batch->journals[i], k);
	}
	write_flush(batch, buffer);
	for (i = 0; i < batch->njournals; i++)
		if (batch->journals[i].status == LEDGER_CREATED)
			write_hold(batch, &batch->journals[i]);
	for (i = 0; i < buffer->made; i++)
		ExecDropSingleTupleTableSlot(buffer->slots[i]);
	if (buffer->bulk != NULL)
		FreeBulkInsertState(buffer->bulk);
	MemoryContextDelete(buffer->scratch);
	pfree(buffer);
}
