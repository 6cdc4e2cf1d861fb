# api-key makes keys, and the digests by which a server recognises them.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use Digest::SHA qw(sha256_hex);
use JSON::PP qw(decode_json);
use Test::More;

my ($code, $out, $err) = caas('api-key', 'new', '--name', 'app-1.x_Y');
is($code, 0, 'new');
like($out, qr/\Acaas_[0-9a-f]{64}\n\z/, 'the key alone on standard output');
chomp(my $key = $out);
my $entry = 'app-1.x_Y:' . sha256_hex($key);
like($err, qr/^\s*caas\.api_key_digests = '\Q$entry\E'$/m, "the server's setting on standard error");
unlike($err, qr/\Q$key\E/, 'which does not repeat the key');

($code, $out, $err) = caas('api-key', 'new', '--quiet');
is($err, '', '--quiet: no explanation');
like($out, qr/\Acaas_[0-9a-f]{64}\n\z/, '--quiet: the key');
isnt($out, "$key\n", 'every key is another');

my $json = decode_json(ok_caas('api-key', 'new', '--json', '--name', 'x'));
is_deeply(
	$json,
	{
		key => $json->{key},
		name => 'x',
		entry => 'x:' . sha256_hex($json->{key}),
		setting => "caas.api_key_digests = '$json->{entry}'"
	},
	'JSON'
);
is(decode_json(ok_caas('api-key', 'new', '--json'))->{name}, undef, 'JSON without a name');

my $digest = sha256_hex($key);
is(ok_caas({ input => $_ }, 'api-key', 'digest'), "$digest\n", 'digest of a key') for $key, "$key\n", "$key\r\n";
is(ok_caas({ input => $key }, 'api-key', 'digest', '--name', 'app'), "app:$digest\n", 'with a name');
is_deeply(
	decode_json(ok_caas({ input => $key }, 'api-key', 'digest', '--json')),
	{ name => undef, entry => $digest, setting => "caas.api_key_digests = '$digest'" },
	'as JSON'
);
my $long = 'k' x 1_000_000;
is(ok_caas({ input => $long }, 'api-key', 'digest'), sha256_hex($long) . "\n", 'of a long key');

fails(2, qr/standard input holds no key/, { input => $_ }, 'api-key', 'digest') for '', "\n";
fails(2, qr/more than one line/, { input => "$key\n$key\n" }, 'api-key', 'digest');
fails(2, qr/--name: it is not 1 to 64 letters/, 'api-key', 'new', '--name', $_)
	for '', ' ', 'a,b', "a'b", 'a:b', ' a', "a\n", 'x' x 65, "\xc3\xa9";
ok_caas('api-key', 'new', '--name', 'x' x 64);

(undef, $out, $err) = caas({ input => 'hunter2' }, 'api-key', 'digest');
is($out, sha256_hex('hunter2') . "\n", 'a short key has a digest');
like($err, qr/^caas: warning: the key is shorter than 32 characters/m, 'and a warning');
done_testing();
