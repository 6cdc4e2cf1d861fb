# The vectors of docs/spec.md through the SQL door, read from the files that every door runs.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use Encode;
use JSON::PP;
use Keyring qw(generations_of_vectors);
use PostgreSQL::Test::Utils;
use Test::More;

my $node = caas_node('vectors');
$node->append_conf('postgresql.conf', 'client_min_messages = error');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION caas');
$ENV{PGOPTIONS} = with_key();

# A vector's field as SQL: text and bytea.
sub text_and_bytea
{
	my ($value) = @_;
	my $hex = unpack('H*', Encode::encode('UTF-8', $value));
	return ("convert_from('\\x$hex', 'UTF8')", "'\\x$hex'::bytea");
}

# For each kind of vector: the SQL expressions and the values that the file expects.
my %checks = (
	digest => sub {
		my ($id, $number, $digest) = @{ $_[0] }{qw(uuid generation digest)};
		my ($text, $bytea) = text_and_bytea($_[0]{text});
		return (
			"caas_encrypt('$id', $text)" => $digest,
			"caas_encrypt('$id', $text, $number)" => $digest,
			"caas_encrypt('$id', $bytea)" => "\\x$digest",
			"caas_encrypt('$id', $bytea, $number)" => "\\x$digest",
			"caas_verified_by('$id', $text, '$digest')" => $number,
			"caas_verified_by('$id', $bytea, '\\x$digest'::bytea)" => $number,
			"caas_verify('$id', $text || 'x', '$digest')" => 'f',
			"(SELECT algorithm || salt_length FROM caas_profile('$id'))" => $_[0]{algorithm} . $_[0]{salt_length}
		);
	},
	sealed => sub {
		my ($id, $number, $sealed) = @{ $_[0] }{qw(uuid generation sealed)};
		my ($text, $bytea) = text_and_bytea($_[0]{text});
		my ($context) = text_and_bytea($_[0]{context});
		my $other = $_[0]{context} eq '' ? q('x') : "left($context, -1)";
		my $length = length($sealed) / 2 - 51;
		return (
			"caas_open('$id', '\\x$sealed', $context) = $text" => 't',
			"caas_open_bytea('$id', '\\x$sealed', $context) = $bytea" => 't',
			"caas_try_open('$id', '\\x$sealed', $other) IS NULL" => 't',
			"caas_reseal('$id', '\\x$sealed', $context)" => "\\x$sealed",
			"caas_sealed_info('\\x$sealed')" => "(1,$number,$length)",
			"caas_generation('\\x$sealed')" => $number
		);
	},
	reseal => sub {
		my ($id, $number, $old, $new) = @{ $_[0] }{qw(uuid generation sealed resealed)};
		my ($context) = text_and_bytea($_[0]{context});
		return
			map { ("caas_reseal('$id', '\\x$old', $_)" => "\\x$new", "caas_reseal('$id', '\\x$new', $_)" => "\\x$new") }
			$context, "$context, $number";
	},
	blind_index => sub {
		my ($length, $index) = @{ $_[0] }{qw(length index)};
		my ($text, $bytea) = text_and_bytea($_[0]{text});
		my ($context) = text_and_bytea($_[0]{context});
		return map { (
			"caas_blind_index($_, $context, $length)" => "\\x$index",
			"'\\x$index' = ANY (caas_blind_candidates($_, $context, $length))" => 't'
		) } $text, $bytea;
	},
	carried_index => sub {
		my ($length, $index) = @{ $_[0] }{qw(length index)};
		my ($text) = text_and_bytea($_[0]{text});
		my ($context) = text_and_bytea($_[0]{context});
		return (
			"caas_blind_index($text, $context, $length)" => "\\x$index",
			"caas_blind_candidates($text, $context, $length) = ARRAY['\\x$index'::bytea]" => 't'
		);
	},
	normalized => sub {
		my ($how, $length, $index) = @{ $_[0] }{qw(normalize length index)};
		my ($text) = text_and_bytea($_[0]{text});
		my ($normalized) = text_and_bytea($_[0]{normalized});
		my ($context) = text_and_bytea($_[0]{context});
		my $candidates = "caas_blind_candidates($text, $context, $length, '$how')";
		return ("caas_blind_index($text, $context, $length, '$how') IS NULL, $candidates" => 't|{}') if $index eq '';
		return (
			"caas_blind_index($text, $context, $length, '$how')" => "\\x$index",
			"'\\x$index' = ANY ($candidates)" => 't',
			"caas_blind_index($normalized, $context, $length)" => "\\x$index"
		);
	},
	uuid => sub {
		my ($namespace, $id) = map { (text_and_bytea($_))[0] } @{ $_[0] }{qw(namespace id)};
		my @expected = ("caas_uuid($namespace, $id)" => $_[0]{uuid});
		push @expected, "caas_uuid($namespace, '$_[0]{id}'::bigint)" => $_[0]{uuid}
			if $_[0]{id} =~ /^(?:0|-?[1-9][0-9]*)$/;
		return @expected;
	},
	password => sub {
		my ($id, $stored) = @{ $_[0] }{qw(uuid stored)};
		my ($password) = text_and_bytea($_[0]{password});
		return (
			"caas_verify_password('$id', $password, '$stored')" => 't',
			"caas_verify_password('$id', $password || 'x', '$stored')" => 'f'
		);
	}
);

# The file's generations so far, by number; one is the keyring's active one.
my (%generations, $active);

# Makes one of them the active one.
sub activate
{
	my ($number) = @_;
	my @lines = generations_of_vectors($number, values %generations);
	write_keyring($node, @lines);
	$node->reload;
	my %new = %{ $generations{$number} };
	my $loaded =
		q{SELECT count(*) OVER (), generation, digests, ciphers, passwords FROM caas_keyring() ORDER BY state LIMIT 1};
	$node->poll_query_until('postgres', $loaded,
		join('|', scalar(@lines), @new{qw(generation digests ciphers passwords)}))
		or die 'not reloaded';
	is($node->safe_psql('postgres', 'SELECT check_value FROM caas_status()'),
		$new{check_value}, "generation $number: check value")
		if $new{check_value};
	return $number;
}

for my $kind (sort keys %checks)
{
	my $vectors = decode_json(slurp_file("test/vectors/$kind.json"));
	cmp_ok(
		scalar(grep { $_->{kind} eq $kind } @$vectors),
		'>=',
		{ digest => 11, uuid => 5 }->{$kind} // 2,
		"$kind: the file holds the vectors"
	);
	%generations = ();
	for my $vector (@$vectors)
	{
		my $number = $vector->{generation};
		if ($vector->{kind} eq 'generation')
		{
			$generations{$number} = $vector;
			$active = 0;
			next;
		}
		$active = activate($number) if defined $number && $active != $number;    # a UUID needs no keyring
		my @asked = $checks{ $vector->{kind} }->($vector);
		my (@expressions, @values);
		push(@expressions, shift @asked), push(@values, shift @asked) while @asked;
		my $name = join ' ',
			map { defined $vector->{$_} ? substr($vector->{$_}, 0, 40) : () }
			qw(generation uuid namespace id normalize context length passwords cipher);
		$name =~ s/([^ -~])/sprintf '\x{%x}', ord $1/ge;    # PostgreSQL 17 dies of wide characters
		is($node->safe_psql('postgres', 'SELECT ' . join(', ', @expressions)), join('|', @values), "$kind: $name");
	}
}
$node->stop;

done_testing();
