/* SPDX-License-Identifier: PostgreSQL
 *
 * evm_log.c: the logs of an eth_getLogs answer.
 */
#include "chain/evm.h"
#include "chain/field.h"

typedef enum EvmLogMember
{
	EVM_LOG_ADDRESS,
	EVM_LOG_TOPICS,
	EVM_LOG_DATA,
	EVM_LOG_BLOCK,
	EVM_LOG_BLOCK_HASH,
	EVM_LOG_TX_HASH,
	EVM_LOG_TX_INDEX,
	EVM_LOG_INDEX,
	EVM_LOG_REMOVED, /* the only one that may be absent */
	EVM_LOG_OTHER
} EvmLogMember;

#define EVM_LOG_REQUIRED ((1u << EVM_LOG_REMOVED) - 1)

/* Names a member; lengths tell most of them apart. */
static EvmLogMember
evm_log_member(UsdtpaySlice name)
{
	switch (name.len)
	{
		case 4:
			return usdtpay_slice_is(name, "data") ? EVM_LOG_DATA : EVM_LOG_OTHER;
		case 6:
			return usdtpay_slice_is(name, "topics") ? EVM_LOG_TOPICS : EVM_LOG_OTHER;
		case 7:
			if (usdtpay_slice_is(name, "removed"))
				return EVM_LOG_REMOVED;
			return usdtpay_slice_is(name, "address") ? EVM_LOG_ADDRESS : EVM_LOG_OTHER;
		case 8:
			return usdtpay_slice_is(name, "logIndex") ? EVM_LOG_INDEX : EVM_LOG_OTHER;
		case 9:
			return usdtpay_slice_is(name, "blockHash") ? EVM_LOG_BLOCK_HASH : EVM_LOG_OTHER;
		case 11:
			return usdtpay_slice_is(name, "blockNumber") ? EVM_LOG_BLOCK : EVM_LOG_OTHER;
		case 15:
			return usdtpay_slice_is(name, "transactionHash") ? EVM_LOG_TX_HASH : EVM_LOG_OTHER;
		case 16:
			return usdtpay_slice_is(name, "transactionIndex") ? EVM_LOG_TX_INDEX : EVM_LOG_OTHER;
		default:
			return EVM_LOG_OTHER;
	}
}

/* Reads a string member of exactly len bytes. */
static bool
evm_log_bytes(uint8_t *out, size_t len, UsdtpayJson *j)
{
	UsdtpaySlice s;

	return usdtpay_json_string(j, &s) && usdtpay_field_evm(out, len, s);
}

/* Reads a quantity that fits PostgreSQL's integer. */
static bool
evm_log_index(uint32_t *out, UsdtpayJson *j)
{
	UsdtpaySlice s;
	uint64_t value;

	if (!usdtpay_json_string(j, &s) || !usdtpay_field_quantity(&value, s, INT32_MAX))
		return false;
	*out = (uint32_t) value;
	return true;
}

/* Reads the data of a log, of any length. */
static bool
evm_log_data(UsdtpaySlice *out, UsdtpayJson *j)
{
	return usdtpay_json_string(j, out) && usdtpay_field_cut_0x(out) && usdtpay_field_is_hex(*out);
}

/* Reads one member's value, which must be of its proper shape. */
static bool
evm_log_value(UsdtpayEvmLog *log, EvmLogMember member, UsdtpayJson *j, UsdtpayFault *f)
{
	UsdtpaySlice s;
	bool removed;

	switch (member)
	{
		case EVM_LOG_ADDRESS:
			return evm_log_bytes(log->log.address, 20, j) ||
				   usdtpay_fault_at(f, j, "the address of a log is not 20 bytes");
		case EVM_LOG_TOPICS:
			return usdtpay_log_topics(&log->log, j, USDTPAY_FAMILY_EVM, f);
		case EVM_LOG_DATA:
			return evm_log_data(&log->log.data, j) ||
				   usdtpay_fault_at(f, j, "the data of a log is not hexadecimal");
		case EVM_LOG_BLOCK:
			return (usdtpay_json_string(j, &s) &&
					usdtpay_field_quantity(&log->block, s, INT64_MAX)) ||
				   usdtpay_fault_at(f, j, "the blockNumber of a log is no quantity");
		case EVM_LOG_BLOCK_HASH:
			return evm_log_bytes(log->block_hash, 32, j) ||
				   usdtpay_fault_at(f, j, "the blockHash of a log is not 32 bytes");
		case EVM_LOG_TX_HASH:
			return evm_log_bytes(log->tx_hash, 32, j) ||
				   usdtpay_fault_at(f, j, "the transactionHash of a log is not 32 bytes");
		case EVM_LOG_TX_INDEX:
			return evm_log_index(&log->tx_index, j) ||
				   usdtpay_fault_at(f, j, "the transactionIndex of a log is no quantity");
		case EVM_LOG_INDEX:
			return evm_log_index(&log->log_index, j) ||
				   usdtpay_fault_at(f, j, "the logIndex of a log is no quantity");
		case EVM_LOG_REMOVED:
			return (usdtpay_json_bool(j, &removed) && !removed) ||
				   usdtpay_fault_at(f, j, "a log is marked removed");
		default:
			return usdtpay_json_skip(j, NULL) || usdtpay_fault_json(f, j);
	}
}

bool
usdtpay_evm_log_parse(UsdtpayEvmLog *log, UsdtpayJson *j, UsdtpayFault *f)
{
	unsigned seen = 0;
	UsdtpaySlice name;

	f->has_block = false;
	if (!usdtpay_json_object(j))
		return usdtpay_fault_json(f, j);
	while (usdtpay_json_member(j, &name))
	{
		EvmLogMember member = evm_log_member(name);

		if (member != EVM_LOG_OTHER && (seen >> member & 1))
			return usdtpay_fault_at(f, j, "a member of a log comes twice");
		seen |= 1u << member;
		if (!evm_log_value(log, member, j, f))
			return false;
	}
	if (j->error != NULL)
		return usdtpay_fault_json(f, j);
	if ((seen & EVM_LOG_REQUIRED) != EVM_LOG_REQUIRED)
		return usdtpay_fault_at(f, j, "a log lacks a member");
	f->has_block = true;
	f->block = log->block;
	return true;
}
