# Three nodes with Citus and caas on one machine: a coordinator and two workers. Citus is in no package of Debian, so its
# tests run where pg_config finds it, or where CAAS_CITUS_STAGE names a folder that it was installed into by make install DESTDIR=..
package CitusNodes;

use strict;
use warnings;
use Exporter 'import';
use File::Basename;
use File::Spec::Functions qw(rel2abs);
use CaasTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(citus_missing citus_node citus_nodes on_workers);

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

# Servers look for extensions in one folder besides their own: it has links to the files of both, and to these scripts.
sub common_stage
{
	my @scripts = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir();
	for my $place (extension_folder(), $libraries)
	{
		system_or_bail('mkdir', '-p', "$folder$place");
		for my $stage (grep { defined } @ENV{qw(CAAS_STAGE CAAS_CITUS_STAGE)})
		{
			symlink $_, "$folder$place/" . basename($_) for glob "$stage$place/*";
		}
	}
	symlink rel2abs($_), $folder . extension_folder() . '/' . basename($_) for @scripts;
	return $folder;
}

# Starts a node with Citus that no other node knows. environment: what its postmaster sees besides; keyring: its generations; conf: lines;
# scripts: of other versions of the extension.
sub citus_node
{
	my ($name, %option) = @_;
	local $ENV{CAAS_STAGE} = common_stage(@{ $option{scripts} // [] }) if defined $ENV{CAAS_CITUS_STAGE};
	my $node = caas_node(
		$name,
		keyring => $option{keyring} // [ generation(1, 'active') ],
		preload => 'none',
		extra => { allows_streaming => 'logical' }
	);
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
	return $node;
}

# Starts a coordinator and two workers with the same keyring and the options of citus_node. version: that of the extension, the newest by default.
sub citus_nodes
{
	my (%option) = @_;
	$option{keyring} //= [ generation(1, 'active') ];
	my ($coordinator, @workers) = map { citus_node($_, %option) } qw(coordinator worker1 worker2);
	$coordinator->safe_psql('postgres', sprintf q{SELECT citus_set_coordinator_host('127.0.0.1', %d)},
		$coordinator->port);
	$coordinator->safe_psql('postgres', sprintf q{SELECT citus_add_node('127.0.0.1', %d)}, $_->port) for @workers;
	$coordinator->safe_psql('postgres',
		'CREATE EXTENSION caas' . (defined $option{version} ? " VERSION '$option{version}'" : ''));
	return ($coordinator, @workers);
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
