// SPDX-License-Identifier: PostgreSQL
//
// The program around the chain: HTTP servers on loopback (one per simulated node of the network),
// the request pipeline with its faults, and the mining timer.

import http from 'node:http';
import { answerAdmin } from './admin.mjs';
import { Faults } from './faults.mjs';
import { answerJsonRpc } from './jsonrpc.mjs';
import { answerWallet, walletHandler } from './wallet.mjs';

const MAX_BODY = 4 * 1024 * 1024;
const JSON_TYPE = 'application/json; charset=utf-8';

/** Returns the whole body of a request; rejects when it is too long. */
function readBody(request)
{
	return new Promise((resolve, reject) =>
	{
		const chunks = [];
		let length = 0;

		request.on('data', (chunk) =>
		{
			length += chunk.length;
			if (length > MAX_BODY)
				reject(new Error('body size is too big'));
			else
				chunks.push(chunk);
		});
		request.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
		request.on('error', reject);
	});
}

/** Returns the parameters of a wallet request: query, form or JSON body. */
function parametersOf(request, url, body)
{
	if (request.method === 'GET')
		return Object.fromEntries(url.searchParams);
	if (!body)
		return {};
	if (request.headers['content-type']?.startsWith('application/x-www-form-urlencoded')
		&& !body.trim().startsWith('{'))
		return Object.fromEntries(new URLSearchParams(body));
	return JSON.parse(body);
}

/** One listening port: a node of the network, with faults and counters of its own. */
class Server
{
	/** Takes the program it belongs to. */
	constructor(node)
	{
		this.node = node;
		this.faults = new Faults();
		this.stats = { requests: 0, bytes: 0, paths: {} };
		this.watched = null;
		this.http = http.createServer((request, response) =>
			this.serve(request, response).catch((error) => this.fail(response, error)));
		this.http.keepAliveTimeout = 60000;
	}

	/** Starts to listen on loopback. */
	async listen(port)
	{
		await new Promise((resolve, reject) =>
			this.http.once('error', reject).listen(port, '127.0.0.1', resolve));
		this.port = this.http.address().port;
		return this;
	}

	/** Stops listening and ends every connection. */
	close()
	{
		this.http.close();
		this.http.closeAllConnections();
	}

	/** Answers 500 for a defect of this program. */
	fail(response, error)
	{
		process.stderr.write(`${error.stack}\n`);
		if (!response.headersSent)
			this.send(response, 500, JSON.stringify({ error: error.message }));
	}

	/** Sends an answer and counts it. */
	send(response, status, text, type = JSON_TYPE)
	{
		const bytes = Buffer.from(text, 'utf8');

		this.stats.bytes += bytes.length;
		if (this.watched?.test.test(text))
		{
			const [path] = response.req.url.split('?');

			this.watched.paths[path] = (this.watched.paths[path] ?? 0) + 1;
		}
		response.writeHead(status, { 'content-type': type, 'content-length': bytes.length });
		response.end(bytes);
	}

	/** Answers one request. */
	async serve(request, response)
	{
		const url = new URL(request.url, 'http://127.0.0.1');
		const body = await readBody(request);

		if (url.pathname.startsWith('/__admin/'))
		{
			const { status, body: answer } = await answerAdmin(
				{ node: this.node, server: this }, url.pathname.slice(9), body);

			this.send(response, status, JSON.stringify(answer));
			return;
		}
		this.stats.requests++;
		this.stats.paths[url.pathname] = (this.stats.paths[url.pathname] ?? 0) + 1;
		await this.serveFaulty(request, response, url, body);
	}

	/** Answers a request of the network, with the faults that hit it. */
	async serveFaulty(request, response, url, body)
	{
		const about = {
			path: url.pathname, key: request.headers['tron-pro-api-key'],
			method: url.pathname === '/jsonrpc' ? rpcMethodOf(body) : undefined,
		};
		const refusal = this.faults.refusal(about);
		const delay = this.faults.hit('delay', about);

		if (delay)
			await new Promise((resolve) => setTimeout(resolve, delay.ms));
		if (refusal)
			this.send(response, refusal.status, typeof refusal.body === 'string'
				? refusal.body : JSON.stringify(refusal.body));
		else
			this.deliver(request, response, about, this.answer(request, url, body, about));
	}

	/** Returns { status, text } of a request, before the faults of delivery. */
	answer(request, url, body, about)
	{
		const [, prefix, name] = url.pathname.split('/');
		const call = { node: this.node, faults: this.faults, request: about, view: this.view(about) };

		if (url.pathname === '/jsonrpc')
			return { status: 200, text: answerJsonRpc(call, body) };
		if (prefix !== 'wallet' && prefix !== 'walletsolidity')
			return { status: 404, text: '' };

		const handler = walletHandler(prefix, name?.toLowerCase() ?? '');
		let params;

		if (!handler)
			return { status: 404, text: '' };
		try
		{
			params = parametersOf(request, url, body);
		}
		catch (error)
		{
			return {
				status: 200,
				text: JSON.stringify({ Error: `class com.alibaba.fastjson.JSONException : ${
					error.message}` }),
			};
		}
		call.params = params;
		call.visible = String(params.visible) === 'true';
		call.solid = prefix === 'walletsolidity';
		if (call.solid)
			call.view = call.view.solidified();
		return {
			status: 200, text: answerWallet(call, handler, name.toLowerCase(), request.method) + '\n',
		};
	}

	/** Returns the view of the chain this node shows to a request. */
	view(about)
	{
		const frozen = this.faults.hit('freeze', about);
		const stale = this.faults.hit('stale', about);

		if (frozen)
			return frozen.frozen;
		return stale ? this.node.chain.view().behind(stale.behind ?? 20) : this.node.chain.view();
	}

	/** Delivers an answer, or does not, as the faults want. */
	deliver(request, response, about, { status, text })
	{
		if (this.faults.hit('hang', about))
			return;
		if (this.faults.hit('drop', about))
			request.socket.destroy();
		else if (this.faults.hit('garbage', about))
			this.send(response, 200, '<html><body>Bad gateway</body></html>', 'text/html');
		else if (this.faults.hit('truncated', about))
			this.sendPart(request, response, text);
		else
			this.send(response, status, text);
	}

	/** Sends half of what the header promises, then closes the connection. */
	sendPart(request, response, text)
	{
		const bytes = Buffer.from(text, 'utf8');

		response.writeHead(200, { 'content-type': JSON_TYPE, 'content-length': bytes.length });
		response.write(bytes.subarray(0, bytes.length >> 1), () => request.socket.destroy());
	}
}

/** Returns the method names of a JSON-RPC body, joined; undefined when it cannot be read. */
function rpcMethodOf(body)
{
	try
	{
		const parsed = JSON.parse(body);

		return [parsed].flat().map((r) => r?.method).join(',');
	}
	catch
	{
		return undefined;
	}
}

/** The program: a chain, its ports and its mining timer. */
export class Node
{
	/** Takes the chain. */
	constructor(chain)
	{
		this.chain = chain;
		this.servers = [];
		this.timer = null;
	}

	/** Opens a port; returns its Server. */
	async listen(port)
	{
		const server = await new Server(this).listen(port);

		this.servers.push(server);
		return server;
	}

	/** Mines a block every so many milliseconds; 0 stops. */
	mineEvery(milliseconds)
	{
		clearInterval(this.timer);
		this.timer = milliseconds > 0
			? setInterval(() => this.chain.busy || this.chain.mine(), milliseconds) : null;
	}

	/** Stops everything. */
	close()
	{
		this.mineEvery(0);
		this.servers.forEach((server) => server.close());
	}
}
