# With a certificate every TCP address speaks TLS, and a client can verify whom it speaks to.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;
use TestCa;

my $dir = new_ca(folder());
new_certificate($dir, 'server', 'DNS:caas.test,IP:127.0.0.1');
my $service = service(
	listen => [ '127.0.0.1:0', '127.0.0.1:0', "unix:$dir/socket" ],
	args => [ certificate_args($dir, 'server'), '--request-timeout', 10 ]    # for handshakes too
);
like($service->url(0), qr{\Ahttps://127\.0\.0\.1:[0-9]+\z}, 'it says so');
like($service->url(1), qr{\Ahttps://}, 'of each address');
is($service->url(2), "unix:$dir/socket", 'a socket takes none');

my %tls = (connect => { tls => tls_of($dir, 'caas.test') });
my $digest = $service->post('/encrypt', body_of('/encrypt'), %tls);
is($digest->{code}, 200, 'a request');
is($service->post('/encrypt', body_of('/encrypt'), connect => { tls => tls_of($dir, '127.0.0.1') })->{body},
	$digest->{body}, 'by the address');
is($service->get('/health', connect => { tls => tls_of($dir, 'caas.test'), url => $service->url(1) })->{code},
	200, 'the other address');
is($service->post('/encrypt', body_of('/encrypt'), connect => { url => $service->url(2) })->{body},
	$digest->{body}, 'the socket');

ok(!eval { $service->connect(tls => tls_of($dir, 'other.test')) }, 'another name is not verified');
my $other = new_ca(folder());
ok(!eval { $service->connect(tls => tls_of($other, 'caas.test')) }, 'nor by another CA');
my $client = $service->connect(tls => tls_of($dir, 'caas.test'));
is(subject_of($client), 'server', 'the certificate');
is(scalar(my @chain = $client->{socket}->peer_certificates), 2, 'comes with its chain');

my $encrypt = question('POST', '/encrypt', body_of('/encrypt'));
$client->send($encrypt x 50);
is(scalar(grep { $client->answer->{body} eq $digest->{body} } 1 .. 50), 50, 'pipelined');
$client->send($_) for split //, $encrypt;
is($client->answer->{body}, $digest->{body}, 'a byte a record');
my $large = body_of('/seal', sensitiveData => 'x' x 700_000);
my $sealed = $service->post('/seal', $large, %tls)->{json}{sealed_data};
cmp_ok(length $sealed, '>', 900_000, 'large bodies both ways');
$client->send(question('POST', '/encrypt', ' ' x 1_048_577));
refused(scalar eval { $client->answer }, 413, 'body_too_large', 'one that is too large can read why');
$client = $service->connect(tls => tls_of($dir, 'caas.test'));
$client->send($encrypt =~ s/\r\n\r\n/\r\nConnection: close\r\n\r\n/r);
is($client->answer->{code}, 200, 'the last request');
ok($client->ends, 'then the connection ends');

# A handshake that never ends, or is none, holds nobody up.
my @slow = map { $service->connect(plain => 1) } 1 .. 100;
$_->send("\x16\x03\x01") for @slow[ 0 .. 49 ];
is($service->get('/health', %tls)->{code}, 200, 'others are served meanwhile');
$service->stop;
done_testing();
