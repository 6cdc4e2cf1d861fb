# keyring check --user judges by the rules and the rights of that user.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use Test::More;

my $dir = folder();
my $file = new_keyring("$dir/keyring");
my $me = getpwuid $>;

like(ok_caas('keyring', 'check', $file, '--user', $me), qr/: OK,/, 'of oneself');
fails(2, qr/--user: there is no user 'no-such-user'/, 'keyring', 'check', $file, '--user', 'no-such-user');

if ($> != 0)
{
	fails(3, qr/only root can check as another user/, 'keyring', 'check', $file, '--user', 'root');
	diag('not root: checks as other users are left out');
	done_testing();
	exit;
}

my ($uid, $gid) = (getpwnam 'nobody')[ 2, 3 ];
my (undef, undef, $note) = caas('keyring', 'check', $file);
like($note, qr/^caas: note: checked as root; --user NAME/m, 'root is told that a server is another user');

fails(1, qr/cannot be opened: Permission denied/, 'keyring', 'check', $file, '--user', 'nobody');
chown 0, $gid, $file;
chmod 0640, $file;
like(ok_caas('keyring', 'check', $file, '--user', 'nobody'), qr/: OK,/, "root's file of the user's group");
chown $uid, $gid, $file;
fails(1, qr/wider than 0600/, 'keyring', 'check', $file, '--user', 'nobody');
chmod 0600, $file;
like(ok_caas('keyring', 'check', $file, '--user', 'nobody'), qr/: OK,/, "the user's own file");
fails(1, qr/belongs neither to root nor to the user/, 'keyring', 'check', $file);
like(ok_caas('keyring', 'list', $file), qr/^1 /m, 'root may look at it all the same');
done_testing();
