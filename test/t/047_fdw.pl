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

# What docs/operations.md says of each call: the SQL that the remote gets is exactly this, or has no call of caas.
$local->safe_psql(
	'postgres', q{
	CREATE FOREIGN TABLE sealed (id uuid, n bigint, email text, digest text, sealed bytea, email_index bytea, hash text) SERVER remote
		OPTIONS (table_name 'sealed')}
);
my $uuid = q{'4dbcbcfe-4800-40a8-badf-c26b73af230c'};
my $shape = qr/[0-9a-f]{32,128}/;
for my $case (
	[ 'caas_encrypt(id, email) = digest', qr/WHERE \(\(public\.caas_encrypt\(id, email\) = digest\)\)/ ],
	[ 'caas_encrypt(id, email, 1) = digest', qr/public\.caas_encrypt\(id, email, 1\)/ ],
	[
		q{email_index = caas_blind_index(email, 'c', 16, 'casefold')},
		qr/public\.caas_blind_index\(email, 'c'::text, 16/
	],
	[ 'caas_generation(sealed) < 2', qr/WHERE \(\(public\.caas_generation\(sealed\) < 2\)\)/ ],
	[ 'caas_is_digest(digest)', qr/WHERE \(public\.caas_is_digest\(digest\)\)/ ],
	[ 'caas_is_sealed(sealed)', qr/WHERE \(public\.caas_is_sealed\(sealed\)\)/ ],
	# A constant call is computed here, and its result is sent.
	[ "digest = caas_encrypt($uuid, 'ada')", qr/WHERE \(\(digest = '$shape'\)\)/ ],
	[ q{email_index = caas_blind_index('ada'::text, 'c')}, qr/WHERE \(\(email_index = E?'\\+x$shape'\)\)/ ],
	# A collation that comes from constants alone.
	[ q{digest = caas_encrypt(id, 'ada')}, undef ],
	[ q{id = caas_uuid('users', n)}, undef ],
	[ q{sealed = caas_reseal(id, sealed, 'c', 1)}, undef ],
	# STABLE and VOLATILE.
	[ 'caas_verify(id, email, digest)', undef ],
	[ q{caas_verify(id, 'ada', digest)}, undef ],
	[ 'caas_verified_by(id, email, digest) = 1', undef ],
	[ q{email_index = ANY (caas_blind_candidates('ada'::text, 'c'))}, undef ],
	[ q{caas_open(id, sealed, 'c') = 'ada'}, undef ],
	[ q{sealed = caas_reseal(id, sealed, 'c')}, undef ],
	[ 'caas_verify_password(id, email, hash)', undef ],
	[ q{sealed = caas_seal(id, email, 'c')}, undef ]
	)
{
	my ($condition, $sent) = @$case;
	$plan = $local->safe_psql('postgres',
		"SET caas.api_key = '$key'; EXPLAIN (VERBOSE, COSTS off) SELECT 1 FROM sealed WHERE $condition");
	my ($sql) = $plan =~ /Remote SQL: (.*)/;
	like($sql, $sent // qr/^SELECT (?!.*caas_)/, ($sent ? 'sent: ' : 'not sent: ') . $condition);
	unlike($sql, qr/'ada'/, "no question in it: $condition");
}
for my $case (
	[
		'UPDATE sealed SET digest = caas_encrypt(id, email)',
		qr/UPDATE public\.sealed SET digest = public\.caas_encrypt/
	],
	[
		q{UPDATE sealed SET sealed = caas_reseal(id, sealed, 'c', 1) WHERE caas_generation(sealed) < 1},
		qr/UPDATE public\.sealed SET sealed = \$2 WHERE ctid = \$1.*Remote SQL.*caas_generation\(sealed\) < 1.* FOR UPDATE/s
	],
	[
		'SELECT caas_generation(sealed), count(*) FROM sealed GROUP BY 1',
		qr/Remote SQL: SELECT public\.caas_generation\(sealed\), count\(\*\) FROM public\.sealed GROUP BY 1/
	],
	# Plaintext that is written: an UPDATE has it in its text, an INSERT in its parameters.
	[
		"UPDATE sealed SET email = 'ada' WHERE id = $uuid",
		qr/Remote SQL: UPDATE public\.sealed SET email = 'ada'::text/
	],
	[
		"INSERT INTO sealed (id, email) VALUES ($uuid, 'ada')",
		qr/Remote SQL: INSERT INTO public\.sealed\(.*VALUES \(\$1/
	]
	)
{
	my ($statement, $sent) = @$case;
	$plan = $local->safe_psql('postgres', "SET caas.api_key = '$key'; EXPLAIN (VERBOSE, COSTS off) $statement");
	like($plan, $sent, $statement);
}

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
