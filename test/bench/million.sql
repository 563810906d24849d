-- The past of a busy shop: a million old orders with an address each, one in five paid with deposit,
-- journals and events, the others expired with their event.  Straight into the tables, but such that
-- every invariant holds.  Order g pays to address g; deposits of paid order g are number g / 5.
\set old 1000000
SELECT party_id AS shop FROM usdtpay.party WHERE code = 'shop' \gset
SELECT wallet_id AS wallet FROM usdtpay.wallet WHERE code = 'main' \gset
SELECT usdtpay.account_open(:shop, 'USDT', 'custody:dev') AS custody, usdtpay.account_open(:shop, 'USDT', 'pending') AS pending,
	usdtpay.account_open(:shop, 'USDT', 'available') AS available, nextval('usdtpay_internal.journal_seq') AS journal,
	:old / 5 AS paid \gset
BEGIN;
CREATE TEMP TABLE old ON COMMIT DROP AS
SELECT g::bigint AS id, g % 5 = 0 AS paid, (g / 5)::bigint AS n, substr(sha256(int8send(g)), 1, 20) AS raw, 10000000::bigint AS due,
	timestamptz '2025-01-01' + g * interval '10 seconds' AS at
FROM generate_series(1, :old) AS g;
INSERT INTO usdtpay.address (raw, family, party_id, wallet_id, idx, order_id, custodial, given_at)
SELECT o.raw, 'evm', :shop, :wallet, o.id, o.id, true, o.at FROM old AS o;
INSERT INTO usdtpay.payment_order (
	party_id, order_id, reference, request_hash, asset_id, state, due, seen, final, settled, underpay_tolerance, overpay_tolerance,
	fee_bps, event_seq, late_policy, overpay_policy, networks, evm_address, created_at, expires_at, paid_at)
SELECT :shop, o.id, 'old-' || o.id, 0, 1, CASE WHEN o.paid THEN 'paid' ELSE 'expired' END::usdtpay.order_state, o.due, m.due, m.due, m.due,
	0, 0, 0, CASE WHEN o.paid THEN 2 ELSE 1 END, 'auto', 'accept', '{1}', o.raw, o.at, o.at + interval '1 hour',
	CASE WHEN o.paid THEN o.at + interval '5 minutes' END
FROM old AS o, LATERAL (SELECT CASE WHEN o.paid THEN o.due ELSE 0 END AS due) AS m;
INSERT INTO usdtpay.deposit (
	party_id, deposit_id, network_id, token_id, asset_id, ordinal, log_index, state, route, order_id, amount, block_number, block_time,
	seen_at, final_at, journal_id, custodial, block_hash, tx_hash, sender, recipient, amount_raw)
SELECT :shop, o.n, 1, 1, 1, 0, 0, 'final', 'matched', o.id, o.due, o.n % 90, o.at, o.at, o.at, :journal + 2 * o.n, true,
	sha256(int8send(o.n % 90)), sha256('tx ' || int8send(o.n)), substr(sha256('from ' || int8send(o.n % 1000)), 1, 20), o.raw, o.due
FROM old AS o WHERE o.paid;
INSERT INTO usdtpay.posting (
	party_id, posting_id, debit_account, credit_account, amount, debit_after, credit_after, debit_prev, credit_prev, posted_at, kind,
	lines, key, reference)
SELECT :shop, (:journal + 2 * o.n) * 256, :custody, :pending, o.due, -o.n * o.due, o.due,
	CASE WHEN o.n > 1 THEN (:journal + 2 * o.n - 2) * 256 ELSE 0 END, CASE WHEN o.n > 1 THEN (:journal + 2 * o.n - 1) * 256 ELSE 0 END,
	o.at, 'deposit'::usdtpay.journal_kind, 1, 'deposit:' || o.n, 'deposit:' || o.n
FROM old AS o WHERE o.paid
UNION ALL
SELECT :shop, (:journal + 2 * o.n + 1) * 256, :pending, :available, o.due, 0, o.n * o.due,
	(:journal + 2 * o.n) * 256, CASE WHEN o.n > 1 THEN (:journal + 2 * o.n - 1) * 256 ELSE 0 END,
	o.at, 'settle', 1, 'order:' || o.id || ':settle:' || o.due, 'order:' || o.id
FROM old AS o WHERE o.paid;
UPDATE usdtpay.account AS a SET
	debits = CASE WHEN a.account_id = :available THEN 0 ELSE :paid * 10000000::bigint END,
	credits = CASE WHEN a.account_id = :custody THEN 0 ELSE :paid * 10000000::bigint END,
	last_posting = (:journal + 2 * :paid + CASE WHEN a.account_id = :custody THEN 0 ELSE 1 END) * 256,
	version = CASE WHEN a.account_id = :pending THEN 2 ELSE 1 END * :paid
WHERE a.party_id = :shop AND a.account_id IN (:custody, :pending, :available);
INSERT INTO usdtpay.event (party_id, event_id, object, object_id, sequence, type, payload, created_at)
SELECT :shop, nextval('usdtpay_internal.event_seq'), 'order', o.id, e.sequence, e.type,
	format('{"type":"%s","data":{"object":"order","id":%s,"reference":"old-%s"}}', e.type, o.id, o.id), o.at
FROM old AS o
JOIN (VALUES (true, 1, 'order.confirming'), (true, 2, 'order.paid'), (false, 1, 'order.expired')) AS e (paid, sequence, type) ON e.paid = o.paid;
SELECT setval('usdtpay_internal.order_seq', :old), setval('usdtpay_internal.deposit_seq', :paid),
	setval('usdtpay_internal.journal_seq', :journal + 2 * :paid + 1),
	setval(format('usdtpay_internal.wallet_%s_index', :wallet)::regclass, :old + 1) \g /dev/null
COMMIT;
VACUUM ANALYZE usdtpay.address;
VACUUM ANALYZE usdtpay.payment_order;
VACUUM ANALYZE usdtpay.deposit;
VACUUM ANALYZE usdtpay.posting;
VACUUM ANALYZE usdtpay.event;
VACUUM ANALYZE usdtpay.account;
