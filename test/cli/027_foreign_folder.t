# Root edits a keyring in another user's folder with that user's rights: nothing that the user does to the path makes root
# change or copy another file.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use POSIX ();
use Test::More;
use Time::HiRes qw(time);

plan skip_all => 'needs root and the users nobody and daemon' if $> != 0 || !getpwnam 'nobody' || !getpwnam 'daemon';

my ($uid, $gid) = (getpwnam 'nobody')[ 2, 3 ];
my $dir = folder();

sub folder_of
{
	my ($folder, $owner, $mode) = @_;
	mkdir $folder or die "mkdir: $!";
	chown $owner, $owner == 0 ? 0 : $gid, $folder or die "chown: $!";
	chmod $mode, $folder or die "chmod: $!";
	return $folder;
}

sub owned { chown @_[ 1, 2 ], $_[0] or die "chown: $!"; return $_[0]; }
sub ownership { return [ (stat $_[0])[ 4, 5 ], (stat _)[2] & 07777 ]; }

my $roots = folder_of("$dir/root", 0, 0700);
my $victim = new_keyring("$roots/keyring");
my $before = read_file($victim);
my ($secret) = $before =~ / (\S{44})$/m;
my $theirs = folder_of("$dir/theirs", $uid, 0700);

sub untouched
{
	my ($name) = @_;
	is(read_file($victim), $before, "$name: root's keyring is as it was");
	is_deeply(entries($roots), ['keyring'], "$name: and alone in its folder");
	my @leaks = grep { -f && (stat _)[4] != 0 && read_file($_) =~ /\Q$secret\E/ } glob "$theirs/{,.}* $theirs/*/{,.}*";
	is_deeply(\@leaks, [], "$name: its secret is in no other file");
	return;
}

my $own = owned(new_keyring("$theirs/keyring"), $uid, $gid);
ok_caas('keyring', 'rotate', $own);
ok_caas('keyring', 'remove', $own, 1, '--yes');
is_deeply(ownership($own), [ $uid, $gid, 0600 ], 'an honest keyring is edited, owner, group and mode stay');
owned($own, $uid, (getpwnam 'daemon')[3]);
ok_caas('keyring', 'rotate', $own);
is_deeply(ownership($own), [ $uid, (getpwnam 'daemon')[3], 0600 ], 'even a group that is not the user\'s');
owned($own, 0, $gid);
chmod 0640, $own;
ok_caas('keyring', 'rotate', $own);
is_deeply(ownership($own), [ 0, $gid, 0640 ], "root's file that the user's group reads as well");
is_deeply(entries($theirs), ['keyring'], 'nothing is left beside it');
my ($code, undef, $err) = caas('keyring', 'init', "$theirs/new");
is($code, 0, 'init in their folder');
like($err, qr/^caas: note: the file belongs to the owner of its folder/m, 'says so');
is_deeply(ownership("$theirs/new"), [ $uid, $gid, 0600 ], 'makes a file of theirs');

my @edits = ([ 'rotate', [] ], [ 'activate', [1] ], [ 'retire', [1] ], [ 'remove', [ 1, '--yes' ] ]);

sub refused
{
	my ($name, $path, $pattern) = @_;
	for my $edit (@edits)
	{
		my ($command, $rest) = @$edit;
		fails(3, $pattern, 'keyring', $command, $path, @$rest);
	}
	untouched($name);
	return;
}

symlink $roots, "$theirs/folder" or die "symlink: $!";
refused('a folder that is a link', "$theirs/folder/keyring", qr/Permission denied/);
fails(3, qr/Permission denied/, 'keyring', 'init', "$theirs/folder/other");
untouched('init');
symlink $victim, "$theirs/link" or die "symlink: $!";
refused('a file that is a link', "$theirs/link", qr/Permission denied/);
link $victim, "$theirs/hard" or die "link: $!";
refused('a hard link', "$theirs/hard", qr/Permission denied/);
unlink "$theirs/hard";
POSIX::mkfifo("$theirs/fifo", 0600) or die "mkfifo: $!";
refused('a FIFO', "$theirs/fifo", qr/not a regular file/);
refused('a device', '/dev/null', qr/not a regular file/);
symlink "$theirs/circle", "$theirs/circle" or die "symlink: $!";
refused('a circle of links', "$theirs/circle", qr/Too many levels/);
mkdir "$theirs/roots" or die "mkdir: $!";
refused("root's folder in theirs", "$theirs/roots/../folder/keyring", qr/Permission denied/);
rmdir "$theirs/roots";

for my $mode (0777, 0770)
{
	my $shared = folder_of(sprintf('%s/shared-%o', $dir, $mode), 0, $mode);
	new_keyring("$shared/keyring");
	fails(3, qr/can be written by others: root edits no file there/, 'keyring', 'rotate', "$shared/keyring");
	fails(3, qr/can be written by others/, 'keyring', 'init', "$shared/new");
	is_deeply(entries($shared), ['keyring'], sprintf 'nothing happens in a folder of mode %o', $mode);
}
my $sticky = folder_of("$dir/sticky", 0, 01777);
owned(new_keyring("$sticky/keyring"), $uid, $gid);
ok_caas('keyring', 'rotate', "$sticky/keyring");
is_deeply(ownership("$sticky/keyring"), [ $uid, $gid, 0600 ], 'a folder like /tmp: entries belong to their owner');
symlink $victim, "$sticky/link" or die "symlink: $!";
system('chown', '-h', 'nobody', "$sticky/link") == 0 or die 'chown failed';
refused('a link of another user in a folder like /tmp', "$sticky/link", qr/symbolic link of another user/);

# The race: another process exchanges the folder for a link to root's, and back, as fast as it can.
my $real = folder_of("$theirs/raced", $uid, 0700);
owned(new_keyring("$real/keyring"), $uid, $gid);
my $swapper = fork() // die "fork: $!";
if ($swapper == 0)
{
	$) = "$gid $gid";
	POSIX::setgid($gid) and POSIX::setuid($uid) or POSIX::_exit(1);
	for (; ;)
	{
		rename "$theirs/raced", "$theirs/away" or POSIX::_exit(2);
		symlink $roots, "$theirs/raced" or POSIX::_exit(3);
		unlink "$theirs/raced" or POSIX::_exit(4);
		rename "$theirs/away", "$theirs/raced" or POSIX::_exit(5);
		POSIX::_exit(0) if getppid() == 1;
	}
}
my %ended;
my $end = time + 60;
for (1 .. 200)
{
	$ended{ (caas('keyring', 'rotate', "$theirs/raced/keyring"))[0] }++;
	last if time > $end;
}
is(waitpid($swapper, POSIX::WNOHANG()), 0, 'the other process ran all the time');
kill 'KILL', $swapper;
waitpid $swapper, 0;
unlink "$theirs/raced" if -l "$theirs/raced";
rename "$theirs/away", "$theirs/raced" if -d "$theirs/away";
untouched('race');
is_deeply([ grep { $_ ne '0' && $_ ne '3' } keys %ended ], [], 'every edit succeeded or was refused');
cmp_ok($ended{0} // 0, '>', 0, "edits of the real keyring: $ended{0}");
is((caas('keyring', 'check', '--user', 'nobody', "$theirs/raced/keyring"))[0], 0, 'which is whole');
done_testing();
