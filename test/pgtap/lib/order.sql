-- Shorthand for tests about money: grows a simulated chain block by block, remembers what it told,
-- and reads orders and balances in one word.  Include after lib/chain.sql; no file lives on.
--
-- The chain's clock is the database's: block 1000 is now, one second per block, so that an order
-- that lives 60 seconds can be paid up to block 1060.

CREATE OR REPLACE FUNCTION sim.time(p_number bigint) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT date_trunc('second', now()) + (p_number - 1000) * interval '1 second'
$$;

-- What each block of the canonical chain told.
CREATE TABLE sim.told (network text, number bigint, fork text, logs jsonb, PRIMARY KEY (network, number));

-- A Transfer that has no block yet.
CREATE FUNCTION sim.send(
    p_to text, p_amount numeric, p_tx text, p_contract text DEFAULT '0x00000000000000000000000000000000000000aa'
) RETURNS jsonb LANGUAGE sql AS $$ SELECT sim.transfer(0, 0, p_to, p_amount, p_tx, p_contract => p_contract) $$;

-- The next blocks, on the fork of the tip unless another is named; the logs stand in the first.
CREATE FUNCTION sim.grow(
    p_logs jsonb[] DEFAULT '{}', p_blocks integer DEFAULT 1, p_network text DEFAULT 'dev', p_fork text DEFAULT NULL
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_tip bigint;
    v_logs jsonb;
    v_below text;
    v_fork text;
BEGIN
    SELECT coalesce(c.tip_number, 999) INTO v_tip
    FROM usdtpay.chain_cursor AS c JOIN usdtpay.network AS n USING (network_id) WHERE n.code = p_network;
    SELECT t.fork INTO v_below FROM sim.told AS t WHERE t.network = p_network AND t.number = v_tip;
    v_fork := coalesce(p_fork, v_below, 'a');
    SELECT coalesce(jsonb_agg(l || jsonb_build_object(
        'blockNumber', sim.quantity(v_tip + 1), 'blockHash', sim.hex(sim.hash(v_fork, v_tip + 1)), 'logIndex', sim.quantity(n - 1)
    ) ORDER BY n), '[]') INTO v_logs
    FROM unnest(p_logs) WITH ORDINALITY AS t (l, n);
    DELETE FROM sim.told AS t WHERE t.network = p_network AND t.number > v_tip;
    INSERT INTO sim.told
    SELECT p_network, n, v_fork, CASE n WHEN v_tip + 1 THEN v_logs ELSE '[]' END FROM generate_series(v_tip + 1, v_tip + p_blocks) AS n;
    RETURN sim.mine(v_tip + 1, v_tip + p_blocks, v_logs, v_fork, v_below, p_network);
END;
$$;

-- A truthful second look at everything up to the tip.
CREATE FUNCTION sim.settle(p_network text DEFAULT 'dev') RETURNS text LANGUAGE sql AS $$
    SELECT sim.finalize(
        c.tip_number,
        (
            SELECT coalesce(jsonb_agg(l ORDER BY t.number, n), '[]')
            FROM sim.told AS t, jsonb_array_elements(t.logs) WITH ORDINALITY AS e (l, n)
            WHERE t.network = p_network AND t.number > c.final_number
        ),
        (SELECT t.fork FROM sim.told AS t WHERE t.network = p_network AND t.number = c.tip_number), p_network
    )
    FROM usdtpay.chain_cursor AS c JOIN usdtpay.network AS n USING (network_id) WHERE n.code = p_network
$$;

-- The common ancestor, the way the scanner calls it.
CREATE FUNCTION sim.rewind(p_number bigint, p_network text DEFAULT 'dev', p_fork text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT usdtpay_internal.chain_rewind(p_network, p_number, sim.hash(
        coalesce(p_fork, (SELECT t.fork FROM sim.told AS t WHERE t.network = p_network AND t.number = p_number), 'a'), p_number
    ))
$$;

-- Mines logs and finalizes them at once.
CREATE FUNCTION sim.paid(VARIADIC p_logs jsonb[]) RETURNS text LANGUAGE sql AS $$
    SELECT sim.grow(p_logs) || ' ' || sim.settle()
$$;

-- A new order of the shop; returns its id.
CREATE FUNCTION sim.buy(
    p_reference text, p_amount numeric DEFAULT 10, p_expires_in interval DEFAULT '60 seconds', p_networks text[] DEFAULT NULL,
    p_party text DEFAULT 'shop'
) RETURNS bigint LANGUAGE sql AS $$
    SELECT order_id FROM usdtpay.order_create(p_reference, p_amount, p_expires_in => p_expires_in, p_networks => p_networks, p_party => p_party)
$$;

CREATE FUNCTION sim.id(p_reference text) RETURNS bigint LANGUAGE sql AS $$
    SELECT o.order_id FROM usdtpay.payment_order AS o WHERE o.reference = p_reference
$$;
CREATE FUNCTION sim.addr(p_reference text) RETURNS text LANGUAGE sql AS $$
    SELECT s.evm_address FROM usdtpay.order_status AS s WHERE s.reference = p_reference
$$;
-- "state due/seen/final flags" of an order
CREATE FUNCTION sim.order(p_reference text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', s.state, trim_scale(s.due) || '/' || trim_scale(s.seen) || '/' || trim_scale(s.final), nullif(array_to_string(s.flags, ','), ''))
    FROM usdtpay.order_status AS s WHERE s.reference = p_reference
$$;
-- "state route amount" of the deposit of a transaction
CREATE FUNCTION sim.dep(p_tx text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', d.state, d.route, trim_scale(d.amount / 1000000::numeric)), ', ' ORDER BY d.deposit_id)
    FROM usdtpay.deposit AS d WHERE d.tx_hash = sha256(convert_to(p_tx, 'UTF8'))
$$;
CREATE FUNCTION sim.dep_id(p_tx text) RETURNS bigint LANGUAGE sql AS $$
    SELECT min(d.deposit_id) FROM usdtpay.deposit AS d WHERE d.tx_hash = sha256(convert_to(p_tx, 'UTF8'))
$$;
-- credits minus debits of an account, 0 when it was never opened
CREATE FUNCTION sim.bal(p_account text, p_party text DEFAULT 'shop', p_customer text DEFAULT '') RETURNS numeric LANGUAGE sql AS $$
    SELECT trim_scale(coalesce(sum(b.balance), 0)) FROM usdtpay.balance(p_party) AS b
    WHERE b.account = p_account AND b.customer_ref = p_customer
$$;
-- event types of an object in order
CREATE FUNCTION sim.events(p_object text, p_id bigint) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(e.type, ' ' ORDER BY e.sequence) FROM usdtpay.event AS e WHERE e.object = p_object AND e.object_id = p_id
$$;
-- a fingerprint of everything that is money or state, to show that a refusal changed nothing
CREATE FUNCTION sim.fingerprint() RETURNS text LANGUAGE sql AS $$
    SELECT md5(concat_ws(
        '|',
        (SELECT string_agg(t::text, ';' ORDER BY t.party_id) FROM usdtpay.party AS t),
        (SELECT string_agg(t::text, ';' ORDER BY t.party_id) FROM usdtpay.merchant AS t),
        (SELECT string_agg(t::text, ';' ORDER BY t.role_name) FROM usdtpay.party_login AS t),
        (SELECT string_agg(t::text, ';' ORDER BY t.wallet_id) FROM usdtpay.wallet AS t),
        (SELECT string_agg(t::text, ';' ORDER BY t.raw) FROM usdtpay.address AS t),
        (SELECT string_agg(t::text, ';' ORDER BY t.order_id, t.wallet_id) FROM usdtpay.address_claim AS t),
        (SELECT string_agg(t::text, ';' ORDER BY t.order_id) FROM usdtpay.payment_order AS t),
        (SELECT string_agg(t::text, ';' ORDER BY t.deposit_id) FROM usdtpay.deposit AS t),
        (SELECT string_agg(t::text, ';' ORDER BY t.posting_id) FROM usdtpay.posting AS t),
        (SELECT string_agg(t::text, ';' ORDER BY t.account_id) FROM usdtpay.account AS t),
        (SELECT string_agg(t::text, ';' ORDER BY t.event_id) FROM usdtpay.event AS t),
        (SELECT string_agg(t::text, ';' ORDER BY t.resolution_id) FROM usdtpay.resolution AS t),
        (SELECT string_agg(t::text, ';' ORDER BY t.network_id) FROM usdtpay.chain_cursor AS t),
        (SELECT string_agg(t::text, ';' ORDER BY t.network_id, t.number, t.hash) FROM usdtpay.chain_block AS t),
        (SELECT string_agg(t::text, ';' ORDER BY t.network_id, t.tx_hash, t.log_index, t.block_hash) FROM usdtpay.issuer_event AS t)
    ))
$$;

-- One test: the statement fails with the SQLSTATE, says what to do about it, and changes nothing.
CREATE FUNCTION sim.refuses(p_sql text, p_sqlstate text, p_name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_before text := sim.fingerprint();
    v_state text := 'nothing';
    v_message text;
    v_hint text;
    v_fault text;
BEGIN
    BEGIN
        EXECUTE p_sql;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_state = RETURNED_SQLSTATE, v_message = MESSAGE_TEXT, v_hint = PG_EXCEPTION_HINT;
    END;
    v_fault := CASE
        WHEN v_state <> p_sqlstate THEN format('got %s: %s', v_state, v_message)
        WHEN v_state LIKE 'UP%' AND coalesce(v_hint, '') = '' THEN 'it has no hint'
        WHEN v_state LIKE 'UP%' AND v_message ~ '^[A-Z][^A-Z]' THEN 'the message starts in upper case'
        WHEN sim.fingerprint() <> v_before THEN 'it changed something'
    END;
    RETURN ok(v_fault IS NULL, p_name) || coalesce(E'\n' || diag(v_fault), '');
END;
$$;

-- One test: nothing is out of balance.
CREATE FUNCTION sim.sound(p_name text DEFAULT 'every invariant holds') RETURNS text LANGUAGE sql AS $$
    SELECT is((SELECT string_agg(i.code || ': ' || i.breaks, '; ') FROM usdtpay.invariants AS i WHERE NOT i.holds), NULL, p_name)
$$;
