// SPDX-License-Identifier: PostgreSQL
//
// Does the model notice?  After a round that ended well the database is damaged in one way after
// another, inside a transaction that is rolled back, and the model must complain each time.
import { check } from './model.mjs'

const one = (table, where = 'true') => `ctid = (SELECT ctid FROM ${table} WHERE ${where} LIMIT 1)`
const DEPOSIT = 'usdtpay.deposit'
const ORDER = 'usdtpay.payment_order'
const final = "state = 'final' AND route = 'matched' AND asset_id IS NOT NULL"

const DAMAGES = {
  'a lost deposit': `DELETE FROM ${DEPOSIT} WHERE ${one(DEPOSIT, final)}`,
  'a deposit of another amount':
    `UPDATE ${DEPOSIT} SET amount_raw = amount_raw + 1 WHERE ${one(DEPOSIT, final)}`,
  'a deposit in another block':
    `UPDATE ${DEPOSIT} SET block_number = block_number - 1 WHERE ${one(DEPOSIT, final)}`,
  'a deposit never made': `INSERT INTO ${DEPOSIT} SELECT (d).* FROM (SELECT jsonb_populate_record(
      d, '{"deposit_id": 999999, "ordinal": 77}') AS d FROM ${DEPOSIT} AS d WHERE ${final} LIMIT 1) AS q`,
  'a deposit that is still seen': `UPDATE ${DEPOSIT} SET state = 'seen', final_at = NULL
    WHERE ${one(DEPOSIT, final)}`,
  'a payment put aside': `UPDATE ${DEPOSIT} SET route = 'unmatched' WHERE ${one(DEPOSIT, final)}`,
  'an order in another state': `UPDATE ${ORDER} SET state = 'reversed' WHERE ${one(ORDER)}`,
  'a lost order': `DELETE FROM ${ORDER} WHERE ${one(ORDER)}`,
  'an order nobody made': `INSERT INTO ${ORDER} SELECT (o).* FROM (SELECT jsonb_populate_record(
      o, '{"order_id": 999999, "reference": "ghost"}') AS o FROM ${ORDER} AS o LIMIT 1) AS q`,
  'a wrong flag': `UPDATE ${ORDER} SET late = NOT late WHERE ${one(ORDER)}`,
  'a balance': `UPDATE usdtpay.account SET credits = credits + 1
    WHERE ${one('usdtpay.account', 'credits > 0')}`,
  'a posting': `UPDATE usdtpay.posting SET amount = amount + 1 WHERE ${one('usdtpay.posting')}`,
  'a lost event': `DELETE FROM usdtpay.event WHERE ${one('usdtpay.event', "object = 'order'")}`,
  'an event nobody was told': `INSERT INTO usdtpay.event SELECT (e).* FROM (SELECT
      jsonb_populate_record(e, '{"event_id": 999999, "sequence": 99}') AS e
      FROM usdtpay.event AS e WHERE object = 'order' LIMIT 1) AS q`,
  'a changed event': `UPDATE usdtpay.event SET payload = payload || ' '
    WHERE ${one('usdtpay.event', "object = 'order'")}`,
  'a hook that ran twice': 'INSERT INTO alpha.paid VALUES (999999)',
  'a cart without an order': "INSERT INTO beta.cart VALUES ('ghost')"
}

// Returns the damages the model did not notice, and how many it was shown.
export async function sabotage(round) {
  const missed = []
  let shown = 0
  for (const [name, sql] of Object.entries(DAMAGES)) {
    await round.root.query('BEGIN')
    for (const table of ['posting', 'event', 'ledger_block', 'resolution']) {
      await round.root.query(`ALTER TABLE usdtpay.${table} DISABLE TRIGGER USER`)
    }
    await round.root.query('SET LOCAL session_replication_role = replica')
    const [line] = await round.root.query(`WITH done AS (${sql} RETURNING 1) SELECT count(*) FROM done`)
    const complaints = line === '0' ? ['nothing to damage'] : await check(round)
    await round.root.query('ROLLBACK')
    shown += line !== '0'
    if (!complaints.length) missed.push(name)
  }
  return { missed, shown }
}
