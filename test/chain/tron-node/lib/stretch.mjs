// SPDX-License-Identifier: PostgreSQL
//
// Puts long stretches of synthesised blocks (bulk.mjs) on a chain and books what they moved.

import { BulkBlock, BulkRun, SENDER_COUNT } from './bulk.mjs';
import { Key } from './crypto.mjs';
import { newAccount } from './execute.mjs';
import { Tx } from './transaction.mjs';

const TAIL = 20;
const SENDER_TRX = 10 ** 15;
const SENDER_USDT = 5n * 10n ** 14n;

/** Starts a stretch of synthesised blocks on the head; it counts only when finished. */
export function startBulk(chain, options)
{
	if (chain.offline.size)
		throw new Error('bulk blocks need every witness online');
	openSenders(chain);
	return new BulkRun({
		...options, start: chain.head.number + 1, firstTime: chain.nextTime(),
		token: chain.usdt.address, senders: chain.senders, solidBefore: chain.solid,
		witnessAt: (time) => chain.witnessAt(time), refBefore: (n) => chain.blockIdOf(n),
	});
}

/** Makes sure that the accounts bulk transfers come from exist. */
export function openSenders(chain)
{
	if (chain.senders)
		return;
	chain.senders = makeSenders(chain);
	chain.journal({ op: 'senders' });
}

/** Creates the accounts bulk transfers come from. */
function makeSenders(chain)
{
	const senders = Array.from({ length: SENDER_COUNT },
		(_, i) => Key.fromLabel(`${chain.seed} sender ${i}`));
	const { usdt, state } = chain;
	const treasury = usdt.key('b', chain.accounts[0].address);
	const frames = state.frames;

	state.frames = [];
	for (const { address } of senders)
	{
		state.set('a:' + address, newAccount(chain.head.timestamp, { balance: SENDER_TRX }));
		state.set(usdt.key('b', address), SENDER_USDT);
		state.set(treasury, state.get(treasury) - SENDER_USDT);
	}
	for (const frame of [...frames, ...chain.undoFrames(chain.solid)])
		if (frame.has(treasury))
			frame.set(treasury, frame.get(treasury) - SENDER_USDT * BigInt(SENDER_COUNT));
	state.frames = frames;
	return senders;
}

/** Books a complete stretch: it becomes part of the chain. */
export function finishBulk(chain, run)
{
	if (!run.blocks)
		return;
	chain.state.rollback();
	for (const block of chain.blocks.values())
		block.undo = null;
	bookBulk(chain, run);
	chain.runs.push(run);
	chain.head = new BulkBlock(run, run.end);
	chain.recount();
	chain.solidify();
	chain.state.begin();
	chain.requeue(chain.pending);
	chain.journal({ op: 'bulk', options: bulkOptions(run) });
}

/** Books the totals of a stretch on balances. */
function bookBulk(chain, run)
{
	const { usdt, state } = chain;
	const add = (address, amount) => state.set(usdt.key('b', address),
		usdt.balance(state, address) + BigInt(amount));

	run.senders.forEach(({ address }, i) =>
	{
		const account = state.get('a:' + address);

		add(address, -run.totals.senders[i]);
		state.set('a:' + address, { ...account, balance: account.balance - run.totals.fees[i] });
	});
	run.totals.pool.forEach((amount, i) =>
	{
		if (amount)
			add('41' + run.pool[i], amount);
	});
	run.watched.forEach((address, i) =>
		add('41' + address, run.totals.watched[i]));
}

/** Mines a stretch of full blocks. The last ones are ordinary blocks, so that everything that is
 *  not solidified can still be replaced. Yields to the event loop now and then. */
export async function bulk(chain, options)
{
	const wanted = {
		transfers: 83, seed: 1, watch: [], watchEvery: 10, recipients: 100000, ...options,
	};

	if (chain.pending.length)
		chain.mine();

	const run = startBulk(chain, { ...wanted, blocks: Math.max(0, wanted.blocks - TAIL) });

	chain.busy = true;
	try
	{
		while (run.ready < run.blocks)
		{
			run.generateNext();
			if (run.ready % 50 === 0)
				await new Promise((resolve) => setImmediate(resolve));
		}
		finishBulk(chain, run);
		bulkTail(chain, { ...wanted, blocks: Math.min(wanted.blocks, TAIL) });
	}
	finally
	{
		chain.busy = false;
	}
	return { from: run.start, to: chain.head.number };
}

/** Mines ordinary blocks with the same kind of transfers. */
function bulkTail(chain, options)
{
	const run = startBulk(chain, { ...options, seed: options.seed + 1 });

	for (let n = run.start; n <= run.end; n++)
	{
		run.idOf = (number) => chain.blockIdOf(number);
		chain.append(run.timeOf(n), Array.from({ length: run.transfers },
			(_, i) => ({ tx: Tx.fromBytes(run.txBytes(n, i, false)) })));
	}
}

/** Returns the options a stretch can be made from again. */
function bulkOptions({ blocks, transfers, seed, watch, watchEvery, recipients })
{
	return { blocks, transfers, seed, watch, watchEvery, recipients };
}
