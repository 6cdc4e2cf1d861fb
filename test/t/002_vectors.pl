# The vectors of docs/spec.md through the SQL door, read from the file that every door runs.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use Encode;
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Utils;
use Test::More;

my $vectors = decode_json(slurp_file('test/vectors/digest.json'));
my ($generation) = grep { $_->{kind} eq 'generation' } @$vectors;
my @digests = grep { $_->{kind} eq 'digest' } @$vectors;
cmp_ok(scalar @digests, '>=', 11, 'the file holds the vectors');

my $node = caas_node('vectors',
	keyring => [ generation($generation->{generation}, 'active', encode_base64(pack('H*', $generation->{secret}), '')) ]);
$node->append_conf('postgresql.conf', 'client_min_messages = error');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION caas');
$ENV{PGOPTIONS} = with_key();
is($node->safe_psql('postgres', 'SELECT check_value, digests, ciphers, passwords FROM caas_keyring()'),
	join('|', @{$generation}{qw(check_value digests ciphers passwords)}), 'check value and default pools');

# One row a vector: what SQL says of it, and what the file says.
for my $vector (@digests)
{
	my ($id, $number, $digest) = @{$vector}{qw(uuid generation digest)};
	my $hex = unpack('H*', Encode::encode('UTF-8', $vector->{text}));
	my $text = "convert_from('\\x$hex', 'UTF8')";
	is($node->safe_psql('postgres', "SELECT caas_encrypt('$id', $text), caas_encrypt('$id', $text, $number)"),
		"$digest|$digest", "$id, " . length($vector->{text}) . ' characters: text');
	is($node->safe_psql('postgres', "SELECT caas_encrypt('$id', '\\x$hex'::bytea), caas_encrypt('$id', '\\x$hex'::bytea, $number)"),
		"\\x$digest|\\x$digest", "$id: bytea");
	is($node->safe_psql('postgres', "SELECT caas_verified_by('$id', $text, '$digest'), "
			. "caas_verified_by('$id', '\\x$hex'::bytea, '\\x$digest'::bytea), caas_verify('$id', $text || 'x', '$digest')"),
		"$number|$number|f", "$id: verified");
	is($node->safe_psql('postgres', "SELECT algorithm, salt_length FROM caas_profile('$id')"),
		"$vector->{algorithm}|$vector->{salt_length}", "$id: profile");
}
$node->stop;

done_testing();
