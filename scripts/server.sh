# shellcheck shell=bash
# Building, staging (never an installation into the system) and throwaway servers. Sourced after lib.sh.

build() {
    run_job make -C "$ROOT" -s -j"$(nproc)" "PG_CONFIG=$PG_CONFIG" "$@"
}

# An installation in the temporary folder, which servers of ours are pointed at. STAGED_EXTENSION is the variable that tells tests where
# the extension is, as words for env; none where the server itself has it.
stage() {
    STAGE=$WORK/stage
    export STAGE
    STAGED_EXTENSION=("CAAS_STAGE=$STAGE")
    { install_stage >"$WORK/stage.log" 2>&1 && chmod -R a+rX "$STAGE"; } || { cat "$WORK/stage.log"; return 1; }
}

install_stage() {
    local install=(run_job make -C "$ROOT" -s)
    if knows_stage; then
        "${install[@]}" install "PG_CONFIG=$PG_CONFIG" "DESTDIR=$STAGE"
    else
        copy_server && STAGED_EXTENSION=() && "${install[@]}" install-extension "PG_CONFIG=$PG_CONFIG" &&
            "${install[@]}" install-program "PG_CONFIG=$PG_CONFIG" "DESTDIR=$STAGE"
    fi
}

# True when the server can be told to look for extensions elsewhere: up to 17 only Debian's patch allows it.
knows_stage() { [ "$PG_MAJOR" -ge 18 ] || grep -qF extension_destdir "$PG_BIN/postgres"; }

# A copy of the whole installation of a server that was built from source, which finds its files from where its programs are.
copy_server() {
    cp -a "${PG_BIN%/bin}" "$WORK/server" && chmod -R a+rX "$WORK/server" || return
    PG_CONFIG=$WORK/server/bin/pg_config
    find_postgresql
}

# PostgreSQL refuses root: then its packaged user runs it.
as_server() {
    if [ "$(id -u)" -eq 0 ]; then
        (cd "$WORK" && exec runuser -u postgres -- "$@")
    else
        (cd "$WORK" && exec "$@")
    fi
}

# A folder that belongs to the server's user.
server_folder() {
    mkdir -p "$1"
    [ "$(id -u)" -ne 0 ] || chown postgres "$1"
}

api_key_digest() { printf '%s' "$1" | sha256sum | cut -d' ' -f1; }

# The staged program, as the server's user.
caas_as_server() { as_server "$STAGE/usr/local/bin/caas" "$@"; }

# A keyring of $2 generations, the newest one active.
new_keyring() {
    local file=$1 generations=$2 made
    caas_as_server keyring init "$file" || return
    for ((made = 1; made < generations; made++)); do
        caas_as_server keyring rotate "$file" || return
    done
}

# Makes the server look for the extension in the staging folder: up to 17 by a setting that Debian adds, from 18 on by extension_control_path.
stage_settings() {
    [ "${#STAGED_EXTENSION[@]}" -gt 0 ] || return 0
    if [ "$PG_MAJOR" -ge 18 ]; then
        echo "extension_control_path = '$STAGE$("$PG_CONFIG" --sharedir):\$system'"
    else
        echo "extension_destdir = '$STAGE'"
    fi
    echo "dynamic_library_path = '$STAGE$("$PG_CONFIG" --pkglibdir):\$libdir'"
}

# Starts a server named $1 on a Unix socket alone; the further arguments are lines of its postgresql.conf.
start_server() {
    local home=$WORK/$1
    shift
    server_folder "$home"
    as_server "$PG_BIN/initdb" -D "$home/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync \
        >"$WORK/initdb.log" 2>&1 || { cat "$WORK/initdb.log"; return 1; }
    {
        printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$home'" 'fsync = off' 'shared_buffers = 64MB' \
            "session_preload_libraries = 'caas'" "timezone = 'UTC'"
        stage_settings
        printf '%s\n' "$@"
    } | as_server tee -a "$home/data/postgresql.conf" >"$WORK/settings.log"
    as_server "$PG_BIN/pg_ctl" -D "$home/data" -l "$home/log" -w -s start >/dev/null || { as_server tail -n 20 "$home/log"; return 1; }
}

stop_server() { as_server "$PG_BIN/pg_ctl" -D "$WORK/$1/data" -m fast -w -s stop; }

# Copies the files that the server's user runs, because that user cannot read a clone below /root.
copy_tree() {
    TREE=$WORK/tree
    export TREE
    server_folder "$TREE"
    (cd "$ROOT" && tar -cf - --exclude='*.o' --exclude='*.d' --exclude=build caas.control sql test expected docs) |
        tar -xf - -C "$TREE"
    chmod -R a+rX "$TREE"
}

in_tree() { as_server env -C "$TREE" "$@"; }
