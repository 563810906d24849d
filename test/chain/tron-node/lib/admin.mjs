// SPDX-License-Identifier: PostgreSQL
//
// The levers of a test: POST /__admin/<name> with a JSON object. Addresses may be given as hex
// (41… or 0x…) or base58check; amounts in 10^-6 USDT (or sun), as numbers or decimal strings.

import { toBase58, toHexAddress } from './crypto.mjs';
import { KINDS } from './faults.mjs';
import { callData } from './contracts.mjs';
import { newAccount } from './execute.mjs';
import { SLOT } from './chain.mjs';
import { frozenView } from './view.mjs';
import { pay as payOn, send } from './payments.mjs';
import { bulk } from './stretch.mjs';
import { rpcMethods } from './jsonrpc.mjs';
import { walletPaths } from './wallet.mjs';

/** Returns a hex address; throws when the text is none. */
function address(text)
{
	const hex = toHexAddress(text);

	if (!hex)
		throw new Error(`not an address: ${text}`);
	return hex;
}

/** Returns what a program needs to know of a chain and a port. */
export function description(node, port)
{
	const { chain } = node;

	return {
		port,
		url: `http://127.0.0.1:${port}`,
		chainId: '0x' + chain.blockIdOf(0).slice(-8),
		genesisTime: chain.genesisTime,
		usdt: toBase58(chain.usdt.address),
		usdtHex: chain.usdt.address,
		fakeToken: toBase58(chain.fake.address),
		disperser: toBase58(chain.disperser.address),
		accounts: chain.accounts.map((key) => ({
			address: toBase58(key.address), hex: key.address, privateKey: key.privateHex,
		})),
		head: chain.head.number,
		solid: chain.solid,
	};
}

/** Returns where the chain stands. */
function status({ chain })
{
	return {
		head: chain.head.number, headId: chain.head.id, headTime: chain.head.timestamp,
		solid: chain.solid, pending: chain.pending.map(({ tx }) => tx.id), busy: chain.busy,
	};
}

/** Mines blocks; skip leaves that many slots empty before the first. */
function mine({ node }, { blocks = 1, skip = 0 })
{
	const { chain } = node;

	if (skip)
		chain.minTime = chain.head.timestamp + SLOT * (skip + 1);
	for (let i = 0; i < blocks; i++)
		chain.mine();
	return status(node);
}

/** Sets the earliest time of the next block. */
function setTime({ node }, { time, advance })
{
	const { chain } = node;

	chain.minTime = time ?? chain.head.timestamp + advance;
	return { nextTime: chain.nextTime() };
}

/** Replaces blocks that are not solidified. */
function fork({ node }, { depth = 1, extra, shift, drop })
{
	return { ...node.chain.fork({ depth, extra, shift, drop }), ...status(node) };
}

/** Pays somebody and, unless mine is false, mines the payment. */
function pay({ node }, { to, amount = 0, kind, from, recipients, mine: mineIt = false })
{
	const { chain } = node;
	const txids = payOn(chain, {
		kind, amount: BigInt(amount), to: to && address(to), from: from && address(from),
		recipients: recipients?.map((r) => ({ to: address(r.to), amount: BigInt(r.amount) })),
	});

	if (mineIt)
		chain.mine();
	return { txids, ...status(node) };
}

/** Calls a method of the USDT contract as its owner (account 0), or as another account. */
function usdt({ node }, { signature, args = [], from, mine: mineIt = false })
{
	const { chain } = node;
	const key = from ? chain.accounts.find((k) => k.address === address(from)) : chain.accounts[0];
	const values = args.map((value) => toHexAddress(value) ?? BigInt(value));

	if (!key)
		throw new Error('from is not one of the funded accounts');

	const txid = send(chain, key, chain.usdt.address, callData(signature, ...values));

	if (mineIt)
		chain.mine();
	return { txids: [txid], ...status(node) };
}

/** Gives an account bandwidth and energy per day, as if it had staked. */
function grant({ node }, { address: text, energy = 0, bandwidth = 0 })
{
	node.chain.changeAccount(address(text), { grant: { NET: bandwidth, ENERGY: energy } });
	return {};
}

/** Gives an account TRX out of nothing; the account exists afterwards. */
function giveTrx({ node }, { address: text, amount })
{
	const hex = address(text);
	const account = node.chain.state.get('a:' + hex) ?? newAccount(node.chain.head.timestamp);

	node.chain.changeAccount(hex, { balance: account.balance + Number(amount) });
	return {};
}

/** Sets an account's permissions: { owner: { threshold, keys }, actives: [...] }. */
function permissions({ node }, { address: text, owner, actives = [] })
{
	const keys = (list) => list.map((k) => ({ address: address(k.address), weight: k.weight }));

	node.chain.changeAccount(address(text), {
		permissions: {
			owner: { threshold: owner.threshold, keys: keys(owner.keys) },
			actives: actives.map((active, i) => ({
				id: i + 2, name: `active${i}`, operations: '7fff1fc0033ec30f' + '0'.repeat(48),
				...active, keys: keys(active.keys),
			})),
		},
	});
	return {};
}

/** Forces the next contract calls into a result; OUT_OF_TIME keeps its logs. */
function force({ node }, { result = 'OUT_OF_TIME', times = 1 })
{
	for (let i = 0; i < times; i++)
		node.chain.forceNext(result);
	return {};
}

/** Takes witnesses off the network: their slots stay empty and solidification slows or stops. */
function witnesses({ node }, { offline = [] })
{
	node.chain.offline = new Set(offline);
	return { offline, nextTime: node.chain.nextTime() };
}

/** Adds a fault to the port the request came to. */
function fault({ node, server }, options)
{
	const added = server.faults.add(options);

	if (added.kind === 'freeze')
		added.frozen = frozenView(node.chain);
	return { faults: server.faults.describe() };
}

/** Returns a block as protobuf in hex. */
function block({ node }, { num })
{
	const found = node.chain.block(num);

	if (!found)
		throw new Error(`no block ${num}`);
	return { hex: found.bytes().toString('hex'), id: found.id };
}

/** Opens another port on the same chain, with faults of its own. */
async function replica({ node }, { port = 0 })
{
	const server = await node.listen(port);

	return { port: server.port, url: `http://127.0.0.1:${server.port}` };
}

/** Starts or stops the mining timer. */
function mining({ node }, { blockMs = 0 })
{
	node.mineEvery(blockMs);
	return {};
}

/** Returns and, on request, resets the counters of the port. */
function stats({ server }, { reset = false })
{
	const counters = {
		...server.stats, paths: { ...server.stats.paths }, watched: { ...server.watched?.paths },
	};

	if (reset)
		server.stats = { requests: 0, bytes: 0, paths: {} };
	return counters;
}

/** Counts from now on, per path, the answers of the port that match a regular expression. */
function watch({ server }, { text })
{
	server.watched = { test: new RegExp(text), paths: {} };
	return {};
}

const COMMANDS = {
	info: ({ node, server }) => description(node, server.port),
	status: ({ node }) => status(node),
	help: () => ({ commands: Object.keys(COMMANDS), faults: KINDS, rpc: rpcMethods(),
		paths: walletPaths() }),
	mine, setTime, fork, pay, usdt, grant, giveTrx, permissions, force, witnesses, fault, block,
	replica, mining, stats, watch,
	bulk: ({ node }, { watch = [], ...options }) =>
		bulk(node.chain, { ...options, watch: watch.map(address) }),
	faults: ({ server }) => ({ faults: server.faults.describe(), kinds: KINDS }),
	clear: ({ server }, { kind }) =>
	{
		server.faults.clear(kind);
		return { faults: server.faults.describe() };
	},
	dropPending: ({ node }, { ids = null }) => ({ dropped: node.chain.dropPending(ids) }),
};

/** Answers an admin request; returns { status, body }. */
export async function answerAdmin(context, name, body)
{
	if (!Object.hasOwn(COMMANDS, name))
		return { status: 404, body: { error: `unknown command: ${name}` } };
	try
	{
		return { status: 200, body: await COMMANDS[name](context, body ? JSON.parse(body) : {}) };
	}
	catch (error)
	{
		return { status: 400, body: { error: error.message } };
	}
}
