/* SPDX-License-Identifier: PostgreSQL
 *
 * event.h: what a token contract's log says, alike on EVM and TRON.  Pure C.
 */
#ifndef USDTPAY_CHAIN_EVENT_H
#define USDTPAY_CHAIN_EVENT_H

#include "chain/fault.h"
#include "chain/json.h"
#include "keys/address.h"

#define USDTPAY_HASH_LEN 32

/* A log as the virtual machine wrote it. */
typedef struct UsdtpayLog
{
	uint8_t address[USDTPAY_ADDRESS_LEN];
	uint8_t topic[4][USDTPAY_HASH_LEN];
	int topics;
	UsdtpaySlice data; /* an even number of hex digits, no 0x */
} UsdtpayLog;

/* The events that move money, or that the issuer's powers show in.  USDT's newer contracts
 * (Arbitrum, Optimism, Polygon, Avalanche) renamed the blacklist; both spellings map here. */
typedef enum UsdtpayEventKind
{
	USDTPAY_EVENT_OTHER, /* Approval, Issue, …: nothing to do */
	USDTPAY_EVENT_TRANSFER,
	USDTPAY_EVENT_ADDED_BLACKLIST,
	USDTPAY_EVENT_REMOVED_BLACKLIST,
	USDTPAY_EVENT_DESTROYED_FUNDS, /* zeroes a balance and emits no Transfer */
	USDTPAY_EVENT_DEPRECATE,       /* from here on the money moves on another contract */
	USDTPAY_EVENT_PAUSE,
	USDTPAY_EVENT_UNPAUSE,
	USDTPAY_EVENT_PARAMS, /* a transfer fee was set */
	USDTPAY_EVENT_KINDS
} UsdtpayEventKind;

typedef struct UsdtpayEvent
{
	UsdtpayEventKind kind;
	bool has_parties; /* sender and recipient: Transfer */
	bool has_amount;  /* Transfer; DestroyedBlackFunds; Params (the rate in basis points) */
	bool has_subject; /* the address a control event is about */
	uint8_t sender[USDTPAY_ADDRESS_LEN];
	uint8_t recipient[USDTPAY_ADDRESS_LEN];
	uint8_t subject[USDTPAY_ADDRESS_LEN];
	uint8_t amount[32]; /* big-endian raw units */
} UsdtpayEvent;

/* Topic 0 of Transfer(address,address,uint256). */
extern const uint8_t usdtpay_topic_transfer[USDTPAY_HASH_LEN];

/* First topics to ask nodes for, all of the above: one after the other, NULL behind the last. */
extern const uint8_t *usdtpay_event_topic(size_t i);

/* The name span_logs gives a kind: 'transfer', 'added_blacklist', …; NULL for OTHER. */
extern const char *usdtpay_event_name(UsdtpayEventKind kind);

/* Tells a log's kind by its first topic alone. */
extern UsdtpayEventKind usdtpay_event_kind(const UsdtpayLog *log);

/* Decodes a log.  A Transfer must have both addresses indexed and 32 bytes of data.  Control
 * events may have any leading arguments indexed: contracts of the family differ in that.
 * In: family; on TRON an address word may carry the network byte 0x41 before its 20 bytes.
 * Returns: false, with the fault set, when a known topic has an impossible shape. */
extern bool usdtpay_event_decode(UsdtpayEvent *e, const UsdtpayLog *log, UsdtpayFamily family,
								 UsdtpayFault *f);

/* Reads an array of 1 to 4 topics (or none).  In: family; EVM writes 0x.  Returns: false,
 * with the fault set, for another shape. */
extern bool usdtpay_log_topics(UsdtpayLog *log, UsdtpayJson *j, UsdtpayFamily family,
							   UsdtpayFault *f);

#endif
