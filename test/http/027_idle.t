# A connection between two requests is closed after --idle-timeout, without a word.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;
use Time::HiRes qw(time);

my $service = service(args => [ '--idle-timeout', 1, '--request-timeout', 30 ]);
my ($began, $machine_began) = (time, machine_time());
my $new = $service->connect;
my $used = $service->connect;
$used->send(question('POST', '/encrypt', body_of('/encrypt')));
is($used->answer->{code}, 200, 'a request');
ok($new->ends, 'a connection without any ends');
cmp_ok(time - $began, '>=', 0.9, 'not before its time');
ok($used->ends, 'as does one after a request');
cmp_ok(machine_time() - $machine_began, '<', 4, 'nor long after');

my $busy = $service->connect;
for (my ($together, $last) = (0, time) ; $together < 2.5 ;)
{
	$busy->send(request_bytes('GET', '/health'));
	my ($answer, $pause) = ($busy->answer, time - $last);
	$last = time;
	# A machine that stands still can make any pause too long.
	if ($pause > 0.9) { ($busy, $together) = ($service->connect, 0); next; }
	is(($answer // { code => 'no answer' })->{code}, 200, 'one that is used stays') or last;
	$together += $pause;
	select undef, undef, undef, 0.25;
}
# An idle time is none while a request is being sent.
my $slow = $service->connect;
my $health = request_bytes('GET', '/health');
$slow->send(substr $health, 0, 10);
select undef, undef, undef, 1.6;
$slow->send(substr $health, 10);
is(($slow->answer // { code => 'no answer' })->{code}, 200, 'a request under way is not idle');
$service->stop;
done_testing();
