# No new execution of a cached plan returns a digest that was folded into it once the key is lost or the keyring is replaced.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use Digest::SHA qw(sha256_hex);
use PostgreSQL::Test::Utils;
use Test::More;

my $key = api_key();
my $call = q{caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x')};
my ($first, $second) = (random_secret(), random_secret());
my @old = (generation(1, 'active', $first));
my @new = (generation(1, 'retired', $first), generation(2, 'active', $second));
my $set = "SET caas.api_key = '$key'";
my $node = caas_node('plans', preload => 'shared', keyring => \@old);

# Each way to cache a plan: the statement that prepares it, and the one that executes it. The session creates functions
# itself, so that each case starts without a cached plan.
sub plpgsql { return "CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE plpgsql $_[1] AS \$\$$_[0]\$\$"; }
my %plan = (
	'a prepared statement' => [ "PREPARE p AS SELECT $call", 'EXECUTE p' ],
	'a prepared statement with a parameter' => [
		"SET plan_cache_mode = force_generic_plan; PREPARE p(integer) AS SELECT $call WHERE \$1 > 0", 'EXECUTE p(1)'
	],
	'a prepared search' => [
		"CREATE TEMP TABLE t AS SELECT CASE n WHEN 1 THEN $call ELSE n::text END AS digest FROM generate_series(1, 3000) n;
		CREATE INDEX ON t (digest); ANALYZE t; PREPARE p AS SELECT digest FROM t WHERE digest = $call", 'EXECUTE p'
	],
	'a prepared statement over a view' =>
		[ "CREATE TEMP VIEW v AS SELECT $call AS digest; PREPARE p AS SELECT digest FROM v", 'EXECUTE p' ],
	'a prepared statement over an inlined function' => [
		"CREATE FUNCTION pg_temp.f() RETURNS text IMMUTABLE LANGUAGE sql AS \$\$SELECT $call\$\$; PREPARE p AS SELECT pg_temp.f()",
		'EXECUTE p'
	],
	'a prepared statement over a function evaluated at once' =>
		[ plpgsql("BEGIN RETURN $call; END", 'IMMUTABLE') . '; PREPARE p AS SELECT pg_temp.f()', 'EXECUTE p' ],
	'a prepared insert with a default' => [
		"CREATE TEMP TABLE t (n integer, digest text DEFAULT $call); PREPARE p AS INSERT INTO t (n) VALUES (1) RETURNING digest",
		'EXECUTE p'
	],
	'an SQL function' => [
		"CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE sql SET work_mem = '4MB' AS \$\$SELECT $call\$\$",
		'SELECT pg_temp.f()'
	],
	'an expression of PL/pgSQL' => [ plpgsql("BEGIN RETURN $call; END", ''), 'SELECT pg_temp.f()' ],
	'a query of PL/pgSQL' => [
		plpgsql("DECLARE d text; BEGIN SELECT $call INTO d FROM pg_class LIMIT 1; RETURN d; END", ''),
		'SELECT pg_temp.f()'
	],
	'a loop of PL/pgSQL' => [
		plpgsql("DECLARE r record; BEGIN FOR r IN SELECT $call AS d LOOP RETURN r.d; END LOOP; END", ''),
		'SELECT pg_temp.f()'
	],
	'a default of PL/pgSQL' => [ plpgsql("DECLARE d text := $call; BEGIN RETURN d; END", ''), 'SELECT pg_temp.f()' ],
	'a trigger' => [
		"CREATE TEMP TABLE t (digest text); CREATE FUNCTION pg_temp.f() RETURNS trigger LANGUAGE plpgsql
			AS \$\$BEGIN NEW.digest := $call; RETURN NEW; END\$\$;
		CREATE TRIGGER f BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION pg_temp.f()",
		'INSERT INTO t VALUES (NULL) RETURNING digest'
	]
);

# How the digest is lost, and what an execution gives then: before the plan is made, after it was executed.
my %loss = (
	RESET => [ $set, 'RESET caas.api_key', '28000' ],
	'a wrong key' => [ $set, "SET caas.api_key = 'wrong'", '28000' ],
	'an empty key' => [ $set, "SET caas.api_key = ''", '28000' ],
	'RESET ALL' => [ $set, 'RESET ALL', '28000' ],
	COMMIT => [ "BEGIN; SET LOCAL caas.api_key = '$key'", 'COMMIT', '28000' ],
	'set_config, COMMIT' => [ "BEGIN; SELECT set_config('caas.api_key', '$key', true) = ''", 'COMMIT', '28000' ],
	ROLLBACK => [ "BEGIN; SAVEPOINT s; $set; RELEASE s", 'ROLLBACK', '28000' ],
	'an error' => [ "BEGIN; $set", 'SELECT 1 / 0; ROLLBACK', '28000' ],
	'ROLLBACK TO' => [ "BEGIN; SAVEPOINT s; $set", 'ROLLBACK TO s; ROLLBACK', '28000' ],
	'another keyring' => [ $set, sub { write_keyring($node, @new) }, 'renewed' ],
	'a bad keyring' => [ $set, sub { write_keyring($node, 'nonsense') }, 'F0000' ],
	'the list' => [ $set, sub { $node->append_conf('postgresql.conf', "caas.api_key_digests = ''") }, '28000' ],
	'require_api_key' => [
		sub { $node->append_conf('postgresql.conf', 'caas.require_api_key = off') },
		sub { $node->append_conf('postgresql.conf', 'caas.require_api_key = on') },
		'28000'
	]
);

$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION caas');
my %digest;
$digest{old} = $node->safe_psql('postgres', "$set; SELECT $call");
write_keyring($node, @new);
$digest{renewed} = $node->safe_psql('postgres', "$set; SELECT $call");
my $session = open_session($node);

# A statement, or a change of the server's files that the session has seen.
sub change
{
	my ($change) = @_;
	return outcome($session, $change) unless ref $change;
	$change->();
	reload_sessions($node, $session);
	return '';
}

sub fresh
{
	my ($setting) = @_;
	write_keyring($node, @old);
	$node->append_conf('postgresql.conf',
		"caas.api_key_digests = '" . sha256_hex($key) . "'\ncaas.require_api_key = on");
	reload_sessions($node, $session) if $setting;
	answer($session, '\c -');
	return;
}

# In a session in which nothing else was planned with a digest in it.
for my $loss (sort keys %loss)
{
	my ($before, $after, $expected) = @{ $loss{$loss} };
	my $files = ref $before || ref $after;
	for my $plan (sort keys %plan)
	{
		# An aborted transaction takes the function or table with it: they are made by a transaction of their own.
		my ($make, $execute) = @{ $plan{$plan} };
		my ($create, $prepare) = $make =~ /^(CREATE .*?)(?:; (PREPARE .*))?$/s ? ($1, $2) : (undef, $make);
		fresh($files);
		change("$set; $create; RESET caas.api_key") if $create;
		change($before);
		change($prepare) if $prepare;
		is(outcome($session, $execute), $digest{old}, "$plan: executed with the key");
		change($after);
		my $outcome = $digest{$expected} // $expected;
		$outcome = '' if $plan =~ /search/ && $expected eq 'renewed';
		is(outcome($session, $execute), $outcome, "$plan: after $loss");
	}
}

# Loaded by the call that is being planned: nothing noted that one.
fresh(1);
$session->quit;
restart_with_preload($node, 'none');
for my $plan (sort keys %plan)
{
	my ($make, $execute) = @{ $plan{$plan} };
	next if $plan =~ /search/;    # its table holds a digest
	$session = open_session($node);
	change($set);
	change($make);
	is(outcome($session, $execute), $digest{old}, "$plan: loads the library");
	change('RESET caas.api_key');
	is(outcome($session, $execute), '28000', "$plan: after RESET");
	change($set);
	is(outcome($session, $execute), $digest{old}, "$plan: with the key again");
	$session->quit;
}

# DISCARD ALL leaves functions; an open cursor finishes.
$session = keyed_session($node);
change(plpgsql("BEGIN RETURN $call; END", '') =~ s/pg_temp/public/r);
is(outcome($session, 'SELECT public.f()'), $digest{old}, 'a function');
change('DISCARD ALL');
is(outcome($session, 'SELECT public.f()'), '28000', 'after DISCARD ALL');
change(
	"BEGIN; SET LOCAL caas.api_key = '$key'; DECLARE c CURSOR WITH HOLD FOR SELECT $call;
	DECLARE d CURSOR FOR SELECT $call FROM pg_class"
);
is(outcome($session, 'FETCH d'), $digest{old}, 'a cursor');
change('RESET caas.api_key');
is(outcome($session, 'FETCH d'), $digest{old}, 'goes on without the key');
is(outcome($session, "SAVEPOINT s; SELECT $call"), '28000', 'nothing else does');
change('ROLLBACK TO s; COMMIT');
is(outcome($session, 'FETCH c'), $digest{old}, 'one that is held has its result');

# One execution of a function that loses its key on the way.
change("SET caas.api_key = ''");
change(
	"CREATE FUNCTION on_the_way() RETURNS SETOF text LANGUAGE plpgsql AS \$\$
	BEGIN
		PERFORM set_config('caas.api_key', '$key', false);
		FOR n IN 1 .. 2 LOOP
			RETURN NEXT $call;
			PERFORM set_config('caas.api_key', '', false);
		END LOOP;
	END \$\$;
	CREATE FUNCTION in_a_block() RETURNS SETOF text LANGUAGE plpgsql AS \$\$
	BEGIN
		FOR n IN 1 .. 2 LOOP
			BEGIN
				IF n = 1 THEN PERFORM set_config('caas.api_key', '$key', false); END IF;
				RETURN NEXT $call;
				RAISE division_by_zero;
			EXCEPTION WHEN division_by_zero THEN NULL;
			END;
		END LOOP;
	END \$\$"
);
for my $function ('on_the_way', 'in_a_block')
{
	is(outcome($session, "SELECT $function()"), '28000', "$function: the second round is refused") for 1 .. 7;
}
$session->quit;
$node->stop;

done_testing();
