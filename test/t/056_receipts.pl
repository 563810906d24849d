# SPDX-License-Identifier: PostgreSQL
#
# Disputes that receipts settle: two nodes tell differently of a block's logs, and nobody needs to
# look, as long as one of them gives the block's receipts.  Where none does, nothing is credited
# until they agree.  A block that one node alone has proves nothing, whatever it holds.
use strict;
use warnings;
use JSON::PP;
use Time::HiRes qw(sleep);
use UsdtPay::Test;
use UsdtPay::Owed;
use UsdtPay::Scan;

my $anvil = UsdtPay::Anvil->start('--chain-id', 31337);
my $token = $anvil->token;
$anvil->mine(3);
my @node = map { UsdtPay::Proxy->start($anvil->url) } 1 .. 2;
my $db   = scan_cluster('main', conf => [ "usdtpay.second_look_patience = '1h'" ]);
scan_network($db, $token, [ map { $_->url } @node ]);
my $alice    = UsdtPay::Owed->new($db, $anvil, $token, 'alice');
my $stranger = '0x' . '5' x 40;

# How often receipts have settled something.
sub proofs { my @lines = slurp_file($db->logfile) =~ /receipts settled what nodes told/g; return scalar @lines }

# Runs a payment through while a node lies and receipts tell.
sub settles
{
	my ($name, $liar, %fault) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $before = proofs();
	my $failures = node_state($db, $liar, 'failures');
	$node[$liar]->faults({ %fault });
	$anvil->pay($token, $stranger, '99');
	$alice->pay(1_000_000 + int rand 1_000_000);
	$alice->settled("$name: settled while it lies");
	cmp_ok($node[$liar]->fired($fault{kind}), '>', 0, '  which it does');
	poll_ok($db, "SELECT failures > $failures FROM usdtpay.endpoint_status ORDER BY endpoint_id
		OFFSET $liar LIMIT 1", '  and pays for');
	$node[$liar]->honest;
	return proofs() - $before;
}

$alice->settled('two nodes, one chain');
$alice->pay(1_000_000);
$alice->settled('they agree: credited');
is(proofs(), 0, 'and nothing had to be proven');

# ---- somebody serves receipts: nobody has to look
my $proven = 0;
for my $liar (0, 1)
{
	$proven += settles("node $liar leaves logs out, of receipts too", $liar, kind => 'drop-logs');
	$proven += settles("node $liar leaves them out of eth_getLogs only", $liar,
		kind => 'drop-logs', receipts => JSON::PP::false);
	$proven += settles("node $liar tells another amount, forging receipts too", $liar,
		kind => 'alter-amount', add => 7);
	$proven += settles("node $liar invents a payment, forging receipts too", $liar, invented($alice->address), count => 1);
}
cmp_ok($proven, '>=', 6, "receipts settled $proven disputes");
poll_ok($db, 'SELECT note IS NULL FROM usdtpay.network_status', 'there is nothing to note');
is(sql($db, "SELECT count(*) > 0 FROM usdtpay.deposit WHERE state = 'orphaned' AND sender = decode(repeat('66', 20), 'hex')"),
	't', 'invented payments were seen and are gone');

# ---- a block that cannot be cut comes from receipts, which its header must speak of
for my $liar (0, 1)
{
	$node[$liar]->faults(
		{ kind => 'error', method => 'eth_getLogs', code => -32005, message => 'query returned more than 10000 results' },
		{ kind => 'alter-amount', add => 7 });
	$alice->pay(3_000_000);
	$alice->settled("node $liar gives forged receipts of a block that cannot be cut");
	poll_ok($db, "SELECT error = 'the receipts of a block do not hash to its receiptsRoot'
		FROM usdtpay.endpoint_status ORDER BY endpoint_id OFFSET $liar LIMIT 1", '  which is noticed', 20);
	$node[$liar]->honest;
}

# ---- the liar's own receipts prove it wrong, the other has none
$node[0]->faults({ kind => 'alter-amount', add => 7, receipts => JSON::PP::false });
$node[1]->faults({ no_receipts() });
$alice->pay(4_000_000);
$alice->settled('an index that is broken is proven wrong by the same node\'s receipts');

# ---- only the liar gives receipts, forged: they prove nothing
my $before = $alice->credited;
my $count = proofs();
$node[0]->faults({ kind => 'alter-amount', add => 7 });
$alice->pay(5_000_000);
poll_ok($db, "SELECT note LIKE 'no node confirms%' FROM usdtpay.network_status",
	'forged receipts and nobody to disprove them: a note says that nobody confirms', 40);
sleep 2;
is($alice->credited, $before, 'nothing is credited');
is(proofs(), $count, 'and nothing proven');
$node[0]->honest;
$alice->settled('once they agree it is');

# ---- nobody gives receipts: as it was before there were proofs
for my $liar (0, 1)
{
	$before = $alice->credited;
	$node[$_]->faults({ no_receipts() }, $_ == $liar ? { kind => 'alter-amount', add => 7 } : ()) for 0, 1;
	$alice->pay(6_000_000);
	poll_ok($db, "SELECT note LIKE 'no node confirms%' FROM usdtpay.network_status",
		"node $liar lies and nobody gives receipts: a note says that nobody confirms", 40);
	is($alice->credited, $before, 'nothing is credited');
	$node[$_]->faults({ no_receipts() }) for 0, 1;
	$alice->settled('once they agree it is');
}

# ---- a node whose method was missing is asked again once it is configured anew
$node[$_]->honest for 0, 1;
sql($db, sprintf q{SELECT usdtpay.endpoint_set('dev', '%s', p_max_rate => 400)}, $_->url) for @node;
$proven = settles('receipts are there again', 0, kind => 'alter-amount', add => 9);

# ---- a chain of its own, sound in itself: its receipts prove its blocks, but nobody has these
my $fork = UsdtPay::Anvil->start('--chain-id', 31337, '--fork-url', $anvil->url);
$before = $alice->credited;
$fork->pay($token, $alice->address, 'raw:777000000');
$anvil->pay($token, $stranger, '1');
$node[1]->target($fork->url);
for (1 .. 3) { $_->mine(2) for $fork, $anvil; sleep 1 }
is($alice->credited, $before, 'a payment in a block one node alone has is not credited');
$node[1]->target($anvil->url);
$alice->pay(8_000_000);

# What it told of before it left may have become final: then it contradicted that, and is asked
# again a minute later.
$alice->settled('in the end the truth is credited', 100);

is(sql($db, "SELECT count(*) FROM usdtpay.deposit WHERE amount = 777000000 AND state <> 'orphaned'"), '0',
	'and nothing else, sound as that block was');
is(sql($db, "SELECT count(*) FROM usdtpay.deposit WHERE state = 'seen'"), '0', 'nothing is left over');
sound($db);
unlike(slurp_file($db->logfile), qr/ERROR: .*usdtpay scanner|terminated by signal|PANIC|TRAP/, 'nothing crashed');
done_testing();
