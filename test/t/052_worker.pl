# SPDX-License-Identifier: PostgreSQL
#
# Workers as citizens of a cluster: they stop at once whatever a node does, stand in nobody's way,
# idle where they must, and come back by themselves.
use strict;
use warnings;
use Time::HiRes qw(time sleep);
use UsdtPay::Test;
use UsdtPay::Scan;

my $anvil = UsdtPay::Anvil->start('--chain-id', 31337);
my $token = $anvil->token;
my $proxy = UsdtPay::Proxy->start($anvil->url);
my $db    = scan_cluster('main', init => { allows_streaming => 1 },
	conf => ['restart_after_crash = on']);
scan_network($db, $token, [ $proxy->url ]);
my $alice = scan_address($db, 'alice');
caught_up($db, $anvil, 'the scanner runs');

sub workers
{
	my ($type) = @_;
	return "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'usdtpay $type'";
}

# ---- identity
is(sql($db, workers('launcher')), '1', 'one launcher');
is(sql($db, workers('scanner')), '1', 'one scanner for one network');
is(sql($db, "SELECT bool_and(application_name LIKE 'usdtpay %' AND coalesce(xact_start IS NULL, true))
	FROM pg_stat_activity WHERE backend_type LIKE 'usdtpay %'"), 't',
	'workers are named, and hold no transaction while they wait');
is(sql($db, "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
	WHERE a.backend_type = 'usdtpay scanner' AND l.locktype <> 'virtualxid'"), '0', 'nor any lock');

# ---- nodes are asked between transactions
my $tip = sql($db, 'SELECT tip_number FROM usdtpay.chain_cursor');
$proxy->faults({ kind => 'delay', ms => 1500 });
$anvil->mine(1);
my ($longest) = in_transaction($db, 'scanner', "SELECT tip_number > $tip FROM usdtpay.chain_cursor");
cmp_ok($longest, '<', 1000, 'no transaction is open while a node thinks');
is(sql($db, "SELECT tip_number > $tip FROM usdtpay.chain_cursor"), 't', 'though it was asked for blocks');
$proxy->honest;

# ---- a hung request stops nothing
$proxy->faults({ kind => 'hang' });
poll_until($db, "SELECT failures > 0 FROM usdtpay.endpoint_status", 't', 20);
sleep 0.5;
my $began = time;
sql($db, "SELECT usdtpay.network_disable('dev')");
# The launcher may have told it first.
isnt(sql($db, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	WHERE backend_type = 'usdtpay scanner'"), 'f', 'the scanner is told to stop in mid-request');
poll_until($db, workers('scanner'), '0', 5);
cmp_ok(time - $began, '<', 1.5, 'and stops at once');
sql($db, "SELECT usdtpay.network_enable('dev')");
poll_ok($db, workers('scanner') =~ s/count\(\*\)/count(*) = 1/r, 'another one is started', 20);
sleep 1;
$began = time;
$db->stop('fast');
cmp_ok(time - $began, '<', 1.5, 'a fast stop with a request in flight takes no time');
$proxy->honest;
$db->start;
$anvil->pay($token, $alice, '1');
poll_ok($db, "SELECT count(*) = 1 FROM usdtpay.deposit", 'after the restart it carries on');

# ---- a crash
my $pid = sql($db, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'usdtpay scanner'");
kill 'KILL', $pid;
sleep 1;
$anvil->pay($token, $alice, '2');
poll_ok($db, "SELECT count(*) = 2 FROM usdtpay.deposit", 'after kill -9 as well', 60);
is(sql($db, workers('scanner')), '1', 'with one scanner');

# ---- settings
$db->append_conf('postgresql.conf', "usdtpay.databases = ''");
$db->reload;
poll_ok($db, workers('scanner') =~ s/count\(\*\)/count(*) = 0/r,
	'taken off usdtpay.databases, its workers leave');
$db->append_conf('postgresql.conf', "usdtpay.databases = 'postgres, nowhere'");
$db->reload;
poll_ok($db, workers('scanner') =~ s/count\(\*\)/count(*) = 1/r,
	'put on it again, they come', 20);
like(slurp_file($db->logfile), qr/Database "nowhere" does not exist/,
	'a database that is missing is named');

# ---- a standby has none, and takes over
my $backup = $db->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($db, 'b', has_streaming => 1);
$standby->start;
$db->wait_for_catchup($standby);
is(sql($standby, "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'usdtpay %'"),
	'0', 'a standby runs no worker');
$db->stop('fast');
$standby->promote;
$anvil->pay($token, $alice, '3');
poll_ok($standby, "SELECT count(*) = 3 FROM usdtpay.deposit", 'promoted it scans on', 40);
$db = $standby;

# ---- what the gate is for
sql($db, "UPDATE pg_extension SET extversion = '0.0.1' WHERE extname = 'usdtpay'");
my $seen;
for (1 .. 50) { $seen = slurp_file($db->logfile) =~ /extension and library differ/ and last; sleep 0.1 }
ok($seen, 'another version of the extension: a warning');
$anvil->pay($token, $alice, '4');
sleep 3;
is(sql($db, 'SELECT count(*) FROM usdtpay.deposit'), '3', 'and nothing is touched');
is(scalar(() = slurp_file($db->logfile) =~ /usdtpay scanner idles/g), 1, 'once per worker');
sql($db, sprintf "UPDATE pg_extension SET extversion = (SELECT default_version
	FROM pg_available_extensions WHERE name = 'usdtpay') WHERE extname = 'usdtpay'");
poll_ok($db, "SELECT count(*) = 4 FROM usdtpay.deposit", 'with the right one it goes on', 30);

# ---- nobody waits for a worker
sql($db, 'CREATE DATABASE shop');
sql($db, 'CREATE EXTENSION usdtpay; SELECT usdtpay.roles_setup()', dbname => 'shop');
sql($db, sprintf(q{SELECT usdtpay.network_define('dev', 'evm', 31337, '%s', p_poll_ms => 100);
	SELECT usdtpay.network_enable('dev', ARRAY['%s'])}, $token, $proxy->url), dbname => 'shop');
$db->append_conf('postgresql.conf', "usdtpay.databases = 'postgres, shop'");
$db->reload;
poll_ok($db, "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = 'shop'
	AND backend_type = 'usdtpay scanner'", 'a second database has workers of its own', 20);
$proxy->faults({ kind => 'hang', method => 'eth_getLogs' });
$anvil->mine(1);
sleep 0.5;
$began = time;
sql($db, 'DROP EXTENSION usdtpay', dbname => 'shop');
cmp_ok(time - $began, '<', 3, 'DROP EXTENSION does not wait for a request in flight');
poll_ok($db, "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'shop'
	AND backend_type IN ('usdtpay scanner', 'usdtpay courier')", 'the workers that served it end', 20);
sql($db, 'CREATE EXTENSION usdtpay', dbname => 'shop');
sql($db, sprintf(q{SELECT usdtpay.roles_setup();
	SELECT usdtpay.network_define('dev', 'evm', 31337, '%s', p_poll_ms => 100);
	SELECT usdtpay.network_enable('dev', ARRAY['%s'])}, $token, $proxy->url), dbname => 'shop');
poll_ok($db, "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = 'shop'
	AND backend_type = 'usdtpay scanner'", 'and come back with it', 30);
$began = time;
sql($db, 'DROP DATABASE shop');
cmp_ok(time - $began, '<', 4, 'DROP DATABASE does not wait for workers either');
$proxy->honest;

# ---- the role
sql($db, 'ALTER ROLE usdtpay_worker SUPERUSER');
$db->restart;
for (1 .. 80) { $seen = slurp_file($db->logfile) =~ /role "usdtpay_worker" cannot be used/ and last; sleep 0.1 }
ok($seen, 'a worker role that is a superuser is not used');
sql($db, 'ALTER ROLE usdtpay_worker NOSUPERUSER');
$anvil->pay($token, $alice, '5');
poll_ok($db, "SELECT count(*) = 5 FROM usdtpay.deposit", 'an ordinary one is', 30);
sql($db, 'REVOKE EXECUTE ON FUNCTION usdtpay_internal.scanner_state(integer) FROM usdtpay_worker');
for (1 .. 80) { $seen = slurp_file($db->logfile) =~ /permission denied for function scanner_state/ and last; sleep 0.1 }
ok($seen, 'workers may do what that role may, no more');
sql($db, 'SELECT usdtpay.roles_setup()');
$anvil->pay($token, $alice, '6');
poll_ok($db, "SELECT count(*) = 6 FROM usdtpay.deposit", 'granted again, they go on', 30);

# ---- without preloading
$db->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$db->restart;
is(sql($db, "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'usdtpay %'"), '0',
	'without preloading there are no workers');
is(sql($db, "SELECT count(*) FROM usdtpay.network_status"), '1', 'and the functions work');

$db->stop('fast');
unlike(slurp_file($db->logfile), qr/PANIC|TRAP/, 'nothing panicked');
done_testing();
