# SIGTERM and SIGINT: no more connections, what has been received is answered, and the end is 0.
use strict;
use warnings;
use lib 'test/http', 'test/cli';
use CaasCli qw(preload);
use HttpService;
use POSIX ();
use Test::More;
use Time::HiRes qw(time);

my $encrypt = question('POST', '/encrypt', body_of('/encrypt'));
for my $signal (qw(TERM INT))
{
	my $service = service();
	my $idle = $service->connect;
	my $used = $service->connect;
	$used->send($encrypt);
	my $digest = $used->answer->{body};
	my $slow = $service->connect;
	$slow->send(substr $encrypt, 0, -5);
	my $many = $service->connect;
	$many->send($encrypt x 200);
	is($many->answer->{code}, 200, 'the first of many');
	my $url = $service->url;
	my $began = machine_time();
	$service->signal($signal);
	is(scalar(grep { my $answer = $many->answer; $answer && $answer->{body} eq $digest } 2 .. 200),
		199, "SIG$signal: what was received is answered");
	ok($many->ends, 'then the connection ends');
	ok($_->ends, 'as do those without a request') for $idle, $used;
	ok(
		wait_for(sub {
			!eval { HttpClient->new($url) }
		}),
		'no more connections'
	);
	$slow->send(substr $encrypt, -5);
	my $answer = $slow->answer;
	is($answer && $answer->{body}, $digest, 'a request under way is answered');
	ok($slow->ends, 'and then its connection ends');
	$service->stopped;
	cmp_ok(machine_time() - $began, '<', 8, 'soon');
	is(scalar(grep { log_entry($_)->{code} == 200 } split /\n/, $service->log_text), 202, 'the log has every request');
}

# A client that never ends a request or never reads an answer does not delay the end by more than the request timeout.
my $service = service(args => [ '--request-timeout', 2 ]);
my @slow = map { $service->connect } 1 .. 5;
$_->send(substr $encrypt, 0, 30) for @slow;
my $deaf = $service->connect(buffer => 4096);
$deaf->send(question('POST', '/seal', body_of('/seal', sensitiveData => 'x' x 700_000)) x 20, deaf => 1, timeout => 1);
my $began = machine_time();
$service->stop;
cmp_ok(machine_time() - $began, '<', 10, 'it ends in time');

# The same holds for a client that sends requests without an end.
my $flooded = service(args => [ '--request-timeout', 2 ], log => 'off');
my $flood = $flooded->connect;
my $sender = fork() // die "fork: $!";
if ($sender == 0)
{
	my $end = time + 30;
	while (time < $end && $flood->send($encrypt x 200)) { $flood->{in} = ''; }
	POSIX::_exit(0);
}
eventually(sub { $flooded->get('/metrics')->{body} =~ m{^caas_http_requests_total\{.*"/encrypt".*\} [0-9]{3}}m },
	'a flood of requests');
$began = machine_time();
$flooded->stop;
cmp_ok(machine_time() - $began, '<', 10, 'ends with the service');
waitpid $sender, 0;

my $twice = service();
my $hanging = $twice->connect;
$hanging->send(substr $encrypt, 0, 30);
$twice->signal('TERM');
# Two signals at once would count as one.
eventually(sub { $twice->refuses_connections }, 'after the first signal there is no new connection');
ok(!$hanging->ends(0.3), 'a request that has begun has its time');
$twice->signal('TERM');
ok($hanging->ends, 'after the second one it has none');
$twice->stopped;

# The main thread has a timer of a second. Held up for longer, it sees the end of the other threads and the timer together.
$service = service(env => preload(folder(), 'epoll_wait 1200000'));
$began = time;
$service->stop;
cmp_ok(time - $began, '>=', 1.2, 'the main thread was held up');
done_testing();
