# pg_dump and pg_restore of tables with caas_encrypt_trigger: a full restore stores the digests unchanged, a data-only
# restore fires the trigger.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = caas_node('dump');
$node->start;
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
my $in_place = 'SELECT id, email, note FROM in_place ORDER BY id';
my $beside = 'SELECT id, email, email_digest FROM beside ORDER BY id';
{
	local $ENV{PGOPTIONS} = with_key();
	$node->safe_psql(
		'postgres', q{
		CREATE EXTENSION caas;
		CREATE TABLE in_place (id uuid PRIMARY KEY, email text, note varchar(128));
		CREATE TABLE beside (id uuid PRIMARY KEY, email text, email_digest text);
		CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON in_place
			FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email', 'note');
		CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON beside
			FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=email_digest');
		INSERT INTO in_place SELECT md5(n::text)::uuid, 'user' || n || '@example.com', 'note ' || n FROM generate_series(1, 200) n;
		INSERT INTO beside SELECT md5(n::text)::uuid, 'user' || n || '@example.com' FROM generate_series(1, 200) n}
	);
}
my @before = map { $node->safe_psql('postgres', $_) } $in_place, $beside;
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, 'postgres' ], 'pg_dump');
my ($text) = run_command([ 'pg_restore', '-f', '-', $dump ]);
unlike($text, qr/user\d+\@example|note \d/, 'the dump has no plaintext');

sub restore
{
	my ($database, @options) = @_;
	my ($output, $error) = run_command([ 'pg_restore', '-d', $node->connstr($database), @options, $dump ]);
	return $error;
}

sub equal_to_before
{
	my ($database, $name) = @_;
	is($node->safe_psql($database, $in_place), $before[0], "$name: equal digests in place");
	is($node->safe_psql($database, $beside), $before[1], "$name: equal digests beside their source");
	return;
}

sub verifying
{
	my ($database) = @_;
	local $ENV{PGOPTIONS} = with_key();
	return $node->safe_psql(
		$database, q{SELECT count(*) FROM generate_series(1, 200) n
		JOIN in_place i ON i.id = md5(n::text)::uuid JOIN beside b ON b.id = i.id
		WHERE caas_verify(i.id, 'user' || n || '@example.com', i.email) AND caas_verify(i.id, 'note ' || n, i.note)
		AND caas_verify(b.id, 'user' || n || '@example.com', b.email_digest)}
	);
}
$node->safe_psql('postgres', "CREATE DATABASE $_") for qw(whole disabled fired keyless);

# A full restore creates triggers last, so it computes nothing and needs no API key.
is(restore('whole'), '', 'a full restore, without the key');
equal_to_before('whole', 'a full restore');
is(verifying('whole'), '200', 'a full restore: all verify');
{
	local $ENV{PGOPTIONS} = with_key();
	is(
		$node->safe_psql(
			'whole', q{
		INSERT INTO in_place VALUES (md5('new')::uuid, 'ada@example.com');
		SELECT caas_verify(id, 'ada@example.com', email) FROM in_place WHERE id = md5('new')::uuid}
		),
		't',
		'a full restore: the trigger works'
	);
}

# A data-only restore with triggers disabled.
is(restore('disabled', '--schema-only') . restore('disabled', '--data-only', '--disable-triggers'),
	'', 'data only with --disable-triggers, without the key');
equal_to_before('disabled', '--disable-triggers');

# A data-only restore with triggers enabled meets digests in place, which the trigger refuses, with the key or without it. With 'source=target' nothing changes.
is(restore('keyless', '--schema-only'), '', 'the schema');
my $error = restore('keyless', '--data-only');
like(
	$error,
	qr/COPY failed for table "in_place": ERROR:  the new value .* has the shape of a digest.*--disable-triggers/s,
	'data only, without the key: the table with digests in place is refused'
);
is($node->safe_psql('keyless', 'SELECT count(*) FROM in_place'), '0', 'no row of it is stored');
is($node->safe_psql('keyless', $beside), $before[1], 'digests beside their source are restored without the key');
{
	local $ENV{PGOPTIONS} = with_key();
	like(
		restore('fired', '--schema-only') . restore('fired', '--data-only'),
		qr/COPY failed for table "in_place": ERROR:  the new value .* has the shape of a digest/,
		'data only with the key: it is refused too'
	);
}
is($node->safe_psql('fired', $beside), $before[1], 'fired: equal digests beside their source');
is($node->safe_psql('fired', 'SELECT count(*) FROM in_place'), '0', 'fired: no row of it is stored');

$node->stop;
unlike(
	slurp_file($node->logfile),
	qr/user\d+\@example|note \d|COPY \w+, line/,
	'the log has neither plaintext nor a row of COPY'
);

done_testing();
