// SPDX-License-Identifier: PostgreSQL
//
// The HTTP interface: /wallet/* on the head and /walletsolidity/* on the solidified view.
// A handler takes a call { node, view, solid, params, visible, request, faults } and returns an
// object, or a string that already is JSON text.

import { toHexAddress } from './crypto.mjs';
import { PARAMETERS } from './execute.mjs';
import {
	getAccount, getAccountNet, getAccountResource, getContract, getContractInfo,
} from './wallet-accounts.mjs';
import {
	blockText, getBlock, getBlockByLatestNum, getBlockByLimitNext, getTransactionById,
	getTransactionFromPending, getTransactionInfoByBlockNum, getTransactionInfoById, listPending,
} from './wallet-blocks.mjs';
import {
	broadcastHex, broadcastTransaction, createTransaction, estimateEnergy,
	triggerConstantContract, triggerSmartContract,
} from './wallet-calls.mjs';
import { JavaError, hexParam, hexText, intParam } from './wallet-params.mjs';

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
