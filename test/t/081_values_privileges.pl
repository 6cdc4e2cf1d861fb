# The recipes of docs/values.md, "Who may write, who may read", run as they stand there and then attacked.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($ada, $bob) = ('4dbcbcfe-4800-40a8-badf-c26b73af230c', '65b4583e-d78b-5256-aa5a-851cf2f367b9');
my ($chapter) = slurp_file('docs/values.md') =~ /^## Who may write, who may read\n(.*?)(?=^## |\z)/ms;
my @recipes = $chapter =~ /^```sql\n(.*?)^```/msg;
is(scalar(@recipes), 2, 'the chapter has two recipes');

my $node = caas_node('values_roles');
$node->start;
my $denied = qr/ERROR:  permission denied/;
my $only_members = qr/ERROR:  only members of ssn_reader may open/;
{
	local $ENV{PGOPTIONS} = with_key();
	$node->safe_psql(
		'postgres', qq{
		CREATE EXTENSION caas;
		CREATE TABLE patients (id uuid PRIMARY KEY, ssn bytea);
		CREATE INDEX ON patients (caas_generation(ssn));
		INSERT INTO patients VALUES ('$ada', caas_seal('$ada', 'ssn of Ada', 'patients.ssn')), ('$bob', caas_seal('$bob', 'ssn of Bob', 'patients.ssn'))}
	);
	is($node->safe_psql('postgres', $_), $_ =~ /SELECT vault/ ? 'ssn of Ada' : '', 'a recipe runs') for @recipes;
	$node->safe_psql(
		'postgres', qq{
		CREATE ROLE agent LOGIN IN ROLE support;
		CREATE ROLE idle_agent LOGIN IN ROLE support;
		INSERT INTO tickets VALUES ('agent', '$ada');
		CREATE ROLE member LOGIN IN ROLE ssn_reader;
		CREATE ROLE outsider LOGIN;
		CREATE ROLE pool LOGIN NOINHERIT IN ROLE member, outsider;
		GRANT USAGE ON SCHEMA vault TO outsider;
		GRANT CREATE ON DATABASE postgres TO outsider, member, agent;
		GRANT CREATE ON SCHEMA public TO outsider}
	);
}

# Returns the outcome of a statement for a role that logs in with or without the key.
sub as
{
	my ($role, $sql, $options) = @_;
	local $ENV{PGOPTIONS} = $options // with_key();
	my ($code, $out, $error) = $node->psql('postgres', $sql, extra_params => [ '-U', $role ]);
	return $code == 0 ? $out : $error;
}
sub gets { my ($role, $sql, $expected, $name) = @_; return is(as($role, $sql), $expected, "$role: $name"); }
sub fails { my ($role, $sql, $expected, $name) = @_; return like(as($role, $sql), $expected, "$role: $name"); }

# The collector writes and reads nothing, neither what others wrote nor its own.
my $seal = "caas_seal('00000000-0000-0000-0000-00000000000%d', 'ssn', 'patients.ssn')";
my $insert = "INSERT INTO patients VALUES ('00000000-0000-0000-0000-00000000000%d', $seal)";
gets('collector', sprintf($insert, 1, 1), '', 'inserts');
gets('collector', "SELECT length(caas_blind_index('x', 'c'))", '16', 'computes a blind index');
fails('collector', sprintf($insert, 2, 2) . ' RETURNING ssn', $denied, 'no RETURNING');
fails('collector', sprintf($insert, 1, 1) . ' ON CONFLICT (id) DO UPDATE SET ssn = EXCLUDED.ssn',
	$denied, 'no ON CONFLICT DO UPDATE');
fails('collector', $_, $denied, $_)
	for 'SELECT * FROM patients', 'TABLE tickets', 'UPDATE patients SET ssn = NULL', 'DELETE FROM patients',
	'COPY patients TO stdout', 'SELECT caas_open(id, ssn) FROM patients', sprintf("SELECT caas_open('$ada', $seal)", 1),
	sprintf("SELECT caas_try_open('$ada', $seal)", 1), sprintf("SELECT caas_reseal('$ada', $seal)", 1),
	"SELECT caas_blind_candidates('x', 'c')";
gets('collector', sprintf("SELECT caas_generation($seal)", 1), '1', 'sees the generation of what it makes');
like(as('collector', sprintf($insert, 2, 2), ''), qr/no accepted API key/, 'collector: nothing without the key');

# The agent reads the rows of its tickets, however it asks.
my $open = q{SELECT caas_open(id, ssn, 'patients.ssn') FROM patients};
gets('agent', $open, 'ssn of Ada', 'opens what its ticket is about');
gets('idle_agent', $open, '', 'has no ticket and sees nothing');
like(as('agent', $open, ''), qr/no accepted API key/, 'agent: nothing without the key');
gets('agent', "SET app.ticket_user = '$bob'; SET app.agent = 'idle_agent'; $open", 'ssn of Ada', 'no setting helps');
gets('agent', "$open WHERE id = '$bob' OR ssn IS NOT NULL OR true", 'ssn of Ada', 'no condition helps');
gets('agent', "SET ROLE support; $open", '', 'as support itself it has no ticket');
gets(
	'agent', q{CREATE FUNCTION pg_temp.peek(uuid) RETURNS boolean LANGUAGE plpgsql COST 0.0001
	AS $$BEGIN RAISE NOTICE 'peeked at %', $1; RETURN true; END$$;
	CREATE TEMP TABLE seen AS SELECT id FROM patients WHERE pg_temp.peek(id); SELECT count(*) FROM seen}, '1',
	'its own cheap function sees one row'
);
gets('agent', q{SELECT count(*) FROM pg_stats WHERE tablename = 'patients'}, '0', 'statistics show it nothing');
fails(
	'agent',
	"SET row_security = off; $open",
	qr/query would be affected by row-level security policy/,
	'row security cannot be turned off'
);
fails('agent', $_, $denied, $_)
	for "INSERT INTO tickets VALUES ('agent', '$bob')", 'UPDATE tickets SET patient = patient',
	'UPDATE patients SET ssn = ssn',
	"SELECT caas_seal('$ada', 'x')", "INSERT INTO patients VALUES (gen_random_uuid(), NULL)",
	"SELECT caas_blind_index('x', 'c')", 'SET ROLE idle_agent';
like(
	as('agent', "SELECT caas_open('$bob', ssn, 'patients.ssn') FROM patients"),
	qr/ERROR:  cannot open/,
	'agent: what it sees opens for its user alone'
);
fails('agent', "SELECT vault.open_ssn('$ada')", $denied, 'support is no reader of the vault');

# The function that runs as its owner.
my $vault = "SELECT vault.open_ssn('$ada')";
gets('member', $vault, 'ssn of Ada', 'opens');
gets(
	'member', 'SELECT vault.open_ssn(gen_random_uuid()) IS NULL, vault.open_ssn(NULL) IS NULL',
	't|t', 'nobody has no value'
);
like(as('member', $vault, ''), qr/no accepted API key/, 'member: the key is asked of the caller');
fails('member', $_, $denied, $_)
	for 'SELECT * FROM patients', "SELECT caas_open('$ada', 'x')", 'SET ROLE outsider',
	'SET SESSION AUTHORIZATION outsider',
	'CREATE OR REPLACE FUNCTION vault.open_ssn(patient uuid) RETURNS text LANGUAGE sql AS $$SELECT $$',
	'CREATE TABLE vault.patients ()';
fails('outsider', $vault, qr/permission denied for function open_ssn/, 'has no EXECUTE');
fails('outsider', 'SET ROLE ssn_reader', $denied, 'cannot become a reader');

# The EXECUTE of another lets nobody in: the check asks who logged in.
$node->safe_psql(
	'postgres', q{
	CREATE FUNCTION lent(uuid) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT vault.open_ssn($1)';
	ALTER FUNCTION lent(uuid) OWNER TO member}
);
fails('outsider', "SELECT lent('$ada')", $only_members, 'not by a function of a member');
gets('member', "SELECT lent('$ada')", 'ssn of Ada', 'which works for a member');
fails(
	'pool',
	"SET ROLE outsider; $vault",
	qr/permission denied for function open_ssn/,
	'a pool that may be both: not as the outsider'
);
gets('pool', "SET ROLE member; $vault", 'ssn of Ada', 'as the member');
{
	my $superuser = "SET SESSION AUTHORIZATION outsider; $vault";
	local $ENV{PGOPTIONS} = with_key();
	my ($code, $out, $error) = $node->psql('postgres', $superuser);
	like($error, qr/permission denied for function open_ssn/, 'a superuser who has become the outsider is one');
}

# EXECUTE given to everyone by mistake: the check alone stands, and nothing that a caller puts in its way is looked at.
$node->safe_psql('postgres', 'GRANT EXECUTE ON FUNCTION vault.open_ssn(uuid) TO PUBLIC');
fails('outsider', $vault, $only_members, 'with EXECUTE: the check refuses');
my $traps = qq{
	CREATE FUNCTION %1\$s.pg_has_role(name, name, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
	CREATE FUNCTION %1\$s.pg_has_role(name, text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
	CREATE FUNCTION %1\$s.caas_open(uuid, bytea, text) RETURNS text LANGUAGE sql AS \$\$SELECT 'trapped'\$\$;
	CREATE FUNCTION %1\$s.equal(uuid, uuid) RETURNS boolean LANGUAGE plpgsql AS \$\$BEGIN RAISE 'trapped'; END\$\$;
	CREATE OPERATOR %1\$s.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = %1\$s.equal);};
my $table = "CREATE TABLE %1\$s.patients AS SELECT '$ada'::uuid AS id, 'trapped'::bytea AS ssn;";
my $trap = sub { my ($sql, $schema) = @_; return $sql =~ s/%1\$s/$schema/gr; };
for my $role ('outsider', 'member')
{
	my $check = sub {
		my ($sql, $name) = @_;
		return $role eq 'member' ? gets($role, $sql, 'ssn of Ada', $name) : fails($role, $sql, $only_members, $name);
	};
	$check->(
		"CREATE SCHEMA evil_$role; "
			. $trap->("$traps $table", "evil_$role")
			. "SET search_path = evil_$role, pg_catalog, public; $vault",
		'a schema of its own in front of all'
	);
	$check->(
		$trap->("$traps $table", 'pg_temp') . "SET search_path = pg_temp, evil_$role, pg_catalog; $vault",
		'temporary objects in front of all'
	);
	$check->(
		"SET transform_null_equals = on; SET row_security = off; SET quote_all_identifiers = on; SET array_nulls = off; $vault",
		'settings that change how SQL is read'
	);
	$check->(
		"BEGIN; SET LOCAL ROLE NONE; SET LOCAL search_path = evil_$role; $vault; COMMIT",
		'SET LOCAL in a transaction'
	);
}
# A more fitting function in the schema of the extension, where a careless database lets everyone create.
gets(
	'outsider',
	q{CREATE FUNCTION public.caas_open(uuid, bytea, varchar) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped'; END$$;
	CREATE FUNCTION public.caas_open(uuid, bytea, name) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped'; END$$},
	'', 'overloads caas_open'
);
gets('member', $vault, 'ssn of Ada', 'is not misled by overloads');
$node->stop;
unlike(slurp_file($node->logfile), qr/ssn of (?:Ada|Bob)/, 'the log holds no plaintext');

done_testing();
