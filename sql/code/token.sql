-- Tokens: which contracts of a network are watched, and which of them count as USDT.

CREATE OR REPLACE FUNCTION usdtpay_internal.token_check(p_family text, p_contract text, p_decimals integer, p_asset text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_contract IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP001', MESSAGE = 'no contract given', DETAIL = 'The contract is NULL.',
            HINT = 'Give the token contract''s address.';
    END IF;
    PERFORM usdtpay.address_bytes(p_family, p_contract);
    IF p_decimals IS NULL OR p_decimals NOT BETWEEN 0 AND 36 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'impossible number of decimals', DETAIL = format('Decimals are %s.', coalesce(p_decimals::text, 'NULL')),
            HINT = 'Take the contract''s own decimals(), 0 to 36.';
    END IF;
    IF p_asset IS NOT NULL AND NOT EXISTS (SELECT FROM usdtpay.asset AS a WHERE a.code = p_asset) THEN
        RAISE EXCEPTION USING ERRCODE = 'UP200',
            MESSAGE = 'no such asset', DETAIL = format('Asset is %L.', left(p_asset, 100)), HINT = 'usdtpay.asset lists them.';
    END IF;
    IF p_asset <> 'USDT' THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'deposits are credited in USDT only', DETAIL = format('Asset is %L.', p_asset),
            HINT = 'Leave the asset out: the token is watched, its deposits are recorded and pay nothing.';
    END IF;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.token_check(text, text, integer, text) IS 'Refuses a token that cannot be. Errors: UP000, UP001, UP200.';

CREATE OR REPLACE FUNCTION usdtpay.token_define(
    p_network text, p_contract text, p_decimals integer DEFAULT 6, p_symbol text DEFAULT 'USDT', p_asset text DEFAULT NULL
) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_id integer := usdtpay_internal.network_id(p_network);
    v_family text;
    v_contract bytea;
    v_asset integer;
    v_old usdtpay.token;
BEGIN
    SELECT n.family INTO v_family FROM usdtpay.network AS n WHERE n.network_id = v_id FOR NO KEY UPDATE;
    PERFORM usdtpay_internal.token_check(v_family, p_contract, p_decimals, p_asset);
    IF coalesce(p_symbol, '') !~ '^[[:graph:]]{1,32}$' THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'malformed symbol', DETAIL = format('Symbol is %L.', left(p_symbol, 100)),
            HINT = 'Use 1 to 32 visible characters.';
    END IF;
    v_contract := usdtpay.address_bytes(v_family, p_contract);
    SELECT a.asset_id INTO v_asset FROM usdtpay.asset AS a WHERE a.code = p_asset;
    SELECT t.* INTO v_old FROM usdtpay.token AS t WHERE t.network_id = v_id AND t.contract = v_contract;
    IF v_old.token_id IS NULL THEN
        IF (SELECT count(*) >= 64 FROM usdtpay.token AS t WHERE t.network_id = v_id) THEN
            RAISE EXCEPTION USING ERRCODE = 'UP000',
                MESSAGE = 'too many tokens', DETAIL = format('Network "%s" watches 64 already.', left(p_network, 100)),
                HINT = 'Every token watched is asked for with every block.';
        END IF;
        INSERT INTO usdtpay.token (network_id, asset_id, contract, symbol, decimals)
        VALUES (v_id, v_asset, v_contract, p_symbol, p_decimals) RETURNING token_id INTO v_old.token_id;
        RETURN v_old.token_id;
    END IF;
    IF v_old.decimals <> p_decimals THEN
        RAISE EXCEPTION USING ERRCODE = 'UP202',
            MESSAGE = 'the token is defined differently',
            DETAIL = format('Token %s of network "%s" has %s decimals, not %s.', left(p_contract, 100), left(p_network, 100), v_old.decimals, p_decimals),
            HINT = 'Decimals of a contract never change.';
    END IF;
    IF v_old.asset_id IS NOT NULL AND v_old.asset_id IS DISTINCT FROM v_asset THEN
        RAISE EXCEPTION USING ERRCODE = 'UP202',
            MESSAGE = 'the token already counts as an asset',
            DETAIL = format('Token %s of network "%s" counts as asset %s.', left(p_contract, 100), left(p_network, 100), v_old.asset_id),
            HINT = 'Deposits were credited by it; it cannot be taken back or changed.';
    END IF;
    UPDATE usdtpay.token AS t SET asset_id = v_asset
    WHERE t.token_id = v_old.token_id AND t.asset_id IS DISTINCT FROM v_asset;
    RETURN v_old.token_id;
END;
$$;
COMMENT ON FUNCTION usdtpay.token_define(text, text, integer, text, text) IS
'Watches a token contract of a network. With the asset USDT its deposits are credited (no other is taken), without one they are recorded only; an asset may be given later, never taken away; deposit_assign decides about what came before. Repeating it returns the same id. Errors: UP000, UP001, UP200, UP202.';

CREATE OR REPLACE FUNCTION usdtpay.token_unpin(p_network text, p_contract text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_id integer := usdtpay_internal.network_id(p_network);
    v_old usdtpay.token;
BEGIN
    SELECT t.* INTO v_old FROM usdtpay.token AS t
    JOIN usdtpay.network AS n ON n.network_id = t.network_id
    WHERE t.network_id = v_id AND t.contract = usdtpay.address_bytes(n.family, p_contract)
    FOR NO KEY UPDATE OF t;
    IF v_old.token_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP200',
            MESSAGE = 'no such token', DETAIL = format('Contract is %s on network "%s".', coalesce(p_contract, 'NULL'), p_network),
            HINT = 'usdtpay.token lists them.';
    END IF;
    UPDATE usdtpay.token AS t SET code_hash = NULL WHERE t.token_id = v_old.token_id AND t.code_hash IS NOT NULL;
    RETURN v_old.code_hash IS NOT NULL;
END;
$$;
COMMENT ON FUNCTION usdtpay.token_unpin(text, text) IS
'Forgets the code pinned of a token contract, after a person has looked at a change that halted the network or made it refuse its nodes; the scanner pins anew what two nodes agree on (or the only one tells). Then let a halted network go on with usdtpay.network_resume. Returns whether anything was pinned. Errors: UP001, UP200.';
