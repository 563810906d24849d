/* SPDX-License-Identifier: PostgreSQL
 *
 * tron.h: what a block and a transaction info mean on TRON, from java-tron's HTTP answers
 * (getblockbylimitnext, gettransactioninfobyblocknum; not the `visible` form).  Pure C.
 *
 * What can be proved here and what cannot: the block id is recomputed always, and the
 * transaction root on demand, so headers, transaction ids and their results are as strong as
 * the chain of hashes.  Logs are covered by no root on TRON: for them there is only the
 * completeness of the ids and a second node.
 */
#ifndef USDTPAY_CHAIN_TRON_H
#define USDTPAY_CHAIN_TRON_H

#include "chain/event.h"
#include "chain/fault.h"
#include "chain/json.h"

/* A block; slices point into the node's answer. */
typedef struct UsdtpayTronBlock
{
	uint8_t claimed_id[32]; /* the member blockID */
	bool has_id;
	uint8_t id[32]; /* recomputed */
	uint8_t parent[32];
	uint8_t tx_root[32];
	uint64_t number;
	uint64_t time_ms;
	UsdtpaySlice transactions; /* the raw array; p is NULL when there is none */
} UsdtpayTronBlock;

/* The results a contract call can end with, as protobuf numbers; java-tron's JSON names them. */
#define USDTPAY_TRON_RESULT_ABSENT  (-1)
#define USDTPAY_TRON_RESULT_UNKNOWN (-2)
#define USDTPAY_TRON_RESULT_SUCCESS 1

/* A transaction of a block. */
typedef struct UsdtpayTronTx
{
	uint8_t id[32];
	int result;              /* ret[0].contractRet */
	bool plain_ret;          /* ret holds nothing but contractRet: the root can be recomputed */
	UsdtpaySlice raw_hex;    /* raw_data_hex; p is NULL when absent */
	UsdtpaySlice signatures; /* the raw array of hex strings; p is NULL when absent */
} UsdtpayTronTx;

/* A transaction's info. */
typedef struct UsdtpayTronInfo
{
	uint8_t id[32];
	uint64_t block;
	uint64_t time_ms;
	int result;       /* receipt.result */
	bool failed;      /* the top-level result is there and not SUCCESS */
	UsdtpaySlice log; /* the raw array; p is NULL when there is none */
} UsdtpayTronInfo;

/* Numbers a contract result by its name; USDTPAY_TRON_RESULT_UNKNOWN for a name not known. */
extern int usdtpay_tron_result(UsdtpaySlice name);

/* Reads one block object and recomputes its id.
 * Returns: false, with the fault set, on a missing, repeated or misshapen member.  Comparing
 * claimed_id with id is the caller's. */
extern bool usdtpay_tron_block_parse(UsdtpayTronBlock *b, UsdtpayJson *j, UsdtpayFault *f);

/* Reads one transaction object. */
extern bool usdtpay_tron_tx_parse(UsdtpayTronTx *tx, UsdtpayJson *j, UsdtpayFault *f);

/* Rebuilds the serialised transaction and hashes it: its leaf under the block's root.  Checks
 * on the way that the id is the hash of the raw data.
 * Returns: false, with the fault set, when the JSON does not hold all of it. */
extern bool usdtpay_tron_tx_leaf(uint8_t out[32], const UsdtpayTronTx *tx, UsdtpayFault *f);

/* A growing transaction root: java-tron hashes pairs upwards and carries an odd last one, so
 * one hash per set bit of the count is enough. */
typedef struct UsdtpayTronRoot
{
	uint64_t count;
	uint8_t peak[64][32];
} UsdtpayTronRoot;

/* Adds a leaf to a zeroed accumulator. */
extern void usdtpay_tron_root_add(UsdtpayTronRoot *acc, const uint8_t leaf[32]);

/* Folds what was added.  Out: the root; 32 zero bytes when nothing was. */
extern void usdtpay_tron_root_end(uint8_t out[32], const UsdtpayTronRoot *acc);

/* Reads one transaction info. */
extern bool usdtpay_tron_info_parse(UsdtpayTronInfo *info, UsdtpayJson *j, UsdtpayFault *f);

/* Reads one element of an info's log array. */
extern bool usdtpay_tron_log_parse(UsdtpayLog *log, UsdtpayJson *j, UsdtpayFault *f);

/* Tells whether an info's logs count: its receipt says SUCCESS and nothing says failed. */
extern bool usdtpay_tron_info_counts(const UsdtpayTronInfo *info);

#endif
