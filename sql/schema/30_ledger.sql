-- The double-entry ledger.  One posting row carries both legs, so the ledger balances by
-- construction; a journal is the group of postings of one event under one idempotency key.
-- The C engine (extension/ledger/) is the only writer.

CREATE TYPE usdtpay.journal_kind AS ENUM (
    'deposit', 'settle', 'fee', 'refund', 'payout', 'sweep', 'gas', 'escrow', 'trade', 'clearing',
    'transfer', 'adjust'
);
COMMENT ON TYPE usdtpay.journal_kind IS 'What business event a journal records';

CREATE SEQUENCE usdtpay_internal.journal_seq;
COMMENT ON SEQUENCE usdtpay_internal.journal_seq IS
'Journal numbers. No cache: the sealing horizon relies on a value being drawn by a transaction that already has an xid and is still in flight.';
SELECT pg_catalog.pg_extension_config_dump('usdtpay_internal.journal_seq', '');

CREATE SEQUENCE usdtpay_internal.account_seq;
COMMENT ON SEQUENCE usdtpay_internal.account_seq IS 'Account ids, unique over all parties';
SELECT pg_catalog.pg_extension_config_dump('usdtpay_internal.account_seq', '');

CREATE TABLE usdtpay.account (
    party_id bigint NOT NULL,
    account_id bigint NOT NULL,
    asset_id integer NOT NULL,
    flags integer NOT NULL DEFAULT 0,
    debits bigint NOT NULL DEFAULT 0,
    credits bigint NOT NULL DEFAULT 0,
    debits_held bigint NOT NULL DEFAULT 0,
    credits_held bigint NOT NULL DEFAULT 0,
    last_posting bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 0,
    CONSTRAINT account_pkey PRIMARY KEY (party_id, account_id),
    CONSTRAINT account_totals_check CHECK (debits >= 0 AND credits >= 0 AND debits_held >= 0 AND credits_held >= 0)
) WITH (fillfactor = 50);
COMMENT ON TABLE usdtpay.account IS
'Totals of every account: fixed width, primary key only, so that each update is HOT. Names live in account_name.';
COMMENT ON COLUMN usdtpay.account.party_id IS 'Owner';
COMMENT ON COLUMN usdtpay.account.account_id IS 'Identity, unique over all parties; row locks are taken in its order';
COMMENT ON COLUMN usdtpay.account.asset_id IS 'Asset; both legs of a posting share it';
COMMENT ON COLUMN usdtpay.account.flags IS
'Bits: 1 debits (and debit holds) may not exceed credits; 2 credits (and credit holds) may not exceed debits; 4 closed';
COMMENT ON COLUMN usdtpay.account.debits IS 'Sum of posted debits, minor units';
COMMENT ON COLUMN usdtpay.account.credits IS 'Sum of posted credits, minor units';
COMMENT ON COLUMN usdtpay.account.debits_held IS 'Sum of open holds on the debit side';
COMMENT ON COLUMN usdtpay.account.credits_held IS 'Sum of open holds on the credit side';
COMMENT ON COLUMN usdtpay.account.last_posting IS 'Newest posting that touched it; the history is a walk from here';
COMMENT ON COLUMN usdtpay.account.version IS 'Number of postings that touched it';
SELECT pg_catalog.pg_extension_config_dump('usdtpay.account', '');

CREATE TABLE usdtpay.account_name (
    party_id bigint NOT NULL,
    account_id bigint NOT NULL,
    asset_id integer NOT NULL,
    name text NOT NULL,
    customer_ref text NOT NULL DEFAULT '',
    opened_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT account_name_pkey PRIMARY KEY (party_id, account_id),
    CONSTRAINT account_name_key UNIQUE (party_id, asset_id, name, customer_ref),
    CONSTRAINT account_name_account_fkey FOREIGN KEY (party_id, account_id)
    REFERENCES usdtpay.account (party_id, account_id),
    CONSTRAINT account_name_name_check CHECK (name ~ '^[a-z][a-z0-9_]*(:[a-z0-9_.-]+)?$')
);
COMMENT ON TABLE usdtpay.account_name IS 'Names of accounts';
COMMENT ON COLUMN usdtpay.account_name.party_id IS 'Owner';
COMMENT ON COLUMN usdtpay.account_name.account_id IS 'The account';
COMMENT ON COLUMN usdtpay.account_name.asset_id IS 'Asset';
COMMENT ON COLUMN usdtpay.account_name.name IS
'What it is: available, pending, held, escrow, disputed, margin, payout, fee, suspense, clearing, received, custody:<network>, self:<network>, gas:<network>, fiat:<name>';
COMMENT ON COLUMN usdtpay.account_name.customer_ref IS 'The party''s own customer whose money it is; empty for the party itself';
COMMENT ON COLUMN usdtpay.account_name.opened_at IS 'When it was opened';
SELECT pg_catalog.pg_extension_config_dump('usdtpay.account_name', '');

CREATE TABLE usdtpay.posting (
    party_id bigint NOT NULL,
    posting_id bigint NOT NULL,
    debit_account bigint NOT NULL,
    credit_account bigint NOT NULL,
    amount bigint NOT NULL,
    debit_after bigint NOT NULL,
    credit_after bigint NOT NULL,
    debit_prev bigint NOT NULL,
    credit_prev bigint NOT NULL,
    posted_at timestamptz NOT NULL,
    kind usdtpay.journal_kind NOT NULL,
    lines smallint NOT NULL,
    phase "char" NOT NULL DEFAULT 'p',
    hold_id bigint,
    key text COLLATE "C",
    reference text,
    CONSTRAINT posting_pkey PRIMARY KEY (party_id, posting_id),
    CONSTRAINT posting_amount_check CHECK (amount > 0 AND debit_account <> credit_account)
);
COMMENT ON TABLE usdtpay.posting IS
'The ledger: one row, both legs. posting_id = journal number * 256 + line; the first line (line 0) carries key and number of lines of the journal. Append-only.';
COMMENT ON COLUMN usdtpay.posting.party_id IS 'Owner of both accounts';
COMMENT ON COLUMN usdtpay.posting.posting_id IS 'Identity: journal number * 256 + line number';
COMMENT ON COLUMN usdtpay.posting.debit_account IS 'Account debited';
COMMENT ON COLUMN usdtpay.posting.credit_account IS 'Account credited';
COMMENT ON COLUMN usdtpay.posting.amount IS 'Minor units of the asset, positive';
COMMENT ON COLUMN usdtpay.posting.debit_after IS 'Credits minus debits of the debited account after this posting';
COMMENT ON COLUMN usdtpay.posting.credit_after IS 'Credits minus debits of the credited account after this posting';
COMMENT ON COLUMN usdtpay.posting.debit_prev IS 'Previous posting of the debited account, 0 for the first';
COMMENT ON COLUMN usdtpay.posting.credit_prev IS 'Previous posting of the credited account, 0 for the first';
COMMENT ON COLUMN usdtpay.posting.posted_at IS 'Transaction time';
COMMENT ON COLUMN usdtpay.posting.kind IS 'Business event';
COMMENT ON COLUMN usdtpay.posting.lines IS 'Postings in the journal, on its first line; 0 on the others';
COMMENT ON COLUMN usdtpay.posting.phase IS 'p posted, h hold, c capture, r release, x expiry of a hold';
COMMENT ON COLUMN usdtpay.posting.hold_id IS 'The hold a capture, release or expiry resolves';
COMMENT ON COLUMN usdtpay.posting.key IS 'Idempotency key of the journal, on its first line';
COMMENT ON COLUMN usdtpay.posting.reference IS 'What it was for, for people and joins: order:12, deposit:7 …';
CREATE UNIQUE INDEX posting_key_key ON usdtpay.posting (party_id, key) WHERE key IS NOT NULL;
CREATE UNIQUE INDEX posting_hold_key ON usdtpay.posting (party_id, hold_id) WHERE hold_id IS NOT NULL;
CREATE INDEX posting_id_brin ON usdtpay.posting USING brin (posting_id) WITH (pages_per_range = 128, autosummarize = on);
SELECT pg_catalog.pg_extension_config_dump('usdtpay.posting', '');
CREATE TRIGGER posting_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON usdtpay.posting
FOR EACH STATEMENT EXECUTE FUNCTION usdtpay_internal.append_only();
ALTER TABLE usdtpay.posting ENABLE ALWAYS TRIGGER posting_append_only; -- whatever session_replication_role says

CREATE TABLE usdtpay.hold (
    party_id bigint NOT NULL,
    hold_id bigint NOT NULL,
    expires_at timestamptz,
    CONSTRAINT hold_pkey PRIMARY KEY (party_id, hold_id)
);
COMMENT ON TABLE usdtpay.hold IS 'Holds that are still open: a small working set, the truth is in posting';
COMMENT ON COLUMN usdtpay.hold.party_id IS 'Owner';
COMMENT ON COLUMN usdtpay.hold.hold_id IS 'The posting that made the hold';
COMMENT ON COLUMN usdtpay.hold.expires_at IS 'When it expires by itself; NULL never';
CREATE INDEX hold_expires_at_idx ON usdtpay.hold (expires_at) WHERE expires_at IS NOT NULL;
SELECT pg_catalog.pg_extension_config_dump('usdtpay.hold', '');

CREATE TABLE usdtpay.ledger_block (
    block_no bigint NOT NULL,
    first_id bigint NOT NULL,
    last_id bigint NOT NULL,
    journals integer NOT NULL,
    postings integer NOT NULL,
    root bytea NOT NULL,
    prev_hash bytea NOT NULL,
    hash bytea NOT NULL,
    sealed_at timestamptz NOT NULL,
    CONSTRAINT ledger_block_pkey PRIMARY KEY (block_no),
    CONSTRAINT ledger_block_range_check CHECK (first_id <= last_id AND journals > 0),
    CONSTRAINT ledger_block_hash_check CHECK (octet_length(root) = 32 AND octet_length(prev_hash) = 32 AND octet_length(hash) = 32)
);
COMMENT ON TABLE usdtpay.ledger_block IS
'Seals: block n covers every journal whose number lies in first_id..last_id, as an RFC 6962 Merkle root chained to the block before. Append-only.';
COMMENT ON COLUMN usdtpay.ledger_block.block_no IS 'Position in the chain, from 1';
COMMENT ON COLUMN usdtpay.ledger_block.first_id IS 'First journal number covered';
COMMENT ON COLUMN usdtpay.ledger_block.last_id IS 'Last journal number covered';
COMMENT ON COLUMN usdtpay.ledger_block.journals IS 'Journals in the range (leaves of the tree)';
COMMENT ON COLUMN usdtpay.ledger_block.postings IS 'Postings in the range';
COMMENT ON COLUMN usdtpay.ledger_block.root IS 'Merkle root';
COMMENT ON COLUMN usdtpay.ledger_block.prev_hash IS 'Hash of the block before; zeros for the first';
COMMENT ON COLUMN usdtpay.ledger_block.hash IS 'SHA-256 over block number, range, counts, root and prev_hash';
COMMENT ON COLUMN usdtpay.ledger_block.sealed_at IS 'When it was sealed';
SELECT pg_catalog.pg_extension_config_dump('usdtpay.ledger_block', '');
CREATE TRIGGER ledger_block_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON usdtpay.ledger_block
FOR EACH STATEMENT EXECUTE FUNCTION usdtpay_internal.append_only();
ALTER TABLE usdtpay.ledger_block ENABLE ALWAYS TRIGGER ledger_block_append_only; -- whatever session_replication_role says

ALTER TABLE usdtpay.account ENABLE ROW LEVEL SECURITY;
CREATE POLICY account_tenant ON usdtpay.account FOR SELECT
USING (party_id BETWEEN usdtpay_internal.visible_from() AND usdtpay_internal.visible_to());
ALTER TABLE usdtpay.account_name ENABLE ROW LEVEL SECURITY;
CREATE POLICY account_name_tenant ON usdtpay.account_name FOR SELECT
USING (party_id BETWEEN usdtpay_internal.visible_from() AND usdtpay_internal.visible_to());
ALTER TABLE usdtpay.posting ENABLE ROW LEVEL SECURITY;
CREATE POLICY posting_tenant ON usdtpay.posting FOR SELECT
USING (party_id BETWEEN usdtpay_internal.visible_from() AND usdtpay_internal.visible_to());
ALTER TABLE usdtpay.hold ENABLE ROW LEVEL SECURITY;
CREATE POLICY hold_tenant ON usdtpay.hold FOR SELECT
USING (party_id BETWEEN usdtpay_internal.visible_from() AND usdtpay_internal.visible_to());

CREATE FUNCTION usdtpay_internal.drop_guard() RETURNS event_trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'usdtpay_drop_guard';
COMMENT ON FUNCTION usdtpay_internal.drop_guard() IS
'Event trigger that refuses DROP EXTENSION, and DROP OWNED of its owner (UP304), while the ledger has postings, unless usdtpay.allow_drop is on';
CREATE EVENT TRIGGER usdtpay_drop_guard ON ddl_command_start
WHEN TAG IN ('DROP EXTENSION', 'DROP OWNED') EXECUTE FUNCTION usdtpay_internal.drop_guard();
COMMENT ON EVENT TRIGGER usdtpay_drop_guard IS 'Keeps DROP EXTENSION and DROP OWNED from destroying money records';
