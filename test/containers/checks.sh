# shellcheck shell=bash disable=SC2034
# (what is set here is used by the tests that source it)
# Shared by the tests of the images, which scripts/containers.sh runs in namespaces of their own. ROOT, WORK and podman's
# settings come from there.

# An API key is 256 random bits in practice; this one is a text, so that its digest below is that of something known.
KEY='key-of-the-containers-no-secret'
KEY_DIGEST=$(printf '%s' "$KEY" | sha256sum | cut -d' ' -f1)
UUID=4dbcbcfe-4800-40a8-badf-c26b73af230c
TEXT='example sensitive data'
# docs/spec.md, section 9: what the published keyring makes of them.
DIGEST=bf935e2e342e1ca8317e1979d09218459270ba442a8911b1cfe2c3d135af072b3ad0b70c414a3853efa2461dc73589d9c3e132063f9b91ef9a551d43f31d3c78

# As the first process of its namespace this one ignores signals that it has no handler for.
trap 'exit 143' HUP INT TERM

# crun refuses a machine that has both kinds of cgroups. Here the newer kind, which has no controllers there, is taken out of sight.
[ ! -d /sys/fs/cgroup/unified ] || umount /sys/fs/cgroup/unified
# What podman and crun keep outside of the folders that they are told.
for folder in /run/libpod /run/crun /run/containers /dev/shm; do
    mkdir -p "$folder" && mount -t tmpfs -o mode=1777 podman "$folder"
done
# A run that was ended may have left these in a folder that is kept.
podman rm --force --all >/dev/null && podman volume rm --force --all >/dev/null && podman secret rm --all >/dev/null

# Podman says that it finds no systemd with a timer for the health checks.
remove_containers() { podman rm --force --all >/dev/null 2>"$WORK/podman.log"; }

# Runs a command; what it prints is shown if it fails.
check() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        echo "ok      $name"
    else
        printf 'FAILED  %s\n%s\n' "$name" "$output" | head -n 40
        return 1
    fi
}

# Repeats a command until it succeeds, for two minutes at most: the machine may be busy.
eventually() {
    local tries
    for ((tries = 0; tries < 240; tries++)); do
        "$@" && return
        sleep 0.5
    done
    return 1
}

# Succeeds when the command fails and its output has the text $1.
refused_with() {
    local output
    output=$("${@:2}" 2>&1) && { echo "it succeeded: $output"; return 1; }
    grep -F -- "$1" <<<"$output" || { echo "$output"; return 1; }
}

refused() { ! "$@"; }

# The base image, unless it was kept.
build_base() {
    local base
    ! buildah inspect --type image localhost/caas-base >/dev/null 2>&1 || return 0
    base=$(buildah from scratch) && buildah add "$base" "$WORK/base.tar" / && buildah config --cmd /bin/bash "$base" &&
        buildah commit --quiet --rm "$base" localhost/caas-base
}

# Makes the image caas-$1. The isolation by chroot needs the least of a kernel.
build_image() {
    build_base || return
    buildah bud --layers --format docker --isolation chroot --network host --build-arg BASE=localhost/caas-base \
        -t "caas-$1" -f "$ROOT/containers/$1/Containerfile" "$ROOT" >"$WORK/build.log" 2>&1 || { tail -n 20 "$WORK/build.log"; return 1; }
}

# How the documents run containers, on this machine's network: a bridge needs more of a kernel than some machines have. Podman's limits of
# open files and processes can be above those of this machine, and only some root may raise them.
run_container() {
    local files
    files=$(ulimit -Hn)
    podman run --read-only --read-only-tmpfs=false --cap-drop all --security-opt no-new-privileges --network host --cgroups disabled \
        --ulimit "nofile=$files:$files" --ulimit nproc=4096:4096 "$@"
}

# The limit of locked memory that a container gets: this machine's, 8 MiB at most.
memlock() {
    local limit
    limit=$(ulimit -Hl)
    [ "$limit" != unlimited ] && [ "$limit" -lt 8192 ] || limit=8192
    echo "$((limit * 1024))"
}

free_port() { perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport'; }

# A folder in memory, like a mounted secret; the argument is its name.
new_mount() {
    mkdir -p "$WORK/mounts/$1" && mount -t tmpfs -o mode=1777 "secret-$1" "$WORK/mounts/$1"
}

# Puts the files $WORK/files/$1/* into the mount $1 as Kubernetes does, root's with the mode $2 and the group $3.
mount_files() {
    perl -I"$ROOT/test/perl" -MMountedSecret=mount_secret -e '
        my ($from, $to, $mode, $group) = @ARGV;
        mount_secret($to, { map { (m{([^/]+)\z})[0] => $_ } glob "$from/*" }, mode => oct $mode, group => $group)' \
        "$WORK/files/$1" "$WORK/mounts/$1" "$2" "$3"
}

# The keyring of docs/spec.md.
published_keyring() {
    (cd "$ROOT" && perl -Itest/perl -MKeyring=published_keyring -e 'published_keyring(shift)' "$1")
}

# What the first process of the container $1 is allowed; $2 is its user.
has_no_rights() {
    local rights
    rights=$(podman exec "$1" grep -E '^(Uid|CapEff|NoNewPrivs):' /proc/1/status | tr -s '[:space:]' ' ')
    echo "$rights"
    [ "$rights" = "Uid: $2 $2 $2 $2 CapEff: 0000000000000000 NoNewPrivs: 1 " ]
}

logs_say() { podman logs "$1" 2>&1 | grep -F -- "$2"; }

# True when a container ended with this exit code.
ended_with() { [ "$(podman inspect --format '{{.State.Status}} {{.State.ExitCode}}' "$2")" = "exited $1" ]; }

# podman stop waits this long, and then kills, which ends a container with 137.
stops_in_time() {
    local started=$SECONDS
    podman stop --time "$2" "$1" >/dev/null && ended_with 0 "$1" && [ $((SECONDS - started)) -lt "$2" ]
}
