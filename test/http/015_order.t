# A request with several faults gets the error that comes first in the documented order.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;

my $dir = folder();
my $service = service(
	dir => $dir,
	keys => [ key_line('app'), key_line('reader', 'open'), key_line('slow') ],
	args => [ '--max-body', 1000, '--rate-limit', 3 ]
);
write_file("$dir/keyring", 'no keyring');
chmod 0600, "$dir/keyring";
$service->signal('HUP');
eventually(sub { $service->get('/health')->{code} == 503 }, 'there is no keyring');
refused($service->get('/health'), 503, 'no_keyring', 'as the health says');

my $large = '{' x 1001;
my %wrong = (type => 'text/plain', key => 'stranger');
refused($service->ask('PUT', '/nothing', $large, %wrong), 404, 'not_found', 'the path');
refused($service->ask('PUT', '/encrypt', $large, %wrong), 405, 'method_not_allowed', 'then the method');
refused($service->post('/encrypt', $large, %wrong), 415, 'unsupported_media_type', 'then the type');
refused($service->post('/encrypt', $large, key => 'stranger'), 401, 'invalid_api_key', 'then the key of the header');
refused($service->post('/encrypt', '{', key => 'stranger'), 401, 'invalid_api_key', 'whatever the body is');
refused($service->post('/encrypt', $large, key => undef), 413, 'body_too_large', 'then the size');
refused($service->post('/encrypt', '{', key => undef),
	400, 'invalid_json', 'then the JSON, as far as the key has to be looked for');
refused($service->post('/encrypt', '[]', key => undef), 400, 'not_an_object', 'what it is');
refused($service->post('/encrypt', { nonsense => 1 }, key => undef), 401, 'invalid_api_key',
	'then the key of the body');
refused($service->post('/encrypt', '{"apiKey":"x","a":01}', key => undef),
	401, 'invalid_api_key', 'before what follows it');
my $reader = api_key('reader');
refused($service->post('/encrypt', qq({"apiKey":"$reader","a":01}), key => undef),
	400, 'invalid_json', 'then the whole JSON');
refused($service->post('/encrypt', '{"a":01}', key => 'reader'), 400, 'invalid_json', 'with a key in the header too');
refused($service->post('/encrypt', { nonsense => 1 }, key => 'reader'), 403, 'not_permitted', 'then the permission')
	for 1 .. 5;

my $client = $service->connect;
$client->send(question('POST', '/encrypt', { nonsense => 1 }, key => 'slow') x 30);
my @codes = map { my $answer = $client->answer; "$answer->{code} " . error_code($answer->{json}) } 1 .. 30;
is($codes[0], '503 no_keyring', 'then the keyring');
is($codes[-1], '429 rate_limited', 'before it the rate');
is(join(',', sort keys %{ { map { ($_ => 1) } @codes } }), '429 rate_limited,503 no_keyring', 'and nothing else');

published_keyring("$dir/keyring");
$service->signal('HUP');
eventually(sub { $service->get('/health')->{code} == 200 }, 'there is a keyring again');
refused($service->post('/encrypt', { nonsense => 1 }), 400, 'unknown_field', 'then the fields');
$service->stop;
done_testing();
