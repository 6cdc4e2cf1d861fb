# encrypt and verify give the published vectors.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use Encode qw(encode_utf8);
use Test::More;

my $file = published_keyring(folder() . '/keyring');
my @vectors = grep { $_->{kind} eq 'digest' } vectors();
cmp_ok(@vectors, '>=', 11, 'there are vectors');

for my $vector (@vectors)
{
	my $data = { input => encode_utf8($vector->{text}) };
	my @user = ('--keyring', $file, '--uuid', $vector->{uuid});
	is(ok_caas($data, 'encrypt', @user), "$vector->{digest}\n", "$vector->{algorithm}, salt $vector->{salt_length}");
	is(ok_caas($data, 'verify', @user, '--digest', $vector->{digest}), "1\n", 'verifies');
}
done_testing();
