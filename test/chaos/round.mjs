// SPDX-License-Identifier: PostgreSQL
//
// One round: sets a world up, lets the plan loose on it, then calms everything down and waits
// until the database has caught up with the chain.  What it saw on the way is for the model.
import { ownerKey } from './address.mjs'
import { dice } from './dice.mjs'
import { DURATION, MERCHANTS, SHORT_TTL } from './plan.mjs'
import { Refused, Session, quote } from './psql.mjs'
import { ALPHA, roundSetup } from './setup.mjs'

// Longer than a node rests that refused the key: a minute.
const CALM_MS = Number(process.env.CHAOS_CALM_MS ?? 75_000)
const DATABASE = 'chaos'
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

export class Round {
  constructor(world, plan) {
    Object.assign(this, world, { plan })
    this.net = new Map(this.networks.map(network => [network.code, network]))
    this.counts = {}
    this.faults = []          // what was wrong already while it ran
    this.created = []         // {plan, orderId, addresses}: what a client saw committed
    this.withdrawn = new Set() // references whose transaction was rolled back
    this.canceled = new Map() // reference → yes | no | maybe
    this.owners = new Map()   // family and address → {merchant, order | customer}
    this.feed = new Map(MERCHANTS.map(code => [code, []]))
    this.disabled = new Set() // merchants whose webhook was switched off by a 410
    this.crowds = new Map()
    this.waits = []           // what calm waited for, look by look
    this.tasks = []
    this.deaths = Promise.resolve()
  }

  count(what) {
    this.counts[what] = (this.counts[what] ?? 0) + 1
  }

  session(user) {
    const session = new Session({ host: this.cluster.host, user, database: DATABASE })
    this.sessions.push(session)
    return session
  }

  // ---------------------------------------------------------------------------------- setup

  async setUp() {
    this.sessions = []
    const maker = new Session({ host: this.cluster.host, database: 'postgres' })
    await maker.insist(`DROP DATABASE IF EXISTS ${DATABASE} WITH (FORCE)`)
    const [, ...started] = await Promise.all([
      maker.insist(`CREATE DATABASE ${DATABASE} TEMPLATE blank`),
      ...this.networks.map(network => network.start()),
      ...Object.values(this.receivers).map(async receiver => {
        await receiver.lever('DELETE', '/__received')
        await receiver.lever('POST', '/__mode', { mode: 'ok' })
      })
    ])
    maker.close()
    this.root = this.session('postgres')
    this.logins = Object.fromEntries(MERCHANTS.map(code =>
      [code, [this.session(code), this.session(code), this.session(code)]]))
    for (const sql of roundSetup(this.networks)) await this.root.query(sql)
    for (const sql of ALPHA) await this.logins.alpha[0].query(sql)
    for (const code of MERCHANTS) await this.addWebhook(code)
    this.cluster.reload()
    return started
  }

  async addWebhook(code) {
    const url = `${this.receivers[code].url}/${code}`
    const hook = await this.logins[code][0].row(
      `SELECT webhook_id, secret FROM usdtpay.webhook_add(${quote(url)})`)
    await this.receivers[code].lever('POST', '/__secret', { secret: hook.secret })
  }

  async tearDown() {
    this.sessions.forEach(session => session.close())
    await Promise.all(this.networks.map(network => network.stop()))
  }

  // -------------------------------------------------------------------------------- clients

  at(ms, work) {
    const wait = this.began + ms - Date.now()
    const task = sleep(Math.max(0, wait)).then(work)
    task.catch(() => {}) // settleTasks will see it
    this.tasks.push(task)
  }

  createSql({ reference, amount, ttl, networks, draft }) {
    const list = networks.map(quote).join(', ')
    return `SELECT row_to_json(o) FROM usdtpay.order_create(${quote(reference)}, ` +
      `${amount}::numeric / 1000000, p_expires_in => interval '${ttl} seconds', ` +
      `p_networks => ARRAY[${list}], p_draft => ${draft !== 'no'}) AS o`
  }

  async runOrder(order) {
    const login = this.logins[order.merchant][order.i % 2]
    const sql = this.createSql(order)
    const cart = `INSERT INTO ${order.merchant}.cart VALUES (${quote(order.reference)}) ` +
      'ON CONFLICT DO NOTHING'
    if (order.wrap === 'rollback') return this.withdraw(login, order, [cart, sql])
    if (order.wrap === 'commit') await login.insist(['BEGIN', cart, sql, 'COMMIT'])
    let [row] = (await login.insist(sql)).map(line => JSON.parse(line))
    this.count('orders')
    if (order.draft === 'open') {
      await login.insist(`SELECT usdtpay.order_open(${row.order_id})`)
      row = JSON.parse((await login.insist(sql))[0])
    }
    this.created.push({ plan: order, id: row.order_id, state: row.state })
    if (order.draft === 'cancel') await this.cancel(login, order, row.order_id)
    if (order.cancelAfter !== null) {
      this.at(order.at + order.cancelAfter, () => this.cancel(login, order, row.order_id))
    }
    this.payAll(order, row, { merchant: order.merchant, order })
    return undefined
  }

  async withdraw(login, order, statements) {
    this.withdrawn.add(`${order.merchant} ${order.reference}`)
    this.count('withdrawn')
    await login.query(['BEGIN', ...statements, 'ROLLBACK']).catch(() => {})
  }

  // Cancels; after a lost answer a refusal proves nothing.
  async cancel(login, order, id) {
    const key = `${order.merchant} ${order.reference}`
    this.canceled.set(key, 'maybe')
    this.count('cancels')
    for (let lost = false; ;) {
      try {
        await login.query(`SELECT usdtpay.order_cancel(${id})`)
        this.canceled.set(key, 'yes')
        return
      } catch (error) {
        if (error instanceof Refused && error.code === 'UP201') {
          if (!lost) this.canceled.set(key, 'no')
          return
        }
        lost = true
        await sleep(100)
        if (Date.now() > this.began + DURATION + CALM_MS) throw error
      }
    }
  }

  payAll(plan, row, owner) {
    const addresses = { evm: row.evm_address, tron: row.tron_address }
    for (const [family, address] of Object.entries(addresses)) {
      if (address) this.owners.set(ownerKey(family, address), owner)
    }
    for (const payment of plan.payments) {
      const network = this.net.get(payment.network)
      const to = addresses[network.family]
      if (!to) continue
      const due = Math.max(Date.now() - this.began + payment.after, payment.notBefore ?? 0)
      this.at(due, () => this.pay(network, to, payment))
    }
  }

  async pay(network, to, payment) {
    this.count(payment.kind === 'usdt' ? 'payments' : `${payment.kind} payments`)
    if (payment.kind !== 'crowd') return network.pay(to, payment)
    const crowd = this.crowds.get(network.code) ?? []
    crowd.push({ to, ...payment })
    this.crowds.set(network.code, crowd.length < 3 ? crowd : [])
    return crowd.length < 3 ? undefined : network.crowd(crowd)
  }

  async runCustomer(customer) {
    const login = this.logins[customer.merchant][customer.i % 2]
    const [address] = await login.insist('SELECT usdtpay.deposit_address(' +
      `${quote(customer.reference)}, ${quote(customer.network)})`)
    const { family } = this.net.get(customer.network)
    this.count('customers')
    this.payAll(customer, { [`${family}_address`]: address },
      { merchant: customer.merchant, customer: customer.reference })
  }

  // Reads the pull feed by cursor for as long as the round lasts.
  async readFeed(code) {
    const seen = this.feed.get(code)
    const session = this.logins[code][2]
    while (!this.over) {
      const lines = await session.insist(
        `SELECT event_id FROM usdtpay.events(${seen.at(-1) ?? 0}, 50)`)
      seen.push(...lines.map(Number))
      await sleep(lines.length ? 20 : 120)
    }
  }

  // The jobs an operator would schedule, and the invariants, which hold at every moment.
  async runJobs() {
    const session = this.session('postgres')
    for (let turn = 0; !this.over; turn++) {
      for (const job of ['order_expire', 'ledger_seal', 'hooks_retry', 'ledger_holds_expire']) {
        await session.query(`SELECT usdtpay.${job}()`).catch(error => this.tolerate(error))
      }
      if (turn % 3 === 2) await this.lookAtInvariants(session)
      await sleep(300)
    }
  }

  async lookAtInvariants(session) {
    const lines = await session.query(
      "SELECT code || ' ' || breaks FROM usdtpay.invariants WHERE NOT holds")
      .catch(error => this.tolerate(error))
    for (const line of lines ?? []) this.faults.push(`while it ran: invariant ${line}`)
  }

  tolerate(error) {
    if (error instanceof Refused && !/^(57|08|53|40|55)/.test(error.code)) {
      this.faults.push(`a job failed: ${error.message}`)
    }
    return []
  }

  // ------------------------------------------------------------------------------- the plan

  async act(action) {
    const network = this.net.get(action.network)
    switch (action.kind) {
      case 'mine': return network.mine()
      case 'clock': return Promise.all(this.networks.map(each => each.clock(action.seconds)))
      case 'reorg': return this.reorg(network, action)
      case 'fault': this.count(`fault ${action.fault.kind}`)
        return network.setFault(action.provider, action.id, action.fault)
      case 'cure': return network.setFault(action.provider, action.id)
      case 'receiver': this.count(`receiver ${action.mode.mode}`)
        return this.receivers[action.merchant].lever('POST', '/__mode', action.mode)
      case 'death': this.deaths = this.deaths.then(() => this.die(action))
        return this.deaths
      default: this.count(action.kind)
        return network.nodeEvent(action.provider, action.kind)
    }
  }

  async reorg(network, { depth, keep, luck }) {
    const d = dice(luck, 'reorg')
    const dropped = await network.reorg(depth, keep, d)
    this.count(`reorg ${keep}`)
    for (const raw of dropped) {
      if (d.chance(0.5)) this.at(Date.now() - this.began + d.int(50, 900), () => network.resend(raw))
    }
  }

  async die({ how, luck }) {
    const [verb, whom] = how.split(' ')
    const titles = {
      scanner: /usdtpay scanner/, courier: /usdtpay courier/, keeper: /usdtpay keeper/,
      launcher: /usdtpay launcher/, backend: new RegExp(`(alpha|beta|gamma|postgres) ${DATABASE}`)
    }
    this.count(how)
    if (how === 'reload') return this.cluster.reload()
    if (how === 'checkpoint') return this.root.query('CHECKPOINT').catch(() => {})
    if (how === 'kill postmaster') return this.cluster.kill9()
    if (verb === 'stop') {
      await this.cluster.stop(whom).catch(() => {})
      return this.cluster.start()
    }
    return this.cluster.signal(titles[whom], verb === 'kill' ? 'SIGKILL' : 'SIGTERM', luck)
  }

  async run() {
    this.began = Date.now()
    const background = [this.runJobs(), ...MERCHANTS.map(code => this.readFeed(code))]
      .map(work => work.catch(error => this.faults.push(`in the background: ${error.message}`)))
    for (const order of this.plan.orders) this.at(order.at, () => this.runOrder(order))
    for (const customer of this.plan.customers) {
      this.at(customer.at, () => this.runCustomer(customer))
    }
    for (const action of this.plan.actions) this.at(action.at, () => this.act(action))
    try {
      await this.settleTasks()
      await this.calm()
    } finally {
      this.over = true
      await Promise.allSettled(this.tasks) // of a round that failed
      await Promise.all(background)
    }
  }

  // Waits for every task, also those that tasks have started.
  async settleTasks() {
    while (this.tasks.length) await Promise.all(this.tasks.splice(0))
  }

  // ----------------------------------------------------------------------------------- calm

  // All faults off; the chains go on until everything is final and told.
  async calm() {
    await Promise.all([
      ...this.networks.map(network => network.heal()),
      ...Object.values(this.receivers).map(r => r.lever('POST', '/__mode', { mode: 'ok' }))
    ])
    for (const network of this.networks) {
      const crowd = this.crowds.get(network.code) ?? []
      if (crowd.length) await network.crowd(crowd)
      // a reorganisation may have taken the clock back
      await network.clock(SHORT_TTL + 120)
      await network.mine(2)
      network.target = await network.head()
    }
    const began = Date.now()
    for (let missing = ['?']; missing.length;) {
      if (Date.now() > began + CALM_MS) {
        throw new Error(`it does not settle: ${[...missing, ...await this.notes()].join('; ')}`)
      }
      await Promise.all(this.networks.map(network => network.mine(network.calmBlocks)))
      await this.enableWebhooks()
      await sleep(150)
      missing = await this.missing()
      if (!missing.length && await this.replayAgain()) missing = ['a replay']
      this.waits.push(`${((Date.now() - began) / 1000).toFixed(1)} s: ${missing.join('; ')}`)
    }
    this.converged = Date.now() - began
  }

  async enableWebhooks() {
    const off = await this.root.rows('SELECT w.webhook_id, p.code FROM usdtpay.webhook AS w ' +
      "JOIN usdtpay.party AS p USING (party_id) WHERE w.state = 'disabled'")
    for (const { webhook_id: id, code } of off) {
      this.disabled.add(code)
      await this.root.insist([`SELECT usdtpay.webhook_enable(${id})`,
        `SELECT usdtpay.webhook_replay(${id}, 1, (SELECT max(event_id) FROM usdtpay.event))`])
    }
  }

  // An event whose transaction began before its webhook was enabled and ended after the replay is
  // queued by neither: a merchant who was away replays once more, as the feed would tell it.
  async replayAgain() {
    const away = [...this.disabled].map(quote).join()
    if (this.replayed || !away) return false
    this.replayed = true
    await this.root.insist(`SELECT usdtpay.webhook_replay(w.webhook_id, 1,
      (SELECT max(event_id) FROM usdtpay.event)) FROM usdtpay.webhook AS w
      JOIN usdtpay.party AS p USING (party_id) WHERE p.code IN (${away})`)
    return true
  }

  // What is still under way, in words.
  async missing() {
    const targets = this.networks.map(network => `('${network.code}', ${network.target})`).join()
    const rows = await this.root.rows(`
      SELECT format('%s is final up to %s of %s%s', v.code, c.final_number, v.target,
          ', halted: ' || c.halt_reason) AS what
      FROM (VALUES ${targets}) AS v (code, target)
      JOIN usdtpay.network AS n USING (code) LEFT JOIN usdtpay.chain_cursor AS c USING (network_id)
      WHERE c.final_number IS NULL OR c.final_number < v.target OR c.halted_at IS NOT NULL
      UNION ALL
      SELECT count(*) || ' deposits are not final' FROM usdtpay.deposit WHERE state = 'seen'
      HAVING count(*) > 0
      UNION ALL
      SELECT count(*) || ' webhooks are ' || state FROM usdtpay_internal.delivery
      WHERE state <> 'delivered' GROUP BY state
      UNION ALL
      SELECT count(*) || ' hooks have not run' FROM usdtpay_internal.hook_run
      WHERE done_at IS NULL HAVING count(*) > 0
      UNION ALL
      SELECT count(*) || ' orders have not expired' FROM usdtpay.payment_order AS o
      WHERE o.state IN ('pending', 'partially_paid') AND o.expires_at < now() + interval '1 hour'
      HAVING count(*) > 0
      UNION ALL
      SELECT p.code || ' has read the feed up to ' || r.upto FROM (VALUES ${this.cursors()})
        AS r (code, upto) JOIN usdtpay.party AS p USING (code)
      WHERE r.upto < (SELECT max(e.event_id) FROM usdtpay.event AS e WHERE e.party_id = p.party_id)`)
    return rows.map(row => row.what)
  }

  // What the database itself has to say about its networks.
  async notes() {
    const rows = await this.root.rows(`
      SELECT n.code || ': ' || c.note AS what FROM usdtpay.chain_cursor AS c
      JOIN usdtpay.network AS n USING (network_id) WHERE c.note IS NOT NULL
      UNION ALL
      SELECT n.code || ' ' || e.endpoint_id || ' is ' || h.state || ': ' || h.error
      FROM usdtpay_internal.endpoint_health AS h JOIN usdtpay_internal.endpoint AS e
        USING (endpoint_id) JOIN usdtpay.network AS n USING (network_id)
      WHERE h.error IS NOT NULL`)
    return rows.map(row => row.what)
  }

  cursors() {
    return MERCHANTS.map(code => `('${code}', ${this.feed.get(code).at(-1) ?? 0})`).join()
  }
}
