# SPDX-License-Identifier: PostgreSQL
#
# Catching up on TRON by eth_getLogs: what it saves, and each way in which it lies or fails: logs
# of failed transactions, logs left out, clamped ranges, limits, falsified logs, no JSON-RPC.
use strict;
use warnings;
use JSON::PP;
use UsdtPay::Settle;
use UsdtPay::Test;

my $world = UsdtPay::Settle->start('main', conf => [ "usdtpay.second_look_patience = '60s'" ]);
my $db    = $world->db;
my $infos = 'gettransactioninfobyblocknum';

# Pays in two ways while nobody scans, with a fault in JSON-RPC of every node (or those given).
# An internal transfer stands in a block without a plain one, so no log is missed by its look.
sub catches_up
{
	my ($name, $fault, %options) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @who = $world->behind(sub {
		$world->fault({ path => '^/jsonrpc', %$fault }, @{ $options{nodes} // [] }) if $fault;
		my $direct = $options{internal} ? () : $world->pay;
		$world->tron->mine(10);
		my $internal = $world->pay(kind => 'internal');
		$world->tron->mine(10);
		return ($direct // (), $internal);
	});
	$world->settles($_, "$name: $_ is credited") for @who;
	cmp_ok($world->stat('paths', '/jsonrpc'), '>=', 1, "$name: eth_getLogs was asked");
	$world->blamed($options{blame}, "$name is on record") if $options{blame};
	is(sql($db, q{SELECT sum(failures) FROM usdtpay.endpoint_status}), $options{failures},
		"$name: no fault is found with the nodes") if defined $options{failures};
	$world->clear;
	return;
}

# Counts failures on record.
sub failures { return sql($db, q{SELECT sum(failures) FROM usdtpay.endpoint_status}) }

# everything a payment can be, told by logs first and infos second
my $none = $world->address('none');
my $raw  = substr sql($db, "SELECT encode(usdtpay.address_bytes('tron', '$none'), 'hex')"), -40;
my $height;
my @who = $world->behind(sub {
	$world->each_node('watch', { text => "\"topics\":\\[[^\\]]*0{24}$raw" });
	$world->tron->pay($none, 5_000_000, kind => 'outOfTime');
	$world->tron->pay($none, 5_000_000, kind => $_) for qw(revert fake trx);
	$world->tron->pay($none, 0, kind => 'zero');
	my @paid = map { $world->pay(kind => $_) } qw(transfer transferFrom internal);
	$height = $world->tron->mine(40)->{head};
	$world->tron->pay($none, 5_000_000, kind => 'outOfTime');
	return @paid;
});
$world->settles($_, "caught up: $_ is credited") for @who;
poll_ok($db, 'SELECT final_number >= remote_head - 19 FROM usdtpay.network_status', 'all solid blocks have had their second look');
cmp_ok($world->stat('watched', '/jsonrpc'), '>=', 1, 'eth_getLogs told of the log of a transaction that ran out of time');
cmp_ok($world->stat('watched', "/walletsolidity/$infos"), '>=', 1, 'and so did the infos of the second look');
$world->nothing('none', 'it is no deposit, nor is anything else that is no payment', after => 0);
cmp_ok($world->stat('paths', '/jsonrpc'), '<=', 12, 'a few eth_getLogs served');
cmp_ok($world->stat('paths', "/wallet/$infos"), '<=', 45, 'the first look asked for infos only above the solid block');
is(failures(), '0', 'and no fault was found with any node');

# left out, cut, limited, falsified
catches_up('logs left out', { kind => 'omitLogs' }, blame => '%a transfer that succeeded has no log%');
catches_up('logs of an internal transfer left out', { kind => 'omitLogs' }, internal => 1);
catches_up('a clamped range', { kind => 'clamp', range => 3 }, blame => '%a transfer that succeeded has no log%');
catches_up('a clamped range that hides an internal transfer', { kind => 'clamp', range => 3 }, internal => 1);
catches_up('a range of 7 blocks', { kind => 'limits', range => 7, results => 10000 }, failures => failures());
catches_up('no more than 2 results', { kind => 'limits', range => 5000, results => 2 }, failures => failures());
catches_up('falsified amounts', { kind => 'tamper', what => 'amount' }, blame => 'it lacks or contradicts%');
catches_up('falsified amounts of one node', { kind => 'tamper', what => 'amount' }, nodes => [0]);
catches_up('falsified recipients', { kind => 'tamper', what => 'recipient' });
catches_up('another token', { kind => 'tamper', what => 'token' }, blame => '%not asked for%');

# no JSON-RPC, or none for us
catches_up('no such path', { kind => 'http', status => 404, body => 'Not Found' }, failures => failures());
catches_up('a forbidden path', { kind => 'http', status => 403, body => 'Forbidden' }, blame => 'rate limit (HTTP status 403)');
catches_up('an internal error', { kind => 'http', status => 500, body => 'oops' }, blame => 'node error (HTTP status 500)');
catches_up('garbage', { kind => 'garbage' }, blame => 'its answer is not what was asked for');
catches_up('a hung request', { kind => 'hang', times => 2 });

# switched off
sql($db, q{ALTER SYSTEM SET usdtpay.tron_get_logs = off});
sql($db, q{SELECT pg_reload_conf()});
my ($off) = $world->behind(sub { return $world->pay });
$world->settles($off, 'switched off, a payment is caught up by infos');
is($world->stat('paths', '/jsonrpc'), '0', 'and eth_getLogs is not asked');

$world->balanced('every payment is credited once, and nothing else');
done_testing();
