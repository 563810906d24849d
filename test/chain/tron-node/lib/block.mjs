// SPDX-License-Identifier: PostgreSQL
//
// An ordinary block: header, transactions, their infos, and the JSON java-tron prints for them.

import { keccak256, sha256, sha256Hex, toBase58 } from './crypto.mjs';
import { Block as BlockMessage, BlockHeaderRaw, encode, varint } from './proto.mjs';
import { merkleRoot } from './transaction.mjs';

export const BLOCK_VERSION = 32;

/** Returns the raw header object of a block. */
export function headerObject({ timestamp, trieRoot, parentHash, number, witnessAddress })
{
	return {
		timestamp, txTrieRoot: trieRoot, parentHash: Buffer.from(parentHash, 'hex'), number,
		witness_address: Buffer.from(witnessAddress, 'hex'), version: BLOCK_VERSION,
	};
}

/** Returns the block id of header bytes: the number, then the hash without its first 8 bytes. */
export function blockId(number, headerRaw)
{
	return number.toString(16).padStart(16, '0') + sha256Hex(headerRaw).slice(16);
}

/** Returns the JSON text of a block header. */
export function headerJson(block, visible)
{
	const witness = visible ? toBase58(block.witnessAddress) : block.witnessAddress;

	return `{"raw_data":{"number":${block.number},"txTrieRoot":"${block.trieRoot.toString('hex')}",`
		+ `"witness_address":"${witness}","parentHash":"${block.parentHash}",`
		+ `"version":${BLOCK_VERSION},"timestamp":${block.timestamp}},`
		+ `"witness_signature":"${block.signature}"}`;
}

/** Returns the JSON object of a TransactionInfo. */
export function infoJson(info, visible)
{
	const show = (address) => (visible ? toBase58(address) : address);
	const receipt = {};
	const json = { id: info.id };

	for (const name of ['energy_usage', 'energy_fee', 'origin_energy_usage', 'energy_usage_total',
		'net_usage', 'net_fee', 'result', 'energy_penalty_total'])
		if (info.receipt[name])
			receipt[name] = info.receipt[name];
	if (info.fee)
		json.fee = info.fee;
	json.blockNumber = info.blockNumber;
	json.blockTimeStamp = info.blockTimeStamp;
	json.contractResult = [info.contractResult];
	if (info.contractAddress)
		json.contract_address = show(info.contractAddress);
	json.receipt = receipt;
	if (info.logs.length)
		json.log = info.logs.map((log) => logJson(log, visible));
	if (info.failed)
	{
		json.result = 'FAILED';
		json.resMessage = visible ? info.message : Buffer.from(info.message).toString('hex');
	}
	if (info.internal.length)
		json.internal_transactions = info.internal.map((call, i) => internalJson(info, call, i, show));
	return json;
}

/** Returns the JSON of a log: the address without its prefix, unless addresses are visible. */
export function logJson(log, visible)
{
	return {
		address: visible ? toBase58(log.address) : log.address.slice(2),
		topics: log.topics,
		...(log.data ? { data: log.data } : {}),
	};
}

/** Returns the JSON of an internal transaction. */
function internalJson(info, call, index, show)
{
	return {
		hash: keccak256(`${info.id}:${index}`).toString('hex'),
		caller_address: show(call.from),
		transferTo_address: show(call.to),
		callValueInfo: [{}],
		note: '63616c6c',
		...(call.rejected ? { rejected: true } : {}),
	};
}

/** A block whose transactions were really executed. */
export class Block
{
	/** Seals a block. entries: [{ tx, info, forced }]. */
	constructor({ number, timestamp, parentHash, witness, entries })
	{
		this.number = number;
		this.timestamp = timestamp;
		this.parentHash = parentHash;
		this.witnessAddress = witness.address;
		this.entries = entries.map(({ tx, info, forced }) => ({
			tx, forced, info: { ...info, id: tx.id, blockNumber: number, blockTimeStamp: timestamp },
		}));
		this.trieRoot = merkleRoot(this.entries.map(({ tx, info }) =>
			sha256(tx.bytesWithResult(info.contractRet))));
		this.headerRaw = encode(BlockHeaderRaw, headerObject(this));
		this.id = blockId(number, this.headerRaw);
		this.signature = witness.sign ? witness.sign(sha256Hex(this.headerRaw)) : '';
		this.undo = null;
		this.solid = 0;
	}

	/** Returns the number of transactions. */
	get count()
	{
		return this.entries.length;
	}

	/** Returns the id of transaction i. */
	txId(i)
	{
		return this.entries[i].tx.id;
	}

	/** Returns the JSON text of the block. */
	json(visible, detail = true)
	{
		let text = `{"blockID":"${this.id}","block_header":${headerJson(this, visible)}`;

		if (detail && this.count)
			text += `,"transactions":[${this.entries.map(({ tx, info }) =>
				JSON.stringify(tx.toJson(visible, info.contractRet))).join(',')}]`;
		return text + '}';
	}

	/** Returns the JSON text of every TransactionInfo. */
	infoTexts(visible)
	{
		return this.entries.map(({ info }) => JSON.stringify(infoJson(info, visible)));
	}

	/** Returns entry i: { tx, info }. */
	entry(i)
	{
		return this.entries[i];
	}

	/** Calls visit(log, txIndex, txId, logIndex) for every log the filter accepts. */
	eachLog(accepts, visit)
	{
		let logIndex = 0;

		this.entries.forEach(({ tx, info }, txIndex) =>
		{
			for (const log of info.logs)
			{
				if (accepts(log.address, log.topics))
					visit(log, txIndex, tx.id, logIndex);
				logIndex++;
			}
		});
	}

	/** Returns the bytes of the whole block. */
	bytes()
	{
		return blockBytes(this.headerRaw, this.signature,
			this.entries.map(({ tx, info }) => tx.bytesWithResult(info.contractRet)));
	}
}

/** Returns the protobuf bytes of a block from its parts. */
export function blockBytes(headerRaw, signature, transactions)
{
	const lead = transactions.flatMap((t) => [Buffer.from([10]), varint(t.length), t]);
	const header = encode(BlockMessage, {
		block_header: { witness_signature: Buffer.from(signature, 'hex') },
	});
	const body = Buffer.concat([Buffer.from([10]), varint(headerRaw.length), headerRaw,
		header.subarray(header[1] < 128 ? 2 : 3)]);

	return Buffer.concat([...lead, Buffer.from([18]), varint(body.length), body]);
}
