# SPDX-License-Identifier: PostgreSQL
#
# A merchant's session cannot hold up everybody's money: one that keeps a worker waiting is ended,
# an operator's is not; what its function locked for the session does not stay with the worker.
use strict;
use warnings;
use Time::HiRes qw(sleep);
use UsdtPay::Test;
use UsdtPay::Scan;

my $anvil = UsdtPay::Anvil->start('--chain-id', 31337);
my $token = $anvil->token;
$anvil->mine(3);
my $db = scan_cluster('main', conf => [q{usdtpay.lock_patience = '2s'}]);
scan_network($db, $token, [ $anvil->url ]);
caught_up($db, $anvil, 'the scanner runs');
sql($db, "CREATE ROLE shop_app LOGIN; GRANT usdtpay_merchant TO shop_app;
	SELECT usdtpay.party_login_grant('shop', 'shop_app'); SELECT usdtpay.merchant_create('rival', 'Rival');
	SELECT usdtpay.wallet_add('pool', 'pool', 'evm', p_party => 'rival',
		p_addresses => ARRAY['0x' || repeat('1', 40)])");

# Creates an order of 10 USDT and pays it.
sub pay
{
	my ($reference, $party) = @_;
	my ($id, $to) = split /\|/, sql($db, "SELECT order_id, evm_address FROM usdtpay.order_create(
		'$reference', 10, p_expires_in => '1 hour', p_party => '$party')");
	$anvil->pay($token, $to, '10');
	return $id;
}

sub paid
{
	my ($id, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return poll_ok($db, "SELECT state = 'paid' FROM usdtpay.payment_order WHERE order_id = $id", $name);
}

sub sessions { return sql($db, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'shop_app'") }

# ---- a merchant's lock
my $shop = $db->background_psql('postgres', extra_params => [ '-U', 'shop_app' ]);
$shop->query_safe(q{SET idle_in_transaction_session_timeout = 0; BEGIN;
	SELECT (usdtpay.merchant_set(p_late_policy => 'auto')).party_id});
my $mine  = pay('mine',  'shop');
my $other = pay('other', 'rival');
$anvil->mine(3);
paid($other, 'the other merchant\'s payment goes through');
paid($mine,  'its own as well');
is(sessions(), '0', 'the session that was in the way is gone');
like(slurp_file($db->logfile), qr/waited too long for session \d+ of role "shop_app"/, 'the log says so');
eval { $shop->quit };

# ---- an operator's lock is respected
my $operator = $db->background_psql('postgres');
$operator->query_safe(q{BEGIN; SELECT (usdtpay.merchant_set(p_late_policy => 'auto', p_party => 'shop')).party_id});
my $waits = pay('waits', 'shop');
$anvil->mine(3);
poll_ok($db, "SELECT count(*) > 0 FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
	WHERE a.backend_type = 'usdtpay scanner' AND NOT l.granted AND l.waitstart < clock_timestamp() - interval '4 seconds'",
	'the scanner waits for an operator, longer than that');
$operator->query_safe('COMMIT');
$operator->quit;
paid($waits, 'and goes on when the operator is done');

# ---- what a hook locks for the session
sql($db, q{CREATE SCHEMA shop_app AUTHORIZATION shop_app;
	SET ROLE shop_app;
	CREATE TABLE shop_app.ran (id bigint);
	CREATE FUNCTION shop_app.paid(p_order bigint) RETURNS void LANGUAGE sql AS
	'INSERT INTO shop_app.ran VALUES (p_order); SELECT pg_advisory_lock(n) FROM generate_series(1, 100) AS n';
	SELECT (usdtpay.merchant_set(p_on_paid => 'shop_app.paid')).party_id});
paid(do { my $id = pay('locks', 'shop'); $anvil->mine(3); $id }, 'an order is paid');
poll_ok($db, 'SELECT count(*) = 1 FROM shop_app.ran', 'its hook has run');
is(sql($db, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), '0', 'and left no lock with the worker');
is(sql($db, "SELECT coalesce(string_agg(i::text, chr(10)), '') FROM usdtpay.invariants AS i WHERE NOT holds"),
	'', 'invariants hold');
done_testing();
