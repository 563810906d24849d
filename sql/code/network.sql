-- Networks, tokens and endpoints: what the operator turns on.  The registry below is pinned; what
-- a node claims is compared with it, never the other way round.

CREATE OR REPLACE VIEW usdtpay.network_registry AS
SELECT *
FROM (
    VALUES
    (
        'ethereum', 'Ethereum', 'evm', 1::bigint, '0xdAC17F958D2ee523a2206206994597C13D831ec7', 'USDT', 6, 'USDT',
        12000, 2000, true, 0, 'keccak'
    ),
    (
        'bsc', 'BNB Smart Chain (Binance-Peg USDT)', 'evm', 56, '0x55d398326f99059fF775485246999027B3197955', 'USDT', 18, 'USDT',
        450, 500, true, 15, 'none'
    ),
    (
        'polygon', 'Polygon PoS', 'evm', 137, '0xc2132D05D31c914a87C6611C10748AEb04B58e8F', 'USDT', 6, 'USDT',
        2000, 1000, true, 33, 'none'
    ),
    (
        'arbitrum', 'Arbitrum One (USDT0)', 'evm', 42161, '0xFd086bC7CD5C481DCC9C85ebE478A1C0b69FCbb9', 'USDT0', 6, 'USDT',
        250, 500, true, 0, 'none'
    ),
    (
        'optimism', 'OP Mainnet (USDT0)', 'evm', 10, '0x01bFF41798a0BcF287b996046Ca68b395DbC1071', 'USDT0', 6, 'USDT',
        2000, 1000, true, 0, 'none'
    ),
    (
        'optimism', 'OP Mainnet (USDT0)', 'evm', 10, '0x94b008aA00579c1307B0EF2c499aD98a8ce58e58', 'USDT', 6, NULL,
        2000, 1000, true, 0, 'none'
    ),
    (
        'avalanche', 'Avalanche C-Chain', 'evm', 43114, '0x9702230A8Ea53601f5cD2dc00fDBc13d4dF4A8c7', 'USDt', 6, 'USDT',
        1500, 1000, true, 0, 'none'
    ),
    (
        'tron', 'TRON', 'tron', 728126428, 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t', 'USDT', 6, 'USDT',
        3000, 1500, true, 0, 'none'
    )
) AS r (
    code, name, family, chain_id, contract, symbol, decimals, asset,
    block_ms, poll_ms, final_tag, final_depth, header_check
);
COMMENT ON VIEW usdtpay.network_registry IS
'Real networks and their USDT contracts, pinned; network_enable(code, rpc_urls) turns one on. One row per token: a token without an asset is watched but never credited (old USDT on OP Mainnet; token_define with an asset accepts it).';
COMMENT ON COLUMN usdtpay.network_registry.code IS 'Short name used in calls';
COMMENT ON COLUMN usdtpay.network_registry.name IS 'Name for people';
COMMENT ON COLUMN usdtpay.network_registry.family IS 'evm or tron';
COMMENT ON COLUMN usdtpay.network_registry.chain_id IS 'Chain id every node must report';
COMMENT ON COLUMN usdtpay.network_registry.contract IS 'Token contract';
COMMENT ON COLUMN usdtpay.network_registry.symbol IS 'Symbol for people';
COMMENT ON COLUMN usdtpay.network_registry.decimals IS 'Decimals of the token on this chain; USDT on BNB Smart Chain has 18';
COMMENT ON COLUMN usdtpay.network_registry.asset IS 'Asset it counts as; NULL: watched, never credited';
COMMENT ON COLUMN usdtpay.network_registry.block_ms IS 'Usual time between blocks';
COMMENT ON COLUMN usdtpay.network_registry.poll_ms IS 'How often the head is asked for';
COMMENT ON COLUMN usdtpay.network_registry.final_tag IS 'Credit waits for the finalized tag (TRON: solidified)';
COMMENT ON COLUMN usdtpay.network_registry.final_depth IS 'Credit waits for this many blocks on top, too';
COMMENT ON COLUMN usdtpay.network_registry.header_check IS 'keccak where recorded headers prove that hashes can be recomputed, else none';

CREATE OR REPLACE FUNCTION usdtpay_internal.network_id(p_code text) RETURNS integer
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_id integer;
BEGIN
    SELECT n.network_id INTO v_id FROM usdtpay.network AS n WHERE n.code = p_code;
    IF v_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP200',
            MESSAGE = 'no such network', DETAIL = format('Network is %s.', coalesce(quote_ident(left(p_code, 100)), 'NULL')),
            HINT = 'Enable one of usdtpay.network_registry with usdtpay.network_enable, or define your own with usdtpay.network_define.';
    END IF;
    RETURN v_id;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.network_id(text) IS 'Id of a network that is defined. Error: UP200.';

CREATE OR REPLACE FUNCTION usdtpay.network_define(
    p_code text, p_family text, p_chain_id bigint, p_contract text, p_decimals integer DEFAULT 6,
    p_block_ms integer DEFAULT 1000, p_poll_ms integer DEFAULT 250, p_final_tag boolean DEFAULT true,
    p_final_depth integer DEFAULT 0, p_header_check text DEFAULT NULL, p_name text DEFAULT NULL,
    p_symbol text DEFAULT 'USDT', p_asset text DEFAULT 'USDT',
    p_checkpoint_number bigint DEFAULT NULL, p_checkpoint_hash bytea DEFAULT NULL
) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_new usdtpay.network;
    v_old usdtpay.network;
BEGIN
    IF p_code IS NULL OR p_code !~ '^[a-z0-9][a-z0-9_.-]{0,31}$' THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'malformed network code', DETAIL = format('Code is %s.', coalesce(quote_literal(left(p_code, 100)), 'NULL')),
            HINT = 'Use 1 to 32 of a-z, 0-9, underscore, dot, dash, beginning with a letter or digit.';
    END IF;
    IF p_family IS NULL OR p_family NOT IN ('evm', 'tron') THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'no such family', DETAIL = format('Family is %s.', coalesce(quote_literal(left(p_family, 100)), 'NULL')),
            HINT = 'Families are evm and tron.';
    END IF;
    v_new.code := p_code;
    v_new.name := coalesce(p_name, p_code);
    v_new.family := p_family;
    v_new.chain_id := p_chain_id;
    v_new.block_ms := p_block_ms;
    v_new.poll_ms := p_poll_ms;
    v_new.final_tag := p_final_tag;
    v_new.final_depth := p_final_depth;
    v_new.header_check := coalesce(p_header_check, CASE p_family WHEN 'evm' THEN 'keccak' ELSE 'none' END);
    v_new.checkpoint_number := p_checkpoint_number;
    v_new.checkpoint_hash := p_checkpoint_hash;
    PERFORM usdtpay_internal.network_check(v_new);
    PERFORM usdtpay_internal.token_check(p_family, p_contract, p_decimals, p_asset);
    INSERT INTO usdtpay.network AS n (
        code, name, family, chain_id, block_ms, poll_ms, final_tag, final_depth, header_check,
        checkpoint_number, checkpoint_hash
    ) VALUES (
        v_new.code, v_new.name, v_new.family, v_new.chain_id, v_new.block_ms, v_new.poll_ms, v_new.final_tag,
        v_new.final_depth, v_new.header_check, v_new.checkpoint_number, v_new.checkpoint_hash
    ) ON CONFLICT ON CONSTRAINT network_code_key DO NOTHING;
    SELECT n.* INTO v_old FROM usdtpay.network AS n WHERE n.code = p_code;
    IF (v_old.family, v_old.chain_id, v_old.final_tag, v_old.checkpoint_number, v_old.checkpoint_hash)
        IS DISTINCT FROM (v_new.family, v_new.chain_id, v_new.final_tag, v_new.checkpoint_number, v_new.checkpoint_hash)
    OR (v_old.name, v_old.block_ms, v_old.poll_ms, v_old.final_depth, v_old.header_check)
        IS DISTINCT FROM (v_new.name, v_new.block_ms, v_new.poll_ms, v_new.final_depth, v_new.header_check)
    THEN
        RAISE EXCEPTION USING ERRCODE = 'UP202',
            MESSAGE = 'the network is defined differently', DETAIL = format('Network "%s" exists with other properties.', left(p_code, 100)),
            HINT = 'Change polling, depth or header check with usdtpay.network_set; another chain needs another code.';
    END IF;
    PERFORM usdtpay.token_define(p_code, p_contract, p_decimals, p_symbol, p_asset);
    INSERT INTO usdtpay.chain_cursor (network_id) VALUES (v_old.network_id) ON CONFLICT DO NOTHING;
    RETURN v_old.network_id;
END;
$$;
COMMENT ON FUNCTION usdtpay.network_define(
    text, text, bigint, text, integer, integer, integer, boolean, integer, text, text, text, text, bigint, bytea
) IS
'Adds a network the registry does not have (a dev chain, a side chain), disabled. Times in milliseconds. p_final_tag: credit waits for the node''s finalized tag; p_final_depth: and for so many blocks on top. p_header_check: keccak (default for evm) recomputes every header hash. Repeating the same definition returns the same id. Errors: UP000, UP001 contract, UP202 other definition, UP203 neither tag nor depth.';

CREATE OR REPLACE FUNCTION usdtpay_internal.network_check(p_net usdtpay.network) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_fault text;
BEGIN
    v_fault := CASE
        WHEN p_net.chain_id IS NULL OR p_net.chain_id < 1 THEN format('Chain id is %s.', coalesce(p_net.chain_id::text, 'NULL'))
        WHEN p_net.block_ms IS NULL OR p_net.block_ms NOT BETWEEN 50 AND 3600000
            THEN format('Block time is %s ms, allowed is 50 to 3600000.', coalesce(p_net.block_ms::text, 'NULL'))
        WHEN p_net.poll_ms IS NULL OR p_net.poll_ms NOT BETWEEN 50 AND 600000
            THEN format('Poll time is %s ms, allowed is 50 to 600000.', coalesce(p_net.poll_ms::text, 'NULL'))
        WHEN p_net.final_tag IS NULL THEN 'Final tag is NULL.'
        WHEN p_net.final_depth IS NULL OR p_net.final_depth NOT BETWEEN 0 AND 100000
            THEN format('Final depth is %s, allowed is 0 to 100000.', coalesce(p_net.final_depth::text, 'NULL'))
        WHEN p_net.header_check IS NULL OR p_net.header_check NOT IN ('keccak', 'none')
            THEN format('Header check is %s, allowed are keccak and none.', coalesce(quote_literal(left(p_net.header_check, 100)), 'NULL'))
        WHEN (p_net.checkpoint_number IS NULL) <> (p_net.checkpoint_hash IS NULL)
            OR octet_length(p_net.checkpoint_hash) <> 32 OR p_net.checkpoint_number < 0
            THEN 'A checkpoint is a block number and its 32-byte hash.'
    END;
    IF v_fault IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'impossible network property', DETAIL = v_fault,
            HINT = 'usdtpay.network_registry shows sensible values.';
    END IF;
    IF NOT p_net.final_tag AND p_net.final_depth = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP203',
            MESSAGE = 'the network would have no finality', DETAIL = 'Without the tag the depth must be positive.',
            HINT = 'Give p_final_depth, or use the finalized tag.';
    END IF;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.network_check(usdtpay.network) IS 'Refuses impossible properties of a network. Errors: UP000, UP203.';

CREATE OR REPLACE FUNCTION usdtpay.network_set(
    p_code text, p_poll_ms integer DEFAULT NULL, p_final_depth integer DEFAULT NULL, p_header_check text DEFAULT NULL,
    p_block_ms integer DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_id integer := usdtpay_internal.network_id(p_code);
    v_net usdtpay.network;
BEGIN
    SELECT n.* INTO v_net FROM usdtpay.network AS n WHERE n.network_id = v_id FOR NO KEY UPDATE;
    v_net.poll_ms := coalesce(p_poll_ms, v_net.poll_ms);
    v_net.final_depth := coalesce(p_final_depth, v_net.final_depth);
    v_net.header_check := coalesce(p_header_check, v_net.header_check);
    v_net.block_ms := coalesce(p_block_ms, v_net.block_ms);
    PERFORM usdtpay_internal.network_check(v_net);
    UPDATE usdtpay.network AS n SET
        poll_ms = v_net.poll_ms, final_depth = v_net.final_depth, header_check = v_net.header_check, block_ms = v_net.block_ms
    WHERE n.network_id = v_id;
END;
$$;
COMMENT ON FUNCTION usdtpay.network_set(text, integer, integer, text, integer) IS
'Changes how a network is polled and how deep a block must lie before it credits; NULL leaves a value alone. Works while it is scanned. Errors: UP000, UP200, UP203.';

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
            MESSAGE = 'malformed symbol', DETAIL = format('Symbol is %s.', coalesce(quote_literal(left(p_symbol, 100)), 'NULL')),
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

CREATE OR REPLACE FUNCTION usdtpay_internal.endpoint_label(p_url text) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT regexp_replace(p_url, '^(https?)://(?:[^/?#]*@)?([^/?#@]*).*$', '\1://\2')
$$;
COMMENT ON FUNCTION usdtpay_internal.endpoint_label(text) IS
'What may be shown of an endpoint''s URL: scheme and host. User, path and query may hold keys.';

CREATE OR REPLACE FUNCTION usdtpay_internal.endpoint_check(p_url text, p_headers jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_bad text;
BEGIN
    IF p_url IS NULL OR length(p_url) > 2000
        OR p_url !~ '^https?://([^/?#@[:space:][:cntrl:]]+@)?([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/?][!-~]*)?$' THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'malformed endpoint URL', DETAIL = 'It is not repeated here, for it may hold a key.',
            HINT = 'Give http:// or https://, a host, and printable ASCII after it.';
    END IF;
    IF p_headers IS NULL OR jsonb_typeof(p_headers) <> 'object' THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'headers are no object', DETAIL = format('They are %s.', coalesce(jsonb_typeof(p_headers), 'NULL')),
            HINT = 'Give a JSON object of header names and values.';
    END IF;
    SELECT h.key INTO v_bad FROM jsonb_each(p_headers) AS h
    WHERE h.key !~ '^[A-Za-z0-9_-]{1,64}$' OR lower(h.key) IN ('content-type', 'content-length', 'host', 'transfer-encoding')
    OR jsonb_typeof(h.value) <> 'string' OR length(h.value #>> '{}') > 4000 OR (h.value #>> '{}') !~ '^[ -~]*$'
    LIMIT 1;
    IF v_bad IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'malformed header', DETAIL = format('Header is %L; its value is not repeated.', left(v_bad, 64)),
            HINT = 'Names are letters, digits, dashes; values printable ASCII; content-type, content-length, host and transfer-encoding are set by the worker.';
    END IF;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.endpoint_check(text, jsonb) IS 'Refuses a URL or headers that cannot be sent, without repeating secrets. Error: UP000.';

CREATE OR REPLACE FUNCTION usdtpay.endpoint_set(
    p_network text, p_url text, p_headers jsonb DEFAULT '{}', p_priority integer DEFAULT 100, p_max_rate real DEFAULT 500,
    p_enabled boolean DEFAULT true
) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_network integer := usdtpay_internal.network_id(p_network);
    v_id integer;
BEGIN
    PERFORM usdtpay_internal.endpoint_check(p_url, p_headers);
    IF p_max_rate IS NULL OR NOT p_max_rate BETWEEN 0.1 AND 10000 OR p_priority IS NULL OR p_enabled IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'impossible endpoint property',
            DETAIL = format('Rate is %s, priority %s.', coalesce(p_max_rate::text, 'NULL'), coalesce(p_priority::text, 'NULL')),
            HINT = 'The rate is 0.1 to 10000 requests a second; a lower priority is asked first.';
    END IF;
    INSERT INTO usdtpay_internal.endpoint AS e (network_id, url, headers, priority, max_rate, enabled)
    VALUES (v_network, p_url, p_headers, p_priority, p_max_rate, p_enabled)
    ON CONFLICT ON CONSTRAINT endpoint_url_key DO UPDATE SET
        headers = excluded.headers, priority = excluded.priority, max_rate = excluded.max_rate, enabled = excluded.enabled
    RETURNING e.endpoint_id INTO v_id;
    INSERT INTO usdtpay_internal.endpoint_health (endpoint_id) VALUES (v_id) ON CONFLICT DO NOTHING;
    RETURN v_id;
END;
$$;
COMMENT ON FUNCTION usdtpay.endpoint_set(text, text, jsonb, integer, real, boolean) IS
'Adds a node of a network, or changes the one with this URL. Headers (API keys) and the URL beyond its host are never shown again. A lower priority is asked first; p_max_rate in requests a second. Errors: UP000, UP200.';

CREATE OR REPLACE FUNCTION usdtpay.endpoint_remove(p_network text, p_url text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_network integer := usdtpay_internal.network_id(p_network);
    v_id integer;
BEGIN
    DELETE FROM usdtpay_internal.endpoint AS e WHERE e.network_id = v_network AND e.url = p_url
    RETURNING e.endpoint_id INTO v_id;
    DELETE FROM usdtpay_internal.endpoint_health AS h WHERE h.endpoint_id = v_id;
    RETURN v_id IS NOT NULL;
END;
$$;
COMMENT ON FUNCTION usdtpay.endpoint_remove(text, text) IS
'Forgets a node. Returns whether there was one. Error: UP200.';

CREATE OR REPLACE FUNCTION usdtpay_internal.network_from_registry(p_code text) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r record;
    v_id integer;
BEGIN
    FOR r IN SELECT g.* FROM usdtpay.network_registry AS g WHERE g.code = p_code ORDER BY g.asset NULLS LAST LOOP
        IF v_id IS NULL THEN
            v_id := usdtpay.network_define(
                r.code, r.family, r.chain_id, r.contract, r.decimals, r.block_ms, r.poll_ms, r.final_tag, r.final_depth,
                r.header_check, r.name, r.symbol, r.asset
            );
        ELSE
            PERFORM usdtpay.token_define(r.code, r.contract, r.decimals, r.symbol, r.asset);
        END IF;
    END LOOP;
    RETURN v_id;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.network_from_registry(text) IS
'Copies a network and its tokens out of the registry; NULL when it has none of that name.';

CREATE OR REPLACE FUNCTION usdtpay.network_enable(
    p_code text, p_rpc_urls text [] DEFAULT '{}', p_headers jsonb DEFAULT '{}', p_start_block bigint DEFAULT NULL
) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_id integer;
    v_url text;
BEGIN
    SELECT n.network_id INTO v_id FROM usdtpay.network AS n WHERE n.code = p_code;
    v_id := coalesce(v_id, usdtpay_internal.network_from_registry(p_code), usdtpay_internal.network_id(p_code));
    FOREACH v_url IN ARRAY coalesce(p_rpc_urls, '{}') LOOP
        PERFORM usdtpay.endpoint_set(p_code, v_url, p_headers);
    END LOOP;
    IF NOT EXISTS (SELECT FROM usdtpay_internal.endpoint AS e WHERE e.network_id = v_id AND e.enabled) THEN
        RAISE EXCEPTION USING ERRCODE = 'UP203',
            MESSAGE = 'the network has no endpoint', DETAIL = format('Network is "%s".', left(p_code, 100)),
            HINT = 'Give the URL of at least one node, better of two run by different people.';
    END IF;
    IF p_start_block < 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'impossible start block', DETAIL = format('Start block is %s.', p_start_block),
            HINT = 'Give the first block to scan, or NULL for the current one.';
    END IF;
    IF p_start_block IS NOT NULL AND EXISTS (
        SELECT FROM usdtpay.chain_cursor AS c JOIN usdtpay.network AS n USING (network_id)
        WHERE c.network_id = v_id AND c.tip_number IS NOT NULL AND n.start_block IS DISTINCT FROM p_start_block
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'UP201',
            MESSAGE = 'the network has been scanned already', DETAIL = format('Network is "%s".', left(p_code, 100)),
            HINT = 'Look at older blocks with usdtpay.rescan(code, from, to).';
    END IF;
    UPDATE usdtpay.network AS n
    SET enabled = true, enabled_at = coalesce(n.enabled_at, now()), start_block = coalesce(p_start_block, n.start_block)
    WHERE n.network_id = v_id;
    RETURN v_id;
END;
$$;
COMMENT ON FUNCTION usdtpay.network_enable(text, text [], jsonb, bigint) IS
'Turns a network on, copying it from network_registry when it is not defined yet, and adds nodes with the given headers (API keys). Scanning begins at p_start_block, by default at the block that was the head at the time of the first call, whenever the scanner comes to it. May be repeated. Errors: UP000, UP200, UP201, UP203.';

CREATE OR REPLACE FUNCTION usdtpay.network_disable(p_code text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE usdtpay.network AS n SET enabled = false WHERE n.network_id = usdtpay_internal.network_id(p_code);
END;
$$;
COMMENT ON FUNCTION usdtpay.network_disable(text) IS
'Turns a network off: no new orders, no scanning. Orders open on it wait; enabling it again continues where it stopped. Error: UP200.';

CREATE OR REPLACE FUNCTION usdtpay.network_resume(
    p_code text, p_reason text, p_number bigint DEFAULT NULL, p_hash bytea DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_id integer := usdtpay_internal.network_id(p_code);
    v_cur usdtpay.chain_cursor;
BEGIN
    SELECT c.* INTO v_cur FROM usdtpay.chain_cursor AS c WHERE c.network_id = v_id FOR NO KEY UPDATE;
    IF v_cur.halted_at IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP201',
            MESSAGE = 'the network is not halted', DETAIL = format('Network is "%s".', left(p_code, 100)),
            HINT = 'usdtpay.network_status shows what it does.';
    END IF;
    IF coalesce(btrim(p_reason), '') = '' THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'no reason given', HINT = 'Write down what was found and decided.';
    END IF;
    IF (p_number IS NULL) <> (p_hash IS NULL) OR octet_length(p_hash) <> 32 OR p_number NOT BETWEEN 0 AND v_cur.tip_number THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'impossible block to continue from',
            DETAIL = format('Number is %s, the tip %s.', coalesce(p_number::text, 'NULL'), v_cur.tip_number),
            HINT = 'Give the number and the 32-byte hash of a block of the right chain at or below the tip, or neither.';
    END IF;
    IF p_number IS NOT NULL THEN
        PERFORM usdtpay_internal.chain_cut(v_id, p_number - (NOT EXISTS (
            SELECT FROM usdtpay.chain_block AS b
            WHERE b.network_id = v_id AND b.number = p_number AND b.hash = p_hash AND b.canonical
        ))::integer);
    END IF;
    UPDATE usdtpay.chain_cursor AS c SET
        halted_at = NULL, halt_reason = NULL, resumed_at = now(), resume_reason = p_reason,
        tip_number = coalesce(p_number, c.tip_number), tip_hash = coalesce(p_hash, c.tip_hash),
        tip_time = CASE WHEN p_number IS NULL THEN c.tip_time ELSE least(c.tip_time, c.final_time) END,
        final_number = least(p_number, c.final_number),
        final_hash = CASE WHEN p_number <= c.final_number THEN p_hash ELSE c.final_hash END
    WHERE c.network_id = v_id;
END;
$$;
COMMENT ON FUNCTION usdtpay.network_resume(text, text, bigint, bytea) IS
'Lets a halted network go on after a person looked; the reason is kept. After a reorganisation below final give the number and hash of the last block both chains share: scanning continues there. Credits already made are not unwound, and a deposit that comes again is not credited twice. Errors: UP000, UP200, UP201.';

CREATE OR REPLACE FUNCTION usdtpay.rescan(p_code text, p_from bigint, p_to bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_network integer := usdtpay_internal.network_id(p_code);
    v_id bigint;
BEGIN
    IF p_from IS NULL OR p_to IS NULL OR p_from < 0 OR p_to < p_from THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'impossible range', DETAIL = format('Range is %s to %s.', coalesce(p_from::text, 'NULL'), coalesce(p_to::text, 'NULL')),
            HINT = 'Give the first and the last block.';
    END IF;
    SELECT r.rescan_id INTO v_id FROM usdtpay.chain_rescan AS r
    WHERE r.network_id = v_network AND r.done_at IS NULL AND r.from_block = p_from AND r.to_block = p_to;
    IF v_id IS NULL THEN
        INSERT INTO usdtpay.chain_rescan (network_id, from_block, to_block, next_block)
        VALUES (v_network, p_from, p_to, p_from) RETURNING rescan_id INTO v_id;
    END IF;
    RETURN v_id;
END;
$$;
COMMENT ON FUNCTION usdtpay.rescan(text, bigint, bigint) IS
'Asks the scanner to look at a range of blocks again, for deposits that were missed; blocks above the final one are looked at once they are final. Safe at any time: what is known stays. Returns the id in usdtpay.chain_rescan. Errors: UP000, UP200.';

CREATE OR REPLACE VIEW usdtpay.network_status AS
SELECT
    n.code,
    n.name,
    CASE
        WHEN NOT n.enabled THEN 'disabled'
        WHEN c.halted_at IS NOT NULL THEN 'halted'
        WHEN e.endpoints = 0 THEN 'no_endpoint'
        WHEN e.refused = e.endpoints THEN 'refused'
        WHEN c.polled_at IS NULL OR c.polled_at < pg_catalog.now() - interval '30 seconds' THEN 'stalled'
        WHEN c.tip_number IS NULL OR c.remote_head - c.tip_number > 10 + 10000 / n.block_ms THEN 'catching_up'
        ELSE 'scanning'
    END AS state,
    c.tip_number,
    c.tip_time,
    c.final_number,
    c.final_time,
    c.remote_head,
    c.remote_final,
    GREATEST(c.remote_head - c.tip_number, 0) AS behind_blocks,
    pg_catalog.round(EXTRACT(EPOCH FROM pg_catalog.now() - c.tip_time), 1) AS behind_seconds,
    e.endpoints,
    e.usable AS endpoints_usable,
    c.polled_at,
    c.moved_at,
    c.note,
    c.halted_at,
    c.halt_reason
FROM usdtpay.network AS n
LEFT JOIN usdtpay.chain_cursor AS c ON c.network_id = n.network_id
CROSS JOIN LATERAL (
    SELECT
        pg_catalog.count(*) AS endpoints,
        pg_catalog.count(*) FILTER (WHERE h.state = 'refused') AS refused,
        pg_catalog.count(*) FILTER (WHERE h.state = 'ok') AS usable
    FROM usdtpay_internal.endpoint AS ep
    LEFT JOIN usdtpay_internal.endpoint_health AS h ON h.endpoint_id = ep.endpoint_id
    WHERE ep.network_id = n.network_id AND ep.enabled
) AS e;
COMMENT ON VIEW usdtpay.network_status IS 'How far each network is scanned and what it waits for, one row each';
COMMENT ON COLUMN usdtpay.network_status.code IS 'Network';
COMMENT ON COLUMN usdtpay.network_status.name IS 'Name for people';
COMMENT ON COLUMN usdtpay.network_status.state IS
'disabled; halted (a person must look); no_endpoint; refused (every node failed its checks); stalled (no node or no scanner for 30 seconds); catching_up; scanning';
COMMENT ON COLUMN usdtpay.network_status.tip_number IS 'Every block up to here has been ingested';
COMMENT ON COLUMN usdtpay.network_status.tip_time IS 'Its time';
COMMENT ON COLUMN usdtpay.network_status.final_number IS 'Every block up to here has been credited';
COMMENT ON COLUMN usdtpay.network_status.final_time IS 'Its time';
COMMENT ON COLUMN usdtpay.network_status.remote_head IS 'Head the nodes agree on';
COMMENT ON COLUMN usdtpay.network_status.remote_final IS 'Final block the nodes agree on';
COMMENT ON COLUMN usdtpay.network_status.behind_blocks IS 'Blocks not ingested yet';
COMMENT ON COLUMN usdtpay.network_status.behind_seconds IS 'Age of the newest ingested block';
COMMENT ON COLUMN usdtpay.network_status.endpoints IS 'Nodes configured and enabled';
COMMENT ON COLUMN usdtpay.network_status.endpoints_usable IS 'Nodes that answered well last';
COMMENT ON COLUMN usdtpay.network_status.polled_at IS 'When the scanner last got an answer from a node';
COMMENT ON COLUMN usdtpay.network_status.moved_at IS 'When a cursor last moved';
COMMENT ON COLUMN usdtpay.network_status.note IS 'What the scanner waits for or warns of';
COMMENT ON COLUMN usdtpay.network_status.halted_at IS 'Since when it is halted';
COMMENT ON COLUMN usdtpay.network_status.halt_reason IS 'Why';

CREATE OR REPLACE VIEW usdtpay.endpoint_status AS
SELECT
    e.endpoint_id,
    n.code AS network,
    usdtpay_internal.endpoint_label(e.url) AS url,
    e.priority,
    e.max_rate,
    e.enabled,
    coalesce(h.state, 'unknown') AS state,
    h.head,
    h.rate,
    h.latency_ms,
    h.requests,
    h.failures,
    h.streak,
    h.log_range,
    h.cool_until,
    h.ok_at,
    h.error_at,
    h.error
FROM usdtpay_internal.endpoint AS e
JOIN usdtpay.network AS n ON n.network_id = e.network_id
LEFT JOIN usdtpay_internal.endpoint_health AS h ON h.endpoint_id = e.endpoint_id;
COMMENT ON VIEW usdtpay.endpoint_status IS 'Health of every node; of URLs only scheme and host';
COMMENT ON COLUMN usdtpay.endpoint_status.endpoint_id IS 'Endpoint';
COMMENT ON COLUMN usdtpay.endpoint_status.network IS 'Network';
COMMENT ON COLUMN usdtpay.endpoint_status.url IS 'Scheme and host; the rest may hold keys';
COMMENT ON COLUMN usdtpay.endpoint_status.priority IS 'Lower is asked first';
COMMENT ON COLUMN usdtpay.endpoint_status.max_rate IS 'Requests a second never exceeded';
COMMENT ON COLUMN usdtpay.endpoint_status.enabled IS 'Whether it is used';
COMMENT ON COLUMN usdtpay.endpoint_status.state IS 'unknown, ok, cooling, refused';
COMMENT ON COLUMN usdtpay.endpoint_status.head IS 'Highest block it served';
COMMENT ON COLUMN usdtpay.endpoint_status.rate IS 'Requests a second it is asked at now';
COMMENT ON COLUMN usdtpay.endpoint_status.latency_ms IS 'Smoothed answer time';
COMMENT ON COLUMN usdtpay.endpoint_status.requests IS 'Requests sent';
COMMENT ON COLUMN usdtpay.endpoint_status.failures IS 'Answers that were late, refused or failed validation';
COMMENT ON COLUMN usdtpay.endpoint_status.streak IS 'Failures in a row';
COMMENT ON COLUMN usdtpay.endpoint_status.log_range IS 'Blocks asked for in one eth_getLogs';
COMMENT ON COLUMN usdtpay.endpoint_status.cool_until IS 'Not asked before';
COMMENT ON COLUMN usdtpay.endpoint_status.ok_at IS 'Last good answer';
COMMENT ON COLUMN usdtpay.endpoint_status.error_at IS 'Last failure';
COMMENT ON COLUMN usdtpay.endpoint_status.error IS 'What it was, without secrets';
