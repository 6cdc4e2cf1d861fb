# Options come from the command line, else from the environment, else from the file of --config.
use strict;
use warnings;
use lib 'test/http', 'test/cli';
use CaasCli qw(ok_caas);
use HttpService;
use Test::More;

my $dir = folder();
my $keyring = published_keyring("$dir/keyring");
my $keys = key_file("$dir/api-keys", key_line('app'));
my $config = "$dir/config";

sub limited
{
	my ($service) = @_;
	my $body = '{"userUUID":"' . some_uuid() . '","sensitiveData":"x"}';
	my ($limit) = grep { $service->post('/encrypt', $body . ' ' x (1 + $_ - length $body))->{code} == 413 } 300, 600,
		900;
	return $limit;
}

sub config
{
	return write_file($config, join '', map { "$_\n" } @_);
}
my %three = (env => { CAAS_MAX_BODY => 600 }, dir => $dir);
config('max-body = 900');
for my $case (
	[ 300, [ '--max-body', 300, '--config', $config ], %three ],
	[ 600, [ '--config', $config ], %three ],
	[ 900, [ '--config', $config ], dir => $dir ],
	[ 300, [ '--max-body', 300 ], %three ],
	[ 600, [], %three ]
	)
{
	my ($limit, $args, %option) = @$case;
	my $service = service(args => $args, %option);
	is(limited($service), $limit, "@{ [ map { s,/.*/,,r } @$args ] }, environment: @{ [ %{ $option{env} // {} } ] }");
	$service->stop;
}

# Everything in the file, or in the environment, and nothing on the command line.
config(
	'# a comment',
	'',
	"keyring = \"$keyring\"",
	"api-keys = \"$keys\"",
	'listen = ["127.0.0.1:0", "127.0.0.2:0"]',
	'threads = 1',
	'password-threads = 1',
	'max-connections = 50',
	'max-connections-per-address = 50',
	'max-memory = 10000000',
	'request-timeout = 5',
	'idle-timeout = 5',
	'rate-limit = 0',
	"access-log = \"$dir/log\"",
	'max-body = 900'
);
my $service = service(listen => [ 1, 2 ], command => [ '--config', $config ], log => "$dir/log", dir => $dir);
is(limited($service), 900, 'a whole configuration in a file');
is(scalar @{ $service->listening }, 2, 'with two addresses');
$service->stop;
my %environment = (
	CAAS_KEYRING => $keyring,
	CAAS_API_KEYS => $keys,
	CAAS_LISTEN => '127.0.0.1:0',
	CAAS_THREADS => 1,
	CAAS_PASSWORD_THREADS => 1,
	CAAS_MAX_BODY => 600,
	CAAS_MAX_CONNECTIONS => 50,
	CAAS_REQUEST_TIMEOUT => 5,
	CAAS_IDLE_TIMEOUT => 5,
	CAAS_RATE_LIMIT => 0,
	CAAS_ACCESS_LOG => 'off'
);
$service = service(command => [], env => \%environment, log => undef, dir => $dir);
is(limited($service), 600, 'a whole configuration in the environment');
$service->stop;
is($service->printed, '', 'with the access log off');
$service = service(
	command => [ '--listen', '127.0.0.1:0' ],
	env => { %environment, CAAS_LISTEN => '127.0.0.2:0' },
	log => undef,
	dir => $dir
);
like(
	join(' ', @{ $service->listening }),
	qr{\Ahttp://127\.0\.0\.1:[0-9]+\z},
	'an address on the command line stands instead of the one in the environment'
);
$service->stop;

for my $way ({ env => { CAAS_INSECURE => 'true' } }, { args => [ '--config', $config ], dir => $dir })
{
	config('insecure = true');
	my $insecure = service(listen => ['0.0.0.0:0'], %$way);
	like($insecure->url, qr{\Ahttp://0\.0\.0\.0:}, "a flag, by @{ [ $way->{env} ? 'the environment' : 'the file' ] }");
	$insecure->stop;
}

my @file = (args => [ '--config', $config ], dir => $dir);
for my $line ('max-bodies = 900', 'max_body = 900', 'password = "secret-value"', '[section]')
{
	config("keyring = \"$keyring\"", $line);
	my $said = start_fails(2, qr/\Q$config\E|config/, "the file: $line", @file);
	unlike($said, qr/secret-value/, 'without repeating the value');
}
config($_), start_fails(2, qr/max-body/, "the file: $_", @file)
	for 'max-body = x', 'max-body = -1', 'max-body = ""', "max-body = [1, 2]";

# A file that names an option twice is refused, adjacent lines or not. Only the addresses add up.
my @twice = (
	[ 'max-body', 600, 900 ],
	[ 'idle-timeout', 5, 5 ],
	[ 'insecure', 'true', 'true' ],
	[ 'access-log', '"off"', '"-"' ]
);
for my $case (@twice)
{
	my ($name, $one, $two) = @$case;
	for my $lines ([ "$name = $one", "$name = $two" ], [ "$name = $one", 'threads = 1', "$name = $two" ])
	{
		config(@$lines);
		start_fails(2, qr/\Q$config\E: $name is given more than once/, "the file: @$lines", @file);
	}
}
for my $lines (
	[ 'listen = "127.0.0.1:0"', 'listen = "127.0.0.2:0"' ],
	[ 'listen = "127.0.0.1:0"', 'threads = 1', 'listen = "127.0.0.2:0"' ],
	[ 'listen = ["127.0.0.1:0"]', 'threads = 1', 'listen = ["127.0.0.2:0"]' ]
	)
{
	config("keyring = \"$keyring\"", "api-keys = \"$keys\"", @$lines);
	my $both = service(listen => [ 1, 2 ], command => [ '--config', $config ], log => undef, dir => $dir);
	like(
		join(' ', sort @{ $both->listening }),
		qr{\Ahttp://127\.0\.0\.1:\d+ http://127\.0\.0\.2:\d+\z},
		"the file: @$lines add up"
	);
	$both->stop;
	$both = service(
		listen => [1],
		command => [ '--config', $config, '--listen', '127.0.0.3:0' ],
		log => undef,
		dir => $dir
	);
	like(
		join(' ', @{ $both->listening }),
		qr{\Ahttp://127\.0\.0\.3:\d+\z},
		'an address on the command line replaces them'
	);
	$both->stop;
}
start_fails(3, qr/config/, "no such file", args => [ '--config', "$dir/none" ]);
start_fails(2, qr/max.body/i, "environment: '$_'", env => { CAAS_MAX_BODY => $_ }) for 'x', '-1', '1x';

for my $option (
	'--threads', '--password-threads', '--max-body', '--max-memory',
	'--max-connections', '--max-connections-per-address', '--request-timeout', '--idle-timeout',
	'--rate-limit'
	)
{
	start_fails(2, qr/$option/, "$option $_", args => [ $option, $_ ])
		for '-1', 'x', '1.5x', '', '99999999999999999999999';
	next if $option eq '--rate-limit';
	start_fails(2, qr/$option/, "$option 0", args => [ $option, 0 ]);
}
start_fails(
	2,
	qr/--max-memory: it must be at least twice --max-body/,
	'too little memory',
	args => [ '--max-memory', 2_000_000 ]
);
start_fails(2, qr/--keyring/, 'no keyring', command => [ '--api-keys', $keys ]);
start_fails(2, qr/--api-keys/, 'no API keys', command => [ '--keyring', $keyring ]);
start_fails(2, qr/--nonsense/, 'an unknown option', args => ['--nonsense']);
start_fails(2, qr/a word too many/, 'a word', args => ['nonsense']);
my $help = ok_caas('serve', '--help');
like($help, qr/^ +(?:-h, *)?$_\b/m, "the help tells of $_")
	for
	qw(--keyring --api-keys --listen --tls-cert --tls-key --insecure --threads --password-threads --max-body --max-memory
	--max-connections --max-connections-per-address --request-timeout --idle-timeout --rate-limit --access-log --config);
done_testing();
