-- Decisions of people about money that was put aside: which order, customer or party it is for.

CREATE OR REPLACE FUNCTION usdtpay_internal.deposit_give(
    p_deposit usdtpay.deposit, p_to bigint, p_order bigint, p_resolution bigint
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_new usdtpay.deposit := p_deposit;
BEGIN
    v_new.party_id := p_to;
    v_new.deposit_id := nextval('usdtpay_internal.deposit_seq');
    v_new.assigned_from := p_deposit.deposit_id;
    v_new.route := 'matched';
    v_new.order_id := p_order;
    v_new.event_seq := 1;
    v_new.final_at := now();
    SELECT b.journal_id INTO v_new.journal_id
    FROM usdtpay_internal.ledger_post_batch(
        ARRAY[p_deposit.party_id, p_to], ARRAY['resolution:' || p_resolution, 'deposit:' || v_new.deposit_id],
        ARRAY[
            usdtpay.account_open(p_deposit.party_id, 'USDT', CASE p_deposit.route WHEN 'held' THEN 'held' ELSE 'suspense' END),
            usdtpay.account_open(p_to, 'USDT', 'clearing')
        ],
        ARRAY[
            usdtpay.account_open(p_deposit.party_id, 'USDT', 'clearing'),
            usdtpay.account_open(p_to, 'USDT', CASE WHEN p_order IS NULL THEN 'available' ELSE 'pending' END)
        ],
        ARRAY[p_deposit.amount, p_deposit.amount], ARRAY['clearing', 'clearing']::usdtpay.journal_kind[],
        ARRAY['deposit:' || p_deposit.deposit_id, 'deposit:' || v_new.deposit_id], true
    ) AS b WHERE b.ord = 2;
    INSERT INTO usdtpay.deposit SELECT v_new.*;
    PERFORM usdtpay_internal.event_insert(
        ARRAY[p_to], ARRAY['deposit'], ARRAY[v_new.deposit_id], ARRAY[1], ARRAY['deposit.resolved'],
        ARRAY[usdtpay_internal.deposit_json(v_new)::text]
    );
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.deposit_give(usdtpay.deposit, bigint, bigint, bigint) IS
'Gives a deposit of the platform to another party: one journal each, through clearing, and a deposit row of the party''s own that its order counts.';

CREATE OR REPLACE FUNCTION usdtpay_internal.deposit_receiver(p_party bigint, p_to text) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_to bigint := p_party;
BEGIN
    IF p_to IS NOT NULL THEN
        v_to := usdtpay_internal.party_acting(p_to);
    END IF;
    IF v_to <> p_party AND (p_party <> 1 OR NOT EXISTS (SELECT FROM usdtpay.merchant AS m WHERE m.party_id = v_to)) THEN
        RAISE EXCEPTION USING ERRCODE = 'UP201',
            MESSAGE = 'only the platform''s money can be given away, and only to a merchant',
            DETAIL = format('From party %s to party "%s".', p_party, left(p_to, 100)),
            HINT = 'Leave p_to out to decide for the party the deposit belongs to.';
    END IF;
    RETURN v_to;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.deposit_receiver(bigint, text) IS
'The party a decision gives a deposit to: its own, or a merchant when it is the platform''s. Errors: UP101, UP200, UP201.';

CREATE OR REPLACE FUNCTION usdtpay_internal.deposit_adopt(p_deposit usdtpay.deposit) RETURNS usdtpay.deposit
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_net usdtpay.network;
BEGIN
    IF p_deposit.state <> 'final' OR p_deposit.asset_id IS NOT NULL OR p_deposit.amount = 0 OR NOT EXISTS (
        SELECT FROM usdtpay.token AS t WHERE t.token_id = p_deposit.token_id AND t.asset_id = 1
    ) THEN
        RETURN p_deposit;
    END IF;
    SELECT n.* INTO v_net FROM usdtpay.network AS n WHERE n.network_id = p_deposit.network_id;
    UPDATE usdtpay.deposit AS d SET asset_id = 1
    WHERE d.party_id = p_deposit.party_id AND d.deposit_id = p_deposit.deposit_id;
    PERFORM usdtpay_internal.deposit_credit(v_net, ROW(ARRAY[p_deposit.party_id], ARRAY[p_deposit.deposit_id])::usdtpay_internal.pairs);
    SELECT d.* INTO p_deposit FROM usdtpay.deposit AS d
    WHERE d.party_id = p_deposit.party_id AND d.deposit_id = p_deposit.deposit_id;
    RETURN p_deposit;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.deposit_adopt(usdtpay.deposit) IS
'Books a final deposit that came while its token was only watched and now counts as USDT: to suspense, as if it had come today. Returns it as it is then; any other deposit unchanged.';

CREATE OR REPLACE FUNCTION usdtpay.deposit_assign(
    p_key text, p_deposit bigint, p_order bigint, p_reason text, p_party text DEFAULT NULL, p_to text DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_action text := CASE WHEN p_order IS NULL THEN 'credit' ELSE 'assign' END;
    v_party bigint := usdtpay_internal.operator_acting(p_party);
    v_to bigint := usdtpay_internal.deposit_receiver(v_party, p_to);
    v_deposit usdtpay.deposit;
    v_state usdtpay.order_state;
    v_id bigint;
BEGIN
    v_id := usdtpay_internal.resolution_known(v_party, p_key, v_action, p_deposit, p_order, nullif(v_to, v_party));
    IF v_id IS NOT NULL THEN
        RETURN v_id;
    END IF;
    PERFORM usdtpay_internal.money_lock(ARRAY[v_party, v_to]);
    SELECT d.* INTO v_deposit FROM usdtpay.deposit AS d
    WHERE d.party_id = v_party AND d.deposit_id = p_deposit FOR NO KEY UPDATE;
    IF v_deposit.deposit_id IS NULL OR p_order IS NOT NULL AND NOT EXISTS (
        SELECT FROM usdtpay.payment_order AS o WHERE o.party_id = v_to AND o.order_id = p_order
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'UP200',
            MESSAGE = 'no such deposit or order',
            DETAIL = format('Deposit %s of party %s, order %s of party %s.', p_deposit, v_party, p_order, v_to),
            HINT = 'Name the party the deposit belongs to with p_party, and the merchant the platform''s money is for with p_to.';
    END IF;
    v_deposit := usdtpay_internal.deposit_adopt(v_deposit);
    IF v_deposit.state <> 'final' OR v_deposit.route = 'matched' OR v_deposit.journal_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP201',
            MESSAGE = 'only final money in suspense can be resolved',
            DETAIL = format('Deposit %s is %s and %s.', p_deposit, v_deposit.state, v_deposit.route),
            HINT = 'Wait until it is final; for a deposit of a watched-only token give the token its asset with usdtpay.token_define first.';
    END IF;
    IF p_order IS NOT NULL THEN
        PERFORM usdtpay_internal.order_lock(ROW(ARRAY[v_to], ARRAY[p_order])::usdtpay_internal.pairs);
        SELECT o.state INTO v_state FROM usdtpay.payment_order AS o WHERE o.party_id = v_to AND o.order_id = p_order;
        IF v_state IN ('draft', 'reversed') THEN
            RAISE EXCEPTION USING ERRCODE = 'UP201',
                MESSAGE = format('an order that is %s takes no money', v_state), DETAIL = format('Order %s.', p_order),
                HINT = 'Choose another order, or credit the party with a NULL order.';
        END IF;
    END IF;
    v_id := usdtpay_internal.resolution_add(
        v_party, p_key, v_action, p_deposit, p_order, v_deposit.amount, p_reason, nullif(v_to, v_party)
    );
    IF v_to <> v_party THEN
        PERFORM usdtpay_internal.deposit_give(v_deposit, v_to, p_order, v_id);
    ELSIF v_deposit.custodial THEN
        PERFORM usdtpay_internal.ledger_post(
            v_party, 'resolution:' || v_id,
            ARRAY[usdtpay.account_open(v_party, 'USDT', CASE v_deposit.route WHEN 'held' THEN 'held' ELSE 'suspense' END)],
            ARRAY[CASE
                WHEN p_order IS NULL THEN usdtpay.account_open(v_party, 'USDT', 'available', coalesce(v_deposit.customer_ref, ''))
                ELSE usdtpay.account_open(v_party, 'USDT', 'pending')
            END],
            ARRAY[v_deposit.amount], 'adjust', 'deposit:' || p_deposit
        );
    END IF;
    UPDATE usdtpay.deposit AS d SET
        route = 'matched', order_id = CASE WHEN v_to = v_party THEN p_order END, event_seq = d.event_seq + 1
    WHERE d.party_id = v_party AND d.deposit_id = p_deposit RETURNING d.* INTO v_deposit;
    PERFORM usdtpay_internal.event_insert(
        ARRAY[v_party], ARRAY['deposit'], ARRAY[p_deposit], ARRAY[v_deposit.event_seq], ARRAY['deposit.resolved'],
        ARRAY[usdtpay_internal.deposit_json(v_deposit)::text]
    );
    IF p_order IS NOT NULL THEN
        UPDATE usdtpay.payment_order AS o SET manual = true WHERE o.party_id = v_to AND o.order_id = p_order;
        PERFORM usdtpay_internal.order_advance(ARRAY[v_to], ARRAY[p_order]);
    END IF;
    RETURN v_id;
END;
$$;
COMMENT ON FUNCTION usdtpay.deposit_assign(text, bigint, bigint, text, text, text) IS
'A person''s decision about final money in suspense: pays p_order with it, or with a NULL order credits it to the available balance of the party, or of its customer whose address it reached. It may have come while its token was only watched, once the token counts as USDT. p_to names the merchant that gets money of the platform (a wrong amount on a shared address, money on an idle pool address): p_order is that merchant''s, one journal of each party goes through clearing, and the merchant gets a deposit row of its own (assigned_from). p_key is the idempotency key. Returns the resolution_id. Operators only. Errors: UP000, UP101, UP200, UP201, UP202.';
