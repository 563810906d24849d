-- Webhooks: signatures, addresses, the API of those who receive, and the queue the courier works.
\set vectors `cat test/vectors/webhook/standard_webhooks_published.json`
\set QUIET on
SET client_min_messages = warning;
BEGIN;
SELECT plan(148);
SELECT usdtpay.roles_setup() IS NOT NULL AS roles \gset
SET LOCAL usdtpay.webhook_allow_http = off;
SET LOCAL usdtpay.webhook_allow_private = off;
SET LOCAL usdtpay.webhook_ports = '443,80,8443';

INSERT INTO usdtpay.party (party_id, code, name, kind) VALUES
	(501, 'shop', 'Shop', 'merchant'), (502, 'other', 'Other', 'merchant');
CREATE ROLE wh_shop;
CREATE ROLE wh_other;
CREATE ROLE wh_operator;
GRANT usdtpay_merchant TO wh_shop, wh_other;
GRANT usdtpay_operator TO wh_operator;
INSERT INTO usdtpay.party_login (role_name, party_id, granted_by) VALUES
	('wh_shop', 501, 'postgres'), ('wh_other', 502, 'postgres');

-- Signatures

SELECT is(usdtpay.webhook_sign(v ->> 'secret', v ->> 'id', (v ->> 'timestamp')::bigint, v ->> 'payload'),
	v ->> 'signature', 'published signature: ' || (v ->> 'source'))
  FROM jsonb_array_elements((:'vectors')::jsonb -> 'published') v;
CREATE TEMP VIEW v AS
	SELECT v ->> 'secret' AS secret, v ->> 'id' AS id, (v ->> 'timestamp')::bigint AS ts,
	       v ->> 'payload' AS body, v ->> 'signature' AS sig
	  FROM jsonb_array_elements((:'vectors')::jsonb -> 'published') v LIMIT 1;
SELECT ok(usdtpay.webhook_verify(secret, id, ts, body, sig, NULL), 'verifies, whatever its age') FROM v;
SELECT ok(NOT usdtpay.webhook_verify(secret, id, ts, body, sig), 'but it is too old') FROM v;
SELECT ok(usdtpay.webhook_verify(secret, id, ts, body, concat_ws(' ', VARIADIC others) || ' ' || sig, NULL), 'last of a list')
  FROM v, (SELECT array_agg(x) AS others FROM jsonb_array_elements_text((:'vectors')::jsonb #> '{multi_signature_ok,others}') x) o;
SELECT ok(NOT usdtpay.webhook_verify(secret, id, ts, body, concat_ws(' ', VARIADIC others), NULL), 'none of a list')
  FROM v, (SELECT array_agg(x) AS others FROM jsonb_array_elements_text((:'vectors')::jsonb #> '{multi_signature_ok,others}') x) o;
SELECT ok(NOT usdtpay.webhook_verify(secret, id, ts, body, bad, NULL), format('refuses %s', coalesce(bad, 'NULL')))
  FROM v, unnest(ARRAY['v1,', '', NULL, 'v2' || substr(sig, 3), lower(sig), substr(sig, 4),
	'v1,R3PTzyfHASBKHH98a7yexTwaJ4yNIcGhFQc1yuN+BPU=']) bad;
SELECT ok(NOT usdtpay.webhook_verify(secret, id || 'x', ts, body, sig, NULL)
	AND NOT usdtpay.webhook_verify(secret, id, ts + 1, body, sig, NULL)
	AND NOT usdtpay.webhook_verify(secret, id, ts, body || ' ', sig, NULL), 'refuses another id, time or body') FROM v;
SELECT is(array_agg(usdtpay.webhook_verify(secret, 'evt_1', now_s + shift, '{}',
		usdtpay.webhook_sign(secret, 'evt_1', now_s + shift, '{}'), tolerance) ORDER BY n),
	'{t,f,t,f,t,f}', 'the tolerance counts both ways')
  FROM v, (SELECT extract(epoch FROM clock_timestamp())::bigint) s(now_s),
	(VALUES (1, -290, '5 minutes'::interval), (2, -310, '5 minutes'), (3, 290, '5 minutes'), (4, 310, '5 minutes'),
	        (5, -86000, '1 day'), (6, -600, '-1 day')) t(n, shift, tolerance);
SELECT throws_ok(format('SELECT usdtpay.webhook_sign(%L, %L, 1, %L)', secret, id, '{}'), 'UP000', NULL,
	format('refuses secret "%s", id "%s"', secret, id))
  FROM (VALUES ('whsec_', 'evt_1'), ('', 'evt_1'), ('whsec_MfKQ9r8GKYqrTwjUPD8I', 'evt_1'), ('whsec_!!!!', 'evt_1'),
	('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', ''), ('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'evt.1')) x(secret, id);
SELECT is(usdtpay.webhook_sign(NULL, 'evt_1', 1, ''), NULL, 'NULL gives NULL');

-- webhook_add

SET ROLE wh_shop;
SELECT webhook_id AS hook, secret FROM usdtpay.webhook_add('https://shop.example/hook') \gset
SELECT ok(:'secret' ~ '^whsec_[A-Za-z0-9+/]{43}=$', 'the secret is 32 bytes');
SELECT results_eq('SELECT webhook_id, url, types, state, secrets, pending FROM usdtpay.webhook_status',
	format($$VALUES (%s::bigint, 'https://shop.example/hook', NULL::text[], 'enabled'::usdtpay.webhook_state, 1::bigint, 0::bigint)$$, :hook),
	'its owner sees it');
SELECT throws_ok(format('SELECT usdtpay.webhook_add(%L)', url), 'UP000', NULL, format('refuses the address %s', coalesce(left(replace(url, E'\n', '<LF>'), 60), 'NULL')))
  FROM unnest(ARRAY[NULL, '', 'shop.example', 'http://shop.example/', 'ftp://shop.example/', 'https://shop.example:22/',
	'https://user@shop.example/', 'https://u:p@shop.example/', 'https://127.0.0.1/', 'https://2130706433/', 'https://0x7f.1/',
	'https://0/', 'https://localhost/', 'https://[::1]/', 'https://[::ffff:127.0.0.1]/', 'https://169.254.169.254/',
	'https://017700000001/', 'https://10.0.0.7/', 'https://shop.example/a b', E'https://shop.example/\n',
	'https://shop.example/#x', 'https://intranet/', 'https://x.internal/', 'https://shop.example/' || repeat('a', 2048)]) url;
SELECT throws_ok(format('SELECT usdtpay.webhook_add(%L, %L)', 'https://shop.example/2', types), 'UP000', NULL, 'refuses types ' || types)
  FROM unnest(ARRAY['{}', '{order}', '{*}', '{Order.paid}', '{order.}', '{order.*.x}', '{order.paid,NULL}', '{order.p*}']) types;
SELECT throws_ok($$SELECT usdtpay.webhook_add('https://shop.example/hook', '{order.*}')$$, 'UP201',
	'address already has a webhook', 'an address has one webhook');
SELECT throws_ok($$SELECT usdtpay.webhook_add('https://shop.example/3', NULL, 'other')$$, 'UP101', NULL, 'another party''s');
RESET ROLE;
SET LOCAL usdtpay.webhook_allow_http = on;
SET LOCAL usdtpay.webhook_allow_private = on;
SET LOCAL usdtpay.webhook_ports = '7000';
SELECT lives_ok($$SELECT usdtpay.webhook_add('http://127.0.0.1:7000/', NULL, 'other')$$, 'an operator may allow loopback for tests');
SELECT throws_ok($$SELECT usdtpay.webhook_add('http://169.254.169.254:7000/', NULL, 'other')$$, 'UP000', NULL, 'never metadata');
SET LOCAL usdtpay.webhook_allow_http = off;
SET LOCAL usdtpay.webhook_allow_private = off;
SET LOCAL usdtpay.webhook_ports = '443';
SELECT count(w) FROM generate_series(1, 19) n, usdtpay.webhook_add('https://other.example/' || n, NULL, 'other') w \gset
SELECT throws_ok($$SELECT usdtpay.webhook_add('https://other.example/20', NULL, 'other')$$, 'UP204', NULL, 'at most 20 per party');
DELETE FROM usdtpay.webhook WHERE party_id = 502;

-- Whose it is
SET ROLE wh_other;
SELECT throws_ok(format('SELECT usdtpay.%s(%s)', f, :hook), 'UP200', 'webhook does not exist', f || ' of another party''s webhook')
  FROM unnest(ARRAY['webhook_remove', 'webhook_enable', 'webhook_disable', 'webhook_rotate', 'webhook_test']) f;
SELECT throws_ok(format('SELECT usdtpay.webhook_replay(%s, 1)', :hook), 'UP200', NULL, 'webhook_replay of another party''s webhook');
SELECT is((SELECT count(*) FROM usdtpay.webhook) + (SELECT count(*) FROM usdtpay.webhook_status)
	+ (SELECT count(*) FROM usdtpay.delivery_status), 0::bigint, 'and nothing of it is to be seen');
SELECT throws_ok('SELECT * FROM usdtpay_internal.webhook_secret', '42501', NULL, 'secrets are in no reach');
SELECT throws_ok('SELECT usdtpay.webhook_purge()', '42501', NULL, 'purging is for operators');
SET ROLE wh_operator;
SELECT lives_ok(format('SELECT usdtpay.webhook_disable(%s)', :hook), 'an operator may');

-- disable, enable, test
SET ROLE wh_shop;
SELECT results_eq('SELECT state::text, reason FROM usdtpay.webhook', $$VALUES ('disabled', 'disabled by hand')$$, 'disabled, with a reason');
SELECT results_eq('SELECT type, object, object_id, sequence FROM usdtpay.event',
	format($$VALUES ('endpoint.disabled', 'webhook', %s::bigint, 1)$$, :hook), 'and an event in the feed');
SELECT lives_ok(format('SELECT usdtpay.webhook_disable(%s)', :hook), 'disabling again');
SELECT is((SELECT count(*) FROM usdtpay.event), 1::bigint, 'changes nothing');
SELECT throws_ok(format('SELECT usdtpay.webhook_test(%s)', :hook), 'UP201', 'webhook is disabled', 'a disabled one is not tested');
SELECT throws_ok(format('SELECT usdtpay.webhook_replay(%s, 1)', :hook), 'UP201', 'webhook is disabled', 'nor sent replays');
SELECT lives_ok(format('SELECT usdtpay.webhook_enable(%s)', :hook), 'enabled');
SELECT webhook_id AS hook2 FROM usdtpay.webhook_add('https://shop.example/two', '{deposit.*}') \gset
SELECT usdtpay.webhook_test(:hook2) AS test_event \gset
SELECT results_eq('SELECT webhook_id, event_id, type, state::text FROM usdtpay.delivery_status',
	format($$VALUES (%s::bigint, %s::bigint, 'endpoint.test', 'queued')$$, :hook2, :test_event),
	'a test goes to its webhook only, whatever the filter');
SELECT lives_ok(format('SELECT usdtpay.webhook_remove(%s)', :hook2), 'removed');
RESET ROLE;
SELECT is((SELECT count(*) FROM usdtpay_internal.webhook_secret WHERE webhook_id = :hook2), 0::bigint, 'its secrets are gone');
SELECT is((SELECT count(*) FROM usdtpay_internal.courier_claim(10, 10, '10 s')), 0::bigint, 'what it had queued is not sent');
SELECT usdtpay.webhook_purge() AS purged \gset
SELECT is(:purged, 1, 'and purged');

-- Rotation
SELECT usdtpay.webhook_rotate(:hook, '1 hour') AS secret2 \gset
SELECT isnt(:'secret2'::text, :'secret'::text, 'a new secret');
SELECT is((SELECT secrets FROM usdtpay.webhook_status WHERE webhook_id = :hook), 2::bigint, 'two sign');
SELECT usdtpay.webhook_test(:hook) AS test_event \gset
SELECT is((SELECT array_agg('whsec_' || encode(s, 'base64')) FROM usdtpay_internal.courier_claim(1, 1, '10 s') c, unnest(c.secrets) s),
	ARRAY[:'secret2', :'secret'], 'the courier signs with the newest first');
SELECT usdtpay.webhook_rotate(:hook, '0') AS secret3 \gset
SELECT is((SELECT secrets FROM usdtpay.webhook_status WHERE webhook_id = :hook), 1::bigint, 'without overlap one signs');
SELECT is((SELECT count(*) FROM usdtpay_internal.webhook_secret WHERE webhook_id = :hook), 2::bigint, 'and the one before is gone');
SELECT throws_ok(format('SELECT usdtpay.webhook_rotate(%s, %L)', :hook, x), 'UP000', 'overlap is out of range', format('overlap %s', coalesce(x, 'NULL')))
  FROM unnest(ARRAY['-1 second', '31 days', NULL]) x;
SELECT usdtpay_internal.courier_repair(true) \gset
SELECT is((SELECT array_agg('whsec_' || encode(s, 'base64')) FROM usdtpay_internal.courier_claim(1, 1, '10 s') c, unnest(c.secrets) s),
	ARRAY[:'secret3'], 'nor does the courier sign with it');
SELECT usdtpay_internal.courier_record('{501}', ARRAY[:hook], ARRAY[:test_event], '{2}', ARRAY[now()], '{5}', '{204}', '{NULL}', '{NULL}', '{NULL}', 1000, '5 days') \gset

-- The queue.  Results come as (event, status); times are those of the schedule.
CREATE FUNCTION pg_temp.claim(p_limit int DEFAULT 10, p_per int DEFAULT 10) RETURNS bigint[] LANGUAGE sql AS
	$$SELECT array_agg(c.event_id - (SELECT e.event_id FROM usdtpay.event e WHERE e.object = 'order' ORDER BY 1 LIMIT 1) + 1 ORDER BY event_id)
	    FROM usdtpay_internal.courier_claim(p_limit, p_per, '10 s') c$$;
CREATE FUNCTION pg_temp.result(p_place bigint[], p_status int[], p_retry_after int DEFAULT NULL, p_disable interval DEFAULT '5 days')
RETURNS int LANGUAGE sql AS $$
	SELECT usdtpay_internal.courier_record(array_agg(d.party_id), array_agg(d.webhook_id), array_agg(d.event_id),
		array_agg(d.attempts), array_agg(now()), array_agg(7), array_agg(s), array_agg(p_retry_after),
		array_agg(CASE WHEN s IS NULL THEN 'Timeout was reached' END), array_agg('ok'::text), 1000, p_disable)
	  FROM unnest(p_place, p_status) r(p, s)
	  JOIN usdtpay_internal.delivery d ON d.party_id = 501 AND d.state = 'sending' AND d.event_id = p - 1
	     + (SELECT e.event_id FROM usdtpay.event e WHERE e.object = 'order' ORDER BY 1 LIMIT 1)$$;
CREATE TEMP VIEW queue AS
	SELECT d.event_id - min(d.event_id) OVER () + 1 AS place, d.state::text AS state, d.attempts,
	       CASE WHEN d.next_at = 'infinity' THEN NULL ELSE extract(epoch FROM d.next_at - clock_timestamp()) END AS due_in
	  FROM usdtpay_internal.delivery d WHERE d.party_id = 501 AND d.object = 'order';

-- places:          1  2  3  4  5     objects: 1 1 1 2 3
SELECT usdtpay_internal.event_insert(array_fill(501::bigint, ARRAY[5]), array_fill('order'::text, ARRAY[5]), '{1,1,1,2,3}', '{1,2,3,1,1}',
	array_fill('order.paid'::text, ARRAY[5]), array_fill('{}'::text, ARRAY[5])) \gset
SELECT is(pg_temp.claim(2), '{1,4}', 'the oldest of each object, up to the limit');
SELECT is(pg_temp.claim(10, 3), '{5}', 'then what is left, up to the webhook''s own limit');
SELECT is(pg_temp.claim(), NULL, 'later ones of an object wait for the first');
SELECT results_eq('SELECT place, due_in FROM queue WHERE state = $$queued$$ ORDER BY 1', 'VALUES (2::bigint, NULL::numeric), (3, NULL)', 'parked');
SELECT is(pg_temp.result('{1,4}', '{200,500}'), 2, 'results are taken');
SELECT is((SELECT state FROM queue WHERE place = 1), 'delivered', '200 delivers');
SELECT is((SELECT state FROM queue WHERE place = 4), 'retrying', '500 does not');
SELECT ok((SELECT due_in BETWEEN 4 AND 5.6 FROM queue WHERE place = 4), 'and is tried again after 5 s, give or take a tenth');
SELECT is(pg_temp.claim(), '{2}', 'the next of the object follows');
SELECT is(pg_temp.result('{2}', '{302}'), 1, 'a redirect');
SELECT is((SELECT state FROM queue WHERE place = 2), 'retrying', 'is a failure');
SELECT is(pg_temp.claim(), NULL, 'nothing overtakes a failed one');
SELECT ok((SELECT failing_since IS NULL FROM usdtpay.webhook WHERE webhook_id = :hook) IS FALSE, 'the webhook is failing');
SELECT is(pg_temp.result('{5}', '{NULL}'), 1, 'no answer');
SELECT results_eq($$SELECT status, error FROM usdtpay.webhook_attempt WHERE error IS NOT NULL$$,
	$$VALUES (NULL::int, 'Timeout was reached')$$, 'is logged with its reason');
SELECT is((SELECT count(*) FROM usdtpay.webhook_attempt), 5::bigint, 'one row per attempt');

-- Retry-After
UPDATE usdtpay_internal.delivery SET next_at = now() WHERE state = 'retrying';
SELECT is(pg_temp.claim(), '{2,4,5}', 'due again');
SELECT pg_temp.result('{2}', '{503}', 3600) \gset
SELECT pg_temp.result('{4}', '{429}', 2147483647) \gset
SELECT pg_temp.result('{5}', '{503}', 0) \gset
SELECT ok((SELECT due_in BETWEEN 3590 AND 3601 FROM queue WHERE place = 2), 'Retry-After is honoured');
SELECT ok((SELECT due_in BETWEEN 86390 AND 86401 FROM queue WHERE place = 4), 'up to a day');
SELECT ok((SELECT due_in BETWEEN 26 AND 34 FROM queue WHERE place = 5), 'and never shortens the schedule');

-- The schedule
SELECT is((SELECT array_agg(round(extract(epoch FROM p.mid) / unit) ORDER BY a)
	FROM unnest(ARRAY[5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800, 43200, 86400, 86400]) WITH ORDINALITY s(unit, a),
	LATERAL (SELECT avg(usdtpay_internal.courier_pause(a::int + 0 * g, NULL, 1000)) mid FROM generate_series(1, 200) g) p),
	array_fill(1::numeric, ARRAY[12]), 'the schedule is 5 s 30 s 2 min 10 min 30 min 1 h 2 h 4 h 8 h 12 h 24 h 24 h');
SELECT ok((SELECT min(p) >= '27 s' AND max(p) <= '33 s' AND max(p) - min(p) > '4 s'
	FROM (SELECT usdtpay_internal.courier_pause(2, NULL, 1000) p FROM generate_series(1, 400)) x), 'with a tenth of jitter');
SELECT is(usdtpay_internal.courier_pause(13, 60, 1000), NULL, 'after the thirteenth attempt there is none, Retry-After or not');
UPDATE usdtpay_internal.delivery SET next_at = now(), attempts = 12 WHERE event_id = (SELECT max(event_id) FROM usdtpay.event WHERE object = 'order');
SELECT is(pg_temp.claim(), '{5}', 'the last attempt');
SELECT pg_temp.result('{5}', '{500}') \gset
SELECT is((SELECT state FROM queue WHERE place = 5), 'dead', 'and it is dead');

-- Leases
UPDATE usdtpay_internal.delivery SET next_at = now() WHERE state = 'retrying';
SELECT is(pg_temp.claim(), '{2,4}', 'claimed by a courier that dies');
SELECT is(usdtpay_internal.courier_repair(false), 0, 'its lease still runs');
UPDATE usdtpay_internal.delivery SET lease_until = now() - interval '1 second' WHERE state = 'sending' AND object_id = 1;
SELECT is(usdtpay_internal.courier_repair(false), 1, 'what outlived its lease is taken back');
SELECT is(usdtpay_internal.courier_repair(true), 1, 'a starting courier takes back all');
SELECT is(pg_temp.claim(), '{2,4}', 'and it is sent again');
SELECT is(usdtpay_internal.courier_record('{501}', ARRAY[:hook], (SELECT ARRAY[min(event_id) + 1] FROM usdtpay.event WHERE object = 'order'),
	'{1}', ARRAY[now()], '{5}', '{200}', '{NULL}', '{NULL}', '{NULL}', 1000, '5 days'), 0, 'a late result of an attempt that was given up');
SELECT is((SELECT state FROM queue WHERE place = 2), 'sending', 'changes nothing');

-- 410
SELECT pg_temp.result('{2}', '{410}') \gset
SELECT results_eq('SELECT state::text, reason FROM usdtpay.webhook', $$VALUES ('disabled', 'the receiver answered 410 Gone')$$, '410 disables the webhook');
SELECT is((SELECT payload::jsonb #>> '{data,reason}' FROM usdtpay.event WHERE type = 'endpoint.disabled' ORDER BY event_id DESC LIMIT 1),
	'the receiver answered 410 Gone', 'and the feed says so');
SELECT usdtpay_internal.event_insert('{501}', '{order}', '{4}', '{1}', '{order.paid}', ARRAY['{}']) \gset
SELECT is((SELECT count(*) FROM queue), 5::bigint, 'a disabled webhook is queued nothing');
SELECT usdtpay.webhook_enable(:hook) \gset
UPDATE usdtpay_internal.delivery SET next_at = now() WHERE state = 'retrying';
SELECT is(pg_temp.claim(), '{2}', 'enabled, it goes on where it was');
SELECT pg_temp.result('{2,4}', '{200,200}') \gset
SELECT ok((SELECT failing_since IS NULL FROM usdtpay.webhook WHERE webhook_id = :hook), 'a success ends the failing');
SELECT is(pg_temp.claim(), '{3}', 'and the last of the object comes');
SELECT pg_temp.result('{3}', '{500}') \gset
UPDATE usdtpay.webhook SET failing_since = now() - interval '6 days' WHERE webhook_id = :hook;
UPDATE usdtpay_internal.delivery SET next_at = now() WHERE state = 'retrying';
SELECT pg_temp.claim() \gset
SELECT pg_temp.result('{3}', '{500}') \gset
SELECT matches((SELECT reason FROM usdtpay.webhook WHERE webhook_id = :hook), '^failing since ', 'days of failure disable the webhook');
SELECT usdtpay.webhook_enable(:hook) \gset

-- Replay
SET ROLE wh_shop;
SELECT min(event_id) AS first, max(event_id) AS last FROM usdtpay.event WHERE object = 'order' \gset
SELECT is(usdtpay.webhook_replay(:hook, :first), 1, 'one event again');
SELECT is(usdtpay.webhook_replay(:hook, :first), 0, 'which is queued already');
SELECT is(usdtpay.webhook_replay(:hook, :first, :last), 6, 'a range: what is done, what failed, what it never got, and the endpoint.disabled between');
SELECT throws_ok(format('SELECT usdtpay.webhook_replay(%s, 9, 8)', :hook), 'UP000', 'range of events is empty', 'an empty range');
SELECT throws_ok(format('SELECT usdtpay.webhook_replay(%s, NULL)', :hook), 'UP000', 'range of events is empty', 'no range');
SELECT is(usdtpay.webhook_replay(:hook, :last + 1000, :last + 2000), 0, 'a range without events');
RESET ROLE;
SELECT is((SELECT array_agg(d.state::text || d.attempts) FROM usdtpay_internal.delivery d WHERE d.event_id BETWEEN :first AND :last),
	array_fill('queued0'::text, ARRAY[7]), 'all start afresh');

-- Purge
SELECT is(pg_temp.claim(10, 2), '{1,4}', 'claimed, as many at once as the webhook may have');
SELECT is(pg_temp.claim(), '{5,6,7}', 'and the others');
SELECT pg_temp.result('{1,4,5,6,7}', '{200,200,200,200,200}') \gset
SELECT is(usdtpay.webhook_purge('1 day'), 0, 'what is young is kept');
UPDATE usdtpay_internal.delivery SET done_at = done_at - interval '2 days' WHERE done_at IS NOT NULL;
UPDATE usdtpay.webhook_attempt SET attempted_at = attempted_at - interval '2 days';
SELECT is(usdtpay.webhook_purge('1 day', 2), 4, 'two of each kind at a time');
SELECT ok(usdtpay.webhook_purge('1 day') > 10, 'the rest');
SELECT is((SELECT count(*) FROM usdtpay_internal.delivery WHERE state NOT IN ('queued', 'retrying')), 0::bigint, 'what is open stays');
SELECT throws_ok($$SELECT usdtpay.webhook_purge('-1 day')$$, 'UP000', 'retention is out of range');
SELECT throws_ok($$SELECT usdtpay.webhook_purge('1 day', 0)$$, 'UP000', 'retention is out of range');

-- A slow receiver with a long queue does not take every place that becomes free.
DELETE FROM usdtpay_internal.delivery;
INSERT INTO usdtpay.webhook (party_id, url) VALUES (502, 'https://other.example/fast') RETURNING webhook_id AS fast \gset
INSERT INTO usdtpay_internal.delivery (party_id, webhook_id, event_id, object_id, object, created_at, next_at, state, attempts, lease_until)
SELECT 501, :hook, n, n, 'order', now(), now(), CASE WHEN n <= 3 THEN 'sending' ELSE 'queued' END::usdtpay.delivery_state,
	(n <= 3)::int, CASE WHEN n <= 3 THEN now() + interval '1 hour' END FROM generate_series(1, 9) AS n;
INSERT INTO usdtpay_internal.delivery (party_id, webhook_id, event_id, object_id, object, created_at, next_at)
SELECT 502, :fast, n, n, 'order', now(), now() FROM generate_series(101, 102) AS n;
SELECT results_eq('SELECT party_id, event_id FROM usdtpay_internal.courier_claim(2, 8, $$10 s$$)', 'VALUES (502::bigint, 101::bigint), (502, 102)',
	'who has less under way goes first, though its events are newer');
SELECT results_eq('SELECT party_id, event_id FROM usdtpay_internal.courier_claim(2, 8, $$10 s$$)', 'VALUES (501::bigint, 4::bigint), (501, 5)',
	'then the others');

SELECT * FROM finish();
ROLLBACK;
