-- What order_create stores, column by column.  It must hold however the rows get into the tables;
-- 70_order_guests.sql is about what others put on those tables.
BEGIN;
SELECT no_plan();
\ir lib/chain.sql
\ir lib/order.sql
SELECT usdtpay.roles_setup();
SELECT sim.setup();
-- the other family's wallet: BIP32's published test vector, the merchant's own
SELECT usdtpay.network_define('tronsim', 'tron', 1, 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t', 6);
UPDATE usdtpay.network SET enabled = true WHERE code = 'tronsim';
SELECT usdtpay.wallet_add(
    'own', 'xpub', 'tron',
    'xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8', p_party => 'shop'
) AS own \gset
SELECT w.wallet_id AS main FROM usdtpay.wallet AS w WHERE w.code = 'main' \gset
SELECT p.party_id AS shop FROM usdtpay.party AS p WHERE p.code = 'shop' \gset
SELECT network_id AS dev FROM usdtpay.network WHERE code = 'dev' \gset
SELECT network_id AS tron FROM usdtpay.network WHERE code = 'tronsim' \gset
CREATE ROLE rows_shop;
GRANT usdtpay_merchant TO rows_shop;
SELECT usdtpay.party_login_grant('shop', 'rows_shop');
SET ROLE rows_shop;
SELECT usdtpay.merchant_set('45 minutes', 0.7, 0.3, NULL, 'review', 'hold', 'pg_catalog.abs') \gset quiet_
RESET ROLE;
SELECT usdtpay.merchant_fee_set('shop', 125);

-- A row without its identity and hash, against what the settings above make of a plain order of 10 USDT
-- on both families, changed by what the test names.
CREATE FUNCTION pg_temp.stored(p_reference text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT to_jsonb(o) - '{order_id,request_hash,evm_address,tron_address}'::text[] FROM usdtpay.payment_order AS o WHERE o.reference = p_reference
$$;
CREATE FUNCTION pg_temp.expected(p_reference text, p_but jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object(
        'party_id', p.party_id, 'reference', p_reference, 'asset_id', 1, 'state', 'pending',
        'due', 10000000, 'seen', 0, 'final', 0, 'refunded', 0, 'excess', 0, 'settled', 0,
        'underpay_tolerance', 700000, 'overpay_tolerance', 300000, 'fee_bps', 125, 'event_seq', 0,
        'late_policy', 'review', 'overpay_policy', 'hold',
        'overpaid', false, 'late', false, 'multiple', false, 'manual', false, 'held', false,
        'networks', (SELECT array_agg(n.network_id ORDER BY n.network_id) FROM usdtpay.network AS n WHERE n.code IN ('dev', 'tronsim')),
        'created_at', now(), 'expires_at', now() + interval '45 minutes', 'paid_at', NULL
    ) || jsonb_build_object(
        'price_amount', NULL, 'price_currency', NULL, 'rate', NULL, 'rate_source', NULL, 'rate_at', NULL, 'customer_ref', NULL,
        'on_paid', 'pg_catalog.abs', 'on_paid_role', 'rows_shop', 'metadata', NULL
    ) || p_but
    FROM usdtpay.party AS p WHERE p.code = 'shop'
$$;
-- One test: the order is stored like that, and the addresses it names are given to it alone: one of each
-- family asked for, the next of its wallet, watched for the wallet's owner.
CREATE TEMP TABLE next_idx AS SELECT 'evm' AS family, :main::bigint AS wallet_id, 0 AS idx UNION SELECT 'tron', :own, 0;
CREATE FUNCTION pg_temp.rows_are(p_reference text, p_name text, p_but jsonb DEFAULT '{}', p_families text[] DEFAULT '{evm,tron}')
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    v_order usdtpay.payment_order;
    v_wanted jsonb;
BEGIN
    SELECT o.* INTO v_order FROM usdtpay.payment_order AS o WHERE o.reference = p_reference;
    RETURN NEXT is(pg_temp.stored(p_reference), pg_temp.expected(p_reference, p_but), p_name);
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'raw', usdtpay_internal.address_derive_raw(w.xpub, n.idx), 'family', w.family, 'party_id', v_order.party_id,
        'wallet_id', w.wallet_id, 'idx', n.idx, 'order_id', v_order.order_id, 'custodial', w.party_id = 1,
        'customer_ref', NULL, 'free_at', NULL, 'given_at', now()
    ) ORDER BY w.family), '[]') INTO v_wanted
    FROM next_idx AS n JOIN usdtpay.wallet AS w USING (wallet_id) WHERE n.family = ANY (p_families);
    RETURN NEXT is(
        (SELECT coalesce(jsonb_agg(to_jsonb(a) ORDER BY a.family), '[]') FROM usdtpay.address AS a WHERE a.order_id = v_order.order_id),
        v_wanted, p_name || ': addresses'
    );
    RETURN NEXT is(
        jsonb_build_array(v_order.evm_address, v_order.tron_address),
        (SELECT jsonb_build_array(max(w.raw::text) FILTER (WHERE w.family = 'evm'), max(w.raw::text) FILTER (WHERE w.family = 'tron'))
            FROM jsonb_to_recordset(v_wanted) AS w (raw bytea, family text)),
        p_name || ': the order names them'
    );
    UPDATE next_idx SET idx = idx + 1 WHERE family = ANY (p_families);
END;
$$;

-- every column, for every kind of call
SELECT usdtpay.order_create('plain', 10, p_party => 'shop');
SELECT pg_temp.rows_are('plain', 'a plain order');
SELECT is((SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(pg_temp.stored('plain') || '{"order_id": 0, "request_hash": 0, "evm_address": 0, "tron_address": 0}') AS k),
    (SELECT array_agg(attname::text ORDER BY attname::text) FROM pg_attribute WHERE attrelid = 'usdtpay.payment_order'::regclass AND attnum > 0 AND NOT attisdropped),
    'which is every column there is');
SELECT is((SELECT order_id FROM usdtpay.payment_order WHERE reference = 'plain'), (SELECT last_value FROM usdtpay_internal.order_seq), 'its id is the sequence''s');

SELECT usdtpay.order_create('fiat', 72.40, 'CNY', p_rate => 7.240, p_rate_source => 'desk', p_rate_at => '2026-01-02 03:04:05.678901Z', p_party => 'shop');
SELECT pg_temp.rows_are('fiat', 'a fiat price', '{"price_amount": 72.40, "price_currency": "CNY", "rate": 7.240, "rate_source": "desk", "rate_at": "2026-01-02T03:04:05.678901+00:00"}');
SELECT is((SELECT price_amount || ' ' || rate FROM usdtpay.payment_order WHERE reference = 'fiat'), '72.40 7.240', 'price and rate keep their decimals');
SELECT usdtpay.order_create('bare', 30, 'EUR', p_rate => 3, p_party => 'shop');
SELECT pg_temp.rows_are('bare', 'a fiat price of which nothing is said', jsonb_build_object('price_amount', 30, 'price_currency', 'EUR', 'rate', 3, 'rate_source', 'caller', 'rate_at', now()));
SELECT usdtpay.order_create('rated', 10, p_rate_source => 'desk', p_rate_at => '2026-01-02Z', p_party => 'shop');
SELECT pg_temp.rows_are('rated', 'a USDT price has no rate, whatever is said of one');
SELECT usdtpay.order_create('known', 10, p_customer_ref => 'Zoë 顧客', p_metadata => '{"b": [1, 2.50, null], "a": {"x": "é"}}', p_party => 'shop');
SELECT pg_temp.rows_are('known', 'customer and metadata', '{"customer_ref": "Zoë 顧客", "metadata": {"b": [1, 2.50, null], "a": {"x": "é"}}}');
SELECT usdtpay.order_create('nullish', 10, p_customer_ref => '', p_metadata => 'null', p_party => 'shop');
SELECT pg_temp.rows_are('nullish', 'an empty customer, a JSON null', '{"customer_ref": "", "metadata": null}');
SELECT row_eq('SELECT customer_ref, metadata::text FROM usdtpay.payment_order WHERE reference = ''nullish''', ROW(''::text, 'null'::text), 'are not NULL');
SELECT usdtpay.order_create('draft', 10, p_draft => true, p_metadata => '7', p_party => 'shop');
SELECT pg_temp.rows_are('draft', 'a draft', '{"state": "draft", "metadata": 7}', '{}');
SELECT usdtpay.order_create('brief', 10, p_expires_in => '1 day 2 seconds', p_party => 'shop');
SELECT pg_temp.rows_are('brief', 'a life of its own', jsonb_build_object('expires_at', now() + interval '1 day 2 seconds'));
SELECT usdtpay.order_create('evm', 10, p_networks => '{dev}', p_party => 'shop');
SELECT pg_temp.rows_are('evm', 'on EVM only', jsonb_build_object('networks', ARRAY[:dev]), '{evm}');
SELECT usdtpay.order_create('tron', 10, p_networks => '{tronsim}', p_party => 'shop');
SELECT pg_temp.rows_are('tron', 'on TRON only', jsonb_build_object('networks', ARRAY[:tron]), '{tron}');
SELECT usdtpay.order_create('both', 10, p_networks => '{tronsim,dev,tronsim}', p_party => 'shop');
SELECT pg_temp.rows_are('both', 'on both, by name');
SELECT usdtpay.order_create(
    'all', 1e3, 'JPY', '90 seconds', '{dev}', 'c', '[]', 100, 's', '2026-01-02 00:00+09', false, 'shop'
);
SELECT pg_temp.rows_are('all', 'everything at once', jsonb_build_object(
    'expires_at', now() + interval '90 seconds', 'networks', ARRAY[:dev], 'customer_ref', 'c', 'metadata', '[]'::jsonb, 'price_amount', 1000,
    'price_currency', 'JPY', 'rate', 100, 'rate_source', 's', 'rate_at', '2026-01-01T15:00:00+00:00'
), '{evm}');
SET ROLE rows_shop;
SELECT usdtpay.order_create('login', 10);
RESET ROLE;
SELECT pg_temp.rows_are('login', 'a merchant''s own login stores the same');
-- a retry must be known after an update of usdtpay, too: what was hashed once is hashed the same for ever
SELECT is((SELECT string_agg(reference || ' ' || request_hash, ', ' ORDER BY order_id) FROM usdtpay.payment_order WHERE reference IN ('plain', 'fiat', 'known', 'draft', 'all')),
    'plain 5278460335696639446, fiat -3774213281821613703, known 7672128900970133123, draft 6102427304230626946, all -3452219311761613547',
    'the hashes of requests are those of every release');

-- due decides how much of the tolerance counts
SELECT usdtpay.order_create('due' || v, v * 0.000001, p_party => 'shop') FROM unnest(ARRAY[1, 9, 10, 19, 6999999, 7000000, 7000010, 1000000000000000]) AS v;
SELECT results_eq($$SELECT due, underpay_tolerance FROM usdtpay.payment_order WHERE reference LIKE 'due%' ORDER BY due$$,
    $$VALUES (1::bigint, 0::bigint), (9, 0), (10, 1), (19, 1), (6999999, 699999), (7000000, 700000), (7000010, 700000), (1000000000000000, 700000)$$,
    'the tolerance is at most a tenth, from the least order to the largest');
SELECT usdtpay.wallet_add('s', 'shared', 'evm', p_addresses => '{0x00000000000000000000000000000000000000A1}', p_party => 'shop') AS shared \gset
SELECT usdtpay.wallet_close('own', 'shop');
SELECT usdtpay.order_create('share' || i, 0.000009, p_networks => '{dev}', p_party => 'shop') FROM generate_series(1, 2) AS i;
SELECT results_eq($$SELECT due, underpay_tolerance, evm_address FROM usdtpay.payment_order WHERE reference LIKE 'share%' ORDER BY order_id$$,
    $$VALUES (9::bigint, 0::bigint, '\x00000000000000000000000000000000000000a1'::bytea), (109, 10, '\x00000000000000000000000000000000000000a1')$$,
    'of what is to be paid, where an amount was moved');
SELECT usdtpay.wallet_close('s', 'shop');
UPDATE usdtpay.wallet SET active = true WHERE code = 'own';
SELECT sim.refuses($$SELECT usdtpay.order_create('tie', 0.0000009, p_party => 'shop')$$, 'UP004', 'less than the least is refused');

-- long, odd and broken values
SELECT is((usdtpay.order_create(repeat('😀', 200), 10, p_customer_ref => repeat('é', 120), p_party => 'shop')).created, true, 'a reference of 800 bytes');
SELECT is(pg_temp.stored(repeat('😀', 200)), pg_temp.expected(repeat('😀', 200), jsonb_build_object('customer_ref', repeat('é', 120))), 'is stored whole');
SELECT is((usdtpay.order_create(repeat('😀', 200), 10, p_customer_ref => repeat('é', 120), p_party => 'shop')).created, false, 'and found again');
SELECT is((usdtpay.order_create(r, 10, p_party => 'shop')).created, true, format('%s is a reference of its own', to_json(r))) FROM unnest(ARRAY['Plain', 'plain ', ' plain', 'pl', E'plain\n', E'ple\u0301in', E'pl\u00e9in']) AS r;
SELECT sim.refuses($$SELECT usdtpay.order_create('big', 10, p_metadata => jsonb_build_object('x', repeat('y', 1048576)), p_party => 'shop')$$, 'UP000', 'a megabyte of metadata is refused');
SELECT sim.refuses($$SELECT usdtpay.order_create(convert_from('\xc328', 'UTF8'), 10, p_party => 'shop')$$, '22021', 'what is no text is refused');
SELECT sim.refuses($$SELECT usdtpay.order_create('nul' || chr(0), 10, p_party => 'shop')$$, '54000', 'a NUL is');
SELECT sim.refuses($$SELECT usdtpay.order_create('nul', 10, p_metadata => '{"a": "\u0000"}', p_party => 'shop')$$, '22P05', 'in metadata too');
-- noise that does not compress is moved out of line
SELECT jsonb_build_object('noise', (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 255) AS i)) AS noise \gset
SELECT usdtpay.order_create('noise', 10, p_metadata => :'noise', p_party => 'shop');
SELECT is((SELECT metadata FROM usdtpay.payment_order WHERE reference = 'noise'), :'noise'::jsonb, 'metadata that does not compress');
SELECT usdtpay.order_create('flat', 10, p_metadata => jsonb_build_object('x', repeat('y', 8000)), p_party => 'shop');
SELECT row_eq('SELECT length(metadata ->> ''x''), pg_column_size(metadata) < 1000 FROM usdtpay.payment_order WHERE reference = ''flat''', ROW(8000, true), 'and what does');
-- values that lie in another table's TOAST must not be pointed at: that table goes
CREATE TEMP TABLE source (r text, c text, m jsonb, s text, n text[]) WITH (toast_tuple_target = 128);
ALTER TABLE source ALTER r SET STORAGE EXTERNAL, ALTER c SET STORAGE EXTERNAL, ALTER m SET STORAGE EXTERNAL, ALTER s SET STORAGE EXTERNAL, ALTER n SET STORAGE EXTERNAL;
INSERT INTO source VALUES (repeat('ré', 100), repeat('c', 200), jsonb_build_object('m', repeat('m', 5000)), repeat('s', 200), array_fill('dev'::text, ARRAY[100]));
SELECT cmp_ok(pg_relation_size(c.reltoastrelid), '>', 0::bigint, 'a row is spread over a TOAST table') FROM pg_class AS c WHERE c.oid = 'source'::regclass;
SELECT is((usdtpay.order_create(s.r, 100, 'EUR', p_networks => s.n, p_customer_ref => s.c, p_metadata => s.m, p_rate => 10, p_rate_source => s.s, p_party => 'shop')).state, 'pending', 'an order is made of it') FROM source AS s;
SELECT is((usdtpay.order_create(s.r, 100, 'EUR', p_networks => s.n, p_customer_ref => s.c, p_metadata => s.m, p_rate => 10, p_rate_source => s.s, p_party => 'shop')).created, false, 'and found again') FROM source AS s;
DROP TABLE source;
SELECT is(pg_temp.stored(repeat('ré', 100)), pg_temp.expected(repeat('ré', 100), jsonb_build_object(
    'networks', ARRAY[:dev], 'customer_ref', repeat('c', 200), 'metadata', jsonb_build_object('m', repeat('m', 5000)), 'price_amount', 100,
    'price_currency', 'EUR', 'rate', 10, 'rate_source', repeat('s', 200), 'rate_at', now()
)), 'which does not need it any more');

-- one statement, one transaction: what a call stored, the next call sees
CREATE TEMP TABLE twice AS SELECT i, o.order_id, o.created FROM generate_series(1, 3) AS i, LATERAL usdtpay.order_create('twice', 10 + 0 * i, p_party => 'shop') AS o;
SELECT results_eq('SELECT created, order_id = (SELECT order_id FROM usdtpay.payment_order WHERE reference = ''twice'') FROM twice ORDER BY i', 'VALUES (true, true), (false, true), (false, true)', 'the same reference in one statement is one order');
SELECT sim.refuses($$SELECT usdtpay.order_create('thrice', 10 + i, p_party => 'shop') FROM generate_series(1, 2) AS i$$, 'UP202', 'with other parameters it is none');
SELECT is((SELECT count(*)::integer FROM usdtpay.address AS a JOIN usdtpay.payment_order AS o USING (order_id) WHERE o.reference = 'twice'), 2, 'with one address of each family');
SET ROLE rows_shop; -- which names no party: nothing else happens in between
CREATE TEMP TABLE own AS SELECT i, o.order_id, o.created FROM generate_series(1, 3) AS i, LATERAL usdtpay.order_create('own', 10 + 0 * i) AS o;
RESET ROLE;
SELECT results_eq('SELECT created, order_id = (SELECT order_id FROM usdtpay.payment_order WHERE reference = ''own'') FROM own ORDER BY i', 'VALUES (true, true), (false, true), (false, true)', 'also for a merchant''s own login');
SAVEPOINT s;
SELECT is((usdtpay.order_create('again', 10, p_party => 'shop')).created, true, 'what a savepoint takes back');
ROLLBACK TO s;
SELECT is((usdtpay.order_create('again', 11, p_party => 'shop')).created, true, 'can be made again, and otherwise');
SAVEPOINT s;
SELECT is((usdtpay.order_create('again', 11, p_party => 'shop')).created, false, 'and is found');
RELEASE s;
SELECT is((usdtpay.order_create('again', 11, p_party => 'shop')).created, false, 'from below a savepoint too');

-- nothing is written where nothing may be
SELECT sim.refuses($sql$DO $do$ BEGIN
    PERFORM set_config('transaction_read_only', 'on', true);
    PERFORM usdtpay.order_create('readonly', 10, p_party => 'shop');
END $do$$sql$, '25006', 'a read-only transaction creates no order');
SELECT sim.refuses($sql$DO $do$ BEGIN
    PERFORM set_config('transaction_read_only', 'on', true);
    PERFORM usdtpay.order_create('readonly', 10, p_draft => true, p_party => 'shop');
END $do$$sql$, '25006', 'nor a draft');

-- an address that was given once is not given again, though the wallet's sequence was set back
SELECT setval(format('usdtpay_internal.wallet_%s_index', :main), 3, false) \gset quiet_
SELECT sim.refuses($$SELECT usdtpay.order_create('stale', 10, p_party => 'shop')$$, '23505', 'an address serves one order');
SELECT setval(format('usdtpay_internal.wallet_%s_index', :main), (SELECT max(idx) + 1 FROM usdtpay.address WHERE wallet_id = :main), false) \gset quiet_
SELECT is((usdtpay.order_create('stale', 10, p_party => 'shop')).created, true, 'once the sequence is right the order is made');

-- every term of the merchant counts for the next order of the session, and for no order before
SAVEPOINT terms;
CREATE FUNCTION pg_temp.next(p_name text, p_but jsonb) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    v_reference text := 'next ' || p_name;
BEGIN
    PERFORM usdtpay.order_create(v_reference, 10, p_party => 'shop');
    RETURN NEXT is(pg_temp.stored(v_reference), pg_temp.expected(v_reference, p_but), p_name || ' counts for the next order');
END;
$$;
CREATE TEMP TABLE before AS SELECT * FROM usdtpay.payment_order;
SELECT usdtpay.merchant_set(p_order_ttl => '3 hours', p_party => 'shop') \gset quiet_
SELECT pg_temp.next('order_ttl', jsonb_build_object('expires_at', now() + interval '3 hours'));
SELECT usdtpay.merchant_set(p_order_ttl => '45 minutes', p_underpay_tolerance => 0.5, p_party => 'shop') \gset quiet_
SELECT pg_temp.next('underpay_tolerance', '{"underpay_tolerance": 500000}');
SELECT usdtpay.merchant_set(p_underpay_tolerance => 100, p_party => 'shop') \gset quiet_
SELECT pg_temp.next('a larger one', '{"underpay_tolerance": 1000000}');
SELECT usdtpay.merchant_set(p_underpay_tolerance => 0, p_party => 'shop') \gset quiet_
SELECT pg_temp.next('none', '{"underpay_tolerance": 0}');
SELECT usdtpay.merchant_set(p_underpay_tolerance => 0.7, p_overpay_tolerance => 1000000000, p_party => 'shop') \gset quiet_
SELECT pg_temp.next('overpay_tolerance', '{"overpay_tolerance": 1000000000000000}');
SELECT usdtpay.merchant_set(p_overpay_tolerance => 0.3, p_late_policy => 'refund', p_party => 'shop') \gset quiet_
SELECT pg_temp.next('late_policy', '{"late_policy": "refund"}');
SELECT usdtpay.merchant_set(p_late_policy => 'review', p_overpay_policy => 'accept', p_party => 'shop') \gset quiet_
SELECT pg_temp.next('overpay_policy', '{"overpay_policy": "accept"}');
SELECT usdtpay.merchant_set(p_overpay_policy => 'hold', p_networks => '{tronsim}', p_party => 'shop') \gset quiet_
SELECT pg_temp.next('networks', jsonb_build_object('networks', ARRAY[:tron]));
SELECT row_eq('SELECT evm_address IS NULL, tron_address IS NULL FROM usdtpay.payment_order WHERE reference = ''next networks''', ROW(true, false), 'with an address there only');
SELECT usdtpay.merchant_set(p_networks => '{}', p_on_paid => '', p_party => 'shop') \gset quiet_
SELECT pg_temp.next('on_paid', '{"on_paid": null, "on_paid_role": null}');
SET ROLE rows_shop;
SELECT usdtpay.merchant_set(p_on_paid => 'pg_catalog.abs') \gset quiet_
RESET ROLE;
SELECT usdtpay.merchant_fee_set('shop', 9999);
SELECT pg_temp.next('fee_bps', '{"fee_bps": 9999}');
SELECT usdtpay.merchant_fee_set('shop', 125);
SELECT pg_temp.next('what is as it was', '{}');
SELECT usdtpay.network_disable('tronsim') \gset quiet_
SELECT pg_temp.next('a network less', jsonb_build_object('networks', ARRAY[:dev]));
SELECT is_empty('SELECT * FROM before EXCEPT ALL SELECT * FROM usdtpay.payment_order', 'the orders before are as they were');
ROLLBACK TO terms;
SELECT usdtpay.order_create('rolled back', 10, p_party => 'shop');
SELECT is(pg_temp.stored('rolled back'), pg_temp.expected('rolled back'), 'terms that were rolled back count for nothing');
SELECT usdtpay.party_close('shop') \gset quiet_
SELECT sim.refuses($$SELECT usdtpay.order_create('closed', 10, p_party => 'shop')$$, 'UP201', 'a party that closed takes no order');
SELECT sim.refuses($$SELECT usdtpay.order_create('closed', 10, p_draft => true, p_party => 'shop')$$, 'UP201', 'nor a draft');
SELECT is((usdtpay.order_create('plain', 10, p_party => 'shop')).created, false, 'but answers for those it took');

SELECT * FROM finish();
ROLLBACK;
