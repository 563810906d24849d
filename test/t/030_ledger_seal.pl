# SPDX-License-Identifier: PostgreSQL
#
# Seals: tampering with postings, accounts or blocks behind the ledger's back is found; a dump carries
# the chain to another cluster, where it verifies and goes on; dropping the extension is refused.
use strict;
use warnings;
use UsdtPay::Test;

my $db = usdtpay_cluster('main', conf => ['fsync = off']);

# Runs a change that is undone again, as somebody with all rights would make it; returns the checks
# that notice.
sub noticed
{
	my ($change) = @_;
	return sql($db, "BEGIN; ALTER TABLE usdtpay.posting DISABLE TRIGGER USER;
		ALTER TABLE usdtpay.ledger_block DISABLE TRIGGER USER; SET LOCAL session_replication_role = replica; $change;
		SELECT coalesce(string_agg(\"check\", ' '), 'nothing') FROM usdtpay.ledger_verify() WHERE NOT holds; ROLLBACK");
}

sub sealed_all
{
	my ($node, $name) = @_;
	return poll_ok($node, "SELECT usdtpay.ledger_seal(10) IS NOT NULL AND (SELECT max(last_id) * 256 + 255 FROM usdtpay.ledger_block)
		>= (SELECT max(posting_id) FROM usdtpay.posting)", $name);
}

sql($db, "INSERT INTO usdtpay.party (party_id, code, name, kind) VALUES (500, 'seal', 'Seal', 'merchant')");
sql($db, "DO \$\$
DECLARE
	v_clearing bigint := usdtpay.account_open(500, 'USDT', 'clearing');
	v_available bigint := usdtpay.account_open(500, 'USDT', 'available');
	v_fee bigint := usdtpay.account_open(500, 'USDT', 'fee');
BEGIN
	FOR i IN 1 .. 25 LOOP
		PERFORM usdtpay.ledger_post(500, 'p' || i, ARRAY[v_clearing, v_available], ARRAY[v_available, v_fee], ARRAY[100, i], 'settle', 'order:' || i);
	END LOOP;
	PERFORM usdtpay.ledger_hold(500, 'h', v_available, v_clearing, 40);
	PERFORM usdtpay.ledger_capture(500, 'c', (SELECT hold_id FROM usdtpay.hold), 15);
	PERFORM usdtpay.ledger_hold(500, 'h2', v_available, v_clearing, 7);
END
\$\$");
sealed_all($db, 'everything is sealed');
is(sql($db, 'SELECT count(*) > 2, sum(journals) FROM usdtpay.ledger_block'), 't|28', 'in blocks of at most ten');
is(sql($db, 'SELECT bool_and(holds), count(*) FROM usdtpay.ledger_verify()'), 't|8', 'all checks hold');
is(sql($db, "SELECT count(*), bool_and(usdtpay.ledger_proof_check(f.leaf_hash, f.leaf_index, f.tree_size, f.audit_path, f.root))
	FROM usdtpay.journal j, LATERAL usdtpay.ledger_proof(500, j.journal_id) f"), '28|t', 'every journal is proved');
sql_fails($db, 'SELECT * FROM usdtpay.ledger_proof(500, 999999)', 'UP200', 'a journal that is not sealed has no proof');
sql_fails($db, 'SELECT usdtpay.ledger_seal(0)', 'UP000', 'an empty block is refused');

is(noticed('SELECT 1'), "1\nnothing", 'nothing changed, nothing noticed');
is(noticed("UPDATE usdtpay.posting SET reference = 'order:99' WHERE key = 'p3'"), 'blocks', 'a changed reference');
is(noticed("UPDATE usdtpay.posting SET posted_at = posted_at + interval '1 microsecond' WHERE key = 'p3'"), 'blocks', 'a changed time');
is(noticed("UPDATE usdtpay.posting SET key = 'other' WHERE key = 'p3'"), 'blocks', 'a changed key');
is(noticed("UPDATE usdtpay.posting SET kind = 'adjust' WHERE key = 'p3'"), 'blocks', 'a changed kind');
is(noticed("UPDATE usdtpay.posting SET amount = amount + 1 WHERE key = 'p3'"), 'blocks balances prev_chains', 'a changed amount');
is(noticed("DELETE FROM usdtpay.posting WHERE key = 'p3'"), 'blocks balances prev_chains journals', 'a deleted line');
is(noticed("DELETE FROM usdtpay.posting WHERE key = 'h2'"), 'blocks balances prev_chains holds', 'a deleted hold');
is(noticed('UPDATE usdtpay.account SET credits = credits + 1, debits = debits + 1'), 'balances', 'changed totals');
is(noticed('UPDATE usdtpay.account SET last_posting = 256'), 'prev_chains', 'a cut history');
is(noticed('DELETE FROM usdtpay.hold'), 'holds', 'a hold that vanished from the list');
is(noticed('DELETE FROM usdtpay.ledger_block WHERE block_no = 2'), 'chain', 'a missing block');
is(noticed("UPDATE usdtpay.ledger_block SET root = sha256('x') WHERE block_no = 2"), 'blocks chain', 'a changed root');
is(noticed("UPDATE usdtpay.ledger_block SET hash = sha256('x') WHERE block_no = 2"), 'chain', 'a changed hash');
is(noticed("UPDATE usdtpay.ledger_block SET last_id = last_id + 100 WHERE block_no = (SELECT max(block_no) FROM usdtpay.ledger_block)"),
	'chain', 'a stretched range');

# Dump and restore into another cluster.
my $dump = $db->basedir . '/ledger.dump';
$db->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $db->connstr('postgres') ], 'the ledger is dumped');
my $other = usdtpay_cluster('other', extension => 0, conf => ['fsync = off']);
sql($other, 'CREATE DATABASE restored');
$other->command_ok([ 'pg_restore', '--exit-on-error', '-d', $other->connstr('restored'), $dump ], 'and restored elsewhere');
for my $table (qw(usdtpay.account usdtpay.account_name usdtpay.posting usdtpay.hold usdtpay.ledger_block))
{
	my $query = "SELECT count(*), md5(string_agg(t::text, '' ORDER BY t::text)) FROM $table t";
	is(sql($other, $query, dbname => 'restored'), sql($db, $query), "$table is the same");
}
is(sql($other, 'SELECT bool_and(holds), count(*) FROM usdtpay.ledger_verify()', dbname => 'restored'), 't|8', 'it verifies there');
is(sql($other, "SELECT r.status, r.journal_id > 28 FROM usdtpay.account_name c JOIN usdtpay.account_name a USING (party_id),
	LATERAL usdtpay.ledger_post(500, 'after', ARRAY[c.account_id], ARRAY[a.account_id], ARRAY[1]) r
	WHERE c.name = 'clearing' AND a.name = 'available'", dbname => 'restored'), 'created|t', 'posting goes on with new numbers');
my $sealed;
for (1 .. 100)
{
	sql($other, 'SELECT usdtpay.ledger_seal()', dbname => 'restored');
	$sealed = sql($other, 'SELECT max(last_id) * 256 + 255 >= (SELECT max(posting_id) FROM usdtpay.posting) FROM usdtpay.ledger_block', dbname => 'restored');
	last if $sealed eq 't';
}
is($sealed, 't', 'and so does sealing');
is(sql($other, 'SELECT bool_and(holds), count(*) FROM usdtpay.ledger_verify()', dbname => 'restored'), 't|8', 'on the same chain');

# The guard.
sql_fails($db, 'DROP EXTENSION usdtpay', 'UP304', 'DROP EXTENSION is refused');
sql($db, "CREATE ROLE dba SUPERUSER; UPDATE pg_extension SET extowner = 'dba'::regrole WHERE extname = 'usdtpay'; CREATE ROLE bystander");
sql_fails($db, 'DROP OWNED BY bystander, dba', 'UP304', 'so is dropping all that its owner has');
sql($db, 'DROP OWNED BY bystander');
pass('of others it is not');
sql($db, "UPDATE pg_extension SET extowner = current_user::regrole WHERE extname = 'usdtpay'; DROP ROLE bystander");
sql_fails($db, 'DROP EXTENSION plpgsql CASCADE', 'UP304', 'so is dropping what it stands on');
sql($db, 'CREATE ROLE somebody LOGIN');
sql_fails($db, 'SET ROLE somebody; SET usdtpay.allow_drop = on', '42501', 'not everybody may allow it');
sql($db, 'SET usdtpay.allow_drop = on; DROP EXTENSION usdtpay');
is(sql($db, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'usdtpay%'"), '0', 'who may and wants to can');
$db->stop('fast');
$other->stop('fast');
done_testing();
