# --rate-limit bounds the requests a second of a name over all its keys and connections. Each value of a batch counts.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;
use Time::HiRes qw(time sleep);

my $limit = 5;
my $second = key_line('app2') =~ s/\Aapp2:/app:/r;
my $service = service(
	keys => [ key_line('app'), $second, key_line('other'), key_line('idle', 'open') ],
	args => [ '--rate-limit', $limit ]
);
my $encrypt = question('POST', '/encrypt', body_of('/encrypt'));

# The answers to many requests at once, and how long they took.
sub burst
{
	my ($count, $bytes) = @_;
	my $client = $service->connect;
	my $began = time;
	$client->send($bytes x $count);
	my @answers = map { $client->answer } 1 .. $count;
	return (time - $began, @answers);
}

my ($took, @answers) = burst(100, $encrypt);
my @taken = grep { $_->{code} == 200 } @answers;
my @late = grep { $_->{code} != 200 } @answers;
cmp_ok(@taken, '>=', $limit, 'as many as are allowed are answered');
cmp_ok(@taken, '<=', $limit * (2 + $took), 'and not many more');
refused($late[0], 429, 'rate_limited', 'the others are not');
is(scalar(grep { error_code($_->{json}) ne 'rate_limited' } @late), 0, 'for that reason alone');
my $wait = $late[-1]{headers}{'retry-after'} // '';
like($wait, qr/\A[1-9][0-9]?\z/, 'and told when to come again');

refused($service->post('/encrypt', body_of('/encrypt'), key => 'app2'),
	429, 'rate_limited', 'the other key of the name');
is($service->post('/encrypt', body_of('/encrypt'), key => 'other')->{code}, 200, 'another name is not touched');
is($service->get('/health')->{code}, 200, 'nor is what needs no key');
burst(20, $encrypt);
refused($service->post('/encrypt', { nonsense => 1 }), 429, 'rate_limited', 'before the fields are looked at');
refused($service->post('/encrypt', 'nonsense'), 400, 'invalid_json', 'after the JSON is');
refused($service->post('/encrypt', body_of('/encrypt'), key => 'stranger'), 401, 'invalid_api_key',
	'and after the key');

sleep $wait;
is($service->post('/encrypt', body_of('/encrypt'))->{code}, 200, 'then it is answered');

# Sends a batch of this many values.
sub batch
{
	return $service->post('/batch', body_of('/batch', requests => [ (body_of('/encrypt')) x $_[0] ]), key => 'other');
}
eventually(sub { batch($limit)->{code} == 200 }, 'a batch of the whole second');
refused(batch($limit), 429, 'rate_limited', 'a second one at once');
refused($service->post('/encrypt', body_of('/encrypt'), key => 'other'), 429, 'rate_limited', 'and a single request');
eventually(sub { batch($limit - 1)->{code} == 200 }, 'later another batch');
refused(batch(1000), 429, 'rate_limited', 'a batch of more than a second');
my $later = sub { $service->post('/encrypt', body_of('/encrypt'), key => 'other')->{code} == 200 };
ok(wait_for($later, 3), 'was not counted: soon there is an answer again');
$service->stop;

# A batch that begins within the limit is served whole. The name then waits, with each of its keys, until it has made up for the rest;
# Retry-After says how long. A reload does not shorten the wait.
$service = service(keys => [ key_line('app'), $second ], args => [ '--rate-limit', 20 ]);
my $began = time;
is($service->post('/batch', body_of('/batch', requests => [ (body_of('/encrypt')) x 80 ]))->{code},
	200, 'a batch of four seconds');

sub told
{
	my $answer = $service->post('/encrypt', body_of('/encrypt'), key => $_[0]);
	return $answer->{code} == 429 ? $answer->{headers}{'retry-after'} : $answer->{code};
}
my ($told, $passed) = (told('app'), time - $began);    # the answer was made a little before
# The debt is 81 - 20 requests, less those of the time that has passed.
cmp_ok($told, '>=', 3.05 - $passed, 'the wait is as long as it has to be');
is($told, 4, 'and rounded up') if $passed < 0.05;
cmp_ok($told, '<=', 4, 'and no longer');
ok($service->says(qr/reloaded: /, sub { $service->signal('HUP') }), 'a reload');
my $other = told('app2');
cmp_ok($other, '>=', 3.05 - (time - $began), 'the wait after a reload is what is left');
cmp_ok($other, '<=', 4, 'and no longer');
sleep $began + 1.5 - time if time < $began + 1.5;
cmp_ok(told('app'), '<=', 2, 'it becomes shorter') if time < $began + 2.9;
my $until = $began + $passed + $told;
sleep $until - time if time < $until;
is(told('app'), 200, 'and is over when it was said to be');
$service->stop;

my $free = service();
my $client = $free->connect;
$client->send($encrypt x 300);
is(scalar(grep { $client->answer->{code} == 200 } 1 .. 300), 300, 'without the option there is no limit');
$free->stop;
done_testing();
