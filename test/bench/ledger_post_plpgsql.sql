-- Baseline of ledger_post.sql: the same in plpgsql.
\set a random(0, 99999)
\set m :a / 1000
\set b :m * 1000 + (:a + random(1, 999)) % 1000
SELECT public.bench_post(1000 + :m, gen_random_uuid()::text, 1000000 + :a, 1000000 + :b, 5);
