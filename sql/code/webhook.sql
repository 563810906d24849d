-- Webhooks: the API of the people who receive, then the functions the courier works with.

CREATE OR REPLACE FUNCTION usdtpay.webhook_sign(p_secret text, p_id text, p_timestamp bigint, p_body text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'usdtpay_webhook_sign_text';
COMMENT ON FUNCTION usdtpay.webhook_sign(text, text, bigint, text) IS
'Signs a webhook as Standard Webhooks v1: HMAC-SHA256 over "id.timestamp.body", answered as v1,<base64>. p_secret is whsec_<base64> of 24 to 64 bytes, p_timestamp unix seconds. Error UP000. Example: SELECT usdtpay.webhook_sign(''whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'', ''evt_1'', 1614265330, ''{}'').';

CREATE OR REPLACE FUNCTION usdtpay.webhook_verify(
    p_secret text, p_id text, p_timestamp bigint, p_body text, p_signature text,
    p_tolerance interval DEFAULT '5 minutes'
) RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'usdtpay_webhook_verify';
COMMENT ON FUNCTION usdtpay.webhook_verify(text, text, bigint, text, text, interval) IS
'Whether a webhook is genuine and fresh: one v1 signature in the space-separated webhook-signature header is right (constant-time) and the timestamp is within the tolerance (NULL: any age). Anything else NULL is false. Error UP000 for a malformed secret. Example: SELECT usdtpay.webhook_verify(secret, id, ts, body, signature).';

CREATE OR REPLACE FUNCTION usdtpay_internal.webhook_url_check(p_url text) RETURNS void
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'usdtpay_webhook_url_check';
COMMENT ON FUNCTION usdtpay_internal.webhook_url_check(text) IS
'Refuses (UP000) an address webhooks must not be sent to: scheme, port, user info, length, literal private addresses. Names are checked again when the courier connects.';

CREATE OR REPLACE FUNCTION usdtpay_internal.webhook_secret_new() RETURNS bytea
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'usdtpay_webhook_secret_new';
COMMENT ON FUNCTION usdtpay_internal.webhook_secret_new() IS '32 bytes from the strong random source';

CREATE OR REPLACE FUNCTION usdtpay_internal.webhook_secret_add(p_party bigint, p_webhook bigint) RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_secret bytea := usdtpay_internal.webhook_secret_new();
BEGIN
    INSERT INTO usdtpay_internal.webhook_secret (party_id, webhook_id, secret_no, secret)
    SELECT p_party, p_webhook, coalesce(max(s.secret_no), 0) + 1, v_secret
      FROM usdtpay_internal.webhook_secret AS s
     WHERE s.party_id = p_party AND s.webhook_id = p_webhook;
    RETURN 'whsec_' || encode(v_secret, 'base64');
END
$$;
COMMENT ON FUNCTION usdtpay_internal.webhook_secret_add(bigint, bigint) IS
'Makes a new signing secret and returns its text form, the only time it is shown';

CREATE OR REPLACE FUNCTION usdtpay_internal.webhook_own(p_webhook bigint, p_lock boolean DEFAULT true) RETURNS usdtpay.webhook
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_row usdtpay.webhook;
BEGIN
    SELECT w.* INTO v_row FROM usdtpay.webhook AS w
     WHERE w.webhook_id = p_webhook
       AND (w.party_id = usdtpay.session_party() OR usdtpay_internal.session_has_role('usdtpay_operator'));
    IF v_row.webhook_id IS NOT NULL AND p_lock THEN
        SELECT w.* INTO v_row FROM usdtpay.webhook AS w
         WHERE w.party_id = v_row.party_id AND w.webhook_id = p_webhook FOR NO KEY UPDATE;
    END IF;
    IF v_row.webhook_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP200', MESSAGE = 'webhook does not exist',
            DETAIL = format('There is no webhook %s of this party.', coalesce(p_webhook::text, 'null')),
            HINT = 'See usdtpay.webhook_status for the webhooks there are.';
    END IF;
    RETURN v_row;
END
$$;
COMMENT ON FUNCTION usdtpay_internal.webhook_own(bigint, boolean) IS
'The webhook, locked unless told otherwise, if it is the session''s party''s or the session is an operator; otherwise UP200';

CREATE OR REPLACE FUNCTION usdtpay_internal.webhook_types_check(p_types text[]) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_bad text;
BEGIN
    IF cardinality(p_types) NOT BETWEEN 1 AND 100 OR array_ndims(p_types) > 1
    OR array_position(p_types, NULL) IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000', MESSAGE = 'webhook types are malformed',
            DETAIL = format('The list has %s elements and %s dimensions, or a NULL among them.',
                            cardinality(p_types), coalesce(array_ndims(p_types), 0)),
            HINT = 'Pass 1 to 100 types, or NULL for all.';
    END IF;
    SELECT t INTO v_bad FROM unnest(p_types) AS t
     WHERE CASE WHEN length(t) > 100 THEN true
           ELSE t !~ '^[a-z_]+(\.[a-z_]+)*\.\*$' AND t !~ '^[a-z_]+(\.[a-z_]+)+$' END
     LIMIT 1;
    IF v_bad IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000', MESSAGE = 'webhook type is malformed',
            DETAIL = format('The type is "%s".', left(v_bad, 100)),
            HINT = 'Write a type such as order.paid, or order.* for everything below order, in at most 100 characters.';
    END IF;
END
$$;
COMMENT ON FUNCTION usdtpay_internal.webhook_types_check(text[]) IS
'Refuses (UP000) a malformed filter';

CREATE OR REPLACE FUNCTION usdtpay_internal.webhook_call_known(p_party bigint, p_key text, p_request jsonb)
RETURNS usdtpay_internal.webhook_call
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_call usdtpay_internal.webhook_call;
BEGIN
    IF p_key IS NULL THEN
        RETURN NULL;
    END IF;
    IF length(p_key) NOT BETWEEN 1 AND 200 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000', MESSAGE = 'an idempotency key has 1 to 200 characters',
            DETAIL = format('It has %s.', length(p_key)), HINT = 'Give a key of your own, for example a UUID, or none.';
    END IF;
    PERFORM usdtpay_internal.turn_take('webhook_call:' || p_key, p_party);
    SELECT c.* INTO v_call FROM usdtpay_internal.webhook_call AS c WHERE c.party_id = p_party AND c.key = p_key;
    IF v_call.request <> p_request THEN
        RAISE EXCEPTION USING ERRCODE = 'UP202', MESSAGE = 'that key belongs to another call',
            DETAIL = format('Key "%s" was used for %s of webhook %s at %s.',
                            p_key, v_call.request ->> 'call', v_call.webhook_id, v_call.called_at),
            HINT = 'Use a new key for a new call; the same key only repeats a call with the same parameters.';
    END IF;
    RETURN v_call;
END
$$;
COMMENT ON FUNCTION usdtpay_internal.webhook_call_known(bigint, text, jsonb) IS
'The call an idempotency key already stands for, NULLs when it is new or there is no key; one caller per key at a time. Errors: UP000, UP202.';

CREATE OR REPLACE FUNCTION usdtpay_internal.webhook_call_keep(
    p_party bigint, p_key text, p_request jsonb, p_result bigint, p_webhook bigint, p_secret_no integer DEFAULT NULL
) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO usdtpay_internal.webhook_call (party_id, key, request, result, webhook_id, secret_no)
    SELECT p_party, p_key, p_request, p_result, p_webhook, p_secret_no WHERE p_key IS NOT NULL
$$;
COMMENT ON FUNCTION usdtpay_internal.webhook_call_keep(bigint, text, jsonb, bigint, bigint, integer) IS
'Remembers what a call with an idempotency key answered; nothing without a key.';

CREATE OR REPLACE FUNCTION usdtpay_internal.webhook_call_secret(p_call usdtpay_internal.webhook_call) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_secret bytea;
BEGIN
    SELECT s.secret INTO v_secret FROM usdtpay_internal.webhook_secret AS s
     WHERE s.party_id = p_call.party_id AND s.webhook_id = p_call.webhook_id AND s.secret_no = p_call.secret_no
       AND p_call.called_at > now() - interval '24 hours';
    IF v_secret IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP201', MESSAGE = 'the secret of that call is not shown any more',
            DETAIL = format('Key "%s" was used for webhook %s at %s.', p_call.key, p_call.webhook_id, p_call.called_at),
            HINT = 'A repeated call shows it for 24 hours while it is in use; '
                || 'make a new one with usdtpay.webhook_rotate and a new key.';
    END IF;
    RETURN 'whsec_' || encode(v_secret, 'base64');
END
$$;
COMMENT ON FUNCTION usdtpay_internal.webhook_call_secret(usdtpay_internal.webhook_call) IS
'The secret a call made, for whoever repeats it within 24 hours because the answer was lost; afterwards, and once it is out of use, UP201.';

CREATE OR REPLACE FUNCTION usdtpay.webhook_add(
    p_url text, p_types text[] DEFAULT NULL, p_party text DEFAULT NULL, p_idempotency_key text DEFAULT NULL
)
RETURNS TABLE (webhook_id bigint, secret text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_party bigint := usdtpay_internal.party_acting(p_party);
    v_request jsonb;
    v_call usdtpay_internal.webhook_call;
    v_known bigint;
BEGIN
    IF p_url IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000', MESSAGE = 'webhook address is missing',
            DETAIL = 'p_url is null.', HINT = 'Pass an https:// address.';
    END IF;
    PERFORM usdtpay_internal.webhook_url_check(p_url);
    PERFORM usdtpay_internal.webhook_types_check(p_types);
    v_request := jsonb_build_object('call', 'webhook_add', 'url', p_url, 'types', p_types);
    v_call := usdtpay_internal.webhook_call_known(v_party, p_idempotency_key, v_request);
    IF v_call.key IS NOT NULL THEN
        RETURN QUERY SELECT v_call.webhook_id, usdtpay_internal.webhook_call_secret(v_call);
        RETURN;
    END IF;
    PERFORM usdtpay_internal.party_must_be_open(v_party);
    PERFORM 1 FROM usdtpay.party AS p WHERE p.party_id = v_party FOR NO KEY UPDATE;
    SELECT w.webhook_id INTO v_known FROM usdtpay.webhook AS w WHERE w.party_id = v_party AND w.url = p_url;
    IF v_known IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'UP201', MESSAGE = 'address already has a webhook',
            DETAIL = format('It is webhook %s.', v_known),
            HINT = 'Call usdtpay.webhook_rotate for a new secret, or remove it first.';
    END IF;
    IF (SELECT count(*) FROM usdtpay.webhook AS w WHERE w.party_id = v_party) >= 20 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP204', MESSAGE = 'too many webhooks',
            DETAIL = 'A party has at most 20.', HINT = 'Remove one with usdtpay.webhook_remove.';
    END IF;
    INSERT INTO usdtpay.webhook AS w (party_id, url, types) VALUES (v_party, p_url, p_types)
    RETURNING w.webhook_id INTO webhook_id;
    secret := usdtpay_internal.webhook_secret_add(v_party, webhook_id);
    PERFORM usdtpay_internal.webhook_call_keep(v_party, p_idempotency_key, v_request, webhook_id, webhook_id, 1);
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION usdtpay.webhook_add(text, text[], text, text) IS
'Adds an address events are posted to; the secret is shown this once. p_types: exact types or order.*; NULL means all; p_party for operators. At most 20 per party. p_idempotency_key: the same call with the same key gets the first answer again, for 24 hours the secret too, then UP201. Errors UP000 (address or types refused), UP201 (address known, party closed, secret no longer shown), UP202 (key of another call), UP204, UP100, UP101. Example: SELECT * FROM usdtpay.webhook_add(''https://shop.example/usdtpay'', ''{order.*}'').';

CREATE OR REPLACE FUNCTION usdtpay.webhook_remove(p_webhook bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_hook usdtpay.webhook := usdtpay_internal.webhook_own(p_webhook);
BEGIN
    DELETE FROM usdtpay_internal.webhook_secret AS s
     WHERE s.party_id = v_hook.party_id AND s.webhook_id = v_hook.webhook_id;
    DELETE FROM usdtpay.webhook AS w WHERE w.party_id = v_hook.party_id AND w.webhook_id = v_hook.webhook_id;
END
$$;
COMMENT ON FUNCTION usdtpay.webhook_remove(bigint) IS
'Removes a webhook and its secrets. What is still queued for it is not sent; webhook_purge clears it away. Error UP200. Example: SELECT usdtpay.webhook_remove(7).';

CREATE OR REPLACE FUNCTION usdtpay_internal.webhook_event(p_hook usdtpay.webhook, p_type text) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_sequence integer;
    v_event bigint;
BEGIN
    UPDATE usdtpay.webhook AS w SET event_count = w.event_count + 1
     WHERE w.party_id = p_hook.party_id AND w.webhook_id = p_hook.webhook_id
    RETURNING w.event_count INTO v_sequence;
    PERFORM usdtpay_internal.event_insert(
        array[p_hook.party_id], array['webhook'], array[p_hook.webhook_id], array[v_sequence], array[p_type],
        array[json_build_object('webhook_id', p_hook.webhook_id, 'url', p_hook.url, 'reason', p_hook.reason)::text]);
    SELECT e.event_id INTO v_event FROM usdtpay.event AS e
     WHERE e.party_id = p_hook.party_id AND e.object_id = p_hook.webhook_id AND e.object = 'webhook'
       AND e.sequence = v_sequence;
    RETURN v_event;
END
$$;
COMMENT ON FUNCTION usdtpay_internal.webhook_event(usdtpay.webhook, text) IS
'Writes an event about the webhook itself and returns its id';

CREATE OR REPLACE FUNCTION usdtpay_internal.webhook_switch_off(p_party bigint, p_webhook bigint, p_reason text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_hook usdtpay.webhook;
BEGIN
    UPDATE usdtpay.webhook AS w SET state = 'disabled', reason = p_reason, changed_at = now()
     WHERE w.party_id = p_party AND w.webhook_id = p_webhook AND w.state = 'enabled'
    RETURNING w.* INTO v_hook;
    IF v_hook.webhook_id IS NOT NULL THEN
        PERFORM usdtpay_internal.webhook_event(v_hook, 'endpoint.disabled');
    END IF;
END
$$;
COMMENT ON FUNCTION usdtpay_internal.webhook_switch_off(bigint, bigint, text) IS
'Transition enabled → disabled, with its event; nothing when it is disabled already';

CREATE OR REPLACE FUNCTION usdtpay.webhook_disable(p_webhook bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_hook usdtpay.webhook := usdtpay_internal.webhook_own(p_webhook);
BEGIN
    PERFORM usdtpay_internal.webhook_switch_off(v_hook.party_id, v_hook.webhook_id, 'disabled by hand');
END
$$;
COMMENT ON FUNCTION usdtpay.webhook_disable(bigint) IS
'Stops sending to a webhook; what is queued waits, new events are not queued (webhook_replay fetches them later). Disabling twice is the same as once. Error UP200. Example: SELECT usdtpay.webhook_disable(7).';

CREATE OR REPLACE FUNCTION usdtpay.webhook_enable(p_webhook bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_hook usdtpay.webhook := usdtpay_internal.webhook_own(p_webhook);
BEGIN
    PERFORM usdtpay_internal.webhook_url_check(v_hook.url);
    UPDATE usdtpay.webhook AS w
       SET state = 'enabled', reason = NULL, failing_since = NULL, changed_at = now()
     WHERE w.party_id = v_hook.party_id AND w.webhook_id = v_hook.webhook_id AND w.state = 'disabled';
    PERFORM usdtpay_internal.courier_wake();
END
$$;
COMMENT ON FUNCTION usdtpay.webhook_enable(bigint) IS
'Starts sending to a disabled webhook again, beginning with what was queued before; fetch the events in between with webhook_replay. Errors UP200, UP000 (address no longer allowed). Example: SELECT usdtpay.webhook_enable(7).';

CREATE OR REPLACE FUNCTION usdtpay.webhook_rotate(
    p_webhook bigint, p_overlap interval DEFAULT '24 hours', p_idempotency_key text DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_hook usdtpay.webhook := usdtpay_internal.webhook_own(p_webhook);
    v_request jsonb := jsonb_build_object('call', 'webhook_rotate', 'webhook', p_webhook, 'overlap', p_overlap);
    v_call usdtpay_internal.webhook_call;
    v_secret text;
    v_no integer;
BEGIN
    IF p_overlap IS NULL OR p_overlap < interval '0' OR p_overlap > interval '30 days' THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000', MESSAGE = 'overlap is out of range',
            DETAIL = format('p_overlap is %s.', coalesce(p_overlap::text, 'null')), HINT = 'Pass 0 to 30 days.';
    END IF;
    v_call := usdtpay_internal.webhook_call_known(v_hook.party_id, p_idempotency_key, v_request);
    IF v_call.key IS NOT NULL THEN
        RETURN usdtpay_internal.webhook_call_secret(v_call);
    END IF;
    -- Two secrets at most: one that was already on its way out goes now.
    DELETE FROM usdtpay_internal.webhook_secret AS s
     WHERE s.party_id = v_hook.party_id AND s.webhook_id = v_hook.webhook_id AND s.expires_at IS NOT NULL;
    UPDATE usdtpay_internal.webhook_secret AS s SET expires_at = now() + p_overlap
     WHERE s.party_id = v_hook.party_id AND s.webhook_id = v_hook.webhook_id;
    v_secret := usdtpay_internal.webhook_secret_add(v_hook.party_id, v_hook.webhook_id);
    SELECT max(s.secret_no) INTO v_no FROM usdtpay_internal.webhook_secret AS s
     WHERE s.party_id = v_hook.party_id AND s.webhook_id = v_hook.webhook_id;
    PERFORM usdtpay_internal.webhook_call_keep(v_hook.party_id, p_idempotency_key, v_request, v_no, p_webhook, v_no);
    RETURN v_secret;
END
$$;
COMMENT ON FUNCTION usdtpay.webhook_rotate(bigint, interval, text) IS
'Makes a new secret and returns it, this once. For the overlap (0 to 30 days) deliveries carry both signatures, so the receiver can change over at leisure; a third secret ends the first at once. p_idempotency_key: the same call with the same key does not rotate again; it returns the same secret for 24 hours while that is in use, then UP201. Errors UP200, UP000, UP201, UP202 (key of another call). Example: SELECT usdtpay.webhook_rotate(7, ''1 hour'').';

CREATE OR REPLACE FUNCTION usdtpay.webhook_test(p_webhook bigint, p_idempotency_key text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_hook usdtpay.webhook := usdtpay_internal.webhook_own(p_webhook);
    v_request jsonb := jsonb_build_object('call', 'webhook_test', 'webhook', p_webhook);
    v_call usdtpay_internal.webhook_call;
    v_event bigint;
BEGIN
    v_call := usdtpay_internal.webhook_call_known(v_hook.party_id, p_idempotency_key, v_request);
    IF v_call.key IS NOT NULL THEN
        RETURN v_call.result;
    END IF;
    IF v_hook.state = 'disabled' THEN
        RAISE EXCEPTION USING ERRCODE = 'UP201', MESSAGE = 'webhook is disabled',
            DETAIL = format('Reason: %s.', v_hook.reason), HINT = 'Call usdtpay.webhook_enable first.';
    END IF;
    v_event := usdtpay_internal.webhook_event(v_hook, 'endpoint.test');
    PERFORM usdtpay_internal.webhook_call_keep(v_hook.party_id, p_idempotency_key, v_request, v_event, p_webhook);
    RETURN v_event;
END
$$;
COMMENT ON FUNCTION usdtpay.webhook_test(bigint, text) IS
'Sends an endpoint.test event to this webhook only, whatever its filter, and returns the event id. p_idempotency_key: the same call with the same key sends nothing more and returns the first id. Errors UP200, UP201 (disabled), UP000, UP202 (key of another call). Example: SELECT usdtpay.webhook_test(7).';

CREATE OR REPLACE FUNCTION usdtpay.webhook_replay(
    p_webhook bigint, p_from bigint, p_to bigint DEFAULT NULL, p_idempotency_key text DEFAULT NULL
)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- No lock: the courier locks deliveries before webhooks, this would be the other way round.
    v_hook usdtpay.webhook := usdtpay_internal.webhook_own(p_webhook, false);
    v_to bigint := coalesce(p_to, p_from);
    v_request jsonb := jsonb_build_object('call', 'webhook_replay', 'webhook', p_webhook, 'from', p_from, 'to', v_to);
    v_call usdtpay_internal.webhook_call;
    v_event bigint[];
    v_count integer;
BEGIN
    v_call := usdtpay_internal.webhook_call_known(v_hook.party_id, p_idempotency_key, v_request);
    IF v_call.key IS NOT NULL THEN
        RETURN v_call.result;
    END IF;
    IF v_hook.state = 'disabled' THEN
        RAISE EXCEPTION USING ERRCODE = 'UP201', MESSAGE = 'webhook is disabled',
            DETAIL = format('Reason: %s.', v_hook.reason), HINT = 'Call usdtpay.webhook_enable first.';
    END IF;
    IF p_from IS NULL OR p_from > v_to THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000', MESSAGE = 'range of events is empty',
            DETAIL = format('From %s to %s.', coalesce(p_from::text, 'null'), coalesce(v_to::text, 'null')),
            HINT = 'Pass the first and the last event id; without p_to one event is replayed.';
    END IF;
    v_event := array(
        SELECT e.event_id FROM usdtpay.event AS e
         WHERE e.party_id = v_hook.party_id AND e.event_id BETWEEN p_from AND v_to
           AND CASE
               WHEN e.type = 'endpoint.test' THEN e.object_id = v_hook.webhook_id
               ELSE v_hook.types IS NULL OR usdtpay_internal.webhook_wants(v_hook.types, e.type)
           END
           -- What is queued or under way is not even locked, or the courier would wait for us.
           AND NOT EXISTS (
               SELECT FROM usdtpay_internal.delivery AS d
                WHERE d.party_id = e.party_id AND d.webhook_id = v_hook.webhook_id AND d.event_id = e.event_id
                  AND d.state IN ('queued', 'sending'))
         ORDER BY e.event_id LIMIT 10001);
    IF cardinality(v_event) > 10000 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000', MESSAGE = 'range of events is too long',
            DETAIL = format('From %s to %s there are more than 10000 events for this webhook.', p_from, v_to),
            HINT = format('Replay up to event %s first.', v_event[10000]);
    END IF;
    INSERT INTO usdtpay_internal.delivery AS d
        (party_id, webhook_id, event_id, object_id, object, created_at, next_at)
    SELECT v_hook.party_id, v_hook.webhook_id, e.event_id, e.object_id, e.object, now(), now()
      FROM usdtpay.event AS e
     WHERE e.party_id = v_hook.party_id AND e.event_id = ANY (v_event)
     ORDER BY e.event_id
    ON CONFLICT (party_id, webhook_id, event_id) DO UPDATE
       SET state = 'queued', attempts = 0, created_at = now(), next_at = now(), done_at = NULL
     WHERE d.state IN ('delivered', 'dead', 'retrying');
    GET DIAGNOSTICS v_count = ROW_COUNT;
    PERFORM usdtpay_internal.webhook_call_keep(v_hook.party_id, p_idempotency_key, v_request, v_count, p_webhook);
    PERFORM usdtpay_internal.courier_wake();
    RETURN v_count;
END
$$;
COMMENT ON FUNCTION usdtpay.webhook_replay(bigint, bigint, bigint, text) IS
'Queues one event (p_to NULL) or a range of at most 10000 for the webhook again, with the same webhook-id; also events it never got because it was disabled or did not exist. What is queued or being sent already is left alone. Returns the number queued. p_idempotency_key: the same call with the same key queues nothing more and returns the first number; without one a repeated call sends again what was delivered meanwhile. Errors UP200, UP201 (disabled), UP000, UP202 (key of another call). Example: SELECT usdtpay.webhook_replay(7, 1200, 1299).';

CREATE OR REPLACE FUNCTION usdtpay.webhook_purge(p_keep interval DEFAULT '30 days', p_limit integer DEFAULT 10000)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_before timestamptz;
    v_total integer := 0;
    v_count integer;
BEGIN
    IF p_keep IS NULL OR p_keep NOT BETWEEN interval '0' AND interval '100 years' OR p_limit IS NULL OR p_limit < 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'UP000', MESSAGE = 'retention is out of range',
            DETAIL = format('p_keep is %s, p_limit is %s.', coalesce(p_keep::text, 'null'), coalesce(p_limit::text, 'null')),
            HINT = 'Pass an interval of 0 to 100 years and a limit of at least 1.';
    END IF;
    v_before := now() - p_keep;
    DELETE FROM usdtpay.webhook_attempt AS a
     WHERE (a.party_id, a.attempt_id) IN (
         SELECT o.party_id, o.attempt_id FROM usdtpay.webhook_attempt AS o
          WHERE o.attempted_at < v_before ORDER BY o.attempted_at LIMIT p_limit);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    v_total := v_total + v_count;
    DELETE FROM usdtpay_internal.delivery AS d
     WHERE (d.party_id, d.webhook_id, d.event_id) IN (
         SELECT o.party_id, o.webhook_id, o.event_id FROM usdtpay_internal.delivery AS o
          WHERE o.done_at < v_before ORDER BY o.done_at LIMIT p_limit FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    v_total := v_total + v_count;
    -- Open rows nobody will send: the webhook is gone, or was disabled long ago.
    DELETE FROM usdtpay_internal.delivery AS d
     WHERE (d.party_id, d.webhook_id, d.event_id) IN (
         SELECT o.party_id, o.webhook_id, o.event_id
           FROM usdtpay_internal.delivery_hooks() AS h
           LEFT JOIN usdtpay.webhook AS w ON w.party_id = h.party_id AND w.webhook_id = h.webhook_id
           JOIN usdtpay_internal.delivery AS o ON o.party_id = h.party_id AND o.webhook_id = h.webhook_id
          WHERE o.state IN ('queued', 'retrying')
            AND (w.webhook_id IS NULL OR (w.state = 'disabled' AND w.changed_at < v_before))
          LIMIT p_limit FOR UPDATE OF o SKIP LOCKED);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    v_total := v_total + v_count;
    DELETE FROM usdtpay_internal.webhook_secret AS s WHERE s.expires_at < v_before;
    -- However short p_keep is: a retry may come days later.
    DELETE FROM usdtpay_internal.webhook_call AS c
     WHERE (c.party_id, c.key) IN (
         SELECT o.party_id, o.key FROM usdtpay_internal.webhook_call AS o
          WHERE o.called_at < least(v_before, now() - interval '7 days') ORDER BY o.called_at LIMIT p_limit);
    RETURN v_total;
END
$$;
COMMENT ON FUNCTION usdtpay.webhook_purge(interval, integer) IS
'Drops attempts and finished deliveries older than p_keep, open deliveries of webhooks removed or disabled that long, expired secrets, and idempotency keys older than both p_keep and seven days; at most p_limit rows of each kind per call. Returns the number of attempts and deliveries dropped; call again while it is large. A job does it daily. Error UP000. Example: SELECT usdtpay.webhook_purge(''90 days'').';

CREATE OR REPLACE VIEW usdtpay.webhook_status WITH (security_barrier) AS
SELECT
    w.party_id, w.webhook_id, w.url, w.types, w.state, w.reason, w.failing_since, w.created_at, w.changed_at,
    (SELECT count(*) FROM usdtpay_internal.webhook_secret AS s
      WHERE s.party_id = w.party_id AND s.webhook_id = w.webhook_id
        AND (s.expires_at IS NULL OR s.expires_at > pg_catalog.now())) AS secrets,
    q.pending, q.retrying, q.oldest_at, pg_catalog.clock_timestamp() - q.oldest_at AS lag
  FROM usdtpay.webhook AS w
 CROSS JOIN LATERAL (
     SELECT
         count(*) AS pending,
         count(*) FILTER (WHERE d.state = 'retrying') AS retrying,
         pg_catalog.min(d.created_at) AS oldest_at
       FROM usdtpay_internal.delivery AS d
      WHERE d.party_id = w.party_id AND d.webhook_id = w.webhook_id
        AND d.state IN ('queued', 'sending', 'retrying')
 ) AS q
 WHERE w.party_id BETWEEN usdtpay_internal.visible_from() AND usdtpay_internal.visible_to();
COMMENT ON VIEW usdtpay.webhook_status IS 'Webhooks with what is still to send to them';
COMMENT ON COLUMN usdtpay.webhook_status.secrets IS 'Secrets that sign: 1, or 2 while rotating';
COMMENT ON COLUMN usdtpay.webhook_status.pending IS 'Deliveries not finished';
COMMENT ON COLUMN usdtpay.webhook_status.retrying IS 'Of these, deliveries that have failed at least once';
COMMENT ON COLUMN usdtpay.webhook_status.oldest_at IS 'When the oldest pending delivery was queued';
COMMENT ON COLUMN usdtpay.webhook_status.lag IS 'How long ago that was';

CREATE OR REPLACE VIEW usdtpay.delivery_status WITH (security_barrier) AS
SELECT
    d.party_id, d.webhook_id, d.event_id, e.type, d.object, d.object_id, e.sequence, d.state, d.attempts,
    d.created_at, d.next_at, d.done_at,
    coalesce(d.done_at, pg_catalog.clock_timestamp()) - e.created_at AS lag,
    a.status AS last_status, a.error AS last_error
  FROM usdtpay_internal.delivery AS d
  JOIN usdtpay.event AS e ON e.party_id = d.party_id AND e.event_id = d.event_id
  LEFT JOIN LATERAL (
      SELECT t.status, t.error FROM usdtpay.webhook_attempt AS t
       WHERE t.party_id = d.party_id AND t.event_id = d.event_id AND t.webhook_id = d.webhook_id
       ORDER BY t.attempt_id DESC LIMIT 1
  ) AS a ON true
 WHERE d.party_id BETWEEN usdtpay_internal.visible_from() AND usdtpay_internal.visible_to();
COMMENT ON VIEW usdtpay.delivery_status IS 'One row per event and webhook: where its delivery stands';
COMMENT ON COLUMN usdtpay.delivery_status.next_at IS 'Next attempt not before; infinity while an older event of the same object is open';
COMMENT ON COLUMN usdtpay.delivery_status.lag IS 'Time from the event to its delivery, or until now';
COMMENT ON COLUMN usdtpay.delivery_status.last_status IS 'HTTP status of the last attempt';
COMMENT ON COLUMN usdtpay.delivery_status.last_error IS 'Error of the last attempt when there was no answer';
