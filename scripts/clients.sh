# shellcheck shell=bash
# The part "clients" of scripts/test.sh: each file of test/clients that is named after a language is a real client. It runs in a
# database of its own, once directly and once through pgbouncer in transaction mode, and prints TAP. Sourced after server.sh.

CLIENT_KEY='key-of-the-clients-no-secret'
# The people that test/clients/outcomes.sql knows.
CLIENT_PEOPLE=(ADA=4dbcbcfe-4800-40a8-badf-c26b73af230c BOB=65b4583e-d78b-5256-aa5a-851cf2f367b9 CEM=e2b1796c-afce-5be3-bec8-82ab22bb4727
    DAN=6cf7e8d1-297e-5247-a0e7-e3bb4a4aa030 EVE=97a195b0-4a53-5870-b210-d3e83db4d38b)

free_port() { perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport'; }

# Makes the folder in which the clients run: their files, and beside them the code of docs/clients.md.
client_files() {
    mkdir -p "$CLIENT_FILES/t" && cp "$ROOT"/test/clients/*.* "$ROOT"/test/clients/node/*.json "$CLIENT_FILES" || return
    "$ROOT/scripts/docs_files.pl" "$CLIENT_FILES" "$ROOT/docs/clients.md" || return
    # Java runs one source file; Prisma reads one schema.
    cat "$CLIENT_FILES/Recipe.java" >>"$CLIENT_FILES/java_jdbc.java"
    cat "$CLIENT_FILES/inplace.prisma" >>"$CLIENT_FILES/schema.prisma"
}

# Installs what package-lock.json names. Where that cannot be had, CLIENT_NODE_MISSING says why. Scripts of the packages are not
# run: that of Prisma would download an engine, which its driver adapter does not need.
client_packages() {
    CLIENT_NODE_MISSING=''
    if ! command -v npm >/dev/null; then
        CLIENT_NODE_MISSING='npm is not installed'
    elif ! (cd "$CLIENT_FILES" && timeout 300 npm ci --ignore-scripts --no-audit --no-fund --prefer-offline --fetch-retries=1 --fetch-retry-mintimeout=1000) \
        >"$WORK/npm.log" 2>&1; then
        CLIENT_NODE_MISSING="npm ci failed: $(grep -m 1 'npm err' "$WORK/npm.log" | tr -d '#')"
    fi
}

# Prisma's command downloads engines that it does not need to generate the client, unless it is told that they are there.
generate_prisma() {
    (cd "$CLIENT_FILES" && PRISMA_SCHEMA_ENGINE_BINARY=/bin/true PRISMA_QUERY_ENGINE_LIBRARY=/bin/true CHECKPOINT_DISABLE=1 PRISMA_HIDE_UPDATE_MESSAGE=1 \
        node_modules/.bin/prisma generate --schema schema.prisma) >"$WORK/prisma.log" 2>&1 || cat "$WORK/prisma.log"
}

# One server connection for each database: what one transaction leaves, the next would meet.
start_client_pool() {
    local folder=$WORK/client_pool
    server_folder "$folder"
    printf '%s\n' '[databases]' "* = host=127.0.0.1 port=$CLIENT_PORT user=postgres" '[pgbouncer]' 'listen_addr = 127.0.0.1' \
        "listen_port = $CLIENT_POOL_PORT" 'unix_socket_dir =' 'auth_type = any' 'pool_mode = transaction' 'default_pool_size = 1' \
        'query_wait_timeout = 20' 'ignore_startup_parameters = extra_float_digits' "logfile = $folder/log" "pidfile = $folder/pid" |
        as_server tee "$folder/ini" >"$WORK/client_pool.log"
    as_server "$(command -v pgbouncer)" -q -d "$folder/ini"
}

client_sql() { as_server "$PG_BIN/psql" -XAtq -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$CLIENT_PORT" -U postgres "$@"; }

# The database that all others are copies of.
client_template() {
    local person variables=()
    for person in "${CLIENT_PEOPLE[@]}"; do variables+=(-v "${person,,}"); done
    chmod -R a+rX "$CLIENT_FILES"
    client_sql -d postgres -c 'CREATE DATABASE client_template' &&
        client_sql -d client_template "${variables[@]}" -c 'CREATE EXTENSION caas' -f "$CLIENT_FILES/tables.sql" -f "$CLIENT_FILES/outcomes.sql"
}

# The command that runs a client's file.
client_command() {
    case "$1" in
    *.py) echo "/usr/bin/python3 $1" ;;
    *.rb) echo "/usr/bin/ruby $1" ;;
    *.java) echo "java -XX:TieredStopAtLevel=1 -cp /usr/share/java/postgresql.jar $1" ;;
    *.mjs) echo "node $1" ;;
    esac
}

# Writes the scripts that prove runs: $CLIENT_FILES/t/NAME.direct and NAME.pool.
client_scripts() {
    local file name via port
    for file in "$@"; do
        name=${file%.*}
        for via in direct pool; do
            port=$CLIENT_PORT
            [ "$via" = direct ] || port=$CLIENT_POOL_PORT
            if [[ "$file" = *.mjs && -n "$CLIENT_NODE_MISSING" ]]; then
                printf 'echo %q\n' "1..0 # SKIP $CLIENT_NODE_MISSING"
            else
                client_sql -d postgres -c "CREATE DATABASE ${name}_$via TEMPLATE client_template" || return
                printf '%q ' cd "$CLIENT_FILES" && printf '&& exec env '
                printf '%q ' PGHOST=127.0.0.1 "PGPORT=$port" PGUSER=postgres "PGDATABASE=${name}_$via" "CAAS_API_KEY=$CLIENT_KEY" \
                    "CAAS_VIA=$via" "${CLIENT_PEOPLE[@]}"
                client_command "$file"
            fi >"$CLIENT_FILES/t/$name.$via"
        done
    done
}

# The files of the clients whose names begin with one of the arguments; all, without one.
client_names() {
    local name
    for name in "${@:-}"; do
        find "$CLIENT_FILES" -maxdepth 1 -name "$name*" -regex '.*/\(python\|ruby\|java\|node\)_[a-z]*\.[a-z]*' -printf '%f\n'
    done | sort
}

# Arguments: the beginnings of clients' names. What could not be run is said last, where nobody overlooks it.
part_clients() {
    local files status
    CLIENT_FILES=$WORK/client_files CLIENT_PORT=$(free_port) CLIENT_POOL_PORT=$(free_port)
    client_files || return
    mapfile -t files < <(client_names "$@")
    [ "${#files[@]}" -gt 0 ] || return
    if [[ "${files[*]}" = *.mjs* ]]; then
        client_packages
        [ -n "$CLIENT_NODE_MISSING" ] || [[ "${files[*]}" != *node_prisma* ]] || generate_prisma
    fi
    server_folder "$WORK/clients"
    new_keyring "$WORK/clients/keyring" 2 || return
    start_server clients "listen_addresses = '127.0.0.1'" "port = $CLIENT_PORT" "shared_preload_libraries = 'caas'" \
        "caas.keyring_file = '$WORK/clients/keyring'" "caas.api_key_digests = 'clients:$(api_key_digest "$CLIENT_KEY")'" || return
    client_template && start_client_pool && client_scripts "${files[@]}" &&
        (cd "$CLIENT_FILES/t" && prove -f --directives -j"$(nproc)" -e sh ./*)
    status=$?
    kill "$(cat "$WORK/client_pool/pid")"
    stop_server clients
    [ -z "$CLIENT_NODE_MISSING" ] || printf 'NOT RUN: %s: %s\n' "$(printf '%s\n' "${files[@]}" | grep '\.mjs$' | tr '\n' ' ')" "$CLIENT_NODE_MISSING"
    return "$status"
}
