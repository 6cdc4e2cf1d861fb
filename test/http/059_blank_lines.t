# Empty lines before a request line are skipped (RFC 9112, section 2.2), up to a limit. They are no request.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;

my $MOST = 4;
my $service = service(args => [ '--request-timeout', 2, '--idle-timeout', 30 ]);
my $encrypt = question('POST', '/encrypt', body_of('/encrypt'));

for my $count (1 .. $MOST)
{
	my $client = $service->connect;
	for my $round (1 .. 2)
	{
		$client->send("\r\n" x $count . $encrypt);
		is(($client->answer // { code => 'no answer' })->{code}, 200, "request $round behind $count empty lines");
	}
}
my $client = $service->connect;
$client->send("\r\n" x ($MOST + 1) . $encrypt);
refused(scalar $client->answer, 400, 'bad_request', 'too many empty lines');
ok($client->ends, 'end the connection');

# Several requests in one write, each with a line end too many behind its body.
$client = $service->connect;
$client->send("$encrypt\r\n" x 20);
is(scalar(grep { ($client->answer // { code => 0 })->{code} == 200 } 1 .. 20),
	20, 'requests with a line end too many behind them');

# The connection is idle after the last one: no request has begun that could time out.
select undef, undef, undef, 2.5;
$client->send($encrypt);
is(($client->answer // { code => 'no answer' })->{code}, 200, 'such a line end begins no request');

# A line end in two pieces.
$client = $service->connect;
$client->send("\r");
select undef, undef, undef, 0.2;
$client->send("\n$encrypt");
is(($client->answer // { code => 'no answer' })->{code}, 200, 'an empty line in two pieces');
for my $strange ("\r$encrypt", " \r\n$encrypt", "\r\n\r$encrypt")
{
	$client = $service->connect;
	$client->send($strange);
	refused(
		scalar $client->answer,
		400, 'bad_request',
		'no empty line: ' . join ' ',
		map { sprintf '%02x', ord } split //,
		substr $strange,
		0, 4
	);
}
$service->stop;
done_testing();
