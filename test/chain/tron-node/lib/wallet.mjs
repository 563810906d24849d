// SPDX-License-Identifier: PostgreSQL
//
// The HTTP interface: /wallet/* on the head and /walletsolidity/* on the solidified view.
// A handler takes a call { node, view, solid, params, visible, request, faults } and returns an
// object, or a string that already is JSON text.

import { base58CheckDecode, selectorOf, toBase58, toHexAddress } from './crypto.mjs';
import { infoJson, logJson } from './block.mjs';
import { applyToBlock, applyToInfos } from './faults.mjs';
import {
	PARAMETERS, Refusal, accountOf, defaultPermissions, resourceLimit, resourceUse, runContract,
} from './execute.mjs';
import { CONTRACT_BODIES, fromJson } from './proto.mjs';
import { Tx, buildTx, txFromJson } from './transaction.mjs';

const BLOCKS_PER_CALL = 100;
const ESTIMATE_LIMIT = 150000000;
const WINDOW = 28800000;

/** Returns text as hex of its UTF-8, the form messages have unless visible. */
function hexText(text)
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
function intParam(params, name)
{
	const value = Number(params[name] ?? 0);

	if (!Number.isSafeInteger(value))
		throw new JavaError('java.lang.NumberFormatException',
			`For input string: "${params[name]}"`);
	return value;
}

/** Returns a hex parameter of bytes, without 0x. */
function hexParam(params, name)
{
	const text = String(params[name] ?? '').replace(/^0x/, '');

	if (!/^([0-9a-fA-F]{2})*$/.test(text))
		throw new JavaError('org.tron.core.services.http.JsonFormat$ParseException',
			`1:1: INVALID hex String: ${text}`);
	return text.toLowerCase();
}

/** Returns an address parameter (hex 41…), as hex or, when visible, as base58check. */
function addressParam(call, name)
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
function show(call, address)
{
	return call.visible ? toBase58(address) : address;
}

/** Returns the JSON of a block, or {} when there is none. */
function blockText(call, block, detail = true)
{
	return block ? applyToBlock(call.faults, call.request, block.number,
		block.json(call.visible, detail)) : '{}';
}

/** Returns the JSON of a range of blocks, end excluded. */
function blockList(call, start, end)
{
	const clamp = call.faults.hit('clamp', call.request);
	const stop = Math.min(clamp ? Math.min(end, start + clamp.range) : end, call.view.head + 1);
	const texts = [];

	for (let n = start; n < stop; n++)
		texts.push(blockText(call, call.view.block(n)));
	return `{"block":[${texts.join(',')}]}`;
}

/** getblock: by number, id or the head; without transactions unless detail. */
function getBlock(call)
{
	const wanted = String(call.params.id_or_num ?? '');
	const detail = String(call.params.detail) === 'true';

	if (wanted === '')
		return blockText(call, call.view.block(call.view.head), detail);
	if (/^-?\d+$/.test(wanted) && wanted.length < 19)
	{
		if (Number(wanted) < 0)
			return { Error: 'num must be non-positive number.' };
		return blockText(call, call.view.block(Number(wanted)), detail);
	}
	if (!/^[0-9a-fA-F]{64}$/.test(wanted)
		|| parseInt(wanted.slice(0, 16), 16) > call.view.head)
		return { Error: 'id must be legal block hash.' };
	return blockText(call, call.view.blockById(wanted.toLowerCase()), detail);
}

/** getblockbylimitnext: [startNum, endNum), at most 100. */
function getBlockByLimitNext(call)
{
	const start = intParam(call.params, 'startNum');
	const end = intParam(call.params, 'endNum');

	if (!(end > 0 && end > start && end - start <= BLOCKS_PER_CALL))
		return '{}';
	return blockList(call, start, end);
}

/** getblockbylatestnum: the last num blocks, fewer than 100. */
function getBlockByLatestNum(call)
{
	const count = intParam(call.params, 'num');

	if (!(count > 0 && count < BLOCKS_PER_CALL))
		return '{}';
	return blockList(call, Math.max(0, call.view.head - count + 1), call.view.head + 1);
}

/** gettransactionbyid: from the chain or, on the full node, from the pending ones. */
function getTransactionById(call)
{
	const id = hexParam(call.params, 'value');
	const place = call.view.locate(id);
	const pending = call.solid ? null : call.node.chain.pending.find(({ tx }) => tx.id === id);
	const entry = place ? place.block.entry(place.index) : pending;

	return entry ? entry.tx.toJson(call.visible, entry.info.contractRet) : {};
}

/** gettransactioninfobyid. */
function getTransactionInfoById(call)
{
	const place = call.view.locate(hexParam(call.params, 'value'));

	if (!place)
		return {};

	const text = JSON.stringify(infoJson(place.block.entry(place.index).info, call.visible));

	return applyToInfos(call.faults, call.request, place.block.number, [text])[0] ?? '{}';
}

/** gettransactioninfobyblocknum: a list, empty when the block is unknown; {} for block 0. */
function getTransactionInfoByBlockNum(call)
{
	const number = intParam(call.params, 'num');
	const block = call.view.block(number);

	if (number <= 0)
		return '{}';

	const texts = applyToInfos(call.faults, call.request, number,
		block?.infoTexts(call.visible) ?? []);

	return `[${texts.join(',')}]`;
}

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
function triggerSmartContract(call)
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

	const past = call.view.state(!call.solid);
	const values = new Map();
	const scratch = {
		get: (key) => (values.has(key) ? values.get(key) : past.get(key)),
		set: (key, value) => values.set(key, value), begin() {}, commit() {}, rollback() {},
	};

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
function triggerConstantContract(call)
{
	return guarded(call, () => constantAnswer(call, callParams(call)));
}

/** estimateenergy. */
function estimateEnergy(call)
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
function createTransaction(call)
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
function broadcastTransaction(call)
{
	const tx = txFromJson(call.params, call.visible);
	const { code, message } = broadcast(call, tx);

	if (code === 'SUCCESS')
		return { result: true, txid: tx.id };
	return { code, txid: tx.id, message: call.visible ? message : hexText(message) };
}

/** broadcasthex: the transaction as protobuf in hex; the message comes as plain text here. */
function broadcastHex(call)
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

/** Returns the JSON of a permission. */
function permissionJson(call, permission, active)
{
	return {
		...(active ? { type: 'Active', id: permission.id } : {}),
		permission_name: permission.name ?? 'owner',
		threshold: permission.threshold,
		...(active ? { operations: permission.operations } : {}),
		keys: permission.keys.map((k) => ({ address: show(call, k.address), weight: k.weight })),
	};
}

/** Returns the parts of an account's JSON that tell its stakes. */
function stakeJson(account)
{
	const frozen = (resource, type) => ({
		...(type ? { type } : {}),
		...(account.frozen[resource] ? { amount: account.frozen[resource] } : {}),
	});

	return {
		frozenV2: [frozen('NET'), frozen('ENERGY', 'ENERGY'), { type: 'TRON_POWER' }],
		...(account.unfrozen.length ? {
			unfrozenV2: account.unfrozen.map((u) => ({
				...(u.resource === 'ENERGY' ? { type: 'ENERGY' } : {}),
				unfreeze_amount: u.amount, unfreeze_expire_time: u.time,
			})),
		} : {}),
		...nonZero({
			delegated_frozenV2_balance_for_bandwidth: account.delegated.NET,
			acquired_delegated_frozenV2_balance_for_bandwidth: account.acquired.NET,
		}),
	};
}

/** Returns an object without its zero members. */
function nonZero(object)
{
	return Object.fromEntries(Object.entries(object).filter(([, value]) => value));
}

/** getaccount. */
function getAccount(call)
{
	const address = addressParam(call, 'address');
	const account = accountOf(call.view.state(!call.solid), address);

	if (!account)
		return {};

	const permissions = account.permissions ?? defaultPermissions(address);
	const energy = account.usage.ENERGY;

	return {
		address: show(call, address),
		...nonZero({ balance: account.balance }),
		...(account.type === 'Contract' ? { type: 'Contract' } : {}),
		create_time: account.created,
		...nonZero({
			latest_opration_time: account.used,
			net_usage: account.usage.NET?.amount,
			free_net_usage: account.usage.FREE?.amount,
			latest_consume_free_time: account.usage.FREE?.time,
		}),
		net_window_size: WINDOW,
		net_window_optimized: true,
		account_resource: {
			...nonZero({ energy_usage: energy?.amount, latest_consume_time_for_energy: energy?.time }),
			energy_window_size: WINDOW,
			...nonZero({
				delegated_frozenV2_balance_for_energy: account.delegated.ENERGY,
				acquired_delegated_frozenV2_balance_for_energy: account.acquired.ENERGY,
			}),
			energy_window_optimized: true,
		},
		owner_permission: permissionJson(call, permissions.owner, false),
		active_permission: permissions.actives.map((p) => permissionJson(call, p, true)),
		...stakeJson(account),
		asset_optimized: true,
	};
}

/** Returns the bandwidth part of getaccountnet and getaccountresource. */
function netJson(call, account)
{
	const now = call.view.block(call.view.head).timestamp;

	return nonZero({
		freeNetUsed: resourceUse(account, 'FREE', now),
		freeNetLimit: PARAMETERS.freeNetLimit,
		NetUsed: resourceUse(account, 'NET', now),
		NetLimit: resourceLimit(account, 'NET'),
		TotalNetLimit: PARAMETERS.totalNetLimit,
		TotalNetWeight: PARAMETERS.totalNetWeight,
	});
}

/** getaccountnet. */
function getAccountNet(call)
{
	const account = accountOf(call.view.state(!call.solid), addressParam(call, 'address'));

	return account ? netJson(call, account) : {};
}

/** getaccountresource. */
function getAccountResource(call)
{
	const account = accountOf(call.view.state(!call.solid), addressParam(call, 'address'));
	const now = call.view.block(call.view.head).timestamp;

	return account ? {
		...netJson(call, account),
		...nonZero({
			EnergyUsed: resourceUse(account, 'ENERGY', now),
			EnergyLimit: resourceLimit(account, 'ENERGY'),
			TotalEnergyLimit: PARAMETERS.totalEnergyLimit,
			TotalEnergyWeight: PARAMETERS.totalEnergyWeight,
		}),
	} : {};
}

/** getchainparameters. */
function getChainParameters()
{
	const values = {
		getMaintenanceTimeInterval: 21600000, getAccountUpgradeCost: 9999000000,
		getCreateAccountFee: PARAMETERS.createAccountFee,
		getTransactionFee: PARAMETERS.transactionFee, getAssetIssueFee: 1024000000,
		getCreateNewAccountFeeInSystemContract: PARAMETERS.createAccountSystemFee,
		getCreateNewAccountBandwidthRate: 1, getAllowCreationOfContracts: 1,
		getRemoveThePowerOfTheGr: -1, getEnergyFee: PARAMETERS.energyFee, getExchangeCreateFee:
		1024000000, getMaxCpuTimeOfOneTx: 80, getAllowUpdateAccountName: 0,
		getAllowSameTokenName: 1, getAllowDelegateResource: 1,
		getTotalEnergyLimit: PARAMETERS.totalEnergyLimit, getAllowTvmTransferTrc10: 1,
		getTotalEnergyCurrentLimit: PARAMETERS.totalEnergyLimit, getAllowMultiSign: 1,
		getAllowAdaptiveEnergy: 0, getUpdateAccountPermissionFee: 100000000,
		getMultiSignFee: PARAMETERS.multiSignFee, getFreeNetLimit: PARAMETERS.freeNetLimit,
		getTotalNetLimit: PARAMETERS.totalNetLimit, getMemoFee: PARAMETERS.memoFee,
		getMaxFeeLimit: PARAMETERS.maxFeeLimit, getUnfreezeDelayDays: 14,
		getAllowDynamicEnergy: 1, getDynamicEnergyThreshold: 5000000000,
		getDynamicEnergyIncreaseFactor: 2000, getDynamicEnergyMaxFactor: 34000,
	};

	return {
		chainParameter: Object.entries(values).map(([key, value]) =>
			(value === 0 ? { key } : { key, value })),
	};
}

/** getnodeinfo. */
function getNodeInfo(call)
{
	const { view } = call;
	const place = (n) => `Num:${n},ID:${view.block(n).id}`;

	return {
		activeConnectCount: 8, beginSyncNum: 1, block: place(view.head), cheatWitnessInfoMap: {},
		configNodeInfo: {
			activeNodeSize: 0, allowAdaptiveEnergy: 0, allowCreationOfContracts: 1,
			backupListenPort: 10001, backupMemberSize: 0, backupPriority: 8, codeVersion: '4.8.0',
			dbVersion: 2, discoverEnable: true, listenPort: 18888, maxConnectCount: 30,
			maxTimeRatio: 5.0, minParticipationRate: 15, minTimeRatio: 0.0, p2pVersion: '11111',
			passiveNodeSize: 0, sameIpMaxConnectCount: 2, sendNodeSize: 0, supportConstant: true,
		},
		currentConnectCount: 8,
		machineInfo: { cpuCount: 8, cpuRate: 0.1, javaVersion: '1.8.0', osName: 'Linux' },
		passiveConnectCount: 0, peerList: [], solidityBlock: place(view.solid), totalFlow: 0,
	};
}

/** Returns the JSON of a contract. */
function contractJson(call, contract)
{
	return {
		bytecode: '6080604052' + contract.runtimeCode,
		consume_user_resource_percent: 100,
		name: contract.name,
		origin_address: show(call, contract.origin),
		abi: { entrys: contract.abi },
		origin_energy_limit: 10000000,
		contract_address: show(call, contract.address),
		code_hash: contract.runtimeCode.slice(0, 64),
	};
}

/** getcontract. */
function getContract(call)
{
	const contract = call.node.chain.contracts.get(addressParam(call, 'value'));

	return contract ? contractJson(call, contract) : {};
}

/** getcontractinfo. */
function getContractInfo(call)
{
	const contract = call.node.chain.contracts.get(addressParam(call, 'value'));

	return contract ? {
		smart_contract: contractJson(call, contract), runtimecode: contract.runtimeCode,
		contract_state: { energy_usage: 1000000, energy_factor: contract.busy ? 34000 : 0,
			update_cycle: 1 },
	} : {};
}

/** validateaddress: hex, base58check or base64, told apart by length. */
function validateAddress(call)
{
	const input = String(call.params.address ?? '');
	const forms = { 42: 'Hex string format', 34: 'Base58check format', 28: 'Base64 format' };
	const message = forms[input.length];
	let hex = null;

	if (!message)
		return { result: false, message: 'Length error' };
	if (input.length === 42 || input.length === 34)
		hex = toHexAddress(input);
	else
		hex = Buffer.from(input, 'base64').toString('hex');

	const valid = /^41[0-9a-f]{40}$/.test(hex ?? '');

	return { result: valid, message: valid ? message : 'Invalid address' };
}

/** gettransactionlistfrompending. */
function listPending(call)
{
	return { txId: call.node.chain.pending.map(({ tx }) => tx.id) };
}

/** gettransactionfrompending. */
function getTransactionFromPending(call)
{
	const id = hexParam(call.params, 'value');
	const entry = call.node.chain.pending.find(({ tx }) => tx.id === id);

	return entry ? entry.tx.toJson(call.visible) : {};
}

/** The handlers of both prefixes. */
const SHARED = {
	getnowblock: (call) => blockText(call, call.view.block(call.view.head)),
	getblock: getBlock,
	getblockbynum: (call) => blockText(call, call.view.block(intParam(call.params, 'num'))),
	getblockbyid: (call) => blockText(call, call.view.blockById(hexParam(call.params, 'value'))),
	getblockbylimitnext: getBlockByLimitNext,
	getblockbylatestnum: getBlockByLatestNum,
	gettransactionbyid: getTransactionById,
	gettransactioninfobyid: getTransactionInfoById,
	gettransactioninfobyblocknum: getTransactionInfoByBlockNum,
	gettransactioncountbyblocknum: (call) =>
		({ count: call.view.block(intParam(call.params, 'num'))?.count ?? -1 }),
	triggerconstantcontract: triggerConstantContract,
	estimateenergy: estimateEnergy,
	getaccount: getAccount,
	getenergyprices: () => ({ prices: `0:${PARAMETERS.energyFee}` }),
	getbandwidthprices: () => ({ prices: `0:${PARAMETERS.transactionFee}` }),
	getnodeinfo: getNodeInfo,
};

/** The handlers of the full node alone. */
const FULL = {
	triggersmartcontract: triggerSmartContract,
	createtransaction: createTransaction,
	broadcasttransaction: broadcastTransaction,
	broadcasthex: broadcastHex,
	getaccountresource: getAccountResource,
	getaccountnet: getAccountNet,
	getchainparameters: getChainParameters,
	getcontract: getContract,
	getcontractinfo: getContractInfo,
	listnodes: () => ({ nodes: [{ address: { host: hexText('127.0.0.1'), port: 18888 } }] }),
	validateaddress: validateAddress,
	gettransactionlistfrompending: listPending,
	gettransactionfrompending: getTransactionFromPending,
	getpendingsize: (call) => ({ pendingSize: call.node.chain.pending.length }),
};

/** The paths answered only to POST; a GET gets an empty answer, as from java-tron. */
const POST_ONLY = new Set(['triggersmartcontract', 'triggerconstantcontract', 'estimateenergy',
	'createtransaction', 'broadcasttransaction', 'broadcasthex']);

/** Returns the handler of a path, or undefined. */
export function walletHandler(prefix, name)
{
	const own = prefix === 'wallet' ? FULL : {};

	return Object.hasOwn(own, name) ? own[name]
		: Object.hasOwn(SHARED, name) ? SHARED[name] : undefined;
}

/** Answers a wallet request; returns JSON text. */
export function answerWallet(call, handler, name, verb)
{
	if (verb === 'GET' && POST_ONLY.has(name))
		return '';
	try
	{
		const answer = handler(call);

		return typeof answer === 'string' ? answer : JSON.stringify(answer);
	}
	catch (error)
	{
		const text = error instanceof JavaError ? error.message
			: `class java.lang.IllegalArgumentException : ${error.message}`;

		return JSON.stringify({ Error: text });
	}
}

/** Returns every path of the wallet interface. */
export function walletPaths()
{
	return [...Object.keys({ ...SHARED, ...FULL }).map((name) => `/wallet/${name}`),
		...Object.keys(SHARED).map((name) => `/walletsolidity/${name}`)].sort();
}
