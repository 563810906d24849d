-- One journal, one account of it in every journal of every client.
\set b random(1, 999)
SELECT usdtpay.ledger_post(1000, gen_random_uuid()::text, ARRAY[1000000]::bigint[], ARRAY[1000000 + :b]::bigint[], ARRAY[5]::bigint[]);
