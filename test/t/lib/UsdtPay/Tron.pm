# SPDX-License-Identifier: PostgreSQL
#
# The TRON node of test/chain/tron-node, which mines only when told to.
#
#   my $tron = UsdtPay::Tron->start;
#   $tron->admin('pay', to => $address, amount => 5_000_000, mine => JSON::PP::true);
#   my $twin = $tron->replica;      # another port on the same chain, with faults of its own
package UsdtPay::Tron;

use strict;
use warnings;
use parent -norequire, 'UsdtPay::Process';
use UsdtPay::Process;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time sleep);

sub start
{
	my ($class, @options) = @_;
	return $class->SUPER::start('tron-node', 'node',
		"$ENV{USDTPAY_SRC}/test/chain/tron-node/tron-node.mjs", '--port', 0, '--no-mining',
		@options);
}

# The ready line is JSON here.
sub _await_port
{
	my ($self) = @_;
	my $until = time + 30;
	while (time < $until)
	{
		my $text = -e $self->{log} ? slurp_file($self->{log}) : '';
		if ($text =~ /^(\{.*\})$/m)
		{
			$self->{info} = decode_json($1);
			return $self->{info}{port};
		}
		sleep 0.05;
	}
	die "the TRON node did not start:\n" . slurp_file($self->{log});
}

sub chain_id { return hex($_[0]{info}{chainId}) }
sub usdt     { return $_[0]{info}{usdt} }
sub fake     { return $_[0]{info}{fakeToken} }

# Runs a lever of the node, or of a replica (a hash with url).
sub admin
{
	my ($self, $name, %body) = @_;
	return $self->request('POST', "/__admin/$name", \%body);
}

sub mine { my ($self, $blocks) = @_; return $self->admin('mine', blocks => $blocks // 1) }

# Pays raw units of USDT and mines the block.
sub pay
{
	my ($self, $to, $amount, %more) = @_;
	return $self->admin('pay', to => $to, amount => $amount, mine => JSON::PP::true, %more);
}

# Another port on the same chain: an object that takes admin() and url().
sub replica
{
	my ($self) = @_;
	my $port = $self->admin('replica', port => 0)->{port};
	return bless { url => "http://127.0.0.1:$port", port => $port, http => $self->{http} },
	  'UsdtPay::Tron::Replica';
}

package UsdtPay::Tron::Replica;

use strict;
use warnings;

sub url     { return $_[0]{url} }
sub admin   { return UsdtPay::Tron::admin(@_) }
sub request { return UsdtPay::Process::request(@_) }

1;
