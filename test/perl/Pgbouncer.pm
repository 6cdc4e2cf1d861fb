# A pgbouncer of the test's own in front of one node, and what the tests of pools share.
package Pgbouncer;

use strict;
use warnings;
use CaasTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

# The call whose digest the tests look for, and its refusal.
our $call = q{SELECT caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'plaintext of Ada')};
our $refusal = qr/ERROR:  28000: no accepted API key/;

# A started node, and the digest of that call in it.
sub node_and_digest
{
	my $node = caas_node('pooled');
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION caas');
	local $ENV{PGOPTIONS} = with_key();
	return ($node, $node->safe_psql('postgres', $call));
}

# A script of pgbench that fails where a digest comes without a key.
our $without_key = q{DO $$BEGIN
PERFORM caas_encrypt(gen_random_uuid(), 'value');
RAISE EXCEPTION 'a digest without a key';
EXCEPTION WHEN invalid_authorization_specification THEN NULL; END$$;
};

# The command of pgbench that runs scripts through the pool; :id and :value are the arguments of the call.
sub pgbench
{
	my ($self, $options, %scripts) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir();
	append_to_file("$folder/$_", $scripts{$_}) for keys %scripts;
	return [
		'pgbench', '-n', @$options, '-D', 'id=4dbcbcfe-4800-40a8-badf-c26b73af230c',
		'-D',
		'value=plaintext of Ada',
		(map { ('-f', "$folder/$_") } sort keys %scripts),
		$self->connstr
	];
}

# Returns true when a pgbouncer is installed.
sub installed
{
	return grep { -x "$_/pgbouncer" } split /:/, $ENV{PATH};
}

# Starts one and waits until it serves. Settings are those of [pgbouncer] and, as connect_query, of [databases].
sub new
{
	my ($class, $node, %setting) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir_short();
	my $self = bless { folder => $folder, port => PostgreSQL::Test::Cluster::get_free_port(), setting => \%setting },
		$class;
	my $user = getpwuid $<;
	my $connect_query = delete $setting{connect_query};
	my $database = 'host=' . $node->host . ' port=' . $node->port . " user=$user";
	$database .= " connect_query='" . ($connect_query =~ s/'/''/gr) . "'" if defined $connect_query;
	my %all = (
		listen_addr => '',
		listen_port => $self->{port},
		unix_socket_dir => $folder,
		auth_type => 'any',
		admin_users => $user,
		logfile => "$folder/log",
		default_pool_size => 1,
		%setting
	);
	append_to_file("$folder/ini", join "\n", '[databases]', "postgres = $database",
		'[pgbouncer]', (map { "$_ = $all{$_}" } sort keys %all), '');
	$self->{run} = IPC::Run::start([ 'pgbouncer', '-q', "$folder/ini" ], '>', '/dev/null', '2>&1');

	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return $self if ($self->client('SELECT 1'))[0] eq '1';
		select undef, undef, undef, 0.1;
	}
	die 'pgbouncer does not serve: ' . slurp_file("$folder/log");
}

sub connstr
{
	my ($self) = @_;
	return "host=$self->{folder} port=$self->{port} dbname=postgres";
}

# Runs a statement in a new client. Returns its output and its errors.
sub client
{
	my ($self, $sql) = @_;
	my ($out, $error) = ('', '');
	IPC::Run::run([ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $self->connstr ],
		'<', \$sql, '>', \$out, '2>', \$error);
	chomp $out;
	return ($out, $error);
}

# Stops it at once, waiting for its end.
sub stop
{
	my ($self) = @_;
	my $run = delete $self->{run} // return;
	$run->signal('TERM');
	$run->finish;
	return;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $@);
	$self->stop;
	return;
}

1;
