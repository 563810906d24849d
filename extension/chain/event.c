/* SPDX-License-Identifier: PostgreSQL
 *
 * event.c: the events of the USDT contracts.
 *
 * The topics are constants, because a scanner compares them for every log; a unit test
 * recomputes each from its signature.
 */
#include "chain/event.h"

#include "chain/field.h"
#include "codec/hex.h"

#define EVENT_MAX_ARGS 2

/* How the words of an event's arguments are to be understood. */
typedef struct EventShape
{
	UsdtpayEventKind kind;
	int args;
	bool subject_first; /* the first argument is an address */
	int amount_arg;     /* which argument is the amount; -1 for none */
	uint8_t topic[USDTPAY_HASH_LEN];
} EventShape;

/* Transfer(address,address,uint256) */
const uint8_t usdtpay_topic_transfer[USDTPAY_HASH_LEN] = {
	0xdd, 0xf2, 0x52, 0xad, 0x1b, 0xe2, 0xc8, 0x9b, 0x69, 0xc2, 0xb0, 0x68, 0xfc, 0x37, 0x8d, 0xaa,
	0x95, 0x2b, 0xa7, 0xf1, 0x63, 0xc4, 0xa1, 0x16, 0x28, 0xf5, 0x5a, 0x4d, 0xf5, 0x23, 0xb3, 0xef};

static const EventShape event_shapes[] = {
	/* AddedBlackList(address) */
	{USDTPAY_EVENT_ADDED_BLACKLIST, 1, true, -1, {0x42, 0xe1, 0x60, 0x15, 0x48, 0x68, 0x08, 0x7d,
												  0x6b, 0xfd, 0xc0, 0xca, 0x23, 0xd9, 0x6a, 0x1c,
												  0x1c, 0xfa, 0x32, 0xf1, 0xb7, 0x2b, 0xa9, 0xba,
												  0x27, 0xb6, 0x9b, 0x98, 0xa0, 0xd8, 0x19, 0xdc}},
	/* RemovedBlackList(address) */
	{USDTPAY_EVENT_REMOVED_BLACKLIST, 1, true, -1, {0xd7, 0xe9, 0xec, 0x6e, 0x6e, 0xcd, 0x65,
													0x49, 0x2d, 0xce, 0x6b, 0xf5, 0x13, 0xcd,
													0x68, 0x67, 0x56, 0x0d, 0x49, 0x54, 0x44,
													0x21, 0xd0, 0x78, 0x3d, 0xdf, 0x06, 0xe7,
													0x6c, 0x24, 0x47, 0x0c}},
	/* DestroyedBlackFunds(address,uint256) */
	{USDTPAY_EVENT_DESTROYED_FUNDS, 2, true, 1, {0x61, 0xe6, 0xe6, 0x6b, 0x0d, 0x63, 0x39, 0xb2,
												 0x98, 0x0a, 0xec, 0xc6, 0xcc, 0xc0, 0x03, 0x97,
												 0x36, 0x79, 0x1f, 0x0c, 0xcd, 0xe9, 0xed, 0x51,
												 0x2e, 0x78, 0x9a, 0x7f, 0xbd, 0xd6, 0x98, 0xc6}},
	/* Deprecate(address) */
	{USDTPAY_EVENT_DEPRECATE, 1, true, -1, {0xcc, 0x35, 0x86, 0x99, 0x80, 0x5e, 0x9a, 0x8b,
											0x7f, 0x77, 0xb5, 0x22, 0x62, 0x8c, 0x7c, 0xb9,
											0xab, 0xd0, 0x7d, 0x9e, 0xfb, 0x86, 0xb6, 0xfb,
											0x61, 0x6a, 0xf1, 0x60, 0x90, 0x36, 0xa9, 0x9e}},
	/* Pause() */
	{USDTPAY_EVENT_PAUSE, 0, false, -1, {0x69, 0x85, 0xa0, 0x22, 0x10, 0xa1, 0x68, 0xe6,
										 0x66, 0x02, 0xd3, 0x23, 0x5c, 0xb6, 0xdb, 0x0e,
										 0x70, 0xf9, 0x2b, 0x3b, 0xa4, 0xd3, 0x76, 0xa3,
										 0x3c, 0x0f, 0x3d, 0x94, 0x34, 0xbf, 0xf6, 0x25}},
	/* Unpause() */
	{USDTPAY_EVENT_UNPAUSE, 0, false, -1, {0x78, 0x05, 0x86, 0x2f, 0x68, 0x9e, 0x2f, 0x13,
										   0xdf, 0x9f, 0x06, 0x2f, 0xf4, 0x82, 0xad, 0x3a,
										   0xd1, 0x12, 0xac, 0xa9, 0xe0, 0x84, 0x79, 0x11,
										   0xed, 0x83, 0x2e, 0x15, 0x8c, 0x52, 0x5b, 0x33}},
	/* Params(uint256,uint256) */
	{USDTPAY_EVENT_PARAMS, 2, false, 0, {0xb0, 0x44, 0xa1, 0xe4, 0x09, 0xea, 0xc5, 0xc4,
										 0x8e, 0x5a, 0xf2, 0x2d, 0x4a, 0xf5, 0x26, 0x70,
										 0xdd, 0x1a, 0x99, 0x05, 0x95, 0x37, 0xa7, 0x8b,
										 0x31, 0xb4, 0x8c, 0x65, 0x00, 0xa6, 0x35, 0x4e}},
	/* BlockPlaced(address) */
	{USDTPAY_EVENT_ADDED_BLACKLIST, 1, true, -1, {0x40, 0x6b, 0xbf, 0x2d, 0x8d, 0x14, 0x51, 0x25,
												  0xad, 0xf1, 0x19, 0x8d, 0x2c, 0xf8, 0xa6, 0x7c,
												  0x66, 0xcc, 0x4b, 0xb0, 0xab, 0x01, 0xc3, 0x7d,
												  0xcc, 0xd4, 0xf7, 0xc0, 0xaa, 0xe1, 0xe7, 0xc7}},
	/* BlockReleased(address) */
	{USDTPAY_EVENT_REMOVED_BLACKLIST, 1, true, -1, {0x66, 0x59, 0x18, 0xc9, 0xe0, 0x2e, 0xb2,
													0xfd, 0x85, 0xac, 0xca, 0x39, 0x69, 0xcb,
													0x05, 0x4f, 0xc8, 0x4c, 0x13, 0x8e, 0x60,
													0xec, 0x4a, 0xf2, 0x2a, 0xb6, 0xef, 0x2f,
													0xd4, 0xc9, 0x3c, 0x27}},
	/* DestroyedBlockedFunds(address,uint256) */
	{USDTPAY_EVENT_DESTROYED_FUNDS, 2, true, 1, {0x6a, 0x28, 0x59, 0xae, 0x79, 0x02, 0x31, 0x37,
												 0x52, 0x49, 0x8f, 0xeb, 0x80, 0xa0, 0x14, 0xe6,
												 0xe7, 0x27, 0x5f, 0xe9, 0x64, 0xc7, 0x9a, 0xa9,
												 0x65, 0xdb, 0x81, 0x5d, 0xb1, 0xc7, 0xf1, 0xe9}},
};

static const char *const event_names[USDTPAY_EVENT_KINDS] = {
	[USDTPAY_EVENT_TRANSFER] = "transfer",
	[USDTPAY_EVENT_ADDED_BLACKLIST] = "added_blacklist",
	[USDTPAY_EVENT_REMOVED_BLACKLIST] = "removed_blacklist",
	[USDTPAY_EVENT_DESTROYED_FUNDS] = "destroyed_funds",
	[USDTPAY_EVENT_DEPRECATE] = "deprecate",
	[USDTPAY_EVENT_PAUSE] = "pause",
	[USDTPAY_EVENT_UNPAUSE] = "unpause",
	[USDTPAY_EVENT_PARAMS] = "params",
};

const uint8_t *
usdtpay_event_topic(size_t i)
{
	if (i == 0)
		return usdtpay_topic_transfer;
	if (i > sizeof(event_shapes) / sizeof(event_shapes[0]))
		return NULL;
	return event_shapes[i - 1].topic;
}

const char *
usdtpay_event_name(UsdtpayEventKind kind)
{
	return event_names[kind];
}

/* Finds the shape of a control event.  Returns: NULL when the log is none. */
static const EventShape *
event_shape(const UsdtpayLog *log)
{
	size_t i;

	if (log->topics == 0)
		return NULL;
	for (i = 0; i < sizeof(event_shapes) / sizeof(event_shapes[0]); i++)
	{
		if (memcmp(log->topic[0], event_shapes[i].topic, USDTPAY_HASH_LEN) == 0)
			return &event_shapes[i];
	}
	return NULL;
}

/* Tells whether a log's first topic is Transfer's. */
static bool
event_is_transfer(const UsdtpayLog *log)
{
	return log->topics > 0 && memcmp(log->topic[0], usdtpay_topic_transfer, USDTPAY_HASH_LEN) == 0;
}

UsdtpayEventKind
usdtpay_event_kind(const UsdtpayLog *log)
{
	const EventShape *shape;

	if (event_is_transfer(log))
		return USDTPAY_EVENT_TRANSFER;
	shape = event_shape(log);
	return shape == NULL ? USDTPAY_EVENT_OTHER : shape->kind;
}

/* Takes the address out of an ABI word.
 * Returns: false unless its first twelve bytes are zero.  On TRON the twelfth may be 0x41:
 * its older compilers keep the network byte in the word (seen in recorded call data). */
static bool
event_address(uint8_t out[USDTPAY_ADDRESS_LEN], const uint8_t word[32], UsdtpayFamily family)
{
	uint8_t seen = 0;
	int i;

	for (i = 0; i < 11; i++)
		seen |= word[i];
	if (seen != 0 || (word[11] != 0 && !(family == USDTPAY_FAMILY_TRON && word[11] == 0x41)))
		return false;
	memcpy(out, word + 12, USDTPAY_ADDRESS_LEN);
	return true;
}

/* Decodes a Transfer. */
static bool
event_transfer(UsdtpayEvent *e, const UsdtpayLog *log, UsdtpayFamily family, UsdtpayFault *f)
{
	if (log->topics != 3)
		return usdtpay_fault(f, "a Transfer does not have three topics");
	if (!event_address(e->sender, log->topic[1], family) ||
		!event_address(e->recipient, log->topic[2], family))
		return usdtpay_fault(f, "an address in a Transfer is not padded with zeros");
	if (!usdtpay_hex_decode(e->amount, 32, log->data.p, log->data.len))
		return usdtpay_fault(f, "the data of a Transfer is not 32 bytes");
	e->has_parties = e->has_amount = true;
	return true;
}

/* Collects the argument words of a control event, indexed ones first. */
static bool
event_words(uint8_t words[EVENT_MAX_ARGS][32], const UsdtpayLog *log, int args, UsdtpayFault *f)
{
	int indexed = log->topics - 1;
	int i;

	if (indexed > args || log->data.len != (size_t) (args - indexed) * 64)
		return usdtpay_fault(f, "a control event has the wrong number of arguments");
	for (i = 0; i < args; i++)
	{
		if (i < indexed)
			memcpy(words[i], log->topic[i + 1], 32);
		else if (!usdtpay_hex_decode(words[i], 32, log->data.p + (i - indexed) * 64, 64))
			return usdtpay_fault(f, "the data of a control event is not hexadecimal");
	}
	return true;
}

bool
usdtpay_event_decode(UsdtpayEvent *e, const UsdtpayLog *log, UsdtpayFamily family, UsdtpayFault *f)
{
	uint8_t words[EVENT_MAX_ARGS][32] = {{0}};
	const EventShape *shape;

	memset(e, 0, sizeof(*e));
	if (event_is_transfer(log))
	{
		e->kind = USDTPAY_EVENT_TRANSFER;
		return event_transfer(e, log, family, f);
	}
	shape = event_shape(log);
	if (shape == NULL)
		return true;
	e->kind = shape->kind;
	if (!event_words(words, log, shape->args, f))
		return false;
	if (shape->subject_first && !event_address(e->subject, words[0], family))
		return usdtpay_fault(f, "an address in a control event is not padded with zeros");
	e->has_subject = shape->subject_first;
	e->has_amount = shape->amount_arg >= 0;
	if (e->has_amount)
		memcpy(e->amount, words[shape->amount_arg], 32);
	return true;
}

bool
usdtpay_log_topics(UsdtpayLog *log, UsdtpayJson *j, UsdtpayFamily family, UsdtpayFault *f)
{
	UsdtpaySlice s;

	log->topics = 0;
	if (!usdtpay_json_array(j))
		return usdtpay_fault_json(f, j);
	while (usdtpay_json_element(j))
	{
		if (log->topics == 4)
			return usdtpay_fault_at(f, j, "a log has more than four topics");
		if (!usdtpay_json_string(j, &s) ||
			!(family == USDTPAY_FAMILY_EVM ? usdtpay_field_evm(log->topic[log->topics], 32, s)
										   : usdtpay_field_tron(log->topic[log->topics], 32, s)))
			return usdtpay_fault_at(f, j, "a topic is not 32 bytes of hexadecimal");
		log->topics++;
	}
	return j->error == NULL || usdtpay_fault_json(f, j);
}
