# No secret of a keyring, no data and no key reaches an output, a command line, a message or a core file.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use MIME::Base64 qw(decode_base64);
use POSIX ();
use Test::More;

my $dir = folder();
my $file = "$dir/keyring";
my ($said, %secrets) = ('');

sub say_caas
{
	my ($code, $out, $err) = caas(@_);
	$said .= "$code\n$out$err";
	$secrets{$_} = 1 for -e $file ? read_file($file) =~ m{(?:Z |:)([A-Za-z0-9+/]{43}=)}g : ();
	return;
}

say_caas('keyring', @$_)
	for [ 'init', $file ], [ 'init', $file ], [ 'rotate', $file ],
	[ 'rotate', '--stage', $file, '--digests', 'kmac256' ],
	[ 'activate', $file, 3 ], [ 'activate', $file, 9 ], [ 'retire', $file, 3 ], [ 'retire', $file, 3, '--activate', 1 ],
	[ 'list', $file ], [ 'list', '--json', $file ], [ 'check', $file ], [ 'remove', $file, 2 ],
	[ 'remove', '--yes', $file, 2 ], [ 'rotate', $file ], [ 'rotate', '--index', $file ],
	[ 'remove', '--yes', $file, 1 ];
my @user = ('--keyring', $file, '--uuid', '4dbcbcfe-4800-40a8-badf-c26b73af230c');
say_caas({ input => 'the plaintext' }, @$_)
	for [ 'encrypt', @user ], [ 'encrypt', @user, '--generation', 99 ], [ 'verify', @user, '--digest', '00' ];
# Words too many, as when somebody passes data or a key on the command line.
say_caas(@$_)
	for [ 'encrypt', @user, 'the plaintext' ], [ 'api-key', 'digest', 'the plaintext' ], ['the plaintext'],
	[ 'api-key', 'new', '--key=the plaintext' ], [ 'keyring', 'the plaintext' ];
my $good = read_file($file);
for my $cut (1 .. 40)
{
	write_file($file, substr $good, 0, -$cut);
	say_caas('keyring', $_, $file) for 'check', 'list';
}
# An index key that is not as it should be.
for my $change ([ 'index=1:', 'index=3:' ], [ 'index=1:', 'index=5:' ], [ 'index=', 'indexes=' ], [ '=$', '' ])
{
	my ($from, $to) = @$change;
	write_file($file, $good =~ s/$from/$to/mr);
	say_caas('keyring', $_, $file) for 'check', 'list', 'rotate';
}

is(keys %secrets, 6, 'five secrets and an index key were made');
for my $secret (keys %secrets)
{
	ok(index($said, substr $secret, 0, 8) < 0, 'not shown as base64');
	my $bytes = decode_base64($secret);
	ok(index(lc $said, unpack 'H16', $bytes) < 0, 'nor as hexadecimal');
	ok(index($said, substr $bytes, 0, 8) < 0, 'nor as it is');
}
unlike($said, qr/plaintext/, 'nor data');

# The program is examined while it waits for more data.
my $waiting = "$dir/fifo";
POSIX::mkfifo($waiting, 0600) or die "mkfifo: $!";
write_keyring($file, generation(1, 'active'));
my $pid = fork() // die "fork: $!";
if ($pid == 0)
{
	open STDIN, '<', $waiting or POSIX::_exit(126);
	open STDOUT, '>', "$dir/out" or POSIX::_exit(126);
	exec program(), 'encrypt', @user or POSIX::_exit(127);
}
open my $data, '>', $waiting or die "fifo: $!";
syswrite $data, 'the plaintext';
my $tries = 0;
until (read_file("/proc/$pid/limits") =~ /^Max core file size +0 +0 /m || ++$tries > 1000)
{
	select undef, undef, undef, 0.01;
}
like(read_file("/proc/$pid/limits"), qr/^Max core file size +0 +0 /m, 'no core file');
is(read_file("/proc/$pid/cmdline"), join("\0", program(), 'encrypt', @user) . "\0", 'the command line holds no data');
SKIP:
{
	skip 'root may look into every process', 1 if $> == 0;
	ok(!open(my $memory, '<', "/proc/$pid/mem"), 'its memory is closed to other processes of the user');
}
close $data or die "fifo: $!";
is(waitpid($pid, 0) == $pid ? $? : -1, 0, 'and then it ends well');
done_testing();
