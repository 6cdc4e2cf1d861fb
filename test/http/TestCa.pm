# A certificate authority for the tests of TLS, made by openssl in a folder of the test.
package TestCa;

use strict;
use warnings;
use lib 'test/http';
use Exporter 'import';
use HttpService;
use POSIX ();
use Test::More;

our @EXPORT = qw(new_ca new_certificate certificate_args tls_of subject_of);

sub openssl
{
	my ($dir, @arguments) = @_;
	my $pid = fork() // die "fork: $!";
	if ($pid == 0)
	{
		open STDOUT, '>', '/dev/null' or POSIX::_exit(126);
		open STDERR, '>', "$dir/openssl.err" or POSIX::_exit(126);
		exec 'openssl', @arguments or POSIX::_exit(127);
	}
	waitpid $pid, 0;
	$? == 0 or BAIL_OUT("openssl $arguments[0]: " . read_file("$dir/openssl.err"));
	return;
}

my @key = qw(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes);

# Makes ca.pem and ca.key in the folder, with the extensions of RFC 5280 that Python verifies since 3.13.
sub new_ca
{
	my ($dir) = @_;
	openssl($dir, 'req', '-x509', @key, '-keyout', "$dir/ca.key", '-out', "$dir/ca.pem", '-days', 2, '-subj',
		'/CN=a test CA',
		'-addext', 'keyUsage=critical,keyCertSign,cRLSign');
	return $dir;
}

# Makes NAME.pem, the certificate with its CA after it, and NAME.key, for these hosts: "DNS:x,IP:127.0.0.1".
sub new_certificate
{
	my ($dir, $name, $hosts, @key_options) = @_;
	write_file("$dir/$name.ext",
			  "subjectAltName=$hosts\nbasicConstraints=CA:FALSE\n"
			. "keyUsage=critical,digitalSignature,keyEncipherment\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
	);
	openssl($dir, 'req', @key_options ? @key_options : @key,
		'-keyout', "$dir/$name.key", '-out', "$dir/$name.csr", '-subj', "/CN=$name");
	openssl(
		$dir, 'x509', '-req', '-in', "$dir/$name.csr", '-CA',
		"$dir/ca.pem", '-CAkey', "$dir/ca.key", '-CAcreateserial', '-days', 1,
		'-extfile', "$dir/$name.ext", '-out', "$dir/$name.crt"
	);
	write_file("$dir/$name.pem", read_file("$dir/$name.crt") . read_file("$dir/ca.pem"));
	chmod 0600, "$dir/$name.key" or die "chmod: $!";
	return;
}

sub certificate_args { my ($dir, $name) = @_; return ('--tls-cert', "$dir/$name.pem", '--tls-key', "$dir/$name.key"); }

# How a client looks that trusts this CA and asks for this host.
sub tls_of
{
	my ($dir, $host, %more) = @_;
	return {
		SSL_ca_file => "$dir/ca.pem",
		SSL_verifycn_name => $host,
		SSL_verifycn_scheme => 'http',
		SSL_verify_mode => 1,
		($host =~ /[a-z]/ ? (SSL_hostname => $host) : ()), %more
	};
}

# The name in the certificate that this connection was shown.
sub subject_of { return $_[0]{socket}->peer_certificate('cn'); }

1;
