# A keyring in a secret as Kubernetes mounts it: a change of the secret comes in with a reload, and not before.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use Keyring;
use MountedSecret qw(mount_secret);
use PostgreSQL::Test::Utils;
use Test::More;

my ($first, $second) = (random_secret(), random_secret());
my $made = PostgreSQL::Test::Utils::tempdir() . '/keyring';
my $mount = PostgreSQL::Test::Utils::tempdir_short() . '/secret';
my $call = q{SELECT caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x')};
my $generation = 'SELECT active_generation FROM caas_status()';

# Mounts a keyring of these generations, read-only for its owner.
sub mount
{
	my @generations = @_;
	Keyring::write_keyring($made, @generations);
	mount_secret($mount, { keyring => $made }, mode => 0400);
	return;
}

mkdir $mount or die "mkdir: $!";
chmod 01777, $mount or die "chmod: $!";    # the mode of such a mount
mount(generation(1, 'active', $first));
my $node = caas_node('mounted');
$node->append_conf('postgresql.conf', "caas.keyring_file = '$mount/keyring'");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION caas');

my $session = keyed_session($node);
my $digest = outcome($session, $call);
like($digest, qr/^[0-9a-f]{64,}$/, 'a digest');
is(outcome($session, q{SELECT count(*) FROM caas_doctor() WHERE finding LIKE '%keyring%'}),
	0, 'the doctor finds nothing wrong with links, modes and folders');

mount(generation(2, 'active', $second), generation(1, 'retired', $first));
is(outcome($session, $call), $digest, 'nothing happens before a reload, though the old file is gone');
reload_sessions($node, $session);
is(outcome($session, $generation), 2, 'the reload follows the links anew');
my $renewed = outcome($session, $call);
isnt($renewed, $digest, 'and computes with the new generation');
is(outcome($session, $call =~ s/'x'/'x', 1/r), $digest, 'the old one verifies');
is(outcome(keyed_session($node), $generation), 2, 'as in a new session');

unlink "$mount/..data" or die "unlink: $!";
reload_sessions($node, $session);
like((answer($session, $call))[1], qr/the file cannot be opened: No such file/, 'a secret that is not there');
mount(generation(2, 'active', $second), generation(1, 'retired', $first));
is(outcome($session, $call), $renewed, 'and is there again');

# Another mode than the platform was told: said with the remedy.
chmod 0444, "$mount/keyring" or die "chmod: $!";
reload_sessions($node, $session);
my ($out, $error) = answer($session, $call);
like(
	$error,
	qr/mode of the file is wider than 0600\n.*HINT:  .* with mode 0440 and the server's group\./,
	'mode 0444 is refused'
);
is($out, '', 'without a digest');
$session->quit;
$node->stop;
done_testing();
