// SPDX-License-Identifier: PostgreSQL
//
// Solidification, forks, long stretches of blocks, and coming back from a journal.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TronNode } from '../client.mjs';
import { recomputedBlockId, recomputedTrieRoot } from '../testing.mjs';

let node;

before(async () =>
{
	node = await TronNode.start('--no-mining', '--initial-blocks', '0',
		'--genesis-time', '2026-01-01T00:00:00Z');
});
after(() => node.stop());

/** Returns an address nobody has used. */
let used = 0;
function fresh()
{
	return '41' + (++used).toString(16).padStart(40, 'c');
}

/** Returns the USDT balance of an address at the head or, solid, at the solidified block. */
async function balance(address, solid = false)
{
	const answer = await node.post(`/wallet${solid ? 'solidity' : ''}/triggerconstantcontract`, {
		owner_address: address, contract_address: node.info.usdtHex,
		function_selector: 'balanceOf(address)', parameter: address.slice(2).padStart(64, '0'),
	});

	return Number(BigInt('0x' + answer.constant_result[0]));
}

/** Returns the solidified number as /walletsolidity shows it. */
async function solidNumber()
{
	return (await node.get('/walletsolidity/getnowblock')).block_header.raw_data.number ?? 0;
}

test('a block is solidified when 18 more have been built on it, never before', async () =>
{
	assert.equal(await solidNumber(), 0);
	for (let head = 1; head <= 60; head++)
	{
		await node.admin('mine');
		assert.equal(await solidNumber(), Math.max(0, head - 18), `head ${head}`);
	}
});

test('/walletsolidity shows nothing above the solidified block', async () =>
{
	const to = fresh();
	const { txids: [id], head } = await node.admin('pay', { to, amount: 5, mine: true });
	const solid = '/walletsolidity';

	for (let more = 0; more < 18; more++)
	{
		assert.deepEqual(await node.post(`${solid}/gettransactionbyid`, { value: id }), {});
		assert.deepEqual(await node.post(`${solid}/gettransactioninfobyid`, { value: id }), {});
		assert.deepEqual(await node.post(`${solid}/gettransactioninfobyblocknum`, { num: head }), []);
		assert.deepEqual(await node.post(`${solid}/getblockbynum`, { num: head }), {});
		assert.equal(await balance(to, true), 0);
		await node.admin('mine');
	}
	assert.equal((await node.post(`${solid}/gettransactioninfobyid`, { value: id })).id, id);
	assert.equal(await balance(to, true), 5);

	const { block } = await node.post(`${solid}/getblockbylimitnext`,
		{ startNum: head - 2, endNum: head + 50 });

	assert.deepEqual(block.map((b) => b.block_header.raw_data.number), [head - 2, head - 1, head]);
});

test('getblockbylimitnext: [start, end), at most 100', async () =>
{
	const ask = (startNum, endNum) =>
		node.post('/wallet/getblockbylimitnext', { startNum, endNum });

	assert.equal((await ask(3, 7)).block.length, 4);
	assert.deepEqual(await ask(1, 102), {});
	assert.deepEqual(await ask(7, 7), {});
	assert.deepEqual(await ask(5000, 5010), { block: [] });
	assert.equal((await node.post('/wallet/getblockbylatestnum', { num: 3 })).block.length, 3);
	assert.deepEqual(await node.post('/wallet/getblockbylatestnum', { num: 100 }), {});
});

test('getblock: head, number, id; unknown ones', async () =>
{
	const head = await node.post('/wallet/getblock', { detail: false });
	const byId = await node.post('/wallet/getblock', { id_or_num: head.blockID, detail: true });

	assert.equal(byId.blockID, head.blockID);
	assert.equal((await node.post('/wallet/getblockbyid', { value: head.blockID })).blockID,
		head.blockID);
	assert.deepEqual(await node.post('/wallet/getblock', { id_or_num: '999999' }), {});
	assert.equal((await node.post('/wallet/getblock', { id_or_num: 'zz' })).Error,
		'id must be legal block hash.');
	assert.deepEqual(await node.get('/wallet/gettransactioninfobyblocknum?num=0'), {});
	assert.deepEqual(await node.get('/wallet/gettransactioninfobyblocknum?num=999999'), []);
});

test('a fork gives new ids and takes the payments along; a dropped one is gone', async () =>
{
	const [kept, lost] = [fresh(), fresh()];
	const a = await node.admin('pay', { to: kept, amount: 7, mine: true });
	const b = await node.admin('pay', { to: lost, amount: 9, mine: true });

	await node.admin('mine', { blocks: 3 });
	const before5 = await node.post('/wallet/getblockbynum', { num: a.head });
	const forked = await node.admin('fork', { depth: 5, drop: b.txids });
	const blockNow = await node.post('/wallet/getblockbynum', { num: a.head });

	assert.equal(forked.old.length, 5);
	assert.equal(forked.new.length, 6);
	assert.equal(forked.old[0], before5.blockID);
	assert.equal(forked.new[0], blockNow.blockID);
	assert.notEqual(blockNow.blockID, before5.blockID);
	assert.equal(blockNow.block_header.raw_data.parentHash,
		before5.block_header.raw_data.parentHash);
	assert.deepEqual(await node.post('/wallet/getblockbyid', { value: before5.blockID }), {});
	assert.equal((await node.post('/wallet/gettransactioninfobyid', { value: a.txids[0] }))
		.blockTimeStamp, blockNow.block_header.raw_data.timestamp);
	assert.deepEqual(await node.post('/wallet/gettransactioninfobyid', { value: b.txids[0] }), {});
	assert.equal(await balance(kept), 7);
	assert.equal(await balance(lost), 0);
});

test('a fork may move a payment to a later block, and never reaches a solidified one', async () =>
{
	const to = fresh();
	const { txids: [id], head } = await node.admin('pay', { to, amount: 3, mine: true });

	await node.admin('mine');
	await node.admin('fork', { depth: 2, shift: 1 });
	assert.equal((await node.post('/wallet/gettransactioninfobyid', { value: id })).blockNumber,
		head + 1);
	await assert.rejects(node.admin('fork', { depth: 19 }), /only blocks above/);
	assert.equal((await node.admin('fork', { depth: 18, extra: 0 })).new.length, 18);
	assert.equal(await balance(to), 3);
});

test('with nine witnesses away solidification stops and catches up later', async () =>
{
	await node.admin('witnesses', { offline: [0, 1, 2, 3, 4, 5, 6, 7, 8] });
	await node.admin('mine', { blocks: 60 });
	const { head, solid } = await node.admin('status');

	assert.ok(head - solid > 40, `${head} ${solid}`);
	await node.admin('witnesses', { offline: [] });
	await node.admin('mine', { blocks: 27 });
	assert.equal((await node.admin('status')).solid, head + 27 - 18);
});

test('empty slots leave gaps in time, not in numbers', async () =>
{
	const earlier = await node.admin('status');
	const later = await node.admin('mine', { skip: 4 });

	assert.equal(later.head, earlier.head + 1);
	assert.equal(later.headTime, earlier.headTime + 5 * 3000);
	await node.admin('setTime', { advance: 3600000 });
	assert.equal((await node.admin('mine')).headTime, later.headTime + 3600000);
});

test('a synthesised stretch: consistent with itself, balances and index', async () =>
{
	const watch = [fresh(), fresh()];
	const sums = new Map(watch.map((address) => [address.slice(2), 0]));
	const { from, to } = await node.admin('bulk',
		{ blocks: 120, transfers: 10, watch, watchEvery: 7, seed: 42 });
	let count = 0;

	for (let num = from; num <= to; num++)
	{
		const block = await node.post('/wallet/getblockbynum', { num });
		const infos = await node.post('/wallet/gettransactioninfobyblocknum', { num });

		assert.deepEqual(infos.map((info) => info.id), block.transactions.map((tx) => tx.txID));
		for (const { log: [log] } of infos)
		{
			const receiver = log.topics[2].slice(24);

			if (sums.has(receiver))
			{
				sums.set(receiver, sums.get(receiver) + parseInt(log.data, 16));
				count++;
			}
		}
	}
	assert.ok(count >= 1200 / 7, `${count} watched transfers`);
	for (const [receiver, sum] of sums)
		assert.equal(await balance('41' + receiver), sum);

	const block = await node.post('/wallet/getblockbynum', { num: from + 50 });
	const id = block.transactions[6].txID;

	assert.equal(recomputedBlockId(block), block.blockID);
	assert.equal(recomputedTrieRoot(block.transactions), block.block_header.raw_data.txTrieRoot);
	assert.deepEqual(await node.post('/wallet/gettransactionbyid', { value: id }),
		block.transactions[6]);
	assert.equal((await node.post('/wallet/gettransactioninfobyid', { value: id })).blockNumber,
		from + 50);
	assert.equal((await node.admin('status')).solid, to - 18);
	assert.equal((await node.admin('fork', { depth: 18 })).new.length, 19);
});

test('a node comes back from its journal as it was', async () =>
{
	const directory = mkdtempSync(join(tmpdir(), 'tron-node-'));
	const file = join(directory, 'journal');
	const to = fresh();
	const start = () => TronNode.start('--no-mining', '--data', file);
	let first = await start();

	try
	{
		await first.admin('pay', { to, amount: 11, mine: true });
		await first.admin('pay', { to, amount: 2, kind: 'outOfTime', mine: true });
		await first.admin('fork', { depth: 2 });
		await first.admin('grant', { address: to, energy: 5 });
		await first.admin('bulk', { blocks: 7, transfers: 3 });
		await first.admin('bulk', { blocks: 40, transfers: 3 });
		await first.admin('mine', { blocks: 2 });
		const state = await first.admin('status');

		await first.stop();
		first = await start();
		assert.deepEqual(await first.admin('status'), state);
		assert.equal((await first.post('/wallet/getaccountresource', { address: to })).EnergyLimit, 5);
		assert.ok((await first.admin('mine')).head > state.head);
	}
	finally
	{
		await first.stop();
		rmSync(directory, { recursive: true });
	}
});

test('two nodes from one seed and genesis time are one network', async () =>
{
	const args = ['--no-mining', '--genesis-time', '1767880000000', '--seed', 'twin'];
	const [a, b] = await Promise.all([TronNode.start(...args), TronNode.start(...args)]);

	try
	{
		assert.deepEqual(await a.admin('status'), await b.admin('status'));
		assert.equal(a.info.chainId, b.info.chainId);
	}
	finally
	{
		await Promise.all([a.stop(), b.stop()]);
	}
});

test('a timer mines by itself', async () =>
{
	const ticking = await TronNode.start('--block-ms', '20');

	try
	{
		const { head } = await ticking.admin('status');

		await new Promise((resolve) => setTimeout(resolve, 400));
		assert.ok((await ticking.admin('status')).head >= head + 3);
		await ticking.admin('mining', { blockMs: 0 });
		const still = (await ticking.admin('status')).head;

		await new Promise((resolve) => setTimeout(resolve, 100));
		assert.equal((await ticking.admin('status')).head, still);
	}
	finally
	{
		await ticking.stop();
	}
});
