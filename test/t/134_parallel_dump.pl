# pg_dump -j and pg_restore -j of hash partitions with triggers and generated columns, by several connections.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = caas_node('dump', keyring => [ generation(1, 'active', random_secret()) ]);
$node->start;
my $folder = PostgreSQL::Test::Utils::tempdir();
my @partitions = map { "CREATE TABLE %1\$s_$_ PARTITION OF %1\$s FOR VALUES WITH (MODULUS 4, REMAINDER $_);" } 0 .. 3;
my $rows = q{SELECT md5(n::text)::uuid, 'user' || n || '@example.com' FROM generate_series(1, 400) n};
{
	local $ENV{PGOPTIONS} = with_key();
	$node->safe_psql(
		'postgres', q{
		CREATE EXTENSION caas;
		CREATE TABLE people (id uuid, email text, digest text) PARTITION BY HASH (id);
		CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
		CREATE TABLE users (id uuid, email text, digest text GENERATED ALWAYS AS (caas_encrypt(id, email)) STORED) PARTITION BY HASH (id);}
			. join(
			'',
			map {
				my $table = $_;
				map { sprintf $_, $table } @partitions
			} 'people',
			'users'
			)
			. "INSERT INTO people (id, email) $rows; INSERT INTO users (id, email) $rows"
	);
}
my %state = (
	people => 'SELECT tableoid::regclass, id, email, digest FROM people ORDER BY id',
	users => 'SELECT tableoid::regclass, id, email, digest FROM users ORDER BY id'
);
my %before = map { $_ => $node->safe_psql('postgres', $state{$_}) } keys %state;

# Dumping computes nothing.
my %dump = (plain => [], root => ['--load-via-partition-root']);
for my $name (sort keys %dump)
{
	$node->command_ok([ 'pg_dump', '-Fd', '-j', 3, '-f', "$folder/$name", @{ $dump{$name} }, 'postgres' ],
		"pg_dump -j 3 needs no key: $name");
}

# Restores by several connections, and returns what pg_restore says.
sub restore
{
	my ($name, $database) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	my ($out, $error) = run_command([ 'pg_restore', '-j', 3, '-d', $node->connstr($database), "$folder/$name" ]);
	return $error;
}
like(restore('plain', 'nokey'), qr/no accepted API key/, 'without the key the generated columns are refused');
is($node->safe_psql('nokey', 'SELECT count(*) FROM users'), '0', 'with their rows');
is($node->safe_psql('nokey', $state{people}), $before{people}, 'what triggers have protected needs no key');

local $ENV{PGOPTIONS} = with_key();
for my $name (sort keys %dump)
{
	is(restore($name, "new_$name"), '', "$name: restored by three connections");
	for my $table (sort keys %state)
	{
		is($node->safe_psql("new_$name", $state{$table}), $before{$table}, "$name: $table as they were");
	}
	is(
		$node->safe_psql(
			"new_$name", q{INSERT INTO people (id, email) VALUES (md5('new')::uuid, 'ada@example.com');
			SELECT email IS NULL AND caas_verify(id, 'ada@example.com', digest) FROM people WHERE id = md5('new')::uuid}
		),
		't',
		"$name: the triggers of the partitions are there"
	);
}

$node->stop;
unlike(slurp_file($node->logfile), qr/user\d+\@example|ada\@example/, 'no plaintext in the log');

done_testing();
