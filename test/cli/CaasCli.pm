# Helpers of the program's tests: running it, and keyrings to run it on.
package CaasCli;

use strict;
use warnings;
use lib 'test/perl';
use Cwd qw(abs_path);
use Exporter 'import';
use File::Temp qw(tempdir);
use JSON::PP qw(decode_json);
use Keyring qw(generation index_field published_keyring random_secret write_keyring);
use POSIX ();
use Test::More;

our @EXPORT =
	qw(program folder caas start_caas wait_caas ok_caas fails read_file write_file generation index_field random_secret
	write_keyring new_keyring published_keyring numbers vectors entries preload
	commands options);

# The program may be called by a path relative to where the test began.
my $program = abs_path($ENV{CAAS} // './caas');
defined $program && -x $program or BAIL_OUT('there is no program; set CAAS or run make caas');

sub program { return $program; }

# A folder that is removed with the test; other users may enter it.
sub folder
{
	my $folder = tempdir('caas-cli-XXXXXX', TMPDIR => 1, CLEANUP => 1);
	chmod 0755, $folder or die "chmod: $!";
	return $folder;
}

# Starts the program. Options, before the arguments, in a hash: input, env, umask, user, program, out, closed (a list of
# descriptors that the program starts without), no_reader (standard output is a pipe that nobody reads).
sub start_caas
{
	my $option = ref $_[0] ? shift : {};
	my %run = (dir => tempdir(CLEANUP => 1), %$option);
	write_file("$run{dir}/in", $run{input} // '');
	write_file("$run{dir}/$_", '') for 'out', 'err';
	$run{pid} = fork() // die "fork: $!";
	return \%run if $run{pid};
	umask $run{umask} if defined $run{umask};
	open STDIN, '<', "$run{dir}/in" or POSIX::_exit(126);
	open STDOUT, '>', $run{out} // "$run{dir}/out" or POSIX::_exit(126);
	open STDERR, '>', "$run{dir}/err" or POSIX::_exit(126);
	become($run{user}) if defined $run{user};

	if ($run{no_reader})
	{
		pipe my $reader, my $writer or POSIX::_exit(126);
		close $reader;
		POSIX::dup2(fileno $writer, 1) or POSIX::_exit(126);
	}
	POSIX::close($_) for @{ $run{closed} // [] };
	$ENV{$_} = $run{env}{$_} for keys %{ $run{env} // {} };
	exec { $run{program} // $program } 'caas', @_ or POSIX::_exit(127);
}

# Called in a child: root becomes another user for good.
sub become
{
	my ($name, undef, $uid, $gid) = getpwnam $_[0] or POSIX::_exit(125);
	$) = "$gid $gid";
	POSIX::setgid($gid) and POSIX::setuid($uid) or POSIX::_exit(125);
	return;
}

# Waits for a started program. Returns exit code (or "signal N"), standard output, standard error.
sub wait_caas
{
	my ($run) = @_;
	waitpid($run->{pid}, 0) == $run->{pid} or die "waitpid: $!";
	my $code = $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;
	my $out = $run->{out} ? '' : read_file("$run->{dir}/out");
	return ($code, $out, read_file("$run->{dir}/err"));
}

sub caas { return wait_caas(start_caas(@_)); }

# Runs the program, which has to succeed. Returns its standard output.
sub ok_caas
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($code, $out, $err) = caas(@_);
	is($code, 0, join(' ', grep { !ref } @_)) or diag($err);
	return $out;
}

# Runs the program, which has to fail with this exit code and a message, and to print nothing else.
sub fails
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($code, $pattern, @arguments) = @_;
	my ($got, $out, $err) = caas(@arguments);
	my $name = join(' ', grep { !ref } @arguments);
	is($got, $code, "$name: exit code");
	like($err, $pattern, "$name: message");
	like($err, qr/\A(?:caas: (?:note|warning): [^\n]*\n)*caas: /, "$name: begins with the program's name");
	is($out, '', "$name: nothing on standard output");
	return;
}

sub read_file
{
	open my $in, '<:raw', $_[0] or die "$_[0]: $!";
	local $/ = undef;
	return scalar(<$in>) // '';
}

sub write_file
{
	my ($file, $content) = @_;
	open my $out, '>:raw', $file or die "$file: $!";
	print $out $content or die "$file: $!";
	close $out or die "$file: $!";
	return;
}

sub new_keyring { return write_keyring($_[0], generation(1, 'active')); }

sub vectors { return @{ decode_json(read_file('test/vectors/digest.json')) }; }

# The numbers of a keyring with their states, in the order of its lines: "1 retired", "2 active".
sub numbers { return [ read_file($_[0]) =~ /^([0-9]+ [a-z]+) /mg ]; }

# The names in a folder, hidden ones too.
sub entries
{
	opendir my $dir, $_[0] or die "$_[0]: $!";
	return [ sort grep { !/^\.\.?$/ } readdir $dir ];
}

# Every command that the help lists, as "keyring init".
sub commands
{
	return map {
		my $group = $_;
		($group, map { "$group $_" } subcommands($group))
	} subcommands('');
}

sub subcommands
{
	my ($list) = (caas(split(' ', $_[0]), '--help'))[1] =~ /^subcommands:\s*\n(.*?)\n\s*\n/msi or return;
	return $list =~ /^  ([a-z][a-z-]*) /mg;
}

# The long options that the help of a command lists.
sub options
{
	my ($list) = (caas(split(' ', $_[0]), '--help'))[1] =~ /^options:\s*\n(.*?)\n\s*\n/msi or return;
	return $list =~ /^ +(?:-[a-zA-Z], *)?(--[a-z-]+)/mg;
}

# The environment in which one call of the C library fails or ends the process: see test/cli/fault.c.
sub preload
{
	my ($dir, $fault) = @_;
	my $library = "$dir/fault.so";
	if (!-e $library)
	{
		my $cc = $ENV{CC} // 'cc';
		system($cc, '-shared', '-fPIC', '-o', $library, 'test/cli/fault.c', '-ldl') == 0 or BAIL_OUT("$cc failed");
	}
	return { LD_PRELOAD => $library, CAAS_FAULT => $fault };
}

1;
