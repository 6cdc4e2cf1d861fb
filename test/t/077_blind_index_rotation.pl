# A column with a blind index through a rotation: found by an index scan before, during and after, unique at the end; and no plan
# that was cached keeps an index of before.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($old, $new) = (random_secret(), random_secret());
my $renew = q{UPDATE accounts SET email = caas_reseal(id, email, 'accounts.email'),
	email_index = caas_blind_index(caas_open(id, email, 'accounts.email'), 'accounts.email')
	WHERE caas_generation(email) < (SELECT active_generation FROM caas_status());};
my $node = caas_node('blind', keyring => [ generation(1, 'active', $old) ]);
$node->start;
{
	local $ENV{PGOPTIONS} = with_key();
	$node->safe_psql(
		'postgres', q{
		CREATE EXTENSION caas;
		CREATE TABLE accounts (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email bytea, email_index bytea UNIQUE);
		CREATE PROCEDURE add(address text) LANGUAGE sql AS $$
			WITH new (id) AS (SELECT gen_random_uuid())
			INSERT INTO accounts SELECT id, caas_seal(id, address, 'accounts.email'), caas_blind_index(address, 'accounts.email') FROM new $$;
		CREATE PROCEDURE add_checked(address text) LANGUAGE sql AS $$
			WITH new (id) AS (SELECT gen_random_uuid())
			INSERT INTO accounts SELECT id, caas_seal(id, address, 'accounts.email'), caas_blind_index(address, 'accounts.email') FROM new
			WHERE NOT EXISTS (SELECT FROM accounts WHERE email_index = ANY (caas_blind_candidates(address, 'accounts.email'))) $$;
		DO $$BEGIN FOR n IN 1 .. 2000 LOOP CALL add('user' || n); END LOOP; END$$;
		ANALYZE accounts;
		CREATE FUNCTION folded() RETURNS bytea LANGUAGE plpgsql AS $$BEGIN RETURN caas_blind_index('x', 'c'); END$$;
		CREATE FUNCTION folded_candidates() RETURNS bytea[] LANGUAGE sql STABLE AS $$SELECT caas_blind_candidates('x', 'c')$$}
	);
}

# A session with cached plans: of a search by parameter and by constant, and of the index of a constant.
my $find =
	q{SELECT caas_open(id, email, 'accounts.email') FROM accounts WHERE email_index = ANY (caas_blind_candidates(%s, 'accounts.email'))};
my $session = keyed_session($node);
$session->query_safe(
	"SET plan_cache_mode = force_generic_plan; SET enable_bitmapscan = off;
	PREPARE find(text) AS " . sprintf($find, '$1') . "; PREPARE find_constant AS " . sprintf($find, "'user7'") . ";
	PREPARE equal AS SELECT email_index FROM accounts WHERE email_index = caas_blind_index('user7', 'accounts.email');
	PREPARE constant AS SELECT caas_blind_index('x', 'c'); PREPARE candidates AS SELECT caas_blind_candidates('x', 'c')"
);
my @folded = ('EXECUTE constant', 'SELECT folded()');
my @candidates = ('EXECUTE candidates', 'SELECT folded_candidates()');

# Checks that hold in each state of the keyring. Argument: the number of generations.
sub finds
{
	my ($state, $count) = @_;
	is(outcome($session, "EXECUTE find('user7')"), 'user7', "$state: found by the generic plan");
	is(outcome($session, 'EXECUTE find_constant'), 'user7', "$state: by that of a constant");
	is(outcome($session, "EXECUTE find('user7x')"), '', "$state: and nothing else is");
	like(
		outcome($session, "EXPLAIN (COSTS off) EXECUTE find('user7')"),
		qr/Index Scan using accounts_email_index_key.*Index Cond:/s,
		"$state: by an index scan"
	);
	my $other = keyed_session($node);
	my ($index, $all) = map { outcome($other, $_) } "SELECT caas_blind_index('x', 'c')",
		"SELECT caas_blind_candidates('x', 'c')";
	is(outcome($session, $_), $index, "$state: as a new session computes it: $_") for @folded;
	is(outcome($session, $_), $all, "$state: as a new session computes it: $_") for @candidates;
	is(outcome($other, "SELECT count(DISTINCT c) FROM unnest(caas_blind_candidates('x', 'c')) AS c"),
		$count, "$state: one candidate a generation");
	is(outcome($other, "SELECT caas_blind_index('x', 'c') = ANY (caas_blind_candidates('x', 'c'))"),
		't', "$state: with the active one");
	$other->quit;
	return $index;
}
sub keyring { write_keyring($node, @_); reload_sessions($node, $session); return; }
my $rows = sub { return outcome($session, 'SELECT count(*) FROM accounts') };

my $one = finds('before', 1);
isnt(outcome($session, 'EXECUTE equal'), '', 'equality with the active index finds it too');
is(outcome($session, "CALL add('user7')"), '23505', 'unique');

keyring(generation(1, 'active', $old), generation(2, 'retired', $new));
is(finds('new generation distributed', 2), $one, 'the index is that of before');

keyring(generation(1, 'retired', $old), generation(2, 'active', $new));
isnt(finds('activated', 2), $one, 'the index is another');
is(outcome($session, 'EXECUTE equal'), '', 'equality with the active index does not find an older one');
is(outcome($session, "CALL add_checked('user7')"), '', 'checked by its candidates');
is($rows->(), '2000', 'a duplicate of an older row is not inserted');
is(outcome($session, "CALL add_checked('user2001')"), '', 'a new value');
is($rows->(), '2001', 'is');
is(outcome($session, "CALL add('user2001')"), '23505', 'once');

# Renewing the rows finds the value that was stored unchecked, and then changes no row.
is(outcome($session, "CALL add('user1000')"), '', 'a duplicate that nobody checked');
is(outcome($session, $renew), '23505', 'is found by the statement that renews');
is(
	outcome(
		$session,
		'SELECT count(*) FROM accounts WHERE email_index = caas_blind_index(caas_open(id, email, $$accounts.email$$), $$accounts.email$$)'
	),
	'2',
	'which changes nothing then'
);
is(outcome($session, q{DELETE FROM accounts WHERE email_index = caas_blind_index('user1000', 'accounts.email')}),
	'', 'without it');
is(outcome($session, $renew), '', 'values and indexes are renewed');
is(outcome($session, $renew =~ s/;$/ RETURNING id;/r), '', 'which is done once');
is(
	outcome(
		$session,
		q{SELECT count(*) FROM accounts WHERE caas_generation(email) = 2 AND email_index = caas_blind_index(caas_open(id, email, 'accounts.email'), 'accounts.email')}
	),
	'2001',
	'for all of them'
);
isnt(outcome($session, 'EXECUTE equal'), '', 'equality with the active index finds the row again');
finds('renewed', 2);
is(outcome($session, "CALL add('user7')"), '23505', 'unique again');

keyring(generation(2, 'active', $new));
finds('old generation removed', 1);
is(outcome($session, "CALL add('user7')"), '23505', 'still unique');
is($rows->(), '2001', 'no row was lost');

# No plan outlives the key.
$session->query_safe("SET caas.api_key = ''");
is(outcome($session, $_), '28000', "without the key: $_")
	for @folded, @candidates, "EXECUTE find('user7')", 'EXECUTE find_constant', 'EXECUTE equal';
$session->quit;
$node->stop;
unlike(
	slurp_file($node->logfile),
	qr/ERROR:  no accepted[^\n]*\n[^\n]*HINT[^\n]*\n[^\n]*(?:STATEMENT|CONTEXT)/,
	'caas logs no statement'
);

done_testing();
