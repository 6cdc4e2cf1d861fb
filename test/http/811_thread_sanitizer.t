# The program under ThreadSanitizer, with everything at once.
use strict;
use warnings;
use lib 'test/http';
use Test::More;

system('make', '-s', '-C', 'test/http', 'SANITIZE=thread') == 0 or BAIL_OUT('the build failed');
$ENV{CAAS} = 'build/http-thread/caas';
require SanitizedLoad;    # at run time: it reads CAAS, and a check of the syntax must not build
SanitizedLoad->import;

finds_errors('build/http-thread', race => qr/data race/);
load_with_everything();
done_testing();
