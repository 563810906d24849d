-- Every call that changes something may be repeated: nothing happens twice, and the answer is the
-- first one, or says that nothing was left to do.
BEGIN;
SELECT no_plan();
\ir lib/chain.sql
\ir lib/order.sql
SELECT usdtpay.roles_setup();
SELECT sim.setup();
SET LOCAL usdtpay.webhook_ports = '443';
SELECT party_id AS shop FROM usdtpay.party WHERE code = 'shop' \gset
SELECT sim.buy('a'), sim.buy('b'), sim.buy('paid'), sim.buy('short', 10, '60 seconds') AS short;
SELECT order_id AS draft FROM usdtpay.order_create('draft', 1, p_draft => true, p_party => 'shop') \gset
SELECT sim.paid(sim.send(sim.addr('paid'), 10000000, 'paid'), sim.send(sim.addr('short'), 4000000, 'short'), sim.send(sim.addr('paid'), 5, 'dust')) \gset quiet_
SELECT sim.grow('{}', 100) \gset quiet_
SELECT usdtpay.order_expire() \gset quiet_
SELECT webhook_id AS hook FROM usdtpay.webhook_add('https://shop.example/', p_party => 'shop') \gset
SELECT sim.bal('suspense') AS dusty, usdtpay.account_open(:shop, 'USDT', 'available') AS available, usdtpay.account_open(:shop, 'USDT', 'escrow') AS escrow, usdtpay.account_open(:shop, 'USDT', 'margin') AS margin \gset
SELECT hold_id AS hold1 FROM usdtpay.ledger_hold(:shop, 'h1', :available, :escrow, 10) \gset
SELECT hold_id AS hold2 FROM usdtpay.ledger_hold(:shop, 'h2', :available, :escrow, 10) \gset
CREATE ROLE t_role;
SELECT string_agg(e.event_id::text, ',') AS first_event FROM (SELECT min(event_id) AS event_id FROM usdtpay.event WHERE party_id = :shop) AS e \gset

-- same: the first answer again; done: another answer, which says that there was nothing left to do;
-- gone: refused, for the object is no more; read: changes nothing that matters
CREATE TEMP TABLE call (fn text, how text, sql text);
INSERT INTO call VALUES
    ('account_open', 'same', format('SELECT usdtpay.account_open(%s, ''USDT'', ''available'', ''bob'')', :shop)),
    ('account_close', 'done', format('SELECT usdtpay.account_close(%s, %s)', :shop, :margin)),
    ('account_reopen', 'done', format('SELECT usdtpay.account_reopen(%s, %s)', :shop, :margin)),
    ('deposit_address', 'same', 'SELECT usdtpay.deposit_address(''bob'', ''dev'', ''shop'')'),
    ('deposit_assign', 'same', format('SELECT usdtpay.deposit_assign(''k1'', %s, NULL, ''r'', ''shop'')', sim.dep_id('dust'))),
    ('endpoint_set', 'same', 'SELECT usdtpay.endpoint_set(''dev'', ''http://node.example/'')'),
    ('endpoint_remove', 'done', 'SELECT usdtpay.endpoint_remove(''dev'', ''http://node.example/'')'),
    ('ledger_post', 'same', format('SELECT journal_id FROM usdtpay.ledger_post(%s, ''p1'', ARRAY[%s], ARRAY[%s], ARRAY[1]::bigint[])', :shop, :available, :escrow)),
    ('ledger_post_batch', 'same', format('SELECT journal_id FROM usdtpay.ledger_post_batch(ARRAY[%s]::bigint[], ARRAY[''p2''], ARRAY[%s], ARRAY[%s], ARRAY[1]::bigint[])', :shop, :available, :escrow)),
    ('ledger_hold', 'same', format('SELECT hold_id FROM usdtpay.ledger_hold(%s, ''h3'', %s, %s, 5)', :shop, :available, :escrow)),
    ('ledger_capture', 'same', format('SELECT journal_id FROM usdtpay.ledger_capture(%s, ''c1'', %s)', :shop, :hold1)),
    ('ledger_release', 'same', format('SELECT journal_id FROM usdtpay.ledger_release(%s, ''r1'', %s)', :shop, :hold2)),
    ('merchant_create', 'same', 'SELECT usdtpay.merchant_create(''m'', ''M'')'),
    ('merchant_fee_set', 'same', 'SELECT usdtpay.merchant_fee_set(''shop'', 50)'),
    ('merchant_set', 'same', 'SELECT usdtpay.merchant_set(p_order_ttl => ''2 hours'', p_party => ''shop'')'),
    ('network_define', 'same', 'SELECT usdtpay.network_define(''side'', ''evm'', 5, ''0x00000000000000000000000000000000000000bb'')'),
    ('token_define', 'same', 'SELECT usdtpay.token_define(''side'', ''0x00000000000000000000000000000000000000cc'')'),
    ('network_enable', 'same', 'SELECT usdtpay.network_enable(''side'', ''{http://node.example/}'')'),
    ('network_set', 'same', 'SELECT usdtpay.network_set(''side'', 500)'),
    ('network_disable', 'same', 'SELECT usdtpay.network_disable(''side'')'),
    ('rescan', 'same', 'SELECT usdtpay.rescan(''dev'', 1000, 1001)'),
    ('order_create', 'same', 'SELECT order_id FROM usdtpay.order_create(''new'', 5, p_party => ''shop'')'),
    ('order_open', 'same', format('SELECT usdtpay.order_open(%s, ''shop'')', :draft)),
    ('order_cancel', 'same', format('SELECT usdtpay.order_cancel(%s, ''shop'')', :draft)),
    ('order_settle_underpaid', 'same', format('SELECT usdtpay.order_settle_underpaid(''k2'', %s, ''r'', ''shop'')', sim.id('short'))),
    ('order_reverse', 'same', format('SELECT usdtpay.order_reverse(''k3'', %s, ''r'', ''shop'')', sim.id('short'))),
    ('party_login_grant', 'same', 'SELECT usdtpay.party_login_grant(''shop'', ''t_role'')'),
    ('party_login_revoke', 'done', 'SELECT usdtpay.party_login_revoke(''t_role'')'),
    ('wallet_add', 'same', 'SELECT usdtpay.wallet_add(''w'', ''pool'', ''evm'', p_addresses => ''{0x00000000000000000000000000000000000000f1}'', p_party => ''shop'')'),
    ('wallet_close', 'done', 'SELECT usdtpay.wallet_close(''w'', ''shop'')'),
    ('webhook_add', 'same', 'SELECT (webhook_id, secret)::text FROM usdtpay.webhook_add(''https://shop.example/2'', ''{order.*}'', ''shop'', ''w1'')'),
    ('webhook_rotate', 'same', format('SELECT usdtpay.webhook_rotate(%s, ''1 hour'', ''w2'')', :hook)),
    ('webhook_test', 'same', format('SELECT usdtpay.webhook_test(%s, ''w3'')', :hook)),
    ('webhook_replay', 'same', format('SELECT usdtpay.webhook_replay(%s, %s, NULL, ''w4'')', :hook, :'first_event')),
    ('webhook_disable', 'same', format('SELECT usdtpay.webhook_disable(%s)', :hook)),
    ('webhook_enable', 'same', format('SELECT usdtpay.webhook_enable(%s)', :hook)),
    ('webhook_remove', 'gone', format('SELECT usdtpay.webhook_remove(%s)', :hook)),
    ('party_close', 'same', 'SELECT usdtpay.party_close(''shop'')'),
    ('party_reopen', 'done', 'SELECT usdtpay.party_reopen(''shop'')'),
    ('roles_setup', 'same', 'SELECT usdtpay.roles_setup()'),
    ('events', 'read', 'SELECT count(*) FROM usdtpay.events(p_party => ''shop'')'),
    -- jobs: a second run finds nothing left
    ('order_expire', 'done', 'SELECT usdtpay.order_expire()'), ('deposits_retry', 'done', 'SELECT usdtpay.deposits_retry()'), ('hooks_retry', 'done', 'SELECT usdtpay.hooks_retry()'),
    ('ledger_holds_expire', 'done', 'SELECT usdtpay.ledger_holds_expire()'), ('ledger_seal', 'done', 'SELECT usdtpay.ledger_seal()'),
    ('retention', 'done', 'SELECT sum(removed) FROM usdtpay.retention()'), ('webhook_purge', 'done', 'SELECT usdtpay.webhook_purge()'),
    -- elsewhere: these need a halted network, a chain, pg_cron
    ('token_unpin', '40_network.sql', NULL), ('network_resume', '72_chain.sql', NULL), ('chain_ingest', '72_chain.sql', NULL),
    ('jobs_schedule', '83_jobs.sql', NULL), ('jobs_unschedule', '83_jobs.sql', NULL);
SELECT set_eq('SELECT fn FROM call', $$SELECT p.proname::text FROM pg_proc AS p WHERE p.pronamespace = 'usdtpay'::regnamespace AND p.provolatile = 'v'$$,
    'every public call that may change something is listed');

CREATE FUNCTION pg_temp.state() RETURNS text LANGUAGE sql AS $$
    SELECT md5(concat_ws(
        '|', sim.fingerprint(),
        (SELECT string_agg(t::text, ';' ORDER BY t.webhook_id) FROM usdtpay.webhook AS t),
        (SELECT string_agg(t::text, ';' ORDER BY t.webhook_id, t.secret_no) FROM usdtpay_internal.webhook_secret AS t),
        (SELECT string_agg(t::text, ';' ORDER BY t.key) FROM usdtpay_internal.webhook_call AS t),
        (SELECT string_agg(t::text, ';' ORDER BY t.webhook_id, t.event_id) FROM usdtpay_internal.delivery AS t),
        (SELECT string_agg(t::text, ';' ORDER BY t.network_id) FROM usdtpay.network AS t),
        (SELECT string_agg(t::text, ';' ORDER BY t.token_id) FROM usdtpay.token AS t),
        (SELECT string_agg(t::text, ';' ORDER BY t.endpoint_id) FROM usdtpay_internal.endpoint AS t),
        (SELECT string_agg(t::text, ';' ORDER BY t.rescan_id) FROM usdtpay.chain_rescan AS t),
        (SELECT string_agg(t::text, ';' ORDER BY t.hold_id) FROM usdtpay.hold AS t),
        (SELECT string_agg(t::text, ';' ORDER BY t.block_no) FROM usdtpay.ledger_block AS t)
    ))
$$;
CREATE FUNCTION pg_temp.twice(p_how text, p_sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_first text;
    v_again text;
    v_state text;
BEGIN
    EXECUTE p_sql INTO v_first;
    v_state := pg_temp.state();
    BEGIN
        EXECUTE p_sql INTO v_again;
    EXCEPTION WHEN SQLSTATE 'UP200' THEN
        v_again := 'gone';
    END;
    RETURN concat_ws(
        ', ', CASE WHEN pg_temp.state() = v_state THEN 'nothing changed' ELSE 'something changed' END,
        CASE
            WHEN p_how = 'gone' THEN v_again
            WHEN p_how = 'read' OR v_first IS NOT DISTINCT FROM v_again AND (p_how = 'same' OR coalesce(v_first, '') IN ('', '0', 'f')) THEN p_how
            WHEN p_how = 'done' AND v_again IN ('f', '0', 'false') THEN p_how
            ELSE format('first "%s", then "%s"', v_first, v_again)
        END
    );
END;
$$;
SELECT is(pg_temp.twice(c.how, c.sql), 'nothing changed, ' || c.how, c.fn || ' twice') FROM call AS c WHERE c.sql IS NOT NULL;
-- all of that has done something, so the comparison was not of nothing with nothing
SELECT cmp_ok((SELECT count(*) FROM usdtpay_internal.webhook_call), '=', 4::bigint, 'four keys of webhook calls are kept');

-- the keys of webhook calls
SELECT webhook_id AS hook, secret FROM usdtpay.webhook_add('https://shop.example/3', NULL, 'shop', 'add') \gset
SELECT sim.refuses(format('SELECT usdtpay.webhook_%s', a), b, format('webhook_%s is refused with %s', left(a, 70), b))
FROM (VALUES
    ('add(''https://shop.example/3'', ''{order.*}'', ''shop'', ''add'')', 'UP202'), ('add(''https://shop.example/4'', NULL, ''shop'', ''add'')', 'UP202'),
    ('add(''https://shop.example/3'', NULL, ''shop'', ''other'')', 'UP201'), ('add(''https://shop.example/5'', NULL, ''shop'', '''')', 'UP000'),
    ('add(''https://shop.example/5'', NULL, ''shop'', repeat(''k'', 201))', 'UP000'), ('test(' || :hook || ', ''add'')', 'UP202'),
    ('rotate(' || :hook || ', ''1 hour'', ''add'')', 'UP202'), ('replay(' || :hook || ', 1, 2, ''add'')', 'UP202')
) AS v (a, b);
SELECT usdtpay.merchant_create('rival', 'Rival') \gset quiet_
SELECT isnt((SELECT secret FROM usdtpay.webhook_add('https://shop.example/3', NULL, 'rival', 'add')), :'secret', 'another party''s key is another key');
SELECT usdtpay.webhook_rotate(:hook, '1 hour', 'rot1') AS rot1 \gset
SELECT is((SELECT secret FROM usdtpay.webhook_add('https://shop.example/3', NULL, 'shop', 'add')), :'secret', 'the first secret is shown again while it signs');
SELECT usdtpay.webhook_rotate(:hook, '1 hour', 'rot2') AS rot2 \gset
SELECT isnt(:'rot2'::text, :'rot1'::text, 'another key rotates again');
SELECT is(usdtpay.webhook_rotate(:hook, '1 hour', 'rot1'), :'rot1'::text, 'a late retry of the first rotation gets its own secret');
SELECT is((SELECT count(*) FROM usdtpay_internal.webhook_secret WHERE webhook_id = :hook), 2::bigint, 'and rotates nothing');
SELECT sim.refuses('SELECT usdtpay.webhook_add(''https://shop.example/3'', NULL, ''shop'', ''add'')', 'UP201', 'a secret out of use is not shown');
UPDATE usdtpay_internal.webhook_call SET called_at = now() - interval '25 hours' WHERE key = 'rot2';
SELECT sim.refuses(format('SELECT usdtpay.webhook_rotate(%s, ''1 hour'', ''rot2'')', :hook), 'UP201', 'nor is any after a day');
SELECT usdtpay.webhook_purge('0') \gset quiet_
SELECT is((SELECT count(*) FROM usdtpay_internal.webhook_call WHERE key = 'rot2'), 1::bigint, 'the key is remembered longer than the secret is shown');
UPDATE usdtpay_internal.webhook_call SET called_at = now() - interval '8 days' WHERE key = 'rot2';
SELECT usdtpay.webhook_purge('0') \gset quiet_
SELECT is((SELECT count(*) FROM usdtpay_internal.webhook_call WHERE key = 'rot2'), 0::bigint, 'but not for ever');
SELECT is_empty($$SELECT FROM usdtpay_internal.webhook_call AS c, usdtpay_internal.webhook_secret AS s
    WHERE strpos(c::text, encode(s.secret, 'base64')) > 0$$, 'what is remembered holds no secret');

SELECT sim.sound();
SELECT * FROM finish();
ROLLBACK;
