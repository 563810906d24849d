/* SPDX-License-Identifier: PostgreSQL
 *
 * evm.h: what a header, a log and a bloom mean on Ethereum and its kin.  Pure C.
 */
#ifndef USDTPAY_CHAIN_EVM_H
#define USDTPAY_CHAIN_EVM_H

#include "chain/event.h"
#include "chain/fault.h"
#include "chain/json.h"

/* The members of a block object that are hashed, in the order of the RLP list.  Everything from
 * BASE_FEE on came with a fork: London, Shanghai, Cancun (three), Prague. */
typedef enum UsdtpayEvmField
{
	USDTPAY_EVM_PARENT_HASH,
	USDTPAY_EVM_UNCLES_HASH,
	USDTPAY_EVM_MINER,
	USDTPAY_EVM_STATE_ROOT,
	USDTPAY_EVM_TRANSACTIONS_ROOT,
	USDTPAY_EVM_RECEIPTS_ROOT,
	USDTPAY_EVM_LOGS_BLOOM,
	USDTPAY_EVM_DIFFICULTY,
	USDTPAY_EVM_NUMBER,
	USDTPAY_EVM_GAS_LIMIT,
	USDTPAY_EVM_GAS_USED,
	USDTPAY_EVM_TIMESTAMP,
	USDTPAY_EVM_EXTRA_DATA,
	USDTPAY_EVM_MIX_HASH,
	USDTPAY_EVM_NONCE,
	USDTPAY_EVM_BASE_FEE,
	USDTPAY_EVM_WITHDRAWALS_ROOT,
	USDTPAY_EVM_BLOB_GAS_USED,
	USDTPAY_EVM_EXCESS_BLOB_GAS,
	USDTPAY_EVM_PARENT_BEACON_ROOT,
	USDTPAY_EVM_REQUESTS_HASH,
	USDTPAY_EVM_FIELDS
} UsdtpayEvmField;

/* A header as the node spelt it; slices point into its answer. */
typedef struct UsdtpayEvmHeader
{
	UsdtpaySlice field[USDTPAY_EVM_FIELDS]; /* with 0x; p is NULL when absent or null */
	uint64_t number;
	uint64_t timestamp;    /* seconds since 1970 */
	uint8_t hash[32];      /* what the node says it is */
	uint8_t parent[32];    /* parentHash */
	UsdtpaySlice bloom;    /* 512 hex digits, validated */
	bool has_hash;         /* false only for evm_block_hash's input */
	bool has_transactions; /* the member was there */
	uint32_t transactions; /* how many */
	UsdtpaySlice list;     /* the raw array of transactions; p is NULL when absent */
} UsdtpayEvmHeader;

/* A log with its place on the chain, as eth_getLogs answers it. */
typedef struct UsdtpayEvmLog
{
	UsdtpayLog log;
	uint64_t block;
	uint8_t block_hash[32];
	uint8_t tx_hash[32];
	uint32_t tx_index;
	uint32_t log_index;
} UsdtpayEvmLog;

/* The six bits a Transfer of one contract sets in its block's bloom. */
typedef struct UsdtpayBloomKey
{
	uint16_t bit[6];
} UsdtpayBloomKey;

/* Reads one block object and validates the members the scanner relies on: number, timestamp,
 * parentHash, logsBloom, and hash where present.  Members it does not know are skipped.
 * Returns: false, with the fault set, on a missing, repeated or misshapen one. */
extern bool usdtpay_evm_header_parse(UsdtpayEvmHeader *h, UsdtpayJson *j, UsdtpayFault *f);

/* Recomputes keccak256(rlp(header)).
 * Returns: false, with the fault set, when a hashed member is missing or misshapen. */
extern bool usdtpay_evm_header_hash(uint8_t out[32], const UsdtpayEvmHeader *h, UsdtpayFault *f);

/* Reads one log object, strictly.  Returns: false, with the fault set, on any missing, repeated
 * or misshapen member, or when removed is true. */
extern bool usdtpay_evm_log_parse(UsdtpayEvmLog *log, UsdtpayJson *j, UsdtpayFault *f);

/* Says where in the bloom a Transfer of the contract shows. */
extern void usdtpay_bloom_transfer(UsdtpayBloomKey *key,
								   const uint8_t contract[USDTPAY_ADDRESS_LEN]);

/* Tells whether the bloom may hold such a log.  In: bloom, 512 valid hex digits.  False is
 * certain; true can be a coincidence. */
extern bool usdtpay_bloom_has(UsdtpaySlice bloom, const UsdtpayBloomKey *key);

#endif
