-- What the background workers call, each one short transaction's worth of work.  They run as
-- usdtpay_worker, which owns nothing; nobody else may call these (grants.sql).

CREATE OR REPLACE FUNCTION usdtpay_internal.worker_networks()
RETURNS TABLE (network_id integer, code text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT n.network_id, n.code FROM usdtpay.network AS n WHERE n.enabled ORDER BY n.network_id
$$;
COMMENT ON FUNCTION usdtpay_internal.worker_networks() IS 'Networks that want a scanner.';

CREATE OR REPLACE FUNCTION usdtpay_internal.worker_unblock() RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_patience interval := current_setting('usdtpay.lock_patience')::interval;
    v_ended integer := 0;
    v_held record;
BEGIN
    IF v_patience <= interval '0' THEN
        RETURN 0;
    END IF;
    FOR v_held IN
        WITH RECURSIVE held (worker, pid) AS (
            SELECT w.backend_type, b.pid
            FROM pg_locks AS l
            JOIN pg_stat_activity AS w ON w.pid = l.pid
            CROSS JOIN LATERAL unnest(pg_blocking_pids(l.pid)) AS b (pid)
            WHERE NOT l.granted AND l.waitstart < clock_timestamp() - v_patience
            AND w.backend_type LIKE 'usdtpay %' AND w.datname = current_database()
            UNION
            SELECT h.worker, b.pid FROM held AS h CROSS JOIN LATERAL unnest(pg_blocking_pids(h.pid)) AS b (pid)
        )
        SELECT h.worker, a.pid, a.usename, a.state, a.xact_start
        FROM held AS h
        JOIN pg_stat_activity AS a ON a.pid = h.pid
        JOIN pg_roles AS r ON r.oid = a.usesysid
        WHERE a.backend_type = 'client backend' AND cardinality(pg_blocking_pids(a.pid)) = 0
        AND NOT r.rolsuper AND coalesce(pg_has_role(r.oid, to_regrole('usdtpay_operator'), 'member'), false) IS FALSE
    LOOP
        IF pg_terminate_backend(v_held.pid) THEN
            v_ended := v_ended + 1;
            RAISE LOG '% waited too long for session % of role "%" (%, in a transaction since %): the session was ended',
                v_held.worker, v_held.pid, v_held.usename, v_held.state, v_held.xact_start;
        END IF;
    END LOOP;
    RETURN v_ended;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.worker_unblock() IS
'Ends sessions that a worker has waited for longer than usdtpay.lock_patience, unless they are an operator''s or a superuser''s: a merchant that leaves a transaction open must not hold up everybody''s money. Returns how many.';

CREATE OR REPLACE FUNCTION usdtpay_internal.scanner_state(
    p_network_id integer,
    OUT enabled boolean, OUT fingerprint text, OUT halted boolean,
    OUT tip_number bigint, OUT tip_hash bytea, OUT final_number bigint, OUT final_hash bytea,
    OUT rescans boolean
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        n.enabled,
        md5(concat_ws(
            '|', n::text,
            (SELECT string_agg(e::text, '|' ORDER BY e.endpoint_id) FROM usdtpay_internal.endpoint AS e WHERE e.network_id = n.network_id),
            (
                SELECT string_agg(concat_ws(',', t.token_id, t.contract, t.decimals), '|' ORDER BY t.token_id)
                FROM usdtpay.token AS t WHERE t.network_id = n.network_id
            )
        )),
        c.halted_at IS NOT NULL, c.tip_number, c.tip_hash, c.final_number, c.final_hash,
        EXISTS (SELECT FROM usdtpay.chain_rescan AS r WHERE r.network_id = n.network_id AND r.done_at IS NULL)
    FROM usdtpay.network AS n
    LEFT JOIN usdtpay.chain_cursor AS c ON c.network_id = n.network_id
    WHERE n.network_id = p_network_id
$$;
COMMENT ON FUNCTION usdtpay_internal.scanner_state(integer) IS
'Where a network stands; fingerprint changes whenever its configuration does. No row: the network is gone.';

CREATE OR REPLACE FUNCTION usdtpay_internal.scanner_network(p_network_id integer)
RETURNS SETOF usdtpay.network
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT n.* FROM usdtpay.network AS n WHERE n.network_id = p_network_id
$$;
COMMENT ON FUNCTION usdtpay_internal.scanner_network(integer) IS 'A network''s definition.';

CREATE OR REPLACE FUNCTION usdtpay_internal.scanner_tokens(p_network_id integer)
RETURNS TABLE (token_id integer, contract bytea, decimals integer, code_hash bytea)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.token_id, t.contract, t.decimals::integer, t.code_hash
    FROM usdtpay.token AS t WHERE t.network_id = p_network_id ORDER BY t.token_id
$$;
COMMENT ON FUNCTION usdtpay_internal.scanner_tokens(integer) IS 'Contracts to watch and what is pinned of them.';

CREATE OR REPLACE FUNCTION usdtpay_internal.scanner_endpoints(p_network_id integer)
RETURNS TABLE (
    endpoint_id integer, url text, label text, headers text [], priority integer, max_rate double precision,
    rate double precision, log_range integer, requests bigint, failures bigint
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        e.endpoint_id, e.url, usdtpay_internal.endpoint_label(e.url),
        ARRAY(SELECT h.key || ': ' || h.value FROM jsonb_each_text(e.headers) AS h ORDER BY h.key),
        e.priority, e.max_rate::double precision, coalesce(h.rate, 20)::double precision, coalesce(h.log_range, 500),
        coalesce(h.requests, 0), coalesce(h.failures, 0)
    FROM usdtpay_internal.endpoint AS e
    LEFT JOIN usdtpay_internal.endpoint_health AS h ON h.endpoint_id = e.endpoint_id
    WHERE e.network_id = p_network_id AND e.enabled
    ORDER BY e.priority, e.endpoint_id
$$;
COMMENT ON FUNCTION usdtpay_internal.scanner_endpoints(integer) IS
'A network''s nodes with their secrets, and what was learnt of them before.';

CREATE OR REPLACE FUNCTION usdtpay_internal.scanner_report(
    p_network_id integer, p_head bigint, p_final bigint, p_note text, p_polled boolean, p_health jsonb
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO usdtpay_internal.endpoint_health AS h (
        endpoint_id, state, head, rate, latency_ms, requests, failures, streak, log_range, cool_until, ok_at, error_at, error
    )
    SELECT
        x.endpoint_id, x.state, x.head, x.rate, x.latency_ms, x.requests, x.failures, x.streak, x.log_range,
        now() + x.cool_ms * interval '1 millisecond', now() - x.ok_ms * interval '1 millisecond',
        now() - x.error_ms * interval '1 millisecond', x.error
    FROM jsonb_to_recordset(p_health) AS x (
        endpoint_id integer, state text, head bigint, rate real, latency_ms real, requests bigint, failures bigint,
        streak integer, log_range integer, cool_ms double precision, ok_ms double precision, error_ms double precision, error text
    )
    JOIN usdtpay_internal.endpoint AS e ON e.endpoint_id = x.endpoint_id
    ORDER BY x.endpoint_id
    ON CONFLICT ON CONSTRAINT endpoint_health_pkey DO UPDATE SET
        state = excluded.state, head = excluded.head, rate = excluded.rate, latency_ms = excluded.latency_ms,
        requests = excluded.requests, failures = excluded.failures, streak = excluded.streak,
        log_range = excluded.log_range, cool_until = excluded.cool_until,
        ok_at = coalesce(excluded.ok_at, h.ok_at), error_at = coalesce(excluded.error_at, h.error_at),
        error = coalesce(excluded.error, h.error);
    UPDATE usdtpay.chain_cursor AS c SET
        remote_head = coalesce(p_head, c.remote_head), remote_final = coalesce(p_final, c.remote_final), note = p_note,
        polled_at = CASE WHEN p_polled THEN now() ELSE c.polled_at END
    WHERE c.network_id = p_network_id;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.scanner_report(integer, bigint, bigint, text, boolean, jsonb) IS
'Writes down what the scanner learnt of a network and its nodes; at most once a second.';

CREATE OR REPLACE FUNCTION usdtpay_internal.scanner_begin(p_network_id integer) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO usdtpay.chain_cursor (network_id) VALUES (p_network_id) ON CONFLICT DO NOTHING
$$;
COMMENT ON FUNCTION usdtpay_internal.scanner_begin(integer) IS 'Makes sure a network has its row of cursors.';

CREATE OR REPLACE FUNCTION usdtpay_internal.scanner_token_pin(p_token_id integer, p_hash bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE usdtpay.token AS t SET code_hash = p_hash WHERE t.token_id = p_token_id AND t.code_hash IS NULL
$$;
COMMENT ON FUNCTION usdtpay_internal.scanner_token_pin(integer, bytea) IS
'Pins a contract''s code the first time it is seen; never changes a pin.';

CREATE OR REPLACE FUNCTION usdtpay_internal.scanner_hash(p_network_id integer, p_number bigint) RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(
        (
            SELECT b.hash FROM usdtpay.chain_block AS b
            WHERE b.network_id = p_network_id AND b.number = p_number AND b.canonical
        ),
        (SELECT c.final_hash FROM usdtpay.chain_cursor AS c WHERE c.network_id = p_network_id AND c.final_number = p_number)
    )
$$;
COMMENT ON FUNCTION usdtpay_internal.scanner_hash(integer, bigint) IS
'Hash of the block we hold at a height; NULL when none, or no longer.';

CREATE OR REPLACE FUNCTION usdtpay_internal.scanner_teller(
    p_network_id integer, p_from bigint, p_to bigint, OUT source integer, OUT until bigint
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT f.source, coalesce(
        (
            SELECT min(b.number) - 1 FROM usdtpay.chain_block AS b
            WHERE b.network_id = p_network_id AND b.canonical AND b.number > p_from AND b.number <= p_to
            AND b.source IS DISTINCT FROM f.source
        ), p_to
    )
    FROM (
        SELECT (
            SELECT b.source FROM usdtpay.chain_block AS b
            WHERE b.network_id = p_network_id AND b.canonical AND b.number = p_from
        ) AS source
    ) AS f
$$;
COMMENT ON FUNCTION usdtpay_internal.scanner_teller(integer, bigint, bigint) IS
'Whose word we hold about block p_from, and up to which block (at most p_to) it is the same endpoint''s.';

CREATE OR REPLACE FUNCTION usdtpay_internal.scanner_rescan_next(p_network_id integer)
RETURNS TABLE (rescan_id bigint, next_block bigint, to_block bigint)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.rescan_id, r.next_block, r.to_block
    FROM usdtpay.chain_rescan AS r
    JOIN usdtpay.chain_cursor AS c ON c.network_id = r.network_id
    WHERE r.network_id = p_network_id AND r.done_at IS NULL AND r.next_block <= c.final_number
    ORDER BY r.rescan_id LIMIT 1
$$;
COMMENT ON FUNCTION usdtpay_internal.scanner_rescan_next(integer) IS 'The oldest rescan that can go on now.';

CREATE OR REPLACE FUNCTION usdtpay_internal.scanner_rescan_advance(p_rescan_id bigint, p_next bigint, p_found integer) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE usdtpay.chain_rescan AS r SET
        next_block = p_next, found = r.found + p_found,
        done_at = CASE WHEN p_next > r.to_block THEN now() END
    WHERE r.rescan_id = p_rescan_id AND r.done_at IS NULL
$$;
COMMENT ON FUNCTION usdtpay_internal.scanner_rescan_advance(bigint, bigint, integer) IS
'Records how far a rescan got; done when p_next is behind its end.';

CREATE OR REPLACE FUNCTION usdtpay_internal.scanner_prune(p_network_id integer, p_keep integer, p_limit integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_count integer;
    v_below bigint;
BEGIN
    SELECT c.final_number - p_keep INTO v_below FROM usdtpay.chain_cursor AS c WHERE c.network_id = p_network_id;
    DELETE FROM usdtpay.chain_block AS b
    WHERE b.network_id = p_network_id AND b.number < least(
        v_below,
        (SELECT min(d.number) + p_limit FROM usdtpay.chain_block AS d WHERE d.network_id = p_network_id)
    );
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.scanner_prune(integer, integer, integer) IS
'Deletes headers more than p_keep blocks below final, the oldest p_limit heights at most. Returns how many.';
