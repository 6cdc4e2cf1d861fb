# An announced length takes no memory: only the bytes that have arrived do.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;

my $MB = 1 << 20;

# kB of the process: most that was ever in memory.
sub peak { return (read_file("/proc/$_[0]{pid}/status") =~ /^VmHWM:\s+(\d+)/m)[0]; }

# This number of clients announce a body, send a part of it and close.
sub announce
{
	my ($service, $count, $started, @announced) = @_;
	my $sockets = $service->sockets;
	my @clients = map { $service->connect } 1 .. $count;
	my $head = question(
		'POST', '/seal', undef,
		key => undef,
		headers => [ 'Content-Type: application/json', 'Expect: 100-continue', @announced ]
	);
	$_->send($head) for @clients;
	my $continued = grep { ($_->answer // { code => 0 })->{code} == 100 } @clients;
	is($continued, $count, 'the service waits for every body');
	$_->send($started) for @clients;
	is($service->get('/health')->{code}, 200, 'and serves others');
	$_->close for @clients;
	wait_for(sub { $service->sockets <= $sockets }) or die "connections do not end\n";
	return;
}

# The most memory of a service after all of these is little more than what it had before.
sub stays_small
{
	my ($service, $most, @rounds) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	announce($service, 1, '{', 'Content-Length: 2');
	my $before = peak($service);
	announce($service, @$_) for @rounds;
	my $growth = (peak($service) - $before) / 1024;
	return cmp_ok($growth, '<', $most, sprintf '%.0f MB were needed', $growth);
}

# The C library gives large blocks back at first, and keeps them once it has seen some freed: so more than one round.
my $service = service();
stays_small($service, 50, map { ([ 900, '', "Content-Length: $MB" ], [ 900, '{', "Content-Length: $MB" ]) } 1 .. 3);
stays_small($service, 50, map { [ 900, "fffff\r\n{", 'Transfer-Encoding: chunked' ] } 1 .. 3);
$service->stop;
$service = service(args => [ '--max-body', 1024 * $MB ]);
stays_small($service, 10, map { [ 3, '{', 'Content-Length: ' . 1024 * $MB ] } 1 .. 2);
$service->stop;
done_testing();
