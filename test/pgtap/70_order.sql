-- Orders before money: creating, opening, cancelling, expiring, their addresses and amounts, and
-- the table of moves.
BEGIN;
SELECT no_plan();
\ir lib/chain.sql
\ir lib/order.sql
SELECT usdtpay.roles_setup();
SELECT sim.refuses($$SELECT usdtpay.order_create('o', 1, p_party => 'shop')$$, 'UP200', 'an operator naming a party that does not exist');
SELECT usdtpay.merchant_create('early', 'Early');
SELECT sim.refuses($$SELECT usdtpay.order_create('o', 1, p_party => 'early')$$, 'UP203', 'without networks nothing can be paid');
SELECT sim.setup();
SELECT sim.refuses($$SELECT usdtpay.order_create('o', 1, p_party => 'platform')$$, 'UP203', 'the platform sells nothing');

-- order_create: the answer
CREATE TEMP TABLE a AS SELECT * FROM usdtpay.order_create('o1', 10.5, p_party => 'shop');
SELECT row_eq('SELECT state, amount, tron_address, created, expires_at FROM a', ROW('pending'::text, 10.5, NULL::text, true, now() + interval '30 minutes'), 'an order is created');
SELECT is((SELECT amount::text FROM a), '10.500000', 'amounts have six decimals');
SELECT is((SELECT evm_address FROM a), sim.addr('o1'), 'the address is the order''s');
SELECT row_eq('SELECT created, order_id FROM usdtpay.order_create(''o1'', 10.50, p_party => ''shop'')', ROW(false, (SELECT order_id FROM a)), 'the same call returns the first order');
SELECT row_eq('SELECT amount, evm_address, expires_at FROM usdtpay.order_create(''o1'', 10.5, p_party => ''shop'')', (SELECT ROW(amount, evm_address, expires_at) FROM a), 'with the same answer');
SELECT is((SELECT count(*)::integer FROM usdtpay.payment_order), 1, 'and makes no second one');
SELECT sim.refuses(format('SELECT usdtpay.order_create(''o1'', %s, p_party => ''shop'')', a), 'UP202', format('the reference with (%s) is another order', a))
FROM unnest(ARRAY[
    '10.500001', '10.5, p_expires_in => ''30 minutes''', '10.5, p_networks => ''{dev}''', '10.5, p_customer_ref => ''x''',
    '10.5, p_customer_ref => ''''', '10.5, p_metadata => ''{}''', '10.5, p_metadata => ''null''', '10.5, p_rate_source => ''x''',
    '10.5, p_draft => true', '10.5, ''EUR'', p_rate => 1'
]) AS a;
SELECT is((usdtpay.order_create('o1', 10.5, p_party => 'early')).created, true, 'another merchant may use the reference');
SELECT is((usdtpay.order_create('h1', 1, p_expires_in => '1 hour', p_networks => '{dev}', p_metadata => '{"a": 1, "b": 2}', p_party => 'shop')).created, true, 'a full call');
SELECT is((usdtpay.order_create('h1', 1.000, p_expires_in => '60 minutes', p_networks => '{dev}', p_metadata => '{"b": 2, "a": 1.0}', p_party => 'shop')).created, false, 'equal values are the same call');
SELECT sim.refuses($$SELECT usdtpay.order_create('h1', 1, p_expires_in => '1 hour', p_customer_ref => 'dev', p_metadata => '{"a": 1, "b": 2}', p_party => 'shop')$$, 'UP202', 'a value does not pass for its neighbour');

-- order_create: refusals
SELECT sim.refuses(format('SELECT usdtpay.order_create(%s, p_party => ''shop'')', a), b, format('order_create(%s) is refused with %s', left(a, 60), b))
FROM (VALUES
    ('NULL, 1', 'UP000'), ('''''' || ', 1', 'UP000'), ('repeat(''x'', 201), 1', 'UP000'), ('repeat(''x'', 1000000), 1', 'UP000'),
    ('''n'', NULL', 'UP004'), ('''n'', 0', 'UP004'), ('''n'', -1', 'UP004'), ('''n'', ''NaN''', 'UP004'), ('''n'', ''Infinity''', 'UP004'), ('''n'', ''-Infinity''', 'UP004'),
    ('''n'', 0.0000001', 'UP004'), ('''n'', 1.0000001', 'UP004'), ('''n'', 1000000000.000001', 'UP004'), ('''n'', 1e1000', 'UP004'), ('''n'', 1e-1000', 'UP004'),
    ('''n'', 1, NULL', 'UP004'), ('''n'', 1, ''''', 'UP004'), ('''n'', 1, ''usdt''', 'UP004'), ('''n'', 1, ''EUR''', 'UP004'), ('''n'', 1, ''EURO'', p_rate => 1', 'UP004'),
    ('''n'', 1, ''EUR'', p_rate => 0', 'UP004'), ('''n'', 1, ''EUR'', p_rate => -1', 'UP004'), ('''n'', 1, ''EUR'', p_rate => ''NaN''', 'UP004'),
    ('''n'', 1, ''EUR'', p_rate => ''Infinity''', 'UP004'), ('''n'', 1e100000, ''EUR'', p_rate => 1e-1000', 'UP004'), ('''n'', 1, ''EUR'', p_rate => 1e-1000', 'UP004'),
    ('''n'', ''NaN'', ''EUR'', p_rate => 1', 'UP004'), ('''n'', ''Infinity'', ''EUR'', p_rate => 1', 'UP004'), ('''n'', 0, ''EUR'', p_rate => 1', 'UP004'),
    ('''n'', 1e18, ''EUR'', p_rate => 1', 'UP004'), ('''n'', 1, p_rate => 1', 'UP000'),
    ('''n'', 1, p_expires_in => ''0''', 'UP000'), ('''n'', 1, p_expires_in => ''-1 minute''', 'UP000'), ('''n'', 1, p_expires_in => ''91 days''', 'UP000'),
    ('''n'', 1, p_networks => ''{nope}''', 'UP203'), ('''n'', 1, p_networks => ''{}''', 'UP203'), ('''n'', 1, p_networks => ''{dev,nope}''', 'UP203'),
    ('''n'', 1, p_networks => ''{dev,NULL}''', 'UP203'), ('''n'', 1, p_networks => ''{NULL}''', 'UP203'), ('''n'', 1, p_networks => ''{""}''', 'UP203'),
    ('''n'', 1, p_customer_ref => repeat(''x'', 201)', 'UP000'), ('''n'', 1, p_metadata => to_jsonb(repeat(''x'', 8191))', 'UP000'),
    ('''n'', 1, ''EUR'', p_rate => 1, p_rate_source => repeat(''x'', 201)', 'UP000')
) AS v (a, b);
SELECT sim.refuses($$SELECT usdtpay.order_create('n', 1)$$, 'UP100', 'somebody must sell');
SELECT sim.refuses($$SELECT usdtpay.order_create('n', 1, p_metadata => '"\u0000"', p_party => 'shop')$$, '22P05', 'a NUL is no text');
SELECT is((SELECT count(*)::integer FROM usdtpay.payment_order WHERE reference = 'n'), 0, 'a refused order leaves nothing');

-- boundaries and NULLs that mean "default"
SELECT is((usdtpay.order_create('b' || n, v, p_party => 'shop')).amount, v, format('%s USDT can be asked for', v))
FROM (VALUES (1, 0.000001), (2, 1000000000), (3, 123456789.123456)) AS t (n, v);
SELECT is((usdtpay.order_create(repeat('é', 200), 1, p_party => 'shop')).state, 'pending', 'references have up to 200 characters');
SELECT is((usdtpay.order_create('b4', 1, p_metadata => to_jsonb(repeat('x', 8190)), p_party => 'shop')).state, 'pending', 'metadata up to 8192');
SELECT is((usdtpay.order_create('b5', 1, 'USDT', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'shop')).state, 'pending', 'NULL means the default, for p_draft too');
SELECT isnt(sim.addr('b5'), NULL, 'and it has an address');
SELECT is((usdtpay.order_create('b6', 1, p_expires_in => v::interval, p_party => 'shop')).expires_at, now() + v::interval, 'an order may live ' || v) FROM unnest(ARRAY['1 second']) AS v;
SELECT is((usdtpay.order_create('b7', 1, p_expires_in => '90 days', p_party => 'shop')).expires_at, now() + interval '90 days', 'or 90 days');
SELECT is((SELECT count(DISTINCT evm_address)::integer FROM usdtpay.payment_order), (SELECT count(*)::integer FROM usdtpay.payment_order), 'every order has its own address');

-- fiat
SELECT row_eq($$SELECT amount, state FROM usdtpay.order_create('f1', 72.4, 'CNY', p_rate => 7.24, p_rate_source => 'desk', p_rate_at => '2026-01-01Z', p_party => 'shop')$$,
    ROW(10.000000, 'pending'::text), 'a fiat price is divided by the rate');
SELECT is((usdtpay.order_create('f2', 10, 'EUR', p_rate => 3, p_party => 'shop')).amount, 3.3334, 'and rounded up to four decimals');
SELECT is((usdtpay.order_create('f3', 0.00000001, 'EUR', p_rate => 1000000, p_party => 'shop')).amount, 0.0001, 'never to nothing');
SELECT row_eq('SELECT price_amount, price_currency, rate, rate_source, rate_at FROM usdtpay.order_status WHERE reference = ''f1''',
    ROW(72.4::numeric, 'CNY'::text, 7.24::numeric, 'desk'::text, '2026-01-01Z'::timestamptz), 'price, rate, its source and time are kept');
SELECT row_eq('SELECT rate_source, rate_at FROM usdtpay.order_status WHERE reference = ''f2''', ROW('caller'::text, now()), 'without a source it was the caller, now');

-- inside the caller's transaction
SAVEPOINT s;
SELECT sim.buy('gone');
ROLLBACK TO s;
SELECT is(sim.id('gone'), NULL, 'a rollback leaves nothing behind');
SELECT is_empty($$SELECT FROM usdtpay.address AS a WHERE a.order_id IS NOT NULL AND NOT EXISTS (SELECT FROM usdtpay.payment_order AS o WHERE o.order_id = a.order_id)$$, 'no address either');

-- a value a table compressed is as long as it was
CREATE TEMP TABLE long AS SELECT repeat('x', 9000) AS r;
SELECT ok(pg_column_size(r) < 200, 'it is compressed') FROM long;
SELECT sim.refuses('SELECT usdtpay.order_create(r, 1, p_party => ''shop'') FROM long', 'UP000', 'a reference of 9000 characters is too long');

-- what the merchant's settings say is snapshotted
SELECT usdtpay.merchant_set('2 hours', 0.5, 0.25, NULL, 'review', 'hold', NULL, '{dev}', p_party => 'shop');
SELECT usdtpay.merchant_fee_set('shop', 100);
SELECT sim.buy('snap', 10, NULL);
SELECT usdtpay.merchant_set('1 hour', 0, 0, NULL, 'auto', 'accept', NULL, '{}', p_party => 'shop');
SELECT usdtpay.merchant_fee_set('shop', 0);
SELECT row_eq('SELECT expires_at - created_at, underpay_tolerance, overpay_tolerance, late_policy, overpay_policy, fee_bps FROM usdtpay.payment_order WHERE reference = ''snap''',
    ROW('2 hours'::interval, 500000::bigint, 250000::bigint, 'review'::usdtpay.late_policy, 'hold'::usdtpay.overpay_policy, 100), 'an order keeps the settings it was created with');
SELECT usdtpay.merchant_set(p_networks => '{nope}', p_party => 'shop');
SELECT sim.refuses($$SELECT sim.buy('n')$$, 'UP203', 'a merchant''s own list of networks must be served');
SELECT usdtpay.merchant_set(p_networks => '{}', p_party => 'shop');

-- drafts
SELECT row_eq($$SELECT state, evm_address, created FROM usdtpay.order_create('d1', 5, p_expires_in => '10 minutes', p_draft => true, p_party => 'shop')$$, ROW('draft'::text, NULL::text, true), 'a draft has no address');
SELECT sim.refuses(format('SELECT usdtpay.payment_uri(%s, ''dev'', p_party => ''shop'')', sim.id('d1')), 'UP200', 'nor a payment URI');
SELECT sim.refuses(format('SELECT * FROM usdtpay.payment_forms(%s, ''shop'')', sim.id('d1')), 'UP200', 'nor any form of one');
SELECT is_empty('SELECT FROM usdtpay.payment_option WHERE order_id = sim.id(''d1'')', 'nor ways to pay it');
UPDATE usdtpay.payment_order SET created_at = created_at - interval '1 day', expires_at = expires_at - interval '1 day' WHERE reference = 'd1';
SELECT is(usdtpay.order_open(sim.id('d1'), 'shop'), 'pending', 'opening it');
SELECT isnt(sim.addr('d1'), NULL, 'gives it an address');
SELECT is((SELECT expires_at FROM usdtpay.payment_order WHERE reference = 'd1'), now() + interval '10 minutes', 'and starts its clock');
SELECT sim.addr('d1') AS d1 \gset
SELECT is(usdtpay.order_open(sim.id('d1'), 'shop'), 'pending', 'opening it again is harmless');
SELECT is(sim.addr('d1'), :'d1', 'and gives no second address');
SELECT is(sim.events('order', sim.id('d1')), 'order.pending', 'one event tells');
SELECT usdtpay.order_create('d2', 5, p_draft => true, p_party => 'shop');
SELECT is(usdtpay.order_cancel(sim.id('d2'), 'shop'), 'canceled', 'a draft can be cancelled');
SELECT is(usdtpay.order_open(sim.id('d2'), 'shop'), 'canceled', 'and then not opened');
SELECT usdtpay.order_create('d3', 5, p_draft => true, p_party => 'shop');
SELECT usdtpay.wallet_close('main', 'platform');
SELECT sim.refuses(format('SELECT usdtpay.order_open(%s, ''shop'')', sim.id('d3')), 'UP203', 'without a wallet a draft stays one');
UPDATE usdtpay.wallet SET active = true;
UPDATE usdtpay.network SET enabled = false;
SELECT sim.refuses(format('SELECT usdtpay.order_open(%s, ''shop'')', sim.id('d3')), 'UP203', 'and without an enabled network');
UPDATE usdtpay.network SET enabled = true;

-- cancelling
SELECT sim.buy('c1');
SELECT is(usdtpay.order_cancel(sim.id('c1'), 'shop'), 'canceled', 'a pending order can be cancelled');
SELECT is(usdtpay.order_cancel(sim.id('c1'), 'shop'), 'canceled', 'more than once');
SELECT is(sim.events('order', sim.id('c1')), 'order.canceled', 'which is told once');
SELECT sim.refuses(format('SELECT usdtpay.%s(%s)', f, a), b, format('%s(%s) is refused with %s', f, a, b))
FROM unnest(ARRAY['order_open', 'order_cancel', 'order_get']) AS f,
(VALUES ('NULL, ''shop''', 'UP200'), ('0, ''shop''', 'UP200'), ('-1, ''shop''', 'UP200'), ('9223372036854775807, ''shop''', 'UP200'),
        (sim.id('c1') || ', ''early''', 'UP200'), (sim.id('c1') || ', ''nope''', 'UP200'), (sim.id('c1')::text, 'UP100')) AS v (a, b);

-- the table of moves: each that it lists can be made, no other
CREATE TEMP TABLE move AS
SELECT f.s AS f, t.s AS t, EXISTS (SELECT FROM usdtpay_internal.order_transition() AS x WHERE x.from_state = f.s AND x.to_state = t.s) AS listed
FROM unnest(enum_range(NULL::usdtpay.order_state)) AS f (s), unnest(enum_range(NULL::usdtpay.order_state)) AS t (s);
SELECT set_eq('SELECT f || '' '' || t FROM move WHERE listed', ARRAY[
    'draft pending', 'draft canceled', 'pending confirming', 'pending partially_paid', 'pending paid', 'pending expired', 'pending canceled',
    'partially_paid confirming', 'partially_paid paid', 'partially_paid pending', 'partially_paid underpaid',
    'confirming paid', 'confirming partially_paid', 'confirming pending',
    'expired underpaid', 'expired paid', 'underpaid paid', 'canceled underpaid', 'canceled paid', 'paid reversed'
], 'these moves exist');
SELECT sim.buy('m');
CREATE FUNCTION pg_temp.move(p_from usdtpay.order_state, p_to usdtpay.order_state) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_order usdtpay.payment_order;
BEGIN
    UPDATE usdtpay.payment_order SET state = p_from WHERE reference = 'm' RETURNING * INTO v_order;
    RETURN (usdtpay_internal.order_move_to(v_order, p_to, false)).state;
EXCEPTION WHEN SQLSTATE 'UP201' THEN
    RETURN 'UP201';
END;
$$;
SELECT is(pg_temp.move(f, t), CASE WHEN listed THEN t::text ELSE 'UP201' END, format('%s to %s %s', f, t, CASE WHEN listed THEN 'can be made' ELSE 'is refused' END)) FROM move;
SELECT is((SELECT event_seq FROM usdtpay.payment_order WHERE reference = 'm'), 20, 'every move was told');

-- what follows from money never leaves the table
CREATE TEMP TABLE derived AS
SELECT s, n, f, usdtpay_internal.order_next(s, 10, n, f) AS t
FROM unnest(enum_range(NULL::usdtpay.order_state)) AS s, (VALUES (0::bigint, 0::bigint), (1, 0), (1, 1), (10, 0), (10, 1), (10, 10), (11, 10), (11, 11)) AS v (n, f);
-- a reorg can take an unpaid order back any step; money that is final never goes away
SELECT is_empty($$SELECT s, n, f, t FROM derived WHERE t <> s AND NOT EXISTS (
        SELECT FROM usdtpay_internal.order_transition() AS x WHERE x.from_state = s AND x.to_state = t)$$, 'order_next makes listed moves only');
SELECT is(usdtpay_internal.order_next('underpaid', 10, 0, 0)::text, 'underpaid', 'an ended order does not come to life again');

-- expiry goes by the chain's clock
UPDATE usdtpay.payment_order SET state = 'canceled' WHERE state NOT IN ('canceled');
SELECT sim.buy('e1', p_expires_in => '60 seconds'), sim.buy('e2', p_expires_in => '61 seconds');
SELECT is(usdtpay.order_expire(), 0, 'nothing expires before the chain was looked at');
SELECT sim.grow('{}', 61) \gset quiet_
SELECT is((SELECT tip_number FROM usdtpay.chain_cursor), 1060::bigint, 'the chain stands at the last moment of e1');
SELECT is(usdtpay.order_expire(), 0, 'which is in time');
SELECT sim.grow() \gset quiet_
SELECT is(usdtpay.order_expire(), 1, 'a second later it is over');
SELECT is(sim.order('e1') || ', ' || sim.order('e2'), 'expired 10/0/0, pending 10/0/0', 'for e1 only');
SELECT is(usdtpay.order_expire(), 0, 'once');
SELECT is(sim.events('order', sim.id('e1')), 'order.expired', 'and that is told');
SELECT sim.refuses(format('SELECT usdtpay.order_cancel(%s, ''shop'')', sim.id('e1')), 'UP201', 'what ended cannot be cancelled');
SELECT sim.grow('{}', 100) \gset quiet_
SELECT sim.buy('e3', p_expires_in => '2 seconds'), sim.buy('e4', p_expires_in => '2 seconds'), sim.buy('e5', p_expires_in => '3 seconds');
SELECT is(usdtpay.order_expire(NULL), 1, 'the limit is at least one');
SELECT is(usdtpay.order_expire(0), 1, 'also when it is 0');
SELECT is(usdtpay.order_expire(-5), 1, 'or less');
SELECT is(usdtpay.order_expire(2147483647), 1, 'and at most a hundred thousand');

-- two networks: the slower one decides
SELECT usdtpay.network_define('slow', 'evm', 31338, '0x00000000000000000000000000000000000000aa', 6, p_header_check => 'none');
UPDATE usdtpay.network SET enabled = true WHERE code = 'slow';
SELECT sim.buy('t1', p_expires_in => '60 seconds'), sim.buy('t2', p_expires_in => '60 seconds', p_networks => '{dev}'), sim.buy('t3', p_expires_in => '60 seconds', p_networks => '{slow}');
SELECT is(usdtpay.order_expire(), 1, 'a network never looked at holds the orders that may be paid on it');
SELECT is(sim.order('t1') || ', ' || sim.order('t2'), 'pending 10/0/0, expired 10/0/0', 'and only those');
SELECT sim.grow('{}', 61, 'slow') \gset quiet_
SELECT is(usdtpay.order_expire(), 0, 'a network that is behind too');
UPDATE usdtpay.network SET enabled = false WHERE code = 'slow';
SELECT is(usdtpay.order_expire(), 1, 'a disabled one is left out');
SELECT is(sim.order('t1') || ', ' || sim.order('t3'), 'expired 10/0/0, pending 10/0/0', 'but an order that has no other waits for it');
UPDATE usdtpay.network SET enabled = true WHERE code = 'slow';
SELECT sim.grow('{}', 1, 'slow') \gset quiet_
SELECT is(usdtpay.order_expire(), 1, 'until it is back and past');
SELECT is(sim.order('t3'), 'expired 10/0/0', 'then it expires');
UPDATE usdtpay.network SET enabled = false WHERE code = 'slow';

-- pool wallets: one open order per address
SELECT usdtpay.merchant_create('pooled', 'Pooled');
SELECT usdtpay.wallet_add('p', 'pool', 'evm', p_addresses => '{0x0000000000000000000000000000000000000001,0x0000000000000000000000000000000000000002}', p_quarantine => '1 hour', p_party => 'pooled') AS pool \gset
SELECT sim.buy('p1', p_party => 'pooled'), sim.buy('p2', p_party => 'pooled');
SELECT is(sim.addr('p1') || ' ' || sim.addr('p2'), '0x0000000000000000000000000000000000000001 0x0000000000000000000000000000000000000002', 'a pool lends its addresses in order');
SELECT sim.refuses($$SELECT sim.buy('p3', p_party => 'pooled')$$, 'UP204', 'until none is left');
SELECT results_eq(format('SELECT idx, amount, during FROM usdtpay.address_claim WHERE wallet_id = %s ORDER BY idx', :pool),
    $$SELECT i::bigint, 0::bigint, tstzrange(now() - interval '10 minutes', now() + interval '1 hour 1 minute') FROM generate_series(0, 1) AS i$$, 'each claimed for the order''s time and the quarantine');
SELECT usdtpay.order_cancel(sim.id('p1'), 'pooled');
SELECT sim.refuses($$SELECT sim.buy('p3', p_party => 'pooled')$$, 'UP204', 'a cancelled order keeps its address: money may be on the way');
UPDATE usdtpay.address SET free_at = now() - interval '9 minutes' WHERE wallet_id = :pool AND idx = 0;
SELECT sim.refuses($$SELECT sim.buy('p3', p_party => 'pooled')$$, 'UP204', 'ten minutes lie between two orders');
UPDATE usdtpay.address SET free_at = now() - interval '11 minutes' WHERE wallet_id = :pool AND idx = 0;
UPDATE usdtpay.address_claim SET during = tstzrange(lower(during) - interval '1 day', now() - interval '11 minutes') WHERE wallet_id = :pool AND idx = 0;
SELECT lives_ok($$SELECT sim.buy('p3', p_party => 'pooled')$$, 'after the quarantine it is lent again');
SELECT is(sim.addr('p3'), sim.addr('p1'), 'the same address');
SELECT usdtpay.wallet_add('p', 'pool', 'evm', p_addresses => '{0x0000000000000000000000000000000000000003}', p_party => 'pooled');
SELECT lives_ok($$SELECT sim.buy('p4', p_party => 'pooled')$$, 'a new address serves at once');

-- shared wallets: one address, told apart by amount
SELECT usdtpay.merchant_create('sharing', 'Sharing');
SELECT usdtpay.wallet_add('s', 'shared', 'evm', p_addresses => '{0x00000000000000000000000000000000000000A1}', p_quarantine => '1 hour', p_party => 'sharing') AS shared \gset
SELECT results_eq($$SELECT amount FROM generate_series(1, 4) AS i, usdtpay.order_create('s' || i, 10, p_party => 'sharing') ORDER BY i$$, ARRAY[10.000000, 10.0001, 10.0002, 10.0003], 'amounts are 0.0001 apart');
SELECT is((usdtpay.order_create('s5', 10.0001, p_party => 'sharing')).amount, 10.0004, 'an amount that is taken moves up');
SELECT is((usdtpay.order_create('s6', 10.00005, p_party => 'sharing')).amount, 10.00005, 'one that is free does not');
SELECT is((usdtpay.order_create('s1', 10, p_party => 'sharing')).amount, 10.000000, 'repeating the call gives the first amount');
SELECT is((usdtpay.order_create('s2', 10, p_party => 'sharing')).amount, 10.0001, 'also where it had moved');
SELECT is((SELECT count(DISTINCT evm_address)::integer FROM usdtpay.order_status WHERE party = 'sharing'), 1, 'all of them have the one address');
SELECT results_eq(format('SELECT DISTINCT upper(c.during) - o.expires_at FROM usdtpay.address_claim AS c JOIN usdtpay.payment_order AS o USING (party_id, order_id) WHERE c.wallet_id = %s', :shared),
    ARRAY[interval '1 hour'], 'an amount stays reserved for the quarantine after its order');
UPDATE usdtpay.address_claim SET during = tstzrange('2020-01-01', now() - interval '10 minutes') WHERE wallet_id = :shared AND amount = 10000000;
SELECT is((usdtpay.order_create('s7', 10, p_party => 'sharing')).amount, 10.000000, 'after the quarantine an amount is free again');
SELECT usdtpay.wallet_add('s', 'shared', 'evm', p_addresses => '{0x00000000000000000000000000000000000000A2}', p_party => 'sharing');
SELECT row_eq($$SELECT amount, evm_address FROM usdtpay.order_create('s8', 10, p_party => 'sharing')$$, ROW(10.000000, '0x00000000000000000000000000000000000000A2'::text), 'a second address doubles the amounts');
SELECT throws_ok(format('INSERT INTO usdtpay.address_claim VALUES (1, 1, %s, 0, 10000000, tstzrange(now(), now() + interval ''1 second''))', :shared), '23P01', NULL, 'the exclusion constraint makes a collision impossible');
INSERT INTO usdtpay.address_claim (party_id, order_id, wallet_id, idx, amount, during)
SELECT 1, 1000000 + i * 2 + j, :shared, j, 20000000 + 100 * i, tstzrange(now(), now() + interval '1 day') FROM generate_series(0, 9998) AS i, generate_series(0, 1) AS j;
SELECT is((usdtpay.order_create('s9', 20, p_party => 'sharing')).amount, 20.9999, 'the last of ten thousand amounts');
SELECT is((usdtpay.order_create('s10', 20, p_party => 'sharing')).amount, 20.9999, 'on the other address too');
SELECT sim.refuses($$SELECT sim.buy('s11', 20, p_party => 'sharing')$$, 'UP204', 'then it is exhausted');

-- shared addresses of both families: one amount
SELECT usdtpay.network_define('tronsim', 'tron', 1, 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t', 6);
UPDATE usdtpay.network SET enabled = true WHERE code = 'tronsim';
SELECT usdtpay.merchant_create('both', 'Both');
SELECT usdtpay.wallet_add('e', 'shared', 'evm', p_addresses => '{0x00000000000000000000000000000000000000b1}', p_party => 'both') AS e,
    usdtpay.wallet_add('t', 'shared', 'tron', p_addresses => '{TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t}', p_party => 'both') AS t \gset
INSERT INTO usdtpay.address_claim VALUES (1, 2, :t, 0, 10000000, tstzrange(now(), now() + interval '1 day')), (1, 2, :e, 0, 10000100, tstzrange(now(), now() + interval '1 day'));
SELECT row_eq($$SELECT amount, evm_address IS NULL, tron_address FROM usdtpay.order_create('w', 10, p_party => 'both')$$, ROW(10.0002, false, 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t'::text), 'an amount must be free in both families');
SELECT set_eq($$SELECT wallet_id, amount FROM usdtpay.address_claim WHERE order_id = sim.id('w')$$, format('VALUES (%s::bigint, 10000200::bigint), (%s, 10000200)', :e, :t), 'and nothing else stays claimed');

-- payment_uri
SELECT sim.buy('u', 12.5, p_networks => '{dev}');
SELECT is(usdtpay.payment_uri(sim.id('u'), 'dev', p_party => 'shop'),
    format('ethereum:0x00000000000000000000000000000000000000AA@31337/transfer?address=%s&uint256=12500000', sim.addr('u')), 'an EVM payment URI is ERC-681');
SELECT is(usdtpay.payment_uri(sim.id('u'), 'dev', 'address', 'shop'), sim.addr('u'), 'or the bare address');
SELECT is(usdtpay.payment_uri(sim.id('w'), 'tronsim', f, 'both'), u, 'TRON ' || f)
FROM (VALUES ('standard', 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t'), ('tron', 'tron:TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t'),
    ('tron_amount', 'tron:TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t?amount=10.0002&token=TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t'), ('address', 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t')) AS v (f, u);
SELECT is((usdtpay.merchant_set(p_tron_uri => f, p_party => 'both')).tron_uri, f, 'a merchant chooses ' || f)
FROM unnest(ARRAY['address', 'tron', 'tron_amount']) AS f;
SELECT is(usdtpay.payment_uri(sim.id('w'), 'tronsim', p_party => 'both'), usdtpay.payment_uri(sim.id('w'), 'tronsim', 'tron_amount', 'both'), 'which then is the standard form on TRON, for open orders too');
SELECT is((usdtpay.merchant_set(p_party => 'both')).tron_uri, 'tron_amount', 'and stays when other settings change');
SELECT sim.refuses(format('SELECT usdtpay.merchant_set(p_tron_uri => %L, p_party => ''both'')', f), 'UP000', format('tron_uri %L is refused', f))
FROM unnest(ARRAY['', 'standard', 'TRON', 'pdf']) AS f;
SELECT sim.refuses(format('SELECT usdtpay.payment_uri(%s)', a), b, format('payment_uri(%s) is refused with %s', a, b))
FROM (VALUES ('NULL, ''dev'', p_party => ''shop''', 'UP200'), (sim.id('u') || ', NULL, p_party => ''shop''', 'UP200'), (sim.id('u') || ', ''tronsim'', p_party => ''shop''', 'UP200'),
    (sim.id('u') || ', ''dev'', p_party => ''both''', 'UP200'), (sim.id('u') || ', ''dev'', ''tron'', ''shop''', 'UP000'), (sim.id('u') || ', ''dev'', NULL, ''shop''', 'UP000'),
    (sim.id('u') || ', ''dev'', ''pdf'', ''shop''', 'UP000')) AS v (a, b);

-- payment_forms
SELECT usdtpay.merchant_set(p_tron_uri => 'tron', p_party => 'both') IS NOT NULL AS x \gset
SELECT results_eq($$SELECT * FROM usdtpay.payment_forms(sim.id('w'), 'both')$$,
    $$SELECT n, f, usdtpay.payment_uri(sim.id('w'), n, f, 'both'), d
    FROM (VALUES ('dev', 'standard', true), ('dev', 'address', false),
        ('tronsim', 'tron', true), ('tronsim', 'address', false), ('tronsim', 'tron_amount', false)) AS v (n, f, d)$$,
    'every form on every network is listed, the preferred one first');
SELECT set_eq($$SELECT network, uri FROM usdtpay.payment_forms(sim.id('w'), 'both') WHERE preferred$$,
    $$SELECT n, usdtpay.payment_uri(sim.id('w'), n, p_party => 'both') FROM unnest(ARRAY['dev', 'tronsim']) AS n$$,
    'preferred is what payment_uri calls standard');
SELECT is(count(*), 2::bigint, 'a network that an order does not offer is not listed') FROM usdtpay.payment_forms(sim.id('u'), 'shop');
SELECT sim.refuses(format('SELECT * FROM usdtpay.payment_forms(%s)', a), b, format('payment_forms(%s) is refused with %s', a, b))
FROM (VALUES ('NULL, ''shop''', 'UP200'), (sim.id('u') || ', ''both''', 'UP200'), (sim.id('u') || ', ''nobody''', 'UP200')) AS v (a, b);

SELECT * FROM finish();
ROLLBACK;
