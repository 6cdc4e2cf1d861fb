# SET LOCAL in every transaction, as behind a pool, makes no parameterised statement plan again.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $key = api_key();
my $transactions = 10;

my $node = caas_node('pool_plans', preload => 'none');
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION caas;
	CREATE TABLE users AS SELECT md5(n::text)::uuid AS id, n::text AS digest FROM generate_series(1, 3000) n;
	CREATE INDEX ON users (digest);
	ANALYZE users;
	CREATE FUNCTION digest_of(id uuid, value text) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN caas_encrypt(id, value); END'}
);
my $id = q{'4dbcbcfe-4800-40a8-badf-c26b73af230c'};

# Name: parameters, statement, arguments, and how often it is planned in a transaction.
my %statement = (
	call => [ '(uuid, text)', 'SELECT caas_encrypt($1, $2) IS NULL', "($id, 'x')", 0 ],
	search => [ '(uuid, text)', 'SELECT count(*) FROM users WHERE digest = caas_encrypt($1, $2)', "($id, 'x')", 0 ],
	insert => [ '(uuid, text)', 'INSERT INTO users VALUES ($1, caas_encrypt($1, $2))', "($id, 'x')", 0 ],
	verify => [ '(uuid, text, text)', 'SELECT caas_verify($1, $2, $3)', "($id, 'x', 'y')", 0 ],
	plpgsql => [ '(uuid, text)', 'SELECT digest_of($1, $2) IS NULL', "($id, 'x')", 0 ],
	# Its plan holds the digest, so it goes with the key.
	constant => [ '', "SELECT caas_encrypt($id, 'x') IS NULL", '', 1 ]
);

# How often the planner ran in a statement; the server reports each run.
sub planned
{
	my ($session, $sql) = @_;
	my ($out, $error) = answer($session, $sql);
	die $error if $error =~ /ERROR/;
	my $runs = () = $error =~ /PLANNER STATISTICS/g;
	return $runs;
}

for my $preload ('none', 'shared')
{
	restart_with_preload($node, $preload);
	for my $mode ('auto', 'force_generic_plan')
	{
		for my $name (sort keys %statement)
		{
			my ($types, $sql, $arguments, $expected) = @{ $statement{$name} };
			my $session = open_session($node);
			answer($session, "SET plan_cache_mode = $mode; PREPARE p$types AS $sql");
			my $transaction = "BEGIN; SET LOCAL caas.api_key = '$key'; EXECUTE p$arguments; COMMIT";
			# The first five make plans for their arguments, and the PL/pgSQL function within needs as many.
			answer($session, $transaction) for 1 .. 12;
			answer($session, 'SET log_planner_stats = on; SET client_min_messages = log');
			my $runs = planned($session, join ';', ($transaction) x $transactions);
			is($runs, $expected * $transactions, "$preload, $mode: runs of the planner for $name");
			is(
				outcome(
					$session, "SET log_planner_stats = off; SELECT generic_plans >= 10 FROM pg_prepared_statements"
				),
				't',
				"$preload, $mode: $name executed a generic plan"
			);
			$session->quit;
		}
	}
}
$node->stop;

done_testing();
