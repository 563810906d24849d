// SPDX-License-Identifier: PostgreSQL
//
// The chain: genesis, 27 witnesses taking turns, solidification, pending transactions, forks of
// blocks that are not solidified yet, and views of all that as a healthy or a lagging node has it.
//
// Invariants: block n's parentHash is block n-1's id; a solidified block never changes; the pending
// transactions' effects are the topmost undo frame of the state; every change of the chain goes
// through a journal entry, so that a restarted node comes back as it was.

import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { Block } from './block.mjs';
import { BulkBlock } from './bulk.mjs';
import { Disperser, Token } from './contracts.mjs';
import { Key, sha256Hex } from './crypto.mjs';
import {
	PARAMETERS, Refusal, checkSignatures, checkSize, execute, newAccount,
} from './execute.mjs';
import { PastState, State } from './state.mjs';
import { finishBulk, openSenders, startBulk } from './stretch.mjs';
import { Tx } from './transaction.mjs';
import { View } from './view.mjs';

export const SLOT = 3000;
const WITNESSES = 27;
// java-tron: SOLIDIFIED_THRESHOLD is 70 percent; the block at this place of the sorted list of each
// witness's latest block has been built on by 19 of 27.
const SOLID_POSITION = Math.floor(WITNESSES * 0.3);
const TAPOS_WINDOW = 65536;
const UNDO_KEPT = 200;
const USDT = '41a614f803b6fd780986a42c78ec9c7f77e6ded13c';
const TRX = 1000000;

/** Returns the 41… address a label stands for; nobody has its key. */
function labelAddress(label)
{
	return '41' + sha256Hex(Buffer.from(label)).slice(0, 40);
}

/** The simulated network. */
export class Chain
{
	/** Options: { genesisTime, accounts, seed, dataFile, initialBlocks, txCache }. */
	constructor(options = {})
	{
		const recorded = readJournal(options.dataFile);
		const origin = recorded[0] ?? options;

		this.seed = origin.seed ?? 'tron-node';
		this.genesisTime = origin.genesisTime;
		this.busy = false;
		this.txCache = options.txCache ?? true;
		this.state = new State();
		this.witnesses = Array.from({ length: WITNESSES },
			(_, i) => Key.fromLabel(`${this.seed} witness ${i}`));
		this.accounts = Array.from({ length: origin.accounts },
			(_, i) => Key.fromLabel(`${this.seed} account ${i}`));
		this.senders = null;
		this.blocks = new Map();
		this.runs = [];
		this.txIndex = new Map();
		this.seen = new Set();
		this.pending = [];
		this.offline = new Set();
		this.forced = [];
		this.minTime = 0;
		this.lastStamp = 0;
		this.solid = 0;
		this.onBlock = () => {};
		this.makeContracts();
		this.makeGenesis();
		this.openJournal(options.dataFile, recorded, options.initialBlocks ?? 0);
	}

	/** Creates the contracts. */
	makeContracts()
	{
		const owner = this.accounts[0].address;

		this.usdt = new Token(USDT, {
			owner, supply: 10n ** 17n, busy: true, falseOnTransfer: true, symbol: 'USDT',
			title: 'Tether USD', decimals: 6, contractName: 'TetherToken',
		});
		this.fake = new Token(labelAddress(`${this.seed} fake token`), {
			owner, supply: 10n ** 17n, busy: false, falseOnTransfer: false, symbol: 'USDT',
			title: 'Tether USD', decimals: 6, contractName: 'TetherToken',
		});
		this.contracts = new Map([this.usdt, this.fake].map((c) => [c.address, c]));
		this.disperser = new Disperser(labelAddress(`${this.seed} disperser`), owner,
			(address) =>
			{
				const contract = this.contracts.get(address);

				return contract instanceof Token ? contract : null;
			});
		this.contracts.set(this.disperser.address, this.disperser);
	}

	/** Puts the first accounts and balances in place and seals block 0. */
	makeGenesis()
	{
		const { state, usdt, fake } = this;
		const treasury = this.accounts[0].address;
		let left = usdt.supply;
		const give = (address, amount) =>
		{
			state.set(usdt.key('b', address), amount);
			left -= amount;
		};

		this.accounts.forEach((key, i) =>
		{
			state.set('a:' + key.address, newAccount(this.genesisTime, {
				balance: 1000000 * TRX, grant: { NET: 0, ENERGY: i === 0 ? 10 ** 12 : 0 },
			}));
			if (i > 0)
				give(key.address, 10n ** 13n);
		});
		for (const contract of this.contracts.values())
			state.set('a:' + contract.address, newAccount(this.genesisTime, { type: 'Contract' }));
		give(this.disperser.address, 10n ** 15n);
		state.set(usdt.key('b', treasury), left);
		state.set(fake.key('b', treasury), fake.supply);
		if (this.accounts[1])
			state.set(usdt.key('a', treasury, this.accounts[1].address), (1n << 256n) - 1n);
		this.latest = new Array(WITNESSES).fill(0);
		this.head = new Block({
			number: 0, timestamp: this.genesisTime, parentHash: sha256Hex(Buffer.from(this.seed)),
			witness: { address: '41' + '0'.repeat(40) }, entries: [],
		});
		this.blocks.set(0, this.head);
		state.begin();
	}

	/** Replays what the journal file holds and appends to it from now on. */
	openJournal(file, recorded, initialBlocks)
	{
		this.journalFile = null;
		for (const entry of recorded)
			this.replay(entry);
		this.journalFile = file ?? null;
		if (!recorded.length)
		{
			this.journal({
				op: 'genesis', genesisTime: this.genesisTime, seed: this.seed,
				accounts: this.accounts.length,
			});
			for (let i = 0; i < initialBlocks; i++)
				this.mine();
		}
	}

	/** Appends an entry to the journal file. */
	journal(entry)
	{
		if (this.journalFile)
			appendFileSync(this.journalFile, JSON.stringify(entry) + '\n');
	}

	/** Does again what a journal entry recorded. */
	replay(entry)
	{
		if (entry.op === 'block')
			this.append(entry.time, entry.txs.map(([hex, forced]) =>
				({ tx: Tx.fromBytes(Buffer.from(hex, 'hex')), forced })));
		else if (entry.op === 'pop')
			this.pop(entry.depth);
		else if (entry.op === 'account')
			this.changeAccount(entry.address, entry.changes);
		else if (entry.op === 'senders')
			openSenders(this);
		else if (entry.op === 'bulk')
		{
			const run = startBulk(this, entry.options);

			while (run.ready < run.blocks)
				run.generateNext();
			finishBulk(this, run);
		}
	}

	/** Returns the witness whose turn a time is. */
	witnessAt(time)
	{
		return this.witnesses[this.witnessIndex(time)];
	}

	/** Returns the number of the witness whose turn a time is. */
	witnessIndex(time)
	{
		return Math.floor((time - this.genesisTime) / SLOT) % WITNESSES;
	}

	/** Returns the time of the next block: the next slot of a witness that is online. */
	nextTime()
	{
		const wanted = Math.max(this.head.timestamp + SLOT, this.minTime);
		let time = this.genesisTime + Math.ceil((wanted - this.genesisTime) / SLOT) * SLOT;

		if (this.offline.size >= WITNESSES)
			throw new Error('every witness is offline');
		while (this.offline.has(this.witnessIndex(time)))
			time += SLOT;
		return time;
	}

	/** Mines one block of what is pending. */
	mine(time = this.nextTime())
	{
		const entries = this.pending;

		if (this.busy)
			throw new Error('a bulk run is under way');
		this.pending = [];
		return this.append(time, entries);
	}

	/** Executes transactions ([{ tx, forced }]) into a new block; drops those that do not fit. */
	append(time, txs)
	{
		const left = this.pending;
		const entries = [];

		this.state.rollback();
		this.state.begin();
		for (const { tx, forced } of txs)
		{
			const info = this.tryExecute(tx, time, forced);

			if (info)
				entries.push({ tx, info, forced });
		}
		this.seal(new Block({
			number: this.head.number + 1, timestamp: time, parentHash: this.head.id,
			witness: this.witnessAt(time), entries,
		}));
		this.state.begin();
		this.journal({
			op: 'block', time,
			txs: entries.map(({ tx, forced }) => [tx.bytes.toString('hex'), forced]),
		});
		if (left.length)
			this.requeue(left);
		this.onBlock(this.head);
		return this.head;
	}

	/** Executes one transaction; returns its info, or null (state unchanged) when it is refused. */
	tryExecute(tx, now, forced)
	{
		this.state.begin();
		try
		{
			this.checkReference(tx);
			this.checkTimes(tx);

			const info = execute(this, tx, now, forced);

			this.state.commit();
			return info;
		}
		catch (error)
		{
			this.state.rollback();
			this.seen.delete(tx.id);
			if (!(error instanceof Refusal))
				throw error;
			return null;
		}
	}

	/** Makes a block the new head and moves solidification on. */
	seal(block)
	{
		block.undo = this.state.commit();
		this.blocks.set(block.number, block);
		block.entries.forEach(({ tx }, i) =>
		{
			this.txIndex.set(tx.id, [block.number, i]);
			this.seen.add(tx.id);
		});
		this.head = block;
		this.latest[this.witnessIndex(block.timestamp)] = block.number;
		this.solidify();
		block.solid = this.solid;

		const old = this.blocks.get(block.number - UNDO_KEPT);

		if (old && old.number <= this.solid)
			old.undo = null;
	}

	/** Recomputes the solidified block as java-tron's DposService does. */
	solidify()
	{
		const sorted = [...this.latest].sort((a, b) => a - b);

		this.solid = Math.max(this.solid, sorted[SOLID_POSITION]);
	}

	/** Returns block n, ordinary or synthesised; undefined when there is none. */
	block(number)
	{
		const block = this.blocks.get(number);

		if (block)
			return block;

		const run = this.runs.find((r) => number >= r.start && number < r.start + r.ready);

		return run ? new BulkBlock(run, number) : undefined;
	}

	/** Returns the id of block n. */
	blockIdOf(number)
	{
		const block = this.blocks.get(number);

		return block ? block.id
			: this.runs.find((r) => number >= r.start && number < r.start + r.ready)?.idOf(number);
	}

	/** Returns the solidified number as it was when block n was the head. */
	solidAt(number)
	{
		const block = this.blocks.get(number);

		if (block)
			return Math.min(block.solid, this.solid);

		const run = this.runs.find((r) => number >= r.start && number <= r.end);

		return run ? Math.max(run.solidBefore, number - 18) : 0;
	}

	/** Returns [number, index] of a transaction in the chain, or null. */
	locate(id)
	{
		const place = this.txIndex.get(id);

		if (place)
			return place;
		for (const run of this.runs)
		{
			const found = run.find(id);

			if (found)
				return found;
		}
		return null;
	}

	/** Throws TAPOS_ERROR unless the transaction refers to a recent block of this chain. */
	checkReference(tx)
	{
		const raw = tx.object.raw_data;
		const low = raw.ref_block_bytes?.length === 2 ? raw.ref_block_bytes.readUInt16BE(0) : -1;
		const head = this.head.number;
		const number = head - ((head - low) & (TAPOS_WINDOW - 1));
		const id = low < 0 || number < 0 ? null : this.blockIdOf(number);

		if (!id || id.slice(16, 32) !== raw.ref_block_hash?.toString('hex'))
			throw new Refusal('TAPOS_ERROR', 'Tapos check error.');
	}

	/** Throws TRANSACTION_EXPIRATION_ERROR unless it expires after the head, within a day. */
	checkTimes(tx)
	{
		const expiration = tx.object.raw_data.expiration ?? 0;
		const now = this.head.timestamp;

		if (expiration <= now || expiration > now + PARAMETERS.maximumExpiration)
			throw new Refusal('TRANSACTION_EXPIRATION_ERROR', 'Transaction expired');
	}

	/** Takes a signed transaction into the pending ones; throws Refusal. The id is remembered before
	 *  anything is checked, as java-tron's transaction cache does: a failed push answers DUP next
	 *  time. */
	broadcast(tx)
	{
		if (this.txCache)
		{
			if (this.seen.has(tx.id))
				throw new Refusal('DUP_TRANSACTION_ERROR', 'Transaction already exists.');
			this.seen.add(tx.id);
		}
		if (!tx.contract)
			throw new Refusal('CONTRACT_VALIDATE_ERROR', 'Contract validate error : No contract!');
		if ((tx.object.raw_data.expiration ?? 0) < this.head.timestamp + SLOT)
			throw new Refusal('TRANSACTION_EXPIRATION_ERROR', 'Transaction expired');
		checkSignatures(this.state, tx);
		this.checkReference(tx);
		checkSize(tx);
		this.checkTimes(tx);
		if (this.locate(tx.id) || this.pending.some((p) => p.tx.id === tx.id))
			throw new Refusal('DUP_TRANSACTION_ERROR', 'Dup transaction.');
		this.push(tx, tx.type === 'TriggerSmartContract' ? this.forced.shift() : undefined);
	}

	/** Executes a transaction on the pending state and queues it; throws Refusal. forced is the
	 *  result it will end in when it is mined. */
	push(tx, forced)
	{
		this.state.begin();
		try
		{
			const info = execute(this, tx, this.head.timestamp);

			this.state.commit();
			this.pending.push({ tx, info, forced });
		}
		catch (error)
		{
			this.state.rollback();
			throw error;
		}
	}

	/** Takes pending transactions away, as a node that forgets them does; null means all. */
	dropPending(ids)
	{
		const kept = this.pending.filter(({ tx }) => ids && !ids.includes(tx.id));
		const dropped = this.pending.length - kept.length;

		for (const { tx } of this.pending)
			if (!kept.some((k) => k.tx.id === tx.id))
				this.seen.delete(tx.id);
		this.requeue(kept);
		return dropped;
	}

	/** Replaces the pending transactions, executing them again on a clean pending state. */
	requeue(entries)
	{
		this.pending = [];
		this.state.rollback();
		this.state.begin();
		for (const { tx, forced } of entries)
			try
			{
				this.checkReference(tx);
				this.checkTimes(tx);
				this.push(tx, forced);
			}
			catch (error)
			{
				if (!(error instanceof Refusal))
					throw error;
				this.seen.delete(tx.id);
			}
	}

	/** Takes the last blocks off the chain; returns them, oldest first. */
	pop(depth)
	{
		const popped = [];

		this.state.rollback();
		for (let i = 0; i < depth; i++)
		{
			const block = this.head;

			this.state.undo(block.undo);
			this.blocks.delete(block.number);
			block.entries.forEach(({ tx }) =>
			{
				this.txIndex.delete(tx.id);
				this.seen.delete(tx.id);
			});
			popped.unshift(block);
			this.head = this.block(block.number - 1);
		}
		this.state.begin();
		this.recount();
		return popped;
	}

	/** Recounts each witness's latest block after blocks were taken off. */
	recount()
	{
		this.latest.fill(0);
		for (let n = Math.max(1, this.head.number - 20 * WITNESSES); n <= this.head.number; n++)
			this.latest[this.witnessIndex(this.block(n).timestamp)] = n;
	}

	/** Replaces the last blocks by others. Options: { depth, extra, shift, drop }: extra blocks make
	 *  the new branch longer, shift moves transactions to later blocks, drop leaves some out (or
	 *  all, when true). Returns { old, new } block ids. */
	fork({ depth, extra = 1, shift = 0, drop = [] })
	{
		const left = this.pending;

		if (this.busy)
			throw new Error('a bulk run is under way');
		if (!(depth >= 1) || this.head.number - depth < this.solid)
			throw new Error(`only blocks above ${this.solid} can be replaced`);

		this.pending = [];

		const old = this.pop(depth);
		const count = depth + extra;
		const groups = Array.from({ length: count }, () => []);

		this.journal({ op: 'pop', depth });
		old.forEach((block, i) => block.entries.forEach(({ tx, forced }) =>
		{
			if (drop !== true && !drop.includes(tx.id))
				groups[Math.min(i + shift, count - 1)].push({ tx, forced });
		}));
		this.minTime = this.head.timestamp + 2 * SLOT;

		const fresh = groups.map((txs) => this.append(this.nextTime(), txs).id);

		this.requeue(left);
		return { old: old.map((block) => block.id), new: fresh };
	}

	/** Changes fields of an account outside of any transaction (granted resources, permissions). */
	changeAccount(address, changes)
	{
		const frames = this.state.frames;

		this.state.frames = [];

		const account = this.state.get('a:' + address) ?? newAccount(this.head.timestamp);

		this.state.set('a:' + address, { ...account, ...changes });
		for (const frame of [...frames, ...this.undoFrames(this.solid)])
			if (frame.has('a:' + address))
				frame.set('a:' + address, {
					...(frame.get('a:' + address) ?? newAccount(this.head.timestamp)), ...changes,
				});
		this.state.frames = frames;
		this.journal({ op: 'account', address, changes });
	}

	/** Returns the undo frames of the blocks after n, oldest first. */
	undoFrames(number)
	{
		const frames = [];

		for (let n = number + 1; n <= this.head.number; n++)
		{
			const undo = this.blocks.get(n)?.undo;

			if (undo)
				frames.push(undo);
		}
		return frames;
	}

	/** Returns the state as of block n (pending transactions left out); for a block whose undo is
	 *  gone, the oldest state that can still be had. */
	stateAt(number)
	{
		return new PastState(this.state, [...this.undoFrames(number), ...this.state.frames]);
	}

	/** Forces the next contract call that is broadcast into a result when it is mined. */
	forceNext(result)
	{
		this.forced.push(result);
	}

	/** Returns a view of the chain as a healthy node has it. */
	view()
	{
		return new View(this, this.head.number, this.solid, null);
	}
}

/** Returns the entries of a journal file; none when there is no file. */
function readJournal(file)
{
	return file && existsSync(file)
		? readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line)) : [];
}
