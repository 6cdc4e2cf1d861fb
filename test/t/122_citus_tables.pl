# Filled tables with each kind of trigger are distributed by Citus without loss, or are refused. Jobs, checks and counts run over
# the shards.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use CitusNodes;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => citus_missing() if citus_missing();

my ($coordinator, @workers) = citus_nodes(environment => { PGOPTIONS => with_key() });
$ENV{PGOPTIONS} = with_key() . ' -c client_min_messages=error';
my $sql = sub { return $coordinator->safe_psql('postgres', @_); };
my $error = sub { return ($coordinator->psql('postgres', @_))[2]; };
my $unsafe = 'SET citus.enable_unsafe_triggers = on;';
my $trigger =
	q{CREATE TRIGGER %s BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION caas_%s_trigger('id', '%s');};
my $ada = '4dbcbcfe-4800-40a8-badf-c26b73af230c';

# A table with rows of 50 users, whose email is 'e1' to 'e50' and whose ssn 's1' to 's50'.
sub filled
{
	my ($name, $columns, $triggers) = @_;
	my ($text) = $columns =~ /\bssn\b/ ? 'id, email, ssn' : 'id, email';
	my $values = $text =~ /ssn/ ? q{, 's' || n} : '';
	$sql->(
		"CREATE TABLE $name (id uuid PRIMARY KEY, $columns); $triggers
		INSERT INTO $name ($text) SELECT md5(n::text)::uuid, 'e' || n$values FROM generate_series(1, 50) n"
	);
	return;
}

# How many of the rows hold what they held: those for which the condition over the row and its number n is true.
sub right
{
	my ($name, $condition) = @_;
	return $sql->(
		"SELECT count(*) FROM $name JOIN generate_series(1, 50) n ON id = md5(n::text)::uuid WHERE $condition");
}

# ---- each kind of trigger ----

my %digest = (
	column => q{email text CHECK (email IS NULL), digest text, generation integer},
	right => q{email IS NULL AND generation = 1 AND caas_verify(id, 'e' || n, digest)}
);
my $verifies = q{caas_verify(id, 'e' || n, email)};
filled('targets', $digest{column}, sprintf $trigger, 'e', 'targets', 'encrypt', 'email=digest:generation');
filled(
	'sealed',
	q{email text, ssn text CHECK (ssn IS NULL), ssn_sealed bytea, ssn_index bytea},
	sprintf $trigger,
	's', 'sealed', 'seal', 'ssn=ssn_sealed:ssn_index@sealed.ssn'
);
filled(
	'kept',
	'email text, digest text, ssn text, ssn_sealed bytea',
	sprintf($trigger, 'e', 'kept', 'encrypt', 'email=digest keep')
		. sprintf($trigger, 's', 'kept', 'seal', 'ssn=ssn_sealed@kept.ssn keep')
);
filled('in_place', 'email text CHECK (caas_is_digest(email))', sprintf $trigger, 'e', 'in_place', 'encrypt', 'email');
filled(
	'keeping',
	'email text CHECK (caas_is_digest(email))',
	sprintf $trigger,
	'e', 'keeping', 'encrypt', 'email digests=keep'
);
filled(
	'again',
	'email text CHECK (caas_is_digest(email))',
	sprintf $trigger,
	'e', 'again', 'encrypt', 'email digests=plaintext'
);
filled('generated', 'email text, digest text GENERATED ALWAYS AS (caas_encrypt(id, email)) STORED', '');
my %right = (
	targets => $digest{right},
	sealed =>
		q{ssn IS NULL AND caas_open(id, ssn_sealed, 'sealed.ssn') = 's' || n AND ssn_index = caas_blind_index('s' || n, 'sealed.ssn')},
	kept => q{email = 'e' || n AND caas_verify(id, email, digest) AND caas_open(id, ssn_sealed, 'kept.ssn') = 's' || n},
	keeping => $verifies,
	generated => q{email = 'e' || n AND caas_verify(id, email, digest)}
);

like(
	$error->(q{SELECT create_distributed_table('targets', 'id')}),
	qr/cannot distribute relation "targets" because it has triggers/,
	'Citus asks for citus.enable_unsafe_triggers'
);
like(
	$error->("$unsafe SELECT create_distributed_table('in_place', 'id')"),
	qr/ERROR:  the new value of column "email" of relation "in_place_\d+" has the shape of a digest/,
	'in place is refused'
);
like(
	$error->("$unsafe SELECT create_distributed_table('again', 'id')"),
	qr/has the option digests=plaintext, which is not for tables that Citus distributes/,
	'so is digests=plaintext, which would digest the digests'
);
is(right($_, $verifies), '50', "$_ is as it was") for 'in_place', 'again';
$sql->(
	q{CREATE OR REPLACE TRIGGER e BEFORE INSERT OR UPDATE ON in_place FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email digests=keep')}
);
$right{in_place} = $verifies;

for my $name (sort keys %right)
{
	$sql->("$unsafe SELECT create_distributed_table('$name', 'id')");
	is(right($name, $right{$name}), '50', "$name is distributed without loss");
}

# Plaintext from before the trigger.
$sql->(
	q{CREATE TABLE older (id uuid PRIMARY KEY, email text, digest text, ssn text, ssn_sealed bytea);
	INSERT INTO older (id, email, ssn) SELECT md5(n::text)::uuid, 'e' || n, 's' || n FROM generate_series(1, 50) n;}
		. sprintf($trigger, 'e', 'older', 'encrypt', 'email=digest')
		. sprintf($trigger, 's', 'older', 'seal', 'ssn=ssn_sealed@c keep')
);
$sql->("$unsafe SELECT create_distributed_table('older', 'id')");
is(
	right(
		'older',
		q{email IS NULL AND caas_verify(id, 'e' || n, digest) AND caas_open(id, ssn_sealed, 'c') = ssn AND ssn = 's' || n}
	),
	'50',
	'plaintext from before the trigger is protected on the way'
);
like(
	$error->(sprintf $trigger, 'f', 'generated', 'encrypt', 'email digests=keep'),
	qr/triggers are not supported on distributed tables/,
	'a trigger on a distributed table asks for the setting'
);

# New values, through the trigger of the shard.
$sql->("INSERT INTO targets (id, email) VALUES ('$ada', 'new'); INSERT INTO sealed (id, ssn) VALUES ('$ada', 'new')");
is($sql->(qq{SELECT email IS NULL, caas_verify(id, 'new', digest) FROM targets WHERE id = '$ada'}), 't|t', 'a digest');
is($sql->(qq{SELECT ssn IS NULL, caas_open(id, ssn_sealed, 'sealed.ssn') FROM sealed WHERE id = '$ada'}),
	't|new', 'a sealed value');
$sql->(
	"INSERT INTO targets (id, email) VALUES ('$ada', 'upsert') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email");
is($sql->(qq{SELECT email IS NULL, caas_verify(id, 'upsert', digest) FROM targets WHERE id = '$ada'}),
	't|t', 'an upsert of the source');
like(
	$error->('ALTER TABLE targets DISABLE TRIGGER e'),
	qr/triggers are not supported on distributed tables/,
	'a trigger is not disabled by accident'
);

# Citus puts the number of the shard behind a trigger's name, so one name that begins with another can sort before it.
$sql->(
	"CREATE TABLE ordered (id uuid PRIMARY KEY, email text, digest text); SELECT create_distributed_table('ordered', 'id')"
);
$sql->(
	"CREATE FUNCTION lower_email() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.email := lower(NEW.email); RETURN NEW; END'"
);
$sql->(
	$unsafe
		. q{CREATE TRIGGER a BEFORE INSERT ON ordered FOR EACH ROW EXECUTE FUNCTION lower_email();}
		. sprintf $trigger,
	'a2', 'ordered', 'encrypt', 'email=digest'
);
is(
	$sql->(
		q{SELECT DISTINCT result FROM run_command_on_shards('ordered', $$SELECT string_agg(regexp_replace(tgname, '_\d+$', ''), ' ' ORDER BY tgname) FROM pg_trigger WHERE tgrelid = '%s'::regclass AND NOT tgisinternal$$)}
	),
	'a2 a',
	'a2 fires before a on the shards'
);

# Back, and with other shards.
for my $name (sort keys %right)
{
	$sql->("$unsafe SELECT alter_distributed_table('$name', shard_count := 6, cascade_to_colocated := false)");
	is(right($name, $right{$name}), '50', "$name has other shards without loss");
	$sql->("$unsafe SELECT undistribute_table('$name')");
	is(right($name, $right{$name}), '50', "$name comes back without loss");
}

# Partitions.
$sql->(
	q{CREATE TABLE logins (id uuid, day date, email text CHECK (email IS NULL), digest text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
	CREATE TABLE logins_1 PARTITION OF logins FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');}
		. sprintf($trigger, 'e', 'logins', 'encrypt', 'email=digest')
		. q{INSERT INTO logins (id, day, email) SELECT md5(n::text)::uuid, '2026-01-01', 'e' || n FROM generate_series(1, 50) n}
);
$sql->("$unsafe SELECT create_distributed_table('logins', 'id')");
is(right('logins', q{email IS NULL AND caas_verify(id, 'e' || n, digest)}),
	'50', 'a partitioned table is distributed without loss');
$sql->(
	"CREATE TABLE logins_2 PARTITION OF logins FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
	INSERT INTO logins (id, day, email) VALUES ('$ada', '2026-02-02', 'new')"
);
is($sql->(qq{SELECT email IS NULL, caas_verify(id, 'new', digest) FROM logins WHERE id = '$ada'}),
	't|t', 'a partition that is added later has the trigger');

# ---- reference tables and columnar ----

my $placements =
	q{SELECT count(DISTINCT result), count(*) FROM run_command_on_placements('%s', $$SELECT md5(string_agg(r::text, ',' ORDER BY id)) FROM %%s r$$)};
filled(
	'everywhere',
	'email text CHECK (email IS NULL), digest text',
	sprintf $trigger,
	'e', 'everywhere', 'encrypt', 'email=digest'
);
$sql->(
	"$unsafe SELECT create_reference_table('everywhere'); INSERT INTO everywhere (id, email) VALUES ('$ada', 'new')");
is(right('everywhere', q{email IS NULL AND caas_verify(id, 'e' || n, digest)}),
	'50', 'a reference table is filled without loss');
is($sql->(sprintf $placements, 'everywhere'), '1|3', 'and equal on the three nodes, where a trigger made the digest');
$sql->("CREATE TABLE seals (id uuid PRIMARY KEY, ssn text, ssn_sealed bytea); SELECT create_reference_table('seals')");
$sql->("INSERT INTO seals (id, ssn_sealed) VALUES ('$ada', caas_seal('$ada', 'x', 'c'))");
is($sql->(sprintf $placements, 'seals'), '1|3', 'so is a value that the coordinator sealed');
$sql->($unsafe . sprintf $trigger, 's', 'seals', 'seal', 'ssn=ssn_sealed@c');
$sql->("UPDATE seals SET ssn = 'y' WHERE id = '$ada'");
is($sql->(sprintf $placements, 'seals'), '3|3', 'but the trigger of each node seals with a nonce of its own');

$sql->('CREATE EXTENSION citus_columnar');
$sql->(
	"CREATE TABLE columns (id uuid, $digest{column}) USING columnar;" . sprintf $trigger,
	'e', 'columns', 'encrypt', 'email=digest:generation'
);
$sql->(q{INSERT INTO columns (id, email) SELECT md5(n::text)::uuid, 'e' || n FROM generate_series(1, 50) n});
is($sql->(q{SELECT generation, "values" FROM caas_generations() WHERE relation = 'columns'::regclass}),
	'1|50', 'a columnar table is counted');
is($sql->(q{SELECT count(*) FROM caas_residue('columns') WHERE what ~ '^Its access method is not heap'}),
	'1', 'and what removed rows leave in it is not known');
like(
	$error->(q{CALL caas_backfill('columns')}),
	qr/UPDATE and CTID scans not supported for ColumnarScan/,
	'no job changes its rows'
);
$sql->("$unsafe SELECT create_distributed_table('columns', 'id')");
is(right('columns', $digest{right}), '50', 'it is distributed without loss');
$sql->("$unsafe SELECT alter_table_set_access_method('columns', 'heap')");
is(right('columns', $digest{right}), '50', 'and becomes a table of rows without loss');

# ---- jobs, checks and counts over the shards ----

$sql->(
	q{CREATE TABLE people (id uuid PRIMARY KEY, email text, email_digest text, ssn text, ssn_sealed bytea, ssn_index bytea);
	INSERT INTO people (id, email, ssn) SELECT md5(n::text)::uuid, 'e' || n, 's' || n FROM generate_series(1, 50) n;
	SELECT create_distributed_table('people', 'id')}
);
like(
	$error->(q{SELECT * FROM caas_protect('people', 'id', 'email=email_digest')}),
	qr/HINT:  Write CREATE TRIGGER with citus\.enable_unsafe_triggers = on/,
	'caas_protect says what to write'
);
$sql->(   $unsafe
		. sprintf($trigger, 'e', 'people', 'encrypt', 'email=email_digest')
		. sprintf($trigger, 's', 'people', 'seal', 'ssn=ssn_sealed:ssn_index@people.ssn keep'));

# Functions of a role that may create in public, which unqualified calls with untyped literals would find.
$sql->(
	q{CREATE FUNCTION public.run_command_on_shards(text, text) RETURNS TABLE (shardid bigint, success boolean, result text) LANGUAGE sql AS 'SELECT 0, false, NULL';
	CREATE FUNCTION public.truncate_local_data_after_distributing_table(text) RETURNS text LANGUAGE sql AS 'SELECT NULL'}
);

# Runs the statement of a hint, and returns how many shards took it.
sub follow_hint
{
	my ($statement) = @_;
	my ($hint) = $error->($statement) =~ /HINT:  .*?(SELECT .*);/;
	return $sql->('SELECT count(*) FILTER (WHERE success), count(*) FROM (' . ($hint // 'no hint') . ') s');
}
is(follow_hint(q{CALL caas_backfill('people')}), '4|4', 'the hint of caas_backfill runs it over the shards');
is(
	right(
		'people',
		q{email IS NULL AND caas_verify(id, 'e' || n, email_digest) AND caas_open(id, ssn_sealed, 'people.ssn') = 's' || n}
	),
	'50',
	'and every row is protected'
);
is(follow_hint(q{CALL caas_cutover('people', 'ssn')}), '4|4', 'that of caas_cutover');
is(right('people', q{ssn IS NULL}), '50', 'takes the plaintext away');
is(follow_hint(q{CALL caas_rotate('people')}), '4|4', 'that of caas_rotate');
is(follow_hint(q{SELECT * FROM caas_residue('people')}), '4|4', 'that of caas_residue');
my ($hint) = $error->(q{SELECT * FROM caas_check('people')}) =~ /HINT:  .*?(SELECT .*);/;
is(
	$sql->(
		qq{SELECT c.column_name, sum(c.rows), sum(c.protected), sum(c.plaintext) FROM ($hint) s, json_to_recordset(s.result::json) AS c (column_name text, rows bigint, protected bigint, plaintext bigint) GROUP BY 1 ORDER BY 1}
	),
	"email_digest|50|50|0\nssn_sealed|50|50|0",
	'that of caas_check counts them'
);

# Counts: of the shell on the coordinator none, of the shards on their nodes all, in sessions from which Citus hides shards, too.
my $count =
	q{SELECT coalesce(sum("values"), -1) FROM caas_generations() WHERE column_name = 'ssn_sealed' AND relation::text ~ '^people' AND generation = 1};
is($sql->($count), '-1', 'the coordinator counts none');
is(
	$sql->(
		q{SELECT count(*) FROM caas_generations() WHERE relation = 'people'::regclass AND NOT conclusive AND remark ~ 'ask each node'}
	),
	'2',
	'and says so'
);
my $remaining =
	q{SELECT nodeid, success, result FROM run_command_on_all_nodes($$SELECT json_agg(json_build_array(g.relation, g.column_name, g.remark)) FROM caas_generations() g
	WHERE (generation = %d OR NOT conclusive) AND relation::pg_catalog.oid NOT IN (SELECT logicalrelid::pg_catalog.oid FROM pg_catalog.pg_dist_partition) AND relation::text ~ '^(sealed|people)_' AND column_name = 'ssn_sealed'$$)};
is(
	$sql->(
		"SELECT count(*), count(*) FILTER (WHERE success), count(result) FILTER (WHERE result <> '') FROM ("
			. sprintf($remaining, 1) . ') n'
	),
	'3|3|2',
	'the nodes that have shards have values of the generation'
);
is(
	$sql->(
		"SELECT count(*), count(*) FILTER (WHERE success), count(result) FILTER (WHERE result <> '') FROM ("
			. sprintf($remaining, 2) . ') n'
	),
	'3|3|0',
	'and none of another'
);
my @counts = map { $_->safe_psql('postgres', $count) } @workers;
is($counts[0] + $counts[1], 50, 'the workers count all, in an ordinary session');
is($workers[0]->safe_psql('postgres', q{SELECT count(*) FROM caas_columns WHERE relation::text ~ '^people_'}),
	'0', 'where the view caas_columns shows no shard');
ok(
	$workers[0]->safe_psql('postgres',
		q{SET citus.override_table_visibility = off; SELECT count(*) FROM caas_columns WHERE relation::text ~ '^people_'}
	) > 0,
	'unless Citus is told to show them'
);

# What is left of the distribution, and what removes it.
my $left =
	q{SELECT remedy FROM caas_doctor() WHERE object = 'table public.people' AND finding ~ 'before Citus distributed it'};
my $remedy = $sql->($left);
is(
	$remedy,
	q{SELECT pg_catalog.truncate_local_data_after_distributing_table('public.people'::pg_catalog.regclass);},
	'the rows from before are still on disk'
);
$sql->($remedy);
is($sql->($left), '', 'until they are removed');
$sql->('ALTER TABLE people ADD CONSTRAINT no_email CHECK (email IS NULL)');
pass('then the constraint that guards the column can be added');

$sql->(
	'DROP FUNCTION public.run_command_on_shards(text, text), public.truncate_local_data_after_distributing_table(text)'
);

# Labels are copied with the table, and later ones are not.
my $labels =
	q{SELECT string_agg(DISTINCT s.label, ' ' ORDER BY s.label) FROM run_command_on_shards('labelled', $$SELECT label FROM pg_seclabel WHERE objoid = '%s'::regclass$$) r (shard, success, label), LATERAL (SELECT r.label) s};
$sql->(
	q{CREATE TABLE labelled (id uuid PRIMARY KEY, sealed bytea); SECURITY LABEL FOR caas ON COLUMN labelled.sealed IS 'seal id @one'; SELECT create_distributed_table('labelled', 'id')}
);
is($sql->($labels), 'seal id @one', 'a security label goes to the shards');
$sql->(q{SECURITY LABEL FOR caas ON COLUMN labelled.sealed IS 'seal id @two'});
is($sql->($labels), 'seal id @one', 'one that is given later does not');
$sql->(q{SELECT run_command_on_shards('labelled', $$SECURITY LABEL FOR caas ON COLUMN %s.sealed IS 'seal id @two'$$)});
is($sql->($labels), 'seal id @two', 'run_command_on_shards brings it there');

$_->stop for $coordinator, @workers;
unlike(slurp_file($_->logfile), qr/\Q@{[ api_key() ]}\E/, $_->name . ': no key in the log') for $coordinator, @workers;
done_testing();
