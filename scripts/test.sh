#!/bin/bash
# Installs what the tests need, builds, and runs every test: scripts/test.sh
# One part, several: scripts/test.sh regress, scripts/test.sh regress,tap
# One test of it:  scripts/test.sh regress digest | tap 001 | unit 'Keyring*' | program 01 | http 03 | docs README.md | clients python | lint symbols
# Nothing is installed but Debian packages; servers, npm's packages, data and the staged installation live in a temporary folder.
set -uo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/server.sh
. "$ROOT/scripts/server.sh"
# shellcheck source=scripts/clients.sh
. "$ROOT/scripts/clients.sh"
# shellcheck source=scripts/parts.sh
. "$ROOT/scripts/parts.sh"

TOTAL_PASSED=0
TOTAL_FAILED=0
TOTAL_SKIPPED=0
FAILED_PARTS=()

usage() {
    sed -n '2,5s/^# //p' "${BASH_SOURCE[0]}"
    echo "parts: ${PARTS[*]}"
}

# A part's output goes to the terminal and to the file that is counted.
show() {
    "part_$1" "${@:2}" 2>&1 | tee "$WORK/$1.log"
    return "${PIPESTATUS[0]}"
}

# Arguments: how many passed, failed, and could not be run.
counts() {
    printf '%d passed, %d failed' "$1" "$2"
    [ "$3" -eq 0 ] || printf ', %d skipped' "$3"
}

# Runs one part, shows its output, and adds up what it counted. A part that counted nothing has failed.
run_part() {
    local part=$1 started=$SECONDS passed failed skipped
    shift
    say "$part: ${ABOUT[$part]}"
    run_job show "$part" "$@"
    local status=$?
    read -r passed failed skipped < <("count_$part" <"$WORK/$part.log")
    if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
    if [ "$((passed + failed))" -eq 0 ]; then
        echo "$part ran no test"
        failed=1
    fi
    printf '%s: %s (%d s)\n' "$part" "$(counts "$passed" "$failed" "${skipped:-0}")" "$((SECONDS - started))"
    TOTAL_PASSED=$((TOTAL_PASSED + passed))
    TOTAL_FAILED=$((TOTAL_FAILED + failed))
    TOTAL_SKIPPED=$((TOTAL_SKIPPED + ${skipped:-0}))
    [ "$failed" -eq 0 ] || FAILED_PARTS+=("$part")
}

# Prints again what failed, for a reader who has only the end of a long log.
repeat_failures() {
    local part
    for part in "${FAILED_PARTS[@]}"; do
        say "What failed in $part"
        grep -E -A 8 "$FAILURES" "$WORK/$part.log" | head -n 100
    done
}

main() {
    case "${1:-}" in -h | --help) usage; return 0 ;; esac
    local part parts=("${PARTS[@]}")
    if [ $# -gt 0 ]; then
        IFS=, read -ra parts <<<"$1"
        for part in "${parts[@]}"; do [ -n "${ABOUT[$part]:-}" ] || { usage >&2; return 2; }; done
        shift
    fi
    begin
    local packages=("${DEMO_PACKAGES[@]}" "${TEST_PACKAGES[@]}")
    [[ " ${parts[*]} " != *' clients '* ]] || packages+=("${CLIENT_PACKAGES[@]}")
    # Some suites lack the package for their server; the test of PL/Proxy says when it is missing.
    local plproxy
    plproxy=postgresql-$(installed_server)-plproxy
    [ -n "${PG_CONFIG:-}" ] || ! apt-cache show "$plproxy" >/dev/null 2>&1 || packages+=("$plproxy")
    install_packages "${packages[@]}"
    say 'Building, warnings being errors'
    build WERROR=1 || die 'the build failed'
    stage || die 'staging the installation failed'
    copy_tree
    for part in "${parts[@]}"; do run_part "$part" "$@"; done
    repeat_failures
    [ "$TOTAL_SKIPPED" -eq 0 ] || echo "$TOTAL_SKIPPED skipped; the parts say why"
    echo "$TOTAL_PASSED passed, $TOTAL_FAILED failed"
    [ "$TOTAL_FAILED" -eq 0 ]
}

main "$@"
