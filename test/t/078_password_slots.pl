# caas.max_password_hashes: no more hashes run at a time in the whole server, and no slot is ever lost.
#
# A backend that is stopped (SIGSTOP) within its hash keeps its slot, so who waits and who does not can be looked at in peace.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $ada = '4dbcbcfe-4800-40a8-badf-c26b73af230c';
my $hash = "SELECT caas_hash_password('$ada', 'x')";
my $slow = "SET caas.scrypt_p = 8; $hash";

my $node = caas_node('slots', preload => 'shared', extra => { allows_streaming => 0 });
$node->append_conf(
	'postgresql.conf', join "\n",
	'restart_after_crash = on',
	'caas.scrypt_p = 1',
	'caas.max_password_hashes = 2'
);
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION caas');

# An open session of which the backend is known, with the keyring loaded.
sub session
{
	my $session = keyed_session($node);
	$session->{pid} = outcome($session,
		'SELECT pg_backend_pid() FROM (SELECT caas_version(), caas_password_outdated($$$$)) AS loaded');
	die "no backend: $session->{pid}" unless $session->{pid} =~ /^\d+$/;
	return $session;
}
# Begins a statement, to be ended by finished().
sub begin
{
	my ($session, $sql) = @_;
	$session->query_until(qr/begun/, "\\echo begun\n$sql;\n");
	return;
}
# Returns the output, or the SQLSTATE of the error.
sub finished { my ($session) = @_; return outcome($session, 'SELECT $$end$$') =~ s/\n?end$//r; }

# Processor time that a process has used, in hundredths of a second.
sub used { my ($pid) = @_; return (split / /, slurp_file("/proc/$pid/stat") =~ s/^.*\) //sr)[11]; }

# A session that is stopped within its hash.
sub stopped_session
{
	my $session = session();
	my $before = used($session->{pid});
	begin($session, $slow);
	for (1 .. 1000 * $PostgreSQL::Test::Utils::timeout_default)
	{
		last if used($session->{pid}) - $before >= 8;
		select undef, undef, undef, 0.002;
	}
	kill 'STOP', $session->{pid} or die "kill: $!";
	is($node->safe_psql('postgres', "SELECT state, wait_event FROM pg_stat_activity WHERE pid = $session->{pid}"),
		'active|', 'stopped within its hash');
	return $session;
}

# Waits until so many sessions wait for a slot; how many others are hashing or about to.
sub waiting
{
	my ($count) = @_;
	my $activity =
		q{FROM pg_stat_activity WHERE state = 'active' AND query ~ 'caas_hash_password' AND pid <> pg_backend_pid()};
	$node->poll_query_until('postgres', "SELECT count(*) FILTER (WHERE wait_event = 'Extension') $activity", $count)
		or die "not $count wait";
	return $node->safe_psql('postgres', "SELECT count(*) $activity AND wait_event IS DISTINCT FROM 'Extension'");
}
sub let_go { kill 'CONT', $_->{pid} or die "kill: $!" for @_; return; }

sub limit
{
	my ($count, @sessions) = @_;
	$node->append_conf('postgresql.conf', "caas.max_password_hashes = $count");
	reload_sessions($node, @sessions);
	return;
}
my $phc = qr/^\$caas-scrypt\$v=1\$g=1,ln=15,r=8,p=\d+\$[^\$]+\$[^\$]+$/;

# Two run, six wait.
my @held = map { stopped_session() } 1 .. 2;
my @others = map { session() } 1 .. 6;
begin($_, $hash) for @others;
is(waiting(6), '2', 'eight sessions and a limit of two: two hash, six wait');
like($node->safe_psql('postgres', "SELECT wait_event_type FROM pg_stat_activity WHERE pid = $others[0]{pid}"),
	qr/^Extension$/, 'pg_stat_activity says what for');

# Who waits can be cancelled, timed out and ended; verification waits as well.
$node->safe_psql('postgres', "SELECT pg_cancel_backend($others[0]{pid})");
is(finished($others[0]), '57014', 'a waiting session is cancelled');
is(waiting(5), '2', 'the others go on waiting');
is(
	outcome(
		$others[0],
		"BEGIN; SET LOCAL statement_timeout = 300; SELECT caas_verify_password('$ada', 'x', '\$caas-scrypt\$v=1\$g=1,ln=10,r=8,p=1\$' || repeat('A', 22) || '\$' || repeat('A', 43)) /* caas_hash_password */; ROLLBACK"
	),
	'57014',
	'verification waits too, until a timeout'
);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($others[1]{pid})");
is(waiting(4), '2', 'a waiting session is ended');
is(outcome($others[0], "SELECT caas_password_outdated('x'), caas_encrypt('$ada', 'x') IS NULL"),
	't|f', 'what is no hash does not wait');

# One is cancelled at the very moment when it is woken: the slot is then for the next.
my ($woken, $next) = @others[ 2, 3 ];
my @rest = @others[ 4, 5 ];
$node->safe_psql('postgres', "SELECT pg_cancel_backend($_->{pid})") for @rest, $woken, $next;
is(finished($_), '57014', 'begin again') for @rest, $woken, $next;
answer($next, "SET statement_timeout = '300s'");
begin($woken, $hash);
waiting(1);
begin($next, $hash);
waiting(2);
kill 'STOP', $woken->{pid} or die "kill: $!";
let_go($held[0]);
like(finished($held[0]), $phc, 'a slot is given back while the first who waits is stopped');
$node->safe_psql('postgres', "SELECT pg_cancel_backend($woken->{pid})");
let_go($woken);
is(finished($woken), '57014', 'who is cancelled then');
like(finished($next), $phc, 'and the next takes the slot');
answer($next, 'RESET statement_timeout');
$held[0]->quit;
$held[0] = stopped_session();
begin($_, $hash) for $woken, $next, @rest;
is(waiting(4), '2', 'two hash, four wait');

# A lower limit holds for statements that begin after the reload.
limit(1, $others[0]);
begin($others[0], $hash);
is(waiting(5), '2', 'with a limit of one it waits');
let_go($held[0]);
like(finished($held[0]), $phc, 'one of the two ends');
like(finished($_), $phc, 'those who know the limit of two go on, one at a time') for @others[ 2 .. 5 ];
is(waiting(1), '1', 'the one that knows the limit of one still waits');
let_go($held[1]);
like(finished($_), $phc, 'and ends when the last has ended') for $held[1], $others[0];

# Errors give the slot back: more of them than there are slots.
my $session = $held[1];
limit(1, $session);
for (1 .. 3)
{
	is(outcome($session, "SET caas.scrypt_ln = 18; $hash"), '22023', 'a cost outside the limits');
	is(
		outcome(
			$session,
			"RESET caas.scrypt_ln; SELECT caas_verify_password('$ada', 'x', '\$caas-scrypt\$v=1\$g=9,ln=10,r=8,p=1\$' || repeat('A', 22) || '\$' || repeat('A', 43))"
		),
		'22023',
		'an unknown generation'
	);
	is(outcome($session, "SELECT caas_verify_password('$ada', 'x', 'y')"), 'f', 'no hash at all');
}
is(outcome($session, "BEGIN; SAVEPOINT s; SET LOCAL caas.scrypt_ln = 18; $hash"), '22023', 'in a subtransaction');
like(outcome($session, "ROLLBACK TO s; RESET caas.scrypt_p; $hash; COMMIT"), $phc, 'after the errors there is a slot');
$_->quit for $held[0], $session, @others[ 0, 2 .. 5 ];

# A hashing backend is killed: the server recovers, with every slot.
my $killed = stopped_session();
my $waits = session();
begin($waits, $hash);
is(waiting(1), '1', 'another waits for its slot');
my $log_end = -s $node->logfile;
kill 'KILL', $killed->{pid} or die "kill: $!";
wait_for_log($node, qr/database system is ready to accept connections/, $log_end);
$node->poll_query_until('postgres', 'SELECT true') or die 'no recovery';
$session = session();
like(outcome($session, $hash), $phc, 'after recovery there is a slot');
my $holder = stopped_session();
begin($session, $hash);
is(waiting(1), '1', 'and one only');
let_go($holder);
like(finished($_), $phc, 'both end') for $holder, $session;
$_->quit for $holder, $session;

# Without shared memory there is no limit.
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
$holder = stopped_session();
$session = session();
like(outcome($session, $hash), $phc, 'not in shared_preload_libraries: nobody waits');
let_go($holder);
like(finished($holder), $phc, 'nor did the other');
$_->quit for $holder, $session;

# Costs that a client sets before the library is loaded do not become those of its hashes.
$node->safe_psql('postgres',
	'CREATE ROLE client LOGIN; GRANT EXECUTE ON FUNCTION caas_hash_password(uuid, text) TO client');
for my $way (
	[ '-c caas.scrypt_ln=10', '' ],
	[ '', 'SET caas.scrypt_ln = 10;' ],
	[ '', 'BEGIN; SET LOCAL caas.scrypt_ln = 10; SAVEPOINT s; SET LOCAL caas.scrypt_ln = 11;' ]
	)
{
	my ($options, $before) = @$way;
	local $ENV{PGOPTIONS} = with_key() . " $options";
	my ($code, $out, $error) =
		$node->psql('postgres', "$before $hash; SHOW caas.scrypt_ln", extra_params => [ '-U', 'client' ]);
	like($out, qr/,ln=15,.*\n15$/, "costs set by a client: '$options$before'");
	like($error, qr/permission denied to set parameter "caas.scrypt_ln"/, 'which is told so');
}
$node->stop;

done_testing();
