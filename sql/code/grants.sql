-- Who may do what.  PUBLIC holds nothing; group roles get what the lists below say.  Roles are
-- cluster-wide and may not exist yet, so the grants are a function that roles_setup() runs.

CREATE OR REPLACE FUNCTION usdtpay_internal.grant_list() RETURNS TABLE (role name, functions text [])
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- names, every overload; * is every function of the schema usdtpay that PUBLIC code may ask for
    VALUES
        ('usdtpay_merchant'::name, ARRAY[
            'order_create', 'order_open', 'order_cancel', 'order_get', 'order_list', 'order_find',
            'order_settle_underpaid', 'deposit_address', 'payment_uri', 'payment_forms', 'balance', 'statement', 'events',
            'wallet_add', 'wallet_close', 'merchant_set', 'account_history',
            'webhook_add', 'webhook_remove', 'webhook_enable', 'webhook_disable', 'webhook_rotate', 'webhook_replay',
            'webhook_test', 'ledger_proof', 'ledger_proof_check'
        ]),
        ('usdtpay_acceptor', ARRAY['balance', 'statement', 'events', 'account_history', 'ledger_proof', 'ledger_proof_check']),
        ('usdtpay_analyst', ARRAY[
            'order_get', 'order_list', 'order_find', 'account_history', 'ledger_verify', 'ledger_proof', 'ledger_proof_check',
            'health', 'metrics_prometheus'
        ]),
        ('usdtpay_compliance', ARRAY['order_get', 'order_list', 'order_find', 'account_history', 'ledger_proof', 'ledger_proof_check']),
        ('usdtpay_gateway', ARRAY['order_get', 'payment_uri', 'payment_forms']),
        ('usdtpay_operator', ARRAY['*'])
$$;
COMMENT ON FUNCTION usdtpay_internal.grant_list() IS 'Functions of the schema usdtpay each role may call; everybody gets the pure ones of pure_list().';

CREATE OR REPLACE FUNCTION usdtpay_internal.pure_list() RETURNS text []
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY[
        'address_derive', 'address_bytes', 'address_text', 'xpub_info', 'keccak256', 'recover_address', 'eip712_hash',
        'qr_svg', 'qr_text', 'evm_transfers', 'evm_block_hash', 'evm_receipts_root', 'tron_block_id', 'tron_transfers',
        'webhook_sign', 'webhook_verify', 'session_party'
    ]
$$;
COMMENT ON FUNCTION usdtpay_internal.pure_list() IS 'Functions of the schema usdtpay that read no table of others and every group role may call.';

CREATE OR REPLACE FUNCTION usdtpay_internal.worker_list() RETURNS text []
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY['chain_rewind', 'chain_halt', 'chain_ingest']
$$;
COMMENT ON FUNCTION usdtpay_internal.worker_list() IS
'Functions the workers'' role may call besides those of usdtpay_internal whose names start with worker_, scanner_ or courier_.';

CREATE OR REPLACE FUNCTION usdtpay_internal.grant_functions(p_role name, p_schema name, p_names text []) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_function regprocedure;
BEGIN
    FOR v_function IN
        SELECT p.oid::regprocedure FROM pg_proc AS p
        WHERE p.pronamespace = p_schema::regnamespace AND (p.proname = ANY (p_names) OR p_names = '{*}')
        AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
        ORDER BY p.oid
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', v_function, p_role);
    END LOOP;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.grant_functions(name, name, text []) IS 'Grants EXECUTE on functions by name, every overload; {*} means all of the schema.';

CREATE OR REPLACE FUNCTION usdtpay_internal.grants_apply() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_role name;
    v_row record;
BEGIN
    FOREACH v_role IN ARRAY usdtpay_internal.role_names() LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA usdtpay, usdtpay_internal TO %I', v_role);
        PERFORM usdtpay_internal.grant_functions(v_role, 'usdtpay', usdtpay_internal.pure_list());
        -- what row-level security, views and invoker functions need on the way
        PERFORM usdtpay_internal.grant_functions(
            v_role, 'usdtpay_internal',
            ARRAY[
                'visible_from', 'visible_to', 'session_has_role', 'session_role', 'party_acting', 'units6', 'amount_units',
                'require_operator', 'endpoint_label'
            ]
        );
    END LOOP;
    FOR v_row IN SELECT g.* FROM usdtpay_internal.grant_list() AS g LOOP
        PERFORM usdtpay_internal.grant_functions(v_row.role, 'usdtpay', v_row.functions);
    END LOOP;
    GRANT SELECT ON ALL TABLES IN SCHEMA usdtpay TO
    usdtpay_merchant, usdtpay_acceptor, usdtpay_operator, usdtpay_approver, usdtpay_compliance, usdtpay_analyst, usdtpay_gateway;
    -- operators' views, and settings of the system as a whole
    REVOKE SELECT ON usdtpay.invariants, usdtpay.metrics, usdtpay.party_login, usdtpay.endpoint_status, usdtpay.ledger_block
    FROM usdtpay_merchant, usdtpay_acceptor, usdtpay_gateway;
    GRANT EXECUTE ON FUNCTION usdtpay_internal.invariant_list(), usdtpay_internal.metric_list() TO usdtpay_operator, usdtpay_analyst;
    GRANT EXECUTE ON FUNCTION usdtpay_internal.job_list() TO usdtpay_operator; -- jobs_schedule runs as its caller
    PERFORM usdtpay_internal.grant_functions('usdtpay_worker', 'usdtpay', usdtpay_internal.worker_list());
    PERFORM usdtpay_internal.grant_functions('usdtpay_worker', 'usdtpay_internal', usdtpay_internal.worker_list());
    PERFORM usdtpay_internal.grant_functions('usdtpay_worker', 'usdtpay_internal', ARRAY(
        SELECT p.proname::text FROM pg_proc AS p
        WHERE p.pronamespace = 'usdtpay_internal'::regnamespace AND p.proname ~ '^(worker|scanner|courier)_'
    ));
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.grants_apply() IS 'Grants every group role what it may do; run by roles_setup().';

-- In the same transaction as the CREATE: PUBLIC never holds anything.
REVOKE ALL ON SCHEMA usdtpay, usdtpay_internal FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA usdtpay, usdtpay_internal FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA usdtpay, usdtpay_internal FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA usdtpay, usdtpay_internal FROM PUBLIC;
