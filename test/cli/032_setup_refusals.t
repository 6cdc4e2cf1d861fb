# caas setup refuses wrong options and unfit servers before the first change, and writes nothing through planted links.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use CaasServer;
use Test::More;

fails(2, qr/--database is required/, 'setup');
fails(2, qr/--cluster or --pgdata must say which server/, 'setup', '--database', 'd');
fails(2, qr/--pgdata excludes --cluster|--cluster excludes --pgdata/,
	'setup', '--cluster', '15/main', '--pgdata', '/x', '--database', 'd');
fails(2, qr/--remove excludes --new-key|--new-key excludes --remove/,
	'setup', '--cluster', '15/main', '--database', 'd', '--remove', '--new-key');
fails(2, qr/--cluster: it is not of the form VERSION\/NAME/, 'setup', '--cluster', $_, '--database', 'd')
	for '15', '15/', '/main', '../../etc/x', '15/../x', '15/a/b', '';
fails(2, qr/--name: it is not 1 to 64/, 'setup', '--cluster', '15/main', '--database', 'd', '--name', 'a b');
fails(3, qr/there is no cluster 15\/caas_no_such; pg_lsclusters/,
	'setup', '--cluster', '15/caas_no_such', '--database', 'd');
fails(3, qr/there is no such folder/, 'setup', '--pgdata', '/nonexistent', '--database', 'd');

CaasServer::require_servers();
my $server = CaasServer->packaged;
my $keys = "$server->{folder}/keys";
my @app = ('--database', 'postgres', '--keyring', "$keys/keyring");
my $conf = "$server->{config}/conf.d";
my ($uid, $gid) = (getpwnam 'postgres')[ 2, 3 ];

sub refused
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($code, $pattern, @arguments) = @_;
	my $before = $server->snapshot($keys);
	$server->setup_fails($code, $pattern, @arguments);
	is_deeply($server->snapshot($keys), $before, 'nothing is changed');
	return;
}

refused(3, qr/database "nothing here" does not exist/, '--database', 'nothing here');
refused(2, qr/would be inside the data directory/, '--database', 'postgres', '--keyring', "$server->{data}/keyring");
symlink $server->{data}, "$server->{folder}/link" or die "symlink: $!";
refused(2, qr/would be inside the data directory/,
	'--database', 'postgres', '--keyring', "$server->{folder}/link/new/keyring");
refused(2, qr/not an absolute path/, '--database', 'postgres', '--keyring', $_) for 'keyring', "/tmp/a\nb";
refused(3, qr/Peer authentication failed for user "nobody_here"/, @app, '--superuser', 'nobody_here');
refused(3, qr/connection to server .*failed: No such file/, @app, '--host', $server->{folder});

system('cp', program(), "$server->{folder}/caas") == 0 or die 'cp failed';
refused(
	3,
	qr/only root and the server's user, postgres, can set caas up/,
	{ user => 'nobody', program => "$server->{folder}/caas" }, @app
);

mkdir "$server->{folder}/open" or die "mkdir: $!";
chown $uid, $gid, "$server->{folder}/open" or die "chown: $!";
chmod 0777, "$server->{folder}/open" or die "chmod: $!";
refused(3, qr/others than the owner can write in the folder of the keyring/,
	'--database', 'postgres', '--keyring', "$server->{folder}/open/keyring");

# The user postgres plants links to a folder that only root can write.
my $roots = folder();
mkdir "$roots/private", 0700 or die "mkdir: $!";
write_file("$roots/private/caas.conf", "root's own\n");
chmod 0600, "$roots/private/caas.conf" or die "chmod: $!";
symlink "$roots/private", $keys or die "symlink: $!";
$server->setup_fails(3, qr/Permission denied/, @app);
is_deeply(entries("$roots/private"), ['caas.conf'], 'no keyring through a link of the keyring\'s folder');
unlink $keys or die "unlink: $!";

rename $conf, "$conf.away" or die "rename: $!";
symlink "$roots/private", $conf or die "symlink: $!";
$server->setup_fails(3, qr/Permission denied|is no syntax|could not open/, @app);
is(read_file("$roots/private/caas.conf"), "root's own\n", 'no settings through a link of their folder');
is_deeply(entries("$roots/private"), ['caas.conf'], 'and no other file');
unlink $conf or die "unlink: $!";
rename "$conf.away", $conf or die "rename: $!";

symlink "$roots/private/caas.conf", "$conf/caas.conf" or die "symlink: $!";
$server->setup_fails(3, qr/Permission denied/, @app);
is(read_file("$roots/private/caas.conf"), "root's own\n", 'no settings through a link in their place');
unlink "$conf/caas.conf" or die "unlink: $!";

# Preloading a library that is not installed would lock every session out.
my $main = "$server->{config}/postgresql.conf";
my $right = read_file($main);
write_file($main, $right =~ s/^dynamic_library_path = .*$/dynamic_library_path = '\$libdir\/none'/mr);
$server->stop;
$server->start;
refused(3, qr/the server cannot load the library of caas: could not access file "caas"/, @app);
write_file($main, $right);

$server->stop;
my ($code, $out, $err) = $server->setup(@app);
is($code, 3, 'a stopped server');
my $start = 'pg_ctlcluster ' . CaasServer::version() . " $server->{name} start";
like($err, qr/does not run; start it first: \Q$start\E/, 'how to start it');
$server->start;

# --host and --port lead to another cluster.
my $other = CaasServer->packaged;
refused(3, qr/is another: its data directory is \Q$other->{data}\E/,
	@app, '--host', $other->{socket}, '--port', $other->{port});

($code, $out, $err) = $server->setup(@app);
is($code, 0, 'after all that it works') or diag($err);
done_testing();
