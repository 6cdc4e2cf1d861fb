# keyring rotate adds a generation and keeps the rest of the file.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use Test::More;

my $dir = folder();
my $first = generation(1, 'active', 'digests=kmac256,kmac128', 'passwords=pbkdf2-sha512');
my $file = write_keyring("$dir/keyring", "# Who to ask: the database team\n", "\n", $first, "# removed nothing\n");

my $out = ok_caas('keyring', 'rotate', $file);
like($out, qr/\A\Q$file\E: generation 2 is active, check value [0-9a-f]{16}\n\z/, 'what it says');
my ($second) = read_file($file) =~ /^(2 .*\n)/m;
(my $retired = $first) =~ s/active/retired/;
is(
	read_file($file),
	"# caas keyring v1\n# Who to ask: the database team\n\n$retired# removed nothing\n$second# end\n",
	'the old generation is retired, everything else is as it was, and a line ends the file'
);
like(
	$second,
	qr/^2 active \S+Z \S{44} digests=kmac256,kmac128 passwords=pbkdf2-sha512 index=1:\S{44}$/,
	'pools are those of the active generation'
);
isnt((split ' ', $second)[3], (split ' ', $first)[3], 'with a new secret');

ok_caas('keyring', 'rotate', $file, '--digests', 'hmac-sha512');
like(
	read_file($file),
	qr/^3 active \S+ \S+ digests=hmac-sha512 passwords=pbkdf2-sha512 index=1:\S+$/m,
	'a pool that is named replaces, the others are taken over'
);

ok_caas('keyring', 'rotate', $file, '--digests',
	'blake2b-512,blake2s-256,hmac-sha256,hmac-sha384,hmac-sha512,hmac-sha512-256,kmac128,kmac256',
	'--passwords', 'scrypt');
like(read_file($file), qr/^4 active \S+ \S+ index=1:\S+$/m, 'a default pool needs no field');

my $staged = ok_caas('keyring', 'rotate', '--stage', $file);
like($staged, qr/generation 5 is retired, check value/, 'a staged generation is retired');
is_deeply(numbers($file), [ '1 retired', '2 retired', '3 retired', '4 active', '5 retired' ], 'the active one stays');

fails(2, qr/there is no algorithm/, 'keyring', 'rotate', $file, '--digests', 'nonsense');
fails(3, qr/missing: the file cannot be opened: No such file/, 'keyring', 'rotate', "$dir/missing");
is_deeply(entries($dir), ['keyring'], 'no other file was left');
done_testing();
