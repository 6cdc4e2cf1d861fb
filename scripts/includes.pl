#!/usr/bin/perl
# Finds names of the standard library whose header a file includes neither itself nor through headers of the project: scripts/includes.pl FILE ..
# Versions of g++ differ in what their headers bring along. Reads all files of the project that it is given; prints FILE: NAME needs <HEADER>.
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Spec;

my %header_of = (
	'u?int(?:8|16|32|64)_t' => 'cstdint',
	'function' => 'functional',
	'(?:runtime|logic)_error|invalid_argument' => 'stdexcept',
	'move|pair|exchange' => 'utility',
	'unique_ptr|shared_ptr|make_unique|make_shared' => 'memory',
	'mutex|lock_guard|scoped_lock|unique_lock' => 'mutex',
	'cout|cerr|cin' => 'iostream',
	'FILE|fopen|fputs|printf|fprintf|snprintf' => 'cstdio',
	'mem(?:cpy|cmp|set)|str(?:len|cmp|chr|error)' => 'cstring',
	'(?:ranges::)?(?:all|any|none)_of' => 'algorithm',
	'(?:ranges::)?(?:clamp|copy_if|copy_n|count|count_if)' => 'algorithm',
	'(?:ranges::)?(?:equal|fill|fill_n|find|find_if|transform)' => 'algorithm',
	'(?:ranges::)?(?:(?:lower|upper)_bound|max|min)' => 'algorithm',
	'(?:ranges::)?(?:reverse|sort|unique)' => 'algorithm',
	map { $_ => $_ } qw(array atomic chrono map optional set span string string_view vector),
);

my %text;
for my $file (@ARGV)
{
	open my $in, '<', $file or die "$file: $!\n";
	local $/;
	$text{$file} = <$in>;
}

# Returns the headers of the standard library that a file reaches.
sub reached
{
	my ($file, $seen) = @_;
	return () if $seen->{$file}++ || !defined $text{$file};
	my @headers = $text{$file} =~ /^#include <([a-z_]+)>/mg;
	for my $own ($text{$file} =~ /^#include "([^"]+)"/mg)
	{
		my $path = File::Spec->catfile(dirname($file), $own);
		1 while $path =~ s{[^/]+/\.\./}{};
		push @headers, reached($path, $seen);
	}
	return @headers;
}

my $found = 0;
for my $file (sort keys %text)
{
	my %has = map { $_ => 1 } reached($file, {});
	for my $name (sort keys %header_of)
	{
		next if $has{ $header_of{$name} } || $text{$file} !~ /\bstd::($name)\b(?!_)/;
		print "$file: std::$1 needs <$header_of{$name}>\n";
		$found = 1;
	}
}
exit $found;
