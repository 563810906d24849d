// SPDX-License-Identifier: PostgreSQL
//
// Hashes, addresses, keys and signatures of the simulated network.
//
// Signing is deliberately unsafe: nonces come from a small fixed table, because a day of blocks
// needs millions of valid signatures and a table turns each one into two multiplications. Keys of
// this program protect nothing; never use this signer for anything else.

import crypto from 'node:crypto';
import { secp256k1 } from '@noble/curves/secp256k1';
import { keccak_256 } from '@noble/hashes/sha3';

const ORDER = secp256k1.CURVE.n;
const HALF_ORDER = ORDER >> 1n;
const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** Returns the SHA-256 of bytes as lower-case hex. */
export function sha256Hex(bytes)
{
	return crypto.createHash('sha256').update(bytes).digest('hex');
}

/** Returns the SHA-256 of bytes as a Buffer. */
export function sha256(bytes)
{
	return crypto.createHash('sha256').update(bytes).digest();
}

/** Returns the Keccak-256 of bytes (or of a UTF-8 string) as a Buffer. */
export function keccak256(input)
{
	const bytes = typeof input === 'string' ? Buffer.from(input, 'utf8') : input;

	return Buffer.from(keccak_256(bytes));
}

/** Returns the four-byte ABI selector of a function signature, as hex. */
export function selectorOf(signature)
{
	return keccak256(signature).toString('hex').slice(0, 8);
}

/** Returns the event topic of an event signature, as 64 hex characters. */
export function topicOf(signature)
{
	return keccak256(signature).toString('hex');
}

/** Returns the base58 text of bytes. */
export function base58Encode(bytes)
{
	let value = BigInt('0x' + (bytes.toString('hex') || '0'));
	let text = '';

	while (value > 0n)
	{
		text = ALPHABET[Number(value % 58n)] + text;
		value /= 58n;
	}
	for (const byte of bytes)
	{
		if (byte !== 0)
			break;
		text = '1' + text;
	}
	return text;
}

/** Returns the 21-byte address in hex as base58check text. */
export function toBase58(hexAddress)
{
	const body = Buffer.from(hexAddress, 'hex');
	const check = sha256(sha256(body)).subarray(0, 4);

	return base58Encode(Buffer.concat([body, check]));
}

/** Returns the bytes of base58check text, or null when it is not valid. */
export function base58CheckDecode(text)
{
	let value = 0n;

	for (const c of text)
	{
		const digit = ALPHABET.indexOf(c);

		if (digit < 0)
			return null;
		value = value * 58n + BigInt(digit);
	}

	const bytes = Buffer.from(value.toString(16).padStart(50, '0'), 'hex');

	if (bytes.length !== 25)
		return null;

	const check = sha256(sha256(bytes.subarray(0, 21))).subarray(0, 4);

	return check.equals(bytes.subarray(21)) ? bytes.subarray(0, 21) : null;
}

/** Returns a hex (41…) address from hex, 0x-hex or base58check text; null when it is none. */
export function toHexAddress(text)
{
	if (typeof text !== 'string')
		return null;
	if (/^41[0-9a-fA-F]{40}$/.test(text))
		return text.toLowerCase();
	if (/^0x[0-9a-fA-F]{40}$/.test(text))
		return '41' + text.slice(2).toLowerCase();
	if (/^T[1-9A-HJ-NP-Za-km-z]{33}$/.test(text))
		return base58CheckDecode(text)?.toString('hex') ?? null;
	return null;
}

/** Returns the hex address of an uncompressed public key (65 bytes). */
export function addressOfPublicKey(publicKey)
{
	return '41' + keccak256(publicKey.subarray(1)).subarray(12).toString('hex');
}

const NONCE_COUNT = 64;
let nonces = null;

/** Builds the table of signing nonces on first use. */
function nonceTable()
{
	if (nonces)
		return nonces;
	nonces = [];
	for (let i = 0; i < NONCE_COUNT; i++)
	{
		const k = BigInt('0x' + sha256Hex(Buffer.from(`tron-node nonce ${i}`)));
		const point = secp256k1.ProjectivePoint.BASE.multiply(k).toAffine();

		nonces.push({
			inverse: invert(k), r: point.x, odd: Number(point.y & 1n),
			rHex: point.x.toString(16).padStart(64, '0'),
		});
	}
	return nonces;
}

/** Returns the inverse of a modulo the group order. */
function invert(a)
{
	let [low, high, x, y] = [a % ORDER, ORDER, 1n, 0n];

	while (low > 1n)
	{
		const ratio = high / low;

		[low, high, x, y] = [high - low * ratio, low, y - x * ratio, x];
	}
	return ((x % ORDER) + ORDER) % ORDER;
}

/** A key pair that signs 32-byte hashes. */
export class Key
{
	/** Makes the key from 64 hex characters. */
	constructor(privateHex)
	{
		this.privateHex = privateHex;
		this.secret = BigInt('0x' + privateHex);
		this.address = addressOfPublicKey(secp256k1.getPublicKey(privateHex, false));
		this.products = nonceTable().map((n) => (n.r * this.secret) % ORDER);
	}

	/** Returns the key that a label stands for. */
	static fromLabel(label)
	{
		return new Key(sha256Hex(Buffer.from(label)));
	}

	/** Returns r‖s‖v (130 hex characters, low s, v 0 or 1) over a hash given in hex. */
	sign(hashHex)
	{
		const slot = parseInt(hashHex.slice(0, 2), 16) % NONCE_COUNT;
		const nonce = nonceTable()[slot];
		let s = ((BigInt('0x' + hashHex) + this.products[slot]) * nonce.inverse) % ORDER;
		let v = nonce.odd;

		if (s > HALF_ORDER)
		{
			s = ORDER - s;
			v ^= 1;
		}
		return nonce.rHex + s.toString(16).padStart(64, '0') + (v ? '01' : '00');
	}
}

/** Returns the hex address that made a 65-byte signature over a hash; throws when impossible. */
export function recoverAddress(hashHex, signature)
{
	const v = signature[64] >= 27 ? signature[64] - 27 : signature[64];
	const parsed = secp256k1.Signature.fromCompact(signature.subarray(0, 64));
	const point = parsed.addRecoveryBit(v & 3).recoverPublicKey(hashHex);

	return addressOfPublicKey(point.toRawBytes(false));
}
