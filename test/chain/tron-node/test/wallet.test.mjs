// SPDX-License-Identifier: PostgreSQL
//
// The smaller requests, the forms they may take, and lost answers.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TronNode } from '../client.mjs';

let node;

before(async () =>
{
	node = await TronNode.start('--no-mining');
});
after(() => node.stop());

test('GET, POST with JSON and POST with a form answer the same', async () =>
{
	const account = node.info.accounts[3];
	const posted = await node.post('/wallet/getaccount', { address: account.hex });
	const form = await fetch(node.url + '/wallet/getaccount', {
		method: 'POST', body: `address=${account.hex}`,
		headers: { 'content-type': 'application/x-www-form-urlencoded' },
	});

	assert.deepEqual(await node.get(`/wallet/getaccount?address=${account.hex}`), posted);
	assert.deepEqual(await form.json(), posted);
	assert.equal(posted.balance, 10 ** 12);
	assert.equal(posted.owner_permission.keys[0].address, account.hex);
	assert.equal((await node.post('/wallet/getaccount', { address: account.address, visible: true }))
		.active_permission[0].keys[0].address, account.address);
});

test('accounts: unknown ones are {}, the solidified view lags', async () =>
{
	const to = '41' + 'cd'.repeat(20);

	assert.deepEqual(await node.post('/wallet/getaccount', { address: to }), {});
	await node.admin('pay', { kind: 'trx', to, amount: 5 });
	assert.equal((await node.post('/wallet/getaccount', { address: to })).balance, 5, 'pending');
	await node.admin('mine');
	assert.deepEqual(await node.post('/walletsolidity/getaccount', { address: to }), {});
	await node.admin('mine', { blocks: 18 });
	assert.equal((await node.post('/walletsolidity/getaccount', { address: to })).balance, 5);
});

test('getchainparameters has the prices', async () =>
{
	const { chainParameter } = await node.get('/wallet/getchainparameters');
	const value = (key) => chainParameter.find((p) => p.key === key).value;

	assert.equal(value('getEnergyFee'), 100);
	assert.equal(value('getTransactionFee'), 1000);
	assert.equal(value('getMemoFee'), 1000000);
	assert.equal(value('getAllowAdaptiveEnergy'), undefined, 'zero is left out');
});

test('getnodeinfo names the head and the solidified block', async () =>
{
	const { head, headId, solid } = await node.admin('status');
	const info = await node.get('/wallet/getnodeinfo');

	assert.equal(info.block, `Num:${head},ID:${headId}`);
	assert.match(info.solidityBlock, new RegExp(`^Num:${solid},ID:[0-9a-f]{64}$`));
});

test('getcontract and getcontractinfo', async () =>
{
	const contract = await node.post('/wallet/getcontract',
		{ value: node.info.usdt, visible: true });
	const info = await node.post('/wallet/getcontractinfo', { value: node.info.usdtHex });

	assert.equal(contract.contract_address, node.info.usdt);
	assert.ok(contract.abi.entrys.some((e) => e.name === 'transfer' && e.type === 'Function'));
	assert.equal(info.smart_contract.contract_address, node.info.usdtHex);
	assert.ok(info.runtimecode.length > 100);
	assert.deepEqual(await node.post('/wallet/getcontract', { value: node.info.accounts[0].hex }), {});
});

test('validateaddress', async () =>
{
	const check = (address) => node.post('/wallet/validateaddress', { address });

	assert.deepEqual(await check(node.info.usdt),
		{ result: true, message: 'Base58check format' });
	assert.deepEqual(await check(node.info.usdtHex), { result: true, message: 'Hex string format' });
	assert.equal((await check('TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6u')).result, false);
	assert.deepEqual(await check('0x12'), { result: false, message: 'Length error' });
	assert.equal((await node.get('/wallet/listnodes')).nodes.length, 1);
});

test('pending transactions can be looked at', async () =>
{
	const { txids: [id] } = await node.admin('pay', { to: node.info.accounts[4].hex, amount: 1 });

	assert.deepEqual((await node.get('/wallet/gettransactionlistfrompending')).txId, [id]);
	assert.equal((await node.get('/wallet/getpendingsize')).pendingSize, 1);
	assert.equal((await node.post('/wallet/gettransactionfrompending', { value: id })).txID, id);
	assert.equal((await node.post('/wallet/gettransactionbyid', { value: id })).ret[0].contractRet,
		'SUCCESS');
	assert.deepEqual(await node.post('/walletsolidity/gettransactionbyid', { value: id }), {});
	await node.admin('mine');
});

test('createtransaction complains like the servlet', async () =>
{
	const [from, to] = [node.info.accounts[5], node.info.accounts[6]];
	const create = (amount) => node.post('/wallet/createtransaction',
		{ owner_address: from.hex, to_address: to.hex, amount });

	assert.equal((await create(10 ** 13)).Error, 'class org.tron.core.exception.'
		+ 'ContractValidateException : Validate TransferContract error, balance is not sufficient.');
	assert.match((await create(0)).Error, /Amount must be greater than 0\./);
	assert.equal((await create(5)).raw_data.contract[0].parameter.value.amount, 5);
});

test('unknown paths are 404; a GET of a POST-only path is empty', async () =>
{
	assert.equal((await fetch(node.url + '/wallet/nonsense')).status, 404);
	assert.equal((await fetch(node.url + '/walletsolidity/broadcasttransaction')).status, 404);
	assert.equal((await fetch(node.url + '/')).status, 404);
	assert.equal((await (await fetch(node.url + '/wallet/broadcasthex')).text()).trim(), '');
});

test('a broadcast whose answer is lost has been taken all the same', async () =>
{
	const { txids: [id] } = await node.admin('pay', { to: node.info.accounts[4].hex, amount: 3 });
	const tx = await node.post('/wallet/gettransactionbyid', { value: id });

	await node.admin('dropPending');
	await node.admin('fault', { kind: 'drop', path: '/broadcast', times: 1 });
	await assert.rejects(node.post('/wallet/broadcasttransaction', tx));
	assert.equal((await node.post('/wallet/broadcasttransaction', tx)).code,
		'DUP_TRANSACTION_ERROR');
	await node.admin('mine');
	assert.equal((await node.post('/wallet/gettransactioninfobyid', { value: id })).receipt.result,
		'SUCCESS');
});

test('while a stretch is made, mining and forks are refused; a payment meanwhile expires', async () =>
{
	const making = node.admin('bulk', { blocks: 600, transfers: 20 });

	await assert.rejects(node.admin('fork', { depth: 1 }), /bulk run is under way/);
	await assert.rejects(node.admin('mine'), /bulk run is under way/);
	const { txids: [id] } = await node.admin('pay', { to: node.info.accounts[4].hex, amount: 2 });
	const { to } = await making;

	assert.deepEqual((await node.admin('status')).pending, [], 'half an hour has passed');
	assert.equal((await node.admin('mine')).head, to + 1);
	assert.deepEqual(await node.post('/wallet/gettransactionbyid', { value: id }), {});
});
