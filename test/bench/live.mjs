// SPDX-License-Identifier: PostgreSQL
//
// The workers with a real node and a real webhook endpoint, in database "live".  Prints one line per
// sample, "LABEL VALUE", for run to make figures of.
//
//   live.mjs POLL_MS PAYMENTS ORDERS
//
//   latency        ms from before a payment is sent to a node that mines at once until its order has changed
//   scanner ...    MiB resident beyond shared memory, after a block of ORDERS payments and as many webhooks
//   idle, server   ms of CPU per second while nothing happens: our workers, PostgreSQL's own processes
import { execFile, execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { Chain } from '../chain/chain.mjs'

const [POLL_MS, PAYMENTS, ORDERS] = process.argv.slice(2).map(Number)
const XPUB = process.env.BENCH_XPUB
const psql = ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', 'live', '-c']
const sql = text => execFileSync('psql', [...psql, text], { encoding: 'utf8' }).trim()
const sqlLater = async text => (await promisify(execFile)('psql', [...psql, text])).stdout.trim()
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))
const sample = (label, value) => console.log(label, value)
const here = path => new URL(path, import.meta.url).pathname
const children = []

// Starts a program that prints "Listening on HOST:PORT"; returns its URL.
function start(command, ...args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  return new Promise((resolve, reject) => {
    let text = ''
    child.once('exit', code => reject(new Error(`${command} ended with ${code}`)))
    setTimeout(reject, 30_000, new Error(`${command} does not listen`)).unref()
    child.stdout.on('data', chunk => {
      if (text.length < 100_000) text += chunk
      const found = /Listening on ([\d.]+:\d+)/.exec(text)
      if (found) resolve(`http://${found[1]}`)
    })
  })
}

// Asks until the answer is t.
async function until(text, seconds = 120) {
  for (const end = Date.now() + seconds * 1000; sql(text) !== 't'; await sleep(100)) {
    if (Date.now() > end) throw new Error(`still not: ${text}`)
  }
}

const order = reference =>
  sql(`SELECT order_id || ' ' || evm_address FROM usdtpay.order_create('${reference}', 10, p_party => 'shop')`).split(' ')

async function latency(chain, token, n) {
  const [id, address] = order(`latency-${n}`)
  const changed = sqlLater(`SELECT public.bench_changed(${id})`)
  await sleep(100 + Math.random() * POLL_MS)
  const began = Date.now()
  await chain.pay(token, address, '10')
  sample('latency', Number(await changed) - began)
}

async function load(chain, token) {
  const batch = await chain.deployBatch(token)
  sql(`SELECT count(o.order_id) FROM generate_series(1, ${ORDERS}) AS i, LATERAL usdtpay.order_create('load-' || i, 10, p_party => 'shop') AS o`)
  const paid = JSON.parse(sql(`SELECT json_agg(json_build_array(usdtpay.address_text('evm', evm_address), '10'))
    FROM usdtpay.payment_order WHERE reference LIKE 'load-%'`))
  await chain.payMany(token, batch, paid)
  await until(`SELECT count(*) = 0 FROM usdtpay.payment_order WHERE state = 'pending'`)
  await chain.mine(3)
  await until(`SELECT count(*) = 0 FROM usdtpay.payment_order WHERE state <> 'paid'`)
  await until(`SELECT count(*) = 0 FROM usdtpay_internal.delivery WHERE state = 'queued'`, 300)
}

const pids = where => sql(`SELECT pid FROM pg_stat_activity WHERE ${where}`).split('\n').filter(Boolean)

// Resident memory that is not shared buffers, in MiB.
function resident(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kib = name => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)[1])
  return (kib('RssAnon') + kib('RssFile')) / 1024
}

const cpu = list => list.reduce((sum, pid) => sum + Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]), 0) / 1e6

async function idle(seconds = 10) {
  const workers = pids(`backend_type LIKE 'usdtpay%'`)
  const server = pids(`backend_type IN ('checkpointer', 'background writer', 'walwriter', 'autovacuum launcher')`)
  const before = [cpu(workers), cpu(server)]
  await sleep(seconds * 1000)
  sample('idle', (cpu(workers) - before[0]) / seconds)
  sample('server', (cpu(server) - before[1]) / seconds)
}

async function main() {
  const anvil = await start(here('../chain/node'), '--chain-id', '31337', '--port', '0')
  const hook = await start('node', here('../chain/receiver.mjs'))
  const chain = new Chain(anvil)
  const token = await chain.deployToken()
  sql(`SELECT usdtpay.merchant_create('shop', 'The shop');
    SELECT usdtpay.wallet_add('main', 'xpub', 'evm', '${XPUB}', p_party => 'platform');
    SELECT usdtpay.network_define('dev', 'evm', 31337, '${token}', p_poll_ms => ${POLL_MS});
    SELECT usdtpay.network_enable('dev', ARRAY['${anvil}'])`)
  execFileSync('psql', [...psql, `ALTER SYSTEM SET usdtpay.webhook_ports = '${new URL(hook).port}'`, '-c', 'SELECT pg_reload_conf()'])
  await sleep(500)
  sql(`SELECT usdtpay.webhook_add('${hook}/', p_party => 'shop')`)
  await chain.mine(1)
  await until('SELECT tip_number > 0 FROM usdtpay.chain_cursor', 30)
  for (let n = 0; n < PAYMENTS; n++) await latency(chain, token, n)
  await chain.mine(3)
  await load(chain, token)
  for (const name of ['scanner', 'courier']) {
    for (const pid of pids(`backend_type = 'usdtpay ${name}'`)) sample(name, resident(pid))
  }
  sample('backend', Number(sql(`SELECT (regexp_match(s, 'RssAnon:\\s+(\\d+)'))[1]::numeric / 1024 + (regexp_match(s, 'RssFile:\\s+(\\d+)'))[1]::numeric / 1024
    FROM pg_read_file('/proc/self/status') AS s`)))
  await sleep(3000)
  await idle()
}

// However this ends, nothing it started stays.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => process.exit(1))
process.on('exit', () => children.forEach(child => child.kill()))
await main()
process.exit(0)
