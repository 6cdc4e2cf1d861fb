# A connection stays open after any request, refused ones too, until one side asks to close it.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;

my $service = service();
my $encrypt = question('POST', '/encrypt', body_of('/encrypt'));
my $client = $service->connect;
my %code = (
	200 => $encrypt,
	400 => question('POST', '/encrypt', '{'),
	401 => question('POST', '/encrypt', {}, key => undef),
	404 => question('POST', '/nothing', {}),
	405 => question('PUT', '/encrypt', {}),
	415 => question('POST', '/encrypt', '{}', type => undef)
);

for my $round (1 .. 50)
{
	for my $code (sort keys %code)
	{
		$client->send($code{$code});
		my $answer = $client->answer or last;
		is($answer->{code}, $code, "round $round") if $round == 1 || $answer->{code} != $code;
	}
}
$client->send($encrypt);
is($client->answer->{code}, 200, 'the connection is still open');

# The body of a refused request is read as its body, never as the next request.
my $trap = 'GET /health HTTP/1.1' . "\r\nHost: x\r\n\r\n";
for my $question (
	question('POST', '/nothing', $trap),
	question('PUT', '/encrypt', $trap),
	question('POST', '/health', $trap),
	question('GET', '/health', $trap)
	)
{
	my ($line) = $question =~ /\A(.*) HTTP/;
	$client = $service->connect;
	$client->send("$question$encrypt");
	isnt($client->answer->{code}, 500, "$line with a body");
	my $next = $client->answer;
	ok(!$next || exists(($next->{json} // {})->{encrypted_data}), 'the body is no request');
}

# Sends a request of this HTTP version with these headers on a connection of its own, and tests whether the connection then ends.
sub after
{
	my ($name, $closes, $version, @headers) = @_;
	my $one = $service->connect;
	$one->send(question('POST', '/encrypt', body_of('/encrypt'), headers => \@headers) =~ s{HTTP/1\.1}{$version}r);
	is(($one->answer // { code => 'no answer' })->{code}, 200, $name);
	if ($closes) { ok($one->ends, 'and the connection ends'); return; }
	$one->send($encrypt);
	is(($one->answer // { code => 'no answer' })->{code}, 200, 'and the connection stays');
	return;
}
after('HTTP/1.1', 0, 'HTTP/1.1');
after('HTTP/1.1, keep-alive', 0, 'HTTP/1.1', 'Connection: keep-alive');
after('HTTP/1.1, close', 1, 'HTTP/1.1', "Connection: $_") for 'close', 'Close', 'foo, close', 'close, foo';
after('HTTP/1.0', 1, 'HTTP/1.0');
after('HTTP/1.0, keep-alive', 1, 'HTTP/1.0', "Connection: $_") for 'keep-alive', 'Keep-Alive';
for my $version ('HTTP/1.0', 'HTTP/1.1')
{
	$client = $service->connect;
	$client->send(
		question('POST', '/encrypt', body_of('/encrypt'),
			headers => [ $version eq 'HTTP/1.0' ? 'Connection: keep-alive' : 'Connection: close' ]) =~
			s{HTTP/1\.1}{$version}r . $encrypt
	);
	my $last = $client->answer;
	is("$last->{code} $last->{headers}{connection}", '200 close', "$version: the last answer says so");
	ok($client->ends, 'what comes behind it is not answered');
}

$client = $service->connect;
$client->send($encrypt =~ s/Host: caas.test/hOST:  caas.test /r);
is($client->answer->{code}, 200, 'a header name in another case');
$client->send(substr $encrypt, 0, 20);
$client->close;
$client = $service->connect;
$client->send($encrypt);
$client->finish;
is(($client->answer // { code => 'no answer' })->{code}, 200, 'who has sent all, and says so, is answered');
ok($client->ends, 'then the connection ends');
$client = $service->connect;
$client->send(substr $encrypt, 0, -1);
$client->finish;
ok($client->ends || ($client->answer // { code => 400 })->{code} == 400,
	'who ends early is not answered as if it were all');
is($service->get('/health')->{code}, 200, 'and it still works');
$service->stop;
done_testing();
