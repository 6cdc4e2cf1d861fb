# 100,000 values that eight sessions seal at a time have 100,000 nonces, also where all were forked from a process with the library.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my ($sessions, $statements, $rows) = (8, 5, 2500);
my $ada = '4dbcbcfe-4800-40a8-badf-c26b73af230c';

for my $preload ('none', 'shared')
{
	my $node = caas_node("nonces_$preload", preload => $preload);
	$node->append_conf('postgresql.conf', 'max_connections = 20');
	$node->start;
	local $ENV{PGOPTIONS} = with_key();
	$node->safe_psql('postgres', 'CREATE EXTENSION caas; CREATE TABLE made (session integer, sealed bytea)');

	# All begin at once, when the lock is given up.
	my $starter = $node->background_psql('postgres');
	$starter->query_safe('SELECT pg_advisory_lock(1)');
	my $insert = "INSERT INTO made SELECT pg_backend_pid(), caas_seal('$ada', 'x') FROM generate_series(1, $rows);\n";
	my $script = PostgreSQL::Test::Utils::tempdir() . '/seal.sql';
	append_to_file($script, "SELECT pg_advisory_lock_shared(1);\n" . $insert x $statements);
	my @running = map {
		my ($out, $error) = ('', '');
		IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-f', $script, '-d', $node->connstr('postgres') ],
			'<', \undef, '>', \$out, '2>', \$error)
	} 1 .. $sessions;
	$node->poll_query_until('postgres', q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted},
		$sessions)
		or die 'the sessions do not wait';
	$starter->quit;
	ok($_->finish, "$preload: a session ends well") for @running;

	my $nonce = 'substr(sealed, 4, 16)';
	is(
		$node->safe_psql(
			'postgres',
			"SELECT count(*), count(DISTINCT session), count(DISTINCT $nonce), count(DISTINCT substr(sealed, 20)) FROM made"
		),
		join('|', $sessions * $statements * $rows, $sessions, ($sessions * $statements * $rows) x 2),
		"$preload: 100,000 nonces of eight sessions"
	);
	is(
		$node->safe_psql('postgres', "SELECT count(*) FROM made WHERE caas_open('$ada', sealed) = 'x'"),
		$sessions * $statements * $rows,
		"$preload: all open"
	);

	# Bits that are as often set as not: each of the 128 within six standard deviations, 158 each.
	is(
		$node->safe_psql(
			'postgres',
			qq{SELECT count(*) FROM (SELECT sum(get_bit($nonce, bit)) AS ones FROM made, generate_series(0, 127) AS bit GROUP BY bit) AS bits
		WHERE abs(ones - 50000) > 6 * 158}
		),
		'0',
		"$preload: no bit of a nonce leans to a side"
	);
	$node->stop;
}

done_testing();
