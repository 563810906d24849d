// SPDX-License-Identifier: PostgreSQL
//
// What must be in the database after a round, worked out without it: from the chain itself and
// from what clients saw.  Every function returns a list of complaints.
import { MERCHANTS } from './plan.mjs'
import { POLICY } from './setup.mjs'

const sum = list => list.reduce((total, n) => total + n, 0n)
const percent = (amount, bps) => (amount * BigInt(bps) + 5000n) / 10000n

export async function check(round) {
  const { root } = round
  const [truth, deposits, orders] = [
    await readChain(round), await readDeposits(root), await readOrders(root)
  ]
  return [
    ...round.faults,
    ...await checkInvariants(root),
    ...checkDeposits(truth, deposits),
    ...checkClients(round, orders),
    ...checkOrders(round, truth, orders),
    ...await checkBooks(round, truth, orders),
    ...await checkShops(round, orders),
    ...await checkEvents(round)
  ]
}

// ---------------------------------------------------------------------------------- reading

// The final Transfers to addresses clients were given, with whose they are and how they route.
async function readChain(round) {
  const found = []
  for (const network of round.networks) {
    for (const transfer of await network.transfers(network.target)) {
      const owner = round.owners.get(transfer.owner)
      if (!owner || transfer.raw === 0n) continue
      const amount = transfer.watched ? transfer.raw
        : transfer.raw / 10n ** BigInt(network.decimals - 6)
      found.push({ ...transfer, ...owner, amount, key: key(transfer) })
    }
  }
  return found
}

const key = t => `${t.network} ${t.tx} ${t.watched ? 'fake' : 'usdt'} ${t.ordinal}`

async function readDeposits(root) {
  const rows = await root.rows(`
    SELECT n.code AS network, encode(d.tx_hash, 'hex') AS tx, d.ordinal, d.asset_id IS NULL AS watched,
      d.state, d.route, d.amount, d.amount_raw::text AS raw, d.block_number AS block,
      encode(d.block_hash, 'hex') AS "blockHash", p.code AS merchant, o.reference
    FROM usdtpay.deposit AS d JOIN usdtpay.network AS n USING (network_id)
    JOIN usdtpay.party AS p USING (party_id)
    LEFT JOIN usdtpay.payment_order AS o ON o.party_id = d.party_id AND o.order_id = d.order_id`)
  return rows.map(row => ({ ...row, key: key(row) }))
}

async function readOrders(root) {
  const rows = await root.rows(`
    SELECT p.code AS merchant, o.order_id, o.reference, o.state, o.due, o.seen, o.final, o.settled,
      o.late, o.multiple, o.overpaid, extract(epoch FROM o.expires_at)::float8 AS expires,
      EXISTS (SELECT FROM usdtpay.event AS e WHERE e.party_id = o.party_id AND e.object = 'order'
        AND e.object_id = o.order_id AND e.type = 'order.canceled') AS canceled
    FROM usdtpay.payment_order AS o JOIN usdtpay.party AS p USING (party_id)`)
  return new Map(rows.map(row => [`${row.merchant} ${row.reference}`, row]))
}

// ------------------------------------------------------------------------------------ checks

async function checkInvariants(root) {
  const rows = await root.rows('SELECT code, breaks FROM usdtpay.invariants WHERE NOT holds')
  const seals = await root.rows('SELECT "check", detail FROM usdtpay.ledger_verify() WHERE NOT holds')
  return [...rows.map(row => `invariant ${row.code}: ${row.breaks}`),
    ...seals.map(row => `ledger_verify: ${row.check} ${row.detail}`)]
}

// One final deposit for each transfer of the canonical chain, with its amount and place; whatever
// else there is is orphaned.
function checkDeposits(truth, deposits) {
  const complaints = []
  const final = new Map()
  for (const deposit of deposits.filter(d => d.state === 'final')) {
    if (final.has(deposit.key)) complaints.push(`two final deposits for ${deposit.key}`)
    final.set(deposit.key, deposit)
  }
  for (const t of truth) {
    const d = final.get(t.key)
    final.delete(t.key)
    if (!d) {
      const other = deposits.filter(each => each.key === t.key).map(each => each.state)
      complaints.push(`no final deposit for ${t.key} of ${t.amount} in block ${t.block} (${other})`)
    } else if (d.raw !== String(t.raw) || d.block !== t.block || d.blockHash !== t.blockHash ||
      d.merchant !== t.merchant || d.reference !== (t.order?.reference ?? null)) {
      complaints.push(`deposit ${t.key} is ${d.raw} in ${d.block} for ${d.merchant} ${d.reference}, ` +
        `the chain says ${t.raw} in ${t.block} for ${t.merchant} ${t.order?.reference}`)
    } else t.route = d.route
  }
  for (const left of final.keys()) complaints.push(`a final deposit the chain knows nothing of: ${left}`)
  for (const d of deposits.filter(each => !['final', 'orphaned'].includes(each.state))) {
    complaints.push(`deposit ${d.key} is still ${d.state}`)
  }
  return complaints
}

// Every order a client saw committed exists, none that was rolled back does; cancelled is what
// the client was told is cancelled.
function checkClients(round, orders) {
  const complaints = []
  for (const { plan, id } of round.created) {
    const order = orders.get(`${plan.merchant} ${plan.reference}`)
    if (order?.order_id !== id) complaints.push(`order ${plan.merchant} ${plan.reference} is lost`)
  }
  for (const name of round.withdrawn) {
    if (orders.has(name)) complaints.push(`order ${name} was rolled back and exists`)
  }
  const known = round.created.length
  if (orders.size !== known) complaints.push(`${orders.size} orders exist, clients know ${known}`)
  for (const [name, told] of round.canceled) {
    const order = orders.get(name)
    if (told !== 'maybe' && order && order.canceled !== (told === 'yes')) {
      complaints.push(`order ${name}: cancelled ${order.canceled}, the client was told ${told}`)
    }
  }
  return complaints
}

// How a transfer routes by the rules; a cancelled order of a merchant who reviews late money may
// have taken it before it was cancelled.
function routes(transfer, order) {
  const policy = POLICY[transfer.merchant]
  if (transfer.watched) return ['wrong_token']
  if (transfer.amount < BigInt(policy.min) && !(transfer.route === 'matched' && transfer.completes)) return ['dust']
  if (transfer.customer) return ['matched']
  if (!transfer.order.networks.includes(transfer.network)) return ['wrong_network']
  if (policy.late === 'auto') return ['matched']
  if (transfer.time > order.expires) return ['late']
  return order.canceled ? ['matched', 'late'] : ['matched']
}

// What must arrive for an order to be paid: of the merchant's tolerance a tenth of the amount counts.
function needOf(order, plan) {
  return order.due - Math.min(POLICY[plan.merchant].under, Math.floor(order.due / 10))
}

function stateOf(order, plan, final, need, opened) {
  if (!opened) return order.canceled ? 'canceled' : 'draft'
  if (final >= need) return 'paid'
  const ended = order.canceled || plan.ttl < 3600
  if (final > 0n) return ended ? 'underpaid' : 'partially_paid'
  if (order.canceled) return 'canceled'
  return ended ? 'expired' : 'pending'
}

function checkOrders(round, truth, orders) {
  const complaints = []
  for (const t of truth) {
    const order = t.order && orders.get(`${t.merchant} ${t.order.reference}`)
    if (order) {
      const paid = sum(truth.filter(each => each.order === t.order && each.route === 'matched').map(each => each.amount))
      t.completes = t.amount > 0n && paid >= BigInt(needOf(order, t.order))
    }
    const allowed = routes(t, order)
    if (t.route && !allowed.includes(t.route)) {
      complaints.push(`${t.key} of ${t.amount} is ${t.route}, the rules say ${allowed}`)
    }
  }
  for (const { plan } of round.created) {
    const name = `${plan.merchant} ${plan.reference}`
    const order = orders.get(name)
    if (!order) continue
    const mine = truth.filter(t => t.order === plan && t.route === 'matched')
    const final = sum(mine.map(t => t.amount))
    const need = BigInt(needOf(order, plan))
    const expected = {
      state: stateOf(order, plan, final, need, !['keep', 'cancel'].includes(plan.draft)),
      due: plan.amount, seen: Number(final), final: Number(final), multiple: mine.length > 1,
      late: mine.some(t => t.time > order.expires)
    }
    expected.overpaid = expected.state === 'paid' && final > BigInt(order.due)
    for (const [what, value] of Object.entries(expected)) {
      if (order[what] !== value) {
        complaints.push(`order ${name}: ${what} is ${order[what]}, should be ${value}`)
      }
    }
  }
  return complaints
}

// The accounts of each merchant against the chain.
async function checkBooks(round, truth, orders) {
  const complaints = []
  for (const code of MERCHANTS) {
    const rows = await round.root.rows(`SELECT account, customer_ref AS customer,
      (balance * 1000000)::bigint::text AS amount FROM usdtpay.balance('${code}')`)
    const book = (account, customer = '') =>
      BigInt(rows.find(r => r.account === account && r.customer === customer)?.amount ?? 0)
    const expect = (what, got, want) => {
      if (got !== want) complaints.push(`${code}: ${what} is ${got}, should be ${want}`)
    }
    const mine = truth.filter(t => t.merchant === code && !t.watched)
    const policy = POLICY[code]
    const held = policy.custodial ? 'custody' : 'self'
    for (const network of round.networks) {
      expect(`${held}:${network.code}`, -book(`${held}:${network.code}`),
        sum(mine.filter(t => t.network === network.code).map(t => t.amount)))
    }
    if (!policy.custodial) {
      expect('received', book('received'), sum(mine.map(t => t.amount)))
      continue
    }
    const paid = t => orders.get(`${code} ${t.order.reference}`)?.state === 'paid'
    const matched = mine.filter(t => t.order && t.route === 'matched')
    expect('pending', book('pending'), sum(matched.filter(t => !paid(t)).map(t => t.amount)))
    const aside = sum(mine.filter(t => t.route !== 'matched').map(t => t.amount))
    const settled = sum(matched.filter(paid).map(t => t.amount))
    expect('settled money', book('available') + suspenseOver(policy, book, aside) +
      orderFees(policy, mine, book), settled)
    for (const customer of new Set(mine.map(t => t.customer).filter(Boolean))) {
      const net = mine.filter(t => t.customer === customer && t.route === 'matched')
        .map(t => t.amount - percent(t.amount, policy.fee))
      expect(`available of ${customer}`, book('available', customer), sum(net))
    }
  }
  return complaints
}

// What of suspense is excess held from paid orders.
function suspenseOver(policy, book, aside) {
  return book('suspense') - aside
}

// What of the fee account came from orders.
function orderFees(policy, mine, book) {
  return book('fee') - sum(mine.filter(t => t.customer && t.route === 'matched')
    .map(t => percent(t.amount, policy.fee)))
}

// The merchants' own tables: a cart for each order made inside the merchant's transaction, one run
// of on_paid for each paid order.
async function checkShops(round, orders) {
  const complaints = []
  for (const code of MERCHANTS) {
    const carts = (await round.root.rows(`SELECT reference FROM ${code}.cart`)).map(r => r.reference)
    const wanted = round.created.filter(({ plan }) => plan.merchant === code &&
      plan.wrap === 'commit').map(({ plan }) => plan.reference)
    if (carts.sort().join() !== wanted.sort().join()) {
      complaints.push(`${code}: carts are ${carts}, should be ${wanted}`)
    }
  }
  const runs = (await round.root.rows('SELECT order_id FROM alpha.paid')).map(r => r.order_id)
  const paid = [...orders.values()].filter(o => o.merchant === 'alpha' && o.state === 'paid')
    .map(o => o.order_id)
  const order = (a, b) => a - b
  if (runs.sort(order).join() !== paid.sort(order).join()) {
    complaints.push(`on_paid ran for ${runs}, paid are ${paid}`)
  }
  return complaints
}

// -------------------------------------------------------------------------------- events

async function checkEvents(round) {
  const complaints = []
  for (const code of MERCHANTS) {
    const events = await round.root.rows(`SELECT e.event_id, e.object || ' ' || e.object_id AS object,
      e.sequence, e.payload FROM usdtpay.event AS e JOIN usdtpay.party AS p USING (party_id)
      WHERE p.code = '${code}' ORDER BY e.event_id`)
    const ids = events.map(e => e.event_id)
    if (round.feed.get(code).join() !== ids.join()) {
      complaints.push(`${code}: the feed gave ${difference(round.feed.get(code), ids)}`)
    }
    const received = await round.receivers[code].lever('GET', '/__received')
    complaints.push(...checkWebhooks(code, events, received, round.disabled.has(code)))
  }
  return complaints
}

function difference(got, want) {
  const lost = want.filter(id => !got.includes(id))
  const more = got.filter((id, i) => !want.includes(id) || got.indexOf(id) !== i)
  return `${got.length} of ${want.length}, without ${lost}, too often or invented ${more}`
}

// Every event reached the receiver with its own body; none was made up; those of one object came
// for the first time in their order, unless the webhook was switched off in between.
function checkWebhooks(code, events, received, disabled) {
  const complaints = []
  const byId = new Map(events.map(e => [`evt_${e.event_id}`, e]))
  const accepted = new Set()
  const last = new Map()
  for (const request of received) {
    const event = byId.get(request.id)
    if (!request.valid) complaints.push(`${code}: a webhook with a wrong signature: ${request.id}`)
    if (!event || event.payload !== request.body) {
      complaints.push(`${code}: a webhook that is no event, or not its body: ${request.id}`)
      continue
    }
    if (request.status >= 200 && request.status < 300) accepted.add(request.id)
    const before = last.get(event.object) ?? 0
    if (!disabled && event.sequence > before + 1) {
      complaints.push(`${code}: ${event.object} sent ${event.sequence} after ${before}`)
    }
    last.set(event.object, Math.max(before, event.sequence))
  }
  for (const id of byId.keys()) {
    if (!accepted.has(id)) complaints.push(`${code}: event ${id} never arrived`)
  }
  return complaints
}
