// SPDX-License-Identifier: PostgreSQL
//
// The database of a round: networks, three merchants that differ in everything a merchant can
// set, their logins, their webhooks, and a little shop table of each.
import { quote } from './psql.mjs'
import { MERCHANTS } from './plan.mjs'

export const FINAL_DEPTH = 8
export const FEE_BPS = 100

// Public keys of the BIP-32 document's test vector 1 and of BIP-39's "abandon … about"; nobody's
// money is on them.
const XPUBS = {
  platform: 'xpub6BosfCnifzxcFwrSzQiqu2DBVTshkCXacvNsWGYJVVhhawA7d4R5WSWGFNbi8Aw6ZRc1brxMyWMzG3DSSSSoekkudh' +
    'Ud9yLb6qx39T9nMdj',
  beta: 'xpub6ASuArnXKPbfEwhqN6e3mwBcDTgzisQN1wXN9BJcM47sSikHjJf3UFHKkNAWbWMiGj7Wf5uMash7SyYq527Hqck2AxYys' +
    'AA7xmALppuCkwQ'
}

// What the rules of each merchant are; the model reads them too.  beta holds its own keys.
export const POLICY = {
  alpha: { custodial: true, late: 'auto', overpay: 'accept', fee: FEE_BPS, under: 0, min: 10_000 },
  beta: { custodial: false, late: 'review', overpay: 'accept', fee: 0, under: 0, min: 1 },
  gamma: { custodial: true, late: 'review', overpay: 'hold', fee: 0, under: 10_000, min: 1 }
}

// SQL once per cluster: the template every round's database is a copy of.
export const TEMPLATE = [
  'CREATE EXTENSION usdtpay',
  'SELECT usdtpay.roles_setup()',
  ...MERCHANTS.flatMap(code => [
    `CREATE ROLE ${code} LOGIN`,
    `GRANT usdtpay_merchant TO ${code}`,
    `SELECT usdtpay.merchant_create('${code}', 'Merchant ${code}')`,
    `SELECT usdtpay.party_login_grant('${code}', '${code}')`,
    `CREATE SCHEMA ${code} AUTHORIZATION ${code}`,
    `CREATE TABLE ${code}.cart (reference text PRIMARY KEY, order_id bigint)`,
    `CREATE TABLE ${code}.paid (order_id bigint)`,
    `ALTER TABLE ${code}.cart OWNER TO ${code}`,
    `ALTER TABLE ${code}.paid OWNER TO ${code}`
  ]),
  `SELECT usdtpay.wallet_add('main', 'xpub', 'evm', '${XPUBS.platform}', p_party => 'platform')`,
  `SELECT usdtpay.wallet_add('own', 'xpub', 'evm', '${XPUBS.beta}', p_party => 'beta')`,
  `SELECT usdtpay.wallet_add('main tron', 'xpub', 'tron', '${XPUBS.platform}', p_party => 'platform')`,
  `SELECT usdtpay.wallet_add('own tron', 'xpub', 'tron', '${XPUBS.beta}', p_party => 'beta')`,
  ...MERCHANTS.flatMap(code => [
    `SELECT usdtpay.merchant_set(p_late_policy => '${POLICY[code].late}', ` +
      `p_overpay_policy => '${POLICY[code].overpay}', p_min_deposit => ${POLICY[code].min}e-6, ` +
      `p_underpay_tolerance => ${POLICY[code].under}e-6, p_party => '${code}')`,
    `SELECT usdtpay.merchant_fee_set('${code}', ${POLICY[code].fee})`
  ]),
  'CREATE FUNCTION alpha.on_paid(bigint) RETURNS void LANGUAGE sql AS ' +
    quote('INSERT INTO alpha.paid VALUES ($1)')
]

// What alpha does itself, under its own name.
export const ALPHA = ["SELECT usdtpay.merchant_set(p_on_paid => 'alpha.on_paid')"]

// SQL of one round: the networks it runs on.
export function roundSetup(networks) {
  return networks.flatMap(network => network.define(FINAL_DEPTH))
}
