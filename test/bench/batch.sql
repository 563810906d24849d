-- One batch of 10,000 journals on 100,000 accounts, their keys unique.  Variables: call, the function;
-- posted, how its answer r tells the number of journals.  Adds to count and seconds; what makes the
-- arrays does not count.
SET client_min_messages = warning;
DROP TABLE IF EXISTS pg_temp.input;
CREATE TEMP TABLE input AS
SELECT array_agg(1000 + r.a / 1000) AS party, array_agg(gen_random_uuid()::text) AS key, array_agg(1000000 + r.a) AS debit,
	array_agg(1000000 + r.a / 1000 * 1000 + (r.a + 1 + r.b) % 1000) AS credit, array_agg(5::bigint) AS amount
FROM (SELECT (random() * 99999)::bigint AS a, (random() * 998)::bigint AS b FROM generate_series(1, 10000) OFFSET 0) AS r;
SELECT clock_timestamp() AS began \gset
SELECT :posted AS made FROM input AS i, LATERAL :call(i.party, i.key, i.debit, i.credit, i.amount) AS r \gset
SELECT :count + :made AS count, :seconds + extract(epoch FROM clock_timestamp() - :'began') AS seconds \gset
