// SPDX-License-Identifier: PostgreSQL
//
// What a transaction does: signature and resource checks as java-tron makes them, bandwidth and
// energy charges, and the result that goes into the block and into TransactionInfo.

import { recoverAddress, toBase58 } from './crypto.mjs';
import { Revert } from './contracts.mjs';
import { CONTRACT_TYPES } from './proto.mjs';
import { RESULT_BYTES } from './transaction.mjs';

export const PARAMETERS = {
	transactionFee: 1000,
	energyFee: 100,
	freeNetLimit: 600,
	createAccountFee: 100000,
	createAccountSystemFee: 1000000,
	memoFee: 1000000,
	multiSignFee: 1000000,
	maxFeeLimit: 15000000000,
	maxTransactionBytes: 500 * 1024,
	maximumExpiration: 24 * 60 * 60 * 1000,
	totalNetLimit: 43200000000,
	totalNetWeight: 26982000000,
	totalEnergyLimit: 180000000000,
	totalEnergyWeight: 19200000000,
};

const DAY = 24 * 60 * 60 * 1000;
const TRX = 1000000;
const REVERT_CHARGE = { energy: 23000, penalty: 17000 };
const ACTIVE_OPERATIONS = '7fff1fc0033ec30f000000000000000000000000000000000000000000000000';

/** A transaction the node refuses; code is java-tron's response code. */
export class Refusal extends Error
{
	constructor(code, message)
	{
		super(message);
		this.code = code;
	}
}

/** Returns the refusal of a contract that does not validate. */
function invalid(message)
{
	return new Refusal('CONTRACT_VALIDATE_ERROR', `Contract validate error : ${message}`);
}

/** Returns the account of an address, or undefined. */
export function accountOf(state, address)
{
	return state.get('a:' + address);
}

/** Returns a fresh account. */
export function newAccount(now, extra = {})
{
	return {
		type: 'Normal', balance: 0, created: now, used: now, frozen: { NET: 0, ENERGY: 0 },
		delegated: { NET: 0, ENERGY: 0 }, acquired: { NET: 0, ENERGY: 0 }, unfrozen: [],
		grant: { NET: 0, ENERGY: 0 }, usage: {}, permissions: null, ...extra,
	};
}

/** Returns the default permissions of an address: one key, owner and active id 2. */
export function defaultPermissions(address)
{
	const keys = [{ address, weight: 1 }];

	return {
		owner: { threshold: 1, keys },
		actives: [{ id: 2, name: 'active', threshold: 1, operations: ACTIVE_OPERATIONS, keys }],
	};
}

/** Changes some fields of an account. */
function update(state, address, changes)
{
	const account = accountOf(state, address);

	state.set('a:' + address, { ...account, ...changes });
}

/** Returns what is still counted of a past use at a time: it fades out over a day. */
function fadedUse(account, resource, now)
{
	const use = account.usage[resource];

	if (!use || now - use.time >= DAY)
		return 0;
	return Math.floor((use.amount * (DAY - (now - use.time))) / DAY);
}

/** Returns the limit that staked, acquired and granted resources give an account. */
export function resourceLimit(account, resource)
{
	const [limit, weight] = resource === 'NET'
		? [PARAMETERS.totalNetLimit, PARAMETERS.totalNetWeight]
		: [PARAMETERS.totalEnergyLimit, PARAMETERS.totalEnergyWeight];
	const staked = Math.floor((account.frozen[resource] + account.acquired[resource]) / TRX);

	return Math.floor((staked * limit) / weight) + account.grant[resource];
}

/** Returns what an account has used of a resource ('NET', 'ENERGY' or 'FREE'). */
export function resourceUse(account, resource, now)
{
	return fadedUse(account, resource, now);
}

/** Counts a use of a resource. */
function addUse(state, address, resource, amount, now)
{
	const account = accountOf(state, address);
	const use = { amount: fadedUse(account, resource, now) + amount, time: now };

	update(state, address, { usage: { ...account.usage, [resource]: use }, used: now });
}

/** Takes a fee from an account; throws the refusal when it cannot pay. */
function burn(state, address, fee, refusal)
{
	const account = accountOf(state, address);

	if (account.balance < fee)
		throw refusal;
	update(state, address, { balance: account.balance - fee });
}

/** Returns true when an active permission's operations allow a contract type. */
function allows(permission, type)
{
	const number = CONTRACT_TYPES[type];
	const byte = parseInt(permission.operations.slice((number >> 3) * 2, (number >> 3) * 2 + 2), 16);

	return (byte & (1 << (number & 7))) !== 0;
}

/** Returns the permission a transaction claims; throws SIGERROR when there is none. */
function claimedPermission(state, tx)
{
	const id = tx.contract.Permission_id ?? 0;
	const permissions = accountOf(state, tx.owner)?.permissions ?? defaultPermissions(tx.owner);
	const permission = id === 0
		? permissions.owner : permissions.actives.find((active) => active.id === id);

	if (!permission)
		throw signatureError("permission isn't exit");
	if (id !== 0 && !allows(permission, tx.type))
		throw signatureError('Permission denied');
	return permission;
}

/** Returns the refusal of a signature. */
function signatureError(message)
{
	return new Refusal('SIGERROR', `Validate signature error: ${message}`);
}

/** Returns the address behind one signature; throws SIGERROR when there is none. */
function signerOf(tx, signature)
{
	if (signature.length < 65)
		throw signatureError(`Signature size is ${signature.length}`);
	try
	{
		return recoverAddress(tx.id, signature);
	}
	catch
	{
		throw signatureError('Could not recover public key from signature');
	}
}

/** Throws SIGERROR unless the signatures reach the threshold of the claimed permission. */
export function checkSignatures(state, tx)
{
	const signatures = tx.object.signature ?? [];

	if (!signatures.length || !tx.contract)
		throw signatureError('miss sig or contract');
	if (!tx.owner)
		throw invalid('contract type is not supported by this node');

	const permission = claimedPermission(state, tx);
	const seen = new Set();
	let weight = 0;

	if (signatures.length > permission.keys.length)
		throw signatureError(`Signature count is ${signatures.length} more than key counts of`
			+ ` permission : ${permission.keys.length}`);
	for (const signature of signatures)
	{
		const address = signerOf(tx, signature);
		const key = permission.keys.find((k) => k.address === address);

		if (!key)
			throw signatureError(`${signature.toString('hex')} is signed by ${toBase58(address)}`
				+ ' but it is not contained of permission.');
		if (seen.has(address))
			throw signatureError(`${toBase58(address)} has signed twice!`);
		seen.add(address);
		weight += key.weight;
	}
	if (weight < permission.threshold)
		throw signatureError('sig error');
}

/** Charges bandwidth: staked, then free, then TRX; returns the receipt's part and the fee. */
function chargeBandwidth(state, tx, now)
{
	const bytes = tx.bandwidth;
	const owner = accountOf(state, tx.owner);
	const creates = tx.type === 'TransferContract'
		&& !accountOf(state, tx.body.to_address.toString('hex'));
	const refusal = new Refusal('BANDWITH_ERROR', 'Account resource insufficient error.');
	const left = (resource, limit) => limit - fadedUse(owner, resource, now);

	if (left('NET', resourceLimit(owner, 'NET')) >= bytes)
	{
		addUse(state, tx.owner, 'NET', bytes, now);
		return { receipt: { net_usage: bytes }, fee: 0 };
	}
	if (creates)
	{
		burn(state, tx.owner, PARAMETERS.createAccountFee, refusal);
		return {
			receipt: { net_fee: PARAMETERS.createAccountFee }, fee: PARAMETERS.createAccountFee,
		};
	}
	if (left('FREE', PARAMETERS.freeNetLimit) >= bytes)
	{
		addUse(state, tx.owner, 'FREE', bytes, now);
		return { receipt: { net_usage: bytes }, fee: 0 };
	}

	const fee = bytes * PARAMETERS.transactionFee;

	burn(state, tx.owner, fee, refusal);
	return { receipt: { net_fee: fee }, fee };
}

/** Charges the fees for several signatures and for a memo; returns their sum. */
function chargeExtras(state, tx)
{
	const refusal = new Refusal('BANDWITH_ERROR', 'Account resource insufficient error.');
	let fee = 0;

	if ((tx.object.signature?.length ?? 0) > 1)
		fee += PARAMETERS.multiSignFee;
	if (tx.object.raw_data.data?.length)
		fee += PARAMETERS.memoFee;
	if (fee)
		burn(state, tx.owner, fee, refusal);
	return fee;
}

/** Moves TRX; creates the receiver when it does not exist. Returns the fee. */
function transferTrx(chain, tx, now)
{
	const { state } = chain;
	const { body, owner } = tx;
	const to = body.to_address?.toString('hex') ?? '';
	const amount = body.amount ?? 0;
	const account = accountOf(state, owner);
	const receiver = accountOf(state, to);

	if (!/^41.{40}$/.test(to))
		throw invalid('Invalid toAddress!');
	if (to === owner)
		throw invalid('Cannot transfer TRX to yourself.');
	if (!(amount > 0))
		throw invalid('Amount must be greater than 0.');
	if (receiver?.type === 'Contract')
		throw invalid('Cannot transfer TRX to a smartContract.');

	const fee = receiver ? 0 : PARAMETERS.createAccountSystemFee;

	if (account.balance < amount + fee)
		throw invalid('Validate TransferContract error, balance is not sufficient.');
	update(state, owner, { balance: account.balance - amount - fee });
	state.set('a:' + to, {
		...(receiver ?? newAccount(now)), balance: (receiver?.balance ?? 0) + amount,
	});
	return fee;
}

/** Returns our name of a resource enum value. */
function resourceName(value)
{
	return value === 'ENERGY' || value === 1 ? 'ENERGY' : 'NET';
}

/** Stakes TRX for a resource. */
function freeze(chain, tx)
{
	const { state } = chain;
	const amount = tx.body.frozen_balance ?? 0;
	const account = accountOf(state, tx.owner);
	const resource = resourceName(tx.body.resource);

	if (amount < TRX)
		throw invalid('frozenBalance must be greater than or equal to 1 TRX');
	if (amount > account.balance)
		throw invalid('frozenBalance must be less than or equal to accountBalance');
	update(state, tx.owner, {
		balance: account.balance - amount,
		frozen: { ...account.frozen, [resource]: account.frozen[resource] + amount },
	});
}

/** Starts to unstake TRX; it can be withdrawn 14 days later. */
function unfreeze(chain, tx, now)
{
	const { state } = chain;
	const amount = tx.body.unfreeze_balance ?? 0;
	const account = accountOf(state, tx.owner);
	const resource = resourceName(tx.body.resource);

	if (!(amount > 0) || amount > account.frozen[resource])
		throw invalid(`Invalid unfreeze_balance, [${amount}] is error`);
	update(state, tx.owner, {
		frozen: { ...account.frozen, [resource]: account.frozen[resource] - amount },
		unfrozen: [...account.unfrozen, { resource, amount, time: now + 14 * DAY }],
	});
}

/** Pays out what has finished unstaking. */
function withdrawUnfrozen(chain, tx, now)
{
	const { state } = chain;
	const account = accountOf(state, tx.owner);
	const ready = account.unfrozen.filter((u) => u.time <= now);

	if (!ready.length)
		throw invalid('no unFreeze balance to withdraw ');
	update(state, tx.owner, {
		balance: ready.reduce((sum, u) => sum + u.amount, account.balance),
		unfrozen: account.unfrozen.filter((u) => u.time > now),
	});
}

/** Lends (sign 1) or takes back (sign -1) a staked resource. */
function delegate(chain, tx, sign)
{
	const { state } = chain;
	const to = tx.body.receiver_address?.toString('hex') ?? '';
	const amount = tx.body.balance ?? 0;
	const resource = resourceName(tx.body.resource);
	const owner = accountOf(state, tx.owner);
	const receiver = accountOf(state, to);
	const pool = sign > 0 ? owner.frozen[resource] : owner.delegated[resource];

	if (to === tx.owner)
		throw invalid('receiverAddress must not be the same as ownerAddress');
	if (!receiver)
		throw invalid(`Account[${to ? toBase58(to) : ''}] not exists`);
	if (receiver.type === 'Contract')
		throw invalid('Do not allow delegate resources to contract addresses');
	if (sign > 0 && amount < TRX)
		throw invalid('delegateBalance must be greater than or equal to 1 TRX');
	if (!(amount > 0) || amount > pool)
		throw invalid('delegateBalance must be less than or equal to available'
			+ ` Freeze${resource === 'ENERGY' ? 'Energy' : 'Bandwidth'}V2 balance`);
	update(state, tx.owner, {
		frozen: { ...owner.frozen, [resource]: owner.frozen[resource] - sign * amount },
		delegated: { ...owner.delegated, [resource]: owner.delegated[resource] + sign * amount },
	});
	update(state, to, {
		acquired: { ...receiver.acquired, [resource]: receiver.acquired[resource] + sign * amount },
	});
}

const SYSTEM_CONTRACTS = {
	TransferContract: transferTrx,
	FreezeBalanceV2Contract: freeze,
	UnfreezeBalanceV2Contract: unfreeze,
	WithdrawExpireUnfreezeContract: withdrawUnfrozen,
	DelegateResourceContract: (chain, tx) => delegate(chain, tx, 1),
	UnDelegateResourceContract: (chain, tx) => delegate(chain, tx, -1),
};

/** Runs contract code in an undo frame; returns { outcome, logs, internal, ... } and leaves the
 *  state changed only on success. forced is a result to end in whatever the code does. */
export function runContract(state, contract, caller, data, energyLimit, forced)
{
	const logs = [];
	const internal = [];
	const context = {
		state, caller, emit: (log) => logs.push(log), internal: (call) => internal.push(call),
	};
	let outcome = { result: 'SUCCESS', data: '', ...REVERT_CHARGE };

	state.begin();
	try
	{
		outcome = { result: 'SUCCESS', ...contract.call(context, data) };
	}
	catch (error)
	{
		if (!(error instanceof Revert))
			throw error;
		outcome = { result: 'REVERT', data: '', ...REVERT_CHARGE, message: error.message };
	}
	if (forced)
		outcome = forcedOutcome(forced, energyLimit);
	else if (outcome.energy > energyLimit)
		outcome = outOfEnergy(energyLimit);
	if (outcome.result === 'SUCCESS')
		state.commit();
	else
		state.rollback();
	return {
		...outcome, logs: outcome.result === 'SUCCESS' || outcome.keepLogs ? logs : [], internal,
	};
}

/** Returns the outcome of a call that ran out of energy: all of the limit is spent. */
function outOfEnergy(energyLimit)
{
	return {
		result: 'OUT_OF_ENERGY', data: '', energy: energyLimit,
		penalty: Math.floor(energyLimit / 3),
		message: "Not enough energy for 'SSTORE' operation executing:"
			+ ` curInvokeEnergyLimit[${energyLimit}], curOpEnergy[20000], penaltyEnergy[68000],`
			+ ` usedEnergy[${Math.floor(energyLimit / 2)}]`,
	};
}

/** Returns an outcome made to order. A time-out keeps the logs, as java-tron 4.8.0 does. */
function forcedOutcome(result, energyLimit)
{
	if (result === 'OUT_OF_ENERGY')
		return outOfEnergy(energyLimit);
	if (result === 'REVERT')
		return { result, data: '', ...REVERT_CHARGE, message: 'REVERT opcode executed' };
	return {
		result, data: '', energy: energyLimit, penalty: Math.floor(energyLimit / 3),
		keepLogs: result === 'OUT_OF_TIME' || result === 'JVM_STACK_OVER_FLOW',
		message: result === 'OUT_OF_TIME'
			? "CPU timeout for 'SSTORE' operation executing" : result,
	};
}

/** Returns the energy an account may spend on a call: fee_limit caps staked energy too. */
function energyLimitOf(account, feeLimit, now)
{
	const staked = Math.max(0, resourceLimit(account, 'ENERGY') - fadedUse(account, 'ENERGY', now));
	const bought = Math.floor(account.balance / PARAMETERS.energyFee);

	return {
		staked, limit: Math.min(staked + bought, Math.floor(feeLimit / PARAMETERS.energyFee)),
	};
}

/** Calls a contract for a transaction; returns the parts of its TransactionInfo. */
function trigger(chain, tx, now, forced)
{
	const { state } = chain;
	const { body } = tx;
	const address = body.contract_address?.toString('hex') ?? '';
	const contract = chain.contracts.get(address);
	const feeLimit = tx.object.raw_data.fee_limit ?? 0;

	if (!contract)
		throw invalid('No contract or not a smart contract');
	if (feeLimit < 0 || feeLimit > PARAMETERS.maxFeeLimit)
		throw invalid(`feeLimit must be >= 0 and <= ${PARAMETERS.maxFeeLimit}`);

	const { staked, limit } = energyLimitOf(accountOf(state, tx.owner), feeLimit, now);
	const payable = !(body.call_value > 0);
	const outcome = runContract(state, contract, tx.owner,
		(body.data ?? Buffer.alloc(0)).toString('hex'), limit, payable ? forced : 'REVERT');
	const fromStake = Math.min(staked, outcome.energy);
	const energyFee = (outcome.energy - fromStake) * PARAMETERS.energyFee;

	if (fromStake)
		addUse(state, tx.owner, 'ENERGY', fromStake, now);
	update(state, tx.owner, { balance: accountOf(state, tx.owner).balance - energyFee, used: now });
	return { outcome, contract, fromStake, energyFee };
}

/** Returns the receipt and results of a contract call. */
function callInfo(tx, { outcome, contract, fromStake, energyFee })
{
	const ok = outcome.result === 'SUCCESS';

	return {
		fee: energyFee, contractResult: ok ? outcome.data : '', contractAddress: contract.address,
		receipt: {
			energy_usage: fromStake, energy_fee: energyFee, energy_usage_total: outcome.energy,
			result: outcome.result, energy_penalty_total: outcome.penalty,
		},
		logs: outcome.logs, failed: !ok, message: outcome.message,
		internal: outcome.internal.map((call) => ({ ...call, rejected: !ok })),
		contractRet: outcome.result,
	};
}

/** Executes a transaction on the chain's state and returns its info; throws Refusal, in which case
 *  the caller must roll the state back. */
export function execute(chain, tx, now, forced)
{
	const { state } = chain;

	if (!accountOf(state, tx.owner))
		throw invalid(tx.type === 'TransferContract'
			? 'Validate TransferContract error, no OwnerAccount.'
			: `account [${toBase58(tx.owner)}] does not exist`);

	const net = chargeBandwidth(state, tx, now);
	const extras = chargeExtras(state, tx);

	if (tx.type === 'TriggerSmartContract')
	{
		const info = callInfo(tx, trigger(chain, tx, now, forced));

		return {
			...info, fee: info.fee + net.fee + extras, receipt: { ...info.receipt, ...net.receipt },
		};
	}

	const run = SYSTEM_CONTRACTS[tx.type];

	if (!run)
		throw invalid('contract type is not supported by this node');
	return {
		fee: (run(chain, tx, now) ?? 0) + net.fee + extras, contractResult: '',
		receipt: net.receipt, logs: [], internal: [], contractRet: 'SUCCESS',
	};
}

/** Throws when a transaction, with room for two results, exceeds the size limit. */
export function checkSize(tx)
{
	const size = tx.bytes.length + 2 * RESULT_BYTES;

	if (size > PARAMETERS.maxTransactionBytes)
		throw new Refusal('TOO_BIG_TRANSACTION_ERROR', 'Too big transaction with result, TxId'
			+ ` ${tx.id}, the size is ${size} bytes, maxTxSize ${PARAMETERS.maxTransactionBytes}`);
}
