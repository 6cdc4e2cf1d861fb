# pg_upgrade computes nothing: no key is needed, and every digest comes over as it was.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($version, $libraries) = map { `pg_config --$_` =~ s/\n//r } 'version', 'pkglibdir';
my $staged = $ENV{CAAS_STAGE} && $version =~ /^PostgreSQL 1[4-7]\b/;
plan skip_all => "pg_upgrade from 18 on looks for caas in $libraries alone, where it is not installed"
	if !$staged && !-e "$libraries/caas.so";
# pg_upgrade from 18 on loads the installed library. Both servers use it too, since a second copy, the staged one, cannot be loaded beside it.
delete local $ENV{CAAS_STAGE} if !$staged;

my @keyring = (generation(1, 'active', random_secret()));
my $old = caas_node('old', keyring => \@keyring);
my $new = caas_node('new', keyring => \@keyring);
$old->start;
{
	local $ENV{PGOPTIONS} = with_key();
	$old->safe_psql(
		'postgres', q{
		CREATE EXTENSION caas;
		CREATE ROLE app;
		GRANT EXECUTE ON FUNCTION caas_encrypt(uuid, text) TO app;
		CREATE TABLE users (id uuid, email text, digest text GENERATED ALWAYS AS (caas_encrypt(id, email)) STORED);
		CREATE INDEX users_digest ON users (caas_encrypt(id, email));
		CREATE TABLE people (id uuid, email text);
		CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
		INSERT INTO users SELECT md5(n::text)::uuid, 'user' || n FROM generate_series(1, 100) n;
		INSERT INTO people SELECT id, email FROM users}
	);
}
my $state = q{SELECT u.*, p.email, has_function_privilege('app', 'caas_encrypt(uuid,text)', 'EXECUTE'),
	has_function_privilege('app', 'caas_verify(uuid,text,text)', 'EXECUTE') FROM users u JOIN people p USING (id) ORDER BY id};
my $before = $old->safe_psql('postgres', $state);
$old->stop;

my $bindir = $old->config_data('--bindir');
my $folder = PostgreSQL::Test::Utils::tempdir();
chdir $folder or die "chdir: $!";
command_ok(
	[
		'pg_upgrade', '--no-sync', '-d', $old->data_dir, '-D', $new->data_dir,
		'-b', $bindir, '-B', $bindir, '-s', $new->host,
		'-p', $old->port, '-P', $new->port
	],
	'pg_upgrade, without the key'
);

$new->start;
is($new->safe_psql('postgres', $state), $before, 'equal digests, equal privileges');
{
	local $ENV{PGOPTIONS} = with_key();
	is(
		$new->safe_psql(
			'postgres', q{
		INSERT INTO people VALUES (md5('new')::uuid, 'ada');
		SELECT count(*) FROM people p LEFT JOIN users u USING (id) WHERE caas_verify(p.id, coalesce(u.email, 'ada'), p.email)}
		),
		'101',
		'all verify, and the trigger goes on'
	);
	is(
		$new->safe_psql(
			'postgres', q{SET enable_seqscan = off;
		SELECT email FROM users WHERE caas_encrypt(id, email) = (SELECT digest FROM users WHERE email = 'user7')}
		),
		'user7',
		'the index finds them'
	);
}
is($new->safe_psql('postgres', 'SELECT extension_version = library_version FROM caas_status()'),
	't', 'the extension is there');
$new->stop;

done_testing();
