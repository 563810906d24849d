-- Parties, merchants, their settings, and who acts for whom.
BEGIN;
SELECT no_plan();
\ir lib/chain.sql
\ir lib/order.sql

SELECT usdtpay.roles_setup();
SELECT is(usdtpay.roles_setup(), '{}', 'roles_setup is repeatable and then makes none');
SELECT is((SELECT count(*)::integer FROM pg_roles WHERE rolname = ANY (usdtpay_internal.role_names())), 9, 'there are nine group roles');
SELECT is_empty(
    $$SELECT rolname FROM pg_roles WHERE rolname = ANY (usdtpay_internal.role_names())
      AND (rolsuper OR rolcanlogin OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)$$, 'none of them is dangerous');
CREATE FUNCTION pg_temp.setup_with(p_attribute text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'ALTER ROLE usdtpay_gateway ' || p_attribute;
    PERFORM usdtpay.roles_setup();
END;
$$;
SELECT sim.refuses(format('SELECT pg_temp.setup_with(%L)', a), 'UP101', 'roles_setup refuses a group role with ' || a)
FROM unnest(ARRAY['SUPERUSER', 'CREATEROLE', 'CREATEDB', 'REPLICATION', 'BYPASSRLS']) AS a;

-- minor
SELECT is(usdtpay_internal.minor(a, 6, 'x'), b, format('minor(%s)', a))
FROM (VALUES (0::numeric, 0::bigint), (0.000001, 1), (1, 1000000), (1.500000000, 1500000), (9000000000000, 9000000000000000000)) AS v (a, b);
SELECT sim.refuses(format('SELECT usdtpay_internal.minor(%s, 6, ''x'')', a), 'UP004', format('minor refuses %s', a))
FROM unnest(ARRAY[
    'NULL', '''NaN''', '''Infinity''', '''-Infinity''', '-0.000001', '0.0000001', '1.0000001', '9000000000000.000001', '1e100', '1e-100'
]) AS a;
SELECT is(usdtpay_internal.minor(5, 0, 'x'), 5::bigint, 'minor with scale 0');
SELECT sim.refuses('SELECT usdtpay_internal.minor(0.1, 0, ''x'')', 'UP004', 'minor with scale 0 refuses decimals');
SELECT is(usdtpay_internal.units6(v), e, format('units6(%s)', v))
FROM (VALUES (0::bigint, 0.000000), (1, 0.000001), (-1500000, -1.500000), (9223372036854775807, 9223372036854.775807)) AS t (v, e);

-- merchant_create
SELECT usdtpay.merchant_create('shop', 'The shop') AS shop \gset
SELECT is(usdtpay.merchant_create('shop', 'The shop'), :shop::bigint, 'the same call returns the same party');
SELECT sim.refuses('SELECT usdtpay.merchant_create(''shop'', ''Another'')', 'UP202', 'another name under the code is refused');
SELECT sim.refuses('SELECT usdtpay.merchant_create(''platform'', ''The platform'')', 'UP202', 'the platform is no merchant');
SELECT sim.refuses(format('SELECT usdtpay.merchant_create(%s)', a), 'UP000', format('merchant_create refuses (%s)', left(a, 40)))
FROM unnest(ARRAY[
    'NULL, ''n''', '''x'', NULL', ''''', ''n''', '''x'', ''''', '''X'', ''n''', '''-x'', ''n''', E'E''x\\n'', ''n''', '''a b'', ''n''',
    'repeat(''x'', 64), ''n''', '''x'', repeat(''n'', 201)', 'repeat(''x'', 100000), ''n'''
]) AS a;
SELECT ok(usdtpay.merchant_create(repeat('x', 63), repeat('n', 200)) > 0, 'codes of 63 and names of 200 characters are fine');
SELECT row_eq(
    'SELECT order_ttl, underpay_tolerance, overpay_tolerance, min_deposit, late_policy, overpay_policy, fee_bps, on_paid, networks
     FROM usdtpay.merchant WHERE party_id = (SELECT party_id FROM usdtpay.party WHERE code = ''shop'')',
    ROW('30 minutes'::interval, 0::bigint, 0::bigint, 10000::bigint, 'auto'::usdtpay.late_policy, 'accept'::usdtpay.overpay_policy, 0, NULL::text, NULL::text[]),
    'a new merchant has these settings');

-- who is asking
CREATE ROLE t_shop LOGIN;
CREATE ROLE t_other LOGIN;
CREATE ROLE t_operator LOGIN;
CREATE ROLE t_nobody LOGIN;
GRANT usdtpay_merchant TO t_shop, t_other, t_nobody;
GRANT usdtpay_operator TO t_operator;
GRANT USAGE ON SCHEMA sim TO t_shop, t_other, t_operator, t_nobody;
SELECT usdtpay.merchant_create('other', 'Other') AS other \gset
SELECT is(usdtpay.session_party(), NULL, 'a superuser acts for no party');
SELECT sim.refuses('SELECT usdtpay_internal.party_acting()', 'UP100', 'a session bound to no party must name one');
SELECT is(usdtpay_internal.party_acting('shop'), :shop::bigint, 'an operator may name any party');
SELECT sim.refuses('SELECT usdtpay_internal.party_acting(''nope'')', 'UP200', 'an operator naming a party that does not exist is told so');
SELECT sim.refuses('SELECT usdtpay_internal.party_acting('''')', 'UP200', 'the empty code is no party');

-- party_login_grant, party_login_revoke
SELECT lives_ok('SELECT usdtpay.party_login_grant(''shop'', ''t_shop'')', 'a role is bound');
SELECT lives_ok('SELECT usdtpay.party_login_grant(''shop'', ''t_shop'')', 'binding again is harmless');
SELECT usdtpay.party_login_grant('other', 't_other');
SELECT sim.refuses('SELECT usdtpay.party_login_grant(''other'', ''t_shop'')', 'UP201', 'one role, one party');
SELECT sim.refuses(format('SELECT usdtpay.party_login_grant(%s)', a), b, format('party_login_grant(%s) is refused with %s', a, b))
FROM (VALUES
    ('''nope'', ''t_shop''', 'UP200'), ('''shop'', ''no_such_role''', 'UP200'), ('''shop'', NULL', 'UP200'), ('NULL, ''t_nobody''', 'UP100')
) AS v (a, b);
SET ROLE t_shop;
SELECT is(usdtpay.session_party(), :shop::bigint, 'the bound role acts for its party');
SELECT is(usdtpay_internal.party_acting(), :shop::bigint, 'and need not name it');
SELECT is(usdtpay_internal.party_acting('shop'), :shop::bigint, 'but may');
SELECT throws_ok('SELECT usdtpay_internal.party_acting(''other'')', 'UP101', NULL, 'it may not name another');
SELECT throws_ok('SELECT usdtpay_internal.party_acting(''nope'')', 'UP101', NULL, 'and does not learn which parties exist');
SELECT throws_ok(format('SELECT usdtpay.%s', f), '42501', NULL, format('a merchant may not call %s', f))
FROM unnest(ARRAY[
    'merchant_create(''m'', ''M'')', 'party_login_grant(''shop'', ''t_nobody'')', 'party_login_revoke(''t_shop'')',
    'merchant_fee_set(''shop'', 0)', 'roles_setup()'
]) AS f;
RESET ROLE;
SET ROLE t_nobody;
SELECT throws_ok('SELECT usdtpay_internal.party_acting()', 'UP100', NULL, 'a role bound to no party is refused with UP100');
SELECT throws_ok('SELECT * FROM usdtpay.order_list()', 'UP100', NULL, 'also by the functions');
SELECT throws_ok('SELECT usdtpay.merchant_set()', 'UP100', NULL, 'and merchant_set');
RESET ROLE;
SET ROLE t_operator;
SELECT is(usdtpay_internal.party_acting('other'), :other::bigint, 'an operator who is no superuser may name any party');
SELECT is(usdtpay.party_login_revoke('t_shop'), true, 'an operator unbinds a role');
SELECT is(usdtpay.party_login_revoke('t_shop'), false, 'once');
SELECT is(usdtpay.party_login_revoke(NULL), false, 'nobody is NULL');
SELECT usdtpay.party_login_grant('shop', 't_shop');
SELECT throws_ok('SELECT usdtpay.roles_setup()', 'UP101', NULL, 'roles_setup is for superusers');
RESET ROLE;

-- merchant_set
SELECT is((usdtpay.merchant_set(p_party => 'shop')).fee_bps, 0, 'a call without settings changes none');
SELECT row_eq(
    $$SELECT (m).order_ttl, (m).underpay_tolerance, (m).overpay_tolerance, (m).min_deposit, (m).late_policy, (m).overpay_policy, (m).networks
      FROM usdtpay.merchant_set('1 hour', 0.5, 0.25, 0.01, 'review', 'hold', NULL, '{dev}', p_party => 'shop') AS m$$,
    ROW('1 hour'::interval, 500000::bigint, 250000::bigint, 10000::bigint, 'review'::usdtpay.late_policy, 'hold'::usdtpay.overpay_policy, '{dev}'::text[]),
    'every setting can be set');
SELECT is((usdtpay.merchant_set(p_networks => '{}', p_party => 'shop')).networks, NULL, 'an empty array removes the limit on networks');
SELECT is((usdtpay.merchant_set(p_min_deposit => 0, p_party => 'shop')).min_deposit, 1::bigint, 'the smallest deposit is one minor unit');
SELECT is((usdtpay.merchant_set(p_order_ttl => v::interval, p_party => 'shop')).order_ttl, v::interval, 'order_ttl may be ' || v)
FROM unnest(ARRAY['1 minute', '90 days']) AS v;
SELECT sim.refuses(format('SELECT usdtpay.merchant_set(%s, p_party => ''shop'')', a), b, format('merchant_set(%s) is refused with %s', a, b))
FROM (VALUES
    ('p_order_ttl => ''59 seconds''', 'UP000'), ('p_order_ttl => ''91 days''', 'UP000'), ('p_order_ttl => ''-1 hour''', 'UP000'),
    ('p_late_policy => ''never''', 'UP000'), ('p_late_policy => ''''', 'UP000'), ('p_overpay_policy => ''keep''', 'UP000'),
    ('p_underpay_tolerance => -1', 'UP004'), ('p_underpay_tolerance => ''NaN''', 'UP004'), ('p_overpay_tolerance => ''Infinity''', 'UP004'),
    ('p_min_deposit => 0.0000001', 'UP004'), ('p_min_deposit => 1e20', 'UP004'),
    ('p_on_paid => ''no_schema''', 'UP200'), ('p_on_paid => ''public.no_such''', 'UP200'), ('p_on_paid => ''a.b(int); DROP TABLE x; --''', 'UP200'),
    ('p_on_paid => ''a.b.c''', 'UP200'), ('p_on_paid => ''public.x(bigint)''', 'UP200'), ('p_on_paid => repeat(''x'', 100000)', 'UP200'),
    ('p_on_paid => ''pg_catalog.abs''', 'UP101')
) AS v (a, b);
SELECT sim.refuses('SELECT usdtpay.merchant_set(p_party => ''platform'')', 'UP200', 'the platform has no merchant settings');
SET ROLE t_shop;
SELECT is((usdtpay.merchant_set(p_on_paid => 'pg_catalog.abs')).on_paid_role, 't_shop'::name, 'a merchant''s hook runs as the role that set it');
SELECT is((usdtpay.merchant_set(p_late_policy => 'auto')).on_paid, 'pg_catalog.abs', 'and stays when other settings change');
SELECT is((usdtpay.merchant_set(p_on_paid => '')).on_paid_role, NULL, 'an empty name removes it');
SELECT throws_ok('SELECT usdtpay.merchant_set(p_on_paid => ''usdtpay.hooks_retry'')', 'UP200', NULL, 'a function without a bigint argument is none');
SELECT throws_ok('SELECT usdtpay.merchant_set(p_on_paid => ''pg_catalog.pg_rotate_logfile_v2'')', 'UP200', NULL, 'nor one that does not exist');
SELECT throws_ok('SELECT usdtpay.merchant_set(p_party => ''other'')', 'UP101', NULL, 'a merchant sets its own settings only');
RESET ROLE;
CREATE SCHEMA t_private;
CREATE FUNCTION t_private.hook(bigint) RETURNS void LANGUAGE sql AS 'SELECT';
REVOKE ALL ON FUNCTION t_private.hook(bigint) FROM PUBLIC;
GRANT USAGE ON SCHEMA t_private TO t_shop;
SET ROLE t_shop;
SELECT throws_ok('SELECT usdtpay.merchant_set(p_on_paid => ''t_private.hook'')', 'UP101', NULL, 'nor one the merchant may not execute');
RESET ROLE;

-- merchant_fee_set
SELECT lives_ok(format('SELECT usdtpay.merchant_fee_set(''shop'', %s)', v), format('a fee of %s basis points is fine', v)) FROM unnest(ARRAY[10000, 0, 125]) AS v;
SELECT is((SELECT fee_bps FROM usdtpay.merchant WHERE party_id = :shop), 125, 'and is stored');
SELECT sim.refuses(format('SELECT usdtpay.merchant_fee_set(%s)', a), b, format('merchant_fee_set(%s) is refused with %s', a, b))
FROM (VALUES
    ('''shop'', -1', 'UP000'), ('''shop'', 10001', 'UP000'), ('''shop'', NULL', 'UP000'), ('''nope'', 1', 'UP200'),
    ('''platform'', 1', 'UP200'), ('NULL, 1', 'UP100')
) AS v (a, b);

-- party_close, party_reopen: no new business, and nothing that is under way stops
SELECT sim.refuses(format('SELECT usdtpay.party_%s(%s)', f, a), b, format('party_%s(%s) is refused with %s', f, a, b))
FROM (VALUES ('''nope''', 'UP200'), ('NULL', 'UP100')) AS v (a, b), unnest(ARRAY['close', 'reopen']) AS f;
SELECT sim.refuses('SELECT usdtpay.party_close(''platform'')', 'UP201', 'the platform cannot be closed');
SELECT is(usdtpay.party_reopen('platform'), false, 'nor is there anything to open');
SELECT sim.setup();
SELECT sim.buy('open1'), sim.buy('open2'), sim.buy('open3');
SELECT order_id AS draft FROM usdtpay.order_create('draft', 5, p_draft => true, p_party => 'shop') \gset
SELECT usdtpay.deposit_address('bob', 'dev', 'shop') AS bob \gset
SET LOCAL usdtpay.webhook_ports = '443';
SELECT webhook_id AS hook FROM usdtpay.webhook_add('https://shop.example/closing', p_party => 'shop') \gset
SELECT is(usdtpay.party_close('shop'), now(), 'a party is closed');
SELECT is(usdtpay.party_close('shop'), (SELECT closed_at FROM usdtpay.party WHERE code = 'shop'), 'once');
SELECT sim.refuses(format('SELECT usdtpay.%s', f), 'UP201', 'a closed party gets nothing new: ' || left(f, 30))
FROM unnest(ARRAY[
    'order_create(''new'', 1, p_party => ''shop'')', 'order_create(''new'', 1, p_networks => ''{dev}'', p_party => ''shop'')', 'order_create(''new'', 1, p_draft => true, p_party => ''shop'')',
    'order_open(' || :draft || ', ''shop'')', 'deposit_address(''eve'', ''dev'', ''shop'')', 'webhook_add(''https://shop.example/2'', p_party => ''shop'')',
    'wallet_add(''w'', ''pool'', ''evm'', p_addresses => ''{0x00000000000000000000000000000000000000f1}'', p_party => ''shop'')',
    'merchant_set(p_late_policy => ''auto'', p_party => ''shop'')', 'party_login_grant(''shop'', ''t_nobody'')'
]) AS f;
SET ROLE t_shop;
SELECT throws_ok('SELECT usdtpay.order_create(''new'', 1)', 'UP201', NULL, 'nor through its own login');
SELECT is((SELECT created FROM usdtpay.order_create('open1', 10, p_expires_in => '60 seconds')), false, 'a retried order is found again');
SELECT is(usdtpay.order_cancel(sim.id('open3')), 'canceled', 'it may cancel');
SELECT is((SELECT count(*)::integer FROM usdtpay.order_list()), 4, 'and read');
SELECT isnt(usdtpay.webhook_rotate(:hook), NULL, 'change a webhook''s secret');
SELECT is(usdtpay.webhook_test(:hook) > 0, true, 'and test it');
RESET ROLE;
SELECT is(usdtpay.deposit_address('bob', 'dev', 'shop'), :'bob', 'a customer keeps the address');
SELECT sim.paid(sim.send(sim.addr('open1'), 10000000, 'o1'), sim.send(sim.addr('open2'), 4000000, 'o2'), sim.send(:'bob', 3000000, 'bob'), sim.send(sim.addr('open3'), 1000000, 'o3')) \gset quiet_
SELECT is(sim.order('open1') || ', ' || sim.order('open3'), 'paid 10/10/10, underpaid 10/1/1', 'its addresses are watched, its orders paid');
SELECT is(sim.bal('available', 'shop', 'bob'), 2.9625, 'its customers credited');
SELECT is(sim.events('order', sim.id('open1')), 'order.confirming order.paid', 'all of it announced');
SELECT is((SELECT count(*)::integer FROM usdtpay_internal.delivery AS d WHERE d.webhook_id = :hook AND d.object = 'order' AND d.object_id = sim.id('open1')), 2, 'and queued for its webhook');
SELECT is(usdtpay.order_settle_underpaid('k', sim.id('open3'), 'take it', 'shop'), 'paid', 'it may take what arrived');
SELECT is(usdtpay.party_reopen('shop') || ' ' || usdtpay.party_reopen('shop'), 'true false', 'it is opened again, once');
SELECT is((SELECT created FROM usdtpay.order_create('new', 1, p_party => 'shop')), true, 'and takes orders');
SELECT is(usdtpay.order_open(:draft, 'shop'), 'pending', 'drafts, too');
SET ROLE t_shop;
SELECT throws_ok(format('SELECT usdtpay.%s(''other'')', f), '42501', NULL, 'merchants may not call ' || f) FROM unnest(ARRAY['party_close', 'party_reopen']) AS f;
RESET ROLE;

SELECT sim.sound();
SELECT * FROM finish();
ROLLBACK;
