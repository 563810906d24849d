-- Baseline of settle.sql: the same rows as plain sets, without reading an answer, routing, ledger or
-- rules: one INSERT of the deposits, one UPDATE of the orders, one INSERT of the events.  Prints
-- seconds.
TRUNCATE public.bench_deposit, public.bench_order, public.bench_event;
INSERT INTO public.bench_order SELECT * FROM usdtpay.payment_order AS o WHERE o.reference LIKE 's' || :run || '-%';
UPDATE public.bench_order SET state = 'pending', seen = 0, final = 0, settled = 0, paid_at = NULL, event_seq = 0;
VACUUM ANALYZE public.bench_order;
SELECT clock_timestamp() AS began \gset
BEGIN;
INSERT INTO public.bench_deposit
SELECT d.* FROM usdtpay.deposit AS d JOIN public.bench_order AS o ON o.party_id = d.party_id AND o.order_id = d.order_id;
UPDATE public.bench_order AS o SET state = 'paid', seen = d.amount, final = d.amount, settled = d.amount, paid_at = now(), event_seq = 2
FROM public.bench_deposit AS d WHERE o.party_id = d.party_id AND o.order_id = d.order_id;
INSERT INTO public.bench_event
SELECT e.* FROM usdtpay.event AS e JOIN public.bench_order AS o ON o.party_id = e.party_id AND o.order_id = e.object_id WHERE e.object = 'order';
COMMIT;
SELECT extract(epoch FROM clock_timestamp() - :'began');
