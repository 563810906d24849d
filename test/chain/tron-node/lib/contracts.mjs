// SPDX-License-Identifier: PostgreSQL
//
// The contracts of the simulated chain, written in JavaScript instead of byte code: Tether's TRC-20
// (with its fee, pause, blacklist and its transfer() that returns false on success), a look-alike
// token, and a disperser whose transfers are internal.
//
// Every call gets a context { state, caller, emit(log), internal(tx) } and returns
// { data, energy, penalty }; a refused call throws Revert. Energy figures of transfers are measured
// mainnet ones; those of rarer calls are plausible, not measured.

import { keccak256, selectorOf, topicOf } from './crypto.mjs';

/** A call the contract refused. */
export class Revert extends Error {}

const WORD_FALSE = '0'.repeat(64);
const WORD_TRUE = '1'.padStart(64, '0');
const MAX_WORD = (1n << 256n) - 1n;

/** Returns a 64-character word of a number, BigInt or 21-byte hex address. */
export function word(value)
{
	if (typeof value === 'string')
		return value.slice(2).padStart(64, '0');
	return BigInt(value).toString(16).padStart(64, '0');
}

/** Returns the ABI encoding of one string. */
function stringResult(text)
{
	const hex = Buffer.from(text, 'utf8').toString('hex');

	return word(32) + word(text.length) + hex.padEnd(Math.ceil(hex.length / 64) * 64, '0');
}

/** Reads the words of call data; a short call reads as zeros, as in the EVM. */
class Args
{
	constructor(hex)
	{
		this.hex = hex;
	}

	/** Returns word i as a BigInt. */
	uint(i)
	{
		return BigInt('0x' + this.hex.slice(i * 64, i * 64 + 64).padEnd(64, '0'));
	}

	/** Returns word i as a 21-byte hex address. */
	address(i)
	{
		return '41' + this.hex.slice(i * 64 + 24, i * 64 + 64).padEnd(40, '0');
	}

	/** Returns the dynamic array whose offset stands in word i, read by a method of this class. */
	list(i, read)
	{
		const start = Number(this.uint(i) / 32n);
		const count = Number(this.uint(start));

		if (count > 500)
			throw new Revert('REVERT opcode executed');
		return Array.from({ length: count }, (_, n) => this[read](start + 1 + n));
	}
}

const TOPIC = Object.fromEntries(Object.entries({
	Transfer: 'Transfer(address,address,uint256)',
	Approval: 'Approval(address,address,uint256)',
	Params: 'Params(uint256,uint256)',
	Pause: 'Pause()',
	Unpause: 'Unpause()',
	Issue: 'Issue(uint256)',
	Redeem: 'Redeem(uint256)',
	Deprecate: 'Deprecate(address)',
	AddedBlackList: 'AddedBlackList(address)',
	RemovedBlackList: 'RemovedBlackList(address)',
	DestroyedBlackFunds: 'DestroyedBlackFunds(address,uint256)',
}).map(([name, signature]) => [name, topicOf(signature)]));

export { TOPIC };

/** Throws unless a condition holds, as Solidity's require does. */
function require(condition)
{
	if (!condition)
		throw new Revert('REVERT opcode executed');
}

/** A contract: a table of methods found by selector, and the ABI made from it. */
class JsContract
{
	/** Takes the address, a display name, the origin (deployer) and the method table. */
	constructor(address, name, origin)
	{
		this.address = address;
		this.name = name;
		this.origin = origin;
		this.methods = new Map();
		this.abi = [];
		this.runtimeCode = keccak256(`runtime code of ${name}`).toString('hex').repeat(8);
	}

	/** Adds a method. options: { view, outputs: [type], inputs: [name] }. */
	method(signature, options, run)
	{
		const [name, list] = signature.slice(0, -1).split('(');
		const types = list === '' ? [] : list.split(',');
		const entry = {
			name,
			inputs: types.map((type, i) => ({ name: options.inputs?.[i] ?? `_arg${i}`, type })),
			outputs: (options.outputs ?? []).map((type) => ({ type })),
			type: 'Function',
			stateMutability: options.view ? 'View' : 'Nonpayable',
		};

		if (options.view)
			entry.constant = true;
		if (entry.inputs.length === 0)
			delete entry.inputs;
		if (entry.outputs.length === 0)
			delete entry.outputs;
		this.abi.push(entry);
		this.methods.set(selectorOf(signature), { view: !!options.view, run });
	}

	/** Adds an event to the ABI. */
	event(signature, names, indexed)
	{
		const [name, list] = signature.slice(0, -1).split('(');
		const types = list === '' ? [] : list.split(',');
		const inputs = types.map((type, i) => ({
			...(i < indexed ? { indexed: true } : {}), name: names[i], type,
		}));

		this.abi.push({ name, ...(inputs.length ? { inputs } : {}), type: 'Event' });
	}

	/** Returns true when the selector names a view method. */
	isView(selector)
	{
		return this.methods.get(selector)?.view ?? false;
	}

	/** Runs call data (hex) in a context; throws Revert. */
	call(context, data)
	{
		const method = this.methods.get(data.slice(0, 8));

		if (!method)
			throw new Revert('REVERT opcode executed');
		return method.run(context, new Args(data.slice(8)));
	}
}

/** Returns the charge of a token transfer: more when the receiver held nothing. */
function transferCharge(token, toEmpty)
{
	if (!token.busy)
		return { energy: toEmpty ? 29650 : 14650, penalty: 0 };
	return toEmpty ? { energy: 130285, penalty: 100635 } : { energy: 64285, penalty: 49635 };
}

const VIEW_CHARGE = { energy: 4062, penalty: 3127 };

/** A TRC-20 token with Tether's methods and events. */
export class Token extends JsContract
{
	/** Options: { owner, supply, busy, falseOnTransfer, symbol, title, decimals }. */
	constructor(address, options)
	{
		super(address, options.contractName, options.owner);
		Object.assign(this, options);
		this.addViews();
		this.addTransfers();
		this.addControls();
		this.addEvents();
	}

	/** Returns the state key of one of this token's values. */
	key(...parts)
	{
		return `t:${this.address}:${parts.join(':')}`;
	}

	/** Returns the balance of an address. */
	balance(state, address)
	{
		return state.get(this.key('b', address)) ?? 0n;
	}

	/** Returns the settings of the contract. */
	settings(state)
	{
		return state.get(this.key('settings')) ?? {
			basisPoints: 0n, maximumFee: 0n, paused: false, upgraded: null,
			supply: this.supply,
		};
	}

	/** Changes some of the settings. */
	change(state, changes)
	{
		state.set(this.key('settings'), { ...this.settings(state), ...changes });
	}

	/** Moves value between two balances and emits Transfer. */
	move(context, from, to, value)
	{
		const { state } = context;

		require(this.balance(state, from) >= value);
		state.set(this.key('b', from), this.balance(state, from) - value);
		state.set(this.key('b', to), this.balance(state, to) + value);
		context.emit({
			address: this.settings(state).upgraded ?? this.address,
			topics: [TOPIC.Transfer, word(from), word(to)], data: word(value),
		});
	}

	/** Moves value less Tether's fee: first to the receiver, then the fee to the owner. */
	moveWithFee(context, from, to, value)
	{
		const { state } = context;
		const { basisPoints, maximumFee } = this.settings(state);
		const toEmpty = this.balance(state, to) === 0n;
		const charge = transferCharge(this, toEmpty);
		let fee = (value * basisPoints) / 10000n;

		if (fee > maximumFee)
			fee = maximumFee;
		this.move(context, from, to, value - fee);
		if (fee > 0n)
		{
			this.move(context, from, this.owner, fee);
			charge.energy += 33000;
		}
		return charge;
	}

	/** Adds the methods that only read. */
	addViews()
	{
		const view = (signature, output, read) =>
			this.method(signature, { view: true, outputs: [output] }, (context, args) =>
				({ data: read(context.state, args), ...VIEW_CHARGE }));
		const flag = (value) => (value ? WORD_TRUE : WORD_FALSE);

		view('name()', 'string', () => stringResult(this.title));
		view('symbol()', 'string', () => stringResult(this.symbol));
		view('decimals()', 'uint8', () => word(this.decimals));
		view('totalSupply()', 'uint256', (state) => word(this.settings(state).supply));
		view('owner()', 'address', () => word(this.owner));
		view('getOwner()', 'address', () => word(this.owner));
		view('paused()', 'bool', (state) => flag(this.settings(state).paused));
		view('deprecated()', 'bool', (state) => flag(this.settings(state).upgraded));
		view('upgradedAddress()', 'address',
			(state) => word(this.settings(state).upgraded ?? '41' + '0'.repeat(40)));
		view('basisPointsRate()', 'uint256', (state) => word(this.settings(state).basisPoints));
		view('maximumFee()', 'uint256', (state) => word(this.settings(state).maximumFee));
		view('balanceOf(address)', 'uint256',
			(state, args) => word(this.balance(state, args.address(0))));
		view('balances(address)', 'uint256',
			(state, args) => word(this.balance(state, args.address(0))));
		view('allowance(address,address)', 'uint256', (state, args) =>
			word(state.get(this.key('a', args.address(0), args.address(1))) ?? 0n));
		view('isBlackListed(address)', 'bool',
			(state, args) => flag(state.get(this.key('l', args.address(0)))));
		view('getBlackListStatus(address)', 'bool',
			(state, args) => flag(state.get(this.key('l', args.address(0)))));
	}

	/** Throws unless transfers are on and the sender is not blacklisted. */
	checkSender(state, from)
	{
		require(!this.settings(state).paused);
		require(!state.get(this.key('l', from)));
	}

	/** Adds transfer, transferFrom and approve. */
	addTransfers()
	{
		const names = { outputs: ['bool'], inputs: ['_to', '_value'] };

		this.method('transfer(address,uint256)', names, (context, args) =>
		{
			this.checkSender(context.state, context.caller);

			const charge = this.moveWithFee(context, context.caller, args.address(0), args.uint(1));

			return { data: this.falseOnTransfer ? WORD_FALSE : WORD_TRUE, ...charge };
		});
		this.method('transferFrom(address,address,uint256)',
			{ outputs: ['bool'], inputs: ['_from', '_to', '_value'] },
			(context, args) => this.transferFrom(context, args));
		this.method('approve(address,uint256)',
			{ outputs: ['bool'], inputs: ['_spender', '_value'] }, (context, args) =>
			{
				const { state, caller } = context;
				const key = this.key('a', caller, args.address(0));

				require(!this.settings(state).paused);
				require(args.uint(1) === 0n || (state.get(key) ?? 0n) === 0n);
				state.set(key, args.uint(1));
				context.emit({
					address: this.address,
					topics: [TOPIC.Approval, word(caller), word(args.address(0))],
					data: word(args.uint(1)),
				});
				return { data: WORD_TRUE, energy: 99764, penalty: 77000 };
			});
	}

	/** Runs transferFrom: spends an allowance unless it is unlimited. */
	transferFrom(context, args)
	{
		const { state, caller } = context;
		const [from, to, value] = [args.address(0), args.address(1), args.uint(2)];
		const key = this.key('a', from, caller);
		const allowed = state.get(key) ?? 0n;

		this.checkSender(state, from);
		require(allowed >= value);
		if (allowed < MAX_WORD)
			state.set(key, allowed - value);

		const charge = this.moveWithFee(context, from, to, value);

		return { data: WORD_TRUE, energy: charge.energy + 15000, penalty: charge.penalty };
	}

	/** Adds the owner's methods. */
	addControls()
	{
		const owned = (signature, inputs, run) =>
			this.method(signature, { inputs }, (context, args) =>
			{
				require(context.caller === this.owner);
				run(context, args);
				return { data: '', energy: 25000, penalty: 19000 };
			});
		const note = (context, topics, data) =>
			context.emit({ address: this.address, topics, data });

		owned('setParams(uint256,uint256)', ['newBasisPoints', 'newMaxFee'], (context, args) =>
		{
			const maximumFee = args.uint(1) * 10n ** BigInt(this.decimals);

			require(args.uint(0) < 20n && args.uint(1) < 50n);
			this.change(context.state, { basisPoints: args.uint(0), maximumFee });
			note(context, [TOPIC.Params], word(args.uint(0)) + word(maximumFee));
		});
		owned('pause()', [], (context) =>
		{
			require(!this.settings(context.state).paused);
			this.change(context.state, { paused: true });
			note(context, [TOPIC.Pause], '');
		});
		owned('unpause()', [], (context) =>
		{
			require(this.settings(context.state).paused);
			this.change(context.state, { paused: false });
			note(context, [TOPIC.Unpause], '');
		});
		owned('deprecate(address)', ['_upgradedAddress'], (context, args) =>
		{
			this.change(context.state, { upgraded: args.address(0) });
			note(context, [TOPIC.Deprecate], word(args.address(0)));
		});
		this.addSupplyControls(owned, note);
		this.addBlacklist(owned, note);
	}

	/** Adds issue and redeem; neither emits Transfer. */
	addSupplyControls(owned, note)
	{
		const grow = (context, delta) =>
		{
			const { state } = context;
			const balance = this.balance(state, this.owner) + delta;

			require(balance >= 0n);
			state.set(this.key('b', this.owner), balance);
			this.change(state, { supply: this.settings(state).supply + delta });
		};

		owned('issue(uint256)', ['amount'], (context, args) =>
		{
			grow(context, args.uint(0));
			note(context, [TOPIC.Issue], word(args.uint(0)));
		});
		owned('redeem(uint256)', ['amount'], (context, args) =>
		{
			grow(context, -args.uint(0));
			note(context, [TOPIC.Redeem], word(args.uint(0)));
		});
	}

	/** Adds the blacklist; destroying funds emits no Transfer. */
	addBlacklist(owned, note)
	{
		owned('addBlackList(address)', ['_evilUser'], (context, args) =>
		{
			context.state.set(this.key('l', args.address(0)), true);
			note(context, [TOPIC.AddedBlackList, word(args.address(0))], '');
		});
		owned('removeBlackList(address)', ['_clearedUser'], (context, args) =>
		{
			context.state.set(this.key('l', args.address(0)), false);
			note(context, [TOPIC.RemovedBlackList, word(args.address(0))], '');
		});
		owned('destroyBlackFunds(address)', ['_blackListedUser'], (context, args) =>
		{
			const { state } = context;
			const user = args.address(0);
			const funds = this.balance(state, user);

			require(state.get(this.key('l', user)));
			state.set(this.key('b', user), 0n);
			this.change(state, { supply: this.settings(state).supply - funds });
			note(context, [TOPIC.DestroyedBlackFunds, word(user)], word(funds));
		});
	}

	/** Adds the events to the ABI. */
	addEvents()
	{
		this.event('Transfer(address,address,uint256)', ['from', 'to', 'value'], 2);
		this.event('Approval(address,address,uint256)', ['owner', 'spender', 'value'], 2);
		this.event('Params(uint256,uint256)', ['feeBasisPoints', 'maxFee'], 0);
		this.event('Pause()', [], 0);
		this.event('Unpause()', [], 0);
		this.event('Issue(uint256)', ['amount'], 0);
		this.event('Redeem(uint256)', ['amount'], 0);
		this.event('Deprecate(address)', ['newAddress'], 0);
		this.event('AddedBlackList(address)', ['_user'], 1);
		this.event('RemovedBlackList(address)', ['_user'], 1);
		this.event('DestroyedBlackFunds(address,uint256)', ['_blackListedUser', '_balance'], 1);
	}
}

/** A contract that holds tokens and pays them out: its transfers are internal transactions. */
export class Disperser extends JsContract
{
	/** Takes its address, the deployer and a function returning a token by address. */
	constructor(address, origin, tokenAt)
	{
		super(address, 'Disperser', origin);
		this.tokenAt = tokenAt;
		this.method('disperseToken(address,address[],uint256[])',
			{ inputs: ['token', 'recipients', 'values'] },
			(context, args) => this.disperse(context, args));
	}

	/** Pays every recipient from the contract's own balance. */
	disperse(context, args)
	{
		const token = this.tokenAt(args.address(0));
		const recipients = args.list(1, 'address');
		const values = args.list(2, 'uint');
		let energy = 21000;
		let penalty = 0;

		require(token && recipients.length === values.length);
		recipients.forEach((recipient, i) =>
		{
			const data = selectorOf('transfer(address,uint256)') + word(recipient) + word(values[i]);
			const spent = token.call({ ...context, caller: this.address }, data);

			context.internal({ from: this.address, to: token.address });
			energy += spent.energy;
			penalty += spent.penalty;
		});
		return { data: '', energy, penalty };
	}
}

/** Returns the call data of a method (hex) with words for arguments. */
export function callData(signature, ...args)
{
	return selectorOf(signature) + args.map(word).join('');
}

/** Returns the call data of disperseToken. */
export function disperseData(token, recipients, values)
{
	return selectorOf('disperseToken(address,address[],uint256[])') + word(token) + word(96)
		+ word(96 + 32 * (recipients.length + 1)) + word(recipients.length)
		+ recipients.map(word).join('') + word(values.length) + values.map(word).join('');
}
