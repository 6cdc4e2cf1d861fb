# No error of caas_seal_trigger writes plaintext to the server's log: INSERT, UPDATE and COPY.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($old, $new) = (random_secret(), random_secret());
my $node = caas_node('log', keyring => [ generation(2, 'active', $new), generation(1, 'retired', $old) ]);
$node->start;
my $secret = 'Tell nobody';
my $ada = '4dbcbcfe-4800-40a8-badf-c26b73af230c';
$ENV{PGOPTIONS} = with_key();
$node->safe_psql(
	'postgres', qq{
	CREATE EXTENSION caas;
	CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C';
	CREATE TABLE users (id uuid, plain text NOT NULL DEFAULT '', ssn text, ssn_sealed bytea, email text, email_sealed bytea, email_index bytea);
	CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON users FOR EACH ROW
		EXECUTE FUNCTION caas_seal_trigger('id', 'ssn=ssn_sealed\@public.users.ssn', 'email=email_sealed:email_index\@public.users.email');
	INSERT INTO users (id, ssn) VALUES ('$ada', '078-05-1120')}
);
$node->safe_psql(
	'ascii', qq{
	CREATE EXTENSION caas;
	CREATE TABLE users (id uuid, ssn text, ssn_sealed bytea, email text, email_sealed bytea);
	CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'ssn=ssn_sealed\@public.users.ssn', 'email=email_sealed\@public.users.email')}
);
my $sealed = $node->safe_psql('postgres', 'SELECT ssn_sealed FROM users');

# Runs a statement that contains the secret and must fail with this SQLSTATE. The log must show the error without the secret.
sub fails
{
	my ($name, $sqlstate, $sql, $database) = @_;
	my $start = -s $node->logfile;
	like($sql, qr/\Q$secret\E/, "$name: the statement holds the secret");
	my ($status, $output, $error) = $node->psql($database // 'postgres', "\\set VERBOSITY verbose\n$sql");
	my ($message) = $error =~ /ERROR:  $sqlstate: (.*)/;
	ok(defined $message, "$name: $sqlstate") or diag $error;
	my $log = slurp_file($node->logfile, $start);
	like($log, qr/ERROR:  \Q$message\E/, "$name: logged");
	unlike($log, qr/\Q$secret\E|STATEMENT:|CONTEXT:/, "$name: without statement, context or secret");
	return;
}

# The server's own errors show the statement. Otherwise the tests below would prove nothing.
$node->psql('postgres', "INSERT INTO users (id, plain, ssn) VALUES ('$ada', NULL, '$secret')");
like(
	slurp_file($node->logfile),
	qr/STATEMENT:  INSERT .*\Q$secret\E/,
	'an error of the server itself shows the statement'
);

sub copy
{
	my ($columns, @values) = @_;
	return "COPY users ($columns) FROM stdin;\n" . join("\t", @values) . "\n\\.\n";
}

fails('no uuid', '22004', "INSERT INTO users (ssn) VALUES ('$secret')");
fails('no uuid in COPY', '22004', copy('id, ssn', '\N', $secret));
fails('uuid removed', '22004', "UPDATE users SET id = NULL, email = '$secret'");
fails('plaintext in the wrong column', '22P03', "INSERT INTO users (id, ssn_sealed) VALUES ('$ada', '$secret')");
fails('the same in COPY', '22P03', copy('id, ssn_sealed', $ada, $secret));
fails('the same in UPDATE', '22P03', "UPDATE users SET ssn_sealed = '$secret'");
fails('another user', '39000',
	"INSERT INTO users (id, email, ssn_sealed) VALUES ('65b4583e-d78b-5256-aa5a-851cf2f367b9', '$secret', '$sealed')");
fails('another user in COPY',
	'39000', copy('id, email, ssn_sealed', '65b4583e-d78b-5256-aa5a-851cf2f367b9', $secret, '\\' . $sealed));
fails('uuid changed', '39000', "UPDATE users SET id = '65b4583e-d78b-5256-aa5a-851cf2f367b9', email = '$secret'");
fails('another column', '39000', "UPDATE users SET email_sealed = '$sealed', plain = '$secret'");
fails('unknown generation', '22023', "UPDATE users SET ssn_sealed = set_byte(ssn_sealed, 2, 9), plain = '$secret'");
fails('no UTF-8', '22021', "INSERT INTO users (id, ssn) VALUES ('$ada', E'$secret \\xff')", 'ascii');
fails('no UTF-8 in COPY', '22021', copy('id, ssn', $ada, "$secret \\xff"), 'ascii');
fails('in a function', '22P03', "DO \$\$ BEGIN UPDATE users SET ssn_sealed = '$secret'; END \$\$");
{
	local $ENV{PGOPTIONS} = '';
	fails('no key', '28000', "INSERT INTO users (id, ssn) VALUES ('$ada', '$secret')");
	fails('no key in COPY', '28000', copy('id, ssn', $ada, $secret));
	fails('no key for a sealed value', '28000', "UPDATE users SET ssn_sealed = '$secret'");
}

# Errors in the declaration of the trigger, which CREATE TRIGGER would refuse.
$node->safe_psql('postgres', 'ALTER EVENT TRIGGER caas_check_triggers DISABLE');
my %wrong = (
	'39P01' => "'id'",
	'42703' => "'id', 'nothing=ssn_sealed'",
	'42804' => "'id', 'ssn=plain\@public.users.ssn'",
	'22023' => "'id', 'ssn=ssn_sealed\@" . 'x' x 1025 . "'"
);
for my $sqlstate (sort keys %wrong)
{
	$node->safe_psql(
		'postgres', "CREATE OR REPLACE TRIGGER protect BEFORE INSERT OR UPDATE ON users
		FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger($wrong{$sqlstate})"
	);
	fails('wrong trigger', $sqlstate, "INSERT INTO users (id, ssn) VALUES ('$ada', '$secret')");
}
$node->safe_psql('postgres',
	"CREATE OR REPLACE TRIGGER protect AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'ssn=ssn_sealed\@public.users.ssn')"
);
fails('fired after', '39P01', "INSERT INTO users (id, ssn) VALUES ('$ada', '$secret')");
$node->safe_psql('postgres',
	"CREATE OR REPLACE TRIGGER protect BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'ssn=ssn_sealed\@public.users.ssn')"
);

unlink $node->{caas_keyring} or die "unlink: $!";
fails('no keyring', 'F0000', "INSERT INTO users (id, ssn) VALUES ('$ada', '$secret')");
$node->append_conf('postgresql.conf', "caas.keyring_file = ''");
$node->reload;
$node->poll_query_until('postgres', "SELECT keyring_problem = 'no keyring is configured' FROM caas_status()")
	or die 'not reloaded';
fails('no keyring configured', '55000', "INSERT INTO users (id, ssn) VALUES ('$ada', '$secret')");

is($node->safe_psql('postgres', 'SELECT count(*), count(ssn) FROM users'), '1|0', 'nothing was stored');
$node->stop;
done_testing();
