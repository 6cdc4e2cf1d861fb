# Parallel workers give what one process gives, however the library came in and the key was set.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $rows = 3000;
my $key = api_key();
my $sum = q{SELECT md5(string_agg(digest, ',' ORDER BY digest)) FROM
	(SELECT caas_encrypt(id, email) AS digest FROM users OFFSET 0) digests};

# A statement's plan as it ran; the number of workers that did.
sub workers_launched
{
	my ($node, $before, $after) = @_;
	my $plan = $node->safe_psql('postgres', "$before EXPLAIN (ANALYZE, COSTS off) $sum; $after");
	return $plan =~ /Workers Launched: (\d+)/ ? $1 : 0;
}

for my $preload ('none', 'session', 'shared')
{
	my $node = caas_node("parallel_$preload", preload => $preload);
	force_parallel($node);
	$node->start;
	$node->safe_psql(
		'postgres', qq{
		CREATE EXTENSION caas;
		CREATE TABLE users AS SELECT md5(n::text)::uuid AS id, 'user' || n || '\@example.com' AS email
			FROM generate_series(1, $rows) n;
		ANALYZE users}
	);
	my $serial =
		$node->safe_psql('postgres', "SET caas.api_key = '$key'; SET max_parallel_workers_per_gather = 0; $sum");
	like($serial, qr/^[0-9a-f]{32}$/, "$preload: serial result");

	# The library may be loaded by the first call only after the key was set, in the leader or in the workers.
	my %ways = (
		'SET' => [ "SET caas.api_key = '$key';", '' ],
		'SET LOCAL' => [ "BEGIN; SET LOCAL caas.api_key = '$key';", 'COMMIT;' ],
		'SET LOCAL after a call' =>
			[ "BEGIN; SET LOCAL caas.api_key = '$key'; SELECT caas_encrypt(id, email) FROM users LIMIT 1;", 'COMMIT;' ],
		'SET after a refused call' => [
			"DO 'BEGIN PERFORM caas_encrypt(id, email) FROM users; EXCEPTION WHEN OTHERS THEN NULL; END';
			  SET caas.api_key = '$key';", ''
		],
		'set_config in a savepoint' =>
			[ "BEGIN; SAVEPOINT s; SELECT set_config('caas.api_key', '$key', true);", 'ROLLBACK TO s; COMMIT;' ]
	);
	for my $way (sort keys %ways)
	{
		my ($before, $after) = @{ $ways{$way} };
		my $result = (split /\n/, $node->safe_psql('postgres', "$before $sum; $after"))[-1];
		is($result, $serial, "$preload, $way: workers give what one process gives");
		is(workers_launched($node, $before, $after), 2, "$preload, $way: two workers ran it");
	}

	# Without the key in the leader, the workers have none either; nor after the key's transaction.
	for my $before (
		'',
		"SET caas.api_key = 'wrong';",
		"BEGIN; SET LOCAL caas.api_key = '$key'; SELECT caas_encrypt(id, email) FROM users LIMIT 1; COMMIT;",
		"SET caas.api_key = '$key'; SELECT caas_encrypt(id, email) FROM users LIMIT 1; RESET caas.api_key;"
		)
	{
		my ($code, $out, $error) = $node->psql('postgres', "$before $sum");
		is($code, 3, "$preload: refused without the key");
		like(
			$error,
			qr/no accepted API key.*^CONTEXT:  parallel worker/ms,
			"$preload: by the worker, with the gate's message"
		);
		unlike($out, qr/^[0-9a-f]{32}$/m, "$preload: and without a result");
	}

	{
		local $ENV{PGOPTIONS} = with_key();
		is($node->safe_psql('postgres', $sum), $serial, "$preload, PGOPTIONS: workers give what one process gives");
		is(workers_launched($node, '', ''), 2, "$preload, PGOPTIONS: two workers ran it");
	}

	$node->append_conf('postgresql.conf', 'caas.require_api_key = off');
	$node->reload;
	is($node->safe_psql('postgres', $sum), $serial, "$preload, no key required: workers give what one process gives");
	is(workers_launched($node, '', ''), 2, "$preload, no key required: two workers ran it");
	$node->stop;
	unlike(slurp_file($node->logfile), qr/\Q$key\E|user\d+\@example/, "$preload: neither plaintext nor key in the log");
}

done_testing();
