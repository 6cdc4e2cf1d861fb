#!/usr/bin/perl
# Writes the code of a document into files, so that tests run what readers copy: scripts/docs_files.pl FOLDER docs/clients.md
#
# Rules for authors of such a document:
#   ```python file=NAME          the block is appended to FOLDER/NAME.
#   ```python not-run: why       the block is only shown; the reason is printed.
# A block of a programming language that says neither is an error, and so is a name that leads out of the folder. Blocks of SQL
# may name a file too; scripts/docs_sql.pl runs them in any case. Blocks without a language are left alone.
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Path qw(make_path);

# The file that a block goes to, from the words behind its opening fence; undef when it is not run.
sub file_of
{
	my ($where, $info) = @_;
	my ($language, $rest) = $info =~ /^(\S*)\s*(.*?)\s*$/;
	return if $language eq '' || $language eq 'text' || ($language eq 'sql' && $rest !~ /^file=/);
	if ($rest =~ /^not-run: (\S.*)$/)
	{
		print "$where: not run: $1\n";
		return;
	}
	my ($file) = $rest =~ m{^file=((?:\w+/)*\w+\.\w+)$};
	return $file // die "$where: a block of $language without file=NAME\n";
}

sub append
{
	my ($file, $text) = @_;
	make_path(dirname($file));
	open my $out, '>>', $file or die "$file: $!\n";
	print $out $text, "\n";
	close $out or die "$file: $!\n";
	return;
}

die "usage: docs_files.pl FOLDER DOCUMENT\n" unless @ARGV == 2;
my ($folder, $document) = @ARGV;
my ($inside, $file, $text, $written) = (0, undef, '', 0);
open my $in, '<', $document or die "$document: $!\n";
while (my $line = <$in>)
{
	if (!$inside && $line =~ /^```(.*)$/)
	{
		($inside, $file, $text) = (1, scalar file_of("$document:$.", $1), '');
	}
	elsif ($inside && $line =~ /^```\s*$/)
	{
		$inside = 0;
		append("$folder/$file", $text) if defined $file;
		$written++ if defined $file;
	}
	elsif ($inside)
	{
		$text .= $line;
	}
}
close $in;
die "$document: a block is not closed\n" if $inside;
die "$document: no block names a file\n" unless $written;
