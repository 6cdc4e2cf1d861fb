# TLS 1.2 has suites with forward secrecy and authenticated encryption alone, and TLS 1.3 has all of its own.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;
use TestCa;

my $dir = new_ca(folder());
new_certificate($dir, 'rsa', 'DNS:caas.test', qw(-newkey rsa:2048 -nodes));
new_certificate($dir, 'ec', 'DNS:caas.test');

# The suite on which openssl s_client and the service agree, or nothing.
sub suite
{
	my ($service, @options) = @_;
	my ($address) = $service->url =~ m{//(.*)\z};
	my $said =
		`timeout 60 openssl s_client -connect $address -servername caas.test -CAfile $dir/ca.pem @options </dev/null 2>&1`;
	return $said =~ /^New, TLSv1\.[23], Cipher is ([A-Z0-9_-]+)$/m ? $1 : '';
}

for my $case ([ 'rsa', 'RSA' ], [ 'ec', 'ECDSA' ])
{
	my ($certificate, $signature) = @$case;
	my $service = service(args => [ certificate_args($dir, $certificate) ]);
	is(suite($service, '-tls1_2', '-cipher', $_), $_, "$_ is accepted")
		for map { "ECDHE-$signature-$_" } qw(AES128-GCM-SHA256 AES256-GCM-SHA384 CHACHA20-POLY1305);
	is(suite($service, '-tls1_2', '-cipher', "$_:\@SECLEVEL=0"), '', "$_ is refused")
		for map({ "ECDHE-$signature-$_" } qw(AES128-SHA AES256-SHA AES128-SHA256 AES256-SHA384)),
		qw(AES128-SHA AES256-SHA AES128-GCM-SHA256 AES256-GCM-SHA384 DHE-RSA-AES128-GCM-SHA256);
	is(suite($service, '-tls1_3', '-ciphersuites', $_), $_, "$_ is accepted")
		for qw(TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256);
	like(suite($service), qr/\ATLS_/, 'by default it is TLS 1.3');
	$service->stop;
}
done_testing();
