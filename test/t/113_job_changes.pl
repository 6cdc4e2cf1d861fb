# Others change a table, its triggers and the extension while a job runs: the job loses nothing, says nothing wrong, and runs
# nobody's code as the owner of the extension.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = caas_node('changes', preload => 'shared');
$node->append_conf('postgresql.conf', 'autovacuum = off');
$node->start;
$ENV{PGOPTIONS} = with_key();
my $sql = sub { return $node->safe_psql('postgres', @_); };
$sql->('CREATE SCHEMA cs; CREATE EXTENSION caas SCHEMA cs; CREATE ROLE evil LOGIN');

# A filled table of several batches.
sub fill
{
	my ($name, $rows) = @_;
	return $sql->(
		qq{CREATE TABLE $name (id bigint, ssn text, s bytea, note text DEFAULT repeat('n', 500));
		INSERT INTO $name SELECT n, 's' || n FROM generate_series(1, $rows) n;
		CREATE TRIGGER b BEFORE INSERT OR UPDATE ON $name FOR EACH ROW EXECUTE FUNCTION cs.caas_seal_trigger('id\@$name', 'ssn=s\@$name.ssn')}
	);
}

# Starts a backfill and waits until it is between two batches.
sub begin_slowly
{
	my ($name) = @_;
	my $call = begin_call($node, "CALL cs.caas_backfill('$name', batch_ms => 1, pause_ms => 1500)");
	wait_until($node,
		"SELECT rows_done > 0 FROM cs.caas_progress WHERE relation = '$name'::regclass AND state = 'running'");
	return $call;
}

# ---- a client without a key moves a row behind the blocks of the pass that waits for it ----

fill('moved', 200);
my $holder = open_session($node);
$holder->query_safe(q{BEGIN; SELECT FROM moved WHERE id = 7 FOR UPDATE});
my $job = begin_call($node, q{CALL cs.caas_backfill('moved')});
wait_until($node, q{SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)});
{
	local $ENV{PGOPTIONS} = '';
	is(
		outcome(
			$holder,
			q{SET caas.api_key = ''; ALTER TABLE moved ALTER note SET STORAGE PLAIN; UPDATE moved SET note = repeat('x', 7000) WHERE id = 7}
		),
		'',
		'a row grows'
	);
}
$holder->query_safe('COMMIT');
is(call_ended($job), '200 rows changed, 0 conflicts', 'and is protected where it is now');
is($sql->('SELECT count(ssn) FROM moved'), '0', 'no plaintext is left');

# ---- a deadlock with a writer who waits for a row of the same transaction ----

$sql->(
	q{CREATE TABLE dl (id bigint, ssn text, s bytea, i bytea, note text DEFAULT '');
	INSERT INTO dl (id, ssn) VALUES (1, 'a'), (2, 'bad'), (3, 'c');
	CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF NEW.id = 2 THEN PERFORM pg_advisory_xact_lock(1); RAISE 'no'; END IF; RETURN NEW; END$$;
	CREATE TRIGGER b BEFORE INSERT OR UPDATE ON dl FOR EACH ROW EXECUTE FUNCTION cs.caas_seal_trigger('id@dl', 'ssn=s:i@dl.ssn');
	CREATE UNIQUE INDEX ON dl (i) WHERE i IS NOT NULL;
	CREATE TRIGGER a BEFORE UPDATE ON dl FOR EACH ROW EXECUTE FUNCTION stop()}
);
my $gate = keyed_session($node);
my $writer = keyed_session($node);
$gate->query_safe('SELECT pg_advisory_lock(1)');
$writer->query_safe(q{SET lock_timeout = 0; BEGIN; INSERT INTO dl (id, ssn) VALUES (10, 'c')});
$job = begin_call($node, q{CALL cs.caas_backfill('dl')});
wait_until($node, q{SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'advisory')});
$gate->query_safe('SELECT pg_advisory_unlock(1)');
wait_until($node, q{SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid')});
like(outcome($writer, q{UPDATE dl SET note = 'x' WHERE id = 1}), qr/^(?:40P01)?$/, 'one of the two gives way');
answer($writer, 'COMMIT');
like(call_ended($job), qr/rows changed, [12] conflicts/, 'and the job ends');
is($sql->('SELECT ssn IS NULL FROM dl WHERE id = 1'), 't', 'with what it could protect');

# ---- definitions change between two batches ----

fill('renamed', 2000);
$job = begin_slowly('renamed');
$sql->(
	'BEGIN; CREATE TABLE other (LIKE renamed INCLUDING ALL); ALTER TABLE renamed RENAME TO renamed_old; ALTER TABLE other RENAME TO renamed; COMMIT'
);
is(call_ended($job), '55000', 'another table in the place of the table');
cmp_ok($sql->('SELECT count(ssn) FROM renamed_old'), '>', 0, 'the rest is as it was');
is(
	call_ended(begin_call($node, q{CALL cs.caas_backfill('renamed_old')})) =~ /0 conflicts/
	? $sql->('SELECT count(ssn) FROM renamed_old')
	: 'not',
	'0',
	'and a new call protects it'
);

fill('disabled', 2000);
$job = begin_slowly('disabled');
$sql->('ALTER TABLE disabled DISABLE TRIGGER b');
is(call_ended($job), '55000', 'a trigger that is disabled');
$sql->('ALTER TABLE disabled ENABLE TRIGGER b');
$job = begin_slowly('disabled');
$sql->(
	q{BEGIN; DROP TRIGGER b ON disabled; CREATE TRIGGER b BEFORE INSERT OR UPDATE ON disabled FOR EACH ROW EXECUTE FUNCTION cs.caas_seal_trigger('id@disabled', 'ssn=s@other'); COMMIT}
);
is(call_ended($job), '55000', 'another trigger');
$job = begin_slowly('disabled');
$sql->('DROP TABLE disabled');
is(call_ended($job), '55000', 'a table that is dropped');

# ---- no transaction is open during a pause ----

$sql->(
	q{CREATE TABLE quiet (id bigint, ssn text, s bytea, note text DEFAULT repeat('n', 500)); INSERT INTO quiet (id) SELECT generate_series(1, 3000)}
);
$sql->(
	q{CREATE TRIGGER b BEFORE INSERT OR UPDATE ON quiet FOR EACH ROW EXECUTE FUNCTION cs.caas_seal_trigger('id@quiet', 'ssn=s@quiet.ssn')}
);
$job = begin_call($node, q{CALL cs.caas_backfill('quiet', batch_ms => 1, pause_ms => 1000)});
wait_until($node,
	q{SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'Extension' AND query ~ 'quiet' AND pid <> pg_backend_pid())}
);
is(
	$sql->(
		q{SET lock_timeout = '300s'; ALTER TABLE quiet ADD COLUMN more integer; SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.relation = 'quiet'::regclass AND a.wait_event = 'Extension'}
	),
	'0',
	'a pause holds no lock'
);
$sql->(q{SELECT pg_cancel_backend(pid) FROM cs.caas_progress WHERE relation = 'quiet'::regclass});
is(call_ended($job), '57014', 'and can be cancelled');

# ---- privileges are asked for before locks and state ----

$sql->(
	q{CREATE ROLE lowly; GRANT USAGE ON SCHEMA cs TO lowly; GRANT EXECUTE ON ALL PROCEDURES IN SCHEMA cs TO lowly; GRANT EXECUTE ON FUNCTION cs.caas_seal_trigger() TO lowly}
);
my $state = $sql->(q{SELECT state, role FROM cs.caas_progress WHERE relation = 'moved'::regclass});
$writer->query_safe(q{BEGIN; INSERT INTO moved (id) VALUES (5000)});
my $lowly = keyed_session($node);
$lowly->query_safe('SET ROLE lowly');
is(outcome($lowly, q{CALL cs.caas_backfill('moved')}), '42501', 'a role without privileges is refused');
is(outcome($lowly, q{CALL cs.caas_cutover('moved', 'ssn', lock_timeout_ms => 0)}), '42501', 'at once');
$writer->query_safe('ROLLBACK');
is($sql->(q{SELECT state, role FROM cs.caas_progress WHERE relation = 'moved'::regclass}),
	$state, 'and changes no state');

# ---- the schema of the extension is renamed, and another one has its name ----

$sql->('GRANT CREATE ON DATABASE postgres TO evil');
fill('big', 3000);
$job = begin_slowly('big');
$sql->('ALTER SCHEMA cs RENAME TO cs2');
{
	local $ENV{PGOPTIONS} = '';
	my ($code) = $node->psql(
		'postgres', q{CREATE SCHEMA cs AUTHORIZATION evil; SET ROLE evil;
		CREATE TABLE cs.caas_jobs (job text, relation oid, part integer, parts integer, filenode oid, role oid, pass integer, next_block bigint, first_block bigint, last_block bigint,
			rows_done bigint, conflicts bigint, finished boolean, started_at timestamptz, resumed_at timestamptz, resumed_rows bigint, resumed_block bigint, updated_at timestamptz);
		INSERT INTO cs.caas_jobs (job, relation, part, parts) VALUES ('backfill', 'public.big'::regclass, 1, 1);
		CREATE FUNCTION cs.t() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN EXECUTE 'ALTER ROLE evil SUPERUSER'; RETURN NEW; END$$;
		CREATE TRIGGER t BEFORE INSERT OR UPDATE ON cs.caas_jobs FOR EACH STATEMENT EXECUTE FUNCTION cs.t();
		CREATE FUNCTION cs.caas_is_sealed(bytea) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN EXECUTE 'ALTER ROLE evil SUPERUSER'; RETURN true; END$$;
		GRANT ALL ON SCHEMA cs TO PUBLIC; GRANT ALL ON ALL TABLES IN SCHEMA cs TO PUBLIC}
	);
	is($code, 0, 'another schema has the name');
}
is(call_ended($job), '55000', 'the job ends');
is($sql->(q{SELECT rolsuper FROM pg_roles WHERE rolname = 'evil'}), 'f', 'and runs no code of another role');

$_->quit for $holder, $gate, $writer, $lowly;
$node->stop;
done_testing();
