# SPDX-License-Identifier: PostgreSQL
#
# The tools the other tests rely on do what they say: the chain, the faulty network, the receiver.
# A fault that does not strike would make every test of it pass.
use strict;
use warnings;
use Digest::SHA qw(hmac_sha256_base64);
use HTTP::Tiny;
use JSON::PP;
use MIME::Base64;
use UsdtPay::Test;

use constant TO => '0x' . 'a' x 40;

my $brief = JSON::PP::false;    # no transactions in the block
my $anvil = UsdtPay::Anvil->start('--chain-id', 31337);
my $proxy = UsdtPay::Proxy->start($anvil->url);
my $http  = HTTP::Tiny->new(timeout => 3, max_redirect => 0, max_size => 10_000_000);

# Sends JSON-RPC calls through the proxy; returns the raw answer.
sub through
{
	my (@calls) = @_;
	my $id   = 0;
	my @body = map { { jsonrpc => '2.0', id => ++$id, method => $_->[0], params => $_->[1] } }
	  @calls;
	return $http->post($proxy->url, { headers => { 'content-type' => 'application/json' },
		content => encode_json(@body == 1 ? $body[0] : \@body) });
}

sub result { return decode_json(through(@_)->{content})->{result} }
sub logs { my (%f) = @_; return result([ eth_getLogs => [ { fromBlock => '0x0', %f } ] ]) }

sub under    # under(FAULT, CODE): what CODE gives while the fault is in force
{
	my ($fault, $code) = @_;
	$proxy->faults($fault);
	my $got = $code->();
	cmp_ok($proxy->fired($fault->{kind}), '>', 0, "$fault->{kind} strikes");
	$proxy->honest;
	return $got;
}

my $token = $anvil->token;
my $first = $anvil->pay($token, TO, '1.5');
ok($first->{ok}, 'a payment is mined');
is($anvil->balance($token, TO), '1.5', 'and arrives');
my $batch = $anvil->batch($token);
my $many  = $anvil->pay_many($token, $batch, [ map { [ TO, "0.$_" ] } 1 .. 9 ]);
is($anvil->balance($token, TO), '6.0', 'many payments in one block arrive too');
my $fake = $anvil->fake;
$anvil->pay_fake($fake, $batch, TO, 50);

is(scalar @{ logs(address => $token) }, 11, 'an honest proxy shows every event of the token');
is(hex logs(address => $token)->[-1]{data}, 900_000, 'with its amount');

subtest 'a reorganisation' => sub {
	my $paid = $anvil->pay($token, TO, '1');
	my $old  = $anvil->rpc('eth_getBlockByNumber', sprintf('0x%x', $paid->{block}), $brief);
	$anvil->mine(1);
	$anvil->reorg(2, 'keep');
	is($anvil->rpc('eth_getBlockByHash', $old->{hash}, $brief), undef,
		'the old block is gone');
	is(hex $anvil->rpc('eth_getTransactionReceipt', $paid->{tx})->{blockNumber},
		$paid->{block} + 1, 'the transaction stands in another block');
	$anvil->reorg(2);
	is($anvil->balance($token, TO), '6.0', 'and then in none');
};

subtest 'the transport' => sub {
	my @head = ([ eth_blockNumber => [] ]);
	is(under({ kind => 'status', code => 429, retryAfter => 7 }, sub { through(@head) })
		->{headers}{'retry-after'}, 7, 'too many requests, come back later');
	is(under({ kind => 'redirect', location => 'http://127.0.0.1:1/' }, sub { through(@head) })
		->{status}, 302, 'go elsewhere');
	for my $kind (qw(hang drop))
	{
		is(under({ kind => $kind }, sub { through(@head) })->{status}, 599, "$kind: no answer");
	}
	is(under({ kind => 'slow', ms => 50 }, sub {
		local $SIG{ALRM} = sub { die "enough\n" };
		alarm 1;
		my $answer = through(@head);
		alarm 0;
		return $answer->{content};
	}), "enough\n", 'slow: an answer without end');
	like(under({ kind => 'huge', megabytes => 20 }, sub { through(@head) })->{content},
		qr/size|exceeds/i, 'an answer of megabytes');
	for my $kind (qw(truncate garbage))
	{
		my $text = under({ kind => $kind }, sub { through(@head) })->{content};
		ok(!eval { decode_json($text) }, "$kind: not JSON");
	}
};

subtest 'answers of a batch' => sub {
	my @two = ([ eth_blockNumber => [] ], [ eth_chainId => [] ]);
	my $ids = sub { join ',', map { $_->{id} } @{ decode_json(through(@two)->{content}) } };
	is($ids->(), '1,2', 'honest');
	is(under({ kind => 'wrong-ids' },      $ids), '1001,1002', 'wrong');
	is(under({ kind => 'missing-answer' }, $ids), '2',         'missing');
	is(under({ kind => 'same-id-twice' },  $ids), '1,1',       'twice the same');
	is(under({ kind => 'reverse-batch' },  $ids), '2,1',       'in another order');
	is(under({ kind => 'error', method => 'eth_chainId', message => 'no' },
			sub { decode_json(through(@two)->{content})->[1]{error}{message} }),
		'no', 'one refused');
};

subtest 'refusals' => sub {
	my $error = sub { decode_json(through([ eth_getLogs => [ { fromBlock => '0x0' } ] ])->{content})
		  ->{error}{message} };
	for my $style (qw(infura infura-range alchemy quicknode ankr publicnode reth drpc geth-timeout
		geth-large java-tron))
	{
		my $said = under({ kind => 'range-limit', max => 2, style => $style }, $error);
		like($said, qr/range|results|large|timed out|blocks/, "$style: $said");
	}
	$proxy->faults({ kind => 'range-limit', max => 2 });
	is(scalar @{ logs(fromBlock => '0x2', toBlock => '0x3', address => $token) }, 1,
		'a short enough range passes');
	$proxy->honest;
};

subtest 'lies' => sub {
	my $head = $anvil->head;
	my %lag  = (kind => 'lag', blocks => 3);
	is(hex under({%lag}, sub { result([ eth_blockNumber => [] ]) }), $head - 3, 'a lagging head');
	is(hex under({%lag}, sub { result([ eth_getBlockByNumber => [ 'latest', $brief ] ]) })
		->{number}, $head - 3, 'everywhere');
	is(hex under({%lag}, sub { result([ eth_getBlockByNumber => [ 'finalized', $brief ] ]) })
		->{number}, $head - 5, 'and a lagging finality');
	is(under({%lag}, sub { result([ eth_getBlockByNumber => [ sprintf('0x%x', $head),
		$brief ] ]) }), undef, 'no block beyond it');
	is(hex under({ kind => 'chain-id', value => 5 }, sub { result([ eth_chainId => [] ]) }), 5,
		'another chain');
	my $list = sub { logs(address => $token) };
	is(@{ under({ kind => 'drop-logs', address => $token, count => 1 }, $list) }, 10, 'one left out');
	is(@{ under({ kind => 'cap-logs', max => 4 }, $list) }, 4, 'cut off in silence');
	is(@{ under({ kind => 'duplicate-logs' }, $list) }, 22, 'all twice');
	is(hex under({ kind => 'alter-amount', add => 1 }, $list)->[-1]{data}, 900_001, 'one unit more');
	ok(under({ kind => 'removed-logs' }, $list)->[0]{removed}, 'removed');
	is(hex under({ kind => 'unsorted-logs' }, $list)->[0]{data}, 900_000, 'unsorted');
	is(under({ kind => 'wrong-block-hash' }, $list)->[0]{blockHash}, '0x' . 'ab' x 32, 'misplaced');
	is(under({ kind => 'set-log', set => { topics => [] } }, $list)->[0]{topics}[0], undef,
		'a field of choice');
	is(@{ under({ kind => 'drop-logs', tx => $first->{tx} },
			sub { result([ eth_getTransactionReceipt => [ $first->{tx} ] ]) })->{logs} },
		0, 'omitted from the receipt as well');
	is(under({ kind => 'mutate', path => ['number'], value => '0xff' },
			sub { result([ eth_getBlockByNumber => [ 'latest', $brief ] ]) })->{number},
		'0xff', 'a place of choice');
	is(under({ kind => 'result', value => 'x' }, sub { result([ eth_chainId => [] ]) }), 'x',
		'an answer of choice');
};

subtest 'how often' => sub {
	$proxy->faults({ kind => 'status', code => 500, after => 1, times => 2 });
	is(join(',', map { through([ eth_chainId => [] ])->{status} } 1 .. 5), '200,500,500,200,200',
		'after one, twice');
	$proxy->faults({ kind => 'status', code => 500, probability => 0.5 });
	my $bad = grep { through([ eth_chainId => [] ])->{status} == 500 } 1 .. 40;
	ok($bad > 5 && $bad < 35, "now and then ($bad of 40)");
	$proxy->honest;
};

subtest 'the receiver' => sub {
	my $key  = 'k' x 32;
	my $hook = UsdtPay::Receiver->start('whsec_' . encode_base64($key, ''));
	my $send = sub {
		my ($id, $sum_of, $at) = @_;
		my $body = '{"type":"order.paid"}';
		$at //= time;
		my $sum = hmac_sha256_base64("$id.$at." . ($sum_of // $body), $key);
		$sum .= '=' while length($sum) % 4;
		return $http->post($hook->url . '/hook', { content => $body, headers => {
			'webhook-id' => $id, 'webhook-timestamp' => $at, 'webhook-signature' => "v1,$sum" } })
		  ->{status};
	};
	is($send->('m1'), 200, 'acknowledges');
	$send->('m2', 'another body');
	$send->('m3', undef, time - 3600);
	is(join(',', map { $_->{valid} ? 1 : 0 } $hook->received), '1,0,0',
		'knows a wrong signature and an old one');
	$hook->mode(mode => 'fail-first', count => 2);
	is(join(',', map { $send->("m$_") } 4 .. 6), '503,503,200', 'fails, then is fine');
	$hook->mode(mode => 'gone');
	is($send->('m7'), 410, 'is gone');
	is(join(',', $hook->ids), 'm1,m6', 'lists what was valid and acknowledged');
	ok($hook->wait_for(7, 1), 'has stored everything');
};

done_testing();
