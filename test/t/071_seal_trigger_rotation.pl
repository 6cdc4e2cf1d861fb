# caas_seal_trigger after a rotation: caas_reseal() in an UPDATE renews sealed value and index together. Beside a value of
# an older generation an index that is right under an older generation stays.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($old, $new) = (random_secret(), random_secret());
my $node = caas_node('rotation', keyring => [ generation(1, 'active', $old) ]);
$node->start;
$ENV{PGOPTIONS} = with_key();
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION caas;
	CREATE TABLE users (n int, id uuid PRIMARY KEY, note int, email text, email_sealed bytea NOT NULL, email_index bytea NOT NULL UNIQUE);
	CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON users FOR EACH ROW
		EXECUTE FUNCTION caas_seal_trigger('id', 'email=email_sealed:email_index@users.email');
	CREATE FUNCTION index_under(generation int, value text) RETURNS bytea LANGUAGE sql AS
		$$ SELECT (caas_blind_candidates(value, 'users.email'))[(SELECT count(*) FROM caas_keyring() k WHERE k.generation >= index_under.generation)] $$;
	CREATE VIEW shown AS SELECT n, caas_generation(email_sealed) AS sealed, caas_open(id, email_sealed, 'users.email') = 'user' || n AS opens,
		array_position(caas_blind_candidates('user' || n, 'users.email'), email_index) AS index FROM users;
	INSERT INTO users (n, id, email) SELECT n, md5(n::text)::uuid, 'user' || n FROM generate_series(1, 20) n;
	CREATE TABLE backup AS TABLE users}
);

# Deletes a row and inserts it with this index, as a restore would. Returns its line of the view. 1 is the index of the
# active generation, 2 that of the older one.
sub rewrite
{
	my ($n, $index) = @_;
	return $node->safe_psql(
		'postgres', qq{DELETE FROM users WHERE n = $n;
		INSERT INTO users (n, id, email_sealed, email_index) SELECT n, id, email_sealed, $index FROM backup WHERE n = $n;
		SELECT sealed, opens, index FROM shown WHERE n = $n}
	);
}

is($node->safe_psql('postgres', 'SELECT sealed, opens, index, count(*) FROM shown GROUP BY 1, 2, 3'),
	'1|t|1|20', 'one generation');
write_keyring($node, generation(2, 'active', $new), generation(1, 'retired', $old));
$node->reload;
$node->poll_query_until('postgres', 'SELECT active_generation = 2 FROM caas_status()') or die 'not reloaded';

# A value of the older generation with different indexes.
is(
	$node->safe_psql(
		'postgres', 'UPDATE users SET note = 1; SELECT sealed, opens, index, count(*) FROM shown GROUP BY 1, 2, 3'
	),
	'1|t|2|20',
	'a column that an UPDATE does not change stays'
);
is(rewrite(1, 'email_index'), '1|t|2', 'the index of the older generation stays');
is(rewrite(2, q{index_under(2, 'user2')}), '1|t|1', 'the index of the active generation stays');
is(rewrite(3, 'NULL'), '1|t|1', 'without an index: that of the active generation is stored');
is(rewrite(4, q{index_under(1, 'user5')}), '1|t|1', 'the index of another value is replaced');
is(rewrite(5, q{decode(md5('5'), 'hex')}), '1|t|1', 'an index of other bytes is replaced');
is(rewrite(6, 'substr(email_index, 1, 15)'), '1|t|1', 'an index that is too short is replaced');

# An UPDATE of the index only.
is(
	$node->safe_psql(
		'postgres',
		q{UPDATE users SET email_index = index_under(2, 'user7') WHERE n = 7; SELECT sealed, opens, index FROM shown WHERE n = 7}
	),
	'1|t|1',
	'an older value takes the index of the active generation'
);
is(
	$node->safe_psql(
		'postgres',
		q{UPDATE users SET email_index = index_under(1, 'user7') WHERE n = 7; SELECT sealed, opens, index FROM shown WHERE n = 7}
	),
	'1|t|2',
	'an older value takes the index of the older generation again'
);

# caas_reseal() renews both, with any index.
my $reseal = q{UPDATE users SET email_sealed = caas_reseal(id, email_sealed, 'users.email')};
is(
	$node->safe_psql(
		'postgres',
		"$reseal WHERE n <= 10; SELECT sealed, opens, index, count(*) FROM shown GROUP BY 1, 2, 3 ORDER BY 1"
	),
	"1|t|2|10\n2|t|1|10",
	'caas_reseal in an UPDATE brings value and index to the active generation'
);
is(
	$node->safe_psql(
		'postgres',
		"$reseal, email_index = index_under(1, 'user' || n); SELECT sealed, opens, index, count(*) FROM shown GROUP BY 1, 2, 3"
	),
	'2|t|1|20',
	'caas_reseal in an UPDATE replaces an older index that the statement writes'
);
is(
	$node->safe_psql(
		'postgres', q{UPDATE users SET email_index = index_under(1, 'user' || n) WHERE n < 6;
	SELECT sealed, opens, index, count(*) FROM shown GROUP BY 1, 2, 3}
	),
	'2|t|1|20',
	'a value of the active generation takes the index of the active generation only'
);
my $again = $node->safe_psql('postgres', 'TABLE users ORDER BY n');
is($node->safe_psql('postgres', "$reseal; TABLE users ORDER BY n"), $again, 'resealing again changes nothing');

# The older generation is not needed any more.
write_keyring($node, generation(2, 'active', $new));
$node->reload;
$node->poll_query_until('postgres', 'SELECT count(*) = 1 FROM caas_keyring()') or die 'not reloaded';
is($node->safe_psql('postgres', 'SELECT sealed, opens, index, count(*) FROM shown GROUP BY 1, 2, 3'),
	'2|t|1|20', 'all rows open after the older generation was removed');

$node->stop;
done_testing();
