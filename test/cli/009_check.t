# keyring check judges like a server: OK, or the line and the reason, without a byte of the file.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use Test::More;

my $dir = folder();
my $secret = random_secret();
my $good = "1 active 2026-01-01T00:00:00Z $secret";

my $file = write_keyring("$dir/good", generation(1, 'retired'), generation(7, 'active'));
my ($check_value) = ok_caas('keyring', 'list', $file) =~ /^7 .* ([0-9a-f]{16}) /m;
is(
	ok_caas('keyring', 'check', $file),
	"$file: OK, generations: 2, active: 7, check value: $check_value, index key of generation: 7\n",
	'what it says'
);

my %bad = (
	'line 1: the first line' => "# caas keyring v2\n$good\n",
	'line 1: the file is empty' => '',
	'line 2: no generation is active' => "# caas keyring v1\n1 retired 2026-01-01T00:00:00Z $secret\n",
	'line 3: the number is not a decimal' => "# caas keyring v1\n\n01 active 2026-01-01T00:00:00Z $secret\n",
	'line 3: the number is used twice' => "# caas keyring v1\n$good\n1 retired 2026-01-01T00:00:00Z "
		. random_secret() . "\n",
	'line 3: two generations are active' => "# caas keyring v1\n$good\n2 active 2026-01-01T00:00:00Z "
		. random_secret() . "\n",
	'line 3: the secret is used twice' => "# caas keyring v1\n$good\n2 retired 2026-01-01T00:00:00Z $secret\n",
	'line 2: a pool names an unknown algorithm' => "# caas keyring v1\n$good digests=rot13\n",
	'line 2: unknown field' => "# caas keyring v1\n$good later=1:$secret\n",
	'line 2: the index key is given twice' => "# caas keyring v1\n$good index=2:$secret index=2:$secret\n",
	'line 2: the index key does not begin with a generation' => "# caas keyring v1\n$good index=$secret\n",
	'line 2: the index key is said to come from the line' => "# caas keyring v1\n$good index=1:$secret\n",
	'line 2: the index key is not the canonical base64 of 32 bytes' => "# caas keyring v1\n$good index=2:$secret=\n",
	'line 2: the index key is 32 equal bytes' => "# caas keyring v1\n$good index=2:" . ('A' x 43) . "=\n",
	'line 3: the index key is not that of the generation that it names' =>
		"# caas keyring v1\n$good\n2 retired 2026-01-01T00:00:00Z " . random_secret() . " index=1:$secret\n",
	'line 1: no generation is active' => '# caas keyring v1',
);

for my $reason (sort keys %bad)
{
	write_file("$dir/bad", $bad{$reason});
	chmod 0600, "$dir/bad";
	fails(1, qr/bad: \Q$reason\E/, 'keyring', 'check', "$dir/bad");
	my (undef, undef, $err) = caas('keyring', 'check', "$dir/bad");
	unlike($err, qr/\Q$secret\E|rot13|later|2026/, 'nothing of the file is shown');
}

fails(1, qr/cannot be opened: No such file/, 'keyring', 'check', "$dir/missing");
fails(1, qr/not a regular file/, 'keyring', 'check', $dir);
chmod 0644, $file;
fails(1, qr/mode/, 'keyring', 'check', $file);

my (undef, undef, $published) = caas('keyring', 'check', published_keyring("$dir/published"));
like($published, qr/^caas: warning: .*published test vectors/m, 'a published secret is warned of');
my (undef, undef, $weak) =
	caas('keyring', 'check', write_keyring("$dir/weak", generation(1, 'active', 'digests=hmac-md5')));
like($weak, qr/^caas: warning: .*weak algorithm/m, 'a weak algorithm is warned of');

my ($unprovided) = grep { system("openssl list -kdf-algorithms | grep -qi argon2id") != 0 } 1;
SKIP:
{
	skip 'this OpenSSL provides argon2id', 3 unless $unprovided;
	write_keyring("$dir/argon", generation(1, 'active', 'passwords=argon2id'));
	my ($code, undef, $err) = caas('keyring', 'check', "$dir/argon");
	is($code, 1, 'an algorithm that is not provided');
	like($err, qr/line 2: this OpenSSL does not provide an algorithm that the keyring names: argon2id/, 'is named');
	fails(3, qr/does not provide argon2id/, 'keyring', 'init', "$dir/new", '--passwords', 'argon2id');
}
done_testing();
