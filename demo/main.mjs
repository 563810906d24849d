// SPDX-License-Identifier: PostgreSQL
//
// The demo's story, told by what really happens: a client of the database and of three chains that
// pays, watches and checks.  It ends with 0 only when everything was as it should be.
//
//   DEMO_DATABASE, DEMO_DEV_URL, DEMO_SIDE_URL, DEMO_TRON_URL, DEMO_RECEIVER_URL say where things
//   are; demo/run sets them.
import { Stage } from './stage.mjs'
import { bold, breathe, green, heading, red } from './ui.mjs'
import { networks, running } from './chapters/setup.mjs'
import { onboarding } from './chapters/merchant.mjs'
import { exact, late, overpaid, partial } from './chapters/payments.mjs'
import { impostor, reorg, wrongNetwork } from './chapters/trouble.mjs'
import { eitherNetwork, otherKind, poisoned, split, twice } from './chapters/tron.mjs'
import { ownKeys, topUp } from './chapters/more.mjs'
import { books, seals } from './chapters/books.mjs'
import { health, invariants, webhooks } from './chapters/checks.mjs'

const CHAPTERS = [
  ['What is running', running],
  ['The operator opens three networks and two wallets', networks],
  ['A merchant joins', onboarding],
  ['An order, paid exactly', exact],
  ['An order, paid in two parts', partial],
  ['An order, paid too much', overpaid],
  ['An order, paid after it expired', late],
  ['Paid on the wrong network', wrongNetwork],
  ['A token that only calls itself USDT', impostor],
  ['The chain takes a payment away and brings it back', reorg],
  ['One order, payable on TRON as well', eitherNetwork],
  ['The same order, paid once more on the other network', twice],
  ['Half on TRON, half elsewhere', split],
  ['What looks like a payment on TRON and is none', poisoned],
  ['An address of the other kind', otherKind],
  ['A customer tops up', topUp],
  ['A merchant with keys of its own', ownKeys],
  ['Where the money is', books],
  ['Sealing the ledger', seals],
  ['What the merchant\'s server heard', webhooks],
  ['Is everything in order?', health],
  ['What must always hold', invariants]
]

const began = Date.now()
const stage = new Stage({
  database: process.env.DEMO_DATABASE,
  devUrl: process.env.DEMO_DEV_URL,
  sideUrl: process.env.DEMO_SIDE_URL,
  tronUrl: process.env.DEMO_TRON_URL,
  receiver: process.env.DEMO_RECEIVER_URL
})
try {
  for (const [title, tell] of CHAPTERS) {
    heading(title)
    await tell(stage)
    await breathe(900)
  }
  const seconds = ((Date.now() - began) / 1000).toFixed(1)
  console.log(`\n${green('Everything was as it should be')}, ${bold(`${CHAPTERS.length} chapters`)}`
    + ` in ${seconds} seconds.`)
} catch (error) {
  console.error(`\n${red('The demo failed')}: ${error.message}`)
  if (process.env.DEMO_DEBUG) console.error(error.stack)
  process.exitCode = 1
} finally {
  stage.end()
}
