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
my $call = q{SELECT caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'plaintext of Ada')};
my $refusal = qr/ERROR:  28000: no accepted API key/;

my $node = caas_node('pooled');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION caas');
my $digest = $node->safe_psql('postgres', "SET caas.api_key = '$key'; $call");

my $pool = Pgbouncer->new($node, pool_mode => 'session', server_reset_query => 'DISCARD ALL');
my ($server) = $pool->client('SELECT pg_backend_pid()');
my ($out, $error) = $pool->client("SET caas.api_key = '$key'; $call; BEGIN; COMMIT; $call");
is($out, "$digest\n$digest", 'a plain SET serves the whole session');
($out, $error) = $pool->client("SELECT pg_backend_pid(); $call");
is($out, $server, 'the next client has the same server connection');
like($error, $refusal, 'and no key');

# Statements prepared by the protocol, each client with its own session.
my $folder = PostgreSQL::Test::Utils::tempdir();
append_to_file("$folder/with_key", qq{SET caas.api_key = '$key';
SELECT 1 / (caas_encrypt(:id ::uuid, :value) = '$digest')::int;
});
append_to_file("$folder/without_key", q{DO $$BEGIN
PERFORM caas_encrypt(gen_random_uuid(), 'value');
RAISE EXCEPTION 'a digest without a key';
EXCEPTION WHEN invalid_authorization_specification THEN NULL; END$$;
});
my @values = ('-D', 'id=4dbcbcfe-4800-40a8-badf-c26b73af230c', '-D', 'value=plaintext of Ada');
for my $script ('with_key', 'without_key', 'with_key')
{
	$node->command_ok([ 'pgbench', '-n', '-M', 'prepared', '-t', '20', @values, '-f', "$folder/$script", $pool->connstr ],
		"a client $script and its prepared statements");
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
