# When many inits of one file run at once, one makes it and the others refuse.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use Test::More;

my $dir = folder();

for my $round (1 .. 5)
{
	my $file = "$dir/keyring$round";
	my @results = map { [ wait_caas($_) ] } map { start_caas('keyring', 'init', $file) } 1 .. 20;
	my @winners = grep { $_->[0] eq '0' } @results;
	is(@winners, 1, 'one made the keyring');
	is(scalar(grep { $_->[0] eq '3' && $_->[2] =~ /exists/ } @results), 19, 'the others refused');
	my ($check_value) = $winners[0][1] =~ /check value (\S+)/;
	like(ok_caas('keyring', 'list', $file), qr/^1 .* $check_value /m, 'and the keyring is that of the one');
}
is_deeply(entries($dir), [ map { "keyring$_" } 1 .. 5 ], 'no other file was left');
done_testing();
