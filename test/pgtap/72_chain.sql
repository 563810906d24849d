-- The chain: linking, reorganisations, second looks, rescans, halts, the issuer, and real blocks.
BEGIN;
SELECT no_plan();
\ir lib/chain.sql
\ir lib/order.sql
SELECT usdtpay.roles_setup();
SELECT sim.setup();
SET client_min_messages = error; -- halting warns, as it should
CREATE FUNCTION pg_temp.cursor(p_network text DEFAULT 'dev') RETURNS text LANGUAGE sql AS $$
    SELECT c.tip_number || ' ' || c.final_number || CASE WHEN c.halted_at IS NOT NULL THEN ' halted' ELSE '' END
    FROM usdtpay.chain_cursor AS c JOIN usdtpay.network AS n USING (network_id) WHERE n.code = p_network
$$;
-- block objects p_from..p_to of a fork with the transactions of the logs, and a call with them
CREATE FUNCTION pg_temp.blocks(p_from bigint, p_to bigint, p_logs jsonb DEFAULT '[]', p_fork text DEFAULT 'a', p_below text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT jsonb_agg(sim.block(n, p_fork, CASE n WHEN p_from THEN p_below END) || jsonb_build_object('transactions', sim.txs(p_logs, n)) ORDER BY n)::text
    FROM generate_series(p_from, p_to) AS n
$$;
CREATE FUNCTION pg_temp.ingest(p_mode text, p_from bigint, p_to bigint, p_logs jsonb DEFAULT '[]', p_fork text DEFAULT 'a', p_below text DEFAULT NULL, p_network text DEFAULT 'dev')
RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', i.status, i.blocks, i.transfers, i.deposits, i.tip_number, i.final_number)
    FROM usdtpay.chain_ingest(p_network, pg_temp.blocks(p_from, p_to, p_logs, p_fork, p_below), sim.place(p_logs)::text, p_mode) AS i
$$;

-- what is refused
SELECT sim.refuses(format('SELECT usdtpay.chain_ingest(%s)', a), b, format('chain_ingest(%s) is refused with %s', left(a, 50), b))
FROM (VALUES
    ('NULL, ''[]'', ''[]''', 'UP200'), ('''nope'', ''[]'', ''[]''', 'UP200'), ('''dev'', NULL, ''[]''', 'UP000'), ('''dev'', ''[]'', ''[]''', 'UP400'),
    ('''dev'', '''', ''[]''', 'UP400'), ('''dev'', ''{'', ''[]''', 'UP400'), ('''dev'', repeat(''['', 100000), ''[]''', 'UP400'),
    ('''dev'', ' || quote_literal(pg_temp.blocks(1, 1)) || ', NULL', 'UP000'), ('''dev'', ' || quote_literal(pg_temp.blocks(1, 1)) || ', ''{}''', 'UP400'),
    ('''dev'', ' || quote_literal(pg_temp.blocks(1, 1)) || ', ''[]'', ''newest''', 'UP000'), ('''dev'', ' || quote_literal(pg_temp.blocks(1, 1)) || ', ''[]'', NULL', 'UP000'),
    ('''dev'', ' || quote_literal(pg_temp.blocks(1, 1)) || ', ''[]'', ''final''', 'UP403'), ('''dev'', ' || quote_literal(pg_temp.blocks(1, 1)) || ', ''[]'', ''rescan''', 'UP403')
) AS v (a, b);
SELECT sim.refuses(format('SELECT usdtpay.chain_ingest(''dev'', %L, ''[]'')', jsonb_build_array(sim.block(1), sim.block(3))::text), 'UP401', 'blocks with a hole are refused');
SELECT sim.refuses(format('SELECT usdtpay.chain_ingest(''dev'', %L, ''[]'')', jsonb_build_array(sim.block(1), sim.block(2, 'b'))::text), 'UP401', 'and blocks that do not link');

-- tip
SELECT is(pg_temp.ingest('tip', 1000, 1002), 'ok 3 0 0 1002 999', 'the first run sets the tip, and final just below it');
SELECT is(pg_temp.ingest('tip', 1000, 1002), 'known 3 0 0 1002 999', 'the same run again is known');
SELECT is(pg_temp.ingest('tip', 1001, 1001), 'known 1 0 0 1002 999', 'a part of it too');
SELECT is(pg_temp.ingest('tip', 1002, 1004), 'ok 3 0 0 1004 999', 'a run may begin with what is known');
SELECT sim.refuses('SELECT pg_temp.ingest(''tip'', 1006, 1007)', 'UP403', 'but not leave a gap');
SELECT is(pg_temp.ingest('tip', 1005, 1005, '[]', 'b', 'b'), 'reorg 1 0 0 1004 999', 'a block on another parent is a reorganisation, which changes nothing');
SELECT is(pg_temp.ingest('tip', 1003, 1006, '[]', 'b', 'a'), 'reorg 4 0 0 1004 999', 'so is a run that contradicts what we hold');
SELECT is(pg_temp.ingest('tip', 1003, 1003, '[]', 'b', 'a'), 'reorg 1 0 0 1004 999', 'or one block of it');
SELECT is((SELECT count(*)::integer FROM usdtpay.chain_block WHERE canonical), 5, 'headers are kept');
SELECT is((SELECT tip_time FROM usdtpay.chain_cursor), sim.time(1004), 'the clock is the tip''s');

-- rewind
SELECT sim.refuses(format('SELECT usdtpay_internal.chain_rewind(%s)', a), b, format('chain_rewind(%s) is refused with %s', left(a, 40), b))
FROM (VALUES ('''nope'', 1, sim.hash(''a'', 1)', 'UP200'), ('''dev'', 1003, sim.hash(''b'', 1003)', 'UP403'), ('''dev'', 1005, sim.hash(''a'', 1005)', 'UP403'),
    ('''dev'', NULL, NULL', 'UP403'), ('''dev'', 1003, NULL', 'UP403'), ('NULL, 1003, sim.hash(''a'', 1003)', 'UP200')) AS v (a, b);
SELECT is(sim.rewind(1004, p_fork => 'a'), 'ok', 'rewinding to the tip changes nothing');
SELECT is(pg_temp.cursor(), '1004 999', 'indeed');

-- reorganisations of several depths; deposits keep their identity
SELECT sim.buy('r1'), sim.buy('r2'), sim.buy('r3');
SELECT sim.addr('r1') AS r1, sim.addr('r2') AS r2, sim.addr('r3') AS r3 \gset
SELECT is(pg_temp.ingest('tip', 1005, 1008, jsonb_build_array(sim.transfer(1005, 0, :'r1', 10000000, 'r1'), sim.transfer(1007, 0, :'r2', 10000000, 'r2'), sim.transfer(1007, 4, :'r3', 10000000, 'r3'))),
    'ok 4 3 3 1008 999', 'three payments are seen');
SELECT sim.dep_id('r1') AS d1, sim.dep_id('r2') AS d2, sim.dep_id('r3') AS d3 \gset
SELECT is(sim.rewind(1006, p_fork => 'a'), 'ok', 'two blocks go');
SELECT is(sim.dep('r1') || ', ' || sim.dep('r2'), 'seen matched 10, orphaned matched 10', 'what was below stays');
SELECT is((SELECT array_agg(number ORDER BY number) FROM usdtpay.chain_block WHERE NOT canonical), ARRAY[1007, 1008]::bigint[], 'orphaned headers stay, marked');
SELECT is(pg_temp.ingest('tip', 1007, 1009, jsonb_build_array(sim.transfer(1007, 2, :'r3', 9000000, 'r3', 'b'), sim.transfer(1009, 9, :'r2', 10000000, 'r2', 'b')), 'b', 'a'),
    'ok 3 2 2 1009 999', 'they come again in other blocks, at other places, one with another amount');
SELECT row_eq(format('SELECT state, block_number, log_index, block_hash FROM usdtpay.deposit WHERE deposit_id = %s', :d2), ROW('seen'::usdtpay.deposit_state, 1009::bigint, 9, sim.hash('b', 1009)), 'the deposit is the same row, at its new place');
SELECT row_eq(format('SELECT state, amount, log_index FROM usdtpay.deposit WHERE deposit_id = %s', :d3), ROW('seen'::usdtpay.deposit_state, 9000000::bigint, 2), 'with what the new block says');
SELECT is(sim.order('r2') || ', ' || sim.order('r3'), 'confirming 10/10/0, partially_paid 10/9/0', 'and its order follows');
SELECT is(sim.rewind(1004, p_fork => 'a'), 'ok', 'a deeper reorganisation');
SELECT is(sim.order('r1') || ', ' || sim.order('r2') || ', ' || sim.order('r3'), 'pending 10/0/0, pending 10/0/0, pending 10/0/0', 'takes all of it');
-- the same identity with another recipient
SELECT is(pg_temp.ingest('tip', 1005, 1006, jsonb_build_array(sim.transfer(1005, 0, :'r3', 10000000, 'r1', 'c')), 'c', 'a'), 'ok 2 1 1 1006 999', 'a transaction whose outcome differs on the new fork');
SELECT is(sim.order('r1') || ', ' || sim.order('r3'), 'pending 10/0/0, confirming 10/10/0', 'pays another order');
SELECT is(sim.dep_id('r1'), :d1::bigint, 'and is the same deposit');
-- double reorganisation back to the first fork
SELECT sim.rewind(1004, p_fork => 'a') \gset quiet_
SELECT is(pg_temp.ingest('tip', 1005, 1008, jsonb_build_array(sim.transfer(1005, 0, :'r1', 10000000, 'r1'), sim.transfer(1007, 0, :'r2', 10000000, 'r2'), sim.transfer(1007, 4, :'r3', 10000000, 'r3'))),
    'ok 4 3 3 1008 999', 'back to the first fork');
SELECT is((SELECT array_agg(number ORDER BY number) FROM usdtpay.chain_block WHERE canonical AND number > 1004 AND hash = sim.hash('a', number)), ARRAY[1005, 1006, 1007, 1008]::bigint[], 'its headers are canonical again');
SELECT is((SELECT array_agg(deposit_id ORDER BY deposit_id) FROM usdtpay.deposit WHERE state = 'seen'), ARRAY[:d1, :d2, :d3]::bigint[], 'with the same three deposits');
SELECT sim.sound();

-- second look
CREATE TEMP TABLE log AS SELECT sim.transfer(1005, 0, :'r1', 10000000, 'r1') AS a, sim.transfer(1007, 0, :'r2', 10000000, 'r2') AS b, sim.transfer(1007, 4, :'r3', 10000000, 'r3') AS c;
SELECT is(sim.finalize(1008, (SELECT jsonb_build_array(a, b) FROM log)), 'disagree', 'a second look that lacks a deposit disagrees');
SELECT is(sim.finalize(1008, (SELECT jsonb_build_array(a, b, sim.transfer(1007, 4, :'r3', 10000001, 'r3')) FROM log)), 'disagree', 'so does another amount');
SELECT is(sim.finalize(1008, (SELECT jsonb_build_array(a, b, sim.transfer(1007, 4, :'r2', 10000000, 'r3')) FROM log)), 'disagree', 'another recipient');
SELECT is(sim.finalize(1008, (SELECT jsonb_build_array(a, b, sim.transfer(1007, 4, :'r3', 10000000, 'x')) FROM log)), 'disagree', 'another transaction');
SELECT is(sim.finalize(1008, (SELECT jsonb_build_array(a, b, c) FROM log), 'b'), 'disagree', 'a last block we do not hold');
SELECT is(pg_temp.ingest('final', 1000, 1008, (SELECT jsonb_build_array(a, b) FROM log)), 'disagree 9 2 0 1008 999', 'with all headers just the same');
SELECT is((SELECT count(*)::integer FROM usdtpay.posting), 0, 'none of that credited anything');
SELECT is((SELECT count(*)::integer FROM usdtpay.deposit WHERE state = 'seen'), 3, 'or lost anything');
SELECT sim.refuses(format('SELECT pg_temp.ingest(''final'', %s)', a), 'UP403', format('a second look at %s does not continue', a)) FROM unnest(ARRAY['1001, 1003', '1009, 1009', '999, 999', '998, 1001', '1000, 1009']) AS a;
SELECT sim.refuses($$SELECT sim.finalize(1008, jsonb_build_array(sim.transfer(1005, 0, sim.addr('r1'), 10000000, 'r1', 'b')))$$, 'UP400', 'a log of a block we do not hold is refused');
SELECT is(pg_temp.ingest('final', 1000, 1006, (SELECT jsonb_build_array(a) FROM log)), 'ok 7 1 0 1008 1006', 'in two steps, the first with all headers');
SELECT is(sim.order('r1') || ', ' || sim.order('r2'), 'paid 10/10/10, confirming 10/10/0', 'only what is final pays');
SELECT is(sim.finalize(1008, (SELECT jsonb_build_array(b, sim.transfer(1007, 2, :'r2', 500000, 'extra'), c) FROM log)), 'more', 'a second look that has more is one node''s word');
SELECT is(sim.dep('extra') || ', ' || (SELECT final_number FROM usdtpay.chain_cursor), 'seen matched 0.5, 1006', 'which is kept, but credits nothing');
SELECT is(sim.finalize(1008, (SELECT jsonb_build_array(b, c) FROM log)), 'disagree', 'a node that does not know of it does not confirm');
SELECT is(sim.finalize(1008, (SELECT jsonb_build_array(b, sim.transfer(1007, 2, :'r2', 500001, 'extra'), c) FROM log)), 'disagree', 'nor one that tells another amount');
SELECT is(sim.finalize(1008, (SELECT jsonb_build_array(b, sim.transfer(1007, 2, :'r2', 500000, 'extra'), c) FROM log)), 'ok', 'one that tells the same does');
SELECT is(sim.dep('extra') || ', ' || sim.order('r2') || ', ' || sim.order('r3'), 'final matched 0.5, paid 10/10.5/10.5 overpaid,multiple, paid 10/10/10', 'it is recorded and credited');
SELECT sim.sound();

-- rescan
SELECT is(pg_temp.ingest('rescan', 1005, 1007, (SELECT jsonb_build_array(a, b, sim.transfer(1007, 2, :'r2', 500000, 'extra'), c) FROM log)), 'ok 3 4 0 1008 1008', 'a rescan of what is known changes nothing');
SELECT is(pg_temp.ingest('rescan', 1005, 1005, '[]'), 'ok 1 0 0 1008 1008', 'nor does one that sees less');
SELECT is(pg_temp.ingest('peek', 1005, 1007, (SELECT jsonb_build_array(a, b, sim.transfer(1007, 2, :'r2', 500000, 'extra'), c) FROM log)), 'known 3 4 0 1008 1008', 'a peek says that nothing is missing');
SELECT matches(pg_temp.ingest('peek', 1006, 1006, jsonb_build_array(sim.transfer(1006, 1, :'r1', 250000, 'missed'))), '^news [0-9a-f]{64} 1 1 0 1008 1008$', 'or gives a digest of what is');
SELECT isnt(pg_temp.ingest('peek', 1006, 1006, jsonb_build_array(sim.transfer(1006, 1, :'r1', 250001, 'missed'))), pg_temp.ingest('peek', 1006, 1006, jsonb_build_array(sim.transfer(1006, 1, :'r1', 250000, 'missed'))), 'in which every amount counts');
SELECT is(sim.dep('missed'), NULL, 'and changes nothing');
SELECT is(pg_temp.ingest('rescan', 1006, 1006, jsonb_build_array(sim.transfer(1006, 1, :'r1', 250000, 'missed'))), 'ok 1 1 1 1008 1008', 'a missed deposit is found');
SELECT is(sim.dep('missed'), 'final matched 0.25', 'and credited');
SELECT is(pg_temp.ingest('rescan', 1006, 1006, jsonb_build_array(sim.transfer(1006, 1, :'r1', 250000, 'missed'))), 'ok 1 1 0 1008 1008', 'once');
SELECT is(pg_temp.ingest('rescan', 1006, 1006, jsonb_build_array(sim.transfer(1006, 1, :'r1', 250001, 'missed'))), 'ok 1 1 0 1008 1008', 'a final deposit never changes');
SELECT is((SELECT amount FROM usdtpay.deposit WHERE deposit_id = sim.dep_id('missed')), 250000::bigint, 'indeed');
SELECT is(pg_temp.ingest('rescan', 1006, 1006, '[]', 'b', 'a'), 'disagree 1 0 0 1008 1008', 'a rescan of other blocks disagrees');
SELECT sim.refuses('SELECT pg_temp.ingest(''rescan'', 1008, 1009)', 'UP403', 'and looks at final blocks only');
SELECT is(pg_temp.ingest('rescan', 500, 501, jsonb_build_array(sim.transfer(500, 0, :'r3', 125000, 'old'))), 'ok 2 1 1 1008 1008', 'blocks from before the start can be scanned as well');
SELECT is(sim.dep('old'), 'final matched 0.125', 'and credit');
SELECT sim.sound();

-- what the issuer does
CREATE FUNCTION pg_temp.control(p_number bigint, p_index integer, p_topic text, p_data text, p_tx text, p_fork text DEFAULT 'a') RETURNS jsonb LANGUAGE sql AS $$
    SELECT sim.transfer(p_number, p_index, '0x0000000000000000000000000000000000000000', 0, p_tx, p_fork) || jsonb_build_object('topics', jsonb_build_array(p_topic), 'data', p_data)
$$;
CREATE FUNCTION pg_temp.word(p_address text) RETURNS text LANGUAGE sql AS $$ SELECT repeat('0', 24) || lower(substr(p_address, 3)) $$;
SELECT is(pg_temp.ingest('tip', 1009, 1009, jsonb_build_array(
    pg_temp.control(1009, 0, '0x42e160154868087d6bfdc0ca23d96a1c1cfa32f1b72ba9ba27b69b98a0d819dc', '0x' || pg_temp.word(:'r1'), 'bl1'),
    pg_temp.control(1009, 1, '0x42e160154868087d6bfdc0ca23d96a1c1cfa32f1b72ba9ba27b69b98a0d819dc', '0x' || repeat('0', 24) || repeat('f', 40), 'bl2'),
    pg_temp.control(1009, 2, '0x6985a02210a168e66602d3235cb6db0e70f92b3ba4d376a33c0f3d9434bff625', '0x', 'pause'),
    pg_temp.control(1009, 3, '0x61e6e66b0d6339b2980aecc6ccc0039736791f0ccde9ed512e789a7fbdd698c6', '0x' || pg_temp.word(:'r2') || lpad(to_hex(10000000), 64, '0'), 'destroy'))),
    'ok 1 0 0 1009 1008', 'control events are no transfers');
SELECT is((SELECT count(*)::integer FROM usdtpay.issuer_event WHERE canonical), 4, 'all are stored');
SELECT set_eq('SELECT kind, address FROM usdtpay.issuer_alert', format('VALUES (''added_blacklist'', %L), (''pause'', NULL), (''destroyed_funds'', %L)', :'r1', :'r2'), 'those that touch us are shown');
SELECT is((SELECT amount_raw FROM usdtpay.issuer_alert WHERE kind = 'destroyed_funds'), 10000000::numeric, 'with the amount');
SELECT is(sim.rewind(1008, p_fork => 'a'), 'ok', 'a reorganisation');
SELECT is_empty('SELECT FROM usdtpay.issuer_alert', 'takes them back');
SELECT is(pg_temp.ingest('tip', 1009, 1010, jsonb_build_array(pg_temp.control(1010, 0, '0x6985a02210a168e66602d3235cb6db0e70f92b3ba4d376a33c0f3d9434bff625', '0x', 'pause', 'd')), 'd', 'a'), 'ok 2 0 0 1010 1008', 'another fork');
SELECT is((SELECT string_agg(kind || ' ' || block_number, ',') FROM usdtpay.issuer_alert), 'pause 1010', 'has its own');
SELECT is(sim.finalize(1010, jsonb_build_array(pg_temp.control(1010, 0, '0x6985a02210a168e66602d3235cb6db0e70f92b3ba4d376a33c0f3d9434bff625', '0x', 'pause', 'd')), 'd'), 'ok', 'the second look');
SELECT is((SELECT count(*)::integer FROM usdtpay.issuer_alert), 1, 'tells nothing twice');
-- a second look that disagrees stores nothing, not even a control event
SELECT pg_temp.ingest('tip', 1011, 1011, jsonb_build_array(sim.transfer(1011, 0, :'r1', 20000, 'late1', 'd')), 'd') \gset quiet_
SELECT is(sim.finalize(1011, jsonb_build_array(pg_temp.control(1011, 0, '0x7805862f689e2f13df9f062ff482ad3ad112aca9e0847911ed832e158c525b33', '0x', 'unpause', 'd')), 'd'), 'disagree', 'a liar');
SELECT is((SELECT count(*)::integer FROM usdtpay.issuer_event WHERE kind = 'unpause'), 0, 'is not believed about the issuer');
SELECT is(sim.finalize(1011, jsonb_build_array(sim.transfer(1011, 0, :'r1', 20000, 'late1', 'd')), 'd'), 'ok', 'the truth is');

-- a reorganisation below final
SELECT is(usdtpay_internal.chain_rewind('dev', 1009, sim.hash('d', 1009)), 'halted', 'a reorganisation below final halts the network');
SELECT is(pg_temp.cursor(), '1011 1011 halted', 'and moves nothing');
SELECT sim.refuses(format('SELECT pg_temp.ingest(%L, 1012, 1012, ''[]'', ''d'')', m), 'UP402', format('a halted network ingests nothing (%s)', m)) FROM unnest(ARRAY['tip', 'final', 'rescan']) AS m;
SELECT sim.refuses(format('SELECT usdtpay.network_resume(%s)', a), b, format('network_resume(%s) is refused with %s', a, b))
FROM (VALUES ('''nope'', ''r''', 'UP200'), ('''dev'', NULL', 'UP000'), ('''dev'', '' ''', 'UP000'), ('''dev'', ''r'', 1', 'UP000'), ('''dev'', ''r'', 1, ''\x00''', 'UP000'),
    ('''dev'', ''r'', 2000, sim.hash(''d'', 2000)', 'UP000'), ('''dev'', ''r'', -1, sim.hash(''d'', 1)', 'UP000')) AS v (a, b);
SELECT lives_ok('SELECT usdtpay.network_resume(''dev'', ''the node was wrong'')', 'a person lets it go on');
SELECT sim.refuses('SELECT usdtpay.network_resume(''dev'', ''again'')', 'UP201', 'once');
SELECT is(pg_temp.ingest('tip', 1012, 1013, jsonb_build_array(sim.transfer(1012, 0, :'r1', 30000, 'x1', 'd')), 'd'), 'ok 2 1 1 1013 1011', 'the network goes on');
SELECT is(usdtpay_internal.chain_rewind('dev', 1011, sim.hash('e', 1011)), 'halted', 'the final block itself with another hash halts too');
SELECT is(usdtpay_internal.chain_rewind('dev', 1010, sim.hash('d', 1010)), 'halted', 'repeating it is harmless');
SELECT is((SELECT halt_reason FROM usdtpay.chain_cursor), 'reorganisation below final: ancestor 1011, final 1011', 'the first reason stays');
SELECT lives_ok('SELECT usdtpay.network_resume(''dev'', ''the chain was rewritten'', 1010, sim.hash(''d'', 1010))', 'after a real one scanning continues from the ancestor');
SELECT is(pg_temp.cursor(), '1010 1010', 'both cursors stand there');
SELECT is(sim.dep('x1') || ', ' || sim.dep('late1'), 'orphaned matched 0.03, final matched 0.02', 'what was not final is orphaned, credits stay');
SELECT is(pg_temp.ingest('tip', 1011, 1012, jsonb_build_array(sim.transfer(1011, 0, :'r1', 30000, 'x1', 'e'), sim.transfer(1012, 0, :'r1', 20000, 'late1', 'e')), 'e', 'd'), 'ok 2 2 1 1012 1010', 'the new chain has both again');
SELECT is(sim.finalize(1012, jsonb_build_array(sim.transfer(1011, 0, :'r1', 30000, 'x1', 'e'), sim.transfer(1012, 0, :'r1', 20000, 'late1', 'e')), 'e'), 'ok', 'which becomes final');
SELECT is(sim.dep('x1') || ', ' || sim.dep('late1'), 'final matched 0.03, final matched 0.02', 'nothing is credited twice');
SELECT is((SELECT count(*)::integer FROM usdtpay.posting WHERE key = 'deposit:' || sim.dep_id('late1')), 1, 'really');
SELECT is((SELECT block_hash FROM usdtpay.deposit WHERE deposit_id = sim.dep_id('late1')), sim.hash('e', 1012), 'the credited deposit knows its new block');
SELECT sim.sound();

-- a long chain of blocks in one run, and one of a hundred transfers
SELECT usdtpay.network_define('long', 'evm', 31399, '0x00000000000000000000000000000000000000aa', 6, p_header_check => 'none');
UPDATE usdtpay.network SET enabled = true WHERE code = 'long';
SELECT is(sim.grow((SELECT array_agg(sim.send(:'r1', 1000 * i, 'long' || i) ORDER BY i) FROM generate_series(1, 100) AS i), 100, 'long'), 'ok', 'a hundred transfers in a hundred blocks');
SELECT is((SELECT count(*) || ' ' || sum(amount) FROM usdtpay.deposit AS d JOIN usdtpay.network AS n USING (network_id) WHERE n.code = 'long'), '100 5050000', 'are all there');
SELECT is(sim.settle('long'), 'ok', 'and become final');
SELECT sim.sound();

-- recorded mainnet blocks (test/vectors/evm_chain/SOURCE.md): every USDT transfer of seven blocks
\set csv `cat test/vectors/evm_chain/usdt_transfers.csv`
\set h1 `cat test/vectors/evm_chain/header_14764013.json`
\set h2 `cat test/vectors/evm_chain/header_15537393.json`
\set h3 `cat test/vectors/evm_chain/header_15547621.json`
\set h4 `cat test/vectors/evm_chain/header_17034869.json`
\set h5 `cat test/vectors/evm_chain/header_17034870.json`
\set h6 `cat test/vectors/evm_chain/header_17062257.json`
\set h7 `cat test/vectors/evm_chain/header_22431083.json`
\set l1 `cat test/vectors/evm_chain/usdt_logs_14764013.json`
\set l2 `cat test/vectors/evm_chain/usdt_logs_15537393.json`
\set l3 `cat test/vectors/evm_chain/usdt_logs_15547621.json`
\set l4 `cat test/vectors/evm_chain/usdt_logs_17034869.json`
\set l5 `cat test/vectors/evm_chain/usdt_logs_17034870.json`
\set l6 `cat test/vectors/evm_chain/usdt_logs_17062257.json`
\set l7 `cat test/vectors/evm_chain/usdt_logs_22431083.json`
CREATE TEMP TABLE real AS
SELECT f[1]::bigint AS number, to_timestamp(f[2]::bigint) AS at, f[4]::integer AS log_index, decode(substr(f[5], 3), 'hex') AS tx, f[6] AS sender, f[7] AS recipient, f[8]::numeric AS amount
FROM regexp_split_to_table(:'csv', E'\r?\n') WITH ORDINALITY AS t (line, n), LATERAL (SELECT string_to_array(line, ',') AS f) AS x
WHERE n > 1 AND line <> '';
SELECT is((SELECT count(*) || ' ' || sum(amount) / 1000000 FROM real), '175 1413848.885237000000', 'the record holds 175 transfers of 1413848.885237 USDT');
CREATE TEMP TABLE answer (network text, headers text, logs text);
INSERT INTO answer VALUES ('m1', '[' || :'h1' || ']', :'l1'), ('m2', '[' || :'h2' || ']', :'l2'), ('m3', '[' || :'h3' || ']', :'l3'),
    ('m4', '[' || :'h4' || ',' || :'h5' || ']', (:'l4'::jsonb || :'l5'::jsonb)::text), ('m6', '[' || :'h6' || ']', :'l6'), ('m7', '[' || :'h7' || ']', :'l7');
SELECT usdtpay.network_define(network, 'evm', 1, '0xdAC17F958D2ee523a2206206994597C13D831ec7', 6, p_header_check => 'keccak') FROM answer;
UPDATE usdtpay.network SET enabled = true WHERE header_check = 'keccak';
SELECT usdtpay.merchant_create('real', 'Real');
SELECT usdtpay.merchant_set(p_min_deposit => 0, p_party => 'real');
SELECT usdtpay.wallet_add('real', 'pool', 'evm', p_addresses => (SELECT array_agg(DISTINCT recipient) FROM real), p_party => 'real');
SELECT is(i.status, 'ok', format('%s: real blocks with their hashes recomputed', a.network)) FROM answer AS a, LATERAL usdtpay.chain_ingest(a.network, a.headers, a.logs) AS i;
SELECT set_eq($$SELECT d.block_number, d.block_time, d.log_index, d.tx_hash, usdtpay.address_text('evm', d.sender) AS sender, usdtpay.address_text('evm', d.recipient) AS recipient, d.amount_raw
    FROM usdtpay.deposit AS d JOIN usdtpay.network AS n USING (network_id) WHERE n.header_check = 'keccak'$$,
    $$SELECT number, at, log_index, tx, sender, recipient, amount FROM real WHERE amount > 0$$, 'every transfer became a deposit, to the last digit');
SELECT is(i.status, 'ok', format('%s: and become final', a.network)) FROM answer AS a, LATERAL usdtpay.chain_ingest(a.network, a.headers, a.logs, 'final') AS i;
SELECT is((SELECT count(*) || ' ' || sum(amount) FROM usdtpay.deposit AS d JOIN usdtpay.network AS n USING (network_id) WHERE n.header_check = 'keccak' AND d.state = 'final' AND d.journal_id IS NOT NULL),
    (SELECT count(*) || ' ' || sum(amount) FROM real WHERE amount > 0), 'every one is credited');
SELECT is(sim.bal('received', 'real'), 1413848.885237, 'the books say what the chain says');
SELECT is(i.status || i.deposits, 'ok0', format('%s: a rescan changes nothing', a.network)) FROM answer AS a, LATERAL usdtpay.chain_ingest(a.network, a.headers, a.logs, 'rescan') AS i;
SELECT sim.refuses(format('SELECT usdtpay.chain_ingest(%L, %L, %L, ''rescan'')', a.network, replace(a.headers, '"gasUsed":"0x', '"gasUsed":"0x1'), a.logs), 'UP400', format('%s: a forged header is refused', a.network)) FROM answer AS a;
SELECT sim.refuses(format('SELECT usdtpay.chain_ingest(%L, %L, ''[]'', ''rescan'')', a.network, a.headers), 'UP404', format('%s: an answer without the logs its bloom promises is refused', a.network)) FROM answer AS a WHERE a.logs <> '[]';
SELECT sim.sound();

-- TRON (test/vectors/tron_chain/SOURCE.md): a recorded block with its transactions, and twenty headers in a row
\set tron `cat test/vectors/tron_chain/transactions_79072107_sample.json`
\set infos `cat test/vectors/tron_chain/infos_79072107_made.json`
\set headers `cat test/vectors/tron_chain/blocks_79707076.json`
SELECT usdtpay.network_define('t1', 'tron', 728126428, 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t', 6), usdtpay.network_define('t2', 'tron', 728126428, 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t', 6);
UPDATE usdtpay.network SET enabled = true WHERE code IN ('t1', 't2');
CREATE TEMP TABLE tron AS SELECT * FROM usdtpay.tron_transfers(:'infos', 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t');
SELECT is((SELECT count(*) || ' ' || sum(amount_raw) FROM tron), '43 69753336127', 'the made infos hold 43 transfers of 69753.336127 USDT');
SELECT usdtpay.wallet_add('tron', 'pool', 'tron', p_addresses => (SELECT array_agg(DISTINCT recipient) FROM tron), p_party => 'real');
CREATE TEMP TABLE tron_answer AS SELECT '[' || :'tron' || ']' AS headers, '[' || :'infos' || ']' AS logs;
SELECT row_eq('SELECT i.status, i.blocks, i.transfers, i.deposits, i.tip_number, i.final_number FROM tron_answer AS a, usdtpay.chain_ingest(''t1'', a.headers, a.logs) AS i', ROW('ok'::text, 1, 43, 43, 79072107::bigint, 79072106::bigint), 'a TRON block with its infos');
SELECT set_eq($$SELECT d.block_number, d.log_index, d.tx_hash, usdtpay.address_text('tron', d.sender) AS sender, usdtpay.address_text('tron', d.recipient) AS recipient, d.amount_raw
    FROM usdtpay.deposit AS d JOIN usdtpay.network AS n USING (network_id) WHERE n.code = 't1'$$, 'SELECT block_number, log_index, tx_hash, sender, recipient, amount_raw FROM tron', 'every transfer became a deposit');
SELECT is(i.status, 'ok', 'the second look') FROM tron_answer AS a, LATERAL usdtpay.chain_ingest('t1', a.headers, a.logs, 'final') AS i;
SELECT is((SELECT count(*) || ' ' || sum(amount) FROM usdtpay.deposit AS d JOIN usdtpay.network AS n USING (network_id) WHERE n.code = 't1' AND d.state = 'final' AND d.journal_id IS NOT NULL), '43 69753336127', 'credits all of it');
SELECT is((SELECT balance FROM usdtpay.balance('real') WHERE account = 'self:t1'), -69753.336127, 'on TRON''s books');
SELECT is(i.status || i.deposits, 'ok0', 'a rescan changes nothing') FROM tron_answer AS a, LATERAL usdtpay.chain_ingest('t1', a.headers, a.logs, 'rescan') AS i;
SELECT sim.refuses(format('SELECT usdtpay.chain_ingest(''t1'', %L, %L, ''rescan'')', replace(a.headers, '"version": 32', '"version": 31'), replace(a.logs, 'SUCCESS', 'SUCCES')), 'UP400', 'a garbled answer is refused') FROM tron_answer AS a;
-- the run of headers: ids are recomputed, links checked
SELECT is((usdtpay.chain_ingest('t2', jsonb_path_query_array(:'headers', '$[0 to 9]')::text, '[[],[],[],[],[],[],[],[],[],[]]')).status, 'ok', 'ten recorded headers link');
SELECT is((usdtpay.chain_ingest('t2', jsonb_path_query_array(:'headers', '$[5 to 19]')::text, '[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]')).tip_number, 79707095::bigint, 'and ten more, with five known ones before');
SELECT is((usdtpay.chain_ingest('t2', jsonb_path_query_array(:'headers', '$[0 to 19]')::text, '[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]')).status, 'known', 'then all are known');
SELECT sim.refuses(format('SELECT usdtpay.chain_ingest(''t2'', %L, ''[[]]'')', jsonb_build_array(jsonb_set(:'headers'::jsonb -> 0, '{block_header,raw_data,timestamp}', '1'))::text), 'UP400', 'a header that is not the one its id names is refused');
SELECT sim.refuses(format('SELECT usdtpay.chain_ingest(''t2'', %L, ''[[],[]]'')', jsonb_build_array(:'headers'::jsonb -> 0, :'headers'::jsonb -> 2)::text), 'UP401', 'and a run with a hole');
SELECT is(usdtpay_internal.chain_rewind('t2', 79707085, decode(:'headers'::jsonb -> 9 ->> 'blockID', 'hex')), 'ok', 'TRON is rewound like any chain');
SELECT is((usdtpay.chain_ingest('t2', jsonb_path_query_array(:'headers', '$[10 to 19]')::text, '{"logs": []}')).status, 'ok', 'and grows again, by what eth_getLogs tells');
SELECT sim.refuses(format('SELECT usdtpay.chain_ingest(''t2'', %L, E''\n {"logs": []}'', ''final'')', jsonb_path_query_array(:'headers', '$[0 to 9]')), 'UP400', 'which never credits');
SELECT is((usdtpay.chain_ingest('t2', jsonb_path_query_array(:'headers', '$[0 to 9]')::text, '[[],[],[],[],[],[],[],[],[],[]]', 'final')).final_number, 79707085::bigint, 'infos do');
SELECT sim.refuses(format('SELECT usdtpay.chain_ingest(''t2'', %L, ''{"logs": []}'', ''rescan'')', jsonb_path_query_array(:'headers', '$[0 to 9]')), 'UP400', 'nor do logs in a rescan');
SELECT is((usdtpay.chain_ingest('t2', jsonb_path_query_array(:'headers', '$[0 to 9]')::text, '{"logs": []}', 'peek')).status, 'known', 'they may tell of something');
SELECT sim.sound();

SELECT * FROM finish();
ROLLBACK;
