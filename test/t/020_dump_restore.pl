# SPDX-License-Identifier: PostgreSQL
#
# pg_dump and pg_restore give back the same database: rows, sequences, grants, policies, code; and
# it goes on working where it stopped.
use strict;
use warnings;
use UsdtPay::Test;

# No workers: they would write between the dump and the comparison.
my $db = usdtpay_cluster('main', conf => ["usdtpay.databases = ''"]);
my $lib = "$ENV{USDTPAY_SRC}/test/pgtap/lib/chain.sql";

# Something of everything: paid, underpaid and open orders, a permanent address, a webhook, a seal.
$db->safe_psql('postgres', <<"SQL");
SELECT usdtpay.roles_setup();
CREATE ROLE shop_login LOGIN;
\\ir $lib
SELECT sim.setup();
SELECT usdtpay.party_login_grant('shop', 'shop_login');
SELECT usdtpay.webhook_add('https://shop.example/hook', p_party => 'shop');
INSERT INTO usdtpay.asset (asset_id, code, scale, name) VALUES (1000, 'XAUT', 6, 'an asset of the operator''s own');
SELECT usdtpay.deposit_address('customer 7', 'dev', 'shop');
SELECT sim.mine(0, 9);
CREATE TEMP TABLE o AS
	SELECT n, c.* FROM generate_series(1, 5) AS n,
		LATERAL usdtpay.order_create('order ' || n, 10, p_party => 'shop') AS c;
CREATE TEMP TABLE paid AS
	SELECT jsonb_agg(sim.transfer(10, n - 1, evm_address, 1000000 * (7 + n), 'tx ' || n)
		ORDER BY n) AS logs
	  FROM o WHERE n <= 4;
SELECT sim.mine(10, 12, (SELECT logs FROM paid));
SELECT sim.finalize(11, (SELECT logs FROM paid));
DROP SCHEMA sim CASCADE;
SQL

# A journal is sealed once no older transaction can still write one.
poll_ok($db, 'SELECT usdtpay.ledger_seal() > 0', 'journals are sealed');

my $dump = "$PostgreSQL::Test::Utils::tmp_check/usdtpay.dump";
$db->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $db->connstr('postgres') ], 'dump');
$db->safe_psql('postgres', 'CREATE DATABASE again');
$db->command_ok([ 'pg_restore', '--exit-on-error', '-d', $db->connstr('again'), $dump ], 'restore');

# Compares what a query prints in both databases, which must be at least $least lines.
sub same
{
	my ($name, $least, $query) = @_;
	my ($was, $is) = map { sql($db, $query, dbname => $_) } 'postgres', 'again';
	cmp_ok(scalar(split /\n/, $was), '>=', $least, "$name: there is something to compare");
	is($is, $was, $name);
	return;
}

# A query for a fingerprint of each member of the extension that $expression describes.
sub members
{
	my ($catalog, $alias, $expression, $condition) = @_;
	return "SELECT $expression FROM $catalog AS $alias JOIN pg_depend AS d
		ON d.classid = '$catalog'::regclass AND d.objid = $alias.oid AND d.deptype = 'e'
		JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'usdtpay'
		WHERE " . ($condition // 'true') . ' ORDER BY 1';
}

for my $table (split /\n/,
	sql($db, members('pg_class', 'c', 'c.oid::regclass::text', "c.relkind IN ('r', 'p')")))
{
	# The platform's own row comes with CREATE EXTENSION, at that time.
	my $own   = $table eq 'usdtpay.party' ? 'WHERE party_id <> 1' : '';
	my $query = "SELECT count(*), md5(string_agg(t::text, ',' ORDER BY t::text))
		FROM $table AS t $own";
	my ($was, $is) = map { sql($db, $query, dbname => $_) } 'postgres', 'again';
	is($is, $was, "rows of $table");
}
for my $table (qw(party merchant wallet address payment_order payment_option deposit account journal
	posting webhook party_login chain_block ledger_block network token))
{
	cmp_ok(sql($db, "SELECT count(*) FROM usdtpay.$table"), '>', 0, "$table was not empty");
}

my $values = "s.schemaname || '.' || s.sequencename || ' ' || coalesce(s.last_value::text, '-')";
same('sequences', 3, "SELECT $values FROM pg_sequences AS s WHERE s.schemaname LIKE 'usdtpay%'
	ORDER BY 1");
same('grants on tables', 30, members('pg_class', 'c',
	"c.oid::regclass || ' ' || coalesce((SELECT string_agg(a::text, ',' ORDER BY a::text)
		FROM unnest(c.relacl) AS a), '')", "c.relkind NOT IN ('i', 'S')"));
same('grants on functions', 50, members('pg_proc', 'p',
	"p.oid::regprocedure || ' ' || coalesce((SELECT string_agg(a::text, ',' ORDER BY a::text)
		FROM unnest(p.proacl) AS a), '')"));
same('grants on schemas', 2, members('pg_namespace', 'n', "n.nspname || ' ' ||
	coalesce((SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(n.nspacl) AS a), '')"));
same('policies', 5, "SELECT p::text FROM pg_policies AS p WHERE p.schemaname LIKE 'usdtpay%'
	ORDER BY 1");
same('triggers', 3, "SELECT t.tgrelid::regclass || ' ' || t.tgname || ' ' || t.tgenabled::text
	FROM pg_trigger AS t WHERE NOT t.tgisinternal AND t.tgrelid::regclass::text LIKE 'usdtpay%'
	ORDER BY 1");

cmp_ok(sql($db, 'SELECT count(*) FROM usdtpay.invariants WHERE holds', dbname => 'again'), '>', 5,
	'invariants hold in the restored database');
is(sql($db, 'SELECT code, breaks FROM usdtpay.invariants WHERE NOT holds', dbname => 'again'), '',
	'and none breaks');
is(sql($db, 'SELECT count(*) > 0 AND bool_and(holds) FROM usdtpay.ledger_verify()',
	dbname => 'again'), 't', 'its seals verify');
is(sql($db, "SELECT created FROM usdtpay.order_create('order 6', 10, p_party => 'shop')",
	dbname => 'again'), 't', 'a new order can be made');
is(sql($db, 'SELECT count(*) = count(DISTINCT evm_address) AND count(*) = 6
	FROM usdtpay.order_status', dbname => 'again'), 't', 'and gets an address nobody had');
is(sql($db, "SELECT created FROM usdtpay.order_create('order 5', 10, p_party => 'shop')",
	dbname => 'again'), 'f', 'and an old one is recognised');
done_testing();
