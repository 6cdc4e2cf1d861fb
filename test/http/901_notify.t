# The service tells systemd that it is ready, reloading, ready again and stopping, each after its own message.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use IO::Select;
use IO::Socket::UNIX;
use Socket qw(SOCK_DGRAM);
use Test::More;

my $dir = folder();
my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => "$dir/notify") or die "socket: $!";

# The next message.
sub told
{
	IO::Select->new($socket)->can_read(20) or return 'nothing came in time';
	$socket->recv(my $message, 4096);
	return $message;
}

my $service = service(env => { NOTIFY_SOCKET => "$dir/notify" });
is(told(), 'READY=1', 'ready');
is($service->get('/health')->{code}, 200, 'and it is');

my $digest = $service->post('/encrypt', body_of('/encrypt'))->{body};
write_keyring("$dir/new", generation(2, 'active'));
rename "$dir/new", $service->{keyring} or die "rename: $!";
$service->signal('HUP');
like(told(), qr/\ARELOADING=1\nMONOTONIC_USEC=[1-9][0-9]+\z/, 'reloading');
is(told(), 'READY=1', 'ready again');
is($service->get('/health')->{json}{active_generation}, 2, 'the new keyring is in use by then');
isnt($service->post('/encrypt', body_of('/encrypt'))->{body}, $digest, 'and another secret');

write_file($service->{keyring}, "no keyring\n");
$service->signal('HUP');
like(told(), qr/\ARELOADING=1\n/, 'reloading what cannot be used');
is(told(), 'READY=1', 'ends too');

$service->stop;
is(told(), 'STOPPING=1', 'stopping');
done_testing();
