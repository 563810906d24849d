-- A chain in SQL: builds what a node would answer and feeds it to chain_ingest, so that every rule
-- can be tested without a network.  Include with \ir lib/chain.sql inside the test's transaction.
--
-- Blocks are named by (fork, number); the same name always gives the same hash.  Time runs one
-- second per block from 2026-01-01.  Headers are not hashed (header_check none).

CREATE SCHEMA sim;

CREATE FUNCTION sim.hash(p_fork text, p_number bigint) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT sha256(convert_to(format('block %s %s', CASE WHEN p_number < 0 THEN '' ELSE p_fork END, p_number), 'UTF8'))
$$;

CREATE FUNCTION sim.hex(p bytea) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT '0x' || encode(p, 'hex') $$;
CREATE FUNCTION sim.quantity(p bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT '0x' || to_hex(p) $$;
CREATE FUNCTION sim.time(p_number bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
    SELECT '2026-01-01 00:00:00+00'::timestamptz + p_number * interval '1 second'
$$;

-- One block object.  p_below is the fork of the parent, where it differs.
CREATE FUNCTION sim.block(p_number bigint, p_fork text DEFAULT 'a', p_below text DEFAULT NULL, p_bloom text DEFAULT NULL)
RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object(
        'number', sim.quantity(p_number), 'hash', sim.hex(sim.hash(p_fork, p_number)),
        'parentHash', sim.hex(sim.hash(coalesce(p_below, p_fork), p_number - 1)),
        'timestamp', sim.quantity(extract(epoch FROM sim.time(p_number))::bigint),
        'logsBloom', coalesce(p_bloom, '0x' || repeat('0', 512)),
        'transactions', '[]'::jsonb, 'sha3Uncles', sim.hex(sim.hash('u', 0)), 'miner', '0x' || repeat('0', 40),
        'stateRoot', sim.hex(sim.hash('s', 0)), 'transactionsRoot', sim.hex(sim.hash('t', 0)),
        'receiptsRoot', sim.hex(sim.hash('r', 0)), 'difficulty', '0x0', 'gasLimit', '0x1', 'gasUsed', '0x0',
        'extraData', '0x', 'mixHash', sim.hex(sim.hash('m', 0)), 'nonce', '0x0000000000000000'
    )
$$;

CREATE FUNCTION sim.hex256(p numeric) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v text := '';
    v_rest numeric := p;
BEGIN
    WHILE v_rest > 0 LOOP
        v := substr('0123456789abcdef', (v_rest % 16)::integer + 1, 1) || v;
        v_rest := div(v_rest, 16);
    END LOOP;
    RETURN CASE v WHEN '' THEN '0' ELSE v END;
END;
$$;

-- A Transfer log.  p_tx names the transaction; amounts are raw units.
CREATE FUNCTION sim.transfer(
    p_number bigint, p_index integer, p_to text, p_amount numeric, p_tx text, p_fork text DEFAULT 'a',
    p_contract text DEFAULT '0x00000000000000000000000000000000000000aa'
) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object(
        'address', p_contract, 'blockNumber', sim.quantity(p_number), 'blockHash', sim.hex(sim.hash(p_fork, p_number)),
        'transactionHash', sim.hex(sha256(convert_to(p_tx, 'UTF8'))), 'transactionIndex', '0x0', 'logIndex', sim.quantity(p_index),
        'removed', false,
        'topics', jsonb_build_array(
            '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef',
            '0x' || repeat('0', 24) || repeat('5', 40),
            '0x' || repeat('0', 24) || lower(substr(p_to, 3))
        ),
        'data', '0x' || lpad(sim.hex256(p_amount), 64, '0')
    )
$$;

-- The same logs with transactionIndex filled in: transactions stand in the order of their first log.
CREATE FUNCTION sim.place(p_logs jsonb) RETURNS jsonb LANGUAGE sql AS $$
    WITH log AS (
        SELECT l, n, l ->> 'blockNumber' AS block, l ->> 'transactionHash' AS tx
        FROM jsonb_array_elements(p_logs) WITH ORDINALITY AS t (l, n)
    ), tx AS (
        SELECT block, tx, row_number() OVER (PARTITION BY block ORDER BY min(n)) - 1 AS idx FROM log GROUP BY 1, 2
    )
    SELECT coalesce(jsonb_agg(l || jsonb_build_object('transactionIndex', sim.quantity(idx)) ORDER BY n), '[]')
    FROM log JOIN tx USING (block, tx)
$$;

-- The transaction hashes of one block.
CREATE FUNCTION sim.txs(p_logs jsonb, p_number bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT coalesce(jsonb_agg(tx ORDER BY n), '[]') FROM (
        SELECT l ->> 'transactionHash' AS tx, min(n) AS n
        FROM jsonb_array_elements(p_logs) WITH ORDINALITY AS t (l, n)
        WHERE l ->> 'blockNumber' = sim.quantity(p_number) GROUP BY 1
    ) AS q
$$;

-- Mines p_from..p_to of a fork with the given logs and ingests them at the tip.
CREATE FUNCTION sim.mine(
    p_from bigint, p_to bigint, p_logs jsonb DEFAULT '[]', p_fork text DEFAULT 'a', p_below text DEFAULT NULL, p_network text DEFAULT 'dev'
) RETURNS text LANGUAGE sql AS $$
    SELECT i.status FROM usdtpay.chain_ingest(
        p_network,
        (
            SELECT jsonb_agg(
                sim.block(n, p_fork, CASE WHEN n = p_from THEN p_below END) || jsonb_build_object('transactions', sim.txs(p_logs, n)) ORDER BY n
            )::text FROM generate_series(p_from, p_to) AS n
        ),
        sim.place(p_logs)::text, 'tip'
    ) AS i
$$;

-- A second look up to p_to, bringing only the last header, as on EVM.
CREATE FUNCTION sim.finalize(p_to bigint, p_logs jsonb DEFAULT '[]', p_fork text DEFAULT 'a', p_network text DEFAULT 'dev')
RETURNS text LANGUAGE sql AS $$
    SELECT i.status FROM usdtpay.chain_ingest(
        p_network, jsonb_build_array(sim.block(p_to, p_fork) || jsonb_build_object('transactions', sim.txs(p_logs, p_to)))::text,
        sim.place(p_logs)::text, 'final'
    ) AS i
$$;

-- A network "dev" with a token, an xpub wallet of the platform and a merchant "shop".
CREATE FUNCTION sim.setup() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM usdtpay.network_define('dev', 'evm', 31337, '0x00000000000000000000000000000000000000aa', 6, p_header_check => 'none');
    UPDATE usdtpay.network SET enabled = true WHERE code = 'dev';
    PERFORM usdtpay.wallet_add(
        'main', 'xpub', 'evm',
        'xpub6BosfCnifzxcFwrSzQiqu2DBVTshkCXacvNsWGYJVVhhawA7d4R5WSWGFNbi8Aw6ZRc1brxMyWMzG3DSSSSoekkudhUd9yLb6qx39T9nMdj',
        p_party => 'platform'
    );
    PERFORM usdtpay.merchant_create('shop', 'The shop');
END;
$$;
