# SPDX-License-Identifier: PostgreSQL
#
# A node that answers everything, but slowly and in the smallest pieces, never breaks the deadline
# of a request.  It must not hold its network up: a look has a deadline of its own, after which the
# next node is asked.  Where there is no other, less is asked for at once until it is in time.
use strict;
use warnings;
use Time::HiRes qw(time sleep);
use UsdtPay::Test;
use UsdtPay::Scan;

my $anvil = UsdtPay::Anvil->start('--chain-id', 31337);
my $token = $anvil->token;
$anvil->mine(3);
my $slow  = UsdtPay::Proxy->start($anvil->url);
my $quick = UsdtPay::Proxy->start($anvil->url);
my $db    = scan_cluster('main');
scan_network($db, $token, [ $slow->url, $quick->url ]);

# The slow one is asked first.
sql($db, sprintf q{SELECT usdtpay.endpoint_set('dev', '%s', p_priority => 1)}, $slow->url);
my $alice = scan_address($db, 'alice');
caught_up($db, $anvil, 'two nodes, one chain');

# Makes a node take its time over every block's logs.
sub drag
{
	my ($node, $ms) = @_;
	$node->faults({ kind => 'delay', method => 'eth_getLogs', ms => $ms },
		{ kind => 'range-limit', max => 1, style => 'ankr' });
	return;
}

# Pays alice, mines, and waits until it is credited.  Returns: whether it was, and the longest time
# in seconds in which the scanner looked at nothing else.
sub pay
{
	my ($amount, $blocks, $seconds) = @_;
	my $until = time + $seconds;
	my $worst = 0;
	$anvil->pay($token, $alice, "raw:$amount");
	$anvil->mine($blocks);
	while (time < $until)
	{
		my ($silent, $done) = split /\|/, sql($db, "SELECT extract(epoch FROM now() - polled_at),
			(SELECT count(*) FROM usdtpay.deposit WHERE amount_raw = $amount AND state = 'final')
			FROM usdtpay.network_status");
		$worst = $silent if $silent > $worst;
		return (1, $worst) if $done;
		sleep 0.2;
	}
	return (0, $worst);
}

# ---- one of two: 60 blocks would take it a minute and a half
drag($slow, 1500);
my ($done, $silent) = pay(1_000_001, 60, 45);
ok($done, 'one of two nodes is slow and wants small ranges: the payment is credited all the same');
cmp_ok($silent, '<', 15, "  and the scanner is never busy with it for long ($silent s)");
cmp_ok($slow->fired('range-limit'), '>', 0, '  the node found ranges too large');
is(sql($db, sprintf q{SELECT error FROM usdtpay.endpoint_status WHERE endpoint_id =
	(SELECT min(endpoint_id) FROM usdtpay.endpoint_status)}),
	'it took too long over a range of blocks', '  it costs it health');
$slow->honest;
poll_ok($db, q{SELECT count(*) = 2 FROM usdtpay.endpoint_status WHERE state = 'ok'
	AND ok_at > now() - interval '2 seconds'}, 'quick again, it is asked again', 40);

# ---- the only one: it needs 10 s for these blocks, more than a look of them may take
sql($db, sprintf q{SELECT usdtpay.endpoint_remove('dev', '%s')}, $quick->url);
poll_ok($db, "SELECT note LIKE 'only one node%' FROM usdtpay.network_status", 'it is left alone');
drag($slow, 250);
($done, $silent) = pay(1_000_002, 40, 90);
ok($done, 'slow and alone: less is asked for at once until it is in time');
cmp_ok($silent, '<', 15, "  and the scanner is never busy with it for long ($silent s)");

is(sql($db, "SELECT coalesce(string_agg(i::text, chr(10)), '') FROM usdtpay.invariants AS i WHERE NOT holds"),
	'', 'invariants hold');
done_testing();
