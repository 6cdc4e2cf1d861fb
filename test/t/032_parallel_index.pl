# A parallel CREATE INDEX over caas_encrypt: nothing is planned, so the workers learn of the key in no other way.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $build = q{SET client_min_messages = debug1; CREATE INDEX users_digest ON users (caas_encrypt(id, email))};

for my $preload ('none', 'session', 'shared')
{
	my $node = caas_node("index_$preload", preload => $preload);
	$node->append_conf('postgresql.conf', "max_parallel_maintenance_workers = 2\nmaintenance_work_mem = '128MB'");
	$node->start;
	$node->safe_psql(
		'postgres', q{
		CREATE EXTENSION caas;
		CREATE EXTENSION amcheck;
		CREATE TABLE users AS SELECT md5(n::text)::uuid AS id, 'user' || n || '@example.com' AS email
			FROM generate_series(1, 20000) n;
		ALTER TABLE users SET (parallel_workers = 2)}
	);

	my ($code, $out, $error) = $node->psql('postgres', $build);
	is($code, 3, "$preload: refused without the key");
	like($error, qr/ERROR:  no accepted API key/, "$preload: with the gate's message");

	# The session's first call of caas is the one in the workers.
	local $ENV{PGOPTIONS} = with_key();
	($code, $out, $error) = $node->psql('postgres', $build);
	is($code, 0, "$preload: built with the key");
	like(
		$error,
		qr/building index "users_digest" on table "users" with request for 2 parallel workers/,
		"$preload: in parallel"
	);
	is($node->safe_psql('postgres', q{SELECT bt_index_check('users_digest', true)}),
		'', "$preload: each row's digest, computed again by one process, is in it");
	is(
		$node->safe_psql(
			'postgres', q{
		SET enable_seqscan = off;
		SELECT count(*) FROM (SELECT * FROM users ORDER BY id LIMIT 100) u
		WHERE EXISTS (SELECT FROM users v WHERE caas_encrypt(v.id, v.email) = caas_encrypt(u.id, u.email))}
		),
		'100',
		"$preload: and is found by it"
	);
	$node->stop;
}

done_testing();
