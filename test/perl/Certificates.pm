# Certificates for the tests of servers with TLS, by an authority of the test's own.
package Certificates;

use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Utils;

our @EXPORT = qw(new_authority new_certificate tls_settings tls_options);

my @key = qw(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes);

# A folder with ca.key and ca.crt.
sub new_authority
{
	my $folder = PostgreSQL::Test::Utils::tempdir_short();
	system_or_bail(
		'openssl', 'req', '-x509', @key, '-days', 2,
		'-subj', '/CN=authority', '-keyout', "$folder/ca.key", '-out', "$folder/ca.crt"
	);
	return $folder;
}

# Adds NAME.key and NAME.crt, whose common name is the name.
sub new_certificate
{
	my ($folder, $name) = @_;
	system_or_bail('openssl', 'req', @key, '-subj', "/CN=$name", '-keyout', "$folder/$name.key", '-out',
		"$folder/$name.csr");
	system_or_bail('openssl', 'x509', '-req', '-days', 2, '-in', "$folder/$name.csr", '-CA',
		"$folder/ca.crt", '-CAkey', "$folder/ca.key", '-CAcreateserial', '-out', "$folder/$name.crt");
	chmod 0600, "$folder/$name.key" or die "chmod: $!";
	return;
}

# The lines of postgresql.conf for a server with the certificate of this name.
sub tls_settings
{
	my ($folder, $name) = @_;
	return join "\n", "listen_addresses = '127.0.0.1'", 'ssl = on', "ssl_ca_file = '$folder/ca.crt'",
		"ssl_cert_file = '$folder/$name.crt'", "ssl_key_file = '$folder/$name.key'";
}

# The options of a connection that shows the certificate of this name.
sub tls_options
{
	my ($folder, $name) = @_;
	return (
		host => '127.0.0.1',
		sslmode => 'verify-ca',
		sslrootcert => "$folder/ca.crt",
		sslcert => "$folder/$name.crt",
		sslkey => "$folder/$name.key"
	);
}

1;
