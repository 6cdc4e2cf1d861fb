# A request needs a key of the file, in the header or in the field. Where both are, both have to be accepted, and the field counts.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use MIME::Base64 qw(encode_base64);
use Test::More;

my $service =
	service(keys => [ key_line('app'), key_line('second'), uc(key_line('third') =~ s/\A[^:]*//r) =~ s/\A/third/r ]);
my %none = (key => undef);
my ($key, $stranger) = (api_key('app'), api_key('stranger'));
my $digest = $service->post('/encrypt', body_of('/encrypt'))->{json};

sub header
{
	my ($value, $body) = @_;
	return $service->post('/encrypt', $body // body_of('/encrypt'), %none, headers => ["Authorization: $value"]);
}

sub field { return $service->post('/encrypt', body_of('/encrypt', apiKey => $_[0]), %none); }

given (header("Bearer $key"), $digest, 'a key in the header');
given (field($key), $digest, 'a key in the field');
given (header("$_ $key"), $digest, "the scheme as $_") for 'bearer', 'BEARER';
given ($service->post('/encrypt', body_of('/encrypt'), key => $_), $digest, "the key $_") for 'second', 'third';
given ($service->post('/encrypt', body_of('/encrypt', apiKey => api_key('second'))), $digest, 'a key in both');
refused($service->post('/encrypt', body_of('/encrypt', apiKey => $key), key => 'stranger'),
	401, 'invalid_api_key', 'a wrong key in the header is refused at once');
refused(header($_, body_of('/encrypt', apiKey => $key)), 401, 'invalid_api_key', "so is '$_'")
	for 'Bearer', 'Bearer  ', 'bearer x';
given (header('Basic x', body_of('/encrypt', apiKey => $key)), $digest, 'another scheme is no key');
refused($service->post('/encrypt', body_of('/encrypt', apiKey => $stranger)),
	401, 'invalid_api_key', 'so is a wrong one in the field');
my $null = qq({"apiKey":null,"userUUID":"${\ some_uuid()}","sensitiveData":"x"});
given ($service->post('/encrypt', $null), $digest, 'null is as no field');
refused($service->post('/encrypt', $null, %none), 401, 'invalid_api_key', 'and no key');

for my $route (qw(/encrypt /verify /seal /open /reseal /blind-index /verify-password /batch))
{
	refused($service->post($route, body_of($route), %none), 401, 'invalid_api_key', "$route: no key");
	refused($service->post($route, body_of($route), key => 'stranger'), 401, 'invalid_api_key', 'a wrong one');
	refused($service->post($route, body_of($route, apiKey => $stranger), %none), 401, 'invalid_api_key',
		'in the field');
	unlike($service->post($route, body_of($route, apiKey => $key), %none)->{code}, qr/\A40[13]\z/, 'the right one');
}

my $tail = substr $key, 1;
refused(field($_), 401, 'invalid_api_key', 'not quite the key')
	for '', ' ', " $key", "$key ", "$key\n", "$key\0", uc $key, $tail, "$key$key", substr($key, 0, -1), "Bearer $key",
	"x$tail",
	'x' x 500_000, "\x{e9}";
my ($listed) = key_line('app') =~ /:(.*)/;
refused(field($_), 401, 'invalid_api_key', 'what the file holds is no key') for $listed, "app:$listed", 'app';
refused(header($_), 401, 'invalid_api_key', "a header that gives none")
	for '', 'Bearer', 'Bearer ', $key, "Basic $key", 'Basic ' . encode_base64("app:$key", ''), "Digest $key",
	"Bearer$key",
	"Bearer $key x", "Bearer x $key", "Bearer \"$key\"",
	"Bearer=$key", "Bearer, Bearer $key", "Bearer $key, Bearer $key";

my $both = $service->post('/encrypt', body_of('/encrypt'), %none,
	headers => [ "Authorization: Bearer $stranger", "Authorization: Bearer $key" ]);
like(
	"$both->{code} " . error_code($both->{json}),
	qr/\A(?:400 bad_request|401 invalid_api_key)\z/,
	'two headers are none'
);
for my $no_text (1, [], {}, \1)
{
	refused($service->post('/encrypt', body_of('/encrypt', apiKey => $no_text), %none),
		401, 'invalid_api_key', 'a key that is no text');
	refused($service->post('/encrypt', body_of('/encrypt', apiKey => $no_text)),
		400, 'wrong_type', 'not even beside one in the header');
}
refused($service->ask('POST', '/encrypt', body_of('/encrypt'), %none, headers => ["Cookie: apiKey=$key"]),
	401, 'invalid_api_key', 'not in a cookie');
refused($service->ask('POST', "/encrypt?apiKey=$key", body_of('/encrypt'), %none),
	401, 'invalid_api_key', 'nor in the query');
$service->stop;
done_testing();
