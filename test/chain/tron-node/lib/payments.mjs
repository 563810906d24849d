// SPDX-License-Identifier: PostgreSQL
//
// Transactions the node makes itself, so that a test needs one request to have somebody paid in any
// of the ways a watcher of deposits has to tell apart.

import { callData, disperseData } from './contracts.mjs';
import { PARAMETERS } from './execute.mjs';
import { buildTx, withSignatures } from './transaction.mjs';

const DEFAULT_FEE_LIMIT = 100000000;

/** Returns an unsigned transaction that refers to the solidified block. */
function draft(chain, type, body, options = {})
{
	chain.lastStamp = Math.max(chain.lastStamp + 1, chain.head.timestamp);
	return buildTx(type, body, {
		ref: { number: chain.solid, id: chain.blockIdOf(chain.solid) },
		expiration: chain.head.timestamp + 60000, timestamp: chain.lastStamp, ...options,
	});
}

/** Signs a contract call and broadcasts it; returns the id. */
export function send(chain, key, contract, data, feeLimit = DEFAULT_FEE_LIMIT)
{
	return signAndPush(chain, key, draft(chain, 'TriggerSmartContract', {
		owner_address: Buffer.from(key.address, 'hex'),
		contract_address: Buffer.from(contract, 'hex'), data: Buffer.from(data, 'hex'),
	}, { feeLimit }));
}

/** Signs a TRX transfer and broadcasts it; returns the id. */
function sendTrx(chain, key, to, amount)
{
	return signAndPush(chain, key, draft(chain, 'TransferContract', {
		owner_address: Buffer.from(key.address, 'hex'), to_address: Buffer.from(to, 'hex'), amount,
	}));
}

/** Signs a draft and broadcasts it; returns the id. */
function signAndPush(chain, key, draft)
{
	const tx = withSignatures(draft, [key.sign(draft.id)]);

	chain.broadcast(tx);
	return tx.id;
}

/** Pays somebody in one of several ways; returns the transaction ids. */
export function pay(chain, { to, amount, kind = 'transfer', from, recipients })
{
	const treasury = chain.accounts[0];
	const key = from && kind !== 'zero'
		? chain.accounts.find((k) => k.address === from) : treasury;
	const transfer = (value) => callData('transfer(address,uint256)', to, value);
	const disperse = (list) => send(chain, key, chain.disperser.address, disperseData(
		chain.usdt.address, list.map((r) => r.to), list.map((r) => r.amount)),
	PARAMETERS.maxFeeLimit);

	if (!key)
		throw new Error('from is not one of the funded accounts');
	switch (kind)
	{
	case 'transfer':
		return [send(chain, key, chain.usdt.address, transfer(amount))];
	case 'transferFrom':
		return [send(chain, chain.accounts[1], chain.usdt.address, callData(
			'transferFrom(address,address,uint256)', treasury.address, to, amount))];
	case 'zero':
		return [send(chain, chain.accounts[1], chain.usdt.address, callData(
			'transferFrom(address,address,uint256)', from ?? treasury.address, to, 0n))];
	case 'internal':
		return [disperse([{ to, amount }])];
	case 'multi':
		return [disperse(recipients)];
	case 'fake':
		return [send(chain, treasury, chain.fake.address, transfer(amount))];
	case 'trx':
		return [sendTrx(chain, key, to, Number(amount))];
	case 'outOfTime':
		chain.forceNext('OUT_OF_TIME');
		return [send(chain, key, chain.usdt.address, transfer(amount))];
	case 'revert':
		chain.forceNext('REVERT');
		return [send(chain, key, chain.usdt.address, transfer(amount))];
	default:
		throw new Error(`unknown kind of payment: ${kind}`);
	}
}
