# The content type must be application/json, in any case and with any parameters.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;

my $service = service();
my $body = body_of('/encrypt');
my $digest = $service->post('/encrypt', $body)->{json};
given ($service->post('/encrypt', $body, type => $_), $digest, "type: $_")
	for 'application/json', 'Application/JSON', 'application/json; charset=utf-8', 'application/json;charset="UTF-8"',
	'application/json ; a=b', "application/json\t";
refused($service->post('/encrypt', $body, type => $_), 415, 'unsupported_media_type', 'type: ' . ($_ // 'none'))
	for undef, '', 'text/plain', 'text/json', 'application/jsonp', 'application/json-patch+json',
	'application/problem+json',
	'application/x-www-form-urlencoded',
	'multipart/form-data; boundary=x', 'application', 'json', 'xapplication/json', 'application/json, text/plain',
	'*/*',
	'application/ json', 'charset=utf-8; application/json';
refused($service->post($_, body_of($_), type => 'text/plain'), 415, 'unsupported_media_type', $_)
	for qw(/verify /seal /open /reseal /blind-index /verify-password /batch);
is($service->get('/health', headers => ['Content-Type: text/plain'])->{code}, 200, 'a GET has none');

for my $name ('content-type', 'CONTENT-TYPE', 'cOnTeNt-tYpE')
{
	given ($service->post('/encrypt', $body, type => undef, headers => ["$name: application/json"]), $digest, $name);
}
given ($service->post('/encrypt', $body, type => undef, headers => ["Content-Type:application/json"]),
	$digest, 'no blank before the value');
given ($service->post('/encrypt', $body, type => undef, headers => ["Content-Type: \t application/json \t "]),
	$digest, 'many blanks around it');

# The service decompresses nothing: any Content-Encoding is refused, identity too.
refused($service->post('/encrypt', $body, headers => ["$_"]), 415, 'unsupported_media_type', s/\r\n/, /r)
	for 'Content-Encoding: gzip', 'content-encoding: deflate', 'Content-Encoding: br', 'Content-Encoding: identity',
	'Content-Encoding: gzip, gzip', "Content-Encoding: gzip\r\nContent-Encoding: identity";
refused($service->post($_, body_of($_), headers => ['Content-Encoding: gzip']),
	415, 'unsupported_media_type', "$_, compressed")
	for qw(/verify /seal /open /reseal /blind-index /verify-password /batch);
my $client = $service->connect;
$client->send(question('POST', '/encrypt', $body, headers => ['Content-Encoding: gzip']));
refused($client->answer, 415, 'unsupported_media_type', 'on a connection');
$client->send(question('POST', '/encrypt', $body));
given ($client->answer, $digest, 'which stays');
given ($service->post('/encrypt', $body, headers => ['Accept-Encoding: gzip']),
	$digest, 'what a client would take is not asked for');
$service->stop;
done_testing();
