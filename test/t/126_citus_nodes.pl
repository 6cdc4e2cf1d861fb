# On Citus the extension is updated on all nodes at once, a node is added and gets shards, and a table comes back to the coordinator and
# to plaintext, without the loss of a value.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use CitusNodes;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => citus_missing() if citus_missing();
plan skip_all => 'scripts of older versions can be added to a staged Citus alone (CAAS_CITUS_STAGE)'
	unless defined $ENV{CAAS_CITUS_STAGE};

my $secret = random_secret();
my %option = (
	keyring => [ generation(1, 'active', $secret) ],
	environment => { PGOPTIONS => with_key() },
	scripts => ['test/upgrade/caas--0.5.0.sql']
);
my ($coordinator, @workers) = citus_nodes(%option, version => '0.5.0');
$ENV{PGOPTIONS} = with_key() . ' -c client_min_messages=warning';
my $sql = sub { return $coordinator->safe_psql('postgres', @_); };

$sql->(
	q{CREATE TABLE people (id uuid PRIMARY KEY, email text CHECK (email IS NULL), digest text, ssn text CHECK (ssn IS NULL), sealed bytea);
	SET citus.enable_unsafe_triggers = on;
	SELECT create_distributed_table('people', 'id', shard_count := 6);
	CREATE TRIGGER e BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
	CREATE TRIGGER s BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'ssn=sealed@c');
	CREATE ROLE app LOGIN;
	GRANT SELECT, INSERT ON people TO app;
	INSERT INTO people (id, email, ssn) SELECT md5(n::text)::uuid, 'e' || n, 's' || n FROM generate_series(1, 200) n}
);
my $right = q{SELECT count(*) FROM people JOIN generate_series(1, 200) n ON id = md5(n::text)::uuid
	WHERE caas_verify(id, 'e' || n, digest) AND caas_open(id, sealed, 'c') = 's' || n};
is($sql->($right), '200', 'values of the older version');

# Returns the distinct answers of the nodes.
sub of_all_nodes
{
	my ($statement) = @_;
	return $sql->(
		"SELECT string_agg(DISTINCT success || ' ' || result, ', ') FROM run_command_on_all_nodes(\$caas\$$statement\$caas\$)"
	);
}

# ---- the update ----

my $version = q{SELECT extversion FROM pg_extension WHERE extname = 'caas'};
is(of_all_nodes($version), 'true 0.5.0', 'every node has the older version');
my ($newest) = slurp_file('caas.control') =~ /^default_version\s*=\s*'([^']+)'/m;
my ($script) =
	  glob $workers[1]->safe_psql('postgres', 'SHOW extension_destdir')
	. CitusNodes::extension_folder()
	. '/caas--0.5.0--*.sql';
rename $script, "$script.away" or die "rename: $!";
my (undef, undef, $error) = $coordinator->psql('postgres', 'ALTER EXTENSION caas UPDATE');
like($error, qr/ERROR: .*no update path/, 'no update while a node lacks the new package');
is(of_all_nodes($version), 'true 0.5.0', 'on none of them');
rename "$script.away", $script or die "rename: $!";
$sql->('ALTER EXTENSION caas UPDATE');
is(of_all_nodes($version), "true $newest", 'ALTER EXTENSION on the coordinator updates it on every node');
is($sql->($right), '200', 'every value is right after it');

# ---- a node that is added ----

my $grant = q{SELECT count(*) FROM caas_grant('app'::regrole, 'verify'::text)};
of_all_nodes($grant);
my $verify = q{SELECT count(*) FROM people WHERE caas_verify(id, 'e1', digest)};
my $as_app = sub {
	my ($code, $out, $error) = $coordinator->psql('postgres', $verify, extra_params => [ '-U', 'app' ]);
	return $out . $error;
};
is($as_app->(), '1', 'a role with EXECUTE on each node verifies');

my $added = citus_node('worker3', %option, keyring => [ generation(1, 'active', random_secret()) ]);
$sql->(sprintf q{SELECT citus_add_node('127.0.0.1', %d)}, $added->port);
is(of_all_nodes($version), "true $newest", 'a node that is added gets the extension');
like(of_all_nodes('SELECT check_value FROM caas_status()'),
	qr/, /, 'with the keyring that it has: another one is seen here');
write_keyring($added, generation(1, 'active', $secret));
$added->reload;
wait_until($coordinator,
	q{SELECT count(DISTINCT result) = 1 FROM run_command_on_all_nodes('SELECT check_value FROM caas_status()')});
$sql->(q{SELECT rebalance_table_shards('people', shard_transfer_mode := 'force_logical')});
is($sql->('SELECT count(*) FROM citus_shards WHERE nodeport = ' . $added->port), '2', 'shards move to it');
is($sql->($right), '200', 'and every value is right there');
like($as_app->(), qr/permission denied for function caas_verify/, 'it knows no privilege on functions');
of_all_nodes($grant);
is($as_app->(), '1', 'until they are granted again');
$sql->(
	q{INSERT INTO people (id, email, ssn) SELECT md5(n::text)::uuid, 'e' || n, 's' || n FROM generate_series(201, 260) n}
);
is(
	$sql->(
		q{SELECT count(*) FROM people WHERE email IS NULL AND ssn IS NULL AND length(digest) > 0 AND length(sealed) > 0}
	),
	'260',
	'and its triggers protect new rows'
);

# ---- a table that comes back ----

$sql->(q{DELETE FROM people WHERE id IN (SELECT md5(n::text)::uuid FROM generate_series(201, 260) n)});
$sql->(q{SELECT undistribute_table('people')});
is($sql->($right), '200', 'every value comes back to the coordinator');
is(
	$sql->(
		q{SELECT string_agg(tgname, ' ' ORDER BY tgname) FROM pg_trigger WHERE tgrelid = 'people'::regclass AND NOT tgisinternal}
	),
	'e s',
	'with the triggers'
);
$sql->(q{SELECT count(*) FROM caas_unprotect('people', 'ssn')});
is(
	$sql->(
		q{SELECT count(*) FROM people JOIN generate_series(1, 200) n ON id = md5(n::text)::uuid WHERE ssn = 's' || n}),
	'200',
	'caas_unprotect leads sealed values back to plaintext there'
);
$_->stop for $coordinator, @workers, $added;
done_testing();
