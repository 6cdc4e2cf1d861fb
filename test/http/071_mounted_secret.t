# Files of a secret as Kubernetes mounts it, root's with mode 0440 and the group of the service: a changed secret comes in with SIGHUP, and
# modes that let others read are refused with the remedy.
use strict;
use warnings;
use lib 'test/http', 'test/perl';
use HttpService;
use MountedSecret qw(mount_secret);
use Test::More;
use TestCa;

plan skip_all => 'only root can make files of other users' if $> != 0 || !getpwnam 'nobody';
my $group = (getpwnam 'nobody')[3];
my $mount = folder();
chmod 01777, $mount or die "chmod: $!";    # the mode of such a mount
my $made = new_ca(folder());
new_certificate($made, $_, 'DNS:caas.test') for qw(first second);

my ($one, $two) = (generation(1, 'active'), generation(2, 'active'));

# Mounts a secret with a keyring of these generations, the key of this client and this certificate.
sub mount
{
	my ($generations, $client, $certificate, $mode) = @_;
	my %files = (
		keyring => write_keyring("$made/keyring", @$generations),
		'api-keys' => key_file("$made/api-keys", key_line($client)),
		'tls.crt' => "$made/$certificate.pem",
		'tls.key' => "$made/$certificate.key"
	);
	mount_secret($mount, \%files, mode => $mode // 0440, group => $group);
	return;
}

my %as_mounted = (
	user => 'nobody',
	log => undef,
	keyring => "$mount/keyring",
	key_file => "$mount/api-keys",
	args => [ '--tls-cert', "$mount/tls.crt", '--tls-key', "$mount/tls.key" ]
);
mount([$one], 'old', 'first');
my $service = service(%as_mounted);
my %connect = (connect => { tls => tls_of($made, 'caas.test') });
sub generation_now { return $service->get('/health', %connect)->{json}{active_generation}; }
sub encrypts { return $service->post('/encrypt', body_of('/encrypt'), key => $_[0], %connect)->{code}; }
is(generation_now(), 1, 'files of root\'s with mode 0440 are read by the group');
is(encrypts('old'), 200, 'with the key');

mount([ $two, $one =~ s/active/retired/r ], 'new', 'second');
is(generation_now(), 1, 'nothing happens by itself, though the old files are gone');
is(encrypts('old'), 200, 'and the old key counts');
$service->signal('HUP');
eventually(sub { generation_now() == 2 }, 'the reload takes the new keyring');
eventually(sub { encrypts('new') == 200 }, 'the new key');
is(encrypts('old'), 401, 'the old one is refused');
eventually(sub { subject_of($service->connect(%{ $connect{connect} })) eq 'second' }, 'and the new certificate');

# The default modes of platforms let everybody read.
for my $mode (0444, 0644)
{
	mount([$two], 'new', 'second', $mode);
	ok(
		$service->says(
			qr{/keyring: the file is owned by root and its mode is wider than 0640; .* with mode 0440 and},
			sub { $service->signal('HUP') }
		),
		sprintf 'mode %04o of the keyring is refused with the remedy',
		$mode
	);
	eventually(sub { $service->get('/health', %connect)->{code} == 503 }, 'and fails closed');
	eventually(sub { $service->said =~ m{/tls\.key: others may read the key; .* to 0440} },
		'as is that of the TLS key');
}
mount([$two], 'new', 'second');
$service->signal('HUP');
eventually(sub { $service->get('/health', %connect)->{code} == 200 }, 'mode 0440 again');
$service->stop;
done_testing();
