// SPDX-License-Identifier: PostgreSQL
//
// A day of full TRON blocks on test/chain/tron-node and the scanner that has to catch up with it, in database
// "live": until the last block is taken in and every solid one has had its second look.  Prints "LABEL VALUE"
// lines: seconds, requests, megabytes, and what they are held against: lasted (what the blocks took on the chain)
// and blocks; speed, how many times as fast as the chain; memory_begin, memory_end and memory_peak, MiB of the scanner beyond shared buffers after a twentieth
// of the blocks, at the end, and at most; requests of each path as path_...; credited, deposits that are final.
//
//   tron_day.mjs BLOCKS [off]     off: without eth_getLogs
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
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
if (process.argv[3]) sql(`ALTER SYSTEM SET usdtpay.tron_get_logs = '${process.argv[3]}'`)
sql('SELECT pg_reload_conf()')
const watch = sql(`SELECT usdtpay.deposit_address('c' || n, 'tron', 'tron-shop') FROM generate_series(1, 20) AS n`).split('\n')
const first = node.info.head + 1
await node.admin('bulk', { blocks: BLOCKS, watch, watchEvery: 1000 })
await node.admin('stats', { reset: true })
const last = first + BLOCKS - 1
const began = Date.now()
sql(`SELECT usdtpay.network_enable('tron', ARRAY['${node.url}'], p_start_block => ${first})`)

// Resident memory of the scanner that is not shared buffers, in MiB; 0 while there is none.
function resident() {
  const pid = sql(`SELECT max(pid) FROM pg_stat_activity WHERE backend_type = 'usdtpay scanner'`)
  if (pid === '') return 0
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kib = name => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)[1])
  return (kib('RssAnon') + kib('RssFile')) / 1024
}

const memory = { begin: 0, end: 0, peak: 0 }
for (let done = false; !done; await sleep(done ? 0 : 200)) {
  const [tip, final] = sql(`SELECT coalesce(max(c.tip_number), 0), coalesce(max(c.final_number), 0) FROM usdtpay.chain_cursor AS c
    JOIN usdtpay.network AS n ON n.network_id = c.network_id AND n.code = 'tron'`).split('|').map(Number)
  memory.end = resident()
  memory.peak = Math.max(memory.peak, memory.end)
  if (memory.begin === 0 && tip >= first + BLOCKS / 20) memory.begin = memory.end
  done = tip >= last && final >= last - 18
}
const seconds = (Date.now() - began) / 1000
const stats = await node.admin('stats')
console.log('seconds', seconds)
console.log('lasted', BLOCKS * 3)
console.log('speed', BLOCKS * 3 / seconds)
console.log('requests', stats.requests)
console.log('megabytes', stats.bytes / 1e6)
console.log('blocks', BLOCKS)
for (const [name, value] of Object.entries(memory)) console.log(`memory_${name}`, value)
for (const [path, count] of Object.entries(stats.paths)) console.log(`path_${path.slice(1).replaceAll('/', '_')}`, count)
console.log('credited', sql(`SELECT count(*) FROM usdtpay.deposit WHERE state = 'final'`))
sql(`SELECT usdtpay.network_disable('tron')`)
await node.stop()
