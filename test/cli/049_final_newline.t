# A keyring whose last line lacks its LF, as tools that keep secrets leave it, is read like any other, and edits give it one.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use Test::More;

my $dir = folder();
my ($one, $two) = (generation(1, 'active'), generation(2, 'retired'));
my $whole = "# caas keyring v1\n$one$two";

# The keyring without the last LF, in a file of its own.
sub cut
{
	my ($text) = @_;
	write_file("$dir/keyring", $text =~ s/\n\z//r);
	chmod 0600, "$dir/keyring" or die "chmod: $!";
	return "$dir/keyring";
}

my $file = cut($whole);
like(ok_caas('keyring', 'check', $file), qr/: OK,/, 'check');
is(ok_caas('keyring', 'list', $file), ok_caas('keyring', 'list', write_keyring("$dir/whole", $one, $two)), 'list');

ok_caas('keyring', 'rotate', cut($whole));
is_deeply(numbers($file), [ '1 retired', '2 retired', '3 active' ], 'rotate begins a line of its own');
ok_caas('keyring', 'rotate', '--stage', cut($whole));
like(read_file($file), qr/\A\Q$whole\E3 retired [^\n]+\n\z/, 'so does rotate --stage');
ok_caas('keyring', 'activate', cut($whole), 2);
is_deeply(numbers($file), [ '1 retired', '2 active' ], 'activate');
ok_caas('keyring', 'retire', cut($whole), 1, '--activate', 2);
is_deeply(numbers($file), [ '1 retired', '2 active' ], 'retire');
ok_caas('keyring', 'remove', '--yes', cut($whole), 2);
like(read_file($file), qr/\A# caas keyring v1\n\Q$one\E# removed 2 \S+\n\z/, 'remove of the last line');
ok_caas('keyring', 'rotate', cut(read_file($file)));
is_deeply(numbers($file), [ '1 retired', '3 active' ], 'a number in a comment without LF is not used again');
done_testing();
