-- Creating orders and giving them addresses.

CREATE OR REPLACE FUNCTION usdtpay.order_create(
    p_reference text, p_amount numeric, p_currency text DEFAULT 'USDT',
    p_expires_in interval DEFAULT NULL, p_networks text [] DEFAULT NULL,
    p_customer_ref text DEFAULT NULL, p_metadata jsonb DEFAULT NULL,
    p_rate numeric DEFAULT NULL, p_rate_source text DEFAULT NULL, p_rate_at timestamptz DEFAULT NULL,
    p_draft boolean DEFAULT false, p_party text DEFAULT NULL,
    OUT order_id bigint, OUT state text, OUT amount numeric, OUT evm_address text, OUT tron_address text,
    OUT expires_at timestamptz, OUT created boolean
)
LANGUAGE c SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'usdtpay_order_create';
COMMENT ON FUNCTION usdtpay.order_create(text, numeric, text, interval, text [], text, jsonb, numeric, text, timestamptz, boolean, text) IS
'Creates a request to be paid, inside the caller''s transaction: a rollback leaves nothing behind. p_reference is the merchant''s order number and the idempotency key: the same call returns the first order (created = false), other parameters are UP202. p_amount is in p_currency; for another currency than USDT give p_rate, units of that currency for one USDT, and where it came from. p_expires_in defaults to the merchant''s order_ttl, p_networks to the merchant''s or to all enabled ones that have a wallet. p_draft keeps it without addresses and clock until order_open. The merchant''s underpay_tolerance counts up to a tenth of the amount. Returns the amount to pay in USDT (with a shared wallet: a unique amount) and the addresses. Errors: UP000, UP004, UP1xx, UP201 when the party is closed, UP202, UP203, UP204, 40001 when the same reference is created concurrently (repeat).';

CREATE OR REPLACE FUNCTION usdtpay_internal.order_check(
    p_reference text, p_expires_in interval, p_customer_ref text, p_metadata jsonb, p_rate_source text
) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF coalesce(p_reference, '') = '' OR length(p_reference) > 200 OR length(p_customer_ref) > 200
    OR octet_length(p_customer_ref) > 255 THEN -- what an account can be opened for
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'a reference has 1 to 200 characters, a customer''s at most 255 octets',
            DETAIL = format('Reference has %s, customer reference %s.', coalesce(length(p_reference), 0), coalesce(length(p_customer_ref), 0)),
            HINT = 'Give your own order number as p_reference.';
    END IF;
    IF p_expires_in NOT BETWEEN interval '1 second' AND interval '90 days' THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'an order lives 1 second to 90 days', DETAIL = format('Value is %s.', p_expires_in),
            HINT = 'Give p_expires_in within these bounds, or leave it out.';
    END IF;
    IF length(p_rate_source) > 200 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'the source of the rate is too long', DETAIL = format('It has %s characters.', length(p_rate_source)),
            HINT = 'Name it in at most 200 characters.';
    END IF;
    IF length(p_metadata::text) > 8192 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'metadata is too long', DETAIL = format('It has %s characters, 8192 are allowed.', length(p_metadata::text)),
            HINT = 'Keep large things in your own tables and give a reference.';
    END IF;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.order_check(text, interval, text, jsonb, text) IS 'Refuses malformed parameters of order_create with UP000.';

CREATE OR REPLACE FUNCTION usdtpay_internal.order_price(p_amount numeric, p_currency text, p_rate numeric) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_due bigint;
BEGIN
    IF p_currency = 'USDT' THEN
        IF p_rate IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'UP000',
                MESSAGE = 'an order priced in USDT takes no rate', DETAIL = format('Rate is %s.', left(p_rate::text, 100)),
                HINT = 'Leave p_rate out, or give p_currency.';
        END IF;
        v_due := usdtpay_internal.minor(p_amount, 6, 'amount');
    ELSE
        -- the bounds keep the division from overflowing; NaN sorts above everything
        IF p_currency IS NULL OR p_currency !~ '^[A-Z]{3}$' OR p_rate IS NULL OR p_amount IS NULL
        OR p_rate NOT BETWEEN 1e-9 AND 1e12 OR p_amount <= 0 OR p_amount > 1e21 THEN
            RAISE EXCEPTION USING ERRCODE = 'UP004',
                MESSAGE = 'a fiat price needs a currency code, an amount and a rate',
                DETAIL = format('Currency "%s", amount %s, rate %s.', left(p_currency, 100), left(p_amount::text, 100), left(p_rate::text, 100)),
                HINT = 'p_rate is units of the currency for one USDT, for example 7.24 for CNY.';
        END IF;
        -- four decimals, because a payer types it; rounded up, because it must not fall short
        v_due := usdtpay_internal.minor(ceil(p_amount / p_rate * 10000) / 10000, 6, 'amount');
    END IF;
    IF v_due < 1 OR v_due > 1000000000000000 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP004',
            MESSAGE = 'the amount is out of range', DETAIL = format('It is %s minor units.', v_due),
            HINT = 'An order is worth 0.000001 to 1000000000 USDT.';
    END IF;
    RETURN v_due;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.order_price(numeric, text, numeric) IS
'Amount due in minor units of USDT; a fiat price is divided by the rate and rounded up to 0.0001 USDT. Errors: UP000, UP004.';

CREATE OR REPLACE FUNCTION usdtpay_internal.order_route(p_party bigint, p_codes text [])
RETURNS TABLE (networks integer [], wallet_id bigint, custodial boolean, xpub text, family text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_ids integer[];
BEGIN
    SELECT array_agg(n.network_id ORDER BY n.network_id) INTO v_ids
    FROM usdtpay.network AS n
    WHERE n.enabled AND (p_codes IS NULL OR n.code = ANY (p_codes))
    AND EXISTS (
        SELECT FROM usdtpay.wallet AS w WHERE w.party_id IN (p_party, 1) AND w.family = n.family AND w.active
    );
    IF v_ids IS NULL OR p_codes IS NOT NULL AND cardinality(v_ids) < cardinality(ARRAY(SELECT DISTINCT unnest(p_codes))) THEN
        RAISE EXCEPTION USING ERRCODE = 'UP203',
            MESSAGE = 'a network is not enabled, or no wallet serves it',
            DETAIL = format('Asked for: %s.', coalesce(left(array_to_string(p_codes, ', '), 200), 'all')),
            HINT = 'See usdtpay.network_status; enable networks with usdtpay.network_enable and add wallets with usdtpay.wallet_add.';
    END IF;
    RETURN QUERY
    SELECT DISTINCT ON (w.family) v_ids, w.wallet_id, w.custodial, w.xpub, w.family
    FROM usdtpay.wallet AS w
    WHERE w.party_id IN (p_party, 1) AND w.active
    AND w.family IN (SELECT n.family FROM usdtpay.network AS n WHERE n.network_id = ANY (v_ids))
    ORDER BY w.family, w.party_id <> p_party, w.wallet_id;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.order_route(bigint, text []) IS
'Where an order can be paid: the enabled networks among p_codes (all when NULL) that a wallet serves, and one row per family with the wallet addresses come from, the party''s own oldest active one before the platform''s. UP203 when a named network is missing.';

CREATE OR REPLACE FUNCTION usdtpay_internal.order_place(
    p_party bigint, p_order bigint, p_networks text [], p_created_at timestamptz, p_expires_at timestamptz, p_due bigint,
    OUT evm bytea, OUT tron bytea, OUT due bigint
)
LANGUAGE c STRICT
AS 'MODULE_PATHNAME', 'usdtpay_order_place_sql';
COMMENT ON FUNCTION usdtpay_internal.order_place(bigint, bigint, text [], timestamptz, timestamptz, bigint) IS
'Gives an order one address per family of its networks, and with a shared wallet its unique amount. Errors: UP203, UP204.';

CREATE OR REPLACE FUNCTION usdtpay_internal.address_reserve(
    p_wallets bigint [], p_party bigint, p_order bigint, p_created_at timestamptz, p_expires_at timestamptz, p_due bigint,
    OUT evm bytea, OUT tron bytea, OUT due bigint
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_order usdtpay.payment_order;
    v_wallet usdtpay.wallet;
    v_shared usdtpay.wallet[];
    v_raw bytea;
BEGIN
    v_order.party_id := p_party;
    v_order.order_id := p_order;
    v_order.created_at := p_created_at;
    v_order.expires_at := p_expires_at;
    v_order.due := p_due;
    FOR v_wallet IN SELECT w.* FROM usdtpay.wallet AS w WHERE w.wallet_id = ANY (p_wallets) ORDER BY w.family LOOP
        IF v_wallet.kind = 'shared' THEN
            v_shared := array_append(v_shared, v_wallet);
            CONTINUE;
        END IF;
        v_raw := usdtpay_internal.address_borrow(v_wallet, v_order);
        IF v_wallet.family = 'evm' THEN
            v_order.evm_address := v_raw;
        ELSE
            v_order.tron_address := v_raw;
        END IF;
    END LOOP;
    IF v_shared IS NOT NULL THEN
        v_order := usdtpay_internal.address_share(v_shared, v_order);
    END IF;
    evm := v_order.evm_address;
    tron := v_order.tron_address;
    due := v_order.due;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.address_reserve(bigint [], bigint, bigint, timestamptz, timestamptz, bigint) IS
'Reserves addresses of pool wallets and one unique amount on shared ones for an order. Error: UP204.';

CREATE OR REPLACE FUNCTION usdtpay_internal.address_borrow(p_wallet usdtpay.wallet, p_order usdtpay.payment_order) RETURNS bytea
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_until timestamptz := p_order.expires_at + p_wallet.quarantine;
    v_address usdtpay.address;
BEGIN
    SELECT a.* INTO v_address FROM usdtpay.address AS a
    WHERE a.wallet_id = p_wallet.wallet_id AND a.free_at <= p_order.created_at - interval '10 minutes'
    ORDER BY a.free_at, a.idx LIMIT 1
    FOR UPDATE SKIP LOCKED;
    IF v_address.raw IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP204',
            MESSAGE = 'every address of the pool is in use', DETAIL = format('Wallet is "%s".', p_wallet.code),
            HINT = 'Import more addresses with usdtpay.wallet_add, or shorten the quarantine.';
    END IF;
    UPDATE usdtpay.address AS a SET free_at = v_until WHERE a.raw = v_address.raw AND a.family = v_address.family;
    INSERT INTO usdtpay.address_claim (party_id, order_id, wallet_id, idx, amount, during)
    VALUES (p_order.party_id, p_order.order_id, p_wallet.wallet_id, v_address.idx, 0, tstzrange(p_order.created_at - interval '10 minutes', v_until));
    RETURN v_address.raw;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.address_borrow(usdtpay.wallet, usdtpay.payment_order) IS
'Reserves a free address of a pool for an order, quarantine included. Error: UP204 when none is free.';

CREATE OR REPLACE FUNCTION usdtpay_internal.address_share(p_wallets usdtpay.wallet [], p_order usdtpay.payment_order)
RETURNS usdtpay.payment_order
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_from timestamptz := p_order.created_at - interval '10 minutes';
    v_due bigint;
    v_raw bytea;
BEGIN
    -- amounts 0.0001 USDT apart, the nearest first, leaving out those taken on every address of a wallet
    FOR v_due IN
        WITH wallet AS MATERIALIZED (
            SELECT
                w.wallet_id, tstzrange(v_from, p_order.expires_at + w.quarantine) AS during,
                (SELECT count(*) FROM usdtpay.address AS a WHERE a.wallet_id = w.wallet_id AND a.free_at IS NOT NULL) AS size
            FROM unnest(p_wallets) AS w
        ), taken AS MATERIALIZED (
            SELECT c.amount
            FROM wallet AS w
            JOIN usdtpay.address_claim AS c
                ON int8range(c.wallet_id, c.wallet_id, '[]') && int8range(w.wallet_id, w.wallet_id, '[]')
                AND int8range(c.amount, c.amount, '[]') && int8range(p_order.due, p_order.due + 999900, '[]')
                AND c.during && w.during
            GROUP BY w.wallet_id, w.size, c.amount HAVING count(DISTINCT c.idx) >= w.size
        )
        SELECT p_order.due + 100 * k.step FROM generate_series(0, 9999) AS k (step)
        WHERE p_order.due + 100 * k.step NOT IN (SELECT taken.amount FROM taken)
        ORDER BY 1
    LOOP
        FOR v_wallet IN 1..cardinality(p_wallets) LOOP
            v_raw := usdtpay_internal.address_claim_add(p_wallets[v_wallet], p_order, v_due);
            EXIT WHEN v_raw IS NULL;
            IF p_wallets[v_wallet].family = 'evm' THEN
                p_order.evm_address := v_raw;
            ELSE
                p_order.tron_address := v_raw;
            END IF;
        END LOOP;
        IF v_raw IS NOT NULL THEN
            p_order.due := v_due;
            RETURN p_order;
        END IF;
        -- one amount for all families: give back what the other one took
        DELETE FROM usdtpay.address_claim AS c USING unnest(p_wallets) AS w
        WHERE c.party_id = p_order.party_id AND c.order_id = p_order.order_id AND c.wallet_id = w.wallet_id;
    END LOOP;
    RAISE EXCEPTION USING ERRCODE = 'UP204',
        MESSAGE = 'no unique amount is free on the shared address',
        DETAIL = format('Wallet is "%s", amount %s minor units.', p_wallets[1].code, p_order.due),
        HINT = 'Add addresses to the wallet, shorten its quarantine, or use an xpub wallet.';
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.address_share(usdtpay.wallet [], usdtpay.payment_order) IS
'Reserves a unique amount (due plus k times 0.0001 USDT), the same on the shared addresses of all families, and returns the order with amount and addresses. The exclusion constraint of address_claim decides races. Error: UP204.';

CREATE OR REPLACE FUNCTION usdtpay_internal.address_claim_add(
    p_wallet usdtpay.wallet, p_order usdtpay.payment_order, p_amount bigint
) RETURNS bytea
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_during tstzrange := tstzrange(p_order.created_at - interval '10 minutes', p_order.expires_at + p_wallet.quarantine);
    v_address record;
BEGIN
    FOR v_address IN
        SELECT a.raw, a.idx FROM usdtpay.address AS a
        WHERE a.wallet_id = p_wallet.wallet_id AND a.free_at IS NOT NULL
        AND NOT EXISTS (
            SELECT FROM usdtpay.address_claim AS c
            WHERE int8range(c.wallet_id, c.wallet_id, '[]') && int8range(p_wallet.wallet_id, p_wallet.wallet_id, '[]')
            AND int8range(c.idx, c.idx, '[]') && int8range(a.idx, a.idx, '[]')
            AND int8range(c.amount, c.amount, '[]') && int8range(p_amount, p_amount, '[]')
            AND c.during && v_during
        )
        ORDER BY a.idx LIMIT 20
    LOOP
        INSERT INTO usdtpay.address_claim (party_id, order_id, wallet_id, idx, amount, during)
        VALUES (p_order.party_id, p_order.order_id, p_wallet.wallet_id, v_address.idx, p_amount, v_during)
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            RETURN v_address.raw;
        END IF;
    END LOOP;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.address_claim_add(usdtpay.wallet, usdtpay.payment_order, bigint) IS
'Claims an amount on one of a shared wallet''s addresses for an order and returns the address; NULL when it is taken on all, also by a session that was faster.';
