// SPDX-License-Identifier: PostgreSQL
//
// What was heard outside, and what the system says of itself.
import assert from 'node:assert/strict'
import { code, green, ok, red, say, table } from '../ui.mjs'

const ids = requests => new Set(requests.map(request => request.id))

export async function webhooks(stage) {
  const written = await stage.shop.value('SELECT count(*) FROM usdtpay.event')
  const told = await stage.until('the feed to show every event', async () => {
    const events = await stage.shop.rows(`
      SELECT 'evt_' || event_id AS id, type FROM usdtpay.events(0, 1000)`)
    return events.length === written && events
  })
  const got = await stage.until('every webhook to arrive', async () => {
    const answers = await stage.received()
    return ids(answers).size >= told.length && answers
  })
  assert.ok(got.every(request => request.valid), 'every signature was verified')
  assert.deepEqual([...ids(got)].sort(), told.map(event => event.id).sort())
  const types = [...new Set(told.map(event => event.type))].sort()
  table(types.map(type => ({
    event: type, written: told.filter(event => event.type === type).length,
    received: ids(got.filter(request => request.type === type)).size
  })))
  ok(`${told.length} events were written, the same ${told.length} arrived, every signature right`)
}

// What a demo on one machine is warned of: one provider per network.
const TOLERATED = /^network (dev|side|trondev)$/

export async function health(stage) {
  code('SELECT * FROM usdtpay.health();')
  const rows = await stage.ops.rows('SELECT component, status, detail, hint FROM usdtpay.health()')
  table(rows.map(({ component, status, detail }) =>
    ({ component, status, detail: detail.length > 54 ? `${detail.slice(0, 53)}…` : detail })))
  for (const { component, status, detail } of rows) {
    assert.ok(status === 'ok' || (status === 'warn' && TOLERATED.test(component)),
      `health: ${component} is ${status}: ${detail}`)
  }
  const warned = rows.find(row => row.status === 'warn')
  if (warned) say(`It warns, and rightly so: "${warned.hint}"`)
}

export async function invariants(stage) {
  code('SELECT * FROM usdtpay.invariants;')
  const rows = await stage.ops.rows('SELECT code, meaning, holds, breaks FROM usdtpay.invariants')
  for (const row of rows) {
    console.log(`  ${row.holds ? green('✓') : red('✗')} ${row.code.padEnd(4)} ${row.meaning}`)
  }
  assert.deepEqual(rows.filter(row => !row.holds), [], 'every invariant holds')
  assert.ok(rows.length >= 10)
  const written = await stage.ops.row(`
    SELECT (SELECT count(*) FROM usdtpay.order_status) AS orders,
           (SELECT count(*) FROM usdtpay.deposit_status) AS deposits,
           (SELECT count(*) FROM usdtpay.journal) AS journals`)
  ok(`all ${rows.length} hold, over ${written.orders} orders, ${written.deposits} deposits and`
    + ` ${written.journals} journals`)
}
