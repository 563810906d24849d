# SPDX-License-Identifier: PostgreSQL
#
# TRON: what is paid is seen on /wallet and credited after the second look on /walletsolidity;
# forks, failed transactions with logs, partial and tampered answers, limits and keys.
use strict;
use warnings;
use JSON::PP;
use Time::HiRes qw(time sleep);
use UsdtPay::Test;
use UsdtPay::Scan;
use UsdtPay::Tron;

my $tron = UsdtPay::Tron->start;
my @twin = ($tron->replica, $tron->replica);
my $db   = scan_cluster('main');
my $paid = 0;
sql($db, sprintf q{SELECT usdtpay.wallet_add('t', 'xpub', 'tron', p_xpub => '%s', p_party => 'shop')},
	UsdtPay::Scan::XPUB);
sql($db, sprintf q{SELECT usdtpay.network_define('dev', 'tron', %d, '%s', 6, p_block_ms => 1000,
	p_poll_ms => 100)}, $tron->chain_id, $tron->usdt);
sql($db, sprintf q{SELECT usdtpay.network_enable('dev', ARRAY['%s', '%s/', '%s'])}, $tron->url,
	map { $_->url } @twin);

# Pays a fresh customer, solidifies the block and passes when exactly that is credited.
sub credited
{
	my ($name, %pay) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $who    = 'c' . ++$paid;
	my $amount = 1_000_000 + $paid;
	$tron->pay(scan_address($db, $who), $amount, %pay);
	# A moment to be seen first; with a node that hides it, the second look finds it.
	for (1 .. 20)
	{
		last if sql($db, "SELECT count(*) FROM usdtpay.deposit WHERE customer_ref = '$who'");
		sleep 0.1;
	}
	$tron->mine(20);
	my $ok = poll_until($db, "SELECT count(*) = 1 AND min(state::text) = 'final' AND
		min(amount_raw) = $amount FROM usdtpay.deposit WHERE customer_ref = '$who'");
	ok($ok, $name);
	diag(sql($db, "SELECT s FROM usdtpay.network_status s"), "\n",
		sql($db, "SELECT e FROM usdtpay.endpoint_status e")) unless $ok;
	return;
}

# Runs a payment through with a fault on the first node.
sub survives
{
	my ($name, %fault) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$tron->admin('fault', %fault);
	credited($name);
	$tron->admin('clear', kind => $fault{kind});
	return;
}

poll_ok($db, "SELECT tip_number >= 30 FROM usdtpay.network_status", 'scanning begins at the head');
credited('a payment is seen, and credited once its block is solid');
credited('a transferFrom', kind => 'transferFrom');
is(sql($db, "SELECT coalesce(note, '-') FROM usdtpay.network_status"), '-', 'three nodes, nothing to note');

# what is no payment
my $none = scan_address($db, 'none');
$tron->pay($none, 5_000_000, kind => 'fake');
$tron->pay($none, 0, kind => 'zero');
$tron->pay($none, 5_000_000, kind => 'outOfTime');
$tron->pay($none, 5_000_000, kind => 'revert');
$tron->pay($none, 5_000_000, kind => 'trx');
$tron->mine(20);
credited('a later payment');
is(sql($db, "SELECT count(*) FROM usdtpay.deposit WHERE customer_ref = 'none'"), '0',
	'fake token, zero value, a failed transaction with logs, a reverted one, TRX: no deposits');

# many in one transaction
my @many = map { scan_address($db, "m$_") } 1 .. 3;
$tron->admin('pay', kind => 'multi', mine => JSON::PP::true,
	recipients => [ map { { to => $many[$_], amount => 2_000_000 + $_ } } 0 .. 2 ]);
$tron->mine(20);
poll_ok($db, "SELECT count(*) = 3 AND min(state::text) = 'final' FROM usdtpay.deposit
	WHERE customer_ref LIKE 'm_'", 'three transfers of one transaction are three deposits');

# a fork
my $lost = scan_address($db, 'lost');
$tron->pay($lost, 7_000_000);
poll_ok($db, "SELECT count(*) = 1 FROM usdtpay.deposit WHERE customer_ref = 'lost'", 'seen');
$tron->admin('fork', depth => 3, drop => JSON::PP::true);
poll_ok($db, "SELECT state = 'orphaned' FROM usdtpay.deposit WHERE customer_ref = 'lost'",
	'a fork takes its block away');
credited('and life goes on');

# nodes that refuse and lie
survives('HTTP 429', kind => 'http', status => 429, times => 5);
survives('HTTP 403 with a suspension', kind => 'http', status => 403, times => 3);
survives('garbage', kind => 'garbage', times => 5);
survives('a truncated answer', kind => 'truncated', times => 5);
survives('a dropped connection', kind => 'drop', times => 5);
survives('a hung request', kind => 'hang', times => 2);
survives('a list of infos that lacks some', kind => 'partialInfos', drop => 1);
survives('logs left out', kind => 'omitLogs', times => 3);
survives('a tampered header', kind => 'tamper', what => 'header', times => 5);
survives('a node that is behind', kind => 'stale', behind => 5);
survives('a node that stands still', kind => 'freeze');

# a foreign chain
my $other = UsdtPay::Tron->start('--seed', 'another');
sql($db, sprintf q{SELECT usdtpay.endpoint_set('dev', '%s')}, $other->url);
poll_ok($db, "SELECT count(*) = 1 FROM usdtpay.endpoint_status WHERE state = 'refused'
	AND error LIKE 'it is on chain %'", 'a node of another chain is refused');

# catching up over busy blocks
sql($db, "SELECT usdtpay.network_disable('dev')");
$tron->admin('bulk', blocks => 200, transfers => 83, watch => [ $many[0] ], watchEvery => 83);
$tron->mine(20);
my $began = time;
sql($db, "SELECT usdtpay.network_enable('dev')");
poll_ok($db, "SELECT count(*) >= 190 FROM usdtpay.deposit WHERE customer_ref = 'm1'
	AND state = 'final'", 'two hundred full blocks are caught up', 120);
note sprintf '200 blocks of 83 transfers in %.1f s', time - $began;

is(sql($db, "SELECT coalesce(string_agg(i::text, chr(10)), '') FROM usdtpay.invariants AS i WHERE NOT holds"),
	'', 'invariants hold');
$db->stop('fast');
unlike(slurp_file($db->logfile), qr/terminated by signal|PANIC|TRAP/, 'nothing crashed');
done_testing();
