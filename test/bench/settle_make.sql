-- 10,000 orders and the node's answer about the block that pays them.  Variable: run.
BEGIN;
SELECT count(o.order_id) FROM generate_series(1, :orders) AS i, LATERAL usdtpay.order_create('s' || :run || '-' || i, 10, p_party => 'shop') AS o \g /dev/null
COMMIT;
SELECT tip_number + 1 AS number FROM usdtpay.chain_cursor \gset
SET client_min_messages = warning;
DROP TABLE IF EXISTS public.bench_answer;
CREATE TABLE public.bench_answer AS
WITH paid AS (
	SELECT row_number() OVER (ORDER BY o.order_id)::integer - 1 AS n, '0x' || encode(o.evm_address, 'hex') AS address
	FROM usdtpay.payment_order AS o WHERE o.reference LIKE 's' || :run || '-%'
), log AS (
	SELECT p.n, sim.transfer(:number, p.n, p.address, 10000000, format('tx %s %s', :run, p.n)) || jsonb_build_object('transactionIndex', sim.quantity(p.n)) AS log
	FROM paid AS p
)
SELECT jsonb_agg(l.log ORDER BY l.n)::text AS logs,
	jsonb_build_array(sim.block(:number) || jsonb_build_object('transactions', jsonb_agg(l.log -> 'transactionHash' ORDER BY l.n)))::text AS headers
FROM log AS l;
