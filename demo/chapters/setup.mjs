// SPDX-License-Identifier: PostgreSQL
//
// The stage is set: what runs, two EVM networks with a USDT-like token, the platform's wallet.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { sql } from '../psql.mjs'
import { code, ok, say, table } from '../ui.mjs'

const { HDNodeWallet, Mnemonic, randomBytes } =
  createRequire(new URL('../../test/package.json', import.meta.url))('ethers')

// An account's public key as any BIP32 wallet exports it.  Only this process ever knows the words.
export function newAccount() {
  const words = Mnemonic.fromEntropy(randomBytes(16))
  return HDNodeWallet.fromMnemonic(words, "m/44'/60'/0'").neuter()
}

export async function running(stage) {
  const server = await stage.root.row(`
    SELECT current_setting('server_version') AS version, e.extversion,
           current_setting('shared_preload_libraries') AS preloaded
    FROM pg_extension AS e WHERE e.extname = 'usdtpay'`)
  const chain = async network => Number(await stage.networks[network].rpc('eth_chainId'))
  table([
    { what: 'PostgreSQL', detail: `${server.version}, private; preloaded: ${server.preloaded}` },
    { what: 'usdtpay', detail: `${server.extversion}, in database "${stage.database}"` },
    { what: 'node "dev"', detail: `anvil, chain id ${await chain('dev')}, ${stage.dev.url}` },
    { what: 'node "side"', detail: `anvil, chain id ${await chain('side')}, ${stage.side.url}` },
    { what: 'web server', detail: `the merchant's, ${stage.receiver}` }
  ])
  say(`Everything you will see is done by PostgreSQL and its background workers: one scanner per
    network reads the chain, one courier sends webhooks. This program only plays the people:
    the operator, the merchant and the payers.`)
}

async function openNetwork(stage, network, chain) {
  const id = Number(await chain.rpc('eth_chainId'))
  const define = sql`SELECT usdtpay.network_define(${network}, 'evm', ${id},
  ${stage.tokens[network]}, p_block_ms => 100, p_poll_ms => 50)`
  const enable = sql`SELECT usdtpay.network_enable(${network}, ${[chain.url]})`
  code(`${define};\n${enable};`)
  await stage.begin(network)
  await stage.ops.run(define)
  await stage.ops.run(enable)
}

export async function networks(stage) {
  await stage.root.run(`
    SELECT usdtpay.roles_setup();
    CREATE ROLE olivia LOGIN IN ROLE usdtpay_operator;
    CREATE ROLE shop_app LOGIN IN ROLE usdtpay_merchant;
    GRANT USAGE ON SCHEMA cron TO usdtpay_operator`)
  stage.ops = stage.session('olivia')
  ok('group roles made; "olivia" is an operator, "shop_app" will be the merchant\'s login')
  const jobs = await stage.ops.value('SELECT usdtpay.jobs_schedule()')
  ok(`${jobs} jobs scheduled with pg_cron: expiry, sealing, holds, retries, retention`)

  for (const [network, chain] of Object.entries(stage.networks)) {
    stage.tokens[network] = await chain.deployToken(6)
    await chain.mine(1, 0)
  }
  stage.tokens.fake = await stage.dev.deployFake()
  ok('a token that behaves like USDT is deployed on both chains, an impostor on one')

  for (const [network, chain] of Object.entries(stage.networks)) {
    await openNetwork(stage, network, chain)
  }
  await stage.until('the scanners to start', async () => (await stage.ops.value(`
    SELECT count(*) FROM usdtpay.network_status WHERE state = 'scanning'`)) === 2)
  table(await stage.ops.rows(`
    SELECT code AS network, state, tip_number AS tip,
           endpoints_usable || ' of ' || endpoints AS nodes
    FROM usdtpay.network_status ORDER BY code`))

  const platform = newAccount()
  await stage.ops.run(sql`SELECT usdtpay.wallet_add('main', 'xpub', 'evm',
    ${platform.extendedKey}, p_party => 'platform')`)
  const derived = await stage.ops.value(sql`
    SELECT usdtpay.address_derive(${platform.extendedKey}, 'evm', 0)`)
  assert.equal(derived, platform.derivePath('0/0').address)
  say(`The platform's wallet is an xpub: PostgreSQL derives a fresh address for every order and
    can spend nothing. Private keys are in no table, setting or log.`)
  ok(`address 0 is ${derived}; ethers derives the same`)
}
