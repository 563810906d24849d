#!/usr/bin/env node
// SPDX-License-Identifier: PostgreSQL
//
// Makes things happen on an anvil chain: tokens, payments, blocks, reorgs.  A module for Node and
// a command line for everybody else, which prints one line of JSON.
//
//   chain.mjs [--url URL] COMMAND [ARGUMENT]...      `chain.mjs help` lists the commands
//
// Amounts are in units of the token ("12.5"), or raw with a leading "raw:".  The payer is anvil's
// first account unless --from says otherwise.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const { AbiCoder, Interface, formatUnits, parseUnits } =
  createRequire(import.meta.url)('ethers')

const artefact = name =>
  JSON.parse(readFileSync(new URL(`../../contracts/${name}.json`, import.meta.url), 'utf8'))
const hex = n => '0x' + BigInt(n).toString(16)
const TRANSFERS_PER_TX = 250
const GAS_PER_TRANSFER = 70_000

export class Chain {
  constructor(url = 'http://127.0.0.1:8545') {
    this.url = url
    this.nextId = 1
    this.tokens = new Map()
    this.abi = Object.fromEntries(['TestTether', 'FakeTether', 'Batch']
      .map(name => [name, new Interface(artefact(name).abi)]))
  }

  async rpc(method, ...params) {
    const body = JSON.stringify({ jsonrpc: '2.0', id: this.nextId++, method, params })
    const answer = await fetch(this.url, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body
    })
    const { result, error } = await answer.json()
    if (error) throw new Error(`${method}: ${error.message} (${error.code})`)
    return result
  }

  async payer() {
    this.accounts ??= await this.rpc('eth_accounts')
    return this.accounts[0]
  }

  // Returns the transaction's hash; whether it is mined at once depends on the node's mode.
  async send({ from, to, data, gas }) {
    const payer = await this.payer()
    from ??= payer
    if (!this.accounts.includes(from.toLowerCase())) await this.borrow(from)
    const tx = { from, to, data, value: '0x0', gas: hex(gas ?? 1_000_000) }
    return this.rpc('eth_sendTransaction', tx)
  }

  // Lets us send from an account whose key nobody has, and gives it ether for gas.
  async borrow(address) {
    await this.rpc('anvil_impersonateAccount', address)
    if (BigInt(await this.rpc('eth_getBalance', address, 'latest')) < 10n ** 18n) {
      await this.rpc('anvil_setBalance', address, hex(10n ** 20n))
    }
  }

  // Returns the receipt, mining a block where the node does not do so by itself.
  async receipt(hash) {
    for (let attempt = 0; attempt < 100; attempt++) {
      const receipt = await this.rpc('eth_getTransactionReceipt', hash)
      if (receipt) return receipt
      if (attempt === 0 && !(await this.rpc('anvil_getAutomine'))) await this.mine(1)
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    throw new Error(`transaction ${hash} was not mined`)
  }

  async deploy(name, types = [], values = []) {
    const args = AbiCoder.defaultAbiCoder().encode(types, values).slice(2)
    const receipt = await this.receipt(await this.send({
      data: artefact(name).bytecode + args, gas: 5_000_000
    }))
    return receipt.contractAddress
  }

  // ------------------------------------------------------------------------------- contracts

  // A token of 10^12 units, all of it the payer's.
  async deployToken(decimals = 6) {
    const supply = 10n ** BigInt(12 + Number(decimals))
    const address = await this.deploy('TestTether', ['uint256', 'uint8'], [supply, decimals])
    this.tokens.set(address, Number(decimals))
    return address
  }

  deployFake() {
    return this.deploy('FakeTether')
  }

  // A Batch that may spend the payer's tokens.
  async deployBatch(token) {
    const batch = await this.deploy('Batch')
    await this.receipt(await this.call(token, 'approve', [batch, 2n ** 256n - 1n]))
    return batch
  }

  async decimals(token) {
    if (!this.tokens.has(token)) {
      const data = this.abi.TestTether.encodeFunctionData('decimals')
      this.tokens.set(token, Number(await this.rpc('eth_call', { to: token, data }, 'latest')))
    }
    return this.tokens.get(token)
  }

  async raw(token, amount) {
    const text = String(amount)
    return text.startsWith('raw:') ? BigInt(text.slice(4))
      : parseUnits(text, await this.decimals(token))
  }

  // Sends any call of a contract of ours; returns the transaction's hash.
  call(to, method, args, { from, abi = 'TestTether', gas } = {}) {
    return this.send({ from, to, gas, data: this.abi[abi].encodeFunctionData(method, args) })
  }

  async balance(token, address) {
    const data = this.abi.TestTether.encodeFunctionData('balanceOf', [address])
    const raw = BigInt(await this.rpc('eth_call', { to: token, data }, 'latest'))
    return formatUnits(raw, await this.decimals(token))
  }

  // -------------------------------------------------------------------------------- payments

  async mint(token, to, amount) {
    const raw = await this.raw(token, amount)
    await this.receipt(await this.call(token, 'issue', [raw]))
    return this.call(token, 'transfer', [to, raw])
  }

  async pay(token, to, amount, { from } = {}) {
    return this.call(token, 'transfer', [to, await this.raw(token, amount)], { from })
  }

  // An impostor's Transfer event, in the name of any sender.
  async payFake(fake, from, to, amount) {
    const raw = await this.raw(fake, amount)
    return this.call(fake, 'pretend', [from, to, raw], { abi: 'FakeTether' })
  }

  // Makes payments [[to, amount], …] through a Batch, all in one new block; returns the hashes.
  async payMany(token, batch, payments, perTx = TRANSFERS_PER_TX) {
    const hashes = []
    await this.withoutMining(async () => {
      for (let at = 0; at < payments.length; at += perTx) {
        const part = payments.slice(at, at + perTx)
        const amounts = await Promise.all(part.map(([, amount]) => this.raw(token, amount)))
        hashes.push(await this.call(batch, 'payFrom', [token, part.map(([to]) => to), amounts],
          { abi: 'Batch', gas: 100_000 + part.length * GAS_PER_TRANSFER }))
      }
      await this.mine(1)
    })
    return hashes
  }

  // ---------------------------------------------------------------------------- blocks, time

  async withoutMining(work) {
    const automine = await this.rpc('anvil_getAutomine')
    if (automine) await this.rpc('evm_setAutomine', false)
    try {
      return await work()
    } finally {
      if (automine) await this.rpc('evm_setAutomine', true)
    }
  }

  async head() {
    return Number(await this.rpc('eth_blockNumber'))
  }

  async mine(count = 1, seconds = 1) {
    await this.rpc('anvil_mine', hex(count), hex(seconds))
    return this.head()
  }

  // Replaces the last blocks by empty ones of the same height; keeping, the last of them holds
  // all their transactions again, under their old hashes but at other places.
  async reorg(depth, keep = false) {
    const raw = keep ? await this.rawTransactions(depth) : []
    await this.rpc('anvil_reorg', depth, raw.map(tx => [tx, depth - 1]))
    return this.head()
  }

  // The signed transactions of the last blocks, in order.
  async rawTransactions(depth) {
    const head = await this.head()
    const raw = []
    for (let number = head - depth + 1; number <= head; number++) {
      const block = await this.rpc('eth_getBlockByNumber', hex(number), false)
      for (const tx of block.transactions) {
        raw.push(await this.rpc('eth_getRawTransactionByHash', tx))
      }
    }
    return raw
  }

  // Moves the chain's clock; the next block carries it.
  forward(seconds) {
    return this.rpc('evm_increaseTime', hex(seconds))
  }
}

// ---------------------------------------------------------------------------- command line

const done = async (chain, hash) => {
  const { transactionHash, blockNumber, status } = await chain.receipt(hash)
  return { tx: transactionHash, block: Number(blockNumber), ok: status === '0x1' }
}
const control = method => async (chain, [token, ...args], options) =>
  done(chain, await chain.call(token, method, args, options))

const COMMANDS = {
  token: ['[DECIMALS]', async (c, [decimals = 6]) => ({ address: await c.deployToken(decimals) })],
  fake: ['', async c => ({ address: await c.deployFake() })],
  batch: ['TOKEN', async (c, [token]) => ({ address: await c.deployBatch(token) })],
  mint: ['TOKEN TO AMOUNT', async (c, a) => done(c, await c.mint(...a))],
  pay: ['TOKEN TO AMOUNT [--from ADDRESS]', async (c, a, o) => done(c, await c.pay(...a, o))],
  'pay-fake': ['FAKE FROM TO AMOUNT', async (c, a) => done(c, await c.payFake(...a))],
  'pay-many': ['TOKEN BATCH FILE|-   a JSON array of [to, amount]; one block', async (c, a) => {
    const payments = JSON.parse(readFileSync(a[2] === '-' ? 0 : a[2], 'utf8'))
    const hashes = await c.payMany(a[0], a[1], payments)
    const receipts = await Promise.all(hashes.map(hash => done(c, hash)))
    return { block: receipts[0].block, ok: receipts.every(r => r.ok), tx: hashes }
  }],
  balance: ['TOKEN ADDRESS', async (c, a) => ({ balance: await c.balance(...a) })],
  head: ['', async c => ({ head: await c.head() })],
  mine: ['[COUNT [SECONDS]]', async (c, a) => ({ head: await c.mine(...a) })],
  reorg: ['DEPTH [keep]', async (c, [n, keep]) => ({ head: await c.reorg(+n, keep === 'keep') })],
  forward: ['SECONDS', async (c, [seconds]) => ({ offset: Number(await c.forward(seconds)) })],
  params: ['TOKEN BASIS_POINTS MAX_FEE', control('setParams')],
  blacklist: ['TOKEN ADDRESS', control('addBlackList')],
  unblacklist: ['TOKEN ADDRESS', control('removeBlackList')],
  destroy: ['TOKEN ADDRESS', control('destroyBlackFunds')],
  pause: ['TOKEN', control('pause')],
  unpause: ['TOKEN', control('unpause')],
  deprecate: ['TOKEN NEW_ADDRESS', control('deprecate')]
}

function usage() {
  const lines = Object.entries(COMMANDS).map(([name, [args]]) => `  ${name} ${args}`)
  return ['chain.mjs [--url URL] COMMAND [ARGUMENT]...', ...lines].join('\n')
}

async function main(argv) {
  const options = {}
  const args = []
  while (argv.length) {
    const word = argv.shift()
    if (word.startsWith('--')) options[word.slice(2)] = argv.shift()
    else args.push(word)
  }
  const command = COMMANDS[args.shift()]
  if (!command) {
    console.error(usage())
    process.exit(2)
  }
  const url = options.url ?? process.env.CHAIN_URL
  console.log(JSON.stringify(await command[1](new Chain(url), args, options)))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  main(process.argv.slice(2)).catch(error => {
    console.error(error.message)
    process.exit(1)
  })
}
