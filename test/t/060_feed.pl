# SPDX-License-Identifier: PostgreSQL
#
# The pull feed never skips an event that commits late, needs no worker, and works on a standby.
use strict;
use warnings;
use UsdtPay::Test;

my $db = usdtpay_cluster('main', init => { allows_streaming => 1 }, conf => ["usdtpay.databases = ''"]);
my $next = 0;

# Writes one event of the platform.
sub insert
{
	my ($type) = @_;
	$next++;
	return "SELECT usdtpay_internal.event_insert('{1}', '{order}', '{$next}', '{1}', '{$type}', ARRAY['{}']);";
}

# What a reader sees who has read up to an event.
sub feed
{
	my ($after, $node) = @_;
	return sql($node // $db, "SELECT string_agg(type, ' ' ORDER BY event_id) FROM usdtpay.events($after, 1000, 'platform')");
}

is(feed(0), '', 'an empty feed');
sql($db, insert('a.one'));
is(feed(0), 'a.one', 'on an idle system one look is enough');
my $mark = sql($db, "SELECT settled_id FROM usdtpay_internal.horizon WHERE name = 'event'");
is($mark, 1, 'and the mark is stored');

my $late = $db->background_psql('postgres');
$late->query_safe('BEGIN; ' . insert('a.late'));
sql($db, insert('a.early'));
is(feed(0), 'a.one', 'an event below which one may still commit is held back');
is(feed(1), '', 'however often one looks');
$late->query_safe('COMMIT');
is(feed(1), 'a.late a.early', 'then both come, in the order of their ids');

$late->query_safe('BEGIN; ' . insert('a.lost'));
sql($db, insert('a.kept'));
$late->query_safe('ROLLBACK');
is(feed(3), 'a.kept', 'an event rolled back leaves a hole that holds up nobody');

# A reader whose own transaction, or whose neighbours, hold transaction ids.
my $busy = $db->background_psql('postgres');
$busy->query_safe('BEGIN; SELECT pg_current_xact_id()');
sql($db, insert('a.busy'));
is(feed(5), '', 'a transaction that began before may still write');
sql($db, 'SELECT pg_current_xact_id()');
my $busy2 = $db->background_psql('postgres');
$busy2->query_safe('BEGIN; SELECT pg_current_xact_id()');
$busy->query_safe('COMMIT');
is(feed(5), 'a.busy', 'the mark moves on although others began meanwhile');
$busy2->quit;
is(sql($db, "BEGIN; SELECT pg_current_xact_id() IS NULL; SELECT count(*) FROM usdtpay.events(5, 10, 'platform'); COMMIT"),
	"f\n1", 'a reader with an id of its own');
is(sql($db, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM usdtpay.events(5, 10, 'platform'); COMMIT"),
	'1', 'a reader with a snapshot');
sql($db, insert('a.unseen'));
is(sql($db, "BEGIN READ ONLY; SELECT count(*) FROM usdtpay.events(6, 10, 'platform'); COMMIT"),
	'0', 'a read-only reader sees up to the stored mark');
is(feed(6), 'a.unseen', 'which any other reader moves');

# Two readers at once: neither waits for the other.
$late->query_safe("BEGIN; SELECT count(*) FROM usdtpay.events(0, 1, 'platform')");
sql($db, insert('a.more'));
$late->query_safe("SELECT count(*) FROM usdtpay.events(0, 1, 'platform')");
is(sql($db, "SET lock_timeout = '2s'; SELECT count(*) FROM usdtpay.events(0, 1, 'platform')"), '1', 'readers do not wait');
$late->query_safe('COMMIT');
$late->quit;
$busy->quit;

# Writers and a reader race: the reader's cursor must have met every event.
my $writers = $db->background_psql('postgres');
append_to_file("$PostgreSQL::Test::Utils::tmp_check/write.sql",
	"BEGIN;\nSELECT usdtpay_internal.event_insert('{1,1}', '{race,race}',
		array[:client_id * 1000000 + nextval('race_seq'), :client_id * 1000000 + nextval('race_seq')], '{1,1}', '{r.a,r.b}', ARRAY['{}', '{}']);\n"
	. "\\sleep 3 ms\nEND;\n");
sql($db, 'CREATE SEQUENCE race_seq');
$writers->quit;
my $started = sql($db, 'SELECT max(event_id) FROM usdtpay.event');
my $bench = IPC::Run::start([ $db->installed_command('pgbench'), '-n', '-c', '6', '-T', '5', '-f',
		"$PostgreSQL::Test::Utils::tmp_check/write.sql", '-h', $db->host, '-p', $db->port, 'postgres' ],
	'>', \my $out, '2>', \my $err);
my ($cursor, $rounds) = ($started, 0);
my %seen;
while (1)
{
	my $running = $bench->pumpable;
	$bench->pump_nb if $running;
	my @ids = split /\n/, sql($db, "SELECT event_id FROM usdtpay.events($cursor, 1000, 'platform')");
	$seen{$_}++ for @ids;
	$cursor = $ids[-1] if @ids;
	$rounds++;
	last if !$running && !@ids;
}
$bench->finish;
my $written = sql($db, "SELECT count(*) FROM usdtpay.event WHERE event_id > $started");
cmp_ok($written, '>', 500, "six writers wrote $written events while the feed was read $rounds times");
is(scalar(keys %seen), $written, 'the cursor has met all of them');
is((scalar grep { $_ > 1 } values %seen), 0, 'none twice');

# A standby shows what is settled.
$db->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($db, 'b', has_streaming => 1);
$standby->start;
$db->wait_for_catchup($standby);
is(feed($cursor, $standby), '', 'a standby has the same mark');
is(sql($standby, "SELECT count(*) FROM usdtpay.events(0, 1000, 'platform')"), '1000', 'and the feed');
sql($db, insert('a.later'));
$db->wait_for_catchup($standby);
is(feed($cursor, $standby), '', 'what nobody has settled it does not show');
is(feed($cursor), 'a.later', 'until a reader of the primary has');
$db->wait_for_catchup($standby);
is(feed($cursor, $standby), 'a.later', 'then it does');

done_testing();
