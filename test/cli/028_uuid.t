# uuid gives the published vectors; encrypt and verify take --id and --namespace in place of --uuid.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use Encode qw(encode_utf8);
use JSON::PP qw(decode_json);
use Test::More;

my @vectors = @{ decode_json(read_file('test/vectors/uuid.json')) };
cmp_ok(@vectors, '>=', 20, 'there are vectors');
for my $vector (@vectors)
{
	my ($namespace, $id) = map { encode_utf8($_) } @$vector{qw(namespace id)};
	is(ok_caas('uuid', "--id=$id", "--namespace=$namespace"),
		"$vector->{uuid}\n", substr($namespace, 0, 20) . ' ' . substr($id, 0, 20));
}

my $file = published_keyring(folder() . '/keyring');
my @user = ('--id', '42', '--namespace', 'users');
my $uuid = ok_caas('uuid', @user);
chomp $uuid;
my $digest = ok_caas({ input => 'data' }, 'encrypt', '--keyring', $file, @user);
is($digest, ok_caas({ input => 'data' }, 'encrypt', '--keyring', $file, '--uuid', $uuid), 'encrypt by id and by UUID');
chomp $digest;
is(ok_caas({ input => 'data' }, 'verify', '--keyring', $file, @user, '--digest', $digest), "1\n", 'verify by id');
is(
	(caas(
		{ input => 'data' },
		'verify', '--keyring', $file, '--id', '43', '--namespace', 'users', '--digest', $digest
	))[0],
	1,
	'of another id'
);

# Wrong ids and namespaces are not repeated.
my $long = 'secret' x 171;
fails(2, qr/--id: it is not 1 to 1024 bytes\n/, 'uuid', '--id', $_, '--namespace', 'users') for '', $long;
fails(2, qr/--namespace: it is not 1 to 1024 bytes\n/, 'uuid', '--id', '1', '--namespace', $_) for '', $long;
fails(2, qr/--id or --namespace: it is not valid UTF-8\n/, 'uuid', "--id=\xff", '--namespace=users');
unlike((caas('uuid', "--id=$long", '--namespace=users'))[2], qr/secret/, 'what was given is not repeated');
done_testing();
