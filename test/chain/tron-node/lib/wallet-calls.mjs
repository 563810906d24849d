// SPDX-License-Identifier: PostgreSQL
//
// Wallet requests that build, simulate and broadcast transactions.

import { logJson } from './block.mjs';
import { selectorOf } from './crypto.mjs';
import { Refusal, accountOf, runContract } from './execute.mjs';
import { CONTRACT_BODIES, fromJson } from './proto.mjs';
import { OverlaidState } from './state.mjs';
import { Tx, buildTx, txFromJson } from './transaction.mjs';
import { JavaError, addressParam, hexParam, hexText, intParam } from './wallet-params.mjs';

const ESTIMATE_LIMIT = 150000000;

/** Returns { owner, contract, data } of a contract call request; throws like the servlets do. */
function callParams(call)
{
	const { params } = call;
	const owner = addressParam(call, 'owner_address');
	const contract = addressParam(call, 'contract_address');
	const selector = params.function_selector;
	const data = selector ? selectorOf(selector) + hexParam(params, 'parameter')
		: hexParam(params, 'data');

	if (!owner)
		throw new Refusal('OTHER_ERROR',
			'class java.security.InvalidParameterException : owner_address isn\'t set.');
	if (!contract)
		throw new Refusal('OTHER_ERROR',
			'class java.security.InvalidParameterException : contract_address isn\'t set.');
	return { owner, contract, data };
}

/** Runs a contract call handler; turns a refusal into the result object servlets answer. */
function guarded(call, run)
{
	try
	{
		return run();
	}
	catch (error)
	{
		if (!(error instanceof Refusal) && !(error instanceof JavaError))
			throw error;
		return {
			result: {
				code: error.code ?? 'OTHER_ERROR',
				message: call.visible ? error.message : hexText(error.message),
			},
		};
	}
}

/** Returns an unsigned transaction that refers to the solidified block. */
function draft(call, type, json)
{
	const { chain } = call.node;
	const body = fromJson(CONTRACT_BODIES[type], json, call.visible);
	const extra = call.params.extra_data;

	return buildTx(type, body, {
		ref: { number: chain.solid, id: chain.blockIdOf(chain.solid) },
		expiration: chain.head.timestamp + 60000, timestamp: Date.now(),
		feeLimit: intParam(call.params, 'fee_limit'),
		permissionId: intParam(call.params, 'Permission_id'),
		memo: extra ? Buffer.from(extra, call.visible ? 'utf8' : 'hex') : undefined,
	});
}

/** Returns the transaction of a contract call request. */
function callDraft(call, data)
{
	return draft(call, 'TriggerSmartContract', {
		owner_address: call.params.owner_address, contract_address: call.params.contract_address,
		call_value: call.params.call_value, data,
	});
}

/** triggersmartcontract: builds a transaction; a view method is answered at once. */
export function triggerSmartContract(call)
{
	return guarded(call, () =>
	{
		const { contract, data } = callParams(call);
		const target = call.node.chain.contracts.get(contract);

		if (!target)
			throw new Refusal('CONTRACT_VALIDATE_ERROR',
				'No contract or not a valid smart contract');
		if (target.isView(data.slice(0, 8)))
			return constantAnswer(call, callParams(call));

		const tx = callDraft(call, data);

		return {
			result: { result: true },
			transaction: { visible: call.visible, ...tx.toJson(call.visible) },
		};
	});
}

/** Executes a call on the view's state without changing it. */
function dryRun(call, { owner, contract, data })
{
	const { chain } = call.node;
	const target = chain.contracts.get(contract);

	if (!target)
		throw new Refusal('CONTRACT_VALIDATE_ERROR', 'Smart contract is not exist.');

	const scratch = new OverlaidState(call.view.state(!call.solid));

	return runContract(scratch, target, owner, data, ESTIMATE_LIMIT);
}

/** Returns the answer of a call that was only simulated. */
function constantAnswer(call, wanted)
{
	const outcome = dryRun(call, wanted);
	const ok = outcome.result === 'SUCCESS';
	const tx = callDraft(call, wanted.data);
	const message = outcome.message ?? '';
	const json = {
		result: {
			result: true, ...(ok ? {} : { message: call.visible ? message : hexText(message) }),
		},
		energy_used: outcome.energy,
		constant_result: [outcome.data],
	};

	if (outcome.penalty)
		json.energy_penalty = outcome.penalty;
	if (outcome.logs.length)
		json.logs = outcome.logs.map((log) => logJson(log, false));
	json.transaction = {
		ret: [ok ? {} : { ret: 'FAILED' }], visible: call.visible, ...tx.toJson(call.visible),
	};
	return json;
}

/** triggerconstantcontract. */
export function triggerConstantContract(call)
{
	return guarded(call, () => constantAnswer(call, callParams(call)));
}

/** estimateenergy. */
export function estimateEnergy(call)
{
	return guarded(call, () =>
	{
		const outcome = dryRun(call, callParams(call));

		if (outcome.result !== 'SUCCESS')
			return {
				result: { code: 'CONTRACT_EXE_ERROR', message: hexText(outcome.message) },
			};
		return { result: { result: true }, energy_required: outcome.energy };
	});
}

/** createtransaction: a TRX transfer. */
export function createTransaction(call)
{
	const { chain } = call.node;
	const owner = addressParam(call, 'owner_address');
	const to = addressParam(call, 'to_address');
	const amount = intParam(call.params, 'amount');
	const account = accountOf(chain.state, owner);
	const complain = (text) =>
		new JavaError('org.tron.core.exception.ContractValidateException', text);

	if (!/^41.{40}$/.test(owner))
		throw complain('Invalid ownerAddress!');
	if (!/^41.{40}$/.test(to))
		throw complain('Invalid toAddress!');
	if (owner === to)
		throw complain('Cannot transfer TRX to yourself.');
	if (!account)
		throw complain('Validate TransferContract error, no OwnerAccount.');
	if (!(amount > 0))
		throw complain('Amount must be greater than 0.');
	if (account.balance < amount)
		throw complain('Validate TransferContract error, balance is not sufficient.');

	const tx = draft(call, 'TransferContract',
		{ owner_address: call.params.owner_address, to_address: call.params.to_address, amount });

	return { visible: call.visible, ...tx.toJson(call.visible) };
}

/** Pushes a transaction; returns { code, message } of java-tron's Return. */
function broadcast(call, tx)
{
	const fault = call.faults.hit('broadcast', call.request);

	if (fault && !fault.accept)
		return { code: fault.code ?? 'SERVER_BUSY', message: fault.message ?? 'Server busy.' };
	try
	{
		call.node.chain.broadcast(tx);
	}
	catch (error)
	{
		if (!(error instanceof Refusal))
			throw error;
		return { code: error.code, message: error.message };
	}
	if (fault)
		return { code: fault.code ?? 'OTHER_ERROR', message: fault.message ?? 'Error: null' };
	return { code: 'SUCCESS', message: '' };
}

/** broadcasttransaction: the transaction as JSON; raw_data counts, raw_data_hex does not. */
export function broadcastTransaction(call)
{
	const tx = txFromJson(call.params, call.visible);
	const { code, message } = broadcast(call, tx);

	if (code === 'SUCCESS')
		return { result: true, txid: tx.id };
	return { code, txid: tx.id, message: call.visible ? message : hexText(message) };
}

/** broadcasthex: the transaction as protobuf in hex; the message comes as plain text here. */
export function broadcastHex(call)
{
	let tx;

	try
	{
		tx = Tx.fromBytes(Buffer.from(hexParam(call.params, 'transaction'), 'hex'));
	}
	catch (error)
	{
		throw new JavaError('com.google.protobuf.InvalidProtocolBufferException', error.message);
	}

	const { code, message } = broadcast(call, tx);

	return {
		result: code === 'SUCCESS', code, message,
		transaction: JSON.stringify(tx.toJson(true)), txid: tx.id,
	};
}
