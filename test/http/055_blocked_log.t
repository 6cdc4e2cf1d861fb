# A log that nobody reads delays no request, no reload and no end. Lines beyond a limit are dropped and counted.
use strict;
use warnings;
use lib 'test/http', 'test/cli';
use CaasCli qw(program);
use Fcntl qw(O_NONBLOCK O_RDWR);
use HttpService;
use POSIX qw(mkfifo);
use Test::More;

my $TIMEOUT = 2;    # --request-timeout, seconds; 2 more are allowed for the end
my $PIPE = 65_536;
my $dir = folder();
my $health = request_bytes('GET', '/health');

# A FIFO that this test keeps open and does not read by itself.
sub fifo
{
	my ($name) = @_;
	mkfifo("$dir/$name", 0600) or die "mkfifo: $!";
	sysopen(my $fifo, "$dir/$name", O_RDWR | O_NONBLOCK) or die "open: $!";
	return $fifo;
}

# A program that changes its descriptors by these words of the shell and becomes caas.
sub redirected
{
	my ($name, $words) = @_;
	write_file("$dir/$name", "#!/bin/sh\nexec '@{[ program() ]}' \"\$@\" $words\n");
	chmod 0755, "$dir/$name" or die "chmod: $!";
	return "$dir/$name";
}

# A service on a Unix socket, which does not have to say where it listens.
sub quiet_service
{
	my (%option) = @_;
	my $self = HttpService::prepare(listen => ["unix:$dir/socket"], args => [ '--request-timeout', $TIMEOUT ], %option);
	HttpService::launch($self);
	ok(
		wait_for(sub {
			eval { client()->close; 1 }
		}),
		'it starts'
	);
	return $self;
}
sub client { return HttpClient->new("unix:$dir/socket"); }

# Asks so often on one connection, and counts the answers.
sub answers
{
	my ($client, $count) = @_;
	my $answered = 0;
	for (my $left = $count ; $left > 0 ; $left -= 500)
	{
		my $now = $left < 500 ? $left : 500;
		$client->send($health x $now);
		eval {
			$client->read_until(sub { (() = $client->{in} =~ /"active_generation":1\}/g) == $now });
		} or last;
		$client->{in} = '';
		$answered += $now;
	}
	return $answered;
}

sub dropped
{
	my $client = client();
	$client->send(request_bytes('GET', '/metrics'));
	return (eval { $client->answer->{body} } // '') =~ /^caas_log_lines_dropped_total (\d+)/m ? $1 : -1;
}

sub ends_in_time
{
	my ($service, $name) = @_;
	my $began = machine_time();
	$service->signal('TERM');
	ok(wait_for(sub { HttpService::ended($service) }), "$name: it ends");
	$service->signal('KILL') unless defined $service->{status};
	wait_for(sub { HttpService::ended($service) });
	is($service->{status}, 0, "$name: with 0");
	cmp_ok(machine_time() - $began, '<', $TIMEOUT + 2, "$name: in time");
	return;
}

my $LINES = 45_000;    # more than the queue and the pipe hold
my $fifo = fifo('log');
for my $case ([ 'standard output', log => undef, program => redirected('to-fifo', ">'$dir/log'") ],
	[ 'a FIFO', log => "$dir/log" ])
{
	my ($name, %option) = @$case;
	my $service = quiet_service(%option);
	my $client = client();
	is(answers($client, $LINES), $LINES, "$name: requests are answered while nobody reads the log");
	my $lost = dropped();
	cmp_ok($lost, '>', 0, "$name: dropped lines are counted");
	like(
		$service->said,
		qr/^caas: warning: the access log is not read fast enough; lines are lost$/m,
		"$name: and told"
	);
	ok($service->says(qr/note: reloaded/, sub { $service->signal('HUP') }), "$name: a reload");
	$client->close;

	my ($text, $part) = ('', '');
	ok(
		wait_for(sub {
			while (sysread $fifo, $part, $PIPE) { $text .= $part; }
			$service->said =~ /the access log is written again; \d+ lines were lost$/m;
		}),
		"$name: a reader ends the loss"
	);
	is(answers(client(), 10), 10, "$name: later requests");
	wait_for(sub {
		while (sysread $fifo, $part, $PIPE) { $text .= $part; }
		(() = $text =~ /\n/g) >= $LINES + 11 - dropped();
	});
	is(
		scalar(
			grep {
				!eval { log_entry($_) }
			} split /\n/,
			$text
		),
		0,
		"$name: the log has whole lines"
	);
	is($service->said =~ s/.*lines are lost\n//sr =~ /lines are lost/, '', "$name: which is told once");
	answers(client(), 1000);
	ends_in_time($service, "$name, unread");
	while (sysread $fifo, $part, $PIPE) { }
}
close $fifo;

# A FIFO without any reader.
{
	my $service = quiet_service(log => "$dir/log");
	is(answers(client(), 10), 10, 'a FIFO without a reader: requests');
	ok($service->says(qr/note: reloaded/, sub { $service->signal('HUP') }), 'a FIFO without a reader: a reload');
	sysopen($fifo, "$dir/log", O_RDWR | O_NONBLOCK) or die "open: $!";
	my $text = '';
	ok(wait_for(sub { sysread $fifo, $text, $PIPE, length $text; (() = $text =~ /\n/g) >= 10 }),
		'who reads it later gets the lines');
	ends_in_time($service, 'a FIFO');
}

# A socket whose other end is not read.
{
	write_file("$dir/to-socket",
			  "#!$^X\nuse Socket;\n\$^F = 255;\nsocketpair(my \$ours, my \$other, AF_UNIX, SOCK_STREAM, 0) or die;\n"
			. "open STDOUT, '>&', \$ours or die;\nexec '@{[ program() ]}', \@ARGV;\n");
	chmod 0755, "$dir/to-socket" or die "chmod: $!";
	my $service = quiet_service(log => undef, program => "$dir/to-socket");
	is(answers(client(), 5000), 5000, 'a socket: requests');
	ends_in_time($service, 'a socket');
}

# Standard error that nobody reads, and which is full already.
{
	my $full = fifo('errors');
	while (syswrite $full, 'x' x 4096) { }
	my $service = quiet_service(program => redirected('errors-to-fifo', "2>'$dir/errors'"));
	is(answers(client(), 10), 10, 'standard error: requests');
	my $reloads = sub { client_metric('caas_reloads_total\{result="success"\}') };
	for my $count (1 .. 3)
	{
		$service->signal('HUP');
		ok(wait_for(sub { $reloads->() == $count }), "standard error: reload $count");
	}
	ends_in_time($service, 'standard error');
}

sub client_metric
{
	my ($name) = @_;
	my $client = client();
	$client->send(request_bytes('GET', '/metrics'));
	return (eval { $client->answer->{body} } // '') =~ /^$name (\d+)/m ? $1 : 0;
}

# After a cut line, the next one begins on a line of its own.
{
	my $log = "$dir/limited.log";
	write_file("$dir/limited", "#!/bin/sh\ntrap '' XFSZ\nulimit -f 4\nexec '@{[ program() ]}' \"\$@\"\n");
	chmod 0755, "$dir/limited" or die "chmod: $!";
	my $service = quiet_service(log => $log, program => "$dir/limited");
	answers(client(), 50);
	ok(
		wait_for(sub {
			$service->said =~ /^caas: warning: the access log cannot be written: File too large; lines are lost$/m;
		}),
		'a file that is full'
	);
	truncate $log, 1000 or die "truncate: $!";
	answers(client(), 1);
	ok(wait_for(sub { read_file($log) =~ /\n\z/ }), 'there is room again');
	my @lines = split /\n/, read_file($log);
	ok(eval { log_entry($lines[-1]) }, 'the next line begins on a line of its own');
	ok(
		$service->says(qr/the access log is written again; \d+ lines were lost$/m, sub { answers(client(), 1) })
			|| $service->said =~ /written again/,
		'and it is told'
	);
	ends_in_time($service, 'a full file');
}

# Closed descriptors 0 to 2 are not given to sockets and files.
{
	my $service = quiet_service(log => undef, program => redirected('closed', '<&- >&- 2>&-'));
	is(answers(client(), 1000), 1000, 'closed descriptors: nothing but answers reaches a client');
	is(readlink "/proc/$service->{pid}/fd/$_", '/dev/null', "descriptor $_") for 0 .. 2;
	ends_in_time($service, 'closed descriptors');
}
done_testing();
