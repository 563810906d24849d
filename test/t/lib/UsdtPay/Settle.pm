# SPDX-License-Identifier: PostgreSQL
#
# Customers paid on test TRON nodes, and what must have come of it in the end: every payment is
# credited once, with its amount, and nothing else is.
#
#   my $world = UsdtPay::Settle->start('main', nodes => 2, conf => [ ... ]);
#   $world->fault({ kind => 'partialInfos', drop => 1 });      # on every node; or on some: 0, 1
#   my $who = $world->pay(kind => 'internal');
#   $world->settles($who, 'a payment');
#   $world->balanced('nothing but what was paid');
package UsdtPay::Settle;

use strict;
use warnings;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);
use UsdtPay::Scan;
use UsdtPay::Test;
use UsdtPay::Tron;

# A cluster that scans network "dev" on a chain of its own with several nodes.
sub start
{
	my ($class, $name, %options) = @_;
	my $tron = UsdtPay::Tron->start;
	my $self = bless { tron => $tron, count => 0, paid => {} }, $class;
	$self->{nodes} = [ $tron, map { $tron->replica } 2 .. $options{nodes} // 2 ];
	my $db = $self->{db} = scan_cluster($name, conf => $options{conf} // []);
	sql($db, sprintf q{SELECT usdtpay.wallet_add('t', 'xpub', 'tron', p_xpub => '%s',
		p_party => 'shop')}, UsdtPay::Scan::XPUB);
	sql($db, sprintf q{SELECT usdtpay.network_define('dev', 'tron', %d, '%s', 6, p_block_ms => 1000,
		p_poll_ms => 100)}, $tron->chain_id, $tron->usdt);
	sql($db, sprintf q{SELECT usdtpay.network_enable('dev', ARRAY[%s])},
		join ', ', map { "'" . $_->url . "'" } @{ $self->{nodes} });
	poll_ok($db, 'SELECT tip_number >= 30 FROM usdtpay.network_status', 'scanning begins at the head');
	return $self;
}

sub db   { return $_[0]{db} }
sub tron { return $_[0]{tron} }
sub node { return $_[0]{nodes}[ $_[1] ] }

# Runs a lever of the given nodes, or of all.  Returns: the answers.
sub each_node
{
	my ($self, $lever, $body, @which) = @_;
	@which = 0 .. $#{ $self->{nodes} } unless @which;
	return map { $self->node($_)->admin($lever, %$body) } @which;
}

sub fault { my ($self, $fault, @which) = @_; return $self->each_node('fault', $fault, @which) }
sub clear { my ($self) = @_; return $self->each_node('clear', {}) }

# Sums a counter of the nodes' statistics: stat('paths', '/jsonrpc').
sub stat
{
	my ($self, $kind, $path, @which) = @_;
	my $sum = 0;
	$sum += $_->{$kind}{$path} // 0 for $self->each_node('stats', {}, @which);
	return $sum;
}

# The address of a customer.
sub address
{
	my ($self, $who) = @_;
	return $self->{address}{$who} //= scan_address($self->{db}, $who);
}

# Pays a customer of his own and mines the block.  Returns: his reference.
sub pay
{
	my ($self, %how) = @_;
	my $who    = 'c' . ++$self->{count};
	my $amount = 1_000_000 + $self->{count};
	$self->tron->pay($self->address($who), $amount, %how);
	$self->{paid}{$who} = $amount;
	return $who;
}

# A payment that never came to be.
sub forget { my ($self, $who) = @_; delete $self->{paid}{$who}; return }

# Whether a customer's one live deposit has a state; seen or more is "live".
sub holds
{
	my ($self, $who, $state) = @_;
	my $want = $state eq 'live' ? '<> \'orphaned\'' : "= '$state'";
	return "SELECT count(*) = 1 AND min(amount_raw) = $self->{paid}{$who} FROM usdtpay.deposit
		WHERE customer_ref = '$who' AND state $want";
}

# Passes once these are seen.
sub seen
{
	my ($self, $who, $name, $seconds) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return $self->_told(poll_ok($self->{db}, $self->holds($who, 'live'), $name, $seconds));
}

# Passes once exactly what was paid is credited.
sub settles
{
	my ($self, $who, $name, $seconds) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return $self->_told(poll_ok($self->{db}, $self->holds($who, 'final'), $name, $seconds));
}

# Passes when nothing of a customer is there after a moment.
sub nothing
{
	my ($self, $who, $name, %options) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $state = $options{state} ? "AND state = '$options{state}'" : '';
	sleep($options{after} // 1.5);
	return is(sql($self->{db}, "SELECT count(*) FROM usdtpay.deposit
		WHERE customer_ref = '$who' $state"), '0', $name);
}

# Passes once some node has this error on record.
sub blamed
{
	my ($self, $like, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return $self->_told(poll_ok($self->{db}, "SELECT count(*) > 0 FROM usdtpay.endpoint_status
		WHERE error LIKE '$like' AND failures > 0", $name));
}

# Stops scanning, lets the chain go on, and starts again: what was missed is caught up.
sub behind
{
	my ($self, $meanwhile) = @_;
	# A network that is off gives no addresses.
	$self->address('c' . ($self->{count} + $_)) for 1 .. 4;
	sql($self->{db}, q{SELECT usdtpay.network_disable('dev')});
	poll_until($self->{db}, q{SELECT count(*) = 0 FROM pg_stat_activity
		WHERE backend_type = 'usdtpay scanner'});
	my @result = $meanwhile->();
	$self->tron->mine(40);
	$self->each_node('stats', { reset => JSON::PP::true });
	sql($self->{db}, q{SELECT usdtpay.network_enable('dev')});
	return @result;
}

# Passes when the books hold every payment once, and nothing else.
sub balanced
{
	my ($self, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $paid = join ' ', map { "$_=$self->{paid}{$_}" } sort keys %{ $self->{paid} };
	is(sql($self->{db}, q{SELECT string_agg(customer_ref || '=' || amount_raw, ' '
		ORDER BY customer_ref COLLATE "C") FROM usdtpay.deposit WHERE state <> 'orphaned'}), $paid, $name);
	is(sql($self->{db}, q{SELECT round(sum(balance) * 1000000) FROM usdtpay.balance('shop')
		WHERE account = 'self:dev'}), -eval { my $s = 0; $s += $_ for values %{ $self->{paid} }; $s },
		'and so does the ledger');
	is(sql($self->{db}, q{SELECT coalesce(string_agg(i::text, chr(10)), '') FROM usdtpay.invariants AS i
		WHERE NOT holds}), '', 'invariants hold');
	$self->{db}->stop('fast');
	return unlike(slurp_file($self->{db}->logfile), qr/terminated by signal|PANIC|TRAP/,
		'nothing crashed');
}

# Tells where things stand after a failure.
sub _told
{
	my ($self, $passed) = @_;
	diag(sql($self->{db}, 'SELECT s FROM usdtpay.network_status s'), "\n",
		sql($self->{db}, 'SELECT e FROM usdtpay.endpoint_status e')) unless $passed;
	return $passed;
}

1;
