# A value that makes no sense in the configuration: at a reload the old one stays, at a start the strict one.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use Digest::SHA qw(sha256_hex);
use PostgreSQL::Test::Utils;
use Test::More;

my $key = api_key();
my $hash = sha256_hex($key);
my $call = q{SELECT length(caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x')) > 0};
my $no_hash = 'an entry is not the 64 hexadecimal digits of a SHA-256';
my $no_name = 'a name is not 1 to 64 letters, digits, dots, dashes or underscores';

# A line of the configuration, and what the log says of it.
my @bad = (
	[ "caas.api_key_digests = 'nonsense'", "Entry 1: $no_hash" ],
	[ "caas.api_key_digests = '" . substr($hash, 1) . "'", "Entry 1: $no_hash" ],
	[ "caas.api_key_digests = '${hash}0'", "Entry 1: $no_hash" ],
	[ "caas.api_key_digests = '" . ($hash =~ s/.$/g/r) . "'", "Entry 1: $no_hash" ],
	[ "caas.api_key_digests = '$hash,'", "Entry 2: $no_hash" ],
	[ "caas.api_key_digests = '$hash,,$hash'", "Entry 2: $no_hash" ],
	[ "caas.api_key_digests = '$hash $hash'", "Entry 1: $no_hash" ],
	[ "caas.api_key_digests = 'a:$hash, b c:$hash'", "Entry 2: $no_name" ],
	[ "caas.api_key_digests = ':$hash'", "Entry 1: $no_name" ],
	[ "caas.api_key_digests = '" . ('x' x 65) . ":$hash'", "Entry 1: $no_name" ],
	[ "caas.api_key_digests = '" . join(',', ($hash) x 65) . "'", 'Entry 65: more than 64 API keys' ],
	[ "caas.api_key_digests = '$key'", undef ],
	[ "caas.keyring_file = 'keyring'", 'caas.keyring_file must be an absolute path' ],
	[ "caas.keyring_file = './keyring'", 'caas.keyring_file must be an absolute path' ],
	[ "caas.require_api_key = maybe", 'parameter "caas.require_api_key" requires a Boolean value' ],
	[
		"caas.parallel_state = 1",
		'parameter "caas.parallel_state" cannot be changed|caas.parallel_state cannot be set'
	],
	[ "caas.no_such_setting = 1", undef ]
);

my $node = caas_node('bad_settings', preload => 'none');
my $good = "caas.api_key_digests = '$hash'\ncaas.keyring_file = '$node->{caas_keyring}'\ncaas.require_api_key = on";
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION caas');

sub write_conf
{
	my ($line) = @_;
	$node->adjust_conf('postgresql.conf', $_, undef, 1)
		for 'caas.api_key_digests', 'caas.keyring_file', 'caas.require_api_key', 'caas.parallel_state',
		'caas.no_such_setting';
	$node->append_conf('postgresql.conf', $good);
	$node->append_conf('postgresql.conf', $line) if $line;
	return;
}

for my $preload ('session', 'shared')
{
	write_conf('');
	restart_with_preload($node, $preload);
	my $session = keyed_session($node);
	is(outcome($session, $call), 't', "$preload: as it should be");
	for my $case (@bad)
	{
		my ($line, $said) = @$case;
		my $label = $line =~ s/$hash/HASH/gr =~ s/$key/KEY/r;
		write_conf('');
		reload_sessions($node, $session);
		my $log_end = -s $node->logfile;
		write_conf($line);
		reload_sessions($node, $session);
		# A key that is listed as it is, by mistake, has the shape of an entry.
		is(
			outcome($session, $call),
			$line =~ /'$key'/ ? '28000' : 't',
			"$preload: reload with $label: a session keeps the old value"
		);
		next unless $said && $preload eq 'shared';
		like(slurp_file($node->logfile, $log_end), qr/LOG:  .*\n?.*(?:$said)/, "$preload: the log says why");
	}
	$session->quit;
}

# From the start: strict.
for my $preload ('session', 'shared')
{
	for my $case (grep { $_->[0] =~ /nonsense|'keyring'|maybe/ } @bad)
	{
		my ($line, $said) = @$case;
		write_conf($line);
		my $log_end = -s $node->logfile;
		restart_with_preload($node, $preload);
		my $session = keyed_session($node);
		my $expected = $line =~ /digests/ ? '28000' : $line =~ /keyring/ ? '55000' : 't';
		is(outcome($session, $call), $expected, "$preload: start with $line");
		is(outcome($session, "RESET caas.api_key; $call"), '28000', "$preload: without a key nothing");
		$session->quit;
		like(
			slurp_file($node->logfile, $log_end),
			qr/WARNING:  .*(\n.*DETAIL:  )?(?:$said)/,
			"$preload: the log says why"
		);
	}
}
$node->stop;

done_testing();
