-- Who may see and do what: real roles, the whole catalog, hooks as foreign code, history that stays.
BEGIN;
SELECT no_plan();
\ir lib/chain.sql
\ir lib/order.sql
SELECT usdtpay.roles_setup();
SELECT sim.setup();
CREATE ROLE t_a LOGIN;
CREATE ROLE t_b LOGIN;
CREATE ROLE t_none LOGIN;
CREATE ROLE t_stranger LOGIN;
CREATE ROLE t_operator LOGIN;
CREATE ROLE t_analyst LOGIN;
GRANT usdtpay_merchant TO t_a, t_b, t_none;
GRANT usdtpay_operator TO t_operator;
GRANT usdtpay_analyst TO t_analyst;
SELECT usdtpay.merchant_create('a', 'A') AS a, usdtpay.merchant_create('b', 'B') AS b \gset
SELECT usdtpay.party_login_grant('a', 't_a'), usdtpay.party_login_grant('b', 't_b');

-- both have some of everything
CREATE FUNCTION pg_temp.fill(p_party text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sim.buy(p_party || '1', p_party => p_party), sim.buy(p_party || '2', p_party => p_party);
    PERFORM usdtpay.wallet_add('pool', 'pool', 'tron', p_addresses => ARRAY[CASE p_party WHEN 'a' THEN 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t' ELSE 'TVj7RNVHy6thbM7BWdSe9G6gXwKhjhdNZS' END], p_party => p_party);
    PERFORM usdtpay.deposit_address('customer', 'dev', p_party);
    PERFORM usdtpay.webhook_add('https://example.com/' || p_party, p_party => p_party);
    PERFORM sim.paid(sim.send(sim.addr(p_party || '1'), 10000000, p_party || 'pay'), sim.send(sim.addr(p_party || '2'), 5, p_party || 'dust'));
    PERFORM usdtpay.deposit_assign(p_party, sim.dep_id(p_party || 'dust'), NULL, 'r', p_party);
    INSERT INTO usdtpay.address_claim SELECT party_id, 1, party_id, 0, 0, tstzrange(now(), now() + interval '1 hour') FROM usdtpay.party WHERE code = p_party;
    PERFORM usdtpay.ledger_hold(p.party_id, 'hold', usdtpay.account_open(p.party_id, 'USDT', 'available'), usdtpay.account_open(p.party_id, 'USDT', 'escrow'), 1) FROM usdtpay.party AS p WHERE code = p_party;
END;
$$;
SELECT pg_temp.fill('a'), pg_temp.fill('b');
SELECT usdtpay.ledger_seal();

-- every relation of the schema, as a merchant: own rows only
CREATE TABLE sim.seen (role name, relation regclass, rows bigint, foreign_rows bigint, sqlstate text);
CREATE FUNCTION sim.look(p_role name, p_party bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_rel record;
    v_rows bigint;
    v_foreign bigint;
    v_state text;
BEGIN
    FOR v_rel IN
        SELECT c.oid::regclass AS name, EXISTS (SELECT FROM pg_attribute AS t WHERE t.attrelid = c.oid AND t.attname = 'party_id' AND NOT t.attisdropped) AS tenant
        FROM pg_class AS c WHERE c.relnamespace = 'usdtpay'::regnamespace AND c.relkind IN ('r', 'v', 'p') ORDER BY 1
    LOOP
        v_rows := NULL; v_foreign := NULL; v_state := NULL;
        BEGIN
            EXECUTE format('SET LOCAL ROLE %I', p_role);
            -- r::text reads every column: a function in one of them may be closed to the reader
            EXECUTE format('SELECT count(r::text), count(*) FILTER (WHERE %s) FROM %s AS r', CASE WHEN v_rel.tenant THEN 'r.party_id IS DISTINCT FROM ' || p_party ELSE 'false' END, v_rel.name) INTO v_rows, v_foreign;
        EXCEPTION WHEN OTHERS THEN
            v_state := SQLSTATE;
        END;
        RESET ROLE;
        INSERT INTO sim.seen VALUES (p_role, v_rel.name, v_rows, v_foreign, v_state);
    END LOOP;
END;
$$;
SELECT sim.look('t_a', :a), sim.look('t_b', :b), sim.look('t_none', -1), sim.look('t_stranger', -1), sim.look('t_operator', -1), sim.look('t_analyst', -1);
SELECT ok((SELECT count(*) FROM sim.seen WHERE role = 't_operator' AND sqlstate IS NULL) >= 25, 'an operator reads every table and view');
SELECT is_empty($$SELECT role, relation, sqlstate FROM sim.seen WHERE role IN ('t_operator', 't_analyst') AND sqlstate IS NOT NULL AND (role = 't_operator' OR has_table_privilege(role, relation, 'SELECT'))$$, 'without an error, and so does an analyst what is open to analysts');
SELECT is_empty($$SELECT role, relation, foreign_rows FROM sim.seen WHERE role IN ('t_a', 't_b') AND foreign_rows > 0$$, 'a merchant sees no row of another party');
SELECT is_empty($$SELECT relation FROM sim.seen WHERE role = 't_a' AND relation = ANY (ARRAY['usdtpay.party', 'usdtpay.merchant', 'usdtpay.wallet', 'usdtpay.address', 'usdtpay.address_claim',
    'usdtpay.payment_order', 'usdtpay.deposit', 'usdtpay.resolution', 'usdtpay.account', 'usdtpay.account_name', 'usdtpay.posting', 'usdtpay.hold', 'usdtpay.event', 'usdtpay.webhook',
    'usdtpay.order_status', 'usdtpay.payment_option', 'usdtpay.deposit_status']::regclass[]) AND coalesce(rows, 0) = 0$$, 'but its own of each');
SELECT set_eq($$SELECT relation::text FROM sim.seen WHERE role = 't_a' AND sqlstate = '42501'$$,
    $$SELECT unnest(ARRAY['usdtpay.invariants', 'usdtpay.party_login', 'usdtpay.endpoint_status', 'usdtpay.ledger_block']) UNION SELECT relation::text FROM sim.seen WHERE role = 't_a' AND sqlstate = '42501'
      AND relation::text IN ('usdtpay.metrics', 'usdtpay.network_status', 'usdtpay.health')$$, 'the operator''s own are closed to merchants');
SELECT is_empty($$SELECT relation, sqlstate FROM sim.seen WHERE role = 't_a' AND sqlstate NOT IN ('42501')$$, 'nothing else goes wrong');
SELECT is_empty($$SELECT s.relation, s.rows FROM sim.seen AS s JOIN pg_attribute AS t ON t.attrelid = s.relation AND t.attname = 'party_id' WHERE s.role = 't_none' AND s.rows > 0$$, 'a role bound to no party sees no tenant''s row');
SELECT is_empty($$SELECT relation, sqlstate FROM sim.seen WHERE role = 't_stranger' AND sqlstate IS DISTINCT FROM '42501'$$, 'a stranger may not even look');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class AS c WHERE c.relnamespace = 'usdtpay'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
    AND c.relname <> 'party_login' AND EXISTS (SELECT FROM pg_attribute AS t WHERE t.attrelid = c.oid AND t.attname = 'party_id' AND NOT t.attisdropped)$$, 'every tenant table has row-level security');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class AS c WHERE c.relnamespace = 'usdtpay'::regnamespace AND c.relkind = 'v' AND NOT coalesce(c.reloptions && ARRAY['security_invoker=true', 'security_barrier=true'], false)
    AND has_table_privilege('usdtpay_merchant', c.oid, 'SELECT') AND EXISTS (SELECT FROM pg_attribute AS t WHERE t.attrelid = c.oid AND t.attname IN ('party_id', 'party'))$$, 'every view of tenants'' rows runs with the reader''s rights, or filters first');

-- what the issuer does is public; of the addresses it touches a merchant sees its own
INSERT INTO usdtpay.issuer_event (network_id, tx_hash, log_index, block_hash, block_number, block_time, token_id, kind, subject)
SELECT n.network_id, sha256('issuer'), row_number() OVER (), sha256('block'), 1, now(), t.token_id, 'blacklist', o.evm_address
FROM usdtpay.network AS n JOIN usdtpay.token AS t USING (network_id), usdtpay.payment_order AS o WHERE n.code = 'dev' AND o.reference IN ('a1', 'b1');
INSERT INTO usdtpay.issuer_event (network_id, tx_hash, log_index, block_hash, block_number, block_time, token_id, kind)
SELECT n.network_id, sha256('issuer'), 9, sha256('block'), 1, now(), t.token_id, 'pause' FROM usdtpay.network AS n JOIN usdtpay.token AS t USING (network_id) WHERE n.code = 'dev';
SET ROLE t_a;
SELECT is((SELECT count(*)::integer FROM usdtpay.issuer_event), 3, 'a merchant reads what the issuer did');
SELECT set_eq('SELECT kind, address FROM usdtpay.issuer_alert', format('VALUES (''blacklist'', %L), (''pause'', NULL)', (SELECT evm_address FROM usdtpay.order_status WHERE reference = 'a1')), 'and is alerted of its own addresses only');
RESET ROLE;

-- nobody writes
SELECT is_empty($$SELECT r.role, c.oid::regclass, p.priv FROM unnest(usdtpay_internal.role_names()) AS r (role), pg_class AS c, unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p (priv)
    WHERE c.relnamespace IN ('usdtpay'::regnamespace, 'usdtpay_internal'::regnamespace) AND c.relkind IN ('r', 'p', 'v') AND has_table_privilege(r.role, c.oid, p.priv)$$, 'no role may write to any table');
SELECT is_empty($$SELECT r.role, c.oid::regclass FROM unnest(usdtpay_internal.role_names()) AS r (role), pg_class AS c
    WHERE c.relnamespace = 'usdtpay_internal'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND has_table_privilege(r.role, c.oid, 'SELECT')$$, 'no role may read an internal table');
SELECT is_empty($$SELECT r.role, c.oid::regclass FROM unnest(usdtpay_internal.role_names()) AS r (role), pg_class AS c
    WHERE c.relnamespace IN ('usdtpay'::regnamespace, 'usdtpay_internal'::regnamespace) AND c.relkind = 'S' AND has_sequence_privilege(r.role, c.oid, 'USAGE, SELECT, UPDATE')$$, 'nor touch a sequence');
SELECT is_empty($$SELECT r.role FROM unnest(usdtpay_internal.role_names()) AS r (role), unnest(ARRAY['usdtpay', 'usdtpay_internal']) AS s (name) WHERE has_schema_privilege(r.role, s.name, 'CREATE')$$, 'nor create anything in our schemas');
SET ROLE t_a;
SELECT throws_ok(q, '42501', NULL, 'a merchant is refused: ' || q) FROM unnest(ARRAY[
    'UPDATE usdtpay.payment_order SET state = ''paid''', 'INSERT INTO usdtpay.posting SELECT * FROM usdtpay.posting', 'DELETE FROM usdtpay.event', 'TRUNCATE usdtpay.deposit',
    'SELECT * FROM usdtpay_internal.endpoint', 'SELECT * FROM usdtpay_internal.hook_run', 'SELECT nextval(''usdtpay_internal.order_seq'')', 'CREATE TABLE usdtpay.mine ()',
    'CREATE FUNCTION usdtpay_internal.mine() RETURNS void LANGUAGE sql AS ''SELECT''', 'LOCK TABLE usdtpay.payment_order IN EXCLUSIVE MODE', 'SELECT * FROM usdtpay.payment_order FOR UPDATE',
    'SET usdtpay.allow_drop = on', 'SET usdtpay.hook_timeout = 0'
]) AS q;
SET row_security = off;
SELECT throws_ok('SELECT * FROM usdtpay.payment_order', '42501', NULL, 'row_security = off is refused, not obeyed');
RESET row_security;
RESET ROLE;
SET SESSION AUTHORIZATION t_a;
SELECT throws_ok(q, '42501', NULL, 'a merchant is refused: ' || q) FROM unnest(ARRAY['SET ROLE t_b', 'SET ROLE usdtpay_operator', 'SET ROLE postgres']) AS q;
RESET SESSION AUTHORIZATION;

-- functions: what merchants may call, by name
RESET ROLE;
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc AS p WHERE p.pronamespace = 'usdtpay'::regnamespace AND has_function_privilege('usdtpay_merchant', p.oid, 'EXECUTE')
    AND p.proname <> ALL (usdtpay_internal.pure_list()) AND NOT EXISTS (SELECT FROM usdtpay_internal.grant_list() AS g WHERE g.role = 'usdtpay_merchant' AND p.proname = ANY (g.functions))$$, 'merchants may call what the list says');
SELECT is_empty($$SELECT f FROM unnest(ARRAY['network_define', 'network_enable', 'network_disable', 'network_resume', 'rescan', 'token_define', 'token_unpin', 'endpoint_set', 'merchant_create', 'merchant_fee_set',
    'party_login_grant', 'party_login_revoke', 'deposit_assign', 'order_reverse', 'order_expire', 'chain_ingest', 'ledger_post', 'ledger_post_batch', 'ledger_hold', 'ledger_capture', 'ledger_release',
    'ledger_seal', 'account_open', 'account_close', 'hooks_retry', 'retention', 'jobs_schedule', 'roles_setup']) AS f
    WHERE NOT EXISTS (SELECT FROM pg_proc AS p WHERE p.pronamespace = 'usdtpay'::regnamespace AND p.proname = f)
    OR EXISTS (SELECT FROM pg_proc AS p WHERE p.pronamespace = 'usdtpay'::regnamespace AND p.proname = f AND has_function_privilege('usdtpay_merchant', p.oid, 'EXECUTE'))$$, 'and none of the operator''s');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc AS p, unnest(ARRAY['usdtpay_merchant', 'usdtpay_acceptor', 'usdtpay_analyst', 'usdtpay_compliance', 'usdtpay_approver', 'usdtpay_gateway', 'usdtpay_signer']) AS r
    WHERE p.pronamespace = 'usdtpay_internal'::regnamespace AND p.prosecdef AND has_function_privilege(r, p.oid, 'EXECUTE') AND p.proname NOT IN ('visible_from', 'visible_to', 'invariant_list')
    AND p.proname !~ '^(health|metric)'$$, 'no internal function with the owner''s rights is open to people');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc AS p WHERE p.pronamespace IN ('usdtpay'::regnamespace, 'usdtpay_internal'::regnamespace)
    AND has_function_privilege('usdtpay_worker', p.oid, 'EXECUTE') AND NOT has_function_privilege('usdtpay_signer', p.oid, 'EXECUTE')
    AND p.proname !~ '^(worker|scanner|courier)_' AND p.proname <> ALL (usdtpay_internal.worker_list())$$, 'the worker may call what workers need, beyond what every role may');
-- each of them, for another party: refused
CREATE FUNCTION sim.acts_for(p_oid oid, p_party text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_args text;
    v_state text := 'nothing';
BEGIN
    SELECT string_agg(CASE WHEN p.proargnames[n] = 'p_party' THEN quote_literal(p_party) ELSE format('NULL::%s', format_type(p.proargtypes[n - 1], NULL)) END, ', ' ORDER BY n)
    INTO v_args FROM pg_proc AS p, generate_series(1, p.pronargs) AS n WHERE p.oid = p_oid;
    BEGIN
        EXECUTE format('SELECT * FROM %s(%s)', p_oid::regproc, v_args);
    EXCEPTION WHEN OTHERS THEN
        v_state := SQLSTATE;
    END;
    RETURN v_state;
END;
$$;
GRANT USAGE ON SCHEMA sim TO t_a, t_b;
SET ROLE t_a;
SELECT is(sim.acts_for(p.oid, 'b'), 'UP101', format('%s does not act for another party', p.proname))
FROM pg_proc AS p WHERE p.pronamespace = 'usdtpay'::regnamespace AND 'p_party' = ANY (p.proargnames) AND p.proargtypes[array_position(p.proargnames, 'p_party') - 1] = 'text'::regtype
AND has_function_privilege('t_a', p.oid, 'EXECUTE');
SELECT throws_ok(format('SELECT usdtpay.%s(%s)', f, x), 'UP200', NULL, f || ' does not find another party''s object')
FROM (SELECT (SELECT min(order_id) FROM usdtpay.payment_order) AS own) AS o, LATERAL (VALUES ('order_get'), ('order_cancel'), ('order_open')) AS v (f), LATERAL (SELECT 999999 AS x) AS y;
RESET ROLE;
SELECT sim.id('b2') AS b2, sim.id('a2') AS a2 \gset
SET ROLE t_a;
SELECT throws_ok(format('SELECT usdtpay.%s', f), 'UP200', NULL, 'a merchant is told there is no such order: ' || f)
FROM unnest(ARRAY['order_get(' || :b2 || ')', 'order_cancel(' || :b2 || ')', 'order_open(' || :b2 || ')', 'payment_uri(' || :b2 || ', ''dev'')', 'order_settle_underpaid(''k'', ' || :b2 || ', ''r'')']) AS f;
SELECT is((SELECT count(*)::integer FROM usdtpay.order_list()), 2, 'order_list shows its own');
SELECT is((SELECT count(*)::integer FROM usdtpay.order_find('b1')), 0, 'order_find finds its own');
SELECT is((SELECT count(DISTINCT e.object_id)::integer FROM usdtpay.events(0, 1000) AS e WHERE e.object = 'order' AND e.object_id = :b2), 0, 'events are its own');
SELECT is((SELECT created FROM usdtpay.order_create('b1', 10, p_expires_in => '60 seconds')), true, 'a reference of another party is free');

-- a function of the merchant in a query sees no other row: policies come first
CREATE TABLE pg_temp.leak (what text);
RESET ROLE;
CREATE SCHEMA t_a AUTHORIZATION t_a;
SET ROLE t_a;
CREATE TABLE t_a.leak (what text);
CREATE FUNCTION t_a.spy(p_what text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN INSERT INTO t_a.leak VALUES (p_what); RETURN true; END; $$;
SELECT count(*) FROM usdtpay.payment_order WHERE t_a.spy(reference);
SELECT count(*) FROM usdtpay.order_status WHERE t_a.spy(reference);
SELECT count(*) FROM usdtpay.deposit_status WHERE t_a.spy(party);
SELECT bag_eq('SELECT DISTINCT what FROM t_a.leak', ARRAY['a', 'a1', 'a2', 'b1'], 'a spying function sees the merchant''s own rows');
RESET ROLE;

-- one plan, many roles
PREPARE orders AS SELECT count(*)::integer FROM usdtpay.payment_order;
CREATE FUNCTION sim.inlined() RETURNS SETOF text LANGUAGE sql STABLE AS $$ SELECT o.reference FROM usdtpay.payment_order AS o $$;
CREATE FUNCTION sim.wrapped(p_party bigint) RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT count(*) FROM usdtpay.payment_order AS o WHERE o.party_id = p_party $$;
GRANT EXECUTE ON FUNCTION sim.inlined(), sim.wrapped(bigint) TO t_a, t_b, t_none;
GRANT USAGE ON SCHEMA sim TO t_none, t_operator;
CREATE FUNCTION sim.counts() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN concat_ws(' ', (SELECT count(*) FROM usdtpay.payment_order), (SELECT count(*) FROM sim.inlined()), (SELECT max(sim.wrapped(p)) FROM generate_series(1, 1000) AS p), (SELECT count(*) FROM usdtpay.order_status));
END;
$$;
CREATE TEMP TABLE counted (who text, prepared integer, counts text);
GRANT INSERT ON counted TO PUBLIC;
DO $$
DECLARE
    v_role text;
    v_n integer;
BEGIN
    FOREACH v_role IN ARRAY array_cat(array_cat(ARRAY['postgres', 't_a', 't_b', 't_none', 't_a', 't_operator', 't_b'], ARRAY['t_a', 't_a', 't_a', 't_a', 't_a', 't_a']), ARRAY['t_b', 'postgres', 't_none']) LOOP
        EXECUTE format('SET LOCAL ROLE %I', v_role);
        EXECUTE 'EXECUTE orders' INTO v_n;
        INSERT INTO counted VALUES (v_role, v_n, CASE WHEN v_role <> 't_operator' THEN sim.counts() END);
    END LOOP;
    RESET ROLE;
END;
$$;
SELECT set_eq('SELECT DISTINCT who, prepared, counts FROM counted', $$VALUES ('postgres', 5, '5 5 3 5'), ('t_a', 3, '3 3 3 3'), ('t_b', 2, '2 2 2 2'), ('t_none', 0, '0 0 0 0'), ('t_operator', 5, NULL)$$,
    'a prepared plan follows the role, in every form');
-- with generic plans from the start, too
SET plan_cache_mode = force_generic_plan;
PREPARE mine (text) AS SELECT count(*)::integer FROM usdtpay.order_status WHERE reference = $1;
SET ROLE t_a;
EXECUTE mine('a1');
SET ROLE t_b;
CREATE TEMP TABLE IF NOT EXISTS r AS EXECUTE mine('a1');
SELECT is((SELECT count FROM r), 0, 'a generic plan made for one merchant shows another nothing');
RESET ROLE;
RESET plan_cache_mode;

-- a search path full of traps
SET ROLE t_a;
CREATE FUNCTION t_a.int8eq(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END; $$;
CREATE OPERATOR t_a.= (FUNCTION = t_a.int8eq, LEFTARG = bigint, RIGHTARG = bigint);
CREATE FUNCTION t_a.now() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END; $$;
CREATE FUNCTION t_a.format(text, VARIADIC text[]) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END; $$;
CREATE TABLE t_a.payment_order (party_id bigint);
RESET ROLE;
CREATE FUNCTION sim.in_trap(p_sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_result text := 'lives';
BEGIN
    BEGIN
        PERFORM pg_catalog.set_config('search_path', 't_a, pg_catalog, public', true);
        EXECUTE p_sql;
    EXCEPTION WHEN OTHERS THEN
        v_result := SQLERRM;
    END;
    PERFORM pg_catalog.set_config('search_path', 'public', true);
    RETURN v_result;
END;
$$;
SET ROLE t_a;
SELECT is(sim.in_trap('SELECT * FROM usdtpay.' || f), 'lives', 'no trap in the search path is stepped into: ' || f)
FROM unnest(ARRAY['order_create(''trap'', 1)', 'order_get(' || :a2 || ')', 'deposit_address(''trap'', ''dev'')', 'payment_uri(' || :a2 || ', ''dev'')', 'merchant_set(p_late_policy => ''auto'')',
    'order_cancel(' || :a2 || ')', 'order_list()', 'order_find(''a1'')', 'balance()', 'statement(''2020-01-01'', ''2030-01-01'')', 'events()', 'order_status', 'deposit_status', 'payment_option']) AS f;
SELECT is(sim.in_trap('SELECT 1::bigint = 1::bigint'), 'trapped', 'though it is there');
RESET ROLE;

-- history stays, for superusers too
SELECT throws_ok(q, 'UP302', NULL, 'history cannot be changed: ' || q)
FROM unnest(ARRAY['posting', 'event', 'resolution', 'ledger_block']) AS t, LATERAL unnest(ARRAY['DELETE FROM usdtpay.' || t, 'TRUNCATE usdtpay.' || t || ' CASCADE', 'DELETE FROM usdtpay.' || t || ' WHERE false']) AS q;
SELECT throws_ok(q, 'UP302', NULL, 'history cannot be changed: ' || q)
FROM unnest(ARRAY['UPDATE usdtpay.posting SET amount = 1', 'UPDATE usdtpay.event SET payload = ''x''', 'UPDATE usdtpay.resolution SET reason = ''x''', 'UPDATE usdtpay.ledger_block SET root = prev_hash']) AS q;

-- on_paid: the merchant's code, with the merchant's rights, at the merchant's risk
SET ROLE t_a;
CREATE TABLE t_a.log (id bigint, who text, party bigint, visible bigint, state text, path text);
CREATE FUNCTION t_a.paid(p_order bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO t_a.log SELECT p_order, current_user, usdtpay.session_party(), count(*), (usdtpay.order_get(p_order)).state, current_setting('search_path') FROM usdtpay.payment_order;
END;
$$;
CREATE TABLE t_a.mode (how text);
CREATE FUNCTION t_a.fails(p_order bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_how text := (SELECT m.how FROM t_a.mode AS m);
BEGIN
    INSERT INTO t_a.log VALUES (p_order, v_how);
    IF v_how ~ '^[0-9A-Z]{5}$' THEN
        RAISE EXCEPTION USING ERRCODE = v_how, MESSAGE = 'as told';
    ELSE
        EXECUTE v_how;
    END IF;
END;
$$;
SELECT (usdtpay.merchant_set(p_on_paid => 't_a.paid')).on_paid;
SELECT sim.buy('h' || n, p_party => 'a') FROM generate_series(1, 2) AS n;
SELECT (usdtpay.merchant_set(p_on_paid => 't_a.fails')).on_paid;
SELECT sim.buy('f' || n, p_party => 'a') FROM generate_series(1, 40) AS n;
SELECT (usdtpay.merchant_set(p_on_paid => '')).on_paid;
RESET ROLE;
SELECT sim.paid(sim.send(sim.addr('h1'), 10000000, 'h1')) \gset quiet_
SELECT row_eq('SELECT * FROM t_a.log', ROW(sim.id('h1'), 't_a'::text, :a::bigint, (SELECT count(*) FROM usdtpay.payment_order WHERE party_id = :a), 'paid'::text, 'pg_catalog, pg_temp'::text),
    'the hook runs as the merchant''s role, sees the merchant''s rows, in the settling transaction');
SELECT row_eq('SELECT attempts, done_at, next_at, sqlstate, error FROM usdtpay_internal.hook_run WHERE order_id = sim.id(''h1'')', ROW(1, now(), NULL::timestamptz, NULL::text, NULL::text), 'once');
SELECT is(current_user::text || coalesce(usdtpay.session_party()::text, ''), session_user::text, 'and leaves the session as it was');
TRUNCATE t_a.log;
-- whatever a hook does, the order is paid, nothing of the hook stays, and the failure is known
CREATE FUNCTION sim.hook(p_n integer, p_how text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM t_a.mode;
    INSERT INTO t_a.mode VALUES (p_how);
    PERFORM sim.paid(sim.send(sim.addr('f' || p_n), 10000000, 'f' || p_n));
    RETURN (SELECT concat_ws(' ', o.state, h.sqlstate, (SELECT count(*) FROM t_a.log)) FROM usdtpay.payment_order AS o JOIN usdtpay_internal.hook_run AS h USING (party_id, order_id) WHERE o.reference = 'f' || p_n);
END;
$$;
SELECT is(sim.hook(n, how), 'paid ' || state || ' 0', 'a hook that does this: ' || how)
FROM (VALUES
    (1, 'P0001', 'P0001'), (2, 'XX000', 'XX000'), (3, '57014', '57014'), (4, '40001', '40001'), (5, '40P01', '40P01'), (6, 'UP302', 'UP302'), (7, '53200', '53200'), (8, '57P01', '57P01'), (9, 'P0004', 'P0004'),
    (10, 'SELECT 1/0', '22012'), (11, 'UPDATE usdtpay.payment_order SET due = 1', '42501'), (12, 'SELECT * FROM usdtpay_internal.endpoint', '42501'), (13, 'RESET ROLE', '42501'), (14, 'SET ROLE t_b', '42501'),
    (15, 'RESET SESSION AUTHORIZATION', '42501'), (16, 'CREATE TEMP TABLE x ()', '42501'), (17, 'COMMIT', '0A000'), (18, 'ROLLBACK', '0A000'), (19, 'SELECT usdtpay.order_reverse(''k'', 1, ''r'', ''a'')', '42501'),
    (20, 'SELECT usdtpay.order_create(''x'', 1, p_party => ''b'')', 'UP101'), (21, 'CREATE FUNCTION public.int4eq_trap() RETURNS void LANGUAGE sql AS ''SELECT''', '42501'),
    (29, 'DECLARE kept CURSOR WITH HOLD FOR SELECT 1', '42501'), (30, 'PREPARE later AS SELECT 1', '42501'), (31, 'LISTEN somebody', '42501'), (32, 'DISCARD ALL', '42501'),
    (33, 'SET SESSION AUTHORIZATION t_b', '42501'), (34, 'SET usdtpay.hook_role = ''''', '42501'), (35, 'SELECT set_config(''usdtpay.hook_role'', ''10'', true)', '42501'),
    (36, 'SELECT usdtpay_internal.courier_claim(1, 1, ''1 hour'')', '42501'), (37, 'SELECT usdtpay_internal.turn_take(''courier'', 0)', '42501'), (38, 'SELECT pg_terminate_backend(pg_backend_pid())', '42501')
) AS v (n, how, state);
SELECT row_eq('SELECT sqlstate, error, attempts, done_at, next_at FROM usdtpay_internal.hook_run WHERE order_id = sim.id(''f1'')', ROW('P0001'::text, 'as told'::text, 1, NULL::timestamptz, now() + interval '1 minute'), 'the failure is recorded, to be tried again in a minute');
-- a hook that takes its time
SET usdtpay.hook_timeout = '100ms';
SELECT is(sim.hook(22, 'SELECT pg_sleep(60)'), 'paid 57014 0', 'a hook that sleeps is cut off');
SELECT is((SELECT error FROM usdtpay_internal.hook_run WHERE order_id = sim.id('f22')), 'the hook ran longer than usdtpay.hook_timeout', 'and that is said');
SET statement_timeout = '50s';
SELECT is(sim.hook(23, 'SELECT pg_sleep(60)'), 'paid 57014 0', 'also while a statement timeout runs');
RESET statement_timeout;
SELECT is(sim.hook(24, 'SELECT count(*) FROM generate_series(1, 100000000000)'), 'paid 57014 0', 'and one that computes');
SELECT pg_sleep(0.2);
SELECT pass('nothing is left to strike later');
SELECT ok(clock_timestamp() - now() < interval '30 seconds', 'all of that was quick');
RESET usdtpay.hook_timeout;
-- what a hook sets ends with it
SELECT is(sim.hook(25, 'SET search_path = t_a'), 'paid 1', 'a hook may set what it likes');
SELECT isnt(current_setting('search_path'), 't_a', 'for itself');
TRUNCATE t_a.log;
SELECT is(sim.hook(26, 'SET LOCAL statement_timeout = 1'), 'paid 1', 'even a statement timeout');
SELECT is(current_setting('statement_timeout'), '0', 'which does not outlive it');
TRUNCATE t_a.log;
SELECT is(sim.hook(27, 'SELECT set_config(''work_mem'', ''64kB'', false)'), 'paid 1', 'by set_config as well');
SELECT isnt(current_setting('work_mem'), '64kB', 'nor that');
TRUNCATE t_a.log;
-- retried
DELETE FROM t_a.mode;
INSERT INTO t_a.mode VALUES ('SELECT 1');
SELECT is(usdtpay.hooks_retry(), 0, 'nothing is due yet');
UPDATE usdtpay_internal.hook_run SET next_at = now() WHERE order_id IN (sim.id('f1'), sim.id('f2'));
SELECT is(usdtpay.hooks_retry(), 2, 'failed hooks are tried again');
SELECT is((SELECT count(*)::integer FROM t_a.log), 2, 'and run');
SELECT row_eq('SELECT attempts, done_at, next_at, sqlstate FROM usdtpay_internal.hook_run WHERE order_id = sim.id(''f1'')', ROW(2, now(), NULL::timestamptz, NULL::text), 'once they succeed they are done');
SELECT is(usdtpay.hooks_retry(), 0, 'for good');
UPDATE t_a.mode SET how = 'P0001';
UPDATE usdtpay_internal.hook_run SET next_at = now(), attempts = 12 WHERE order_id = sim.id('f3');
SELECT is(usdtpay.hooks_retry(NULL), 0, 'a limit of NULL is one');
SELECT row_eq('SELECT attempts, next_at FROM usdtpay_internal.hook_run WHERE order_id = sim.id(''f3'')', ROW(13, NULL::timestamptz), 'after thirteen tries it is given up');
-- a role that lost its party
SELECT usdtpay.party_login_revoke('t_a');
TRUNCATE t_a.log;
SELECT sim.paid(sim.send(sim.addr('h2'), 10000000, 'h2')) \gset quiet_
SELECT is((SELECT count(*) || ' ' || max(h.sqlstate) FROM t_a.log RIGHT JOIN usdtpay_internal.hook_run AS h ON true WHERE h.order_id = sim.id('h2')), '1 UP101', 'a hook whose role lost the party does not run');
SELECT is_empty('SELECT FROM t_a.log', 'indeed');
SELECT is((SELECT state::text FROM usdtpay.payment_order WHERE reference = 'h2'), 'paid', 'and the order is paid all the same');
-- function or role gone
SELECT usdtpay.party_login_grant('a', 't_a');
DROP FUNCTION t_a.fails(bigint);
SELECT sim.paid(sim.send(sim.addr('f28'), 10000000, 'f28')) \gset quiet_
SELECT is((SELECT o.state || ' ' || h.sqlstate FROM usdtpay.payment_order AS o JOIN usdtpay_internal.hook_run AS h USING (party_id, order_id) WHERE o.reference = 'f28'), 'paid 42883', 'a hook that was dropped fails like any other');

SELECT sim.sound();
SELECT * FROM finish();
ROLLBACK;
