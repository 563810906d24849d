// SPDX-License-Identifier: PostgreSQL
//
// Every way to misbehave, and that it ends when told to.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { TronNode } from '../client.mjs';
import { recomputedBlockId, textOf } from '../testing.mjs';

let node;
let paidAt;
const to = '41' + 'ab'.repeat(20);

before(async () =>
{
	node = await TronNode.start('--no-mining');
	await node.admin('pay', { to, amount: 10 });
	await node.admin('pay', { to, amount: 20 });
	paidAt = (await node.admin('pay', { to, amount: 30, mine: true })).head;
	await node.admin('mine', { blocks: 25 });
});
after(() => node.stop());
afterEach(() => node.admin('clear'));

/** Sets a fault. */
function fault(kind, options = {})
{
	return node.admin('fault', { kind, ...options });
}

/** Returns the infos of the block of the payments. */
function infos(num = paidAt)
{
	return node.post('/walletsolidity/gettransactioninfobyblocknum', { num });
}

/** Returns { status, json } of a GET with an API key. */
async function ask(key, path = '/wallet/getnowblock')
{
	const response = await fetch(node.url + path,
		{ headers: key ? { 'TRON-PRO-API-KEY': key } : {} });

	return { status: response.status, json: await response.json() };
}

test('partialInfos: ids are missing, once or always, here or everywhere', async () =>
{
	await fault('partialInfos', { drop: 2, times: 1, nums: [paidAt] });
	assert.deepEqual(await infos(paidAt - 1), []);
	assert.equal((await infos()).length, 1);
	assert.equal((await infos()).length, 3, 'used up');
	await fault('partialInfos', { keep: 0 });
	assert.deepEqual(await infos(), []);
	assert.deepEqual(await infos(), []);
});

test('omitLogs: complete ids without logs, and empty eth_getLogs', async () =>
{
	await fault('omitLogs');
	assert.deepEqual((await infos()).map((info) => info.log), [undefined, undefined, undefined]);
	assert.deepEqual((await node.rpc('eth_getLogs', { fromBlock: '0x1' })).result, []);
});

test('tamper: false amounts, receivers, tokens and headers', async () =>
{
	await fault('tamper', { what: 'amount', times: 1 });
	assert.equal(Number('0x' + (await infos())[0].log[0].data), 21);
	await fault('tamper', { what: 'recipient', times: 1 });
	assert.match((await infos())[0].log[0].topics[2], /(ba){20}$/);
	await fault('tamper', { what: 'token', times: 1 });
	assert.notEqual((await infos())[0].log[0].address, node.info.usdtHex.slice(2));
	await fault('tamper', { what: 'amount' });
	assert.equal(Number((await node.rpc('eth_getLogs', { fromBlock: '0x1' })).result[0].data), 21);
	await node.admin('clear', { kind: 'tamper' });
	await fault('tamper', { what: 'header' });
	const block = await node.get(`/wallet/getblockbynum?num=${paidAt}`);

	assert.notEqual(recomputedBlockId(block), block.blockID, 'a check of the id notices');
});

test('force: the next contract calls end as ordered', async () =>
{
	const results = ['OUT_OF_TIME', 'JVM_STACK_OVER_FLOW', 'REVERT', 'OUT_OF_ENERGY'];
	const found = [];

	for (const result of results)
		await node.admin('force', { result });
	for (let i = 0; i < 5; i++)
		await node.admin('pay', { to, amount: 1 + i });
	const { head } = await node.admin('mine');

	for (const info of await node.post('/wallet/gettransactioninfobyblocknum', { num: head }))
		found.push([info.receipt.result, info.result, info.log?.length ?? 0]);
	assert.deepEqual(found, [['OUT_OF_TIME', 'FAILED', 1], ['JVM_STACK_OVER_FLOW', 'FAILED', 1],
		['REVERT', 'FAILED', 0], ['OUT_OF_ENERGY', 'FAILED', 0], ['SUCCESS', undefined, 1]]);
	assert.equal((await node.rpc('eth_getLogs', { fromBlock: '0x' + head.toString(16) }))
		.result.length, 3);
});

test('clamp: fewer blocks than asked for, without a word', async () =>
{
	await fault('clamp', { range: 5 });
	assert.equal((await node.post('/walletsolidity/getblockbylimitnext',
		{ startNum: 1, endNum: 30 })).block.length, 5);
	assert.deepEqual((await node.rpc('eth_getLogs', { fromBlock: '0x1', toBlock: '0x28' })).result,
		[]);
});

test('limits: other caps for eth_getLogs', async () =>
{
	await fault('limits', { range: 3, results: 2 });
	assert.equal((await node.rpc('eth_getLogs', { fromBlock: '0x1', toBlock: '0x9' })).error.message,
		'exceed max block range: 3');
	assert.equal((await node.rpc('eth_getLogs', { fromBlock: '0x' + paidAt.toString(16),
		toBlock: '0x' + paidAt.toString(16) })).error.code, -32005);
});

test('http: 429, 403, 503, a number of times, for some paths', async () =>
{
	for (const status of [429, 403, 503])
	{
		await fault('http', { status, times: 1, path: 'getnowblock' });
		assert.equal((await ask(null, '/wallet/getchainparameters')).status, 200);
		const { status: got, json } = await ask();

		assert.equal(got, status);
		assert.match(json.Error, /frequency limit\(15\), and the query server is suspended for 30s$/);
		assert.equal((await ask()).status, 200);
	}
});

test('http with suspendMs: one key is out for a while, others are not', async () =>
{
	await fault('http', { status: 403, times: 1, suspendMs: 300 });
	assert.equal((await ask('a')).status, 403);
	assert.equal((await ask('a')).status, 403);
	assert.equal((await ask('b')).status, 200);
	await new Promise((resolve) => setTimeout(resolve, 320));
	assert.equal((await ask('a')).status, 200);
});

test('rate: more requests a second than allowed suspend the key', async () =>
{
	await fault('rate', { qps: 5, suspendMs: 30000 });
	const statuses = [];

	for (let i = 0; i < 14; i++)
		statuses.push((await ask('greedy')).status);
	assert.equal(statuses[0], 200);
	assert.equal(statuses.at(-1), 429);
	assert.match((await ask('greedy')).json.Error,
		/^The key exceeds the frequency limit\(5\), and the query server is suspended for 30s$/);
	assert.equal((await ask('modest')).status, 200);
});

test('apiKey: none, a wrong one, the right one', async () =>
{
	await fault('apiKey', { keys: ['right'] });
	assert.equal((await ask()).status, 401);
	assert.equal((await ask('wrong')).json.Error, 'ApiKey not exists');
	assert.equal((await ask('right')).status, 200);
});

test('hang: no answer', async () =>
{
	await fault('hang', { times: 1 });
	await assert.rejects(fetch(node.url + '/wallet/getnowblock',
		{ signal: AbortSignal.timeout(150) }), { name: 'TimeoutError' });
	assert.equal((await ask()).status, 200);
});

test('drop and truncated: the connection ends too early', async () =>
{
	await fault('drop', { times: 1 });
	await assert.rejects(ask());
	await fault('truncated', { times: 1 });
	await assert.rejects(ask());
	assert.equal((await ask()).status, 200);
});

test('garbage: text that is not JSON', async () =>
{
	await fault('garbage', { times: 1 });
	const text = await (await fetch(node.url + '/wallet/getnowblock')).text();

	assert.throws(() => JSON.parse(text), SyntaxError);
});

test('delay: late, but right', async () =>
{
	await fault('delay', { ms: 120, times: 1 });
	const start = Date.now();

	assert.equal((await ask()).status, 200);
	assert.ok(Date.now() - start >= 110);
});

test('after: the first requests pass', async () =>
{
	await fault('http', { status: 503, after: 2, times: 1 });
	assert.deepEqual([(await ask()).status, (await ask()).status, (await ask()).status,
		(await ask()).status], [200, 200, 503, 200]);
});

test('method: one JSON-RPC method only', async () =>
{
	await fault('garbage', { method: 'eth_getLogs' });
	await assert.rejects(node.rpc('eth_getLogs', {}));
	assert.ok((await node.rpc('eth_blockNumber')).result);
});

test('broadcast: any code, taken or not', async () =>
{
	const { txids } = await node.admin('pay', { to, amount: 77 });
	const tx = await node.post('/wallet/gettransactionbyid', { value: txids[0] });

	await node.admin('dropPending');
	await fault('broadcast', { code: 'SERVER_BUSY', message: 'Server busy.', times: 1 });
	const busy = await node.post('/wallet/broadcasttransaction', tx);

	assert.deepEqual([busy.code, textOf(busy.message)], ['SERVER_BUSY', 'Server busy.']);
	assert.deepEqual((await node.admin('status')).pending, []);
	await fault('broadcast', { code: 'OTHER_ERROR', accept: true, times: 1 });
	assert.equal((await node.post('/wallet/broadcasttransaction', tx)).code, 'OTHER_ERROR');
	assert.deepEqual((await node.admin('status')).pending, txids);
	await node.admin('mine');
});

test('stale: a replica behind the others, in every interface', async () =>
{
	const { head, solid } = await node.admin('status');
	const late = await node.admin('replica');
	const at = { url: late.url };

	await node.admin('fault', { kind: 'stale', behind: 7 }, at);
	const number = async (path, where) =>
		(await node.post(path, {}, where)).block_header.raw_data.number;

	assert.equal(await number('/wallet/getnowblock', at), head - 7);
	assert.equal(await number('/walletsolidity/getnowblock', at), solid - 7);
	assert.equal(await number('/wallet/getnowblock'), head);
	assert.deepEqual(await node.post('/wallet/gettransactioninfobyblocknum', { num: head }, at), []);

	const ask = (method, ...params) =>
		node.post('/jsonrpc', { jsonrpc: '2.0', id: 1, method, params }, at);

	assert.equal(Number((await ask('eth_blockNumber')).result), head - 7);
	assert.deepEqual((await ask('eth_getLogs', { fromBlock: '0x' + head.toString(16),
		toBlock: '0x' + head.toString(16) })).result, [], 'silently empty beyond its own head');
});

test('freeze: a node that stays on the losing branch', async () =>
{
	const stuck = await node.admin('replica');
	const at = { url: stuck.url };
	const { head } = await node.admin('pay', { to, amount: 5, mine: true });

	await node.admin('fault', { kind: 'freeze' }, at);
	await node.admin('fork', { depth: 2, drop: true });
	const there = await node.post('/wallet/getblockbynum', { num: head }, at);
	const here = await node.post('/wallet/getblockbynum', { num: head });

	assert.notEqual(there.blockID, here.blockID);
	assert.equal(there.transactions.length, 1);
	assert.equal(here.transactions, undefined);
	assert.equal((await node.post('/wallet/gettransactioninfobyid',
		{ value: there.transactions[0].txID }, at)).blockNumber, head);
	assert.deepEqual(await node.post('/wallet/gettransactioninfobyid',
		{ value: there.transactions[0].txID }), {});
});

test('chainId: a node of another network', async () =>
{
	await fault('chainId', { chainId: '0x1' });
	assert.equal((await node.rpc('eth_chainId')).result, '0x1');
});

test('unknown kinds and commands are refused', async () =>
{
	await assert.rejects(fault('nonsense'), /unknown kind of fault/);
	await assert.rejects(node.admin('nonsense'), /unknown command/);
	await assert.rejects(node.admin('pay', { to: 'nobody', amount: 1 }), /not an address/);
	await assert.rejects(node.admin('pay', { to, amount: 1, kind: 'gift' }), /unknown kind/);
});

test('stats count requests and bytes, admin requests excluded', async () =>
{
	await node.admin('stats', { reset: true });
	await ask();
	await ask();
	const stats = await node.admin('stats');

	assert.equal(stats.requests, 2);
	assert.deepEqual(stats.paths, { '/wallet/getnowblock': 2 });
	assert.ok(stats.bytes > 500);
});

test('watch: answers that hold a text are counted per path', async () =>
{
	await node.admin('watch', { text: 'ab'.repeat(20) });
	await infos();
	await infos(paidAt - 1);
	assert.deepEqual((await node.admin('stats')).watched,
		{ '/walletsolidity/gettransactioninfobyblocknum': 1 });
});
