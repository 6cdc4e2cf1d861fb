# A key can not be stored where others read it: refused with the reason, nothing stored, nothing of it in the log.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $key = api_key();
my $refusal = qr/ERROR:  55P02: caas\.api_key cannot be stored in the server\n.*DETAIL: .*\nHINT: /s;

my @statements = (
	"ALTER ROLE app SET caas.api_key = '$key'",
	"ALTER ROLE app IN DATABASE postgres SET caas.api_key = '$key'",
	"ALTER ROLE ALL SET caas.api_key = '$key'",
	"ALTER ROLE ALL IN DATABASE postgres SET caas.api_key = '$key'",
	"ALTER DATABASE postgres SET caas.api_key = '$key'",
	'ALTER ROLE app SET caas.api_key FROM CURRENT',
	'ALTER DATABASE postgres SET caas.api_key FROM CURRENT',
	"CREATE FUNCTION stored() RETURNS integer LANGUAGE sql SET caas.api_key = '$key' AS 'SELECT 1'",
	"CREATE FUNCTION stored() RETURNS integer LANGUAGE sql SET caas.api_key FROM CURRENT AS 'SELECT 1'",
	"CREATE PROCEDURE stored() LANGUAGE sql SET caas.api_key = '$key' AS 'SELECT 1'",
	"ALTER FUNCTION plain() SET caas.api_key = '$key'",
	'ALTER FUNCTION plain() SET caas.api_key FROM CURRENT',
	"ALTER SYSTEM SET caas.api_key = '$key'",
	qq{ALTER SYSTEM SET "CAAS.Api_Key" = '$key'},
	"DO \$\$ BEGIN EXECUTE 'ALTER ROLE app SET caas.api_key = ''$key'''; END \$\$"
);

# Each place where a key could be stored.
my $stored = q{SELECT count(*) FROM (SELECT setconfig::text FROM pg_db_role_setting
	UNION ALL SELECT proconfig::text FROM pg_proc) AS stored (settings) WHERE settings ~ 'caas.api_key'};

my $node = caas_node('refused', extra => { allows_streaming => 1 });
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION caas;
	CREATE ROLE app LOGIN;
	CREATE FUNCTION plain() RETURNS integer LANGUAGE sql AS 'SELECT 1'}
);

for my $preload ('session', 'shared')
{
	restart_with_preload($node, $preload);
	my $log_end = -s $node->logfile;
	my $session = keyed_session($node);
	for my $statement (@statements)
	{
		my (undef, $error) = answer($session, $statement);
		like($error, $refusal, "$preload: $statement" =~ s/$key/KEY/r);
	}
	# A role may change its own settings, but not this one.
	my $own = keyed_session($node, extra_params => [ '-U', 'app' ]);
	like((answer($own, "ALTER ROLE app SET caas.api_key = '$key'"))[1], $refusal, "$preload: by the role itself");
	$own->quit;

	is(outcome($session, $stored), '0', "$preload: nothing is stored");
	is(outcome($session, 'SELECT stored_api_keys FROM caas_status()'), '{}', "$preload: caas_status finds nothing");
	unlike(slurp_file($node->data_dir . '/postgresql.auto.conf'), qr/api_key *=/, "$preload: nor is it in a file");

	# Removing what another session stored is no storing.
	for my $statement (
		'ALTER ROLE app RESET caas.api_key',
		"ALTER ROLE app SET caas.api_key = ''",
		'ALTER ROLE app SET caas.api_key TO DEFAULT',
		'ALTER SYSTEM RESET caas.api_key',
		'ALTER FUNCTION plain() RESET caas.api_key',
		'ALTER DATABASE postgres RESET ALL'
		)
	{
		is(outcome($session, $statement), '', "$preload: $statement is allowed");
	}
	is(outcome($session, q{SELECT length(caas_encrypt(gen_random_uuid(), 'x')) > 0}),
		't', "$preload: the session's key works on");
	$session->quit;

	my $log = slurp_file($node->logfile, $log_end);
	like($log, qr/ERROR:  caas\.api_key cannot be stored/, "$preload: the log shows the refusals");
	unlike($log, qr/$key/, "$preload: without the key");
	unlike($log, qr/STATEMENT/, "$preload: and without a statement");
}

# A replication connection runs SQL too; session_preload_libraries does not reach it.
my $sender = open_session($node, replication => 'database');
like((answer($sender, "ALTER SYSTEM SET caas.api_key = '$key'"))[1],
	$refusal, 'ALTER SYSTEM in a replication connection');
like((answer($sender, "ALTER ROLE app SET caas.api_key = '$key'"))[1],
	$refusal, 'ALTER ROLE in a replication connection');
$sender->quit;

# In the file, with the library in the postmaster: ignored at a reload and at a start, by a message without the key.
my $log_end = -s $node->logfile;
my $session = open_session($node);
$node->append_conf('postgresql.conf', "caas.api_key = '$key'");
reload_sessions($node, $session);
is(outcome($session, q{SELECT caas_encrypt(gen_random_uuid(), 'x')}), '28000', 'a key in the file opens nothing');
is(outcome($session, 'SHOW caas.api_key'), '', 'it is not taken over');
$session->quit;
$node->restart;
my ($code, $out, $error) = $node->psql('postgres', q{SELECT caas_encrypt(gen_random_uuid(), 'x')});
like($error, qr/no accepted API key/, 'nor after a restart');
my $log = slurp_file($node->logfile, $log_end);
my $ignored = () =
	$log =~ /(LOG|WARNING):  caas\.api_key is ignored in the server's configuration\n.*HINT:  Remove it there/g;
is($ignored, 2, 'the log says so at the reload and at the start');
unlike(slurp_file($node->logfile), qr/$key/, 'nowhere in the log is the key');
$node->stop;

done_testing();
