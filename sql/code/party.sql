-- Roles, parties and who acts for whom.

CREATE OR REPLACE FUNCTION usdtpay_internal.party_acting(p_party text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_own bigint := usdtpay.session_party();
    v_party bigint;
BEGIN
    IF p_party IS NULL THEN
        IF v_own IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'UP100',
                MESSAGE = 'the session acts for no party',
                DETAIL = 'The role is bound to no party and the call names none.',
                HINT = 'Bind the role with usdtpay.party_login_grant(party, role), or name the party as an operator.';
        END IF;
        RETURN v_own;
    END IF;
    SELECT p.party_id INTO v_party FROM usdtpay.party AS p WHERE p.code = p_party;
    IF v_party IS NOT NULL AND (v_party = v_own OR usdtpay_internal.session_has_role('usdtpay_operator')) THEN
        RETURN v_party;
    END IF;
    IF usdtpay_internal.session_has_role('usdtpay_operator') THEN
        RAISE EXCEPTION USING ERRCODE = 'UP200',
            MESSAGE = 'no such party',
            DETAIL = format('Party code is "%s".', left(p_party, 100)),
            HINT = 'See usdtpay.party, or create it with usdtpay.merchant_create.';
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'UP101',
        MESSAGE = 'the session may not act for that party',
        DETAIL = format('Party code is "%s".', left(p_party, 100)),
        HINT = 'Leave the party out to act for your own.';
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.party_acting(text) IS
'The party a call acts for: the named one when the session owns it or is an operator, else the session''s own. Errors: UP100, UP101, UP200.';

CREATE OR REPLACE FUNCTION usdtpay_internal.require_operator() RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT usdtpay_internal.session_has_role('usdtpay_operator') THEN
        RAISE EXCEPTION USING ERRCODE = 'UP101',
            MESSAGE = 'only operators may do this',
            HINT = 'Grant the role usdtpay_operator to the login.';
    END IF;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.require_operator() IS 'Refuses with UP101 unless the outer role is a member of usdtpay_operator.';

CREATE OR REPLACE FUNCTION usdtpay_internal.operator_acting(p_party text) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM usdtpay_internal.require_operator();
    RETURN usdtpay_internal.party_acting(p_party);
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.operator_acting(text) IS
'The party an operator''s call acts for. Errors: UP101 to anybody else, UP100, UP200.';

CREATE OR REPLACE FUNCTION usdtpay_internal.party_must_be_open(p_party bigint) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_party usdtpay.party;
BEGIN
    SELECT p.* INTO v_party FROM usdtpay.party AS p WHERE p.party_id = p_party;
    IF v_party.closed_at IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP201',
            MESSAGE = 'the party is closed',
            DETAIL = format('Party "%s" takes no new business since %s.', v_party.code, v_party.closed_at),
            HINT = 'What is under way goes on. An operator opens it again with usdtpay.party_reopen(party).';
    END IF;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.party_must_be_open(bigint) IS 'Refuses new business of a closed party with UP201.';

CREATE OR REPLACE FUNCTION usdtpay_internal.party_must_be_merchant(p_party bigint) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM usdtpay.merchant AS m WHERE m.party_id = p_party) THEN
        RAISE EXCEPTION USING ERRCODE = 'UP200',
            MESSAGE = 'the party is no merchant', DETAIL = format('Party is %s.', p_party),
            HINT = 'Create one with usdtpay.merchant_create.';
    END IF;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.party_must_be_merchant(bigint) IS 'Refuses with UP200 what only a merchant has.';

CREATE OR REPLACE FUNCTION usdtpay_internal.minor(p_amount numeric, p_scale integer, p_what text) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_amount IS NULL OR p_amount IN ('NaN', 'Infinity', '-Infinity') OR p_amount < 0
    OR p_amount > 9000000000000000000 / 10::numeric ^ p_scale THEN
        RAISE EXCEPTION USING ERRCODE = 'UP004',
            MESSAGE = format('%s is no amount', p_what),
            DETAIL = format('Value is %s.', coalesce(left(p_amount::text, 100), 'null')),
            HINT = 'Give a finite amount that is not negative.';
    END IF;
    IF scale(trim_scale(p_amount)) > p_scale THEN
        RAISE EXCEPTION USING ERRCODE = 'UP004',
            MESSAGE = format('%s has too many decimals', p_what),
            DETAIL = format('Value is %s, the asset has %s decimals.', left(p_amount::text, 100), p_scale),
            HINT = 'Round it yourself: amounts are never rounded silently.';
    END IF;
    RETURN (p_amount * 10::numeric ^ p_scale)::bigint;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.minor(numeric, integer, text) IS
'Units of an asset to ledger minor units, exactly. Errors: UP004 for NaN, infinity, negative, too large or too many decimals; p_what names the value in the message.';

CREATE OR REPLACE FUNCTION usdtpay_internal.units6(p_minor bigint) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN p_minor * 0.000001; -- exact, which a division is not
COMMENT ON FUNCTION usdtpay_internal.units6(bigint) IS
'Ledger minor units of USDT to USDT. Inlined; bound early, hence without a search_path of its own.';

CREATE OR REPLACE FUNCTION usdtpay.roles_setup() RETURNS text []
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_role text;
    v_made text[] := '{}';
BEGIN
    IF NOT (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) THEN
        RAISE EXCEPTION USING ERRCODE = 'UP101',
            MESSAGE = 'only a superuser may set the roles up',
            HINT = 'Run usdtpay.roles_setup() as the role that created the extension.';
    END IF;
    FOREACH v_role IN ARRAY usdtpay_internal.role_names() LOOP
        IF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = v_role) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', v_role);
            v_made := array_append(v_made, v_role);
        ELSIF EXISTS (
            SELECT FROM pg_roles AS r
            WHERE r.rolname = v_role AND (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls)
        ) THEN
            RAISE EXCEPTION USING ERRCODE = 'UP101',
                MESSAGE = format('role "%s" exists with dangerous attributes', v_role),
                DETAIL = 'It has one of SUPERUSER, CREATEROLE, CREATEDB, REPLICATION, BYPASSRLS.',
                HINT = 'Take the attributes away with ALTER ROLE, then call usdtpay.roles_setup() again.';
        END IF;
    END LOOP;
    PERFORM usdtpay_internal.grants_apply();
    RETURN v_made;
END;
$$;
COMMENT ON FUNCTION usdtpay.roles_setup() IS
'Makes the group roles usdtpay_merchant, _acceptor, _operator, _approver, _compliance, _analyst, _worker, _signer and _gateway, checks the attributes of those that exist, and grants each what it may do. Returns the roles it made. Superuser only; safe to repeat, and needed after every update.';

CREATE OR REPLACE FUNCTION usdtpay_internal.role_names() RETURNS text []
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY[
        'usdtpay_merchant', 'usdtpay_acceptor', 'usdtpay_operator', 'usdtpay_approver', 'usdtpay_compliance',
        'usdtpay_analyst', 'usdtpay_worker', 'usdtpay_signer', 'usdtpay_gateway'
    ]
$$;
COMMENT ON FUNCTION usdtpay_internal.role_names() IS 'The group roles.';

CREATE OR REPLACE FUNCTION usdtpay.merchant_create(p_code text, p_name text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_party bigint;
BEGIN
    PERFORM usdtpay_internal.require_operator();
    IF p_code IS NULL OR p_code !~ '^[a-z0-9][a-z0-9_.-]{0,62}$' OR coalesce(p_name, '') = '' OR length(p_name) > 200 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'a merchant needs a code and a name',
            DETAIL = format('Code is "%s", name is "%s".', left(p_code, 100), left(p_name, 100)),
            HINT = 'The code takes 1 to 63 of a-z 0-9 _ . - and starts with a letter or digit; the name at most 200 characters.';
    END IF;
    INSERT INTO usdtpay.party (code, name, kind) VALUES (p_code, p_name, 'merchant')
    ON CONFLICT (code) DO NOTHING RETURNING party_id INTO v_party;
    IF v_party IS NULL THEN
        SELECT p.party_id INTO v_party FROM usdtpay.party AS p
        WHERE p.code = p_code AND p.name = p_name AND p.kind = 'merchant';
        IF v_party IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'UP202',
                MESSAGE = 'that code belongs to another party',
                DETAIL = format('Code is "%s".', left(p_code, 100)),
                HINT = 'Choose another code, or repeat the call with the same name.';
        END IF;
        RETURN v_party;
    END IF;
    INSERT INTO usdtpay.merchant (party_id) VALUES (v_party);
    RETURN v_party;
END;
$$;
COMMENT ON FUNCTION usdtpay.merchant_create(text, text) IS
'Creates a merchant and returns its party_id; the code is the idempotency key: the same code and name return the first one. Operators only. Errors: UP000, UP101, UP202.';

CREATE OR REPLACE FUNCTION usdtpay.party_close(p_party text) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_party bigint := usdtpay_internal.operator_acting(p_party);
    v_closed_at timestamptz;
BEGIN
    IF v_party = 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP201',
            MESSAGE = 'the platform cannot be closed', DETAIL = 'Its wallets and its accounts serve every party.',
            HINT = 'Stop networks with usdtpay.network_disable, wallets with usdtpay.wallet_close.';
    END IF;
    UPDATE usdtpay.party AS p SET closed_at = coalesce(p.closed_at, now())
    WHERE p.party_id = v_party RETURNING p.closed_at INTO v_closed_at;
    RETURN v_closed_at;
END;
$$;
COMMENT ON FUNCTION usdtpay.party_close(text) IS
'Suspends a party: from now on it gets no new orders, deposit addresses, wallets, webhooks, settings or logins (UP201), not through an operator either. Nothing that is under way stops: its addresses stay watched, payments are credited, settled and announced, events and webhooks go on, it may cancel orders, accept underpaid ones and read everything. Returns since when it is closed; repeating it changes nothing. Operators only. Errors: UP100, UP101, UP200, UP201 for the platform.';

CREATE OR REPLACE FUNCTION usdtpay.party_reopen(p_party text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_party bigint := usdtpay_internal.operator_acting(p_party);
BEGIN
    UPDATE usdtpay.party AS p SET closed_at = NULL WHERE p.party_id = v_party AND p.closed_at IS NOT NULL;
    RETURN FOUND;
END;
$$;
COMMENT ON FUNCTION usdtpay.party_reopen(text) IS
'Lets a party that was closed take new business again; true when it was closed. Operators only. Errors: UP100, UP101, UP200.';

CREATE OR REPLACE FUNCTION usdtpay.party_login_grant(p_party text, p_role name) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_party bigint := usdtpay_internal.operator_acting(p_party);
    v_bound bigint;
BEGIN
    PERFORM usdtpay_internal.party_must_be_open(v_party);
    IF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = p_role) THEN
        RAISE EXCEPTION USING ERRCODE = 'UP200',
            MESSAGE = 'no such role', DETAIL = format('Role is "%s".', p_role),
            HINT = 'Create the login role first.';
    END IF;
    INSERT INTO usdtpay.party_login (role_name, party_id, granted_by) VALUES (p_role, v_party, session_user)
    ON CONFLICT (role_name) DO NOTHING;
    SELECT l.party_id INTO v_bound FROM usdtpay.party_login AS l WHERE l.role_name = p_role;
    IF v_bound IS DISTINCT FROM v_party THEN
        RAISE EXCEPTION USING ERRCODE = 'UP201',
            MESSAGE = 'the role already acts for another party',
            DETAIL = format('Role is "%s".', p_role),
            HINT = 'One role, one party: take it away first with usdtpay.party_login_revoke(role).';
    END IF;
END;
$$;
COMMENT ON FUNCTION usdtpay.party_login_grant(text, name) IS
'Binds a login role to a party: from then on its sessions see and act for that party only. Grant it usdtpay_merchant as well. Repeating it changes nothing. Operators only. Errors: UP101, UP200, UP201 when it acts for another party or the party is closed.';

CREATE OR REPLACE FUNCTION usdtpay.party_login_revoke(p_role name) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM usdtpay_internal.require_operator();
    DELETE FROM usdtpay.party_login AS l WHERE l.role_name = p_role;
    RETURN FOUND;
END;
$$;
COMMENT ON FUNCTION usdtpay.party_login_revoke(name) IS 'Unbinds a login role; true when it was bound. Operators only.';

CREATE OR REPLACE FUNCTION usdtpay_internal.networks_check(p_networks text []) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF array_ndims(p_networks) > 1 OR cardinality(p_networks) > 100
    OR EXISTS (SELECT FROM unnest(p_networks) AS c (code) WHERE (c.code ~ '^[a-z0-9][a-z0-9_.-]{0,31}$') IS NOT TRUE) THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'a list of networks is malformed',
            DETAIL = format('It has %s elements: %s.', cardinality(p_networks), left(array_to_string(p_networks, ', ', 'null'), 200)),
            HINT = 'Give a plain array of at most 100 network codes, as usdtpay.network_status shows them.';
    END IF;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.networks_check(text []) IS
'Refuses (UP000) what cannot be a list of network codes; whether they exist is asked when an order is created.';

CREATE OR REPLACE FUNCTION usdtpay.merchant_set(
    p_order_ttl interval DEFAULT NULL, p_underpay_tolerance numeric DEFAULT NULL,
    p_overpay_tolerance numeric DEFAULT NULL, p_min_deposit numeric DEFAULT NULL,
    p_late_policy text DEFAULT NULL, p_overpay_policy text DEFAULT NULL,
    p_on_paid text DEFAULT NULL, p_networks text [] DEFAULT NULL, p_tron_uri text DEFAULT NULL,
    p_party text DEFAULT NULL
) RETURNS usdtpay.merchant
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_party bigint := usdtpay_internal.party_acting(p_party);
    v_row usdtpay.merchant;
BEGIN
    PERFORM usdtpay_internal.party_must_be_open(v_party);
    PERFORM usdtpay_internal.networks_check(p_networks);
    IF p_late_policy IS NOT NULL AND p_late_policy <> ALL (enum_range(NULL::usdtpay.late_policy)::text[])
    OR p_overpay_policy IS NOT NULL AND p_overpay_policy <> ALL (enum_range(NULL::usdtpay.overpay_policy)::text[])
    OR p_order_ttl IS NOT NULL AND p_order_ttl NOT BETWEEN interval '1 minute' AND interval '90 days'
    OR p_tron_uri IS NOT NULL AND p_tron_uri NOT IN ('address', 'tron', 'tron_amount') THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'no such setting value',
            DETAIL = format(
                'late_policy "%s", overpay_policy "%s", order_ttl %s, tron_uri "%s".', left(p_late_policy, 100), left(p_overpay_policy, 100), p_order_ttl, left(p_tron_uri, 100)
            ),
            HINT = 'late_policy is auto, review or refund; overpay_policy accept or hold; order_ttl 1 minute to 90 days; '
                'tron_uri address, tron or tron_amount.';
    END IF;
    IF p_on_paid <> '' THEN
        PERFORM usdtpay_internal.hook_check(v_party, p_on_paid);
    END IF;
    PERFORM usdtpay_internal.party_must_be_merchant(v_party);
    UPDATE usdtpay.merchant AS m SET
        order_ttl = coalesce(p_order_ttl, m.order_ttl),
        underpay_tolerance = CASE WHEN p_underpay_tolerance IS NULL THEN m.underpay_tolerance
            ELSE usdtpay_internal.minor(p_underpay_tolerance, 6, 'underpay_tolerance') END,
        overpay_tolerance = CASE WHEN p_overpay_tolerance IS NULL THEN m.overpay_tolerance
            ELSE usdtpay_internal.minor(p_overpay_tolerance, 6, 'overpay_tolerance') END,
        min_deposit = CASE WHEN p_min_deposit IS NULL THEN m.min_deposit
            ELSE greatest(usdtpay_internal.minor(p_min_deposit, 6, 'min_deposit'), 1) END,
        late_policy = coalesce(p_late_policy::usdtpay.late_policy, m.late_policy),
        overpay_policy = coalesce(p_overpay_policy::usdtpay.overpay_policy, m.overpay_policy),
        on_paid = CASE WHEN p_on_paid IS NULL THEN m.on_paid ELSE nullif(p_on_paid, '') END,
        on_paid_role = CASE WHEN p_on_paid IS NULL THEN m.on_paid_role WHEN p_on_paid = '' THEN NULL
            ELSE usdtpay_internal.session_role() END,
        networks = CASE WHEN p_networks IS NULL THEN m.networks ELSE nullif(p_networks, '{}') END,
        tron_uri = coalesce(p_tron_uri, m.tron_uri),
        settings_at = now()
    WHERE m.party_id = v_party
    RETURNING m.* INTO v_row;
    RETURN v_row;
END;
$$;
COMMENT ON FUNCTION usdtpay.merchant_set(interval, numeric, numeric, numeric, text, text, text, text [], text, text) IS
'Changes a merchant''s settings; what is left NULL stays. Amounts are USDT. underpay_tolerance may be missing of an order and it still counts as paid, at most a tenth of its amount. Deposits below min_deposit are put aside as dust, unless they pay all that is left of an order. on_paid names a function taking one bigint (the order id) that runs in the settling transaction as the calling role, which must be bound to the party; an empty string removes it. networks limits what payers are offered; an empty array removes the limit. Orders keep the settings they were created with. tron_uri, which open orders follow too, is the form payment_uri calls standard on TRON: address, tron or tron_amount. Repeating it changes nothing. Errors: UP000, UP004, UP1xx, UP200, UP201 when the party is closed.';

CREATE OR REPLACE FUNCTION usdtpay.merchant_fee_set(p_party text, p_fee_bps integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_party bigint := usdtpay_internal.operator_acting(p_party);
BEGIN
    IF p_fee_bps IS NULL OR p_fee_bps NOT BETWEEN 0 AND 10000 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'a fee is 0 to 10000 basis points', DETAIL = format('Value is %s.', p_fee_bps),
            HINT = '100 basis points are one percent.';
    END IF;
    PERFORM usdtpay_internal.party_must_be_merchant(v_party);
    UPDATE usdtpay.merchant AS m SET fee_bps = p_fee_bps, settings_at = now() WHERE m.party_id = v_party;
END;
$$;
COMMENT ON FUNCTION usdtpay.merchant_fee_set(text, integer) IS
'Sets the platform fee of a merchant in basis points, for orders created from now on. Operators only. Errors: UP000, UP101, UP200.';
