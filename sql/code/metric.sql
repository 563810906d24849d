-- What machines watch: the state of the platform in numbers.  Every figure is bounded, as in health().

CREATE OR REPLACE FUNCTION usdtpay_internal.metric_chain()
RETURNS TABLE (name text, labels jsonb, value numeric, type text, help text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'usdtpay_network_' || m.name, jsonb_build_object('network', s.code), m.value, 'gauge', m.help
    FROM usdtpay.network_status AS s
    CROSS JOIN LATERAL (
        VALUES ('up', (s.state = 'scanning')::integer::numeric, '1 while the network is scanned without trouble'),
        ('halted', (s.state = 'halted')::integer, '1 while a person must look: nothing is credited'),
        ('tip_block', s.tip_number, 'Every block up to here was ingested'),
        ('final_block', s.final_number, 'Every block up to here was credited'),
        ('head_block', s.remote_head, 'Head the nodes agree on'),
        ('tip_age_seconds', s.behind_seconds, 'Age of the newest ingested block'),
        ('nodes', s.endpoints, 'Nodes configured'),
        ('nodes_usable', s.endpoints_usable, 'Nodes that answered well last')
    ) AS m (name, value, help)
    WHERE s.state <> 'disabled' AND m.value IS NOT NULL
    UNION ALL
    SELECT
        'usdtpay_node_' || m.name, jsonb_build_object('network', e.network, 'node', e.url, 'endpoint_id', e.endpoint_id::text),
        m.value, m.type, m.help
    FROM usdtpay.endpoint_status AS e
    CROSS JOIN LATERAL (
        VALUES ('requests_total', e.requests::numeric, 'counter', 'Requests sent to the node'),
        ('failures_total', e.failures, 'counter', 'Answers that were late, refused or failed validation'),
        ('latency_seconds', round(e.latency_ms::numeric / 1000, 4), 'gauge', 'Smoothed answer time')
    ) AS m (name, value, type, help)
    WHERE e.enabled AND m.value IS NOT NULL
$$;
COMMENT ON FUNCTION usdtpay_internal.metric_chain() IS 'Metrics of networks and nodes.';

CREATE OR REPLACE FUNCTION usdtpay_internal.metric_money()
RETURNS TABLE (name text, labels jsonb, value numeric, type text, help text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        'usdtpay_rows_written_total', jsonb_build_object('table', t.name),
        pg_stat_get_tuples_inserted(t.rel)::numeric, 'counter',
        'Rows inserted since statistics were reset: orders, deposits, postings, events, attempts'
    FROM (
        VALUES ('payment_order', 'usdtpay.payment_order'::regclass), ('deposit', 'usdtpay.deposit'), ('posting', 'usdtpay.posting'),
        ('event', 'usdtpay.event'), ('webhook_attempt', 'usdtpay.webhook_attempt'), ('chain_block', 'usdtpay.chain_block')
    ) AS t (name, rel)
    UNION ALL
    SELECT 'usdtpay_aside', jsonb_build_object('asset', m.asset, 'account', m.account), m.amount, 'gauge', 'Money in suspense or held, in units of the asset'
    FROM usdtpay_internal.money_aside() AS m
    UNION ALL
    SELECT 'usdtpay_unsealed_journals', '{}'::jsonb, s.journals, 'gauge', 'Journal numbers drawn since the last seal'
    FROM usdtpay_internal.seal_lag() AS s
    UNION ALL
    SELECT
        'usdtpay_unsealed_seconds', '{}'::jsonb, coalesce(round(extract(epoch FROM now() - s.oldest_at), 3), 0), 'gauge',
        'Age of the oldest unsealed journal'
    FROM usdtpay_internal.seal_lag() AS s
    UNION ALL
    SELECT 'usdtpay_orders_overdue', '{}'::jsonb, count(*), 'gauge', 'Orders past their time that wait for expiry, counted to 10000'
    FROM (
        SELECT FROM usdtpay.payment_order AS o WHERE o.state IN ('pending', 'partially_paid') AND o.expires_at < now() LIMIT 10000
    ) AS q
    UNION ALL
    SELECT 'usdtpay_deposits_stuck', '{}'::jsonb, count(*), 'gauge', 'Final deposits that could not be credited, counted to 1000'
    FROM (SELECT FROM usdtpay_internal.deposit_stuck AS s LIMIT 1000) AS q
    UNION ALL
    SELECT 'usdtpay_hooks_waiting', '{}'::jsonb, count(*), 'gauge', 'on_paid calls that failed and wait, counted to 1000'
    FROM (SELECT FROM usdtpay_internal.hook_run AS r WHERE r.next_at IS NOT NULL LIMIT 1000) AS q
$$;
COMMENT ON FUNCTION usdtpay_internal.metric_money() IS 'Metrics of orders and the ledger.';

CREATE OR REPLACE FUNCTION usdtpay_internal.metric_list()
RETURNS TABLE (name text, labels jsonb, value numeric, type text, help text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s'
AS $$
    SELECT 'usdtpay_info', jsonb_build_object('version', usdtpay_internal.library_version()), 1::numeric, 'gauge', 'The version as a label'
    UNION ALL
    SELECT
        'usdtpay_health', jsonb_build_object('component', h.component),
        CASE h.status WHEN 'ok' THEN 0 WHEN 'warn' THEN 1 ELSE 2 END, 'gauge', 'health() per component: 0 ok, 1 warn, 2 fail'
    FROM usdtpay.health() AS h
    UNION ALL
    SELECT 'usdtpay_worker_up', jsonb_build_object('worker', w.title), w.running::integer, 'gauge', '1 while the background worker runs'
    FROM usdtpay_internal.worker_wanted() AS w WHERE NOT pg_is_in_recovery()
    UNION ALL
    SELECT m.* FROM usdtpay_internal.metric_chain() AS m
    UNION ALL
    SELECT
        'usdtpay_deliveries_open', jsonb_build_object('state', d.state), count(*), 'gauge', 'Webhook deliveries not finished, counted to 10000'
    FROM (
        SELECT q.state FROM usdtpay_internal.delivery AS q WHERE q.state IN ('queued', 'sending', 'retrying') LIMIT 10000
    ) AS d GROUP BY d.state
    UNION ALL
    SELECT 'usdtpay_webhooks', jsonb_build_object('state', w.state, 'failing', (w.failing_since IS NOT NULL)::text), count(*), 'gauge', 'Webhooks'
    FROM usdtpay.webhook AS w GROUP BY w.state, w.failing_since IS NOT NULL
    UNION ALL
    SELECT m.* FROM usdtpay_internal.metric_money() AS m
$$;
COMMENT ON FUNCTION usdtpay_internal.metric_list() IS 'Every metric; the view usdtpay.metrics.';

CREATE OR REPLACE VIEW usdtpay.metrics AS
SELECT m.name, m.labels, m.value, m.type, m.help FROM usdtpay_internal.metric_list() AS m;
COMMENT ON VIEW usdtpay.metrics IS 'Numbers for monitoring, one row per metric and label set; bounded and fast';
COMMENT ON COLUMN usdtpay.metrics.name IS 'Name in the style of Prometheus';
COMMENT ON COLUMN usdtpay.metrics.labels IS 'What tells rows of one name apart';
COMMENT ON COLUMN usdtpay.metrics.value IS 'Value in base units: seconds, blocks, units of the asset';
COMMENT ON COLUMN usdtpay.metrics.type IS 'counter or gauge';
COMMENT ON COLUMN usdtpay.metrics.help IS 'What it means';

CREATE OR REPLACE FUNCTION usdtpay.metrics_prometheus() RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH line AS (
        SELECT
            m.name, m.type, m.help, m.name || coalesce('{' || string_agg(
                l.key || '="' || replace(replace(replace(l.value, E'\\', E'\\\\'), '"', E'\\"'), E'\n', E'\\n') || '"', ',' ORDER BY l.key
            ) || '}', '') || ' ' || m.value AS text
        FROM usdtpay_internal.metric_list() AS m
        LEFT JOIN LATERAL jsonb_each_text(m.labels) AS l ON true
        GROUP BY m.name, m.type, m.help, m.labels, m.value
    )
    SELECT string_agg(f.text, '' ORDER BY f.name)
    FROM (
        SELECT
            line.name,
            format(E'# HELP %1$s %2$s\n# TYPE %1$s %3$s\n', line.name, min(line.help), min(line.type))
            || string_agg(line.text || E'\n', '' ORDER BY line.text) AS text
        FROM line GROUP BY line.name
    ) AS f
$$;
COMMENT ON FUNCTION usdtpay.metrics_prometheus() IS 'usdtpay.metrics in the text format that Prometheus scrapes (version 0.0.4). Operators and analysts. Example: psql -XAtc ''SELECT usdtpay.metrics_prometheus()''.';
