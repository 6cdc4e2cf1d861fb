# Functions under a keyring with a retired generation: which of them use it, and what they tell of it.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = caas_node('generations', keyring => [ generation(1, 'retired'), generation(2, 'active') ]);
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION caas');
local $ENV{PGOPTIONS} = with_key();
my ($ada, $bob) = map { "'$_'" } '4dbcbcfe-4800-40a8-badf-c26b73af230c', '65b4583e-d78b-5256-aa5a-851cf2f367b9';

sub gives
{
	my ($sql, $expected, $name) = @_;
	return is($node->safe_psql('postgres', "SELECT $sql"), $expected, $name);
}

sub fails
{
	my ($sql, $message, $name) = @_;
	my ($code, $out, $error) = $node->psql('postgres', "SELECT $sql");
	return like($error, qr/ERROR:  $message/, $name);
}

for my $value (q{'ada@example.com'}, q{'\x00ff'::bytea})
{
	my $retired = "caas_encrypt($ada, $value, 1)";
	gives(
		"caas_encrypt($ada, $value) = caas_encrypt($ada, $value, 2), caas_encrypt($ada, $value) = caas_encrypt($ada, $value, generation => 1)",
		't|f',
		"$value: digests are made under the active generation"
	);
	gives(
		"caas_verify($ada, $value, $retired), caas_verified_by($ada, $value, $retired), caas_verified_by($ada, $value, caas_encrypt($ada, $value))",
		't|1|2',
		"$value: verification uses both and tells which it was"
	);
	gives("caas_verify($bob, $value, $retired), caas_verified_by($bob, $value, $retired)",
		'f|', "$value: and is false for another user");
}

# Sealed values: the head names the generation. One that names the wrong generation does not open.
my $sealed = $node->safe_psql('postgres', "SELECT caas_seal($ada, 'x', 'c')");
my $relabelled = q{'\x010001'::bytea || substr('} . $sealed . q{'::bytea, 4)};
gives("caas_generation('$sealed'), (caas_sealed_info('$sealed')).generation",
	'2|2', 'a sealed value is of the active generation');
fails("caas_open($ada, $relabelled, 'c')", 'cannot open', 'under another generation it does not open');
fails("caas_reseal($ada, $relabelled, 'c')", 'cannot open', 'nor can it be resealed');

# Blind indexes: a candidate for each generation, newest first.
gives(
	q{array_dims(c), c[1] = caas_blind_index('x', 'c', 20), c[1] <> c[2], octet_length(c[2]) FROM caas_blind_candidates('x', 'c', 20) AS c},
	'[1:2]|t|t|20',
	'candidates of a blind index'
);

# Beside a value of the active generation, the seal trigger replaces an index of the retired one.
$node->safe_psql(
	'postgres', qq{
	CREATE TABLE users (id uuid, email text, email_sealed bytea, email_index bytea);
	CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON users
		FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'email=email_sealed:email_index\@users.email');
	INSERT INTO users (id, email) VALUES ($ada, 'ada\@example.com');
	UPDATE users SET email_index = (caas_blind_candidates('ada\@example.com', 'users.email'))[2];
	INSERT INTO users (id, email_sealed, email_index)
		SELECT id, email_sealed, (caas_blind_candidates('ada\@example.com', 'users.email'))[2] FROM users}
);
gives(
	q{count(*) FROM users WHERE email_index = caas_blind_index('ada@example.com', 'users.email')},
	'2',
	'an index of the retired generation is replaced in UPDATE and INSERT'
);

# Passwords: a hash of the retired generation is outdated.
my $hash = $node->safe_psql('postgres', "SET caas.scrypt_ln = 10; SELECT caas_hash_password($ada, 'x')");
like($hash, qr/\$g=2,/, 'a password is hashed under the active generation');
gives("caas_password_outdated(replace('$hash', 'g=2', 'g=1'))", 't', 'a hash of a retired generation is outdated');

# The keyring as administrators see it.
gives(
	'string_agg(generation || $$ $$ || state, $$,$$) FROM caas_keyring()',
	'2 active,1 retired',
	'caas_keyring lists both, highest number first'
);
gives('count(DISTINCT check_value) FROM caas_keyring()', '2', 'each with a check value of its own');
gives("generation FROM caas_profile($ada)", '2', 'caas_profile is about the active generation');
gives(
	'active_generation, check_value = (SELECT check_value FROM caas_keyring() WHERE generation = 2) FROM caas_status()',
	'2|t',
	'and so is caas_status'
);
$node->stop;

done_testing();
