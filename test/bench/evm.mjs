// SPDX-License-Identifier: PostgreSQL
//
// An eth_getLogs answer of many Transfers, and reading it with viem, the baseline of transfers.sql.
//
//   evm.mjs make COUNT FILE     senders and recipients are all different, the dearest case
//   evm.mjs read FILE           prints logs per second of CPU, from JSON text to decoded arguments
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { parseAbi, parseEventLogs } from 'viem'
import { perSecond } from './cpu.mjs'

const abi = parseAbi(['event Transfer(address indexed from, address indexed to, uint256 value)'])
const hash = text => createHash('sha256').update(text).digest('hex')
const word = hex => '0x' + hex.padStart(64, '0')
const [, , command, ...rest] = process.argv

function make(count) {
  return Array.from({ length: count }, (_, n) => ({
    address: '0xdac17f958d2ee523a2206206994597c13d831ec7',
    topics: ['0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef',
      word(hash(`from ${n}`).slice(24)), word(hash(`to ${n}`).slice(24))],
    data: word((1_000_000 + n * 7919).toString(16)),
    blockNumber: '0x' + (15_000_000 + (n >> 8)).toString(16),
    transactionHash: '0x' + hash(`tx ${n}`),
    transactionIndex: '0x' + (n & 255).toString(16),
    blockHash: '0x' + hash(`block ${n >> 8}`),
    logIndex: '0x' + (n & 255).toString(16),
    removed: false
  }))
}

if (command === 'make') writeFileSync(rest[1], JSON.stringify(make(Number(rest[0]))))
else {
  const text = readFileSync(rest[0], 'utf8')
  perSecond(() => parseEventLogs({ abi, logs: JSON.parse(text) }).length)
}
