# SPDX-License-Identifier: PostgreSQL
#
# A few accounts, many writers, every way to post at once, both lanes: no deadlock, no refusal that
# limits do not explain, and a ledger that verifies.
use strict;
use warnings;
use IPC::Run ();
use UsdtPay::Test;

my $seconds = 4;
my $db = usdtpay_cluster('main', conf => ['fsync = off', 'max_connections = 60', 'deadlock_timeout = 100ms']);
sql($db, "INSERT INTO usdtpay.party (party_id, code, name, kind) VALUES (500, 'race', 'Race', 'merchant')");
sql($db, "SELECT usdtpay.account_open(500, 'USDT', 'clearing', n::text) FROM generate_series(0, 6) n");
sql($db, "SELECT usdtpay.account_open(500, 'USDT', 'available', n::text) FROM generate_series(0, 2) n");
my $first = sql($db, 'SELECT min(account_id) FROM usdtpay.account');

# Three different accounts out of seven, as ids.
my $set = "\\set a random(0, 6)\n\\set b (:a + random(1, 3)) % 7\n\\set c (:b + random(1, 3)) % 7\n";
my ($a, $b, $c) = map { "$first + :$_" } qw(a b c);
my $key = 'gen_random_uuid()::text';
my $keys = "ARRAY[500, 500, 500], ARRAY[$key, $key, $key]";

sub post
{
	my ($debit, $credit, $amount) = map { "ARRAY[$_]::bigint[]" } @_;
	return "SELECT status FROM usdtpay.ledger_post(500, $key, $debit, $credit, $amount);";
}

sub post_batch
{
	my ($debit, $credit, $amount) = map { "ARRAY[$_]::bigint[]" } @_;
	return "SELECT status FROM usdtpay.ledger_post_batch($keys, $debit, $credit, $amount);";
}

my %script = (
	single => $set . post("$a, $b", "$b, $c", '5, 3'),
	batch => $set . "BEGIN;\n" . post_batch("$a, $b, $a", "$b, $a, $b", '5, 3, 1') . "\nEND;",
	plain => $set . "BEGIN;\nSET LOCAL usdtpay.ledger_direct = off;\n" . post($a, $b, 2) . "\nEND;",
	# Holds of the first accounts are left to expire, the others are captured.
	hold => $set . "SELECT hold_id FROM usdtpay.ledger_hold(500, $key, $a, $b, 7,
			CASE WHEN :a <= 2 THEN now() END) \\gset\n\\set late :a > 2\n"
		. "\\if :late\nSELECT status FROM usdtpay.ledger_capture(500, $key, :hold_id, 4);\n\\endif",
	same => "\\set k random(1, 400)\nSELECT status FROM usdtpay.ledger_post(500, 'same-' || :k,
			ARRAY[$first]::bigint[], ARRAY[$first + 1]::bigint[], ARRAY[5]::bigint[]);",
	limit => "\\set n random(7, 9)\n"
		. post_batch("$first, $first + :n, $first + :n", "$first + :n, $first + 1, $first + 2", '10, 9, 2'),
);
$script{hold} =~ s/\n\t+/ /g;
$script{same} =~ s/\n\t+/ /g;

my %run;
for my $name (sort keys %script)
{
	my $file = $db->basedir . "/$name.sql";
	append_to_file($file, "$script{$name}\n");
	my ($out, $err) = ('', '');
	$run{$name} = { out => \$out, err => \$err };
	$run{$name}{handle} = IPC::Run::start([ 'pgbench', '-n', '-c', '3', '-T', $seconds, '-f', $file,
			$db->connstr('postgres') ], '>', \$out, '2>', \$err);
}
sql($db, 'SELECT usdtpay.ledger_holds_expire(50), usdtpay.ledger_seal()') for 1 .. 20;
for my $name (sort keys %run)
{
	ok($run{$name}{handle}->finish, "$name: no error") or diag(${ $run{$name}{err} });
	my ($count) = ${ $run{$name}{out} } =~ /actually processed: (\d+)/;
	cmp_ok($count // 0, '>', 5, "$name: it ran ($count)");
}
is(sql($db, "SELECT count(*) - count(DISTINCT key) FROM usdtpay.posting WHERE key LIKE 'same-%'"),
	'0', 'no key posted twice');
is(sql($db, 'SELECT "check", detail FROM usdtpay.ledger_verify() WHERE NOT holds'), '', 'every check holds');
is(sql($db, "SELECT count(*) FROM usdtpay.account WHERE flags = 1 AND debits > credits"), '0', 'no limit was passed');
unlike(slurp_file($db->logfile), qr/deadlock detected/, 'nobody waited in a circle');
$db->stop('fast');
done_testing();
