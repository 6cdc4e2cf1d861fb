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
too_large("a head of $_ bytes", with_head($_)) for 8193, 8300, 9000, 20_000, 200_000;

# Like with_head, with many fields of 40 bytes.
sub with_many
{
	my ($size) = @_;
	my $more = ($size - (index($plain, "\r\n\r\n") + 4));
	my $count = int(($more - 1) / 40);
	my $rest = $more - 40 * $count;
	return $plain =~
		s/\r\n\r\n/"\r\n" . join('', map { sprintf "X-%04d: %s\r\n", $_, 'x' x ($_ ? 30 : 30 + $rest) } 0 .. $count - 1) . "\r\n"/er;
}
is(index(with_many(8192), "\r\n\r\n") + 4, 8192, 'many fields of 8192 bytes together');
$client->send(with_many(8192));
is($client->answer->{code}, 200, 'are taken');
too_large("many fields of $_ bytes together", with_many($_)) for 8193, 9000;
for my $pieces (100, 2000)
{
	my $slow = $service->connect;
	my $all = with_head(8193);
	$slow->send(substr $all, 0, $pieces, '') while length $all > 8193 - 6000;
	$slow->send($all, timeout => 10);
	refused($slow->answer, 431, 'headers_too_large', "a head in pieces of $pieces bytes");
}
too_large('a long path', "POST /" . 'x' x 10_000 . " HTTP/1.1\r\nHost: x\r\n\r\n");
too_large('a long query', "GET /health?" . 'x' x 10_000 . " HTTP/1.1\r\nHost: x\r\n\r\n");
too_large('a header that does not end', "GET /health HTTP/1.1\r\nHost: x\r\nX: " . 'x' x 100_000);
too_large('a line that does not end', 'GET /' . 'x' x 100_000);
too_large('many small headers',
	"GET /health HTTP/1.1\r\nHost: x\r\n" . join('', map { "X-$_: $_\r\n" } 1 .. 5000) . "\r\n");

$client = $service->connect;
$client->send($plain . with_head(9000));
is($client->answer->{code}, 200, 'pipelined: the one before is answered');
refused($client->answer, 431, 'headers_too_large', 'the one that is too large is not');
ok($client->ends, 'and the connection ends');
is($service->get('/health')->{code}, 200, 'it still works');
$service->stop;
done_testing();
