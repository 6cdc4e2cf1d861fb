# Who is asked for EXECUTE, and whose key counts: row security, views, SECURITY DEFINER, functions with a search_path.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = caas_node('roles');
$node->start;
my $ada = '4dbcbcfe-4800-40a8-badf-c26b73af230c';
my $denied = qr/ERROR:  permission denied for function caas_\w+/;
my $refused = qr/ERROR:  no accepted API key/;
{
	local $ENV{PGOPTIONS} = with_key();
	$node->safe_psql(
		'postgres', q{
		CREATE EXTENSION caas;
		CREATE ROLE allowed;
		CREATE ROLE other;
		GRANT EXECUTE ON FUNCTION caas_encrypt(uuid, text), caas_verify(uuid, text, text) TO allowed;
		CREATE TABLE users (id uuid PRIMARY KEY, email text, digest text GENERATED ALWAYS AS (caas_encrypt(id, email)) STORED);
		INSERT INTO users SELECT md5(n::text)::uuid, 'user' || n FROM generate_series(1, 9) n;
		GRANT SELECT, INSERT, UPDATE ON users TO allowed, other;

		CREATE VIEW digests AS SELECT id, caas_encrypt(id, email) AS digest FROM users;
		CREATE VIEW barrier WITH (security_barrier) AS SELECT id, email FROM users WHERE caas_verify(id, 'user3', digest);
		CREATE VIEW open_view AS SELECT id, email FROM users WHERE caas_verify(id, 'user3', digest);
		GRANT SELECT ON digests, barrier, open_view TO allowed, other;

		CREATE FUNCTION as_definer(uuid, text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
			AS 'BEGIN RETURN caas_encrypt($1, $2); END';
		CREATE FUNCTION as_caller(uuid, text) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN caas_encrypt($1, $2); END';
		CREATE FUNCTION empty_path(uuid, text) RETURNS text LANGUAGE plpgsql SET search_path = ''
			AS 'BEGIN RETURN public.caas_encrypt($1, $2); END';
		CREATE FUNCTION empty_path_unqualified(uuid, text) RETURNS text LANGUAGE plpgsql SET search_path = ''
			AS 'BEGIN RETURN caas_encrypt($1, $2); END';
		CREATE FUNCTION empty_path_insert(uuid, text) RETURNS boolean LANGUAGE sql SET search_path = ''
			AS 'INSERT INTO public.users VALUES ($1, $2); SELECT public.caas_verify(id, email, digest) FROM public.users WHERE id = $1';
		CREATE FUNCTION atomic(uuid, text) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT caas_encrypt($1, $2); END;

		CREATE TABLE secured (id uuid, email text, digest text GENERATED ALWAYS AS (caas_encrypt(id, email)) STORED);
		INSERT INTO secured SELECT id, email FROM users;
		ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
		CREATE POLICY own ON secured USING (caas_verify(id, current_setting('app.email', true), digest))
			WITH CHECK (caas_verify(id, current_setting('app.email', true), digest));
		GRANT SELECT, INSERT, UPDATE ON secured TO allowed, other}
	);
}

# Returns the outcome of a statement for a role, with or without the key.
sub as
{
	my ($role, $has_key, $sql) = @_;
	local $ENV{PGOPTIONS} = $has_key ? with_key() : '';
	my ($code, $out, $error) = $node->psql('postgres', "SET ROLE $role; $sql");
	return $code == 0 ? $out : $error;
}
my $digest = as('allowed', 1, "SELECT caas_encrypt('$ada', 'ada')");
like($digest, qr/^[0-9a-f]{64,}$/, 'with EXECUTE and the key');
like(as('allowed', 0, "SELECT caas_encrypt('$ada', 'ada')"), $refused, 'with EXECUTE alone');
like(as('other', 1, "SELECT caas_encrypt('$ada', 'ada')"), $denied, 'with the key alone');

# A view's functions are checked against the caller, whoever owns it.
my %counts = ('SELECT count(digest) FROM digests' => 9, 'SELECT count(*) FROM barrier' => 1);
for my $select (sort keys %counts)
{
	is(as('allowed', 1, $select), $counts{$select}, "view, EXECUTE and key: $select");
	like(as('other', 1, $select), $denied, "view, key alone: $select");
	like(as('allowed', 0, $select), $refused, "view, EXECUTE alone: $select");
}
is(
	as('allowed', 1, "SELECT id FROM digests WHERE digest = caas_encrypt(id, 'user7')"),
	as('allowed', 1, "SELECT id FROM users WHERE email = 'user7'"),
	'view: found by its digest'
);
is(as('other', 0, 'SELECT count(*) FROM digests'), '9', 'view: what is not selected is not computed');

# SECURITY DEFINER: the definer's EXECUTE, the session's key.
is(as('other', 1, "SELECT as_definer('$ada', 'ada')"), $digest, 'SECURITY DEFINER: for a role without EXECUTE');
like(as('other', 0, "SELECT as_definer('$ada', 'ada')"), $refused, 'SECURITY DEFINER: the key is asked of the session');
like(as('other', 1, "SELECT as_caller('$ada', 'ada')"), $denied, 'any other function: the caller needs EXECUTE');

# A function with an empty search_path.
is(as('allowed', 1, "SELECT empty_path('$ada', 'ada')"), $digest, 'search_path empty: found by its full name');
like(
	as('allowed', 1, "SELECT empty_path_unqualified('$ada', 'ada')"),
	qr/function caas_encrypt\(uuid, text\) does not exist/,
	'search_path empty: only by that'
);
is(as('allowed', 1, "SELECT empty_path_insert('$ada', 'ada')"),
	't', 'search_path empty: generated columns and what follows');
is(as('allowed', 1, "SELECT atomic('$ada', 'ada')"), $digest, 'a body parsed at definition');
is(as('allowed', 1, "SET search_path = pg_catalog; SELECT public.atomic('$ada', 'ada')"),
	$digest, 'finds it under any search_path');

# Generated columns: every writer needs EXECUTE and the key.
like(as('other', 1, q{INSERT INTO users VALUES (gen_random_uuid(), 'x')}), $denied, 'INSERT without EXECUTE');
like(as('allowed', 0, q{INSERT INTO users VALUES (gen_random_uuid(), 'x')}), $refused, 'INSERT without the key');
is(as('allowed', 1, q{INSERT INTO users VALUES (gen_random_uuid(), 'x') RETURNING caas_verify(id, 'x', digest)}),
	't', 'INSERT with both');

# Row security: the policy is evaluated as the user who asks.
is(as('allowed', 1, 'SELECT count(*) FROM secured'), '0', 'policy: no value, no row');
is(as('allowed', 1, "SET app.email = 'user3'; SELECT email FROM secured"), 'user3', 'policy: the own row');
is(as('allowed', 1, "SET app.email = 'user3'; UPDATE secured SET email = email RETURNING email"),
	'user3', 'policy: UPDATE of the own row');
like(
	as('allowed', 1, "SET app.email = 'user3'; UPDATE secured SET email = 'user4'"),
	qr/violates row-level security policy/,
	'policy: not into another\'s'
);
like(
	as('allowed', 1, "SET app.email = 'user3'; INSERT INTO secured VALUES ('$ada', 'ada')"),
	qr/violates row-level security policy/,
	'policy: nor INSERT of another\'s'
);
like(as('allowed', 0, "SET app.email = 'user3'; SELECT email FROM secured"), $refused,
	'policy: no row without the key');
like(as('other', 1, "SET app.email = 'user3'; SELECT email FROM secured"), $denied, 'policy: nor without EXECUTE');

# A function of the user's own, cheap as can be, sees no row before a policy or a barrier has let it through.
my %peeks = (secured => qr/^$/, barrier => qr/^$/, open_view => qr/ERROR:  peeked at user/);
for my $relation (sort keys %peeks)
{
	like(
		as(
			'allowed', 1, qq{SET app.email = 'user3';
		CREATE FUNCTION pg_temp.peek(email text) RETURNS boolean LANGUAGE plpgsql COST 0.0001
			AS \$\$BEGIN RAISE EXCEPTION 'peeked at %', email; END\$\$;
		SELECT email FROM $relation WHERE id <> md5('3')::uuid AND pg_temp.peek(email)}
		),
		$peeks{$relation},
		"$relation: what a user's own function sees"
	);
}
$node->stop;

done_testing();
