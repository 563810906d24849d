# SPDX-License-Identifier: PostgreSQL
#
# Rules of the house that only show on a running cluster: the chain's clock decides expiry, so no
# outage expires a paid order; watching an address never stops; an order lives and dies with the
# merchant's transaction; nothing is undone below final.
use strict;
use warnings;
use UsdtPay::Test;
use UsdtPay::Scan;

my $anvil = UsdtPay::Anvil->start('--chain-id', 31337);
my $token = $anvil->token;
$anvil->mine(3);
my $node = UsdtPay::Proxy->start($anvil->url);
my $db   = scan_cluster('main');
scan_network($db, $token, [ $node->url ], final_depth => 3);
caught_up($db, $anvil, 'the scanner runs');

# Creates an order of 10 USDT and returns its id and address.
sub order
{
	my ($reference, $ttl) = @_;
	return split /\|/, sql($db, "SELECT order_id, evm_address FROM usdtpay.order_create(
		'$reference', 10, p_expires_in => interval '$ttl', p_party => 'shop')");
}

sub state_of { return sql($db, "SELECT state FROM usdtpay.payment_order WHERE order_id = $_[0]") }

sub becomes
{
	my ($id, $state, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return poll_ok($db, "SELECT state = '$state' FROM usdtpay.payment_order WHERE order_id = $id", $name);
}

# ---- an outage
my ($paid,   $to)   = order('paid in time', '12 seconds');
my ($unpaid, undef) = order('never paid',   '12 seconds');
$node->freeze;
$anvil->pay($token, $to, '10');
$anvil->forward(60);
$anvil->mine(2);
poll_until($db, "SELECT now() > max(expires_at) FROM usdtpay.payment_order");
is(sql($db, 'SELECT usdtpay.order_expire()'), '0', 'the node is away and the wall clock says late: nothing expires');
is(state_of($paid) . ' ' . state_of($unpaid), 'pending pending', 'both orders wait');
$node->thaw;
becomes($paid, 'confirming', 'the node is back: the payment was in time');
poll_ok($db, 'SELECT usdtpay.order_expire() = 1', 'now the chain has passed the other one\'s time');
is(state_of($unpaid), 'expired', 'which has expired');
is(sql($db, "SELECT late FROM usdtpay.payment_order WHERE order_id = $paid"), 'f', 'the first one is not late');
$anvil->mine(5);
becomes($paid, 'paid', 'and is paid once it is final');

# ---- watching never stops
my ($canceled, $there) = order('canceled', '1 day');
sql($db, "SELECT usdtpay.order_cancel($canceled, 'shop')");
$anvil->pay($token, $there, '4');
$anvil->mine(5);
poll_ok($db, "SELECT count(*) = 1 FROM usdtpay.deposit WHERE order_id = $canceled AND state = 'final'",
	'money for a cancelled order is a deposit');
isnt(sql($db, "SELECT journal_id FROM usdtpay.deposit WHERE order_id = $canceled"), '', 'and booked');
$anvil->pay($token, $to, '1');
$anvil->mine(5);
poll_ok($db, "SELECT count(*) = 2 FROM usdtpay.deposit WHERE order_id = $paid AND state = 'final'",
	'money that comes after payment too');

# ---- the merchant's own transaction
my $before = sql($db, 'SELECT count(*) FROM usdtpay.event');
sql($db, "CREATE TABLE cart (reference text); BEGIN; INSERT INTO cart VALUES ('gone');
	SELECT usdtpay.order_create('gone', 10, p_party => 'shop'); ROLLBACK");
is(sql($db, "SELECT count(*) FROM usdtpay.order_find('gone', 'shop')"), '0', 'rolled back: no order');
is(sql($db, 'SELECT count(*) FROM cart'), '0', 'no cart');
is(sql($db, 'SELECT count(*) FROM usdtpay.event'), $before, 'no event');
my $open = $db->background_psql('postgres');
$open->query_safe("BEGIN; SELECT usdtpay.order_create('unseen', 10, p_party => 'shop')");
is(sql($db, "SELECT count(*) FROM usdtpay.order_find('unseen', 'shop')"), '0', 'not committed: not seen');
$open->query_safe('COMMIT');
$open->quit;
is(sql($db, "SELECT count(*) FROM usdtpay.order_find('unseen', 'shop')"), '1', 'committed: seen');

# ---- below final
my $final = sql($db, 'SELECT final_number FROM usdtpay.chain_cursor');
my $booked = sql($db, 'SELECT sum(amount) FROM usdtpay.posting');
$anvil->reorg($anvil->head - $final + 3);
$anvil->mine(2);
poll_ok($db, 'SELECT halted_at IS NOT NULL FROM usdtpay.chain_cursor', 'a reorganisation below final halts the network');
is(sql($db, 'SELECT sum(amount) FROM usdtpay.posting'), $booked, 'no credit is undone');
is(sql($db, "SELECT count(*) FROM usdtpay.deposit WHERE state <> 'final'"), '0', 'no deposit either');
like(sql($db, 'SELECT status, detail FROM usdtpay.health()'), qr{fail\|halted}, 'health raises an alarm');
is(sql($db, "SELECT coalesce(string_agg(i::text, chr(10)), '') FROM usdtpay.invariants AS i WHERE NOT holds"),
	'', 'invariants hold');

# ---- a scanner that comes late
my $dead = UsdtPay::Proxy->start($anvil->url);
$dead->freeze;
scan_network($db, $token, [ $dead->url ], code => 'late');
my $early = scan_address($db, 'early', 'late');
$anvil->pay($token, $early, '4');
$anvil->mine(5);
$dead->thaw;
poll_ok($db, "SELECT count(*) = 1 FROM usdtpay.deposit JOIN usdtpay.network USING (network_id)
	WHERE customer_ref = 'early' AND code = 'late'", 'what was paid before the first scan is found by it');
done_testing();
