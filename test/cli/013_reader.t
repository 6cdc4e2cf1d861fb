# A reader sees a whole keyring while it is edited, the old one or the new one.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use Test::More;

my $file = new_keyring(folder() . '/keyring');
my $writer = fork() // die "fork: $!";
if ($writer == 0)
{
	for (1 .. 40) { (caas('keyring', 'rotate', $file))[0] eq '0' or POSIX::_exit(1); }
	POSIX::_exit(0);
}
my ($reads, $broken, %seen) = (0, 0);
until (waitpid($writer, POSIX::WNOHANG()) == $writer)
{
	my @lines = split /^/, read_file($file);
	my $whole =
		   shift @lines eq "# caas keyring v1\n"
		&& (@lines == 1 || pop @lines eq "# end\n")
		&& @lines
		&& !grep { !/^\d+ (?:active|retired) \S{20} \S{44}(?: index=1:\S{44})?\n\z/ } @lines;
	$broken++ if !$whole || 1 != grep { / active / } @lines;
	$seen{ scalar @lines } = 1;
	$reads++;
}
is($?, 0, 'every rotation succeeded');
is($broken, 0, "none of $reads reads saw anything else");
cmp_ok(keys %seen, '>', 5, 'and they saw the keyring grow');
done_testing();
