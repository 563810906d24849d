# SPDX-License-Identifier: PostgreSQL
#
# Nodes that refuse, lag, hang and lie.  After each of them every payment must have been seen and
# credited exactly once with its own amount, which is asserted, and the fault must have struck,
# which is asserted too.
use strict;
use warnings;
use JSON::PP;
use Time::HiRes qw(time sleep);
use UsdtPay::Test;
use UsdtPay::Owed;
use UsdtPay::Scan;

my $anvil = UsdtPay::Anvil->start('--chain-id', 31337);
my $token = $anvil->token;
$anvil->mine(5);
my $first  = UsdtPay::Proxy->start($anvil->url);
my $second = UsdtPay::Proxy->start($anvil->url);
my $third  = UsdtPay::Proxy->start($anvil->url);
my $db     = scan_cluster('main');
my $paid   = 0;

# Pays a fresh customer, mines past finality and passes when exactly that is credited.
sub credited
{
	my ($name, %options) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $who    = 'c' . ++$paid;
	my $amount = 1_000_000 + $paid;
	$anvil->pay($token, scan_address($db, $who), "raw:$amount");
	$anvil->mine($options{blocks} // 3);
	my $ok = poll_until($db, "SELECT count(*) = 1 AND min(state::text) = 'final' AND
		min(amount_raw) = $amount FROM usdtpay.deposit WHERE customer_ref = '$who'", 't',
		$options{seconds} // 30);
	ok($ok, $name);
	diag(sql($db, "SELECT s FROM usdtpay.network_status s"), "\n",
		sql($db, "SELECT e FROM usdtpay.endpoint_status e")) unless $ok;
	return $ok;
}

# Sets how long nodes may be silent before one is believed alone.
sub patience
{
	my ($time) = @_;
	sql($db, "ALTER SYSTEM SET usdtpay.second_look_patience = '$time'");
	sql($db, 'SELECT pg_reload_conf()');
	return;
}

# Runs a payment through with a fault on the first node.
sub survives
{
	my ($name, $fault, %options) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$first->faults(ref $fault eq 'ARRAY' ? @$fault : $fault);
	credited($name, %options);
	my $kind = ref $fault eq 'ARRAY' ? $fault->[0]{kind} : $fault->{kind};
	# A node that still rests from the fault before is asked a little later.
	for (1 .. 150) { last if $first->fired($kind); sleep 0.1 }
	cmp_ok($first->fired($kind), '>', 0, "  the node did so");
	$first->honest;
	return;
}

# ---- start checks
my $other = UsdtPay::Anvil->start('--chain-id', 31338);
scan_network($db, $token, [ $first->url, $second->url ]);
caught_up($db, $anvil, 'scanning begins');
credited('two honest nodes: a payment is credited');
poll_ok($db, 'SELECT note IS NULL FROM usdtpay.network_status', 'and there is nothing to note');
is(sql($db, 'SELECT code_hash IS NOT NULL FROM usdtpay.token'), 't', 'the code both agree on is pinned');

sql($db, sprintf q{SELECT usdtpay.endpoint_set('dev', '%s')}, $other->url);
poll_ok($db, "SELECT count(*) = 1 FROM usdtpay.endpoint_status WHERE state = 'refused'
	AND error = 'it is on chain 31338, not 31337'", 'a node of another chain is refused');
sql($db, sprintf q{SELECT usdtpay.endpoint_remove('dev', '%s')}, $other->url);

my $impostor = UsdtPay::Anvil->start('--chain-id', 31337);
$impostor->fake;
sql($db, sprintf q{SELECT usdtpay.endpoint_set('dev', '%s')}, $impostor->url);
poll_ok($db, "SELECT count(*) = 1 FROM usdtpay.endpoint_status WHERE state = 'refused'",
	'a node whose token is another contract is refused');
sql($db, sprintf q{SELECT usdtpay.endpoint_remove('dev', '%s')}, $impostor->url);
credited('the others are used as before');

# ---- refusals and broken transport, on one of two nodes
survives('HTTP 429 with Retry-After',
	{ kind => 'status', code => 429, retryAfter => 1, times => 4 });
survives('HTTP 403', { kind => 'status', code => 403, times => 4 });
survives('HTTP 500 with a page', { kind => 'status', code => 500, body => '<html>', times => 4 });
survives('a dropped connection', { kind => 'drop', times => 4 });
survives('a redirect, which is not followed',
	{ kind => 'redirect', location => $second->url, times => 4 });
survives('an endless answer', { kind => 'huge', megabytes => 40, times => 2 }, seconds => 60);
survives('an answer in drips', { kind => 'slow', times => 2 }, seconds => 60);
survives('a truncated answer', { kind => 'truncate', times => 4 });
survives('garbage with a NUL', { kind => 'garbage', times => 4 });
survives('wrong ids', { kind => 'wrong-ids', times => 4 });
survives('an id twice', { kind => 'same-id-twice', times => 4 });
survives('a missing answer', { kind => 'missing-answer', times => 4 });
survives('a batch in another order', { kind => 'reverse-batch', times => 4 });
survives('an error for everything', { kind => 'error', times => 6 });
survives('null for everything', { kind => 'result', times => 6 });
survives('a node that hangs', { kind => 'hang', times => 3 }, seconds => 60);

# ---- a liar against one honest node, and no receipts: nobody can tell who is right, so nothing is
# credited (056_receipts.pl: with receipts it settles itself)
poll_ok($db, "SELECT bool_and(state = 'ok' AND ok_at > now() - interval '2 seconds')
	FROM usdtpay.endpoint_status", 'both nodes are well');
patience('10min');
$first->faults({ kind => 'drop-logs' }, { no_receipts() });
$second->faults({ no_receipts() });
my $waiting = scan_address($db, 'waiting');
$anvil->pay($token, $waiting, '77');
$anvil->mine(4);
poll_ok($db, "SELECT note LIKE 'no node %' FROM usdtpay.network_status",
	'of two nodes one leaves a payment out: the status says that nothing is confirmed');
is(sql($db, "SELECT count(*) FROM usdtpay.deposit WHERE customer_ref = 'waiting' AND state = 'final'"),
	'0', 'and nothing is credited');
$_->honest for $first, $second;
poll_ok($db, "SELECT count(*) = 1 FROM usdtpay.deposit WHERE customer_ref = 'waiting'
	AND state = 'final'", 'once both tell the same it is', 60);
patience('4s');

# ---- a liar against two honest nodes is outvoted
sql($db, sprintf q{SELECT usdtpay.endpoint_set('dev', '%s')}, $third->url);
poll_ok($db, "SELECT endpoints_usable = 3 FROM usdtpay.network_status", 'a third node is taken up');
survives('a node that lags, clamping in silence', { kind => 'lag', blocks => 4 });
survives('a node that lags and says so', { kind => 'lag', blocks => 4, beyond => 'error' });
survives('a node that claims blocks which do not exist', { kind => 'lag', blocks => -50 });
for my $kind (qw(duplicate-logs removed-logs wrong-block-hash))
{
	survives("a node with $kind", { kind => $kind });
}
survives('a node that leaves logs out, receipts too: its bloom gives it away', { kind => 'drop-logs' });
survives('a node that leaves logs out of eth_getLogs only', { kind => 'drop-logs', receipts => JSON::PP::false });
survives('a node that alters an amount, seen first and then corrected or refused',
	{ kind => 'alter-amount', times => 1 }, seconds => 60);

# ---- with a single node
sql($db, sprintf q{SELECT usdtpay.endpoint_remove('dev', '%s')}, $_->url) for $second, $third;
poll_ok($db, "SELECT note LIKE 'only one node%' FROM usdtpay.network_status", 'one node is left');
for my $style (qw(infura infura-range alchemy quicknode ankr publicnode reth drpc geth-timeout
	geth-large java-tron))
{
	sql($db, "UPDATE usdtpay_internal.endpoint_health SET log_range = 500");
	$first->faults({ kind => 'range-limit', max => 3, style => $style });
	credited("$style\'s range limit: blocks are asked for in pieces", blocks => 25);
	cmp_ok($first->fired('range-limit'), '>', 0, '  the node said so');
	$first->honest;
}
# A batch may be answered in any order: the ids say what is whose, and nobody is to blame.
my $failures = node_state($db, 0, 'failures');
$first->fault(kind => 'reverse-batch');
credited('every batch answered backwards, by the only node', blocks => 25);
cmp_ok($first->fired('reverse-batch'), '>', 0, '  which it did');
is(node_state($db, 0, 'failures'), $failures, '  and that is no failure');
$first->honest;

# Nobody else can be asked, but a block whose bloom and receipts promise a payment is not passed by.
$first->fault(kind => 'drop-logs', receipts => JSON::PP::false);
my $left_out = $anvil->pay($token, scan_address($db, 'c' . ++$paid), 'raw:' . (1_000_000 + $paid));
$anvil->mine(3);
poll_ok($db, "SELECT error = 'logs were left out that a block''s bloom promises' FROM usdtpay.endpoint_status",
	'logs left out by the only node for good: it is blamed');
sleep 3;
is(sql($db, "SELECT tip_number < $left_out->{block} FROM usdtpay.network_status"), 't', 'and the block is not passed by');
$first->honest;
poll_ok($db, "SELECT count(*) = 1 AND min(state::text) = 'final' FROM usdtpay.deposit WHERE customer_ref = 'c$paid'",
	'until the logs are there');
survives('logs left out by the only node once: its receipts give it away',
	{ kind => 'drop-logs', times => 1 }, seconds => 60);

# ---- a failover in the middle
sql($db, sprintf q{SELECT usdtpay.endpoint_set('dev', '%s')}, $second->url);
credited('two nodes again');
$first->freeze;
credited('one freezes: the other carries on, alone after a while', seconds => 60);
$first->thaw;
credited('and thaws');

is(sql($db, "SELECT count(*) FROM usdtpay.deposit WHERE state <> 'final'"), '0', 'no deposit is left over');
is(sql($db, "SELECT count(*) = count(DISTINCT customer_ref) AND count(*) = $paid + 1 FROM usdtpay.deposit"), 't',
	'every payment is one deposit');
sound($db);
unlike(slurp_file($db->logfile), qr/ERROR: .*usdtpay scanner|terminated by signal|PANIC|TRAP/,
	'nothing crashed');
done_testing();
