-- What people read: orders, options to pay, deposits, balances, statements.  The views run with the
-- reader's rights, so row-level security applies.

CREATE OR REPLACE VIEW usdtpay.order_status WITH (security_invoker = true) AS
SELECT
    p.code AS party,
    o.order_id,
    o.reference,
    o.state,
    usdtpay_internal.units6(o.due) AS due,
    usdtpay_internal.units6(o.seen) AS seen,
    usdtpay_internal.units6(o.final) AS final,
    usdtpay_internal.units6(greatest(o.due - o.seen, 0)) AS open,
    usdtpay_internal.units6(o.excess) AS excess,
    array_remove(ARRAY[
        CASE WHEN o.overpaid THEN 'overpaid' END, CASE WHEN o.late THEN 'late' END,
        CASE WHEN o.multiple THEN 'multiple' END, CASE WHEN o.manual THEN 'manual' END, CASE WHEN o.held THEN 'held' END
    ], NULL) AS flags,
    o.price_amount,
    o.price_currency,
    o.rate,
    o.rate_source,
    o.rate_at,
    usdtpay.address_text('evm', o.evm_address) AS evm_address,
    usdtpay.address_text('tron', o.tron_address) AS tron_address,
    o.created_at,
    o.expires_at,
    o.paid_at,
    o.customer_ref,
    o.metadata,
    o.party_id
FROM usdtpay.payment_order AS o
JOIN usdtpay.party AS p ON p.party_id = o.party_id;
COMMENT ON VIEW usdtpay.order_status IS 'Orders for people: amounts in USDT, addresses as text, flags as a list. Shows the session''s own party, or all to operators and analysts.';

CREATE OR REPLACE VIEW usdtpay.payment_option WITH (security_invoker = true) AS
SELECT
    o.party_id,
    o.order_id,
    n.code AS network,
    n.name AS network_name,
    t.symbol AS token,
    usdtpay.address_text(n.family, t.contract) AS contract,
    usdtpay.address_text(n.family, CASE n.family WHEN 'evm' THEN o.evm_address ELSE o.tron_address END) AS address,
    usdtpay_internal.units6(greatest(o.due - o.seen, 0)) AS open
FROM usdtpay.payment_order AS o
JOIN usdtpay.network AS n ON n.network_id = ANY (o.networks)
JOIN usdtpay.token AS t ON t.network_id = n.network_id AND t.asset_id = o.asset_id
WHERE o.state <> 'draft';
COMMENT ON VIEW usdtpay.payment_option IS 'The ways to pay each order: network, token contract, address and what is still open in USDT';

CREATE OR REPLACE VIEW usdtpay.deposit_status WITH (security_invoker = true) AS
SELECT
    p.code AS party,
    d.deposit_id,
    CASE WHEN d.state = 'seen' AND c.tip_number > d.block_number THEN 'confirming' ELSE d.state::text END AS state,
    d.route,
    n.code AS network,
    t.symbol AS token,
    CASE WHEN d.asset_id IS NULL THEN NULL ELSE usdtpay_internal.units6(d.amount) END AS amount,
    d.amount_raw,
    d.dust_raw,
    CASE WHEN d.state IN ('seen', 'final') THEN greatest(c.tip_number - d.block_number + 1, 1) ELSE 0 END AS confirmations,
    CASE n.family WHEN 'evm' THEN '0x' ELSE '' END || encode(d.tx_hash, 'hex') AS tx_hash,
    usdtpay.address_text(n.family, d.sender) AS sender,
    usdtpay.address_text(n.family, d.recipient) AS recipient,
    d.block_number,
    d.block_time,
    d.seen_at,
    d.final_at,
    d.order_id,
    d.customer_ref,
    d.custodial,
    d.journal_id,
    d.party_id,
    d.assigned_from
FROM usdtpay.deposit AS d
JOIN usdtpay.party AS p ON p.party_id = d.party_id
JOIN usdtpay.network AS n ON n.network_id = d.network_id
JOIN usdtpay.token AS t ON t.token_id = d.token_id
LEFT JOIN usdtpay.chain_cursor AS c ON c.network_id = d.network_id;
COMMENT ON VIEW usdtpay.deposit_status IS 'Deposits for people: amounts in USDT, addresses and hashes as text, confirmations counted; state confirming is derived here';

CREATE OR REPLACE VIEW usdtpay.issuer_alert WITH (security_invoker = true) AS
SELECT
    n.code AS network,
    t.symbol AS token,
    e.kind,
    usdtpay.address_text(n.family, e.subject) AS address,
    a.party_id,
    e.amount_raw,
    e.block_number,
    e.block_time
FROM usdtpay.issuer_event AS e
JOIN usdtpay.network AS n ON n.network_id = e.network_id
JOIN usdtpay.token AS t ON t.token_id = e.token_id
LEFT JOIN usdtpay.address AS a ON a.raw = e.subject AND a.family = n.family
WHERE e.canonical AND (a.raw IS NOT NULL OR e.kind IN ('pause', 'unpause', 'deprecate', 'params'));
COMMENT ON VIEW usdtpay.issuer_alert IS 'Acts of a token''s issuer that touch us: our addresses blacklisted or emptied, the token paused, deprecated or given new fees';

CREATE OR REPLACE FUNCTION usdtpay.order_get(p_order bigint, p_party text DEFAULT NULL) RETURNS usdtpay.order_status
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_party bigint := usdtpay_internal.party_acting(p_party);
    v_row usdtpay.order_status;
BEGIN
    SELECT s.* INTO v_row FROM usdtpay.order_status AS s WHERE s.party_id = v_party AND s.order_id = p_order;
    IF v_row.order_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP200',
            MESSAGE = 'no such order', DETAIL = format('Order %s, party %s.', p_order, v_party),
            HINT = 'Use the order_id that order_create returned, or usdtpay.order_list.';
    END IF;
    RETURN v_row;
END;
$$;
COMMENT ON FUNCTION usdtpay.order_get(bigint, text) IS 'One order of the acting party as order_status shows it. Errors: UP1xx, UP200.';

CREATE OR REPLACE FUNCTION usdtpay.order_list(
    p_state text DEFAULT NULL, p_before bigint DEFAULT NULL, p_limit integer DEFAULT 100, p_party text DEFAULT NULL
) RETURNS SETOF usdtpay.order_status
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_party bigint := usdtpay_internal.party_acting(p_party);
BEGIN
    IF p_limit IS NULL OR p_limit NOT BETWEEN 1 AND 10000
    OR p_state <> ALL (enum_range(NULL::usdtpay.order_state)::text[]) THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'no such state, or a limit out of range', DETAIL = format('State "%s", limit %s.', left(p_state, 100), p_limit),
            HINT = 'The limit is 1 to 10000; see the type usdtpay.order_state for the states.';
    END IF;
    RETURN QUERY SELECT s.* FROM usdtpay.order_status AS s
    WHERE s.party_id = v_party AND (p_state IS NULL OR s.state = p_state::usdtpay.order_state)
    AND (p_before IS NULL OR s.order_id < p_before)
    ORDER BY s.order_id DESC LIMIT p_limit;
END;
$$;
COMMENT ON FUNCTION usdtpay.order_list(text, bigint, integer, text) IS
'Orders of the acting party, newest first, optionally of one state; p_before continues below an order_id. Errors: UP000, UP1xx.';

CREATE OR REPLACE FUNCTION usdtpay.order_find(p_reference text, p_party text DEFAULT NULL) RETURNS SETOF usdtpay.order_status
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_party bigint := usdtpay_internal.party_acting(p_party);
BEGIN
    RETURN QUERY SELECT s.* FROM usdtpay.order_status AS s WHERE s.party_id = v_party AND s.reference = p_reference;
END;
$$;
COMMENT ON FUNCTION usdtpay.order_find(text, text) IS 'The order with a merchant''s own reference, or no row. Errors: UP1xx.';

CREATE OR REPLACE FUNCTION usdtpay.balance(p_party text DEFAULT NULL)
RETURNS TABLE (asset text, account text, customer_ref text, balance numeric, held numeric)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_party bigint := usdtpay_internal.party_acting(p_party);
BEGIN
    RETURN QUERY
    SELECT
        s.code, n.name, n.customer_ref,
        usdtpay_internal.amount_units(a.credits - a.debits, s.scale),
        usdtpay_internal.amount_units(greatest(a.debits_held, a.credits_held), s.scale)
    FROM usdtpay.account AS a
    JOIN usdtpay.account_name AS n ON n.party_id = a.party_id AND n.account_id = a.account_id
    JOIN usdtpay.asset AS s ON s.asset_id = a.asset_id
    WHERE a.party_id = v_party
    ORDER BY s.code, n.name, n.customer_ref;
END;
$$;
COMMENT ON FUNCTION usdtpay.balance(text) IS
'Balances of the acting party in units of the asset, credits minus debits: what is owed to it is positive, what the chain holds (custody:…, self:…) negative. held is what open holds reserve. Errors: UP1xx.';

CREATE OR REPLACE FUNCTION usdtpay_internal.posted_before(p_at timestamptz) RETURNS bigint
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- what is sealed was committed before, and posted_at is when its transaction began
    SELECT coalesce((
        SELECT b.last_id * 256 + 255 FROM usdtpay.ledger_block AS b WHERE b.sealed_at < p_at ORDER BY b.block_no DESC LIMIT 1
    ), 0)
$$;
COMMENT ON FUNCTION usdtpay_internal.posted_before(timestamptz) IS
'A posting_id up to which everything was posted before a time, as far as the seals tell; 0 when they tell nothing.';

CREATE OR REPLACE FUNCTION usdtpay.statement(
    p_from timestamptz, p_to timestamptz, p_account text DEFAULT 'available', p_customer_ref text DEFAULT '',
    p_party text DEFAULT NULL, p_limit integer DEFAULT 10000, p_asset text DEFAULT 'USDT'
)
RETURNS TABLE (posted_at timestamptz, journal_id bigint, kind usdtpay.journal_kind, reference text, amount numeric, balance numeric)
LANGUAGE plpgsql STABLE SECURITY DEFINER -- reads the seals, which are not a merchant's to see
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_party bigint := usdtpay_internal.party_acting(p_party);
    v_before bigint;
BEGIN
    IF p_from IS NULL OR p_to IS NULL OR p_from > p_to OR p_limit IS NULL OR p_limit NOT BETWEEN 1 AND 1000000 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'a statement needs a period and a limit', DETAIL = format('From %s to %s, limit %s.', p_from, p_to, p_limit),
            HINT = 'p_from is included, p_to is not; the limit is 1 to 1000000.';
    END IF;
    v_before := usdtpay_internal.posted_before(p_from);
    RETURN QUERY
    WITH RECURSIVE walk AS (
        SELECT a.account_id, s.scale, a.last_posting AS at, NULL::usdtpay.posting AS p
        FROM usdtpay.account AS a
        JOIN usdtpay.account_name AS n ON n.party_id = a.party_id AND n.account_id = a.account_id
        JOIN usdtpay.asset AS s ON s.asset_id = a.asset_id
        WHERE a.party_id = v_party AND n.name = p_account AND n.customer_ref = p_customer_ref AND s.code = p_asset
        UNION ALL
        SELECT
            w.account_id, w.scale, CASE WHEN q.debit_account = w.account_id THEN q.debit_prev ELSE q.credit_prev END, q
        FROM walk AS w
        JOIN usdtpay.posting AS q ON q.party_id = v_party AND q.posting_id = w.at
        WHERE w.at > v_before -- not by time: a slow transaction posts late with an early time
    )
    SELECT
        (w.p).posted_at, (w.p).posting_id / 256, (w.p).kind, (w.p).reference,
        usdtpay_internal.amount_units(CASE WHEN (w.p).credit_account = w.account_id THEN (w.p).amount ELSE -(w.p).amount END, w.scale),
        usdtpay_internal.amount_units(CASE WHEN (w.p).credit_account = w.account_id THEN (w.p).credit_after ELSE (w.p).debit_after END, w.scale)
    FROM walk AS w
    WHERE (w.p).posted_at >= p_from AND (w.p).posted_at < p_to AND (w.p).phase IN ('p', 'c')
    ORDER BY (w.p).posting_id
    LIMIT p_limit;
END;
$$;
COMMENT ON FUNCTION usdtpay.statement(timestamptz, timestamptz, text, text, text, integer, text) IS
'What moved on an account of the acting party and one asset from p_from (included) to p_to (not), oldest first, with the balance after each line; amounts in units of the asset. A line''s time is when its transaction began. Walks the account''s own chain of postings back to what was sealed before p_from. Errors: UP000, UP1xx.';
