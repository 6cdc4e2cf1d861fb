# caas_doctor on API keys and on settings that write values into the log: each finding, and that its remedy helps.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;
use Test::More;

my $now = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime);
my $key = api_key();
my $node = caas_node('doctor', preload => 'none', keyring => [ generation(1, 'active') =~ s/\S+Z /$now /r ]);
$node->append_conf('postgresql.conf', 'log_min_error_statement = panic');
$node->start;
$node->safe_psql('postgres', 'CREATE SCHEMA caas; CREATE EXTENSION caas SCHEMA caas');
my $doctor = q{caas.caas_doctor() WHERE object <> 'locked memory'};
my $short = "SELECT concat_ws('|', severity, object) FROM $doctor";

# Reloads the configuration and waits until new sessions have it.
sub reload
{
	my $before = $node->safe_psql('postgres', 'SELECT pg_conf_load_time()');
	$node->reload;
	$node->poll_query_until('postgres', "SELECT pg_conf_load_time() > '$before'");
	return;
}

# Runs what new sessions find as remedies, statement by statement.
sub heal
{
	my ($label) = @_;
	for my $statement (split /;\s*/, $node->safe_psql('postgres', "SELECT string_agg(remedy, ' ') FROM $doctor"))
	{
		my ($code, $out, $error) = $node->psql('postgres', $statement);
		is($error =~ s/^WARNING:.*\nHINT:.*\n//gmr, '', "$label: $statement");
	}
	reload();
	is($node->safe_psql('postgres', $short), '', "$label: it helps");
	return;
}

is($node->safe_psql('postgres', $short), '', 'nothing at first');

# API keys that are stored, from sessions that had not loaded the library.
$node->safe_psql(
	'postgres', qq{
	CREATE ROLE "A role";
	ALTER ROLE "A role" SET caas.api_key = '$key';
	ALTER ROLE "A role" IN DATABASE postgres SET caas.api_key = '$key';
	ALTER ROLE ALL SET caas.api_key = '$key';
	ALTER DATABASE postgres SET caas.api_key = '$key';
	CREATE FUNCTION "a function"(uuid) RETURNS void LANGUAGE sql SET caas.api_key = '$key' AS '';
	CREATE PROCEDURE proc() LANGUAGE sql SET caas.api_key = '$key' AS ''}
);
my ($code, $out, $error) =
	$node->psql('postgres',
	"SELECT concat_ws('|', severity, object, remedy) FROM $doctor ORDER BY remedy COLLATE \"C\"");
is(
	$out,
	join("\n",
		'error|all roles in database postgres|ALTER DATABASE postgres RESET caas.api_key;',
		'error|role A role in database postgres|ALTER ROLE "A role" IN DATABASE postgres RESET caas.api_key;',
		'error|role A role|ALTER ROLE "A role" RESET caas.api_key;',
		'error|all roles|ALTER ROLE ALL RESET caas.api_key;',
		'error|function public."a function"(pg_catalog.uuid)|ALTER ROUTINE public."a function"(pg_catalog.uuid) RESET caas.api_key;',
		'error|function public.proc()|ALTER ROUTINE public.proc() RESET caas.api_key;'),
	'stored keys'
);
unlike("$out$error", qr/$key/, 'the key is not shown');
heal('stored keys');
$node->append_conf('postgresql.conf', "caas.api_key = '$key'");
like(
	$node->safe_psql('postgres', "SELECT concat_ws('|', severity, object, remedy) FROM $doctor"),
	qr/^error\|configuration of the server\|Delete the line caas\.api_key/,
	'one in a file'
);
$node->adjust_conf('postgresql.conf', 'caas.api_key', undef, 1);
is($node->safe_psql('postgres', $short), '', 'none is left');

restart_with_preload($node, 'session');

# The findings with these settings.
sub found_with
{
	my (%value) = @_;
	$node->append_conf('postgresql.auto.conf', "$_ = '$value{$_}'") for sort keys %value;
	reload();
	return $node->safe_psql('postgres', $short);
}

for my $case (
	[ 'warning|caas.require_api_key', 'caas.require_api_key' => 'off' ],
	[ 'warning|caas.exempt_workers', 'caas.exempt_workers' => 'on' ],
	[ 'note|log_statement', 'log_statement' => 'ddl' ],
	[ "warning|log_statement\nwarning|log_parameter_max_length", 'log_statement' => 'mod' ],
	[ 'warning|log_statement', 'log_statement' => 'all', 'log_parameter_max_length' => 0 ],
	[
		"warning|log_min_duration_statement\nwarning|log_parameter_max_length", 'log_min_duration_statement' => '1min'
	],
	[ "warning|log_min_duration_sample\nwarning|log_parameter_max_length", 'log_min_duration_sample' => 0 ],
	[ "warning|log_transaction_sample_rate\nwarning|log_parameter_max_length", 'log_transaction_sample_rate' => 0.1 ],
	[ 'warning|log_parameter_max_length_on_error', 'log_parameter_max_length_on_error' => -1 ],
	[ 'note|log_min_error_statement', 'log_min_error_statement' => 'error' ],
	[ 'warning|log_min_messages', 'log_min_messages' => 'debug5' ],
	[ 'warning|debug_print_parse', 'debug_print_parse' => 'on' ],
	[ 'warning|debug_print_rewritten', 'debug_print_rewritten' => 'on' ],
	[ 'warning|debug_print_plan', 'debug_print_plan' => 'on' ],
	[ 'warning|auto_explain.log_min_duration', 'auto_explain.log_min_duration' => '1s' ],
	[
		"warning|auto_explain.log_min_duration\nwarning|auto_explain.log_parameter_max_length",
		'auto_explain.log_min_duration' => '1s',
		'auto_explain.log_parameter_max_length' => 10
	],
	[
		"warning|pgaudit.log\nwarning|pgaudit.log_parameter",
		'pgaudit.log' => 'write, ddl',
		'pgaudit.log_parameter' => 'on'
	],
	[ '', 'pgaudit.log' => 'none', 'log_min_error_statement' => 'fatal', 'log_parameter_max_length' => -1 ],
	)
{
	my ($expected, %value) = @$case;
	my $label = join ', ', map { "$_ = $value{$_}" } sort keys %value;
	is(found_with(%value), $expected, $label);
	heal($label) if $expected ne '';
	$node->safe_psql('postgres', 'ALTER SYSTEM RESET ALL');
	reload();
	is($node->safe_psql('postgres', $short), '', "without $label");
}

# A session's own settings are not those that others begin with.
is($node->safe_psql('postgres', "SET log_statement = 'all'; SET debug_print_plan = on; $short"),
	'', 'SET does not count');

# A setting of the database is reported as such, and once.
$node->safe_psql('postgres',
	"ALTER DATABASE postgres SET log_statement = 'all'; ALTER DATABASE template1 SET log_statement = 'all'");
is(
	$node->safe_psql('postgres', "SET log_statement = 'none'; SET log_parameter_max_length = 0; $short"),
	"warning|log_statement of all roles in database postgres\nwarning|log_parameter_max_length",
	'of the database'
);
$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET log_statement');

# An empty list.
$node->append_conf('postgresql.conf', "caas.api_key_digests = ''");
reload();
is($node->safe_psql('postgres', $short), 'error|caas.api_key_digests', 'no key is accepted');
$node->append_conf('postgresql.conf', 'caas.require_api_key = off');
reload();
is($node->safe_psql('postgres', $short), 'warning|caas.require_api_key', 'and none is needed');
$node->adjust_conf('postgresql.conf', 'caas.require_api_key', undef, 1);
$node->append_conf('postgresql.conf', "caas.api_key_digests = '" . 'a' x 64 . "'");

# pg_stat_statements, where it is installed.
SKIP:
{
	my $library = `pg_config --pkglibdir` =~ s/\n//r;
	skip 'no pg_stat_statements', 1 if !-e "$library/pg_stat_statements.so";
	$node->append_conf('postgresql.conf', q{shared_preload_libraries = 'pg_stat_statements'});
	$node->restart;
	my $shows = $node->safe_psql('postgres', 'SHOW server_version_num') < 180000;
	is(
		$node->safe_psql('postgres', $short),
		$shows ? 'warning|pg_stat_statements.track_utility' : '',
		'pg_stat_statements keeps utility statements'
	);
	heal('pg_stat_statements') if $shows;
}

done_testing();
