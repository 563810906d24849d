# SPDX-License-Identifier: PostgreSQL
#
# The code that docs/webhooks.md tells receivers to use accepts what the database signs and refuses
# everything else.
use strict;
use warnings;
use JSON::PP;
use UsdtPay::Test;

my $docs = slurp_file("$ENV{USDTPAY_SRC}/docs/webhooks.md");
my $dir  = $PostgreSQL::Test::Utils::tmp_check;
my $db   = usdtpay_cluster('main', conf => ["usdtpay.databases = ''"]);

my $secret = 'whsec_' . 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
my $body   = '{"a":"ü","b":[1,2]}';
my $now    = 1_793_000_000;
my $sig    = sql($db, "SELECT usdtpay.webhook_sign('$secret', 'evt_7', $now, '$body')");
my %good   = ('webhook-id' => 'evt_7', 'webhook-timestamp' => "$now", 'webhook-signature' => $sig);
my $other  = 'v1,tFtCZ5RDCPxzWQRWXWPgrCgE2frDBe9gjpbWQxnVfsQ=';

my @cases = (
	[ 'genuine',           1, {},                                          $body,    $now ],
	[ 'first of two',      1, { 'webhook-signature' => "$sig $other" },    $body,    $now ],
	[ 'second of two',     1, { 'webhook-signature' => "$other $sig" },    $body,    $now ],
	[ 'five minutes old',  1, {},                                          $body,    $now + 300 ],
	[ 'older',             0, {},                                          $body,    $now + 301 ],
	[ 'of the future',     0, {},                                          $body,    $now - 301 ],
	[ 'another body',      0, {},                                          "$body ", $now ],
	[ 'another id',        0, { 'webhook-id' => 'evt_8' },                 $body,    $now ],
	[ 'another time',      0, { 'webhook-timestamp' => '1793000001' },     $body,    $now ],
	[ 'another signature', 0, { 'webhook-signature' => $other },           $body,    $now ],
	[ 'no signature',      0, { 'webhook-signature' => '' },               $body,    $now ],
	[ 'cut short',         0, { 'webhook-signature' => substr($sig, 0, 20) }, $body, $now ],
	[ 'no version',        0, { 'webhook-signature' => substr($sig, 3) },  $body,    $now ],
	[ 'a time that is none', 0, { 'webhook-timestamp' => 'x' },            $body,    $now ],
	[ 'no id',             0, { 'webhook-id' => '' },                      $body,    $now ]);
my $input = encode_json([ map { { headers => { %good, %{ $_->[2] } }, body => $_->[3], now => $_->[4] } } @cases ]);
# Bytes travel as characters below 256; each language turns them back.
append_to_file("$dir/cases.json", $input);

my %language = (
	js => [ 'node', 'mjs', <<'END' ],
import { readFileSync } from 'node:fs'
const cases = JSON.parse(readFileSync(process.argv[2]))
console.log(cases.map(c => Number(verify(process.argv[3], c.headers, Buffer.from(c.body, 'latin1'), c.now))).join(''))
END
	python => [ 'python3', 'py', <<'END' ],
import json, sys
cases = json.load(open(sys.argv[1]))
print("".join(str(int(verify(sys.argv[2], c["headers"], c["body"].encode("latin-1"), c["now"]))) for c in cases))
END
	php => [ 'php', 'php', <<'END' ]);
$cases = json_decode(file_get_contents($argv[1]), true);
foreach ($cases as $c) echo (int) verify($argv[2], $c['headers'], mb_convert_encoding($c['body'], 'ISO-8859-1', 'UTF-8'), $c['now']);
END

for my $name (sort keys %language)
{
	my ($program, $suffix, $harness) = @{ $language{$name} };
	SKIP: {
		skip "no $program here", scalar @cases if system("command -v $program >/dev/null 2>&1");
		my ($code) = $docs =~ /^```$name\n(.*?)^```$/ms or die "no $name in the page";
		append_to_file("$dir/verify.$suffix", ($name eq 'php' ? "<?php\n" : '') . "$code\n$harness");
		my ($out, $err) = run_command([ $program, "$dir/verify.$suffix", "$dir/cases.json", $secret ]);
		is($err, '', "$name runs");
		my @said = split //, $out;
		is($said[$_], $cases[$_][1], "$name: $cases[$_][0]") for 0 .. $#cases;
	}
}
done_testing();
