-- What the ledger benchmarks run on: 100 parties with 1,000 funded, limited accounts each, and the
-- baselines they are compared with.  Account n of party p has id 1000000 + 1000 * (p - 1000) + n.
INSERT INTO usdtpay.party (party_id, code, name, kind)
SELECT 1000 + g, 'bench-' || g, 'Bench', 'merchant' FROM generate_series(0, 99) g;
INSERT INTO usdtpay.account (party_id, account_id, asset_id, flags)
SELECT 1000 + g / 1000, 1000000 + g, 1, 1 FROM generate_series(0, 99999) g
UNION ALL SELECT 1000 + g, 900000 + g, 1, 0 FROM generate_series(0, 99) g;
INSERT INTO usdtpay.account_name (party_id, account_id, asset_id, name, customer_ref)
SELECT party_id, account_id, 1, CASE WHEN flags = 1 THEN 'available' ELSE 'clearing' END, account_id::text
FROM usdtpay.account WHERE party_id >= 1000;
SELECT setval('usdtpay_internal.account_seq', 2000000);
SELECT b.status, count(*)
FROM (
	SELECT array_agg((1000 + g / 1000)::bigint) AS party, array_agg('fund-' || g) AS key, array_agg((900000 + g / 1000)::bigint) AS debit,
		array_agg((1000000 + g)::bigint) AS credit, array_agg(1000000000000) AS amount
	FROM generate_series(0, 99999) g GROUP BY g / 10000
) i, LATERAL usdtpay.ledger_post_batch(i.party, i.key, i.debit, i.credit, i.amount) b
GROUP BY b.status;

-- One row with the same durability: what any posting costs at least.
CREATE TABLE public.bench_row (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, party_id bigint, key text, debit bigint, credit bigint, amount bigint,
	posted_at timestamptz DEFAULT now());

-- The same work in plpgsql: locks in order, key, limits, history pointers.
CREATE FUNCTION public.bench_post(p_party bigint, p_key text, p_debit bigint, p_credit bigint, p_amount bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	d usdtpay.account;
	c usdtpay.account;
	e usdtpay.posting;
	j bigint;
BEGIN
	IF p_debit < p_credit THEN
		SELECT * INTO d FROM usdtpay.account WHERE party_id = p_party AND account_id = p_debit FOR NO KEY UPDATE;
		SELECT * INTO c FROM usdtpay.account WHERE party_id = p_party AND account_id = p_credit FOR NO KEY UPDATE;
	ELSE
		SELECT * INTO c FROM usdtpay.account WHERE party_id = p_party AND account_id = p_credit FOR NO KEY UPDATE;
		SELECT * INTO d FROM usdtpay.account WHERE party_id = p_party AND account_id = p_debit FOR NO KEY UPDATE;
	END IF;
	SELECT * INTO e FROM usdtpay.posting WHERE party_id = p_party AND key = p_key;
	IF FOUND THEN
		RETURN e.posting_id / 256;
	END IF;
	IF d.asset_id <> c.asset_id OR (d.flags | c.flags) & 4 <> 0
		OR (d.flags & 1 <> 0 AND d.debits + d.debits_held + p_amount > d.credits)
		OR (c.flags & 2 <> 0 AND c.credits + c.credits_held + p_amount > c.debits) THEN
		RAISE EXCEPTION 'refused';
	END IF;
	j := nextval('usdtpay_internal.journal_seq');
	UPDATE usdtpay.account SET debits = debits + p_amount, last_posting = j * 256, version = version + 1
	WHERE party_id = p_party AND account_id = p_debit;
	UPDATE usdtpay.account SET credits = credits + p_amount, last_posting = j * 256, version = version + 1
	WHERE party_id = p_party AND account_id = p_credit;
	INSERT INTO usdtpay.posting VALUES (p_party, j * 256, p_debit, p_credit, p_amount, d.credits - d.debits - p_amount,
		c.credits - c.debits + p_amount, d.last_posting, c.last_posting, now(), 'transfer', 1, 'p', NULL, p_key, NULL);
	RETURN j;
END
$$;

-- The same batch as sets: one INSERT with window functions for balances and pointers, one aggregated
-- UPDATE.  Knows no limits and no results per journal.
CREATE FUNCTION public.bench_batch(p_party bigint[], p_key text[], p_debit bigint[], p_credit bigint[], p_amount bigint[]) RETURNS bigint
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
DECLARE
	n bigint;
BEGIN
	PERFORM 1 FROM usdtpay.account
	WHERE (party_id, account_id) IN (SELECT * FROM unnest(p_party, p_debit) UNION SELECT * FROM unnest(p_party, p_credit))
	ORDER BY account_id FOR NO KEY UPDATE;
	WITH input AS MATERIALIZED (
		SELECT w.*, nextval('usdtpay_internal.journal_seq') * 256 AS id
		FROM unnest(p_party, p_key, p_debit, p_credit, p_amount) AS w (party, key, debit, credit, amount)
	), leg AS (
		SELECT i.id, i.party, l.account, l.d, l.c FROM input i,
			LATERAL (VALUES (i.debit, i.amount, 0), (i.credit, 0, i.amount)) AS l (account, d, c)
	), walked AS (
		SELECT g.id, g.account, g.d > 0 AS debit, coalesce(lag(g.id) OVER w, a.last_posting) AS prev,
			a.credits - a.debits + sum(g.c - g.d) OVER w AS after
		FROM leg g JOIN usdtpay.account a ON a.party_id = g.party AND a.account_id = g.account
		WINDOW w AS (PARTITION BY g.account ORDER BY g.id)
	), made AS (
		INSERT INTO usdtpay.posting
		SELECT i.party, i.id, i.debit, i.credit, i.amount, w.debit_after, w.credit_after, w.debit_prev, w.credit_prev, now(),
			'transfer', 1, 'p', NULL, i.key, NULL
		FROM input i JOIN (
			SELECT w.id, max(w.after) FILTER (WHERE w.debit) AS debit_after, max(w.after) FILTER (WHERE NOT w.debit) AS credit_after,
				max(w.prev) FILTER (WHERE w.debit) AS debit_prev, max(w.prev) FILTER (WHERE NOT w.debit) AS credit_prev
			FROM walked w GROUP BY w.id
		) w ON w.id = i.id
		ON CONFLICT (party_id, key) WHERE key IS NOT NULL DO NOTHING
		RETURNING 1
	), summed AS (
		SELECT g.party, g.account, sum(g.d) AS d, sum(g.c) AS c, max(g.id) AS last, count(*) AS n FROM leg g GROUP BY g.party, g.account
	), moved AS (
		UPDATE usdtpay.account a SET debits = debits + s.d, credits = credits + s.c, last_posting = s.last, version = version + s.n
		FROM summed s WHERE a.party_id = s.party AND a.account_id = s.account
	)
	SELECT count(*) INTO n FROM made;
	RETURN n;
END
$$;

-- The same without balances after and pointers: less than the ledger needs, as a lower bound.
CREATE FUNCTION public.bench_batch_bare(p_party bigint[], p_key text[], p_debit bigint[], p_credit bigint[], p_amount bigint[]) RETURNS bigint
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
DECLARE
	n bigint;
BEGIN
	WITH made AS (
		INSERT INTO usdtpay.posting
		SELECT i.party, nextval('usdtpay_internal.journal_seq') * 256, i.debit, i.credit, i.amount, 0, 0, 0, 0, now(), 'transfer', 1, 'p', NULL, i.key, NULL
		FROM unnest(p_party, p_key, p_debit, p_credit, p_amount) AS i (party, key, debit, credit, amount)
		RETURNING party_id, posting_id, debit_account, credit_account, amount
	), summed AS (
		SELECT m.party_id, l.account, sum(l.d) AS d, sum(l.c) AS c, max(m.posting_id) AS last, count(*) AS n FROM made m,
			LATERAL (VALUES (m.debit_account, m.amount, 0), (m.credit_account, 0, m.amount)) AS l (account, d, c)
		GROUP BY m.party_id, l.account
	), moved AS (
		UPDATE usdtpay.account a SET debits = debits + s.d, credits = credits + s.c, last_posting = s.last, version = version + s.n
		FROM summed s WHERE a.party_id = s.party_id AND a.account_id = s.account
	)
	SELECT count(*) INTO n FROM made;
	RETURN n;
END
$$;
VACUUM ANALYZE usdtpay.account;
VACUUM ANALYZE usdtpay.account_name;
VACUUM ANALYZE usdtpay.posting;
CHECKPOINT;
