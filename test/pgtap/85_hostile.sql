-- Hostile code and hostile input: hooks that try to see or keep more than is theirs, and every
-- public function fed with what nobody should feed it.
BEGIN;
SELECT no_plan();
\ir lib/chain.sql
\ir lib/order.sql
SELECT usdtpay.roles_setup();
SELECT sim.setup();
CREATE ROLE t_a LOGIN;
CREATE ROLE t_b LOGIN;
CREATE ROLE t_operator LOGIN;
GRANT usdtpay_merchant TO t_a, t_b;
GRANT usdtpay_operator TO t_operator;
SELECT usdtpay.merchant_create('a', 'A') AS a, usdtpay.merchant_create('b', 'B') AS b \gset
SELECT usdtpay.party_login_grant('a', 't_a'), usdtpay.party_login_grant('b', 't_b');
SELECT sim.buy('a' || n, p_party => 'a'), sim.buy('b' || n, p_party => 'b') FROM generate_series(1, 20) AS n;
SELECT count(*) FROM usdtpay.webhook_add('https://a.example/', p_party => 'a') AS x, usdtpay.webhook_add('https://b.example/', p_party => 'b') AS y \gset quiet_
CREATE SCHEMA t_a AUTHORIZATION t_a;
GRANT USAGE ON SCHEMA sim TO t_a;

-- a hook runs in the session of somebody who sees every party, and so do its parallel workers
SET ROLE t_a;
CREATE TABLE t_a.log (what text, n bigint);
CREATE FUNCTION t_a.paid(p_order bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_line text;
    v_n bigint;
BEGIN
    SET LOCAL force_parallel_mode = on;
    SET LOCAL parallel_setup_cost = 0;
    SET LOCAL parallel_tuple_cost = 0;
    SET LOCAL min_parallel_table_scan_size = 0;
    SET LOCAL parallel_leader_participation = off;
    FOR v_line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT count(*) FROM usdtpay.payment_order' LOOP
        INSERT INTO t_a.log SELECT 'launched', m[1]::bigint FROM regexp_matches(v_line, 'Workers Launched: (\d+)') AS m;
    END LOOP;
    -- an INSERT would not be parallel
    EXECUTE 'SELECT count(*) FROM usdtpay.payment_order' INTO v_n;
    INSERT INTO t_a.log VALUES ('orders', v_n);
    EXECUTE 'SELECT count(*) FROM usdtpay.payment_order WHERE party_id <> usdtpay.session_party()' INTO v_n;
    INSERT INTO t_a.log VALUES ('foreign', v_n);
    EXECUTE 'SELECT count(*) FROM usdtpay.webhook_status' INTO v_n;
    INSERT INTO t_a.log VALUES ('webhooks', v_n);
    RESET ALL;
    INSERT INTO t_a.log SELECT 'after RESET ALL', count(*) FROM usdtpay.party;
END;
$$;
SELECT (usdtpay.merchant_set(p_on_paid => 't_a.paid')).on_paid;
SELECT sim.buy('hook', p_party => 'a');
RESET ROLE;
SELECT sim.paid(sim.send(sim.addr('hook'), 10000000, 'hook')) \gset quiet_
SELECT is((SELECT h.sqlstate || ' ' || h.error FROM usdtpay_internal.hook_run AS h WHERE h.order_id = sim.id('hook')), NULL, 'the hook ran through');
SELECT cmp_ok((SELECT sum(n) FROM t_a.log WHERE what = 'launched'), '>', 0::numeric, 'and had parallel workers');
SELECT is((SELECT n FROM t_a.log WHERE what = 'orders'), 21::bigint, 'which saw the rows of its own');
SELECT is((SELECT n FROM t_a.log WHERE what = 'foreign'), 0::bigint, 'and none of another party');
SELECT is((SELECT n FROM t_a.log WHERE what = 'webhooks'), 1::bigint, 'nor through a view with the owner''s rights');
SELECT is((SELECT n FROM t_a.log WHERE what = 'after RESET ALL'), 1::bigint, 'RESET ALL does not make it somebody else');
SELECT sim.sound();
SELECT * FROM finish();
ROLLBACK;
