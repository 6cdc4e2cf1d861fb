# bash completes the commands, options and algorithms of the help, and file names where a keyring is expected.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use Test::More;

plan skip_all => 'bash is not installed' if system('bash -c : > /dev/null 2>&1') != 0;

# The completions that bash offers for the last of these words.
sub completed
{
	my $script = 'source src/cli/completion.bash || exit
		COMP_WORDS=(caas "$@"); COMP_CWORD=$#
		_caas
		printf "%s\n" "${COMPREPLY[@]}"';
	open my $bash, '-|', 'bash', '-c', $script, 'caas', @_ or die "bash: $!";
	my @found = grep { $_ ne '' } map { chomp; $_ } <$bash>;
	close $bash or die "the completion failed for @_";
	return [ sort @found ];
}

my @commands = commands();
is_deeply(completed(''), [ sort '--help', '--version', grep { !/ / } @commands ], 'the commands');
for my $group ('keyring', 'api-key', 'table')
{
	my @names = map { /^\Q$group\E (.*)/ } @commands;
	is_deeply(completed($group, ''), [ sort '--help', @names ], "the commands of $group");
}
for my $command (grep { !/^(?:keyring|api-key|table)$/ } @commands)
{
	is_deeply(completed(split(' ', $command), '--'), [ sort(options($command)) ], "the options of $command");
}
is_deeply(completed('keyring', 'ro'), ['rotate'], 'the rest of a word');
is_deeply(completed('keyring', 'rotate', ''), [], 'a file name is left to bash');

my (undef, $help) = caas('keyring', 'init', '--help');
for my $pool ('digests', 'ciphers', 'passwords')
{
	my ($list) = $help =~ /^\s*\Q$pool\E:\s+(.*?)\s*(?:^\s*\w+:|\z)/ms;
	my @names = split /,\s*/, $list;
	cmp_ok(@names, '>=', 3, "$pool: the help lists algorithms");
	is_deeply(completed('keyring', 'init', "--$pool", ''), [ sort @names ], "--$pool: the same");
	is_deeply(completed('keyring', 'init', "--$pool", '='), [ sort @names ], "--$pool=: the same");
	is_deeply(
		completed('keyring', 'init', "--$pool", "$names[0],"),
		[ sort map { "$names[0],$_" } @names[ 1 .. $#names ] ],
		"--$pool: the others after a comma"
	);
}
is_deeply(completed('keyring', 'rotate', 'file', '--digests', '=', 'kmac1'), ['kmac128'], 'after an equals sign');
is_deeply(completed('serve', '--keyring', 'file', '--api'), ['--api-keys'], 'the next option of serve');
is_deeply(completed('serve', "--$_", ''), [], "serve --$_: a file name or a value of one's own")
	for
	qw(keyring api-keys tls-cert tls-key config listen threads max-body max-memory max-connections max-connections-per-address request-timeout idle-timeout rate-limit);
is_deeply(completed('table', 'backfill', ''), [], 'the name of a table');
is_deeply(completed('table', 'backfill', "--$_", ''), [], "table backfill --$_: a value of one's own")
	for qw(jobs batch-ms pause-ms lock-timeout-ms max-lag-bytes database username api-key-file);
is_deeply(completed('serve', '--access-log', 'of'), ['off'], 'serve --access-log: off, or a file');
is_deeply(completed('keyring', 'check', 'file', '--user', 'roo'), ['root'], 'users');
is(
	`bash -c 'source src/cli/completion.bash && complete -p caas'`,
	"complete -o default -F _caas caas\n",
	'it is registered'
);
done_testing();
