-- The ledger's API: posting, which is C (extension/ledger/), and reading.  Amounts are minor units of
-- the asset (10^-6 USDT) unless a column says numeric.

CREATE OR REPLACE FUNCTION usdtpay.ledger_post(
    p_party bigint, p_key text, p_debit bigint[], p_credit bigint[], p_amount bigint[],
    p_kind usdtpay.journal_kind DEFAULT 'transfer', p_reference text DEFAULT NULL,
    OUT journal_id bigint, OUT status text
)
LANGUAGE c
AS 'MODULE_PATHNAME', 'usdtpay_ledger_post';
COMMENT ON FUNCTION usdtpay.ledger_post(bigint, text, bigint[], bigint[], bigint[], usdtpay.journal_kind, text) IS
'Posts one journal of 1 to 256 lines inside the caller''s transaction: line n moves p_amount[n] minor units from account p_debit[n] to p_credit[n]. Status created, or exists when the key was used with the same body; the same key with other lines or another kind is UP202 (the reference is not compared). Keys that start with deposit:, order:, resolution: or expire: are the platform''s own (UP000). Refusals: UP300 limit, UP301 closed, UP200 unknown account.';

CREATE OR REPLACE FUNCTION usdtpay.ledger_post_batch(
    p_party bigint[], p_key text[], p_debit bigint[], p_credit bigint[], p_amount bigint[],
    p_kind usdtpay.journal_kind[] DEFAULT NULL, p_reference text[] DEFAULT NULL, p_strict boolean DEFAULT false
) RETURNS TABLE (ord integer, journal_id bigint, status text)
LANGUAGE c
AS 'MODULE_PATHNAME', 'usdtpay_ledger_post_batch';
COMMENT ON FUNCTION usdtpay.ledger_post_batch(bigint[], text[], bigint[], bigint[], bigint[], usdtpay.journal_kind[], text[], boolean) IS
'Posts up to 65,536 lines at once; consecutive lines of one party and key are one journal, all or nothing. One row per journal: ord of its first line, number, status created, exists, limit, closed, unknown_account, asset_mismatch or mismatch (key used for another body). With p_strict the first refusal is an error and nothing is posted.';

CREATE OR REPLACE FUNCTION usdtpay_internal.ledger_post(
    p_party bigint, p_key text, p_debit bigint[], p_credit bigint[], p_amount bigint[],
    p_kind usdtpay.journal_kind, p_reference text, OUT journal_id bigint, OUT status text
)
LANGUAGE c
AS 'MODULE_PATHNAME', 'usdtpay_ledger_post_own';
COMMENT ON FUNCTION usdtpay_internal.ledger_post(bigint, text, bigint[], bigint[], bigint[], usdtpay.journal_kind, text) IS
'ledger_post for the platform''s own journals: their keys (deposit:, order:, resolution:) are refused to everybody else.';

CREATE OR REPLACE FUNCTION usdtpay_internal.ledger_post_batch(
    p_party bigint[], p_key text[], p_debit bigint[], p_credit bigint[], p_amount bigint[],
    p_kind usdtpay.journal_kind[], p_reference text[], p_strict boolean
) RETURNS TABLE (ord integer, journal_id bigint, status text)
LANGUAGE c
AS 'MODULE_PATHNAME', 'usdtpay_ledger_post_batch_own';
COMMENT ON FUNCTION usdtpay_internal.ledger_post_batch(bigint[], text[], bigint[], bigint[], bigint[], usdtpay.journal_kind[], text[], boolean) IS
'ledger_post_batch for the platform''s own journals.';

CREATE OR REPLACE FUNCTION usdtpay.ledger_hold(
    p_party bigint, p_key text, p_debit bigint, p_credit bigint, p_amount bigint,
    p_expires_at timestamptz DEFAULT NULL, p_kind usdtpay.journal_kind DEFAULT 'transfer', p_reference text DEFAULT NULL,
    OUT hold_id bigint, OUT journal_id bigint, OUT status text
)
LANGUAGE c
AS 'MODULE_PATHNAME', 'usdtpay_ledger_hold';
COMMENT ON FUNCTION usdtpay.ledger_hold(bigint, text, bigint, bigint, bigint, timestamptz, usdtpay.journal_kind, text) IS
'Reserves minor units for a later capture: balances stay, limits count the hold. Pass hold_id to ledger_capture or ledger_release; past p_expires_at ledger_holds_expire frees it. Repeating a call gives the first hold as it is: p_expires_at and p_reference are not compared, for a retry words or computes them anew.';

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
