// SPDX-License-Identifier: PostgreSQL
//
// A small protobuf (proto3) writer and reader, driven by tables of fields, and the two JSON
// dialects java-tron prints messages in (visible: addresses as base58check, some bytes as text).
//
// Invariants: encode() is canonical (field order, no default values), as the Java library is, so a
// transaction id computed from re-encoded bytes is the one a real node would compute. Unknown
// fields survive decode + encode.

import { toBase58, toHexAddress } from './crypto.mjs';

export const CONTRACT_TYPES = {
	AccountCreateContract: 0, TransferContract: 1, TransferAssetContract: 2,
	VoteAssetContract: 3, VoteWitnessContract: 4, WitnessCreateContract: 5, AssetIssueContract: 6,
	WitnessUpdateContract: 8, ParticipateAssetIssueContract: 9, AccountUpdateContract: 10,
	FreezeBalanceContract: 11, UnfreezeBalanceContract: 12, WithdrawBalanceContract: 13,
	UnfreezeAssetContract: 14, UpdateAssetContract: 15, ProposalCreateContract: 16,
	ProposalApproveContract: 17, ProposalDeleteContract: 18, SetAccountIdContract: 19,
	CustomContract: 20, CreateSmartContract: 30, TriggerSmartContract: 31, GetContract: 32,
	UpdateSettingContract: 33, ExchangeCreateContract: 41, ExchangeInjectContract: 42,
	ExchangeWithdrawContract: 43, ExchangeTransactionContract: 44, UpdateEnergyLimitContract: 45,
	AccountPermissionUpdateContract: 46, ClearABIContract: 48, UpdateBrokerageContract: 49,
	ShieldedTransferContract: 51, MarketSellAssetContract: 52, MarketCancelOrderContract: 53,
	FreezeBalanceV2Contract: 54, UnfreezeBalanceV2Contract: 55,
	WithdrawExpireUnfreezeContract: 56, DelegateResourceContract: 57,
	UnDelegateResourceContract: 58, CancelAllUnfreezeV2Contract: 59,
};

export const CONTRACT_RESULTS = {
	DEFAULT: 0, SUCCESS: 1, REVERT: 2, BAD_JUMP_DESTINATION: 3, OUT_OF_MEMORY: 4,
	PRECOMPILED_CONTRACT: 5, STACK_TOO_SMALL: 6, STACK_TOO_LARGE: 7, ILLEGAL_OPERATION: 8,
	STACK_OVERFLOW: 9, OUT_OF_ENERGY: 10, OUT_OF_TIME: 11, JVM_STACK_OVER_FLOW: 12, UNKNOWN: 13,
	TRANSFER_FAILED: 14, INVALID_CODE: 15,
};

const RESOURCES = { BANDWIDTH: 0, ENERGY: 1, TRON_POWER: 2 };
const STATUS = { SUCESS: 0, FAILED: 1 };

/** Returns a schema: rows of [number, name, type, repeated?]; a type is a word, enum or schema. */
function message(...rows)
{
	const fields = rows.map(([number, name, type, repeated]) => ({
		number, name, type, repeated: repeated === 'repeated',
		enumNames: typeof type === 'object' && !type.fields
			? Object.fromEntries(Object.entries(type).map(([k, v]) => [v, k])) : null,
	}));

	return { fields, byNumber: new Map(fields.map((f) => [f.number, f])) };
}

export const Any = message([1, 'type_url', 'string'], [2, 'value', 'bytes']);

export const Contract = message([1, 'type', CONTRACT_TYPES], [2, 'parameter', Any],
	[3, 'provider', 'bytes'], [4, 'ContractName', 'bytes'], [5, 'Permission_id', 'int']);

export const TransactionRaw = message([1, 'ref_block_bytes', 'bytes'], [3, 'ref_block_num', 'int'],
	[4, 'ref_block_hash', 'bytes'], [8, 'expiration', 'int'], [10, 'data', 'bytes'],
	[11, 'contract', Contract, 'repeated'], [12, 'scripts', 'bytes'], [14, 'timestamp', 'int'],
	[18, 'fee_limit', 'int']);

export const Result = message([1, 'fee', 'int'], [2, 'ret', STATUS],
	[3, 'contractRet', CONTRACT_RESULTS]);

export const Transaction = message([1, 'raw_data', TransactionRaw],
	[2, 'signature', 'bytes', 'repeated'], [5, 'ret', Result, 'repeated']);

export const BlockHeaderRaw = message([1, 'timestamp', 'int'], [2, 'txTrieRoot', 'bytes'],
	[3, 'parentHash', 'bytes'], [7, 'number', 'int'], [8, 'witness_id', 'int'],
	[9, 'witness_address', 'address'], [10, 'version', 'int'], [11, 'accountStateRoot', 'bytes']);

export const BlockHeader = message([1, 'raw_data', BlockHeaderRaw],
	[2, 'witness_signature', 'bytes']);

export const Block = message([1, 'transactions', Transaction, 'repeated'],
	[2, 'block_header', BlockHeader]);

/** Bodies of the contract types this node knows. */
export const CONTRACT_BODIES = {
	AccountCreateContract: message([1, 'owner_address', 'address'],
		[2, 'account_address', 'bytes'], [3, 'type', 'int']),
	TransferContract: message([1, 'owner_address', 'address'], [2, 'to_address', 'address'],
		[3, 'amount', 'int']),
	TransferAssetContract: message([1, 'asset_name', 'name'], [2, 'owner_address', 'address'],
		[3, 'to_address', 'address'], [4, 'amount', 'int']),
	TriggerSmartContract: message([1, 'owner_address', 'address'],
		[2, 'contract_address', 'address'], [3, 'call_value', 'int'], [4, 'data', 'bytes'],
		[5, 'call_token_value', 'int'], [6, 'token_id', 'int']),
	FreezeBalanceV2Contract: message([1, 'owner_address', 'address'],
		[2, 'frozen_balance', 'int'], [3, 'resource', RESOURCES]),
	UnfreezeBalanceV2Contract: message([1, 'owner_address', 'address'],
		[2, 'unfreeze_balance', 'int'], [3, 'resource', RESOURCES]),
	WithdrawExpireUnfreezeContract: message([1, 'owner_address', 'address']),
	DelegateResourceContract: message([1, 'owner_address', 'address'], [2, 'resource', RESOURCES],
		[3, 'balance', 'int'], [4, 'receiver_address', 'address'], [5, 'lock', 'bool'],
		[6, 'lock_period', 'int']),
	UnDelegateResourceContract: message([1, 'owner_address', 'address'],
		[2, 'resource', RESOURCES], [3, 'balance', 'int'], [4, 'receiver_address', 'address']),
};

/** Appends a varint of a non-negative integer to an array of byte values. */
function pushVarint(out, value)
{
	if (value < 0)
	{
		pushBigVarint(out, BigInt.asUintN(64, BigInt(value)));
		return;
	}
	if (typeof value === 'bigint')
	{
		pushBigVarint(out, value);
		return;
	}
	while (value > 127)
	{
		out.push((value % 128) | 128);
		value = Math.floor(value / 128);
	}
	out.push(value);
}

/** Appends a varint of a 64-bit unsigned BigInt. */
function pushBigVarint(out, value)
{
	while (value > 127n)
	{
		out.push(Number(value & 127n) | 128);
		value >>= 7n;
	}
	out.push(Number(value));
}

/** Returns the varint of a number as a Buffer. */
export function varint(value)
{
	const out = [];

	pushVarint(out, value);
	return Buffer.from(out);
}

/** Returns a length-delimited field. */
function delimited(number, bytes)
{
	return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

/** Returns the bytes of one scalar value as a length-delimited payload. */
function payload(type, value)
{
	if (type === 'string')
		return Buffer.from(value, 'utf8');
	return Buffer.isBuffer(value) ? value : Buffer.from(value, 'hex');
}

/** Returns one field encoded; nothing for a default value. */
function encodeField(field, value, inList)
{
	const { type, number } = field;

	if (type.fields)
		return delimited(number, encode(type, value));
	if (type === 'string' || type === 'bytes' || type === 'address' || type === 'name')
	{
		const bytes = payload(type, value);

		return bytes.length || inList ? delimited(number, bytes) : Buffer.alloc(0);
	}

	let scalar = value;

	if (typeof type === 'object')
		scalar = typeof value === 'string' ? type[value] : value;
	else if (type === 'bool')
		scalar = value ? 1 : 0;
	if (Number(scalar) === 0 && !inList)
		return Buffer.alloc(0);
	return Buffer.concat([varint(number * 8), varint(scalar)]);
}

/** Returns the canonical bytes of a message object (bytes may be Buffers or hex text). */
export function encode(schema, object)
{
	const parts = [];

	for (const field of schema.fields)
	{
		const value = object[field.name];

		if (value === undefined || value === null)
			continue;
		if (field.repeated)
			for (const item of value)
				parts.push(encodeField(field, item, true));
		else
			parts.push(encodeField(field, value, false));
	}
	if (object._unknown)
		parts.push(object._unknown);
	return Buffer.concat(parts);
}

/** Reads a varint at a position; returns [value, next]; BigInt when it exceeds 2^53. */
function readVarint(bytes, position)
{
	let value = 0n;

	for (let shift = 0n; shift < 70n; shift += 7n)
	{
		if (position >= bytes.length)
			throw new Error('truncated message');

		const byte = bytes[position++];

		value |= BigInt(byte & 127) << shift;
		if (byte < 128)
		{
			const signed = BigInt.asIntN(64, value);

			return [Number.isSafeInteger(Number(signed)) ? Number(signed) : signed, position];
		}
	}
	throw new Error('malformed varint');
}

/** Returns the span [start, end) of the payload of an unknown field. */
function skipField(bytes, position, wire)
{
	if (wire === 0)
		return readVarint(bytes, position)[1];
	if (wire === 1)
		return position + 8;
	if (wire === 5)
		return position + 4;
	if (wire === 2)
	{
		const [length, next] = readVarint(bytes, position);

		return next + length;
	}
	throw new Error('invalid wire type');
}

/** Returns the value of one known field and the next position. */
function decodeField(field, bytes, position, wire)
{
	const { type } = field;

	if (wire === 0)
	{
		const [value, next] = readVarint(bytes, position);

		if (type === 'bool')
			return [value !== 0, next];
		return [field.enumNames?.[value] ?? value, next];
	}

	const [length, start] = readVarint(bytes, position);
	const end = start + length;

	if (end > bytes.length)
		throw new Error('truncated message');

	const slice = bytes.subarray(start, end);

	if (type.fields)
		return [decode(type, slice), end];
	return [type === 'string' ? slice.toString('utf8') : Buffer.from(slice), end];
}

/** Returns true when a field may arrive with a wire type. */
function wireMatches(field, wire)
{
	const { type } = field;
	const wantsLength = type.fields || ['string', 'bytes', 'address', 'name'].includes(type);

	return wantsLength ? wire === 2 : wire === 0;
}

/** Returns the object of a message; bytes are Buffers, enums their names. Throws on bad bytes. */
export function decode(schema, bytes)
{
	const object = {};
	const unknown = [];
	let position = 0;

	while (position < bytes.length)
	{
		const start = position;
		const [tag, next] = readVarint(bytes, position);
		const field = schema.byNumber.get(Math.floor(tag / 8));
		const wire = tag % 8;

		if (!field || !wireMatches(field, wire))
		{
			position = skipField(bytes, next, wire);
			if (position > bytes.length)
				throw new Error('truncated message');
			unknown.push(bytes.subarray(start, position));
			continue;
		}

		const [value, after] = decodeField(field, bytes, next, wire);

		position = after;
		if (field.repeated)
			(object[field.name] ??= []).push(value);
		else
			object[field.name] = value;
	}
	if (unknown.length)
		object._unknown = Buffer.concat(unknown);
	return object;
}

/** Returns the bytes of a JSON value of type bytes, address or name. Throws on bad text. */
function bytesFromJson(type, value, visible)
{
	if (typeof value !== 'string')
		throw new Error('expected a string');
	if (visible && type === 'address')
	{
		const hex = toHexAddress(value);

		if (value && !hex)
			throw new Error('INVALID base58 String');
		return Buffer.from(hex ?? '', 'hex');
	}
	if (visible && type === 'name')
		return Buffer.from(value, 'utf8');
	if (!/^(0x)?([0-9a-fA-F]{2})*$/.test(value))
		throw new Error('INVALID hex String');
	return Buffer.from(value.replace(/^0x/, ''), 'hex');
}

/** Returns one scalar or message read from JSON. */
function valueFromJson(field, value, visible)
{
	const { type } = field;

	if (type.fields)
		return fromJson(type, value, visible);
	if (type === 'bytes' || type === 'address' || type === 'name')
		return bytesFromJson(type, value, visible);
	if (type === 'int' || (typeof type === 'object' && typeof value === 'number'))
	{
		const number = typeof value === 'string' ? Number(value) : value;

		if (!Number.isSafeInteger(number))
			throw new Error(`Couldn't parse integer: ${value}`);
		return number;
	}
	if (typeof type === 'object' && !(value in type))
		throw new Error(`unknown enum value: ${value}`);
	return value;
}

/** Returns a message object read from java-tron's JSON; unknown keys are ignored. */
export function fromJson(schema, json, visible = false)
{
	const object = {};

	for (const field of schema.fields)
	{
		const value = json?.[field.name];

		if (value === undefined || value === null)
			continue;
		object[field.name] = field.repeated
			? value.map((item) => valueFromJson(field, item, visible))
			: valueFromJson(field, value, visible);
	}
	return object;
}

/** Returns one value in java-tron's JSON. */
function valueToJson(field, value, visible)
{
	const { type } = field;

	if (type.fields)
		return toJson(type, value, visible);
	if (type === 'address' && visible && value.length === 21)
		return toBase58(value.toString('hex'));
	if (type === 'name' && visible)
		return value.toString('utf8');
	if (Buffer.isBuffer(value))
		return value.toString('hex');
	return typeof value === 'bigint' ? Number(value) : value;
}

/** Returns true when proto3 JSON of java-tron leaves a value out. */
function isDefault(field, value)
{
	if (value === undefined || value === null || value === 0 || value === false || value === '')
		return true;
	if (field.repeated || Buffer.isBuffer(value))
		return value.length === 0;
	return typeof field.type === 'object' && !field.type.fields && field.type[value] === 0;
}

/** Returns the plain JSON object of a message, default values left out. */
export function toJson(schema, object, visible = false)
{
	const json = {};

	for (const field of schema.fields)
	{
		const value = object[field.name];

		if (isDefault(field, value))
			continue;
		json[field.name] = field.repeated
			? value.map((item) => valueToJson(field, item, visible))
			: valueToJson(field, value, visible);
	}
	return json;
}
