# caas setup on a server of initdb, as root and as the server's user, and on its standby.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use CaasServer;
use Test::More;

CaasServer::require_servers();
my $server = CaasServer->of_initdb;
my $keyring = "$server->{folder}/keys/keyring";
my @app = ('--database', 'postgres', '--keyring', $keyring);
my $main = "$server->{data}/postgresql.conf";
my $settings = "$server->{data}/caas.conf";
my $ada = "'4dbcbcfe-4800-40a8-badf-c26b73af230c', 'ada\@example.com'";
system('cp', program(), "$server->{folder}/caas") == 0 or die 'cp failed';
my $as_postgres = { user => 'postgres', program => "$server->{folder}/caas" };
my $before = read_file($main);
my $stat = join ' ', (stat $main)[ 2, 4, 5 ];

$server->sql('CREATE ROLE plain LOGIN');
$server->setup_fails(3, qr/role plain is no superuser of the database; name one by --superuser/,
	@app, '--superuser', 'plain');
$server->settings_last('this is no setting');
$server->setup_fails(3, qr/postgresql\.conf, line \d+: syntax error: mend the configuration first/, @app);
write_file($main, $before);

my ($code, $out, $err) = $server->setup($as_postgres, @app, '--dry-run');
is($code, 0, 'a dry run of the server\'s user') or diag($err);
is(read_file($main), $before, 'it changes nothing');
ok(!-e $settings && !-e $keyring, 'and makes nothing');

($code, $out, $err) = $server->setup($as_postgres, @app);
is($code, 0, 'the server\'s user sets up') or diag($err);
chomp(my $key = $out);
my $digest = $server->sql("SELECT caas_encrypt($ada)", key => $key);
like($digest, qr/\A[0-9a-f]{64,128}\z/, 'the key makes a digest');
is(
	read_file($main),
	$before . "include_if_exists = 'caas.conf'  # made by caas setup\n",
	'one line includes the settings'
);
is(join(' ', (stat $main)[ 2, 4, 5 ]), $stat, 'owner and mode of postgresql.conf stay');
is((stat $settings)[2], 0100640, 'the mode of the settings');

($code, $out, $err) = $server->setup(@app);
is($code, 0, 'root runs it again') or diag($err);
is($out, '', 'without a key');
unlike($err, qr/^made/m, 'nothing is made');

is(
	$server->sql(
		'CREATE TABLE t (id uuid, v text, d text GENERATED ALWAYS AS (caas_encrypt(id, v)) STORED)',
		key => $key
	),
	'',
	'a table that depends on the extension'
);
my $standby = CaasServer->standby($server);
$standby->setup_fails(3, qr/is a standby, .*run 'caas setup' there, then copy the keyring and caas\.conf/, @app);
is($standby->sql("SELECT caas_encrypt($ada)", key => $key), $digest, 'the standby computes with the copied settings');
$standby->stop;

($code, $out, $err) = $server->setup(@app, '--remove', '--dry-run');
is($code, 0, 'a dry run of the removal') or diag($err);
like(
	$err,
	qr/^left: extension caas .*depend on it:\n.*column d of table public\.t depends on function public\.caas_encrypt/m,
	'it names what depends on the extension'
);
ok(-e $settings, 'and removes nothing');
($code, $out, $err) = $server->setup(@app, '--remove');
is($code, 0, 'the removal') or diag($err);
like($err, qr/^left: extension caas .*\n.*column d of table public\.t/m, 'the extension is left');
is($server->sql("SELECT count(*) FROM pg_extension WHERE extname = 'caas'"), 1, 'it is there');
is(read_file($main), $before, 'postgresql.conf is as it was');
ok(!-e $settings, 'the settings are gone');
ok(-e $keyring, 'the keyring stays');

($code, $out, $err) =
	$server->setup(@app, '--port', $server->{port}, '--host', $server->{socket}, '--superuser', 'postgres');
is($code, 0, 'set up again, with port, socket and superuser named') or diag($err);
chomp($key = $out);
is($server->sql("SELECT caas_verify($ada, '$digest')", key => $key), 't', 'the old digest verifies');

$server->stop;
($code, $out, $err) = $server->setup(@app);
is($code, 3, 'a stopped server');
like($err, qr/does not run; start it first: pg_ctl -D '\Q$server->{data}\E' start/, 'how to start it');
done_testing();
