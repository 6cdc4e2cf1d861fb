# A process that ends in the middle of an edit leaves the old keyring whole, and the next edit clears up after it.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use Test::More;
use Time::HiRes qw(usleep);

my $dir = folder();
my $file = new_keyring("$dir/keyring");
my $tools = folder();

for my $call ('write', 'fsync', 'renameat')
{
	my $before = read_file($file);
	my ($code) = caas({ env => preload($tools, "$call kill") }, 'keyring', 'rotate', $file);
	is($code, 'signal 9', "killed at $call");
	is(read_file($file), $before, 'the keyring is as it was');
	is_deeply(entries($dir), [ '.keyring.caas-new', 'keyring' ], 'a file was left, hidden');
	is((stat "$dir/.keyring.caas-new")[2] & 07777, 0600, 'and closed to others');
	ok_caas('keyring', 'rotate', $file);
	is_deeply(entries($dir), ['keyring'], 'the next edit clears up');
}

for my $call ('write', 'fsync', 'renameat2')
{
	my ($code) = caas({ env => preload($tools, "$call kill") }, 'keyring', 'init', "$dir/new");
	is($code, 'signal 9', "init killed at $call");
	ok(!-e "$dir/new", 'no half keyring');
}
ok_caas('keyring', 'init', "$dir/new");

# Kills at random moments. Enough of them have to come before the edit ends.
my $killed = 0;
for my $round (1 .. 60)
{
	my $before = @{ numbers($file) };
	my $run = start_caas('keyring', 'rotate', $file);
	usleep($round * 100);
	kill 'KILL', $run->{pid};
	my ($code) = wait_caas($run);
	$killed++ if $code eq 'signal 9';
	my $after = @{ numbers($file) };
	my ($usable) = caas('keyring', 'check', $file);
	next if $usable eq '0' && ($after == $before + 1 || $after == $before && $code eq 'signal 9');
	fail("round $round: $code, check $usable, generations $before then $after");
}
cmp_ok($killed, '>', 5, "killed $killed times, never a broken keyring");
done_testing();
