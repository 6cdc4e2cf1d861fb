# Every command has --help. A wrong command line ends with 2, names the help, and none of its words is repeated.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use Test::More;

my ($version) = read_file('caas.control') =~ /^default_version = '(.*)'$/m;
like(ok_caas('--version'), qr/\Acaas \Q$version\E \(OpenSSL .*\)\n\z/, 'the version');

my @commands = commands();
is(@commands, 26, 'the help lists all commands');
for my $command ('', @commands)
{
	my @words = split ' ', $command;
	# For what connects to a database, -h is the host, as for psql.
	for my $option ($command =~ /^(?:report|table .*)$/ ? () : '-h', '--help')
	{
		my ($code, $out, $err) = caas(@words, $option);
		is("$code $err", '0 ', "caas $command $option");
		like($out, qr/^.*caas(?: \Q$command\E)? \[OPTIONS\]/m, 'shows how to use it');
		like($out, qr/Exit status|Algorithms/, 'and ends with a footer');
	}
}

my %wrong = (
	'' => qr/a command is missing\nTry 'caas --help'/,
	'keyring' => qr/a command is missing\nTry 'caas keyring --help'/,
	'table' => qr/a command is missing\nTry 'caas table --help'/,
	'table backfill' => qr/TABLE is required\nTry 'caas table backfill --help'/,
	'table status --watch nonsense' => qr/a word too many/,
	'report --nonsense=value' => qr/unknown option --nonsense\n/,
	'api-key' => qr/a command is missing\nTry 'caas api-key --help'/,
	'nonsense' => qr/there is no such command\nTry 'caas --help'/,
	'keyring nonsense' => qr/there is no such command\nTry 'caas keyring --help'/,
	'--nonsense' => qr/unknown option --nonsense\n/,
	'keyring list file --nonsense=value' => qr/unknown option --nonsense\nTry 'caas keyring list --help'/,
	'keyring list file nonsense' => qr/a word too many; .*standard input\nTry/,
	'keyring activate file' => qr/\bN is required\n/,
	'encrypt' => qr/--keyring is required\nTry 'caas encrypt --help'/,
	'encrypt --keyring file' => qr/--uuid is required, or --id and --namespace\n/,
	'verify --keyring file --uuid u' => qr/--digest is required\n/,
	'encrypt --keyring file --uuid u --id 1' => qr/--uuid names the user, so --id and --namespace cannot\n/,
	'encrypt --keyring file --id 1' => qr/--namespace is required with --id\n/,
	'verify --keyring file --digest d --namespace users' => qr/--id is required with --namespace\n/,
	'uuid' => qr/--id is required\n/,
	'uuid --id 1' => qr/--namespace is required with --id\n/,
	'encrypt --keyring' => qr/--keyring: 1 required FILE missing/,
);
for my $line (sort keys %wrong)
{
	fails(2, $wrong{$line}, split ' ', $line);
	my (undef, undef, $err) = caas(split ' ', $line);
	unlike($err, qr/value|\bnonsense\b(?<!--nonsense)/, "'$line': its words are not repeated");
}
done_testing();
