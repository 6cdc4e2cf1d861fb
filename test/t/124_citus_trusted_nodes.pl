# On Citus the workers can trust the certificate of the nodes, for the roles that they list, instead of an API key.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use Certificates;
use CitusNodes;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => citus_missing() if citus_missing();

my @nodes = citus_nodes();
my ($coordinator, @workers) = @nodes;
plan skip_all => 'the server was built without TLS' if $coordinator->safe_psql('postgres', 'SHOW ssl_library') eq '';

# One certificate for the nodes, with which they log in as the role of the client.
my $folder = new_authority();
new_certificate($folder, 'node');
my $superuser = getpwuid $<;
for my $node (@nodes)
{
	$node->append_conf(
		'postgresql.conf',
		join "\n",
		tls_settings($folder, 'node'),
		"citus.node_conninfo = 'sslmode=verify-ca sslrootcert=$folder/ca.crt sslcert=$folder/node.crt sslkey=$folder/node.key'",
		"caas.trusted_nodes = 'app\@cert'"
	);
	unlink $node->data_dir . '/pg_hba.conf';
	$node->append_conf('pg_hba.conf', "local all all trust\nhostssl all all 127.0.0.1/32 cert map=nodes");
	$node->append_conf('pg_ident.conf', join "\n", map { "nodes node $_" } $superuser, 'app', 'other');
	$node->restart;
}
my $verify = q{SELECT count(*) FROM users WHERE caas_verify(id, name, digest)};
my $refusal = qr/ERROR:  no accepted API key/;

sub said
{
	my ($node, $role, $sql) = @_;
	my ($code, $out, $error) = $node->psql('postgres', $sql, extra_params => [ '-U', $role ]);
	return $out . $error;
}
{
	local $ENV{PGOPTIONS} = with_key();
	$coordinator->safe_psql(
		'postgres', q{
		CREATE ROLE app LOGIN;
		CREATE ROLE other LOGIN;
		CREATE TABLE users (id uuid PRIMARY KEY, name text, digest text);
		INSERT INTO users SELECT u, 'n' || n, caas_encrypt(u, 'n' || n) FROM generate_series(1, 50) n, CAST(md5(n::text) AS uuid) u;
		SELECT create_distributed_table('users', 'id');
		GRANT SELECT ON users TO app, other}
	);
	$coordinator->safe_psql('postgres',
		"SELECT run_command_on_all_nodes(\$\$SELECT count(*) FROM caas_grant('$_', 'verify')\$\$)")
		for qw(app other);
}

is(said($coordinator, 'app', $verify), '50', 'a listed role verifies over all shards, without a key anywhere');
like(said($coordinator, 'app', q{SELECT caas_verify(gen_random_uuid(), 'x', 'y')}),
	$refusal, 'not on the coordinator itself');
like(said($coordinator, 'other', $verify), $refusal, 'nor does another role with the same certificate and privileges');
like(said($workers[0], 'app', q{SELECT caas_verify(gen_random_uuid(), 'x', 'y')}),
	$refusal, 'nor the listed role, when it logs in to a worker by another method');

$_->stop for @nodes;
done_testing();
