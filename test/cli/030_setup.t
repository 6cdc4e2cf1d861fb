# caas setup on a packaged cluster: the first run, a second run, further keys and databases, --remove, and a new start.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use CaasServer;
use Test::More;

CaasServer::require_servers();
my $server = CaasServer->packaged;
my $folder = (getpwnam 'postgres')[7] . '/caas';
my $had_folder = -d $folder;
my $keyring = "$folder/" . CaasServer::version() . "-$server->{name}.keyring";
my $settings = "$server->{config}/conf.d/caas.conf";
my $ada = "'4dbcbcfe-4800-40a8-badf-c26b73af230c', 'ada\@example.com'";

END
{
	local $?;
	unlink $keyring if defined $keyring;
	rmdir $folder if defined $folder && !$had_folder;
}

sub digest { return $server->sql("SELECT caas_encrypt($ada)", key => $_[0]); }

my @app = ('--database', 'postgres');
my $before = $server->snapshot($folder);
my ($code, $out, $err) = $server->setup(@app, '--dry-run');
is($code, 0, 'a dry run') or diag($err);
is($out, '', 'it prints no key');
like($err, qr/^would make: \Q$_\E/m, "it would make: $_")
	for "keyring $keyring", 'API key app', "settings in $settings",
	'extension caas in database postgres, schema public';
is_deeply($server->snapshot($folder), $before, 'it changes nothing');

($code, $out, $err) = $server->setup(@app);
is($code, 0, 'the first run') or diag($err);
like($out, qr/\Acaas_[0-9a-f]{64}\n\z/, 'standard output is the key alone');
chomp(my $key = $out);
unlike($err, qr/$key/, 'standard error does not have it');
like($err, qr/^made: \Q$_\E/m, "made: $_")
	for "keyring $keyring", 'API key app', "settings in $settings",
	'extension caas in database postgres, schema public';
like($err, qr/^status: .*keyring_loaded true.*api_key_accepted true/m, 'it shows caas_status()');
my ($uid, $gid) = (getpwnam 'postgres')[ 2, 3 ];
is_deeply([ (stat $keyring)[ 2, 4 ] ], [ 0100600, $uid ], 'the keyring is the server\'s alone');
is_deeply([ (stat $folder)[ 2, 4 ] ], [ 040700, $uid ], 'and so is its folder') if !$had_folder;
is_deeply([ (stat $settings)[ 2, 4 ] ], [ 0100640, $uid ], 'the settings are no one else\'s to read');
unlike(read_file($_), qr/$key/, "$_ does not have the key") for $settings, $server->{log};

is($server->sql('SHOW log_min_error_statement'), 'panic', 'the text of a failing statement is not logged');
# The server of the test logs statements.
is(
	$server->sql(
		"SELECT severity, object, finding FROM caas_doctor() WHERE object NOT IN ('log_statement', 'log_parameter_max_length', 'locked memory')"
	),
	'',
	'caas_doctor finds nothing'
);

my $digest = digest($key);
like($digest, qr/\A[0-9a-f]{64,128}\z/, 'the key makes a digest');
is(digest('caas_' . '0' x 64), '28000', 'another key does not');
is(digest(''), '28000', 'no key does not');

$before = $server->snapshot($folder);
($code, $out, $err) = $server->setup(@app);
is($code, 0, 'the second run') or diag($err);
is($out, '', 'it prints no key');
unlike($err, qr/^made/m, 'it makes nothing');
unlike($err, qr{api_key_accepted}, 'a session without a key is not shown as if it were a fault');
like($err, qr/^kept: \Q$_\E/m, "kept: $_")
	for "keyring $keyring", 'API key app', "settings in $settings",
	'extension caas in database postgres, schema public';
is_deeply($server->snapshot($folder), $before, 'it changes nothing');

($code, $out, $err) = $server->setup(@app, '--new-key');
is($code, 0, 'a further key') or diag($err);
chomp(my $further = $out);
isnt($further, $key, 'it is another');
is(digest($_), $digest, 'both keys make the digest') for $key, $further;
my $setting = $server->sql("SELECT setting FROM pg_file_settings WHERE name = 'caas.api_key_digests' AND applied");
is(() = $setting =~ /app:/g, 2, 'the name has two entries');

($code, $out, $err) = $server->setup(@app, '--name', 'web');
is($code, 0, 'a key of another name') or diag($err);
chomp(my $web = $out);
is(digest($web), $digest, 'it works');

my $odd = q{o'd "d} . '\\' . 'b = x';
my $quoted = $odd =~ s/"/""/gr;
is($server->sql(qq{CREATE DATABASE "$quoted"}), '', 'a database with blanks, quotes and a backslash');
($code, $out, $err) = $server->setup('--database', $odd, '--schema', 'My "caas"');
is($code, 0, 'setup there, in a schema of its own') or diag($err);
like($err, qr/^made: extension caas in database \Q$odd\E, schema My "caas"$/m, 'the extension is made');
is($server->sql(qq{SELECT "My ""caas""".caas_encrypt($ada)}, key => $key, database => $odd),
	$digest, 'one keyring, one digest');
is($server->sql('CREATE ROLE plain'), '', 'a role');
is($server->sql('SET ROLE plain; SELECT (c).keyring_loaded FROM "My ""caas""".caas_status() c', database => $odd),
	't', 'everybody can name what is in the schema');
is($server->sql(qq{SET ROLE plain; SELECT "My ""caas""".caas_encrypt($ada)}, key => $key, database => $odd),
	'42501', 'and call what is granted');

$before = $server->snapshot($folder);
($code, $out, $err) = $server->setup(@app, '--remove', '--dry-run');
is($code, 0, 'a dry run of the removal') or diag($err);
like($err, qr/^would remove: extension caas/m, 'it would remove the extension');
like($err, qr/^left: settings in \Q$settings\E, since other databases/m, 'and leave the settings');
is_deeply($server->snapshot($folder), $before, 'it changes nothing');

my $text = read_file($keyring);
($code, $out, $err) = $server->setup(@app, '--remove');
is($code, 0, 'the removal') or diag($err);
is($out, '', 'it prints nothing to standard output');
like($err, qr/^removed: extension caas/m, 'the extension is removed');
like($err, qr/^left: settings in \Q$settings\E, since other databases/m, 'the settings are left');
like($err, qr/^left: extension caas in database \Q$odd\E$/m, 'it names the other database that has the extension');
is($server->sql(qq{SELECT "My ""caas""".caas_encrypt($ada)}, key => $key, database => $odd),
	$digest, 'which goes on with them');
($code, $out, $err) = $server->setup('--database', $odd, '--remove');
is($code, 0, 'the removal from that one too') or diag($err);
like($err, qr/^removed: \Q$_\E/m, "removed: $_") for 'extension caas', "settings in $settings";
unlike($err, qr/^left: extension/m, 'no other database is named');
like($err, qr/^left: keyring \Q$keyring\E/m, 'it says where the keyring is');
ok(!-e $settings, 'the settings are gone');
is($server->sql("SELECT count(*) FROM pg_extension WHERE extname = 'caas'"), 0, 'the extension is gone');
is($server->sql('SHOW session_preload_libraries'), '', 'the library is not loaded any more');
is(read_file($keyring), $text, 'the keyring stays');

($code, $out, $err) = $server->setup(@app, '--remove');
is($code, 0, 'a second removal') or diag($err);
unlike($err, qr/^removed/m, 'it removes nothing');

($code, $out, $err) = $server->setup(@app);
is($code, 0, 'set up once more') or diag($err);
chomp(my $later = $out);
like($err, qr/^kept: keyring \Q$keyring\E/m, 'with the old keyring');
is(read_file($keyring), $text, 'which is as it was');
is($server->sql("SELECT caas_verify($ada, '$digest')", key => $later), 't', 'the old digest verifies');
is(digest($key), '28000', 'the old keys are gone');
unlike(read_file($server->{log}), qr/$_/, 'no key is in the server\'s log') for $key, $further, $web, $later;
done_testing();
