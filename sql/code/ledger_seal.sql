-- Sealing, proofs and verification.

CREATE OR REPLACE FUNCTION usdtpay_internal.next_xid() RETURNS xid8
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'usdtpay_next_xid';
COMMENT ON FUNCTION usdtpay_internal.next_xid() IS
'Next transaction id of the cluster: every id assigned so far is below it. The xmax of a snapshot is not: running transactions may have ids above it.';

CREATE OR REPLACE FUNCTION usdtpay_internal.horizon_advance(p_name text, p_seq regclass) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_row usdtpay_internal.horizon;
    v_system bigint := (pg_control_system()).system_identifier;
    v_id bigint;
BEGIN
    -- Not for a row that is there: ON CONFLICT would wait for whoever is moving it.
    IF NOT EXISTS (SELECT FROM usdtpay_internal.horizon h WHERE h.name = p_name) THEN
        INSERT INTO usdtpay_internal.horizon (name) VALUES (p_name) ON CONFLICT DO NOTHING;
    END IF;
    SELECT h.* INTO v_row FROM usdtpay_internal.horizon h WHERE h.name = p_name FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        -- Somebody else is advancing it: what is settled stays settled.
        SELECT h.* INTO v_row FROM usdtpay_internal.horizon h WHERE h.name = p_name;
        RETURN coalesce(v_row.settled_id, 0);
    END IF;
    -- Every id up to the candidate was drawn by a transaction below candidate_xid. Once no such
    -- transaction runs, and only then, the candidate is settled. A candidate of another cluster
    -- (a restored dump) says nothing here.
    IF v_row.candidate_system = v_system AND pg_snapshot_xmin(pg_current_snapshot()) >= v_row.candidate_xid THEN
        v_row.settled_id := greatest(v_row.settled_id, v_row.candidate_id);
        v_row.candidate_system := NULL;
    END IF;
    IF v_row.candidate_system IS DISTINCT FROM v_system THEN
        -- First the id, then the xid: whoever drew this id or a lower one had an xid already.
        EXECUTE format('SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM %s', p_seq) INTO v_id;
        v_row.candidate_id := v_id;
        v_row.candidate_xid := usdtpay_internal.next_xid();
        v_row.candidate_system := v_system;
    END IF;
    UPDATE usdtpay_internal.horizon h
    SET settled_id = v_row.settled_id, candidate_id = v_row.candidate_id,
        candidate_xid = v_row.candidate_xid, candidate_system = v_row.candidate_system
    WHERE h.name = p_name;
    RETURN v_row.settled_id;
END
$$;
COMMENT ON FUNCTION usdtpay_internal.horizon_advance(text, regclass) IS
'Moves the horizon of an append-only table whose ids come from the sequence and returns the settled id: every id up to it is committed or will never exist, whatever transactions are in flight. Needs two calls to see an id settled. Writers must have an xid before they draw an id, and the sequence must not cache.';

CREATE OR REPLACE FUNCTION usdtpay_internal.journal_leaves(p_first bigint, p_last bigint)
RETURNS TABLE (journal_id bigint, party_id bigint, postings integer, leaf bytea)
LANGUAGE c STABLE STRICT SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'usdtpay_journal_leaves';
COMMENT ON FUNCTION usdtpay_internal.journal_leaves(bigint, bigint) IS
'Leaf hashes of the journals numbered p_first..p_last, in order: SHA-256(0x00, domain, canonical bytes of every line).';

CREATE OR REPLACE FUNCTION usdtpay_internal.merkle_root(p_leaf_hashes bytea[]) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'usdtpay_merkle_root';
COMMENT ON FUNCTION usdtpay_internal.merkle_root(bytea[]) IS
'RFC 6962 root over leaf hashes (each SHA-256 of 0x00 and the leaf''s content), in the given order';

CREATE OR REPLACE FUNCTION usdtpay_internal.merkle_path(p_leaf_hashes bytea[], p_index bigint) RETURNS bytea[]
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'usdtpay_merkle_path';
COMMENT ON FUNCTION usdtpay_internal.merkle_path(bytea[], bigint) IS
'RFC 6962 audit path of leaf p_index (from 0) among leaf hashes, bottom first';

CREATE OR REPLACE FUNCTION usdtpay_internal.block_hash(
    p_block bigint, p_first bigint, p_last bigint, p_journals integer, p_postings integer, p_root bytea, p_prev bytea
) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN sha256('\x757364747061793a626c6f636b3a7631'::bytea || int8send(p_block) || int8send(p_first) || int8send(p_last)
    || int4send(p_journals) || int4send(p_postings) || p_root || p_prev);
COMMENT ON FUNCTION usdtpay_internal.block_hash(bigint, bigint, bigint, integer, integer, bytea, bytea) IS
'SHA-256("usdtpay:block:v1", block number, range, counts, root, previous hash), integers big-endian';

CREATE OR REPLACE FUNCTION usdtpay.ledger_seal(p_max integer DEFAULT 100000) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_settled bigint;
    v_prev usdtpay.ledger_block;
    v_new usdtpay.ledger_block;
    v_postings bigint;
BEGIN
    IF p_max IS NULL OR p_max NOT BETWEEN 1 AND 1000000 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000', MESSAGE = 'block size out of range',
            DETAIL = format('%s journals.', p_max), HINT = 'Use 1 to 1000000.';
    END IF;
    -- One sealer at a time; a second one has nothing to do.
    IF NOT usdtpay_internal.turn_take('seal', 0, false) THEN
        RETURN 0;
    END IF;
    v_settled := usdtpay_internal.horizon_advance('posting', 'usdtpay_internal.journal_seq');
    SELECT b.* INTO v_prev FROM usdtpay.ledger_block b ORDER BY b.block_no DESC LIMIT 1;
    v_new.block_no := coalesce(v_prev.block_no, 0) + 1;
    v_new.first_id := coalesce(v_prev.last_id, 0) + 1;
    v_new.prev_hash := coalesce(v_prev.hash, decode(repeat('00', 32), 'hex'));
    v_new.last_id := v_new.first_id - 1;
    -- Numbers are dense but for rollbacks: a window of p_max numbers holds at most p_max journals.
    -- Empty windows are taken along, so the chain covers every number without a gap.
    WHILE v_new.last_id < v_settled AND v_new.journals IS DISTINCT FROM 1 LOOP
        SELECT CASE WHEN EXISTS (
            SELECT FROM usdtpay.posting p
            WHERE p.posting_id BETWEEN (v_new.last_id + 1) * 256 AND least(v_new.last_id + p_max, v_settled) * 256 + 255
        ) THEN 1 END, least(v_new.last_id + p_max, v_settled)
        INTO v_new.journals, v_new.last_id;
    END LOOP;
    IF v_new.journals IS NULL THEN
        RETURN 0;
    END IF;
    SELECT count(*), sum(l.postings), usdtpay_internal.merkle_root(array_agg(l.leaf ORDER BY l.journal_id, l.party_id))
    INTO v_new.journals, v_postings, v_new.root
    FROM usdtpay_internal.journal_leaves(v_new.first_id, v_new.last_id) l;
    v_new.postings := v_postings;
    v_new.hash := usdtpay_internal.block_hash(
        v_new.block_no, v_new.first_id, v_new.last_id, v_new.journals, v_new.postings, v_new.root, v_new.prev_hash);
    v_new.sealed_at := clock_timestamp();
    INSERT INTO usdtpay.ledger_block SELECT v_new.*;
    RETURN v_new.journals;
END
$$;
COMMENT ON FUNCTION usdtpay.ledger_seal(integer) IS
'Seals up to p_max settled journals into one block chained to the last; returns how many, 0 when nothing is settled. Writers never wait for it. A journal is settled at the second call after its commit at the latest, once older transactions have ended.';

CREATE OR REPLACE FUNCTION usdtpay.ledger_proof(p_party bigint, p_journal bigint)
RETURNS TABLE (block_no bigint, leaf_index bigint, tree_size bigint, leaf_hash bytea, audit_path bytea[], root bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_block usdtpay.ledger_block;
    v_leaves bytea[];
BEGIN
    IF p_party NOT BETWEEN usdtpay_internal.visible_from() AND usdtpay_internal.visible_to() THEN
        RAISE EXCEPTION USING ERRCODE = 'UP101', MESSAGE = 'not a party of yours',
            DETAIL = format('Party %s.', p_party), HINT = 'Ask for your own journals.';
    END IF;
    SELECT b.* INTO v_block FROM usdtpay.ledger_block b WHERE p_journal BETWEEN b.first_id AND b.last_id;
    IF NOT FOUND OR NOT EXISTS (
        SELECT FROM usdtpay.posting p WHERE p.party_id = p_party AND p.posting_id = p_journal * 256
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'UP200', MESSAGE = 'sealed journal not found',
            DETAIL = format('Journal %s of party %s.', p_journal, p_party),
            HINT = 'Journals are sealed a little after they commit; see usdtpay.ledger_seal().';
    END IF;
    SELECT array_agg(l.leaf ORDER BY l.journal_id, l.party_id),
        count(*) FILTER (WHERE (l.journal_id, l.party_id) < (p_journal, p_party))
    INTO v_leaves, leaf_index
    FROM usdtpay_internal.journal_leaves(v_block.first_id, v_block.last_id) l;
    block_no := v_block.block_no;
    tree_size := cardinality(v_leaves);
    leaf_hash := v_leaves[leaf_index + 1];
    audit_path := usdtpay_internal.merkle_path(v_leaves, leaf_index);
    root := v_block.root;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION usdtpay.ledger_proof(bigint, bigint) IS
'Inclusion proof of a sealed journal: RFC 6962 audit path from its leaf to the root of its block. Check it with ledger_proof_check, or with any RFC 6962 verifier.';

CREATE OR REPLACE FUNCTION usdtpay.ledger_proof_check(
    p_leaf_hash bytea, p_leaf_index bigint, p_tree_size bigint, p_audit_path bytea[], p_root bytea
) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'usdtpay_ledger_proof_check';
COMMENT ON FUNCTION usdtpay.ledger_proof_check(bytea, bigint, bigint, bytea[], bytea) IS
'Whether the audit path leads from the leaf to the root (RFC 6962)';

-- Verification ----------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION usdtpay_internal.verify_blocks(p_from bigint, p_to bigint)
RETURNS TABLE ("check" text, holds boolean, detail text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    WITH block AS (
        SELECT b.*, lag(b.block_no) OVER w AS before_no, lag(b.last_id) OVER w AS before_last, lag(b.hash) OVER w AS before_hash
        FROM usdtpay.ledger_block b
        WHERE b.block_no BETWEEN p_from - 1 AND p_to
        WINDOW w AS (ORDER BY b.block_no)
    ), checked AS (
        SELECT b.block_no, b.journals,
            b.root IS NOT DISTINCT FROM t.root AND b.journals = t.journals AND b.postings = t.postings AS content,
            b.hash = usdtpay_internal.block_hash(b.block_no, b.first_id, b.last_id, b.journals, b.postings, b.root, b.prev_hash)
            AND CASE WHEN b.block_no = 1 THEN b.first_id = 1 AND b.prev_hash = decode(repeat('00', 32), 'hex')
                ELSE coalesce(b.before_no = b.block_no - 1 AND b.before_last = b.first_id - 1 AND b.before_hash = b.prev_hash, false) END AS chained
        FROM block b,
            LATERAL (
                SELECT usdtpay_internal.merkle_root(coalesce(array_agg(l.leaf ORDER BY l.journal_id, l.party_id), '{}')) AS root,
                    count(*) AS journals, coalesce(sum(l.postings), 0) AS postings
                FROM usdtpay_internal.journal_leaves(b.first_id, b.last_id) l
            ) t
        WHERE b.block_no >= p_from
    )
    SELECT 'blocks', coalesce(bool_and(c.content), true),
        coalesce('block ' || min(c.block_no) FILTER (WHERE NOT c.content) || ' does not match its postings',
            format('%s blocks, %s journals', count(*), coalesce(sum(c.journals), 0)))
    FROM checked c
    UNION ALL
    SELECT 'chain', coalesce(bool_and(c.chained), true),
        coalesce('block ' || min(c.block_no) FILTER (WHERE NOT c.chained) || ' does not follow its predecessor',
            format('head %s', (SELECT encode(b.hash, 'hex') FROM usdtpay.ledger_block b ORDER BY b.block_no DESC LIMIT 1)))
    FROM checked c
$$;
COMMENT ON FUNCTION usdtpay_internal.verify_blocks(bigint, bigint) IS
'Recomputes roots and hashes of a range of blocks and the chain between them';

CREATE OR REPLACE FUNCTION usdtpay_internal.verify_accounts()
RETURNS TABLE ("check" text, holds boolean, detail text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    WITH leg AS (
        SELECT p.party_id, l.account_id, p.posting_id, l.prev, l.after, l.debit,
            CASE WHEN p.phase IN ('p', 'c') THEN p.amount ELSE 0 END AS moved,
            CASE p.phase WHEN 'p' THEN 0 WHEN 'h' THEN p.amount ELSE -h.amount END AS held
        FROM usdtpay.posting p
        LEFT JOIN usdtpay.posting h ON h.party_id = p.party_id AND h.posting_id = p.hold_id,
            LATERAL (VALUES (p.debit_account, p.debit_prev, p.debit_after, true),
                (p.credit_account, p.credit_prev, p.credit_after, false)) AS l (account_id, prev, after, debit)
    ), walked AS (
        SELECT g.*, coalesce(lag(g.posting_id) OVER w, 0) AS expected_prev,
            sum(CASE WHEN g.debit THEN -g.moved ELSE g.moved END::numeric) OVER w AS expected_after
        FROM leg g WINDOW w AS (PARTITION BY g.party_id, g.account_id ORDER BY g.posting_id)
    ), summed AS (
        SELECT w.party_id, w.account_id, count(*) AS version, max(w.posting_id) AS last_posting,
            coalesce(sum(w.moved) FILTER (WHERE w.debit), 0) AS debits, coalesce(sum(w.moved) FILTER (WHERE NOT w.debit), 0) AS credits,
            coalesce(sum(w.held) FILTER (WHERE w.debit), 0) AS debits_held, coalesce(sum(w.held) FILTER (WHERE NOT w.debit), 0) AS credits_held,
            bool_and(w.prev = w.expected_prev) AS linked, bool_and(w.after = w.expected_after) AS right_after
        FROM walked w GROUP BY w.party_id, w.account_id
    ), compared AS (
        SELECT coalesce(a.party_id, s.party_id) AS party_id, coalesce(a.account_id, s.account_id) AS account_id,
            coalesce(a.debits = coalesce(s.debits, 0) AND a.credits = coalesce(s.credits, 0)
                AND a.debits_held = coalesce(s.debits_held, 0) AND a.credits_held = coalesce(s.credits_held, 0), false) AS balanced,
            coalesce(a.version = coalesce(s.version, 0) AND a.last_posting = coalesce(s.last_posting, 0)
                AND coalesce(s.linked AND s.right_after, true), false) AS linked,
            coalesce((a.flags & 1 = 0 OR a.debits::numeric + a.debits_held <= a.credits)
                AND (a.flags & 2 = 0 OR a.credits::numeric + a.credits_held <= a.debits), true) AS limited
        FROM usdtpay.account a
        FULL JOIN summed s ON s.party_id = a.party_id AND s.account_id = a.account_id
    ), named (name, ok, account_id) AS (
        SELECT v.name, v.ok, c.account_id FROM compared c,
            LATERAL (VALUES ('balances', c.balanced), ('prev_chains', c.linked), ('limits', c.limited)) AS v (name, ok)
    )
    SELECT k.name, coalesce(bool_and(n.ok), true),
        coalesce('account ' || min(n.account_id) FILTER (WHERE NOT n.ok) || ' differs', format('%s accounts', count(n.ok)))
    FROM (VALUES (1, 'balances'), (2, 'prev_chains'), (3, 'limits')) AS k (n, name)
    LEFT JOIN named n ON n.name = k.name
    GROUP BY k.n, k.name ORDER BY k.n
$$;
COMMENT ON FUNCTION usdtpay_internal.verify_accounts() IS
'Recomputes every account from its postings: totals, holds, history pointers, balances after, limits';

CREATE OR REPLACE FUNCTION usdtpay_internal.verify_journals()
RETURNS TABLE ("check" text, holds boolean, detail text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    WITH journal AS (
        SELECT p.posting_id / 256 AS journal_id,
            count(*) = max(p.lines) AND min(p.posting_id % 256) = 0 AND max(p.posting_id % 256) = count(*) - 1
            AND count(*) FILTER (WHERE p.lines <> 0) = 1 AND count(p.key) = 1 AND bool_and(d.asset_id = c.asset_id) AS ok
        FROM usdtpay.posting p
        LEFT JOIN usdtpay.account d ON d.party_id = p.party_id AND d.account_id = p.debit_account
        LEFT JOIN usdtpay.account c ON c.party_id = p.party_id AND c.account_id = p.credit_account
        GROUP BY p.party_id, p.posting_id / 256
    ), open_hold AS (
        SELECT p.party_id, p.posting_id FROM usdtpay.posting p
        WHERE p.phase = 'h'
        AND NOT EXISTS (SELECT FROM usdtpay.posting r WHERE r.party_id = p.party_id AND r.hold_id = p.posting_id)
    ), hold AS (
        SELECT coalesce(o.posting_id, h.hold_id) AS hold_id, o.posting_id IS NOT NULL AND h.hold_id IS NOT NULL AS ok
        FROM open_hold o
        FULL JOIN usdtpay.hold h ON h.party_id = o.party_id AND h.hold_id = o.posting_id
    )
    SELECT 'journals', coalesce(bool_and(coalesce(j.ok, false)), true),
        coalesce('journal ' || min(j.journal_id) FILTER (WHERE j.ok IS NOT TRUE) || ' is not whole', format('%s journals', count(*)))
    FROM journal j
    UNION ALL
    SELECT 'holds', coalesce(bool_and(h.ok), true),
        coalesce('hold ' || min(h.hold_id) FILTER (WHERE NOT h.ok) || ' is listed wrongly', format('%s open holds', count(*)))
    FROM hold h
    UNION ALL
    SELECT 'zero_sum', coalesce(bool_and(z.ok), true),
        coalesce(min(format('party %s asset %s: debits and credits differ', z.party_id, z.asset_id)) FILTER (WHERE NOT z.ok),
            format('%s sums', count(*)))
    FROM (
        SELECT a.party_id, a.asset_id, sum(a.debits) = sum(a.credits) AND sum(a.debits_held) = sum(a.credits_held) AS ok
        FROM usdtpay.account a GROUP BY a.party_id, a.asset_id
    ) z
$$;
COMMENT ON FUNCTION usdtpay_internal.verify_journals() IS
'Checks that journals are whole, the list of open holds is right and every asset sums to zero per party';

CREATE OR REPLACE FUNCTION usdtpay.ledger_verify(
    p_from bigint DEFAULT 1, p_to bigint DEFAULT NULL, p_accounts boolean DEFAULT true
) RETURNS TABLE ("check" text, holds boolean, detail text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT * FROM usdtpay_internal.verify_blocks(greatest(p_from, 1), coalesce(p_to, 9223372036854775807))
    UNION ALL
    SELECT a.* FROM usdtpay_internal.verify_accounts() a WHERE p_accounts
    UNION ALL
    SELECT j.* FROM usdtpay_internal.verify_journals() j WHERE p_accounts
$$;
COMMENT ON FUNCTION usdtpay.ledger_verify(bigint, bigint, boolean) IS
'Rechecks the ledger at one snapshot: blocks p_from to p_to and their chain, and, with p_accounts, everything else from the postings up. One row per check; detail counts what was checked or names the first fault. Reads the whole ledger.';
