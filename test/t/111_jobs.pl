# Jobs beside other sessions: writers, locks, parts side by side, reloads, standbys, and tables that are rewritten meanwhile.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my ($old, $new) = (random_secret(), random_secret());
my $node = caas_node(
	'jobs',
	preload => 'shared',
	keyring => [ generation(1, 'active', $old) ],
	extra => { allows_streaming => 1 }
);
$node->append_conf('postgresql.conf', "autovacuum = off\nmax_prepared_transactions = 5");
$node->start;
$ENV{PGOPTIONS} = with_key();
my $sql = sub { return $node->safe_psql('postgres', @_); };
$sql->('CREATE EXTENSION caas');

# A filled table with triggers.
sub fill
{
	my ($name, $rows) = @_;
	$sql->(
		qq{
		CREATE TABLE $name (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text, digest text, ssn text, ssn_sealed bytea, ssn_index bytea, note text DEFAULT '');
		INSERT INTO $name (email, ssn) SELECT 'e' || n, 's' || n FROM generate_series(1, $rows) n;
		CREATE UNIQUE INDEX ON $name (ssn_index) WHERE ssn_index IS NOT NULL;
		CREATE TRIGGER a BEFORE INSERT OR UPDATE ON $name FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id\@$name', 'email=digest');
		CREATE TRIGGER b BEFORE INSERT OR UPDATE ON $name FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id\@$name', 'ssn=ssn_sealed:ssn_index\@$name.ssn')}
	);
	return;
}

# The rows that hold plaintext, and those whose values are right: what the note says, or those of the first fill.
sub left { my ($name) = @_; return $sql->("SELECT count(*) FROM $name WHERE email IS NOT NULL OR ssn IS NOT NULL"); }

sub right
{
	my ($name) = @_;
	return $sql->(
		qq{SELECT count(*) = count(*) FILTER (WHERE caas_verify(u, 'e' || v, digest) AND caas_open(u, ssn_sealed, '$name.ssn') = 's' || v AND ssn_index = caas_blind_index('s' || v, '$name.ssn'))
		FROM (SELECT *, coalesce(nullif(note, ''), id::text) AS v FROM $name) AS t, caas_uuid('$name', id) AS u}
	);
}

# ---- writers beside a backfill: none fails, and the last value of each row is the one that is protected ----

fill('people', 20000);
my $folder = PostgreSQL::Test::Utils::tempdir();
append_to_file(
	"$folder/write.sql", q{
\set n random(1, 20000)
\set v random(100000, 1000000000)
UPDATE people SET email = 'e' || :v, ssn = 's' || :v || '-' || :client_id || '-' || :n, note = :v || '-' || :client_id || '-' || :n WHERE id = :n AND false;
UPDATE people SET note = note WHERE id = :n;
BEGIN;
UPDATE people SET email = 'e' || :v || '.' || :n, ssn = 's' || :v || '.' || :n, note = :v || '.' || :n WHERE id = :n;
END;
INSERT INTO people (email, ssn, note) VALUES ('e' || :v || 'new' || :client_id, 's' || :v || 'new' || :client_id, :v || 'new' || :client_id) ON CONFLICT DO NOTHING;
}
);
my ($load_out, $load_error) = ('', '');
my $load =
	IPC::Run::start([ 'pgbench', '-n', '-c', 3, '-T', 600, '-f', "$folder/write.sql", $node->connstr('postgres') ],
	'>', \$load_out, '2>', \$load_error);
wait_until($node, q{SELECT count(*) > 20 FROM people WHERE note <> ''});
my $started = $sql->('SELECT count(*) FROM people');
is(call_ended(begin_call($node, q{CALL caas_backfill('people', batch_ms => 5)})) =~ /0 conflicts/ ? 'ok' : 'not',
	'ok', 'a backfill beside writers ends');
is(left('people'), '0', 'nothing is left');
wait_until($node, "SELECT count(*) > $started + 20 FROM people");
ok($load->pumpable, 'while the clients wrote');
$load->signal('TERM');    # a shell lets what it starts in the background ignore INT
$load->finish;
wait_until($node, q{SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'pgbench'});
unlike($load_error, qr/ERROR|aborted/, 'no statement of theirs failed');
is(right('people'), 't', 'every row has its last values');

# ---- a row that somebody has locked: the job passes it by, waits for it in the end, and gives up after lock_timeout_ms ----

fill('locked', 2000);
my $holder = keyed_session($node);
$holder->query_safe('BEGIN; SELECT FROM locked WHERE id = 7 FOR UPDATE');
is(call_ended(begin_call($node, q{CALL caas_backfill('locked', lock_timeout_ms => 100)})),
	'55P03', 'a locked row ends the job after the timeout');
is(left('locked'), '1', 'and all others are protected');
my $waiting = begin_call($node, q{CALL caas_backfill('locked')});
wait_until($node, q{SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)});
is(call_ended(begin_call($node, q{CALL caas_backfill('locked')})), '55006', 'a second call of the same job is refused');
$holder->query_safe('COMMIT');
is(call_ended($waiting), '1 rows changed, 0 conflicts', 'a job that waits goes on');
is(left('locked'), '0', 'and protects the row');
is(right('locked'), 't', 'with its values');

# ---- a prepared transaction holds a row: the same ----

fill('prepared', 100);
$sql->(
	q{BEGIN; UPDATE prepared SET email = 'e1000', ssn = 's1000', note = '1000' WHERE id = 5; PREPARE TRANSACTION 'holds'}
);
is(call_ended(begin_call($node, q{CALL caas_backfill('prepared', lock_timeout_ms => 100)})),
	'55P03', 'a prepared transaction holds a row');
$sql->(q{COMMIT PREPARED 'holds'});
is(
	call_ended(begin_call($node, q{CALL caas_backfill('prepared')})),
	'0 rows changed, 0 conflicts',
	'after its commit nothing is left'
);
is(right('prepared'), 't', 'its value won');

# ---- parts side by side ----

fill('parts', 5000);
my @parts = map { begin_call($node, "CALL caas_backfill('parts', part => $_, parts => 3, batch_ms => 2)") } 1 .. 3;
my @ended = map { call_ended($_) } @parts;
my $total = 0;
$total += /^(\d+) rows/ ? $1 : 0 for @ended;
is($total, 5000, "three parts: @ended");
is(left('parts') . right('parts'), '0t', 'protect all');
is(
	$sql->(
		q{SELECT string_agg(part || state, ',' ORDER BY part) FROM caas_progress WHERE relation = 'parts'::regclass}),
	'1done,2done,3done',
	'and say so'
);

# ---- the table is rewritten between two calls: the pass begins anew ----

fill('rewritten', 3000);
$holder->query_safe('BEGIN; SELECT FROM rewritten WHERE id = 2900 FOR UPDATE');
is(call_ended(begin_call($node, q{CALL caas_backfill('rewritten', lock_timeout_ms => 100)})), '55P03', 'interrupted');
$holder->query_safe('COMMIT');
$sql->('VACUUM FULL rewritten');
is(
	call_ended(begin_call($node, q{CALL caas_backfill('rewritten')})),
	'1 rows changed, 0 conflicts',
	'VACUUM FULL between two calls'
);
is(left('rewritten') . right('rewritten'), '0t', 'loses nothing');

# ---- the key is withdrawn, and a keyring is changed, while a job runs ----

fill('reloaded', 3000);
$holder->query_safe('BEGIN; SELECT FROM reloaded WHERE id IN (1, 3000) FOR UPDATE');
my $job = begin_call($node, q{CALL caas_backfill('reloaded')});
wait_until($node, q{SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)});
my $digests = $sql->('SHOW caas.api_key_digests');
$node->append_conf('postgresql.conf', q{caas.api_key_digests = ''});
$node->reload;
wait_until($node, q{SELECT current_setting('caas.api_key_digests') = ''});
$holder->query_safe('COMMIT');
is(call_ended($job), '28000', 'a job whose key is withdrawn ends');
$node->append_conf('postgresql.conf', "caas.api_key_digests = '$digests'");
$node->reload;
wait_until($node, qq{SELECT current_setting('caas.api_key_digests') = '$digests'});
like(
	call_ended(begin_call($node, q{CALL caas_backfill('reloaded')})),
	qr/rows changed, 0 conflicts/,
	'and goes on when it is back'
);
is(left('reloaded') . right('reloaded'), '0t', 'with nothing lost');

# ---- rotation: values and indexes of generation 1 become those of 2, beside writers ----

$sql->(
	q{CREATE TABLE made (id uuid, a text, b text, digest text GENERATED ALWAYS AS (caas_encrypt(id, a || b)) STORED);
	INSERT INTO made SELECT gen_random_uuid(), 'a', n FROM generate_series(1, 50) n}
);
write_keyring($node, generation(1, 'active', $old), generation(2, 'retired', $new));
reload_sessions($node, $holder);
write_keyring($node, generation(1, 'retired', $old), generation(2, 'active', $new));
reload_sessions($node, $holder);
my $of = sub {
	my ($name) = @_;
	return $sql->(
		"SELECT string_agg(g || ':' || n, ' ' ORDER BY g) FROM (SELECT caas_generation(ssn_sealed) g, count(*) n FROM $name GROUP BY 1) AS c"
	);
};
is($of->('parts'), '1:5000', 'before the rotation');
$load = IPC::Run::start([ 'pgbench', '-n', '-c', 2, '-T', 600, '-f', "$folder/rotate.sql", $node->connstr('postgres') ],
	'>', \$load_out, '2>', \$load_error)
	if append_to_file("$folder/rotate.sql", "\\set n random(1, 5000)\nUPDATE parts SET note = note WHERE id = :n;\n")
	|| 1;
is(
	call_ended(begin_call($node, q{CALL caas_rotate('parts', batch_ms => 5)})),
	'5000 rows changed, 0 conflicts',
	'caas_rotate beside writers'
);
$load->signal('TERM');    # a shell lets what it starts in the background ignore INT
$load->finish;
is($of->('parts'), '2:5000', 'all values are of the new generation');
is(right('parts'), 't', 'and open, with the index of the new generation');
unlike($load_error, qr/ERROR|aborted/, 'no statement of theirs failed');
is(
	$sql->(
		q{SELECT string_agg(generation || state || "values", ' ') FROM caas_generations() WHERE relation = 'parts'::regclass AND kind = 'sealed'}
	),
	'2active5000',
	'caas_generations says so'
);

is(
	call_ended(begin_call($node, q{CALL caas_rotate('made')})),
	'50 rows changed, 0 conflicts',
	'generated columns of two columns'
);
is($sql->(q{SELECT count(*) FROM made WHERE digest = caas_encrypt(id, a || b)}), '50', 'are computed anew');

# Another generation is activated while a rotation runs: the job does not end before all is of that one.
my $third = random_secret();
$holder->query_safe('BEGIN; SELECT FROM locked WHERE id = 2000 FOR UPDATE');
$job = begin_call($node, q{CALL caas_rotate('locked')});
wait_until($node, q{SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)});
write_keyring($node, generation(1, 'retired', $old), generation(2, 'retired', $new), generation(3, 'active', $third));
$node->reload;
wait_until($node, q{SELECT active_generation = 3 FROM caas_status()});
$holder->query_safe('COMMIT');
like(call_ended($job), qr/rows changed, 0 conflicts/, 'a generation is activated while a rotation runs');
is($of->('locked'), '3:2000', 'and all values are of it in the end');
is(right('locked'), 't', 'and open');

# A value that does not open is listed, and does not end the job.
$sql->(
	q{ALTER TABLE prepared DISABLE TRIGGER b; UPDATE prepared SET ssn_sealed = set_bit(ssn_sealed, 300, 1 - get_bit(ssn_sealed, 300)) WHERE id = 9; UPDATE prepared SET ssn_sealed = '\x01' WHERE id = 10; ALTER TABLE prepared ENABLE TRIGGER b}
);
is(
	call_ended(begin_call($node, q{CALL caas_rotate('prepared')})),
	'98 rows changed, 2 conflicts',
	'values that do not open'
);
is(
	$sql->(q{SELECT string_agg(id || ' ' || sqlstate, ',' ORDER BY id) FROM caas_conflicts}),
	'10 22P03,9 39000',
	'are listed'
);

# ---- columns that an application fills, declared by a label ----

$sql->(
	q{
	CREATE TABLE filled (id bigint, sealed bytea, index bytea);
	SECURITY LABEL FOR caas ON COLUMN filled.sealed IS 'seal id@filled :index@filled normalize=casefold'}
);
write_keyring($node, generation(1, 'active', $old), generation(3, 'retired', $third));
reload_sessions($node, $holder);
is(
	outcome(
		$holder,
		q{INSERT INTO filled SELECT n, caas_seal(caas_uuid('filled', n), 'E' || n, 'filled'), caas_blind_index('E' || n, 'filled', 20, 'casefold') FROM generate_series(1, 5000) n}
	),
	'',
	'an application fills a table'
);
$sql->('VACUUM (ANALYZE) filled');
my $size = $sql->(q{SELECT pg_relation_size('filled')});
write_keyring($node, generation(1, 'retired', $old), generation(3, 'active', $third));
reload_sessions($node, $holder);
is(
	call_ended(begin_call($node, q{CALL caas_rotate('filled')})),
	'5000 rows changed, 0 conflicts',
	'its values and indexes are renewed by its label'
);
cmp_ok($sql->(q{SELECT pg_relation_size('filled')}), '<', 1.5 * $size, 'in the room that the old rows leave');
is(
	$sql->(
		q{SELECT count(*) FROM filled WHERE caas_open(caas_uuid('filled', id), sealed, 'filled') = 'E' || id AND index = caas_blind_index('e' || id, 'filled', 20) AND caas_generation(sealed) = 3}
	),
	'5000',
	'and right'
);

# ---- lag of a standby, and a standby itself ----

my $standby = PostgreSQL::Test::Cluster->new('standby');
$node->backup('base');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
fill('lagging', 2000);
$node->wait_for_catchup($standby);
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
$job = begin_call($node, q{CALL caas_backfill('lagging', batch_ms => 1, max_lag_bytes => 10000)});
wait_until($node, q{SELECT rows_done > 0 FROM caas_progress WHERE relation = 'lagging'::regclass});
wait_until($node,
	q{SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'Extension' AND query ~ 'lagging' AND pid <> pg_backend_pid())}
);
cmp_ok(left('lagging'), '>', 0, 'a job waits for a standby that lags');
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
is(call_ended($job), '2000 rows changed, 0 conflicts', 'and goes on');
$sql->(
	'CREATE ROLE lagger LOGIN; GRANT EXECUTE ON PROCEDURE caas_backfill TO lagger; GRANT SELECT, UPDATE ON lagging TO lagger'
);
is(
	call_ended(begin_call($node, q{SET ROLE lagger; CALL caas_backfill('lagging', max_lag_bytes => 1)})) =~
		/25001|42501/ ? 1 : 0,
	1,
	'a role that does not see the lag is refused'
);
$node->wait_for_catchup($standby);
my ($code, $out, $error) = $standby->psql('postgres', q{CALL caas_backfill('lagging')});
like($error, qr/read-only transaction|recovery/, 'a standby refuses the job');
is($standby->safe_psql('postgres', q{SELECT plaintext, protected FROM caas_check('lagging') WHERE kind = 'sealed'}),
	'0|2000', 'and runs caas_check');

my $shown = '';
IPC::Run::run([ $ENV{CAAS} // 'caas', 'table', 'status', '-d', $standby->connstr('postgres') ], '>', \$shown, '2>&1');
like($shown, qr/lagging.*ssn_sealed/, 'and the program shows its columns');

$_->quit for $holder;
$standby->stop;
$node->stop;
unlike(slurp_file($_->logfile), qr/'[es]\d+'/, 'no value in the log') for $node, $standby;
done_testing();
