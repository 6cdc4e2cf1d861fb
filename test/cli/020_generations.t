# encrypt computes under the active generation or a named one; verify prints the generation of a digest.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use Test::More;

my $file = new_keyring(folder() . '/keyring');
my @user = ('--keyring', $file, '--uuid', '4dbcbcfe-4800-40a8-badf-c26b73af230c');
my $data = { input => 'ada@example.com' };
my $other = { input => 'bob@example.com' };

my $first = ok_caas($data, 'encrypt', @user);
chomp $first;
ok_caas('keyring', 'rotate', $file);
my $second = ok_caas($data, 'encrypt', @user);
chomp $second;
isnt($second, $first, 'a rotation gives new digests');
is(ok_caas($data, 'encrypt', @user, '--generation', 1), "$first\n", 'a named generation');
is(ok_caas($data, 'encrypt', @user, '--generation', 2), "$second\n", 'the active one by its number');
is(ok_caas($data, 'verify', @user, '--digest', $first), "1\n", 'verified by the retired one');
is(ok_caas($data, 'verify', @user, '--digest', uc $second), "2\n", 'by the active one, upper case');

my %no = (
	'other data' => [ $other, @user, '--digest', $first ],
	'another user' => [ $data, @user[ 0 .. 2 ], '4dbcbcfe-4800-40a8-badf-c26b73af230d', '--digest', $first ],
	'cut off' => [ $data, @user, '--digest', substr $first, 0, -2 ],
	'longer' => [ $data, @user, '--digest', "${first}00" ],
	'not hexadecimal' => [ $data, @user, '--digest', 'x' . substr $first, 1 ],
	'empty' => [ $data, @user, '--digest', '00' ],
);

for my $name (sort keys %no)
{
	my ($option, @arguments) = @{ $no{$name} };
	my ($code, $out) = caas($option, 'verify', @arguments);
	is("$code $out", "1 no match\n", $name);
}

fails(3, qr/there is no generation 3/, $data, 'encrypt', @user, '--generation', 3);
fails(2, qr/Value \S+ not in range \D*1\D+65535/, $data, 'encrypt', @user, '--generation', 0);
ok_caas('keyring', 'remove', '--yes', $file, 1);
is((caas($data, 'verify', @user, '--digest', $first))[0], 1, 'a removed generation verifies nothing');
fails(3, qr/cannot be opened/, $data, $_->[0], '--keyring', "$file.x", @user[ 2, 3 ], @{ $_->[1] })
	for [ 'encrypt', [] ], [ 'verify', [ '--digest', $first ] ];
done_testing();
