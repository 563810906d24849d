-- The plain lane: the same rules in plpgsql.  It serves REPEATABLE READ and SERIALIZABLE (where the
-- executor must do the reading), tables that are not plain local heaps, and the tests as an oracle.

CREATE OR REPLACE FUNCTION usdtpay_internal.ledger_plain_leg(
    p_party bigint, p_account bigint, p_debit boolean, p_phase "char", p_amount bigint, p_hold_amount bigint,
    p_posting bigint, OUT after bigint, OUT prev bigint
)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_account usdtpay.account;
    v_sum numeric;
    v_held numeric;
    v_cover bigint;
    v_limit integer := CASE WHEN p_debit THEN 1 ELSE 2 END;
BEGIN
    SELECT a.* INTO v_account FROM usdtpay.account a WHERE a.party_id = p_party AND a.account_id = p_account;
    v_sum := CASE WHEN p_debit THEN v_account.debits ELSE v_account.credits END;
    v_held := CASE WHEN p_debit THEN v_account.debits_held ELSE v_account.credits_held END;
    v_cover := CASE WHEN p_debit THEN v_account.credits ELSE v_account.debits END;
    v_sum := v_sum + CASE WHEN p_phase IN ('p', 'c') THEN p_amount ELSE 0 END;
    v_held := v_held + CASE p_phase WHEN 'h' THEN p_amount WHEN 'p' THEN 0 ELSE -p_hold_amount END;
    IF v_sum > 9223372036854775807 OR v_held > 9223372036854775807 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP300', MESSAGE = 'account total out of range',
            DETAIL = format('Account %s of party %s, amount %s.', p_account, p_party, p_amount),
            HINT = 'Split the business over several accounts.';
    END IF;
    IF p_phase IN ('p', 'h') AND v_account.flags & v_limit <> 0 AND v_sum + v_held > v_cover THEN
        RAISE EXCEPTION USING ERRCODE = 'UP300', MESSAGE = 'account limit would break',
            DETAIL = format('Account %s of party %s: debits %s + held %s, credits %s + held %s, amount %s minor units.',
                p_account, p_party, v_account.debits, v_account.debits_held, v_account.credits, v_account.credits_held, p_amount),
            HINT = 'Fund the account first, or post a smaller amount.';
    END IF;
    prev := v_account.last_posting;
    UPDATE usdtpay.account a SET
        debits = CASE WHEN p_debit THEN v_sum ELSE a.debits END,
        credits = CASE WHEN p_debit THEN a.credits ELSE v_sum END,
        debits_held = CASE WHEN p_debit THEN v_held ELSE a.debits_held END,
        credits_held = CASE WHEN p_debit THEN a.credits_held ELSE v_held END,
        last_posting = p_posting, version = a.version + 1
    WHERE a.party_id = p_party AND a.account_id = p_account
    RETURNING a.credits - a.debits INTO after;
END
$$;
COMMENT ON FUNCTION usdtpay_internal.ledger_plain_leg(bigint, bigint, boolean, "char", bigint, bigint, bigint) IS
'One leg of a posting in the plain lane: checks the limit, moves the totals of a locked account, returns balance after and previous posting.';

CREATE OR REPLACE FUNCTION usdtpay_internal.ledger_plain_accounts(p_party bigint, p_debit bigint, p_credit bigint, p_phase "char")
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_debit usdtpay.account;
    v_credit usdtpay.account;
BEGIN
    SELECT a.* INTO v_debit FROM usdtpay.account a WHERE a.party_id = p_party AND a.account_id = p_debit;
    SELECT a.* INTO v_credit FROM usdtpay.account a WHERE a.party_id = p_party AND a.account_id = p_credit;
    IF v_debit.account_id IS NULL OR v_credit.account_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP200', MESSAGE = 'account not found',
            DETAIL = format('Party %s has no account %s.', p_party, CASE WHEN v_debit.account_id IS NULL THEN p_debit ELSE p_credit END),
            HINT = 'Open it with usdtpay.account_open().';
    END IF;
    IF v_debit.asset_id <> v_credit.asset_id THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000', MESSAGE = 'accounts hold different assets',
            DETAIL = format('Account %s holds asset %s, account %s holds asset %s.', p_debit, v_debit.asset_id, p_credit, v_credit.asset_id),
            HINT = 'Post one journal line per asset, through clearing accounts.';
    END IF;
    IF p_phase NOT IN ('r', 'x') AND (v_debit.flags | v_credit.flags) & 4 <> 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP301', MESSAGE = 'account is closed',
            DETAIL = format('Account %s of party %s.', CASE WHEN v_debit.flags & 4 <> 0 THEN p_debit ELSE p_credit END, p_party),
            HINT = 'Reopen it with usdtpay.account_reopen(), or use another one.';
    END IF;
END
$$;
COMMENT ON FUNCTION usdtpay_internal.ledger_plain_accounts(bigint, bigint, bigint, "char") IS
'Refuses a pair of accounts that cannot be posted to, in the plain lane.';

CREATE OR REPLACE FUNCTION usdtpay_internal.ledger_plain_find(
    p_party bigint, p_key text, p_debit bigint[], p_credit bigint[], p_amount bigint[],
    p_kind usdtpay.journal_kind[], p_phase "char", p_hold bigint
) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_first usdtpay.posting;
    v_same boolean;
BEGIN
    SELECT p.* INTO v_first FROM usdtpay.posting p WHERE p.party_id = p_party AND p.key = p_key;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT v_first.lines = cardinality(p_debit) AND count(*) = cardinality(p_debit) INTO v_same
    FROM usdtpay.posting p
    JOIN unnest(p_debit, p_credit, p_amount, p_kind) WITH ORDINALITY AS w (debit, credit, amount, kind, n)
        ON p.posting_id = v_first.posting_id + w.n - 1
    WHERE p.party_id = p_party AND p.debit_account = w.debit AND p.credit_account = w.credit
    AND p.amount = w.amount AND p.kind = w.kind AND p.phase = p_phase AND p.hold_id IS NOT DISTINCT FROM p_hold;
    IF NOT v_same THEN
        RAISE EXCEPTION USING ERRCODE = 'UP202', MESSAGE = 'idempotency key was used for another journal',
            DETAIL = format('Key "%s" of party %s stands for other accounts, amounts or another kind.', p_key, p_party),
            HINT = 'Repeat a call with exactly its first parameters, or use a new key.';
    END IF;
    RETURN v_first.posting_id / 256;
END
$$;
COMMENT ON FUNCTION usdtpay_internal.ledger_plain_find(bigint, text, bigint[], bigint[], bigint[], usdtpay.journal_kind[], "char", bigint) IS
'Number of the journal posted under the key, NULL when the key is free, UP202 when it stands for another body; plain lane.';

CREATE OR REPLACE FUNCTION usdtpay_internal.ledger_plain_insert(
    p_party bigint, p_journal bigint, p_key text, p_debit bigint[], p_credit bigint[], p_amount bigint[],
    p_kind usdtpay.journal_kind[], p_reference text[], p_phase "char", p_hold bigint, p_hold_amount bigint
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_id bigint;
    v_debit record;
    v_credit record;
BEGIN
    FOR i IN 1 .. cardinality(p_debit) LOOP
        v_id := p_journal * 256 + i - 1;
        PERFORM usdtpay_internal.ledger_plain_accounts(p_party, p_debit[i], p_credit[i], p_phase);
        SELECT * INTO v_debit FROM usdtpay_internal.ledger_plain_leg(
            p_party, p_debit[i], true, p_phase, p_amount[i], p_hold_amount, v_id);
        SELECT * INTO v_credit FROM usdtpay_internal.ledger_plain_leg(
            p_party, p_credit[i], false, p_phase, p_amount[i], p_hold_amount, v_id);
        INSERT INTO usdtpay.posting (
            party_id, posting_id, debit_account, credit_account, amount, debit_after, credit_after, debit_prev,
            credit_prev, posted_at, kind, lines, phase, hold_id, key, reference
        ) VALUES (
            p_party, v_id, p_debit[i], p_credit[i], p_amount[i], v_debit.after, v_credit.after, v_debit.prev,
            v_credit.prev, now(), p_kind[i], CASE WHEN i = 1 THEN cardinality(p_debit) ELSE 0 END, p_phase, p_hold,
            CASE WHEN i = 1 THEN p_key END, p_reference[i]
        ) ON CONFLICT (party_id, key) WHERE key IS NOT NULL DO NOTHING;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'UP202', MESSAGE = 'idempotency key was used by a concurrent journal',
                DETAIL = format('Key "%s" of party %s.', p_key, p_party),
                HINT = 'Use a key of its own for every journal; the other caller committed.';
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION usdtpay_internal.ledger_plain_insert(bigint, bigint, text, bigint[], bigint[], bigint[], usdtpay.journal_kind[], text[], "char", bigint, bigint) IS
'Posts the lines of one new journal in the plain lane.';

CREATE OR REPLACE FUNCTION usdtpay_internal.ledger_plain_journal(
    p_party bigint, p_key text, p_debit bigint[], p_credit bigint[], p_amount bigint[], p_kind usdtpay.journal_kind[],
    p_reference text[], p_phase "char", p_hold bigint, p_expires timestamptz, OUT journal_id bigint, OUT status text
)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_hold usdtpay.posting;
    v_debit bigint[] := p_debit;
    v_credit bigint[] := p_credit;
    v_amount bigint[] := p_amount;
    v_kind usdtpay.journal_kind[] := p_kind;
    v_why text;
BEGIN
    IF p_hold IS NOT NULL THEN
        SELECT p.* INTO v_hold FROM usdtpay.posting p
        WHERE p.party_id = p_party AND p.posting_id = p_hold AND p.phase = 'h';
        v_debit := ARRAY[v_hold.debit_account];
        v_credit := ARRAY[v_hold.credit_account];
        v_amount := ARRAY[coalesce(nullif(p_amount[1], 0), v_hold.amount)];
        v_kind := ARRAY[v_hold.kind];
    END IF;
    IF p_hold IS NOT NULL AND v_hold.posting_id IS NULL THEN
        v_why := 'There is no such hold.';
    ELSE
        journal_id := usdtpay_internal.ledger_plain_find(
            p_party, p_key, v_debit, v_credit, v_amount, v_kind, p_phase, p_hold);
        status := 'exists';
        IF journal_id IS NOT NULL THEN
            RETURN;
        END IF;
        IF v_amount[1] > v_hold.amount THEN
            v_why := 'The amount is larger than the hold.';
        ELSIF EXISTS (SELECT FROM usdtpay.posting p WHERE p.party_id = p_party AND p.hold_id = p_hold) THEN
            v_why := 'It was captured, released or expired before.';
        END IF;
    END IF;
    IF v_why IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP303', MESSAGE = 'hold cannot be resolved',
            DETAIL = format('Hold %s of party %s, amount %s. %s', p_hold, p_party, v_amount[1], v_why),
            HINT = 'usdtpay.hold lists the open holds and their ids.';
    END IF;
    -- The xid comes before the number: the sealing horizon relies on it.
    PERFORM pg_current_xact_id();
    journal_id := nextval('usdtpay_internal.journal_seq');
    status := 'created';
    PERFORM usdtpay_internal.ledger_plain_insert(
        p_party, journal_id, p_key, v_debit, v_credit, v_amount, v_kind, p_reference, p_phase, p_hold, v_hold.amount);
    IF p_phase = 'h' THEN
        INSERT INTO usdtpay.hold (party_id, hold_id, expires_at) VALUES (p_party, journal_id * 256, p_expires);
    ELSIF p_hold IS NOT NULL THEN
        DELETE FROM usdtpay.hold h WHERE h.party_id = p_party AND h.hold_id = p_hold;
    END IF;
END
$$;
COMMENT ON FUNCTION usdtpay_internal.ledger_plain_journal(bigint, text, bigint[], bigint[], bigint[], usdtpay.journal_kind[], text[], "char", bigint, timestamptz) IS
'Posts one journal in the plain lane; the caller has locked its accounts. Raises every refusal.';

CREATE OR REPLACE FUNCTION usdtpay_internal.ledger_plain_lock(p_party bigint[], p_debit bigint[], p_credit bigint[], p_hold bigint[])
RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 1 FROM usdtpay.account a
    WHERE (a.party_id, a.account_id) IN (
        SELECT w.party, unnest(ARRAY[coalesce(h.debit_account, w.debit), coalesce(h.credit_account, w.credit)])
        FROM unnest(p_party, p_debit, p_credit, p_hold) AS w (party, debit, credit, hold)
        LEFT JOIN usdtpay.posting h ON h.party_id = w.party AND h.posting_id = w.hold
    )
    ORDER BY a.account_id FOR NO KEY UPDATE OF a
$$;
COMMENT ON FUNCTION usdtpay_internal.ledger_plain_lock(bigint[], bigint[], bigint[], bigint[]) IS
'Locks the accounts of a batch in account_id order, the protocol both lanes share.';

CREATE OR REPLACE FUNCTION usdtpay_internal.ledger_plain(
    p_party bigint[], p_key text[], p_debit bigint[], p_credit bigint[], p_amount bigint[], p_kind usdtpay.journal_kind[],
    p_reference text[], p_phase "char"[], p_hold bigint[], p_expires timestamptz[], p_strict boolean
) RETURNS TABLE (ord integer, journal_id bigint, status text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_last integer;
    v_total integer := cardinality(p_party);
BEGIN
    PERFORM usdtpay_internal.ledger_plain_lock(p_party, p_debit, p_credit, p_hold);
    ord := 1;
    WHILE ord <= v_total LOOP
        v_last := ord;
        WHILE v_last < v_total AND p_party[v_last + 1] = p_party[ord] AND p_key[v_last + 1] COLLATE "C" = p_key[ord] LOOP
            v_last := v_last + 1;
        END LOOP;
        -- The block is a subtransaction: a refused journal of a lenient batch leaves nothing behind.
        BEGIN
            SELECT j.journal_id, j.status INTO journal_id, status
            FROM usdtpay_internal.ledger_plain_journal(
                p_party[ord], p_key[ord], p_debit[ord:v_last], p_credit[ord:v_last], p_amount[ord:v_last],
                p_kind[ord:v_last], p_reference[ord:v_last], p_phase[ord], p_hold[ord], p_expires[ord]) j;
        EXCEPTION WHEN SQLSTATE 'UP300' OR SQLSTATE 'UP301' OR SQLSTATE 'UP200' OR SQLSTATE 'UP202' OR SQLSTATE 'UP303'
            OR SQLSTATE 'UP000' THEN
            IF p_strict THEN
                RAISE;
            END IF;
            journal_id := NULL;
            status := CASE SQLSTATE WHEN 'UP300' THEN 'limit' WHEN 'UP301' THEN 'closed' WHEN 'UP200' THEN 'unknown_account'
                WHEN 'UP202' THEN 'mismatch' WHEN 'UP303' THEN 'hold' ELSE 'asset_mismatch' END;
        END;
        RETURN NEXT;
        ord := v_last + 1;
    END LOOP;
END
$$;
COMMENT ON FUNCTION usdtpay_internal.ledger_plain(bigint[], text[], bigint[], bigint[], bigint[], usdtpay.journal_kind[], text[], "char"[], bigint[], timestamptz[], boolean) IS
'The plain lane of the posting engine: same rules and answers as the direct one, in SQL. Called by the C entry points.';
