# /blind-index gives the published vectors: that of the active generation as blind_index, those of all as candidates.
use strict;
use warnings;
use lib 'test/http';
use Encode qw(encode_utf8);
use HttpService;
use MIME::Base64 qw(encode_base64);
use Test::More;

my @vectors = file_vectors('blind_index');
my @indexes = grep { $_->{kind} eq 'blind_index' } @vectors;
my @numbers = sort { $b <=> $a } map { $_->{generation} } grep { $_->{kind} eq 'generation' } @vectors;
cmp_ok(@indexes, '>=', 40, 'there are vectors');

for my $active (@numbers)
{
	my $service = service(keyring => vector_keyring(folder() . '/keyring', $active, @vectors));
	for my $vector (@indexes)
	{
		my %question = (context => $vector->{context}, length => $vector->{length});
		my $answer = $service->post('/blind-index', { %question, sensitiveData => $vector->{text} });
		my $index = encode_base64(pack('H*', $vector->{index}), '');
		my $json = $answer->{json};
		my @order = ($active, grep { $_ != $active } @numbers);
		my ($place) = grep { $order[$_] == $vector->{generation} } 0 .. $#order;
		is(scalar @{ $json->{candidates} // [] }, 4, 'a candidate a generation');
		is($json->{candidates}[$place],
			$index, "generation $vector->{generation}, $vector->{length} bytes, the active one first, then the newest");
		is($json->{blind_index}, $index, 'and it is the active one') if $vector->{generation} == $active;
		is_deeply([ sort keys %$json ], [qw(blind_index candidates)], 'nothing else');
		my %bytes = (encoding => 'base64', sensitiveData => encode_base64(encode_utf8($vector->{text}), ''));
		given ($service->post('/blind-index', { %question, %bytes }), $json, 'the same as base64');
	}
	$service->stop;
}

# Generations that carry one index key have one index and one candidate.
@vectors = file_vectors('carried_index');
for my $active (map { $_->{generation} } grep { $_->{kind} eq 'generation' } @vectors)
{
	my $service = service(keyring => vector_keyring(folder() . '/keyring', $active, @vectors));
	for my $vector (grep { $_->{kind} eq 'carried_index' && $_->{generation} == $active } @vectors)
	{
		my %question = (context => $vector->{context}, length => $vector->{length}, sensitiveData => $vector->{text});
		my $index = encode_base64(pack('H*', $vector->{index}), '');
		given (
			$service->post('/blind-index', {%question}),
			{ blind_index => $index, candidates => [$index] },
			"generation $active, a carried index key"
		);
	}
	$service->stop;
}

my $service = service();
my $answer = $service->post('/blind-index', { sensitiveData => 'ada@example.com', context => 'users.email' });
my $index = encode_base64(pack('H*', '07cfc79cbf5068f705030a4f7026ca69'), '');
given ($answer, { blind_index => $index, candidates => [$index] }, '16 bytes are the default');
$service->stop;
done_testing();
