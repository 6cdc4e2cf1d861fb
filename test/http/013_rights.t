# A key may use the operations of its line, or all of them when its line names none.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;

my @operations = qw(encrypt verify seal open reseal blind-index hash-password verify-password);
my %rights = (
	'everything' => undef,
	'support' => 'open',
	'app' => 'encrypt verify seal blind-index',
	'index' => 'blind-index',
	'tabs' => "\tverify \t seal",
	map { ("only-$_" => $_) } @operations
);
my $service =
	service(keys => [ '# a comment', '', "  \t", (map { key_line($_, $rights{$_}) } sort keys %rights), '# the end' ]);

for my $name (sort keys %rights)
{
	my %may = map { ($_ => 1) } defined $rights{$name} ? split ' ', $rights{$name} : @operations;
	for my $operation (@operations)
	{
		my $one = $service->post("/$operation", body_of("/$operation"), key => $name);
		my $many = $service->post('/batch', body_of('/batch', operation => $operation), key => $name);
		my $in_batch = $operation !~ /password/;
		refused($many, 400, 'invalid_operation', "no batch of $operation") unless $in_batch;
		if ($may{$operation})
		{
			isnt($one->{code}, 403, "$name may $operation");
			given ($many, { answers => [] }, 'and as many as it likes') if $in_batch;
			next;
		}
		refused($one, 403, 'not_permitted', "$name may not $operation");
		refused($many, 403, 'not_permitted', 'nor in a batch') if $in_batch;
	}
}
refused($service->post('/encrypt', { nonsense => 1 }, key => 'support'),
	403, 'not_permitted', 'whatever the fields are');
$service->stop;

# A client whose key is being rotated has two lines; each key has the rights of its own line.
my $old = key_line('old', 'open') =~ s/\Aold:/app:/r;
my $rotated = service(keys => [ $old, key_line('app', 'seal') ]);
isnt($rotated->post('/open', body_of('/open'), key => 'old')->{code}, 403, 'the old key');
isnt($rotated->post('/seal', body_of('/seal'), key => 'app')->{code}, 403, 'the new key');
refused($rotated->post('/seal', body_of('/seal'), key => 'old'), 403, 'not_permitted', 'each has its own rights');
$rotated->stop;
done_testing();
