# A request that takes longer than --request-timeout is ended with 408, however steadily it comes; others are not held up.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;
use Time::HiRes qw(time sleep);

my $service = service(args => [ '--request-timeout', 1, '--idle-timeout', 30 ]);
my $encrypt = question('POST', '/encrypt', body_of('/encrypt'));
my $head_length = 4 + index $encrypt, "\r\n\r\n";

# Sends this at once, then byte by byte what follows, until there is an answer; returns the time that took, by the clock and of the machine, and the answer.
sub slowly
{
	my ($client, $at_once, $bytes) = @_;
	my ($began, $machine_began) = (time, machine_time());
	$client->send($at_once) if $at_once ne '';
	for my $byte (split //, $bytes)
	{
		last if $client->{in} ne '' || $client->{ended} || machine_time() - $machine_began > 5;
		$client->send($byte);
		sleep 0.1;
	}
	my $answer = eval { $client->answer(timeout => 5) };
	return (time - $began, machine_time() - $machine_began, $answer);
}

sub too_slow
{
	my ($name, $at_once, $bytes, $client) = @_;
	$client //= $service->connect;
	my ($took, $machine_took, $answer) = slowly($client, $at_once, $bytes);
	refused($answer, 408, 'request_timeout', $name);
	cmp_ok($took, '>=', 0.9, 'not before its time');
	cmp_ok($machine_took, '<', 4, 'nor long after');
	ok($client->ends, 'and the connection ends');
	return;
}
too_slow('a slow head', '', $encrypt);
too_slow('a slow body', substr($encrypt, 0, $head_length), substr $encrypt, $head_length);
too_slow(
	'a slow chunked body',
	question('POST', '/encrypt', undef, headers => [ 'Content-Type: application/json', 'Transfer-Encoding: chunked' ]),
	"1\r\n{\r\n" x 50
);
too_slow(
	'a slow trailer',
	question('POST', '/encrypt', undef, headers => [ 'Content-Type: application/json', 'Transfer-Encoding: chunked' ])
		. "0\r\n",
	"X: y\r\n" x 50
);
too_slow('one byte and silence', 'P', '');
too_slow('a head and silence', substr($encrypt, 0, $head_length), '');
my $used = $service->connect;
$used->send($encrypt);
is($used->answer->{code}, 200, 'a connection that was good before');
too_slow('a slow second request', '', $encrypt, $used);
my $expects = $service->connect;
$expects->send(substr($encrypt, 0, $head_length) =~ s/\r\n\r\n/\r\nExpect: 100-continue\r\n\r\n/r);
is($expects->answer->{code}, 100, 'a body is asked for');
too_slow('and never comes', '', '', $expects);

# Hundreds of them, and everybody else is answered at once.
my @slow = map { $service->connect } 1 .. 300;
$_->send(substr $encrypt, 0, 50) for @slow;
my $began = machine_time();
is($service->post('/encrypt', body_of('/encrypt'))->{code}, 200, 'others are answered') for 1 .. 20;
cmp_ok(machine_time() - $began, '<', 1, 'at once');
is(
	scalar(
		grep {
			(eval { $_->answer } // { code => 0 })->{code} != 408
		} @slow
	),
	0,
	'all of the slow ones are told'
);
eventually(sub { $service->sockets < 20 }, 'and their sockets are closed');

# Fast enough requests, one after the other for longer than the time of one.
my $steady = $service->connect;
for (my $together = 0 ; $together < 1.8 ;)
{
	my $began_this = time;
	$steady->send(substr $encrypt, 0, 30);
	sleep 0.2;
	$steady->send(substr $encrypt, 30);
	my $answer = $steady->answer;
	# A machine that stands still can make any request too slow.
	if (time - $began_this > 0.9) { ($steady, $together) = ($service->connect, 0); next; }
	is($answer->{code}, 200, 'each request has its own time') or last;
	$together += time - $began_this;
}
$service->stop;
done_testing();
