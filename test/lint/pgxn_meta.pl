#!/usr/bin/perl
# Checks META.json against version 1 of PGXN's specification (https://pgxn.org/meta/spec.txt): required fields, types, terms, versions,
# unknown keys, and that the files that it names are there. Prints a line for each problem: test/lint/pgxn_meta.pl [FILE]
use strict;
use warnings;
use JSON::PP qw(decode_json);

my @problems;
sub problem { my ($path, $text) = @_; push @problems, "$path: $text"; return 0 }

my $number = qr/(?:0|[1-9]\d*)/;
my $version = qr/$number\.$number\.$number(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?/;
my $one_range = qr/(?:(?:[=!]=|[<>]=?)\s*)?(?:$version|0)/;
my %licenses = map { $_ => 1 }
	qw(agpl_3 apache_1_1 apache_2_0 artistic_1 artistic_2 bsd freebsd gfdl_1_2 gfdl_1_3 gpl_1 gpl_2 gpl_3
	lgpl_2_1 lgpl_3_0 mit mozilla_1_0 mozilla_1_1 openssl perl_5 postgresql qpl_1_0 ssleay sun zlib open_source restricted
	unrestricted unknown);

# A string that a pattern fits whole. Each check takes the value and where it stands.
sub fits
{
	my ($pattern, $name) = @_;
	return sub {
		my ($value, $path) = @_;
		return problem($path, "should be $name") if !defined $value || ref $value || $value !~ /\A$pattern\z/s;
		return 1;
	};
}

# An array whose elements pass, at least one and none twice; with $alone also one such value without an array.
sub list_of
{
	my ($check, $alone) = @_;
	return sub {
		my ($value, $path) = @_;
		return $check->($value, $path) if $alone && !ref $value;
		return problem($path, 'should be a list that is not empty') if ref $value ne 'ARRAY' || !@$value;
		my %seen;
		$check->($value->[$_], "$path\[$_]") for 0 .. $#$value;
		$seen{ $_ // '' }++ && problem($path, 'has an element twice') for @$value;
		return 1;
	};
}

# An object whose keys and values pass.
sub map_of
{
	my ($key_check, $check) = @_;
	return sub {
		my ($value, $path) = @_;
		return problem($path, 'should be an object that is not empty') if ref $value ne 'HASH' || !%$value;
		for my $key (sort keys %$value)
		{
			$key_check->($key, "$path, the key $key");
			$check->($value->{$key}, "$path/$key");
		}
		return 1;
	};
}

# An object of these fields; a name that ends in ! is required, and further keys begin with x_.
sub object
{
	my (%fields) = @_;
	my %check = map { my $name = $_; ($name =~ s/!\z//r => $fields{$name}) } keys %fields;
	return sub {
		my ($value, $path) = @_;
		return problem($path, 'should be an object') if ref $value ne 'HASH';
		for my $name (map { /(.*)!\z/ ? $1 : () } sort keys %fields)
		{
			problem($path, "lacks $name") if !exists $value->{$name};
		}
		for my $key (sort keys %$value)
		{
			if ($check{$key}) { $check{$key}->($value->{$key}, "$path/$key") }
			elsif ($key !~ /\Ax_./i) { problem("$path/$key", 'is no field of the specification') }
		}
		return 1;
	};
}

my $string = fits(qr/.+/s, 'a string');
my $term = fits(qr{[^/\\\s[:cntrl:]]{2,}}, 'a term, of two characters or more without / \\ or blanks');
my $semantic = fits($version, 'a version as in 1.2.3');
my $url = fits(qr{[a-z][a-z0-9+.-]*://[^/\s]+\S*}i, 'a URL');
my $license = sub {
	my ($value, $path) = @_;
	return $licenses{ $value // '' } || problem($path, 'is no license of the specification');
};
my $file = sub {
	my ($value, $path) = @_;
	return 0 if !$string->($value, $path);
	return -f $value || problem($path, "there is no file $value");
};
my $relations = map_of($term, fits(qr/$one_range(?:,\s*$one_range)*/, 'a range of versions'));
my $phase = object(map { $_ => $relations } qw(requires recommends suggests conflicts));
my $meta = object(
	'name!' => $term,
	'version!' => $semantic,
	'abstract!' => $string,
	'maintainer!' => list_of($string, 1),
	'license!' => sub { ref $_[0] eq 'HASH' ? map_of($string, $url)->(@_) : list_of($license, 1)->(@_) },
	'provides!' =>
		map_of($term, object('file!' => $file, 'version!' => $semantic, 'abstract' => $string, 'docfile' => $file)),
	'meta-spec!' => object(
		'version!' => fits(qr/1\.0\.\d+/, '1.0.0'),
		'url' => fits(qr{https?://pgxn\.org/meta/spec\.txt}, 'the address of the specification')
	),
	'description' => $string,
	'generated_by' => $string,
	'tags' => list_of(fits(qr{[^/\\[:cntrl:]]{2,255}}, 'a tag')),
	'no_index' => object(file => list_of($string, 1), directory => list_of($string, 1)),
	'prereqs' => object(map { $_ => $phase } qw(configure build test runtime develop)),
	'release_status' => fits(qr/stable|testing|unstable/, 'stable, testing or unstable'),
	'resources' => object(
		homepage => $url,
		bugtracker => object(web => $url, mailto => fits(qr/\S+@\S+/, 'an address')),
		repository => object(url => $url, web => $url, type => fits(qr/[a-z]+/, 'a name in lower case'))
	)
);

my $name = $ARGV[0] // 'META.json';
open my $in, '<:raw', $name or die "$name: $!\n";
my $data = eval { local $/; decode_json(<$in>) };
close $in;
if (!defined $data) { problem($name, 'is not JSON') }
else { $meta->($data, $name) }
print map { "$_\n" } @problems;
exit(@problems ? 1 : 0);
