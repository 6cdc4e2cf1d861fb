# shellcheck shell=bash disable=SC2034
# Sourced by the scripts that run in a chroot: one line for each check.
set -u
VERSION=$(basename /build/caas-*.zip .zip)
VERSION=${VERSION#caas-}
NEXT=${VERSION%.*}.$((${VERSION##*.} + 1))

# Arguments: what is checked, and the command, which runs in a subshell.
check() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        printf 'ok      %s\n' "$name"
        grep '^note: ' <<<"$output" || true
    else
        printf 'FAILED  %s\n' "$name"
        tail -n 60 <<<"$output"
        [ "${ESSENTIAL:-yes}" = no ] || exit 1
    fi
}
