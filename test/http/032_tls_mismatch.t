# Plain HTTP on a TLS port and TLS on a plain port do no harm and get no answer.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;
use TestCa;

my $dir = new_ca(folder());
new_certificate($dir, 'server', 'DNS:caas.test');
my $service = service(args => [ certificate_args($dir, 'server'), '--request-timeout', 2 ]);
my %tls = (connect => { tls => tls_of($dir, 'caas.test') });
for my $bytes (
	request_bytes('GET', '/health'),
	question('POST', '/encrypt', body_of('/encrypt')),
	"\0" x 100, "\x16\x03\x01\xff\xff" . 'x' x 1000,
	"\x80\x2e\x01\x00\x02", 'x' x 100_000
	)
{
	my $client = $service->connect(plain => 1);
	$client->send($bytes);
	ok(
		eval {
			!$client->read_until(sub { 0 });
		},
		'the connection ends'
	) or diag($@);
	unlike($client->{in}, qr/ok|encrypted|HTTP.* 200/, 'and nothing was answered');
}
is($service->get('/health', %tls)->{code}, 200, 'TLS is served');
my $silent = $service->connect(plain => 1);
$silent->send("\x16");
ok(
	eval {
		!$silent->read_until(sub { 0 });
	},
	'a handshake that does not come ends'
);
my $renegotiating = $service->connect(tls => tls_of($dir, 'caas.test', SSL_version => 'TLSv1_2'));
$renegotiating->send(request_bytes('GET', '/health'));
is($renegotiating->answer->{code}, 200, 'a client of TLS 1.2');
is($service->get('/health', %tls)->{code}, 200, 'it still works') for 1 .. 3;
$service->stop;

my $plain = service(args => [ '--request-timeout', 2 ]);
my $url = $plain->url =~ s/http:/https:/r;
ok(!eval { $plain->connect(url => $url, tls => tls_of($dir, 'caas.test', Timeout => 10)) }, 'no TLS on a plain port');
is($plain->get('/health')->{code}, 200, 'and no harm');
$plain->stop;
done_testing();
