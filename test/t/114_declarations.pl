# Reports on protected columns beside other sessions: none waits for a lock or reads another's temporary table, and
# caas_generations() says what other transactions may still store.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my @secrets = map { random_secret() } 1 .. 3;

# The keyring with generation $active as the active one.
sub keyring
{
	my ($active) = @_;
	return map { generation($_, $_ == $active ? 'active' : 'retired', $secrets[ $_ - 1 ]) } 1 .. $active;
}

my $node = caas_node('declarations', keyring => [ keyring(1) ], extra => { allows_streaming => 'logical' });
$node->append_conf('postgresql.conf', "autovacuum = off\nmax_prepared_transactions = 5");
$node->start;
$ENV{PGOPTIONS} = with_key();
my $sql = sub { return $node->safe_psql('postgres', @_); };
$sql->(
	q{CREATE EXTENSION caas;
	CREATE TABLE filled (id uuid, sealed bytea);
	SECURITY LABEL FOR caas ON COLUMN filled.sealed IS 'seal id @c';
	INSERT INTO filled SELECT id, caas_seal(id, 'x', 'c') FROM gen_random_uuid() id;
	CREATE TABLE locked (id uuid, email text, digest text GENERATED ALWAYS AS (caas_encrypt(id, email)) STORED);
	CREATE TABLE parent (id uuid, email text, digest text, CHECK (email IS NULL));
	CREATE TABLE child (id uuid, email text, digest text) INHERITS (parent)}
);
$sql->(
	"CREATE TRIGGER e BEFORE INSERT OR UPDATE ON $_ FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest')"
) for 'child', 'parent';

# The report about a table: generation, count and remark, once a second has passed since the last reload.
my $report =
	q{SELECT coalesce(string_agg(concat_ws('|', generation, "values", conclusive, remark), ' ' ORDER BY generation), 'nothing') FROM caas_generations() WHERE relation = '%s'::regclass};

sub reload
{
	$node->reload;
	wait_until($node, q{SELECT clock_timestamp() > pg_conf_load_time() + '1.1 s'});
	return;
}
my $filled = sub { return $sql->(sprintf($report, 'filled')); };
wait_until($node, q{SELECT clock_timestamp() > pg_conf_load_time() + '1.1 s'});
is($filled->(), '1|1|t', 'a count without other sessions is conclusive');

# ---- a lock that is not to be had, and the temporary table of another session ----

my $other = keyed_session($node);
$other->query_safe('BEGIN; LOCK locked, child');
$sql->("SET lock_timeout = '300s'; SELECT count(*) FROM caas_columns");
is(
	$sql->(q{SELECT problem FROM caas_columns WHERE relation = 'locked'::regclass}),
	'The table is locked by another session, so what it declares is not known.',
	'a locked table is named'
);
is($sql->(sprintf $report, 'locked'), 'f|The table is locked by another session.', 'and is not counted');
like(
	$sql->(q{SELECT problem FROM caas_columns WHERE relation = 'parent'::regclass}),
	qr/^Inheritance child "child" is locked/,
	'a locked child is a problem of its parent'
);
like($filled->(), qr/^1\|1\|/, 'other tables are counted');
$other->query_safe('ROLLBACK');
$other->query_safe(
	q{CREATE TEMPORARY TABLE theirs (id uuid, sealed bytea); SECURITY LABEL FOR caas ON COLUMN theirs.sealed IS 'seal id @c';
	CREATE TEMPORARY TABLE grandchild (again text GENERATED ALWAYS AS (caas_encrypt(id, email)) STORED) INHERITS (child); INSERT INTO grandchild DEFAULT VALUES}
);
$other->query_safe(q{INSERT INTO theirs SELECT id, caas_seal(id, 'x', 'c') FROM gen_random_uuid() id});
is($sql->(q{SELECT count(*) FROM caas_columns WHERE relation::text ~ 'theirs'}), '0', 'a temporary table of another');
is($filled->(), '1|1|t', 'does not stop caas_generations()');
is($sql->(q{SELECT count(*) FROM caas_check('parent')}), '2', 'nor caas_check(), as a child');
is(outcome($other, q{SELECT "values" FROM caas_generations() WHERE relation = 'theirs'::regclass}),
	'1', 'and is counted for its owner');

# ---- the keyring is replaced, and the server not yet reloaded ----

write_keyring($node, keyring(2));
like($filled->(), qr/^1\|1\|f\|The keyring was changed after the last reload/, 'a keyring that was not reloaded');
like(
	outcome($other, sprintf $report, 'filled'),
	qr/^1\|1\|f\|The keyring was changed/,
	'also in a session that has read the older one'
);

# ---- a procedure goes on with the keyring from before the reload, though each of its transactions is young ----

$sql->(
	q{CREATE PROCEDURE fill() LANGUAGE plpgsql AS $$BEGIN
		LOOP
			INSERT INTO filled SELECT id, caas_seal(id, 'x', 'c') FROM gen_random_uuid() id;
			COMMIT;
			PERFORM pg_sleep(0.01);
			EXIT WHEN EXISTS (SELECT FROM pg_class WHERE relname = 'enough');
			COMMIT;
		END LOOP;
	END$$}
);
reload();
my $pid = outcome($other, 'SELECT pg_backend_pid()');
$other->query_until(qr/begun/, "\\echo begun\nCALL fill();\n");
wait_until($node, q{SELECT count(*) > 3 FROM filled});
write_keyring($node, keyring(3));
reload();
wait_until($node, "SELECT xact_start > pg_conf_load_time() FROM pg_stat_activity WHERE pid = $pid");
like($filled->(), qr/f\|Transactions are older than the keyring: process $pid\.$/, 'a procedure that commits');
$sql->('CREATE TABLE enough ()');
wait_until($node, "SELECT state = 'idle' FROM pg_stat_activity WHERE pid = $pid");
unlike($filled->(), qr/\|f/, 'when it has ended, the count is conclusive');

# ---- a transaction from before the reload, also when it was prepared after it ----

$sql->('TRUNCATE filled');
outcome($other, 'SELECT 1');
is(outcome($other, q{BEGIN; INSERT INTO filled SELECT id, caas_seal(id, 'x', 'c') FROM gen_random_uuid() id}),
	'', 'begun');
$sql->(q{INSERT INTO filled SELECT id, caas_seal(id, 'x', 'c') FROM gen_random_uuid() id});
reload();
like($filled->(), qr/^3\|1\|f\|Transactions are older than the keyring: process $pid/, 'a transaction from before it');
outcome($other, q{PREPARE TRANSACTION 'later'});
like($filled->(), qr/^3\|1\|f\|There are prepared transactions: later/, 'that was prepared later');
$sql->(q{COMMIT PREPARED 'later'});
is($filled->(), '3|2|t', 'after its commit all is counted');

# ---- an older snapshot does not see what others commit ----

my ($code, $out, $error) =
	$node->psql('postgres', 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1; ' . sprintf $report, 'filled');
like($out, qr/f\|This transaction does not see what others commit/, 'REPEATABLE READ is not conclusive');
is($sql->("BEGIN; SELECT count(*) FROM pg_stat_activity; " . sprintf $report, 'filled') =~ s/^.*\n//r,
	'3|2|t', 'READ COMMITTED is');

# ---- a worker of a subscription is not left out, although it is no client ----

$node->safe_psql('postgres', q{CREATE DATABASE other});
$node->safe_psql(
	$_,
	q{CREATE TABLE replicated (id integer PRIMARY KEY);}
		. (
		$_ eq 'postgres'
		? q{CREATE PUBLICATION p FOR TABLE replicated; SELECT pg_create_logical_replication_slot('s', 'pgoutput')}
		: q{CREATE EXTENSION caas; CREATE TABLE filled (id uuid, sealed bytea); SECURITY LABEL FOR caas ON COLUMN filled.sealed IS 'seal id @c'; INSERT INTO filled VALUES (NULL, '\x00')}
		)
) for 'postgres', 'other';
my $connection = $node->connstr('postgres') =~ s/'/''/gr;
$node->safe_psql('other',
	"CREATE SUBSCRIPTION s CONNECTION '$connection' PUBLICATION p WITH (create_slot = false, slot_name = 's', copy_data = false)"
);
my $holder = open_session($node, database => 'other');
$holder->query_safe('BEGIN; LOCK replicated IN SHARE MODE');
$sql->('INSERT INTO replicated VALUES (1)');
my $worker = q{FROM pg_stat_activity WHERE datname = 'other' AND backend_type LIKE 'logical replication%worker'};
wait_until($node, "SELECT EXISTS (SELECT $worker AND wait_event_type = 'Lock')");
my $worker_pid = $sql->("SELECT pid $worker AND wait_event_type = 'Lock'");
reload();
like(
	$node->safe_psql('other', 'SELECT remark FROM caas_generations()'),
	qr/These are no sealed values/,
	'the remark of a value comes first'
);
$node->safe_psql('other', q{UPDATE filled SET sealed = caas_seal(gen_random_uuid(), 'x', 'c')});
like(
	$node->safe_psql('other', 'SELECT remark FROM caas_generations()'),
	qr/older than the keyring: process .*\b$worker_pid\b/,
	'a worker that applies changes'
);
$holder->query_safe('ROLLBACK');
$node->safe_psql('other', 'DROP SUBSCRIPTION s');

# ---- a standby does not see the sessions of its primary ----

my $standby = PostgreSQL::Test::Cluster->new('declared_standby');
$node->backup('base');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
is(
	$standby->safe_psql('postgres', sprintf $report, 'filled'),
	'3|2|f|This is a standby: transactions of the primary are not seen here.',
	'a standby counts, and is not conclusive'
);
$_->quit for $other, $holder;
$standby->stop;
$node->stop;
done_testing();
