# caas_seal_trigger: data from pg_dump and COPY is restored byte for byte while the trigger fires. It needs only the API key.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($old, $new) = (random_secret(), random_secret());
my $node = caas_node('restore', keyring => [ generation(1, 'active', $old) ]);
$node->start;
my $folder = PostgreSQL::Test::Utils::tempdir();
my $rows = 'SELECT * FROM users ORDER BY id';
my $opened = q{SELECT count(*), count(*) FILTER (WHERE caas_open(id, ssn_sealed, 'public.users.ssn') = 'ssn ' || n
	AND caas_open(id, email_sealed, 'users.email') = 'user' || n || '@example.com'
	AND email_index = ANY (caas_blind_candidates('user' || n || '@example.com', 'users.email'))) FROM users};
my $schema =
	q{CREATE TABLE users (n int, id uuid PRIMARY KEY, ssn text, ssn_sealed bytea, email text, email_sealed bytea, email_index bytea UNIQUE);
	CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON users FOR EACH ROW
		EXECUTE FUNCTION caas_seal_trigger('id', 'ssn=ssn_sealed@public.users.ssn', 'email=email_sealed:email_index@users.email')};

sub insert
{
	my ($from, $to) = @_;
	local $ENV{PGOPTIONS} = with_key();
	$node->safe_psql(
		'postgres', qq{INSERT INTO users (n, id, ssn, email)
		SELECT n, md5(n::text)::uuid, 'ssn ' || n, 'user' || n || '\@example.com' FROM generate_series($from, $to) n}
	);
	return;
}

sub rotate
{
	write_keyring($node, @_);
	my $active = (grep { /active/ } @_)[0] =~ s/ .*//sr;
	$node->reload;
	$node->poll_query_until('postgres', "SELECT active_generation = $active FROM caas_status()") or die 'not reloaded';
	return;
}

# Restores the data into a fresh table with its trigger on; returns what pg_restore says.
sub restore
{
	my ($database, $dump) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, "CREATE EXTENSION caas; $schema");
	my ($output, $error) = run_command([ 'pg_restore', '--data-only', '-d', $node->connstr($database), $dump ]);
	return $error;
}

$node->safe_psql('postgres', "CREATE EXTENSION caas; $schema");
insert(1, 200);
$node->safe_psql('postgres', q{INSERT INTO users (n, id) VALUES (0, md5('0')::uuid)});
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$folder/old", 'postgres' ], 'pg_dump without the key');
$node->command_ok([ 'pg_dump', '-Fc', '--inserts', '-f', "$folder/inserts", 'postgres' ],
	'pg_dump --inserts without the key');
my $before = $node->safe_psql('postgres', $rows);

like(
	restore('nokey', "$folder/old"),
	qr/COPY failed for table "users": ERROR:  no accepted API key/,
	'without the key: refused'
);
is($node->safe_psql('nokey', 'SELECT count(*) FROM users'), '0', 'without the key: nothing is stored');

$ENV{PGOPTIONS} = with_key();
is(restore('data', "$folder/old"), '', 'data restored while the trigger fires');
is($node->safe_psql('data', $rows), $before, 'data: restored byte for byte');
is(restore('inserts', "$folder/inserts"), '', 'data restored from INSERT statements while the trigger fires');
is($node->safe_psql('inserts', $rows), $before, 'inserts: restored byte for byte');
is($node->safe_psql('data', $opened), '201|200', 'and everything opens');

# COPY TO and COPY FROM.
$node->safe_psql('postgres', "COPY users TO '$folder/users.copy' (FORMAT binary)");
$node->safe_psql('data', "TRUNCATE users; COPY users FROM '$folder/users.copy' (FORMAT binary)");
is($node->safe_psql('data', $rows), $before, 'COPY out and in: byte for byte');

# A rename of the table does not change the context: its values come back into the table of the new name.
$node->safe_psql('data',
	"ALTER TABLE users RENAME TO people; TRUNCATE people; COPY people FROM '$folder/users.copy' (FORMAT binary); ALTER TABLE people RENAME TO users"
);
is($node->safe_psql('data', $rows), $before, 'a renamed table: restored byte for byte');

# Value and context are UTF-8 for every encoding of the database: a value that a LATIN1 database sealed opens in this one.
my $french = q{CREATE TABLE french (id uuid, name text, name_sealed bytea, name_index bytea);
	CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON french FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'name=name_sealed:name_index@prénom')};
$node->safe_psql('postgres',
	"CREATE DATABASE latin1 TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'; $french");
$node->safe_psql(
	'latin1', qq{CREATE EXTENSION caas; SET client_encoding = 'UTF8'; $french;
	INSERT INTO french VALUES (md5('1')::uuid, 'Zoé'); COPY french TO '$folder/french' (FORMAT binary)}
);
is(
	$node->safe_psql(
		'postgres', qq{COPY french FROM '$folder/french' (FORMAT binary);
	SELECT caas_open(id, name_sealed, 'prénom'), name_index = caas_blind_index('Zoé', 'prénom'), octet_length(name_sealed) FROM french; DROP TABLE french}
	),
	'Zoé|t|55',
	'from a LATIN1 database'
);

# After a rotation old rows are restored with their old indexes, beside new rows.
rotate(generation(2, 'active', $new), generation(1, 'retired', $old));
insert(201, 300);
my $both = $node->safe_psql('postgres', $rows);
is(
	$node->safe_psql(
		'postgres', 'SELECT caas_generation(email_sealed), count(*) FROM users WHERE n > 0 GROUP BY 1 ORDER BY 1'
	),
	"1|200\n2|100",
	'rows of two generations'
);
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$folder/both", 'postgres' ], 'pg_dump of rows of two generations');
is(restore('rotated', "$folder/both"), '', 'restored under the newer keyring');
is($node->safe_psql('rotated', $rows), $both, 'byte for byte');
is($node->safe_psql('rotated', $opened), '301|300', 'and everything opens');

# A value of a generation that the keyring lacks is refused.
rotate(generation(2, 'active', $new));
like(
	restore('removed', "$folder/both"),
	qr/the keyring has no such generation\nHINT:  The value is one for column "ssn_sealed" of relation "users"/,
	'a value of a generation that was removed: refused'
);
is($node->safe_psql('removed', 'SELECT count(*) FROM users'),
	'0', 'a value of a generation that was removed: nothing is stored');
$node->safe_psql('rotated', 'UPDATE users SET n = n + 1000');
is($node->safe_psql('rotated', 'SELECT count(*) FROM users WHERE n >= 1000'),
	'301', 'rows that are stored already can be updated');

$node->stop;
unlike(slurp_file($node->logfile), qr/user\d+\@example|ssn \d/, 'the log has no plaintext');
unlike(slurp_file("$folder/users.copy"), qr/user\d+\@example|ssn \d/, 'the file of COPY has no plaintext');

done_testing();
