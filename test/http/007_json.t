# A body is one JSON object of RFC 8259. Malformed, deeply nested and very long bodies are refused.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;

my $service = service();
my $uuid = some_uuid();
my $good = qq({"userUUID":"$uuid","sensitiveData":"x"});
my $digest = $service->post('/encrypt', $good)->{json};
given ($service->post('/encrypt', $_), $digest, 'JSON with blanks and escapes')
	for " \t\r\n$good\n ", $good =~ s/([:,{}])/ $1\n/gr, $good =~ s/userUUID/\\u0075serUUID/r;

refused($service->post('/encrypt', $_), 400, 'not_an_object', "no object: $_")
	for '[]', '"x"', '1', 'null', 'true', "[$good]", '-0.5e+3';

my @broken = (
	'', ' ', '{', '}',
	'{}}', '{]', '[', "$good,",
	"$good$good", "$good x", "$good\0", "\xef\xbb\xbf$good",
	substr($good, 0, -1), '{"a"}', '{"a":}', '{"a":1,}',
	'{,}', '{a:1}', "{'a':1}", '{"a":01}',
	'{"a":1.}', '{"a":.5}', '{"a":+1}', '{"a":1e}',
	'{"a":0x10}', '{"a":--1}', '{"a":NaN}', '{"a":Infinity}',
	'{"a":-Infinity}', '{"a":True}', '{"a":nul}', '{"a":undefined}',
	'{"a":"x}', '{"a":"\x"}', '{"a":"\u12"}', '{"a":"\u00g0"}',
	'{"a":"\\', '{"a" 1}', '{"a":1 "b":2}', '{"a":1/*x*/}',
	'// x', "{\"a\":1}\n#", '{"a":[1,]}', '{"a":[1 2]}',
	'{"a":(1)}', '{1:2}', '{null:1}', '{"a":"' . "\x01" . '"}',
	'[1,', "\xff\xfe{\0}\0", "{\0}\0", 'x' x 1000
);

for my $broken (@broken)
{
	my $name = substr($broken, 0, 40) =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger;
	my $answer = $service->post('/encrypt', $broken);
	if ($broken =~ /\xff/) { like($answer->{json}{error}{code}, qr/\Ainvalid_(?:json|utf8)\z/, "broken: $name"); }
	else { refused($answer, 400, 'invalid_json', "broken: $name"); }
}

for my $depth (10, 100, 10_000, 300_000)
{
	my $nested = qq({"userUUID":"$uuid","sensitiveData":) . ('[' x $depth) . (']' x $depth) . '}';
	like($service->post('/encrypt', $nested)->{json}{error}{code}, qr/\A(?:invalid_json|wrong_type)\z/,
		"$depth arrays");
	like($service->post('/encrypt', '[' x $depth)->{json}{error}{code},
		qr/\Ainvalid_json\z/, "$depth arrays that do not end");
	like($service->post('/encrypt', '{"a":' x $depth)->{json}{error}{code},
		qr/\Ainvalid_json\z/, "$depth objects that do not end")
		if $depth < 100_000;
}

for my $number (
	'1' . '0' x 400, '1e400', '-1e400', '1e-400',
	'9' x 100_000, '0.' . '3' x 10_000, '18446744073709551616', '-9223372036854775809',
	'1e999999999999999999', '1e999', '2.0'
	)
{
	my $name = 'a huge number: ' . substr $number, 0, 30;
	my $code = $service->post('/encrypt', qq({"userUUID":"$uuid","sensitiveData":"x","generation":$number}))
		->{json}{error}{code};
	is($code // 'accepted', 'wrong_type', $name);
	$code = $service->post('/encrypt', qq({"userUUID":"$uuid","sensitiveData":$number}))->{json}{error}{code};
	is($code // 'accepted', 'wrong_type', 'where text belongs');
	my $batch = qq({"operation":"encrypt","requests":[{"userUUID":"$uuid","sensitiveData":$number},$good]});
	my $answers = $service->post('/batch', $batch)->{json}{answers};
	is(error_code($answers->[0]), 'wrong_type', 'in a batch, in its place');
	is_deeply($answers->[1], $digest, 'and no other value is touched');
}

my $members = join ',', map { qq("f$_":1) } 1 .. 50_000;
refused($service->post('/encrypt', "{$members}"), 400, 'unknown_field', 'many members');
my $long = 'x' x 900_000;
refused($service->post('/encrypt', qq({"$long":1})), 400, 'unknown_field', 'a long name');
is($service->post('/encrypt', qq({"userUUID":"$uuid","sensitiveData":"$long"}))->{code}, 200, 'long data');
given ($service->post('/encrypt', $good), $digest, 'and it still works');
$service->stop;
done_testing();
