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
    PERFORM set_config(CASE WHEN current_setting('server_version_num')::int < 160000
            THEN 'force_parallel_mode' ELSE 'debug_parallel_query' END, 'on', true);
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

-- every public function, called with something plausible in every argument but one, and nonsense in
-- that one: it works, or refuses in our own words, whole and short
SELECT sim.paid(sim.send(sim.addr('a1'), 10000000, 't1'), sim.send(sim.addr('a2'), 5, 'dust')) \gset quiet_
SELECT webhook_id AS hook FROM usdtpay.webhook WHERE party_id = :a \gset
SELECT usdtpay.account_open(:a, 'USDT', 'available') AS available, usdtpay.account_open(:a, 'USDT', 'escrow') AS escrow \gset
CREATE TABLE sim.plausible (name text, type regtype, value text);
INSERT INTO sim.plausible VALUES
    ('p_party', 'text', '''a'''), ('p_party', 'bigint', :'a'), ('p_party', 'bigint[]', format('ARRAY[%s]', :a)), ('p_order', 'bigint', sim.id('a2')::text), ('p_webhook', 'bigint', :'hook'),
    ('p_deposit', 'bigint', sim.dep_id('dust')::text), ('p_network', 'text', '''dev'''), ('p_code', 'text', '''dev'''), ('p_key', 'text', '''k'''), ('p_key', 'text[]', 'ARRAY[''k'']'), ('p_reason', 'text', '''r'''),
    ('p_amount', 'numeric', '10'), ('p_amount', 'bigint', '1'), ('p_amount', 'bigint[]', 'ARRAY[1]'), ('p_reference', 'text', '''new'''), ('p_url', 'text', '''https://x.example/'''), ('p_family', 'text', '''evm'''),
    ('family', 'text', '''evm'''), ('p_kind', 'text', '''pool'''), ('p_account', 'bigint', :'available'), ('p_currency', 'text', '''USDT'''), ('p_customer_ref', 'text', '''bob'''), ('p_from', 'bigint', '1'), ('p_to', 'bigint', '10'),
    ('p_from', 'timestamptz', 'now() - interval ''1 day'''), ('p_to', 'timestamptz', 'now()'), ('p_limit', 'integer', '10'), ('p_asset', 'text', '''USDT'''), ('p_name', 'text', '''available'''), ('p_after', 'bigint', '0'),
    ('p_contract', 'text', '''0x00000000000000000000000000000000000000bb'''), ('p_decimals', 'integer', '6'), ('p_chain_id', 'bigint', '7'), ('p_debit', 'bigint', :'available'), ('p_credit', 'bigint', :'escrow'),
    ('p_debit', 'bigint[]', format('ARRAY[%s]', :available)), ('p_credit', 'bigint[]', format('ARRAY[%s]', :escrow)), ('p_addresses', 'text[]', 'ARRAY[''0x00000000000000000000000000000000000000f2'']'), ('p_role', 'name', '''t_a'''),
    ('p_journal', 'bigint', '1'), ('p_fee_bps', 'integer', '1'), ('p_overlap', 'interval', '''1 day'''), ('p_draft', 'boolean', 'false'), ('p_form', 'text', '''standard'''), ('p_mode', 'text', '''tip'''), ('p_headers', 'text', '''[]'''), ('p_logs', 'text', '''[]'''),
    ('p_secret', 'text', '''whsec_'' || repeat(''A'', 40)'), ('p_id', 'text', '''evt_1'''), ('p_timestamp', 'bigint', '1'), ('p_body', 'text', '''{}'''), ('p_signature', 'text', '''v1,x'''),
    ('xpub', 'text', '''xpub6BosfCnifzxcFwrSzQiqu2DBVTshkCXacvNsWGYJVVhhawA7d4R5WSWGFNbi8Aw6ZRc1brxMyWMzG3DSSSSoekkudhUd9yLb6qx39T9nMdj'''), ('idx', 'bigint', '0');
CREATE TABLE sim.nonsense (type regtype, value text);
INSERT INTO sim.nonsense SELECT t, v FROM (VALUES
    ('text'::regtype, ARRAY['NULL', '''''', ''' ''', 'E''\x01\n''', '''%s%n''', '''"; DROP TABLE x; --''', '''0x''', '''{''', 'repeat(''x'', 100000)', 'repeat(E''\u20ac'', 100000)', 'repeat(''['', 100000)', '''{"a":'' || repeat(''['', 100000)']),
    ('bigint', ARRAY['NULL', '0', '-1', '(-9223372036854775808)', '9223372036854775807']), ('integer', ARRAY['NULL', '0', '-1', '(-2147483648)', '2147483647']),
    ('numeric', ARRAY['NULL', '''NaN''', '''Infinity''', '''-Infinity''', '-1', '0', '1e100', '1e-100', '''1e131071''', '''-1e131071''', '''1e-16383''']),
    ('interval', ARRAY['NULL', '''0''', '''-1 day''', '''178000000 years''', '''-178000000 years''', '''2147483647 days''', '''1 month -30 days''']),
    ('timestamptz', ARRAY['NULL', '''infinity''', '''-infinity''', '''4714-11-24 00:00:00 BC''', '''294276-12-31 23:59:59''']),
    ('jsonb', ARRAY['NULL', '''null''', '''[]''', '''{}''', '''"x"''', '(repeat(''['', 5000) || repeat('']'', 5000))', 'to_jsonb(repeat(''x'', 100000))']),
    ('text[]', ARRAY['NULL', '''{}''', '''{NULL}''', '''{{a,b},{c,d}}''', '''[5:6]={a,b}''', 'array_fill(''dev''::text, ARRAY[200000])', 'ARRAY[repeat(''x'', 100000)]', '''{"",dev}''']),
    ('bytea', ARRAY['NULL', '''''', '''\x00''', 'decode(repeat(''00'', 33), ''hex'')', 'decode(repeat(''ff'', 100000), ''hex'')']), ('bytea[]', ARRAY['NULL', '''{}''', '''{NULL}''', 'ARRAY[ARRAY[''\x00''::bytea]]']),
    ('bigint[]', ARRAY['NULL', '''{}''', '''{NULL}''', '''{{1,2},{3,4}}''', '''[5:6]={1,2}''', 'array_fill(1::bigint, ARRAY[300000])']), ('usdtpay.journal_kind[]', ARRAY['''{}''', '''{NULL}''']),
    ('boolean', ARRAY['NULL', 'true']), ('name', ARRAY['NULL', '''''', 'repeat(''x'', 63)']), ('real', ARRAY['NULL', '''NaN''', '''Infinity''', '-1'])
) AS n (t, all_v), unnest(all_v) AS v;
CREATE TABLE sim.refused (fn text, argument text, value text, sqlstate text, message text, detail text, hint text);
GRANT SELECT ON sim.plausible, sim.nonsense TO t_a, t_operator;
GRANT INSERT ON sim.refused TO t_a, t_operator;
GRANT USAGE ON SCHEMA sim TO t_operator;
CREATE FUNCTION sim.feed(p_oid oid, p_fn name, p_names text[], p_types oidvector) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    v_good text[] := ARRAY(
        SELECT coalesce((SELECT p.value FROM sim.plausible AS p WHERE p.name = p_names[n + 1] AND p.type = p_types[n]), 'NULL') FROM generate_subscripts(p_types, 1) AS n ORDER BY n
    );
    v_case record;
    v_r sim.refused;
    v_done integer := 0;
BEGIN
    FOR v_case IN SELECT n, e.value FROM generate_subscripts(p_types, 1) AS n JOIN sim.nonsense AS e ON e.type = p_types[n] LOOP
        v_done := v_done + 1;
        BEGIN
            EXECUTE format('SELECT count(*) FROM usdtpay.%I(%s)', p_fn, (
                SELECT string_agg(format('(%s)::%s', CASE n WHEN v_case.n THEN v_case.value ELSE v_good[n + 1] END, p_types[n]::regtype), ', ' ORDER BY n) FROM generate_subscripts(p_types, 1) AS n
            ));
            RAISE EXCEPTION USING ERRCODE = 'ZZ001';
        EXCEPTION
            WHEN SQLSTATE 'ZZ001' THEN NULL;
            WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS v_r.sqlstate = RETURNED_SQLSTATE, v_r.message = MESSAGE_TEXT, v_r.detail = PG_EXCEPTION_DETAIL, v_r.hint = PG_EXCEPTION_HINT;
                INSERT INTO sim.refused VALUES (p_fn, p_names[v_case.n + 1], v_case.value, v_r.sqlstate, v_r.message, v_r.detail, v_r.hint);
        END;
    END LOOP;
    RETURN v_done;
END;
$$;
SELECT sim.fingerprint() AS before \gset
SET ROLE t_a;
SELECT sum(sim.feed(p.oid, p.proname, p.proargnames, p.proargtypes)) AS fed_a FROM pg_proc AS p
WHERE p.pronamespace = 'usdtpay'::regnamespace AND p.prorettype <> 'event_trigger'::regtype AND has_function_privilege('t_a', p.oid, 'EXECUTE') \gset
SET ROLE t_operator;
SELECT sum(sim.feed(p.oid, p.proname, p.proargnames, p.proargtypes)) AS fed_operator FROM pg_proc AS p
WHERE p.pronamespace = 'usdtpay'::regnamespace AND p.prorettype <> 'event_trigger'::regtype AND has_function_privilege('t_operator', p.oid, 'EXECUTE') \gset
RESET ROLE;
SELECT cmp_ok(:fed_a, '>', 800, 'a merchant tries hundreds of things');
SELECT cmp_ok(:fed_operator, '>', 1500, 'an operator more');
SELECT cmp_ok((SELECT count(*) FROM sim.refused), '>', 1000::bigint, 'most are refused');
SELECT is_empty('SELECT fn, argument, value, sqlstate, message FROM sim.refused WHERE sqlstate NOT LIKE ''UP%''', 'with our own SQLSTATEs');
SELECT is_empty('SELECT DISTINCT fn, sqlstate, message FROM sim.refused WHERE coalesce(hint, '''') = '''' OR coalesce(detail, '''') = ''''', 'with detail and hint');
SELECT is_empty('SELECT DISTINCT fn, argument, sqlstate, message FROM sim.refused WHERE length(message) > 300 OR length(detail) > 1000 OR length(hint) > 500', 'without repeating a flood');
SELECT is(sim.fingerprint(), :'before', 'and nothing is left of any of it');

-- whose turn it is can be seen, not taken: advisory locks are open to every login
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc AS p WHERE p.pronamespace IN ('usdtpay'::regnamespace, 'usdtpay_internal'::regnamespace) AND p.prosrc ~ 'advisory'$$, 'no function waits for an advisory lock');
SELECT count(*) AS turns FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'object' AND classid = 'pg_extension'::regclass AND objsubid > 0 \gset
SELECT ok(usdtpay_internal.turn_take('x', 1, false), 'a turn is taken');
SELECT is((SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'object' AND classid = 'pg_extension'::regclass AND objsubid > 0 AND mode = 'ExclusiveLock') - :turns, 1::bigint, 'and stands in the lock table');
SELECT throws_ok($$SET usdtpay.hook_role = '10'$$, '22023', NULL, 'nobody says which hook is running, not even a superuser');

SELECT sim.sound();
SELECT * FROM finish();
ROLLBACK;
