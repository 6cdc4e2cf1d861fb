# A pgbouncer of the test's own, in front of one node.
package Pgbouncer;

use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

# Whether there is a pgbouncer to run.
sub installed
{
	return grep { -x "$_/pgbouncer" } split /:/, $ENV{PATH};
}

# Starts one and waits until it serves. Settings are those of [pgbouncer] and, as connect_query, of [databases].
sub new
{
	my ($class, $node, %setting) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir_short();
	my $self = bless { folder => $folder, port => PostgreSQL::Test::Cluster::get_free_port(), setting => \%setting }, $class;
	my $user = getpwuid $<;
	my $connect_query = delete $setting{connect_query};
	my $database = 'host=' . $node->host . ' port=' . $node->port . " user=$user";
	$database .= " connect_query='" . ($connect_query =~ s/'/''/gr) . "'" if defined $connect_query;
	my %all = (listen_addr => '', listen_port => $self->{port}, unix_socket_dir => $folder, auth_type => 'any',
		admin_users => $user, logfile => "$folder/log", default_pool_size => 1, %setting);
	append_to_file("$folder/ini", join "\n", '[databases]', "postgres = $database", '[pgbouncer]',
		(map { "$_ = $all{$_}" } sort keys %all), '');
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

# What a client of its own gets: output, then errors.
sub client
{
	my ($self, $sql) = @_;
	my ($out, $error) = ('', '');
	IPC::Run::run([ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $self->connstr ], '<', \$sql, '>', \$out, '2>', \$error);
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
