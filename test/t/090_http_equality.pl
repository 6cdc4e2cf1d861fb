# The HTTP service, SQL and the program give the same bytes: for the published vectors and for 10,000 random inputs,
# each door reading what another one wrote. The questions are JSON of the server's making, and it reads the answers.
use strict;
use warnings;
use lib 'test/perl', 'test/cli', 'test/http';
use CaasCli qw(caas read_file write_file);
use CaasTest;
use Encode qw(encode_utf8);
use HttpService qw(service key_line question file_vectors);
use Keyring qw(generations_of_vectors);
use PostgreSQL::Test::Utils;
use Test::More;

my $COUNT = 10_000;
my $SAMPLE = 150;    # of them through the program too
my $BATCH = 400;
my $seed = $ENV{CAAS_TEST_SEED} // time ^ $$ << 8;
srand $seed;
diag "seed: CAAS_TEST_SEED=$seed";

my $node = caas_node('http');
$node->append_conf('postgresql.conf', 'client_min_messages = error');
$node->start;
$ENV{PGOPTIONS} = with_key();
my $service = service(keyring => $node->{caas_keyring}, keys => [ key_line('app') ], log => 'off');
my $folder = PostgreSQL::Test::Utils::tempdir();
my $client = $service->connect;

sub sql { return $node->safe_psql('postgres', $_[0]); }

sql(<<'SQL');
CREATE EXTENSION caas;
CREATE TABLE input (n int PRIMARY KEY, id uuid, data bytea, is_text bool, context text, length int, generation int, expected bytea);
CREATE TABLE loaded (n int, data bytea, context bytea, id uuid, is_text bool, length int, generation int, expected bytea);
CREATE TABLE answer (question text, n int, answer jsonb);
CREATE TABLE posted (number int GENERATED ALWAYS AS IDENTITY (MINVALUE 0), body jsonb);

-- The same question to SQL, of text or of bytes.
CREATE FUNCTION words(i input) RETURNS text LANGUAGE sql AS $$ SELECT convert_from(i.data, 'UTF8') $$;
CREATE FUNCTION base64(bytea) RETURNS text LANGUAGE sql AS $$ SELECT translate(encode($1, 'base64'), E'\n', '') $$;
CREATE FUNCTION digest(i input) RETURNS text LANGUAGE sql AS $$ SELECT CASE
	WHEN i.is_text AND i.generation IS NULL THEN caas_encrypt(i.id, words(i))
	WHEN i.is_text THEN caas_encrypt(i.id, words(i), i.generation)
	WHEN i.generation IS NULL THEN encode(caas_encrypt(i.id, i.data), 'hex')
	ELSE encode(caas_encrypt(i.id, i.data, i.generation), 'hex') END $$;
CREATE FUNCTION verified_by(i input, stored text) RETURNS int LANGUAGE sql AS $$ SELECT CASE
	WHEN i.is_text THEN caas_verified_by(i.id, words(i), stored) ELSE caas_verified_by(i.id, i.data, decode(stored, 'hex')) END $$;
CREATE FUNCTION seal(i input) RETURNS bytea LANGUAGE sql AS $$ SELECT CASE
	WHEN i.is_text THEN caas_seal(i.id, words(i), i.context) ELSE caas_seal(i.id, i.data, i.context) END $$;
CREATE FUNCTION opened(i input, sealed bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT CASE
	WHEN i.is_text THEN convert_to(caas_open(i.id, sealed, i.context), 'UTF8') ELSE caas_open_bytea(i.id, sealed, i.context) END $$;
CREATE FUNCTION blind_index(i input) RETURNS bytea LANGUAGE sql AS $$ SELECT CASE
	WHEN i.is_text THEN caas_blind_index(words(i), i.context, i.length) ELSE caas_blind_index(i.data, i.context, i.length) END $$;
CREATE FUNCTION form(i input) RETURNS text LANGUAGE sql AS $$ SELECT CASE WHEN i.is_text THEN (ARRAY['none', 'casefold', 'digits'])[1 + i.n % 3] ELSE 'none' END $$;
CREATE FUNCTION normal_index(i input) RETURNS bytea LANGUAGE sql AS $$ SELECT CASE
	WHEN i.is_text THEN caas_blind_index(words(i), i.context, i.length, form(i)) ELSE caas_blind_index(i.data, i.context, i.length) END $$;
CREATE FUNCTION normal_candidates(i input) RETURNS jsonb LANGUAGE sql AS $$ SELECT coalesce(jsonb_agg(base64(c) ORDER BY place), '[]') FROM unnest(CASE
	WHEN i.is_text THEN caas_blind_candidates(words(i), i.context, i.length, form(i))
	ELSE caas_blind_candidates(i.data, i.context, i.length) END) WITH ORDINALITY AS of(c, place) $$;
-- An id: an integer of up to 30 digits, or text.
CREATE FUNCTION numeric_id(i input) RETURNS numeric LANGUAGE sql AS $$ SELECT CASE i.n % 4
	WHEN 0 THEN i.n WHEN 1 THEN -i.n::numeric * 1000000007 WHEN 2 THEN i.n * 123456789012345678901234567::numeric END $$;
CREATE FUNCTION text_id(i input) RETURNS text LANGUAGE sql AS $$ SELECT 'user ' || i.n || i.context $$;
CREATE FUNCTION space(i input) RETURNS text LANGUAGE sql AS $$ SELECT 'users ' || i.context $$;
CREATE FUNCTION by_id(i input) RETURNS uuid LANGUAGE sql AS $$ SELECT CASE
	WHEN i.n % 4 < 2 THEN caas_uuid(space(i), numeric_id(i)::bigint) ELSE caas_uuid(space(i), coalesce(numeric_id(i)::text, text_id(i))) END $$;
CREATE FUNCTION candidates(i input) RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_agg(base64(c) ORDER BY place) FROM unnest(CASE
	WHEN i.is_text THEN caas_blind_candidates(words(i), i.context, i.length)
	ELSE caas_blind_candidates(i.data, i.context, i.length) END) WITH ORDINALITY AS of(c, place) $$;

-- And to the service.
CREATE FUNCTION in_json(i input) RETURNS jsonb LANGUAGE sql AS $$ SELECT CASE WHEN i.is_text THEN to_jsonb(words(i)) ELSE to_jsonb(base64(i.data)) END $$;
CREATE FUNCTION coding(i input) RETURNS jsonb LANGUAGE sql AS $$ SELECT CASE WHEN i.is_text THEN '{}' ELSE jsonb_build_object('encoding', 'base64') END $$;
CREATE FUNCTION subject(i input) RETURNS jsonb LANGUAGE sql AS $$ SELECT coding(i) || jsonb_build_object('userUUID', i.id, 'sensitiveData', in_json(i)) $$;
CREATE FUNCTION to_open(i input, sealed bytea, context text) RETURNS jsonb LANGUAGE sql AS
	$$ SELECT coding(i) || jsonb_build_object('userUUID', i.id, 'sealedData', base64(sealed), 'context', context) $$;
-- A digest as it may be stored: in capitals, or another one altogether.
CREATE FUNCTION stored(i input) RETURNS text LANGUAGE sql AS $$ SELECT CASE i.n % 5
	WHEN 0 THEN upper(digest(i)) WHEN 1 THEN reverse(digest(i)) ELSE digest(i) END $$;
SQL

# Replaces the inputs: hashes with n, id, data, is_text, context, length, generation and expected.
sub fill
{
	my @lines;
	for my $n (0 .. $#_)
	{
		my %input = (context => '', length => 16, expected => '', %{ $_[$n] });
		my @hex = map { '\\\\x' . unpack 'H*', $_ } @input{qw(data context)};
		push @lines,
			join("\t",
			$n, @hex, $input{id}, $input{is_text} ? 't' : 'f',
			$input{length}, $input{generation} // '\\N',
			"\\\\x$input{expected}")
			. "\n";
	}
	write_file("$folder/input", join '', @lines);
	sql(
		"TRUNCATE input, loaded, answer; COPY loaded FROM '$folder/input';
		INSERT INTO input SELECT n, id, data, is_text, convert_from(context, 'UTF8'), length, generation, expected FROM loaded; ANALYZE input"
	);
	return scalar @_;
}

# Asks an operation about every input; the requests are an expression over the input i.
sub ask
{
	my ($question, $operation, $request) = @_;
	# In files: psql leaves U+FFFF and its like out of what it prints. JSON has no raw control characters.
	my $raw = q{(FORMAT csv, QUOTE E'\001', DELIMITER E'\002')};
	sql(
		"COPY (SELECT jsonb_build_object('operation', '$operation', 'requests', jsonb_agg($request ORDER BY n))
		FROM input i GROUP BY n / $BATCH ORDER BY n / $BATCH) TO '$folder/requests' $raw"
	);
	my $lines = '';
	for my $body (split /\n/, read_file("$folder/requests"))
	{
		$client->send(question('POST', '/batch', $body));
		my $answer = $client->answer(raw => 1);
		die "$question: $answer->{code}" unless $answer->{code} == 200;
		$lines .= "$answer->{body}\n";
	}
	write_file("$folder/answers", $lines);
	sql(
		"TRUNCATE posted RESTART IDENTITY; COPY posted (body) FROM '$folder/answers' $raw;
		INSERT INTO answer SELECT '$question', number * $BATCH + place - 1, item
			FROM posted, jsonb_array_elements(body->'answers') WITH ORDINALITY AS of(item, place)"
	);
	return;
}

# The condition, over the input i and the answer a, has to hold for every input.
sub equal
{
	my ($question, $condition, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $total = sql('SELECT count(*) FROM input');
	my $got = sql(
		"SELECT count(*), count(*) FILTER (WHERE $condition), min(n) FILTER (WHERE ($condition) IS NOT TRUE)
		FROM input i JOIN answer a USING (n) WHERE a.question = '$question'"
	);
	return is($got, "$total|$total|", "$name ($total)");
}

# The program and the service give the same answer for the first of these inputs.
sub equals_program
{
	my ($question, @inputs) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @answers = split /\n/,
		sql(
		"SELECT answer->>'encrypted_data' FROM answer WHERE question = '$question' ORDER BY n LIMIT " . scalar @inputs);
	my @different = grep {
		my $input = $inputs[$_];
		my @options = (
			$input->{is_text} ? () : '--raw',
			defined $input->{generation} ? ('--generation', $input->{generation}) : ()
		);
		my ($code, $out) = caas({ input => $input->{data} },
			'encrypt', '--keyring', $node->{caas_keyring}, '--uuid', $input->{id}, @options);
		$code != 0 || $out ne "$answers[$_]\n";
	} 0 .. $#inputs;
	return is("@different", '', "$question: the program gives what the service gives (" . @inputs . ')');
}

# Puts a keyring in place for both; the first of these generations is the active one.
sub use_keyring
{
	my @generations = @_;
	write_keyring($node, @generations);
	$service->says(qr/^caas: note: reloaded\b/m, sub { $service->signal('HUP') }) or die 'the service has not reloaded';
	$node->reload;
	my ($active) = $generations[0] =~ /^([0-9]+)/;
	$node->poll_query_until(
		'postgres',
		q{SELECT count(*) OVER (), generation FROM caas_keyring() ORDER BY state LIMIT 1},
		@generations . "|$active"
	) or die 'the server has not reloaded';
	return;
}

# ---- the vectors ----

# Fills in the vectors of a file, each as text and as bytes, under its generations; the highest one is active.
sub use_vectors
{
	my ($kind) = @_;
	my @vectors = file_vectors($kind);
	my ($highest) = sort { $b <=> $a } map { $_->{generation} } grep { $_->{kind} eq 'generation' } @vectors;
	use_keyring(generations_of_vectors($highest, @vectors));
	my @inputs;
	for my $vector (grep { $_->{kind} eq $kind } @vectors)
	{
		my %input = (
			id => $vector->{uuid} // '00000000-0000-0000-0000-000000000000',
			data => encode_utf8($vector->{text}),
			context => encode_utf8($vector->{context} // ''),
			length => $vector->{length} // 16,
			generation => $vector->{generation},
			expected => $vector->{digest} // $vector->{sealed} // $vector->{index}
		);
		push @inputs, { %input, is_text => 1 }, { %input, is_text => 0 };
	}
	fill(@inputs);
	return @inputs;
}

my @digests = use_vectors('digest');
ask('vectors', 'encrypt', q{subject(i) || jsonb_build_object('generation', generation)});
equal(
	'vectors',
	q{a.answer = jsonb_build_object('encrypted_data', encode(expected, 'hex')) AND digest(i) = encode(expected, 'hex')},
	'digest vectors'
);
equals_program('vectors', @digests);
ask('stored vectors', 'verify', q{subject(i) || jsonb_build_object('encryptedData', encode(expected, 'hex'))});
equal('stored vectors', q{a.answer = jsonb_build_object('valid', true, 'generation', generation)}, 'they verify');

use_vectors('sealed');
ask('sealed vectors', 'open', 'to_open(i, expected, context)');
equal(
	'sealed vectors',
	q{a.answer = jsonb_build_object('sensitive_data', in_json(i)) AND opened(i, expected) = data},
	'sealed vectors'
);

use_vectors('blind_index');
ask('index vectors',
	'blind-index', q{subject(i) - 'userUUID' || jsonb_build_object('context', context, 'length', length)});
my $place = '(SELECT count(DISTINCT o.generation) FROM input o WHERE o.generation > i.generation)::int';
equal(
	'index vectors', qq{a.answer->'candidates'->>$place = base64(expected) AND a.answer->'candidates' = candidates(i)
	AND a.answer->'blind_index' = a.answer->'candidates'->0}, 'blind index vectors'
);

# ---- random inputs ----

# Characters of every length in UTF-8, and those that JSON escapes.
my @characters = map { encode_utf8(chr) } 1 .. 0x7F, (ord '"', ord '\\', ord '/', 8, 9, 10, 13) x 3, 0x80, 0xE9, 0x7FF,
	0x800, 0x2028, 0x2029,
	0xDF, 0x130, 0x131, 0x345, 0x3B1, 0x1C5, 0x660, 0x665, 0xFB01, 0xFF21, 0xFF15, 0x3000, 0xAD, 0xD7FF, 0xE000,
	0xFDD0, 0xFEFF, 0xFFFD, 0xFFFF, 0x10000, 0x1F600, 0x10FFFF;

sub random_text
{
	return join '', map { $characters[ rand @characters ] } 1 .. $_[0];
}

sub random_bytes
{
	return join '', map { chr int rand 256 } 1 .. $_[0];
}

sub random_input
{
	my $is_text = rand() < 0.5;
	my $size = rand() < 0.05 ? 0 : rand() < 0.02 ? 200 + int rand 3000 : int rand 80;
	return {
		id => join('-', unpack 'H8 H4 H4 H4 H12', random_bytes(16)),
		is_text => $is_text,
		data => $is_text ? random_text($size) : random_bytes($size),
		context => rand() < 0.3 ? '' : random_text(1 + int rand 30),
		length => 4 + int rand 29,
		generation => (undef, 1, 2)[ rand 3 ]
	};
}

my @inputs = map { random_input() } 1 .. $COUNT;
my @secrets = (random_secret(), random_secret());
fill(@inputs);
my $sealing = q{subject(i) || jsonb_build_object('context', context)};

use_keyring(generation(1, 'active', $secrets[0]));
ask('sealed under 1', 'seal', $sealing);
sql('CREATE TABLE sealed AS SELECT n, seal(i) AS sealed FROM input i; ALTER TABLE sealed ADD PRIMARY KEY (n)');

use_keyring(generation(2, 'active', $secrets[1]), generation(1, 'retired', $secrets[0]));
ask('digest', 'encrypt', q{subject(i) || jsonb_build_object('generation', generation)});
equal('digest', q{a.answer = jsonb_build_object('encrypted_data', digest(i))}, 'digests are equal');
equal('digest', q{verified_by(i, a.answer->>'encrypted_data') = coalesce(generation, 2)},
	'those of HTTP verify in SQL');
equals_program('digest', @inputs[ 0 .. $SAMPLE - 1 ]);
ask('stored', 'verify', q{subject(i) || jsonb_build_object('encryptedData', stored(i))});
equal(
	'stored',
	q{a.answer = CASE n % 5 WHEN 1 THEN '{"valid": false, "generation": null}' ELSE jsonb_build_object('valid', true, 'generation', coalesce(generation, 2)) END},
	'those of SQL verify over HTTP, and others do not'
);
equal('stored', q{a.answer->>'generation' IS NOT DISTINCT FROM verified_by(i, stored(i))::text}, 'as they do in SQL');

ask('sealed under 2', 'seal', $sealing);
for my $number (1, 2)
{
	my $sealed = q{decode(a.answer->>'sealed_data', 'base64')};
	equal(
		"sealed under $number",
		"opened(i, $sealed) = data AND caas_generation($sealed) = $number",
		"sealed over HTTP under $number, opened in SQL"
	);
}
ask('to open', 'open',
	'to_open(i, CASE n % 2 WHEN 0 THEN (SELECT sealed FROM sealed s WHERE s.n = i.n) ELSE seal(i) END, context)');
equal(
	'to open',
	q{a.answer = jsonb_build_object('sensitive_data', in_json(i))},
	'sealed in SQL under 1 or 2, opened over HTTP'
);
ask('misplaced', 'open', q{to_open(i, seal(i), CASE n % 2 WHEN 0 THEN context || 'x' ELSE context END)});
equal(
	'misplaced',
	q{CASE n % 2 WHEN 0 THEN a.answer->'error'->>'code' = 'cannot_open' ELSE a.answer = jsonb_build_object('sensitive_data', in_json(i)) END},
	'another context is refused, its neighbours are not'
);

ask('index', 'blind-index', q{subject(i) - 'userUUID' || jsonb_build_object('context', context, 'length', length)});
equal(
	'index',
	q{a.answer = jsonb_build_object('blind_index', base64(blind_index(i)), 'candidates', candidates(i))},
	'blind indexes and candidates are equal'
);
equal('index', q{jsonb_array_length(a.answer->'candidates') = 2}, 'one a generation');

ask('normal index', 'blind-index',
	q{subject(i) - 'userUUID' || jsonb_build_object('context', context, 'length', length, 'normalize', form(i))});
equal(
	'normal index',
	q{a.answer = jsonb_build_object('blind_index', base64(normal_index(i)), 'candidates', normal_candidates(i))},
	'normalised indexes are equal'
);
cmp_ok(sql(q{SELECT count(*) FROM answer WHERE question = 'normal index' AND answer->'blind_index' = 'null'}),
	'>', 10, 'of some texts nothing remains');

ask(
	'by id',
	'encrypt',
	q{subject(i) - 'userUUID' || jsonb_build_object('namespace', space(i), 'userId', coalesce(to_jsonb(numeric_id(i)), to_jsonb(text_id(i))))}
);
equal(
	'by id',
	q{a.answer->>'encrypted_data' = CASE WHEN is_text THEN caas_encrypt(by_id(i), words(i)) ELSE encode(caas_encrypt(by_id(i), data), 'hex') END},
	'users by their ids are equal'
);

ask('resealed', 'reseal',
	q{jsonb_build_object('userUUID', id, 'context', context, 'sealedData', base64((SELECT sealed FROM sealed s WHERE s.n = i.n)))}
);
equal(
	'resealed',
	q{a.answer = jsonb_build_object('sealed_data', base64(caas_reseal(id, (SELECT sealed FROM sealed s WHERE s.n = i.n), context)))},
	'resealed over HTTP and in SQL to the same bytes'
);
equal('resealed', q{caas_generation(decode(a.answer->>'sealed_data', 'base64')) = 2}, 'of the active generation');

# ---- passwords ----

# An answer to one request.
sub asked
{
	my ($path, $body) = @_;
	$client->send(question('POST', $path, $body));
	return $client->answer->{json};
}

for my $pool ('scrypt', 'pbkdf2-sha512', 'scrypt,pbkdf2-sha512')
{
	use_keyring(generation(3, 'active', "passwords=$pool"));
	my @wrong = grep {
		my ($word, $id) = (random_text(int rand 40), random_input()->{id});
		my $password = "convert_from('\\x" . unpack('H*', $word) . "', 'UTF8')";
		my %user = (userUUID => $id, password => Encode::decode_utf8($word));
		my $ours = sql("SELECT caas_hash_password('$id', $password)");
		my $theirs = asked('/hash-password', \%user)->{password_hash};
		my $known = asked('/verify-password', { %user, passwordHash => $ours });
		my $other = asked('/verify-password', { %user, password => "$user{password}x", passwordHash => $ours });
		my $judged = sql(
			"SELECT caas_verify_password('$id', $password, '$theirs'), caas_verify_password('$id', $password || 'x', '$theirs'),
			caas_password_outdated('$theirs')"
		);
		my $low = $ours =~ s/,p=3/,p=1/r =~ s/i=220000/i=210000/r;
		my $outdated = asked('/verify-password', { %user, passwordHash => $low })->{outdated};
		!(     $known->{valid}
			&& !$known->{outdated}
			&& !$other->{valid}
			&& $judged eq 't|f|f'
			&& $outdated
			&& sql("SELECT caas_password_outdated('$low')") eq 't');
	} 1 .. 6;
	is(scalar @wrong, 0, "passwords hashed in SQL verify over HTTP, and the other way round: $pool");
}

$service->stop;
$node->stop;
done_testing();
