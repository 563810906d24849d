# SPDX-License-Identifier: PostgreSQL
#
# An updated database equals a fresh one, object by object, and keeps its rows.  The version before
# is made up: today's sources with a table's column, an index and a function taken out, a function
# that does something else and one that is no more; so the comparison has something to find, and
# the test shows that it finds it.  For every released version the real script is tested as well.
use strict;
use warnings;
use File::Copy qw(copy);
use File::Path qw(make_path);
use UsdtPay::Test;

use constant OLD => '0.0.9';

my $dir = "$PostgreSQL::Test::Utils::tmp_check/upgrade";
my $to  = sql_version();
make_tree("$dir/old", 1);
make_tree("$dir/new", 0);
append_to_file("$dir/new/sql/upgrades/RELEASED", OLD . "\n");
append_to_file("$dir/new/sql/upgrades/@{[OLD]}--$to.sql", <<'SQL');
ALTER TABLE usdtpay.resolution ADD COLUMN decided_at timestamptz NOT NULL DEFAULT pg_catalog.now();
COMMENT ON COLUMN usdtpay.resolution.decided_at IS 'When';
CREATE INDEX chain_rescan_open_idx ON usdtpay.chain_rescan (network_id, rescan_id) WHERE done_at IS NULL;
DROP FUNCTION usdtpay.obsolete();
SQL
my %made = (scripts('old', OLD), scripts('new', $to));

my $db    = usdtpay_cluster('main', conf => ["usdtpay.databases = ''"], extension => 0);
my $share = sql($db, "SELECT setting FROM pg_config WHERE name = 'SHAREDIR'") . '/extension';
my @installed;
for my $file (grep { /@{[OLD]}/ } keys %made)
{
	copy($made{$file}, "$share/$file") or die "$file: $!";
	push @installed, "$share/$file";
}
END { unlink @installed if @installed }

sql($db, 'CREATE DATABASE fresh');
sql($db, 'CREATE EXTENSION usdtpay; SELECT usdtpay.roles_setup()', dbname => 'fresh');
sql($db, sprintf q{CREATE EXTENSION usdtpay VERSION '%s'; SELECT usdtpay.roles_setup()}, OLD);
is(sql($db, "SELECT extversion FROM pg_extension WHERE extname = 'usdtpay'"), OLD, 'the old version is there');
cmp_ok(scalar(compare('postgres', 'fresh')), '>=', 5, 'and differs, as the comparison sees');
is(sql($db, 'SELECT usdtpay.obsolete()'), '1', 'with what it had of its own');

sql($db, q{SELECT usdtpay.merchant_create('shop', 'Shop');
	SELECT usdtpay.network_define('dev', 'evm', 31337, '0x' || repeat('ab', 20));
	INSERT INTO usdtpay.resolution (party_id, key, action, amount, reason, decided_by)
		VALUES (1, 'k', 'credit', 5, 'why', 'me')});
# Grants to roles are no part of an extension's script, or pg_dump would leave them out.
sql($db, "ALTER EXTENSION usdtpay UPDATE TO '$to'; SELECT usdtpay.roles_setup()");

for my $line (compare('postgres', 'fresh'))
{
	fail("the updated database differs: $line");
}
ok(catalog('postgres') eq catalog('fresh'), 'the updated database equals the fresh one');
my $objects = () = catalog('fresh') =~ /\n/g;
cmp_ok($objects, '>', 1000, "in $objects respects");
is(sql($db, "SELECT count(*) FROM usdtpay.party WHERE code = 'shop'"), '1', 'rows are kept');
is(sql($db, 'SELECT decided_at IS NOT NULL FROM usdtpay.resolution'), 't', 'in changed tables too');
sql_fails($db, "ALTER EXTENSION usdtpay UPDATE TO '@{[OLD]}'", '22023', 'there is no way back');

# What has really been released.
for my $version (grep { $_ ne $to } released())
{
	my $name = 'from_' . $version =~ s/\W/_/gr;
	sql($db, "CREATE DATABASE $name");
	sql($db, "CREATE EXTENSION usdtpay VERSION '$version'; SELECT usdtpay.roles_setup();
		ALTER EXTENSION usdtpay UPDATE TO '$to'; SELECT usdtpay.roles_setup()", dbname => $name);
	ok(catalog($name) eq catalog('fresh'), "an update from $version equals a fresh $to");
}
done_testing();

# ------------------------------------------------------------------------------------ sources

sub sql_version
{
	my ($version) = slurp_file("$ENV{USDTPAY_SRC}/usdtpay.control") =~ /default_version = '(.*)'/;
	return $version;
}

sub released
{
	return grep { length } map { s/#.*//r =~ s/\s//gr }
	  split /\n/, slurp_file("$ENV{USDTPAY_SRC}/sql/upgrades/RELEASED");
}

# Copies what build-sql needs; an old tree is changed on the way.
sub make_tree
{
	my ($tree, $old) = @_;
	make_path("$tree/tools");
	system('cp', '-r', "$ENV{USDTPAY_SRC}/sql", $tree) == 0 or die 'cp';
	system('cp', "$ENV{USDTPAY_SRC}/tools/build-sql", "$tree/tools/") == 0 or die 'cp';
	return unless $old;
	change("$tree/sql/schema/40_network.sql", qr/CREATE INDEX chain_rescan_open_idx[^;]*;\n/, '');
	change("$tree/sql/schema/70_order.sql", qr/    decided_at timestamptz[^\n]*\n(?=    CONSTRAINT resolution_pkey)/, '');
	change("$tree/sql/schema/70_order.sql", qr/COMMENT ON COLUMN usdtpay\.resolution\.decided_at IS[^;]*;\n/, '');
	change("$tree/sql/code/jobs.sql",
		qr/CREATE OR REPLACE FUNCTION usdtpay\.jobs_unschedule\(\).*?COMMENT ON FUNCTION usdtpay\.jobs_unschedule\(\)[^\n]*\n/s,
		"CREATE FUNCTION usdtpay.obsolete() RETURNS integer LANGUAGE sql SET search_path = pg_catalog, pg_temp RETURN 1;\n");
	change("$tree/sql/code/jobs.sql", qr/usdtpay_expire/, 'usdtpay_expiry');
	return;
}

# Changes a file; dies when there is nothing to change, which would make the test vacuous.
sub change
{
	my ($file, $what, $into) = @_;
	my $text = slurp_file($file);
	$text =~ s/$what/$into/ or die "$file has no $what";
	open(my $out, '>', $file) or die "$file: $!";
	print $out $text;
	close $out;
	return;
}

# Builds a tree's scripts; returns their names and where they are.
sub scripts
{
	my ($tree, $version) = @_;
	system("$dir/$tree/tools/build-sql", $version, "$dir/$tree/out") == 0 or die 'build-sql';
	return map { m{([^/]+)$} ? ($1 => $_) : () } glob "$dir/$tree/out/*.sql";
}

# ---------------------------------------------------------------------------------- comparing

# Everything the extension's members are made of, one line each, in words without oids.
sub catalog
{
	my ($database) = @_;
	return sql($db, <<'SQL', dbname => $database);
WITH member AS (
	SELECT d.classid, d.objid FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid
	WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'usdtpay'
), relation AS (
	SELECT c.* FROM pg_class AS c JOIN member AS m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
), line AS (
	SELECT 'member ' || pg_describe_object(m.classid, m.objid, 0)
		|| coalesce(' -- ' || obj_description(m.objid, c.relname), '')
		FROM member AS m JOIN pg_class AS c ON c.oid = m.classid
	UNION ALL SELECT 'function ' || pg_get_functiondef(p.oid) || coalesce((SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(p.proacl) AS a), '-')
		FROM pg_proc AS p JOIN member AS m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
		WHERE p.prokind <> 'a'
	UNION ALL SELECT format('column %s.%s %s %s %s %s -- %s', a.attrelid::regclass, a.attname, format_type(a.atttypid, a.atttypmod),
			a.attnotnull, a.attidentity, pg_get_expr(d.adbin, d.adrelid), col_description(a.attrelid, a.attnum))
		FROM relation AS r JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
		LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE r.relkind IN ('r', 'v', 'c')
	UNION ALL SELECT 'relation ' || r.oid::regclass || ' ' || r.relkind::text || r.relrowsecurity || r.relforcerowsecurity
			|| coalesce(r.reloptions::text, '') || coalesce((SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(r.relacl) AS a), '-')
		FROM relation AS r
	UNION ALL SELECT 'index ' || pg_get_indexdef(i.indexrelid) FROM pg_index AS i JOIN relation AS r ON r.oid = i.indrelid
	UNION ALL SELECT 'constraint ' || c.conrelid::regclass || ' ' || c.conname || ' ' || pg_get_constraintdef(c.oid)
		FROM pg_constraint AS c JOIN relation AS r ON r.oid = c.conrelid
	UNION ALL SELECT 'trigger ' || pg_get_triggerdef(t.oid) || t.tgenabled::text FROM pg_trigger AS t JOIN relation AS r ON r.oid = t.tgrelid
		WHERE NOT t.tgisinternal
	UNION ALL SELECT 'policy ' || p::text FROM pg_policies AS p WHERE p.schemaname LIKE 'usdtpay%'
	UNION ALL SELECT 'view ' || r.oid::regclass || ' ' || pg_get_viewdef(r.oid) FROM relation AS r WHERE r.relkind = 'v'
	UNION ALL SELECT 'sequence ' || s.seqrelid::regclass || ' ' || s.seqstart || s.seqincrement || s.seqmin || s.seqmax || s.seqcycle
		FROM pg_sequence AS s JOIN relation AS r ON r.oid = s.seqrelid
	UNION ALL SELECT 'label ' || e.enumtypid::regtype || ' ' || e.enumlabel || ' ' || row_number() OVER (PARTITION BY e.enumtypid ORDER BY e.enumsortorder)
		FROM pg_enum AS e JOIN member AS m ON m.classid = 'pg_type'::regclass AND m.objid = e.enumtypid
	UNION ALL SELECT 'schema ' || n.nspname || coalesce((SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(n.nspacl) AS a), '-')
		FROM pg_namespace AS n WHERE n.nspname LIKE 'usdtpay%'
	UNION ALL SELECT 'dumped ' || c.oid::regclass || ' ' || c.condition FROM pg_extension AS e, unnest(e.extconfig, e.extcondition) AS c (oid, condition)
		WHERE e.extname = 'usdtpay'
)
SELECT replace(l.what, E'\n', ' ') FROM line AS l (what) ORDER BY l.what COLLATE "C"
SQL
}

# The lines only one of two databases has.
sub compare
{
	my ($one, $other) = @_;
	my %in;
	$in{$_} .= '<' for split /\n/, catalog($one);
	$in{$_} .= '>' for split /\n/, catalog($other);
	return map { "$in{$_} $_" } grep { $in{$_} ne '<>' } sort keys %in;
}
