# SPDX-License-Identifier: PostgreSQL
#
# A child process that a test starts and that never outlives it: anvil, the proxy, the receiver.
# Each prints "Listening on HOST:PORT" when it is ready.
package UsdtPay::Process;

use strict;
use warnings;
use File::Basename qw(basename);
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep time);

use constant READY_SECONDS => 30;
use constant KILL_SECONDS  => 3;

my %alive;    # pid => the test process that started it
my $count = 0;

# Starts @command, waits until it listens and returns an object with pid, port and url.
sub start
{
	my ($class, $name, @command) = @_;
	# Tests run side by side in one directory: the name of the test keeps their logs apart.
	my $test = basename($0, '.pl');
	my $log  = "$PostgreSQL::Test::Utils::log_path/${test}_$name." . ++$count . '.log';
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		setpgrp(0, 0);    # Ctrl-C is for the test, which then ends us
		open(STDIN,  '<', '/dev/null') or die;
		open(STDOUT, '>', $log)        or die "$log: $!";
		open(STDERR, '>&', \*STDOUT)   or die;
		exec { $command[0] } @command or die "$command[0]: $!";
	}
	$alive{$pid} = $$;
	my $self = bless { pid => $pid, log => $log, name => $name, command => \@command }, $class;
	$self->{port} = $self->_await_port;
	$self->{url}  = "http://127.0.0.1:$self->{port}";
	$self->{http} = HTTP::Tiny->new(timeout => 120, keep_alive => 1, proxy => undef,
		http_proxy => undef);
	return $self;
}

sub _await_port
{
	my ($self) = @_;
	my $until = time + READY_SECONDS;
	while (time < $until)
	{
		my $text = -e $self->{log} ? slurp_file($self->{log}) : '';
		return $1 if $text =~ /Listening on [\d.]+:(\d+)/;
		last if waitpid($self->{pid}, 1) > 0;
		sleep 0.02;
	}
	delete $alive{ $self->{pid} };
	die "$self->{name} did not start:\n" . slurp_file($self->{log});
}

sub url  { return $_[0]{url} }
sub port { return $_[0]{port} }
sub pid  { return $_[0]{pid} }
sub log_text { return slurp_file($_[0]{log}) }

# Freezes and thaws it: a peer that accepts connections and says nothing.
sub freeze { kill 'STOP', $_[0]{pid}; return }
sub thaw   { kill 'CONT', $_[0]{pid}; return }

sub stop
{
	my ($self) = @_;
	_end($self->{pid});
	return;
}

# Starts it again on the same port: a node that comes back.
sub restart
{
	my ($self, @more) = @_;
	$self->stop;
	my $again = ref($self)->UsdtPay::Process::start($self->{name}, @{ $self->{command} },
		'--port', $self->{port}, @more);
	%$self = (%$self, %$again);
	return $self;
}

# One HTTP exchange with a JSON body; dies unless it succeeds.
sub request
{
	my ($self, $method, $path, $value) = @_;
	my %options = (headers => { 'content-type' => 'application/json' });
	$options{content} = encode_json($value) if defined $value;
	my $answer = $self->{http}->request($method, "$self->{url}$path", \%options);
	die "$method $path: $answer->{status} $answer->{content}" unless $answer->{success};
	return JSON::PP->new->utf8->allow_nonref->decode($answer->{content});
}

sub _end
{
	my ($pid) = @_;
	return unless delete $alive{$pid};
	kill 'CONT', $pid;
	kill 'TERM', $pid;
	my $until = time + KILL_SECONDS;
	while (waitpid($pid, 1) == 0)
	{
		kill 'KILL', $pid if time > $until;
		sleep 0.01;
	}
	return;
}

END
{
	my $status = $?;
	_end($_) for grep { $alive{$_} == $$ } keys %alive;
	$? = $status;
}

1;
