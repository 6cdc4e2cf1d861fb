# Writes keyrings for every test: docs/spec.md has the format.
package Keyring;

use strict;
use warnings;
use Exporter 'import';
use Digest::SHA qw(hmac_sha512);
use JSON::PP qw(decode_json);
use MIME::Base64 qw(decode_base64 encode_base64);

our @EXPORT_OK = qw(random_secret generation index_field write_keyring generations_of_vectors published_keyring);

my $CREATED = '2026-01-01T00:00:00Z';

# The base64 text of 32 random bytes.
sub random_secret
{
	open my $random, '<:raw', '/dev/urandom' or die "urandom: $!";
	read($random, my $bytes, 32) == 32 or die 'urandom is short';
	return encode_base64($bytes, '');
}

# One line of a keyring: generation(2, 'active'), generation(2, 'active', $secret, 'digests=kmac256').
# The secret is random when none is given; a field is never 44 characters of base64.
sub generation
{
	my ($number, $state, @words) = @_;
	my $given = @words && $words[0] =~ m{\A[A-Za-z0-9+/]{43}=\z};
	return join(' ', $number, $state, $CREATED, $given ? () : random_secret(), @words) . "\n";
}

# The field that carries the index key of generation $number, whose secret this is.
sub index_field
{
	my ($number, $secret) = @_;
	my $prk = hmac_sha512(decode_base64($secret), 'caas/v1');
	my $key = substr hmac_sha512("caas/v1/index\x01", $prk), 0, 32;
	return "index=$number:" . encode_base64($key, '');
}

# Replaces a keyring as caas does: a temporary file of mode 0600, then rename. The value is the file's name.
sub write_keyring
{
	my ($file, @lines) = @_;
	my $new = "$file.new.$$";
	open my $out, '>:raw', $new or die "$new: $!";
	chmod 0600, $new or die "chmod $new: $!";
	print $out "# caas keyring v1\n", @lines or die "$new: $!";
	close $out or die "$new: $!";
	rename $new, $file or die "rename $new: $!";
	return $file;
}

# The lines for the generations among these test vectors, highest number first, with this number active.
sub generations_of_vectors
{
	my ($active, @vectors) = @_;
	my @lines;
	for my $vector (sort { $b->{generation} <=> $a->{generation} } grep { $_->{kind} eq 'generation' } @vectors)
	{
		my $state = $vector->{generation} == $active ? 'active' : 'retired';
		my @pools = map { defined $vector->{$_} ? "$_=$vector->{$_}" : () } qw(digests ciphers passwords index);
		push @lines,
			generation($vector->{generation}, $state, encode_base64(pack('H*', $vector->{secret}), ''), @pools);
	}
	return @lines;
}

# Writes the keyring of the vectors that docs/spec.md publishes.
sub published_keyring
{
	my ($file) = @_;
	open my $in, '<:raw', 'test/vectors/digest.json' or die "test/vectors/digest.json: $!";
	my $vectors = decode_json(do { local $/ = undef; <$in> });
	my ($generation) = grep { $_->{kind} eq 'generation' } @$vectors;
	my %default_pools =
		(kind => 'generation', generation => $generation->{generation}, secret => $generation->{secret});
	return write_keyring($file, generations_of_vectors($generation->{generation}, \%default_pools));
}

1;
