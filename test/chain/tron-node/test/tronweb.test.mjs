// SPDX-License-Identifier: PostgreSQL
//
// tronweb as an unchanged client, and as the independent judge of ids and signatures.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TronWeb, utils } from 'tronweb';
import { TronNode } from '../client.mjs';
import {
	headerHex, recomputedBlockId, recomputedTrieRoot, signerOf,
} from '../testing.mjs';
import { sha256 } from 'ethers';

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

/** Returns a fresh address. */
function fresh()
{
	return utils.accounts.generateAccount().address.base58;
}

test('tronweb reads the token', async () =>
{
	const token = await tronWeb.contract().at(node.info.usdt);

	assert.equal(await token.symbol().call(), 'USDT');
	assert.equal(await token.name().call(), 'Tether USD');
	assert.equal(await token.decimals().call(), 6n);
	assert.equal(await token.totalSupply().call(), 10n ** 17n);
	assert.equal(await token.balanceOf(payer.address).call(), 10n ** 13n);
	assert.equal(await tronWeb.trx.getBalance(payer.address), 10 ** 12);
});

test('tronweb creates, signs and broadcasts a TRC-20 transfer and reads it back', async () =>
{
	const to = fresh();
	const token = await tronWeb.contract().at(node.info.usdt);
	const { transaction } = await tronWeb.transactionBuilder.triggerSmartContract(node.info.usdt,
		'transfer(address,uint256)', { feeLimit: 100000000 },
		[{ type: 'address', value: to }, { type: 'uint256', value: 12345678 }]);
	const signed = await tronWeb.trx.sign(transaction);
	const answer = await tronWeb.trx.sendRawTransaction(signed);

	assert.equal(answer.result, true);
	assert.equal(answer.txid, transaction.txID);
	assert.equal((await tronWeb.trx.getTransaction(answer.txid)).txID, answer.txid, 'pending');
	assert.deepEqual(await tronWeb.trx.getUnconfirmedTransactionInfo(answer.txid), {});

	await node.admin('mine');
	const unconfirmed = await tronWeb.trx.getUnconfirmedTransactionInfo(answer.txid);

	assert.equal(unconfirmed.receipt.result, 'SUCCESS');
	assert.equal(unconfirmed.receipt.energy_usage_total, 130285);
	assert.equal(unconfirmed.log[0].address, tronWeb.address.toHex(node.info.usdt).slice(2));
	assert.equal(await token.balanceOf(to).call(), 12345678n);
	assert.deepEqual(await tronWeb.trx.getTransactionInfo(answer.txid), {}, 'not solidified yet');

	await node.admin('mine', { blocks: 18 });
	assert.equal((await tronWeb.trx.getTransactionInfo(answer.txid)).id, answer.txid);
	assert.equal((await tronWeb.trx.getConfirmedTransaction(answer.txid)).txID, answer.txid);
});

test('tronweb lets the node build the transaction (contract send) and TRX transfers', async () =>
{
	const token = await tronWeb.contract().at(node.info.usdt);
	const to = fresh();
	const id = await token.transfer(to, 5).send({ feeLimit: 100000000 });
	const sent = await tronWeb.trx.sendTransaction(to, 1500000);

	assert.equal(sent.result, true);
	await node.admin('mine');
	assert.equal((await tronWeb.trx.getUnconfirmedTransactionInfo(id)).receipt.result, 'SUCCESS');
	assert.equal(await tronWeb.trx.getUnconfirmedBalance(to), 1500000);
});

test('a transaction built by the server passes tronweb\'s own check, and broadcasthex takes it',
	async () =>
	{
		const built = await node.post('/wallet/triggersmartcontract', {
			owner_address: payer.hex, contract_address: node.info.usdtHex,
			function_selector: 'transfer(address,uint256)',
			parameter: '0'.repeat(24) + '31'.repeat(20) + '9'.padStart(64, '0'),
			fee_limit: 100000000,
		});

		assert.equal(built.result.result, true);
		assert.ok(utils.transaction.txCheck(built.transaction));

		const signed = await tronWeb.trx.sign(built.transaction);
		const pb = utils.transaction.txJsonToPb(signed);

		signed.signature.forEach((s) => pb.addSignature(Uint8Array.from(Buffer.from(s, 'hex'))));
		const answer = await tronWeb.trx.sendHexTransaction(
			Buffer.from(pb.serializeBinary()).toString('hex'));

		assert.equal(answer.result, true);
		assert.equal(answer.transaction ? answer.txid ?? built.transaction.txID : '',
			built.transaction.txID);
	});

test('energy is estimated as it is charged', async () =>
{
	const known = await tronWeb.transactionBuilder.estimateEnergy(node.info.usdt,
		'transfer(address,uint256)', {}, [{ type: 'address', value: node.info.accounts[5].address },
			{ type: 'uint256', value: 1 }], payer.address);
	const empty = await tronWeb.transactionBuilder.triggerConstantContract(node.info.usdt,
		'transfer(address,uint256)', {}, [{ type: 'address', value: fresh() },
			{ type: 'uint256', value: 1 }], payer.address);

	assert.equal(known.energy_required, 64285);
	assert.equal(empty.energy_used, 130285);
	assert.equal(empty.energy_penalty, 100635);
	assert.equal(empty.constant_result[0], '0'.repeat(64), 'transfer() returns false on success');
});

/** Checks everything about a block that can be recomputed. */
function checkBlock(block, parent)
{
	const raw = block.block_header.raw_data;
	const hash = sha256('0x' + headerHex(raw)).slice(2);

	assert.equal(recomputedBlockId(block), block.blockID);
	assert.equal(raw.parentHash, parent.blockID);
	assert.equal(signerOf(hash, block.block_header.witness_signature), raw.witness_address);
	assert.equal(recomputedTrieRoot(block.transactions ?? []), raw.txTrieRoot);
	for (const tx of block.transactions ?? [])
	{
		const owner = tx.raw_data.contract[0].parameter.value.owner_address;

		assert.ok(utils.transaction.txCheck(tx), tx.txID);
		assert.equal(utils.transaction.txPbToTxID(utils.transaction.txJsonToPb(tx))
			.replace(/^0x/, ''), tx.txID);
		assert.equal(signerOf(tx.txID, tx.signature[0]), owner);
	}
}

test('every block: id, parent, Merkle root, witness, transaction ids and signatures', async () =>
{
	const kinds = ['transfer', 'transferFrom', 'internal', 'fake', 'trx', 'zero', 'outOfTime'];

	for (const kind of kinds)
		await node.admin('pay', { kind, to: fresh(), amount: 1000000 });
	await node.admin('pay', { kind: 'multi', recipients: [1, 2, 3].map((amount) =>
		({ to: fresh(), amount })) });
	await node.admin('mine');

	const { head } = await node.admin('status');
	const { block: blocks } = await node.post('/wallet/getblockbylimitnext',
		{ startNum: head - 40, endNum: head + 1 });

	assert.equal(blocks.at(-1).transactions.length, kinds.length + 2, 'with the hex broadcast');
	blocks.forEach((block, i) => i && checkBlock(block, blocks[i - 1]));
});

test('synthesised blocks are as valid as others', async () =>
{
	const { from, to } = await node.admin('bulk', { blocks: 60, transfers: 7 });
	const { block: blocks } = await node.post('/walletsolidity/getblockbylimitnext',
		{ startNum: from - 1, endNum: from + 30 });

	assert.equal(to - from + 1, 60);
	assert.equal(blocks[5].transactions.length, 7);
	blocks.slice(0, 12).forEach((block, i) => i && checkBlock(block, blocks[i - 1]));
});

test('the protobuf bytes of a block hold what its JSON says', async () =>
{
	const { head } = await node.admin('pay', { to: fresh(), amount: 3, mine: true });
	const block = await node.get(`/wallet/getblock?id_or_num=${head}&detail=true`);
	const { hex } = await node.admin('block', { num: head });

	assert.ok(hex.includes(headerHex(block.block_header.raw_data)));
	assert.ok(hex.includes(block.transactions[0].raw_data_hex));
});
