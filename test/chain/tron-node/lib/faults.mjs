// SPDX-License-Identifier: PostgreSQL
//
// Misbehaviour on demand. A fault is an object { kind, …options } that one listening port of the
// node has been given. Common options: times (how many requests it hits, default: all), after (how
// many matching requests it first lets through), path (a regular expression on the request path),
// method (the same on the JSON-RPC method), key (only requests with this API key).

/** The kinds of fault and their own options, as shown by /__admin/faults. */
export const KINDS = {
	http: 'answers status (429, 403, 503, …); suspendMs: and keeps doing so per key that long',
	rate: 'allows qps requests per second and key, then suspends the key for suspendMs',
	apiKey: 'requires one of keys in TRON-PRO-API-KEY, else answers status (401)',
	delay: 'answers ms milliseconds late',
	hang: 'never answers',
	drop: 'closes the connection without an answer',
	garbage: 'answers text that is not JSON',
	truncated: 'promises the whole answer, sends only part of it',
	partialInfos: 'leaves drop (1) infos out of TransactionInfo lists; nums: only of these blocks',
	omitLogs: 'leaves logs out of infos and eth_getLogs; nums: only of these blocks',
	tamper: 'lies in infos, logs or headers; what: amount, recipient, token, header; nums as above',
	clamp: 'serves at most range blocks of what was asked, silently',
	limits: 'changes the caps of eth_getLogs: range, results',
	stale: 'serves the chain as it was `behind` blocks ago',
	freeze: 'serves the chain as it was when the fault was set',
	broadcast: 'answers code and message to a broadcast; accept: true takes the transaction anyway',
	chainId: 'answers chainId to eth_chainId and net_version',
};

/** The text TronGrid suspends a client with. */
function suspensionText(qps, milliseconds)
{
	return `The key exceeds the frequency limit(${qps}), and the query server is suspended for `
		+ `${Math.ceil(milliseconds / 1000)}s`;
}

/** The faults of one listening port. */
export class Faults
{
	constructor()
	{
		this.list = [];
		this.suspended = new Map();
		this.windows = new Map();
	}

	/** Adds a fault; returns it. Throws on an unknown kind. */
	add(fault)
	{
		if (!(fault.kind in KINDS))
			throw new Error(`unknown kind of fault: ${fault.kind}`);

		const added = { ...fault, hits: 0 };

		if (fault.path)
			added.pathTest = new RegExp(fault.path);
		if (fault.method)
			added.methodTest = new RegExp(fault.method);
		this.list.push(added);
		return added;
	}

	/** Removes the faults of a kind, or all. */
	clear(kind)
	{
		this.list = kind ? this.list.filter((fault) => fault.kind !== kind) : [];
		this.suspended.clear();
		this.windows.clear();
	}

	/** Returns the faults without their compiled parts. */
	describe()
	{
		return this.list.map(({ pathTest, methodTest, frozen, ...fault }) => fault);
	}

	/** Returns the first fault of a kind that hits a request, and counts the hit. */
	hit(kind, request, applies = () => true)
	{
		const fault = this.list.find((f) => f.kind === kind && matches(f, request) && applies(f));

		if (!fault)
			return null;
		fault.hits++;
		return fault.hits > (fault.after ?? 0) ? fault : null;
	}

	/** Returns { status, body } when a request is refused before anybody looks at it. */
	refusal(request)
	{
		return this.keyRefusal(request) ?? this.suspension(request) ?? this.rateRefusal(request)
			?? this.httpRefusal(request);
	}

	/** Returns the refusal of a missing or unknown API key. */
	keyRefusal(request)
	{
		const fault = this.hit('apiKey', request, (f) => !f.keys.includes(request.key));

		return fault && {
			status: fault.status ?? 401,
			body: { Error: request.key ? 'ApiKey not exists' : 'ApiKey is required' },
		};
	}

	/** Returns the refusal of a suspended client. */
	suspension({ key })
	{
		const entry = this.suspended.get(key ?? '');

		return entry && Date.now() < entry.until ? entry.refusal : null;
	}

	/** Suspends a client and returns the refusal it gets. */
	suspend({ key }, status, qps, milliseconds)
	{
		const refusal = { status, body: { Error: suspensionText(qps, milliseconds) } };

		this.suspended.set(key ?? '', { until: Date.now() + milliseconds, refusal });
		return refusal;
	}

	/** Returns the refusal of a client that asks too often. */
	rateRefusal(request)
	{
		const fault = this.hit('rate', request);
		const second = Math.floor(Date.now() / 1000);
		const last = this.windows.get(request.key ?? '');
		const count = last?.second === second ? last.count + 1 : 1;

		if (!fault)
			return null;
		this.windows.set(request.key ?? '', { second, count });
		return count > fault.qps
			? this.suspend(request, fault.status ?? 429, fault.qps, fault.suspendMs ?? 30000) : null;
	}

	/** Returns the refusal of an ordered HTTP status. */
	httpRefusal(request)
	{
		const fault = this.hit('http', request);

		if (!fault)
			return null;
		if (fault.suspendMs)
			return this.suspend(request, fault.status ?? 429, fault.qps ?? 15, fault.suspendMs);
		return {
			status: fault.status ?? 429,
			body: fault.body ?? { Error: suspensionText(fault.qps ?? 15, 30000) },
		};
	}
}

/** Returns true when a fault is meant for a request and is not used up. */
function matches(fault, { path, method, key })
{
	return fault.hits < (fault.times ?? Infinity) + (fault.after ?? 0)
		&& (!fault.pathTest || fault.pathTest.test(path))
		&& (!fault.methodTest || fault.methodTest.test(method ?? ''))
		&& (fault.key === undefined || fault.key === key);
}

/** Returns true when a fault concerns block n. */
export function concerns(fault, number)
{
	return !fault.nums || fault.nums.includes(number);
}

/** Returns a log falsified as a tamper fault wants it. Logs here: { address, topics, data }. */
export function tamperLog(log, what)
{
	if (what === 'amount')
		return { ...log, data: (BigInt('0x' + (log.data || '0')) * 2n + 1n).toString(16)
			.padStart(64, '0') };
	if (what === 'recipient' && log.topics.length === 3)
		return { ...log, topics: [log.topics[0], log.topics[1], '0'.repeat(24) + 'ba'.repeat(20)] };
	if (what === 'token')
		return { ...log, address: log.address.slice(0, -2) + '00' };
	return log;
}

/** Returns the texts of a block's infos as the faults of a request leave them. */
export function applyToInfos(faults, request, number, texts)
{
	const forBlock = (fault) => concerns(fault, number);
	const partial = faults.hit('partialInfos', request, forBlock);
	const omit = faults.hit('omitLogs', request, forBlock);
	const tamper = faults.hit('tamper', request, (f) => forBlock(f) && f.what !== 'header');
	let result = texts;

	if (partial)
		result = partial.keep !== undefined
			? result.slice(0, partial.keep)
			: result.slice(0, Math.max(0, result.length - (partial.drop ?? 1)));
	if (omit || tamper)
		result = result.map((text) => changeInfo(JSON.parse(text), omit, tamper));
	return result;
}

/** Returns the text of an info without its logs, or with false ones. */
function changeInfo(info, omit, tamper)
{
	if (omit)
		delete info.log;
	else if (tamper && info.log)
		info.log = info.log.map((log) => tamperLog(log, tamper.what));
	return JSON.stringify(info);
}

/** Returns a block's JSON text as the faults of a request leave it. */
export function applyToBlock(faults, request, number, text)
{
	const tamper = faults.hit('tamper', request,
		(fault) => fault.what === 'header' && concerns(fault, number));

	if (!tamper)
		return text;

	const block = JSON.parse(text);

	block.block_header.raw_data.txTrieRoot = 'ff'.repeat(32);
	return JSON.stringify(block);
}
