# The table that Citus distributes is empty on every node: functions that read a table without the planner say so instead of
# counting no rows. An extension that is Citus by its name and its catalog alone stands in for it here.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use CitusNodes;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = caas_node('refusals', preload => 'shared', keyring => [ generation(1, 'retired'), generation(2, 'active') ]);
my $folder = own_stage();
stand_in($folder, 'logicalrelid');
$node->start;
$ENV{PGOPTIONS} = with_key();
my $sql = sub { return $node->safe_psql('postgres', @_); };

# A folder of extensions of the node's own.
sub own_stage
{
	local $ENV{CAAS_STAGE} = CitusNodes::common_stage();
	CaasTest::stage($node);
	return $ENV{CAAS_STAGE};
}

# Writes the extension, whose table has this column. Nobody creates a table in pg_catalog, but an extension may move one there.
sub stand_in
{
	my ($stage, $column) = @_;
	my $place = $stage . CitusNodes::extension_folder();
	unlink "$place/citus.control", "$place/citus--0.sql";
	append_to_file("$place/citus.control", "default_version = '0'\nrelocatable = false\nschema = pg_catalog\n");
	append_to_file(
		"$place/citus--0.sql", "CREATE SCHEMA citus;
		CREATE TABLE citus.pg_dist_partition ($column regclass NOT NULL, partmethod \"char\");
		CREATE TABLE citus.pg_dist_shard (logicalrelid regclass NOT NULL, shardid bigint NOT NULL);
		ALTER TABLE citus.pg_dist_partition SET SCHEMA pg_catalog;
		ALTER TABLE citus.pg_dist_shard SET SCHEMA pg_catalog;"
	);
	return;
}

$sql->(
	q{CREATE EXTENSION caas; CREATE EXTENSION citus;
	CREATE TABLE shell (id uuid PRIMARY KEY, email text, digest text, generation integer, ssn text, sealed bytea);
	CREATE TRIGGER e BEFORE INSERT OR UPDATE ON shell FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest:generation keep');
	CREATE TRIGGER s BEFORE INSERT OR UPDATE ON shell FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'ssn=sealed@c');
	CREATE TABLE bare (id uuid, sealed bytea);
	CREATE TABLE parted (id uuid, sealed bytea) PARTITION BY HASH (id);
	CREATE TABLE part PARTITION OF parted FOR VALUES WITH (MODULUS 1, REMAINDER 0);
	SECURITY LABEL FOR caas ON COLUMN parted.sealed IS 'seal id @c';
	CREATE TABLE plain (id uuid, sealed bytea);
	SECURITY LABEL FOR caas ON COLUMN plain.sealed IS 'seal id @c';
	INSERT INTO plain SELECT id, caas_seal(id, 'x', 'c') FROM gen_random_uuid() id}
);
wait_until($node, q{SELECT clock_timestamp() > pg_conf_load_time() + '1.1 s'});

# relation, column, generation, count, conclusive, whether the remark speaks of shards
my $generations =
	q{SELECT string_agg(concat_ws('|', relation, coalesce(column_name, '-'), coalesce(generation, 0), coalesce("values", -1), conclusive,
	coalesce(remark ~ '^Citus keeps the rows in shards.*ask each node', false)), E'\n' ORDER BY relation::text, column_name) FROM caas_generations()};
my $plain = 'plain|sealed|2|1|t|f';

is($sql->($generations), $plain, 'before anything is distributed, there is what is counted');
$sql->(q{INSERT INTO pg_dist_partition SELECT c, 'h' FROM unnest('{shell,bare,parted,part}'::regclass[]) c});
is(
	$sql->($generations),
	join("\n", 'bare|-|0|-1|f|t', 'part|sealed|0|-1|f|t', $plain, 'shell|digest|0|-1|f|t', 'shell|sealed|0|-1|f|t'),
	'each distributed table has a row without a count, also one that declares nothing'
);

# The program removes no generation then.
my ($out, $error) = ('', '');
IPC::Run::run(
	[
		$ENV{CAAS} // 'caas', 'keyring', 'remove', $node->{caas_keyring},
		'1', '--yes', '--database', $node->connstr('postgres')
	],
	'>',
	\$out,
	'2>',
	\$error
);
like(
	$error,
	qr/generation 1 may still be needed:.*\.shell.*not conclusive: Citus keeps the rows in shards/s,
	'caas keyring remove asks and refuses'
);
like(slurp_file($node->{caas_keyring}), qr/^1 retired/m, 'and changes nothing');

# Each of these would see an empty table.
my $refused = qr/ERROR:  0A000: .* is distributed by Citus: its rows are in shards.*\n(?:DETAIL.*\n)?HINT:  /;
my %calls = (
	caas_check => q{SELECT * FROM caas_check('%s')},
	caas_backfill => q{CALL caas_backfill('%s')},
	caas_rotate => q{CALL caas_rotate('%s')},
	caas_cutover => q{CALL caas_cutover('%s', 'email')},
	caas_protect => q{SELECT * FROM caas_protect('%s', 'id', 'sealed=other@c')},
	caas_protect_plan => q{SELECT * FROM caas_protect_plan('%s', 'id', 'sealed=other@c')},
	caas_unprotect => q{SELECT * FROM caas_unprotect('%s', 'ssn')},
	caas_unprotect_plan => q{SELECT * FROM caas_unprotect_plan('%s', 'ssn')},
	caas_residue => q{SELECT * FROM caas_residue('%s')}
);
for my $name (sort keys %calls)
{
	for my $table ('shell', 'parted')
	{
		my ($code, $out, $error) =
			$node->psql('postgres', sprintf($calls{$name}, $table), extra_params => [ '-v', 'VERBOSITY=verbose' ]);
		like($error, $refused, "$name of $table is refused");
		is($out, '', 'and returns nothing');
	}
}

# A table that is not distributed is not affected, and one whose children alone are is refused.
is($sql->(q{SELECT rows, protected FROM caas_check('plain')}), '1|1', 'another table is checked');
$sql->(q{DELETE FROM pg_dist_partition WHERE logicalrelid = 'parted'::regclass});
like(
	($node->psql('postgres', q{SELECT * FROM caas_check('parted')}))[2],
	qr/public\.part is distributed by Citus/,
	'a distributed partition is named'
);

# The doctor says which table it cannot look into.
$sql->(q{CREATE TABLE people (id uuid PRIMARY KEY, email text); INSERT INTO pg_dist_partition VALUES ('people', 'h')});
is(
	$sql->(q{SELECT severity, object, finding FROM caas_doctor() WHERE object ~ 'people'}),
	'note|table public.people|cannot look at the rows of this table: Citus keeps them in shards',
	'the doctor does not take an empty shell for an empty table'
);

# Citus leaves the rows of a table that it distributes on the coordinator's disk.
my $left = q{SELECT severity, remedy FROM caas_doctor() WHERE object = 'table public.shell'};
is($sql->($left), '', 'an empty shell has nothing on disk');
$sql->(q{INSERT INTO shell (id, email) VALUES (gen_random_uuid(), 'ada@example.com')});
is(
	$sql->($left),
	q{warning|SELECT pg_catalog.truncate_local_data_after_distributing_table('public.shell'::pg_catalog.regclass);},
	'one with rows from before has'
);
$sql->('TRUNCATE shell');
$sql->('INSERT INTO bare VALUES (gen_random_uuid())');
like(
	$sql->(q{SELECT severity, remedy FROM caas_doctor() WHERE object = 'table public.bare'}),
	qr/^note\|SELECT pg_catalog\.truncate_local_data/m,
	'so has one that declares nothing: triggers can be on its shards alone'
);
$sql->('TRUNCATE bare');

# The statements that are printed do not find functions of others.
my $path = qr/ pg_catalog\.run_command_on_shards\('public\.shell'::pg_catalog\.regclass, E?'.*'::pg_catalog\.text\);/;
for my $name (qw(caas_check caas_backfill caas_rotate caas_cutover caas_residue))
{
	my ($code, $out, $error) = $node->psql('postgres', sprintf $calls{$name}, 'shell');
	like($error, qr/HINT:  .*$path/, "the hint of $name has qualified names");
	like($error, qr/caas_\w+\(%L::pg_catalog\.regclass/, 'in the command, too');
}
is(
	$sql->(q{SELECT remedy FROM caas_doctor() WHERE object = 'table public.people'}),
	q{SELECT * FROM pg_catalog.run_command_on_all_nodes('SELECT pg_catalog.json_agg(d) FROM public.caas_doctor() d'::pg_catalog.text);},
	'so has the remedy of the doctor'
);

# Citus creates the triggers of shards in sessions of this name, and copies rows into them then.
my $create =
	q{SET application_name = '%s'; CREATE TRIGGER d BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email digests=%s')};
$sql->('CREATE TABLE shard (id uuid, email text CHECK (caas_is_digest(email)))');
like(
	($node->psql('postgres', sprintf($create, 'citus_internal gpid=1', 'shard', 'plaintext')))[2],
	qr/ERROR:  trigger "d" of relation "shard" has the option digests=plaintext.*\nDETAIL.*\nHINT:  Create the trigger with digests=keep/,
	'a trigger that would digest the digests is refused on a shard'
);
$sql->(sprintf($create, 'citus_internal gpid=1', 'shard', 'keep') . '; DROP TRIGGER d ON shard');
my $not_for_citus = qr/ERROR:  trigger "d" of relation "\w+" has the option digests=plaintext, which is not for tables/;
like(($node->psql('postgres', sprintf($create, 'citus', 'shard', 'plaintext')))[2],
	$not_for_citus, 'also in a session of Citus before version 11');
$sql->(sprintf($create, 'psql', 'shard', 'plaintext'));
pass('with digests=keep, and in other sessions, it is not');
like(($node->psql('postgres', sprintf($create, 'psql', 'people', 'plaintext')))[2],
	$not_for_citus, 'but on a table that is distributed it is');

# Citus creates shards of this node in the session of the client. A trigger that is there by any way digests nothing.
my $digest = $sql->(q{SELECT caas_encrypt(md5('1')::uuid, 'x')});
$sql->("INSERT INTO pg_dist_shard VALUES ('people', 102008)");
$sql->("CREATE TABLE $_ (id uuid, email text CHECK (caas_is_digest(email)))")
	for qw(people_102008 people_102009 people_x);
like(($node->psql('postgres', sprintf($create, 'psql', 'people_102008', 'plaintext')))[2],
	$not_for_citus, 'so it is on a shard, whatever the session is called');
$sql->(sprintf $create, 'psql', $_, 'plaintext') for qw(people_102009 people_x);
$sql->("INSERT INTO $_ VALUES (md5('1')::uuid, 'y')") for qw(people_102009 people_x);
pass('and not on tables of like names');
$sql->("INSERT INTO pg_dist_shard VALUES ('people', 102009)");
like(($node->psql('postgres', "INSERT INTO people_102009 VALUES (md5('1')::uuid, '$digest')"))[2],
	$not_for_citus, 'a trigger that a shard has nevertheless does not fire');

like(
	$sql->(q{SELECT severity, finding FROM caas_doctor() WHERE object ~ 'people_102009'}),
	qr/^error\|.*digests=plaintext, which is not for tables that Citus distributes/m,
	'and the doctor names it'
);

# The rows on disk can be the only right ones then.
$sql->(
	'CREATE TABLE lossy (id uuid, email text CHECK (caas_is_digest(email)));' . sprintf $create,
	'psql', 'lossy', 'plaintext'
);
$sql->("INSERT INTO lossy VALUES (md5('1')::uuid, 'y'); INSERT INTO pg_dist_partition VALUES ('lossy', 'n')");
my $lossy = $sql->(
	q{SELECT severity, finding, remedy FROM caas_doctor() WHERE object = 'table public.lossy' AND finding ~ 'this disk'}
);
like($lossy, qr/^error\|.*can be the only right ones\|Keep them/, 'the doctor says so');
unlike($lossy, qr/SELECT/, 'and does not tell to remove them');
$sql->('DROP TABLE lossy, people_102009, people_x');

# A catalog that caas does not know is an error.
$sql->('DROP EXTENSION citus');
is($sql->($generations), $plain, 'without Citus all is as before');
stand_in($folder, 'renamed');
$sql->('CREATE EXTENSION citus');
like(
	($node->psql('postgres', 'SELECT * FROM caas_generations()'))[2],
	qr/this version of Citus does not tell caas which tables it distributes/,
	'a catalog that is not known is no answer'
);

$node->stop;
done_testing();
