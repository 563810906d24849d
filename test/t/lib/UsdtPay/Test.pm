# SPDX-License-Identifier: PostgreSQL
#
# What every TAP test starts with: a cluster with usdtpay in it, a node, a faulty network, a
# webhook receiver.  Everything started here is gone when the test ends.
#
#   use UsdtPay::Test;
#   my $db    = usdtpay_cluster('main', conf => ["usdtpay.poll_interval = '100ms'"]);
#   my $anvil = UsdtPay::Anvil->start;
#   my $proxy = UsdtPay::Proxy->start($anvil->url);
#   my $hook  = UsdtPay::Receiver->start('whsec_...');
#   poll_ok($db, 'SELECT count(*) = 1 FROM usdtpay.deposit', 'the deposit is seen');
#   done_testing();
package UsdtPay::Test;

use strict;
use warnings;
use Exporter 'import';
use Test::More;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep time);
use UsdtPay::Anvil;
use UsdtPay::Proxy;
use UsdtPay::Receiver;

our @EXPORT = (qw(usdtpay_cluster usdtpay_conf poll_until poll_ok sql sql_fails in_transaction),
	@Test::More::EXPORT, @PostgreSQL::Test::Utils::EXPORT);

# Makes and starts a cluster with usdtpay preloaded and the extension in database "postgres".
# Options: conf => [line, ...]; extension => 0 leaves CREATE EXTENSION to the test.
sub usdtpay_cluster
{
	my ($name, %options) = @_;
	my $db = PostgreSQL::Test::Cluster->new($name);
	$db->init(%{ $options{init} // {} });
	usdtpay_conf($db, @{ $options{conf} // [] });
	$db->start;
	$db->safe_psql('postgres', 'CREATE EXTENSION usdtpay') unless ($options{extension} // 1) == 0;
	return $db;
}

# Writes the settings every cluster of ours needs, then the test's own.
sub usdtpay_conf
{
	my ($db, @lines) = @_;
	$db->append_conf('postgresql.conf', join("\n",
		"shared_preload_libraries = 'usdtpay,pg_cron'",
		"cron.database_name = 'postgres'",
		"log_statement = 'none'",
		"timezone = 'UTC'", @lines, ''));
	return;
}

# Runs SQL that must succeed; returns what it prints.
sub sql
{
	my ($db, $sql, %options) = @_;
	return $db->safe_psql($options{dbname} // 'postgres', $sql, %options);
}

# Passes when the SQL fails with the given SQLSTATE, or with an error that matches a regex.
sub sql_fails
{
	my ($db, $sql, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($rc, $out, $err) = $db->psql('postgres', "\\set VERBOSITY verbose\n$sql");
	my $want = ref $expected ? $expected : qr/ERROR:  \Q$expected\E:/;
	return like($rc == 0 ? 'it succeeded' : $err, $want, $name);
}

# Asks until the query prints $expected ('t'); returns whether it did within $seconds (30).
sub poll_until
{
	my ($db, $sql, $expected, $seconds) = @_;
	my $until = time + ($seconds // 30);
	my $got;
	$expected //= 't';
	while (1)
	{
		my ($rc, $out, $err) = $db->psql('postgres', $sql);
		$got = $rc == 0 ? $out : $err;
		return 1 if $rc == 0 && $out eq $expected;
		last if time > $until;
		sleep 0.1;
	}
	diag("still not \"$expected\" but \"$got\": $sql");
	return 0;
}

# The same as a test.
sub poll_ok
{
	my ($db, $sql, $name, $seconds) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(poll_until($db, $sql, 't', $seconds), $name);
}

# in_transaction(CLUSTER, TYPE, QUERY[, SECONDS]): watches the workers of a type every 10 ms until the
# query gives t, or for SECONDS.  Returns the longest transaction met, in ms, and how many per cent of
# the looks met one.
sub in_transaction
{
	my ($db, $type, $until, $seconds) = @_;
	$seconds //= 30;
	my $said = $db->safe_psql('postgres', <<"SQL");
CREATE FUNCTION pg_temp.watch() RETURNS text LANGUAGE plpgsql AS \$\$
DECLARE
	v_looks integer := 0;
	v_met integer := 0;
	v_longest double precision := 0;
	v_age double precision;
	v_end timestamptz := clock_timestamp() + interval '$seconds seconds';
	v_done boolean;
BEGIN
	LOOP
		PERFORM pg_stat_clear_snapshot();
		SELECT 1000 * extract(epoch FROM max(clock_timestamp() - a.xact_start)) INTO v_age
		  FROM pg_stat_activity AS a WHERE a.backend_type = 'usdtpay $type';
		v_looks := v_looks + 1;
		v_met := v_met + (v_age IS NOT NULL)::integer;
		v_longest := greatest(v_longest, v_age);
		EXECUTE \$q\$$until\$q\$ INTO v_done;
		EXIT WHEN v_done OR clock_timestamp() > v_end;
		PERFORM pg_sleep(0.01);
	END LOOP;
	RETURN round(v_longest) || ' ' || 100 * v_met / v_looks;
END
\$\$;
SELECT pg_temp.watch();
SQL
	return split / /, $said;
}

1;
