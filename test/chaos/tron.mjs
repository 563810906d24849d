// SPDX-License-Identifier: PostgreSQL
//
// A TRON network of a round: a tron-node that mines on request, with two ports that may lie each
// in its own way, and two providers in front of them.
import { TronNode } from '../chain/tron-node/client.mjs'
import { ownerKey } from './address.mjs'
import { Providers } from './provider.mjs'

const TRANSFER = 'ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'
// What a payment is called there; a failed transaction keeps its logs and moves nothing.
const KINDS = { usdt: 'transfer', fake: 'fake', unknown: 'outOfTime', crowd: 'transfer' }

export class TronNetwork {
  constructor(code) {
    Object.assign(this, { code, decimals: 6, family: 'tron', calmBlocks: 4 })
    this.providers = new Providers()
  }

  open(seed) {
    return this.providers.open(seed)
  }

  async start() {
    this.node = await TronNode.start('--port', '0', '--no-mining', '--seed', 'chaos')
    this.ports = [this.node.url]
    const { port } = await this.node.admin('replica', { port: 0 })
    this.ports.push(`http://127.0.0.1:${port}`)
    this.lies = [[], []]
    this.queue = Promise.resolve()
    await this.providers.point(this.ports)
  }

  stop() {
    return this.node?.stop()
  }

  async close() {
    await this.stop()
    await this.providers.close()
  }

  define() {
    const { usdt, fakeToken, chainId } = this.node.info
    const urls = this.providers.urls().map(url => `'${url}'`).join(', ')
    return [
      `SELECT usdtpay.network_define('${this.code}', 'tron', ${Number(chainId)}, '${usdt}', 6, ` +
        'p_block_ms => 1000, p_poll_ms => 50)',
      `SELECT usdtpay.token_define('${this.code}', '${fakeToken}', 6, 'USDT')`,
      `SELECT usdtpay.network_enable('${this.code}', ARRAY[${urls}], p_start_block => 1)`
    ]
  }

  act(work) {
    const done = this.queue.then(work)
    this.queue = done.catch(() => {})
    return done
  }

  // ---------------------------------------------------------------------------------- acts

  pay(to, { amount, kind }) {
    return this.act(() => this.node.admin('pay', {
      to, amount, kind: amount === 0 ? 'zero' : KINDS[kind]
    }))
  }

  crowd(payments) {
    const recipients = payments.map(({ to, amount }) => ({ to, amount }))
    return this.act(() => this.node.admin('pay', { kind: 'multi', recipients }))
  }

  mine(count = 1) {
    return this.act(() => this.node.admin('mine', { blocks: count }))
  }

  clock(seconds) {
    return this.act(() => this.node.admin('setTime', { advance: seconds * 1000 }))
  }

  // Replaces the last blocks by a branch one longer; what is dropped is gone for good.
  reorg(depth, keep, d) {
    return this.act(async () => {
      const { head } = await this.node.admin('status')
      const drop = []
      for (let number = head - depth + 1; keep === 'some' && number <= head; number++) {
        const block = await this.node.post('/wallet/getblockbynum', { num: number })
        drop.push(...(block.transactions ?? []).map(tx => tx.txID).filter(() => d.chance(0.5)))
      }
      await this.node.admin('fork', {
        depth, shift: d.int(0, 2), drop: keep === 'none' ? true : keep === 'all' ? [] : drop
      })
      return []
    })
  }

  // -------------------------------------------------------------------------------- faults

  // Lies are told by the node's port, all else by the proxy before it.
  async setFault(i, id, fault) {
    this.lies[i] = this.lies[i].filter(lie => lie.id !== id)
    if (fault?.lie) this.lies[i].push({ id, fault })
    else await this.providers.setFault(i, id, fault)
    await this.tellLies(i)
  }

  async tellLies(i) {
    const where = { url: this.ports[i] }
    await this.node.admin('clear', {}, where)
    for (const { fault } of this.lies[i]) {
      await this.node.admin('fault', { ...fault, kind: fault.lie }, where)
    }
  }

  nodeEvent(i, kind) {
    return this.providers.event(i, kind)
  }

  async heal() {
    this.lies = [[], []]
    for (const i of [0, 1]) await this.tellLies(i)
    await this.providers.heal()
  }

  // --------------------------------------------------------------------------------- truth

  async head() {
    return (await this.node.admin('status')).head
  }

  async transfers(upTo) {
    const found = []
    for (let number = 1; number <= upTo; number++) {
      const infos = await this.node.post('/wallet/gettransactioninfobyblocknum', { num: number })
      if (!infos.some(info => info.log?.length)) continue
      const { blockID } = await this.node.post('/wallet/getblockbynum', { num: number })
      for (const info of infos) found.push(...this.read(info, number, blockID))
    }
    return found
  }

  // The Transfers of the watched contracts in one transaction that did not fail.
  read(info, block, blockHash) {
    if (info.result === 'FAILED' || info.receipt.result !== 'SUCCESS') return []
    const ordinals = new Map()
    const fake = this.contract(this.node.info.fakeToken)
    const watched = [this.contract(this.node.info.usdt), fake]
    return (info.log ?? []).filter(log => watched.includes(log.address) &&
      log.topics[0] === TRANSFER).map(log => {
      const ordinal = ordinals.get(log.address) ?? 0
      ordinals.set(log.address, ordinal + 1)
      return {
        network: this.code, tx: info.id, ordinal, watched: log.address === fake, block, blockHash,
        time: info.blockTimeStamp / 1000, owner: `tron ${log.topics[2].slice(24)}`,
        raw: BigInt('0x' + log.data)
      }
    })
  }

  contract(text) {
    return ownerKey('tron', text).slice(5)
  }
}
