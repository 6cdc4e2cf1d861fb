# A client that does not read its answers is cut off after --request-timeout, delays nobody, and costs a bounded amount of memory.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;

my $service = service(args => [ '--request-timeout', 2 ]);
my $seal = question('POST', '/seal', body_of('/seal', sensitiveData => 'x' x 700_000));
my $answer_size = length $service->post('/seal', body_of('/seal', sensitiveData => 'x' x 700_000))->{body};

sub memory { my ($kilobytes) = read_file("/proc/$service->{pid}/status") =~ /^VmRSS:\s+([0-9]+)/m; return $kilobytes; }

my $before = $service->sockets;
my $memory = memory();
my @deaf = map { $service->connect(buffer => 4096) } 1 .. 5;
my $asked = 40;
my $sent = 0;
$sent += $_->send($seal x $asked, deaf => 1, timeout => 0.5) for @deaf;
my $began = machine_time();
is($service->post('/encrypt', body_of('/encrypt'))->{code}, 200, 'others are answered') for 1 .. 10;
cmp_ok(machine_time() - $began, '<', 1, 'at once');
cmp_ok(memory() - $memory, '<', 100_000, 'memory is bounded: less than 20 MB a connection');
cmp_ok($sent, '<', @deaf * $asked * length $seal, 'not all is read from who does not read');
eventually(sub { $service->sockets <= $before }, 'they are cut off');
cmp_ok(machine_time() - $began, '<', 8, 'in time');

for my $client (@deaf)
{
	eval {
		$client->read_until(sub { 0 }, 10);
	};
	cmp_ok(length $client->{in}, '<', $asked * $answer_size, 'they never got all');
	ok($client->{ended}, 'and see the end');
}

# A client that reads slowly, but in time, gets the whole answer.
my $slow = $service->connect(buffer => 4096);
$slow->send($seal, deaf => 1);
select undef, undef, undef, 1;
is(length $slow->answer->{body}, $answer_size, 'a pause is no harm');
$slow->send($seal);
is(length $slow->answer->{body}, $answer_size, 'nor to the next request');
$service->stop;
done_testing();
