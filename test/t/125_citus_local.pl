# Citus creates and fills shards of its own node in the session of the client. A trigger that would digest the digests is refused
# there, too, and every other kind keeps what it had.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use CitusNodes;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => citus_missing() if citus_missing();

my ($coordinator, @workers) = citus_nodes(environment => { PGOPTIONS => with_key() });
$ENV{PGOPTIONS} = with_key() . ' -c client_min_messages=error -c citus.enable_unsafe_triggers=on';
my $sql = sub { return $coordinator->safe_psql('alone', @_); };
my $error = sub { return ($coordinator->psql('alone', @_))[2]; };
my $rows = 20;

# A table with rows of as many users, whose email is 'e1', 'e2' and so on.
sub filled
{
	my ($name, $arguments, $columns) = @_;
	$sql->(
		"CREATE TABLE $name (id uuid PRIMARY KEY, $columns);
		CREATE TRIGGER e BEFORE INSERT OR UPDATE ON $name FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', '$arguments');
		INSERT INTO $name (id, email) SELECT md5(n::text)::uuid, 'e' || n FROM generate_series(1, $rows) n"
	);
	return;
}

# How many of them verify.
sub right
{
	my ($name, $digest) = @_;
	return $sql->(
		"SELECT count(*) FROM $name JOIN generate_series(1, $rows) n ON id = md5(n::text)::uuid WHERE caas_verify(id, 'e' || n, $digest)"
	);
}

# A database whose only node is its own.
$coordinator->safe_psql('postgres', 'CREATE DATABASE alone');
$sql->(
	sprintf q{CREATE EXTENSION citus; SELECT citus_set_coordinator_host('127.0.0.1', %1$d);
	SELECT citus_set_node_property('127.0.0.1', %1$d, 'shouldhaveshards', true);
	CREATE EXTENSION caas; CREATE SCHEMA tenant; SELECT citus_schema_distribute('tenant')}, $coordinator->port
);

my %ways = (
	'a reference table' => q{SELECT create_reference_table('%s')},
	'one shard' => q{SELECT create_distributed_table('%s', 'id', shard_count := 1, colocate_with := 'none')},
	'a table of a single shard' => q{SELECT create_distributed_table('%s', NULL, colocate_with := 'none')},
	'several shards in a transaction' =>
		q{BEGIN; SELECT count(*) FROM here; SELECT create_distributed_table('%s', 'id', colocate_with := 'none'); COMMIT},
	'several shards' => q{SELECT create_distributed_table('%s', 'id', colocate_with := 'none')},
	'a schema of one node' => q{ALTER TABLE %s SET SCHEMA tenant}
);
$sql->("CREATE TABLE here (id uuid PRIMARY KEY); SELECT create_reference_table('here')");

my $number = 0;
for my $way (sort keys %ways)
{
	my ($again, $keeping, $target) = map { $_ . ++$number } qw(again keeping target);
	filled($again, 'email digests=plaintext', 'email text CHECK (caas_is_digest(email))');
	like(
		$error->(sprintf $ways{$way}, $again),
		qr/has the option digests=plaintext, which is not for tables that Citus distributes/,
		"$way: digests=plaintext is refused"
	);
	is(right($again, 'email'), $rows, 'and every digest is what it was');
	is($sql->("SELECT count(*) FROM pg_dist_partition WHERE logicalrelid::text ~ '$again\$'"),
		'0', 'in a table that is not distributed');

	filled($keeping, 'email digests=keep', 'email text CHECK (caas_is_digest(email))');
	filled($target, 'email=digest', 'email text CHECK (email IS NULL), digest text');
	$sql->("SET search_path = public, tenant;" . sprintf $ways{$way}, $_) for $keeping, $target;
	my $schema = $way =~ /schema/ ? 'tenant.' : '';
	is(right("$schema$keeping", 'email'), $rows, 'digests=keep keeps them');
	is(right("$schema$target", 'digest'), $rows, 'and so does a target');
	like(
		$error->(
			"CREATE TRIGGER f BEFORE INSERT OR UPDATE ON $schema$target FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'digest digests=plaintext')"
		),
		qr/has the option digests=plaintext|both protect column/,
		'a later trigger is refused, too'
	);
}

# A table becomes a shard of its own, and nothing is copied.
filled('added', 'email digests=plaintext', 'email text CHECK (caas_is_digest(email))');
$sql->(q{SELECT citus_add_local_table_to_metadata('added')});
like(
	$error->(q{INSERT INTO added (id, email) VALUES (gen_random_uuid(), 'new')}),
	qr/has the option digests=plaintext, which is not for tables that Citus distributes/,
	'a local table that Citus knows takes no new value'
);
like(
	$error->(q{SELECT create_distributed_table('added', 'id', shard_count := 1)}),
	qr/has the option digests=plaintext, which is not for tables that Citus distributes/,
	'and is not distributed'
);
$sql->(q{SELECT undistribute_table('added')});
is(right('added', 'email'), $rows, 'until it is a table of the server again, with every digest');

$_->stop for $coordinator, @workers;
done_testing();
