-- Money that cannot be booked: refused where it would begin, and when it happens all the same it
-- waits alone, with an alarm, while everybody else is credited.
BEGIN;
SELECT no_plan();
\ir lib/chain.sql
\ir lib/order.sql
SELECT usdtpay.roles_setup();
SELECT sim.setup();
SELECT usdtpay.merchant_create('rival', 'Rival');
SELECT sim.grow() \gset quiet_
SELECT party_id AS shop FROM usdtpay.party WHERE code = 'shop' \gset
SELECT party_id AS rival FROM usdtpay.party WHERE code = 'rival' \gset
CREATE FUNCTION pg_temp.alarm() RETURNS text LANGUAGE sql AS $$
    SELECT h.status || ': ' || h.detail FROM usdtpay.health() AS h WHERE h.component = 'deposits'
$$;

-- a customer's reference never exceeds what an account can be opened for
SELECT sim.refuses($$SELECT usdtpay.deposit_address(repeat('é', 150), 'dev', 'shop')$$, 'UP000', 'octets are counted: a customer''s address');
SELECT sim.refuses($$SELECT usdtpay.order_create('c1', 1, p_customer_ref => repeat('é', 150), p_party => 'shop')$$, 'UP000', 'and a customer''s order');
SELECT usdtpay.deposit_address(repeat('é', 127), 'dev', 'shop') AS longest \gset
SELECT sim.paid(sim.send(:'longest', 1000000, 'longest')) \gset quiet_
SELECT is(sim.bal('available', 'shop', repeat('é', 127)), 1::numeric, 'the longest reference is credited');

-- the keys of the platform's journals cannot be taken in advance
SELECT usdtpay.account_open(:shop, 'USDT', 'margin') AS margin, usdtpay.account_open(:shop, 'USDT', 'clearing') AS clearing \gset
SELECT hold_id AS hold FROM usdtpay.ledger_hold(:shop, 'a hold', :clearing, :margin, 5) \gset
SELECT sim.refuses(format(c.call, k.prefix || '1'), 'UP000', 'key ' || k.prefix || ' is reserved: ' || substring(c.call FROM 'ledger_[a-z_]+'))
FROM (VALUES ('deposit:'), ('order:'), ('resolution:'), ('expire:')) AS k (prefix),
    (VALUES (format('SELECT usdtpay.ledger_post(%s, %%L, ARRAY[%s], ARRAY[%s], ARRAY[1]::bigint[])', :shop, :clearing, :margin)),
    (format('SELECT usdtpay.ledger_post_batch(ARRAY[%s], ARRAY[%%L], ARRAY[%s], ARRAY[%s], ARRAY[1]::bigint[])', :shop, :clearing, :margin)),
    (format('SELECT usdtpay.ledger_hold(%s, %%L, %s, %s, 1)', :shop, :clearing, :margin)),
    (format('SELECT usdtpay.ledger_capture(%s, %%L, %s)', :shop, :hold)),
    (format('SELECT usdtpay.ledger_release(%s, %%L, %s)', :shop, :hold))) AS c (call);
SELECT is((SELECT status FROM usdtpay.ledger_post(:shop, 'order-1', ARRAY[:clearing], ARRAY[:margin], ARRAY[1]::bigint[])), 'created', 'other keys are free');
SELECT is((SELECT status FROM usdtpay.ledger_release(:shop, 'a release', :hold)), 'created', 'of any kind');
SELECT usdtpay.ledger_post(:shop, 'back', ARRAY[:margin], ARRAY[:clearing], ARRAY[1]::bigint[]);

-- accounts that payments are booked on stay open
SELECT sim.refuses(format('SELECT usdtpay.account_close(%s, %s)', :shop, usdtpay.account_open(:shop, 'USDT', n.name)), 'UP201', n.name || ' is not closed')
FROM (VALUES ('available'), ('pending'), ('held'), ('fee'), ('suspense'), ('received'), ('custody:dev'), ('self:dev')) AS n (name);
SELECT ok(usdtpay.account_close(:shop, :margin), 'others are');

-- a customer whose reference an older version let in
SELECT is(pg_temp.alarm(), 'ok: every final deposit is credited', 'no alarm');
SELECT usdtpay.deposit_address('old', 'dev', 'shop') AS old, usdtpay.deposit_address('carol', 'dev', 'shop') AS carol \gset
UPDATE usdtpay.address SET customer_ref = repeat('é', 150) WHERE customer_ref = 'old';
SELECT sim.buy('mine'), sim.buy('theirs', p_party => 'rival');
SELECT sim.grow(ARRAY[sim.send(:'old', 3000000, 'old'), sim.send(sim.addr('mine'), 10000000, 'mine'), sim.send(:'carol', 4000000, 'carol'),
    sim.send(sim.addr('theirs'), 10000000, 'theirs')]) \gset quiet_
SELECT is(sim.settle(), 'ok', 'a deposit that cannot be booked does not stop the network');
SELECT is(sim.order('mine') || ', ' || sim.order('theirs') || ', ' || sim.dep('carol'), 'paid 10/10/10, paid 10/10/10, final matched 4', 'everybody else is credited, of its party too');
SELECT is(sim.dep('old'), 'seen matched 3', 'it waits');
SELECT is(pg_temp.alarm(), format('fail: 1 final deposits could not be credited, for example deposit %s of party %s: customer reference is too long', sim.dep_id('old'), :shop), 'with an alarm');
SELECT is((SELECT value FROM usdtpay.metrics WHERE name = 'usdtpay_deposits_stuck'), 1::numeric, 'and a number');
SELECT sim.sound();
SELECT sim.buy('next');
SELECT is(sim.paid(sim.send(sim.addr('next'), 10000000, 'next')) || ', ' || sim.order('next'), 'ok ok, paid 10/10/10', 'the chain goes on');
SELECT is(usdtpay.deposits_retry(), 0, 'the job waits until it is due');
SELECT is(usdtpay.deposits_retry(p_now => true), 0, 'trying again does not help by itself');
SELECT is((SELECT attempts || ' ' || (next_at - now()) FROM usdtpay_internal.deposit_stuck), '2 00:02:00', 'the next try is later');
UPDATE usdtpay_internal.deposit_stuck SET since = now() - interval '61 minutes';
SELECT is((SELECT string_agg(i.code || ' ' || i.breaks, '; ') FROM usdtpay.invariants AS i WHERE NOT i.holds),
    format('I16 deposit %s in block %s is seen, final is %s', sim.dep_id('old'), (SELECT block_number FROM usdtpay.deposit WHERE deposit_id = sim.dep_id('old')), (SELECT final_number FROM usdtpay.chain_cursor)),
    'after an hour an invariant is broken');
UPDATE usdtpay.deposit SET customer_ref = 'old' WHERE deposit_id = sim.dep_id('old');
UPDATE usdtpay_internal.deposit_stuck SET next_at = now();
SELECT is(usdtpay.deposits_retry(), 1, 'once repaired the job credits it');
SELECT is(sim.dep('old') || ', ' || sim.bal('available', 'shop', 'old'), 'final matched 3, 3', 'to its customer');
SELECT is(sim.events('deposit', sim.dep_id('old')), 'deposit.seen deposit.final', 'and tells');
SELECT is(pg_temp.alarm(), 'ok: every final deposit is credited', 'the alarm is over');
SELECT is(usdtpay.deposits_retry(p_now => true), 0, 'once');
SELECT sim.sound();

-- an account closed by hand: its party waits, nobody else
SELECT sim.buy('r1', p_party => 'rival'), sim.buy('r2', p_party => 'rival'), sim.buy('s1');
UPDATE usdtpay.account AS a SET flags = a.flags | 4 FROM usdtpay.account_name AS n WHERE n.account_id = a.account_id AND n.party_id = :rival AND n.name = 'pending';
SELECT is(sim.paid(sim.send(sim.addr('r1'), 10000000, 'r1'), sim.send(sim.addr('r2'), 10000000, 'r2'), sim.send(sim.addr('s1'), 10000000, 's1')), 'ok ok', 'an account that is closed stops no network');
SELECT is(sim.order('r1') || ', ' || sim.order('r2') || ', ' || sim.order('s1'), 'confirming 10/10/0, confirming 10/10/0, paid 10/10/10', 'it stops its party''s orders');
SELECT is((SELECT count(*)::integer FROM usdtpay_internal.deposit_stuck WHERE sqlstate = 'UP301'), 2, 'each with its reason');
SELECT sim.grow('{}', 100) || sim.settle() AS status \gset quiet_
SELECT is(usdtpay.order_expire(), 0, 'an order whose money waits does not expire');
SELECT usdtpay.account_reopen(:rival, usdtpay.account_open(:rival, 'USDT', 'pending'));
SELECT is(usdtpay.deposits_retry(1, true), 1, 'a limit bounds the work');
SELECT is(usdtpay.deposits_retry(1, true) || ' ' || sim.order('r1') || ', ' || sim.order('r2'), '1 paid 10/10/10, paid 10/10/10', 'all is made good');
SELECT sim.sound();

-- a key somebody took before they were reserved; a network that is halted
SELECT sim.buy('k1', p_expires_in => '1 hour'), sim.buy('k2', p_expires_in => '1 hour');
SELECT sim.grow(ARRAY[sim.send(sim.addr('k1'), 10000000, 'k1'), sim.send(sim.addr('k2'), 10000000, 'k2')]) \gset quiet_
SAVEPOINT before;
SELECT usdtpay.account_reopen(:shop, :margin);
SELECT usdtpay_internal.ledger_post(:shop, 'deposit:' || sim.dep_id('k1'), ARRAY[:clearing], ARRAY[:margin], ARRAY[1]::bigint[], 'adjust', NULL);
SELECT is(sim.settle() || ', ' || sim.order('k1') || ', ' || sim.order('k2'), 'ok, confirming 10/10/0, paid 10/10/10', 'a key that is taken stops one deposit');
SELECT usdtpay_internal.chain_halt('dev', 'test');
SELECT is(usdtpay.deposits_retry(p_now => true), 0, 'a halted network credits nothing');
ROLLBACK TO before;
SELECT is(sim.settle() || ', ' || sim.order('k1'), 'ok, paid 10/10/10', 'otherwise it is paid');
SELECT sim.sound();

SELECT * FROM finish();
ROLLBACK;
