/* SPDX-License-Identifier: PostgreSQL
 *
 * tron_info.c: the elements of a gettransactioninfobyblocknum answer, and their logs.
 */
#include "chain/tron.h"

#include "chain/field.h"

typedef enum TronInfoMember
{
	TRON_INFO_ID,
	TRON_INFO_BLOCK,
	TRON_INFO_TIME,
	TRON_INFO_RECEIPT,
	TRON_INFO_LOG,
	TRON_INFO_RESULT,
	TRON_INFO_OTHER
} TronInfoMember;

#define TRON_INFO_REQUIRED (1u << TRON_INFO_ID | 1u << TRON_INFO_BLOCK | 1u << TRON_INFO_TIME)

/* Names a member. */
static TronInfoMember
tron_info_member(UsdtpaySlice name)
{
	static const char *const names[] = {"id",      "blockNumber", "blockTimeStamp",
										"receipt", "log",         "result"};
	int i;

	for (i = 0; i < TRON_INFO_OTHER; i++)
	{
		if (strlen(names[i]) == name.len && memcmp(names[i], name.p, name.len) == 0)
			break;
	}
	return (TronInfoMember) i;
}

/* Reads the receipt's result, which only contract calls have. */
static bool
tron_receipt(UsdtpayTronInfo *info, UsdtpayJson *j)
{
	UsdtpaySlice name;
	UsdtpaySlice s;

	if (!usdtpay_json_object(j))
		return false;
	while (usdtpay_json_member(j, &name))
	{
		if (!usdtpay_slice_is(name, "result"))
			(void) usdtpay_json_skip(j, NULL);
		else if (info->result != USDTPAY_TRON_RESULT_ABSENT)
			return false;
		else if (usdtpay_json_string(j, &s))
			info->result = usdtpay_tron_result(s);
	}
	return j->error == NULL;
}

/* Reads one member's value. */
static bool
tron_info_value(UsdtpayTronInfo *info, TronInfoMember member, UsdtpayJson *j, UsdtpayFault *f)
{
	int64_t number;
	UsdtpaySlice s;

	switch (member)
	{
		case TRON_INFO_ID:
			return (usdtpay_json_string(j, &s) && usdtpay_field_tron(info->id, 32, s)) ||
				   usdtpay_fault_at(f, j, "the id of an info is not 32 bytes");
		case TRON_INFO_BLOCK:
		case TRON_INFO_TIME:
			if (!usdtpay_json_int(j, &number))
				return usdtpay_fault_json(f, j);
			if (member == TRON_INFO_BLOCK)
				info->block = (uint64_t) number;
			else
				info->time_ms = (uint64_t) number;
			return true;
		case TRON_INFO_RECEIPT:
			return tron_receipt(info, j) ||
				   usdtpay_fault_at(f, j, "the receipt of an info is malformed");
		case TRON_INFO_LOG:
			if (usdtpay_json_peek(j) != USDTPAY_JSON_ARRAY)
				return usdtpay_fault_at(f, j, "the log of an info is no array");
			return usdtpay_json_skip(j, &info->log) || usdtpay_fault_json(f, j);
		case TRON_INFO_RESULT:
			if (!usdtpay_json_string(j, &s))
				return usdtpay_fault_json(f, j);
			info->failed = !usdtpay_slice_is(s, "SUCCESS") && !usdtpay_slice_is(s, "SUCESS");
			return true;
		default:
			return usdtpay_json_skip(j, NULL) || usdtpay_fault_json(f, j);
	}
}

bool
usdtpay_tron_info_parse(UsdtpayTronInfo *info, UsdtpayJson *j, UsdtpayFault *f)
{
	unsigned seen = 0;
	UsdtpaySlice name;

	f->has_block = false;
	memset(info, 0, sizeof(*info));
	info->result = USDTPAY_TRON_RESULT_ABSENT;
	if (!usdtpay_json_object(j))
		return usdtpay_fault_json(f, j);
	while (usdtpay_json_member(j, &name))
	{
		TronInfoMember member = tron_info_member(name);

		if (member != TRON_INFO_OTHER && (seen >> member & 1))
			return usdtpay_fault_at(f, j, "a member of an info comes twice");
		seen |= 1u << member;
		if (!tron_info_value(info, member, j, f))
			return false;
	}
	if (j->error != NULL)
		return usdtpay_fault_json(f, j);
	if ((seen & TRON_INFO_REQUIRED) != TRON_INFO_REQUIRED)
		return usdtpay_fault_at(f, j, "an info lacks a member");
	f->has_block = true;
	f->block = info->block;
	return true;
}

bool
usdtpay_tron_info_counts(const UsdtpayTronInfo *info)
{
	return info->result == USDTPAY_TRON_RESULT_SUCCESS && !info->failed;
}

/* Reads a log's address: 20 bytes, or 21 with TRON's 0x41 in front. */
static bool
tron_log_address(uint8_t out[USDTPAY_ADDRESS_LEN], UsdtpayJson *j)
{
	UsdtpaySlice s;

	if (!usdtpay_json_string(j, &s))
		return false;
	if (s.len == 42 && s.p[0] == '4' && s.p[1] == '1')
	{
		s.p += 2;
		s.len -= 2;
	}
	return usdtpay_field_tron(out, USDTPAY_ADDRESS_LEN, s);
}

bool
usdtpay_tron_log_parse(UsdtpayLog *log, UsdtpayJson *j, UsdtpayFault *f)
{
	bool has_address = false;
	bool has_topics = false;
	UsdtpaySlice name;

	log->topics = 0;
	log->data.p = NULL;
	log->data.len = 0;
	if (!usdtpay_json_object(j))
		return usdtpay_fault_json(f, j);
	while (usdtpay_json_member(j, &name))
	{
		bool again = false;

		if (usdtpay_slice_is(name, "address"))
		{
			again = has_address;
			has_address = true;
			if (!tron_log_address(log->address, j))
				return usdtpay_fault_at(f, j, "the address of a log is not 20 bytes");
		}
		else if (usdtpay_slice_is(name, "topics"))
		{
			again = has_topics;
			has_topics = true;
			if (!usdtpay_log_topics(log, j, USDTPAY_FAMILY_TRON, f))
				return false;
		}
		else if (usdtpay_slice_is(name, "data"))
		{
			again = log->data.p != NULL;
			if (!usdtpay_json_string(j, &log->data) || !usdtpay_field_is_hex(log->data))
				return usdtpay_fault_at(f, j, "the data of a log is not hexadecimal");
		}
		else
			(void) usdtpay_json_skip(j, NULL);
		if (again)
			return usdtpay_fault_at(f, j, "a member of a log comes twice");
	}
	if (j->error != NULL)
		return usdtpay_fault_json(f, j);
	/* Topics and data are left out by the node when they are empty. */
	return has_address || usdtpay_fault_at(f, j, "a log has no address");
}
