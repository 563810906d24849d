-- Orders and the money seen for them.

CREATE TYPE usdtpay.order_state AS ENUM (
    'draft', 'pending', 'confirming', 'partially_paid', 'paid', 'expired', 'underpaid', 'canceled', 'reversed'
);
COMMENT ON TYPE usdtpay.order_state IS 'States of an order; usdtpay_internal.order_transition lists the moves that exist';

CREATE SEQUENCE usdtpay_internal.order_seq;
COMMENT ON SEQUENCE usdtpay_internal.order_seq IS 'Order ids, unique over all parties';
SELECT pg_catalog.pg_extension_config_dump('usdtpay_internal.order_seq', '');

CREATE TABLE usdtpay.payment_order (
    party_id bigint NOT NULL,
    order_id bigint NOT NULL,
    reference text COLLATE "C" NOT NULL,
    request_hash bigint NOT NULL,
    asset_id integer NOT NULL,
    state usdtpay.order_state NOT NULL,
    due bigint NOT NULL,
    seen bigint NOT NULL DEFAULT 0,
    final bigint NOT NULL DEFAULT 0,
    refunded bigint NOT NULL DEFAULT 0,
    excess bigint NOT NULL DEFAULT 0,
    settled bigint NOT NULL DEFAULT 0,
    underpay_tolerance bigint NOT NULL,
    overpay_tolerance bigint NOT NULL,
    fee_bps integer NOT NULL,
    event_seq integer NOT NULL DEFAULT 0,
    late_policy usdtpay.late_policy NOT NULL,
    overpay_policy usdtpay.overpay_policy NOT NULL,
    overpaid boolean NOT NULL DEFAULT false,
    late boolean NOT NULL DEFAULT false,
    multiple boolean NOT NULL DEFAULT false,
    manual boolean NOT NULL DEFAULT false,
    held boolean NOT NULL DEFAULT false,
    networks integer [] NOT NULL,
    evm_address bytea,
    tron_address bytea,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    paid_at timestamptz,
    price_amount numeric,
    price_currency text,
    rate numeric,
    rate_source text,
    rate_at timestamptz,
    customer_ref text,
    on_paid text,
    on_paid_role name,
    metadata jsonb,
    CONSTRAINT payment_order_pkey PRIMARY KEY (party_id, order_id),
    CONSTRAINT payment_order_reference_key UNIQUE (party_id, reference),
    CONSTRAINT payment_order_amounts_check CHECK (
        due > 0 AND refunded >= 0 AND excess >= 0 AND settled >= 0 AND settled <= final AND final <= seen
    )
) WITH (fillfactor = 70);
COMMENT ON TABLE usdtpay.payment_order IS
'Requests to be paid. Amounts are minor units of the asset; flags are independent of the state. What the merchant''s settings say is snapshotted.';
COMMENT ON COLUMN usdtpay.payment_order.party_id IS 'Merchant';
COMMENT ON COLUMN usdtpay.payment_order.order_id IS 'Identity';
COMMENT ON COLUMN usdtpay.payment_order.reference IS 'The merchant''s own order number: the idempotency key of order_create';
COMMENT ON COLUMN usdtpay.payment_order.request_hash IS 'Hash of the other parameters of order_create, to tell a retry from a mistake';
COMMENT ON COLUMN usdtpay.payment_order.asset_id IS 'Asset it is paid in';
COMMENT ON COLUMN usdtpay.payment_order.state IS 'State';
COMMENT ON COLUMN usdtpay.payment_order.due IS 'Amount to pay';
COMMENT ON COLUMN usdtpay.payment_order.seen IS 'Sum of its canonical deposits, final or not';
COMMENT ON COLUMN usdtpay.payment_order.final IS 'Sum of its final deposits';
COMMENT ON COLUMN usdtpay.payment_order.refunded IS 'Sum sent back';
COMMENT ON COLUMN usdtpay.payment_order.excess IS 'What was paid beyond due once paid';
COMMENT ON COLUMN usdtpay.payment_order.settled IS 'Custodial amount moved out of the pending account by settlement';
COMMENT ON COLUMN usdtpay.payment_order.underpay_tolerance IS 'May be missing and still count as paid: the merchant''s setting, at most a tenth of due, until order_settle_underpaid';
COMMENT ON COLUMN usdtpay.payment_order.overpay_tolerance IS 'Excess up to here is not called overpaid';
COMMENT ON COLUMN usdtpay.payment_order.fee_bps IS 'Platform fee in basis points';
COMMENT ON COLUMN usdtpay.payment_order.event_seq IS 'Events emitted so far';
COMMENT ON COLUMN usdtpay.payment_order.late_policy IS 'What a late payment does';
COMMENT ON COLUMN usdtpay.payment_order.overpay_policy IS 'What happens to an excess';
COMMENT ON COLUMN usdtpay.payment_order.overpaid IS 'More than due plus tolerance arrived';
COMMENT ON COLUMN usdtpay.payment_order.late IS 'A deposit arrived after the end';
COMMENT ON COLUMN usdtpay.payment_order.multiple IS 'More than one deposit arrived';
COMMENT ON COLUMN usdtpay.payment_order.manual IS 'An operator decided something';
COMMENT ON COLUMN usdtpay.payment_order.held IS 'A deposit is on hold';
COMMENT ON COLUMN usdtpay.payment_order.networks IS 'Networks it may be paid on';
COMMENT ON COLUMN usdtpay.payment_order.evm_address IS 'Address on every EVM network';
COMMENT ON COLUMN usdtpay.payment_order.tron_address IS 'Address on TRON';
COMMENT ON COLUMN usdtpay.payment_order.created_at IS 'When it was created';
COMMENT ON COLUMN usdtpay.payment_order.expires_at IS 'Chain time after which a payment is late';
COMMENT ON COLUMN usdtpay.payment_order.paid_at IS 'When it became paid';
COMMENT ON COLUMN usdtpay.payment_order.price_amount IS 'Price in the price currency, when priced in fiat';
COMMENT ON COLUMN usdtpay.payment_order.price_currency IS 'Price currency, when priced in fiat';
COMMENT ON COLUMN usdtpay.payment_order.rate IS 'Units of price currency for one unit of the asset';
COMMENT ON COLUMN usdtpay.payment_order.rate_source IS 'Where the rate came from';
COMMENT ON COLUMN usdtpay.payment_order.rate_at IS 'Time of the rate';
COMMENT ON COLUMN usdtpay.payment_order.customer_ref IS 'The merchant''s customer, for reports';
COMMENT ON COLUMN usdtpay.payment_order.on_paid IS 'Function run in the settling transaction';
COMMENT ON COLUMN usdtpay.payment_order.on_paid_role IS 'Role it runs as';
COMMENT ON COLUMN usdtpay.payment_order.metadata IS 'Whatever the merchant attached; comes back in every event';
CREATE INDEX payment_order_open_idx ON usdtpay.payment_order (expires_at)
WHERE state IN ('pending', 'partially_paid');
SELECT pg_catalog.pg_extension_config_dump('usdtpay.payment_order', '');
ALTER TABLE usdtpay.payment_order ENABLE ROW LEVEL SECURITY;
CREATE POLICY payment_order_tenant ON usdtpay.payment_order FOR SELECT
USING (party_id BETWEEN usdtpay_internal.visible_from() AND usdtpay_internal.visible_to());

CREATE TYPE usdtpay.deposit_state AS ENUM ('seen', 'confirming', 'final', 'orphaned');
COMMENT ON TYPE usdtpay.deposit_state IS 'seen in a block, confirming once blocks stand on top (derived in deposit_status, never stored), final and credited, orphaned by a reorg';
CREATE TYPE usdtpay.deposit_route AS ENUM (
    'matched', 'unmatched', 'late', 'wrong_token', 'wrong_network', 'dust', 'held'
);
COMMENT ON TYPE usdtpay.deposit_route IS 'What a deposit is for: matched to an order or a customer, or why it is not';

CREATE SEQUENCE usdtpay_internal.deposit_seq;
COMMENT ON SEQUENCE usdtpay_internal.deposit_seq IS 'Deposit ids, unique over all parties';
SELECT pg_catalog.pg_extension_config_dump('usdtpay_internal.deposit_seq', '');

CREATE TABLE usdtpay.deposit (
    party_id bigint NOT NULL,
    deposit_id bigint NOT NULL,
    network_id integer NOT NULL,
    token_id integer NOT NULL,
    asset_id integer,
    ordinal integer NOT NULL,
    log_index integer NOT NULL,
    event_seq integer NOT NULL DEFAULT 0,
    state usdtpay.deposit_state NOT NULL,
    route usdtpay.deposit_route NOT NULL,
    order_id bigint,
    amount bigint NOT NULL,
    block_number bigint NOT NULL,
    block_time timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    final_at timestamptz,
    journal_id bigint,
    custodial boolean NOT NULL,
    block_hash bytea NOT NULL,
    tx_hash bytea NOT NULL,
    sender bytea NOT NULL,
    recipient bytea NOT NULL,
    amount_raw numeric NOT NULL,
    dust_raw numeric NOT NULL DEFAULT 0,
    customer_ref text,
    assigned_from bigint,
    CONSTRAINT deposit_pkey PRIMARY KEY (party_id, deposit_id),
    CONSTRAINT deposit_transfer_key UNIQUE (tx_hash, network_id, token_id, ordinal, party_id),
    CONSTRAINT deposit_amount_check CHECK (amount >= 0 AND amount_raw > 0 AND dust_raw >= 0),
    CONSTRAINT deposit_state_check CHECK (state <> 'confirming'),
    CONSTRAINT deposit_final_check CHECK ((state = 'final') = (final_at IS NOT NULL))
) WITH (fillfactor = 50);
COMMENT ON TABLE usdtpay.deposit IS
'Money seen on a chain for us: one row per Transfer of a watched token to one of our addresses. Its identity (network, transaction, token, ordinal among the token''s Transfers in the transaction) survives re-inclusion after a reorg.';
COMMENT ON COLUMN usdtpay.deposit.party_id IS 'Whose address it reached';
COMMENT ON COLUMN usdtpay.deposit.deposit_id IS 'Identity';
COMMENT ON COLUMN usdtpay.deposit.network_id IS 'Network';
COMMENT ON COLUMN usdtpay.deposit.token_id IS 'Token';
COMMENT ON COLUMN usdtpay.deposit.asset_id IS 'Asset it counts as; NULL for a token that is only watched';
COMMENT ON COLUMN usdtpay.deposit.ordinal IS 'Index among the token''s Transfers in the transaction';
COMMENT ON COLUMN usdtpay.deposit.log_index IS 'Position of the log in its block; changes on re-inclusion';
COMMENT ON COLUMN usdtpay.deposit.event_seq IS 'Events emitted so far';
COMMENT ON COLUMN usdtpay.deposit.state IS 'seen, final or orphaned; deposit_status derives confirming';
COMMENT ON COLUMN usdtpay.deposit.route IS 'What it is for';
COMMENT ON COLUMN usdtpay.deposit.order_id IS 'Order it pays, or would have paid';
COMMENT ON COLUMN usdtpay.deposit.amount IS 'Minor units of the asset, rounded down';
COMMENT ON COLUMN usdtpay.deposit.block_number IS 'Height it was last seen at';
COMMENT ON COLUMN usdtpay.deposit.block_time IS 'Chain time of that block';
COMMENT ON COLUMN usdtpay.deposit.seen_at IS 'When we first saw it';
COMMENT ON COLUMN usdtpay.deposit.final_at IS 'When it was credited';
COMMENT ON COLUMN usdtpay.deposit.journal_id IS 'Journal that credited it; NULL when nothing is owed in the ledger (watched-only tokens, amounts below one minor unit)';
COMMENT ON COLUMN usdtpay.deposit.custodial IS 'Whether the platform holds the money (snapshot of the wallet)';
COMMENT ON COLUMN usdtpay.deposit.block_hash IS 'Block it was last seen in';
COMMENT ON COLUMN usdtpay.deposit.tx_hash IS 'Transaction';
COMMENT ON COLUMN usdtpay.deposit.sender IS 'Sender, 20 bytes; never suggest paying back to it unasked (exchanges)';
COMMENT ON COLUMN usdtpay.deposit.recipient IS 'Our address, 20 bytes';
COMMENT ON COLUMN usdtpay.deposit.amount_raw IS 'Amount of the log in the token''s raw units';
COMMENT ON COLUMN usdtpay.deposit.dust_raw IS 'Raw units finer than the ledger''s minor unit, kept for the record';
COMMENT ON COLUMN usdtpay.deposit.customer_ref IS 'Customer whose permanent address it reached';
COMMENT ON COLUMN usdtpay.deposit.assigned_from IS 'Deposit of the platform this party was given by deposit_assign: a second row for one transfer, which the chain holds for the platform; NULL on every other row';
CREATE INDEX deposit_order_idx ON usdtpay.deposit (party_id, order_id) WHERE order_id IS NOT NULL;
-- No index says anything about the state: with the room left in each page, becoming final is a HOT update.
CREATE INDEX deposit_block_idx ON usdtpay.deposit (network_id, block_number);
CREATE INDEX deposit_aside_idx ON usdtpay.deposit (party_id, deposit_id) WHERE route <> 'matched';
SELECT pg_catalog.pg_extension_config_dump('usdtpay.deposit', '');
ALTER TABLE usdtpay.deposit ENABLE ROW LEVEL SECURITY;
CREATE POLICY deposit_tenant ON usdtpay.deposit FOR SELECT
USING (party_id BETWEEN usdtpay_internal.visible_from() AND usdtpay_internal.visible_to());

CREATE TABLE usdtpay_internal.deposit_stuck (
    party_id bigint NOT NULL,
    deposit_id bigint NOT NULL,
    network_id integer NOT NULL,
    since timestamptz NOT NULL DEFAULT pg_catalog.now(),
    attempts integer NOT NULL DEFAULT 1,
    next_at timestamptz NOT NULL,
    sqlstate text NOT NULL,
    error text NOT NULL,
    CONSTRAINT deposit_stuck_pkey PRIMARY KEY (party_id, deposit_id)
);
COMMENT ON TABLE usdtpay_internal.deposit_stuck IS
'Deposits below the final cursor that could not be credited and wait to be tried again; empty unless something is broken.';
COMMENT ON COLUMN usdtpay_internal.deposit_stuck.party_id IS 'Party';
COMMENT ON COLUMN usdtpay_internal.deposit_stuck.deposit_id IS 'Deposit, still seen';
COMMENT ON COLUMN usdtpay_internal.deposit_stuck.network_id IS 'Network';
COMMENT ON COLUMN usdtpay_internal.deposit_stuck.since IS 'When it should have become final';
COMMENT ON COLUMN usdtpay_internal.deposit_stuck.attempts IS 'Tries so far';
COMMENT ON COLUMN usdtpay_internal.deposit_stuck.next_at IS 'When it is tried again';
COMMENT ON COLUMN usdtpay_internal.deposit_stuck.sqlstate IS 'SQLSTATE of the last failure';
COMMENT ON COLUMN usdtpay_internal.deposit_stuck.error IS 'Message of the last failure';
SELECT pg_catalog.pg_extension_config_dump('usdtpay_internal.deposit_stuck', '');

CREATE TABLE usdtpay_internal.hook_run (
    party_id bigint NOT NULL,
    order_id bigint NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    done_at timestamptz,
    next_at timestamptz,
    sqlstate text,
    error text,
    CONSTRAINT hook_run_pkey PRIMARY KEY (party_id, order_id)
);
COMMENT ON TABLE usdtpay_internal.hook_run IS 'on_paid calls: done once, or waiting to be tried again. A failing hook never blocks settlement.';
COMMENT ON COLUMN usdtpay_internal.hook_run.party_id IS 'Merchant';
COMMENT ON COLUMN usdtpay_internal.hook_run.order_id IS 'Paid order';
COMMENT ON COLUMN usdtpay_internal.hook_run.attempts IS 'Tries so far';
COMMENT ON COLUMN usdtpay_internal.hook_run.done_at IS 'When it succeeded';
COMMENT ON COLUMN usdtpay_internal.hook_run.next_at IS 'When it is tried again; NULL when done or given up';
COMMENT ON COLUMN usdtpay_internal.hook_run.sqlstate IS 'SQLSTATE of the last failure';
COMMENT ON COLUMN usdtpay_internal.hook_run.error IS 'Message of the last failure';
CREATE INDEX hook_run_due_idx ON usdtpay_internal.hook_run (next_at) WHERE next_at IS NOT NULL;
SELECT pg_catalog.pg_extension_config_dump('usdtpay_internal.hook_run', '');

CREATE TABLE usdtpay.resolution (
    party_id bigint NOT NULL,
    resolution_id bigint GENERATED BY DEFAULT AS IDENTITY,
    key text NOT NULL,
    deposit_id bigint,
    order_id bigint,
    action text NOT NULL,
    amount bigint NOT NULL,
    to_party_id bigint,
    reason text NOT NULL,
    decided_by name NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT resolution_pkey PRIMARY KEY (party_id, resolution_id),
    CONSTRAINT resolution_key_key UNIQUE (party_id, key),
    CONSTRAINT resolution_action_check CHECK (action IN ('credit', 'assign', 'settle_underpaid', 'reverse'))
);
COMMENT ON TABLE usdtpay.resolution IS 'Decisions of people about money that was put aside. Append-only.';
COMMENT ON COLUMN usdtpay.resolution.party_id IS 'Party';
COMMENT ON COLUMN usdtpay.resolution.resolution_id IS 'Identity';
COMMENT ON COLUMN usdtpay.resolution.key IS 'Idempotency key of the decision';
COMMENT ON COLUMN usdtpay.resolution.deposit_id IS 'Deposit it is about';
COMMENT ON COLUMN usdtpay.resolution.order_id IS 'Order it is about';
COMMENT ON COLUMN usdtpay.resolution.action IS 'credit (suspense to available), assign (to an order), settle_underpaid, reverse';
COMMENT ON COLUMN usdtpay.resolution.amount IS 'Minor units moved';
COMMENT ON COLUMN usdtpay.resolution.to_party_id IS 'Party that got the platform''s money, and whose order it is; NULL when the money stayed with the party';
COMMENT ON COLUMN usdtpay.resolution.reason IS 'Why, in words';
COMMENT ON COLUMN usdtpay.resolution.decided_by IS 'Role that decided';
COMMENT ON COLUMN usdtpay.resolution.decided_at IS 'When';
SELECT pg_catalog.pg_extension_config_dump('usdtpay.resolution', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('usdtpay.resolution', 'resolution_id')::regclass, '');
CREATE TRIGGER resolution_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON usdtpay.resolution
FOR EACH STATEMENT EXECUTE FUNCTION usdtpay_internal.append_only();
ALTER TABLE usdtpay.resolution ENABLE ALWAYS TRIGGER resolution_append_only; -- whatever session_replication_role says
ALTER TABLE usdtpay.resolution ENABLE ROW LEVEL SECURITY;
CREATE POLICY resolution_tenant ON usdtpay.resolution FOR SELECT
USING (party_id BETWEEN usdtpay_internal.visible_from() AND usdtpay_internal.visible_to());
