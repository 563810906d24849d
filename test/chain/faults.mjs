// SPDX-License-Identifier: PostgreSQL
//
// What can go wrong between us and a node, one entry per kind.  A fault is a plain object:
//
//   { kind, method?, probability?, times?, after?, …what the kind takes }
//
// `method` (a name or a list) is a JSON-RPC method or, for a REST node, the path; without it
// every request matches.  The first `after` matches are spared, then it strikes with `probability`
// at most `times` times.  A kind has up to four hooks:
//
//   http(response, fault)           answers the whole request instead of the node
//   before(call, fault, upstream)   answers one call ({error} or {result}), or changes its params
//   after(call, result, fault)      returns what becomes of one result
//   text(text, fault)               returns what becomes of the answer's bytes

const hex = n => '0x' + BigInt(n).toString(16)
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

// ---------------------------------------------------------------- the transport goes wrong

const transport = {
  delay: { http: async (_, { ms = 1000 }) => { await sleep(ms); return false } },
  hang: { http: async () => true },
  drop: { http: async response => { response.socket.destroy(); return true } },
  status: {
    http: async (response, { code = 500, retryAfter, body = '' }) => {
      const headers = retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }
      response.writeHead(code, headers).end(body)
      return true
    }
  },
  redirect: {
    http: async (response, { location, code = 302 }) => {
      response.writeHead(code, { location }).end()
      return true
    }
  },
  // An endless answer that begins like a good one.
  huge: {
    http: async (response, { megabytes = 100 }) => {
      const block = Buffer.alloc(1 << 20, 0x20)
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write('{"jsonrpc":"2.0","id":1,"result":"0x')
      for (let i = 0; i < megabytes && !response.destroyed; i++) {
        if (!response.write(block)) await drained(response)
      }
      response.end('"}')
      return true
    }
  },
  // Drips bytes so slowly that only a total timeout ends it.
  slow: {
    http: async (response, { ms = 200 }) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      while (!response.destroyed) {
        response.write(' ')
        await sleep(ms)
      }
      return true
    }
  },
  truncate: { text: (text, { bytes }) => text.slice(0, bytes ?? text.length >> 1) },
  // Well-formed refusals without end, for whoever keeps something of each.
  flood: { text: (_, { count = 1000000 }) => '[' + '{"error":1},'.repeat(count) + '{"error":1}]' },
  garbage: { text: (_, { body = '<html>\u0000Bad Gateway</html>' }) => body }
}

const drained = response => new Promise(resolve => {
  response.once('drain', resolve)
  response.once('close', resolve)
})

// ------------------------------------------------------- the answers of a batch are not ours

const envelope = {
  'wrong-ids': { text: editAnswers(list => list.map(a => ({ ...a, id: Number(a.id) + 1000 }))) },
  'missing-answer': { text: editAnswers(list => list.slice(1)) },
  'same-id-twice': { text: editAnswers(list => list.map(a => ({ ...a, id: list[0].id }))) },
  'reverse-batch': { text: editAnswers(list => list.reverse()) }
}

function editAnswers(edit) {
  return text => {
    const parsed = JSON.parse(text)
    const edited = edit(Array.isArray(parsed) ? parsed : [parsed])
    return JSON.stringify(Array.isArray(parsed) ? edited : edited[0] ?? null)
  }
}

// --------------------------------------------------------------------- the node says no

// How providers word the refusal of an eth_getLogs range; `max` is their limit in blocks.
const RANGE_ERRORS = {
  infura: (from, to, max) => [-32005, 'query returned more than 10000 results. Try with this ' +
    `block range [${hex(from)}, ${hex(from + max - 1)}].`],
  'infura-range': (from, to, max) => [-32602, `range ${to - from} exceeds limit of ${max}`],
  alchemy: (from, to, max) => [-32602, 'Log response size exceeded. You can make eth_getLogs ' +
    'requests with up to a 2K block range. Based on your parameters, this block range should ' +
    `work: [${hex(from)}, ${hex(from + max - 1)}]`],
  quicknode: (from, to, max) => [-32614, `eth_getLogs is limited to a ${max} range`],
  ankr: () => [-32600, 'block range is too wide'],
  publicnode: (from, to, max) => [-32701, `exceed maximum block range: ${max}`],
  reth: (from, to, max) => [-32602, 'query exceeds max results 20000, retry with the range ' +
    `${from}-${from + max - 1}`],
  drpc: (from, to, max) => [-32000, `requested too many blocks from ${from} to ${to}, maximum ` +
    `is set to ${max}`],
  'geth-timeout': () => [-32002, 'request timed out'],
  'geth-large': () => [-32003, 'response too large'],
  'java-tron': (from, to, max) => [-32602, `exceed max block range: ${max}`]
}

const refusal = {
  error: {
    before: async (_, { code = -32000, message = 'internal error', data }) =>
      ({ error: { code, message, ...(data === undefined ? {} : { data }) } })
  },
  result: { before: async (_, { value = null }) => ({ result: value }) },
  'range-limit': {
    before: async (call, { max = 10, style = 'infura' }, upstream) => {
      const [from, to] = await logRange(call, upstream)
      if (from === null || to - from + 1 <= max) return undefined
      const [code, message] = RANGE_ERRORS[style](from, to, max)
      return { error: { code, message } }
    }
  }
}

async function logRange(call, upstream) {
  const filter = call.method === 'eth_getLogs' ? call.params[0] : undefined
  if (!filter || filter.blockHash) return [null, null]
  const number = async tag => /^0x/.test(tag ?? 'latest') ? Number(tag)
    : Number((await upstream('eth_getBlockByNumber', [tag ?? 'latest', false])).number)
  return [await number(filter.fromBlock), await number(filter.toBlock)]
}

// ------------------------------------------------------------------------ the node lies

// Serves the chain as it was `blocks` ago, or (negative) claims a head that does not exist yet.
// Ranges beyond are clamped in silence as old nodes do, or refused with `beyond: "error"`.
const lag = {
  before: async (call, { blocks = 5, beyond = 'clamp' }, upstream) => {
    const head = Number(await upstream('eth_blockNumber', [])) - blocks
    if (call.method === 'eth_blockNumber') return { result: hex(head) }
    if (call.method === 'eth_getBlockByNumber') return lagBlock(call, blocks, head, upstream)
    const [from, to] = await logRange(call, upstream)
    if (from === null || to <= head) return undefined
    if (beyond === 'error') {
      return { error: { code: -32602, message: 'block range extends beyond current head block' } }
    }
    if (from > head) return { result: [] }
    call.params = [{ ...call.params[0], toBlock: hex(head) }]
    return undefined
  }
}

async function lagBlock(call, blocks, head, upstream) {
  const [tag, full] = call.params
  if (/^0x/.test(tag)) return Number(tag) > head ? { result: null } : undefined
  const real = Number((await upstream('eth_getBlockByNumber', [tag, false])).number)
  call.params = [hex(Math.max(0, Math.min(head, real - blocks))), full]
  return undefined
}

// Applies `edit` to the logs of eth_getLogs and of receipts that the fault selects by address,
// transaction or number of logs (`count`), leaving others alone.
function logs(edit) {
  return {
    after: (call, result, fault) => {
      if (call.method === 'eth_getLogs') return editLogs(result, fault, edit)
      if (fault.receipts === false || !/Receipt/.test(call.method) || !result) return result
      const one = receipt => ({ ...receipt, logs: editLogs(receipt.logs, fault, edit) })
      return Array.isArray(result) ? result.map(one) : one(result)
    }
  }
}

function editLogs(list, fault, edit) {
  const same = (a, b) => a === undefined || a.toLowerCase() === b.toLowerCase()
  let left = fault.count ?? Infinity
  const chosen = log => same(fault.address, log.address) && same(fault.tx, log.transactionHash) &&
    left-- > 0
  return edit.whole ? edit.whole(list, fault)
    : list.flatMap(log => chosen(log) ? edit.each(log, fault) : [log])
}

// Calls the block final that is `back` below the newest one.
const finalTag = {
  before: async (call, { back = 0 }, upstream) => {
    if (call.method !== 'eth_getBlockByNumber' || call.params[0] !== 'finalized') return undefined
    const head = Number(await upstream('eth_blockNumber', []))
    call.params = [hex(Math.max(0, head - back)), call.params[1]]
    return undefined
  }
}

// Claims a head that is `add` higher than it is.
const claimHead = {
  after: (call, result, { add = 5 }) =>
    call.method === 'eth_getBlockByNumber' && call.params[0] === 'latest' && result
      ? { ...result, number: hex(Number(result.number) + add) } : result
}

const lies = {
  lag,
  'final-tag': finalTag,
  'claim-head': claimHead,
  'chain-id': {
    after: (call, result, { value = 424242 }) =>
      call.method === 'eth_chainId' ? hex(value)
        : call.method === 'net_version' ? String(value) : result
  },
  'drop-logs': logs({ each: () => [] }),
  'alter-amount': logs({
    each: (log, { add = 1 }) =>
      [{ ...log, data: '0x' + (BigInt(log.data) + BigInt(add)).toString(16).padStart(64, '0') }]
  }),
  'set-log': logs({ each: (log, { set }) => [{ ...log, ...set }] }),
  'duplicate-logs': logs({ each: log => [log, log] }),
  'removed-logs': logs({ each: log => [{ ...log, removed: true }] }),
  'wrong-block-hash': logs({ each: log => [{ ...log, blockHash: '0x' + 'ab'.repeat(32) }] }),
  'unsorted-logs': logs({ whole: list => [...list].reverse() }),
  'cap-logs': logs({ whole: (list, { max = 1 }) => list.slice(0, max) }),
  // Sets one place of a result: { path: ["transactions", 0], value: … }.
  mutate: {
    after: (call, result, { path, value }) => {
      let at = result
      for (const key of path.slice(0, -1)) at = at?.[key]
      if (at && typeof at === 'object') at[path.at(-1)] = value
      return result
    }
  }
}

export const KINDS = { ...transport, ...envelope, ...refusal, ...lies }

// ------------------------------------------------------------------------------ striking

// A small seeded generator (mulberry32), so that a run can be repeated.
export function random(seed) {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

// The faults in force; strikes() picks those that hit a method now and counts them.
export class Faults {
  constructor(seed = 1) {
    this.list = []
    this.random = random(seed)
  }

  add(fault) {
    if (!KINDS[fault.kind]) throw new Error(`unknown fault "${fault.kind}"`)
    this.list.push({ ...fault, matched: 0, fired: 0 })
  }

  set(list) {
    const old = this.list
    this.list = []
    try {
      list.forEach(fault => this.add(fault))
    } catch (error) {
      this.list = old
      throw error
    }
  }

  strikes(methods, hook) {
    return this.list.filter(fault => {
      if (!KINDS[fault.kind][hook] || !methods.some(method => concerns(fault, method))) return false
      if (++fault.matched <= (fault.after ?? 0)) return false
      if (fault.fired >= (fault.times ?? Infinity)) return false
      if (this.random() >= (fault.probability ?? 1)) return false
      fault.fired++
      return true
    })
  }
}

function concerns(fault, method) {
  return fault.method === undefined || [fault.method].flat().includes(method)
}
