# SPDX-License-Identifier: PostgreSQL
#
# The courier against receivers honest, slow, broken and hostile.
use strict;
use warnings;
use Time::HiRes qw(sleep time);
use UsdtPay::Test;

# A "second" of the retry schedule takes 20 ms here.
my $db = usdtpay_cluster('main', conf => [
	'restart_after_crash = on', 'usdtpay.webhook_allow_http = on',
	'usdtpay.webhook_allow_private = on',
	"usdtpay.webhook_ports = '443'", 'usdtpay.webhook_retry_unit = 20', 'usdtpay.webhook_timeout = 6000' ]);
sql($db, 'SELECT usdtpay.roles_setup()');
my %object;    # object => its last sequence

# Starts a receiver with a webhook of its own; only types that begin with its name go there.
sub receiver
{
	my ($name) = @_;
	my $receiver = UsdtPay::Receiver->start('');
	my $ports = sql($db, "SHOW usdtpay.webhook_ports") . ",$receiver->{port}";
	sql($db, "ALTER SYSTEM SET usdtpay.webhook_ports = '$ports'");
	sql($db, 'SELECT pg_reload_conf()');
	poll_until($db, "SHOW usdtpay.webhook_ports", $ports);
	my ($id, $secret) = split /\|/, sql($db, "SELECT * FROM usdtpay.webhook_add('$receiver->{url}/hook', '{$name.*}', 'platform')");
	$receiver->secret($secret);
	@$receiver{qw(webhook name)} = ($id, $name);
	return $receiver;
}

# Writes $count events, round the given objects; returns the first and the last id.
sub events
{
	my ($receiver, $count, @objects) = @_;
	my (@o, @s);
	for my $i (0 .. $count - 1)
	{
		my $o = $objects[ $i % @objects ];
		push @o, $o;
		push @s, ++$object{$o};
	}
	my ($list, $sequences) = (join(',', @o), join(',', @s));
	sql($db, "SELECT usdtpay_internal.event_insert(array_fill(1::bigint, array[$count]),
		array_fill('order'::text, array[$count]), '{$list}', '{$sequences}',
		array_fill('$receiver->{name}.x'::text, array[$count]), array_fill('{\"a\":\"b\"}'::text, array[$count]))");
	my $last = sql($db, 'SELECT max(event_id) FROM usdtpay.event');
	return ($last - $count + 1, $last);
}

# Waits until nothing is pending for a receiver.
sub drained
{
	my ($receiver, $name, $seconds) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return poll_ok($db, "SELECT pending = 0 FROM usdtpay.webhook_status WHERE webhook_id = $receiver->{webhook}",
		$name, $seconds);
}

sub attempts    # attempts(RECEIVER, COLUMN): of its webhook, in order
{
	my ($receiver, $column) = @_;
	return sql($db, "SELECT string_agg(coalesce($column\::text, '-'), ' ' ORDER BY attempt_id)
		FROM usdtpay.webhook_attempt WHERE webhook_id = $receiver->{webhook}");
}

poll_ok($db, "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'usdtpay courier'", 'there is one courier');

subtest 'a delivery' => sub {
	my $r = receiver('plain');
	events($r, 1, 1);
	ok($r->wait_for(1), 'comes');
	drained($r, 'and is recorded');
	for my $n (2 .. 11)
	{
		events($r, 1, 2);
		$r->wait_for($n, 5);
	}
	drained($r, 'ten more');
	cmp_ok(sql($db, "SELECT extract(epoch FROM sum(a.attempted_at - e.created_at)) FROM usdtpay.webhook_attempt a
		JOIN usdtpay.event e USING (party_id, event_id) WHERE object_id = 2"), '<', 2.5,
		'the courier is woken by the commit: waiting for its next look would take half a second each time');
	my ($got) = $r->received;
	ok($got->{valid}, 'the signature verifies');
	my $event = sql($db, "SELECT event_id || ' ' || payload FROM usdtpay.event WHERE type = 'plain.x' ORDER BY event_id LIMIT 1");
	is(substr($got->{id}, 4) . " $got->{body}", $event, 'id and body are those of the event, byte for byte');
	is($got->{headers}{'content-type'}, 'application/json', 'content type');
	like($got->{headers}{'user-agent'}, qr{^usdtpay/\d}, 'user agent');
	is($got->{headers}{expect}, undef, 'without ceremony');
	like($got->{headers}{'webhook-signature'}, qr{^v1,[A-Za-z0-9+/]{43}=$}, 'one signature');
	cmp_ok(abs($got->{timestamp} - time), '<', 30, 'the timestamp is now');
};

subtest 'order per object' => sub {
	my $r = receiver('order');
	$r->mode(mode => 'fail-first', count => 40);
	events($r, 200, 11 .. 20);
	drained($r, 'all are delivered', 60);
	my %of = map { split /\|/ } split /\n/,
	  sql($db, "SELECT event_id, object_id FROM usdtpay.event WHERE type = 'order.x'");
	my (%last, $overtaken);
	for my $row (grep { $_->{status} == 200 } $r->received)
	{
		my $id     = substr($row->{id}, 4);
		my $object = $of{$id};
		$overtaken++ if ($last{$object} // 0) > $id;
		$last{$object} = $id;
	}
	is($overtaken, undef, 'no event overtook an older one of its object, failures or not');
	is(scalar(keys %last), 10, 'of ten objects');
	is(scalar($r->ids), 200, 'two hundred ids');
	is(scalar($r->received), 240, 'and forty refusals, nothing else');
};

subtest 'retries' => sub {
	my $r = receiver('retry');
	$r->mode(mode => 'fail-first', count => 3);
	events($r, 1, 31);
	drained($r, 'it gets there');
	is(attempts($r, 'status'), '503 503 503 200', 'in four attempts');
	is(attempts($r, 'attempt'), '1 2 3 4', 'that are counted');
	my @got = $r->received;
	is(scalar(keys %{ { map { $_->{id} => 1 } @got } }), 1, 'with one id');
	my @gap = map { ($got[$_]{at} - $got[ $_ - 1 ]{at}) / 20 } 1 .. 3;
	cmp_ok($gap[0], '>=', 4.5, 'the first pause is 5 units');
	cmp_ok($gap[1], '>=', 27,  'the second 30');
	cmp_ok($gap[2], '>=', 108, 'the third 120');
};

subtest 'what is a success' => sub {
	my $r = receiver('answer');
	my $trap = UsdtPay::Receiver->start('');
	$r->mode(mode => 'created');
	events($r, 1, 41);
	drained($r, '201 is');
	$r->mode(mode => 'flood', megabytes => 100);
	events($r, 1, 41);
	drained($r, '200 with megabytes behind it is');
	like(attempts($r, 'error'), qr/Answer larger than allowed/, 'and they are not read to the end');
	$r->mode(mode => 'redirect', location => $trap->url . '/elsewhere');
	events($r, 1, 42);
	ok($r->wait_for(3), 'a redirect');
	$r->mode(mode => 'ok');
	drained($r, 'is not, so it comes again');
	is(scalar($trap->received), 0, 'and is not followed');
	$r->mode(mode => 'drop');
	events($r, 1, 43);
	ok($r->wait_for(5), 'a connection that breaks');
	$r->mode(mode => 'ok');
	drained($r, 'is not');
	like(attempts($r, 'status'), qr/^201 200(?: 302)+ 200 -.* 200$/, 'all of it is in the log');
	like(attempts($r, 'error'), qr/[a-z]/, 'with the reason');
};

subtest 'Retry-After' => sub {
	my $r = receiver('busy');
	$r->mode(mode => 'busy', code => 429, retryAfter => 60);
	events($r, 1, 51);
	$r->wait_for(1);
	$r->mode(mode => 'ok');
	drained($r, 'delivered');
	my @got = $r->received;
	cmp_ok(($got[1]{at} - $got[0]{at}) / 20, '>=', 58, 'not before the receiver said');
};

subtest 'rotation' => sub {
	my $r = receiver('rotate');
	my $new = sql($db, "SELECT usdtpay.webhook_rotate($r->{webhook})");
	events($r, 1, 61);
	$r->wait_for(1);
	my ($got) = $r->received;
	ok($got->{valid}, 'a receiver that still has the old secret verifies');
	like($got->{headers}{'webhook-signature'}, qr/^v1,\S+ v1,\S+$/, 'there are two signatures');
	is((split / /, $got->{headers}{'webhook-signature'})[0],
		sql($db, "SELECT usdtpay.webhook_sign('$new', '$got->{id}', $got->{timestamp}, payload) FROM usdtpay.event
			WHERE type = 'rotate.x'"), 'the one of the newest secret comes first');
	$r->secret($new);
	events($r, 1, 61);
	$r->wait_for(2);
	ok(($r->received)[1]{valid}, 'one that has the new secret verifies');
};

subtest '410 Gone' => sub {
	my $r = receiver('gone');
	$r->mode(mode => 'gone');
	events($r, 1, 71);
	poll_ok($db, "SELECT state = 'disabled' FROM usdtpay.webhook WHERE webhook_id = $r->{webhook}", 'disables');
	events($r, 1, 72);
	sleep 1.5;
	is(scalar($r->received), 1, 'nothing more is sent');
	$r->mode(mode => 'ok');
	sql($db, "SELECT usdtpay.webhook_enable($r->{webhook})");
	drained($r, 'enabled again it goes on');
	is(scalar($r->ids), 1, 'with what was queued');
	my $last = sql($db, "SELECT max(event_id) FROM usdtpay.event WHERE type = 'gone.x'");
	is(sql($db, "SELECT usdtpay.webhook_replay($r->{webhook}, 1, $last)"), 2, 'and replay fetches the rest');
	drained($r, 'which is delivered');
	is(scalar($r->ids), 2, 'under the same ids');
};

subtest 'a receiver that hangs' => sub {
	my ($hung, $fine) = map { receiver($_) } qw(hung fine);
	$hung->mode(mode => 'hang');
	events($hung, 100, 81 .. 90);
	ok($hung->wait_for(8), 'its share of requests hangs');
	is(sql($db, "SELECT count(*) FROM usdtpay_internal.delivery WHERE state = 'sending'"), '8', 'and no more than that');
	my (undef, $share) = in_transaction($db, 'courier', 'SELECT false', 2);
	cmp_ok($share, '<', 50, 'the courier waits for it outside of any transaction');
	my $before = time;
	events($fine, 50, 91 .. 95);
	drained($fine, 'another receiver', 10);
	cmp_ok(time - $before, '<', 5.5, 'gets all its events before the first request times out');
	$before = time;
	$db->stop('fast');
	cmp_ok(time - $before, '<', 3, 'and the server stops at once with requests in flight');
	$hung->mode(mode => 'ok');
	$db->start;
	drained($hung, 'after the start what was under way is sent again', 60);
	is(scalar($hung->ids), 100, 'nothing is lost');
};

subtest 'addresses' => sub {
	my $r = receiver('inner');
	my ($id, $secret) = split /\|/, sql($db, "SELECT * FROM usdtpay.webhook_add('http://localhost:$r->{port}/', '{inner.*}', 'platform')");
	sql($db, 'ALTER SYSTEM SET usdtpay.webhook_allow_private = off');
	sql($db, 'SELECT pg_reload_conf()');
	poll_until($db, 'SHOW usdtpay.webhook_allow_private', 'off');
	events($r, 1, 101);
	poll_ok($db, "SELECT count(DISTINCT webhook_id) = 2 AND bool_and(error = 'Address not allowed' AND status IS NULL)
		FROM usdtpay.webhook_attempt WHERE webhook_id IN ($id, $r->{webhook})",
		'loopback is refused when the socket is opened, by address and by name');
	is(scalar($r->received), 0, 'nothing arrives');
	sql($db, 'ALTER SYSTEM RESET usdtpay.webhook_allow_private');
	sql($db, 'SELECT pg_reload_conf()');
	drained($r, 'allowed again it is delivered');
};

subtest 'crashes' => sub {
	my $r = receiver('crash');
	my @range;
	for my $round (1 .. 4)
	{
		push @range, events($r, 300, 111 .. 150);
		$r->wait_for(100 * $round, 20);
		if ($round % 2)
		{
			my $pid = sql($db, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'usdtpay courier'");
			kill 'KILL', $pid;
			poll_until($db, "SELECT pg_postmaster_start_time() IS NOT NULL AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid)");
		}
		else
		{
			my @orphan = split /\n/, sql($db, 'SELECT pid FROM pg_stat_activity');
			$db->kill9;
			my $until = time + 5;
			sleep 0.05 while time < $until && kill 0, @orphan;
			is(scalar(kill 0, @orphan), 0, 'with the postmaster gone the workers go');
			$db->start;
		}
	}
	drained($r, 'after four crashes everything is delivered', 60);
	my %committed = map { ("evt_$_" => 1) } split /\n/, sql($db, "SELECT event_id FROM usdtpay.event WHERE type = 'crash.x'");
	my %received = map { ($_ => 1) } $r->ids;
	is(scalar(keys %committed), 1200, 'the committed events');
	is_deeply([ sort keys %received ], [ sort keys %committed ], 'are exactly those received');
	is(sql($db, "SELECT count(*) FROM usdtpay_internal.delivery WHERE state <> 'delivered'"), '0', 'nothing is left over');
};

$db->stop('fast');
like(slurp_file($db->logfile), qr/was terminated by signal 9/, 'the crashes were crashes');
unlike(slurp_file($db->logfile), qr/terminated by signal (?!9:)|PANIC|TRAP/, 'and the only ones');
unlike(slurp_file($db->logfile), qr/usdtpay courier: /, 'the courier met no error');
done_testing();
