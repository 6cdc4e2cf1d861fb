#!/bin/bash
# Builds the images of containers/ and tests them with podman: scripts/containers.sh [service|postgresql]
# Needs root. The base image is a Debian made by debootstrap from the mirror of this machine's apt; CAAS_CHROOTS=FOLDER keeps it. Images,
# containers and mounts are in a temporary folder and in namespaces of their own: nothing is left. CAAS_IMAGES=FOLDER keeps the images.
set -uo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/chroot.sh
. "$ROOT/scripts/chroot.sh"

PACKAGES=(podman buildah crun debootstrap curl openssl perl python3-yaml)
SUITE=bookworm # what the Containerfiles are written for

usage() { sed -n '2,4s/^# //p' "${BASH_SOURCE[0]}"; }

install_tools() {
    local missing
    mapfile -t missing < <(missing_packages "${PACKAGES[@]}")
    [ "${#missing[@]}" -gt 0 ] || return 0
    become_root "${missing[@]}"
    say "Installing ${missing[*]}"
    apt update
    drop_in /usr/sbin/policy-rc.d 755 $'#!/bin/sh\nexit 101'
    apt install --no-install-recommends "${missing[@]}"
    remove_drop_ins
    # The package of podman enables a service that nobody here asked for.
    [[ " ${missing[*]} " != *' podman '* ]] || "${SUDO[@]}" systemctl disable podman.socket podman.service >/dev/null 2>&1 || true
}

# Makes $WORK/base.tar, the content of the base image.
make_base() {
    bare_root "$SUITE" "$WORK/base" && tar -C "$WORK/base" -cf "$WORK/base.tar" . && rm -rf "$WORK/base"
}

# Nothing here needs cgroups, and not every machine lets containers have some.
podman_settings() {
    local images=${CAAS_IMAGES:-$WORK/podman/images}
    mkdir "$WORK/podman"
    printf '%s\n' '[storage]' 'driver = "overlay"' "graphroot = \"$images\"" "runroot = \"$WORK/podman/run\"" >"$WORK/podman/storage.conf"
    printf '%s\n' '[containers]' 'cgroups = "disabled"' 'log_driver = "k8s-file"' \
        '[engine]' 'cgroup_manager = "cgroupfs"' \
        'events_logger = "none"' 'runtime = "crun"' >"$WORK/podman/containers.conf"
    export CONTAINERS_STORAGE_CONF=$WORK/podman/storage.conf CONTAINERS_CONF=$WORK/podman/containers.conf
}

# Runs the tests of an image; what they print goes to the terminal and to the file that is counted.
tested() {
    isolated "$ROOT/test/containers/$1.sh" 2>&1 | tee "$WORK/checks.log"
    return "${PIPESTATUS[0]}"
}

main() {
    local parts=(service postgresql) part passed=0 failed=0 log
    case "${1:-}" in
    -h | --help) usage; return 0 ;;
    service | postgresql) parts=("$1") ;;
    '') ;;
    *) usage >&2; return 2 ;;
    esac
    [ "$(id -u)" -eq 0 ] || die 'this script makes file systems and namespaces, which only root may'
    begin
    log=$WORK/checks.log
    install_tools
    make_base || die 'there is no base'
    podman_settings
    "$ROOT/scripts/docs_files.pl" "$WORK/documents" "$ROOT/docs/containers.md" || die 'the examples could not be read'
    export ROOT WORK
    for part in "${parts[@]}"; do
        say "$part: building the image and testing it"
        run_job tested "$part" || echo "FAILED  $part: it did not come to its end" | tee -a "$log"
        passed=$((passed + $(grep -c '^ok ' "$log")))
        failed=$((failed + $(grep -c '^FAILED ' "$log")))
    done
    [ $((passed + failed)) -gt 0 ] || failed=1
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}

main "$@"
