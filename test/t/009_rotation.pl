# API keys and generations rotate under open sessions: two at a time, then the old one goes.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use Digest::SHA qw(sha256_hex);
use PostgreSQL::Test::Utils;
use Test::More;

my $ada = "'4dbcbcfe-4800-40a8-badf-c26b73af230c'";
my $call = "SELECT caas_encrypt($ada, 'x')";
my ($old_key, $new_key) = ('the old key', 'the new key');
my $accepted = 'SELECT api_key_accepted FROM caas_status()';

my $node = caas_node('rotation');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION caas');
my @sessions =
	map { my $session = open_session($node); $session->query_safe("SET caas.api_key = '$_'"); $session } $old_key,
	$new_key;
my $without = open_session($node);

# Which of them may call, after this line of the configuration: the old key, the new key, no key.
sub may_call
{
	my ($line) = @_;
	$node->append_conf('postgresql.conf', $line);
	reload_sessions($node, @sessions, $without);
	my @outcomes = map { outcome($_, $call) } @sessions, $without;
	is(outcome($_, $accepted), (shift(@outcomes) eq '28000' ? 'f' : 't'), 'caas_status agrees') for @sessions, $without;
	return join ' ', map { outcome($_, $call) =~ s/^[0-9a-f]{64,}$/digest/r } @sessions, $without;
}

sub listed { return "caas.api_key_digests = '" . join(', ', @_) . "'"; }
my ($old_entry, $new_entry) = ('old:' . sha256_hex($old_key), 'new-2.0_x:' . sha256_hex($new_key));

is(may_call(listed($old_entry)), 'digest 28000 28000', 'the old key');
is(may_call(listed($old_entry, $new_entry)), 'digest digest 28000', 'both');
is(may_call(listed($new_entry)), '28000 digest 28000', 'the new key');
like(
	(answer($sessions[0], $call))[1],
	qr/HINT:  The caas\.api_key that this session has set is not one that the server lists/,
	'the hint'
);
is(may_call(listed()), '28000 28000 28000', 'an empty list lets nobody in');
like(
	(answer($sessions[1], $call))[1],
	qr/HINT:  The server lists no API key in caas\.api_key_digests, so everybody is refused/,
	'and the hint says so'
);
is(
	may_call(listed(map { sha256_hex("key $_") } 1 .. 63) =~ s/'$/, $new_entry'/r),
	'28000 digest 28000',
	'the last of 64'
);

# EXECUTE alone.
is(may_call('caas.require_api_key = off'), 'digest digest digest', 'no key is asked for');
my $digest = outcome($without, $call);
is(may_call('caas.require_api_key = on'), '28000 digest 28000', 'it is again');
is(may_call('caas.exempt_workers = on'), '28000 digest 28000', 'exempt_workers is for workers only');

# Generations: a new one comes retired, becomes active, the old one retires and goes at last.
my ($first, $second) = (random_secret(), random_secret());
my $by = sub { outcome($sessions[1], "SELECT caas_verified_by($ada, 'x', '$_[0]'), caas_verify($ada, 'x', '$_[0]')") };
my $keyring =
	sub { write_keyring($node, @_); reload_sessions($node, $sessions[1]); return outcome($sessions[1], $call); };
my $one = $keyring->(generation(1, 'active', $first));
isnt($one, $digest, 'another secret, another digest');
is($by->($one), '1|t', 'verified by the only generation');
is($by->($digest), '|f', 'not so a digest of before');
is($keyring->(generation(1, 'active', $first), generation(2, 'retired', $second)),
	$one, 'a newer generation that is not active yet');
my $two = outcome($sessions[1], "SELECT caas_encrypt($ada, 'x', 2)");
isnt($two, $one, 'its digest by name');
is($by->($two), '2|t', 'is verified already');
is($keyring->(generation(1, 'retired', $first), generation(2, 'active', $second)), $two, 'activated');
is($by->($one), '1|t', 'the older digest verifies');
is(outcome($sessions[1], "SELECT caas_encrypt($ada, 'x', 1)"), $one,
	'the form that names a generation keeps its value');
is(outcome($sessions[1], "SELECT caas_verified_by($ada, 'x'::bytea, decode('$one', 'hex'))"), '1', 'bytes too');
is($keyring->(generation(2, 'active', $second)), $two, 'the old one removed');
is($by->($one), '|f', 'its digests verify no more');
is(outcome($sessions[1], "SELECT caas_encrypt($ada, 'x', 1)"), '22023', 'and it cannot be named');
is($keyring->(generation(1, 'active', $first), generation(2, 'retired', $second)), $one, 'and back');
$_->quit for @sessions, $without;
$node->stop;

done_testing();
