-- Baseline of ledger_batch.sql: less than the same, as sets.
WITH line AS (
	SELECT 1000 + r.a / 1000 AS party, gen_random_uuid()::text AS key, 1000000 + r.a AS debit,
		1000000 + r.a / 1000 * 1000 + (r.a + 1 + r.b) % 1000 AS credit, 5::bigint AS amount
	FROM (SELECT (random() * 99999)::bigint AS a, (random() * 998)::bigint AS b FROM generate_series(1, 10000) OFFSET 0) r
), input AS MATERIALIZED (
	SELECT array_agg(party) AS party, array_agg(key) AS key, array_agg(debit) AS debit, array_agg(credit) AS credit, array_agg(amount) AS amount FROM line
)
SELECT public.bench_batch_bare(i.party, i.key, i.debit, i.credit, i.amount) FROM input i;
