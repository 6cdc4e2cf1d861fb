# EXPLAIN and maintenance commands over caas: which compute, and so need the key, and what they say without it.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = caas_node('maintenance');
$node->start;
{
	local $ENV{PGOPTIONS} = with_key();
	$node->safe_psql(
		'postgres', q{
		CREATE EXTENSION caas;
		CREATE TABLE users (id uuid PRIMARY KEY, email text, digest text GENERATED ALWAYS AS (caas_encrypt(id, email)) STORED);
		CREATE INDEX users_digest ON users (caas_encrypt(id, email));
		CREATE TABLE plain (id uuid, email text);
		INSERT INTO users SELECT md5(n::text)::uuid, 'user' || n || '@example.com' FROM generate_series(1, 300) n;
		INSERT INTO plain SELECT id, email FROM users;
		ALTER TABLE users CLUSTER ON users_pkey;
		CREATE MATERIALIZED VIEW digests AS SELECT id, caas_encrypt(id, email) AS digest FROM users}
	);
}
my $call = q{caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'plaintext of Ada')};

# Computes nothing.
my @free = (
	'EXPLAIN SELECT caas_encrypt(id, email) FROM users',
	'EXPLAIN INSERT INTO users SELECT gen_random_uuid(), email FROM users',
	'CREATE TABLE empty (id uuid, email text, digest text GENERATED ALWAYS AS (caas_encrypt(id, email)) STORED)',
	'CREATE INDEX empty_digest ON empty (caas_encrypt(id, email))',
	'DROP TABLE empty',
	'VACUUM users',
	'CREATE VIEW digested AS SELECT caas_encrypt(id, email) FROM users',
	'DROP VIEW digested',
	'CREATE STATISTICS users_expression ON (caas_encrypt(id, email)) FROM users',
	'ALTER TABLE users ALTER digest SET STATISTICS 0',
	'ALTER INDEX users_digest RENAME TO users_by_digest'
);
# Computes; each is done again with the key.
my @computing = (
	"EXPLAIN SELECT $call",
	"EXPLAIN SELECT * FROM users WHERE digest = $call",
	'EXPLAIN ANALYZE SELECT caas_encrypt(id, email) FROM users',
	'EXPLAIN ANALYZE UPDATE users SET email = email',
	'CREATE INDEX plain_digest ON plain (caas_encrypt(id, email))',
	'REINDEX INDEX users_by_digest',
	'REINDEX TABLE users',
	'VACUUM FULL users',
	'CLUSTER users USING users_pkey',
	'ANALYZE users',
	'VACUUM ANALYZE users',
	'ALTER TABLE users ADD CHECK (digest = caas_encrypt(id, email))',
	'ALTER TABLE plain ADD digest text GENERATED ALWAYS AS (caas_encrypt(id, email)) STORED',
	'REFRESH MATERIALIZED VIEW digests',
	'CREATE TABLE copied AS SELECT caas_encrypt(id, email) FROM users'
);
my @programs = (
	[ 'vacuumdb', '--analyze', 'postgres' ],
	[ 'vacuumdb', '--full', 'postgres' ],
	[ 'vacuumdb', '--analyze-only', '-j', 2, 'postgres' ],
	[ 'reindexdb', 'postgres' ],
	[ 'clusterdb', '--table', 'users', 'postgres' ]
);

my $state = q{SELECT count(*), md5(string_agg(digest, ',' ORDER BY id)) FROM users
	UNION ALL SELECT count(*), string_agg(indexrelid::regclass::text, ',') FROM pg_index WHERE NOT indisvalid
	UNION ALL SELECT count(*), '' FROM digests UNION ALL SELECT count(*), '' FROM pg_attribute WHERE attrelid = 'plain'::regclass};
my $before = $node->safe_psql('postgres', $state);
is($node->psql('postgres', $_), 0, "without the key: $_") for @free;
for my $sql (@computing)
{
	my ($code, $out, $error) = $node->psql('postgres', $sql);
	is($code, 3, "refused without the key: $sql");
	like($error, qr/ERROR:  no accepted API key\n.*HINT:  Set caas\.api_key in this session/, 'as the message says');
}
$node->command_fails_like($_, qr/no accepted API key\nHINT:  Set caas\.api_key/, "refused without the key: @$_")
	for @programs;
is($node->safe_psql('postgres', $state), $before, 'what was refused changed nothing');

# A concurrent build leaves an index that is not valid, as after any error; it goes by DROP INDEX.
my ($code, $out, $error) =
	$node->psql('postgres', 'CREATE INDEX CONCURRENTLY plain_later ON plain (caas_encrypt(id, email))');
like($error, qr/no accepted API key/, 'refused without the key: CREATE INDEX CONCURRENTLY');
is(
	$node->safe_psql(
		'postgres',
		'SELECT indisvalid FROM pg_index WHERE indexrelid = $$plain_later$$::regclass; DROP INDEX plain_later'
	),
	'f',
	'its index is not valid'
);

# With the key each of them works. Maintenance runs as the table's owner, who needs EXECUTE.
{
	local $ENV{PGOPTIONS} = with_key();
	is($node->psql('postgres', $_), 0, "with the key: $_") for @computing, 'REINDEX INDEX CONCURRENTLY users_by_digest';
	$node->command_ok($_, "with the key: @$_") for @programs;
	is($node->safe_psql('postgres', 'SELECT count(*) FROM users WHERE caas_verify(id, email, digest)'),
		'300', 'and the digests are right');
	cmp_ok($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stats WHERE tablename = 'users_by_digest'}),
		'>', 0, 'with statistics of the index');

	$node->safe_psql('postgres',
		'CREATE ROLE owner; GRANT CREATE ON SCHEMA public TO owner; ALTER TABLE users OWNER TO owner');
	($code, $out, $error) = $node->psql('postgres', 'ANALYZE users');
	like($error, qr/permission denied for function caas_encrypt/, 'the owner needs EXECUTE for ANALYZE by anyone');
	$node->safe_psql('postgres', 'GRANT EXECUTE ON FUNCTION caas_encrypt(uuid, text) TO owner; ANALYZE users');
}
$node->stop;
my $log = slurp_file($node->logfile);
my $key = api_key();
unlike($log, qr/user\d+\@example|plaintext of Ada|\Q$key\E/, 'neither plaintext nor key in the log');

done_testing();
