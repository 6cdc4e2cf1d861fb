# Exactly one generation is active after any keyring activate or retire.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use Test::More;

my $dir = folder();
# Blanks as a person may type them.
my $odd = generation(3, 'retired');
$odd =~ s/^3 retired /\t3  retired\t /;
my $file = write_keyring("$dir/keyring", generation(2, 'active '), generation(1, 'retired'), $odd);

like(ok_caas('keyring', 'activate', $file, 3), qr/generation 3 is active, check value [0-9a-f]{16}$/m, 'what it says');
like(read_file($file), qr/^2 retired  .*^1 retired .*^\t3  active\t /ms, 'state alone changes');

fails(3, qr/generation 3 is active already/, 'keyring', 'activate', $file, 3);
fails(3, qr/there is no generation 4/, 'keyring', 'activate', $file, 4);
fails(2, qr/\bN\b/, 'keyring', 'activate', $file);
fails(2, qr/Value \S+ not in range \D*1\D+65535/, 'keyring', 'activate', $file, $_) for '0', '65536', '-1', 'x';

fails(3, qr/generation 3 is active and one has to be: name another by --activate/, 'keyring', 'retire', $file, 3);
fails(3, qr/generation 2 is retired already/, 'keyring', 'retire', $file, 2);
fails(3, qr/generation 2 is retired already/, 'keyring', 'retire', $file, 2, '--activate', 1);
fails(3, qr/generation 3 is active already/, 'keyring', 'retire', $file, 3, '--activate', 3);
fails(3, qr/there is no generation 9/, 'keyring', 'retire', $file, 3, '--activate', 9);
fails(3, qr/there is no generation 9/, 'keyring', 'retire', $file, 9, '--activate', 1);
like(read_file($file), qr/^2 retired  .*^1 retired .*^\t3  active\t /ms, 'a refusal changes nothing');

like(ok_caas('keyring', 'retire', $file, 3, '--activate', 1), qr/generation 1 is active/, 'retire names the successor');
like(read_file($file), qr/^2 retired  .*^1 active .*^\t3  retired\t /ms, 'and makes it active');
done_testing();
