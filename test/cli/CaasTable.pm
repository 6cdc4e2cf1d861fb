# A throwaway server with the stand-in for the extension of table_stub.sql, and `caas table` run on it.
package CaasTable;

use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use CaasServer;
use Exporter 'import';
use JSON::PP ();
use Test::More;

our @EXPORT = qw(table_server table_caas start_table table_fails json_of the_key column_row);

# The one key that the stand-in accepts. Blanks and backslashes have to be escaped on their way to the server.
sub the_key { return 'the key, with a blank \\ and a backslash'; }

# A server with the stand-in in schema "The caas" of database postgres, and a table to work on.
sub table_server
{
	CaasServer::require_servers();
	my $stage = folder();
	my $share = $stage . CaasServer::config('sharedir') . '/extension';
	system('mkdir', '-p', $share, $stage . CaasServer::config('pkglibdir')) == 0 or die 'mkdir';
	write_file("$share/caas.control", "default_version = '1.0'\nrelocatable = false\nschema = 'The caas'\n");
	write_file("$share/caas--1.0.sql", stand_in());
	my $server = do { local $ENV{CAAS_STAGE} = $stage; CaasServer->of_initdb };
	is($server->sql('CREATE EXTENSION caas; CREATE TABLE people (id uuid, email text, email_digest text)'),
		'', 'a server with the stand-in');
	return $server;
}

# Its functions find each other by the schema's name, whatever the search_path.
sub stand_in
{
	my $sql = read_file('test/cli/table_stub.sql');
	$sql =~ s/\b(stub_\w+)/"The caas".$1/g;
	return $sql;
}

sub arguments
{
	my ($server, @words) = @_;
	my %option = (env => {}, ref $words[0] ? %{ shift @words } : ());
	$option{env} = { CAAS_API_KEY => the_key(), PGUSER => 'postgres', PGDATABASE => 'postgres', %{ $option{env} } };
	return (\%option, @words, '-h', $server->{socket}, '-p', $server->{port});
}

# Runs the program on this server; the first argument after it may be options of caas().
sub table_caas { return caas(arguments(@_)); }

sub start_table { return start_caas(arguments(@_)); }

# The program has to end with this code and message, and to print nothing else.
sub table_fails
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($server, $code, $pattern, @words) = @_;
	return fails($code, $pattern, arguments($server, @words));
}

sub json_of { return JSON::PP->new->decode($_[0]); }

# Declares a column to the stand-in; further arguments are its columns and their SQL values.
sub column_row
{
	my ($server, $relation, %more) = @_;
	my %row = (
		relation => "'$relation'::regclass",
		kind => "'digest'",
		in_place => 'false',
		id_column => "'id'",
		source_column => "'email'",
		target_column => "'email_digest'",
		normalization => "'none'",
		declared_by => "'trigger'",
		trigger_name => "'protect'",
		enabled => 'true',
		%more
	);
	my @names = sort keys %row;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(
		$server->sql(
			sprintf 'INSERT INTO "The caas".stub_columns (%s) VALUES (%s)',
			join(', ', @names),
			join(', ', @row{@names})
		),
		'',
		"a column of $relation"
	);
	return;
}

1;
