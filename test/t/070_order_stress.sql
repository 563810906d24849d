-- Everybody at once: networks that mine, reorganise and finalize, people who create, cancel, expire,
-- decide and reverse, and the sealer.  Loaded after test/isolation/lib.sql; each procedure commits
-- after every call and notes what went wrong.
CREATE SCHEMA stress;
CREATE TABLE stress.told (net text, number bigint, fork text, logs jsonb, PRIMARY KEY (net, number));
CREATE TABLE stress.error (who text, state text, message text);

-- p_logs as if they had been mined in that block
CREATE FUNCTION stress.stamp(p_logs jsonb, p_number bigint, p_fork text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT coalesce(jsonb_agg(l || jsonb_build_object(
        'blockNumber', sim.quantity(p_number), 'blockHash', sim.hex(sim.hash(p_fork, p_number)), 'logIndex', sim.quantity(n - 1)
    ) ORDER BY n), '[]')
    FROM jsonb_array_elements(p_logs) WITH ORDINALITY AS t (l, n)
$$;

-- fifteen payments of usual amounts to addresses we gave out
CREATE FUNCTION stress.payments(p_name text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT coalesce(jsonb_agg(sim.transfer(
        0, 0, usdtpay.address_text('evm', a.raw), (ARRAY[4000000, 6000000, 10000000, 11000000, 5000])[1 + floor(random() * 5)::integer], p_name || '-' || a.n
    ) ORDER BY a.n), '[]')
    FROM (SELECT x.raw, row_number() OVER () AS n FROM (SELECT raw FROM usdtpay.address ORDER BY random() LIMIT 15) AS x) AS a
$$;

CREATE PROCEDURE stress.chain(p_net text, p_until timestamptz) LANGUAGE plpgsql AS $$
DECLARE
    v_cur usdtpay.chain_cursor;
    v_below text;
    v_fork text := 'a';
    v_lost jsonb := '[]';
    v_logs jsonb;
    v_status text;
    v_turn integer := 0;
BEGIN
    WHILE clock_timestamp() < p_until LOOP
        v_turn := v_turn + 1;
        BEGIN
            SELECT c.* INTO v_cur FROM usdtpay.chain_cursor AS c JOIN usdtpay.network AS n USING (network_id) WHERE n.code = p_net;
            SELECT t.fork INTO v_below FROM stress.told AS t WHERE t.net = p_net AND t.number = v_cur.tip_number;
            CASE
                WHEN v_turn % 7 = 0 AND v_cur.tip_number > v_cur.final_number THEN -- one block goes, its payments come again
                    SELECT t.logs INTO v_lost FROM stress.told AS t WHERE t.net = p_net AND t.number = v_cur.tip_number;
                    SELECT coalesce((SELECT t.fork FROM stress.told AS t WHERE t.net = p_net AND t.number = v_cur.tip_number - 1), 'a') INTO v_below;
                    v_status := usdtpay_internal.chain_rewind(p_net, v_cur.tip_number - 1, sim.hash(v_below, v_cur.tip_number - 1));
                    DELETE FROM stress.told AS t WHERE t.net = p_net AND t.number = v_cur.tip_number;
                    v_fork := 'f' || v_turn;
                WHEN v_turn % 3 = 0 AND v_cur.tip_number > v_cur.final_number THEN
                    SELECT coalesce(jsonb_agg(l ORDER BY t.number, n), '[]') INTO v_logs
                    FROM stress.told AS t, jsonb_array_elements(t.logs) WITH ORDINALITY AS e (l, n) WHERE t.net = p_net AND t.number > v_cur.final_number;
                    v_status := sim.finalize(v_cur.tip_number, v_logs, v_below, p_net);
                ELSE
                    v_logs := stress.stamp(v_lost || stress.payments(p_net || '-' || v_turn), v_cur.tip_number + 1, v_fork);
                    v_status := sim.mine(v_cur.tip_number + 1, v_cur.tip_number + 1, v_logs, v_fork, coalesce(v_below, 'a'), p_net);
                    INSERT INTO stress.told VALUES (p_net, v_cur.tip_number + 1, v_fork, v_logs);
                    v_lost := '[]';
            END CASE;
            IF v_status <> 'ok' THEN
                INSERT INTO stress.error VALUES (p_net, 'status', v_status);
            END IF;
        EXCEPTION WHEN OTHERS THEN
            INSERT INTO stress.error VALUES (p_net, SQLSTATE, SQLERRM);
        END;
        COMMIT;
    END LOOP;
END;
$$;

-- What one person does next, chosen by lot.
CREATE FUNCTION stress.act(p_key text, p_lot double precision) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_o record;
BEGIN
    PERFORM usdtpay.order_create(p_key, 10, p_expires_in => '5 seconds', p_party => 'p' || 1 + floor(random() * 3)::integer);
    IF p_lot < 0.15 THEN
        PERFORM usdtpay.order_expire(20);
    ELSIF p_lot < 0.35 THEN
        SELECT d.deposit_id, d.order_id, p.code INTO v_o FROM usdtpay.deposit AS d JOIN usdtpay.party AS p USING (party_id)
        WHERE d.state = 'final' AND d.route <> 'matched' ORDER BY random() LIMIT 1;
        IF FOUND THEN
            PERFORM usdtpay.deposit_assign(p_key, v_o.deposit_id, CASE WHEN random() < 0.5 THEN v_o.order_id END, 'stress', v_o.code);
        END IF;
    ELSE
        SELECT o.order_id, o.state, p.code INTO v_o FROM usdtpay.payment_order AS o JOIN usdtpay.party AS p USING (party_id)
        WHERE o.state::text = CASE WHEN p_lot < 0.5 THEN 'pending' WHEN p_lot < 0.65 THEN 'underpaid' WHEN p_lot < 0.72 THEN 'paid' END ORDER BY random() LIMIT 1;
        CASE v_o.state
            WHEN 'pending' THEN PERFORM usdtpay.order_cancel(v_o.order_id, v_o.code);
            WHEN 'underpaid' THEN PERFORM usdtpay.order_settle_underpaid(p_key, v_o.order_id, 'stress', v_o.code);
            WHEN 'paid' THEN PERFORM usdtpay.order_reverse(p_key, v_o.order_id, 'stress', v_o.code);
            ELSE NULL;
        END CASE;
    END IF;
END;
$$;

CREATE PROCEDURE stress.people(p_who text, p_until timestamptz) LANGUAGE plpgsql AS $$
DECLARE
    v_turn integer := 0;
BEGIN
    WHILE clock_timestamp() < p_until LOOP
        v_turn := v_turn + 1;
        BEGIN
            PERFORM stress.act(p_who || v_turn, random());
        EXCEPTION WHEN OTHERS THEN
            INSERT INTO stress.error VALUES (p_who, SQLSTATE, SQLERRM);
        END;
        COMMIT;
        PERFORM pg_sleep(0.01);
    END LOOP;
END;
$$;

CREATE PROCEDURE stress.seal(p_until timestamptz) LANGUAGE plpgsql AS $$
BEGIN
    WHILE clock_timestamp() < p_until LOOP
        PERFORM usdtpay.ledger_seal();
        COMMIT;
        PERFORM pg_sleep(0.3);
    END LOOP;
END;
$$;

-- three networks, three merchants with different policies, fifteen customers
SELECT iso.begin();
SELECT usdtpay.network_define('s' || n, 'evm', 31337, '0x00000000000000000000000000000000000000aa', 6, p_header_check => 'none') FROM generate_series(1, 3) AS n;
UPDATE usdtpay.network SET enabled = code ~ '^s[123]$';
SELECT sim.mine(1000, 1000, p_network => 's' || n) FROM generate_series(1, 3) AS n;
SELECT usdtpay.merchant_create('p' || n, 'P') FROM generate_series(1, 3) AS n;
SELECT usdtpay.merchant_fee_set('p' || n, 100) FROM generate_series(1, 3) AS n;
SELECT usdtpay.merchant_set(p_overpay_policy => 'hold', p_party => 'p1'), usdtpay.merchant_set(p_late_policy => 'review', p_party => 'p2');
SELECT usdtpay.deposit_address('c' || c, 's1', 'p' || p) FROM generate_series(1, 5) AS c, generate_series(1, 3) AS p;
