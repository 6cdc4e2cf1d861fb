# At a reload new connections see the new certificate, old ones go on; one that cannot be used leaves the old one in place.
use strict;
use warnings;
use lib 'test/http';
use File::Copy qw(copy);
use HttpService;
use Test::More;
use TestCa;

my $dir = new_ca(folder());
new_certificate($dir, $_, 'DNS:caas.test') for qw(first second third);

sub install
{
	my ($pem, $key) = @_;
	copy("$dir/$pem.pem", "$dir/server.pem") && copy("$dir/$key.key", "$dir/server.key") or die "copy: $!";
	chmod 0600, "$dir/server.key" or die "chmod: $!";
	return;
}
install('first', 'first');
my $service = service(args => [ certificate_args($dir, 'server') ]);
sub shown { return subject_of($service->connect(tls => tls_of($dir, 'caas.test'))); }
is(shown(), 'first', 'the first certificate');

my $old = $service->connect(tls => tls_of($dir, 'caas.test'));
install('second', 'second');
is(shown(), 'first', 'nothing happens by itself');
$service->signal('HUP');
eventually(sub { shown() eq 'second' }, 'after a reload the new one is shown');
$old->send(question('POST', '/encrypt', body_of('/encrypt')));
is(($old->answer // { code => 'no answer' })->{code}, 200, 'the old connection goes on');

my %broken = (
	'the key of another' => sub { install('third', 'second') },
	'no certificate' => sub { unlink "$dir/server.pem" or die },
	'no key' => sub { install('third', 'third'); unlink "$dir/server.key" or die },
	'no PEM' => sub { install('third', 'third'); write_file("$dir/server.pem", "x\n") },
	'an empty key' => sub { install('third', 'third'); write_file("$dir/server.key", '') }
);
for my $name (sort keys %broken)
{
	$broken{$name}->();
	ok(
		$service->says(
			qr/^caas: (?:note|warning): [^\n]*(?:certificate|tls|server\.(?:pem|key))[^\n]*\n/mi,
			sub { $service->signal('HUP') }
		),
		"$name: it says so"
	);
	is(shown(), 'second', 'the old one stays');
}
is($service->post('/encrypt', body_of('/encrypt'), connect => { tls => tls_of($dir, 'caas.test') })->{code},
	200, 'and works');
install('third', 'third');
$service->signal('HUP');
eventually(sub { shown() eq 'third' }, 'a good one is taken again');
$service->stop;

# A log that cannot be opened is no reason to go on with the old certificate.
mkdir my $logs = folder() . '/logs' or die "mkdir: $!";
my $other = service(args => [ certificate_args($dir, 'server') ], log => "$logs/access.log");
install('first', 'first');
rename $logs, "$logs.away" or die "rename: $!";
ok($other->says(qr{^caas: warning: \Q$logs\E/access\.log: }m, sub { $other->signal('HUP') }), 'the log is told');
eventually(sub { subject_of($other->connect(tls => tls_of($dir, 'caas.test'))) eq 'first' },
	'and the certificate is new');
rename "$logs.away", $logs or die "rename: $!";
$other->stop;
done_testing();
