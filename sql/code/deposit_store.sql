-- Deposits as the chain brings them and takes them away: what each is for, how it is stored, and
-- what is told about it.

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
