// SPDX-License-Identifier: PostgreSQL
//
// The token as a watcher of deposits sees it: every kind of payment and of control event.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { id as topicOf } from 'ethers';
import { TronNode } from '../client.mjs';

const TRANSFER = topicOf('Transfer(address,address,uint256)').slice(2);

let node;
let treasury;

before(async () =>
{
	node = await TronNode.start('--no-mining');
	treasury = node.info.accounts[0].hex;
});
after(() => node.stop());

let used = 0;

/** Returns an address nobody has used. */
function fresh()
{
	return '41' + (++used).toString(16).padStart(40, 'd');
}

/** Mines a payment; returns { infos, blocks } of its transactions. */
async function paid(options)
{
	const { txids } = await node.admin('pay', { ...options, mine: true });
	const infos = await Promise.all(txids.map((value) =>
		node.post('/wallet/gettransactioninfobyid', { value })));

	return { txids, info: infos[0] };
}

/** Mines a call of the token's owner; returns its info. */
async function owner(signature, ...args)
{
	const { txids } = await node.admin('usdt', { signature, args, mine: true });

	return node.post('/wallet/gettransactioninfobyid', { value: txids[0] });
}

/** Returns a view's single word of the token as a BigInt. */
async function view(signature, address, token = node.info.usdtHex)
{
	const answer = await node.post('/wallet/triggerconstantcontract', {
		owner_address: treasury, contract_address: token, function_selector: signature,
		parameter: address ? address.slice(2).padStart(64, '0') : '',
	});

	return BigInt('0x' + answer.constant_result[0]);
}

/** Returns [from, to, value, token] of a log. */
function decoded(log)
{
	assert.equal(log.topics[0], TRANSFER);
	return [log.topics[1].slice(24), log.topics[2].slice(24), Number('0x' + log.data), log.address];
}

const bare = (address) => address.slice(2);

test('transfer: one Transfer, false on success, more energy to an empty address', async () =>
{
	const to = fresh();
	const first = (await paid({ to, amount: 1500000 })).info;
	const second = (await paid({ to, amount: 1 })).info;

	assert.deepEqual(first.log.map(decoded), [[bare(treasury), bare(to), 1500000,
		bare(node.info.usdtHex)]]);
	assert.equal(first.contractResult[0], '0'.repeat(64));
	assert.equal(first.receipt.energy_usage_total, 130285);
	assert.equal(second.receipt.energy_usage_total, 64285);
	assert.equal(await view('balanceOf(address)', to), 1500001n);
});

test('transferFrom: the sender of the log is not the sender of the transaction', async () =>
{
	const to = fresh();
	const { txids, info } = await paid({ to, amount: 8, kind: 'transferFrom' });
	const tx = await node.post('/wallet/gettransactionbyid', { value: txids[0] });

	assert.equal(tx.raw_data.contract[0].parameter.value.owner_address, node.info.accounts[1].hex);
	assert.deepEqual(decoded(info.log[0]).slice(0, 3), [bare(treasury), bare(to), 8]);
	assert.equal(info.contractResult[0], '1'.padStart(64, '0'));
});

test('internal: the transaction calls the disperser, the logs are the token\'s', async () =>
{
	const to = fresh();
	const { txids, info } = await paid({ to, amount: 4, kind: 'internal' });
	const tx = await node.post('/wallet/gettransactionbyid', { value: txids[0] });

	assert.notEqual(tx.raw_data.contract[0].parameter.value.contract_address, node.info.usdtHex);
	assert.equal(info.log[0].address, bare(node.info.usdtHex));
	assert.equal(info.internal_transactions.length, 1);
	assert.equal(info.internal_transactions[0].note, '63616c6c');
	assert.equal(info.internal_transactions[0].transferTo_address, node.info.usdtHex);
	assert.deepEqual(info.internal_transactions[0].callValueInfo, [{}]);
});

test('multi: several payments in one transaction, also twice to one address', async () =>
{
	const [a, b] = [fresh(), fresh()];
	const { info } = await paid({ kind: 'multi',
		recipients: [{ to: a, amount: 1 }, { to: b, amount: 2 }, { to: a, amount: 3 }] });

	assert.deepEqual(info.log.map((log) => decoded(log).slice(1, 3)),
		[[bare(a), 1], [bare(b), 2], [bare(a), 3]]);
	assert.equal(await view('balanceOf(address)', a), 4n);
});

test('fake: the same symbol and event, another contract', async () =>
{
	const to = fresh();
	const { info } = await paid({ to, amount: 1000000, kind: 'fake' });

	assert.equal(info.receipt.result, 'SUCCESS');
	assert.notEqual(info.log[0].address, bare(node.info.usdtHex));
	assert.equal(info.log[0].topics[0], TRANSFER);
	assert.equal(await view('balanceOf(address)', to), 0n);
});

test('zero: an event of value 0 anybody can make from anybody\'s address', async () =>
{
	const [from, to] = [fresh(), fresh()];
	const { info } = await paid({ to, kind: 'zero', from });

	assert.deepEqual(decoded(info.log[0]).slice(0, 3), [bare(from), bare(to), 0]);
	assert.equal(info.receipt.result, 'SUCCESS');
});

test('outOfTime: FAILED, but the log is there; nothing has moved', async () =>
{
	const to = fresh();
	const { txids, info } = await paid({ to, amount: 6, kind: 'outOfTime' });
	const tx = await node.post('/wallet/gettransactionbyid', { value: txids[0] });
	const logs = await node.rpc('eth_getLogs', { fromBlock: '0x' + info.blockNumber.toString(16) });
	const receipt = await node.rpc('eth_getTransactionReceipt', '0x' + txids[0]);

	assert.equal(info.result, 'FAILED');
	assert.equal(info.receipt.result, 'OUT_OF_TIME');
	assert.equal(decoded(info.log[0])[1], bare(to));
	assert.equal(tx.ret[0].contractRet, 'OUT_OF_TIME');
	assert.equal(logs.result.length, 1, 'eth_getLogs does not look at the result');
	assert.equal(receipt.result.status, '0x0');
	assert.equal(await view('balanceOf(address)', to), 0n);
});

test('revert: FAILED, no log, nothing has moved', async () =>
{
	const to = fresh();
	const { info } = await paid({ to, amount: 6, kind: 'revert' });

	assert.equal(info.result, 'FAILED');
	assert.equal(info.receipt.result, 'REVERT');
	assert.equal(info.log, undefined);
	assert.equal(Buffer.from(info.resMessage, 'hex').toString(), 'REVERT opcode executed');
});

test('fee: the receiver\'s Transfer first, then the owner\'s; the log tells what came', async () =>
{
	const to = fresh();
	const payer = node.info.accounts[2].hex;
	const params = await owner('setParams(uint256,uint256)', 10, 5);
	const { info } = await paid({ to, amount: 1000000, from: payer });

	assert.equal(params.log[0].topics[0], topicOf('Params(uint256,uint256)').slice(2));
	assert.deepEqual(info.log.map((log) => decoded(log).slice(1, 3)),
		[[bare(to), 999000], [bare(treasury), 1000]]);
	assert.equal(await view('balanceOf(address)', to), 999000n);
	await owner('setParams(uint256,uint256)', 0, 0);
	assert.equal((await owner('setParams(uint256,uint256)', 20, 5)).receipt.result, 'REVERT');
});

test('pause, blacklist, destroyed funds, issue, redeem, deprecate', async () =>
{
	const victim = node.info.accounts[3].hex;
	const topic = (info) => info.log[0].topics[0];
	const hash = (text) => topicOf(text).slice(2);

	assert.equal(topic(await owner('pause()')), hash('Pause()'));
	assert.equal((await paid({ to: fresh(), amount: 1 })).info.receipt.result, 'REVERT');
	assert.equal(topic(await owner('unpause()')), hash('Unpause()'));
	assert.equal(topic(await owner('addBlackList(address)', victim)),
		hash('AddedBlackList(address)'));
	assert.equal((await paid({ to: fresh(), amount: 1, from: victim })).info.receipt.result,
		'REVERT');
	assert.equal((await paid({ to: victim, amount: 1 })).info.receipt.result, 'SUCCESS',
		'only the sender is looked at');

	const supply = await view('totalSupply()');
	const held = await view('balanceOf(address)', victim);
	const destroyed = await owner('destroyBlackFunds(address)', victim);

	assert.equal(destroyed.log.length, 1, 'no Transfer');
	assert.equal(topic(destroyed), hash('DestroyedBlackFunds(address,uint256)'));
	assert.equal(await view('balanceOf(address)', victim), 0n);
	assert.equal(await view('totalSupply()'), supply - held);
	assert.equal(topic(await owner('removeBlackList(address)', victim)),
		hash('RemovedBlackList(address)'));
	assert.equal(topic(await owner('issue(uint256)', 5)), hash('Issue(uint256)'));
	assert.equal(topic(await owner('redeem(uint256)', 5)), hash('Redeem(uint256)'));

	const upgraded = fresh();

	assert.equal(topic(await owner('deprecate(address)', upgraded)), hash('Deprecate(address)'));
	assert.equal((await paid({ to: fresh(), amount: 1 })).info.log[0].address, bare(upgraded),
		'events come from the new contract then');
});

test('nobody else may use the owner\'s methods', async () =>
{
	const { txids } = await node.admin('usdt',
		{ signature: 'pause()', from: node.info.accounts[4].hex, mine: true });

	assert.equal((await node.post('/wallet/gettransactioninfobyid', { value: txids[0] }))
		.receipt.result, 'REVERT');
});
