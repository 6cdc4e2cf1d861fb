# caas_residue: what other sessions, replication and the settings of the server keep; each is gone after its command.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = caas_node('residue', extra => { allows_streaming => 'logical' });
$node->append_conf('postgresql.conf', "max_prepared_transactions = 5\nautovacuum = off\nwal_keep_size = '64MB'");
my $has_statements = -e `pg_config --pkglibdir` =~ s/\n//r . '/pg_stat_statements.so';
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_stat_statements'") if $has_statements;
$node->start;
local $ENV{PGOPTIONS} = with_key();
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION caas;
	CREATE TABLE users (id uuid PRIMARY KEY, email text, large text);
	INSERT INTO users SELECT md5(n::text)::uuid, 'user' || n, (SELECT string_agg(md5(n::text || m::text), '') FROM generate_series(1, 200) m)
		FROM generate_series(1, 100) n;
	SELECT count(*) FROM caas_protect('users', 'id', 'email=email_digest', 'large=large_sealed@users.large');
	CREATE PUBLICATION pub FOR TABLE users}
);

# The objects of the rows that match, in their order.
sub objects
{
	my ($pattern) = @_;
	return $node->safe_psql('postgres',
		"SELECT object FROM caas_residue('users') WHERE object ~ '$pattern' ORDER BY step");
}

sub command_of
{
	my ($object) = @_;
	return $node->safe_psql('postgres', "SELECT command FROM caas_residue('users') WHERE object ~ '$object' LIMIT 1");
}
is(
	objects('^(replication slot|prepared|session|table|TOAST|WAL archive|server log|publication|setting)'),
	"setting autovacuum\npublication pub",
	'before any row has changed'
);

# Old rows: in the table and its TOAST table, until it is written anew.
$node->safe_psql('postgres', 'UPDATE users SET email = email');
ok(
	$node->poll_query_until(
		'postgres', q{SELECT count(*) = 2 FROM caas_residue('users') WHERE object = 'table public.users'}
	),
	'dead rows and their space'
);
my $slot = 'holds';
$node->safe_psql('postgres', "SELECT pg_create_logical_replication_slot('$slot', 'test_decoding')");
$node->safe_psql('postgres',
	"BEGIN; UPDATE users SET email = 'x' WHERE false; SELECT txid_current(); PREPARE TRANSACTION 'it''s'");
my $session = open_session($node);
$session->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM users');
my $pid = $session->query_safe('SELECT pg_backend_pid()');
is(
	objects('^(replication slot|prepared|session|table)'),
	"prepared transaction 'it''s'\nsession $pid\ntable public.users\ntable public.users\nreplication slot $slot",
	'what holds VACUUM comes before it'
);
$node->safe_psql('postgres', command_of('^prepared'));
$node->safe_psql('postgres', command_of('^session'));
$node->safe_psql('postgres', command_of('^replication slot'));
eval { $session->quit };
ok(
	$node->poll_query_until(
		'postgres',
		q{SELECT count(*) = 0 FROM caas_residue('users') WHERE object ~ '^(replication slot|prepared|session)'}
	),
	'their commands end them'
);
$node->safe_psql('postgres', 'VACUUM users');
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM caas_residue('users') WHERE object ~ '^table'}),
	'VACUUM removes dead rows, not their bytes');
ok(occurs('user77'), 'which are in the file');
$node->safe_psql('postgres', command_of('^table'));
is(objects('^(table|TOAST)'), '', 'VACUUM FULL does');
ok(!occurs('user77'), 'and the file has them no more');

# True when the table's file holds the text.
sub occurs
{
	my ($text) = @_;
	$node->safe_psql('postgres', 'CHECKPOINT');
	my $path = $node->data_dir . '/' . $node->safe_psql('postgres', q{SELECT pg_relation_filepath('users')});
	return index(slurp_file($path), $text) >= 0;
}

# Statements.
SKIP:
{
	skip 'there is no pg_stat_statements here', 3 if !$has_statements;
	is(objects('^pg_stat'), '', 'without the extension');
	$node->safe_psql('postgres', 'CREATE EXTENSION pg_stat_statements');
	is(objects('^pg_stat'), 'pg_stat_statements', 'pg_stat_statements');
	$node->safe_psql('postgres', command_of('^pg_stat'));
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_statements WHERE query ~ 'UPDATE users'}),
		'0', 'its command forgets the statements');
	$node->safe_psql('postgres', 'DROP EXTENSION pg_stat_statements');
}
$node->append_conf('postgresql.conf',
	"log_min_duration_statement = '1h'\nautovacuum = on\narchive_mode = on\narchive_command = 'true'");
$node->restart;
is(objects('^(server log|WAL archive|setting)'), "server log\nWAL archive", 'settings');
like(
	$node->safe_psql('postgres', q{SELECT what FROM caas_residue('users') WHERE object = 'WAL'}),
	qr/wal_keep_size keeps 64MB/,
	'wal_keep_size'
);

# A standby shows its own slots, and changes nothing.
$node->safe_psql('postgres', q{SELECT pg_create_physical_replication_slot('standby', true)});
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('residue_standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf',
	"primary_slot_name = 'standby'\nhot_standby_feedback = on\nwal_receiver_status_interval = 1");
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('postgres', q{SELECT count(*) > 0 FROM caas_residue('users')}), 't', 'on a standby');
ok(
	$node->poll_query_until(
		'postgres', q{SELECT count(*) = 2 FROM caas_residue('users') WHERE object = 'replication slot standby'}
	),
	'a standby with feedback holds VACUUM and WAL'
);
my ($code, $out, $error) = $standby->psql('postgres', q{SELECT * FROM caas_protect('users', 'id', 'email=other')});
like($error, qr/cannot execute caas_protect\(\) in a read-only transaction/, 'caas_protect: refused on a standby');
($code, $out, $error) = $standby->psql('postgres', q{SELECT * FROM caas_protect_plan('users', 'id', 'email=other')});
like($error, qr/names column "email" already/, 'caas_protect_plan: answers on a standby');
$standby->stop;
$node->stop;
done_testing();
