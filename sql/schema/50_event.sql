-- The outbox.  An event is written in the transaction that changed the state, with its payload
-- rendered then and stored verbatim; what is delivered to whom is decided in the same transaction.

CREATE TABLE usdtpay.event (
    party_id bigint NOT NULL,
    event_id bigint NOT NULL,
    object text NOT NULL,
    object_id bigint NOT NULL,
    sequence integer NOT NULL,
    type text NOT NULL,
    payload text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT event_pkey PRIMARY KEY (party_id, event_id),
    CONSTRAINT event_sequence_key UNIQUE (party_id, object_id, object, sequence),
    CONSTRAINT event_type_check CHECK (type ~ '^[a-z_]+(\.[a-z_]+)+$')
);
COMMENT ON TABLE usdtpay.event IS 'Facts for the outside, one per state change. Append-only.';
COMMENT ON COLUMN usdtpay.event.party_id IS 'Whose event';
COMMENT ON COLUMN usdtpay.event.event_id IS 'Identity; the webhook id is evt_<event_id>';
COMMENT ON COLUMN usdtpay.event.object IS 'Kind of object: order, deposit, customer …';
COMMENT ON COLUMN usdtpay.event.object_id IS 'Which one';
COMMENT ON COLUMN usdtpay.event.sequence IS 'Position in the object''s own history, from 1 without gaps';
COMMENT ON COLUMN usdtpay.event.type IS 'What happened: order.paid, deposit.late …';
COMMENT ON COLUMN usdtpay.event.payload IS 'The exact body every delivery sends';
COMMENT ON COLUMN usdtpay.event.created_at IS 'Transaction time';
SELECT pg_catalog.pg_extension_config_dump('usdtpay.event', '');
CREATE SEQUENCE usdtpay_internal.event_seq;
COMMENT ON SEQUENCE usdtpay_internal.event_seq IS
'Event ids. No cache: the feed''s horizon relies on a value being drawn by a transaction that already has an xid and is still in flight.';
SELECT pg_catalog.pg_extension_config_dump('usdtpay_internal.event_seq', '');
CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON usdtpay.event
FOR EACH STATEMENT EXECUTE FUNCTION usdtpay_internal.append_only();
ALTER TABLE usdtpay.event ENABLE ALWAYS TRIGGER event_append_only; -- whatever session_replication_role says
ALTER TABLE usdtpay.event ENABLE ROW LEVEL SECURITY;
CREATE POLICY event_tenant ON usdtpay.event FOR SELECT
USING (party_id BETWEEN usdtpay_internal.visible_from() AND usdtpay_internal.visible_to());
