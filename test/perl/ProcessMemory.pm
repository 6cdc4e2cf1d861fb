# Searches the memory of another process.
package ProcessMemory;

use strict;
use warnings;
no warnings 'portable';    # addresses have 64 bits
use Exporter 'import';

our @EXPORT_OK = qw(mappings_with);

my $PART = 1 << 20;
my $PAGE = 4096;

# Returns the name of the mapping for each place where the writable memory of a process has these bytes: a reference to a list, or undef when
# the memory cannot be read. From version 2.42 on glibc makes guard pages inside the mappings of stacks, which the maps do not
# show: pages that cannot be read are stepped over.
sub mappings_with
{
	my ($pid, $wanted) = @_;
	open my $memory, '<:raw', "/proc/$pid/mem" or return;
	open my $maps, '<', "/proc/$pid/maps" or return;
	my @found;
	while (my $line = <$maps>)
	{
		my ($from, $to, $name) = $line =~ /\A([0-9a-f]+)-([0-9a-f]+) rw-[ps] \S+ \S+ \d+\s*(.*)/ or next;
		push @found, ($name eq '' ? 'anonymous' : $name) x _count($memory, hex $from, hex $to, $wanted);
	}
	return \@found;
}

sub _count
{
	my ($memory, $at, $to, $wanted) = @_;
	my ($count, $kept) = (0, '');
	while ($at < $to)
	{
		sysseek $memory, $at, 0 or return $count;
		my $got = sysread $memory, my $part, $to - $at < $PART ? $to - $at : $PART;
		if ($got)
		{
			$kept .= $part;
			$count++ while $kept =~ /\Q$wanted\E/g;
			$kept = substr $kept, -(length($wanted) - 1) if length $kept >= length $wanted;
			$at += $got;
		}
		else
		{
			$kept = '';
			$at += $PAGE;
		}
	}
	return $count;
}

1;
