# The manual page is well formed and has every command, option and algorithm that the help has.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use Test::More;

plan skip_all => 'man is not installed' if system('man --version > /dev/null 2>&1') != 0;

is(`man --warnings -E UTF-8 -l -Tutf8 -Z docs/caas.1 2>&1 > /dev/null`, '', 'no warning');
my $page = `MANWIDTH=400 man -E ascii -l docs/caas.1 2> /dev/null`;
$page =~ s/.\x08//g;
like($page, qr/^NAME\n\s+caas - /m, 'it is shown');
my ($synopsis, $described) = $page =~ /^SYNOPSIS\n(.*?)^DESCRIPTION\n.*^OPTIONS\n(.*?)^ALGORITHMS\n/ms;

for my $command (grep { !/^(?:keyring|api-key|table)$/ } commands())
{
	my ($line) = $synopsis =~ /^\s*(caas \Q$command\E .*)$/m;
	ok($line, "caas $command is in the synopsis") or next;
	my @listed = sort($line =~ /(--[a-z-]+)/g);
	is_deeply(\@listed, [ sort grep { $_ ne '--help' } options($command) ], "caas $command: the options of its help");
	like($described, qr/^ +(?:-h, )?\Q$_\E\b/m, "$_ is described") for options($command);
}
like($described, qr/^ +--version\b/m, '--version is described');

my ($pools) = $page =~ /^ALGORITHMS\n(.*?)^EXIT STATUS\n/ms;
my (undef, $help) = caas('keyring', 'init', '--help');
my ($algorithms) = $help =~ /^Algorithms.*?\n(.*)/ms;
my @names = $algorithms =~ /([a-z0-9-]+)(?=,|\s*$)/mg;
cmp_ok(@names, '>=', 24, 'the help lists algorithms');
like($pools, qr/(?<![\w-])\Q$_\E(?![\w-])/, "$_ is listed") for @names;
done_testing();
