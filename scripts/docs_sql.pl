#!/usr/bin/perl
# Runs the SQL of documents, so that it cannot rot: scripts/docs_sql.pl README.md docs/operations.md
#
# Rules for authors of documents:
#   ```sql              every such block is run, in order, in one psql session and one fresh database per document.
#                       It must end with a semicolon or a backslash command, and must raise no error.
#   ```sql file=NAME    the same; scripts/docs_files.pl writes the block into a file for other tests.
#   ```sql error=28000  exactly one statement of the block must fail, with this SQLSTATE.
#   ```sql not-run: why the block is only shown, for instance since it needs a second server; the reason is printed.
#   ```text output      what psql prints for the block just above: compared line by line, whatever the number of blanks.
#                       "..." stands for any text within a line, and alone on a line for any number of lines. An error
#                       is written as psql shows it: "ERROR:  no accepted API key". Notices and warnings are not shown.
#   <!-- sql            up to a line "-->": a block that is run but not shown, for tables that the reader can imagine.
# The session: superuser postgres; caas is in session_preload_libraries; the connection options show the API key, whose text
# is "the key of this client"; SET caas.api_key = '' shows what happens without. The keyring holds generation 1 of
# docs/spec.md, so that digests in the documents are the specification's vectors. The extension is there already, unless
# the document itself says CREATE EXTENSION caas. Roles that a document makes are dropped after it.
use strict;
use warnings;

my $marker = '@@ block';
my ($passed, $failed) = (0, 0);

sub slurp
{
	my ($file) = @_;
	open my $in, '<', $file or die "$file: $!\n";
	local $/ = undef;
	return scalar <$in>;
}

# A block's kind and expectations, from the words behind its opening fence; undef for other languages.
sub opened
{
	my ($info) = @_;
	return { kind => 'sql' } if $info =~ /^sql(\s+file=\S+)?\s*$/;
	return { kind => 'sql', error => $1 } if $info =~ /^sql\s+error=([0-9A-Z]{5})\s*$/;
	return { kind => 'shown', why => $1 } if $info =~ /^sql\s+not-run:\s*(\S.*?)\s*$/;
	return { kind => 'output' } if $info =~ /^text\s+output\s*$/;
	die "unknown words behind the fence: \"$info\"\n" if $info =~ /^sql\b/;
	return;
}

# The SQL blocks of a document, each with its line, text, and expected error and output.
sub blocks_of
{
	my ($file) = @_;
	my (@blocks, $block, $end, $indent);
	my $number = 0;
	for my $line (split /\n/, slurp($file))
	{
		$number++;
		if (!defined $end)
		{
			next unless $line =~ /^(\s*)(```+)\s*(.*)$/ || $line =~ /^(\s*)(<!--)\s*(sql)\s*$/;
			($indent, $end) = ($1, $2 eq '<!--' ? '-->' : $2);
			$block = eval { opened($3) };
			die "$file:$number: $@" if $@;
			$block = { %$block, line => $number, text => '' } if $block;
		}
		elsif ($line =~ /^\s*\Q$end\E\s*$/)
		{
			add_block($file, \@blocks, $block) if $block;
			undef $end;
		}
		elsif ($block)
		{
			$line =~ s/^\Q$indent\E//;
			$block->{text} .= "$line\n";
		}
	}
	die "$file: a block is not closed\n" if defined $end;
	return @blocks;
}

sub add_block
{
	my ($file, $blocks, $block) = @_;
	if ($block->{kind} ne 'output')
	{
		push @$blocks, $block;
		return;
	}
	die "$file:$block->{line}: output without an SQL block above it\n"
		if !@$blocks || $blocks->[-1]{kind} ne 'sql' || defined $blocks->[-1]{output};
	$blocks->[-1]{output} = $block->{text};
	return;
}

sub is_complete
{
	my ($sql) = @_;
	my @lines = grep { /\S/ } map { s/--.*//r } split /\n/, $sql;
	return @lines && $lines[-1] =~ /(;\s*$)|(^\s*\\)|(\\g\w*)/;
}

# Runs the blocks in one session; returns what psql said to each, in order.
sub run_session
{
	my ($database, @blocks) = @_;
	my $script = "$ENV{CAAS_DOCS_TMP}/$database.sql";
	open my $out, '>', $script or die "$script: $!\n";
	print $out "\\set VERBOSITY verbose\n";
	print $out "\\echo '$marker $_'\n$blocks[$_]{text}" for 0 .. $#blocks;
	print $out "\\echo '$marker end'\n";
	close $out or die "$script: $!\n";
	my $said = `psql -X -q -d $database -f $script 2>&1`;
	my @answers = split /^\Q$marker\E \w+\n/m, $said, -1;
	shift @answers;
	pop @answers;    # behind the last marker
	return @answers;
}

# psql's words as a reader sees them: without file and line, SQLSTATE and place in the server's source.
sub as_shown
{
	my ($answer) = @_;
	$answer =~ s/^psql:\S+?:\d+: //mg;
	$answer =~ s/^(ERROR:  )[0-9A-Z]{5}: /$1/mg;
	$answer =~ s/^LOCATION:  .*\n//mg;
	return $answer;
}

# Lines as they are compared: blanks count as one, empty lines as none.
sub lines_of
{
	my ($text) = @_;
	return grep { $_ ne '' } map { s/\s+/ /gr =~ s/^ | $//gr } split /\n/, $text;
}

# An expected output as a pattern.
sub pattern_of
{
	my ($output) = @_;
	my $pattern = '';
	for my $line (lines_of($output))
	{
		$pattern .=
			$line eq '...' ? '(?:[^\n]*\n)*?' : join('[^\n]*', map { quotemeta } split /\.\.\./, $line, -1) . '\n';
	}
	return qr/\A$pattern\z/;
}

# Returns the difference between the answer to a block and the expected one, or ''.
sub complaint
{
	my ($block, $answer) = @_;
	return "does not end with a semicolon or a backslash command" unless is_complete($block->{text});
	return "was not reached: the session ended" unless defined $answer;
	my @errors = $answer =~ /^psql:\S+?:\d+: ERROR:  ([0-9A-Z]{5}): /mg;
	my $wanted = $block->{error} // '';
	return "raised \"@errors\", expected \"$wanted\"" if "@errors" ne $wanted;
	return "a backslash command failed" if $answer =~ /^psql:\S+?:\d+: (?:error|FATAL): /m;
	return '' unless defined $block->{output};
	my $seen = join '', map { "$_\n" } lines_of(as_shown($answer));
	return $seen =~ pattern_of($block->{output}) ? '' : "printed something else than expected:\n$block->{output}but";
}

sub admin
{
	my ($sql) = @_;
	my $out = `psql -X -q -A -t -v ON_ERROR_STOP=1 -d postgres -c "$sql"`;
	die "\"$sql\" failed\n" if $? != 0;
	return split /\n/, $out;
}

sub drop_roles
{
	my @roles = admin('SELECT quote_ident(rolname) FROM pg_roles WHERE oid >= 16384');
	admin("DROP ROLE $_") for map { s/"/\\"/gr } @roles;
	return;
}

sub run_document
{
	my ($file, $database) = @_;
	my @blocks = blocks_of($file);
	print "$file:$_->{line}: not run: $_->{why}\n" for grep { $_->{kind} eq 'shown' } @blocks;
	@blocks = grep { $_->{kind} eq 'sql' } @blocks;
	admin("CREATE DATABASE $database");
	my $own = grep { $_->{text} =~ /CREATE EXTENSION\s+(IF NOT EXISTS\s+)?caas\b/i } @blocks;
	system('psql', '-X', '-q', '-d', $database, '-c', 'CREATE EXTENSION caas') == 0 or die "no extension\n" unless $own;
	my @answers = run_session($database, @blocks);

	for my $i (0 .. $#blocks)
	{
		my $complaint = complaint($blocks[$i], $answers[$i]);
		$complaint eq '' ? $passed++ : $failed++;
		print "$file:$blocks[$i]{line}: $complaint\n", $answers[$i] // '', "\n" if $complaint ne '';
	}
	printf "%s: %d blocks run\n", $file, scalar @blocks;
	admin("DROP DATABASE $database");
	drop_roles();
	return;
}

$ENV{PGOPTIONS} = '-c client_min_messages=error -c caas.api_key=the\\ key\\ of\\ this\\ client';
die "usage: docs_sql.pl FILE..., with CAAS_DOCS_TMP a folder for temporary files\n" unless @ARGV && $ENV{CAAS_DOCS_TMP};
for my $i (0 .. $#ARGV)
{
	eval { run_document($ARGV[$i], "docs_$i"); 1 } or do { $failed++; print "$ARGV[$i]: $@"; };
}
print "$passed passed, $failed failed\n";
exit($failed || !$passed ? 1 : 0);
