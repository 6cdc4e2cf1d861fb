# caas table protect: the plan, the question, and the statements that run outside a transaction.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use CaasServer;
use CaasTable;
use Test::More;

my $server = table_server();
my @protect = ('table', 'protect', 'people', 'id@users', 'email=email_digest', 'o"d, {x}\\');

sub plan_is
{
	my (@steps) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $sql = join '; ', 'TRUNCATE "The caas".stub_plan, "The caas".stub_protected',
		map { qq{INSERT INTO "The caas".stub_plan VALUES ($_)} } @steps;
	is($server->sql($sql), '', 'a plan');
	return;
}

sub protected { return $server->sql('SELECT relation, id, columns FROM "The caas".stub_protected'); }

sub indexes
{
	return $server->sql(
		q{SELECT string_agg(indexname, ' ' ORDER BY indexname) FROM pg_indexes WHERE schemaname = 'public'});
}

my @plan = (
	"1, 'finding', NULL, E'a finding\nof two lines \x1b[1m'",
	"2, 'statement', 'CREATE TRIGGER ..', 'the trigger'",
	"3, 'by hand', 'CREATE INDEX CONCURRENTLY people_email ON public.people (email_digest)', 'for search'",
	"4, 'by hand', 'VACUUM public.people', NULL",
	"5, 'by hand', 'CALL caas_backfill(''people'')', 'may take hours'",
	"6, 'by hand', 'CREATE INDEX later ON public.people (id)', 'after the job'"
);
my $shown = <<'PLAN';
-- 1, finding: a finding
--   of two lines \x1b[1m
-- 2, statement: the trigger
CREATE TRIGGER ..;
-- 3, by hand: for search
CREATE INDEX CONCURRENTLY people_email ON public.people (email_digest);
-- 4, by hand
VACUUM public.people;
-- 5, by hand: may take hours
CALL caas_backfill('people');
-- 6, by hand: after the job
CREATE INDEX later ON public.people (id);
PLAN
plan_is(@plan);
my ($code, $out, $err) = table_caas($server, @protect, '--dry-run');
is($code, 0, '--dry-run') or diag($err);
is($out, $shown, 'it prints the plan');
is(
	$err,
	qq{caas: note: plan of public.people for {email=email_digest,"o\\"d, {x}\\\\"} by id\@users\n},
	'of these columns'
);
is(protected() . indexes(), '', 'and changes nothing');

($code, $out, $err) = table_caas($server, @protect);
is($code, 2, 'no terminal to ask on: exit code');
is($out, $shown, 'the plan');
like($err, qr/^caas: nothing was changed; repeat with --yes/m, 'and what to do');
is(protected() . indexes(), '', 'nothing is changed');

($code, $out, $err) = table_caas($server, @protect, '--yes');
is($code, 0, '--yes') or diag($err);
is(
	$out,
	$shown
		. "CREATE INDEX CONCURRENTLY people_email ON public.people (email_digest)\nVACUUM public.people\n"
		. "public.people is protected; this is left, in this order:\n"
		. $shown =~ s/.*(?=^-- 5)//msr,
	'each statement that it runs, and those that are left'
);
is(protected(), 'people|id@users|{email=email_digest,"o\\"d, {x}\\\\"}', 'the server protects');
is(indexes(), 'people_email', 'the index is made');
is($server->sql('SELECT count(*) FROM "The caas".stub_calls'), 0, 'a job is left to the user');

plan_is("1, 'by hand', 'CREATE INDEX CONCURRENTLY two ON public.people (nothing)', NULL",
	"2, 'by hand', 'VACUUM public.people', NULL");
($code, $out, $err) = table_caas($server, @protect, '--yes');
is($code, 3, 'a statement that fails: exit code');
like($err, qr/^caas: column "nothing" does not exist\nThe steps before this one are done/m, 'the message');
unlike($out, qr/is protected/, 'it does not say that it is done');

# A statement that the server did not mean to be run: two in one, or one that the program does not run.
plan_is("1, 'by hand', 'VACUUM public.people; DROP TABLE public.people', NULL");
($code, $out, $err) = table_caas($server, @protect, '--yes');
is($code, 3, 'two statements in one');
is($server->sql('SELECT count(*) FROM people'), 0, 'are not run');
done_testing();
