-- Deposits that are final: they are credited and their orders advance, set by set; what cannot be
-- booked waits and is tried again.

CREATE OR REPLACE FUNCTION usdtpay_internal.deposit_reroute(p_orders usdtpay_internal.pairs) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE usdtpay.deposit AS d SET route = 'late'
    FROM unnest(p_orders.parties, p_orders.ids) AS k (party_id, order_id)
    JOIN usdtpay.payment_order AS o ON o.party_id = k.party_id AND o.order_id = k.order_id
    WHERE usdtpay_internal.order_shut(o.state, o.late_policy)
    AND d.party_id = k.party_id AND d.order_id = k.order_id AND d.route = 'matched' AND d.state = 'seen';
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.deposit_reroute(usdtpay_internal.pairs) IS
'Makes late what is in flight to locked orders that were cancelled or reversed after it was routed.';

CREATE OR REPLACE FUNCTION usdtpay_internal.deposit_finalize(p_net usdtpay.network, p_from bigint) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_deposits usdtpay_internal.pairs;
BEGIN
    SELECT array_agg(d.party_id ORDER BY d.party_id, d.deposit_id), array_agg(d.deposit_id ORDER BY d.party_id, d.deposit_id)
    INTO v_deposits.parties, v_deposits.ids
    FROM usdtpay.deposit AS d
    WHERE d.network_id = p_net.network_id AND d.state = 'seen' AND d.block_number >= p_from AND d.block_number <= (
        SELECT c.final_number FROM usdtpay.chain_cursor AS c WHERE c.network_id = p_net.network_id
    );
    RETURN usdtpay_internal.deposit_settle(p_net, v_deposits);
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.deposit_finalize(usdtpay.network, bigint) IS
'Settles every seen deposit from a block up to the final cursor; below it none is left but those that deposit_stuck lists. Returns how many were settled.';

CREATE OR REPLACE FUNCTION usdtpay_internal.deposit_settle(p_net usdtpay.network, p_deposits usdtpay_internal.pairs) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_state text;
    v_error text;
    v_part usdtpay_internal.pairs;
    v_settled integer := 0;
BEGIN
    IF p_deposits.ids IS NULL THEN
        RETURN 0;
    END IF;
    BEGIN
        PERFORM usdtpay_internal.deposit_settle_set(p_net, p_deposits);
        RETURN cardinality(p_deposits.ids);
    EXCEPTION WHEN OTHERS THEN
        -- what a retry or an administrator cures is nobody's fault among the payees
        IF left(SQLSTATE, 2) IN ('40', '53', '55', '57', '58', 'XX') THEN
            RAISE;
        END IF;
        GET STACKED DIAGNOSTICS v_state = RETURNED_SQLSTATE, v_error = MESSAGE_TEXT;
    END;
    PERFORM usdtpay_internal.money_lock(p_deposits.parties); -- all of them first, as everywhere
    FOR v_part IN SELECT p.parties, p.ids FROM usdtpay_internal.deposit_parts(p_deposits) AS p LOOP
        IF v_part.ids = p_deposits.ids THEN
            PERFORM usdtpay_internal.deposit_stick(p_net, p_deposits, v_state, v_error);
        ELSE
            v_settled := v_settled + usdtpay_internal.deposit_settle(p_net, v_part);
        END IF;
    END LOOP;
    RETURN v_settled;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.deposit_settle(usdtpay.network, usdtpay_internal.pairs) IS
'Settles deposits, all in one go. Only when that fails, party by party, and within a party that fails, order by order and deposit by deposit: what cannot be booked waits in deposit_stuck and stops nobody else. Returns how many were settled.';

CREATE OR REPLACE FUNCTION usdtpay_internal.deposit_parts(p_deposits usdtpay_internal.pairs) RETURNS SETOF usdtpay_internal.pairs
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_agg(q.party_id ORDER BY q.deposit_id), array_agg(q.deposit_id ORDER BY q.deposit_id)
    FROM (
        SELECT
            d.party_id, d.deposit_id,
            CASE WHEN p_deposits.parties[1] = p_deposits.parties[cardinality(p_deposits.parties)]
                THEN coalesce('order ' || d.order_id, 'deposit ' || d.deposit_id) END AS what
        FROM unnest(p_deposits.parties, p_deposits.ids) AS k (party_id, deposit_id)
        JOIN usdtpay.deposit AS d ON d.party_id = k.party_id AND d.deposit_id = k.deposit_id
    ) AS q
    GROUP BY q.party_id, q.what
    ORDER BY q.party_id, min(q.deposit_id)
$$;
COMMENT ON FUNCTION usdtpay_internal.deposit_parts(usdtpay_internal.pairs) IS
'Takes a set of deposits (in order of party) apart: by party, and one party''s by order, those without one singly.';

CREATE OR REPLACE FUNCTION usdtpay_internal.deposit_stick(
    p_net usdtpay.network, p_deposits usdtpay_internal.pairs, p_sqlstate text, p_error text
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO usdtpay_internal.deposit_stuck AS s (party_id, deposit_id, network_id, next_at, sqlstate, error)
    SELECT k.party_id, k.deposit_id, p_net.network_id, now() + interval '1 minute', p_sqlstate, left(p_error, 500)
    FROM unnest(p_deposits.parties, p_deposits.ids) AS k (party_id, deposit_id)
    ON CONFLICT ON CONSTRAINT deposit_stuck_pkey DO UPDATE SET
        attempts = s.attempts + 1, sqlstate = excluded.sqlstate, error = excluded.error,
        next_at = now() + interval '1 minute' * least(2 ^ s.attempts, 60);
    RAISE WARNING USING ERRCODE = p_sqlstate,
        MESSAGE = format('deposit %s of party %s could not be credited: %s', p_deposits.ids[1], p_deposits.parties[1], p_error),
        HINT = 'It waits; see usdtpay.health(). usdtpay.deposits_retry() tries again.';
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.deposit_stick(usdtpay.network, usdtpay_internal.pairs, text, text) IS
'Notes that deposits could not be credited and why, and when they are tried again: after a minute, later within the hour.';

CREATE OR REPLACE FUNCTION usdtpay.deposits_retry(p_limit integer DEFAULT 1000, p_now boolean DEFAULT false) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_net usdtpay.network;
    v_cur usdtpay.chain_cursor;
    v_deposits usdtpay_internal.pairs;
    v_settled integer := 0;
BEGIN
    FOR v_net IN
        SELECT n.* FROM usdtpay.network AS n
        WHERE EXISTS (SELECT FROM usdtpay_internal.deposit_stuck AS s WHERE s.network_id = n.network_id AND (p_now OR s.next_at <= now()))
        ORDER BY n.network_id
    LOOP
        v_cur := usdtpay_internal.chain_lock(v_net);
        CONTINUE WHEN v_cur.halted_at IS NOT NULL;
        SELECT array_agg(q.party_id ORDER BY q.party_id, q.deposit_id), array_agg(q.deposit_id ORDER BY q.party_id, q.deposit_id)
        INTO v_deposits.parties, v_deposits.ids
        FROM (
            SELECT d.party_id, d.deposit_id
            FROM usdtpay_internal.deposit_stuck AS s
            JOIN usdtpay.deposit AS d ON d.party_id = s.party_id AND d.deposit_id = s.deposit_id
            WHERE s.network_id = v_net.network_id AND (p_now OR s.next_at <= now())
            AND d.state = 'seen' AND d.block_number <= v_cur.final_number
            ORDER BY s.next_at LIMIT least(greatest(p_limit, 1), 10000)
        ) AS q;
        v_settled := v_settled + usdtpay_internal.deposit_settle(v_net, v_deposits);
    END LOOP;
    RETURN v_settled;
END;
$$;
COMMENT ON FUNCTION usdtpay.deposits_retry(integer, boolean) IS
'Credits final deposits whose booking had failed and is due to be tried again (p_now: all of them). health() shows them under deposits. A job; returns how many were credited.';

CREATE OR REPLACE FUNCTION usdtpay_internal.deposit_settle_set(p_net usdtpay.network, p_deposits usdtpay_internal.pairs) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_orders usdtpay_internal.pairs;
    v_told usdtpay_internal.pairs;
    v_apart boolean;
BEGIN
    WITH dep AS MATERIALIZED (
        SELECT d.party_id, d.order_id, d.route, d.customer_ref
        FROM unnest(p_deposits.parties, p_deposits.ids) AS k (party_id, deposit_id)
        CROSS JOIN LATERAL (
            -- row by row: as a join it could be planned the wrong way round when statistics know no such row
            SELECT q.* FROM usdtpay.deposit AS q WHERE q.party_id = k.party_id AND q.deposit_id = k.deposit_id OFFSET 0
        ) AS d
    ), paid AS MATERIALIZED (
        SELECT DISTINCT dep.party_id, dep.order_id FROM dep WHERE dep.order_id IS NOT NULL AND dep.route = 'matched'
    )
    SELECT
        (SELECT array_agg(paid.party_id) FROM paid), (SELECT array_agg(paid.order_id) FROM paid),
        (SELECT bool_or(dep.route <> 'matched' OR dep.customer_ref IS NOT NULL) FROM dep)
    INTO v_orders.parties, v_orders.ids, v_apart;
    PERFORM usdtpay_internal.money_lock(p_deposits.parties);
    IF usdtpay_internal.order_lock(v_orders) THEN -- before any account, everywhere
        v_apart := true;
        PERFORM usdtpay_internal.deposit_reroute(v_orders);
    END IF;
    PERFORM usdtpay_internal.deposit_credit(p_net, p_deposits);
    PERFORM usdtpay_internal.order_derive(v_orders.parties, v_orders.ids);
    IF v_apart THEN
        SELECT array_agg(d.party_id ORDER BY d.deposit_id), array_agg(d.deposit_id ORDER BY d.deposit_id)
        INTO v_told.parties, v_told.ids
        FROM unnest(p_deposits.parties, p_deposits.ids) AS k (party_id, deposit_id)
        CROSS JOIN LATERAL (
            SELECT q.* FROM usdtpay.deposit AS q WHERE q.party_id = k.party_id AND q.deposit_id = k.deposit_id OFFSET 0
        ) AS d
        WHERE d.route <> 'matched' OR d.customer_ref IS NOT NULL;
        PERFORM usdtpay_internal.deposit_announce(v_told.parties, v_told.ids, 'final');
    END IF;
    IF EXISTS (SELECT FROM usdtpay_internal.deposit_stuck) THEN
        DELETE FROM usdtpay_internal.deposit_stuck AS s
        USING unnest(p_deposits.parties, p_deposits.ids) AS k (party_id, deposit_id)
        WHERE s.party_id = k.party_id AND s.deposit_id = k.deposit_id;
    END IF;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.deposit_settle_set(usdtpay.network, usdtpay_internal.pairs) IS
'Credits seen deposits (given in order of party): one journal each, state final, orders advanced, events written. All or nothing.';

CREATE OR REPLACE FUNCTION usdtpay_internal.deposit_credit(p_net usdtpay.network, p_deposits usdtpay_internal.pairs) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_parties bigint[];
    v_keys text[];
    v_debits bigint[];
    v_credits bigint[];
    v_amounts bigint[];
    v_kinds usdtpay.journal_kind[];
    v_refs text[];
    v_line_deposits bigint[];
    v_journals bigint[];
    v_credited bigint;
BEGIN
    WITH dep AS MATERIALIZED (
        SELECT
            d.party_id, d.deposit_id, d.amount,
            CASE WHEN d.custodial THEN 'custody:' ELSE 'self:' END || p_net.code AS debit_name,
            CASE
                WHEN NOT d.custodial THEN 'received'
                WHEN d.route = 'held' THEN 'held'
                WHEN d.route <> 'matched' THEN 'suspense'
                WHEN d.order_id IS NULL THEN 'available'
                ELSE 'pending'
            END AS credit_name,
            CASE WHEN d.custodial AND d.route = 'matched' THEN coalesce(d.customer_ref, '') ELSE '' END AS owner,
            CASE
                WHEN d.custodial AND d.route = 'matched' AND d.customer_ref IS NOT NULL
                    THEN (d.amount::numeric * m.fee_bps / 10000)::bigint
                ELSE 0
            END AS fee
        FROM unnest(p_deposits.parties, p_deposits.ids) AS k (party_id, deposit_id)
        CROSS JOIN LATERAL (
            SELECT q.* FROM usdtpay.deposit AS q WHERE q.party_id = k.party_id AND q.deposit_id = k.deposit_id OFFSET 0
        ) AS d
        LEFT JOIN usdtpay.merchant AS m ON m.party_id = d.party_id
        WHERE d.asset_id = 1 AND d.amount > 0
    ), acc AS MATERIALIZED (
        SELECT n.party_id, n.name, n.owner, usdtpay.account_open(n.party_id, 'USDT', n.name, n.owner) AS account_id
        FROM (
            SELECT dep.party_id, dep.debit_name AS name, '' AS owner FROM dep
            UNION
            SELECT dep.party_id, dep.credit_name, dep.owner FROM dep
            UNION
            SELECT dep.party_id, 'fee', '' FROM dep WHERE dep.fee > 0
        ) AS n
    ), line AS (
        SELECT dep.party_id, dep.deposit_id, 0 AS no, d.account_id AS debit, c.account_id AS credit, dep.amount
        FROM dep
        JOIN acc AS d ON d.party_id = dep.party_id AND d.name = dep.debit_name AND d.owner = ''
        JOIN acc AS c ON c.party_id = dep.party_id AND c.name = dep.credit_name AND c.owner = dep.owner
        UNION ALL
        SELECT dep.party_id, dep.deposit_id, 1, d.account_id, c.account_id, dep.fee
        FROM dep
        JOIN acc AS d ON d.party_id = dep.party_id AND d.name = 'available' AND d.owner = dep.owner
        JOIN acc AS c ON c.party_id = dep.party_id AND c.name = 'fee' AND c.owner = ''
        WHERE dep.fee > 0
    )
    SELECT
        array_agg(l.party_id), array_agg('deposit:' || l.deposit_id), array_agg(l.debit), array_agg(l.credit),
        array_agg(l.amount), array_agg('deposit'::usdtpay.journal_kind), array_agg('deposit:' || l.deposit_id),
        array_agg(l.deposit_id), count(*) FILTER (WHERE l.no = 0)
    INTO v_parties, v_keys, v_debits, v_credits, v_amounts, v_kinds, v_refs, v_line_deposits, v_credited
    FROM (SELECT line.* FROM line ORDER BY line.party_id, line.deposit_id, line.no) AS l;
    IF v_credited < cardinality(p_deposits.ids) THEN
        UPDATE usdtpay.deposit AS d SET state = 'final', final_at = now()
        FROM unnest(p_deposits.parties, p_deposits.ids) AS k (party_id, deposit_id)
        WHERE d.party_id = k.party_id AND d.deposit_id = k.deposit_id AND (d.asset_id IS DISTINCT FROM 1 OR d.amount = 0);
    END IF;
    IF v_keys IS NULL THEN
        RETURN;
    END IF;
    SELECT array_agg(b.journal_id ORDER BY b.ord), array_agg(v_parties[b.ord] ORDER BY b.ord), array_agg(v_line_deposits[b.ord] ORDER BY b.ord)
    INTO v_journals, v_parties, v_line_deposits
    FROM usdtpay_internal.ledger_post_batch(v_parties, v_keys, v_debits, v_credits, v_amounts, v_kinds, v_refs, true) AS b;
    UPDATE usdtpay.deposit AS d SET state = 'final', final_at = now(), journal_id = k.journal_id
    FROM unnest(v_parties, v_line_deposits, v_journals) AS k (party_id, deposit_id, journal_id)
    WHERE d.party_id = k.party_id AND d.deposit_id = k.deposit_id;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.deposit_credit(usdtpay.network, usdtpay_internal.pairs) IS
'Posts one journal per deposit (what the chain holds against pending, the customer, suspense or held; self-custody against received) and marks them final.';
