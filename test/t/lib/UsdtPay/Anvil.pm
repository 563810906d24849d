# SPDX-License-Identifier: PostgreSQL
#
# A real EVM node with what chain.mjs can do to it.
#
#   my $anvil = UsdtPay::Anvil->start('--chain-id', 31337, '--block-time', 1);
#   my $token = $anvil->token;                        # deploys a USDT, returns its address
#   my $paid  = $anvil->pay($token, $address, '12.5'); # {tx, block, ok}
#   $anvil->rpc('eth_blockNumber');
package UsdtPay::Anvil;

use strict;
use warnings;
use parent -norequire, 'UsdtPay::Process';
use UsdtPay::Process;
use JSON::PP;
use PostgreSQL::Test::Utils;

my $next_id = 1;

sub start
{
	my ($class, @options) = @_;
	return $class->SUPER::start('anvil', "$ENV{USDTPAY_SRC}/test/chain/node", '--port', 0,
		@options);
}

# Returns the result of a JSON-RPC call; dies with the node's message.
sub rpc
{
	my ($self, $method, @params) = @_;
	my $answer = $self->request('POST', '/',
		{ jsonrpc => '2.0', id => $next_id++, method => $method, params => \@params });
	die "$method: $answer->{error}{message}" if $answer->{error};
	return $answer->{result};
}

# Runs one command of chain.mjs and returns its answer as a hash.
sub chain
{
	my ($self, @command) = @_;
	my ($out, $err) = run_command(
		[ 'node', "$ENV{USDTPAY_SRC}/test/chain/chain.mjs", '--url', $self->url, @command ]);
	die "chain.mjs @command: $err" if $err ne '';
	return decode_json($out);
}

sub token    { my ($self, @a) = @_; return $self->chain('token', @a)->{address} }
sub fake     { my ($self) = @_; return $self->chain('fake')->{address} }
sub batch    { my ($self, @a) = @_; return $self->chain('batch', @a)->{address} }
sub pay      { my ($self, @a) = @_; return $self->chain('pay', @a) }
sub pay_fake { my ($self, @a) = @_; return $self->chain('pay-fake', @a) }
sub balance  { my ($self, @a) = @_; return $self->chain('balance', @a)->{balance} }
sub reorg    { my ($self, @a) = @_; return $self->chain('reorg', @a)->{head} }
sub forward  { my ($self, @a) = @_; return $self->chain('forward', @a)->{offset} }

# Makes payments [[address, amount], ...] through a Batch contract, all in one block.
sub pay_many
{
	my ($self, $token, $batch, $payments) = @_;
	my $file = "$PostgreSQL::Test::Utils::tmp_check/payments.$$.json";
	append_to_file($file, encode_json($payments));
	my $answer = $self->chain('pay-many', $token, $batch, $file);
	unlink $file;
	return $answer;
}

# Mines $count blocks, one second apart by the chain's clock, and returns the head.
sub mine
{
	my ($self, $count, $seconds) = @_;
	$self->rpc('anvil_mine', sprintf('0x%x', $count // 1), sprintf('0x%x', $seconds // 1));
	return $self->head;
}

# A block by its number or tag, without its transactions.
sub block
{
	my ($self, $which) = @_;
	$which = sprintf '0x%x', $which if $which =~ /^\d+$/;
	return $self->rpc('eth_getBlockByNumber', $which, JSON::PP::false);
}

sub head { my ($self) = @_; return hex($self->rpc('eth_blockNumber')) }

1;
