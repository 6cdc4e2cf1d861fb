# caas_doctor: nothing on a good installation; what it says about the keyring and its file, and that its remedies help.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use Cwd qw(realpath);
use Keyring;
use MIME::Base64 qw(encode_base64);
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;
use Test::More;

# A line of a keyring that was made so many days ago.
sub aged
{
	my ($days, @line) = @_;
	my $created = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time - $days * 86400));
	return generation(@line) =~ s/\S+Z /$created /r;
}

# PostgreSQL 14 lets everybody create in the schema public.
my $node = caas_node('doctor', keyring => [ aged(1, 1, 'active') ]);
$node->append_conf('postgresql.conf', 'log_min_error_statement = panic');
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE SCHEMA caas;
	CREATE EXTENSION caas SCHEMA caas;
	CREATE TABLE people (id uuid, email text CHECK (email IS NULL), digest text, phone text CHECK (caas.caas_is_digest(phone)));
	CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON people
		FOR EACH ROW EXECUTE FUNCTION caas.caas_encrypt_trigger('id', 'email=digest', 'phone');
	CREATE ROLE auditor LOGIN;
	GRANT USAGE ON SCHEMA caas TO auditor;
	GRANT EXECUTE ON FUNCTION caas.caas_doctor() TO auditor}
);
# Missing locked memory is a finding everywhere.
my $locked = $node->safe_psql('postgres', 'SELECT secrets_locked FROM caas.caas_status()') eq 't';
my $known = $locked ? '' : q{WHERE object <> 'locked memory'};
my $all = "SELECT concat_ws('|', severity, object, finding, remedy) FROM caas.caas_doctor() $known";

# The findings of a new session.
sub findings
{
	my (@params) = @_;
	my ($code, $out, $error) = $node->psql('postgres', $all, extra_params => \@params);
	return $code == 0 ? $out : $error;
}

# Runs the remedy of the only finding in a shell, as the server's user.
sub heal
{
	my ($label) = @_;
	my $remedy = $node->safe_psql('postgres', "SELECT remedy FROM caas.caas_doctor() $known");
	is(system('sh', '-c', $remedy), 0, "$label: $remedy");
	is(findings(), '', "$label: it helps");
	return;
}

is(findings(), '', 'nothing on a good installation');
is(findings('-U', 'auditor'), '', 'nor for a role that was granted EXECUTE');

# The keyring's content.
my $file = realpath($node->{caas_keyring});
my $setting = 'caas.keyring_file';
write_keyring($node, aged(400, 2, 'active'), aged(800, 1, 'retired'));
is(
	findings(),
	"note|$setting|the active generation 2 is 400 days old|caas keyring rotate '$node->{caas_keyring}'",
	'an old generation'
);
is(
	findings('-U', 'auditor'),
	"note|$setting|the active generation 2 is 400 days old|caas keyring rotate FILE",
	'without the path for who may not see it'
);
write_keyring($node, aged(365, 2, 'active'), aged(800, 1, 'retired'));
is(findings(), '', 'a year is not too old, and retired ones may be older');
write_keyring($node, aged(1, 1, 'active', 'digests=kmac256,hmac-md5'));
like(
	findings(),
	qr/\Awarning\|$setting\|the keyring names a digest algorithm that uses a broken hash\|Rotate .*\z/m,
	'a weak algorithm'
);
write_keyring($node, aged(1, 1, 'active', encode_base64(pack('C*', 0 .. 31), '')));
like(
	findings(),
	qr/^error\|$setting\|the keyring holds the secret of the published test vectors\|/m,
	'the published secret'
);
# A line without its LF; the remedy holds where a tool drops the last LF again.
my $open = aged(1, 1, 'active') =~ s/\n\z//r;
write_keyring($node, $open);
like(
	findings(),
	qr/^warning\|$setting\|the last line of the keyring does not end in a line feed: its end may be cut off\|Compare the check values .* "# end"/m,
	'a last line that may be cut off'
);
for my $end ("\n", "\n# end", "\n# end\n")
{
	write_keyring($node, "$open$end");
	is(findings(), '', 'the remedy helps');
}
write_keyring($node, aged(1, 1, 'active', encode_base64(pack('C*', 0 .. 31), '')));
my $session = open_session($node);
is(outcome($session, "SELECT count(*) FROM caas.caas_doctor() $known"), '1', 'a session sees it');
write_keyring($node, aged(1, 1, 'active'));
is(outcome($session, "SELECT count(*) FROM caas.caas_doctor() $known"),
	'0', 'and reads the file anew at each call, as the next session will');
$session->quit;

# The file.
append_to_file($file, 'x');
like(
	findings(),
	qr/^error\|$setting\|keyring file "\Q$file\E", line 3: .*\|"caas keyring check" examines/,
	'a file that is not a keyring'
);
like(findings('-U', 'auditor'), qr/^error\|$setting\|keyring file, line 3: /, 'without the path');
write_keyring($node, aged(1, 1, 'active'));
chmod 0640, $file or die "chmod: $!";
is(
	findings(),
	qq{error|$setting|keyring file "$file": the mode of the file is wider than 0600|chmod 0600 '$file'},
	'a file that a group can read'
);
heal('mode');
chmod 0000, $file or die "chmod: $!";
like(findings(), qr/^error\|$setting\|.*cannot be opened: Permission denied/, 'a file that cannot be read') if $<;
unlink $file or die "unlink: $!";
like(findings(), qr/^error\|$setting\|.*No such file/, 'no file');
write_keyring($node, aged(1, 1, 'active'));

# Its folders.
my $folder = $file =~ s{/[^/]+\z}{}r;
chmod 0770, $folder or die "chmod: $!";
is(
	findings(),
	"warning|$setting|others can replace the keyring: the folder '$folder' of its path can be written by other users|chmod go-w '$folder'",
	'a folder that a group can write'
);
like(findings('-U', 'auditor'), qr/the folder FOLDER of its path.*\|chmod go-w FOLDER\z/, 'without the path');
heal('folder');
chmod 01777, $folder or die "chmod: $!";
is(findings(), '', 'a sticky folder');
chmod 0700, $folder or die "chmod: $!";

my $linked = PostgreSQL::Test::Utils::tempdir_short();
symlink $file, "$linked/it's" or die "symlink: $!";
$node->append_conf('postgresql.conf', "caas.keyring_file = '$linked/it''s'");
$node->reload;
is(findings(), '', 'a symbolic link');
chmod 0777, $linked or die "chmod: $!";
like(
	findings(),
	qr/^warning\|$setting\|.*'\Q$linked\E' of its path can be written/,
	'in a folder that others can write'
);
heal('link');
chmod 0644, $file or die "chmod: $!";
like(findings(), qr/\Qchmod 0600 '$linked\/it'\''s'\E\z/, 'its name is quoted for the shell');
heal('link to a file of another mode');

# The keyring lies in the data directory, directly and by way of a link.
my $inside = realpath($node->data_dir) . '/keyring';
rename $file, $inside or die "rename: $!";
symlink $inside, $file or die "symlink: $!";
like(
	findings(),
	qr/^error\|$setting\|the keyring is in the data directory: every base backup holds it\|Move/,
	'a link into the data directory'
);
unlink $file or die "unlink: $!";
$node->append_conf('postgresql.conf', "caas.keyring_file = '$inside'");
$node->reload;
like(findings(), qr/^error\|$setting\|the keyring is in the data directory/, 'the file itself');
rename $inside, $file or die "rename: $!";

# No keyring is configured.
$node->append_conf('postgresql.conf', "caas.keyring_file = ''");
$node->reload;
is(
	findings(),
	"error|$setting|no keyring is configured|\"caas setup\" makes one and names it. By hand: \"caas keyring init\", then caas.keyring_file.",
	'no keyring'
);
is(findings('-U', 'auditor'), findings(), 'the same for the other role');
$node->append_conf('postgresql.conf', "caas.keyring_file = '$file'");
$node->reload;
is(findings(), '', 'nothing is left');

# Locked memory. The soft limit of this process is that of the server that it starts.
SKIP:
{
	skip 'no locked memory, or no prlimit', 2
		if !$locked || system("prlimit --memlock --raw --noheadings -o SOFT --pid $$ >/dev/null 2>&1") != 0;
	my $soft = `prlimit --memlock --raw --noheadings -o SOFT --pid $$` =~ s/\s+//gr;
	$node->stop;
	system("prlimit --pid $$ --memlock=0:") == 0 or die 'prlimit';
	$node->start;
	is(
		findings(),
		'warning|locked memory|secrets are in memory that can be swapped out and dumped: the system grants this server no locked memory|'
			. 'Set LimitMEMLOCK=infinity in the unit of the server and restart it.',
		'no locked memory'
	);
	$node->stop;
	system("prlimit --pid $$ --memlock=$soft:") == 0 or die 'prlimit';
	$node->start;
	is(findings(), '', 'with it again');
}

# The library is loaded by a session's first call alone.
restart_with_preload($node, 'none');
like(
	findings(),
	qr/\Awarning\|session_preload_libraries\|sessions load the library at their first call.*\z/m,
	'no preloading'
);
my $library = ($ENV{CAAS_STAGE} // '') . `pg_config --pkglibdir` =~ s/\n//r . '/caas';
$node->append_conf('postgresql.conf', qq{session_preload_libraries = 'auto_explain, "$library"'});
$node->reload;
is(findings(), '', 'another way to write its name');
restart_with_preload($node, 'none');
$node->safe_psql('postgres', 'DROP TABLE people');
is(findings(), '', 'no table needs it');
restart_with_preload($node, 'shared');
is(findings(), '', 'with shared_preload_libraries');

done_testing();
