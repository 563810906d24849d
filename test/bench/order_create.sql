-- A merchant creates an order.
SELECT order_id, evm_address FROM usdtpay.order_create('r-' || nextval('public.bench_reference'), 10);
