-- One journal on two random accounts.
\set a random(0, 99999)
\set m :a / 1000
\set b :m * 1000 + (:a + random(1, 999)) % 1000
SELECT usdtpay.ledger_post(1000 + :m, gen_random_uuid()::text, ARRAY[1000000 + :a]::bigint[], ARRAY[1000000 + :b]::bigint[], ARRAY[5]::bigint[]);
