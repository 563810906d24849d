-- Row types functions pass around instead of temporary tables.

CREATE TYPE usdtpay_internal.chain_span AS (numbers bigint [], hashes bytea [], parents bytea [], times timestamptz []);
COMMENT ON TYPE usdtpay_internal.chain_span IS 'A verified run of blocks, column by column';

CREATE TYPE usdtpay_internal.chain_row AS (
    number bigint, block_hash bytea, block_time timestamptz, tx_hash bytea, log_index integer, ordinal integer,
    token_id integer, asset_id integer, decimals smallint, sender bytea, recipient bytea, amount_raw numeric,
    party_id bigint, wallet_id bigint, idx bigint, order_id bigint, customer_ref text, custodial boolean
);
COMMENT ON TYPE usdtpay_internal.chain_row IS 'A Transfer to one of our addresses, with what the address says about it';

CREATE TYPE usdtpay_internal.pairs AS (parties bigint [], ids bigint []);
COMMENT ON TYPE usdtpay_internal.pairs IS 'A set of (party_id, object id), column by column';

CREATE TYPE usdtpay_internal.order_move AS (
    now usdtpay.payment_order, old_state usdtpay.order_state, old_settled bigint, was_overpaid boolean
);
COMMENT ON TYPE usdtpay_internal.order_move IS 'What changed about an order in one step';
