# SPDX-License-Identifier: PostgreSQL
#
# The extension comes, works without being preloaded, goes, and comes again; a squatted schema is
# refused.
use strict;
use warnings;
use UsdtPay::Test;

my $db = usdtpay_cluster('main', extension => 0);

sql($db, 'CREATE SCHEMA usdtpay');
sql_fails($db, 'CREATE EXTENSION usdtpay', '42P06', 'a squatted schema is refused');
sql($db, 'DROP SCHEMA usdtpay');

sql($db, 'CREATE EXTENSION usdtpay');
is(sql($db, "SELECT extversion = (SELECT default_version FROM pg_available_extensions
	WHERE name = 'usdtpay') FROM pg_extension WHERE extname = 'usdtpay'"),
	't', 'the installed version is the default one');

sql($db, 'DROP EXTENSION usdtpay');
is(sql($db, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'usdtpay%'"),
	'0', 'DROP EXTENSION leaves no schema behind');
sql($db, 'CREATE EXTENSION usdtpay');

$db->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$db->restart;
is(sql($db, "SELECT encode(usdtpay.keccak256(''), 'hex')"),
	'c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470',
	'functions work without preloading');

$db->stop('fast');
unlike(slurp_file($db->logfile), qr/terminated by signal|PANIC|TRAP/, 'nothing crashed');
done_testing();
