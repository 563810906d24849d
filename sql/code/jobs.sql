-- Running it: the jobs.

CREATE OR REPLACE FUNCTION usdtpay_internal.job_list() RETURNS TABLE (name text, schedule text, command text)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    VALUES
        ('usdtpay_expire', '* * * * *', 'SELECT usdtpay.order_expire()'),
        ('usdtpay_seal', '* * * * *', 'SELECT usdtpay.ledger_seal()'),
        ('usdtpay_holds', '* * * * *', 'SELECT usdtpay.ledger_holds_expire()'),
        ('usdtpay_deposits', '* * * * *', 'SELECT usdtpay.deposits_retry()'),
        ('usdtpay_hooks', '* * * * *', 'SELECT usdtpay.hooks_retry()'),
        ('usdtpay_retention', '17 * * * *', 'SELECT usdtpay.retention()')
$$;
COMMENT ON FUNCTION usdtpay_internal.job_list() IS 'The jobs jobs_schedule installs; each command can be called by hand.';

CREATE OR REPLACE FUNCTION usdtpay.retention() RETURNS TABLE (what text, removed bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT 'webhook attempts and delivered rows', usdtpay.webhook_purge()::bigint;
    RETURN QUERY
    WITH gone AS (
        DELETE FROM usdtpay.address_claim AS c
        USING (
            SELECT k.party_id, k.order_id, k.wallet_id FROM usdtpay.address_claim AS k
            WHERE upper(k.during) < now() - interval '7 days' LIMIT 50000
        ) AS old
        WHERE c.party_id = old.party_id AND c.order_id = old.order_id AND c.wallet_id = old.wallet_id
        RETURNING 1
    )
    SELECT 'claims on shared amounts and pool addresses', count(*) FROM gone;
    RETURN QUERY
    WITH gone AS (
        DELETE FROM usdtpay_internal.hook_run AS h
        USING (
            SELECT r.party_id, r.order_id FROM usdtpay_internal.hook_run AS r
            WHERE r.done_at < now() - interval '90 days' LIMIT 50000
        ) AS old
        WHERE h.party_id = old.party_id AND h.order_id = old.order_id
        RETURNING 1
    )
    SELECT 'on_paid runs', count(*) FROM gone;
END;
$$;
COMMENT ON FUNCTION usdtpay.retention() IS
'Removes what logs no longer need, in bounded steps: webhook attempts, spent claims, old on_paid runs. Orders, deposits, events and the ledger stay. A job.';

CREATE OR REPLACE FUNCTION usdtpay.jobs_schedule() RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_job record;
    v_count integer := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron') THEN
        RAISE EXCEPTION USING ERRCODE = 'UP203',
            MESSAGE = 'pg_cron is not installed in this database',
            DETAIL = format('Database is "%s".', current_database()),
            HINT = 'CREATE EXTENSION pg_cron (with it in shared_preload_libraries and cron.database_name set), or call the jobs of usdtpay_internal.job_list() from any scheduler.';
    END IF;
    FOR v_job IN SELECT j.* FROM usdtpay_internal.job_list() AS j LOOP
        EXECUTE 'SELECT cron.schedule($1, $2, $3)' USING v_job.name, v_job.schedule, v_job.command;
        v_count := v_count + 1;
    END LOOP;
    RETURN v_count;
END;
$$;
COMMENT ON FUNCTION usdtpay.jobs_schedule() IS
'Installs the jobs with pg_cron (expiry, sealing, holds, retries of deposits and of on_paid, retention) and returns how many; safe to repeat. They run as the calling role, which must be an operator. Without pg_cron call them from any scheduler. Error: UP203.';

CREATE OR REPLACE FUNCTION usdtpay.jobs_unschedule() RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_count integer := 0;
BEGIN
    IF to_regclass('cron.job') IS NOT NULL THEN
        EXECUTE 'SELECT count(cron.unschedule(j.jobid)) FROM cron.job AS j WHERE j.jobname LIKE ''usdtpay\_%'' AND j.username = current_user'
        INTO v_count;
    END IF;
    RETURN v_count;
END;
$$;
COMMENT ON FUNCTION usdtpay.jobs_unschedule() IS 'Removes the jobs the calling role installed; returns how many.';
