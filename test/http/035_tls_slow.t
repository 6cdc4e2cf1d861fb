# The limits of time are the same with TLS: slow handshakes, requests and readers end, and nobody else waits for them.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;
use TestCa;
use Time::HiRes qw(time);

my $dir = new_ca(folder());
new_certificate($dir, 'server', 'DNS:caas.test');
my $service = service(args => [ certificate_args($dir, 'server'), '--request-timeout', 1, '--idle-timeout', 3 ]);
my $tls = tls_of($dir, 'caas.test');
my $encrypt = question('POST', '/encrypt', body_of('/encrypt'));
my $before = $service->sockets;

my ($began, $machine_began) = (time, machine_time());
my @silent = map { $service->connect(plain => 1) } 1 .. 50;
$silent[$_]->send("\x16\x03\x01\x02") for 0 .. 24;
is($service->get('/health', connect => { tls => $tls })->{code}, 200, 'others are served');
ok(
	eval {
		!$_->read_until(sub { 0 });
	},
	'a handshake that does not come ends'
) for @silent[ 0, 30 ];
cmp_ok(time - $began, '>=', 0.9, 'not before its time');
cmp_ok(machine_time() - $machine_began, '<', 4, 'nor long after');
eventually(sub { $service->sockets <= $before }, 'and nothing is left of them');

for my $cut (1, 100, length($encrypt) - 1)
{
	my $client = $service->connect(tls => $tls);
	$began = time;
	$client->send(substr $encrypt, 0, $cut);
	refused(scalar eval { $client->answer }, 408, 'request_timeout', "a request that stops after $cut bytes");
	cmp_ok(time - $began, '>=', 0.9, 'not before its time');
	ok($client->ends, 'and the connection ends');
}

my $deaf = $service->connect(tls => $tls, buffer => 4096);
$deaf->send(question('POST', '/seal', body_of('/seal', sensitiveData => 'x' x 700_000)));
is($service->get('/health', connect => { tls => $tls })->{code}, 200, 'others are served');
eventually(sub { $service->sockets <= $before }, 'who does not read the answer is cut off');

my $idle = $service->connect(tls => $tls);
$idle->send($encrypt);
is($idle->answer->{code}, 200, 'a request');
$began = time;
ok($idle->ends, 'an idle connection ends');
cmp_ok(time - $began, '>=', 2.9, 'not before its time');
# Clients that go without saying so.
for (1 .. 20)
{
	my $gone = $service->connect(tls => $tls);
	$gone->send(substr $encrypt, 0, 50);
	shutdown $gone->{socket}, 2;
}
eventually(sub { $service->sockets <= $before }, 'of who is gone nothing is left');
is($service->get('/health', connect => { tls => $tls })->{code}, 200, 'it still works');
$service->stop;
done_testing();
