# With --max-connections reached, a further client is served at once: the longest-idle connection is closed for it.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;

my $health = request_bytes('GET', '/health');
my $encrypt = question('POST', '/encrypt', body_of('/encrypt'));

# All from one address, which may have as many as there are.
my $service = service(args => [ '--max-connections', 4, '--max-connections-per-address', 4, '--request-timeout', 30 ]);
my @first = map { $service->connect } 1 .. 4;
# The two threads take connections by turns. Each notes since when a connection is idle after its answer, and before it answers another one:
# the first that asks is the longest-idle one when the other connection of its thread asks next.
ok(healthy($_), 'as many as are allowed') for @first[ 2, 0, 3, 1 ];
my $began = machine_time();
my $more = $service->connect;
ok(healthy($more), 'one more is served');
cmp_ok(machine_time() - $began, '<', 10, 'and does not wait for the idle timeout');
ok($first[2]->ends, 'the longest-idle connection is closed for it');
ok(healthy($_), 'the others stay') for @first[ 0, 3, 1 ];
is(($service->get('/health') // { code => 'no answer' })->{code}, 200, 'the next one');
ok($more->ends, 'takes the place of the connection that is now the longest-idle one');
$_->close for @first;
eventually(sub { $service->metric('caas_connections') == 1 }, 'all is free again');
cmp_ok($service->metric('caas_connections_closed_total'), '>=', 2, 'closed connections are counted');

# Silent connections are closed before those at work.
my @silent = map { $service->connect } 1 .. 2;
my @busy = map { $service->connect } 1 .. 2;
$_->send(substr $encrypt, 0, -5) for @busy;
eventually(sub { healthy($service->connect) }, 'a client beside silent connections and unfinished requests') for 1 .. 5;
$_->send(substr $encrypt, -5) for @busy;
is(($_->answer // { code => 'no answer' })->{code}, 200, 'the unfinished requests are answered') for @busy;
$_->close for @busy, @silent;

# If none is idle, the slowest one is closed after a second.
my @slow = map { my $client = $service->connect; $client->send(substr $encrypt, 0, 40); $client } 1 .. 4;
$began = machine_time();
ok(healthy($service->connect), 'a client beside unfinished requests alone');
cmp_ok(machine_time() - $began, '<', 15, 'is served before the request timeout of 30 s');
$_->close for @slow;
$service->stop;

# Hundreds at once are no trouble.
my $many = service();
my @clients = map { $many->connect } 1 .. 500;
$_->send($health) for @clients;
is(scalar(grep { $_->answer->{code} != 200 } @clients), 0, '500 connections');
$_->close for splice @clients;
eventually(sub { $many->sockets < 20 }, 'and none is left');
# Connections that come and go without a word.
$many->connect->close for 1 .. 200;
is($many->get('/health')->{code}, 200, 'it still works');
eventually(sub { $many->sockets < 20 }, 'and nothing is left of them');
$many->stop;
done_testing();
