# At its start and at every reload the service says what it works with: generation and number of keys, at first also its
# version and its process.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;

my $dir = folder();
my ($version) = read_file('caas.control') =~ /^default_version = '(.*)'$/m;
my @generations = map { Keyring::random_secret() } 1 .. 2;
my $keyring = "$dir/keyring";

# The keyring of both, with this one active.
sub activate
{
	my ($active) = @_;
	return write_keyring($keyring,
		map { generation($_, $_ == $active ? 'active' : 'retired', $generations[ $_ - 1 ]) } 1, 2);
}

sub notes_of
{
	return join "\n", grep { !/listening on|: stopped\z/ } split /\n/, $_[0]->said;
}

activate(2);
my $renewed = key_line('new') =~ s/\Anew:/app:/r;
for my $case ([ 1, [ key_line('app') ], '1 API key' ],
	[ 2, [ key_line('app'), $renewed, key_line('reader', 'open') ], '3 API keys' ])
{
	my ($active, $keys, $said) = @$case;
	activate($active);
	my $service = service(dir => $dir, keyring => $keyring, keys => $keys);
	eventually(sub { notes_of($service) ne '' }, 'it says something at its start');
	is(
		notes_of($service),
		"caas: note: version $version, process $service->{pid}, generation $active is active, $said",
		'and this alone'
	);
	$service->stop;
}

my $service = service(dir => $dir, keyring => $keyring);
key_file($service->{key_file}, key_line('app'), key_line('other'));
activate(1);
ok($service->says(qr/^caas: note: reloaded: generation 1 is active, 2 API keys$/m, sub { $service->signal('HUP') }),
	'a reload');
key_file($service->{key_file}, key_line('app'));
activate(2);
ok($service->says(qr/^caas: note: reloaded: generation 2 is active, 1 API key$/m, sub { $service->signal('HUP') }),
	'another one');

# A failed reload is not reported as a good one.
my $before = length $service->said;
write_file("$keyring.new", "nonsense\n");
chmod 0600, "$keyring.new" or die "chmod: $!";
rename "$keyring.new", $keyring or die "rename: $!";
$service->signal('HUP');
eventually(sub { $service->get('/health')->{code} == 503 }, 'a keyring that cannot be used');
like(substr($service->said, $before), qr/^caas: warning: \Q$keyring\E/m, 'is named');
activate(1);
ok($service->says(qr/^caas: note: reloaded: generation 1 is active, 1 API key$/m, sub { $service->signal('HUP') }),
	'until it can');
is(scalar(() = substr($service->said, $before) =~ /reloaded:/g), 1, 'which alone is a reload');
$service->stop;
done_testing();
