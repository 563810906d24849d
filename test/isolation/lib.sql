-- What the order_* specs stand on: loaded once into their database.  iso.begin() gives each
-- permutation networks, a merchant and wallets of its own, because money records cannot be removed.
\ir ../pgtap/lib/chain.sql

SELECT usdtpay.roles_setup();
SELECT sim.setup();
CREATE SCHEMA iso;
CREATE SEQUENCE iso.run;
CREATE TABLE iso.clock (at timestamptz);
INSERT INTO iso.clock VALUES (NULL);

-- Block 1000 is the moment of iso.begin(), one second per block.
CREATE OR REPLACE FUNCTION sim.time(p_number bigint) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT c.at + (p_number - 1000) * interval '1 second' FROM iso.clock AS c
$$;

CREATE FUNCTION iso.run() RETURNS bigint LANGUAGE sql AS $$ SELECT r.last_value FROM iso.run AS r $$;
CREATE FUNCTION iso.net() RETURNS text LANGUAGE sql AS $$ SELECT 'n' || iso.run() $$;
CREATE FUNCTION iso.net2() RETURNS text LANGUAGE sql AS $$ SELECT 'x' || iso.run() $$;
CREATE FUNCTION iso.shop() RETURNS text LANGUAGE sql AS $$ SELECT 'm' || iso.run() $$;

-- Two networks with tip 1000, and a merchant; the ones before are switched off.
CREATE FUNCTION iso.begin() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_net text;
BEGIN
    PERFORM nextval('iso.run');
    UPDATE iso.clock SET at = date_trunc('second', now());
    UPDATE usdtpay.network SET enabled = false WHERE enabled;
    FOREACH v_net IN ARRAY ARRAY[iso.net(), iso.net2()] LOOP
        PERFORM usdtpay.network_define(v_net, 'evm', 31337, '0x00000000000000000000000000000000000000aa', 6, p_header_check => 'none');
        UPDATE usdtpay.network SET enabled = true WHERE code = v_net;
        PERFORM sim.mine(1000, 1000, p_network => v_net);
    END LOOP;
    PERFORM usdtpay.merchant_create(iso.shop(), 'Shop');
    PERFORM usdtpay.merchant_set(p_min_deposit => 0.01, p_party => iso.shop());
END;
$$;

-- A wallet of the shop with one address of its own.
CREATE FUNCTION iso.wallet(p_kind text) RETURNS void LANGUAGE sql AS $$
    SELECT usdtpay.wallet_add(p_kind, p_kind, 'evm', p_addresses => ARRAY['0x' || lpad(to_hex(iso.run()), 40, '0')], p_party => iso.shop())
$$;
CREATE FUNCTION iso.buy(p_reference text, p_amount numeric DEFAULT 10) RETURNS text LANGUAGE sql AS $$
    SELECT format('%s %s %s', o.state, o.amount, CASE WHEN o.created THEN 'new' ELSE 'known' END)
    FROM usdtpay.order_create(p_reference, p_amount, p_expires_in => '60 seconds', p_party => iso.shop()) AS o
$$;
CREATE FUNCTION iso.id(p_reference text) RETURNS bigint LANGUAGE sql AS $$
    SELECT s.order_id FROM usdtpay.order_status AS s WHERE s.party = iso.shop() AND s.reference = p_reference
$$;
CREATE FUNCTION iso.log(p_number bigint, p_tx text, p_reference text, p_amount bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_array(sim.transfer(p_number, 0, s.evm_address, p_amount, iso.run() || p_tx))
    FROM usdtpay.order_status AS s WHERE s.party = iso.shop() AND s.reference = p_reference
$$;
-- The next block, with one payment to an order; and the second look at it.
CREATE FUNCTION iso.pay(p_number bigint, p_tx text, p_reference text, p_amount bigint, p_network text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT sim.mine(p_number, p_number, iso.log(p_number, p_tx, p_reference, p_amount), p_network => coalesce(p_network, iso.net()))
$$;
CREATE FUNCTION iso.final(p_number bigint, p_tx text, p_reference text, p_amount bigint, p_network text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT sim.finalize(p_number, iso.log(p_number, p_tx, p_reference, p_amount), p_network => coalesce(p_network, iso.net()))
$$;
CREATE FUNCTION iso.deposit(p_tx text) RETURNS bigint LANGUAGE sql AS $$
    SELECT d.deposit_id FROM usdtpay.deposit AS d WHERE d.tx_hash = sha256(convert_to(iso.run() || p_tx, 'UTF8'))
$$;
-- The platform's shared address of a permutation, a payment to it that no order asked for, and its deposit.
CREATE FUNCTION iso.lost() RETURNS text LANGUAGE sql AS $$ SELECT '0x' || lpad(to_hex(iso.run()), 40, 'b') $$;
CREATE FUNCTION iso.lose(p_number bigint, p_tx text, p_amount bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_array(sim.transfer(p_number, 0, iso.lost(), p_amount, iso.run() || p_tx))
$$;
CREATE FUNCTION iso.given(p_tx text) RETURNS bigint LANGUAGE sql AS $$
    SELECT min(d.deposit_id) FROM usdtpay.deposit AS d WHERE d.party_id = 1 AND d.tx_hash = sha256(convert_to(iso.run() || p_tx, 'UTF8'))
$$;

-- How it ended: the order, what the shop has, what was told, and how many invariants are broken.
CREATE FUNCTION iso.end(p_reference text, OUT "order" text, OUT book text, OUT told text, OUT broken bigint) LANGUAGE sql AS $$
    SELECT
        concat_ws(' ', s.state, trim_scale(s.seen), trim_scale(s.final), array_to_string(s.flags, ',')),
        (
            SELECT string_agg(b.account || ' ' || trim_scale(b.balance), ', ' ORDER BY b.account)
            FROM usdtpay.balance(iso.shop()) AS b WHERE b.balance > 0
        ),
        (
            SELECT string_agg(substr(e.type, 7), ' ' ORDER BY e.sequence) FROM usdtpay.event AS e
            WHERE e.party_id = s.party_id AND e.object = 'order' AND e.object_id = s.order_id
        ),
        (SELECT count(*) FROM usdtpay.invariants AS i WHERE NOT i.holds)
    FROM (SELECT iso.id(p_reference) AS id) AS x
    LEFT JOIN usdtpay.order_status AS s ON s.order_id = x.id
$$;

-- Like iso.buy, but tells a refusal by its SQLSTATE and takes back what was done until then.
CREATE FUNCTION iso.try(p_reference text, p_amount numeric DEFAULT 10) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN iso.buy(p_reference, p_amount);
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END;
$$;

-- Every term of the shop at once, old or new; which ones an order was created with, 'mixed' if it is
-- some of either.
CREATE FUNCTION iso.terms(p_new boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM usdtpay.merchant_set(
        CASE WHEN p_new THEN '2 hours' ELSE '1 hour' END::interval, CASE WHEN p_new THEN 0.2 ELSE 0.1 END,
        CASE WHEN p_new THEN 0.4 ELSE 0.3 END, NULL, CASE WHEN p_new THEN 'refund' ELSE 'review' END,
        CASE WHEN p_new THEN 'accept' ELSE 'hold' END, p_networks => ARRAY[CASE WHEN p_new THEN iso.net2() ELSE iso.net() END],
        p_party => iso.shop()
    );
    PERFORM usdtpay.merchant_fee_set(iso.shop(), CASE WHEN p_new THEN 20 ELSE 10 END);
    -- a hook is set by its own role only; what it is does not matter here
    UPDATE usdtpay.merchant AS m SET on_paid = CASE WHEN p_new THEN 's.new' ELSE 's.old' END, on_paid_role = CASE WHEN p_new THEN 'new' ELSE 'old' END
    FROM usdtpay.party AS p WHERE p.party_id = m.party_id AND p.code = iso.shop();
END;
$$;
CREATE FUNCTION iso.made(p_reference text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_id bigint := (SELECT c.order_id FROM usdtpay.order_create(p_reference, 10, p_party => iso.shop()) AS c);
BEGIN
    RETURN (
        SELECT CASE to_jsonb(o) || jsonb_build_object('ttl', o.expires_at - o.created_at)
            WHEN to_jsonb(o) || jsonb_build_object(
                'ttl', interval '1 hour', 'underpay_tolerance', 100000, 'overpay_tolerance', 300000, 'late_policy', 'review',
                'overpay_policy', 'hold', 'fee_bps', 10, 'on_paid', 's.old', 'on_paid_role', 'old', 'networks', ARRAY[n.a]
            ) THEN 'old'
            WHEN to_jsonb(o) || jsonb_build_object(
                'ttl', interval '2 hours', 'underpay_tolerance', 200000, 'overpay_tolerance', 400000, 'late_policy', 'refund',
                'overpay_policy', 'accept', 'fee_bps', 20, 'on_paid', 's.new', 'on_paid_role', 'new', 'networks', ARRAY[n.b]
            ) THEN 'new'
            ELSE 'mixed: ' || to_jsonb(o)::text
        END
        FROM usdtpay.payment_order AS o
        CROSS JOIN (
            SELECT max(network_id) FILTER (WHERE code = iso.net()) AS a, max(network_id) FILTER (WHERE code = iso.net2()) AS b FROM usdtpay.network
        ) AS n
        WHERE o.order_id = v_id
    );
END;
$$;
