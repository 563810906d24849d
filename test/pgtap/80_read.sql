-- What people read: orders, ways to pay, deposits, balances, statements.
BEGIN;
SELECT no_plan();
\ir lib/chain.sql
\ir lib/order.sql
SELECT usdtpay.roles_setup();
SELECT sim.setup();
SELECT usdtpay.merchant_fee_set('shop', 100);
SELECT usdtpay.merchant_create('other', 'Other');
SELECT usdtpay.network_define('tronsim', 'tron', 1, 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t', 6);
UPDATE usdtpay.network SET enabled = true WHERE code = 'tronsim';
SELECT usdtpay.wallet_add('t', 'pool', 'tron', p_addresses => '{TVj7RNVHy6thbM7BWdSe9G6gXwKhjhdNZS}', p_party => 'platform');
SELECT sim.grow() \gset quiet_

-- order_get, order_list, order_find, order_status, payment_option
SELECT order_id AS o1 FROM usdtpay.order_create('o1', 12.5, p_customer_ref => 'c', p_metadata => '{"a": 1}', p_party => 'shop') \gset
SELECT row_eq(format('SELECT party, order_id, reference COLLATE "default", state::text, due, seen, final, open, excess, flags, customer_ref, metadata, tron_address FROM usdtpay.order_get(%s, ''shop'')', :o1),
    ROW('shop'::text, :o1::bigint, 'o1'::text, 'pending'::text, 12.500000, 0.000000, 0.000000, 12.500000, 0.000000, '{}'::text[], 'c'::text, '{"a": 1}'::jsonb, 'TVj7RNVHy6thbM7BWdSe9G6gXwKhjhdNZS'::text), 'order_get shows an order');
SELECT set_eq(format('SELECT network, token, contract, address, open FROM usdtpay.payment_option WHERE order_id = %s', :o1), format($$VALUES
    ('dev', 'USDT', '0x00000000000000000000000000000000000000AA', %L, 12.5), ('tronsim', 'USDT', 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t', 'TVj7RNVHy6thbM7BWdSe9G6gXwKhjhdNZS', 12.5)$$, sim.addr('o1')),
    'payment_option lists each way to pay');
SELECT sim.paid(sim.send(sim.addr('o1'), 2500000, 'p1')) \gset quiet_
SELECT is((SELECT open FROM usdtpay.payment_option WHERE order_id = :o1 AND network = 'dev'), 10.000000, 'with what is still open');
SELECT is((usdtpay.order_get(:o1, 'shop')).open, 10.000000, 'as order_get does');
SELECT sim.paid(sim.send(sim.addr('o1'), 11000000, 'p2')) \gset quiet_
SELECT is((usdtpay.order_get(:o1, 'shop')).open || ' ' || (usdtpay.order_get(:o1, 'shop')).excess || ' ' || array_to_string((usdtpay.order_get(:o1, 'shop')).flags, ','), '0.000000 1.000000 overpaid,multiple', 'never below nothing; the excess is told');
SELECT is((SELECT count(*)::integer FROM usdtpay.order_find('o1', 'shop')), 1, 'order_find finds a reference');
SELECT is((SELECT count(*)::integer FROM usdtpay.order_find(r, 'shop')), 0, 'or nothing') FROM unnest(ARRAY['o', '', NULL, repeat('x', 100000)]) AS r;
SELECT sim.buy('l' || n, p_networks => '{dev}') FROM generate_series(1, 5) AS n;
SELECT usdtpay.order_cancel(sim.id('l3'), 'shop');
SELECT results_eq('SELECT reference::text COLLATE "default" FROM usdtpay.order_list(p_party => ''shop'')', ARRAY['l5', 'l4', 'l3', 'l2', 'l1', 'o1'], 'order_list: newest first');
SELECT results_eq('SELECT reference::text COLLATE "default" FROM usdtpay.order_list(''pending'', p_limit => 2, p_party => ''shop'')', ARRAY['l5', 'l4'], 'of one state, limited');
SELECT results_eq(format('SELECT reference::text COLLATE "default" FROM usdtpay.order_list(''pending'', %s, 10, ''shop'')', sim.id('l4')), ARRAY['l2', 'l1'], 'page after page');
SELECT is((SELECT count(*)::integer FROM usdtpay.order_list(s::text, p_party => 'shop')), n, format('%s orders are %s', n, s))
FROM (VALUES ('pending', 4), ('canceled', 1), ('paid', 1), ('expired', 0)) AS v (s, n);
SELECT is((SELECT count(*)::integer FROM usdtpay.order_list(p_party => 'other')), 0, 'of the party only');
SELECT sim.refuses(format('SELECT * FROM usdtpay.%s', f), s, format('%s is refused with %s', f, s))
FROM (VALUES ('order_list(''none'', p_party => ''shop'')', 'UP000'), ('order_list('''', p_party => ''shop'')', 'UP000'), ('order_list(p_limit => 0, p_party => ''shop'')', 'UP000'),
    ('order_list(p_limit => 10001, p_party => ''shop'')', 'UP000'), ('order_list(p_limit => -1, p_party => ''shop'')', 'UP000'), ('order_list(p_limit => NULL, p_party => ''shop'')', 'UP000'),
    ('order_list()', 'UP100'), ('order_find(''x'')', 'UP100'), ('order_get(1)', 'UP100'), ('order_get(NULL, ''shop'')', 'UP200'), ('order_get(-1, ''shop'')', 'UP200'),
    ('balance()', 'UP100'), ('balance(''nope'')', 'UP200'), ('statement(now(), now())', 'UP100'), ('statement(NULL, now(), p_party => ''shop'')', 'UP000'), ('statement(now(), NULL, p_party => ''shop'')', 'UP000'),
    ('statement(now(), now() - interval ''1 second'', p_party => ''shop'')', 'UP000'), ('statement(now(), now(), p_limit => 0, p_party => ''shop'')', 'UP000'),
    ('statement(now(), now(), p_limit => 1000001, p_party => ''shop'')', 'UP000'), ('statement(now(), now(), p_limit => NULL, p_party => ''shop'')', 'UP000')) AS v (f, s);

-- deposit_status
SELECT row_eq('SELECT party, state, route::text, network, token, amount, amount_raw, dust_raw, confirmations, sender, recipient, order_id, custodial FROM usdtpay.deposit_status WHERE deposit_id = sim.dep_id(''p1'')',
    ROW('shop'::text, 'final'::text, 'matched'::text, 'dev'::text, 'USDT'::text, 2.500000, 2500000::numeric, 0::numeric, 2::bigint, '0x5555555555555555555555555555555555555555'::text, sim.addr('o1'), :o1::bigint, true), 'deposit_status shows a deposit');
SELECT is((SELECT tx_hash FROM usdtpay.deposit_status WHERE deposit_id = sim.dep_id('p1')), '0x' || encode(sha256('p1'), 'hex'), 'with its transaction');
SELECT sim.grow(ARRAY[sim.send(sim.addr('l1'), 1000000, 'orph')]) \gset quiet_
SELECT sim.rewind((SELECT tip_number - 1 FROM usdtpay.chain_cursor JOIN usdtpay.network USING (network_id) WHERE code = 'dev')) \gset quiet_
SELECT row_eq('SELECT state, confirmations FROM usdtpay.deposit_status WHERE deposit_id = sim.dep_id(''orph'')', ROW('orphaned'::text, 0::bigint), 'an orphaned one has no confirmation');

-- balance
SELECT results_eq('SELECT asset, account, customer_ref, balance, held FROM usdtpay.balance(''shop'')', $$VALUES
    ('USDT'::text, 'available'::text, ''::text, 13.365000, 0.000000), ('USDT', 'custody:dev', '', -13.500000, 0.000000), ('USDT', 'fee', '', 0.135000, 0.000000), ('USDT', 'pending', '', 0.000000, 0.000000),
    ('USDT', 'suspense', '', 0.000000, 0.000000)$$,
    'balances are in USDT, what the chain holds is negative');
SELECT is((SELECT sum(balance) FROM usdtpay.balance('shop')), 0.000000, 'they sum to nothing');
SELECT usdtpay.ledger_hold(p.party_id, 'h', usdtpay.account_open(p.party_id, 'USDT', 'available'), usdtpay.account_open(p.party_id, 'USDT', 'escrow'), 365000)
FROM usdtpay.party AS p WHERE code = 'shop';
SELECT row_eq('SELECT balance, held FROM usdtpay.balance(''shop'') WHERE account = ''available''', ROW(13.365000, 0.365000), 'a hold shows beside the balance');
SELECT is_empty('SELECT * FROM usdtpay.balance(''other'')', 'a party without accounts has no balances');

-- statement
SELECT results_eq($$SELECT kind::text, reference, amount, balance FROM usdtpay.statement(now(), now() + interval '1 second', p_party => 'shop')$$, format($$VALUES
    ('settle'::text, 'order:%s'::text, 13.500000, 13.500000), ('settle', 'order:%s', -0.135000, 13.365000)$$, :o1, :o1), 'a statement shows each line with the balance after it; holds are no lines');
SELECT is((SELECT count(*)::integer FROM usdtpay.statement(now(), now() + interval '1 second', a, p_party => 'shop')), n, format('%s has %s lines', a, n))
FROM (VALUES ('pending', 3), ('custody:dev', 2), ('fee', 1), ('escrow', 0), ('nope', 0), ('', 0), (NULL, 0)) AS v (a, n);
SELECT is_empty($$SELECT * FROM usdtpay.statement(now() - interval '1 day', now(), p_party => 'shop')$$, 'the end of the period is not part of it');
SELECT is_empty($$SELECT * FROM usdtpay.statement(now() + interval '1 microsecond', 'infinity', p_party => 'shop')$$, 'nor what is before it');
SELECT is((SELECT count(*)::integer FROM usdtpay.statement('-infinity', 'infinity', p_party => 'shop')), 2, 'endless periods are fine');
SELECT is((SELECT count(*)::integer FROM usdtpay.statement('-infinity', 'infinity', p_limit => 1, p_party => 'shop')), 1, 'the limit holds');
SELECT is((SELECT balance FROM usdtpay.statement('-infinity', 'infinity', p_limit => 1, p_party => 'shop')), 13.500000, 'from the oldest on');
SELECT usdtpay.deposit_address('alice', 'dev', 'shop') AS alice \gset
SELECT sim.paid(sim.send(:'alice', 4000000, 'alice')) \gset quiet_
SELECT results_eq($$SELECT amount, balance FROM usdtpay.statement('-infinity', 'infinity', 'available', 'alice', 'shop')$$, 'VALUES (4.000000, 4.000000), (-0.040000, 3.960000)', 'a customer has a statement of their own');
-- a transaction that took long: its line has an early time and a late place, and hides nothing before it
SELECT usdtpay.account_open(p.party_id, 'USDT', 'fiat:x') AS fiat, usdtpay.account_open(p.party_id, 'USDT', 'payout') AS payout,
    usdtpay.account_open(p.party_id, 'TRX', 'fiat:x') AS trx1, usdtpay.account_open(p.party_id, 'TRX', 'payout') AS trx2, p.party_id AS shop_id
FROM usdtpay.party AS p WHERE code = 'shop' \gset
SELECT usdtpay.ledger_post(:shop_id, 'slow' || n, ARRAY[:fiat], ARRAY[:payout], ARRAY[n]::bigint[]) FROM generate_series(1, 3) AS n;
SELECT usdtpay.ledger_post(:shop_id, 'trx', ARRAY[:trx1], ARRAY[:trx2], ARRAY[1]::bigint[]);
ALTER TABLE usdtpay.posting DISABLE TRIGGER posting_append_only;
UPDATE usdtpay.posting SET posted_at = now() - interval '3 hours' WHERE key = 'slow3';
ALTER TABLE usdtpay.posting ENABLE ALWAYS TRIGGER posting_append_only;
SELECT is((SELECT array_agg(amount * 1000000) FROM usdtpay.statement(now() - interval '1 minute', 'infinity', 'payout', p_party => 'shop')), ARRAY[1, 2]::numeric[], 'all of the period is there');
SELECT is((SELECT array_agg(amount * 1000000) FROM usdtpay.statement(now() - interval '1 day', now(), 'payout', p_party => 'shop')), ARRAY[3]::numeric[], 'by when the transaction began');
SELECT is((SELECT count(*)::integer FROM usdtpay.statement('-infinity', 'infinity', 'payout', p_party => 'shop', p_asset => 'TRX')), 1, 'another asset has a statement of its own');
-- a seal bounds the walk: what it covers was posted before it
INSERT INTO usdtpay.ledger_block (block_no, first_id, last_id, journals, postings, root, prev_hash, hash, sealed_at)
SELECT 1, 1, p.posting_id / 256, 1, 1, sha256('r'), sha256('p'), sha256('h'), now() + interval '1 hour' FROM usdtpay.posting AS p WHERE p.key = 'slow2';
SELECT is((SELECT array_agg(amount * 1000000) FROM usdtpay.statement(now() - interval '1 day', 'infinity', 'payout', p_party => 'shop')), ARRAY[1, 2, 3]::numeric[], 'a seal that is younger than the period hides nothing');
SELECT is((SELECT usdtpay_internal.posted_before(now() + interval '2 hours') / 256), (SELECT posting_id / 256 FROM usdtpay.posting WHERE key = 'slow2'), 'an older one ends the walk');
SELECT is(usdtpay_internal.posted_before(now() + interval '1 hour'), 0::bigint, 'not earlier');

-- a long history is read to the end
SELECT usdtpay.ledger_post_batch(array_agg(p.party_id), array_agg('n' || n), array_agg(a.c), array_agg(a.s), array_agg(n), array_agg('adjust'::usdtpay.journal_kind), array_agg('t'::text), true)
FROM usdtpay.party AS p, LATERAL (SELECT usdtpay.account_open(p.party_id, 'USDT', 'custody:dev') AS c, usdtpay.account_open(p.party_id, 'USDT', 'suspense') AS s) AS a, generate_series(1, 500) AS n WHERE code = 'other';
SELECT is((SELECT count(*) || ' ' || sum(amount) || ' ' || max(balance) FROM usdtpay.statement('-infinity', 'infinity', 'suspense', p_party => 'other')), '500 0.125250 0.125250', 'a statement walks the whole chain of postings');

-- events: the feed
SELECT is((SELECT array_agg(type ORDER BY event_id) FROM usdtpay.event WHERE object = 'order' AND object_id = :o1), ARRAY['order.partially_paid', 'order.confirming', 'order.paid', 'order.overpaid'], 'events stand in order');
SELECT ok((SELECT bool_and((payload::jsonb #>> '{data,amount_due}') = '12.500000' AND payload::jsonb #>> '{data,metadata,a}' = '1' AND payload::jsonb #>> '{data,reference}' = 'o1')
    FROM usdtpay.event WHERE object = 'order' AND object_id = :o1), 'with amounts as decimal strings, and what the merchant attached');

SELECT * FROM finish();
ROLLBACK;
