# The access log has one line a request with the documented keys. It holds nothing of the request but its route.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;
use Time::HiRes ();
use Time::Local qw(timegm);

my $service = service(
	keys => [ key_line('app'), key_line('reader', 'open') ],
	args => [ '--max-body', 1000, '--request-timeout', 1 ]
);
my @expected;
my $begun = Time::HiRes::time();

# Tests the answer's code, and notes the line that the log must have: key, route, code.
sub asked
{
	my ($answer, $key, $route, $code) = @_;
	is(($answer // { code => 'no answer' })->{code}, $code, join ' ', $route // 'no route', $key // 'no key', $code);
	push @expected, [ $key, $route, $code ];
	return;
}
# The time of a line, in seconds.
sub seconds
{
	my ($entry) = @_;
	my ($year, $month, $day, $hour, $minute, $second) =
		$entry->{time} =~ /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d\.\d{6})Z$/
		or return 0;
	return timegm(0, $minute, $hour, $day, $month - 1, $year) + $second;
}

sub named
{
	return join ' ', map { $_ // 'null' } @_;
}
sub raw { my ($bytes) = @_; my $client = $service->connect; $client->send($bytes); return scalar $client->answer; }

asked($service->post("/$_", body_of("/$_")), 'app', "/$_", 200) for qw(encrypt verify seal blind-index);
asked($service->post('/open', body_of('/open')), 'app', '/open', 400);
asked($service->post('/batch', body_of('/batch')), 'app', '/batch', 200);
asked($service->get($_), undef, $_, 200) for qw(/health /metrics /openapi.json);
asked($service->ask('HEAD', '/health', undef, key => undef), undef, '/health', 200);
asked($service->get('/health', key => 'app'), undef, '/health', 200);
asked($service->post('/encrypt?query=1', body_of('/encrypt')), 'app', '/encrypt', 200);
asked($service->post('/encrypt', body_of('/encrypt'), key => $_), undef, '/encrypt', 401) for undef, 'stranger';
asked($service->post('/encrypt', body_of('/encrypt'), key => 'reader'), 'reader', '/encrypt', 403);
asked($service->post('/encrypt', {}), 'app', '/encrypt', 400);
asked($service->post('/encrypt', '{'), 'app', '/encrypt', 400);
asked($service->post('/encrypt', '{', key => undef), undef, '/encrypt', 400);
asked($service->post('/encrypt', '{}', type => 'text/plain'), undef, '/encrypt', 415);
asked($service->post('/encrypt', 'x' x 1001), undef, '/encrypt', 413);
asked($service->ask('PUT', '/encrypt', {}), undef, '/encrypt', 405);
asked($service->post('/nothing', {}), undef, undef, 404);
asked(raw("nonsense\r\n\r\n"), undef, undef, 400);
asked(raw('GET /' . 'x' x 20_000), undef, undef, 431);
asked(raw('GET /he'), undef, undef, 408);
my $late = Time::HiRes::time();
is($service->post('/encrypt', body_of('/encrypt', apiKey => api_key('reader')))->{code}, 403, 'the key of the field');
push @expected, [ 'reader', '/encrypt', 403 ];

my @entries = $service->log_entries(scalar @expected);
is(scalar @entries, scalar @expected, 'one line a request');
for my $entry (map { [ @$_{qw(key route code)} ] } @entries)
{
	my $name = named(@$entry);
	my ($found) = grep { named(@{ $expected[$_] }) eq $name } 0 .. $#expected;
	ok(defined $found, "a line that belongs: $name");
	splice @expected, $found, 1 if defined $found;
}
is(scalar @expected, 0, 'and none is missing') or diag(explain(\@expected));
my $ended = Time::HiRes::time();
is(
	scalar grep({ seconds($_) >= $begun - 1e-6 && seconds($_) <= $ended } @entries),
	scalar @entries,
	'the times are those of the requests'
);
ok($late - $begun > 0.9, 'which took more than a moment');
is(scalar grep({ seconds($_) >= $late - 1e-6 } @entries), 1, 'one came late');
ok(!grep({ $_->{microseconds} > 5_000_000 } @entries), 'microseconds are those of the work');
$service->stop;

my $standard = service(log => undef);
is($standard->get('/health')->{code}, 200, 'a request');
is(scalar(my @lines = $standard->log_entries(1)), 1, 'the log goes to standard output by default');
$standard->stop;
my $off = service(log => 'off');
is($off->get('/health')->{code}, 200, 'a request') for 1 .. 10;
$off->stop;
is($off->printed, '', 'off: there is none');
ok(!-e 'off', 'nor a file of that name');
my $pipelined = service();
my $client = $pipelined->connect;
Time::HiRes::usleep(2000)
	until Time::HiRes::time() - int(Time::HiRes::time()) < 0.02;    # where microseconds have few digits
$client->send(request_bytes('GET', '/health') x 3000);
$client->answer for 1 .. 3000;
is(scalar(@lines = $pipelined->log_entries(3000)), 3000, '3000 requests have 3000 lines');
is(scalar grep({ seconds($lines[$_]) < seconds($lines[ $_ - 1 ]) } 1 .. $#lines), 0, 'in the order of their times');
$pipelined->stop;
done_testing();
