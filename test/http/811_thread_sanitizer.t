# The program under ThreadSanitizer, with everything at once.
use strict;
use warnings;
use lib 'test/http';
use Test::More;

BEGIN
{
	system('make', '-s', '-C', 'test/http', 'SANITIZE=thread') == 0 or BAIL_OUT('the build failed');
	$ENV{CAAS} = 'build/http-thread/caas';
}
use SanitizedLoad;

finds_errors('build/http-thread', race => qr/data race/);
load_with_everything();
done_testing();
