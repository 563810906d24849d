# SPDX-License-Identifier: PostgreSQL
#
# The ledger survives kill -9 under load: what was acknowledged is there, every check holds, posting
# and sealing go on.
use strict;
use warnings;
use IPC::Run ();
use Time::HiRes qw(sleep);
use UsdtPay::Test;

my $accounts = 200;
my $db = usdtpay_cluster('main', conf => ['fsync = on', 'restart_after_crash = off', 'autovacuum = on']);

sql($db, "INSERT INTO usdtpay.party (party_id, code, name, kind) VALUES (500, 'load', 'Load', 'merchant')");
sql($db, "SELECT usdtpay.account_open(500, 'USDT', CASE n WHEN 1 THEN 'clearing' ELSE 'available' END, n::text)
	FROM generate_series(1, $accounts) n");
my $first = sql($db, 'SELECT min(account_id) FROM usdtpay.account WHERE party_id = 500');

# One transaction of every kind posts exactly one journal that pgbench can count.
my %script = (
	post => "\\set a random(1, $accounts - 1)
SELECT status FROM usdtpay.ledger_post(500, gen_random_uuid()::text, ARRAY[$first]::bigint[], ARRAY[$first + :a]::bigint[], ARRAY[5]::bigint[]);
",
	line => "\\set a random(1, $accounts - 2)
SELECT status FROM usdtpay.ledger_post(500, gen_random_uuid()::text, ARRAY[$first, $first + :a]::bigint[],
	ARRAY[$first + :a, $first + :a + 1]::bigint[], ARRAY[5, 2]::bigint[]);
",
	hold => "\\set a random(1, $accounts - 1)
SELECT status FROM usdtpay.ledger_hold(500, gen_random_uuid()::text, $first, $first + :a, 3, now() + interval '1 second');
");
my $dir = $db->basedir;
my (@load, @prefix);

sub load_start
{
	my ($round) = @_;
	@load = ();
	for my $name (sort keys %script)
	{
		my $file = "$dir/$name.sql";
		append_to_file($file, $script{$name}) unless -e $file;
		push @prefix, "$dir/log.$round.$name";
		push @load, IPC::Run::start([ 'pgbench', '-n', '-M', 'prepared', '-c', '2', '-T', '60', '-l', "--log-prefix=$prefix[-1]",
				'-f', $file, $db->connstr('postgres') ], '>', \my $out, '2>', \my $err);
	}
	push @load, IPC::Run::start([ 'psql', '-X', '-d', $db->connstr('postgres'), '-c',
			'SELECT usdtpay.ledger_seal(500), usdtpay.ledger_holds_expire(200)', '-c', '\\watch 0.05' ], '>', \my $out, '2>', \my $err);
	return;
}

# Counts what pgbench was told is committed.
sub acknowledged
{
	my $count = 0;
	for my $file (map { glob "$_.*" } @prefix)
	{
		my @lines = split /\n/, slurp_file($file);
		$count += @lines;
	}
	return $count;
}

for my $round (1 .. 3)
{
	load_start($round);
	my $before = sql($db, 'SELECT count(*) FROM usdtpay.posting');
	poll_ok($db, "SELECT count(*) > $before + 300 FROM usdtpay.posting", "round $round: load runs");
	my @children = split /\n/, sql($db, 'SELECT pid FROM pg_stat_activity');
	$db->kill9;
	kill 'KILL', @children; # in the middle of whatever they do
	for my $run (@load)
	{
		$run->kill_kill(grace => 5) if $run->pumpable;
		eval { $run->finish };
	}
	# The dead need a moment to be gone.
	for (1 .. 100)
	{
		last unless kill 0, @children;
		sleep 0.1;
	}
	$db->start;
	my $made = sql($db, "SELECT count(*) FROM usdtpay.journal WHERE phase IN ('p', 'h')");
	my $acked = acknowledged();
	cmp_ok($acked, '>', 0, "round $round: something was acknowledged");
	cmp_ok($made, '>=', $acked, "round $round: nothing acknowledged is lost ($acked of $made)");
	is(sql($db, 'SELECT "check", detail FROM usdtpay.ledger_verify() WHERE NOT holds'), '', "round $round: every check holds");
}

poll_ok($db, "SELECT usdtpay.ledger_seal() IS NOT NULL AND (SELECT max(last_id) * 256 FROM usdtpay.ledger_block)
	>= (SELECT max(posting_id) FROM usdtpay.posting) - 255", 'everything gets sealed');
is(sql($db, 'SELECT bool_and(holds) FROM usdtpay.ledger_verify()'), 't', 'and verifies');
cmp_ok(sql($db, 'SELECT count(*) FROM usdtpay.ledger_block'), '>', 1, 'in more than one block');
$db->stop('fast');
done_testing();
