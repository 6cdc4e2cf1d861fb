# The clients of examples/http, as they are, against a service: with TLS that they verify, refused, and unreachable.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;
use TestCa;

my $dir = new_ca(folder());
new_certificate($dir, 'server', 'IP:127.0.0.1');
my $plain = service();
my $tls = service(args => [ certificate_args($dir, 'server') ]);
my $gone = service();
my $nobody = $gone->url;
$gone->stop;
my $email = 'ada@example.com';
my $digest = $plain->post('/encrypt', body_of('/encrypt', sensitiveData => $email))->{json}{encrypted_data};
like($digest, qr/\A[0-9a-f]{64,128}\z/, 'the digest that all of them should print');

my $talk = "digest: $digest\nverified: true\nopened: +90 555 000 00 00\nrefused: cannot_open\n";
my @clients = (
	[
		'encrypt.sh', 'curl', 'CURL_CA_BUNDLE', $email,
		qr/\A\Q{"encrypted_data":"$digest"}\E\n\z/,
		"bash examples/http/encrypt.sh " . some_uuid()
	],
	[ 'client.py', 'python3', 'SSL_CERT_FILE', '', qr/\A\Q$talk\E\z/i, 'python3 examples/http/client.py' ],
	[ 'client.mjs', 'node', 'NODE_EXTRA_CA_CERTS', '', qr/\A\Q$talk\E\z/, 'node examples/http/client.mjs' ]
);

# Runs a command with this input and environment: exit status, output, errors.
sub run_client
{
	my ($command, $input, %env) = @_;
	write_file("$dir/in", $input);
	delete local $ENV{NODE_EXTRA_CA_CERTS};
	local @ENV{ keys %env } = values %env;
	# A proxy that is there by chance must not see the key.
	local @ENV{qw(http_proxy HTTP_PROXY https_proxy HTTPS_PROXY)} = ('http://127.0.0.1:1') x 4;
	system("$command < $dir/in > $dir/out 2> $dir/err");
	return ($? >> 8, read_file("$dir/out"), read_file("$dir/err"));
}

for my $client (@clients)
{
	my ($name, $program, $authority, $input, $expected, $command) = @$client;
SKIP:
	{
		skip "$program is not installed", 13 if system("command -v $program > /dev/null") != 0;
		my %env = (CAAS_API_KEY => api_key('app'), CAAS_URL => $plain->url);
		my ($status, $out, $err) = run_client($command, $input, %env);
		is("$status $err", '0 ', "$name: it ends well");
		like($out, $expected, "$name: what it prints");

		($status, $out) = run_client($command, $input, %env, CAAS_URL => $tls->url, $authority => "$dir/ca.pem");
		is($status, 0, "$name: by TLS");
		like($out, $expected, "$name: the same");

		my %refused = (
			'the certificate is not verified' => { CAAS_URL => $tls->url },
			'another key' => { CAAS_API_KEY => api_key('other') },
			'nobody answers' => { CAAS_URL => $nobody }
		);
		for my $reason (sort keys %refused)
		{
			($status, $out, $err) = run_client($command, $input, %env, %{ $refused{$reason} });
			isnt($status, 0, "$name: $reason: it fails");
			unlike($out . $err, qr/caas_[0-9a-f]{64}|\Q$digest\E/, "$name: $reason: no key is printed");
			like(
				$out . $err,
				$reason eq 'another key' ? qr/invalid_api_key/ : qr/certificate|connect|refused/i,
				"$name: $reason: it says why"
			);
		}
	}
}
$_->stop for $plain, $tls;
done_testing();
