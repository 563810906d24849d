-- Baseline of ledger_hot.sql: the same in plpgsql.
\set b random(1, 999)
SELECT public.bench_post(1000, gen_random_uuid()::text, 1000000, 1000000 + :b, 5);
