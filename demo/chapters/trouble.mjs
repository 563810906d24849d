// SPDX-License-Identifier: PostgreSQL
//
// What goes wrong on chains: the wrong network, an impostor, a reorganisation.
import assert from 'node:assert/strict'
import { sql } from '../psql.mjs'
import { code, live, ok, say, table } from '../ui.mjs'

// The one deposit made to an order's address, whatever became of it.
const depositOf = (stage, order) => stage.shop.row(sql`
  SELECT deposit_id, state, route, trim_scale(amount)::text AS amount, network, block_number
  FROM usdtpay.deposit_status WHERE order_id = ${order}`)

export async function wrongNetwork(stage) {
  const order = await stage.order('tea-1005', '30', `, p_networks => ARRAY['dev']`)
  say(`This order can be paid on "dev" only. But an EVM address is the same on every EVM network,
    and somebody pays it on "side". It is watched there too.`)
  await stage.pay(order.evm_address, '30', { network: 'side' })
  live('payer', 'sends 30 USDT on "side"')
  await stage.mine(3, 'side')
  await stage.expectOrder(order.order_id, { state: 'pending', seen: '0' })
  const deposit = await depositOf(stage, order.order_id)
  assert.deepEqual([deposit.state, deposit.route, deposit.amount],
    ['final', 'wrong_network', '30'])
  assert.equal(await stage.balance('suspense'), '30')
  ok('the order stays pending; the 30 USDT are booked to suspense and wait for a person')

  const decision = sql`SELECT usdtpay.deposit_assign('ticket-7', ${deposit.deposit_id},
  ${order.order_id}, 'payer used the side chain, the shop agrees', p_party => 'shop')`
  code(`${decision};`)
  await stage.ops.run(decision)
  live('olivia', 'decides; the record of it stays for good')
  await stage.story()
  await stage.expectOrder(order.order_id, { state: 'paid', final: '30', flags: ['manual'] })
  assert.equal(await stage.balance('suspense'), '0')
  table(await stage.shop.rows(`
    SELECT key, action, decided_by, reason FROM usdtpay.resolution ORDER BY resolution_id`))
}

export async function impostor(stage) {
  const order = await stage.order('tea-1006', '99')
  const attack = () =>
    stage.dev.payFake(stage.tokens.fake, stage.tokens.dev, order.evm_address, '99')
  say(`The impostor's name is "Tether USD", its symbol "USDT", and it emits any Transfer it is
    asked for. Only its address tells it from the real one.`)
  await attack()
  live('attacker', 'sends 99 "USDT" of the impostor')
  await stage.mine(3)
  await stage.expectOrder(order.order_id, { state: 'pending', seen: '0' })
  assert.equal(await depositOf(stage, order.order_id), undefined)
  ok('nothing happened: a contract nobody listed does not exist for the scanner')

  const watch = sql`SELECT usdtpay.token_define('dev', ${stage.tokens.fake})`
  code(`${watch};   -- no asset: watched only`)
  await stage.ops.run(watch)
  await attack()
  live('attacker', 'tries again, and now somebody is looking')
  await stage.mine(3)
  const deposit = await depositOf(stage, order.order_id)
  assert.deepEqual([deposit.route, deposit.amount], ['wrong_token', null])
  await stage.expectOrder(order.order_id, { state: 'pending', seen: '0' })
  assert.equal(await stage.balance('suspense'), '0')
  ok('recorded as wrong_token, for support to see; no amount, no journal')
}

export async function reorg(stage) {
  const order = await stage.order('tea-1007', '60')
  await stage.pay(order.evm_address, '60')
  live('payer', 'sends 60 USDT')
  await stage.mine(2)
  await stage.expectOrder(order.order_id, { state: 'confirming', seen: '60', final: '0' })
  const before = await depositOf(stage, order.order_id)
  const [raw] = await stage.dev.rawTransactions(2)

  say('Now the chain changes its mind: other blocks take the place of the last two.')
  const head = await stage.dev.reorg(2)
  live('chain', 'two blocks are gone, and the payment with them')
  await stage.until('the payment to be taken back', async () =>
    (await depositOf(stage, order.order_id)).state === 'orphaned')
  await stage.scanned('dev', head)
  await stage.story(head, 'dev')
  await stage.expectOrder(order.order_id, { state: 'pending', seen: '0' })
  ok('the order is pending again; nothing had been credited, so nothing had to be undone')

  await stage.mine(1)
  await stage.dev.rpc('eth_sendRawTransaction', raw)
  live('chain', 'the same transaction is included again, higher up')
  await stage.mine(3)
  const after = await depositOf(stage, order.order_id)
  assert.equal(after.deposit_id, before.deposit_id, 'the deposit keeps its identity')
  assert.ok(after.block_number > before.block_number, 'the payment stands in another block')
  await stage.expectOrder(order.order_id, { state: 'paid', final: '60', flags: [] })
  assert.equal(await stage.shop.value(sql`
    SELECT count(*) FROM usdtpay.journal WHERE key = 'deposit:' || ${after.deposit_id}`), 1)
  ok(`deposit ${after.deposit_id} moved from block ${before.block_number} to`
    + ` ${after.block_number}, kept its identity and was credited once`)
}
