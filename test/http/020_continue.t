# Expect: 100-continue is answered by 100, or at once by the error.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use JSON::PP qw(encode_json);
use Test::More;

my $service = service(args => [ '--max-body', 1000 ]);
my $body = encode_json(body_of('/encrypt'));
my $digest = $service->post('/encrypt', $body)->{json};

# The head of a request with a body of this length, or a chunked one.
sub head
{
	my ($path, $length, %option) = @_;
	my @length = defined $length ? "Content-Length: $length" : 'Transfer-Encoding: chunked';
	my $type = $option{type} // 'application/json';
	return question($option{method} // 'POST',
		$path, undef, headers => [ "Content-Type: $type", @length, 'Expect: 100-continue' ]);
}

my $client = $service->connect;
for my $round (1 .. 3)
{
	$client->send(head('/encrypt', length $body));
	is($client->answer->{code}, 100, 'send it');
	$client->send($body);
	given ($client->answer, $digest, 'and it is answered');
}
$client->send(head('/encrypt'));
is($client->answer->{code}, 100, 'the same in chunks');
$client->send(sprintf "%x\r\n%s\r\n0\r\n\r\n", length $body, $body);
given ($client->answer, $digest, 'and it is answered');
$client->send(head('/encrypt', length $body) =~ s/100-continue/100-Continue/r . $body);
my $answer = $client->answer;
$answer = $client->answer if $answer->{code} == 100;
given ($answer, $digest, 'who does not wait is answered all the same');

$client = $service->connect;
$client->send(head('/encrypt', 1001));
refused($client->answer, 413, 'body_too_large', 'a body that is too large is not asked for');
ok($client->ends, 'and the connection ends');
my @early = (
	[ 404, 'not_found', '/nothing' ],
	[ 405, 'method_not_allowed', '/encrypt', method => 'PUT' ],
	[ 415, 'unsupported_media_type', '/encrypt', type => 'text/plain' ]
);

for my $case (@early)
{
	my ($code, $error, $path, %option) = @$case;
	$client = $service->connect;
	$client->send(head($path, length $body, %option));
	my $first = $client->answer;
	if ($first->{code} == 100) { $client->send($body); $first = $client->answer; }
	refused($first, $code, $error, "a refusal: $error");
	# The body either still comes, and is no request, or the connection ends.
	$client->send($body . request_bytes('GET', '/health'));
	my $next = eval { $client->answer(timeout => 5) };
	ok(!$next || $next->{code} =~ /\A(?:200|400)\z/, 'and what follows is not mistaken') or diag($next->{code});
}
$client = $service->connect;
$client->send(head('/encrypt', length $body) =~ s/100-continue/200-nonsense/r . $body);
like($client->answer->{code}, qr/\A(?:200|4[0-9][0-9])\z/, 'another expectation is refused or ignored');
$client = $service->connect;
$client->send(head('/encrypt', length $body) =~ s{HTTP/1\.1}{HTTP/1.0}r . $body);
given ($client->answer, $digest, 'HTTP/1.0 knows no 100');
$service->stop;
done_testing();
