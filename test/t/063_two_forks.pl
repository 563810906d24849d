# SPDX-License-Identifier: PostgreSQL
#
# Two nodes on two forks, one each: nobody can tell which is the chain.  What was seen on the one the
# scanner is on must not come and go with every block of the other; and a node that stands still on
# a dead branch must not hold the scanner there.  Nothing of this is final.
use strict;
use warnings;
use UsdtPay::Test;
use UsdtPay::Scan;

my $left  = UsdtPay::Anvil->start('--chain-id', 31337);
my $token = $left->token;
$left->mine(3);
my @node = map { UsdtPay::Proxy->start($left->url) } 1 .. 2;
my $db   = scan_cluster('main');
sql($db, sprintf q{SELECT usdtpay.network_define('dev', 'evm', 31337, '%s', 6, p_block_ms => 1000,
	p_poll_ms => 100, p_final_tag => false, p_final_depth => 60);
	SELECT usdtpay.network_enable('dev', ARRAY['%s', '%s'])}, $token, map { $_->url } @node);

# The first node is asked first.
sql($db, sprintf q{SELECT usdtpay.endpoint_set('dev', '%s', p_priority => 1)}, $node[0]->url);
my $alice = scan_address($db, 'alice');
caught_up($db, $left, 'two nodes, one chain');

my $right = UsdtPay::Anvil->start('--chain-id', 31337, '--fork-url', $left->url);
my $lost  = "SELECT count(*) FROM usdtpay.event WHERE type = 'deposit.orphaned'";

# ---- both branches grow: the scanner stays with the one it is on
$node[1]->target($right->url);
$left->pay($token, $alice, 'raw:1000001');
$right->mine(1);
poll_ok($db, "SELECT count(*) = 1 FROM usdtpay.deposit WHERE state = 'seen'", 'a payment is seen on one of two forks');
for (1 .. 8)
{
	$_->mine(1) for $left, $right;
	sleep 1;
}
follows($db, $left, 'both grow: the scanner stays with the one it is on');
is(sql($db, $lost), '0', '  and what was seen there is not taken away and brought back');
is(deposits($db, 'alice'), '1000001:seen', '  it is still seen');
poll_ok($db, "SELECT bool_and(state = 'ok') FROM usdtpay.endpoint_status", '  and neither node is blamed');

# ---- the branch it is on stands still while the other one grows
$right->mine(6);
$right->mine(1), sleep 1 for 1 .. 6;
follows($db, $right, 'the one that stands still is left for the one that is longer');
is(deposits($db, 'alice'), '1000001:orphaned', '  and what only that one told of is gone');
is(sql($db, $lost), '1', '  once');

# ---- and back again, when both are on one chain
$node[0]->target($right->url);
$right->pay($token, $alice, 'raw:1000002');
$right->mine(70);
poll_ok($db, "SELECT count(*) = 1 FROM usdtpay.deposit WHERE state = 'final' AND amount_raw = 1000002",
	'both on one fork: a payment there is credited', 40);
is(deposits($db, 'alice'), '1000001:orphaned, 1000002:final', '  and nothing else is');

# ---- a reorganisation both nodes follow is followed at once
$right->pay($token, $alice, 'raw:1000003');
poll_ok($db, "SELECT count(*) = 1 FROM usdtpay.deposit WHERE amount_raw = 1000003", 'another one is seen');
$right->reorg(1);
$right->mine(1);
follows($db, $right, 'what both leave is left', 5);

is(sql($db, 'SELECT halted_at IS NULL FROM usdtpay.chain_cursor'), 't', 'the network is not halted');
is(sql($db, "SELECT coalesce(string_agg(i::text, chr(10)), '') FROM usdtpay.invariants AS i WHERE NOT holds"),
	'', 'invariants hold');
done_testing();
