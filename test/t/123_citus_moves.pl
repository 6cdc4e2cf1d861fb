# On Citus shards of protected tables move between workers while they are written to, and the keyring is rotated over the nodes,
# without the loss of a value.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use CitusNodes;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => citus_missing() if citus_missing();

my @secrets = map { random_secret() } 1 .. 3;

# The keyring of so many generations, with $active as the active one.
sub keyring
{
	my ($active, $generations) = @_;
	return map { generation($_, $_ == $active ? 'active' : 'retired', $secrets[ $_ - 1 ]) } 1 .. $generations;
}

my @nodes = citus_nodes(environment => { PGOPTIONS => with_key() }, keyring => [ keyring(1, 1) ]);
my ($coordinator, @workers) = @nodes;
$ENV{PGOPTIONS} = with_key() . ' -c client_min_messages=notice';
my $sql = sub { return $coordinator->safe_psql('postgres', @_); };

sub reload
{
	for my $node (@_)
	{
		my $before = $node->safe_psql('postgres', 'SELECT pg_conf_load_time()');
		$node->reload;
		wait_until($node, "SELECT pg_conf_load_time() > '$before'");
	}
	return;
}

# ---- shards that move ----

my %columns = (
	ordinary => 'email text CHECK (email IS NULL), digest text, ssn text CHECK (ssn IS NULL), sealed bytea',
	partitioned => 'email text CHECK (email IS NULL), digest text, ssn text CHECK (ssn IS NULL), sealed bytea',
	always => 'email text CHECK (email IS NULL), digest text, ssn text CHECK (ssn IS NULL), sealed bytea',
	generated => 'email text, digest text GENERATED ALWAYS AS (caas_encrypt(id, email)) STORED, ssn text, sealed bytea'
);
for my $name (sort keys %columns)
{
	my $partition = $name eq 'partitioned' ? 'PARTITION BY LIST (day)' : '';
	$sql->(
		"SET client_min_messages = error; CREATE TABLE $name (id uuid, day integer, $columns{$name}, PRIMARY KEY (id, day)) $partition"
	);
	$sql->("CREATE TABLE day_$_ PARTITION OF $name FOR VALUES IN ($_)") for $partition ? (0, 1) : ();
	$sql->(
		"SET client_min_messages = error; SELECT create_distributed_table('$name', 'id', colocate_with := 'none', shard_count := 2)"
	);
	next if $name eq 'generated';
	$sql->(
		"SET client_min_messages = error; SET citus.enable_unsafe_triggers = on;
		CREATE TRIGGER e BEFORE INSERT OR UPDATE ON $name FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
		CREATE TRIGGER s BEFORE INSERT OR UPDATE ON $name FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'ssn=sealed\@c')"
	);
}
$sql->("SET citus.enable_unsafe_triggers = on; ALTER TABLE always ENABLE ALWAYS TRIGGER $_") for 'e', 's';

# Writes rows, each in two transactions, until there is a row in the table stop.
$sql->(
	q{CREATE TABLE stop (at timestamptz);
	CREATE PROCEDURE keep_writing(name text) LANGUAGE plpgsql AS $$
	DECLARE n integer := 0; user_id uuid;
	BEGIN
		WHILE NOT EXISTS (SELECT FROM stop) LOOP
			n := n + 1;
			user_id := md5(n::text)::uuid;
			EXECUTE format('INSERT INTO %I (id, day, email, ssn) VALUES ($1, $2, $3, $3)', name) USING user_id, n % 2, 'first' || n;
			COMMIT;
			EXECUTE format('UPDATE %I SET email = $2, ssn = $2 WHERE id = $1', name) USING user_id, 'e' || n;
			COMMIT;
		END LOOP;
		RAISE NOTICE 'wrote % rows', n;
	END$$}
);

# The CALL that moves the first shard of a table to the other worker.
sub move
{
	my ($name) = @_;
	return begin_call(
		$coordinator,
		sprintf
			q{SELECT citus_move_shard_placement(shardid, nodename, nodeport, '127.0.0.1', CASE nodeport WHEN %1$d THEN %2$d ELSE %1$d END, 'force_logical')
		FROM citus_shards WHERE table_name = '%3$s'::regclass ORDER BY shardid LIMIT 1}, $workers[0]->port,
		$workers[1]->port, $name
	);
}

sub placements
{
	my ($name) = @_;
	return $sql->(
		"SELECT string_agg(nodeport::text, ' ' ORDER BY shardid) FROM citus_shards WHERE table_name = '$name'::regclass"
	);
}

sub exempt
{
	my ($value) = @_;
	for my $node (@nodes)
	{
		$node->append_conf('postgresql.conf', "caas.exempt_workers = $value");
		reload($node);
	}
	return;
}

# Moves a shard while rows are written, and counts what arrived. meanwhile: what is done during the move.
sub move_under_writes
{
	my ($table, $meanwhile) = @_;
	my ($name) = $table =~ /^(\w+)/;
	my $before = placements($name =~ /^partitioned/ ? 'day_0' : $name);
	my $writer = begin_call($coordinator, "CALL keep_writing('$name')");
	wait_until($coordinator, "SELECT count(*) > 20 FROM $name");
	my $mover = move($name eq 'partitioned' ? 'day_0' : $name);
	$meanwhile->($mover) if $meanwhile;
	$mover->{run}->finish;
	is($mover->{error} =~ s/^NOTICE.*\n//mgr, '', "$name: a shard is moved");
	isnt(placements($name =~ /^partitioned/ ? 'day_0' : $name), $before, 'to the other worker');
	my $at = $sql->("SELECT count(*) FROM $name");
	wait_until($coordinator, "SELECT count(*) > $at + 20 FROM $name");
	$sql->('INSERT INTO stop VALUES (now())');
	$writer->{run}->finish;
	$sql->('DELETE FROM stop');
	my ($rows) = $writer->{error} =~ /wrote (\d+) rows/;
	ok($rows, "$name: the writer wrote to its end") || diag($writer->{error});
	my $sealed = $name eq 'generated' ? 'true' : q{ssn IS NULL AND caas_open(id, sealed, 'c') = 'e' || n};
	is(
		$sql->(
			"SELECT count(*) FROM $name JOIN generate_series(1, $rows) n ON id = md5(n::text)::uuid WHERE caas_verify(id, 'e' || n, digest) AND $sealed"
		),
		$rows,
		"and each row has its last values"
	);
	is($sql->("SELECT count(*) FROM $name"), $rows, 'none twice');
	return;
}

# Waits until an apply worker was refused, or until the move has ended where that may come first, and lets it in.
sub let_in
{
	my ($may_end) = @_;
	my @ends = map { -s $_->logfile } @workers;
	my $refused =
		qr/ERROR:  no accepted API key\n.*HINT:  Autovacuum and logical replication workers .*caas\.exempt_workers = on/;
	return sub {
		my ($mover) = @_;
		my $tries = 10 * $PostgreSQL::Test::Utils::timeout_default;
		until (grep { slurp_file($workers[$_]->logfile, $ends[$_]) =~ $refused } 0, 1)
		{
			die 'no apply worker was refused' if --$tries == 0;
			$mover->{run}->pump_nb;
			last if $may_end && !$mover->{run}->pumpable;
			select undef, undef, undef, 0.1;
		}
		pass('an apply worker that computes is refused, and the move waits') unless $may_end;
		exempt('on');
		return;
	};
}

move_under_writes('ordinary');
move_under_writes('partitioned');
move_under_writes('generated', let_in());
exempt('off');
# Citus creates the triggers when most changes have arrived, so the apply worker may never fire them.
move_under_writes('always', let_in('may end'));
exempt('off');

my $uneven = placements('ordinary');
$sql->(q{SELECT rebalance_table_shards('ordinary', shard_transfer_mode := 'force_logical')});
isnt(placements('ordinary'), $uneven, 'the rebalancer moves a shard');
my $count = $sql->('SELECT count(*) FROM ordinary');
is(
	$sql->(
		q{SELECT count(*) FROM ordinary JOIN generate_series(1, 1000000) n ON id = md5(n::text)::uuid WHERE n <= (SELECT count(*) FROM ordinary) AND caas_verify(id, 'e' || n, digest)}
	),
	$count,
	'without loss'
);

# ---- the keyring ----

# Whether the nodes have the same secrets, and what each has as the active generation.
my $agree =
	q{SELECT count(DISTINCT result) FROM pg_catalog.run_command_on_all_nodes($$SELECT pg_catalog.string_agg(pg_catalog.format('%s %s', generation, check_value), ', ' ORDER BY generation) FROM caas_keyring()$$)};
my $active =
	q{SELECT string_agg(result, ' ' ORDER BY nodeid) FROM run_command_on_all_nodes('SELECT generation FROM caas_keyring() WHERE state = ''active''')};
my $ada = '4dbcbcfe-4800-40a8-badf-c26b73af230c';
$sql->(
	"SET client_min_messages = error; CREATE TABLE users (id uuid PRIMARY KEY, digest text, ssn bytea); SELECT create_distributed_table('users', 'id');
	INSERT INTO users (id, digest) SELECT u, caas_encrypt(u, 'e' || n) FROM generate_series(1, 100) n, CAST(md5(n::text) AS uuid) u"
);
$sql->(
	qq{INSERT INTO users SELECT u, NULL, caas_seal(u, 's' || n, 'c') FROM generate_series(1, 100) n, CAST(md5(n::text) AS uuid) u
	ON CONFLICT (id) DO UPDATE SET ssn = EXCLUDED.ssn}
);
my $right =
	q{SELECT count(*) FROM users JOIN generate_series(1, 100) n ON id = md5(n::text)::uuid WHERE caas_verify(id, 'e' || n, digest) AND caas_open(id, ssn, 'c') = 's' || n};
my $write =
	"INSERT INTO users VALUES ('$ada', caas_encrypt('$ada', '%s'), caas_seal('$ada', 'x', 'c')) ON CONFLICT (id) DO UPDATE SET digest = EXCLUDED.digest, ssn = EXCLUDED.ssn";
my $verify = "SELECT caas_verify(id, '%s', digest) FROM users WHERE id = '$ada'";

sub distribute
{
	my ($active_generation, $generations, @to) = @_;
	write_keyring($_, keyring($active_generation, $generations)) for @to;
	reload(@to);
	return;
}

distribute(1, 2, $coordinator);
is($sql->($agree), '2', 'while the new generation is on one node, the check values differ');
distribute(1, 2, @workers);
is($sql->($agree), '1', 'staged everywhere, they are equal');
is($sql->($right), '100', 'and every value verifies and opens');
distribute(2, 2, $coordinator);
is($sql->($active), '2 1 1', 'activated on the coordinator first');
$sql->(sprintf $write, 'second');
is($sql->(sprintf $verify, 'second'), 't', 'its new values verify on workers where the generation is staged');
is($sql->($right), '100', 'so do old ones');
my $reseal = q{UPDATE users SET ssn = caas_reseal(id, ssn, 'c', 2)};
like(
	($coordinator->psql('postgres', $reseal))[2],
	qr/ERROR:  .*generation/,
	'resealing for generation 2 fails where it is not active'
);
my $generations =
	q{SELECT string_agg(DISTINCT caas_generation(ssn)::text, ' ') FROM users WHERE id <> '4dbcbcfe-4800-40a8-badf-c26b73af230c'};
is($sql->($generations), '1', 'and has changed nothing');
distribute(2, 2, @workers);
is($sql->($active), '2 2 2', 'activated everywhere');
$sql->($reseal);
is($sql->($generations), '2', 'all shards are resealed');
is($sql->($right), '100', 'without loss');
$sql->($reseal);
is($sql->($right), '100', 'nor when it runs again');

# What the order of steps prevents.
distribute(3, 3, $coordinator);
$sql->(sprintf $write, 'third');
is($sql->(sprintf $verify, 'third'), 'f', 'a value of a generation that a worker does not have does not verify there');
distribute(3, 3, @workers);
is($sql->(sprintf $verify, 'third'), 't', 'until it has it');

$_->stop for @nodes;
unlike(slurp_file($_->logfile), qr/\Q@{[ api_key() ]}\E/, $_->name . ': no key in the log') for @nodes;
done_testing();
