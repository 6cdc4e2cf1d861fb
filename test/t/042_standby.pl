# A hot standby with the same keyring gives the same digests; a base backup does not hold the keyring's secret.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use File::Find;
use PostgreSQL::Test::Utils;
use Test::More;

my $secret = random_secret();
my @keyring = (generation(1, 'active', $secret));
my $digest = q{SELECT caas_encrypt(id, email) FROM users ORDER BY id};

my $primary = caas_node('primary', keyring => \@keyring, extra => { allows_streaming => 1 });
$primary->start;
{
	local $ENV{PGOPTIONS} = with_key();
	$primary->safe_psql(
		'postgres', q{
		CREATE EXTENSION caas;
		CREATE TABLE users (id uuid, email text, digest text GENERATED ALWAYS AS (caas_encrypt(id, email)) STORED);
		INSERT INTO users SELECT md5(n::text)::uuid, 'user' || n || '@example.com' FROM generate_series(1, 100) n}
	);
}

# The backup: the table's digests are in it, the secret is not. The files are read as they are.
sub files_with
{
	my ($folder, $text) = @_;
	my @found;
	find({ no_chdir => 1, wanted => sub { push @found, $_ if -f $_ && index(slurp_file($_), $text) >= 0 } }, $folder);
	return @found;
}
$primary->safe_psql('postgres', 'CHECKPOINT');
$primary->backup('base');
my $folder = $primary->backup_dir . '/base';
my $stored = $primary->safe_psql('postgres', 'SELECT digest FROM users LIMIT 1');
isnt(scalar(files_with($folder, $stored)), 0, 'a base backup holds the digests');
is(join(' ', files_with($folder, $secret)), '', 'but not the secret of the keyring');
is(join(' ', files_with($folder, api_key())), '', 'nor the API key');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
CaasTest::configure($standby, keyring => \@keyring);
$standby->start;
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));

my ($code, $out, $error) = $standby->psql('postgres', $digest);
like($error, qr/no accepted API key/, 'the standby asks for the key too');
{
	local $ENV{PGOPTIONS} = with_key();
	is(
		$standby->safe_psql('postgres', $digest),
		$primary->safe_psql('postgres', $digest),
		'the standby gives the same digests'
	);
	is($standby->safe_psql('postgres', 'SELECT count(*) FROM users WHERE caas_verify(id, email, digest)'),
		'100', 'and verifies what the primary stored');
	is($standby->safe_psql('postgres', 'SELECT DISTINCT caas_verified_by(id, email, digest) FROM users'),
		'1', 'with the generation');
	my $status =
		'SELECT extension_version, library_version, keyring_loaded, active_generation, check_value, api_key_accepted, stored_api_keys FROM caas_status()';
	is(
		$standby->safe_psql('postgres', $status),
		$primary->safe_psql('postgres', $status),
		'caas_status says the same on both'
	);
	like(
		$standby->safe_psql(
			'postgres', 'SELECT pg_is_in_recovery(), keyring_loaded, api_key_accepted FROM caas_status()'
		),
		qr/^t\|t\|t$/,
		'and the standby is one'
	);
}

# Another keyring on the standby shows in the check value, and stored digests do not verify.
write_keyring($standby, generation(1, 'active', random_secret()));
$standby->reload;
my $check = $primary->safe_psql('postgres', 'SELECT check_value FROM caas_status()');
$standby->poll_query_until('postgres', "SELECT check_value <> '$check' FROM caas_status()") or die 'not reloaded';
{
	local $ENV{PGOPTIONS} = with_key();
	is($standby->safe_psql('postgres', 'SELECT count(*) FROM users WHERE caas_verify(id, email, digest)'),
		'0', 'with another keyring nothing verifies');
}
unlink $standby->{caas_keyring} or die "unlink: $!";
$standby->reload;
$standby->poll_query_until('postgres', 'SELECT NOT keyring_loaded FROM caas_status()') or die 'not reloaded';
like(
	$standby->safe_psql('postgres', 'SELECT keyring_problem FROM caas_status()'),
	qr/keyring file ".*": .*No such file/,
	'a standby without a keyring says so'
);

# Promoted, with the keyring back, it goes on where the primary was.
write_keyring($standby, @keyring);
$standby->reload;
$standby->poll_query_until('postgres', 'SELECT keyring_loaded FROM caas_status()') or die 'not reloaded';
$primary->stop;
$standby->promote;
{
	local $ENV{PGOPTIONS} = with_key();
	$standby->safe_psql('postgres', q{INSERT INTO users VALUES (md5('101')::uuid, 'user101@example.com')});
	is($standby->safe_psql('postgres', 'SELECT count(*) FROM users WHERE caas_verify(id, email, digest)'),
		'101', 'after promotion old and new rows verify');
}
$standby->stop;

done_testing();
