# TLS 1.2 and 1.3 are spoken, older versions and weak ciphers are not.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;
use TestCa;

my $dir = new_ca(folder());
new_certificate($dir, 'server', 'DNS:caas.test');
my $service = service(args => [ certificate_args($dir, 'server') ]);

for my $version ('TLSv1_2', 'TLSv1_3')
{
	my $client = $service->connect(tls => tls_of($dir, 'caas.test', SSL_version => $version));
	is($client->{socket}->get_sslversion, $version, "$version");
	$client->send(question('POST', '/encrypt', body_of('/encrypt')));
	is($client->answer->{code}, 200, 'is spoken');
	like($client->{socket}->get_cipher, qr/GCM|CHACHA20/, 'with an authenticated cipher');
	like($client->{socket}->get_cipher, qr/\A(?:ECDHE|TLS_)/, 'and forward secrecy');
}

# A hello of this version, as any client of its time would send it: two groups, two point formats, six ciphers.
sub hello
{
	my ($major_minor) = @_;
	my $ciphers = pack 'n*', 0xc02b, 0xc02c, 0xc023, 0xc009, 0xc00a, 0x002f;
	my $extensions = pack 'nnnn2', 10, 6, 4, 23, 24;
	$extensions .= pack 'nnCCC', 11, 3, 2, 0, 1;
	$extensions .= pack 'nnnnn', 13, 6, 4, 0x0403, 0x0203;
	my $body =
		  $major_minor
		. 'r' x 32 . "\0"
		. pack('n', length $ciphers)
		. $ciphers . "\1\0"
		. pack('n', length $extensions)
		. $extensions;
	my $handshake = "\1\0" . pack('n', length $body) . $body;
	return "\x16\x03\x01" . pack('n', length $handshake) . $handshake;
}

# The first record that comes back, as hexadecimal: type, version, and what it is.
sub first_record
{
	my ($version) = @_;
	my $client = $service->connect(plain => 1);
	$client->send(hello($version));
	eval {
		$client->read_until(sub { length $client->{in} >= 7 });
	};
	return unpack 'H*', substr $client->{in}, 0, 7;
}
like(first_record("\3\3"), qr/\A160303....02/, 'TLS 1.2: the server says hello');
like(first_record($_), qr/\A1503..00020246\z/, 'an older version: a fatal alert, protocol version') for "\3\2", "\3\1";
like(first_record("\3\0"), qr/\A1503..000202(?:46|28)\z/, 'SSL 3: a fatal alert');
$service->stop;
done_testing();
