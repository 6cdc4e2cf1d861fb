# A caas.* setting that a client sets before the library is loaded never becomes a setting of the server: the call fails closed.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use Digest::SHA qw(sha256_hex);
use PostgreSQL::Test::Utils;
use Test::More;

my $user = '4dbcbcfe-4800-40a8-badf-c26b73af230c';
my $call = "SELECT caas_encrypt('$user', 'x')";
my $key = api_key();

my $node = caas_node('placeholders', preload => 'none');
$node->append_conf('postgresql.conf', 'max_worker_processes = 4');
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION caas;
	CREATE ROLE client LOGIN;
	GRANT ALL ON SCHEMA public TO client;
	GRANT EXECUTE ON FUNCTION caas_encrypt(uuid, text) TO client;
	CREATE TABLE users AS SELECT md5(n::text)::uuid AS id FROM generate_series(1, 3000) n;
	GRANT SELECT ON users TO client;
	ANALYZE users}
);
my $digest = $node->safe_psql('postgres', "SET caas.api_key = '$key'; $call");

# A keyring of the client's own that the server could read.
my $own_keyring = PostgreSQL::Test::Utils::tempdir() . '/own_keyring';
Keyring::write_keyring($own_keyring, generation(1, 'active'));

my %value = (
	'caas.require_api_key' => 'off',
	'caas.exempt_workers' => 'on',
	'caas.keyring_file' => $own_keyring,
	'caas.api_key_digests' => sha256_hex('own key'),
	'caas.parallel_state' => '1'
);
my $parallel = q{SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
	SET max_parallel_workers_per_gather = 1; SET parallel_leader_participation = off;
	SELECT count(caas_encrypt(id, 'x')) FROM users};

# How a value is set, given the rest of the session; each returns connection options and statements before that.
my %way = (
	SET => sub { ('', "SET $_[0] = '$_[1]';") },
	'SET in a transaction' => sub { ('', "BEGIN; SET $_[0] = '$_[1]'; SAVEPOINT s; SET LOCAL $_[0] = '$_[1]';") },
	set_config => sub { ('', "SELECT set_config('$_[0]', '$_[1]', false) <> '';") },
	PGOPTIONS => sub { ("-c $_[0]=$_[1]", '') },
	'its role' => sub {
		$node->safe_psql('postgres', "ALTER ROLE client SET $_[0] = '$_[1]'");
		return ('', '');
	}
);

# Everything a session shows, in a role that may see nothing of the server's settings.
sub client
{
	my ($options, $sql) = @_;
	local $ENV{PGOPTIONS} = $options;
	my ($code, $out, $error) = $node->psql('postgres', $sql, extra_params => [ '-U', 'client' ], on_error_stop => 0);
	return ($out, $error);
}

sub attack
{
	my ($way, $name) = @_;
	my ($options, $before) = $way{$way}->($name, $value{$name});
	my $label = "$name by $way";
	my $status = 'SELECT api_key_accepted FROM caas_status()';

	for my $own ('', "SET caas.api_key = 'own key';")
	{
		my ($out, $error) = client($options, "$before $own $call");
		like($error, qr/ERROR:  no accepted API key/, "$label: refused");
		unlike($out, qr/^[0-9a-f]{64,}$/m, "$label: nothing comes out");
		($out, $error) = client($options, "$before $own $parallel");
		like($error, qr/ERROR:  no accepted API key/, "$label: refused in a worker");
		($out, $error) = client($options, "$before $own $status; SHOW caas.require_api_key; SHOW caas.exempt_workers");
		is((join ' ', $out =~ /^(f|on|off)$/gm), 'f on off', "$label: the server's settings are strict");
	}
	# With the key: the server's keyring or none, never the client's.
	my ($out, $error) = client($options, "$before SET caas.api_key = '$key'; $call");
	my ($got) = $out =~ /^([0-9a-f]{64,})$/m;
	ok(defined $got ? $got eq $digest : $error =~ /ERROR:  no (keyring is configured|accepted API key)/,
		"$label: with the key the server's own digest, or none");
	is($got // '', $digest, "$label: and it does no harm there") if $name =~ /require|exempt|state/;
	$node->safe_psql('postgres', 'ALTER ROLE client RESET ALL');
	return;
}

for my $name (sort keys %value)
{
	attack($_, $name) for sort keys %way;
}

# The clause of a function is in force while the library is loaded.
for my $name (sort keys %value)
{
	$node->safe_psql(
		'postgres', qq{
		CREATE OR REPLACE FUNCTION client_function() RETURNS text LANGUAGE plpgsql SET $name = '$value{$name}'
			AS 'BEGIN RETURN caas_encrypt(''$user'', ''x''); END'}
	);
	my ($out, $error) = client(
		'', qq{
		SET caas.api_key = 'own key';
		SELECT client_function();
		SELECT client_function()}
	);
	like(
		$error,
		qr/ERROR:  no accepted API key.*ERROR:  (parameter "$name" cannot be changed now|permission denied)/s,
		"$name in a function's clause"
	);
	is($out, '', 'and nothing comes out');
}

# Preloaded, the same as connection options.
$node->append_conf('postgresql.conf', "session_preload_libraries = 'caas'");
$node->reload;
for my $name (sort keys %value)
{
	my ($out, $error) = client("-c $name=$value{$name}", "SET caas.api_key = 'own key'; $call");
	like($error, qr/(ERROR:  no accepted API key|FATAL)/, "$name by PGOPTIONS, preloaded: refused");
	is($out, '', 'and nothing comes out');
	($out, $error) = client('', "SET $name = '$value{$name}'");
	like(
		$error,
		qr/ERROR:  (parameter "$name" cannot be changed now|permission denied to set parameter "$name")/,
		"SET $name, preloaded"
	);
}
# A superuser may set it, but to nothing.
my ($code, $out, $error) = $node->psql('postgres', 'SET caas.parallel_state = 0; SET caas.parallel_state = 1');
like($error, qr/ERROR:  caas\.parallel_state cannot be set/, 'caas.parallel_state by a superuser');
$node->stop;

done_testing();
