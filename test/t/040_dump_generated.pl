# pg_dump and pg_restore of a generated column and an expression index: the restoring session computes, with the key.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = caas_node('dump');
$node->start;
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
my $digests = 'SELECT id, email, digest FROM users ORDER BY id';
my $key = api_key();
{
	local $ENV{PGOPTIONS} = with_key();
	$node->safe_psql(
		'postgres', q{
		CREATE EXTENSION caas;
		CREATE ROLE app;
		GRANT EXECUTE ON FUNCTION caas_encrypt(uuid, text) TO app;
		CREATE TABLE users (id uuid PRIMARY KEY, email text,
			digest text UNIQUE GENERATED ALWAYS AS (caas_encrypt(id, email)) STORED);
		CREATE INDEX users_first ON users (caas_encrypt(id, email, 1));
		INSERT INTO users SELECT md5(n::text)::uuid, 'user' || n || '@example.com' FROM generate_series(1, 500) n}
	);
}
my $before = $node->safe_psql('postgres', $digests);

# A dump reads what is stored: no key, no digest of a generated column, no secret.
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, 'postgres' ], 'pg_dump needs no key');
my ($stdout) = run_command([ 'pg_restore', '-f', '-', $dump ]);
like($stdout, qr/CREATE EXTENSION IF NOT EXISTS caas WITH SCHEMA public/, 'the extension is dumped by its name');
like(
	$stdout,
	qr/digest text GENERATED ALWAYS AS \(public\.caas_encrypt\(id, email\)\) STORED/,
	'the expression is qualified'
);
like(
	$stdout,
	qr/GRANT ALL ON FUNCTION public\.caas_encrypt\(uuid, text\) TO app/,
	'so is the privilege that was granted'
);
unlike($stdout, qr/CREATE FUNCTION|[0-9a-f]{64}/, 'neither functions nor digests are in the dump');

# No key can be stored, so that none is among the globals.
$node->psql('postgres', "ALTER ROLE app SET caas.api_key = '$key'");
{
	local $ENV{PGOPTIONS} = with_key();
	($stdout) = run_command([ 'pg_dumpall', '--globals-only', '-d', $node->connstr('postgres') ]);
}
like($stdout, qr/CREATE ROLE app/, 'pg_dumpall dumps the roles');
unlike($stdout, qr/caas\.api_key|\Q$key\E/, 'without a key');

sub restore
{
	my ($database, @options) = @_;
	my ($output, $error) = run_command([ 'pg_restore', '-d', $node->connstr($database), @options, $dump ]);
	return $error;
}
$node->safe_psql('postgres', 'CREATE DATABASE ' . $_) for qw(nokey whole single parallel data rotated);

my $error = restore('nokey');
like($error, qr/COPY failed for table "users": ERROR:  no accepted API key/, 'without the key: the rows are refused');
like($error, qr/HINT:  Set caas\.api_key in this session/, 'and the hint says what to do');
is($node->safe_psql('nokey', 'SELECT count(*) FROM users'), '0', 'and no row is stored');
like(restore('nokey', '--data-only'), qr/no accepted API key/, 'nor by restoring the data alone');

local $ENV{PGOPTIONS} = with_key();
is(restore('whole'), '', 'with the key: restored without a word');
is($node->safe_psql('whole', $digests), $before, 'equal digests');
is(
	$node->safe_psql(
		'whole', q{SELECT has_function_privilege('app', 'caas_encrypt(uuid,text)', 'EXECUTE'),
	has_function_privilege('app', 'caas_verify(uuid,text,text)', 'EXECUTE')}
	),
	't|f',
	'the same privileges'
);
is(restore('single', '--single-transaction', '--exit-on-error'), '', 'in one transaction');
is($node->safe_psql('single', $digests), $before, 'in one transaction: equal digests');
is(restore('parallel', '-j', '2'), '', 'by two connections');
is($node->safe_psql('parallel', $digests), $before, 'by two connections: equal digests');
is(restore('data', '--schema-only'), '', 'schema first');
is(restore('data', '--data-only'), '', 'then data');
is($node->safe_psql('data', $digests), $before, 'schema, then data: equal digests');

# The column is computed again: under the generation that is active then.
my ($old) = grep { /^1 active/ } split /^/, slurp_file($node->{caas_keyring});
write_keyring($node, generation(2, 'active', random_secret()), $old =~ s/active/retired/r);
$node->reload;
$node->poll_query_until('postgres', 'SELECT active_generation = 2 FROM caas_status()') or die 'not reloaded';
is(restore('rotated'), '', 'after a rotation');
is($node->safe_psql('rotated', 'SELECT DISTINCT caas_verified_by(id, email, digest) FROM users'),
	'2', 'after a rotation: digests of the active generation');
is($node->safe_psql('whole', 'SELECT DISTINCT caas_verified_by(id, email, digest) FROM users'),
	'1', 'while stored ones stay as they are');

$node->stop;
unlike(slurp_file($node->logfile), qr/\Q$key\E|user\d+\@example/, 'neither plaintext nor key in the log');

done_testing();
