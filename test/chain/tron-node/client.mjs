// SPDX-License-Identifier: PostgreSQL
//
// Starts a tron-node as a child process and talks to it, for tests and the demo.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('./tron-node.mjs', import.meta.url));

/** A running node. Members of the ready line (url, usdt, accounts, …) are on `info`. */
export class TronNode
{
	/** Use TronNode.start(). */
	constructor(child, info)
	{
		this.child = child;
		this.info = info;
		this.url = info.url;
	}

	/** Starts a node with command-line arguments and waits until it is ready. */
	static async start(...args)
	{
		const child = spawn(process.execPath, [PROGRAM, '--parent-watch', ...args],
			{ stdio: ['pipe', 'pipe', 'inherit'] });

		return new TronNode(child, JSON.parse(await firstLine(child)));
	}

	/** Posts JSON to a path of the node (or of another url); returns the parsed answer. */
	async post(path, body = {}, { url = this.url, headers = {} } = {})
	{
		const response = await fetch(url + path, {
			method: 'POST', body: JSON.stringify(body),
			headers: { 'content-type': 'application/json', ...headers },
		});
		const text = await response.text();

		if (path.startsWith('/__admin/') && !response.ok)
			throw new Error(`${path}: ${text}`);
		return text === '' ? null : JSON.parse(text);
	}

	/** Gets a path of the node; returns the parsed answer. */
	async get(path)
	{
		return (await fetch(this.url + path)).json();
	}

	/** Runs an admin command. */
	admin(name, options = {}, where = {})
	{
		return this.post(`/__admin/${name}`, options, where);
	}

	/** Calls a JSON-RPC method; returns the whole answer object. */
	rpc(method, ...params)
	{
		return this.post('/jsonrpc', { jsonrpc: '2.0', id: 1, method, params });
	}

	/** Stops the node and waits for its end. */
	async stop()
	{
		if (this.child.exitCode !== null || this.child.signalCode !== null)
			return;

		const ended = new Promise((resolve) => this.child.once('exit', resolve));

		this.child.kill('SIGTERM');
		await ended;
	}
}

/** Returns the first line a child prints; rejects when it ends before. */
function firstLine(child)
{
	return new Promise((resolve, reject) =>
	{
		let text = '';

		child.once('exit', (code) => reject(new Error(`tron-node ended with ${code}`)));
		child.stdout.on('data', (chunk) =>
		{
			text += chunk;
			if (text.includes('\n'))
				resolve(text.slice(0, text.indexOf('\n')));
		});
	});
}
