// SPDX-License-Identifier: PostgreSQL
//
// An EVM network of a round: an anvil that mines on request, a token, impostors, and two
// providers, which are faulty proxies in front of it.
import { fileURLToPath } from 'node:url'
import { Chain } from '../chain/chain.mjs'
import { Process } from './process.mjs'
import { Providers } from './provider.mjs'

const file = name => fileURLToPath(new URL(`../chain/${name}`, import.meta.url))
const TRANSFER = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'
const PAYERS = 40
const hex = n => '0x' + BigInt(n).toString(16)

export class EvmNetwork {
  constructor(code, chainId, decimals) {
    Object.assign(this, { code, chainId, decimals, family: 'evm', calmBlocks: 1 })
    this.providers = new Providers()
    this.node = new Process(file('node'), ['--no-mining', '--accounts', String(PAYERS),
      '--chain-id', String(chainId), '--block-base-fee-per-gas', '0'])
  }

  open(seed) {
    return this.providers.open(seed)
  }

  // A new chain with the contracts in place and tokens on every payer.
  async start() {
    await this.node.start()
    this.queue = Promise.resolve()
    this.sent = 0
    this.chain = new Chain(this.node.url)
    await this.chain.payer()
    this.token = await this.chain.deployToken(this.decimals)
    this.fake = await this.chain.deployFake()
    this.unknown = await this.chain.deployFake()
    this.batch = await this.chain.deployBatch(this.token)
    await this.chain.payMany(this.token, this.batch,
      this.chain.accounts.slice(1).map(account => [account, '1000000']))
    await this.chain.mine(1)
    await this.providers.point([this.node.url, this.node.url])
  }

  stop() {
    return this.node.stop()
  }

  async close() {
    await this.stop()
    await this.providers.close()
  }

  // SQL that makes the network known and watched, impostor included.
  define(finalDepth) {
    const urls = this.providers.urls().map(url => `'${url}'`).join(', ')
    return [
      `SELECT usdtpay.network_define('${this.code}', 'evm', ${this.chainId}, '${this.token}', ` +
        `${this.decimals}, p_block_ms => 200, p_poll_ms => 50, p_final_depth => ${finalDepth})`,
      `SELECT usdtpay.token_define('${this.code}', '${this.fake}', 6, 'USDT')`,
      `SELECT usdtpay.network_enable('${this.code}', ARRAY[${urls}], p_start_block => 0)`
    ]
  }

  // Acts on the chain wait for one another.
  act(work) {
    const done = this.queue.then(work)
    this.queue = done.catch(() => {})
    return done
  }

  // ---------------------------------------------------------------------------------- acts

  raw(minor, dust) {
    const extra = this.decimals - 6
    return BigInt(minor) * 10n ** BigInt(extra) +
      (minor > 0 ? BigInt(dust) % 10n ** BigInt(extra) : 0n)
  }

  // Sends a payment into the pool, from one payer after another.
  pay(to, { amount, dust, kind }) {
    return this.act(() => {
      const from = this.chain.accounts[1 + this.sent++ % (PAYERS - 1)]
      const raw = 'raw:' + this.raw(amount, dust)
      if (kind === 'fake') return this.chain.payFake(this.fake, from, to, `raw:${amount}`)
      if (kind === 'unknown') return this.chain.payFake(this.unknown, from, to, `raw:${amount}`)
      return this.chain.pay(this.token, to, raw, { from })
    })
  }

  // Pays several addresses in one transaction.
  crowd(payments) {
    return this.act(() => {
      const amounts = payments.map(({ amount, dust }) => this.raw(amount, dust))
      return this.chain.call(this.batch, 'payFrom',
        [this.token, payments.map(({ to }) => to), amounts],
        { abi: 'Batch', gas: 200_000 + payments.length * 70_000 })
    })
  }

  mine(count = 1) {
    return this.act(() => this.chain.mine(count))
  }

  clock(seconds) {
    return this.act(() => this.chain.forward(seconds))
  }

  // Replaces the last blocks.  Of their transactions all, none or some stand in the new ones, at
  // places of the dice's choice; returns the raw ones that stand in none.
  reorg(depth, keep, d) {
    return this.act(async () => {
      const raw = await this.chain.rawTransactions(depth)
      const kept = raw.filter(() => keep === 'all' || keep === 'some' && d.chance(0.5))
      const places = kept.map(() => d.int(0, depth - 1)).sort((a, b) => a - b)
      try {
        await this.chain.rpc('anvil_reorg', depth, kept.map((tx, i) => [tx, places[i]]))
      } catch {
        // a kept transaction needs one that is not kept
        await this.chain.rpc('anvil_reorg', depth, [])
        return raw
      }
      return raw.filter(tx => !kept.includes(tx))
    })
  }

  // A wallet sends a dropped transaction again; the node may know it already, or find its nonce
  // used.
  resend(raw) {
    return this.act(() => this.chain.rpc('eth_sendRawTransaction', raw)).catch(() => {})
  }

  // -------------------------------------------------------------------------------- faults

  setFault(i, id, fault) {
    return this.providers.setFault(i, id, fault)
  }

  nodeEvent(i, kind) {
    return this.providers.event(i, kind)
  }

  heal() {
    return this.providers.heal()
  }

  // --------------------------------------------------------------------------------- truth

  head() {
    return this.chain.head()
  }

  // Every Transfer of the watched contracts up to a block, straight from the node: what the
  // database is held against.
  async transfers(upTo) {
    const logs = await this.chain.rpc('eth_getLogs', {
      fromBlock: '0x0', toBlock: hex(upTo), address: [this.token, this.fake], topics: [TRANSFER]
    })
    const times = new Map()
    const ordinals = new Map()
    const found = []
    for (const log of logs) {
      if (!times.has(log.blockNumber)) {
        const block = await this.chain.rpc('eth_getBlockByNumber', log.blockNumber, false)
        times.set(log.blockNumber, Number(block.timestamp))
      }
      const key = `${log.transactionHash} ${log.address}`
      const ordinal = ordinals.get(key) ?? 0
      ordinals.set(key, ordinal + 1)
      found.push({
        network: this.code, tx: log.transactionHash.slice(2), ordinal,
        watched: log.address.toLowerCase() === this.fake.toLowerCase(),
        block: Number(log.blockNumber), blockHash: log.blockHash.slice(2),
        time: times.get(log.blockNumber), owner: `evm ${log.topics[2].slice(26)}`,
        raw: BigInt(log.data)
      })
    }
    return found
  }
}
