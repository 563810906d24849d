-- The invariants hold after real work, and each of them notices its own kind of damage.
BEGIN;
SELECT no_plan();
\ir lib/chain.sql
\ir lib/order.sql
SELECT usdtpay.roles_setup();
SELECT results_eq('SELECT code FROM usdtpay.invariants', ARRAY['I1', 'I2', 'I4', 'I6', 'I7', 'I10', 'I11', 'I12', 'I13', 'I14', 'I15', 'I16', 'I17'], 'these invariants are watched');
SELECT sim.sound('an empty database is in order');
SELECT sim.setup();
SELECT usdtpay.merchant_fee_set('shop', 100);
SELECT sim.buy('o1'), sim.buy('o2'), sim.buy('o3');
SELECT sim.paid(sim.send(sim.addr('o1'), 10000000, 'p1'), sim.send(sim.addr('o2'), 4000000, 'p2'), sim.send(sim.addr('o1'), 7, 'dust')) \gset quiet_
SELECT sim.grow(ARRAY[sim.send(sim.addr('o3'), 10000000, 'p3')]) \gset quiet_
SELECT sim.sound('so is one at work');
SELECT is((SELECT count(*)::integer FROM usdtpay.invariants WHERE breaks IS NOT NULL OR NOT holds OR meaning = ''), 0, 'without a break there is nothing to tell');

-- damage, each undone again: the invariant named notices it, with the object's id
CREATE FUNCTION pg_temp.damage(p_sql text, p_code text, p_name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_broken text;
    v_breaks text;
BEGIN
    BEGIN
        -- past the triggers of history, as somebody with all rights could go
        ALTER TABLE usdtpay.posting DISABLE TRIGGER USER;
        ALTER TABLE usdtpay.event DISABLE TRIGGER USER;
        ALTER TABLE usdtpay.ledger_block DISABLE TRIGGER USER;
        SET LOCAL session_replication_role = replica;
        EXECUTE p_sql;
        SELECT string_agg(i.code, ' '), string_agg(i.breaks, '; ') FILTER (WHERE i.code = p_code) INTO v_broken, v_breaks FROM usdtpay.invariants AS i WHERE NOT i.holds;
        RAISE EXCEPTION USING ERRCODE = 'ZZ999';
    EXCEPTION WHEN SQLSTATE 'ZZ999' THEN
        NULL;
    END;
    RETURN ok(coalesce(p_code = ANY (string_to_array(v_broken, ' ')) AND v_breaks <> '', false), p_code || ' notices ' || p_name);
END;
$$;
SELECT pg_temp.damage(sql, code, name) FROM (VALUES
    ('UPDATE usdtpay.account SET credits = credits + 1 WHERE account_id = (SELECT min(account_id) FROM usdtpay.account)', 'I1', 'money from nowhere'),
    ('UPDATE usdtpay.account SET credits = credits + 1, debits = debits + 1 WHERE account_id = (SELECT min(account_id) FROM usdtpay.account)', 'I2', 'totals that are not their postings'),
    ('UPDATE usdtpay.posting SET amount = amount + 1 WHERE posting_id = (SELECT min(posting_id) FROM usdtpay.posting)', 'I2', 'an altered posting'),
    ('DELETE FROM usdtpay.posting WHERE posting_id = (SELECT max(posting_id) FROM usdtpay.posting)', 'I2', 'a vanished posting'),
    ('UPDATE usdtpay.deposit SET journal_id = NULL WHERE deposit_id = sim.dep_id(''p1'')', 'I4', 'a final deposit without its journal'),
    ('UPDATE usdtpay.deposit SET state = ''orphaned'', final_at = NULL WHERE deposit_id = sim.dep_id(''p1'')', 'I4', 'an orphaned deposit that was credited'),
    ('UPDATE usdtpay.deposit SET amount = amount - 1 WHERE deposit_id = sim.dep_id(''p1'')', 'I4', 'a deposit of another amount than its credit'),
    ('DELETE FROM usdtpay.deposit WHERE deposit_id = sim.dep_id(''dust'')', 'I4', 'a credit whose deposit is gone'),
    ('UPDATE usdtpay.deposit SET state = ''final'', final_at = now() WHERE deposit_id = sim.dep_id(''p3'')', 'I4', 'a final deposit nobody credited'),
    ('DELETE FROM usdtpay.event WHERE type = ''order.paid''', 'I6', 'a missing event'),
    ('UPDATE usdtpay.event SET sequence = sequence + 10 WHERE type = ''order.confirming''', 'I6', 'a gap in the events'),
    ('UPDATE usdtpay.payment_order SET event_seq = event_seq + 1 WHERE reference = ''o3''', 'I6', 'a move that was not told'),
    ('UPDATE usdtpay.deposit SET custodial = false WHERE deposit_id = sim.dep_id(''p1'')', 'I11', 'custody that does not match the chain'),
    ('UPDATE usdtpay.payment_order SET seen = seen + 1 WHERE reference = ''o2''', 'I12', 'an order that counts wrongly'),
    ('UPDATE usdtpay.payment_order SET state = ''paid'' WHERE reference = ''o2''', 'I12', 'an order paid without the money'),
    ('UPDATE usdtpay.payment_order SET state = ''pending'' WHERE reference = ''o1''', 'I12', 'an order with the money that is not paid'),
    ('UPDATE usdtpay.payment_order SET settled = 0 WHERE reference = ''o1''', 'I13', 'a settlement that is not on the order'),
    ('UPDATE usdtpay.deposit SET route = ''matched'', order_id = NULL WHERE deposit_id = sim.dep_id(''dust'')', 'I17', 'money in suspense nobody has to decide about'),
    ('UPDATE usdtpay.deposit SET route = ''late'' WHERE deposit_id = sim.dep_id(''p2'')', 'I17', 'a deposit put aside that is not in suspense'),
    ('UPDATE usdtpay.chain_block SET canonical = false WHERE number = 1001', 'I14', 'a live deposit in an orphaned block'),
    ('SELECT usdtpay.ledger_post(1, ''lone'', ARRAY[usdtpay.account_open(1, ''USDT'', ''clearing'')], ARRAY[usdtpay.account_open(1, ''USDT'', ''fee'')], ARRAY[1]::bigint[])', 'I15', 'a debt nobody has a claim to')
) AS v (sql, code, name);
SELECT sim.grow('{}', 3) \gset quiet_
SELECT pg_temp.damage('DELETE FROM usdtpay.chain_block WHERE number = 1002', 'I14', 'a hole in the chain');
SELECT pg_temp.damage('UPDATE usdtpay.chain_block SET parent_hash = hash WHERE number = 1002', 'I14', 'blocks that do not link');
SELECT sim.sound('all damage is undone');

-- seals: blocks as ledger_seal() makes them, which needs the journals committed
INSERT INTO usdtpay.ledger_block (block_no, first_id, last_id, journals, postings, root, prev_hash, hash, sealed_at)
SELECT 1, 1, q.last_id, q.journals, q.postings, q.root, z.zeros, usdtpay_internal.block_hash(1, 1, q.last_id, q.journals, q.postings, q.root, z.zeros), now()
FROM (
    SELECT max(l.journal_id) AS last_id, count(*)::integer AS journals, sum(l.postings)::integer AS postings,
        usdtpay_internal.merkle_root(array_agg(l.leaf ORDER BY l.journal_id, l.party_id)) AS root
    FROM usdtpay_internal.journal_leaves(1, (SELECT max(posting_id) / 256 FROM usdtpay.posting)) AS l
) AS q, (SELECT decode(repeat('00', 32), 'hex') AS zeros) AS z;
SELECT sim.sound('sealed journals are in order');
SELECT pg_temp.damage('UPDATE usdtpay.ledger_block SET root = sha256(''x'')', 'I7', 'a root that is not its journals''');
SELECT pg_temp.damage('UPDATE usdtpay.ledger_block SET hash = sha256(''x'')', 'I7', 'a hash that is not its block''s');
SELECT pg_temp.damage('UPDATE usdtpay.posting SET reference = ''order:0'' WHERE posting_id = (SELECT min(posting_id) FROM usdtpay.posting)', 'I7', 'a sealed posting altered where no balance shows it');
SELECT pg_temp.damage('DELETE FROM usdtpay.posting WHERE posting_id = (SELECT max(posting_id) FROM usdtpay.posting)', 'I7', 'a sealed posting that vanished');
DO $$ BEGIN
    ALTER TABLE usdtpay.ledger_block DISABLE TRIGGER USER;
    DELETE FROM usdtpay.ledger_block;
    ALTER TABLE usdtpay.ledger_block ENABLE ALWAYS TRIGGER ledger_block_append_only;
END $$;
SELECT sim.sound('no seal, no complaint');

-- I10 is also a unique index; only without it can two results stand under one key
DROP INDEX usdtpay.posting_key_key;
SELECT pg_temp.damage('INSERT INTO usdtpay.posting SELECT party_id, posting_id + 1000000 * 256, debit_account, credit_account, amount, debit_after, credit_after, debit_prev, credit_prev, posted_at, kind, lines, phase, hold_id, key, reference
    FROM usdtpay.posting WHERE key IS NOT NULL LIMIT 1', 'I10', 'two results of one key');

-- at most five breaks are told, however many there are
SELECT sim.buy('many' || n) FROM generate_series(1, 20) AS n;
UPDATE usdtpay.payment_order SET seen = 1 WHERE reference LIKE 'many%';
SELECT is((SELECT array_length(string_to_array(i.breaks, '; '), 1) FROM usdtpay.invariants AS i WHERE i.code = 'I12'), 5, 'at most five breaks are told');

SELECT * FROM finish();
ROLLBACK;
