# caas table on a terminal: the progress line, Ctrl-C there, the question of protect, and status --watch, which gives the
# terminal back as it was.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use CaasServer;
use CaasTable;
use POSIX ();
use Test::More;

eval { require IO::Pty; 1 } or plan skip_all => 'IO::Pty is not installed';
my $server = table_server();
my ($pty, $pid, $seen);
my $columns = 120;

# Runs the program with a terminal of 12 lines.
sub on_terminal
{
	my @words = @_;
	$pty = IO::Pty->new;
	$pid = fork() // die "fork: $!";
	if (!$pid)
	{
		$pty->make_slave_controlling_terminal;
		my $slave = $pty->slave;
		open STDIN, '<&', $slave or POSIX::_exit(126);
		open STDOUT, '>&', $slave or POSIX::_exit(126);
		open STDERR, '>&', $slave or POSIX::_exit(126);
		close $pty;
		system 'stty', 'rows', 12, 'cols', $columns;
		%ENV = (%ENV, LC_ALL => 'C.UTF-8', CAAS_API_KEY => the_key(), PGUSER => 'postgres', PGDATABASE => 'postgres');
		exec program(), @words, '-h', $server->{socket}, '-p', $server->{port} or POSIX::_exit(127);
	}
	$pty->close_slave;
	$seen = '';
	return;
}

sub seen_until
{
	my ($pattern) = @_;
	local $SIG{ALRM} = sub { BAIL_OUT("the terminal shows '$seen' only, and not $pattern") };
	alarm 600;
	while ($seen !~ $pattern) { sysread $pty, $seen, 1000, length $seen or last; }
	alarm 0;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	like($seen, $pattern, "shown: $pattern");
	return;
}

sub ended
{
	local $SIG{ALRM} = sub { BAIL_OUT("the program does not end, after '$seen'") };
	alarm 600;
	while (sysread $pty, $seen, 1000, length $seen) { }
	waitpid $pid, 0;
	alarm 0;
	return $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;
}

sub order
{
	return $server->sql(
		qq{TRUNCATE "The caas".stub_orders, "The caas".stub_progress; INSERT INTO "The caas".stub_orders VALUES ($_[0])}
	);
}

order("150, ''");
on_terminal('table', 'backfill', 'people');
seen_until(qr/\rbackfill of public\.people [█▏▎▍▌▋▊▉░]+ \d+ %, [\d,]+ rows, 1,000 rows\/s, 1 s left\e\[K/);
is(ended(), 0, 'the end');
like(
	$seen,
	qr/\r\e\[Kcaas: note: caas_backfill .*\nbackfill of public\.people: done, 1,500 rows/,
	'the line gives way to the last one'
);
unlike($seen, qr/\e\[31m/, 'a notice cannot colour the terminal');

$columns = 80;
order("150, ''");
on_terminal('table', 'backfill', 'people');
seen_until(qr/\rbackfill of public\.people (?:[█▏▎▍▌▋▊▉░]{3}){5,20} \d+ %, [\d,]+ rows, 1,000 rows\/s, 1 s left\e\[K/);
is(ended(), 0, 'a narrow terminal has a shorter bar and all figures');
$columns = 120;

order("100000, ''");
on_terminal('table', 'backfill', 'people');
seen_until(qr/\rbackfill of public\.people /);
syswrite $pty, "\x03";
is(ended(), 130, 'Ctrl-C: exit code');
like($seen, qr/run the same command again: it resumes\r\n\z/, 'how to go on');
is($server->sql(q{SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CALL%'}), 0, 'the session is stopped');

is($server->sql(q{INSERT INTO "The caas".stub_plan VALUES (1, 'statement', 'CREATE TRIGGER ..', NULL)}), '', 'a plan');
for my $answer ([ 'n', 1, 0 ], [ '', 1, 0 ], [ 'y', 0, 1 ])
{
	on_terminal('table', 'protect', 'people', 'id', 'email=email_digest');
	seen_until(qr/Carry this out\? \[y\/N\] /);
	syswrite $pty, "$answer->[0]\n";
	is(ended(), $answer->[1], "protect, answered '$answer->[0]': exit code");
	is($server->sql('SELECT count(*) FROM "The caas".stub_protected'), $answer->[2], 'what it did');
}

column_row($server, 'people', problem => "'the trigger is gone'");
order("1, ''");
is(
	$server->sql(
		q{INSERT INTO "The caas".stub_progress VALUES ('backfill', 'people', 1, 2, 'running', 1, 25, 100, 5, 20, 1, 90, 3,
	'postgres', 1, now(), now())}
	),
	'',
	'a job'
);
for my $end ([ 'q', 0 ], [ "\x03", 0 ], [ 'TERM', 143 ])
{
	on_terminal('table', 'status', '--watch');
	my $name = $pty->ttyname;
	seen_until(qr/\e\[\?1049h.*the trigger is gone.*█████(?:░){15} 25 %.* 1 min 30 s .*q ends\./s);
	unlike(`stty -a < $name`, qr/(?<!-)\b(?:icanon|echo)\b/, 'keys are read at once and not shown');
	is($server->sql('UPDATE "The caas".stub_progress SET blocks_done = 50'), '', 'the job goes on');
	seen_until(qr/██████████(?:░){10} 50 %/);
	is($server->sql('UPDATE "The caas".stub_progress SET blocks_done = 25'), '', 'and back');
	open my $hold, '<', $name or die "$name: $!";
	if (length $end->[0] == 1) { syswrite $pty, $end->[0]; }
	else { kill $end->[0], $pid; }
	select undef, undef, undef, 0.01 until waitpid($pid, POSIX::WNOHANG()) == $pid;
	is($? >> 8, $end->[1], sprintf 'ended by %vd: exit code', $end->[0]);
	like(`stty -a < $name`, qr/(?<!-)\bicanon\b.*(?<!-)\becho\b/s, 'the terminal is as before');
	close $hold;
	ended();
	like($seen, qr/\e\[\?25h\e\[\?1049l\z/, 'and shows what it showed');
}

# The figures are not cut off where the terminal is narrow: the bar becomes shorter, or goes.
for my $shown ([ 94, qr/running  ███(?:░){9} 25 % .* 1 min 30 s +3\e\[K/ ],
	[ 82, qr/running  25 % .* 1 min 30 s +3\e\[K/ ])
{
	$columns = $shown->[0];
	on_terminal('table', 'status', '--watch');
	seen_until($shown->[1]);
	syswrite $pty, 'q';
	is(ended(), 0, 'q: exit code');
}
$columns = 120;

# A query that does not end can be left, and a session that ends gives the terminal back too.
my $lock = fork() // die "fork: $!";
if (!$lock)
{
	$server->sql('BEGIN; LOCK TABLE "The caas".stub_columns; SELECT pg_sleep(300)');
	POSIX::_exit(0);
}
my $waiting = q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'};
select undef, undef, undef, 0.02 until $server->sql($waiting) == 1;
on_terminal('table', 'status', '--watch');
seen_until(qr/\e\[\?1049h/);
select undef, undef, undef, 0.02
	until $server->sql(q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'}) == 1;
syswrite $pty, 'q';
is(ended(), 0, 'q while a query waits: exit code');
like($seen, qr/\e\[\?1049l\z/, 'the terminal is back');
is($server->sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'}),
	't', 'the lock ends');
waitpid $lock, 0;
on_terminal('table', 'status', '--watch');
seen_until(qr/q ends\./);
is($server->sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'caas'}),
	't', 'a session is ended');
is(ended(), 3, 'the session is gone: exit code');
like($seen, qr/\e\[\?1049lcaas: .*terminating connection/, 'the terminal is back, then comes the message');

# A password is asked for where the server wants one.
is($server->sql(q{CREATE ROLE keeper SUPERUSER LOGIN PASSWORD 'the password, unsaid'}), '', 'a role with a password');
my $access = read_file("$server->{data}/pg_hba.conf");
write_file("$server->{data}/pg_hba.conf", "local all keeper scram-sha-256\n$access");
is($server->sql('SELECT pg_reload_conf()'), 't', 'that is asked for it');
order("2, ''");
on_terminal('table', 'backfill', 'people', '-U', 'keeper', '--jobs', 2);
seen_until(qr/Password: /);
my $tries = 0;
until (`stty -a < @{[ $pty->ttyname ]}` =~ / -echo / || ++$tries > 1000) { select undef, undef, undef, 0.01; }
syswrite $pty, "the password, unsaid\n";
is(ended(), 0, 'the sessions of the job are not asked again');
unlike($seen, qr/unsaid/, 'and it is not shown');
table_fails($server, 3, qr/no password supplied/, 'table', 'status', '-U', 'keeper');

my ($code, undef, $err) = table_caas($server, 'table', 'status', '--watch');
is($code, 2, '--watch without a terminal');
like($err, qr/^caas: --watch needs a terminal$/m, 'its message');
is((table_caas($server, 'table', 'status', '--watch', '--json'))[0], 2, '--watch and --json');
done_testing();
