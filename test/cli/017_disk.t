# When the disk fails an edit, the old keyring stays, the reason is said and nothing is left behind.
use strict;
use warnings;
use Errno qw(ENOSPC EIO EINVAL);
use lib 'test/cli';
use CaasCli;
use Test::More;

my $dir = folder();
my $file = new_keyring("$dir/keyring");
my $tools = folder();
my $before = read_file($file);

my %reason = (write => [ ENOSPC, qr/cannot be written: No space left/ ], fsync => [ EIO, qr/synced to disk: Input/ ]);
for my $call (sort keys %reason)
{
	my ($error, $message) = @{ $reason{$call} };
	my $env = { env => preload($tools, "$call $error") };
	fails(3, $message, $env, 'keyring', 'rotate', $file);
	is(read_file($file), $before, "$call: the keyring is as it was");
	fails(3, $message, $env, 'keyring', 'init', "$dir/new");
	is_deeply(entries($dir), ['keyring'], "$call: no other file was left");
}
fails(3, qr/cannot be replaced: Input/, { env => preload($tools, 'rename ' . EIO) }, 'keyring', 'rotate', $file);
is(read_file($file), $before, 'rename: the keyring is as it was');

my $folder = { env => preload($tools, 'fsyncdir ' . EIO) };
fails(3, qr/the file is in place, but its folder cannot be synced to disk: Input/, $folder, 'keyring', 'rotate', $file);
is_deeply(numbers($file), [ '1 retired', '2 active' ], 'as it says');

my $old_system = { env => preload($tools, 'renameat2 ' . EINVAL) };
ok_caas($old_system, 'keyring', 'init', "$dir/new");
fails(3, qr/exists/, $old_system, 'keyring', 'init', "$dir/new");
is_deeply(entries($dir), [ 'keyring', 'new' ], 'a file system without renameat2');

for my $command ([ 'api-key', 'new', '--quiet' ], [ 'keyring', 'list', $file ], [ '--version' ])
{
	my ($code, undef, $err) = caas({ out => '/dev/full' }, @$command);
	is($code, 3, "@$command onto a full disk");
	like($err, qr/^caas: standard output cannot be written$/m, 'is heard of');
}
done_testing();
