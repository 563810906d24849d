-- Decisions of people about orders: taking an underpaid one as paid, taking a paid one back.

CREATE OR REPLACE FUNCTION usdtpay.order_settle_underpaid(p_key text, p_order bigint, p_reason text, p_party text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_order usdtpay.payment_order;
BEGIN
    PERFORM usdtpay_internal.money_lock(ARRAY[usdtpay_internal.party_acting(p_party)]);
    v_order := usdtpay_internal.order_take(p_order, p_party);
    IF usdtpay_internal.resolution_known(v_order.party_id, p_key, 'settle_underpaid', NULL, p_order) IS NOT NULL THEN
        RETURN v_order.state;
    END IF;
    IF v_order.state <> 'underpaid' THEN
        RAISE EXCEPTION USING ERRCODE = 'UP201',
            MESSAGE = 'the order is not underpaid', DETAIL = format('Order %s is %s.', p_order, v_order.state),
            HINT = 'Only an order that ended with some money in it can be accepted as it is.';
    END IF;
    PERFORM usdtpay_internal.resolution_add(v_order.party_id, p_key, 'settle_underpaid', NULL, p_order, v_order.final, p_reason);
    UPDATE usdtpay.payment_order AS o SET underpay_tolerance = o.due - v_order.final, manual = true
    WHERE o.party_id = v_order.party_id AND o.order_id = p_order;
    PERFORM usdtpay_internal.order_advance(ARRAY[v_order.party_id], ARRAY[p_order]);
    RETURN (SELECT o.state FROM usdtpay.payment_order AS o WHERE o.party_id = v_order.party_id AND o.order_id = p_order);
END;
$$;
COMMENT ON FUNCTION usdtpay.order_settle_underpaid(text, bigint, text, text) IS
'The merchant takes an underpaid order as paid: what arrived becomes available. p_key is the idempotency key. Errors: UP000, UP1xx, UP200, UP201, UP202.';

CREATE OR REPLACE FUNCTION usdtpay_internal.order_unsettle(p_order usdtpay.payment_order, p_resolution bigint) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_debits bigint[];
    v_amounts bigint[];
BEGIN
    -- what the settle journals left on each account but pending and suspense
    SELECT array_agg(n.account_id ORDER BY n.account_id), array_agg(n.amount ORDER BY n.account_id)
    INTO v_debits, v_amounts
    FROM (
        SELECT v.account_id, sum(v.amount)::bigint AS amount
        FROM usdtpay_internal.order_settled_lines(p_order.party_id, p_order.order_id) AS v
        JOIN usdtpay.account_name AS a ON a.party_id = p_order.party_id AND a.account_id = v.account_id
        WHERE a.name IN ('available', 'fee')
        GROUP BY 1 HAVING sum(v.amount) > 0
    ) AS n;
    IF v_debits IS NOT NULL THEN
        PERFORM usdtpay_internal.ledger_post(
            p_order.party_id, 'resolution:' || p_resolution, v_debits,
            array_fill(usdtpay.account_open(p_order.party_id, 'USDT', 'suspense'), ARRAY[cardinality(v_debits)]),
            v_amounts, 'adjust', 'order:' || p_order.order_id
        );
    END IF;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.order_unsettle(usdtpay.payment_order, bigint) IS
'Posts what the settlement of an order made available, and its fee, to suspense. Error: UP300 when it has been spent.';

CREATE OR REPLACE FUNCTION usdtpay.order_reverse(p_key text, p_order bigint, p_reason text, p_party text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_order usdtpay.payment_order;
    v_state text;
    v_id bigint;
BEGIN
    PERFORM usdtpay_internal.money_lock(ARRAY[usdtpay_internal.operator_acting(p_party)]);
    v_order := usdtpay_internal.order_take(p_order, p_party);
    IF usdtpay_internal.resolution_known(v_order.party_id, p_key, 'reverse', NULL, p_order) IS NOT NULL THEN
        RETURN v_order.state;
    END IF;
    v_id := usdtpay_internal.resolution_add(v_order.party_id, p_key, 'reverse', NULL, p_order, v_order.settled, p_reason);
    v_state := (usdtpay_internal.order_move_to(v_order, 'reversed', true)).state;
    PERFORM usdtpay_internal.order_unsettle(v_order, v_id);
    RETURN v_state;
END;
$$;
COMMENT ON FUNCTION usdtpay.order_reverse(text, bigint, text, text) IS
'Takes a paid order back by an operator''s decision: what had become available goes to suspense until a person decides, the fee with it. Never automatic. Errors: UP000, UP101, UP200, UP201, UP202, UP300 when the merchant has spent it.';
