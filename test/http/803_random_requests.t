# Requests that chance has changed and cut into pieces: whatever comes, the service lives, every answer is HTTP with a documented
# code, and nothing of a request is in an error or a log. CAAS_TEST_SEED=N repeats a run, CAAS_TEST_CASES=N makes more of it.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;

my $seed = $ENV{CAAS_TEST_SEED} // int rand 1 << 31;
my $cases = $ENV{CAAS_TEST_CASES} // 600;
diag "CAAS_TEST_SEED=$seed";
srand $seed;

my $word = 'Inner3xt';
my %status;
for my $row ((read_file('docs/http.md') =~ s/.*^## Errors//msr =~ s/^## .*//msr) =~ /^\| ([0-9]{3} \|.*)$/mg)
{
	my ($code) = $row =~ /([0-9]+)/;
	$status{$_} = $code for $row =~ s/\([^)]*\)//gr =~ /`([a-z0-9_]+)`/g;
}

my $service = service(args => [ '--request-timeout', 3 ]);
my %user = (userUUID => 'deadbeef-dead-4bee-8bad-badcafe12345', sensitiveData => $word x 4);
my $sealed = $service->post('/seal', \%user)->{json}{sealed_data};
my $sockets = $service->sockets;

sub chunked
{
	my ($head, $body) = question('POST', @_) =~ /\A(.*?)\r\nContent-Length: [0-9]+(.*)\z/s ? ($1, $2) : die;
	my ($rest, $data) = split /\r\n\r\n/, $body, 2;
	my $chunks = join '', map { sprintf "%x;n=\"v\"\r\n%s\r\n", length, $_ } unpack '(a25)*', $data;
	return "$head\r\nTransfer-Encoding: chunked$rest\r\n\r\n${chunks}0\r\nX-Trailer: y\r\n\r\n";
}

my @requests = (
	question('POST', '/encrypt', \%user),
	question('POST', '/verify', { %user, encryptedData => '00ff' }),
	question('POST', '/seal', \%user),
	question('POST', '/open', { userUUID => $user{userUUID}, sealedData => $sealed }),
	question('POST', '/reseal', { userUUID => $user{userUUID}, sealedData => $sealed }),
	question('POST', '/encrypt', { userId => '9' x 30, namespace => 'users', sensitiveData => $word }),
	question('POST', '/blind-index', { sensitiveData => $word, length => 8 }),
	question(
		'POST', '/verify-password', { userUUID => $user{userUUID}, password => $word, passwordHash => password_hash() }
	),
	question('POST', '/batch', { operation => 'encrypt', requests => [ \%user, {}, \%user ] }),
	question('POST', '/encrypt', { %user, apiKey => api_key('app') }, key => undef),
	chunked('/encrypt', \%user),
	chunked('/seal', \%user),
	question('POST', '/encrypt', \%user, headers => ['Connection: keep-alive']),
	question('GET', '/health', undef, key => undef),
	question('GET', '/openapi.json', undef, key => undef),
	question('GET', '/metrics', undef)
);

my @pieces = (
	"\r\n", "\n",
	"\r", "\0",
	' ', "\t",
	':', ';',
	'"', '\\',
	'{', '}',
	',', "\r\n\r\n",
	"0\r\n\r\n", 'ffffffff',
	'-1', "\xff",
	"\xc0\x80", '\\u0000',
	'\\ud800', 'null',
	'[' x 50, "Content-Length: 5\r\n",
	"Transfer-Encoding: chunked\r\n", "Host: y\r\n",
	"Expect: 100-continue\r\n", "Connection: close\r\n",
	'HTTP/1.0', '%00',
	'/../', 'x' x 9000
);

# One change at a place that chance chooses.
sub changed
{
	my ($bytes) = @_;
	my $at = int rand length $bytes;
	my $some = 1 + int rand 12;
	my $what = int rand 6;
	if ($what == 0) { substr($bytes, $at, 1) = chr(ord(substr $bytes, $at, 1) ^ 1 << int rand 8); }
	elsif ($what == 1) { substr($bytes, $at, $some) = ''; }
	elsif ($what == 2) { substr($bytes, $at, 0) = $pieces[ rand @pieces ]; }
	elsif ($what == 3) { substr($bytes, $at, 0) = substr $bytes, int rand length $bytes, 10 * $some; }
	elsif ($what == 4)
	{
		my @lines = split /(?<=\r\n)/, $bytes;
		splice @lines, rand @lines, 0, $lines[ rand @lines ];
		$bytes = join '', @lines;
	}
	else { $bytes =~ s/([0-9]+)/rand() < 0.5 ? $1 + int(rand 5) - 2 : $1 x 3/e; }
	return $bytes eq '' ? 'x' : $bytes;
}

# Sends the bytes in some pieces, which may come one by one or together.
sub send_cut
{
	my ($client, $bytes) = @_;
	my $sent = 0;
	my $apart = rand() < 0.3;
	for my $to ((sort { $a <=> $b } map { int rand length $bytes } 1 .. int rand 5), length $bytes)
	{
		$client->send(substr $bytes, $sent, $to - $sent);
		$sent = $to;
		select undef, undef, undef, 0.001 if $apart;
	}
	return;
}

# Names the fault of an answer, or nothing.
sub wrong_in
{
	my ($answer) = @_;
	return if $answer->{code} == 200 || $answer->{code} == 100;
	my $code = error_code($answer->{json});
	return "code $answer->{code} $code" if ($status{$code} // 0) != $answer->{code} || $answer->{code} >= 500;
	return 'no Allow' if $answer->{code} == 405 && !$answer->{headers}{allow};
	return 'something of the request' if $answer->{body} =~ /inner3|deadbeef|caas_[0-9a-f]/i;
	return;
}

# Sends on one connection; the codes of the answers, or what is wrong with one.
sub codes_of
{
	my (@sent) = @_;
	my ($client, @codes) = ($service->connect);
	send_cut($client, $_) for @sent;
	$client->finish;
	while (my $answer = eval { $client->answer(timeout => 8) })
	{
		my $wrong = wrong_in($answer);
		return $wrong if $wrong;
		push @codes, $answer->{code};
	}
	return $@ || "@codes";
}

my (%seen, @failed);
for my $case (1 .. $cases)
{
	my @sent = map { $requests[ rand @requests ] } 1 .. 1 + rand 5;
	my $changes = $case % 4 ? 1 + int rand 3 : 0;
	for (1 .. $changes) { my $which = int rand @sent; $sent[$which] = changed($sent[$which]); }
	my $codes = codes_of(@sent);
	my $good = $changes ? $codes =~ /\A(?:[1-5][0-9]{2} ?)*\z/ : $codes eq join ' ', (200) x @sent;
	push @failed, "case $case: $codes" unless $good;
	if (!$good)
	{
		diag "case $case: $codes after ", join ' | ', map { s/([^ -~])/sprintf '\\x%02x', ord $1/ger } @sent;
	}
	$seen{$_}++ for split / /, $codes;
	last if @failed > 5 || HttpService::ended($service);
}
is("@failed", '', 'every answer is HTTP, with a documented code');
note join ', ', map { "$_: $seen{$_}" } sort keys %seen;
cmp_ok($seen{200} // 0, '>', $cases, 'many were good');
cmp_ok($seen{$_} // 0, '>', 0, "some were $_") for $cases < 300 ? () : qw(400 401 404 415);
ok(!HttpService::ended($service), 'the service lives');
is($service->post('/seal', \%user)->{code}, 200, 'and works');
eventually(sub { $service->sockets <= $sockets }, 'nothing is left of the connections');
$service->stop;
my $logs = $service->log_text . $service->said . $service->printed;
cmp_ok(scalar(() = $service->log_text =~ /\n/g), '>=', $seen{200} // 0, 'the log has them all');
unlike(
	$logs,
	qr/inner3|deadbeef|\Q@{[ substr $sealed, 0, 10 ]}\E|@{[ substr api_key('app'), 5, 10 ]}/i,
	'and nothing of what they held'
);
done_testing();
