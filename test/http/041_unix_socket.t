# A Unix socket: who may connect is said by the folder and the group; what is at its place is replaced when it is a dead socket alone.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use IO::Socket::UNIX;
use Test::More;

my $dir = folder();
my $path = "$dir/socket";
my @listen = (listen => ["unix:$path"]);
for my $umask (0, 0077, 0777)
{
	my $service = service(@listen, umask => $umask, log => undef);
	is($service->url, "unix:$path", 'it says so');
	is(sprintf('%o', (stat $path)[2] & 07777), '660', sprintf 'its mode is 0660 with umask %03o', $umask);
	is($service->post('/encrypt', body_of('/encrypt'))->{code}, 200, 'a request');
	my $client = $service->connect;
	$client->send(question('POST', '/encrypt', body_of('/encrypt')) x 20);
	is(scalar(grep { $client->answer->{code} == 200 } 1 .. 20), 20, 'pipelined');
	start_fails(3, qr/\Q$path\E/, 'a socket in use', @listen);
	is($service->get('/health')->{code}, 200, 'no harm to who uses it');
	$service->stop;
}

unlink $path;
my $dead = IO::Socket::UNIX->new(Local => $path, Listen => 1) or die "socket: $!";
close $dead;
ok(-S $path, 'the socket of a process that is gone');
my $service = service(@listen);
is($service->get('/health')->{code}, 200, 'is replaced');
kill 'KILL', $service->{pid};
wait_for(sub { $service->ended });
$service = service(@listen);
is($service->get('/health')->{code}, 200, 'as is that of a service that was killed');
$service->stop;

unlink $path;
write_file($path, 'precious');
start_fails(3, qr/\Q$path\E/, 'a file at its place', @listen);
is(read_file($path), 'precious', 'stays');
unlink $path;
mkdir $path or die "mkdir: $!";
start_fails(3, qr/\Q$path\E/, 'a folder at its place', @listen);
symlink 'elsewhere', "$dir/link" or die "symlink: $!";
start_fails(3, qr/\Q$dir\E\/link/, 'a link at its place', listen => ["unix:$dir/link"]);
ok(!-e "$dir/elsewhere", 'is not followed');
start_fails(3, qr/\Q$dir\E/, 'a folder that is not there', listen => ["unix:$dir/none/socket"]);

# A service that is ending does not take the socket of the next one away.
my $ending = service(@listen = (listen => ["unix:$dir/next"]));
my $encrypt = question('POST', '/encrypt', body_of('/encrypt'));
my $slow = $ending->connect;
$slow->send(substr $encrypt, 0, -1);
is($ending->get('/health')->{code}, 200, 'a service with a request under way');
$ending->signal('TERM');
eventually(sub { $ending->refuses_connections }, 'takes no more connections when it ends');
my $next = service(@listen);
is($next->get('/health')->{code}, 200, 'the next one begins');
$slow->send(substr $encrypt, -1);
is(($slow->answer // { code => 'no answer' })->{code}, 200, 'the last request of the first is answered');
$slow->close;
$ending->stopped;
ok(-S "$dir/next", 'the socket stays when it has ended');
is((eval { $next->get('/health') } // { code => 'no connection' })->{code}, 200, 'and leads to the next one');
$next->stop;
ok(!-e "$dir/next", 'which takes it away with itself');
my $both = service(listen => [ "unix:$dir/one", "unix:$dir/two", '127.0.0.1:0' ]);
is($both->get('/health', connect => { url => $_ })->{code}, 200, $_) for @{ $both->listening };
$both->stop;
done_testing();
