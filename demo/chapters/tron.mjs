// SPDX-License-Identifier: PostgreSQL
//
// TRON, and one order open on TRON and EVM networks at once: paid on one, on the other as well, on
// both in parts; what only looks like a payment; addresses of the wrong kind.
import assert from 'node:assert/strict'
import { sql } from '../psql.mjs'
import { tronHex } from '../tron.mjs'
import { block, breathe, code, live, ok, red, say, table } from '../ui.mjs'
import { showJournals, showWebhook } from './payments.mjs'

const options = (stage, order) => stage.shop.rows(sql`
  SELECT network, token, address, trim_scale(open)::text AS amount
  FROM usdtpay.payment_option WHERE order_id = ${order} ORDER BY network`)

const formsOf = (stage, order) => stage.shop.rows(sql`
  SELECT network, form, uri, preferred FROM usdtpay.payment_forms(${order})`)

const short = text => `${text.slice(0, 8)}…`

// Two QR codes beside one another.
function beside(left, right) {
  const lines = text => text.replace(/\n+$/, '').split('\n')
  return lines(left).map((line, i) => `${line}  ${lines(right)[i] ?? ''}`).join('\n')
}

export async function eitherNetwork(stage) {
  const order = await stage.order('tea-1008', '44')
  code(`SELECT * FROM usdtpay.order_create('tea-1008', 44);
SELECT network, token, address, open FROM usdtpay.payment_option
WHERE order_id = ${order.order_id};`)
  const open = await options(stage, order.order_id)
  table(open)
  assert.deepEqual(open.map(option => [option.network, option.address, option.amount]), [
    ['dev', order.evm_address, '44'], ['side', order.evm_address, '44'],
    ['trondev', order.tron_address, '44']
  ])
  say('One order, three ways to pay it; the payer decides.')
  await showForms(stage, order)

  const id = await stage.pay(order.tron_address, '44', { network: 'trondev' })
  live('payer', `signs a TRC-20 transfer of 44 USDT with tronweb: transaction ${short(id)}`)
  await stage.mine(1, 'trondev')
  await stage.expectOrder(order.order_id, { state: 'confirming', seen: '44', final: '0' })
  say(`Seen is not final: on TRON a block is solid once 19 of the 27 witnesses stand behind it,
    about a minute. Here the blocks come faster.`)
  await stage.solidify()
  await stage.expectOrder(order.order_id, { state: 'paid', final: '44', excess: '0', flags: [] })
  ok('paid, after a second look at the block, on the solidified chain (/walletsolidity)')
  await compareReceipt(stage, order.order_id, id)
  await showJournals(stage, order.order_id, 'trondev', ['44', '0.22'])
  await showWebhook(stage, order.order_id)
  stage.twice = order
}

// Shows the forms a TRON wallet may read, their QR codes, and the switch between them.
async function showForms(stage, order) {
  const { order_id: id, tron_address: address } = order
  code(`SELECT form, uri, preferred FROM usdtpay.payment_forms(${id}) WHERE network = 'trondev';`)
  const forms = (await formsOf(stage, id)).filter(({ network }) => network === 'trondev')
    .map(({ form, uri, preferred }) => ({ form, preferred: preferred ? 'yes' : '', uri }))
  table(forms)
  assert.deepEqual(forms, [
    { form: 'address', preferred: 'yes', uri: address },
    { form: 'tron', preferred: '', uri: `tron:${address}` },
    { form: 'tron_amount', preferred: '',
      uri: `tron:${address}?amount=44&token=${stage.tokens.trondev}` }
  ])
  say(`TRON wallets differ: every one reads the bare address (left), some want a "tron:" link
    (right), a few take the amount from it. A checkout page can offer the switch:`)
  const [bare, link] = await Promise.all([forms[0], forms[1]].map(({ uri }) =>
    stage.shop.run(sql`SELECT usdtpay.qr_text(${uri})`)))
  block(beside(bare, link), 2)
  code(`SELECT usdtpay.merchant_set(p_tron_uri => 'tron');     -- what this merchant shows first
SELECT usdtpay.payment_uri(${id}, 'trondev');`)
  await stage.shop.run(`SELECT usdtpay.merchant_set(p_tron_uri => 'tron')`)
  const uri = await stage.shop.value(sql`SELECT usdtpay.payment_uri(${id}, 'trondev')`)
  assert.equal(uri, `tron:${address}`)
  block(uri)
}

// The database and tronweb must tell the same of the transaction.
async function compareReceipt(stage, order, id) {
  const deposit = await stage.shop.row(sql`
    SELECT tx_hash, block_number, trim_scale(amount)::text AS amount, sender
    FROM usdtpay.deposit_status WHERE order_id = ${order}`)
  const receipt = await stage.tron.receipt(id)
  assert.deepEqual(deposit,
    { tx_hash: id, block_number: receipt.blockNumber, amount: '44', sender: stage.tron.payer })
  assert.equal(receipt.receipt.result, 'SUCCESS')
  ok(`tronweb says the same: block ${receipt.blockNumber}, ${receipt.receipt.result},`
    + ` ${receipt.receipt.energy_usage_total} energy`)
}

export async function twice(stage) {
  const { order_id: id, evm_address: address } = stage.twice
  say(`Order ${id} is paid, by TRON. Its EVM address was never used, but it stays watched; and
    somebody pays there, too.`)
  await stage.pay(address, '44')
  live('payer', 'sends 44 USDT on "dev", for the same order')
  await stage.mine(3)
  await stage.expectOrder(id,
    { state: 'paid', final: '88', excess: '44', flags: ['overpaid', 'multiple'] })
  table(await stage.shop.rows(sql`
    SELECT deposit_id AS deposit, network, trim_scale(amount)::text AS amount, state, route
    FROM usdtpay.deposit_status WHERE order_id = ${id} ORDER BY deposit_id`))
  assert.equal(await stage.shop.value(sql`
    SELECT count(*) FROM tea.parcel WHERE order_id = ${id}`), 1)
  ok('still paid, tea.parcel has one row; the excess is credited, by the policy "accept"')
}

export async function split(stage) {
  const order = await stage.order('tea-1009', '50')
  await stage.pay(order.tron_address, '20', { network: 'trondev' })
  live('payer', 'sends 20 of 50 USDT on "trondev"')
  await stage.mine(1, 'trondev')
  await stage.expectOrder(order.order_id, { state: 'partially_paid', seen: '20', final: '0' })
  const uris = (await formsOf(stage, order.order_id)).map(({ uri }) => uri)
  assert.ok(uris.includes(`tron:${order.tron_address}?amount=30&token=${stage.tokens.trondev}`))
  assert.equal(uris.filter(uri => uri.endsWith('&uint256=30000000')).length, 2)
  ok('the payment links of all three networks now ask for the missing 30')
  await stage.pay(order.evm_address, '30')
  live('payer', 'sends the other 30 on "dev"')
  await stage.mine(3)
  await stage.expectOrder(order.order_id, { state: 'confirming', seen: '50', final: '30' })
  ok('all is seen, 30 are final; the order waits for the slower chain')
  await stage.solidify()
  await stage.expectOrder(order.order_id,
    { state: 'paid', final: '50', excess: '0', flags: ['multiple'] })
  ok('paid once, when both parts were final')
}

const ATTACKS = [
  ['fake', 'impostor', 'sends 99 of another contract that is called "Tether USD"'],
  ['zero', 'zero value', 'moves 0 USDT in the payer\'s name, to get into people\'s histories'],
  ['outOfTime', 'out of time', 'sends 99 in a transaction that fails and leaves its log behind'],
  ['revert', 'reverted', 'sends 99 in a transaction that is reverted'],
  ['trx', 'TRX', 'sends 99 TRX, coins and no token']
]

export async function poisoned(stage) {
  const order = await stage.order('tea-1010', '99')
  const ids = []
  for (const [kind, , what] of ATTACKS) {
    ids.push(await stage.tron.attack(kind, order.tron_address, '99'))
    live('attacker', what)
  }
  await stage.mine(1, 'trondev')
  await stage.solidify()
  const seen = []
  for (const [i, [, name]] of ATTACKS.entries()) {
    const info = await stage.tron.receipt(ids[i])
    const deposits = await stage.ops.value(sql`
      SELECT count(*) FROM usdtpay.deposit WHERE encode(tx_hash, 'hex') = ${ids[i]}`)
    seen.push({ transaction: short(ids[i]), 'what it is': name,
      result: info.receipt.result ?? 'SUCCESS', logs: info.log?.length ?? 0, deposits })
  }
  say('What the solidified chain holds of that, and what came of it here:')
  table(seen)
  assert.deepEqual(seen.map(({ result, logs }) => [result, logs]), [
    ['SUCCESS', 1], ['SUCCESS', 1], ['OUT_OF_TIME', 1], ['REVERT', 0], ['SUCCESS', 0]
  ])
  assert.ok(seen.every(({ deposits }) => deposits === 0))
  await stage.expectOrder(order.order_id, { state: 'pending', seen: '0', final: '0' })
  assert.equal(await stage.shop.value(sql`
    SELECT count(*) FROM usdtpay.deposit_status WHERE order_id = ${order.order_id}`), 0)
  assert.equal(await stage.balance('suspense'), '0')
  ok('no deposit, no journal: only successful transfers of the pinned token, above zero, count')
}

// Runs what must be refused; shows the call and the refusal.
async function refused(session, call, wanted) {
  code(`${call};`)
  const error = await session.run(call).then(() => assert.fail(`${call} was not refused`),
    caught => caught)
  const [message] = /ERROR: {2}.*/.exec(error.message) ?? assert.fail(error.message)
  const [hint] = /HINT: {2}.*/.exec(error.message) ?? assert.fail(error.message)
  block(`${red(message)}\n${hint}`)
  assert.match(message, wanted)
  await breathe()
}

export async function otherKind(stage) {
  const { evm_address: evm, tron_address: tron } = stage.twice
  say(`Beneath the spelling EVM and TRON addresses are alike, twenty bytes each, and money sent to
    one in place of the other is lost. Who mixes them up is told at once:`)
  await refused(stage.shop,
    sql`SELECT usdtpay.wallet_add('till', 'pool', 'evm', p_addresses => ${[tron]})`,
    /TRON address given where an EVM address is wanted/)
  await refused(stage.shop,
    sql`SELECT usdtpay.wallet_add('till', 'pool', 'tron', p_addresses => ${[evm]})`,
    /EVM address given where a TRON address is wanted/)
  const typo = tron.slice(0, -1) + (tron.endsWith('x') ? 'y' : 'x')
  await refused(stage.shop,
    sql`SELECT usdtpay.address_bytes('tron', ${typo})`, /checksum/)
  assert.equal(await stage.shop.value(sql`SELECT count(*) FROM usdtpay.wallet`), 0)
  const hex = tronHex(tron)
  assert.equal(await stage.shop.value(sql`
    SELECT usdtpay.address_text('tron', usdtpay.address_bytes('tron', ${hex}))`), tron)
  ok(`nothing was stored; and the hex spelling that TRON nodes use, ${short(hex)}, is understood`)
}
