# A pool in transaction mode: SET LOCAL ends with its transaction and never serves the next client.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use Pgbouncer;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'pgbouncer is not installed' unless Pgbouncer::installed();

my $key = api_key();
my ($call, $refusal) = ($Pgbouncer::call, $Pgbouncer::refusal);
my ($node, $digest) = Pgbouncer::node_and_digest();

# One server connection for all clients.
my $pool = Pgbouncer->new($node, pool_mode => 'transaction');
my ($server) = $pool->client('SELECT pg_backend_pid()');

sub refused
{
	my ($client, $name) = @_;
	my ($out, $error) = $pool->client("SELECT pg_backend_pid(); $client");
	is($out, $server, "$name: the same server connection, and no result");
	like($error, $refusal, "$name: the next client is refused");
	return;
}

my ($out, $error) = $pool->client("BEGIN; SET LOCAL caas.api_key = '$key'; $call; COMMIT; $call");
is($out, $digest, 'SET LOCAL serves its transaction');
like($error, $refusal, 'and not the next one of the same client');
refused($call, 'after COMMIT');
$pool->client("BEGIN; SET LOCAL caas.api_key = '$key'; $call; ROLLBACK");
refused($call, 'after ROLLBACK');
$pool->client("BEGIN; SET LOCAL caas.api_key = '$key'; $call; SELECT 1 / 0; COMMIT");
refused($call, 'after an error');

# Prepared statements stay in the server connection; what was folded into their plans does not.
my $execute = 'EXECUTE folded; ' x 7;
($out, $error) = $pool->client("BEGIN; SET LOCAL caas.api_key = '$key'; PREPARE folded AS $call; $execute COMMIT");
is($out, join("\n", ($digest) x 7), 'a prepared statement with constants');
refused('EXECUTE folded', 'of another client\'s prepared statement with constants');
($out, $error) = $pool->client(
	"BEGIN; SET LOCAL caas.api_key = '$key'; PREPARE by_value(uuid, text) AS SELECT caas_encrypt(\$1, \$2); COMMIT");
my $by_value = q{EXECUTE by_value('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'plaintext of Ada')};
refused($by_value, 'of another client\'s prepared statement with parameters');
($out, $error) = $pool->client("BEGIN; SET LOCAL caas.api_key = '$key'; $by_value; EXECUTE folded; COMMIT");
is($out, "$digest\n$digest", 'with the key, they serve');

# A client that goes away in its transaction takes the server connection with it.
$pool->client("BEGIN; SET LOCAL caas.api_key = '$key'; $call");
($out, $error) = $pool->client($call);
like($error, $refusal, 'after a client that left in its transaction');
($server) = $pool->client('SELECT pg_backend_pid()');

# The hazard: a plain SET stays on the connection and serves whoever comes next.
$pool->client("SET caas.api_key = '$key'");
($out, $error) = $pool->client("SELECT pg_backend_pid(); $call");
is($out, "$server\n$digest", 'a plain SET leaks to the next client');
$pool->stop;

# This setting prevents it; in return a plain SET has no effect any more.
$pool = Pgbouncer->new(
	$node,
	pool_mode => 'transaction',
	server_reset_query => 'DISCARD ALL',
	server_reset_query_always => 1
);
($server) = $pool->client('SELECT pg_backend_pid()');
($out, $error) = $pool->client("SET caas.api_key = '$key'; $call");
like($error, $refusal, 'server_reset_query_always: not even for its own next statement');
refused($call, 'server_reset_query_always');
($out, $error) = $pool->client("BEGIN; SET LOCAL caas.api_key = '$key'; $call; COMMIT");
is($out, $digest, 'server_reset_query_always: SET LOCAL serves');
$pool->stop;

# The pool's own key: everybody who reaches the pool has it.
$pool = Pgbouncer->new($node, pool_mode => 'transaction', connect_query => "SET caas.api_key = '$key'");
($out, $error) = $pool->client($call);
is($out, $digest, 'a key in connect_query is the whole pool\'s');
$pool->stop;

# Many clients, with and without the key, over two connections, with values as parameters of the extended protocol.
$pool = Pgbouncer->new($node, pool_mode => 'transaction', default_pool_size => 2);
my $with_key = qq{BEGIN;
SET LOCAL caas.api_key = '$key';
SELECT 1 / (caas_encrypt(:id ::uuid, :value) = '$digest')::int;
COMMIT;
};
$node->command_ok(
	$pool->pgbench(
		[ '-M', 'extended', '-c', '6', '-t', '100' ],
		with_key => $with_key,
		without_key => $Pgbouncer::without_key
	),
	'many clients over two connections'
);
$pool->stop;
$node->stop;

done_testing();
