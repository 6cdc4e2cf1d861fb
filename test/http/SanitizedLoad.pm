# A service that was built under a sanitizer, under load of every kind, while everything is read anew again and again. The
# sanitizer has to have nothing to say, and to be one that would.
package SanitizedLoad;

use strict;
use warnings;
use lib 'test/cli', 'test/http';
use Exporter 'import';
use CaasCli qw(caas);
use HttpLoad;
use HttpService;
use MIME::Base64 qw(encode_base64);
use Socket qw(SOL_SOCKET SO_LINGER);
use Test::More;
use TestCa;

our @EXPORT = qw(finds_errors load_with_everything);

my $RELOADS = 40;
my $CLIENTS = 4;
my $MAX_BODY = 100_000;

sub environment
{
	my ($log) = @_;
	my $options = "log_path=$log:exitcode=99:detect_leaks=1:print_stacktrace=1";
	return { map { ("${_}_OPTIONS" => $options) } qw(ASAN UBSAN TSAN) };
}

# The reports of the sanitizer.
sub reports
{
	return join '', map { read_file($_) } glob "$_[0].*";
}

# Each of these errors, made by canary, has to be reported.
sub finds_errors
{
	my ($build, %errors) = @_;
	my $dir = folder();
	for my $error ('nothing', sort keys %errors)
	{
		my ($code, $out) =
			caas({ program => "$build/canary", env => environment("$dir/$error"), out => "$dir/out" }, $error);
		if ($error eq 'nothing') { is("$code " . reports("$dir/$error"), '0 ', 'no error, no report'); next; }
		isnt($code, 0, "$error ends in failure");
		like(reports("$dir/$error"), $errors{$error}, "$error is reported");
	}
	return;
}

# ---- what a client does ----

sub a_value
{
	return join '', map { chr(32 + int rand 95) } 0 .. rand(rand() < 0.1 ? 3000 : 60);
}

# Returns the next answer. Dies if the connection ended before it: such an answer is lost, not wrong.
sub answer_on
{
	my ($client, %option) = @_;
	return $client->answer(%option) // die "no answer\n";
}

sub ask
{
	my ($client, $path, $body, %option) = @_;
	$client->send(question('POST', $path, $body, %option));
	return answer_on($client);
}

# Each takes an open connection, and says whether it can still be used.
my @steps = (
	sub {    # data comes back from where it was sealed
		my ($client, $counts) = @_;
		my $value = a_value();
		my $bytes = rand() < 0.5;
		my %how = $bytes ? (encoding => 'base64') : ();
		my $given = $bytes ? encode_base64($value, '') : $value;
		my %who = rand() < 0.3 ? (userUUID => undef, userId => int rand 1000, namespace => 'users') : ();
		my $sealed = ask($client, '/seal', body_of('/seal', sensitiveData => $given, context => 'c', %how, %who));
		return 1 unless $sealed->{code} == 200;
		my $stored = $sealed->{json}{sealed_data};
		my $resealed = ask($client, '/reseal', body_of('/reseal', sealedData => $stored, context => 'c', %who));
		$stored = $resealed->{json}{sealed_data} if $resealed->{code} == 200;
		my $opened = ask($client, '/open', body_of('/open', sealedData => $stored, context => 'c', %how, %who));
		$counts->{wrong}++ if $opened->{code} == 200 && $opened->{json}{sensitive_data} ne $given;
		return 1;
	},
	sub {    # a digest is that of its data, and of no other
		my ($client, $counts) = @_;
		my $value = a_value();
		my $digest = ask($client, '/encrypt', body_of('/encrypt', sensitiveData => $value));
		return 1 unless $digest->{code} == 200;
		my @claims =
			map { body_of('/verify', sensitiveData => $_, encryptedData => $digest->{json}{encrypted_data}) } $value,
			"$value.", $value;
		my $answer = ask($client, '/batch', body_of('/batch', operation => 'verify', requests => \@claims));
		my $valid = join ' ', map { $_->{valid} ? 1 : 0 } @{ $answer->{json}{answers} // [] };
		$counts->{wrong}++ if $answer->{code} == 200 && $valid ne '1 0 1';
		return 1;
	},
	sub {    # a batch with faults
		my ($client, $counts) = @_;
		my @requests = map {
			rand() < 0.3
				? (7, {}, { sensitiveData => 1 }, body_of('/blind-index', length => 99))[ rand 4 ]
				: body_of('/blind-index', sensitiveData => a_value())
		} 0 .. rand 40;
		my $answer = ask($client, '/batch', body_of('/batch', operation => 'blind-index', requests => \@requests));
		$counts->{wrong}++ if $answer->{code} == 200 && @{ $answer->{json}{answers} } != @requests;
		return 1;
	},
	sub {    # passwords, some of which are too many, and some of whose clients leave
		my ($client, $counts) = @_;
		return 1 if rand() < 0.8;
		my $hash = question('POST', '/verify-password',
			body_of('/verify-password', passwordHash => password_hash('ln=11,r=8,p=' . (1 + int rand 4))));
		my $count = 1 + int rand 3;
		$client->send($hash x $count);
		if (rand() < 0.3) { close $client->{socket}; return 0; }
		for (1 .. $count)
		{
			my $answer = answer_on($client);
			my $code =
				$answer->{code} == 200 ? $answer->{json}{valid} ? 'valid' : 'not valid' : error_code($answer->{json});
			$counts->{wrong}++ unless $code =~ /\A(?:not valid|passwords_busy|no_keyring|no_api_keys)\z/;
		}
		return 1;
	},
	sub {    # what needs no key
		my ($client, $counts) = @_;
		my $head = rand() < 0.2;
		$client->send(
			question($head ? 'HEAD' : 'GET', ('/health', '/metrics', '/openapi.json')[ rand 3 ], undef, key => undef));
		$counts->{wrong}++ unless answer_on($client, head => $head, raw => 1)->{code} =~ /\A(?:200|503)\z/;
		return 1;
	},
	sub {    # errors of many kinds
		my ($client, $counts) = @_;
		my ($path, $body, $code, %how) = @{
			(
				[ '/encrypt', '{"userUUID":', 400 ],
				[ '/encrypt', "\xff", 400 ],
				[ '/seal', '[' x 5000, 400 ],
				[ '/none', {}, 404 ],
				[ '/open', body_of('/open', sealedData => encode_base64(a_value(), '')), 400 ],
				[ '/encrypt', {}, 401, key => 'nobody' ],
				[ '/encrypt', body_of('/encrypt'), 415, type => 'text/plain' ],
				[ '/blind-index', body_of('/blind-index'), 403, key => 'narrow' ],
				[ '/metrics', {}, 405 ]
			)[ rand 9 ]
		};
		my $answer = ask($client, $path, $body, %how);
		$counts->{wrong}++ unless $answer->{code} == $code || $answer->{code} == 503;
		return 1;
	},
	sub {    # several at once
		my ($client, $counts) = @_;
		$client->send(question('POST', '/encrypt', body_of('/encrypt')) x 10);
		for (1 .. 10) { $counts->{wrong}++ unless answer_on($client, raw => 1)->{code} =~ /\A(?:200|503)\z/; }
		return 1;
	},
	sub {    # in chunks, after asking whether to go on
		my ($client, $counts) = @_;
		my $bytes = '{"sensitiveData":"' . ('x' x rand 9000) . '"}';
		my $head = join "\r\n", 'POST /blind-index HTTP/1.1', 'Host: caas.test', 'Content-Type: application/json',
			'Transfer-Encoding: chunked',
			'Expect: 100-continue', 'Authorization: Bearer ' . api_key('app'), '', '';
		$client->send($head);
		$counts->{wrong}++ unless answer_on($client, raw => 1)->{code} == 100;
		my $chunks = join '', map { sprintf("%x\r\n%s\r\n", length, $_) } $bytes =~ /(.{1,700})/gs;
		$client->send("${chunks}0\r\n\r\n");
		$counts->{wrong}++ unless answer_on($client, raw => 1)->{code} =~ /\A(?:200|503)\z/;
		return 1;
	},
	sub {    # what ends a connection
		my ($client, $counts) = @_;
		my @ends = (
			"\x16\x03\x01" . "\0" x 50,
			question('GET', '/health', undef, headers => [ 'X: ' . 'x' x 9000 ]),
			question('POST', '/seal', 'x' x ($MAX_BODY + 1)),
			"POST /seal HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
		);
		$client->send($ends[ rand @ends ]);
		my $answer = eval { $client->answer };
		$counts->{wrong}++ if $answer && $answer->{code} < 400;
		return 0;
	},
	sub {    # who leaves in the middle, or with a reset
		my ($client) = @_;
		my $bytes = question('POST', '/seal', body_of('/seal', sensitiveData => 'y' x rand 90_000));
		$client->send(rand() < 0.5 ? substr $bytes, 0, rand length $bytes : $bytes);
		setsockopt $client->{socket}, SOL_SOCKET, SO_LINGER, pack 'II', 1, 0 if rand() < 0.5;
		close $client->{socket};
		return 0;
	},
	sub {    # who stops in the middle, and is told so
		my ($client, $counts) = @_;
		return 1 if rand() < 0.98;
		$client->send(substr question('POST', '/seal', body_of('/seal')), 0, 40);
		my $answer = eval { $client->answer(timeout => 10) };
		$counts->{wrong}++ if $answer && $answer->{code} != 408;
		return 0;
	}
);

# Does one thing after the other until it is enough, or until the service has gone.
sub do_anything
{
	my ($load, $n, $counts, $connect) = @_;
	srand $n;
	@$counts{qw(steps wrong lost)} = (0) x 3;
	my $client;
	until ($load->said('enough'))
	{
		$client //= eval { $connect->() };
		last if !$client && $load->said('stopping');
		if (!$client) { $counts->{lost}++; next; }
		$load->say("busy.$n") if $counts->{steps} == 200;
		my $goes_on = eval { $steps[ rand @steps ]->($client, $counts) };
		# An end that was announced, or that the step had not reckoned with because the service stops.
		$counts->{lost}++ if !defined $goes_on && !$load->said('stopping');
		$counts->{how} = $@ if !defined $goes_on;
		$counts->{steps}++;
		undef $client unless $goes_on;
	}
	return;
}

# ---- the service ----

sub load_with_everything
{
	my $dir = new_ca(folder());
	my $log = "$dir/report";
	new_certificate($dir, 'server', 'DNS:caas.test');
	my @secrets = map { Keyring::random_secret() } 1 .. 5;
	my $keyring = use_generation("$dir/keyring", 1, @secrets);
	my @keys = (key_line('app'), key_line('narrow', 'encrypt'));
	my $service = service(
		dir => $dir,
		keyring => $keyring,
		keys => \@keys,
		env => environment($log),
		listen => [ '127.0.0.1:0', "unix:$dir/socket" ],
		args => [
			certificate_args($dir, 'server'),
			'--max-body', $MAX_BODY, '--request-timeout', 5, '--rate-limit', 1_000_000
		]
	);
	my $load = clients($CLIENTS);
	$load->start(sub {
		my ($self, $n, $counts) = @_;
		do_anything($self, $n, $counts,
			sub { $service->connect(url => $service->url($n % 2), tls => tls_of($dir, 'caas.test')) });
	});
	for my $round (1 .. $RELOADS)
	{
		if ($round % 10 == 5) { write_file($keyring, 'broken'); }
		else { use_generation($keyring, 1 + $round % 5, @secrets); }
		key_file("$dir/api-keys", @keys, key_line("new $round" =~ s/ /-/r));
		rename "$dir/access.log", "$dir/access.log.old";
		$service->says(qr/^caas: (?:note: reloaded|warning: .*keyring)/m, sub { $service->signal('HUP') for 1 .. 3 })
			or last;
	}
	ok($load->busy, "$RELOADS reloads, and the clients are at work");
	$load->say('stopping');
	$service->signal('TERM');
	ok(wait_for(sub { HttpService::ended($service) }, 60), 'it ends');
	is($service->{status}, 0, 'with 0');
	my $steps = 0;
	for my $counts ($load->finish)
	{
		is($counts->{died} // '', '', "client $counts->{client} ended well");
		is("$counts->{wrong} wrong, $counts->{lost} lost", '0 wrong, 0 lost', 'all its answers were right')
			or diag($counts->{how});
		$steps += $counts->{steps};
	}
	note "$steps steps of the clients";
	is(reports($log), '', 'the sanitizer has nothing to say');
	return;
}

1;
