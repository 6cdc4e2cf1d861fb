# A rotation that carries the index key changes no blind index: UNIQUE stays complete, a search needs one candidate, and the old
# generation can be removed. A new index key has two candidates until all rows are renewed.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use Keyring qw(index_field);
use Test::More;

my @secret = map { random_secret() } 0 .. 4;
my $field = index_field(1, $secret[1]);
my $node = caas_node('index_key', keyring => [ generation(1, 'active', $secret[1]) ]);
$node->start;
$ENV{PGOPTIONS} = with_key();
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION caas;
	CREATE TABLE users (n int PRIMARY KEY, id uuid DEFAULT gen_random_uuid(), email text, email_sealed bytea NOT NULL, email_index bytea NOT NULL UNIQUE);
	CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON users FOR EACH ROW
		EXECUTE FUNCTION caas_seal_trigger('id', 'email=email_sealed:email_index@users.email');
	INSERT INTO users (n, email) SELECT n, 'user' || n FROM generate_series(1, 20) n;
	CREATE TABLE before AS TABLE users;
	CREATE FUNCTION candidates() RETURNS bytea[] LANGUAGE sql STABLE AS $$ SELECT caas_blind_candidates('x', 'c') $$}
);

# A session with cached plans.
my $session = keyed_session($node);
$session->query_safe(
	q{SET plan_cache_mode = force_generic_plan;
	PREPARE find(text) AS SELECT n, caas_open(id, email_sealed, 'users.email') FROM users WHERE email_index = ANY (caas_blind_candidates($1, 'users.email'));
	PREPARE find_one(text) AS SELECT n FROM users WHERE email_index = caas_blind_index($1, 'users.email');
	PREPARE constant AS SELECT caas_blind_index('x', 'c')}
);
sub keyring { write_keyring($node, @_); reload_sessions($node, $session); return; }
sub line { my ($n, $state, @fields) = @_; return generation($n, $state, $secret[$n], @fields); }

my $first = outcome($session, 'EXECUTE constant');
my $next = 100;

# These things hold while the index key of generation 1 is the active one.
sub stays
{
	my ($state) = @_;
	is(outcome($session, 'EXECUTE constant'), $first, "$state: the index is that of before");
	is(outcome($session, "SELECT array_agg(c) = ARRAY[caas_blind_index('x', 'c')] FROM unnest(candidates()) c"),
		't', "$state: and the only candidate");
	is(outcome($session, "EXECUTE find('user7')"), '7|user7', "$state: found by the candidates");
	is(outcome($session, "EXECUTE find_one('user7')"), '7', "$state: and by the index alone");
	$next++;
	is(outcome($session, "INSERT INTO users (n, email) VALUES ($next, 'user7')"),
		'23505', "$state: unique against old rows");
	is(outcome($session, "INSERT INTO users (n, email) VALUES ($next, 'user$next')"), '', "$state: a new row");
	is(outcome($session, "EXECUTE find_one('user$next')"), $next, "$state: is found");
	is(
		outcome(
			$session, 'SELECT count(*) FROM users JOIN before USING (n) WHERE users.email_index = before.email_index'
		),
		'20',
		"$state: no index of a row has changed"
	);
	return;
}

stays('one generation');
keyring(line(1, 'active'), line(2, 'retired', $field));
stays('distributed as retired');
keyring(line(1, 'retired'), line(2, 'active', $field));
stays('activated');
is(
	outcome(
		$session,
		q{UPDATE users SET email_sealed = caas_reseal(id, email_sealed, 'users.email'); SELECT DISTINCT caas_generation(email_sealed) FROM users}
	),
	'2',
	'values are renewed'
);
stays('values renewed');
is(
	outcome($session, q{UPDATE users SET email_index = decode(md5('x'), 'hex') WHERE n = 3; EXECUTE find_one('user3')}),
	'3',
	'the trigger puts a wrong index right'
);
keyring(line(2, 'active', $field));
stays('the old generation removed');
is(outcome($session, q{SELECT caas_verified_by(id, 'x', repeat('0', 64)) IS NULL FROM users LIMIT 1}),
	't', 'other calls work');
keyring(line(2, 'retired', $field), line(3, 'active', 'digests=kmac256', $field));
stays('rotated once more');

# The check value tells whether two servers have the same index key.
my $check = q{SELECT check_value FROM caas_status()};
my $with = outcome($session, $check);
keyring(line(2, 'retired', $field), line(3, 'active', 'digests=kmac256'));
isnt(outcome($session, $check), $with, 'without the field the check value is another');

# rotate --index, as after a leak.
keyring(line(2, 'retired', $field), line(3, 'retired', 'digests=kmac256', $field), line(4, 'active'));
isnt(outcome($session, 'EXECUTE constant'), $first, 'a new index key: the index is another');
is(
	outcome(
		$session,
		"SELECT cardinality(c), c[1] = caas_blind_index('x', 'c'), c[2] = '$first' FROM (SELECT candidates() AS c) AS s"
	),
	'2|t|t',
	'two candidates, the active one first'
);
is(outcome($session, "EXECUTE find('user7')"), '7|user7', 'found by the candidates');
is(outcome($session, "EXECUTE find_one('user7')"), '', 'not by the active index');

# The seal trigger across the two index keys: what came from a backup stays, anything else becomes the active one.
sub rewrite
{
	my ($n, $index) = @_;
	return outcome(
		$session, qq{DELETE FROM users WHERE n = $n;
		INSERT INTO users (n, id, email_sealed, email_index) SELECT n, id, email_sealed, $index FROM before_rotation WHERE n = $n;
		SELECT caas_generation(email_sealed), array_position(caas_blind_candidates('user' || n, 'users.email'), email_index) FROM users WHERE n = $n}
	);
}
$session->query_safe('CREATE TABLE before_rotation AS TABLE users');
is(rewrite(1, 'email_index'), '2|2', 'a restore: the index of the older key stays');
is(rewrite(2, q{caas_blind_index('user2', 'users.email')}), '2|1', 'so does that of the active key');
is(rewrite(3, 'NULL'), '2|1', 'without an index: the active one');
is(rewrite(4, q{(caas_blind_candidates('user5', 'users.email'))[2]}), '2|1', 'the index of another value is replaced');

# UNIQUE is not complete meanwhile; renewing finds the duplicate.
my $renew = q{UPDATE users SET email_sealed = caas_reseal(id, email_sealed, 'users.email')};
is(outcome($session, q{INSERT INTO users (n, email) VALUES (200, 'user7')}), '', 'a duplicate of an old row is stored');
is(outcome($session, $renew), '23505', 'and found when the rows are renewed');
is(outcome($session, 'DELETE FROM users WHERE n = 200'), '', 'without it');
is(outcome($session, $renew), '', 'value and index are renewed');
is(outcome($session, "EXECUTE find_one('user7')"), '7', 'the active index finds the row');
keyring(line(4, 'active'));
is(outcome($session, "SELECT cardinality(candidates())"), '1', 'one candidate when the older generations are removed');
is(outcome($session, "INSERT INTO users (n, email) VALUES (200, 'user7')"), '23505', 'unique again');
$session->quit;
$node->stop;
done_testing();
