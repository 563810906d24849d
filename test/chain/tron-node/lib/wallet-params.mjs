// SPDX-License-Identifier: PostgreSQL
//
// Parameters of wallet requests, and the errors servlets answer bad ones with.

import { base58CheckDecode, toBase58 } from './crypto.mjs';

/** Returns text as hex of its UTF-8, the form messages have unless visible. */
export function hexText(text)
{
	return Buffer.from(text, 'utf8').toString('hex');
}

/** An exception of the Java code, printed as {"Error": "class … : …"}. */
export class JavaError extends Error
{
	constructor(javaClass, message)
	{
		super(`class ${javaClass} : ${message}`);
	}
}

/** Returns a whole-number parameter. */
export function intParam(params, name)
{
	const value = Number(params[name] ?? 0);

	if (!Number.isSafeInteger(value))
		throw new JavaError('java.lang.NumberFormatException',
			`For input string: "${params[name]}"`);
	return value;
}

/** Returns a hex parameter of bytes, without 0x. */
export function hexParam(params, name)
{
	const text = String(params[name] ?? '').replace(/^0x/, '');

	if (!/^([0-9a-fA-F]{2})*$/.test(text))
		throw new JavaError('org.tron.core.services.http.JsonFormat$ParseException',
			`1:1: INVALID hex String: ${text}`);
	return text.toLowerCase();
}

/** Returns an address parameter (hex 41…), as hex or, when visible, as base58check. */
export function addressParam(call, name)
{
	const text = call.params[name];

	if (!text)
		return '';
	if (call.visible)
	{
		const hex = base58CheckDecode(String(text))?.toString('hex');

		if (!hex)
			throw new JavaError('org.tron.core.services.http.JsonFormat$ParseException',
				`1:1: INVALID base58 String, ${text}`);
		return hex;
	}
	return hexParam(call.params, name);
}

/** Returns an address in the form a call wants. */
export function show(call, address)
{
	return call.visible ? toBase58(address) : address;
}
