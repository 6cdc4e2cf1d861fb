#!/bin/bash
# Shows caas at work on 10,000 users: scripts/demo.sh
# Installs what it needs from Debian's packages, builds, and starts a private PostgreSQL that is gone afterwards; no
# cluster of this machine is touched. scripts/demo.sh --psql leaves you in psql at the end, until you leave it.
set -uo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/server.sh
. "$ROOT/scripts/server.sh"

usage() { sed -n '2,4s/^# //p' "${BASH_SOURCE[0]}"; }

quietly() { "$@" >"$WORK/quiet.log" 2>&1 || { cat "$WORK/quiet.log"; return 1; }; }

# psql with the session's API key in its connection options, from the environment: no process list and no statement log sees it.
psql_with_key() {
    (
        export PGHOST=$WORK/demo PGUSER=postgres PGDATABASE=postgres PGOPTIONS="-c caas.api_key=$1"
        exec "$PG_BIN/psql" -X -q "${@:2}"
    )
}

run_sql() {
    psql_with_key "$1" -v "h=$BOLD$CYAN" -v "s=$DIM" -v "p=$PLAIN" -f "$ROOT/scripts/demo.sql" 2>&1 |
        sed "s/^psql:[^ ]*: //; s/^ERROR:/${RED}ERROR:$PLAIN/"
}

start() {
    local keyring=$WORK/demo/keyring digests
    server_folder "$WORK/demo"
    say 'Making a keyring, outside of the database: caas keyring init'
    caas_as_server keyring init "$keyring" | sed "s,^$WORK/demo/,    ,"
    as_server test -s "$keyring" || return
    say 'Making an API key: caas api-key new'
    KEY=$(caas_as_server api-key new --name demo 2>"$WORK/api_key") || return
    digests=$(sed -n "s/^ *\(caas\.api_key_digests = .*\)/\1/p" "$WORK/api_key")
    printf '    for the client  %s…\n    for the server  %s…\n' "${KEY:0:16}" "${digests:0:48}"
    say "Starting a private PostgreSQL $PG_MAJOR on a Unix socket in $WORK"
    start_server demo "caas.keyring_file = '$keyring'" "$digests"
}

main() {
    local started=$SECONDS
    case "${1:-}" in '' | --psql) ;; -h | --help) usage; return 0 ;; *) usage >&2; return 2 ;; esac
    begin
    install_packages "${DEMO_PACKAGES[@]}"
    say 'Building caas.so and the program'
    with_progress quietly build || die 'the build failed'
    stage || die 'staging the installation failed'
    start || die 'the server could not be set up'
    run_job run_sql "$KEY" || die 'the demonstration failed'
    if [ "${1:-}" = --psql ]; then
        say 'psql, as the client with the key; \q ends it, and the server'
        trap : INT # Ctrl-C is for psql
        psql_with_key "$KEY"
    fi
    stop_server demo
    say "Done in $((SECONDS - started)) s; server, keyring and data are gone again. Read on:"
    printf '    %-22s %s\n' README.md 'install it, set a cluster up, three ways of use' \
        docs/operations.md 'keyring custody, rotation, backup, replicas, logs' docs/spec.md 'the formats, to the byte' \
        scripts/test.sh 'every test'
    [ -n "$(pg_lsclusters -h 2>/dev/null)" ] ||
        echo "This machine has no cluster of PostgreSQL yet; to make one: sudo pg_createcluster --start $PG_MAJOR main"
}

main "$@"
