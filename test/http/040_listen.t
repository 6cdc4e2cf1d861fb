# --listen: several addresses, and nothing beyond loopback without TLS or --insecure.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use IO::Socket::IP;
use Test::More;

my $service = service(listen => [ '127.0.0.1:0', '127.0.0.2:0', '127.0.0.1:0' ]);
my @urls = @{ $service->listening };
is(scalar(grep { m{\Ahttp://127\.0\.0\.[12]:[1-9][0-9]*\z} } @urls), 3, 'it says where, with the port that was free');
is(keys %{ { map { ($_ => 1) } @urls } }, 3, 'each another');
is($service->get('/health', connect => { url => $_ })->{code}, 200, $_) for @urls;
my ($port) = $urls[0] =~ /([0-9]+)\z/;
ok(!IO::Socket::IP->new(PeerHost => '127.0.0.2', PeerService => $port), 'nowhere else');

start_fails(3, qr/\Q127.0.0.1:$port\E/, 'a port that is used', listen => ["127.0.0.1:$port"]);
start_fails(3, qr/\Q127.0.0.1:$port\E/, 'one of two', listen => [ '127.0.0.1:0', "127.0.0.1:$port" ]);
is($service->get('/health')->{code}, 200, 'no harm to who uses it');
my $client = $service->connect;
$client->send(request_bytes('GET', '/health'));
is($client->answer->{code}, 200, 'an open connection');
$service->stop;
my $again = service(listen => ["127.0.0.1:$port"]);
is($again->get('/health')->{code}, 200, 'after it the port can be had at once');
$again->stop;

start_fails(2, qr/--insecure|--tls-cert/, "no plain $_", listen => [$_]) for '0.0.0.0:0', '[::]:0';
start_fails(2, qr/--insecure|--tls-cert/, 'not as one of two', listen => [ '127.0.0.1:0', '0.0.0.0:0' ]);
my $insecure = service(listen => ['0.0.0.0:0'], args => ['--insecure']);
like($insecure->url, qr{\Ahttp://0\.0\.0\.0:}, '--insecure allows it');
is($insecure->get('/health', connect => { url => $insecure->url =~ s/0\.0\.0\.0/127.0.0.1/r })->{code},
	200, 'and it answers');
$insecure->stop;

SKIP:
{
	IO::Socket::IP->new(LocalHost => '::1', Listen => 1) or skip 'there is no IPv6', 4;
	my $six = service(listen => [ '[::1]:0', '127.0.0.1:0' ]);
	like($six->url(0), qr{\Ahttp://\[::1\]:[1-9][0-9]*\z}, 'IPv6');
	is($six->get('/health', connect => { url => $_ })->{code}, 200, $_) for @{ $six->listening };
	$six->stop;
}

# [::] serves IPv4 too, unless an IPv4 address with the same port is listed.
SKIP:
{
	my $probe = IO::Socket::IP->new(LocalHost => '::', Listen => 1, V6Only => 0)
		or skip 'there is no IPv6 on this machine', 8;
	my $free = $probe->sockport;
	$probe->close;
	for my $listen (["[::]:$free"], [ "[::]:$free", "127.0.0.1:$free" ], [ "0.0.0.0:$free", "[::]:$free" ])
	{
		my $wide = service(listen => $listen, args => ['--insecure']);
		for my $url ("http://[::1]:$free", "http://127.0.0.1:$free")
		{
			is((eval { $wide->get('/health', connect => { url => $url }) } // { code => 'no answer' })->{code},
				200, "@$listen serves $url");
		}
		$wide->stop;
	}
}

start_fails(2, qr/--listen/, "wrong: '$_'", listen => [$_])
	for '', 'x', '127.0.0.1', '127.0.0.1:', ':8443', '8443', '127.0.0.1:65536', '127.0.0.1:-1', '127.0.0.1:x',
	'127.0.0.1:0x50',
	'127.0.0.1: 80', '127.0.0.1:80 ',
	'300.0.0.1:80', '127.1:80', '::1:80', '[::1]', '[::1]80', '[::g]:80', 'unix:', 'unix:' . '/x' x 60,
	'http://127.0.0.1:80',
	'caas.test.invalid:80';
done_testing();
