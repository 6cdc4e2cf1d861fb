# "encoding": "base64" takes and gives bytes. Only standard base64 with padding is accepted.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use MIME::Base64 qw(decode_base64 encode_base64);
use Test::More;

my $service = service();
my %user = (userUUID => some_uuid());

for my $bytes ('', "\0", "\xff", "a\0b", "\xed\xa0\x80", join('', map { chr } 0 .. 255), "\xc3\xa9")
{
	my $text = encode_base64($bytes, '');
	my $value = $service->post('/seal', { %user, sensitiveData => $text, encoding => 'base64' })->{json}{sealed_data};
	my $name = unpack('H*', substr $bytes, 0, 4) . ', ' . length($bytes) . ' bytes';
	is(length decode_base64($value // ''), 51 + length $bytes, "$name: sealed");
	given (
		$service->post('/open', { %user, sealedData => $value, encoding => 'base64' }),
		{ sensitive_data => $text },
		'opened as base64'
	);
	my $opened = $service->post('/open', { %user, sealedData => $value });
	if ($bytes =~ /\A(?:\xc3\xa9)?\z/)
	{
		given ($opened, { sensitive_data => $bytes eq '' ? '' : "\x{e9}" }, 'and as text');
	}
	else { refused($opened, 400, 'not_text', 'is not text'); }
}

given (
	$service->post('/encrypt', { %user, sensitiveData => 'aGk=', encoding => undef }),
	$service->post('/encrypt', { %user, sensitiveData => 'aGk=', encoding => 'text' })->{json},
	'null and "text" are the same'
);
isnt(
	$service->post('/encrypt', { %user, sensitiveData => 'aGk=', encoding => 'base64' })->{body},
	$service->post('/encrypt', { %user, sensitiveData => 'aGk=' })->{body},
	'"base64" is not'
);

my @bad = (
	'A', 'AA', 'AAA', 'AA=', 'AAA==', 'AA===', '=', '====',
	'AB==', 'AAB=', 'AA==AA==', 'AA =', ' AA==', "AA==\n", "AA\n==", '-_-_',
	'AA=A', 'A===', 'AAA*', "AAA\x{e9}", "AAA\0", 'AAAA='
);
for my $bad (@bad)
{
	my $name = $bad =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger;
	my %data = (sensitiveData => $bad, encoding => 'base64');
	refused($service->post($_, { %user, %data }), 400, 'invalid_base64', "$_: $name") for '/encrypt', '/seal';
	refused($service->post('/verify', { %user, %data, encryptedData => '00' }), 400, 'invalid_base64',
		"/verify: $name");
	refused($service->post('/blind-index', {%data}), 400, 'invalid_base64', "/blind-index: $name");
	refused($service->post('/open', { %user, sealedData => $bad }), 400, 'invalid_base64', "/open: $name");
}

refused($service->post($_, body_of($_, encoding => 'hex')), 400, 'invalid_encoding', "$_: no other encoding")
	for '/encrypt', '/verify', '/seal', '/open', '/blind-index';
refused($service->post('/encrypt', body_of('/encrypt', encoding => $_)), 400, 'invalid_encoding', 'nor this')
	for '', 'TEXT', 'Base64', 'base64url', 'text ', "text\0";
$service->stop;
done_testing();
