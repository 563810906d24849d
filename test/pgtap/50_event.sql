-- The outbox and the pull feed: what event_insert writes, what it queues, what events() shows.
\set QUIET on
SET client_min_messages = warning;
BEGIN;
SELECT plan(34);
SELECT usdtpay.roles_setup() IS NOT NULL AS roles \gset
SET LOCAL usdtpay.webhook_ports = '443';

INSERT INTO usdtpay.party (party_id, code, name, kind) VALUES
	(501, 'shop', 'Shop', 'merchant'), (502, 'other', 'Other', 'merchant');
CREATE ROLE ev_shop;
CREATE ROLE ev_other;
CREATE ROLE ev_stranger;
GRANT usdtpay_merchant TO ev_shop, ev_other, ev_stranger;
INSERT INTO usdtpay.party_login (role_name, party_id, granted_by) VALUES
	('ev_shop', 501, 'postgres'), ('ev_other', 502, 'postgres');
SELECT webhook_id AS hook_all FROM usdtpay.webhook_add('https://shop.example/all', NULL, 'shop') \gset
SELECT webhook_id AS hook_some
  FROM usdtpay.webhook_add('https://shop.example/some', '{order.*,payout.final}', 'shop') \gset
SELECT webhook_id AS hook_off FROM usdtpay.webhook_add('https://shop.example/off', NULL, 'shop') \gset
SELECT usdtpay.webhook_disable(:hook_off) \gset
SELECT max(event_id) AS start FROM usdtpay.event \gset

-- event_insert

SELECT is(usdtpay_internal.event_insert('{}', '{}', '{}', '{}', '{}', '{}'), 0, 'no events');
SELECT is(usdtpay_internal.event_insert(NULL, NULL, NULL, NULL, NULL, NULL), 0, 'NULL is none');
SELECT is(usdtpay_internal.event_insert(
	'{501,501,502,501}', '{order,order,order,deposit}', '{7,7,7,9}', '{1,2,1,1}',
	'{order.detected,order.paid,order.paid,deposit.late}',
	ARRAY['{"n":1}', '{"n":2}', '{"n":3}', '{"n":4}']), 4, 'four events');

CREATE TEMP VIEW fresh AS
	SELECT e.*, row_number() OVER (ORDER BY event_id) AS place FROM usdtpay.event e
	 WHERE e.object <> 'webhook' AND e.object_id IN (7, 9);
SELECT results_eq('SELECT party_id, type, sequence FROM fresh ORDER BY event_id',
	$$VALUES (501::bigint, 'order.detected', 1), (501, 'order.paid', 2), (502, 'order.paid', 1), (501, 'deposit.late', 1)$$,
	'ids are drawn in array order');
SELECT is((SELECT max(event_id) - min(event_id) FROM fresh), 3::bigint, 'without gaps');
SELECT is((SELECT payload FROM fresh WHERE place = 2),
	(SELECT format('{"type":"order.paid","timestamp":"%s","id":"evt_%s","api_version":"2026-11","sequence":2,"data":{"n":2}}',
		to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), event_id) FROM fresh WHERE place = 2),
	'the body is the Standard Webhooks envelope, byte for byte');
SELECT is((SELECT (payload::jsonb ->> 'timestamp')::timestamptz FROM fresh WHERE place = 1), now(),
	'its timestamp is the transaction''s');
SELECT results_eq($$SELECT d.webhook_id, f.place FROM usdtpay_internal.delivery d JOIN fresh f USING (party_id, event_id)
	ORDER BY 1, 2$$,
	format('VALUES (%1$s::bigint, 1::bigint), (%1$s, 2), (%1$s, 4), (%2$s, 1), (%2$s, 2)', :hook_all, :hook_some),
	'deliveries go to enabled webhooks of the party that want the type');
SELECT is((SELECT count(*) FROM usdtpay_internal.delivery d JOIN fresh f USING (event_id)
	WHERE d.party_id <> f.party_id), 0::bigint, 'and to nobody else''s');

-- sizes
SELECT usdtpay_internal.event_insert('{501,501}', '{order,order}', '{71,72}', '{1,1}', '{order.paid,order.paid}',
	ARRAY[json_build_object('x', repeat('a', 19600 - 10))::text, json_build_object('x', repeat('a', 19600))::text]) \gset
SELECT ok((SELECT octet_length(payload) BETWEEN 19600 AND 19999 FROM usdtpay.event WHERE object_id = 71 AND party_id = 501),
	'data of 19,600 bytes is kept and the body stays under 20 kB');
SELECT is((SELECT payload::jsonb -> 'data' FROM usdtpay.event WHERE object_id = 72 AND party_id = 501),
	'{"object":"order","object_id":72,"omitted":true}'::jsonb, 'larger data is replaced by a reference');

-- refusals
SELECT throws_ok($$SELECT usdtpay_internal.event_insert('{501,501}', '{order}', '{1}', '{1}', '{order.paid}', '{x}')$$,
	'UP000', 'event arrays differ in length', 'arrays of different length');
SELECT throws_ok($$SELECT usdtpay_internal.event_insert('{501}', '{order}', '{7}', '{2}', '{order.paid}', '{x}')$$,
	'23505', NULL, 'one event per object and sequence');
SELECT throws_ok($$SELECT usdtpay_internal.event_insert('{501}', '{order}', '{7}', '{3}', '{order}', '{x}')$$,
	'23514', NULL, 'a type has two parts');
SELECT throws_ok($$SELECT usdtpay_internal.event_insert('{501}', '{order}', '{7}', '{3}', '{"order.\"x"}', '{x}')$$,
	'23514', NULL, 'a type cannot break out of the JSON');
SELECT throws_ok($$SELECT usdtpay_internal.event_insert('{501}', '{order}', '{7}', '{3}', '{order.paid}', '{NULL}')$$,
	'23502', NULL, 'an event has data');
SELECT throws_ok('UPDATE usdtpay.event SET type = type', 'UP302', NULL, 'events are append-only: UPDATE');
SELECT throws_ok('DELETE FROM usdtpay.event', 'UP302', NULL, 'events are append-only: DELETE');

-- webhook_wants
SELECT results_eq($$SELECT usdtpay_internal.webhook_wants(f, t) FROM (VALUES
	('{order.paid}'::text[], 'order.paid'), ('{order.paid}', 'order.paid_late'), ('{order.*}', 'order.paid'),
	('{order.*}', 'order.x.y'), ('{order.*}', 'orders.paid'), ('{order.*}', 'order'),
	('{payout.*,deposit.late}', 'deposit.late'), ('{order_x.*}', 'orderyx.a')) v(f, t)$$,
	'VALUES (true), (false), (true), (true), (false), (false), (true), (false)', 'the filter');

-- events(): own uncommitted events are above the horizon, so the mark is set by hand here; the
-- real one is tested with real transactions in test/t/060_feed.pl.
SELECT is((SELECT count(*) FROM usdtpay.events(0, 1000, 'shop')), 0::bigint, 'what is not committed is not in the feed');
INSERT INTO usdtpay_internal.horizon (name, settled_id)
SELECT 'event', last_value FROM usdtpay_internal.event_seq
ON CONFLICT (name) DO UPDATE SET settled_id = EXCLUDED.settled_id, candidate_id = NULL, candidate_xid = NULL;

SET ROLE ev_shop;
SELECT results_eq('SELECT event_id, type, object, object_id, sequence, created_at, payload FROM usdtpay.events()',
	'SELECT event_id, type, object, object_id, sequence, created_at, payload::jsonb FROM usdtpay.event ORDER BY event_id',
	'a merchant pulls its own events, in order');
SELECT is((SELECT count(*) FROM usdtpay.events()), 6::bigint, 'all six');
SELECT is((SELECT count(*) FROM usdtpay.events(0, 2)), 2::bigint, 'p_limit limits');
SELECT is((SELECT array_agg(event_id) FROM usdtpay.events((SELECT max(event_id) FROM usdtpay.events(0, 2)), 1000)),
	(SELECT array_agg(event_id) FROM (SELECT event_id FROM usdtpay.events() OFFSET 2) x), 'p_after carries on');
SELECT is((SELECT count(*) FROM usdtpay.events(9223372036854775807)), 0::bigint, 'after the end there is nothing');
SELECT throws_ok('SELECT usdtpay.events(-1)', 'UP000', 'event position is out of range');
SELECT throws_ok('SELECT usdtpay.events(NULL)', 'UP000', 'event position is out of range');
SELECT throws_ok('SELECT usdtpay.events(0, 0)', 'UP000', 'limit is out of range');
SELECT throws_ok('SELECT usdtpay.events(0, 1001)', 'UP000', 'limit is out of range');
SELECT throws_ok($$SELECT usdtpay.events(0, 1, 'other')$$, 'UP101', NULL, 'another party''s feed');
SELECT throws_ok($$SELECT usdtpay_internal.event_insert('{501}', '{order}', '{8}', '{1}', '{order.paid}', '{x}')$$,
	'42501', NULL, 'a merchant writes no events');
SET ROLE ev_other;
SELECT is((SELECT count(*) FROM usdtpay.events()), 1::bigint, 'the other merchant sees one');
SELECT is((SELECT count(*) FROM usdtpay.event), 1::bigint, 'and the table shows it no more');
SET ROLE ev_stranger;
SELECT throws_ok('SELECT usdtpay.events()', 'UP100', NULL, 'a role that acts for nobody');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
