# 10,000 connections that wait cost little memory and no time: others are answered as if they were not there, and they are
# answered too when they ask.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use IO::Socket::IP;
use Test::More;

# One process holds them all: where it may not open as many files yet, it begins again with as many as the system allows.
if (!$ENV{CAAS_TEST_FILES})
{
	$ENV{CAAS_TEST_FILES} = 1;
	exec 'sh', '-c', 'ulimit -n "$(ulimit -Hn)"; exec "$@"', 'sh', $^X, $0;
}
chomp(my $files = `sh -c 'ulimit -n'`);
my $wanted = 10_000;
if ($files =~ /^\d+$/ && $files < $wanted + 100)
{
	diag "the hard limit of open files is $files here: fewer than $wanted connections";
	$wanted = $files - 100;
}

my $service = service(args => [ '--idle-timeout', 600, '--max-connections-per-address', 16_384 ]);
my $encrypt = question('POST', '/encrypt', body_of('/encrypt'));
my ($host, $port) = $service->url =~ m{//(.*):(\d+)};

# kB of the process that are in memory.
sub resident { return (read_file("/proc/$service->{pid}/status") =~ /^VmRSS:\s+(\d+)/m)[0]; }

sub connect_quickly
{
	socket(my $socket, Socket::AF_INET, Socket::SOCK_STREAM, 0) or die "socket: $!";
	connect $socket, Socket::pack_sockaddr_in($port, Socket::inet_aton($host)) or die "connect: $!";
	return $socket;
}

# One request on a bare socket; whether it is answered well.
sub answered
{
	my ($socket) = @_;
	syswrite $socket, $encrypt;
	sysread $socket, my $answer, 4096;
	return ($answer // '') =~ m{\AHTTP/1\.1 200 .*"encrypted_data"}s;
}

# The slowest of some requests one after the other, and how long all took, in seconds.
sub speed
{
	my ($socket, $slowest, $began) = (connect_quickly(), 0, machine_time());
	for (1 .. 1000)
	{
		my $start = machine_time();
		answered($socket) or return (999, 999);
		my $took = machine_time() - $start;
		$slowest = $took if $took > $slowest;
	}
	return ($slowest, machine_time() - $began);
}

speed();
my $before = resident();
my (undef, $alone) = speed();

# Half of them never say a word, the other half has asked once.
my $began = machine_time();
my @idle = map { connect_quickly() } 1 .. $wanted;
is(scalar(grep { !answered($idle[$_]) } grep { $_ % 2 } 0 .. $#idle),
	0, "$wanted connections, of which each second asks once");
my $took = machine_time() - $began;
eventually(sub { $service->sockets > $wanted }, 'the service holds them all');
cmp_ok($service->metric('caas_connections'), '>=', $wanted, 'and counts them');

my $each = 1024 * (resident() - $before) / $wanted;
my ($slowest, $beside) = speed();
diag sprintf
	'%d idle connections, opened in %.1f s: %.0f bytes of memory each; 1000 requests one by one take %.2f s beside them, %.2f s without; the slowest %.2f s',
	$wanted, $took, $each, $beside, $alone, $slowest;
cmp_ok($each, '<', 8192, 'an idle connection takes less than 8 KiB');
cmp_ok($beside, '<', 2, '1000 requests beside them take less than 2 seconds');
cmp_ok($slowest, '<', 0.5, 'none of which takes half a second');

is(scalar(grep { !answered($_) } @idle[ map { $_ * 97 } 0 .. $#idle / 97 ]), 0, 'those that waited are answered');
close $_ for splice @idle, 0, $wanted / 2;
eventually(sub { $service->sockets < $wanted / 2 + 50 }, 'those that go are forgotten');
$began = machine_time();
$service->stop;
cmp_ok(machine_time() - $began, '<', 10, 'the end does not take long');
is(scalar(grep { sysread $_, my $more, 1 } @idle), 0, 'all connections are closed');
done_testing();
