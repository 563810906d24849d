-- Jobs: what they do, that they are bounded and repeatable, and their schedule.
BEGIN;
SELECT no_plan();
\ir lib/chain.sql
\ir lib/order.sql
SELECT usdtpay.roles_setup();
CREATE ROLE t_operator LOGIN;
GRANT usdtpay_operator TO t_operator;
SELECT sim.setup();

-- every job's command runs on an empty system, for an operator who is no superuser
SET ROLE t_operator;
SELECT lives_ok(j.command, j.name || ' runs for an operator')
FROM (VALUES ('usdtpay_expire', 'SELECT usdtpay.order_expire()'), ('usdtpay_seal', 'SELECT usdtpay.ledger_seal()'), ('usdtpay_holds', 'SELECT usdtpay.ledger_holds_expire()'),
    ('usdtpay_deposits', 'SELECT usdtpay.deposits_retry()'), ('usdtpay_hooks', 'SELECT usdtpay.hooks_retry()'), ('usdtpay_retention', 'SELECT usdtpay.retention()')) AS j (name, command);
RESET ROLE;
SELECT ok(bool_and(to_regprocedure(substring(j.command FROM 'SELECT (.*)\(\)$') || '()') IS NOT NULL
    OR EXISTS (SELECT FROM pg_proc AS p WHERE p.oid = to_regproc(substring(j.command FROM 'SELECT (.*)\(\)$')) AND p.pronargs = p.pronargdefaults)), 'every job calls a function that needs no argument')
FROM usdtpay_internal.job_list() AS j;
SELECT ok((SELECT bool_and(name ~ '^usdtpay_[a-z]+$') AND count(DISTINCT name) = count(*) FROM usdtpay_internal.job_list()), 'names are ours and unique');

-- order_expire is bounded and goes by age
SELECT sim.buy('e' || n, p_expires_in => n * interval '1 second') FROM generate_series(1, 5) AS n;
SELECT sim.grow('{}', 20) \gset quiet_
SELECT is(usdtpay.order_expire(2), 2, 'a limit bounds the work');
SELECT is((SELECT string_agg(reference, ' ' ORDER BY reference) FROM usdtpay.payment_order WHERE state = 'expired'), 'e1 e2', 'the oldest go first');
SELECT is(usdtpay.order_expire(), 3, 'the next call takes the rest');
SELECT is(usdtpay.order_expire(), 0, 'then there is nothing to do');
SELECT is((SELECT count(*)::integer FROM usdtpay.event WHERE type = 'order.expired'), 5, 'each was told once');

-- ledger_holds_expire
SELECT usdtpay.ledger_post(p.party_id, 'fund', ARRAY[usdtpay.account_open(p.party_id, 'USDT', 'custody:dev')], ARRAY[usdtpay.account_open(p.party_id, 'USDT', 'available')], ARRAY[1000000], 'adjust', 't')
FROM usdtpay.party AS p WHERE code = 'shop';
SELECT usdtpay.ledger_hold(p.party_id, 'h' || n, usdtpay.account_open(p.party_id, 'USDT', 'available'), usdtpay.account_open(p.party_id, 'USDT', 'escrow'), n, CASE WHEN n < 3 THEN now() - interval '1 second' END)
FROM usdtpay.party AS p, generate_series(1, 3) AS n WHERE code = 'shop';
SELECT is(usdtpay.ledger_holds_expire(), 2, 'holds whose time is over are freed');
SELECT is(usdtpay.ledger_holds_expire(), 0, 'once');
SELECT is((SELECT held FROM usdtpay.balance('shop') WHERE account = 'available'), 0.000003, 'the one without an end stays');

-- retention
INSERT INTO usdtpay.address_claim (party_id, order_id, wallet_id, idx, amount, during)
SELECT 1, n, 1, n, 0, tstzrange(now() - interval '30 days', now() - n * interval '1 day') FROM generate_series(1, 12) AS n;
INSERT INTO usdtpay_internal.hook_run (party_id, order_id, attempts, done_at, next_at)
VALUES (1, 1, 1, now() - interval '91 days', NULL), (1, 2, 1, now() - interval '89 days', NULL), (1, 3, 13, NULL, NULL), (1, 4, 1, NULL, now() + interval '1 minute');
SELECT set_eq('SELECT what, removed FROM usdtpay.retention() WHERE removed > 0', $$VALUES ('claims on shared amounts and pool addresses', 5::bigint), ('on_paid runs', 1::bigint)$$, 'retention removes what is old');
SELECT is((SELECT count(*)::integer FROM usdtpay.address_claim WHERE upper(during) < now() - interval '7 days'), 0, 'claims a week after they ended');
SELECT is((SELECT array_agg(order_id ORDER BY order_id) FROM usdtpay_internal.hook_run), ARRAY[2, 3, 4]::bigint[], 'hook runs 90 days after they succeeded; what failed stays');
SELECT is_empty('SELECT FROM usdtpay.retention() WHERE removed > 0', 'and then nothing more');
SELECT is((SELECT count(*)::integer FROM usdtpay.payment_order), 5, 'orders stay');
INSERT INTO usdtpay.address_claim (party_id, order_id, wallet_id, idx, amount, during)
SELECT 1, n, 2, n, 0, tstzrange(now() - interval '30 days', now() - interval '20 days') FROM generate_series(1, 50010) AS n;
SELECT is((SELECT removed FROM usdtpay.retention() WHERE what LIKE 'claims%'), 50000::bigint, 'in bounded steps');
SELECT is((SELECT removed FROM usdtpay.retention() WHERE what LIKE 'claims%'), 10::bigint, 'call after call');

-- the schedule
SELECT is(usdtpay.jobs_schedule(), (SELECT count(*)::integer FROM usdtpay_internal.job_list()), 'jobs_schedule installs every job');
SELECT is(usdtpay.jobs_schedule(), (SELECT count(*)::integer FROM usdtpay_internal.job_list()), 'again');
SELECT set_eq('SELECT jobname::text, schedule::text, command::text FROM cron.job WHERE jobname LIKE ''usdtpay\_%''', 'SELECT name, schedule, command FROM usdtpay_internal.job_list()', 'without doubling any');
SELECT cron.schedule('mine', '0 0 1 1 *', 'SELECT 1');
SELECT is(usdtpay.jobs_unschedule(), (SELECT count(*)::integer FROM usdtpay_internal.job_list()), 'jobs_unschedule removes them');
SELECT is(usdtpay.jobs_unschedule(), 0, 'once');
SELECT is((SELECT count(*)::integer FROM cron.job WHERE jobname = 'mine'), 1, 'and nobody else''s');
DROP EXTENSION pg_cron;
SELECT sim.refuses('SELECT usdtpay.jobs_schedule()', 'UP203', 'without pg_cron the schedule is refused with a hint');
SELECT is(usdtpay.jobs_unschedule(), 0, 'and there is nothing to remove');

SELECT * FROM finish();
ROLLBACK;
