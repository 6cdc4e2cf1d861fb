# The upgrade of docs/upgrade.md by logical replication: the old server goes on writing until the new one takes over.
# CAAS_NEW_PG_CONFIG names pg_config of the newer server, CAAS_NEW_STAGE its staged installation of caas, when it is staged.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use Test::More;

my @secret = (random_secret(), random_secret());
my @keyring = (generation(1, 'retired', $secret[0]), generation(2, 'active', $secret[1]));
my $new_config = $ENV{CAAS_NEW_PG_CONFIG};

# The newer server, whose programs the node runs itself.
sub newer_node
{
	return caas_node('new', keyring => \@keyring) if !$new_config;
	my $bin = `$new_config --bindir` =~ s/\n//r;
	local $ENV{PATH} = "$bin:$ENV{PATH}";
	local $ENV{CAAS_STAGE} = $ENV{CAAS_NEW_STAGE};
	return caas_node('new', keyring => \@keyring, install_path => dirname($bin));
}

my $old =
	caas_node('old', keyring => [ generation(1, 'active', $secret[0]) ], extra => { allows_streaming => 'logical' });
my $new = newer_node();
$_->start for $old, $new;
my ($from, $to) = map { $_->safe_psql('postgres', 'SHOW server_version') } $old, $new;
note("from $from to $to");
diag("no newer server is named by CAAS_NEW_PG_CONFIG: from $from to the same version") if !$new_config;

sub with_the_key
{
	my ($node, $sql) = @_;
	local $ENV{PGOPTIONS} = with_key();
	return $node->safe_psql('postgres', $sql);
}

# ---- the old server, with every kind of protection ----

with_the_key(
	$old, q{
	CREATE EXTENSION caas;
	CREATE ROLE app;
	GRANT EXECUTE ON FUNCTION caas_encrypt(uuid, text) TO app;
	CREATE TABLE users (id uuid PRIMARY KEY, email text, digest text GENERATED ALWAYS AS (caas_encrypt(id, email)) STORED);
	CREATE TABLE people (id bigserial PRIMARY KEY, email text CHECK (email IS NULL), email_digest text,
		ssn text CHECK (ssn IS NULL), ssn_sealed bytea, ssn_index bytea UNIQUE);
	CREATE TRIGGER a BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id@people', 'email=email_digest');
	CREATE TRIGGER b BEFORE INSERT OR UPDATE ON people FOR EACH ROW
		EXECUTE FUNCTION caas_seal_trigger('id@people', 'ssn=ssn_sealed:ssn_index@people.ssn');
	CREATE TABLE parts (id uuid, email text, PRIMARY KEY (id)) PARTITION BY HASH (id);
	CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
	CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
	CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON parts FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
	CREATE TABLE labelled (id uuid PRIMARY KEY, ssn bytea);
	SECURITY LABEL FOR caas ON COLUMN labelled.ssn IS 'seal id @labelled.ssn';
	INSERT INTO users SELECT md5(n::text)::uuid, 'e' || n FROM generate_series(1, 100) n;
	INSERT INTO people (email, ssn) SELECT 'e' || n, 's' || n FROM generate_series(1, 100) n;
	INSERT INTO parts SELECT id, email FROM users;
	INSERT INTO labelled SELECT id, caas_seal(id, email, 'labelled.ssn') FROM users}
);

# The new keyring is on the old server before anything is made with its active generation on the new one.
write_keyring($old, generation(1, 'active', $secret[0]), generation(2, 'retired', $secret[1]));
$old->reload;
$old->poll_query_until('postgres', 'SELECT count(*) = 2 FROM caas_keyring()') or die 'not reloaded';

# ---- the schema, the publication and the subscription ----

my $schema = PostgreSQL::Test::Utils::tempdir() . '/schema.sql';
$new->command_ok([ 'pg_dump', '--schema-only', '-f', $schema, $old->connstr('postgres') ],
	'the schema is dumped by the newer pg_dump');
$new->safe_psql('postgres', 'CREATE ROLE app');
$new->command_ok([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $new->connstr('postgres'), '-f', $schema ],
	'and restored without a key');
is($new->safe_psql('postgres', 'SELECT extension_version = library_version FROM caas_status()'),
	't', 'the extension has the version of the library there');
is($new->safe_psql('postgres', q{SELECT has_function_privilege('app', 'caas_encrypt(uuid,text)', 'EXECUTE')}),
	't', 'grants come with the schema');
$old->safe_psql('postgres', 'CREATE PUBLICATION upgrade FOR ALL TABLES');
my $connection = $old->connstr . ' dbname=postgres';
$new->safe_psql('postgres', "CREATE SUBSCRIPTION upgrade CONNECTION '$connection' PUBLICATION upgrade");

# Without the exemption the generated columns are not computed, and say so.
wait_for_log($new, qr/ERROR:  no accepted API key\n.*caas\.exempt_workers = on/);
is($new->safe_psql('postgres', 'SELECT count(*) FROM users'), '0',
	'the generated column waits for caas.exempt_workers');
$new->append_conf('postgresql.conf', "caas.exempt_workers = on\nwal_retrieve_retry_interval = 100ms");
$new->reload;
$new->poll_query_until('postgres', q{SELECT count(*) > 0 AND bool_and(srsubstate = 'r') FROM pg_subscription_rel})
	or die 'no synchronisation';

# ---- the old server is written to meanwhile ----

with_the_key(
	$old, q{
	INSERT INTO users VALUES (md5('101')::uuid, 'e101');
	UPDATE users SET email = 'e2b' WHERE id = md5('2')::uuid;
	INSERT INTO people (email, ssn) VALUES ('e101', 's101');
	UPDATE people SET ssn = 's2b' WHERE id = 2;
	DELETE FROM people WHERE id = 3;
	INSERT INTO parts VALUES (md5('101')::uuid, 'e101');
	INSERT INTO labelled VALUES (md5('101')::uuid, caas_seal(md5('101')::uuid, 'e101', 'labelled.ssn'))}
);
$old->wait_for_catchup('upgrade');
my %right = (
	users => q{SELECT count(*), count(*) FILTER (WHERE caas_verify(id, email, digest)) FROM users},
	people => q{SELECT count(*), count(*) FILTER (WHERE email IS NULL AND ssn IS NULL
		AND caas_verify(caas_uuid('people', id), 'e' || id, email_digest)
		AND caas_open(caas_uuid('people', id), ssn_sealed, 'people.ssn') = CASE id WHEN 2 THEN 's2b' ELSE 's' || id END
		AND ssn_index = ANY (caas_blind_candidates(CASE id WHEN 2 THEN 's2b' ELSE 's' || id END, 'people.ssn'))) FROM people},
	parts => q{SELECT count(*), count(*) FILTER (WHERE caas_verify(md5(n::text)::uuid, 'e' || n, email))
		FROM parts JOIN generate_series(1, 101) n ON id = md5(n::text)::uuid},
	labelled => q{SELECT count(*), count(*) FILTER (WHERE caas_open(id, ssn, 'labelled.ssn') = 'e' || n)
		FROM labelled JOIN generate_series(1, 101) n ON id = md5(n::text)::uuid}
);
my %rows = (users => '101|101', people => '100|100', parts => '101|101', labelled => '101|101');
for my $table (sort keys %right)
{
	is(with_the_key($_, $right{$table}), $rows{$table}, "$table on the " . $_->name . ' server') for $old, $new;
}
my $stored = q{SELECT id, email_digest, ssn_sealed, ssn_index FROM people ORDER BY id};
is(
	$new->safe_psql('postgres', $stored),
	$old->safe_psql('postgres', $stored),
	'triggered columns are equal byte for byte'
);
my $by = 'SELECT DISTINCT caas_verified_by(id, email, digest) FROM users';
is(with_the_key($old, $by), '1', 'the old server has digests of its active generation');
is(with_the_key($new, $by), '2', 'the new one computed the generated column under its own');

# ---- the new server takes over ----

my $sequence = $old->safe_psql('postgres', 'SELECT last_value FROM people_id_seq');
$new->safe_psql('postgres', "DROP SUBSCRIPTION upgrade; SELECT setval('people_id_seq', $sequence)");
$old->stop;
$new->append_conf('postgresql.conf', 'caas.exempt_workers = off');
$new->reload;
with_the_key(
	$new, q{
	INSERT INTO people (email, ssn) VALUES ('e102', 's102');
	INSERT INTO parts VALUES (md5('102')::uuid, 'e102');
	INSERT INTO users VALUES (md5('102')::uuid, 'e102')}
);
is(with_the_key($new, $right{people}), '101|101', 'the triggers fire on the new server');
is(with_the_key($new, $right{users}), '102|102', 'the generated column goes on');
is(with_the_key($new, q{SELECT caas_verify(id, 'e102', email) FROM parts WHERE id = md5('102')::uuid}),
	't', 'so do the partitions');
is(
	with_the_key($new, q{SELECT count(*), count(*) FILTER (WHERE problem IS NULL) FROM caas_columns}),
	with_the_key($new, q{SELECT count(*), count(*) FROM caas_columns}),
	'every declared column is in order'
);
my ($code, $out, $error) = $new->psql('postgres', q{INSERT INTO people (email) VALUES ('e103')});
like($error, qr/no accepted API key/, 'and the gate is that of the new server');

$new->stop;
unlike(slurp_file($_->logfile), qr/'[es]10[123]'|\be2b\b/, $_->name . ': no plaintext in the log') for $old, $new;

done_testing();
