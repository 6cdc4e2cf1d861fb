# A rotation carries the index key on, so that blind indexes stay; keyring rotate --index begins another.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use JSON::PP qw(decode_json);
use Test::More;

my $dir = folder();
my $secret = random_secret();
my $field = index_field(1, $secret);
my $key = (split /:/, $field)[1];
my $file = write_keyring("$dir/keyring", generation(1, 'active', $secret));

# The fields by number of generation, '' where a line has none.
sub fields { return { read_file($_[0]) =~ /^(\d+) .*?(index=\S+|)$/mg }; }

# The generation of the index key of each, as the table and as JSON have it.
sub origins
{
	my %table = map { (split)[ 0, 4 ] } grep { /^\d/ } split /\n/, ok_caas('keyring', 'list', $file);
	my $json = decode_json(ok_caas('keyring', 'list', '--json', $file));
	is_deeply({ map { $_->{number} => $_->{index_key_generation} } @$json }, \%table,
		'JSON says the same as the table');
	return \%table;
}

is_deeply(origins(), { 1 => 1 }, 'a new keyring has its own index key');
my ($code, $out, $err) = caas('keyring', 'rotate', $file);
is($code, 0, 'rotate');
like($out, qr/\A\Q$file\E: generation 2 is active, check value [0-9a-f]{16}\n\z/, 'what it says');
is(
	$err,
	"caas: note: the new generation carries an index key: every server that reads this keyring needs caas 0.5 or later\n",
	'the first field is noted'
);
is_deeply(fields($file), { 1 => '', 2 => $field }, 'the field has number and index key of the generation before');
is_deeply(origins(), { 1 => 1, 2 => 1 }, 'the generation has the index key of the one before');
like(ok_caas('keyring', 'check', $file),
	qr/, active: 2, check value: [0-9a-f]{16}, index key of generation: 1$/, 'check');

(undef, undef, $err) = caas('keyring', 'rotate', '--stage', $file, '--ciphers', 'aes-256-gcm');
is($err, '', 'no further note');
like(
	read_file($file),
	qr/^3 retired \S+ \S+ ciphers=aes-256-gcm \Q$field\E$/m,
	'a staged generation: the field is copied'
);
ok_caas('keyring', 'activate', $file, 3);
is_deeply(fields($file), { 1 => '', 2 => $field, 3 => $field }, 'activation changes states alone');

# The origin is removed like any other, and its number is used no more, whatever became of the comment.
($code, $out, $err) = caas('keyring', 'remove', '--yes', $file, 1);
is($out, "$file: generation 1 is removed\n", 'the origin of the key is removed');
is(
	$err,
	"caas: note: generation 3 still has its index key: after a leak begin another by 'keyring rotate --index'\n",
	'the key is still there'
);
is_deeply(fields($file), { 2 => $field, 3 => $field }, 'the others keep the key');
ok_caas('keyring', 'check', $file);
($code, $out, $err) = caas('keyring', 'remove', '--yes', $file, 2);
is($err, '', 'a generation whose index key nobody has');
ok_caas('keyring', 'rotate', $file);
is_deeply(fields($file), { 3 => $field, 4 => $field }, 'rotated without the origin');
my $old = write_keyring("$dir/old", generation(3, 'active', index_field(8, random_secret())));
ok_caas('keyring', 'rotate', $old);
is_deeply(numbers($old), [ '3 retired', '9 active' ], 'the number of a field was used');

# A new index key, and rotations after it.
($code, $out, $err) = caas('keyring', 'rotate', '--index', $file);
is($err, '', 'a new index key needs nothing of the readers');
is_deeply(fields($file), { 3 => $field, 4 => $field, 5 => '' }, 'rotate --index: no field');
is_deeply(origins(), { 3 => 1, 4 => 1, 5 => 5 }, 'an index key of its own');
my ($fifth) = read_file($file) =~ /^5 \S+ \S+ (\S+)/m;
ok_caas('keyring', 'rotate', '--index', '--stage', $file);
ok_caas('keyring', 'rotate', $file);
is_deeply(
	fields($file),
	{ 3 => $field, 4 => $field, 5 => '', 6 => '', 7 => index_field(5, $fifth) },
	'the next one carries the key of the active generation'
);
ok_caas('keyring', 'retire', $file, 7, '--activate', 4);
ok_caas('keyring', 'rotate', $file);
is(fields($file)->{8}, $field, 'of the active one, which is not the newest');
ok_caas('keyring', 'check', $file);

# A note belongs to the first field alone.
my $plain = write_keyring("$dir/plain", generation(1, 'active'));
(undef, undef, $err) = caas('keyring', 'rotate', '--index', $plain);
is($err, '', 'no field, no note');

# The published vectors, through the program.
my @vectors = @{ decode_json(read_file('test/vectors/carried_index.json')) };
for my $vector (grep { $_->{kind} eq 'generation' } @vectors)
{
	my @pools = map { "$_=$vector->{$_}" } grep { defined $vector->{$_} } qw(digests ciphers passwords index);
	my $bytes = pack 'H*', $vector->{secret};
	write_keyring($file, generation($vector->{generation}, 'active', MIME::Base64::encode_base64($bytes, ''), @pools));
	like(ok_caas('keyring', 'check', $file), qr/check value: $vector->{check_value},/,
		'the check value of the vectors');
}

# A mixed-up key is not edited, and nothing of it is shown.
my $bad = write_keyring("$dir/bad", generation(1, 'active'), generation(2, 'retired', $field));
for my $edit ([ 'rotate', $bad ], [ 'activate', $bad, 2 ], [ 'remove', '--yes', $bad, 2 ], [ 'list', $bad ])
{
	fails(3, qr/bad: line 3: the index key is not that of the generation that it names$/, 'keyring', @$edit);
	unlike((caas('keyring', @$edit))[2], qr/\Q$key\E/, 'without the key');
}
done_testing();
