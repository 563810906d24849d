# SPDX-License-Identifier: PostgreSQL
#
# A merchant's webhook endpoint that verifies signatures by itself; test/chain/receiver.mjs lists
# the modes in which it answers.
#
#   my $hook = UsdtPay::Receiver->start('whsec_...');
#   $hook->mode(mode => 'fail-first', count => 2);
#   $hook->wait_for(3);               # until three requests have come
package UsdtPay::Receiver;

use strict;
use warnings;
use parent -norequire, 'UsdtPay::Process';
use UsdtPay::Process;
use Time::HiRes qw(sleep time);

sub start
{
	my ($class, $secret, @options) = @_;
	return $class->SUPER::start('receiver', 'node', "$ENV{USDTPAY_SRC}/test/chain/receiver.mjs",
		'--port', 0, '--secret', $secret // '', @options);
}

sub mode     { my ($self, %mode) = @_; return $self->request('POST', '/__mode', \%mode) }
sub secret   { my ($self, @s) = @_; return $self->request('POST', '/__secret', { secret => \@s }) }
sub received { my ($self) = @_; return @{ $self->request('GET', '/__received') } }
sub ids      { my ($self) = @_; return @{ $self->request('GET', '/__ids') } }
sub forget   { my ($self) = @_; return $self->request('DELETE', '/__received') }

# Waits until $count requests have come, at most $seconds; returns whether they have.
sub wait_for
{
	my ($self, $count, $seconds) = @_;
	my $until = time + ($seconds // 30);
	while ($self->received < $count)
	{
		return 0 if time > $until;
		sleep 0.05;
	}
	return 1;
}

1;
