-- The ledger's API.  Posting is C (extension/ledger/); its plain twin, accounts, sealing and reading
-- are here.  Amounts are minor units of the asset (10^-6 USDT) unless a column says numeric.

CREATE OR REPLACE FUNCTION usdtpay_internal.account_flags(p_name text) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE
    WHEN p_name IN ('available', 'pending', 'held', 'escrow', 'disputed', 'margin', 'payout', 'fee', 'suspense', 'received') THEN 1
    WHEN p_name ~ '^(custody|self|gas):[a-z0-9_.-]+$' THEN 2
    WHEN p_name = 'clearing' OR p_name ~ '^fiat:[a-z0-9_.-]+$' THEN 0
END;
COMMENT ON FUNCTION usdtpay_internal.account_flags(text) IS
'Limit flags an account of this name gets (see account.flags); NULL for a name the ledger does not know.';

CREATE OR REPLACE FUNCTION usdtpay_internal.account_id(
    p_party bigint, p_asset_id integer, p_name text, p_customer_ref text DEFAULT ''
) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT n.account_id FROM usdtpay.account_name n
    WHERE n.party_id = p_party AND n.asset_id = p_asset_id AND n.name = p_name AND n.customer_ref = p_customer_ref;
END;
COMMENT ON FUNCTION usdtpay_internal.account_id(bigint, integer, text, text) IS
'Id of a party''s account by asset, name and customer; NULL when it was never opened. Join account_name for sets.';

CREATE OR REPLACE FUNCTION usdtpay_internal.account_create(
    p_party bigint, p_asset_id integer, p_name text, p_customer_ref text
) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_flags integer := usdtpay_internal.account_flags(p_name);
    v_id bigint;
BEGIN
    IF v_flags IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000', MESSAGE = 'unknown account name',
            DETAIL = format('Name "%s".', p_name),
            HINT = 'Use available, pending, held, escrow, disputed, margin, payout, fee, suspense, received, clearing, custody:<network>, self:<network>, gas:<network> or fiat:<name>.';
    END IF;
    IF octet_length(p_customer_ref) > 255 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000', MESSAGE = 'customer reference is too long',
            DETAIL = format('It has %s octets.', octet_length(p_customer_ref)), HINT = 'Use at most 255 octets.';
    END IF;
    IF NOT EXISTS (SELECT FROM usdtpay.party WHERE party_id = p_party) THEN
        RAISE EXCEPTION USING ERRCODE = 'UP200', MESSAGE = 'party not found',
            DETAIL = format('Party %s.', p_party), HINT = 'usdtpay.party lists the parties.';
    END IF;
    BEGIN
        v_id := nextval('usdtpay_internal.account_seq');
        INSERT INTO usdtpay.account (party_id, account_id, asset_id, flags)
        VALUES (p_party, v_id, p_asset_id, v_flags);
        INSERT INTO usdtpay.account_name (party_id, account_id, asset_id, name, customer_ref)
        VALUES (p_party, v_id, p_asset_id, p_name, p_customer_ref);
        RETURN v_id;
    EXCEPTION WHEN unique_violation THEN
        -- Somebody opened it meanwhile and has committed; the block above left nothing behind.
        v_id := usdtpay_internal.account_id(p_party, p_asset_id, p_name, p_customer_ref);
    END;
    IF v_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '40001', MESSAGE = 'account was opened by a concurrent transaction',
            DETAIL = format('Account %s of party %s.', p_name, p_party), HINT = 'Retry the transaction.';
    END IF;
    RETURN v_id;
END
$$;
COMMENT ON FUNCTION usdtpay_internal.account_create(bigint, integer, text, text) IS
'Opens an account that account_open did not find. Of two callers one creates it, the other gets the same id.';

CREATE OR REPLACE FUNCTION usdtpay.account_open(
    p_party bigint, p_asset text, p_name text, p_customer_ref text DEFAULT ''
) RETURNS bigint
LANGUAGE c
AS 'MODULE_PATHNAME', 'usdtpay_account_open';
COMMENT ON FUNCTION usdtpay.account_open(bigint, text, text, text) IS
'Returns the party''s account of this asset, name and customer, opening it when needed. The name decides the limits: what is owed to people cannot go below zero, custody cannot go above what came in, clearing and fiat memo accounts are free.';

CREATE OR REPLACE FUNCTION usdtpay_internal.account_set_closed(p_party bigint, p_account bigint, p_closed boolean)
RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_account usdtpay.account;
    v_flags integer;
BEGIN
    SELECT a.* INTO v_account FROM usdtpay.account a
    WHERE a.party_id = p_party AND a.account_id = p_account FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'UP200', MESSAGE = 'account not found',
            DETAIL = format('Party %s has no account %s.', p_party, p_account),
            HINT = 'usdtpay.account_name lists the accounts.';
    END IF;
    IF p_closed AND (v_account.debits_held > 0 OR v_account.credits_held > 0) THEN
        RAISE EXCEPTION USING ERRCODE = 'UP201', MESSAGE = 'account has open holds',
            DETAIL = format('Account %s: debits held %s, credits held %s.', p_account, v_account.debits_held, v_account.credits_held),
            HINT = 'Capture or release them first.';
    END IF;
    v_flags := CASE WHEN p_closed THEN v_account.flags | 4 ELSE v_account.flags & ~4 END;
    IF v_flags = v_account.flags THEN
        RETURN false;
    END IF;
    UPDATE usdtpay.account SET flags = v_flags WHERE party_id = p_party AND account_id = p_account;
    RETURN true;
END
$$;
COMMENT ON FUNCTION usdtpay_internal.account_set_closed(bigint, bigint, boolean) IS
'Closes or reopens an account under the same row lock that posting takes; true when that changed it.';

CREATE OR REPLACE FUNCTION usdtpay.account_close(p_party bigint, p_account bigint) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT usdtpay_internal.account_set_closed(p_party, p_account, true) $$;
COMMENT ON FUNCTION usdtpay.account_close(bigint, bigint) IS
'Stops an account from being posted to; its balance stays. Refused while holds are open. True when it was open.';

CREATE OR REPLACE FUNCTION usdtpay.account_reopen(p_party bigint, p_account bigint) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT usdtpay_internal.account_set_closed(p_party, p_account, false) $$;
COMMENT ON FUNCTION usdtpay.account_reopen(bigint, bigint) IS 'Lets a closed account be posted to again. True when it was closed.';

-- Posting ---------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION usdtpay.ledger_post(
    p_party bigint, p_key text, p_debit bigint[], p_credit bigint[], p_amount bigint[],
    p_kind usdtpay.journal_kind DEFAULT 'transfer', p_reference text DEFAULT NULL,
    OUT journal_id bigint, OUT status text
)
LANGUAGE c
AS 'MODULE_PATHNAME', 'usdtpay_ledger_post';
COMMENT ON FUNCTION usdtpay.ledger_post(bigint, text, bigint[], bigint[], bigint[], usdtpay.journal_kind, text) IS
'Posts one journal of 1 to 256 lines inside the caller''s transaction: line n moves p_amount[n] minor units from account p_debit[n] to p_credit[n]. Status created, or exists when the key was used with the same body; the same key with another body is UP202. Refusals: UP300 limit, UP301 closed, UP200 unknown account.';

CREATE OR REPLACE FUNCTION usdtpay.ledger_post_batch(
    p_party bigint[], p_key text[], p_debit bigint[], p_credit bigint[], p_amount bigint[],
    p_kind usdtpay.journal_kind[] DEFAULT NULL, p_reference text[] DEFAULT NULL, p_strict boolean DEFAULT false
) RETURNS TABLE (ord integer, journal_id bigint, status text)
LANGUAGE c
AS 'MODULE_PATHNAME', 'usdtpay_ledger_post_batch';
COMMENT ON FUNCTION usdtpay.ledger_post_batch(bigint[], text[], bigint[], bigint[], bigint[], usdtpay.journal_kind[], text[], boolean) IS
'Posts up to 65,536 lines at once; consecutive lines of one party and key are one journal, all or nothing. One row per journal: ord of its first line, number, status created, exists, limit, closed, unknown_account, asset_mismatch or mismatch (key used for another body). With p_strict the first refusal is an error and nothing is posted.';

CREATE OR REPLACE FUNCTION usdtpay.ledger_hold(
    p_party bigint, p_key text, p_debit bigint, p_credit bigint, p_amount bigint,
    p_expires_at timestamptz DEFAULT NULL, p_kind usdtpay.journal_kind DEFAULT 'transfer', p_reference text DEFAULT NULL,
    OUT hold_id bigint, OUT journal_id bigint, OUT status text
)
LANGUAGE c
AS 'MODULE_PATHNAME', 'usdtpay_ledger_hold';
COMMENT ON FUNCTION usdtpay.ledger_hold(bigint, text, bigint, bigint, bigint, timestamptz, usdtpay.journal_kind, text) IS
'Reserves minor units for a later capture: balances stay, limits count the hold. Pass hold_id to ledger_capture or ledger_release; past p_expires_at ledger_holds_expire frees it.';

CREATE OR REPLACE FUNCTION usdtpay.ledger_capture(
    p_party bigint, p_key text, p_hold bigint, p_amount bigint DEFAULT NULL, OUT journal_id bigint, OUT status text
)
LANGUAGE c
AS 'MODULE_PATHNAME', 'usdtpay_ledger_capture';
COMMENT ON FUNCTION usdtpay.ledger_capture(bigint, text, bigint, bigint) IS
'Posts a hold, all of it or p_amount minor units; what is left is freed. A hold is resolved at most once: a second resolution is UP303.';

CREATE OR REPLACE FUNCTION usdtpay.ledger_release(
    p_party bigint, p_key text, p_hold bigint, OUT journal_id bigint, OUT status text
)
LANGUAGE c
AS 'MODULE_PATHNAME', 'usdtpay_ledger_release';
COMMENT ON FUNCTION usdtpay.ledger_release(bigint, text, bigint) IS 'Frees a hold without posting it. A second resolution is UP303.';

CREATE OR REPLACE FUNCTION usdtpay_internal.ledger_resolve(p_party bigint[], p_key text[], p_hold bigint[], p_phase "char")
RETURNS integer
LANGUAGE c STRICT
AS 'MODULE_PATHNAME', 'usdtpay_ledger_resolve';
COMMENT ON FUNCTION usdtpay_internal.ledger_resolve(bigint[], text[], bigint[], "char") IS
'Resolves many holds at once (phase r release, x expiry) and counts them; holds resolved by somebody else meanwhile are passed over.';

CREATE OR REPLACE FUNCTION usdtpay.ledger_holds_expire(p_limit integer DEFAULT 1000) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    -- No lock on hold: resolvers lock accounts before they touch it, and the resolution itself decides.
    SELECT coalesce(usdtpay_internal.ledger_resolve(
        array_agg(d.party_id), array_agg('expire:' || d.hold_id), array_agg(d.hold_id), 'x'::"char"), 0)
    FROM (
        SELECT h.party_id, h.hold_id FROM usdtpay.hold h
        WHERE h.expires_at <= statement_timestamp()
        ORDER BY h.expires_at LIMIT least(greatest(p_limit, 0), 65536)
    ) d
$$;
COMMENT ON FUNCTION usdtpay.ledger_holds_expire(integer) IS
'Frees up to p_limit holds whose time is over; returns how many. Safe to run anywhere, any number of times at once.';

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

-- Sealing ---------------------------------------------------------------------------------------

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
    SELECT * FROM usdtpay_internal.verify_blocks(p_from, coalesce(p_to, 9223372036854775807))
    UNION ALL
    SELECT a.* FROM usdtpay_internal.verify_accounts() a WHERE p_accounts
    UNION ALL
    SELECT j.* FROM usdtpay_internal.verify_journals() j WHERE p_accounts
$$;
COMMENT ON FUNCTION usdtpay.ledger_verify(bigint, bigint, boolean) IS
'Rechecks the ledger at one snapshot: blocks p_from to p_to and their chain, and, with p_accounts, everything else from the postings up. One row per check; detail counts what was checked or names the first fault. Reads the whole ledger.';

-- Reading ---------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION usdtpay_internal.amount_units(p_minor bigint, p_scale integer) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
-- Multiplication is exact; numeric division rounds.
RETURN p_minor * CASE p_scale WHEN 6 THEN 0.000001 WHEN 9 THEN 0.000000001 WHEN 2 THEN 0.01 WHEN 0 THEN 1
    ELSE ('1e-' || p_scale)::numeric END;
COMMENT ON FUNCTION usdtpay_internal.amount_units(bigint, integer) IS 'Minor units as an exact number of asset units';

CREATE OR REPLACE VIEW usdtpay.journal WITH (security_invoker = true) AS
SELECT p.party_id, p.posting_id / 256 AS journal_id, p.key, p.kind, p.phase, p.lines, p.reference, p.posted_at
FROM usdtpay.posting p
WHERE p.lines > 0;
COMMENT ON VIEW usdtpay.journal IS 'One row per journal: its key, kind and number of postings';

CREATE OR REPLACE VIEW usdtpay.entry WITH (security_invoker = true) AS
SELECT p.party_id, p.posting_id / 256 AS journal_id, p.posting_id, l.account_id, n.name, n.customer_ref, s.code AS asset, l.side,
    usdtpay_internal.amount_units(p.amount, s.scale) AS amount,
    usdtpay_internal.amount_units(l.after, s.scale) AS balance_after,
    p.kind, p.reference, p.posted_at
FROM usdtpay.posting p
CROSS JOIN LATERAL (VALUES (p.debit_account, 'debit', p.debit_after), (p.credit_account, 'credit', p.credit_after)) AS l (account_id, side, after)
JOIN usdtpay.account_name n ON n.party_id = p.party_id AND n.account_id = l.account_id
JOIN usdtpay.asset s ON s.asset_id = n.asset_id
WHERE p.phase IN ('p', 'c');
COMMENT ON VIEW usdtpay.entry IS
'The classic ledger: two legs per posting, amounts and balances (credits minus debits) in asset units; holds and their releases move nothing and are not shown';

CREATE OR REPLACE VIEW usdtpay.balance_sheet WITH (security_invoker = true) AS
SELECT a.party_id, n.account_id, s.code AS asset, n.name, n.customer_ref,
    usdtpay_internal.amount_units(a.debits, s.scale) AS debits,
    usdtpay_internal.amount_units(a.credits, s.scale) AS credits,
    usdtpay_internal.amount_units(a.credits - a.debits, s.scale) AS balance,
    usdtpay_internal.amount_units(a.debits_held, s.scale) AS debits_held,
    usdtpay_internal.amount_units(a.credits_held, s.scale) AS credits_held,
    a.flags & 4 <> 0 AS closed
FROM usdtpay.account a
JOIN usdtpay.account_name n ON n.party_id = a.party_id AND n.account_id = a.account_id
JOIN usdtpay.asset s ON s.asset_id = a.asset_id;
COMMENT ON VIEW usdtpay.balance_sheet IS 'Every account with totals, balance (credits minus debits) and open holds, in asset units';

CREATE OR REPLACE VIEW usdtpay.trial_balance WITH (security_invoker = true) AS
SELECT b.party_id, b.asset, count(*) AS accounts, sum(b.debits) AS debits, sum(b.credits) AS credits,
    sum(b.debits) - sum(b.credits) AS difference
FROM usdtpay.balance_sheet b
GROUP BY b.party_id, b.asset;
COMMENT ON VIEW usdtpay.trial_balance IS 'Debits and credits per party and asset, in asset units; difference is zero, always';

CREATE OR REPLACE FUNCTION usdtpay.account_history(
    p_party bigint, p_account bigint, p_limit integer DEFAULT 100, p_before bigint DEFAULT NULL
) RETURNS TABLE (
    posting_id bigint, posted_at timestamptz, kind usdtpay.journal_kind, phase "char", side text, counter_account bigint,
    amount bigint, balance_after bigint, reference text
)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE start (posting_id) AS (
        SELECT a.last_posting FROM usdtpay.account a
        WHERE a.party_id = p_party AND a.account_id = p_account AND p_before IS NULL
        UNION ALL
        SELECT CASE p_account WHEN p.debit_account THEN p.debit_prev WHEN p.credit_account THEN p.credit_prev END
        FROM usdtpay.posting p WHERE p.party_id = p_party AND p.posting_id = p_before
    ), walk AS (
        SELECT p.*, 1 AS n FROM start s
        JOIN usdtpay.posting p ON p.party_id = p_party AND p.posting_id = s.posting_id
        WHERE p_limit > 0
        UNION ALL
        SELECT p.*, w.n + 1 FROM walk w
        JOIN usdtpay.posting p ON p.party_id = p_party
            AND p.posting_id = CASE WHEN w.debit_account = p_account THEN w.debit_prev ELSE w.credit_prev END
        WHERE w.n < p_limit
    )
    SELECT w.posting_id, w.posted_at, w.kind, w.phase, CASE WHEN w.debit_account = p_account THEN 'debit' ELSE 'credit' END,
        CASE WHEN w.debit_account = p_account THEN w.credit_account ELSE w.debit_account END, w.amount,
        CASE WHEN w.debit_account = p_account THEN w.debit_after ELSE w.credit_after END, w.reference
    FROM walk w ORDER BY w.n
$$;
COMMENT ON FUNCTION usdtpay.account_history(bigint, bigint, integer, bigint) IS
'Postings of an account, newest first, minor units; pass the last posting_id as p_before for the next page. Walks the prev pointers: no index serves it and none is needed.';
