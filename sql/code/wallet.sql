-- Wallets and the addresses they give out.

CREATE OR REPLACE FUNCTION usdtpay.wallet_add(
    p_code text, p_kind text, p_family text, p_xpub text DEFAULT NULL,
    p_addresses text [] DEFAULT NULL, p_quarantine interval DEFAULT NULL,
    p_party text DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_party bigint := usdtpay_internal.party_acting(p_party);
    v_old usdtpay.wallet;
    v_wallet bigint;
BEGIN
    IF p_code IS NULL OR length(p_code) NOT BETWEEN 1 AND 63 OR p_kind IS NULL OR p_kind NOT IN ('xpub', 'pool', 'shared')
    OR p_family IS NULL OR p_family NOT IN ('evm', 'tron') THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'a wallet needs a code, a kind and a family',
            DETAIL = format('Code "%s", kind "%s", family "%s".', left(p_code, 100), left(p_kind, 100), left(p_family, 100)),
            HINT = 'The code has 1 to 63 characters; kinds are xpub, pool and shared; families are evm and tron.';
    END IF;
    IF p_quarantine NOT BETWEEN interval '0' AND interval '365 days' THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'a quarantine lasts 0 to 365 days', DETAIL = format('Value is %s.', p_quarantine),
            HINT = 'Leave it out for 24 hours.';
    END IF;
    IF (p_kind = 'xpub') <> (p_xpub IS NOT NULL) OR (p_kind = 'xpub') <> (p_addresses IS NULL) THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'an xpub wallet takes an xpub, the others take addresses',
            DETAIL = format('Kind is "%s".', left(p_kind, 100)),
            HINT = 'Give p_xpub for kind xpub and p_addresses for pool and shared.';
    END IF;
    IF v_party = 1 THEN
        PERFORM usdtpay_internal.require_operator();
    END IF;
    PERFORM usdtpay_internal.party_must_be_open(v_party);
    IF p_xpub IS NOT NULL THEN
        PERFORM usdtpay.address_derive(p_xpub, p_family, 0);
    END IF;
    PERFORM usdtpay_internal.turn_take('wallet', v_party);
    SELECT w.* INTO v_old FROM usdtpay.wallet AS w WHERE w.party_id = v_party AND w.code = p_code;
    IF v_old.wallet_id IS NOT NULL THEN
        IF (v_old.kind::text, v_old.family, coalesce(v_old.xpub, ''), v_old.quarantine)
            = (p_kind, p_family, coalesce(p_xpub, ''), coalesce(p_quarantine, v_old.quarantine)) THEN
            PERFORM usdtpay_internal.wallet_import(v_old, p_addresses);
            RETURN v_old.wallet_id;
        END IF;
        RAISE EXCEPTION USING ERRCODE = 'UP202',
            MESSAGE = 'that code names another wallet', DETAIL = format('Code is "%s".', left(p_code, 100)),
            HINT = 'Repeat the call with the same kind, family, xpub and quarantine, or choose another code.';
    END IF;
    PERFORM usdtpay_internal.turn_take('xpub:' || p_xpub, 0); -- another party may bring it at the same time
    IF p_xpub IS NOT NULL AND EXISTS (SELECT FROM usdtpay.wallet AS w WHERE w.xpub = p_xpub AND w.family = p_family) THEN
        RAISE EXCEPTION USING ERRCODE = 'UP202',
            MESSAGE = 'that xpub is in use already',
            DETAIL = 'Two wallets of one xpub would give the same address out twice.',
            HINT = 'Use another account of the hardware wallet (m/44''/60''/1'' and so on).';
    END IF;
    IF (SELECT count(*) FROM usdtpay.wallet AS w WHERE w.party_id = v_party) >= 100 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP204',
            MESSAGE = 'too many wallets', DETAIL = 'A party has at most 100, closed ones included.',
            HINT = 'Add addresses to a pool by repeating its call; an xpub serves any number of orders.';
    END IF;
    v_wallet := nextval('usdtpay_internal.wallet_seq');
    INSERT INTO usdtpay.wallet (party_id, wallet_id, code, kind, family, xpub, custodial, quarantine)
    VALUES (
        v_party, v_wallet, p_code, p_kind::usdtpay.wallet_kind, p_family, p_xpub, v_party = 1,
        coalesce(p_quarantine, '24 hours')
    )
    RETURNING * INTO v_old;
    EXECUTE format('CREATE SEQUENCE usdtpay_internal.wallet_%s_index MINVALUE 0 START 0 MAXVALUE 2147483647', v_wallet);
    PERFORM usdtpay_internal.wallet_import(v_old, p_addresses);
    RETURN v_wallet;
END;
$$;
COMMENT ON FUNCTION usdtpay.wallet_add(text, text, text, text, text [], interval, text) IS
'Adds a source of addresses to a party (its own keys; party "platform": custodial, serving all) and returns its wallet_id. kind xpub: p_xpub is the account-level public key (m/44''/60''/n'' on EVM, m/44''/195''/n'' on TRON), addresses are xpub/0/index. kind pool: p_addresses, one open order each. kind shared: p_addresses, orders told apart by unique amounts. p_quarantine is how long a pool address or amount stays reserved after expiry. The code is the idempotency key; repeating a pool or shared call adds the addresses that are new. Errors: UP000, UP001, UP002, UP1xx, UP201 when the party is closed, UP202, UP204 beyond 100 wallets.';

CREATE OR REPLACE FUNCTION usdtpay_internal.wallet_import(p_wallet usdtpay.wallet, p_addresses text []) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_taken text;
    v_added integer;
BEGIN
    IF p_addresses IS NULL THEN
        RETURN 0;
    END IF;
    IF cardinality(p_addresses) NOT BETWEEN 1 AND 100000 OR array_ndims(p_addresses) > 1
    OR array_position(p_addresses, NULL) IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'a list of addresses is empty, too long or has holes',
            DETAIL = format('It has %s elements.', cardinality(p_addresses)),
            HINT = 'Give a plain array of 1 to 100000 addresses.';
    END IF;
    SELECT t.address INTO v_taken
    FROM unnest(p_addresses) AS t (address)
    JOIN usdtpay.address AS a
        ON a.raw = usdtpay.address_bytes(p_wallet.family, t.address) AND a.family = p_wallet.family
    WHERE a.wallet_id <> p_wallet.wallet_id
    LIMIT 1;
    IF v_taken IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP202',
            MESSAGE = 'an address is in use already', DETAIL = format('Address is %s.', v_taken),
            HINT = 'An address can belong to one wallet only.';
    END IF;
    INSERT INTO usdtpay.address (raw, family, party_id, wallet_id, idx, custodial, free_at)
    SELECT
        n.raw, p_wallet.family, p_wallet.party_id, p_wallet.wallet_id,
        nextval(format('usdtpay_internal.wallet_%s_index', p_wallet.wallet_id)::regclass), p_wallet.custodial,
        CASE p_wallet.kind WHEN 'pool' THEN '-infinity'::timestamptz ELSE 'infinity' END
    FROM (
        SELECT u.raw
        FROM unnest(p_addresses) WITH ORDINALITY AS t (address, n)
        CROSS JOIN LATERAL (SELECT usdtpay.address_bytes(p_wallet.family, t.address)) AS u (raw)
        GROUP BY u.raw ORDER BY min(t.n)
    ) AS n
    WHERE NOT EXISTS (SELECT FROM usdtpay.address AS a WHERE a.raw = n.raw AND a.family = p_wallet.family);
    GET DIAGNOSTICS v_added = ROW_COUNT;
    RETURN v_added;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.wallet_import(usdtpay.wallet, text []) IS
'Adds the addresses of a pool or shared wallet that are new; refuses those of other wallets with UP202. Returns how many were added.';

CREATE OR REPLACE FUNCTION usdtpay.wallet_close(p_code text, p_party text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_party bigint := usdtpay_internal.party_acting(p_party);
BEGIN
    IF v_party = 1 THEN
        PERFORM usdtpay_internal.require_operator();
    END IF;
    UPDATE usdtpay.wallet AS w SET active = false WHERE w.party_id = v_party AND w.code = p_code AND w.active;
    RETURN FOUND;
END;
$$;
COMMENT ON FUNCTION usdtpay.wallet_close(text, text) IS
'Stops giving out addresses of a wallet; those given out are watched for ever. True when it was active.';

CREATE OR REPLACE FUNCTION usdtpay_internal.customer_address(
    p_party bigint, p_customer text, p_wallet bigint, p_family text, p_xpub text, p_custodial boolean
) RETURNS bytea
LANGUAGE c STRICT
AS 'MODULE_PATHNAME', 'usdtpay_customer_address';
COMMENT ON FUNCTION usdtpay_internal.customer_address(bigint, text, bigint, text, text, boolean) IS
'Derives the next address of an xpub wallet and starts watching it for a customer.';

CREATE OR REPLACE FUNCTION usdtpay.deposit_address(p_customer_ref text, p_network text, p_party text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_party bigint := usdtpay_internal.party_acting(p_party);
    v_family text;
    v_wallet usdtpay.wallet;
    v_raw bytea;
BEGIN
    IF coalesce(p_customer_ref, '') = '' OR length(p_customer_ref) > 200 OR octet_length(p_customer_ref) > 255 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'a customer reference has 1 to 200 characters in at most 255 octets',
            DETAIL = format('It has %s in %s octets.', coalesce(length(p_customer_ref), 0), coalesce(octet_length(p_customer_ref), 0)),
            HINT = 'Use your own stable user id.';
    END IF;
    SELECT n.family INTO v_family FROM usdtpay.network AS n WHERE n.code = p_network AND n.enabled;
    IF v_family IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP203',
            MESSAGE = 'the network is not enabled', DETAIL = format('Network is "%s".', left(p_network, 100)),
            HINT = 'See usdtpay.network_status; operators enable one with usdtpay.network_enable.';
    END IF;
    SELECT a.raw INTO v_raw FROM usdtpay.address AS a
    WHERE a.party_id = v_party AND a.customer_ref = p_customer_ref AND a.family = v_family;
    IF v_raw IS NULL THEN
        PERFORM usdtpay_internal.turn_take('customer:' || v_family || ':' || p_customer_ref, v_party);
        SELECT a.raw INTO v_raw FROM usdtpay.address AS a
        WHERE a.party_id = v_party AND a.customer_ref = p_customer_ref AND a.family = v_family;
    END IF;
    IF v_raw IS NULL THEN
        PERFORM usdtpay_internal.party_must_be_open(v_party);
        SELECT w.* INTO v_wallet FROM usdtpay.wallet AS w
        WHERE w.party_id IN (v_party, 1) AND w.family = v_family AND w.active AND w.kind = 'xpub'
        ORDER BY w.party_id <> v_party, w.wallet_id LIMIT 1;
        IF v_wallet.wallet_id IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'UP203',
                MESSAGE = 'there is no xpub wallet for that family', DETAIL = format('Family is "%s".', v_family),
                HINT = 'Add one with usdtpay.wallet_add(code, ''xpub'', family, xpub).';
        END IF;
        v_raw := usdtpay_internal.customer_address(
            v_party, p_customer_ref, v_wallet.wallet_id, v_family, v_wallet.xpub, v_wallet.custodial
        );
    END IF;
    RETURN usdtpay.address_text(v_family, v_raw);
END;
$$;
COMMENT ON FUNCTION usdtpay.deposit_address(text, text, text) IS
'The permanent address of a customer on a network (one per family: all EVM networks share it). Every deposit to it is credited to the customer''s own account. The same call returns the same address. Errors: UP000, UP1xx, UP201 when the party is closed and the address would be new, UP203.';
