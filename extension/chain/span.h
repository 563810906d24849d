/* SPDX-License-Identifier: PostgreSQL
 *
 * span.h: a run of blocks and everything our contracts did in it.  Pure C.
 *
 * A node is asked twice, for the blocks and for the logs; here the two answers are held against
 * each other and against what was asked.  One fault refuses the whole: a half-believed answer is
 * how deposits get lost.
 */
#ifndef USDTPAY_CHAIN_SPAN_H
#define USDTPAY_CHAIN_SPAN_H

#include "chain/event.h"
#include "chain/evm.h"
#include "chain/fault.h"
#include "chain/json.h"

/* Contracts one span may be asked about: a bit each in UsdtpayBlock.seen. */
#define USDTPAY_SPAN_CONTRACTS 64

/* A validated block; slices point into the node's answer. */
typedef struct UsdtpayBlock
{
	uint64_t number;
	uint8_t hash[32];
	uint8_t parent[32];
	int64_t time_us; /* microseconds since 1970 */
	uint32_t transactions;
	UsdtpaySlice bloom;  /* EVM: 512 hex digits; p is NULL when not known */
	UsdtpaySlice tx_raw; /* TRON: the raw array; p is NULL when there is none */
	uint8_t tx_root[32]; /* TRON: what the transactions hash to */
	uint64_t seen;       /* which contracts had a log here: filled by usdtpay_span_evm */
} UsdtpayBlock;

/* Takes a block, or refuses it by answering false with the fault set. */
typedef bool (*UsdtpayBlockSink)(void *arg, const UsdtpayBlock *block);

/* Reads an array of block objects: shapes, ascending numbers without a gap, each parent hash the
 * hash before it, times that do not run backwards.
 * In: family; strict, to recompute also what is costly: on EVM every hash, on TRON every
 * transaction root (block ids are recomputed in any case).
 * Returns: false, with the fault set, for an answer to refuse. */
extern bool usdtpay_span_blocks(UsdtpayFamily family, bool strict, const char *text, size_t len,
								UsdtpayBlockSink sink, void *arg, UsdtpayFault *f);

/* One event of one of our contracts. */
typedef struct UsdtpaySpanRow
{
	const UsdtpayBlock *block;
	const uint8_t *contract; /* 20 bytes */
	const uint8_t *tx_hash;  /* 32 bytes */
	uint32_t tx_index;
	uint32_t log_index;
	uint32_t ordinal; /* Transfers of this contract in this transaction before this one */
	const UsdtpayEvent *event;
} UsdtpaySpanRow;

/* What the logs are held against, and where the rows go. */
typedef struct UsdtpaySpan
{
	UsdtpayBlock *block; /* ascending numbers */
	size_t blocks;
	bool known; /* the blocks are remembered ones: no transactions, no blooms, gaps allowed */
	const uint8_t (*contract)[USDTPAY_ADDRESS_LEN];
	size_t contracts; /* at most USDTPAY_SPAN_CONTRACTS */
	bool (*row)(void *arg, const UsdtpaySpanRow *row);
	void *arg;
	void *(*alloc)(size_t size); /* never NULL; the owner frees by dropping its context */
	UsdtpayFault *fault;
	uint32_t ordinal[USDTPAY_SPAN_CONTRACTS]; /* of the current transaction */
} UsdtpaySpan;

/* Reads an eth_getLogs answer: every log in the span with its block's hash, of one of our
 * contracts, sorted by (block, logIndex) without repeats, transactions in order.
 * Calls row for each Transfer and control event.  Marks block.seen. */
extern bool usdtpay_span_evm(UsdtpaySpan *s, const char *text, size_t len);

/* Tells whether a block's bloom promises a Transfer of a contract the answer had no log of. */
extern bool usdtpay_span_suspect(const UsdtpaySpan *s, const UsdtpayBlock *block);

/* Reads an array with one gettransactioninfobyblocknum answer per block: heights and times
 * match, ids are exactly the block's transactions, results agree.  Calls row for each Transfer
 * and control event of our contracts in a transaction that succeeded.  An object instead of the
 * array is usdtpay_span_tron_logs(). */
extern bool usdtpay_span_tron(UsdtpaySpan *s, const char *text, size_t len);

/* Reads {"logs": an eth_getLogs answer of a TRON node} against blocks with their transactions.
 * A log counts only when its transaction stands in the block at the place it names with
 * contractRet SUCCESS, in a list that hashes to the header's txTrieRoot; a call of one of our
 * contracts that succeeded as a transfer must have a log. */
extern bool usdtpay_span_tron_logs(UsdtpaySpan *s, const char *text, size_t len);

/* Holds an eth_getLogs log against its block and the log before it (NULL for the first), and
 * resets the ordinals when a transaction begins.  Out: the contract's number and the row, but
 * for its event.  Returns: false with the fault set. */
extern bool usdtpay_span_place(UsdtpaySpan *s, UsdtpayBlock *block, const UsdtpayEvmLog *prev,
							   const UsdtpayEvmLog *log, size_t *contract, UsdtpaySpanRow *row);

/* Decodes a log of contract number c and hands the row on, counting ordinals.  Shared by both
 * families.  In: tx and log position; block.  Returns: false with the fault set. */
extern bool usdtpay_span_emit(UsdtpaySpan *s, size_t c, const UsdtpayLog *log, UsdtpaySpanRow *row,
							  UsdtpayFamily family);

/* Finds a contract.  Returns: its number, or the count when it is not ours. */
extern size_t usdtpay_span_contract(const UsdtpaySpan *s, const uint8_t *address);

#endif
