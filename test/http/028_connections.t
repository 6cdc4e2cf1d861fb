# Of more connections than --max-connections the further ones wait until one closes; none is refused.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;

my $service = service(args => [ '--max-connections', 4 ]);
my $health = request_bytes('GET', '/health');
my @first = map { $service->connect } 1 .. 4;
$_->send($health) for @first;
is($_->answer->{code}, 200, 'as many as are allowed') for @first;
my @more = map { $service->connect } 1 .. 3;
$_->send($health) for @more;
ok(!eval { $more[0]->answer(timeout => 0.5); 1 }, 'a further one waits');
$first[0]->send($health);
is($first[0]->answer->{code}, 200, 'while the others are answered');
shift(@first)->close;
my ($served) = grep { eval { $_->answer(timeout => 10)->{code} == 200 } } $more[0];
ok($served, 'when one closes it is answered');
shift(@more)->close;
is($more[0]->answer->{code}, 200, 'and then the next');
$_->close for @first, @more;
is($service->get('/health')->{code}, 200, 'and then all is free again');
$service->stop;

# Hundreds at once are no trouble.
my $many = service();
my @clients = map { $many->connect } 1 .. 500;
$_->send($health) for @clients;
is(scalar(grep { $_->answer->{code} != 200 } @clients), 0, '500 connections');
$_->close for splice @clients;
eventually(sub { $many->sockets < 20 }, 'and none is left');
# Connections that come and go without a word.
$many->connect->close for 1 .. 200;
is($many->get('/health')->{code}, 200, 'it still works');
eventually(sub { $many->sockets < 20 }, 'and nothing is left of them');
$many->stop;
done_testing();
