# caas table check, residue and doctor: tables, JSON and exit codes.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use CaasServer;
use CaasTable;
use Test::More;

my $server = table_server();
my $esc = q{E'\x1b[2J'};

sub fill
{
	my ($table, @rows) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(
		$server->sql(
			join '; ',
			qq{TRUNCATE "The caas".stub_$table},
			map { qq{INSERT INTO "The caas".stub_$table VALUES ($_)} } @rows
		),
		'',
		"rows of $table"
	);
	return;
}

my @good =
	(
	"'people', 'email_digest', 'digest', 12000, 1000, 0, 0, 11000, 0, NULL, 0, '{\"1\": 10000, \"2\": 1000}', true, 0");
fill('check', @good);
my ($code, $out, $err) = table_caas($server, 'table', 'check', 'people');
is($code, 0, 'check of a good table') or diag($err);
is($err, "caas: note: sample 100\n", 'of all rows');
is($out, <<'TABLE', 'what it shows');
RELATION       COLUMN        KIND      ROWS   NULL  PROTECTED  PLAINTEXT  UNPROTECTED  UNOPENABLE  WRONG INDEX  WRONG SHAPE  GENERATIONS
public.people  email_digest  digest  12,000  1,000     11,000          0            0           0                         0  1: 10,000, 2: 1,000
TABLE
is_deeply(
	json_of((table_caas($server, 'table', 'check', 'people', '--json'))[1]),
	[ {
		relation => 'public.people',
		column_name => 'email_digest',
		kind => 'digest',
		rows => 12000,
		nulls => 1000,
		plaintext => 0,
		unprotected => 0,
		keeps_plaintext => JSON::PP::false(),
		protected => 11000,
		unopenable => 0,
		wrong_index => undef,
		wrong_shape => 0,
		generations => { 1 => 10000, 2 => 1000 },
		exact => JSON::PP::true(),
		bad_share_at_most => 0
	} ],
	'the same as JSON'
);

for my $column (5, 6, 8 .. 10)
{
	my @values = ("'people'", "'c'", "'sealed'", 10, 0, 0, 0, 10, 0, 0, 0);
	$values[$column] = 1;
	fill('check', @good, join ', ', @values, "'{}', true, NULL");
	($code) = table_caas($server, 'table', 'check', 'people');
	is($code, 1, "exit code 1: column $column");
}
for my $keep ([ target_column => "'kept'", options => "'{keep}'" ],
	[ target_column => "'made'", declared_by => "'generated column'" ])
{
	column_row($server, 'people', @$keep);
	fill('check', "'people', $keep->[1], 'digest', 10, 0, 10, 0, 10, 0, NULL, 0, '{}', true, NULL");
	($code) = table_caas($server, 'table', 'check', 'people');
	is($code, 0, "plaintext beside its digest: $keep->[2]");
	fill('check', "'people', $keep->[1], 'digest', 10, 0, 10, 1, 9, 0, NULL, 0, '{}', true, NULL");
	($code) = table_caas($server, 'table', 'check', 'people');
	is($code, 1, 'plaintext alone');
}
fill('check', "'people', 'c', 'sealed', 10, 0, 0, 0, 10, 0, 0, 0, '{}', false, 0.0123");
($code, $out, $err) = table_caas($server, 'table', 'check', 'people', '--sample', '2.5');
is($code, 0, 'a sample') or diag($err);
is($err, "caas: note: sample 2.5\n", 'of 2.5 percent');
like($out, qr/^These are figures of a sample: at most 1\.23 % of a column's rows/m, 'its meaning');
table_fails($server, 2, qr/--sample: Value 0 not in range/, 'table', 'check', 'people', '--sample', 0);
fill('check');
is((table_caas($server, 'table', 'check', 'people'))[1], "No column is protected.\n", 'a table without protection');

($code, $out, $err) = table_caas($server, 'table', 'doctor');
is("$code $out", "0 Nothing was found.\n", 'doctor: nothing');
fill('doctor', "'warning', 'people', 'a finding', 'a remedy'", "'note', $esc, $esc, NULL");
($code, $out, $err) = table_caas($server, 'table', 'doctor');
is($code, 0, 'warnings and notes are no errors');
is($out, <<'TABLE', 'they are shown');
SEVERITY  OBJECT   FINDING    REMEDY
warning   people   a finding  a remedy
note      \x1b[2J  \x1b[2J
TABLE
fill('doctor', "'error', 'people', 'a finding', 'a remedy'");
($code, $out, $err) = table_caas($server, 'table', 'doctor', '--json');
is($code, 1, 'an error: exit code');
is_deeply(json_of($out), [ { severity => 'error', object => 'people', finding => 'a finding', remedy => 'a remedy' } ],
	'--json');

# Nodes: other databases stand for other servers.
fill('doctor');
fill('keyring', "3, 'x'", "2, 'b'", "1, 'a'");
is($server->sql('CREATE DATABASE node TEMPLATE postgres'), '', 'a node');
is($server->sql('CREATE DATABASE bare'), '', 'a node without the extension');
my $node = "host='$server->{socket}' port=$server->{port} user=postgres dbname=node password=unsaid";
($code, $out, $err) = table_caas($server, 'table', 'doctor', '--node', $node);
is("$code $out", "0 Nothing was found.\n", 'doctor: a node with the same keyring') or diag($err);
is(
	$server->sql(
		q{DELETE FROM "The caas".stub_keyring; INSERT INTO "The caas".stub_keyring VALUES (4, 'y', 'retired'), (2, E'\x1b', 'retired'), (1, 'a', 'active')},
		database => 'node'
	),
	'',
	'another keyring'
);
($code, $out, $err) = table_caas(
	$server, 'table', 'doctor', '--json',
	'--node', $node, '--node', $node =~ s/dbname=node/dbname=bare/r,
	'--node', $node =~ s/dbname=node/dbname=missing/r
);
is($code, 1, 'a node with another keyring: exit code');
unlike("$out$err", qr/unsaid/, 'no password');
my $object = "$server->{socket} $server->{port}";
is_deeply(
	[ map { [ @$_{qw(severity object)}, $_->{finding} =~ s/^(cannot ask it: .*?)["(].*/$1/sr ] } @{ json_of($out) } ],
	[
		[ warning => "node node $object", 'its generation 1 is active, here it is retired' ],
		[ error => "node node $object", 'its generation 2 has another secret: the check value is \x1b, here it is b' ],
		[ error => "node node $object", 'it has no generation 3: values of it do not verify there' ],
		[ error => "node node $object", 'it has generation 4, which is missing here' ],
		[
			error => "node bare $object",
			"cannot ask it: database bare has no extension caas; 'caas setup' or CREATE EXTENSION caas makes it"
		],
		[ error => "node missing $object", 'cannot ask it: connection to server on socket ' ],
	],
	'what differs'
) or diag($out);
fill('doctor', "'warning', 'people', 'a finding', 'a remedy'");
like(
	(table_caas($server, 'table', 'doctor', '--node', $node))[1],
	qr/^warning +people.*^error +node .* another secret/ms,
	'a table'
);

($code, $out, $err) = table_caas($server, 'table', 'residue', 'people');
is("$code $out", "0 Nothing is known to be left.\n", 'residue: nothing');
fill('residue', "1, 'people', 'dead rows', 'VACUUM people'");
($code, $out, $err) = table_caas($server, 'table', 'residue', 'people');
is("$code $out", "0 STEP  OBJECT  WHAT       COMMAND\n   1  people  dead rows  VACUUM people\n", 'residue');
is(json_of((table_caas($server, 'table', 'residue', 'people', '--json'))[1])->[0]{step}, 1, '--json');
done_testing();
