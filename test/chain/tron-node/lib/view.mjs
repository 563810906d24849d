// SPDX-License-Identifier: PostgreSQL
//
// What one node of the network shows: the chain up to its own head, which may lag behind or stand
// on a branch the others have left.

/** What one node shows of the chain: up to its own head, with its own solidified number. */
export class View
{
	/** Takes the chain, the head and solidified numbers and blocks that override the chain's. */
	constructor(chain, head, solid, override)
	{
		this.chain = chain;
		this.head = head;
		this.solid = solid;
		this.override = override;
	}

	/** Returns block n, or undefined beyond the head. */
	block(number)
	{
		if (!Number.isInteger(number) || number < 0 || number > this.head)
			return undefined;
		return this.override?.get(number) ?? this.chain.block(number);
	}

	/** Returns the block of an id. */
	blockById(id)
	{
		const block = this.block(parseInt(id.slice(0, 16), 16));

		return block?.id === id ? block : undefined;
	}

	/** Returns { block, index } of a transaction within the view, or null. */
	locate(id)
	{
		const overridden = this.override && [...this.override.values()].map((block) =>
			({ block, index: block.entries.findIndex(({ tx }) => tx.id === id) }))
			.find(({ index }) => index >= 0);
		const place = overridden ? null : this.chain.locate(id);

		if (overridden)
			return overridden;
		if (!place || place[0] > this.head || this.override?.has(place[0]))
			return null;
		return { block: this.block(place[0]), index: place[1] };
	}

	/** Returns the same node's solidified view. */
	solidified()
	{
		return new View(this.chain, this.solid, this.solid, this.override);
	}

	/** Returns the state at the view's head; the newest view includes what is pending. */
	state(includePending)
	{
		return includePending && this.head === this.chain.head.number && !this.override
			? this.chain.state : this.chain.stateAt(this.head);
	}

	/** Returns a view that lags behind by some blocks. */
	behind(count)
	{
		const head = Math.max(0, this.chain.head.number - count);

		return new View(this.chain, head, this.chain.solidAt(head), null);
	}
}

/** Returns a view that stays as the chain is now, even when the chain is forked later. */
export function frozenView(chain)
{
	const override = new Map();

	for (let n = chain.solid + 1; n <= chain.head.number; n++)
		override.set(n, chain.blocks.get(n));
	return new View(chain, chain.head.number, chain.solid, override);
}
