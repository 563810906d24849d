-- The direct lane against the plain one: the same random business on two parties, one posted through
-- each lane, must give the same answers, totals and postings.  Another seed: psql -v seed=0.5.
\if :{?seed}
\else
\set seed 0.20261122
\endif
BEGIN;
SELECT plan(22);
SELECT setseed(:seed);

INSERT INTO usdtpay.party (party_id, code, name, kind) VALUES
	(900011, 'lane-direct', 'D', 'merchant'), (900012, 'lane-plain', 'P', 'merchant');

-- Account n of either party; their ids differ in the same way.
CREATE TEMP TABLE acct (n int PRIMARY KEY, name text, ref text, direct bigint, plain bigint);
INSERT INTO acct
	SELECT n, name, ref, usdtpay.account_open(900011, asset, name, ref), usdtpay.account_open(900012, asset, name, ref)
	FROM (VALUES (1, 'USDT', 'clearing', ''), (2, 'USDT', 'fiat:cny', ''), (3, 'USDT', 'margin', ''), (4, 'USDT', 'custody:tron', ''),
		(5, 'USDT', 'fee', ''), (6, 'USDT', 'escrow', 'c1'), (7, 'USDT', 'available', 'c2'), (8, 'TRX', 'gas:tron', '')) v (n, asset, name, ref)
	ORDER BY n;
CREATE TEMP TABLE answer (step int, lane text, said text, PRIMARY KEY (step, lane));

-- One random piece of business.  Numbers that name accounts and holds are positions, so that both
-- lanes can be asked the same; -1 is an account that does not exist.
CREATE TEMP TABLE step (n int, op text, keys int[], debit int[], credit int[], amount bigint[], firm boolean, hold int, part bigint);
INSERT INTO step
	SELECT s, CASE WHEN r < 0.45 THEN 'post' WHEN r < 0.65 THEN 'batch' WHEN r < 0.8 THEN 'hold' WHEN r < 0.87 THEN 'capture'
			WHEN r < 0.92 THEN 'release' WHEN r < 0.95 THEN 'close' ELSE 'reopen' END,
		(SELECT array_agg(s * 10 + (random() * 5)::int + 0 * g) FROM generate_series(1, m) g),
		(SELECT array_agg(CASE WHEN random() < 0.02 THEN -1 WHEN random() < 0.4 THEN 1 + (random() * 1)::int ELSE 1 + (random() * 7)::int END) FROM generate_series(1, m)),
		(SELECT array_agg(CASE WHEN random() < 0.02 THEN -1 ELSE 1 + (random() * 6.6)::int END) FROM generate_series(1, m)),
		(SELECT array_agg(1 + (random() * random() * 1000)::bigint) FROM generate_series(1, m)),
		random() < 0.3, 1 + (random() * 19)::int, CASE WHEN random() < 0.5 THEN 1 + (random() * 300)::bigint END
	FROM (SELECT s, random() AS r, 1 + (random() * random() * 12)::int AS m FROM generate_series(1, 1000) s) q;
-- Every eightieth is a long batch, which the direct lane posts as if nothing were in its way: from
-- accounts without a limit, some of them in part posted before, some refused.
UPDATE step t SET op = 'batch', firm = n % 400 = 0,
	keys = (SELECT array_agg(CASE WHEN t.n % 160 = 0 AND g = 60 THEN (t.n - 5) * 10 ELSE 1000000 + t.n * 1000 + g END ORDER BY g) FROM generate_series(1, 70) g),
	debit = (SELECT array_agg(CASE WHEN t.n % 240 = 0 AND g = 50 THEN 3 ELSE 1 + g % 2 END ORDER BY g) FROM generate_series(1, 70) g),
	credit = (SELECT array_agg(3 + g % 5 ORDER BY g) FROM generate_series(1, 70) g),
	amount = (SELECT array_agg(CASE WHEN t.n % 240 = 0 AND g = 50 THEN 1000000000 ELSE g END ORDER BY g) FROM generate_series(1, 70) g)
	WHERE n % 80 = 0;
-- An account does not pay itself: that is refused before any lane is chosen.
UPDATE step SET credit = (SELECT array_agg(CASE WHEN d = c THEN d % 8 + 1 ELSE c END ORDER BY i)
	FROM unnest(debit, credit) WITH ORDINALITY u (d, c, i));

-- Some steps repeat an earlier one, exactly or under its key only.
UPDATE step t SET (op, keys, debit, credit, amount, firm, hold, part) =
		(SELECT e.op, e.keys, e.debit, e.credit, e.amount, e.firm, e.hold, e.part FROM step e WHERE e.n = t.n - 7)
	WHERE t.n % 9 = 8;
UPDATE step t SET keys = (SELECT e.keys[1:1] || t.keys[2:] FROM step e WHERE e.n = t.n - 5) WHERE t.n % 20 = 19;
-- Some repeat a long batch, exactly or with a new start, so that it does not look like a repeat.
UPDATE step t SET (op, keys, debit, credit, amount, firm) = (SELECT e.op, CASE WHEN t.n % 160 = 82 THEN 5000000 + t.n ELSE e.keys[1] END || e.keys[2:],
		e.debit, e.credit, e.amount, e.firm FROM step e WHERE e.n = t.n - 2)
	WHERE t.n % 80 = 2 AND t.n > 80;

CREATE TEMP TABLE held (lane text, n int, hold_id bigint, PRIMARY KEY (lane, n));
CREATE FUNCTION pg_temp.ids(p_lane text, p_n int[]) RETURNS bigint[] LANGUAGE sql AS
	$$SELECT array_agg(coalesce(CASE p_lane WHEN 'direct' THEN a.direct ELSE a.plain END, -1) ORDER BY i)
	    FROM unnest(p_n) WITH ORDINALITY u (n, i) LEFT JOIN acct a ON a.n = u.n$$;

CREATE FUNCTION pg_temp.perform(p_lane text, s step) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v_party bigint := CASE p_lane WHEN 'direct' THEN 900011 ELSE 900012 END;
	v_debit bigint[] := pg_temp.ids(p_lane, s.debit);
	v_credit bigint[] := pg_temp.ids(p_lane, s.credit);
	v_hold bigint := (SELECT h.hold_id FROM held h WHERE h.lane = p_lane AND h.n = s.hold);
	v_key text := 'k' || s.keys[1];
	v_id bigint;
	v_said text;
BEGIN
	CASE s.op
	WHEN 'post' THEN
		SELECT status INTO v_said FROM usdtpay.ledger_post(v_party, v_key, v_debit, v_credit, s.amount, 'trade', 'step:' || s.n);
	WHEN 'batch' THEN
		SELECT string_agg(ord || ':' || status, ' ' ORDER BY ord) INTO v_said
		FROM usdtpay.ledger_post_batch(array_fill(v_party, ARRAY[cardinality(s.keys)]), ARRAY(SELECT 'k' || k FROM unnest(s.keys) k),
			v_debit, v_credit, s.amount, p_strict => s.firm);
	WHEN 'hold' THEN
		SELECT hold_id, status INTO v_id, v_said FROM usdtpay.ledger_hold(v_party, v_key, v_debit[1], v_credit[1], s.amount[1],
			CASE WHEN s.firm THEN now() - interval '1 s' END);
		IF v_said = 'created' THEN
			INSERT INTO held SELECT p_lane, count(*) % 20 + 1, v_id FROM held WHERE lane = p_lane
			ON CONFLICT (lane, n) DO UPDATE SET hold_id = excluded.hold_id;
		END IF;
	WHEN 'capture' THEN
		SELECT status INTO v_said FROM usdtpay.ledger_capture(v_party, v_key, v_hold, s.part);
	WHEN 'release' THEN
		SELECT status INTO v_said FROM usdtpay.ledger_release(v_party, v_key, v_hold);
	WHEN 'close' THEN
		v_said := usdtpay.account_close(v_party, v_debit[1]);
	ELSE
		v_said := 'reopened ' || (SELECT count(*) FILTER (WHERE usdtpay.account_reopen(v_party, CASE p_lane WHEN 'direct' THEN direct ELSE plain END)) FROM acct);
	END CASE;
	RETURN v_said;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;

DO $$
DECLARE
	s step;
	v_lane text;
BEGIN
	FOR s IN SELECT * FROM step ORDER BY n LOOP
		FOREACH v_lane IN ARRAY ARRAY['direct', 'plain'] LOOP
			PERFORM set_config('usdtpay.ledger_direct', (v_lane = 'direct')::text, true);
			INSERT INTO answer VALUES (s.n, v_lane, pg_temp.perform(v_lane, s));
		END LOOP;
	END LOOP;
END
$$;
RESET usdtpay.ledger_direct;

SELECT results_eq(
	$$SELECT step, said FROM answer WHERE lane = 'direct' ORDER BY step$$,
	$$SELECT step, said FROM answer WHERE lane = 'plain' ORDER BY step$$, 'both lanes give the same answers');
SELECT results_eq(
	$$SELECT n, flags, debits, credits, debits_held, credits_held, version FROM usdtpay.account JOIN acct ON account_id = direct ORDER BY n$$,
	$$SELECT n, flags, debits, credits, debits_held, credits_held, version FROM usdtpay.account JOIN acct ON account_id = plain ORDER BY n$$,
	'and the same totals');

-- Postings with accounts and neighbours by position instead of id.
CREATE FUNCTION pg_temp.story(p_party bigint) RETURNS TABLE (n bigint, debit int, credit int, amount bigint, debit_after bigint,
	credit_after bigint, debit_prev bigint, credit_prev bigint, kind usdtpay.journal_kind, lines smallint, line bigint, phase "char",
	hold bigint, key text, reference text) LANGUAGE sql AS $$
	WITH p AS (SELECT p.*, row_number() OVER (ORDER BY posting_id) AS n FROM usdtpay.posting p WHERE party_id = p_party)
	SELECT p.n, d.n, c.n, p.amount, p.debit_after, p.credit_after, coalesce(dp.n, 0), coalesce(cp.n, 0), p.kind, p.lines,
		p.posting_id % 256, p.phase, h.n, p.key, p.reference
	FROM p
	JOIN acct d ON p.debit_account IN (d.direct, d.plain) JOIN acct c ON p.credit_account IN (c.direct, c.plain)
	LEFT JOIN p dp ON dp.posting_id = p.debit_prev LEFT JOIN p cp ON cp.posting_id = p.credit_prev
	LEFT JOIN p h ON h.posting_id = p.hold_id
	ORDER BY p.n
$$;
SELECT results_eq('SELECT * FROM pg_temp.story(900011)', 'SELECT * FROM pg_temp.story(900012)', 'and the same postings');

-- Expiry picks holds of both parties in any order, some through either lane: totals must still agree.
CREATE TEMP TABLE expired (n int);
INSERT INTO expired SELECT usdtpay.ledger_holds_expire(25);
SET LOCAL usdtpay.ledger_direct = off;
INSERT INTO expired SELECT usdtpay.ledger_holds_expire(10000);
RESET usdtpay.ledger_direct;
SELECT is((SELECT sum(n) FROM expired WHERE n > 3), (SELECT count(*) FROM usdtpay.posting WHERE phase = 'x' AND party_id IN (900011, 900012)),
	'holds expire through either lane');
SELECT results_eq(
	$$SELECT n, debits, credits, debits_held, credits_held, version FROM usdtpay.account JOIN acct ON account_id = direct ORDER BY n$$,
	$$SELECT n, debits, credits, debits_held, credits_held, version FROM usdtpay.account JOIN acct ON account_id = plain ORDER BY n$$,
	'with the same totals');
SELECT is_empty('SELECT * FROM usdtpay.ledger_verify() WHERE NOT holds', 'the ledger verifies');

SELECT cmp_ok((SELECT count(*) FROM answer a JOIN step s ON s.n = a.step WHERE a.lane = 'direct' AND cardinality(s.keys) = 70 AND a.said LIKE '1:created %'
	AND a.said NOT LIKE '%:limit%' AND a.said NOT LIKE '%:exists%' AND a.said NOT LIKE '%mismatch%'), '>', 1::bigint, 'some long batches met nothing in their way');

-- The business was not all refused, and not all of one kind.
SELECT cmp_ok((SELECT count(*) FROM usdtpay.posting WHERE party_id = 900011), '>', 500::bigint, 'there were postings');
SELECT cmp_ok((SELECT count(*) FROM answer WHERE said LIKE '%' || w || '%'), '>', 3::bigint, format('there was %s', w))
	FROM unnest(ARRAY['exists', 'limit', 'UP202', 'UP303', 'unknown_account']) w;

-- What chance does not meet: the ends of the range, and an account of the other party.
SELECT usdtpay.account_open(900011, 'USDT', 'fiat:wide') AS wide, usdtpay.account_open(900011, 'USDT', 'margin') AS margin,
	usdtpay.account_open(900011, 'USDT', 'payout') AS payout, usdtpay.account_open(900012, 'USDT', 'margin') AS foreign \gset
SELECT usdtpay.ledger_post(900011, 'wide', ARRAY[:wide], ARRAY[:margin], ARRAY[9000000000000000000]),
	usdtpay.ledger_hold(900011, 'wide hold', :margin, :payout, 5000000000000000000);
CREATE FUNCTION pg_temp.refusal(p_lane text, p_debit bigint, p_credit bigint, p_amount bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('usdtpay.ledger_direct', (p_lane = 'direct')::text, true);
	RETURN (SELECT status FROM usdtpay.ledger_post(900011, 'refuse me', ARRAY[p_debit], ARRAY[p_credit], ARRAY[p_amount]));
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SELECT is(pg_temp.refusal(l, v.debit, v.credit, v.amount), v.said, l || ': ' || v.name)
	FROM unnest(ARRAY['direct', 'plain']) l, (VALUES
		(:margin::bigint, :payout::bigint, 5000000000000000000, 'UP300 account limit would break', 'debits and holds that pass 2^63 together meet the limit'),
		(:wide, :margin, 5000000000000000000, 'UP300 account total out of range', 'a total does not pass 2^63'),
		(:margin, :foreign, 1, 'UP200 account not found', 'a journal stays with its party')) v (debit, credit, amount, said, name);
CREATE FUNCTION pg_temp.renamed(p_lane text, p_debit bigint, p_credit bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('usdtpay.ledger_direct', (p_lane = 'direct')::text, true);
	RETURN (SELECT status FROM usdtpay.ledger_post(900011, 'wide', ARRAY[p_debit], ARRAY[p_credit], ARRAY[9000000000000000000], 'fee'));
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;
SELECT is(pg_temp.renamed(l, :wide, :margin), 'UP202', l || ': a key stands for one kind') FROM unnest(ARRAY['direct', 'plain']) l;
SELECT is_empty('SELECT * FROM usdtpay.ledger_verify() WHERE NOT holds', 'the ledger verifies at the end of the range');

SELECT * FROM finish();
ROLLBACK;
