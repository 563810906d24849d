-- Wallets: where addresses come from, what makes two of them collide, and what a customer's is.
BEGIN;
SELECT no_plan();
\ir lib/chain.sql
\ir lib/order.sql
SELECT usdtpay.roles_setup();
CREATE ROLE t_shop LOGIN;
GRANT usdtpay_merchant TO t_shop;
SELECT sim.setup();
SELECT usdtpay.party_login_grant('shop', 't_shop');
SELECT usdtpay.merchant_create('other', 'Other');
SELECT usdtpay.network_define('tronsim', 'tron', 1, 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t', 6);
\set xpub '''xpub6BosfCnifzxcFwrSzQiqu2DBVTshkCXacvNsWGYJVVhhawA7d4R5WSWGFNbi8Aw6ZRc1brxMyWMzG3DSSSSoekkudhUd9yLb6qx39T9nMdj'''
\set xpub2 '''xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8'''
CREATE FUNCTION pg_temp.evm(p_n integer) RETURNS text LANGUAGE sql AS $$ SELECT usdtpay.address_text('evm', decode(lpad(to_hex(p_n), 40, '0'), 'hex')) $$;

-- wallet_add: what it refuses
SELECT sim.refuses(format('SELECT usdtpay.wallet_add(%s, p_party => ''platform'')', a), b, format('wallet_add(%s) is refused with %s', left(a, 70), b))
FROM (VALUES
    ('NULL, ''pool'', ''evm''', 'UP000'), (''''', ''pool'', ''evm''', 'UP000'), ('''w'', NULL, ''evm''', 'UP000'),
    ('''w'', ''pool'', NULL', 'UP000'), ('''w'', ''hot'', ''evm''', 'UP000'), ('''w'', ''pool'', ''btc''', 'UP000'),
    ('repeat(''w'', 64), ''xpub'', ''evm'', ' || quote_literal(:xpub2), 'UP000'),
    ('''w'', ''xpub'', ''evm''', 'UP000'), ('''w'', ''pool'', ''evm''', 'UP000'),
    ('''w'', ''pool'', ''evm'', p_xpub => ' || quote_literal(:xpub2), 'UP000'),
    ('''w'', ''xpub'', ''evm'', ' || quote_literal(:xpub2) || ', ARRAY[pg_temp.evm(1)]', 'UP000'),
    ('''w'', ''xpub'', ''evm'', ''xpub''', 'UP002'), ('''w'', ''xpub'', ''evm'', ''''', 'UP002'),
    ('''w'', ''xpub'', ''evm'', repeat(''x'', 100000)', 'UP002'),
    ('''w'', ''xpub'', ''evm'', ''xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi''', 'UP002'),
    ('''w'', ''pool'', ''evm'', p_addresses => ''{}''', 'UP000'), ('''w'', ''pool'', ''evm'', p_addresses => ''{NULL}''', 'UP000'),
    ('''w'', ''pool'', ''evm'', p_addresses => ''{""}''', 'UP001'), ('''w'', ''pool'', ''evm'', p_addresses => ''{0x12}''', 'UP001'),
    ('''w'', ''pool'', ''evm'', p_addresses => ARRAY[pg_temp.evm(1), ''TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t'']', 'UP001'),
    ('''w'', ''pool'', ''tron'', p_addresses => ARRAY[pg_temp.evm(1)]', 'UP001'),
    ('''w'', ''pool'', ''evm'', p_addresses => ARRAY[pg_temp.evm(1)], p_quarantine => ''-1 second''', 'UP000'),
    ('''w'', ''pool'', ''evm'', p_addresses => ARRAY[pg_temp.evm(1)], p_quarantine => ''366 days''', 'UP000'),
    ('''w'', ''pool'', ''evm'', p_addresses => array_fill(pg_temp.evm(1), ARRAY[100001])', 'UP000')
) AS v (a, b);
SELECT sim.refuses('SELECT usdtpay.wallet_add(''w'', ''pool'', ''evm'', p_addresses => ARRAY[pg_temp.evm(1)])', 'UP100', 'a wallet needs an owner');
SELECT sim.refuses('SELECT usdtpay.wallet_add(''w'', ''pool'', ''evm'', p_addresses => ARRAY[pg_temp.evm(1)], p_party => ''nope'')', 'UP200', 'that exists');

-- xpub wallets
SELECT wallet_id AS main FROM usdtpay.wallet WHERE code = 'main' \gset
SELECT is(usdtpay.wallet_add('main', 'xpub', 'evm', :xpub, p_party => 'platform'), :main::bigint, 'the same call returns the same wallet');
SELECT sim.refuses(format('SELECT usdtpay.wallet_add(%s, p_party => ''platform'')', a), 'UP202', format('wallet_add(%s) is refused', left(a, 30)))
FROM unnest(ARRAY[
    '''main'', ''xpub'', ''tron'', ' || quote_literal(:xpub), '''main'', ''xpub'', ''evm'', ' || quote_literal(:xpub2),
    '''main'', ''pool'', ''evm'', p_addresses => ARRAY[pg_temp.evm(1)]', '''second'', ''xpub'', ''evm'', ' || quote_literal(:xpub),
    '''main'', ''xpub'', ''evm'', ' || quote_literal(:xpub) || ', p_quarantine => ''1 hour'''
]) AS a;
SELECT sim.refuses(format('SELECT usdtpay.wallet_add(''mine'', ''xpub'', ''evm'', %L, p_party => ''shop'')', :xpub), 'UP202', 'no other party can have that xpub');
SELECT ok(usdtpay.wallet_add('tron', 'xpub', 'tron', :xpub, p_party => 'platform') > 0, 'on TRON it gives other addresses, so it may serve there too');
SELECT ok((SELECT custodial FROM usdtpay.wallet WHERE wallet_id = :main), 'the platform''s wallets are custodial');

-- pools
SELECT usdtpay.wallet_add('pool', 'pool', 'evm', p_addresses => ARRAY[pg_temp.evm(1), pg_temp.evm(2), pg_temp.evm(1)], p_quarantine => '1 hour', p_party => 'shop') AS pool \gset
SELECT results_eq(
    format('SELECT idx, raw, free_at, custodial FROM usdtpay.address WHERE wallet_id = %s ORDER BY idx', :pool),
    $$VALUES (0::bigint, decode(lpad('1', 40, '0'), 'hex'), '-infinity'::timestamptz, false), (1, decode(lpad('2', 40, '0'), 'hex'), '-infinity', false)$$,
    'a pool holds each address once, in order, and a party''s own is not custodial');
SELECT is(usdtpay.wallet_add('pool', 'pool', 'evm', p_addresses => ARRAY[pg_temp.evm(2), pg_temp.evm(3)], p_party => 'shop'), :pool::bigint, 'repeating the call');
SELECT is((SELECT count(*)::integer FROM usdtpay.address WHERE wallet_id = :pool), 3, 'adds what is new');
SELECT sim.refuses('SELECT usdtpay.wallet_add(''p2'', ''pool'', ''evm'', p_addresses => ARRAY[pg_temp.evm(9), pg_temp.evm(3)], p_party => ''other'')', 'UP202',
    'an address belongs to one wallet');
SELECT sim.refuses('SELECT usdtpay.wallet_add(''p2'', ''shared'', ''evm'', p_addresses => ARRAY[pg_temp.evm(3)], p_party => ''shop'')', 'UP202',
    'of the same party too');
SET ROLE t_shop;
SELECT throws_ok('SELECT usdtpay.wallet_add(''w'', ''pool'', ''evm'', p_addresses => ARRAY[''0x0000000000000000000000000000000000000009''], p_party => ''platform'')', 'UP101', NULL,
    'a merchant adds no wallet to the platform');
SELECT throws_ok('SELECT usdtpay.wallet_close(''main'', ''platform'')', 'UP101', NULL, 'nor closes one');
SELECT is(usdtpay.wallet_close('pool'), true, 'a merchant closes its own');
SELECT is(usdtpay.wallet_close('pool'), false, 'once');
SELECT is(usdtpay.wallet_close('nope'), false, 'and only what exists');
SELECT is(usdtpay.wallet_close(NULL), false, 'NULL is none');
RESET ROLE;

-- deposit_address
SELECT usdtpay.deposit_address('c1', 'dev', 'shop') AS c1 \gset
SELECT is(usdtpay.deposit_address('c1', 'dev', 'shop'), :'c1', 'a customer keeps the address');
SELECT is(usdtpay.address_derive(:xpub, 'evm', (SELECT idx FROM usdtpay.address WHERE customer_ref = 'c1')), :'c1', 'it is derived from the xpub');
SELECT isnt(usdtpay.deposit_address('c2', 'dev', 'shop'), :'c1', 'another customer has another');
SELECT isnt(usdtpay.deposit_address('c1', 'dev', 'other'), :'c1', 'the same name at another merchant is another customer');
SELECT usdtpay.network_define('dev2', 'evm', 31338, '0x00000000000000000000000000000000000000aa', 6, p_header_check => 'none');
SELECT sim.refuses('SELECT usdtpay.deposit_address(''c1'', ''dev2'', ''shop'')', 'UP203', 'a disabled network gives none');
UPDATE usdtpay.network SET enabled = true WHERE code IN ('dev2', 'tronsim');
SELECT is(usdtpay.deposit_address('c1', 'dev2', 'shop'), :'c1', 'one address serves all EVM networks');
SELECT matches(usdtpay.deposit_address('c1', 'tronsim', 'shop'), '^T[1-9A-HJ-NP-Za-km-z]{33}$', 'and another one TRON');
SELECT ok(length(usdtpay.deposit_address(repeat('é', 127) || 'x', 'dev', 'shop')) = 42, 'names have up to 255 octets');
SELECT sim.refuses(format('SELECT usdtpay.deposit_address(%s)', a), b, format('deposit_address(%s) is refused with %s', left(a, 40), b))
FROM (VALUES
    ('NULL, ''dev'', ''shop''', 'UP000'), (''''', ''dev'', ''shop''', 'UP000'), ('repeat(''x'', 201), ''dev'', ''shop''', 'UP000'),
    ('repeat(''x'', 1000000), ''dev'', ''shop''', 'UP000'), ('''c9'', NULL, ''shop''', 'UP203'), ('''c9'', ''nope'', ''shop''', 'UP203'),
    ('''c9'', ''dev''', 'UP100'), ('''c9'', ''dev'', ''nope''', 'UP200')
) AS v (a, b);
SELECT usdtpay.wallet_close('main', 'platform');
SELECT is(usdtpay.deposit_address('c1', 'dev', 'shop'), :'c1', 'a closed wallet keeps what it gave');
SELECT sim.refuses('SELECT usdtpay.deposit_address(''c3'', ''dev'', ''shop'')', 'UP203', 'and gives nothing new');
SELECT usdtpay.wallet_add('own', 'xpub', 'evm', :xpub2, p_party => 'shop') AS own \gset
SELECT usdtpay.deposit_address('c3', 'dev', 'shop') AS c3 \gset
SELECT is(usdtpay.address_derive(:xpub2, 'evm', 0), :'c3', 'a party''s own wallet comes first, from index 0');
SELECT is((SELECT custodial FROM usdtpay.address WHERE customer_ref = 'c3'), false, 'and is not custodial');

-- address indexes are dense: rolling back to a savepoint leaves a gap and no more
SELECT is((SELECT array_agg(idx ORDER BY idx) FROM usdtpay.address WHERE wallet_id = :own), ARRAY[0]::bigint[], 'one index, one address');
SELECT is(usdtpay.wallet_add('own', 'xpub', 'evm', :xpub2, p_party => 'shop'), :own::bigint, 'repeating wallet_add does not start over');
SELECT usdtpay.deposit_address('c4', 'dev', 'shop') AS c4 \gset
SELECT is(usdtpay.address_derive(:xpub2, 'evm', 1), :'c4', 'the next index follows');

-- no party may fill the catalog with wallets
SELECT usdtpay.merchant_create('crowd', 'Crowd') \gset quiet_
SELECT count(usdtpay.wallet_add('w' || n, 'pool', 'evm', p_addresses => ARRAY['0x' || lpad(to_hex(n), 40, 'c')], p_party => 'crowd')) AS wallets FROM generate_series(1, 100) AS n \gset
SELECT is(:wallets, 100, 'a hundred wallets are fine');
SELECT sim.refuses('SELECT usdtpay.wallet_add(''w101'', ''pool'', ''evm'', p_addresses => ''{0x00000000000000000000000000000000000000f9}'', p_party => ''crowd'')', 'UP204', 'the next is one too many');
SELECT is(usdtpay.wallet_add('w1', 'pool', 'evm', p_addresses => '{0x00000000000000000000000000000000000000f9}', p_party => 'crowd') > 0, true, 'those there are may still grow');

SELECT * FROM finish();
ROLLBACK;
