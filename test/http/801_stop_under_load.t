# SIGTERM under load: what was sent is answered, also on connections that the service has not yet seen, and the last answer of
# a connection says that it is the last.
use strict;
use warnings;
use lib 'test/http';
use HttpLoad;
use HttpService;
use Test::More;

my $dir = folder();
my @secrets = (Keyring::random_secret());
my ($requests, $late, $waiting, $at_once) = (0, 0, 30, 20);
for my $round (1 .. 6)
{
	my $service = service(keyring => use_generation("$dir/keyring", 1, @secrets));
	my $load = new_load($service, 4, 1);
	# Two that keep their connection, one that changes now and then, and one with a connection a request.
	$load->start(sub { my ($self, $n, $counts) = @_; $self->ask_on($n, $counts, each => (-1, -1, 7, 1)[ $n - 1 ]); });
	$load->busy or die "the clients do not start\n";
	my $encrypt = question('POST', '/encrypt', body_of('/encrypt'));
	my $eager = $service->connect;
	$eager->send($encrypt);
	$eager->answer or die "no answer\n";
	# Connections that the kernel takes while the service cannot, and requests on one that do not wait for answers.
	$service->signal('STOP');
	my @waiting = map { $service->connect } 1 .. $waiting;
	$_->send($encrypt) for @waiting;
	$eager->send($encrypt x $at_once);
	$load->say('stopping');
	my $began = machine_time();
	$service->signal($round % 2 ? 'TERM' : 'INT');
	$service->signal('CONT');
	my @answers = grep { $_ && $_->{code} == 200 } map { $_->answer } @waiting;
	is(scalar(@answers), $waiting, "round $round: those that waited are answered");
	is(scalar(grep { !$_->ends } @waiting), 0, 'and then their connections end');
	is(scalar(grep { $eager->answer } 1 .. $at_once), $at_once, 'as are all of many requests on one connection');
	$_->close for @waiting, $eager;
	wait_for(sub { HttpService::ended($service) });
	cmp_ok(machine_time() - $began, '<', 5, "it ends soon");
	my $answered = $waiting + 1 + $at_once;

	for my $counts ($load->finish)
	{
		is($counts->{died} // '', '', "client $counts->{client} ended well");
		is($counts->{sent}, $counts->{answered} + $counts->{late}, 'every request was answered');
		is("@$counts{qw(wrong lost refused)}", '0 0 1', 'rightly, until no more connections were taken')
			or diag($counts->{how});
		# Refused, or reset while it was being taken: before anything was sent.
		like($counts->{gone}, qr/refused|cannot connect: Connection reset/, 'which was said at once');
		is($counts->{announced}, $counts->{late} ? 0 : 1, 'the last answer had said so') if $counts->{client} <= 2;
		$answered += $counts->{answered};
		$late += $counts->{late};
	}
	$service->stopped;
	is(scalar(() = $service->log_text =~ m{"route":"/encrypt"}g), $answered, 'the log has every request');
	$requests += $answered;
}
# Between the last accept() and the end of the listening socket there is a moment that nothing closes.
cmp_ok($late, '<=', 2, "connections that the kernel took and the service never saw: $late of $requests");
done_testing();
