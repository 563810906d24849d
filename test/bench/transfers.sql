-- Logs read per second of CPU.  Variables: file, function, token; count is how many there are.
CREATE TEMP TABLE answer AS SELECT pg_read_file(:'file') AS body;
SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::bigint AS began \gset
SELECT count(*) AS found FROM answer AS a, LATERAL usdtpay.:function(a.body, :'token') AS t \gset
SELECT CASE WHEN :found = :count THEN :count * 1e9 / (split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::bigint - :began) END;
