# A body has --max-body bytes at most, whichever way it comes; who sends a larger one can read why it is refused.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;

my $limit = 5000;
my $service = service(args => [ '--max-body', $limit ]);

# A body of exactly so many bytes: blanks count. The same in chunks, as a request.
sub sized
{
	my ($size) = @_;
	my $body = '{"userUUID":"' . some_uuid() . '","sensitiveData":"x"}';
	return $body . ' ' x ($size - length $body);
}

sub chunked
{
	my ($size) = @_;
	my @headers = ('Content-Type: application/json', 'Transfer-Encoding: chunked');
	my @chunks = map { sprintf "%x\r\n%s\r\n", length, $_ } unpack '(a100)*', sized($size);
	return join '', question('POST', '/encrypt', undef, headers => \@headers), @chunks, "0\r\n\r\n";
}

my $client = $service->connect;
$client->send(question('POST', '/encrypt', sized($_))), is($client->answer->{code}, 200, "$_ bytes")
	for 200, $limit - 1, $limit;
$client->send(chunked($_)), is($client->answer->{code}, 200, "$_ bytes in chunks: framing is not counted")
	for 200, $limit - 1, $limit;

sub too_large
{
	my ($name, $bytes, $connection) = @_;
	my $one = $connection // $service->connect;
	$one->send($bytes);
	refused(scalar eval { $one->answer }, 413, 'body_too_large', $name) or diag($@);
	ok($one->ends, 'ends the connection');
	return;
}
too_large('a byte more', question('POST', '/encrypt', sized($limit + 1)));
too_large('a byte more, in chunks', chunked($limit + 1));
too_large('after other requests', question('POST', '/encrypt', sized($limit + 1)), $client);
too_large('much more', question('POST', '/encrypt', sized(3_000_000)));
too_large('much more, in chunks', chunked(3_000_000));
my $promised =
	question('POST', '/encrypt', undef, headers => [ 'Content-Type: application/json', 'Content-Length: 123' ]);
too_large("$_ bytes promised, none sent", $promised =~ s/123/$_/r)
	for $limit + 1, 4294967297, 9223372036854775807, 18446744073709551615;
$service->stop;

my $default = service();
is($default->post('/encrypt', sized(1_048_576))->{code}, 200, 'the default: 1 MiB');
refused($default->post('/encrypt', sized(1_048_577)), 413, 'body_too_large', 'and no more');
$default->stop;
done_testing();
