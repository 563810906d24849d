-- Is everything in order?  health() says it in words for people; metric.sql says it in numbers.
-- Every check is bounded: it reads indexes, counters and small tables, never a whole ledger.
-- The chapters run with health()'s rights, which are those of the extension's owner.

CREATE OR REPLACE FUNCTION usdtpay_internal.library_version() RETURNS text
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'usdtpay_library_version';
COMMENT ON FUNCTION usdtpay_internal.library_version() IS 'Version of the library that is loaded; the extension''s own may lag behind it until ALTER EXTENSION UPDATE.';

CREATE OR REPLACE FUNCTION usdtpay_internal.worker_wanted()
RETURNS TABLE (title text, backend_type text, database name, running boolean)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT w.title, w.backend_type, w.database, EXISTS (
        SELECT FROM pg_stat_activity AS a
        WHERE a.backend_type = w.backend_type AND a.datname IS NOT DISTINCT FROM w.database
        AND (w.label IS NULL OR a.application_name = w.label)
    )
    FROM (
        VALUES ('launcher', 'usdtpay launcher', NULL::name, NULL::text),
        ('keeper', 'usdtpay keeper', current_database(), NULL),
        ('courier', 'usdtpay courier', current_database(), NULL)
        UNION ALL
        SELECT 'scanner ' || n.code, 'usdtpay scanner', current_database(), 'usdtpay scanner ' || n.code
        FROM usdtpay_internal.worker_networks() AS n
    ) AS w (title, backend_type, database, label)
$$;
COMMENT ON FUNCTION usdtpay_internal.worker_wanted() IS 'The background workers this database should have, and whether each runs.';

CREATE OR REPLACE FUNCTION usdtpay_internal.health_server()
RETURNS TABLE (component text, status text, detail text, hint text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_version text := (SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'usdtpay');
    v_missing text;
BEGIN
    v_missing := current_setting('shared_preload_libraries');
    RETURN QUERY SELECT
        'preload', CASE WHEN v_missing ~ '(^|[ ,/"])usdtpay([ ,."]|$)' THEN 'ok' ELSE 'fail' END,
        format('shared_preload_libraries is "%s"', v_missing),
        'Add usdtpay to shared_preload_libraries and restart the server: without it no worker runs.';
    RETURN QUERY SELECT
        'version', CASE WHEN v_version = usdtpay_internal.library_version() THEN 'ok' ELSE 'fail' END,
        format('library %s, extension %s', usdtpay_internal.library_version(), v_version),
        'Restart the server after installing a new library, then ALTER EXTENSION usdtpay UPDATE and SELECT usdtpay.roles_setup().';
    SELECT string_agg(r.role, ', ') INTO v_missing
    FROM unnest(usdtpay_internal.role_names()) AS r (role) WHERE to_regrole(r.role) IS NULL;
    RETURN QUERY SELECT
        'roles', CASE WHEN v_missing IS NULL THEN 'ok' ELSE 'fail' END,
        coalesce('missing: ' || v_missing, 'all group roles exist'), 'SELECT usdtpay.roles_setup() as a superuser.';
    SELECT string_agg(s.name || ' is ' || s.setting, ', ') INTO v_missing
    FROM pg_settings AS s
    WHERE s.name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND s.setting = 'off';
    RETURN QUERY SELECT
        'durability', CASE WHEN v_missing IS NULL THEN 'ok' WHEN v_missing ~ 'fsync|full_page' THEN 'fail' ELSE 'warn' END,
        coalesce(v_missing, 'commits survive a crash'), 'Money needs fsync, full_page_writes and synchronous_commit on.';
    IF pg_is_in_recovery() THEN
        RETURN QUERY SELECT 'workers', 'ok', 'standby: the workers start when it is promoted', NULL;
        RETURN;
    END IF;
    SELECT string_agg(w.title, ', ') INTO v_missing FROM usdtpay_internal.worker_wanted() AS w WHERE NOT w.running;
    RETURN QUERY SELECT
        'workers', CASE WHEN v_missing IS NULL THEN 'ok' ELSE 'fail' END,
        coalesce('not running: ' || v_missing, 'launcher, keeper, courier and every scanner run'),
        format(
            'Name "%s" in usdtpay.databases and look into the server''s log; a worker that failed is started again within a minute, '
            'one without room once max_worker_processes is raised.', current_database()
        );
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.health_server() IS 'Chapter of health(): preloading, versions, roles, durability, workers.';

CREATE OR REPLACE FUNCTION usdtpay_internal.health_networks()
RETURNS TABLE (component text, status text, detail text, hint text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        'network ' || s.code,
        CASE
            WHEN s.state IN ('halted', 'no_endpoint', 'refused', 'stalled') THEN 'fail'
            WHEN s.state <> 'scanning' OR s.endpoints_usable < 2 OR s.endpoints_usable < s.endpoints OR h.hosts < 2 THEN 'warn'
            ELSE 'ok'
        END,
        concat_ws(
            ', ', s.state, 'tip ' || s.tip_number, 'final ' || s.final_number, nullif(s.behind_blocks, 0) || ' blocks behind',
            s.endpoints_usable || ' of ' || s.endpoints || ' nodes usable', h.troubles, s.halt_reason, s.note
        ),
        CASE
            WHEN s.state = 'halted' THEN 'Nothing of this network is credited. Find out what happened, then usdtpay.network_resume(code, reason).'
            WHEN s.state = 'no_endpoint' THEN 'usdtpay.network_enable(code, rpc_urls) adds nodes.'
            WHEN s.state = 'refused' THEN 'Every node failed the checks (chain id, decimals, code); usdtpay.endpoint_status says why.'
            WHEN s.state = 'stalled' THEN 'No node answered for 30 seconds, or no scanner runs; usdtpay.endpoint_status and the server''s log say why.'
            WHEN s.state = 'catching_up' THEN 'It takes in what it missed; nothing to do unless the distance grows.'
            WHEN s.endpoints_usable < s.endpoints THEN 'usdtpay.endpoint_status shows which node fails and why.'
            ELSE 'A single provider can lie or vanish; add a second one, run by other people, with usdtpay.network_enable(code, rpc_urls).'
        END
    FROM usdtpay.network_status AS s
    CROSS JOIN LATERAL (
        SELECT
            count(DISTINCT regexp_replace(e.url, ':[0-9]+$', '')) AS hosts,
            string_agg(e.url || ' ' || e.state || coalesce(': ' || e.error, ''), ', ' ORDER BY e.endpoint_id)
            FILTER (WHERE e.state NOT IN ('ok', 'unknown')) AS troubles
        FROM usdtpay.endpoint_status AS e WHERE e.network = s.code AND e.enabled
    ) AS h
    WHERE s.state <> 'disabled'
    UNION ALL
    SELECT 'network', 'warn', 'no network is enabled', 'usdtpay.network_enable(code, rpc_urls); usdtpay.network_registry lists the codes.'
    WHERE NOT EXISTS (SELECT FROM usdtpay.network AS n WHERE n.enabled)
$$;
COMMENT ON FUNCTION usdtpay_internal.health_networks() IS 'Chapter of health(): one row per enabled network.';

CREATE OR REPLACE FUNCTION usdtpay_internal.health_webhooks()
RETURNS TABLE (component text, status text, detail text, hint text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        'courier', CASE WHEN b.oldest < now() - interval '15 minutes' THEN 'fail' WHEN b.oldest < now() - interval '1 minute' THEN 'warn' ELSE 'ok' END,
        format('%s deliveries open, oldest due %s', CASE WHEN b.open > 10000 THEN 'over 10000' ELSE b.open::text END, coalesce(b.oldest::text, 'none')),
        'The courier is slower than the events, or not running; raise usdtpay.webhook_max_in_flight, look for slow receivers in usdtpay.webhook_attempt.'
    FROM (
        SELECT
            (SELECT count(*) FROM (
                SELECT FROM usdtpay_internal.delivery AS d WHERE d.state IN ('queued', 'sending', 'retrying') LIMIT 10001
            ) AS o) AS open,
            (SELECT min(h.due) FROM (
                SELECT (
                    SELECT min(d.next_at) FROM usdtpay_internal.delivery AS d
                    WHERE d.party_id = w.party_id AND d.webhook_id = w.webhook_id AND d.state IN ('queued', 'retrying')
                ) AS due
                FROM usdtpay.webhook AS w WHERE w.state = 'enabled'
            ) AS h WHERE h.due < now()) AS oldest
    ) AS b
    UNION ALL
    SELECT
        'webhooks', CASE WHEN f.failing + f.dropped > 0 THEN 'warn' ELSE 'ok' END,
        format('%s enabled, %s failing, %s disabled because they failed%s', f.enabled, f.failing, f.dropped, ' (' || f.names || ')'),
        'usdtpay.webhook_status and usdtpay.webhook_attempt show the answers; webhook_enable and webhook_replay bring a receiver up to date.'
    FROM (
        SELECT
            count(*) FILTER (WHERE w.state = 'enabled') AS enabled,
            count(*) FILTER (WHERE w.state = 'enabled' AND w.failing_since IS NOT NULL) AS failing,
            count(*) FILTER (WHERE w.state = 'disabled' AND w.reason <> 'disabled by hand') AS dropped,
            left(string_agg(w.webhook_id::text, ', ') FILTER (
                WHERE w.state = 'enabled' AND w.failing_since IS NOT NULL OR w.state = 'disabled' AND w.reason <> 'disabled by hand'
            ), 100) AS names
        FROM usdtpay.webhook AS w
    ) AS f
$$;
COMMENT ON FUNCTION usdtpay_internal.health_webhooks() IS 'Chapter of health(): the courier''s queue and the receivers.';

CREATE OR REPLACE FUNCTION usdtpay_internal.job_runs()
RETURNS TABLE (name text, active boolean, last_status text, last_message text, last_at timestamptz)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- only the real pg_cron is asked: anybody may have made a schema of that name
    IF NOT EXISTS (
        SELECT FROM pg_depend AS d
        JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'pg_cron'
        JOIN pg_class AS c ON c.oid = d.objid AND c.relkind = 'r' AND c.oid = to_regclass('cron.job_run_details')
        WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
    ) THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE
        'SELECT j.name, c.active, r.status, left(r.return_message, 200), r.start_time
           FROM usdtpay_internal.job_list() AS j
           LEFT JOIN cron.job AS c ON c.jobname = j.name AND c.database = pg_catalog.current_database()
           LEFT JOIN LATERAL (
               SELECT q.* FROM (SELECT * FROM cron.job_run_details ORDER BY runid DESC LIMIT 2000) AS q
                WHERE q.jobid = c.jobid AND q.status IN (''succeeded'', ''failed'') ORDER BY q.runid DESC LIMIT 1
           ) AS r ON true';
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.job_runs() IS 'The jobs of job_list() as pg_cron knows them (active NULL: not scheduled) with their last finished run among its newest 2000; no row without pg_cron.';

CREATE OR REPLACE FUNCTION usdtpay_internal.health_jobs()
RETURNS TABLE (component text, status text, detail text, hint text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH run AS MATERIALIZED (SELECT r.* FROM usdtpay_internal.job_runs() AS r)
    SELECT
        'job ' || r.name, CASE WHEN r.active IS NOT TRUE THEN 'warn' WHEN r.last_status = 'failed' THEN 'fail' ELSE 'ok' END,
        CASE
            WHEN r.active IS NULL THEN 'not scheduled' WHEN NOT r.active THEN 'switched off'
            WHEN r.last_status IS NULL THEN 'scheduled, has not run yet'
            ELSE format('%s at %s%s', r.last_status, date_trunc('second', r.last_at), ': ' || r.last_message)
        END,
        CASE
            WHEN r.active IS NOT TRUE THEN 'SELECT usdtpay.jobs_schedule().'
            ELSE 'Run the command of usdtpay_internal.job_list() by hand to see the error; a connection error needs cron.use_background_workers = on.'
        END
    FROM run AS r
    UNION ALL
    SELECT
        'jobs', 'ok', 'pg_cron is not in this database: another scheduler has to run the jobs',
        'usdtpay_internal.job_list() lists the commands; "expiry" and "seal" tell whether they run.'
    WHERE NOT EXISTS (SELECT FROM run)
    UNION ALL
    SELECT
        'expiry', CASE WHEN min(o.expires_at) < now() - interval '15 minutes' THEN 'warn' ELSE 'ok' END,
        coalesce('oldest open order was due at ' || date_trunc('second', min(o.expires_at)), 'no order is overdue'),
        'usdtpay.order_expire() runs as a job and waits until every network of the order was scanned past its time.'
    FROM usdtpay.payment_order AS o WHERE o.state IN ('pending', 'partially_paid') AND o.expires_at < now()
$$;
COMMENT ON FUNCTION usdtpay_internal.health_jobs() IS 'Chapter of health(): what pg_cron runs, and whether the work of the jobs is done.';

CREATE OR REPLACE FUNCTION usdtpay_internal.seal_lag(OUT journals bigint, OUT oldest_at timestamptz)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off
AS $$
DECLARE
    v_sealed bigint;
    v_drawn bigint;
BEGIN
    SELECT coalesce(max(b.last_id), 0) INTO v_sealed
    FROM usdtpay.ledger_block AS b WHERE b.block_no = (SELECT max(k.block_no) FROM usdtpay.ledger_block AS k);
    SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END INTO v_drawn FROM usdtpay_internal.journal_seq AS s;
    journals := greatest(v_drawn - v_sealed, 0);
    -- the settings above leave the BRIN index, which finds the unsealed end without reading the rest
    SELECT p.posted_at INTO oldest_at FROM usdtpay.posting AS p WHERE p.posting_id >= (v_sealed + 1) * 256 LIMIT 1;
    IF oldest_at IS NULL THEN
        journals := 0;
    END IF;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.seal_lag() IS 'How many journal numbers were drawn since the last seal (rolled-back ones included) and when one of the oldest unsealed journals was posted; 0 and NULL when all is sealed.';

CREATE OR REPLACE FUNCTION usdtpay_internal.money_aside()
RETURNS TABLE (asset text, account text, parties bigint, amount numeric)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.code, q.name, count(*), sum(usdtpay_internal.amount_units(a.credits - a.debits, s.scale))
    FROM usdtpay.party AS p
    CROSS JOIN usdtpay.asset AS s
    CROSS JOIN (VALUES ('suspense'), ('held')) AS q (name)
    JOIN usdtpay.account_name AS n
        ON n.party_id = p.party_id AND n.asset_id = s.asset_id AND n.name = q.name AND n.customer_ref = ''
    JOIN usdtpay.account AS a ON a.party_id = n.party_id AND a.account_id = n.account_id
    WHERE a.credits <> a.debits
    GROUP BY s.code, q.name
$$;
COMMENT ON FUNCTION usdtpay_internal.money_aside() IS 'Money no order or customer has yet, in units of the asset: suspense waits for deposit_assign, held for compliance.';

CREATE OR REPLACE FUNCTION usdtpay_internal.health_ledger()
RETURNS TABLE (component text, status text, detail text, hint text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        'seal', CASE WHEN s.oldest_at < now() - interval '1 hour' THEN 'fail' WHEN s.oldest_at < now() - interval '5 minutes' THEN 'warn' ELSE 'ok' END,
        coalesce('unsealed since ' || date_trunc('second', s.oldest_at), 'every journal is sealed'),
        'usdtpay.ledger_seal() runs as a job; a transaction that stays open holds it up (pg_stat_activity).'
    FROM usdtpay_internal.seal_lag() AS s
    UNION ALL
    SELECT
        q.name, CASE WHEN bool_or(m.amount > 0) THEN 'warn' ELSE 'ok' END,
        coalesce(string_agg(m.amount || ' ' || m.asset || ' of ' || m.parties || ' parties', ', '), 'none'),
        CASE q.name
            WHEN 'suspense' THEN 'usdtpay.deposit_status where route <> ''matched'' lists the deposits; usdtpay.deposit_assign decides about one.'
            ELSE 'Compliance decides; usdtpay.deposit_assign releases a deposit.'
        END
    FROM (VALUES ('suspense'), ('held')) AS q (name)
    LEFT JOIN usdtpay_internal.money_aside() AS m ON m.account = q.name
    GROUP BY q.name
    UNION ALL
    SELECT
        'deposits', CASE WHEN count(*) > 0 THEN 'fail' ELSE 'ok' END,
        CASE
            WHEN count(*) > 0 THEN format(
                '%s final deposits could not be credited, for example deposit %s of party %s: %s',
                count(*), (min(ARRAY[w.deposit_id, w.party_id]))[1], (min(ARRAY[w.deposit_id, w.party_id]))[2], left(max(w.error), 200)
            )
            ELSE 'every final deposit is credited'
        END,
        'Nobody else is held up. Repair what the error names; usdtpay.deposits_retry(p_now => true) tries again.'
    FROM (SELECT s.* FROM usdtpay_internal.deposit_stuck AS s LIMIT 1000) AS w
    UNION ALL
    SELECT
        'hooks', CASE WHEN count(*) > 0 THEN 'warn' ELSE 'ok' END,
        CASE
            WHEN count(*) > 0 THEN format('%s on_paid calls wait, for example order %s: %s', count(*), max(h.order_id), left(max(h.error), 200))
            ELSE 'none waits'
        END,
        'Repair the merchant''s function; usdtpay.hooks_retry() tries again.'
    FROM (SELECT r.* FROM usdtpay_internal.hook_run AS r WHERE r.next_at IS NOT NULL LIMIT 1000) AS h
    UNION ALL
    SELECT
        'issuer', CASE WHEN count(*) > 0 THEN 'warn' ELSE 'ok' END,
        CASE WHEN count(*) > 0 THEN left(string_agg(format('%s on %s%s', i.kind, i.network, ' ' || i.address), ', '), 500) ELSE 'no alert in 7 days' END,
        'usdtpay.issuer_alert shows what the token''s issuer did; money on a blacklisted address cannot move.'
    FROM (
        SELECT a.kind, a.network, a.address FROM usdtpay.issuer_alert AS a
        WHERE a.block_time > now() - interval '7 days' ORDER BY a.block_time DESC LIMIT 20
    ) AS i
$$;
COMMENT ON FUNCTION usdtpay_internal.health_ledger() IS 'Chapter of health(): sealing, money put aside, deposits that could not be credited, hooks, the issuer''s acts.';

CREATE OR REPLACE FUNCTION usdtpay_internal.append_only_list() RETURNS regclass []
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY['usdtpay.posting', 'usdtpay.ledger_block', 'usdtpay.event', 'usdtpay.resolution']::regclass[]
$$;
COMMENT ON FUNCTION usdtpay_internal.append_only_list() IS 'Tables nobody may update, delete from or truncate.';

CREATE OR REPLACE FUNCTION usdtpay_internal.health_guards()
RETURNS TABLE (component text, status text, detail text, hint text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        'append_only', CASE WHEN count(*) FILTER (WHERE NOT g.guarded) = 0 THEN 'ok' ELSE 'fail' END,
        coalesce('not guarded: ' || string_agg(g.rel::text, ', ') FILTER (WHERE NOT g.guarded), 'guards are on'),
        'ALTER TABLE … ENABLE ALWAYS TRIGGER …_append_only, find out who switched it off, then usdtpay.ledger_verify().'
    FROM (
        SELECT l.rel, EXISTS (
            SELECT FROM pg_trigger AS t
            WHERE t.tgrelid = l.rel AND t.tgfoid = 'usdtpay_internal.append_only()'::regprocedure AND t.tgenabled = 'A'
        ) AS guarded
        FROM unnest(usdtpay_internal.append_only_list()) AS l (rel)
    ) AS g
    UNION ALL
    SELECT
        'foreign_code', CASE WHEN count(*) = 0 THEN 'ok' ELSE 'fail' END,
        coalesce(left(string_agg(f.what, ', '), 500), 'no trigger or rule of others on our tables'),
        'A trigger on our tables runs inside settlement with the workers'' rights; drop it and read usdtpay.events instead.'
    FROM (
        SELECT format('trigger %I on %s', t.tgname, c.oid::regclass) AS what
        FROM pg_class AS c
        JOIN pg_trigger AS t ON t.tgrelid = c.oid AND NOT t.tgisinternal
        WHERE c.relnamespace IN ('usdtpay'::regnamespace, 'usdtpay_internal'::regnamespace)
        AND NOT EXISTS (
            SELECT FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'usdtpay'
            WHERE d.classid = 'pg_proc'::regclass AND d.objid = t.tgfoid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
        )
        UNION ALL
        SELECT format('rule %I on %s', r.rulename, c.oid::regclass)
        FROM pg_class AS c
        JOIN pg_rewrite AS r ON r.ev_class = c.oid AND r.rulename <> '_RETURN'
        WHERE c.relnamespace IN ('usdtpay'::regnamespace, 'usdtpay_internal'::regnamespace)
    ) AS f
    UNION ALL
    SELECT
        'row_security', CASE WHEN count(*) = 0 THEN 'ok' ELSE 'fail' END,
        coalesce('switched off: ' || string_agg(DISTINCT c.oid::regclass::text, ', '), 'tenants are separated'),
        'ALTER TABLE … ENABLE ROW LEVEL SECURITY: without it every party reads every party''s rows.'
    FROM pg_class AS c
    JOIN pg_policy AS p ON p.polrelid = c.oid
    WHERE c.relnamespace = 'usdtpay'::regnamespace AND NOT c.relrowsecurity
$$;
COMMENT ON FUNCTION usdtpay_internal.health_guards() IS 'Chapter of health(): append-only guards, code of others on our tables, row-level security.';

CREATE OR REPLACE FUNCTION usdtpay.health() RETURNS TABLE (component text, status text, detail text, hint text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s'
AS $$
    SELECT h.component, h.status, h.detail, CASE WHEN h.status <> 'ok' THEN h.hint END
    FROM (
        SELECT 1 AS chapter, c.* FROM usdtpay_internal.health_server() AS c
        UNION ALL
        SELECT 2, c.* FROM usdtpay_internal.health_networks() AS c
        UNION ALL
        SELECT 3, c.* FROM usdtpay_internal.health_webhooks() AS c
        UNION ALL
        SELECT 4, c.* FROM usdtpay_internal.health_jobs() AS c
        UNION ALL
        SELECT 5, c.* FROM usdtpay_internal.health_ledger() AS c
        UNION ALL
        SELECT 6, c.* FROM usdtpay_internal.health_guards() AS c
    ) AS h
    ORDER BY h.chapter, h.component
$$;
COMMENT ON FUNCTION usdtpay.health() IS
'What is in order and what is not, one row per component: status ok, warn (look at it today) or fail (look at it now), detail with the values, hint with the remedy. Bounded and fast. It does not recompute balances: the view usdtpay.invariants does. Operators and analysts. Example: SELECT * FROM usdtpay.health() WHERE status <> ''ok''.';
