# SIGHUP opens the access log anew, so that it can be rotated and nothing is lost.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;

my $dir = folder();
my $service = service(dir => $dir);
my $log = "$dir/access.log";
my $client = $service->connect;
my $asked = 0;
for my $round (1 .. 5)
{
	for (1 .. 20) { $client->send(request_bytes('GET', '/health')); $client->answer; $asked++; }
	rename $log, "$log.$round" or die "rename: $!";
	$client->send(request_bytes('GET', '/health'));
	$client->answer;
	$asked++;
	$service->signal('HUP');
	eventually(sub { -e $log }, 'there is a new log');
}
$client->send(request_bytes('GET', '/health'));
$client->answer;
$asked++;
eventually(sub { read_file($log) =~ /\n/ }, 'it is written to');
eventually(sub { lines() == $asked }, 'no line is lost') or diag(lines() . " of $asked");

sub lines
{
	my $text = join '', map { read_file($_) } $log, map { "$log.$_" } 1 .. 5;
	return scalar(() = $text =~ /^\{.*\}$/mg);
}

mkdir "$dir/sub" or die "mkdir: $!";
$service->stop;
is(lines(), $asked, 'and none is there twice');
my $gone = service(dir => $dir, log => "$dir/sub/log");
unlink "$dir/sub/log" or die "unlink: $!";
rmdir "$dir/sub" or die "rmdir: $!";
ok($gone->says(qr{^caas: (?:note|warning): [^\n]*\Q$dir\E/sub/log}m, sub { $gone->signal('HUP') }),
	'a log that cannot be opened is told');
is($gone->get('/health')->{code}, 200, 'and requests are answered');
$gone->stop;
done_testing();
