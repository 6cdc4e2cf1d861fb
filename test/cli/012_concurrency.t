# Simultaneous edits are done one after the other, and each takes effect.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use Test::More;

my $dir = folder();
my $file = new_keyring("$dir/keyring");

for my $round (1 .. 3)
{
	my @codes = map { (wait_caas($_))[0] } map { start_caas('keyring', 'rotate', $file) } 1 .. 20;
	is_deeply(\@codes, [ (0) x 20 ], 'every rotation succeeded');
}
my @numbers = map { (split)[0] } @{ numbers($file) };
is_deeply(\@numbers, [ 1 .. 61 ], '60 rotations added 60 generations');
is(scalar(grep { /active/ } @{ numbers($file) }), 1, 'one is active');

my @mixed = map { start_caas('keyring', 'remove', '--yes', $file, $_) } 1 .. 20;
push @mixed, map { start_caas('keyring', 'rotate', '--stage', $file) } 1 .. 20;
is_deeply([ map { (wait_caas($_))[0] } @mixed ], [ (0) x 40 ], 'removals and rotations at once');
is_deeply([ map { (split)[0] } @{ numbers($file) } ], [ 21 .. 81 ], 'every one of them took effect');
is_deeply(entries($dir), ['keyring'], 'no other file was left');
done_testing();
