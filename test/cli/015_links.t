# A symbolic link stays; the file it points to is edited, in its own folder.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use Test::More;

my $dir = folder();
mkdir "$dir/real" or die "mkdir: $!";
my $file = new_keyring("$dir/real/keyring");
symlink 'real/keyring', "$dir/link" or die "symlink: $!";
symlink "$dir/link", "$dir/second" or die "symlink: $!";

like(ok_caas('keyring', 'rotate', "$dir/second"), qr{\A\Q$dir\E/second: generation 2 is active}, 'through two links');
is_deeply(
	[ map { readlink "$dir/$_" } 'link', 'second' ],
	[ 'real/keyring', "$dir/link" ],
	'the links are as they were'
);
is_deeply(numbers($file), [ '1 retired', '2 active' ], 'the file was edited');
is_deeply(entries($dir), [ 'link', 'real', 'second' ], 'nothing was left beside the link');
is_deeply(entries("$dir/real"), ['keyring'], 'nor beside the file');

my @codes = map { (wait_caas($_))[0] }
	map { start_caas('keyring', 'rotate', $_) } ("$dir/link", "$dir/second", $file) x 5;
is_deeply(\@codes, [ (0) x 15 ], 'edits through links and beside them');
is_deeply([ map { (split)[0] } @{ numbers($file) } ], [ 1 .. 17 ], 'share one lock');

chdir "$dir/real" or die "chdir: $!";
ok_caas('keyring', 'rotate', 'keyring');
is_deeply(entries('.'), ['keyring'], 'a file of the current folder');
chdir '/' or die "chdir: $!";
done_testing();
