# Keys stored before the library was there: ignored with a warning that does not print them, named by caas_status.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $key = api_key();
my $call = q{SELECT caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x') IS NOT NULL};
my $status = 'SELECT unnest(stored_api_keys) FROM caas_status() ORDER BY 1';
my $in_file = 'configuration of the server';
my $function = 'function public.keeper(pg_catalog.uuid)';
# By login role: what is stored for it.
my %stored = (
	nobody => [ 'all roles', 'role nobody' ],
	twice => [ 'all roles', 'role twice', 'role twice in database postgres' ],
	plain => ['all roles']
);
my @everything = sort $in_file, $function, 'all roles', 'all roles in database postgres', 'role twice',
	'role twice in database postgres', 'role nobody';

# How often psql shows the warning, and all that it shows.
sub warnings_of
{
	my ($node, $user, $sql) = @_;
	my ($code, $out, $error) = $node->psql('postgres', $sql, extra_params => [ '-U', $user ], on_error_stop => 0);
	my $warnings = () = $error =~ /WARNING:  caas\.api_key is ignored in/g;
	return ($warnings, $out, $error);
}

my $node = caas_node('leftovers', preload => 'none');

# Parallel workers take over their leader's settings, after reading the stored ones themselves.
sub silent_workers
{
	my ($user, $label) = @_;
	my ($serial) = warnings_of($node, $user, "SET caas.api_key = '$key'; $call; $status");
	my ($parallel, $out) = warnings_of(
		$node, $user, "SET caas.api_key = '$key'; $call; $status;
		SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
		SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off;
		SELECT count(caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', n::text)) FROM numbers"
	);
	like($out, qr/^5000\z/m, "$label: a parallel query");
	is($parallel, $serial, "$label: its workers start silently");
	return;
}

$node->start;
$node->safe_psql(
	'postgres', qq{
	CREATE EXTENSION caas;
	CREATE ROLE nobody LOGIN; CREATE ROLE twice LOGIN; CREATE ROLE plain LOGIN;
	GRANT EXECUTE ON FUNCTION caas_encrypt(uuid, text) TO PUBLIC;
	CREATE TABLE numbers AS SELECT n FROM generate_series(1, 5000) n;
	GRANT SELECT ON numbers TO PUBLIC;
	ANALYZE numbers}
);
# In sessions that have not loaded the library the server stores them.
$node->safe_psql(
	'postgres', qq{
	ALTER ROLE nobody SET caas.api_key = '$key';
	ALTER ROLE twice SET CAAS.API_KEY = '$key';
	ALTER ROLE twice IN DATABASE postgres SET caas.api_key = '$key';
	ALTER ROLE ALL SET caas.api_key = '$key';
	ALTER DATABASE postgres SET caas.api_key = '$key';
	CREATE FUNCTION keeper(uuid) RETURNS text LANGUAGE sql SET caas.api_key = '$key' AS 'SELECT caas_encrypt(\$1, ''x'')'}
);
$node->append_conf('postgresql.conf', "caas.api_key = '$key'");
# A server without the library prints it at a reload, so this is what a start makes of it.
$node->restart;
my $log_end = -s $node->logfile;

for my $preload ('none', 'session', 'shared')
{
	restart_with_preload($node, $preload);
	for my $user (sort keys %stored)
	{
		my ($warnings, $out, $error) = warnings_of($node, $user, "$call; SHOW caas.api_key");
		cmp_ok($warnings, '>=', 1, "$preload, $user: a warning");
		like($error, qr/ERROR:  no accepted API key/, "$preload, $user: the stored key opens nothing");
		is($out, '', "$preload, $user: and is not the session's");

		($warnings, $out) = warnings_of($node, $user,
			"SET caas.api_key = '$key'; $call; RESET caas.api_key; SHOW caas.api_key; $status");
		is(
			$out,
			join("\n", 't', '', @everything),
			"$preload, $user: the session's own key counts, caas_status names each place"
		);

		silent_workers($user, "$preload, $user");
	}
}
my $log = slurp_file($node->logfile, $log_end);
unlike($log, qr/$key/, 'the log does not hold the key');
unlike($log, qr/WARNING:  caas.*\n.*HINT.*\n.*CONTEXT:  parallel worker/, 'no worker warned');

# The clause of a function reaches the library as the client's own SET does: it counts, and is named.
{
	my ($warnings, $out, $error) =
		warnings_of($node, 'plain', q{SELECT keeper(gen_random_uuid()) IS NOT NULL; } . $call);
	is($out, 't', 'a function with a stored key works');
	like($error, qr/ERROR:  no accepted API key/, 'outside of it there is none');
}

# They go one by one, in a live session too.
my $session = open_session($node);
is(outcome($session, $status), join("\n", @everything), 'a superuser sees them too');
is(outcome($session, q{SELECT applied FROM pg_file_settings WHERE name = 'caas.api_key'}),
	'f', 'pg_file_settings shows the line that is not applied');
is(outcome($session, $status), join("\n", @everything), 'and a look at it changes nothing');
outcome(
	$session,
	'ALTER ROLE nobody RESET caas.api_key; ALTER ROLE twice RESET ALL; ALTER ROLE twice IN DATABASE postgres RESET ALL;
	ALTER ROLE ALL RESET ALL; ALTER DATABASE postgres RESET caas.api_key; ALTER FUNCTION keeper(uuid) RESET caas.api_key'
);
is(outcome($session, $status), $in_file, 'all but the file');
$session->quit;
restart_with_preload($node, 'session');
silent_workers('plain', 'the file alone');
restart_with_preload($node, 'shared');
$session = open_session($node);
reload_sessions($node, $session);
is(outcome($session, $status), $in_file, 'the file after a reload');
$node->adjust_conf('postgresql.conf', 'caas.api_key', undef, 1);
is(outcome($session, $status), '', 'nothing is left');
reload_sessions($node, $session);
is(outcome($session, $status), '', 'nor after a reload');
append_to_file($node->data_dir . '/included.conf', "Caas.Api_Key = '$key'\n");
append_to_file($node->data_dir . '/postgresql.auto.conf', "include = 'included.conf'\n");
is(outcome($session, $status), $in_file, 'one that comes later is named, also in an included file');
unlink $node->data_dir . '/included.conf' or die "unlink: $!";
is(outcome($session, 'SELECT stored_api_keys FROM caas_status()'), '{}', 'a file that is missing is no failure');
$session->quit;
$node->stop;
unlike(slurp_file($node->logfile, $log_end), qr/$key/, 'and not printed');

done_testing();
