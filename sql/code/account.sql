-- Accounts: opened by name, closed and reopened; never deleted.

CREATE OR REPLACE FUNCTION usdtpay_internal.account_flags(p_name text) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE
    WHEN p_name IN ('available', 'pending', 'held', 'escrow', 'disputed', 'margin', 'payout', 'fee', 'suspense', 'received') THEN 1
    WHEN p_name ~ '^(custody|self|gas):[a-z0-9_.-]+$' THEN 2
    WHEN p_name = 'clearing' OR p_name ~ '^fiat:[a-z0-9_.-]+$' THEN 0
END;
COMMENT ON FUNCTION usdtpay_internal.account_flags(text) IS
'Limit flags an account of this name gets (see account.flags); NULL for a name the ledger does not know.';

CREATE OR REPLACE FUNCTION usdtpay_internal.account_id(
    p_party bigint, p_asset_id integer, p_name text, p_customer_ref text DEFAULT ''
) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT n.account_id FROM usdtpay.account_name n
    WHERE n.party_id = p_party AND n.asset_id = p_asset_id AND n.name = p_name AND n.customer_ref = p_customer_ref;
END;
COMMENT ON FUNCTION usdtpay_internal.account_id(bigint, integer, text, text) IS
'Id of a party''s account by asset, name and customer; NULL when it was never opened. Join account_name for sets.';

CREATE OR REPLACE FUNCTION usdtpay_internal.account_create(
    p_party bigint, p_asset_id integer, p_name text, p_customer_ref text
) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_flags integer := usdtpay_internal.account_flags(p_name);
    v_id bigint;
BEGIN
    IF v_flags IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000', MESSAGE = 'unknown account name',
            DETAIL = format('Name "%s".', left(p_name, 100)),
            HINT = 'Use available, pending, held, escrow, disputed, margin, payout, fee, suspense, received, clearing, custody:<network>, self:<network>, gas:<network> or fiat:<name>.';
    END IF;
    IF octet_length(p_customer_ref) > 255 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000', MESSAGE = 'customer reference is too long',
            DETAIL = format('It has %s octets.', octet_length(p_customer_ref)), HINT = 'Use at most 255 octets.';
    END IF;
    IF NOT EXISTS (SELECT FROM usdtpay.party WHERE party_id = p_party) THEN
        RAISE EXCEPTION USING ERRCODE = 'UP200', MESSAGE = 'party not found',
            DETAIL = format('Party %s.', p_party), HINT = 'usdtpay.party lists the parties.';
    END IF;
    BEGIN
        v_id := nextval('usdtpay_internal.account_seq');
        INSERT INTO usdtpay.account (party_id, account_id, asset_id, flags)
        VALUES (p_party, v_id, p_asset_id, v_flags);
        INSERT INTO usdtpay.account_name (party_id, account_id, asset_id, name, customer_ref)
        VALUES (p_party, v_id, p_asset_id, p_name, p_customer_ref);
        RETURN v_id;
    EXCEPTION WHEN unique_violation THEN
        -- Somebody opened it meanwhile and has committed; the block above left nothing behind.
        v_id := usdtpay_internal.account_id(p_party, p_asset_id, p_name, p_customer_ref);
    END;
    IF v_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '40001', MESSAGE = 'account was opened by a concurrent transaction',
            DETAIL = format('Account %s of party %s.', left(p_name, 100), p_party), HINT = 'Retry the transaction.';
    END IF;
    RETURN v_id;
END
$$;
COMMENT ON FUNCTION usdtpay_internal.account_create(bigint, integer, text, text) IS
'Opens an account that account_open did not find. Of two callers one creates it, the other gets the same id.';

CREATE OR REPLACE FUNCTION usdtpay.account_open(
    p_party bigint, p_asset text, p_name text, p_customer_ref text DEFAULT ''
) RETURNS bigint
LANGUAGE c
AS 'MODULE_PATHNAME', 'usdtpay_account_open';
COMMENT ON FUNCTION usdtpay.account_open(bigint, text, text, text) IS
'Returns the party''s account of this asset, name and customer, opening it when needed. The name decides the limits: what is owed to people cannot go below zero, custody cannot go above what came in, clearing and fiat memo accounts are free.';

CREATE OR REPLACE FUNCTION usdtpay_internal.account_set_closed(p_party bigint, p_account bigint, p_closed boolean)
RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_account usdtpay.account;
    v_flags integer;
BEGIN
    SELECT a.* INTO v_account FROM usdtpay.account a
    WHERE a.party_id = p_party AND a.account_id = p_account FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'UP200', MESSAGE = 'account not found',
            DETAIL = format('Party %s has no account %s.', p_party, p_account),
            HINT = 'usdtpay.account_name lists the accounts.';
    END IF;
    IF p_closed AND EXISTS (
        SELECT FROM usdtpay.account_name AS n WHERE n.party_id = p_party AND n.account_id = p_account
        AND n.name ~ '^(available|pending|held|fee|suspense|received|custody:.*|self:.*)$'
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'UP201', MESSAGE = 'the platform itself credits that account',
            DETAIL = format('Account %s of party %s.', p_account, p_party),
            HINT = 'Payments that arrive must be booked; usdtpay.party_close() stops a party''s new business.';
    END IF;
    IF p_closed AND (v_account.debits_held > 0 OR v_account.credits_held > 0) THEN
        RAISE EXCEPTION USING ERRCODE = 'UP201', MESSAGE = 'account has open holds',
            DETAIL = format('Account %s: debits held %s, credits held %s.', p_account, v_account.debits_held, v_account.credits_held),
            HINT = 'Capture or release them first.';
    END IF;
    v_flags := CASE WHEN p_closed THEN v_account.flags | 4 ELSE v_account.flags & ~4 END;
    IF v_flags = v_account.flags THEN
        RETURN false;
    END IF;
    UPDATE usdtpay.account SET flags = v_flags WHERE party_id = p_party AND account_id = p_account;
    RETURN true;
END
$$;
COMMENT ON FUNCTION usdtpay_internal.account_set_closed(bigint, bigint, boolean) IS
'Closes or reopens an account under the same row lock that posting takes; true when that changed it.';

CREATE OR REPLACE FUNCTION usdtpay.account_close(p_party bigint, p_account bigint) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT usdtpay_internal.account_set_closed(p_party, p_account, true) $$;
COMMENT ON FUNCTION usdtpay.account_close(bigint, bigint) IS
'Stops an account from being posted to; its balance stays. Refused while holds are open, and for the accounts payments are booked on (available, pending, held, fee, suspense, received, custody, self). True when it was open. Errors: UP200, UP201.';

CREATE OR REPLACE FUNCTION usdtpay.account_reopen(p_party bigint, p_account bigint) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT usdtpay_internal.account_set_closed(p_party, p_account, false) $$;
COMMENT ON FUNCTION usdtpay.account_reopen(bigint, bigint) IS 'Lets a closed account be posted to again. True when it was closed.';
