# Values up to the limit of 1 GB, whose memory is given back, and statements that are cancelled while they digest.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $ada = "'4dbcbcfe-4800-40a8-badf-c26b73af230c'";
my $mega = 1024 * 1024;

# Memory of a backend in MB: VmRSS now, VmHWM at most.
sub memory
{
	my ($pid, $what) = @_;
	return slurp_file("/proc/$pid/status") =~ /^$what:\s+(\d+) kB/m ? $1 / 1024 : die "no $what";
}

# One of the faster algorithms; what is large is not theirs.
my $node = caas_node('large', keyring => [ generation(1, 'active', random_secret(), 'digests=hmac-sha256') ]);
$node->start;
$node->safe_psql(
	'postgres', q{CREATE EXTENSION caas;
	CREATE DATABASE latin1 ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0}
);
$node->safe_psql('latin1', 'CREATE EXTENSION caas');
my $session = keyed_session($node);
my $pid = outcome($session, 'SELECT pg_backend_pid()');

# A text that is stored compressed, many times over: each copy is freed.
outcome($session,
	"CREATE TABLE large AS SELECT n, repeat('0123456789abcdef', $mega) || n AS value FROM generate_series(1, 3) n");
outcome($session, "SELECT caas_encrypt($ada, 'warm up')");
my $before = memory($pid, 'VmRSS');
my $digests = outcome(
	$session, "SELECT count(caas_encrypt($ada, value)), count(DISTINCT caas_encrypt($ada, value))
	FROM large, generate_series(1, 10)"
);
is($digests, '30|3', 'values of 16 MB');
is(
	outcome(
		$session,
		"SELECT bool_and(decode(caas_encrypt($ada, value), 'hex') = caas_encrypt($ada, convert_to(value, 'UTF8')))
	FROM large"
	),
	't',
	'the same as their bytes'
);
is(outcome($session, "SELECT bool_and(caas_verify($ada, value, caas_encrypt($ada, value))) FROM large"),
	't', 'verified');
cmp_ok(memory($pid, 'VmHWM'), '<', $before + 200, 'at no time much more than two copies are held');
cmp_ok(memory($pid, 'VmRSS'), '<', $before + 100, 'nor afterwards');

SKIP:
{
	my ($available) = slurp_file('/proc/meminfo') =~ /^MemAvailable:\s+(\d+) kB/m;
	skip sprintf('values of 1 GB need 5 GB of memory, %.1f are free', $available / $mega), 6 if $available < 5 * $mega;
	# The longest text has 5 bytes less than 1 GB; this one has 8.
	my $piece = "repeat('x', 262657)";
	is(
		outcome(
			$session,
			"SELECT octet_length(value), decode(caas_encrypt($ada, value), 'hex') = caas_encrypt($ada, convert_to(value, 'UTF8'))
		FROM (SELECT repeat($piece, 4088) OFFSET 0) longest (value)"
		),
		1024 * $mega - 8 . '|t',
		'a text of 1 GB, the same as its bytes'
	);
	is(outcome($session, "SELECT caas_encrypt($ada, repeat($piece, 4089))"),
		'54000', 'a longer one is an error of the server');
	is(outcome($session, "SELECT caas_seal($ada, repeat($piece, 4088))"),
		'54000', 'and cannot be sealed, which makes it 51 bytes longer');
	cmp_ok(memory($pid, 'VmRSS'), '<', $before + 100, 'the memory is given back');

	# More than the server's conversions take at once.
	my $accented = "repeat($piece || chr(233), 2150)";
	my $latin1 = keyed_session($node, database => 'latin1');
	my $digest = outcome($latin1, "SELECT caas_encrypt($ada, $accented)");
	like($digest, qr/^[0-9a-f]{64}$/, '565 MB to be converted to UTF-8');
	is(outcome($session, "SELECT caas_encrypt($ada, $accented)"), $digest, 'the same that are UTF-8');
	$latin1->quit;
}

# Cancelled, by timeout and by another session; the session goes on, and its results are right.
my $endless = "SELECT count(caas_encrypt(md5(n::text)::uuid, n::text)) FROM generate_series(1, 2000000000) n";
my $right = outcome($session, "SELECT caas_encrypt($ada, 'x')");
is(outcome($session, "SET statement_timeout = '100ms'; $endless"), '57014', 'statement_timeout');
is(outcome($session, "RESET statement_timeout; SELECT caas_encrypt($ada, 'x')"), $right, 'and on it goes');
my $other = open_session($node);
$session->{stdin} .= "$endless;\n";
$session->{run}->pump_nb;
$node->poll_query_until('postgres',
	"SELECT query LIKE '%2000000000%' AND state = 'active' FROM pg_stat_activity WHERE pid = $pid")
	or die 'the statement does not start';
is(outcome($other, "SELECT pg_cancel_backend($pid)"), 't', 'cancelled');
like(
	(answer($session, "SELECT caas_encrypt($ada, 'x')"))[1],
	qr/ERROR:  57014: canceling statement due to user request/,
	'the statement ends'
);
is(outcome($session, "SELECT caas_encrypt($ada, 'x')"), $right, 'and on it goes');
$_->quit for $session, $other;
$node->stop;

done_testing();
