// SPDX-License-Identifier: PostgreSQL
//
// What a round does and when, worked out from its seed before anything runs: orders and what is
// paid for them, blocks and reorganisations, faults of nodes and of receivers, deaths of
// processes.  Times are milliseconds from the round's start.
import { dice } from './dice.mjs'

export const DURATION = 5000
export const REORG_DEPTH = 5
export const MERCHANTS = ['alpha', 'beta', 'gamma']
export const SHORT_TTL = 300

// ------------------------------------------------------------------- orders and payments

const PAYMENTS = {
  exact: 8, halves: 3, part: 3, over: 3, late: 3, none: 2, zero: 1, fake: 1, unknown: 1,
  elsewhere: 2, dust: 1, crowd: 4
}

function planOrder(d, i, networks) {
  const merchant = MERCHANTS[i % MERCHANTS.length]
  const offered = d.chance(0.4) ? networks : [d.pick(networks)]
  const order = {
    i, merchant, at: d.int(0, DURATION * 0.7), reference: `order-${i}`,
    amount: d.int(1_000_000, 900_000_000), networks: offered,
    ttl: d.chance(0.4) ? SHORT_TTL : 86_400,
    draft: d.weighted({ no: 12, open: 2, keep: 1, cancel: 1 }),
    wrap: d.weighted({ none: 6, commit: 2, rollback: 1 }),
    cancelAfter: d.chance(0.15) ? d.int(0, 2500) : null
  }
  order.payments = planPayments(d, order, networks)
  return order
}

// What is paid for an order: minor units of USDT, and what is odd about each payment.
function planPayments(d, order, networks) {
  const network = d.pick(order.networks)
  const other = networks.find(code => !order.networks.includes(code))
  const pay = (amount, more = {}) =>
    ({ after: d.int(0, 1500), network, amount, kind: 'usdt', dust: d.int(0, 999_999), ...more })
  const half = order.amount >> 1
  switch (d.weighted(PAYMENTS)) {
    case 'exact': return [pay(order.amount)]
    case 'halves': return [pay(half), pay(order.amount - half)]
    case 'part': return [pay(d.int(1, order.amount - 1))]
    case 'over': return [pay(order.amount + d.int(1, 50_000_000))]
    case 'late': return [pay(order.amount, { notBefore: DURATION * 0.7 })]
    case 'zero': return [pay(0), pay(order.amount)]
    case 'fake': return [pay(order.amount, { kind: 'fake' })]
    case 'unknown': return [pay(order.amount, { kind: 'unknown' })]
    case 'elsewhere': return other ? [pay(order.amount, { network: other })] : [pay(order.amount)]
    case 'dust': return [pay(d.int(1, 9_999))]
    case 'crowd': return [pay(order.amount, { kind: 'crowd' })]
    default: return []
  }
}

function planCustomer(d, i, networks) {
  const network = d.pick(networks)
  const payable = networks.filter(other => other.family === network.family)
  return {
    i, merchant: MERCHANTS[i % MERCHANTS.length], at: d.int(0, DURATION * 0.4),
    reference: `customer-${i}`, network: network.code,
    payments: d.times(0, 3, () => ({
      after: d.int(0, 2500), network: d.pick(payable).code, amount: d.int(20_000, 90_000_000),
      kind: d.chance(0.1) ? 'fake' : 'usdt', dust: d.int(0, 999_999)
    }))
  }
}

// -------------------------------------------------------------------------- the chain

function planChain(d, code) {
  const actions = []
  for (let at = d.int(0, 200); at < DURATION; at += d.int(60, 260)) {
    actions.push({ at, kind: 'mine', network: code })
  }
  actions.push(...d.times(0, 4, () => ({
    at: d.int(300, DURATION), kind: 'reorg', network: code, depth: d.int(1, REORG_DEPTH),
    keep: d.weighted({ none: 2, all: 3, some: 3 }), luck: d.int(0, 2 ** 31)
  })))
  return actions
}

// ------------------------------------------------------------------------------- faults

// Trouble that any node may have, both of a network at once.
const TROUBLE = {
  delay: d => ({ ms: d.int(50, 700) }),
  hang: () => ({}),
  drop: () => ({}),
  status: d => ({ code: d.pick([429, 429, 500, 502, 503, 504]) }),
  redirect: () => ({ location: 'http://127.0.0.1:1/' }),
  huge: () => ({ megabytes: 8, times: 2 }),
  slow: () => ({ ms: 100, times: 2 }),
  truncate: () => ({}),
  garbage: () => ({}),
  'wrong-ids': () => ({}),
  'missing-answer': () => ({}),
  'same-id-twice': () => ({}),
  'reverse-batch': () => ({}),
  error: () => ({ code: -32000, message: 'header not found' }),
  result: () => ({ value: null }),
  'range-limit': d => ({
    max: d.int(1, 10),
    style: d.pick(['infura', 'alchemy', 'quicknode', 'ankr', 'publicnode', 'reth', 'drpc'])
  }),
  lag: d => ({ blocks: d.int(1, 12), beyond: d.pick(['clamp', 'error']) })
}

// Lies: in a round one node of each network, always the same, may tell them.
const LIES = {
  lag: d => ({ blocks: -d.int(1, 60) }),
  status: d => ({ code: d.pick([401, 403]), times: 1 }),
  'chain-id': () => ({ times: 2 }),
  'drop-logs': d => ({ receipts: d.chance(0.5) }),
  'cap-logs': d => ({ max: d.int(0, 2) }),
  'alter-amount': d => ({ add: d.int(1, 1000) }),
  'set-log': d => ({ set: d.pick([{ topics: [] }, { data: '0x' }, { logIndex: '0x7' }]) }),
  'duplicate-logs': () => ({}),
  'removed-logs': () => ({}),
  'unsorted-logs': () => ({}),
  'wrong-block-hash': () => ({}),
  mutate: d => ({
    path: [d.pick(['number', 'hash', 'parentHash', 'timestamp', 'logsBloom'])], value: '0x1'
  })
}

// Of a TRON node: what can befall any REST answer, and what its own port can lie about.
const TRON_TROUBLE = Object.fromEntries(['delay', 'hang', 'drop', 'status', 'redirect', 'huge',
  'slow', 'truncate', 'garbage'].map(kind => [kind, TROUBLE[kind]]))
const TRON_LIES = {
  partial: d => ({ lie: 'partialInfos', drop: d.int(1, 2) }),
  omit: () => ({ lie: 'omitLogs' }),
  tamper: d => ({ lie: 'tamper', what: d.pick(['amount', 'recipient', 'token', 'header']) }),
  clamp: () => ({ lie: 'clamp', range: 3 }),
  stale: d => ({ lie: 'stale', behind: d.int(1, 10) }),
  freeze: () => ({ lie: 'freeze' }),
  chain: () => ({ lie: 'chainId', chainId: '0x1' })
}

function planFaults(d, { code, family }) {
  const liar = d.int(0, 1)
  const [trouble, lies] = family === 'tron' ? [TRON_TROUBLE, TRON_LIES] : [TROUBLE, LIES]
  const windows = d.times(1, 6, () => {
    const provider = d.int(0, 1)
    const kinds = provider === liar && d.chance(0.6) ? lies : trouble
    const kind = d.pick(Object.keys(kinds))
    const probability = d.pick([0.2, 0.5, 1])
    const at = d.int(0, DURATION - 300)
    return {
      at, until: Math.min(DURATION, at + d.int(200, 2000)), network: code, provider,
      fault: { kind, probability, ...kinds[kind](d) }
    }
  })
  const actions = windows.flatMap(({ at, until, network, provider, fault }, id) => [
    { at, kind: 'fault', network, provider, fault, id },
    { at: until, kind: 'cure', network, provider, id }
  ])
  if (d.chance(0.3)) actions.push(...pause(d, code, 'freeze'))
  if (d.chance(0.3)) actions.push(...pause(d, code, 'stop'))
  return actions
}

// A node whose process hangs, or is gone, for a while.
function pause(d, network, how) {
  const at = d.int(0, DURATION - 800)
  const provider = d.int(0, 1)
  return [
    { at, kind: `node-${how}`, network, provider },
    { at: at + d.int(300, 1500), kind: `node-${how}-end`, network, provider }
  ]
}

// ----------------------------------------------------------------- receivers, processes

const MODES = {
  ok: () => ({ mode: 'ok' }),
  error: () => ({ mode: 'error', code: 500 }),
  drop: () => ({ mode: 'drop' }),
  hang: () => ({ mode: 'hang' }),
  slow: d => ({ mode: 'slow', ms: d.int(100, 700) }),
  busy: () => ({ mode: 'busy', retryAfter: 1 }),
  redirect: () => ({ mode: 'redirect', location: 'http://127.0.0.1:1/' }),
  flood: () => ({ mode: 'flood', megabytes: 8 }),
  'fail-first': d => ({ mode: 'fail-first', count: d.int(1, 10) }),
  created: () => ({ mode: 'created' }),
  gone: () => ({ mode: 'gone' })
}

function planReceiver(d, merchant) {
  return d.times(0, 4, () => {
    const mode = d.pick(d.chance(0.1) ? ['gone'] : Object.keys(MODES).slice(0, -1))
    return { at: d.int(0, DURATION), kind: 'receiver', merchant, mode: MODES[mode](d) }
  })
}

const DEATHS = {
  'kill scanner': 5, 'kill courier': 3, 'kill keeper': 2, 'kill launcher': 2, 'kill backend': 2,
  'kill postmaster': 3, 'term scanner': 3, 'term courier': 2, 'term keeper': 2, 'term backend': 3,
  'stop immediate': 1, 'stop fast': 1, reload: 3, checkpoint: 1
}

function planDeaths(d) {
  return d.times(1, 4, () => ({
    at: d.int(300, DURATION - 200), kind: 'death', how: d.weighted(DEATHS), luck: d.int(0, 2 ** 31)
  }))
}

// The whole round.  Equal seeds and networks give equal plans.
export function makePlan(seed, networks) {
  const d = dice(seed, 'orders')
  const codes = networks.map(network => network.code)
  const orders = d.times(14, 26, i => planOrder(d, i, codes))
  const customers = d.times(2, 5, i => planCustomer(d, i, networks))
  const actions = [
    ...codes.flatMap(code => planChain(dice(seed, `chain ${code}`), code)),
    ...networks.flatMap(network => planFaults(dice(seed, `faults ${network.code}`), network)),
    ...MERCHANTS.flatMap(code => planReceiver(dice(seed, `receiver ${code}`), code)),
    ...planDeaths(dice(seed, 'deaths')),
    { at: DURATION * 0.7, kind: 'clock', seconds: SHORT_TTL + 120 }
  ]
  return { seed, orders, customers, actions: actions.sort((a, b) => a.at - b.at) }
}
