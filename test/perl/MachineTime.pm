# Measures the time in which this machine ran processes. A virtual machine can stand still for minutes while its clock runs on: this time stands
# still with it. Tests measure upper limits with it. Under load it is shorter than the time of the clock, never longer.
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
	# The reader of the test's output waits until every process has closed it.
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
