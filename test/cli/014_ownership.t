# An edit keeps owner, group and mode; a user who cannot keep them cannot edit.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use Test::More;

my $dir = folder();
my $file = new_keyring("$dir/keyring");

chmod 0400, $file;
ok_caas({ umask => 0777 }, 'keyring', 'rotate', $file);
is((stat $file)[2] & 07777, 0400, 'the mode is kept');

if ($> != 0)
{
	diag('not root: owners other than oneself are left out');
	done_testing();
	exit;
}

my ($uid, $gid) = (getpwnam 'nobody')[ 2, 3 ];
for my $case ([ 0, $gid, 0640 ], [ $uid, $gid, 0600 ])
{
	my ($user, $group, $mode) = @$case;
	chown $user, $group, $file or die "chown: $!";
	chmod $mode, $file or die "chmod: $!";
	ok_caas({ umask => 0777 }, 'keyring', @$_) for [ 'rotate', $file ], [ 'rotate', '--stage', $file ];
	is_deeply([ (stat $file)[ 4, 5 ], (stat $file)[2] & 07777 ], $case, "root keeps $user:$group");
}

system('cp', program(), "$dir/caas") == 0 or die 'cp failed';
my $as_nobody = { user => 'nobody', program => "$dir/caas" };
mkdir "$dir/theirs" or die "mkdir: $!";
chown $uid, $gid, "$dir/theirs" or die "chown: $!";

my $theirs = new_keyring("$dir/theirs/keyring");
chown 0, $gid, $theirs;
chmod 0640, $theirs;
my $before = read_file($theirs);
like(ok_caas($as_nobody, 'keyring', 'list', $theirs), qr/^1 /m, "the group reads root's file");
fails(3, qr/the owner of the keyring cannot be kept/, $as_nobody, 'keyring', 'rotate', $theirs);
is(read_file($theirs), $before, 'but does not change it');
is_deeply(entries("$dir/theirs"), ['keyring'], 'nor leave anything');

chown $uid, $gid, $theirs;
chmod 0600, $theirs;
ok_caas($as_nobody, 'keyring', 'rotate', $theirs);
is_deeply([ (stat $theirs)[ 4, 5 ], (stat $theirs)[2] & 07777 ], [ $uid, $gid, 0600 ], 'a user edits their own file');
my $stranger = { %$as_nobody, user => 'daemon' };
fails(3, qr/Permission denied/, $stranger, 'keyring', $_, $theirs) for 'list', 'rotate';
done_testing();
