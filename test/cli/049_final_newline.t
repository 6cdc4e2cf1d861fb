# The last line of a keyring may lack its LF, as tools that keep secrets leave it. Behind a comment nothing is lost. Behind a generation its
# end may be: there is a warning, and no edit, which would make the loss permanent.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use Test::More;

my $dir = folder();
my ($one, $two) = (generation(1, 'active'), generation(2, 'retired'));
my $whole = "# caas keyring v1\n$one$two";
my $warning = qr/the last line does not end in a line feed: its end may be cut off/;

sub put
{
	my ($text) = @_;
	write_file("$dir/keyring", $text);
	chmod 0600, "$dir/keyring" or die "chmod: $!";
	return "$dir/keyring";
}

# The keyring without the last LF, in a file of its own.
sub cut { return put($_[0] =~ s/\n\z//r); }

# Runs the program, which has to succeed. Returns its warnings.
sub warnings_of
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($code, undef, $err) = caas('keyring', @_);
	is($code, 0, "keyring @_");
	return join '', $err =~ /^caas: warning: .*\n/mg;
}

# The end is a generation.
my $file = cut($whole);
like(ok_caas('keyring', 'check', $file), qr/: OK,/, 'check');
is(ok_caas('keyring', 'list', $file), ok_caas('keyring', 'list', write_keyring("$dir/whole", $one, $two)), 'list');
like(warnings_of($_, $file), qr{\Acaas: warning: \Q$file\E: $warning; compare the check values .*\n\z}, "$_ warns")
	for 'check', 'list';
is(warnings_of($_, "$dir/whole"), '', "$_ of the whole file does not") for 'check', 'list';
for my $edit (
	[ 'rotate', $file ],
	[ 'rotate', '--stage', $file ],
	[ 'activate', $file, 2 ],
	[ 'retire', $file, 1, '--activate', 2 ],
	[ 'remove', '--yes', $file, 2 ]
	)
{
	fails(3, qr/^caas: \Q$file\E: not changed: $warning; compare/m, 'keyring', @$edit);
}
is(read_file($file), $whole =~ s/\n\z//r, 'the refusals change nothing');

# A rotation's index key at the end of the file is lost by a cut, and the check value changes.
ok_caas('keyring', 'init', "$dir/rotated");
ok_caas('keyring', 'rotate', "$dir/rotated");
my $rotated = read_file("$dir/rotated");
my ($before_index) = $rotated =~ /\A(.*) index=1:\S+\n# end\n\z/s;
ok(defined $before_index, 'the index key is the last field, and a comment ends the file') or diag($rotated);
for my $text ($before_index, "$before_index ")
{
	like(warnings_of('check', put($text)), qr/$warning/, 'a file that was cut off before the index key');
	fails(3, $warning, 'keyring', 'rotate', $file);
}
my ($lost) = ok_caas('keyring', 'check', $file) =~ /(check value: \S+)/;
unlike(ok_caas('keyring', 'check', "$dir/rotated"), qr/\Q$lost\E/, 'has another check value');

# What the warning says to do.
for my $mended ("$whole", "$whole# end", "$whole# end\n")
{
	is(warnings_of('check', put($mended)), '', 'no warning');
	ok_caas('keyring', 'rotate', $file);
	like(read_file($file), qr/^2 retired [^\n]+\n3 active [^\n]+\n# end\n\z/m,
		'and an edit, which ends in one comment');
}

# A file of the program's survives the loss of its last LF.
is(warnings_of('check', cut($rotated)), '', 'what the program wrote has no warning without its LF');
ok_caas('keyring', 'rotate', $file);
is_deeply(numbers($file), [ '1 retired', '2 retired', '3 active' ], 'and is edited');
ok_caas('keyring', 'activate', cut($rotated), 1);
is_deeply(numbers($file), [ '1 active', '2 retired' ], 'activate');
ok_caas('keyring', 'remove', '--yes', $file, 2);
like(read_file($file), qr/\A# caas keyring v1\n1 active [^\n]+\n# removed 2 \S+\n# end\n\z/, 'remove of the last line');
ok_caas('keyring', 'rotate', cut(read_file($file) =~ s/# end\n//r));
is_deeply(numbers($file), [ '1 retired', '3 active' ], 'a number in a comment without LF is not used again');
is(warnings_of('check', put("$whole  ")), '', 'blanks at the end are no generation');
done_testing();
