// SPDX-License-Identifier: PostgreSQL
//
// vectors.js: turns test/vectors/*/*.json into lines of tab-separated text for the C unit tests.
// Uses Node's own modules only; the private half of BIP32, which the extension must not have, is
// written out here and so is an independent oracle for the public half.
//
//   node vectors.js TEST_VECTORS OUT_DIR
'use strict';
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

const [source, target] = process.argv.slice(2);
const read = (name) => JSON.parse(fs.readFileSync(path.join(source, name), 'utf8'));
const write = (name, rows) => fs.writeFileSync(path.join(target, name),
	rows.map((row) => row.join('\t') + '\n').join(''));
const hex = (text) => text.replace(/^0x/, '');

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const sha256 = (data) => crypto.createHash('sha256').update(data).digest();
const number = (buffer) => BigInt('0x' + buffer.toString('hex'));
const bytes32 = (n) => Buffer.from(n.toString(16).padStart(64, '0'), 'hex');

function publicKey(key, format) {
	const ecdh = crypto.createECDH('secp256k1');
	ecdh.setPrivateKey(key);
	return ecdh.getPublicKey(null, format);
}

function base58check(payload) {
	const all = Buffer.concat([payload, sha256(sha256(payload)).subarray(0, 4)]);
	let n = number(all);
	let text = '';
	for (; n > 0n; n /= 58n)
		text = ALPHABET[Number(n % 58n)] + text;
	for (let i = 0; i < all.length && all[i] === 0; i++)
		text = '1' + text;
	return text;
}

const seedNode = (seed) => {
	const hash = crypto.createHmac('sha512', 'Bitcoin seed').update(seed).digest();
	return { key: hash.subarray(0, 32), chain: hash.subarray(32), depth: 0, parent: Buffer.alloc(4), n: 0 };
};

function privateChild(node, n) {
	const pub = publicKey(node.key, 'compressed');
	const tail = Buffer.alloc(4);
	tail.writeUInt32BE(n);
	const data = Buffer.concat([n >= 2 ** 31 ? Buffer.concat([Buffer.alloc(1), node.key]) : pub, tail]);
	const hash = crypto.createHmac('sha512', node.chain).update(data).digest();
	return {
		key: bytes32((number(hash.subarray(0, 32)) + number(node.key)) % ORDER),
		chain: hash.subarray(32),
		depth: node.depth + 1,
		parent: crypto.createHash('ripemd160').update(sha256(pub)).digest().subarray(0, 4),
		n,
	};
}

function xpub(node) {
	const head = Buffer.alloc(13);
	head.writeUInt32BE(0x0488b21e, 0);
	head[4] = node.depth;
	node.parent.copy(head, 5);
	head.writeUInt32BE(node.n, 9);
	return base58check(Buffer.concat([head, node.chain, publicKey(node.key, 'compressed')]));
}

const steps = (text) => text.split('/').slice(1).map((part) =>
	parseInt(part, 10) + (/['hH]$/.test(part) ? 2 ** 31 : 0));

// parent xpub, index, child xpub: every public step of the official chains
function ckd() {
	const rows = [];
	for (const { chains } of read('hd_wallet/bip32_official.json').vectors)
		for (const child of chains) {
			const cut = child.path.lastIndexOf('/');
			const parent = cut > 0 && chains.find((c) => c.path === child.path.slice(0, cut));
			const n = steps(child.path).pop();
			if (parent)
				rows.push([parent.xpub, n, n < 2 ** 31 ? child.xpub : 'hardened']);
		}
	return rows;
}

// xpub, comma-separated public path, address without checksum: from the last hardened node on
function paths() {
	const rows = [];
	for (const { seed, hdnodes } of read('hd_wallet/ethers_v5_hdnode_a.json'))
		for (const { path: text, address } of hdnodes) {
			const path = steps(text);
			let cut = path.length;
			while (cut > 0 && path[cut - 1] < 2 ** 31)
				cut--;
			const node = path.slice(0, cut).reduce(privateChild, seedNode(Buffer.from(hex(seed), 'hex')));
			rows.push([xpub(node), path.slice(cut).join(','), hex(address)]);
		}
	return rows;
}

// family, xpub, index, address: what address_derive promises
const derive = () => read('hd_wallet/generated_bip44_eth_tron_a.json').flatMap((entry) =>
	[['evm', entry.eth], ['tron', entry.tron]].flatMap(([family, { xpub: key, addresses }]) =>
		addresses.filter((a) => a.change === 0).map((a) => [family, key, a.index, a.address])));

// encoded, then the structure as words: ( ) and hex strings
function rlp() {
	const words = (item) => Array.isArray(item) ? ['(', ...item.flatMap(words), ')'] : [item];
	return read('evm_crypto/ethers_v6_rlp.json').map((t) => [t.encoded, words(t.decoded).join(' ')]);
}

// transaction bytes, sender: the legacy transactions that must be accepted
const legacy = () => read('evm_crypto/ethereum_tests_transactions_a.json')
	.filter((t) => t.result.sender && parseInt(t.txbytes.slice(2, 4), 16) >= 0xc0)
	.map((t) => [t.txbytes, t.result.sender]);

// message, r || s || v, key
const tronMessages = () => read('tron/wallet_core_message_signing.json').map((t) =>
	[t.message, hex(t.signature), publicKey(Buffer.from(t.private_key, 'hex'), 'uncompressed').toString('hex')]);

const tron = read('tron/wallet_core_addresses.json');
const key = (text) => publicKey(Buffer.from(hex(text), 'hex'), 'uncompressed').toString('hex');

write('bip32_ckd.tsv', ckd());
write('bip32_invalid.tsv', read('hd_wallet/bip32_official.json').invalid_extended_keys.map((k) => [k.key, k.reason]));
write('paths.tsv', paths());
write('derive.tsv', derive());
write('keccak.tsv', read('evm_crypto/ethers_v6_hashes.json').map((t) => [t.data, t.keccak256]));
write('sha2.tsv', read('evm_crypto/ethers_v6_hashes.json').map((t) => [t.data, t.sha256]));
write('accounts.tsv', [
	...read('evm_crypto/ethers_v6_accounts.json').map((t) => ['evm', key(t.privateKey), t.address]),
	...tron.private_key_to_address.map(([k, address]) => ['tron', key(k), address]),
]);
write('tron_addresses.tsv', [...tron.valid.map((t) => ['valid', t]), ...tron.invalid.map((t) => ['invalid', t])]);
write('rlp.tsv', rlp());
write('legacy.tsv', legacy());
write('tron_messages.tsv', tronMessages());

// Signatures published by the libraries of Standard Webhooks: secret, id, timestamp, body, signature.
write('webhook.tsv', read('webhook/standard_webhooks_published.json').published.map((v) =>
	[v.secret, v.id, v.timestamp, Buffer.from(v.payload).toString('hex'), v.signature]));
