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
use UsdtPay::Scan;

my $anvil = UsdtPay::Anvil->start('--chain-id', 31337);
my $token = $anvil->token;
$anvil->mine(3);
my @node = map { UsdtPay::Proxy->start($anvil->url) } 1 .. 2;
my $db   = scan_cluster('main', conf => [ "usdtpay.second_look_patience = '1h'" ]);
scan_network($db, $token, [ map { $_->url } @node ]);
my $alice = scan_address($db, 'alice');
my $owed  = 0;
my %unserved = (kind => 'error', method => 'eth_getBlockReceipts', code => -32601,
	message => 'the method eth_getBlockReceipts does not exist/is not available');
my $stranger = '0x' . '5' x 40;
my %invented = (kind => 'set-log', set => { topics => [
	'0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef',
	'0x' . '0' x 24 . '6' x 40, '0x' . '0' x 24 . lc substr($alice, 2) ] });

# Pays alice an amount in raw units and makes it old enough to be final.
sub pay
{
	my ($amount) = @_;
	$anvil->pay($token, $alice, "raw:$amount");
	$owed += $amount;
	$anvil->mine(4);
	return;
}

sub credited { return sql($db, "SELECT coalesce(sum(amount), 0) FROM usdtpay.deposit WHERE state = 'final'") }

# Passes once everything up to the chain's head is final and exactly what was paid is credited.
sub settled
{
	my ($name, $seconds) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $head = $anvil->head;
	my $ok = poll_ok($db, "SELECT (SELECT final_number >= $head - 3 FROM usdtpay.network_status) AND
		(SELECT coalesce(sum(amount), 0) = $owed FROM usdtpay.deposit WHERE state = 'final')", $name, $seconds // 40);
	diag(sql($db, 'SELECT s FROM usdtpay.network_status s'), "\n",
		sql($db, 'SELECT e FROM usdtpay.endpoint_status e'), "\n", credited(), " of $owed") unless $ok;
	return;
}

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
	pay(1_000_000 + int rand 1_000_000);
	settled("$name: settled while it lies");
	cmp_ok($node[$liar]->fired($fault{kind}), '>', 0, '  which it does');
	poll_ok($db, "SELECT failures > $failures FROM usdtpay.endpoint_status ORDER BY endpoint_id
		OFFSET $liar LIMIT 1", '  and pays for');
	$node[$liar]->honest;
	return proofs() - $before;
}

settled('two nodes, one chain');
pay(1_000_000);
settled('they agree: credited');
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
	$proven += settles("node $liar invents a payment, forging receipts too", $liar, %invented, count => 1);
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
	pay(3_000_000);
	settled("node $liar gives forged receipts of a block that cannot be cut");
	poll_ok($db, "SELECT error = 'the receipts of a block do not hash to its receiptsRoot'
		FROM usdtpay.endpoint_status ORDER BY endpoint_id OFFSET $liar LIMIT 1", '  which is noticed', 20);
	$node[$liar]->honest;
}

# ---- the liar's own receipts prove it wrong, the other has none
$node[0]->faults({ kind => 'alter-amount', add => 7, receipts => JSON::PP::false });
$node[1]->faults({ %unserved });
pay(4_000_000);
settled('an index that is broken is proven wrong by the same node\'s receipts');

# ---- only the liar gives receipts, forged: they prove nothing
my $before = credited();
my $count = proofs();
$node[0]->faults({ kind => 'alter-amount', add => 7 });
pay(5_000_000);
poll_ok($db, "SELECT note LIKE 'no node confirms%' FROM usdtpay.network_status",
	'forged receipts and nobody to disprove them: a note says that nobody confirms', 40);
sleep 2;
is(credited(), $before, 'nothing is credited');
is(proofs(), $count, 'and nothing proven');
$node[0]->honest;
settled('once they agree it is');

# ---- nobody gives receipts: as it was before there were proofs
for my $liar (0, 1)
{
	$before = credited();
	$node[$_]->faults({ %unserved }, $_ == $liar ? { kind => 'alter-amount', add => 7 } : ()) for 0, 1;
	pay(6_000_000);
	poll_ok($db, "SELECT note LIKE 'no node confirms%' FROM usdtpay.network_status",
		"node $liar lies and nobody gives receipts: a note says that nobody confirms", 40);
	is(credited(), $before, 'nothing is credited');
	$node[$_]->faults({ %unserved }) for 0, 1;
	settled('once they agree it is');
}

# ---- a node whose method was missing is asked again once it is configured anew
$node[$_]->honest for 0, 1;
sql($db, sprintf q{SELECT usdtpay.endpoint_set('dev', '%s', p_max_rate => 400)}, $_->url) for @node;
$proven = settles('receipts are there again', 0, kind => 'alter-amount', add => 9);

# ---- a chain of its own, sound in itself: its receipts prove its blocks, but nobody has these
my $fork = UsdtPay::Anvil->start('--chain-id', 31337, '--fork-url', $anvil->url);
$before = credited();
$fork->pay($token, $alice, 'raw:777000000');
$anvil->pay($token, $stranger, '1');
$node[1]->target($fork->url);
for (1 .. 3) { $_->mine(2) for $fork, $anvil; sleep 1 }
is(credited(), $before, 'a payment in a block one node alone has is not credited');
$node[1]->target($anvil->url);
pay(8_000_000);

# What it told of before it left may have become final: then it contradicted that, and is asked
# again a minute later.
settled('in the end the truth is credited', 100);

is(sql($db, "SELECT count(*) FROM usdtpay.deposit WHERE amount = 777000000 AND state <> 'orphaned'"), '0',
	'and nothing else, sound as that block was');
is(sql($db, "SELECT count(*) FROM usdtpay.deposit WHERE state = 'seen'"), '0', 'nothing is left over');
is(sql($db, "SELECT coalesce(string_agg(i::text, chr(10)), '') FROM usdtpay.invariants AS i WHERE NOT holds"),
	'', 'invariants hold');
is(sql($db, 'SELECT halted_at IS NULL FROM usdtpay.chain_cursor'), 't', 'the network is not halted');
unlike(slurp_file($db->logfile), qr/ERROR: .*usdtpay scanner|terminated by signal|PANIC|TRAP/, 'nothing crashed');
done_testing();
