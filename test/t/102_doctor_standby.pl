# caas_doctor on a standby, beside a locked table, in a read-only transaction.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $found =
	q{SELECT concat_ws('|', severity, object, finding) FROM caas_doctor() WHERE object ~ 'public[.]' ORDER BY object COLLATE "C"};
my $secret = random_secret();
my @keyring = (generation(1, 'active', $secret));
my $primary = caas_node('primary', keyring => \@keyring, extra => { allows_streaming => 1 });
$primary->start;
{
	local $ENV{PGOPTIONS} = with_key();
	$primary->safe_psql(
		'postgres', q{
		CREATE EXTENSION caas;
		CREATE TABLE people (id uuid, email text, digest text, name text);
		INSERT INTO people VALUES (gen_random_uuid(), 'ada@example.com', NULL, 'Ada');
		CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON people
			FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
		CREATE TABLE parent (id uuid, mail text CHECK (mail IS NULL), digest text);
		CREATE TABLE child () INHERITS (parent);
		CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON child
			FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'mail=digest');
		CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON parent
			FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'mail=digest');
		CREATE UNLOGGED TABLE fast (email text);
		INSERT INTO fast VALUES ('ada@example.com');
		CREATE TABLE filled (password text);
		INSERT INTO filled VALUES ('secret')}
	);
}
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
CaasTest::configure($standby, keyring => \@keyring);
$standby->start;
# A trigger that cannot work: it is opened in a subtransaction, and that fails.
$primary->safe_psql(
	'postgres', q{
	ALTER EVENT TRIGGER caas_check_triggers DISABLE;
	ALTER TABLE people RENAME digest TO other}
);
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));

my @everywhere = (
	'note|column public.filled.password|the column holds personal data by its name, and nothing protects it',
	'warning|column public.people.email|no constraint keeps plaintext out of the column while the trigger is disabled, or when a later trigger writes it',
);
my $trigger = 'error|trigger protect on public.people|column "digest" of relation "people" does not exist';
is(
	$primary->safe_psql('postgres', $found),
	join("\n",
		'note|column public.fast.email|the column holds personal data by its name, and nothing protects it',
		@everywhere, $trigger),
	'the primary'
);
is(
	$standby->safe_psql('postgres', $found),
	join("\n",
		@everywhere,
		'note|table public.fast|cannot look at the rows of this table: a standby has none of an unlogged one',
		$trigger),
	'the standby'
);
is($standby->safe_psql('postgres', q{SELECT count(*) FROM caas_doctor() WHERE object ~ '^event'}), '1', 'the rest too');
like($primary->safe_psql('postgres', "BEGIN READ ONLY; $found; SELECT pg_current_xact_id_if_assigned() IS NULL"),
	qr/\nt\z/, 'a read-only transaction gets no number');

# It does not wait for a table that another session changes.
my $session = open_session($primary);
$session->query_safe('BEGIN');
$session->query_safe('LOCK TABLE people, filled');
is(
	$primary->safe_psql('postgres', "SET lock_timeout = '300s'; $found"),
	join("\n",
		'note|column public.fast.email|the column holds personal data by its name, and nothing protects it',
		map { "note|table public.$_|cannot look at this table: another session has locked it" } 'filled',
		'people'),
	'locked tables are noted'
);
$session->query_safe('ROLLBACK');
like($primary->safe_psql('postgres', $found), qr/public\.filled\.password/, 'and looked at afterwards');
# Nothing stays locked in the transaction.
is(
	outcome(
		$session, "BEGIN; $found; SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation >= 16384"
	) =~ s/\A.*\n//sr,
	'0',
	'and it keeps no lock'
);
$session->quit;

# Temporary tables of other sessions cannot be read, and are nobody's business.
$session = open_session($primary);
$session->query_safe(q{CREATE TEMP TABLE mine (email text); INSERT INTO mine VALUES ('ada@example.com')});
unlike($primary->safe_psql('postgres', q{SELECT object FROM caas_doctor()}), qr/mine/, 'temporary tables');
$session->quit;

done_testing();
