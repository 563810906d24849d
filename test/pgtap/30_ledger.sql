-- The ledger: accounts, posting, batches, holds, limits, reading, and every refusal.
BEGIN;
SELECT plan(110);

CREATE FUNCTION pg_temp.complaint(p_sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v_state text;
	v_message text;
	v_detail text;
	v_hint text;
BEGIN
	EXECUTE p_sql;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS v_state = RETURNED_SQLSTATE, v_message = MESSAGE_TEXT,
		v_detail = PG_EXCEPTION_DETAIL, v_hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', v_state, v_message, nullif(v_detail, ''),
		CASE WHEN v_hint = '' THEN 'NO HINT' END);
END
$$;

INSERT INTO usdtpay.party (party_id, code, name, kind) VALUES
	(900001, 'ledger-a', 'A', 'merchant'), (900002, 'ledger-b', 'B', 'merchant');

-- Accounts -------------------------------------------------------------------------------------
CREATE TEMP TABLE acc AS
	SELECT usdtpay.account_open(900001, 'USDT', 'available') AS avail,
	       usdtpay.account_open(900001, 'USDT', 'custody:tron') AS custody,
	       usdtpay.account_open(900001, 'USDT', 'clearing') AS clearing,
	       usdtpay.account_open(900001, 'USDT', 'fee') AS fee,
	       usdtpay.account_open(900001, 'USDT', 'available', 'customer-7') AS customer,
	       usdtpay.account_open(900001, 'TRX', 'gas:tron') AS gas,
	       usdtpay.account_open(900002, 'USDT', 'available') AS other;
-- Typed literals, since psql pastes text.
SELECT avail || '::bigint' AS avail, custody || '::bigint' AS custody, clearing || '::bigint' AS clearing, fee || '::bigint' AS fee,
	customer || '::bigint' AS customer, gas || '::bigint' AS gas, other || '::bigint' AS other FROM acc \gset

SELECT is(usdtpay.account_open(900001, 'USDT', 'available'), :avail, 'opening again returns the same account');
SELECT isnt(:customer, :avail, 'a customer''s account is another one');
SELECT is(usdtpay_internal.account_id(900001, 1, 'available', 'customer-7'), :customer, 'account_id finds it by name');
SELECT is(usdtpay_internal.account_id(900001, 1, 'escrow'), NULL, 'account_id does not open');
SELECT results_eq(
	$$SELECT n.name, a.flags FROM usdtpay.account a JOIN usdtpay.account_name n USING (party_id, account_id)
	   WHERE party_id = 900001 AND n.customer_ref = '' ORDER BY 1$$,
	$$VALUES ('available', 1), ('clearing', 0), ('custody:tron', 2), ('fee', 1), ('gas:tron', 2)$$,
	'the name decides the limits');
SELECT is(usdtpay_internal.account_flags(n), f, format('flags of %s', n))
	FROM (VALUES ('pending', 1), ('held', 1), ('escrow', 1), ('disputed', 1), ('margin', 1), ('payout', 1),
		('suspense', 1), ('received', 1), ('self:evm', 2), ('fiat:cny', 0), ('custody', NULL), ('pocket', NULL)) v (n, f);
SELECT is(pg_temp.complaint($$SELECT usdtpay.account_open(900001, 'USDT', 'pocket')$$),
	'UP000 | unknown account name | Name "pocket".', 'an unknown name is refused');
SELECT is(pg_temp.complaint($$SELECT usdtpay.account_open(900001, 'GOLD', 'available')$$),
	'UP200 | asset not found | Asset "GOLD".', 'an unknown asset is refused');
SELECT is(pg_temp.complaint($$SELECT usdtpay.account_open(123456789, 'USDT', 'available')$$),
	'UP200 | party not found | Party 123456789.', 'an unknown party is refused');
SELECT is(pg_temp.complaint($$SELECT usdtpay.account_open(900001, 'USDT', 'available', repeat('x', 256))$$),
	'UP000 | customer reference is too long | It has 256 octets.', 'a long customer reference is refused');
SELECT matches(pg_temp.complaint($$SELECT usdtpay.account_open(900001, 'USDT', NULL)$$),
	'^UP000 \| argument must not be null', 'a null name is refused');

-- Posting --------------------------------------------------------------------------------------
PREPARE post (text, bigint[], bigint[], bigint[]) AS
	SELECT * FROM usdtpay.ledger_post(900001, $1, $2, $3, $4, 'deposit', 'deposit:1');
CREATE TEMP TABLE made AS
	SELECT * FROM usdtpay.ledger_post(900001, 'dep-1', ARRAY[:custody], ARRAY[:avail], ARRAY[1000], 'deposit', 'deposit:1');
SELECT is(status, 'created', 'a deposit is created') FROM made;
SELECT results_eq(
	format($$SELECT journal_id, status FROM usdtpay.ledger_post(900001, 'dep-1', ARRAY[%s]::bigint[], ARRAY[%s]::bigint[], ARRAY[1000]::bigint[], 'deposit')$$, :custody, :avail),
	'SELECT journal_id, ''exists'' FROM made', 'the same key and body answer exists with the same number');
SELECT is(pg_temp.complaint(format('EXECUTE post(%L, ARRAY[%s], ARRAY[%s], ARRAY[1001])', 'dep-1', :custody, :avail)),
	'UP202 | idempotency key was used for another journal | Key "dep-1" of party 900001 stands for other accounts, amounts or another kind.',
	'the same key with another amount is refused');
SELECT matches(pg_temp.complaint(format($$SELECT usdtpay.ledger_post(900001, 'dep-1', ARRAY[%s]::bigint[], ARRAY[%s]::bigint[], ARRAY[1000]::bigint[], 'adjust')$$, :custody, :avail)),
	'^UP202', 'the same key with another kind is refused');
SELECT matches(pg_temp.complaint(format('EXECUTE post(%L, ARRAY[%s,%s], ARRAY[%s,%s], ARRAY[1000,1])', 'dep-1', :custody, :avail, :avail, :fee)),
	'^UP202', 'the same key with another line is refused');
SELECT is(pg_temp.complaint(format('EXECUTE post(%L, ARRAY[%s], ARRAY[%s], ARRAY[1001])', 'x', :avail, :fee)),
	format('UP300 | account limit would break | Account %s (available) of party 900001: debits 0 + held 0, credits 1000 + held 0, amount 1001 minor units.', :avail),
	'available cannot go below zero');
SELECT matches(pg_temp.complaint(format('EXECUTE post(%L, ARRAY[%s], ARRAY[%s], ARRAY[1001])', 'x', :fee, :custody)),
	'^UP300', 'fee cannot go below zero');
SELECT matches(pg_temp.complaint(format('EXECUTE post(%L, ARRAY[%s], ARRAY[%s], ARRAY[1001])', 'x', :clearing, :custody)),
	'^UP300 \| account limit would break \| Account \d+ \(custody:tron\)', 'custody cannot be credited above what came in');
SELECT is((SELECT status FROM usdtpay.ledger_post(900001, 'clr', ARRAY[:clearing], ARRAY[:fee], ARRAY[7])), 'created',
	'clearing may go either way');
SELECT is((SELECT status FROM usdtpay.ledger_post(900001, 'multi', ARRAY[:avail, :customer], ARRAY[:customer, :fee], ARRAY[300, 300])),
	'created', 'a later line sees what an earlier one did');
SELECT matches(pg_temp.complaint(format('EXECUTE post(%L, ARRAY[%s,%s], ARRAY[%s,%s], ARRAY[300,300])', 'x', :customer, :avail, :fee, :customer)),
	'^UP300', 'lines are judged in order');
SELECT results_eq(
	format('SELECT debits, credits, version FROM usdtpay.account WHERE account_id IN (%s, %s, %s, %s) ORDER BY account_id', :avail, :custody, :clearing, :fee),
	$$VALUES (300::bigint, 1000::bigint, 2::bigint), (1000, 0, 1), (7, 0, 1), (0, 307, 2)$$,
	'totals are what was posted, refused journals left nothing');
SELECT matches(pg_temp.complaint(format('EXECUTE post(%L, ARRAY[%s], ARRAY[%s], ARRAY[1])', 'x', :avail, :other)),
	'^UP200 \| account not found \| Party 900001 has no account', 'another party''s account is unknown');
SELECT matches(pg_temp.complaint(format('EXECUTE post(%L, ARRAY[%s], ARRAY[%s], ARRAY[1])', 'x', :clearing, :gas)),
	'^UP000 \| accounts hold different assets', 'two assets do not mix');
SELECT is(pg_temp.complaint(format('EXECUTE post(%L, ARRAY[%s], ARRAY[%s], ARRAY[0])', 'x', :clearing, :fee)),
	'UP004 | amount must be positive | Amount 0 under key "x".', 'a zero amount is refused');
SELECT matches(pg_temp.complaint(format('EXECUTE post(%L, ARRAY[%s], ARRAY[%s], ARRAY[-5])', 'x', :clearing, :fee)),
	'^UP004', 'a negative amount is refused');
SELECT matches(pg_temp.complaint(format('EXECUTE post(%L, ARRAY[%s], ARRAY[%s], ARRAY[5])', 'x', :fee, :fee)),
	'^UP000 \| debit and credit account must differ', 'an account cannot pay itself');
SELECT matches(pg_temp.complaint(format('EXECUTE post(%L, ARRAY[%s], ARRAY[%s,%s], ARRAY[5])', 'x', :fee, :avail, :clearing)),
	'^UP000 \| arrays differ in length \| Argument p_credit has 2 elements, not 1', 'arrays must match');
SELECT matches(pg_temp.complaint($$EXECUTE post('x', '{}', '{}', '{}')$$), '^UP000 \| journal has no lines', 'an empty journal is refused');
SELECT matches(pg_temp.complaint($$EXECUTE post('x', '{NULL}', '{1}', '{1}')$$), '^UP000 \| array must have one dimension and no nulls', 'nulls are refused');
SELECT matches(pg_temp.complaint($$EXECUTE post('x', '{{1,2},{3,4}}', '{1}', '{1}')$$), '^UP000 \| array must have one dimension', 'matrices are refused');
SELECT matches(pg_temp.complaint($$EXECUTE post('', '{1}', '{2}', '{1}')$$), '^UP000 \| idempotency key has a length out of range', 'an empty key is refused');
SELECT matches(pg_temp.complaint($$EXECUTE post(repeat('k', 256), '{1}', '{2}', '{1}')$$), '^UP000 \| idempotency key', 'a long key is refused');
SELECT is(pg_temp.complaint($$EXECUTE post('expire:7', '{1}', '{2}', '{1}')$$), 'UP000 | idempotency key is reserved | Key "expire:7".', 'a key of ours is refused');
SELECT matches(pg_temp.complaint($$EXECUTE post(NULL, '{1}', '{2}', '{1}')$$), '^UP000 \| argument must not be null', 'a null key is refused');
SELECT matches(pg_temp.complaint($$SELECT usdtpay.ledger_post(1, 'x', '{1}', '{2}', '{1}', 'fee', repeat('r', 1001))$$),
	'^UP000 \| reference is too long', 'a long reference is refused');
SELECT matches(pg_temp.complaint(format($$SELECT usdtpay.ledger_post(900001, 'x', array_fill(%s::bigint, ARRAY[257]), array_fill(%s::bigint, ARRAY[257]), array_fill(1::bigint, ARRAY[257]))$$, :clearing, :fee)),
	'^UP000 \| journal has too many lines', 'a journal of 257 lines is refused');
SELECT is((SELECT status FROM usdtpay.ledger_post(900001, 'full', array_fill(:clearing::bigint, ARRAY[256]), array_fill(:fee::bigint, ARRAY[256]), array_fill(1::bigint, ARRAY[256]))),
	'created', 'a journal of 256 lines is posted');
SELECT is((SELECT status FROM usdtpay.ledger_post(900001, 'full', array_fill(:clearing::bigint, ARRAY[256]), array_fill(:fee::bigint, ARRAY[256]), array_fill(1::bigint, ARRAY[256]))),
	'exists', 'and recognised again');
SELECT is((SELECT status FROM usdtpay.ledger_post(900001, 'two', ARRAY[:clearing, :clearing], ARRAY[:fee, :fee], ARRAY[2, 3], 'deposit')), 'created', 'a journal of two lines');
SELECT matches(pg_temp.complaint(format('EXECUTE post(%L, ARRAY[%s,%s], ARRAY[%s,%s], ARRAY[2,4])', 'two', :clearing, :clearing, :fee, :fee)),
	'^UP202', 'that differs in the second one is another journal');
SELECT is((SELECT status FROM usdtpay.ledger_post(900002, 'dep-1', ARRAY[usdtpay.account_open(900002, 'USDT', 'clearing')], ARRAY[:other], ARRAY[9])),
	'created', 'keys of two parties do not meet');
SELECT is((SELECT status FROM usdtpay.ledger_post(900001, 'big', ARRAY[:clearing], ARRAY[:fee], ARRAY[9223372036854775000])), 'created',
	'amounts use the whole range');
SELECT matches(pg_temp.complaint(format('EXECUTE post(%L, ARRAY[%s], ARRAY[%s], ARRAY[9223372036854775000])', 'x', :clearing, :fee)),
	'^UP300 \| account total out of range', 'totals do not wrap');
SELECT is((SELECT status FROM usdtpay.ledger_post(900001, 'bigback', ARRAY[:fee], ARRAY[:clearing], ARRAY[9223372036854775000])), 'created',
	'and come back');

-- Savepoints -----------------------------------------------------------------------------------
CREATE TEMP TABLE before AS SELECT * FROM usdtpay.account WHERE party_id = 900001;
SAVEPOINT s;
SELECT journal_id FROM usdtpay.ledger_post(900001, 'undone', ARRAY[:avail], ARRAY[:fee], ARRAY[1]);
ROLLBACK TO s;
SELECT set_eq('SELECT * FROM usdtpay.account WHERE party_id = 900001', 'SELECT * FROM before', 'a savepoint undoes a posting');
SELECT is((SELECT status FROM usdtpay.ledger_post(900001, 'undone', ARRAY[:avail], ARRAY[:fee], ARRAY[1])), 'created', 'and its key is free again');

-- Many calls in one statement see each other -----------------------------------------------------
SELECT is((SELECT count(*) FROM generate_series(1, 20) g, LATERAL usdtpay.ledger_post(900001, 'row-' || g % 10, ARRAY[:avail], ARRAY[:fee], ARRAY[1]) r WHERE r.status = 'created'),
	10::bigint, 'calls of one statement see each other');

-- Batch ----------------------------------------------------------------------------------------
SELECT results_eq(
	format($$SELECT ord, status FROM usdtpay.ledger_post_batch(
		array_fill(900001::bigint, ARRAY[10]), ARRAY['b1','b2','b2','b3','b1','b4','b5','b6','b1','b7'],
		ARRAY[%1$s,%1$s,%2$s,%1$s,%1$s,%1$s,%3$s,%1$s,%1$s,%1$s]::bigint[],
		ARRAY[%3$s,%2$s,%3$s,%3$s,%3$s,-1,%4$s,%2$s,%3$s,%3$s]::bigint[],
		ARRAY[10,10,10,100000,10,1,1,5,11,1]::bigint[])$$, :avail, :fee, :clearing, :gas),
	$$VALUES (1, 'created'), (2, 'created'), (4, 'limit'), (5, 'exists'), (6, 'unknown_account'), (7, 'asset_mismatch'),
		(8, 'created'), (9, 'mismatch'), (10, 'created')$$, 'a batch answers per journal');
CREATE TEMP TABLE numbered AS
	SELECT *, (ARRAY['b8','b8','b2','b9','b4','b10'])[ord] AS key FROM usdtpay.ledger_post_batch(
		array_fill(900001::bigint, ARRAY[6]), ARRAY['b8','b8','b2','b9','b4','b10'],
		ARRAY[:avail, :avail, :avail, :avail, :avail, :avail], ARRAY[:fee, :fee, :fee, :fee, -1, :fee], '{1,1,1,100000,1,1}');
SELECT results_eq('SELECT n.ord, n.status, j.key COLLATE "default" FROM numbered AS n LEFT JOIN usdtpay.journal AS j USING (journal_id) ORDER BY n.ord',
	$$VALUES (1, 'created', 'b8'), (3, 'mismatch', NULL), (4, 'limit', NULL), (5, 'unknown_account', NULL), (6, 'created', 'b10')$$,
	'with each journal''s own number, and none where nothing was posted');
CREATE TEMP TABLE renumbered AS
	SELECT * FROM usdtpay.ledger_post_batch('{900001,900001,900001}', '{b10,b12,b11}', ARRAY[:avail, :avail, :avail], ARRAY[:fee, :fee, :fee], '{1,1,1}');
SELECT is((SELECT string_agg(j.key, ' ' ORDER BY n.ord) FROM renumbered AS n JOIN usdtpay.journal AS j USING (journal_id)), 'b10 b12 b11',
	'also where some were posted before');
SELECT is((SELECT count(*) FROM usdtpay.posting WHERE party_id = 900001 AND key IN ('b3', 'b4', 'b5')), 0::bigint, 'refused journals are not posted');
SELECT matches(pg_temp.complaint(format($$SELECT usdtpay.ledger_post_batch('{900001,900001}', '{s1,s2}', '{%1$s,%1$s}', '{%2$s,%2$s}', '{1,100000}', p_strict => true)$$, :avail, :fee)),
	'^UP300', 'a strict batch raises the first refusal');
SELECT is((SELECT count(*) FROM usdtpay.posting WHERE party_id = 900001 AND key = 's1'), 0::bigint, 'and posts nothing');
SELECT is((SELECT count(*) FROM usdtpay.ledger_post_batch('{}', '{}', '{}', '{}', '{}')), 0::bigint, 'an empty batch is nothing');
SELECT matches(pg_temp.complaint($$SELECT usdtpay.ledger_post_batch(array_fill(1::bigint, ARRAY[65537]), array_fill('k'::text, ARRAY[65537]), array_fill(1::bigint, ARRAY[65537]), array_fill(2::bigint, ARRAY[65537]), array_fill(1::bigint, ARRAY[65537]))$$),
	'^UP000 \| too many lines in one call', 'a batch is bounded');
CREATE TEMP TABLE labelled AS
	SELECT * FROM usdtpay.ledger_post_batch('{900001,900001}', '{l1,l2}', ARRAY[:avail, :avail], ARRAY[:fee, :fee], '{1,1}',
		ARRAY['fee', NULL]::usdtpay.journal_kind[], '{order:1,NULL}');
SELECT results_eq('SELECT kind::text, reference FROM labelled JOIN usdtpay.journal USING (journal_id) ORDER BY ord',
	$$VALUES ('fee', 'order:1'), ('transfer', NULL)$$, 'kinds and references are per line');

-- Holds ----------------------------------------------------------------------------------------
SELECT (credits - debits) || '::bigint' AS free FROM usdtpay.account WHERE account_id = :avail \gset
SELECT hold_id || '::bigint' AS hold FROM usdtpay.ledger_hold(900001, 'h1', :avail, :clearing, 400) \gset
SELECT is((SELECT hold_id FROM usdtpay.ledger_hold(900001, 'h1', :avail, :clearing, 400)), :hold, 'a hold is idempotent');
SELECT is((SELECT hold_id || ' ' || status FROM usdtpay.ledger_hold(900001, 'h1', :avail, :clearing, 400, now() + interval '1 day', p_reference => 'again')), (:hold) || ' exists', 'whatever time and reference a retry gives');
SELECT is((SELECT expires_at FROM usdtpay.hold WHERE hold_id = :hold), NULL, 'the first ones stand');
SELECT is((SELECT debits_held FROM usdtpay.account WHERE account_id = :avail), 400::bigint, 'a hold is counted');
SELECT matches(pg_temp.complaint(format('EXECUTE post(%L, ARRAY[%s], ARRAY[%s], ARRAY[%s])', 'x', :avail, :fee, :free - 399)), '^UP300', 'what is held cannot be spent');
SELECT matches(pg_temp.complaint(format($$SELECT usdtpay.ledger_hold(900001, 'x', %s, %s, %s)$$, :avail, :fee, :free - 399)), '^UP300', 'nor held twice');
SELECT matches(pg_temp.complaint(format($$SELECT usdtpay.ledger_capture(900001, 'c0', %s, 401)$$, :hold)), '^UP303.*larger than the hold', 'a capture cannot exceed its hold');
SELECT is((SELECT status FROM usdtpay.ledger_capture(900001, 'c1', :hold, 150)), 'created', 'a part is captured');
SELECT is((SELECT status FROM usdtpay.ledger_capture(900001, 'c1', :hold, 150)), 'exists', 'idempotently');
SELECT results_eq(format('SELECT credits - debits, debits_held FROM usdtpay.account WHERE account_id = %s', :avail),
	format('SELECT %s::bigint, 0::bigint', :free - 150), 'the rest is freed');
SELECT is(pg_temp.complaint(format($$SELECT usdtpay.ledger_release(900001, 'rel1', %s)$$, :hold)),
	format('UP303 | hold cannot be resolved | Hold %s of party 900001, amount 400. It was captured, released or expired before.', :hold), 'a hold is resolved once');
SELECT matches(pg_temp.complaint($$SELECT usdtpay.ledger_release(900001, 'r1', 77)$$), '^UP303.*no such hold', 'an unknown hold is refused');
SELECT matches(pg_temp.complaint($$SELECT usdtpay.ledger_capture(900001, 'r1', 77, 0)$$), '^UP004', 'a capture of nothing is refused');
SELECT hold_id || '::bigint' AS old FROM usdtpay.ledger_hold(900001, 'h2', :avail, :clearing, 5, now() - interval '1 second') \gset
SELECT hold_id || '::bigint' AS young FROM usdtpay.ledger_hold(900001, 'h3', :avail, :clearing, 6, now() + interval '1 hour') \gset
SELECT is(usdtpay.ledger_holds_expire(), 1, 'a hold past its time expires');
SELECT is(usdtpay.ledger_holds_expire(), 0, 'once');
SELECT is((SELECT debits_held FROM usdtpay.account WHERE account_id = :avail), 6::bigint, 'a young one stays');
SELECT usdtpay.account_open(900001, 'USDT', 'margin') AS margin \gset
SELECT hold_id || '::bigint' AS reserve FROM usdtpay.ledger_hold(900001, 'h4', :clearing, :margin, 1) \gset
SELECT matches(pg_temp.complaint(format('SELECT usdtpay.account_close(900001, %s)', :margin)), '^UP201 \| account has open holds', 'an account with holds is not closed');
SELECT is((SELECT status FROM usdtpay.ledger_release(900001, 'r4', :reserve)), 'created', 'it may be once they are gone');
SELECT is((SELECT status FROM usdtpay.ledger_release(900001, 'r3', :young)), 'created', 'a hold is released');

-- Closing --------------------------------------------------------------------------------------
SELECT is(usdtpay.account_close(900001, :margin), true, 'an account is closed');
SELECT is(usdtpay.account_close(900001, :margin), false, 'closing again changes nothing');
SELECT matches(pg_temp.complaint(format('EXECUTE post(%L, ARRAY[%s], ARRAY[%s], ARRAY[1])', 'x', :fee, :margin)), '^UP301 \| account is closed', 'a closed account takes nothing');
SELECT matches(pg_temp.complaint(format('EXECUTE post(%L, ARRAY[%s], ARRAY[%s], ARRAY[1])', 'x', :margin, :fee)), '^UP301 \| account is closed', 'and gives nothing');
SELECT is(usdtpay.account_reopen(900001, :margin), true, 'it is reopened');

-- Reading --------------------------------------------------------------------------------------
SELECT is_empty($$SELECT party_id, asset, sum(CASE side WHEN 'debit' THEN amount ELSE -amount END) FROM usdtpay.entry
	WHERE party_id = 900001 GROUP BY 1, 2 HAVING sum(CASE side WHEN 'debit' THEN amount ELSE -amount END) <> 0$$, 'entries balance');
SELECT is((SELECT amount FROM usdtpay.entry WHERE party_id = 900001 AND reference = 'deposit:1' AND side = 'credit'), 0.001000, 'entries speak asset units');
SELECT is((SELECT difference FROM usdtpay.trial_balance WHERE party_id = 900001 AND asset = 'USDT'), 0.000000, 'the trial balance is zero');
SELECT results_eq(
	format('SELECT posting_id FROM usdtpay.account_history(900001, %s, 1000)', :fee),
	format('SELECT posting_id FROM usdtpay.posting WHERE party_id = 900001 AND %s IN (debit_account, credit_account) ORDER BY posting_id DESC', :fee),
	'the history is complete and newest first');
SELECT results_eq(
	format('SELECT posting_id FROM usdtpay.account_history(900001, %1$s, 3, (SELECT min(posting_id) FROM usdtpay.account_history(900001, %1$s, 4)))', :fee),
	format('SELECT posting_id FROM usdtpay.account_history(900001, %s, 7) OFFSET 4', :fee), 'pages join');
SELECT is_empty('SELECT * FROM usdtpay.ledger_verify() WHERE NOT holds', 'everything verifies');

-- Decorated tables ------------------------------------------------------------------------------
CREATE INDEX probe_plain ON usdtpay.posting (reference);
CREATE INDEX probe_partial ON usdtpay.posting (amount) WHERE amount > 900;
CREATE INDEX probe_expression ON usdtpay.posting ((amount / 2));
SELECT is((SELECT count(*) FROM usdtpay.ledger_post_batch(array_fill(900001::bigint, ARRAY[3]), '{i1,i2,i3}', array_fill(:custody, ARRAY[3]),
	array_fill(:avail, ARRAY[3]), '{901,3,902}', p_reference => '{probe:1,probe:2,probe:3}') WHERE status = 'created'), 3::bigint, 'indexes of others do not disturb');
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;
SELECT is((SELECT count(*) FROM usdtpay.posting WHERE reference LIKE 'probe:%' AND reference >= 'probe:1' AND reference <= 'probe:3'), 3::bigint, 'a plain one is filled');
SELECT is((SELECT count(*) FROM usdtpay.posting WHERE amount > 900 AND amount < 903), 2::bigint, 'a partial one is filled');
SELECT is((SELECT sum(amount) FROM usdtpay.posting WHERE amount / 2 IN (450, 451)), 1803::numeric, 'one over an expression is filled');
RESET enable_seqscan;
RESET enable_bitmapscan;
CREATE TEMP TABLE fired (n int);
CREATE FUNCTION pg_temp.fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO fired VALUES (1); RETURN NULL; END';
CREATE TRIGGER probe AFTER INSERT ON usdtpay.posting FOR EACH ROW EXECUTE FUNCTION pg_temp.fire();
SELECT is((SELECT status FROM usdtpay.ledger_post(900001, 't1', ARRAY[:custody], ARRAY[:avail], ARRAY[1])), 'created', 'with a trigger on the table posting goes on');
SELECT is((SELECT count(*) FROM fired), 1::bigint, 'through the lane that fires it');
DROP TRIGGER probe ON usdtpay.posting;
SELECT is_empty('SELECT * FROM usdtpay.ledger_verify() WHERE NOT holds', 'and everything verifies');

-- History and guard ----------------------------------------------------------------------------
SELECT is(pg_temp.complaint('UPDATE usdtpay.posting SET amount = 1'), 'UP302 | history cannot be changed | Table "posting" is append-only.', 'postings are not updated');
SELECT matches(pg_temp.complaint('DELETE FROM usdtpay.posting'), '^UP302', 'nor deleted');
SELECT matches(pg_temp.complaint('DROP EXTENSION usdtpay CASCADE'), '^UP304 \| extension holds a ledger with postings', 'DROP EXTENSION is refused');
SELECT throws_ok('SET usdtpay.unheard_of = 1', '42602', NULL, 'a misspelt setting is refused');

SELECT * FROM finish();
ROLLBACK;
