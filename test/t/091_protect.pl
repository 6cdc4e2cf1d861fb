# caas_protect and caas_unprotect beside other sessions, other roles and row security, and in a schema of their own; a dump has all of it.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = caas_node('protect');
$node->start;
local $ENV{PGOPTIONS} = with_key();
my $protect =
	q{SELECT count(*) FROM private.caas_protect('people', 'id@people', 'email=email_sealed:email_index@people.email', 'phone=phone_digest keep')};
$node->safe_psql(
	'postgres', qq{
	CREATE SCHEMA private;
	CREATE EXTENSION caas SCHEMA private;
	CREATE TABLE people (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text UNIQUE, phone text);
	CREATE TABLE orders (person bigint REFERENCES people);
	$protect;
	INSERT INTO people (email, phone) SELECT 'user' || n || '\@example.com', n FROM generate_series(1, 9) n;
	INSERT INTO orders SELECT id FROM people;
	CREATE ROLE app;
	CREATE ROLE owner}
);
my $opened =
	q{SELECT string_agg(coalesce(email, private.caas_open(private.caas_uuid('people', id), email_sealed, 'people.email')), ',' ORDER BY id) FROM people};
my $all = join ',', map { "user$_\@example.com" } 1 .. 9;
is($node->safe_psql('postgres', $opened), $all, 'an identity key with a namespace, referenced by a foreign key');

# A function of the extension that nobody finds by its name; a role that may not use its schema.
my ($code, $out, $error) = $node->psql('postgres', q{SELECT count(*) FROM private.caas_grant('app', 'verify')});
like(
	$error,
	qr/WARNING:  role app may not use the schema of caas\nHINT:  GRANT USAGE ON SCHEMA private TO app;/,
	'caas_grant: the schema'
);
($code, $out, $error) = $node->psql('postgres',
	q{GRANT USAGE ON SCHEMA private TO app; SELECT count(*) FROM private.caas_grant('app', 'verify')});
is("$out$error", '9', 'caas_grant: no warning');

# The unique constraint of the source would still lock more than it has to.
$node->safe_psql('postgres', 'ALTER TABLE people DROP CONSTRAINT people_email_key');

# A partial unique index lets rows that reference the table be inserted while another session updates the person.
my $writer = keyed_session($node);
$writer->query_safe(q{BEGIN; UPDATE people SET email = 'new@example.com' WHERE id = 1});
is($node->safe_psql('postgres', q{SET lock_timeout = '300s'; INSERT INTO orders VALUES (1) RETURNING person}),
	'1', 'an insert that references the row does not wait');

# caas_unprotect waits for the writer, and takes its row along.
my $leaver = keyed_session($node);
$leaver->query_until(qr/begun/, "\\echo begun\nSELECT count(*) > 0 FROM private.caas_unprotect('people', 'email');\n");
ok(
	$node->poll_query_until(
		'postgres', q{SELECT count(*) = 1 FROM pg_locks WHERE NOT granted AND relation = 'people'::regclass}
	),
	'it waits'
);
$writer->query_safe('COMMIT');
$writer->quit;
$leaver->query('SELECT 1');
$all =~ s/user1@/new@/;
is($node->safe_psql('postgres', q{SELECT string_agg(email, ',' ORDER BY id) FROM people}),
	$all, 'and every value is plaintext again');
$leaver->quit;

# A snapshot from before a row: refused, since the row would be left behind.
$node->safe_psql('postgres',
	q{SELECT count(*) FROM private.caas_protect('people', 'id@people', 'email=email_sealed:email_index@people.email'); UPDATE people SET email = email}
);
my $old = keyed_session($node);
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
$node->safe_psql('postgres', q{INSERT INTO people (email) VALUES ('late@example.com')});
is(outcome($old, q{SELECT count(*) FROM private.caas_unprotect('people', 'email')}), '27000', 'an old snapshot');
$old->query_safe('ROLLBACK');
$old->quit;
is($node->safe_psql('postgres', $opened), "$all,late\@example.com", 'changed nothing');

# Errors that would show a plaintext are hidden, in the server's log too.
$node->safe_psql('postgres', 'ALTER TABLE people ADD CONSTRAINT late CHECK (email !~ \'late\')');
my $offset = -s $node->logfile;
($code, $out, $error) = $node->psql('postgres', q{SELECT count(*) FROM private.caas_unprotect('people', 'email')});
like($error, qr/cannot be stored as plaintext.*Constraint "late"/s, 'a constraint refuses a value');
unlike($error . slurp_file($node->logfile, $offset), qr/late\@example/, 'which is not shown');
$node->safe_psql('postgres', 'ALTER TABLE people DROP CONSTRAINT late');

# Row security: the owner who is subject to it does not leave rows behind.
$node->safe_psql(
	'postgres', q{
	GRANT USAGE ON SCHEMA private TO owner;
	SELECT count(*) FROM private.caas_grant('owner', 'administer');
	CREATE SCHEMA owned AUTHORIZATION owner;
	SET ROLE owner;
	CREATE TABLE owned.notes (id uuid NOT NULL, note text);
	SELECT count(*) FROM private.caas_protect('owned.notes', 'id', 'note=note_sealed@notes.note');
	INSERT INTO owned.notes VALUES ('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'secret');
	CREATE POLICY none ON owned.notes USING (false);
	ALTER TABLE owned.notes ENABLE ROW LEVEL SECURITY}
);
my $leave = q{SELECT count(*) FROM private.caas_unprotect('owned.notes', 'note')};
($code, $out, $error) = $node->psql('postgres', "SET ROLE owner; $leave");
like($error, qr/permission denied for function caas_open/, 'administer alone does not open values');
$node->safe_psql('postgres',
	q{SELECT count(*) FROM private.caas_grant('owner', 'read'); ALTER TABLE owned.notes FORCE ROW LEVEL SECURITY});
($code, $out, $error) = $node->psql('postgres', "SET ROLE owner; $leave");
like($error, qr/query would be affected by row-level security policy/, 'forced row security');
$node->safe_psql('postgres', "ALTER TABLE owned.notes NO FORCE ROW LEVEL SECURITY; SET ROLE owner; $leave");
is($node->safe_psql('postgres', 'SELECT note FROM owned.notes'), 'secret', 'an owner with read');

# The policy of another role's table does not run in the session of a superuser.
$node->safe_psql(
	'postgres', q{
	SET ROLE owner;
	CREATE FUNCTION owned.grab(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'ran as %', current_user; END $$;
	CREATE TABLE owned.trap (id uuid, note text);
	INSERT INTO owned.trap VALUES (NULL, 'x');
	CREATE POLICY trap ON owned.trap USING (owned.grab(note));
	ALTER TABLE owned.trap ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY}
);
is(
	$node->safe_psql(
		'postgres',
		q{SELECT count(*) FROM private.caas_protect('owned.trap', 'id', 'note=s:i@trap.note') WHERE detail ~ 'Rows have a value to protect and no id'}
	),
	'1',
	'a table of another role'
);

# Functions that change a table or a privilege are refused where maintenance runs the code of a table's owner.
my %restricted = (
	caas_protect => q{'people', 'id@people', 'note=note_digest'},
	caas_protect_plan => q{'people', 'id@people', 'note=note_digest'},
	caas_unprotect => q{'people', 'email'},
	caas_unprotect_plan => q{'people', 'email'},
	caas_residue => q{'people'},
	caas_grant => q{(SELECT oid FROM pg_roles WHERE rolname = 'app')::regrole, 'read'},
	caas_revoke => q{(SELECT oid FROM pg_roles WHERE rolname = 'app')::regrole, 'read'}
);
$node->safe_psql('postgres', 'ALTER TABLE people ADD note text');
for my $function (sort keys %restricted)
{
	($code, $out, $error) = $node->psql('postgres',
		"BEGIN; CREATE MATERIALIZED VIEW made AS SELECT * FROM private.$function($restricted{$function}) AS made; ROLLBACK"
	);
	my $expected =
		$function =~ /plan$|residue/ ? qr/^$/ : qr/cannot execute $function within a security-restricted operation/;
	like($error, $expected, "$function in a materialized view");
}

# A dump holds what was made, and restores it.
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'dumped');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-X', '-v', 'ON_ERROR_STOP=1', '-q', '-f', $dump, $node->connstr('restored') ], 'restored');
is($node->safe_psql('restored', $opened), "$all,late\@example.com", 'with its values');
is(
	$node->safe_psql(
		'restored',
		q{SELECT has_function_privilege('owner', 'private.caas_protect(regclass, text, text[])', 'EXECUTE')}
	),
	't',
	'and privileges'
);
$node->stop;
done_testing();
