# The bounds of every field.
use strict;
use warnings;
use utf8;
use lib 'test/http';
use HttpService;
use JSON::PP;
use Encode ();
use MIME::Base64 qw(decode_base64 encode_base64);
use Test::More;

my $service = service();
my $uuid = some_uuid();

sub encrypt { return $service->post('/encrypt', { userUUID => $_[0], sensitiveData => 'x' }); }
my $digest = encrypt($uuid)->{json};
given (encrypt(uc $uuid), $digest, 'a UUID in capitals');
given (encrypt($_), encrypt(lc $_)->{json}, $_)
	for '00000000-0000-0000-0000-00000000000A', 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF';
my @no_uuid = (
	'',
	'x',
	$uuid =~ s/-//gr,
	"{$uuid}",
	"urn:uuid:$uuid",
	" $uuid",
	"$uuid ",
	"$uuid\n",
	"$uuid\0",
	substr($uuid, 0, 35),
	"${uuid}0",
	$uuid =~ s/-/_/gr,
	$uuid =~ s/4/g/r,
	$uuid =~ s/-/--/r,
	$uuid =~ s/4/é/r,
	$uuid =~ s/4dbc-?/4dbc-/r,
	'4dbcbcfe-4800-40a8-badf-c26b73af230',
	'-' x 36,
	'4dbcbcfe4-800-40a8-badf-c26b73af230c',
	'４dbcbcfe-4800-40a8-badf-c26b73af230c',
	$uuid x 1000
);

for my $bad (@no_uuid)
{
	my $name = substr($bad, 0, 50) =~ s/([^ -~])/sprintf '\\x{%x}', ord $1/ger;
	refused(encrypt($bad), 400, 'invalid_uuid', "no UUID: $name");
}
refused($service->post($_, body_of($_, userUUID => 'x')), 400, 'invalid_uuid', "nor for $_")
	for '/verify', '/seal', '/open', '/reseal', '/hash-password';

# A user whose id is not a UUID.
sub by_id { return $service->post('/encrypt', { sensitiveData => 'x', namespace => $_[0], userId => $_[1] }); }
for my $vector (file_vectors('uuid'))
{
	my ($namespace, $id) = @$vector{qw(namespace id)};
	my $name = substr "$namespace, $id", 0, 50;
	given (by_id($namespace, $id), encrypt($vector->{uuid})->{json}, $name =~ s/[^ -~]/?/gr);
	next unless $id =~ /\A(?:0|-?[1-9][0-9]*)\z/;
	my $body = qq({"sensitiveData":"x","namespace":"$namespace","userId":$id});
	given (
		$service->post('/encrypt', Encode::encode_utf8($body)),
		encrypt($vector->{uuid})->{json},
		($name =~ s/[^ -~]/?/gr) . ' as a number'
	);
}
is(by_id('users', $_)->{code}, 200, 'an id of 1024 bytes') for 'x' x 1024, 'é' x 512;
is(by_id($_, 1)->{code}, 200, 'a namespace of 1024 bytes') for 'x' x 1024, 'é' x 512;
for my $bad ('', 'x' x 1025, 'é' x 512 . 'x', "a\0b")
{
	refused(by_id('users', $bad), 400, 'invalid_user_id', 'an id of ' . length($bad) . ' characters');
	refused(by_id($bad, 1), 400, 'invalid_namespace', 'a namespace of ' . length($bad) . ' characters');
}

for my $route ('/seal', '/blind-index')
{
	is($service->post($route, body_of($route, context => $_))->{code}, 200, "$route: a context of 1024 bytes")
		for 'x' x 1024, 'é' x 512, '😀' x 256, '';
	refused($service->post($route, body_of($route, context => $_)), 400, 'invalid_context', "$route: a longer one")
		for 'x' x 1025, 'é' x 512 . 'x', '😀' x 257, 'x' x 100_000;
	my $zero = $service->post($route, body_of($route, context => "a\0b"));
	refused($zero, 400, 'invalid_context', "$route: U+0000 in a context");
	is(
		$zero->{json}{error}{message},
		'context: a context is text of at most 1024 bytes without U+0000',
		'the message fits a context'
	);
}
refused($service->post($_, body_of($_, context => 'x' x 1025)), 400, 'invalid_context', "$_: a longer context")
	for '/open', '/reseal';

for my $length (4 .. 32)
{
	my $answer = $service->post('/blind-index', { sensitiveData => 'x', length => $length });
	is(length decode_base64($answer->{json}{blind_index} // ''), $length, "an index of $length bytes");
}
refused($service->post('/blind-index', { sensitiveData => 'x', length => $_ }), 400, 'invalid_length', "length $_")
	for 0, 1, 3, 33, 64, -4, 260, 65540, 4294967300;

my $sealed = decode_base64($service->post('/seal', body_of('/seal'))->{json}{sealed_data});
sub open_bytes { return $service->post('/open', { userUUID => $uuid, sealedData => encode_base64($_[0], '') }); }
given (open_bytes($sealed), { sensitive_data => 'x' }, 'a value opens');
refused(open_bytes($_), 400, 'malformed_value', 'no sealed value: ' . length($_) . ' bytes')
	for '', "\x01", substr($sealed, 0, 50), "\0" . substr($sealed, 1), "\x02" . substr($sealed, 1), 'x' x 100;
refused(open_bytes(substr($sealed, 0, 1) . "\x12\x34" . substr($sealed, 3)),
	400, 'unknown_generation', 'of another generation');
my %message;

for my $at (3 .. length($sealed) - 1)
{
	my $answer = open_bytes(substr($sealed, 0, $at) . chr(1 ^ ord substr $sealed, $at, 1) . substr $sealed, $at + 1);
	refused($answer, 400, 'cannot_open', "byte $at is another");
	$message{ $answer->{body} }++;
}
$message{ open_bytes("$sealed\0")->{body} }++;
$message{ open_bytes(substr $sealed, 0, -1)->{body} }++;
$message{ $service->post('/open', { userUUID => $_, sealedData => encode_base64($sealed, '') })->{body} }++
	for '01234567-89ab-cdef-0123-456789abcdef';
$message{ $service->post('/open', { userUUID => $uuid, context => 'y', sealedData => encode_base64($sealed, '') })
		->{body} }++;
is(keys %message, 1, 'it is never told why');

my $no = { valid => JSON::PP::false, generation => undef };
my $hex = $digest->{encrypted_data};
for my $bad (
	'', '0', 'zz', 'x' x 128, " $hex", "$hex ",
	substr($hex, 0, -1), "${hex}00", substr($hex, 0, -2), "\\x$hex", "$hex\0", "é$hex",
	'0' x 100_000
	)
{
	given ($service->post('/verify', { userUUID => $uuid, sensitiveData => 'x', encryptedData => $bad }),
		$no, 'what is no digest does not match');
}
given (
	$service->post('/verify', { userUUID => $uuid, sensitiveData => 'x', encryptedData => $_ }),
	{
		valid => JSON::PP::true,
		generation => 1
	},
	'a digest does'
) for $hex, uc $hex, ucfirst $hex;
refused($service->post('/batch', { operation => $_, requests => [] }), 400, 'invalid_operation', "operation '$_'")
	for '', 'ENCRYPT', '/encrypt', 'batch', 'health', 'blind_index', 'hash-password', 'verify-password', "encrypt\0";
$service->stop;
done_testing();
