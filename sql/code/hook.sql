-- on_paid: the merchant's own function, run in the settling transaction.

CREATE OR REPLACE FUNCTION usdtpay_internal.hook_call(
    p_function text, p_role name, p_order bigint, OUT sqlstate text, OUT error text
)
LANGUAGE c
AS 'MODULE_PATHNAME', 'usdtpay_hook_call';
COMMENT ON FUNCTION usdtpay_internal.hook_call(text, name, bigint) IS
'Calls a function (schema-qualified name, one bigint argument) as p_role inside a subtransaction, for at most usdtpay.hook_timeout. Never fails: gives SQLSTATE and message of an error, NULLs on success.';

CREATE OR REPLACE FUNCTION usdtpay_internal.hook_check(p_party bigint, p_function text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_oid regprocedure;
BEGIN
    IF p_function ~ '^("[^".]+"|[[:alpha:]_][[:alnum:]_$]*)\.("[^".]+"|[[:alpha:]_][[:alnum:]_$]*)$' THEN
        v_oid := to_regprocedure(p_function || '(bigint)');
    END IF;
    IF v_oid IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP200',
            MESSAGE = 'no such function', DETAIL = format('Looked for %s(bigint).', left(p_function, 100)),
            HINT = 'Give a schema-qualified name of a function that takes one bigint, the order id.';
    END IF;
    IF NOT usdtpay_internal.hook_role_bound(p_party, usdtpay_internal.session_role()) THEN
        RAISE EXCEPTION USING ERRCODE = 'UP101',
            MESSAGE = 'only a role of the party itself may set its hook',
            DETAIL = format('Role is "%s".', usdtpay_internal.session_role()),
            HINT = 'The function runs as the role that sets it: log in as one bound with usdtpay.party_login_grant.';
    END IF;
    IF NOT has_function_privilege(usdtpay_internal.session_role(), v_oid, 'EXECUTE') THEN
        RAISE EXCEPTION USING ERRCODE = 'UP101',
            MESSAGE = 'the session may not execute that function', DETAIL = format('Function is %s.', v_oid),
            HINT = 'The function runs as the role that sets it.';
    END IF;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.hook_check(bigint, text) IS
'Refuses an on_paid function that does not exist (UP200), that the caller may not execute, or that a role not bound to the party sets (UP101): an operator''s role must never run a merchant''s code.';

CREATE OR REPLACE FUNCTION usdtpay_internal.hook_role_bound(p_party bigint, p_role name) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM usdtpay.party_login AS l WHERE l.role_name = p_role AND l.party_id = p_party)
$$;
COMMENT ON FUNCTION usdtpay_internal.hook_role_bound(bigint, name) IS 'Whether a role is bound to a party.';

CREATE OR REPLACE FUNCTION usdtpay_internal.hook_try(p_party bigint, p_order bigint) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_order usdtpay.payment_order;
    v_result record;
BEGIN
    SELECT o.* INTO v_order FROM usdtpay.payment_order AS o WHERE o.party_id = p_party AND o.order_id = p_order;
    IF usdtpay_internal.hook_role_bound(p_party, v_order.on_paid_role) THEN
        SELECT c.* INTO v_result FROM usdtpay_internal.hook_call(v_order.on_paid, v_order.on_paid_role, p_order) AS c;
    ELSE
        SELECT 'UP101' AS sqlstate, format('role "%s" no longer acts for the party', v_order.on_paid_role) AS error INTO v_result;
    END IF;
    UPDATE usdtpay_internal.hook_run AS h SET
        attempts = h.attempts + 1, sqlstate = v_result.sqlstate, error = left(v_result.error, 500),
        done_at = CASE WHEN v_result.sqlstate IS NULL THEN now() END,
        -- one minute, then twice as long each time; given up after about three days
        next_at = CASE WHEN v_result.sqlstate IS NOT NULL AND h.attempts < 12 THEN now() + interval '1 minute' * 2 ^ h.attempts END
    WHERE h.party_id = p_party AND h.order_id = p_order;
    RETURN v_result.sqlstate IS NULL;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.hook_try(bigint, bigint) IS 'Runs on_paid of an order once and records how it went; true when it succeeded.';

CREATE OR REPLACE FUNCTION usdtpay_internal.hook_run_new(p_moves usdtpay_internal.order_move []) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_key record;
    v_until timestamptz := statement_timestamp() + 5 * greatest(current_setting('usdtpay.hook_timeout', true)::interval, interval '1 second');
BEGIN
    FOR v_key IN
        SELECT (m.now).party_id, (m.now).order_id FROM unnest(p_moves) AS m
        WHERE (m.now).on_paid IS NOT NULL AND (m.now).state = 'paid' AND m.old_state <> 'paid'
        ORDER BY 1, 2
    LOOP
        INSERT INTO usdtpay_internal.hook_run (party_id, order_id, next_at) VALUES (v_key.party_id, v_key.order_id, now())
        ON CONFLICT DO NOTHING;
        IF FOUND AND clock_timestamp() < v_until THEN
            PERFORM usdtpay_internal.hook_try(v_key.party_id, v_key.order_id);
        END IF;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.hook_run_new(usdtpay_internal.order_move []) IS
'Runs on_paid for orders that just became paid, each in a subtransaction of the settling transaction, once per order. All of a statement''s together get five times usdtpay.hook_timeout from its start; what does not fit is left to hooks_retry, so that slow hooks cannot hold up a block.';

CREATE OR REPLACE FUNCTION usdtpay.hooks_retry(p_limit integer DEFAULT 100) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_key record;
    v_done integer := 0;
BEGIN
    FOR v_key IN
        SELECT h.party_id, h.order_id FROM usdtpay_internal.hook_run AS h
        WHERE h.next_at <= now() ORDER BY h.next_at LIMIT least(greatest(p_limit, 1), 10000)
        FOR UPDATE SKIP LOCKED
    LOOP
        v_done := v_done + usdtpay_internal.hook_try(v_key.party_id, v_key.order_id)::integer;
    END LOOP;
    RETURN v_done;
END;
$$;
COMMENT ON FUNCTION usdtpay.hooks_retry(integer) IS 'Tries on_paid calls again that failed and are due. A job; returns how many succeeded.';
