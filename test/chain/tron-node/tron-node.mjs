#!/usr/bin/env node
// SPDX-License-Identifier: PostgreSQL
//
// A TRON network for tests, on loopback. Prints one JSON line when it is ready; see README.md.

import { parseArgs } from 'node:util';
import { description } from './lib/admin.mjs';
import { Chain, SLOT } from './lib/chain.mjs';
import { Node } from './lib/node.mjs';

const USAGE = `usage: tron-node.mjs [options]
  --port N            port to listen on (0, the default, takes a free one)
  --block-ms N        mine a block every N milliseconds (3000)
  --no-mining         mine only on request
  --genesis-time T    time of block 0: milliseconds, or an ISO date
  --initial-blocks N  blocks mined before the start (30)
  --accounts N        funded accounts (10)
  --seed TEXT         what keys and the genesis block are derived from
  --data FILE         keep a journal there and come back from it
  --no-tx-cache       do not remember ids of transactions that failed to broadcast
  --parent-watch      exit when standard input ends
`;

const OPTIONS = {
	port: { type: 'string', default: '0' },
	'block-ms': { type: 'string', default: '3000' },
	'no-mining': { type: 'boolean', default: false },
	'genesis-time': { type: 'string' },
	'initial-blocks': { type: 'string', default: '30' },
	accounts: { type: 'string', default: '10' },
	seed: { type: 'string' },
	data: { type: 'string' },
	'no-tx-cache': { type: 'boolean', default: false },
	'parent-watch': { type: 'boolean', default: false },
	help: { type: 'boolean', default: false },
};

/** Returns a whole number of an option; ends the program when it is none. */
function whole(values, name)
{
	const value = Number(values[name]);

	if (!Number.isSafeInteger(value) || value < 0)
		stop(`--${name} wants a whole number, not ${values[name]}`);
	return value;
}

/** Ends the program with a complaint. */
function stop(complaint)
{
	process.stderr.write(`${complaint}\n${USAGE}`);
	process.exit(2);
}

/** Returns the options of the command line. */
function readOptions()
{
	try
	{
		return parseArgs({ options: OPTIONS }).values;
	}
	catch (error)
	{
		return stop(error.message);
	}
}

/** Returns the time of the genesis block: as ordered, or such that the head is about now. */
function genesisTime(values, initialBlocks)
{
	const given = values['genesis-time'];
	const time = given === undefined ? Date.now() - initialBlocks * SLOT
		: /^\d+$/.test(given) ? Number(given) : Date.parse(given);

	if (!Number.isSafeInteger(time) || time < 0)
		stop(`--genesis-time wants milliseconds or an ISO date, not ${given}`);
	return Math.floor(time / SLOT) * SLOT;
}

/** Runs the program. */
async function main()
{
	const values = readOptions();

	if (values.help)
	{
		process.stdout.write(USAGE);
		return;
	}

	const initialBlocks = whole(values, 'initial-blocks');
	const node = new Node(new Chain({
		genesisTime: genesisTime(values, initialBlocks), initialBlocks, seed: values.seed,
		accounts: Math.max(2, whole(values, 'accounts')), dataFile: values.data,
		txCache: !values['no-tx-cache'],
	}));
	const server = await node.listen(whole(values, 'port'));
	const end = () =>
	{
		node.close();
		process.exit(0);
	};

	process.on('SIGTERM', end);
	process.on('SIGINT', end);
	if (values['parent-watch'])
		process.stdin.on('end', end).resume();
	if (!values['no-mining'])
		node.mineEvery(whole(values, 'block-ms'));
	process.stdout.write(JSON.stringify(description(node, server.port)) + '\n');
}

await main();
