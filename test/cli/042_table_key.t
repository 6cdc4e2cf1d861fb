# The API key of caas table: from the environment or a file, never on the command line, in no log and in no message.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use CaasServer;
use CaasTable;
use Test::More;

my $server = table_server();
my $dir = folder();
my %no_variable = (env => { CAAS_API_KEY => '' });
my @check = ('table', 'check', 'people');

my ($code, $out, $err) = table_caas($server, @check);
is($code, 0, 'from the environment') or diag($err);
write_file("$dir/key", the_key() . "\n");
chmod 0600, "$dir/key";
for my $end ("\n", "\r\n", '')
{
	write_file("$dir/key", the_key() . $end);
	($code, $out, $err) = table_caas($server, \%no_variable, @check, '--api-key-file', "$dir/key");
	is($code, 0, 'from a file') or diag($err);
}
($code, $out, $err) = table_caas($server, { env => { CAAS_API_KEY => 'wrong' } }, @check, '--api-key-file', "$dir/key");
is($code, 0, 'the file comes before the environment') or diag($err);
my $option = the_key() =~ s/([ \\])/\\$1/gr;
($code, $out, $err) =
	table_caas($server, { env => { CAAS_API_KEY => '', PGOPTIONS => "-c caas.api_key=$option" } }, @check);
is($code, 0, 'from PGOPTIONS, as for psql') or diag($err);
($code, $out, $err) =
	table_caas($server, { env => { PGOPTIONS => '-c statement_timeout=0 -c caas.api_key=wrong' } }, @check);
is($code, 0, 'the environment comes before PGOPTIONS') or diag($err);

chmod 0644, "$dir/key";
table_fails($server, 3, qr/key: everybody can read or write it; chmod o= it$/,
	\%no_variable, @check, '--api-key-file', "$dir/key");
chmod 0600, "$dir/key";
my %bad = ('' => qr/holds no key/, "one\ntwo\n" => qr/holds more than one line/, 'x' x 2000 => qr/longer than a key/);
for my $content (sort keys %bad)
{
	write_file("$dir/key", $content);
	table_fails($server, 3, $bad{$content}, \%no_variable, @check, '--api-key-file', "$dir/key");
}
table_fails($server, 3, qr/nothing: the key cannot be read: No such file/,
	\%no_variable, @check, '--api-key-file', "$dir/nothing");
table_fails($server, 3, qr/does not list the API key\n/, { env => { CAAS_API_KEY => 'a wrong key' } }, @check);
table_fails($server, 2, qr/unknown option --api-key\n/, @check, '--api-key', 'x');

# A server that logs every statement with its parameters.
my $log = read_file($server->{log});
like($log, qr/caas_check/, 'the log has the statements');
like($log, qr/parameters: \$1 = /i, 'and their parameters');
my $plain = the_key();
unlike($log, qr/\Q$plain\E|\Q$option\E/, 'not the key');
unlike($log, qr/a wrong key/, 'not a wrong key either');

# The session with the key is one of the same server and database, whatever their names.
my $socket = $server->{socket};
my $port = $server->{port};
($code, $out, $err) = caas({ env => { CAAS_API_KEY => the_key() } },
	@check, '-d', "host='$dir,$socket' port=1,$port user=postgres dbname=postgres");
is($code, 0, 'of several servers, the one that answers') or diag($err);
my $odd = 'host=nowhere dbname=postgres';
is($server->sql(qq{CREATE DATABASE "$odd"}), '', 'a database whose name is a connection string');
is(
	$server->sql(
		q{CREATE EXTENSION caas; CREATE TABLE people (); INSERT INTO "The caas".stub_check (relation, column_name) VALUES ('people', 'odd')},
		database => $odd
	),
	'',
	'with the stand-in'
);
($code, $out, $err) = caas({ env => { CAAS_API_KEY => the_key() } },
	@check, '-d', "host='$socket' port=$port user=postgres dbname='$odd'");
like($out, qr/^public\.people  odd/m, 'is the one that is asked') or diag($err);

# Reports without secrets show no key to the server.
is(
	$server->sql(
		q{CREATE FUNCTION "The caas".key_seen() RETURNS text LANGUAGE sql AS $$ SELECT current_setting('caas.api_key', true) $$;
	INSERT INTO "The caas".stub_doctor VALUES ('note', 'x', 'x', 'x');
	CREATE OR REPLACE FUNCTION "The caas".caas_doctor() RETURNS SETOF "The caas".stub_doctor LANGUAGE sql AS
	$$ SELECT 'note', 'key', coalesce("The caas".key_seen(), 'none'), '' $$}
	),
	'',
	'a server that looks for a key'
);
like((table_caas($server, 'table', 'doctor'))[1], qr/key +none$/m, 'doctor shows it none');
done_testing();
