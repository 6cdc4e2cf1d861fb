# A value is the same in every encoding: sealed in one database it opens in another, or says what that one lacks.
use strict;
use warnings;
use utf8;
use lib 'test/perl';
use CaasTest;
use Encode qw(encode);
use PostgreSQL::Test::Utils;
use Test::More;

my $ada = '4dbcbcfe-4800-40a8-badf-c26b73af230c';
my @databases = qw(UTF8 LATIN1 EUC_JP SQL_ASCII);
# ASCII, both sides of Latin 1, two and three bytes in EUC_JP that are three and two in UTF-8, and what neither has.
my @texts = ('plain', 'é ÿ', "\x{80}\x{9f}", '日本', 'ｱｲｳ', 'Ăă', 'naïve 日本', '☂', '𝄞', 'plain ☂');
my $marker = 'marked statement';

my $node = caas_node('encodings', extra => { extra => [ '--locale=C', '--encoding=UTF8' ] });
$node->start;
$node->safe_psql('postgres', "CREATE DATABASE \"db_$_\" TEMPLATE template0 ENCODING '$_' LOCALE 'C'") for @databases;
$node->safe_psql("db_$_", 'CREATE EXTENSION caas') for @databases;
local $ENV{PGOPTIONS} = with_key() . ' -c client_min_messages=error';

# Returns the output of a database, or the SQLSTATE. All input and output is ASCII.
sub ask
{
	my ($database, $select) = @_;
	my ($code, $out, $error) = $node->psql("db_$database", "\\set VERBOSITY sqlstate\nSELECT $select -- $marker");
	return $error =~ /ERROR:  (\w{5})/ ? $1 : $out;
}
sub utf8_hex { return unpack 'H*', encode('UTF-8', $_[0]); }

# SQL for a text in a database; undef when it has no place there. The server's own conversion is asked, not ours.
my %bytes_in;

sub text_in
{
	my ($database, $text) = @_;
	my $hex = utf8_hex($text);
	my $encoding = $database eq 'SQL_ASCII' ? 'UTF8' : $database;
	my ($code, $out) = $node->psql('db_UTF8', "SELECT encode(convert('\\x$hex', 'UTF8', '$encoding'), 'hex')");
	return $code == 0 ? "convert_from('\\x$out', '$database')" : undef;
}

my $sealed_elsewhere = 0;
for my $text (@texts)
{
	my $hex = utf8_hex($text);
	my $original = text_in('UTF8', $text);
	my $context = text_in('UTF8', "users.$text");
	my ($sealed, $in_context, $index, $hash) = (
		split /\|/,
		ask(
			'UTF8',
			"set_config('caas.scrypt_ln', '10', false), set_config('caas.scrypt_p', '1', false), "
				. "caas_seal('$ada', $original), caas_seal('$ada', 'x', $context), caas_blind_index($original, $context), caas_hash_password('$ada', $original)"
		)
	)[ 2 .. 5 ];
	for my $database (@databases)
	{
		my $name = encode('UTF-8', "$text in $database");
		my $local = text_in($database, $text);
		is(ask($database, "caas_open_bytea('$ada', '$sealed')"), "\\x$hex", "$name: opens as bytes");
		if (!defined $local)
		{
			is(ask($database, "caas_open('$ada', '$sealed')"), '22P05', "$name: has no place");
			is(ask($database, "caas_try_open('$ada', '$sealed') IS NULL"), 't', "$name: so caas_try_open is NULL");
			next;
		}
		my $local_context = text_in($database, "users.$text");
		is(
			ask(
				$database,
				"caas_open('$ada', '$sealed') = $local, caas_try_open('$ada', '$sealed') = $local, caas_open('$ada', '$in_context', $local_context), "
					. "caas_blind_index($local, $local_context), caas_verify_password('$ada', $local, '$hash')"
			),
			"t|t|x|$index|t",
			"$name: opens as text, in the same context, with the same blind index and password"
		);
		my $back = ask($database, "caas_seal('$ada', $local, $local_context)");
		is(ask('UTF8', "caas_open('$ada', '$back', $context) = $original"), 't', "$name: sealed here it opens in UTF8");
		$sealed_elsewhere++ if $database =~ /LATIN1|EUC_JP/ && $text =~ /[^\x00-\x7f]/;
	}
}
cmp_ok($sealed_elsewhere, '>=', 5, 'texts beyond ASCII were sealed in LATIN1 and EUC_JP');

# Bytes that are no UTF-8 open as no text in any encoding: a lone byte, U+0000, a cut character, a surrogate, beyond Unicode, overlong.
for my $bytes (qw(ff 610062 c3 eda080 f4908080 c080))
{
	my $sealed = ask('UTF8', "caas_seal('$ada', '\\x$bytes'::bytea)");
	for my $database (@databases)
	{
		is(ask($database, "caas_open('$ada', '$sealed')"), '22021', "$bytes is no text in $database");
		is(ask($database, "caas_try_open('$ada', '$sealed') IS NULL, caas_open_bytea('$ada', '$sealed')"),
			"t|\\x$bytes", "$bytes in $database: NULL and bytes");
	}
}
# SQL_ASCII holds what is no text: it is refused as value, context and password.
my $no_text = q{E'a\\xff'};
is(ask('SQL_ASCII', $_), '22021', "SQL_ASCII: $_")
	for "caas_seal('$ada', $no_text)", "caas_seal('$ada', 'x', $no_text)", "caas_seal('$ada', 'x'::bytea, $no_text)",
	"caas_open('$ada', 'x', $no_text)", "caas_try_open('$ada', 'x', $no_text)", "caas_reseal('$ada', 'x', $no_text)",
	"caas_blind_index($no_text, 'c')",
	"caas_blind_index('x', $no_text)", "caas_blind_candidates($no_text, 'c')", "caas_hash_password('$ada', $no_text)",
	"caas_verify_password('$ada', $no_text, 'y')";

# Longer than a piece of the conversion, whose end cuts a character.
for my $database ('LATIN1', 'EUC_JP')
{
	for my $pattern ($database eq 'LATIN1' ? ('é', 'aé') : ('日', 'a日', 'ｱ日Ă'))
	{
		my $long = 'repeat(' . text_in($database, $pattern) . ', 700000)';
		is(
			ask(
				$database,
				"caas_open_bytea('$ada', caas_seal('$ada', long)) = convert_to(long, 'UTF8'), caas_open('$ada', caas_seal('$ada', convert_to(long, 'UTF8'))) = long FROM $long AS long"
			),
			't|t',
			encode('UTF-8', "$database: 700,000 times $pattern")
		);
	}
	is(
		ask(
			$database,
			"caas_try_open('$ada', caas_seal('$ada', convert_to(repeat('a', 1048576), 'UTF8') || '\\xe29882'::bytea)) IS NULL"
		),
		't',
		"$database: no place in the second piece"
	);
}
$node->stop;
my $log = slurp_file($node->logfile);
like($log, qr/ERROR:  the opened text has a character that the database's encoding lacks/, 'the log has the errors');
unlike($log, qr/$marker/, 'without their statements');

done_testing();
