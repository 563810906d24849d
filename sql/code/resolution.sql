-- Decisions of people about orders and deposits: each is recorded once per idempotency key, with its
-- reason and who took it, for good.

CREATE OR REPLACE FUNCTION usdtpay_internal.resolution_known(
    p_party bigint, p_key text, p_action text, p_deposit bigint, p_order bigint, p_to bigint DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_old usdtpay.resolution;
BEGIN
    IF p_key IS NULL OR length(p_key) NOT BETWEEN 1 AND 200 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'a decision needs an idempotency key of 1 to 200 characters',
            DETAIL = format('It has %s.', coalesce(length(p_key), 0)), HINT = 'Give a key of your own, for example a ticket number.';
    END IF;
    PERFORM usdtpay_internal.turn_take('resolution:' || p_key, p_party);
    SELECT r.* INTO v_old FROM usdtpay.resolution AS r WHERE r.party_id = p_party AND r.key = p_key;
    IF v_old.resolution_id IS NULL THEN
        RETURN NULL;
    END IF;
    IF v_old.action = p_action AND (v_old.deposit_id, v_old.order_id, v_old.to_party_id) IS NOT DISTINCT FROM (p_deposit, p_order, p_to) THEN
        RETURN v_old.resolution_id;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'UP202',
        MESSAGE = 'that key belongs to another decision', DETAIL = format('Key is "%s", resolution %s.', p_key, v_old.resolution_id),
        HINT = 'Use a new key for a new decision.';
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.resolution_known(bigint, text, text, bigint, bigint, bigint) IS
'The resolution an idempotency key already stands for, NULL when it is new; one caller per key at a time. Errors: UP000, UP202.';

CREATE OR REPLACE FUNCTION usdtpay_internal.resolution_add(
    p_party bigint, p_key text, p_action text, p_deposit bigint, p_order bigint, p_amount bigint, p_reason text,
    p_to bigint DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_id bigint;
BEGIN
    IF coalesce(p_reason, '') = '' OR length(p_reason) > 2000 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'a decision needs a reason', DETAIL = format('It has %s characters.', coalesce(length(p_reason), 0)),
            HINT = 'Say why in 1 to 2000 characters: the record stays for good.';
    END IF;
    INSERT INTO usdtpay.resolution (party_id, key, action, deposit_id, order_id, amount, to_party_id, reason, decided_by)
    VALUES (p_party, p_key, p_action, p_deposit, p_order, p_amount, p_to, p_reason, usdtpay_internal.session_role())
    RETURNING resolution_id INTO v_id;
    RETURN v_id;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.resolution_add(bigint, text, text, bigint, bigint, bigint, text, bigint) IS
'Records a decision and returns its id. Error: UP000 without a reason, or with one that is too long.';
