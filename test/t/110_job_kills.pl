# A job ends at any moment, by cancel, by the end of its session or of the server, and goes on from there: every row is
# protected in the end, none loses its value, and no finished batch is repeated.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my $kills = $ENV{JOB_KILLS} // 12;
my $portion = $ENV{JOB_ROWS} // 1500 * $kills;
my $rows = 0;

my $node = caas_node('kills', preload => 'shared', extra => { allows_streaming => 0 });
$node->append_conf('postgresql.conf', "autovacuum = off\nrestart_after_crash = on");
$node->start;
$ENV{PGOPTIONS} = with_key();
# touched counts the updates of a row that were committed.
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION caas;
	CREATE TABLE people (id bigint PRIMARY KEY, email text, digest text, ssn text, ssn_sealed bytea, ssn_index bytea, touched integer NOT NULL DEFAULT 0);
	CREATE UNIQUE INDEX ON people (ssn_index) WHERE ssn_index IS NOT NULL;
	CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.touched := OLD.touched + 1; RETURN NEW; END$$;
	CREATE TRIGGER a BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id@people', 'email=digest');
	CREATE TRIGGER b BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id@people', 'ssn=ssn_sealed:ssn_index@people.ssn');
	CREATE TRIGGER c BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION touch()}
);

my $left = 'SELECT count(*) FROM people WHERE email IS NOT NULL OR ssn IS NOT NULL';
my $state = q{SELECT state, pid, rows_done FROM caas_progress};
my $protected_rows = 'SELECT count(digest) FROM people';
my $protected_before = 0;

# Adds rows that no trigger has seen.
sub add_rows
{
	my $first = $rows + 1;
	$rows += $portion;
	$node->safe_psql(
		'postgres', "BEGIN; ALTER TABLE people DISABLE TRIGGER USER;
		INSERT INTO people (id, email, ssn) SELECT n, 'e' || n, 's' || n FROM generate_series($first, $rows) n;
		ALTER TABLE people ENABLE TRIGGER USER; COMMIT"
	);
	return;
}

# Starts the job in a session of its own.
sub begin_job
{
	my ($pause) = @_;
	my %job = (out => '', error => '');
	$job{run} = IPC::Run::start(
		[
			'psql', '-XqAt', '-v', 'VERBOSITY=verbose', '-c',
			"CALL caas_backfill('people', batch_ms => 1, pause_ms => $pause)",
			$node->connstr('postgres')
		],
		'>',
		\$job{out},
		'2>',
		\$job{error}
	);
	return \%job;
}

# Waits until the job has changed more rows than before. Returns the pid of its backend.
sub wait_for_progress
{
	my ($before) = @_;
	$node->poll_query_until('postgres',
		"SELECT EXISTS (SELECT FROM caas_progress WHERE state = 'running' AND rows_done > $before)")
		or die 'the job makes no progress';
	# Without a pid, kill would reach the test's own processes.
	my $pid = $node->safe_psql('postgres', q{SELECT pid FROM caas_progress WHERE state = 'running'});
	return $pid =~ /\A[0-9]+\z/ ? $pid : die "the job was done before it could be ended\n";
}

my @ways = ('cancel', 'terminate', 'kill', 'stop');
my %ended;
my $before = 0;
for my $i (1 .. $kills)
{
	# On a slow machine a job does much before it is ended, and it has to be ended before it is done.
	add_rows() if $node->safe_psql('postgres', $left) < $portion / 2;
	my $way = $ways[ $i % @ways ];
	my $job = begin_job(300);
	my $pid = wait_for_progress($before);
	$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)") if $way eq 'cancel';
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)") if $way eq 'terminate';
	my $log_end = -s $node->logfile;
	kill 'KILL', $pid if $way eq 'kill';
	$node->stop('immediate') if $way eq 'stop';
	$job->{run}->finish;
	# A backend that was killed makes the server begin anew.
	wait_for_log($node, qr/database system is ready to accept connections/, $log_end) if $way eq 'kill';
	$ended{$way}++;
	$node->start if $way eq 'stop';
	# A crash empties the state, which is a hint: the next call passes by what was done.
	my $crashed = $way eq 'kill' || $way eq 'stop';
	my ($now, $now_pid, $done) = split /\|/, $node->safe_psql('postgres', $state);
	is(join('|', $now // '', $now_pid // ''), $crashed ? '|' : 'interrupted|', "ended by $way");
	my $protected = $node->safe_psql('postgres', $protected_rows);
	cmp_ok($protected, '>', $protected_before, "what was done by then stays: $protected rows");
	$protected_before = $protected;
	$before = $crashed ? 0 : $done;
}
is(join(' ', sort keys %ended), join(' ', sort @ways), "ended in every way, $kills times");

my $job = begin_job(0);
$job->{run}->finish;
like($job->{error}, qr/rows changed, 0 conflicts/, 'the last call ends');
is($node->safe_psql('postgres', $left), '0', 'every row is protected');
is(
	$node->safe_psql(
		'postgres',
		q{SELECT count(*) FROM people, caas_uuid('people', id) u WHERE caas_verify(u, 'e' || id, digest) AND caas_open(u, ssn_sealed, 'people.ssn') = 's' || id
			AND ssn_index = caas_blind_index('s' || id, 'people.ssn')}
	),
	$rows,
	'and has its values'
);
is($node->safe_psql('postgres', 'SELECT min(touched), max(touched) FROM people'), '1|1', 'no row was changed twice');
like($node->safe_psql('postgres', $state), qr/^done\|\|\d+$/, 'the state says that it is done');
$node->stop;
unlike(slurp_file($node->logfile), qr/'[es]\d+'/, 'no value in the log');
done_testing();
