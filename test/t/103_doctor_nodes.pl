# caas_doctor compares the check values of Citus's nodes. Stand-ins of Citus's function and table give the answers here.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = caas_node('nodes', keyring => [ generation(1, 'active') ]);
$node->append_conf('postgresql.conf', 'log_min_error_statement = panic');
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE SCHEMA "The caas";
	CREATE EXTENSION caas SCHEMA "The caas";
	CREATE TABLE answers (nodeid integer, success boolean, result text);
	SET allow_system_table_mods = on;
	CREATE FUNCTION pg_catalog.run_command_on_all_nodes(command text, parallel boolean DEFAULT true)
		RETURNS TABLE (nodeid integer, success boolean, result text) LANGUAGE plpgsql
		AS $$ BEGIN
			FOR nodeid, success, result IN SELECT * FROM public.answers LOOP
				IF result = 'answer it' THEN EXECUTE command INTO STRICT result; END IF;
				RETURN NEXT;
			END LOOP;
		END $$;
	CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass);
	CREATE TABLE pg_catalog.pg_dist_node (nodeid integer, nodename text, nodeport integer);
	INSERT INTO pg_catalog.pg_dist_node VALUES (1, 'here', 5432), (2, 'worker', 5433), (3, 'worker', 5434)}
);
my $query =
	q{SELECT concat_ws('|', severity, object, finding, remedy) FROM "The caas".caas_doctor() WHERE object ~ 'itus'};
my $mine = $node->safe_psql('postgres', q{SELECT check_value FROM "The caas".caas_status()});

sub answers
{
	my ($values) = @_;
	$node->safe_psql('postgres', "TRUNCATE answers; INSERT INTO answers VALUES $values");
	return $node->safe_psql('postgres', $query);
}

is(answers(q{(1, true, 'another')}), '', 'without Citus no node is asked');
$node->safe_psql(
	'postgres', q{
	SET allow_system_table_mods = on;
	INSERT INTO pg_catalog.pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
		VALUES (99999, 'citus', 10, 11, false, '0')}
);
is(answers("(1, true, '$mine'), (2, true, '$mine'), (3, true, '$mine')"), '', 'nodes with the same keyring');
is(
	answers("(1, true, '$mine'), (2, true, 'ffff'), (3, true, NULL)"),
	"error|Citus node worker:5433|its keyring is another: the check value of its active generation is ffff, here it is $mine"
		. "|Bring the same keyring file to all nodes, and call pg_reload_conf() there.\n"
		. 'error|Citus node worker:5434|it has no keyring that can be used|Call caas_doctor() there.',
	'nodes with another keyring, and with none'
);
is(
	answers("(2, false, 'connection refused')"),
	'warning|Citus node worker:5433|cannot ask it: connection refused'
		. '|See that it runs, has the extension caas, and lets this role connect.',
	'a node that does not answer'
);
is(
	answers("(2, true, 'answer it'), (0, true, 'ffff')"),
	"error|Citus node coordinator|its keyring is another: the check value of its active generation is ffff, here it is $mine"
		. '|Bring the same keyring file to all nodes, and call pg_reload_conf() there.',
	'a node that is asked in earnest, and a coordinator that the metadata lack'
);

# An error of Citus does not hide the other findings, and a cancel ends the call.
$node->safe_psql(
	'postgres', q{
	CREATE OR REPLACE FUNCTION pg_catalog.run_command_on_all_nodes(command text, parallel boolean DEFAULT true)
		RETURNS TABLE (nodeid integer, success boolean, result text) LANGUAGE plpgsql
		AS $$ BEGIN RAISE 'not for this role'; END $$;
	CREATE TABLE filled (email text);
	INSERT INTO filled VALUES ('ada@example.com')}
);
is(
	$node->safe_psql('postgres', $query),
	'warning|nodes of Citus|cannot ask them: not for this role|Call caas_doctor() as a superuser.',
	'an error'
);
is($node->safe_psql('postgres', q{SELECT count(*) FROM "The caas".caas_doctor() WHERE object ~ 'filled'}),
	'1', 'the rest');
$node->safe_psql(
	'postgres', q{
	CREATE OR REPLACE FUNCTION pg_catalog.run_command_on_all_nodes(command text, parallel boolean DEFAULT true)
		RETURNS TABLE (nodeid integer, success boolean, result text) LANGUAGE plpgsql
		AS $$ BEGIN RAISE 'cancelled' USING ERRCODE = 'query_canceled'; END $$}
);
my ($code, undef, $error) = $node->psql('postgres', $query);
isnt($code, 0, 'a cancel');
like($error, qr/ERROR:  cancelled/, 'is raised');
done_testing();
