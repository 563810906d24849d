// SPDX-License-Identifier: PostgreSQL
//
// Long stretches of blocks full of USDT transfers that are never stored: every transaction follows
// from (seed, block number, index) and is made again whenever somebody asks. What is kept per block
// is its id and its Merkle root; per transaction one slot of an index, so that it can be found by
// id. Blocks, ids, signatures and roots are as valid as those of ordinary blocks.
//
// Energy and bandwidth of these transfers come from a fixed mix of real shapes, not from the
// accounts' resources; balances and TRX fees are booked when the stretch is complete.

import { sha256Hex } from './crypto.mjs';
import { BlockHeaderRaw, encode } from './proto.mjs';
import { TOPIC, callData, word } from './contracts.mjs';
import { Tx, buildTx } from './transaction.mjs';
import { blockBytes, blockId, headerJson, headerObject, infoJson } from './block.mjs';

export const SENDER_COUNT = 64;
const FEE_LIMIT = 100000000;
const BLOCK_TIME = 3000;
const REF_DISTANCE = 19;
const RECENT_BLOCKS = 256;
const SIGNATURE_AT_TAIL = Buffer.from('2a021801', 'hex');
const NO_RESULT = '0'.repeat(64);

/** The real shapes of a USDT transfer's receipt that the mix is made of. */
const SHAPES = [
	{ fee: 0, receipt: { energy_usage: 64285, energy_usage_total: 64285, net_usage: 345 } },
	{ fee: 345000, receipt: { energy_usage: 64285, energy_usage_total: 64285, net_fee: 345000 } },
	{ fee: 6428500, receipt: { energy_fee: 6428500, energy_usage_total: 64285, net_usage: 345 } },
	{ fee: 0, receipt: { energy_usage: 130285, energy_usage_total: 130285, net_usage: 345 } },
].map(({ fee, receipt }) => ({
	fee,
	receipt: {
		...receipt, result: 'SUCCESS',
		energy_penalty_total: receipt.energy_usage_total === 64285 ? 49635 : 100635,
	},
}));

/** Returns a well-mixed 32-bit number of three. */
function mix(seed, a, b)
{
	let h = (seed ^ Math.imul(a, 0x9e3779b1) ^ Math.imul(b + 1, 0x85ebca77)) >>> 0;

	h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
	h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
	return (h ^ (h >>> 15)) >>> 0;
}

/** Writes a six-byte varint, as every millisecond time of this century is. */
function writeTime(buffer, offset, value)
{
	for (let i = 0; i < 5; i++)
	{
		buffer[offset + i] = (value % 128) | 128;
		value = Math.floor(value / 128);
	}
	buffer[offset + 5] = value;
}

/** The bytes of one transfer with the places that change. */
class Template
{
	/** Builds the frame for a token contract address. */
	constructor(token)
	{
		const marks = { owner: 'ee'.repeat(21), to: '41' + 'dd'.repeat(20) };
		const tx = buildTx('TriggerSmartContract', {
			owner_address: Buffer.from(marks.owner, 'hex'),
			contract_address: Buffer.from(token, 'hex'),
			data: Buffer.from(callData('transfer(address,uint256)', marks.to, 0xccccccccn), 'hex'),
		}, {
			ref: { number: 0xaaaa, id: 'bb'.repeat(32) }, expiration: 1700000000001,
			timestamp: 1700000000002, feeLimit: FEE_LIMIT,
		});
		const raw = tx.raw;

		this.length = raw.length;
		this.refBytes = raw.indexOf(Buffer.from('aaaa', 'hex'));
		this.refHash = raw.indexOf(Buffer.from('bb'.repeat(8), 'hex'));
		this.expiration = this.refHash + 9;
		this.owner = raw.indexOf(Buffer.from(marks.owner, 'hex'));
		this.to = raw.indexOf(Buffer.from('dd'.repeat(20), 'hex'));
		this.amount = raw.indexOf(Buffer.from('cccccccc', 'hex'));
		this.timestamp = raw.length - 12;
		this.lead = 3;
		this.signature = this.lead + raw.length + 2;
		this.scratch = Buffer.concat([Buffer.from([10, (raw.length & 127) | 128, raw.length >> 7]),
			raw, Buffer.from([0x12, 65]), Buffer.alloc(65), SIGNATURE_AT_TAIL]);
		this.raw = this.scratch.subarray(this.lead, this.lead + raw.length);
	}
}

/** An index from transaction id to ordinal: open addressing over 32 bits of the id. */
class IdIndex
{
	/** Makes room for count ids. */
	constructor(count)
	{
		let size = 1024;

		while (size < count * 2)
			size *= 2;
		this.mask = size - 1;
		this.keys = new Uint32Array(size);
		this.values = new Uint32Array(size);
	}

	/** Adds an ordinal under an id. */
	add(id, ordinal)
	{
		const key = parseInt(id.slice(0, 8), 16);
		let slot = key & this.mask;

		while (this.values[slot])
			slot = (slot + 1) & this.mask;
		this.keys[slot] = key;
		this.values[slot] = ordinal + 1;
	}

	/** Calls test(ordinal) for every candidate of an id; returns the first that passes, or -1. */
	find(id, test)
	{
		const key = parseInt(id.slice(0, 8), 16);

		for (let slot = key & this.mask; this.values[slot]; slot = (slot + 1) & this.mask)
			if (this.keys[slot] === key && test(this.values[slot] - 1))
				return this.values[slot] - 1;
		return -1;
	}
}

/** A stretch of synthesised blocks. */
export class BulkRun
{
	/** Options: { start, blocks, transfers, seed, watch, watchEvery, recipients, firstTime, token,
	 *  senders, witnessAt, refBefore } where refBefore(number) gives earlier block ids. */
	constructor(options)
	{
		Object.assign(this, options);
		this.template = new Template(options.token);
		this.ids = Buffer.alloc(options.blocks * 32);
		this.roots = Buffer.alloc(options.blocks * 32);
		this.index = new IdIndex(options.blocks * options.transfers);
		this.ready = 0;
		this.pool = Array.from({ length: options.recipients }, (_, i) =>
			sha256Hex(Buffer.from(`recipient ${options.seed} ${i}`)).slice(0, 40));
		this.watched = options.watch.map((address) => address.slice(2));
		this.topics = options.senders.map(({ address }) => word(address));
		this.recentIds = new Map();
		this.level = Buffer.alloc(Math.max(1, options.transfers) * 32);
		this.totals = {
			senders: new Float64Array(SENDER_COUNT), fees: new Float64Array(SENDER_COUNT),
			pool: new Float64Array(options.recipients),
			watched: new Float64Array(Math.max(1, this.watched.length)),
		};
	}

	/** Returns the last block number of the stretch. */
	get end()
	{
		return this.start + this.blocks - 1;
	}

	/** Returns the time of a block. */
	timeOf(number)
	{
		return this.firstTime + (number - this.start) * BLOCK_TIME;
	}

	/** Returns the id of a block of the stretch, or of an earlier one. */
	idOf(number)
	{
		if (number < this.start)
			return this.refBefore(number);

		const at = (number - this.start) * 32;

		return this.ids.toString('hex', at, at + 32);
	}

	/** Returns what transfer i of a block is. */
	transfer(number, i)
	{
		const ordinal = (number - this.start) * this.transfers + i;
		const choice = mix(this.seed, number, i);
		const other = mix(this.seed ^ 0x5bd1e995, number, i);
		const watching = this.watched.length && this.watchEvery && ordinal % this.watchEvery === 0;
		const slot = choice % (watching ? this.watched.length : this.recipients);

		return {
			sender: (choice >>> 8) % SENDER_COUNT, slot, watching,
			to: (watching ? this.watched : this.pool)[slot],
			amount: 1000000 + (other % 1000000000), shape: SHAPES[(other >>> 5) % SHAPES.length],
		};
	}

	/** Writes the raw bytes of a transfer into the template. */
	fill(number, i, transfer)
	{
		const { raw } = this.template;
		const time = this.timeOf(number);

		if (this.filledFor !== number || this.filledBy !== this.template)
		{
			const reference = Math.max(0, number - REF_DISTANCE);

			raw.writeUInt16BE(reference & 0xffff, this.template.refBytes);
			raw.write(this.idOf(reference).slice(16, 32), this.template.refHash, 'hex');
			writeTime(raw, this.template.expiration, time + 57000);
			this.filledFor = number;
			this.filledBy = this.template;
		}
		raw.write(this.senders[transfer.sender].address, this.template.owner, 'hex');
		raw.write(transfer.to, this.template.to, 'hex');
		raw.writeUInt32BE(transfer.amount, this.template.amount);
		writeTime(raw, this.template.timestamp, time - 2900 + i);
	}

	/** Returns the id of transfer i; its raw bytes stand in the template afterwards. */
	txId(number, i, transfer = this.transfer(number, i))
	{
		this.fill(number, i, transfer);
		return sha256Hex(this.template.raw);
	}

	/** Returns the list ids of a block's transactions are kept in while it is asked for: infos are
	 *  usually wanted right after their block. */
	idsOf(number)
	{
		let ids = this.recentIds.get(number);

		if (!ids)
		{
			ids = new Array(this.transfers);
			this.recentIds.set(number, ids);
			if (this.recentIds.size > RECENT_BLOCKS)
				this.recentIds.delete(this.recentIds.keys().next().value);
		}
		return ids;
	}

	/** Signs the transfer in the template; returns the signature. */
	sign(id, transfer)
	{
		const signature = this.senders[transfer.sender].sign(id);

		this.template.scratch.write(signature, this.template.signature, 'hex');
		return signature;
	}

	/** Returns the bytes of transfer i, with its result when it stands in a block. */
	txBytes(number, i, withResult)
	{
		const transfer = this.transfer(number, i);
		const { scratch } = this.template;

		this.sign(this.txId(number, i, transfer), transfer);
		return Buffer.from(withResult ? scratch : scratch.subarray(0, scratch.length - 4));
	}

	/** Makes the next block: its transactions, Merkle root and id. */
	generateNext()
	{
		const number = this.start + this.ready;
		const { scratch } = this.template;

		for (let i = 0; i < this.transfers; i++)
		{
			const transfer = this.transfer(number, i);
			const id = this.txId(number, i, transfer);

			this.sign(id, transfer);
			this.level.write(sha256Hex(scratch), i * 32, 'hex');
			this.index.add(id, this.ready * this.transfers + i);
			this.count(transfer);
		}
		this.roots.set(this.foldLevel(), this.ready * 32);

		const header = encode(BlockHeaderRaw, headerObject(this.headerOf(number)));

		this.ids.write(blockId(number, header), this.ready * 32, 'hex');
		this.ready++;
	}

	/** Adds a transfer to the totals booked at the end. */
	count({ sender, slot, watching, amount, shape })
	{
		this.totals.senders[sender] += amount;
		this.totals.fees[sender] += shape.fee;
		(watching ? this.totals.watched : this.totals.pool)[slot] += amount;
	}

	/** Returns the Merkle root of the leaves in this.level, which is overwritten. */
	foldLevel()
	{
		const { level } = this;
		let count = this.transfers;

		if (count === 0)
			return Buffer.alloc(32);
		while (count > 1)
		{
			const half = count >> 1;

			for (let i = 0; i < half; i++)
				level.write(sha256Hex(level.subarray(i * 64, i * 64 + 64)), i * 32, 'hex');
			if (count & 1)
				level.copyWithin(half * 32, (count - 1) * 32, count * 32);
			count = half + (count & 1);
		}
		return level.subarray(0, 32);
	}

	/** Returns the header fields of a block whose root is known. */
	headerOf(number)
	{
		const at = (number - this.start) * 32;
		const timestamp = this.timeOf(number);
		const witness = this.witnessAt(timestamp);

		return {
			number, timestamp, parentHash: this.idOf(number - 1),
			trieRoot: this.roots.subarray(at, at + 32), witnessAddress: witness.address, witness,
		};
	}

	/** Returns [number, index] of a transaction id, or null. */
	find(id)
	{
		const ordinal = this.index.find(id, (candidate) =>
			this.txId(...this.place(candidate)) === id);

		return ordinal < 0 ? null : this.place(ordinal);
	}

	/** Returns [number, index] of an ordinal. */
	place(ordinal)
	{
		return [this.start + Math.floor(ordinal / this.transfers), ordinal % this.transfers];
	}
}

/** One block of a stretch, with the interface of Block. */
export class BulkBlock
{
	/** Wraps block number of a run. */
	constructor(run, number)
	{
		Object.assign(this, run.headerOf(number));
		this.run = run;
		this.id = run.idOf(number);
		this.headerRaw = encode(BlockHeaderRaw, headerObject(this));
		this.signature = this.witness.sign(sha256Hex(this.headerRaw));
		this.undo = null;
	}

	get count()
	{
		return this.run.transfers;
	}

	/** Returns the id of transaction i. */
	txId(i, transfer)
	{
		return this.run.idsOf(this.number)[i] ??= this.run.txId(this.number, i, transfer);
	}

	/** Returns entry i: { tx, info }, made anew. */
	entry(i)
	{
		const tx = Tx.fromBytes(this.run.txBytes(this.number, i, false));

		return { tx, info: this.info(i, tx.id) };
	}

	/** Returns the info of transaction i. */
	info(i, id)
	{
		const transfer = this.run.transfer(this.number, i);

		return {
			id, fee: transfer.shape.fee, blockNumber: this.number, blockTimeStamp: this.timestamp,
			contractResult: NO_RESULT, contractAddress: this.run.token,
			receipt: transfer.shape.receipt, logs: [this.log(transfer)], internal: [],
			contractRet: 'SUCCESS',
		};
	}

	/** Returns the Transfer log of a transfer. */
	log(transfer)
	{
		return {
			address: this.run.token,
			topics: [TOPIC.Transfer, this.run.topics[transfer.sender],
				'0'.repeat(24) + transfer.to],
			data: transfer.amount.toString(16).padStart(64, '0'),
		};
	}

	/** Returns the JSON text of the block. */
	json(visible, detail = true)
	{
		let text = `{"blockID":"${this.id}","block_header":${headerJson(this, visible)}`;

		if (detail && this.count)
			text += `,"transactions":[${this.txTexts(visible).join(',')}]`;
		return text + '}';
	}

	/** Returns the JSON text of every transaction. */
	txTexts(visible)
	{
		const texts = new Array(this.count);

		for (let i = 0; i < this.count; i++)
			texts[i] = visible
				? JSON.stringify(this.entry(i).tx.toJson(true, 'SUCCESS')) : this.txText(i);
		return texts;
	}

	/** Returns the JSON text of transaction i, cut from its bytes. */
	txText(i)
	{
		const { run } = this;
		const { template } = run;
		const transfer = run.transfer(this.number, i);
		const id = this.txId(i, transfer);

		run.fill(this.number, i, transfer);

		const signature = run.sign(id, transfer);
		const hex = template.raw.toString('hex');
		const part = (at, length) => hex.slice(at * 2, (at + length) * 2);

		return '{"ret":[{"contractRet":"SUCCESS"}],"signature":["' + signature + '"],"txID":"' + id
			+ '","raw_data":{"contract":[{"parameter":{"value":{"owner_address":"'
			+ part(template.owner, 21) + '","contract_address":"' + run.token + '","data":"'
			+ part(template.to - 16, 68) + '"},"type_url":"type.googleapis.com/protocol.'
			+ 'TriggerSmartContract"},"type":"TriggerSmartContract"}],"ref_block_bytes":"'
			+ part(template.refBytes, 2) + '","ref_block_hash":"' + part(template.refHash, 8)
			+ '","expiration":' + (this.timestamp + 57000) + ',"timestamp":'
			+ (this.timestamp - 2900 + i) + ',"fee_limit":' + FEE_LIMIT + '},"raw_data_hex":"'
			+ hex + '"}';
	}

	/** Returns the JSON text of every TransactionInfo. */
	infoTexts(visible)
	{
		const texts = new Array(this.count);

		for (let i = 0; i < this.count; i++)
			texts[i] = visible
				? JSON.stringify(infoJson(this.info(i, this.txId(i)), true)) : this.infoText(i);
		return texts;
	}

	/** Returns the JSON text of info i. */
	infoText(i)
	{
		const { run } = this;
		const transfer = run.transfer(this.number, i);
		const { fee, receipt } = transfer.shape;
		const log = this.log(transfer);

		return '{"id":"' + this.txId(i, transfer) + (fee ? `","fee":${fee}` : '"')
			+ ',"blockNumber":' + this.number + ',"blockTimeStamp":' + this.timestamp
			+ ',"contractResult":["' + NO_RESULT + '"],"contract_address":"' + run.token
			+ '","receipt":' + receiptText(receipt) + ',"log":[{"address":"' + run.token.slice(2)
			+ '","topics":["' + log.topics.join('","') + '"],"data":"' + log.data + '"}]}';
	}

	/** Calls visit(log, txIndex, txId, logIndex) for every log the filter accepts. */
	eachLog(accepts, visit)
	{
		for (let i = 0; i < this.count; i++)
		{
			const transfer = this.run.transfer(this.number, i);
			const log = this.log(transfer);

			if (accepts(log.address, log.topics))
				visit(log, i, this.txId(i, transfer), i);
		}
	}

	/** Returns the bytes of the whole block. */
	bytes()
	{
		return blockBytes(this.headerRaw, this.signature, Array.from({ length: this.count },
			(_, i) => this.run.txBytes(this.number, i, true)));
	}
}

/** Returns the JSON text of a receipt of the mix. */
function receiptText(receipt)
{
	receipt.text ??= JSON.stringify(receipt, ['energy_usage', 'energy_fee', 'energy_usage_total',
		'net_usage', 'net_fee', 'result', 'energy_penalty_total']);
	return receipt.text;
}
