// SPDX-License-Identifier: PostgreSQL
//
// The TRON side of the demo: a payer with a wallet (tronweb, unchanged) and a chain that mines when
// told.  Offers what test/chain/chain.mjs offers for anvil, as far as the story needs it.
import { createRequire } from 'node:module'

const require = createRequire(new URL('../test/package.json', import.meta.url))
const { TronWeb } = require('tronweb')
const { formatUnits, parseUnits } = require('ethers')

const DECIMALS = 6
const FEE_LIMIT = 100_000_000 // sun; a transfer burns 6.4 to 13 TRX

// The TRON address of the key an EVM address belongs to: other prefix, other spelling.
export const tronAddress = evmAddress => TronWeb.address.fromHex(`41${evmAddress.slice(2)}`)
export const tronHex = address => TronWeb.address.toHex(address)

export class TronChain {
  constructor(url) {
    this.url = url
    this.family = 'tron'
  }

  // Asks the node who it is, and takes one of its funded accounts for the payer.
  async open() {
    this.info = await this.admin('info')
    const { privateKey, address } = this.info.accounts[2]
    this.payer = address
    this.wallet = new TronWeb({ fullHost: this.url, privateKey })
  }

  async admin(name, options = {}) {
    const answer = await fetch(`${this.url}/__admin/${name}`, {
      method: 'POST', body: JSON.stringify(options)
    })
    const result = await answer.json()
    if (!answer.ok) throw new Error(`tron-node: ${name}: ${result.error}`)
    return result
  }

  get chainId() { return Number(this.info.chainId) }
  get token() { return this.info.usdt }

  async head() {
    return (await this.admin('status')).head
  }

  // The last block that 19 of the 27 witnesses have built upon.
  async final() {
    return (await this.admin('status')).solid
  }

  // Mines blocks, the first of them not before now; returns the head.
  async mine(count = 1) {
    await this.admin('setTime', { time: Date.now() })
    return (await this.admin('mine', { blocks: count })).head
  }

  // Builds, signs and broadcasts a TRC-20 transfer as a wallet does; returns its id.
  async pay(token, to, amount) {
    const { transaction } = await this.wallet.transactionBuilder.triggerSmartContract(token,
      'transfer(address,uint256)', { feeLimit: FEE_LIMIT }, [
        { type: 'address', value: to },
        { type: 'uint256', value: parseUnits(amount, DECIMALS).toString() }
      ])
    const signed = await this.wallet.trx.sign(transaction)
    const { result, code, message } = await this.wallet.trx.sendRawTransaction(signed)
    if (!result) throw new Error(`the TRON node refused a transfer: ${code} ${message}`)
    return transaction.txID
  }

  // A payment of a kind no honest wallet makes; see tron-node's README.  Returns its id.
  async attack(kind, to, amount) {
    const raw = kind === 'zero' ? '0' : parseUnits(amount, DECIMALS).toString()
    const from = kind === 'zero' ? this.payer : undefined
    return (await this.admin('pay', { kind, to, from, amount: raw })).txids[0]
  }

  // What the chain says of a transaction, once its block is solid.
  receipt(id) {
    return this.wallet.trx.getTransactionInfo(id)
  }

  async balance(token, address) {
    const { constant_result: [raw] } =
      await this.wallet.transactionBuilder.triggerConstantContract(token, 'balanceOf(address)', {},
        [{ type: 'address', value: address }], this.payer)
    return formatUnits(BigInt(`0x${raw}`), DECIMALS)
  }
}
