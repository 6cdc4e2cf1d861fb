# SIGHUP reads the API keys again; a file that cannot be used lets nobody in, until there is a good one.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;

my $dir = folder();
my $service = service(dir => $dir, keys => [ key_line('app'), key_line('gone'), key_line('less') ]);
sub code { my ($key) = @_; return $service->post('/encrypt', body_of('/encrypt'), key => $key)->{code}; }
is(code($_), 200, "$_ is known") for qw(app gone less);
is(code('new'), 401, 'a new one is not');

my @good = (key_line('app'), key_line('new'), key_line('less', 'open'));
key_file("$dir/api-keys", @good);
is(code('gone'), 200, 'nothing happens before a reload');
$service->signal('HUP');
eventually(sub { code('new') == 200 }, 'the new key is known');
is(code('gone'), 401, 'the one that is gone is not');
is(code('less'), 403, 'and rights are those of the file');
is(code('app'), 200, 'who stays, stays');

my %broken = (
	'no file' => sub { unlink "$dir/api-keys" },
	'a wrong line' => sub { key_file("$dir/api-keys", @good, 'marker-in-line') },
	'a key twice' => sub { key_file("$dir/api-keys", @good, @good) },
	'others may write it' => sub { key_file("$dir/api-keys", @good); chmod 0666, "$dir/api-keys" }
);
for my $name (sort keys %broken)
{
	$broken{$name}->();
	ok($service->says(qr{^caas: (?:note|warning): [^\n]*/api-keys[^\n]*\n}m, sub { $service->signal('HUP') }),
		"$name: the reason is said");
	eventually(sub { code('app') == 503 }, 'nobody is let in');
	refused($service->post('/encrypt', body_of('/encrypt'), key => $_), 503, 'no_api_keys', $_ // 'no key')
		for 'app', 'stranger', undef;
	refused($service->post('/encrypt', '{'), 503, 'no_api_keys', 'the key of the header is looked at before JSON');
	is($service->get('/metrics')->{code}, 200, 'what needs no key works');
	key_file("$dir/api-keys", @good);
	$service->signal('HUP');
	eventually(sub { code('app') == 200 }, 'a good one is taken');
}
unlike($service->said, qr/marker-in-line/, 'no line is shown');
$service->stop;
done_testing();
