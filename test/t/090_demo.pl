# SPDX-License-Identifier: PostgreSQL
#
# The demo tells its story to the end, which it only does when every step of it came true; and it
# leaves nothing behind, also when it is interrupted.
use strict;
use warnings;
use IPC::Run qw(start timeout);
use Test::More;

# Somebody may keep a demo; it is not ours.
my %kept = map { $_ => 1 } glob("$ENV{USDTPAY_RUN}/demo.*");

# The directories of our demo.
sub traces
{
	return grep { !$kept{$_} } glob("$ENV{USDTPAY_RUN}/demo.*");
}

# The process ids our demo wrote down.
sub helpers
{
	my ($dir) = traces() or return;
	open(my $file, '<', "$dir/pids") or return;
	return map { /^(\d+) / ? $1 : () } <$file>;
}

# Runs the demo; when its output matches, sends it a signal.  Returns exit code and output.
sub demo
{
	my ($pattern, $signal, $seen) = @_;
	my ($out, $err) = ('', '');
	my $demo = start(['demo/run'], '<', \undef, '>', \$out, '2>', \$err, timeout(300));

	if (defined $pattern)
	{
		$demo->pump until $out =~ $pattern;
		push @$seen, helpers();
		$demo->signal($signal);
	}
	$demo->finish;
	diag($out, $err) if $demo->full_result(0) && !defined $pattern;
	return ($demo->full_result(0), $out);
}

my ($status, $out) = demo();
is($status, 0, 'the demo ends well');
like($out, qr/Everything was as it should be/, 'and says so');
unlike($out, qr/\e\[/, 'without colours when nobody is at a terminal');
like($out, qr/order \d+ confirming → pending/, 'a reorganisation took a payment away');
like($out, qr/trondev block \d+ · order \d+ confirming → paid/, 'an order was paid on TRON');
is_deeply([traces()], [], 'its files are gone');

for my $signal ('INT', 'TERM')
{
	my @helpers;
	($status) = demo(qr/order 1 confirming/, $signal, \@helpers);
	is($status >> 8, $signal eq 'INT' ? 130 : 143, "$signal ends it at once");
	is(scalar @helpers, 4, 'it had started its helpers');
	is_deeply([grep { kill 0, $_ } @helpers], [], 'they have ended');
	is_deeply([traces()], [], 'and the files are gone');
}

done_testing();
