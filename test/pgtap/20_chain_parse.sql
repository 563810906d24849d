-- Node answers as rows: recorded mainnet blocks through SQL, and every refusal callers rely on.
-- Vectors: test/vectors/evm_chain/SOURCE.md, test/vectors/tron_chain/SOURCE.md.
\set h14764013 `cat test/vectors/evm_chain/header_14764013.json`
\set l14764013 `cat test/vectors/evm_chain/usdt_logs_14764013.json`
\set h15537393 `cat test/vectors/evm_chain/header_15537393.json`
\set l15537393 `cat test/vectors/evm_chain/usdt_logs_15537393.json`
\set h15547621 `cat test/vectors/evm_chain/header_15547621.json`
\set l15547621 `cat test/vectors/evm_chain/usdt_logs_15547621.json`
\set h17034869 `cat test/vectors/evm_chain/header_17034869.json`
\set l17034869 `cat test/vectors/evm_chain/usdt_logs_17034869.json`
\set h17034870 `cat test/vectors/evm_chain/header_17034870.json`
\set l17034870 `cat test/vectors/evm_chain/usdt_logs_17034870.json`
\set h17062257 `cat test/vectors/evm_chain/header_17062257.json`
\set l17062257 `cat test/vectors/evm_chain/usdt_logs_17062257.json`
\set h22431083 `cat test/vectors/evm_chain/header_22431083.json`
\set l22431083 `cat test/vectors/evm_chain/usdt_logs_22431083.json`
\set r14764013 `cat test/vectors/evm_chain/receipts_14764013.json`
\set r15537393 `cat test/vectors/evm_chain/receipts_15537393.json`
\set r15547621 `cat test/vectors/evm_chain/receipts_15547621.json`
\set r17034869 `cat test/vectors/evm_chain/receipts_17034869.json`
\set r17034870 `cat test/vectors/evm_chain/receipts_17034870.json`
\set r17062257 `cat test/vectors/evm_chain/receipts_17062257.json`
\set r22431083 `cat test/vectors/evm_chain/receipts_22431083.json`
\set list `cat test/vectors/evm_chain/usdt_transfers.csv`
\set frontier `cat test/vectors/evm_chain/frontier_0_1.json`
\set forks `cat test/vectors/evm_chain/anvil_headers.json`
\set events `cat test/vectors/evm_chain/anvil_events.json`
\set tron20 `cat test/vectors/tron_chain/blocks_79707076.json`
\set tronblock `cat test/vectors/tron_chain/transactions_79072107_sample.json`
\set troninfos `cat test/vectors/tron_chain/infos_79072107_made.json`

BEGIN;
SELECT plan(69);

CREATE TEMP TABLE recorded (number bigint PRIMARY KEY, header text, logs text, receipts text);
INSERT INTO recorded VALUES
	(14764013, :'h14764013', :'l14764013', :'r14764013'),
	(15537393, :'h15537393', :'l15537393', :'r15537393'),
	(15547621, :'h15547621', :'l15547621', :'r15547621'),
	(17034869, :'h17034869', :'l17034869', :'r17034869'),
	(17034870, :'h17034870', :'l17034870', :'r17034870'),
	(17062257, :'h17062257', :'l17062257', :'r17062257'),
	(22431083, :'h22431083', :'l22431083', :'r22431083');
CREATE TEMP TABLE made AS
	SELECT :'events'::jsonb AS events, '[' || :'tronblock' || ']' AS tron_headers,
	       '[' || :'troninfos' || ']' AS tron_logs, :'troninfos' AS tron_infos, :'tron20' AS tron20,
	       :'frontier' AS frontier, :'forks'::jsonb AS forks,
	       '0xdAC17F958D2ee523a2206206994597C13D831ec7' AS usdt,
	       ARRAY['\xdac17f958d2ee523a2206206994597c13d831ec7'::bytea] AS usdt_raw,
	       'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t' AS tron_usdt,
	       ARRAY['\xa614f803b6fd780986a42c78ec9c7f77e6ded13c'::bytea] AS tron_raw;
CREATE TEMP TABLE csv AS
	SELECT f[1]::bigint AS number, to_timestamp(f[2]::bigint) AS at, f[3]::int AS tx_index,
	       f[4]::int AS log_index, decode(substr(f[5], 3), 'hex') AS tx_hash, f[6] AS sender,
	       f[7] AS recipient, f[8]::numeric AS amount
	  FROM (SELECT string_to_array(line, ',') AS f
	          FROM string_to_table(rtrim(replace(:'list', chr(13), ''), chr(10)), chr(10))
	               WITH ORDINALITY AS t(line, n) WHERE n > 1) x;
-- Two blocks in a row, across the Shanghai fork.
CREATE TEMP TABLE pair AS
	SELECT '[' || a.header || ',' || b.header || ']' AS headers,
	       (a.logs::jsonb || b.logs::jsonb)::text AS logs
	  FROM recorded a, recorded b WHERE a.number = 17034869 AND b.number = 17034870;

\ir lib/complaint.sql

-- evm_transfers

SELECT is(count(*), 175::bigint, 'evm_transfers: the list has 175 lines') FROM csv;
SELECT results_eq(
	$$SELECT t.block_number, t.log_index, t.tx_hash, t.sender, t.recipient, t.amount_raw
	    FROM recorded r, made, usdtpay.evm_transfers(r.logs, usdt) t ORDER BY 1, 2$$,
	$$SELECT number, log_index, tx_hash, sender, recipient, amount FROM csv ORDER BY 1, 2$$,
	'evm_transfers: every transfer of seven mainnet blocks, addresses checksummed');
SELECT is(sum(t.amount_raw) / 1000000, 1413848.885237, 'evm_transfers: worth 1413848.885237 USDT')
  FROM recorded, made, usdtpay.evm_transfers(logs, usdt) t;
SELECT is(count(*), 6::bigint, 'evm_transfers: the JSON-RPC envelope is taken off')
  FROM recorded, made,
       usdtpay.evm_transfers('{"jsonrpc":"2.0","id":7,"result":' || logs || '}', lower(usdt))
 WHERE number = 14764013;
SELECT is_empty($$SELECT t.* FROM made, usdtpay.evm_transfers('[]', usdt) t$$,
	'evm_transfers: no logs, no rows');
SELECT is_empty($$SELECT t.* FROM recorded r,
	usdtpay.evm_transfers(r.logs, '0x55d398326f99059fF775485246999027B3197955') t$$,
	'evm_transfers: another token has none');
SELECT is_empty($$SELECT t.* FROM made, usdtpay.evm_transfers(NULL, usdt) t$$,
	'evm_transfers: null in, nothing out');
SELECT is(array_agg(t.amount_raw ORDER BY block_number, log_index),
	ARRAY[1000000, 0, 57896044618658097711785492504343953926634992332820282019728792003956564819968, 5, 6, 7],
	'evm_transfers: amounts of 0 and 2^255')
  FROM made, usdtpay.evm_transfers(events ->> 'logs', events ->> 'contract') t;
SELECT is(pg_temp.complaint($$SELECT * FROM usdtpay.evm_transfers('[]', 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t')$$),
	'UP001 | the token is no EVM address | The value is "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t". | '
	'Give the token''s contract address as block explorers show it.',
	'evm_transfers: refuses a TRON address');
SELECT throws_ok($$SELECT * FROM usdtpay.evm_transfers('[]', '0xdac17F958D2ee523a2206206994597C13D831ec7')$$,
	'UP001', NULL, 'evm_transfers: refuses a wrong checksum');
SELECT throws_ok($$SELECT * FROM made, usdtpay.evm_transfers('', usdt)$$, 'UP400',
	'an array was expected', 'evm_transfers: refuses an empty text');
SELECT throws_ok($$SELECT * FROM made, usdtpay.evm_transfers('{"error":{"code":-32005},"id":1}', usdt)$$,
	'UP400', 'the answer is a JSON-RPC error', 'evm_transfers: an error is no answer');
SELECT throws_ok($$SELECT t.* FROM recorded r, made,
	usdtpay.evm_transfers(replace(logs, '"removed":false', '"removed":true'), usdt) t
	WHERE r.number = 14764013$$, 'UP400', 'a log is marked removed', 'evm_transfers: refuses removed logs');
SELECT throws_ok($$SELECT t.* FROM recorded r, made,
	usdtpay.evm_transfers((SELECT jsonb_agg(e ORDER BY n DESC) FROM jsonb_array_elements(logs::jsonb)
	WITH ORDINALITY x(e, n))::text, usdt) t WHERE r.number = 14764013$$, 'UP400',
	'logs are not sorted or one comes twice', 'evm_transfers: refuses another order');
SELECT is(pg_temp.complaint($$SELECT t.* FROM recorded r, made,
	usdtpay.evm_transfers(replace(logs, '"logIndex":"0x1a"', '"logIndex":"26"'), usdt) t
	WHERE r.number = 14764013$$),
	'UP400 | the logIndex of a log is no quantity | Found in the answer, before byte 3778. | '
	'The whole answer is refused; ask again or ask another node.',
	'evm_transfers: an error tells where and what to do');

-- evm_block_hash, tron_block_id

SELECT is_empty($$SELECT number FROM recorded
	WHERE encode(usdtpay.evm_block_hash(header), 'hex') IS DISTINCT FROM
	      substr(header::jsonb ->> 'hash', 3)$$,
	'evm_block_hash: seven mainnet blocks, London to Cancun');
SELECT is_empty($$SELECT 1 FROM made, jsonb_array_elements(frontier::jsonb) h
	WHERE encode(usdtpay.evm_block_hash(h::text), 'hex') IS DISTINCT FROM substr(h ->> 'hash', 3)$$,
	'evm_block_hash: mainnet blocks 0 and 1');
SELECT is(usdtpay.evm_block_hash('{"id":1,"result":' || header || '}'),
	decode('720704f3aa11c53cf344ea069db95cecb81ad7453c8f276b2a1062979611f09c', 'hex'),
	'evm_block_hash: takes the envelope') FROM recorded WHERE number = 14764013;
SELECT isnt(usdtpay.evm_block_hash(replace(header, '"gasUsed":"0x', '"gasUsed":"0x1')),
	usdtpay.evm_block_hash(header), 'evm_block_hash: covers every member')
  FROM recorded WHERE number = 14764013;
SELECT throws_ok($$SELECT usdtpay.evm_block_hash('{"result":null}')$$, 'UP400',
	'an object was expected', 'evm_block_hash: refuses a block the node does not know');
SELECT throws_ok($$SELECT usdtpay.evm_block_hash(header || header) FROM recorded LIMIT 1$$, 'UP400',
	'something follows the document', 'evm_block_hash: refuses two');
SELECT is(encode(usdtpay.tron_block_id(tron_headers::jsonb ->> 0), 'hex'),
	'0000000004b68b6be6d7223b1ecf2850f00f700292beeead2810c18e9e1548e2',
	'tron_block_id: mainnet block 79072107') FROM made;
SELECT is_empty($$SELECT 1 FROM made, jsonb_array_elements(tron20::jsonb) b
	WHERE encode(usdtpay.tron_block_id(b::text), 'hex') IS DISTINCT FROM b ->> 'blockID'$$,
	'tron_block_id: twenty blocks in a row');
SELECT throws_ok($$SELECT usdtpay.tron_block_id('{}')$$, 'UP400', 'a block has no header',
	'tron_block_id: refuses an empty answer');

-- evm_receipts_root, receipts_logs

SELECT is_empty($$SELECT number FROM recorded
	WHERE encode(usdtpay.evm_receipts_root(receipts), 'hex') IS DISTINCT FROM
	      substr(header::jsonb ->> 'receiptsRoot', 3)$$,
	'evm_receipts_root: seven mainnet blocks');
SELECT is(usdtpay.evm_receipts_root('{"id":1,"result":' || receipts || '}'),
	usdtpay.evm_receipts_root(receipts), 'evm_receipts_root: takes the envelope')
  FROM recorded WHERE number = 15537393;
SELECT is(usdtpay.evm_receipts_root('[]'),
	decode('56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421', 'hex'),
	'evm_receipts_root: a block without transactions');
SELECT isnt(usdtpay.evm_receipts_root(regexp_replace(receipts, '"data":"0x0', '"data":"0x1')),
	usdtpay.evm_receipts_root(receipts), 'evm_receipts_root: covers every log')
  FROM recorded WHERE number = 14764013;
SELECT throws_ok($$SELECT usdtpay.evm_receipts_root('{"result":null}')$$, 'UP400',
	'an array was expected', 'evm_receipts_root: refuses a block the node does not know');
SELECT throws_ok($$SELECT usdtpay.evm_receipts_root('[] []')$$, 'UP400',
	'something follows the document', 'evm_receipts_root: refuses two');
SELECT is_empty($$SELECT r.number FROM made, recorded r, LATERAL usdtpay_internal.receipts_logs(
	'[' || header || ']', '[' || receipts || ']', usdt_raw) l
	WHERE (SELECT array_agg(t) FROM usdtpay.evm_transfers(l, usdt) t) IS DISTINCT FROM
	      (SELECT array_agg(t) FROM usdtpay.evm_transfers(r.logs, usdt) t)$$,
	'receipts_logs: the same transfers as eth_getLogs gave, in the same order');
SELECT is(usdtpay_internal.receipts_logs('[' || header || ']', '[' || receipts || ']', '{}'), '[]',
	'receipts_logs: of these contracts only') FROM recorded WHERE number = 14764013;

-- tron_transfers

SELECT is(count(*), 43::bigint, 'tron_transfers: 43 transfers')
  FROM made, usdtpay.tron_transfers(tron_infos, tron_usdt);
SELECT is(sum(amount_raw), 69753336127::numeric, 'tron_transfers: worth 69753.336127')
  FROM made, usdtpay.tron_transfers(tron_infos, tron_usdt);
SELECT results_eq(
	$$SELECT t.block_number, t.block_hash, t.log_index, t.sender, t.recipient, t.amount_raw
	    FROM made, usdtpay.tron_transfers(tron_infos, tron_usdt) t LIMIT 1$$,
	$$VALUES (79072107::bigint, NULL::bytea, 0, 'TDiCW6NZ4pdzeFBqw2WoQwpEBc8rNByzD5',
	  'TReaL6tNbZmGZ2vRTvFPaxvsj8n1NP3Z9X', 300900000::numeric)$$,
	'tron_transfers: base58 addresses, no block hash');
SELECT is(count(*), 42::bigint, 'tron_transfers: a failed transaction does not count')
  FROM made, usdtpay.tron_transfers(
	regexp_replace(tron_infos, '"result":"SUCCESS"', '"result":"OUT_OF_TIME"'), tron_usdt);
SELECT throws_ok($$SELECT * FROM made, usdtpay.tron_transfers(tron_infos, usdt)$$, 'UP001',
	'the token is no TRON address', 'tron_transfers: refuses an EVM address');
SELECT throws_ok($$SELECT * FROM made, usdtpay.tron_transfers('{"Error":"x"}', tron_usdt)$$, 'UP400',
	'an array was expected', 'tron_transfers: refuses an error');

-- span_blocks

SELECT results_eq(
	$$SELECT b.number, b.tx_count, b.block_time FROM pair, usdtpay_internal.span_blocks('evm', headers, 'keccak') b$$,
	$$VALUES (17034869::bigint, 93, '2023-04-12 22:27:23+00'::timestamptz),
	         (17034870, 184, '2023-04-12 22:27:59+00')$$,
	'span_blocks: two mainnet blocks');
SELECT is(count(*), 2::bigint, 'span_blocks: parents link')
  FROM pair, usdtpay_internal.span_blocks('evm', headers, 'keccak') b
 WHERE encode(b.hash, 'hex') = substr(headers::jsonb -> 1 ->> 'parentHash', 3) OR b.number = 17034870;
SELECT results_eq(
	$$SELECT f.key, count(*) FROM made, jsonb_each(forks) f,
	  usdtpay_internal.span_blocks('evm', f.value::text, 'keccak') GROUP BY 1 ORDER BY 1$$,
	$$VALUES ('berlin', 3::bigint), ('cancun', 4), ('london', 4), ('paris', 4), ('prague', 6),
	         ('shanghai', 4)$$,
	'span_blocks: chains of six forks');
SELECT is_empty($$SELECT * FROM usdtpay_internal.span_blocks('evm', '[]', 'keccak')$$,
	'span_blocks: no blocks, no rows');
SELECT is(pg_temp.complaint($$SELECT b.* FROM recorded r, usdtpay_internal.span_blocks('evm',
	'[' || replace(header, '"gasUsed":"0x', '"gasUsed":"0x1') || ']', 'keccak') b
	WHERE r.number = 14764013$$),
	'UP400 | a block''s hash is not the hash of its header | Found in block 14764013, before byte 2748. | '
	'The whole answer is refused; ask again or ask another node.',
	'span_blocks: keccak refuses a changed member');
SELECT is(count(*), 1::bigint, 'span_blocks: none trusts it')
  FROM recorded r, usdtpay_internal.span_blocks('evm',
	'[' || replace(header, '"gasUsed":"0x', '"gasUsed":"0x1') || ']', 'none')
 WHERE r.number = 14764013;
SELECT is(pg_temp.complaint($$SELECT b.* FROM recorded x, recorded y, usdtpay_internal.span_blocks('evm',
	'[' || x.header || ',' || y.header || ']', 'keccak') b
	WHERE x.number = 17034869 AND y.number = 17062257$$) ~
	'^UP401 \| block numbers do not ascend one by one \| Found in block 17062257\. \| Fetch',
	true, 'span_blocks: a gap is UP401');
SELECT throws_ok($$SELECT b.* FROM pair, usdtpay_internal.span_blocks('evm',
	replace(headers, '"number":"0x103ee76"', '"number":"0x103ee75"'), 'none') b$$, 'UP401', NULL,
	'span_blocks: a repeated number is UP401');
SELECT is(count(*), 20::bigint, 'span_blocks: twenty TRON blocks')
  FROM made, usdtpay_internal.span_blocks('tron', tron20, 'none');
SELECT throws_ok($$SELECT b.* FROM made, usdtpay_internal.span_blocks('tron',
	replace(tron20, '"version":33', '"version":34'), 'none') b$$, 'UP400',
	'a blockID is not the hash of its header', 'span_blocks: TRON ids are checked without being asked');
SELECT throws_ok($$SELECT b.* FROM made, usdtpay_internal.span_blocks('tron', tron_headers, 'txroot') b$$,
	'UP400', 'the transactions of a block do not hash to its txTrieRoot',
	'span_blocks: txroot sees that transactions are missing');
SELECT throws_ok($$SELECT * FROM usdtpay_internal.span_blocks('btc', '[]', 'none')$$, 'UP000',
	'unknown chain family', 'span_blocks: refuses an unknown family');
SELECT throws_ok($$SELECT * FROM usdtpay_internal.span_blocks('evm', '[]', 'txroot')$$, 'UP000',
	'unknown header check', 'span_blocks: txroot is TRON''s');
SELECT throws_ok($$SELECT * FROM usdtpay_internal.span_blocks('evm', NULL, 'none')$$, 'UP000',
	'an argument of a span is null', 'span_blocks: null is no empty chain');

-- span_logs

SELECT results_eq(
	$$SELECT l.number, l.block_time, l.tx_index, l.log_index, l.tx_hash,
	         usdtpay.address_text('evm', l.sender), usdtpay.address_text('evm', l.recipient), l.amount_raw
	    FROM recorded r, made, usdtpay_internal.span_logs('evm', '[' || r.header || ']', r.logs,
	         usdt_raw, 'keccak', NULL) l WHERE l.kind = 'transfer' ORDER BY 1, 4$$,
	$$SELECT number, at, tx_index, log_index, tx_hash, sender, recipient, amount FROM csv ORDER BY 1, 4$$,
	'span_logs: every transfer of seven mainnet blocks');
SELECT is_empty(
	$$SELECT * FROM (SELECT l.number, l.tx_hash, array_agg(l.ordinal ORDER BY l.log_index) AS ord
	    FROM recorded r, made, usdtpay_internal.span_logs('evm', '[' || r.header || ']', r.logs,
	         usdt_raw, 'none', '{}') l GROUP BY 1, 2) x
	   WHERE ord <> ARRAY(SELECT generate_series(0, cardinality(ord) - 1))$$,
	'span_logs: ordinals run from 0 in every transaction');
SELECT results_eq(
	$$SELECT l.kind, l.amount_raw, l.subject IS NOT NULL, l.sender IS NOT NULL, l.contract = decode(substr(events ->> 'contract', 3), 'hex')
	    FROM made, usdtpay_internal.span_logs('evm', events ->> 'headers', events ->> 'logs',
	         ARRAY[decode(substr(events ->> 'contract', 3), 'hex')], 'keccak', NULL) l
	   WHERE l.kind <> 'transfer' ORDER BY l.number, l.log_index$$,
	$$VALUES ('added_blacklist', NULL::numeric, true, false, true), ('removed_blacklist', NULL, true, false, true),
	         ('destroyed_funds', 123456789, true, false, true), ('deprecate', NULL, true, false, true),
	         ('pause', NULL, false, false, true), ('unpause', NULL, false, false, true),
	         ('params', 10, false, false, true), ('added_blacklist', NULL, true, false, true),
	         ('removed_blacklist', NULL, true, false, true),
	         ('destroyed_funds', 2::numeric ^ 256 - 1, true, false, true)$$,
	'span_logs: the issuer''s events in both spellings');
SELECT is(pg_temp.complaint($$SELECT * FROM pair, made,
	usdtpay_internal.span_logs('evm', headers, '[]', usdt_raw, 'none', NULL)$$),
	'UP404 | 2 blocks may hold transfers the answer lacks | Blocks 17034869,17034870. | '
	'Ask another node for these blocks'' logs or receipts; a block that truly has none is passed as cleared.',
	'span_logs: blooms that promise more are UP404');
SELECT is(pg_temp.complaint($$SELECT * FROM pair, made,
	usdtpay_internal.span_logs('evm', headers, '[]', usdt_raw, 'none', ARRAY[17034869])$$) ~
	'^UP404 \| 1 block may hold transfers the answer lacks \| Blocks 17034870\.',
	true, 'span_logs: a cleared block is not asked about again');
SELECT is_empty($$SELECT l.* FROM pair, made,
	usdtpay_internal.span_logs('evm', headers, '[]', usdt_raw, 'none', ARRAY[17034870, 17034869]) l$$,
	'span_logs: both cleared');
SELECT is_empty($$SELECT l.* FROM recorded r, made,
	usdtpay_internal.span_logs('evm', '[' || header || ']', '[]', usdt_raw, 'keccak', NULL) l
	WHERE r.number = 15537393$$, 'span_logs: a bloom without USDT promises nothing');
SELECT throws_ok($$SELECT l.* FROM recorded r, made,
	usdtpay_internal.span_logs('evm', '[' || header || ']', logs, tron_raw, 'none', NULL) l
	WHERE r.number = 14764013$$, 'UP400', 'a log is of a contract that was not asked for',
	'span_logs: refuses what was not asked for');
SELECT throws_ok($$SELECT l.* FROM recorded r, pair p, made,
	usdtpay_internal.span_logs('evm', headers, r.logs, usdt_raw, 'none', NULL) l
	WHERE r.number = 14764013$$, 'UP400', 'a log lies outside the blocks asked for',
	'span_logs: refuses logs of other blocks');
SELECT throws_ok($$SELECT * FROM pair, usdtpay_internal.span_logs('evm', headers, logs,
	ARRAY['\x00'::bytea], 'none', NULL)$$, 'UP000', 'a contract is not 20 bytes',
	'span_logs: refuses a short contract');
SELECT throws_ok($$SELECT * FROM pair, usdtpay_internal.span_logs('evm', headers, logs,
	ARRAY[]::bytea[], 'none', NULL)$$, 'UP000', 'a span takes 1 to 64 contracts',
	'span_logs: refuses no contract');
SELECT is(count(*) FILTER (WHERE l.ordinal = 0 AND l.kind = 'transfer'), 43::bigint,
	'span_logs: 43 TRON transfers')
  FROM made, usdtpay_internal.span_logs('tron', tron_headers, tron_logs, tron_raw, 'none', NULL) l;
SELECT throws_ok($$SELECT l.* FROM made, usdtpay_internal.span_logs('tron', tron_headers,
	'[' || ((tron_infos::jsonb - 5)::text) || ']', tron_raw, 'none', NULL) l$$, 'UP400',
	'a block has transactions without an info', 'span_logs: refuses a partial list of infos');

-- span_logs_known

SELECT results_eq(
	$$SELECT k.* FROM pair, made, LATERAL (SELECT array_agg(b.number ORDER BY b.number) AS n,
	         array_agg(b.hash ORDER BY b.number) AS h, array_agg(b.block_time ORDER BY b.number) AS t
	         FROM usdtpay_internal.span_blocks('evm', headers, 'none') b) b,
	         usdtpay_internal.span_logs_known('evm', b.n, b.h, b.t, logs, usdt_raw) k$$,
	$$SELECT l.* FROM pair, made, usdtpay_internal.span_logs('evm', headers, logs, usdt_raw, 'none', NULL) l$$,
	'span_logs_known: the same rows as against the headers');
SELECT results_eq(
	$$SELECT k.* FROM made, usdtpay_internal.span_blocks('tron', tron_headers, 'none') b,
	         usdtpay_internal.span_logs_known('tron', ARRAY[b.number], ARRAY[b.hash],
	         ARRAY[b.block_time], tron_logs, tron_raw) k$$,
	$$SELECT l.* FROM made, usdtpay_internal.span_logs('tron', tron_headers, tron_logs, tron_raw, 'none', NULL) l$$,
	'span_logs_known: so on TRON');
SELECT throws_ok($$SELECT k.* FROM recorded r, made, usdtpay_internal.span_logs_known('evm',
	ARRAY[r.number], ARRAY[sha256('another')], ARRAY[now()], r.logs, usdt_raw) k
	WHERE r.number = 14764013$$, 'UP400', 'a log''s blockHash is not its block''s',
	'span_logs_known: refuses another block of that height');
SELECT throws_ok($$SELECT k.* FROM made, usdtpay_internal.span_logs_known('evm', ARRAY[2, 1],
	ARRAY[sha256('a'), sha256('b')], ARRAY[now(), now()], '[]', usdt_raw) k$$, 'UP000',
	'known blocks do not ascend', 'span_logs_known: refuses disorder');

SELECT * FROM finish();
ROLLBACK;
