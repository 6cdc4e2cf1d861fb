# Only documented paths are found, and each takes its own methods only.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;

my $service = service();
my @posts = qw(/encrypt /verify /seal /open /reseal /blind-index /hash-password /verify-password /batch);
my @gets = qw(/health /metrics /openapi.json);

for my $path (
	'/', '/encrypt/', '//encrypt', '/Encrypt',
	'/encrypt/x', '/v1/encrypt', '/%65ncrypt', '/encrypt%00',
	'/./encrypt', '/x/../encrypt', '/blind_index', '/decrypt',
	'/renew', '/password', '/hash_password', '/openapi',
	'/openapi.yaml', '/healthz', '/favicon.ico', '/..',
	'/etc/passwd', '/../../etc/passwd', '/' . 'x' x 2000
	)
{
	my $name = substr $path, 0, 30;
	refused($service->post($path, body_of('/encrypt')), 404, 'not_found', "POST $name");
	refused($service->get($path), 404, 'not_found', "GET $name");
}

for my $path (@posts)
{
	for my $method (qw(GET PUT DELETE PATCH OPTIONS post FOO))
	{
		my $answer = $service->ask($method, $path, $method =~ /PUT|PATCH/ ? body_of($path) : undef);
		refused($answer, 405, 'method_not_allowed', "$method $path");
		is($answer->{headers}{allow}, 'POST', 'which methods it takes');
	}
}
for my $path (@gets)
{
	for my $method (qw(POST PUT DELETE OPTIONS get))
	{
		my $answer = $service->ask($method, $path, $method =~ /P[OU]/ ? {} : undef);
		refused($answer, 405, 'method_not_allowed', "$method $path");
		is(join(' ', sort split / *, */, $answer->{headers}{allow}), 'GET HEAD', 'which methods it takes');
	}
	my $get = $service->get($path);
	is($get->{code}, 200, "GET $path needs no key");
	my $head = $service->ask('HEAD', $path, undef, key => undef);
	is($head->{code}, 200, "HEAD $path");
	is($head->{headers}{'content-type'}, $get->{headers}{'content-type'}, 'has the content type of the GET');
	is($head->{headers}{'content-length'}, $get->{headers}{'content-length'}, 'and its length') if $path ne '/metrics';
	is($service->get("$path?a=b&c=/encrypt")->{code}, 200, 'a query changes nothing');
	is($service->get("$path?")->{code}, 200, 'nor does an empty one');
}
# The absolute form of a target: clients send it to proxies, and every server must accept it (RFC 9112, section 3.2.2).
is($service->get($_)->{code}, 200, "GET $_")
	for 'http://localhost/health', 'HTTP://x:80/health?x=1', 'https://x/openapi.json';
is($service->post('http://x/encrypt', body_of('/encrypt'))->{code}, 200, 'POST http://x/encrypt');
refused($service->get($_), 404, 'not_found', "GET $_")
	for 'http://x', 'http://x/', 'http:///', 'http:///health', 'http://#/health', 'http://', 'http://x?/health',
	'ftp://x/health', 'http:/health', 'http://x/y/health', '/http://x/health';
my ($version) = read_file('caas.control') =~ /^default_version = '(.*)'$/m;
given ($service->get('/health'), { status => 'ok', version => $version, active_generation => 1 }, 'the health');
like($service->get('/health')->{body}, qr/"active_generation": ?1[,}]/, 'with a number');
is($service->post('/encrypt?x=1', body_of('/encrypt'))->{code}, 200, 'a query on a POST changes nothing');

# On one connection: a HEAD is answered without a body, so the next answer begins right after it.
my $client = $service->connect;
$client->send(request_bytes('HEAD', $_)) for '/health', '/encrypt', '/nothing';
is($client->answer(head => 1)->{code}, $_, "HEAD: $_") for 200, 405, 404;
$client->send(request_bytes('GET', '/health'));
is($client->answer->{code}, 200, 'no body came with them');
$service->stop;
done_testing();
