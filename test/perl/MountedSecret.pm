# A folder of files as Kubernetes mounts a secret: each name is a link to ..data/NAME, and ..data is a link to a folder with the time in
# its name. A change makes a new folder and renames a new link over ..data, so all files change at once.
package MountedSecret;

use strict;
use warnings;
use Exporter 'import';
use File::Copy qw(copy);
use File::Path qw(remove_tree);

our @EXPORT_OK = qw(mount_secret);

my $changes = 0;

# Puts copies of these files (NAME => path) into the folder, with this mode; group: root's files with this group.
sub mount_secret
{
	my ($folder, $files, %option) = @_;
	my $made = sprintf '..2026_01_01_00_00_00.%09d', ++$changes;
	my $old = readlink "$folder/..data";
	mkdir "$folder/$made" or die "mkdir: $!";
	chmod 0755, "$folder/$made" or die "chmod: $!";
	for my $name (keys %$files)
	{
		my $file = "$folder/$made/$name";
		copy($files->{$name}, $file) or die "$file: $!";
		chmod $option{mode}, $file or die "chmod: $!";
		chown 0, $option{group}, $file or die "chown: $!" if defined $option{group};
		symlink "..data/$name", "$folder/$name" or die "symlink: $!" unless -l "$folder/$name";
	}
	symlink $made, "$folder/..data_tmp" or die "symlink: $!";
	rename "$folder/..data_tmp", "$folder/..data" or die "rename: $!";
	remove_tree("$folder/$old") if defined $old;
	return;
}

1;
