-- For live.mjs: the roles, and a wait for an order's change that looks every 2 ms.
SELECT usdtpay.roles_setup();
CREATE FUNCTION public.bench_changed(p_order bigint) RETURNS numeric LANGUAGE plpgsql AS $$
BEGIN
	WHILE EXISTS (SELECT FROM usdtpay.payment_order AS o WHERE o.order_id = p_order AND o.state = 'pending') LOOP
		PERFORM pg_sleep(0.002);
	END LOOP;
	RETURN extract(epoch FROM clock_timestamp()) * 1000;
END;
$$;
