// SPDX-License-Identifier: PostgreSQL
//
// What the node refuses and what it charges.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TronWeb, utils } from 'tronweb';
import { TronNode } from '../client.mjs';
import { textOf } from '../testing.mjs';

let node;
let tronWeb;
let payer;

before(async () =>
{
	node = await TronNode.start('--no-mining');
	payer = node.info.accounts[2];
	tronWeb = new TronWeb({ fullHost: node.url, privateKey: payer.privateKey });
});
after(() => node.stop());

/** Returns an unsigned USDT transfer with changes to its raw data, ids recomputed by tronweb. */
async function transfer(changes = {}, options = {})
{
	const { transaction } = await tronWeb.transactionBuilder.triggerSmartContract(node.info.usdt,
		'transfer(address,uint256)', { feeLimit: 100000000, ...options },
		[{ type: 'address', value: options.to ?? node.info.accounts[5].address },
			{ type: 'uint256', value: options.amount ?? 1 }], options.from ?? payer.address);

	return retouch(transaction, changes);
}

let stamp = 0;

/** Changes raw data of an unsigned transaction; every call makes a transaction of its own. */
function retouch(transaction, changes)
{
	const tx = structuredClone(transaction);

	tx.raw_data.timestamp += ++stamp;
	Object.assign(tx.raw_data, changes);
	const pb = utils.transaction.txJsonToPb(tx);

	tx.raw_data_hex = utils.transaction.txPbToRawDataHex(pb).toLowerCase();
	tx.txID = utils.transaction.txPbToTxID(pb).replace(/^0x/, '');
	return tx;
}

/** Adds a key's signature to a transaction, by tronweb. */
function sign(tx, key)
{
	const signature = utils.crypto.ECKeySign(Uint8Array.from(Buffer.from(tx.txID, 'hex')),
		Uint8Array.from(Buffer.from(key, 'hex'))).replace(/^0x/, '');

	return { ...tx, signature: [...(tx.signature ?? []), signature] };
}

/** Signs with a key and broadcasts; returns the answer. */
function push(tx, key = payer.privateKey)
{
	return node.post('/wallet/broadcasttransaction', sign(tx, key));
}

test('a valid transfer is taken; the answer has no code', async () =>
{
	const tx = await transfer();

	assert.deepEqual(await push(tx), { result: true, txid: tx.txID });
	await node.admin('mine');
	const info = await node.post('/wallet/gettransactioninfobyid', { value: tx.txID });

	assert.equal(info.receipt.net_usage, 345, 'bandwidth of a transfer');
	assert.equal(info.receipt.energy_fee, 6428500);
	assert.equal(info.fee, 6428500);
});

test('SIGERROR: a stranger\'s signature, none, a short one, one too many', async () =>
{
	const stranger = utils.accounts.generateAccount();
	const foreign = sign(await transfer(), stranger.privateKey);
	const answer = await node.post('/wallet/broadcasttransaction', foreign);

	assert.equal(answer.code, 'SIGERROR');
	assert.match(textOf(answer.message), /is signed by T\w+ but it is not contained of permission\.$/);
	assert.equal(answer.txid, foreign.txID);
	assert.equal(answer.result, undefined);

	const unsigned = await node.post('/wallet/broadcasttransaction', await transfer());

	assert.equal(textOf(unsigned.message), 'Validate signature error: miss sig or contract');

	const short = { ...await transfer(), signature: ['00'.repeat(64)] };

	assert.match(textOf((await node.post('/wallet/broadcasttransaction', short)).message),
		/Signature size is 64/);

	const double = sign(await transfer(), payer.privateKey);

	double.signature.push(double.signature[0]);
	assert.match(textOf((await node.post('/wallet/broadcasttransaction', double)).message),
		/Signature count is 2 more than key counts/);
});

test('raw_data counts, raw_data_hex and txID do not', async () =>
{
	const signed = sign(await transfer(), payer.privateKey);

	signed.raw_data.fee_limit += 1;
	assert.equal((await node.post('/wallet/broadcasttransaction', signed)).code, 'SIGERROR');
});

test('TAPOS_ERROR: an unknown reference block', async () =>
{
	const wrongHash = await push(await transfer({ ref_block_hash: '00'.repeat(8) }));
	const farAhead = await push(await transfer({ ref_block_bytes: 'fff0' }));

	assert.equal(wrongHash.code, 'TAPOS_ERROR');
	assert.equal(textOf(wrongHash.message), 'Tapos check error.');
	assert.equal(farAhead.code, 'TAPOS_ERROR');
});

test('TRANSACTION_EXPIRATION_ERROR: past, and more than a day ahead', async () =>
{
	const { headTime } = await node.admin('status');
	const past = await push(await transfer({ expiration: headTime }));
	const far = await push(await transfer({ expiration: headTime + 86400001 }));
	const edge = await push(await transfer({ expiration: headTime + 86400000 }));

	assert.equal(past.code, 'TRANSACTION_EXPIRATION_ERROR');
	assert.equal(textOf(past.message), 'Transaction expired');
	assert.equal(far.code, 'TRANSACTION_EXPIRATION_ERROR');
	assert.equal(edge.result, true);
});

test('a pending transaction is packed only while the head is older than its expiration', async () =>
{
	const { headTime } = await node.admin('status');
	const inTime = await transfer({ expiration: headTime + 3000 });

	assert.equal((await push(inTime)).result, true);
	await node.admin('mine', { skip: 2 });
	assert.ok((await node.post('/wallet/gettransactioninfobyid', { value: inTime.txID })).id);
});

test('a node may take a transaction and answer an error, or forget one it took', async () =>
{
	const taken = await transfer();
	const lost = await transfer();

	await node.admin('fault', { kind: 'broadcast', accept: true, times: 1, code: 'OTHER_ERROR' });
	assert.equal((await push(taken)).code, 'OTHER_ERROR');
	await node.admin('mine');
	assert.ok((await node.post('/wallet/gettransactioninfobyid', { value: taken.txID })).id);
	assert.equal((await push(lost)).result, true);
	assert.equal((await node.admin('dropPending')).dropped, 1);
	await node.admin('mine', { blocks: 30 });
	assert.deepEqual(await node.post('/wallet/gettransactionbyid', { value: lost.txID }), {});
	assert.equal((await push(lost)).code, 'TRANSACTION_EXPIRATION_ERROR');
	await node.admin('clear');
});

test('DUP_TRANSACTION_ERROR: while pending, when mined, and after a push that failed', async () =>
{
	const tx = await transfer();

	assert.equal((await push(tx)).result, true);
	assert.equal((await push(tx)).code, 'DUP_TRANSACTION_ERROR');
	await node.admin('mine');
	const again = await push(tx);

	assert.equal(again.code, 'DUP_TRANSACTION_ERROR');
	assert.equal(textOf(again.message), 'Transaction already exists.');

	const bad = await transfer({ ref_block_hash: '11'.repeat(8) });

	assert.equal((await push(bad)).code, 'TAPOS_ERROR');
	assert.equal((await push(bad)).code, 'DUP_TRANSACTION_ERROR', 'no proof of acceptance');
	assert.deepEqual(await node.post('/wallet/gettransactionbyid', { value: bad.txID }), {});
});

test('without the transaction cache a failed push fails the same way again', async () =>
{
	const other = await TronNode.start('--no-mining', '--no-tx-cache');

	try
	{
		const body = { raw_data: { contract: [], expiration: 9e12 }, signature: [] };
		const first = await other.post('/wallet/broadcasttransaction', body);

		assert.equal(first.code, 'CONTRACT_VALIDATE_ERROR');
		assert.equal((await other.post('/wallet/broadcasttransaction', body)).code, first.code);
	}
	finally
	{
		await other.stop();
	}
});

test('TOO_BIG_TRANSACTION_ERROR above 500 KiB', async () =>
{
	const big = await transfer({ data: '00'.repeat(512000) });
	const answer = await push(big);

	assert.equal(answer.code, 'TOO_BIG_TRANSACTION_ERROR');
	assert.match(textOf(answer.message), /^Too big transaction with result, TxId [0-9a-f]{64},/);
});

test('CONTRACT_VALIDATE_ERROR: balance, no such contract, fee limit out of range', async () =>
{
	const poor = await tronWeb.transactionBuilder.sendTrx(node.info.accounts[5].address, 10 ** 12,
		payer.address);
	const answer = await push(retouch(poor, {}));
	const missing = await transfer();

	assert.equal(answer.code, 'CONTRACT_VALIDATE_ERROR');
	assert.equal(textOf(answer.message), 'Contract validate error : Validate TransferContract error,'
		+ ' balance is not sufficient.');
	missing.raw_data.contract[0].parameter.value.contract_address = '41' + '99'.repeat(20);
	assert.match(textOf((await push(retouch(missing, {}))).message), /No contract or not a smart/);
	assert.match(textOf((await push(await transfer({ fee_limit: 15000000001 }))).message),
		/feeLimit must be >= 0 and <= 15000000000/);
});

test('BANDWITH_ERROR and an account that does not exist', async () =>
{
	const account = utils.accounts.generateAccount();
	const push2 = (tx) => push(tx, account.privateKey);
	const from = account.address.base58;
	const absent = await push2(await transfer({}, { from }));

	assert.equal(absent.code, 'CONTRACT_VALIDATE_ERROR');
	assert.match(textOf(absent.message), /account \[T\w+\] does not exist/);
	await node.admin('giveTrx', { address: from, amount: 1000 });
	assert.equal((await push2(await transfer({}, { from }))).result, true, 'free bandwidth');

	const dry = await push2(await transfer({}, { from }));

	assert.equal(dry.code, 'BANDWITH_ERROR');
	assert.equal(textOf(dry.message), 'Account resource insufficient error.');
});

test('an account without TRX ends OUT_OF_ENERGY; fee_limit caps staked energy as well', async () =>
{
	const account = node.info.accounts[6];
	const low = await transfer({ fee_limit: 1000000 }, { from: account.address });

	await node.admin('grant', { address: account.address, energy: 10 ** 9 });
	assert.equal((await push(low, account.privateKey)).result, true, 'broadcast does not tell');
	await node.admin('mine');

	const info = await node.post('/wallet/gettransactioninfobyid', { value: low.txID });

	assert.equal(info.receipt.result, 'OUT_OF_ENERGY');
	assert.equal(info.receipt.energy_usage_total, 10000, 'fee_limit / 100 sun');
	assert.equal(info.result, 'FAILED');
	assert.equal(info.log, undefined);
	assert.match(textOf(info.resMessage), /^Not enough energy for 'SSTORE'/);
	assert.equal((await node.post('/wallet/gettransactionbyid', { value: low.txID }))
		.ret[0].contractRet, 'OUT_OF_ENERGY');
});

test('bandwidth: 600 free bytes a day, then 1000 sun a byte; back within a day', async () =>
{
	const account = node.info.accounts[7];
	const usage = async () =>
	{
		const tx = await transfer({}, { from: account.address });

		await push(tx, account.privateKey);
		await node.admin('mine');
		return (await node.post('/wallet/gettransactioninfobyid', { value: tx.txID })).receipt;
	};

	assert.equal((await usage()).net_usage, 345);
	assert.equal((await usage()).net_fee, 345000);
	assert.equal((await node.post('/wallet/getaccountnet', { address: account.hex })).freeNetUsed,
		344, 'it fades from the next block on');
	await node.admin('mine', { skip: 24 * 1200 });
	assert.equal((await usage()).net_usage, 345);
});

test('TRX to a new address costs 1 TRX and 0.1 TRX; a memo costs 1 TRX', async () =>
{
	const account = node.info.accounts[8];
	const to = utils.accounts.generateAccount().address.base58;
	const send = async (memo) =>
	{
		const tx = retouch(await tronWeb.transactionBuilder.sendTrx(to, 1000000, account.address),
			memo ? { data: Buffer.from(memo).toString('hex') } : {});

		assert.equal((await push(tx, account.privateKey)).result, true);
		await node.admin('mine');
		return node.post('/wallet/gettransactioninfobyid', { value: tx.txID });
	};

	assert.equal((await send()).fee, 1100000);
	assert.equal((await send()).fee, undefined);
	assert.equal((await send('invoice 7')).fee, 1000000);
});

test('permissions: an active permission by id, thresholds, and its allowed operations', async () =>
{
	const account = node.info.accounts[9];
	const [a, b] = [node.info.accounts[3], node.info.accounts[4]];
	const build = () => transfer({}, { from: account.address, permissionId: 2 });
	const single = await transfer({}, { from: account.address, permissionId: 2 });

	assert.equal((await push(single, account.privateKey)).result, true, 'default active permission');
	await node.admin('permissions', {
		address: account.address, owner: { threshold: 1, keys: [{ address: a.hex, weight: 1 }] },
		actives: [{ threshold: 2, keys: [a, b].map(({ hex }) => ({ address: hex, weight: 1 })) }],
	});
	assert.equal((await push(await build(), account.privateKey)).code, 'SIGERROR');
	assert.equal(textOf((await push(await build(), a.privateKey)).message),
		'Validate signature error: sig error');

	const both = sign(await build(), a.privateKey);

	assert.equal((await push(both, b.privateKey)).result, true);
	await node.admin('mine');
	const info = await node.post('/wallet/gettransactioninfobyid', { value: both.txID });

	assert.equal(info.fee, 1000000 + info.receipt.energy_fee + (info.receipt.net_fee ?? 0),
		'a second signature costs 1 TRX');
	assert.match(textOf((await push(await transfer({}, { from: account.address, permissionId: 3 }),
		a.privateKey)).message), /permission isn't exit/);
});

test('staking, delegating energy and taking it back', async () =>
{
	const [from, to] = [node.info.accounts[3], node.info.accounts[1]];
	const limit = async () =>
		(await node.post('/wallet/getaccountresource', { address: to.hex })).EnergyLimit ?? 0;
	const run = async (promise) =>
	{
		const tx = retouch(await promise, {});

		assert.equal((await push(tx, from.privateKey)).result, true);
		await node.admin('mine');
	};
	const builder = tronWeb.transactionBuilder;

	await run(builder.freezeBalanceV2(10 ** 10, 'ENERGY', from.address));
	await run(builder.delegateResource(10 ** 9, to.address, 'ENERGY', from.address));
	assert.equal(await limit(), 9375, '1000 TRX of a stake');
	await run(builder.undelegateResource(10 ** 9, to.address, 'ENERGY', from.address));
	assert.equal(await limit(), 0);

	const small = retouch(await builder.delegateResource(999999, to.address, 'ENERGY', from.address)
		.catch(() => builder.delegateResource(10 ** 6, to.address, 'ENERGY', from.address)), {});

	small.raw_data.contract[0].parameter.value.balance = 999999;
	assert.match(textOf((await push(retouch(small, {}), from.privateKey)).message),
		/greater than or equal to 1 TRX/);
});

test('bad bytes and bad JSON are answered as errors', async () =>
{
	assert.match((await node.post('/wallet/broadcasthex', { transaction: 'ffff' })).Error, /^class/);
	assert.match((await node.post('/wallet/broadcasthex', { transaction: 'xyz' })).Error, /^class/);

	const response = await fetch(node.url + '/wallet/getaccount', { method: 'POST', body: '{' });

	assert.match((await response.json()).Error, /JSONException/);
	assert.match((await node.post('/wallet/getaccount', { address: 'T9', visible: true })).Error,
		/INVALID base58/);
});
