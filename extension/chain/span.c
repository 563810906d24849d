/* SPDX-License-Identifier: PostgreSQL
 *
 * span.c: runs of blocks on both families, and the logs of an EVM run.
 */
#include "chain/span.h"

#include "chain/field.h"
#include "chain/tron.h"

/* Reads an EVM block, recomputing its hash when strict. */
static bool
span_evm_block(UsdtpayBlock *b, UsdtpayJson *j, bool strict, UsdtpayFault *f)
{
	UsdtpayEvmHeader h;
	uint8_t hash[32];

	if (!usdtpay_evm_header_parse(&h, j, f))
		return false;
	if (!h.has_hash || !h.has_transactions)
		return usdtpay_fault_at(f, j, "a block lacks its hash or its transactions");
	if (strict)
	{
		if (!usdtpay_evm_header_hash(hash, &h, f))
			return false;
		if (memcmp(hash, h.hash, 32) != 0)
			return usdtpay_fault_at(f, j, "a block's hash is not the hash of its header");
	}
	b->number = h.number;
	b->time_us = (int64_t) h.timestamp * 1000000;
	b->transactions = h.transactions;
	b->bloom = h.bloom;
	memcpy(b->hash, h.hash, 32);
	memcpy(b->parent, h.parent, 32);
	return true;
}

/* Counts a TRON block's transactions and, when strict, recomputes their root. */
static bool
span_tron_transactions(UsdtpayBlock *b, const uint8_t root[32], const char *text, bool strict,
					   UsdtpayFault *f)
{
	UsdtpayTronRoot acc = {0};
	UsdtpayTronTx tx;
	uint8_t hash[32];
	UsdtpayJson j;

	if (b->tx_raw.p != NULL)
	{
		usdtpay_json_init_slice(&j, text, b->tx_raw);
		(void) usdtpay_json_array(&j);
		while (usdtpay_json_element(&j))
		{
			b->transactions++;
			if (!strict)
			{
				(void) usdtpay_json_skip(&j, NULL);
				continue;
			}
			if (!usdtpay_tron_tx_parse(&tx, &j, f) || !usdtpay_tron_tx_leaf(hash, &tx, f))
				return false;
			usdtpay_tron_root_add(&acc, hash);
		}
		if (j.error != NULL)
			return usdtpay_fault_json(f, &j);
	}
	if (!strict)
		return true;
	usdtpay_tron_root_end(hash, &acc);
	return memcmp(hash, root, 32) == 0 ||
		   usdtpay_fault(f, "the transactions of a block do not hash to its txTrieRoot");
}

/* Reads a TRON block, recomputing its id always. */
static bool
span_tron_block(UsdtpayBlock *b, UsdtpayJson *j, bool strict, UsdtpayFault *f)
{
	UsdtpayTronBlock t;

	if (!usdtpay_tron_block_parse(&t, j, f))
		return false;
	if (!t.has_id || memcmp(t.id, t.claimed_id, 32) != 0)
		return usdtpay_fault_at(f, j, "a blockID is not the hash of its header");
	b->number = t.number;
	b->time_us = (int64_t) t.time_ms * 1000;
	b->tx_raw = t.transactions;
	memcpy(b->tx_root, t.tx_root, 32);
	memcpy(b->hash, t.id, 32);
	memcpy(b->parent, t.parent, 32);
	return span_tron_transactions(b, t.tx_root, j->start, strict, f);
}

/* Checks that b follows prev. */
static bool
span_link(const UsdtpayBlock *prev, const UsdtpayBlock *b, UsdtpayFault *f)
{
	if (b->number != prev->number + 1)
		usdtpay_fault(f, "block numbers do not ascend one by one");
	else if (memcmp(b->parent, prev->hash, 32) != 0)
		usdtpay_fault(f, "a block's parent is not the block before it");
	else if (b->time_us < prev->time_us)
		return usdtpay_fault(f, "a block is older than its parent");
	else
		return true;
	f->kind = USDTPAY_FAULT_LINK;
	return false;
}

bool
usdtpay_span_blocks(UsdtpayFamily family, bool strict, const char *text, size_t len,
					UsdtpayBlockSink sink, void *arg, UsdtpayFault *f)
{
	UsdtpayBlock prev;
	UsdtpayBlock b;
	bool first = true;
	UsdtpayJson j;

	usdtpay_json_init(&j, text, len);
	if (!usdtpay_json_array(&j))
		return usdtpay_fault_json(f, &j);
	while (usdtpay_json_element(&j))
	{
		memset(&b, 0, sizeof(b));
		if (!(family == USDTPAY_FAMILY_TRON ? span_tron_block(&b, &j, strict, f)
											: span_evm_block(&b, &j, strict, f)))
			return false;
		if ((!first && !span_link(&prev, &b, f)) || !sink(arg, &b))
			return false;
		prev = b;
		first = false;
	}
	f->has_block = false;
	return usdtpay_json_end(&j) || usdtpay_fault_json(f, &j);
}

/* Finds a block by its number.  Returns: NULL when it is not in the span. */
static UsdtpayBlock *
span_find(const UsdtpaySpan *s, uint64_t number)
{
	size_t low = 0;
	size_t high = s->blocks;

	while (low < high)
	{
		size_t mid = low + (high - low) / 2;

		if (s->block[mid].number == number)
			return &s->block[mid];
		if (s->block[mid].number < number)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

size_t
usdtpay_span_contract(const UsdtpaySpan *s, const uint8_t *address)
{
	size_t c = 0;

	while (c < s->contracts && memcmp(s->contract[c], address, USDTPAY_ADDRESS_LEN) != 0)
		c++;
	return c;
}

bool
usdtpay_span_emit(UsdtpaySpan *s, size_t c, const UsdtpayLog *log, UsdtpaySpanRow *row,
				  UsdtpayFamily family)
{
	UsdtpayEvent event;

	if (!usdtpay_event_decode(&event, log, family, s->fault))
		return false;
	if (event.kind == USDTPAY_EVENT_OTHER)
		return true;
	row->contract = s->contract[c];
	/* Valid during the call below, which is all that reads it. */
	/* cppcheck-suppress autoVariables */
	row->event = &event;
	row->ordinal = event.kind == USDTPAY_EVENT_TRANSFER ? s->ordinal[c]++ : 0;
	return s->row(s->arg, row);
}

/* Checks a log's place against the one before it, in the same block. */
static bool
span_evm_order(UsdtpaySpan *s, const UsdtpayEvmLog *prev, const UsdtpayEvmLog *log)
{
	bool same_tx = memcmp(log->tx_hash, prev->tx_hash, 32) == 0;

	if (log->log_index <= prev->log_index)
		return usdtpay_fault(s->fault, "logs are not sorted by logIndex or one comes twice");
	if (log->tx_index < prev->tx_index || same_tx != (log->tx_index == prev->tx_index))
		return usdtpay_fault(s->fault, "the transactions of logs are not in order");
	return true;
}

bool
usdtpay_span_place(UsdtpaySpan *s, UsdtpayBlock *block, const UsdtpayEvmLog *prev,
				   const UsdtpayEvmLog *log, size_t *contract, UsdtpaySpanRow *row)
{
	size_t c = usdtpay_span_contract(s, log->log.address);

	if (block == NULL)
		return usdtpay_fault(s->fault, "a log lies outside the blocks asked for");
	if (memcmp(block->hash, log->block_hash, 32) != 0)
		return usdtpay_fault(s->fault, "a log's blockHash is not its block's");
	if (c == s->contracts)
		return usdtpay_fault(s->fault, "a log is of a contract that was not asked for");
	if (!s->known && log->tx_index >= block->transactions)
		return usdtpay_fault(s->fault, "a log's transaction is not in its block");
	if (prev != NULL && log->block < prev->block)
		return usdtpay_fault(s->fault, "logs are not sorted by block");
	if (prev != NULL && log->block == prev->block && !span_evm_order(s, prev, log))
		return false;
	if (prev == NULL || log->block != prev->block || log->tx_index != prev->tx_index)
		memset(s->ordinal, 0, sizeof(s->ordinal));
	block->seen |= UINT64_C(1) << c;
	*contract = c;
	row->block = block;
	row->tx_hash = log->tx_hash;
	row->tx_index = log->tx_index;
	row->log_index = log->log_index;
	return true;
}

/* Holds a log against its block and the log before it, and hands its event on. */
static bool
span_evm_log(UsdtpaySpan *s, const UsdtpayEvmLog *prev, const UsdtpayEvmLog *log)
{
	UsdtpaySpanRow row;
	size_t c;

	return usdtpay_span_place(s, span_find(s, log->block), prev, log, &c, &row) &&
		   usdtpay_span_emit(s, c, &log->log, &row, USDTPAY_FAMILY_EVM);
}

bool
usdtpay_span_evm(UsdtpaySpan *s, const char *text, size_t len)
{
	UsdtpayEvmLog pair[2];
	int turn = 0;
	bool first = true;
	UsdtpaySlice payload;
	UsdtpayJson j;

	if (!usdtpay_answer_payload(&payload, text, len, s->fault))
		return false;
	usdtpay_json_init_slice(&j, text, payload);
	if (!usdtpay_json_array(&j))
		return usdtpay_fault_json(s->fault, &j);
	while (usdtpay_json_element(&j))
	{
		if (!usdtpay_evm_log_parse(&pair[turn], &j, s->fault))
			return false;
		s->fault->has_offset = true;
		s->fault->offset = usdtpay_json_offset(&j);
		if (!span_evm_log(s, first ? NULL : &pair[1 - turn], &pair[turn]))
			return false;
		turn = 1 - turn;
		first = false;
	}
	s->fault->has_block = false;
	return usdtpay_json_end(&j) || usdtpay_fault_json(s->fault, &j);
}

bool
usdtpay_span_suspect(const UsdtpaySpan *s, const UsdtpayBlock *block)
{
	UsdtpayBloomKey key;
	size_t c;

	if (block->bloom.p == NULL)
		return false;
	for (c = 0; c < s->contracts; c++)
	{
		if (block->seen >> c & 1)
			continue;
		usdtpay_bloom_transfer(&key, s->contract[c]);
		if (usdtpay_bloom_has(block->bloom, &key))
			return true;
	}
	return false;
}
