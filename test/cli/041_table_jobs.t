# caas table backfill, rotate and cutover: the calls, the parts, the progress, Ctrl-C, errors and exit codes.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use CaasServer;
use CaasTable;
use POSIX ();
use Test::More;

my $server = table_server();
my ($run, $worker);
$SIG{ALRM} = sub {
	kill 'CONT', $worker if defined $worker;
	kill 'KILL', $run->{pid} if defined $run;
	BAIL_OUT('a program does not end');
};
alarm 1800;

# The orders for the next job. No trace of earlier ones is left.
sub order
{
	my ($batches, $outcome) = @_;
	my $sql = join '; ', (map { qq{TRUNCATE "The caas".stub_$_} } qw(orders calls progress)),
		qq{INSERT INTO "The caas".stub_orders VALUES ($batches, '$outcome')};
	return $server->sql($sql);
}

sub calls
{
	return $server->sql(
		'SELECT job, relation, source, part, parts, batch_ms, pause_ms, lock_timeout_ms, max_lag_bytes
		FROM "The caas".stub_calls ORDER BY part'
	);
}

# Waits until the query is true.
sub wait_for
{
	my ($query) = @_;
	for (1 .. 2000)
	{
		return 1 if $server->sql($query) eq 't';
		select undef, undef, undef, 0.02;
	}
	return fail("never true: $query");
}

sub all_running
{
	return wait_for(
		qq{SELECT count(*) = $_[0] FROM "The caas".stub_progress WHERE state = 'running' AND blocks_done > 0});
}

order(3, '');
my ($code, $out, $err) = table_caas($server, 'table', 'backfill', 'people', '--jobs', 3);
is($code, 0, 'backfill') or diag($err);
like($out, qr/^backfill of public\.people: done, \d+ rows, 0 conflicts$/, 'what it says in the end');
like($err, qr/\Acaas: note: backfill of public\.people in 3 sessions\n/, 'and at the beginning');
is(() = $err =~ /^caas: note: caas_backfill of "people": 30 rows protected\\x1b\[31m$/mg,
	1, 'a notice of several sessions is shown once, escaped');
is(
	calls(),
	join("\n", map { "backfill|people||$_|50|0|10000|" } '1|3', '1|1', '2|3', '3|3'),
	'each part is called once, and the whole table at the end'
);
is(
	$server->sql('SELECT DISTINCT path FROM "The caas".stub_calls'),
	'"$user", public',
	'triggers of the table find what their role finds'
);

order(1, '');
($code, $out, $err) = table_caas($server, 'table', 'rotate', 'public.people',
	qw(--batch-ms 7 --pause-ms 8 --lock-timeout-ms 9 --max-lag-bytes 12345678901 --vacuum));
is($code, 0, 'rotate') or diag($err);
is(calls(), 'rotate|people||1|1|7|8|9|12345678901', 'the options');
like(read_file($server->{log}), qr/VACUUM public\.people/, '--vacuum');
order(1, '');
($code, $out, $err) = table_caas($server, 'table', 'cutover', '"people"', "o'd");
is($code, 0, 'cutover') or diag($err);
is(calls(), "cutover|people|o'd|1|1|50|0|10000|", 'with the column');

order(1, '');
($code, $out, $err) = table_caas($server, 'table', 'cutover', 'people', "o'd", '--jobs', 2, '--dry-run', '--vacuum');
is("$code $err", '0 ', '--dry-run');
is(
	$out,
	join(
		'',
		map {
			qq{CALL "The caas".caas_cutover(relation => 'public.people', source => 'o''d', part => $_, parts => 2, }
				. "batch_ms => 50, pause_ms => 0, lock_timeout_ms => 10000, max_lag_bytes => NULL);\n"
		} 1,
		2
		)
		. qq{CALL "The caas".caas_cutover(relation => 'public.people', source => 'o''d', part => 1, parts => 1, }
		. "batch_ms => 50, pause_ms => 0, lock_timeout_ms => 10000, max_lag_bytes => NULL);\n"
		. "VACUUM public.people;\n",
	'prints what would run'
);
is(calls(), '', 'and calls nothing');
is($server->sql($out =~ s{\n.*}{}sr), "NOTICE:  00000", "what it prints is SQL");

# ---- errors ----
order(2, 'conflicts');
($code, $out, $err) = table_caas($server, 'table', 'backfill', 'people', '--jobs', 2);
is($code, 1, 'conflicts: exit code');
like($out, qr/: done, 40 rows, 4 conflicts$/, 'their number');
like($err, qr/^caas: warning: rows in conflict.*SELECT \* FROM "The caas"\.caas_conflicts$/m, 'and where they are');

order(2, 'violation');
($code, $out, $err) = table_caas($server, 'table', 'backfill', 'people', '--jobs', 1);
is($code, 3, 'an error of one part: exit code');
like($err, qr/^caas: duplicate key\nWhat was done stays; the same command resumes the job\.$/m, 'its message');
unlike("$out$err", qr/ada/, 'and not the value in its detail');
like($out, qr/: failed, 20 rows/, 'what was done until then');

order(100000, '');
$run = start_table($server, 'table', 'backfill', 'people', '--jobs', 2, '--json');
all_running(2);
is($server->sql(q{SELECT count(pg_terminate_backend(pid)) FROM "The caas".stub_progress WHERE part = 1}),
	1, 'one session is ended');
($code, $out, $err) = wait_caas($run);
is($code, 3, 'the command fails');
like($err, qr/^caas: .*terminating connection due to administrator command/m, 'with the reason');
is($server->sql(q{SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CALL%'}), 0, 'the other session was stopped');
like($out, qr/"event":"end".*"state":"failed"/, 'the JSON says so');

table_fails($server, 3, qr/^caas: relation "nothing" does not exist/, 'table', 'backfill', 'nothing');
table_fails(
	$server, 3,
	qr/^caas: the server accepts no API key of this session: the session has set no API key\nHint: set CAAS_API_KEY/,
	{ env => { CAAS_API_KEY => '' } },
	'table', 'backfill', 'people'
);
table_fails(
	$server, 3,
	qr/: the server does not list the API key\n/,
	{ env => { CAAS_API_KEY => 'wrong' } },
	'table', 'rotate', 'people'
);
table_fails($server, 2, qr/--jobs: Value 0 not in range/, 'table', 'rotate', 'people', '--jobs', 0);
table_fails($server, 2, qr/COLUMN is required/, 'table', 'cutover', 'people');

# ---- JSON ----
order(150, '');
($code, $out, $err) = table_caas($server, 'table', 'backfill', 'people', '--jobs', 2, '--json');
is($code, 0, '--json') or diag($err);
my @lines = map { json_of($_) } split /\n/, $out;
is_deeply([ map { $_->{event} } @lines[ 0, 1, -1 ] ], [ 'start', 'progress', 'end' ], 'one object a line');
is_deeply($lines[0], { event => 'start', job => 'backfill', relation => 'public.people', parts => 2 }, 'the first');
ok($lines[1]{fraction} > 0 && $lines[1]{fraction} < 1, 'the fraction done');
is(@{ $lines[1]{parts} }, 2, 'each part');
is_deeply([ @{ $lines[-1] }{qw(state rows_done conflicts fraction)} ], [ 'done', 3000, 0, 1 ], 'the last');

# ---- signals ----
for my $signal ([ INT => 130 ], [ TERM => 143 ])
{
	order(100000, '');
	$run = start_table($server, 'table', 'backfill', 'people', '--jobs', 2);
	all_running(2);
	kill $signal->[0], $run->{pid};
	($code, $out, $err) = wait_caas($run);
	is($code, $signal->[1], "SIG$signal->[0]: exit code");
	like($out, qr/^backfill of public\.people: interrupted, \d+ rows/, 'it says how far it came');
	like($err, qr/^caas: note: what was done stays; run the same command again: it resumes$/m, 'and how to go on');
	is($server->sql(q{SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CALL%'}), 0, 'no session works on');
}

# A worker that cannot be cancelled is not waited for a second time.
order(100000, '');
is($server->sql('CREATE TABLE shut (id int)'), '', 'a table');
$run = start_table($server, 'table', 'backfill', 'people');
all_running(1);
$worker = $server->sql('SELECT pid FROM "The caas".stub_progress');
kill 'STOP', $worker;
kill 'INT', $run->{pid};
select undef, undef, undef, 0.02 until read_file("$run->{dir}/err") =~ /once more ends at once/;
kill 'INT', $run->{pid};
($code) = wait_caas($run);
is($code, 'signal ' . POSIX::SIGINT(), 'a second Ctrl-C ends it at once');
kill 'CONT', $worker;
wait_for(q{SELECT count(*) = 0 FROM pg_stat_activity WHERE query LIKE 'CALL%'}) and pass('the cancelled session ends');

order(100000, '');
($code, $out, $err) = table_caas($server, { no_reader => 1 }, 'table', 'backfill', 'people', '--json');
is($code, 3, 'nobody reads the JSON: exit code');
like($err, qr/standard output cannot be written/, 'the reason');
is($server->sql(q{SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CALL%'}), 0, 'and the work ends');
done_testing();
