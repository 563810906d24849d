-- Where money can arrive: wallets and the addresses they gave out.  Public keys only.

CREATE TYPE usdtpay.wallet_kind AS ENUM ('xpub', 'pool', 'shared');
COMMENT ON TYPE usdtpay.wallet_kind IS
'xpub: a fresh address per order by BIP32 public derivation; pool: an imported list, one order at a time each; shared: one address for all, told apart by unique amounts';

CREATE TABLE usdtpay.wallet (
    party_id bigint NOT NULL,
    wallet_id bigint NOT NULL,
    code text NOT NULL,
    kind usdtpay.wallet_kind NOT NULL,
    family text NOT NULL,
    xpub text,
    custodial boolean NOT NULL,
    active boolean NOT NULL DEFAULT true,
    quarantine interval NOT NULL DEFAULT '24 hours',
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT wallet_pkey PRIMARY KEY (party_id, wallet_id),
    CONSTRAINT wallet_code_key UNIQUE (party_id, code),
    CONSTRAINT wallet_family_check CHECK (family IN ('evm', 'tron')),
    CONSTRAINT wallet_xpub_check CHECK ((kind = 'xpub') = (xpub IS NOT NULL)),
    CONSTRAINT wallet_quarantine_check CHECK (quarantine BETWEEN interval '0' AND interval '365 days')
);
COMMENT ON TABLE usdtpay.wallet IS 'A source of addresses. A party''s own wallet receives its money directly; the platform''s wallets are custodial and serve every party that has none of its own.';
COMMENT ON COLUMN usdtpay.wallet.party_id IS 'Owner; 1 is the platform';
COMMENT ON COLUMN usdtpay.wallet.wallet_id IS 'Identity, unique over all parties';
COMMENT ON COLUMN usdtpay.wallet.code IS 'The owner''s name for it';
COMMENT ON COLUMN usdtpay.wallet.kind IS 'xpub, pool or shared';
COMMENT ON COLUMN usdtpay.wallet.family IS 'evm or tron: one EVM address is valid on every EVM network';
COMMENT ON COLUMN usdtpay.wallet.xpub IS 'Extended public key at account level; addresses are xpub/0/index';
COMMENT ON COLUMN usdtpay.wallet.custodial IS 'True: the platform holds the keys and owes the money to the party; false: the owner holds them';
COMMENT ON COLUMN usdtpay.wallet.active IS 'Whether new addresses are given out; given ones are watched for ever';
COMMENT ON COLUMN usdtpay.wallet.quarantine IS 'How long after an order''s expiry a pool address or a shared amount stays reserved for it';
COMMENT ON COLUMN usdtpay.wallet.created_at IS 'When it was added';
CREATE SEQUENCE usdtpay_internal.wallet_seq;
COMMENT ON SEQUENCE usdtpay_internal.wallet_seq IS 'Wallet ids';
SELECT pg_catalog.pg_extension_config_dump('usdtpay.wallet', '');
SELECT pg_catalog.pg_extension_config_dump('usdtpay_internal.wallet_seq', '');
CREATE INDEX wallet_xpub_idx ON usdtpay.wallet (xpub) WHERE xpub IS NOT NULL;

-- The next derivation index of an xpub wallet is a sequence of its own, usdtpay_internal.wallet_<id>_index,
-- made by wallet_add: concurrent orders never wait for one another and indexes stay dense, which
-- the gap limit of ordinary wallets needs.  Being made after installation it is no member of the
-- extension, so pg_dump carries it by itself.

CREATE TABLE usdtpay.address (
    raw bytea NOT NULL,
    family text NOT NULL,
    party_id bigint NOT NULL,
    wallet_id bigint NOT NULL,
    idx bigint NOT NULL,
    order_id bigint,
    custodial boolean NOT NULL,
    customer_ref text,
    free_at timestamptz,
    given_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT address_pkey PRIMARY KEY (raw, family),
    CONSTRAINT address_raw_check CHECK (octet_length(raw) = 20)
);
COMMENT ON TABLE usdtpay.address IS 'Every address that is watched, in one index: the scanner matches recipients here. Node-local, like all chain state.';
COMMENT ON COLUMN usdtpay.address.raw IS 'The 20 address bytes';
COMMENT ON COLUMN usdtpay.address.family IS 'evm or tron';
COMMENT ON COLUMN usdtpay.address.party_id IS 'Whose money arrives here; of a shared or pool wallet, its owner';
COMMENT ON COLUMN usdtpay.address.wallet_id IS 'Wallet it comes from';
COMMENT ON COLUMN usdtpay.address.idx IS 'Derivation index, or position in the imported list';
COMMENT ON COLUMN usdtpay.address.order_id IS 'Order it was derived for (xpub wallets)';
COMMENT ON COLUMN usdtpay.address.custodial IS 'Whether the platform holds the keys (of its wallet)';
COMMENT ON COLUMN usdtpay.address.customer_ref IS 'Customer it belongs to for good';
COMMENT ON COLUMN usdtpay.address.free_at IS 'Pool: from when on it may be given to the next order; shared: infinity; otherwise NULL';
COMMENT ON COLUMN usdtpay.address.given_at IS 'When it began to be watched';
CREATE UNIQUE INDEX address_customer_key ON usdtpay.address (party_id, customer_ref, family) WHERE customer_ref IS NOT NULL;
CREATE INDEX address_pool_idx ON usdtpay.address (wallet_id, free_at) WHERE free_at IS NOT NULL;
SELECT pg_catalog.pg_extension_config_dump('usdtpay.address', '');

CREATE TABLE usdtpay.address_claim (
    party_id bigint NOT NULL,
    order_id bigint NOT NULL,
    wallet_id bigint NOT NULL,
    idx bigint NOT NULL,
    amount bigint NOT NULL,
    during tstzrange NOT NULL,
    CONSTRAINT address_claim_pkey PRIMARY KEY (party_id, order_id, wallet_id),
    CONSTRAINT address_claim_during_check CHECK (NOT isempty(during)),
    CONSTRAINT address_claim_excl EXCLUDE USING gist (
        int8range(wallet_id, wallet_id, '[]') WITH &&,
        int8range(idx, idx, '[]') WITH &&,
        int8range(amount, amount, '[]') WITH &&,
        during WITH &&
    )
);
COMMENT ON TABLE usdtpay.address_claim IS
'Which order an amount on a shared address, or a pool address, stands for and during which time, quarantine included. The exclusion constraint makes a collision impossible. Node-local.';
COMMENT ON COLUMN usdtpay.address_claim.party_id IS 'The order''s party';
COMMENT ON COLUMN usdtpay.address_claim.order_id IS 'The order';
COMMENT ON COLUMN usdtpay.address_claim.wallet_id IS 'Wallet';
COMMENT ON COLUMN usdtpay.address_claim.idx IS 'Address within the wallet';
COMMENT ON COLUMN usdtpay.address_claim.amount IS 'Shared: the unique amount in minor units; pool: 0, the address as a whole';
COMMENT ON COLUMN usdtpay.address_claim.during IS 'From creation to expiry plus quarantine, in chain time';
SELECT pg_catalog.pg_extension_config_dump('usdtpay.address_claim', '');

ALTER TABLE usdtpay.wallet ENABLE ROW LEVEL SECURITY;
CREATE POLICY wallet_tenant ON usdtpay.wallet FOR SELECT
USING (party_id BETWEEN usdtpay_internal.visible_from() AND usdtpay_internal.visible_to());
ALTER TABLE usdtpay.address ENABLE ROW LEVEL SECURITY;
CREATE POLICY address_tenant ON usdtpay.address FOR SELECT
USING (party_id BETWEEN usdtpay_internal.visible_from() AND usdtpay_internal.visible_to());
ALTER TABLE usdtpay.address_claim ENABLE ROW LEVEL SECURITY;
CREATE POLICY address_claim_tenant ON usdtpay.address_claim FOR SELECT
USING (party_id BETWEEN usdtpay_internal.visible_from() AND usdtpay_internal.visible_to());

CREATE TRIGGER wallet_settings_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON usdtpay.wallet
FOR EACH STATEMENT EXECUTE FUNCTION usdtpay_internal.settings_changed();
