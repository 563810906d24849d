/* SPDX-License-Identifier: PostgreSQL
 *
 * span_tron.c: the transaction infos of a run of TRON blocks.
 *
 * java-tron answers a partial list, with no more than a warning in its own log, when it cannot
 * read one of a block's infos.  Hence the rule: the ids of the infos are the block's transaction
 * ids, all of them, once each.  Infos may come in any order; what they say is read in the
 * block's order, so that log indexes do not depend on the node.
 */
#include <stdlib.h>

#include "chain/field.h"
#include "chain/span.h"
#include "chain/tron.h"

/* A transaction of the block at hand, and where its info stands. */
typedef struct TronEntry
{
	uint8_t id[32];
	uint32_t index; /* in the block */
	int result;     /* contractRet */
	UsdtpaySlice info;
} TronEntry;

/* The block at hand.  by_id holds the same entries sorted, for the look-up. */
typedef struct TronWork
{
	UsdtpaySpan *span;
	const char *text;
	UsdtpayBlock *block;
	TronEntry *entry;
	TronEntry **by_id;
	size_t entries;
	size_t room;
	uint32_t log_index; /* runs over all logs of the block */
} TronWork;

/* Orders entries by id, for qsort. */
static int
tron_entry_cmp(const void *a, const void *b)
{
	return memcmp((*(TronEntry *const *) a)->id, (*(TronEntry *const *) b)->id, 32);
}

/* Adds an entry, growing the array; allocations are dropped with the span's context. */
static TronEntry *
tron_entry_add(TronWork *w)
{
	TronEntry *e;

	if (w->entries == w->room)
	{
		size_t room = w->room == 0 ? 512 : w->room * 2;
		TronEntry *grown = w->span->alloc(room * sizeof(TronEntry));

		if (w->entries > 0)
			memcpy(grown, w->entry, w->entries * sizeof(TronEntry));
		w->entry = grown;
		w->by_id = w->span->alloc(room * sizeof(TronEntry *));
		w->room = room;
	}
	e = &w->entry[w->entries];
	e->index = (uint32_t) w->entries++;
	e->info.p = NULL;
	return e;
}

/* Lists the transactions of the block. */
static bool
tron_list_transactions(TronWork *w)
{
	UsdtpayTronTx tx;
	UsdtpayJson j;

	w->entries = 0;
	if (w->block->tx_raw.p == NULL)
		return true;
	usdtpay_json_init(&j, w->block->tx_raw.p, w->block->tx_raw.len);
	(void) usdtpay_json_array(&j);
	while (usdtpay_json_element(&j))
	{
		TronEntry *e;

		if (!usdtpay_tron_tx_parse(&tx, &j, w->span->fault))
			return false;
		e = tron_entry_add(w);
		memcpy(e->id, tx.id, 32);
		e->result = tx.result;
	}
	return j.error == NULL || usdtpay_fault_json(w->span->fault, &j);
}

/* Sorts the entries by id and refuses a repeated one. */
static bool
tron_sort(TronWork *w)
{
	size_t i;

	for (i = 0; i < w->entries; i++)
		w->by_id[i] = &w->entry[i];
	if (w->entries > 1)
		qsort(w->by_id, w->entries, sizeof(TronEntry *), tron_entry_cmp);
	for (i = 1; i < w->entries; i++)
	{
		if (memcmp(w->by_id[i - 1]->id, w->by_id[i]->id, 32) == 0)
			return usdtpay_fault(w->span->fault, "a transaction comes twice in a block");
	}
	return true;
}

/* Finds the entry of an info, trying the one at the same position first. */
static TronEntry *
tron_entry_find(TronWork *w, const uint8_t id[32], size_t position)
{
	TronEntry key;
	TronEntry *keyp = &key;
	TronEntry **hit;

	if (position < w->entries && memcmp(w->entry[position].id, id, 32) == 0)
		return &w->entry[position];
	if (w->entries == 0)
		return NULL;
	memcpy(key.id, id, 32);
	hit = bsearch(&keyp, w->by_id, w->entries, sizeof(TronEntry *), tron_entry_cmp);
	return hit == NULL ? NULL : *hit;
}

/* Reads the id of an info and keeps its bytes with the entry it belongs to. */
static bool
tron_place_info(TronWork *w, UsdtpaySlice raw, size_t position)
{
	UsdtpayFault *f = w->span->fault;
	UsdtpayTronInfo info;
	TronEntry *e;
	UsdtpayJson j;

	usdtpay_json_init_slice(&j, w->text, raw);
	if (!usdtpay_tron_info_parse(&info, &j, f))
		return false;
	if (info.block != w->block->number)
		return usdtpay_fault(f, "an info is of another block");
	if ((int64_t) info.time_ms != w->block->time_us / 1000)
		return usdtpay_fault(f, "an info's blockTimeStamp is not its block's");
	if (w->span->known)
	{
		e = tron_entry_add(w);
		memcpy(e->id, info.id, 32);
		e->result = info.result;
	}
	else
		e = tron_entry_find(w, info.id, position);
	if (e == NULL)
		return usdtpay_fault(f, "an info is of a transaction that is not in its block");
	if (e->info.p != NULL)
		return usdtpay_fault(f, "two infos are of the same transaction");
	e->info = raw;
	return true;
}

/* Places every info of the block's answer.  An empty block is answered by [] or {}. */
static bool
tron_place_infos(TronWork *w, UsdtpaySlice answer)
{
	UsdtpayFault *f = w->span->fault;
	size_t position = 0;
	UsdtpaySlice raw;
	UsdtpayJson j;

	usdtpay_json_init_slice(&j, w->text, answer);
	if (usdtpay_json_peek(&j) == USDTPAY_JSON_OBJECT)
	{
		if (!usdtpay_json_object(&j) || usdtpay_json_member(&j, &raw))
			return usdtpay_fault_at(f, &j, "an array of infos was expected");
	}
	else if (usdtpay_json_array(&j))
	{
		while (usdtpay_json_element(&j) && usdtpay_json_skip(&j, &raw))
		{
			if (!tron_place_info(w, raw, position++))
				return false;
		}
	}
	f->has_block = true;
	f->block = w->block->number;
	if (j.error != NULL)
		return usdtpay_fault_json(f, &j);
	if (w->span->known)
		return tron_sort(w);
	return position == w->entries || usdtpay_fault(f, "a block has transactions without an info");
}

/* Reads the logs of one transaction that succeeded, or only counts those of one that did not. */
static bool
tron_read_logs(TronWork *w, const TronEntry *e, UsdtpaySlice logs, bool counts)
{
	UsdtpaySpan *s = w->span;
	UsdtpaySpanRow row;
	UsdtpayLog log;
	UsdtpayJson j;
	size_t c;

	memset(s->ordinal, 0, sizeof(s->ordinal));
	usdtpay_json_init_slice(&j, w->text, logs);
	(void) usdtpay_json_array(&j);
	while (usdtpay_json_element(&j))
	{
		if (!usdtpay_tron_log_parse(&log, &j, s->fault))
			return false;
		row.log_index = w->log_index++;
		c = usdtpay_span_contract(s, log.address);
		if (!counts || c == s->contracts)
			continue;
		row.block = w->block;
		row.tx_hash = e->id;
		row.tx_index = e->index;
		if (!usdtpay_span_emit(s, c, &log, &row, USDTPAY_FAMILY_TRON))
			return false;
	}
	return j.error == NULL || usdtpay_fault_json(s->fault, &j);
}

/* Reads one transaction's info, in the block's order. */
static bool
tron_read_info(TronWork *w, const TronEntry *e)
{
	UsdtpayFault *f = w->span->fault;
	UsdtpayTronInfo info;
	UsdtpayJson j;

	usdtpay_json_init_slice(&j, w->text, e->info);
	if (!usdtpay_tron_info_parse(&info, &j, f))
		return false;
	/* Consensus compares the two for every contract call, so an honest node never differs. */
	if (info.result != USDTPAY_TRON_RESULT_ABSENT && info.result != e->result)
		return usdtpay_fault(f, "a receipt's result is not the transaction's contractRet");
	if (info.log.p == NULL)
		return true;
	return tron_read_logs(w, e, info.log, usdtpay_tron_info_counts(&info));
}

/* Handles the answer for one block. */
static bool
tron_block_answer(TronWork *w, UsdtpaySlice answer)
{
	size_t i;

	w->entries = 0;
	w->log_index = 0;
	if (!w->span->known && !(tron_list_transactions(w) && tron_sort(w)))
		return false;
	if (!tron_place_infos(w, answer))
		return false;
	for (i = 0; i < w->entries; i++)
	{
		if (!tron_read_info(w, &w->entry[i]))
			return false;
	}
	return true;
}

bool
usdtpay_span_tron(UsdtpaySpan *s, const char *text, size_t len)
{
	TronWork w = {.span = s, .text = text};
	size_t n = 0;
	UsdtpaySlice answer;
	UsdtpayJson j;

	usdtpay_json_init(&j, text, len);
	if (usdtpay_json_peek(&j) == USDTPAY_JSON_OBJECT)
		return usdtpay_span_tron_logs(s, text, len);
	if (!usdtpay_json_array(&j))
		return usdtpay_fault_json(s->fault, &j);
	while (usdtpay_json_element(&j) && usdtpay_json_skip(&j, &answer))
	{
		if (n == s->blocks)
			return usdtpay_fault(s->fault, "there are more answers than blocks");
		w.block = &s->block[n++];
		s->fault->has_block = true;
		s->fault->block = w.block->number;
		if (!tron_block_answer(&w, answer))
			return false;
	}
	s->fault->has_block = false;
	if (!usdtpay_json_end(&j))
		return usdtpay_fault_json(s->fault, &j);
	return n == s->blocks || usdtpay_fault(s->fault, "there are fewer answers than blocks");
}
