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

like(ok_caas('keyring', 'check', $file, '--user', $>), qr/: OK,/, 'of oneself by number');
fails(2, qr/--user: there is no user '\Q$_\E'/, 'keyring', 'check', $file, '--user', $_)
	for '-1', '4294967295', '4294967296', '1x', '0x1', ' 1', '';

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
like(ok_caas('keyring', 'check', $file, '--user', $uid), qr/: OK,/, 'by number');
chown 4242424, 4242424, $file;
like(ok_caas('keyring', 'check', $file, '--user', 4242424), qr/: OK,/,
	'a number without an account, as in a container');
chown 0, 4242424, $file;
chmod 0640, $file;
like(ok_caas('keyring', 'check', $file, '--user', 4242424), qr/: OK,/, 'which has the group of its number');
fails(1, qr/Permission denied/, 'keyring', 'check', $file, '--user', 4242425);
chown $uid, $gid, $file;
chmod 0600, $file;
fails(1, qr/belongs neither to root nor to the user/, 'keyring', 'check', $file);
like(ok_caas('keyring', 'list', $file), qr/^1 /m, 'root may look at it all the same');
done_testing();
