# A service that cannot work does not start: it ends with 3 and says which file and why.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;

my $dir = folder();
my %good = (keyring => published_keyring("$dir/keyring"), key_file => key_file("$dir/api-keys", key_line('app')));
start_fails(3, qr{\Q$dir\E/none: the file cannot be opened: No such file}, 'no keyring', %good, keyring => "$dir/none");
start_fails(3, qr{\Q$dir\E/none: it cannot be opened: No such file}, 'no API keys', %good, key_file => "$dir/none");
start_fails(3, qr{\Q$dir\E: it is not a regular file}, 'a folder for a keyring', %good, keyring => $dir);
start_fails(3, qr{\Q$dir\E: it is not a regular file}, 'a folder for API keys', %good, key_file => $dir);
start_fails(3, qr{\Q$dir\E/no/log}, 'no folder for the access log', %good, log => "$dir/no/log");
start_fails(3, qr{\Q$dir\E}, 'a folder for the access log', %good, log => $dir);

sub with_mode
{
	my ($name, $mode, $pattern, %option) = @_;
	chmod $mode, "$dir/$name" or die "chmod: $!";
	start_fails(3, $pattern, sprintf('%s with mode %04o', $name, $mode), %good, %option);
	chmod 0600, "$dir/$name" or die "chmod: $!";
	return;
}
with_mode('keyring', $_, qr{\Q$dir\E/keyring: .*mode}) for 0604, 0660, 0644;
with_mode('api-keys', $_, qr{\Q$dir\E/api-keys: .*may write}) for 0620, 0602, 0666, 0622;
for my $mode (0644, 0444, 0640)
{
	chmod $mode, "$dir/api-keys" or die "chmod: $!";
	my $service = service(%good);
	is($service->get('/health')->{code}, 200, sprintf 'who reads API keys does not matter: mode %04o', $mode);
	$service->stop;
}

SKIP:
{
	my $nobody = getpwnam 'nobody';
	skip 'only root can give files away', 8 if $> != 0 || !defined $nobody;
	chown $nobody, -1, "$dir/api-keys" or die "chown: $!";
	start_fails(3, qr{\Q$dir\E/api-keys: .*belongs}, 'API keys of another user', %good);
	chown 0, -1, "$dir/api-keys" or die "chown: $!";
	chmod 0644, "$dir/api-keys" or die "chmod: $!";
	chown $nobody, -1, "$dir/keyring" or die "chown: $!";
	my $service = service(%good, user => 'nobody', log => undef);
	is($service->post('/encrypt', body_of('/encrypt'))->{code}, 200, "a service of another user, with root's API keys");
	$service->stop;
	chown 0, -1, "$dir/keyring" or die "chown: $!";
}

write_file("$dir/broken", "# caas keyring v1\n1 active nonsense\n");
chmod 0600, "$dir/broken" or die "chmod: $!";
my $said = start_fails(3, qr{\Q$dir\E/broken.*line 2}, 'a broken keyring', %good, keyring => "$dir/broken");
unlike($said, qr/nonsense/, 'without its content');
write_file("$dir/broken", '');
start_fails(3, qr{\Q$dir\E/broken}, 'an empty keyring', %good, keyring => "$dir/broken");
done_testing();
