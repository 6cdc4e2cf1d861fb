# Tables that were made with an older release: their values and triggers keep working after ALTER EXTENSION UPDATE, and in a
# restore of their dump. What a trigger has to change is an error that says what to write.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use File::Basename;
use File::Copy;
use PostgreSQL::Test::RecursiveCopy;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'needs a staged installation (CAAS_STAGE) that it can copy and change' unless $ENV{CAAS_STAGE};

my $stage = PostgreSQL::Test::Utils::tempdir() . '/stage';
PostgreSQL::Test::RecursiveCopy::copypath($ENV{CAAS_STAGE}, $stage);
local $ENV{CAAS_STAGE} = $stage;
my $share = `pg_config --sharedir`;
chomp $share;
my @older = map { /caas--(.+)\.sql$/ } sort glob 'test/upgrade/caas--*.sql';
copy("test/upgrade/caas--$_.sql", "$stage$share/extension/caas--$_.sql") for @older;
cmp_ok(scalar @older, '>=', 4, 'older releases');

my $node = caas_node('older', preload => 'session');
$node->start;
$ENV{PGOPTIONS} = with_key();
my $folder = PostgreSQL::Test::Utils::tempdir();
my ($ada, $bob) = ('4dbcbcfe-4800-40a8-badf-c26b73af230c', '65b4583e-d78b-5256-aa5a-851cf2f367b9');

# The schema that an older release took; the event trigger of the present one is not there yet.
my $digests = q{
	CREATE TABLE users (n serial, id uuid PRIMARY KEY, "Mixed Case" text, email text, digest text);
	CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'Mixed Case', 'email=digest');
	CREATE TABLE made (id uuid, email text, digest text GENERATED ALWAYS AS (caas_encrypt(id, email)) STORED);
	CREATE TABLE listed (id uuid, email text, digest text);
	CREATE TRIGGER protect BEFORE INSERT OR UPDATE OF id, email ON listed FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');};
my $sealed = q{
	CREATE TABLE patients (id uuid, ssn text, sealed bytea, index bytea UNIQUE, note text, note_sealed bytea);
	CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON patients FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'ssn=sealed:index@a context');
	CREATE INDEX ON patients (caas_generation(sealed));
	CREATE TABLE no_context (id uuid, ssn text, sealed bytea);
	CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON no_context FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'ssn=sealed');};

# Checks the values of each table before and after writes.
sub works
{
	my ($database, $has_sealed, $name) = @_;
	is(
		$node->safe_psql(
			$database,
			q{SELECT caas_verify(id, 'mixed', "Mixed Case"), email, caas_verify(id, 'one', digest) FROM users UNION ALL
		SELECT caas_verify(id, 'one', digest), NULL, true FROM made}
		),
		"t||t\nt||t",
		"$name: digests"
	);
	is(
		$node->safe_psql(
			$database, qq{UPDATE users SET email = 'two' WHERE id = '$ada';
		INSERT INTO users (id, email) VALUES ('$ada', 'three') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email;
		SELECT caas_verify(id, 'mixed', "Mixed Case"), email, caas_verify(id, 'three', digest) FROM users;
		UPDATE users SET email = 'one'}
		),
		't||t',
		"$name: the trigger for digests"
	);
	my ($code, $out, $error) = $node->psql($database, "INSERT INTO listed VALUES ('$ada', 'plain')");
	like(
		$error,
		qr/trigger "protect" of relation "listed" is declared UPDATE OF\n.*HINT:  Declare the trigger/s,
		"$name: UPDATE OF is refused"
	);
	return if !$has_sealed;
	is(
		$node->safe_psql(
			$database,
			qq{SELECT ssn, caas_open(id, sealed, 'a context'), index = caas_blind_index('1', 'a context') FROM patients;
		INSERT INTO patients (id, ssn) VALUES ('$bob', '2'); UPDATE patients SET note = 'x', sealed = caas_reseal(id, sealed, 'a context');
		SELECT ssn, caas_open(id, sealed, 'a context'), index = caas_blind_index('2', 'a context') FROM patients WHERE id = '$bob';
		DELETE FROM patients WHERE id = '$bob'}
		),
		"|1|t\n|2|t",
		"$name: sealed values and their trigger, with a context that has a blank"
	);
	($code, $out, $error) = $node->psql($database, "UPDATE no_context SET ssn = '2'");
	like(
		$error,
		qr/names no context for column "ssn"\n.*HINT:  Write 'ssn=sealed\@public\.no_context\.ssn'/s,
		"$name: a trigger without a context is refused"
	);
	is($node->safe_psql($database, q{SELECT ssn, caas_open(id, sealed, 'public.no_context.ssn') FROM no_context}),
		'|1', "$name: its values open");
	return;
}

for my $version (@older)
{
	my $has_sealed = $version ne '0.1.0';
	my $database = 'from_' . $version =~ tr/./_/r;
	my $schema = $digests . ($has_sealed ? $sealed : '');
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, "CREATE EXTENSION caas VERSION '$version'; $schema");
	$node->safe_psql($database,
		qq{INSERT INTO users (id, "Mixed Case", email) VALUES ('$ada', 'mixed', 'one'); INSERT INTO made VALUES ('$ada', 'one')}
	);
	if ($has_sealed)
	{
		# The present library refuses a trigger without a context, so its value is written while the trigger is disabled.
		$node->safe_psql(
			$database, qq{INSERT INTO patients (id, ssn) VALUES ('$ada', '1');
			ALTER TABLE no_context DISABLE TRIGGER protect;
			INSERT INTO no_context VALUES ('$bob', NULL, caas_seal('$bob', '1', 'public.no_context.ssn'));
			ALTER TABLE no_context ENABLE TRIGGER protect}
		);
	}
	$node->command_ok([ 'pg_dump', '-Fc', '-f', "$folder/$version", $database ], "a dump of $version");
	$node->safe_psql($database, 'ALTER EXTENSION caas UPDATE');
	works($database, $has_sealed, "$version, updated");

	$node->safe_psql('postgres', "CREATE DATABASE ${database}_restored");
	my ($output, $error) =
		run_command([ 'pg_restore', '-d', $node->connstr("${database}_restored"), "$folder/$version" ]);
	is($error =~ s/^pg_restore: warning: .*\n?//gmr, '', "$version: its dump is restored without an error");
	works("${database}_restored", $has_sealed, "$version, restored");
}
$node->stop;

done_testing();
