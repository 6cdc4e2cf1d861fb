# Every answer has the header Date (RFC 9110, section 6.6.1), also an error, and the time in it goes on.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;
use Time::Local qw(timegm);

my $service = service(args => [ '--max-body', 1000, '--request-timeout', 1 ]);
my @months = qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec);
my @days = qw(Sun Mon Tue Wed Thu Fri Sat);

# The seconds of a date in the form that RFC 9110 prescribes, and 0 for anything else.
sub seconds
{
	my ($date) = @_;
	my ($name, $day, $month, $year, $hour, $minute, $second) =
		($date // '') =~ /\A(\w{3}), (\d\d) (\w{3}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT\z/
		or return 0;
	my ($number) = grep { $months[$_] eq $month } 0 .. 11;
	return 0 unless defined $number;
	my $time = timegm($second, $minute, $hour, $day, $number, $year);
	return $days[ (gmtime $time)[6] ] eq $name ? $time : 0;
}

sub dated
{
	my ($name, $code, $ask) = @_;
	my $before = time;
	my $answer = $ask->() // {};
	my $date = seconds($answer->{headers}{date});
	is($answer->{code}, $code, $name);
	ok($date >= $before - 1 && $date <= time, "$name: its date is now") or diag($answer->{headers}{date} // 'no date');
	return;
}
sub raw { my ($bytes) = @_; my $client = $service->connect; $client->send($bytes); return scalar $client->answer; }

dated('an answer', 200, sub { $service->post('/encrypt', body_of('/encrypt')) });
dated('a GET', 200, sub { $service->get('/metrics') });
dated('a HEAD', 200, sub { $service->ask('HEAD', '/health', undef, key => undef) });
dated('no key', 401, sub { $service->post('/encrypt', body_of('/encrypt'), key => undef) });
dated('no path', 404, sub { $service->post('/nothing', {}) });
dated('another method', 405, sub { $service->ask('PUT', '/encrypt', {}) });
dated('a late request', 408, sub { raw('GET /') });
dated('a large body', 413, sub { $service->post('/encrypt', 'x' x 1001) });
dated('no HTTP', 400, sub { raw("nonsense\r\n\r\n") });
dated('large headers', 431, sub { raw('GET /' . 'x' x 20_000) });

# The same request on one connection again and again: the date is renewed every second.
my $client = $service->connect;
my %dates;
ok(
	wait_for(sub {
		$client->send(request_bytes('GET', '/health'));
		$dates{ seconds($client->answer->{headers}{date}) } = 1;
		keys %dates >= 3;
	}),
	'the date of kept answers goes on'
);
my @seen = sort { $a <=> $b } keys %dates;
cmp_ok($seen[-1] - $seen[0], '>=', 2, 'by seconds');
$service->stop;
done_testing();
