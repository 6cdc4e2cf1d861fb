# A text is accepted exactly where PostgreSQL would accept it in UTF-8.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;

my $service = service();
my $head = '{"userUUID":"' . some_uuid() . '","sensitiveData":"';

sub encrypt_item { return $head . $_[0] . '"}'; }
sub encrypt { return $service->post('/encrypt', $head . $_[0] . '"}'); }

my $digest = encrypt('x')->{json};
given (encrypt('\u0078'), $digest, 'an escaped character is that character');
given (
	encrypt('\u00e9\ud83d\ude00\n\/'),
	encrypt("\xc3\xa9\xf0\x9f\x98\x80\\u000A/")->{json},
	'escapes and UTF-8 are the same text'
);
isnt(encrypt("e\xcc\x81")->{body}, encrypt("\xc3\xa9")->{body}, 'nothing is normalised');
isnt(encrypt($_)->{body}, encrypt('x')->{body}, 'nothing is trimmed') for 'x ', ' x', 'x\n', '\ufeffx', "x\xe2\x80\x8b";

my $all = join '', map { $_ >= 0xd800 && $_ <= 0xdfff ? () : chr } map { $_ * 0x101 + 1 } 0 .. 0x10ee;
my %user = (userUUID => some_uuid());
my $value = $service->post('/seal', { %user, sensitiveData => $all })->{json}{sealed_data};
given (
	$service->post('/open', { %user, sealedData => $value }),
	{ sensitive_data => $all },
	'text of every plane comes back'
);
my $controls = join '', map { chr } 1 .. 31, 127 .. 159, 0xfffe, 0xffff, 0x10ffff, 0x2028;
$value = $service->post('/seal', { %user, sensitiveData => qq(\\"$controls) })->{json}{sealed_data};
given (
	$service->post('/open', { %user, sealedData => $value }),
	{ sensitive_data => qq(\\"$controls) },
	'so do control characters'
);

for my $route ('/encrypt', '/verify', '/seal', '/blind-index')
{
	refused($service->post($route, body_of($route, sensitiveData => $_)), 400, 'invalid_text', "$route: U+0000")
		for "\0", "a\0", "\0b";
}
like(encrypt("\0")->{json}{error}{code}, qr/\Ainvalid_(?:json|text)\z/, 'a raw zero byte is no text either');
refused(encrypt($_), 400, 'invalid_json', 'a raw control character is no JSON') for "\x01", "\n", "\t", "\x1f";
given (encrypt("\x7f"), encrypt('\u007f')->{json}, 'DEL is');

my %not_utf8 = (
	'a lone continuation' => "\x80",
	'a cut sequence' => "\xc3",
	'cut before more' => "\xe2\x82x",
	'overlong slash' => "\xc0\xaf",
	'overlong zero' => "\xc0\x80",
	'overlong, three' => "\xe0\x80\xaf",
	'overlong, four' => "\xf0\x80\x80\xaf",
	'a surrogate' => "\xed\xa0\x80",
	'a surrogate pair' => "\xed\xa0\xbd\xed\xb8\x80",
	'beyond U+10FFFF' => "\xf4\x90\x80\x80",
	'five bytes' => "\xf8\x88\x80\x80\x80",
	'ff' => "\xff",
	'latin-1' => "caf\xe9"
);
refused(encrypt($not_utf8{$_}), 400, 'invalid_utf8', $_) for sort keys %not_utf8;
refused($service->post('/encrypt', qq({"userUUID":"$user{userUUID}","sensitiveData":"x","\xff":1})),
	400, 'invalid_utf8', 'in a name');
refused($service->post('/seal', qq({"userUUID":"$user{userUUID}","sensitiveData":"x","context":"\xff"})),
	400, 'invalid_utf8', 'in a context');

for my $lone ('\ud800', '\udfff', 'a\udc00b', '\ud800\ud800', '\ude00\ud83d', '\ud83dx', '\ud83d\n', '\ud83d\u0041')
{
	refused(encrypt($lone), 400, 'invalid_text', "half of a surrogate pair: $lone");
	my $item = encrypt_item($lone);
	my $answers = $service->post('/batch', qq({"operation":"encrypt","requests":[$item,${\ encrypt_item('x')}]}))
		->{json}{answers};
	is(error_code($answers->[0]), 'invalid_text', 'in a batch, in its place');
	is_deeply($answers->[1], $digest, 'and no other value is touched');
}
$service->stop;
done_testing();
