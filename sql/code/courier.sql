-- What the courier does in the database: claim in one transaction, record in another, repair what a
-- crash left.  Claiming and recording exclude each other by taking turns (turn_take), so parking
-- behind an older delivery and unparking when it is done cannot miss each other.
--
-- The queue is empty at one moment and long at the next, so statistics about it are always wrong, and
-- a plan made while it was empty may walk the wrong index when it is long.  Therefore each probe
-- asks for rows in the order of one index, with everything else switched off: there is one plan.

CREATE OR REPLACE FUNCTION usdtpay_internal.delivery_hooks() RETURNS TABLE (party_id bigint, webhook_id bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_sort = off
SET enable_incremental_sort = off
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    -- A skip scan: one index probe per webhook that has something queued, none for the idle ones.
    RETURN QUERY
    WITH RECURSIVE hook AS (
        (SELECT d.party_id, d.webhook_id FROM usdtpay_internal.delivery AS d
          WHERE d.state IN ('queued', 'retrying')
          ORDER BY d.party_id, d.webhook_id, d.next_at, d.event_id LIMIT 1)
        UNION ALL
        SELECT n.party_id, n.webhook_id
          FROM hook AS h
         CROSS JOIN LATERAL (
             SELECT d.party_id, d.webhook_id FROM usdtpay_internal.delivery AS d
              WHERE d.state IN ('queued', 'retrying') AND (d.party_id, d.webhook_id) > (h.party_id, h.webhook_id)
              ORDER BY d.party_id, d.webhook_id, d.next_at, d.event_id LIMIT 1) AS n
    )
    SELECT h.party_id, h.webhook_id FROM hook AS h;
END
$$;
COMMENT ON FUNCTION usdtpay_internal.delivery_hooks() IS 'The webhooks that have deliveries waiting';

CREATE OR REPLACE FUNCTION usdtpay_internal.courier_lock() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM usdtpay_internal.turn_take('courier', 0);
END
$$;
COMMENT ON FUNCTION usdtpay_internal.courier_lock() IS 'Held while claiming, recording and repairing';

CREATE OR REPLACE FUNCTION usdtpay_internal.courier_claim(p_limit integer, p_per_webhook integer, p_lease interval)
RETURNS TABLE (
    party_id bigint, webhook_id bigint, event_id bigint, attempt integer, url text, secrets bytea[], body text
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_sort = off
SET enable_incremental_sort = off
SET jit = off
AS $$
DECLARE
    v_party bigint[] := array[]::bigint[];
    v_webhook bigint[] := array[]::bigint[];
    v_event bigint[] := array[]::bigint[];
    v_attempt integer[] := array[]::integer[];
    v_more_party bigint[];
    v_more_webhook bigint[];
    v_more_event bigint[];
    v_more_attempt integer[];
    v_left bigint := p_limit;
    v_parked bigint;
    v_now timestamptz;
BEGIN
    PERFORM usdtpay_internal.courier_lock();
    v_now := clock_timestamp();
    -- A round that only met deliveries waiting for older ones parks them and looks further.
    FOR v_round IN 1..16 LOOP
        WITH due AS MATERIALIZED (
            SELECT c.party_id, c.webhook_id, c.event_id, c.object, c.object_id, r.room
              FROM (
                  SELECT h.party_id, h.webhook_id, p_per_webhook - (
                      SELECT count(*) FROM (
                          SELECT FROM usdtpay_internal.delivery AS s
                           WHERE s.party_id = h.party_id AND s.webhook_id = h.webhook_id AND s.state = 'sending'
                           ORDER BY s.lease_until LIMIT p_per_webhook) AS s) AS room
                    FROM usdtpay_internal.delivery_hooks() AS h
                    JOIN usdtpay.webhook AS w ON w.party_id = h.party_id AND w.webhook_id = h.webhook_id
                   WHERE w.state = 'enabled'
              ) AS r
             CROSS JOIN LATERAL (
                 SELECT d.* FROM usdtpay_internal.delivery AS d
                  WHERE d.party_id = r.party_id AND d.webhook_id = r.webhook_id
                    AND d.state IN ('queued', 'retrying') AND d.next_at <= v_now
                  ORDER BY d.next_at, d.event_id
                  LIMIT 4 * p_per_webhook FOR UPDATE SKIP LOCKED
             ) AS c
             WHERE r.room > 0
        ), judged AS MATERIALIZED (
            -- The object's oldest open delivery exists: at the latest it is this one.
            SELECT c.*, c.event_id > (
                SELECT o.event_id FROM usdtpay_internal.delivery AS o
                 WHERE (o.party_id, o.webhook_id, o.object_id, o.object, o.event_id)
                       >= (c.party_id, c.webhook_id, c.object_id, c.object, 0)
                   AND o.state IN ('queued', 'sending', 'retrying')
                 ORDER BY o.party_id, o.webhook_id, o.object_id, o.object, o.event_id LIMIT 1) AS waits
              FROM due AS c
        ), parked AS (
            UPDATE usdtpay_internal.delivery AS d SET next_at = 'infinity'
              FROM judged AS j
             WHERE j.waits AND d.party_id = j.party_id AND d.webhook_id = j.webhook_id AND d.event_id = j.event_id
            RETURNING 1
        ), ranked AS (
            SELECT j.*, row_number() OVER (PARTITION BY j.party_id, j.webhook_id ORDER BY j.event_id) AS place
              FROM judged AS j WHERE NOT j.waits
        ), chosen AS (
            -- The first of every webhook before the second of any, counting what is under way: one that
            -- answers slowly and has a long queue must not take every place that becomes free.
            SELECT r.* FROM ranked AS r WHERE r.place <= r.room ORDER BY r.place - r.room, r.event_id LIMIT v_left
        ), taken AS (
            UPDATE usdtpay_internal.delivery AS d
               SET state = 'sending', attempts = d.attempts + 1, lease_until = v_now + p_lease
              FROM chosen AS c
             WHERE d.party_id = c.party_id AND d.webhook_id = c.webhook_id AND d.event_id = c.event_id
            RETURNING d.party_id, d.webhook_id, d.event_id, d.attempts
        )
        SELECT
            array_agg(t.party_id), array_agg(t.webhook_id), array_agg(t.event_id), array_agg(t.attempts),
            v_left - count(*), (SELECT count(*) FROM parked)
          INTO v_more_party, v_more_webhook, v_more_event, v_more_attempt, v_left, v_parked
          FROM taken AS t;
        v_party := v_party || v_more_party;
        v_webhook := v_webhook || v_more_webhook;
        v_event := v_event || v_more_event;
        v_attempt := v_attempt || v_more_attempt;
        EXIT WHEN v_left <= 0 OR v_parked = 0;
    END LOOP;
    RETURN QUERY
    SELECT
        k.party_id, k.webhook_id, k.event_id, k.attempt, w.url,
        array(SELECT s.secret FROM usdtpay_internal.webhook_secret AS s
               WHERE s.party_id = k.party_id AND s.webhook_id = k.webhook_id
                 AND (s.expires_at IS NULL OR s.expires_at > v_now)
               ORDER BY s.secret_no DESC LIMIT 2),
        (SELECT e.payload FROM usdtpay.event AS e
          WHERE (e.party_id, e.event_id) >= (k.party_id, k.event_id)
          ORDER BY e.party_id, e.event_id LIMIT 1)
      FROM unnest(v_party, v_webhook, v_event, v_attempt) AS k (party_id, webhook_id, event_id, attempt)
      JOIN usdtpay.webhook AS w ON w.party_id = k.party_id AND w.webhook_id = k.webhook_id
     ORDER BY k.event_id;
END
$$;
COMMENT ON FUNCTION usdtpay_internal.courier_claim(integer, integer, interval) IS
'Takes up to p_limit due deliveries (queued or retrying → sending) under a lease, at most p_per_webhook in flight per webhook and one per object, and returns what is needed to send them.';

CREATE OR REPLACE FUNCTION usdtpay_internal.courier_pause(p_attempt integer, p_retry_after integer, p_unit integer)
RETURNS interval
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
RETURN CASE WHEN p_attempt <= 12 THEN
    greatest(
        (array[5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800, 43200, 86400, 86400])[p_attempt]
        * (0.9 + 0.2 * pg_catalog.random()),
        -- least() would take a missing Retry-After for the shortest day.
        CASE WHEN p_retry_after > 86400 THEN 86400 ELSE p_retry_after END
    ) * p_unit * interval '1 millisecond'
END;
COMMENT ON FUNCTION usdtpay_internal.courier_pause(integer, integer, integer) IS
'How long to wait after the failed attempt number p_attempt: the schedule with 10 % jitter, at least Retry-After (seconds, capped at a day); NULL after the last one. p_unit is the length of a second in milliseconds.';

CREATE OR REPLACE FUNCTION usdtpay_internal.courier_unpark(
    p_party bigint[], p_webhook bigint[], p_object_id bigint[], p_object text[]
) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_sort = off
SET enable_incremental_sort = off
SET jit = off
AS $$
BEGIN
    UPDATE usdtpay_internal.delivery AS d SET next_at = clock_timestamp()
      FROM (
          SELECT o.party_id, o.webhook_id, o.event_id
            FROM unnest(p_party, p_webhook, p_object_id, p_object) AS k (party_id, webhook_id, object_id, object)
           CROSS JOIN LATERAL (
               SELECT i.* FROM usdtpay_internal.delivery AS i
                WHERE (i.party_id, i.webhook_id, i.object_id, i.object, i.event_id)
                      >= (k.party_id, k.webhook_id, k.object_id, k.object, 0)
                  AND i.state IN ('queued', 'sending', 'retrying')
                ORDER BY i.party_id, i.webhook_id, i.object_id, i.object, i.event_id LIMIT 1) AS o
           WHERE o.party_id = k.party_id AND o.webhook_id = k.webhook_id AND o.object_id = k.object_id
             AND o.object = k.object
          OFFSET 0
      ) AS n
     WHERE d.party_id = n.party_id AND d.webhook_id = n.webhook_id AND d.event_id = n.event_id
       AND d.next_at = 'infinity';
END
$$;
COMMENT ON FUNCTION usdtpay_internal.courier_unpark(bigint[], bigint[], bigint[], text[]) IS
'Makes the oldest open delivery of each webhook and object due; called when one has finished';

CREATE OR REPLACE FUNCTION usdtpay_internal.courier_record(
    p_party bigint[], p_webhook bigint[], p_event bigint[], p_attempt integer[], p_attempted_at timestamptz[],
    p_ms integer[], p_status integer[], p_retry_after integer[], p_error text[], p_response text[],
    p_unit integer, p_disable_after interval
) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_sort = off
SET enable_incremental_sort = off
SET jit = off
AS $$
DECLARE
    v_now timestamptz;
    v_done record;
    v_off record;
BEGIN
    PERFORM usdtpay_internal.courier_lock();
    v_now := clock_timestamp();
    WITH result AS MATERIALIZED (
        SELECT r.*, coalesce(r.status BETWEEN 200 AND 299, false) AS ok
          FROM unnest(p_party, p_webhook, p_event, p_attempt, p_attempted_at, p_ms, p_status, p_retry_after, p_error,
                      p_response)
            AS r (party_id, webhook_id, event_id, attempt, attempted_at, ms, status, retry_after, error, response)
    ), logged AS (
        INSERT INTO usdtpay.webhook_attempt
            (party_id, webhook_id, event_id, attempt, attempted_at, ms, status, error, response)
        SELECT r.party_id, r.webhook_id, r.event_id, r.attempt, r.attempted_at, r.ms, r.status, r.error, r.response
          FROM result AS r
    ), timed AS (
        SELECT r.*, CASE WHEN NOT r.ok THEN v_now + usdtpay_internal.courier_pause(r.attempt, r.retry_after, p_unit)
               END AS again_at
          FROM result AS r
    ), moved AS (
        UPDATE usdtpay_internal.delivery AS d
           SET state = CASE WHEN t.ok THEN 'delivered' WHEN t.again_at IS NULL THEN 'dead' ELSE 'retrying'
               END::usdtpay.delivery_state,
               next_at = coalesce(t.again_at, d.next_at),
               done_at = CASE WHEN t.again_at IS NULL THEN v_now END,
               lease_until = NULL
          FROM timed AS t
         WHERE d.party_id = t.party_id AND d.webhook_id = t.webhook_id AND d.event_id = t.event_id
           AND d.state = 'sending' AND d.attempts = t.attempt
        RETURNING d.party_id, d.webhook_id, d.object_id, d.object, d.done_at
    )
    SELECT
        count(*)::integer AS moved,
        array_agg(m.party_id) FILTER (WHERE m.done_at IS NOT NULL) AS party,
        array_agg(m.webhook_id) FILTER (WHERE m.done_at IS NOT NULL) AS webhook,
        array_agg(m.object_id) FILTER (WHERE m.done_at IS NOT NULL) AS object_id,
        array_agg(m.object) FILTER (WHERE m.done_at IS NOT NULL) AS object
      INTO v_done FROM moved AS m;
    PERFORM usdtpay_internal.courier_unpark(v_done.party, v_done.webhook, v_done.object_id, v_done.object);
    UPDATE usdtpay.webhook AS w SET failing_since = CASE WHEN NOT r.ok THEN v_now END
      FROM (
          SELECT u.party_id, u.webhook_id, bool_or(coalesce(u.status BETWEEN 200 AND 299, false)) AS ok
            FROM unnest(p_party, p_webhook, p_status) AS u (party_id, webhook_id, status)
           GROUP BY u.party_id, u.webhook_id
      ) AS r
     WHERE w.party_id = r.party_id AND w.webhook_id = r.webhook_id AND (w.failing_since IS NULL) <> r.ok;
    FOR v_off IN
        SELECT w.party_id, w.webhook_id,
            CASE WHEN bool_or(u.status = 410) THEN 'the receiver answered 410 Gone'
                 ELSE format('failing since %s', to_char(min(w.failing_since) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"'))
            END AS reason
          FROM unnest(p_party, p_webhook, p_status) AS u (party_id, webhook_id, status)
          JOIN usdtpay.webhook AS w ON w.party_id = u.party_id AND w.webhook_id = u.webhook_id
         WHERE w.state = 'enabled' AND (u.status = 410 OR w.failing_since < v_now - p_disable_after)
         GROUP BY w.party_id, w.webhook_id
         ORDER BY w.party_id, w.webhook_id
    LOOP
        PERFORM usdtpay_internal.webhook_switch_off(v_off.party_id, v_off.webhook_id, v_off.reason);
    END LOOP;
    RETURN v_done.moved;
END
$$;
COMMENT ON FUNCTION usdtpay_internal.courier_record(
    bigint[], bigint[], bigint[], integer[], timestamptz[], integer[], integer[], integer[], text[], text[], integer, interval) IS
'Writes the results of attempts: sending → delivered on 2xx, → retrying on anything else, → dead after the last; logs each attempt; disables webhooks that answered 410 or fail for p_disable_after. A result whose lease was lost meanwhile is logged and changes nothing. Returns the number of deliveries moved.';

CREATE OR REPLACE FUNCTION usdtpay_internal.courier_repair(p_all boolean) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_sort = off
SET enable_incremental_sort = off
SET jit = off
AS $$
DECLARE
    v_count integer;
BEGIN
    PERFORM usdtpay_internal.courier_lock();
    UPDATE usdtpay_internal.delivery AS d
       SET state = CASE WHEN d.attempts > 12 THEN 'dead' ELSE 'retrying' END::usdtpay.delivery_state,
           lease_until = NULL, next_at = clock_timestamp(),
           done_at = CASE WHEN d.attempts > 12 THEN clock_timestamp() END
      FROM (
          SELECT s.party_id, s.webhook_id, s.event_id FROM usdtpay_internal.delivery AS s
           WHERE s.state = 'sending' AND (p_all OR s.lease_until < clock_timestamp())
           ORDER BY s.party_id, s.webhook_id, s.lease_until
          OFFSET 0
      ) AS l
     WHERE d.party_id = l.party_id AND d.webhook_id = l.webhook_id AND d.event_id = l.event_id;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    -- Parked with nothing older left: a row removed by hand leads here, or a death just above.
    UPDATE usdtpay_internal.delivery AS d SET next_at = clock_timestamp()
      FROM (
          SELECT o.party_id, o.webhook_id, o.event_id, o.next_at,
              lag(o.event_id) OVER (
                  PARTITION BY o.party_id, o.webhook_id, o.object_id, o.object ORDER BY o.event_id) AS before
            FROM usdtpay_internal.delivery AS o
           WHERE o.state IN ('queued', 'sending', 'retrying')
      ) AS l
     WHERE l.before IS NULL AND l.next_at = 'infinity'
       AND d.party_id = l.party_id AND d.webhook_id = l.webhook_id AND d.event_id = l.event_id;
    RETURN v_count;
END
$$;
COMMENT ON FUNCTION usdtpay_internal.courier_repair(boolean) IS
'Takes back deliveries whose lease ran out (all of them with p_all, when the courier starts): sending → retrying, and makes parked deliveries due that wait for nothing. Returns the number taken back.';

CREATE OR REPLACE FUNCTION usdtpay_internal.courier_next_at() RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_sort = off
SET enable_incremental_sort = off
SET jit = off
AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
BEGIN
    RETURN (
    SELECT min(n.next_at)
      FROM usdtpay_internal.delivery_hooks() AS h
      JOIN usdtpay.webhook AS w ON w.party_id = h.party_id AND w.webhook_id = h.webhook_id AND w.state = 'enabled'
     CROSS JOIN LATERAL (
         SELECT d.next_at FROM usdtpay_internal.delivery AS d
          WHERE d.party_id = h.party_id AND d.webhook_id = h.webhook_id AND d.state IN ('queued', 'retrying')
            AND d.next_at > v_now
          ORDER BY d.next_at LIMIT 1) AS n);
END
$$;
COMMENT ON FUNCTION usdtpay_internal.courier_next_at() IS 'When the next delivery comes due that is not due yet; NULL when there is none';
