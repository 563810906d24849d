-- TRON infos taken in per second of CPU.  Variables: headers, infos, count.
CREATE TEMP TABLE answer AS SELECT pg_read_file(:'headers') AS headers, pg_read_file(:'infos') AS infos;
BEGIN;
SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::bigint AS began \gset
SELECT i.status, i.deposits FROM answer AS a, usdtpay.chain_ingest('tron', a.headers, a.infos, 'tip') AS i \gset
SELECT CASE WHEN :'status' = 'ok' AND :deposits > 0 THEN :count * 1e9 / (split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::bigint - :began) END;
ROLLBACK;
