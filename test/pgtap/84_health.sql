-- health() and metrics: every check, in order and out of order.
BEGIN;
SELECT plan(55);

\ir lib/chain.sql

CREATE FUNCTION pg_temp.health(p_component text) RETURNS text LANGUAGE sql AS $$
    SELECT h.status FROM usdtpay.health() AS h WHERE h.component = p_component
$$;
CREATE FUNCTION pg_temp.detail(p_component text) RETURNS text LANGUAGE sql AS $$
    SELECT h.detail FROM usdtpay.health() AS h WHERE h.component = p_component
$$;

-- the whole
SELECT is(pg_temp.health('network'), 'warn', 'no network is worth a warning');
SELECT lives_ok('SELECT usdtpay.roles_setup()', 'roles are made');
SELECT sim.setup();
SELECT is_empty(
    $$SELECT * FROM usdtpay.health() WHERE component IS NULL OR detail IS NULL OR status NOT IN ('ok', 'warn', 'fail')$$,
    'every row has a component, a detail and one of three states');
SELECT is_empty(
    $$SELECT * FROM usdtpay.health() WHERE (status = 'ok') <> (hint IS NULL)$$, 'what is not ok has a hint, and only that');
SELECT is_empty(
    $$SELECT component FROM usdtpay.health() GROUP BY 1 HAVING count(*) > 1$$, 'components are told apart');
SELECT results_eq(
    $$SELECT component FROM usdtpay.health() WHERE component !~ '^(network|job) ' ORDER BY 1$$,
    $$VALUES ('append_only'), ('courier'), ('deposits'), ('durability'), ('expiry'), ('foreign_code'), ('held'), ('hooks'), ('issuer'),
             ('preload'), ('roles'), ('row_security'), ('seal'), ('suspense'), ('version'), ('webhooks'), ('workers')$$,
    'these are the components');

-- server
SELECT is(pg_temp.health('preload'), CASE WHEN current_setting('shared_preload_libraries') LIKE '%usdtpay%' THEN 'ok' ELSE 'fail' END,
    'preloading is seen');
SELECT is(pg_temp.health('version'), 'ok', 'library and extension agree');
UPDATE pg_extension SET extversion = '0.0.0' WHERE extname = 'usdtpay';
SELECT is(pg_temp.health('version'), 'fail', 'another version of the extension is a failure');
UPDATE pg_extension SET extversion = usdtpay_internal.library_version() WHERE extname = 'usdtpay';
SELECT is(pg_temp.health('roles'), 'ok', 'roles are present');
DO $$ BEGIN EXECUTE 'ALTER ROLE usdtpay_signer RENAME TO usdtpay_elsewhere'; END $$;
SELECT is(pg_temp.detail('roles'), 'missing: usdtpay_signer', 'a missing role is named');
SELECT is(
    pg_temp.health('durability'),
    CASE WHEN current_setting('fsync') = 'off' OR current_setting('full_page_writes') = 'off' THEN 'fail'
         WHEN current_setting('synchronous_commit') = 'off' THEN 'warn' ELSE 'ok' END,
    'settings that lose money are seen');
SELECT matches(pg_temp.detail('workers'), 'scanner dev', 'a network without a scanner is named');

-- networks
SELECT is(pg_temp.health('network dev'), 'fail', 'a network without nodes fails');
SELECT usdtpay.network_enable('dev', ARRAY['http://one.test:1/', 'http://one.test:2/']);
SELECT is(pg_temp.detail('network dev') ~ 'stalled', true, 'a network nobody scans is stalled');
UPDATE usdtpay_internal.endpoint_health SET state = 'ok';
SELECT sim.mine(100, 102) AS status \gset
UPDATE usdtpay.chain_cursor SET polled_at = now(), remote_head = 102;
SELECT is(pg_temp.health('network dev'), 'warn', 'two nodes of one host are a single provider');
UPDATE usdtpay_internal.endpoint SET url = 'http://two.test/' WHERE url LIKE '%:2/';
SELECT is(pg_temp.health('network dev'), 'ok', 'two providers are fine');
UPDATE usdtpay_internal.endpoint_health SET state = 'cooling' WHERE endpoint_id = (SELECT min(endpoint_id) FROM usdtpay_internal.endpoint);
SELECT is(pg_temp.health('network dev'), 'warn', 'a node that fails is worth a warning');
UPDATE usdtpay_internal.endpoint_health SET state = 'ok';
UPDATE usdtpay.chain_cursor SET remote_head = 100000;
SELECT is(pg_temp.health('network dev'), 'warn', 'catching up is worth a warning');
UPDATE usdtpay.chain_cursor SET remote_head = 102;

-- money put aside
SELECT usdtpay.merchant_set(p_late_policy => 'review', p_party => 'shop');
SELECT order_id, evm_address FROM usdtpay.order_create('late', 5, p_party => 'shop') \gset
SELECT usdtpay.order_cancel(:order_id, p_party => 'shop');
SELECT is(pg_temp.health('suspense'), 'ok', 'nothing is in suspense');
SELECT sim.mine(103, 104, jsonb_build_array(sim.transfer(103, 0, :'evm_address', 5000000, 't1'))) AS status \gset
SELECT sim.finalize(104, jsonb_build_array(sim.transfer(103, 0, :'evm_address', 5000000, 't1'))) AS status \gset
SELECT is(pg_temp.detail('suspense'), '5.000000 USDT of 1 parties', 'money in suspense is counted');
SELECT is(pg_temp.health('suspense'), 'warn', 'and worth a warning');
SELECT usdtpay.deposit_assign('k1', (SELECT deposit_id FROM usdtpay.deposit WHERE route = 'late'), :order_id, 'test', p_party => 'shop');
SELECT is(pg_temp.health('suspense'), 'ok', 'a decision clears it');

-- sealing and guards
SELECT is(journals > 0 AND oldest_at = now(), true, 'unsealed journals are counted') FROM usdtpay_internal.seal_lag();
SELECT is(pg_temp.health('seal'), 'ok', 'for some minutes that is fine');
SELECT set_eq(
    $$SELECT tgrelid FROM pg_trigger WHERE tgfoid = 'usdtpay_internal.append_only()'::regprocedure$$,
    $$SELECT unnest(usdtpay_internal.append_only_list())::oid$$, 'the list of append-only tables is complete');
SELECT is(pg_temp.health('append_only'), 'ok', 'guards are on');
ALTER TABLE usdtpay.posting DISABLE TRIGGER posting_append_only;
SELECT is(pg_temp.detail('append_only'), 'not guarded: usdtpay.posting', 'a guard switched off is named');
UPDATE usdtpay.posting SET posted_at = now() - interval '10 minutes';
SELECT is(pg_temp.health('seal'), 'warn', 'ten minutes without a seal are worth a warning');
UPDATE usdtpay.posting SET posted_at = now() - interval '2 hours';
SELECT is(pg_temp.health('seal'), 'fail', 'two hours are a failure');
ALTER TABLE usdtpay.posting ENABLE TRIGGER posting_append_only;
SELECT is(pg_temp.health('append_only'), 'fail', 'a guard that session_replication_role can pass is none');
ALTER TABLE usdtpay.posting ENABLE ALWAYS TRIGGER posting_append_only;
SELECT is(pg_temp.health('append_only'), 'ok', 'and on again');
SELECT is(pg_temp.health('foreign_code'), 'ok', 'no code of others');
CREATE FUNCTION pg_temp.spy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER spy AFTER INSERT ON usdtpay.deposit FOR EACH ROW EXECUTE FUNCTION pg_temp.spy();
SELECT is(pg_temp.detail('foreign_code'), 'trigger spy on usdtpay.deposit', 'a trigger of others is named');
DROP TRIGGER spy ON usdtpay.deposit;
CREATE RULE spy AS ON INSERT TO usdtpay.deposit DO ALSO NOTHING;
SELECT is(pg_temp.detail('foreign_code'), 'rule spy on usdtpay.deposit', 'and so is a rule');
DROP RULE spy ON usdtpay.deposit;
ALTER TABLE usdtpay.deposit DISABLE ROW LEVEL SECURITY;
SELECT is(pg_temp.detail('row_security'), 'switched off: usdtpay.deposit', 'row-level security switched off is named');
ALTER TABLE usdtpay.deposit ENABLE ROW LEVEL SECURITY;

-- queues
SELECT is(pg_temp.health('hooks'), 'ok', 'no hook waits');
INSERT INTO usdtpay_internal.hook_run (party_id, order_id, next_at, error) VALUES (2, 1, now(), 'division by zero');
SELECT matches(pg_temp.detail('hooks'), '^1 on_paid .* division by zero$', 'a hook that waits is shown with its error');
SELECT is(pg_temp.health('courier') || pg_temp.health('webhooks'), 'okok', 'nothing to deliver');
INSERT INTO usdtpay.webhook (party_id, webhook_id, url, failing_since) VALUES (2, 77, 'https://one.test/', now());
SELECT matches(pg_temp.detail('webhooks'), '1 failing.*\(77\)', 'a failing webhook is named');
INSERT INTO usdtpay_internal.delivery (party_id, webhook_id, event_id, object_id, object, created_at, next_at)
VALUES (2, 77, 1, 1, 'order', now(), now() - interval '2 minutes');
SELECT is(pg_temp.health('courier'), 'warn', 'deliveries two minutes overdue are worth a warning');
UPDATE usdtpay_internal.delivery SET next_at = now() - interval '1 hour';
SELECT is(pg_temp.health('courier'), 'fail', 'an hour overdue is a failure');
UPDATE usdtpay_internal.delivery SET next_at = 'infinity';
SELECT is(pg_temp.health('courier'), 'ok', 'parked deliveries are not overdue');
SELECT is(pg_temp.health('expiry'), 'ok', 'no order is overdue');
SELECT order_id FROM usdtpay.order_create('slow', 5, p_party => 'shop') \gset
UPDATE usdtpay.payment_order SET expires_at = now() - interval '20 minutes' WHERE order_id = :order_id;
SELECT is(pg_temp.health('expiry'), 'warn', 'an overdue order is worth a warning');
INSERT INTO usdtpay.issuer_event (network_id, tx_hash, log_index, block_hash, block_number, block_time, token_id, kind)
SELECT network_id, 'a', 1, 'b', 103, now(), token_id, 'pause' FROM usdtpay.token;
SELECT is(pg_temp.detail('issuer'), 'pause on dev', 'what the issuer did is shown');

-- jobs
SELECT is(pg_temp.health('job usdtpay_seal'), 'warn', 'a job that is not scheduled is worth a warning');
SELECT usdtpay.jobs_schedule();
SELECT is(pg_temp.health('job usdtpay_seal'), 'ok', 'once scheduled it is fine');
INSERT INTO cron.job_run_details (jobid, runid, status, return_message, start_time)
SELECT jobid, 900000000, 'failed', 'ERROR:  no', now() FROM cron.job WHERE jobname = 'usdtpay_seal';
SELECT matches(pg_temp.detail('job usdtpay_seal'), '^failed at .*: ERROR:  no$', 'its last failure is shown');

-- metrics
SELECT is_empty(
    $$SELECT * FROM usdtpay.metrics WHERE name !~ '^usdtpay_[a-z_]+$' OR value IS NULL OR help IS NULL OR type NOT IN ('gauge', 'counter')
      OR (type = 'counter') <> (name LIKE '%\_total')$$, 'metrics are well formed');
SELECT is_empty($$SELECT name, labels FROM usdtpay.metrics GROUP BY 1, 2 HAVING count(*) > 1$$, 'metrics are told apart');
UPDATE usdtpay_internal.endpoint SET url = E'http://a"b\\c/' WHERE url = 'http://two.test/';
SELECT is_empty(
    $$SELECT l FROM regexp_split_to_table(usdtpay.metrics_prometheus(), E'\n') AS l
       WHERE l !~ '^(|# (HELP|TYPE) usdtpay_[a-z_]+ .+|usdtpay_[a-z_]+(\{[a-z_]+="([^"\\]|\\["\\n])*"(,[a-z_]+="([^"\\]|\\["\\n])*")*\})? -?[0-9.]+)$'$$,
    'the Prometheus text is well formed, whatever the labels hold');
SELECT is(
    (SELECT count(*) FROM regexp_split_to_table(usdtpay.metrics_prometheus(), E'\n') AS l WHERE l LIKE '# TYPE %'),
    (SELECT count(DISTINCT name) FROM usdtpay.metrics), 'each name is described once');

-- who may
CREATE ROLE usdtpay_test_reader ROLE usdtpay_analyst;
GRANT usdtpay_merchant TO usdtpay_test_reader;
SET LOCAL ROLE usdtpay_merchant;
SELECT throws_ok('SELECT * FROM usdtpay.health()', '42501', NULL, 'merchants do not see the operator''s worries');
SET LOCAL ROLE usdtpay_analyst;
SELECT is((SELECT count(*) > 0 FROM usdtpay.metrics) AND (SELECT count(*) > 0 FROM usdtpay.health()), true, 'analysts do');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
