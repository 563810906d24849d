-- Deposits: routing, crediting, and decisions of people about money that was put aside.

CREATE OR REPLACE FUNCTION usdtpay_internal.deposit_store(p_net usdtpay.network, p_rows usdtpay_internal.chain_row [])
RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_parties bigint[];
    v_orders bigint[];
    v_customers bigint[];
    v_customer_parties bigint[];
    v_stored integer;
BEGIN
    IF p_rows IS NULL THEN
        RETURN 0;
    END IF;
    WITH stored AS (
        INSERT INTO usdtpay.deposit AS d (
            party_id, deposit_id, network_id, token_id, asset_id, ordinal, log_index, state, route, order_id, amount,
            block_number, block_time, seen_at, custodial, block_hash, tx_hash, sender, recipient, amount_raw, dust_raw,
            customer_ref
        )
        SELECT
            r.party_id, nextval('usdtpay_internal.deposit_seq'), p_net.network_id, r.token_id, r.asset_id, r.ordinal,
            r.log_index, 'seen', r.route, r.order_id, r.amount, r.number, r.block_time, now(), r.custodial, r.block_hash,
            r.tx_hash, r.sender, r.recipient, r.amount_raw, r.dust_raw, r.customer_ref
        FROM usdtpay_internal.deposit_route(p_net, p_rows) AS r
        -- on a shared or pool address the party depends on the claims of the day: one transfer, one party
        WHERE NOT EXISTS (
            SELECT FROM usdtpay.deposit AS x
            WHERE x.tx_hash = r.tx_hash AND x.network_id = p_net.network_id AND x.token_id = r.token_id
            AND x.ordinal = r.ordinal AND x.party_id <> r.party_id AND x.state <> 'orphaned' AND x.assigned_from IS NULL
            OFFSET 0 -- row by row: as a join it could be planned the wrong way round when statistics know no such row
        )
        ORDER BY r.number, r.log_index
        ON CONFLICT ON CONSTRAINT deposit_transfer_key DO UPDATE SET
            log_index = excluded.log_index, block_number = excluded.block_number, block_time = excluded.block_time,
            block_hash = excluded.block_hash, custodial = excluded.custodial, sender = excluded.sender,
            recipient = excluded.recipient, amount = excluded.amount, amount_raw = excluded.amount_raw,
            dust_raw = excluded.dust_raw, state = CASE d.state WHEN 'final' THEN d.state ELSE 'seen' END,
            route = CASE d.state WHEN 'final' THEN d.route ELSE excluded.route END,
            order_id = CASE d.state WHEN 'final' THEN d.order_id ELSE excluded.order_id END,
            customer_ref = CASE d.state WHEN 'final' THEN d.customer_ref ELSE excluded.customer_ref END
        WHERE d.state = 'orphaned'
        -- credited, then reorganised below final: the same money again only gets its new place
        OR d.state = 'final' AND d.block_hash <> excluded.block_hash
        AND (d.sender, d.recipient, d.amount_raw, d.custodial) = (excluded.sender, excluded.recipient, excluded.amount_raw, excluded.custodial)
        RETURNING d.party_id, d.deposit_id, d.order_id, d.route, d.customer_ref, d.state
    ), per_order AS (
        SELECT array_agg(o.party_id) AS parties, array_agg(o.order_id) AS orders
        FROM (SELECT DISTINCT s.party_id, s.order_id FROM stored AS s WHERE s.order_id IS NOT NULL AND s.route = 'matched' AND s.state = 'seen') AS o
    ), per_customer AS (
        SELECT array_agg(s.party_id) AS parties, array_agg(s.deposit_id) AS deposits
        FROM stored AS s WHERE s.customer_ref IS NOT NULL AND s.route = 'matched' AND s.state = 'seen'
    )
    SELECT o.parties, o.orders, c.parties, c.deposits, (SELECT count(*) FROM stored AS s WHERE s.state = 'seen')
    INTO v_parties, v_orders, v_customer_parties, v_customers, v_stored
    FROM per_order AS o, per_customer AS c;
    PERFORM usdtpay_internal.order_advance(v_parties, v_orders);
    PERFORM usdtpay_internal.deposit_announce(v_customer_parties, v_customers, 'seen');
    RETURN v_stored;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.deposit_store(usdtpay.network, usdtpay_internal.chain_row []) IS
'Records Transfers to our addresses as seen deposits, revives orphaned ones under their old identity, leaves the others alone, and advances the orders concerned. Returns how many rows were stored or revived.';

CREATE OR REPLACE FUNCTION usdtpay_internal.deposit_unknown(p_net usdtpay.network, p_rows usdtpay_internal.chain_row [])
RETURNS usdtpay_internal.chain_row []
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_agg(r)
    FROM unnest(p_rows) AS r
    WHERE NOT EXISTS (
        SELECT FROM usdtpay.deposit AS d
        WHERE d.tx_hash = r.tx_hash AND d.network_id = p_net.network_id AND d.token_id = r.token_id AND d.ordinal = r.ordinal
        AND (d.state = 'seen' OR d.state = 'final' AND d.block_hash = r.block_hash)
    )
$$;
COMMENT ON FUNCTION usdtpay_internal.deposit_unknown(usdtpay.network, usdtpay_internal.chain_row []) IS
'The Transfers of a second look that the first one did not bring: those deposit_store would leave alone are not routed again. NULL when none.';

CREATE OR REPLACE FUNCTION usdtpay_internal.deposit_route(p_net usdtpay.network, p_rows usdtpay_internal.chain_row [])
RETURNS TABLE (
    party_id bigint, token_id integer, asset_id integer, ordinal integer, log_index integer, route usdtpay.deposit_route,
    order_id bigint, amount bigint, number bigint, block_time timestamptz, custodial boolean, block_hash bytea,
    tx_hash bytea, sender bytea, recipient bytea, amount_raw numeric, dust_raw numeric, customer_ref text
)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH transfer AS (
        SELECT
            coalesce(c.party_id, t.party_id) AS party_id, coalesce(t.order_id, c.order_id) AS order_id,
            t.token_id, t.asset_id, t.decimals, t.ordinal, t.log_index, t.number, t.block_time, t.custodial, t.block_hash,
            t.tx_hash, t.sender, t.recipient, t.amount_raw, t.customer_ref, t.amount
        FROM (
            SELECT
                u.*,
                CASE -- beyond the ledger's range: dust, kept in raw units
                    WHEN u.amount_raw < 9000000000000000000 * 10::numeric ^ (u.decimals - 6) -- div: a quotient is rounded
                        THEN div(u.amount_raw * 10::numeric ^ greatest(6 - u.decimals, 0), 10::numeric ^ greatest(u.decimals - 6, 0))::bigint
                    ELSE 0
                END AS amount
            FROM unnest(p_rows) AS u
        ) AS t
        LEFT JOIN LATERAL (
            SELECT k.party_id, k.order_id FROM usdtpay.address_claim AS k
            WHERE t.order_id IS NULL AND t.customer_ref IS NULL
            AND int8range(k.wallet_id, k.wallet_id, '[]') && int8range(t.wallet_id, t.wallet_id, '[]')
            AND int8range(k.idx, k.idx, '[]') && int8range(t.idx, t.idx, '[]')
            AND k.during @> t.block_time
            AND k.amount IN (0, t.amount)
            LIMIT 1
        ) AS c ON true
    ), known AS (
        SELECT
            t.*, o.order_id AS pays, o.state, o.networks, o.late_policy, o.expires_at,
            o.due, o.due - o.underpay_tolerance AS need, coalesce(m.min_deposit, 1) AS enough,
            t.asset_id = 1 AND t.amount >= coalesce(m.min_deposit, 1) AND p_net.network_id = ANY (o.networks) AS counts, o.seen
        FROM transfer AS t
        LEFT JOIN usdtpay.payment_order AS o ON o.party_id = t.party_id AND o.order_id = t.order_id
        LEFT JOIN usdtpay.merchant AS m ON m.party_id = t.party_id
    ), run AS (
        SELECT
            k.*,
            k.seen + coalesce(sum(k.amount) FILTER (WHERE k.counts) OVER (
                PARTITION BY k.party_id, k.order_id ORDER BY k.number, k.log_index ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ), 0) AS before
        FROM known AS k
    )
    SELECT
        r.party_id, r.token_id, r.asset_id, r.ordinal, r.log_index,
        CASE
            WHEN r.asset_id IS DISTINCT FROM 1 THEN 'wrong_token' -- orders and customers are owed USDT
            WHEN r.amount = 0 THEN 'dust'
            -- what is left to pay was asked for: no dust, however little it is
            WHEN r.amount < r.enough AND (r.before < r.due AND r.before + r.amount >= r.due
                OR r.before < r.need AND r.before + r.amount >= r.need) IS NOT TRUE THEN 'dust'
            WHEN r.customer_ref IS NOT NULL THEN 'matched'
            WHEN r.pays IS NULL THEN 'unmatched'
            WHEN p_net.network_id <> ALL (r.networks) THEN 'wrong_network'
            WHEN usdtpay_internal.order_shut(r.state, r.late_policy) THEN 'late'
            WHEN r.late_policy <> 'auto' AND r.block_time > r.expires_at THEN 'late'
            ELSE 'matched'
        END::usdtpay.deposit_route,
        r.pays, r.amount, r.number, r.block_time, r.custodial, r.block_hash, r.tx_hash, r.sender, r.recipient,
        r.amount_raw, r.amount_raw - r.amount * 10::numeric ^ (r.decimals - 6), r.customer_ref
    FROM run AS r
$$;
COMMENT ON FUNCTION usdtpay_internal.deposit_route(usdtpay.network, usdtpay_internal.chain_row []) IS
'Decides what each Transfer is for: the order of its address or claim, its customer, or why neither. Less than min_deposit is dust unless it completes what an order is due. Lateness is judged by chain time; after a reversal everything is late.';

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

CREATE OR REPLACE FUNCTION usdtpay_internal.deposit_orphan(p_parties bigint [], p_deposits bigint []) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_gone record;
BEGIN
    IF p_deposits IS NULL THEN
        RETURN;
    END IF;
    WITH gone AS (
        UPDATE usdtpay.deposit AS d SET state = 'orphaned'
        FROM unnest(p_parties, p_deposits) AS k (party_id, deposit_id)
        WHERE d.party_id = k.party_id AND d.deposit_id = k.deposit_id AND d.state = 'seen'
        RETURNING d.party_id, d.deposit_id, d.order_id, d.route, d.customer_ref
    ), paid AS (
        SELECT DISTINCT gone.party_id, gone.order_id FROM gone WHERE gone.order_id IS NOT NULL
    )
    SELECT
        (SELECT array_agg(p.party_id ORDER BY p.order_id) FROM paid AS p) AS order_parties,
        (SELECT array_agg(p.order_id ORDER BY p.order_id) FROM paid AS p) AS orders,
        array_agg(g.party_id ORDER BY g.deposit_id) AS deposit_parties, array_agg(g.deposit_id ORDER BY g.deposit_id) AS deposits
    INTO v_gone
    FROM gone AS g WHERE g.route = 'matched' AND g.customer_ref IS NOT NULL;
    PERFORM usdtpay_internal.order_advance(v_gone.order_parties, v_gone.orders);
    PERFORM usdtpay_internal.deposit_announce(v_gone.deposit_parties, v_gone.deposits, 'orphaned');
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.deposit_orphan(bigint [], bigint []) IS
'Takes seen deposits away that are not on the chain after all; their orders are derived anew.';

CREATE OR REPLACE FUNCTION usdtpay_internal.deposit_announce(p_parties bigint [], p_deposits bigint [], p_state text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_e record;
BEGIN
    IF p_deposits IS NULL THEN
        RETURN;
    END IF;
    WITH told AS (
        UPDATE usdtpay.deposit AS d SET event_seq = d.event_seq + 1
        FROM unnest(p_parties, p_deposits) AS k (party_id, deposit_id)
        WHERE d.party_id = k.party_id AND d.deposit_id = k.deposit_id
        RETURNING d.*
    )
    SELECT
        array_agg(t.party_id) AS parties, array_agg('deposit'::text) AS objects, array_agg(t.deposit_id) AS ids,
        array_agg(t.event_seq) AS sequences,
        array_agg('deposit.' || CASE WHEN t.route = 'matched' THEN p_state ELSE t.route::text END) AS types,
        array_agg(usdtpay_internal.deposit_json(t)::text) AS payloads
    INTO v_e
    FROM (SELECT told.* FROM told ORDER BY told.party_id, told.deposit_id) AS t;
    PERFORM usdtpay_internal.event_insert(v_e.parties, v_e.objects, v_e.ids, v_e.sequences, v_e.types, v_e.payloads);
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.deposit_announce(bigint [], bigint [], text) IS
'Writes an event for each deposit that belongs to a customer (deposit.seen, deposit.final, deposit.orphaned) or was put aside (deposit.<route>).';

CREATE OR REPLACE FUNCTION usdtpay_internal.deposit_json(p_deposit usdtpay.deposit) RETURNS json
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT json_build_object(
        'object', 'deposit', 'id', p_deposit.deposit_id, 'state', p_deposit.state, 'route', p_deposit.route,
        'network', n.code, 'token', t.symbol, 'contract', usdtpay.address_text(n.family, t.contract),
        'amount', CASE WHEN p_deposit.asset_id IS NULL THEN NULL ELSE usdtpay_internal.units6(p_deposit.amount)::text END,
        'amount_raw', p_deposit.amount_raw::text,
        'tx_hash', CASE n.family WHEN 'evm' THEN '0x' ELSE '' END || encode(p_deposit.tx_hash, 'hex'),
        'sender', usdtpay.address_text(n.family, p_deposit.sender), 'recipient', usdtpay.address_text(n.family, p_deposit.recipient),
        'block_number', p_deposit.block_number, 'block_time', p_deposit.block_time,
        'order_id', p_deposit.order_id, 'customer_ref', p_deposit.customer_ref
    )
    FROM usdtpay.network AS n, usdtpay.token AS t
    WHERE n.network_id = p_deposit.network_id AND t.token_id = p_deposit.token_id
$$;
COMMENT ON FUNCTION usdtpay_internal.deposit_json(usdtpay.deposit) IS 'A deposit as events and order payloads show it; amounts are decimal strings.';

CREATE OR REPLACE FUNCTION usdtpay_internal.deposit_give(
    p_deposit usdtpay.deposit, p_to bigint, p_order bigint, p_resolution bigint
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_new usdtpay.deposit := p_deposit;
BEGIN
    v_new.party_id := p_to;
    v_new.deposit_id := nextval('usdtpay_internal.deposit_seq');
    v_new.assigned_from := p_deposit.deposit_id;
    v_new.route := 'matched';
    v_new.order_id := p_order;
    v_new.event_seq := 1;
    v_new.final_at := now();
    SELECT b.journal_id INTO v_new.journal_id
    FROM usdtpay_internal.ledger_post_batch(
        ARRAY[p_deposit.party_id, p_to], ARRAY['resolution:' || p_resolution, 'deposit:' || v_new.deposit_id],
        ARRAY[
            usdtpay.account_open(p_deposit.party_id, 'USDT', CASE p_deposit.route WHEN 'held' THEN 'held' ELSE 'suspense' END),
            usdtpay.account_open(p_to, 'USDT', 'clearing')
        ],
        ARRAY[
            usdtpay.account_open(p_deposit.party_id, 'USDT', 'clearing'),
            usdtpay.account_open(p_to, 'USDT', CASE WHEN p_order IS NULL THEN 'available' ELSE 'pending' END)
        ],
        ARRAY[p_deposit.amount, p_deposit.amount], ARRAY['clearing', 'clearing']::usdtpay.journal_kind[],
        ARRAY['deposit:' || p_deposit.deposit_id, 'deposit:' || v_new.deposit_id], true
    ) AS b WHERE b.ord = 2;
    INSERT INTO usdtpay.deposit SELECT v_new.*;
    PERFORM usdtpay_internal.event_insert(
        ARRAY[p_to], ARRAY['deposit'], ARRAY[v_new.deposit_id], ARRAY[1], ARRAY['deposit.resolved'],
        ARRAY[usdtpay_internal.deposit_json(v_new)::text]
    );
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.deposit_give(usdtpay.deposit, bigint, bigint, bigint) IS
'Gives a deposit of the platform to another party: one journal each, through clearing, and a deposit row of the party''s own that its order counts.';

CREATE OR REPLACE FUNCTION usdtpay_internal.deposit_receiver(p_party bigint, p_to text) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_to bigint := p_party;
BEGIN
    IF p_to IS NOT NULL THEN
        v_to := usdtpay_internal.party_acting(p_to);
    END IF;
    IF v_to <> p_party AND (p_party <> 1 OR NOT EXISTS (SELECT FROM usdtpay.merchant AS m WHERE m.party_id = v_to)) THEN
        RAISE EXCEPTION USING ERRCODE = 'UP201',
            MESSAGE = 'only the platform''s money can be given away, and only to a merchant',
            DETAIL = format('From party %s to party "%s".', p_party, left(p_to, 100)),
            HINT = 'Leave p_to out to decide for the party the deposit belongs to.';
    END IF;
    RETURN v_to;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.deposit_receiver(bigint, text) IS
'The party a decision gives a deposit to: its own, or a merchant when it is the platform''s. Errors: UP101, UP200, UP201.';

CREATE OR REPLACE FUNCTION usdtpay_internal.deposit_adopt(p_deposit usdtpay.deposit) RETURNS usdtpay.deposit
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_net usdtpay.network;
BEGIN
    IF p_deposit.state <> 'final' OR p_deposit.asset_id IS NOT NULL OR p_deposit.amount = 0 OR NOT EXISTS (
        SELECT FROM usdtpay.token AS t WHERE t.token_id = p_deposit.token_id AND t.asset_id = 1
    ) THEN
        RETURN p_deposit;
    END IF;
    SELECT n.* INTO v_net FROM usdtpay.network AS n WHERE n.network_id = p_deposit.network_id;
    UPDATE usdtpay.deposit AS d SET asset_id = 1
    WHERE d.party_id = p_deposit.party_id AND d.deposit_id = p_deposit.deposit_id;
    PERFORM usdtpay_internal.deposit_credit(v_net, ROW(ARRAY[p_deposit.party_id], ARRAY[p_deposit.deposit_id])::usdtpay_internal.pairs);
    SELECT d.* INTO p_deposit FROM usdtpay.deposit AS d
    WHERE d.party_id = p_deposit.party_id AND d.deposit_id = p_deposit.deposit_id;
    RETURN p_deposit;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.deposit_adopt(usdtpay.deposit) IS
'Books a final deposit that came while its token was only watched and now counts as USDT: to suspense, as if it had come today. Returns it as it is then; any other deposit unchanged.';

CREATE OR REPLACE FUNCTION usdtpay.deposit_assign(
    p_key text, p_deposit bigint, p_order bigint, p_reason text, p_party text DEFAULT NULL, p_to text DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_action text := CASE WHEN p_order IS NULL THEN 'credit' ELSE 'assign' END;
    v_party bigint;
    v_to bigint;
    v_deposit usdtpay.deposit;
    v_state usdtpay.order_state;
    v_id bigint;
BEGIN
    PERFORM usdtpay_internal.require_operator();
    v_party := usdtpay_internal.party_acting(p_party);
    v_to := usdtpay_internal.deposit_receiver(v_party, p_to);
    v_id := usdtpay_internal.resolution_known(v_party, p_key, v_action, p_deposit, p_order, nullif(v_to, v_party));
    IF v_id IS NOT NULL THEN
        RETURN v_id;
    END IF;
    PERFORM usdtpay_internal.money_lock(ARRAY[v_party, v_to]);
    SELECT d.* INTO v_deposit FROM usdtpay.deposit AS d
    WHERE d.party_id = v_party AND d.deposit_id = p_deposit FOR NO KEY UPDATE;
    IF v_deposit.deposit_id IS NULL OR p_order IS NOT NULL AND NOT EXISTS (
        SELECT FROM usdtpay.payment_order AS o WHERE o.party_id = v_to AND o.order_id = p_order
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'UP200',
            MESSAGE = 'no such deposit or order',
            DETAIL = format('Deposit %s of party %s, order %s of party %s.', p_deposit, v_party, p_order, v_to),
            HINT = 'Name the party the deposit belongs to with p_party, and the merchant the platform''s money is for with p_to.';
    END IF;
    v_deposit := usdtpay_internal.deposit_adopt(v_deposit);
    IF v_deposit.state <> 'final' OR v_deposit.route = 'matched' OR v_deposit.journal_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP201',
            MESSAGE = 'only final money in suspense can be resolved',
            DETAIL = format('Deposit %s is %s and %s.', p_deposit, v_deposit.state, v_deposit.route),
            HINT = 'Wait until it is final; for a deposit of a watched-only token give the token its asset with usdtpay.token_define first.';
    END IF;
    IF p_order IS NOT NULL THEN
        PERFORM usdtpay_internal.order_lock(ROW(ARRAY[v_to], ARRAY[p_order])::usdtpay_internal.pairs);
        SELECT o.state INTO v_state FROM usdtpay.payment_order AS o WHERE o.party_id = v_to AND o.order_id = p_order;
        IF v_state IN ('draft', 'reversed') THEN
            RAISE EXCEPTION USING ERRCODE = 'UP201',
                MESSAGE = format('an order that is %s takes no money', v_state), DETAIL = format('Order %s.', p_order),
                HINT = 'Choose another order, or credit the party with a NULL order.';
        END IF;
    END IF;
    v_id := usdtpay_internal.resolution_add(
        v_party, p_key, v_action, p_deposit, p_order, v_deposit.amount, p_reason, nullif(v_to, v_party)
    );
    IF v_to <> v_party THEN
        PERFORM usdtpay_internal.deposit_give(v_deposit, v_to, p_order, v_id);
    ELSIF v_deposit.custodial THEN
        PERFORM usdtpay_internal.ledger_post(
            v_party, 'resolution:' || v_id,
            ARRAY[usdtpay.account_open(v_party, 'USDT', CASE v_deposit.route WHEN 'held' THEN 'held' ELSE 'suspense' END)],
            ARRAY[CASE
                WHEN p_order IS NULL THEN usdtpay.account_open(v_party, 'USDT', 'available', coalesce(v_deposit.customer_ref, ''))
                ELSE usdtpay.account_open(v_party, 'USDT', 'pending')
            END],
            ARRAY[v_deposit.amount], 'adjust', 'deposit:' || p_deposit
        );
    END IF;
    UPDATE usdtpay.deposit AS d SET
        route = 'matched', order_id = CASE WHEN v_to = v_party THEN p_order END, event_seq = d.event_seq + 1
    WHERE d.party_id = v_party AND d.deposit_id = p_deposit RETURNING d.* INTO v_deposit;
    PERFORM usdtpay_internal.event_insert(
        ARRAY[v_party], ARRAY['deposit'], ARRAY[p_deposit], ARRAY[v_deposit.event_seq], ARRAY['deposit.resolved'],
        ARRAY[usdtpay_internal.deposit_json(v_deposit)::text]
    );
    IF p_order IS NOT NULL THEN
        UPDATE usdtpay.payment_order AS o SET manual = true WHERE o.party_id = v_to AND o.order_id = p_order;
        PERFORM usdtpay_internal.order_advance(ARRAY[v_to], ARRAY[p_order]);
    END IF;
    RETURN v_id;
END;
$$;
COMMENT ON FUNCTION usdtpay.deposit_assign(text, bigint, bigint, text, text, text) IS
'A person''s decision about final money in suspense: pays p_order with it, or with a NULL order credits it to the available balance of the party, or of its customer whose address it reached. It may have come while its token was only watched, once the token counts as USDT. p_to names the merchant that gets money of the platform (a wrong amount on a shared address, money on an idle pool address): p_order is that merchant''s, one journal of each party goes through clearing, and the merchant gets a deposit row of its own (assigned_from). p_key is the idempotency key. Returns the resolution_id. Operators only. Errors: UP000, UP101, UP200, UP201, UP202.';

CREATE OR REPLACE FUNCTION usdtpay_internal.resolution_known(
    p_party bigint, p_key text, p_action text, p_deposit bigint, p_order bigint, p_to bigint DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_old usdtpay.resolution;
BEGIN
    IF p_key IS NULL OR length(p_key) NOT BETWEEN 1 AND 200 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'a decision needs an idempotency key of 1 to 200 characters',
            DETAIL = format('It has %s.', coalesce(length(p_key), 0)), HINT = 'Give a key of your own, for example a ticket number.';
    END IF;
    PERFORM usdtpay_internal.turn_take('resolution:' || p_key, p_party);
    SELECT r.* INTO v_old FROM usdtpay.resolution AS r WHERE r.party_id = p_party AND r.key = p_key;
    IF v_old.resolution_id IS NULL THEN
        RETURN NULL;
    END IF;
    IF v_old.action = p_action AND (v_old.deposit_id, v_old.order_id, v_old.to_party_id) IS NOT DISTINCT FROM (p_deposit, p_order, p_to) THEN
        RETURN v_old.resolution_id;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'UP202',
        MESSAGE = 'that key belongs to another decision', DETAIL = format('Key is "%s", resolution %s.', p_key, v_old.resolution_id),
        HINT = 'Use a new key for a new decision.';
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.resolution_known(bigint, text, text, bigint, bigint, bigint) IS
'The resolution an idempotency key already stands for, NULL when it is new; one caller per key at a time. Errors: UP000, UP202.';

CREATE OR REPLACE FUNCTION usdtpay_internal.resolution_add(
    p_party bigint, p_key text, p_action text, p_deposit bigint, p_order bigint, p_amount bigint, p_reason text,
    p_to bigint DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_id bigint;
BEGIN
    IF coalesce(p_reason, '') = '' OR length(p_reason) > 2000 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'a decision needs a reason', DETAIL = format('It has %s characters.', coalesce(length(p_reason), 0)),
            HINT = 'Say why in 1 to 2000 characters: the record stays for good.';
    END IF;
    INSERT INTO usdtpay.resolution (party_id, key, action, deposit_id, order_id, amount, to_party_id, reason, decided_by)
    VALUES (p_party, p_key, p_action, p_deposit, p_order, p_amount, p_to, p_reason, usdtpay_internal.session_role())
    RETURNING resolution_id INTO v_id;
    RETURN v_id;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.resolution_add(bigint, text, text, bigint, bigint, bigint, text, bigint) IS
'Records a decision and returns its id. Error: UP000 without a reason, or with one that is too long.';
