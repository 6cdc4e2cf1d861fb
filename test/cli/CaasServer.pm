# Throwaway servers for the tests of `caas setup`: a cluster of Debian's packages, or a data directory of initdb. Only root
# can make them for the user postgres. All servers are stopped and removed when the test ends.
package CaasServer;

use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use File::Path qw(remove_tree);
use Test::More;

my ($pg_config) = grep { defined && -x } $ENV{PG_CONFIG}, reverse(sort glob '/usr/lib/postgresql/*/bin/pg_config');
my %alive;
my $output = folder() . '/output';    # what the programs that make servers say

# Skips the test where no such server can be made.
sub require_servers
{
	plan skip_all => 'not root: no server of another user can be made' if $> != 0;
	plan skip_all => 'there is no user postgres' if !getpwnam 'postgres';
	plan skip_all => 'no PostgreSQL of Debian\'s packages' if !defined $pg_config || !-x '/usr/bin/pg_createcluster';
	plan skip_all => 'caas is not staged: CAAS_STAGE names no installation' if !defined $ENV{CAAS_STAGE};
	return;
}

sub config { my ($what) = @_; return `$pg_config --$what` =~ s/\n//r; }

sub version { return config('version') =~ s/^PostgreSQL (\d+).*/$1/r; }

# Settings that point the server at the staged extension: extension_destdir is a patch of Debian up to 17.
sub stage_settings
{
	my ($libraries, $share) = map { config($_) } 'pkglibdir', 'sharedir';
	return (
		version() < 18
		? "extension_destdir = '$ENV{CAAS_STAGE}'"
		: "extension_control_path = '$ENV{CAAS_STAGE}$share:\$system'",
		"dynamic_library_path = '$ENV{CAAS_STAGE}$libraries:\$libdir'"
	);
}

# All statements are logged, so that a key in one of them would be found. No TCP address is opened.
sub settings
{
	return ("listen_addresses = ''", 'fsync = off', 'shared_buffers = 16MB', 'log_statement = all', stage_settings());
}

sub run
{
	my @command = @_;
	my $pid = fork() // die "fork: $!";
	if (!$pid)
	{
		open STDIN, '<', '/dev/null' or POSIX::_exit(126);
		open STDOUT, '>>', $output or POSIX::_exit(126);
		open STDERR, '>&', \*STDOUT or POSIX::_exit(126);
		chdir '/' or POSIX::_exit(126);
		exec { $command[0] } @command or POSIX::_exit(127);
	}
	waitpid $pid, 0;
	return $?;
}

sub as_postgres { return run('runuser', '-u', 'postgres', '--', @_); }

sub bare
{
	my ($class, %more) = @_;
	my $folder = folder();
	mkdir "$folder/socket" or die "mkdir: $!";
	chown((getpwnam 'postgres')[ 2, 3 ], $folder, "$folder/socket") == 2 or die "chown: $!";
	return bless {
		folder => $folder,
		socket => "$folder/socket",
		port => 20000 + int rand 30000,
		data => "$folder/data",
		log => "$folder/log",
		%more
	}, $class;
}

# A cluster of Debian's packages that runs; further arguments are settings.
sub packaged
{
	my ($class, @settings) = @_;
	my $self = $class->bare(name => sprintf 'caas_test_%08x', rand 2**32);
	$self->{arguments} = [ '--cluster', version() . "/$self->{name}" ];
	$self->{config} = '/etc/postgresql/' . version() . "/$self->{name}";
	$alive{$self} = $self;
	run('pg_createcluster', '-d', $self->{data}, '-l', $self->{log}, '-s', $self->{socket}, '-p', $self->{port},
		'--start-conf=manual', version(), $self->{name}, '--', '-E', 'UTF8', '--locale=C.UTF-8') == 0
		or die 'pg_createcluster failed: ' . read_file($output);
	$self->settings_first(settings(), @settings);
	$self->start;
	return $self;
}

# A server of initdb's, with its configuration in the data directory.
sub of_initdb
{
	my ($class, @settings) = @_;
	my $self = $class->bare;
	$self->{arguments} = [ '--pgdata', $self->{data} ];
	$self->{config} = $self->{data};
	$alive{$self} = $self;
	as_postgres(config('bindir') . '/initdb', '-D', $self->{data}, '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync') == 0
		or die 'initdb failed: ' . read_file($output);
	$self->settings_first("port = $self->{port}", "unix_socket_directories = '$self->{socket}'", settings(), @settings);
	$self->start;
	return $self;
}

# A streaming standby of a server.
sub standby
{
	my ($class, $primary) = @_;
	my $self = $class->bare;
	$self->{arguments} = [ '--pgdata', $self->{data} ];
	$self->{config} = $self->{data};
	as_postgres(config('bindir') . '/pg_basebackup',
		'-R', '-c', 'fast', '-D', $self->{data}, '-h', $primary->{socket}, '-p', $primary->{port}) == 0
		or die 'pg_basebackup failed: ' . read_file($output);
	$self->settings_last("port = $self->{port}", "unix_socket_directories = '$self->{socket}'");
	$alive{$self} = $self;
	$self->start;
	return $self;
}

# Adds lines at the beginning or the end of postgresql.conf.
sub settings_first
{
	my ($self, @lines) = @_;
	$self->edit(sub { join("\n", @lines, $_[0]) });
	return;
}

sub settings_last
{
	my ($self, @lines) = @_;
	$self->edit(sub { join("\n", $_[0], @lines, '') });
	return;
}

sub edit
{
	my ($self, $edit) = @_;
	my $file = "$self->{config}/postgresql.conf";
	write_file($file, $edit->(read_file($file)));
	return;
}

sub control
{
	my ($self, $action) = @_;
	return $self->{name}
		? run('pg_ctlcluster', '--skip-systemctl-redirect', version(), $self->{name}, $action,
		$action eq 'stop' ? ('-m', 'fast') : ())
		: as_postgres(config('bindir') . '/pg_ctl', '-D', $self->{data}, '-l', $self->{log}, '-w', '-s', $action);
}

sub start
{
	my ($self) = @_;
	$self->control('start') == 0 or die 'the server does not start: ' . read_file($self->{log});
	return;
}

sub stop { my ($self) = @_; return $self->control('stop'); }

# caas setup on this server: exit code, standard output, standard error.
sub setup
{
	my ($self, @more) = @_;
	my @option = ref $more[0] ? shift @more : ();
	return caas(@option, 'setup', @{ $self->{arguments} }, @more);
}

# caas setup has to fail with this exit code and message, and to print no key.
sub setup_fails
{
	my ($self, $code, $pattern, @more) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($got, $out, $err) = $self->setup(@more);
	my $name = join ' ', grep { !ref } @more;
	is($got, $code, "setup $name: exit code");
	like($err, $pattern, "setup $name: message");
	is($out, '', "setup $name: no key");
	return;
}

# Output of a statement in a new session, or the SQLSTATE of its error. Options: database, key.
sub sql
{
	my ($self, $sql, %option) = @_;
	my $database = $option{database} // 'postgres';
	$database =~ s/([\\'])/\\$1/g;
	local $ENV{PGOPTIONS} = $option{key} ? "-c caas.api_key=$option{key}" : '';
	open my $psql, '-|', 'runuser', '-u', 'postgres', '--', 'sh', '-c', 'cd / && exec "$@" 2>&1', 'sh',
		config('bindir') . '/psql',
		'-XqAt', '-v', 'VERBOSITY=sqlstate', '-h', $self->{socket}, '-p', $self->{port}, '-d', "dbname='$database'",
		'-c', $sql
		or die "psql: $!";
	local $/ = undef;
	my $out = <$psql> // '';
	close $psql;
	$out =~ s/\n\z//;
	return $out =~ /^(?:psql: error: )?ERROR:\s+(\w{5})/m ? $1 : $out;
}

# Inode, mode, owner, size and change time of the files in the configuration and in these folders, and the catalogs' counts.
sub snapshot
{
	my ($self, @folders) = @_;
	my @files = map { glob "$_/* $_/.??*" } $self->{config}, "$self->{config}/conf.d", @folders;
	my %state = map { $_ => join ' ', (lstat)[ 1, 2, 4, 5, 7, 10 ] } grep { -f && !/postmaster\.pid$/ } @files;
	$state{$_} = join ' ', (stat)[ 1, 2, 4, 5 ] for grep { -d } $self->{config}, @folders;
	$state{catalogs} = $self->sql(
		'SELECT (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_extension), (SELECT count(*) FROM pg_namespace)'
	);
	return \%state;
}

# Stops and drops every server of the test.
sub clean_up
{
	for my $self (values %alive)
	{
		if ($self->{name} && -d $self->{config})
		{
			run('pg_dropcluster', '--stop', version(), $self->{name});
			remove_tree($self->{config});    # pg_dropcluster leaves a folder that has files of others
		}
		elsif (!$self->{name} && -e "$self->{data}/postmaster.pid") { $self->stop; }
	}
	%alive = ();
	return;
}

$SIG{$_} = sub { exit 1 }
	for qw(HUP INT TERM);

END
{
	local $?;
	clean_up();
}

1;
