# SPDX-License-Identifier: PostgreSQL
#
# What was checked at the start is checked again while it runs: behind a URL there may be another
# chain tomorrow, and a contract can be exchanged.  One node alone is not believed; when nobody
# denies a change the network halts until a person has looked.
use strict;
use warnings;
use Time::HiRes qw(sleep);
use UsdtPay::Test;
use UsdtPay::Owed;
use UsdtPay::Scan;

my $anvil = UsdtPay::Anvil->start('--chain-id', 31337);
my $token = $anvil->token;
$anvil->mine(3);
my @node = map { UsdtPay::Proxy->start($anvil->url) } 1 .. 2;
my $db   = scan_cluster('main',
	conf => [ "usdtpay.node_recheck_interval = '1s'", "usdtpay.second_look_patience = '1h'" ]);
scan_network($db, $token, [ map { $_->url } @node ]);
my $alice = UsdtPay::Owed->new($db, $anvil, $token, 'alice');
caught_up($db, $anvil, 'two nodes, one chain');

# Takes a refused node up again at once instead of in a minute.
sub renew
{
	my ($node) = @_;
	$node->honest;
	sql($db, sprintf "SELECT usdtpay.endpoint_remove('dev', '%1\$s'); SELECT usdtpay.endpoint_set('dev', '%1\$s')",
		$node->url);
	poll_ok($db, 'SELECT endpoints_usable = 2 FROM usdtpay.network_status', 'both nodes are used again');
	return;
}

sub refused
{
	my ($why, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	poll_ok($db, "SELECT count(*) = 1 FROM usdtpay.endpoint_status WHERE state = 'refused' AND error = \$\$$why\$\$",
		$name);
	is(sql($db, 'SELECT state FROM usdtpay.network_status'), 'scanning', 'the network goes on');
	return;
}

$alice->pay(1_000_000);
$alice->settled('a payment is credited');
my $asked = $node[0]->calls('eth_getCode');
sleep 3;
cmp_ok($node[0]->calls('eth_getCode') - $asked, '>=', 1, 'a node is asked for the code again');
cmp_ok($node[0]->calls('eth_getCode') - $asked, '<=', 4, 'but not all the time');

# ---- one node tells of a change, the other denies it
$node[0]->fault(kind => 'result', method => 'eth_getCode', value => '0x6001');
refused("the token's code is not the pinned one", 'a node that alone tells of other code is refused');
$alice->pay(1_000_000);
$alice->settled('and payments are credited by the other');
renew($node[0]);
$node[0]->fault(kind => 'result', method => 'eth_call', value => '0x' . '0' x 62 . '12');
refused("the token's decimals are not the pinned ones", 'so is one that alone tells of other decimals');
renew($node[0]);
$node[0]->fault(kind => 'result', method => 'eth_getCode', value => '0x');
refused("there is no contract at the token's address", 'so is one that alone has no contract');
renew($node[0]);

# ---- another chain behind the same URL
$node[0]->fault(kind => 'chain-id', value => 31338);
refused('it is on chain 31338, not 31337', 'a node that became one of another chain is refused');
renew($node[0]);

# ---- one tells of a change while the other cannot be asked
$node[1]->freeze;
$node[0]->fault(kind => 'result', method => 'eth_getCode', value => '0x6001');
poll_ok($db, "SELECT note LIKE 'a node says that the token''s code%' FROM usdtpay.network_status",
	'with nobody to ask a note says so');
$alice->pay(1_000_000);
sleep 3;
is(sql($db, "SELECT sum(amount) FROM usdtpay.deposit WHERE state = 'final'"), $alice->owed - 1_000_000,
	'and nothing is credited');
$node[1]->thaw;
refused("the token's code is not the pinned one", 'until the other denies it');
$alice->settled('then payments are credited');
renew($node[0]);

# ---- a million refusals in one answer leave nothing behind
my $pid = sql($db, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'usdtpay scanner'");
$node[0]->fault(kind => 'flood', times => 3);
for (1 .. 100) { last if $node[0]->fired('flood') >= 3; sleep 0.1 }
cmp_ok($node[0]->fired('flood'), '>', 0, 'a node answers with a million refusals');
$node[0]->honest;
$alice->pay(1_000_000);
$alice->settled('which delays nothing');
my ($peak) = slurp_file("/proc/$pid/status") =~ /VmHWM:\s+(\d+) kB/;
cmp_ok($peak, '<', 400 * 1024, 'and takes no memory to speak of') or diag("$peak kB");

# ---- the contract really is another one
my $code = $anvil->rpc('eth_getCode', $token, 'latest');
$anvil->rpc('anvil_setCode', $token, $code . '00');
poll_ok($db, "SELECT state = 'halted' AND halt_reason LIKE '%code is not the pinned one%' FROM usdtpay.network_status",
	'when no node denies it the network halts');
is(sql($db, "SELECT status FROM usdtpay.health() WHERE component = 'network dev'"), 'fail', 'which is an alarm');
like(slurp_file($db->logfile), qr/network "dev" is halted: the token's code is not the pinned one/, 'in the log, too');
$alice->pay(1_000_000);
sleep 2;
is(sql($db, "SELECT sum(amount) FROM usdtpay.deposit"), $alice->owed - 1_000_000, 'nothing is taken in');
sql($db, "SELECT usdtpay.network_resume('dev', 'hoping for the best')");
poll_ok($db, "SELECT state = 'halted' FROM usdtpay.network_status", 'resumed without a decision it halts again');
is(sql($db, "SELECT sum(amount) FROM usdtpay.deposit WHERE state = 'final'"), $alice->owed - 1_000_000,
	'before anything is credited');
is(sql($db, "SELECT usdtpay.token_unpin('dev', '$token')"), 't', 'a person accepts the new code');
sql($db, "SELECT usdtpay.network_resume('dev', 'the issuer announced it')");
$alice->settled('and the network goes on');
is(sql($db, "SELECT code_hash = usdtpay.keccak256('\\x" . substr($code, 2) . "00') FROM usdtpay.token"), 't',
	'with the new code pinned');
is(sql($db, "SELECT coalesce(string_agg(i::text, chr(10)), '') FROM usdtpay.invariants AS i WHERE NOT holds"),
	'', 'invariants hold');
unlike(slurp_file($db->logfile), qr/ERROR: .*usdtpay scanner|terminated by signal|PANIC|TRAP/, 'nothing crashed');
done_testing();
