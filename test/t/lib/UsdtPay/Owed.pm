# SPDX-License-Identifier: PostgreSQL
#
# A customer paid on an EVM test chain while its nodes misbehave: what is owed, and that exactly this
# is credited in the end.
#
#   my $owed = UsdtPay::Owed->new($db, $anvil, $token, 'alice');
#   $owed->pay(1_000_000);                # raw units; old enough to be final
#   $owed->settled('a payment');          # all of the chain is final, and nothing else credited
#   $owed->add(7);                        # paid some other way
#   $node->faults({ no_receipts() }, { invented($owed->address) });
package UsdtPay::Owed;

use strict;
use warnings;
use Exporter 'import';
use UsdtPay::Scan;
use UsdtPay::Test;

our @EXPORT = qw(no_receipts invented sound);

sub new
{
	my ($class, $db, $anvil, $token, $who) = @_;
	return bless { db => $db, anvil => $anvil, token => $token, owed => 0,
		address => scan_address($db, $who) }, $class;
}

sub address { return $_[0]{address} }
sub owed    { return $_[0]{owed} }
sub add     { my ($self, $amount) = @_; $self->{owed} += $amount; return }

# Pays an amount in raw units and makes it old enough to be final.
sub pay
{
	my ($self, $amount) = @_;
	$self->{anvil}->pay($self->{token}, $self->{address}, "raw:$amount");
	$self->{owed} += $amount;
	$self->{anvil}->mine(4);
	return;
}

# What is credited, in minor units.
sub credited
{
	my ($self) = @_;
	return sql($self->{db}, "SELECT coalesce(sum(amount), 0) FROM usdtpay.deposit WHERE state = 'final'");
}

# Passes once everything up to the chain's head is final and exactly what was paid is credited, at most
# in $seconds (40).
sub settled
{
	my ($self, $name, $seconds) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($db, $head) = ($self->{db}, $self->{anvil}->head);
	my $ok = poll_ok($db, "SELECT (SELECT final_number >= $head - 3 FROM usdtpay.network_status) AND
		(SELECT coalesce(sum(amount), 0) = $self->{owed} FROM usdtpay.deposit WHERE state = 'final')", $name, $seconds // 40);
	diag(sql($db, 'SELECT s FROM usdtpay.network_status s'), "\n",
		sql($db, 'SELECT e FROM usdtpay.endpoint_status e'), "\n",
		$self->credited, " of $self->{owed}") unless $ok;
	return $ok;
}

# The fault of a node without eth_getBlockReceipts.
sub no_receipts
{
	return (kind => 'error', method => 'eth_getBlockReceipts', code => -32601,
		message => 'the method eth_getBlockReceipts does not exist/is not available');
}

# The fault of a node that makes a stranger's transfers payments to an address.
sub invented
{
	my ($to) = @_;
	return (kind => 'set-log', set => { topics => [
		'0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef',
		'0x' . '0' x 24 . '6' x 40, '0x' . '0' x 24 . lc substr($to, 2) ] });
}

# Passes when invariants hold and no network is halted.
sub sound
{
	my ($db) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(sql($db, "SELECT coalesce(string_agg(i::text, chr(10)), '') FROM usdtpay.invariants AS i WHERE NOT holds"),
		'', 'invariants hold');
	return is(sql($db, 'SELECT bool_and(halted_at IS NULL) FROM usdtpay.chain_cursor'), 't', 'the network is not halted');
}

1;
