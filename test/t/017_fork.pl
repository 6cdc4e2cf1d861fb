# Preloaded into the postmaster, the library reads no keyring there: each backend has its own, in locked memory.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use MIME::Base64 qw(decode_base64);
use PostgreSQL::Test::Utils;
use ProcessMemory qw(mappings_with);
use Test::More;

my $call = q{SELECT caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x')};
my $secret = random_secret();
my $bytes = decode_base64($secret);

sub locked_kb
{
	my ($pid) = @_;
	return slurp_file("/proc/$pid/status") =~ /^VmLck:\s+(\d+) kB/m ? $1 : die 'no VmLck';
}

my $node = caas_node('fork', preload => 'shared', keyring => [ generation(1, 'active', $secret) ]);
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION caas');
my ($postmaster) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');

# Two backends from one postmaster, in turns.
my @sessions = map { keyed_session($node) } 1, 2;
my @pids = map { outcome($_, 'SELECT pg_backend_pid()') } @sessions;
is(locked_kb($_), 0, 'nothing is locked before the first call') for @pids;
my $digest = outcome($sessions[0], $call);
like($digest, qr/^[0-9a-f]{64,}$/, 'a digest in the first backend');
is(outcome($sessions[1], $call), $digest, 'the same in the second');
is(outcome($_, $call), $digest, 'and again') for @sessions;

# caas_status reports the same state of locked memory as the kernel.
for my $i (0, 1)
{
	my $says = outcome($sessions[$i], 'SELECT secrets_locked FROM caas_status()');
	is($says, locked_kb($pids[$i]) > 0 ? 't' : 'f', "backend $i: secrets_locked ($says)");
}
is(locked_kb($postmaster), 0, 'the postmaster has locked nothing');

# A reload goes through the postmaster, and makes it read nothing either.
reload_sessions($node, @sessions);
is(outcome($sessions[0], $call), $digest, 'after a reload');
is(locked_kb($postmaster), 0, 'the postmaster still has locked nothing');

SKIP:
{
	my $found = mappings_with($pids[0], 'PGDATA');
	skip 'this user may not look into the memory of the server', 8 unless defined $found;
	$found = mappings_with($pids[0], $bytes);
	cmp_ok(scalar @$found, '>=', 1, 'a backend that called holds the secret');
	is((join ' ', grep { /heap|stack/ } @$found), '', 'not on its heap or stack');
	is(scalar @{ mappings_with($pids[0], substr($secret, 0, 43)) }, 0, 'the text of the keyring is wiped there');
	is(scalar @{ mappings_with($postmaster, $_) }, 0, 'the postmaster holds neither') for $bytes, $secret;
	my $idle = open_session($node);
	my $idle_pid = outcome($idle, 'SELECT pg_backend_pid()');
	is(scalar @{ mappings_with($idle_pid, $_) }, 0, 'nor does a backend that has not called') for $bytes, $secret;
	$idle->quit;
	# Failed closed: what had been read is gone.
	write_keyring($node, 'nonsense');
	reload_sessions($node, $sessions[0]);
	is(outcome($sessions[0], $call), 'F0000', 'a keyring that cannot be used');
	is(scalar @{ mappings_with($pids[0], $bytes) }, 0, 'the secret before it is wiped');
}
$_->quit for @sessions;
$node->stop;

done_testing();
