# SPDX-License-Identifier: PostgreSQL
#
# Each way in which TRON nodes fail, on one node and on all of them: nothing wrong is credited,
# nothing is lost, the fault is on record, and all is settled once it is gone.  How catching up
# by eth_getLogs fails is 055_tron_backfill.pl.
use strict;
use warnings;
use JSON::PP;
use Time::HiRes qw(time sleep);
use UsdtPay::Settle;
use UsdtPay::Test;

my $world = UsdtPay::Settle->start('main', conf => [ "usdtpay.second_look_patience = '60s'" ]);
my $db    = $world->db;

# Pays while every node has a fault: nothing is credited.  Then it goes.
sub weathers
{
	my ($name, $blame, @faults) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$world->fault($_) for @faults;
	my $who = $world->pay;
	$world->tron->mine(20);
	$world->nothing($who, "$name on every node: nothing is credited meanwhile", state => 'final');
	$world->blamed($blame, "$name is on record") if $blame;
	$world->clear;
	$world->settles($who, "$name: what was paid is credited once it is gone");
	return;
}

# partial lists of infos
weathers('a partial list of infos', 'a block has transactions without an info%',
	{ kind => 'partialInfos', drop => 1 });
weathers('an empty list of infos', 'a block has transactions without an info%',
	{ kind => 'partialInfos', keep => 0 });
$world->fault({ kind => 'partialInfos', drop => 1, path => 'walletsolidity' });
my $late = $world->pay;
$world->seen($late, 'with partial lists in the second look only, a payment is seen');
$world->tron->mine(20);
$world->nothing($late, 'but not credited', state => 'final');
$world->clear;
$world->settles($late, 'until the lists are whole');

# logs of a transaction that ran out of time: java-tron 4.8.0 keeps them in infos
my $timeout = $world->address('timeout');
my $raw     = substr sql($db, "SELECT encode(usdtpay.address_bytes('tron', '$timeout'), 'hex')"), -40;
$world->each_node('watch', { text => "\"topics\":\\[[^\\]]*0{24}$raw" });
$world->tron->pay($timeout, 9_000_000, kind => 'outOfTime');
$world->tron->mine(20);
my $after = $world->pay;
$world->tron->mine(20);
$world->settles($after, 'a payment after one that ran out of time');
cmp_ok($world->stat('watched', "/wallet/gettransactioninfobyblocknum"), '>=', 1,
	'the first look was told of the log of the one that ran out of time');
cmp_ok($world->stat('watched', "/walletsolidity/gettransactioninfobyblocknum"), '>=', 1,
	'and so was the second');
$world->nothing('timeout', 'it is no deposit', after => 0);

# clamped ranges of blocks
$world->fault({ kind => 'clamp', range => 2, path => 'getblockbylimitnext' });
$world->tron->mine(30);
my $clamped = $world->pay;
$world->tron->mine(20);
$world->settles($clamped, 'nodes that silently serve fewer blocks than asked for are asked for less');
$world->clear;
weathers('a range clamped to nothing', undef, { kind => 'clamp', range => 0, path => 'getblockbylimitnext' });

# limits: one node suspends the key, the other one serves
for my $status (429, 403, 503)
{
	$world->fault({ kind => 'http', status => $status, suspendMs => 4000, times => 1 }, 0);
	poll_ok($db, "SELECT state = 'cooling' AND error = 'rate limit (HTTP status $status)'
		FROM usdtpay.endpoint_status ORDER BY endpoint_id LIMIT 1", "HTTP $status with a suspension is on record");
	my ($row) = split /\n/, sql($db, q{SELECT component, status, detail, hint FROM usdtpay.health()
		WHERE component = 'network dev'});
	like($row, qr/^network dev\|warn\|.*1 of 2 nodes usable, http\S+ cooling: rate limit \(HTTP status $status\)/,
		"health() warns of $status and says which node");
	note $row;
	$world->each_node('stats', { reset => JSON::PP::true });
	my $began = time;
	my $who   = $world->pay;
	$world->seen($who, 'the other node tells of a payment meanwhile', 3);
	# What was on its way may come in yet.
	cmp_ok($world->node(0)->admin('stats')->{requests}, '<=', 5, 'a suspended key is left alone') if time - $began < 2;
	$world->tron->mine(20);
	$world->settles($who, "and it is credited after $status");
	poll_ok($db, "SELECT state = 'ok' FROM usdtpay.endpoint_status ORDER BY endpoint_id LIMIT 1",
		'the node comes back by itself');
	$world->clear;
}
weathers('a suspended key', 'rate limit (HTTP status 429)', { kind => 'http', status => 429, suspendMs => 2000 });
weathers('HTTP 503', 'rate limit (HTTP status 503)', { kind => 'http', status => 503, body => 'Service Unavailable' });
poll_ok($db, q{SELECT status IN ('ok', 'warn') AND detail ~ '2 of 2 nodes usable' FROM usdtpay.health()
	WHERE component = 'network dev'}, 'health() recovers');
$world->fault({ kind => 'rate', qps => 12, suspendMs => 1000 });
my $slow = $world->pay;
$world->tron->mine(30);
$world->settles($slow, 'a frequency limit: requests come slower, and get there', 60);
$world->clear;

# forks of unsolidified blocks
my $moved = $world->pay;
$world->seen($moved, 'a payment is seen');
my $block = sql($db, "SELECT block_hash FROM usdtpay.deposit WHERE customer_ref = '$moved'");
$world->tron->admin('fork', depth => 3, shift => 1);
poll_ok($db, "SELECT block_hash <> '$block' FROM usdtpay.deposit WHERE customer_ref = '$moved'
	AND state <> 'orphaned'", 'a fork puts it into another block');
$world->tron->mine(20);
$world->settles($moved, 'where it is credited, once');
my $gone = $world->pay;
$world->seen($gone, 'another one is seen');
$world->fault({ kind => 'freeze' }, 1);
$world->tron->admin('fork', depth => 4, drop => JSON::PP::true);
$world->tron->mine(5);
poll_ok($db, "SELECT state = 'orphaned' FROM usdtpay.deposit WHERE customer_ref = '$gone'",
	'a fork takes it away, although a node stays on the old branch');
$world->forget($gone);
my $kept = $world->pay;
$world->tron->mine(20);
$world->nothing($gone, 'it is not credited', state => 'final');
$world->clear;
$world->settles($kept, 'a payment on the new branch is');
poll_ok($db, 'SELECT count(*) = 2 FROM usdtpay.endpoint_status WHERE state = \'ok\'', 'both nodes are well again');

# stale replicas
weathers('a chain 25 blocks behind', undef, { kind => 'stale', behind => 25 });
$world->fault({ kind => 'stale', behind => 3 }, 0);
my $ahead = $world->pay;
$world->tron->mine(3);
$world->seen($ahead, 'a node that is behind holds things up by no more than that');
$world->tron->mine(20);
$world->settles($ahead, 'and they are credited');
$world->clear;
$world->fault({ kind => 'freeze' }, 1);
my $alone = $world->pay;
$world->tron->mine(20);
$world->seen($alone, 'a payment only one node tells of, for the other stands still');
$world->nothing($alone, 'is not credited on one node\'s word', state => 'final', after => 3);
poll_ok($db, q{SELECT note LIKE 'no node gives a second look%' FROM usdtpay.network_status},
	'network_status says what it waits for');
like(sql($db, q{SELECT status || ' ' || detail FROM usdtpay.health() WHERE component = 'network dev'}),
	qr/^warn .*no node gives a second look/, 'and so does health()');
$world->clear;
$world->settles($alone, 'but once the other one has confirmed it');

$world->balanced('every payment is credited once, and nothing else');
done_testing();
