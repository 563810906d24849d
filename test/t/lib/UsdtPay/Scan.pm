# SPDX-License-Identifier: PostgreSQL
#
# A cluster that scans: roles, a network on a test chain, a merchant with a customer's address.
#
#   my $db = scan_cluster('main');
#   scan_network($db, $token, [$anvil->url]);        # network "dev"
#   my $to = scan_address($db, 'alice');
#   caught_up($db, $anvil);
package UsdtPay::Scan;

use strict;
use warnings;
use Exporter 'import';
use UsdtPay::Test;

our @EXPORT = qw(scan_cluster scan_network scan_address caught_up follows deposits node_state XPUB);

# Account key m/44'/60'/0' of BIP-39's test mnemonic "abandon … about" (test/vectors/hd_wallet).
use constant XPUB => 'xpub6BosfCnifzxcFwrSzQiqu2DBVTshkCXacvNsWGYJVVhhawA7d4R5WSWGFNbi8Aw6ZRc'
  . '1brxMyWMzG3DSSSSoekkudhUd9yLb6qx39T9nMdj';

# A cluster with workers in database "postgres", the roles and a merchant.
sub scan_cluster
{
	my ($name, %options) = @_;
	my $db = usdtpay_cluster($name, %options, conf => [
		"usdtpay.databases = 'postgres'", "usdtpay.rpc_timeout = '3s'", "usdtpay.second_look_patience = '4s'",
		"max_worker_processes = 16", @{ $options{conf} // [] } ]);
	sql($db, q{SELECT usdtpay.roles_setup(); SELECT usdtpay.merchant_create('shop', 'Shop')});
	sql($db, sprintf q{SELECT usdtpay.wallet_add('w', 'xpub', 'evm', p_xpub => '%s',
		p_party => 'shop')}, XPUB);
	return $db;
}

# Defines and enables network "dev" (or code =>) with these endpoints.
sub scan_network
{
	my ($db, $token, $urls, %options) = @_;
	my $code = $options{code} // 'dev';
	my $list = join ', ', map { "'$_'" } @$urls;
	sql($db, sprintf q{SELECT usdtpay.network_define('%s', 'evm', %d, '%s', %d,
		p_block_ms => 1000, p_poll_ms => %d, p_final_depth => %d)}, $code,
		$options{chain_id} // 31337, $token, $options{decimals} // 6, $options{poll_ms} // 100,
		$options{final_depth} // 0);
	sql($db, sprintf q{SELECT usdtpay.network_enable('%s', ARRAY[%s]::text[], p_start_block => %s)},
		$code, $list, $options{start_block} // 'NULL');
	return;
}

# The permanent address of a customer of the merchant.
sub scan_address
{
	my ($db, $customer, $code) = @_;
	$code //= 'dev';
	return sql($db, "SELECT usdtpay.deposit_address('$customer', '$code', 'shop')");
}

# Passes once the tip is the chain's head.
sub caught_up
{
	my ($db, $anvil, $name, $seconds) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $head = $anvil->head;
	return poll_ok($db, "SELECT tip_number >= $head FROM usdtpay.network_status WHERE code = 'dev'",
		$name // "block $head is taken in", $seconds);
}

# Passes once the tip is the newest block of a chain, that very one.
sub follows
{
	my ($db, $chain, $name, $seconds) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $hash = substr $chain->block('latest')->{hash}, 2;
	return poll_ok($db, "SELECT tip_hash = '\\x$hash' FROM usdtpay.chain_cursor", $name, $seconds);
}

# Deposits of a customer as "amount:state, ...".
sub deposits
{
	my ($db, $customer) = @_;
	return sql($db, "SELECT coalesce(string_agg(amount_raw || ':' || state, ', '
		ORDER BY block_number, deposit_id), '') FROM usdtpay.deposit
		WHERE customer_ref = '$customer'");
}

# What is written down of an endpoint, found by its position.
sub node_state
{
	my ($db, $position, $column) = @_;
	return sql($db, "SELECT $column FROM usdtpay.endpoint_status ORDER BY endpoint_id
		OFFSET $position LIMIT 1");
}

1;
