# Bytes that are not HTTP/1 get 400 and the end of the connection, or only the end.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;

my $service = service();
my $host = "\r\nHost: x\r\n\r\n";
my %bad = (
	'no version' => "GET /health$host",
	'HTTP/0.9' => "GET /health\r\n\r\n",
	'HTTP/2' => "GET /health HTTP/2.0$host",
	'HTTP/3' => "GET /health HTTP/3$host",
	'a version in small letters' => "GET /health http/1.1$host",
	'a longer version' => "GET /health HTTP/1.11$host",
	'another name' => "GET /health HTP/1.1$host",
	'two blanks' => "GET  /health HTTP/1.1$host",
	'two blanks after' => "GET /health  HTTP/1.1$host",
	'a tab' => "GET\t/health\tHTTP/1.1$host",
	'a blank in the path' => "GET /hea lth HTTP/1.1$host",
	'a blank at the end' => "GET /health HTTP/1.1 $host",
	'no path' => "GET HTTP/1.1$host",
	'no method' => " /health HTTP/1.1$host",
	'a method with a colon' => "GE:T /health HTTP/1.1$host",
	'a zero byte in the path' => "GET /hea\0lth HTTP/1.1$host",
	'a control character' => "GET /hea\x01lth HTTP/1.1$host",
	'words' => "hello, is anybody there?\r\n\r\n",
	'zeros' => "\0" x 100 . "\r\n\r\n",
	'JSON' => "{\"apiKey\":1}\r\n\r\n",
	'the preface of HTTP/2' => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	'SMTP' => "EHLO x\r\nMAIL FROM:<x>\r\n\r\n",
	'SSH' => "SSH-2.0-OpenSSH_9.2\r\n\r\n",
	'CONNECT' => "CONNECT x:443 HTTP/1.1$host",
	'no host' => "GET /health HTTP/1.1\r\n\r\n",
	'two hosts' => "GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
	'TLS' => "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" . 'x' x 500 . "\r\n\r\n"
);

for my $name (sort keys %bad)
{
	my $client = $service->connect;
	$client->send("$bad{$name}GET /health HTTP/1.1$host");
	$client->finish if $name =~ /TLS|zeros/;
	my $answer = eval { $client->answer(timeout => 5) };
	is($@, '', "$name: an answer or the end");
	if (!defined $answer) { ok($name ne 'no host', "$name: the end"); next; }
	if ($name eq 'CONNECT') { like($answer->{code}, qr/\A40[045]\z/, $name); next; }
	refused($answer, 400, 'bad_request', $name);
	ok($client->ends, 'ends the connection');
}

my %odd = (
	'GET http://x/health' => qr/\A(?:200|400|404)\z/,
	'OPTIONS *' => qr/\A40[045]\z/,
	'GET health' => qr/\A40[04]\z/,
	"GET /h\xe9" => qr/\A40[04]\z/
);
for my $line (sort keys %odd)
{
	my $client = $service->connect;
	$client->send("$line HTTP/1.1$host");
	like($client->answer->{code}, $odd{$line}, $line =~ s/[^ -~]/?/gr);
}

# Random bytes, and good requests with bytes changed, in one piece or several: nothing but answers, and no end of the service.
srand 7;
my @headers = ('Content-Type: application/json', 'Transfer-Encoding: chunked');
my $chunks = "3;a=b\r\n{\"a\r\n5\r\n\":1}\n\r\n0\r\nX: y\r\nY: z\r\n\r\n";
my @good = (
	question('POST', '/encrypt', body_of('/encrypt')),
	question('POST', '/encrypt', undef, headers => \@headers) . $chunks,
	question('POST', '/encrypt', undef, headers => [ @headers, 'Expect: 100-continue' ]) . $chunks
);

sub changed
{
	my ($bytes, $round) = @_;
	return join '', map { chr int rand 256 } 1 .. 200 if $round % 10 == 0;
	for (0 .. $round % 3)
	{
		my $new = rand() < 0.5 ? chr int rand 256 : substr "\r\n:;0 ", rand 6, 1;
		substr($bytes, int rand length $bytes, int rand 2) = $new;
	}
	return $bytes;
}

for my $round (1 .. 600)
{
	my $client = $service->connect;
	for my $piece (unpack '(a' . (10 + int rand 400) . ')*', changed($good[ $round % 3 ], $round))
	{
		$client->send($piece);
		select undef, undef, undef, 0.001 if $round % 2;
	}
	$client->finish;
	my $answer = eval { $client->answer(timeout => 10) };
	ok(0, "round $round: $@") if $@;
	ok(0, "round $round: $answer->{code}") if $answer && $answer->{code} >= 500;
	$client->close;
}
is($service->get('/health')->{code}, 200, 'it still works');
$service->stop;
done_testing();
