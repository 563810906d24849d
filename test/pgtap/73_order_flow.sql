-- Orders and money: every way an order moves, what that posts, which flags come up, what is told.
BEGIN;
SELECT no_plan();
\ir lib/chain.sql
\ir lib/order.sql
SELECT usdtpay.roles_setup();
SELECT sim.setup();
SELECT sim.grow() \gset quiet_

-- the plain case
SELECT sim.buy('plain');
SELECT is(sim.grow(ARRAY[sim.send(sim.addr('plain'), 10000000, 'plain')]), 'ok', 'a payment is mined');
SELECT is(sim.order('plain'), 'confirming 10/10/0', 'enough is seen: confirming');
SELECT is(sim.dep('plain'), 'seen matched 10', 'the deposit is seen');
SELECT is((SELECT state FROM usdtpay.deposit_status WHERE deposit_id = sim.dep_id('plain')), 'seen', 'in the newest block');
SELECT is((SELECT confirmations FROM usdtpay.deposit_status WHERE deposit_id = sim.dep_id('plain')), 1::bigint, 'with one confirmation');
SELECT sim.grow() \gset quiet_
SELECT is((SELECT state FROM usdtpay.deposit_status WHERE deposit_id = sim.dep_id('plain')), 'confirming', 'confirming once a block stands on top');
SELECT is((SELECT count(*)::integer FROM usdtpay.posting), 0, 'nothing is posted before finality');
SELECT sim.refuses(format('SELECT usdtpay.order_cancel(%s, ''shop'')', sim.id('plain')), 'UP201', 'an order with money cannot be cancelled');
SELECT is(sim.settle(), 'ok', 'a second look');
SELECT is(sim.order('plain'), 'paid 10/10/10', 'enough is final: paid');
SELECT is(sim.dep('plain'), 'final matched 10', 'the deposit is final');
SELECT is((SELECT paid_at FROM usdtpay.payment_order WHERE reference = 'plain'), now(), 'now');
SELECT is(sim.events('order', sim.id('plain')), 'order.confirming order.paid', 'each move is told');
SELECT is(sim.events('deposit', sim.dep_id('plain')), NULL, 'a deposit that pays an order is told by the order');
SELECT is(sim.bal('available') || ' ' || sim.bal('pending') || ' ' || sim.bal('custody:dev') || ' ' || sim.bal('fee'), '10 0 -10 0', 'it is available');
SELECT is((SELECT d.payload::jsonb #>> '{data,amount_final}' FROM usdtpay.event AS d WHERE d.object_id = sim.id('plain') AND d.type = 'order.paid'), '10.000000', 'the event names the amount');
SELECT is((SELECT jsonb_array_length(d.payload::jsonb #> '{data,deposits}') FROM usdtpay.event AS d WHERE d.object_id = sim.id('plain') AND d.type = 'order.paid'), 1, 'and the deposits');

-- partial payments
SELECT sim.buy('part');
SELECT sim.grow(ARRAY[sim.send(sim.addr('part'), 4000000, 'part1')]) \gset quiet_
SELECT is(sim.order('part'), 'partially_paid 10/4/0', 'some is seen: partially paid');
SELECT sim.settle() \gset quiet_
SELECT is(sim.order('part') || ' ' || sim.bal('pending'), 'partially_paid 10/4/4 4', 'it waits in pending');
SELECT sim.grow(ARRAY[sim.send(sim.addr('part'), 6000000, 'part2')]) \gset quiet_
SELECT is(sim.order('part'), 'confirming 10/10/4 multiple', 'the rest is seen');
SELECT sim.settle() \gset quiet_
SELECT is(sim.order('part') || ' ' || sim.bal('pending') || ' ' || sim.bal('available'), 'paid 10/10/10 multiple 0 20', 'and final');
SELECT is(sim.events('order', sim.id('part')), 'order.partially_paid order.confirming order.paid', 'told step by step');

-- straight to paid: seen and final at once, as a rescan does
SELECT sim.buy('straight');
SELECT sim.grow() \gset quiet_
SELECT sim.settle() \gset quiet_
SELECT is((usdtpay.chain_ingest('dev', jsonb_build_array(sim.block(c.tip_number) || jsonb_build_object('transactions', sim.txs(l, c.tip_number)))::text, sim.place(l)::text, 'rescan')).status, 'ok', 'a rescan finds a payment')
FROM usdtpay.chain_cursor AS c, LATERAL (SELECT jsonb_build_array(sim.transfer(c.tip_number, 0, sim.addr('straight'), 10000000, 'straight')) AS l) AS x;
SELECT is(sim.order('straight'), 'paid 10/10/10', 'which makes a pending order paid');
SELECT is(sim.events('order', sim.id('straight')), 'order.confirming order.paid', 'told as if it had been seen first');

-- overpaid: accept
SELECT sim.buy('over');
SELECT sim.paid(sim.send(sim.addr('over'), 12000000, 'over')) \gset quiet_
SELECT is(sim.order('over'), 'paid 10/12/12 overpaid', 'too much is overpaid');
SELECT is((SELECT excess FROM usdtpay.order_status WHERE reference = 'over'), 2.000000, 'the excess is known');
SELECT is(sim.events('order', sim.id('over')), 'order.confirming order.paid order.overpaid', 'and told');
SELECT is(sim.bal('available'), 42::numeric, 'accept: all of it is available');

-- overpaid: hold, with a tolerance and a fee
SELECT usdtpay.merchant_set(p_overpay_tolerance => 1, p_overpay_policy => 'hold', p_party => 'shop');
SELECT usdtpay.merchant_fee_set('shop', 100);
SELECT sim.buy('tol'), sim.buy('hold');
SELECT sim.paid(sim.send(sim.addr('tol'), 11000000, 'tol1')) \gset quiet_
SELECT is(sim.order('tol') || ' ' || sim.bal('available') || ' ' || sim.bal('suspense') || ' ' || sim.bal('fee'), 'paid 10/11/11 52.89 0 0.11', 'within the tolerance nothing is held');
SELECT sim.paid(sim.send(sim.addr('tol'), 500000, 'tol2')) \gset quiet_
SELECT is(sim.order('tol') || ' ' || sim.bal('available') || ' ' || sim.bal('suspense') || ' ' || sim.bal('fee'), 'paid 10/11.5/11.5 overpaid,multiple 52.89 0.5 0.11', 'beyond it what comes on top is held');
SELECT is(sim.events('order', sim.id('tol')), 'order.confirming order.paid order.overpaid', 'a payment after paid is told when it overpays');
SELECT sim.paid(sim.send(sim.addr('hold'), 15000000, 'hold')) \gset quiet_
SELECT is(sim.order('hold') || ' ' || sim.bal('available') || ' ' || sim.bal('suspense') || ' ' || sim.bal('fee'), 'paid 10/15/15 overpaid 62.79 5.5 0.21', 'hold: available gets what was due, less the fee; suspense the rest');
SELECT sim.paid(sim.send(sim.addr('hold'), 1000000, 'hold2')) \gset quiet_
SELECT is(sim.bal('available') || ' ' || sim.bal('suspense') || ' ' || sim.bal('pending'), '62.79 6.5 0', 'and everything after');
SELECT usdtpay.merchant_set(p_overpay_tolerance => 0, p_overpay_policy => 'accept', p_party => 'shop');
SELECT usdtpay.merchant_fee_set('shop', 0);
SELECT sim.sound();

-- part of it held by the platform, part by the merchant's own wallet: the excess is the order's
SELECT usdtpay.merchant_set(p_overpay_policy => 'hold', p_party => 'shop');
SELECT sim.buy('mixed1'), sim.buy('mixed2');
SELECT usdtpay.merchant_set(p_overpay_policy => 'accept', p_party => 'shop');
SELECT sim.bal('available') AS available, sim.bal('suspense') AS suspense \gset
SAVEPOINT mixed;
SELECT sim.grow(ARRAY[sim.send(sim.addr('mixed1'), 6000000, 'mixed1a'), sim.send(sim.addr('mixed1'), 8000000, 'mixed1b')]) \gset quiet_
UPDATE usdtpay.deposit SET custodial = false WHERE tx_hash = sha256('mixed1a');
SELECT sim.settle() \gset quiet_
SELECT is(sim.order('mixed1') || ' ' || trim_scale(sim.bal('available') - :available) || ' ' || trim_scale(sim.bal('suspense') - :suspense), 'paid 10/14/14 overpaid,multiple 4 4', 'what is beyond due is held, as far as the platform has it');
SELECT sim.paid(sim.send(sim.addr('mixed1'), 1000000, 'mixed1c')) \gset quiet_
SELECT is(trim_scale(sim.bal('available') - :available) || ' ' || trim_scale(sim.bal('suspense') - :suspense), '4 5', 'so is what comes after');
SELECT sim.paid(sim.send(sim.addr('mixed2'), 12000000, 'mixed2a')) \gset quiet_
SELECT sim.grow(ARRAY[sim.send(sim.addr('mixed2'), 5000000, 'mixed2b')]) \gset quiet_
UPDATE usdtpay.deposit SET custodial = false WHERE tx_hash = sha256('mixed2b');
SELECT sim.settle() \gset quiet_
SELECT is(trim_scale(sim.bal('available') - :available) || ' ' || trim_scale(sim.bal('suspense') - :suspense), '14 7', 'what the platform does not have it does not hold');
SELECT is(sim.bal('pending'), 0::numeric, 'nothing stays pending');
SELECT sim.sound();
ROLLBACK TO mixed;

-- underpaid within the tolerance
SELECT usdtpay.merchant_set(p_underpay_tolerance => 0.5, p_party => 'shop');
SELECT sim.buy('short'), sim.buy('short2');
SELECT usdtpay.merchant_set(p_underpay_tolerance => 0, p_party => 'shop');
SELECT sim.paid(sim.send(sim.addr('short'), 9500000, 'short'), sim.send(sim.addr('short2'), 9499999, 'short2')) \gset quiet_
SELECT is(sim.order('short') || ', ' || sim.order('short2'), 'paid 10/9.5/9.5, partially_paid 10/9.499999/9.499999', 'the tolerance is exact');
SELECT is(sim.bal('available'), 72.29, 'what arrived is available');

-- a tolerance larger than the price: a tenth of it counts, and nothing or dust is never enough
SELECT usdtpay.merchant_set(p_underpay_tolerance => 100, p_party => 'shop');
SELECT sim.buy('generous', 1);
SELECT usdtpay.merchant_set(p_underpay_tolerance => 0, p_party => 'shop');
SELECT sim.grow(ARRAY[sim.send(sim.addr('generous'), 10000, 'generous')]) \gset quiet_
SELECT is(sim.order('generous') || ', ' || sim.events('order', sim.id('generous')), 'partially_paid 1/0.01/0, order.partially_paid', 'a little that is only seen pays nothing');
SELECT sim.settle() \gset quiet_
SELECT is(sim.order('generous'), 'partially_paid 1/0.01/0.01', 'nor does it when final');
SELECT sim.paid(sim.send(sim.addr('generous'), 879999, 'generous2')) \gset quiet_
SELECT is(sim.order('generous'), 'partially_paid 1/0.889999/0.889999 multiple', 'a tenth may be missing, not more');
SELECT sim.paid(sim.send(sim.addr('generous'), 10001, 'generous3')) \gset quiet_
SELECT is(sim.order('generous'), 'paid 1/0.9/0.9 multiple', 'and then it is paid');
SELECT is((SELECT string_agg(usdtpay_internal.order_next(s.state, n.need, 0, 0)::text, ' ' ORDER BY s.state) FROM (VALUES ('pending'::usdtpay.order_state), ('canceled')) AS s (state), (VALUES (0), (-5)) AS n (need)),
    'pending pending canceled canceled', 'no money pays no order, whatever the tolerance');
SELECT sim.sound();

-- expired, then paid late
CREATE FUNCTION pg_temp.expire(VARIADIC p_references text[]) RETURNS text LANGUAGE sql AS $$
    UPDATE usdtpay.payment_order AS o SET expires_at = c.tip_time - interval '0.5 seconds', created_at = c.tip_time - interval '10 minutes'
    FROM usdtpay.chain_cursor AS c JOIN usdtpay.network AS n USING (network_id)
    WHERE n.code = 'dev' AND o.reference = ANY (p_references);
    SELECT usdtpay.order_expire()::text
$$;
SELECT sim.buy('late'), sim.buy('late_part'), sim.buy('late_intime');
SELECT is(pg_temp.expire('late', 'late_part'), '2', 'two orders expire');
SELECT sim.paid(sim.send(sim.addr('late'), 10000000, 'late'), sim.send(sim.addr('late_part'), 3000000, 'late_part1')) \gset quiet_
SELECT is(sim.order('late'), 'paid 10/10/10 late', 'auto: a late payment pays');
SELECT is(sim.events('order', sim.id('late')), 'order.expired order.paid', 'straight from expired');
SELECT is(sim.order('late_part'), 'underpaid 10/3/3 late', 'a late part makes it underpaid');
SELECT sim.paid(sim.send(sim.addr('late_part'), 7000000, 'late_part2')) \gset quiet_
SELECT is(sim.order('late_part'), 'paid 10/10/10 late,multiple', 'until the rest comes');
SELECT is(sim.events('order', sim.id('late_part')), 'order.expired order.underpaid order.paid', 'told');

-- in time by the chain's clock, but found after expiry (a rescan)
SELECT usdtpay.merchant_set(p_late_policy => 'review', p_party => 'shop');
SELECT sim.buy('found');
SELECT usdtpay.merchant_set(p_late_policy => 'auto', p_party => 'shop');
SELECT sim.grow() \gset quiet_
SELECT tip_number AS missed FROM usdtpay.chain_cursor \gset
SELECT sim.grow('{}', 3) \gset quiet_
SELECT pg_temp.expire('found');
SELECT sim.settle() \gset quiet_
SELECT is(sim.order('found'), 'expired 10/0/0', 'an order expired');
SELECT is((usdtpay.chain_ingest('dev', jsonb_build_array(sim.block(:missed) || jsonb_build_object('transactions', sim.txs(l, :missed)))::text, sim.place(l)::text, 'rescan')).deposits, 1, 'a rescan finds what was missed')
FROM (SELECT jsonb_build_array(sim.transfer(:missed, 0, sim.addr('found'), 10000000, 'found')) AS l) AS x;
SELECT is(sim.order('found'), 'paid 10/10/10', 'in time is in time, whatever the late policy');
SELECT sim.sound();

-- partially paid, then the time is over: underpaid; the merchant takes it, or the rest comes
SELECT sim.buy('under1'), sim.buy('under2'), sim.buy('inflight');
SELECT sim.paid(sim.send(sim.addr('under1'), 6000000, 'under1'), sim.send(sim.addr('under2'), 6000000, 'under2')) \gset quiet_
SELECT sim.grow(ARRAY[sim.send(sim.addr('inflight'), 5000000, 'inflight')]) \gset quiet_
SELECT is(pg_temp.expire('under1', 'under2', 'inflight'), '2', 'money in flight holds expiry');
SELECT is(sim.order('under1') || ', ' || sim.order('inflight'), 'underpaid 10/6/6, partially_paid 10/5/0', 'the others are underpaid');
SELECT sim.settle() \gset quiet_
SELECT is(usdtpay.order_expire(), 1, 'when it is final the time is over');
SELECT is(sim.order('inflight'), 'underpaid 10/5/5 late', 'for it too');
SELECT sim.bal('available') AS before \gset
SELECT is(usdtpay.order_settle_underpaid('k1', sim.id('under1'), 'good customer', 'shop'), 'paid', 'the merchant takes it as it is');
SELECT is(sim.order('under1'), 'paid 10/6/6 manual', 'by hand');
SELECT is(sim.bal('available') - :before, 6::numeric, 'what arrived is available');
SELECT is(usdtpay.order_settle_underpaid('k1', sim.id('under1'), 'good customer', 'shop'), 'paid', 'the same decision again changes nothing');
SELECT is((SELECT count(*)::integer FROM usdtpay.resolution), 1, 'and is recorded once');
SELECT row_eq('SELECT action, amount, reason, decided_by FROM usdtpay.resolution', ROW('settle_underpaid'::text, 6000000::bigint, 'good customer'::text, current_user::name), 'with its reason and who decided');
SELECT sim.refuses(format('SELECT usdtpay.order_settle_underpaid(%s)', a), b, format('order_settle_underpaid(%s) is refused with %s', left(a, 60), b))
FROM (VALUES
    ('''k1'', ' || sim.id('under2') || ', ''r'', ''shop''', 'UP202'), ('''k2'', ' || sim.id('under1') || ', ''r'', ''shop''', 'UP201'),
    ('NULL, ' || sim.id('under2') || ', ''r'', ''shop''', 'UP000'), (''''', ' || sim.id('under2') || ', ''r'', ''shop''', 'UP000'),
    ('repeat(''k'', 201), ' || sim.id('under2') || ', ''r'', ''shop''', 'UP000'), ('''k3'', ' || sim.id('under2') || ', NULL, ''shop''', 'UP000'),
    ('''k3'', ' || sim.id('under2') || ', '''', ''shop''', 'UP000'), ('''k3'', NULL, ''r'', ''shop''', 'UP200'), ('''k3'', 0, ''r'', ''shop''', 'UP200'),
    ('''k3'', ' || sim.id('under2') || ', ''r''', 'UP100'), ('''k3'', ' || sim.id('late_intime') || ', ''r'', ''shop''', 'UP201')
) AS v (a, b);
SELECT sim.paid(sim.send(sim.addr('under2'), 4000000, 'under2b')) \gset quiet_
SELECT is(sim.order('under2'), 'paid 10/10/10 late,multiple', 'the rest pays an underpaid order');

-- cancelled, and paid all the same
SELECT sim.buy('cancel'), sim.buy('cancel_part');
SELECT usdtpay.order_cancel(sim.id('cancel'), 'shop'), usdtpay.order_cancel(sim.id('cancel_part'), 'shop');
SELECT sim.grow(ARRAY[sim.send(sim.addr('cancel'), 10000000, 'cancel'), sim.send(sim.addr('cancel_part'), 1000000, 'cancel_part')]) \gset quiet_
SELECT is(sim.order('cancel'), 'canceled 10/10/0', 'a cancelled order stays cancelled while its money is in flight');
SELECT sim.settle() \gset quiet_
SELECT is(sim.order('cancel') || ', ' || sim.order('cancel_part'), 'paid 10/10/10, underpaid 10/1/1', 'auto: final money pays it; a part makes it underpaid, so that somebody can take it');
SELECT is(usdtpay.order_settle_underpaid('k4', sim.id('cancel_part'), 'take it', 'shop'), 'paid', 'the merchant does');
SELECT is(sim.bal('pending'), (SELECT sum(final - settled) / 1000000.0 FROM usdtpay.payment_order), 'nothing hides in pending');

-- late policies review and refund: money is put aside
SELECT usdtpay.merchant_set(p_late_policy => p::text, p_party => 'shop'), sim.buy('aside_' || p) FROM unnest(ARRAY['review', 'refund']) AS p;
SELECT sim.buy('aside_canceled');
SELECT usdtpay.merchant_set(p_late_policy => 'auto', p_party => 'shop');
SELECT pg_temp.expire('aside_review', 'aside_refund'), usdtpay.order_cancel(sim.id('aside_canceled'), 'shop');
SELECT sim.bal('suspense') AS before \gset
SELECT sim.paid(sim.send(sim.addr('aside_review'), 10000000, 'ar'), sim.send(sim.addr('aside_refund'), 10000000, 'af'), sim.send(sim.addr('aside_canceled'), 10000000, 'ac')) \gset quiet_
SELECT is(sim.dep('ar') || ', ' || sim.dep('af') || ', ' || sim.dep('ac'), 'final late 10, final late 10, final late 10', 'review and refund put late money aside');
SELECT is(sim.order('aside_review') || ', ' || sim.order('aside_canceled'), 'expired 10/0/0, canceled 10/0/0', 'the orders stay as they are');
SELECT is(sim.bal('suspense') - :before, 30::numeric, 'it waits in suspense');
SELECT is(sim.events('deposit', sim.dep_id('ar')), 'deposit.late', 'and that is told');
SELECT ok(usdtpay.deposit_assign('a1', sim.dep_id('ar'), sim.id('aside_review'), 'paid all right', 'shop') > 0, 'a person assigns it');
SELECT is(sim.order('aside_review'), 'paid 10/10/10 late,manual', 'which pays the order');
SELECT is(sim.events('deposit', sim.dep_id('ar')), 'deposit.late deposit.resolved', 'told');
SELECT is(sim.bal('suspense') - :before, 20::numeric, 'out of suspense');
SELECT sim.sound();

-- payments after paid
SELECT sim.paid(sim.send(sim.addr('plain'), 1000000, 'again')) \gset quiet_
SELECT is(sim.order('plain'), 'paid 10/11/11 overpaid,multiple', 'a payment after paid is an excess');
SELECT is(sim.events('order', sim.id('plain')), 'order.confirming order.paid order.overpaid', 'told as such');

-- reversal
SELECT usdtpay.merchant_fee_set('shop', 250);
SELECT sim.buy('rev');
SELECT usdtpay.merchant_fee_set('shop', 0);
SELECT sim.paid(sim.send(sim.addr('rev'), 10000000, 'rev')) \gset quiet_
SELECT sim.bal('available') AS available, sim.bal('fee') AS fee, sim.bal('suspense') AS suspense \gset
SELECT sim.refuses(format('SELECT usdtpay.order_reverse(%s)', a), b, format('order_reverse(%s) is refused with %s', left(a, 60), b))
FROM (VALUES
    ('NULL, ' || sim.id('rev') || ', ''r'', ''shop''', 'UP000'), ('''v1'', ' || sim.id('rev') || ', '''', ''shop''', 'UP000'),
    ('''v1'', NULL, ''r'', ''shop''', 'UP200'), ('''v1'', ' || sim.id('aside_canceled') || ', ''r'', ''shop''', 'UP201'),
    ('''v1'', ' || sim.id('inflight') || ', ''r'', ''shop''', 'UP201'), ('''k1'', ' || sim.id('rev') || ', ''r'', ''shop''', 'UP202'),
    ('''v1'', ' || sim.id('rev') || ', ''r''', 'UP100'), ('''v1'', ' || sim.id('rev') || ', ''r'', ''nope''', 'UP200')
) AS v (a, b);
SELECT is(usdtpay.order_reverse('v1', sim.id('rev'), 'stolen', 'shop'), 'reversed', 'an operator reverses an order');
SELECT is(sim.order('rev'), 'reversed 10/10/10 manual', 'for good');
SELECT is((sim.bal('available') - :available) || ' ' || (sim.bal('fee') - :fee) || ' ' || trim_scale(sim.bal('suspense') - :suspense), '-9.75 -0.25 10', 'all of it goes to suspense, the fee too');
SELECT is(usdtpay.order_reverse('v1', sim.id('rev'), 'stolen', 'shop'), 'reversed', 'the same decision again changes nothing');
SELECT is((sim.bal('suspense') - :suspense), 10::numeric, 'really');
SELECT sim.refuses(format('SELECT usdtpay.order_reverse(''v2'', %s, ''again'', ''shop'')', sim.id('rev')), 'UP201', 'nor does another one');
SELECT is(sim.events('order', sim.id('rev')), 'order.confirming order.paid order.reversed', 'told once');
SELECT sim.paid(sim.send(sim.addr('rev'), 3000000, 'rev2')) \gset quiet_
SELECT is(sim.dep('rev2') || ', ' || sim.order('rev'), 'final late 3, reversed 10/10/10 manual', 'what comes after a reversal is put aside');
SELECT sim.refuses(format('SELECT usdtpay.deposit_assign(''v3'', %s, %s, ''r'', ''shop'')', sim.dep_id('rev2'), sim.id('rev')), 'UP201', 'and cannot be assigned to it');
SELECT is(usdtpay.order_reverse('v4', sim.id('hold'), 'overpaid one', 'shop'), 'reversed', 'an overpaid order with a held excess can be reversed');
SELECT sim.sound();
-- money that was in flight when the order was reversed
SELECT sim.buy('rev3');
SELECT sim.paid(sim.send(sim.addr('rev3'), 10000000, 'rev3')) \gset quiet_
SELECT sim.grow(ARRAY[sim.send(sim.addr('rev3'), 2000000, 'rev3b')]) \gset quiet_
SELECT usdtpay.order_reverse('v5', sim.id('rev3'), 'r', 'shop');
SELECT sim.settle() \gset quiet_
SELECT is(sim.dep('rev3b') || ', ' || sim.order('rev3'), 'final late 2, reversed 10/10/10 manual', 'money in flight at a reversal is put aside as well');
SELECT sim.sound();
-- spent money cannot be taken back
SELECT sim.buy('rev4', 1000000);
SELECT sim.paid(sim.send(sim.addr('rev4'), 1000000000000, 'rev4')) \gset quiet_
SELECT usdtpay.ledger_post(p.party_id, 'spend', ARRAY[usdtpay.account_open(p.party_id, 'USDT', 'available')], ARRAY[usdtpay.account_open(p.party_id, 'USDT', 'escrow')],
    ARRAY[(sim.bal('available') * 1000000)::bigint], 'adjust', 'test') FROM usdtpay.party AS p WHERE code = 'shop';
SELECT sim.refuses(format('SELECT usdtpay.order_reverse(''v6'', %s, ''r'', ''shop'')', sim.id('rev4')), 'UP300', 'what the merchant has spent cannot be reversed');

-- reorganisations
SELECT sim.buy('ro1'), sim.buy('ro2');
SELECT tip_number AS base FROM usdtpay.chain_cursor \gset
SELECT sim.grow(ARRAY[sim.send(sim.addr('ro1'), 10000000, 'ro1'), sim.send(sim.addr('ro2'), 4000000, 'ro2')]) \gset quiet_
SELECT sim.grow(ARRAY[sim.send(sim.addr('ro2'), 6000000, 'ro2b')]) \gset quiet_
SELECT is(sim.order('ro1') || ', ' || sim.order('ro2'), 'confirming 10/10/0, confirming 10/10/0 multiple', 'two orders are confirming');
SELECT is(sim.rewind(:base + 1), 'ok', 'the last block is gone');
SELECT is(sim.order('ro2'), 'partially_paid 10/4/0', 'confirming goes back to partially paid');
SELECT is(sim.rewind(:base), 'ok', 'and the one before');
SELECT is(sim.order('ro1') || ', ' || sim.order('ro2'), 'pending 10/0/0, pending 10/0/0', 'back to pending');
SELECT is(sim.events('order', sim.id('ro2')), 'order.partially_paid order.confirming order.partially_paid order.pending', 'told');
SELECT is(sim.dep('ro1'), 'orphaned matched 10', 'the deposit is orphaned');
SELECT sim.grow(ARRAY[sim.send(sim.addr('ro1'), 10000000, 'ro1')], p_fork => 'b') \gset quiet_
SELECT is(sim.dep('ro1') || ', ' || sim.order('ro1'), 'seen matched 10, confirming 10/10/0', 'mined again it is the same deposit');
SELECT sim.settle() \gset quiet_
SELECT is(sim.order('ro1'), 'paid 10/10/10', 'and pays');
SELECT sim.sound();

-- self-custody: the party's own wallet
SELECT usdtpay.merchant_create('own', 'Own');
SELECT usdtpay.merchant_fee_set('own', 100);
SELECT usdtpay.wallet_add('w', 'xpub', 'evm', 'xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8', p_party => 'own');
SELECT sim.buy('self', p_party => 'own'), sim.buy('self_late', p_party => 'own');
SELECT sim.paid(sim.send(sim.addr('self'), 12000000, 'self'), sim.send(sim.addr('self_late'), 1, 'self_dust')) \gset quiet_
SELECT is(sim.order('self'), 'paid 10/12/12 overpaid', 'an order on the merchant''s own wallet is paid');
SELECT results_eq('SELECT account, balance FROM usdtpay.balance(''own'')', $$VALUES ('received'::text, 12.000001), ('self:dev', -12.000001)$$, 'and only noted: nothing is owed, no fee is taken');
SELECT is(usdtpay.order_reverse('s1', sim.id('self'), 'r', 'own'), 'reversed', 'reversing it moves no money');
SELECT results_eq('SELECT account, balance FROM usdtpay.balance(''own'')', $$VALUES ('received'::text, 12.000001), ('self:dev', -12.000001)$$, 'indeed');
SELECT sim.sound();

-- all or nothing: where a journal is refused the deposit and the order stay as they were
CREATE FUNCTION sim.close(p_name text, p_closed boolean) RETURNS void LANGUAGE sql AS $$
    UPDATE usdtpay.account AS a SET flags = CASE WHEN p_closed THEN a.flags | 4 ELSE a.flags & ~4 END
    FROM usdtpay.party AS p
    WHERE p.code = 'shop' AND a.party_id = p.party_id AND a.account_id = usdtpay.account_open(p.party_id, 'USDT', p_name)
$$;
SELECT sim.buy('refused');
SELECT sim.grow(ARRAY[sim.send(sim.addr('refused'), 4000000, 'refused1')]), sim.close('pending', true), sim.settle() \gset quiet_
SELECT is(sim.order('refused') || ' ' || sim.dep('refused1'), 'partially_paid 10/4/0 seen matched 4', 'no deposit becomes final without its journal');
SELECT sim.close('pending', false), usdtpay.deposits_retry(p_now => true) \gset quiet_
SELECT is(sim.order('refused') || ' ' || sim.dep('refused1'), 'partially_paid 10/4/4 final matched 4', 'the next try does both');
SELECT sim.grow(ARRAY[sim.send(sim.addr('refused'), 6000000, 'refused2')]), sim.close('available', true), sim.settle() \gset quiet_
SELECT is(sim.order('refused') || ' ' || sim.dep('refused2'), 'confirming 10/10/4 multiple seen matched 6', 'no order becomes paid without its journal');
SELECT sim.close('available', false), usdtpay.deposits_retry(p_now => true) \gset quiet_
SELECT is(sim.order('refused') || ' ' || sim.dep('refused2'), 'paid 10/10/10 multiple final matched 6', 'the next try does all of it');

-- late is late by the first block after the end, and in time until then
SELECT usdtpay.merchant_set(p_late_policy => 'review', p_party => 'shop');
SELECT (c.tip_number - 999) * interval '1 second' AS edge FROM usdtpay.chain_cursor AS c JOIN usdtpay.network AS n USING (network_id) WHERE n.code = 'dev' \gset
SELECT sim.buy('last moment', p_expires_in => :'edge'), sim.buy('too late', p_expires_in => :'edge') \gset quiet_
SELECT sim.grow(ARRAY[sim.send(sim.addr('last moment'), 10000000, 'edge1')]), sim.grow(ARRAY[sim.send(sim.addr('too late'), 10000000, 'edge2')]) \gset quiet_
SELECT is(sim.dep('edge1') || ', ' || sim.dep('edge2'), 'seen matched 10, seen late 10', 'a payment less than a second late is late');
SELECT is(sim.settle() || ' ' || sim.order('last moment') || ' ' || sim.order('too late'), 'ok paid 10/10/10 pending 10/0/0', 'and waits for a person');
SELECT usdtpay.merchant_set(p_late_policy => 'auto', p_party => 'shop');

-- a fee is rounded to the nearest minor unit
SELECT sim.bal('fee') AS fee \gset
SELECT usdtpay.merchant_fee_set('shop', 1);
SELECT sim.buy('fee down', 10.000001), sim.buy('fee up', 10.006), usdtpay.deposit_address('fee', 'dev', 'shop') AS fee_customer \gset quiet_
SELECT sim.paid(sim.send(sim.addr('fee down'), 10000001, 'fee1'), sim.send(sim.addr('fee up'), 10006000, 'fee2')) \gset quiet_
SELECT is(sim.bal('fee') - :fee, 0.002001, 'of orders');
SELECT sim.paid(sim.send(:'quiet_fee_customer', 10000001, 'fee3')) \gset quiet_
SELECT is(sim.bal('fee') - :fee, 0.003001, 'and of customers'' deposits');
SELECT usdtpay.merchant_fee_set('shop', 0);
SELECT sim.sound();


SELECT * FROM finish();
ROLLBACK;
