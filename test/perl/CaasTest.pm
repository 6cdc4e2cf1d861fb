# Shared by the TAP tests: nodes with caas, a keyring and an API key, and connections that show the key.
package CaasTest;

use strict;
use warnings;
use Exporter 'import';
use Digest::SHA qw(sha256_hex);
use IPC::Run;
use Keyring qw(generation random_secret);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(caas_node write_keyring generation random_secret api_key with_key restart_with_preload open_session
	keyed_session answer outcome reload_sessions force_parallel wait_for_log
	wait_until begin_call call_ended);

my $key = sha256_hex("$$ " . time . rand);

# The API key that every node of this test accepts.
sub api_key { return $key; }

# Replaces the node's keyring by one of these lines.
sub write_keyring
{
	my ($node, @generations) = @_;
	return Keyring::write_keyring($node->{caas_keyring}, @generations);
}

# A node that is not started yet. preload: 'session' (default), 'shared' or 'none'; keyring: its generations;
# extra: options for init(); install_path: that of another server than the one that pg_config is of.
sub caas_node
{
	my ($name, %option) = @_;
	my @where = $option{install_path} ? (install_path => $option{install_path}) : ();
	my $node = PostgreSQL::Test::Cluster->new($name, @where);
	my %init = %{ $option{extra} // {} };
	# The default differs from version to version; what a test asks for comes last and wins.
	$node->init(%init, extra => [ '--encoding=UTF8', @{ $init{extra} // [] } ]);
	configure($node, %option);
	return $node;
}

# Works for a node that was made from a backup of another node too.
sub configure
{
	my ($node, %option) = @_;
	my $preload = $option{preload} // 'session';
	$node->{caas_keyring} = PostgreSQL::Test::Utils::tempdir_short() . '/keyring';
	write_keyring($node, @{ $option{keyring} // [ generation(1, 'active') ] });
	$node->append_conf('postgresql.conf', "${preload}_preload_libraries = 'caas'") if $preload ne 'none';
	$node->append_conf('postgresql.conf', "caas.keyring_file = '$node->{caas_keyring}'");
	$node->append_conf('postgresql.conf', "caas.api_key_digests = 'test:" . sha256_hex($key) . "'");
	# PostgreSQL::Test::Cluster logs every statement; these tests look for what errors log.
	$node->append_conf('postgresql.conf', "log_statement = none");
	stage($node);
	return;
}

# Restarts the node with the library loaded in another way: 'none', 'session' or 'shared'.
sub restart_with_preload
{
	my ($node, $preload) = @_;
	for my $way ('session', 'shared')
	{
		my $libraries = $preload eq $way ? 'caas' : '';
		$node->append_conf('postgresql.conf', "${way}_preload_libraries = '$libraries'");
	}
	$node->restart;
	return;
}

# The tests run against a staged installation (make install DESTDIR=..) where the server can be told so.
sub stage
{
	my ($node) = @_;
	my $stage = $ENV{CAAS_STAGE} // return;
	my ($libraries, $share, $version) = map { `pg_config --$_` =~ s/\n//r } qw(pkglibdir sharedir version);
	# A patch of Debian's until 17, a setting of everybody's from 18 on.
	my $control =
		$version =~ /^PostgreSQL 1[4-7]\b/
		? "extension_destdir = '$stage'"
		: "extension_control_path = '$stage$share:\$system'";
	$node->append_conf('postgresql.conf', $control);
	$node->append_conf('postgresql.conf', "dynamic_library_path = '$stage$libraries:\$libdir'");
	return;
}

# Connection options that show the key: $node->safe_psql('postgres', $sql, extra_params => with_key()) cannot carry
# them, an environment can: local $ENV{PGOPTIONS} = with_key();
sub with_key { return "-c caas.api_key=$key"; }

# An open session that prints SQLSTATEs.
sub open_session
{
	my ($node, %option) = @_;
	my $session = $node->background_psql($option{database} // 'postgres', on_error_stop => 0, %option);
	$session->query('\\set VERBOSITY verbose');
	$session->{stderr} = '';
	return $session;
}

# One that has shown the key.
sub keyed_session
{
	my ($node, %option) = @_;
	my $session = open_session($node, %option);
	$session->query_safe("SET caas.api_key = '$key'");
	return $session;
}

# Lets two workers scan any table, for every session of a node that is not started yet; the leader computes nothing.
sub force_parallel
{
	my ($node) = @_;
	$node->append_conf(
		'postgresql.conf', join "\n",
		'parallel_setup_cost = 0',
		'parallel_tuple_cost = 0',
		'min_parallel_table_scan_size = 0',
		'max_parallel_workers_per_gather = 2',
		'parallel_leader_participation = off'
	);
	return;
}

# Returns the output and the errors of an open session.
sub answer
{
	my ($session, $sql) = @_;
	my $out = $session->query($sql);
	my $error = $session->{stderr};
	$session->{stderr} = '';
	return ($out, $error);
}

# Returns an open session's output for a statement, or the SQLSTATE of its error.
sub outcome
{
	my ($session, $sql) = @_;
	my ($out, $error) = answer($session, $sql);
	return $error =~ /^(?:psql:\S+ )?ERROR:  (\w{5}): /m ? $1 : $out;
}

# Reloads the configuration and waits until these sessions have read it.
sub reload_sessions
{
	my ($node, @sessions) = @_;
	my $ask = 'SELECT pg_conf_load_time()';
	my @before = map { outcome($_, $ask) } @sessions;
	$node->reload;
	for my $i (0 .. $#sessions)
	{
		my $tries = 100 * $PostgreSQL::Test::Utils::timeout_default;
		while (outcome($sessions[$i], $ask) eq $before[$i])
		{
			die 'a session does not see the reload' if --$tries == 0;
			select undef, undef, undef, 0.01;
		}
	}
	return;
}

# Waits until the query gives true.
sub wait_until
{
	my ($node, $query) = @_;
	return $node->poll_query_until('postgres', $query) || die "never: $query";
}

# Starts a statement, such as the CALL of a job, in a session of its own.
sub begin_call
{
	my ($node, $statement) = @_;
	my %call = (out => '', error => '');
	$call{run} =
		IPC::Run::start([ 'psql', '-XqAt', '-v', 'VERBOSITY=verbose', '-c', $statement, $node->connstr('postgres') ],
		'>', \$call{out}, '2>', \$call{error});
	return \%call;
}

# Waits for its end. Returns the SQLSTATE of its error, or what a job says at its end.
sub call_ended
{
	my ($call) = @_;
	$call->{run}->finish;
	return $1 if $call->{error} =~ /ERROR:  (\w{5}):/;
	return $call->{error} =~ /(\d+ rows changed, \d+ conflicts)/ ? $1 : $call->{error};
}

# Waits until the node's log, from this offset on, matches; returns the new end of the log.
sub wait_for_log
{
	my ($node, $pattern, $offset) = @_;
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile, $offset // 0);
		return -s $node->logfile if $log =~ $pattern;
		select undef, undef, undef, 0.1;
	}
	die "the log does not show $pattern";
}

1;
