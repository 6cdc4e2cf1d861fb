# A pool in session mode: the reset query between clients takes the key away, and what was made with it.
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

my $pool = Pgbouncer->new($node, pool_mode => 'session', server_reset_query => 'DISCARD ALL');
my ($server) = $pool->client('SELECT pg_backend_pid()');
my ($out, $error) = $pool->client("SET caas.api_key = '$key'; $call; BEGIN; COMMIT; $call");
is($out, "$digest\n$digest", 'a plain SET serves the whole session');
($out, $error) = $pool->client("SELECT pg_backend_pid(); $call");
is($out, $server, 'the next client has the same server connection');
like($error, $refusal, 'and no key');

# Statements prepared by the protocol, each client with its own session.
my $with_key = qq{SET caas.api_key = '$key';
SELECT 1 / (caas_encrypt(:id ::uuid, :value) = '$digest')::int;
};
for my $script ($with_key, $Pgbouncer::without_key, $with_key)
{
	$node->command_ok(
		$pool->pgbench([ '-M', 'prepared', '-t', '20' ], script => $script),
		'one client after the other, with prepared statements'
	);
}
$pool->stop;

# Without the reset query the key goes on to the next client: it is the reset that took it away.
$pool = Pgbouncer->new($node, pool_mode => 'session', server_reset_query => '');
$pool->client("SET caas.api_key = '$key'");
($out, $error) = $pool->client($call);
is($out, $digest, 'without server_reset_query a plain SET leaks');
$pool->stop;
$node->stop;

done_testing();
