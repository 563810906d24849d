# SPDX-License-Identifier: PostgreSQL
#
# From a block to a deposit: what is paid is seen, what is final is credited, a reorganisation is
# followed and never goes below final, old blocks can be looked at again, and nothing that looks
# like a payment is taken for one.
use strict;
use warnings;
use JSON::PP;
use Time::HiRes qw(time sleep);
use UsdtPay::Test;
use UsdtPay::Scan;

my $anvil = UsdtPay::Anvil->start('--chain-id', 31337, '--timestamp', int(time) - 600); # old blocks
my $token = $anvil->token;
my $fake  = $anvil->fake;
$anvil->mine(3);

my $db = scan_cluster('main');
scan_network($db, $token, [ $anvil->url ]);
my $alice = scan_address($db, 'alice');
caught_up($db, $anvil, 'scanning begins at the head');
is(sql($db, 'SELECT min(number) = max(number) FROM usdtpay.chain_block'), 't',
	'without a start block the past is left alone');
like(sql($db, "SELECT note FROM usdtpay.network_status WHERE code = 'dev'"),
	qr/only one node/, 'status says that one node alone gives no independent second look');

# seen and final
my $began = time;
$anvil->pay($token, $alice, '12.5');
poll_ok($db, "SELECT count(*) = 1 FROM usdtpay.deposit WHERE state = 'seen'",
	'a payment is seen in its block');
is(deposits($db, 'alice'), '12500000:seen', 'with its raw amount');
$anvil->mine(3);
poll_ok($db, "SELECT count(*) = 1 FROM usdtpay.deposit WHERE state = 'final'",
	'and final once the finalized tag has passed it');
is(sql($db, "SELECT count(*) FROM usdtpay.posting WHERE amount = 12500000"), '1',
	'it is credited once');

# what is no payment
my $stranger = '0x' . '5' x 40;
$anvil->pay_fake($fake, '0x' . '6' x 40, $alice, '99');
$anvil->pay($token, $stranger, '7');
$anvil->pay($token, $alice, 'raw:0');
$anvil->mine(3);
caught_up($db, $anvil);
is(sql($db, 'SELECT count(*) FROM usdtpay.deposit'), '1',
	'a fake token, a stranger\'s payment and a zero transfer are no deposits');

# a reorganisation of unfinal blocks
my $bob = scan_address($db, 'bob');
$anvil->pay($token, $bob, '3');
poll_ok($db, "SELECT count(*) = 1 FROM usdtpay.deposit WHERE customer_ref = 'bob'",
	'another payment is seen');
$anvil->reorg(1);
$anvil->mine(1);
poll_ok($db, "SELECT state = 'orphaned' FROM usdtpay.deposit WHERE customer_ref = 'bob'",
	'its block is replaced by one without it: orphaned');
is(sql($db, q{SELECT count(*) > 0 FROM usdtpay.chain_block WHERE NOT canonical}), 't',
	'the block that went away is kept, marked');
is(sql($db, q{SELECT count(*) FROM usdtpay.chain_block b JOIN usdtpay.chain_block p
	ON p.network_id = b.network_id AND p.number = b.number - 1 AND p.canonical
	WHERE b.canonical AND b.parent_hash <> p.hash}), '0', 'canonical blocks link');
$anvil->pay($token, $bob, '3');
$anvil->mine(3);
poll_ok($db, "SELECT count(*) = 1 FROM usdtpay.deposit WHERE customer_ref = 'bob'
	AND state = 'final'", 'paid again, it is credited');

# re-inclusion keeps the identity
my $carol = scan_address($db, 'carol');
$anvil->pay($token, $carol, '4');
poll_ok($db, "SELECT count(*) = 1 FROM usdtpay.deposit WHERE customer_ref = 'carol'", 'seen');
$anvil->reorg(1, 'keep');
$anvil->mine(3);
poll_ok($db, "SELECT count(*) = 1 AND min(state::text) = 'final' FROM usdtpay.deposit
	WHERE customer_ref = 'carol'", 'a payment included again stays one deposit');

# looking again
my $known  = sql($db, 'SELECT string_agg(d::text, chr(10) ORDER BY deposit_id)
	FROM usdtpay.deposit AS d');
is(sql($db, "BEGIN; SELECT usdtpay.rescan('dev', 0, 5); SELECT usdtpay.rescan('dev', 0, 5); COMMIT"),
	"1\n1", 'the same rescan asked for twice is one row');
poll_ok($db, "SELECT done_at IS NOT NULL FROM usdtpay.chain_rescan", 'a rescan is worked off');
is(sql($db, 'SELECT string_agg(d::text, chr(10) ORDER BY deposit_id) FROM usdtpay.deposit AS d'),
	$known, 'and changes nothing that is known');
sql_fails($db, "SELECT usdtpay.rescan('dev', 5, 3)", 'UP000', 'a range upside down is refused');
sql_fails($db, "SELECT usdtpay.rescan('nope', 1, 3)", 'UP200', 'so is an unknown network');

# a reload reaches the scanner while it runs
$db->append_conf('postgresql.conf', 'usdtpay.scan_span = 5');
$db->reload;
$anvil->mine(30);
caught_up($db, $anvil, 'thirty blocks at once, in spans of five after SIGHUP');
sql($db, "SELECT usdtpay.network_set('dev', p_poll_ms => 150)");
$anvil->mine(1);
caught_up($db, $anvil, 'a changed definition is taken up');

# latency: measured from the moment the node has the block
my @took;
for my $n (1 .. 5)
{
	my $who = scan_address($db, "latency$n");
	$anvil->pay($token, $who, '1');
	my $mined = time;
	1 until sql($db, "SELECT count(*) FROM usdtpay.deposit WHERE customer_ref = 'latency$n'")
	  || time > $mined + 10;
	push @took, time - $mined;
}
@took = sort { $a <=> $b } @took;
note sprintf 'from mined to seen: median %.0f ms, worst %.0f ms', $took[2] * 1000, $took[4] * 1000;
cmp_ok($took[2], '<', 0.5, 'half of the payments are seen within the poll time and a bit');

# off and on
sql($db, "SELECT usdtpay.network_disable('dev')");
poll_ok($db, "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'usdtpay scanner'",
	'a disabled network has no scanner');
$anvil->pay($token, $bob, '8');
$anvil->mine(3);
sql($db, "SELECT usdtpay.network_enable('dev')");
poll_ok($db, "SELECT count(*) = 1 FROM usdtpay.deposit WHERE amount_raw = 8000000
	AND state = 'final'", 'enabled again it continues where it stopped', 40);

# below final: halt, and a person
$anvil->mine(3);
caught_up($db, $anvil);
poll_ok($db, "SELECT remote_final >= tip_number - 3 AND final_number >= tip_number - 3
	FROM usdtpay.network_status", 'final follows');
$anvil->reorg(10);
$anvil->mine(2);
poll_ok($db, "SELECT state = 'halted' FROM usdtpay.network_status",
	'a reorganisation below final halts the network');
is(sql($db, "SELECT count(*) FROM usdtpay.deposit WHERE state = 'final'"), '9',
	'and unwinds no credit');
sql_fails($db, "SELECT usdtpay.network_resume('dev', '')", 'UP000', 'resuming needs a reason');
my $ancestor = hex($anvil->rpc('eth_blockNumber')) - 14;
my $hash = $anvil->rpc('eth_getBlockByNumber', sprintf('0x%x', $ancestor), JSON::PP::false)->{hash};
$hash =~ s/^0x/\\x/;
sql($db, "SELECT usdtpay.network_resume('dev', 'test chain was rolled back', $ancestor, '$hash')");
$anvil->mine(1);
caught_up($db, $anvil, 'told where the chains part, it goes on');
is(sql($db, "SELECT coalesce(string_agg(code, ' '), '') FROM usdtpay.invariants WHERE NOT holds"),
	'I14', 'the invariants point at the credits whose blocks are gone, and at nothing else');

# a reorganisation deeper than any usual one costs a few questions, not one per block
my $deep  = UsdtPay::Anvil->start('--chain-id', 31339);
my $coin  = $deep->token;
my $proxy = UsdtPay::Proxy->start($deep->url);
sql($db, sprintf q{SELECT usdtpay.network_define('deep', 'evm', 31339, '%s', 6, p_poll_ms => 100,
	p_final_tag => false, p_final_depth => 200); SELECT usdtpay.network_enable('deep', ARRAY['%s'])}, $coin, $proxy->url);
my $dora = scan_address($db, 'dora', 'deep');
poll_ok($db, "SELECT tip_number > 0 FROM usdtpay.network_status WHERE code = 'deep'", 'another network begins', 20);
$deep->mine(20);
$deep->pay($coin, $dora, 'raw:1');
$deep->pay($coin, $dora, 'raw:2');
$deep->mine(68);
poll_ok($db, sprintf("SELECT tip_number = %d FROM usdtpay.network_status WHERE code = 'deep'", $deep->head), 'and follows');
is(deposits($db, 'dora'), '1:seen, 2:seen', 'with two payments');
my $steps = $proxy->calls('eth_getBlockByHash');
$deep->reorg(69);
$deep->mine(1);
poll_ok($db, sprintf("SELECT tip_number = %d FROM usdtpay.network_status WHERE code = 'deep'", $deep->head),
	'69 blocks back');
is(deposits($db, 'dora'), '1:seen, 2:orphaned', 'to exactly where the two histories part');
is(sql($db, sprintf "SELECT count(*) FROM usdtpay.chain_block JOIN usdtpay.network USING (network_id)
	WHERE code = 'deep' AND NOT canonical"), '69', 'no block too many was taken away');
cmp_ok($proxy->calls('eth_getBlockByHash') - $steps, '<', 40, 'after few questions');

# headers far below final are deleted, by a scanner that starts and from time to time
$db->append_conf('postgresql.conf', 'usdtpay.scan_span = 500');
$db->reload;
$deep->mine(1300);
poll_ok($db, sprintf("SELECT tip_number = %d AND final_number = tip_number - 200 FROM usdtpay.network_status WHERE code = 'deep'",
	$deep->head), '1300 blocks more', 60);
my $headers = "FROM usdtpay.chain_block JOIN usdtpay.network AS n USING (network_id) JOIN usdtpay.chain_cursor AS c USING (network_id)
	WHERE n.code = 'deep'";
sql($db, "SELECT usdtpay.network_disable('deep')");
poll_until($db, q{SELECT count(*) < 2 FROM pg_stat_activity WHERE backend_type = 'usdtpay scanner'});
cmp_ok(sql($db, "SELECT count(*) $headers AND number < final_number - 1000"), '>', 100, 'some of them old');
$db->append_conf('postgresql.conf', 'usdtpay.block_retention = 1000');
$db->reload;
sql($db, "SELECT usdtpay.network_enable('deep')");
poll_ok($db, "SELECT min(number) = min(final_number) - 1000 $headers", 'their headers go, the others stay');
is(deposits($db, 'dora'), '1:final, 2:orphaned', 'and so do deposits');
sql($db, "SELECT usdtpay.network_disable('deep')");

# secrets
sql($db, q{SELECT usdtpay.endpoint_set('dev', 'http://user:hush@127.0.0.1:9/v3/hush?key=hush',
	'{"X-Key": "hush"}')});
sleep 2.5;
unlike(sql($db, 'SELECT e FROM usdtpay.endpoint_status AS e')
	. sql($db, 'SELECT s FROM usdtpay.network_status AS s'), qr/hush/,
	'no view shows a secret');
unlike(slurp_file($db->logfile), qr/hush(?!@)(?!.*endpoint_set)/, 'neither does the log');

$db->stop('fast');
unlike(slurp_file($db->logfile), qr/terminated by signal|PANIC|TRAP/, 'nothing crashed');
done_testing();
