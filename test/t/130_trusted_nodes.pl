# caas.trusted_nodes: sessions of a listed role need no API key, where the server has seen the listed proof; and what tries to misuse it.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use Certificates;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $user = getpwuid $<;
my $password = 'no secret, for tests';
my $call = q{SELECT caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'ada@example.com')};
my $status = q{SELECT concat_ws('|', api_key_accepted, api_key_problem, api_key_name) FROM caas_status()};
my $no_key = 'f|this session has set no caas.api_key';
my $other_method = 'f|caas.trusted_nodes lists the role of this session with another method than it logged in by';
my @roles =
	('cert_node', 'ca_node', 'scram_node', 'md5_node', 'peer_node', 'trust_node', 'Odd, node', 'stranger', 'app');

my $node = caas_node('worker', preload => 'shared');
force_parallel($node);
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION caas');
for my $role (@roles)
{
	$node->safe_psql(
		'postgres', qq{CREATE ROLE "$role" LOGIN PASSWORD '$password';
		GRANT EXECUTE ON FUNCTION caas_encrypt(uuid, text), caas_open(uuid, bytea, text) TO "$role"}
	);
}
$node->safe_psql(
	'postgres', q{
	GRANT scram_node TO stranger;
	GRANT app TO scram_node;
	CREATE SCHEMA nodes AUTHORIZATION scram_node;
	CREATE TABLE users AS SELECT md5(n::text)::uuid AS id, 'user' || n || '@example.com' AS email FROM generate_series(1, 1000) n;
	GRANT SELECT ON users TO PUBLIC;
	ANALYZE users}
);
my $digest = do { local $ENV{PGOPTIONS} = with_key(); $node->safe_psql('postgres', $call) };

# ---- how the clients log in ----

my $has_tls = $node->safe_psql('postgres', 'SHOW ssl_library') ne '';
my $folder;
if ($has_tls)
{
	$folder = new_authority();
	new_certificate($folder, $_) for qw(server cert_node stranger);
	$node->append_conf('postgresql.conf', tls_settings($folder, 'server'));
}
unlink $node->data_dir . '/pg_hba.conf';
$node->append_conf(
	'pg_hba.conf',
	join "\n",
	'local all peer_node peer map=nodes',
	'local all scram_node,"Odd, node" scram-sha-256',
	'local all md5_node md5',
	'local all all trust',
	$has_tls
	? (
		'hostssl all cert_node 127.0.0.1/32 cert',
		'hostssl all ca_node 127.0.0.1/32 scram-sha-256 clientcert=verify-ca',
		'hostssl all stranger 127.0.0.1/32 scram-sha-256 clientcert=verify-full'
		)
	: ()
);
$node->append_conf('pg_ident.conf', "nodes $user peer_node");
my $list =
	'cert_node@cert, ca_node@cert, scram_node@scram-sha-256, md5_node@scram-sha-256, peer_node@peer, trust_node@cert, "Odd, node@scram-sha-256"';

sub trust
{
	my ($value) = @_;
	$node->append_conf('postgresql.conf', "caas.trusted_nodes = '$value'");
	$node->reload;
	$node->poll_query_until('postgres', "SELECT current_setting('caas.trusted_nodes') = '$value'")
		or die 'not reloaded';
	return;
}
$node->append_conf('postgresql.conf', "caas.trusted_nodes = '$list'");
$node->restart;

# Options of psql for a role, by socket or with a client certificate.
sub as
{
	my ($role) = @_;
	return (extra_params => [ '-U', $role ]);
}

sub with_certificate
{
	my ($role, $name) = @_;
	my %option = (tls_options($folder, $name), port => $node->port, dbname => 'postgres', user => $role);
	return (connstr => join ' ', map { "$_=$option{$_}" } sort keys %option);
}

sub lets_in
{
	my ($what, $entry, @options) = @_;
	is($node->safe_psql('postgres', $call, @options), $digest, "$what: let in");
	is($node->safe_psql('postgres', $status, @options), "t|$entry", "$what: caas_status says by what");
	return;
}

sub refuses
{
	my ($what, $problem, @options) = @_;
	my ($code, $out, $error) = $node->psql('postgres', $call, @options);
	like($error, qr/ERROR:  no accepted API key/, "$what: refused");
	is($node->safe_psql('postgres', $status, @options), $problem, "$what: caas_status says why");
	return;
}

local $ENV{PGPASSWORD} = $password;
lets_in('scram', 'scram_node@scram-sha-256', as('scram_node'));
lets_in('peer', 'peer_node@peer', as('peer_node'));
lets_in('a name in quotes', 'Odd, node@scram-sha-256', as('Odd, node'));
refuses('md5, although it exchanged SCRAM', $other_method, as('md5_node'));
refuses('trust', $other_method, as('trust_node'));
refuses('a role that is not listed', $no_key, as('stranger'));
SKIP:
{
	skip 'the server is built without TLS', 6 if !$has_tls;
	lets_in('a client certificate', 'cert_node@cert', with_certificate('cert_node', 'cert_node'));
	refuses('the same role without its certificate', $other_method, as('cert_node'));
	refuses('a certificate of the right authority for another name',
		$other_method, with_certificate('ca_node', 'stranger'));
	refuses('a certificate of a role that is not listed', $no_key, with_certificate('stranger', 'stranger'));
	my ($code, $out, $error) = $node->psql('postgres', $call, with_certificate('cert_node', 'stranger'));
	like(
		$error,
		qr/certificate authentication failed for user "cert_node"/,
		'the server itself refuses the certificate of another'
	);
	trust('stranger@cert');
	lets_in('certificate beside a password', 'stranger@cert', with_certificate('stranger', 'stranger'));
	trust($list);
}

# ---- the identity is that of the login ----

sub result_of
{
	my ($sql, @options) = @_;
	my ($code, $out, $error) = $node->psql('postgres', $sql, @options);
	return $code == 0 ? (split /\n/, $out)[-1] : $error =~ s/^psql:\S+ //r =~ s/\n.*//sr;
}
my $refusal = 'ERROR:  no accepted API key';
is(result_of("SET ROLE scram_node; $call", as('stranger')), $refusal, 'SET ROLE to a listed role opens nothing');
is(result_of("SET SESSION AUTHORIZATION scram_node; $call"),
	$refusal, 'nor does SET SESSION AUTHORIZATION of a superuser');
is(result_of("SET ROLE app; $call", as('scram_node')), $digest, 'SET ROLE in a session of a node keeps it open');
for my $way ('RESET ALL', 'DISCARD ALL', 'RESET caas.api_key')
{
	is(result_of("$way; $call", as('scram_node')), $digest, "$way keeps it open");
	is(result_of("$way; $call", as('stranger')), $refusal, "$way opens nothing");
}
for my $way ('SET caas.trusted_nodes = %s', 'ALTER ROLE stranger SET caas.trusted_nodes = %s')
{
	my $sql = sprintf $way, q{'stranger@peer'};
	like(result_of($sql), qr/parameter "caas.trusted_nodes" cannot be changed now/, "refused: $way");
}
like(
	result_of('SHOW caas.trusted_nodes', as('scram_node')),
	qr/must be superuser|permission denied/,
	'others do not see the list'
);
{
	local $ENV{PGOPTIONS} = '-c caas.trusted_nodes=stranger@peer';
	like(
		result_of($call, as('stranger')),
		qr/parameter "caas.trusted_nodes" cannot be changed now/,
		'refused in connection options'
	);
}

# ---- a key that the session shows decides alone ----

my $key = api_key();
is(result_of("SET caas.api_key = 'wrong'; $call", as('scram_node')), $refusal, 'a wrong key closes it');
is(
	result_of("SET caas.api_key = 'wrong'; $status", as('scram_node')),
	'f|the API key of this session is not in caas.api_key_digests',
	'and caas_status says so'
);
is(result_of("SET caas.api_key = '$key'; $status", as('scram_node')), 't|test', 'an accepted key has its name');
is(result_of("SET caas.api_key = 'wrong'; SET caas.api_key = ''; $call", as('scram_node')),
	$digest, 'without a key it is open again');

# ---- parallel workers, security-restricted operations, cached plans ----

my $sum = q{SELECT md5(string_agg(digest, ',' ORDER BY digest)) FROM
	(SELECT caas_encrypt(id, email) AS digest FROM users OFFSET 0) digests};
my $serial = result_of("SET caas.api_key = '$key'; SET max_parallel_workers_per_gather = 0; $sum");
like($serial, qr/^[0-9a-f]{32}$/, 'a serial result');
is(result_of($sum, as('scram_node')), $serial, 'the workers of a node\'s session are let in');
like(
	$node->safe_psql('postgres', "EXPLAIN (ANALYZE, COSTS off) $sum", as('scram_node')),
	qr/Workers Launched: 2/,
	'there were workers'
);
like(result_of($sum, as('stranger')), qr/no accepted API key/, 'those of another session are not');
like(
	result_of(
		q{CREATE MATERIALIZED VIEW nodes.plain AS SELECT caas_open('4dbcbcfe-4800-40a8-badf-c26b73af230c', '\x01')},
		as('scram_node')
	),
	qr/cannot execute caas_open within a security-restricted operation/,
	'what is refused with a key is refused there too'
);
my $session = open_session($node, extra_params => [ '-U', 'scram_node' ]);
is(outcome($session, "PREPARE constant AS $call; EXECUTE constant"), $digest, 'a plan with the result in it');
trust('other@peer');
reload_sessions($node, $session);
is(outcome($session, 'EXECUTE constant'), '28000', 'is thrown away when the entry goes');
is(outcome($session, $status), $no_key, 'which caas_status says');
trust($list);
reload_sessions($node, $session);
is(outcome($session, 'EXECUTE constant'), $digest, 'and works again when it is back');
$session->quit;

# ---- the value ----

for my $case (
	[ 'node', 'it is not role@method' ],
	[ 'node@trust', 'the method is not cert, scram-sha-256 or peer' ],
	[ 'node@', 'the method is not cert, scram-sha-256 or peer' ],
	[ '@cert', 'the name of the role is empty or too long' ],
	[ 'x' x 64 . '@cert', 'the name of the role is empty or too long' ],
	[ 'a@cert,, b@cert', undef ],
	[ '"a@cert', undef ],
	[ join(',', map { "r$_\@cert" } 1 .. 65), 'there are more than 64' ]
	)
{
	my ($value, $detail) = @$case;
	my ($code, $out, $error) = $node->psql('postgres', "ALTER SYSTEM SET caas.trusted_nodes = '$value'");
	my $name = substr $value, 0, 20;
	like($error, qr/ERROR:  caas\.trusted_nodes is not a list of role\@method/, "refused: $name");
	like($error, qr/DETAIL:  Entry \d+: \Q$detail\E\./, "with what is wrong: $name") if defined $detail;
}
trust(join(', ', map { "r$_\@cert" } 1 .. 63) . ', scram_node@scram-sha-256');
is(result_of($call, as('scram_node')), $digest, 'the last of 64');

# ---- caas_doctor, and without keys ----

my $findings = q{SELECT concat_ws('|', severity, finding) FROM caas_doctor() WHERE object LIKE 'caas.%'};
trust('scram_node@scram-sha-256, gone@cert');
is(
	$node->safe_psql('postgres', $findings),
	'warning|it lists role gone, which does not exist: whoever may create roles can make it',
	'caas_doctor finds a role that does not exist'
);
trust('scram_node@scram-sha-256');
$node->append_conf('postgresql.conf', "caas.api_key_digests = ''");
$node->restart;
is($node->safe_psql('postgres', $findings), '', 'a server that lets nodes in alone is in order');
is(result_of($call, as('scram_node')), $digest, 'it lets the node in');
refuses(
	'everybody else',
	'f|caas.api_key_digests is empty: only the sessions of caas.trusted_nodes are let in',
	as('stranger')
);

# The library has to be there when a client logs in.
restart_with_preload($node, 'session');
refuses(
	'with session_preload_libraries',
	'f|caas.trusted_nodes lists the role of this session, but needs caas in shared_preload_libraries',
	as('scram_node')
);
like(
	$node->safe_psql('postgres', $findings),
	qr/^error\|it lets nobody in: the library does not see how clients log in$/,
	'and caas_doctor says so'
);

$node->stop;
unlike(slurp_file($node->logfile), qr/ada\@example|\Q$key\E|\Q$password\E/, 'no secret and no plaintext in the log');

done_testing();
