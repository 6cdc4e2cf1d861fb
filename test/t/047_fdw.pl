# postgres_fdw sends caas_encrypt to the remote, whose key comes from a service file and is in no catalog.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $key = api_key();
my @keyring = (generation(1, 'active', random_secret()));
my $service = PostgreSQL::Test::Utils::tempdir() . '/pg_service.conf';

my $remote = caas_node('remote', keyring => \@keyring);
$remote->start;
$remote->safe_psql(
	'postgres', q{
	CREATE EXTENSION caas;
	CREATE TABLE users (id uuid PRIMARY KEY, email text, digest text)}
);
$remote->safe_psql(
	'postgres', "SET caas.api_key = '$key';" . q{
	INSERT INTO users SELECT id, email, caas_encrypt(id, email)
	FROM (SELECT md5(n::text)::uuid AS id, 'user' || n % 10 || '@example.com' AS email FROM generate_series(1, 100) n) u}
);

my $local = caas_node('local', keyring => \@keyring);
{
	local $ENV{PGSERVICEFILE} = $service;
	$local->start;
}
$local->safe_psql(
	'postgres', q{
	CREATE EXTENSION caas;
	CREATE EXTENSION postgres_fdw;
	CREATE ROLE stranger;
	CREATE SERVER remote FOREIGN DATA WRAPPER postgres_fdw OPTIONS (service 'remote', extensions 'caas');
	CREATE USER MAPPING FOR CURRENT_USER SERVER remote;
	CREATE FOREIGN TABLE users (id uuid, email text, digest text) SERVER remote}
);

sub write_service
{
	my ($options) = @_;
	unlink $service;
	append_to_file(
		$service, join "\n", '[remote]',
		'host=' . $remote->host,
		'port=' . $remote->port,
		'dbname=postgres', $options, ''
	);
	return;
}
my $find = q{SELECT count(*) FROM users WHERE digest = caas_encrypt(id, email)};
my $find_raw = q{SELECT count(*) FROM users WHERE decode(digest, 'hex') = caas_encrypt(id, 'user3@example.com'::bytea)};
my $find_text = q{SELECT count(*) FROM users WHERE digest = caas_encrypt(id, 'user3@example.com')};
my $compute = q{SELECT id, caas_encrypt(id, email) FROM users ORDER BY caas_encrypt(id, email)};

# The key for the remote is in the service file alone; the local session shows none.
write_service("options=-c caas.api_key=$key");
my $plan = $local->safe_psql('postgres', "EXPLAIN (VERBOSE, COSTS off) $find");
like($plan, qr/Remote SQL: .*digest = public\.caas_encrypt\(id, email\)/, 'the call is sent to the remote');
is($local->safe_psql('postgres', $find), '100', 'and finds what is stored there');
$plan = $local->safe_psql('postgres', "EXPLAIN (VERBOSE, COSTS off) $find_raw");
like($plan, qr/Remote SQL: .*public\.caas_encrypt\(id, E?'.*'::bytea\)/, 'with constant bytes, too');
is($local->safe_psql('postgres', $find_raw), '10', 'and finds them');
# postgres_fdw sends no call whose collation comes from a constant text alone.
$plan = $local->safe_psql('postgres', "EXPLAIN (VERBOSE, COSTS off) $find_text");
unlike($plan, qr/Remote SQL: .*caas_encrypt/, 'with constant text, it stays here');
is($local->safe_psql('postgres', "SET caas.api_key = '$key'; $find_text"), '10', 'and finds the same');
$plan = $local->safe_psql('postgres', "EXPLAIN (VERBOSE, COSTS off) $compute");
like($plan, qr/Remote SQL: .*ORDER BY public\.caas_encrypt\(id, email\)/, 'to sort by it, too');

# An expression that is computed locally needs the key of this session and gives the same result.
my ($code, $out, $error) = $local->psql('postgres', $compute);
like($error, qr/no accepted API key/, 'what is computed here is refused');
is(
	$local->safe_psql('postgres', "SET caas.api_key = '$key'; $compute"),
	$remote->safe_psql('postgres', "SET caas.api_key = '$key'; $compute"),
	'computed there and here, it is equal'
);
is(
	$local->safe_psql(
		'postgres', "SET caas.api_key = '$key'; SELECT count(*) FROM users WHERE caas_verify(id, email, digest)"
	),
	'100',
	'and verifies here'
);

# No catalog holds the key.
is(
	$local->safe_psql('postgres', 'SET ROLE stranger; SELECT srvoptions FROM pg_foreign_server'),
	'{service=remote,extensions=caas}',
	'everyone reads the options of the server, the key is not there'
);

# Without the option extensions the expression is computed locally.
$local->safe_psql('postgres', 'ALTER SERVER remote OPTIONS (DROP extensions)');
$plan = $local->safe_psql('postgres', "SET caas.api_key = '$key'; EXPLAIN (VERBOSE, COSTS off) $find");
unlike($plan, qr/Remote SQL: .*caas_encrypt/, 'without the option extensions the call stays here');
is($local->safe_psql('postgres', "SET caas.api_key = '$key'; $find"), '100', 'with the same result');
$local->safe_psql('postgres', q{ALTER SERVER remote OPTIONS (ADD extensions 'caas')});

# The remote asks for its own key, whatever this session has.
write_service('');
($code, $out, $error) = $local->psql('postgres', "SET caas.api_key = '$key'; $find");
is($code, 3, 'refused by the remote');
like(
	$error,
	qr/ERROR:  no accepted API key.*^HINT:  Set caas\.api_key.*^CONTEXT:  remote SQL command/ms,
	'with its message'
);

$local->stop;
$remote->stop;
unlike(slurp_file($remote->logfile), qr/user\d\@example|\Q$key\E/, 'neither plaintext nor key in the remote\'s log');
unlike(slurp_file($local->logfile), qr/\Q$key\E/, 'no key in the local log');

done_testing();
