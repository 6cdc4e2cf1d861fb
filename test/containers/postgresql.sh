#!/bin/bash
# Tests the image of PostgreSQL with caas. scripts/containers.sh runs this.
set -uo pipefail
# shellcheck source=test/containers/checks.sh
. "$(dirname "${BASH_SOURCE[0]}")/checks.sh"

USER_ID=10002
FILES=$WORK/files/postgresql
PORT=$(free_port)
PASSWORD='password-of-the-containers-no-secret'
CALL="SELECT caas_encrypt('$UUID', '$TEXT')"

make_files() {
    mkdir -p "$FILES" "$WORK/conf.d" && published_keyring "$FILES/keyring" && printf %s "$PASSWORD" >"$FILES/postgres-password" &&
        printf '%s\n' "caas.keyring_file = '/run/secrets/caas/keyring'" "caas.api_key_digests = 'app:$KEY_DIGEST'" "port = $PORT" \
            "listen_addresses = '127.0.0.1'" >"$WORK/conf.d/test.conf"
}

# The settings of the database in docs/containers.md. The volume outlives the container.
start_database() {
    run_container --detach --volume data:/var/lib/postgresql --volume "$WORK/mounts/postgresql:/run/secrets/caas:ro" \
        --volume "$WORK/conf.d:/etc/caas/conf.d:ro" --tmpfs /run/postgresql --tmpfs /tmp \
        --env POSTGRES_PASSWORD_FILE=/run/secrets/caas/postgres-password --env PGPORT="$PORT" "$@" caas-postgresql
}

ready() { podman exec database pg_isready --quiet; }

# The statement in a session of the superuser's with the API key, in the container. Each session would warn that the keyring is published.
sql() {
    podman exec --env PGOPTIONS="-c caas.api_key=$KEY -c client_min_messages=error" database psql -XAtq -v ON_ERROR_STOP=1 -c "$1"
}

# True when the statement gives this.
gives() {
    local got
    got=$(sql "$2" 2>&1)
    [ "$got" = "$1" ] || { echo "$got"; return 1; }
}

by_network() { podman exec --env PGPASSWORD="$1" database psql -XAtq -h 127.0.0.1 -c 'SELECT 1'; }

check_database() {
    check 'it makes its cluster at the first start' start_database --name database --ulimit "memlock=$(memlock):$(memlock)" || return
    check 'it is ready' eventually ready || return
    check 'its health check succeeds' podman healthcheck run database
    check 'its root is read-only' refused_with 'Read-only file system' podman exec database touch /x
    check 'it runs without rights' has_no_rights database $USER_ID
    check 'CREATE EXTENSION' sql 'CREATE EXTENSION caas'
    check 'caas_encrypt makes the digest of docs/spec.md' gives "$DIGEST" "$CALL"
    check 'without the key it refuses' refused_with 'API key' podman exec database psql -XAtqc "$CALL"
    check 'secrets are in locked memory' gives t 'SELECT secrets_locked FROM caas_status()'
    check 'the doctor finds nothing wrong with the mounted keyring' gives 0 "SELECT count(*) FROM caas_doctor() WHERE object = 'caas.keyring_file' AND severity = 'warning'"
    check 'by the network the password of the secret counts' by_network "$PASSWORD"
    check 'and no other' refused_with 'authentication failed' by_network wrong
    return 0
}

check_data() {
    check 'a table' sql "CREATE TABLE people (id uuid, digest text); INSERT INTO people VALUES ('$UUID', caas_encrypt('$UUID', '$TEXT'))"
    check 'a restart of the container' podman restart --time 120 database
    check 'it is ready again' eventually ready
    check 'the data is there and verifies' gives t "SELECT caas_verify(id, '$TEXT', digest) FROM people"
    check 'it stops within the grace period' stops_in_time database 120
    remove_containers
    check 'another container over the same volume' start_database --name database --ulimit memlock=65536:65536 || return
    check 'it is ready, too' eventually ready
    check 'it has the data' gives t "SELECT caas_verify(id, '$TEXT', digest) FROM people"
    check 'little locked memory is reported' gives f 'SELECT secrets_locked FROM caas_status()'
    check 'by the doctor, too' gives 1 "SELECT count(*) FROM caas_doctor() WHERE object = 'locked memory'"
    return 0
}

check_rotation() {
    # The generation 2 of docs/spec.md.
    sed -i '2s/active/retired/' "$FILES/keyring"
    echo "2 active 2026-01-01T00:00:00Z ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=" >>"$FILES/keyring"
    mount_files postgresql 0440 $USER_ID
    check 'the reload' gives t 'SELECT pg_reload_conf()'
    check 'the new generation is active' eventually gives 2 'SELECT active_generation FROM caas_status()'
    check 'the old digest verifies' gives t "SELECT caas_verify(id, '$TEXT', digest) FROM people"
    mount_files postgresql 0444 $USER_ID
    check 'mode 0444 is refused with the remedy' refused_with "with mode 0440 and the server's group." sql "$CALL"
    check 'and the doctor knows that chmod does not help on such a mount' \
        gives 1 "SELECT count(*) FROM caas_doctor() WHERE severity = 'error' AND remedy LIKE '%with mode 0440 and the server''s group.'"
    check 'it stops' stops_in_time database 120
}

check 'the image is built' build_image postgresql || exit
make_files && new_mount postgresql && mount_files postgresql 0440 $USER_ID || exit
if check_database && check_data; then
    check_rotation
else
    podman logs database
fi
remove_containers
