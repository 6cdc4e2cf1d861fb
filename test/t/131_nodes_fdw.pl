# postgres_fdw without an API key in the server's environment: the coordinator as a trusted node, and the client's own key handed over.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use Certificates;
use PostgreSQL::Test::Utils;
use Test::More;

my $key = api_key();
my $password = 'no secret, for tests';
my @keyring = (generation(1, 'active', random_secret()));

my $remote = caas_node('remote', keyring => \@keyring, preload => 'shared');
$remote->append_conf('postgresql.conf', "caas.trusted_nodes = 'coordinator\@scram-sha-256'");
$remote->append_conf('postgresql.conf', "log_statement = all\nlog_parameter_max_length = 0");
$remote->start;
$remote->safe_psql(
	'postgres', qq{
	CREATE EXTENSION caas;
	CREATE ROLE coordinator LOGIN PASSWORD '$password';
	CREATE ROLE gateway LOGIN PASSWORD '$password';
	CREATE TABLE users (id uuid PRIMARY KEY, email text CHECK (email IS NULL), digest text NOT NULL);
	CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
	CREATE VIEW gate AS SELECT api_key_accepted, api_key_name FROM caas_status();
	GRANT SELECT, INSERT, UPDATE ON users TO coordinator, gateway;
	GRANT SELECT ON gate TO coordinator, gateway;
	GRANT EXECUTE ON FUNCTION caas_encrypt(uuid, bytea) TO coordinator, gateway}
);

# The recipe of docs/operations.md: a view whose trigger keeps the key for the transaction.
$remote->safe_psql(
	'postgres', q{
	CREATE VIEW caas_session AS SELECT NULL::text AS api_key WHERE false;
	CREATE FUNCTION caas_session() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM set_config('caas.api_key', NEW.api_key, true);
		RETURN NEW;
	END$$;
	CREATE TRIGGER keep INSTEAD OF INSERT ON caas_session FOR EACH ROW EXECUTE FUNCTION caas_session();
	GRANT INSERT ON caas_session TO gateway}
);
unlink $remote->data_dir . '/pg_hba.conf';
$remote->append_conf('pg_hba.conf', "local all coordinator,gateway scram-sha-256\nlocal all all trust");
$remote->reload;

my $local = caas_node('local', keyring => \@keyring);
$local->start;
my ($host, $port) = ($remote->host, $remote->port);
$local->safe_psql(
	'postgres', qq{
	CREATE EXTENSION caas;
	CREATE EXTENSION postgres_fdw;
	CREATE ROLE app LOGIN;
	CREATE ROLE gated LOGIN;
	CREATE ROLE stranger LOGIN;
	CREATE SERVER remote FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'postgres');
	CREATE USER MAPPING FOR app SERVER remote OPTIONS (user 'coordinator', password '$password');
	CREATE USER MAPPING FOR gated SERVER remote OPTIONS (user 'gateway', password '$password');
	CREATE FOREIGN TABLE users (id uuid, email text, digest text) SERVER remote;
	CREATE FOREIGN TABLE gate (api_key_accepted boolean, api_key_name text) SERVER remote;
	CREATE FOREIGN TABLE caas_session (api_key text) SERVER remote;
	GRANT USAGE ON FOREIGN SERVER remote TO app, gated, stranger;
	GRANT SELECT, INSERT, UPDATE ON users, gate, caas_session TO app, gated, stranger}
);

sub run_as
{
	my ($role, $sql) = @_;
	my ($code, $out, $error) = $local->psql('postgres', $sql, extra_params => [ '-U', $role ]);
	return $code == 0 ? $out : $error =~ s/^psql:\S+ //r =~ s/\n.*//sr;
}
my $refusal = 'ERROR:  no accepted API key';
my $insert = q{INSERT INTO users (id, email) VALUES (md5('%s')::uuid, 'user%s@example.com')};
my $count = 'SELECT count(*) FROM users';
my $guess = q{SELECT count(*) FROM users WHERE decode(digest, 'hex') = caas_encrypt(id, 'user1@example.com'::bytea)};

# ---- the coordinator is a trusted node ----

is(run_as('app', sprintf $insert, 1, 1), '', 'a row is written without a key');
my $stored =
	q{SELECT email IS NULL AND caas_verify(id, 'user%s@example.com', digest) FROM users WHERE id = md5('%s')::uuid};

sub protected_on_remote
{
	my ($n) = @_;
	local $ENV{PGOPTIONS} = with_key();
	return $remote->safe_psql('postgres', sprintf $stored, $n, $n);
}
is(protected_on_remote(1), 't', 'the trigger of the remote has protected it');
is(run_as('app', 'SELECT * FROM gate'), 't|coordinator@scram-sha-256', 'caas_status there says by what');

# Who gets in that way is who has a user mapping to the listed role.
like(
	run_as('stranger', $count),
	qr/ERROR:  user mapping not found for (user )?"stranger"/,
	'not a role without a mapping'
);
is(run_as('gated', sprintf $insert, 2, 2), $refusal, 'nor one with a mapping to another role');

# The gate of the coordinator guards what is computed there; with the option extensions, the call is not.
like(run_as('app', $guess), qr/permission denied for function caas_encrypt/, 'a call is computed here, and refused');
$local->safe_psql('postgres', 'GRANT EXECUTE ON FUNCTION caas_encrypt(uuid, bytea) TO app, gated');
is(run_as('app', $guess), $refusal, 'with EXECUTE it wants the key here');
$local->safe_psql(
	'postgres', q{REVOKE EXECUTE ON FUNCTION caas_encrypt(uuid, bytea) FROM app, gated;
	ALTER SERVER remote OPTIONS (ADD extensions 'caas')}
);
is(run_as('app', $guess), '1', 'with the option extensions, neither key nor EXECUTE of the coordinator is asked for');
is(run_as('gated', $guess), $refusal, 'for a role of the remote that is not listed, its key is');

# A role sees the password of its own mapping, so a password is a secret of every mapped role.
like(run_as('app', 'SELECT umoptions FROM pg_user_mappings WHERE umoptions IS NOT NULL'),
	qr/\Q$password\E/, 'a role reads the password of its mapping');
is(run_as('stranger', 'SELECT count(*) FROM pg_user_mappings WHERE umoptions IS NOT NULL'), '0', 'others do not');

# ---- with a certificate, whose key is in a file of the coordinator ----

SKIP:
{
	skip 'the server is built without TLS', 5 if $remote->safe_psql('postgres', 'SHOW ssl_library') eq '';
	my $folder = new_authority();
	new_certificate($folder, $_) for qw(server by_certificate);
	$remote->append_conf('postgresql.conf',
		tls_settings($folder, 'server') . "\ncaas.trusted_nodes = 'coordinator\@scram-sha-256, by_certificate\@cert'");
	$remote->append_conf('pg_hba.conf', 'hostssl all by_certificate 127.0.0.1/32 cert');
	$remote->safe_psql('postgres', 'CREATE ROLE by_certificate LOGIN; GRANT SELECT ON gate TO by_certificate');
	$remote->restart;
	my %option = tls_options($folder, 'by_certificate');
	$local->safe_psql(
		'postgres', qq{
		CREATE SERVER remote_tls FOREIGN DATA WRAPPER postgres_fdw
			OPTIONS (host '127.0.0.1', port '$port', dbname 'postgres', sslmode 'verify-ca', sslrootcert '$option{sslrootcert}');
		CREATE USER MAPPING FOR app SERVER remote_tls
			OPTIONS (user 'by_certificate', sslcert '$option{sslcert}', sslkey '$option{sslkey}', password_required 'false');
		CREATE FOREIGN TABLE gate_tls (api_key_accepted boolean, api_key_name text) SERVER remote_tls OPTIONS (table_name 'gate');
		GRANT USAGE ON FOREIGN SERVER remote_tls TO app, stranger;
		GRANT SELECT ON gate_tls TO app, stranger}
	);
	is(run_as('app', 'SELECT * FROM gate_tls'), 't|by_certificate@cert', 'a mapping with a certificate is let in');
	like(run_as('stranger', 'SELECT * FROM gate_tls'), qr/user mapping not found/, 'a role without a mapping is not');
	my $own = "CREATE USER MAPPING FOR stranger SERVER remote_tls OPTIONS (user 'by_certificate'%s)";
	like(
		run_as('stranger', sprintf $own, ", sslcert '$option{sslcert}', sslkey '$option{sslkey}'"),
		qr/ERROR:  sslcert and sslkey are superuser-only/,
		'which cannot give itself the certificate'
	);
	is(run_as('stranger', sprintf $own, ''), '', 'nor get in');
	like(
		run_as('stranger', 'SELECT * FROM gate_tls'),
		qr/ERROR:  (password is required|password or GSSAPI|could not connect)/,
		'without one'
	);
}

# ---- the client's own key, handed over ----

my $hand_over = "INSERT INTO caas_session VALUES ('$key')";
my $sent = $local->safe_psql('postgres', "EXPLAIN (VERBOSE, COSTS off) $hand_over", extra_params => [ '-U', 'gated' ]);
like(
	$sent,
	qr/Remote SQL: INSERT INTO public\.caas_session\(api_key\) VALUES \(\$1\)/,
	'the key is sent as a parameter'
);
is(run_as('gated', "BEGIN; $hand_over; $guess; SELECT * FROM gate; COMMIT"),
	"1\nt|test", 'with the key of the client the remote is open');
is(run_as('gated', "BEGIN; $hand_over; " . sprintf($insert, 2, 2) . '; COMMIT'), '', 'and protects a row');
is(protected_on_remote(2), 't', 'in its trigger');
is(run_as('gated', "BEGIN; $hand_over; COMMIT; $guess"),
	$refusal, 'not in the next transaction, on the same connection');
is(run_as('gated', "BEGIN; $hand_over; ROLLBACK; $guess"), $refusal, 'nor after a rollback');
is(run_as('gated', "BEGIN; SELECT 1 FROM gate; SAVEPOINT s; $hand_over; ROLLBACK TO s; $guess; COMMIT"),
	$refusal, 'nor after a rollback to a savepoint');
is(run_as('gated', "BEGIN; SAVEPOINT s; $hand_over; RELEASE s; $guess; COMMIT"), '1', 'but after its release');
is(run_as('gated', "BEGIN; INSERT INTO caas_session VALUES ('wrong'); $guess; COMMIT"),
	$refusal, 'a wrong key is refused');

$local->stop;
$remote->stop;
my $log = slurp_file($remote->logfile);
like($log, qr/INSERT INTO public\.caas_session/, 'the remote logged the statements');
unlike($log, qr/\Q$key\E/, 'and not the key');
unlike(slurp_file($local->logfile), qr/\Q$key\E/, 'nor did the coordinator');

done_testing();
