#!/usr/bin/env node
// SPDX-License-Identifier: PostgreSQL
//
// Seeded rounds of chaos; README.md says what happens in one.  Speaks TAP.
//
//   tools/world node test/chaos/chaos.mjs [--rounds N] [--seed N] [--verbose 1] [--sabotage 1]
//
// Round i of seed s has the seed s + i - 1; a single round replays with --seed and --rounds 1.
import { fileURLToPath } from 'node:url'
import { options } from '../chain/server.mjs'
import { Cluster } from './cluster.mjs'
import { EvmNetwork } from './evm.mjs'
import { check } from './model.mjs'
import { MERCHANTS, makePlan } from './plan.mjs'
import { Process } from './process.mjs'
import { Session } from './psql.mjs'
import { Round } from './round.mjs'
import { sabotage } from './sabotage.mjs'
import { TEMPLATE } from './setup.mjs'
import { TronNetwork } from './tron.mjs'

const given = options()
const rounds = Number(given.rounds ?? process.env.CHAOS_ROUNDS ?? 200)
const first = Number(given.seed ?? process.env.CHAOS_SEED ?? 1)
const receiverFile = fileURLToPath(new URL('../chain/receiver.mjs', import.meta.url))

async function makeWorld() {
  const networks = [new EvmNetwork('one', 31337, 6), new EvmNetwork('two', 31338, 18)]
  if (process.env.CHAOS_TRON !== '0') networks.push(new TronNetwork('three'))
  const receivers = Object.fromEntries(MERCHANTS.map(code =>
    [code, new Process('node', [receiverFile])]))
  await Promise.all([...networks.map(network => network.open(first)),
    ...Object.values(receivers).map(receiver => receiver.start())])
  const cluster = await Cluster.create({
    'usdtpay.databases': "'chaos'", 'usdtpay.rpc_timeout': "'1s'",
    'usdtpay.rpc_max_bytes': "'1MB'", 'usdtpay.webhook_allow_http': 'on',
    'usdtpay.webhook_allow_private': 'on', 'usdtpay.webhook_timeout': "'600ms'",
    // longer than all trouble lasts: a liar must not be believed because the other one is away
    'usdtpay.webhook_retry_unit': 5, 'usdtpay.second_look_patience': "'12s'",
    'usdtpay.webhook_ports': `'443,${Object.values(receivers).map(r => r.port).join()}'`
  })
  await makeTemplate(cluster)
  return { cluster, networks, receivers }
}

async function makeTemplate(cluster) {
  const maker = new Session({ host: cluster.host, database: 'postgres' })
  await maker.query('CREATE DATABASE blank')
  const session = new Session({ host: cluster.host, database: 'blank' })
  for (const sql of TEMPLATE) await session.query(sql)
  session.close()
  maker.close()
}

async function closeWorld({ cluster, networks, receivers }) {
  await Promise.all([...networks.map(network => network.close()),
    ...Object.values(receivers).map(receiver => receiver.stop())])
  await cluster.remove()
}

// Runs the round of a seed; returns what is wrong with its end.
async function playRound(world, seed) {
  const plan = makePlan(seed, world.networks)
  const round = new Round(world, plan)
  let complaints
  try {
    await round.setUp()
    await round.run()
    complaints = await check(round)
    if (given.sabotage && !complaints.length) {
      const { missed, shown } = await sabotage(round)
      complaints = missed.map(name => `the model did not notice ${name}`)
      round.counts['damages noticed'] = shown - missed.length
    }
    round.counts.events = [...round.feed.values()].flat().length
  } catch (error) {
    complaints = [...round.faults, error.message, ...(given.verbose ? [error.stack] : [])]
  }
  await round.tearDown()
  complaints.push(...world.cluster.crashes())
  return { round, complaints }
}

const tally = counts => Object.entries(counts).sort(([a], [b]) => a < b ? -1 : 1)
  .map(([what, n]) => `${what} ${n}`).join(', ')

function report(n, seed, { round, complaints }, began) {
  const seconds = ((Date.now() - began) / 1000).toFixed(1)
  const settled = ((round.converged ?? 0) / 1000).toFixed(1)
  console.log(`${complaints.length ? 'not ' : ''}ok ${n} - seed ${seed}: settled in ${settled} s ` +
    `of ${seconds} s`)
  console.log(`# ${tally(round.counts)}`)
  for (const complaint of complaints) console.log(`#   ${complaint.replaceAll('\n', '\n#   ')}`)
  if (given.verbose || complaints.length) {
    round.waits.filter((_, i) => i % 10 === 0).forEach(wait => console.log(`#   ${wait}`))
  }
  if (complaints.length) {
    console.log(`# again: make chaos CHAOS_SEED=${seed} CHAOS_ROUNDS=1`)
  }
}

const sums = {}
const times = []
let failed = 0
const world = await makeWorld()
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => world.cluster.remove().finally(() => process.exit(130)))
}
console.log(`1..${rounds}`)
for (let n = 1; n <= rounds; n++) {
  const began = Date.now()
  const result = await playRound(world, first + n - 1)
  report(n, first + n - 1, result, began)
  failed += result.complaints.length > 0
  times.push(result.round.converged ?? 0)
  for (const [what, count] of Object.entries(result.round.counts)) {
    sums[what] = (sums[what] ?? 0) + count
  }
}
times.sort((a, b) => a - b)
console.log(`# ${rounds} rounds, ${failed} failed; settled in ${times[rounds >> 1]} ms (median), ` +
  `${times.at(-1)} ms (worst)`)
console.log(`# ${tally(sums)}`)
await closeWorld(world)
process.exit(failed ? 1 : 0)
