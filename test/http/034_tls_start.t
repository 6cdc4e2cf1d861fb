# A certificate and a key that do not do are refused at the start, with the reason and nothing of the key.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;
use TestCa;

my $dir = new_ca(folder());
new_certificate($dir, $_, 'DNS:caas.test') for qw(server other);
new_certificate($dir, 'rsa', 'DNS:caas.test', qw(-newkey rsa:2048 -nodes));
write_file("$dir/empty", '');
write_file("$dir/text", "not PEM\n");
my @cert = ('--tls-cert', "$dir/server.pem");
my @key = ('--tls-key', "$dir/server.key");

start_fails(3, qr/\bkey\b/, 'the key of another', args => [ @cert, '--tls-key', "$dir/other.key" ]);
start_fails(3, qr/\bkey\b/, 'the key of another kind', args => [ @cert, '--tls-key', "$dir/rsa.key" ]);
start_fails(3, qr{\Q$dir\E/none}, 'no certificate', args => [ '--tls-cert', "$dir/none", @key ]);
start_fails(3, qr{\Q$dir\E/none}, 'no key', args => [ @cert, '--tls-key', "$dir/none" ]);
start_fails(3, qr{\Q$dir\E/$_}, "certificate: $_", args => [ '--tls-cert', "$dir/$_", @key ])
	for qw(empty text server.key);
start_fails(3, qr{\Q$dir\E/$_}, "key: $_", args => [ @cert, '--tls-key', "$dir/$_" ]) for qw(empty text server.pem);
for my $mode (0644, 0604, 0666)
{
	chmod $mode, "$dir/server.key" or die "chmod: $!";
	start_fails(3, qr{\Q$dir\E/server\.key: .*mode}, sprintf('a key with mode %04o', $mode), args => [ @cert, @key ]);
	chmod 0600, "$dir/server.key" or die "chmod: $!";
}
SKIP:
{
	skip 'only root can give files away', 8 if $> != 0 || !getpwnam 'nobody';
	for my $file ('server.pem', 'server.key')
	{
		chmod 0600, "$dir/server.pem" or die "chmod: $!";
		my $other = $file eq 'server.pem' ? 'server.key' : 'server.pem';
		chown scalar getpwnam('nobody'), -1, "$dir/$other" or die "chown: $!";
		start_fails(
			3, qr{\Q$dir\E/$file: it cannot be opened: Permission denied}, "$file of another user",
			user => 'nobody',
			log => 'off',
			keyring => published_keyring("$dir/keyring"),
			key_file => key_file("$dir/api-keys", key_line('app')),
			args => [ @cert, @key ]
		);
		chown 0, -1, "$dir/$other" or die "chown: $!";
	}
}
start_fails(
	3,
	qr{\Q$dir\E: it is not a regular file},
	'a folder for a certificate',
	args => [ '--tls-cert', $dir, @key ]
);
start_fails(2, qr/--tls-key/, 'a certificate without key', args => \@cert);
start_fails(2, qr/--tls-cert/, 'a key without certificate', args => \@key);

my $encrypted = "$dir/locked.key";
system('openssl', 'pkey', '-in', "$dir/server.key", '-aes256', '-passout', 'pass:example', '-out', $encrypted) == 0
	or BAIL_OUT('openssl');
my $said = start_fails(
	3, qr/\Q$encrypted\E/,
	'a key with a password: nobody is asked',
	args => [ @cert, '--tls-key', $encrypted ]
);
unlike($said, qr/pass phrase:/i, 'not even by a prompt');

my $rsa = service(args => [ certificate_args($dir, 'rsa') ]);
is($rsa->get('/health', connect => { tls => tls_of($dir, 'caas.test') })->{code}, 200, 'an RSA certificate');
$rsa->stop;
my $wide = service(listen => ['0.0.0.0:0'], args => [ certificate_args($dir, 'server') ]);
like($wide->url, qr{\Ahttps://0\.0\.0\.0:}, 'with TLS an address beyond loopback is allowed');
$wide->stop;
done_testing();
