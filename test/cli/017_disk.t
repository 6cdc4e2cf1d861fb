# When the disk fails during an edit, the old keyring stays, a message says why, and nothing is left behind.
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
fails(3, qr/cannot be replaced: Input/, { env => preload($tools, 'renameat ' . EIO) }, 'keyring', 'rotate', $file);
is(read_file($file), $before, 'rename: the keyring is as it was');

my $folder = { env => preload($tools, 'fsyncdir ' . EIO) };
fails(3, qr/the file is in place, but its folder cannot be synced to disk: Input/, $folder, 'keyring', 'rotate', $file);
is_deeply(numbers($file), [ '1 retired', '2 active' ], 'as it says');

my $old_system = { env => preload($tools, 'renameat2 ' . EINVAL) };
ok_caas($old_system, 'keyring', 'init', "$dir/new");
fails(3, qr/exists/, $old_system, 'keyring', 'init', "$dir/new");
is_deeply(entries($dir), [ 'keyring', 'new' ], 'a file system without renameat2');

# A command whose result is its output fails when standard output cannot be written. A change stands and is reported.
for my $where (
	[ 'a full disk', out => '/dev/full' ],
	[ 'a closed descriptor', closed => [1] ],
	[ 'a pipe without a reader', no_reader => 1 ]
	)
{
	my ($name, %option) = @$where;
	for my $command (
		[ 'api-key', 'new', '--quiet' ],
		[ 'api-key', 'new', '--json' ],
		[ 'api-key', 'new' ],
		[ 'api-key', 'digest' ],
		[ 'keyring', 'list', $file ],
		['--version']
		)
	{
		my ($code, undef, $err) = caas({ %option, input => 'a key of more than 32 characters ..' }, @$command);
		if ($option{no_reader})
		{
			is($code, 'signal 13', "@$command: ends with $name");
			next;
		}
		is($code, 3, "@$command: fails with $name");
		like($err, qr/^caas: standard output cannot be written/m, 'and says why');
		unlike($err, qr/api_key_digests/, 'without a setting for a key that is lost') if $command->[1] eq 'new';
	}
	my $fresh = "$dir/fresh";
	for my $edit (
		[ [ 'init', $fresh ], ['1 active'] ],
		[ [ 'rotate', $fresh ], [ '1 retired', '2 active' ] ],
		[ [ 'activate', $fresh, 1 ], [ '1 active', '2 retired' ] ],
		[ [ 'retire', $fresh, 1, '--activate', 2 ], [ '1 retired', '2 active' ] ],
		[ [ 'remove', $fresh, 1, '--yes' ], ['2 active'] ]
		)
	{
		my ($arguments, $numbers) = @$edit;
		my ($code, undef, $err) = caas({%option}, 'keyring', @$arguments);
		is($code, 0, "$arguments->[0]: succeeds with $name");
		like(
			$err,
			qr/^caas: warning: standard output cannot be written: .*; done: \Q$fresh\E: generation /m,
			'with a warning'
		);
		is_deeply(numbers($fresh), $numbers, 'and did its work');
		is((caas('keyring', 'check', $fresh))[0], 0, 'on a keyring that holds nothing else');
	}
	unlink $fresh;
}

SKIP:
{
	my @read_only = (
		'-m', 'sh', '-c', 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"',
		'sh', $dir
	);
	my $unshare = { program => '/usr/bin/unshare' };
	skip 'no read-only mount can be made here', 4 if (caas($unshare, @read_only, 'true'))[0] ne '0';
	fails(3, qr/no file can be made in its folder: Read-only file system/,
		$unshare, @read_only, program(), 'keyring', @$_)
		for [ 'rotate', $file ], [ 'init', "$dir/other" ];
}
done_testing();
