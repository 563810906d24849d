// SPDX-License-Identifier: PostgreSQL
//
// Chance with a memory: everything a round does follows from one seed.
import { random } from '../chain/faults.mjs'

export class Dice {
  constructor(seed) {
    this.next = random(seed)
  }

  // A whole number from low to high, both included.
  int(low, high) {
    return low + Math.floor(this.next() * (high - low + 1))
  }

  chance(probability) {
    return this.next() < probability
  }

  pick(list) {
    return list[this.int(0, list.length - 1)]
  }

  // One of the keys of {key: weight}.
  weighted(weights) {
    const entries = Object.entries(weights)
    let left = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [key, weight] of entries) {
      left -= weight
      if (left < 0) return key
    }
    return entries.at(-1)[0]
  }

  // times(3, 7, make): three to seven of what make() makes.
  times(low, high, make) {
    return Array.from({ length: this.int(low, high) }, (_, i) => make(i))
  }
}

// A generator of its own for a part of a plan, so that parts do not shift one another.
export function dice(seed, part) {
  let hash = seed >>> 0
  for (const letter of part) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193) >>> 0
  return new Dice(hash)
}
