// SPDX-License-Identifier: PostgreSQL
//
// A day of full TRON blocks on test/chain/tron-node and the scanner that has to catch up with it, in database
// "live".  Prints "LABEL VALUE" lines: seconds, requests, megabytes, and what they are held against:
// lasted (what the blocks took on the chain) and blocks.
//
//   tron_day.mjs BLOCKS
import { execFileSync } from 'node:child_process'
import { TronNode } from '../chain/tron-node/client.mjs'

const BLOCKS = Number(process.argv[2])
const sql = text => execFileSync('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', 'live', '-c', text], { encoding: 'utf8' }).trim()
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

const node = await TronNode.start('--port', '0', '--no-mining')
const shop = sql(`SELECT count(*) FROM usdtpay.party WHERE code = 'tron-shop'`) === '1'
if (!shop) sql(`SELECT usdtpay.merchant_create('tron-shop', 'The shop')`)
sql(`SELECT usdtpay.wallet_add('tron', 'xpub', 'tron', '${process.env.BENCH_XPUB}', p_party => 'tron-shop');
  SELECT usdtpay.network_define('tron', 'tron', ${parseInt(node.info.chainId)}, '${node.info.usdt}', p_block_ms => 3000)`)
sql(`UPDATE usdtpay.network SET enabled = true WHERE code = 'tron'`)
const watch = sql(`SELECT usdtpay.deposit_address('c' || n, 'tron', 'tron-shop') FROM generate_series(1, 20) AS n`).split('\n')
const first = node.info.head + 1
await node.admin('bulk', { blocks: BLOCKS, watch, watchEvery: 1000 })
await node.admin('stats', { reset: true })
const last = first + BLOCKS - 1
const began = Date.now()
sql(`SELECT usdtpay.network_enable('tron', ARRAY['${node.url}'], p_start_block => ${first})`)
while (sql(`SELECT coalesce(max(c.tip_number), 0) >= ${last} FROM usdtpay.chain_cursor AS c
  JOIN usdtpay.network AS n ON n.network_id = c.network_id AND n.code = 'tron'`) !== 't') await sleep(200)
const seconds = (Date.now() - began) / 1000
const stats = await node.admin('stats')
console.log('seconds', seconds)
console.log('lasted', BLOCKS * 3)
console.log('requests', stats.requests)
console.log('megabytes', stats.bytes / 1e6)
console.log('blocks', BLOCKS)
sql(`SELECT usdtpay.network_disable('tron')`)
await node.stop()
