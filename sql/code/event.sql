-- The outbox: writing events in the transaction that changed the state, and reading them as a feed.

CREATE OR REPLACE FUNCTION usdtpay_internal.courier_wake() RETURNS void
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'usdtpay_courier_wake';
COMMENT ON FUNCTION usdtpay_internal.courier_wake() IS
'Wakes the courier when the transaction commits, once however often it is called.';

CREATE OR REPLACE FUNCTION usdtpay_internal.webhook_wants(p_types text[], p_type text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
RETURN EXISTS (
    SELECT FROM pg_catalog.unnest(p_types) AS f (pattern)
     WHERE f.pattern = p_type
        OR (pg_catalog.right(f.pattern, 2) = '.*' AND pg_catalog.starts_with(p_type, pg_catalog.left(f.pattern, -1)))
);
COMMENT ON FUNCTION usdtpay_internal.webhook_wants(text[], text) IS
'Whether an event type passes a webhook''s filter: equal to an element, or below an element that ends in .*';

CREATE OR REPLACE FUNCTION usdtpay_internal.event_insert(
    p_party bigint[], p_object text[], p_object_id bigint[], p_sequence integer[], p_type text[], p_payload text[]
) RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET jit = off
AS $$
DECLARE
    v_count integer := coalesce(cardinality(p_party), 0);
    v_stamp text := to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    v_queued bigint;
BEGIN
    IF v_count = 0 THEN
        RETURN 0;
    END IF;
    IF array[cardinality(p_object), cardinality(p_object_id), cardinality(p_sequence), cardinality(p_type),
             cardinality(p_payload)] IS DISTINCT FROM array_fill(v_count, array[5]) THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000', MESSAGE = 'event arrays differ in length',
            DETAIL = format('There are %s parties.', v_count), HINT = 'Pass one element per event in every array.';
    END IF;
    -- The feed's horizon relies on this transaction having an xid before it draws an id.
    PERFORM pg_current_xact_id();
    WITH numbered AS MATERIALIZED (
        SELECT
            nextval('usdtpay_internal.event_seq') AS event_id,
            e.party_id, e.object, e.object_id, e.sequence, e.type, e.data
          FROM unnest(p_party, p_object, p_object_id, p_sequence, p_type, p_payload)
            AS e (party_id, object, object_id, sequence, type, data)
    ), written AS (
        INSERT INTO usdtpay.event (party_id, event_id, object, object_id, sequence, type, payload, created_at)
        SELECT
            n.party_id, n.event_id, n.object, n.object_id, n.sequence, n.type,
            '{"type":"' || n.type || '","timestamp":"' || v_stamp || '","id":"evt_' || n.event_id
            || '","api_version":"2026-11","sequence":' || n.sequence || ',"data":'
            || CASE
                WHEN octet_length(n.data) > 19600
                    THEN json_build_object('object', n.object, 'object_id', n.object_id, 'omitted', true)::text
                ELSE n.data
            END || '}',
            now()
          FROM numbered AS n
    )
    INSERT INTO usdtpay_internal.delivery
        (party_id, webhook_id, event_id, object_id, object, created_at, next_at)
    SELECT n.party_id, w.webhook_id, n.event_id, n.object_id, n.object, now(), now()
      FROM numbered AS n
      JOIN usdtpay.webhook AS w ON w.party_id = n.party_id
     WHERE w.state = 'enabled'
       AND CASE
           WHEN n.type = 'endpoint.test' THEN w.webhook_id = n.object_id
           ELSE w.types IS NULL OR usdtpay_internal.webhook_wants(w.types, n.type)
       END;
    GET DIAGNOSTICS v_queued = ROW_COUNT;
    IF v_queued > 0 THEN
        PERFORM usdtpay_internal.courier_wake();
    END IF;
    RETURN v_count;
END
$$;
COMMENT ON FUNCTION usdtpay_internal.event_insert(bigint[], text[], bigint[], integer[], text[], text[]) IS
'Writes one event per array element, ids in array order, and queues it for every enabled webhook of the party that wants its type. p_payload is the JSON of the body''s data member; data over 19,600 bytes is replaced by {"object", "object_id", "omitted": true}, which keeps the body below 20 kB. Call it while holding the lock on the object''s row. Returns the number of events.';

CREATE OR REPLACE FUNCTION usdtpay_internal.event_horizon() RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_settled bigint;
    v_drawn bigint;
    v_next xid8;
BEGIN
    SELECT h.settled_id INTO v_settled FROM usdtpay_internal.horizon AS h WHERE h.name = 'event';
    SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END INTO v_drawn FROM usdtpay_internal.event_seq AS s;
    -- Under a snapshot older than the mark, moving the mark would be a serialization failure.
    IF v_drawn <= v_settled OR pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'
       OR current_setting('transaction_isolation') <> 'read committed' THEN
        RETURN coalesce(v_settled, 0);
    END IF;
    -- First the id, then the xid: whoever drew this id or a lower one had an xid already.  When all
    -- of them have ended the id is settled at once; otherwise a later look will find it so.
    v_next := usdtpay_internal.next_xid();
    IF pg_snapshot_xmin(pg_current_snapshot()) < v_next THEN
        RETURN usdtpay_internal.horizon_advance('event', 'usdtpay_internal.event_seq');
    END IF;
    -- Not for a row that is there: ON CONFLICT would wait for whoever is moving it.
    IF v_settled IS NULL THEN
        INSERT INTO usdtpay_internal.horizon (name) VALUES ('event') ON CONFLICT DO NOTHING;
    END IF;
    UPDATE usdtpay_internal.horizon AS h
       SET settled_id = greatest(h.settled_id, v_drawn)
     WHERE h.name = (SELECT f.name FROM usdtpay_internal.horizon AS f WHERE f.name = 'event' FOR UPDATE SKIP LOCKED);
    RETURN v_drawn;
END
$$;
COMMENT ON FUNCTION usdtpay_internal.event_horizon() IS
'Highest event id no transaction in flight can still get below, stored on the way; in recovery and in read-only or snapshot transactions the stored mark.';

CREATE OR REPLACE FUNCTION usdtpay.events(p_after bigint DEFAULT 0, p_limit integer DEFAULT 100, p_party text DEFAULT NULL)
RETURNS TABLE (
    event_id bigint, type text, object text, object_id bigint, sequence integer, created_at timestamptz, payload jsonb
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_party bigint := usdtpay_internal.party_acting(p_party);
    v_settled bigint;
BEGIN
    IF p_after IS NULL OR p_after < 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000', MESSAGE = 'event position is out of range',
            DETAIL = format('p_after is %s.', coalesce(p_after::text, 'null')),
            HINT = 'Pass 0 to start from the beginning, later the last event_id you have handled.';
    END IF;
    IF p_limit IS NULL OR p_limit NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000', MESSAGE = 'limit is out of range',
            DETAIL = format('p_limit is %s.', coalesce(p_limit::text, 'null')), HINT = 'Ask for 1 to 1000 events.';
    END IF;
    v_settled := usdtpay_internal.event_horizon();
    RETURN QUERY
    SELECT e.event_id, e.type, e.object, e.object_id, e.sequence, e.created_at, e.payload::jsonb
      FROM usdtpay.event AS e
     WHERE e.party_id = v_party AND e.event_id > p_after AND e.event_id <= v_settled
     ORDER BY e.event_id
     LIMIT p_limit;
END
$$;
COMMENT ON FUNCTION usdtpay.events(bigint, integer, text) IS
'The pull feed: the party''s events after a position, in order. It never skips one that commits late, because it stops below the oldest transaction in flight. Keep the last event_id and pass it as p_after. p_limit 1 to 1000; p_party for operators. Errors UP000, UP100, UP101. Example: SELECT * FROM usdtpay.events(41, 100).';
