# A keyring that a server would not read is not edited, so that a person can find what is wrong with it.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use Test::More;

my $dir = folder();
my ($one, $two) = (generation(1, 'active'), generation(2, 'retired'));

my %bad = (
	'cut off' => "# caas keyring v1\n$one" . substr($two, 0, -20),
	'unknown state' => "# caas keyring v1\n$one" . ($two =~ s/retired/sleeping/r),
	'no version line' => "$one$two",
	'two active' => "# caas keyring v1\n$one" . ($two =~ s/retired/active/r),
	'CR LF' => "# caas keyring v1\r\n$one$two",
);
my @edits = (
	['rotate'],
	[ 'rotate', '--stage' ],
	[ 'activate', 2 ],
	[ 'retire', 1, '--activate', 2 ],
	[ 'remove', '--yes', 2 ]
);

for my $name (sort keys %bad)
{
	my $file = "$dir/keyring";
	write_file($file, $bad{$name});
	chmod 0600, $file;
	for my $edit (@edits)
	{
		my ($command, @rest) = @$edit;
		fails(3, qr/keyring: line [0-9]+: /, 'keyring', $command, $file, @rest);
	}
	is(read_file($file), $bad{$name}, "$name: the file is as it was");
}

my $open = write_keyring("$dir/open", $one, $two);
chmod 0644, $open;
fails(3, qr/mode/, 'keyring', 'rotate', $open);
fails(3, qr/not a regular file/, 'keyring', 'rotate', $dir);
is_deeply(entries($dir), [ 'keyring', 'open' ], 'no other file was left');
done_testing();
