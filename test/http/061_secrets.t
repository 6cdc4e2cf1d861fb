# No data of a request, wherever it stands, gets into a log, standard error, the metrics or an error.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use Test::More;

my $mark = 'M4rkerValue';
my $marked_uuid = 'deadbeef-dead-4bee-8bad-badcafe12345';
my %bad_key = (key => undef, headers => ["Authorization: Bearer caas_$mark"]);
my $dir = folder();
my $service = service(dir => $dir, args => [ '--request-timeout', 1, '--max-body', 20_000, '--rate-limit', 1000 ]);
my $errors = '';

sub note_error
{
	my ($answer) = @_;
	return unless $answer;
	$errors .= join "\n", %{ $answer->{headers} }, $answer->{body} // '', '' if $answer->{code} != 200;
	return;
}

sub raw
{
	my $client = $service->connect;
	$client->send($_[0]);
	$client->finish if $_[1];
	note_error(scalar eval { $client->answer });
	return;
}

my %user = (userUUID => $marked_uuid, sensitiveData => "$mark text");
my $sealed = $service->post('/seal', { %user, context => "$mark context" })->{json}{sealed_data};
my $digest = $service->post('/encrypt', {%user})->{json}{encrypted_data};
note_error($service->post($_->[0], @{$_}[ 1 .. $#$_ ]))
	for [ '/verify', { %user, encryptedData => $digest } ], [ '/verify', { %user, encryptedData => $mark } ],
	[ '/open', { userUUID => $marked_uuid, sealedData => $sealed, context => "$mark wrong" } ],
	[ '/open', { userUUID => $marked_uuid, sealedData => $sealed, context => "$mark context" } ],
	[ '/open', { userUUID => $mark, sealedData => $mark } ], [ '/encrypt', { %user, userUUID => "$marked_uuid$mark" } ],
	[ '/encrypt', { %user, sensitiveData => "\0$mark" } ], [ '/encrypt', { %user, encoding => $mark } ],
	[ '/encrypt', { %user, $mark => $mark } ],
	[ '/encrypt', { %user, encoding => 'base64' } ], [ '/encrypt', { %user, sensitiveData => [$mark] } ],
	[ '/encrypt', { %user, generation => $mark } ],
	[ '/blind-index', { sensitiveData => $mark, length => 99, context => $mark } ],
	[ '/seal', { %user, context => $mark x 1000 } ],
	[ '/encrypt', { userId => $mark, namespace => '', sensitiveData => $mark } ],
	[ '/encrypt', { userId => "\0$mark", namespace => $mark, sensitiveData => $mark } ],
	[ '/encrypt', { %user, userId => $mark } ],
	[ '/reseal', { userUUID => $marked_uuid, sealedData => $sealed, context => $mark } ],
	[ '/reseal', { userUUID => $marked_uuid, sealedData => $mark } ],
	[ '/hash-password', { userUUID => $marked_uuid, password => "\0$mark" } ],
	[ '/hash-password', { userUUID => $mark, password => $mark } ],
	[ '/verify-password', { userUUID => $marked_uuid, password => $mark, passwordHash => $mark } ],
	[
	'/verify-password', { userUUID => $marked_uuid, password => $mark, passwordHash => password_hash() =~ s/g=1/g=9/r }
	],
	[ '/batch', { operation => $mark, requests => [] } ],
	[
	'/batch',
	{
		operation => 'encrypt',
		requests => [ \%user, { %user, $mark => 1 }, $mark, { $mark => $mark } ]
	}
	],
	[ '/encrypt', "{\"$mark\":" ], [ '/encrypt', "$mark" ],
	[ '/encrypt', "{\"userUUID\":\"$marked_uuid\",\"sensitiveData\":\"$mark\xff\"}" ], [ '/encrypt', "[\"$mark\"]" ],
	[ '/encrypt', "{\"$mark\":1,\"$mark\":1}" ], [ '/encrypt', {%user}, %bad_key ],
	[ '/encrypt', { %user, apiKey => "caas_$mark" } ],
	[ '/encrypt', {%user}, type => "text/$mark" ],
	[ "/$mark", {%user} ], [ "/encrypt/$mark", {%user} ], [ "/encrypt?$mark=$marked_uuid", {} ],
	[ "/$marked_uuid?apiKey=$mark", {%user}, %bad_key ],
	[
	'/encrypt',
	{%user},
	headers =>
		[ "X-Data: $mark", "Cookie: $mark", "User-Agent: $mark", "Referer: http://$mark/", "X-Request-Id: $mark" ]
	],
	[ '/encrypt', "$mark" x 3000 ];
note_error($service->ask($mark, '/encrypt', undef));
note_error($service->ask('GET', '/encrypt', undef, headers => ["Host: $mark"]));
raw("$mark\r\n\r\n");
raw("GET /$mark HTTP/9.9\r\nHost: $mark\r\n\r\n");
raw("POST /encrypt HTTP/1.1\r\nHost: x\r\nContent-Length: $mark\r\n\r\n$mark");
raw("POST /encrypt HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: $mark\r\n\r\n$mark");
raw(
	"POST /encrypt HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${mark}\r\n"
);
raw("GET /health HTTP/1.1\r\nHost: x\r\n$mark\r\n\r\n");
raw("GET /$mark" . 'x' x 10_000);
raw(
	"POST /encrypt HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"sensitiveData\":\"$mark"
);
raw(
	"POST /encrypt HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"sensitiveData\":\"$mark",
	1
);
raw("$mark", 1);
my $burst = question('POST', '/encrypt', {%user}) x 1500;
my $many = $service->connect;
$many->send($burst);
note_error(scalar $many->answer) for 1 .. 1500;
like($errors, qr/rate_limited/, 'a limit was met');

# The content of the keyring and of the API key file does not get there either.
write_file("$dir/keyring", "# caas keyring v1\n1 active $mark\n");
key_file("$dir/api-keys", "$mark:$mark $mark");
ok($service->says(qr{/keyring.*/api-keys|/api-keys.*/keyring}s, sub { $service->signal('HUP') }), 'broken files');
note_error($service->post('/encrypt', {%user}));
my $open =
	$service->get('/metrics')->{body} . $service->get('/openapi.json')->{body} . $service->get('/health')->{body};
like($open, qr/caas/, 'there are metrics');
$service->stop;

my %seen = (
	'the log' => $service->log_text,
	'standard error' => $service->said,
	'standard output' => $service->printed,
	'an error' => $errors,
	'the open routes' => $open
);
my ($secret) = read_file('test/vectors/digest.json') =~ /"secret": "([0-9a-f]{64})"/;
my %never = (
	mark => $mark,
	uuid => $marked_uuid,
	digest => $digest,
	sealed => $sealed,
	key => api_key('app'),
	listed => (key_line('app') =~ /:(.*)/)[0],
	secret => $secret,
	'secret in base64' => encode_base64(pack('H*', $secret), '')
);

for my $where (sort keys %seen)
{
	my @found = grep { my $first = substr $never{$_}, 0, 10; index(lc $seen{$where}, lc $first) >= 0 } sort keys %never;
	is("@found", '', "nothing of it in $where");
}
unlike(join('', values %seen), qr/[0-9a-f]{32}/i, 'nor anything like a key, a digest or a UUID without dashes');
cmp_ok(length $seen{'the log'}, '>', 1500 * 80, 'the log was looked at');
cmp_ok(length $errors, '>', 2000, 'so were the errors');

done_testing();
