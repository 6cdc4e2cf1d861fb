# pg_dump and pg_restore of sealed values, their blind indexes and an index on the generation: neither needs a key.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my @keyring = (generation(1, 'active', random_secret()));
my $node = caas_node('values_dump', keyring => \@keyring);
$node->append_conf('postgresql.conf', "caas.scrypt_ln = 10\ncaas.scrypt_p = 1");
$node->start;
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
{
	local $ENV{PGOPTIONS} = with_key();
	$node->safe_psql(
		'postgres', q{
		CREATE EXTENSION caas;
		CREATE TABLE accounts (id uuid PRIMARY KEY, email bytea, email_index bytea UNIQUE, photo bytea, password text,
			CHECK ((caas_sealed_info(email)).data_length < 1000));
		ALTER TABLE accounts ALTER photo SET STORAGE EXTERNAL;
		CREATE INDEX accounts_generation ON accounts (caas_generation(email));
		CREATE STATISTICS accounts_statistics ON (caas_generation(email)) FROM accounts;
		INSERT INTO accounts SELECT id, caas_seal(id, email, 'accounts.email'), caas_blind_index(email, 'accounts.email'), NULL, caas_hash_password(id, email)
			FROM (SELECT md5(n::text)::uuid, 'user' || n || '@example.com' FROM generate_series(1, 300) AS n) AS users (id, email);
		UPDATE accounts SET photo = caas_seal(id, repeat('photo', 5000), 'accounts.photo') WHERE id < '10000000-0000-0000-0000-000000000000'}
	);
}
my $rows = 'SELECT md5(string_agg(accounts::text, $$,$$ ORDER BY id)), count(photo) FROM accounts';
my $before = $node->safe_psql('postgres', $rows);

$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, 'postgres' ], 'pg_dump needs no key');
my ($script) = run_command([ 'pg_restore', '-f', '-', $dump ]);
like(
	$script,
	qr/CREATE INDEX accounts_generation ON public\.accounts USING btree \(public\.caas_generation\(email\)\)/,
	'the index is dumped qualified'
);
like($script, qr/CHECK \(\(?\(public\.caas_sealed_info\(email\)\)\.data_length < 1000\)/, 'so is the constraint');
unlike($script, qr/user\d+\@example|photophoto/, 'no plaintext is in the dump');

# Returns the values of all rows, opened with the key.
sub opened
{
	my ($database) = @_;
	local $ENV{PGOPTIONS} = with_key();
	return $node->safe_psql(
		$database,
		q{SELECT count(*), count(*) FILTER (WHERE id = md5(substr(split_part(plain, '@', 1), 5))::uuid AND caas_verify_password(id, plain, password)
			AND email_index = ANY (caas_blind_candidates(plain, 'accounts.email'))), count(caas_open(id, photo, 'accounts.photo')) > 0
		FROM accounts, caas_open(id, email, 'accounts.email') AS plain}
	);
}
is(opened('postgres'), '300|300|t', 'before: every row opens');
my %ways = (whole => [], single => ['--single-transaction'], parallel => [ '-j', 2 ], data => ['--data-only']);
for my $way (sort keys %ways)
{
	$node->safe_psql('postgres', "CREATE DATABASE $way");
	$node->command_ok([ 'pg_restore', '--schema-only', '-d', $node->connstr($way), $dump ], "$way: schema")
		if $way eq 'data';
	$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr($way), @{ $ways{$way} }, $dump ],
		"$way: restored without a key");
	is($node->safe_psql($way, $rows), $before, "$way: the same bytes");
	is(opened($way), '300|300|t', "$way: every row opens");
	like(
		$node->safe_psql(
			$way, 'SET enable_seqscan = off; EXPLAIN SELECT FROM accounts WHERE caas_generation(email) < 1'
		),
		qr/accounts_generation/,
		"$way: the index is there"
	);
}

# Maintenance commands and COPY do not fail either. The restored table refuses a value that is not a sealed value.
for my $sql (
	'ANALYZE accounts',
	'VACUUM FULL accounts',
	'REINDEX TABLE accounts',
	'CLUSTER accounts USING accounts_generation',
	'CREATE TABLE copied (LIKE accounts INCLUDING ALL)',
	'INSERT INTO copied SELECT * FROM accounts',
	'CREATE INDEX CONCURRENTLY ON copied (caas_generation(photo))'
	)
{
	is($node->psql('whole', $sql), 0, "without a key: $sql");
}
is($node->safe_psql('whole', q{SELECT count(*) FROM pg_stats WHERE tablename = 'accounts_generation'}),
	'1', 'ANALYZE has statistics of the generation');
my ($code, $out, $error) = $node->psql('whole',
	"COPY copied (id, email) FROM stdin;\n4dbcbcfe-4800-40a8-badf-c26b73af230c\tada\@example.com\n\\.\n");
like($error, qr/ERROR:  not a sealed value/, 'plaintext does not get past the index');

# In another cluster the rows are what they were, and open with the keyring of here, which no dump holds.
my $other = caas_node('elsewhere');
$other->start;
$other->command_ok([ 'pg_restore', '--exit-on-error', '-d', $other->connstr('postgres'), $dump ],
	'another cluster: restored');
is($other->safe_psql('postgres', $rows), $before, 'another cluster: the same bytes');
local $ENV{PGOPTIONS} = with_key();
my $open = q{SELECT count(*) FROM accounts WHERE caas_try_open(id, email, 'accounts.email') IS NOT NULL};
is($other->safe_psql('postgres', $open), '0', 'another keyring opens nothing');
is(
	$other->safe_psql(
		'postgres',
		q{SELECT count(*) FROM accounts WHERE email_index = ANY (caas_blind_candidates('user7@example.com', 'accounts.email'))}
	),
	'0',
	'and finds nothing'
);
write_keyring($other, @keyring);
$other->reload;
$other->poll_query_until('postgres', $open, '300') or die 'not reloaded';
is(
	$other->safe_psql(
		'postgres',
		q{SELECT id = md5('7')::uuid FROM accounts WHERE email_index = ANY (caas_blind_candidates('user7@example.com', 'accounts.email'))}
	),
	't',
	'with the keyring both work'
);
$_->stop for $node, $other;
unlike(slurp_file($_->logfile), qr/user\d+\@example|photophoto/, $_->name . ': no plaintext in the log')
	for $node, $other;

done_testing();
