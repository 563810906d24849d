-- Networks: what the operator defines, turns on and off, lets go on and has looked at again.

CREATE OR REPLACE FUNCTION usdtpay_internal.network_get(p_code text) RETURNS usdtpay.network
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_net usdtpay.network;
BEGIN
    SELECT n.* INTO v_net FROM usdtpay.network AS n WHERE n.code = p_code;
    IF v_net.network_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP200',
            MESSAGE = 'no such network', DETAIL = format('Network is %L.', left(p_code, 100)),
            HINT = 'Enable one of usdtpay.network_registry with usdtpay.network_enable, or define your own with usdtpay.network_define.';
    END IF;
    RETURN v_net;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.network_get(text) IS 'A network that is defined. Error: UP200.';

CREATE OR REPLACE FUNCTION usdtpay_internal.network_id(p_code text) RETURNS integer
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (usdtpay_internal.network_get(p_code)).network_id
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
            MESSAGE = 'malformed network code', DETAIL = format('Code is %L.', left(p_code, 100)),
            HINT = 'Use 1 to 32 of a-z, 0-9, underscore, dot, dash, beginning with a letter or digit.';
    END IF;
    IF p_family IS NULL OR p_family NOT IN ('evm', 'tron') THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'no such family', DETAIL = format('Family is %L.', left(p_family, 100)),
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
LANGUAGE plpgsql STABLE
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
            THEN format('Header check is %L, allowed are keccak and none.', left(p_net.header_check, 100))
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
