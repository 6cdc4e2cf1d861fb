# A rotation of sealed values while clients write loses nothing; then the old generation can go.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my ($rows, $writers, $portion) = (3000, 4, 100);
my ($old, $new) = (random_secret(), random_secret());
my $reseal = qq{UPDATE patients SET ssn = caas_reseal(id, ssn, 'patients.ssn') WHERE id IN (SELECT id FROM patients
	WHERE caas_generation(ssn) < (SELECT active_generation FROM caas_status()) LIMIT $portion FOR UPDATE SKIP LOCKED);};

my $node = caas_node('reseal', keyring => [ generation(1, 'active', $old) ]);
$node->start;
$ENV{PGOPTIONS} = with_key();
# The table of versions records what the last version of a row must hold; it is written in the same transaction.
$node->safe_psql(
	'postgres', qq{
	CREATE EXTENSION caas;
	CREATE TABLE patients (n serial PRIMARY KEY, id uuid UNIQUE DEFAULT gen_random_uuid(), version integer DEFAULT 1, ssn bytea, writer integer);
	CREATE INDEX patients_generation ON patients (caas_generation(ssn));
	CREATE TABLE versions (n integer, version integer, plain text, PRIMARY KEY (n, version));
	INSERT INTO patients (id, ssn) SELECT id, caas_seal(id, 'first', 'patients.ssn') FROM (SELECT md5(n::text)::uuid FROM generate_series(1, $rows) n) AS ids (id);
	INSERT INTO versions SELECT n, 1, 'first' FROM patients;
	ANALYZE patients}
);
my $kept = $node->safe_psql('postgres', 'SELECT ssn FROM patients WHERE n = 1');

my $folder = PostgreSQL::Test::Utils::tempdir();
append_to_file(
	"$folder/update.sql", qq{
\\set n random(21, $rows)
\\set v random(1, 1000000000)
BEGIN;
UPDATE patients SET version = version + 1, writer = pg_backend_pid(), ssn = caas_seal(id, 'ssn ' || :v, 'patients.ssn') WHERE n = :n RETURNING version \\gset
INSERT INTO versions VALUES (:n, :version, 'ssn ' || :v);
END;
}
);
append_to_file(
	"$folder/insert.sql", q{
\set v random(1, 1000000000)
BEGIN;
WITH new (id) AS (SELECT gen_random_uuid())
INSERT INTO patients (id, ssn, writer) SELECT id, caas_seal(id, 'new ' || :v, 'patients.ssn'), pg_backend_pid() FROM new RETURNING n \gset
INSERT INTO versions VALUES (:n, 1, 'new ' || :v);
END;
}
);
my ($out, $error) = ('', '');
my $load = IPC::Run::start(
	[
		'pgbench', '-n', '-c', $writers, '-j', 2, '-T', 180, '-f', "$folder/update.sql\@4", '-f',
		"$folder/insert.sql\@1", $node->connstr('postgres')
	],
	'>',
	\$out,
	'2>',
	\$error
);
my $written = sub {
	return $node->poll_query_until('postgres',
		"SELECT count(DISTINCT writer) = $writers AND count(*) > 50 FROM patients WHERE caas_generation(ssn) = $_[0] AND writer IS NOT NULL"
	);
};
$written->(1) or die "no load: $error";

# The new generation comes retired, then becomes active, and a session reseals portion by portion.
my $session = keyed_session($node);
write_keyring($node, generation(1, 'active', $old), generation(2, 'retired', $new));
reload_sessions($node, $session);
write_keyring($node, generation(1, 'retired', $old), generation(2, 'active', $new));
reload_sessions($node, $session);
my $left = 'SELECT count(*) FROM patients WHERE caas_generation(ssn) < (SELECT active_generation FROM caas_status())';
like(
	outcome($session, "SET enable_seqscan = off; SET enable_bitmapscan = off; EXPLAIN $left"),
	qr/Index (?:Only )?Scan using patients_generation/,
	'what is left is found by an index'
);
my ($portions, $all_write) = (0, 0);

for (1 .. 10000)
{
	is(outcome($session, $reseal), '', 'a portion') if $portions == 0;
	answer($session, $reseal);
	$portions++;
	$all_write ||= $written->(2);
	last if outcome($session, $left) eq '0' && $all_write;
}
cmp_ok($portions, '>=', ($rows - 500) / $portion / 2, 'resealed in portions');
ok($load->pumpable, 'while the clients wrote');
is(outcome($session, $left), '0', 'nothing of the old generation is left');
$load->signal('TERM');    # a shell lets what it starts in the background ignore INT
$load->finish;
# A transaction that the clients had sent to be committed ends after them.
$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'pgbench'")
	or die 'the clients are still there';

my $check =
	q{SELECT count(*), count(*) FILTER (WHERE caas_open(id, ssn, 'patients.ssn') = plain), count(*) FILTER (WHERE caas_generation(ssn) = 2),
	(SELECT count(*) FROM patients) FROM patients JOIN versions USING (n, version)};
my ($joined, $right, $active, $all) = split /\|/, outcome($session, $check);
cmp_ok($all, '>', $rows, 'rows were inserted meanwhile');
is("$joined $right $active", "$all $all $all", 'every row has its last version, opens and is of the new generation');
is(
	outcome(
		$session, 'SELECT count(*) FROM patients p WHERE version <> (SELECT count(*) FROM versions v WHERE v.n = p.n)'
	),
	'0',
	'no version is missing'
);
cmp_ok(outcome($session, 'SELECT count(*) FROM patients WHERE version = 1 AND writer IS NULL'),
	'>', 0, 'rows that no client wrote were resealed');
is(outcome($session, 'SELECT count(DISTINCT substr(ssn, 4, 16)) = count(*) FROM patients'),
	't', 'with nonces of their own');

# A value of before still opens, and reseals to one of now; without its generation neither.
my $id = outcome($session, 'SELECT id FROM patients WHERE n = 1');
is(outcome($session, "SELECT caas_open('$id', '$kept', 'patients.ssn')"), 'first', 'a value kept from before opens');
my $again = outcome($session, "SELECT caas_reseal('$id', '$kept', 'patients.ssn')");
is(outcome($session, "SELECT caas_open('$id', '$again', 'patients.ssn'), caas_sealed_info('$again')"),
	'first|(1,2,5)', 'and is resealed');
is(outcome($session, "SELECT caas_reseal('$id', '$again', 'patients.ssn')"), $again, 'once');
is(outcome($session, "SELECT caas_reseal('$id', '$kept', 'patients.ssn')"), $again, 'to the same bytes each time');
is(outcome($session, "SELECT caas_reseal('$id', '$kept', 'patients.ssn', 2)"),
	$again, 'and when the generation is named');
is(outcome($session, "SELECT caas_reseal('$id', '$_', 'patients.ssn', 1)"), '22023', 'which must be the active one')
	for $kept, $again;
is(outcome($session, "SELECT caas_reseal('$id', '$kept', 'patients.ssn', $_)"), '22023', "nor $_") for -1, 0, 3;
is(outcome($session, "SELECT caas_reseal('$id', '$kept', 'other')"), '39000', 'not in another context');
is(
	outcome(
		$session,
		"SELECT caas_reseal('$id', set_bit('$kept'::bytea, 300, 1 - get_bit('$kept'::bytea, 300)), 'patients.ssn')"
	),
	'39000',
	'nor when changed'
);
write_keyring($node, generation(2, 'active', $new));
reload_sessions($node, $session);
is(outcome($session, $check), "$all|$all|$all|$all", 'the old generation removed: every row opens');
is(outcome($session, "SELECT $_('$id', '$kept', 'patients.ssn')"), '22023', "but nothing of it: $_")
	for 'caas_open', 'caas_open_bytea', 'caas_reseal';
is(outcome($session, "SELECT caas_try_open('$id', '$kept', 'patients.ssn') IS NULL, caas_generation('$kept')"),
	't|1', 'caas_try_open is NULL, the head still says why');

# And back to the older one, as when an activation is undone.
write_keyring($node, generation(1, 'active', $old), generation(2, 'retired', $new));
reload_sessions($node, $session);
is(outcome($session, "SELECT caas_reseal('$id', '$again', 'patients.ssn')"),
	$again, 'a value of a higher number stays as it is when an older generation is active again');
is(outcome($session, "SELECT caas_open('$id', '$again', 'patients.ssn')"), 'first', 'and opens');
$session->quit;
$node->stop;
unlike(slurp_file($node->logfile), qr/ssn \d|new \d/, 'no plaintext in the log');

done_testing();
