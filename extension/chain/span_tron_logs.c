/* SPDX-License-Identifier: PostgreSQL
 *
 * span_tron_logs.c: a TRON node's eth_getLogs answer, held against its blocks.
 *
 * java-tron's eth_getLogs does not look at how a transaction ended (one that ran out of time keeps
 * its logs), clamps ranges without a word, and has nothing for times at which it was off.  Hence
 * two rules.  A log counts only by the block's own word: the transaction at its place says
 * contractRet SUCCESS, and the transactions hash to the header's root.  And a plain transfer of
 * our token that succeeded must have left a log, or the answer lacks some.
 */
#include "chain/field.h"
#include "chain/span.h"
#include "chain/tron.h"
#include "codec/hex.h"

/* A call as TriggerSmartContract holds it, in hex: field 2 the contract, field 4 the data. */
#define LOGS_CONTRACT     "121541"
#define LOGS_TRANSFER     "2244a9059cbb"
#define LOGS_TRANSFERFROM "226423b872dd"
#define LOGS_NEEDLE       (6 + 2 * USDTPAY_ADDRESS_LEN)
#define LOGS_SELECTOR     12

/* A transaction of the block at hand. */
typedef struct LogsEntry
{
	uint8_t id[32];
	bool good;     /* contractRet SUCCESS */
	bool promised; /* and a plain transfer of one of our contracts */
	bool seen;     /* there was a log of ours */
} LogsEntry;

typedef struct LogsWork
{
	UsdtpaySpan *span;
	UsdtpayJson j;        /* in the array of logs */
	UsdtpayEvmLog log[2]; /* this one and the one before */
	int turn;             /* which of them is this one */
	bool any;             /* there was one before */
	bool more;            /* this one is there, and not yet taken */
	LogsEntry *entry;     /* the block's transactions */
	size_t entries;
	size_t room;
	char needle[USDTPAY_SPAN_CONTRACTS][LOGS_NEEDLE];
} LogsWork;

/* Reads the next log, when there is one. */
static bool
logs_next(LogsWork *w)
{
	w->more = usdtpay_json_element(&w->j);
	if (w->more)
		return usdtpay_evm_log_parse(&w->log[w->turn], &w->j, w->span->fault);
	return w->j.error == NULL || usdtpay_fault_json(w->span->fault, &w->j);
}

/* Tells whether raw data holds a plain transfer of one of our contracts. */
static bool
logs_promises(const LogsWork *w, UsdtpaySlice raw)
{
	size_t at;
	size_t c;

	if (raw.p == NULL)
		return false;
	for (at = 0; at + LOGS_NEEDLE + LOGS_SELECTOR <= raw.len; at += 2)
	{
		if (memcmp(raw.p + at, LOGS_CONTRACT, 6) != 0)
			continue;
		for (c = 0; c < w->span->contracts; c++)
		{
			const char *data = raw.p + at + LOGS_NEEDLE;

			if (memcmp(raw.p + at, w->needle[c], LOGS_NEEDLE) == 0 &&
				(memcmp(data, LOGS_TRANSFER, LOGS_SELECTOR) == 0 ||
				 memcmp(data, LOGS_TRANSFERFROM, LOGS_SELECTOR) == 0))
				return true;
		}
	}
	return false;
}

/* Adds an entry, growing the array; allocations are dropped with the span's context. */
static LogsEntry *
logs_entry_add(LogsWork *w)
{
	if (w->entries == w->room)
	{
		size_t room = w->room == 0 ? 512 : w->room * 2;
		LogsEntry *grown = w->span->alloc(room * sizeof(LogsEntry));

		if (w->entries > 0)
			memcpy(grown, w->entry, w->entries * sizeof(LogsEntry));
		w->entry = grown;
		w->room = room;
	}
	return &w->entry[w->entries++];
}

/* Lists the block's transactions and holds them against its root, unless one of them has a
 * result the root covers and the JSON does not spell out. */
static bool
logs_list(LogsWork *w, const UsdtpayBlock *block)
{
	UsdtpayTronRoot acc = {0};
	UsdtpayFault *f = w->span->fault;
	bool whole = true;
	uint8_t hash[32];
	UsdtpayTronTx tx;
	UsdtpayJson j;

	w->entries = 0;
	usdtpay_json_init(&j, block->tx_raw.p, block->tx_raw.len);
	(void) usdtpay_json_array(&j);
	while (usdtpay_json_element(&j))
	{
		LogsEntry *e;

		if (!usdtpay_tron_tx_parse(&tx, &j, f))
			return false;
		e = logs_entry_add(w);
		memcpy(e->id, tx.id, 32);
		e->good = tx.result == USDTPAY_TRON_RESULT_SUCCESS;
		e->promised = e->good && logs_promises(w, tx.raw_hex);
		e->seen = false;
		whole = whole && tx.plain_ret && tx.raw_hex.p != NULL;
		if (!whole)
			continue;
		if (!usdtpay_tron_tx_leaf(hash, &tx, f))
			return false;
		usdtpay_tron_root_add(&acc, hash);
	}
	if (j.error != NULL)
		return usdtpay_fault_json(f, &j);
	usdtpay_tron_root_end(hash, &acc);
	return !whole || memcmp(hash, block->tx_root, 32) == 0 ||
		   usdtpay_fault(f, "the transactions of a block do not hash to its txTrieRoot");
}

/* Takes the log at hand, which is of this block. */
static bool
logs_take(LogsWork *w, UsdtpayBlock *block)
{
	const UsdtpayEvmLog *log = &w->log[w->turn];
	UsdtpaySpanRow row;
	LogsEntry *e;
	size_t c;

	if (!usdtpay_span_place(w->span, block, w->any ? &w->log[1 - w->turn] : NULL, log, &c, &row))
		return false;
	e = &w->entry[log->tx_index];
	if (memcmp(e->id, log->tx_hash, 32) != 0)
		return usdtpay_fault(w->span->fault, "a log names another transaction than its block");
	e->seen = true;
	if (e->good && !usdtpay_span_emit(w->span, c, &log->log, &row, USDTPAY_FAMILY_TRON))
		return false;
	w->turn = 1 - w->turn;
	w->any = true;
	return logs_next(w);
}

/* Takes a block's logs and misses none that its transactions promise. */
static bool
logs_block(LogsWork *w, UsdtpayBlock *block)
{
	UsdtpayFault *f = w->span->fault;
	size_t i;

	w->entries = 0;
	if (block->tx_raw.p != NULL && !logs_list(w, block))
		return false;
	while (w->more && w->log[w->turn].block == block->number)
	{
		if (!logs_take(w, block))
			return false;
	}
	f->has_block = true;
	f->block = block->number;
	for (i = 0; i < w->entries; i++)
	{
		if (w->entry[i].promised && !w->entry[i].seen)
			return usdtpay_fault(f, "a transfer that succeeded has no log");
	}
	return true;
}

/* Opens the array of the only member, logs. */
static bool
logs_open(LogsWork *w, const char *text, size_t len)
{
	UsdtpayFault *f = w->span->fault;
	UsdtpaySlice array = {NULL, 0};
	UsdtpaySlice name;
	UsdtpayJson j;

	usdtpay_json_init(&j, text, len);
	(void) usdtpay_json_object(&j);
	while (usdtpay_json_member(&j, &name))
	{
		if (!usdtpay_slice_is(name, "logs") || array.p != NULL)
			return usdtpay_fault_at(f, &j, "an object with logs was expected");
		if (!usdtpay_json_skip(&j, &array))
			break;
	}
	if (!usdtpay_json_end(&j))
		return usdtpay_fault_json(f, &j);
	if (array.p == NULL)
		return usdtpay_fault_at(f, &j, "an object with logs was expected");
	usdtpay_json_init_slice(&w->j, text, array);
	return usdtpay_json_array(&w->j) || usdtpay_fault_json(f, &w->j);
}

bool
usdtpay_span_tron_logs(UsdtpaySpan *s, const char *text, size_t len)
{
	LogsWork w = {.span = s};
	size_t i;

	if (s->known)
		return usdtpay_fault(s->fault, "logs without their blocks' transactions say nothing");
	for (i = 0; i < s->contracts; i++)
	{
		memcpy(w.needle[i], LOGS_CONTRACT, 6);
		usdtpay_hex_encode(w.needle[i] + 6, s->contract[i], USDTPAY_ADDRESS_LEN);
	}
	if (!logs_open(&w, text, len) || !logs_next(&w))
		return false;
	for (i = 0; i < s->blocks; i++)
	{
		if (!logs_block(&w, &s->block[i]))
			return false;
	}
	if (w.more)
		return usdtpay_fault(s->fault, "logs are not sorted, or of other blocks than asked for");
	s->fault->has_block = false;
	return true;
}
