# SIGHUP reads the keyring again; one that cannot be used is not, until there is a good one.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;

my $dir = folder();
my $service = service(dir => $dir);
my $digest = $service->post('/encrypt', body_of('/encrypt'))->{json};
my $client = $service->connect;
my $encrypt = question('POST', '/encrypt', body_of('/encrypt'));

my %broken = (
	'no keyring' => sub { unlink "$dir/keyring" },
	'an empty one' => sub { write_file("$dir/keyring", '') },
	'a line that is wrong' =>
		sub { write_file("$dir/keyring", read_file(published_keyring("$dir/keyring")) . "marker-in-line\n") },
	'others may read it' => sub { chmod 0644, published_keyring("$dir/keyring") },
	'a folder' => sub { unlink "$dir/keyring"; mkdir "$dir/keyring" }
);

for my $name (sort keys %broken)
{
	$broken{$name}->();
	given ($service->post('/encrypt', body_of('/encrypt')), $digest, "$name: nothing happens before a reload");
	ok($service->says(qr{^caas: (?:note|warning): [^\n]*/keyring[^\n]*\n}m, sub { $service->signal('HUP') }),
		'the reason is said');
	eventually(sub { $service->get('/health')->{code} == 503 }, 'the health is bad');
	refused($service->post("/$_", body_of("/$_")), 503, 'no_keyring', $_)
		for qw(encrypt verify seal open reseal blind-index hash-password verify-password batch);
	my $unhealthy = $service->get('/health');
	like($unhealthy->{headers}{'content-type'} // '', qr{\Aapplication/json}, 'the health is JSON');
	unlike($unhealthy->{body}, qr/"status": ?"ok"/, 'and does not say ok');
	is($service->ask('HEAD', '/health', undef, key => undef)->{code}, 503, 'as does a HEAD');
	is($service->get($_)->{code}, 200, "$_ works") for '/metrics', '/openapi.json';
	rmdir "$dir/keyring" if -d "$dir/keyring";
	published_keyring("$dir/keyring");
	$service->signal('HUP');
	eventually(sub { $service->get('/health')->{code} == 200 }, 'a good one is taken');
	$client->send($encrypt);
	given (scalar $client->answer, $digest, 'all is as before, on the same connection');
}
unlike($service->said, qr/marker-in-line/, 'no line of a keyring is shown');

# Reloads while requests come: every one is answered, on the same connection.
my $count = 0;
for my $round (1 .. 30)
{
	$client->send($encrypt x 20);
	$service->signal('HUP');
	for (1 .. 20)
	{
		my $answer = $client->answer;
		$count++ if $answer && ($answer->{json}{encrypted_data} // '') eq $digest->{encrypted_data};
	}
}
is($count, 600, '30 reloads: no request was lost');
$service->stop;
done_testing();
