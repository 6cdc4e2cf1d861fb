# Parallel workers seal, open and index as one process does; their errors reach the log without the statement.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $rows = 3000;
my $marker = 'plaintext of Ada';
my $key = api_key();
my $serial = "SET caas.api_key = '$key'; SET max_parallel_workers_per_gather = 0;";
my $parallel = "SET caas.api_key = '$key';";

# A query each, whose result does not depend on what is random in it, and the call that its workers must make.
my %queries = (
	open => [
		q{SELECT md5(string_agg(opened, ',' ORDER BY opened)) FROM (SELECT caas_open(id, sealed, 'c') AS opened FROM users OFFSET 0) x},
		'caas_open('
	],
	try_open => [
		q{SELECT count(opened), count(*) FROM (SELECT caas_try_open(id, sealed, CASE WHEN n % 3 = 0 THEN 'c' ELSE '' END) AS opened FROM users OFFSET 0) x},
		'caas_try_open('
	],
	seal => [
		q{SELECT count(DISTINCT substr(sealed, 4, 16)), bool_and(caas_open(id, sealed, 'c') = email)
		FROM (SELECT id, email, caas_seal(id, email, 'c') AS sealed FROM users OFFSET 0) x}, 'caas_seal('
	],
	reseal => [
		q{SELECT count(DISTINCT sealed), bool_and(caas_open(id, sealed, 'c') = email)
		FROM (SELECT id, email, caas_reseal(id, sealed, 'c') AS sealed FROM users OFFSET 0) x}, 'caas_reseal('
	],
	index => [
		q{SELECT md5(string_agg(i::text, ',' ORDER BY i)) FROM (SELECT caas_blind_index(email, 'c', 4 + n % 29) AS i FROM users OFFSET 0) x},
		'caas_blind_index('
	],
	candidates => [
		q{SELECT md5(string_agg(i::text, ',' ORDER BY i)) FROM (SELECT caas_blind_candidates(email, 'c') AS i FROM users OFFSET 0) x},
		'caas_blind_candidates('
	],
	generation =>
		[ q{SELECT sum(g) FROM (SELECT caas_generation(sealed) AS g FROM users OFFSET 0) x}, 'caas_generation(' ],
	password => [
		q{SELECT count(*), count(*) FILTER (WHERE right_one) FROM (SELECT caas_verify_password(id, CASE WHEN n % 2 = 0 THEN 'x' ELSE 'y' END, hash) AS right_one FROM logins OFFSET 0) x},
		'caas_verify_password('
	],
	hash => [
		q{SELECT count(DISTINCT hash), bool_and(hash ~ ',ln=10,r=8,p=2') FROM (SELECT caas_hash_password(id, 'x') AS hash FROM logins OFFSET 0) x},
		'caas_hash_password('
	]
);

# A statement for each SQLSTATE that a worker can raise.
my %failures = (
	"caas_blind_index(email, '$marker', n % 4) IS NULL" => qr/the length of a blind index is 4 to 32 bytes/,
	"caas_blind_candidates(email || '$marker', 'c', n % 4) IS NULL" => qr/the length of a blind index is 4 to 32 bytes/,
	"caas_open(id, sealed, '$marker') IS NULL" => qr/ERROR:  cannot open/,
	"caas_open(id, '\\x0100ff' || substr(sealed, 4), '$marker') IS NULL" => qr/the keyring has no such generation/,
	"caas_open(id, caas_seal(id, '\\xff'::bytea, '$marker'), '$marker') IS NULL" => qr/not valid UTF-8/,
	"caas_reseal(id, convert_to(email || '$marker', 'UTF8')) IS NULL" => qr/ERROR:  not a sealed value/,
	"caas_generation(convert_to(email || '$marker', 'UTF8')) = 1" => qr/ERROR:  not a sealed value/,
	"caas_seal(id, '$marker', repeat(email, 100)) IS NULL" => qr/the context is longer than 1024 bytes/
);

for my $preload ('none', 'shared')
{
	my $node = caas_node(
		"parallel_values_$preload",
		preload => $preload,
		keyring => [ generation(1, 'retired', random_secret()), generation(2, 'active', random_secret()) ]
	);
	force_parallel($node);
	$node->start;
	{
		local $ENV{PGOPTIONS} = with_key() . ' -c max_parallel_workers_per_gather=0';
		$node->safe_psql(
			'postgres', qq{
			CREATE EXTENSION caas;
			ALTER SYSTEM SET caas.scrypt_ln = 10;
			ALTER SYSTEM SET caas.scrypt_p = 2;
			SELECT pg_reload_conf();
			CREATE TABLE users AS SELECT n, md5(n::text)::uuid AS id, 'user' || n || '\@example.com' AS email FROM generate_series(1, $rows) n;
			ALTER TABLE users ADD sealed bytea;
			UPDATE users SET sealed = caas_seal(id, email, 'c');
			VACUUM (FULL, ANALYZE) users;
			SET caas.scrypt_ln = 10;
			SET caas.scrypt_p = 2;
			CREATE TABLE logins AS SELECT n, id, caas_hash_password(id, 'x') AS hash FROM users WHERE n <= 50;
			ALTER TABLE logins SET (parallel_workers = 2);
			ANALYZE logins}
		);
	}
	for my $name (sort keys %queries)
	{
		my ($query, $call) = @{ $queries{$name} };
		my $expected = $node->safe_psql('postgres', "$serial $query");
		isnt($expected, '', "$preload, $name: a serial result");
		is($node->safe_psql('postgres', "$parallel $query"),
			$expected, "$preload, $name: workers give what one process gives");
		my $plan = $node->safe_psql('postgres', "$parallel EXPLAIN (ANALYZE, VERBOSE, COSTS off) $query");
		like(
			$plan,
			qr/Workers Launched: 2.*Parallel Seq Scan[^\n]*\n\s*Output: [^\n]*\Q$call\E/s,
			"$preload, $name: two workers ran it"
		);
	}

	# Without the key in the leader the workers have none; what needs none works.
	my ($code, $out, $error) = $node->psql('postgres', $queries{open}[0]);
	like(
		$error,
		qr/no accepted API key.*^CONTEXT:  parallel worker/ms,
		"$preload: refused without the key, by the worker"
	);
	is($node->safe_psql('postgres', $queries{generation}[0]), 2 * $rows, "$preload: generations need no key");

	for my $condition (sort keys %failures)
	{
		($code, $out, $error) = $node->psql('postgres', "$parallel SELECT count(*) FROM users WHERE $condition");
		like($error, qr/$failures{$condition}.*^CONTEXT:  parallel worker/ms, "$preload, a worker's error: $condition");
	}
	$node->stop;
	my $log = slurp_file($node->logfile);
	like($log, qr/$failures{$_}/, "$preload: in the log: $_") for sort keys %failures;
	unlike($log, qr/\Q$marker\E|user\d+\@example|\Q$key\E/, "$preload: neither plaintext nor key in the log");
}

done_testing();
