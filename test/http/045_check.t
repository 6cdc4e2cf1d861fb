# caas serve --check reads the files as at a start and ends: with 0, or with 3 and the reason. It binds and writes nothing.
use strict;
use warnings;
use lib 'test/http', 'test/cli';
use CaasCli qw(caas fails);
use HttpService;
use Test::More;
use TestCa;

delete @ENV{ grep { /\ACAAS_/ && $_ ne 'CAAS_TEST_FILES' } keys %ENV };
my $dir = new_ca(folder());
new_certificate($dir, $_, 'DNS:caas.test') for qw(one two);
my $keyring = write_keyring("$dir/keyring", generation(1, 'active'));
my $keys = key_file("$dir/api-keys", key_line('app'));
my @files = ('--keyring', $keyring, '--api-keys', $keys);

sub usable
{
	my ($name, @arguments) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($code, $out, $err) = caas(@arguments);
	return is("$code $out$err", "0 caas: note: the files can be used\n", $name);
}
usable('good files', 'serve', '--check', @files);
usable('with a certificate', 'serve', '--check', @files, certificate_args($dir, 'one'));
usable('by the environment', { env => { CAAS_KEYRING => $keyring, CAAS_API_KEYS => $keys } }, 'serve', '--check');
write_file("$dir/config", "keyring = \"$keyring\"\napi-keys = \"$keys\"\n");
usable('by a file', 'serve', '--check', '--config', "$dir/config");

# Beside a service on the same addresses, and for addresses and a log that are not there yet.
my $service =
	service(dir => $dir, keyring => $keyring, key_file => $keys, listen => [ '127.0.0.1:0', "unix:$dir/socket" ]);
my ($port) = $service->url =~ /:([0-9]+)\z/;
my $log = $service->log_text;
usable(
	'beside a service', 'serve', '--check', @files,
	'--listen', "127.0.0.1:$port", '--listen', "unix:$dir/socket",
	'--access-log', "$dir/access.log"
);
is($service->get('/health', connect => { url => $_ })->{code}, 200, "it still serves $_") for @{ $service->listening };
usable('for another place', 'serve', '--check', @files, '--listen', "unix:$dir/new", '--access-log', "$dir/new.log");
ok(!-e "$dir/$_", "makes no $_") for 'new', 'new.log';
$service->stop;
ok(!-S "$dir/socket", 'the socket was that of the service alone');

# A file that would end a start with 3 ends --check with 3 and the same message.
sub unusable
{
	my ($name, $pattern, @arguments) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	note $name;
	fails(3, $pattern, 'serve', '--check', @arguments);
	my ($code, undef, $err) = caas('serve', '--listen', 'unix:' . folder() . '/socket', @arguments);
	my ($code_now, undef, $now) = caas('serve', '--check', @arguments);
	return is("$code_now $now", "$code $err", "$name: as at a start");
}
unusable('no keyring', qr{\Q$dir\E/none: }, '--keyring', "$dir/none", '--api-keys', $keys);
unusable('no API keys', qr{\Q$dir\E/none: }, '--keyring', $keyring, '--api-keys', "$dir/none");
write_keyring("$dir/broken", "1 active nonsense\n");
unusable('a broken keyring', qr{\Q$dir\E/broken.*line 2}, '--keyring', "$dir/broken", '--api-keys', $keys);
key_file("$dir/broken-keys", key_line('app'), 'nonsense');
unusable(
	'a broken line of API keys',
	qr{\Q$dir\E/broken-keys.*line 2},
	'--keyring', $keyring, '--api-keys', "$dir/broken-keys"
);
key_file("$dir/wide-keys", key_line('app'));
chmod 0666, "$dir/wide-keys" or die "chmod: $!";
unusable(
	'API keys that all may write',
	qr{\Q$dir\E/wide-keys: .*may write},
	'--keyring', $keyring, '--api-keys', "$dir/wide-keys"
);
unusable('the key of another certificate',
	qr{\Q$dir\E/}, @files, '--tls-cert', "$dir/one.pem", '--tls-key', "$dir/two.key");
unusable('no certificate', qr{\Q$dir\E/none}, @files, '--tls-cert', "$dir/none", '--tls-key', "$dir/two.key");
fails(2, qr/--tls-cert and --tls-key belong together/, 'serve', '--check', @files, '--tls-cert', "$dir/one.pem");
fails(2, qr/--tls-cert and --tls-key belong together/, 'serve', '--check', @files, '--tls-key', "$dir/one.key");
done_testing();
