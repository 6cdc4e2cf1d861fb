#!/bin/bash
# Builds and tests with every PostgreSQL that can be had here: scripts/matrix.sh [OPTION ..] [VERSION ..]
# 15, 17, 18 and 19 are those of Debian's suites, each in a chroot that is made for it and is gone afterwards; that needs root. Others
# run on this machine itself: those below /usr/lib/postgresql that have their headers, and the one that PG_CONFIG names.
#     --parts PART,PART   only these parts of scripts/test.sh
#     --dir FOLDER        where the chroots are made, and where their bases are kept for the next time (default: a temporary folder)
#     --keep              leave the chroots in --dir; the next run takes them as they are, with what was built in them
#     --mirror URL        where Debian's packages come from (default: where this machine takes them from)
# The last lines are a table of versions and parts, and the counts of all.
set -uo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/parts.sh
. "$ROOT/scripts/parts.sh"
# shellcheck source=scripts/chroot.sh
. "$ROOT/scripts/chroot.sh"

declare -A SUITE=([15]=bookworm [17]=trixie [18]=sid [19]=experimental)
# The formatters of this suite decide about the layout of the files.
LINT_SUITE=bookworm
FOLDER='' KEEP=no MIRROR=''
VERSIONS=()
declare -A PLACE RESULT # of a version; of a version and a part: passed, failed, skipped

usage() { sed -n '2,9s/^# //p' "${BASH_SOURCE[0]}"; }

usage_error() {
    usage >&2
    exit 2
}

read_options() {
    local part
    while [ $# -gt 0 ]; do
        case "$1" in
        -h | --help) usage; exit 0 ;;
        --parts | --dir | --mirror) [ $# -gt 1 ] || usage_error ;;&
        --parts) IFS=, read -ra PARTS <<<"$2"; shift ;;
        --dir) FOLDER=$2; shift ;;
        --mirror) MIRROR=$2; shift ;;
        --keep) KEEP=yes ;;
        *[!0-9]* | '') usage_error ;;
        *) VERSIONS+=("$1") ;;
        esac
        shift
    done
    for part in "${PARTS[@]}"; do [ -n "${ABOUT[$part]:-}" ] || usage_error; done
    [ "$KEEP" = no ] || [ -n "$FOLDER" ] || die '--keep needs --dir'
}

# ---- servers of this machine ----

# Prints the pg_config of the server of version $1 on this machine, when it has the headers: the caller's first.
local_server() {
    local config
    for config in "${PG_CONFIG:-}" "/usr/lib/postgresql/$1/bin/pg_config"; do
        [ -x "$config" ] && [ "$(major_version "$config")" = "$1" ] && [ -e "$("$config" --includedir-server)/postgres.h" ] &&
            echo "$config" && return
    done
    return 1
}

major_version() { "$1" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/'; }

# The server of the caller's runs here even where a suite has its version.
runs_here() { [ -z "${SUITE[$1]:-}" ] || { [ -n "${PG_CONFIG:-}" ] && [ "$(major_version "$PG_CONFIG")" = "$1" ]; }; }

# Fills VERSIONS with all that can be had, unless the caller named some.
find_versions() {
    local config version
    if [ "${#VERSIONS[@]}" -eq 0 ]; then
        VERSIONS=("${!SUITE[@]}")
        for config in "${PG_CONFIG:-}" /usr/lib/postgresql/*/bin/pg_config; do
            [ ! -x "$config" ] || VERSIONS+=("$(major_version "$config")")
        done
        mapfile -t VERSIONS < <(printf '%s\n' "${VERSIONS[@]}" | sort -nu)
    fi
    for version in "${VERSIONS[@]}"; do
        ! runs_here "$version" || local_server "$version" >/dev/null ||
            die "PostgreSQL $version with its headers is not here, and no suite has it; PG_CONFIG can name one"
    done
}

# ---- chroots ----

quietly() { "$@" >"$WORK/quiet.log" 2>&1 || { tail -n 30 "$WORK/quiet.log"; return 1; }; }

# Adds the suite $3 to the root $1, which takes PostgreSQL $2 and OpenSSL from it.
add_suite() {
    printf 'deb %s %s main\n' "$(debian_mirror)" "$3" >>"$1/etc/apt/sources.list" &&
        printf 'Package: src:postgresql-%s src:openssl\nPin: release a=%s\nPin-Priority: 900\n' "$2" "$3" >"$1/etc/apt/preferences.d/caas"
}

# Makes the chroot of a version, unless one was kept. experimental is packages beside sid.
make_chroot() {
    local version=$1 root=$2 suite=${SUITE[$1]}
    [ ! -e "$root/caas-ready" ] || return 0
    rm -rf --one-file-system "$root"
    new_root "${suite/experimental/sid}" "$root" || return
    [ "$suite" != experimental ] || add_suite "$root" "$version" "$suite" || return
    say "Installing PostgreSQL $version of $suite"
    with_progress quietly run_job in_root "$root" apt-get update -qq &&
        with_progress quietly run_job in_root "$root" apt-get install -y -qq "postgresql-$version" "postgresql-server-dev-$version" make g++ libssl-dev libicu-dev openssl &&
        touch "$root/caas-ready"
}

# ---- one version ----

# Makes the folder $1 a copy of the project's files. What an earlier run built there stays, files that are gone do not. A changed file gets
# the time of the copy: an object that was being built while its source was edited is newer than the source.
copy_sources() {
    local fresh=$WORK/sources file
    rm -rf "$fresh" && mkdir -p "$fresh" "$1" || return
    (cd "$ROOT" && { git -c safe.directory='*' ls-files -zco --exclude-standard 2>/dev/null ||
        find . -type f ! -path './build/*' ! -name '*.[od]' ! -name '*.so' -printf '%P\0'; } |
        tar --null -T - --ignore-failed-read -cf -) 2>"$WORK/tar.log" | tar -C "$fresh" --no-same-owner -xf - || return
    while IFS= read -r -d '' file; do
        [ -e "$fresh/$file" ] || rm "$1/$file" || return
    done < <(cd "$1" && find . -type f ! -name '*.[od]' ! -name '*.so' ! -path ./caas ! -path './build/*' -print0)
    while IFS= read -r -d '' file; do
        cmp -s "$fresh/$file" "$1/$file" || { mkdir -p "$1/${file%/*}" && cp --preserve=mode "$fresh/$file" "$1/$file"; } || return
    done < <(cd "$fresh" && find . -type f -print0)
}

# First the extension alone, out of tree and with nothing but what it needs: a new chroot has none of the program's libraries yet. It is
# installed into the server, where pg_upgrade from 18 on looks for it.
# shellcheck disable=SC2016 # for the shell in the chroot
TEST_IN_CHROOT='mkdir -p /extension/build && cd /extension/build || exit
make -s -j"$(nproc)" -f ../sources/Makefile install-extension WERROR=1 "PG_CONFIG=/usr/lib/postgresql/$1/bin/pg_config" >make.log 2>&1 || { cat make.log; exit 1; }
cd /caas && exec scripts/test.sh "$2"'

# Runs a command, shows what it prints and writes it to the file $1.
logged() {
    "${@:2}" 2>&1 | tee "$1"
    return "${PIPESTATUS[0]}"
}

test_in_chroot() {
    local version=$1 parts=$2 log=$3 root=$WORK/$1 status
    [ "$(id -u)" -eq 0 ] || { echo 'a chroot needs root' | tee "$log"; return 1; }
    [ "$KEEP" = no ] || root=$FOLDER/$version
    make_chroot "$version" "$root" && copy_sources "$root/caas" && copy_sources "$root/extension/sources" || return
    PLACE[$version]="${SUITE[$version]}, $(in_root "$root" "/usr/lib/postgresql/$version/bin/postgres" --version | awk '{ print $3 }'), $(in_root "$root" openssl version | cut -d' ' -f1,2)"
    say "PostgreSQL $version: ${PLACE[$version]}"
    run_job logged "$log" in_root "$root" FUZZ_SECONDS="${FUZZ_SECONDS:-10}" bash -c "$TEST_IN_CHROOT" bash "$version" "$parts"
    status=$?
    [ "$KEEP" = yes ] || rm -rf --one-file-system "$root"
    return "$status"
}

test_here() {
    local version=$1 parts=$2 log=$3 config
    config=$(local_server "$version")
    PLACE[$version]="this machine, $("$config" --version | awk '{ print $2 }'), $(openssl version | cut -d' ' -f1,2)"
    say "PostgreSQL $version: ${PLACE[$version]}"
    copy_sources "$WORK/$version" && run_job logged "$log" env "PG_CONFIG=$config" "$WORK/$version/scripts/test.sh" "$parts"
}

# Fills RESULT from the lines of the parts. A part that printed none has failed.
read_results() {
    local version=$1 log=$2 part line
    for part in "${@:3}"; do
        line=$(sed -nE "s/^$part: ([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)? \([0-9]+ s\)$/\1 \2 \4/p" "$log")
        # shellcheck disable=SC2086 # three numbers
        set_result "$version" "$part" ${line:-0 1}
    done
}

set_result() { RESULT[$1,$2]="$3 $4 ${5:-0}"; }

run_version() {
    local version=$1 log=${FOLDER:-$WORK}/$1.log part parts=()
    PLACE[$version]='not built'
    for part in "${PARTS[@]}"; do
        if [ "$part" = lint ] && { runs_here "$version" || [ "${SUITE[$version]}" != "$LINT_SUITE" ]; }; then
            SKIPPED+=("$version lint: the layout of the files is that of $LINT_SUITE's formatters")
            set_result "$version" lint 0 0 1
        else
            parts+=("$part")
        fi
    done
    [ "${#parts[@]}" -gt 0 ] || return
    : >"$log"
    if runs_here "$version"; then
        test_here "$version" "$(IFS=,; echo "${parts[*]}")" "$log"
    else
        test_in_chroot "$version" "$(IFS=,; echo "${parts[*]}")" "$log"
    fi
    read_results "$version" "$log" "${parts[@]}"
    # The reasons stand in the log: files that prove left out, single tests, tests of GoogleTest, checks.
    mapfile -t -O "${#SKIPPED[@]}" SKIPPED < <(grep -E '\.\. skipped: |^ok [0-9]+ .*# (skip|SKIP)|^not run|^NOT RUN' "$log" | sed "s/^/$version: /" | sort -u)
}

# ---- the table ----

print_table() {
    local version part cell
    printf '\npassed/failed/skipped\n%-10s' ''
    for version in "${VERSIONS[@]}"; do printf ' %14s' "$version"; done
    echo
    for part in "${PARTS[@]}"; do
        printf '%-10s' "$part"
        for version in "${VERSIONS[@]}"; do
            cell=${RESULT[$version,$part]}
            printf ' %14s' "${cell// //}"
        done
        echo
    done
    for version in "${VERSIONS[@]}"; do printf '%s: %s\n' "$version" "${PLACE[$version]}"; done
}

print_totals() {
    local passed failed skipped total_passed=0 total_failed=0 total_skipped=0
    while read -r passed failed skipped; do
        total_passed=$((total_passed + passed)) total_failed=$((total_failed + failed)) total_skipped=$((total_skipped + skipped))
    done < <(printf '%s\n' "${RESULT[@]}")
    [ "$total_skipped" -eq 0 ] || echo "$total_skipped skipped"
    echo "$total_passed passed, $total_failed failed"
    [ "$total_failed" -eq 0 ]
}

main() {
    read_options "$@"
    find_versions
    if [ -n "$FOLDER" ]; then
        mkdir -p "$FOLDER" || exit
        FOLDER=$(realpath "$FOLDER")
        export TMPDIR=$FOLDER
    fi
    begin
    local version SKIPPED=()
    CAAS_CHROOTS=${FOLDER:-${CAAS_CHROOTS:-$WORK}}
    command -v debootstrap >/dev/null || { become_root debootstrap; apt update; apt install --no-install-recommends debootstrap; }
    for version in "${VERSIONS[@]}"; do run_version "$version"; done
    [ "${#SKIPPED[@]}" -eq 0 ] || printf '%s\n' 'Not run:' "${SKIPPED[@]}"
    print_table
    print_totals
}

main "$@"
