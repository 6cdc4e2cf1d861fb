# On Citus the workers compute: how the API key reaches them, what it opens there, and which calls Citus sends.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use CitusNodes;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => citus_missing() if citus_missing();

my $key = api_key();
my ($coordinator, @workers) = citus_nodes(conf => ["log_statement = 'all'"]);
my $refusal = qr/ERROR:  no accepted API key/;

# What a session of the coordinator prints, the errors with it.
sub said
{
	my ($sql, @parameters) = @_;
	my ($code, $out, $error) = $coordinator->psql('postgres', $sql, @parameters);
	return $out . $error;
}
sub keyed { return said("SET caas.api_key = '$key'; $_[0]"); }
sub plan_of { return keyed("EXPLAIN (VERBOSE, COSTS off) $_[0]"); }

sub restart_with
{
	my (%environment) = @_;
	local @ENV{ keys %environment } = values %environment;
	$_->restart for $coordinator, @workers;
	return;
}

my $ada = '4dbcbcfe-4800-40a8-badf-c26b73af230c';
$coordinator->safe_psql(
	'postgres', q{
	CREATE TABLE users (id uuid PRIMARY KEY, name text, email_digest text, ssn bytea, ssn_index bytea);
	SELECT create_distributed_table('users', 'id');
	INSERT INTO users (id, name) SELECT md5(n::text)::uuid, 'name' || n FROM generate_series(1, 100) n}
);

# ---- where calls are computed ----

my $insert =
	"INSERT INTO users (id, email_digest, ssn) VALUES ('$ada', caas_encrypt('$ada', 'first\@example.com'), caas_seal('$ada', '1', 'users.ssn'))";
is(keyed($insert), '',
	'beside a VOLATILE call, the coordinator computes the whole row of VALUES with the key of its client');
is(
	keyed(qq{PREPARE p(uuid, text) AS INSERT INTO users (id, email_digest) VALUES (\$1, caas_encrypt(\$1, \$2));
	EXECUTE p('00000000-0000-0000-0000-000000000001', 'a')}),
	'',
	'so it does with parameters'
);
my $immutable =
	"INSERT INTO users (id, email_digest) VALUES ('00000000-0000-0000-0000-000000000002', caas_encrypt('$ada', 'literal\@example.com'))";
like(keyed($immutable), $refusal, 'an IMMUTABLE call with literals goes to the worker, which has no key');
my $all = q{SELECT count(*) FROM users WHERE caas_verify(id, 'first@example.com', email_digest)};
like(keyed($all), $refusal, 'so does a call over rows');

# ---- SET LOCAL that is propagated ----

my $propagated =
	"BEGIN; SET LOCAL citus.propagate_set_commands = 'local'; SET LOCAL caas.api_key = '$key'; $all; COMMIT";
my @ends = map { -s $_->logfile } @workers;
is(said($propagated), '1', 'SET LOCAL, propagated, brings the key of the client to the workers');
like(
	slurp_file($workers[0]->logfile, $ends[0]),
	qr/statement: BEGIN.*SET LOCAL caas\.api_key = '$key'/,
	'and into their log, where that has statements'
);
like(said("$propagated; $all"), $refusal, 'for one transaction');
like(
	said(
		"BEGIN; SET LOCAL citus.propagate_set_commands = 'local'; DO \$\$BEGIN PERFORM set_config('caas.api_key', '$key', true); END\$\$; $all; COMMIT"
	),
	$refusal,
	'set_config() is not propagated'
);

# ---- settings of Citus that hold no options ----

like(
	said(q{ALTER SYSTEM SET citus.node_conninfo = 'options=-ccaas.api_key=x'}),
	qr/Prohibited conninfo keyword detected: options/,
	'citus.node_conninfo refuses options'
);
like(
	said(qq{INSERT INTO pg_dist_authinfo VALUES (0, current_user, '$_=x')}),
	qr/violates check constraint "authinfo_valid"/,
	"pg_dist_authinfo refuses $_"
) for qw(options service);

# ---- privileges ----

$coordinator->safe_psql('postgres', 'CREATE ROLE app LOGIN; GRANT SELECT, INSERT, UPDATE ON users TO app');
my $granted = q{SELECT string_agg(result, ' ' ORDER BY nodeid) FROM run_command_on_all_nodes($$
	SELECT has_function_privilege('app', 'caas_verify(uuid, text, text)', 'execute')$$)};
$coordinator->safe_psql('postgres', 'GRANT EXECUTE ON FUNCTION caas_verify(uuid, text, text) TO app');
is(said($granted), 't f f',
	'Citus creates roles on the workers, and does not propagate GRANT on functions of an extension');
on_workers($coordinator, 'GRANT EXECUTE ON FUNCTION caas_verify(uuid, text, text) TO app');
is(said($granted), 't t t', 'run_command_on_workers grants there');
on_workers($coordinator, q{SELECT count(*) FROM caas_revoke('app', 'read')});
is(said($granted), 't f f', 'or revokes by caas_revoke');
is(
	said(
		q{SELECT bool_and(success) FROM run_command_on_all_nodes($$SELECT count(*) FROM caas_grant('app'::pg_catalog.regrole, 'read'::pg_catalog.text)$$)}
		)
		. said($granted),
	'tt t t',
	'caas_grant on all nodes'
);

# ---- a key of the node ----

restart_with(PGOPTIONS => "-c caas.api_key=$key");
is(said($all), '1',
	'with PGOPTIONS in the environment of the coordinator, the workers compute for a client that shows no key');
like(said(q{SELECT caas_verify(gen_random_uuid(), 'x', 'y')}),
	$refusal, 'what the coordinator computes needs the key of the client');
is(keyed($immutable), '', 'an INSERT with literals works, too');
is(said($all, extra_params => [ '-U', 'app' ]), '1', 'a role needs EXECUTE');
on_workers($coordinator, q{SELECT count(*) FROM caas_revoke('app', 'read')});
like(said($all, extra_params => [ '-U', 'app' ]), qr/permission denied for function caas_verify/, 'on the workers');

# Every server that libpq of the node is pointed at gets that key.
my $elsewhere = caas_node('elsewhere');
$elsewhere->start;
$elsewhere->safe_psql('postgres', 'CREATE EXTENSION caas');
my $dblink =
	q{SELECT problem FROM dblink('%s dbname=postgres', 'SELECT api_key_problem FROM caas_status()') AS (problem text)};
$coordinator->safe_psql('postgres', 'CREATE EXTENSION dblink');
is(said(sprintf $dblink, $elsewhere->connstr),
	'', 'a server that dblink is pointed at is shown the key, and accepts it here');

my $service = PostgreSQL::Test::Utils::tempdir() . '/pg_service.conf';
append_to_file($service, "[node]\noptions=-c caas.api_key=$key\n");
restart_with(PGSERVICEFILE => $service, PGSERVICE => 'node');
is(said($all), '1', 'with PGSERVICE and PGSERVICEFILE, the same');
unlink $service;
append_to_file($service, "[node]\noptions=-c caas.api_key=wrong\n");
like(said($all), qr/is not one that the server lists/, 'and a new key in the file needs no restart');
restart_with();
like(said($all), $refusal, 'without them, nothing');
restart_with(PGOPTIONS => "-c caas.api_key=$key");

# ---- what is sent, and what is refused ----

like(
	plan_of(q{UPDATE users SET email_digest = caas_encrypt(id, name)}),
	qr/Query: UPDATE .*caas_encrypt\(id, name\)/,
	'caas_encrypt in an UPDATE is sent to the shards'
);
like(
	plan_of(q{UPDATE users SET ssn = caas_reseal(id, ssn, 'users.ssn', 1)}),
	qr/Query: UPDATE .*caas_reseal\(id, ssn/,
	'so is caas_reseal with the number of the generation'
);
like(
	plan_of(q{SELECT count(*) FROM users WHERE caas_verify(id, name, email_digest)}),
	qr/Query: SELECT .*caas_verify\(/,
	'caas_verify in a SELECT'
);
like(
	plan_of(q{SELECT caas_open(id, ssn, 'users.ssn') FROM users}),
	qr/Query: SELECT public\.caas_open\(/,
	'and caas_open'
);
my $volatile = qr/functions used in UPDATE queries on distributed tables must not be VOLATILE/;
my $stable = qr/STABLE functions used in UPDATE queries cannot be called with column references/;
like(keyed(q{UPDATE users SET ssn = caas_seal(id, name, 'users.ssn')}), $volatile, 'caas_seal in an UPDATE is refused');
like(keyed("UPDATE users SET ssn = caas_seal('$ada', 'x', 'users.ssn') WHERE id = '$ada'"),
	$volatile, 'without columns, too');
like(keyed(q{UPDATE users SET ssn = caas_reseal(id, ssn, 'users.ssn')}), $stable, 'caas_reseal without a generation');
like(keyed(q{UPDATE users SET name = NULL WHERE caas_verify(id, name, email_digest)}),
	$stable, 'caas_verify in an UPDATE');
like(keyed(q{DELETE FROM users WHERE caas_verify(id, name, email_digest)}), $stable, 'and in a DELETE');
is(
	keyed(
		"INSERT INTO users (id, ssn) VALUES ('$ada', caas_seal('$ada', '2', 'users.ssn')) ON CONFLICT (id) DO UPDATE SET ssn = EXCLUDED.ssn;
	SELECT caas_open(id, ssn, 'users.ssn') FROM users WHERE id = '$ada'"
	),
	'2',
	'an upsert seals instead'
);

# ---- search by a blind index ----

like(
	keyed(
		q{CREATE TABLE accounts (id uuid PRIMARY KEY, email bytea, email_index bytea UNIQUE); SELECT create_distributed_table('accounts', 'id')}
	),
	qr/cannot create constraint on "accounts"\nDETAIL:.*do not include the partition column/,
	'a unique blind index beside another distribution column is refused'
);
$coordinator->safe_psql(
	'postgres', q{
	DROP TABLE IF EXISTS accounts;
	CREATE TABLE accounts (id uuid PRIMARY KEY, email bytea, email_index bytea);
	CREATE TABLE account_emails (email_index bytea PRIMARY KEY, id uuid NOT NULL);
	SELECT create_distributed_table('accounts', 'id');
	SELECT create_distributed_table('account_emails', 'email_index', colocate_with := 'none')}
);
my $register = q{BEGIN;
	INSERT INTO account_emails VALUES (caas_blind_index('ada@example.com', 'accounts.email'), '%1$s');
	INSERT INTO accounts VALUES ('%1$s', caas_seal('%1$s', 'ada@example.com', 'accounts.email'), caas_blind_index('ada@example.com', 'accounts.email'));
	COMMIT};
is(keyed(sprintf $register, $ada), '', 'a table that is distributed by the blind index');
like(
	keyed(sprintf $register, '00000000-0000-0000-0000-000000000003'),
	qr/duplicate key value violates unique constraint "account_emails_pkey_/,
	'keeps it unique'
);
my $search = q{SELECT id FROM account_emails WHERE email_index = ANY (%s)};
my $candidates = q{caas_blind_candidates('ada@example.com', 'accounts.email')};
is(keyed(sprintf $search, $candidates), $ada, 'a search finds it');
@ends = map { -s $_->logfile } @workers;
is(keyed(sprintf $search, "(SELECT $candidates)::bytea[]"), $ada, 'with the call in a scalar subquery, too');
my $log = join '', map { slurp_file($workers[$_]->logfile, $ends[$_]) } 0, 1;
like($log, qr/account_emails_\d+/, 'which reaches the workers');
unlike($log, qr/ada\@example/, 'without the value that is searched for');
keyed(sprintf $search, $candidates);
$log = join '', map { slurp_file($workers[$_]->logfile, $ends[$_]) } 0, 1;
like($log, qr/caas_blind_candidates\('ada\@example/, 'otherwise their statements hold it');
keyed(
	q{PREPARE s(text) AS SELECT count(*) FROM users WHERE caas_verify(id, $1, email_digest); EXECUTE s('over-all-shards')}
);
keyed(
	qq{PREPARE s(uuid, text) AS SELECT count(*) FROM users WHERE id = \$1 AND caas_verify(id, \$2, email_digest); EXECUTE s('$ada', 'of-one-user')}
);
$log = join '', map { slurp_file($workers[$_]->logfile, $ends[$_]) } 0, 1;
like(
	$log,
	qr/caas_verify\(id, 'over-all-shards'/,
	'a parameter of a statement over several shards is written into its text'
);
unlike($log, qr/caas_verify\(id, 'of-one-user'/, 'one of a statement for one user stays a parameter');

$_->stop for $elsewhere, $coordinator, @workers;
done_testing();
