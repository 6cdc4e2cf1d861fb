# If the system allows fewer open files than --max-connections needs, the service has fewer connections, and enough files are
# left for a reload.
use strict;
use warnings;
use lib 'test/http', 'test/cli';
use CaasCli qw(program);
use HttpService;
use Test::More;

my $FILES = 60;
my $dir = folder();
write_file("$dir/limited", "#!/bin/sh\nulimit -n $FILES\nexec '@{[ program() ]}' \"\$@\"\n");
chmod 0755, "$dir/limited" or die "chmod: $!";

my $service = service(program => "$dir/limited", keys => [ key_line('app'), key_line('other') ]);
eventually(sub { $service->said =~ /^caas: warning: the limit of open files, $FILES, /m },
	'it says how many files there are');
my ($allowed) = $service->said =~ / allows ([0-9]+) connections, fewer than --max-connections$/m;
cmp_ok($allowed // 0, '>=', 10, 'and how many connections that allows');
cmp_ok($allowed // $FILES, '<=', $FILES - 20, 'which are not all of them');

my $health = request_bytes('GET', '/health');
my @clients = map { $service->connect } 1 .. 2 * $FILES;
$clients[-1]->send($health);
is($clients[-1]->answer->{code}, 200, 'a connection among more than there are files');
for my $round (1 .. 3)
{
	ok($service->says(qr/reload/, sub { $service->signal('HUP') }), "round $round: a reload");
	$clients[-1]->send($health);
	is(($clients[-1]->answer // { code => 'no answer' })->{code}, 200, 'finds enough files');
	$clients[-1]->send(question('POST', '/encrypt', body_of('/encrypt')));
	is(($clients[-1]->answer // { code => 'no answer' })->{code}, 200, 'and goes well');
}
like($service->said, qr/^caas: note: reloaded: generation 1 is active, 2 API keys$/m, 'with all that was read');

# All others have made room for later ones.
$_->close for @clients;
is($service->get('/health')->{code}, 200, 'and later clients are served');
$service->stop;

# A limit that is high enough is none of its business.
$service = service(args => [ '--max-connections', 100 ]);
is($service->get('/health')->{code}, 200, 'with as many files as it needs');
unlike($service->said, qr/open files/, 'it says nothing of them');
$service->stop;
done_testing();
