-- Endpoints: the nodes of a network.  URLs and headers may hold keys and are never shown again.

CREATE OR REPLACE FUNCTION usdtpay_internal.endpoint_label(p_url text) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT regexp_replace(p_url, '^(https?)://(?:[^/?#]*@)?([^/?#@]*).*$', '\1://\2')
$$;
COMMENT ON FUNCTION usdtpay_internal.endpoint_label(text) IS
'What may be shown of an endpoint''s URL: scheme and host. User, path and query may hold keys.';

CREATE OR REPLACE FUNCTION usdtpay_internal.endpoint_check(p_url text, p_headers jsonb) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_bad text;
BEGIN
    IF p_url IS NULL OR length(p_url) > 2000
        OR p_url !~ '^https?://([^/?#@[:space:][:cntrl:]]+@)?([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/?][!-~]*)?$' THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'malformed endpoint URL', DETAIL = 'It is not repeated here, for it may hold a key.',
            HINT = 'Give http:// or https://, a host, and printable ASCII after it.';
    END IF;
    IF p_headers IS NULL OR jsonb_typeof(p_headers) <> 'object' THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'headers are no object', DETAIL = format('They are %s.', coalesce(jsonb_typeof(p_headers), 'NULL')),
            HINT = 'Give a JSON object of header names and values.';
    END IF;
    SELECT h.key INTO v_bad FROM jsonb_each(p_headers) AS h
    WHERE h.key !~ '^[A-Za-z0-9_-]{1,64}$' OR lower(h.key) IN ('content-type', 'content-length', 'host', 'transfer-encoding')
    OR jsonb_typeof(h.value) <> 'string' OR length(h.value #>> '{}') > 4000 OR (h.value #>> '{}') !~ '^[ -~]*$'
    LIMIT 1;
    IF v_bad IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'malformed header', DETAIL = format('Header is %L; its value is not repeated.', left(v_bad, 64)),
            HINT = 'Names are letters, digits, dashes; values printable ASCII; content-type, content-length, host and transfer-encoding are set by the worker.';
    END IF;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.endpoint_check(text, jsonb) IS 'Refuses a URL or headers that cannot be sent, without repeating secrets. Error: UP000.';

CREATE OR REPLACE FUNCTION usdtpay.endpoint_set(
    p_network text, p_url text, p_headers jsonb DEFAULT '{}', p_priority integer DEFAULT 100, p_max_rate real DEFAULT 500,
    p_enabled boolean DEFAULT true
) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_network integer := usdtpay_internal.network_id(p_network);
    v_id integer;
BEGIN
    PERFORM usdtpay_internal.endpoint_check(p_url, p_headers);
    IF p_max_rate IS NULL OR NOT p_max_rate BETWEEN 0.1 AND 10000 OR p_priority IS NULL OR p_enabled IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'impossible endpoint property',
            DETAIL = format('Rate is %s, priority %s.', coalesce(p_max_rate::text, 'NULL'), coalesce(p_priority::text, 'NULL')),
            HINT = 'The rate is 0.1 to 10000 requests a second; a lower priority is asked first.';
    END IF;
    INSERT INTO usdtpay_internal.endpoint AS e (network_id, url, headers, priority, max_rate, enabled)
    VALUES (v_network, p_url, p_headers, p_priority, p_max_rate, p_enabled)
    ON CONFLICT ON CONSTRAINT endpoint_url_key DO UPDATE SET
        headers = excluded.headers, priority = excluded.priority, max_rate = excluded.max_rate, enabled = excluded.enabled
    RETURNING e.endpoint_id INTO v_id;
    INSERT INTO usdtpay_internal.endpoint_health (endpoint_id) VALUES (v_id) ON CONFLICT DO NOTHING;
    RETURN v_id;
END;
$$;
COMMENT ON FUNCTION usdtpay.endpoint_set(text, text, jsonb, integer, real, boolean) IS
'Adds a node of a network, or changes the one with this URL. Headers (API keys) and the URL beyond its host are never shown again. A lower priority is asked first; p_max_rate in requests a second. Errors: UP000, UP200.';

CREATE OR REPLACE FUNCTION usdtpay.endpoint_remove(p_network text, p_url text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_network integer := usdtpay_internal.network_id(p_network);
    v_id integer;
BEGIN
    DELETE FROM usdtpay_internal.endpoint AS e WHERE e.network_id = v_network AND e.url = p_url
    RETURNING e.endpoint_id INTO v_id;
    DELETE FROM usdtpay_internal.endpoint_health AS h WHERE h.endpoint_id = v_id;
    RETURN v_id IS NOT NULL;
END;
$$;
COMMENT ON FUNCTION usdtpay.endpoint_remove(text, text) IS
'Forgets a node. Returns whether there was one. Error: UP200.';

CREATE OR REPLACE VIEW usdtpay.endpoint_status AS
SELECT
    e.endpoint_id,
    n.code AS network,
    usdtpay_internal.endpoint_label(e.url) AS url,
    e.priority,
    e.max_rate,
    e.enabled,
    coalesce(h.state, 'unknown') AS state,
    h.head,
    h.rate,
    h.latency_ms,
    h.requests,
    h.failures,
    h.streak,
    h.log_range,
    h.cool_until,
    h.ok_at,
    h.error_at,
    h.error
FROM usdtpay_internal.endpoint AS e
JOIN usdtpay.network AS n ON n.network_id = e.network_id
LEFT JOIN usdtpay_internal.endpoint_health AS h ON h.endpoint_id = e.endpoint_id;
COMMENT ON VIEW usdtpay.endpoint_status IS 'Health of every node; of URLs only scheme and host';
COMMENT ON COLUMN usdtpay.endpoint_status.endpoint_id IS 'Endpoint';
COMMENT ON COLUMN usdtpay.endpoint_status.network IS 'Network';
COMMENT ON COLUMN usdtpay.endpoint_status.url IS 'Scheme and host; the rest may hold keys';
COMMENT ON COLUMN usdtpay.endpoint_status.priority IS 'Lower is asked first';
COMMENT ON COLUMN usdtpay.endpoint_status.max_rate IS 'Requests a second never exceeded';
COMMENT ON COLUMN usdtpay.endpoint_status.enabled IS 'Whether it is used';
COMMENT ON COLUMN usdtpay.endpoint_status.state IS 'unknown, ok, cooling, refused';
COMMENT ON COLUMN usdtpay.endpoint_status.head IS 'Highest block it served';
COMMENT ON COLUMN usdtpay.endpoint_status.rate IS 'Requests a second it is asked at now';
COMMENT ON COLUMN usdtpay.endpoint_status.latency_ms IS 'Smoothed answer time';
COMMENT ON COLUMN usdtpay.endpoint_status.requests IS 'Requests sent';
COMMENT ON COLUMN usdtpay.endpoint_status.failures IS 'Answers that were late, refused or failed validation';
COMMENT ON COLUMN usdtpay.endpoint_status.streak IS 'Failures in a row';
COMMENT ON COLUMN usdtpay.endpoint_status.log_range IS 'Blocks asked for in one eth_getLogs';
COMMENT ON COLUMN usdtpay.endpoint_status.cool_until IS 'Not asked before';
COMMENT ON COLUMN usdtpay.endpoint_status.ok_at IS 'Last good answer';
COMMENT ON COLUMN usdtpay.endpoint_status.error_at IS 'Last failure';
COMMENT ON COLUMN usdtpay.endpoint_status.error IS 'What it was, without secrets';
