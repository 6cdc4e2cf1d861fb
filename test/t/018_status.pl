# caas_status answers everybody, whatever the state; every function that uses the keyring needs EXECUTE.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use Digest::SHA qw(sha256_hex);
use PostgreSQL::Test::Utils;
use Test::More;

my $node = caas_node('status');
my $file = $node->{caas_keyring};
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION caas;
	CREATE ROLE nobody LOGIN;
	CREATE ROLE auditor LOGIN IN ROLE pg_read_all_settings;
	CREATE FUNCTION status_in_sql() RETURNS boolean LANGUAGE sql AS 'SELECT library_version IS NOT NULL FROM public.caas_status()'}
);

# All functions of the extension, whichever they are.
my $functions =
	q{SELECT oid::regprocedure FROM pg_proc, pg_depend WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid
	AND refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'caas')};
cmp_ok(scalar(my @all = split /\n/, $node->safe_psql('postgres', $functions)),
	'>=', 13, 'the functions of the extension');
my @for_everybody = split /\n/,
	$node->safe_psql('postgres',
	"$functions AND has_function_privilege('nobody', pg_proc.oid, 'EXECUTE') ORDER BY pg_proc.proname, pg_proc.oid");
is(
	join(' ', @for_everybody),
	'caas_generation(bytea) caas_is_digest(text) caas_is_digest(bytea) caas_is_sealed(bytea) caas_sealed_info(bytea) caas_status()'
		. ' caas_table_columns(oid) caas_uuid(text,bigint) caas_uuid(text,text) caas_version()',
	'what everybody may execute'
);
my %value = (
	uuid => 'gen_random_uuid()',
	text => "'x'::text",
	bytea => "'x'::bytea",
	integer => '1',
	bigint => '1',
	boolean => 'true',
	name => "'x'::name",
	'double precision' => '1',
	regclass => "'pg_class'::regclass",
	regrole => "'nobody'::regrole",
	'text[]' => "VARIADIC ARRAY['x']",
	'name[]' => "VARIADIC ARRAY['x']::name[]"
);
my %is_for_everybody = map { $_ => 1 } @for_everybody;
my %is_procedure = map { $_ => 1 } split /\n/, $node->safe_psql('postgres', "$functions AND prokind = 'p'");

for my $function (grep { !/trigger/ && !$is_for_everybody{$_} } @all)
{
	my ($name, $types) = $function =~ /^(\w+)\((.*)\)$/;
	my ($kind, $run) = $is_procedure{$function} ? ('procedure', 'CALL') : ('function', 'SELECT');
	my $call = "$run $name(" . join(', ', map { $value{$_} // die "no value of type $_" } split /,/, $types) . ')';
	my ($code, $out, $error) = $node->psql('postgres', $call, extra_params => [ '-U', 'nobody' ]);
	like($error, qr/ERROR:  permission denied for $kind $name/, "$function is not for everybody");
}
my ($code, $out, $error) = $node->psql(
	'postgres', q{CREATE TEMP TABLE t (id uuid, v text);
	CREATE TRIGGER p BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'v')},
	extra_params => [ '-U', 'nobody' ]
);
like($error, qr/permission denied for function caas_encrypt_trigger/, 'nor is the trigger');
is($node->safe_psql('postgres', "$functions AND obj_description(pg_proc.oid, 'pg_proc') IS NULL"),
	'', 'each has a comment');
is(
	$node->safe_psql(
		'postgres',
		"$functions AND proparallel <> 's' AND prorettype <> 'event_trigger'::regtype
			AND (pronargs = 0 OR proargtypes[0] NOT IN ('regclass'::regtype, 'regrole'::regtype)) ORDER BY 1"
	),
	"caas_status()\ncaas_table_columns(oid)\ncaas_generations()\ncaas_doctor()",
	'each that takes no table and no role may run in a parallel worker, but caas_status (a worker does not know the key) and what reads tables or catalogs'
);

# States of the keyring, and what is said of each to somebody who sees no paths.
my $columns = 'keyring_loaded, keyring_problem, active_generation, api_key_accepted, stored_api_keys';
my $loaded = 't||1|f|{}';
my %state = (
	'a good keyring' => [ sub { write_keyring($node, generation(1, 'active', random_secret())) }, $loaded ],
	'no file' => [ sub { unlink $file }, 'f|keyring file: the file cannot be opened: No such file or directory||f|{}' ],
	'a bad file' => [
		sub { write_keyring($node, "1 active\n") },
		'f|keyring file, line 2: the creation time is not YYYY-MM-DDTHH:MM:SSZ||f|{}'
	],
	'an open file' => [ sub { chmod 0644, $file }, 'f|keyring file: the mode of the file is wider than 0600||f|{}' ],
	'no keyring configured' =>
		[ sub { $node->append_conf('postgresql.conf', "caas.keyring_file = ''") }, 'f|no keyring is configured||f|{}' ]
);

# Ways to ask.
my @ways = (
	'%s',
	'BEGIN READ ONLY; %s; COMMIT',
	'BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE; %s; COMMIT',
	'SET default_transaction_read_only = on; %s',
	"SET search_path = ''; %s",
	($node->pg_version < 16 ? 'SET force_parallel_mode = on; %s' : 'SET debug_parallel_query = on; %s'),
	"SET caas.api_key = 'wrong'; %s",
	"SELECT 'x' WHERE false; %s"
);
for my $state (sort keys %state)
{
	my ($make, $expected) = @{ $state{$state} };
	write_keyring($node, generation(1, 'active', random_secret()));
	$node->append_conf('postgresql.conf', "caas.keyring_file = '$file'");
	$make->();
	$node->restart if $state =~ /configured/;
	for my $way (@ways)
	{
		my $sql = sprintf $way, "SELECT $columns FROM public.caas_status()";
		($code, $out, $error) = $node->psql('postgres', $sql, extra_params => [ '-U', 'nobody' ]);
		is("$out$error", $expected, "$state: $way");
	}
	is(
		$node->safe_psql(
			'postgres', 'SELECT caas_version() = library_version AND library_version = extension_version
		FROM caas_status()'
		),
		't',
		"$state: versions"
	);
	is(
		$node->safe_psql(
			'postgres',
			'SELECT status_in_sql() FROM generate_series(1, 3)',
			extra_params => [ '-U', 'nobody' ]
		),
		"t\nt\nt",
		"$state: within a function"
	);
	next if $state !~ /file/;
	for my $user ('auditor', scalar getpwuid $<)
	{
		like(
			$node->safe_psql('postgres', 'SELECT keyring_problem FROM caas_status()', extra_params => [ '-U', $user ]),
			qr/^keyring file "\Q$file\E"/,
			"$state: the path for $user"
		);
	}
}
$node->append_conf('postgresql.conf', "caas.keyring_file = '$file'");

# The API key: accepted, or why not, and its name. Nobody learns the name of another key.
my ($no_key, $unknown, $empty) = (
	'this session has set no caas.api_key',
	'the API key of this session is not in caas.api_key_digests',
	'caas.api_key_digests is empty: everybody is refused'
);
my ($named, $nameless, $stranger) = ('key with a name', 'key without a name', 'key of nobody');
my $list = 'other:' . sha256_hex('another key') . ', web-1:' . sha256_hex($named) . ', ' . sha256_hex($nameless);
my $key_columns = 'SELECT api_key_accepted, api_key_problem, api_key_name FROM caas_status()';
my @key_states = (
	[ $list, 'on', '', "f|$no_key|", 'Set caas.api_key in this session to a key' ],
	[ $list, 'on', $stranger, "f|$unknown|", 'The caas.api_key that this session has set is not one' ],
	[ $list, 'on', $named, 't||web-1' ],
	[ $list, 'on', $nameless, 't||' ],
	[ '', 'on', '', "f|$empty|", 'The server lists no API key' ],
	[ '', 'on', $named, "f|$empty|", 'The server lists no API key' ],
	[ $list, 'off', '', 't||' ],
	[ $list, 'off', $stranger, 't||' ],
	[ $list, 'off', $named, 't||web-1' ]
);
my $in_worker = $node->pg_version < 16 ? 'SET force_parallel_mode = on' : 'SET debug_parallel_query = on';
$node->safe_psql(
	'postgres', q{
	GRANT EXECUTE ON FUNCTION caas_encrypt(uuid, text) TO nobody;
	CREATE FUNCTION problem_in_worker() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT coalesce(api_key_problem, $$-$$) FROM public.caas_status()'}
);

for my $state (@key_states)
{
	my ($digests, $require, $key, $expected, $help) = @$state;
	$node->append_conf('postgresql.conf', "caas.api_key_digests = '$digests'\ncaas.require_api_key = $require");
	$node->restart;
	local $ENV{PGOPTIONS} = $key eq '' ? '' : '-c caas.api_key=' . $key =~ s/ /\\ /gr;
	my $name = 'list ' . ($digests ? 'of three' : 'empty') . ", required $require, key '$key'";
	my @as_nobody = (extra_params => [ '-U', 'nobody' ]);
	is($node->safe_psql('postgres', $key_columns, @as_nobody), $expected, $name);
	is($node->safe_psql('postgres', "$in_worker; $key_columns", @as_nobody), $expected, "$name, in a parallel query");
	is(
		$node->safe_psql('postgres', "$in_worker; SELECT problem_in_worker()", @as_nobody),
		(split /\|/, $expected)[1] || '-',
		"$name, in a worker"
	);

	for my $mode ('SELECT 1', $in_worker)
	{
		($code, $out, $error) =
			$node->psql('postgres', "$mode; SELECT caas_encrypt(gen_random_uuid(), 'x')", @as_nobody);
		like($error, $help ? qr/no accepted API key\n.*HINT:  \Q$help\E/ : qr/^$/, "$name: the hint after $mode");
	}
}
$node->append_conf('postgresql.conf', "caas.api_key_digests = '$list'\ncaas.require_api_key = on");

# Settings of roles and functions that are gone, or strange, disturb it as little.
$node->restart;
$node->safe_psql(
	'postgres', q{
	CREATE ROLE "a ""strange"" role, with a comma";
	ALTER ROLE "a ""strange"" role, with a comma" SET search_path = 'x', "caas.api_key=", 'y';
	CREATE FUNCTION "strange function"(integer) RETURNS integer LANGUAGE sql SET search_path = "caas.api_key=1" AS 'SELECT 1'}
);
is($node->safe_psql('postgres', "SELECT $columns FROM caas_status()"), $loaded, 'settings that only look like keys');
$node->stop;

done_testing();
