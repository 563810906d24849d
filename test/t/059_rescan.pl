# SPDX-License-Identifier: PostgreSQL
#
# Looking again at old blocks: what one node tells of them, be it that nothing was missed, counts
# only when another tells the same.  The blocks' blooms cannot help: the node that leaves a transfer
# out still tells of another one in the same block.
use strict;
use warnings;
use UsdtPay::Test;
use UsdtPay::Scan;

my $anvil = UsdtPay::Anvil->start('--chain-id', 31337);
my $token = $anvil->token;
my $batch = $anvil->batch($token);
$anvil->mine(3);
my @node = map { UsdtPay::Proxy->start($anvil->url) } 1 .. 3;
my $db   = scan_cluster('main', conf => [ "usdtpay.second_look_patience = '1h'" ]);
scan_network($db, $token, [ map { $_->url } @node[ 0, 1 ] ]);

# The first one is asked first.
sql($db, sprintf q{SELECT usdtpay.endpoint_set('dev', '%s', p_priority => 1)}, $node[0]->url);
caught_up($db, $anvil, 'two nodes, one chain');
my $stranger = '0x' . '5' x 40;
my $found    = "SELECT found FROM usdtpay.chain_rescan ORDER BY rescan_id DESC LIMIT 1";
my $done     = "SELECT done_at IS NOT NULL FROM usdtpay.chain_rescan ORDER BY rescan_id DESC LIMIT 1";
my $index    = 0;

# Pays a stranger and somebody nobody watches yet in one block; once it is final he is a customer.
# Returns: the customer, and the block.
sub missed
{
	my ($amount) = @_;
	my $who = "c$index";
	my $address = sql($db, sprintf "SELECT usdtpay.address_derive('%s', 'evm', %d)",
		UsdtPay::Scan::XPUB, $index++);
	my $paid = $anvil->pay_many($token, $batch, [ [ $stranger, '1' ], [ $address, $amount ] ]);
	my $block = $paid->{block};
	die 'not paid' if !$paid->{ok};
	$anvil->mine(4);
	poll_until($db, "SELECT final_number >= $block FROM usdtpay.network_status") or die 'not final';
	die 'another address' if scan_address($db, $who) ne $address;
	return ($who, $block);
}

sub rescan { my ($block) = @_; sql($db, "SELECT usdtpay.rescan('dev', $block, $block)"); return }

# Leaves every log of a block but the first out.
sub lie { my ($node) = @_; $node->faults({ kind => 'cap-logs', max => 1 }); return }

sub patience
{
	my ($time) = @_;
	sql($db, "ALTER SYSTEM SET usdtpay.second_look_patience = '$time'");
	sql($db, 'SELECT pg_reload_conf()');
	return;
}

# ---- the first look tells of nothing missed, and is wrong
my ($who, $block) = missed('2');
lie($node[0]);
my $asked = $node[1]->calls('eth_getLogs');
rescan($block);
poll_ok($db, "SELECT note LIKE 'two nodes tell differently of the old blocks %' FROM usdtpay.network_status",
	'one node leaves a payment out, the other does not: the status says so');
cmp_ok($node[0]->fired('cap-logs'), '>', 0, '  the first one did');
cmp_ok($node[1]->calls('eth_getLogs'), '>', $asked, '  the second one was asked');
is(sql($db, $done), 'f', '  and the old block is not done with');
is(deposits($db, $who), '', '  nor is anything credited on one node\'s word');
$node[0]->honest;
poll_ok($db, $done, 'once both tell the same it is');
is(deposits($db, $who), '2000000:final', '  and the payment is found');
is(sql($db, $found), '1', '  and counted');

# ---- of three two suffice
sql($db, sprintf q{SELECT usdtpay.endpoint_set('dev', '%s')}, $node[2]->url);
poll_ok($db, "SELECT endpoints_usable = 3 FROM usdtpay.network_status", 'a third node is taken up');
($who, $block) = missed('3');
lie($node[0]);
rescan($block);
poll_ok($db, $done, 'with three the one that leaves a payment out is outvoted');
is(deposits($db, $who), '3000000:final', '  and the payment is found');
$node[0]->honest;

# ---- nothing was missed, and both say so
rescan($block);
poll_ok($db, $done, 'nothing missed: done');
is(sql($db, $found), '0', '  nothing is found twice');

# ---- the others are silent: patience
($who, $block) = missed('4');
$node[$_]->fault(kind => 'hang', method => 'eth_getLogs') for 1, 2;
rescan($block);
poll_ok($db, "SELECT note LIKE 'no second node tells of the old blocks %' FROM usdtpay.network_status",
	'nobody else answers: the status says so', 40);
is(sql($db, $done), 'f', '  the block is not done with');
is(deposits($db, $who), '', '  and nothing is credited');
patience('4s');
poll_ok($db, $done, 'when patience is over the one that answers is believed', 40);
is(deposits($db, $who), '4000000:final', '  and the payment is found');
$_->honest for @node;

is(sql($db, "SELECT coalesce(string_agg(i::text, chr(10)), '') FROM usdtpay.invariants AS i WHERE NOT holds"),
	'', 'invariants hold');
done_testing();
