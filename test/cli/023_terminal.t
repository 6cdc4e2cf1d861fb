# On a terminal api-key digest asks for the key and does not show it.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use Digest::SHA qw(sha256_hex);
use Test::More;

eval { require IO::Pty; 1 } or plan skip_all => 'IO::Pty is not installed';

my $pty = IO::Pty->new;
my $pid = fork() // die "fork: $!";
if ($pid == 0)
{
	$pty->make_slave_controlling_terminal;
	my $slave = $pty->slave;
	open STDIN, '<&', $slave or die;
	open STDOUT, '>&', $slave or die;
	open STDERR, '>&', $slave or die;
	close $pty;
	exec program(), 'api-key', 'digest', '--name', 'typed' or die;
}
$pty->close_slave;
my $seen = '';
my $key = 'a key that is long enough for no warning';

sub seen_until
{
	my ($pattern) = @_;
	local $SIG{ALRM} = sub { BAIL_OUT("the terminal shows '$seen' only") };
	alarm 600;
	while ($seen !~ $pattern) { sysread $pty, $seen, 1000, length $seen or last; }
	alarm 0;
	return;
}

seen_until(qr/API key: /);
# The prompt comes before echoing ends: the terminal would show anything typed earlier.
my $tries = 0;
until (`stty -a < @{[ $pty->ttyname ]}` =~ / -echo / || ++$tries > 1000) { select undef, undef, undef, 0.01; }
syswrite $pty, "$key\n";
seen_until(qr/typed:[0-9a-f]{64}/);
is(waitpid($pid, 0) == $pid ? $? : -1, 0, 'it ends well');
like($seen, qr/typed:@{[ sha256_hex($key) ]}/, 'with the digest of what was typed');
unlike($seen, qr/long enough/, 'which was not shown');
done_testing();
