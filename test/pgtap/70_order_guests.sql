-- What order_create owes to whoever put triggers, constraints, indexes and columns of their own on
-- its tables: an integrator's audit trail sees every order, a rule of theirs refuses one whole.
-- Each comes after orders were made in this session, so that nothing it remembers hides them, and
-- order_create is asked again after each went, so that nothing of them stays.
BEGIN;
SELECT no_plan();
\ir lib/chain.sql
\ir lib/order.sql
SELECT usdtpay.roles_setup();
SELECT sim.setup();
CREATE FUNCTION pg_temp.sold(p_reference text, p_amount numeric DEFAULT 10, p_customer text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN created THEN 'new' ELSE 'known' END
    FROM usdtpay.order_create(p_reference, p_amount, p_customer_ref => p_customer, p_metadata => '{"a": 1}', p_party => 'shop')
$$;
SELECT is(pg_temp.sold('before' || i), 'new', 'an order before anything was added') FROM generate_series(1, 2) AS i;

-- audit triggers
CREATE TEMP TABLE audit (n integer GENERATED ALWAYS AS IDENTITY, what text, seen jsonb, stored boolean);
CREATE FUNCTION pg_temp.audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO pg_temp.audit (what, seen, stored) VALUES (
        TG_NAME, to_jsonb(NEW),
        CASE TG_TABLE_NAME
            WHEN 'address' THEN EXISTS (SELECT FROM usdtpay.address AS a WHERE a.order_id = NEW.order_id)
            ELSE EXISTS (SELECT FROM usdtpay.payment_order AS o WHERE o.order_id = NEW.order_id)
        END
    );
    RETURN NEW;
END;
$$;
CREATE FUNCTION pg_temp.audit_statement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO pg_temp.audit (what, seen) SELECT TG_NAME, jsonb_agg(to_jsonb(f)) FROM fresh AS f;
    RETURN NULL;
END;
$$;
CREATE TRIGGER a_address_before BEFORE INSERT ON usdtpay.address FOR EACH ROW EXECUTE FUNCTION pg_temp.audit();
CREATE TRIGGER b_address_after AFTER INSERT ON usdtpay.address FOR EACH ROW EXECUTE FUNCTION pg_temp.audit();
CREATE TRIGGER c_address_statement AFTER INSERT ON usdtpay.address REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION pg_temp.audit_statement();
CREATE TRIGGER d_order_before BEFORE INSERT ON usdtpay.payment_order FOR EACH ROW EXECUTE FUNCTION pg_temp.audit();
CREATE TRIGGER e_order_after AFTER INSERT ON usdtpay.payment_order FOR EACH ROW EXECUTE FUNCTION pg_temp.audit();
CREATE TRIGGER f_order_statement AFTER INSERT ON usdtpay.payment_order REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION pg_temp.audit_statement();
CREATE CONSTRAINT TRIGGER g_order_deferred AFTER INSERT ON usdtpay.payment_order DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pg_temp.audit();
SELECT is(pg_temp.sold('audited'), 'new', 'with triggers on both tables');
SELECT results_eq('SELECT what, stored FROM audit ORDER BY n',
    $$VALUES ('a_address_before', false), ('b_address_after', true), ('c_address_statement', NULL), ('d_order_before', false), ('e_order_after', true), ('f_order_statement', NULL)$$,
    'each fires once, those before before the row is stored, those after after');
SELECT results_eq('SELECT DISTINCT seen FROM audit WHERE what IN (''a_address_before'', ''b_address_after'')',
    'SELECT to_jsonb(a) FROM usdtpay.address AS a WHERE a.order_id = sim.id(''audited'')', 'and sees the address as it is stored');
SELECT results_eq('SELECT DISTINCT seen FROM audit WHERE what IN (''d_order_before'', ''e_order_after'')',
    'SELECT to_jsonb(o) FROM usdtpay.payment_order AS o WHERE o.reference = ''audited''', 'or the order');
SELECT is((SELECT jsonb_agg(seen ORDER BY n) FROM audit WHERE what LIKE '%_statement'),
    (SELECT jsonb_build_array(jsonb_build_array(to_jsonb(a)), jsonb_build_array(to_jsonb(o))) FROM usdtpay.payment_order AS o JOIN usdtpay.address AS a USING (order_id) WHERE o.reference = 'audited'),
    'transition tables have the row');
SET CONSTRAINTS ALL IMMEDIATE;
SELECT is((SELECT count(*)::integer FROM audit WHERE what = 'g_order_deferred' AND stored AND seen ->> 'reference' = 'audited'), 1, 'a deferred one fires when its time has come');
DELETE FROM audit;
SELECT is(pg_temp.sold('audited'), 'known', 'the call again');
SELECT is((SELECT count(*)::integer FROM audit WHERE what <> 'd_order_before'), 0, 'tells nobody of an order that was there');
SELECT sim.refuses($$SELECT usdtpay.order_create('audited', 11, p_party => 'shop')$$, 'UP202', 'what is refused');
SELECT is((SELECT count(*)::integer FROM audit), 0, 'is not told');
SELECT usdtpay.order_create('audited draft', 10, p_draft => true, p_party => 'shop');
SELECT bag_eq('SELECT what FROM audit', $$VALUES ('d_order_before'), ('e_order_after'), ('f_order_statement'), ('g_order_deferred')$$, 'a draft has no address to tell of');
DELETE FROM audit;
SELECT usdtpay.order_open(sim.id('audited draft'), 'shop');
SELECT bag_eq('SELECT what FROM audit', $$VALUES ('a_address_before'), ('b_address_after'), ('c_address_statement')$$, 'until it is opened');
DELETE FROM audit;
SELECT usdtpay.deposit_address('a customer', 'dev', 'shop');
SELECT bag_eq('SELECT what FROM audit', $$VALUES ('a_address_before'), ('b_address_after'), ('c_address_statement')$$, 'as is a customer''s');
CREATE FUNCTION pg_temp.stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.metadata := NEW.metadata || '{"stamp": "integrator"}'; RETURN NEW; END; $$;
CREATE TRIGGER h_order_stamp BEFORE INSERT ON usdtpay.payment_order FOR EACH ROW EXECUTE FUNCTION pg_temp.stamp();
SELECT is(pg_temp.sold('stamped'), 'new', 'a trigger that changes the row');
SELECT is((SELECT metadata FROM usdtpay.payment_order WHERE reference = 'stamped'), '{"a": 1, "stamp": "integrator"}', 'is heeded');
SELECT is(pg_temp.sold('stamped'), 'known', 'and the call is still known by what was asked');
CREATE FUNCTION pg_temp.veto() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not today' USING ERRCODE = 'XX123'; END; $$;
CREATE TRIGGER i_order_veto AFTER INSERT ON usdtpay.payment_order FOR EACH ROW EXECUTE FUNCTION pg_temp.veto();
SELECT sim.refuses($$SELECT pg_temp.sold('vetoed')$$, 'XX123', 'a trigger that refuses refuses the order whole');
ALTER TABLE usdtpay.payment_order DISABLE TRIGGER i_order_veto;
SELECT is(pg_temp.sold('vetoed'), 'new', 'unless it is disabled');
DROP TRIGGER i_order_veto ON usdtpay.payment_order;
CREATE TRIGGER i_address_veto BEFORE INSERT ON usdtpay.address FOR EACH ROW EXECUTE FUNCTION pg_temp.veto();
SELECT sim.refuses($$SELECT pg_temp.sold('vetoed2')$$, 'XX123', 'also for the address');
DROP TRIGGER i_address_veto ON usdtpay.address;
DROP TRIGGER h_order_stamp ON usdtpay.payment_order;
SET client_min_messages = warning;
DROP FUNCTION pg_temp.audit() CASCADE;
DROP FUNCTION pg_temp.audit_statement() CASCADE;
DELETE FROM audit;
SELECT is(pg_temp.sold('unaudited'), 'new', 'without the triggers again');
SELECT is_empty('SELECT FROM audit', 'nobody is told');

-- constraints and indexes: each is added, refuses one order whole, lets the next pass, and goes
CREATE FUNCTION pg_temp.guarded(p_table regclass, p_add text, p_drop text, p_bad text, p_sqlstate text, p_good text, p_name text)
RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(p_add, p_table);
    RETURN NEXT sim.refuses(p_bad, p_sqlstate, p_name || ' refuses');
    RETURN NEXT lives_ok(p_good, 'and lets pass');
    EXECUTE format(p_drop, p_table);
    RETURN NEXT lives_ok(p_bad, 'and is gone when it was dropped');
END;
$$;
SELECT pg_temp.guarded('usdtpay.payment_order', 'ALTER TABLE %s ADD CONSTRAINT guest CHECK (due < 5000000) NOT VALID', 'ALTER TABLE %s DROP CONSTRAINT guest',
    $$SELECT pg_temp.sold('check', 5)$$, '23514', $$SELECT pg_temp.sold('check ok', 4)$$, 'a CHECK on orders');
SELECT pg_temp.guarded('usdtpay.address', 'ALTER TABLE %s ADD CONSTRAINT guest CHECK (given_at IS NULL OR order_id IS NULL) NOT VALID', 'ALTER TABLE %s DROP CONSTRAINT guest',
    $$SELECT pg_temp.sold('check address')$$, '23514', $$SELECT usdtpay.deposit_address('guest', 'dev', 'shop')$$, 'a CHECK on addresses');
SELECT pg_temp.guarded('usdtpay.payment_order', 'CREATE UNIQUE INDEX guest ON %s (lower(reference)) WHERE reference ~* ''^unique''', 'DROP INDEX usdtpay.guest',
    format('SELECT pg_temp.sold(%L)', r), '23505', $$SELECT pg_temp.sold('unique ok')$$, 'a unique index on orders')
FROM (SELECT 'UNIQUE' AS r, pg_temp.sold('unique')) AS x;
SELECT pg_temp.guarded('usdtpay.payment_order', 'CREATE UNIQUE INDEX guest ON %s (customer_ref, due)', 'DROP INDEX usdtpay.guest',
    $$SELECT pg_temp.sold('twice', 3, 'c')$$, '23505', $$SELECT pg_temp.sold('twice ok', 4, 'c')$$, 'one of two columns') FROM pg_temp.sold('once', 3, 'c');
SELECT pg_temp.guarded('usdtpay.payment_order', 'ALTER TABLE %s ADD CONSTRAINT guest EXCLUDE USING btree (price_currency WITH =)', 'ALTER TABLE %s DROP CONSTRAINT guest',
    $$SELECT usdtpay.order_create('eur2', 10, 'EUR', p_rate => 2, p_party => 'shop')$$, '23P01', $$SELECT usdtpay.order_create('chf', 10, 'CHF', p_rate => 2, p_party => 'shop')$$, 'an exclusion constraint')
FROM usdtpay.order_create('eur1', 10, 'EUR', p_rate => 2, p_party => 'shop');
-- a rule of theirs that calls a function follows what the function becomes
CREATE FUNCTION sim.allowed(p_due bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT p_due < 5000000';
CREATE FUNCTION sim.allowed_too(p_due bigint) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN p_due < 5000000; END';
ALTER TABLE usdtpay.payment_order ADD CONSTRAINT guest CHECK (sim.allowed(due)) NOT VALID, ADD CONSTRAINT guest_too CHECK (sim.allowed_too(due)) NOT VALID;
SELECT lives_ok($$SELECT pg_temp.sold('allowed', 4)$$, 'a CHECK that calls functions');
SELECT sim.refuses($$SELECT pg_temp.sold('not allowed', 5)$$, '23514', 'refuses by what they say');
CREATE OR REPLACE FUNCTION sim.allowed(p_due bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT p_due < 4000000';
SELECT sim.refuses($$SELECT pg_temp.sold('allowed before', 4)$$, '23514', 'also once one says something else');
CREATE OR REPLACE FUNCTION sim.allowed(p_due bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT p_due < 6000000';
CREATE OR REPLACE FUNCTION sim.allowed_too(p_due bigint) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN p_due < 6000000; END';
SELECT lives_ok($$SELECT pg_temp.sold('allowed now', 5)$$, 'and lets pass what they allow now');
ALTER TABLE usdtpay.payment_order DROP CONSTRAINT guest, DROP CONSTRAINT guest_too;
CREATE TABLE sim.customer (ref text PRIMARY KEY);
INSERT INTO sim.customer VALUES ('registered');
SELECT pg_temp.guarded('usdtpay.payment_order', 'ALTER TABLE %s ADD CONSTRAINT guest FOREIGN KEY (customer_ref) REFERENCES sim.customer NOT VALID', 'ALTER TABLE %s DROP CONSTRAINT guest',
    $$SELECT pg_temp.sold('stranger', 10, 'stranger')$$, '23503', $$SELECT pg_temp.sold('registered', 10, 'registered')$$, 'a foreign key');
ALTER TABLE usdtpay.payment_order ADD COLUMN guest text DEFAULT '';
SELECT pg_temp.guarded('usdtpay.payment_order', 'ALTER TABLE %s ALTER guest SET NOT NULL, ALTER guest DROP DEFAULT', 'ALTER TABLE %s DROP COLUMN guest',
    $$SELECT pg_temp.sold('unfilled')$$, '23502', $$SELECT pg_temp.sold('before1')$$, 'a column that must be filled');

-- columns
ALTER TABLE usdtpay.payment_order ADD COLUMN guest_default text NOT NULL DEFAULT 'x' || 'y', ADD COLUMN guest_made numeric GENERATED ALWAYS AS (due * 2) STORED, ADD COLUMN guest_null text;
ALTER TABLE usdtpay.address ADD COLUMN guest_default timestamptz NOT NULL DEFAULT clock_timestamp(), ADD COLUMN guest_made text GENERATED ALWAYS AS (family || idx) STORED;
SELECT is(pg_temp.sold('columns'), 'new', 'columns were added');
SELECT row_eq('SELECT guest_default, guest_made, guest_null FROM usdtpay.payment_order WHERE reference = ''columns''', ROW('xy'::text, 20000000::numeric, NULL::text), 'they have their defaults and what is made of others');
SELECT is((SELECT guest_default >= now() AND guest_made = family || idx FROM usdtpay.address WHERE order_id = sim.id('columns')), true, 'an address''s too');
ALTER TABLE usdtpay.payment_order DROP COLUMN guest_default, DROP COLUMN guest_made, DROP COLUMN guest_null;
ALTER TABLE usdtpay.address DROP COLUMN guest_default, DROP COLUMN guest_made;
SELECT is(pg_temp.sold('fewer'), 'new', 'and dropped');
SELECT is((SELECT due FROM usdtpay.payment_order WHERE reference = 'fewer'), 10000000::bigint, 'the row is whole');
SELECT is(pg_temp.sold('fewer'), 'known', 'and found');

SAVEPOINT typed;
ALTER TABLE usdtpay.payment_order ALTER request_hash TYPE numeric;
SELECT sim.refuses($$SELECT pg_temp.sold('typed')$$, 'UP203', 'a column that was given another type is not written as what it was');
SELECT sim.refuses($$SELECT pg_temp.sold('fewer')$$, 'UP203', 'nor read');
ROLLBACK TO typed;
ALTER TABLE usdtpay.address ALTER custodial TYPE text;
SELECT sim.refuses($$SELECT pg_temp.sold('typed')$$, 'UP203', 'an address''s neither');
ROLLBACK TO typed;
SELECT is(pg_temp.sold('typed'), 'new', 'as it was it is written again');

SELECT * FROM finish();
ROLLBACK;
