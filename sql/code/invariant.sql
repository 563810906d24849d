-- What must hold at every moment, whatever crashed.  Numbers are those of the design, section 8;
-- those that speak of payouts, nonces and the signer come with them.

CREATE OR REPLACE FUNCTION usdtpay_internal.invariant_deposits() RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('deposit %s is %s with journal %s', d.deposit_id, d.state, coalesce(p.posting_id / 256, d.journal_id))
    FROM usdtpay.deposit AS d
    FULL JOIN (
        SELECT q.* FROM usdtpay.posting AS q WHERE q.key LIKE 'deposit:%'
    ) AS p ON p.party_id = d.party_id AND p.key = 'deposit:' || d.deposit_id
    WHERE d.deposit_id IS NULL
    OR (d.state = 'final' AND d.asset_id IS NOT DISTINCT FROM 1 AND d.amount > 0)
    IS DISTINCT FROM (p.posting_id IS NOT NULL AND p.amount = d.amount AND p.posting_id / 256 = d.journal_id)
    LIMIT 5
$$;
COMMENT ON FUNCTION usdtpay_internal.invariant_deposits() IS 'I4: breaks of "each final deposit is credited exactly once, any other never"; no row when none.';

CREATE OR REPLACE FUNCTION usdtpay_internal.invariant_events() RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH told AS (
        SELECT e.party_id, e.object, e.object_id, count(*) AS n, max(e.sequence) AS last, min(e.sequence) AS first
        FROM usdtpay.event AS e WHERE e.object IN ('order', 'deposit') GROUP BY 1, 2, 3
    ), owed AS (
        SELECT o.party_id, 'order' AS object, o.order_id AS object_id, o.event_seq FROM usdtpay.payment_order AS o
        UNION ALL
        SELECT d.party_id, 'deposit', d.deposit_id, d.event_seq FROM usdtpay.deposit AS d
    )
    SELECT format('%s %s owes %s events, has %s', owed.object, owed.object_id, owed.event_seq, coalesce(told.n, 0))
    FROM owed
    FULL JOIN told ON told.party_id = owed.party_id AND told.object = owed.object AND told.object_id = owed.object_id
    WHERE coalesce(owed.event_seq, -1) <> coalesce(told.n, 0) OR told.first <> 1 OR told.last <> told.n
    LIMIT 5
$$;
COMMENT ON FUNCTION usdtpay_internal.invariant_events() IS 'I6: objects whose events are not exactly 1..event_seq; no row when none.';

CREATE OR REPLACE FUNCTION usdtpay_internal.invariant_custody() RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH chain AS (
        SELECT d.party_id, CASE WHEN d.custodial THEN 'custody:' ELSE 'self:' END || n.code AS name, sum(d.amount) AS amount
        FROM usdtpay.deposit AS d JOIN usdtpay.network AS n ON n.network_id = d.network_id
        WHERE d.state = 'final' AND d.asset_id = 1 AND d.amount > 0 AND d.assigned_from IS NULL GROUP BY 1, 2
    ), book AS (
        SELECT a.party_id, n.name, (a.debits - a.credits)::numeric AS amount
        FROM usdtpay.account AS a
        JOIN usdtpay.account_name AS n ON n.party_id = a.party_id AND n.account_id = a.account_id
        WHERE (n.name LIKE 'custody:%' OR n.name LIKE 'self:%') AND a.asset_id = 1
    )
    SELECT format(
        'party %s %s: chain %s, book %s',
        coalesce(chain.party_id, book.party_id), coalesce(chain.name, book.name), chain.amount, book.amount
    )
    FROM chain FULL JOIN book ON book.party_id = chain.party_id AND book.name = chain.name
    WHERE coalesce(chain.amount, 0) <> coalesce(book.amount, 0)
    LIMIT 5
$$;
COMMENT ON FUNCTION usdtpay_internal.invariant_custody() IS 'I11: custody accounts that differ from the sum of final deposits; no row when none.';

CREATE OR REPLACE FUNCTION usdtpay_internal.invariant_orders() RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('order %s says seen %s final %s, its deposits %s and %s', o.order_id, o.seen, o.final, coalesce(m.seen, 0), coalesce(m.final, 0))
    FROM usdtpay.payment_order AS o
    LEFT JOIN (
        SELECT d.party_id, d.order_id, sum(d.amount) AS seen, sum(d.amount) FILTER (WHERE d.state = 'final') AS final
        FROM usdtpay.deposit AS d WHERE d.order_id IS NOT NULL AND d.route = 'matched' AND d.state <> 'orphaned' GROUP BY 1, 2
    ) AS m ON m.party_id = o.party_id AND m.order_id = o.order_id
    WHERE o.seen <> coalesce(m.seen, 0) OR o.final <> coalesce(m.final, 0)
    OR o.state = 'paid' AND o.final < greatest(o.due - o.underpay_tolerance, 1)
    OR o.state IN ('pending', 'confirming', 'partially_paid', 'expired', 'underpaid') AND o.final >= greatest(o.due - o.underpay_tolerance, 1)
    LIMIT 5
$$;
COMMENT ON FUNCTION usdtpay_internal.invariant_orders() IS 'I12: orders whose amounts or state do not follow from their deposits; no row when none.';

CREATE OR REPLACE FUNCTION usdtpay_internal.invariant_pending() RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH orders AS (
        SELECT o.party_id, sum(m.final - o.settled) AS amount
        FROM usdtpay.payment_order AS o
        JOIN LATERAL (
            SELECT sum(d.amount) AS final FROM usdtpay.deposit AS d
            WHERE d.party_id = o.party_id AND d.order_id = o.order_id AND d.route = 'matched' AND d.state = 'final' AND d.custodial
        ) AS m ON m.final IS NOT NULL
        GROUP BY 1
    ), book AS (
        SELECT a.party_id, (a.credits - a.debits)::numeric AS amount
        FROM usdtpay.account AS a
        JOIN usdtpay.account_name AS n ON n.party_id = a.party_id AND n.account_id = a.account_id
        WHERE n.name = 'pending' AND a.asset_id = 1
    )
    SELECT format('party %s: orders %s, book %s', coalesce(orders.party_id, book.party_id), orders.amount, book.amount)
    FROM orders FULL JOIN book ON book.party_id = orders.party_id
    WHERE coalesce(orders.amount, 0) <> coalesce(book.amount, 0)
    LIMIT 5
$$;
COMMENT ON FUNCTION usdtpay_internal.invariant_pending() IS 'I13: pending accounts that differ from what is final but not settled on orders; no row when none.';

CREATE OR REPLACE FUNCTION usdtpay_internal.invariant_chain() RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('network %s: block %s does not stand on block %s', x.network_id, x.number, x.below)
    FROM (
        SELECT
            k.network_id, k.number, k.parent_hash, lag(k.number) OVER w AS below, lag(k.hash) OVER w AS below_hash
        FROM usdtpay.chain_block AS k WHERE k.canonical
        WINDOW w AS (PARTITION BY k.network_id ORDER BY k.number)
    ) AS x
    WHERE x.below IS NOT NULL AND (x.below <> x.number - 1 OR x.below_hash <> x.parent_hash)
    UNION ALL
    SELECT format('deposit %s is %s in a block that is not canonical', d.deposit_id, d.state)
    FROM usdtpay.deposit AS d
    JOIN usdtpay.chain_block AS k ON k.network_id = d.network_id AND k.number = d.block_number AND k.hash = d.block_hash
    WHERE d.state <> 'orphaned' AND NOT k.canonical AND d.assigned_from IS NULL
    LIMIT 5
$$;
COMMENT ON FUNCTION usdtpay_internal.invariant_chain() IS 'I14: canonical blocks that leave a gap or do not link, live deposits in orphaned blocks; no row when none.';

CREATE OR REPLACE FUNCTION usdtpay_internal.invariant_suspense() RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH aside AS (
        SELECT d.party_id, sum(d.amount) AS amount FROM usdtpay.deposit AS d
        WHERE d.route NOT IN ('matched', 'held') AND d.state = 'final' AND d.custodial AND d.asset_id = 1 GROUP BY 1
    ), book AS ( -- what deposits brought and decisions about them took; held excess and reversals refer to their order
        SELECT n.party_id, sum(v.amount) AS amount
        FROM usdtpay.account_name AS n
        JOIN usdtpay.posting AS p ON p.party_id = n.party_id AND n.account_id IN (p.debit_account, p.credit_account)
        CROSS JOIN LATERAL (SELECT CASE n.account_id WHEN p.credit_account THEN p.amount ELSE -p.amount END AS amount) AS v
        WHERE n.name = 'suspense' AND n.asset_id = 1 AND p.phase = 'p' AND p.reference LIKE 'deposit:%'
        AND (p.key LIKE 'deposit:%' OR p.key LIKE 'resolution:%')
        GROUP BY 1
    )
    SELECT format('party %s: deposits %s, book %s', coalesce(aside.party_id, book.party_id), aside.amount, book.amount)
    FROM aside FULL JOIN book ON book.party_id = aside.party_id
    WHERE coalesce(aside.amount, 0) <> coalesce(book.amount, 0)
    LIMIT 5
$$;
COMMENT ON FUNCTION usdtpay_internal.invariant_suspense() IS
'I17: suspense accounts that, but for held excess, reversals and what operators posted themselves, differ from the deposits that wait for a decision; no row when none.';

CREATE OR REPLACE FUNCTION usdtpay_internal.invariant_final() RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('deposit %s in block %s is seen, final is %s', d.deposit_id, d.block_number, c.final_number)
    FROM usdtpay.chain_cursor AS c
    JOIN usdtpay.deposit AS d ON d.network_id = c.network_id AND d.state = 'seen' AND d.block_number <= c.final_number
    WHERE NOT EXISTS (
        SELECT FROM usdtpay_internal.deposit_stuck AS s
        WHERE s.party_id = d.party_id AND s.deposit_id = d.deposit_id AND s.since > now() - interval '1 hour'
    )
    LIMIT 5
$$;
COMMENT ON FUNCTION usdtpay_internal.invariant_final() IS
'I16: deposits that are not final though their block is, but for those that could not be credited for less than an hour; no row when none.';

CREATE OR REPLACE FUNCTION usdtpay_internal.invariant_list() RETURNS TABLE (code text, meaning text, breaks text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT i.code, i.meaning, nullif(array_to_string(i.breaks, '; '), '')
    FROM (
        VALUES
            ('I1', 'the ledger sums to zero per asset and party', ARRAY(
                SELECT format('party %s asset %s: %s', a.party_id, a.asset_id, sum(a.credits::numeric - a.debits))
                FROM usdtpay.account AS a
                GROUP BY a.party_id, a.asset_id HAVING sum(a.credits::numeric - a.debits) <> 0 LIMIT 5
            )),
            ('I2', 'each balance is the sum of its postings, limits hold', ARRAY(
                SELECT v."check" || ': ' || v.detail FROM (
                    SELECT a.* FROM usdtpay_internal.verify_accounts() AS a
                    UNION ALL
                    SELECT j.* FROM usdtpay_internal.verify_journals() AS j
                ) AS v WHERE NOT v.holds
            )),
            ('I4', 'each final deposit is credited once, any other never', ARRAY(SELECT usdtpay_internal.invariant_deposits())),
            ('I6', 'one event per state change, in sequence', ARRAY(SELECT usdtpay_internal.invariant_events())),
            ('I7', 'the seals verify', ARRAY(
                SELECT v."check" || ': ' || v.detail
                FROM usdtpay_internal.verify_blocks(1, 9223372036854775807) AS v WHERE NOT v.holds
            )),
            ('I10', 'one result per idempotency key', ARRAY(
                SELECT format('party %s key %s', p.party_id, p.key) FROM usdtpay.posting AS p WHERE p.key IS NOT NULL
                GROUP BY p.party_id, p.key HAVING count(*) > 1 LIMIT 5
            )),
            ('I11', 'what the chain holds is what the custody accounts say', ARRAY(SELECT usdtpay_internal.invariant_custody())),
            ('I12', 'order amounts are the sums of their deposits', ARRAY(SELECT usdtpay_internal.invariant_orders())),
            ('I13', 'pending accounts are what is final but not settled', ARRAY(SELECT usdtpay_internal.invariant_pending())),
            ('I14', 'canonical blocks link without a gap', ARRAY(SELECT usdtpay_internal.invariant_chain())),
            ('I15', 'what parties owe one another sums to zero', ARRAY(
                SELECT format('asset %s: %s', a.asset_id, sum(a.credits::numeric - a.debits))
                FROM usdtpay.account AS a
                JOIN usdtpay.account_name AS n ON n.party_id = a.party_id AND n.account_id = a.account_id
                WHERE n.name = 'clearing' GROUP BY a.asset_id HAVING sum(a.credits::numeric - a.debits) <> 0
            )),
            ('I16', 'what lies below final is final', ARRAY(SELECT usdtpay_internal.invariant_final())),
            ('I17', 'suspense is the deposits that wait for a decision', ARRAY(SELECT usdtpay_internal.invariant_suspense()))
    ) AS i (code, meaning, breaks)
$$;
COMMENT ON FUNCTION usdtpay_internal.invariant_list() IS 'Every invariant with its breaks (at most five each), NULL when it holds.';

CREATE OR REPLACE VIEW usdtpay.invariants AS
SELECT i.code, i.meaning, i.breaks IS NULL AS holds, i.breaks FROM usdtpay_internal.invariant_list() AS i;
COMMENT ON VIEW usdtpay.invariants IS 'What must hold at every moment, one row each; a row that does not hold is an alarm';
