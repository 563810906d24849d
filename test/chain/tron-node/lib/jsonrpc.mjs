// SPDX-License-Identifier: PostgreSQL
//
// The JSON-RPC interface of java-tron 4.8.0: what it answers, what it refuses and in which words.
// Blooms and state roots are zeros there, eth_getLogs clamps silently at the head and does not look
// at a transaction's result, `finalized` is the solidified block, `safe` and `pending` are refused.

import { keccak256, toHexAddress } from './crypto.mjs';
import { PARAMETERS, accountOf, runContract } from './execute.mjs';
import { concerns, tamperLog } from './faults.mjs';
import { OverlaidState } from './state.mjs';

const MAX_RANGE = 5000;
const MAX_RESULTS = 10000;
const MAX_SUB_TOPICS = 1000;
const CALL_LIMIT = 150000000;
const ZERO_WORD = '0x' + '0'.repeat(64);
const ZERO_BLOOM = '0x' + '0'.repeat(512);
const ZERO_NONCE = '0x' + '0'.repeat(16);
const STATE_TAGS = 'TAG [earliest | pending | finalized] not supported';
const QUANTITY = 'QUANTITY not supported, just support TAG as latest';

/** An error answer. */
class RpcError extends Error
{
	constructor(code, message, withData = true)
	{
		super(message);
		this.code = code;
		this.withData = withData;
	}
}

/** Returns the error of a bad parameter. */
function invalidParams(message)
{
	return new RpcError(-32602, message);
}

/** Returns a quantity. */
function quantity(number)
{
	return '0x' + number.toString(16);
}

/** Returns an address without its prefix. */
function ethAddress(hex)
{
	return '0x' + hex.slice(2);
}

/** Returns the number a block parameter of a query means; undefined when there is no such block. */
function blockNumberOf(view, text)
{
	const tag = String(text).toLowerCase();

	if (tag === 'earliest')
		return 0;
	if (tag === 'latest')
		return view.head;
	if (tag === 'finalized')
		return view.solid;
	if (tag === 'pending')
		throw invalidParams('TAG pending not supported');
	if (/^0x[0-9a-f]+$/.test(tag))
		return parseInt(tag, 16);
	// java-tron takes decimal numbers here.
	if (/^-?\d+$/.test(tag))
		return Number(tag);
	throw invalidParams('invalid block number');
}

/** Returns the number a range end of eth_getLogs means, -1 for latest. */
function rangeEnd(view, text)
{
	const tag = String(text).toLowerCase();

	if (tag === 'pending')
		throw invalidParams('TAG pending not supported');
	if (tag === 'latest')
		return -1;
	if (tag === 'earliest')
		return 0;
	if (tag === 'finalized')
		return view.solid;
	if (!tag.startsWith('0x'))
		throw invalidParams('Incorrect hex syntax');
	if (!/^0x[0-9a-f]+$/.test(tag))
		throw new RpcError(-32700, `For input string: "${tag.slice(2)}"`);
	return parseInt(tag, 16);
}

/** Returns 64 characters of a hash parameter. */
function hashOf(text)
{
	if (typeof text !== 'string' || !/^(0x)?[a-zA-Z0-9]{64}$/.test(text))
		throw invalidParams('invalid hash value');
	return text.replace(/^0x/, '').toLowerCase();
}

/** Returns the bytes (hex) of an address or topic of a filter. */
function filterBytes(text, length, complaint)
{
	const hex = typeof text === 'string' ? text.replace(/^0x/, '').toLowerCase() : '';

	if (!/^[0-9a-f]*$/.test(hex) || hex.length !== length)
		throw invalidParams(complaint);
	return hex;
}

/** Returns the set of addresses a filter wants, or null for all. */
function wantedAddresses(filter)
{
	const { address } = filter;

	if (address === undefined || address === null)
		return null;
	if (typeof address === 'string')
		return new Set([filterBytes(address, 40, `invalid address: ${address}`)]);
	if (!Array.isArray(address))
		throw invalidParams('invalid addresses in query');
	if (!address.length)
		return null;
	return new Set(address.map((text, i) =>
		filterBytes(text, 40, `invalid address at index ${i}: ${text}`)));
}

/** Returns one set of topics per position, null for any. */
function wantedTopics(filter)
{
	const topics = filter.topics ?? [];

	if (topics.length > 4)
		throw invalidParams('topics size should be <= 4');
	return topics.map((topic) =>
	{
		if (topic === null)
			return null;
		if (typeof topic === 'string')
			return new Set([filterBytes(topic, 64, `invalid topic(s): ${topic}`)]);
		if (!Array.isArray(topic))
			throw invalidParams('invalid topic(s)');
		if (topic.length > MAX_SUB_TOPICS)
			throw invalidParams(`exceed max topics: ${MAX_SUB_TOPICS}`);
		if (!topic.length)
			return null;
		return new Set(topic.map((text) => filterBytes(text, 64, `invalid topic(s): ${text}`)));
	});
}

/** Returns the test a log (41… address, topics) has to pass. */
function logTest(filter)
{
	const addresses = wantedAddresses(filter);
	const topics = wantedTopics(filter);

	return (address, logTopics) => (!addresses || addresses.has(address.slice(2)))
		&& topics.length <= logTopics.length
		&& topics.every((set, i) => !set || set.has(logTopics[i]));
}

/** Returns [from, to] of a filter: java-tron's rules for missing ends and its range cap. */
function logRange(call, filter, cap)
{
	const { view } = call;
	const given = (text) => text !== undefined && text !== null && text !== '';

	if (filter.blockHash !== undefined && filter.blockHash !== null)
	{
		if (given(filter.fromBlock) || given(filter.toBlock))
			throw invalidParams('cannot specify both BlockHash and FromBlock/ToBlock,'
				+ ' choose one or the other');

		const block = view.blockById(String(filter.blockHash).replace(/^0x/, '').toLowerCase());

		if (!block)
			throw invalidParams('invalid blockHash');
		return [block.number, block.number];
	}

	let from = given(filter.fromBlock) ? rangeEnd(view, filter.fromBlock) : -1;
	let to = given(filter.toBlock) ? rangeEnd(view, filter.toBlock) : -1;

	to = to === -1 ? Infinity : to;
	if (from === -1)
		from = given(filter.fromBlock) || !given(filter.toBlock)
			? view.head : Math.min(to, view.head);
	if (from > to)
		throw invalidParams('please verify: fromBlock <= toBlock');
	if (Math.min(to, view.head) - from > cap)
		throw invalidParams(`exceed max block range: ${cap}`);
	return [from, Math.min(to, view.head)];
}

/** eth_getLogs. */
function getLogs(call, [filter])
{
	const { faults, request, view } = call;
	const limits = faults.hit('limits', request);
	const clamp = faults.hit('clamp', request);
	const accepts = logTest(filter ?? {});
	let [from, to] = logRange(call, filter ?? {}, limits?.range ?? MAX_RANGE);
	const cap = limits?.results ?? MAX_RESULTS;
	const logs = [];

	if (clamp)
		to = Math.min(to, from + clamp.range - 1);
	for (let n = from; n <= to; n++)
	{
		collectLogs(call, view.block(n), accepts, logs);
		if (logs.length > cap)
			throw new RpcError(-32005, `query returned more than ${cap} results`);
	}
	return logs;
}

/** Appends a block's matching logs, as the faults of the request leave them. */
function collectLogs(call, block, accepts, logs)
{
	const forBlock = (fault) => concerns(fault, block.number);

	if (call.faults.hit('omitLogs', call.request, forBlock))
		return;

	const tamper = call.faults.hit('tamper', call.request,
		(fault) => forBlock(fault) && fault.what !== 'header');

	block.eachLog(accepts, (log, txIndex, txId, logIndex) =>
		logs.push(logObject(block, tamper ? tamperLog(log, tamper.what) : log, txIndex, txId,
			logIndex)));
}

/** Returns a log in JSON-RPC form. */
function logObject(block, log, txIndex, txId, logIndex)
{
	return {
		address: ethAddress(log.address),
		blockHash: '0x' + block.id,
		blockNumber: quantity(block.number),
		data: '0x' + log.data,
		logIndex: quantity(logIndex),
		removed: false,
		topics: log.topics.map((topic) => '0x' + topic),
		transactionHash: '0x' + txId,
		transactionIndex: quantity(txIndex),
	};
}

/** Returns the receiver of a transaction as an address, or null. */
function receiverOf(tx)
{
	const bytes = tx.body?.contract_address ?? tx.body?.to_address ?? tx.body?.receiver_address;

	return bytes ? ethAddress(bytes.toString('hex')) : null;
}

/** Returns a transaction in JSON-RPC form. */
function transactionObject(block, index)
{
	const { tx, info } = block.entry(index);
	const signature = tx.object.signature?.[0]?.toString('hex') ?? '0'.repeat(130);
	const v = parseInt(signature.slice(128, 130), 16);

	return {
		blockHash: '0x' + block.id,
		blockNumber: quantity(block.number),
		from: ethAddress(tx.owner),
		gas: quantity(info.receipt.energy_usage_total ?? 0),
		gasPrice: quantity(PARAMETERS.energyFee),
		hash: '0x' + tx.id,
		input: tx.type === 'TriggerSmartContract' && tx.body.data
			? '0x' + tx.body.data.toString('hex') : '0x',
		nonce: ZERO_NONCE,
		r: '0x' + signature.slice(0, 64),
		s: '0x' + signature.slice(64, 128),
		to: receiverOf(tx),
		transactionIndex: quantity(index),
		type: '0x0',
		v: quantity(v < 27 ? v + 27 : v),
		value: quantity(tx.body.amount ?? tx.body.call_value ?? tx.body.frozen_balance ?? 0),
	};
}

/** Returns a block in JSON-RPC form, or null. */
function blockObject(block, full)
{
	if (!block)
		return null;

	let gasLimit = 0;
	let gasUsed = 0;
	const transactions = [];

	for (let i = 0; i < block.count; i++)
	{
		const { tx, info } = block.entry(i);

		gasLimit += tx.object.raw_data.fee_limit ?? 0;
		gasUsed += info.receipt.energy_usage_total ?? 0;
		transactions.push(full ? transactionObject(block, i) : '0x' + tx.id);
	}
	return {
		baseFeePerGas: '0x0', difficulty: '0x0', extraData: '0x', gasLimit: quantity(gasLimit),
		gasUsed: quantity(gasUsed), hash: '0x' + block.id, logsBloom: ZERO_BLOOM,
		miner: ethAddress(block.witnessAddress), mixHash: ZERO_WORD, nonce: ZERO_NONCE,
		number: quantity(block.number), parentHash: '0x' + block.parentHash,
		receiptsRoot: ZERO_WORD, sha3Uncles: ZERO_WORD, size: quantity(block.bytes().length),
		stateRoot: '0x', timestamp: quantity(Math.floor(block.timestamp / 1000)),
		totalDifficulty: '0x0', transactions,
		transactionsRoot: '0x' + block.trieRoot.toString('hex'), uncles: [],
	};
}

/** eth_getTransactionReceipt. */
function getReceipt(call, [hash])
{
	const place = call.view.locate(hashOf(hash));

	if (!place)
		return null;

	const { block, index } = place;
	const { tx, info } = block.entry(index);
	let cumulative = 0;
	const logs = [];

	for (let i = 0; i <= index; i++)
		cumulative += block.entry(i).info.receipt.energy_usage_total ?? 0;
	block.eachLog(() => true, (log, txIndex, txId, logIndex) =>
	{
		if (txIndex === index)
			logs.push(logObject(block, log, txIndex, txId, logIndex));
	});
	return {
		blockHash: '0x' + block.id, blockNumber: quantity(block.number), contractAddress: null,
		cumulativeGasUsed: quantity(cumulative), effectiveGasPrice: quantity(PARAMETERS.energyFee),
		from: ethAddress(tx.owner), gasUsed: quantity(info.receipt.energy_usage_total ?? 0), logs,
		logsBloom: ZERO_BLOOM,
		status: ['SUCCESS', undefined].includes(info.receipt.result) ? '0x1' : '0x0',
		to: receiverOf(tx), transactionHash: '0x' + tx.id, transactionIndex: quantity(index),
		type: '0x0',
	};
}

/** eth_getTransactionByHash. */
function getTransaction(call, [hash])
{
	const place = call.view.locate(hashOf(hash));

	return place ? transactionObject(place.block, place.index) : null;
}

/** Throws unless a state query asks for the latest state. */
function requireLatest(tag)
{
	const text = String(tag).toLowerCase();

	if (['earliest', 'pending', 'finalized'].includes(text))
		throw invalidParams(STATE_TAGS);
	if (text === 'latest')
		return;
	throw invalidParams(/^(0x[0-9a-f]+|-?\d+)$/.test(text) ? QUANTITY : 'invalid block number');
}

/** Returns a 41… address of a state query. */
function stateAddress(text)
{
	const hex = toHexAddress(String(text ?? '').startsWith('0x') || /^41/.test(text ?? '')
		? text : '0x' + text);

	if (!hex)
		throw invalidParams('invalid address hash value');
	return hex;
}

/** Runs a call on the latest state; returns the outcome. */
function simulate(call, args)
{
	const contract = call.node.chain.contracts.get(stateAddress(args?.to));
	const scratch = new OverlaidState(call.view.state(true));

	if (!contract)
		throw new RpcError(-32600, 'Smart contract is not exist.');

	const outcome = runContract(scratch, contract,
		stateAddress(args.from ?? '0x' + '0'.repeat(40)),
		String(args.data ?? args.input ?? '').replace(/^0x/, '').toLowerCase(), CALL_LIMIT);

	if (outcome.result !== 'SUCCESS')
		throw new RpcError(-32000, outcome.message);
	return outcome;
}

/** eth_call: only on the latest state; an object naming a block is accepted, then ignored. */
function ethCall(call, [args, block])
{
	if (block && typeof block === 'object')
	{
		const known = block.blockHash ? call.view.blockById(hashOf(block.blockHash))
			: call.view.block(blockNumberOf(call.view, block.blockNumber));

		if (!known)
			throw new RpcError(-32000, block.blockHash
				? 'header for hash not found' : 'header not found');
	}
	else
		requireLatest(block);
	return '0x' + simulate(call, args).data;
}

/** Returns the chain id: the last four bytes of the genesis block's id. */
function chainId(call)
{
	const fault = call.faults.hit('chainId', call.request);

	return fault ? fault.chainId : '0x' + call.node.chain.blockIdOf(0).slice(-8);
}

/** Returns the block of a hash parameter. */
function byHash(call, hash)
{
	return call.view.blockById(hashOf(hash));
}

/** Returns the block of a number or tag parameter. */
function byNumber(call, text)
{
	return call.view.block(blockNumberOf(call.view, text));
}

/** Returns transaction i of a block, or null. */
function atIndex(block, index)
{
	if (!/^0x[0-9a-f]+$/.test(index))
		throw invalidParams('invalid index value');

	const i = parseInt(index, 16);

	return block && i < block.count ? transactionObject(block, i) : null;
}

/** Methods: [number of parameters, handler]. */
const METHODS = {
	web3_clientVersion: [0, () => 'TRON/v4.8.0/Linux/Java1.8'],
	web3_sha3: [1, (call, [data]) =>
		'0x' + keccak256(Buffer.from(String(data).replace(/^0x/, ''), 'hex')).toString('hex')],
	net_version: [0, chainId],
	net_listening: [0, () => true],
	net_peerCount: [0, () => '0x8'],
	eth_chainId: [0, chainId],
	eth_protocolVersion: [0, () => '0x20'],
	eth_syncing: [0, () => false],
	eth_mining: [0, () => false],
	eth_accounts: [0, () => []],
	eth_hashrate: [0, () => '0x0'],
	eth_gasPrice: [0, () => quantity(PARAMETERS.energyFee)],
	eth_blockNumber: [0, (call) => quantity(call.view.head)],
	eth_getBlockByNumber: [2, (call, [tag, full]) => blockObject(byNumber(call, tag), full)],
	eth_getBlockByHash: [2, (call, [hash, full]) => blockObject(byHash(call, hash), full)],
	eth_getBlockTransactionCountByNumber: [1, (call, [tag]) =>
		countOf(byNumber(call, tag))],
	eth_getBlockTransactionCountByHash: [1, (call, [hash]) => countOf(byHash(call, hash))],
	eth_getTransactionByHash: [1, getTransaction],
	eth_getTransactionByBlockHashAndIndex: [2, (call, [hash, index]) =>
		atIndex(byHash(call, hash), index)],
	eth_getTransactionByBlockNumberAndIndex: [2, (call, [tag, index]) =>
		atIndex(byNumber(call, tag), index)],
	eth_getTransactionReceipt: [1, getReceipt],
	eth_getLogs: [1, getLogs],
	eth_call: [2, ethCall],
	eth_estimateGas: [1, (call, [args]) => quantity(simulate(call, args).energy)],
	eth_getCode: [2, (call, [address, tag]) =>
	{
		requireLatest(tag);

		const contract = call.node.chain.contracts.get(stateAddress(address));

		return '0x' + (contract?.runtimeCode ?? '');
	}],
	eth_getBalance: [2, (call, [address, tag]) =>
	{
		requireLatest(tag);
		return quantity(accountOf(call.view.state(true), stateAddress(address))?.balance ?? 0);
	}],
};

/** Methods java-tron knows by name and refuses. */
const REFUSED = new Set(['eth_sendRawTransaction', 'eth_sendTransaction', 'eth_sign',
	'eth_signTransaction', 'eth_getTransactionCount', 'parity_nextNonce', 'eth_submitWork',
	'eth_getCompilers', 'eth_compileSolidity', 'eth_compileLLL', 'eth_compileSerpent',
	'eth_submitHashrate']);

/** Returns the number of transactions of a block, or null. */
function countOf(block)
{
	return block ? quantity(block.count) : null;
}

/** Returns the result of one request; throws RpcError. */
function run(call, request)
{
	const { method, params = [] } = request;
	const entry = Object.hasOwn(METHODS, method) ? METHODS[method] : null;

	if (REFUSED.has(method))
		throw new RpcError(-32601, `the method ${method} does not exist/is not available`);
	if (!entry)
		throw new RpcError(-32601, 'method not found', false);
	if (!Array.isArray(params) || params.length < entry[0])
		throw new RpcError(-32602, 'method parameters invalid', false);
	return entry[1]({ ...call, request: { ...call.request, method } }, params);
}

/** Returns the answer object of one request. */
function answerOne(call, request)
{
	if (typeof request?.method !== 'string')
		return {
			jsonrpc: '2.0', id: request?.id ?? null,
			error: { code: -32600, message: 'Invalid Request' },
		};
	try
	{
		return { jsonrpc: '2.0', id: request.id ?? null, result: run(call, request) };
	}
	catch (error)
	{
		if (!(error instanceof RpcError))
			throw error;
		return {
			jsonrpc: '2.0', id: request.id ?? null,
			error: {
				code: error.code, message: error.message, ...(error.withData ? { data: '{}' } : {}),
			},
		};
	}
}

/** Answers the body of a JSON-RPC request, single or batch; returns JSON text. */
export function answerJsonRpc(call, body)
{
	let requests;

	try
	{
		requests = JSON.parse(body);
	}
	catch
	{
		return '{"jsonrpc":"2.0","id":"null","error":{"code":-32700,"message":"JSON parse error"}}';
	}
	return JSON.stringify(Array.isArray(requests)
		? requests.map((request) => answerOne(call, request)) : answerOne(call, requests));
}

/** Returns the names of the methods that are answered. */
export function rpcMethods()
{
	return Object.keys(METHODS).sort();
}
