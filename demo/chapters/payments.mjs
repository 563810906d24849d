// SPDX-License-Identifier: PostgreSQL
//
// The ways an order is paid: exactly, in parts, too much, too late.
import assert from 'node:assert/strict'
import { sql } from '../psql.mjs'
import { block, code, live, ok, pause, say, table } from '../ui.mjs'

const uriOf = (stage, order) =>
  stage.shop.value(sql`SELECT usdtpay.payment_uri(${order}, 'dev')`)

export async function exact(stage) {
  code(`SELECT * FROM usdtpay.order_create('tea-1001', 25);`)
  const order = await stage.order('tea-1001', '25')
  const again = await stage.order('tea-1001', '25')
  assert.deepEqual([again.order_id, again.created], [order.order_id, false])
  ok(`order ${order.order_id}; asked twice, it is the same order: the reference is the key`)
  table(await stage.shop.rows(sql`
    SELECT network, token, address, trim_scale(open)::text AS amount
    FROM usdtpay.payment_option WHERE order_id = ${order.order_id} ORDER BY network`))
  const uri = await uriOf(stage, order.order_id)
  assert.equal(uri.toLowerCase(), `ethereum:${stage.tokens.dev}@31337/transfer`.toLowerCase()
    + `?address=${order.evm_address.toLowerCase()}&uint256=25000000`)
  say('The payer scans this (ERC-681):')
  block(await stage.shop.run(sql`SELECT usdtpay.qr_text(${uri})`), 4)
  block(uri)

  await stage.pay(order.evm_address, '25')
  live('payer', 'sends 25 USDT')
  await stage.mine(3)
  await stage.expectOrder(order.order_id, { state: 'paid', final: '25', excess: '0', flags: [] })
  assert.equal(await stage.shop.value(sql`
    SELECT count(*) FROM tea.parcel WHERE order_id = ${order.order_id}`), 1)
  ok('paid, and tea.parcel has its row, written in the same transaction')
  stage.journal = await showJournals(stage, order.order_id, 'dev', ['25', '0.125'])
  await showWebhook(stage, order.order_id)
}

// Shows what an order paid with one deposit left in the ledger; returns the first journal's id.
export async function showJournals(stage, order, network, [amount, fee]) {
  say('Two journals, one for the deposit and one for the settlement; every posting has two legs:')
  const lines = await stage.shop.rows(sql`
    SELECT e.journal_id AS journal, e.kind, e.name AS account,
           CASE e.side WHEN 'debit' THEN trim_scale(e.amount)::text END AS debit,
           CASE e.side WHEN 'credit' THEN trim_scale(e.amount)::text END AS credit,
           trim_scale(e.balance_after)::text AS balance
    FROM usdtpay.entry AS e
    WHERE e.reference IN ('order:' || ${order}, 'deposit:' || (
      SELECT deposit_id FROM usdtpay.deposit_status WHERE order_id = ${order}))
    ORDER BY e.posting_id, e.side DESC`)
  table(lines)
  assert.deepEqual(lines.map(line => [line.account, line.debit ?? '', line.credit ?? '']), [
    [`custody:${network}`, amount, ''], ['pending', '', amount],
    ['pending', amount, ''], ['available', '', amount],
    ['available', fee, ''], ['fee', '', fee]
  ])
  return lines[0].journal
}

// Shows the webhook of a paid order as the merchant's server got it.
export async function showWebhook(stage, order) {
  const got = await stage.until('the webhook of the paid order', async () =>
    (await stage.received()).find(request => request.type === 'order.paid'
      && JSON.parse(request.body).data.id === order))
  say('Meanwhile the courier told the merchant\'s server:')
  block([
    `POST ${got.path}`,
    ...['webhook-id', 'webhook-timestamp', 'webhook-signature'].map(h => `${h}: ${got.headers[h]}`),
    '', shorten(JSON.parse(got.body))
  ].join('\n'), 4)
  assert.equal(got.valid, true, 'the server verified the signature')
  assert.equal(await stage.shop.value(sql`
    SELECT usdtpay.webhook_verify(${stage.secret}, ${got.id}, ${Number(got.timestamp)},
                                  ${got.body}, ${got.headers['webhook-signature']})`), true)
  ok(`the server checked the signature by itself (HMAC-SHA256) and answered ${got.status}`)
}

// The body's main fields, laid out.
function shorten({ type, timestamp, id, data }) {
  const pairs = object => Object.entries(object)
    .map(([key, value]) => `"${key}": ${JSON.stringify(value)}`).join(', ')
  const { reference, state, amount_due, amount_final } = data
  const [{ network, amount, block_number }] = data.deposits
  return [
    `{ ${pairs({ type, timestamp })},`,
    `  ${pairs({ id })}, "data": { ${pairs({ reference, state })},`,
    `    ${pairs({ amount_due, amount_final })},`,
    `    "deposits": [{ ${pairs({ network, amount, block_number })}, … }], … } }`
  ].join('\n')
}

export async function partial(stage) {
  const order = await stage.order('tea-1002', '40')
  await stage.pay(order.evm_address, '15')
  live('payer', 'sends 15 of 40 USDT')
  await stage.mine(1)
  await stage.expectOrder(order.order_id, { state: 'partially_paid', seen: '15', final: '0' })
  assert.match(await uriOf(stage, order.order_id), /uint256=25000000$/)
  ok('the payment link now asks for the missing 25')
  await stage.pay(order.evm_address, '25')
  live('payer', 'sends the other 25 USDT')
  await stage.mine(3)
  await stage.expectOrder(order.order_id, { state: 'paid', final: '40', flags: ['multiple'] })
  ok('two deposits, one order: paid once, when both were final')
}

export async function overpaid(stage) {
  const order = await stage.order('tea-1003', '10')
  await stage.pay(order.evm_address, '12.5')
  live('payer', 'sends 12.5 USDT for an order of 10')
  await stage.mine(3)
  await stage.expectOrder(order.order_id,
    { state: 'paid', final: '12.5', excess: '2.5', flags: ['overpaid'] })
  ok('paid; the excess is flagged, told to the merchant and, by its policy "accept", credited')
}

export async function late(stage) {
  const order = await stage.order('tea-1004', '18', `, p_expires_in => '2 seconds'`)
  say('This order lives for two seconds, and nobody pays.')
  await pause(2200)
  await stage.mine(1)
  await stage.mine(1, 'side')
  await stage.mine(1, 'trondev')
  code('SELECT usdtpay.order_expire();            -- pg_cron does this every minute')
  await stage.ops.run('SELECT usdtpay.order_expire()')
  await stage.story()
  await stage.expectOrder(order.order_id, { state: 'expired', flags: [] })
  ok('expired, by the chains\' clocks: all three were scanned past its time without a payment')
  await stage.pay(order.evm_address, '18')
  live('payer', 'sends 18 USDT, too late')
  await stage.mine(3)
  await stage.expectOrder(order.order_id, { state: 'paid', final: '18', flags: ['late'] })
  ok('watching an address never stops: the money was found; the policy "auto" takes it')
}
