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
    new_root "$1" "$WORK/$1-$2" && mkdir "$WORK/$1-$2/build" && cp "$WORK"/caas-*.zip "$ROOT"/test/packages/*.sh "$WORK/$1-$2/build/"
}

# Runs the script $3 in the root for suite $1 named $2, and counts its checks.
run_script() {
    local log=$WORK/$1-$2.log passed failed status
    show() { in_root "$WORK/$1-$2" bash "/build/$3" 2>&1 | tee "$log"; return "${PIPESTATUS[0]}"; }
    run_job show "$@"
    status=$?
    passed=$(grep -c '^ok ' "$log")
    failed=$(grep -c '^FAILED ' "$log")
    if [ "$failed" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$passed" -eq 0 ]; }; then failed=1; fi
    PASSED=$((PASSED + passed))
    FAILED=$((FAILED + failed))
    return "$status"
}

check_suite() {
    say "$1: build"
    prepare "$1" build && run_script "$1" build build.sh || return
    say "$1: install, test, upgrade, purge"
    prepare "$1" bare && mv "$WORK/$1-build/build/first" "$WORK/$1-build/build/second" "$WORK/$1-bare/build/" && rm -rf "$WORK/$1-build" || return
    run_script "$1" bare bare.sh
}

main() {
    case "${1:-}" in -h | --help) sed -n '2,4s/^# //p' "${BASH_SOURCE[0]}"; return 0 ;; esac
    [ "$(id -u)" -eq 0 ] || die 'debootstrap and chroot need root'
    [ $# -gt 0 ] || set -- bookworm
    begin
    install_packages debootstrap git make
    [ -z "$(git -C "$ROOT" status --porcelain)" ] || say 'There are changes that are not committed, and not in the packages'
    make -C "$ROOT" -s dist DIST=HEAD "DIST_FOLDER=$WORK" "PG_CONFIG=$PG_CONFIG" || die 'no archive'
    local suite
    for suite in "$@"; do
        check_suite "$suite" || { echo "$suite: not passed"; [ "$FAILED" -gt 0 ] || FAILED=1; }
        rm -rf "$WORK/$suite"-*
    done
    echo "$PASSED passed, $FAILED failed"
    [ "$FAILED" -eq 0 ]
}

main "$@"
