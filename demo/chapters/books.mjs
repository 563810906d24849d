// SPDX-License-Identifier: PostgreSQL
//
// The ledger against the chain, and the ledger's seals.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { sql } from '../psql.mjs'
import { code, ok, say, table } from '../ui.mjs'

// What came in: orders of 25, 40, 12.5, 18 and 60 on dev, 30 on side, 44 on trondev and 44 on dev,
// 20 on trondev and 30 on dev; Anna's 200 on dev and 50 on side.  The fee is 0.5 %.
const EXPECTED = {
  available: '321.8825', 'available anna': '248.75', 'custody:dev': '-429.5',
  'custody:side': '-80', 'custody:trondev': '-64', fee: '2.8675', pending: '0', suspense: '0'
}

const micro = text => BigInt(Math.round(Number(text) * 1e6))

export async function books(stage) {
  code('SELECT * FROM usdtpay.balance();          -- as the shop')
  const balances = await stage.shop.rows(`
    SELECT account, customer_ref AS customer, trim_scale(balance)::text AS balance
    FROM usdtpay.balance() ORDER BY account, customer_ref`)
  table(balances)
  assert.deepEqual(Object.fromEntries(balances.map(row =>
    [`${row.account} ${row.customer}`.trim(), row.balance])), EXPECTED)
  for (const network of Object.keys(stage.networks)) await againstChain(stage, network)
  say('And the ledger balances by construction:')
  const trial = await stage.ops.rows(`
    SELECT p.code AS party, t.asset, t.accounts, trim_scale(t.debits)::text AS debits,
           trim_scale(t.credits)::text AS credits, trim_scale(t.difference)::text AS difference
    FROM usdtpay.trial_balance AS t JOIN usdtpay.party AS p USING (party_id) ORDER BY 1, 2`)
  table(trial)
  assert.ok(trial.every(row => row.difference === '0'))
}

// Asks the token contract what our addresses hold, and compares that with the custody account.
async function againstChain(stage, network) {
  const addresses = await stage.root.rows(sql`
    SELECT usdtpay.address_text(family, raw) AS text FROM usdtpay.address
    WHERE custodial AND family = ${stage.networks[network].family ?? 'evm'}`)
  let held = 0n
  for (const { text } of addresses) {
    held += micro(await stage.networks[network].balance(stage.tokens[network], text))
  }
  const booked = await stage.ops.value(sql`
    SELECT sum(debits - credits)::text FROM usdtpay.balance_sheet
    WHERE name = 'custody:' || ${network}`)
  assert.equal(held, micro(booked))
  ok(`"${network}": our ${addresses.length} addresses hold ${Number(held) / 1e6} USDT on chain,`
    + ' just as booked')
}

const sha256 = (...parts) => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

// Computes the root that an audit path leads to, as RFC 9162 section 2.1.3.2 says.
function rootFrom(leaf, index, size, path) {
  let [fn, sn, root] = [index, size - 1, leaf]
  for (const node of path) {
    assert.notEqual(sn, 0)
    if (fn % 2 === 1 || fn === sn) {
      root = sha256(Buffer.from([1]), node, root)
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [fn >> 1, sn >> 1]
    } else {
      root = sha256(Buffer.from([1]), root, node)
    }
    [fn, sn] = [fn >> 1, sn >> 1]
  }
  assert.equal(sn, 0)
  return root
}

export async function seals(stage) {
  const party = await stage.shop.value('SELECT usdtpay.session_party()')
  code(`SELECT usdtpay.ledger_seal();             -- pg_cron does this every minute
SELECT * FROM usdtpay.ledger_proof(${party}, ${stage.journal});`)
  await stage.until('the ledger to be sealed', async () => {
    await stage.ops.run('SELECT usdtpay.ledger_seal()')
    return (await stage.ops.value('SELECT max(last_id) FROM usdtpay.ledger_block'))
      >= (await stage.ops.value('SELECT max(journal_id) FROM usdtpay.journal'))
  })
  table(await stage.ops.rows(`
    SELECT block_no AS block, first_id AS first, last_id AS last, journals, postings,
           left(encode(hash, 'hex'), 32) || '…' AS hash
    FROM usdtpay.ledger_block ORDER BY block_no`))
  const proof = await stage.shop.row(sql`
    SELECT block_no, leaf_index, tree_size, encode(leaf_hash, 'hex') AS leaf,
           encode(root, 'hex') AS root, array(
             SELECT encode(n, 'hex') FROM unnest(audit_path) WITH ORDINALITY AS u (n, i) ORDER BY i
           ) AS path
    FROM usdtpay.ledger_proof(${party}, ${stage.journal})`)
  const path = proof.path.map(hex => Buffer.from(hex, 'hex'))
  const root = rootFrom(Buffer.from(proof.leaf, 'hex'), proof.leaf_index, proof.tree_size, path)
  assert.equal(root.toString('hex'), proof.root)
  say(`Every journal is a leaf of a Merkle tree (RFC 6962), and every root is chained to the one
    before it. Writers never wait for that. The shop can prove journal ${stage.journal} to
    anybody:`)
  ok(`leaf ${proof.leaf_index} of ${proof.tree_size}, ${path.length} hashes up to the root of`
    + ` block ${proof.block_no}: recomputed here, outside the database`)
}
