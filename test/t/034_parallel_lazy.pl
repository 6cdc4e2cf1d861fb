# The library, not preloaded, first comes in inside the workers, by a function that calls caas_encrypt there.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = caas_node('lazy', preload => 'none');
force_parallel($node);
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE SCHEMA private;
	CREATE EXTENSION caas SCHEMA private;
	CREATE TABLE users AS SELECT md5(n::text)::uuid AS id, 'user' || n || '@example.com' AS email
		FROM generate_series(1, 2000) n;
	ANALYZE users;
	CREATE FUNCTION digest_plpgsql(id uuid, email text) RETURNS text LANGUAGE plpgsql PARALLEL SAFE
	AS 'BEGIN RETURN private.caas_encrypt(id, email); END';
	-- The SET clause keeps it from being inlined into the leader's expression.
	CREATE FUNCTION digest_sql(id uuid, email text) RETURNS text LANGUAGE sql PARALLEL SAFE SET search_path = ''
	AS 'SELECT private.caas_encrypt(id, email)'}
);

sub sum
{
	my ($function) = @_;
	return qq{SELECT md5(string_agg(digest, ',' ORDER BY digest))
		FROM (SELECT $function(id, email) AS digest FROM users OFFSET 0) digests};
}

my $key = api_key();
my $set = "SET caas.api_key = '$key';";
my $serial =
	$node->safe_psql('postgres', "$set SET max_parallel_workers_per_gather = 0; " . sum('private.caas_encrypt'));

for my $function ('digest_plpgsql', 'digest_sql')
{
	my $sum = sum($function);
	like(
		$node->safe_psql('postgres', "$set EXPLAIN (ANALYZE, COSTS off) $sum"),
		qr/Workers Launched: 2/,
		"$function: two workers run it"
	);
	is($node->safe_psql('postgres', "$set $sum"), $serial, "$function: SET");
	is($node->safe_psql('postgres', "BEGIN; SET LOCAL caas.api_key = '$key'; $sum; COMMIT"),
		$serial, "$function: SET LOCAL");
	# The leader was not loaded by it: it still shows what the client set.
	like($node->safe_psql('postgres', "$set $sum; SHOW caas.api_key"),
		qr/^\Q$key\E$/m, "$function: the leader has not loaded the library");
	{
		local $ENV{PGOPTIONS} = with_key();
		is($node->safe_psql('postgres', $sum), $serial, "$function: PGOPTIONS");
	}
	for my $refused ('', "SET caas.api_key = 'wrong';", "$set RESET caas.api_key;", 'SET caas.parallel_state = 1;')
	{
		my ($code, $out, $error) = $node->psql('postgres', "$refused $sum");
		is($code, 3, "$function: refused without the key");
		like($error, qr/no accepted API key/, "$function: with the gate's message");
		is($out, '', "$function: and no result");
	}
}
$node->stop;

done_testing();
