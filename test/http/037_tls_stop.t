# A client that is slow at any stage of a TLS connection does not delay the end of the service by more than the request timeout.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use IO::Socket::SSL;
use Test::More;
use TestCa;
use Time::HiRes qw(sleep);

my $LIMIT = 3;    # seconds, of a request
my $LINGER = 2.5;    # and what may come on top
my $dir = new_ca(folder());
new_certificate($dir, 'server', 'DNS:caas.test');
my $tls = tls_of($dir, 'caas.test');
my $encrypt = question('POST', '/encrypt', body_of('/encrypt'));
my @args = (args => [ certificate_args($dir, 'server'), '--request-timeout', $LIMIT ]);

# Clients that never finish their handshake: before its first byte, and within it.
my $service = service(@args);
my @silent = map { $service->connect(plain => 1) } 1 .. 10;
$silent[$_]->send("\x16\x03\x01\x02") for 0 .. 4;
eventually(sub { $service->sockets >= @silent }, 'handshakes that do not end');
my $began = machine_time();
$service->stop;
cmp_ok(machine_time() - $began, '<', $LIMIT + $LINGER, 'do not keep it');

# One that uses all of its time for the handshake, then for a request, and then does not close.
$service = service(@args);
my $last = $service->connect(plain => 1);
my $waiting = $service->connect(plain => 1);
eventually(sub { $service->sockets >= 2 }, 'a handshake that takes its time');
$service->signal('TERM');
$began = machine_time();
sleep 0.8 * $LIMIT;
ok(eval { $last->{socket}->blocking(1); $last->start_tls($tls); 1 }, 'and is done in time') or diag($@);
$last->{socket}->blocking(0);
$last->send(substr $encrypt, 0, 30);
$service->stopped;
cmp_ok(machine_time() - $began, '<', $LIMIT + $LINGER, 'with a request after it does not keep it either');

# A second signal waits for nobody.
$service = service(args => [ certificate_args($dir, 'server'), '--request-timeout', 60 ]);
my @all = ($service->connect(plain => 1), $service->connect(tls => $tls));
$all[1]->send(substr $encrypt, 0, 30);
eventually(sub { $service->get('/metrics', connect => { tls => $tls })->{body} =~ /^caas_connections [3-9]/m },
	'two that are slow');
$service->signal('TERM');
eventually(sub { $service->refuses_connections(plain => 1) }, 'are waited for');
ok(!HttpService::ended($service), 'after the first signal');
$began = machine_time();
$service->stop;
cmp_ok(machine_time() - $began, '<', 2, 'and not after the second');
done_testing();
