# ALTER EXTENSION UPDATE gives the same functions, privileges, comments and dependencies as a fresh installation.
#
# For every update script sql/caas--A--B.sql, test/upgrade/caas--A.sql is the install script that release A shipped.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use File::Basename;
use File::Copy;
use PostgreSQL::Test::RecursiveCopy;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'needs a staged installation (CAAS_STAGE) that it can copy and change' unless $ENV{CAAS_STAGE};

my ($version) = slurp_file('caas.control') =~ /^default_version\s*=\s*'([^']+)'/m;
my $install = slurp_file('sql/caas.sql');

# A copy of the staged installation, to which older versions are added.
my $stage = PostgreSQL::Test::Utils::tempdir() . '/stage';
PostgreSQL::Test::RecursiveCopy::copypath($ENV{CAAS_STAGE}, $stage);
local $ENV{CAAS_STAGE} = $stage;
my $share = `pg_config --sharedir`;
chomp $share;
my $scripts = "$stage$share/extension";

sub write_script
{
	my ($name, $text) = @_;
	unlink "$scripts/$name";
	append_to_file("$scripts/$name", $text);
	return;
}

# Lists all parts of the extension as sorted text without object ids.
my $snapshot = q{
WITH member AS (
	SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON d.refobjid = e.oid
	WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'caas')
SELECT concat_ws(' ', 'extension', extname, extversion, extrelocatable, extconfig, obj_description(oid, 'pg_extension')) AS line
	FROM pg_extension WHERE extname = 'caas'
UNION ALL
SELECT concat_ws(' ', 'member', i.type, i.identity, coalesce(obj_description(objid, classid::regclass::name), '-'))
	FROM member, pg_identify_object(classid, objid, 0) i
UNION ALL
SELECT concat_ws(' ', 'function', p.oid::regprocedure, to_jsonb(p)
		- '{oid,proowner,pronamespace,proacl,prorettype,proargtypes,proallargtypes,proargdefaults,prolang,provariadic}'::text[],
		pg_get_function_result(p.oid), pg_get_function_arguments(p.oid), l.lanname)
	FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid JOIN pg_language l ON l.oid = p.prolang
UNION ALL
SELECT concat_ws(' ', 'relation', c.oid::regclass, c.relkind, c.relpersistence, c.reloptions, c.relacl, regexp_replace(CASE WHEN c.relkind = 'v' THEN pg_get_viewdef(c.oid) END, '\\s+', ' ', 'g'))
	FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
UNION ALL
SELECT concat_ws(' ', 'column', a.attrelid::regclass, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
	FROM member m JOIN pg_attribute a ON m.classid = 'pg_class'::regclass AND m.objid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
	WHERE a.attnum > 0
UNION ALL
SELECT concat_ws(' ', 'index', i.indrelid::regclass, pg_get_indexdef(i.indexrelid)) FROM member m JOIN pg_index i ON m.classid = 'pg_class'::regclass AND m.objid = i.indrelid
UNION ALL
SELECT concat_ws(' ', 'privilege', p.oid::regprocedure, a.grantee::regrole, a.privilege_type, a.is_grantable)
	FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid,
		aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
UNION ALL
SELECT concat_ws(' ', 'initial privilege', i.identity, a.grantee::regrole, a.privilege_type)
	FROM member m JOIN pg_init_privs p ON m.classid = p.classoid AND m.objid = p.objoid,
		pg_identify_object(p.classoid, p.objoid, p.objsubid) i, aclexplode(p.initprivs) a
UNION ALL
SELECT concat_ws(' ', 'dependency', o.type, o.identity, d.deptype, r.type, r.identity)
	FROM member m JOIN pg_depend d USING (classid, objid), pg_identify_object(d.classid, d.objid, d.objsubid) o,
		pg_identify_object(d.refclassid, d.refobjid, d.refobjsubid) r
ORDER BY 1};

my $node = caas_node('update');
$node->start;

# Installs the extension with this SQL in a database of its own. Returns the lines of the snapshot.
sub installation
{
	my ($database, $sql) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, $sql);
	return { map { $_ => 1 } split /\n/, $node->safe_psql($database, $snapshot) };
}

# Returns the lines that only one of two installations has.
sub differences
{
	my ($fresh, $updated) = @_;
	return join "\n",
		sort((map { "only fresh: $_" } grep { !$updated->{$_} } keys %$fresh),
		(map { "only updated: $_" } grep { !$fresh->{$_} } keys %$updated));
}

my $fresh = installation('fresh', 'CREATE EXTENSION caas');
cmp_ok(scalar(grep { /^function caas_/ } keys %$fresh), '>=', 13, 'a fresh installation has its functions');
my $public =
	qr/caas_(?:status|version)\(\)|caas_table_columns\(oid\)|caas_(?:generation|sealed_info|is_sealed|is_digest)\(bytea\)|caas_uuid\(text,(?:bigint|text)\)|caas_is_digest\(text\)/;
is(scalar(grep { /^privilege (?!$public).* - EXECUTE/ } keys %$fresh), 0, 'PUBLIC may execute only ten of them');

# Update from every release that has an update script.
for my $delta (sort glob 'sql/caas--*--*.sql')
{
	my ($from) = basename($delta) =~ /^caas--(.+)--.+\.sql$/;
	my $shipped = "test/upgrade/caas--$from.sql";
	ok(-f $shipped, "$shipped is the install script that $delta starts from") or next;
	copy($shipped, "$scripts/caas--$from.sql") or die "copy: $!";
	my $updated = installation(
		'from_' . $from =~ s/\W/_/gr, qq{
		CREATE EXTENSION caas VERSION '$from';
		COMMENT ON EXTENSION caas IS 'what an older caas.control said';
		ALTER EXTENSION caas UPDATE}
	);
	# Between the installation of the library and ALTER EXTENSION UPDATE, the older SQL definitions call it.
	is(
		$node->safe_psql(
			'postgres', qq{
		CREATE EXTENSION caas VERSION '$from'; SELECT extension_version, library_version, api_key_accepted FROM caas_status();
		DROP EXTENSION caas}
		),
		"$from|$version|f",
		"caas_status of $from works with the library of $version"
	);
	is(differences($fresh, $updated), '', "an update from $from gives what a fresh installation gives");
}

# The update from 0.3.0 creates caas_status() anew: a view over it blocks the update, which then changes nothing.
$node->safe_psql('postgres',
	q{CREATE EXTENSION caas VERSION '0.3.0'; CREATE VIEW health AS SELECT * FROM caas_status()});
my ($code, $out, $error) = $node->psql('postgres', 'ALTER EXTENSION caas UPDATE');
like(
	$error,
	qr/cannot drop function caas_status\(\) because other objects depend on it\n.*view health depends/,
	'a view over caas_status() blocks the update'
);
is(
	$node->safe_psql(
		'postgres', q{SELECT extversion, (SELECT count(*) FROM health) FROM pg_extension WHERE extname = 'caas'}
	),
	'0.3.0|1',
	'which changes nothing'
);
$node->safe_psql('postgres',
	'DROP VIEW health; ALTER EXTENSION caas UPDATE; CREATE VIEW health AS SELECT * FROM caas_status()');
is($node->safe_psql('postgres', 'SELECT extension_version, library_version FROM health'),
	"$version|$version", 'without the view the update works');
$node->safe_psql('postgres', 'DROP EXTENSION caas CASCADE');

# Test the comparison itself: update from a version without one function, with scripts that omit something.
my $function = 'caas_verified_by(uuid, bytea, bytea)';
my @own = grep { /^(?:CREATE|COMMENT ON) FUNCTION \Q$function\E/m } split /(?<=;)\n/, $install;
is(scalar(@own), 2, 'the install script creates the function and comments on it');
my ($create, $comment) = @own;
my $older = $install;
$older =~ s/\Q$_\E\n// or die "not in the install script: $_" for @own;
$older =~ s/,\s*\Q$function\E// or die "no privilege of $function is revoked";
my $revoke = "REVOKE ALL ON FUNCTION $function FROM PUBLIC;";
my $outsider = 'CREATE SCHEMA other; ALTER EXTENSION caas DROP FUNCTION caas_version();';
my %updates = (
	right => [ [ $create, $comment, $revoke ], qr/^$/ ],
	no_function => [ ['SELECT 1;'], qr/^only fresh: function caas_verified_by\(uuid,bytea,bytea\)/m ],
	no_revoke => [
		[ $create, $comment ],
		qr/\Aonly fresh: initial .*^only updated: privilege caas_verified_by\(uuid,bytea,bytea\) - EXECUTE/ms
	],
	no_comment => [ [ $create, $revoke ], qr/^only updated: member function .*caas_verified_by\(.* -$/m ],
	other_volatility =>
		[ [ $create =~ s/STABLE/VOLATILE/r, $comment, $revoke ], qr/^only fresh: .*"provolatile": "s"/m ],
	other_cost => [ [ $create =~ s/COST \d+/COST 1/r, $comment, $revoke ], qr/^only updated: .*"procost": 1,/m ],
	not_a_member => [
		[ $create, $comment, $revoke, $outsider ],
		qr/^only fresh: dependency function .*caas_version\(\) e extension caas$/m
	]
);

write_script('caas--0.0.1.sql', $older);
for my $name (sort keys %updates)
{
	my ($statements, $expected) = @{ $updates{$name} };
	write_script("caas--0.0.1--$version.sql", join "\n", @$statements, '');
	my $updated = installation("update_$name", q{CREATE EXTENSION caas VERSION '0.0.1'; ALTER EXTENSION caas UPDATE});
	like(differences($fresh, $updated), $expected, "an update that is: $name");
}
$node->stop;

done_testing();
