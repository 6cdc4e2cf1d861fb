# The extension can be created in any schema, moved under what depends on it, and dropped without a trace.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = caas_node('schema');
$node->start;
local $ENV{PGOPTIONS} = with_key();

# All that a catalog could keep of it.
my $catalogs = join ' UNION ALL ',
	map { "SELECT '$_', count(*) FROM $_" }
	qw(pg_proc pg_depend pg_shdepend pg_description
	pg_shdescription pg_init_privs pg_type pg_class pg_attribute pg_trigger pg_namespace pg_extension pg_db_role_setting);
my $before = $node->safe_psql('postgres', $catalogs);
$node->safe_psql('postgres', 'CREATE EXTENSION caas; SELECT caas_version(); DROP EXTENSION caas');
is($node->safe_psql('postgres', $catalogs), $before, 'DROP EXTENSION leaves nothing');
is(
	$node->safe_psql(
		'postgres', q{
	CREATE EXTENSION caas;
	SELECT caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x') IS NULL;
	DROP EXTENSION caas;
	CREATE EXTENSION caas;
	SELECT caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x') IS NULL;
	DROP EXTENSION caas}
	),
	"f\nf",
	'created again in the session that has the library'
);

# In a schema that is in nobody's search_path.
$node->safe_psql(
	'postgres', q{
	CREATE SCHEMA private;
	CREATE EXTENSION caas SCHEMA private;
	CREATE TABLE users (id uuid, email text, digest text GENERATED ALWAYS AS (private.caas_encrypt(id, email)) STORED);
	CREATE INDEX users_email ON users (private.caas_encrypt(id, email));
	CREATE TABLE people (id uuid, email text);
	CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON people
		FOR EACH ROW EXECUTE FUNCTION private.caas_encrypt_trigger('id', 'email');
	CREATE VIEW verified AS SELECT u.id, private.caas_verify(u.id, u.email, u.digest) AND private.caas_verify(u.id, u.email, p.email) AS ok
		FROM users u JOIN people p USING (id)}
);

sub insert_and_verify
{
	my ($uuid) = @_;
	return $node->safe_psql(
		'postgres', qq{
		INSERT INTO users VALUES ('$uuid', 'ada\@example.com');
		INSERT INTO people VALUES ('$uuid', 'ada\@example.com');
		SELECT count(*), bool_and(ok) FROM verified}
	);
}
is(insert_and_verify('00000000-0000-0000-0000-000000000001'),
	'1|t', 'in another schema: column, index, trigger and view');
is(
	$node->safe_psql(
		'postgres', 'SELECT extension_version = library_version, keyring_loaded FROM private.caas_status()'
	),
	't|t',
	'in another schema: caas_status'
);
my ($code, $out, $error) = $node->psql('postgres', 'SELECT caas_version()');
like($error, qr/function caas_version\(\) does not exist/, 'in another schema: not found without its name');

# Moved under them, in an open session that has cached plans.
my $session = keyed_session($node);
$session->query_safe(q{PREPARE add AS INSERT INTO users VALUES ($1, 'ada@example.com')});
$session->query_safe(q{EXECUTE add('00000000-0000-0000-0000-00000000000a')});
$node->safe_psql('postgres', 'CREATE SCHEMA elsewhere; ALTER EXTENSION caas SET SCHEMA elsewhere');
$session->query_safe(q{EXECUTE add('00000000-0000-0000-0000-00000000000b')});
$session->quit;
$node->safe_psql('postgres', q{INSERT INTO people SELECT id, 'ada@example.com' FROM users WHERE id::text ~ '[ab]$'});
is(insert_and_verify('00000000-0000-0000-0000-000000000002'), '4|t', 'moved: column, index, trigger and view go on');
is(
	$node->safe_psql(
		'postgres',
		q{SELECT count(*) FROM pg_proc WHERE proname ~ '^caas_' AND pronamespace <> 'elsewhere'::regnamespace}
	),
	'0',
	'moved: no function stays behind'
);

# A dependent object blocks DROP EXTENSION, unless CASCADE is given.
($code, $out, $error) = $node->psql('postgres', 'DROP EXTENSION caas');
like($error, qr/cannot drop extension caas because other objects depend on it/, 'not dropped under what depends on it');
like($error, qr/column digest of table users.*trigger protect on table people/s, 'which is named');
$node->safe_psql('postgres', 'DROP EXTENSION caas CASCADE');
is($node->safe_psql('postgres', q{SELECT count(*) FROM users WHERE email = 'ada@example.com'}),
	'4', 'dropped by CASCADE: the rows stay');
is($node->safe_psql('postgres', q{SELECT count(*) FROM people WHERE email ~ '^[0-9a-f]{64,}$'}),
	'4', 'and their digests');
$node->safe_psql('postgres', 'DROP TABLE users, people; DROP SCHEMA private, elsewhere');
is($node->safe_psql('postgres', $catalogs), $before, 'and nothing else does');
$node->stop;

done_testing();
