# SPDX-License-Identifier: PostgreSQL
#
# Nodes on different forks.  One that leaves the others is not followed, the majority is; and a chain
# that parts below final is a matter of who confirms our final block: with a witness the node is
# refused, without one the network halts.
use strict;
use warnings;
use Time::HiRes qw(sleep);
use UsdtPay::Test;
use UsdtPay::Scan;

my $anvil = UsdtPay::Anvil->start('--chain-id', 31337);
my $token = $anvil->token;
$anvil->mine(3);
my @node = map { UsdtPay::Proxy->start($anvil->url) } 1 .. 3;
my $db   = scan_cluster('main', conf => [ "usdtpay.second_look_patience = '1h'" ]);
scan_network($db, $token, [ map { $_->url } @node ], final_depth => 40);
my $alice = scan_address($db, 'alice');
caught_up($db, $anvil, 'three nodes, one chain');

# A chain that has everything up to a block in common with the first one.
sub fork_at
{
	my ($block) = @_;
	return UsdtPay::Anvil->start('--chain-id', 31337, '--fork-url', $anvil->url, '--fork-block-number', $block);
}

# How many of a chain's newest blocks were taken in.
sub taken
{
	my ($chain, $blocks) = @_;
	my $head = $chain->head;
	my $hashes = join ', ', map { "'\\x" . substr($chain->block($_)->{hash}, 2) . "'" }
		$head - $blocks + 1 .. $head;
	return sql($db, "SELECT count(*) FROM usdtpay.chain_block WHERE hash IN ($hashes)");
}

sub orphans { return sql($db, 'SELECT count(*) FROM usdtpay.chain_block WHERE NOT canonical') }

# ---- one of three leaves
my $lone = fork_at($anvil->head);
$anvil->pay($token, $alice, 'raw:1000000');
$lone->pay($token, $alice, 'raw:777000000');
$_->mine(2) for $lone, $anvil;
follows($db, $anvil, 'the tip is the chain\'s');
$node[2]->target($lone->url);
poll_ok($db, "SELECT count(*) = 1 FROM usdtpay.endpoint_status WHERE error = 'it is on a fork of its own'",
	'a node that leaves the two others is blamed');
for (1 .. 4) { $lone->mine(1); sleep 0.4; $anvil->mine(1); sleep 0.4 }
follows($db, $anvil, 'and not followed');
is(taken($lone, 6), '0', 'none of its blocks is taken in');
is(orphans(), '0', 'none of the others\' was taken away');
is(deposits($db, 'alice'), '1000000:seen', 'what it alone tells of is nowhere');

# ---- the others go there, too
$_->target($lone->url) for @node[ 0, 1 ];
$lone->mine(8 + $anvil->head - $lone->head);
follows($db, $lone, 'where all go the scanner follows');
is(deposits($db, 'alice'), '1000000:orphaned, 777000000:seen', 'to what is true there');
$_->target($anvil->url) for @node;
$anvil->mine(8 + $lone->head - $anvil->head);
follows($db, $anvil, 'and back');
is(deposits($db, 'alice'), '1000000:seen, 777000000:orphaned', 'again');

# ---- one of two contradicts a final block
sql($db, sprintf q{SELECT usdtpay.endpoint_remove('dev', '%s')}, $node[2]->url);
$anvil->mine(50);
poll_ok($db, sprintf("SELECT final_number = %d FROM usdtpay.chain_cursor", $anvil->head - 40), 'blocks become final');
is(deposits($db, 'alice'), '1000000:final, 777000000:orphaned', 'and the payment');
my $below = fork_at($anvil->head - 45);
$below->mine(44);
$node[1]->target($below->url);
poll_ok($db, "SELECT count(*) = 1 FROM usdtpay.endpoint_status WHERE state = 'refused'
	AND error = 'it contradicts a final block that other nodes confirm'", 'a node that contradicts a final block is refused');
$anvil->mine(2);
follows($db, $anvil, 'the other one is followed');
is(sql($db, 'SELECT halted_at IS NULL FROM usdtpay.chain_cursor'), 't', 'and nothing is halted');
is(taken($below, 14), '0', 'no block of the other chain is taken in');

# ---- nobody confirms it any more
my $final = sql($db, 'SELECT final_number FROM usdtpay.chain_cursor');
$below->mine(5);
$node[0]->target($below->url);
poll_ok($db, 'SELECT halted_at IS NOT NULL FROM usdtpay.chain_cursor', 'when nobody confirms what is final the network halts');
is(sql($db, 'SELECT final_number FROM usdtpay.chain_cursor'), $final, 'and goes back on nothing');
is(deposits($db, 'alice'), '1000000:final, 777000000:orphaned', 'no credit is undone');
is(sql($db, "SELECT coalesce(string_agg(i::text, chr(10)), '') FROM usdtpay.invariants AS i WHERE NOT holds"),
	'', 'invariants hold');
$db->stop('fast');
unlike(slurp_file($db->logfile), qr/terminated by signal|PANIC|TRAP/, 'nothing crashed');
done_testing();
