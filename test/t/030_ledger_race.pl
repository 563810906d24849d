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

my $two = "\\set a random(0, 6)\n\\set b (:a + random(1, 6)) % 7\n\\set c (:b + random(1, 6)) % 7\n";
my $key = 'gen_random_uuid()::text';
my %script = (
	single => "${two}SELECT status FROM usdtpay.ledger_post(500, $key, ARRAY[$first + :a, $first + :b]::bigint[], ARRAY[$first + :b, $first + :c]::bigint[], ARRAY[5, 3]::bigint[]);",
	batch => "${two}BEGIN;\nSELECT status FROM usdtpay.ledger_post_batch(ARRAY[500, 500, 500], ARRAY[$key, $key, $key], ARRAY[$first + :a, $first + :b, $first + :a]::bigint[], ARRAY[$first + :b, $first + :a, $first + :b]::bigint[], ARRAY[5, 3, 1]::bigint[]);\nEND;",
	plain => "${two}BEGIN;\nSET LOCAL usdtpay.ledger_direct = off;\nSELECT status FROM usdtpay.ledger_post(500, $key, ARRAY[$first + :a]::bigint[], ARRAY[$first + :b]::bigint[], ARRAY[2]::bigint[]);\nEND;",
	hold => "${two}SELECT hold_id FROM usdtpay.ledger_hold(500, $key, $first + :a, $first + :b, 7, CASE WHEN :a <= 2 THEN now() END) \\gset\nSELECT CASE WHEN :a > 2 THEN (SELECT status FROM usdtpay.ledger_capture(500, $key, :hold_id, 4)) END;",
	same => "\\set k random(1, 400)\nSELECT status FROM usdtpay.ledger_post(500, 'same-' || :k, ARRAY[$first]::bigint[], ARRAY[$first + 1]::bigint[], ARRAY[5]::bigint[]);",
	limit => "\\set n random(7, 9)\nSELECT status FROM usdtpay.ledger_post_batch(ARRAY[500, 500, 500], ARRAY[$key, $key, $key], ARRAY[$first, $first + :n, $first + :n]::bigint[], ARRAY[$first + :n, $first + 1, $first + 2]::bigint[], ARRAY[10, 9, 2]::bigint[]);",
);

my %run;
for my $name (sort keys %script)
{
	my $file = $db->basedir . "/$name.sql";
	append_to_file($file, "$script{$name}\n");
	my ($out, $err) = ('', '');
	$run{$name} = { out => \$out, err => \$err };
	$run{$name}{handle} = IPC::Run::start([ 'pgbench', '-n', '-c', '3', '-T', $seconds, '-f', $file, $db->connstr('postgres') ], '>', \$out, '2>', \$err);
}
sql($db, 'SELECT usdtpay.ledger_holds_expire(50), usdtpay.ledger_seal()') for 1 .. 20;
for my $name (sort keys %run)
{
	ok($run{$name}{handle}->finish, "$name: no error") or diag(${ $run{$name}{err} });
	my ($count) = ${ $run{$name}{out} } =~ /actually processed: (\d+)/;
	cmp_ok($count // 0, '>', 5, "$name: it ran ($count)");
}
is(sql($db, "SELECT count(*), count(DISTINCT key) FROM usdtpay.posting WHERE key LIKE 'same-%'") =~ /^(\d+)\|\1$/ ? 'once' : 'twice', 'once', 'no key posted twice');
is(sql($db, 'SELECT "check", detail FROM usdtpay.ledger_verify() WHERE NOT holds'), '', 'every check holds');
is(sql($db, "SELECT count(*) FROM usdtpay.account WHERE flags = 1 AND debits > credits"), '0', 'no limit was passed');
unlike(slurp_file($db->logfile), qr/deadlock detected/, 'nobody waited in a circle');
$db->stop('fast');
done_testing();
