# The time in which this machine ran processes. A virtual machine can stand still for minutes, and its clock runs on meanwhile: a limit that is
# measured with this time is not exceeded by that. Under load this time is shorter than that of the clock, never longer.
package MachineTime;

use strict;
use warnings;
use Exporter 'import';
use POSIX ();
use Time::HiRes qw(sleep);

our @EXPORT_OK = qw(machine_time);

my $TICK = 0.02;    # seconds

# A child writes a byte a tick, until this process ends.
open my $ticks, '+>', undef or die "no temporary file: $!";
my $parent = $$;
my $child = fork() // die "fork: $!";
if (!$child)
{
	# Who reads the output of the test waits for nothing more.
	close $_ for \*STDIN, \*STDOUT, \*STDERR;
	while (getppid() == $parent)
	{
		syswrite $ticks, '.' or POSIX::_exit(1);
		sleep $TICK;
	}
	POSIX::_exit(0);
}

# Seconds since the program began.
sub machine_time
{
	die "the clock has ended\n" if $$ == $parent && waitpid $child, POSIX::WNOHANG();
	return $TICK * (-s $ticks);
}

1;
