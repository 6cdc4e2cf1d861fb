#!/bin/bash
# Checks that a release is complete, runs the tests, and makes the tag of the version in caas.control: scripts/release.sh
# --dry-run: checks and tests, makes no tag. --no-tests: skips the tests. --files: checks the files alone, for scripts/lint.sh.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

PROBLEMS=0

problem() {
    echo "$*" >&2
    PROBLEMS=$((PROBLEMS + 1))
}

# The version in META.json, CHANGELOG.md and debian/changelog, and the files for an update from the version before.
check_files() {
    local previous
    [[ "$VERSION" =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || problem "caas.control: default_version is \"$VERSION\""
    [ "$(grep -cF "\"version\": \"$VERSION\"" META.json)" -eq 2 ] || problem "META.json: version is not twice $VERSION"
    grep -q "^## .*$VERSION" CHANGELOG.md || problem "CHANGELOG.md: no section for $VERSION"
    head -n 1 debian/changelog | grep -qF "caas ($VERSION) " || problem "debian/changelog: the first entry is not of $VERSION"
    previous=$(find sql -name "caas--*--$VERSION.sql" -printf '%f\n' | sed "s/^caas--\(.*\)--$VERSION\.sql$/\1/" | head -n 1)
    if [ -z "$previous" ]; then
        problem "sql: no update script to $VERSION"
    elif [ ! -e "test/upgrade/caas--$previous.sql" ]; then
        problem "test/upgrade/caas--$previous.sql is missing: the install script that $previous shipped"
    fi
}

# Committed, not released before, and with its figures.
check_repository() {
    [ -z "$(git status --porcelain)" ] || problem 'the tree has changes that are not committed'
    ! git rev-parse -q --verify "refs/tags/$VERSION" >/dev/null || problem "the tag $VERSION exists"
    [ -e "bench/history/$VERSION-sql.md" ] || problem "bench/history/$VERSION-sql.md is missing: bench/run.sh --save"
    [ -e "bench/history/$VERSION-tables.md" ] || problem "bench/history/$VERSION-tables.md is missing: bench/tables.sh --save"
    [ -e "bench/history/$VERSION-http.md" ] || problem "bench/history/$VERSION-http.md is missing: bench/http.sh --save"
}

main() {
    local tests=yes tag=yes repository=yes option
    for option in "$@"; do
        case "$option" in
        --dry-run) tag=no ;;
        --no-tests) tests=no ;;
        --files) tests=no tag=no repository=no ;;
        -h | --help) sed -n '2,3s/^# //p' scripts/release.sh; return 0 ;;
        *) echo "unknown option $option; --help lists the options" >&2; return 2 ;;
        esac
    done
    VERSION=$(sed -n "s/^default_version *= *'\([^']*\)'.*/\1/p" caas.control)
    check_files
    [ "$repository" = no ] || check_repository
    [ "$PROBLEMS" -eq 0 ] || { echo "$VERSION cannot be released: $PROBLEMS problems" >&2; return 1; }
    [ "$tests" = no ] || scripts/test.sh || return
    if [ "$tag" = yes ]; then
        git tag -a "$VERSION" -m "caas $VERSION" && echo "tagged $VERSION"
    elif [ "$repository" = yes ]; then
        echo "$VERSION can be released"
    fi
}

main "$@"
