# No error of the functions for values brings plaintext, password, context, sealed value or hash into the server's log.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $secret = 'Tell nobody';
my $ada = '4dbcbcfe-4800-40a8-badf-c26b73af230c';
my ($old, $new) = (random_secret(), random_secret());
my @keyring = (generation(2, 'active', $new), generation(1, 'retired', $old));
my $node = caas_node('values_log', keyring => \@keyring);
# The server adds the parameters to the context of an error when log_parameter_max_length_on_error asks for them.
$node->append_conf(
	'postgresql.conf', join "\n",
	'log_error_verbosity = verbose',
	'log_parameter_max_length_on_error = -1',
	'caas.scrypt_ln = 10',
	'caas.scrypt_p = 1'
);
$node->start;
$ENV{PGOPTIONS} = with_key();
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION caas;
	CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C';
	CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C';
	CREATE TABLE indexed (email text, email_index bytea GENERATED ALWAYS AS (caas_blind_index(email, repeat(email, 40))) STORED);
	CREATE TABLE sealed (id uuid, ssn bytea CHECK (caas_generation(ssn) > 0))}
);
$node->safe_psql($_, 'CREATE EXTENSION caas') for 'ascii', 'latin';

# Values that must not be shown either.
my ($sealed, $hash) = split /\|/,
	$node->safe_psql('postgres', "SELECT caas_seal('$ada', '$secret', 'c'), caas_hash_password('$ada', '$secret')");
my ($body) = $sealed =~ /^\\x010002([0-9a-f]{32})/;
my ($salt) = $hash =~ /p=1\$([^\$]{22})\$/;
my $shown = qr/\Q$secret\E|$body|\Q$salt\E|STATEMENT:|CONTEXT:|QUERY:|parameters/;

# The log since its end was $start must show the error, and nothing else that it should not.
sub log_is_clean
{
	my ($name, $start, $message) = @_;
	my $log = slurp_file($node->logfile, $start);
	like($log, qr/(?:ERROR|FATAL):  .*\Q$message\E/, "$name: logged");
	unlike($log, $shown, "$name: without what it was about");
	return;
}

# Runs SQL that must fail so.
sub fails
{
	my ($sqlstate, $sql, $database) = @_;
	my $start = -s $node->logfile;
	my ($code, $out, $error) = $node->psql($database // 'postgres', "\\set VERBOSITY verbose\n$sql -- $secret");
	my ($message) = $error =~ /ERROR:  $sqlstate: (.*)/;
	my $name = "$sqlstate: " . ($sql =~ s/\n/ /gr);
	ok(defined $message, $name) or diag $error;
	log_is_clean($name, $start, $message // '');
	return;
}
# A control: shows that the log does contain the value of an error that caas does not hide.
my $end = -s $node->logfile;
$node->psql('postgres', "SELECT caas_open('$ada', '$sealed', 'c')::integer -- $secret");
like(
	slurp_file($node->logfile, $end),
	qr/invalid input syntax for type integer: "\Q$secret\E".*STATEMENT:.*$body/s,
	'an error of the server itself shows all'
);

my $unknown = $sealed =~ s/^\\x010002/\\x010009/r;
my @value = (
	[ '39000', "caas_open('$ada', '$sealed', '$secret')" ],
	[ '39000', "caas_open_bytea('65b4583e-d78b-5256-aa5a-851cf2f367b9', '$sealed', 'c')" ],
	[ '39000', "caas_reseal('$ada', '" . ($sealed =~ s/^\\x010002/\\x010001/r) . "', 'c')" ],
	[ '22P03', "caas_open('$ada', '$secret', '$secret')" ],
	[ '22P03', "caas_reseal('$ada', '$secret')" ],
	[ '22P03', "caas_generation('$secret')" ],
	[ '22P03', "caas_sealed_info('$secret')" ],
	[ '22023', "caas_open('$ada', '$unknown', 'c')" ],
	[ '22023', "caas_reseal('$ada', '" . ($sealed =~ s/^\\x010002/\\x010000/r) . "', 'c')" ],
	[ '22023', "caas_reseal('$ada', '$sealed', 'c', 1)" ],
	[ '22023', "caas_blind_index('x', 'c', 16, '$secret')" ],
	[ '22023', "caas_uuid(repeat('$secret', 100), '$secret')" ],
	[ '22023', "caas_uuid('users', repeat('$secret', 100))" ],
	[ '22023', "caas_seal('$ada', 'x', repeat('$secret', 100))" ],
	[ '22023', "caas_try_open('$ada', '$sealed', repeat('$secret', 100))" ],
	[ '22021', "caas_open('$ada', caas_seal('$ada', convert_to('$secret', 'UTF8') || '\\xff'::bytea))" ],
	[ '22023', "caas_blind_index('$secret', 'c', 3)" ],
	[ '22023', "caas_blind_candidates('$secret', 'c', 33)" ],
	[ '22023', "caas_blind_index('x', repeat('$secret', 100))" ],
	[ '22023', "caas_verify_password('$ada', '$secret', '" . ($hash =~ s/g=2/g=9/r) . "')" ]
);
fails($_->[0], "SELECT $_->[1]") for @value;
fails('22023', "SET caas.scrypt_ln = 18; SET caas.scrypt_p = 16; SELECT caas_hash_password('$ada', '$secret')");

# Calls that are not in the text of the client's statement.
fails('22023', "INSERT INTO indexed VALUES ('$secret $secret $secret')");
fails('22P03', "INSERT INTO sealed VALUES ('$ada', '$secret')");
fails('22P03', "COPY sealed FROM stdin;\n$ada\t$secret\n\\.\n");
fails('22023', "COPY indexed (email) FROM stdin;\n$secret $secret $secret\n\\.\n");
fails('39000', "DO \$\$BEGIN PERFORM caas_open('$ada', '$sealed', '$secret'); END\$\$");
fails('39000',
	"CREATE FUNCTION pg_temp.f(text) RETURNS text LANGUAGE sql AS \$\$SELECT caas_open('$ada', '$sealed', \$1)\$\$; SELECT pg_temp.f('$secret')"
);
fails('39000', "PREPARE p AS SELECT caas_open(\$1, \$2, \$3); EXECUTE p('$ada', '$sealed', '$secret')");
fails('39000', "DECLARE c CURSOR WITH HOLD FOR SELECT caas_open('$ada', '$sealed', '$secret')");

# Parameters of the extended protocol: the log from the beginning of such a statement, and what the client was told.
sub with_parameters
{
	my ($mode, $select) = @_;
	my $script = PostgreSQL::Test::Utils::tempdir() . '/parameters.sql';
	append_to_file($script, "SELECT $select;\n");
	my $start = -s $node->logfile;
	my ($out, $error) = run_command([
		'pgbench', '-n', '-M', $mode, '-t', 1, '-D', "id=$ada", '-D', "sealed=$sealed", '-D', "context=$secret",
		'-f', $script, $node->connstr('postgres')
	]);
	return ($start, $error);
}
for my $mode ('extended', 'prepared')
{
	my ($start, $error) = with_parameters($mode, ':context::text::integer');
	like(
		slurp_file($node->logfile, $start),
		qr/with parameters: .*\Q$secret\E/,
		"parameters, $mode: an error of the server itself shows them"
	);
	($start, $error) = with_parameters($mode, 'caas_open(:id::uuid, :sealed::bytea, :context::text)');
	like($error, qr/cannot open/, "parameters, $mode: refused");
	log_is_clean("parameters, $mode", $start, 'cannot open');
}

# Other encodings.
fails('22021', $_, 'ascii')
	for "SELECT caas_seal('$ada', E'$secret \\xff')", "SELECT caas_open('$ada', '$sealed', E'$secret \\xff')",
	"SELECT caas_blind_index(E'$secret \\xff', 'c')", "SELECT caas_hash_password('$ada', E'$secret \\xff')",
	"SELECT caas_verify_password('$ada', E'$secret \\xff', '$hash')";
fails('22P05', "SELECT caas_open('$ada', caas_seal('$ada', convert_to('$secret', 'UTF8') || '\\xe29882'::bytea))",
	'latin');

# Without the key, and without a keyring.
my @calls = (
	"caas_seal('$ada', '$secret')",
	"caas_seal('$ada', '$secret'::bytea)",
	"caas_open('$ada', '$sealed', 'c')",
	"caas_open_bytea('$ada', '$sealed', 'c')",
	"caas_try_open('$ada', '$sealed', 'c')",
	"caas_try_open_bytea('$ada', '$sealed', 'c')",
	"caas_reseal('$ada', '$sealed', 'c')",
	"caas_blind_index('$secret', 'c')",
	"caas_blind_candidates('$secret', 'c')",
	"caas_hash_password('$ada', '$secret')",
	"caas_verify_password('$ada', '$secret', '$hash')",
	"caas_password_outdated('$hash')"
);
{
	local $ENV{PGOPTIONS} = '';
	fails('28000', "SELECT $_") for @calls;
}
write_keyring($node, @keyring, "3 $secret\n");
$node->reload;
$node->poll_query_until('postgres', 'SELECT NOT keyring_loaded FROM caas_status()') or die 'not reloaded';
fails('F0000', "SELECT $_") for @calls;
$node->stop;

done_testing();
