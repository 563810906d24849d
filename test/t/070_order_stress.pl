# SPDX-License-Identifier: PostgreSQL
#
# Orders, deposits and decisions under everybody at once: three networks that mine, reorganise and
# finalize, three people and the sealer.  No call fails but for its object's state, nothing waits for
# ever, and every invariant holds at the end.
use strict;
use warnings;
use IPC::Run ();
use UsdtPay::Test;

my $seconds = $ENV{STRESS_SECONDS} // 8;
my $db = usdtpay_cluster('main', conf => ['fsync = off', 'deadlock_timeout = 100ms']);
$db->command_ok(
	['psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $db->connstr('postgres'), '-f', "$_"], "$_ loads")
	for 'test/isolation/lib.sql', 'test/t/070_order_stress.sql';

my $until = sql($db, "SELECT clock_timestamp() + interval '$seconds seconds'");
my @calls = ((map { "stress.chain('s$_', '$until')" } 1 .. 3),
	(map { "stress.people('$_', '$until')" } qw(a b c)), "stress.seal('$until')");
my @runs = map {
	IPC::Run::start(['psql', '-Xq', '-d', $db->connstr('postgres'), '-c', "CALL $_"],
		'<', \'', '>', \my $out, '2>', \my $err)
} @calls;
ok($_->finish, 'a participant ends well') for @runs;

cmp_ok(sql($db, 'SELECT count(*) FROM usdtpay.deposit'), '>', 100, 'there was work');
is(sql($db, "SELECT count(DISTINCT state) >= 5 FROM usdtpay.payment_order"), 't',
	'orders went many ways');
is(sql($db, "SELECT count(*) FROM usdtpay.chain_block WHERE NOT canonical") > 0, 1,
	'blocks were reorganised');
is(sql($db, "SELECT state, message FROM stress.error WHERE state <> 'UP201' LIMIT 5"), '',
	'nothing failed but for the state of its object');
is(sql($db, 'SELECT code, breaks FROM usdtpay.invariants WHERE NOT holds'), '',
	'every invariant holds');
is(sql($db, "SELECT count(*) FROM usdtpay.deposit AS a JOIN usdtpay.deposit AS b
	USING (network_id, tx_hash, token_id, ordinal) WHERE a.deposit_id < b.deposit_id"), '0',
	'no transfer is two deposits');

$db->stop('fast');
unlike(slurp_file($db->logfile), qr/terminated by signal|PANIC|TRAP/, 'nothing crashed');
done_testing();
