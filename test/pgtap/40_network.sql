-- Networks, tokens, endpoints: definitions, every refusal, and that no view shows a secret.
BEGIN;
SELECT plan(58);

\set token '0x5FbDB2315678afecb367f032d93F642f64180aa3'
SELECT set_config('t.token', :'token', true);

-- the registry
SELECT is((SELECT count(*) FROM usdtpay.network)::int, 0, 'after the installation there is no network');
SELECT is((SELECT count(*) FROM usdtpay.network_registry WHERE code <> 'optimism')::int, 6, 'six networks with one token');
SELECT is((SELECT count(*) FROM usdtpay.network_registry WHERE code = 'optimism' AND asset IS NOT NULL)::int, 1,
	'one token of Optimism is credited');
SELECT is((SELECT decimals FROM usdtpay.network_registry WHERE code = 'bsc'), 18, 'USDT has 18 decimals on BNB Smart Chain');
SELECT is((SELECT count(*) FROM usdtpay.network_registry AS r
	WHERE usdtpay.address_text(r.family, usdtpay.address_bytes(r.family, r.contract)) <> r.contract)::int, 0,
	'every contract is spelt with its checksum');
SELECT is((SELECT count(*) FROM usdtpay.network_registry WHERE NOT final_tag AND final_depth = 0)::int, 0, 'none without finality');

-- enabling
SELECT ok(usdtpay.network_enable('ethereum', ARRAY['https://user:hush@eth.example:8443/v3/hush?key=hush'],
	'{"Authorization": "Bearer hush"}') > 0, 'a network of the registry is enabled by its name');
SELECT is((SELECT state FROM usdtpay.network_status WHERE code = 'ethereum'), 'stalled', 'nobody scans it yet');
SELECT is((SELECT chain_id FROM usdtpay.network WHERE code = 'ethereum'), 1::bigint, 'its definition was copied');
SELECT is(usdtpay.network_enable('ethereum'), (SELECT network_id FROM usdtpay.network WHERE code = 'ethereum'),
	'enabling it again changes nothing');
SELECT ok(usdtpay.network_enable('optimism', ARRAY['https://op.example']) > 0, 'a network with two tokens');
SELECT is((SELECT count(*) FROM usdtpay.token AS t JOIN usdtpay.network AS n USING (network_id)
	WHERE n.code = 'optimism' AND t.asset_id IS NULL)::int, 1, 'the old token is watched only');
SELECT ok(usdtpay.network_enable('tron', ARRAY['https://api.trongrid.example'], '{"TRON-PRO-API-KEY": "hush"}', 100) > 0, 'TRON');
SELECT is((SELECT start_block FROM usdtpay.network WHERE code = 'tron'), 100::bigint, 'from a start block');
SELECT is((SELECT encode(contract, 'hex') FROM usdtpay.token AS t JOIN usdtpay.network AS n USING (network_id) WHERE n.code = 'tron'),
	'a614f803b6fd780986a42c78ec9c7f77e6ded13c', 'its token, 20 bytes');

-- no secret in sight
SELECT unalike((SELECT string_agg(e::text, '') FROM usdtpay.endpoint_status AS e), '%hush%', 'endpoint_status shows no secret');
SELECT is((SELECT url FROM usdtpay.endpoint_status WHERE network = 'ethereum'), 'https://eth.example:8443', 'scheme and host only');
SELECT is(usdtpay_internal.endpoint_label('http://a:b@h:1'), 'http://h:1', 'the label drops the user');
SELECT is(usdtpay_internal.endpoint_label('https://h?key=1'), 'https://h', 'and a query without a path');
SELECT is(usdtpay_internal.endpoint_label('https://[2001:db8::1]:8545/x'), 'https://[2001:db8::1]:8545', 'and keeps an IPv6 host');

-- defining
SELECT ok(usdtpay.network_define('dev', 'evm', 31337, :'token') > 0, 'a network of one''s own');
SELECT is((SELECT enabled FROM usdtpay.network WHERE code = 'dev'), false, 'which is off until somebody turns it on');
SELECT is(usdtpay.network_define('dev', 'evm', 31337, :'token'), (SELECT network_id FROM usdtpay.network WHERE code = 'dev'),
	'the same definition is the same network');
SELECT is((SELECT header_check FROM usdtpay.network WHERE code = 'dev'), 'keccak', 'EVM headers are recomputed by default');
SELECT throws_ok($$SELECT usdtpay.network_define('dev', 'evm', 31338, current_setting('t.token'))$$, 'UP202', NULL, 'another chain id');
SELECT throws_ok($$SELECT usdtpay.network_define('dev', 'evm', 31337, current_setting('t.token'), 18)$$, 'UP202', NULL, 'other decimals');
SELECT throws_ok($$SELECT usdtpay.network_define('De v', 'evm', 1, current_setting('t.token'))$$, 'UP000', NULL, 'a malformed code');
SELECT throws_ok($$SELECT usdtpay.network_define(NULL, 'evm', 1, current_setting('t.token'))$$, 'UP000', NULL, 'no code');
SELECT throws_ok($$SELECT usdtpay.network_define('x', 'btc', 1, current_setting('t.token'))$$, 'UP000', NULL, 'an unknown family');
SELECT throws_ok($$SELECT usdtpay.network_define('x', 'evm', 0, current_setting('t.token'))$$, 'UP000', NULL, 'chain id 0');
SELECT throws_ok($$SELECT usdtpay.network_define('x', 'tron', 1, current_setting('t.token'))$$, 'UP001', NULL, 'a contract of the other family');
SELECT throws_ok($$SELECT usdtpay.network_define('x', 'evm', 1, NULL)$$, 'UP001', NULL, 'no contract');
SELECT throws_ok($$SELECT usdtpay.network_define('x', 'evm', 1, current_setting('t.token'), 37)$$, 'UP000', NULL, '37 decimals');
SELECT throws_ok($$SELECT usdtpay.network_define('x', 'evm', 1, current_setting('t.token'), p_final_tag => false)$$, 'UP203', NULL,
	'neither tag nor depth');
SELECT throws_ok($$SELECT usdtpay.network_define('x', 'evm', 1, current_setting('t.token'), p_poll_ms => 1)$$, 'UP000', NULL, 'polling every millisecond');
SELECT throws_ok($$SELECT usdtpay.network_define('x', 'evm', 1, current_setting('t.token'), p_asset => 'DOGE')$$, 'UP200', NULL, 'an unknown asset');
SELECT throws_ok($$SELECT usdtpay.network_define('x', 'evm', 1, current_setting('t.token'), p_checkpoint_number => 1)$$, 'UP000', NULL,
	'half a checkpoint');
SELECT is((SELECT count(*) FROM usdtpay.network WHERE code = 'x')::int, 0, 'a refused definition leaves nothing');

-- enabling, refused
SELECT throws_ok($$SELECT usdtpay.network_enable('dev')$$, 'UP203', NULL, 'no endpoint');
SELECT throws_ok($$SELECT usdtpay.network_enable('nope', ARRAY['http://h'])$$, 'UP200', NULL, 'an unknown network');
SELECT throws_ok($$SELECT usdtpay.network_enable('dev', ARRAY['ftp://h'])$$, 'UP000', NULL, 'another scheme');
SELECT throws_ok($$SELECT usdtpay.network_enable('dev', ARRAY[E'http://h/a b'])$$, 'UP000', NULL, 'a URL with a space');
SELECT throws_ok($$SELECT usdtpay.network_enable('dev', ARRAY['http://h'], p_start_block => -1)$$, 'UP000', NULL, 'a negative start');
SELECT throws_ok($$SELECT usdtpay.endpoint_set('dev', 'http://h', '{"X": "a\r\nB: c"}')$$, 'UP000', NULL, 'a header with a line break');
SELECT throws_ok($$SELECT usdtpay.endpoint_set('dev', 'http://h', '{"Host": "other"}')$$, 'UP000', NULL, 'a header that is ours');
SELECT throws_ok($$SELECT usdtpay.endpoint_set('dev', 'http://h', '[]')$$, 'UP000', NULL, 'headers that are no object');
SELECT throws_ok($$SELECT usdtpay.endpoint_set('dev', 'http://h', p_max_rate => 'NaN')$$, 'UP000', NULL, 'a rate that is no number');

-- changing
SELECT lives_ok($$SELECT usdtpay.network_set('dev', p_poll_ms => 500, p_final_depth => 7)$$, 'polling and depth can change');
SELECT is((SELECT (poll_ms, final_depth)::text FROM usdtpay.network WHERE code = 'dev'), '(500,7)', 'and nothing else does');
SELECT is((SELECT usdtpay.token_define('optimism', '0x94b008aA00579c1307B0EF2c499aD98a8ce58e58', 6, 'USDT', 'USDT') > 0), true,
	'an asset may be given to a token later');
SELECT throws_ok($$SELECT usdtpay.token_define('optimism', '0x94b008aA00579c1307B0EF2c499aD98a8ce58e58')$$, 'UP202', NULL, 'never taken away');
UPDATE usdtpay.token SET code_hash = '\x01' WHERE contract = usdtpay.address_bytes('evm', '0x94b008aA00579c1307B0EF2c499aD98a8ce58e58');
SELECT is(usdtpay.token_unpin('optimism', '0x94b008aA00579c1307B0EF2c499aD98a8ce58e58'), true, 'a pin is forgotten');
SELECT is(usdtpay.token_unpin('optimism', '0x94b008aA00579c1307B0EF2c499aD98a8ce58e58'), false, 'once');
SELECT throws_ok($$SELECT usdtpay.token_unpin('optimism', '0x00000000000000000000000000000000000000bb')$$, 'UP200', NULL, 'an unknown contract');
SELECT throws_ok($$SELECT usdtpay.token_unpin('optimism', 'nonsense')$$, 'UP001', NULL, 'no address at all');
SELECT throws_ok($$SELECT usdtpay.network_resume('dev', 'x')$$, 'UP201', NULL, 'only a halted network is resumed');
SELECT is(usdtpay.endpoint_remove('ethereum', 'https://user:hush@eth.example:8443/v3/hush?key=hush'), true, 'an endpoint is removed');
SELECT is((SELECT state FROM usdtpay.network_status WHERE code = 'ethereum'), 'no_endpoint', 'and its network has none');

SELECT * FROM finish();
ROLLBACK;
