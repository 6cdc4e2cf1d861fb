# Functions around calls of caas, in maintenance: from PostgreSQL 17 on its search_path has no schema of users. Below 17 the same path is
# set by hand, so what is tested there is the advice of docs/operations.md alone.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = caas_node('maintenance_path');
$node->start;
local $ENV{PGOPTIONS} = with_key();
my $path =
	$node->safe_psql('postgres', 'SHOW server_version_num') < 170000 ? 'SET search_path = pg_catalog, pg_temp; ' : '';
my $head = 'CREATE OR REPLACE FUNCTION wrapped(id uuid, value text) RETURNS text IMMUTABLE';
my %form = (
	'SQL' => "$head LANGUAGE sql AS 'SELECT caas_encrypt(id, value)'",
	'PL/pgSQL' => "$head LANGUAGE plpgsql AS 'BEGIN RETURN caas_encrypt(id, value); END'",
	'SQL that names the schema' => "$head LANGUAGE sql AS 'SELECT public.caas_encrypt(id, value)'",
	'PL/pgSQL that names the schema' => "$head LANGUAGE plpgsql AS 'BEGIN RETURN public.caas_encrypt(id, value); END'",
	'SQL that was bound when the function was made' => "$head LANGUAGE sql RETURN caas_encrypt(id, value)",
	'PL/pgSQL with a search_path of its own' =>
		"$head LANGUAGE plpgsql SET search_path = public, pg_temp AS 'BEGIN RETURN caas_encrypt(id, value); END'"
);
my @commands = (
	'ANALYZE public.people',
	'VACUUM FULL public.people',
	'CLUSTER public.people USING people_pkey',
	'REINDEX TABLE public.people',
	'CREATE INDEX another ON public.people (public.wrapped(id, email))',
	'REFRESH MATERIALIZED VIEW public.digests',
	'CREATE MATERIALIZED VIEW public.later AS SELECT public.wrapped(id, email) FROM public.people'
);

$node->safe_psql(
	'postgres', qq{
	CREATE EXTENSION caas;
	CREATE TABLE people (id uuid PRIMARY KEY, email text);
	INSERT INTO people SELECT md5(n::text)::uuid, 'user' || n || '\@example.com' FROM generate_series(1, 300) n;
	$form{'SQL that names the schema'};
	CREATE INDEX by_digest ON people (wrapped(id, email));
	CREATE MATERIALIZED VIEW digests AS SELECT wrapped(id, email) AS digest FROM people}
);

# The SQLSTATE of a command, which is undone where it is one that makes something.
sub outcome_of
{
	my ($command) = @_;
	my $session = open_session($node);
	outcome($session, $path) if $path;
	my $sqlstate = outcome($session, $command);
	outcome($session, 'DROP INDEX IF EXISTS public.another; DROP MATERIALIZED VIEW IF EXISTS public.later');
	$session->quit;
	return $sqlstate;
}

for my $name ('SQL', 'PL/pgSQL')
{
	$node->safe_psql('postgres', $form{$name});
	is(outcome_of($_), '42883', "$name: $_ does not find the function") for @commands;
	$node->safe_psql('postgres', q{INSERT INTO people VALUES (gen_random_uuid(), 'user999@example.com')});
}
for my $name (grep { / / } sort keys %form)
{
	$node->safe_psql('postgres', $form{$name});
	is(outcome_of($_), '', "$name: $_") for @commands;
}
is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT digest) FROM digests'),
	'302|302', 'the view has the digests of all rows');
$node->stop;
unlike(slurp_file($node->logfile), qr/user\d+\@example/, 'the log shows no plaintext');

done_testing();
