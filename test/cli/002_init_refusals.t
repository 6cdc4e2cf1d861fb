# keyring init never overwrites anything, and leaves nothing behind when it fails.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use Test::More;

my $dir = folder();

write_file("$dir/there", 'precious');
fails(3, qr/there: the file exists; it is never overwritten$/m, 'keyring', 'init', "$dir/there");
is(read_file("$dir/there"), 'precious', 'the file is as it was');

symlink 'nowhere', "$dir/dangling" or die "symlink: $!";
fails(3, qr/dangling: the file exists/, 'keyring', 'init', "$dir/dangling");
ok(!-e "$dir/nowhere", 'a dangling link is not followed');

fails(3, qr/exists/, 'keyring', 'init', $dir);
fails(3, qr{missing/keyring: a folder of this path cannot be opened: No such file},
	'keyring', 'init', "$dir/missing/keyring");

fails(2, qr/--digests: there is no algorithm 'md5'/, 'keyring', 'init', "$dir/new", '--digests', 'kmac256,md5');
fails(2, qr/--digests: kmac256 is named twice/, 'keyring', 'init', "$dir/new", '--digests', 'kmac256,kmac256');
fails(2, qr/--ciphers: there is no algorithm ''/, 'keyring', 'init', "$dir/new", '--ciphers', 'aes-256-gcm,');
fails(2, qr/--passwords: there is no algorithm 'kmac256'/, 'keyring', 'init', "$dir/new", '--passwords', 'kmac256');
fails(2, qr/--digests/, 'keyring', 'init', "$dir/new", '--digests', '');
fails(2, qr/FILE is required/, 'keyring', 'init');

is_deeply(entries($dir), [ 'dangling', 'there' ], 'no other file was left');
done_testing();
