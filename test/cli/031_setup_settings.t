# caas setup keeps existing settings, and refuses where its own settings would be overridden.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use CaasServer;
use Test::More;

CaasServer::require_servers();
my $server = CaasServer->packaged("session_preload_libraries = 'auto_explain'");
my $main = "$server->{config}/postgresql.conf";
my $settings = "$server->{config}/conf.d/caas.conf";
my $keyring = "$server->{folder}/keys/keyring";
my @app = ('--database', 'postgres', '--keyring', $keyring);
my $folder = "$server->{folder}/keys";

# Setup has to refuse before the first change.
sub refused
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($pattern, @more) = @_;
	my $before = $server->snapshot($folder);
	$server->setup_fails(3, $pattern, @app, @more);
	is_deeply($server->snapshot($folder), $before, 'nothing is changed');
	return;
}

# Setup has to fail after the keyring was made, and to restore the settings.
sub taken_back
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($code, $pattern, @more) = @_;
	$server->setup_fails($code, $pattern, @app, @more);
	ok(!-e $settings, 'the settings are taken back');
	is($server->sql('SHOW session_preload_libraries'), 'auto_explain', 'the server is as it was');
	return;
}

is($server->sql("ALTER SYSTEM SET session_preload_libraries = 'auto_explain'"), '', 'ALTER SYSTEM');
refused(qr/postgresql\.auto\.conf sets session_preload_libraries .*ALTER SYSTEM RESET session_preload_libraries/);
$server->sql('ALTER SYSTEM RESET session_preload_libraries');

is($server->sql("ALTER DATABASE postgres SET session_preload_libraries = 'auto_explain'"), '', 'ALTER DATABASE');
refused(qr/a setting of database postgres overrides session_preload_libraries/);
$server->sql('ALTER DATABASE postgres RESET session_preload_libraries');

my $right = read_file($main);
$server->settings_last('this is no setting');
refused(qr/syntax error in file .*postgresql\.conf" line \d+/);
write_file($main, $right);

$server->settings_last("session_preload_libraries = 'auto_explain'");
taken_back(3, qr/session_preload_libraries is set again in a file that is read after \Q$settings\E/);
write_file($main, $right);
ok(-f $keyring, 'the keyring stays');

my $text = read_file($keyring);
my ($code, $out, $err) = $server->setup({ out => '/dev/full' }, @app);
is($code, 3, 'a key that cannot be printed') or diag($err);
like($err, qr/standard output cannot be written, so the key would be lost; the settings are as they were/, 'says so');
ok(!-e $settings, 'the settings are taken back');

# The extension is installed but no keyring is configured: --keyring must name it.
$server->setup_fails(3, qr/has the extension already, .*--keyring/, '--database', 'postgres');
# A name that was misspelt must not make another keyring.
$server->setup_fails(3, qr/has the extension already, .*misspelt does not exist: .*caas keyring init/,
	'--database', 'postgres', '--keyring', "$keyring.misspelt");
ok(!-e "$keyring.misspelt", 'no keyring was made');

($code, $out, $err) = $server->setup(@app);
is($code, 0, 'run again') or diag($err);
like($out, qr/\Acaas_[0-9a-f]{64}\n\z/, 'it prints a key');
is(read_file($keyring), $text, 'the keyring of the first run is kept');
is($server->sql('SHOW session_preload_libraries'), 'auto_explain, caas', 'the other library is still loaded');

# A further line in caas.conf stays. A new value of session_preload_libraries elsewhere is extended.
write_file($settings, read_file($settings) . "caas.exempt_workers = on\n");
write_file($main,
	$right =~
		s/^session_preload_libraries = 'auto_explain'/session_preload_libraries = 'auto_explain, passwordcheck'/mr);
($code, $out, $err) = $server->setup(@app, '--name', 'o.t-h_er');
is($code, 0, 'after changes of others') or diag($err);
is($server->sql('SHOW session_preload_libraries'), 'auto_explain, passwordcheck, caas', 'the list is made anew');
is($server->sql('SHOW caas.exempt_workers'), 'on', 'the line of somebody else stays');
write_file($main, $right);

# What a file says about the log of statements stays, and so does its absence in a file that exists.
write_file($settings, read_file($settings) =~ s/^log_min_error_statement.*\n//mr);
($code, $out, $err) = $server->setup(@app, '--new-key');
is($code, 0, 'after the line was deleted') or diag($err);
is($server->sql('SHOW log_min_error_statement'), 'error', 'it is not written again');
unlink $settings;
write_file($main, $right . "Log_Min_Error_Statement = 'fatal'\n");
($code, $out, $err) = $server->setup(@app, '--new-key');
is($code, 0, 'a new file beside a setting in another') or diag($err);
unlike(read_file($settings), qr/log_min_error_statement/, 'has none');
is($server->sql('SHOW log_min_error_statement'), 'fatal', 'the other file counts');
write_file($main, $right);

# Right settings in postgresql.conf are not repeated in caas.conf.
my $digests = $server->sql('SHOW caas.api_key_digests');
unlink $settings;
write_file($main,
	$right =~ s/^session_preload_libraries = .*/session_preload_libraries = 'caas'/mr
		. "caas.keyring_file = '$keyring'\ncaas.api_key_digests = '$digests'\n");
($code, $out, $err) = $server->setup(@app);
is($code, 0, 'settings that were made by hand') or diag($err);
ok(!-e $settings, 'are enough');
is($server->sql("SELECT (caas_status()).keyring_loaded"), 't', 'and in use');

$server->setup_fails(3, qr/the server has another keyring, \Q$keyring\E/,
	'--database', 'postgres', '--keyring', "$keyring.2");
rename $keyring, "$keyring.away" or die "rename: $!";
refused(qr/the keyring \Q$keyring\E that .*postgresql\.conf, line \d+ names does not exist: put it back/);
rename "$keyring.away", $keyring or die "rename: $!";
chmod 0644, $keyring or die "chmod: $!";
refused(qr/mode of the file is wider than 0600/);
chmod 0600, $keyring or die "chmod: $!";

# With caas in shared_preload_libraries, session_preload_libraries is left alone.
write_file($main, "shared_preload_libraries = 'caas'\n$right");
$server->stop;
$server->start;
($code, $out, $err) = $server->setup(@app);
is($code, 0, 'with the library in shared_preload_libraries') or diag($err);
is($server->sql('SHOW session_preload_libraries'), 'auto_explain', 'the list of sessions is left alone');
is($server->sql("SELECT (caas_status()).keyring_loaded"), 't', 'and the settings are in use');
done_testing();
