# Three nodes with Citus and caas on one machine: a coordinator and two workers. Citus is in no package of Debian, so its
# tests run where pg_config finds it, or where CAAS_CITUS_STAGE names a folder that it was installed into by make install DESTDIR=..
package CitusNodes;

use strict;
use warnings;
use Exporter 'import';
use CaasTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(citus_missing citus_nodes on_workers);

my ($libraries, $share) = map { `pg_config --$_` =~ s/\n//r } qw(pkglibdir sharedir);

# Returns why there is no Citus, or nothing.
sub citus_missing
{
	my $stage = $ENV{CAAS_CITUS_STAGE} // '';
	return if -e "$stage$libraries/citus.so";
	return "there is no $stage$libraries/citus.so: install Citus, or name its staged installation in CAAS_CITUS_STAGE";
}

# Where the control files of extensions are, below a stage.
sub extension_folder { return "$share/extension"; }

# Servers look for extensions in one folder besides their own: it has links to the files of both.
sub common_stage
{
	my $folder = PostgreSQL::Test::Utils::tempdir();
	for my $place (extension_folder(), $libraries)
	{
		system_or_bail('mkdir', '-p', "$folder$place");
		for my $stage (grep { defined } @ENV{qw(CAAS_STAGE CAAS_CITUS_STAGE)})
		{
			symlink $_, "$folder$place/" . (m{([^/]+)\z})[0] for glob "$stage$place/*";
		}
	}
	return $folder;
}

# The coordinator and the workers, started, with the same keyring. environment: what their postmasters see besides;
# keyring: its generations; conf: lines for all.
sub citus_nodes
{
	my (%option) = @_;
	local $ENV{CAAS_STAGE} = common_stage() if defined $ENV{CAAS_CITUS_STAGE};
	my @keyring = @{ $option{keyring} // [ generation(1, 'active') ] };
	my @nodes;
	for my $name (qw(coordinator worker1 worker2))
	{
		my $node =
			caas_node($name, keyring => \@keyring, preload => 'none', extra => { allows_streaming => 'logical' });
		$node->append_conf(
			'postgresql.conf',
			join "\n",
			q{shared_preload_libraries = 'citus,caas'},
			q{listen_addresses = '127.0.0.1'},
			q{max_worker_processes = 20},
			q{max_prepared_transactions = 20},
			q{citus.enable_version_checks = off},
			q{columnar.enable_version_checks = off},
			q{citus.enable_statistics_collection = off},
			q{citus.node_conninfo = 'sslmode=disable'},
			q{citus.shard_count = 4},
			@{ $option{conf} // [] }
		);
		local @ENV{ keys %{ $option{environment} // {} } } = values %{ $option{environment} // {} };
		$node->start;
		$node->safe_psql('postgres', 'CREATE EXTENSION citus');
		push @nodes, $node;
	}
	my ($coordinator, @workers) = @nodes;
	$coordinator->safe_psql('postgres', sprintf q{SELECT citus_set_coordinator_host('127.0.0.1', %d)},
		$coordinator->port);
	$coordinator->safe_psql('postgres', sprintf q{SELECT citus_add_node('127.0.0.1', %d)}, $_->port) for @workers;
	$coordinator->safe_psql('postgres', 'CREATE EXTENSION caas');
	return @nodes;
}

# Runs a statement on the workers from the coordinator; dies unless it succeeds on each.
sub on_workers
{
	my ($coordinator, $statement) = @_;
	my $failed = $coordinator->safe_psql('postgres',
		"SELECT result FROM run_command_on_workers(\$caas\$$statement\$caas\$) WHERE NOT success");
	die "on a worker: $failed" if $failed ne '';
	return;
}

1;
