// SPDX-License-Identifier: PostgreSQL
//
// The stage is set: what runs, two EVM networks and TRON, each with a USDT-like token, and the
// platform's wallets.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { sql } from '../psql.mjs'
import { tronAddress } from '../tron.mjs'
import { code, ok, say, table } from '../ui.mjs'

const { HDNodeWallet, Mnemonic, randomBytes } =
  createRequire(new URL('../../test/package.json', import.meta.url))('ethers')

// The account-level public keys of a new wallet, as any BIP32 wallet exports them: one for EVM
// networks, one for TRON.  Only this process ever knows the words.
export function newAccounts() {
  const words = Mnemonic.fromEntropy(randomBytes(16))
  const account = coin => HDNodeWallet.fromMnemonic(words, `m/44'/${coin}'/0'`).neuter()
  return { evm: account(60), tron: account(195) }
}

// The address of an account that PostgreSQL is to give out as number idx, by other code.
export function addressOf(accounts, family, idx) {
  const { address } = accounts[family].derivePath(`0/${idx}`)
  return family === 'tron' ? tronAddress(address) : address
}

export async function running(stage) {
  const server = await stage.root.row(`
    SELECT current_setting('server_version') AS version, e.extversion,
           current_setting('shared_preload_libraries') AS preloaded
    FROM pg_extension AS e WHERE e.extname = 'usdtpay'`)
  const chain = async network => Number(await stage.networks[network].rpc('eth_chainId'))
  await stage.tron.open()
  table([
    { what: 'PostgreSQL', detail: `${server.version}, private; preloaded: ${server.preloaded}` },
    { what: 'usdtpay', detail: `${server.extversion}, in database "${stage.database}"` },
    { what: 'node "dev"', detail: `anvil, chain id ${await chain('dev')}, ${stage.dev.url}` },
    { what: 'node "side"', detail: `anvil, chain id ${await chain('side')}, ${stage.side.url}` },
    { what: 'node "trondev"',
      detail: `tron-node, chain id ${stage.tron.chainId}, ${stage.tron.url}` },
    { what: 'web server', detail: `the merchant's, ${stage.receiver}` }
  ])
  say(`Everything you will see is done by PostgreSQL and its background workers: one scanner per
    network reads the chain, one courier sends webhooks. This program only plays the people:
    the operator, the merchant and the payers.`)
}

async function openNetwork(stage, network, chain) {
  const id = chain.chainId ?? Number(await chain.rpc('eth_chainId'))
  const define = sql`SELECT usdtpay.network_define(${network}, ${chain.family ?? 'evm'}, ${id},
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

  for (const network of ['dev', 'side']) {
    stage.tokens[network] = await stage.networks[network].deployToken(6)
    await stage.networks[network].mine(1, 0)
  }
  stage.tokens.fake = await stage.dev.deployFake()
  stage.tokens.trondev = stage.tron.token
  ok('each chain has a token that behaves like USDT, and two have an impostor')

  for (const [network, chain] of Object.entries(stage.networks)) {
    await openNetwork(stage, network, chain)
  }
  await stage.until('the scanners to start', async () => (await stage.ops.value(`
    SELECT count(*) FROM usdtpay.network_status WHERE state = 'scanning'`)) === 3)
  table(await stage.ops.rows(`
    SELECT code AS network, state, tip_number AS tip,
           endpoints_usable || ' of ' || endpoints AS nodes
    FROM usdtpay.network_status ORDER BY code`))

  await openWallets(stage)
}

async function openWallets(stage) {
  const platform = newAccounts()
  for (const family of ['evm', 'tron']) {
    const xpub = platform[family].extendedKey
    code(`SELECT usdtpay.wallet_add('main ${family}', 'xpub', '${family}', '${xpub.slice(0, 16)}…',
  p_party => 'platform');`)
    await stage.ops.run(sql`SELECT usdtpay.wallet_add(${`main ${family}`}, 'xpub', ${family},
      ${xpub}, p_party => 'platform')`)
  }
  say(`The platform's wallets are account-level public keys (xpubs), m/44'/60'/0' for EVM and
    m/44'/195'/0' for TRON: PostgreSQL derives fresh addresses for every order and can spend
    nothing. Private keys are in no table, setting or log.`)
  for (const [family, judge] of [['evm', 'ethers'], ['tron', 'tronweb']]) {
    const derived = await stage.ops.value(sql`
      SELECT usdtpay.address_derive(${platform[family].extendedKey}, ${family}, 0)`)
    assert.equal(derived, addressOf(platform, family, 0))
    ok(`address 0 is ${derived}; ${judge} derives the same`)
  }
}
