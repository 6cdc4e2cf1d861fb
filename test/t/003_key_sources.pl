# A session shows its key by SET, set_config or its connection options, and loses it as any setting.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use Digest::SHA qw(sha256_hex);
use PostgreSQL::Test::Utils;
use Test::More;

my $key = api_key();
my $odd = q{ Ada's "key", ğ};
my $set = "SET caas.api_key = '$key'";
my $local = "SET LOCAL caas.api_key = '$key'";
my $call = 'SELECT attempt()';

# Each case: connection options, script, and the expected outcome of each call in order.
my @cases = (
	[ 'no key', '', $call, '28000' ],
	[ 'SET', '', "$set; $call; $call", 'digest digest' ],
	[ 'a wrong key', '', "SET caas.api_key = '${key}x'; $call", '28000' ],
	[ 'the digest of the key', '', "SET caas.api_key = '" . sha256_hex($key) . "'; $call", '28000' ],
	[ 'what is shown of the key', '', "$set; $call; SET caas.api_key = '********'; $call", 'digest 28000' ],
	[ 'the empty key', '', "$set; SET caas.api_key = ''; $call", '28000' ],
	[ 'blanks, quotes, other letters', '', "SET caas.api_key = \$\$$odd\$\$; $call", 'digest' ],
	[ 'RESET', '', "$set; $call; RESET caas.api_key; $call", 'digest 28000' ],
	[ 'RESET before the first call', '', "$set; RESET caas.api_key; $call", '28000' ],
	[ 'SET TO DEFAULT', '', "$set; $call; SET caas.api_key TO DEFAULT; $call", 'digest 28000' ],
	[ 'RESET ALL', '', "$set; $call; RESET ALL; $call", 'digest 28000' ],
	[ 'DISCARD ALL', '', "$set; $call; DISCARD ALL; $call", 'digest 28000' ],
	[ 'set_config', '', "SELECT set_config('caas.api_key', '$key', false) <> ''; $call", 't digest' ],
	[
		'set_config for the transaction',
		'',
		"BEGIN; SELECT set_config('caas.api_key', '$key', true) <> ''; $call; COMMIT; $call",
		't digest 28000'
	],
	[ 'SET committed', '', "BEGIN; $set; $call; COMMIT; $call", 'digest digest' ],
	[ 'SET rolled back', '', "BEGIN; $set; $call; ROLLBACK; $call", 'digest 28000' ],
	[ 'SET, then an error', '', "BEGIN; $set; $call; SELECT 1 / 0; ROLLBACK; $call", 'digest 28000' ],
	[ 'SET LOCAL committed', '', "BEGIN; $local; $call; COMMIT; $call", 'digest 28000' ],
	[ 'SET LOCAL outside of a transaction', '', "$local; $call", '28000' ],
	[ 'SET LOCAL over SET', '', "$set; BEGIN; SET LOCAL caas.api_key = 'wrong'; $call; COMMIT; $call", '28000 digest' ],
	[
		'both in one transaction',
		'', "BEGIN; $set; SET LOCAL caas.api_key = 'wrong'; $call; COMMIT; $call",
		'28000 digest'
	],
	[
		'SET in a savepoint',
		'',
		"BEGIN; SAVEPOINT s; $set; $call; ROLLBACK TO s; $call; COMMIT; $call",
		'digest 28000 28000'
	],
	[
		'SET LOCAL in a savepoint',
		'', "BEGIN; SET LOCAL caas.api_key = 'wrong'; SAVEPOINT s; $local; $call; ROLLBACK TO s; $call; COMMIT",
		'digest 28000'
	],
	[ 'a released savepoint', '', "BEGIN; SAVEPOINT s; $local; RELEASE s; $call; COMMIT; $call", 'digest 28000' ],
	[
		'another key in a savepoint',
		'',
		"$set; BEGIN; SAVEPOINT s; SET caas.api_key = 'wrong'; $call; ROLLBACK TO s; $call; ROLLBACK; $call",
		'28000 digest digest'
	],
	[ 'PGOPTIONS', $key, "$call; $call", 'digest digest' ],
	[ 'PGOPTIONS with blanks', $odd, $call, 'digest' ],
	[ 'PGOPTIONS, then RESET', $key, "SET caas.api_key = 'wrong'; $call; RESET caas.api_key; $call", '28000 digest' ],
	[ 'PGOPTIONS, then DISCARD ALL', $key, "SET caas.api_key = 'wrong'; DISCARD ALL; $call", 'digest' ],
	[ 'a wrong key in PGOPTIONS', 'wrong', "$call; $set; $call; RESET caas.api_key; $call", '28000 digest 28000' ]
);

my $node = caas_node('sources', preload => 'none');
$node->append_conf('postgresql.conf', sprintf "caas.api_key_digests = 'first:%s, %s'",
	sha256_hex($key), uc sha256_hex($odd));
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION caas;
	CREATE FUNCTION attempt() RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		RETURN CASE WHEN caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x') ~ '^[0-9a-f]{64,128}$' THEN 'digest' END;
	EXCEPTION WHEN OTHERS THEN
		RETURN SQLSTATE;
	END $$}
);

for my $preload ('none', 'session', 'shared')
{
	restart_with_preload($node, $preload);
	for my $case (@cases)
	{
		my ($name, $option, $script, $expected) = @$case;
		local $ENV{PGOPTIONS} = $option eq '' ? '' : '-c caas.api_key=' . ($option =~ s/([\\ ])/\\$1/gr);
		my ($code, $out) = $node->psql('postgres', $script, on_error_stop => 0);
		is($out, $expected =~ s/ /\n/gr, "$preload: $name");
	}
}
$node->stop;

done_testing();
