# Numbers end at 65535 and generations at 1024: an edit that would pass them is refused and changes nothing.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use Test::More;

my $dir = folder();

my $last = write_keyring("$dir/last", generation(65534, 'active'));
like(ok_caas('keyring', 'rotate', $last), qr/generation 65535 is active/, 'the last number');
fails(3, qr/the numbers up to 65535 are used up/, 'keyring', 'rotate', $last);
is_deeply(numbers($last), [ '65534 retired', '65535 active' ], 'and no more');

my $removed = write_keyring("$dir/removed", generation(1, 'active'), "# removed 65535 2026-01-01T00:00:00Z\n");
fails(3, qr/used up/, 'keyring', 'rotate', $removed);
my $comments = write_keyring(
	"$dir/comments",
	generation(1, 'active'),
	"# removed 65536\n",
	"# removed 99999999999999999999\n",
	"# removed x\n",
	"## removed 7\n", " \n"
);
like(ok_caas('keyring', 'rotate', $comments), qr/generation 2 is active/, 'other comments mean nothing');

my $full = write_keyring("$dir/full", generation(1, 'active'), map { generation($_, 'retired') } 2 .. 1024);
my $before = read_file($full);
fails(3, qr/full: line 1026: more than 1024 generations/, 'keyring', 'rotate', $full);
is(read_file($full), $before, 'the keyring is as it was');
ok_caas('keyring', 'remove', '--yes', $full, 1024);
like(ok_caas('keyring', 'rotate', $full), qr/generation 1025 is active/, 'a removed one makes room');
is_deeply(entries($dir), [qw(comments full last removed)], 'no other file was left');
done_testing();
