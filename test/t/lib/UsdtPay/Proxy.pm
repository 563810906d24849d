# SPDX-License-Identifier: PostgreSQL
#
# A node that misbehaves on demand; test/chain/faults.mjs lists the kinds of faults.
#
#   my $proxy = UsdtPay::Proxy->start($anvil->url);
#   $proxy->fault(kind => 'status', code => 429, times => 3);
#   $proxy->honest;
#   $proxy->calls('eth_getLogs');     # how many passed
package UsdtPay::Proxy;

use strict;
use warnings;
use parent -norequire, 'UsdtPay::Process';
use UsdtPay::Process;

sub start
{
	my ($class, $target, @options) = @_;
	return $class->SUPER::start('rpcproxy', 'node', "$ENV{USDTPAY_SRC}/test/chain/rpcproxy.mjs",
		'--port', 0, '--target', $target, @options);
}

sub fault  { my ($self, %fault) = @_; return $self->request('POST', '/__fault', \%fault) }
sub faults { my ($self, @faults) = @_; return $self->request('POST', '/__fault', \@faults) }
sub honest { my ($self) = @_; return $self->request('DELETE', '/__fault') }
sub target { my ($self, $url) = @_; return $self->request('POST', '/__target', { url => $url }) }
sub stats  { my ($self) = @_; return $self->request('GET', '/__stats') }
sub requests { my ($self) = @_; return $self->request('GET', '/__log') }
sub calls  { my ($self, $method) = @_; return $self->stats->{methods}{$method} // 0 }

# How often the faults in force have struck, by kind.
sub fired
{
	my ($self, $kind) = @_;
	my $sum = 0;
	$sum += $_->{fired} for grep { $_->{kind} eq $kind } @{ $self->stats->{faults} };
	return $sum;
}

1;
