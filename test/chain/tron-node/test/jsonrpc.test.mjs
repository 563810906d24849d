// SPDX-License-Identifier: PostgreSQL
//
// The JSON-RPC interface with java-tron's limits, words and gaps.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TronNode } from '../client.mjs';

let node;
let usdt;

before(async () =>
{
	node = await TronNode.start('--no-mining');
	usdt = '0x' + node.info.usdtHex.slice(2);
});
after(() => node.stop());

let used = 0;

/** Returns an address nobody has used. */
function fresh()
{
	return '41' + (++used).toString(16).padStart(40, 'e');
}

/** Returns a topic of an address. */
function topic(address)
{
	return '0x' + address.slice(2).padStart(64, '0');
}

const hex = (number) => '0x' + number.toString(16);

/** Returns [code, message] of a refused call. */
async function refused(method, ...params)
{
	const { error } = await node.rpc(method, ...params);

	return [error.code, error.message];
}

test('numbers and tags: latest, finalized, earliest; safe and pending are refused', async () =>
{
	const { head, solid } = await node.admin('status');
	const block = async (tag) =>
		Number((await node.rpc('eth_getBlockByNumber', tag, false)).result.number);

	assert.equal((await node.rpc('eth_blockNumber')).result, hex(head));
	assert.equal(await block('latest'), head);
	assert.equal(await block('finalized'), solid);
	assert.equal(await block('earliest'), 0);
	assert.deepEqual(await refused('eth_getBlockByNumber', 'safe', false),
		[-32602, 'invalid block number']);
	assert.deepEqual(await refused('eth_getBlockByNumber', 'pending', false),
		[-32602, 'TAG pending not supported']);
	assert.equal((await node.rpc('eth_getBlockByNumber', hex(head + 1), false)).result, null);
});

test('the chain id is the end of the genesis block\'s id', async () =>
{
	const genesis = await node.post('/wallet/getblockbynum', { num: 0 });

	assert.equal((await node.rpc('eth_chainId')).result, '0x' + genesis.blockID.slice(-8));
	assert.equal((await node.rpc('net_version')).result, node.info.chainId);
});

test('blocks: zeros where java-tron has no value', async () =>
{
	const { head } = await node.admin('pay', { to: fresh(), amount: 1, mine: true });
	const { result } = await node.rpc('eth_getBlockByNumber', hex(head), true);
	const byHash = await node.rpc('eth_getBlockByHash', result.hash, true);
	const block = await node.post('/wallet/getblockbynum', { num: head });

	assert.deepEqual(byHash.result, result);
	assert.equal(result.hash, '0x' + block.blockID);
	assert.equal(result.logsBloom, '0x' + '0'.repeat(512));
	assert.equal(result.receiptsRoot, '0x' + '0'.repeat(64));
	assert.equal(result.transactionsRoot, '0x' + block.block_header.raw_data.txTrieRoot);
	assert.equal(Number(result.timestamp), block.block_header.raw_data.timestamp / 1000);
	assert.equal(result.transactions[0].hash, '0x' + block.transactions[0].txID);
	assert.equal(result.transactions[0].to, usdt);
	assert.deepEqual(Object.keys(result), Object.keys(result).sort(), 'keys in alphabetical order');
	assert.equal(result.size, hex((await node.admin('block', { num: head })).hex.length / 2));
});

test('eth_getLogs: by address and topics; indices count within the block', async () =>
{
	const [a, b] = [fresh(), fresh()];

	await node.admin('pay', { to: a, amount: 1 });
	await node.admin('pay', { kind: 'fake', to: a, amount: 2 });
	await node.admin('pay', { kind: 'multi',
		recipients: [{ to: b, amount: 3 }, { to: a, amount: 4 }] });
	const { head } = await node.admin('mine');
	const logs = async (filter) => (await node.rpc('eth_getLogs',
		{ fromBlock: hex(head), toBlock: hex(head), ...filter })).result;
	const all = await logs({});
	const mine = await logs({ address: usdt, topics: [null, null, [topic(a)]] });

	assert.deepEqual(all.map((log) => log.logIndex), ['0x0', '0x1', '0x2', '0x3']);
	assert.deepEqual(mine.map((log) => [log.logIndex, Number(log.data)]), [['0x0', 1], ['0x3', 4]]);
	assert.equal(mine[1].transactionIndex, '0x2');
	assert.equal(mine[0].removed, false);
	assert.deepEqual(await logs({ address: [] }), all);
	assert.equal((await logs({ address: [usdt, '0x' + '11'.repeat(20)] })).length, 3);
	assert.deepEqual(await logs({ topics: ['0x' + '22'.repeat(32)] }), []);

	const block = await node.post('/wallet/getblockbynum', { num: head });

	assert.deepEqual((await node.rpc('eth_getLogs', { blockHash: '0x' + block.blockID })).result, all);
});

test('eth_getLogs: what is refused, in java-tron\'s words', async () =>
{
	const refusedLogs = (filter) => refused('eth_getLogs', filter);

	assert.deepEqual(await refusedLogs({ fromBlock: 'pending' }),
		[-32602, 'TAG pending not supported']);
	assert.deepEqual(await refusedLogs({ fromBlock: 'safe' }), [-32602, 'Incorrect hex syntax']);
	assert.deepEqual(await refusedLogs({ fromBlock: '0x5', toBlock: '0x4' }),
		[-32602, 'please verify: fromBlock <= toBlock']);
	assert.deepEqual(await refusedLogs({ blockHash: '0x' + '00'.repeat(32) }),
		[-32602, 'invalid blockHash']);
	assert.deepEqual(await refusedLogs({ blockHash: '0x' + '00'.repeat(32), fromBlock: '0x1' }),
		[-32602, 'cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other']);
	assert.deepEqual(await refusedLogs({ address: node.info.usdtHex }),
		[-32602, `invalid address: ${node.info.usdtHex}`]);
	assert.deepEqual(await refusedLogs({ topics: [Array(1001).fill('0x' + '00'.repeat(32))] }),
		[-32602, 'exceed max topics: 1000']);
	assert.deepEqual(await refusedLogs({ topics: Array(5).fill(null) }),
		[-32602, 'topics size should be <= 4']);
});

test('eth_getLogs: a range beyond the head is clamped without a word', async () =>
{
	const { head } = await node.admin('pay', { to: fresh(), amount: 1, mine: true });
	const ask = async (from, to) =>
		(await node.rpc('eth_getLogs', { fromBlock: hex(from), toBlock: hex(to) })).result;

	assert.equal((await ask(head, head + 4000)).length, 1);
	assert.deepEqual(await ask(head + 5, head + 9), []);
});

test('eth_getLogs: 5,000 blocks apart at most, 10,000 results at most', async () =>
{
	const { from, to } = await node.admin('bulk', { blocks: 5100, transfers: 3, seed: 9,
		watch: [fresh()], watchEvery: 1000 });
	const ask = (fromBlock, toBlock, topics) => node.rpc('eth_getLogs',
		{ fromBlock: hex(fromBlock), toBlock: hex(toBlock), topics });

	assert.deepEqual(await refused('eth_getLogs', { fromBlock: hex(from), toBlock: hex(from + 5001) }),
		[-32602, 'exceed max block range: 5000']);
	assert.deepEqual(await refused('eth_getLogs', { fromBlock: hex(from), toBlock: hex(from + 5000) }),
		[-32005, 'query returned more than 10000 results']);
	assert.equal((await ask(from, from + 3332)).result.length, 9999);
	assert.equal((await ask(from, from + 5000, [null, null, topic('41'
		+ (used).toString(16).padStart(40, 'e'))])).result.length, 16, 'a filter leaves few');
	assert.deepEqual((await refused('eth_getLogs', { fromBlock: hex(to - 5001) })),
		[-32602, 'exceed max block range: 5000']);
});

test('receipts and transactions', async () =>
{
	const to = fresh();

	await node.admin('pay', { to: fresh(), amount: 1 });
	const { txids: [id] } = await node.admin('pay', { to, amount: 2 });

	await node.admin('mine');
	const { result: receipt } = await node.rpc('eth_getTransactionReceipt', '0x' + id);
	const { result: tx } = await node.rpc('eth_getTransactionByHash', '0x' + id);

	assert.equal(receipt.status, '0x1');
	assert.equal(receipt.logs[0].logIndex, '0x1');
	assert.equal(receipt.transactionIndex, '0x1');
	assert.equal(Number(receipt.cumulativeGasUsed), 2 * 130285);
	assert.equal(tx.from, '0x' + node.info.accounts[0].hex.slice(2));
	assert.match(tx.input, /^0xa9059cbb/);
	assert.ok([27, 28].includes(Number(tx.v)));
	assert.equal((await node.rpc('eth_getTransactionReceipt', '0x' + '00'.repeat(32))).result, null);
	assert.deepEqual(await refused('eth_getTransactionReceipt', '0x12'),
		[-32602, 'invalid hash value']);
});

test('eth_call, eth_getCode, eth_getBalance: the latest state only', async () =>
{
	const call = (data, block = 'latest') => node.rpc('eth_call', { to: usdt, data }, block);
	const balanceOf = '0x70a08231' + topic(node.info.accounts[2].hex).slice(2);

	assert.equal(Number((await call('0x313ce567')).result), 6);
	assert.equal(BigInt((await call(balanceOf)).result), 10n ** 13n);
	assert.equal((await call('0x313ce567', 'finalized')).error.message,
		'TAG [earliest | pending | finalized] not supported');
	assert.equal((await call('0x313ce567', '0x10')).error.message,
		'QUANTITY not supported, just support TAG as latest');
	assert.equal((await call('0xdeadbeef')).error.message, 'REVERT opcode executed');
	assert.deepEqual(await refused('eth_call', { to: '0x' + '11'.repeat(20), data: '0x' }, 'latest'),
		[-32600, 'Smart contract is not exist.']);
	assert.ok((await node.rpc('eth_getCode', usdt, 'latest')).result.length > 100);
	assert.equal((await node.rpc('eth_getCode', '0x' + '11'.repeat(20), 'latest')).result, '0x');
	assert.equal(BigInt((await node.rpc('eth_getBalance',
		'0x' + node.info.accounts[5].hex.slice(2), 'latest')).result), 10n ** 12n);
});

test('methods that are not there, and bad requests', async () =>
{
	assert.deepEqual(await refused('eth_sendRawTransaction', '0x00'), [-32601,
		'the method eth_sendRawTransaction does not exist/is not available']);
	assert.equal((await refused('eth_getTransactionCount', usdt, 'latest'))[0], -32601);
	assert.deepEqual(await refused('eth_getBlockReceipts', 'latest'), [-32601, 'method not found']);
	assert.deepEqual(await refused('eth_getBlockByNumber', 'latest'),
		[-32602, 'method parameters invalid']);

	const response = await fetch(node.url + '/jsonrpc', { method: 'POST', body: '{"jsonrpc"' });

	assert.equal((await response.json()).error.code, -32700);
});

test('a batch is answered in order, errors in their places', async () =>
{
	const answers = await node.post('/jsonrpc', [
		{ jsonrpc: '2.0', id: 7, method: 'eth_blockNumber', params: [] },
		{ jsonrpc: '2.0', id: 'x', method: 'eth_sendRawTransaction', params: ['0x'] },
		{ jsonrpc: '2.0', id: 9, method: 'eth_chainId', params: [] },
	]);

	assert.deepEqual(answers.map((answer) => answer.id), [7, 'x', 9]);
	assert.equal(answers[1].error.code, -32601);
	assert.equal(answers[2].result, node.info.chainId);
});
