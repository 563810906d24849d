-- One block with 10,000 deposits, seen and then final, until every order is paid.  Prints seconds.
SELECT clock_timestamp() AS began \gset
SELECT i.status FROM public.bench_answer AS a, usdtpay.chain_ingest('dev', a.headers, a.logs, 'tip') AS i \gset tip_
SELECT i.status FROM public.bench_answer AS a, usdtpay.chain_ingest('dev', a.headers, a.logs, 'final') AS i \gset final_
SELECT extract(epoch FROM clock_timestamp() - :'began') AS seconds \gset
SELECT CASE WHEN :'tip_status' = 'ok' AND :'final_status' = 'ok' AND count(*) = :orders THEN :'seconds' END
FROM usdtpay.payment_order AS o WHERE o.reference LIKE 's' || :run || '-%' AND o.state = 'paid';
