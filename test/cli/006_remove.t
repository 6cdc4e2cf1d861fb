# keyring remove deletes a retired generation for good; its number is never used again.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use Test::More;

my $dir = folder();
my ($one, $two, $three) = (generation(1, 'retired'), generation(2, 'active'), generation(3, 'retired'));
my $file = write_keyring("$dir/keyring", $three, $two, $one);
my $before = read_file($file);

fails(2, qr/generation 3 was not removed: .*repeat with --yes, and with --database for a database of each server/,
	'keyring', 'remove', $file, 3);
fails(3, qr/generation 2 is active: make another active first/, 'keyring', 'remove', $file, 2, '--yes');
fails(3, qr/there is no generation 4/, 'keyring', 'remove', $file, 4, '--yes');
is(read_file($file), $before, 'a refusal changes nothing');

is(ok_caas('keyring', 'remove', '--yes', $file, 3), "$file: generation 3 is removed\n", 'what it says');
like(
	read_file($file),
	qr/\A# caas keyring v1\n# removed 3 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n\Q$two$one\E# end\n\z/,
	'a comment stands where the generation was'
);

ok_caas('keyring', 'rotate', $file);
is_deeply(numbers($file), [ '2 retired', '1 retired', '4 active' ], 'the highest number was not used again');
ok_caas('keyring', 'remove', '--yes', $file, $_) for 1, 2;
ok_caas('keyring', 'rotate', $file);
ok_caas('keyring', 'remove', '--yes', $file, 4);
ok_caas('keyring', 'rotate', $file);
is_deeply(numbers($file), [ '5 retired', '6 active' ], 'nor were the others');
is_deeply([ read_file($file) =~ /^# removed (\d+) /mg ], [ 3, 2, 1, 4 ], 'every removal is noted');

ok_caas('keyring', 'check', $file);
done_testing();
