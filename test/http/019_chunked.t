# A body may come in chunks of any size. Malformed chunks are refused.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use JSON::PP qw(encode_json);
use Test::More;

my $service = service();
my $body = encode_json(body_of('/encrypt'));
my $digest = $service->post('/encrypt', $body)->{json};
my $head =
	question('POST', '/encrypt', undef, headers => [ 'Content-Type: application/json', 'Transfer-Encoding: chunked' ]);

# The body in chunks of this many bytes.
sub chunks
{
	my ($text, $size) = @_;
	return join('', map { sprintf "%x\r\n%s\r\n", length, $_ } unpack "(a$size)*", $text) . "0\r\n\r\n";
}

my $client = $service->connect;
for my $size (1, 2, 15, 16, 17, 1000)
{
	$client->send($head . chunks($body, $size));
	given ($client->answer, $digest, "chunks of $size bytes");
}
my $piece = sprintf "%X\r\n%s\r\n", length $body, $body;
my %fine = (
	'capital hexadecimal' => "${piece}0\r\n\r\n",
	'leading zeros' => "000$piece" . "000\r\n\r\n",
	'a trailer' => "${piece}0\r\nX-Checksum: 1\r\n\r\n",
	'an extension' => $piece =~ s/\r\n/;name=value\r\n/r . "0\r\n\r\n",
	'a quoted extension' => $piece =~ s/\r\n/;name="v;x"\r\n/r . "0;last\r\n\r\n"
);
for my $name (sort keys %fine)
{
	$client = $service->connect;
	$client->send("$head$fine{$name}");
	given ($client->answer, $digest, $name);
}
$client = $service->connect;
$client->send($head);
$client->send($_) for split //, chunks($body, 5);
given ($client->answer, $digest, 'byte by byte');
$client->send(join '', map { $head . chunks($body, 9) } 1 .. 20);
is(scalar(grep { ($client->answer->{json}{encrypted_data} // '') eq $digest->{encrypted_data} } 1 .. 20),
	20, 'pipelined');
$client->send($head =~ s/chunked/CHUNKED/r . chunks($body, 9));
given ($client->answer, $digest, 'the coding in capitals');
my $seal = $service->post('/seal', body_of('/seal', sensitiveData => 'x' x 700_000));
is($seal->{code}, 200, 'a large body');
$client->send($head =~ s/encrypt/seal/r . chunks(encode_json(body_of('/seal', sensitiveData => 'x' x 700_000)), 4096));
is(length $client->answer->{body}, length $seal->{body}, 'in chunks too');
$client->send("${head}0\r\n\r\n");
refused($client->answer, 400, 'invalid_json', 'no body at all');

my %bad = (
	'no size' => "\r\n$body\r\n0\r\n\r\n",
	'no number' => "xyz\r\n$body\r\n0\r\n\r\n",
	'negative' => "-5\r\n$body\r\n0\r\n\r\n",
	'a sign' => "+$piece" . "0\r\n\r\n",
	'0x' => "0x$piece" . "0\r\n\r\n",
	'a blank before' => " $piece" . "0\r\n\r\n",
	'too long' => sprintf("%x\r\n%s\r\n0\r\n\r\n", length($body) - 1, $body),
	'too short' => sprintf("%x\r\n%s\r\n0\r\n\r\n", length($body) + 1, $body),
	'over 64 bits' => "10000000000000000\r\n$body\r\n0\r\n\r\n",
	'LF alone after the size' => $piece =~ s/\r\n/\n/r . "0\r\n\r\n",
	'LF alone after the data' => sprintf("%x\r\n%s\n0\r\n\r\n", length $body, $body),
	'CR alone' => $piece =~ s/\r\n/\r/r . "0\r\n\r\n",
	'LF in an extension' => $piece =~ s/\r\n/;a\nb\r\n/r . "0\r\n\r\n",
	'LF in a quoted extension' => $piece =~ s/\r\n/;a="\n"\r\n/r . "0\r\n\r\n",
	'CR LF in a quoted extension' => $piece =~ s/\r\n/;a="b\r\n0"\r\n/r . "0\r\n\r\n",
	'CR in a quoted extension' => $piece =~ s/\r\n/;a="\r"\r\n/r . "0\r\n\r\n",
	'LF in a quoted extension of the last chunk' => qq{${piece}0;a="\n"\r\n\r\n},
	'LF in a quoted extension after others' => $piece =~ s/\r\n/;a;b="c";d="e\\\nf"\r\n/r . "0\r\n\r\n"
);

for my $name (sort keys %bad)
{
	$client = $service->connect;
	$client->send("$head$bad{$name}GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
	refused($client->answer, 400, 'bad_request', "chunks: $name");
	ok($client->ends, 'and the connection ends, with nothing after it');
}
for my $size ('ffffffffffffffff', '7fffffffffffffff', 'fffffffe', '100001')
{
	$client = $service->connect;
	$client->send("$head$size\r\n$body");
	refused($client->answer, 413, 'body_too_large', "a chunk said to have $size bytes");
	ok($client->ends, 'ends the connection');
}
my %long = (
	'trailers' => "${piece}0\r\n" . "X-Trailer: x\r\n" x 20_000,
	'a trailer' => "${piece}0\r\nX: " . 'x' x 300_000,
	'an extension' => '1;' . 'x' x 300_000,
	'the zeros of a size' => '0' x 300_000
);
for my $name (sort keys %long)
{
	$client = $service->connect;
	$client->send("$head$long{$name}");
	like($client->answer->{code}, qr/\A4(?:00|31)\z/, "there is a limit for $name");
}

# Fields of a trailer are ignored.
my $bare = question('POST', '/encrypt', undef, key => undef, headers => ['Transfer-Encoding: chunked']);
my %header = ('Authorization' => 'Bearer ' . api_key('app'), 'Content-Type' => 'application/json');
for my $name (sort keys %header)
{
	my $without = join '', map { $_ eq $name ? () : "$_: $header{$_}\r\n" } sort keys %header;
	$client = $service->connect;
	$client->send($bare =~ s/\r\n\r\n/\r\n$without\r\n/r . "${piece}0\r\n$name: $header{$name}\r\n\r\n");
	like($client->answer->{code}, qr/\A4(?:00|01|15)\z/, "$name in a trailer does not count");
}

# Each of these bodies, cut into two writes at every place, gets the same answer.
my @bodies = (
	"${piece}0\r\n\r\n",
	"0\r\n\r\n",
	"0\r\nX: y\r\n\r\n",
	"0;a=b\r\nX: y\r\nY: z\r\n\r\n",
	"1\r\n{\r\n0000\r\nX: y\r\n\r\n"
);
for my $whole (@bodies)
{
	$client = $service->connect;
	$client->send("$head$whole");
	my $expected = $client->answer->{body};
	my @ways = map { [ $head . substr($whole, 0, $_), substr $whole, $_ ] } 1 .. length($whole) - 1;
	push @ways, [ $head, split //, $whole ];
	my @wrong = grep { ($_ // 'none') ne $expected } map { in_pieces($client, @$_) } @ways;
	is(@wrong, 0, 'cut anywhere it is the same: ' . unpack 'H20', $whole);
}
is($service->get('/health')->{code}, 200, 'it still works');

# Sends these pieces one by one. The value is the body of the answer.
sub in_pieces
{
	my ($connection, @pieces) = @_;
	for (@pieces) { $connection->send($_); select undef, undef, undef, 0.003; }
	return (eval { $connection->answer } // {})->{body};
}
$service->stop;
done_testing();
