# SPDX-License-Identifier: PostgreSQL
#
# Two nodes that contradict one another: nothing is credited on one node's word, whichever of them
# lies, whichever was asked first; and when they agree again the network goes on by itself.  Neither
# gives receipts, which would settle it (056_receipts.pl).
use strict;
use warnings;
use UsdtPay::Test;
use UsdtPay::Owed;
use UsdtPay::Scan;

my $anvil = UsdtPay::Anvil->start('--chain-id', 31337);
my $token = $anvil->token;
$anvil->mine(3);
my @node = map { UsdtPay::Proxy->start($anvil->url) } 1 .. 2;
my $db   = scan_cluster('main', conf => [ "usdtpay.second_look_patience = '1h'" ]);
scan_network($db, $token, [ map { $_->url } @node ]);
my $alice = UsdtPay::Owed->new($db, $anvil, $token, 'alice');
caught_up($db, $anvil, 'two nodes, one chain');
# Makes a node lie, or be honest, without receipts either way.
sub lie { my ($node, @fault) = @_; $node->faults({ no_receipts() }, @fault); return }

lie($_) for @node;

$alice->pay(1_000_000);
$alice->settled('they agree: credited');

# Each node in turn lies about amounts for as long as it is asked.
for my $liar (0, 1)
{
	my $before = $alice->credited;
	lie($node[$liar], { kind => 'alter-amount', add => 7 });
	$alice->pay(2_000_000);
	poll_ok($db, "SELECT note LIKE 'no node confirms%' FROM usdtpay.network_status",
		"node $liar tells another amount: a note says that nobody confirms", 40);
	is($alice->credited, $before, 'nothing is credited');
	sleep 2;
	is($alice->credited, $before, 'nor later');
	poll_ok($db, 'SELECT bool_and(failures > 0) FROM usdtpay.endpoint_status',
		'it costs health') if $liar;
	lie($node[$liar]);
	$alice->settled('once it is honest again the true amount is credited');
}

# A transfer that one node alone tells of: a stranger's, with the recipient changed.
my $stranger = '0x' . '5' x 40;
for my $liar (0, 1)
{
	my $before = $alice->credited;
	lie($node[$liar], { invented($alice->address) });
	$anvil->pay($token, $stranger, '99');
	$anvil->mine(4);
	sleep 2;
	is($alice->credited, $before, "a transfer that only node $liar tells of is not credited");
	cmp_ok($node[$liar]->fired('set-log'), '>', 0, 'it told of it');
	lie($node[$liar]);
	$alice->pay(3_000_000);
	$alice->settled('the next one is');
}

# Finality is no single node's word either.  An honest node calls final what lies 80 blocks back, as
# Ethereum's do; the other one whatever is new.
$anvil->mine(100);
caught_up($db, $anvil);
for my $liar (0, 1)
{
	my $before = $alice->credited;
	# The honest one tells of new blocks, the liar would confirm them.
	sql($db, sprintf "SELECT usdtpay.endpoint_set('dev', '%s', p_priority => %d)", $node[$_]->url, 100 + ($_ == $liar))
		for 0, 1;
	sleep 2;
	$anvil->mine(5);
	poll_ok($db, sprintf('SELECT tip_number = %d AND final_number >= tip_number - 2 FROM usdtpay.network_status',
		$anvil->head), 'all is final');
	lie($node[$liar], { kind => 'final-tag', back => 0 });
	lie($node[ 1 - $liar ], { kind => 'final-tag', back => 80 });
	$alice->pay(5_000_000);
	caught_up($db, $anvil);
	sleep 3;
	is($alice->credited, $before, "what only node $liar calls final is not credited");
	cmp_ok($node[$liar]->fired('final-tag'), '>', 0, 'it called it so');
	lie($node[$_]) for 0, 1;
	$alice->settled('once both call it final it is');
}

# A head nobody else has holds nothing back.
lie($node[0], { kind => 'claim-head', add => 30 });
$alice->pay(6_000_000);
$alice->settled('a node that claims blocks it does not have delays nothing');
cmp_ok($node[0]->fired('claim-head'), '>', 0, 'it claimed them');
lie($node[0]);

# What a look at old blocks finds is taken in as two nodes told it, not as one tells it next time:
# here each tells the truth once and then another amount.
my $carol = sql($db, sprintf "SELECT usdtpay.address_derive('%s', 'evm', 1)", UsdtPay::Scan::XPUB);
my $paid  = $anvil->pay($token, $carol, 'raw:7000000');
$alice->add(7_000_000);
$alice->pay(1_000_000);
$alice->add(-7_000_000);
$alice->settled('a payment to an address nobody watches yet passes by');
$alice->add(7_000_000);
is(scan_address($db, 'carol'), $carol, 'now it is watched');
$_->fault(kind => 'alter-amount', method => 'eth_getLogs', add => 1_000_000, after => 1) for @node;
sql($db, "SELECT usdtpay.rescan('dev', $paid->{block}, $paid->{block})");
poll_ok($db, 'SELECT bool_and(done_at IS NOT NULL) FROM usdtpay.chain_rescan', 'the old block is looked at again');
is(deposits($db, 'carol'), '7000000:final', 'and what both told is credited');
lie($_) for @node;

# News that differ are nobody's: whichever of the two is asked first, and whatever the other says to it.
for my $liar (0, 1)
{
	my $index = 2 + $liar;
	my $who   = "dave$liar";
	my $to    = sql($db, sprintf "SELECT usdtpay.address_derive('%s', 'evm', $index)", UsdtPay::Scan::XPUB);
	$paid = $anvil->pay($token, $to, 'raw:9000000');
	$alice->pay(1_000_000);
	$alice->settled('another payment passes by');
	is(scan_address($db, $who), $to, 'and now its address is watched');
	lie($node[$liar], { kind => 'alter-amount', method => 'eth_getLogs', add => 1_000_000 });
	sql($db, "SELECT usdtpay.rescan('dev', $paid->{block}, $paid->{block})");
	poll_ok($db, "SELECT note LIKE 'two nodes tell differently of the old blocks%' FROM usdtpay.network_status",
		"node $liar tells another amount of it: a note says so");
	sleep 2;
	is(deposits($db, $who), '', 'nothing is taken in');
	is(sql($db, 'SELECT bool_and(done_at IS NOT NULL) FROM usdtpay.chain_rescan'), 'f', 'and the rescan is not done');
	lie($node[$liar]);
	$alice->add(9_000_000);
	poll_ok($db, 'SELECT bool_and(done_at IS NOT NULL) FROM usdtpay.chain_rescan', 'until they agree');
	is(deposits($db, $who), '9000000:final', 'on the truth');
}

# The liar is the only one there for a while: still nothing.
lie($node[0], { kind => 'alter-amount', add => 7 });
$node[1]->freeze;
my $before = $alice->credited;
$alice->pay(4_000_000);
sleep 36;    # a node counts as silent after 30 seconds
is($alice->credited, $before, 'a liar that is alone is not believed before patience ends');
$node[1]->thaw;
sleep 2;
is($alice->credited, $before, 'nor when the other is back and contradicts it');
lie($node[0]);
$alice->settled('in the end the truth is credited');

is(sql($db, "SELECT count(*) FROM usdtpay.deposit WHERE state = 'seen'"), '0', 'nothing is left over');
sound($db);
done_testing();
