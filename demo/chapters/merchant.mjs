// SPDX-License-Identifier: PostgreSQL
//
// A merchant is onboarded: party, login, settings, webhook, and a hook in its own schema.
import assert from 'node:assert/strict'
import { sql } from '../psql.mjs'
import { code, ok, say } from '../ui.mjs'

const ONBOARD = `
SELECT usdtpay.merchant_create('shop', 'The tea shop');
SELECT usdtpay.merchant_fee_set('shop', 50);              -- the platform takes 0.5 %
SELECT usdtpay.party_login_grant('shop', 'shop_app')`

const HOOK = `
CREATE SCHEMA tea AUTHORIZATION shop_app;
SET ROLE shop_app;
CREATE TABLE tea.parcel (order_id bigint PRIMARY KEY, packed_at timestamptz DEFAULT now());
CREATE FUNCTION tea.pack(p_order bigint) RETURNS void LANGUAGE sql
SET search_path = pg_catalog AS 'INSERT INTO tea.parcel (order_id) VALUES (p_order)';
RESET ROLE`

export async function onboarding(stage) {
  code(`${ONBOARD};`)
  await stage.ops.run(ONBOARD)
  await stage.root.run(HOOK)
  stage.shop = stage.session('shop_app')
  stage.follow(stage.shop)

  const url = `${stage.receiver}/usdtpay`
  code(`SELECT * FROM usdtpay.webhook_add('${url}');
SELECT usdtpay.merchant_set(p_on_paid => 'tea.pack');`)
  const hook = await stage.shop.row(sql`SELECT * FROM usdtpay.webhook_add(${url})`)
  await stage.shop.run(`SELECT usdtpay.merchant_set(p_on_paid => 'tea.pack')`)
  stage.secret = hook.secret
  await fetch(`${stage.receiver}/__secret`, {
    method: 'POST', body: JSON.stringify({ secret: hook.secret })
  })
  ok(`the webhook's secret is shown this once: ${hook.secret.slice(0, 12)}…`)
  ok('when an order is paid, tea.pack(order_id) runs in the settling transaction')

  const seen = await stage.shop.value('SELECT array_agg(code) FROM usdtpay.party')
  assert.deepEqual(seen, ['shop'], 'the shop sees itself only')
  say(`From here on the merchant's own login does the merchant's work. Row-level security shows it
    its own party and nothing else.`)
}
