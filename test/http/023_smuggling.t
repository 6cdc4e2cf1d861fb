# A request of which two readers could see two different ends is refused, and the connection ends.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;

my $service = service();
my $hidden = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
my $length = length $hidden;
my $chunked = "0\r\n\r\n";

# A head of these lines after the request line, and what comes after it.
sub smuggle
{
	my ($name, $lines, $rest) = @_;
	my $client = $service->connect;
	my $bytes = join('',
		"POST /encrypt HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n",
		map { ref $_ ? $$_ : "$_\r\n" } @$lines);
	$client->send("$bytes\r\n" . ($rest // $hidden) . $hidden);
	refused(scalar eval { $client->answer }, 400, 'bad_request', $name) or diag($@);
	ok($client->ends, 'and the connection ends, with nothing after it') or diag(substr $client->{in}, 0, 40);
	return;
}

my $te = 'Transfer-Encoding: chunked';
smuggle('a length and chunks', [ "Content-Length: $length", $te ], "$chunked$hidden");
smuggle('chunks and a length', [ $te, "Content-Length: $length" ], "$chunked$hidden");
smuggle('two lengths', [ "Content-Length: $length", 'Content-Length: 0' ]);
smuggle('two lengths, the other way', [ 'Content-Length: 0', "Content-Length: $length" ]);
smuggle('a list of lengths', ["Content-Length: $length, 0"]);
smuggle("length '$_'", ["Content-Length: $_"])
	for "+$length", "-$length", '-1', "0x10", '1e1', '1.0', "$length x", "$length 0", 'x',
	'""', "\x{b9}", ' ', '';
smuggle("length $_, over 64 bits", ["Content-Length: $_"])
	for '18446744073709551616', '99999999999999999999999', '18446744073709551617';
smuggle("coding '$_'", ["Transfer-Encoding: $_"], "$chunked$hidden")
	for 'gzip', 'gzip, chunked', 'chunked, gzip', 'chunked, chunked', 'identity', 'xchunked', 'chunked-x', '"chunked"',
	"chunked\x0b",
	"\x0bchunked", 'chunked;q=1', '';
smuggle('two codings', [ $te, $te ], "$chunked$hidden");
smuggle('two codings, one unknown', [ 'Transfer-Encoding: identity', $te ], "$chunked$hidden");

# A proxy may look at the one, and the service at the other.
my $key = 'Authorization: Bearer ' . api_key('app');
smuggle('two keys', [ "Content-Length: $length", $key, $key ]);
smuggle('two keys, the first unknown',
	[ "Content-Length: $length", 'Authorization: Bearer ' . api_key('stranger'), $key ]);
smuggle('two keys, the second unknown',
	[ "Content-Length: $length", $key, 'authorization: Bearer ' . api_key('stranger') ]);
smuggle('a key and an empty one', [ "Content-Length: $length", $key, 'Authorization: ' ]);
smuggle("two types, $_", [ "Content-Length: $length", $key, "Content-Type: $_" ])
	for 'application/json', 'text/plain', '';

for my $header ('Content-Length', 'Transfer-Encoding')
{
	my $value = $header eq 'Content-Length' ? $length : 'chunked';
	smuggle("$header: a blank before the colon", ["$header : $value"]);
	smuggle("$header: a tab before the colon", ["$header\t: $value"]);
	smuggle("$header: a blank before the name", [" $header: $value"]);
	smuggle("$header: folded", [ "$header:", " $value" ]);
	smuggle("$header: folded after another", [ 'X: y', "\t$header: $value" ]);
	smuggle("$header: LF alone", [ \"$header: $value\n" ]);
	smuggle("$header: LF alone before it", [ \"X: y\n$header: $value\r\n" ]);
	smuggle("$header: CR alone before it", [ \"X: y\r$header: $value\r\n" ]);
	smuggle("$header: CR in the value", ["$header: $value\rx"]);
	smuggle("$header: a zero byte in the value", ["$header: $value\0"]);
	smuggle("$header: a zero byte in the name", ["$header\0: $value"]);
	smuggle("$header: a control character in the name", ["\x01$header: $value"]);
	smuggle("$header: no colon", ["$header $value"]);
	smuggle("$header: no name", [": $value"]);
}
my $client = $service->connect;
$client->send("POST /encrypt HTTP/1.0\r\nHost: x\r\nContent-Type: application/json\r\n$te\r\n\r\n$chunked$hidden");
my $answer = $client->answer;
like($answer->{code}, qr/\A400\z/, 'chunks in HTTP/1.0');
ok($client->ends, 'end the connection');
$client = $service->connect;
$client->send("GET /health HTTP/1.1\nHost: x\n\n$hidden");
my $bare = $client->answer;
ok(!$bare || $bare->{code} == 400, 'LF alone ends no line') or diag($bare->{code});
is($service->get('/health')->{code}, 200, 'it still works');
$service->stop;
done_testing();
