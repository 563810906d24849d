// SPDX-License-Identifier: PostgreSQL
//
// Transactions: building, parsing, ids, and the JSON java-tron prints for them.

import { sha256, sha256Hex } from './crypto.mjs';
import {
	CONTRACT_BODIES, Contract, Transaction, TransactionRaw, decode, encode, fromJson, toJson,
} from './proto.mjs';

const TYPE_URL = 'type.googleapis.com/protocol.';

/** Every transaction is charged for a result of this many bytes, whatever its real result. */
export const RESULT_BYTES = 64;

/** A transaction with its id and the parts the chain asks for again and again. */
export class Tx
{
	/** Wraps a decoded Transaction message. */
	constructor(object)
	{
		this.object = { ...object, ret: undefined };
		this.raw = encode(TransactionRaw, object.raw_data ?? {});
		this.id = sha256Hex(this.raw);
		this.contract = object.raw_data?.contract?.[0] ?? null;
		this.type = this.contract?.type ?? null;
		this.body = this.decodeBody();
		this.owner = this.body?.owner_address?.toString('hex') ?? null;
	}

	/** Returns the transaction of signed bytes. */
	static fromBytes(bytes)
	{
		return new Tx(decode(Transaction, bytes));
	}

	/** Returns the decoded contract body, or null for a type this node does not know. */
	decodeBody()
	{
		const schema = CONTRACT_BODIES[this.type];

		return schema ? decode(schema, this.contract.parameter?.value ?? Buffer.alloc(0)) : null;
	}

	/** Returns the bytes of the transaction without its result. */
	get bytes()
	{
		return encode(Transaction, this.object);
	}

	/** Returns the bytes as they stand in a block, with the execution result. */
	bytesWithResult(contractRet)
	{
		return encode(Transaction, { ...this.object, ret: [{ contractRet }] });
	}

	/** Returns the bandwidth in bytes a transaction is charged for. */
	get bandwidth()
	{
		return this.bytes.length + RESULT_BYTES;
	}

	/** Returns the JSON of the transaction; contractRet is its result in a block, if any. */
	toJson(visible = false, contractRet = undefined)
	{
		const rawData = toJson(TransactionRaw, this.object.raw_data ?? {}, visible);
		const json = {};

		if (contractRet)
			json.ret = [{ contractRet }];
		if (this.object.signature?.length)
			json.signature = this.object.signature.map((s) => s.toString('hex'));
		json.txID = this.id;
		json.raw_data = {
			contract: this.contractsJson(visible),
			...Object.fromEntries(Object.entries(rawData).filter(([k]) => k !== 'contract')),
		};
		json.raw_data_hex = this.raw.toString('hex');
		return json;
	}

	/** Returns the contract list as JSON, bodies unpacked. */
	contractsJson(visible)
	{
		return (this.object.raw_data?.contract ?? []).map((contract) =>
		{
			const schema = CONTRACT_BODIES[contract.type];
			const bytes = contract.parameter?.value ?? Buffer.alloc(0);
			const json = {
				parameter: {
					value: schema ? toJson(schema, decode(schema, bytes), visible) : {},
					type_url: contract.parameter?.type_url,
				},
				type: contract.type,
			};

			if (contract.Permission_id > 0)
				json.Permission_id = contract.Permission_id;
			return json;
		});
	}
}

/** Returns an unsigned or signed Tx from java-tron's JSON; raw_data_hex is ignored, as there. */
export function txFromJson(json, visible)
{
	const rawJson = json.raw_data ?? {};
	const contracts = (rawJson.contract ?? []).flatMap((contract) =>
	{
		const schema = CONTRACT_BODIES[contract.type];

		if (!schema)
			return [];
		return [{
			...fromJson(Contract, { ...contract, parameter: undefined }, visible),
			parameter: {
				type_url: TYPE_URL + contract.type,
				value: encode(schema, fromJson(schema, contract.parameter?.value, visible)),
			},
		}];
	});
	const raw = fromJson(TransactionRaw, { ...rawJson, contract: undefined }, visible);

	return new Tx({
		raw_data: { ...raw, contract: contracts },
		signature: (json.signature ?? []).map((s) => Buffer.from(s, 'hex')),
	});
}

/** Returns an unsigned Tx of one contract. */
export function buildTx(type, body, { ref, expiration, timestamp, feeLimit, memo, permissionId })
{
	return new Tx({
		raw_data: {
			ref_block_bytes: Buffer.from(ref.number.toString(16).padStart(4, '0').slice(-4), 'hex'),
			ref_block_hash: Buffer.from(ref.id.slice(16, 32), 'hex'),
			expiration,
			data: memo ?? Buffer.alloc(0),
			contract: [{
				type,
				parameter: {
					type_url: TYPE_URL + type, value: encode(CONTRACT_BODIES[type], body),
				},
				Permission_id: permissionId ?? 0,
			}],
			timestamp,
			fee_limit: feeLimit ?? 0,
		},
		signature: [],
	});
}

/** Returns a copy of a Tx with signatures appended (hex). */
export function withSignatures(tx, signatures)
{
	const list = [...(tx.object.signature ?? []), ...signatures.map((s) => Buffer.from(s, 'hex'))];

	return new Tx({ ...tx.object, signature: list });
}

/** Returns java-tron's Merkle root over the leaf hashes (Buffers), an odd leaf carried up as is. */
export function merkleRoot(leaves)
{
	let level = leaves;

	if (level.length === 0)
		return Buffer.alloc(32);
	while (level.length > 1)
	{
		const next = [];

		for (let i = 0; i < level.length; i += 2)
			next.push(i + 1 < level.length
				? sha256(Buffer.concat([level[i], level[i + 1]])) : level[i]);
		level = next;
	}
	return level[0];
}
