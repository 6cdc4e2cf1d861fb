# The same characters give the same digest in databases of every encoding; what is no text is refused, without its bytes.
use strict;
use warnings;
use utf8;
use lib 'test/perl';
use CaasTest;
use Encode qw(encode);
use PostgreSQL::Test::Utils;
use Test::More;

my $ada = "'4dbcbcfe-4800-40a8-badf-c26b73af230c'::uuid";
my $key = api_key();

# Encoding of a database: what its clients send in it, in Perl's name of it, and texts that it can hold.
my %encoding = (
	UTF8 => [ 'UTF-8', "plain", "déjà vu", "Şifreleme", "日本語", "☂", "𝒳 above the first plane" ],
	LATIN1 => [ 'iso-8859-1', "plain", "déjà vu", "ÿ" ],
	LATIN9 => [ 'iso-8859-15', "plain", "déjà vu", "€" ],
	WIN1254 => [ 'cp1254', "plain", "déjà vu", "Şifreleme", "€" ],
	KOI8R => [ 'koi8-r', "plain", "Привет" ],
	EUC_JP => [ 'euc-jp', "plain", "日本語", "ｶﾅ" ],
	SQL_ASCII => [ 'UTF-8', "plain", "déjà vu", "Şifreleme", "日本語", "☂", "𝒳 above the first plane" ]
);

my $node = caas_node('encodings', extra => { extra => [ '--locale=C', '--encoding=UTF8' ] });
$node->append_conf('postgresql.conf', 'log_error_verbosity = verbose');
$node->start;
for my $name (sort keys %encoding)
{
	$node->safe_psql('postgres', "CREATE DATABASE \"$name\" ENCODING '$name' LOCALE 'C' TEMPLATE template0");
	$node->safe_psql($name, 'CREATE EXTENSION caas');
}

# A script in bytes, run by a client with this encoding.
sub run_script
{
	my ($database, $client, $script) = @_;
	local $ENV{PGCLIENTENCODING} = $client;
	my ($code, $out, $error) = $node->psql($database, "SET caas.api_key = '$key'; $script", on_error_stop => 0);
	return $error eq '' ? $out : $error;
}

my %digest;
for my $name ('UTF8', sort grep { $_ ne 'UTF8' } keys %encoding)
{
	my ($perl_name, @texts) = @{ $encoding{$name} };
	for my $text (@texts)
	{
		my $utf8 = encode('UTF-8', $text);
		my $got = run_script($name, $name, "SELECT caas_encrypt($ada, '" . encode($perl_name, $text) . "')");
		like($got, qr/^[0-9a-f]{64,}$/, "$name: $utf8") unless exists $digest{$text};
		$digest{$text} //= $got;
		is($got, $digest{$text}, "$name: the digest of $utf8");
		next if $name eq 'SQL_ASCII';
		$got = run_script($name, 'UTF8', "SELECT caas_encrypt($ada, '$utf8')");
		is($got, $digest{$text}, "$name: sent in UTF-8");
		$got = run_script($name, 'UTF8', "SELECT caas_verify($ada, '$utf8', '$digest{$text}')");
		is($got, 't', "$name: verified");
	}
}
# The bytes that count are those of UTF-8.
is(
	run_script(
		'LATIN1', 'UTF8', "SELECT encode(caas_encrypt($ada, '\\xc3a9'::bytea), 'hex') = caas_encrypt($ada, chr(233))"
	),
	't',
	'a text is digested as its UTF-8'
);
is(run_script('UTF8', 'LATIN1', "SELECT caas_encrypt($ada, '" . encode('iso-8859-1', 'déjà vu') . "')"),
	$digest{'déjà vu'}, 'a client in LATIN1');
isnt(run_script('UTF8', 'UTF8', "SELECT caas_encrypt($ada, '" . encode('UTF-8', "de\x{301}ja\x{300} vu") . "')"),
	$digest{'déjà vu'}, 'combining accents are other characters: nothing is normalised');

# Texts that are converted in pieces: characters of 1, 2 and 3 bytes fall on each boundary.
for my $case ([ 'EUC_JP', '日x本語丂' ], [ 'WIN1254', 'Şa' ])
{
	my ($name, $text) = @$case;
	$text = encode('UTF-8', $text);
	my $sql = "SELECT caas_encrypt($ada, left('x', shift) || repeat('$text', 700000)) FROM generate_series(0, 1) shift";
	like(run_script('UTF8', 'UTF8', $sql), qr/^[0-9a-f]{64,}\n[0-9a-f]{64,}$/, 'a long text in UTF8');
	is(run_script($name, 'UTF8', $sql), run_script('UTF8', 'UTF8', $sql), "a long text in $name");
}

# Text that cannot be converted to UTF-8 gives an error of caas, because the server's error would print the bytes.
my %bad = (
	'SQL_ASCII, a lone byte' => [ 'SQL_ASCII', 'secret\xe9' ],
	'SQL_ASCII, a character cut off' => [ 'SQL_ASCII', 'secret\xe6\x97' ],
	'SQL_ASCII, a long form' => [ 'SQL_ASCII', 'secret\xc0\xaf' ],
	'SQL_ASCII, a surrogate' => [ 'SQL_ASCII', 'secret\xed\xa0\x80' ],
	'SQL_ASCII, above U+10FFFF' => [ 'SQL_ASCII', 'secret\xf4\x90\x80\x80' ],
	'SQL_ASCII, a byte that never occurs' => [ 'SQL_ASCII', 'secret\xff' ],
	'EUC_JP, an unassigned character' => [ 'EUC_JP', 'secret\xa9\xa1' ],
	'WIN1254, an unassigned character' => [ 'WIN1254', 'secret\x81' ]
);
my $refusal =
	qr/ERROR:  the text is not valid UTF-8, or cannot be converted to it\nHINT:  Pass bytes that are not text as bytea\.\z/;
for my $name (sort keys %bad)
{
	my ($database, $text) = @{ $bad{$name} };
	for my $call (
		"caas_encrypt($ada, E'$text')",
		"caas_encrypt($ada, E'$text', 1)",
		"caas_verify($ada, E'$text', 'x')",
		"caas_verified_by($ada, repeat('x', 3000000) || E'$text', 'x')"
		)
	{
		like(run_script($database, $database, "SELECT $call"), $refusal, "$name: $call");
	}
	# The column that is compared may hold anything.
	is(run_script($database, $database, "SELECT caas_verify($ada, 'x', E'$text')"), 'f', "$name: as a digest");
}
$node->stop;
my $log = slurp_file($node->logfile);
like($log, qr/ERROR:  22021: the text is not valid UTF-8/, 'the log shows the refusals');
unlike($log, qr/secret|0x[0-9a-f]{2}/, 'without any of their bytes');

done_testing();
