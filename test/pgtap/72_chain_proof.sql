-- Logs proven from receipts: what chain_ingest's mode proof puts right, and what it refuses.
BEGIN;
SELECT no_plan();
\ir lib/chain.sql
\ir lib/order.sql
SELECT usdtpay.roles_setup();
SELECT sim.setup();

-- the receipts of one block: a receipt for each of its transactions, with the logs as they stand
CREATE FUNCTION pg_temp.receipts(p_number bigint, p_logs jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'type', '0x2', 'status', '0x1', 'cumulativeGasUsed', sim.quantity(21000 * n), 'logsBloom', '0x' || repeat('0', 512),
        'transactionHash', t.tx, 'logs', (SELECT jsonb_agg(l) FROM jsonb_array_elements(sim.place(p_logs)) AS l WHERE l ->> 'transactionHash' = t.tx)
    ) ORDER BY n), '[]')
    FROM jsonb_array_elements_text(sim.txs(p_logs, p_number)) WITH ORDINALITY AS t (tx, n)
$$;
-- blocks p_from..p_to as their own logs make them: transactions and receiptsRoot
CREATE FUNCTION pg_temp.blocks(p_from bigint, p_to bigint, p_logs jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT jsonb_agg(sim.block(n) || jsonb_build_object(
        'transactions', sim.txs(p_logs, n), 'receiptsRoot', sim.hex(usdtpay.evm_receipts_root(pg_temp.receipts(n, p_logs)::text))
    ) ORDER BY n)::text
    FROM generate_series(p_from, p_to) AS n
$$;
CREATE FUNCTION pg_temp.all_receipts(p_from bigint, p_to bigint, p_logs jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT jsonb_agg(pg_temp.receipts(n, p_logs) ORDER BY n)::text FROM generate_series(p_from, p_to) AS n
$$;
-- blocks made of p_logs, proven with receipts of p_logs
CREATE FUNCTION pg_temp.prove(p_from bigint, p_to bigint, p_logs jsonb DEFAULT '[]') RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', i.status, i.blocks, i.transfers, i.deposits, i.tip_number, i.final_number)
    FROM usdtpay.chain_ingest('dev', pg_temp.blocks(p_from, p_to, p_logs), pg_temp.all_receipts(p_from, p_to, p_logs), 'proof') AS i
$$;

SELECT is(sim.mine(1000, 1000) || ' ' || sim.finalize(1000), 'ok ok', 'a first block');
SELECT usdtpay.deposit_address('ann', 'dev', 'shop') AS ann \gset
SELECT usdtpay.deposit_address('bob', 'dev', 'shop') AS bob \gset
CREATE TEMP TABLE truth AS SELECT
    jsonb_build_array(sim.transfer(1001, 0, :'ann', 5000000, 'a'), sim.transfer(1001, 1, :'bob', 7000000, 'b'), sim.transfer(1003, 0, :'ann', 9000000, 'c')) AS logs;

-- what we hold is true
SELECT is(sim.mine(1001, 1003, logs), 'ok', 'three payments are seen') FROM truth;
SELECT is(pg_temp.prove(1001, 1002, (SELECT jsonb_path_query_array(logs, '$[0 to 1]') FROM truth)), 'ok 2 2 0 1003 1002', 'a proof of what we hold credits it');
SELECT is(sim.dep('a') || ' ' || sim.dep('b') || ' ' || sim.dep('c'), 'final matched 5 final matched 7 seen matched 9', 'up to its last block');

-- a lie about an amount, an invented payment, one left out
CREATE TEMP TABLE lie AS SELECT
    jsonb_build_array(sim.transfer(1004, 0, :'ann', 999000000, 'd'), sim.transfer(1004, 1, :'bob', 1000000, 'invented')) AS logs,
    jsonb_build_array(sim.transfer(1004, 0, :'ann', 1000000, 'd'), sim.transfer(1005, 0, :'bob', 2000000, 'e')) AS truth;
SELECT is(sim.mine(1004, 1006, logs), 'ok', 'a liar tells of two payments') FROM lie;
SELECT is(sim.finalize(1006, (truth.logs || lie.truth) - 0 - 0), 'disagree', 'another node contradicts') FROM lie, truth;
SELECT is(pg_temp.prove(1003, 1006, (truth.logs || lie.truth) - 0 - 0), 'amended 4 3 2 1006 1006', 'the proof puts it right') FROM lie, truth;
SELECT is(sim.dep('d') || ' ' || sim.dep('e') || ' ' || sim.dep('c') || ' ' || sim.dep('invented'), 'final matched 1 final matched 2 final matched 9 orphaned matched 1', 'true ones are final, the invented one is gone');
SELECT is((SELECT sum(amount)::bigint FROM usdtpay.deposit WHERE state = 'final'), 24000000::bigint, 'with their own amounts');
SELECT is(sim.bal('available', 'shop', 'ann') + sim.bal('available', 'shop', 'bob'), 24.0, 'and that is what was credited');
SELECT is(sim.events('deposit', sim.dep_id('invented')), 'deposit.seen deposit.orphaned', 'who was told of the invented one is told again');
SELECT sim.sound();

-- the issuer's events a liar told of
INSERT INTO usdtpay.issuer_event (network_id, tx_hash, log_index, block_hash, block_number, block_time, token_id, kind)
SELECT t.network_id, sim.hash('x', 0), 0, sim.hash('a', 1007), 1007, sim.time(1007), t.token_id, 'pause' FROM usdtpay.token AS t;
SELECT is(sim.mine(1007, 1007), 'ok', 'a block with a pause that nobody made');
SELECT is(pg_temp.prove(1007, 1007), 'ok 1 0 0 1007 1007', 'is proven to hold nothing');
SELECT is((SELECT canonical FROM usdtpay.issuer_event WHERE block_number = 1007), false, 'so the pause does not count');

-- what is refused
CREATE TEMP TABLE next AS SELECT jsonb_build_array(sim.transfer(1008, 0, :'ann', 3000000, 'n')) AS logs;
SELECT is(sim.mine(1008, 1009, logs), 'ok', 'a payment') FROM next;
CREATE FUNCTION pg_temp.refused(p_headers text, p_receipts text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM usdtpay.chain_ingest('dev', p_headers, p_receipts, 'proof');
    RETURN 'taken';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END;
$$;
CREATE TEMP TABLE good AS SELECT pg_temp.blocks(1008, 1009, logs) AS headers, pg_temp.all_receipts(1008, 1009, logs) AS receipts FROM next;
SELECT is(pg_temp.refused(headers, replace(receipts, to_hex(3000000), to_hex(3000001))), 'UP400 the receipts of a block do not hash to its receiptsRoot', 'forged receipts') FROM good;
SELECT is(pg_temp.refused(headers, '[[],[]]'), 'UP400 the receipts of a block do not hash to its receiptsRoot', 'receipts left out') FROM good;
SELECT is(pg_temp.refused(headers, '[[]]'), 'UP400 the receipts of a block do not hash to its receiptsRoot', 'a block left out') FROM good;
SELECT is(pg_temp.refused(headers, jsonb_build_array(receipts::jsonb -> 0)::text), 'UP400 there are blocks without receipts', 'the last block left out') FROM good;
SELECT is(pg_temp.refused(headers, (receipts::jsonb || '[[]]')::text), 'UP400 there are receipts without a block', 'receipts of one block too many') FROM good;
SELECT is(pg_temp.refused(headers, replace(receipts, encode(sha256('n'), 'hex'), repeat('1', 64))), 'UP400 a receipt is not of its block''s transaction', 'another transaction') FROM good;
SELECT is(pg_temp.refused(headers, x), 'UP400 ' || m, 'no receipts: ' || x)
FROM good, (VALUES ('', 'an array was expected'), ('null', 'an array was expected'), ('[null,[]]', 'an array was expected'), ('[[{}],[]]', 'a receipt has no proper transactionHash')) AS v (x, m);
SELECT is(pg_temp.refused(pg_temp.blocks(1009, 1009, logs), '[[]]'), 'UP403 the blocks do not continue the final cursor', 'a proof that skips a block') FROM next;
SELECT is(pg_temp.refused(pg_temp.blocks(1008, 1010, logs), '[[],[],[]]'), 'UP403 the blocks do not continue the final cursor', 'one beyond the tip') FROM next;
SELECT is(i.status, 'disagree', 'blocks that are not the ones we hold prove nothing, consistent as they may be')
FROM next, usdtpay.chain_ingest('dev', jsonb_build_array(sim.block(1008, 'b', 'a') || jsonb_build_object('receiptsRoot', sim.hex(usdtpay.evm_receipts_root('[]'))))::text, '[[]]', 'proof') AS i;
SELECT is(sim.dep('n'), 'seen matched 3', 'nothing changed');
SELECT is(pg_temp.prove(1008, 1009, logs), 'ok 2 1 0 1009 1009', 'the true proof is taken') FROM next;
SELECT usdtpay.network_define('tron', 'tron', 728126428, 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t', 6);
SELECT sim.sound();

-- recorded mainnet blocks (test/vectors/evm_chain/SOURCE.md): a liar at the tip, then the blocks' own receipts
\set csv `cat test/vectors/evm_chain/usdt_transfers.csv`
\set h4 `cat test/vectors/evm_chain/header_17034869.json`
\set h5 `cat test/vectors/evm_chain/header_17034870.json`
\set l4 `cat test/vectors/evm_chain/usdt_logs_17034869.json`
\set l5 `cat test/vectors/evm_chain/usdt_logs_17034870.json`
\set r4 `cat test/vectors/evm_chain/receipts_17034869.json`
\set r5 `cat test/vectors/evm_chain/receipts_17034870.json`
CREATE TEMP TABLE real AS
SELECT f[1]::bigint AS number, f[4]::integer AS log_index, decode(substr(f[5], 3), 'hex') AS tx, f[6] AS sender, f[7] AS recipient, f[8]::numeric AS amount
FROM regexp_split_to_table(:'csv', E'\r?\n') WITH ORDINALITY AS t (line, n), LATERAL (SELECT string_to_array(line, ',') AS f) AS x
WHERE n > 1 AND line <> '' AND f[1] IN ('17034869', '17034870');
CREATE TEMP TABLE answer AS SELECT '[' || :'h4' || ',' || :'h5' || ']' AS headers, :'l4'::jsonb || :'l5'::jsonb AS logs, '[' || :'r4' || ',' || :'r5' || ']' AS receipts;
SELECT usdtpay.network_define('main', 'evm', 1, '0xdAC17F958D2ee523a2206206994597C13D831ec7', 6);
UPDATE usdtpay.network SET enabled = true WHERE code = 'main';
SELECT usdtpay.merchant_create('real', 'Real');
SELECT usdtpay.merchant_set(p_min_deposit => 0, p_party => 'real');
SELECT usdtpay.wallet_add('real', 'pool', 'evm', p_addresses => (SELECT array_agg(DISTINCT recipient) FROM real), p_party => 'real');
SELECT is((SELECT count(*) FROM real), 22::bigint, 'two blocks with 22 transfers');
SELECT is(i.status, 'ok', 'the first of them left out, the amount of another changed')
FROM answer AS a, LATERAL usdtpay.chain_ingest('main', a.headers, replace((a.logs - 0)::text, a.logs -> 5 ->> 'data', '0x' || repeat('0', 55) || '123456789')) AS i;
SELECT is(i.status, 'disagree', 'which a second look notices') FROM answer AS a, LATERAL usdtpay.chain_ingest('main', a.headers, a.logs::text, 'final') AS i;
SELECT sim.refuses(format('SELECT usdtpay.chain_ingest(''main'', %L, %L, ''proof'')', replace(a.headers, '"gasUsed":"0x', '"gasUsed":"0x1'), a.receipts), 'UP400', 'a header that is not the block''s is refused') FROM answer AS a;
SELECT is(i.status, 'amended', 'the receipts put it right') FROM answer AS a, LATERAL usdtpay.chain_ingest('main', a.headers, a.receipts, 'proof') AS i;
SELECT set_eq($$SELECT d.block_number, d.log_index, d.tx_hash, usdtpay.address_text('evm', d.sender) AS sender, usdtpay.address_text('evm', d.recipient) AS recipient, d.amount_raw
    FROM usdtpay.deposit AS d JOIN usdtpay.network AS n USING (network_id) WHERE n.code = 'main' AND d.state = 'final'$$,
    $$SELECT number, log_index, tx, sender, recipient, amount FROM real WHERE amount > 0$$, 'every transfer is final, to the last digit');
SELECT is(sim.bal('received', 'real'), (SELECT sum(amount) / 1000000 FROM real), 'and credited');
SELECT sim.sound();

SELECT * FROM finish();
ROLLBACK;
