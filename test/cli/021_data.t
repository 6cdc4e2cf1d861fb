# Data is every byte of standard input, valid text unless --raw; UUIDs have the form of RFC 9562.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use Test::More;

my $file = published_keyring(folder() . '/keyring');
my $uuid = '4dbcbcfe-4800-40a8-badf-c26b73af230c';

sub digest
{
	my ($data, @options) = @_;
	return ok_caas({ input => $data }, 'encrypt', '--keyring', $file, '--uuid', $uuid, @options);
}

my $plain = digest('data');
isnt(digest("data\n"), $plain, 'a newline is data');
is(digest("data\n", '--line'), $plain, '--line leaves one out');
is(digest("data\n\n", '--line'), digest("data\n"), 'and only one');
is(digest("data\r\n", '--line'), $plain, 'a CR LF is one end of a line');
is(digest("data\r\n\r\n", '--line'), digest("data\r\n"), 'and only one is left out');
is(digest("data\r", '--line'), digest("data\r"), 'a CR alone is data');
is(digest("\r\n", '--line'), digest(''), '--line of an empty line with CR LF');
is(digest('data', '--line'), $plain, '--line without a newline');
is(digest("\n", '--line'), digest(''), '--line of an empty line');
is(digest('data', '--raw'), $plain, 'text is its bytes');

my $stored = digest("data\n");
chomp $stored;
my @verify = ('verify', '--keyring', $file, '--uuid', $uuid, '--digest', $stored);
is((caas({ input => "data\n" }, @verify))[0], 0, 'verify takes the newline as data too');
is((caas({ input => "data\n" }, @verify, '--line'))[0], 1, 'and --line leaves it out');
is((caas({ input => "data\n\r\n" }, @verify, '--line'))[0], 0, 'a CR LF as well');

for my $bad ("a\0b", "\xff", "\xc0\x80", "\xed\xa0\x80", "caf\xe9")
{
	for my $command (['encrypt'], [ 'verify', '--digest', $stored ])
	{
		fails(
			2,
			qr/not valid UTF-8 or holds a zero byte; --raw/,
			{ input => $bad },
			@$command, '--keyring', $file, '--uuid', $uuid
		);
	}
	like(digest($bad, '--raw'), qr/\A[0-9a-f]+\n\z/, 'raw takes it');
}
isnt(digest("a\0b", '--raw'), digest("a\0c", '--raw'), 'a zero byte does not end the data');

my $big = join '', map { "line $_\n" } 1 .. 200_000;
isnt(digest($big), digest("$big "), 'more than one read');

my $upper = ok_caas({ input => 'data' }, 'encrypt', '--keyring', $file, '--uuid', uc $uuid);
is($upper, $plain, 'a UUID in upper case');
fails(2, qr/--uuid: it is not a UUID/, { input => 'data' }, 'encrypt', '--keyring', $file, '--uuid', $_)
	for '', 'x', "{$uuid}", $uuid =~ s/-//gr, "$uuid ", substr($uuid, 1), $uuid =~ s/c$/g/r, $uuid =~ s/-/0/r,
	'4dbcbcf-e4800-40a8-badf-c26b73af230c';
done_testing();
