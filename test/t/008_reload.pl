# A reload brings a new keyring into sessions that are open; a bad one fails closed until it is mended.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $ada = "'4dbcbcfe-4800-40a8-badf-c26b73af230c'";
my $call = "SELECT caas_encrypt($ada, 'x')";
my ($first, $second) = (random_secret(), random_secret());
my $old_line = generation(1, 'active', $first);
my @old = ($old_line);
my @new = (generation(2, 'active', $second), generation(1, 'retired', $first));
my $status = 'SELECT keyring_loaded, active_generation, check_value ~ \'^[0-9a-f]{16}$\' FROM caas_status()';

my $node = caas_node('reload', preload => 'none', keyring => \@old);
my $file = $node->{caas_keyring};
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION caas;
	CREATE ROLE client LOGIN;
	GRANT EXECUTE ON FUNCTION caas_encrypt(uuid, text), caas_keyring(), caas_profile(uuid) TO client}
);

for my $preload ('none', 'session', 'shared')
{
	write_keyring($node, @old);
	restart_with_preload($node, $preload);
	my ($session, $client) = (keyed_session($node), keyed_session($node, extra_params => [ '-U', 'client' ]));
	my $digest = outcome($session, $call);
	like($digest, qr/^[0-9a-f]{64,}$/, "$preload: a digest");
	is(outcome($session, $status), 't|1|t', "$preload: generation 1");
	is(outcome($client, $call), $digest, "$preload: the same in another session");
	my $late = keyed_session($node);

	# Replaced: sessions go on with what they have; one that first asks now reads the file.
	write_keyring($node, @new);
	is(outcome($session, $call), $digest, "$preload: no reload yet");
	my $renewed = outcome($late, $call);
	isnt($renewed, $digest, "$preload: first call after the file was replaced");
	reload_sessions($node, $session, $client, $late);
	for my $open ($session, $client, $late)
	{
		is(outcome($open, $call), $renewed, "$preload: the new keyring after the reload");
		is(outcome($open, $status), 't|2|t', "$preload: generation 2");
	}
	is(outcome($session, "SELECT caas_encrypt($ada, 'x', 1)"), $digest, "$preload: generation 1 by name");
	is(outcome($session, "SELECT caas_verified_by($ada, 'x', '$digest'), caas_verified_by($ada, 'x', '$renewed')"),
		'1|2', "$preload: both verify");
	$late->quit;

	# A reload is seen within a transaction too, and a rollback does not bring the old keyring back.
	outcome($session, 'BEGIN');
	is(outcome($session, $call), $renewed, "$preload: in a transaction");
	write_keyring($node, @old);
	reload_sessions($node, $session, $client);
	is(outcome($session, $call), $digest, "$preload: a reload in a transaction");
	outcome($session, 'ROLLBACK');
	is(outcome($session, $call), $digest, "$preload: after the rollback");

	# A bad one, at line 3.
	my $log_end = -s $node->logfile;
	write_keyring($node, @old, "2 active today $second\n");
	reload_sessions($node, $session, $client);
	for my $sql (
		$call,
		"SELECT caas_verify($ada, 'x', '$digest')",
		"SELECT caas_encrypt($ada, 'x', 1)",
		"SELECT caas_encrypt($ada, 'x'::bytea)",
		'SELECT * FROM caas_keyring()',
		"SELECT * FROM caas_profile($ada)"
		)
	{
		my ($out, $error) = answer($session, $sql);
		like(
			$error,
			qr/ERROR:  F0000: keyring file "\Q$file\E", line 3: the creation time is not .*\nHINT:/,
			"$preload: file, line and reason in $sql"
		);
		is($out, '', "$preload: and no result");
	}
	my ($out, $error) = answer($client, $call);
	like($error, qr/ERROR:  F0000: keyring file, line 3: the creation time is not/, "$preload: no path for a client");
	unlike($error, qr/\Q$file\E/, "$preload: anywhere");
	is(
		outcome($session, 'SELECT keyring_loaded, active_generation, check_value, keyring_problem FROM caas_status()'),
		qq{f|||keyring file "$file", line 3: the creation time is not YYYY-MM-DDTHH:MM:SSZ},
		"$preload: caas_status says why"
	);
	is(
		outcome($client, 'SELECT keyring_loaded, keyring_problem FROM caas_status()'),
		'f|keyring file, line 3: the creation time is not YYYY-MM-DDTHH:MM:SSZ',
		"$preload: without the path to a client"
	);
	my $log = slurp_file($node->logfile, $log_end);
	like(
		$log,
		qr/client.*ERROR:  keyring file, line 3|ERROR:  keyring file, line 3.*\n.*DETAIL:  keyring file "\Q$file\E", line 3/,
		"$preload: the log has the path of the client's error"
	);
	unlike("$log$error$out", qr/\Q$second\E|\Q$first\E|today/, "$preload: nothing of the content anywhere");

	# Gone.
	unlink $file or die "unlink: $!";
	reload_sessions($node, $session);
	like(
		(answer($session, $call))[1],
		qr/ERROR:  F0000: keyring file "\Q$file\E": the file cannot be opened: No such file or directory/,
		"$preload: no keyring"
	);

	# Mended: the next call works, nobody reloads.
	write_keyring($node, @new);
	is(outcome($session, $call), $renewed, "$preload: mended");
	is(outcome($client, $call), $renewed, "$preload: for the client too");

	# Another path.
	$node->append_conf('postgresql.conf', "caas.keyring_file = ''");
	reload_sessions($node, $session);
	like(
		(answer($session, $call))[1],
		qr/ERROR:  55000: no keyring is configured\nHINT:  "caas setup" makes one/,
		"$preload: none configured"
	);
	is(
		outcome($client, 'SELECT keyring_problem FROM caas_status()'),
		'no keyring is configured',
		"$preload: caas_status says so"
	);
	$node->append_conf('postgresql.conf', "caas.keyring_file = '$file'");
	reload_sessions($node, $session);
	is(outcome($session, $call), $renewed, "$preload: configured again");
	$_->quit for $session, $client;
}
$node->stop;

done_testing();
