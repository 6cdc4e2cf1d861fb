# One client address, or the Unix sockets together, may hold a share of the connections. A further connection of the same
# address takes the place of its own longest-idle one.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use IO::Socket::IP;
use Test::More;

my $dir = folder();

# A connection from this address of the machine.
sub from
{
	my ($address, $service) = @_;
	my ($port) = $service->url =~ /:(\d+)\z/;
	my $socket = IO::Socket::IP->new(LocalHost => $address, PeerHost => '127.0.0.1', PeerService => $port)
		or die "connect: $!";
	$socket->blocking(0);
	return bless { socket => $socket, in => '', ended => 0, tls => 0 }, 'HttpClient';
}

my $service = service(
	listen => [ '127.0.0.1:0', "unix:$dir/socket" ],
	args => [ '--request-timeout', 60, '--max-connections', 100, '--max-connections-per-address', 3 ]
);
my @others = map { from('127.0.0.2', $service) } 1 .. 3;
ok(healthy($_), 'a client of another address') for @others;

# The first of them has been idle for the longest time then. A thread notes since when a connection is idle after its answer, and before it
# answers another one; each of the two threads has one of the other address.
sub healthy_in_order
{
	my ($first, @rest) = @_;
	return !grep { !healthy($_) } $first, @others, @rest;
}
my @clients = map { from('127.0.0.3', $service) } 1 .. 3;
ok(healthy_in_order(@clients[ 1, 0, 2 ]), 'as many as one address may have');
my $more = from('127.0.0.3', $service);
ok(healthy($more), 'one more is served');
ok($clients[1]->ends, 'instead of the longest-idle one of the same address');
ok(healthy($_), 'the others stay') for @clients[ 0, 2 ], $more, @others;

# An address whose connections are all at work gets no further one.
my $encrypt = question('POST', '/encrypt', body_of('/encrypt'), headers => ['Expect: 100-continue']);
my ($head, $body) = $encrypt =~ /\A(.*?\r\n\r\n)(.*)\z/s;
my @busy = (@clients[ 0, 2 ], $more);
for my $client (@busy) { $client->send($head); is($client->answer->{code}, 100, 'a request has begun'); }
ok(from('127.0.0.3', $service)->ends, 'a further one is closed while all are at work');
$_->send($body) for @busy;
is(($_->answer // { code => 'no answer' })->{code}, 200, 'which are answered') for @busy;
ok(healthy($_), 'the other address does not notice') for @others;
cmp_ok($service->metric('caas_connections_closed_total'), '>=', 2, 'closed connections are counted');

# Clients of Unix sockets have one address.
my @local = map { HttpClient->new("unix:$dir/socket") } 1 .. 3;
ok(healthy_in_order(@local), 'clients of the Unix socket');
ok(healthy(HttpClient->new("unix:$dir/socket")), 'one more');
ok($local[0]->ends, 'instead of the longest-idle one');
ok(healthy($_), 'TCP is not touched') for @others;
$service->stop;

# The default share is half of the connections.
$service = service(args => [ '--max-connections', 8 ]);
@others = map { from('127.0.0.2', $service) } 1 .. 3;
ok(healthy($_), 'another address') for @others;
@clients = map { from('127.0.0.3', $service) } 1 .. 4;
ok(healthy_in_order(@clients), 'half of the connections');
ok(healthy(from('127.0.0.3', $service)), 'one more');
ok($clients[0]->ends, 'is one too many');

# Many clients that come at once from one address leave the others alone.
my @flood = map { from('127.0.0.3', $service) } 1 .. 200;
ok(healthy($_), 'is served beside a flood') for @others;
eventually(sub { $service->metric('caas_connections') <= 8 }, 'which does not hold more than its share');
$service->stop;
done_testing();
