/* SPDX-License-Identifier: PostgreSQL
 *
 * receipt.h: what the receipts of a block prove about its logs.  Pure C.
 *
 * A header holds the root of a trie over all receipts of its block, and a receipt holds the logs
 * of its transaction.  So receipts that hash to the header's receiptsRoot are all receipts, and
 * their logs all logs, in their order, with every topic and byte.  What they do not prove is the
 * transactions' hashes (the header has those under another root) and that the header stands on
 * the chain: the caller must know both.
 */
#ifndef USDTPAY_CHAIN_RECEIPT_H
#define USDTPAY_CHAIN_RECEIPT_H

#include "chain/evm.h"

/* Gives memory, never NULL; the owner frees by dropping its context. */
typedef void *(*UsdtpayReceiptAlloc)(size_t size);

/* Takes a log and its raw text, or refuses it by answering false with the fault set. */
typedef bool (*UsdtpayReceiptSink)(void *arg, const UsdtpayEvmLog *log, UsdtpaySlice raw);

/* Computes the receipts root of an eth_getBlockReceipts answer, an array in order of the
 * transactions: legacy receipts, with status or, before Byzantium, the state's root; and typed
 * ones (EIP-2718) of any type, with the two members deposits on OP chains have.
 * Returns: false, with the fault set, for an answer of another shape. */
extern bool usdtpay_receipts_root(uint8_t out[32], UsdtpayJson *j, UsdtpayReceiptAlloc alloc,
								  UsdtpayFault *f);

/* Proves the receipts of a block against its header: they hash to its receiptsRoot, and every
 * log's claimed place (block, transaction, indexes) is the one it has.  The header itself is not
 * verified.  Calls sink for each log on the way: what it got counts only once this says true.
 * Returns: false, with the fault set, for anything else. */
extern bool usdtpay_receipts_prove(const UsdtpayEvmHeader *h, UsdtpayJson *j,
								   UsdtpayReceiptSink sink, void *arg, UsdtpayReceiptAlloc alloc,
								   UsdtpayFault *f);

#endif
