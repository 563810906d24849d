// SPDX-License-Identifier: PostgreSQL
//
// What the tests of the node share: vectors, an independent way to recompute ids, shapes.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { getBytes, sha256 } from 'ethers';
import { utils } from 'tronweb';

/** Returns a parsed file of test/vectors. */
export function vector(path)
{
	return JSON.parse(readFileSync(
		fileURLToPath(new URL(`../../vectors/${path}`, import.meta.url)), 'utf8'));
}

/** Returns hex without 0x. */
function bare(hex)
{
	return hex.replace(/^0x/, '');
}

/** Returns a protobuf varint in hex, written apart from the node's own writer. */
function varintHex(number)
{
	let value = BigInt(number);
	let hex = '';

	do
	{
		const byte = Number(value & 0x7fn);

		value >>= 7n;
		hex += (value ? byte | 0x80 : byte).toString(16).padStart(2, '0');
	} while (value);
	return hex;
}

/** Returns the raw header bytes (hex) of a block's JSON header. */
export function headerHex({ timestamp, txTrieRoot, parentHash, number, witness_address, version })
{
	return `08${varintHex(timestamp)}1220${txTrieRoot}1a20${parentHash}38${varintHex(number)}`
		+ `4a15${witness_address}50${varintHex(version)}`;
}

/** Returns the block id of a block's JSON, recomputed. */
export function recomputedBlockId(block)
{
	const raw = block.block_header.raw_data;

	return raw.number.toString(16).padStart(16, '0')
		+ bare(sha256('0x' + headerHex(raw))).slice(16);
}

/** Returns the address that signed a hash, by tronweb. */
export function signerOf(hashHex, signatureHex)
{
	return utils.crypto.ecRecover(hashHex, signatureHex).toLowerCase();
}

/** Returns the Merkle root of a block's JSON, from transactions encoded by tronweb. */
export function recomputedTrieRoot(transactions)
{
	let level = transactions.map((tx) =>
	{
		const pb = new globalThis.TronWebProto.Transaction();
		const result = new globalThis.TronWebProto.Transaction.Result();

		pb.setRawData(utils.transaction.txJsonToPb(tx).getRawData());
		tx.signature.forEach((s) => pb.addSignature(Uint8Array.from(Buffer.from(s, 'hex'))));
		result.setContractret(globalThis.TronWebProto.Transaction.Result.contractResult[
			tx.ret[0].contractRet]);
		pb.addRet(result);
		return bare(sha256(pb.serializeBinary()));
	});

	while (level.length > 1)
		level = level.flatMap((hash, i) => (i % 2 ? [] : level[i + 1] === undefined
			? [hash] : [bare(sha256(getBytes('0x' + hash + level[i + 1])))]));
	return level[0] ?? '0'.repeat(64);
}

/** Returns the shape of a value: types in place of values, one entry per list. */
export function shape(value)
{
	if (Array.isArray(value))
		return value.length ? [shape(value[0])] : [];
	if (value && typeof value === 'object')
		return Object.fromEntries(Object.keys(value).sort().map((key) => [key, shape(value[key])]));
	if (typeof value === 'string')
		return /^[0-9a-f]+$/.test(value) ? 'hex' : /^[A-Z_]+$/.test(value) ? 'word' : 'text';
	return typeof value;
}

/** Returns the text of a hex message. */
export function textOf(hex)
{
	return Buffer.from(hex, 'hex').toString('utf8');
}
