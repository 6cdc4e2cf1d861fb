# Requests are answered in their order, whether they come in one write or in pieces of any size.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;

my $service = service();
my (%digest, @questions);
for my $number (0 .. 199)
{
	my $body = body_of('/encrypt', sensitiveData => "data $number");
	$digest{$number} = $service->post('/encrypt', $body)->{json}{encrypted_data};
	push @questions, question('POST', '/encrypt', $body);
}
is(keys %{ { reverse %digest } }, 200, 'every answer is another');

sub answers_in_order
{
	my ($client, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @wrong =
		grep { my $answer = $client->answer; !$answer || ($answer->{json}{encrypted_data} // '') ne $digest{$_} }
		0 .. 199;
	is("@wrong", '', $name);
	return;
}

my $client = $service->connect;
$client->send(join '', @questions);
answers_in_order($client, 'all in one write');
for my $size (1, 7, 100, 1000, 1_000_003)
{
	my $all = join '', @questions;
	for (my $at = 0 ; $at < length $all ; $at += $size) { $client->send(substr $all, $at, $size); }
	answers_in_order($client, "in pieces of $size bytes");
}

# The same with other routes, errors and large bodies in between.
my @mixed = (
	question('GET', '/health', undef, key => undef),
	question('POST', '/nothing', {}),
	question('POST', '/encrypt', '{'),
	question('POST', '/seal', body_of('/seal', sensitiveData => 'x' x 500_000)),
	question('HEAD', '/health', undef, key => undef),
	$questions[0]
);
for my $round (1 .. 3)
{
	$client->send(join '', (@mixed) x 3);
	for (1 .. 3)
	{
		is($client->answer(head => $_ == 1)->{code}, $_ == 0 ? 200 : $_ == 1 ? 200 : $_, 'mixed')
			for 200, 404, 400, 200, 1, 200;
	}
}

# Bytes that are no HTTP end the connection after the answers to the requests before them.
$client->send("$questions[0]$questions[1]nonsense\r\n\r\n$questions[2]");
is($client->answer->{json}{encrypted_data}, $digest{$_}, 'an answer') for 0, 1;
my $bad = $client->answer;
refused($bad, 400, 'bad_request', 'what is no request');
ok($client->ends, 'ends the connection');

# Many connections at once do not mix their requests.
my @clients = map { $service->connect } 1 .. 50;
$clients[$_]->send(join '', map { substr $_, 0, 60 } $questions[$_]) for 0 .. 49;
$clients[$_]->send(substr $questions[$_], 60) for reverse 0 .. 49;
my @wrong = grep { ($clients[$_]->answer->{json}{encrypted_data} // '') ne $digest{$_} } 0 .. 49;
is("@wrong", '', 'fifty connections do not mix');
$service->stop;
done_testing();
