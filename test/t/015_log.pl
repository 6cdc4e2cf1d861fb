# Whatever error of caas, and wherever it is raised: the log has its code and message, and neither statement nor row nor key.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($key, $wrong, $marker) = (api_key(), 'a-wrong-key', 'Ada-Lovelace');
my $uuid = '4dbcbcfe-4800-40a8-badf-c26b73af230c';
my $call = "caas_encrypt('$uuid', '$marker')";
my $set = "SET caas.api_key = '$key'";

# Each place where the server evaluates a call, without the key. The row of COPY comes from a file.
my $folder = PostgreSQL::Test::Utils::tempdir();
append_to_file("$folder/rows", "$uuid\t$marker\n");
append_to_file("$folder/script", "\\set value random(1, 9)\nSELECT caas_encrypt('$uuid', '$marker' || :value);\n");
my %place = (
	'a query' => "SELECT $call",
	'a plan' => "EXPLAIN SELECT $call",
	'an executed plan' => "EXPLAIN ANALYZE SELECT caas_encrypt(id, value || '$marker') FROM plain",
	'a filter' => "SELECT 1 FROM plain WHERE caas_verify(id, value, '$marker')",
	'an insert' => "INSERT INTO plain VALUES ('$uuid', $call)",
	'a generated column' => "INSERT INTO generated VALUES ('$uuid', '$marker')",
	'a generated column of many rows' =>
		"INSERT INTO generated SELECT '$uuid', '$marker' || n FROM generate_series(1, 3) n",
	'an update of a generated column' => "UPDATE generated SET value = '$marker'",
	'COPY into a generated column' => "COPY generated (id, value) FROM '$folder/rows'",
	'COPY from the client' => "\\copy generated (id, value) FROM '$folder/rows'",
	'COPY of a query' => "COPY (SELECT $call) TO '/dev/null'",
	'a trigger' => "INSERT INTO triggered VALUES ('$uuid', '$marker')",
	'COPY into a trigger' => "COPY triggered FROM '$folder/rows'",
	'a default' => "INSERT INTO defaulted (value) VALUES ('$marker')",
	'a check' => "INSERT INTO checked VALUES ('$uuid', '$marker')",
	'a domain' => "SELECT '$marker'::digest_domain",
	'an index' => "CREATE INDEX ON plain (caas_encrypt(id, value || '$marker'))",
	'a row of an index' => "INSERT INTO indexed VALUES ('$uuid', '$marker')",
	'PL/pgSQL' => "SELECT in_plpgsql('$marker')",
	'PL/pgSQL, dynamic' => "SELECT in_dynamic('$marker')",
	'an SQL function' => "SELECT in_sql('$marker')",
	'a DO block' => "DO \$\$BEGIN PERFORM $call; END\$\$",
	'a block that passes the error on' => "DO \$\$BEGIN PERFORM $call; EXCEPTION WHEN OTHERS THEN RAISE; END\$\$",
	'a prepared statement' => "PREPARE p(text) AS SELECT caas_encrypt('$uuid', \$1); EXECUTE p('$marker')",
	'a cursor' =>
		"BEGIN; DECLARE c CURSOR FOR SELECT caas_encrypt(id, value || '$marker') FROM plain; FETCH c; ROLLBACK",
	'a materialized view' => "CREATE MATERIALIZED VIEW m AS SELECT $call",
	'ALTER TABLE' => "ALTER TABLE plain ALTER value TYPE text USING caas_encrypt(id, value || '$marker')",
	'a worker' => "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
		SET max_parallel_workers_per_gather = 1; SET parallel_leader_participation = off;
		SELECT count(caas_encrypt(id, value || '$marker')) FROM filled"
);

my $node = caas_node('log', extra => { extra => [ '--locale=C', '--encoding=SQL_ASCII' ] });
$node->append_conf('postgresql.conf',
	"log_error_verbosity = verbose\nlog_min_error_statement = error\nlog_min_messages = notice");
$node->start;
$node->safe_psql(
	'postgres', qq{
	$set;
	CREATE EXTENSION caas;
	CREATE ROLE app LOGIN;
	GRANT EXECUTE ON FUNCTION caas_encrypt(uuid, text) TO app;
	CREATE TABLE plain (id uuid, value text);
	INSERT INTO plain VALUES ('$uuid', '$marker');
	CREATE TABLE filled AS SELECT '$uuid'::uuid AS id, '$marker' || n AS value FROM generate_series(1, 3000) n;
	ANALYZE filled;
	CREATE TABLE generated (id uuid, value text, digest text GENERATED ALWAYS AS (caas_encrypt(id, value)) STORED);
	INSERT INTO generated VALUES ('$uuid', '$marker');
	CREATE TABLE triggered (id uuid, value text);
	CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON triggered FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'value');
	INSERT INTO triggered VALUES ('$uuid', '$marker');
	CREATE TABLE short (id uuid, value varchar(20));
	CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON short FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'value');
	ALTER EVENT TRIGGER caas_check_triggers DISABLE; -- it would refuse the next three triggers
	CREATE TABLE numbered (id uuid, value integer);
	CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON numbered FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'value');
	CREATE TABLE misnamed (id uuid, value text);
	CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON misnamed FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'valeu');
	CREATE TABLE late (id uuid, value text);
	CREATE TRIGGER protect AFTER INSERT ON late FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'value');
	ALTER EVENT TRIGGER caas_check_triggers ENABLE;
	CREATE TABLE defaulted (value text, digest text DEFAULT $call);
	CREATE TABLE checked (id uuid, value text CHECK (caas_encrypt(id, value) <> '$marker'));
	CREATE DOMAIN digest_domain AS text CHECK (value <> $call);
	CREATE TABLE indexed (id uuid, value text);
	CREATE INDEX ON indexed (caas_encrypt(id, value));
	CREATE FUNCTION in_plpgsql(value text) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN caas_encrypt(''$uuid'', value); END';
	CREATE FUNCTION in_dynamic(value text) RETURNS text LANGUAGE plpgsql AS
		'DECLARE d text; BEGIN EXECUTE format(''SELECT caas_encrypt(%L, %L)'', ''$uuid'', value) INTO d; RETURN d; END';
	CREATE FUNCTION in_sql(value text) RETURNS text LANGUAGE sql AS 'SELECT caas_encrypt(''$uuid'', value) FROM pg_class LIMIT 1'}
);

my %raised;
# The statement's error, in a session of its own, has this code.
sub raises
{
	my ($state, $label, $sql, @options) = @_;
	my ($code, $out, $error) = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql", on_error_stop => 0, @options);
	like($error, qr/ERROR:  $state: /, "$label: $state");
	$raised{$state}++;
	return;
}

raises('28000', "no key, $_", $place{$_}) for sort keys %place;
raises('28000', "a wrong key, $_", "SET caas.api_key = '$wrong'; $place{$_}")
	for 'a query', 'a generated column', 'COPY into a trigger';
# The value is a bind parameter, as a driver sends it.
$node->command_fails([ 'pgbench', '-n', '-t', '1', '-M', $_, '-f', "$folder/script", $node->connstr('postgres') ],
	"protocol: $_")
	for 'extended', 'prepared';

raises('22023', "no such generation, $_", "$set; " . ($place{$_} =~ s/'$marker'\)/'$marker', 9)/r))
	for 'a query', 'a DO block', 'a plan';
raises('22021', 'not UTF-8', "$set; SELECT caas_encrypt('$uuid', E'$marker\\xff')");
raises('22021', 'not UTF-8, generated', "$set; INSERT INTO generated VALUES ('$uuid', E'$marker\\xff')");
raises('22021', 'not UTF-8, verify', "$set; SELECT caas_verify('$uuid', E'$marker\\xff', '$marker')");
raises('55P02', "to be stored, $_", "$_ SET caas.api_key = '$key'")
	for 'ALTER ROLE app', 'ALTER DATABASE postgres', 'ALTER SYSTEM', 'ALTER FUNCTION in_sql(text)';
raises('22004', 'trigger: no uuid', "$set; INSERT INTO triggered VALUES (NULL, '$marker')");
raises('27000', 'trigger: another uuid', "$set; UPDATE triggered SET id = gen_random_uuid() /* $marker */");
raises('22001', 'trigger: too short', "$set; INSERT INTO short VALUES ('$uuid', '$marker')");
raises('42804', 'trigger: wrong type', "$set; INSERT INTO numbered VALUES ('$uuid', 4) /* $marker */");
raises('42703', 'trigger: no such column', "$set; INSERT INTO misnamed VALUES ('$uuid', '$marker')");
raises('39P01', 'trigger: too late', "$set; INSERT INTO late VALUES ('$uuid', '$marker')");

# The keyring: as many ways as there are codes, and what only the log may say.
my $file = $node->{caas_keyring};
my $secret = random_secret();
write_keyring($node, "1 active 2026-01-01T00:00:00Z $secret digests=md5\n");
raises('F0000', "a bad keyring, $_", "$set; $place{$_}")
	for 'a query', 'a generated column', 'COPY into a trigger', 'PL/pgSQL', 'a worker';
raises('F0000', 'a bad keyring, for a role that sees no paths', "$set; SELECT $call", extra_params => [ '-U', 'app' ]);
chmod 0644, $file or die "chmod: $!";
raises('F0000', 'an open keyring', "$set; SELECT $call");
unlink $file or die "unlink: $!";
raises('F0000', 'a missing keyring', "$set; SELECT $call");
$node->append_conf('postgresql.conf', "caas.keyring_file = ''");
$node->restart;
raises('55000', 'no keyring', "$set; SELECT $call");
$node->stop;

my $log = slurp_file($node->logfile);
my @shown = grep { /\Q$marker\E|\Q$key\E|\Q$wrong\E|\Q$secret\E/ } split /\n/, $log;
is("@shown[0 .. ($#shown > 4 ? 4 : $#shown)]", '', 'no line of the log holds plaintext, a key or a secret');
for my $state (sort keys %raised)
{
	my $logged = () = $log =~ /ERROR:  $state: /g;
	cmp_ok($logged, '>=', $raised{$state}, "every error $state is in the log");
}
like($log, qr/DETAIL:  keyring file "\Q$file\E", line 2: /, 'with the path that a client does not see');
unlike($log, qr/STATEMENT:/, 'no statement');

done_testing();
