# --rate-limit bounds the requests a second of a name over all its keys and connections. Each value of a batch counts.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;
use Time::HiRes qw(time sleep);

my $limit = 5;

# These names have two keys each and have used nothing yet.
my @fresh = map { "client$_" } 1 .. 30;
my $service = service(
	keys => [ key_line('app'), key_line('other'), map { (key_line($_), key_line("$_-2") =~ s/-2:/:/r) } @fresh ],
	args => [ '--rate-limit', $limit ]
);
my $encrypt = question('POST', '/encrypt', body_of('/encrypt'));

# A client sends many requests at once.
my $client = $service->connect;
my $began = time;
$client->send($encrypt x 100);
my @answers = map { $client->answer } 1 .. 100;
my $took = time - $began;
my @taken = grep { $_->{code} == 200 } @answers;
my @late = grep { $_->{code} != 200 } @answers;
cmp_ok(@taken, '>=', $limit, 'as many as are allowed are answered');
cmp_ok(@taken, '<=', $limit * (2 + $took), 'and not many more');
refused($late[0], 429, 'rate_limited', 'the others are not');
is(scalar(grep { error_code($_->{json}) ne 'rate_limited' } @late), 0, 'for that reason alone');
my $wait = $late[-1]{headers}{'retry-after'} // '';
like($wait, qr/\A[1-9][0-9]?\z/, 'and told when to come again');
is($service->post('/encrypt', body_of('/encrypt'), key => 'other')->{code}, 200, 'another name is not touched');
is($service->get('/health')->{code}, 200, 'nor is what needs no key');
sleep $wait;
is($service->post('/encrypt', body_of('/encrypt'))->{code}, 200, 'then it is answered');

sub single { return $service->post('/encrypt', $_[1] // body_of('/encrypt'), key => $_[0]); }

# Sends a batch of this many values.
sub batch
{
	my ($key, $count) = @_;
	return $service->post('/batch', body_of('/batch', requests => [ (body_of('/encrypt')) x $count ]), key => $key);
}

# Uses up the second of a name and calls ask, whose answer has to be 429. Returns the name. The service allows the next request a fifth of a
# second later: a test that was held up for so long begins again with another name.
sub limited
{
	my ($name, $ask) = @_;
	my ($key, $first, $answer);
	for (1 .. 10)
	{
		$key = shift @fresh;
		$first = batch($key, $limit);
		$answer = $ask->($key);
		last if $first->{code} != 200 || $answer->{code} == 429;
	}
	is($first->{code}, 200, 'a batch of a whole second');
	refused($answer, 429, 'rate_limited', $name);
	return $key;
}
limited('a second batch at once', sub { batch($_[0], $limit) });
limited('a single request', \&single);
limited('a request with the other key of the name', sub { single("$_[0]-2") });
limited('a request whose fields are wrong', sub { single($_[0], { nonsense => 1 }) });
my $key = limited('a batch of more than a second', sub { batch($_[0], 1000) });
ok(wait_for(sub { single($key)->{code} == 200 }, 3), 'was not counted: soon there is an answer again');
batch($key, $limit);
refused(single($key, 'nonsense'), 400, 'invalid_json', 'JSON is looked at before the limit');
refused(single('stranger'), 401, 'invalid_api_key', 'and so is the key');
$service->stop;

# A batch that begins within the limit is served whole. The name then waits, with each of its keys, until it has made up for the rest;
# Retry-After says how long. A reload does not shorten the wait.
$service = service(keys => [ key_line('app'), key_line('app-2') =~ s/-2:/:/r ], args => [ '--rate-limit', 20 ]);
$began = time;
is($service->post('/batch', body_of('/batch', requests => [ (body_of('/encrypt')) x 80 ]))->{code},
	200, 'a batch of four seconds');

# The seconds to wait that a request is told; 0 when it is answered.
sub told
{
	my $answer = single($_[0]);
	return $answer->{code} == 429 ? $answer->{headers}{'retry-after'} : 0;
}
my ($told, $passed) = (told('app'), time - $began);    # the answer was made a little before
# The debt is 81 - 20 requests, less those of the time that has passed.
cmp_ok($told, '>=', 3.05 - $passed, 'the wait is as long as it has to be');
is($told, 4, 'and rounded up') if $passed < 0.05;
cmp_ok($told, '<=', 4, 'and no longer');
ok($service->says(qr/reloaded: /, sub { $service->signal('HUP') }), 'a reload');
my $other = told('app-2');
cmp_ok($other, '>=', 3.05 - (time - $began), 'the wait after a reload is what is left');
cmp_ok($other, '<=', 4, 'and no longer');
sleep $began + 1.5 - time if time < $began + 1.5;
cmp_ok(told('app'), '<=', 2, 'it becomes shorter') if time < $began + 2.9;
my $until = $began + $passed + $told;
sleep $until - time if time < $until;
is(told('app'), 0, 'and is over when it was said to be');
$service->stop;

my $free = service();
$client = $free->connect;
$client->send($encrypt x 300);
is(scalar(grep { $client->answer->{code} == 200 } 1 .. 300), 300, 'without the option there is no limit');
$free->stop;
done_testing();
