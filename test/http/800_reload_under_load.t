# Many reloads under load, with a new active generation and a new access log each time: every request is answered, rightly and
# on its connection, and has its line in a log.
use strict;
use warnings;
use lib 'test/http';
use HttpLoad;
use HttpService;
use Test::More;

my $ROTATIONS = 60;
my $CLIENTS = 4;
my $dir = folder();
my @secrets = map { Keyring::random_secret() } 1 .. $ROTATIONS;
my $keyring = use_generation("$dir/keyring", 1, @secrets);
my $service = service(dir => $dir, keyring => $keyring);
my $load = new_load($service, $CLIENTS, 1 .. $ROTATIONS);
$load->start(sub { my ($self, $n, $counts) = @_; $self->ask_on($n, $counts, $n % 2 ? () : (each => 50)); });
ok($load->busy, 'the clients are at work');

my $signals = 0;
for my $active (2 .. $ROTATIONS)
{
	use_generation($keyring, $active, @secrets);
	rename "$dir/access.log", "$dir/access.log.$active" or die "rename: $!";
	# Several at once are one or more reloads; the last of them comes after the change.
	for (1 .. 4) { $service->signal('HUP'); $signals++; }
	wait_for(sub { $service->get('/health')->{json}{active_generation} == $active && -e "$dir/access.log" }) or last;
}
eventually(sub { $service->said =~ /: generation $ROTATIONS is active/ }, 'the last reload is done');
my @active = $service->said =~ /^caas: note: reloaded: generation ([0-9]+) is active, 1 API key$/mg;
my $reloads = @active;
my %seen = map { ($_ => 1) } @active;
is(
	join(' ', sort { $a <=> $b } keys %seen),
	join(' ', 2 .. $ROTATIONS),
	'there was a reload for each change, which names its generation'
);
is(join(' ', @active), join(' ', sort { $a <=> $b } @active), 'in their order');
is($service->get('/health')->{json}{active_generation}, $ROTATIONS, 'the last generation is active');
unlike($service->said, qr/^caas: warning/m, 'no reload had trouble');

my ($sent, $answered) = (0, 0);
for my $counts ($load->finish)
{
	my $name = "client $counts->{client}";
	is($counts->{died} // '', '', "$name ended well");
	is(
		"$counts->{answered} of $counts->{sent}",
		"$counts->{sent} of $counts->{sent}",
		"$name: every request was answered"
	);
	is(
		"@$counts{qw(wrong lost late refused announced back)}",
		'0 0 0 0 0 0',
		"$name: rightly, and no connection was closed"
	) or diag($counts->{how});
	is($counts->{last}, $ROTATIONS, "$name: under the last generation in the end");
	$sent += $counts->{sent};
}
note "$signals signals, $reloads reloads, $sent requests";
cmp_ok($sent, '>', 1000, 'that were many');
$service->stop;
my $lines = join '', map { read_file($_) } glob "$dir/access.log*";
is(scalar(() = $lines =~ m{"route":"/encrypt"}g), $sent, 'each has its line in a log');
done_testing();
