# The main server of examples/http: it keeps nothing that is sensitive, and opens and verifies through the service.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use JSON::PP qw(decode_json encode_json);
use Test::More;

plan skip_all => 'python3 of 3.10 or later with sqlite3 is not installed'
	if system('python3 -c "import sqlite3, sys; sys.exit(sys.version_info < (3, 10))" > /dev/null 2>&1') != 0;
plan skip_all => 'curl is not installed' if system('command -v curl > /dev/null') != 0;

my $dir = folder();
my $service = service();
my $server = fork() // die "fork: $!";
if ($server == 0)
{
	%ENV = (
		%ENV,
		CAAS_URL => $service->url,
		CAAS_API_KEY => api_key('app'),
		DATABASE => "$dir/users.db",
		PORT => 0,
		PYTHONDONTWRITEBYTECODE => 1
	);
	open STDOUT, '>', "$dir/out" or die;
	open STDERR, '>', "$dir/err" or die;
	exec 'python3', 'examples/http/server.py' or die;
}

END
{
	local $?;
	if ($server) { kill 'TERM', $server; waitpid $server, 0; }
}
wait_for(sub { -e "$dir/out" && read_file("$dir/out") =~ /\n/ })
	or die 'the main server does not start: ' . read_file("$dir/err");
my ($url) = read_file("$dir/out") =~ m{\Alistening on (http://127\.0\.0\.1:\d+)$}m;

# The code and the answer of the main server.
sub asked
{
	my ($path, $fields) = @_;
	write_file("$dir/body", encode_json($fields));
	my ($json, $code) =
		`curl -s --noproxy '*' --max-time 20 -w '\\n%{http_code}' --data-binary \@$dir/body $url$path` =~
		/\A(.*)\n(\d+)\z/s;
	return [ $code, $json eq 'null' ? undef : decode_json($json) ];
}

my ($email, $phone) = ('ada@example.com', '+90 555 000 00 00');
my $added = asked('/users', { email => $email, phone => $phone });
my $id = $added->[1]{id};
like($id, qr/\A[0-9a-f-]{36}\z/, 'a user is added');
my $other = asked('/users', { email => 'bob@example.com', phone => '1' })->[1]{id};
is_deeply(
	asked("/users/$id/email", { email => $email }),
	[ 200, { valid => JSON::PP::true } ],
	'the right address verifies'
);
is_deeply(
	asked("/users/$id/email", { email => 'bob@example.com' }),
	[ 200, { valid => JSON::PP::false } ],
	'another does not'
);
is_deeply(
	asked("/users/$other/email", { email => $email }),
	[ 200, { valid => JSON::PP::false } ],
	'nor for another user'
);
is_deeply(asked("/users/$id/phone", {}), [ 200, { phone => $phone } ], 'the phone is opened');
is_deeply(asked("/users/$id/$_", {}), [ 404, undef ], "no such path: $_") for 'x', 'x/phone';
is_deeply(asked('/users/' . some_uuid() . '/phone', {}), [ 404, undef ], 'no such user');
is_deeply(
	asked('/users', { email => "a\0b", phone => '1' }),
	[ 400, { error => 'invalid_text' } ],
	'what the service refuses'
);

my $stored = read_file("$dir/users.db");
ok($stored =~ /\Q$id\E/, 'the database has the user');
ok($stored !~ /ada\@|555 000/, 'and neither address nor phone');
ok($stored . read_file("$dir/err") !~ /caas_[0-9a-f]{64}/, 'nor the key');
my ($digest) = $stored =~ /\Q$id\E([0-9a-f]{64,128})/;
is($service->post('/encrypt', { userUUID => $id, sensitiveData => $email })->{json}{encrypted_data},
	$digest, 'but the digest, as the service makes it');

$service->stop;
is_deeply(asked("/users/$id/phone", {}), [ 503, { error => 'no_service' } ], 'without the service it opens nothing');
done_testing();
