# caas table status: how it connects, what it shows, and that a server's names do nothing to a terminal.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use CaasServer;
use CaasTable;
use Test::More;

my $server = table_server();
my ($code, $out, $err) = table_caas($server, 'table', 'status');
is_deeply([ $code, $out, $err ], [ 0, "No column is protected.\n", '' ], 'nothing is protected');

column_row($server, 'people');
column_row(
	$server, 'people',
	kind => "'sealed'",
	in_place => 'true',
	source_column => "'email'",
	target_column => "'email'",
	id_namespace => "'users'",
	problem => "'the trigger is gone'"
);
column_row($server, 'people', target_column => "'phone_digest'", enabled => 'false');
is(
	$server->sql(
		q{INSERT INTO "The caas".stub_progress VALUES ('backfill', 'people', 1, 2, 'running', 1, 25, 100, 1234567, 4000000,
	1500.4, 200, 3, 'postgres', 1, now(), now()), ('backfill', 'people', 2, 2, 'done', 1, 100, 100, 10, 10, NULL, NULL, 0,
	'postgres', NULL, now(), now())}
	),
	'',
	'and a job'
);

($code, $out, $err) = table_caas($server, 'table', 'status');
is("$code $err", '0 ', 'status') or diag($err);
is($out, <<'TABLE', 'two tables');
RELATION       COLUMN        KIND    ID        FROM      DECLARED BY  DECLARATION
public.people  email         sealed  id@users  in place  trigger      the trigger is gone
public.people  email_digest  digest  id        email     trigger      ok
public.people  phone_digest  digest  id        email     trigger      disabled

JOB       RELATION       PART  STATE     DONE       ROWS  ROWS/S        LEFT  CONFLICTS
backfill  public.people   1/2  running   25 %  1,234,567   1,500  3 min 20 s          3
backfill  public.people   2/2  done     100 %         10                              0
TABLE

my $json = json_of((table_caas($server, 'table', 'status', '--json'))[1]);
is(@{ $json->{columns} }, 3, '--json: the columns');
is($json->{columns}[0]{problem}, 'the trigger is gone', 'with what is wrong');
is($json->{jobs}[0]{rows_done}, 1234567, 'and the jobs, with numbers');

# ---- connecting ----
my $string = "host='$server->{socket}' port=$server->{port} user=postgres dbname=postgres";
for my $way ([ '-d', $string ],
	[ '--database', "postgresql://postgres\@/postgres?host=$server->{socket}&port=$server->{port}" ])
{
	($code, my $same, $err) = caas('table', 'status', @$way);
	is("$code $err$same", "0 $out", "by $way->[0] $way->[1]");
}
my $dir = folder();
write_file("$dir/services", "[here]\nhost=$server->{socket}\nport=$server->{port}\nuser=postgres\ndbname=postgres\n");
($code, my $same, $err) = caas({ env => { PGSERVICEFILE => "$dir/services", PGSERVICE => 'here' } }, 'table', 'status');
is("$code $err$same", "0 $out", 'by a service file');
($code, $same, $err) = table_caas($server, { env => { PGUSER => 'nobody', PGDATABASE => 'nothing' } },
	'table', 'status', '-d', 'postgres', '-U', 'postgres');
is("$code $err$same", "0 $out", 'by -d and -U, before the environment');

fails(3, qr/connection to server on socket.*failed/s, 'table', 'status', '-h', $dir, '-d', 'postgres');
fails(3, qr/could not translate host name|connection to server/, 'table', 'status', '-h', 'host.invalid');
table_fails($server, 3, qr/database "no\\x1b\[31m" does not exist/, 'table', 'status', '-d', "no\x1b[31m");
is($server->sql('CREATE DATABASE plain'), '', 'a database');
table_fails($server, 3, qr/database plain has no extension caas; 'caas setup' or/, 'table', 'status', '-d', 'plain');
is(
	$server->sql(
		'CREATE EXTENSION caas; ALTER EXTENSION caas DROP VIEW "The caas".caas_columns; DROP VIEW "The caas".caas_columns',
		database => 'plain'
	),
	'',
	'an extension without the view'
);
table_fails($server, 3, qr/of version 1\.0, which knows no tables; ALTER EXTENSION caas UPDATE/,
	'table', 'status', '-d', 'plain');

# A name of pg_catalog that another role has put in front of it is not called.
is(
	$server->sql(
		q{CREATE TABLE called (name text); GRANT INSERT ON called TO PUBLIC;
		CREATE FUNCTION public.quote_ident(name) RETURNS text LANGUAGE sql AS $$ INSERT INTO public.called VALUES ('quote_ident'); SELECT pg_catalog.quote_ident($1) $$;
		CREATE FUNCTION public.trap(name, name) RETURNS boolean LANGUAGE sql AS $$ INSERT INTO public.called VALUES ('='); SELECT true $$;
		CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = name, FUNCTION = public.trap);
		ALTER ROLE postgres SET search_path = public, pg_catalog}
	),
	'',
	'traps'
);
for my $command (
	[ 'table', 'status' ],
	[ 'table', 'residue', 'people' ],
	[ 'report', '--metrics' ],
	[ 'table', 'backfill', 'people' ]
	)
{
	(undef, undef, $err) = table_caas($server, @$command);
	is($server->sql('SELECT count(*) FROM public.called'), 0, "@$command is in no trap") or diag($err);
}
is($server->sql('ALTER ROLE postgres RESET search_path'), '', 'the traps are out of the way');

# ---- hostile names ----
my $name = "\x1b[31m\x1b]0;owned\x07 \xe2\x80\xae \xc2\x9b1m t\"\"\n";
is($server->sql(qq{CREATE TABLE "$name" (id uuid)}), '', 'a table whose name holds escape sequences');
$name =~ s/'/''/g;
column_row($server, qq{"$name"}, problem => "E'first\\nsecond \\x1b[2J'");
($code, $out, $err) = table_caas($server, 'table', 'status');
is("$code $err", '0 ', 'status');
my $shown = 'public."\x1b[31m\x1b]0;owned\x07 \u202e \u009b1m t""\x0a"';
like($out, qr/^\Q$shown\E .* first\\x0asecond \\x1b\[2J$/m, 'they are shown, escaped');
unlike($out, qr/[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80/, 'and none is sent to the terminal');
($code, $out, $err) = table_caas($server, 'table', 'status', '--json');
unlike($out, qr/[\x00-\x09\x0b-\x1f\x7f-\xff]/, '--json is ASCII');
ok((grep { ($_->{problem} // '') eq "first\nsecond \x1b[2J" } @{ json_of($out)->{columns} }), 'and has the text');
done_testing();
