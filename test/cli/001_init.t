# keyring init makes a keyring with generation 1, for its owner alone.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use Test::More;

my $dir = folder();

for my $umask (0, 022, 0777)
{
	my $file = sprintf '%s/umask-%03o', $dir, $umask;
	my $out = ok_caas({ umask => $umask }, 'keyring', 'init', $file);
	like($out, qr/\A\Q$file\E: generation 1 is active, check value [0-9a-f]{16}\n\z/, 'what it says');
	is((stat $file)[2] & 07777, 0600, sprintf 'mode 0600 under umask %03o', $umask);
	like(
		read_file($file),
		qr{\A# caas keyring v1\n1 active \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ [A-Za-z0-9+/]{43}=\n\# end\n\z},
		'version line, one generation of default pools, and the end'
	);
}
my %secrets = map { (split ' ', read_file($_))[7] => 1 } glob "$dir/umask-*";
is(keys %secrets, 3, 'every keyring has a secret of its own');

ok_caas(
	'keyring', 'init', "$dir/pools", '--digests',
	'kmac256,hmac-sha256', '--ciphers=aes-256-gcm', '--passwords', 'pbkdf2-sha512,scrypt'
);
like(
	read_file("$dir/pools"),
	qr/= digests=kmac256,hmac-sha256 ciphers=aes-256-gcm passwords=pbkdf2-sha512,scrypt$/m,
	'pools in the order given'
);

ok_caas('keyring', 'init', "$dir/list");
is_deeply(numbers("$dir/list"), ['1 active'], 'a file may have the name of a command');

my ($code, undef, $err) = caas('keyring', 'init', "$dir/weak", '--digests', 'hmac-md5,kmac256');
is($code, 0, 'a weak algorithm is allowed');
like($err, qr/^caas: warning: .*hmac-md5/m, 'with a warning');

done_testing();
