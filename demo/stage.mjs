// SPDX-License-Identifier: PostgreSQL
//
// What every chapter stands on: sessions of the people involved, the three chains, the merchants'
// event feeds as a running story, and waiting for things to become true.
import assert from 'node:assert/strict'
import { Chain } from '../test/chain/chain.mjs'
import { Psql, sql } from './psql.mjs'
import { TronChain } from './tron.mjs'
import { bold, breathe, dim, live, pause } from './ui.mjs'

const PATIENCE_MS = 20_000
const POLL_MS = 40
const FINAL_BEHIND = 2 // anvil calls the block two below the head finalized
// TRON: a block is solid when 18 more stand on it, by 19 different witnesses in all
const SOLIDIFYING = [9, 8, 1]

export class Stage {
  constructor({ database, devUrl, sideUrl, tronUrl, receiver }) {
    this.database = database
    this.receiver = receiver
    this.sessions = []
    this.root = this.session('postgres')
    this.networks = {
      dev: new Chain(devUrl), side: new Chain(sideUrl), trondev: new TronChain(tronUrl)
    }
    this.started = {}
    this.tokens = {}
    this.orders = {}
    this.readers = []
  }

  get dev() { return this.networks.dev }
  get side() { return this.networks.side }
  get tron() { return this.networks.trondev }

  session(user) {
    const session = new Psql(user, this.database)
    this.sessions.push(session)
    return session
  }

  end() {
    for (const session of this.sessions) session.end()
  }

  // Waits until look() gives something true, and returns that.
  async until(what, look) {
    const deadline = Date.now() + PATIENCE_MS
    for (;;) {
      const found = await look()
      if (found) return found
      if (Date.now() > deadline) {
        throw new Error(`waited ${PATIENCE_MS / 1000} s in vain for ${what}`)
      }
      await pause(POLL_MS)
    }
  }

  // ------------------------------------------------------------------------------- the chains

  // Remembers where a network's scan begins.
  async begin(network) {
    this.started[network] = await this.networks[network].head()
  }

  // Mines blocks one by one; after each waits until the scanner has taken it in, credited what
  // became final, and tells what happened.
  async mine(count = 1, network = 'dev') {
    for (let i = 0; i < count; i++) {
      const head = await this.networks[network].mine(1, 0)
      await this.scanned(network, head)
      if (!(await this.story(head, network))) live(`${network} block ${head}`, dim('nothing new'))
      await breathe()
    }
  }

  // Mines TRON blocks until the one that was mined last is solid, and shows how far that is.
  async solidify() {
    const wanted = await this.tron.head()
    for (const blocks of SOLIDIFYING) {
      const head = await this.tron.mine(blocks)
      await this.scanned('trondev', head)
      const solid = await this.ops.value(sql`
        SELECT final_number FROM usdtpay.network_status WHERE code = 'trondev'`)
      assert.equal(solid >= wanted, blocks === 1, 'solid with the last block and not before')
      live(`trondev block ${head}`, dim(`${blocks} more; solid up to ${solid}`
        + (solid < wanted ? `, the payment is in ${wanted}` : '')))
      await this.story(head, 'trondev')
      await breathe()
    }
  }

  async scanned(network, head) {
    const final = await this.networks[network].final?.() ?? head - FINAL_BEHIND
    const credited = final > this.started[network] ? `final_number >= ${final}` : 'true'
    return this.until(`the scanner to reach block ${head} of ${network}`, () => this.ops.value(
      sql`SELECT tip_number >= ${head} AND ` + credited
      + sql` FROM usdtpay.network_status WHERE code = ${network}`))
  }

  // ------------------------------------------------------------------------------ the story

  // From now on a merchant's events are part of the story.
  follow(session) {
    this.readers.push({ session, last: 0, told: 0 })
  }

  // Tells the merchants' new events; returns how many.
  async story(head, network) {
    let count = 0
    for (const reader of this.readers) {
      for (const event of await this.fresh(reader)) {
        reader.last = event.event_id
        reader.told++
        count++
        live(head === undefined ? 'now' : `${network} block ${head}`, telling(event))
      }
    }
    return count
  }

  // What a merchant's feed has that was not told yet.  It shows an event a moment after the commit,
  // when no older one can follow.
  fresh({ session, last, told }) {
    return this.until('the feed to show every event', async () => {
      const written = await session.value('SELECT count(*) FROM usdtpay.event')
      const events = await session.rows(sql`SELECT * FROM usdtpay.events(${last}, 100)`)
      return told + events.length >= written && events
    })
  }

  // ----------------------------------------------------------------------------- the merchant

  // Creates an order as the shop does; returns the row of order_create.
  async order(reference, amount, options = '') {
    const order = await this.shop.row(
      sql`SELECT * FROM usdtpay.order_create(${reference}, ${amount}` + options + ')')
    this.orders[reference] = order.order_id
    return order
  }

  // Pays on chain: the transaction waits in the pool until a block is mined.
  async pay(address, amount, { network = 'dev', token = this.tokens[network] } = {}) {
    return this.networks[network].pay(token, address, amount)
  }

  // Compares an order with what it should be.
  async expectOrder(id, wanted) {
    const order = await this.shop.row(sql`
      SELECT state, trim_scale(due)::text AS due, trim_scale(seen)::text AS seen,
             trim_scale(final)::text AS final, trim_scale(excess)::text AS excess, flags
      FROM usdtpay.order_get(${id})`)
    for (const [key, value] of Object.entries(wanted)) {
      assert.deepEqual(order[key], value, `order ${id}: ${key}`)
    }
    return order
  }

  // Balance of one of the shop's accounts as text.
  async balance(account, customer = '') {
    return await this.shop.value(sql`
      SELECT trim_scale(balance)::text FROM usdtpay.balance()
      WHERE asset = 'USDT' AND account = ${account} AND customer_ref = ${customer}`) ?? '0'
  }

  // The ledger's lines about one thing, as the merchant sees them.
  entries(reference) {
    return this.shop.rows(sql`
      SELECT journal_id AS journal, kind, side, name AS account, amount::text, balance_after::text
      FROM usdtpay.entry WHERE reference = ${reference} ORDER BY posting_id, side DESC`)
  }

  // Everything the merchant's web server got so far.
  async received() {
    return (await fetch(`${this.receiver}/__received`)).json()
  }
}

// One event in words.
function telling({ type, payload: { data } }) {
  const name = `${data.object} ${data.id}`
  if (data.object === 'order') {
    if (type === 'order.overpaid') return `${bold(name)} is overpaid by ${data.amount_excess} USDT`
    return `${bold(name)} ${data.previous_state ?? 'new'} → ${bold(data.state)}`
      + (data.late ? ' (late)' : '')
  }
  if (data.object === 'deposit') {
    const money = data.amount ? `${Number(data.amount)} USDT` : `${data.amount_raw} raw units`
    const whose = data.customer_ref ? `for customer ${data.customer_ref}` : `to ${data.recipient}`
    return `${bold(name)} ${type.replace('deposit.', '')}: ${money} ${whose}`
  }
  return type
}
