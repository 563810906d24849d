// SPDX-License-Identifier: PostgreSQL
//
// The world state: one map of immutable values, with undo frames so that a block or a pending
// transaction can be taken back and the state at an older block can still be read.

/** A key-value store with nested undo frames. */
export class State
{
	constructor()
	{
		this.values = new Map();
		this.frames = [];
	}

	/** Returns the current value of a key. */
	get(key)
	{
		return this.values.get(key);
	}

	/** Sets a key; the open frame, if any, remembers what was there. */
	set(key, value)
	{
		const frame = this.frames.at(-1);

		if (frame && !frame.has(key))
			frame.set(key, this.values.get(key));
		this.values.set(key, value);
	}

	/** Opens an undo frame. */
	begin()
	{
		this.frames.push(new Map());
	}

	/** Closes the last frame, keeps its changes and returns what they replaced. */
	commit()
	{
		const frame = this.frames.pop();
		const parent = this.frames.at(-1);

		if (parent)
			for (const [key, old] of frame)
				if (!parent.has(key))
					parent.set(key, old);
		return frame;
	}

	/** Closes the last frame and takes its changes back. */
	rollback()
	{
		this.undo(this.frames.pop());
	}

	/** Puts back the values a committed frame had replaced. */
	undo(frame)
	{
		for (const [key, old] of frame)
			if (old === undefined)
				this.values.delete(key);
			else
				this.values.set(key, old);
	}
}

/** Reads the state as it was before some undo frames were applied, oldest frame first. */
export class PastState
{
	/** Wraps a state and the frames that came after the wanted moment. */
	constructor(state, frames)
	{
		this.state = state;
		this.frames = frames;
	}

	/** Returns the value a key had then. */
	get(key)
	{
		for (const frame of this.frames)
			if (frame.has(key))
				return frame.get(key);
		return this.state.get(key);
	}
}

/** A state to try things on: what is set stays here and the base is left alone. */
export class OverlaidState
{
	/** Wraps the state that is read through. */
	constructor(base)
	{
		this.base = base;
		this.values = new Map();
	}

	/** Returns the value of a key. */
	get(key)
	{
		return this.values.has(key) ? this.values.get(key) : this.base.get(key);
	}

	/** Sets a key here only. */
	set(key, value)
	{
		this.values.set(key, value);
	}

	/** Frames do not matter: the overlay is thrown away as a whole. */
	begin() {}

	/** See begin(). */
	commit() {}

	/** See begin(). */
	rollback() {}
}
