# The head of a request has 8 KiB at most.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;

my $service = service();
my $plain = question('POST', '/encrypt', body_of('/encrypt'));

# The request with a head of exactly so many bytes, line ends and the empty line included.
sub with_head
{
	my ($size) = @_;
	my $more = $size - (index($plain, "\r\n\r\n") + 4) - length "X-Filler: \r\n";
	return $plain =~ s/\r\n\r\n/"\r\nX-Filler: " . 'x' x $more . "\r\n\r\n"/er;
}

my $client = $service->connect;
$client->send(with_head($_)), is($client->answer->{code}, 200, "a head of $_ bytes") for 4000, 8000, 8192;

sub too_large
{
	my ($name, $bytes) = @_;
	my $one = $service->connect;
	$one->send($bytes, timeout => 10);
	refused(scalar eval { $one->answer }, 431, 'headers_too_large', $name) or diag($@);
	ok($one->ends, 'ends the connection');
	return;
}
too_large("a head of $_ bytes", with_head($_)) for 9000, 20_000, 200_000;
too_large('a long path', "POST /" . 'x' x 10_000 . " HTTP/1.1\r\nHost: x\r\n\r\n");
too_large('a long query', "GET /health?" . 'x' x 10_000 . " HTTP/1.1\r\nHost: x\r\n\r\n");
too_large('a header that does not end', "GET /health HTTP/1.1\r\nHost: x\r\nX: " . 'x' x 100_000);
too_large('a line that does not end', 'GET /' . 'x' x 100_000);
too_large('many small headers', "GET /health HTTP/1.1\r\nHost: x\r\n" . join('', map { "X-$_: $_\r\n" } 1 .. 5000) . "\r\n");

$client = $service->connect;
$client->send($plain . with_head(9000));
is($client->answer->{code}, 200, 'pipelined: the one before is answered');
refused($client->answer, 431, 'headers_too_large', 'the one that is too large is not');
ok($client->ends, 'and the connection ends');
is($service->get('/health')->{code}, 200, 'it still works');
$service->stop;
done_testing();
