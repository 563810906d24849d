// SPDX-License-Identifier: PostgreSQL
//
// Beyond orders: a customer's permanent address, and a merchant that keeps its own keys.
import assert from 'node:assert/strict'
import { sql } from '../psql.mjs'
import { code, live, ok, say } from '../ui.mjs'
import { addressOf, newAccounts } from './setup.mjs'

export async function topUp(stage) {
  code(`SELECT usdtpay.deposit_address('anna', 'dev');`)
  const address = await stage.shop.value(`SELECT usdtpay.deposit_address('anna', 'dev')`)
  ok(`${address} is Anna's for good, on every EVM network`)
  await stage.pay(address, '200')
  await stage.pay(address, '50', { network: 'side' })
  live('Anna', 'sends 200 USDT on "dev" and 50 on "side"')
  await stage.mine(3)
  await stage.mine(3, 'side')
  assert.equal(await stage.balance('available', 'anna'), '248.75')
  ok('Anna has 248.75 USDT at the shop: 250 less the platform\'s 0.5 %')
}

export async function ownKeys(stage) {
  const accounts = newAccounts()
  await stage.root.run('CREATE ROLE atelier_app LOGIN IN ROLE usdtpay_merchant')
  await stage.ops.run(`
    SELECT usdtpay.merchant_create('atelier', 'The atelier');
    SELECT usdtpay.party_login_grant('atelier', 'atelier_app')`)
  const atelier = stage.session('atelier_app')
  stage.follow(atelier)
  for (const family of ['evm', 'tron']) {
    const xpub = accounts[family].extendedKey
    const brief = `${xpub.slice(0, 16)}…`
    code(`SELECT usdtpay.wallet_add('own ${family}', 'xpub', '${family}', '${brief}');`)
    await atelier.run(sql`
      SELECT usdtpay.wallet_add(${`own ${family}`}, 'xpub', ${family}, ${xpub})`)
  }
  const order = await atelier.row(`SELECT * FROM usdtpay.order_create('vase-1', 75)`)
  assert.equal(order.evm_address, addressOf(accounts, 'evm', 0))
  assert.equal(order.tron_address, addressOf(accounts, 'tron', 0))
  say(`The atelier brought xpubs of its own, for EVM networks and for TRON: its payers pay straight
    to addresses whose keys only the atelier has. The platform watches, matches and tells; it never
    holds this money.`)
  await stage.pay(order.evm_address, '75')
  live('payer', `sends 75 USDT to ${order.evm_address}`)
  await stage.mine(3)
  assert.equal(
    await atelier.value(sql`SELECT state FROM usdtpay.order_get(${order.order_id})`), 'paid')
  assert.deepEqual(await atelier.rows(`
    SELECT account, trim_scale(balance)::text AS balance FROM usdtpay.balance()`),
  [{ account: 'received', balance: '75' }, { account: 'self:dev', balance: '-75' }])
  ok('paid; the ledger notes what was received, and owes the atelier nothing')
  assert.equal(await atelier.value('SELECT count(*) FROM usdtpay.order_status'), 1)
  ok('the atelier sees its one order and none of the shop\'s')
}
