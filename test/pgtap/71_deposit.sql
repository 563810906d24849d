-- Deposits: what each Transfer is for, what it credits, and what a person can decide about the rest.
BEGIN;
SELECT no_plan();
\ir lib/chain.sql
\ir lib/order.sql
SELECT usdtpay.roles_setup();
SELECT sim.setup();
SELECT usdtpay.merchant_set(p_min_deposit => 0.01, p_party => 'shop');
SELECT sim.grow() \gset quiet_
CREATE FUNCTION pg_temp.book(p_party text DEFAULT 'shop') RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', b.account || coalesce('/' || nullif(b.customer_ref, ''), ''), trim_scale(b.balance)), ', ' ORDER BY b.account, b.customer_ref)
    FROM usdtpay.balance(p_party) AS b WHERE b.balance <> 0
$$ \gset quiet_

-- nobody's transfers
SELECT is(sim.paid(sim.send('0x00000000000000000000000000000000000000Ff', 5000000, 'stranger')), 'ok ok', 'a transfer to a stranger');
SELECT is((SELECT count(*)::integer FROM usdtpay.deposit), 0, 'is none of our business');

-- dust
SELECT sim.buy('dust');
SELECT sim.paid(sim.send(sim.addr('dust'), 9999, 'dust1'), sim.send(sim.addr('dust'), 1, 'dust2'), sim.send(sim.addr('dust'), 10000, 'dust3')) \gset quiet_
SELECT is(sim.dep('dust1') || ', ' || sim.dep('dust2') || ', ' || sim.dep('dust3'), 'final dust 0.009999, final dust 0.000001, final matched 0.01', 'below min_deposit it is dust');
SELECT is(sim.order('dust'), 'partially_paid 10/0.01/0.01', 'which does not count for the order');
SELECT is(pg_temp.book(), 'custody:dev -0.02, pending 0.01, suspense 0.01', 'but is kept');
SELECT is((SELECT order_id FROM usdtpay.deposit WHERE deposit_id = sim.dep_id('dust1')), sim.id('dust'), 'and remembers the order');
SELECT is(sim.events('deposit', sim.dep_id('dust1')), 'deposit.dust', 'and is told');
SELECT sim.grow(ARRAY[sim.send(sim.addr('dust'), 0, 'zero')]) \gset quiet_
SELECT is(sim.dep('zero'), NULL, 'a transfer of nothing is ignored');
SELECT sim.settle() \gset quiet_

-- several transfers in one transaction
SELECT sim.buy('multi1'), sim.buy('multi2');
SELECT sim.paid(sim.send(sim.addr('multi1'), 4000000, 'batch'), sim.send('0x00000000000000000000000000000000000000Ff', 1, 'batch'),
    sim.send(sim.addr('multi1'), 6000000, 'batch'), sim.send(sim.addr('multi2'), 10000000, 'batch')) \gset quiet_
SELECT is(sim.order('multi1') || ', ' || sim.order('multi2'), 'paid 10/10/10 multiple, paid 10/10/10', 'several transfers of one transaction each count');
SELECT is((SELECT array_agg(ordinal ORDER BY ordinal) FROM usdtpay.deposit WHERE tx_hash = sha256('batch')), ARRAY[0, 2, 3], 'told apart by their place in it');

-- wrong token: watched, never credited
SELECT usdtpay.token_define('dev', '0x00000000000000000000000000000000000000bb', 6, 'USDX');
SELECT sim.buy('token');
SELECT sim.refuses($$SELECT sim.grow(ARRAY[sim.send(sim.addr('token'), 7, 'token', '0x00000000000000000000000000000000000000cc')])$$, 'UP400', 'an answer about a contract that was not asked for is refused');
SELECT sim.grow(ARRAY[sim.send(sim.addr('token'), 10000000, 'token', '0x00000000000000000000000000000000000000bb')]) \gset quiet_
SELECT is(sim.dep('token'), 'seen wrong_token 10', 'another token is recorded');
SELECT is(sim.settle(), 'ok', 'finality comes with nothing to credit');
SELECT row_eq('SELECT state, journal_id, asset_id FROM usdtpay.deposit WHERE deposit_id = sim.dep_id(''token'')', ROW('final'::usdtpay.deposit_state, NULL::bigint, NULL::integer), 'no journal');
SELECT is(sim.order('token'), 'pending 10/0/0', 'no payment');
SELECT is(sim.events('deposit', sim.dep_id('token')), 'deposit.wrong_token', 'but told');
SELECT is((SELECT amount FROM usdtpay.deposit_status WHERE deposit_id = sim.dep_id('token')), NULL, 'without an amount in USDT');
SELECT sim.refuses(format('SELECT usdtpay.deposit_assign(''t1'', %s, %s, ''r'', ''shop'')', sim.dep_id('token'), sim.id('token')), 'UP201', 'it cannot be assigned');
SELECT sim.paid(sim.send(sim.addr('token'), 10000000, 'both', '0x00000000000000000000000000000000000000bb'), sim.send(sim.addr('token'), 10000000, 'both')) \gset quiet_
SELECT is(sim.dep('both'), 'final wrong_token 10, final matched 10', 'both tokens in one transaction are two deposits');
SELECT sim.sound();

-- wrong network: an address is valid on every EVM network, the order is not
SELECT usdtpay.network_define('bsc', 'evm', 31338, '0x00000000000000000000000000000000000000aa', 18, p_header_check => 'none');
UPDATE usdtpay.network SET enabled = true WHERE code = 'bsc';
SELECT sim.buy('net', p_networks => '{dev}');
SELECT sim.grow(ARRAY[sim.send(sim.addr('net'), 10000000000000000000, 'net')], p_network => 'bsc') \gset quiet_
SELECT sim.settle('bsc') \gset quiet_
SELECT is(sim.dep('net') || ', ' || sim.order('net'), 'final wrong_network 10, pending 10/0/0', 'money on a network the order does not accept is put aside');
SELECT is(sim.bal('custody:bsc') || ' ' || sim.events('deposit', sim.dep_id('net')), '-10 deposit.wrong_network', 'on the right books, and told');
SELECT ok(usdtpay.deposit_assign('n1', sim.dep_id('net'), sim.id('net'), 'accept it', 'shop') > 0, 'a person may accept it');
SELECT is(sim.order('net'), 'paid 10/10/10 manual', 'which pays');

-- less than min_deposit is dust, but not what is left to pay
SELECT sim.buy('rest', 10.005), sim.buy('mini', 0.005), sim.buy('both', 10.005), sim.buy('near', 1);
SELECT sim.grow(ARRAY[sim.send(sim.addr('rest'), 10000000, 'rest1'), sim.send(sim.addr('mini'), 5000, 'mini'),
    sim.send(sim.addr('both'), 10000000, 'both1'), sim.send(sim.addr('both'), 5000, 'both2'), sim.send(sim.addr('near'), 5000, 'near')]) \gset quiet_
SELECT is(sim.order('rest') || ' ' || substring(usdtpay.payment_uri(sim.id('rest'), 'dev', p_party => 'shop') FROM 'uint256=(.*)'), 'partially_paid 10.005/10/0 5000', 'a rest is asked for');
SELECT sim.grow(ARRAY[sim.send(sim.addr('rest'), 4999, 'rest2')]) \gset quiet_
SELECT is(sim.dep('rest2'), 'seen dust 0.004999', 'less than it stays dust');
SELECT sim.grow(ARRAY[sim.send(sim.addr('rest'), 5000, 'rest3')]) \gset quiet_
SELECT is(sim.dep('rest3') || ', ' || sim.order('rest'), 'seen matched 0.005, confirming 10.005/10.005/0 multiple', 'it is taken');
SELECT sim.grow(ARRAY[sim.send(sim.addr('rest'), 5000, 'rest4')]) \gset quiet_
SELECT is(sim.dep('rest4'), 'seen dust 0.005', 'once');
SELECT sim.settle() \gset quiet_
SELECT is(sim.order('rest') || ', ' || sim.order('mini'), 'paid 10.005/10.005/10.005 multiple, paid 0.005/0.005/0.005', 'an order of less than min_deposit can be paid as well');
SELECT is(sim.dep('both2') || ', ' || sim.order('both'), 'final matched 0.005, paid 10.005/10.005/10.005 multiple', 'a rest in the same block counts what came before it');
SELECT is(sim.dep('near') || ', ' || sim.order('near'), 'final dust 0.005, pending 1/0/0', 'a part of a due amount is dust');
SELECT sim.sound();

-- a token can count as USDT or as nothing
SELECT sim.refuses($$SELECT usdtpay.token_define('dev', '0x00000000000000000000000000000000000000bb', 18, 'WPOL', 'POL')$$, 'UP000', 'no token counts as another asset');
SELECT sim.refuses($$SELECT usdtpay.network_define('other', 'evm', 31400, '0x00000000000000000000000000000000000000bb', p_asset => 'POL')$$, 'UP000', 'a network''s first token neither');
SELECT usdtpay.token_define('dev', '0x00000000000000000000000000000000000000bb', 6, 'WPOL') AS wpol \gset
UPDATE usdtpay.token SET asset_id = (SELECT asset_id FROM usdtpay.asset WHERE code = 'POL') WHERE token_id = :wpol; -- as an older version let it
SELECT sim.buy('wpol');
SELECT sim.grow(ARRAY[sim.send(sim.addr('wpol'), 10000000, 'wpol', '0x00000000000000000000000000000000000000bb')]) \gset quiet_
SELECT is(sim.dep('wpol') || ', ' || sim.order('wpol'), 'seen wrong_token 10, pending 10/0/0', 'another asset is no payment');
SELECT sim.settle() \gset quiet_
SELECT is(sim.dep('wpol') || ', ' || sim.order('wpol'), 'final wrong_token 10, pending 10/0/0', 'it becomes final and pays nothing');
SELECT is((SELECT journal_id FROM usdtpay.deposit WHERE tx_hash = sha256('wpol')), NULL, 'nor is it booked');
SELECT sim.sound();

-- money of a watched-only token that is accepted later
SELECT usdtpay.token_define('dev', '0x00000000000000000000000000000000000000cc', 6, 'USDT0') AS usdt0 \gset
SELECT usdtpay.deposit_address('dora', 'dev', 'shop') AS dora \gset
SELECT sim.buy('adopted');
SELECT sim.paid(sim.send(sim.addr('adopted'), 10000000, 'early1', '0x00000000000000000000000000000000000000cc'),
    sim.send(:'dora', 3000000, 'early2', '0x00000000000000000000000000000000000000cc')) \gset quiet_
SELECT sim.refuses($$SELECT usdtpay.deposit_assign('ea', sim.dep_id('early1'), sim.id('adopted'), 'accepted', 'shop')$$, 'UP201', 'while a token is only watched nothing of it can be given');
SELECT usdtpay.token_define('dev', '0x00000000000000000000000000000000000000cc', 6, 'USDT0', 'USDT');
SELECT sim.sound('accepting the token books nothing by itself');
SELECT ok(usdtpay.deposit_assign('ea', sim.dep_id('early1'), sim.id('adopted'), 'accepted', 'shop') > 0, 'once it counts as USDT a person may decide');
SELECT is(sim.dep('early1') || ', ' || sim.order('adopted'), 'final matched 10, paid 10/10/10 manual', 'it pays');
SELECT sim.bal('available', 'shop', 'dora') AS dora_had \gset
SELECT ok(usdtpay.deposit_assign('eb', sim.dep_id('early2'), NULL, 'accepted', 'shop') > 0, 'or is credited');
SELECT is(sim.bal('available', 'shop', 'dora') - :dora_had, 3::numeric, 'to its customer');
SELECT sim.sound();

-- 18 decimals
SELECT sim.buy('eth18', 1.000001, p_networks => '{bsc}');
SELECT sim.grow(ARRAY[sim.send(sim.addr('eth18'), 1000001999999999999, '18a'), sim.send(sim.addr('eth18'), 999999999999, '18b'), sim.send(sim.addr('eth18'), 12345678901234567999999999999, '18c')], p_network => 'bsc') \gset quiet_
SELECT results_eq($$SELECT amount, dust_raw, route FROM usdtpay.deposit WHERE order_id = sim.id('eth18') ORDER BY 1$$, $$VALUES
    (0::bigint, 999999999999::numeric, 'dust'::usdtpay.deposit_route), (1000001, 999999999999, 'matched'), (12345678901234567, 999999999999, 'matched')$$,
    'what is finer than the ledger is cut off, never rounded up, and kept as dust_raw');
SELECT sim.settle('bsc') \gset quiet_
SELECT is((SELECT journal_id FROM usdtpay.deposit WHERE tx_hash = sha256('18b')), NULL, 'less than a minor unit posts nothing');
SELECT is(sim.order('eth18'), 'paid 1.000001/12345678902.234568/12345678902.234568 overpaid,multiple', 'amounts show all their digits');
SELECT is(sim.bal('custody:bsc'), -12345678912.234568, 'on the books too');
SELECT is(usdtpay.payment_uri(sim.id('eth18'), 'bsc', p_party => 'shop') ~ 'uint256=0$', true, 'nothing is left to pay');
SELECT sim.buy('uri18', 1.5, p_networks => '{bsc}');
SELECT matches(usdtpay.payment_uri(sim.id('uri18'), 'bsc', p_party => 'shop'), 'uint256=1500000000000000000$', 'a payment URI counts in raw units');
SELECT sim.sound();

-- tokens of few and of many decimals; amounts beyond the ledger
SELECT usdtpay.network_define('d2', 'evm', 31339, '0x00000000000000000000000000000000000000aa', 2, p_header_check => 'none'),
    usdtpay.network_define('d36', 'evm', 31340, '0x00000000000000000000000000000000000000aa', 36, p_header_check => 'none');
UPDATE usdtpay.network SET enabled = true WHERE code IN ('d2', 'd36');
SELECT sim.buy('few', 1.23, p_networks => '{d2}'), sim.buy('many', 1.23, p_networks => '{d36}');
SELECT sim.grow(ARRAY[sim.send(sim.addr('few'), 123, 'few')], p_network => 'd2') || sim.settle('d2') AS status \gset quiet_
SELECT sim.grow(ARRAY[sim.send(sim.addr('many'), 1230000999999999999999999999999999999, 'many')], p_network => 'd36') || sim.settle('d36') AS status \gset quiet_
SELECT is(sim.order('few') || ', ' || sim.order('many'), 'paid 1.23/1.23/1.23, paid 1.23/1.23/1.23', 'decimals from 2 to 36 are exact');
SELECT is((SELECT dust_raw FROM usdtpay.deposit WHERE tx_hash = sha256('many')), 999999999999999999999999999999::numeric, 'to the last one');
SELECT sim.buy('huge', 1);
SELECT sim.grow(ARRAY[sim.send(sim.addr('huge'), 115792089237316195423570985008687907853269984665640564039457584007913129639935, 'huge1'),
    sim.send(sim.addr('huge'), 9000000000000000000, 'huge2')]) || sim.settle() AS status \gset quiet_
SELECT is(sim.dep('huge1') || ', ' || sim.dep('huge2'), 'final dust 0, final dust 0', 'what the ledger cannot hold is put aside unposted');
SELECT is((SELECT dust_raw FROM usdtpay.deposit WHERE tx_hash = sha256('huge1')), 115792089237316195423570985008687907853269984665640564039457584007913129639935::numeric, 'with its raw amount');
SELECT sim.sound();

-- customers of a platform
SELECT usdtpay.merchant_fee_set('shop', 125);
SELECT usdtpay.deposit_address('alice', 'dev', 'shop') AS alice, usdtpay.deposit_address('bob', 'dev', 'shop') AS bob \gset
SELECT sim.bal('fee') AS fee \gset
SELECT sim.grow(ARRAY[sim.send(:'alice', 100000000, 'alice1'), sim.send(:'bob', 3, 'bobdust'), sim.send(:'bob', 50000000, 'bob1'), sim.send(:'alice', 20000000, 'alice2')]) \gset quiet_
SELECT is(sim.dep('alice1') || ', ' || sim.dep('bobdust'), 'seen matched 100, seen dust 0.000003', 'a customer''s deposit is matched');
SELECT is(sim.events('deposit', sim.dep_id('alice1')), 'deposit.seen', 'and told when seen');
SELECT sim.settle() \gset quiet_
SELECT is(sim.bal('available', 'shop', 'alice') || ' ' || sim.bal('available', 'shop', 'bob') || ' ' || (sim.bal('fee') - :fee), '118.5 49.375 2.125', 'credited to the customer, less the fee');
SELECT is(sim.events('deposit', sim.dep_id('alice1')), 'deposit.seen deposit.final', 'and told when final');
SELECT isnt((SELECT journal_id FROM usdtpay.deposit WHERE tx_hash = sha256('alice1')), (SELECT journal_id FROM usdtpay.deposit WHERE tx_hash = sha256('alice2')), 'each by its own journal');
SELECT is((SELECT count(*)::integer FROM usdtpay.deposit AS d JOIN usdtpay.posting AS p ON p.party_id = d.party_id AND p.key = 'deposit:' || d.deposit_id AND p.posting_id / 256 = d.journal_id AND p.amount = d.amount
    WHERE d.customer_ref IS NOT NULL), 5, 'which the deposit names');
SELECT sim.grow(ARRAY[sim.send(:'alice', 7000000, 'alice3')], p_network => 'bsc') || sim.settle('bsc') AS status \gset quiet_
SELECT is(sim.dep('alice3'), 'final dust 0', 'the address is watched on every network (7e6 is nothing where a token has 18 decimals)');
SELECT sim.grow(ARRAY[sim.send(:'alice', 1000000, 'alice4')]) \gset quiet_
SELECT is(sim.rewind((SELECT tip_number - 1 FROM usdtpay.chain_cursor JOIN usdtpay.network USING (network_id) WHERE code = 'dev')), 'ok', 'a reorganisation takes one away');
SELECT is(sim.events('deposit', sim.dep_id('alice4')), 'deposit.seen deposit.orphaned', 'which is told');
SELECT sim.grow(ARRAY[sim.send(:'alice', 1000000, 'alice4')], p_fork => 'b') || sim.settle() AS status \gset quiet_
SELECT is(sim.events('deposit', sim.dep_id('alice4')), 'deposit.seen deposit.orphaned deposit.seen deposit.final', 'and its return');
SELECT sim.bal('available', 'shop', 'bob') AS bob_before \gset
SELECT ok(usdtpay.deposit_assign('c1', sim.dep_id('bobdust'), NULL, 'be nice', 'shop') > 0, 'dust can be credited');
SELECT is(sim.bal('available', 'shop', 'bob') - :bob_before, 0.000003, 'to the customer whose address it reached');
SELECT sim.sound();
SELECT usdtpay.merchant_fee_set('shop', 0);

-- pool addresses: the claim decides
SELECT usdtpay.merchant_create('pooled', 'Pooled');
SELECT usdtpay.wallet_add('p', 'pool', 'evm', p_addresses => '{0x0000000000000000000000000000000000000001}', p_quarantine => '0', p_party => 'pooled') AS pool \gset
SELECT sim.paid(sim.send('0x0000000000000000000000000000000000000001', 1000000, 'pool0')) \gset quiet_
SELECT is(sim.dep('pool0'), 'final unmatched 1', 'money on an idle pool address is unmatched');
SELECT is(pg_temp.book('pooled'), 'received 1, self:dev -1', 'the owner''s');
SELECT sim.buy('pool1', p_party => 'pooled');
SELECT sim.paid(sim.send('0x0000000000000000000000000000000000000001', 10000000, 'pool1')) \gset quiet_
SELECT is(sim.order('pool1'), 'paid 10/10/10', 'a lent address pays its order');

-- shared addresses: the amount decides; the platform's wallet, many merchants
UPDATE usdtpay.wallet SET active = false WHERE code = 'main';
SELECT usdtpay.wallet_add('shared', 'shared', 'evm', p_addresses => '{0x00000000000000000000000000000000000000A1}', p_quarantine => '1 hour', p_party => 'platform') AS shared \gset
SELECT usdtpay.merchant_create('rival', 'Rival');
SELECT sim.buy('sh1'), sim.buy('sh2', p_party => 'rival');
SELECT sim.grow(ARRAY[sim.send('0x00000000000000000000000000000000000000A1', 10000100, 'sh2'), sim.send('0x00000000000000000000000000000000000000A1', 10000000, 'sh1'), sim.send('0x00000000000000000000000000000000000000A1', 10000001, 'sh0')]) \gset quiet_
SELECT is(sim.order('sh1') || ', ' || sim.order('sh2'), 'confirming 10/10/0, confirming 10.0001/10.0001/0', 'each amount finds its order, of whichever party');
SELECT is(sim.dep('sh0'), 'seen unmatched 10.000001', 'any other amount is unmatched');
SELECT is((SELECT party_id FROM usdtpay.deposit WHERE tx_hash = sha256('sh0')), 1::bigint, 'and the platform''s');
SELECT sim.settle() \gset quiet_
SELECT is(sim.order('sh1') || ', ' || sim.order('sh2'), 'paid 10/10/10, paid 10.0001/10.0001/10.0001', 'both are paid');
SELECT is(pg_temp.book('platform'), 'custody:dev -10.000001, suspense 10.000001', 'the rest is in the platform''s suspense');
-- one transfer, one party: an amount that is claimed after the transfer was seen
SELECT sim.grow(ARRAY[sim.send('0x00000000000000000000000000000000000000A1', 77000000, 'early')]) \gset quiet_
SELECT is(sim.dep('early'), 'seen unmatched 77', 'a transfer nobody asked for');
SELECT sim.buy('early', 77);
SELECT is(sim.settle(), 'ok', 'then an order asks for that amount');
SELECT is(sim.dep('early') || ', ' || sim.order('early'), 'final unmatched 77, pending 77/0/0', 'the transfer is not counted twice');
-- and a claim that is gone when the blocks are scanned again
SELECT usdtpay.retention() FROM (SELECT 1) AS x;
DELETE FROM usdtpay.address_claim WHERE order_id = sim.id('sh1');
SELECT is((usdtpay.chain_ingest('dev', jsonb_build_array(sim.block(t.number, t.fork, b.fork) || jsonb_build_object('transactions', sim.txs(t.logs, t.number)))::text, sim.place(t.logs)::text, 'rescan')).deposits, 0,
    'a rescan after its claim was purged does not credit it again')
FROM sim.told AS t JOIN sim.told AS b ON b.network = t.network AND b.number = t.number - 1
WHERE t.network = 'dev' AND t.number = (SELECT block_number FROM usdtpay.deposit WHERE tx_hash = sha256('sh1'));
SELECT is(sim.dep('sh1'), 'final matched 10', 'one transfer is one deposit');
SELECT sim.sound();

-- deposit_assign
SELECT sim.dep_id('sh0') AS sh0 \gset
SELECT sim.refuses(format('SELECT usdtpay.deposit_assign(%s)', a), b, format('deposit_assign(%s) is refused with %s', left(a, 60), b))
FROM (VALUES
    ('NULL, ' || :sh0 || ', NULL, ''r'', ''platform''', 'UP000'), (''''', ' || :sh0 || ', NULL, ''r'', ''platform''', 'UP000'),
    ('repeat(''k'', 201), ' || :sh0 || ', NULL, ''r'', ''platform''', 'UP000'), ('''k'', ' || :sh0 || ', NULL, NULL, ''platform''', 'UP000'),
    ('''k'', ' || :sh0 || ', NULL, '''', ''platform''', 'UP000'), ('''k'', NULL, NULL, ''r'', ''platform''', 'UP200'), ('''k'', 0, NULL, ''r'', ''platform''', 'UP200'),
    ('''k'', ' || :sh0 || ', 0, ''r'', ''platform''', 'UP200'), ('''k'', ' || :sh0 || ', NULL, ''r'', ''shop''', 'UP200'), ('''k'', ' || :sh0 || ', NULL, ''r''', 'UP100'),
    ('''k'', ' || :sh0 || ', ' || sim.id('sh1') || ', ''r'', ''platform''', 'UP200'), ('''k'', ' || sim.dep_id('sh1') || ', NULL, ''r'', ''shop''', 'UP201'),
    ('''n1'', ' || sim.dep_id('dust1') || ', NULL, ''r'', ''shop''', 'UP202'), ('''n1'', ' || sim.dep_id('net') || ', ' || sim.id('dust') || ', ''r'', ''shop''', 'UP202'),
    ('''n1'', ' || sim.dep_id('net') || ', NULL, ''r'', ''shop''', 'UP202'), ('''k'', ' || sim.dep_id('18b') || ', NULL, ''r'', ''shop''', 'UP201')
) AS v (a, b);
SELECT usdtpay.deposit_assign('p1', :sh0, NULL, 'nobody asked for it', 'platform') AS p1 \gset
SELECT is(usdtpay.deposit_assign('p1', :sh0, NULL, 'another word', 'platform'), :p1::bigint, 'the same decision returns the first one');
SELECT is(pg_temp.book('platform'), 'available 10.000001, custody:dev -87.000001, suspense 77', 'unmatched money can be credited');
SELECT sim.refuses(format('SELECT usdtpay.deposit_assign(''p2'', %s, NULL, ''r'', ''platform'')', :sh0), 'UP201', 'once');
SELECT usdtpay.order_create('draft', 5, p_draft => true, p_party => 'shop');
SELECT sim.refuses(format('SELECT usdtpay.deposit_assign(''d1'', %s, %s, ''r'', ''shop'')', sim.dep_id('dust1'), sim.id('draft')), 'UP201', 'a draft takes no money');
SELECT sim.grow(ARRAY[sim.send(sim.addr('dust'), 9, 'dust9')]) \gset quiet_
SELECT sim.refuses(format('SELECT usdtpay.deposit_assign(''d1'', %s, NULL, ''r'', ''shop'')', sim.dep_id('dust9')), 'UP201', 'money that is not final cannot be decided about');
UPDATE usdtpay.wallet SET active = true WHERE code = 'main';
UPDATE usdtpay.wallet SET active = false WHERE code = 'shared';
SELECT sim.buy('assign', 0.009999);
SELECT ok(usdtpay.deposit_assign('d2', sim.dep_id('dust1'), sim.id('assign'), 'it was meant for this', 'shop') > 0, 'dust can pay another order');
SELECT is(sim.order('assign') || ' ' || sim.events('order', sim.id('assign')), 'paid 0.009999/0.009999/0.009999 manual order.paid', 'a pending order is paid at once');
SELECT is(sim.settle() || sim.dep('dust9'), 'okfinal dust 0.000009', 'the chain goes on');
SELECT sim.sound();

-- money of the platform, given to a merchant: two journals through clearing
UPDATE usdtpay.wallet SET active = false WHERE code = 'main';
UPDATE usdtpay.wallet SET active = true WHERE code = 'shared';
SELECT usdtpay.merchant_fee_set('rival', 100);
SELECT sim.buy('gift', 33, p_party => 'rival');
SELECT usdtpay.order_create('gift2', 5, p_draft => true, p_party => 'rival');
SELECT sim.paid(
    sim.send('0x00000000000000000000000000000000000000A1', 32000000, 'short'), sim.send('0x00000000000000000000000000000000000000A1', 1000000, 'rest'),
    sim.send('0x00000000000000000000000000000000000000A1', 4000000, 'tip')
) \gset quiet_
SELECT sim.dep_id('short') AS short, sim.dep_id('rest') AS rest, sim.dep_id('tip') AS tip, sim.id('gift') AS gift \gset
SELECT sim.refuses(format('SELECT usdtpay.deposit_assign(%s)', a), b, format('deposit_assign(%s) is refused with %s', left(a, 60), b))
FROM (VALUES
    ('''g'', ' || :short || ', ' || :gift || ', ''r'', ''platform'', ''nope''', 'UP200'), ('''g'', ' || :short || ', ' || :gift || ', ''r'', ''platform'', ''shop''', 'UP200'),
    ('''g'', ' || :short || ', 0, ''r'', ''platform'', ''rival''', 'UP200'), ('''g'', ' || :short || ', ' || sim.id('gift2') || ', ''r'', ''platform'', ''rival''', 'UP201'),
    ('''g'', ' || sim.dep_id('dust9') || ', ' || :gift || ', ''r'', ''shop'', ''rival''', 'UP201'), ('''g'', ' || sim.dep_id('dust9') || ', NULL, ''r'', ''shop'', ''platform''', 'UP201'),
    ('''g'', ' || :short || ', NULL, ''r'', ''rival'', ''rival''', 'UP200'), ('''g'', ' || :short || ', ' || :gift || ', repeat(''r'', 2001), ''platform'', ''rival''', 'UP000')
) AS v (a, b);
SELECT is(sim.bal('suspense', 'platform'), 114::numeric, 'the platform holds it');
SELECT usdtpay.deposit_assign('g1', :short, :gift, 'payer sent 1 USDT less', 'platform', 'rival') AS g1 \gset
SELECT is(usdtpay.deposit_assign('g1', :short, :gift, 'again', 'platform', 'rival'), :g1::bigint, 'the same decision returns the first one');
SELECT sim.refuses(format('SELECT usdtpay.deposit_assign(''g1'', %s, NULL, ''r'', ''platform'', ''rival'')', :short), 'UP202', 'the key stands for that order');
SELECT sim.refuses(format('SELECT usdtpay.deposit_assign(''g1'', %s, %s, ''r'', ''platform'')', :short, :gift), 'UP202', 'and for that merchant');
SELECT sim.refuses(format('SELECT usdtpay.deposit_assign(''g9'', %s, NULL, ''r'', ''platform'', ''shop'')', :short), 'UP201', 'money is given away once');
SELECT is(sim.order('gift'), 'partially_paid 33/32/32 manual', 'the merchant''s order counts it');
SELECT is(sim.bal('pending', 'rival') || ' ' || sim.bal('clearing', 'rival') || ' ' || sim.bal('clearing', 'platform') || ' ' || sim.bal('suspense', 'platform'), '32 -32 32 82', 'one journal each, through clearing');
SELECT sim.sound('every invariant holds between the two');
SELECT usdtpay.deposit_assign('g2', :rest, :gift, 'the rest', 'platform', 'rival') > 0 AS done \gset
SELECT is(sim.order('gift') || ' ' || sim.events('order', :gift), 'paid 33/33/33 multiple,manual order.partially_paid order.paid', 'which is paid by the rest');
SELECT usdtpay.deposit_assign('g3', :tip, NULL, 'a tip', 'platform', 'rival') > 0 AS done \gset
SELECT is(sim.bal('pending', 'rival') || ' ' || sim.bal('clearing', 'rival') || ' ' || sim.bal('fee', 'rival'), '0 -37 0.33', 'without an order it is available at once, without a fee');
SELECT set_eq('SELECT party, state, route, amount, custodial, assigned_from IS NOT NULL FROM usdtpay.deposit_status WHERE tx_hash = ''0x'' || encode(sha256(''tip''), ''hex'')',
    $$VALUES ('platform', 'final', 'matched'::usdtpay.deposit_route, 4.0, true, false), ('rival', 'final', 'matched', 4.0, true, true)$$, 'each has a row of its own');
SELECT is(string_agg(sim.events('deposit', d.deposit_id), ', ' ORDER BY d.party_id), 'deposit.unmatched deposit.resolved, deposit.resolved', 'each is told') FROM usdtpay.deposit AS d WHERE d.tx_hash = sha256('tip');
SELECT row_eq('SELECT action, to_party_id IS NOT NULL, amount FROM usdtpay.resolution WHERE key = ''g3''', ROW('credit'::text, true, 4000000::bigint), 'the decision says to whom');
SELECT is((usdtpay.chain_ingest('dev', jsonb_build_array(sim.block(t.number, t.fork, b.fork) || jsonb_build_object('transactions', sim.txs(t.logs, t.number)))::text, sim.place(t.logs)::text, 'rescan')).deposits, 0,
    'a rescan finds nothing new')
FROM sim.told AS t JOIN sim.told AS b ON b.network = t.network AND b.number = t.number - 1
WHERE t.network = 'dev' AND t.number = (SELECT min(block_number) FROM usdtpay.deposit WHERE tx_hash = sha256('tip'));
SELECT is(usdtpay.order_reverse('rg', :gift, 'r', 'rival'), 'reversed', 'the order can be reversed like any other');
SELECT sim.sound();


SELECT * FROM finish();
ROLLBACK;
