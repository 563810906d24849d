// SPDX-License-Identifier: PostgreSQL
//
// The node's own code and answers, held against recorded mainnet data.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { recoverAddress, sha256, sha256Hex, toBase58 } from '../lib/crypto.mjs';
import { BlockHeader, BlockHeaderRaw, TransactionRaw, decode, encode } from '../lib/proto.mjs';
import { blockId, infoJson } from '../lib/block.mjs';
import { Tx, merkleRoot, txFromJson } from '../lib/transaction.mjs';
import { TronNode } from '../client.mjs';
import { recomputedBlockId, shape, vector } from '../testing.mjs';

const sample = vector('tron_chain/transactions_79072107_sample.json');
const proof = vector('tron_chain/proof_79707076_7fed5a.json');
const headers = vector('tron_chain/headers_78000000_sample.json');
const infos = vector('tron_infos/mainnet_samples.json');
const bytesOf = (hex) => Buffer.from(hex.replace(/^0x/, ''), 'hex');

/** Returns our Tx of a recorded transaction. */
function txOf(recorded)
{
	return new Tx({
		raw_data: decode(TransactionRaw, bytesOf(recorded.raw_data_hex)),
		signature: recorded.signature.map(bytesOf),
	});
}

test('mainnet transactions keep their bytes and ids through our codec', () =>
{
	for (const recorded of sample.transactions)
	{
		const tx = txOf(recorded);

		assert.equal(tx.raw.toString('hex'), recorded.raw_data_hex);
		assert.equal(tx.id, recorded.txID);
		assert.equal(txFromJson(tx.toJson(false), false).id, recorded.txID);
		assert.equal(txFromJson(tx.toJson(true), true).id, recorded.txID);
	}
	assert.equal(sample.transactions.length, 83);
});

test('mainnet transactions print as they were recorded', () =>
{
	let compared = 0;

	for (const { expected_signers: signers, ...recorded } of sample.transactions)
	{
		const tx = txOf(recorded);
		const json = tx.toJson(false, 'SUCCESS');

		assert.deepEqual(tx.object.signature.map((s) => toBase58(recoverAddress(tx.id, s))), signers);
		// The recording tool did not decode delegations, nor the `scripts` field of one transaction.
		if (JSON.stringify(recorded).includes('_raw_value_hex') || json.raw_data.scripts)
			continue;
		assert.deepEqual(json, recorded);
		compared++;
	}
	assert.equal(compared, 70);
});

test('wallet-core transactions of every contract type we know keep their ids', () =>
{
	let compared = 0;

	for (const entry of vector('tron/wallet_core_signed_transactions.json'))
	{
		const type = entry.raw_data?.contract[0].type;

		if (!entry.raw_data_hex || /Vote/.test(type) || /Vote|Withdraw/.test(entry.name))
			continue;

		const tx = txFromJson({ raw_data: entry.raw_data, signature: [entry.signature] }, false);

		assert.equal(tx.id, entry.txID, entry.name);
		assert.equal(recoverAddress(tx.id, tx.object.signature[0]), tx.owner, entry.name);
		compared++;
	}
	assert.ok(compared >= 9, `${compared} compared`);
});

test('mainnet headers keep their bytes, ids and signers', () =>
{
	headers.blockHeaderRawBytes.forEach((hex, i) =>
	{
		const raw = decode(BlockHeaderRaw, bytesOf(hex));

		assert.equal(encode(BlockHeaderRaw, raw).toString('hex'), hex.slice(2));
		assert.equal(String(raw.number), headers.blockNumbers[i]);
	});
	proof.blocks.forEach((hex, i) =>
	{
		const header = decode(BlockHeader, bytesOf(hex));
		const raw = encode(BlockHeaderRaw, header.raw_data);
		const signer = '0x' + recoverAddress(sha256Hex(raw), header.witness_signature).slice(2);
		const next = proof.blocks[i + 1];

		assert.ok(proof.witnessDelegatees.includes(signer), `block ${i} is signed by a witness`);
		if (next)
			assert.equal(decode(BlockHeader, bytesOf(next)).raw_data.parentHash.toString('hex'),
				blockId(header.raw_data.number, raw));
	});
});

test('the recorded block id is the one we compute', () =>
{
	assert.equal(recomputedBlockId(sample), sample.blockID);
	assert.equal(recomputedBlockId(proof.decoded_headers[0]), proof.decoded_headers[0].blockID);
});

test('a recorded Merkle path leads from our leaf to the root of the mainnet header', () =>
{
	let hash = sha256(Tx.fromBytes(bytesOf(proof.encodedTx)).bytesWithResult('SUCCESS'));
	let bits = proof.indexBits;

	assert.equal('0x' + hash.toString('hex'), proof.txLeaf);
	for (const sibling of proof.proof)
	{
		hash = merkleRoot(bits & 1 ? [bytesOf(sibling), hash] : [hash, bytesOf(sibling)]);
		bits >>= 1;
	}
	assert.equal('0x' + hash.toString('hex'), proof.headerTxTrieRoot);
});

test('infos print with the keys mainnet nodes print', () =>
{
	const base = {
		id: infos[1].id, blockNumber: 1, blockTimeStamp: 2, contractResult: '0'.repeat(64),
		contractAddress: infos[1].contract_address, internal: [], fee: 345000,
		logs: infos[1].log.map((log) => ({ ...log, address: '41' + log.address })),
		receipt: { ...infos[1].receipt, net_usage: 0 },
	};

	assert.deepEqual(infoJson(base, false), { ...infos[1], blockNumber: 1, blockTimeStamp: 2 });
});

let node;

before(async () =>
{
	node = await TronNode.start('--no-mining', '--genesis-time', '1767880000000');
});
after(() => node.stop());

/** Mines a payment and returns { block, infos } with it. */
async function paid(options)
{
	const { head } = await node.admin('pay', { mine: true, ...options });

	return {
		block: await node.post('/wallet/getblockbynum', { num: head }),
		infos: await node.post('/wallet/gettransactioninfobyblocknum', { num: head }),
	};
}

const holder = '41' + '22'.repeat(20);

test('blocks of the node have the shape of a recorded block', async () =>
{
	const { block } = await paid({ to: holder, amount: 1000000 });
	const { note, ...recorded } = sample;
	const isTransfer = (tx) => tx.raw_data.contract[0].type === 'TriggerSmartContract'
		&& !tx.raw_data.contract[0].Permission_id;
	const { expected_signers: ignored, ...transaction } = recorded.transactions.find(isTransfer);

	assert.ok(note);
	assert.deepEqual(shape(block), shape({ ...recorded, transactions: [transaction] }));
});

test('TRX transfers of the node have the shape of a recorded one', async () =>
{
	const { block } = await paid({ to: holder, amount: 1000000, kind: 'trx' });
	const { expected_signers: ignored, ...recorded } = sample.transactions.find((tx) =>
		tx.raw_data.contract[0].type === 'TransferContract' && !tx.raw_data.fee_limit);

	assert.deepEqual(shape(block.transactions[0]), shape(recorded));
});

test('a block without transactions has no transactions key', async () =>
{
	const { head } = await node.admin('mine');

	assert.deepEqual(Object.keys(await node.get(`/wallet/getblockbynum?num=${head}`)),
		['blockID', 'block_header']);
});

test('infos of the node have the shapes of recorded ones', async () =>
{
	const staked = node.info.accounts[3].hex;
	const burning = node.info.accounts[4].hex;
	const known = infos.map((info) => JSON.stringify(shape(info)));
	const seen = new Set();
	const collect = async (options) =>
	{
		for (const info of (await paid(options)).infos)
		{
			const at = known.indexOf(JSON.stringify(shape(info)));

			assert.notEqual(at, -1, `unknown shape: ${JSON.stringify(info)}`);
			seen.add(at);
		}
	};

	await node.admin('grant', { address: staked, energy: 10 ** 9, bandwidth: 400 });
	await collect({ to: '41' + '23'.repeat(20), amount: 5, from: staked });
	await collect({ to: '41' + '23'.repeat(20), amount: 5, from: staked });
	await collect({ to: '41' + '23'.repeat(20), amount: 5, from: staked });
	await collect({ to: holder, amount: 1000000, kind: 'trx', from: burning });
	await node.admin('grant', { address: burning, bandwidth: 10 ** 6 });
	await collect({ to: '41' + '24'.repeat(20), amount: 1000000, kind: 'trx', from: burning });
	await node.admin('force', { result: 'OUT_OF_ENERGY' });
	await collect({ to: holder, amount: 1, from: burning });
	assert.deepEqual([...seen].sort(), [1, 2, 3, 4, 6], 'every recorded shape was met');
});

test('visible: addresses as base58check, in blocks and in infos', async () =>
{
	const { head } = await node.admin('pay', { to: holder, amount: 7, mine: true });
	const block = await node.get(`/wallet/getblockbynum?num=${head}&visible=true`);
	const [info] = await node.post('/wallet/gettransactioninfobyblocknum',
		{ num: head, visible: true });
	const { value } = block.transactions[0].raw_data.contract[0].parameter;

	assert.equal(value.contract_address, node.info.usdt);
	assert.equal(value.owner_address, node.info.accounts[0].address);
	assert.match(block.block_header.raw_data.witness_address, /^T/);
	assert.equal(info.log[0].address, node.info.usdt);
	assert.equal(info.contract_address, node.info.usdt);
	assert.match(value.data, /^a9059cbb/);
});
