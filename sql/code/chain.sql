-- From a node's answer to deposits: verify, link, store, route, credit.  One transaction per call,
-- no network access; every rule can be tested with recorded blocks.
--
-- Lock order everywhere: chain_cursor (the network) → merchant, where money is posted → deposit →
-- payment_order by (party, order) → account by id.

CREATE OR REPLACE FUNCTION usdtpay.chain_ingest(
    p_network text, p_headers text, p_logs text, p_mode text DEFAULT 'tip', p_cleared bigint [] DEFAULT '{}',
    p_source integer DEFAULT NULL,
    OUT status text, OUT blocks integer, OUT transfers integer, OUT deposits integer,
    OUT tip_number bigint, OUT final_number bigint
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off -- compiling would take longer than the largest block
AS $$
DECLARE
    v_net usdtpay.network := usdtpay_internal.network_get(p_network);
    v_cur usdtpay.chain_cursor := usdtpay_internal.chain_lock(v_net);
    v_blocks usdtpay_internal.chain_span;
    v_rows usdtpay_internal.chain_row[];
    v_fresh usdtpay_internal.chain_row[];
    v_controls usdtpay.issuer_event[];
    v_logs text := p_logs;
    v_cleared bigint[] := p_cleared;
    v_refuted integer := 0;
BEGIN
    IF v_cur.halted_at IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP402',
            MESSAGE = 'the network is halted', DETAIL = format('Network "%s": %s', left(p_network, 100), v_cur.halt_reason),
            HINT = 'Look into it, then call usdtpay.network_resume(code, reason).';
    END IF;
    v_blocks := usdtpay_internal.chain_span_read(v_net, p_headers);
    CASE p_mode
        WHEN 'tip' THEN
            status := usdtpay_internal.chain_link(v_net, v_cur, v_blocks);
        WHEN 'final' THEN
            status := usdtpay_internal.chain_second_look(v_cur, v_blocks);
        WHEN 'proof' THEN
            status := usdtpay_internal.chain_second_look(v_cur, v_blocks);
            v_cleared := v_blocks.numbers; -- proven logs are all there are, whatever a bloom promises
            IF status = 'ok' THEN
                v_logs := usdtpay_internal.chain_proven_logs(v_net, v_cur, v_blocks, p_headers, p_logs);
            END IF;
        WHEN 'rescan', 'peek' THEN
            status := usdtpay_internal.chain_rescan_check(v_net, v_cur, v_blocks);
        ELSE
            RAISE EXCEPTION USING ERRCODE = 'UP000',
                MESSAGE = 'no such mode', DETAIL = format('Mode is "%s".', left(p_mode, 100)),
                HINT = 'Modes are tip, final, proof, rescan and peek.';
    END CASE;
    IF status = 'ok' THEN
        SELECT r.transfers, r.controls INTO v_rows, v_controls
        FROM usdtpay_internal.chain_rows(v_net, v_cur, v_blocks, p_headers, v_logs, p_mode, v_cleared) AS r;
        IF p_mode = 'proof' THEN
            v_refuted := usdtpay_internal.chain_refute(v_net, v_cur, v_blocks, v_rows, v_controls);
        END IF;
        v_fresh := CASE p_mode WHEN 'tip' THEN v_rows ELSE usdtpay_internal.deposit_unknown(v_net, v_rows) END;
        IF p_mode = 'final' AND usdtpay_internal.chain_disagrees(v_net, v_cur, v_blocks, v_rows) THEN
            status := 'disagree';
        ELSIF p_mode = 'final' AND v_fresh IS NOT NULL
        AND usdtpay_internal.chain_peek(v_net, v_fresh) IS NOT NULL THEN -- after network_resume some are final already
            status := 'more';
        ELSIF p_mode = 'proof' AND (v_refuted > 0 OR usdtpay_internal.chain_peek(v_net, v_fresh) IS NOT NULL) THEN
            status := 'amended';
        ELSIF p_mode = 'peek' THEN
            status := coalesce('news ' || usdtpay_internal.chain_peek(v_net, v_rows), 'known');
        END IF;
    END IF;
    blocks := cardinality(v_blocks.numbers);
    transfers := coalesce(cardinality(v_rows), 0);
    deposits := 0;
    IF status IN ('ok', 'more', 'amended') THEN
        IF p_mode = 'tip' THEN
            PERFORM usdtpay_internal.chain_extend(v_net, v_cur, v_blocks, p_source);
        END IF;
        PERFORM usdtpay_internal.chain_controls(v_controls);
        IF p_mode <> 'tip' AND v_fresh IS NOT NULL THEN -- whoever is credited below: before any order
            PERFORM usdtpay_internal.money_lock(ARRAY(
                SELECT r.party_id FROM usdtpay_internal.deposit_route(v_net, v_fresh) AS r
                UNION
                SELECT d.party_id FROM usdtpay.deposit AS d
                WHERE d.network_id = v_net.network_id AND d.state = 'seen' AND d.block_number >= v_blocks.numbers[1]
                AND d.block_number <= greatest(v_blocks.numbers[blocks], v_cur.final_number)
            ));
        END IF;
        deposits := usdtpay_internal.deposit_store(v_net, v_fresh);
    END IF;
    IF status = 'more' THEN -- one node's word: kept, and to be confirmed by another before it counts
        UPDATE usdtpay.chain_block AS b SET source = p_source
        WHERE b.network_id = v_net.network_id AND b.canonical
        AND b.number > v_cur.final_number AND b.number <= v_blocks.numbers[blocks];
    ELSIF status IN ('ok', 'amended') AND p_mode <> 'tip' THEN
        IF p_mode IN ('final', 'proof') THEN
            UPDATE usdtpay.chain_cursor AS c SET
                final_number = v_blocks.numbers[blocks], final_hash = v_blocks.hashes[blocks],
                final_time = v_blocks.times[blocks], moved_at = now()
            WHERE c.network_id = v_net.network_id;
        END IF;
        PERFORM usdtpay_internal.deposit_finalize(
            v_net, CASE WHEN p_mode IN ('final', 'proof') THEN v_cur.final_number + 1 ELSE v_blocks.numbers[1] END
        );
    END IF;
    SELECT c.tip_number, c.final_number INTO tip_number, final_number
    FROM usdtpay.chain_cursor AS c WHERE c.network_id = v_net.network_id;
END;
$$;
COMMENT ON FUNCTION usdtpay.chain_ingest(text, text, text, text, bigint [], integer) IS
'Takes raw node answers. p_headers: JSON array of block objects (EVM: eth_getBlockByNumber results; TRON: blocks of getblockbylimitnext); p_logs: JSON array of log objects of the watched contracts (TRON: one array of transaction infos per block; in modes tip and peek also an object whose member logs is an eth_getLogs answer, held against the blocks'' transactions and their root). Everything is validated and a fault rejects the whole answer (UP400, UP401; UP404 when a bloom filter says logs are missing in blocks not listed in p_cleared). Mode tip: the blocks continue the tip cursor and create seen deposits; status ok, known (nothing new) or reorg (they do not link, nothing changed). Mode final: a second look at final+1..n, headers whole or only block n; status ok (credited, final cursor moved), disagree (it lacks or contradicts what we hold; nothing changed) or more (it has what we did not: recorded, not credited; repeat with another node). Mode proof: a look at final+1..n that ends a dispute; p_logs holds an array with each block''s eth_getBlockReceipts answer, which must hash to the header''s receiptsRoot; status ok, amended (what we held differed and has been put right), both credited, or disagree (other blocks than ours); the caller vouches that two nodes tell these hashes, receipts roots and transactions alike. Mode rescan: a look at blocks already passed; missing deposits are recorded and credited, so the caller vouches for the answer; mode peek tells what that would add and changes nothing: known, or news and a digest to compare with another node''s. p_source is the endpoint that answered. Errors: UP000, UP200, UP4xx.';

CREATE OR REPLACE FUNCTION usdtpay_internal.chain_lock(p_net usdtpay.network) RETURNS usdtpay.chain_cursor
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_cur usdtpay.chain_cursor;
BEGIN
    SELECT c.* INTO v_cur FROM usdtpay.chain_cursor AS c WHERE c.network_id = p_net.network_id FOR NO KEY UPDATE;
    IF v_cur.network_id IS NULL THEN
        INSERT INTO usdtpay.chain_cursor (network_id) VALUES (p_net.network_id) ON CONFLICT DO NOTHING;
        SELECT c.* INTO v_cur FROM usdtpay.chain_cursor AS c WHERE c.network_id = p_net.network_id FOR NO KEY UPDATE;
    END IF;
    RETURN v_cur;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.chain_lock(usdtpay.network) IS
'Locks a network for ingestion, one transaction at a time moves its cursors, and returns where they stand.';

CREATE OR REPLACE FUNCTION usdtpay_internal.chain_span_read(p_net usdtpay.network, p_headers text)
RETURNS usdtpay_internal.chain_span
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_span usdtpay_internal.chain_span;
BEGIN
    SELECT
        array_agg(b.number ORDER BY b.number), array_agg(b.hash ORDER BY b.number),
        array_agg(b.parent_hash ORDER BY b.number), array_agg(b.block_time ORDER BY b.number)
    INTO v_span.numbers, v_span.hashes, v_span.parents, v_span.times
    FROM usdtpay_internal.span_blocks(p_net.family, p_headers, p_net.header_check) AS b;
    IF v_span.numbers IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP400',
            MESSAGE = 'the answer holds no block', DETAIL = format('It has %s characters.', length(p_headers)),
            HINT = 'Ask for at least one block.';
    END IF;
    RETURN v_span;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.chain_span_read(usdtpay.network, text) IS
'Parses and verifies a run of blocks: shape, hashes, linkage. Errors: UP400, UP401.';

CREATE OR REPLACE FUNCTION usdtpay_internal.chain_link(
    p_net usdtpay.network, p_cur usdtpay.chain_cursor, p_span usdtpay_internal.chain_span
) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_first bigint := p_span.numbers[1];
    v_last bigint := p_span.numbers[cardinality(p_span.numbers)];
BEGIN
    IF p_cur.tip_number IS NULL THEN
        RETURN 'ok';
    END IF;
    IF v_first > p_cur.tip_number + 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP403',
            MESSAGE = 'the blocks leave a gap', DETAIL = format('The tip is %s, the first block %s.', p_cur.tip_number, v_first),
            HINT = 'Continue at the tip.';
    END IF;
    IF v_first = p_cur.tip_number + 1 THEN
        RETURN CASE WHEN p_span.parents[1] = p_cur.tip_hash THEN 'ok' ELSE 'reorg' END;
    END IF;
    IF EXISTS (
        SELECT FROM unnest(p_span.numbers, p_span.hashes) AS s (number, hash)
        LEFT JOIN usdtpay.chain_block AS b ON b.network_id = p_net.network_id AND b.number = s.number AND b.canonical
        WHERE b.hash <> s.hash OR s.number = p_cur.tip_number AND s.hash <> p_cur.tip_hash
    ) OR v_last < p_cur.tip_number AND NOT EXISTS (
        SELECT FROM usdtpay.chain_block AS b
        WHERE b.network_id = p_net.network_id AND b.number = v_last AND b.hash = p_span.hashes[cardinality(p_span.hashes)] AND b.canonical
    ) THEN
        RETURN 'reorg';
    END IF;
    RETURN CASE WHEN v_last <= p_cur.tip_number THEN 'known' ELSE 'ok' END;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.chain_link(usdtpay.network, usdtpay.chain_cursor, usdtpay_internal.chain_span) IS
'How a run of blocks stands to the tip: ok (continues it, possibly after blocks already known), known, reorg. Error: UP403 for a gap.';

CREATE OR REPLACE FUNCTION usdtpay_internal.chain_second_look(p_cur usdtpay.chain_cursor, p_span usdtpay_internal.chain_span)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_last bigint := p_span.numbers[cardinality(p_span.numbers)];
BEGIN
    IF p_cur.tip_number IS NULL OR v_last > p_cur.tip_number OR v_last <= p_cur.final_number
    OR cardinality(p_span.numbers) > 1 AND p_span.numbers[1] <> p_cur.final_number + 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP403',
            MESSAGE = 'the blocks do not continue the final cursor',
            DETAIL = format('Final is %s, tip %s; blocks are %s to %s.', p_cur.final_number, p_cur.tip_number, p_span.numbers[1], v_last),
            HINT = 'Give the blocks final+1..n, or only block n, with n at most the tip.';
    END IF;
    RETURN CASE WHEN EXISTS (
        SELECT FROM unnest(p_span.numbers, p_span.hashes) AS s (number, hash)
        WHERE NOT EXISTS (
            SELECT FROM usdtpay.chain_block AS b
            WHERE b.network_id = p_cur.network_id AND b.number = s.number AND b.hash = s.hash AND b.canonical
        )
    ) THEN 'disagree' ELSE 'ok' END;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.chain_second_look(usdtpay.chain_cursor, usdtpay_internal.chain_span) IS
'Whether the blocks of a second look are the ones we hold: ok or disagree. Error: UP403 when they do not continue the final cursor.';

CREATE OR REPLACE FUNCTION usdtpay_internal.chain_rescan_check(
    p_net usdtpay.network, p_cur usdtpay.chain_cursor, p_span usdtpay_internal.chain_span
) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_cur.final_number IS NULL OR p_span.numbers[cardinality(p_span.numbers)] > p_cur.final_number THEN
        RAISE EXCEPTION USING ERRCODE = 'UP403',
            MESSAGE = 'a rescan looks at final blocks only',
            DETAIL = format('Final is %s, the last block %s.', p_cur.final_number, p_span.numbers[cardinality(p_span.numbers)]),
            HINT = 'Newer blocks get their second look by themselves.';
    END IF;
    IF EXISTS (
        SELECT FROM unnest(p_span.numbers, p_span.hashes) AS s (number, hash)
        JOIN usdtpay.chain_block AS b ON b.network_id = p_net.network_id AND b.number = s.number AND b.canonical
        WHERE b.hash <> s.hash
    ) THEN
        RETURN 'disagree';
    END IF;
    RETURN 'ok';
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.chain_rescan_check(usdtpay.network, usdtpay.chain_cursor, usdtpay_internal.chain_span) IS
'Whether a rescanned run contradicts blocks we hold: ok or disagree. Error: UP403 above the final cursor.';

CREATE OR REPLACE FUNCTION usdtpay_internal.chain_logs(
    p_net usdtpay.network, p_cur usdtpay.chain_cursor, p_span usdtpay_internal.chain_span,
    p_headers text, p_logs text, p_mode text, p_cleared bigint []
) RETURNS TABLE (
    number bigint, block_hash bytea, block_time timestamptz, tx_hash bytea, tx_index integer, log_index integer,
    ordinal integer, kind text, contract bytea, sender bytea, recipient bytea, amount_raw numeric, subject bytea
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_contracts bytea[];
    v_numbers bigint[];
    v_hashes bytea[];
    v_times timestamptz[];
BEGIN
    IF p_net.family = 'tron' AND p_mode IN ('final', 'rescan') AND p_logs ~ '^\s*\{' THEN
        RAISE EXCEPTION USING ERRCODE = 'UP400',
            MESSAGE = 'logs alone do not credit', DETAIL = format('Mode is "%s".', left(p_mode, 100)),
            HINT = 'Give the transaction infos of every block.';
    END IF;
    SELECT array_agg(t.contract) INTO v_contracts FROM usdtpay.token AS t WHERE t.network_id = p_net.network_id;
    IF p_mode <> 'final' OR p_span.numbers[1] = p_cur.final_number + 1 THEN
        RETURN QUERY SELECT l.*
        FROM usdtpay_internal.span_logs(p_net.family, p_headers, p_logs, v_contracts, p_net.header_check, p_cleared) AS l;
        RETURN;
    END IF;
    SELECT array_agg(b.number ORDER BY b.number), array_agg(b.hash ORDER BY b.number), array_agg(b.block_time ORDER BY b.number)
    INTO v_numbers, v_hashes, v_times
    FROM usdtpay.chain_block AS b
    WHERE b.network_id = p_net.network_id AND b.canonical AND b.number > p_cur.final_number
    AND b.number <= p_span.numbers[cardinality(p_span.numbers)];
    RETURN QUERY SELECT l.*
    FROM usdtpay_internal.span_logs_known(p_net.family, v_numbers, v_hashes, v_times, p_logs, v_contracts) AS l;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.chain_logs(usdtpay.network, usdtpay.chain_cursor, usdtpay_internal.chain_span, text, text, text, bigint []) IS
'Parses and validates the logs of an answer, against its own headers or, in a second look that brings only the last block, against the headers we hold. Errors: UP400, UP404.';

CREATE OR REPLACE FUNCTION usdtpay_internal.chain_rows(
    p_net usdtpay.network, p_cur usdtpay.chain_cursor, p_span usdtpay_internal.chain_span,
    p_headers text, p_logs text, p_mode text, p_cleared bigint [],
    OUT transfers usdtpay_internal.chain_row [], OUT controls usdtpay.issuer_event []
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_above bigint := CASE WHEN p_mode = 'tip' THEN coalesce(p_cur.tip_number, -1) ELSE -1 END;
BEGIN
    WITH log AS MATERIALIZED (
        SELECT l.*, t.token_id, t.asset_id, t.decimals
        FROM usdtpay_internal.chain_logs(p_net, p_cur, p_span, p_headers, p_logs, p_mode, p_cleared) AS l
        JOIN usdtpay.token AS t ON t.network_id = p_net.network_id AND t.contract = l.contract
        WHERE l.number > v_above
    )
    SELECT
        (
            SELECT array_agg(ROW(
                l.number, l.block_hash, l.block_time, l.tx_hash, l.log_index, l.ordinal, l.token_id, l.asset_id, l.decimals,
                l.sender, l.recipient, l.amount_raw, a.party_id, a.wallet_id, a.idx, a.order_id, a.customer_ref, a.custodial
            )::usdtpay_internal.chain_row)
            FROM log AS l
            JOIN usdtpay.address AS a ON a.raw = l.recipient AND a.family = p_net.family
            WHERE l.kind = 'transfer' AND l.amount_raw > 0
        ),
        (
            SELECT array_agg(ROW(
                p_net.network_id, l.tx_hash, l.log_index, l.block_hash, l.number, l.block_time, l.token_id, l.kind, l.subject,
                l.amount_raw, true
            )::usdtpay.issuer_event)
            FROM log AS l WHERE l.kind <> 'transfer'
        )
    INTO transfers, controls;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.chain_rows(usdtpay.network, usdtpay.chain_cursor, usdtpay_internal.chain_span, text, text, text, bigint []) IS
'Validates a whole answer and returns the Transfers to our addresses and what the issuer did. Zero-value transfers are ignored (poisoning). Errors: UP400, UP404.';

CREATE OR REPLACE FUNCTION usdtpay_internal.chain_controls(p_controls usdtpay.issuer_event []) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_controls IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO usdtpay.issuer_event AS e SELECT c.* FROM unnest(p_controls) AS c
    ON CONFLICT ON CONSTRAINT issuer_event_pkey DO UPDATE SET canonical = true WHERE NOT e.canonical;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.chain_controls(usdtpay.issuer_event []) IS 'Stores what the issuer did, once.';

CREATE OR REPLACE FUNCTION usdtpay_internal.chain_disagrees(
    p_net usdtpay.network, p_cur usdtpay.chain_cursor, p_span usdtpay_internal.chain_span, p_rows usdtpay_internal.chain_row []
) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    -- a set operation, hashed: a join could be planned as ten thousand times ten thousand comparisons
    SELECT EXISTS (
        SELECT d.tx_hash, d.token_id, d.ordinal, d.block_hash, d.recipient, d.sender, d.amount_raw
        FROM usdtpay.deposit AS d
        WHERE d.network_id = p_net.network_id AND d.state = 'seen'
        AND d.block_number > p_cur.final_number AND d.block_number <= p_span.numbers[cardinality(p_span.numbers)]
        EXCEPT
        SELECT r.tx_hash, r.token_id, r.ordinal, r.block_hash, r.recipient, r.sender, r.amount_raw FROM unnest(p_rows) AS r
    )
$$;
COMMENT ON FUNCTION usdtpay_internal.chain_disagrees(usdtpay.network, usdtpay.chain_cursor, usdtpay_internal.chain_span, usdtpay_internal.chain_row []) IS
'Whether a second look lacks, or tells differently, a deposit we hold up to its last block. What it has beyond ours is no contradiction: the first look missed it.';

CREATE OR REPLACE FUNCTION usdtpay_internal.chain_proven_logs(
    p_net usdtpay.network, p_cur usdtpay.chain_cursor, p_span usdtpay_internal.chain_span, p_headers text, p_receipts text
) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_net.family <> 'evm' THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000',
            MESSAGE = 'there are no receipts to prove logs with', DETAIL = format('Network "%s" is of family %s.', p_net.code, p_net.family),
            HINT = 'Mode proof is for EVM networks.';
    END IF;
    IF p_span.numbers[1] <> p_cur.final_number + 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP403',
            MESSAGE = 'the blocks do not continue the final cursor',
            DETAIL = format('Final is %s, the first block %s.', p_cur.final_number, p_span.numbers[1]),
            HINT = 'A proof needs the header and the receipts of every block after final.';
    END IF;
    RETURN usdtpay_internal.receipts_logs(
        p_headers, p_receipts, (SELECT array_agg(t.contract) FROM usdtpay.token AS t WHERE t.network_id = p_net.network_id)
    );
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.chain_proven_logs(usdtpay.network, usdtpay.chain_cursor, usdtpay_internal.chain_span, text, text) IS
'The logs of our tokens in the blocks after final, proven from their receipts, as eth_getLogs would answer. Errors: UP000, UP400, UP403.';

CREATE OR REPLACE FUNCTION usdtpay_internal.chain_refute(
    p_net usdtpay.network, p_cur usdtpay.chain_cursor, p_span usdtpay_internal.chain_span, p_rows usdtpay_internal.chain_row [],
    p_controls usdtpay.issuer_event []
) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_last bigint := p_span.numbers[cardinality(p_span.numbers)];
    v_parties bigint[];
    v_deposits bigint[];
BEGIN
    UPDATE usdtpay.issuer_event AS e SET canonical = false
    WHERE e.network_id = p_net.network_id AND e.canonical
    AND e.block_number > p_cur.final_number AND e.block_number <= v_last
    AND (e.block_hash, e.tx_hash, e.log_index, e.kind) NOT IN (
        SELECT c.block_hash, c.tx_hash, c.log_index, c.kind FROM unnest(p_controls) AS c
    );
    SELECT array_agg(d.party_id ORDER BY d.deposit_id), array_agg(d.deposit_id ORDER BY d.deposit_id)
    INTO v_parties, v_deposits
    FROM usdtpay.deposit AS d
    WHERE d.network_id = p_net.network_id AND d.state = 'seen'
    AND d.block_number > p_cur.final_number AND d.block_number <= v_last
    AND (d.tx_hash, d.token_id, d.ordinal, d.block_hash, d.recipient, d.sender, d.amount_raw) NOT IN (
        SELECT r.tx_hash, r.token_id, r.ordinal, r.block_hash, r.recipient, r.sender, r.amount_raw FROM unnest(p_rows) AS r
    );
    PERFORM usdtpay_internal.deposit_orphan(v_parties, v_deposits);
    RETURN coalesce(cardinality(v_deposits), 0);
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.chain_refute(usdtpay.network, usdtpay.chain_cursor, usdtpay_internal.chain_span, usdtpay_internal.chain_row [], usdtpay.issuer_event []) IS
'Takes away what a proof of the blocks after final shows to be untrue: deposits it lacks or tells differently become orphaned, the issuer''s events it lacks non-canonical. Returns how many deposits.';

CREATE OR REPLACE FUNCTION usdtpay_internal.chain_peek(p_net usdtpay.network, p_rows usdtpay_internal.chain_row []) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT encode(sha256(string_agg(
        r.tx_hash || int4send(r.token_id) || int4send(r.ordinal) || r.block_hash || r.recipient || r.sender || convert_to(r.amount_raw::text, 'UTF8'),
        '' ORDER BY r.tx_hash, r.token_id, r.ordinal
    )), 'hex')
    FROM usdtpay_internal.deposit_route(p_net, p_rows) AS r
    WHERE NOT EXISTS (
        SELECT FROM usdtpay.deposit AS d
        WHERE d.party_id = r.party_id AND d.network_id = p_net.network_id AND d.tx_hash = r.tx_hash
        AND d.token_id = r.token_id AND d.ordinal = r.ordinal AND d.state <> 'orphaned'
    )
$$;
COMMENT ON FUNCTION usdtpay_internal.chain_peek(usdtpay.network, usdtpay_internal.chain_row []) IS
'Digest of the transfers to us in an answer that we hold no live deposit for; NULL when we hold them all.';

CREATE OR REPLACE FUNCTION usdtpay_internal.chain_extend(
    p_net usdtpay.network, p_cur usdtpay.chain_cursor, p_span usdtpay_internal.chain_span, p_source integer
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_n integer := cardinality(p_span.numbers);
BEGIN
    INSERT INTO usdtpay.chain_block AS b (network_id, number, hash, parent_hash, block_time, source)
    SELECT p_net.network_id, s.number, s.hash, s.parent_hash, s.block_time, p_source
    FROM unnest(p_span.numbers, p_span.hashes, p_span.parents, p_span.times) AS s (number, hash, parent_hash, block_time)
    WHERE s.number > coalesce(p_cur.tip_number, -1)
    ON CONFLICT ON CONSTRAINT chain_block_pkey DO UPDATE SET canonical = true, source = excluded.source WHERE NOT b.canonical;
    UPDATE usdtpay.chain_cursor AS c SET
        tip_number = p_span.numbers[v_n], tip_hash = p_span.hashes[v_n], tip_time = p_span.times[v_n],
        final_number = coalesce(c.final_number, p_span.numbers[1] - 1),
        final_hash = coalesce(c.final_hash, p_span.parents[1]),
        final_time = coalesce(c.final_time, p_span.times[1]),
        moved_at = now()
    WHERE c.network_id = p_net.network_id;
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.chain_extend(usdtpay.network, usdtpay.chain_cursor, usdtpay_internal.chain_span, integer) IS
'Stores the new headers of a run and moves the tip to its end; the first run of a network also sets where final begins.';

CREATE OR REPLACE FUNCTION usdtpay_internal.chain_rewind(p_network text, p_number bigint, p_hash bytea) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_net usdtpay.network := usdtpay_internal.network_get(p_network);
    v_cur usdtpay.chain_cursor := usdtpay_internal.chain_lock(v_net);
    v_time timestamptz;
BEGIN
    IF p_number < v_cur.final_number OR p_number = v_cur.final_number AND p_hash <> v_cur.final_hash THEN
        PERFORM usdtpay_internal.chain_halt(
            p_network, format('reorganisation below final: ancestor %s, final %s', p_number, v_cur.final_number)
        );
        RETURN 'halted';
    END IF;
    IF p_number = v_cur.final_number THEN
        v_time := v_cur.final_time;
    ELSE
        SELECT b.block_time INTO v_time FROM usdtpay.chain_block AS b
        WHERE b.network_id = v_net.network_id AND b.number = p_number AND b.hash = p_hash AND b.canonical;
        IF v_time IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'UP403',
                MESSAGE = 'that block is no ancestor we hold', DETAIL = format('Block %s of network "%s".', p_number, left(p_network, 100)),
                HINT = 'Walk the remote parents until one is canonical in usdtpay.chain_block.';
        END IF;
    END IF;
    PERFORM usdtpay_internal.chain_cut(v_net.network_id, p_number);
    UPDATE usdtpay.chain_cursor AS c SET tip_number = p_number, tip_hash = p_hash, tip_time = v_time, moved_at = now()
    WHERE c.network_id = v_net.network_id;
    RETURN 'ok';
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.chain_rewind(text, bigint, bytea) IS
'Takes a network back to the common ancestor after a reorg: blocks and events above become non-canonical, deposits orphaned, their orders are re-derived. Never below final: that halts the network instead (halted). Errors: UP200, UP403.';

CREATE OR REPLACE FUNCTION usdtpay_internal.chain_cut(p_network_id integer, p_number bigint) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_parties bigint[];
    v_deposits bigint[];
BEGIN
    UPDATE usdtpay.chain_block AS b SET canonical = false
    WHERE b.network_id = p_network_id AND b.number > p_number AND b.canonical;
    UPDATE usdtpay.issuer_event AS e SET canonical = false
    WHERE e.network_id = p_network_id AND e.block_number > p_number AND e.canonical;
    SELECT array_agg(d.party_id ORDER BY d.deposit_id), array_agg(d.deposit_id ORDER BY d.deposit_id)
    INTO v_parties, v_deposits
    FROM usdtpay.deposit AS d
    WHERE d.network_id = p_network_id AND d.state = 'seen' AND d.block_number > p_number;
    PERFORM usdtpay_internal.deposit_orphan(v_parties, v_deposits);
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.chain_cut(integer, bigint) IS
'Takes away what a network showed above a block: headers and the issuer''s events become non-canonical, seen deposits orphaned, their orders derived anew. What is final stays.';

CREATE OR REPLACE FUNCTION usdtpay_internal.chain_halt(p_network text, p_reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE usdtpay.chain_cursor AS c SET halted_at = coalesce(c.halted_at, now()), halt_reason = coalesce(c.halt_reason, p_reason)
    FROM usdtpay.network AS n
    WHERE n.network_id = c.network_id AND n.code = p_network;
    RAISE WARNING USING ERRCODE = 'UP402', MESSAGE = format('network "%s" is halted: %s', p_network, p_reason),
        HINT = 'Nothing of it is credited until usdtpay.network_resume(code, reason).';
END;
$$;
COMMENT ON FUNCTION usdtpay_internal.chain_halt(text, text) IS 'Stops ingestion and crediting of a network until a person resumes it.';
