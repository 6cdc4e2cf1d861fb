# A keyring that cannot be used: the call fails closed, and the message names file, line and reason, never content.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use MIME::Base64 qw(encode_base64);
use POSIX qw(mkfifo);
use PostgreSQL::Test::Utils;
use Test::More;

my $call = q{SELECT caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x')};
my ($version, $time) = ("# caas keyring v1\n", '2026-01-01T00:00:00Z');
my ($secret, $other) = (random_secret(), random_secret());
my $active = "1 active $time $secret";

# Content, then line and reason.
my @content = (
	[ '', 1, 'the file is empty' ],
	[ "$active\n", 1, "the first line is not '# caas keyring v1'" ],
	[ "# caas keyring v2\n$active\n", 1, "the first line is not '# caas keyring v1'" ],
	[ "$version$active\r\n", 2, 'the line ends in CR LF instead of LF' ],
	[ "$version# \xff\n$active\n", 2, 'the line is not valid UTF-8 or holds a zero byte' ],
	[ "$version# a\0b\n$active\n", 2, 'the line is not valid UTF-8 or holds a zero byte' ],
	[ "$version#" . ('x' x 4096) . "\n$active\n", 2, 'the line is over 4096 bytes' ],
	[ $version, 1, 'no generation is active' ],
	[ "$version\n# nothing\n\n", 4, 'no generation is active' ],
	[ "${version}1 retired $time $secret\n", 2, 'no generation is active' ],
	[ "$version$active\n2 active $time $other\n", 3, 'two generations are active' ],
	[ "$version$active\n\n# a comment\n1 retired $time $other\n", 5, 'the number is used twice' ],
	[ "$version$active\n2 retired $time $secret\n", 3, 'the secret is used twice' ],
	(
		map { [
			"$version$_ active $time $secret\n",
			2, 'the number is not a decimal from 1 to 65535 without leading zeroes'
		] } '0',
		'01', '65536', '-1', 'x', '1a', '123456'
	),
	[ "${version}1 Active $time $secret\n", 2, 'the state is neither active nor retired' ],
	[ "${version}1\n", 2, 'the state is neither active nor retired' ],
	(
		map { [ "${version}1 active $_ $secret\n", 2, 'the creation time is not YYYY-MM-DDTHH:MM:SSZ' ] } '2026-01-01',
		'2026-02-29T00:00:00Z',
		'2026-01-01T24:00:00Z',
		'2026-01-01T00:00:00+00'
	),
	[ "${version}1 active $time\n", 2, 'the secret is not the canonical base64 of 32 bytes' ],
	[
		"${version}1 active $time " . encode_base64('k' x 31, '') . "=\n",
		2,
		'the secret is not the canonical base64 of 32 bytes'
	],
	[
		"${version}1 active $time " . encode_base64('k' x 33, '') . "\n",
		2,
		'the secret is not the canonical base64 of 32 bytes'
	],
	[ "${version}1 active $time " . encode_base64('k' x 32, '') . "\n", 2, 'the secret is 32 equal bytes' ],
	[
		"${version}1 active $time " . ($secret =~ s/^./!/r) . "\n",
		2,
		'the secret is not the canonical base64 of 32 bytes'
	],
	[ "$version$active digests=\n", 2, 'a pool is empty' ],
	[ "$version$active digests=kmac256 digests=kmac128\n", 2, 'a pool is named twice' ],
	[ "$version$active digests=kmac256,kmac256\n", 2, 'a pool names an algorithm twice' ],
	[ "$version$active digests=kmac512\n", 2, 'a pool names an unknown algorithm' ],
	[ "$version$active digests=kmac256,\n", 2, 'a pool names an unknown algorithm' ],
	[ "$version$active digests=aes-256-gcm\n", 2, 'a pool names an unknown algorithm' ],
	[ "$version$active DIGESTS=kmac256\n", 2, 'unknown field' ],
	[ "$version$active later=2:$other\n", 2, 'unknown field' ],
	[ "$version$active index=2:$other digests=kmac256 index=2:$other\n", 2, 'the index key is given twice' ],
	[ "$version$active index=$other\n", 2, "the index key does not begin with a generation's number and a colon" ],
	[ "$version$active index=1:$other\n", 2, "the index key is said to come from the line's own generation" ],
	[ "$version$active index=2:$other=\n", 2, 'the index key is not the canonical base64 of 32 bytes' ],
	[ "$version$active index=2:" . encode_base64('k' x 32, '') . "\n", 2, 'the index key is 32 equal bytes' ],
	[
		"$version$active\n2 retired $time $other index=1:$other\n",
		3,
		'the index key is not that of the generation that it names'
	],
	[ "$version$active comment\n", 2, 'unknown field' ],
	[ $version . "# comment\n" x (1024 * 1024), 0, 'the file is over 8 MiB' ],
	[
		$version
			. join('',
			map { generation($_, $_ == 1 ? 'active' : 'retired', encode_base64(pack('N8', 1 .. 7, $_), '')) }
				1 .. 1025),
		1026,
		'more than 1024 generations'
	]
);

my $node = caas_node('problems');
my $file = $node->{caas_keyring};
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION caas');
my $session = keyed_session($node);

# Once it has failed, every call reads the file again.
unlink $file or die "unlink: $!";
reload_sessions($node, $session);

# Returns the outcome of the next call and the answer of caas_status.
sub fails
{
	my ($line, $reason, $label, $path) = @_;
	my $problem = 'keyring file "' . quotemeta($path // $file) . '"' . ($line ? ", line $line" : '') . ": $reason";
	my ($out, $error) = answer($session, $call);
	like($error, qr/^(psql:\S+ )?ERROR:  F0000: $problem\n(psql:\S+ )?HINT:  \S.*\n/m, "$label: message and hint");
	is($out, '', "$label: no digest");
	like(outcome($session, 'SELECT keyring_problem FROM caas_status() WHERE NOT keyring_loaded'),
		qr/^$problem\z/, "$label: caas_status says the same");
	return;
}

sub put
{
	my ($content, $mode) = @_;
	unlink $file;
	append_to_file($file, $content);
	chmod $mode // 0600, $file or die "chmod: $!";
	return;
}

fails(0, 'the file cannot be opened: No such file or directory', 'a missing file');
for my $case (@content)
{
	my ($content, $line, $reason) = @$case;
	put($content);
	fails($line, $reason,
		$reason =~ /32 bytes|base64|number|time|state|unknown/ ? (split /\n/, $content)[1] // $content : $reason);
}

put("$version$active\n", $_), fails(0, 'the mode of the file is wider than 0600', sprintf('mode %04o', $_))
	for 0644, 0640, 0604, 0620, 0601, 0777;
put("$version$active\n", 0000);
fails(0, 'the file cannot be opened: Permission denied', 'mode 0000');
unlink $file;
mkdir $file or die "mkdir: $!";
fails(0, 'it is not a regular file', 'a directory');
rmdir $file;
mkfifo($file, 0600) or die "mkfifo: $!";
fails(0, 'it is not a regular file', 'a FIFO, at once');
unlink $file;
symlink '/dev/null', $file or die "symlink: $!";
fails(0, 'it is not a regular file', 'a device');

# An algorithm that the format knows and this OpenSSL lacks.
put("$version$active passwords=argon2id\n");
SKIP:
{
	my ($major, $minor) = outcome($session, 'SELECT openssl_version FROM caas_status()') =~ /OpenSSL (\d+)\.(\d+)/;
	skip "OpenSSL $major.$minor provides argon2id", 3 if $major > 3 || $minor >= 2;
	fails(2, 'this OpenSSL does not provide an algorithm that the keyring names \(argon2id\)', 'argon2id');
}

# Owners: what root owns may be readable for a group, nobody else's file will do.
sub with_file
{
	my ($path) = @_;
	$node->append_conf('postgresql.conf', "caas.keyring_file = '$path'");
	reload_sessions($node, $session);
	return;
}
with_file('/etc/passwd');
fails(0, 'the file is owned by root and its mode is wider than 0640', "root's file for everyone", '/etc/passwd');
my ($foreign) = grep { my @stat = stat; @stat && -f _ && -r _ && $stat[4] != 0 && $stat[4] != $< }
	glob('/var/*/* /var/*/*/* /run/* /run/*/* /srv/* /usr/games/*');
SKIP:
{
	skip 'no readable file of another user than root and the server', 3 unless $foreign;
	with_file($foreign);
	fails(0, 'the file belongs neither to root nor to the user of this process', "somebody else's file", $foreign);
}
my ($group_file) = grep { my @stat = stat; @stat && -f _ && -r _ && $stat[4] == 0 && ($stat[2] & 07777) == 0640 }
	glob('/etc/* /etc/*/* /etc/*/*/*');
SKIP:
{
	skip "no file of root's with mode 0640 that the server can read", 3 unless $group_file;
	with_file($group_file);
	fails(1, "the first line is not '# caas keyring v1'", "root's file for a group is read", $group_file);
}
with_file($file);

# Loaded with a warning.
for my $case (
	[ encode_base64(pack('C*', 0 .. 31), ''), '', 'the keyring holds the secret of the published test vectors' ],
	[ $secret, 'digests=hmac-sha1', 'the keyring names a digest algorithm that uses a broken hash' ],
	[ $secret, '', 'the last line of the keyring does not end in a line feed: its end may be cut off', '' ]
	)
{
	my ($key, $pools, $warning, $end) = @$case;
	put("$version$active\n");
	reload_sessions($node, $session);
	put("${version}1 active $time $key $pools" . ($end // "\n"));
	reload_sessions($node, $session);
	my ($out, $error) = answer($session, $call);
	like($error, qr/WARNING:  01000: $warning\n.*HINT:  /s, $warning);
	like($out, qr/^[0-9a-f]{40,}$/, 'and a digest');
	is((answer($session, $call))[1], '', 'it warns once');
}
$session->quit;
$node->stop;
my $log = slurp_file($node->logfile);
like(
	$log,
	qr/ERROR:  keyring file "\Q$file\E", line 5: the number is used twice/,
	'the log says what the client was told'
);
unlike($log, qr/\Q$secret\E|\Q$other\E|kmac512|argon2id.*=/, 'and shows no content');

done_testing();
