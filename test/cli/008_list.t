# keyring list shows what an operator compares between servers, as a table and as JSON.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use JSON::PP qw(decode_json);
use Test::More;

my $dir = folder();
my $file = published_keyring("$dir/keyring");
my ($vector) = grep { $_->{kind} eq 'generation' } vectors();
my $extra =
	generation(12, 'retired', 'digests=kmac256,hmac-sha1', index_field(7, random_secret()), 'ciphers=aes-256-gcm');
write_keyring($file, (read_file($file) =~ /^(1 .*\n)/m)[0], $extra);

my @table = map { [ split /  +/ ] } split /\n/, ok_caas('keyring', 'list', $file);
is_deeply($table[0], [ qw(NUMBER STATE CREATED), 'CHECK VALUE', 'INDEX KEY', qw(DIGESTS CIPHERS PASSWORDS) ],
	'headings');
is_deeply(
	[ @{ $table[1] }[ 0 .. 2, 4 .. 7 ] ],
	[ 12, 'retired', '2026-01-01T00:00:00Z', 7, 'kmac256,hmac-sha1', 'aes-256-gcm', 'default' ],
	'highest number first'
);
is_deeply(
	$table[2],
	[ 1, 'active', '2026-01-01T00:00:00Z', $vector->{check_value}, 1, 'default', 'default', 'default' ],
	'the check value of the published vectors'
);
is(@table, 3, 'a row a generation');

my $json = decode_json(ok_caas('keyring', 'list', '--json', $file));
is_deeply(
	$json->[1],
	{
		number => 1,
		state => 'active',
		created => '2026-01-01T00:00:00Z',
		check_value => $vector->{check_value},
		index_key_generation => 1,
		map { $_ => [ split /,/, $vector->{$_} ] } qw(digests ciphers passwords),
	},
	'JSON names the default pools'
);
is_deeply([ map { $_->{number} } @$json ], [ 12, 1 ], 'JSON has every generation');
is($json->[0]{check_value}, $table[1][3], 'and the same check values');
is($json->[0]{index_key_generation}, 7, 'and whose index key it has');

fails(3, qr/the file cannot be opened: No such file/, 'keyring', 'list', "$dir/missing");
done_testing();
