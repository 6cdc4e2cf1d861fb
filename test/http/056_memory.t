# --max-memory bounds the memory of all requests and answers in flight. Beyond it large requests get 503, and small ones are
# answered. Freed memory goes back to the system.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;

my $MIB = 1_048_576;
my $dir = folder();
my $limit = 64 * $MIB;
my @args = ('--request-timeout', 120, '--max-connections-per-address', 1000);
my $service = service(args => [ '--max-memory', $limit, @args ]);
my $encrypt = question('POST', '/encrypt', body_of('/encrypt'));
my $large = question('POST', '/encrypt', body_of('/encrypt', sensitiveData => 'x' x ($MIB - 200)));

# Bytes of the process in memory.
sub resident { return 1024 * (read_file("/proc/$service->{pid}/status") =~ /^VmRSS:\s+(\d+)/m)[0]; }
sub code { my ($answer) = @_; return ($answer // { code => 'no answer' })->{code}; }

# Names the kind of an answer: ok, busy or something else.
sub kind
{
	my ($answer) = @_;
	return 'no answer' unless $answer;
	return 'ok' if $answer->{code} == 200;
	my $error = error_code($answer->{json});
	return $answer->{code} == 503
		&& ($answer->{headers}{'retry-after'} // '') =~ /\A[1-9]\d*\z/ ? $error : "$answer->{code} $error";
}

is(code($service->post('/encrypt', body_of('/encrypt', sensitiveData => 'x' x ($MIB - 200)))), 200, 'a large request');
my $started = resident();
for my $round (1 .. 3)
{
	# Many begin a large body and never end it.
	my @clients = map { $service->connect } 1 .. 100;
	$_->send(substr $large, 0, -1) for @clients;
	my ($busy, $strange) = (0, '');
	for my $client (@clients)
	{
		my $answer = eval { $client->answer(timeout => 0.05) };
		next if !$answer && $@ =~ /in time/;
		kind($answer) eq 'busy' ? $busy++ : ($strange .= kind($answer) . ' ');
	}
	is($strange, '', "round $round: only 503 busy with Retry-After");
	cmp_ok($busy, '>=', 100 - 64, 'who goes beyond the limit is refused');
	cmp_ok($busy, '<=', 100 - 40, 'who does not is kept');
	cmp_ok(resident() - $started, '<', $limit + 24 * $MIB, 'the memory of the process is bounded');
	is(code($service->get($_)), 200, "$_ is answered") for '/health', '/metrics';
	is(code($service->post('/encrypt', body_of('/encrypt'))), 200, 'so are small requests');
	$_->close for @clients;
	eventually(
		sub { code($service->post('/encrypt', body_of('/encrypt', sensitiveData => 'x' x ($MIB - 200)))) == 200 },
		'then large ones again');
	eventually(sub { resident() - $started < 24 * $MIB }, 'and the memory goes back to the system');
}

$service->stop;

# Answers that are not read count too.
$limit = 16 * $MIB;
$service = service(listen => [ '127.0.0.1:0', "unix:$dir/socket" ], args => [ '--max-memory', $limit, @args ]);
my @requests = map { { userUUID => some_uuid(), sensitiveData => 'x' } } 1 .. 9000;
my $batch = question('POST', '/batch', body_of('/batch', operation => 'encrypt', requests => \@requests));
$service->post('/batch', body_of('/batch', operation => 'encrypt', requests => \@requests));
$started = resident();
my @readers = map { HttpClient->new("unix:$dir/socket") } 1 .. 40;
$_->send($batch, deaf => 1) for @readers;
eventually(
	sub {
		$service->get('/metrics')->{body} =~ m{^caas_http_requests_total\{code="503",route="/batch"\}}m
			|| $service->get('/metrics')->{body} =~ m{^caas_http_requests_total\{route="/batch",code="503"\}}m;
	},
	'answers that nobody reads are bounded'
);
cmp_ok(resident() - $started, '<', $limit + 24 * $MIB, 'and so is the memory of the process');
my %kinds;
for my $client (@readers)
{
	$kinds{ kind(eval { $client->answer }) }++;
	diag($@ || ($client->{reset} ? 'reset' : ())) if $@ || $client->{reset};
}
is(join(' ', sort keys %kinds), 'busy ok', 'those beyond the limit are 503, the others come as a whole');
cmp_ok($kinds{ok}, '>=', 5, 'which are many');
is(code($service->post('/batch', body_of('/batch', operation => 'encrypt', requests => \@requests))),
	200, 'then batches are served again');
$_->close for @readers;
$service->stop;
done_testing();
