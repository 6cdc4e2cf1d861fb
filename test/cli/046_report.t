# caas report: the page, in a browser too, and the metrics, with the dashboard and the alerts that are made for them.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use CaasServer;
use CaasTable;
use JSON::PP ();
use Test::More;

my $server = table_server();
my $dir = folder();

# Elements, attributes and policies that a name could break out of.
my $name = q{<script>document.title=1</script><img src=x> "&'};
my $sql_name = $name =~ s/"/""/gr;
is($server->sql(qq{CREATE TABLE "$sql_name" (id uuid)}), '', 'a table with a hostile name');
column_row($server, 'people');
column_row($server, qq{"$sql_name"} =~ s/'/''/gr, problem => q{E'</table><h1>problem\x1b[1m'}, enabled => 'false');
my $hostile = q{'"} . ($sql_name =~ s/'/''/gr) . q{"'};
is(
	$server->sql(
		qq{INSERT INTO "The caas".stub_generations VALUES (2, 'active', 'people', 'email_digest', 'digest', 3000, true, NULL),
	(1, 'retired', 'people', 'email_digest', 'digest', 1000, true, NULL), (7, 'absent', $hostile, 'x', 'sealed', 5, false, '<b>'),
	(NULL, NULL, 'people', 'phone_digest', 'digest', NULL, false, 'no generation column');
	INSERT INTO "The caas".stub_progress VALUES ('backfill', 'people', 1, 1, 'running', 1, 25, 100, 1234, 4000, 1500.5, 200, 3,
	'postgres', 1, now(), '2026-01-02 03:04:05+00');
	INSERT INTO "The caas".stub_progress VALUES ('backfill', 'people', 1, 2, 'done', 1, 1, 1, 7, 7, NULL, NULL, 0, 'postgres', NULL, now(), now());
	INSERT INTO "The caas".stub_doctor VALUES ('error', '<i>', 'a finding', NULL), ('warning', 'x', 'y', 'z'), ('error', 'x', 'y', 'z')}
	),
	'',
	'what the server says'
);

# ---- the page ----
my ($code, $html, $err) = table_caas($server, 'report', '--html', '-');
is("$code $err", '0 ', 'report --html -');
like($html, qr/\A<!DOCTYPE html>/, 'a page');
like($html,
	qr/content="default-src 'none'; style-src 'sha256-[A-Za-z0-9+\/]{43}='; base-uri 'none'; form-action 'none'"/,
	'its policy');
unlike($html, qr/<(?:script|img|link|iframe|i)\b|<[^>]*\b(?:src|href|style|on\w+)=|https?:/, 'no resource, no script');
like($html, qr/&lt;script&gt;document\.title=1&lt;\/script&gt;/, 'names are escaped');
unlike($html, qr/\x1b/, 'control characters too');
like($html, qr/<td>people|public\.people/, 'the columns');
like($html, qr/<th scope="col" class="number">Rows<\/th>/, 'a heading over numbers is aligned as they are');
like($html, qr/<rect width="750" height="10"\/><\/svg> 75 %/, 'the share of a generation as a bar');
like($html, qr/<rect width="250" height="10"\/><\/svg> 25 %.*?1,234.*?3 min 20 s/s, 'the job');

is((table_caas($server, 'report', '--html', "$dir/page.html"))[0], 0, 'into a file');
like(read_file("$dir/page.html"), qr/<\/html>\n\z/, 'whole');
is((stat "$dir/page.html")[2] & 07777, 0666 & ~umask, 'which others may read');
is_deeply(entries($dir), ['page.html'], 'nothing else is left');
write_file("$dir/page.html", 'old');
is((table_caas($server, 'report', '--html', "$dir/page.html"))[0], 0, 'over an old one');
like(read_file("$dir/page.html"), qr/<\/html>\n\z/, 'which is replaced');
table_fails($server, 3, qr/^caas: \/dev\/null: it is not a regular file/, 'report', '--html', '/dev/null');
table_fails($server, 3, qr/nothing\/page: the folder|nothing\/page: /, 'report', '--html', "$dir/nothing/page");
table_fails($server, 2, qr/--html or --metrics is required/, 'report');

SKIP:
{
	my ($browser) = grep { -x } '/usr/bin/chromium';
	skip 'no browser: Debian\'s package chromium is not installed', 7 if !defined $browser;
	my @browser = (
		$browser, '--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--enable-logging=stderr'
	);
	my $status = system 'sh', '-c', 'exec "$@" 2> "$0.log" > "$0.dom"', "$dir/browser", 'timeout', 120, @browser,
		"--user-data-dir=$dir/profile", '--dump-dom', "file://$dir/page.html";
	is($status, 0, 'a browser loads the page');
	my $dom = read_file("$dir/browser.dom");
	unlike(read_file("$dir/browser.log"), qr/Content Security Policy/, 'and its policy refuses nothing of the page');
	like($dom, qr/<title>caas: postgres<\/title>/, 'no script of a name ran');
	unlike($dom, qr/<(?:script|img)\b/, 'no name became an element');
	is(() = $dom =~ /<h1>/g, 1, 'none closed a table');
	is(() = $dom =~ /<tr>/g, 4 + 2 + 4 + 2 + 3, 'all rows are there');
	like($dom, qr/<style>/, 'and the style');
}

# ---- the metrics ----
($code, my $metrics, $err) = table_caas($server, 'report', '--metrics');
is("$code $err", '0 ', 'report --metrics');
my $esc = $name =~ s/"/""/gr =~ s/["\\]/\\$&/gr;
for my $line (
	'caas_column_ok{database="postgres",column="email_digest",kind="digest",relation="public.people"} 1',
	qq{caas_column_ok{database="postgres",column="email_digest",kind="digest",relation="public.\\"$esc\\""} 0},
	'caas_values{database="postgres",column="email_digest",generation="1",kind="digest",relation="public.people",state="retired"} 1000',
	'caas_values_conclusive{database="postgres",column="phone_digest",generation="unknown",kind="digest",relation="public.people",state="unknown"} 0',
	'caas_job_rows_done{database="postgres",job_name="backfill",part="1",parts="1",relation="public.people"} 1234',
	'caas_job_rows_done{database="postgres",job_name="backfill",part="1",parts="2",relation="public.people"} 7',
	'caas_job_conflicts{database="postgres",job_name="backfill",part="1",parts="1",relation="public.people"} 3',
	'caas_job_updated_timestamp_seconds{database="postgres",job_name="backfill",part="1",parts="1",relation="public.people"} 1767323045',
	'caas_job_state{database="postgres",job_name="backfill",part="1",parts="1",relation="public.people",state="running"} 1',
	'caas_doctor_findings{database="postgres",severity="error"} 2',
	'caas_doctor_findings{database="postgres",severity="note"} 0'
	)
{
	like($metrics, qr/^\Q$line\E$/m, $line =~ s/\{.*//r);
}
unlike($metrics, qr/^caas_values\{.*phone_digest/m, 'what is not known is no figure');
is((table_caas($server, 'report', '--metrics', "$dir/caas.prom", '--html', "$dir/page.html"))[0], 0,
	'both, into files');
like(read_file("$dir/caas.prom"), qr/^caas_report_timestamp_seconds\{database="postgres"\} [0-9.e+]+$/m, 'metrics');

# ---- what contrib has for them ----
my %families = map { $_ => 1 } $metrics =~ /^# TYPE (\w+) gauge$/mg;
my $dashboard = json_of(read_file('contrib/grafana-dashboard.json'));
my @expressions = map { $_->{expr} } map { @{ $_->{targets} } } @{ $dashboard->{panels} };
cmp_ok(@expressions, '>=', 8, 'the dashboard has panels');
my $alerts = read_file('contrib/prometheus-alerts.yml');
push @expressions, $alerts =~ /^ +expr: (.*)$/mg;
for my $expression (@expressions)
{
	my @unknown = grep { !$families{$_} } $expression =~ /\b(caas_\w+)/g;
	is_deeply(\@unknown, [], "metrics of: $expression");
}

SKIP:
{
	skip 'promtool (Debian\'s package prometheus) is not installed', 3
		if system('promtool --version > /dev/null 2>&1') != 0;
	is(`promtool check metrics < $dir/caas.prom 2>&1`, '', 'promtool: the metrics');
	like(`promtool check rules contrib/prometheus-alerts.yml 2>&1`, qr/SUCCESS: [1-9]/, 'promtool: the alerts');
	my $rules = join '', map { "      - record: caas:x$_\n        expr: '$expressions[$_]'\n" } 0 .. $#expressions;
	$rules =~ s/\$database/.*/g;
	write_file("$dir/rules.yml", "groups:\n  - name: all\n    rules:\n$rules");
	like(
		`promtool check rules $dir/rules.yml 2>&1`,
		qr/SUCCESS: @{[ scalar @expressions ]} rules/,
		'promtool: the panels'
	);
}
done_testing();
