# PL/Proxy: functions over two nodes that hold a share of the users, with the client's key as an argument, and as a trusted node.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $share = `pg_config --sharedir` =~ s/\n//r;
plan skip_all => 'PL/Proxy is not installed for this server (package postgresql-NN-plproxy)'
	if !-e "$share/extension/plproxy.control";

my $key = api_key();
my @keyring = (generation(1, 'active', random_secret()));
my %argument = (keyed => 'api_key text, ', trusted => '');
my %take_key = (keyed => q{PERFORM set_config('caas.api_key', api_key, true);}, trusted => '');
my @shards;
for my $n (0, 1)
{
	my $node = caas_node("shard$n", keyring => \@keyring, preload => 'shared');
	$node->append_conf('pg_ident.conf', 'nodes ' . getpwuid($<) . ' proxy');
	unlink $node->data_dir . '/pg_hba.conf';
	$node->append_conf('pg_hba.conf', "local all proxy peer map=nodes\nlocal all all trust");
	$node->append_conf('postgresql.conf',
		"caas.trusted_nodes = 'proxy\@peer'\nlog_statement = all\nlog_parameter_max_length = 0");
	$node->start;
	$node->safe_psql(
		'postgres', q{
		CREATE EXTENSION caas;
		CREATE ROLE proxy LOGIN;
		CREATE ROLE gateway LOGIN;
		CREATE TABLE users (id uuid PRIMARY KEY, email text CHECK (email IS NULL), email_sealed bytea, email_index bytea);
		CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON users FOR EACH ROW
			EXECUTE FUNCTION caas_seal_trigger('id', 'email=email_sealed:email_index@users.email');
		GRANT SELECT, INSERT ON users TO proxy, gateway;
		SELECT caas_grant(role, part) FROM unnest('{proxy,gateway}'::regrole[]) role, unnest('{read,write}'::text[]) part}
	);

	for my $way (sort keys %argument)
	{
		$node->safe_psql(
			'postgres', qq{
			CREATE FUNCTION store_$way($argument{$way}user_id uuid, value text) RETURNS integer LANGUAGE plpgsql AS \$\$
			BEGIN
				$take_key{$way}
				INSERT INTO users (id, email) VALUES (user_id, value);
				RETURN $n;
			END\$\$;
			CREATE FUNCTION find_$way($argument{$way}value text) RETURNS TABLE (id uuid, email text) LANGUAGE plpgsql AS \$\$
			BEGIN
				$take_key{$way}
				RETURN QUERY SELECT u.id, caas_open(u.id, u.email_sealed, 'users.email') FROM users u
					WHERE u.email_index = ANY (caas_blind_candidates(value, 'users.email'));
			END\$\$}
		);
	}
	push @shards, $node;
}

# The proxy holds no rows, no keyring and no caas.
my $proxy = PostgreSQL::Test::Cluster->new('proxy');
$proxy->init;
$proxy->start;
$proxy->safe_psql('postgres', 'CREATE EXTENSION plproxy; CREATE ROLE app LOGIN');
for my $way (sort keys %argument)
{
	my $options =
		join ', ',
		map { "p$_ 'host=" . $shards[$_]->host . ' port=' . $shards[$_]->port . q{ dbname=postgres'} } 0, 1;
	my $role = $way eq 'keyed' ? 'gateway' : 'proxy';
	$proxy->safe_psql(
		'postgres', qq{
		CREATE SERVER $way FOREIGN DATA WRAPPER plproxy OPTIONS ($options);
		CREATE USER MAPPING FOR PUBLIC SERVER $way OPTIONS (user '$role');
		GRANT USAGE ON FOREIGN SERVER $way TO app;
		CREATE FUNCTION store_$way($argument{$way}user_id uuid, value text) RETURNS integer LANGUAGE plproxy
			AS \$\$ CLUSTER '$way'; RUN ON hashtext(user_id::text); \$\$;
		CREATE FUNCTION find_$way($argument{$way}value text) RETURNS TABLE (id uuid, email text) LANGUAGE plproxy
			AS \$\$ CLUSTER '$way'; RUN ON ALL; \$\$}
	);
}

sub run_app
{
	my ($sql) = @_;
	my ($code, $out, $error) = $proxy->psql('postgres', $sql, extra_params => [ '-U', 'app' ]);
	return $code == 0 ? $out : $error;
}
my $refusal = qr/no accepted API key/;

for my $way ('keyed', 'trusted')
{
	my $shown = $way eq 'keyed' ? "'$key', " : '';
	$_->safe_psql('postgres', 'TRUNCATE users') for @shards;
	is(
		run_app(
			"SELECT count(DISTINCT store_$way(${shown}md5(n::text)::uuid, 'user' || n || '\@example.com')) FROM generate_series(1, 20) n"
		),
		'2',
		"$way: rows are stored on both nodes"
	);
	is(run_app("SELECT id = md5('7')::uuid, email FROM find_$way(${shown}'user7\@example.com')"),
		't|user7@example.com', "$way: and found on all nodes");
	is(run_app("SELECT count(*) FROM find_$way(${shown}'user99\@example.com')"),
		'0', "$way: what is nowhere is not found");
	for my $shard (@shards)
	{
		is($shard->safe_psql('postgres', 'SELECT count(*) > 0, count(email) FROM users'),
			't|0', "$way: " . $shard->name . ' holds rows without plaintext');
	}
}

# The key of one call is not there in the next one on the same connections, with the function that takes none.
$proxy->safe_psql(
	'postgres', q{CREATE FUNCTION find_keyless(value text) RETURNS TABLE (id uuid, email text) LANGUAGE plproxy
		AS $$ CLUSTER 'keyed'; RUN ON ALL; TARGET find_trusted; $$}
);
like(
	run_app("SELECT count(*) FROM find_keyed('$key', 'user7\@example.com'); SELECT find_keyless('user7\@example.com')"),
	$refusal, 'the key ends with its transaction'
);
like(run_app(q{SELECT find_keyed('wrong', 'user7@example.com')}), $refusal, 'a wrong key is refused');
like(run_app(q{SELECT find_keyed('', 'user7@example.com')}), $refusal, 'and none, on a connection that had one before');

$proxy->stop;
$_->stop for @shards;
for my $shard (@shards)
{
	my $log = slurp_file($shard->logfile);
	like($log, qr/find_keyed\(\$1/, $shard->name . ': calls come with parameters');
	unlike($log, qr/\Q$key\E|user\d+\@example/, $shard->name . ': neither key nor plaintext in the log');
}

done_testing();
