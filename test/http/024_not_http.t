# What is not HTTP/1 gets 400 and the end of the connection, or the end alone.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;

my $service = service();
my $host = "\r\nHost: x\r\n\r\n";
my %bad = ('no version' => "GET /health$host", 'HTTP/0.9' => "GET /health\r\n\r\n", 'HTTP/2' => "GET /health HTTP/2.0$host",
	'HTTP/3' => "GET /health HTTP/3$host",
	'a version in small letters' => "GET /health http/1.1$host", 'a longer version' => "GET /health HTTP/1.11$host",
	'another name' => "GET /health HTP/1.1$host",
	'two blanks' => "GET  /health HTTP/1.1$host", 'two blanks after' => "GET /health  HTTP/1.1$host",
	'a tab' => "GET\t/health\tHTTP/1.1$host",
	'a blank in the path' => "GET /hea lth HTTP/1.1$host", 'a blank at the end' => "GET /health HTTP/1.1 $host",
	'no path' => "GET HTTP/1.1$host", 'no method' => " /health HTTP/1.1$host",
	'a method with a colon' => "GE:T /health HTTP/1.1$host", 'a zero byte in the path' => "GET /hea\0lth HTTP/1.1$host",
	'a control character' => "GET /hea\x01lth HTTP/1.1$host", 'words' => "hello, is anybody there?\r\n\r\n",
	'zeros' => "\0" x 100 . "\r\n\r\n", 'JSON' => "{\"apiKey\":1}\r\n\r\n", 'the preface of HTTP/2' => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	'SMTP' => "EHLO x\r\nMAIL FROM:<x>\r\n\r\n", 'SSH' => "SSH-2.0-OpenSSH_9.2\r\n\r\n", 'CONNECT' => "CONNECT x:443 HTTP/1.1$host",
	'no host' => "GET /health HTTP/1.1\r\n\r\n", 'two hosts' => "GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
	'TLS' => "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" . 'x' x 500 . "\r\n\r\n");
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

my %odd = ('GET http://x/health' => qr/\A(?:200|400|404)\z/, 'OPTIONS *' => qr/\A40[045]\z/, 'GET health' => qr/\A40[04]\z/, "GET /h\xe9" => qr/\A40[04]\z/);
for my $line (sort keys %odd)
{
	my $client = $service->connect;
	$client->send("$line HTTP/1.1$host");
	like($client->answer->{code}, $odd{$line}, $line =~ s/[^ -~]/?/gr);
}

# Random bytes, and a good request with one byte changed: nothing but answers, and no end of the service.
srand 7;
my $good = question('POST', '/encrypt', body_of('/encrypt'));
for my $round (1 .. 300)
{
	my $bytes = $good;
	if ($round % 3) { substr($bytes, int rand length $bytes, 1) = chr int rand 256; }
	else { $bytes = join '', map { chr int rand 256 } 1 .. 200; }
	my $client = $service->connect;
	$client->send($bytes);
	$client->finish;
	my $answer = eval { $client->answer(timeout => 10) };
	ok(0, "round $round: $@") if $@;
	ok(0, "round $round: $answer->{code}") if $answer && $answer->{code} >= 500;
	$client->close;
}
is($service->get('/health')->{code}, 200, 'it still works');
$service->stop;
done_testing();
