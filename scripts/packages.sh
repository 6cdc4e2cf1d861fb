#!/bin/bash
# Builds the Debian packages of the commit that is checked out, and installs, tests, upgrades and purges them: scripts/packages.sh [SUITE ..]
# Each suite (bookworm by default; trixie, sid) has two throwaway systems made by debootstrap, one that builds and one that is bare.
# Needs root. CAAS_CHROOTS=FOLDER keeps the bases of the suites there; CAAS_CCACHE=FOLDER compiles with ccache.
set -uo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/chroot.sh
. "$ROOT/scripts/chroot.sh"

PASSED=0
FAILED=0

# Makes a root for suite $1, named $2, whose /build has the archive and the scripts that run there.
prepare() {
    new_root "$1" "$WORK/$1-$2" || return
    mkdir "$WORK/$1-$2/build"
    cp "$WORK"/caas-*.zip "$ROOT"/test/packages/*.sh "$WORK/$1-$2/build/"
}

# Runs the script $3 in the root for suite $1 named $2, shows its checks and counts them. A script that checked nothing has failed.
run_script() {
    local log=$WORK/$3.log passed failed status
    run_job in_root "$WORK/$1-$2" bash "/build/$3" >"$log" 2>&1 &
    run_job tail --pid=$! -n +1 -f "$log"
    wait $!
    status=$?
    passed=$(grep -c '^ok ' "$log")
    failed=$(grep -c '^FAILED ' "$log")
    if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
    [ $((passed + failed)) -gt 0 ] || failed=1
    PASSED=$((PASSED + passed))
    FAILED=$((FAILED + failed))
    [ "$failed" -eq 0 ]
}
