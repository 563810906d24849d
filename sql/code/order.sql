-- The order machine: every move an order makes is made here, set by set.

CREATE OR REPLACE FUNCTION usdtpay_internal.order_transition()
RETURNS TABLE (from_state usdtpay.order_state, to_state usdtpay.order_state, cause text)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    VALUES
        ('draft'::usdtpay.order_state, 'pending'::usdtpay.order_state, 'order_open gives it addresses and starts the clock'),
        ('draft', 'canceled', 'order_cancel'),
        ('pending', 'confirming', 'enough money is seen'),
        ('pending', 'partially_paid', 'some money is seen'),
        ('pending', 'paid', 'enough money is final'),
        ('pending', 'expired', 'the chain''s clock passed expires_at on every network'),
        ('pending', 'canceled', 'order_cancel'),
        ('partially_paid', 'confirming', 'enough money is seen'),
        ('partially_paid', 'paid', 'enough money is final'),
        ('partially_paid', 'pending', 'a reorg took all of it away'),
        ('partially_paid', 'underpaid', 'the chain''s clock passed expires_at and nothing is in flight'),
        ('confirming', 'paid', 'enough money is final'),
        ('confirming', 'partially_paid', 'a reorg took some of it away'),
        ('confirming', 'pending', 'a reorg took all of it away'),
        ('expired', 'underpaid', 'some money became final after all'),
        ('expired', 'paid', 'enough money became final: late, or in time by the chain''s clock'),
        ('underpaid', 'paid', 'the rest became final, or order_settle_underpaid'),
        ('canceled', 'underpaid', 'some money became final all the same'),
        ('canceled', 'paid', 'enough money became final all the same'),
        ('paid', 'reversed', 'order_reverse, an operator''s decision')
$$;
COMMENT ON FUNCTION usdtpay_internal.order_transition() IS 'The moves an order can make; any other is a bug and is refused with UP201.';

CREATE OR REPLACE FUNCTION usdtpay_internal.order_next(
    p_state usdtpay.order_state, p_need bigint, p_seen bigint, p_final bigint
) RETURNS usdtpay.order_state
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN p_state IN ('draft', 'paid', 'reversed') THEN p_state
    WHEN p_final >= greatest(p_need, 1) THEN 'paid' -- a tolerance never makes nothing enough
    WHEN p_state IN ('expired', 'underpaid', 'canceled') THEN CASE WHEN p_final > 0 THEN 'underpaid' ELSE p_state END
    WHEN p_seen >= greatest(p_need, 1) THEN 'confirming'
    WHEN p_seen > 0 THEN 'partially_paid'
    ELSE 'pending'
END::usdtpay.order_state;
COMMENT ON FUNCTION usdtpay_internal.order_next(usdtpay.order_state, bigint, bigint, bigint) IS
'State that follows from the money: p_need is due less tolerance, p_seen and p_final the sums of its deposits. Expiry, cancelling and reversal are decided elsewhere. Inlined, hence without a search_path of its own.';

CREATE OR REPLACE FUNCTION usdtpay_internal.money_lock(p_parties bigint []) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM (
        SELECT FROM usdtpay.merchant AS m WHERE m.party_id = ANY (p_parties) ORDER BY m.party_id FOR NO KEY UPDATE
    ) AS locked;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.money_lock(bigint []) IS
'Makes those take turns that post for a merchant more than once in a transaction: a settlement follows a credit, and two such pairs would wait for each other''s accounts. Rows, not advisory locks: a block may pay thousands of merchants.';

CREATE OR REPLACE FUNCTION usdtpay_internal.order_shut(p_state usdtpay.order_state, p_late usdtpay.late_policy) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN p_state = 'reversed' OR p_state = 'canceled' AND p_late <> 'auto';
COMMENT ON FUNCTION usdtpay_internal.order_shut(usdtpay.order_state, usdtpay.late_policy) IS
'Whether money that comes to an order in that state is late whenever it was sent. Inlined, hence without a search_path of its own.';

CREATE OR REPLACE FUNCTION usdtpay_internal.order_lock(p_orders usdtpay_internal.pairs) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_shut boolean;
BEGIN
    SELECT coalesce(bool_or(usdtpay_internal.order_shut(locked.state, locked.late_policy)), false) INTO v_shut FROM (
        SELECT o.state, o.late_policy FROM unnest(p_orders.parties, p_orders.ids) AS k (party_id, order_id)
        JOIN usdtpay.payment_order AS o ON o.party_id = k.party_id AND o.order_id = k.order_id
        ORDER BY o.party_id, o.order_id
        FOR NO KEY UPDATE OF o
    ) AS locked;
    RETURN v_shut;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.order_lock(usdtpay_internal.pairs) IS
'Locks orders in the one order everybody uses: by party, then id. Returns whether one of them is shut: it may have been cancelled or reversed since money was routed to it.';

CREATE OR REPLACE FUNCTION usdtpay_internal.order_advance(p_parties bigint [], p_orders bigint []) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_orders IS NULL THEN
        RETURN 0;
    END IF;
    IF usdtpay_internal.order_lock(ROW(p_parties, p_orders)::usdtpay_internal.pairs) THEN
        PERFORM usdtpay_internal.deposit_reroute(ROW(p_parties, p_orders)::usdtpay_internal.pairs);
    END IF;
    RETURN usdtpay_internal.order_derive(p_parties, p_orders);
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.order_advance(bigint [], bigint []) IS
'Locks orders and derives them anew from their deposits. Idempotent. Returns how many changed.';

CREATE OR REPLACE FUNCTION usdtpay_internal.order_derive(p_parties bigint [], p_orders bigint []) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_moves usdtpay_internal.order_move[];
BEGIN
    -- a new statement, so a new snapshot: it sees what those we waited for have committed
    WITH money AS (
        SELECT
            o.party_id, o.order_id, o.state AS old_state, o.settled AS old_settled, o.overpaid AS was_overpaid,
            usdtpay_internal.order_next(o.state, o.due - o.underpay_tolerance, m.seen, m.final) AS new_state,
            m.seen, m.final, m.final_custodial, m.deposits, m.late,
            greatest(m.final - o.due, 0) AS excess, m.final > o.due + o.overpay_tolerance AS overpaid
        FROM unnest(p_parties, p_orders) AS k (party_id, order_id)
        JOIN usdtpay.payment_order AS o ON o.party_id = k.party_id AND o.order_id = k.order_id
        CROSS JOIN LATERAL (
            SELECT
                coalesce(sum(d.amount), 0)::bigint AS seen,
                coalesce(sum(d.amount) FILTER (WHERE d.state = 'final'), 0)::bigint AS final,
                coalesce(sum(d.amount) FILTER (WHERE d.state = 'final' AND d.custodial), 0)::bigint AS final_custodial,
                count(*) AS deposits,
                coalesce(bool_or(d.block_time > o.expires_at), false) AS late
            FROM usdtpay.deposit AS d
            WHERE d.party_id = o.party_id AND d.order_id = o.order_id AND d.route = 'matched' AND d.state <> 'orphaned'
        ) AS m
    ), moved AS (
        UPDATE usdtpay.payment_order AS o SET
            state = n.new_state, seen = n.seen, final = n.final,
            settled = CASE WHEN n.new_state = 'paid' THEN n.final_custodial ELSE o.settled END,
            excess = CASE WHEN n.new_state = 'paid' THEN n.excess ELSE o.excess END,
            overpaid = CASE n.new_state WHEN 'paid' THEN n.overpaid WHEN 'reversed' THEN o.overpaid ELSE false END, late = n.late, multiple = n.deposits > 1,
            paid_at = CASE WHEN n.new_state = 'paid' THEN coalesce(o.paid_at, now()) ELSE o.paid_at END,
            event_seq = o.event_seq + (n.new_state <> n.old_state)::integer
            + (n.new_state = 'paid' AND n.overpaid AND NOT n.was_overpaid)::integer
        FROM money AS n
        WHERE o.party_id = n.party_id AND o.order_id = n.order_id
        AND (o.state, o.seen, o.final, o.late, o.multiple) IS DISTINCT FROM (n.new_state, n.seen, n.final, n.late, n.deposits > 1)
        RETURNING o AS now, n.old_state, n.old_settled, n.was_overpaid
    )
    SELECT array_agg(ROW(m.now, m.old_state, m.old_settled, m.was_overpaid)::usdtpay_internal.order_move
        ORDER BY (m.now).party_id, (m.now).order_id)
    INTO v_moves FROM moved AS m;
    IF v_moves IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM usdtpay_internal.order_settle(v_moves);
    PERFORM usdtpay_internal.order_announce(v_moves);
    PERFORM usdtpay_internal.hook_run_new(v_moves);
    RETURN cardinality(v_moves);
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.order_derive(bigint [], bigint []) IS
'Derives amounts, flags and state of locked orders from their deposits; settles those that are paid, writes an event per state change and runs on_paid. Idempotent. Returns how many changed.';

CREATE OR REPLACE FUNCTION usdtpay_internal.order_settled_lines(p_party bigint, p_order bigint)
RETURNS TABLE (account_id bigint, amount bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT v.account_id, v.amount
    FROM usdtpay.posting AS h
    JOIN usdtpay.posting AS p
        ON p.party_id = h.party_id AND p.posting_id BETWEEN h.posting_id AND h.posting_id + h.lines - 1
    CROSS JOIN LATERAL (VALUES (p.credit_account, p.amount), (p.debit_account, -p.amount)) AS v (account_id, amount)
    WHERE h.party_id = p_party AND h.key COLLATE "C" >= 'order:' || p_order || ':settle:'
    AND h.key COLLATE "C" < 'order:' || p_order || ':settle::'
$$;
COMMENT ON FUNCTION usdtpay_internal.order_settled_lines(bigint, bigint) IS
'What the settle journals of an order, found by their keys, did to accounts: credits positive, debits negative.';

CREATE OR REPLACE FUNCTION usdtpay_internal.order_settle(p_moves usdtpay_internal.order_move []) RETURNS void
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
BEGIN
    WITH part AS MATERIALIZED (
        -- what becomes available, and what of it is an excess to be held
        SELECT
            q.party_id, q.order_id, q.settled, q.moved - q.aside AS payable, q.aside,
            ((q.moved - q.aside)::numeric * q.fee_bps / 10000)::bigint AS fee
        FROM (
            SELECT
                (m.now).party_id, (m.now).order_id, (m.now).settled, (m.now).fee_bps, (m.now).settled - m.old_settled AS moved,
                CASE
                    WHEN (m.now).overpay_policy = 'hold' AND (m.now).overpaid
                        THEN least((m.now).settled - m.old_settled, greatest((m.now).final - (m.now).due - a.aside, 0))
                    ELSE 0
                END AS aside
            FROM unnest(p_moves) AS m
            CROSS JOIN LATERAL (
                -- whoever holds the money, the excess is the order's: less what of it was put aside before
                SELECT coalesce(sum(p.amount), 0)::bigint AS aside
                FROM usdtpay_internal.order_settled_lines((m.now).party_id, (m.now).order_id) AS p
                JOIN usdtpay.account_name AS n ON n.party_id = (m.now).party_id AND n.account_id = p.account_id
                WHERE (m.now).overpay_policy = 'hold' AND (m.now).overpaid AND m.old_settled > 0 AND n.name = 'suspense'
            ) AS a
            WHERE (m.now).state = 'paid' AND (m.now).settled > m.old_settled
        ) AS q
    ), acc AS MATERIALIZED (
        SELECT
            p.party_id, usdtpay.account_open(p.party_id, 'USDT', 'pending') AS pending,
            usdtpay.account_open(p.party_id, 'USDT', 'available') AS available,
            usdtpay.account_open(p.party_id, 'USDT', 'fee') AS fee,
            usdtpay.account_open(p.party_id, 'USDT', 'suspense') AS suspense
        FROM (SELECT DISTINCT part.party_id FROM part) AS p
    ), line AS (
        SELECT part.party_id, part.order_id, part.settled, v.no, v.debit, v.credit, v.amount, v.kind
        FROM part
        JOIN acc ON acc.party_id = part.party_id
        CROSS JOIN LATERAL (
            VALUES
                (1, acc.pending, acc.available, part.payable, 'settle'),
                (2, acc.pending, acc.suspense, part.aside, 'settle'),
                (3, acc.available, acc.fee, part.fee, 'settle')
        ) AS v (no, debit, credit, amount, kind)
        WHERE v.amount > 0
    )
    SELECT
        array_agg(l.party_id), array_agg('order:' || l.order_id || ':settle:' || l.settled), array_agg(l.debit), array_agg(l.credit),
        array_agg(l.amount), array_agg(l.kind::usdtpay.journal_kind), array_agg('order:' || l.order_id)
    INTO v_parties, v_keys, v_debits, v_credits, v_amounts, v_kinds, v_refs
    FROM (SELECT line.* FROM line ORDER BY line.party_id, line.order_id, line.no) AS l;
    IF v_keys IS NOT NULL THEN
        PERFORM usdtpay_internal.ledger_post_batch(v_parties, v_keys, v_debits, v_credits, v_amounts, v_kinds, v_refs, true);
    END IF;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.order_settle(usdtpay_internal.order_move []) IS
'Moves what newly settles for paid orders from pending to available, a held excess to suspense, and takes the fee: one journal per order and amount.';

CREATE OR REPLACE FUNCTION usdtpay_internal.order_json(p_order usdtpay.payment_order, p_previous text, p_deposits json) RETURNS text
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'usdtpay_order_json';
COMMENT ON FUNCTION usdtpay_internal.order_json(usdtpay.payment_order, text, json) IS
'An order as events show it, with the deposits given; amounts are decimal strings in USDT, times are in UTC.';

CREATE OR REPLACE FUNCTION usdtpay_internal.order_announce(p_moves usdtpay_internal.order_move []) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_e record;
BEGIN
    SELECT
        array_agg(e.party_id) AS parties, array_agg('order'::text) AS objects, array_agg(e.order_id) AS ids,
        array_agg(e.sequence) AS sequences, array_agg(e.type) AS types, array_agg(e.payload) AS payloads
    INTO v_e
    FROM (
        SELECT
            (m.now).party_id, (m.now).order_id,
            (m.now).event_seq - (f.overpaid AND t.type <> 'order.overpaid' AND (m.now).state <> m.old_state)::integer AS sequence,
            t.type, usdtpay_internal.order_json(m.now, m.old_state::text, d.deposits) AS payload
        FROM unnest(p_moves) AS m
        CROSS JOIN LATERAL (SELECT (m.now).overpaid AND NOT m.was_overpaid AS overpaid) AS f
        CROSS JOIN LATERAL (
            SELECT 'order.' || (m.now).state AS type WHERE (m.now).state <> m.old_state
            UNION ALL
            SELECT 'order.overpaid' WHERE f.overpaid
        ) AS t
        CROSS JOIN LATERAL (
            SELECT json_agg(json_build_object(
                'id', d.deposit_id, 'network', n.code, 'state', d.state,
                'amount', usdtpay_internal.units6(d.amount)::text,
                'tx_hash', CASE n.family WHEN 'evm' THEN '0x' ELSE '' END || encode(d.tx_hash, 'hex'),
                'block_number', d.block_number
            ) ORDER BY d.deposit_id) AS deposits
            FROM usdtpay.deposit AS d JOIN usdtpay.network AS n ON n.network_id = d.network_id
            WHERE d.party_id = (m.now).party_id AND d.order_id = (m.now).order_id AND d.route = 'matched'
        ) AS d
        ORDER BY 1, 2, 3
    ) AS e;
    IF v_e.ids IS NOT NULL THEN
        PERFORM usdtpay_internal.event_insert(v_e.parties, v_e.objects, v_e.ids, v_e.sequences, v_e.types, v_e.payloads);
    END IF;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.order_announce(usdtpay_internal.order_move []) IS
'Writes the events of a set of moves: order.<state> for a change of state, order.overpaid when that flag comes up.';

CREATE OR REPLACE FUNCTION usdtpay_internal.order_move_to(
    p_order usdtpay.payment_order, p_state usdtpay.order_state, p_manual boolean
) RETURNS usdtpay.payment_order
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_new usdtpay.payment_order;
BEGIN
    IF NOT EXISTS (
        SELECT FROM usdtpay_internal.order_transition() AS t WHERE t.from_state = p_order.state AND t.to_state = p_state
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'UP201',
            MESSAGE = format('an order that is %s cannot become %s', p_order.state, p_state),
            DETAIL = format('Order %s.', p_order.order_id),
            HINT = 'See usdtpay.order_get for where it stands.';
    END IF;
    UPDATE usdtpay.payment_order AS o SET state = p_state, event_seq = o.event_seq + 1, manual = o.manual OR p_manual
    WHERE o.party_id = p_order.party_id AND o.order_id = p_order.order_id
    RETURNING o.* INTO v_new;
    PERFORM usdtpay_internal.order_announce(ARRAY[ROW(v_new, p_order.state, v_new.settled, v_new.overpaid)::usdtpay_internal.order_move]);
    RETURN v_new;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.order_move_to(usdtpay.payment_order, usdtpay.order_state, boolean) IS
'Moves one locked order and writes its event; refuses moves that order_transition does not list with UP201.';

CREATE OR REPLACE FUNCTION usdtpay_internal.order_take(p_order bigint, p_party text) RETURNS usdtpay.payment_order
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_party bigint := usdtpay_internal.party_acting(p_party);
    v_order usdtpay.payment_order;
BEGIN
    SELECT o.* INTO v_order FROM usdtpay.payment_order AS o
    WHERE o.party_id = v_party AND o.order_id = p_order FOR NO KEY UPDATE;
    IF v_order.order_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP200',
            MESSAGE = 'no such order', DETAIL = format('Order %s, party %s.', p_order, v_party),
            HINT = 'Use the order_id that order_create returned.';
    END IF;
    RETURN v_order;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.order_take(bigint, text) IS 'Locks one order of the acting party and returns it. Errors: UP1xx, UP200.';

CREATE OR REPLACE FUNCTION usdtpay.order_open(p_order bigint, p_party text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_old usdtpay.payment_order := usdtpay_internal.order_take(p_order, p_party);
    v_expires_at timestamptz := now() + (v_old.expires_at - v_old.created_at);
    v_place record;
BEGIN
    IF v_old.state <> 'draft' THEN
        RETURN v_old.state;
    END IF;
    PERFORM usdtpay_internal.party_must_be_open(v_old.party_id);
    SELECT p.evm, p.tron, p.due INTO v_place
    FROM usdtpay_internal.order_place(
        v_old.party_id, p_order, ARRAY(SELECT n.code FROM usdtpay.network AS n WHERE n.network_id = ANY (v_old.networks)),
        now(), v_expires_at, v_old.due
    ) AS p;
    UPDATE usdtpay.payment_order AS o SET
        due = v_place.due, evm_address = v_place.evm, tron_address = v_place.tron, created_at = now(), expires_at = v_expires_at
    WHERE o.party_id = v_old.party_id AND o.order_id = p_order;
    RETURN (usdtpay_internal.order_move_to(v_old, 'pending', false)).state;
END;
$$;
COMMENT ON FUNCTION usdtpay.order_open(bigint, text) IS
'Gives a draft its addresses and starts its clock; repeated calls return the state it is in. Errors: UP1xx, UP200, UP201 when the party is closed, UP203, UP204.';

CREATE OR REPLACE FUNCTION usdtpay.order_cancel(p_order bigint, p_party text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_order usdtpay.payment_order := usdtpay_internal.order_take(p_order, p_party);
BEGIN
    IF v_order.state = 'canceled' THEN
        RETURN v_order.state;
    END IF;
    RETURN (usdtpay_internal.order_move_to(v_order, 'canceled', false)).state;
END;
$$;
COMMENT ON FUNCTION usdtpay.order_cancel(bigint, text) IS
'Cancels an order nobody has paid into; its addresses stay watched, and money that comes all the same follows the late policy. Repeating it is harmless. Errors: UP1xx, UP200, UP201 when money was seen or the order has ended.';

CREATE OR REPLACE FUNCTION usdtpay.order_expire(p_limit integer DEFAULT 1000) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_moves usdtpay_internal.order_move[];
BEGIN
    -- no order can be due before the slowest enabled network's clock passed it, unless it is not payable there
    WITH clock AS (
        SELECT n.network_id, coalesce(c.tip_time, '-infinity') AS at
        FROM usdtpay.network AS n
        LEFT JOIN usdtpay.chain_cursor AS c ON c.network_id = n.network_id
        WHERE n.enabled
    ), due AS (
        SELECT o.party_id, o.order_id, o.state AS old_state
        FROM usdtpay.payment_order AS o
        WHERE o.state IN ('pending', 'partially_paid') AND o.expires_at < (SELECT max(clock.at) FROM clock)
        AND (SELECT min(clock.at) FROM clock WHERE clock.network_id = ANY (o.networks)) > o.expires_at
        AND o.seen = o.final
        ORDER BY o.expires_at
        LIMIT least(greatest(p_limit, 1), 100000)
    ), locked AS (
        SELECT o.party_id, o.order_id, o.state AS old_state
        FROM usdtpay.payment_order AS o JOIN due ON due.party_id = o.party_id AND due.order_id = o.order_id
        WHERE o.state = due.old_state AND o.seen = o.final -- checked again on the locked row
        ORDER BY o.party_id, o.order_id
        FOR NO KEY UPDATE OF o SKIP LOCKED
    ), moved AS (
        UPDATE usdtpay.payment_order AS o SET
            state = CASE l.old_state WHEN 'pending' THEN 'expired' ELSE 'underpaid' END::usdtpay.order_state,
            event_seq = o.event_seq + 1
        FROM locked AS l
        WHERE o.party_id = l.party_id AND o.order_id = l.order_id
        RETURNING o AS now, l.old_state
    )
    SELECT array_agg(ROW(m.now, m.old_state, (m.now).settled, (m.now).overpaid)::usdtpay_internal.order_move) INTO v_moves
    FROM moved AS m;
    IF v_moves IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM usdtpay_internal.order_announce(v_moves);
    RETURN cardinality(v_moves);
END;
$$;
COMMENT ON FUNCTION usdtpay.order_expire(integer) IS
'Ends orders whose time is over: pending becomes expired, partially_paid underpaid. Judged by the chain''s clock: every enabled network the order may be paid on must have been scanned without a gap beyond expires_at (with none enabled it waits), and nothing may be in flight, so an outage never expires a paid order. A job; returns how many.';
