-- What the background workers call.  Each function is one short transaction's worth of work; no
-- other role may call them (grants.sql).

CREATE OR REPLACE FUNCTION usdtpay_internal.worker_networks()
RETURNS TABLE (network_id integer, code text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
SELECT n.network_id, n.code FROM usdtpay.network AS n WHERE n.enabled ORDER BY n.network_id
$$;
COMMENT ON FUNCTION usdtpay_internal.worker_networks() IS 'Networks that want a scanner.';
