/* SPDX-License-Identifier: PostgreSQL
 *
 * fn_chain.c: node answers as SQL rows: evm_transfers, tron_transfers, evm_block_hash,
 * tron_block_id.  Reads and writes no table.
 *
 * Rows go straight into the result's tuplestore; per row nothing is allocated but the numeric.
 * A checksummed address costs a Keccak, the dearest step, so recent ones are remembered for the
 * length of the call: a few exchanges stand in most transfers.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/tuplestore.h"

#include "chain/evm.h"
#include "chain/field.h"
#include "chain/tron.h"
#include "codec/u256.h"
#include "compat.h"
#include "errors.h"
#include "fn_chain.h"

PG_FUNCTION_INFO_V1(usdtpay_evm_transfers);
PG_FUNCTION_INFO_V1(usdtpay_tron_transfers);
PG_FUNCTION_INFO_V1(usdtpay_evm_block_hash);
PG_FUNCTION_INFO_V1(usdtpay_tron_block_id);

#define CHAIN_TRANSFER_COLUMNS 7
#define CHAIN_CACHE            1024 /* addresses remembered; a power of two */

/* A remembered address text. */
typedef struct ChainCached
{
	uint8_t raw[USDTPAY_ADDRESS_LEN];
	bool used;
	uint8_t len;
	char text[USDTPAY_ADDRESS_TEXT];
} ChainCached;

/* One call of evm_transfers or tron_transfers. */
typedef struct ChainTransfers
{
	UsdtpayFamily family;
	uint8_t token[USDTPAY_ADDRESS_LEN];
	const char *text;
	size_t len;
	UsdtpayFault fault;
	ReturnSetInfo *result;
	MemoryContext row_context;
	ChainCached *cache;
} ChainTransfers;

/* Where a Transfer stands. */
typedef struct ChainPlace
{
	uint64_t block;
	const uint8_t *block_hash; /* NULL when the answer does not say */
	const uint8_t *tx_hash;
	uint32_t log_index;
} ChainPlace;

Datum
usdtpay_fn_short(FnShort *v, const void *data, size_t len)
{
	Assert(len <= sizeof(v->body));
	SET_VARSIZE(v, VARHDRSZ + len);
	memcpy(v->body, data, len);
	return PointerGetDatum(v);
}

Datum
usdtpay_fn_numeric(const uint8_t amount[32])
{
	char digits[USDTPAY_U256_DIGITS + 1];
	uint64_t small;

	if (usdtpay_u256_to_u64(&small, amount) && small <= PG_INT64_MAX)
		return NumericGetDatum(int64_to_numeric((int64) small));
	(void) usdtpay_u256_to_decimal(digits, amount);
	return DirectFunctionCall3(numeric_in, CStringGetDatum(digits), ObjectIdGetDatum(InvalidOid),
							   Int32GetDatum(-1));
}

void
usdtpay_fn_raise(const UsdtpayFault *fault)
{
	StringInfoData detail;

	initStringInfo(&detail);
	if (fault->has_block)
		appendStringInfo(&detail, "Found in block " UINT64_FORMAT, (uint64) fault->block);
	else
		appendStringInfoString(&detail, "Found in the answer");
	if (fault->has_offset)
		appendStringInfo(&detail, ", before byte %zu", fault->offset + 1);
	appendStringInfoChar(&detail, '.');
	if (fault->kind == USDTPAY_FAULT_LINK)
		ereport(ERROR, (errcode(ERRCODE_UP_CHAIN_LINK), errmsg("%s", fault->what),
						errdetail_internal("%s", detail.data),
						errhint("Fetch the blocks again, from their common ancestor on.")));
	ereport(ERROR, (errcode(ERRCODE_UP_CHAIN_DATA), errmsg("%s", fault->what),
					errdetail_internal("%s", detail.data),
					errhint("The whole answer is refused; ask again or ask another node.")));
}

void
usdtpay_fn_address(uint8_t out[USDTPAY_ADDRESS_LEN], UsdtpayFamily family, text *in)
{
	const char *name = family == USDTPAY_FAMILY_EVM ? "EVM" : "TRON";

	if (usdtpay_address_parse(out, family, VARDATA_ANY(in), VARSIZE_ANY_EXHDR(in)) ==
		USDTPAY_ADDRESS_OK)
		return;
	ereport(ERROR, (errcode(ERRCODE_UP_BAD_ADDRESS), errmsg("the token is no %s address", name),
					errdetail("The value is \"%s\".", text_to_cstring(in)),
					errhint("Give the token's contract address as block explorers show it.")));
}

/* Formats an address through the cache. */
static Datum
chain_address(ChainTransfers *t, FnShort *v, const uint8_t raw[USDTPAY_ADDRESS_LEN])
{
	uint32 slot;
	ChainCached *c;

	memcpy(&slot, raw + USDTPAY_ADDRESS_LEN - sizeof(slot), sizeof(slot));
	c = &t->cache[slot & (CHAIN_CACHE - 1)];
	if (!c->used || memcmp(c->raw, raw, USDTPAY_ADDRESS_LEN) != 0)
	{
		memcpy(c->raw, raw, USDTPAY_ADDRESS_LEN);
		c->len = (uint8_t) usdtpay_address_format(c->text, t->family, raw);
		c->used = true;
	}
	return usdtpay_fn_short(v, c->text, c->len);
}

/* Emits a log as a row when it is a Transfer of the token.
 * Returns: false, with the fault set, when it is a malformed one. */
static bool
chain_transfer(ChainTransfers *t, const UsdtpayLog *log, const ChainPlace *place)
{
	bool nulls[CHAIN_TRANSFER_COLUMNS] = {false};
	Datum values[CHAIN_TRANSFER_COLUMNS];
	FnShort block_hash;
	FnShort tx_hash;
	FnShort sender;
	FnShort recipient;
	UsdtpayEvent event;
	MemoryContext old;

	if (memcmp(log->address, t->token, USDTPAY_ADDRESS_LEN) != 0 ||
		usdtpay_event_kind(log) != USDTPAY_EVENT_TRANSFER)
		return true;
	if (!usdtpay_event_decode(&event, log, t->family, &t->fault))
		return false;
	CHECK_FOR_INTERRUPTS();
	MemoryContextReset(t->row_context);
	old = MemoryContextSwitchTo(t->row_context);
	values[0] = Int64GetDatum((int64) place->block);
	nulls[1] = place->block_hash == NULL;
	if (!nulls[1])
		values[1] = usdtpay_fn_short(&block_hash, place->block_hash, 32);
	values[2] = usdtpay_fn_short(&tx_hash, place->tx_hash, 32);
	values[3] = Int32GetDatum((int32) place->log_index);
	values[4] = chain_address(t, &sender, event.sender);
	values[5] = chain_address(t, &recipient, event.recipient);
	values[6] = usdtpay_fn_numeric(event.amount);
	tuplestore_putvalues(t->result->setResult, t->result->setDesc, values, nulls);
	MemoryContextSwitchTo(old);
	return true;
}

/* Walks an eth_getLogs answer. */
static bool
chain_evm_transfers(ChainTransfers *t)
{
	UsdtpayFault *f = &t->fault;
	bool first = true;
	uint64_t block = 0;
	uint32_t index = 0;
	UsdtpayEvmLog log;
	UsdtpaySlice payload;
	UsdtpayJson j;

	if (!usdtpay_answer_payload(&payload, t->text, t->len, f))
		return false;
	usdtpay_json_init_slice(&j, t->text, payload);
	if (!usdtpay_json_array(&j))
		return usdtpay_fault_json(f, &j);
	while (usdtpay_json_element(&j))
	{
		ChainPlace place = {.block_hash = log.block_hash, .tx_hash = log.tx_hash};

		if (!usdtpay_evm_log_parse(&log, &j, f))
			return false;
		if (!first && (log.block < block || (log.block == block && log.log_index <= index)))
			return usdtpay_fault_at(f, &j, "logs are not sorted or one comes twice");
		place.block = block = log.block;
		place.log_index = index = log.log_index;
		if (!chain_transfer(t, &log.log, &place))
			return false;
		first = false;
	}
	return usdtpay_json_end(&j) || usdtpay_fault_json(f, &j);
}

/* Walks the logs of one transaction info. */
static bool
chain_tron_logs(ChainTransfers *t, const UsdtpayTronInfo *info, uint32_t *index)
{
	ChainPlace place = {.block = info->block, .tx_hash = info->id};
	UsdtpayLog log;
	UsdtpayJson j;

	if (info->log.p == NULL)
		return true;
	usdtpay_json_init_slice(&j, t->text, info->log);
	(void) usdtpay_json_array(&j);
	while (usdtpay_json_element(&j))
	{
		if (!usdtpay_tron_log_parse(&log, &j, &t->fault))
			return false;
		place.log_index = (*index)++;
		if (usdtpay_tron_info_counts(info) && !chain_transfer(t, &log, &place))
			return false;
	}
	return j.error == NULL || usdtpay_fault_json(&t->fault, &j);
}

/* Walks a gettransactioninfobyblocknum answer; several blocks' may be joined into one array. */
static bool
chain_tron_transfers(ChainTransfers *t)
{
	uint64_t block = 0;
	uint32_t index = 0;
	UsdtpayTronInfo info;
	UsdtpayJson j;

	usdtpay_json_init(&j, t->text, t->len);
	if (!usdtpay_json_array(&j))
		return usdtpay_fault_json(&t->fault, &j);
	while (usdtpay_json_element(&j))
	{
		if (!usdtpay_tron_info_parse(&info, &j, &t->fault))
			return false;
		if (info.block < block)
			return usdtpay_fault_at(&t->fault, &j, "infos are not sorted by block");
		if (info.block > block)
			index = 0;
		block = info.block;
		if (!chain_tron_logs(t, &info, &index))
			return false;
	}
	return usdtpay_json_end(&j) || usdtpay_fault_json(&t->fault, &j);
}

/* Runs one of the two walks over arguments (answer, token). */
static Datum
chain_transfers(FunctionCallInfo fcinfo, UsdtpayFamily family, bool (*walk)(ChainTransfers *))
{
	text *answer = PG_GETARG_TEXT_PP(0);
	ChainTransfers t = {.family = family};

	usdtpay_fn_address(t.token, family, PG_GETARG_TEXT_PP(1));
	InitMaterializedSRF(fcinfo, 0);
	t.result = (ReturnSetInfo *) fcinfo->resultinfo;
	t.text = VARDATA_ANY(answer);
	t.len = VARSIZE_ANY_EXHDR(answer);
	t.cache = palloc0(CHAIN_CACHE * sizeof(ChainCached));
	t.row_context =
		AllocSetContextCreate(CurrentMemoryContext, "usdtpay transfer row", ALLOCSET_SMALL_SIZES);
	if (!walk(&t))
		usdtpay_fn_raise(&t.fault);
	MemoryContextDelete(t.row_context);
	return (Datum) 0;
}

/* evm_transfers(logs text, token text) → setof record */
Datum
usdtpay_evm_transfers(PG_FUNCTION_ARGS)
{
	return chain_transfers(fcinfo, USDTPAY_FAMILY_EVM, chain_evm_transfers);
}

/* tron_transfers(infos text, token text) → setof record */
Datum
usdtpay_tron_transfers(PG_FUNCTION_ARGS)
{
	return chain_transfers(fcinfo, USDTPAY_FAMILY_TRON, chain_tron_transfers);
}

/* Makes a bytea of a hash. */
static bytea *
chain_hash_bytea(const uint8_t hash[32])
{
	bytea *out = palloc(VARHDRSZ + 32);

	SET_VARSIZE(out, VARHDRSZ + 32);
	memcpy(VARDATA(out), hash, 32);
	return out;
}

/* evm_block_hash(header text) → bytea: recomputed, whatever the header claims */
Datum
usdtpay_evm_block_hash(PG_FUNCTION_ARGS)
{
	text *in = PG_GETARG_TEXT_PP(0);
	UsdtpayFault fault = {0};
	UsdtpayEvmHeader header;
	UsdtpaySlice payload;
	uint8_t hash[32];
	UsdtpayJson j;

	if (!usdtpay_answer_payload(&payload, VARDATA_ANY(in), VARSIZE_ANY_EXHDR(in), &fault))
		usdtpay_fn_raise(&fault);
	usdtpay_json_init_slice(&j, VARDATA_ANY(in), payload);
	if (!usdtpay_evm_header_parse(&header, &j, &fault) ||
		!(usdtpay_json_end(&j) || usdtpay_fault_json(&fault, &j)) ||
		!usdtpay_evm_header_hash(hash, &header, &fault))
		usdtpay_fn_raise(&fault);
	PG_RETURN_BYTEA_P(chain_hash_bytea(hash));
}

/* tron_block_id(header text) → bytea: recomputed, whatever the block claims */
Datum
usdtpay_tron_block_id(PG_FUNCTION_ARGS)
{
	text *in = PG_GETARG_TEXT_PP(0);
	UsdtpayFault fault = {0};
	UsdtpayTronBlock block;
	UsdtpayJson j;

	usdtpay_json_init(&j, VARDATA_ANY(in), VARSIZE_ANY_EXHDR(in));
	if (!usdtpay_tron_block_parse(&block, &j, &fault) ||
		!(usdtpay_json_end(&j) || usdtpay_fault_json(&fault, &j)))
		usdtpay_fn_raise(&fault);
	PG_RETURN_BYTEA_P(chain_hash_bytea(block.id));
}
